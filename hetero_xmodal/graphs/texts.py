"""Texts of any length as two arrays: all bytes one after another, and where each text begins.

>>> texts = Texts.of(["bird", "", "fire hydrant"])
>>> len(texts), texts[2], texts.offsets.tolist()
(3, 'fire hydrant', [0, 4, 4, 16])
>>> texts.padded(4)[0].tolist()
[98, 105, 114, 100]
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import torch
from torch import Tensor

#: a table of padded texts is kept if it is no larger than this; a single very long text would make it huge
_TABLE_BYTES = 64_000_000


class Texts(Sequence):
    """n texts, UTF-8; both arrays may be mapped from a file, and only the texts that are asked for are read.

    offsets : (n + 1,) int64, where each text begins, and the end of the last
    data : all bytes, uint8
    """

    def __init__(self, offsets: np.ndarray, data: np.ndarray):
        self.offsets, self.data = offsets, data

    @classmethod
    def of(cls, texts: Iterable[str | bytes]) -> Texts:
        """The texts of a list. Half of a surrogate pair, which file names may hold, survives."""
        parts = [text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass") for text in texts]
        offsets = np.zeros(len(parts) + 1, np.int64)
        np.cumsum([len(part) for part in parts], out=offsets[1:])
        return cls(offsets, np.frombuffer(b"".join(parts), np.uint8))

    @classmethod
    def join(cls, several: Sequence[Texts]) -> Texts:
        """Several collections, one after another."""
        lengths = np.concatenate([np.diff(texts.offsets) for texts in several])
        offsets = np.zeros(len(lengths) + 1, np.int64)
        np.cumsum(lengths, out=offsets[1:])
        return cls(offsets, np.concatenate([texts.data[texts.offsets[0] : texts.offsets[-1]] for texts in several]))

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, index):
        if isinstance(index, slice):
            return self.strings(np.arange(*index.indices(len(self))))
        number = range(len(self))[index]
        return _decode(self.data[self.offsets[number] : self.offsets[number + 1]].tobytes())

    def bytes(self, rows: np.ndarray | None = None) -> list[bytes]:
        """The texts at *rows* (m,), all by default, as bytes."""
        if rows is None:
            raw, ends = self.data.tobytes(), self.offsets.tolist()
            return [raw[a:b] for a, b in zip(ends[:-1], ends[1:], strict=True)]
        return self.take(rows).bytes()

    def strings(self, rows: np.ndarray | None = None) -> list[str]:
        """The texts at *rows* (m,), all by default."""
        return [_decode(text) for text in self.bytes(rows)]

    def take(self, rows: np.ndarray) -> Texts:
        """The texts at *rows* (m,), in that order, repeats allowed."""
        places, offsets = self._places(rows)
        return Texts(offsets, self.data[places])

    def lengths(self) -> np.ndarray:
        """Bytes of each text, (n,)."""
        return np.diff(self.offsets)

    def padded(self, width: int, rows: np.ndarray | None = None) -> Tensor:
        """The first *width* bytes of the texts at *rows* (m,), zero-padded: (m, width) uint8."""
        start = self.offsets[:-1] if rows is None else self.offsets[rows]
        length = np.minimum((self.offsets[1:] if rows is None else self.offsets[rows + 1]) - start, width)
        out = np.zeros((len(start), width), np.uint8)
        before = np.cumsum(length) - length
        within = np.arange(int(length.sum())) - np.repeat(before, length)
        out[np.repeat(np.arange(len(start)), length), within] = self.data[within + np.repeat(start, length)]
        return torch.from_numpy(out)

    def _places(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        start = self.offsets[rows]
        length = self.offsets[rows + 1] - start
        offsets = np.zeros(len(rows) + 1, np.int64)
        np.cumsum(length, out=offsets[1:])
        return np.arange(offsets[-1]) + np.repeat(start - offsets[:-1], length), offsets


def _decode(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("utf-8", "surrogatepass")


class Vocabulary:
    """The distinct texts of features of nodes and edges; a feature holds their numbers (codes), int32.

    >>> vocabulary, codes = Vocabulary.encode([["bird", "tree", "bird"]])
    >>> codes[0].tolist(), vocabulary.strings(codes[0]).tolist()
    ([0, 1, 0], ['bird', 'tree', 'bird'])
    """

    def __init__(self, texts: Texts):
        self.texts = texts
        self._tables: dict[int, np.ndarray] = {}
        self._strings: np.ndarray | None = None

    @classmethod
    def encode(cls, columns: Sequence[Sequence[str | bytes]]) -> tuple[Vocabulary, list[Tensor]]:
        """A vocabulary of several columns of texts, and each column's codes (n,)."""
        maker = VocabularyMaker()
        codes = [maker.codes(column) for column in columns]
        return cls(Texts.of(maker.known)), codes

    def __len__(self) -> int:
        return len(self.texts)

    def padded(self, codes: Tensor, width: int) -> Tensor:
        """Codes (n,) as zero-padded bytes, (n, width) uint8, as schema.encode_text makes them."""
        if len(self) * width > _TABLE_BYTES:
            return self.texts.padded(width, codes.numpy())
        if width not in self._tables:
            self._tables[width] = self.texts.padded(width).numpy()
        return torch.from_numpy(self._tables[width].take(codes.numpy(), axis=0))  # for short columns five times as fast as torch

    def strings(self, codes: Tensor | np.ndarray) -> np.ndarray:
        """Codes (n,) as an array of str objects (n,)."""
        if self._strings is None:
            self._strings = np.array([*self.texts.strings(), ""], dtype=object)[:-1]  # the extra one keeps a single text an array
        return self._strings[np.asarray(codes)]

    def code(self, text: str) -> int:
        """Code of one text; -1 if it does not occur."""
        found = np.flatnonzero(self.strings(np.arange(len(self))) == text)
        return int(found[0]) if len(found) else -1

    def __getstate__(self) -> dict:
        return {"texts": self.texts, "_tables": {}, "_strings": None}


class VocabularyMaker:
    """Gives codes to texts in the order in which they are first seen.

    >>> maker = VocabularyMaker()
    >>> maker.codes(["bird", "tree", "bird"]).tolist(), list(maker.known)
    ([0, 1, 0], [b'bird', b'tree'])
    """

    def __init__(self, known: Iterable[bytes] = ()):
        self.known: dict[bytes, int] = {text: code for code, text in enumerate(known)}

    def codes(self, texts: Sequence[str | bytes]) -> Tensor:
        """Codes (n,) int32 of n texts; new texts get new codes."""
        known = self.known
        raw = [text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass") for text in texts]
        return torch.from_numpy(np.fromiter((known.setdefault(text, len(known)) for text in raw), np.int32, len(raw)))

    def padded_codes(self, rows: Tensor) -> Tensor:
        """Codes (n,) int32 of zero-padded byte rows (n, width), as schema.encode_text makes them."""
        from ..schema import text_array

        if not len(rows) or not rows.shape[1]:
            return self.codes([b""] * len(rows))
        distinct, first, place = np.unique(text_array(rows), return_index=True, return_inverse=True)
        order = np.argsort(first)  # codes in the order of appearance: equal data give equal codes, whatever the alphabet
        codes = np.empty(len(distinct), np.int32)
        codes[order] = self.codes([bytes(text) for text in distinct[order]]).numpy()
        return torch.from_numpy(codes[place.reshape(-1)])
