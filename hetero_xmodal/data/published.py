"""What readers of published data sets share: options behind a folder's name, old encodings, columns of 0 and 1, test pairs by number.

>>> chosen = paper_split(["a", "b", "c", "d", "e"], test=1, val=1)
>>> sorted(chosen.values())
['test', 'train', 'train', 'train', 'val']
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np

from ..counts import LeftOut
from ..errors import InputError, nearest
from ..files import text_lines
from ..scenes import SceneGraph, SceneObject
from .source import Request, clean_text, id_hash

#: share of the pairs that are for the test where there are fewer than the papers had
_TEST_SHARE, _FEWEST = 0.08, 2
#: with fewer ids than this share allows the papers' numbers would take too many away from training
_MOST_SHARE = 0.25
#: bytes of lines read at a time, for a table of tags has 500 MB
_BLOCK = 2**24
_BLANK = np.isin(np.arange(256), list(b" \t\r\n"))


def with_options(request: Request, known: Mapping[str, Sequence[str]]) -> tuple[Request, dict[str, str]]:
    """The request with the folder alone, and what followed it: ``FOLDER,concepts=10``.

    Parameters
    ----------
    known : of each option the values that it takes; the first is taken where it is not given.

    Raises
    ------
    InputError : an unknown option or value.

    >>> request, options = with_options(Request("nus-wide:d,concepts=10", "nus-wide", "d,concepts=10"), {"concepts": ("21", "10")})
    >>> request.place, options
    ('d', {'concepts': '10'})
    """
    folder, *parts = request.place.split(",")
    chosen = {name: values[0] for name, values in known.items()}
    for part in parts:
        name, equals, value = part.partition("=")
        if not equals or name not in known:
            listed = ", ".join(f"{name}={'|'.join(values)}" for name, values in known.items())
            raise InputError(f"{request.name}: {part!r} is no option of this data set{nearest(name, known)}; known are {listed}")
        if value not in known[name]:
            raise InputError(f"{request.name}: {name} is {value!r}{nearest(value, known[name])}; it can be {', '.join(known[name])}")
        chosen[name] = value
    return replace(request, place=folder), chosen


def first_folder(places: Iterable[Path]) -> Path | None:
    """The first of these folders that exists."""
    return next((place for place in places if place.is_dir()), None)


def first_file(places: Iterable[Path], what: str) -> Path:
    """The first of these files that exists.

    Raises
    ------
    InputError : none does; the message names the first place.
    """
    places = list(places)
    found = next((place for place in places if place.is_file()), None)
    if found is None:
        raise InputError(f"{what} '{places[0]}' does not exist; check that the whole set was unpacked")
    return found


class OldTexts:
    """Reads text files of published sets: UTF-8 with or without byte order mark, otherwise Latin-1, which is counted.

    >>> OldTexts().notes()
    ()
    """

    def __init__(self) -> None:
        self._latin: dict[str, None] = {}  # a file may be read several times

    def lines(self, path: Path, what: str) -> list[str]:
        """The lines of a file, which may be empty; Windows line ends count as line ends.

        Raises
        ------
        InputError : there is no such file, or it cannot be read.
        """
        if path.exists() and not path.is_file():
            raise InputError(f"{what} '{path}' is no file but a folder, a pipe or a device; give a file")
        try:
            data = path.read_bytes()
        except OSError as error:
            raise InputError(f"{what} '{path}' cannot be read ({error.strerror or error}); check the path") from None
        try:
            data = data.removeprefix(b"\xef\xbb\xbf")
            text = data.decode("utf-8")
        except UnicodeDecodeError:
            text = data.decode("latin-1")
            self._latin[path.name] = None
        if "\0" in text:
            raise InputError(f"{what} '{path}' holds NUL characters; it is damaged, or not a text")
        return text_lines(text.replace("\r\n", "\n"))

    def notes(self) -> tuple[str, ...]:
        """A sentence about the files that were not UTF-8."""
        if not self._latin:
            return ()
        return (f"{len(self._latin)} text files are not UTF-8 and were read as Latin-1, the first is '{next(iter(self._latin))}'",)


class Tally:
    """Counts what is left out of images that are read one by one, each thing once, however often its image is read.

    Parameters
    ----------
    where : how the notes begin.

    >>> tally = Tally("'d'")
    >>> tally.add(LeftOut("box", "has", "have", "no area"), "a.jpg, box 3")
    >>> tally.add(LeftOut("box", "has", "have", "no area"), "a.jpg, box 3")
    >>> tally.notes()
    ("'d': 1 box has no area and is left out, the first is that of a.jpg, box 3",)
    """

    def __init__(self, where: str) -> None:
        self._where = where
        self._seen: dict[LeftOut, dict[str, None]] = {}

    def add(self, what: LeftOut, which: str) -> None:
        """Count *which*, left out because of *what*."""
        self._seen.setdefault(what, {})[which] = None

    def notes(self) -> tuple[str, ...]:
        """A sentence about each reason."""
        return tuple(f"{self._where}: {what.told(len(seen))}, the first is that of {next(iter(seen))}" for what, seen in self._seen.items())


def zeros_and_ones(path: Path, rows: int, columns: int = 1) -> np.ndarray:
    """A text file of 0 and 1, *columns* an image, as uint8 (rows, columns).

    Raises
    ------
    InputError : something else stands in it, or another number of values; the message names the first such line.
    """
    values, found, line = np.empty(rows * columns, np.uint8), 0, 1
    try:
        with path.open("rb") as file:
            if file.read(3) != b"\xef\xbb\xbf":
                file.seek(0)
            while lines := file.readlines(_BLOCK):
                some = _digits(b"".join(lines))
                if some is None:
                    line += next(k for k, text in enumerate(lines) if _digits(text) is None)
                    raise InputError(f"'{path}', line {line}: found something else than 0 and 1; download the file again")
                values[found : found + len(some)] = some[: max(0, len(values) - found)]
                found, line = found + len(some), line + len(lines)
    except OSError as error:
        raise InputError(f"'{path}' cannot be read ({error.strerror or error}); check the path") from None
    if found != len(values):
        raise InputError(f"'{path}' holds {found} values; expected {columns} for each of {rows} images, the lists do not belong together")
    return values.reshape(rows, columns)


def _digits(text: bytes) -> np.ndarray | None:
    """The values of a text of 0 and 1 between spaces; ``None`` if something else stands in it, "01" too."""
    data = np.frombuffer(text, np.uint8)
    digit = (data == ord("0")) | (data == ord("1"))
    if (digit[1:] & digit[:-1]).any() or not (digit | _BLANK[data]).all():
        return None
    return data[digit] - ord("0")


def paper_split(ids: Sequence[str], *, test: int = 2000, val: int = 2000, share: float = _TEST_SHARE) -> dict[str, str]:
    """Id -> split: *test* and *val* of them by the hash of their id, the rest for training; of few ids *share* each.

    The papers drew their test pairs at random and did not publish which; the hash gives the same ones on every machine.
    """
    few = max(_FEWEST, round(share * len(ids)))
    test, val = (size if size <= _MOST_SHARE * len(ids) else few for size in (test, val))
    order = sorted(ids, key=id_hash)
    return {id: "test" if k < test else "val" if k < test + val else "train" for k, id in enumerate(order)}


def whole_image(name: str, attributes: Sequence[str], id: str, size: tuple[int, int]) -> SceneGraph:
    """The scene graph of an image of one thing that fills it; ``source`` records that nobody drew the box."""
    box = (0.0, 0.0, float(size[0]), float(size[1]))
    return SceneGraph(
        [SceneObject(name, list(attributes), box)], size=size, id=id, source={"parser": "annotations", "boxes": "whole image"}
    )


def caption_file(path: Path, texts: OldTexts | None = None) -> tuple[str, ...]:
    """The captions of one image, one a line; UTF-8 or Latin-1, which *texts* counts.

    Raises
    ------
    InputError : the file cannot be read or holds no text.
    """
    lines = [clean_text(line) for line in (texts or OldTexts()).lines(path, "captions")]
    if not any(lines):
        raise InputError(f"captions '{path}' hold no line of text; expected one caption a line")
    return tuple(line for line in lines if line)


class FileTable:
    """Which files a folder holds, each folder listed once; for hundreds of thousands of names that is quicker than to ask for each."""

    def __init__(self) -> None:
        self._names = cache(_names_in)

    def has(self, path: Path) -> bool:
        """Whether there is a file of that name."""
        return path.name in self._names(path.parent)


def _names_in(folder: Path) -> frozenset[str]:
    try:
        with os.scandir(folder) as entries:
            return frozenset(entry.name for entry in entries if entry.is_file())
    except OSError:
        return frozenset()


def left_out(missing: Sequence[str], total: int, where: str) -> tuple[str, ...]:
    """A sentence about the images that lists name and the folder lacks."""
    if not missing:
        return ()
    return (f"{where}: {len(missing)} of {total} listed images are not there and are left out, the first is '{missing[0]}'",)
