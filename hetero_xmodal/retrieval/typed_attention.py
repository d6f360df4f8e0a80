"""What a TRAIL sees in one pair, as plain arrays for :func:`hetero_xmodal.viz.typed_match.draw_typed_match`: which word found which region,
what each part adds to the score, and what each typed edge changes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ..errors import InputError

if TYPE_CHECKING:
    from ..data.tasks.matching.said import SaidBatch, TypedSplit
    from ..recipes.trail import TRAIL


@dataclass(frozen=True)
class EdgeEffect:
    """What one typed edge of the sentence does.

    text : such as "red describes bird" or "bird on box"
    change : score with the edge minus score without it
    moved : words whose best region is another without the edge: (word, region with it, region without it)
    """

    text: str
    change: float
    moved: tuple[tuple[str, int, int], ...] = ()


@dataclass(frozen=True, eq=False)
class TypedMatch:
    """One pair of I words that look and B regions.

    words, regions : names of both; boxes : (B, 4) in pixels of an image of *size*, or None
    share : (I, B) s_ib of equation (3); what is missing to 1 in a row has found nothing
    score, parts : the score and what each part adds to it
    edges : the effect of each typed edge, the largest first
    """

    words: list[str]
    regions: list[str]
    boxes: np.ndarray | None
    size: tuple[int, int] | None
    share: np.ndarray
    score: float
    parts: dict[str, float]
    edges: list[EdgeEffect]


@torch.no_grad()
def typed_match(model: TRAIL, data: TypedSplit, caption: int) -> TypedMatch:
    """The pair that caption number *caption* of a split and its image make; *data* is made by :func:`~..training.trail.model_split`.

    Raises
    ------
    InputError : no such caption.
    """
    from ..recipes.typed_scores import PARTS

    if not 0 <= caption < len(data):
        raise InputError(f"caption {caption} does not exist; the split has captions 0 to {len(data) - 1}")
    model.eval()
    row = int(data.split.image_of_caption[caption])
    said = data.said.take([caption])
    image = model.images(*data.images([row]))

    def seen(batch: SaidBatch) -> tuple[float, np.ndarray, list[float]]:
        sentence = model.sentences(batch)
        cosine = model.cosines(image, sentence)
        parts = model.parts(image, sentence)
        score = float(model.score(parts, cosine))
        added = [float(w * p) for w, p in zip(model.weights, parts[:-1], strict=True)]
        added += [float(model.sharpness.exp() * cosine) * model.config.score_vector, float(parts[-1])]
        return score, model.shares(image, sentence)[0, 0].numpy(), added

    score, share, added = seen(said)
    names = [model.vocab["said"]["words"][k] for k in said.symbols.tolist()]
    looks = [i for i, yes in enumerate(model.looks(said).tolist()) if yes]
    texts = _texts(data, caption, names)
    effects = []
    for text, without in _without_each(model, said, texts):
        less, other, _ = seen(without)
        moved = [
            (texts[i], int(share[k].argmax()), int(other[k].argmax()))
            for k, i in enumerate(looks)
            if k < len(other) and share[k].argmax() != other[k].argmax()
        ]
        effects.append(EdgeEffect(text, score - less, tuple(moved)))
    regions = data.split.regions
    count = int(regions.counts[row])
    known = regions.names(row)
    return TypedMatch(
        [texts[i] for i in looks],
        [name or f"patch {b + 1}" for b, name in enumerate(known)],
        None if regions.boxes is None else np.asarray(regions.boxes[row][:count], np.float64),
        None if regions.sizes is None else (int(regions.sizes[row][0]), int(regions.sizes[row][1])),
        share[:, :count],
        score,
        dict(zip((*PARTS, "one vector", "sizes"), added, strict=True)),
        sorted(effects, key=lambda effect: -abs(effect.change)),
    )


@torch.no_grad()
def typed_pair(model: TRAIL, data: TypedSplit, caption: int) -> tuple[Any, dict[str, dict[str, torch.Tensor]], dict[str, list[str]]]:
    """The graph and the states (nodes, width) that ``model.recipe`` runs on for one pair, and the names of its nodes by type."""
    from .. import schema
    from ..data.tasks.matching.said import SEEN
    from ..graphs import build_graph
    from ..parsers.sentence import parse_sentence
    from ..recipes.trail import PAIR, SAID
    from ..recipes.trail import SEEN as SEEN_NODE
    from ..scenes import SceneGraph, SceneObject, SceneRelation

    regions, row = data.split.regions, int(data.split.image_of_caption[caption])
    features, _, relations, _ = data.images([row])
    count = len(features)
    names = [name or f"patch {b + 1}" for b, name in enumerate(regions.names(row))]
    boxes = [None] * count if regions.boxes is None else [tuple(map(float, box)) for box in regions.boxes[row][:count]]
    size = None if regions.sizes is None else (int(regions.sizes[row][0]), int(regions.sizes[row][1]))
    stated = [SceneRelation(a, SEEN[q], b) for a, q, b in relations.tolist()]
    scene = SceneGraph([SceneObject(name, box=box) for name, box in zip(names, boxes, strict=True)], stated, size=size)
    graph = build_graph(scene, parse_sentence(data.split.captions[caption]))
    said = data.said.take([caption])
    typed, states = model.pair(graph, features, said.vectors)
    words, known = schema.decode_text(graph.nodes[schema.WORD].data["text"]), model.vocab["said"]
    i, p, j = said.relations[:, : len(states[SAID]["u"])]
    spoken = [f"{words[a]} {known['predicates'][q]} {words[b]}" for a, q, b in zip(i.tolist(), p.tolist(), j.tolist(), strict=True)]
    seen = [f"{names[a]} {SEEN[q]} {names[b]}" for a, q, b in relations.tolist()]
    return typed, states, {schema.VISUAL: names, schema.WORD: words, PAIR: ["pair"], SAID: spoken, SEEN_NODE: seen}


def _texts(data: TypedSplit, caption: int, names: list[str]) -> list[str]:
    from ..data.tasks.matching.said import parse_said

    if len(data.split.captions):
        written = parse_said([data.split.captions[caption]], progress=False)[0].texts
        if len(written) == len(names):
            return list(written)
    return names


def _without_each(model: TRAIL, said: SaidBatch, texts: list[str]):
    """Each typed edge in words, and the sentence without it."""
    kinds = model.config.edges
    if kinds not in ("none", "no-bindings"):
        for k, (u, v) in enumerate(said.describes.T.tolist()):
            keep = torch.arange(said.describes.shape[1]) != k
            yield f"{texts[u]} describes {texts[v]}", replace(said, describes=said.describes[:, keep])
    if kinds not in ("none", "no-relations"):
        for k, (i, p, j) in enumerate(said.relations.T.tolist()):
            keep = torch.arange(said.relations.shape[1]) != k
            predicate = model.vocab["said"]["predicates"][p]
            yield f"{texts[i]} {predicate} {texts[j]}", replace(said, relations=said.relations[:, keep])
