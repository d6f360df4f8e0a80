"""Recall of relations on photographs of VRD, with the annotated boxes and classes: the frequency prior beside geometry alone.

    python benchmarks/relation_prior.py --data vrd:FOLDER
    python benchmarks/relation_prior.py --triples triples_of_985_images.json --graphs graphs.json [--folds 5]

With a whole VRD folder, its training photographs are counted and its test photographs scored. With the two files (45 photographs with
boxes; relations of 985 photographs by class alone, among which are the 45), the relations of the 940 others are counted for every fold, and
the boxes of the photographs of the other folds; every photograph is scored once.

Two protocols, after Lu et al. (2016), with annotated boxes and classes given to every method:

* predicates: the candidates are the annotated ordered pairs of an image (a pair with two predicates is one pair);
* relations: the candidates are all ordered pairs of different objects of an image.

Each image's candidates (pair, predicate) are ranked by score; R@K is the share of all annotated relations, over all images, that are among
the first K of their image. ``one``: each pair keeps its best predicate alone (k = 1 in the paper); ``all``: every predicate of a pair is a
candidate (k = 70). Predicates must be equal as written: "next to" for "beside" is wrong. Intervals: 1,000 bootstrap samples of images.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from hetero_xmodal.parsers.geometry import PREDICATES, relation_matrix
from hetero_xmodal.parsers.relation_prior import RelationPrior
from hetero_xmodal.scenes import SceneGraph, SceneObject, SceneRelation

#: the rules of geometry in the words of VRD
WORDS = {"left of": "on the left of", "right of": "on the right of"}
#: (n, n, predicates) scores and the predicates' names
Scores = tuple[np.ndarray, Sequence[str]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="vrd:FOLDER, the published folder")
    parser.add_argument("--triples", type=Path), parser.add_argument("--graphs", type=Path)
    parser.add_argument("--folds", type=int, default=5)
    options = parser.parse_args()
    if options.data:
        from hetero_xmodal.data.registry import open_source

        source = open_source(options.data)
        parts = [[item.scene for item in source.items(split)] for split in ("train", "test")]
        folds = [(parts[0], parts[1])]
    else:
        drawn = read_graphs(options.graphs)
        known = {scene.id for scene in drawn}
        named = [scene for scene in read_triples(options.triples) if scene.id not in known]
        order = np.random.default_rng(0).permutation(len(drawn))
        folds = []
        for k in range(options.folds):
            test = set(order[k :: options.folds].tolist())
            folds.append(([*named, *(s for i, s in enumerate(drawn) if i not in test)], [drawn[i] for i in sorted(test)]))
    tested = [scene for _, test in folds for scene in test]
    print(
        f"{len(tested)} photographs, {sum(len(s.relations) for s in tested)} relations, "
        f"{sum(len(s.objects) * (len(s.objects) - 1) for s in tested)} ordered pairs; counted in {len(folds[0][0])} (first fold)"
    )
    methods = {"chance": chance, "geometry, rules": rules, "geometry, counted": places, "classes": classes, "classes and geometry": both}
    print(f"{'':24}" + "".join(f"{name:>22}" for name in ("predicates one", "predicates all", "relations one", "relations all")))
    print(f"{'':24}" + f"{'R@20':>14}{'R@50':>8}" * 4)
    for name, method in methods.items():
        cells = []
        for protocol in ("predicates", "relations"):
            for several in (False, True):
                cells += [recall(folds, method, protocol, several, k) for k in (20, 50)]
        print(f"{name:24}" + "".join(f"{value:{14 if k % 2 == 0 else 8}.3f}" for k, (value, _, _) in enumerate(cells)))
        if name in ("geometry, rules", "classes and geometry"):
            print(f"{'  95 %':24}" + "  ".join(f"{low:.2f}-{high:.2f}" for _, low, high in cells))
    print("stated by 'relations' (best predicate of a pair), and the share that annotators state too, word for word:")
    for least in (0.2, 0.3, 0.4, 0.5):
        stated, right = 0, 0
        for train, test in folds:
            for scene in test:
                found = _fitted(train).relations(*_of(scene), size=scene.size, least=least, most=10_000)
                truth = {(r.subject, r.predicate, r.object) for r in scene.relations}
                stated, right = stated + len(found), right + sum((r.subject, r.predicate, r.object) in truth for r in found)
        print(f"  probability at least {least}: {stated} relations, {right / max(1, stated):.3f}")


def read_graphs(path: Path) -> list[SceneGraph]:
    """The photographs with boxes."""
    scenes = []
    for entry in json.loads(path.read_text(encoding="utf-8")):
        things: dict[tuple, int] = {}
        relations = []
        for row in entry["relationships"]:
            ends = [things.setdefault((row[side]["name"], tuple(row[side]["box_xyxy"])), len(things)) for side in ("subject", "object")]
            relations.append((ends[0], row["predicate"], ends[1]))
        objects = [SceneObject(name, box=box) for name, box in things]
        kept = [SceneRelation(s, p, o) for s, p, o in dict.fromkeys(relations) if s != o]
        scenes.append(SceneGraph(objects, kept, size=(entry["width"], entry["height"]), id=entry["file_name"]))
    return scenes


def read_triples(path: Path) -> list[SceneGraph]:
    """The photographs of which only names are known: one object of each class, two of a class that is related to itself."""
    scenes = []
    for entry in json.loads(path.read_text(encoding="utf-8")):
        names: list[str] = []
        relations = []
        for subject, predicate, object in entry["relationships"]:
            places = []
            for name, which in ((subject, 0), (object, int(subject == object))):
                while names.count(name) <= which:
                    names.append(name)
                places.append([k for k, other in enumerate(names) if other == name][which])
            relations.append(SceneRelation(places[0], predicate, places[1]))
        scenes.append(SceneGraph([SceneObject(name) for name in names], relations, id=entry["file_name"]))
    return scenes


# ---------------------------------------------------------------------------------------------- methods


def chance(prior: RelationPrior, scene: SceneGraph) -> Scores:
    n = len(scene.objects)
    return np.random.default_rng(len(scene.relations)).random((n, n, len(prior.predicates))), prior.predicates


def rules(prior: RelationPrior, scene: SceneGraph) -> Scores:
    """The package's rules; of several pairs with a relation the nearer comes first."""
    boxes, names = _of(scene)
    codes = relation_matrix(boxes, names, size=scene.size, hold=False)
    a, b = boxes[:, None], boxes[None]
    gap = (np.maximum(a[..., :2], b[..., :2]) - np.minimum(a[..., 2:], b[..., 2:])).clip(0)
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    far = np.sqrt((gap**2).sum(-1)) + 1e-3 * np.linalg.norm(centres[:, None] - centres[None], axis=-1)
    scores = np.stack([(codes == k) / (1 + far) for k in range(len(PREDICATES))], -1)
    return scores, [WORDS.get(word, word) for word in PREDICATES]


