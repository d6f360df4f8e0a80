"""Writing the columns of a corpus (:mod:`hetero_xmodal.graphs.corpus_columns`), one shard after another.

Writing appends to all columns and then commits one line to ``journal.jsonl``. An interrupted writer is continued after the last line that
the columns agree with; what was appended after it is cut off.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError
from ..files import read_json, write_json
from .corpus_columns import (
    COUNTED,
    GROUPS,
    HEADER,
    JOURNAL,
    LAYOUT,
    VOCABULARY,
    bytes_at,
    bytes_per_row,
    column_file,
    columns,
    group_of,
    header_of,
    is_offsets,
    owners_of,
    widths_of,
)
from .corpus_data import TABLES, CorpusData, owner_part
from .folder_kind import CORPUS_FORMAT as FORMAT
from .texts import Texts, VocabularyMaker


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
        return self._rows.get(COUNTED[part], 0)

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
            raw = self._tail(name, arrays[name]) if is_offsets(name) else np.ascontiguousarray(arrays[name])
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
            file.write(header_of(dtype, tuple(shape)))
            file.flush()
            os.fsync(file.fileno())
        self.close()
        digest = hashlib.sha256()
        for name in ("shards.rows", "shards.hashes"):
            digest.update(column_file(self.folder, name).read_bytes())
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
            "owners": owners_of(data),
            "widths": widths_of(data),
            "columns": found,
        }
        if not self._about:
            for folder in TABLES.values():
                (self.folder / folder).mkdir(exist_ok=True)
            self._rows = {name: int(is_offsets(name)) for name in found}
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
            path = column_file(self.folder, name)
            new = not path.exists()
            file = self._files[name] = open(path, "r+b" if not new else "w+b")  # noqa: SIM115
            if new:
                zero = bytes(bytes_per_row(self._about["columns"][name])) if is_offsets(name) else b""
                file.write(header_of("int64", (0,)) + zero)
            file.seek(0, os.SEEK_END)
        return self._files[name]

    def _read(self, name: str, start: int = 0, end: int | None = None) -> np.ndarray:
        """Rows of a column that is being written."""
        dtype, tail = self._about["columns"][name]
        end = self._rows[name] if end is None else end
        if name in self._files:
            self._files[name].flush()
        offset = HEADER + start * bytes_per_row([dtype, tail])
        return np.fromfile(column_file(self.folder, name), dtype, (end - start) * math.prod(tail), offset=offset).reshape(
            end - start, *tail
        )

    # ------------------------------------------------------------------ after an interruption

    def _recover(self) -> None:
        """Keep the shards that the journal names and the columns hold, and cut off the rest."""
        self._about = read_json(self.folder / "columns.json", "columns of the interrupted run")
        names = list(self._about["columns"])
        self._rows = {name: int(is_offsets(name)) for name in names}
        records = [(len(names) * 8, "shards.rows"), (len(GROUPS) * 32, "shards.hashes")]
        kept, length = 0, 0
        for line, end in _lines(self.folder / "journal.jsonl"):
            record = [bytes_at(column_file(self.folder, name), HEADER + kept * size, size) for size, name in records]
            if line.get("shard") != kept or line.get("check") != hashlib.sha256(b"".join(record)).hexdigest():
                break
            rows = dict(zip(names, np.frombuffer(record[0], np.int64).tolist(), strict=True))
            if self._hashes(self._rows, rows) != record[1]:
                break
            self._rows, kept, length = rows, kept + 1, end
        self.shards = kept
        for name in names:
            _cut(column_file(self.folder, name), HEADER + self._rows[name] * bytes_per_row(self._about["columns"][name]))
        for size, name in records:
            _cut(column_file(self.folder, name), HEADER + kept * size)
        _cut(self.folder / "journal.jsonl", length)
        if not kept:  # begin anew: the shape of a column may have been that of the shard which is gone
            self._about = {}
            for path in self.folder.rglob("*.npy"):
                path.unlink()
            return
        for name in filter(is_offsets, names):
            self._last[name] = self._read(name, self._rows[name] - 1)[0]
        self._vocabulary = VocabularyMaker(Texts(*(self._read(name) for name in VOCABULARY)).bytes())

    def _hashes(self, before: dict[str, int], after: dict[str, int]) -> bytes:
        """Hash of each group's rows from *before* to *after*, as they are on disk."""
        hashes = {group: hashlib.sha256() for group in GROUPS}
        for name, about in self._about["columns"].items():
            size = bytes_per_row(about)
            hashes[group_of(name)].update(
                bytes_at(column_file(self.folder, name), HEADER + before[name] * size, (after[name] - before[name]) * size)
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


def _cut(path: Path, length: int) -> None:
    if path.exists():
        os.truncate(path, min(length, path.stat().st_size))
