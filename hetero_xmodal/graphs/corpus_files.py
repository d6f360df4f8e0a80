"""A corpus on disk: one folder, one ``.npy`` file per column, written shard by shard and read by memory mapping.

``corpus.json`` describes the columns; ``images/visual.box.npy``, ``pairs/image.npy`` and so on hold them, as plain numpy arrays that any
program can map. What is read together lies together: ``images/offsets.npy`` (images + 1, node types and relations) says where the nodes
and edges of each image begin, and ``.ends.npy`` (edges, 2) holds source and destination. Texts are two columns, where each begins
(``.offsets``) and all bytes (``.bytes``). A shard is what was appended at once;
``shards.rows.npy`` holds the number of rows of every column after each shard, and ``shards.hashes.npy`` the SHA-256 of what it added to
each group of columns (the tensors of a table, or one kind of texts).

Writing appends to all columns and then commits one line to ``journal.jsonl``. An interrupted writer is continued after the last line that
the columns agree with; what was appended after it is cut off.

>>> import tempfile, pathlib, hetero_xmodal as hx
>>> folder = pathlib.Path(tempfile.mkdtemp()) / "corpus"
>>> bird = hx.build_graph(hx.SceneGraph(), hx.SceneGraph(objects=[hx.SceneObject("bird")]))
>>> hx.GraphCorpus.from_graphs([bird]).save(folder)
>>> np.load(folder / "sentences" / "word.position.npy").tolist()
[0]
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..errors import InputError
from ..files import read_json, read_safetensors, write_json, write_safetensors
from ..schema import Relation
from .corpus_data import SPLIT_PARTS, TABLES, TEXTS, CorpusData, Owner, owner_name, owner_part
from .flat import FlatGraphs, Packed
from .folder_kind import CORPUS_FORMAT as FORMAT
from .store import check_description
from .texts import Texts, Vocabulary, VocabularyMaker

#: version of the layout of files; that of the graphs in them is the schema's
LAYOUT = 3
_HEADER = 128  # bytes before the data of every column, so that a header can be written again when the length is known
#: files of a corpus that is being written
JOURNAL = ("journal.jsonl", "columns.json")
VOCABULARY = ("vocabulary.offsets", "vocabulary.bytes")
#: columns with one row per row of a table
_COUNTED = {"image": "images/split", "sentence": "sentences/split", "pair": "pairs/image"}
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


def _is_offsets(name: str) -> bool:
    return name.endswith(("/offsets", ".offsets"))


def _owners(data: CorpusData) -> list[dict[str, Any]]:
    """Node types and relations with their features, as JSON values."""
    found = []
    for table in data.tables.values():
        found += [{"node type": name, "features": list(features)} for name, features in table.node_data.items()]
        found += [{"relation": list(relation), "features": list(features)} for relation, features in table.edge_data.items()]
    return found


def _widths(data: CorpusData) -> dict[str, int]:
    return {f"{owner_name(owner)}.{name}": width for (owner, name), width in data.widths.items()}


# ---------------------------------------------------------------------------------------------- one file


def _header(dtype: str, shape: tuple[int, ...]) -> bytes:
    """The header of a ``.npy`` file (version 1.0) in :data:`_HEADER` bytes."""
    text = repr({"descr": np.lib.format.dtype_to_descr(np.dtype(dtype)), "fortran_order": False, "shape": shape})
    body = text.encode("latin1").ljust(_HEADER - 11) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(body).to_bytes(2, "little") + body


def _bytes_per_row(about: list) -> int:
    dtype, shape = about
    return np.dtype(dtype).itemsize * math.prod(shape)


def _file(folder: Path, name: str) -> Path:
    return folder / f"{name}.npy"


def _mapped(folder: Path, name: str, dtype: str, shape: tuple[int, ...]) -> np.ndarray:
    """One column, mapped; changes to the array do not reach the file.

    Raises
    ------
    InputError
        If the file is missing, has another length, or is no such array.
    """
    path = _file(folder, name)
    wanted = _HEADER + np.dtype(dtype).itemsize * math.prod(shape)
    if path.exists() and not path.is_file():
        raise InputError(f"'{path}' is no file but a folder, a pipe or a device; build or copy the corpus again")
    try:
        found = path.stat().st_size
        array = np.load(path, mmap_mode="c") if found == wanted else None
        head = _slice(path, 0, _HEADER)
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
    if head != _header(dtype, shape):
        raise InputError(f"'{path}' has not the head that was written; the corpus is damaged, build or copy it again")
    return np.asarray(array)


# ---------------------------------------------------------------------------------------------- writing


class ColumnWriter:
    """Appends corpora to the columns in a folder, one shard after another; :meth:`finish` describes them.

    folder : an existing folder; one that an interrupted writer left is continued after the shards that are whole.
    shards : number of shards that are whole
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self.shards = 0
        self._about: dict[str, Any] = {}
        self._rows: dict[str, int] = {}
        self._last: dict[str, Any] = {}  # column of offsets -> its last entry
        self._vocabulary = VocabularyMaker()
        self._files: dict[str, Any] = {}
        if (folder / "columns.json").exists():
            self._recover()

    def __enter__(self) -> ColumnWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the files; a later writer can go on."""
        for file in self._files.values():
            file.close()
        self._files = {}

    def count(self, part: str) -> int:
        """Rows of a table so far."""
        return self._rows.get(_COUNTED[part], 0)

    def append(self, data: CorpusData, note: dict[str, Any] | None = None) -> None:
        """Append *data* as the next shard; *note* is kept with it in the journal.

        Raises
        ------
        InputError
            If its kind, node types, relations, features or feature widths are not those of the shards before it; nothing is appended.
        """
        known = len(self._vocabulary.known)
        coded = data.recoded(self._vocabulary)
        added = Texts.of(list(self._vocabulary.known)[known:])
        arrays = columns(coded) | dict(zip(VOCABULARY, (added.offsets, added.data), strict=True))
        self._fit(coded, arrays)
        arrays["pairs/image"] = arrays["pairs/image"] + self.count("image")
        arrays["pairs/sentence"] = arrays["pairs/sentence"] + self.count("sentence")
        hashes = {group: hashlib.sha256() for group in GROUPS}
        for name in self._about["columns"]:
            raw = self._tail(name, arrays[name]) if _is_offsets(name) else np.ascontiguousarray(arrays[name])
            written = raw.tobytes()
            self._open(name).write(written)
            self._rows[name] += len(raw)
            hashes[group_of(name)].update(written)
        record = np.array([list(self._rows.values())], np.int64).tobytes(), b"".join(h.digest() for h in hashes.values())
        for name, written in zip(("shards.rows", "shards.hashes"), record, strict=True):
            self._open(name).write(written)
        for file in self._files.values():
            file.flush()
        line: dict[str, Any] = {"shard": self.shards, "check": hashlib.sha256(b"".join(record)).hexdigest(), "note": note or {}}
        with open(self.folder / "journal.jsonl", "a", encoding="utf-8") as journal:
            journal.write(json.dumps(line) + "\n")
        self.shards += 1

    def notes(self) -> Iterator[dict[str, Any]]:
        """What was noted of each shard, read from the journal."""
        return (line["note"] for line, _ in _lines(self.folder / "journal.jsonl"))

    def feature_width(self, node_type: str, feature: str) -> int | None:
        """Width of a feature whose width the schema leaves free; ``None`` while no node has it."""
        name = f"{TABLES[owner_part(node_type)]}/{node_type}.{feature}"
        return self._about["columns"][name][1][0] if self._rows.get(name) else None

    def texts(self, key: tuple[str, str]) -> Texts:
        """The texts that have been appended, read from the files."""
        names = [f"{key[0]}/{key[1]}.{what}" for what in ("offsets", "bytes")]
        return Texts(*(self._read(name) for name in names))

    def finish(self, info: dict[str, Any], *, keep_journal: bool = False) -> None:
        """Write the lengths into the headers of the columns, and ``corpus.json``.

        With *keep_journal* a later writer can still go on; otherwise the files of :data:`JOURNAL` are deleted.

        Raises
        ------
        InputError
            If nothing was appended.
        """
        if not self.shards:
            raise InputError("there is no graph to write; give at least one")
        self._open("shards.rows"), self._open("shards.hashes")
        shapes = {name: [dtype, [self._rows[name], *tail]] for name, (dtype, tail) in self._about["columns"].items()}
        shapes["shards.rows"] = ["int64", [self.shards, len(self._rows)]]
        shapes["shards.hashes"] = ["uint8", [self.shards, len(GROUPS), 32]]
        for name, (dtype, shape) in shapes.items():
            file = self._open(name)
            file.seek(0)
            file.write(_header(dtype, tuple(shape)))
            file.flush()
            os.fsync(file.fileno())
        self.close()
        digest = hashlib.sha256()
        for name in ("shards.rows", "shards.hashes"):
            digest.update(_file(self.folder, name).read_bytes())
        description = {key: self._about[key] for key in ("schema_version", "kind", "owners", "widths")}
        counts = {TABLES[part]: self.count(part) for part in TABLES}
        write_json(
            self.folder / "corpus.json",
            {"format": FORMAT, "layout": LAYOUT, **description, **counts, "shards": self.shards, "sha256": digest.hexdigest()}
            | {"columns": shapes, "info": info},
        )  # fmt: skip
        for name in () if keep_journal else JOURNAL:
            (self.folder / name).unlink()

    # ------------------------------------------------------------------ one shard

    def _fit(self, data: CorpusData, arrays: dict[str, np.ndarray]) -> None:
        """Compare a shard with those before; the first shard decides the columns, the first with rows their shape."""
        from ..schema import SCHEMA_VERSION

        found = {name: [str(array.dtype), list(array.shape[1:])] for name, array in arrays.items()}
        about: dict[str, Any] = {
            "schema_version": SCHEMA_VERSION,
            "kind": data.kind,
            "owners": _owners(data),
            "widths": _widths(data),
            "columns": found,
        }
        if not self._about:
            for folder in TABLES.values():
                (self.folder / folder).mkdir(exist_ok=True)
            self._rows = {name: int(_is_offsets(name)) for name in found}
            self._keep(about)
            return
        for what in ("kind", "owners"):
            if about[what] != self._about[what]:
                raise InputError(
                    f"a part of the corpus has {what} {about[what]!r}, those before it {self._about[what]!r}; one corpus has one schema"
                )
        now = dict(self._about["columns"])
        for name, shape in found.items():
            if shape != now[name] and len(arrays[name]):
                if self._rows[name]:
                    raise InputError(
                        f"column '{name}' has rows of {shape}, those before it {now[name]}; one corpus has one width of a feature"
                    )
                now[name] = shape
        widths = {name: max(width, about["widths"][name]) for name, width in self._about["widths"].items()}
        if now != self._about["columns"] or widths != self._about["widths"]:
            self._keep(self._about | {"columns": now, "widths": widths})

    def _keep(self, about: dict[str, Any]) -> None:
        self._about = about
        write_json(self.folder / "columns.json", about)

    def _tail(self, name: str, offsets: np.ndarray) -> np.ndarray:
        """Offsets (n + 1, ...) of a shard as the further offsets (n, ...) of the column."""
        last = self._last.get(name, 0)
        self._last[name] = last + offsets[-1] - offsets[0]
        return offsets[1:] - offsets[0] + last

    def _open(self, name: str) -> Any:
        if name not in self._files:
            path = _file(self.folder, name)
            new = not path.exists()
            file = self._files[name] = open(path, "r+b" if not new else "w+b")  # noqa: SIM115
            if new:
                zero = bytes(_bytes_per_row(self._about["columns"][name])) if _is_offsets(name) else b""
                file.write(_header("int64", (0,)) + zero)
            file.seek(0, os.SEEK_END)
        return self._files[name]

    def _read(self, name: str, start: int = 0, end: int | None = None) -> np.ndarray:
        """Rows of a column that is being written."""
        dtype, tail = self._about["columns"][name]
        end = self._rows[name] if end is None else end
        if name in self._files:
            self._files[name].flush()
        offset = _HEADER + start * _bytes_per_row([dtype, tail])
        return np.fromfile(_file(self.folder, name), dtype, (end - start) * math.prod(tail), offset=offset).reshape(end - start, *tail)

    # ------------------------------------------------------------------ after an interruption

    def _recover(self) -> None:
        """Keep the shards that the journal names and the columns hold, and cut off the rest."""
        self._about = read_json(self.folder / "columns.json", "columns of the interrupted run")
        names = list(self._about["columns"])
        self._rows = {name: int(_is_offsets(name)) for name in names}
        records = [(len(names) * 8, "shards.rows"), (len(GROUPS) * 32, "shards.hashes")]
        kept, length = 0, 0
        for line, end in _lines(self.folder / "journal.jsonl"):
            record = [_slice(_file(self.folder, name), _HEADER + kept * size, size) for size, name in records]
            if line.get("shard") != kept or line.get("check") != hashlib.sha256(b"".join(record)).hexdigest():
                break
            rows = dict(zip(names, np.frombuffer(record[0], np.int64).tolist(), strict=True))
            if self._hashes(self._rows, rows) != record[1]:
                break
            self._rows, kept, length = rows, kept + 1, end
        self.shards = kept
        for name in names:
            _cut(_file(self.folder, name), _HEADER + self._rows[name] * _bytes_per_row(self._about["columns"][name]))
        for size, name in records:
            _cut(_file(self.folder, name), _HEADER + kept * size)
        _cut(self.folder / "journal.jsonl", length)
        if not kept:  # begin anew: the shape of a column may have been that of the shard which is gone
            self._about = {}
            for path in self.folder.rglob("*.npy"):
                path.unlink()
            return
        for name in filter(_is_offsets, names):
            self._last[name] = self._read(name, self._rows[name] - 1)[0]
        self._vocabulary = VocabularyMaker(Texts(*(self._read(name) for name in VOCABULARY)).bytes())

    def _hashes(self, before: dict[str, int], after: dict[str, int]) -> bytes:
        """Hash of each group's rows from *before* to *after*, as they are on disk."""
        hashes = {group: hashlib.sha256() for group in GROUPS}
        for name, about in self._about["columns"].items():
            size = _bytes_per_row(about)
            hashes[group_of(name)].update(
                _slice(_file(self.folder, name), _HEADER + before[name] * size, (after[name] - before[name]) * size)
            )
        return b"".join(h.digest() for h in hashes.values())


