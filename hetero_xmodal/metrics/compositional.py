"""Accuracy on swap sets: how often an image scores higher with its caption than with the same caption after one exchange."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..errors import InputError


def swap_hits(similarity: np.ndarray, image_of_caption: Sequence[int] | np.ndarray) -> np.ndarray:
    """1 for each swap whose true caption scores higher with its image, 0 for one whose swapped caption does, 1/2 where they are equal.

    Parameters
    ----------
    similarity : (images, 2 s), captions 2k and 2k + 1 are the true and the swapped one of swap k.
    image_of_caption : (2 s,)

    Raises
    ------
    InputError : an odd number of captions, two of one swap with different images, numbers that are not finite.

    >>> swap_hits(np.array([[0.9, 0.1, 0.2, 0.8], [0.5, 0.5, 0.5, 0.5]]), [0, 0, 0, 0]).tolist()
    [1.0, 0.0]
    """
    similarity, owner = np.asarray(similarity), np.asarray(image_of_caption, np.int64)
    if similarity.ndim != 2 or similarity.shape[1] != len(owner) or len(owner) % 2:
        raise InputError(f"similarity has shape {similarity.shape} for {len(owner)} captions; each swap has two, one after the other")
    if (owner[0::2] != owner[1::2]).any():
        raise InputError("the two captions of a swap belong to different images; give them one after the other")
    right, wrong = (similarity[owner[k::2], np.arange(k, len(owner), 2)] for k in (0, 1))
    if not (np.isfinite(right).all() and np.isfinite(wrong).all()):
        raise InputError("the similarity holds NaN or infinity")
    return (right > wrong) + 0.5 * (right == wrong)


def swap_accuracy(
    similarity: np.ndarray, image_of_caption: Sequence[int] | np.ndarray, kinds: Sequence[str] | np.ndarray
) -> dict[str, float]:
    """Mean of :func:`swap_hits` for each kind in *kinds* (s,), in the order of their first occurrence; 1/2 is chance.

    Raises
    ------
    InputError : another number of kinds than of swaps, and what :func:`swap_hits` refuses.

    >>> scores = np.array([[0.9, 0.1, 0.2, 0.8, 0.3, 0.3]])
    >>> swap_accuracy(scores, [0] * 6, ["colour", "colour", "count"])
    {'colour': 0.5, 'count': 0.5}
    """
    hits, kinds = swap_hits(similarity, image_of_caption), np.asarray(kinds)
    if len(kinds) != len(hits):
        raise InputError(f"there are {len(hits)} swaps, but {len(kinds)} kinds; give one each")
    return {str(kind): float(hits[kinds == kind].mean()) for kind in dict.fromkeys(kinds.tolist())}
