"""Word vectors as text, a word and its numbers a line, as GloVe and fastText are published."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np

from ..errors import InputError
from ..files import existing_file

_PARTS = re.compile(r"[^\W_]+")


def read_word_vectors(path: str | Path, words: Collection[str]) -> dict[str, np.ndarray]:
    """The vectors of *words* in a text file, each float32 (d,); words that it lacks are left out.

    The file is read line by line, and only lines of *words* are parsed, so that a file of gigabytes needs little memory. A first line
    of two numbers, as fastText writes it, is skipped; a word may contain spaces, as some of ``glove.840B`` do. Of a word that stands
    there twice the first line counts.

    Raises
    ------
    InputError : no such file, one that is not UTF-8 text, or a line of one of *words* whose numbers are not as many as those of the
        others, or not finite.
    """
    path, wanted, found = existing_file(path, "word vector file"), set(words), {}
    width = None
    try:
        with open(path, encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                parts = line.rstrip("\n").split(" ")
                if number == 1 and len(parts) == 2:
                    continue
                if width is None:
                    width = _width(parts)
                word = " ".join(parts[: len(parts) - width]) if width else ""
                if word not in wanted or word in found:
                    continue
                found[word] = _vector(parts[len(parts) - width :], f"word vectors '{path}', line {number}")
                if len(found) == len(wanted):
                    break
    except UnicodeDecodeError:
        raise InputError(f"word vector file '{path}' is not UTF-8 text; give the text file of GloVe or fastText") from None
    if not width:
        raise InputError(f"word vector file '{path}' has no line of a word and its numbers; it may be truncated or of another format")
    return found


def vectors_of_names(path: str | Path, names: Sequence[str]) -> np.ndarray:
    """One vector for each of *names*, float32 (names, d): the mean of the vectors of its words, in lower case.

    Raises
    ------
    InputError : a name without any word, a word that the file lacks, and what :func:`read_word_vectors` refuses.
    """
    split = [_PARTS.findall(name.lower()) for name in names]
    empty = [name for name, words in zip(names, split, strict=True) if not words]
    if empty:
        raise InputError(f"label {empty[0]!r} has no word to look up; give label vectors as a .mat file")
    found = read_word_vectors(path, {word for words in split for word in words})
    for name, words in zip(names, split, strict=True):
        for word in words:
            if word not in found:
                raise InputError(f"word vectors '{path}' lack {word!r}, of label {name!r}; give a file with more words, or a .mat file")
    return np.stack([np.mean([found[word] for word in words], axis=0) for words in split]).astype(np.float32)


def _width(parts: Sequence[str]) -> int:
    """How many numbers the first line ends with: all but its word, and at least two."""
    count = 0
    for part in reversed(parts[1:]):
        try:
            float(part)
        except ValueError:
            break
        count += 1
    return count if count >= 2 else 0


def _vector(parts: Sequence[str], where: str) -> np.ndarray:
    try:
        vector = np.array([float(part) for part in parts], dtype=np.float32)
    except ValueError:
        raise InputError(f"{where}: found a text among the numbers; the file may be damaged") from None
    if not np.isfinite(vector).all():
        raise InputError(f"{where}: found NaN or infinity, expected finite numbers")
    return vector
