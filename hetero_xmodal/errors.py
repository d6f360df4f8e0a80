"""The exceptions that users see; each message is one sentence: what is wrong, where, the value found, what to do."""

from __future__ import annotations

from collections.abc import Iterable


class InputError(ValueError):
    """An argument, a file or a setting cannot be used.

    The command line prints the message and exits with code 2; in Python it is a ``ValueError``.

    >>> raise InputError("image 'a.png' is empty (0 bytes); give an image file")
    Traceback (most recent call last):
    ...
    hetero_xmodal.errors.InputError: image 'a.png' is empty (0 bytes); give an image file
    """


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
