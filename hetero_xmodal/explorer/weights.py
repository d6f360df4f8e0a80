"""The weights of a trained recipe on the graph of a pair, as plain data for the page.

The nodes of a trace are joined with those of the pair: regions and words that are the same by name, words by their text in order, regions
by their boxes. What the model has beside them (a region of its own, a node for the whole image) is a node of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import schema
from ..errors import InputError

if TYPE_CHECKING:
    from ..evaluation.trace import EdgeWeights
    from ..graphs.corpus import GraphCorpus
    from ..message_passing import StepTrace

#: edges of one step that are shown, the largest, and from how many nodes on a type beyond the pair's graph is shown as one node
_EDGES, _MANY = 400, 24
#: shared area over joined area from which a region of the model is one of the pair
_SAME_BOX = 0.5

#: number of a pair -> what :func:`weights_of` gives for it
Weights = Callable[[int], dict[str, Any]]


def weigher(corpus: GraphCorpus, recipe: Any, model: Any, states: Any) -> Weights | None:
    """A function that traces a pair of the corpus; nothing without a recipe and a model.

    Raises
    ------
    InputError : a model that cannot be traced.
    """
    if recipe is None and model is None:
        return None
    from ..evaluation.trace import load_traced, trace
    from ..graphs.corpus import GraphCorpus
    from ..message_passing import Recipe

    assert isinstance(corpus, GraphCorpus)
    if isinstance(recipe, Recipe):
        return lambda pair: _of_recipe(corpus, pair, recipe, states)
    name, trained = load_traced(recipe, model)

    def of_model(pair: int) -> dict[str, Any]:
        from ..images import read_image

        graph_image = _image(corpus, pair)
        picture = read_image(graph_image)
        scene = {} if name != "cam" else {"image_scene": _scene(corpus, pair, picture.size)}
        found = trace(picture, corpus.only("pair", [pair]).sentences[0], recipe=name, model=trained, **scene)
        return weights_of(corpus, pair, found)

    return of_model


def _of_recipe(corpus: GraphCorpus, pair: int, recipe: Any, states: Any) -> dict[str, Any]:
    import torch

    from ..evaluation.trace import EdgeWeights
    from ..images import read_image

    graph = corpus[pair]
    with torch.no_grad():
        made = recipe.trace(graph, states(graph) if callable(states) else states)
    blank = np.zeros((1, 1, 3), np.uint8)
    return weights_of(corpus, pair, EdgeWeights(read_image(blank), "", recipe.name or "recipe", {"recipe": made}))


def _image(corpus: GraphCorpus, pair: int) -> Any:
    from ..data.datasets.corpus import image_of

    path = corpus.only("pair", [pair]).images[0]
    if not path:
        raise InputError(f"the image of pair {corpus.only('pair', [pair]).ids[0]!r} has no file, and a model reads the image itself")
    return image_of(path)


def _scene(corpus: GraphCorpus, pair: int, size: tuple[int, int]) -> Any:
    from ..data.datasets.corpus import scene_of

    return scene_of(corpus, int(corpus.pair_ends()[0][pair]), size)


def weights_of(corpus: GraphCorpus, pair: int, found: EdgeWeights) -> dict[str, Any]:
    """A trace as data: ``{"recipe", "nodes": [{"key", "type", "name", "box"?}], "steps": [{"name", "weighing", "edges", "left_out"}]}``.

    An edge is ``[source, destination, weight, relation]`` with the places of its ends among the nodes.
    """
    from .content import pair_graphs

    own = pair_graphs(corpus, [pair])[0]["nodes"]
    nodes: dict[str, dict[str, Any]] = {}
    steps: list[dict[str, Any]] = []
    for part, traced in found.traces.items():
        keys = {kind: _keys(kind, traced, own, found) for kind in _types(traced.steps)}
        for step in traced.steps:
            title = step.step.name if len(found.traces) == 1 else f"{part}: {step.step.name}"
            steps.append({"name": title, "weighing": str(step.step.describe()["weigh"]), **_edges(step, keys, nodes)})
    return {"recipe": found.recipe, "nodes": list(nodes.values()), "steps": steps}


def _types(steps: tuple[StepTrace, ...]) -> list[str]:
    return sorted({end for step in steps for relation in step.edges for end in (relation[0], relation[2])})


def _keys(kind: str, traced: Any, own: Mapping[str, list[dict[str, Any]]], found: EdgeWeights) -> list[dict[str, Any]]:
    """The node of the page for every node of a type in the trace."""
    ends = [edges.source if relation[0] == kind else edges.target for step in traced.steps for relation, edges in step.edges.items()
            if kind in (relation[0], relation[2])]  # fmt: skip
    both = [edges.target for step in traced.steps for relation, edges in step.edges.items() if relation[2] == kind]
    count = max((int(numbers.max()) + 1 for numbers in [*ends, *both] if len(numbers)), default=0)
    names = list(traced.names.get(kind, ()))[:count]
    names += [""] * (count - len(names))
    same: dict[int, int] = {}
    if kind in own:
        here = own[kind]
        if [node["name"] for node in here] == names:
            same = {k: k for k in range(count)}
        elif kind == schema.VISUAL:
            same = _by_boxes(found.boxes, [node["box"] for node in here])
        else:
            same = _in_order(names, [node["name"] for node in here])
    if kind not in own and count > _MANY:
        return [{"key": f"{kind}*", "type": kind, "name": f"{kind} (mean of {count})"}] * count
    made = []
    for k, name in enumerate(names):
        node: dict[str, Any] = {"key": f"{kind}:{same[k]}" if k in same else f"{kind}*:{k}", "type": kind, "name": name or kind}
        if kind == schema.VISUAL and k not in same and k < len(found.boxes):
            node["box"] = [round(float(v), 2) for v in found.boxes[k]]
        made.append(node)
    return made


def _by_boxes(boxes: Any, others: list[list[float]]) -> dict[int, int]:
    """Each region of the model -> the region of the pair that overlaps it most, one to one."""
    if not len(boxes) or not others:
        return {}
    a, b = np.asarray(boxes, float)[:, None, :], np.asarray(others, float)[None, :, :]
    sides = (np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2])).clip(0)
    shared = sides.prod(-1)
    areas = [(box[..., 2:] - box[..., :2]).clip(0).prod(-1) for box in (a, b)]
    overlap = shared / np.maximum(areas[0] + areas[1] - shared, 1e-9)
    made: dict[int, int] = {}
    for place in np.argsort(-overlap, axis=None, kind="stable"):
        k, other = divmod(int(place), overlap.shape[1])
        if overlap[k, other] < _SAME_BOX:
            break
        if k not in made and other not in made.values():
            made[k] = other
    return made


def _in_order(names: list[str], others: list[str]) -> dict[int, int]:
    """Each token of the model -> the word of the pair with its text, in the order of both."""
    from difflib import SequenceMatcher

    matcher = SequenceMatcher(None, [n.lower() for n in names], [n.lower() for n in others], autojunk=False)
    return {block.a + k: block.b + k for block in matcher.get_matching_blocks() for k in range(block.size)}


def _edges(step: StepTrace, keys: Mapping[str, list[dict[str, Any]]], nodes: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The edges of one step, the largest first; the weights of several that join the same two nodes of the page are averaged."""
    weights: dict[tuple[str, str, str], list[float]] = {}
    for relation, edges in step.edges.items():
        for source, target, weight in zip(edges.source.tolist(), edges.target.tolist(), edges.weight.tolist(), strict=True):
            ends = keys[relation[0]][source], keys[relation[2]][target]
            nodes.update({end["key"]: end for end in ends if end["key"] not in nodes})
            weights.setdefault((ends[0]["key"], ends[1]["key"], relation[1]), []).append(weight)
    place = {key: k for k, key in enumerate(nodes)}
    rows = [(place[a], place[b], round(sum(w) / len(w), 5), name) for (a, b, name), w in weights.items()]
    rows.sort(key=lambda row: -row[2])
    return {"edges": rows[:_EDGES], "left_out": max(0, len(rows) - _EDGES)}
