"""What the command line says of an error: one sentence in the words of the command line, and an exit code."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

#: an error of the system that means that there is no room for what is written
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
#: the same in the words of libraries that write files themselves, such as safetensors and torch
_FULL_WORDS = (
    "no space left on device", "disk quota exceeded", "file too large", "os error 28", "os error 27", "pytorchstreamwriter failed",
    "inline_container.cc", "basic_ios::clear: iostream error",
)  # fmt: skip
#: keyword arguments of the Python interface whose option has another name
_KEYWORDS = {"limit": "--size", "method": "--row"}
#: options whose value is where a command writes
_WRITTEN = ("out",)


def explained(error: BaseException, parameters: Any = None) -> tuple[str, int]:
    """One sentence about *error*, and the exit code.

    Parameters
    ----------
    error : what ended the command.
    parameters : name of a parameter -> its value, of the command that was run; None before one was found.
    """
    from ..errors import InputError, MissingPackageError

    parameters = parameters or {}
    if isinstance(error, InputError | MissingPackageError) and not is_full(error):
        return in_options(str(error), parameters), 2
    if hasattr(error, "format_message"):  # what the parser of the command line raises
        context = getattr(error, "ctx", None)
        sentence = error.format_message().rstrip(".") or "give one of the commands above"
        return f"{sentence}; see: {context.command_path if context else 'hetero-xmodal'} --help", 2
    if is_full(error):
        return f"disk full at '{_full_place(error, parameters)}' ({_reason(error)}); free some space or choose another folder", 2
    if isinstance(error, OSError) and error.filename is not None:
        return f"'{error.filename}': {error.strerror or error}", 2
    if isinstance(error, OSError) and error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        return f"{_place(parameters)} cannot be written ({error.strerror}); choose another folder", 2
    if isinstance(error, MemoryError):
        return "there is not enough memory for this; give less data or a smaller batch", 2
    return f"a fault in this package ({type(error).__name__}: {error}); --debug shows where, please report it", 1


def in_options(sentence: str, parameters: Iterable[str]) -> str:
    """A message of the Python interface in the words of the command line: keyword arguments and settings become options.

    >>> in_options("score_threshold is 2; give a number in 0..1", ["score_threshold"])
    '--score-threshold is 2; give a number in 0..1'
    >>> in_options("DAGNNConfig: hops is 0, expected at least 1", [])
    '--set hops is 0, expected at least 1'
    >>> in_options("DAGNNConfig.hops is 'x', expected a whole number", [])
    "--set hops is 'x', expected a whole number"
    """
    sentence = re.sub(r"^(?:\w+Config|\w+Training)\.(\w+) is ", r"--set \1 is ", sentence)
    sentence = re.sub(r"^(?:\w+Config|\w+Training): (\w+) is ", r"--set \1 is ", sentence)
    names = {name: "--" + name.replace("_", "-") for name in parameters}
    for keyword, option in _KEYWORDS.items():
        if option.removeprefix("--") in names:
            names.setdefault(keyword, option)
    for name, option in names.items():
        sentence = re.sub(rf"^{name}(?= (?:is|are|was|takes|goes)\b)", option, sentence)
        sentence = re.sub(rf"\b{name}=(?:'([^']*)'|(True)|(\d+))", lambda m, option=option: _given(option, m), sentence)
    return re.sub(r" \(\w+=(?:\w+)?\)", "", sentence)


def _given(option: str, match: re.Match[str]) -> str:
    value = match.group(1) or match.group(3)
    return option if value is None else f"{option} {value}"


def is_full(error: BaseException) -> bool:
    """Whether *error*, or one that led to it, says that nothing more can be written."""
    return any(
        (isinstance(one, OSError) and one.errno in FULL)
        or (not isinstance(one, OSError) and any(word in str(one).lower() for word in _FULL_WORDS))
        for one in _chain(error)
    )


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    one: BaseException | None = error
    while one is not None and id(one) not in seen:
        seen.add(id(one))
        yield one
        one = one.__cause__ or one.__context__


def _reason(error: BaseException) -> str:
    """The system's words for *error*."""
    numbers = [one.errno for one in _chain(error) if isinstance(one, OSError) and one.errno in FULL]
    text = str(error).lower()
    number = numbers[0] if numbers else errno.EFBIG if "27" in text or "too large" in text else errno.ENOSPC
    return os.strerror(number)


def _full_place(error: BaseException, parameters: Any) -> str:
    """The file that could not be written, or else the folder on the fullest of the disks that a command writes to."""
    import shutil
    import tempfile

    for one in _chain(error):
        if isinstance(one, OSError) and one.errno in FULL and one.filename is not None:
            return str(one.filename)
    from ..files import user_cache

    outs = [Path(str(parameters[name])) for name in _WRITTEN if parameters.get(name)]
    places = [*outs, user_cache(""), Path(tempfile.gettempdir())]
    free = []
    for place in places:
        there = next((folder for folder in (place.absolute(), *place.absolute().parents) if folder.exists()), Path("/"))
        free.append(shutil.disk_usage(there).free)
    least = min(range(len(places)), key=lambda k: (free[k] > 1_000_000, k))
    return str(places[least])


def _place(parameters: Any) -> str:
    out = next((str(parameters[name]) for name in _WRITTEN if parameters.get(name)), None)
    return "a file" if out is None else f"'{out}'"


def empty_argument(words: Sequence[str], parameters: Mapping[str, Any]) -> str | None:
    """A sentence about an empty word of the command line, which as a path would mean the folder that the command is run in.

    Parameters
    ----------
    words : the command line.
    parameters : name of a parameter as it is shown -> its value; see :func:`~hetero_xmodal.cli.main.given`.

    Returns
    -------
    None if no word is empty.

    >>> empty_argument(["graph", "", "a dog"], {"IMAGE": Path(""), "SENTENCE": "a dog"})
    'IMAGE is empty; give a value'
    """
    for number, word in enumerate(words):
        option, sign, value = word.partition("=")
        if sign and option.startswith("--") and not value.strip():
            return f"{option} is empty; give a value, or leave the option out"
        if not word.strip() and number and words[number - 1].startswith("--"):
            return f"{words[number - 1]} is empty; give a value, or leave the option out"
        if not word.strip():
            names = [name for name, found in parameters.items() if not str(found).strip() or str(found) == "."]
            return f"{names[0] if names else 'an argument of the command'} is empty; give a value"
    return None
