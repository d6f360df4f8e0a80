"""The vocabulary of every graph in this package: node types, relations, their features, and ``validate``.

A graph is a plain ``dgl.DGLGraph`` of one of two *kinds*:

* ``pair``: one image and one sentence: ``visual``, ``word``, ``bridge`` and ``label`` nodes;
* ``labels``: the label correlation graph of a data set: ``label`` nodes only.

Rules that hold everywhere:

* relations are canonical triples ``(source type, relation, destination type)`` and are read as a sentence:
  ``(visual, same_as, word)``, ``(word, depends, word)``: the source depends on its head;
* messages run from source to destination: an edge j -> i carries what row i of a paper's matrix takes from column j;
* a graph carries every node type and relation of its kind, even with no node or edge in it;
* boxes are ``x1, y1, x2, y2`` in pixels of the original image (origin top left, x to the right, y down);
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
    ``text`` features are zero-padded UTF-8 bytes; read them with :func:`decode_text`; ``needed`` ones may not be empty.
    """

    name: str
    dtype: str
    shape: tuple[int | None, ...]
    meaning: str
    text: bool = False
    low: float | None = None
    high: float | None = None
    needed: bool = False


def _text(name: str, width: int, meaning: str, *, needed: bool = False) -> Feature:
    return Feature(name, "uint8", (width,), meaning, text=True, needed=needed)


NODE_FEATURES: dict[str, tuple[Feature, ...]] = {
    VISUAL: (
        _text("name", 32, "class of the object, e.g. 'fire hydrant'", needed=True),
        _text("attributes", 96, "attributes joined by '; ', e.g. 'red; striped'"),
        Feature("box", "float32", (4,), "x1, y1, x2, y2 in pixels of the original image"),
        Feature("image_size", "float32", (2,), "width, height of the original image in pixels", low=1),
        Feature("score", "float32", (), "confidence of the detector, 1 for annotations", low=0, high=1),
        Feature("feature", "float32", (None,), "region feature; width 0 if the parser gave none"),
    ),
    WORD: (
        _text("text", 32, "the token as written", needed=True),
        _text("lemma", 32, "its dictionary form, lower case"),
        _text("pos", 8, "universal part of speech, e.g. 'NOUN'"),
        Feature("position", "int64", (), "index of the token in the sentence, punctuation counted", low=0),
        Feature("is_object", "bool", (), "true for the head word of an object of the sentence's scene graph"),
    ),
    BRIDGE: (
        _text("name", 32, "name that both sides share", needed=True),
        Feature("lives_in", "int64", (), "0: copy of a word in the image graph, 1: copy of a region in the sentence graph", low=0, high=1),
        Feature("score", "float32", (), "how sure the match is", low=0, high=1),
    ),
    LABEL: (
        _text("name", 32, "name of the category", needed=True),
        Feature("index", "int64", (), "column of the category in the data set's label matrix", low=0),
    ),
}

EDGE_FEATURES: dict[Relation, tuple[Feature, ...]] = {
    RELATES: (
        _text("predicate", 32, "relation of the scene graph, e.g. 'left of'", needed=True),
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
    VISUAL: "an object region or a patch of the image",
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
    """Strings -> zero-padded UTF-8 bytes, shape ``(n, width)`` uint8; longer strings are cut at a character, NUL is left out.

    >>> encode_text(["cat"], width=5).tolist()
    [[99, 97, 116, 0, 0]]
    """
    import numpy as np
    import torch

    rows = np.zeros((len(texts), width), np.uint8)
    for row, text in zip(rows, texts, strict=True):
        data = text.encode("utf-8", "replace").replace(b"\0", b"")
        if len(data) > width:  # never cut inside a multi-byte character
            data = data[:width].decode("utf-8", "ignore").encode("utf-8")
        row[: len(data)] = np.frombuffer(data, np.uint8)
    return torch.from_numpy(rows)


def text_array(rows: torch.Tensor | np.ndarray) -> np.ndarray:
    """Text rows ``(n, width)`` as a numpy array of byte strings ``(n,)``: compare, sort and count without a loop."""
    import numpy as np

    rows = np.ascontiguousarray(rows.cpu() if hasattr(rows, "cpu") else rows)
    return rows.view(f"S{rows.shape[1]}").reshape(len(rows))


def decode_text(rows: torch.Tensor | np.ndarray) -> list[str]:
    """Inverse of :func:`encode_text`: ``(n, width)`` bytes -> list of n strings."""
    return [data.decode("utf-8", "replace") for data in text_array(rows).tolist()]


# ---------------------------------------------------------------------------------------------- validation


def graph_kind(graph: dgl.DGLGraph) -> str:
    """``"pair"`` or ``"labels"``, told from the node types of *graph*."""
    return "labels" if set(graph.ntypes) == {LABEL} else "pair"


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
                base
                | {"feature": f.name, "dtype": "text" if f.text else f.dtype}
                | {"shape": str(("rows", *("any" if w is None else w for w in f.shape))), "feature meaning": f.meaning}
                for f in features
            ] or [base]
    return pd.DataFrame(rows).fillna("")
