"""Reading the Parquet tables of :mod:`hetero_xmodal.graphs.parquet` as a corpus again.

>>> import tempfile, pathlib, hetero_xmodal as hx
>>> bird = hx.SceneGraph(objects=[hx.SceneObject("bird", box=(0, 0, 9, 9))], size=(10, 10))
>>> corpus = hx.GraphCorpus.from_graphs([hx.build_graph(bird, bird)], ids=["a"])
>>> folder = pathlib.Path(tempfile.mkdtemp()) / "tables"
>>> _ = corpus.to_parquet(folder)
>>> read_parquet(folder)
<GraphCorpus of 1 pair graph (1 image, 1 sentence): 1 visual, 1 word, 2 bridge, 0 label nodes>
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ..errors import InputError
from ..files import existing_file, read_folder
from .corpus import GraphCorpus
from .corpus_data import SPLIT_PARTS, TABLES, TEXTS, CorpusData, Owner, owner_part
from .flat import FlatGraphs
from .parquet import ABOUT, PARQUET_FOLDER, UNIT_TABLES
from .tables import COLUMNS
from .texts import Texts, Vocabulary, VocabularyMaker

if TYPE_CHECKING:
    import pyarrow


def read_parquet(folder: str | Path) -> GraphCorpus:
    """The corpus whose tables :func:`write_parquet` wrote into *folder*, in memory.

    Raises
    ------
    InputError
        If a table is missing or damaged, or the folder was written by another program.

    Examples
    --------
    >>> import tempfile
    >>> import hetero_xmodal as hx
    >>> pair = hx.build_graph(hx.SceneGraph([hx.SceneObject("dog", box=(0, 0, 4, 4))], size=(8, 8)), hx.parse_sentence("a dog runs"))
    >>> corpus = hx.GraphCorpus.from_graphs([pair], ids=["one"])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     paths = corpus.to_parquet(f"{folder}/tables")
    ...     again = read_parquet(f"{folder}/tables")
    >>> len(again), again.ids
    (1, ['one'])
    """
    existing_file(Path(folder) / "pairs.parquet", "table of pairs")
    names = sorted(path.name for path in Path(folder).glob("*.parquet"))
    data, info = read_folder(folder, PARQUET_FOLDER, _read, files=names)
    return GraphCorpus.of_data(data, info=info)


def _read(folder: Path) -> tuple[CorpusData, dict[str, Any]]:
    from pyarrow import ArrowException, parquet

    try:
        about = parquet.read_schema(folder / "pairs.parquet").metadata or {}
        head = json.loads(about[ABOUT.encode()])
        names = [*UNIT_TABLES, *(owner["name"] for owner in head["owners"])]
        found = {name: parquet.read_table(folder / f"{name}.parquet") for name in names}
        return _data_of(found, head), head["info"]
    except (ArrowException, KeyError, TypeError, ValueError, OSError) as error:  # ArrowInvalid is a ValueError too
        raise InputError(
            f"the tables in '{folder}' cannot be read as a corpus ({error}); write them with corpus.to_parquet or 'hetero-xmodal export'"
        ) from None


def _data_of(found: dict[str, pyarrow.Table], head: dict[str, Any]) -> CorpusData:
    maker = VocabularyMaker()
    counts = {part: found[table].num_rows for part, table in TABLES.items()}
    tables = {part: FlatGraphs(head["kind"], count) for part, count in counts.items()}
    widths: dict[tuple[Owner, str], int] = {}
    for entry in head["owners"]:
        owner: Owner = entry["name"] if entry["ends"] is None else tuple(entry["ends"])
        rows, part = found[entry["name"]], owner_part(owner)
        offsets = torch.from_numpy(np.searchsorted(rows.column(0).to_numpy(), np.arange(counts[part] + 1)).astype(np.int64))
        data = {name: _feature(rows, name, *about, maker=maker) for name, about in entry["features"].items()}
        widths |= {(owner, name): shape[0] for name, (dtype, shape) in entry["features"].items() if dtype == "text"}
        if isinstance(owner, str):
            tables[part].node_offsets[owner], tables[part].node_data[owner] = offsets, data
        else:
            source, destination = (torch.from_numpy(rows.column(end).to_numpy().copy()) for end in ("source", "destination"))
            tables[part].edge_offsets[owner], tables[part].edge_ends[owner] = offsets, (source, destination)
            tables[part].edge_data[owner] = data
    splits = {part: maker.codes(found[TABLES[part]].column("split").to_pylist()).numpy() for part in SPLIT_PARTS}
    pairs, vocabulary = found["pairs"], Vocabulary(Texts.of(maker.known))
    return CorpusData(
        head["kind"], tables, pairs.column("image").to_numpy(), pairs.column("sentence").to_numpy(), splits,
        {(table, name): Texts.of(found[table].column(name).to_pylist()) for table, name in TEXTS}, vocabulary, widths,
    )  # fmt: skip


def _feature(rows: pyarrow.Table, name: str, dtype: str, shape: list[int], *, maker: VocabularyMaker) -> torch.Tensor:
    """One feature of a node type or relation, (n, ...); of texts their codes (n,)."""
    if dtype == "text":
        return maker.codes(rows.column(name).to_pylist())
    if name in COLUMNS and COLUMNS[name][0] in rows.column_names:
        values = np.stack([rows.column(column).to_numpy() for column in COLUMNS[name]], 1)
    elif shape:
        values = rows.column(name).combine_chunks().flatten().to_numpy(zero_copy_only=False)
    else:
        values = rows.column(name).to_numpy()
    return torch.from_numpy(np.ascontiguousarray(values, dtype).reshape(rows.num_rows, *shape).copy())
