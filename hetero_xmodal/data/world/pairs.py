"""Editing pairs of the default world, the only data set whose true edited images and sentences are known."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from ...errors import InputError
from ...scenes import SceneGraph, SceneObject
from ..dataset import Item
from ..edit_pairs import ManipulationPair, ManipulationPairs, Slot, check_kinds, whole_pixels
from . import load_world

#: default number of pairs of each split
SIZES = {"train": 8000, "val": 500, "test": 500}
_NEXT_TRY = 1_000_000  # an image that allows no edit is replaced by the one at this offset


def world_pairs(
    name: str,
    split: str,
    *,
    size: int | None = None,
    seed: int = 0,
    world_seed: int = 0,
    image_size: int = 128,
    kinds: tuple[str, ...] | None = None,
) -> ManipulationPairs:
    """Pairs of :func:`~hetero_xmodal.data.tasks.editing.load_pairs`, with ground truth.

    Raises
    ------
    InputError
        If a kind of edit is not available in this world.
    """
    own = ("attribute",) if name == "world/birds" else ("attribute", "remove", "replace", "move")
    kinds = check_kinds(name, kinds, own, (*own, "reconstruct"))
    # a world is unbounded: images beyond its usual size are generated in the same way
    items = load_world(name.split("/")[1], split, 100 * _NEXT_TRY, world_seed, image_size)
    size = SIZES[split] if size is None else size

    return ManipulationPairs(name, split, range(size), partial(_near, items, name, split, kinds), seed=seed)


def _near(items: Sequence[Item], name: str, split: str, kinds: tuple[str, ...], index: int, instruction_seed: int) -> ManipulationPair:
    """The pair of image *index*, or of the first image at a fixed distance from it that allows an edit."""
    for attempt in range(99):
        item = items[index + attempt * _NEXT_TRY]
        pair = world_pair(item, split, kinds, turn=index, seed=instruction_seed)
        if pair is not None:
            return pair
    raise InputError(f"{name} ({split}): no image near index {index} allows any of the edits {', '.join(kinds)}")


def world_pair(item: Item, split: str, kinds: Sequence[str], *, turn: int = 0, seed: int = 0) -> ManipulationPair | None:
    """The editing pair of one item: of kind ``kinds[turn % len(kinds)]`` or, if that is impossible in its image, of the next possible kind;
    ``None`` if there is none."""
    from .edits import edits

    order = [kinds[(turn + k) % len(kinds)] for k in range(len(kinds))]
    if order[0] == "reconstruct":
        return _hidden(item, split, seed)
    possible = {edit.kind: edit for edit in edits(item, seed=seed, kinds=tuple(k for k in order if k != "reconstruct"))}
    for kind in order:
        if kind == "reconstruct":
            return _hidden(item, split, seed)
        if kind in possible:
            edit = possible[kind]
            birds = item.id.startswith("birds")
            # a bird's new caption is a sufficient instruction; "there is a dog" does not imply that the ball is to be removed
            instruction = edit.target if birds else edit.sentence
            return ManipulationPair(
                id=f"{item.id}/{kind}-{seed}", split=split, kind=kind, image=item.image, sentences=tuple(item.sentences),
                instruction=instruction, request=edit.sentence, target=edit.target, edited_image=edit.image,
                edited_sentence=edit.source, scene=item.scene,
                edited_scene=edit.scene, region=edit.changed_box, subject=edit.subject,
                slots=_slots(item.scene, edit.scene, kind, edit.subject, instruction),
            )  # fmt: skip
    return None


def _hidden(item: Item, split: str, seed: int) -> ManipulationPair:
    """Masked-region protocol: the box of one object is hidden and to be reconstructed; the ground truth is the image itself."""
    from .stable_random import StableRandom

    rng = StableRandom("hidden", seed, item.id)
    width, height = item.image.size
    wide = [k for k, o in enumerate(item.scene.objects) if o.box[2] - o.box[0] > 0.05 * width and o.box[3] - o.box[1] > 0.05 * height]
    subject = rng.pick(wide or list(range(len(item.scene.objects))))
    caption = rng.pick(item.sentences)
    return ManipulationPair(
        id=f"{item.id}/reconstruct-{seed}", split=split, kind="reconstruct", image=item.image, sentences=tuple(item.sentences),
        instruction=caption, target=caption, edited_image=item.image, edited_sentence=caption, scene=item.scene, edited_scene=item.scene,
        region=whole_pixels(item.scene.objects[subject].box, item.image.size), subject=subject,
        slots=_slots(item.scene, item.scene, "reconstruct", subject, caption),
    )  # fmt: skip


def _values(thing: SceneObject) -> dict[str, str]:
    """kind -> word of a true object; absent values are explicit (``plain``, ``ordinary``)."""
    from .layout import PATTERNED
    from .phrases import attribute_of

    values = {}
    if thing.name in PATTERNED or thing.name in ("wing", "breast", "belly"):
        values["pattern"] = "plain"
    if thing.name not in ("crown", "breast", "belly", "wing", "beak"):
        values["size"] = "ordinary"
    return values | dict(filter(None, map(attribute_of, thing.attributes)))


def _slots(scene: SceneGraph, edited: SceneGraph, kind: str, subject: int, instruction: str) -> tuple[Slot, ...]:
    """Every fact of the scene before and after the edit; of a removed object only the name."""
    from .phrases import read_phrases

    stated = read_phrases(instruction).slots()
    nouns = {key[0].split("#")[0] for key in stated}
    named = {(noun, key[1]) for key in stated for noun in [key[0].split("#")[0]]}
    relation = next((key for key in stated if key[1] == "relation"), None)
    slots = []
    for i, before in enumerate(scene.objects):
        if kind == "remove" and i == subject:
            slots.append(Slot(before.name, "name", before.name, "", i, before.box, before.box, True))
            continue
        after = edited.objects[i - (kind == "remove" and i > subject)]
        where = (i, after.box, before.box)
        named_in_text = i == subject if before.name != after.name else before.name in nouns
        slots.append(Slot(before.name, "name", before.name, after.name, *where, named_in_text))
        was, now = _values(before), _values(after)
        slots += [Slot(before.name, k, was[k], now[k], *where, bool({(before.name, k), (after.name, k)} & named)) for k in was if k in now]
    place = scene.source.get("place", "")
    slots.append(Slot("image", "place", place, place, named=place in nouns))
    if kind == "move" and relation is not None:
        old = {(r.subject, r.object): r.predicate for r in scene.relations}
        new = {(r.subject, r.object): r.predicate for r in edited.relations}
        for other, thing in enumerate(scene.objects):
            if thing.name == relation[2].split("#")[0] and new.get((subject, other)) == stated[relation] != old.get((subject, other)):
                moved, was = edited.objects[subject], scene.objects[subject]
                slots.append(Slot(was.name, "relation", old[subject, other], new[subject, other], subject, moved.box, was.box, True, other))
                break
    return tuple(slots)
