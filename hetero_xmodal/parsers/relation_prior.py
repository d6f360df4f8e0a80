"""Predicates guessed from classes and boxes: how often annotators relate two classes, by which predicate, and how the boxes then lie.

A photograph's boxes do not say who wears what; the classes nearly do ("person", "shirt"). For an ordered pair of objects of the classes s
and o, whose boxes lie as in cell g (:func:`cells`), the posterior over predicates p and "no relation" is

    P(p | s, o, g)    proportional to   r(s, o) P(p | s, o) P(g | p)
    P(none | s, o, g) proportional to   (1 - r(s, o)) P(g | none)

where r(s, o) is the share of ordered pairs of such objects that annotators related. (Of images without boxes only the classes are known,
so that each class pair counts as one pair there; where other images have boxes, one factor brings the shares to their level.) Every
frequency is smoothed towards a coarser one by pseudo-counts: P(p | s, o) towards P(p | s) P(p | o) / P(p), that towards P(p); P(g | p)
towards P(g | related), that towards P(g). It is the frequency baseline of scene-graph generation (Zellers et al. 2018, "FREQ"), with the
place of the boxes added. Nothing looks at the pixels, so these edges have the provenance ``predicted``, and their score is the posterior.

>>> from hetero_xmodal.scenes import SceneGraph, SceneObject, SceneRelation
>>> things = [SceneObject("person", box=(10, 0, 40, 90)), SceneObject("shirt", box=(12, 20, 38, 50))]
>>> prior = RelationPrior.fit([SceneGraph(things, [SceneRelation(0, "wear", 1)], size=(100, 100))] * 20)
>>> [(r.predicate, r.provenance) for r in prior.relations([(50, 5, 70, 60), (52, 15, 69, 30)], ["person", "shirt"], size=(100, 100))]
[('wear', 'predicted')]
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError, nearest
from ..fields import Fields, brief, is_number, whole_number
from ..files import existing_file, read_json, write_json
from ..scenes import SceneGraph, SceneRelation
from .detectors.base import file_hash
from .geometry import NEAR_GAP, mark_mirrors

FORMAT = "hetero_xmodal.relation_prior 1"
#: the first so many objects of an image are paired, best first, and so many relations are kept, most probable first
MAX_PAIRED, MAX_KEPT = 50, 50
#: a relation less probable than this is not stated
LEAST = 0.4
#: the most frequent classes and predicates are kept: the table of all pairs has classes x classes x predicates entries
MAX_CLASSES, MAX_PREDICATES = 200, 100
#: pseudo-counts of the smoothing, for predicates and for cells
PAIR_COUNT, CELL_COUNT = 3.0, 20.0
#: a pair is never certain to be related
_LARGEST_RATE = 0.95
CELLS = 20

#: other detectors' names of the same things
_ALIASES = (
    ("dining table", "table"), ("cell phone", "phone"), ("potted plant", "plant"), ("couch", "sofa"), ("tv", "monitor"),
    ("bicycle", "bike"), ("fire hydrant", "hydrant"), ("sports ball", "ball"), ("handbag", "bag"), ("airplane", "plane"),
)  # fmt: skip


def cells(a: Any, b: Any, *, size: tuple[float, float]) -> np.ndarray:
    """How boxes *a* lie to boxes *b*, (..., 4) xyxy each, broadcast: int64 (...), five kinds of contact times four directions.

    Contact: ``a`` nearly inside ``b`` (at least .8 of its area), ``b`` nearly inside ``a``, overlapping, near (as the rule ``near`` of
    :mod:`~hetero_xmodal.parsers.geometry`), apart. Direction: the axis on which the centres differ more, in pixels, and its sign.

    >>> cells([(0, 0, 10, 10)], [(50, 0, 60, 10)], size=(100, 100)) // 4, cells([(2, 2, 5, 5)], [(0, 0, 10, 10)], size=(100, 100)) // 4
    (array([4]), array([0]))
    """
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    low, high = np.maximum(a[..., :2], b[..., :2]), np.minimum(a[..., 2:], b[..., 2:])
    shared = (high - low).clip(0).prod(-1)
    area_a, area_b = ((box[..., 2:] - box[..., :2]).clip(1e-6).prod(-1) for box in (a, b))
    gap = np.sqrt(((low - high).clip(0) ** 2).sum(-1)) / np.sqrt(size[0] * size[1])
    contact = np.select([shared >= 0.8 * area_a, shared >= 0.8 * area_b, shared > 0, gap <= NEAR_GAP], [0, 1, 2, 3], 4)
    across = (b[..., :2] + b[..., 2:] - a[..., :2] - a[..., 2:]) / 2
    wide = np.abs(across[..., 0]) >= np.abs(across[..., 1])
    direction = np.where(wide, across[..., 0] < 0, 2 + (across[..., 1] < 0))
    return (4 * contact + direction).astype(np.int64)


@dataclass(frozen=True, eq=False)
class RelationPrior:
    """Counts of annotated relations, and what they predict; :meth:`fit` counts, :meth:`relations` predicts.

    classes, predicates : names
    triples : int64 (t, 4): rows of subject class, object class, predicate, and how often
    pairs : int64 (q, 4): rows of subject class, object class, number of ordered pairs of such objects, and how many of them are related
    cell_counts : int64 (predicates, CELLS): where the boxes of a predicate's relations lie
    pair_cells, related_cells : int64 (CELLS,): where the boxes of all pairs lie, and of those with a relation
    level : what the shares r(s, o) are multiplied by
    about : what it was counted in; JSON values
    """

    classes: tuple[str, ...]
    predicates: tuple[str, ...]
    triples: np.ndarray
    pairs: np.ndarray
    cell_counts: np.ndarray
    pair_cells: np.ndarray
    related_cells: np.ndarray
    level: float = 1.0
    about: dict[str, Any] = field(default_factory=dict)

    # ------------------------------------------------------------------------------------------ counting

    @classmethod
    def fit(cls, scenes: Iterable[SceneGraph], *, about: dict[str, Any] | None = None) -> RelationPrior:
        """Count the relations of annotated scene graphs. Of scenes without boxes or without size only the classes count.

        Raises
        ------
        InputError
            If there is no relation.
        """
        count = _Count()
        for scene in scenes:
            count.add(scene)
        if not count.triples:
            raise InputError("there is no relation to learn from; give a data set with annotated relations, such as vrd:FOLDER")
        return count.prior(about or {})

    # ------------------------------------------------------------------------------------------ prediction

    def rows(self, names: Sequence[str]) -> np.ndarray:
        """The row of each class name, (n,); a name that was never seen has the row ``len(classes)``.

        >>> scene = SceneGraph.from_factual("( person , near , sofa )")
        >>> RelationPrior.fit([scene]).rows(["sofa", "couch", "cloud"]).tolist()
        [1, 1, 2]
        """
        row = {name: k for k, name in enumerate(self.classes)}
        for some in _ALIASES:
            known = [name for name in some if name in row]
            row |= {name: row[known[0]] for name in some if known and name not in row}
        return np.array([row.get(name, len(self.classes)) for name in names], np.int64)

    def posterior(self, boxes: Any, names: Sequence[str], *, size: tuple[float, float]) -> np.ndarray:
        """P(p | s, o, g) of all ordered pairs of n objects, float64 (n, n, predicates); 0 on the diagonal. What is missing to 1 is "none".

        Raises
        ------
        InputError
            If names and boxes are not equally many.
        """
        boxes = np.asarray(boxes, np.float64).reshape(-1, 4)
        if len(names) != len(boxes):
            raise InputError(f"there are {len(boxes)} boxes but {len(names)} names; give one name for each box")
        of, where = self.rows(names), cells(boxes[:, None], boxes[None], size=size)
        given, none = self._likelihoods
        rate, predicate = self._pair_tables
        stated = rate[of[:, None], of][..., None] * predicate[of[:, None], of] * np.moveaxis(given[:, where], 0, -1)
        silent = (1 - rate[of[:, None], of]) * none[where]
        stated[np.arange(len(of)), np.arange(len(of))] = 0
        return stated / (stated.sum(-1) + silent)[..., None].clip(1e-300)

    def relations(
        self, boxes: Any, names: Sequence[str], *, size: tuple[float, float], least: float = LEAST, most: int = MAX_KEPT
    ) -> list[SceneRelation]:
        """The most probable predicate of each ordered pair whose probability is at least *least*: *most* relations, best first.

        Of more than :data:`MAX_PAIRED` objects only the first are paired (detectors list the best first).
        """
        boxes = np.asarray(boxes, np.float64).reshape(-1, 4)[:MAX_PAIRED]
        scores = self.posterior(boxes, names[:MAX_PAIRED], size=size)
        if not scores.size:
            return []
        best, of = scores.max(-1), scores.argmax(-1)
        pairs = np.argwhere(best >= least)
        order = np.argsort(-best[tuple(pairs.T)], kind="stable")[:most]
        found = [
            SceneRelation(i, self.predicates[of[i, j]], j, score=float(min(best[i, j], 1.0)), provenance="predicted")
            for i, j in pairs[order].tolist()
        ]
        return mark_mirrors(found, names)

    @cached_property
    def _likelihoods(self) -> tuple[np.ndarray, np.ndarray]:
        """P(g | p) (predicates, CELLS) and P(g | none) (CELLS,)."""
        every = (self.pair_cells + 1) / (self.pair_cells.sum() + CELLS)
        related = (self.related_cells + CELL_COUNT * every) / (self.related_cells.sum() + CELL_COUNT)
        silent = (self.pair_cells - self.related_cells).clip(0)
        none = (silent + CELL_COUNT * every) / (silent.sum() + CELL_COUNT)
        given = (self.cell_counts + CELL_COUNT * related) / (self.cell_counts.sum(1, keepdims=True) + CELL_COUNT)
        return given, none

    @cached_property
    def _pair_tables(self) -> tuple[np.ndarray, np.ndarray]:
        """r(s, o) (classes + 1, classes + 1) and P(p | s, o) (classes + 1, classes + 1, predicates); the last class is any other."""
        n, m = len(self.classes) + 1, len(self.predicates)
        count = np.zeros((n, n, m), np.float32)
        count[self.triples[:, 0], self.triples[:, 1], self.triples[:, 2]] = self.triples[:, 3]
        pairs, related = np.zeros((2, n, n))
        pairs[self.pairs[:, 0], self.pairs[:, 1]], related[self.pairs[:, 0], self.pairs[:, 1]] = self.pairs[:, 2:].T
        rate = (self.level * _shares(pairs, related)).clip(0, _LARGEST_RATE)
        total = count.sum(2, dtype=np.float64)
        overall = count.sum((0, 1)) / total.sum()
        of_subject, of_object = ((count.sum(k) + PAIR_COUNT * overall) / (total.sum(k)[:, None] + PAIR_COUNT) for k in (1, 0))
        coarse = of_subject[:, None] * of_object[None] / overall
        coarse /= coarse.sum(2, keepdims=True)
        return rate, (count + PAIR_COUNT * coarse) / (total[..., None] + PAIR_COUNT)

    # ------------------------------------------------------------------------------------------ file

    def save(self, path: str | Path) -> None:
        """Write the counts as one JSON file, which replaces *path* when it is complete."""
        arrays = {name: getattr(self, name).tolist() for name in ("triples", "pairs", "cell_counts", "pair_cells", "related_cells")}
        write_json(
            path,
            {"format": FORMAT, "about": self.about, "classes": self.classes, "predicates": self.predicates, "level": self.level, **arrays},
        )

    @classmethod
    def load(cls, path: str | Path) -> RelationPrior:
        """Read a file that :meth:`save` wrote.

        Raises
        ------
        InputError
            If the file is missing, or damaged, or another one.
        """
        where = f"relation prior '{path}'"
        data = Fields(read_json(path, "relation prior"), where)
        if data.get("format", None) != FORMAT:
            raise InputError(
                f"{where} has the format {brief(data.get('format', None))}, expected {FORMAT!r}; make it with 'train relations'"
            )
        classes, predicates = (_names(data, key) for key in ("classes", "predicates"))
        n, m = len(classes), len(predicates)
        return cls(
            classes, predicates, _table(data, "triples", (n, n, m, None)), _table(data, "pairs", (n, n, None, None)),
            _table(data, "cell_counts", (None,) * CELLS, m), _table(data, "pair_cells", (None,) * CELLS, flat=True)[0],
            _table(data, "related_cells", (None,) * CELLS, flat=True)[0], _level(data), data.inner("about", Fields({})).value,
        )  # fmt: skip


class _Count:
    def __init__(self) -> None:
        self.triples: Counter[tuple[str, str, str]] = Counter()
        self.pairs: Counter[tuple[str, str]] = Counter()
        self.cells: dict[str, np.ndarray] = {}
        self.boxed: Counter[tuple[str, str]] = Counter()
        self.joined: Counter[tuple[str, str]] = Counter()
        self.every, self.related = np.zeros(CELLS, np.int64), np.zeros(CELLS, np.int64)

    def add(self, scene: SceneGraph) -> None:
        names = [thing.name for thing in scene.objects]
        self.triples.update((names[r.subject], names[r.object], r.predicate) for r in scene.relations)
        ends = {(r.subject, r.object) for r in scene.relations}
        boxes = [thing.box for thing in scene.objects]
        boxed = scene.size is not None and bool(boxes) and all(box is not None for box in boxes)
        here = _class_pairs(names) if boxed else {pair: 1 for pair in _class_pairs(names)}
        joined = Counter((names[i], names[j]) for i, j in ends) if boxed else {(names[i], names[j]): 1 for i, j in ends}
        self.pairs.update(here)
        self.joined.update(joined)
        if not boxed or scene.size is None:
            return
        self.boxed.update(here)
        array = np.asarray(boxes, np.float64)
        where = cells(array[:, None], array[None], size=scene.size)
        apart = ~np.eye(len(boxes), dtype=bool)
        self.every += np.bincount(where[apart], minlength=CELLS)
        for i, j in ends:
            self.related[where[i, j]] += 1
        for r in scene.relations:
            self.cells.setdefault(r.predicate, np.zeros(CELLS, np.int64))[where[r.subject, r.object]] += 1

    def prior(self, about: dict[str, Any]) -> RelationPrior:
        seen: Counter[str] = Counter()
        spoken: Counter[str] = Counter()
        for (subject, object, predicate), count in self.triples.items():
            seen.update({subject: count})
            seen.update({object: count})
            spoken.update({predicate: count})
        classes, predicates = _frequent(seen, MAX_CLASSES), _frequent(spoken, MAX_PREDICATES)
        c, p = ({name: k for k, name in enumerate(some)} for some in (classes, predicates))
        triples = sorted((c[s], c[o], p[q], n) for (s, o, q), n in self.triples.items() if s in c and o in c and q in p)
        pairs = np.array(sorted((c[s], c[o], n, self.joined[s, o]) for (s, o), n in self.pairs.items() if s in c and o in c), np.int64)
        pairs = pairs.reshape(-1, 4)
        with_boxes = np.array([self.boxed[classes[s], classes[o]] for s, o in pairs[:, :2].tolist()])
        expected = float((with_boxes * _shares(pairs[:, 2], pairs[:, 3])).sum())
        level = float(self.related.sum()) / expected if expected else 1.0
        none = np.zeros(CELLS, np.int64)
        counted = np.stack([self.cells.get(name, none) for name in predicates])
        return RelationPrior(
            tuple(classes), tuple(predicates), np.array(triples, np.int64).reshape(-1, 4), pairs,
            counted, self.every, self.related, level, about,
        )  # fmt: skip


def _class_pairs(names: list[str]) -> dict[tuple[str, str], int]:
    """How many ordered pairs of different objects there are of each two classes."""
    number = Counter(names)
    found = {(s, o): count * (other - (s == o)) for s, count in number.items() for o, other in number.items()}
    return {pair: count for pair, count in found.items() if count}


def _shares(pairs: np.ndarray, related: np.ndarray) -> np.ndarray:
    """Smoothed share of *pairs* that are *related*."""
    usual = related.sum() / max(pairs.sum(), 1)
    return (related + PAIR_COUNT * usual) / (pairs + PAIR_COUNT)


def _level(data: Fields) -> float:
    level = data.get("level")
    if not is_number(level) or not 0 < level <= 1e6:
        raise data.refuse("level", "a number above 0")
    return float(level)


def _frequent(count: Counter[str], most: int) -> list[str]:
    """The most frequent names, sorted; of equally frequent ones the first in the alphabet, whatever the order in which they came."""
    return sorted(sorted(count, key=lambda name: (-count[name], name))[:most])


def _names(data: Fields, key: str) -> tuple[str, ...]:
    names, most = data.texts(key), {"classes": MAX_CLASSES, "predicates": MAX_PREDICATES}[key]
    if not 0 < len(names) <= most or len(set(names)) < len(names):
        raise data.refuse(key, f"1 to {most} different names")
    return tuple(names)


def _table(data: Fields, key: str, below: tuple[int | None, ...], rows: int | None = None, *, flat: bool = False) -> np.ndarray:
    """Rows of counts, int64: each column below its limit, none negative, so that no index can lead outside."""
    found = data.values(key)
    found = [found] if flat else found
    wrong = data.refuse(key, f"rows of {len(below)} whole numbers in range")
    if rows is not None and len(found) != rows:
        raise wrong
    for row in found:
        if not isinstance(row, list) or len(row) != len(below):
            raise wrong
        for value, limit in zip(row, below, strict=True):
            number = None if isinstance(value, str) else whole_number(value)
            if number is None or not 0 <= number < (2**31 if limit is None else limit):
                raise wrong
    return np.array(found, np.int64).reshape(-1, len(below))


#: ways to relate the objects of an image; ``prior:FILE`` is a file of ``hetero-xmodal train relations``
RELATIONS = ("geometry", "none", "prior:FILE")


def check_relations(relations: bool | str) -> tuple[str, str]:
    """(``"geometry"``, ``"none"`` or ``"prior"``, file) of the option *relations*; nothing is loaded.

    Raises
    ------
    InputError
        If it is another way, or there is no such file.

    >>> check_relations(True), check_relations("none")
    (('geometry', ''), ('none', ''))
    """
    if isinstance(relations, bool):
        return ("geometry" if relations else "none"), ""
    kind, _, file = str(relations).partition(":")
    if kind == "prior" and file:
        return kind, str(existing_file(file, "relation prior"))
    if kind == "prior":
        raise InputError(
            "relations='prior' needs the file of its counts; make one with 'hetero-xmodal train relations --data vrd:FOLDER --out FILE' "
            "and give prior:FILE"
        )
    if file or kind not in RELATIONS:
        raise InputError(f"relations is {relations!r}{nearest(kind, RELATIONS)}; give {', '.join(RELATIONS)}")
    return kind, ""


def load_prior(path: str | Path) -> tuple[RelationPrior, str]:
    """The counts in a file, and the hash that identifies it; the last four are kept, so that a loop over images reads a file once.

    Raises
    ------
    InputError
        As :meth:`RelationPrior.load`.
    """
    status = Path(existing_file(path, "relation prior")).stat()
    return _loaded(str(path), status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=4)
def _loaded(path: str, *stamp: int) -> tuple[RelationPrior, str]:
    return RelationPrior.load(path), file_hash(path)
