"""Ways to damage a file. ``DAMAGES`` is the table: a new way is one row.

Every damage is a function from the file's bytes and a random generator to other bytes, or ``None`` where it does not fit the file; the
same seed gives the same damage.
"""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

#: a reader that executes what stands in a file makes this file in the working folder
EXECUTED = "executed-by-a-reader"


@dataclass(frozen=True)
class Damage:
    """One way to damage a file.

    name : of the damage, in reports
    change : function (bytes, random generator) -> bytes, or None if it does not fit
    endings : suffixes of the files it fits; empty for all
    harmless : another spelling of the same contents: the reader gives the same payload or refuses the file
    """

    name: str
    change: Callable[[bytes, Random], bytes | None]
    endings: tuple[str, ...] = ()
    harmless: bool = False

    def fits(self, path: Path) -> bool:
        """Whether the file has one of the endings."""
        return not self.endings or path.suffix.lower() in self.endings


# ---------------------------------------------------------------------------------------------- bytes


def _flip(data: bytes, rng: Random) -> bytes:
    place = rng.randrange(len(data))
    return data[:place] + bytes([data[place] ^ 1 << rng.randrange(8)]) + data[place + 1 :]


def _flip_early(data: bytes, rng: Random) -> bytes:
    """In the first 200 bytes, where formats keep their heads."""
    return _flip(data[:200], rng) + data[200:]


def _flips(data: bytes, rng: Random) -> bytes:
    for _ in range(20):
        data = _flip(data, rng)
    return data


def _cut(data: bytes, rng: Random) -> bytes:
    return data[: rng.randrange(len(data))]


def _cut_end(data: bytes, rng: Random) -> bytes:
    return data[: -rng.randint(1, min(8, len(data)))]


def _insert(data: bytes, rng: Random) -> bytes:
    place = rng.randrange(len(data) + 1)
    return data[:place] + rng.randbytes(rng.randint(1, 40)) + data[place:]


def _double(data: bytes, rng: Random) -> bytes:
    start = rng.randrange(len(data))
    end = min(len(data), start + rng.randint(1, 400))
    return data[:end] + data[start:]


def _zeros(data: bytes, rng: Random) -> bytes:
    start = rng.randrange(len(data))
    end = min(len(data), start + rng.randint(1, 4096))
    return data[:start] + bytes(end - start) + data[end:]


def _huge_head(data: bytes, rng: Random) -> bytes:
    """The first eight bytes, where safetensors keeps the length of its head, become a huge number."""
    return rng.choice([2**40, 2**63, 2**64 - 1, 2**31]).to_bytes(8, "little") + data[8:]


class _Executes:
    def __reduce__(self) -> tuple[Any, ...]:
        return open, (EXECUTED, "w")


def _pickle(data: bytes, rng: Random) -> bytes:
    return pickle.dumps(_Executes(), protocol=2)


def _npy_of_objects(data: bytes, rng: Random) -> bytes:
    head = b"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }".ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head + pickle.dumps([_Executes()], protocol=2)


def _npy_head(data: bytes, rng: Random) -> bytes | None:
    """Another shape or another kind of numbers in the head of a .npy file."""
    start, end = data.find(b"("), data.find(b")")
    if not data.startswith(b"\x93NUMPY") or not 0 < start < end < 200:
        return None
    shape = rng.choice([b"(-1,)", b"(99999999999,)", b"(3,-2)", b"(1e3,)", b"()", b"(" + b"9" * 60 + b",)", b"('a',)"])
    head = (data[:start] + shape + data[end + 1 :])[: len(data)]
    return head


# ---------------------------------------------------------------------------------------------- text and JSON


def _bom(data: bytes, rng: Random) -> bytes | None:
    return None if data.startswith(b"\xef\xbb\xbf") else b"\xef\xbb\xbf" + data


def _crlf(data: bytes, rng: Random) -> bytes | None:
    return None if b"\r" in data else data.replace(b"\n", b"\r\n")


def _utf16(data: bytes, rng: Random) -> bytes | None:
    return data.decode("utf-8", "replace").encode(rng.choice(["utf-16", "utf-16-le", "utf-32"]))


def _latin1(data: bytes, rng: Random) -> bytes:
    place = rng.randrange(len(data))
    return data[:place] + rng.choice([b"\xe9", b"\xff", b"\x80", b"\xc3", b"\xed\xa0\x80"]) + data[place:]


