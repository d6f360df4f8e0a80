"""Folders that are written as a whole, replaced atomically, and only if everything in them was written by this package.

How to use it: describe the folder once as a :class:`FolderKind`, write it inside :func:`atomic_folder`, read it through
:func:`~hetero_xmodal.files.read_folder`. Everything else (manifest, locks, leftovers, refusals) follows.

>>> import json, pathlib, tempfile
>>> NOTE = FolderKind("note", ("note.json",))
>>> target = pathlib.Path(tempfile.mkdtemp()) / "mine"
>>> with atomic_folder(target, NOTE) as folder:
...     _ = (folder / "note.json").write_text('{"text": "whole"}')
>>> sorted(file.name for file in target.iterdir())
['manifest.json', 'note.json']
>>> _ = (target / "thesis.tex").write_text("precious")
>>> with atomic_folder(target, NOTE) as folder:
...     pass
Traceback (most recent call last):
...
hetero_xmodal.errors.InputError: folder '...mine' holds 'thesis.tex', which is no file of a note of this package; give a new or empty ...
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import json
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from ..errors import InputError
from .atomic import TEMPORARY, behind_links, check_room, sync, usual_mode
from .locks import one_writer
from .manifest import (
    MANIFEST,
    FileRecord,
    Manifest,
    files_below,
    is_changed,
    read_manifest,
    store_manifest,
    write_manifest,
)

_OLD, _LOCK = ".hx.old", ".hx.lock"
_MOMENT = 1.0  # seconds that a writer waits for a reader that clears away leftovers
#: files that operating systems put into folders
_LITTER = frozenset({".DS_Store", "Thumbs.db", "desktop.ini"})


@dataclass(frozen=True)
class FolderKind:
    """A kind of folder that this package writes.

    name : as it stands in the manifest and in messages, such as ``"corpus"``
    files : what versions before the manifest wrote, all of them always; paths with ``/``. A folder without a manifest is replaced only
        if it consists of these.
    optional : what those versions wrote in some cases
    head : a JSON file among *files* and the ``format`` that stands in it, by which such a folder is told from another program's
    """

    name: str
    files: tuple[str, ...] = ()
    optional: tuple[str, ...] = field(default=(), kw_only=True)
    head: tuple[str, str] | None = field(default=None, kw_only=True)

    @property
    def phrase(self) -> str:
        """The name with its article; one that is a plural, such as slides, has none.

        >>> [FolderKind(name).phrase for name in ("corpus", "analysis", "set of Parquet tables", "slides")]
        ['a corpus', 'an analysis', 'a set of Parquet tables', 'slides']
        """
        first = self.name.split()[0]
        if first.endswith("s") and not first.endswith(("us", "sis", "ss")):
            return self.name
        return f"{'an' if self.name[0] in 'aeio' else 'a'} {self.name}"

    def check(self, folder: Path) -> None:
        """Refuse a *folder* that holds anything this package did not write as this kind.

        Raises
        ------
        InputError
            Naming the first such thing, or the first file of ours that was changed since.
        """
        found = [name for name in files_below(folder) if not _passing(name, folder)]
        if not found:
            return
        try:
            manifest = read_manifest(folder)
        except InputError:  # damaged: it is ours, but does not tell what else is
            manifest, known = None, {MANIFEST, *self.files, *self.optional}
        else:
            known = {*self.files, *self.optional} if manifest is None else {MANIFEST, *manifest.files}
        if manifest is not None and manifest.kind != self.name:
            raise InputError(f"folder '{folder}' holds {FolderKind(manifest.kind).phrase}, not {self.phrase}; give a new or empty folder")
        others = [name for name in found if name not in known]
        if not others and manifest is None and not self._whole(folder, found):
            others = found
        if others:
            raise InputError(
                f"folder '{folder}' holds '{others[0]}', which is no file of {self.phrase} of this package; "
                "give a new or empty folder (nothing was deleted)"
            )
        if manifest is not None and manifest.complete:
            self._check_unchanged(folder, manifest)

    def _check_unchanged(self, folder: Path, manifest: Manifest) -> None:
        """Refuse a *folder* with a file that somebody has changed since it was written."""
        name = next((name for name in manifest.files if is_changed(folder, name, manifest)), None)
        # another writer may have replaced the folder meanwhile: only what differs from the manifest that is there now was changed
        if name is not None and read_manifest(folder) == manifest:
            raise InputError(
                f"file '{folder / name}' was changed after {self.phrase} of this package was written there; "
                "move it away, or give a new or empty folder (nothing was deleted)"
            )

    def _whole(self, folder: Path, found: list[str]) -> bool:
        if not set(self.files) <= set(found):
            return False
        if self.head is None:
            return True
        try:
            value = json.loads((folder / self.head[0]).read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return False
        return isinstance(value, dict) and value.get("format") == self.head[1]


def _passing(name: str, folder: Path) -> bool:
    """Whether a file is one of the system's, or of a writer that works inside the folder."""
    last = name.rpartition("/")[2]
    return last in _LITTER or name.split("/")[0] in {f".{folder.name}{end}" for end in (TEMPORARY, _OLD, _LOCK)}


