"""The tables of an analysis. Each function takes a GraphCorpus and returns one tidy pandas table; nothing loops over graphs.

``share`` is always a share in 0..1 of what the column's name says.
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
    """Nodes of each type and edges of each relation per graph: total, mean, standard deviation, quantiles, share of graphs without any."""
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
    """For every relation and both of its ends: how many of its edges leave (source) or reach (destination) a node of that type."""
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
    """Predicates between regions: how often, their share of all scene relations, and the share of graphs that have one."""
    return _frequency(corpus.frame(schema.RELATES), "predicate", len(corpus))


def triples(corpus: GraphCorpus) -> pd.DataFrame:
    """Whole scene relations (subject, predicate, object) by frequency."""
    edges = corpus.frame(schema.RELATES)
    columns = ["source_name", "predicate", "destination_name"]
    if edges.empty:
        return pd.DataFrame(columns=["subject", "predicate", "object", "count"])
    table = edges.groupby(columns).size().rename("count").reset_index()
    table = table.sort_values(["count", *columns], ascending=[False, True, True, True])
    return table.rename(columns={"source_name": "subject", "destination_name": "object"}).reset_index(drop=True)


def arcs(corpus: GraphCorpus) -> pd.DataFrame:
    """Labels of the dependency arcs."""
    return _frequency(corpus.frame(schema.DEPENDS), "arc", len(corpus))


def objects(corpus: GraphCorpus) -> pd.DataFrame:
    """Names of objects: how many regions bear the name, how many object words have it as lemma, how many of the regions are matched."""
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
    """Attributes of the regions: how often, and their share of all regions."""
    regions = corpus.frame(schema.VISUAL)
    if regions.empty:
        return pd.DataFrame(columns=["attribute", "count", "share of regions"])
    each = regions["attributes"].str.split("; ").explode()
    counts = each[each != ""].value_counts()
    table = counts.rename("count").rename_axis("attribute").reset_index().sort_values(["count", "attribute"], ascending=[False, True])
    return table.assign(**{"share of regions": table["count"] / len(regions)}).reset_index(drop=True)


def labels(corpus: GraphCorpus) -> pd.DataFrame:
    """Labels: in how many graphs each holds."""
    nodes = corpus.frame(schema.LABEL)
    if nodes.empty:
        return pd.DataFrame(columns=["label", "graphs", "share of graphs"])
    counts = nodes.drop_duplicates(["graph", "name"])["name"].value_counts()
    table = counts.rename("graphs").rename_axis("label").reset_index().sort_values(["graphs", "label"], ascending=[False, True])
    return table.assign(**{"share of graphs": table["graphs"] / len(corpus)}).reset_index(drop=True)


def label_pairs(corpus: GraphCorpus) -> pd.DataFrame:
    """Square table: row i, column j is the number of graphs where labels i and j hold together (the diagonal: label i alone counted)."""
    nodes = corpus.frame(schema.LABEL)
    if nodes.empty:
        return pd.DataFrame()
    present = pd.crosstab(nodes["graph"], nodes["name"]).clip(upper=1)
    order = labels(corpus)["label"].tolist()
    present = present[order]
    table = present.T @ present
    return table.rename_axis(index="label", columns=None)


def captions(corpus: GraphCorpus) -> pd.DataFrame:
    """One row per graph: number of words, of object words, and of different lemmas (punctuation is not counted)."""
    words, counts = corpus.frame(schema.WORD), corpus.frame()
    table = counts[["graph", "id"]].assign(words=counts[schema.WORD])
    if words.empty:
        return table.assign(**{"object words": 0, "different lemmas": 0})
    by_graph = words.groupby("graph")
    table["object words"] = by_graph["is_object"].sum().reindex(table["graph"], fill_value=0).to_numpy()
    table["different lemmas"] = by_graph["lemma"].nunique().reindex(table["graph"], fill_value=0).to_numpy()
    return table


def coverage(corpus: GraphCorpus) -> pd.DataFrame:
    """One row per graph: how much of what the two sides show and name is one and the same.

    ``share named on both sides`` is matched / (regions + object words - matched): 1 if the sentence names every region and nothing else,
    0 if there is no bridge, empty where the graph has neither regions nor object words.
    """
    counts, said = corpus.frame(), captions(corpus)
    regions, words = counts[schema.VISUAL], said["object words"]
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
