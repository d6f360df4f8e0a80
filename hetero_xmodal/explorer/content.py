"""What a page shows of a corpus, as plain data: the list of all pairs, and the graphs of some pairs at a time.

A node is named by its type and number, ``"visual:3"``. Texts are texts here; how they become data of a script is the matter of
:mod:`hetero_xmodal.explorer.assemble`.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import schema

if TYPE_CHECKING:
    from ..graphs.corpus import GraphCorpus
    from ..graphs.flat import FlatGraphs

#: pairs in one file of graphs
CHUNK = 64


def pair_list(corpus: GraphCorpus) -> dict[str, Any]:
    """The list of all pairs, as columns: ids, sentences, images, splits, counts, and what is searched beside the sentence."""
    table = corpus.frame(unit="pair")
    images, sentences = corpus.pair_ends()
    splits = corpus.frame(unit="image")["split"].to_numpy(object)
    seen = _joined(corpus, schema.VISUAL, "image", corpus.num_images)
    labels = _joined(corpus, schema.LABEL, "image", corpus.num_images)
    matched = schema.relation_name(schema.VISUAL_SAME_AS_WORD)
    return {
        "ids": table["id"].tolist(), "texts": table["sentence"].tolist(), "image": images.tolist(), "sentence": sentences.tolist(),
        "split": splits[images].tolist(), "seen": seen, "labels": labels, "regions": table[schema.VISUAL].tolist(),
        "words": table[schema.WORD].tolist(), "matches": table[matched].tolist(),
    }  # fmt: skip


def _joined(corpus: GraphCorpus, node_type: str, unit: str, count: int) -> list[str]:
    """The names of the nodes of each unit, each once, joined by "; "."""
    nodes = corpus.frame(node_type, unit=unit)
    name = schema.node_type(node_type).name_feature
    if node_type == schema.VISUAL:
        nodes = nodes[nodes["provenance"] != schema.PRIOR]
    joined = nodes.drop_duplicates([unit, name]).groupby(unit)[name].agg("; ".join)
    return joined.reindex(range(count), fill_value="").tolist()


def pair_graphs(corpus: GraphCorpus, numbers: Sequence[int], owners: Sequence[str | schema.Relation] | None = None) -> list[dict[str, Any]]:
    """The graphs of some pairs: of each the size of the image, the places of the words in the sentence, nodes and edges.

    Parameters
    ----------
    numbers : of the pairs.
    owners : only these node types and relations, all by default.

    Returns
    -------
    ``{"size": [width, height], "nodes": {type: [node, ...]}, "edges": {relation: [[source, destination, text, score, mirror], ...]}}``
    for each pair; a node is ``{"name", "more": {feature: value}}``, of a region there is ``"box"`` in pixels, of a word
    ``"span"`` in the sentence.
    """
    part = corpus.subset(list(numbers))
    made: list[dict[str, Any]] = [{"size": None, "nodes": {}, "edges": {}} for _ in range(len(part))]
    node_types = [name for name in part.node_types if owners is None or name in owners]
    relations = [triple for triple in part.relations if owners is None or triple in owners]
    for _, flat in part.chunks([*node_types, *relations], size=max(1, len(part))):
        for node_type in node_types:
            columns = _columns(flat.node_data[node_type], schema.NODE_FEATURES.get(node_type, ()), part)
            sizes = columns.get("image_size", [])
            for pair, (first, last) in enumerate(pairwise(flat.node_offsets[node_type].tolist())):
                if node_type == schema.VISUAL and first < last:
                    made[pair]["size"] = sizes[first]
            for pair, nodes in enumerate(_split(_nodes(columns, node_type), flat.node_offsets[node_type])):
                made[pair]["nodes"][node_type] = nodes
        for relation in relations:
            for pair, edges in enumerate(_split(_edges(flat, relation, part), flat.edge_offsets[relation])):
                made[pair]["edges"][schema.relation_name(relation)] = edges
    for pair, text in enumerate(part.sentences):
        _add_spans(made[pair]["nodes"].get(schema.WORD, []), text)
    return made


def _split(rows: list[Any], offsets: Any) -> list[list[Any]]:
    """The rows of each graph."""
    return [rows[first:last] for first, last in pairwise(offsets.tolist())]


def _columns(data: Mapping[str, Any], features: Sequence[schema.Feature], corpus: GraphCorpus) -> dict[str, list[Any]]:
    """The features of nodes or edges as lists of plain values, column by column; texts are codes into the corpus's vocabulary."""
    texts = {feature.name for feature in features if feature.text}
    columns: dict[str, list[Any]] = {}
    for name, value in data.items():
        if name in texts:
            columns[name] = corpus.vocabulary.strings(value).tolist()
        elif value.ndim == 1:
            columns[name] = _details(name, value.numpy())
        elif name == "box":
            columns[name] = np.round(value.numpy().astype(float), 2).tolist()
        elif name == "image_size":
            columns[name] = value.tolist()
    return columns


