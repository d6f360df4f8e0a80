"""JSON, text and safetensors: written atomically, read without executing anything."""

from __future__ import annotations

import errno
import json
import os
import re
import zipfile
from collections import Counter
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InputError
from .atomic import atomic_path

if TYPE_CHECKING:
    import torch


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


def read_json(path: str | Path, what: str = "JSON") -> Any:
    """Read a JSON file, with or without a byte order mark; *what* names its role in error messages.

    Raises
    ------
    InputError
        If the file is missing, empty or not valid JSON, gives a key twice in one object (of which :mod:`json` alone would keep the last),
        is nested too deeply, has a number of too many digits, or does not fit into memory.
    """
    path = existing_file(path, what)
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"), object_pairs_hook=partial(_object, f"{what} file '{path}'"))
    except InputError:
        raise
    except RecursionError:
        raise InputError(f"{what} file '{path}' is not readable as JSON (it is nested too deeply); is it of another format?") from None
    except MemoryError:
        raise InputError(f"{what} file '{path}' does not fit into memory ({path.stat().st_size} bytes); split it") from None
    except ValueError as error:  # UnicodeDecodeError and JSONDecodeError are such, and so is a number of too many digits
        raise InputError(f"{what} file '{path}' is not readable as JSON ({error}); it may be truncated or of another format") from None


def _object(where: str, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = next(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)
        raise InputError(f"{where} gives the key {twice!r} twice in one object; keep one")
    return found


def read_text(path: str | Path, what: str = "text") -> str:
    """Read a UTF-8 text file, with or without a byte order mark; *what* names its role in error messages.

    Raises
    ------
    InputError
        If the file is missing, empty, not UTF-8, or holds NUL characters.
    """
    path = existing_file(path, what)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(f"{what} file '{path}' is not UTF-8 text; save it as UTF-8") from None
    if "\0" in text:  # UTF-16, or a file whose blocks were lost
        raise InputError(f"{what} file '{path}' holds NUL characters; it is damaged, or not UTF-8: save it as UTF-8")
    return text


def text_lines(text: str) -> list[str]:
    """The lines of a text: only a line feed ends a line (:func:`read_text` makes one of every ``\\r\\n``).

    Unlike :meth:`str.splitlines`, which also splits at form feeds, U+2028 and others that stand inside sentences.

    >>> text_lines("a red\\u2028dog\\na cat\\n")
    ['a red\\u2028dog', 'a cat']
    """
    return text.removesuffix("\n").split("\n") if text else []


def path_exists(path: str | Path) -> bool:
    """Whether there is a file or folder *path*; a name that is longer than a file system allows is none, and no error.

    >>> path_exists("."), path_exists("a" * 5000)
    (True, False)
    """
    try:
        return Path(path).exists()
    except OSError as error:
        if error.errno != errno.ENAMETOOLONG:
            raise
        return False


def existing_file(path: str | Path, what: str = "file") -> Path:
    """Return *path* as a :class:`~pathlib.Path`; *what* names its role in error messages.

    Raises
    ------
    InputError
        If it does not exist, is a folder, a pipe or a device, or is empty.
    """
    path = Path(path)
    if not path_exists(path):
        raise InputError(f"{what} '{path}' does not exist; check the path")
    if path.is_dir():
        raise InputError(f"{what} '{path}' is a folder; give a file")
    if not path.is_file():  # reading a pipe may wait for ever, a device never ends
        raise InputError(f"{what} '{path}' is a pipe or a device; give a file")
    if path.stat().st_size == 0:
        raise InputError(f"{what} '{path}' is empty (0 bytes)")
    return path


def write_safetensors(path: str | Path, tensors: dict, metadata: dict[str, str] | None = None) -> None:
    """Write named tensors to a safetensors file atomically.

    The format cannot express shared memory: tied weights and overlapping views are written once for each name, and are separate tensors
    when they are read back.

    Raises
    ------
    OSError
        If the file cannot be written, for example because the disk is full.
    """
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    apart = {name: tensor.contiguous() for name, tensor in tensors.items()}
    last: dict[torch.device, int] = {}  # device -> end of the memory of the tensors seen so far
    for name, tensor in sorted(apart.items(), key=lambda item: item[1].data_ptr()):
        start, end = tensor.data_ptr(), tensor.data_ptr() + tensor.nbytes
        if start < last.get(tensor.device, 0):
            apart[name] = tensor.clone()
        last[tensor.device] = max(end, last.get(tensor.device, 0))
    with atomic_path(path) as temporary:
        try:
            save_file(apart, str(temporary), metadata=metadata)
        except SafetensorError as error:  # the library hides the operating system's error in its text: "... (os error 28)"
            number = re.search(r"os error (\d+)", str(error))
            if number is None:
                raise
            raise OSError(int(number[1]), os.strerror(int(number[1])), str(path)) from None


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


def is_whole_archive(path: str | Path) -> bool:
    """Whether *path* is a ZIP archive, such as ``torch.save`` writes, all entries of which have the checksums that stand in it.

    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "a.pt"
    >>> _ = path.write_bytes(b"half")
    >>> is_whole_archive(path)
    False
    """
    try:
        with zipfile.ZipFile(path) as file:
            return file.testzip() is None
    except OSError as error:
        if error.errno == errno.EINVAL:  # an entry that lies, by the damaged list of contents, before the file's beginning
            return False
        raise
    except Exception:  # a damaged archive ends in any error there is
        return False