def places(prior: RelationPrior, scene: SceneGraph) -> Scores:
    """The counts of where boxes lie, without the classes: P(p) P(g | p) over all objects."""
    boxes, _ = _of(scene)
    return prior.posterior(boxes, ["?"] * len(boxes), size=scene.size), prior.predicates


def classes(prior: RelationPrior, scene: SceneGraph) -> Scores:
    """The counts of the classes, without the boxes."""
    none = np.zeros_like(prior.pair_cells)
    blind = RelationPrior(prior.classes, prior.predicates, prior.triples, prior.pairs, 0 * prior.cell_counts, none, none, prior.level)
    boxes, names = _of(scene)
    return blind.posterior(boxes, names, size=scene.size), prior.predicates


def both(prior: RelationPrior, scene: SceneGraph) -> Scores:
    boxes, names = _of(scene)
    return prior.posterior(boxes, names, size=scene.size), prior.predicates


def _of(scene: SceneGraph) -> tuple[np.ndarray, list[str]]:
    return np.array([thing.box for thing in scene.objects], float), [thing.name for thing in scene.objects]


# ---------------------------------------------------------------------------------------------- recall


def recall(
    folds: list, method: Callable[[RelationPrior, SceneGraph], Scores], protocol: str, several: bool, k: int
) -> tuple[float, float, float]:
    """R@K, and the 2.5 and 97.5 % points of the bootstrap over images."""
    hits, truths = [], []
    for train, test in folds:
        prior = _fitted(train)
        for scene in test:
            scores, predicates = method(prior, scene)
            hits.append(_hits(scene, scores, predicates, protocol, several, k)), truths.append(len(scene.relations))
    found, every = np.array(hits), np.array(truths)
    samples = np.random.default_rng(0).integers(len(found), size=(1000, len(found)))
    shares = found[samples].sum(1) / every[samples].sum(1)
    return found.sum() / every.sum(), *np.quantile(shares, [0.025, 0.975])


_PRIORS: dict[int, RelationPrior] = {}


def _fitted(train: list[SceneGraph]) -> RelationPrior:
    if id(train) not in _PRIORS:
        _PRIORS[id(train)] = RelationPrior.fit(train)
    return _PRIORS[id(train)]


def _hits(scene: SceneGraph, scores: np.ndarray, predicates: Sequence[str], protocol: str, several: bool, k: int) -> int:
    n = len(scene.objects)
    pairs = {(r.subject, r.object) for r in scene.relations} if protocol == "predicates" else None
    pairs = sorted(pairs) if pairs is not None else [(i, j) for i in range(n) for j in range(n) if i != j]
    rows = scores[tuple(np.array(pairs).T)]
    if not several:
        best = rows.argmax(1)
        only = np.full_like(rows, -1.0)
        only[np.arange(len(rows)), best] = rows[np.arange(len(rows)), best]
        rows = only
    flat = rows.ravel()
    order = [place for place in np.argsort(-flat, kind="stable")[:k] if flat[place] > 0]
    said = {(*pairs[place // rows.shape[1]], predicates[place % rows.shape[1]]) for place in order}
    return sum(count for fact, count in Counter((r.subject, r.object, r.predicate) for r in scene.relations).items() if fact in said)


if __name__ == "__main__":
    main()
