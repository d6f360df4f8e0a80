"""Counting a corpus part by part: how often things occur and in how many units, from codes, in memory that does not grow with the corpus.

>>> import pandas as pd
>>> tally = Tally(["name"])
>>> tally.add(pd.DataFrame({"member": [0, 0, 1], "name": [7, 7, 7]}))
>>> tally.add(pd.DataFrame({"member": [0, 0], "name": [7, 8]}))
>>> tally.table().values.tolist()
[[7, 4, 3], [8, 1, 1]]
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from .. import schema
from .units import IMAGE, Side

if TYPE_CHECKING:
    from ..graphs.corpus import GraphCorpus
    from ..graphs.flat import FlatGraphs
    from ..graphs.texts import Vocabulary

QUANTILES = {"25 %": 0.25, "median": 0.5, "75 %": 0.75}
#: parts of a tally that are kept before they are added up
_PARTS = 32


class Tally:
    """Number of rows with each combination of *keys*, and number of units that have one, added up part by part.

    A part must hold whole units: no unit may be spread over two parts.
    """

    def __init__(self, keys: Sequence[str]):
        self.keys = list(keys)
        self.total = 0
        self._parts: list[pd.DataFrame] = []

    def add(self, rows: pd.DataFrame) -> None:
        """Count *rows*, which have the columns ``member`` (number of the unit) and the keys."""
        self.total += len(rows)
        if len(rows):
            count = rows.groupby(self.keys, sort=False).size()
            units = rows.drop_duplicates(["member", *self.keys]).groupby(self.keys, sort=False).size()
            self._parts.append(pd.DataFrame({"count": count, "units": units}))
            if len(self._parts) == _PARTS:
                self._parts = [self._sum()]

    def table(self) -> pd.DataFrame:
        """The keys as columns, ``count`` and ``units``, sorted by the keys."""
        if not self._parts:
            return pd.DataFrame({name: np.empty(0, np.int64) for name in (*self.keys, "count", "units")})
        return self._sum().reset_index()

    def _sum(self) -> pd.DataFrame:
        return pd.concat(self._parts).groupby(level=self.keys).sum()


class AttributeLists:
    """The attributes in texts such as ``"red; striped"``, which are given as codes: each text is taken apart once.

    names : every attribute that was met; a number is its place in this list
    """

    def __init__(self, vocabulary: Vocabulary):
        self.names: list[str] = []
        self._vocabulary = vocabulary
        self._numbers: dict[str, int] = {}
        self._lists: dict[int, list[int]] = {}

    def explode(self, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Of the texts with the *codes* (n,): row (m,) and number (m,) of every attribute."""
        distinct, place = np.unique(codes, return_inverse=True)
        lists = [self._list(code) for code in distinct.tolist()]
        lengths = np.array([len(numbers) for numbers in lists], np.int64)
        flat = np.array([number for numbers in lists for number in numbers], np.int64)
        first = np.cumsum(lengths) - lengths
        count = lengths[place]
        within = np.arange(int(count.sum())) - np.repeat(np.cumsum(count) - count, count)
        return np.repeat(np.arange(len(codes)), count), flat[np.repeat(first[place], count) + within]

    def _list(self, code: int) -> list[int]:
        if code not in self._lists:
            text = str(self._vocabulary.strings(np.array([code]))[0])
            self._lists[code] = [self._number(name) for name in dict.fromkeys(text.split("; ")) if name]
        return self._lists[code]

    def _number(self, name: str) -> int:
        if name not in self._numbers:
            self._numbers[name] = len(self.names)
            self.names.append(name)
        return self._numbers[name]


# ---------------------------------------------------------------------------------------------- what is counted


def members(offsets) -> np.ndarray:
    """The member (n,) to which every row of a flat tensor belongs."""
    offsets = offsets.numpy()
    return np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))


def node_names(flat: FlatGraphs, side: Side, empty: int) -> np.ndarray:
    """Code (n,) of the name of every node of a side; a word is named by the whole name of the thing that it heads, or else by its lemma.

    *empty* is the code of the empty text.
    """
    data = flat.node_data[side.nodes]
    name = data["name"].numpy()
    return name if side is IMAGE else np.where(name == empty, data["lemma"].numpy(), name)


