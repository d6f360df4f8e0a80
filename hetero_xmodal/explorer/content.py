"""What a page shows of a corpus, as plain data: the list of all pairs, and the graphs of some pairs at a time.

A node is named by its type and number, ``"visual:3"``. Texts are texts here; how they become data of a script is the matter of
:mod:`hetero_xmodal.explorer.assemble`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .. import schema

if TYPE_CHECKING:
    import pandas as pd

    from ..graphs.corpus import GraphCorpus

#: pairs in one file of graphs
CHUNK = 64
#: columns that are no details of a node
_PLACE = {"graph", "id", "node", "x1", "y1", "x2", "y2", "image_width", "image_height"}


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
    for node_type in (name for name in part.node_types if owners is None or name in owners):
        name = schema.node_type(node_type).name_feature
        for pair, rows in enumerate(_grouped(part.frame(node_type), len(part))):
            made[pair]["nodes"][node_type] = [_node(row, name) for row in rows]
            if node_type == schema.VISUAL and rows:
                made[pair]["size"] = [rows[0]["image_width"], rows[0]["image_height"]]
    for pair, text in enumerate(part.sentences):
        _add_spans(made[pair]["nodes"].get(schema.WORD, []), text)
    for relation in (triple for triple in part.relations if owners is None or triple in owners):
        text = schema.relation_type(relation).text_feature
        for pair, rows in enumerate(_grouped(part.frame(relation), len(part))):
            made[pair]["edges"][schema.relation_name(relation)] = [_edge(row, text) for row in rows]
    return made


def _grouped(table: pd.DataFrame, count: int) -> list[list[dict[str, Any]]]:
    """The rows of each graph."""
    rows: list[list[dict[str, Any]]] = [[] for _ in range(count)]
    for graph, row in zip(table["graph"].tolist(), table.to_dict("records"), strict=True):
        rows[graph].append(row)
    return rows


def _node(row: dict[str, Any], name: str) -> dict[str, Any]:
    node: dict[str, Any] = {"name": row.get(name, "")}
    if "x1" in row:
        node["box"] = [round(row[corner], 2) for corner in ("x1", "y1", "x2", "y2")]
    details = {key: _detail(key, value) for key, value in row.items() if key not in _PLACE and key != name}
    node["more"] = {key: value for key, value in details.items() if value not in ("", None, False)}
    return node


def _edge(row: dict[str, Any], text: str) -> list[Any]:
    return [row["source"], row["destination"], row.get(text, ""), row.get("score"), int(row.get("mirror", 0))]


def _detail(key: str, value: Any) -> Any:
    if key.endswith("provenance"):
        return schema.PROVENANCE[int(value)]
    if key == "number":
        return {0: "", schema.SEVERAL: "several"}.get(int(value), int(value))
    return round(value, 4) if isinstance(value, float) else value


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
