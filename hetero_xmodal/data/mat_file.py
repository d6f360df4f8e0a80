"""The structure of ``.mat`` files, checked before scipy reads them: its reader trusts the tags, and a damaged one crashes the program.

A file of version 5 to 7 is a head of 128 bytes and a row of elements; each begins with a tag (type and number of bytes), and arrays are
elements that hold elements. One of version 4 is a row of arrays, each with a head of five whole numbers.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

from ..errors import InputError

_NUMBERS = {1: 1, 2: 1, 3: 2, 4: 2, 5: 4, 6: 4, 7: 4, 9: 8, 12: 8, 13: 8, 16: 1, 17: 2, 18: 4}  # type of numbers or text -> bytes of each
_MATRIX, _COMPRESSED = 14, 15
#: a compressed array that expands to more is refused
LARGEST = 2**32


def check_mat(path: Path) -> None:
    """Check every tag of a ``.mat`` file of the versions 4 to 7: its type, and that its bytes are there.

    Raises
    ------
    InputError : a tag that no such file has; the message says where it is.
    """
    data = path.read_bytes()
    if 0 in data[:4]:
        _check_old(data, path)
        return
    order = {b"IM": "<", b"MI": ">"}.get(data[126:128])
    if len(data) < 128 or order is None:
        raise _damaged(path, "it does not begin as a .mat file does")
    if data[124:126] in (b"\x00\x02", b"\x02\x00"):
        return  # version 7.3, which scipy refuses
    view = memoryview(data)
    for kind, start, end in _elements(view, 128, order, path, aligned=False):
        if kind == _COMPRESSED:
            expand = zlib.decompressobj()
            try:
                inside = memoryview(expand.decompress(view[start:end], LARGEST))
            except zlib.error as error:
                raise _damaged(path, f"what is compressed at byte {start} cannot be expanded: {error}") from None
            if expand.unconsumed_tail:
                raise _damaged(path, f"what is compressed at byte {start} expands to over {LARGEST:,} bytes")
            for what, first, last in _elements(inside, 0, order, path):
                _check_matrix(inside[first:last], what, order, path)
        else:
            _check_matrix(view[start:end], kind, order, path)


def _elements(data: memoryview, place: int, order: str, path: Path, *, aligned: bool = True) -> Iterator[tuple[int, int, int]]:
    """Type, first byte and end of every element of *data* from *place* on; in arrays they begin at multiples of eight bytes."""
    while place < len(data):
        if place + 8 > len(data):
            raise _damaged(path, f"the tag at byte {place} is cut short")
        kind, size = struct.unpack_from(f"{order}II", data, place)
        start = place + 8
        if kind >> 16:  # up to four bytes stand in the tag itself
            kind, size, start = kind & 0xFFFF, kind >> 16, place + 4
            if size > 4 or kind not in _NUMBERS:
                raise _damaged(path, f"the tag at byte {place} is of type {kind} with {size} bytes")
        elif kind not in _NUMBERS and kind not in (_MATRIX, _COMPRESSED):
            raise _damaged(path, f"the tag at byte {place} is of type {kind}, which there is not")
        if start + size > len(data):
            raise _damaged(path, f"the element at byte {place} has {size} bytes, of which {len(data) - start} are there")
        yield kind, start, start + size
        place = place + 8 if start == place + 4 else start + size + (-size % 8 if aligned else 0)


def _check_matrix(data: memoryview, kind: int, order: str, path: Path, depth: int = 0) -> None:
    """Check the elements of an array: flags, sizes, name, then as many as its class needs; arrays in it likewise."""
    if kind != _MATRIX:
        raise _damaged(path, f"it holds an element of type {kind} where an array is expected")
    if not len(data):  # an empty cell
        return
    if depth > 20:
        raise _damaged(path, "its arrays are nested more than 20 deep")
    parts = list(_elements(data, 0, order, path))
    kinds = [what for what, _, _ in parts]
    if kinds[:2] != [6, 5] or parts[0][2] - parts[0][1] != 8:
        raise _damaged(path, "an array does not begin with its flags and sizes")
    if any(what in _NUMBERS and (end - start) % _NUMBERS[what] for what, start, end in parts):
        raise _damaged(path, "an array has a part of a number")
    flags = struct.unpack_from(f"{order}I", data, parts[0][1])[0]
    sizes = struct.unpack_from(f"{order}{(parts[1][2] - parts[1][1]) // 4}i", data, parts[1][1])
    if len(sizes) < 2 or min(sizes) < 0:
        raise _damaged(path, f"an array has the sizes {sizes}")
    numbers, arrays = _wanted(data, flags, math.prod(sizes), parts, order, path)
    if [what in _NUMBERS for what in kinds] != [True] * numbers + [False] * arrays or _COMPRESSED in kinds:
        raise _damaged(path, f"an array of class {flags & 255} has {len(kinds)} parts, expected {numbers + arrays}")
    for what, start, end in parts[numbers:]:
        _check_matrix(data[start:end], what, order, path, depth + 1)


def _wanted(data: memoryview, flags: int, count: int, parts: list, order: str, path: Path) -> tuple[int, int]:
    """How many elements of numbers and, after them, how many arrays an array of *count* entries has."""
    kind, complex_numbers = flags & 255, flags >> 11 & 1
    if kind == 1:  # cells
        return 3, min(count, len(parts))
    if kind == 2 and len(parts) > 4:  # structs: the width of a field's name, the names, then the fields of every entry
        width = data[parts[3][1] : parts[3][2]]
        names, one = parts[4][2] - parts[4][1], struct.unpack(f"{order}i", width)[0] if len(width) == 4 else 0
        if one > 0 and names % one == 0:
            return 5, min(count * (names // one), len(parts))
    if kind == 4:  # text
        return 4, 0
    if kind == 5 and [what for what, _, _ in parts[3:5]] == [5, 5]:  # sparse: rows and columns are 32-bit whole numbers
        return 6 + complex_numbers, 0
    if 6 <= kind <= 15:
        return 4 + complex_numbers, 0
    raise _damaged(path, f"it holds an array of class {kind}; save matrices of numbers alone")


def _check_old(data: bytes, path: Path) -> None:
    place = 0
    while place < len(data):
        if place + 20 > len(data):
            raise _damaged(path, f"the head at byte {place} is cut short")
        order = "<" if struct.unpack_from("<I", data, place)[0] < 5000 else ">"
        kind, rows, columns, imaginary, name = struct.unpack_from(f"{order}5i", data, place)
        width = {0: 8, 1: 4, 2: 4, 3: 2, 4: 2, 5: 1}.get(kind // 10 % 10)
        if not 0 <= kind < 5000 or width is None or min(rows, columns) < 0 or imaginary not in (0, 1) or not 0 < name < 1000:
            raise _damaged(path, f"the head at byte {place} describes no array")
        place += 20 + name + rows * columns * width * (1 + imaginary)
    if place != len(data):
        raise _damaged(path, f"{place - len(data)} bytes are missing at its end")


def _damaged(path: Path, why: str) -> InputError:
    return InputError(f"feature file '{path}' cannot be read ({why}); it may be truncated, damaged or of another format")
