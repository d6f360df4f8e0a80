"""Advisory locks: one writer at a time, and a way to tell the leftovers of a killed writer from the work of a living one.

A lock belongs to an open file and ends with it, so the operating system releases the lock of a killed process.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

from ..errors import InputError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]


def try_lock(handle: int) -> bool | None:
    """Lock the open file *handle* without waiting: True if it is ours now, False if another holds it, None where locks do not exist."""
    if fcntl is None:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # some network file systems
        return None
    return True


def open_locked(path: Path, *, wait: float = 0.0) -> tuple[int, bool]:
    """Open the file *path* for writing, create it where it is missing, and lock it; return the handle and whether it is locked.

    It is not locked where the file system has no locks. Raises :class:`BlockingIOError` if another still holds it after *wait* seconds.
    """
    end = time.monotonic() + wait
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o666)
        locked = try_lock(handle)
        if locked is None:
            return handle, False
        # the one that held it before may have renamed or removed the file since it was opened here
        if locked and _is_at(handle, path):
            return handle, True
        os.close(handle)
        if not locked:
            if time.monotonic() >= end:
                raise BlockingIOError(f"'{path}' is locked")
            time.sleep(0.01)


def _is_at(handle: int, path: Path) -> bool:
    try:
        found = os.stat(path, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return os.path.samestat(os.fstat(handle), found)


@contextlib.contextmanager
def one_writer(path: str | Path, *, wait: float = 0.0, lock: Path | None = None) -> Iterator[bool]:
    """Hold the writers' lock of *path*, a file or folder that need not exist; yields False where the file system has no locks.

    The lock is an empty hidden file beside *path* (or *lock*), which is removed afterwards. Long work on a folder takes it for all its
    time, so that the second of two runs is refused at once. It is not re-entrant: :func:`~hetero_xmodal.files.atomic_folder` takes the
    lock of its folder itself, so lock the folder of the work in progress around it, not that of the result.

    Raises
    ------
    InputError
        If another process, or another thread, holds it after *wait* seconds.

    >>> import pathlib, tempfile
    >>> work = pathlib.Path(tempfile.mkdtemp()) / "corpus.part"
    >>> with one_writer(work), one_writer(work):
    ...     pass
    Traceback (most recent call last):
    ...
    hetero_xmodal.errors.InputError: '...corpus.part' is being written by another run; wait until it has ended, or give another path
    """
    path = Path(path)
    lock = lock or path.with_name(f".{path.name}.hx.lock")
    try:
        handle, locked = open_locked(lock, wait=wait)
    except BlockingIOError:
        raise InputError(f"'{path}' is being written by another run; wait until it has ended, or give another path") from None
    try:
        yield locked
    finally:
        if locked:
            lock.unlink(missing_ok=True)
        os.close(handle)
