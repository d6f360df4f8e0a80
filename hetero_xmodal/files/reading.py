"""Folders that are read as a whole, although a writer may be replacing them: one state of all files, or one sentence why not.

>>> import pathlib, tempfile
>>> from hetero_xmodal.files import FolderKind, atomic_folder
>>> NOTE, target = FolderKind("note", ("note.txt",)), pathlib.Path(tempfile.mkdtemp()) / "mine"
>>> with atomic_folder(target, NOTE) as folder:
...     _ = (folder / "note.txt").write_text("whole")
>>> read_folder(target, NOTE, lambda folder: (folder / "note.txt").read_text(), files=["note.txt"])
'whole'
"""

from __future__ import annotations

import stat
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

from ..errors import InputError
from .atomic import behind_links
from .folders import FolderKind, Place, former_leftovers, mode_of
from .locks import one_writer
from .manifest import check_files, file_state

T = TypeVar("T")
_LOOKS = 10  # so often a reader looks for a folder that writers may be replacing by two renames
_PATIENCE = 30.0  # seconds in which a folder that is being replaced must hold still once


def existing_folder(path: str | Path, what: str = "folder") -> Path:
    """Return *path* as a :class:`~pathlib.Path`; *what* names its role in messages. What a killed writer left is put back or removed.

    Raises
    ------
    InputError
        If it does not exist or is a file.
    """
    path = Path(path)
    found = file_or_folder(path)
    if found is None:
        raise InputError(f"{what} '{path}' does not exist; check the path")
    if found == "file":
        raise InputError(f"'{path}' is a file; give the folder of {'an' if what[0] in 'aeio' else 'a'} {what}")
    return path


def file_or_folder(path: str | Path) -> str | None:
    """``"file"``, ``"folder"`` or ``None``: what *path* is, after what a killed writer of a folder left is put back or removed.

    A folder that writers are replacing by two renames is found although its name is missing for a moment.

    >>> file_or_folder("."), file_or_folder("no such folder")
    ('folder', None)
    """
    path = Path(path)
    for _ in range(_LOOKS):  # the name may be missing again, for a moment, because of the next writer
        recover_folder(path)
        mode = mode_of(path)
        if mode is not None:
            return "folder" if stat.S_ISDIR(mode) else "file"
    return None


def recover_folder(path: str | Path) -> None:
    """Put back or remove what a killed writer of the folder *path* left; for functions that look for a folder themselves.

    Waits for a living writer only where the folder is missing because of it. Nothing happens where nothing can be written.
    """
    try:
        real = behind_links(path)
        place = Place(real)
        for _ in range(3):  # between two renames the name is missing for a moment, and the folder that was moved away soon after
            missing = not real.exists()
            moved = missing and place.old.is_dir()
            if place.temporary.is_dir() or place.old.is_dir() or (missing and former_leftovers(real)):
                with one_writer(real, lock=place.lock, wait=_PATIENCE if moved else 0.0) as locked:
                    if locked:
                        place.settle()
            if not missing:
                return
    except (OSError, InputError):
        return  # a reader may not be able to write there, or a writer is at work


def read_folder(path: str | Path, kind: FolderKind, read: Callable[[Path], T], *, files: Iterable[str] = (), verify: bool = True) -> T:
    """Return ``read(path)``, of one state of the folder, although it may be replaced meanwhile.

    Parameters
    ----------
    path : the folder.
    kind : what it should be; a folder whose manifest names another kind is refused.
    read : reads the files by their paths; it is called again if the folder was replaced while it read.
    files : what *read* reads; these are compared with the manifest beforehand. Files that are read later, such as parts of a large
        folder, are compared when they are: :func:`~hetero_xmodal.files.check_files`.
    verify : ``False`` leaves that out, for the impatient; folders without a manifest are never compared.

    Raises
    ------
    InputError
        If there is no such folder, it is of another kind, a file differs from the manifest, or what *read* raises.
    """
    path = existing_folder(path, kind.name)
    end = time.monotonic() + _PATIENCE
    while True:
        before = _state(path)
        try:
            if verify:
                manifest = check_files(path, tuple(files))
                if manifest is not None and manifest.kind != kind.name:
                    raise InputError(f"folder '{path}' holds a {manifest.kind}, not {kind.phrase}; give the folder of {kind.phrase}")
            value = read(path)
        except (InputError, OSError):
            if _state(path) == before and before is not None or time.monotonic() > end:
                raise
        else:
            if _state(path) == before or time.monotonic() > end:
                return value
        time.sleep(0.001)


def _state(path: Path) -> tuple[int, ...] | None:
    """Changes whenever the folder is replaced or a file in it is."""
    try:
        return file_state(path)
    except FileNotFoundError:
        return None
