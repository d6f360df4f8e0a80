"""Matching the objects of an image with those of its sentence: which region and which word name the same thing (CAM, section 1.7).

>>> from hetero_xmodal.scenes import SceneGraph, SceneObject
>>> image = SceneGraph(objects=[SceneObject("bird", ["blue"]), SceneObject("bird", ["red"]), SceneObject("couch")])
>>> sentence = SceneGraph(objects=[SceneObject("bird", ["red"]), SceneObject("sofa")])
>>> [(m.region, m.thing, m.name) for m in match_objects(image, sentence)]
[(1, 0, 'bird'), (2, 1, 'couch')]
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from ..errors import InputError
from ..schema import PRIOR, PROVENANCE, SEVERAL
from .synonyms import ATTRIBUTE_SAME, EXCLUSIVE, KINDS, NOT_THEIR_HEAD, SAME

if TYPE_CHECKING:
    from ..scenes import SceneGraph, SceneObject

_PATCH = PROVENANCE[PRIOR]
#: similarity of two names, by the reason why they match
EQUAL, SYNONYM, KIND_OF, SAME_HEAD = 1.0, 0.9, 0.8, 0.7


@dataclass(frozen=True)
class Match:
    """Object *region* of the image's scene graph and object *thing* of the sentence's scene graph name the same thing.

    region, thing : index of the object in its scene graph.
    name : name of the object in the image.
    score : confidence in 0..1, see :func:`match_objects`.
    """

    region: int
    thing: int
    name: str
    score: float


@lru_cache(maxsize=1)
def _tables() -> tuple[dict[str, frozenset[int]], dict[str, frozenset[str]]]:
    """Word -> numbers of its groups of synonyms; word -> classes that it is a kind of, with their synonyms."""
    groups: dict[str, set[int]] = {}
    for number, words in enumerate(SAME):
        for word in words:
            groups.setdefault(word, set()).add(number)
    parents: dict[str, set[str]] = {}
    for name, kinds in KINDS.items():
        names = {name, *(w for g in groups.get(name, ()) for w in SAME[g])}
        for kind in kinds:
            parents.setdefault(kind, set()).update(names - {kind})
    return {w: frozenset(g) for w, g in groups.items()}, {w: frozenset(p) for w, p in parents.items()}


@lru_cache(maxsize=65536)
def name_similarity(first: str, second: str) -> float:
    """Similarity of two names in 0..1, symmetric; 0 if they name different things.

    1 for the same name; 0.9 for synonyms (couch, sofa); 0.8 if one is a kind of the other (puppy, dog); 0.7 if one is the head noun of the
    other, a compound (hydrant, fire hydrant); half of these values if only the head noun of a compound matches (little puppy, dog).

    >>> name_similarity("person", "woman"), name_similarity("man", "woman"), name_similarity("tennis racket", "racket")
    (0.8, 0.0, 0.8)
    >>> name_similarity("hot dog", "dog")
    0.0
    """
    # "é" may be one character or two, and is the same letter
    a, b = (" ".join(unicodedata.normalize("NFC", name).lower().split()) for name in (first, second))
    whole = _whole_similarity(a, b)
    if whole:
        return whole
    for long, short in ((a, b), (b, a)):
        if " " in long and long not in NOT_THEIR_HEAD:
            head = long.rsplit(" ", 1)[1]
            if head == short:
                return SAME_HEAD
            if " " not in short and _whole_similarity(head, short):
                return 0.5 * _whole_similarity(head, short)
    return 0.0


def _whole_similarity(a: str, b: str) -> float:
    if a == b:
        return EQUAL
    groups, parents = _tables()
    if groups.get(a, frozenset()) & groups.get(b, frozenset()):
        return SYNONYM
    if a in parents.get(b, ()) or b in parents.get(a, ()):
        return KIND_OF
    return 0.0


def _agreement(first: SceneObject, second: SceneObject) -> int:
    """Number of shared attributes minus number of contradictions: both have a colour (pattern, size, length), but none in common."""
    a, b = ({ATTRIBUTE_SAME.get(x.lower(), x.lower()) for x in thing.attributes} for thing in (first, second))
    return len(a & b) - sum(bool(a & kind) and bool(b & kind) and not a & b & kind for kind in EXCLUSIVE)


def match_objects(
    image_scene: SceneGraph,
    sentence_scene: SceneGraph,
    *,
    min_score: float = 0.0,
    synonyms: Mapping[str, Iterable[str]] | None = None,
    many: bool = False,
) -> list[Match]:
    """Match objects of an image with objects of its sentence, one-to-one and greedily, the best match first; there may be none.

    Candidates are ranked by the similarity of their names (:func:`name_similarity`), then by shared attributes ("red bird" is matched
    with the red one), then by the detector's score, then by the order of the objects. The patches of a grid (provenance ``prior``) are
    matched with nothing: what a sentence calls a patch is not one of them.

    Parameters
    ----------
    image_scene, sentence_scene : the scene graphs of the image and of the sentence.
    min_score : matches with a lower score are left out.
    synonyms : further synonyms of a class, ``{"sofa": ["davenport"]}``.
    many : an object of the sentence that is several things (``number``: "two dogs", "dogs", "a group of dogs") is matched with further
        regions after the one-to-one matches are made: up to its number, or with all that are left, except those whose attributes
        contradict it. A region is matched once at most.

    Returns
    -------
    list of Match, in the order of the sentence's objects, the best first. ``score`` is the similarity of the names times the detector's
    score, halved where the attributes contradict each other: a blue bird that the sentence calls red is probably still the one meant.

    Raises
    ------
    InputError
        If *min_score* is not in 0..1.
    """
    if not 0 <= min_score <= 1:
        raise InputError(f"min_score is {min_score!r}, expected a number in 0..1")
    more = {frozenset((name.lower(), word.lower())) for name, words in (synonyms or {}).items() for word in words}
    candidates = []
    for region, seen in enumerate(image_scene.objects):
        if seen.provenance == _PATCH:
            continue
        for thing, named in enumerate(sentence_scene.objects):
            similarity = name_similarity(seen.name, named.name)
            if more and similarity < SYNONYM and frozenset((seen.name.lower(), named.name.lower())) in more:
                similarity = SYNONYM
            if similarity:
                agreement = _agreement(seen, named)
                score = similarity * seen.score * (0.5 if agreement < 0 else 1.0)
                if score >= min_score:
                    candidates.append((-similarity, -agreement, -seen.score, thing, region, score))
    free_regions, free_things, matches = set(range(len(image_scene.objects))), set(range(len(sentence_scene.objects))), []
    for *_, thing, region, score in sorted(candidates):
        if region in free_regions and thing in free_things:
            free_regions.discard(region)
            free_things.discard(thing)
            matches.append(Match(region, thing, image_scene.objects[region].name, score))
    if many:
        matches += _further_matches(sorted(candidates), matches, image_scene, sentence_scene)
    return sorted(matches, key=lambda m: m.thing)


def _further_matches(candidates: list[tuple], matches: list[Match], image_scene: SceneGraph, sentence_scene: SceneGraph) -> list[Match]:
    """Further regions of the things that are several, best first; every region once, no thing more often than its number says."""
    taken = {m.region for m in matches}
    count = Counter(m.thing for m in matches)
    more = []
    for _, disagreement, _, thing, region, score in candidates:
        number = sentence_scene.objects[thing].number
        if region not in taken and disagreement <= 0 and (number == SEVERAL or count[thing] < number):
            taken.add(region)
            count[thing] += 1
            more.append(Match(region, thing, image_scene.objects[region].name, score))
    return more
