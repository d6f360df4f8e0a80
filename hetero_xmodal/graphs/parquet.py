"""A corpus as Parquet tables, for pandas, DuckDB, Spark and others; written a part at a time, so that any size fits in memory.

``images.parquet``, ``sentences.parquet`` and ``pairs.parquet`` have one row per image, sentence and pair, with the number (``image``,
``sentence``, ``pair``), id, texts and numbers of nodes and edges; ``pairs`` names the ``image`` and the ``sentence`` of each. Every node
type and relation has a table of its own, ``visual.parquet`` or ``word-depends-word.parquet``, whose first column is the number of the
image, sentence or pair that it belongs to: the regions of an image are there once. Vectors are lists (``feature``). Nothing is lost: texts
are whole, numbers keep their types, and :func:`~hetero_xmodal.read_parquet` makes the same corpus of them; what describes the corpus as a
whole stands in the metadata of ``pairs.parquet``.

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

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..files import FolderKind, atomic_folder
from .corpus_data import TABLES, Owner, owner_name, owner_part

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow

    from .corpus import GraphCorpus

PARQUET_FOLDER = FolderKind("set of Parquet tables")
#: the tables of images, sentences and pairs
UNIT_TABLES = tuple(TABLES.values())
#: of the metadata of pairs.parquet that describe the corpus
ABOUT = "hetero_xmodal"
_ROWS = 512  # images, sentences or pairs at a time


def write_parquet(corpus: GraphCorpus, folder: str | Path) -> list[Path]:
    """Write the tables of *corpus* into *folder*, all or none, and return their paths; see this module for the columns.

    Raises
    ------
    InputError
        If *folder* holds other files or cannot be written.
    """
    with atomic_folder(folder, PARQUET_FOLDER) as temporary:
        names = [path.name for path in write_tables(corpus, temporary)]
    return [Path(folder) / name for name in names]


def table_names(corpus: GraphCorpus) -> list[str]:
    """The names of a corpus's tables: its units, node types and relations."""
    return [*UNIT_TABLES, *corpus.node_types, *map(owner_name, corpus.relations)]


def write_tables(corpus: GraphCorpus, folder: Path) -> list[Path]:
    """Write all tables into an existing folder and return their paths, for callers that add files of their own."""
    paths = [folder / f"{name}.parquet" for name in table_names(corpus)]
    for path in paths:
        write_table(corpus, path.stem, path)
    return paths


def write_table(corpus: GraphCorpus, name: str, path: Path, *, vectors: bool = True) -> None:
    """Write one table by name; of nodes without their feature vectors if *vectors* is false."""
    if name in UNIT_TABLES:
        about = {ABOUT: json.dumps(_about(corpus))} if name == "pairs" else {}
        _write(path, _units(corpus, name[:-1]), about)
    else:
        _write(path, _rows_of(corpus, _owners(corpus)[name], vectors=vectors), {})


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


def _rows_of(corpus: GraphCorpus, owner: Owner, *, vectors: bool) -> Iterator[pd.DataFrame]:
    unit = owner_part(owner)
    for start, part in _parts(corpus, unit):
        table = part.frame(owner, unit=unit, features="list" if vectors else False).rename(columns={"graph": "pair"})
        table[unit] += start
        yield table


def _owners(corpus: GraphCorpus) -> dict[str, Owner]:
    owners: list[Owner] = [*corpus.node_types, *corpus.relations]
    return {owner_name(owner): owner for owner in owners}


def _about(corpus: GraphCorpus) -> dict[str, Any]:
    """What the rows do not say: the kind, the description, and of every feature its dtype and shape, or its width as a text."""
    empty = corpus.only("pair", []).data  # has the shapes of all features and no row
    owners = []
    for name, owner in _owners(corpus).items():
        table = empty.tables[owner_part(owner)]
        data = table.node_data[owner] if isinstance(owner, str) else table.edge_data[owner]
        features = {
            feature: ["text", [empty.widths[owner, feature]]] if (owner, feature) in empty.widths
            else [str(value.dtype).removeprefix("torch."), list(value.shape[1:])]
            for feature, value in data.items()
        }  # fmt: skip
        owners.append({"name": name, "ends": None if isinstance(owner, str) else list(owner), "features": features})
    return {"kind": corpus.kind, "info": corpus.info, "owners": owners}


def _write(path: Path, tables: Iterator[pd.DataFrame], about: dict[str, str]) -> None:
    from pyarrow import parquet

    writer = None
    try:
        for table in tables:
            arrow = _arrow(table).replace_schema_metadata(about or None)
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