def _lines(path: Path) -> Iterator[tuple[dict[str, Any], int]]:
    """The whole lines of a journal, each with the place of its end."""
    end = 0
    if not path.exists():
        return
    with path.open("rb") as file:
        for raw in file:
            end += len(raw)
            try:
                line = json.loads(raw)
            except ValueError:
                return
            if not raw.endswith(b"\n") or not isinstance(line, dict):
                return
            yield line, end


def _slice(path: Path, start: int, size: int) -> bytes:
    if not path.exists():
        return b""
    with path.open("rb") as file:
        file.seek(start)
        return file.read(size)


def _cut(path: Path, length: int) -> None:
    if path.exists():
        os.truncate(path, min(length, path.stat().st_size))


# ---------------------------------------------------------------------------------------------- one file, for parts on the way


def write_single(path: Path, data: CorpusData) -> None:
    """Write a small corpus as one safetensors file, atomically."""
    texts = data.vocabulary.texts
    arrays = columns(data) | dict(zip(VOCABULARY, (texts.offsets, texts.data), strict=True))
    about = {"kind": data.kind, "owners": _owners(data), "widths": _widths(data), **{t: data.count(part) for part, t in TABLES.items()}}
    tensors = {name: torch.from_numpy(np.array(array)) for name, array in arrays.items()}
    write_safetensors(path, tensors, {"format": FORMAT, "about": json.dumps(about)})


