"""The vocabulary of every graph in this package: node types, relations, their features, and ``validate``.

A graph is a plain ``dgl.DGLGraph`` of one of two *kinds*:

* ``pair``: one picture and one sentence: ``visual``, ``word``, ``bridge`` and ``label`` nodes;
* ``labels``: the label correlation graph of a data set: ``label`` nodes only.

Rules that hold everywhere:

* relations are canonical triples ``(source type, relation, destination type)`` and are read as a sentence:
  ``(visual, same_as, word)``, ``(word, depends, word)``: the source depends on its head;
* messages run from source to destination: an edge j -> i carries what row i of a paper's matrix takes from column j;
* a graph carries every node type and relation of its kind, even with no node or edge in it;
* boxes are ``x1, y1, x2, y2`` in pixels of the original picture (origin top left, x to the right, y down);
* names are stored on the graph itself as zero-padded UTF-8 bytes, so that a graph explains itself after
  batching, saving and loading, and so that no graph depends on any model's vocabulary.

>>> from hetero_xmodal import schema
>>> schema.kind_relations("labels")
[('label', 'co_occurs', 'label')]
>>> schema.decode_text(schema.encode_text(["bird", "red scarf"]))
['bird', 'red scarf']
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .errors import InputError

if TYPE_CHECKING:
    import dgl
    import numpy as np
    import torch

SCHEMA_VERSION = 1

VISUAL, WORD, BRIDGE, LABEL = "visual", "word", "bridge", "label"

Relation = tuple[str, str, str]

RELATES: Relation = (VISUAL, "relates", VISUAL)
DEPENDS: Relation = (WORD, "depends", WORD)
FOLLOWS: Relation = (WORD, "follows", WORD)
VISUAL_SAME_AS_WORD: Relation = (VISUAL, "same_as", WORD)
WORD_SAME_AS_VISUAL: Relation = (WORD, "same_as", VISUAL)
VISUAL_COPIED_TO: Relation = (VISUAL, "copied_to", BRIDGE)
WORD_COPIED_TO: Relation = (WORD, "copied_to", BRIDGE)
BRIDGE_BESIDE_VISUAL: Relation = (BRIDGE, "beside", VISUAL)
VISUAL_BESIDE_BRIDGE: Relation = (VISUAL, "beside", BRIDGE)
BRIDGE_BESIDE_WORD: Relation = (BRIDGE, "beside", WORD)
WORD_BESIDE_BRIDGE: Relation = (WORD, "beside", BRIDGE)
RETURNS_TO_VISUAL: Relation = (BRIDGE, "returns_to", VISUAL)
RETURNS_TO_WORD: Relation = (BRIDGE, "returns_to", WORD)
VISUAL_HAS_LABEL: Relation = (VISUAL, "has", LABEL)
WORD_HAS_LABEL: Relation = (WORD, "has", LABEL)
CO_OCCURS: Relation = (LABEL, "co_occurs", LABEL)

#: values of ``bridge.lives_in``: a copy of a word stands in the image graph, a copy of a region in the sentence graph
IN_IMAGE, IN_SENTENCE = 0, 1


@dataclass(frozen=True)
class Feature:
    """One feature of a node type or relation: its dtype, its shape after the row axis, and what it means.

    ``shape`` holds ``None`` for a width that is free (but the same for all rows of a graph).
    ``text`` features are zero-padded UTF-8 bytes; read them with :func:`decode_text`.
    """

    name: str
    dtype: str
    shape: tuple[int | None, ...]
    meaning: str
    text: bool = False
    low: float | None = None
    high: float | None = None


def _text(name: str, width: int, meaning: str) -> Feature:
    return Feature(name, "uint8", (width,), meaning, text=True)


NODE_FEATURES: dict[str, tuple[Feature, ...]] = {
    VISUAL: (
        _text("name", 32, "class of the object, e.g. 'fire hydrant'"),
        _text("attributes", 96, "attributes joined by '; ', e.g. 'red; striped'"),
        Feature("box", "float32", (4,), "x1, y1, x2, y2 in pixels of the original picture"),
        Feature("image_size", "float32", (2,), "width, height of the original picture in pixels", low=1),
        Feature("score", "float32", (), "confidence of the detector, 1 for annotations", low=0, high=1),
        Feature("feature", "float32", (None,), "region feature; width 0 if the parser gave none"),
    ),
    WORD: (
        _text("text", 32, "the token as written"),
        _text("lemma", 32, "its dictionary form, lower case"),
        _text("pos", 8, "universal part of speech, e.g. 'NOUN'"),
        Feature("position", "int64", (), "index of the token in the sentence, punctuation counted", low=0),
        Feature("is_object", "bool", (), "true for the head word of an object of the sentence's scene graph"),
    ),
    BRIDGE: (
        _text("name", 32, "name that both sides share"),
        Feature("lives_in", "int64", (), "0: copy of a word in the image graph, 1: copy of a region in the sentence graph", low=0, high=1),
        Feature("score", "float32", (), "how sure the match is", low=0, high=1),
    ),
    LABEL: (
        _text("name", 32, "name of the category"),
        Feature("index", "int64", (), "column of the category in the data set's label matrix", low=0),
    ),
}

EDGE_FEATURES: dict[Relation, tuple[Feature, ...]] = {
    RELATES: (
        _text("predicate", 32, "relation of the scene graph, e.g. 'left of'"),
        Feature("score", "float32", (), "confidence of the relation", low=0, high=1),
    ),
    DEPENDS: (_text("arc", 16, "label of the dependency arc from a word to its head, e.g. 'amod'"),),
    FOLLOWS: (),
    VISUAL_SAME_AS_WORD: (Feature("score", "float32", (), "how sure the match is", low=0, high=1),),
    WORD_SAME_AS_VISUAL: (Feature("score", "float32", (), "how sure the match is", low=0, high=1),),
    VISUAL_COPIED_TO: (),
    WORD_COPIED_TO: (),
    BRIDGE_BESIDE_VISUAL: (),
    VISUAL_BESIDE_BRIDGE: (),
    BRIDGE_BESIDE_WORD: (),
    WORD_BESIDE_BRIDGE: (),
    RETURNS_TO_VISUAL: (),
    RETURNS_TO_WORD: (),
    VISUAL_HAS_LABEL: (),
    WORD_HAS_LABEL: (),
    CO_OCCURS: (
        Feature("probability", "float32", (), "P(destination | source) counted on the training labels", low=0, high=1),
        Feature("weight", "float32", (), "entry A[destination, source] of the re-weighted correlation matrix", low=0),
    ),
}

KINDS: dict[str, tuple[tuple[str, ...], tuple[Relation, ...]]] = {
    "pair": ((VISUAL, WORD, BRIDGE, LABEL), tuple(r for r in EDGE_FEATURES if r != CO_OCCURS)),
    "labels": ((LABEL,), (CO_OCCURS,)),
}

MEANING: dict[str | Relation, str] = {
    VISUAL: "an object region or a patch of the picture",
    WORD: "a token of the sentence, or a tag (punctuation is left out)",
    BRIDGE: "a copy of an object that both sides name, living in the other side's graph",
    LABEL: "a category",
    RELATES: "scene-graph relation from subject to object",
    DEPENDS: "a word depends on its head",
    FOLLOWS: "a word follows the word before it",
    VISUAL_SAME_AS_WORD: "both name one object (one-to-one)",
    WORD_SAME_AS_VISUAL: "both name one object (one-to-one)",
    VISUAL_COPIED_TO: "the region's copy that stands in the sentence graph",
    WORD_COPIED_TO: "the word's copy that stands in the image graph",
    BRIDGE_BESIDE_VISUAL: "a word's copy stands beside the matched region and that region's neighbours",
    VISUAL_BESIDE_BRIDGE: "the same, the other way",
    BRIDGE_BESIDE_WORD: "a region's copy stands beside the matched word and that word's neighbours",
    WORD_BESIDE_BRIDGE: "the same, the other way",
    RETURNS_TO_VISUAL: "the region's copy reports back to its owner",
    RETURNS_TO_WORD: "the word's copy reports back to its owner",
    VISUAL_HAS_LABEL: "the region is annotated with the category",
    WORD_HAS_LABEL: "the word is annotated with the category",
    CO_OCCURS: "how likely the destination is where the source is",
}


def kind_relations(kind: str) -> list[Relation]:
    """Canonical triples that every graph of *kind* (``"pair"`` or ``"labels"``) carries, in schema order."""
    if kind not in KINDS:
        raise InputError(f"unknown kind of graph {kind!r}; known kinds are {', '.join(KINDS)}")
    return list(KINDS[kind][1])


def relation_name(relation: Relation) -> str:
    """``('visual', 'same_as', 'word')`` -> ``'visual-same_as-word'``, the form used in files and messages."""
    return "-".join(relation)


# ---------------------------------------------------------------------------------------------- text as bytes


def text_width(owner: str | Relation, name: str) -> int:
    """Width in bytes of the text feature *name* of a node type or relation."""
    features = NODE_FEATURES[owner] if isinstance(owner, str) else EDGE_FEATURES[owner]
    return next(f.shape[0] for f in features if f.name == name)


def encode_text(texts: list[str], width: int = 32) -> torch.Tensor:
    """Strings -> zero-padded UTF-8 bytes, shape ``(n, width)`` uint8; longer strings are cut at a character.

    >>> encode_text(["cat"], width=5).tolist()
    [[99, 97, 116, 0, 0]]
    """
    import numpy as np
    import torch

    rows = np.zeros((len(texts), width), np.uint8)
    for row, text in zip(rows, texts, strict=True):
        data = text.encode("utf-8", "replace")
        if len(data) > width:  # never cut inside a multi-byte character
            data = data[:width].decode("utf-8", "ignore").encode("utf-8")
        row[: len(data)] = np.frombuffer(data, np.uint8)
    return torch.from_numpy(rows)


def text_array(rows: torch.Tensor | np.ndarray) -> np.ndarray:
    """Text rows ``(n, width)`` as a numpy array of byte strings ``(n,)``: compare, sort and count without a loop."""
    import numpy as np

    rows = np.ascontiguousarray(rows)
    return rows.view(f"S{rows.shape[1]}").reshape(len(rows))


def decode_text(rows: torch.Tensor | np.ndarray) -> list[str]:
    """Inverse of :func:`encode_text`: ``(n, width)`` bytes -> list of n strings."""
    return [data.decode("utf-8", "replace") for data in text_array(rows).tolist()]


# ---------------------------------------------------------------------------------------------- validation


def graph_kind(graph: dgl.DGLGraph) -> str:
    """``"pair"`` or ``"labels"``, told from the node types of *graph*."""
    return "labels" if set(graph.ntypes) == {LABEL} else "pair"


def validate(graph: dgl.DGLGraph, *, kind: str | None = None, allow_extra: bool = False) -> dgl.DGLGraph:
    """Check that *graph* follows the schema and return it unchanged.

    Parameters
    ----------
    graph : a DGL heterograph, single or batched.
    kind : ``"pair"`` or ``"labels"``; told from the node types if left out.
    allow_extra : accept node types, relations and features beyond the schema (a recipe's own, e.g. ``memory``).

    Raises
    ------
    InputError : one sentence naming node type or relation, feature, row, the value found and the one expected.

    >>> import hetero_xmodal as hx
    >>> graph = hx.build_graph(hx.SceneGraph(), hx.parse_sentence("a red bird"))
    >>> hx.validate(graph) is graph
    True
    """
    if not hasattr(graph, "canonical_etypes"):
        raise InputError(f"expected a dgl.DGLGraph, found {type(graph).__name__}; build one with hx.build_graph")
    kind = kind or graph_kind(graph)
    relations = kind_relations(kind)
    node_types = KINDS[kind][0]
    for found, wanted, what in (
        (graph.ntypes, node_types, "node type"),
        (graph.canonical_etypes, relations, "relation"),
    ):
        missing = [w for w in wanted if w not in found]
        if missing:
            raise InputError(f"the graph lacks {what} {missing[0]!r}; a {kind} graph carries all of {list(wanted)}, even if empty")
        extra = [f for f in found if f not in wanted]
        if extra and not allow_extra:
            raise InputError(f"the graph has an unknown {what} {extra[0]!r}; a {kind} graph knows {list(wanted)} (or pass allow_extra=True)")
    for node_type in node_types:
        _check_frame(f"node type '{node_type}'", "node", graph.nodes[node_type].data, NODE_FEATURES[node_type], graph.num_nodes(node_type), allow_extra)
    for relation in relations:
        _check_frame(f"relation {relation}", "edge", graph.edges[relation].data, EDGE_FEATURES[relation], graph.num_edges(relation), allow_extra)
    if kind == "pair":
        _check_boxes(graph)
        _check_bridges(graph)
    return graph


def _check_frame(where: str, row_word: str, frame, features: tuple[Feature, ...], rows: int, allow_extra: bool) -> None:
    import torch

    known = {f.name for f in features}
    extra = [name for name in frame if name not in known and not name.startswith("_")]
    if extra and not allow_extra:
        raise InputError(f"{where} has an unknown feature '{extra[0]}'; known are {sorted(known)} (or pass allow_extra=True)")
    for feature in features:
        if feature.name not in frame:
            if rows == 0:
                continue  # DGL drops the features of an empty frame in some operations
            raise InputError(f"{where} lacks feature '{feature.name}' ({feature.meaning}); expected {feature.dtype} {('rows', *feature.shape)}")
        value = frame[feature.name]
        dtype = str(value.dtype).removeprefix("torch.")
        if dtype != feature.dtype:
            raise InputError(f"{where}, feature '{feature.name}': expected dtype {feature.dtype}, found {dtype}")
        shape = tuple(value.shape[1:])
        if len(shape) != len(feature.shape) or any(w is not None and w != s for w, s in zip(feature.shape, shape, strict=True)):
            wanted = ("rows", *("any" if w is None else w for w in feature.shape))
            raise InputError(f"{where}, feature '{feature.name}': expected shape {wanted}, found {tuple(value.shape)}")
        if value.is_floating_point() and value.numel():
            bad = ~torch.isfinite(value)
            if bad.any():
                row = int(bad.reshape(len(value), -1).any(1).nonzero()[0])
                raise InputError(f"{where}, feature '{feature.name}', {row_word} {row}: found {_plain(value[row])}, expected finite numbers")
        for bound, outside, word in (
            (feature.low, lambda v, b: v < b, "at least"),
            (feature.high, lambda v, b: v > b, "at most"),
        ):
            if bound is not None and value.numel() and outside(value, bound).any():
                row = int(outside(value, bound).reshape(len(value), -1).any(1).nonzero()[0])
                raise InputError(f"{where}, feature '{feature.name}', {row_word} {row}: found {_plain(value[row])}, expected {word} {bound:g}")


def _plain(value: torch.Tensor):
    return value.item() if value.ndim == 0 else value.tolist()[:8]


def _check_boxes(graph: dgl.DGLGraph) -> None:
    if graph.num_nodes(VISUAL) == 0:
        return
    box, size = graph.nodes[VISUAL].data["box"], graph.nodes[VISUAL].data["image_size"]
    bad = (box[:, :2] < -0.5).any(1) | (box[:, 2:] > size + 0.5).any(1) | (box[:, 2:] <= box[:, :2]).any(1)
    if bad.any():
        row = int(bad.nonzero()[0])
        width, height = size[row].tolist()
        raise InputError(
            f"node type 'visual', feature 'box', node {row}: found {box[row].tolist()}, expected x1 < x2 <= {width:g} and "
            f"y1 < y2 <= {height:g} in pixels (xyxy)"
        )


def _check_bridges(graph: dgl.DGLGraph) -> None:
    """Every bridge is one copy of one owner, lives in the other side's graph and reports back to that owner."""
    import torch

    bridges = graph.num_nodes(BRIDGE)
    if bridges == 0:
        return
    from_visual, from_word = graph.in_degrees(etype=VISUAL_COPIED_TO), graph.in_degrees(etype=WORD_COPIED_TO)
    lives_in = graph.nodes[BRIDGE].data["lives_in"]
    wanted_visual = (lives_in == IN_SENTENCE).to(from_visual.dtype)
    bad = (from_visual != wanted_visual) | (from_word != 1 - wanted_visual)
    if bad.any():
        row = int(bad.nonzero()[0])
        side = "one region (it lives in the sentence graph)" if wanted_visual[row] else "one word (it lives in the image graph)"
        raise InputError(
            f"node type 'bridge', node {row}: copied from {int(from_visual[row])} regions and {int(from_word[row])} words, expected exactly {side}"
        )
    for copied, returns in ((VISUAL_COPIED_TO, RETURNS_TO_VISUAL), (WORD_COPIED_TO, RETURNS_TO_WORD)):
        owner, bridge = graph.edges(etype=copied)
        back_bridge, back_owner = graph.edges(etype=returns)
        order, back_order = torch.argsort(bridge), torch.argsort(back_bridge)
        if len(owner) != len(back_owner) or not (
            torch.equal(bridge[order], back_bridge[back_order]) and torch.equal(owner[order], back_owner[back_order])
        ):
            raise InputError(f"relation {returns}: found edges that differ from {copied} turned round; every copy reports back to its own owner")


def schema_table():
    """The whole schema as a pandas table: kind, owner, meaning, feature, dtype, shape, feature meaning."""
    import pandas as pd

    rows = []
    for kind, (node_types, relations) in KINDS.items():
        for owner in (*node_types, *relations):
            features = NODE_FEATURES[owner] if isinstance(owner, str) else EDGE_FEATURES[owner]
            name = owner if isinstance(owner, str) else relation_name(owner)
            base = {"kind": kind, "of": name, "meaning": MEANING[owner]}
            rows += [
                base | {"feature": f.name, "dtype": "text" if f.text else f.dtype, "shape": str(("rows", *f.shape)), "feature meaning": f.meaning}
                for f in features
            ] or [base]
    return pd.DataFrame(rows).fillna("")