def things(flat: FlatGraphs, side: Side, empty: int) -> pd.DataFrame:
    """The objects of a side: ``member``, ``row`` among the nodes of *flat*, ``name`` and ``attributes`` as codes, ``provenance``...

    On the side of the image these are the regions, without the patches of a grid; on that of the sentence the words that head an object.
    """
    data = flat.node_data[side.nodes]
    if side is IMAGE:
        kept = data["provenance"].numpy() != schema.PRIOR
        more = ["provenance", "attribute_provenance"]
    else:
        kept = data["is_object"].numpy().astype(bool)
        more = ["number"]
    rows = np.flatnonzero(kept)
    columns = {"member": members(flat.node_offsets[side.nodes])[rows], "row": rows, "name": node_names(flat, side, empty)[rows]}
    return pd.DataFrame(columns | {name: data[name].numpy()[rows] for name in ("attributes", *more)})


def facts(flat: FlatGraphs, side: Side, empty: int, *, both_ways: bool = False) -> pd.DataFrame:
    """The relations between the objects of a side: ``member``, ``subject``, ``predicate`` and ``object`` as codes, ``provenance``.

    ``subject_row`` and ``object_row`` are rows among the nodes of *flat*.

    A fact that is stored both ways is counted once, and what does not come from the data (the neighbours in a grid) not at all. With
    *both_ways*, it has a row for each direction, and the column ``mirror`` is true for the way back.
    """
    data, member = flat.edge_data[side.relation], members(flat.edge_offsets[side.relation])
    mirror = data["mirror"].numpy().astype(bool)
    kept = np.flatnonzero((both_ways | ~mirror) & (data["provenance"].numpy() != schema.PRIOR))
    member = member[kept]
    first = flat.node_offsets[side.nodes].numpy()[member]
    names = node_names(flat, side, empty)
    ends = [end.numpy()[kept] + first for end in flat.edge_ends[side.relation]]
    predicate, provenance = (data[name].numpy()[kept] for name in ("predicate", "provenance"))
    columns = {"member": member, "subject": names[ends[0]], "predicate": predicate, "object": names[ends[1]], "provenance": provenance}
    ways = {"mirror": mirror[kept]} if both_ways else {}
    return pd.DataFrame(columns | {"subject_row": ends[0], "object_row": ends[1]} | ways)


# ---------------------------------------------------------------------------------------------- numbers and names


def provenance_names(codes: np.ndarray) -> np.ndarray:
    """Codes (n,) of the schema's provenance as texts (n,)."""
    return np.array([*schema.PROVENANCE, ""], dtype=object)[codes]


def empty_code(corpus: GraphCorpus) -> int:
    """The code of the empty text in a corpus; -1 if no node or edge has one."""
    return corpus.vocabulary.code("")


def add_to(histogram: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Histogram (k,) of whole numbers with further *values* (n,): entry i is the number of values that are i."""
    more = np.bincount(values, minlength=len(histogram))
    more[: len(histogram)] += histogram
    return more


def spread(histogram: np.ndarray) -> dict[str, float]:
    """Mean, standard deviation (of these values, not an estimate for others), extremes and quantiles of the values in a histogram."""
    total = int(histogram.sum())
    if not total:
        return dict.fromkeys(["mean", "std", "min", *QUANTILES, "max"], np.nan)
    values, seen = np.arange(len(histogram)), np.flatnonzero(histogram)
    mean = float((values * histogram).sum() / total)
    std = float(np.sqrt((histogram * (values - mean) ** 2).sum() / total))
    quantiles = {name: _quantile(histogram, total, share) for name, share in QUANTILES.items()}
    return {"mean": mean, "std": std, "min": float(seen[0]), **quantiles, "max": float(seen[-1])}


def _quantile(histogram: np.ndarray, total: int, share: float) -> float:
    """The quantile between the two neighbouring values, linearly, as numpy's and pandas's default."""
    place, upto = share * (total - 1), np.cumsum(histogram)
    low, high = (int(np.searchsorted(upto, which, side="right")) for which in (np.floor(place), np.ceil(place)))
    return float(low + (high - low) * (place - np.floor(place)))