def read_single(path: Path) -> CorpusData:
    """Read what :func:`write_single` wrote.

    Raises
    ------
    InputError
        If the file is missing, cut or of another kind.
    """
    tensors, metadata = read_safetensors(path, "part of the corpus")
    try:
        return _restored({name: tensor.numpy() for name, tensor in tensors.items()}, json.loads(metadata["about"]))
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"'{path}' is no part of a corpus ({error}); delete the folder of the interrupted run and begin anew") from None


# ---------------------------------------------------------------------------------------------- reading


def read_corpus(folder: Path, *, verify: bool = True) -> tuple[CorpusData, dict[str, Any]]:
    """Map the columns of a folder; nothing of them is read before it is used. Returns the data and the description.

    With *verify*, each shard is compared with its hash when it is first used.

    Raises
    ------
    InputError
        If the folder is not a corpus, is damaged, or was written by another version.
    """
    path = folder / "corpus.json"
    about = check_description(read_json(path, "corpus"), FORMAT, path)
    if about.get("layout") != LAYOUT:
        newer = isinstance(about.get("layout"), int) and about["layout"] > LAYOUT
        advice = "update hetero_xmodal" if newer else "an earlier version wrote it; build it again from its images and sentences"
        raise InputError(f"corpus '{folder}' has layout {about.get('layout', 1)!r} of its files, this package reads {LAYOUT}: {advice}")
    try:
        arrays = {name: _mapped(folder, name, dtype, tuple(shape)) for name, (dtype, shape) in about["columns"].items()}
        data = _restored(arrays, about)
        if verify:
            data.touch = check = ShardCheck(folder, about, arrays)
            check.begin()  # now, because another corpus may take the place of this one while it is open
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"the description in '{path}' is damaged ({error!r}); build or copy the corpus again") from None
    return data, about


