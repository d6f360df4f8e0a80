"""Pairs for manipulation: an image, a sentence that asks for it otherwise and, where it is known, the true answer to both.

>>> from hetero_xmodal.data.tasks.editing import load_pairs
>>> pair = load_pairs("world/birds", "test", size=3)[0]
>>> pair.kind, pair.instruction, pair.edited_sentence
('attribute', 'This bird has an orange crown and black wings.', 'This bird has a green crown and black wings.')
>>> pair.image.size == pair.edited_image.size
True

A manipulation model is handed ``image`` and ``instruction``. Its image should become ``edited_image``: it follows the instruction and keeps what the
instruction does not speak of. Its sentence should become ``edited_sentence``: what the image contradicts in the instruction is put right, the rest is
kept. Both are ``None`` where nobody knows (photographs). Every data set for manipulation gives these pairs, in whatever layout it comes:

* ``world/birds``, ``world/scenes``: drawn, with true answers.
* ``cub:FOLDER``: CUB-200-2011 in its published layout; instructions are captions of other classes, no true answer (:mod:`.cub`).
* ``vg:FOLDER``: Visual Genome in its published layout; masked regions with a true answer, and edited graphs without
  (:mod:`.visual_genome`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...errors import InputError, nearest

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image

    from ...scenes import SceneGraph, SceneObject
    from ..dataset import Item

#: what is done to the image; ``mismatch``: the caption of another image; ``reconstruct``: a hidden region is to be drawn again
KINDS = ("attribute", "remove", "replace", "move", "mismatch", "reconstruct")
SOURCES = ("world/birds", "world/scenes", "cub:FOLDER", "vg:FOLDER")
SIZES = {"train": 8000, "val": 500, "test": 500}
_NEXT_TRY = 1_000_000  # an image that allows no edit is replaced by the one so many places further on


@dataclass(frozen=True)
class Slot:
    """One fact about one thing, before and after the edit.

    thing : noun of the thing before the edit
    kind : ``colour``, ``pattern``, ``length``, ``size``, ``name``, ``place`` or ``relation``
    before, after : canonical words; ``""`` for the name of a thing that is not there; ``plain`` and ``ordinary`` are said in full
    index : of the thing in ``scene.objects`` (before the edit); -1 for ``place``
    box, box_before : where the thing is after and before the edit, x1, y1, x2, y2 in pixels; ``None`` for ``place``
    named : does the instruction speak of it?
    other : for a relation, index of the other thing in ``scene.objects``
    """

    thing: str
    kind: str
    before: str
    after: str
    index: int = -1
    box: tuple[float, float, float, float] | None = None
    box_before: tuple[float, float, float, float] | None = None
    named: bool = False
    other: int | None = None

    @property
    def changed(self) -> bool:
        """Should it change?"""
        return self.before != self.after


@dataclass(frozen=True)
class ManipulationPair:
    """An image, an instruction, and what is known of the answer.

    id, split : name of the pair; its split
    kind : one of :data:`KINDS`
    image : the image, RGB
    sentences : captions that are true of ``image``
    instruction : the sentence that the model is given beside the image
    request : the edit as a person would ask for it, "the belly is red instead of yellow"; ``""`` where there is none
    target : a caption of the edited image; for photographs the instruction itself
    edited_image : the true edited image, or ``None``
    edited_sentence : the true edited sentence (a caption of ``image`` in the words of ``target``), or ``None``
    scene, edited_scene : scene graph of the image and of the edited one, or ``None``
    region : x1, y1, x2, y2 in whole pixels; outside nothing should change (``reconstruct``: the hidden region); ``None`` if unknown
    subject : index of the edited thing in ``scene.objects``, or ``None``
    slots : every known fact before and after, for the world only
    label, instruction_label : class of the image and class the instruction was written for (CUB), or ``None``
    """

    id: str
    split: str
    kind: str
    image: Image.Image
    sentences: tuple[str, ...]
    instruction: str
    request: str = ""
    target: str = ""
    edited_image: Image.Image | None = None
    edited_sentence: str | None = None
    scene: SceneGraph | None = None
    edited_scene: SceneGraph | None = None
    region: tuple[int, int, int, int] | None = None
    subject: int | None = None
    slots: tuple[Slot, ...] = ()
    label: int | None = None
    instruction_label: int | None = None

    def __repr__(self) -> str:
        return f"<ManipulationPair {self.id}, {self.kind}: {self.instruction!r}>"


class ManipulationPairs(Sequence):
    """A lazy sequence of pairs: each is drawn or read when it is asked for, and the same index always gives an equal pair.

    ``pairs.fresh(seed)`` are the same images with other instructions: one seed for every epoch of a training.
    """

    def __init__(
        self,
        name: str,
        split: str,
        indices: Sequence[int],
        make: Callable[[int, int], ManipulationPair],
        *,
        seed: int = 0,
        classes: Sequence[str] = (),
    ):
        self.name, self.split, self.seed, self.classes = name, split, seed, list(classes)
        self._indices, self._make = indices, make

    def __len__(self) -> int:
        return len(self._indices)

    def __getitem__(self, index):
        if isinstance(index, slice):
            return self._with(self._indices[index], self.seed)
        try:
            index = self._indices[index]
        except IndexError:
            raise IndexError(f"{self.name} ({self.split}) has {len(self)} pairs, but pair {index} was asked for") from None
        except TypeError:
            raise InputError(f"a pair is asked for by a whole number or a slice, found {index!r}") from None
        return self._make(index, self.seed)

    def fresh(self, seed: int) -> ManipulationPairs:
        """The same images with the instructions of another seed."""
        return self._with(self._indices, seed)

    def _with(self, indices, seed: int) -> ManipulationPairs:
        return ManipulationPairs(self.name, self.split, indices, self._make, seed=seed, classes=self.classes)

    def __repr__(self) -> str:
        return f"<ManipulationPairs {self.name}, {self.split}: {len(self)} pairs>"


def load_pairs(
    name: str,
    split: str = "train",
    *,
    size: int | None = None,
    seed: int = 0,
    world_seed: int = 0,
    image_size: int = 128,
    kinds: tuple[str, ...] | None = None,
) -> ManipulationPairs:
    """Pairs for manipulation by name of the data set.

    Parameters
    ----------
    name : ``"world/birds"``, ``"world/scenes"``, ``"cub:FOLDER"`` or ``"vg:FOLDER"``.
    split : ``"train"``, ``"val"`` or ``"test"``; no image is in two of them.
    size : number of pairs; if left out 8,000 / 500 / 500 of the world, and one an image of a folder.
    seed : of the instructions. Another seed asks for something else of the same images.
    world_seed : of the world's images; folders ignore it.
    image_size : width and height of all images in pixels (the world is painted at 32, 64, 128, 256 or 512).
    kinds : which of :data:`KINDS`, taken in turn. Default: all that the data set has, but ``reconstruct`` only for ``vg``.

    Raises
    ------
    InputError : an unknown name, split, size or kind, or a folder that cannot be read.

    >>> [pair.kind for pair in load_pairs("world/scenes", "val", size=4)]
    ['attribute', 'remove', 'replace', 'move']
    """
    if not isinstance(name, str):
        raise InputError(f"the name of a data set is a text such as 'world/birds', found {name!r}")
    for label, value, low in (("size", size, 0), ("seed", seed, 0), ("world_seed", world_seed, 0), ("image_size", image_size, 8)):
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < low):
            raise InputError(f"{label} is {value!r}, expected a whole number of at least {low}")
    for kind in kinds or ():
        if kind not in KINDS:
            raise InputError(f"unknown kind of edit {kind!r}{nearest(kind, KINDS)}; known are {', '.join(KINDS)}")
    if name in ("world/birds", "world/scenes"):
        return _world_pairs(name, split, SIZES.get(split) if size is None else size, seed, world_seed, image_size, kinds)
    source, colon, folder = name.partition(":")
    if colon and source == "cub":
        from ..datasets.cub import cub_pairs

        return cub_pairs(folder, split, size=size, seed=seed, image_size=image_size, kinds=kinds)
    if colon and source == "vg":
        from ..datasets.visual_genome import visual_genome_pairs

        return visual_genome_pairs(folder, split, size=size, seed=seed, image_size=image_size, kinds=kinds)
    raise InputError(f"no pairs for manipulation are known for {name!r}{nearest(name, SOURCES)}; known are {', '.join(SOURCES)}")


def check_kinds(name: str, kinds: tuple[str, ...] | None, default: tuple[str, ...], possible: tuple[str, ...]) -> tuple[str, ...]:
    """*kinds*, or *default* if left out; a kind that the data set cannot give is refused."""
    kinds = default if kinds is None else tuple(kinds)
    wrong = [k for k in kinds if k not in possible]
    if wrong or not kinds:
        raise InputError(f"{name} gives no pairs of kind {wrong[0] if wrong else 'None'!r}; its kinds are {', '.join(possible)}")
    return kinds


# ---------------------------------------------------------------------------------------------- the default world


def _world_pairs(name, split, size, seed, world_seed, image_size, kinds) -> ManipulationPairs:
    from .. import load_dataset

    own = ("attribute",) if name == "world/birds" else ("attribute", "remove", "replace", "move")
    kinds = check_kinds(name, kinds, own, (*own, "reconstruct"))
    # the last index of a world is open: images beyond the usual size are drawn in the same way
    items = load_dataset(name, split, size=100 * _NEXT_TRY, seed=world_seed, image_size=image_size)

    def make(index: int, instruction_seed: int) -> ManipulationPair:
        for attempt in range(99):
            item = items[index + attempt * _NEXT_TRY]
            pair = world_pair(item, split, kinds, turn=index, seed=instruction_seed)
            if pair is not None:
                return pair
        raise InputError(f"{name} ({split}): no image near index {index} allows any of the edits {', '.join(kinds)}")

    return ManipulationPairs(name, split, range(size), make, seed=seed)


def world_pair(item: Item, split: str, kinds: Sequence[str], *, turn: int = 0, seed: int = 0) -> ManipulationPair | None:
    """The pair of one item of the default world: of kind ``kinds[turn % len(kinds)]`` or, if its image does not allow that, of the
    next kind that it allows; ``None`` if it allows none."""
    from ..world.edits import edits

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
            # of a bird the new caption says what is requested; "there is a dog" does not say that the ball must go
            instruction = edit.target if birds else edit.sentence
            return ManipulationPair(
                id=f"{item.id}/{kind}-{seed}", split=split, kind=kind, image=item.image, sentences=tuple(item.sentences), instruction=instruction,
                request=edit.sentence, target=edit.target, edited_image=edit.image, edited_sentence=edit.source, scene=item.scene,
                edited_scene=edit.scene, region=edit.changed_box, subject=edit.subject,
                slots=_slots(item.scene, edit.scene, kind, edit.subject, instruction),
            )  # fmt: skip
    return None


def _hidden(item: Item, split: str, seed: int) -> ManipulationPair:
    """The masked-region protocol: one thing's box is to be hidden and drawn again; the true answer is the image itself."""
    from ..world.stable_random import StableRandom

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


