"""Edits against the true answer: did what was requested appear, did the rest stay, how far is the image from the true one?

Images are read by the world's judge (:mod:`hetero_xmodal.world_models.judge`), a network that no model and no loss uses. Its own
mistakes count against every method alike: set the scores of the true edited images (the ceiling) and of the unchanged input (the
floor) beside a method's.

>>> from hetero_xmodal.data.tasks.editing import load_pairs
>>> pairs = load_pairs("world/birds", "test", size=4)
>>> judge_edits(pairs, [pair.image for pair in pairs]).edit_accuracy      # nothing was edited
0.0
>>> judge_sentences(pairs, [pair.instruction for pair in pairs]).kept, judge_sentences(pairs, [pair.instruction for pair in pairs]).changed
(1.0, 0.0)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ..data.tasks.editing import ManipulationPair, Slot
from ..data.world.phrases import ParsedPhrases, read_phrases
from ..errors import InputError
from ..parsers import geometry

if TYPE_CHECKING:
    import torch

    from ..world_models.judge import WorldJudge

#: step of the search for a moved thing, as a share of the image's side
_STEP = 1 / 32
#: two boxes that share more than this are one place
_SAME_PLACE = 0.3


@dataclass(frozen=True)
class EditScores:
    """What :func:`judge_edits` found; rates are in 0..1, NaN where there was nothing to look at.

    edit_accuracy : share of edits that appeared, higher is better. ``attribute``: the judge reads the requested word. ``remove``: it no longer
        reads the thing. ``replace``: it reads the new thing. ``move``: somewhere where the requested relation would hold it reads the thing,
        and no longer at the old place. ``reconstruct``: it reads name, colour and pattern of the hidden thing.
    named_accuracy : of all facts that the instruction names (those that were true already too), the share the judge reads.
    preservation : of all facts that the instruction neither names nor changes, the share that the judge still reads; mean over pairs.
    success : share of pairs whose edit appeared while every such fact stayed.
    outside_error : mean absolute difference to the *input* outside the edited region, images in 0..1, lower is better.
    error, inside_error : mean absolute difference to the *true* edited image, everywhere and inside the region.
    squared_error : mean squared difference to the true edited image.
    by_kind : edit accuracy of each kind of edit (attributes: colour, pattern, length apart).
    pairs, judge : how many pairs, and which judge.
    per_pair : the columns above for every pair.
    """

    edit_accuracy: float
    named_accuracy: float
    preservation: float
    success: float
    outside_error: float
    error: float
    inside_error: float
    squared_error: float
    by_kind: dict[str, float]
    pairs: int
    judge: str
    per_pair: dict[str, np.ndarray] = field(repr=False, compare=False, default_factory=dict)


def judge_edits(pairs: Iterable[ManipulationPair], made: Any, *, judge: WorldJudge | None = None) -> EditScores:
    """Measure made images against the true answer of their pairs.

    Parameters
    ----------
    pairs : pairs of the default world, of birds and scenes mixed as you like, all images of one size.
    made : for each pair the made image, of the pair's size: PIL images, or a tensor (pairs, 3, H, W), uint8 or 0..1.
    judge : default the shipped one.

    Raises
    ------
    InputError : numbers or sizes differ, or a pair has no true answer (photographs have none).
    """
    import torch

    from ..networks.pixels import image_tensor
    from ..world_models.judge import load_judge

    pairs, judge = list(pairs), judge or load_judge()
    images = image_tensor(made)
    if len(pairs) != len(images):
        raise InputError(f"there are {len(pairs)} pairs but {len(images)} made images; give one image a pair")
    for pair in pairs:
        if not pair.slots or pair.edited_image is None:
            raise InputError(f"pair {pair.id!r} has no true answer, so its edit cannot be judged; take world/birds or world/scenes")
        if pair.image.size != (images.shape[3], images.shape[2]):
            raise InputError(
                f"pair {pair.id!r} has an image of {pair.image.size[0]} x {pair.image.size[1]} pixels, the made one has "
                f"{images.shape[3]} x {images.shape[2]}; load the pairs with image_size={images.shape[3]}"
            )
    read = _readings(pairs, images, judge)
    rows = [_row(pair, seen) for pair, seen in zip(pairs, read, strict=True)]
    columns = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    source, true = (image_tensor([getattr(pair, name) for pair in pairs]) for name in ("image", "edited_image"))
    inside = torch.zeros(len(pairs), 1, *images.shape[2:])
    for k, pair in enumerate(pairs):
        x1, y1, x2, y2 = pair.region
        inside[k, :, y1:y2, x1:x2] = 1
    errors = {
        "outside_error": _weighted((images - source).abs(), 1 - inside), "error": (images - true).abs().mean((1, 2, 3)),
        "inside_error": _weighted((images - true).abs(), inside), "squared_error": (images - true).square().mean((1, 2, 3)),
    }  # fmt: skip
    columns |= {name: value.double().numpy() for name, value in errors.items()}
    kinds = [_kind(pair) for pair in pairs]
    by_kind = {kind: _mean(columns["edit"][[k == kind for k in kinds]]) for kind in sorted(set(kinds))}
    return EditScores(
        _mean(columns["edit"]), _ratio(columns["named_right"], columns["named"]), _mean(columns["kept"]), _mean(columns["success"]),
        *(_mean(columns[name]) for name in ("outside_error", "error", "inside_error", "squared_error")), by_kind, len(pairs), judge.name,
        columns,
    )  # fmt: skip


def _mean(values: np.ndarray) -> float:
    values = values[~np.isnan(values)]
    return float(values.mean()) if len(values) else float("nan")


def _ratio(right: np.ndarray, asked: np.ndarray) -> float:
    return float(right.sum() / asked.sum()) if asked.sum() else float("nan")


def _weighted(values: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Mean over channels and the places of weight 1; NaN where there is none."""
    return (values * weights).sum((1, 2, 3)) / (weights.sum((1, 2, 3)) * values.shape[1])


