"""Features on disk: safetensors files that are written block by block, and rows of them that are read on demand.

An unfinished file is called ``NAME.part``, and ``NAME.progress`` beside it holds the number of rows written. An interrupted run continues
after the last complete block, and the finished file is identical, byte for byte, to that of an uninterrupted run.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import struct
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError
from ..files import BlockHashes, blocks_file, existing_file, read_json, user_cache, write_blocks, write_json

FORMAT = "hetero_xmodal.matching 1"

_CODES = {"F16": "<f2", "F32": "<f4", "I64": "<i8", "U8": "|u1"}
_NAMES = {np.dtype(value): key for key, value in _CODES.items()}


class FileRows:
    """The rows of an array in a file, read on demand.

    Rows are read, not memory-mapped: mapped pages count as memory of the process, all 15 GB of them after an epoch over 100,000 images.
    Rows are copied straight into the batch, and the operating system caches the file. ``rows[5]``, ``rows[2:9]`` and
    ``rows[[7, 3, 3]]`` are numpy arrays; ``numpy.asarray(rows)`` reads everything. The object can be sent to the workers of a
    ``DataLoader``, each of which opens the file itself.

    Parameters
    ----------
    path : the file
    offset : byte at which the array begins
    dtype, shape : of the array; the first axis counts rows
    select : row numbers in the file, if these are only some of its rows, or in another order

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "numbers"
    >>> np.arange(12, dtype=np.float32).tofile(path)
    >>> rows = FileRows(path, 0, np.float32, (4, 3))
    >>> rows[[3, 0]].tolist(), rows.select([2, 1])[0].tolist()
    ([[9.0, 10.0, 11.0], [0.0, 1.0, 2.0]], [6.0, 7.0, 8.0])
    """

    def __init__(self, path: str | Path, offset: int, dtype: Any, shape: Sequence[int], select: np.ndarray | None = None) -> None:
        self.path, self.offset, self.dtype = Path(path), int(offset), np.dtype(dtype)
        self._rows = None if select is None else np.asarray(select, dtype=np.int64)
        self._in_file = tuple(int(n) for n in shape)
        self._handle: int | None = None
        #: hashes of the file's blocks, which are compared when they are first read; None where there are none
        self.blocks: BlockHashes | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self), *self._in_file[1:])

    @property
    def ndim(self) -> int:
        return len(self._in_file)

    def __len__(self) -> int:
        return self._in_file[0] if self._rows is None else len(self._rows)

    def select(self, rows: Sequence[int] | np.ndarray) -> FileRows:
        """A selection of the rows, by numbers (m,) or a mask (n,), without reading them."""
        rows = np.arange(len(self))[np.asarray(rows)]
        selected = FileRows(self.path, self.offset, self.dtype, self._in_file, rows if self._rows is None else self._rows[rows])
        selected.blocks = self.blocks
        return selected

    def __getitem__(self, which: Any) -> np.ndarray:
        if isinstance(which, tuple):
            first, *rest = which
            if any(np.ndim(part) for part in rest if not isinstance(part, slice) and part is not ...):
                raise TypeError("only the first axis of rows in a file can be indexed by a list; read them first")
            return self[first][tuple(rest) if isinstance(first, int | np.integer) else (slice(None), *rest)]
        if isinstance(which, int | np.integer):
            return self._read(np.array([range(len(self))[which]]))[0]
        rows = np.arange(len(self))[which]
        return self._read(rows.ravel()).reshape(*rows.shape, *self._in_file[1:])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return self[:].astype(self.dtype if dtype is None else dtype, copy=False)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_handle": None}

    def __del__(self) -> None:
        if getattr(self, "_handle", None) is not None:
            with contextlib.suppress(OSError, TypeError):
                os.close(self._handle)

    def _read(self, rows: np.ndarray) -> np.ndarray:
        rows = rows if self._rows is None else self._rows[rows]
        out = np.empty((len(rows), *self._in_file[1:]), self.dtype)
        size = out[:1].nbytes if len(out) else 0
        if not size:
            return out
        if self._handle is None:
            try:
                self._handle = os.open(self.path, os.O_RDONLY)
            except OSError as error:
                raise InputError(f"feature file '{self.path}' cannot be opened ({error.strerror}); load the data again") from None
        starts = np.flatnonzero(np.diff(rows, prepend=rows[:1] - 2) != 1)  # consecutive rows are read in one call
        view = memoryview(out.reshape(len(out), -1).view(np.uint8)).cast("B")
        for start, stop in zip(starts.tolist(), [*starts[1:].tolist(), len(rows)], strict=True):
            place, left = self.offset + int(rows[start]) * size, view[start * size : stop * size]
            if self.blocks is not None:
                self.blocks.check(place, place + len(left))
            while left:
                got = os.preadv(self._handle, [left[: 1 << 30]], place)
                if got <= 0:
                    raise InputError(f"feature file '{self.path}' ends too early; delete it and load the data again")
                place, left = place + got, left[got:]
        return out


# ---------------------------------------------------------------------------------------------- safetensors


def _layout(tensors: dict[str, tuple[Any, Sequence[int]]], metadata: dict[str, str]) -> tuple[bytes, dict[str, int]]:
    """The header of a safetensors file and the byte at which each tensor begins; *tensors* maps names to (dtype, shape)."""
    entries: dict[str, Any] = {"__metadata__": metadata}
    place, begins = 0, {}
    for name, (dtype, shape) in tensors.items():
        size = np.dtype(dtype).itemsize * int(np.prod(shape, dtype=np.int64))
        entries[name] = {"dtype": _NAMES[np.dtype(dtype)], "shape": [int(n) for n in shape], "data_offsets": [place, place + size]}
        begins[name], place = place, place + size
    text = json.dumps(entries, ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text, {name: 8 + len(text) + begin for name, begin in begins.items()}


def open_store(path: str | Path, *, verify: bool = True) -> tuple[dict[str, FileRows], dict[str, str]]:
    """The tensors of a safetensors file as :class:`FileRows`, and its metadata.

    What is read is compared with the hashes beside the file, if there are any, block by block; ``verify=False`` leaves that out.

    Raises
    ------
    InputError : the file is missing, truncated, or not safetensors.
    """
    from safetensors import SafetensorError, safe_open

    path = existing_file(path, "feature file")
    blocks = BlockHashes.of(path) if verify else None
    try:
        if blocks is not None:
            blocks.check(0, 8)
        with safe_open(str(path), framework="np") as file:  # checks the head and the length of the file
            metadata = file.metadata() or {}
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            if blocks is not None:
                blocks.check(0, 8 + length)
            entries = json.loads(file.read(length))
        rows = {
            name: FileRows(path, 8 + length + entry["data_offsets"][0], _dtype_of(entry["dtype"], name), entry["shape"])
            for name, entry in entries.items()
            if name != "__metadata__"
        }
    except InputError:
        raise
    except (SafetensorError, OSError, ValueError, KeyError, TypeError, RecursionError, struct.error) as error:
        raise InputError(f"feature file '{path}' is not readable as safetensors ({error}); it may be truncated") from None
    for tensor in rows.values():
        tensor.blocks = blocks
    return rows, metadata


def _dtype_of(code: str, name: str) -> str:
    if code not in _CODES:
        raise ValueError(f"tensor '{name}' has the type {code}, expected one of {', '.join(_CODES)}")
    return _CODES[code]


class BlockFile:
    """A safetensors file that is written row by row, in order, and renamed to *path* only when it is complete.

    tensors : name -> (dtype, shape); metadata : texts of the header. A file of the same plan that was interrupted is continued.

    Raises
    ------
    InputError : the folder cannot be written to.

    >>> import tempfile
    >>> target = Path(tempfile.mkdtemp()) / "a.safetensors"
    >>> file = BlockFile(target, {"x": (np.float32, (3, 2))}, {"plan": "twos"})
    >>> file.write("x", 0, np.full((3, 2), 2, np.float32)); file.finish()
    >>> open_store(target)[0]["x"][1].tolist()
    [2.0, 2.0]
    """

    def __init__(self, path: str | Path, tensors: dict[str, tuple[Any, Sequence[int]]], metadata: dict[str, str]) -> None:
        self.path = Path(path)
        self.part, self.progress = self.path.with_name(self.path.name + ".part"), self.path.with_name(self.path.name + ".progress")
        self._tensors = {name: (np.dtype(dtype), tuple(shape)) for name, (dtype, shape) in tensors.items()}
        head, self._begins = _layout(self._tensors, {"format": FORMAT, **metadata})
        plan = hashlib.sha256(head).hexdigest()
        #: number of rows that an interrupted run has written
        self.done = 0
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if self.part.exists() and self.progress.exists():
                with contextlib.suppress(InputError):  # without a readable note, start from the beginning
                    before = read_json(self.progress, "progress")
                    if isinstance(before, dict) and before.get("plan") == plan and isinstance(before.get("done"), int):
                        self.done = before["done"]
            self._plan = plan
            if not self.done:
                with self.part.open("wb") as file:
                    file.write(head)
                    file.truncate(max(self._end(name) for name in self._tensors))
            self._file = self.part.open("r+b")
        except OSError as error:
            raise InputError(f"features cannot be written to '{self.path}' ({error.strerror or error}); give another folder") from None

    def _end(self, name: str) -> int:
        dtype, shape = self._tensors[name]
        return self._begins[name] + dtype.itemsize * int(np.prod(shape, dtype=np.int64))

    def write(self, name: str, start: int, rows: np.ndarray) -> None:
        """Write *rows* (m, ...) of the tensor *name* (n, ...), beginning at its row *start*."""
        dtype, shape = self._tensors[name]
        rows = np.ascontiguousarray(rows, dtype=dtype)
        if rows.shape[1:] != shape[1:] or start + len(rows) > shape[0]:
            raise ValueError(f"{name} has shape {shape}, found rows {start} to {start + len(rows)} of shape {rows.shape[1:]}")
        self._file.seek(self._begins[name] + start * dtype.itemsize * int(np.prod(shape[1:], dtype=np.int64)))
        self._file.write(rows.tobytes())

    def note(self, done: int) -> None:
        """Record that all rows up to *done* are on disk."""
        self._file.flush()
        os.fsync(self._file.fileno())
        write_json(self.progress, {"plan": self._plan, "done": done})
        self.done = done

    def finish(self) -> None:
        """Close the complete file and rename it to its final name; the hashes of its blocks are written beside it."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        blocks_file(self.path).unlink(missing_ok=True)  # of a file that was here before
        os.replace(self.part, self.path)
        write_blocks(self.path)
        self.progress.unlink(missing_ok=True)

    def close(self) -> None:
        """Close the unfinished file; a later run continues from the last :meth:`note`."""
        self._file.close()