def _details(name: str, values: np.ndarray) -> list[Any]:
    """A column of numbers as a reader wants it: provenance by name, a number of things in words where it is none."""
    if name.endswith("provenance"):
        return np.array(schema.PROVENANCE, object)[values].tolist()
    if name == "number":
        return [{0: "", schema.SEVERAL: "several"}.get(value, value) for value in values.tolist()]
    return np.round(values.astype(float), 4).tolist() if values.dtype.kind == "f" else values.tolist()


def _nodes(columns: Mapping[str, list[Any]], node_type: str) -> list[dict[str, Any]]:
    """The nodes of all graphs; what is empty, zero or false is left out of the details."""
    name = schema.node_type(node_type).name_feature
    details = [key for key in columns if key not in (name, "box", "image_size")]
    rows = zip(*(columns[key] for key in details), strict=True) if details else itertools.repeat(())
    made = [
        {"name": called, "more": {key: value for key, value in zip(details, row, strict=True) if value}}
        for called, row in zip(columns[name], rows, strict=False)
    ]
    for node, box in zip(made, columns.get("box", ()), strict=False):
        node["box"] = box
    return made


def _edges(flat: FlatGraphs, relation: schema.Relation, corpus: GraphCorpus) -> list[list[Any]]:
    """The edges of all graphs: source, destination, text, score, whether it is a way back."""
    columns = _columns(flat.edge_data[relation], schema.EDGE_FEATURES.get(relation, ()), corpus)
    source, destination = (end.tolist() for end in flat.edge_ends[relation])
    text = columns.get(schema.relation_type(relation).text_feature, [""] * len(source))
    score = columns.get("score", [None] * len(source))
    mirror = [int(value) for value in columns.get("mirror", [0] * len(source))]
    return [list(row) for row in zip(source, destination, text, score, mirror, strict=True)]


def _add_spans(words: list[dict[str, Any]], text: str) -> None:
    """Where each word stands in the sentence: the first place behind the word before it; words that are not in it have none."""
    place = 0
    for word in words:
        found = text.find(word["name"], place)
        if word["name"] and found >= 0:
            place = found + len(word["name"])
            word["span"] = [found, place]


def legend(corpus: GraphCorpus) -> dict[str, Any]:
    """How the page names and draws the corpus's node types and relations, from the rows of the schema."""
    from ..viz.colours import node_colour, node_ink, relation_style

    types = [schema.node_type(name) for name in corpus.node_types]
    shown = {schema.RELATES, schema.WORD_RELATES, schema.VISUAL_SAME_AS_WORD, schema.VISUAL_COPIED_TO, schema.WORD_COPIED_TO}
    relations = []
    for triple in corpus.relations:
        row, style = schema.relation_type(triple), relation_style(triple)
        known = triple in schema.RELATION_TYPES
        relations.append(
            {
                "name": schema.relation_name(triple), "ends": list(triple), "label": row.label, "colour": style.colour, "dash": style.dash,
                "width": style.width, "arrow": row.arrow, "meaning": row.meaning, "on": triple in shown or not known,
            }
        )  # fmt: skip
    return {
        "types": [
            {
                "name": row.name, "noun": row.noun, "plural": row.plural, "meaning": row.meaning, "place": row.place,
                "colour": node_colour(row.name), "ink": node_ink(row.name),
            }
            for row in types
        ],
        "relations": relations,
    }  # fmt: skip
