"""The vocabulary of every graph in this package: node types, relations, their features, and how figures show them.

Every node type is one row of :data:`NODE_TYPES` and every relation one row of :data:`RELATION_TYPES`. Checks, files, tables, batches and
figures read these rows, so a new type needs its row and a builder and no line elsewhere; docs/how-to-add-a-node-type.md shows how.

A graph is a plain ``dgl.DGLGraph`` of one of two *kinds*:

* ``pair``: one image and one sentence: ``visual``, ``word``, ``bridge`` and ``label`` nodes;
* ``labels``: the label correlation graph of a data set: ``label`` nodes only.

Rules that hold everywhere:

* relations are canonical triples ``(source type, relation, destination type)`` and are read as a sentence:
  ``(visual, same_as, word)``, ``(word, depends, word)``: the source depends on its head;
* messages run from source to destination: an edge j -> i carries what row i of a paper's matrix takes from column j;
* a graph carries every node type and relation of its kind, even with no node or edge in it;
* boxes are ``x1, y1, x2, y2`` in pixels of the original image (origin top left, x to the right, y down);
* names are stored on the graph itself as zero-padded UTF-8 bytes, so that they survive batching, saving and loading, and no graph
  depends on a model's vocabulary. No text is ever cut: the schema gives the least width of a text feature, and a graph with a longer
  text uses the next multiple of it;
* every fact says where it comes from (:data:`PROVENANCE`), and of a spatial fact that is stored in both directions, such as "left of"
  and "right of", one edge is flagged ``mirror``: statistics count the edges that are not.

>>> from hetero_xmodal import schema
>>> schema.kind_relations("labels")
[('label', 'co_occurs', 'label')]
>>> schema.decode_text(schema.encode_text(["bird", "red scarf"]))
['bird', 'red scarf']
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .errors import InputError
from .schema_rows import Feature as Feature
from .schema_rows import NodeType as NodeType
from .schema_rows import Part as Part
from .schema_rows import Place as Place
from .schema_rows import Relation as Relation
from .schema_rows import RelationType as RelationType
from .schema_rows import Route as Route
from .schema_rows import text_feature as _text
from .text_bytes import decode_text as decode_text
from .text_bytes import encode_text as encode_text
from .text_bytes import text_array as text_array
from .text_bytes import widen_text as widen_text

if TYPE_CHECKING:
    import dgl
    import pandas as pd

SCHEMA_VERSION = 2


def version_advice(version: object) -> str:
    """What to do about a file of another schema version: newer files need a newer package, older ones have to be made again.

    >>> version_advice(SCHEMA_VERSION + 1)
    'update hetero_xmodal'
    """
    if isinstance(version, int) and version > SCHEMA_VERSION:
        return "update hetero_xmodal"
    return (
        "an older version of the package wrote it, make it again from its images and sentences with hetero-xmodal corpus or hx.build_graph"
    )


VISUAL, WORD, BRIDGE, LABEL = "visual", "word", "bridge", "label"

RELATES: Relation = (VISUAL, "relates", VISUAL)
WORD_RELATES: Relation = (WORD, "relates", WORD)
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

#: where a fact comes from: its code in a ``provenance`` feature is its index in this tuple. A person or the generator of the image stated
#: it (annotated); a detector found it; a rule read it off the boxes (geometry), off the words (parsed) or off the pixels (measured); or it
#: was assumed without looking (prior), such as the patches of a grid, which are the same on every image, and their neighbours; or a model
#: guessed it from what else is known (predicted), such as a predicate from the classes and boxes of its ends.
PROVENANCE = ("annotated", "detected", "geometry", "parsed", "measured", "prior", "predicted")
ANNOTATED, DETECTED, GEOMETRY, PARSED, MEASURED, PRIOR, PREDICTED = range(len(PROVENANCE))

#: ``word.number`` of a thing that is several, but the sentence does not say how many
SEVERAL = -1


# ---------------------------------------------------------------------------------------------- the rows

_FROM = f"{', '.join(f'{code} {name}' for code, name in enumerate(PROVENANCE))}"


def _provenance(name: str, what: str) -> Feature:
    return Feature(name, "int64", (), f"where {what} comes from: {_FROM}", low=0, high=len(PROVENANCE) - 1)


_RELATION_FEATURES = (
    Feature("score", "float32", (), "confidence of the relation", low=0, high=1),
    _provenance("provenance", "the relation"),
    Feature("mirror", "bool", (), "true for the way back of a fact that is stored both ways; statistics leave it out"),
)

_MATCH_SCORE = Feature("score", "float32", (), "how sure the match is", low=0, high=1)

#: every node type of the schema, one row each; see docs/how-to-add-a-node-type.md
NODE_TYPES: dict[str, NodeType] = {
    row.name: row
    for row in (
        NodeType(
            VISUAL,
            "an object region or a patch of the image",
            (
                _text("name", 32, "class of the object, e.g. 'fire hydrant'", needed=True),
                _text("attributes", 96, "attributes joined by '; ', e.g. 'red; striped'"),
                Feature("box", "float32", (4,), "x1, y1, x2, y2 in pixels of the original image"),
                Feature("image_size", "float32", (2,), "width, height of the original image in pixels", low=1),
                Feature("score", "float32", (), "confidence of the detector, 1 for annotations", low=0, high=1),
                Feature("feature", "float32", (None,), "region feature; width 0 if the parser gave none"),
                _provenance("provenance", "the region"),
                _provenance("attribute_provenance", "what 'attributes' says"),
            ),
            colour="blue", place="image", part="image", noun="region", caption="a region of the image",
        ),
        NodeType(
            WORD,
            "a token of the sentence, or a tag (punctuation is left out)",
            (
                _text("text", 32, "the token as written", needed=True),
                _text("lemma", 32, "its dictionary form, lower case"),
                _text("pos", 8, "universal part of speech, e.g. 'NOUN'"),
                Feature("position", "int64", (), "index of the token in the sentence, punctuation counted", low=0),
                Feature("is_object", "bool", (), "true for the head word of an object of the sentence's scene graph"),
                _text("attributes", 96, "on the head word of an object: its attributes joined by '; '"),
                _text("name", 32, "on the head word of an object: its whole name, e.g. 'dining table'"),
                Feature(
                    "number", "int64", (), "how many the object is: n, -1 several (a plural, a group), 0 unknown or no object's head",
                    low=SEVERAL,
                ),
            ),
            colour="orange", place="sentence", part="sentence", caption="a token of the sentence",
        ),
        NodeType(
            BRIDGE,
            "a copy of an object that both sides name, living in the other side's graph",
            (
                _text("name", 32, "name that both sides share", needed=True),
                Feature(
                    "lives_in", "int64", (), "0: copy of a word in the image graph, 1: copy of a region in the sentence graph",
                    low=0, high=1,
                ),
                _MATCH_SCORE,
            ),
            colour="green", place="between", part="pair", noun="copy", plural="copies", caption="a copy on the other side",
        ),
        NodeType(
            LABEL,
            "a category",
            (
                _text("name", 32, "name of the category", needed=True),
                Feature("index", "int64", (), "column of the category in the data set's label matrix", low=0),
            ),
            kinds=("pair", "labels"), colour="purple", part="image", noun="category", plural="labels", caption="a category",
        ),
        # a new node type: its row goes here
    )
}  # fmt: skip

#: every relation of the schema, one row each
RELATION_TYPES: dict[Relation, RelationType] = {
    row.relation: row
    for row in (
        RelationType(
            RELATES,
            "scene-graph relation from subject to object",
            (
                _text("predicate", 32, "relation of the scene graph, e.g. 'left of'", needed=True),
                *_RELATION_FEATURES,
            ),
            colour="blue", route="list",
        ),
        RelationType(
            WORD_RELATES,
            "scene-graph relation from the head word of the subject to that of the object",
            (_text("predicate", 32, "relation that the sentence states, e.g. 'sit on'", needed=True), *_RELATION_FEATURES),
            colour="orange", dash="dashed", legend="relates (words)", route="list",
        ),
        RelationType(
            DEPENDS,
            "a word depends on its head",
            (_text("arc", 16, "label of the dependency arc from a word to its head, e.g. 'amod'"),),
            colour="orange", route="arcs",
        ),
        RelationType(FOLLOWS, "a word follows the word before it", colour="black", width=0.9, route="chain"),
        RelationType(
            VISUAL_SAME_AS_WORD, "both name one object (one-to-one, unless the word stands for several)", (_MATCH_SCORE,),
            colour="vermillion", dash="dashed", width=1.5, arrow="<->", side=-1,
        ),
        RelationType(
            WORD_SAME_AS_VISUAL, "the same, the other way", (_MATCH_SCORE,),
            colour="vermillion", dash="dashed", width=1.5, drawn=False, side=-1,
        ),
        RelationType(
            VISUAL_COPIED_TO, "the region's copy that stands in the sentence graph",
            colour="green", width=1.3, legend="copied to, returns to", arrow="<->", side=-1,
        ),
        RelationType(
            WORD_COPIED_TO, "the word's copy that stands in the image graph",
            colour="green", width=1.3, legend="copied to, returns to", arrow="<->", side=-1,
        ),
        RelationType(
            BRIDGE_BESIDE_VISUAL, "a word's copy stands beside the matched region and that region's neighbours",
            colour="sky blue", dash="dotted", width=1.3, arrow="-",
        ),
        RelationType(VISUAL_BESIDE_BRIDGE, "the same, the other way", colour="sky blue", dash="dotted", width=1.3, drawn=False),
        RelationType(
            BRIDGE_BESIDE_WORD, "a region's copy stands beside the matched word and that word's neighbours",
            colour="sky blue", dash="dotted", width=1.3, arrow="-",
        ),
        RelationType(WORD_BESIDE_BRIDGE, "the same, the other way", colour="sky blue", dash="dotted", width=1.3, drawn=False),
        RelationType(
            RETURNS_TO_VISUAL, "the region's copy reports back to its owner",
            colour="green", width=1.3, legend="copied to, returns to", drawn=False, side=1,
        ),
        RelationType(
            RETURNS_TO_WORD, "the word's copy reports back to its owner",
            colour="green", width=1.3, legend="copied to, returns to", drawn=False, side=1,
        ),
        RelationType(VISUAL_HAS_LABEL, "the region is annotated with the category", colour="purple", width=1.0),
        RelationType(WORD_HAS_LABEL, "the word is annotated with the category", colour="purple", width=1.0),
        RelationType(
            CO_OCCURS,
            "how likely the destination is where the source is",
            (
                Feature("probability", "float32", (), "P(destination | source) counted on the training labels", low=0, high=1),
                Feature("weight", "float32", (), "entry A[destination, source] of the re-weighted correlation matrix", low=0),
            ),
            kinds=("labels",), colour="purple", label="co-occurs",
        ),
        # a new relation: its row goes here
    )
}  # fmt: skip

# What other modules ask of the rows, read off them once.
NODE_FEATURES: dict[str, tuple[Feature, ...]] = {name: row.features for name, row in NODE_TYPES.items()}
EDGE_FEATURES: dict[Relation, tuple[Feature, ...]] = {relation: row.features for relation, row in RELATION_TYPES.items()}
#: kind of graph -> its node types and its relations, in schema order
KINDS: dict[str, tuple[tuple[str, ...], tuple[Relation, ...]]] = {
    kind: (
        tuple(name for name, row in NODE_TYPES.items() if kind in row.kinds),
        tuple(relation for relation, row in RELATION_TYPES.items() if kind in row.kinds),
    )
    for kind in ("pair", "labels")
}
MEANING: dict[str | Relation, str] = {
    **{name: row.meaning for name, row in NODE_TYPES.items()},
    **{relation: row.meaning for relation, row in RELATION_TYPES.items()},
}


def node_type(name: str) -> NodeType:
    """The row of a node type; a type that is not in the schema, such as a recipe's ``memory``, gets a row of defaults.

    >>> node_type("visual").plural, node_type("memory").colour
    ('regions', 'grey')
    """
    return NODE_TYPES[name] if name in NODE_TYPES else NodeType(name, "a node type beyond the schema", kinds=(), plural=f"{name} nodes")


def relation_type(relation: Relation) -> RelationType:
    """The row of a relation; a relation that is not in the schema gets a row of defaults.

    >>> relation_type(("visual", "same_as", "word")).dash, relation_type(("word", "attends", "patch")).label
    ('dashed', 'attends')
    """
    found = RELATION_TYPES.get(relation)
    return found if found is not None else RelationType(relation, "a relation beyond the schema", kinds=())


def relation_part(relation: Relation) -> Part:
    """What the edges of a relation belong to: the image or the sentence if both ends do, else the pair.

    >>> relation_part(RELATES), relation_part(DEPENDS), relation_part(VISUAL_SAME_AS_WORD)
    ('image', 'sentence', 'pair')
    """
    source, destination = node_type(relation[0]).part, node_type(relation[2]).part
    return source if source == destination else "pair"


def kind_relations(kind: str) -> list[Relation]:
    """Canonical triples that every graph of *kind* (``"pair"`` or ``"labels"``) carries, in schema order.

    Raises
    ------
    InputError : an unknown kind.
    """
    if kind not in KINDS:
        raise InputError(f"unknown kind of graph {kind!r}; known kinds are {', '.join(KINDS)}")
    return list(KINDS[kind][1])


def relation_name(relation: Relation) -> str:
    """``('visual', 'same_as', 'word')`` -> ``'visual-same_as-word'``, the form used in files and messages."""
    return "-".join(relation)


def text_width(owner: str | Relation, name: str) -> int:
    """Least width in bytes of the text feature *name* of a node type or relation.

    Raises
    ------
    InputError : the owner has no text feature of that name.

    >>> text_width("visual", "name")
    32
    """
    features = NODE_FEATURES.get(owner, ()) if isinstance(owner, str) else EDGE_FEATURES.get(owner, ())
    width = next((f.shape[0] for f in features if f.text and f.name == name), None)
    if width is None:
        raise InputError(f"{owner!r} has no text feature {name!r} in the schema")
    return width


# ---------------------------------------------------------------------------------------------- kinds and tables


def graph_kind(graph: dgl.DGLGraph) -> str:
    """``"pair"`` or ``"labels"``, by the node types of *graph*."""
    return "labels" if set(graph.ntypes) == {LABEL} else "pair"


def schema_table() -> pd.DataFrame:
    """The whole schema as a pandas table: kind, node type or relation, meaning, feature, dtype, shape, feature meaning.

    >>> schema_table().query("of == 'label'")["feature"].tolist()
    ['name', 'index', 'name', 'index']
    """
    import pandas as pd

    rows: list[dict[str, str]] = []
    for kind, (node_types, relations) in KINDS.items():
        types: list[tuple[str, NodeType | RelationType]] = [(name, NODE_TYPES[name]) for name in node_types]
        types += [(relation_name(relation), RELATION_TYPES[relation]) for relation in relations]
        for name, row in types:
            base = {"kind": kind, "of": name, "meaning": row.meaning}
            rows += [
                base
                | {"feature": f.name, "dtype": "text" if f.text else f.dtype}
                | {"shape": str(("rows", *("any" if w is None else w for w in f.shape))), "feature meaning": f.meaning}
                for f in row.features
            ] or [base]
    return pd.DataFrame(rows).fillna("")