# ---------------------------------------------------------------------------------------------- writing


def replaceable_folder(path: str | Path, kind: FolderKind) -> Path:
    """Return *path* if :func:`atomic_folder` may write there, for refusing it before the work.

    It does not exist, is empty, or holds a folder of the same kind, as it was written, and nothing else.

    Raises
    ------
    InputError
        If *path* is a file, or a folder with anything else, or a changed file, in it.
    """
    path = Path(path)
    real = behind_links(path)
    try:
        found = mode_of(real)
        if found is not None and not stat.S_ISDIR(found):
            raise InputError(f"'{path}' is a file; give the name of a folder to write")
        if found is not None:
            kind.check(real)
    except OSError as error:
        raise _unwritable(path, error) from None
    check_writable(path)
    return path


@contextlib.contextmanager
def atomic_folder(path: str | Path, kind: FolderKind) -> Iterator[Path]:
    """Yield a temporary folder that becomes *path* on success and is deleted on error.

    On success a manifest is added, everything reaches the disk, and the folder is exchanged with the one that was there: readers find
    the old one or the new one, whole (see :func:`~hetero_xmodal.files.read_folder`). Only a folder of the same *kind* with nothing else in
    it is replaced. A symbolic link stays, and what it leads to is replaced. What a killed writer left is removed or put back.

    Raises
    ------
    InputError
        If *path* is a file or a folder with other or changed files in it, cannot be written, or is being written by another process.
    """
    real = behind_links(replaceable_folder(path, kind))
    place = Place(real)
    with contextlib.ExitStack() as stack:
        try:
            real.parent.mkdir(parents=True, exist_ok=True)
            locked = stack.enter_context(one_writer(real, lock=place.lock, wait=_MOMENT))
            temporary = place.begin(locked)
        except OSError as error:
            raise _unwritable(path, error) from None
        try:
            yield temporary
            for file in temporary.rglob("*"):  # before the manifest, whose hashes are remembered with the times of the files
                if file.is_file():
                    check_room(file)
            write_manifest(temporary, kind=kind.name)
            _sync_all(temporary)
            replaceable_folder(real, kind)  # again, because the work may have taken long
            place.put(temporary, kind)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