def _kind(pair: ManipulationPair) -> str:
    if pair.kind != "attribute":
        return pair.kind
    return next((s.kind for s in pair.slots if s.changed), pair.kind)


def _row(pair: ManipulationPair, seen: dict[Slot, bool]) -> dict[str, float]:
    """What one image reached; *seen* says of every fact that can be read whether the judge reads it."""
    if pair.kind == "reconstruct":
        asked = [right for slot, right in seen.items() if slot.index == pair.subject]
    else:
        asked = [right for slot, right in seen.items() if slot.changed]
    rest = [right for slot, right in seen.items() if not slot.changed and not slot.named]
    named = [right for slot, right in seen.items() if slot.named]
    edit, kept = float(all(asked)) if asked else np.nan, float(np.mean(rest)) if rest else np.nan
    return {"edit": edit, "named": len(named), "named_right": sum(named), "kept": kept, "success": edit * all(rest)}


# ---------------------------------------------------------------------------------------------- reading made images


def _readings(pairs: list[ManipulationPair], images: torch.Tensor, judge: WorldJudge) -> list[dict[Slot, bool]]:
    read: list[dict[Slot, bool]] = [{} for _ in pairs]
    birds = [k for k, pair in enumerate(pairs) if pair.scene.objects[0].name == "bird" and len(pair.scene.objects) == 6]
    birds = [k for k in birds if pairs[k].id.startswith("birds")]
    for k, seen in zip(birds, judge.read_birds(images[birds]) if birds else [], strict=True):
        read[k] = {s: seen[s.thing, s.kind] == s.after for s in pairs[k].slots if (s.thing, s.kind) in seen}
    scenes = [k for k in range(len(pairs)) if k not in set(birds)]
    if not scenes:
        return read
    places = judge.places(images[scenes])
    boxes = []
    for k in scenes:  # every thing once where it should be now, and the edited thing where it was
        slots = {s.index: s for s in pairs[k].slots if s.kind == "name"}
        boxes.append([s.box for s in slots.values()] + [slots[pairs[k].subject].box_before])
    for k, place, seen in zip(scenes, places, judge.read_boxes(images[scenes], boxes), strict=True):
        pair = pairs[k]
        order = [s.index for s in pair.slots if s.kind == "name"]
        at = {index: {kind: word for kind, (word, _) in seen[n].items()} for n, index in enumerate(order)}
        old = {kind: word for kind, (word, _) in seen[-1].items()}
        moved = next((s for s in pair.slots if s.kind == "relation"), None)
        if moved is not None:
            found = _search(pair, moved, images[k : k + 1], judge)
            at[pair.subject] = old if found is None else found  # a thing that did not move may still look as it did
        for slot in pair.slots:
            if slot.kind == "place":
                read[k][slot] = place == slot.after
            elif slot.kind == "relation":
                left = old["name"] != slot.thing or _overlap(np.array([slot.box]), slot.box_before)[0] > _SAME_PLACE
                read[k][slot] = found is not None and left
            elif slot.kind == "name" and not slot.after:
                read[k][slot] = at[slot.index]["name"] != slot.before
            elif slot.kind in at[slot.index]:  # the judge does not read sizes of scenes' things
                read[k][slot] = at[slot.index][slot.kind] == slot.after
    return read


