"""Near-equal texts by MinHash, and near-equal images by small copies of them: candidates first, each confirmed by a second measure.

Texts: sets of words and of pairs of neighbouring words; MinHash with banding (Broder, 1997) finds candidates, their Jaccard similarity is
then
computed. Images: the cosine of small colour copies, mean and contrast taken out, finds candidates ("tiny images", Torralba et al., 2008),
and
the structural similarity of larger copies confirms them: a difference hash of 64 bits alone finds nothing but plain skies in photographs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from scipy.sparse import csr_array

#: hash functions in a band, and bands: two texts of Jaccard similarity .8 share a band with probability .996, of .5 with .36
_ROWS, _BANDS = 5, 14
#: side of the copies that are compared by cosine, and of those that are compared by structural similarity
_SMALL, _LARGE = 16, 32
#: least cosine of two images that are looked at, and least structural similarity of two that are near-equal
COSINE, SSIM = 0.95, 0.8
_BLOCK = 2048
_EXIF_ORIENTATION = 0x0112


def plain_words(text: str) -> str:
    """The words of a text in lower case, one space between two, without punctuation.

    >>> plain_words("A man,  riding a HORSE.")
    'a man riding a horse'
    """
    return " ".join(re.findall(r"\w+", text.casefold()))


def near_texts(texts: Sequence[str], *, least: float = 0.8) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pairs of different texts whose Jaccard similarity is at least *least*: places of the later and the earlier one, similarity, (p,)
    each.

    Not every pair of a group of many alike texts is given, but each text of the group at least once.

    >>> near_texts(["a man rides a brown horse in a field", "a cat", "a man rides a brown horse in the field"], least=0.5)[:2]
    (array([2]), array([0]))
    """
    shingles = [_shingles(text) for text in texts]
    candidates = _candidates(shingles) if len(texts) else np.empty((0, 2), np.int64)
    if not len(candidates):
        return np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0)
    later, earlier = candidates.T
    similarity = _jaccard(shingles, later, earlier)
    kept = similarity >= least
    return later[kept], earlier[kept], similarity[kept]


def _shingles(text: str) -> list[bytes]:
    words = plain_words(text).split()
    return [word.encode() for word in {*words, *(f"{a} {b}" for a, b in zip(words, words[1:], strict=False))}]


def _candidates(shingles: list[list[bytes]]) -> np.ndarray:
    """Pairs (p, 2) of places that share a band, each with the first and with the one before it in its bucket; the later one first."""
    from datasketch import MinHash

    signatures = np.zeros((len(shingles), _ROWS * _BANDS), np.uint32)
    for start in range(0, len(shingles), _BLOCK):
        part = MinHash.bulk(shingles[start : start + _BLOCK], num_perm=_ROWS * _BANDS)
        signatures[start : start + _BLOCK] = [made.hashvalues for made in part]
    found = np.empty((0, 2), np.int64)
    for band in range(_BANDS):
        keys = np.ascontiguousarray(signatures[:, band * _ROWS : (band + 1) * _ROWS]).view([("", np.uint32)] * _ROWS).reshape(-1)
        bucket = np.unique(keys, return_inverse=True)[1].reshape(-1)
        order = np.argsort(bucket, kind="stable")
        same = bucket[order]
        first = order[np.searchsorted(same, same)]
        before = np.concatenate([order[:1], order[:-1]])
        inside = np.concatenate([[False], same[1:] == same[:-1]])
        pairs = np.concatenate([np.stack([order[inside], other[inside]], 1) for other in (first, before)])
        found = np.unique(np.concatenate([found, pairs]), axis=0)
    return found