def _odd_character(data: bytes, rng: Random) -> bytes:
    place = rng.randrange(len(data))
    while place and data[place] & 0xC0 == 0x80:  # not inside a character
        place -= 1
    return data[:place] + rng.choice(["\0", "\f", "\u2028", "\x85", "\r", '"', "\t", "\u202e", ","]).encode() + data[place:]


def _long_line(data: bytes, rng: Random) -> bytes:
    return data + rng.choice([b"9", b"a", b",", b'"', b" "]) * 300_000


def _swapped_lines(data: bytes, rng: Random) -> bytes | None:
    lines = data.splitlines(keepends=True)
    if len(lines) < 3:
        return None
    a, b = rng.sample(range(len(lines)), 2)
    lines[a] = rng.choice([lines[b], b"", b"\n", lines[a] + lines[a]])
    return b"".join(lines)


def _lost_column(data: bytes, rng: Random) -> bytes | None:
    lines = data.splitlines(keepends=True)
    rows = [k for k, line in enumerate(lines) if b"," in line or b" " in line or b"\t" in line]
    if not rows:
        return None
    row = rng.choice(rows)
    separator = next(s for s in (b"\t", b",", b" ") if s in lines[row])
    cells = lines[row].split(separator)
    cells[rng.randrange(len(cells))] = rng.choice([b"", b"-1", b"nan", b"1e999", b"9" * 40, b"../../x", b"None", b"1.5", b"true"])
    lines[row] = separator.join(cells)
    return b"".join(lines)


def _deep(data: bytes, rng: Random) -> bytes:
    depth = rng.choice([2_000, 100_000])
    return rng.choice([b"[" * depth + b"]" * depth, b'{"a":' * depth + b"1" + b"}" * depth, b"[" * depth])


def _places(value: Any) -> list[tuple[Any, Any]]:
    """(container, key) of every part of a JSON value."""
    found, waiting = [], [value]
    while waiting:
        part = waiting.pop()
        keys = list(part) if isinstance(part, dict) else range(len(part)) if isinstance(part, list) else []
        for key in keys:
            found.append((part, key))
            waiting.append(part[key])
    return found


ODD_VALUES = (
    None, True, False, -1, 0, 3, 1.5, 10**400, -(10**19), 1e308, float("nan"), float("inf"), "", " ", "a\nb", "\0", "\ud800", "../../x",
    "/etc/passwd", "9" * 5000, [], {}, [None], [[]], {"a": None}, "60", "nan", [1, 2], {"id": 1}, "a" * 100_000, "\u2028",
)  # fmt: skip


def _json_value(data: bytes, rng: Random) -> bytes | None:
    """One part of a JSON file becomes something of another kind."""
    try:
        value = json.loads(data)
    except ValueError:
        return None
    places = _places(value)
    if not places:
        return None
    container, key = rng.choice(places)
    container[key] = rng.choice(ODD_VALUES)
    return json.dumps(value).encode()


def _json_part(data: bytes, rng: Random) -> bytes | None:
    """One part of a JSON file is lost, doubled, or put where another was."""
    try:
        value = json.loads(data)
    except ValueError:
        return None
    places = _places(value)
    if not places:
        return None
    container, key = rng.choice(places)
    how = rng.choice(["lost", "doubled", "elsewhere", "top"])
    if how == "lost":
        del container[key]
    elif how == "doubled" and isinstance(container, list):
        container.append(container[key])
    elif how == "top":
        value = container[key]
    else:
        other, place = rng.choice(places)
        container[key] = json.loads(json.dumps(other[place]))
    return json.dumps(value).encode()


def _json_name(data: bytes, rng: Random) -> bytes | None:
    """A key of a JSON object is misspelt, or stands there twice."""
    try:
        value = json.loads(data)
    except ValueError:
        return None
    places = [(part, key) for part, key in _places(value) if isinstance(part, dict)]
    if not places:
        return None
    container, key = rng.choice(places)
    container[key + rng.choice(["s", " ", "\0", "_"])] = container.pop(key)
    return json.dumps(value).encode()


def _json_layout(data: bytes, rng: Random) -> bytes | None:
    try:
        return json.dumps(json.loads(data), indent=rng.choice([None, 1, 4]), ensure_ascii=rng.choice([True, False])).encode()
    except (ValueError, UnicodeEncodeError):
        return None


