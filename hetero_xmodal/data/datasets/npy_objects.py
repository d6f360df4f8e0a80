"""Lists of dicts of numbers in ``.npy`` files that hold Python objects, read without creating any of these objects.

SCAN's successors publish the sizes of images as an object array of dicts, ``[{"image_h": 333, "image_w": 500}, ...]``, which
``numpy.load`` reads only by running the pickle inside. Here the pickle is interpreted with stand-ins: the four functions that numpy names
there (``_reconstruct``, ``ndarray``, ``dtype``, ``scalar``) are replaced by ones that keep plain values, and every other name is refused.
"""

from __future__ import annotations

import io
import pickle
from typing import Any, BinaryIO

import numpy as np

from ...errors import InputError

#: types of numbers in the published files
_NUMBERS = {"i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8"}
#: a pickle of more bytes is no list of sizes
MAX_BYTES = 2**28


class _Kept:
    """Stands in for an array or dtype: keeps what it was made of and given."""

    def __init__(self, *made: Any) -> None:
        self.made, self.state = made, None

    def __setstate__(self, state: Any) -> None:
        self.state = state


def _scalar(dtype: Any, data: Any = b"") -> float | int:
    """A number that numpy pickled by itself."""
    code = dtype.made[0] if isinstance(dtype, _Kept) and dtype.made else None
    raw = data.encode("latin-1") if isinstance(data, str) else data
    if code not in _NUMBERS or not isinstance(raw, bytes) or len(raw) != np.dtype(code).itemsize:
        raise InputError("it holds a value that is no number")
    order = dtype.state[1] if isinstance(dtype.state, tuple) and len(dtype.state) > 1 and dtype.state[1] == ">" else "<"
    return np.frombuffer(raw, order + code)[0].item()


def _bytes(text: Any, encoding: Any = "latin1") -> bytes:
    """How protocol 2 writes bytes."""
    if not isinstance(text, str):
        raise InputError("it holds a value that is no text")
    return text.encode("latin-1")


class _StandIns(pickle.Unpickler):
    """Replaces numpy's four functions, and refuses every other name."""

    _KNOWN = {
        **{(f"{package}.multiarray", "_reconstruct"): _Kept for package in ("numpy.core", "numpy._core")},
        **{(f"{package}.multiarray", "scalar"): _scalar for package in ("numpy.core", "numpy._core")},
        ("numpy", "ndarray"): _Kept, ("numpy", "dtype"): _Kept, ("_codecs", "encode"): _bytes,
    }  # fmt: skip

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in self._KNOWN:
            raise InputError(f"it refers to {module}.{name}, which a list of numbers does not need")
        return self._KNOWN[module, name]

    def persistent_load(self, pid: Any) -> Any:
        raise InputError("it refers to something outside the file")


def read_dicts(file: BinaryIO, count: int, where: str) -> list[dict[str, Any]]:
    """The *count* dicts of the pickle at the place of *file*.

    Raises
    ------
    InputError : it holds something else, refers to a name that lists of numbers do not need, or is damaged.
    """
    data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise InputError(f"{where} is larger than {MAX_BYTES} bytes; a list of sizes is not")
    try:
        # Python 2 wrote some of them
        found = _StandIns(io.BytesIO(data), encoding="latin1").load()
        items = found.state[-1] if isinstance(found, _Kept) and isinstance(found.state, tuple) and found.state else found
        if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
            raise InputError("it holds no list of dicts")
    except Exception as error:  # a damaged pickle can raise anything
        reason = str(error) if isinstance(error, InputError) else f"{type(error).__name__}, it may be damaged"
        raise InputError(
            f"{where} cannot be read ({reason}); Python objects in it are never loaded, save a plain array of numbers"
        ) from None
    if len(items) != count:
        raise InputError(f"{where} holds {len(items)} entries; expected {count}")
    return items
