"""Single files that appear whole or not at all."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ..errors import InputError
from .locks import open_locked

#: what the names of temporary files and folders end with: never the suffix of data, so that no reader takes a leftover for data
TEMPORARY = ".hx.tmp"
_WAIT = 10.0  # seconds, for another writer of the same file


def behind_links(path: str | Path) -> Path:
    """What *path* stands for once all symbolic links are followed; it need not exist. Writing there keeps the links.

    Raises
    ------
    InputError
        If the links lead in a circle.
    """
    real = Path(os.path.realpath(path))
    if real.is_symlink():
        raise InputError(f"'{path}' is a symbolic link that leads back to itself; remove it or give another path")
    return real


def usual_mode(path: Path, most: int) -> int:
    """Permissions for what is written to *path*: those of what is there now, otherwise *most* without the bits of the user's mask."""
    if path.exists():
        return path.stat().st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return most & ~mask


def sync(path: Path) -> None:
    """Wait until the contents of a file, or the names in a folder, are on the disk, where the system can say so."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except OSError:  # a folder on Windows
        return
    try:
        os.fsync(handle)
    except OSError as error:
        if not path.is_dir():  # some file systems sync no folders; a file that cannot be synced was not written
            raise error
    finally:
        os.close(handle)


def check_room(path: Path) -> None:
    """Write one more byte at the end of a new file, and take it away again.

    Libraries that write files themselves (Pillow, DuckDB, DGL) may say nothing when the disk is full and only part of their data was
    written: the file is cut off. Where that happened there is no room for the next byte either.

    Raises
    ------
    OSError
        If there is no room; it names the file.
    """
    found = path.stat()
    if found.st_nlink > 1:  # a second name of a file that was finished earlier, which somebody may be reading
        return
    try:
        with open(path, "r+b", buffering=0) as file:
            file.seek(found.st_size)
            file.write(b"\0")
            file.truncate(found.st_size)
    except PermissionError:  # a library made it read-only
        return
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))


@contextlib.contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path in the same folder; it replaces *path* atomically on success and is deleted on error.

    The name of the temporary file ends with ``.hx.tmp``, not with the suffix of *path*: a writer that takes its format from the suffix
    must be told it, such as ``image.save(temporary, format="PNG")``. The data reach the disk before the file gets its name. A symbolic
    link stays, and what it leads to is replaced. What a killed process left is removed when the same file is written again.

    >>> import pathlib, tempfile
    >>> target = pathlib.Path(tempfile.mkdtemp()) / "a.txt"
    >>> with atomic_path(target) as temporary:
    ...     _ = temporary.write_text("whole")
    >>> target.read_text()
    'whole'

    Raises
    ------
    InputError
        If *path* is a folder, or another process is writing the same file and does not end within ten seconds.
    """
    named, path = path, behind_links(path)
    if path.is_dir():
        raise InputError(f"'{named}' is a folder; give the name of a file")
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary, handle = _temporary(path, named)
    try:
        yield temporary
        temporary.chmod(usual_mode(path, 0o666))
        check_room(temporary)
        sync(temporary)
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)  # not after success: another writer may have begun a file of this name
        raise
    finally:
        os.close(handle)
    sync(path.parent)


def _temporary(path: Path, named: str | Path) -> tuple[Path, int]:
    """An empty temporary file beside *path*, locked where there are locks; one of a killed process is used again."""
    temporary = path.with_name(f".{path.name}{TEMPORARY}")
    try:
        handle, locked = open_locked(temporary, wait=_WAIT)
    except BlockingIOError:
        raise InputError(f"'{named}' is being written by another run; wait until it has ended, or give another path") from None
    except OSError as error:  # of the file that was asked for, not of the hidden one beside it
        raise OSError(error.errno, error.strerror, str(named)) from None
    if not locked:  # nothing tells the files of living writers from leftovers: a name of its own
        os.close(handle)
        temporary.unlink(missing_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=TEMPORARY, dir=path.parent)
        return Path(name), handle
    os.truncate(handle, 0)
    return temporary, handle