def _run_lengths(data: bytes, rng: Random) -> bytes | None:
    """The run lengths of a mask do not fill it, fill more, or are none."""
    try:
        value = json.loads(data)
    except ValueError:
        return None
    found = [(part, key) for part, key in _places(value) if key == "counts" and isinstance(part, dict)]
    if not found:
        return None
    container, key = rng.choice(found)
    if isinstance(container[key], str):
        place = rng.randrange(len(container[key]))
        container[key] = container[key][:place] + rng.choice(["\u00b5", "", "o", "oooooooooo", "0", "-1"]) + container[key][place + 1 :]
    elif isinstance(container[key], list) and container[key]:
        container[key][rng.randrange(len(container[key]))] = rng.choice([-1, 2**31, 2**64, 1.5, "3", None, True, 0, [1]])
    return json.dumps(value).encode()


def _entities(data: bytes, rng: Random) -> bytes:
    """Entities that expand to a thousand million characters, and one that would be read from another file."""
    lines = [b'<!DOCTYPE a [<!ENTITY e0 "ha"><!ENTITY out SYSTEM "file:///etc/passwd">']
    lines += [b'<!ENTITY e%d "%s">' % (k, b"&e%d;" % (k - 1) * 10) for k in range(1, 10)]
    return b"".join(lines) + b"]>" + data.replace(b">cup<", rng.choice([b">&e9;<", b">&out;<"]))


_TEXTS = (".json", ".csv", ".txt", ".tsv", ".list", ".yaml", ".cfg", ".jsonl", ".xml")
_JSON = (".json",)

DAMAGES: tuple[Damage, ...] = (
    Damage("a flipped bit", _flip),
    Damage("a flipped bit in the head", _flip_early),
    Damage("twenty flipped bits", _flips),
    Damage("cut short", _cut),
    Damage("the last bytes lost", _cut_end),
    Damage("bytes inserted", _insert),
    Damage("a part doubled", _double),
    Damage("a part zeroed", _zeros),
    Damage("a huge number in the head", _huge_head),
    Damage("empty", lambda data, rng: b""),
    Damage("a program as a pickle", _pickle),
    Damage("an array of objects", _npy_of_objects, (".npy", ".npz")),
    Damage("another shape in the head", _npy_head, (".npy",)),
    Damage("a byte-order mark", _bom, _TEXTS, harmless=True),
    Damage("Windows' line ends", _crlf, (".json", ".csv", ".txt", ".tsv", ".list", ".yaml"), harmless=True),
    Damage("another encoding", _utf16, _TEXTS),
    Damage("a byte that is no UTF-8", _latin1, _TEXTS),
    Damage("an odd character", _odd_character, _TEXTS),
    Damage("a very long line", _long_line, _TEXTS),
    Damage("lines exchanged", _swapped_lines, (".csv", ".txt", ".tsv", ".list", ".yaml")),
    Damage("a cell of another kind", _lost_column, (".csv", ".txt", ".tsv", ".list")),
    Damage("entities that explode", _entities, (".xml",)),
    Damage("nested deeply", _deep, (".json", ".yaml")),
    Damage("a value of another kind", _json_value, _JSON),
    Damage("a second value of another kind", _json_value, _JSON),
    Damage("a part lost or moved", _json_part, _JSON),
    Damage("a key misspelt", _json_name, _JSON),
    Damage("run lengths of a mask that do not fit", _run_lengths, _JSON),
    Damage("another layout of the same JSON", _json_layout, _JSON, harmless=True),
)


def damage(folder: Path, files: list[Path], rng: Random) -> tuple[str, bool]:
    """Damage one of *files* in *folder*, which are replaced and not written into; what was done, and whether it is harmless."""
    path = rng.choice(files)
    roll = rng.random()
    if roll < 0.04:
        path.unlink()
        return f"{path.relative_to(folder)}: removed", False
    if roll < 0.08 and len(files) > 1:
        other = rng.choice([file for file in files if file != path])
        data = other.read_bytes()
        path.unlink()
        path.write_bytes(data)
        return f"{path.relative_to(folder)}: replaced by {other.relative_to(folder)}", False
    data = path.read_bytes()
    while True:
        chosen = rng.choice([one for one in DAMAGES if one.fits(path)])
        changed = chosen.change(data, rng) if data else None
        if changed is not None and changed != data or not data:
            break
    path.unlink()
    path.write_bytes(changed or b"")
    return f"{path.relative_to(folder)}: {chosen.name}", chosen.harmless