def _search(pair: ManipulationPair, moved: Slot, image: torch.Tensor, judge: WorldJudge) -> dict[str, str] | None:
    """What the judge reads at the clearest of all places where *moved*'s relation would hold and it sees the thing, in its colour."""
    width, height = pair.image.size
    w, h = moved.box[2] - moved.box[0], moved.box[3] - moved.box[1]
    other = pair.scene.objects[moved.other]
    xs, ys = (np.arange(0, limit - side + 1e-6, limit * _STEP) for limit, side in ((width, w), (height, h)))
    corner = np.stack(np.meshgrid(xs, ys), -1).reshape(-1, 2)
    spots = np.concatenate([np.concatenate([corner, corner + (w, h)], 1), [moved.box]])
    group = (geometry.AGENTS, geometry.HOLDABLE, geometry.SUPPORTS)
    agent, holdable, support = moved.thing in group[0], other.name in group[1], other.name in group[2]
    codes = geometry.relation_codes(
        spots, np.array(other.box), size=(width, height), agent=np.array(agent), holdable=np.array(holdable), support=np.array(support)
    )
    fits = codes == geometry.PREDICATES.index(moved.after)
    fits[-1] = True
    for index, thing in enumerate(pair.scene.objects):  # another thing of this name is not the moved one
        if index != pair.subject and thing.name == moved.thing:
            fits &= _overlap(spots, thing.box) < _SAME_PLACE
    spots = spots[fits]
    colour = next((s.after for s in pair.slots if s.index == pair.subject and s.kind == "colour"), None)
    seen = judge.read_boxes(image, [spots.tolist()])[0]
    right = [s for s in seen if s["name"][0] == moved.thing and colour in (None, s["colour"][0])]
    best = max(right, key=lambda s: s["name"][1], default=None)
    return None if best is None else {kind: word for kind, (word, _) in best.items()}


def _overlap(boxes: np.ndarray, box) -> np.ndarray:
    """Intersection over union of every row of *boxes* (n, 4) with *box*."""
    low, high = np.maximum(boxes[:, :2], box[:2]), np.minimum(boxes[:, 2:], box[2:])
    shared = np.clip(high - low, 0, None).prod(1)
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(1) + (box[2] - box[0]) * (box[3] - box[1])
    return shared / (areas - shared)


# ---------------------------------------------------------------------------------------------- sentences


@dataclass(frozen=True)
class SlotScores:
    """What :func:`judge_sentences` found; all in 0..1, higher is better, NaN where there was nothing to look at.

    changed : of all slots that should differ from the instruction, the share that became what they should
    kept : of all slots that should stay as in the instruction, the share that did
    slots : both together
    exact : share of sentences that say exactly what the true sentence says, no slot wrong, missing or invented
    sentences : how many
    per_pair : 0/1 of ``exact`` and the counts for every pair
    """

    changed: float
    kept: float
    slots: float
    exact: float
    sentences: int
    per_pair: dict[str, np.ndarray] = field(repr=False, compare=False, default_factory=dict)


def judge_sentences(pairs: Iterable[ManipulationPair], made: Sequence[str]) -> SlotScores:
    """Exact-slot accuracy of made sentences: what the image contradicts in the instruction is put right, the rest is kept.

    A slot is a noun, an attribute of a noun, or a relation of two nouns; they are read by the world's own grammar
    (:mod:`hetero_xmodal.data.world.phrases`), so that only the content counts and synonyms are equal.

    pairs : with a true edited sentence, of the default world.
    made : one sentence a pair.
    """
    pairs = list(pairs)
    if isinstance(made, str) or len(pairs) != len(made) or not pairs:
        raise InputError(
            f"there are {len(pairs)} pairs but {1 if isinstance(made, str) else len(made)} sentences; give one sentence a pair"
        )
    rows = []
    for pair, sentence in zip(pairs, made, strict=True):
        if pair.edited_sentence is None:
            raise InputError(
                f"pair {pair.id!r} has no true edited sentence, so its slots cannot be judged; take pairs of the default world"
            )
        if not isinstance(sentence, str):
            raise InputError(f"the sentence for pair {pair.id!r} is {sentence!r}, expected a text")
        truth = read_phrases(pair.edited_sentence)
        true, instruction, said = truth.slots(), _aligned(read_phrases(pair.target), truth), _aligned(read_phrases(sentence), truth)
        changed = [key for key in true.keys() | instruction.keys() if true.get(key) != instruction.get(key)]
        kept = [key for key in true if true[key] == instruction.get(key)]
        counts = [sum(said.get(key) == true.get(key) for key in keys) for keys in (changed, kept)]
        rows.append((len(changed), counts[0], len(kept), counts[1], said == true))
    columns = np.array(rows, float).T
    changed, changed_right, kept, kept_right, exact = columns
    return SlotScores(
        _ratio(changed_right, changed), _ratio(kept_right, kept), _ratio(changed_right + kept_right, changed + kept), float(exact.mean()),
        len(pairs), dict(zip(("changed", "changed_right", "kept", "kept_right", "exact"), columns, strict=True)),
    )  # fmt: skip


def _aligned(said: ParsedPhrases, truth: ParsedPhrases) -> dict[tuple[str, ...], str]:
    """The slots of *said*, where a noun that took the place of one in *truth* goes by the name of that one."""
    table, true = said.slots(), truth.slots()
    nouns, wanted = ([key[0] for key in slots if key[1] == "name"] for slots in (table, true))
    new, gone = [n for n in nouns if n not in wanted], [n for n in wanted if n not in nouns]
    if len(new) != 1 or len(gone) != 1:
        return table
    swap = {new[0]: gone[0]}
    return {(swap.get(key[0], key[0]), key[1], *(swap.get(n, n) for n in key[2:])): value for key, value in table.items()}
