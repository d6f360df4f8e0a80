"""``manifest.json``: the list of the files that this package wrote into a folder, with the size and the SHA-256 of each.

It answers two questions: may the folder be replaced (only if nothing else is in it), and is every file still the one that was written.

>>> import pathlib, tempfile
>>> folder = pathlib.Path(tempfile.mkdtemp())
>>> _ = (folder / "a.txt").write_text("whole")
>>> write_manifest(folder, kind="note")
>>> read_manifest(folder).files["a.txt"].size
5
>>> _ = (folder / "a.txt").write_text("whale")
>>> check_files(folder, ["a.txt"])
Traceback (most recent call last):
...
hetero_xmodal.errors.InputError: '...a.txt' is not the file that was written (its SHA-256 is not that in manifest.json): it is damaged ...
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path, PurePosixPath

from ..errors import InputError
from .formats import write_text

MANIFEST = "manifest.json"
_FORMAT, _VERSION = "hetero_xmodal.manifest", 1
_KEYS = ("kind", "complete", "files")


@dataclass(frozen=True)
class FileRecord:
    """What a manifest says of one file: its ``size`` in bytes and its ``sha256`` as 64 hexadecimal digits."""

    size: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """The contents of a ``manifest.json``.

    kind : of the folder, such as ``"model"``
    files : path relative to the folder, with ``/`` -> its record; ``manifest.json`` itself is not among them
    complete : False while files are being put into a folder that cannot be exchanged as a whole
    """

    kind: str
    files: Mapping[str, FileRecord] = field(default_factory=dict)
    complete: bool = True


def write_manifest(folder: str | Path, *, kind: str, files: Iterable[str] | None = None) -> None:
    """Write the ``manifest.json`` of *files*, by default of all that are in *folder* now."""
    folder = Path(folder)
    names = [name for name in files_below(folder) if name != MANIFEST] if files is None else files
    store_manifest(folder, Manifest(kind, {name: record_of(folder / name) for name in names}))


def store_manifest(folder: Path, manifest: Manifest) -> None:
    """Write *manifest* into *folder*."""
    body = _body(manifest)
    text = json.dumps({"format": _FORMAT, "version": _VERSION, **body, "sha256": _digest(body)}, ensure_ascii=False, indent=1)
    write_text(folder / MANIFEST, text + "\n")


def read_manifest(folder: str | Path) -> Manifest | None:
    """The manifest of *folder*; None if it has none, or one of another program.

    Raises
    ------
    InputError
        If the manifest is damaged or of a version that this package does not know.
    """
    path = Path(folder) / MANIFEST
    if path.exists() and not path.is_file() and not path.is_dir():  # reading a pipe may wait for ever, a device never ends
        raise InputError(f"'{path}' is a pipe or a device; remove it")
    try:
        raw = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None
    except OSError as error:
        raise InputError(f"'{path}' cannot be read ({error.strerror or error})") from None
    # two marks, of which no single damage removes both
    if _FORMAT.encode() not in raw and not all(f'"{key}"'.encode() in raw for key in _KEYS):
        return None
    try:
        value = json.loads(raw)
        body = {key: value[key] for key in _KEYS}
        sound = value["format"] == _FORMAT and value["sha256"] == _digest(body, value["version"]) and all(map(_is_inside, body["files"]))
        if sound and value["version"] != _VERSION:
            raise InputError(f"'{path}' has version {value['version']!r}, this package knows {_VERSION}; update hetero_xmodal")
        files = {name: FileRecord(record["size"], record["sha256"]) for name, record in body["files"].items()}
    except InputError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        sound = False
    if not sound:
        raise InputError(f"'{path}' is damaged; write the folder again, or delete this file to read the others unchecked")
    return Manifest(body["kind"], files, body["complete"])


def _is_inside(name: str) -> bool:
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts and "\\" not in name


def _body(manifest: Manifest) -> dict:
    files = {name: {"size": record.size, "sha256": record.sha256} for name, record in sorted(manifest.files.items())}
    return {"kind": manifest.kind, "complete": manifest.complete, "files": files}


def _digest(body: dict, version: int = _VERSION) -> str:
    return hashlib.sha256(json.dumps([version, body], sort_keys=True).encode()).hexdigest()


# ---------------------------------------------------------------------------------------------- the files


def files_below(folder: Path) -> list[str]:
    """Paths of everything in *folder* but folders with something in them, relative to it, with ``/``, sorted.

    Symbolic links are named and not followed.
    """
    found = []
    for place, folders, files in os.walk(folder):
        here = Path(place)
        links = [name for name in folders if (here / name).is_symlink()]
        found += [(here / name).relative_to(folder).as_posix() for name in (*files, *links)]
        if not folders and not files and here != folder:
            found.append(here.relative_to(folder).as_posix())  # an empty folder
    return sorted(found)


def record_of(path: Path) -> FileRecord:
    """Size and SHA-256 of a file, read whole."""
    with path.open("rb") as file:
        return FileRecord(os.fstat(file.fileno()).st_size, hashlib.file_digest(file, "sha256").hexdigest())


def file_state(path: Path) -> tuple[int, ...]:
    """Changes whenever the file or folder *path* is written or replaced, as far as the system reports it."""
    found = path.stat()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


@lru_cache(maxsize=4096)
def _record_once(path: Path, identity: tuple[int, ...]) -> FileRecord:
    """:func:`record_of`, computed once for each state of a file, so that opening a large folder again costs nothing."""
    return record_of(path)


def check_files(folder: str | Path, names: Iterable[str] | None = None, *, again: bool = False) -> Manifest | None:
    """Compare the files *names* of *folder*, by default all that its manifest lists, with the manifest, and return that.

    A folder without a manifest, such as earlier versions wrote, is not checked: the result is None. Files are hashed once in a process
    for as long as the system reports no change of them; *again* reads them in any case.

    Raises
    ------
    InputError
        If a file is missing, is not listed, or has other contents; or the manifest is damaged.
    """
    folder = Path(folder)
    manifest = read_manifest(folder)
    if manifest is None:
        return None
    if not manifest.complete:
        raise InputError(f"'{folder}' was not written to the end; write it again")
    for name in manifest.files if names is None else names:
        _check(folder, name, manifest, again)
    return manifest


def _check(folder: Path, name: str, manifest: Manifest, again: bool) -> None:
    path, wanted = folder / name, manifest.files.get(name)
    advice = f"move it away and write it again; or, if that was meant, delete {MANIFEST}"
    if wanted is None:
        if path.exists():
            raise InputError(f"'{path}' is not among the files that {MANIFEST} beside it lists: it was added or renamed; {advice}")
        return  # a missing file is reported by its reader, in words that say what it is for
    try:
        found = path.stat()
        if found.st_size == wanted.size:
            record = record_of(path) if again else _record_once(path, file_state(path))
            if record == wanted:
                return
            why = f"its SHA-256 is not that in {MANIFEST}"
        else:
            why = f"it has {found.st_size:,} bytes and not {wanted.size:,}"
    except FileNotFoundError:
        raise InputError(f"'{path}' is missing, although {MANIFEST} lists it; {advice}") from None
    except OSError as error:
        raise InputError(f"'{path}' cannot be read ({error.strerror or error})") from None
    raise InputError(f"'{path}' is not the file that was written ({why}): it is damaged or was changed; {advice}")


def is_changed(folder: Path, name: str, manifest: Manifest) -> bool:
    """Whether the file *name* of *folder* is there with other contents than were written; for folders that are to be replaced.

    Hashed is only what has the size of the record and was written after the manifest, so that a large folder costs nothing.
    """
    path, wanted = folder / name, manifest.files[name]
    try:
        found = path.stat()
        if not path.is_file() or found.st_size != wanted.size:
            return True
        last = (folder / MANIFEST).stat()
        later = found.st_mtime_ns >= last.st_mtime_ns or found.st_ctime_ns >= last.st_ctime_ns  # a file that is moved here keeps its mtime
        return later and _record_once(path, file_state(path)) != wanted
    except FileNotFoundError:  # what is gone cannot be lost
        return False


def renew_record(path: str | Path) -> None:
    """Enter the present contents of a file into the manifest of its folder, if that lists it; after a change on purpose."""
    path = Path(path)
    manifest = read_manifest(path.parent)
    if manifest is not None and path.name in manifest.files:
        store_manifest(path.parent, replace(manifest, files={**manifest.files, path.name: record_of(path)}))


def check_single(path: str | Path) -> None:
    """Compare one file with the manifest of its folder, if there is one of ours that lists it.

    Raises
    ------
    InputError
        If the file has other contents, or the manifest is damaged.
    """
    path = Path(path)
    manifest = read_manifest(path.parent)
    if manifest is not None and path.name in manifest.files:
        check_files(path.parent, [path.name])
