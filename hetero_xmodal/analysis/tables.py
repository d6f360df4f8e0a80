"""The tables of an analysis: each function reads a GraphCorpus part by part and returns tidy pandas tables, without a loop over graphs.

Every table names its unit (image, sentence or pair) and ``n``, the number of units. A column ``share of x`` is a fraction of all x, 0..1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from .. import schema
from ..graphs.corpus_data import Owner, owner_name, owner_part
from .counting import AttributeLists, Tally, add_to, empty_code, facts, members, provenance_names, spread, things
from .units import IMAGE, SENTENCE, Side, noun, unit_counts

if TYPE_CHECKING:
    from ..graphs.corpus import GraphCorpus


def counted(corpus: GraphCorpus, unit: str | None) -> list[tuple[Owner, str]]:
    """The node types and relations to count, each with its unit: its own, or *unit* if that holds it; not those without any unit."""
    numbers, found = unit_counts(corpus), []
    owners: list[Owner] = [*corpus.node_types, *corpus.relations]
    for owner in owners:
        own = "pair" if corpus.kind == "labels" else owner_part(owner)
        if unit in (None, own, "pair") and numbers[unit or own]:
            found.append((owner, unit or own))
    return found


# ---------------------------------------------------------------------------------------------- sizes and degrees


def sizes(corpus: GraphCorpus, unit: str | None) -> dict[str, pd.DataFrame]:
    """``sizes``: nodes per type and edges per relation of a unit; ``node_counts``: in how many units there are so many nodes.

    The column ``facts`` counts regions without the patches of a grid, and relations that state something: without those that come from no
    data, and each fact once that is stored both ways.
    """
    rows, histograms, frames = [], [], {}
    facts_of = fact_counts(corpus, unit)
    for owner, own in counted(corpus, unit):
        if own not in frames:
            frames[own] = corpus.frame(unit=own)
        column = frames[own][owner_name(owner)].to_numpy()
        histogram = np.bincount(column)
        kind = "node type" if isinstance(owner, str) else "relation"
        about = {"kind": kind, "of": owner_name(owner), "unit": noun(own, corpus.kind, count=1), "n": len(column)}
        total, without = int(column.sum()), float((column == 0).mean())
        rows.append(about | {"total": total, "facts": facts_of.get(owner, total)} | spread(histogram) | {"share without": without})
        if isinstance(owner, str):
            found = np.flatnonzero(histogram)
            histograms.append(pd.DataFrame({k: v for k, v in about.items() if k != "kind"} | {"nodes": found, "units": histogram[found]}))
    return {"sizes": pd.DataFrame(rows), "node_counts": pd.concat(histograms, ignore_index=True)}


def fact_counts(corpus: GraphCorpus, unit: str | None) -> dict[Owner, int]:
    """The number of regions that are no patches, and of relations that are facts, by node type and relation."""
    found: dict[Owner, int] = {}
    for owner, own in counted(corpus, unit):
        if owner in (schema.VISUAL, schema.RELATES, schema.WORD_RELATES):
            found[owner] = 0
            for _, flat in corpus.chunks([owner], unit=own):
                data = flat.node_data[owner] if isinstance(owner, str) else flat.edge_data[owner]
                kept = data["provenance"].numpy() != schema.PRIOR
                found[owner] += int((kept & ~data["mirror"].numpy().astype(bool) if "mirror" in data else kept).sum())
    return found


def degrees(corpus: GraphCorpus, unit: str | None) -> dict[str, pd.DataFrame]:
    """``degrees``: for every relation the out-degree of its source nodes and the in-degree of its destination nodes.

    They count edges, as messages use them: both directions of a fact. ``n`` is the number of nodes; those of an image count once for each
    pair in relations of the pair.
    """
    rows = []
    for relation, own in counted(corpus, unit):
        if isinstance(relation, str):
            continue
        histograms = [np.zeros(1, np.int64), np.zeros(1, np.int64)]
        for _, flat in corpus.chunks([relation], unit=own):
            member = members(flat.edge_offsets[relation])
            for k, node_type in enumerate((relation[0], relation[2])):
                offsets = flat.node_offsets[node_type].numpy()
                degree = np.bincount(flat.edge_ends[relation][k].numpy() + offsets[member], minlength=int(offsets[-1]))
                histograms[k] = add_to(histograms[k], degree)
        for end, node_type, histogram in zip(("source", "destination"), (relation[0], relation[2]), histograms, strict=True):
            total = int(histogram.sum())
            rows.append(
                {"relation": schema.relation_name(relation), "end": end, "per": noun(own, corpus.kind, count=1)}
                | {"unit": schema.node_type(node_type).noun, "n": total} | spread(histogram)
                | {"share without": float(histogram[0] / total) if total else np.nan}
            )  # fmt: skip
    return {"degrees": pd.DataFrame(rows)} if rows else {}


# ---------------------------------------------------------------------------------------------- what a side says


def side_tables(corpus: GraphCorpus, side: Side, unit: str) -> dict[str, pd.DataFrame]:
    """The objects, attributes, predicates and triples of a side, and a table with one row for each of its units, in one pass.

    Every fact counts once, with where it comes from (:data:`~hetero_xmodal.schema.PROVENANCE`). Words do not say where they come from.
    """
    empty, attributes, n = empty_code(corpus), AttributeLists(corpus.vocabulary), unit_counts(corpus)[unit]
    origin = ["provenance"] if side is IMAGE else []
    keys = ["name", *origin], ["attribute", *origin], ["predicate", "provenance"], ["subject", "predicate", "object", "provenance"]
    every = [Tally(names) for names in keys]
    per_unit = {name: np.zeros(n, np.int64) for name in (side.things, "attributes", "relations")}
    for start, flat in corpus.chunks([side.nodes, side.relation], unit=unit):
        objects, relations = things(flat, side, empty), facts(flat, side, empty)
        looks = _attributes(objects, attributes, origin)
        for tally, rows in zip(every, (objects, looks, relations, relations), strict=True):
            tally.add(rows)
        for column, rows in zip(per_unit.values(), (objects, looks, relations), strict=True):
            column[start : start + flat.count] = np.bincount(rows["member"], minlength=flat.count)
    text = {"provenance": provenance_names, "attribute": lambda numbers: np.array([*attributes.names, ""], dtype=object)[numbers]}
    found, counted_as = {}, ((side.things, every[0]), (side.things, every[0]), ("relations", every[2]), ("relations", every[2]))
    for name, tally, (what, whole) in zip(side.tables, every, counted_as, strict=True):
        table = tally.table()
        for key in tally.keys:
            table[key] = text.get(key, corpus.vocabulary.strings)(table[key].to_numpy())
        found[name] = _frequencies(table, tally.keys, what, whole.total, (unit, n))
    return found | {"images" if side is IMAGE else "captions": _rows(corpus, side, unit, per_unit)}


def _attributes(objects: pd.DataFrame, attributes: AttributeLists, origin: list[str]) -> pd.DataFrame:
    """One row for every attribute of every object, with where it comes from, if that is known."""
    rows, numbers = attributes.explode(objects["attributes"].to_numpy())
    columns = {"member": objects["member"].to_numpy()[rows], "attribute": numbers}
    return pd.DataFrame(columns | {name: objects[f"attribute_{name}"].to_numpy()[rows] for name in origin})


def _frequencies(table: pd.DataFrame, keys: list[str], what: str, whole: int, over: tuple[str, int]) -> pd.DataFrame:
    """A tally with readable columns: how many *what*, as a share of the *whole*, in how many of the n units, the most frequent first."""
    unit, n = over
    table = table.sort_values(["count", *keys], ascending=[False, *[True] * len(keys)]).reset_index(drop=True)
    counts, units = table["count"], table["units"]
    shares = {what: counts, f"share of {what}": counts / max(whole, 1), f"{unit}s": units, f"share of {unit}s": units / max(n, 1)}
    return table[keys].assign(**shares, unit=unit, n=n)


def _rows(corpus: GraphCorpus, side: Side, unit: str, per_unit: dict[str, np.ndarray]) -> pd.DataFrame:
    """One row for each unit of a side: its id, the number of its nodes, and of its objects, attributes and relations."""
    table = _units(corpus, unit)
    nodes = table[side.nodes]
    table = table.drop(columns=[name for name in (schema.VISUAL, schema.WORD) if name in table])
    if side is SENTENCE:
        return table.assign(words=nodes, **per_unit, **{"different lemmas": _different_lemmas(corpus, unit, len(table))})
    return table.assign(**per_unit, patches=nodes - per_unit[side.things])


def _units(corpus: GraphCorpus, unit: str) -> pd.DataFrame:
    """Number, id and split of every unit, and its numbers of regions and words, as far as it has them."""
    table = corpus.frame(unit=unit).rename(columns={"graph": "pair"})
    return table[[name for name in (unit, "id", "split", "pairs", schema.VISUAL, schema.WORD) if name in table]]


def _different_lemmas(corpus: GraphCorpus, unit: str, n: int) -> np.ndarray:
    found = np.zeros(n, np.int64)
    for start, flat in corpus.chunks([schema.WORD], unit=unit):
        lemma, vocabulary = flat.node_data[schema.WORD]["lemma"].numpy(), len(corpus.vocabulary)
        different = np.unique(members(flat.node_offsets[schema.WORD]) * vocabulary + lemma)
        found[start : start + flat.count] = np.bincount(different // max(vocabulary, 1), minlength=flat.count)
    return found


def arcs(corpus: GraphCorpus, unit: str) -> dict[str, pd.DataFrame]:
    """``arcs``: labels of the dependency arcs, with the share of all arcs and of the sentences that have one."""
    tally = Tally(["arc"])
    for _, flat in corpus.chunks([schema.DEPENDS], unit=unit):
        data, offsets = flat.edge_data[schema.DEPENDS], flat.edge_offsets[schema.DEPENDS]
        tally.add(pd.DataFrame({"member": members(offsets), "arc": data["arc"].numpy()}))
    table = tally.table()
    table["arc"] = corpus.vocabulary.strings(table["arc"].to_numpy())
    return {"arcs": _frequencies(table, ["arc"], "arcs", tally.total, (unit, unit_counts(corpus)[unit]))}


def labels(corpus: GraphCorpus, unit: str) -> dict[str, pd.DataFrame]:
    """``labels``: in how many images each label is; ``label_pairs``: in how many both labels are, on the diagonal the label itself."""
    from scipy.sparse import coo_array

    n, codes = unit_counts(corpus)[unit], _label_codes(corpus, unit)
    together = np.zeros((len(codes), len(codes)), np.int64)
    for _, flat in corpus.chunks([schema.LABEL], unit=unit) if len(codes) else ():
        name = flat.node_data[schema.LABEL]["name"].numpy()
        places = (members(flat.node_offsets[schema.LABEL]), np.searchsorted(codes, name))
        present = coo_array((np.ones(len(name), np.int64), places), shape=(flat.count, len(codes))).tocsr()
        present.data[:] = 1  # a label that an image has twice counts once
        together += (present.T @ present).toarray()
    names, images = corpus.vocabulary.strings(codes), together.diagonal()
    order = np.lexsort((names.astype(str), -images))
    table = pd.DataFrame({"label": names[order], f"{unit}s": images[order], f"share of {unit}s": images[order] / max(n, 1)})
    index = pd.Index(names[order], name=f"{unit}s with both labels (n = {n})")
    pairs = pd.DataFrame(together[np.ix_(order, order)], index=index, columns=names[order])
    return {"labels": table.assign(unit=unit, n=n), "label_pairs": pairs}


def _label_codes(corpus: GraphCorpus, unit: str) -> np.ndarray:
    """Codes of the names of all labels, sorted."""
    found = [np.empty(0, np.int64)]
    for _, flat in corpus.chunks([schema.LABEL], unit=unit):
        found.append(np.unique(flat.node_data[schema.LABEL]["name"].numpy()))
    return np.unique(np.concatenate(found))
