"""Edited sentences measured on what the instruction names: the image's value where it contradicts, the instruction's elsewhere.

An instruction names few facts ("the large box is green instead of purple": a box, large, green). A right answer says these, corrected, and
nothing that is in neither the instruction nor the image; a full caption of the image, against which
:func:`~hetero_xmodal.metrics.edits.judge_sentences` compares, holds more than it can know it should say.

>>> from hetero_xmodal.data.tasks.editing import load_pairs
>>> pair = load_pairs("world/scenes", "val", size=1)[0]
>>> pair.instruction
'the large box is green instead of purple'
>>> said = ["the large box is purple", "the large box is green", "the large box is purple instead of purple"]
>>> [judge_statements([pair], [text]).exact for text in said]
[1.0, 0.0, 0.0]
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..data.world.phrases import attribute_of, read_phrases, words_of
from ..errors import InputError

if TYPE_CHECKING:
    from ..data.edit_pairs import ManipulationPair

Facts = dict[tuple[str, ...], str]


@dataclass(frozen=True)
class StatementScores:
    """Result of :func:`judge_statements`; all in 0..1, higher is better, NaN if there is nothing to count.

    changed : share of the facts named in the instruction that the image contradicts and the sentence corrects
    kept : share of the other facts named in the instruction that the sentence keeps
    exact : share of sentences with all of these right, and nothing in them that is false of the image or contradicts itself
    sentences : number of sentences
    """

    changed: float
    kept: float
    exact: float
    sentences: int


def judge_statements(pairs: Iterable[ManipulationPair], made: Sequence[str]) -> StatementScores:
    """Measure edited sentences on the facts that their instructions name.

    Parameters
    ----------
    pairs : of the default world, with scene graphs.
    made : one sentence per pair.

    Raises
    ------
    InputError
        If numbers differ, or a pair has no scene graph or no known facts.
    """
    pairs = list(pairs)
    if isinstance(made, str) or len(pairs) != len(made) or not pairs:
        number = 1 if isinstance(made, str) else len(made)
        raise InputError(f"there are {len(pairs)} pairs but {number} sentences; give one sentence per pair")
    counts: Counter[str] = Counter()
    for pair, sentence in zip(pairs, made, strict=True):
        if pair.scene is None or not pair.slots:
            raise InputError(f"pair {pair.id!r} has no known facts, so its sentence cannot be judged; take pairs of the default world")
        changed, kept, wrong = _wanted(pair)
        stated = read_phrases(sentence).slots()
        right = [stated.get(key) == value for key, value in changed.items()]
        if wrong and wrong in stated.values():  # the new thing, which is not there
            right = [False] * len(right)
        held = [stated.get(key) == value for key, value in kept.items()]
        fine = all(right) and all(held) and _true(pair, stated, changed | kept) and _consistent(sentence, wrong, pair)
        counts.update(changed=len(right), changed_right=sum(right), kept=len(held), kept_right=sum(held), exact=fine)
    return StatementScores(
        _share(counts["changed_right"], counts["changed"]),
        _share(counts["kept_right"], counts["kept"]),
        counts["exact"] / len(pairs),
        len(pairs),
    )


def _share(right: int, total: int) -> float:
    return right / total if total else float("nan")


def _wanted(pair: ManipulationPair) -> tuple[Facts, Facts, str]:
    """Facts that the image contradicts, with its values; other named facts; and the value that is wrong."""
    named = read_phrases(pair.instruction).slots()
    changes = [slot for slot in pair.slots if slot.changed and (slot.kind == "name" or pair.kind not in ("remove", "replace"))]
    if not changes:  # the true edit found no place where it could be made, so all that is said is true
        return {}, named, ""
    slot = changes[0]
    if pair.kind in ("remove", "replace"):
        return {(slot.thing, "name"): slot.before}, {}, slot.after
    if pair.kind == "move":
        other = pair.scene.objects[slot.other].name if pair.scene and slot.other is not None else ""
        key: tuple[str, ...] = (slot.thing, "relation", other)
        return {key: slot.before}, {k: v for k, v in named.items() if k != key}, slot.after
    key = (slot.thing, slot.kind)
    return {key: slot.before}, {k: v for k, v in named.items() if k != key}, slot.after


def _true(pair: ManipulationPair, stated: Facts, wanted: Facts) -> bool:
    """Whether everything else that is stated is true of the image."""
    facts = {(slot.thing, slot.kind): slot.before for slot in pair.slots if slot.kind != "relation"}
    scene = pair.scene
    relations = {(scene.objects[r.subject].name, r.predicate, scene.objects[r.object].name) for r in scene.relations} if scene else set()
    for key, value in stated.items():
        noun = key[0].partition("#")[0]
        if key in wanted:
            continue
        if key[1] == "relation":
            if (noun, value, key[2].partition("#")[0]) not in relations:
                return False
        elif facts.get((noun, key[1])) != value and value not in _attributes(pair, noun) and not (key[1] == "name" and _there(pair, noun)):
            return False
    return True


def _attributes(pair: ManipulationPair, noun: str) -> set[str]:
    return {value for thing in (pair.scene.objects if pair.scene else ()) if thing.name == noun for value in thing.attributes}


def _there(pair: ManipulationPair, noun: str) -> bool:
    return any(thing.name == noun for thing in (pair.scene.objects if pair.scene else ()))


def _consistent(sentence: str, wrong: str, pair: ManipulationPair) -> bool:
    """Whether no noun has two values of one kind, and what comes after "instead of" is what is wrong."""
    said, instead, old = sentence.lower().partition(" instead of ")
    parsed = read_phrases(said)
    words = [known for word in words_of(said) if (known := attribute_of(word)) is not None]
    for kind in {kind for kind, _ in words}:
        if sum(k == kind for k, _ in words) > sum(kind in phrase.values for phrase in parsed.phrases):
            return False
    if not instead:
        return True
    values = {known[1] for word in words_of(old) if (known := attribute_of(word)) is not None} | {p.noun for p in read_phrases(old).phrases}
    return wrong in values