def _jaccard(shingles: list[list[bytes]], first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Jaccard similarities (p,) of sets of shingles."""
    from .sparse_rows import dot_rows, sizes

    rows, back = np.unique(np.concatenate([first, second]), return_inverse=True)
    matrix = _matrix([shingles[row] for row in rows])
    a, b = np.split(back.reshape(-1), 2)
    shared = dot_rows(matrix, a, matrix, b)
    return shared / np.maximum(sizes(matrix)[a] + sizes(matrix)[b] - shared, 1)


def _matrix(shingles: list[list[bytes]]) -> csr_array:
    from .sparse_rows import binary

    known: dict[bytes, int] = {}
    columns = np.array([known.setdefault(shingle, len(known)) for text in shingles for shingle in text], np.int64)
    rows = np.repeat(np.arange(len(shingles)), [len(text) for text in shingles])
    return binary(rows, columns, (len(shingles), max(len(known), 1)))


# ---------------------------------------------------------------------------------------------- images


class SmallCopies:
    """Small copies of image files.

    read : (n,) whether the file could be read
    small : (n, 768) colour copies of 16 by 16 pixels as float32, mean taken out where they are not of one grey, length 1; zeros where there
        is no image
    """

    def __init__(self, paths: Sequence[str]):
        self.paths = list(paths)
        self.small = np.zeros((len(self.paths), 3 * _SMALL * _SMALL), np.float32)
        self.read = np.zeros(len(self.paths), bool)
        with ThreadPoolExecutor(2) as pool:  # decoding releases the interpreter's lock
            for row, copy in enumerate(pool.map(lambda path: _copy(path, _SMALL), self.paths)):
                if copy is not None:
                    values = copy.reshape(-1) - copy.mean()
                    if not values.any():  # one grey all over: a black frame is a double of another
                        values = copy.reshape(-1) + 1
                    self.small[row] = values / float(np.linalg.norm(values))
                    self.read[row] = True

    def near(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Pairs of near-equal images: later and earlier one, cosine of small and structural similarity of larger copies, (p,) each."""
        first, second, cosine = near_rows(self.small, self.read)
        similarity = np.zeros(len(first))
        for start in range(0, len(first), 256):
            here = slice(start, start + 256)
            similarity[here] = self._similarity(first[here], second[here])
        kept = similarity >= SSIM
        return first[kept], second[kept], cosine[kept], similarity[kept]

    def _similarity(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        import torch

        from ..metrics.images import ssim

        ends = [torch.from_numpy(np.stack([_large(self.paths[row]) for row in rows])) for rows in (first, second)]
        return np.asarray(ssim(*ends).per_image)


def _large(path: str) -> np.ndarray:
    copy = _copy(path, _LARGE)
    return np.zeros((3, _LARGE, _LARGE), np.float32) if copy is None else copy.transpose(2, 0, 1) / np.float32(255)


def _copy(path: str, side: int) -> np.ndarray | None:
    """An image of *side* by *side* pixels, (side, side, 3) float32 0..255; nothing if the file cannot be read."""
    from PIL import Image

    if not path or not Path(path).is_file():
        return None
    try:
        with Image.open(path) as image:
            if image.mode in ("RGB", "L") and "transparency" not in image.info and image.getexif().get(_EXIF_ORIENTATION, 1) == 1:
                image.draft("RGB", (2 * side, 2 * side))
                return _square(image.convert("RGB"), side)
    except (OSError, ValueError, SyntaxError, TypeError, Image.DecompressionBombError):
        return None
    return _as_everywhere(path, side)


def _as_everywhere(path: str, side: int) -> np.ndarray | None:
    """The image as the package reads it: upright, transparency on white, 16 bits scaled and not cut off."""
    from ..errors import InputError
    from ..images import read_image

    try:
        return _square(read_image(path), side)
    except InputError:
        return None


def _square(image: Any, side: int) -> np.ndarray:
    from PIL import Image

    return np.asarray(image.resize((side, side), Image.Resampling.BOX), np.float32)


def near_rows(rows: np.ndarray, known: np.ndarray, *, least: float = COSINE) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pairs of rows (n, d) of length 1 whose cosine is at least *least*: later and earlier one, cosine; rows that are not *known* left out.

    >>> near_rows(np.eye(3, dtype=np.float32)[[0, 1, 0]], np.ones(3, bool))[:2]
    (array([2]), array([0]))
    """
    places = np.flatnonzero(known)
    parts = list(_blocks(rows[places], least))
    if not parts:
        return np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0)
    later, earlier, cosine = (np.concatenate(column) for column in zip(*parts, strict=True))
    return places[later], places[earlier], cosine


def _blocks(rows: np.ndarray, least: float) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """In a space of few principal directions, in which no two rows are further apart than in their own, then by the rows themselves."""
    if not len(rows):
        return
    few = rows @ _directions(rows)
    rest = np.sqrt(np.maximum(1 - (few**2).sum(axis=1), 0))  # what is left has a cosine of at most the product of the lengths
    for start in range(0, len(rows), _BLOCK):
        here = slice(start, start + _BLOCK)
        bound = few[here] @ few[: start + _BLOCK].T
        bound += rest[here, None] * rest[None, : start + _BLOCK]
        later, earlier = np.nonzero(bound >= least)
        later = later + start
        later, earlier = later[earlier < later], earlier[earlier < later]
        cosine = np.concatenate([np.empty(0, np.float32)] + [
            np.einsum("ij,ij->i", rows[later[k : k + 65_536]], rows[earlier[k : k + 65_536]]) for k in range(0, len(later), 65_536)
        ])  # fmt: skip
        kept = cosine >= least
        yield later[kept], earlier[kept], cosine[kept]


def _directions(rows: np.ndarray, most: int = 64) -> np.ndarray:
    """Principal directions (d, k) of a sample of rows."""
    sample = rows[:: max(1, len(rows) // 4000)]
    values, vectors = np.linalg.eigh(sample.T.astype(np.float64) @ sample)
    return vectors[:, np.argsort(-values)[:most]].astype(np.float32)
