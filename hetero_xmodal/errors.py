"""The exceptions that users see; each message is one sentence: what is wrong, where, the value found, what to do."""

from __future__ import annotations

from collections.abc import Iterable

#: characters of a message
LONGEST = 900
_BREAKS = frozenset("\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029\0")


class InputError(ValueError):
    """An argument, a file or a setting cannot be used.

    The command line prints the message and exits with code 2; in Python it is a ``ValueError``.

    >>> raise InputError("image 'a.png' is empty (0 bytes); give an image file")
    Traceback (most recent call last):
    ...
    hetero_xmodal.errors.InputError: image 'a.png' is empty (0 bytes); give an image file

    A message may quote what was found in a file: line breaks in it are shown as escapes, and the middle of a very long one is left out.

    >>> str(InputError("category 'a\\nb' is unknown")), len(str(InputError("x" * 100_000)))
    ("category 'a\\\\nb' is unknown", 900)
    """

    def __init__(self, message: object) -> None:
        text = "".join(c.encode("unicode_escape").decode() if c in _BREAKS else c for c in str(message))
        super().__init__(text if len(text) <= LONGEST else f"{text[: LONGEST // 2]} ... {text[5 - LONGEST // 2 :]}")


class MissingPackageError(ImportError):
    """A package that this call needs is missing or broken; the message names the command that installs it.

    >>> raise MissingPackageError("DGL is missing; install it with: pip install dgl==1.1.3 packaging")
    Traceback (most recent call last):
    ...
    hetero_xmodal.errors.MissingPackageError: DGL is missing; install it with: pip install dgl==1.1.3 packaging
    """


def nearest(word: object, choices: Iterable[object]) -> str:
    """Return ``" (did you mean 'x'?)"`` for the choice closest to *word*, or an empty string if none is close.

    >>> nearest("birsd", ["birds", "scenes"])
    " (did you mean 'birds'?)"
    >>> nearest("zzz", ["birds", "scenes"])
    ''
    """
    import difflib

    close = difflib.get_close_matches(str(word), [str(c) for c in choices], n=1, cutoff=0.6)
    return f" (did you mean '{close[0]}'?)" if close else ""
