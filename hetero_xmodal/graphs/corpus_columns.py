"""A corpus on disk: one folder, one ``.npy`` file per column, written shard by shard
(:mod:`hetero_xmodal.graphs.corpus_writer`) and read by memory mapping (:mod:`hetero_xmodal.graphs.corpus_files`).

``corpus.json`` describes the columns; ``images/visual.box.npy``, ``pairs/image.npy`` and so on hold them, as plain numpy arrays that any
program can map. What is read together lies together: ``images/offsets.npy`` (images + 1, node types and relations) says where the nodes
and edges of each image begin, and ``.ends.npy`` (edges, 2) holds source and destination. Texts are two columns, where each begins
(``.offsets``) and all bytes (``.bytes``). A shard is what was appended at once;
``shards.rows.npy`` holds the number of rows of every column after each shard, and ``shards.hashes.npy`` the SHA-256 of what it added to
each group of columns (the tensors of a table, or one kind of texts).

>>> import tempfile, pathlib, hetero_xmodal as hx
>>> folder = pathlib.Path(tempfile.mkdtemp()) / "corpus"
>>> bird = hx.build_graph(hx.SceneGraph(), hx.SceneGraph(objects=[hx.SceneObject("bird")]))
>>> hx.GraphCorpus.from_graphs([bird]).save(folder)
>>> np.load(folder / "sentences" / "word.position.npy").tolist()
[0]
"""

from __future__ import annotations

import math
import re
import tokenize
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError
from .corpus_data import SPLIT_PARTS, TABLES, TEXTS, CorpusData, owner_name

#: version of the layout of files; that of the graphs in them is the schema's
LAYOUT = 3
HEADER = 128  # bytes before the data of every column, so that a header can be written again when the length is known
#: files of a corpus that is being written
JOURNAL = ("journal.jsonl", "columns.json")
VOCABULARY = ("vocabulary.offsets", "vocabulary.bytes")
#: columns with one row per row of a table
COUNTED = {"image": "images/split", "sentence": "sentences/split", "pair": "pairs/image"}
Group = str | tuple[str, str]
GROUPS: tuple[Group, ...] = (*TABLES, *TEXTS, "vocabulary")


# ---------------------------------------------------------------------------------------------- names of columns


def columns(data: CorpusData) -> dict[str, np.ndarray]:
    """Every column of *data* but the vocabulary's by name, always in the same order; offsets (n + 1,) begin with 0.

    Raises
    ------
    InputError
        If a node type, relation or feature has a name that cannot be that of a file.
    """
    out: dict[str, np.ndarray] = {}
    for part, table in data.tables.items():
        folder = TABLES[part]
        offsets = [table.node_offsets[name].numpy() for name in table.node_data]
        offsets += [table.edge_offsets[relation].numpy() for relation in table.edge_data]
        out[f"{folder}/offsets"] = np.stack(offsets, axis=1) if offsets else np.zeros((table.count + 1, 0), np.int64)
        for relation, ends in table.edge_ends.items():
            out[f"{folder}/{owner_name(relation)}.ends"] = np.stack([end.numpy() for end in ends], axis=1)
        for owner, features in (table.node_data | table.edge_data).items():
            for feature, value in features.items():
                name = f"{folder}/{owner_name(owner)}.{feature}"
                if name in out or not re.fullmatch(r"[\w-]+\.[\w-]+", name.partition("/")[2]):
                    raise InputError(f"feature '{feature}' of {owner} cannot be the name of a file; rename it")
                out[name] = value.numpy()
    for part in SPLIT_PARTS:
        out[f"{TABLES[part]}/split"] = data.splits[part]
    out["pairs/image"], out["pairs/sentence"] = data.image_of, data.sentence_of
    for folder, name in TEXTS:
        texts = data.texts[folder, name]
        out[f"{folder}/{name}.offsets"], out[f"{folder}/{name}.bytes"] = texts.offsets, texts.data
    return out


def group_of(name: str) -> Group:
    """What a column is hashed with: the other tensors of its table (named by their part), or the other half of its texts."""
    folder, _, rest = name.partition("/")
    key = (folder, rest.partition(".")[0])
    return key if key in TEXTS else next((part for part, table in TABLES.items() if table == folder), "vocabulary")


def is_offsets(name: str) -> bool:
    """Whether a column says where the rows of another begin."""
    return name.endswith(("/offsets", ".offsets"))


def owners_of(data: CorpusData) -> list[dict[str, Any]]:
    """Node types and relations with their features, as JSON values."""
    found = []
    for table in data.tables.values():
        found += [{"node type": name, "features": list(features)} for name, features in table.node_data.items()]
        found += [{"relation": list(relation), "features": list(features)} for relation, features in table.edge_data.items()]
    return found


def widths_of(data: CorpusData) -> dict[str, int]:
    """Widths of the features that have one of their own, by name, as JSON values."""
    return {f"{owner_name(owner)}.{name}": width for (owner, name), width in data.widths.items()}


# ---------------------------------------------------------------------------------------------- one file


def header_of(dtype: str, shape: tuple[int, ...]) -> bytes:
    """The header of a ``.npy`` file (version 1.0) in :data:`HEADER` bytes."""
    text = repr({"descr": np.lib.format.dtype_to_descr(np.dtype(dtype)), "fortran_order": False, "shape": shape})
    body = text.encode("latin1").ljust(HEADER - 11) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(body).to_bytes(2, "little") + body


def bytes_per_row(about: list) -> int:
    """Bytes of a row of a column, of its dtype and the shape of a row."""
    dtype, shape = about
    return np.dtype(dtype).itemsize * math.prod(shape)


def column_file(folder: Path, name: str) -> Path:
    """The file of a column."""
    return folder / f"{name}.npy"


def mapped(folder: Path, name: str, dtype: str, shape: tuple[int, ...]) -> np.ndarray:
    """One column, (rows, ...), mapped; changes to the array do not reach the file.

    Raises
    ------
    InputError
        If the file is missing, has another length, or is no such array.
    """
    path = column_file(folder, name)
    wanted = HEADER + np.dtype(dtype).itemsize * math.prod(shape)
    if path.exists() and not path.is_file():
        raise InputError(f"'{path}' is no file but a folder, a pipe or a device; build or copy the corpus again")
    try:
        found = path.stat().st_size
        array = np.load(path, mmap_mode="c") if found == wanted else None
        head = bytes_at(path, 0, HEADER)
    except FileNotFoundError:
        raise InputError(f"'{path}' is missing; the corpus is damaged, build or copy it again") from None
    except (OSError, ValueError, EOFError, SyntaxError, tokenize.TokenError, OverflowError) as error:
        raise InputError(f"'{path}' is no column of a corpus ({error}); build or copy the corpus again") from None
    if array is None:
        raise InputError(f"'{path}' has {found:,} bytes, the description says {wanted:,}; the corpus is damaged, build or copy it again")
    if array.dtype != np.dtype(dtype) or array.shape != shape:
        raise InputError(
            f"'{path}' holds {array.dtype} {array.shape}, the description says {dtype} {shape}; the files do not belong together"
        )
    if head != header_of(dtype, shape):
        raise InputError(f"'{path}' has not the head that was written; the corpus is damaged, build or copy it again")
    return np.asarray(array)


def bytes_at(path: Path, start: int, size: int) -> bytes:
    """So many bytes of a file, fewer where it ends; none of one that is not there."""
    if not path.exists():
        return b""
    with path.open("rb") as file:
        file.seek(start)
        return file.read(size)
