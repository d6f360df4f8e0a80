"""What of a pair graph is drawn: read from the tensors once, so that the drawing itself handles plain lists only."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .. import schema
from ..errors import InputError
from ..images import read_reduced

if TYPE_CHECKING:
    import dgl

#: an edge with the text that is written at it: relation, source, text, destination
Labelled = tuple[schema.Relation, int, str, int]

_MOST_OTHERS = 8  # nodes shown of a type that is neither region, word nor bridge


@dataclass
class DrawingModel:
    """What will be drawn, as plain Python lists; node indices are those of the graph.

    shown : node type -> indices of the nodes that are drawn; words in the order of the sentence.
    names : node type -> name of every node, drawn or not.
    attributes, boxes : of every region; boxes as x1, y1, x2, y2 in pixels of the original image.
    is_object : of every word: whether it is the head word of an object.
    said_of : of every word: the attributes of the object that it heads.
    lives_in : of every bridge: ``schema.IN_IMAGE`` or ``schema.IN_SENTENCE``.
    edges : relation -> (source, destination) of every edge.
    listed : relations between regions that are drawn as rows of text, in the order in which they deserve room.
    said : relations between words that are drawn as rows of text, in the order of the graph.
    arcs : labelled arcs between words.
    counts : node type -> number of nodes of the graph.
    notes : what is left out, one line each.
    image, size : the image, reduced (or ``None``), and width and height in pixels of the original.
    """

    shown: dict[str, list[int]] = field(default_factory=dict)
    names: dict[str, list[str]] = field(default_factory=dict)
    attributes: list[str] = field(default_factory=list)
    boxes: list[list[float]] = field(default_factory=list)
    is_object: list[bool] = field(default_factory=list)
    said_of: list[str] = field(default_factory=list)
    lives_in: list[int] = field(default_factory=list)
    edges: dict[schema.Relation, list[tuple[int, int]]] = field(default_factory=dict)
    listed: list[Labelled] = field(default_factory=list)
    said: list[Labelled] = field(default_factory=list)
    arcs: list[Labelled] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    image: Any = None
    size: tuple[float, float] | None = None

    @property
    def regions(self) -> list[int]:
        """Indices of the regions that are drawn."""
        return self.shown[schema.VISUAL]

    @property
    def words(self) -> list[int]:
        """Indices of the words that are drawn, in the order of the sentence."""
        return self.shown[schema.WORD]

    @property
    def bridges(self) -> list[int]:
        """Indices of the bridges that are drawn."""
        return self.shown[schema.BRIDGE]

    @property
    def others(self) -> list[str]:
        """Node types that have no column of their own and stand in rows below the others."""
        return [t for t in self.shown if t not in (schema.VISUAL, schema.WORD, schema.BRIDGE)]


def route(relation: schema.Relation) -> schema.Route:
    """How the edges of a relation are drawn: as its row says where its ends stand in the right column, else as curves.

    >>> route(("word", "depends", "word")), route(("visual", "has", "label"))
    ('arcs', 'curve')
    """
    wanted = schema.relation_type(relation).route
    columns = {"list": (schema.VISUAL, schema.WORD), "arcs": (schema.WORD,), "chain": (schema.WORD,)}.get(wanted, ())
    return wanted if relation[0] == relation[2] and relation[0] in columns else "curve"


def read_graph(graph: dgl.DGLGraph, image: Any, *, max_regions: int, max_words: int, max_relations: int) -> DrawingModel:
    """Choose what of a valid pair graph is drawn, and note what is left out.

    Raises
    ------
    InputError : the image cannot be read, or has another size than the one the boxes are measured in.
    """
    model = DrawingModel()
    visual = graph.nodes[schema.VISUAL].data
    for node_type in _in_schema_order(graph.ntypes, schema.KINDS["pair"][0]):
        model.counts[node_type] = graph.num_nodes(node_type)
        names = _texts(graph.nodes[node_type].data, schema.node_type(node_type).name_feature)
        model.names[node_type] = names or [f"{node_type} {k}" for k in range(model.counts[node_type])]
    for relation in _in_schema_order(graph.canonical_etypes, schema.kind_relations("pair")):
        source, destination = graph.edges(etype=relation)
        model.edges[relation] = list(zip(source.tolist(), destination.tolist(), strict=True))
    model.attributes, model.boxes = _texts(visual, "attributes"), _values(visual, "box")
    model.is_object = _values(graph.nodes[schema.WORD].data, "is_object")
    model.said_of = _texts(graph.nodes[schema.WORD].data, "attributes")
    model.lives_in = _values(graph.nodes[schema.BRIDGE].data, "lives_in")
    _read_image(model, visual, image)

    order = sorted(range(model.counts[schema.WORD]), key=_values(graph.nodes[schema.WORD].data, "position").__getitem__)
    words = order[:max_words]
    if len(order) > max_words:
        model.notes.append(f"the first {max_words} of {len(order)} words")
    same = model.edges[schema.VISUAL_SAME_AS_WORD]
    matched = {v for v, _ in same}
    ranked = sorted(range(model.counts[schema.VISUAL]), key=lambda v: (v not in matched, v))  # regions that the sentence names come first
    regions = sorted(ranked[:max_regions])
    if len(ranked) > max_regions:
        model.notes.append(f"{max_regions} of {len(ranked)} regions")
    model.shown = {schema.VISUAL: regions, schema.WORD: words}
    model.shown[schema.BRIDGE] = _shown_bridges(model)
    _choose_others(model)

    _choose_labelled(model, graph, matched, max_relations)
    return model


def _texts(frame: Any, name: str) -> list[str]:
    return schema.decode_text(frame[name]) if name in frame else []


def _values(frame: Any, name: str) -> list:
    return frame[name].tolist() if name in frame else []


def _in_schema_order(found: list, wanted: Any) -> list:
    """What the schema knows in its order, then the rest."""
    return [x for x in wanted if x in found] + [x for x in found if x not in wanted]


def _shown_bridges(model: DrawingModel) -> list[int]:
    """Bridges whose owner and its counterpart are both drawn."""
    regions, words = set(model.regions), set(model.words)
    both = {(v, w) for v, w in model.edges[schema.VISUAL_SAME_AS_WORD] if v in regions and w in words}
    owners = {
        *(b for v, b in model.edges[schema.VISUAL_COPIED_TO] if v in {v for v, _ in both}),
        *(b for w, b in model.edges[schema.WORD_COPIED_TO] if w in {w for _, w in both}),
    }
    return sorted(owners)


def _choose_others(model: DrawingModel) -> None:
    """Of every other node type those nodes that have an edge with a region or word that is drawn; where none has one, the first."""
    for node_type in [t for t in model.counts if t not in model.shown]:
        sides = {t: set(model.shown[t]) for t in (schema.VISUAL, schema.WORD)}
        joined: set[int] = set()
        for (source, _, destination), edges in model.edges.items():
            if destination == node_type and source in sides:
                joined |= {b for a, b in edges if a in sides[source]}
            if source == node_type and destination in sides:
                joined |= {a for a, b in edges if b in sides[destination]}
        count = model.counts[node_type]
        model.shown[node_type] = (sorted(joined) or list(range(count)))[:_MOST_OTHERS]
        if len(model.shown[node_type]) < count:
            model.notes.append(f"{len(model.shown[node_type])} of {count} {schema.node_type(node_type).plural}")


def _choose_labelled(model: DrawingModel, graph: dgl.DGLGraph, matched: set[int], max_relations: int) -> None:
    """The arcs and relations between words that are drawn, and of the relations between regions those that tell the most."""
    candidates: list[tuple[Labelled, float]] = []
    total = total_said = 0
    for relation, edges in model.edges.items():
        way = route(relation)
        if way not in ("list", "arcs"):
            continue
        frame, shown = graph.edges[relation].data, set(model.shown[relation[0]])
        texts = _texts(frame, schema.relation_type(relation).text_feature) or [""] * len(edges)
        scores = _values(frame, "score") or [1.0] * len(edges)
        found = [((relation, a, t, b), q) for (a, b), t, q in zip(edges, texts, scores, strict=True) if {a, b} <= shown]
        if way == "arcs":
            model.arcs += [edge for edge, _ in found]
        elif relation[0] == schema.WORD:
            model.said += [edge for edge, _ in found][: max_relations - len(model.said)]
            total_said += len(edges)
        else:
            candidates += found
            total += len(edges)
    model.listed = _most_telling(candidates, matched)[:max_relations]
    if len(model.listed) < total:
        model.notes.append(f"{len(model.listed)} of {total} relations between regions")
    if len(model.said) < total_said:
        model.notes.append(f"{len(model.said)} of {total_said} relations between words")


#: predicate -> the predicate that states the same fact from the other end
_INVERSE = {"left of": "right of", "right of": "left of", "above": "below", "below": "above", "near": "near"}


def _most_telling(edges: list[tuple[Labelled, float]], matched: set[int]) -> list[Labelled]:
    """Edges between regions that the sentence names first, then by score; of an edge and its inverse only the first is kept."""
    kept: dict[Labelled, None] = {}
    for (relation, subject, predicate, thing), _ in sorted(edges, key=lambda e: (-len({e[0][1], e[0][3]} & matched), -e[1])):
        if (relation, thing, _INVERSE.get(predicate, ""), subject) not in kept:
            kept[relation, subject, predicate, thing] = None
    return list(kept)


def _read_image(model: DrawingModel, visual: Any, image: Any) -> None:
    """The image, reduced, and the size in pixels that the boxes are measured in."""
    if model.counts[schema.VISUAL]:
        model.size = tuple(visual["image_size"][0].tolist())
    if image is not None:
        model.image, size = read_reduced(image, longest_side=1000)  # more pixels than the figure could show
        if model.size is not None and tuple(size) != tuple(int(v) for v in model.size):
            width, height = model.size
            raise InputError(
                f"the image has {size[0]} x {size[1]} pixels, but the graph's boxes are measured in an image of "
                f"{width:g} x {height:g}; give the original image"
            )
        model.size = tuple(float(v) for v in size)
