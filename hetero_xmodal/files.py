"""Atomic writing and safe reading of files: no partial results, and nothing in a file that is read gets executed."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from .errors import InputError

if TYPE_CHECKING:
    import torch


@contextlib.contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path in the same folder; it replaces *path* atomically on success and is deleted on error.

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
        temporary.chmod(0o666 & ~mask)  # mkstemp creates private files; results get the usual permissions
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def replaceable_folder(path: str | Path, *, marker: str) -> Path:
    """Return *path* if :func:`atomic_folder` may replace it: it does not exist, is empty, or contains the file *marker*.

    Raises
    ------
    InputError
        If *path* is a file, or a folder with other files in it.
    """
    path = Path(path)
    if path.exists() and not path.is_dir():
        raise InputError(f"'{path}' is a file; give the name of a folder to write")
    if path.is_dir() and any(path.iterdir()) and not (path / marker).exists():
        raise InputError(f"folder '{path}' holds other files (no {marker}); give a new or empty folder")
    return path


@contextlib.contextmanager
def atomic_folder(path: str | Path, *, marker: str) -> Iterator[Path]:
    """Yield a temporary folder next to *path*; it replaces *path* on success and is deleted on error.

    Only a folder that is empty or contains the file *marker* is replaced, so that a mistyped path never deletes anything else.

    Raises
    ------
    InputError
        If *path* is a file, or a folder with other files in it.
    """
    path = replaceable_folder(path, marker=marker)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent))
    old = temporary.with_name(temporary.name + ".old")
    try:
        yield temporary
        mask = os.umask(0)
        os.umask(mask)
        temporary.chmod(0o777 & ~mask)  # mkdtemp creates private folders; results get the usual permissions
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
    """Write a UTF-8 text file atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: str | Path, value: Any) -> None:
    """Write a JSON file atomically.

    Raises
    ------
    ValueError
        If *value* contains NaN or infinity, which JSON cannot represent.
    """
    text = json.dumps(value, ensure_ascii=False, indent=1, allow_nan=False) + "\n"
    # a lone surrogate, which UTF-8 cannot write, becomes JSON's own escape and is read back as it was
    write_text(path, text.encode("utf-8", "backslashreplace").decode("utf-8"))


def read_json(path: str | Path, what: str = "JSON", *, object_pairs_hook: Callable[[list[tuple[str, Any]]], Any] | None = None) -> Any:
    """Read a JSON file, with or without a byte order mark; *what* names its role in error messages.

    Parameters
    ----------
    object_pairs_hook : as of :func:`json.loads`; what it raises as :class:`~hetero_xmodal.errors.InputError` is passed on.

    Raises
    ------
    InputError
        If the file is missing, empty or not valid JSON, is nested too deeply, has a number of too many digits, or does not fit into memory.
    """
    path = existing_file(path, what)
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"), object_pairs_hook=object_pairs_hook)
    except InputError:
        raise
    except RecursionError:
        raise InputError(f"{what} file '{path}' is not readable as JSON (it is nested too deeply); is it of another format?") from None
    except MemoryError:
        raise InputError(f"{what} file '{path}' does not fit into memory ({path.stat().st_size} bytes); split it") from None
    except ValueError as error:  # UnicodeDecodeError and JSONDecodeError are such, and so is a number of too many digits
        raise InputError(f"{what} file '{path}' is not readable as JSON ({error}); it may be truncated or of another format") from None


def read_text(path: str | Path, what: str = "text") -> str:
    """Read a UTF-8 text file, with or without a byte order mark; *what* names its role in error messages.

    Raises
    ------
    InputError
        If the file is missing, empty or not UTF-8.
    """
    path = existing_file(path, what)
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(f"{what} file '{path}' is not UTF-8 text; save it as UTF-8") from None


def text_lines(text: str) -> list[str]:
    """The lines of a text: only a line feed ends a line (:func:`read_text` makes one of every ``\\r\\n``).

    Unlike :meth:`str.splitlines`, which also splits at form feeds, U+2028 and others that stand inside sentences.

    >>> text_lines("a red\\u2028dog\\na cat\\n")
    ['a red\\u2028dog', 'a cat']
    """
    return text.removesuffix("\n").split("\n") if text else []


