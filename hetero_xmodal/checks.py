"""Checks of single arguments, made before anything heavy is imported and before work starts.

>>> check_count("size", 3), check_count("size", None)
(3, None)
>>> check_choice("split", "tset", ("train", "val", "test"))
Traceback (most recent call last):
...
hetero_xmodal.errors.InputError: split is 'tset' (did you mean 'test'?); give train, val or test
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from .errors import InputError, nearest


def check_count(name: str, value: Any, *, least: int = 1, most: int | None = None) -> int | None:
    """*value*, if it is a whole number in range, or None, which stands for an option that was left out.

    Raises
    ------
    InputError : anything else, a truth value included.
    """
    fits = value is None or (isinstance(value, int) and not isinstance(value, bool) and value >= least and (most is None or value <= most))
    if not fits:
        limit = f"of at least {least}" if most is None else f"from {least} to {most:,}"
        raise InputError(f"{name} is {value!r}; give a whole number {limit}")
    return value


def check_choice(name: str, value: Any, known: Iterable[Any], *, why: str = "") -> Any:
    """*value*, if it is one of *known*, or None, which stands for an option that was left out; *why* is added to the message.

    Raises
    ------
    InputError : anything else; the message names the nearest choice.
    """
    choices = list(known)
    if value is not None and value not in choices:
        raise InputError(f"{name} is {value!r}{nearest(value, choices)}; give {listed(choices)}{why}")
    return value


def check_seed(value: Any) -> int | None:
    """*value*, if it is a seed: a whole number from 0 to 2^63 - 1, beyond which torch takes none.

    Raises
    ------
    InputError : anything else.
    """
    return check_count("seed", value, least=0, most=2**63 - 1)


def check_sentence(sentence: Any) -> str:
    """*sentence*, if it is a text with something in it.

    Raises
    ------
    InputError : another type, or blank.
    """
    if not isinstance(sentence, str) or not sentence.strip():
        what = "is empty" if isinstance(sentence, str) else f"is {sentence!r}"
        raise InputError(f"the sentence {what}; give an English sentence")
    return sentence


def given_path(name: str, path: str | Path) -> Path:
    """*path*, if it is not empty: an empty text would mean the folder that the command is run in.

    Raises
    ------
    InputError : an empty text.
    """
    if not str(path).strip():
        raise InputError(f"{name} is empty; give a path")
    return Path(path)


def check_unused(why: str, **options: Any) -> None:
    """Refuse *options* that were given (are not None) although nothing would read them; *why* is put behind their name.

    Raises
    ------
    InputError : an option that was given.

    >>> check_unused("is not used by mimnet, which has no text decoder", beam=None)
    """
    for name, value in options.items():
        if value is not None:
            raise InputError(f"{name} {why}; leave it out")


def listed(words: Iterable[Any]) -> str:
    """Words as English lists them, in quotes where one of them holds a comma or a space.

    >>> listed(["train", "val", "test"])
    'train, val or test'
    """
    named = [str(word) for word in words]
    if any(" " in word for word in named):
        named = [repr(word) for word in named]
    *first, last = named
    return f"{', '.join(first)} or {last}" if first else last
