"""What of a graph is drawn: read off the tensors once, so that the drawing itself deals with plain lists only."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .. import schema
from ..errors import InputError
from ..images import read_reduced

if TYPE_CHECKING:
    import dgl


@dataclass
class Plan:
    """What will be drawn, as plain Python lists: node indices are those of the graph, ``regions`` and ``words`` are the shown ones."""

    regions: list[int] = field(default_factory=list)
    words: list[int] = field(default_factory=list)
    bridges: list[int] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)
    names: dict[str, list[str]] = field(default_factory=dict)
    attributes: list[str] = field(default_factory=list)
    boxes: list[list[float]] = field(default_factory=list)
    is_object: list[bool] = field(default_factory=list)
    lives_in: list[int] = field(default_factory=list)
    edges: dict[schema.Relation, list[tuple[int, int]]] = field(default_factory=dict)
    relates: list[tuple[int, str, int]] = field(default_factory=list)
    arcs: list[tuple[int, str, int]] = field(default_factory=list)
    counts: dict[Any, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    image: Any = None
    size: tuple[float, float] | None = None


def read_plan(graph: dgl.DGLGraph, image: Any, max_regions: int, max_words: int, max_relations: int) -> Plan:
    """Choose what of a valid pair graph is drawn, and note what is left out."""

    def texts(frame: Any, name: str) -> list[str]:
        return schema.decode_text(frame[name]) if name in frame else []

    def values(frame: Any, name: str) -> list:
        return frame[name].tolist() if name in frame else []

    plan = Plan()
    visual, word, bridge, label = (graph.nodes[t].data for t in (schema.VISUAL, schema.WORD, schema.BRIDGE, schema.LABEL))
    plan.names = {
        schema.VISUAL: texts(visual, "name"),
        schema.WORD: texts(word, "text"),
        schema.BRIDGE: texts(bridge, "name"),
        schema.LABEL: texts(label, "name"),
    }
    plan.attributes, plan.boxes = texts(visual, "attributes"), values(visual, "box")
    plan.is_object, plan.lives_in = values(word, "is_object"), values(bridge, "lives_in")
    for relation in schema.kind_relations("pair"):
        source, target = graph.edges(etype=relation)
        plan.edges[relation] = list(zip(source.tolist(), target.tolist(), strict=True))
        plan.counts[relation[1]] = plan.counts.get(relation[1], 0) + len(plan.edges[relation])
    for node_type in (schema.VISUAL, schema.WORD, schema.BRIDGE, schema.LABEL):
        plan.counts[node_type] = graph.num_nodes(node_type)
    _read_image(plan, visual, image)

    same = plan.edges[schema.VISUAL_SAME_AS_WORD]
    order = sorted(range(plan.counts[schema.WORD]), key=values(word, "position").__getitem__)
    plan.words = order[:max_words]
    if len(order) > max_words:
        plan.notes.append(f"the first {max_words} of {len(order)} words")
    matched = {v for v, _ in same}
    ranked = sorted(range(plan.counts[schema.VISUAL]), key=lambda v: (v not in matched, v))  # regions that the sentence names come first
    plan.regions = sorted(ranked[:max_regions])
    if len(ranked) > max_regions:
        plan.notes.append(f"{max_regions} of {len(ranked)} regions")

    shown = {schema.VISUAL: set(plan.regions), schema.WORD: set(plan.words)}
    owner = {b: (schema.VISUAL, v) for v, b in plan.edges[schema.VISUAL_COPIED_TO]}
    owner |= {b: (schema.WORD, w) for w, b in plan.edges[schema.WORD_COPIED_TO]}
    both = {(schema.VISUAL, v) for v, w in same if v in shown[schema.VISUAL] and w in shown[schema.WORD]}
    both |= {(schema.WORD, w) for v, w in same if (schema.VISUAL, v) in both}
    plan.bridges = [b for b in range(plan.counts[schema.BRIDGE]) if owner[b] in both]
    with_edge = {}
    for relation in (schema.VISUAL_HAS_LABEL, schema.WORD_HAS_LABEL):
        for source, target in plan.edges[relation]:
            if source in shown[relation[0]]:
                with_edge.setdefault(target, None)
    plan.labels = (sorted(with_edge) or list(range(plan.counts[schema.LABEL])))[:8]
    if len(plan.labels) < plan.counts[schema.LABEL]:
        plan.notes.append(f"{len(plan.labels)} of {plan.counts[schema.LABEL]} labels")

    predicates, scores = texts(graph.edges[schema.RELATES].data, "predicate"), values(graph.edges[schema.RELATES].data, "score")
    relates = [(s, p, o, q) for (s, o), p, q in zip(plan.edges[schema.RELATES], predicates, scores, strict=True)]
    relates = [r for r in relates if {r[0], r[2]} <= shown[schema.VISUAL]]
    plan.relates = [r[:3] for r in _most_telling(relates, matched)[:max_relations]]
    if len(plan.relates) < plan.counts["relates"]:
        plan.notes.append(f"{len(plan.relates)} of {plan.counts['relates']} relations between regions")
    arcs = texts(graph.edges[schema.DEPENDS].data, "arc")
    plan.arcs = [(d, a, h) for (d, h), a in zip(plan.edges[schema.DEPENDS], arcs, strict=True) if {d, h} <= shown[schema.WORD]]
    return plan


# Said of (a, b), the one says nothing that the other, said of (b, a), has not said.
_INVERSE = {"left of": "right of", "right of": "left of", "above": "below", "below": "above", "near": "near"}


def _most_telling(relates: list[tuple[int, str, int, float]], matched: set[int]) -> list[tuple[int, str, int, float]]:
    """Relations in the order they deserve room: between regions that the sentence names first; mere inverses are left out."""
    ranked = sorted(relates, key=lambda r: (-len({r[0], r[2]} & matched), -r[3]))
    said: dict[tuple[int, str, int], tuple[int, str, int, float]] = {}
    for subject, predicate, thing, score in ranked:
        if (thing, _INVERSE.get(predicate, ""), subject) not in said:
            said[subject, predicate, thing] = (subject, predicate, thing, score)
    return list(said.values())


def _read_image(plan: Plan, visual: Any, image: Any) -> None:
    if plan.counts[schema.VISUAL]:
        plan.size = tuple(visual["image_size"][0].tolist())
    if image is not None:
        plan.image, size = read_reduced(image, longest_side=1000)  # more pixels than the figure could show
        if plan.size is not None and tuple(size) != tuple(int(v) for v in plan.size):
            width, height = plan.size
            raise InputError(
                f"the image has {size[0]} x {size[1]} pixels, but the graph's boxes are measured in an image of "
                f"{width:g} x {height:g}; give the original image"
            )
        plan.size = tuple(float(v) for v in size)
