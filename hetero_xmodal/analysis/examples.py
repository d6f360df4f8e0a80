"""Ids of the units behind the rows of a table, so that a number leads to the images and sentences that it counts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from .result import EXAMPLES, ROWS_WITH_EXAMPLES

if TYPE_CHECKING:
    from ..graphs.corpus import GraphCorpus


def unit_ids(corpus: GraphCorpus, unit: str, numbers: np.ndarray) -> np.ndarray:
    """Ids (n,) of images, sentences or pairs by their numbers (n,), repeats allowed; only these are read."""
    distinct, place = np.unique(np.asarray(numbers, np.int64), return_inverse=True)
    if not len(distinct):
        return np.empty(0, object)
    ids = corpus.only(unit, distinct.tolist()).frame(unit=unit)["id"].to_numpy(object)
    return ids[place.reshape(-1)]


class Examples:
    """For each of some keys the first units that have a row with it.

    >>> examples = Examples(pd.DataFrame({"name": [7, 8]}))
    >>> examples.add(pd.DataFrame({"member": [4, 4, 5, 6], "name": [7, 7, 8, 7]}))
    >>> [units.tolist() for units in examples.units()]
    [[4, 6], [5]]
    """

    def __init__(self, keys: pd.DataFrame, *, most: int = EXAMPLES):
        self.columns, self.most = list(keys.columns), most
        self._keys = keys.assign(_place=np.arange(len(keys)))
        self._found = pd.DataFrame({"_place": np.empty(0, np.int64), "member": np.empty(0, np.int64)})

    @property
    def complete(self) -> bool:
        """Whether every key has as many units as are wanted."""
        return bool((np.bincount(self._found["_place"], minlength=len(self._keys)) >= self.most).all())

    def add(self, rows: pd.DataFrame) -> None:
        """Look at more rows, which have the columns ``member`` (number of the unit) and those of the keys."""
        first = self.columns[0]
        rows = rows[rows[first].isin(self._keys[first])]
        hits = rows[["member", *self.columns]].merge(self._keys, on=self.columns)[["_place", "member"]].drop_duplicates()
        hits = pd.concat([self._found, hits]).sort_values(["_place", "member"], kind="stable").drop_duplicates()
        self._found = hits.groupby("_place", sort=False).head(self.most)

    def units(self) -> list[np.ndarray]:
        """The numbers (k,) of the units of every key."""
        found = dict(tuple(self._found.groupby("_place")["member"]))
        return [found[k].to_numpy() if k in found else np.empty(0, np.int64) for k in range(len(self._keys))]


def add_examples(
    corpus: GraphCorpus,
    unit: str,
    tables: Mapping[str, tuple[pd.DataFrame, Sequence[str]]],
    parts: Callable[[], Iterator[Mapping[str, pd.DataFrame]]],
) -> dict[str, pd.DataFrame]:
    """Tables with a column ``examples``: ids of units in which the row's key occurs, for the first rows.

    tables : name -> table, and its columns that are the key, as in the rows.
    parts : gives the rows behind the tables again, some units at a time: name -> rows with ``member`` and the key.
    """
    wanted = {name: Examples(table[list(keys)].head(ROWS_WITH_EXAMPLES)) for name, (table, keys) in tables.items()}
    for part in parts() if wanted else ():
        for name, examples in wanted.items():
            if not examples.complete:
                examples.add(part[name])
        if all(examples.complete for examples in wanted.values()):
            break
    return {name: with_ids(corpus, unit, table, wanted[name].units()) for name, (table, _) in tables.items()}


def with_ids(corpus: GraphCorpus, unit: str, table: pd.DataFrame, units: Iterable[np.ndarray]) -> pd.DataFrame:
    """The table with a column ``examples`` of tuples of ids, from the numbers (k,) of the units of its first rows."""
    numbers = [row[:EXAMPLES] for row in units][:ROWS_WITH_EXAMPLES]
    ids = iter(unit_ids(corpus, unit, np.concatenate([np.empty(0, np.int64), *numbers])))
    cells = [tuple(next(ids) for _ in row) for row in numbers]
    cells += [()] * (len(table) - len(cells))
    column = np.empty(len(table), object)
    column[:] = cells[: len(table)]
    return table.assign(examples=column)
