"""The tables of an analysis: each function takes a GraphCorpus and returns one tidy pandas table, without a loop over graphs.

A column ``share of x`` holds a fraction of x in 0..1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from .. import schema

if TYPE_CHECKING:
    from ..graphs.corpus import GraphCorpus

QUANTILES = {"25 %": 0.25, "median": 0.5, "75 %": 0.75}


def sizes(corpus: GraphCorpus) -> pd.DataFrame:
    """Nodes per type and edges per relation of a graph: total, mean, standard deviation, quantiles, share of graphs without any."""
    counts = corpus.frame()
    node_types, relations = schema.KINDS[corpus.kind]
    rows = []
    for kind, names in (("node type", node_types), ("relation", [schema.relation_name(r) for r in relations])):
        for name in names:
            column = counts[name]
            none = {"share of graphs without": float((column == 0).mean())}
            rows.append({"kind": kind, "of": name, "total": int(column.sum())} | _spread(column) | none)
    return pd.DataFrame(rows)


def degrees(corpus: GraphCorpus) -> pd.DataFrame:
    """For every relation the out-degree of its source nodes and the in-degree of its destination nodes: mean, quantiles, share of 0."""
    totals = corpus.frame()
    rows = []
    for relation in schema.KINDS[corpus.kind][1]:
        edges = corpus.frame(relation)
        for end, node_type in (("source", relation[0]), ("destination", relation[2])):
            nodes = int(totals[node_type].sum())
            touched = edges.groupby(["graph", end]).size().to_numpy()
            degree = pd.Series(np.concatenate([touched, np.zeros(nodes - len(touched), int)]))
            rows.append(
                {"relation": schema.relation_name(relation), "end": end, "node type": node_type, "nodes": nodes}
                | _spread(degree)
                | {"share of nodes without": float((degree == 0).mean()) if nodes else np.nan}
            )
    return pd.DataFrame(rows)


def predicates(corpus: GraphCorpus) -> pd.DataFrame:
    """Predicates between regions: count, share of all relations between regions, and share of graphs with the predicate."""
    return _frequency(corpus.frame(schema.RELATES), "predicate", len(corpus))


def triples(corpus: GraphCorpus) -> pd.DataFrame:
    """Triples (subject, predicate, object) of the relations between regions, by frequency."""
    edges = corpus.frame(schema.RELATES)
    columns = ["source_name", "predicate", "destination_name"]
    if edges.empty:
        return pd.DataFrame(columns=["subject", "predicate", "object", "count"])
    table = edges.groupby(columns).size().rename("count").reset_index()
    table = table.sort_values(["count", *columns], ascending=[False, True, True, True])
    return table.rename(columns={"source_name": "subject", "destination_name": "object"}).reset_index(drop=True)


def arcs(corpus: GraphCorpus) -> pd.DataFrame:
    """Labels of the dependency arcs: count, share of all arcs, and share of graphs with the label."""
    return _frequency(corpus.frame(schema.DEPENDS), "arc", len(corpus))


def objects(corpus: GraphCorpus) -> pd.DataFrame:
    """Names of objects: number of regions with the name, of object words with that lemma, and of such regions with a matched word."""
    regions, words = corpus.frame(schema.VISUAL), corpus.frame(schema.WORD)
    matched = corpus.frame(schema.VISUAL_SAME_AS_WORD)
    columns = {
        "regions": regions["name"].value_counts() if len(regions) else pd.Series(dtype=int),
        "object words": words.loc[words["is_object"], "lemma"].value_counts() if len(words) else pd.Series(dtype=int),
        "regions named in the sentence": matched["source_name"].value_counts() if len(matched) else pd.Series(dtype=int),
    }
    table = pd.DataFrame(columns).fillna(0).astype(int).rename_axis("name").reset_index()
    return table.sort_values(["regions", "object words", "name"], ascending=[False, False, True]).reset_index(drop=True)


def attributes(corpus: GraphCorpus) -> pd.DataFrame:
    """Attributes of the regions: count and share of regions with the attribute."""
    regions = corpus.frame(schema.VISUAL)
    if regions.empty:
        return pd.DataFrame(columns=["attribute", "count", "share of regions"])
    each = regions["attributes"].str.split("; ").explode()
    counts = each[each != ""].value_counts()
    table = counts.rename("count").rename_axis("attribute").reset_index().sort_values(["count", "attribute"], ascending=[False, True])
    return table.assign(**{"share of regions": table["count"] / len(regions)}).reset_index(drop=True)


def labels(corpus: GraphCorpus) -> pd.DataFrame:
    """Labels: number and share of graphs with the label."""
    nodes = corpus.frame(schema.LABEL)
    if nodes.empty:
        return pd.DataFrame(columns=["label", "graphs", "share of graphs"])
    counts = nodes.drop_duplicates(["graph", "name"])["name"].value_counts()
    table = counts.rename("graphs").rename_axis("label").reset_index().sort_values(["graphs", "label"], ascending=[False, True])
    return table.assign(**{"share of graphs": table["graphs"] / len(corpus)}).reset_index(drop=True)


def label_pairs(corpus: GraphCorpus) -> pd.DataFrame:
    """Co-occurrence counts: row i, column j is the number of graphs with both labels; the diagonal counts the graphs with label i."""
    nodes = corpus.frame(schema.LABEL)
    if nodes.empty:
        return pd.DataFrame()
    present = pd.crosstab(nodes["graph"], nodes["name"]).clip(upper=1)
    order = labels(corpus)["label"].tolist()
    present = present[order]
    table = present.T @ present
    return table.rename_axis(index="label", columns=None)


def captions(corpus: GraphCorpus) -> pd.DataFrame:
    """One row per graph: number of words, of object words, and of distinct lemmas, punctuation not counted."""
    words, counts = corpus.frame(schema.WORD), corpus.frame()
    table = counts[["graph", "id"]].assign(words=counts[schema.WORD])
    if words.empty:
        return table.assign(**{"object words": 0, "different lemmas": 0})
    by_graph = words.groupby("graph")
    table["object words"] = by_graph["is_object"].sum().reindex(table["graph"], fill_value=0).to_numpy()
    table["different lemmas"] = by_graph["lemma"].nunique().reindex(table["graph"], fill_value=0).to_numpy()
    return table


def coverage(corpus: GraphCorpus) -> pd.DataFrame:
    """One row per graph: the overlap of the image's regions and the sentence's object words.

    ``share named on both sides`` is their intersection over union, matched / (regions + object words - matched): 1 if the sentence names
    every region and nothing else, 0 if nothing is matched, empty where the graph has neither regions nor object words.
    """
    counts = corpus.frame()
    regions, words = counts[schema.VISUAL], captions(corpus)["object words"]
    matched = counts[schema.relation_name(schema.VISUAL_SAME_AS_WORD)]
    either = regions + words - matched
    return pd.DataFrame(
        {
            "graph": counts["graph"],
            "id": counts["id"],
            "regions": regions,
            "object words": words,
            "matched": matched,
            "share of regions named": matched / regions.where(regions > 0),
            "share of object words seen": matched / words.where(words > 0),
            "share named on both sides": matched / either.where(either > 0),
        }
    )


def _spread(values: pd.Series) -> dict[str, float]:
    if not len(values):
        return dict.fromkeys(["mean", "std", "min", *QUANTILES, "max"], np.nan)
    quantiles = {name: float(values.quantile(q)) for name, q in QUANTILES.items()}
    # the standard deviation of these graphs, not an estimate for others: ddof=0, defined for a single graph too
    centre = {"mean": float(values.mean()), "std": float(values.std(ddof=0))}
    return {**centre, "min": float(values.min()), **quantiles, "max": float(values.max())}


def _frequency(edges: pd.DataFrame, column: str, graphs: int) -> pd.DataFrame:
    if edges.empty:
        return pd.DataFrame(columns=[column, "count", "share", "share of graphs"])
    grouped = edges.groupby(column)["graph"]
    table = pd.DataFrame({"count": grouped.size(), "graphs": grouped.nunique()}).rename_axis(column).reset_index()
    table = table.sort_values(["count", column], ascending=[False, True]).reset_index(drop=True)
    return table.assign(share=table["count"] / len(edges), **{"share of graphs": table["graphs"] / graphs}).drop(columns="graphs")
