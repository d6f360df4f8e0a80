"""Seen and said: which regions of the image its sentence names, and which objects of the sentence the image shows, pair by pair.

A region is named

* *one to one* if it is matched with a word of its own: "two dogs" names one of two dogs;
* *with plurals* if, besides, a word that stands for several things has its class: "two dogs" names both, "a dog" one of them;
* *by class* if any word has its class.

A word has a region's class if their names match as in :func:`hetero_xmodal.graphs.bridges.name_similarity` ("puppy" and "dog").

Of a pair whose image has no regions but the patches of a grid, nobody knows what the image shows; it has no share.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from .. import schema
from ..graphs.bridges import name_similarity
from .counting import Tally, empty_code, members, things
from .units import IMAGE, SENTENCE, unit_counts

if TYPE_CHECKING:
    from ..graphs.corpus import GraphCorpus
    from ..graphs.flat import FlatGraphs
    from ..graphs.texts import Vocabulary

ONE, PLURALS, CLASS = "one to one", "with plurals", "by class"
#: why an object word has no region, see :mod:`hetero_xmodal.analysis.unmatched`
MATCHED, LOST, NO_BOX, NO_CLASS, NO_REGIONS = "matched", "lost to one to one", "no such box", "no such class", "image without regions"
REASONS = (MATCHED, LOST, NO_BOX, NO_CLASS, NO_REGIONS)
#: share -> table column of the number that it is a part of, and per way of counting the column of the part
SHARES = {
    "regions named": ("regions", {ONE: "matched", PLURALS: "regions named, with plurals", CLASS: "regions named, by class"}),
    "object words seen": ("object words", {ONE: "matched", CLASS: "object words seen, by class"}),
    "named on both sides": ("named on either side", {ONE: "matched"}),
}


@dataclass
class Part:
    """Some pairs: their regions and object words (``member``, ``row``, ``name``), with a column of flags for each way of counting."""

    start: int
    count: int
    nodes: np.ndarray  # visual nodes of each pair, regions and patches
    regions: pd.DataFrame
    words: pd.DataFrame


class _SameClass:
    """Whether the names behind two codes match, asked for many pairs of codes at once; each different pair is compared once."""

    def __init__(self, vocabulary: Vocabulary):
        self._vocabulary = vocabulary
        self._known: dict[int, bool] = {}

    def __call__(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        width = max(len(self._vocabulary), 1)
        keys, place = np.unique(first.astype(np.int64) * width + second, return_inverse=True)
        for key in keys.tolist():
            if key not in self._known:
                a, b = self._vocabulary.strings(np.array(divmod(key, width)))
                self._known[key] = name_similarity(a, b) > 0
        return np.array([self._known[key] for key in keys.tolist()], bool)[place.reshape(-1)]


def parts(corpus: GraphCorpus) -> Iterator[Part]:
    """The pairs of a corpus, some thousand at a time; words have their part of speech (``pos``) as a code besides."""
    empty, same_class = empty_code(corpus), _SameClass(corpus.vocabulary)
    for start, flat in corpus.chunks([schema.VISUAL, schema.WORD, schema.VISUAL_SAME_AS_WORD], unit="pair"):
        regions, words = things(flat, IMAGE, empty), things(flat, SENTENCE, empty)
        one, matched, word = _matched(flat)
        regions[ONE], words[ONE] = one[regions["row"]], word[words["row"]]
        r, w = _every_pair(regions["member"].to_numpy(), words["member"].to_numpy(), flat.count)
        alike = same_class(regions["name"].to_numpy()[r], words["name"].to_numpy()[w])
        r, w = r[alike], w[alike]
        several = (words["number"].to_numpy()[w] == schema.SEVERAL) | (words["number"].to_numpy()[w] > 1)
        bridged = matched[regions["row"]]
        regions[PLURALS] = bridged | _flags(r[several], len(regions))
        regions[CLASS] = bridged | _flags(r, len(regions))
        words[CLASS] = words[ONE] | _flags(w, len(words))
        words["pos"] = flat.node_data[schema.WORD]["pos"].numpy()[words["row"]]
        yield Part(start, flat.count, np.diff(flat.node_offsets[schema.VISUAL].numpy()), regions, words)


def _matched(flat: FlatGraphs) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Flags of the nodes of *flat*: regions that are the first of their word, regions that are matched, words that are matched."""
    relation = schema.VISUAL_SAME_AS_WORD
    member = members(flat.edge_offsets[relation])
    visual, word = (flat.node_offsets[name].numpy() for name in (schema.VISUAL, schema.WORD))
    source, destination = (end.numpy() for end in flat.edge_ends[relation])
    source, destination = source + visual[member], destination + word[member]
    first = np.unique(destination, return_index=True)[1]  # the best match of a word comes first
    return _flags(source[first], int(visual[-1])), _flags(source, int(visual[-1])), _flags(destination, int(word[-1]))


