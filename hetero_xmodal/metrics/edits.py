"""Evaluation of edits against ground truth: edit accuracy, preservation of the rest, and distance to the true edited image.

Images are classified by the world's judge (:mod:`hetero_xmodal.world_models.judge`), a network that no model and no loss uses. Its own
errors affect all methods equally: report the scores of the true edited images (upper bound) and of the unchanged input (lower bound) with
those of a method.

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

#: step of the search for a moved object, relative to the image's side
_STEP = 1 / 32
#: boxes with a higher IoU count as the same place
_SAME_PLACE = 0.3


@dataclass(frozen=True)
class EditScores:
    """Result of :func:`judge_edits`; rates are in 0..1, NaN if nothing could be evaluated.

    edit_accuracy : share of successful edits, higher is better. ``attribute``: the judge predicts the requested value. ``remove``: it no
        longer predicts the object. ``replace``: it predicts the new object. ``move``: it predicts the object at a position where the
        requested relation holds, and no longer at the old one. ``reconstruct``: it predicts name, colour and pattern of the hidden object.
    named_accuracy : share of the facts named in the instruction (including those true before the edit) that the judge predicts.
    preservation : share of the facts neither named nor changed by the instruction that the judge still predicts; mean over pairs.
    success : share of pairs with a successful edit and all such facts preserved.
    outside_error : mean absolute difference to the *input* outside the edited region, images in 0..1, lower is better.
    error, inside_error : mean absolute difference to the *true* edited image, everywhere and inside the region.
    squared_error : mean squared difference to the true edited image.
    by_kind : edit accuracy of each kind of edit (attributes: colour, pattern and length separately).
    pairs, judge : number of pairs, and name of the judge.
    per_pair : the values above for each pair, arrays (pairs,).
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
    """Evaluate edited images against the ground truth of their pairs.

    Parameters
    ----------
    pairs : pairs of the default world, birds or scenes or both, with images of one size.
    made : the edited image of each pair, of the same size: PIL images, or a tensor (pairs, 3, H, W), uint8 or in 0..1.
    judge : by default the shipped one.

    Raises
    ------
    InputError
        If numbers or sizes differ, or a pair has no ground truth (as in photographs).
    """
    import torch

    from ..networks.pixels import image_tensor
    from ..world_models.judge import load_judge

    pairs, judge = list(pairs), judge or load_judge()
    images = image_tensor(made)
    if len(pairs) != len(images):
        raise InputError(f"there are {len(pairs)} pairs but {len(images)} made images; give one image per pair")
    for pair in pairs:
        if not pair.slots or pair.edited_image is None:
            raise InputError(f"pair {pair.id!r} has no true answer, so its edit cannot be judged; take world/birds or world/scenes")
        if pair.image.size != (images.shape[3], images.shape[2]):
            raise InputError(
                f"pair {pair.id!r} has an image of {pair.image.size[0]} x {pair.image.size[1]} pixels, the made one has "
                f"{images.shape[3]} x {images.shape[2]}; load the pairs with image_size={images.shape[3]}"
            )
    correct = _correct_facts(pairs, images, judge)
    rows = [_row(pair, facts) for pair, facts in zip(pairs, correct, strict=True)]
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


def _ratio(correct: np.ndarray, total: np.ndarray) -> float:
    return float(correct.sum() / total.sum()) if total.sum() else float("nan")


