"""Texts on graphs: strings as rows of zero-padded UTF-8 bytes, which can be batched, saved and loaded like any feature.

>>> decode_text(encode_text(["bird", "red scarf"]))
['bird', 'red scarf']
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .errors import InputError

if TYPE_CHECKING:
    import numpy as np
    import torch


def encode_text(texts: list[str], width: int = 32) -> torch.Tensor:
    """Strings -> zero-padded UTF-8 bytes, shape ``(n, width)`` uint8; a longer string widens all rows to the next multiple of *width*.

    Raises
    ------
    InputError : a text holds NUL or a lone surrogate, which zero-padded UTF-8 cannot hold.

    >>> encode_text(["cat"], width=5).tolist()
    [[99, 97, 116, 0, 0]]
    >>> encode_text(["cat", "dining table"], width=5).shape
    torch.Size([2, 15])
    """
    import numpy as np
    import torch

    data = []
    for text in texts:
        try:
            data.append(text.encode("utf-8"))
        except UnicodeEncodeError:
            raise InputError(f"the text {text!r} holds a lone surrogate, which has no UTF-8 form; take it out") from None
        if "\0" in text:
            raise InputError(f"the text {text!r} holds NUL, which cannot be kept as zero-padded text; take it out")
    longest = max(map(len, data), default=0)
    if longest > width:
        width *= -(-longest // width)
    rows = bytearray(b"".join([d.ljust(width, b"\0") for d in data]))
    return torch.from_numpy(np.frombuffer(rows, np.uint8).reshape(len(texts), width))


def widen_text(rows: torch.Tensor, width: int) -> torch.Tensor:
    """Text rows ``(n, w)`` padded with zeros to at least *width* bytes, so that rows of several graphs can be put together.

    >>> decode_text(widen_text(encode_text(["cat"], width=4), 8))
    ['cat']
    """
    import torch

    missing = width - rows.shape[1]
    return torch.cat([rows, rows.new_zeros(len(rows), missing)], 1) if missing > 0 else rows


def text_array(rows: torch.Tensor | np.ndarray) -> np.ndarray:
    """Text rows ``(n, width)`` as a numpy array of byte strings ``(n,)``: compare, sort and count without a loop."""
    import numpy as np

    rows = np.ascontiguousarray(rows.cpu() if hasattr(rows, "cpu") else rows)
    return rows.view(f"S{rows.shape[1]}").reshape(len(rows))


def decode_text(rows: torch.Tensor | np.ndarray) -> list[str]:
    """Inverse of :func:`encode_text`: ``(n, width)`` bytes -> list of n strings."""
    return [data.decode("utf-8", "replace") for data in text_array(rows).tolist()]
