"""What a corpus holds: how often each name occurs, the long tail, and the degrees of things."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from .. import schema
from .counting import AttributeLists, Tally, add_to, empty_code, facts, members, spread, things
from .examples import add_examples
from .result import Result
from .units import IMAGE, SENTENCE, Side, unit_counts

if TYPE_CHECKING:
    from ..graphs.corpus import GraphCorpus

TRIPLE = ("subject", "predicate", "object")
#: what is counted on a side, in the order of ``Side.tables``: its key
KEYS: tuple[tuple[str, ...], ...] = (("name",), ("attribute",), ("predicate",), TRIPLE)
_MEANINGS = {
    "long_tail": "One row for each kind of name. Occur once: names with a single occurrence, which no model can learn from and be tested "
    "on. "
    "Names for half: how few of the most frequent names make up half of all occurrences. More data lengthen every tail, so compare "
    "shares only between corpora of one size.",
    "degrees": "Degree as a person would count it: facts that a thing takes part in, each once, whichever way it is stored; words that "
    "depend "
    "on a word; sentences of an image. Nodes and edges of the bridge are left out.",
} | {
    name: f"{what} by rank. Cumulative share: of all occurrences, those of this name and the more frequent ones."
    for side, whose in ((IMAGE, "of images"), (SENTENCE, "of sentences"))
    for name, what in zip(side.tables, (f"Objects {whose}", f"Attributes {whose}", f"Predicates {whose}", f"Triples {whose}"), strict=True)
}
_MEANINGS["labels"] = "Labels of images by rank; share: of all labels of all images."


def contents(corpus: GraphCorpus) -> Result:
    """What a corpus holds: every name by rank, the long tail, and degrees.

    What belongs to an image is counted once for each image, what belongs to a sentence once for each sentence.

    Returns
    -------
    Result
        ``long_tail``: for objects, attributes, predicates and triples of each side, and labels, the number of occurrences and of different
        names, and how many names occur once; ``degrees``; and one table by rank for each kind, named as in :func:`hetero_xmodal.analyze`.
    """
    numbers, tables, units, tails = unit_counts(corpus), {}, {}, []
    for side in (IMAGE, SENTENCE):
        if numbers[side.unit]:
            for name, table in _ranked(corpus, side).items():
                tables[name], units[name] = table, side.unit
                tails.append({"of": name.replace("_", " "), "unit": side.unit, "n": numbers[side.unit]} | _tail(table["count"].to_numpy()))
    order = {"long_tail": pd.DataFrame(tails), "degrees": degree_table(corpus)} | tables
    return Result("contents", "Contents: what is in it, and how long the tail is", order, _MEANINGS, units, draw=_draw)


def _draw(tables: Mapping[str, pd.DataFrame]) -> Any:
    from .section_figures import plot_contents

    return plot_contents(tables)


def _tail(counts: np.ndarray) -> dict[str, Any]:
    """The long tail of names by their counts (n,), the most frequent first."""
    total, once = int(counts.sum()), int((counts == 1).sum())
    upto = np.cumsum(counts)
    half = int(np.searchsorted(upto, total / 2) + 1) if total else 0
    return {
        "occurrences": total, "names": len(counts), "occur once": once,
        "share that occurs once": once / len(counts) if len(counts) else np.nan, "names for half": half,
        "share of the ten most frequent": float(upto[min(9, len(upto) - 1)] / total) if total else np.nan,
    }  # fmt: skip


def side_rows(corpus: GraphCorpus, side: Side, attributes: AttributeLists) -> Iterator[dict[str, pd.DataFrame]]:
    """Rows of objects, attributes, predicates and triples of a side, some units at a time, by the name of their table."""
    empty = empty_code(corpus)
    for start, flat in corpus.chunks([side.nodes, side.relation, *([schema.LABEL] if side is IMAGE else [])], unit=side.unit):
        objects, relations = things(flat, side, empty), facts(flat, side, empty)
        rows, numbers = attributes.explode(objects["attributes"].to_numpy())
        looks = objects.iloc[rows].assign(attribute=numbers)
        found = dict(zip(side.tables, (objects, looks, relations, relations), strict=True))
        if side is IMAGE:
            name = flat.node_data[schema.LABEL]["name"].numpy()
            found["labels"] = pd.DataFrame({"member": members(flat.node_offsets[schema.LABEL]), "label": name})
        yield {name: table.assign(member=table["member"] + start) for name, table in found.items()}


def _ranked(corpus: GraphCorpus, side: Side) -> dict[str, pd.DataFrame]:
    attributes = AttributeLists(corpus.vocabulary)
    keys = dict(zip(side.tables, KEYS, strict=True)) | ({"labels": ("label",)} if side is IMAGE else {})
    tallies = {name: Tally(list(key)) for name, key in keys.items()}
    for part in side_rows(corpus, side, attributes):
        for name, tally in tallies.items():
            tally.add(part[name])
    n = unit_counts(corpus)[side.unit]
    order = {name: _by_rank(tally.table(), keys[name], corpus, attributes) for name, tally in tallies.items() if tally.total}
    made = add_examples(
        corpus, side.unit, {name: (t, keys[name]) for name, t in order.items()}, lambda: side_rows(corpus, side, attributes)
    )
    return {name: _named(table, keys[name], corpus, attributes, side.unit, n) for name, table in made.items()}


def _texts(key: str, codes: pd.Series, corpus: GraphCorpus, attributes: AttributeLists) -> np.ndarray:
    if key == "attribute":
        return np.array([*attributes.names, ""], dtype=object)[codes.to_numpy()]
    return corpus.vocabulary.strings(codes.to_numpy())


def _by_rank(table: pd.DataFrame, keys: tuple[str, ...], corpus: GraphCorpus, attributes: AttributeLists) -> pd.DataFrame:
    """The most frequent first; equally frequent ones by the alphabet."""
    texts = pd.DataFrame({key: _texts(key, table[key], corpus, attributes) for key in keys}).assign(_count=table["count"].to_numpy())
    order = texts.sort_values(["_count", *keys], ascending=[False, *[True] * len(keys)]).index
    return table.iloc[order].reset_index(drop=True)


def _named(table: pd.DataFrame, keys: tuple[str, ...], corpus, attributes: AttributeLists, unit: str, n: int) -> pd.DataFrame:
    counts = table["count"].to_numpy()
    columns: dict[str, Any] = {"rank": np.arange(1, len(table) + 1)} | {key: _texts(key, table[key], corpus, attributes) for key in keys}
    columns |= {"count": counts, "share": counts / counts.sum(), "cumulative share": np.cumsum(counts) / counts.sum()}
    columns |= {f"{unit}s": table["units"].to_numpy(), f"share of {unit}s": table["units"].to_numpy() / n, "unit": unit, "n": n}
    return pd.DataFrame(columns | {"examples": table["examples"].to_numpy()})


# ---------------------------------------------------------------------------------------------- degrees


def degree_table(corpus: GraphCorpus) -> pd.DataFrame:
    """Degrees as a person would count them, with mean, standard deviation, quartiles and the share of things that have none.

    ``relations of a region (of an object word)``: facts of which it is subject or object, each fact once; ``as subject``, ``as object``;
    ``words that depend on a word``; ``sentences of an image``, ``images of a sentence``; ``labels of an image``.
    """
    histograms: dict[tuple[str, str], np.ndarray] = {}
    numbers = unit_counts(corpus)
    for side, noun in ((IMAGE, "region"), (SENTENCE, "object word")):
        for name, degrees in _side_degrees(corpus, side, noun) if numbers[side.unit] else ():
            key = (name, side.unit)
            histograms[key] = add_to(histograms.get(key, np.zeros(1, np.int64)), degrees)
    image_of, sentence_of = corpus.pair_ends()
    if numbers["image"]:
        histograms["sentences of an image", "image"] = np.bincount(np.bincount(image_of, minlength=numbers["image"]))
    if numbers["sentence"]:
        histograms["images of a sentence", "sentence"] = np.bincount(np.bincount(sentence_of, minlength=numbers["sentence"]))
    rows = []
    for (name, unit), histogram in histograms.items():
        total = int(histogram.sum())
        rows.append({"degree": name, "belongs to": unit, "n": total} | spread(histogram) | {"share without": histogram[0] / max(total, 1)})
    return pd.DataFrame(rows)


def _side_degrees(corpus: GraphCorpus, side: Side, noun: str) -> Iterator[tuple[str, np.ndarray]]:
    empty = empty_code(corpus)
    more = [schema.LABEL] if side is IMAGE else [schema.DEPENDS]
    for _, flat in corpus.chunks([side.nodes, side.relation, *more], unit=side.unit):
        rows = things(flat, side, empty)["row"].to_numpy()
        stated, n = facts(flat, side, empty), int(flat.node_offsets[side.nodes][-1])
        ends = [np.bincount(stated[end], minlength=n)[rows] for end in ("subject_row", "object_row")]
        yield f"relations of one {noun}", ends[0] + ends[1]
        yield f"relations of one {noun}, as subject", ends[0]
        yield f"relations of one {noun}, as object", ends[1]
        if side is IMAGE:
            yield "labels of an image", np.diff(flat.node_offsets[schema.LABEL].numpy())
        else:
            heads = (
                flat.edge_ends[schema.DEPENDS][1].numpy()
                + flat.node_offsets[schema.WORD].numpy()[members(flat.edge_offsets[schema.DEPENDS])]
            )
            yield "words that depend on one word", np.bincount(heads, minlength=n)
