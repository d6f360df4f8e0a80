"""A corpus as Parquet tables, for pandas, DuckDB, Spark and others; written a part at a time, so that any size fits in memory.

``images.parquet``, ``sentences.parquet`` and ``pairs.parquet`` have one row per image, sentence and pair, with the number (``image``,
``sentence``, ``pair``), id, texts and numbers of nodes and edges; ``pairs`` names the ``image`` and the ``sentence`` of each. Every node
type and relation has a table of its own, ``visual.parquet`` or ``word-depends-word.parquet``, whose first column is the number of the
image, sentence or pair that it belongs to: the regions of an image are there once. Vectors are lists (``feature``). Nothing is lost: texts
are whole, numbers keep their types.

>>> import tempfile, pathlib, pandas, hetero_xmodal as hx
>>> bird = hx.SceneGraph(objects=[hx.SceneObject("bird", box=(0, 0, 9, 9))], size=(10, 10))
>>> corpus = hx.GraphCorpus.from_graphs([hx.build_graph(bird, bird)], ids=["a"])
>>> folder = pathlib.Path(tempfile.mkdtemp()) / "tables"
>>> [file.name for file in write_parquet(corpus, folder)][:4]
['images.parquet', 'sentences.parquet', 'pairs.parquet', 'visual.parquet']
>>> pandas.read_parquet(folder / "visual.parquet")[["image", "name", "x2"]].values.tolist()
[[0, 'bird', 9.0]]
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..files import FolderKind, atomic_folder
from .corpus_data import Owner, owner_name, owner_part

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow

    from .corpus import GraphCorpus

PARQUET_FOLDER = FolderKind("set of Parquet tables")
_ROWS = 512  # images, sentences or pairs at a time


def write_parquet(corpus: GraphCorpus, folder: str | Path) -> list[Path]:
    """Write the tables of *corpus* into *folder*, all or none, and return their paths; see this module for the columns.

    Raises
    ------
    InputError
        If *folder* holds other files or cannot be written.
    """
    names = []
    with atomic_folder(folder, PARQUET_FOLDER) as temporary:
        for unit in ("image", "sentence", "pair"):
            names.append(f"{unit}s.parquet")
            _write(temporary / names[-1], _units(corpus, unit))
        owners: list[Owner] = [*corpus.node_types, *corpus.relations]
        for owner in owners:
            names.append(f"{owner_name(owner)}.parquet")
            _write(temporary / names[-1], _rows_of(corpus, owner))
    return [Path(folder) / name for name in names]


def _parts(corpus: GraphCorpus, unit: str) -> Iterator[tuple[int, GraphCorpus]]:
    """Some rows of a unit at a time, as corpora, with the number of the first; at least one, for the columns."""
    total = getattr(corpus, f"num_{unit}s")
    for start in range(0, max(total, 1), _ROWS):
        yield start, corpus.only(unit, range(start, min(start + _ROWS, total)))


def _units(corpus: GraphCorpus, unit: str) -> Iterator[pd.DataFrame]:
    ends = corpus.pair_ends()
    for start, part in _parts(corpus, unit):
        table = part.frame(unit=unit)
        if unit == "pair":
            table = table.rename(columns={"graph": "pair", "sentence": "text", "image": "path"})
            for k, (name, numbers) in enumerate(zip(("image", "sentence"), ends, strict=True), start=2):
                table.insert(k, name, numbers[start : start + len(table)])
        else:  # counted among all pairs, not those of this part
            table["pairs"] = np.bincount(ends[unit == "sentence"], minlength=start + len(table))[start : start + len(table)]
        table[unit] += start
        yield table


def _rows_of(corpus: GraphCorpus, owner: Owner) -> Iterator[pd.DataFrame]:
    unit = owner_part(owner)
    for start, part in _parts(corpus, unit):
        table = part.frame(owner, unit=unit, features="list").rename(columns={"graph": "pair"})
        table[unit] += start
        yield table


def _write(path: Path, tables: Iterator[pd.DataFrame]) -> None:
    from pyarrow import parquet

    writer = None
    try:
        for table in tables:
            arrow = _arrow(table)
            writer = writer or parquet.ParquetWriter(path, arrow.schema, compression="zstd")
            writer.write_table(arrow)
    finally:
        if writer is not None:
            writer.close()


def _arrow(table: pd.DataFrame) -> pyarrow.Table:
    """Columns with types that do not depend on the rows: a part without any has the same."""
    import pyarrow as pa

    columns = {}
    for name, column in table.items():
        values = column.to_numpy()
        if values.dtype.kind in "biuf":
            columns[name] = pa.array(values)
        else:
            lists = name in table.attrs.get("vectors", ())
            columns[name] = pa.array(list(values), pa.list_(pa.float32()) if lists else pa.string())
    return pa.table(columns)