def _restored(arrays: dict[str, np.ndarray], about: dict[str, Any]) -> CorpusData:
    counts = {part: int(about[table]) for part, table in TABLES.items()}
    tables = {part: FlatGraphs(about["kind"], count) for part, count in counts.items()}
    for part, table in tables.items():
        table.packed = Packed([], arrays[f"{TABLES[part]}/offsets"], {}, {})
    widths: dict[tuple[Owner, str], int] = {}
    for entry in about["owners"]:
        owner: Owner = entry["node type"] if "node type" in entry else _relation(entry["relation"])
        part = owner_part(owner)
        table, name = tables[part], f"{TABLES[part]}/{owner_name(owner)}"
        assert table.packed is not None, "set above"
        features = {feature: torch.from_numpy(arrays[f"{name}.{feature}"]) for feature in entry["features"]}
        beside = [*(f"{name}.{feature}" for feature in features), *([] if isinstance(owner, str) else [f"{name}.ends"])]
        column = table.packed.offsets[:, len(table.packed.owners)]
        offsets = _checked_offsets(column, name, table.count, [len(arrays[other]) for other in beside])
        table.packed.owners.append(owner)
        table.packed.features[owner] = {feature: arrays[f"{name}.{feature}"] for feature in features}
        if isinstance(owner, str):
            table.node_offsets[owner], table.node_data[owner] = offsets, features
        else:
            table.edge_offsets[owner], table.edge_data[owner] = offsets, features
            table.packed.ends[owner] = ends = arrays[f"{name}.ends"]
            table.edge_ends[owner] = (torch.from_numpy(ends[:, 0]), torch.from_numpy(ends[:, 1]))
        for feature in features:
            if f"{owner_name(owner)}.{feature}" in about["widths"]:
                widths[owner, feature] = int(about["widths"][f"{owner_name(owner)}.{feature}"])
    for part, name in _COUNTED.items():
        if len(arrays[name]) != counts[part]:
            raise InputError(
                f"column '{name}' has {len(arrays[name])} rows for {counts[part]} {TABLES[part]}; the files do not belong together"
            )
    texts = {}
    for folder, name in TEXTS:
        key = f"{folder}/{name}"
        _checked_offsets(arrays[f"{key}.offsets"], key, int(about[folder]), [len(arrays[f"{key}.bytes"])])
        texts[folder, name] = Texts(arrays[f"{key}.offsets"], arrays[f"{key}.bytes"])
    _checked_offsets(arrays[VOCABULARY[0]], "vocabulary", len(arrays[VOCABULARY[0]]) - 1, [len(arrays[VOCABULARY[1]])])
    return CorpusData(
        about["kind"], tables, arrays["pairs/image"], arrays["pairs/sentence"],
        {part: arrays[f"{TABLES[part]}/split"] for part in SPLIT_PARTS}, texts, Vocabulary(Texts(*(arrays[name] for name in VOCABULARY))),
        widths,
    )  # fmt: skip