def _flags(rows: np.ndarray, n: int) -> np.ndarray:
    flags = np.zeros(n, bool)
    flags[rows] = True
    return flags


def _every_pair(first: np.ndarray, second: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """All pairs of a row of *first* and a row of *second* of one member, both sorted by member."""
    start = np.searchsorted(second, np.arange(count + 1))
    partners = np.diff(start)[first]
    rows = np.repeat(np.arange(len(first)), partners)
    within = np.arange(len(rows)) - np.repeat(np.cumsum(partners) - partners, partners)
    return rows, start[first[rows]] + within


# ---------------------------------------------------------------------------------------------- the tables


def pair_tables(corpus: GraphCorpus, unit: str | None) -> dict[str, pd.DataFrame]:
    """``coverage``: one row per pair; ``shares``: pooled and as means of the pairs' shares; ``objects``: name by name.

    ``objects`` compares the regions of all images with the object words of all sentences by their whole names. A region is named if a
    sentence of its image names it, one to one or by class; an object word is seen if it is matched in an image of its sentence. With the
    unit ``pair``, everything is counted once for each pair.
    """
    by_name = ByName(corpus, "pair" if unit == "pair" else None)
    columns = ("regions", "object words", "matched", *(SHARES["regions named"][1][way] for way in (PLURALS, CLASS)))
    counts = {name: np.zeros(len(corpus), np.int64) for name in (*columns, SHARES["object words seen"][1][CLASS], "patches")}
    for part in parts(corpus):
        by_name.add(part)
        regions, words = part.regions, part.words
        here = slice(part.start, part.start + part.count)
        rows = (regions, words, words[words[ONE]], regions[regions[PLURALS]], regions[regions[CLASS]], words[words[CLASS]])
        for column, which in zip(counts.values(), rows, strict=False):  # the patches come last
            column[here] = np.bincount(which["member"], minlength=part.count)
        counts["patches"][here] = part.nodes - counts["regions"][here]
    coverage = _coverage(corpus, counts)
    return {"coverage": coverage, "shares": _shares(coverage), "objects": by_name.table()}


def _coverage(corpus: GraphCorpus, counts: dict[str, np.ndarray]) -> pd.DataFrame:
    """One row per pair. ``share named on both sides`` is matched / (regions + object words - matched), empty where there are neither."""
    table = pd.DataFrame({"pair": np.arange(len(corpus)), "id": corpus.ids} | counts)
    for share, (whole, ways) in SHARES.items():
        all_of = _all_of(table, whole)
        for way, column in ways.items():
            name = f"share of {share}" if share != "named on both sides" else f"share {share}"
            table[name if way == ONE else f"{name}, {way}"] = table[column] / all_of.where(all_of > 0)
    return table


def _all_of(coverage: pd.DataFrame, whole: str) -> pd.Series:
    """Of how many things a pair's share is one; none where the image has patches only."""
    things = coverage[whole] if whole in coverage else coverage["regions"] + coverage["object words"] - coverage["matched"]
    return things.where((coverage["regions"] > 0) | (coverage["patches"] == 0), 0)


def _shares(coverage: pd.DataFrame) -> pd.DataFrame:
    """Every share pooled (of all things in all pairs) and as the mean of the shares of the pairs that have such a thing."""
    rows = []
    for share, (whole, ways) in SHARES.items():
        all_of = _all_of(coverage, whole)
        for way, column in ways.items():
            total, pairs = int(all_of.sum()), all_of > 0
            rows.append(
                {"share": share, "counted": way, "pooled": coverage[column].sum() / total if total else np.nan}
                | {"unit of pooled": f"{whole}, once per pair", "n of pooled": total}
                | {"mean": float((coverage[column] / all_of.where(pairs)).mean()), "unit of mean": "pair", "n of mean": int(pairs.sum())}
            )  # fmt: skip
    return pd.DataFrame(rows)


class ByName:
    """What is seen and said, by name, counted once for each image and sentence, or with the unit ``pair`` once for each pair."""

    def __init__(self, corpus: GraphCorpus, unit: str | None):
        self.corpus, self.unit = corpus, unit
        self.tallies = {side.unit: {way: Tally(["name"]) for way in ("", ONE, CLASS)} for side in (IMAGE, SENTENCE)}
        self.flags: dict[str, dict[str, np.ndarray]] = {}
        if unit is None:
            self.of = dict(zip(("image", "sentence"), corpus.pair_ends(), strict=True))
            self.first = {side.unit: _first_nodes(corpus, side.unit, side.nodes) for side in (IMAGE, SENTENCE)}
            self.flags = {u: {way: np.zeros(int(first[-1]), bool) for way in (ONE, CLASS)} for u, first in self.first.items()}

    def add(self, part: Part) -> None:
        """Count some pairs."""
        for side, rows in ((IMAGE, part.regions), (SENTENCE, part.words)):
            if self.unit is not None:
                self._tally(side.unit, rows)
                continue
            first = self.first[side.unit][self.of[side.unit][part.start : part.start + part.count]]
            lengths = np.diff(self.first[side.unit])[self.of[side.unit][part.start : part.start + part.count]]
            within = rows["row"].to_numpy() - (np.cumsum(lengths) - lengths)[rows["member"]]
            for way, flags in self.flags[side.unit].items():
                named = rows[way].to_numpy()
                flags[first[rows["member"]][named] + within[named]] = True

    def flags_of(self, unit: str, start: int, rows: pd.DataFrame) -> dict[str, np.ndarray]:
        """Of the objects *rows* of some images (sentences), the first of which is number *start*, whether any pair named them, (n,)."""
        place = self.first[unit][start] + rows["row"].to_numpy()
        return {way: flags[place] for way, flags in self.flags[unit].items()}

    def _tally(self, unit: str, rows: pd.DataFrame) -> None:
        for way, tally in self.tallies[unit].items():
            tally.add((rows[rows[way]] if way else rows)[["member", "name"]])

    def table(self) -> pd.DataFrame:
        """One row per name, those of most regions first."""
        if self.unit is None:
            empty = empty_code(self.corpus)
            for side in (IMAGE, SENTENCE):
                for start, flat in self.corpus.chunks([side.nodes], unit=side.unit):
                    rows = things(flat, side, empty)
                    self._tally(side.unit, rows.assign(**self.flags_of(side.unit, start, rows)))
        columns = {}
        for side, shown, named in ((IMAGE, "show", "named"), (SENTENCE, "name", "seen")):
            whole, one, by_class = (tally.table().set_index("name") for tally in self.tallies[side.unit].values())
            columns[side.things] = whole["count"]
            columns[f"{self.unit or side.unit}s that {shown} it"] = whole["units"]
            columns[f"{side.things} {named}"], columns[f"{side.things} {named}, by class"] = one["count"], by_class["count"]
        table = pd.DataFrame(columns).fillna(0).astype(int).rename_axis("name").reset_index()
        table["name"] = self.corpus.vocabulary.strings(table["name"].to_numpy())
        table = table.sort_values(["regions", "object words", "name"], ascending=[False, False, True]).reset_index(drop=True)
        numbers = unit_counts(self.corpus)
        return table.assign(**{f"n {u}s": numbers[u] for u in ([self.unit] if self.unit else ["image", "sentence"])})


def _first_nodes(corpus: GraphCorpus, unit: str, nodes: str) -> np.ndarray:
    """Number of the first node of every unit among all nodes of the type, and the number of nodes, (n + 1,)."""
    counts = corpus.frame(unit=unit)[nodes].to_numpy()
    return np.concatenate([[0], np.cumsum(counts)])
