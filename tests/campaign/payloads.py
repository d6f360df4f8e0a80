"""What a reader returned, as a digest to compare, and whether it is sound: what no reader may return, whatever its file holds."""

from __future__ import annotations

import dataclasses
import hashlib
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np


def digest(value: Any, root: Path) -> str:
    """SHA-256 of everything in *value*; paths below *root* count by what follows it, so that copies of a folder compare equal."""
    total = hashlib.sha256()
    for kind, part in _leaves(value, str(root)):
        total.update(kind.encode() + b"\0" + part + b"\0")
    return total.hexdigest()


def _leaves(value: Any, root: str) -> Iterator[tuple[str, bytes]]:
    if value is None or isinstance(value, bool | int | float | np.generic):
        yield type(value).__name__, repr(value).encode()
    elif isinstance(value, str | Path):
        yield "text", str(value).replace(root, "").encode("utf-8", "surrogatepass")
    elif isinstance(value, bytes):
        yield "bytes", value
    elif isinstance(value, Mapping):
        for key in sorted(value, key=repr):
            yield "key", repr(key).replace(root, "").encode("utf-8", "surrogatepass")
            yield from _leaves(value[key], root)
        yield "end", b""
    elif isinstance(value, list | tuple | set | frozenset):
        for part in sorted(value, key=repr) if isinstance(value, set | frozenset) else value:
            yield from _leaves(part, root)
        yield "end", str(len(value)).encode()
    elif dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            yield "field", field.name.encode()
            yield from _leaves(getattr(value, field.name), root)
    elif hasattr(value, "getexif"):  # a PIL image
        yield f"image {value.mode} {value.size}", value.tobytes()
    else:
        array = _array(value)
        yield f"array {array.dtype} {array.shape}", np.ascontiguousarray(array).tobytes()


def _array(value: Any) -> np.ndarray:
    if hasattr(value, "detach"):  # a tensor
        value = value.detach().cpu().contiguous()
        return value.view(value.dtype).numpy() if value.dtype.is_floating_point or not value.is_complex() else np.asarray(value)
    return np.asarray(value)


def unsound(value: Any, where: str = "it") -> str:
    """What is wrong with *value* in a few words, or an empty text: NaN and infinity, texts that no graph can keep."""
    if isinstance(value, float) and not math.isfinite(value):
        return f"{where} is {value}"
    if isinstance(value, str):
        bad = next((c for c in value if c == "\0" or "\ud800" <= c <= "\udfff"), None)
        return f"{where} is {value[:40]!r}" if bad is not None else ""
    if isinstance(value, Mapping):
        return next((found for key, part in value.items() if (found := unsound(part, f"{where}[{key!r}]"))), "")
    if isinstance(value, list | tuple):
        return next((found for k, part in enumerate(value) if (found := unsound(part, f"{where}[{k}]"))), "")
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return next((found for f in dataclasses.fields(value) if (found := unsound(getattr(value, f.name), f"{where}.{f.name}"))), "")
    if hasattr(value, "getexif"):
        return "" if min(value.size) > 0 and value.mode == "RGB" else f"{where} is an image of mode {value.mode}, {value.size}"
    if isinstance(value, np.ndarray) or hasattr(value, "detach"):
        array = _array(value)
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            return f"{where} holds NaN or infinity"
    return ""