def _relation(values: list[str]) -> Relation:
    source, name, destination = map(str, values)
    return source, name, destination


def _checked_offsets(offsets: np.ndarray, name: str, count: int, rows: list[int]) -> torch.Tensor:
    """The offsets (count + 1,) of *name*, whose first and last entries are compared with the *rows* that they divide.

    Those between are compared with the shards' hashes.
    """
    ok = offsets.shape == (count + 1,) and offsets[0] == 0 and all(offsets[-1] == number for number in rows)
    if not ok:
        raise InputError(f"the offsets of '{name}' do not divide its rows among {count}; the files of the corpus do not belong together")
    return torch.from_numpy(offsets)


class ShardCheck:
    """Compares the rows of a shard with their hash when one of them is first used.

    Called with a part or a key of texts, and the rows (b,) that are about to be read; texts are compared as a whole. *arrays* are the
    mapped columns, (rows, ...) each.
    """

    def __init__(self, folder: Path, about: dict[str, Any], arrays: dict[str, np.ndarray]):
        self._folder, self._about, self._arrays = folder, about, arrays
        names = [name for name in about["columns"] if not name.startswith("shards.")]
        self._columns: dict[Group, list[tuple[int, str]]] = {group: [] for group in GROUPS}
        for k, name in enumerate(names):
            self._columns[group_of(name)].append((k, name))
        self._open: dict[Group, np.ndarray] = {}  # group -> whether each shard is still to be compared
        self._bounds: dict[str, np.ndarray] = {}
        self._ready = False

    def __call__(self, group: Group, rows: np.ndarray) -> None:
        """Compare the shards that hold the rows (b,) of a group, those that have not been compared before."""
        self.begin()
        waiting = self._open.get(group)
        if waiting is None:
            return
        if isinstance(group, str):
            shards = np.unique(np.searchsorted(self._bounds[group], rows, side="right"))
            shards = shards[waiting[shards]]
        else:
            shards = np.flatnonzero(waiting)
        for shard in shards.tolist():
            self._compare(group, shard)
            waiting[shard] = False
        if len(shards) and not waiting.any():
            del self._open[group]

    def all(self) -> None:
        """Compare everything."""
        self.begin()
        for group, waiting in list(self._open.items()):
            for shard in np.flatnonzero(waiting).tolist():
                self._compare(group, shard)
            del self._open[group]

    def begin(self) -> None:
        """Compare the list of shards and the vocabulary.

        Raises
        ------
        InputError
            If they are not those that ``corpus.json`` describes.
        """
        if self._ready:
            return
        digest = hashlib.sha256()
        for name in ("shards.rows", "shards.hashes"):
            digest.update(_file(self._folder, name).read_bytes())
        if digest.hexdigest() != self._about["sha256"]:
            raise InputError(
                f"'{self._folder}': the list of shards is not the one that corpus.json describes; build or copy the corpus again"
            )
        rows = self._arrays["shards.rows"]
        place = {name: k for columns in self._columns.values() for k, name in columns}
        self._bounds = {part: np.ascontiguousarray(rows[:, place[name]]) for part, name in _COUNTED.items()}
        self._ready = True
        for shard in range(len(rows)):
            self._compare("vocabulary", shard)
        self._open = {group: np.ones(len(rows), bool) for group in GROUPS if group != "vocabulary"}

    def _compare(self, group: Group, shard: int) -> None:
        rows, digest = self._arrays["shards.rows"], hashlib.sha256()
        for k, name in self._columns[group]:
            start = rows[shard - 1, k] if shard else int(_is_offsets(name))
            digest.update(np.ascontiguousarray(self._arrays[name][start : rows[shard, k]]).data)
        if digest.digest() != self._arrays["shards.hashes"][shard, GROUPS.index(group)].tobytes():
            what = TABLES.get(group, "vocabulary") if isinstance(group, str) else "/".join(group)
            raise InputError(
                f"corpus '{self._folder}': shard {shard} of its {what} is not what was written: a file is damaged, was changed or is from "
                "another build; copy or build the corpus again"
            )