def as_bytes(value: Any) -> np.ndarray:
    """A JSON value as uint8 (bytes,), for lists that are too long for the header of a file."""
    return np.frombuffer(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "backslashreplace"), np.uint8)


def from_bytes(rows: Any) -> Any:
    """The JSON value that :func:`as_bytes` encoded."""
    return json.loads(np.asarray(rows).tobytes())


# ---------------------------------------------------------------------------------------------- the cache


def cache_folder(cache: str | Path | None = None) -> Path:
    """Where features are kept: *cache*, or ``$XDG_CACHE_HOME/hetero_xmodal/matching`` (``~/.cache/...`` where that is not set).

    Never the folder of the images, unless it is given. The files may be deleted at any time; they are made again when needed.
    """
    if cache is not None:
        return Path(cache)
    return user_cache("matching")


@contextlib.contextmanager
def one_at_a_time(path: str | Path) -> Iterator[None]:
    """Context manager that holds a lock on the file *path*, so that only one process makes it.

    Raises
    ------
    InputError : the folder cannot be written.
    """
    try:
        import fcntl
    except ImportError:  # Windows has no fcntl: two runs at once make the file twice
        yield
        return
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = open(path.with_name(path.name + ".lock"), "wb")  # noqa: SIM115 (closed below)
    except OSError as error:
        raise InputError(
            f"the cache folder '{path.parent}' cannot be written ({error.strerror or error}); give another as cache="
        ) from None
    with handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def digest(*values: Any) -> str:
    """Hash of JSON values, 16 hex digits."""
    text = json.dumps(values, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()[:16]


@contextlib.contextmanager
def progress_bar(what: str, total: int, wanted: bool | None = None, done: int = 0) -> Iterator[Any]:
    """A progress bar on standard error; yields the function that advances it.

    total, done : steps in all, and those an interrupted run did before.
    wanted : ``None`` shows the bar in a terminal only, and only if at least 64 steps are left.
    """
    if wanted is False or (wanted is None and (total - done < 64 or not sys.stderr.isatty())):
        yield lambda n: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=total, completed=done)
        yield lambda n: bar.advance(task, n)