def existing_file(path: str | Path, what: str = "file") -> Path:
    """Return *path* as a :class:`~pathlib.Path`; *what* names its role in error messages.

    Raises
    ------
    InputError
        If it does not exist, is a folder, or is empty.
    """
    path = Path(path)
    if path.is_dir():
        raise InputError(f"{what} '{path}' is a folder; give a file")
    if not path.exists():
        raise InputError(f"{what} '{path}' does not exist; check the path")
    if path.stat().st_size == 0:
        raise InputError(f"{what} '{path}' is empty (0 bytes)")
    return path


def write_safetensors(path: str | Path, tensors: dict, metadata: dict[str, str] | None = None) -> None:
    """Write named tensors to a safetensors file atomically.

    The format cannot express shared memory: tied weights and overlapping views are written once for each name, and are separate tensors
    when they are read back.
    """
    from safetensors.torch import save_file

    apart = {name: tensor.contiguous() for name, tensor in tensors.items()}
    last: dict[torch.device, int] = {}  # device -> end of the memory of the tensors seen so far
    for name, tensor in sorted(apart.items(), key=lambda item: item[1].data_ptr()):
        start, end = tensor.data_ptr(), tensor.data_ptr() + tensor.nbytes
        if start < last.get(tensor.device, 0):
            apart[name] = tensor.clone()
        last[tensor.device] = max(end, last.get(tensor.device, 0))
    with atomic_path(path) as temporary:
        save_file(apart, str(temporary), metadata=metadata)


def read_safetensors(path: str | Path, what: str = "tensor file") -> tuple[dict, dict[str, str]]:
    """Read the tensors (memory-mapped) and the metadata of a safetensors file; *what* names its role in error messages.

    Raises
    ------
    InputError
        If the file is missing, empty, truncated or of another format.
    """
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
    """Yield an empty temporary folder whose contents move into *folder* on success; on error *folder* is left unchanged.

    For output folders named on the command line. *holds* are the file names that the result may consist of. An existing *folder* may
    contain those names (they are replaced) and nothing else; any other file in it is refused before work starts.

    >>> import pathlib, tempfile
    >>> target = pathlib.Path(tempfile.mkdtemp()) / "result"
    >>> with result_folder(target, holds=["a.txt"]) as temporary:
    ...     _ = (temporary / "a.txt").write_text("whole")
    >>> sorted(path.name for path in target.iterdir())
    ['a.txt']

    Raises
    ------
    InputError
        If *folder* is a file, contains other files, or cannot be written.
    """
    folder, names = Path(folder), set(holds)
    if folder.exists() and not folder.is_dir():
        raise InputError(f"output folder '{folder}' is a file; give the name of a folder")
    try:
        others = sorted(path.name for path in folder.iterdir() if path.name not in names) if folder.exists() else []
        if others:
            raise InputError(
                f"output folder '{folder}' already holds '{others[0]}', which is no file of this result; give a new or empty folder"
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
            temporary.chmod(0o777 & ~mask)  # mkdtemp creates private folders; results get the usual permissions
            os.replace(temporary, folder)
        else:
            for name in sorted(names):  # names that are missing from this result were left by an earlier one
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
    """Base class of results that are saved as a folder of files; subclasses set :attr:`files` and implement :meth:`write`."""

    #: names of the files that :meth:`write` creates
    files: ClassVar[tuple[str, ...]]

    def write(self, folder: Path, *, dpi: int = 150) -> None:
        """Write every file of :attr:`files` into the existing *folder*; figures with *dpi* dots per inch."""
        raise NotImplementedError

    def save(self, folder: str | Path, *, dpi: int = 150) -> list[Path]:
        """Write :attr:`files` into *folder*, all of them or none, and return their paths.

        Raises
        ------
        InputError
            If *folder* is a file, contains other files, or cannot be written.
        """
        with result_folder(folder, holds=self.files) as temporary:
            self.write(temporary, dpi=dpi)
        return [Path(folder) / name for name in self.files]
