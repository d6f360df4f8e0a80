"""Reading and writing files so that nothing half-written is ever left and nothing that is read is ever executed."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, ClassVar

from .errors import InputError


@contextlib.contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Give a temporary path beside *path*; on success it replaces *path* in one step, on error it is removed.

    >>> import pathlib, tempfile
    >>> target = pathlib.Path(tempfile.mkdtemp()) / "a.txt"
    >>> with atomic_path(target) as temporary:
    ...     _ = temporary.write_text("whole")
    >>> target.read_text()
    'whole'
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp" + path.suffix, dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        mask = os.umask(0)
        os.umask(mask)
        temporary.chmod(0o666 & ~mask)  # mkstemp makes private files; a result is an ordinary one
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def replaceable_folder(path: str | Path, *, marker: str) -> Path:
    """Return *path* if :func:`atomic_folder` may write there: nothing is there, or an empty folder, or one that holds *marker*."""
    path = Path(path)
    if path.exists() and not path.is_dir():
        raise InputError(f"'{path}' is a file; give the name of a folder to write")
    if path.is_dir() and any(path.iterdir()) and not (path / marker).exists():
        raise InputError(f"folder '{path}' holds other files (no {marker}); give a new or empty folder")
    return path


@contextlib.contextmanager
def atomic_folder(path: str | Path, *, marker: str) -> Iterator[Path]:
    """Give a temporary folder beside *path*; on success it takes the place of *path*, on error it is removed.

    Only a folder that is empty or holds the file *marker* is replaced, so that a slip of the pen never deletes anything else.
    """
    path = replaceable_folder(path, marker=marker)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent))
    old = temporary.with_name(temporary.name + ".old")
    try:
        yield temporary
        mask = os.umask(0)
        os.umask(mask)
        temporary.chmod(0o777 & ~mask)  # mkdtemp makes private folders; a result is an ordinary one
        if path.exists():
            os.replace(path, old)
        try:
            os.replace(temporary, path)
        except OSError:
            if old.exists():
                os.replace(old, path)
            raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


def user_cache(name: str) -> Path:
    """Folder for files that can be made again at any time: ``$XDG_CACHE_HOME/hetero_xmodal/NAME``, by default below ``~/.cache``."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hetero_xmodal" / name


def write_text(path: str | Path, text: str) -> None:
    """Write UTF-8 text, replacing the file in one step."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: str | Path, value: Any) -> None:
    """Write a JSON file, replacing it in one step; NaN and infinity are refused."""
    write_text(path, json.dumps(value, ensure_ascii=False, indent=1, allow_nan=False) + "\n")


def read_json(path: str | Path, what: str = "JSON") -> Any:
    """Read a JSON file; a missing, empty or broken one is an :class:`InputError` that names it."""
    path = existing_file(path, what)
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise InputError(f"{what} file '{path}' is not readable as JSON ({error}); it may be truncated or of another format") from None


def existing_file(path: str | Path, what: str = "file") -> Path:
    """Return *path* as a Path if it is a file with something in it, else raise :class:`InputError`."""
    path = Path(path)
    if path.is_dir():
        raise InputError(f"{what} '{path}' is a folder; give a file")
    if not path.exists():
        raise InputError(f"{what} '{path}' does not exist; check the path")
    if path.stat().st_size == 0:
        raise InputError(f"{what} '{path}' is empty (0 bytes)")
    return path


def write_safetensors(path: str | Path, tensors: dict, metadata: dict[str, str] | None = None) -> None:
    """Write tensors as safetensors, replacing the file in one step."""
    from safetensors.torch import save_file

    with atomic_path(path) as temporary:
        save_file({k: v.contiguous() for k, v in tensors.items()}, str(temporary), metadata=metadata)


def read_safetensors(path: str | Path, what: str = "tensor file") -> tuple[dict, dict[str, str]]:
    """Read (memory-mapped) all tensors and the metadata of a safetensors file; a broken one is an :class:`InputError`."""
    from safetensors import SafetensorError, safe_open

    path = existing_file(path, what)
    try:
        with safe_open(str(path), framework="pt") as file:
            return {key: file.get_tensor(key) for key in file.keys()}, file.metadata() or {}
    except (SafetensorError, OSError, ValueError) as error:
        raise InputError(
            f"{what} '{path}' is not a readable safetensors file ({error}); it may be truncated or of another format"
        ) from None


@contextlib.contextmanager
def result_folder(folder: str | Path, *, holds: Iterable[str]) -> Iterator[Path]:
    """Give an empty temporary folder; on success what is in it moves into *folder*, on error *folder* has not changed.

    For folders that people name on the command line. *holds* are the names that the result consists of. An existing *folder* may hold
    such names (they are replaced) and nothing else: with anything else in it, it belongs to somebody and is refused before work starts.

    >>> import pathlib, tempfile
    >>> target = pathlib.Path(tempfile.mkdtemp()) / "result"
    >>> with result_folder(target, holds=["a.txt"]) as temporary:
    ...     _ = (temporary / "a.txt").write_text("whole")
    >>> sorted(path.name for path in target.iterdir())
    ['a.txt']
    """
    folder, names = Path(folder), set(holds)
    if folder.exists() and not folder.is_dir():
        raise InputError(f"output folder '{folder}' is a file; give the name of a folder")
    try:
        strangers = sorted(path.name for path in folder.iterdir() if path.name not in names) if folder.exists() else []
        if strangers:
            raise InputError(
                f"output folder '{folder}' already holds '{strangers[0]}', which is no file of this result; give a new or empty folder"
            )
        parent = folder.resolve().parent
        parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{folder.resolve().name}.", suffix=".tmp", dir=parent))
    except OSError as error:
        raise InputError(f"output folder '{folder}' cannot be written ({error.strerror or error}); give another folder") from None
    try:
        yield temporary
        if not folder.exists():
            mask = os.umask(0)
            os.umask(mask)
            temporary.chmod(0o777 & ~mask)  # mkdtemp makes private folders; a result is an ordinary one
            os.replace(temporary, folder)
        else:
            for name in sorted(names):  # a name that this result lacks was left by an earlier one
                target, made = folder / name, temporary / name
                if target.is_dir():
                    shutil.rmtree(target)
                elif not made.exists():
                    target.unlink(missing_ok=True)
                if made.exists():
                    os.replace(made, target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


class Saved:
    """A result that is a folder of files, whose names are *files*; the class has ``write(folder, dpi=150)``, which writes them."""

    files: ClassVar[tuple[str, ...]]

    def save(self, folder: str | Path, *, dpi: int = 150) -> list[Path]:
        """Write all *files* into *folder*, all or none; returns the paths."""
        with result_folder(folder, holds=self.files) as temporary:
            self.write(temporary, dpi=dpi)
        return [Path(folder) / name for name in self.files]
