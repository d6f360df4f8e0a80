"""Marks: short texts that two images, or two files, share only if their whole contents are equal.

A mark is a 128-bit BLAKE2b hash. Hashing 100,000 photographs takes a minute, so marks are remembered by path, size and times of the file:
in this process, and in ``marks.sqlite`` of a cache folder where one is given.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from ..errors import InputError

#: begins every mark of a content; models saved by earlier versions hold marks of another kind
PREFIX = "b2:"
#: begins the marks of drawn images, which are told apart by how they are drawn
DRAWN = "world-"
_FRESH = 2.0  # seconds: a file changed so recently may change again without a new time, so its mark is not remembered
_TABLE = "CREATE TABLE IF NOT EXISTS marks (path TEXT, what TEXT, stamp TEXT, value TEXT, PRIMARY KEY (path, what))"


def mark_of(content: Any) -> str:
    """The mark of bytes, or of any contiguous buffer.

    >>> mark_of(b"a") == mark_of(bytearray(b"a")), mark_of(b"a") == mark_of(b"b")
    (True, False)
    """
    return PREFIX + hashlib.blake2b(content, digest_size=16).hexdigest()


def file_stamp(path: str | Path) -> str:
    """What tells a changed file from the one before without reading it: size, times of change and inode; empty if there is no such file."""
    try:
        state = os.stat(path)
    except OSError:
        return ""
    return f"{state.st_size} {state.st_mtime_ns} {state.st_ctime_ns} {state.st_ino}"


def file_mark(path: str | Path) -> str:
    """The mark of a file's contents.

    Raises
    ------
    InputError : the file cannot be read.
    """
    return file_marks([path])[0]


def file_marks(paths: Sequence[str | Path], cache: str | Path | None = None, *, progress: bool | None = None) -> list[str]:
    """The marks of files; those remembered in the folder *cache* are not read again.

    Raises
    ------
    InputError : a file cannot be read.
    """
    from .store import progress_bar

    marks = []
    with _memory(cache) as memory, progress_bar("comparing images", len(paths), progress) as advance:
        for path in paths:
            marks.append(memory(Path(path), "file", _hash_file))
            advance(1)
    return marks


def row_marks(features: Any, cache: str | Path | None = None, *, progress: bool | None = None) -> list[str]:
    """The mark of every row of an array (n, ...), empty for rows of zeros; those of a file are remembered in the folder *cache*.

    Raises
    ------
    InputError : the file cannot be read.
    """
    if not hasattr(features, "path"):
        return _hash_rows(features, progress)
    with _memory(cache) as memory:
        # fmt: off
        text = memory(features.path, f"rows {features.offset} {features.dtype.str} {features.shape}",
                      lambda path: "\n".join(_hash_rows(features, progress)))
        # fmt: on
    return text.split("\n") if len(features) else []


def _hash_file(path: Path) -> str:
    with path.open("rb") as file:
        return PREFIX + hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


def _hash_rows(features: Any, progress: bool | None) -> list[str]:
    import numpy as np

    from .store import progress_bar

    marks = []
    with progress_bar("comparing rows of features", len(features), progress) as advance:
        for start in range(0, len(features), 64):
            block = np.ascontiguousarray(features[start : start + 64])
            marks += [mark_of(row.tobytes()) if row.any() else "" for row in block]
            advance(len(block))
    return marks


@cache
def _known(cache: str, path: str, what: str, stamp: str) -> dict[str, str]:
    """Where the mark of a file in one state is kept in this process."""
    return {}


@contextlib.contextmanager
def _memory(cache: str | Path | None) -> Iterator[Callable[[Path, str, Callable[[Path], str]], str]]:
    """Yield a function ``(path, what, compute) -> value`` that computes a value only if it is not remembered."""
    base = _open(cache)

    def value(path: Path, what: str, compute: Callable[[Path], str]) -> str:
        stamp, name = file_stamp(path), str(path.absolute())
        here = _known(str(cache or ""), name, what, stamp)
        if what not in here:
            found = _look_up(base, name, what, stamp)
            if found is None:
                try:
                    found = compute(path)
                except OSError as error:
                    raise InputError(f"'{path}' cannot be read ({error.strerror or error}); check the file") from None
                if _is_fresh(path):
                    return found
                _keep(base, name, what, stamp, found)
            here[what] = found
        return here[what]

    try:
        yield value
    finally:
        if base is not None:
            with contextlib.suppress(sqlite3.Error):
                base.commit()
            base.close()


def _is_fresh(path: Path) -> bool:
    state = os.stat(path)
    return time.time() - max(state.st_mtime, state.st_ctime) < _FRESH


def _open(cache: str | Path | None) -> sqlite3.Connection | None:
    """The data base in the folder *cache*; ``None`` where it cannot be used, since everything in it can be computed again."""
    if cache is None:
        return None
    try:
        Path(cache).mkdir(parents=True, exist_ok=True)
        base = sqlite3.connect(Path(cache) / "marks.sqlite", timeout=5)
        base.execute(_TABLE)
        return base
    except (sqlite3.Error, OSError):
        return None


def _look_up(base: sqlite3.Connection | None, path: str, what: str, stamp: str) -> str | None:
    if base is None or not stamp:
        return None
    with contextlib.suppress(sqlite3.Error):
        row = base.execute("SELECT value FROM marks WHERE path = ? AND what = ? AND stamp = ?", (path, what, stamp)).fetchone()
        return None if row is None else str(row[0])
    return None


def _keep(base: sqlite3.Connection | None, path: str, what: str, stamp: str, value: str) -> None:
    if base is not None:
        with contextlib.suppress(sqlite3.Error):
            base.execute("INSERT OR REPLACE INTO marks VALUES (?, ?, ?, ?)", (path, what, stamp, value))