def _weighted(values: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Mean over channels and pixels of weight 1; NaN if there are none."""
    return (values * weights).sum((1, 2, 3)) / (weights.sum((1, 2, 3)) * values.shape[1])


def _kind(pair: ManipulationPair) -> str:
    if pair.kind != "attribute":
        return pair.kind
    return next((s.kind for s in pair.slots if s.changed), pair.kind)


def _row(pair: ManipulationPair, facts: dict[Slot, bool]) -> dict[str, float]:
    """Scores of one image; *facts* maps each fact that the judge can evaluate to whether its prediction is correct."""
    if pair.kind == "reconstruct":
        edited = [correct for slot, correct in facts.items() if slot.index == pair.subject]
    else:
        edited = [correct for slot, correct in facts.items() if slot.changed]
    rest = [correct for slot, correct in facts.items() if not slot.changed and not slot.named]
    named = [correct for slot, correct in facts.items() if slot.named]
    edit, kept = float(all(edited)) if edited else np.nan, float(np.mean(rest)) if rest else np.nan
    return {"edit": edit, "named": len(named), "named_right": sum(named), "kept": kept, "success": edit * all(rest)}


# ---------------------------------------------------------------------------------------------- evaluating edited images


def _correct_facts(pairs: list[ManipulationPair], images: torch.Tensor, judge: WorldJudge) -> list[dict[Slot, bool]]:
    """For each pair, whether the judge's prediction agrees with each fact that it can evaluate."""
    correct: list[dict[Slot, bool]] = [{} for _ in pairs]
    birds = [k for k, pair in enumerate(pairs) if pair.scene.objects[0].name == "bird" and len(pair.scene.objects) == 6]
    birds = [k for k in birds if pairs[k].id.startswith("birds")]
    for k, predicted in zip(birds, judge.read_birds(images[birds]) if birds else [], strict=True):
        correct[k] = {s: predicted[s.thing, s.kind] == s.after for s in pairs[k].slots if (s.thing, s.kind) in predicted}
    scenes = [k for k in range(len(pairs)) if k not in set(birds)]
    if not scenes:
        return correct
    places = judge.places(images[scenes])
    boxes = []
    for k in scenes:  # every object at its true new position, and the edited one also at its old position
        slots = {s.index: s for s in pairs[k].slots if s.kind == "name"}
        boxes.append([s.box for s in slots.values()] + [slots[pairs[k].subject].box_before])
    for k, place, predicted in zip(scenes, places, judge.read_boxes(images[scenes], boxes), strict=True):
        pair = pairs[k]
        order = [s.index for s in pair.slots if s.kind == "name"]
        at = {index: {kind: word for kind, (word, _) in predicted[n].items()} for n, index in enumerate(order)}
        old = {kind: word for kind, (word, _) in predicted[-1].items()}
        moved = next((s for s in pair.slots if s.kind == "relation"), None)
        if moved is not None:
            found = _search(pair, moved, images[k : k + 1], judge)
            at[pair.subject] = old if found is None else found  # an object that did not move may still have its attributes
        for slot in pair.slots:
            if slot.kind == "place":
                correct[k][slot] = place == slot.after
            elif slot.kind == "relation":
                left = old["name"] != slot.thing or _overlap(np.array([slot.box]), slot.box_before)[0] > _SAME_PLACE
                correct[k][slot] = found is not None and left
            elif slot.kind == "name" and not slot.after:
                correct[k][slot] = at[slot.index]["name"] != slot.before
            elif slot.kind in at[slot.index]:  # the judge does not predict sizes in scenes
                correct[k][slot] = at[slot.index][slot.kind] == slot.after
    return correct


def _search(pair: ManipulationPair, moved: Slot, image: torch.Tensor, judge: WorldJudge) -> dict[str, str] | None:
    """The judge's predictions at the most probable position of the moved object where the requested relation holds, or None."""
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
    for index, thing in enumerate(pair.scene.objects):  # another object of this name is not the moved one
        if index != pair.subject and thing.name == moved.thing:
            fits &= _overlap(spots, thing.box) < _SAME_PLACE
    spots = spots[fits]
    colour = next((s.after for s in pair.slots if s.index == pair.subject and s.kind == "colour"), None)
    predicted = judge.read_boxes(image, [spots.tolist()])[0]
    matching = [p for p in predicted if p["name"][0] == moved.thing and colour in (None, p["colour"][0])]
    best = max(matching, key=lambda p: p["name"][1], default=None)
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
    """Result of :func:`judge_sentences`; all in 0..1, higher is better, NaN if nothing could be evaluated.

    changed : share of the slots that should differ from the instruction that have their true value
    kept : share of the slots that should be as in the instruction that are
    slots : both together
    exact : share of sentences whose slots are exactly those of the true sentence, none wrong, missing or added
    sentences : number of sentences
    per_pair : ``exact`` (0 or 1) and the counts of each pair, arrays (pairs,)
    """

    changed: float
    kept: float
    slots: float
    exact: float
    sentences: int
    per_pair: dict[str, np.ndarray] = field(repr=False, compare=False, default_factory=dict)


def judge_sentences(pairs: Iterable[ManipulationPair], made: Sequence[str]) -> SlotScores:
    """Slot accuracy of edited sentences: what the image contradicts should be corrected, the rest of the instruction kept.

    A slot is a noun, an attribute of a noun, or a relation between two nouns, parsed by the world's own grammar
    (:mod:`hetero_xmodal.data.world.phrases`), so that only content counts and synonyms are equal.

    Parameters
    ----------
    pairs : of the default world, with a true edited sentence.
    made : one sentence per pair.

    Raises
    ------
    InputError
        If numbers differ, a pair has no true edited sentence, or a sentence is not a string.
    """
    pairs = list(pairs)
    if isinstance(made, str) or len(pairs) != len(made) or not pairs:
        raise InputError(
            f"there are {len(pairs)} pairs but {1 if isinstance(made, str) else len(made)} sentences; give one sentence per pair"
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
        true, instruction, stated = truth.slots(), _aligned(read_phrases(pair.target), truth), _aligned(read_phrases(sentence), truth)
        changed = [key for key in true.keys() | instruction.keys() if true.get(key) != instruction.get(key)]
        kept = [key for key in true if true[key] == instruction.get(key)]
        counts = [sum(stated.get(key) == true.get(key) for key in keys) for keys in (changed, kept)]
        rows.append((len(changed), counts[0], len(kept), counts[1], stated == true))
    columns = np.array(rows, float).T
    changed, changed_right, kept, kept_right, exact = columns
    return SlotScores(
        _ratio(changed_right, changed), _ratio(kept_right, kept), _ratio(changed_right + kept_right, changed + kept), float(exact.mean()),
        len(pairs), dict(zip(("changed", "changed_right", "kept", "kept_right", "exact"), columns, strict=True)),
    )  # fmt: skip


def _aligned(parsed: ParsedPhrases, truth: ParsedPhrases) -> dict[tuple[str, ...], str]:
    """The slots of *parsed*, with a noun that replaces one of *truth* renamed to it."""
    table, true = parsed.slots(), truth.slots()
    nouns, wanted = ([key[0] for key in slots if key[1] == "name"] for slots in (table, true))
    new, gone = [n for n in nouns if n not in wanted], [n for n in wanted if n not in nouns]
    if len(new) != 1 or len(gone) != 1:
        return table
    swap = {new[0]: gone[0]}
    return {(swap.get(key[0], key[0]), key[1], *(swap.get(n, n) for n in key[2:])): value for key, value in table.items()}