def whole_pixels(box, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """A box grown outward to whole pixels and cut at the image's border."""
    from math import ceil, floor

    x1, y1, x2, y2 = box
    return max(0, floor(x1)), max(0, floor(y1)), min(size[0], ceil(x2)), min(size[1], ceil(y2))


def _values(thing: SceneObject) -> dict[str, str]:
    """kind -> word of a true object; what it can have but has not is said in full."""
    from ..world.layout import PATTERNED
    from ..world.phrases import attribute_of

    values = {}
    if thing.name in PATTERNED or thing.name in ("wing", "breast", "belly"):
        values["pattern"] = "plain"
    if thing.name not in ("crown", "breast", "belly", "wing", "beak"):
        values["size"] = "ordinary"
    return values | dict(filter(None, map(attribute_of, thing.attributes)))


def _slots(scene: SceneGraph, edited: SceneGraph, kind: str, subject: int, instruction: str) -> tuple[Slot, ...]:
    """Every fact of the scene before and after; a thing that is removed has no facts left but its name."""
    from ..world.phrases import read_phrases

    said = read_phrases(instruction).slots()
    nouns = {key[0].split("#")[0] for key in said}
    named = {(noun, key[1]) for key in said for noun in [key[0].split("#")[0]]}
    relation = next((key for key in said if key[1] == "relation"), None)
    slots = []
    for i, before in enumerate(scene.objects):
        if kind == "remove" and i == subject:
            slots.append(Slot(before.name, "name", before.name, "", i, before.box, before.box, True))
            continue
        after = edited.objects[i - (kind == "remove" and i > subject)]
        where = (i, after.box, before.box)
        spoken = i == subject if before.name != after.name else before.name in nouns
        slots.append(Slot(before.name, "name", before.name, after.name, *where, spoken))
        was, now = _values(before), _values(after)
        slots += [Slot(before.name, k, was[k], now[k], *where, bool({(before.name, k), (after.name, k)} & named)) for k in was if k in now]
    place = scene.source.get("place", "")
    slots.append(Slot("image", "place", place, place, named=place in nouns))
    if kind == "move" and relation is not None:
        old = {(r.subject, r.object): r.predicate for r in scene.relations}
        new = {(r.subject, r.object): r.predicate for r in edited.relations}
        for other, thing in enumerate(scene.objects):
            if thing.name == relation[2].split("#")[0] and new.get((subject, other)) == said[relation] != old.get((subject, other)):
                moved, was = edited.objects[subject], scene.objects[subject]
                slots.append(Slot(was.name, "relation", old[subject, other], new[subject, other], subject, moved.box, was.box, True, other))
                break
    return tuple(slots)


# ---------------------------------------------------------------------------------------------- the masked-region protocol


def hide_region(image: Image.Image, region: tuple[int, int, int, int], *, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """The image with *region* filled by noise, and the mask: the input of the masked-region protocol.

    Parameters
    ----------
    region : x1, y1, x2, y2 in whole pixels.
    seed : of the noise (uniform in 0..255).

    Returns
    -------
    (pixels uint8 (height, width, 3), mask float32 (height, width), 1 inside the region).

    >>> import numpy as np
    >>> from PIL import Image
    >>> pixels, mask = hide_region(Image.new("RGB", (8, 8)), (2, 2, 4, 6))
    >>> mask.sum(), bool((pixels[mask == 0] == 0).all())
    (np.float32(8.0), True)
    """
    import numpy as np

    pixels = np.array(image.convert("RGB"))
    height, width = pixels.shape[:2]
    x1, y1, x2, y2 = region
    if not (0 <= x1 < x2 <= width and 0 <= y1 < y2 <= height):
        raise InputError(f"region {tuple(region)} does not lie inside the image of {width} x {height} pixels")
    pixels[y1:y2, x1:x2] = np.random.default_rng(seed).integers(0, 256, (y2 - y1, x2 - x1, 3), dtype=np.uint8)
    mask = np.zeros((height, width), np.float32)
    mask[y1:y2, x1:x2] = 1
    return pixels, mask
