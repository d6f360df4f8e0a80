"""Spatial relations between boxes: the rules that generate the default world's relations and that the image parser applies.

Boxes are ``x1, y1, x2, y2`` in pixels, y down. Distances are in units of ``s = sqrt(width * height)`` of the image, so that relations do
not depend on its resolution. For an ordered pair *a*, *b* the first rule that applies gives the relation:

1. ``hold``: *a* is an agent, *b* is holdable, the boxes overlap in x, and *b* spans *a*'s hand height (0.58 of *a*'s height from its top);
2. ``on``: *b* is a support, the middle of *a*'s bottom edge lies over *b*, and *a*'s bottom edge lies on *b*'s top surface (between the
   top of *b*'s box and 0.35 of its height below it), while *a* extends above *b*;
3. ``near``: the gap between the boxes is at most 0.06 s (symmetric);
4. ``left of`` / ``right of``: the centres are at least 0.12 s apart in x, and at least 1.4 times as far in x as in y;
5. ``above`` / ``below``: the same with x and y exchanged;
6. otherwise there is no relation: the boxes lie diagonally.

If *a* holds or is on *b*, there is no relation from *b* to *a*. An ordered pair has at most one relation.

``hold`` is a rule of the generated world, which obeys it; in a photograph boxes that overlap do not tell who holds what, so that
:func:`relations_between` leaves the rule out unless it is asked for. Most facts have two directions, *a* ``left of`` *b* and *b* ``right
of`` *a*: both are edges, and one of them is flagged ``mirror`` (:func:`mark_mirrors`), so that statistics count facts.

>>> relation_between((0, 40, 20, 60), (70, 40, 90, 60), "cat", "dog", size=(100, 100))
'left of'
>>> relation_between((30, 30, 50, 52), (20, 50, 80, 90), "cup", "table", size=(100, 100))
'on'
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..errors import InputError

if TYPE_CHECKING:
    from ..scenes import SceneRelation

#: a relation's code is its index in this tuple; -1 is "no relation"
PREDICATES = ("left of", "right of", "above", "below", "on", "hold", "near")
LEFT, RIGHT, ABOVE, BELOW, ON, HOLD, NEAR = range(7)
NONE = -1
#: synonyms
SAME = {
    "next to": "near", "beside": "near", "by": "near", "close to": "near", "over": "above", "under": "below", "beneath": "below",
    "underneath": "below", "on top of": "on", "to the left of": "left of", "on the left of": "left of", "to the right of": "right of",
    "on the right of": "right of", "carry": "hold",
}  # fmt: skip

#: the way back of a relation that holds in both directions; of ``near`` it is ``near``
OPPOSITE = {"left of": "right of", "right of": "left of", "above": "below", "below": "above", "near": "near"}

#: class names of the default world first, then those of photo detectors (COCO, Visual Genome)
AGENTS = frozenset({"child", "robot", "person", "man", "woman", "boy", "girl", "player"})
HOLDABLE = (
    frozenset("balloon umbrella ball cup kite frisbee phone bottle book handbag suitcase toothbrush remote sandwich".split())
    | frozenset("donut banana apple fork knife spoon".split())
    | {"sports ball", "tennis racket", "baseball bat", "cell phone", "wine glass", "hair drier", "teddy bear", "hot dog"}
)
SUPPORTS = frozenset("table box bench desk shelf counter bed couch skateboard surfboard snowboard skis".split()) | {"dining table"}

#: thresholds of the rules above
HAND_HEIGHT = 0.58
SURFACE_DEPTH = 0.35
NEAR_GAP = 0.06
APART = 0.12
DOMINANCE = 1.4

#: :func:`relations_between` relates at most this many boxes, the first; n boxes have up to n (n - 1) relations
MAX_RELATED = 500
_PAIRS = 1_000_000


def relation_codes(
    a: np.ndarray,
    b: np.ndarray,
    *,
    size: tuple[float, float],
    agent: np.ndarray,
    holdable: np.ndarray,
    support: np.ndarray,
    slack: float | np.ndarray = 0.0,
) -> np.ndarray:
    """Codes of the relations from the boxes *a* to the boxes *b*, vectorised.

    Parameters
    ----------
    a, b : boxes (..., 4), broadcast against each other.
    size : (width, height) of the image.
    agent : bool (...), whether *a* can hold something.
    holdable, support : bool (...), whether *b* can be held, or stood on.
    slack : shift of every threshold in units of s, towards more (positive) or fewer (negative) ``hold``, ``on``, ``near`` and directions;
        a number or an array that broadcasts. The world keeps only layouts whose relations are the same at several values of *slack*,
        so that boxes that are off by a pixel give the same relations.

    Returns
    -------
    int8 array (...) of indices into ``PREDICATES``, or -1, for the direction *a* to *b* alone; :func:`relation_matrix` also removes the
    relation from *b* to *a* where *a* holds or is on *b*.
    """
    s = float(np.sqrt(size[0] * size[1]))
    a, b = np.asarray(a, np.float64) / s, np.asarray(b, np.float64) / s
    ax1, ay1, ax2, ay2 = a[..., 0], a[..., 1], a[..., 2], a[..., 3]
    bx1, by1, bx2, by2 = b[..., 0], b[..., 1], b[..., 2], b[..., 3]
    overlap_x = np.minimum(ax2, bx2) - np.maximum(ax1, bx1)
    gap_x, gap_y = np.maximum(-overlap_x, 0), np.maximum(np.maximum(ay1, by1) - np.minimum(ay2, by2), 0)
    near = np.sqrt(gap_x * gap_x + gap_y * gap_y) <= NEAR_GAP + slack
    dx, dy = (bx1 + bx2 - ax1 - ax2) / 2, (by1 + by2 - ay1 - ay2) / 2
    wide, high = np.abs(dx), np.abs(dy)
    beside = (wide >= APART - slack) & (wide >= DOMINANCE * high - slack)
    stacked = (high >= APART - slack) & (high >= DOMINANCE * wide - slack)
    codes = np.where(beside, np.where(dx > 0, LEFT, RIGHT), np.where(stacked, np.where(dy > 0, ABOVE, BELOW), NONE))
    codes = np.where(near, NEAR, codes)  # rules are applied from the lowest priority to the highest
    if np.any(support):
        middle, surface = (ax1 + ax2) / 2, by1 + SURFACE_DEPTH * (by2 - by1)
        over = (middle >= bx1 - slack) & (middle <= bx2 + slack)
        codes = np.where(support & over & (ay2 >= by1 - 0.01 - slack) & (ay2 <= surface + slack) & (ay1 < by1), ON, codes)
    can_hold = agent & holdable
    if np.any(can_hold):
        hand = ay1 + HAND_HEIGHT * (ay2 - ay1)
        codes = np.where(can_hold & (overlap_x >= -slack) & (by1 - slack <= hand) & (hand <= by2 + slack), HOLD, codes)
    return codes.astype(np.int8)


def relation_matrix(boxes, names: Sequence[str], *, size: tuple[float, float], slack: float = 0.0, hold: bool = True) -> np.ndarray:
    """Codes (n, n) of the relations among n boxes (n, 4): entry [i, j] is the relation from i to j, -1 if there is none.

    Parameters
    ----------
    boxes : (n, 4) xyxy in pixels.
    names : class of each box; they decide about ``hold`` and ``on``.
    size : (width, height) of the image.
    slack : as in :func:`relation_codes`.
    hold : ``False`` leaves out rule 1, so that the next rule that applies gives the relation.

    Raises
    ------
    InputError
        If names are missing, the size is not positive, or a box is not finite.

    >>> relation_matrix([(0, 40, 20, 60), (70, 40, 90, 60)], ["cat", "dog"], size=(100, 100)).tolist()
    [[-1, 0], [1, -1]]
    """
    boxes = np.asarray(boxes, np.float64).reshape(-1, 4)
    if len(names) != len(boxes):
        raise InputError(f"there are {len(boxes)} boxes but {len(names)} names; give one name for each box")
    if len(size) != 2 or min(size) <= 0:
        raise InputError(f"the image's size is {size!r}, expected (width, height) in pixels, both above 0")
    if not np.isfinite(boxes).all():
        raise InputError(
            f"box {int(np.flatnonzero(~np.isfinite(boxes).all(1))[0])} holds a number that is not finite; expected x1, y1, x2, y2 in pixels"
        )
    groups = (AGENTS if hold else (), HOLDABLE, SUPPORTS)
    agent, holdable, support = (np.array([name in group for name in names], bool) for group in groups)
    codes = np.empty((len(boxes), len(boxes)), np.int8)
    step = max(1, _PAIRS // max(1, len(boxes)))
    for rows in (slice(k, k + step) for k in range(0, len(boxes), step)):  # the temporaries need about 150 bytes a pair
        a = boxes[rows, None]
        codes[rows] = relation_codes(
            a, boxes[None], size=size, agent=agent[rows, None], holdable=holdable[None], support=support[None], slack=slack
        )
    strong = (codes == HOLD) | (codes == ON)
    codes[strong.T & ~strong] = NONE
    np.fill_diagonal(codes, NONE)
    return codes


def relations_between(boxes, names: Sequence[str], *, size: tuple[float, float], hold: bool = False) -> list[SceneRelation]:
    """The relations among n boxes (n, 4) as a list of :class:`SceneRelation`, whose subject and object index the boxes, in row order.

    Their provenance is ``geometry``, and one direction of each fact is flagged by :func:`mark_mirrors`. *hold* applies the world's rule
    of who holds what, which says nothing about a photograph. Of more than :data:`MAX_RELATED` boxes, only the first are related (detectors
    list the best first); a warning says so.
    """
    from ..scenes import SceneRelation

    if len(names) > MAX_RELATED:
        warnings.warn(
            f"relations were derived among the first {MAX_RELATED} of {len(names)} objects; the others have none",
            stacklevel=2,
        )
        boxes, names = boxes[:MAX_RELATED], names[:MAX_RELATED]
    codes = relation_matrix(boxes, names, size=size, hold=hold)
    found = [SceneRelation(i, PREDICATES[codes[i, j]], j, provenance="geometry") for i, j in np.argwhere(codes >= 0).tolist()]
    return mark_mirrors(found, names)


def mark_mirrors(relations: list[SceneRelation], names: Sequence[str]) -> list[SceneRelation]:
    """Flag one of the two directions in which a fact is listed, and return the list.

    Of ``left of`` and ``right of`` it is ``right of``, of ``above`` and ``below`` it is ``below``, and of ``near`` the one whose subject
    has the name that comes later in the alphabet (of equal names, the later object). So the facts that are counted do not depend on the
    order of the objects. A relation whose other direction is not listed is a fact. Synonyms (:data:`SAME`) count as one predicate.

    >>> [(r.predicate, r.mirror) for r in relations_between([(0, 40, 20, 60), (70, 40, 90, 60)], ["dog", "cat"], size=(100, 100))]
    [('left of', False), ('right of', True)]
    """
    listed = {(r.subject, SAME.get(r.predicate, r.predicate), r.object) for r in relations}
    for r in relations:
        predicate = SAME.get(r.predicate, r.predicate)
        back = OPPOSITE.get(predicate)
        if back is not None and r.subject != r.object and (r.object, back, r.subject) in listed:
            if back == predicate:
                r.mirror = (names[r.object], r.object) < (names[r.subject], r.subject)
            else:
                r.mirror = predicate in ("right of", "below")
    return relations


def relation_between(box_a, box_b, name_a: str = "", name_b: str = "", *, size: tuple[float, float]) -> str | None:
    """The predicate from *a* to *b*, or ``None``; the names decide about ``hold`` and ``on`` only."""
    code = relation_matrix([box_a, box_b], [name_a, name_b], size=size)[0, 1]
    return None if code < 0 else PREDICATES[code]