class Saved:
    """Base class of results that are saved as a folder; subclasses set :attr:`files` and :attr:`kind` and implement :meth:`write`."""

    #: names of the files and folders that :meth:`write` creates
    files: ClassVar[tuple[str, ...]]
    #: what such a folder is
    kind: ClassVar[FolderKind]

    def write(self, folder: Path, *, dpi: int = 150) -> None:
        """Write every file of :attr:`files` into the existing *folder*; figures with *dpi* dots per inch."""
        raise NotImplementedError

    def save(self, folder: str | Path, *, dpi: int = 150) -> list[Path]:
        """Write :attr:`files` into *folder*, all of them or none, and return their paths.

        Raises
        ------
        InputError
            If *folder* is a file, contains other or changed files, or cannot be written.
        """
        with atomic_folder(folder, self.kind) as temporary:
            self.write(temporary, dpi=dpi)
        return [Path(folder) / name for name in self.files]


def check_writable(path: str | Path) -> None:
    """Refuse a *path* whose folder cannot be made or written, before the work; nothing is left behind.

    Raises
    ------
    InputError
        If there is no permission, the file system is read-only, a file is in the way, or the folder is one that this package wrote as a
        whole, such as a corpus: with anything else in it, it could not be replaced any more.
    """
    folder = behind_links(Path(path)).absolute().parent
    _check_outside_of_ours(Path(path), folder)
    made = []
    try:
        for missing in reversed([one for one in (folder, *folder.parents) if not one.exists()]):
            missing.mkdir()
            made.append(missing)
        if not folder.is_dir():  # a file, to which the user may well write
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        if not os.access(folder, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        raise _unwritable(path, error) from None
    finally:
        for one in reversed(made):
            one.rmdir()


def _check_outside_of_ours(path: Path, folder: Path) -> None:
    """Refuse a *path* whose *folder* is, or lies in, one with a manifest of this package."""
    for place in (folder, *folder.parents):
        try:
            manifest = read_manifest(place)
        except InputError:  # damaged; whoever reads that folder is told
            continue
        if manifest is not None:
            raise InputError(
                f"'{path}' lies in '{place}', which holds {FolderKind(manifest.kind).phrase} and nothing else; give a place beside it"
            )


def _unwritable(path: str | Path, error: OSError) -> InputError:
    return InputError(f"output folder '{path}' cannot be written ({error.strerror or error}); give another folder")


def _sync_all(folder: Path) -> None:
    for place, _, files in os.walk(folder):
        for name in files:
            sync(Path(place) / name)
        sync(Path(place))


class Place:
    """The neighbourhood of a folder that is written: its lock, the temporary folder, and the one that was there before.

    They stand beside the folder; inside it where it cannot be moved (a mount point, the working folder of this process) or nothing can be
    written beside it. There the files are moved one by one, and the manifest says that the folder is not complete meanwhile.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.inside = path.is_dir() and (os.path.ismount(path) or _is_working_folder(path) or not os.access(path.parent, os.W_OK))
        around = path if self.inside else path.parent
        self.temporary, self.old, self.lock = (around / f".{path.name}{end}" for end in (TEMPORARY, _OLD, _LOCK))

    def begin(self, locked: bool) -> Path:
        """A new temporary folder; *locked* says that no other writer can be at work, so that what there is was left by a killed one."""
        if locked:
            self.settle()
            self.temporary.mkdir()
            temporary = self.temporary
        else:
            temporary = Path(tempfile.mkdtemp(prefix=f".{self.path.name}.", suffix=TEMPORARY, dir=self.temporary.parent))
        temporary.chmod(usual_mode(self.path, 0o777))
        return temporary

    def settle(self) -> None:
        """Put back or remove what a killed writer left; for the holder of the lock."""
        if not self.path.exists():
            for old in (self.old, *former_leftovers(self.path)):
                if old.is_dir() and any(old.iterdir()):
                    os.rename(old, self.path)
                    break
        for left in (self.temporary, self.old):
            if left.is_dir() and not left.is_symlink():
                shutil.rmtree(left)

    def put(self, temporary: Path, kind: FolderKind) -> None:
        if self.inside:
            self._pour(temporary, kind)
        elif not self.path.exists():
            os.rename(temporary, self.path)
        else:
            self._swap(temporary, kind)
        sync(self.path.parent)

    def _swap(self, temporary: Path, kind: FolderKind) -> None:
        try:
            if exchange(temporary, self.path):
                return
            os.rename(self.path, self.old)
        except OSError as error:
            if error.errno != errno.EBUSY:
                raise
            inside = self.path / temporary.name  # the folder is a mount point that looks like an ordinary folder
            try:
                self._pour(Path(shutil.copytree(temporary, inside)), kind)
            finally:
                shutil.rmtree(inside, ignore_errors=True)
            return
        try:
            os.rename(temporary, self.path)
        except OSError:
            os.rename(self.old, self.path)
            raise
        shutil.rmtree(self.old, ignore_errors=True)

    def _pour(self, temporary: Path, kind: FolderKind) -> None:
        """Move the files of *temporary* into the folder; until the manifest comes last, the old one lists what may be there."""
        made = read_manifest(temporary) or Manifest(kind.name)
        before = [name for name in files_below(self.path) if not _passing(name, self.path)]
        union = Manifest(kind.name, dict.fromkeys(set(before) - {MANIFEST}, FileRecord(0, "")) | dict(made.files), complete=False)
        (temporary / MANIFEST).rename(temporary / f"{MANIFEST}.last")
        store_manifest(temporary, union)
        os.replace(temporary / MANIFEST, self.path / MANIFEST)
        for name in before:
            if name != MANIFEST and name not in made.files:
                (self.path / name).unlink()
        for name in made.files:
            target = self.path / name
            target.parent.mkdir(parents=True, exist_ok=True)
            os.replace(temporary / name, target)
        _remove_empty_folders(self.path, keep={temporary})
        _sync_all(self.path)
        os.replace(temporary / f"{MANIFEST}.last", self.path / MANIFEST)


def _is_working_folder(path: Path) -> bool:
    try:
        here = Path(os.getcwd())
    except FileNotFoundError:
        return False
    return here == path or path in here.parents


def _remove_empty_folders(folder: Path, keep: set[Path]) -> None:
    for place, _, _ in os.walk(folder, topdown=False):
        here = Path(place)
        if here != folder and not any(here == kept or kept in here.parents for kept in keep):
            with contextlib.suppress(OSError):  # it holds something
                here.rmdir()


def former_leftovers(path: Path) -> list[Path]:
    """Folders that earlier versions moved away when they were killed between two renames, the newest first."""
    if not path.parent.is_dir():
        return []
    names = [f".{path.name}.old"]
    with os.scandir(path.parent) as entries:
        names += [e.name for e in entries if e.name.startswith(f".{path.name}.") and e.name.endswith(".tmp.old")]
    found = [path.with_name(name) for name in names if path.with_name(name).is_dir()]
    return sorted(found, key=lambda p: p.stat().st_mtime, reverse=True)


def exchange(one: Path, other: Path) -> bool:
    """Exchange two paths of one file system in one step, so that neither name is ever missing; False where the system cannot."""
    rename = getattr(_libc(), "renameat2", None)
    if rename is None:
        return False
    here, swap = -100, 2  # AT_FDCWD, RENAME_EXCHANGE
    if rename(here, os.fsencode(one), here, os.fsencode(other), swap) == 0:
        return True
    code = ctypes.get_errno()
    if code in (errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP, errno.EXDEV):
        return False
    raise OSError(code, os.strerror(code), str(other))


def _libc() -> ctypes.CDLL | None:
    try:
        return ctypes.CDLL(None, use_errno=True)
    except (OSError, TypeError):  # Windows
        return None


def mode_of(path: Path) -> int | None:
    """What *path* is, asked once, because it may be replaced between two questions; ``None`` where there is nothing."""
    try:
        return path.stat().st_mode
    except ValueError:  # a zero byte in the name
        return None
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.EBADF, errno.ELOOP, errno.ENAMETOOLONG):
            return None
        raise
