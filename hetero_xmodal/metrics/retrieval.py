"""Retrieval metrics: mean average precision, and recall at K with its protocols.

Both define how ties and queries without a relevant item are treated, on which papers silently differ:

* **Mean average precision** (several gallery items may be relevant): the expected value over random orders of equal scores; queries
  without a relevant item are excluded and counted. Range 0 to 1, higher is better.
* **Recall at K** (image-sentence matching): the share of queries with *any* matching item among the first K, in percent, higher is better.
  Of tied items, the mean rank counts (the realistic rank).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..counts import counted
from ..errors import InputError, nearest
from .arrays import as_bool, embedding_matrix, is_count, label_matrix, matrix, owners, unit_rows
from .ranking import average_precision_of_rows, rank_block

TIES = ("expected", "optimistic", "pessimistic")
EMPTY = ("skip", "zero", "error")
SIMILARITIES = ("cosine", "dot", "euclidean")


class MeanAveragePrecision(float):
    """A mean average precision, a ``float``, with its definition and the values of each query.

    Attributes
    ----------
    per_query : numpy.ndarray, shape (queries,)
        Average precision of every query; NaN where no gallery item is relevant.
    queries, empty_queries : int
        Number of queries, and of those without a relevant item.
    definition : str
        One-line definition; report it with the value.
    """

    per_query: np.ndarray
    queries: int
    empty_queries: int
    definition: str


def mean_average_precision(
    similarity: Any,
    relevance: Any,
    *,
    k: int | None = None,
    ties: str = "expected",
    empty: str = "skip",
    denominator: str = "found",
) -> MeanAveragePrecision:
    """Mean over queries of the average precision, the mean over relevant items of the precision at the item's rank.

    Parameters
    ----------
    similarity : array or tensor, shape (queries, gallery)
        Higher is better. Minus infinity excludes an item; NaN and plus infinity are refused.
    relevance : array or tensor, shape (queries, gallery)
        True or 1 if the gallery item is relevant to the query, else False or 0.
    k : int, optional
        Evaluate the first k ranks only (mAP@k). Default: the whole ranking.
    ties : {"expected", "optimistic", "pessimistic"}
        Equal scores: the exact expected value over all their orders (default), relevant items first, or relevant items last.
    empty : {"skip", "zero", "error"}
        Queries without a relevant item in the gallery: excluded from the mean (default), counted as 0, or refused.
    denominator : {"found", "possible"}
        Matters only with k. The sum of precisions is divided by the number of relevant items found among the first k (default; as in
        torchmetrics and papers on cross-modal hashing) or by the largest possible number, min(k, all relevant items).

    Returns
    -------
    MeanAveragePrecision
        A float between 0 and 1, with ``per_query``, ``empty_queries`` and ``definition``.

    Raises
    ------
    InputError
        If shapes differ, there is no query or no gallery item, a score is NaN, relevance is other than 0 and 1, an option is unknown, or
        no item is relevant to any query.

    References
    ----------
    McSherry and Najork (2008), "Computing information retrieval performance measures efficiently in the presence of tied scores".

    Examples
    --------
    >>> score = mean_average_precision([[5, 4, 3, 2, 1]], [[1, 0, 1, 1, 0]])
    >>> round(score, 6)
    0.805556
    >>> print(score.definition)
    mAP over all ranks, ties: expected, queries without a relevant item: skip (0 of 1)

    Equal scores get the expected value, whatever the order of the columns:

    >>> mean_average_precision([[0, 0]], [[1, 0]]), mean_average_precision([[0, 0]], [[0, 1]])
    (0.75, 0.75)
    """
    similarity, relevance = matrix(similarity, "similarity"), matrix(relevance, "relevance")
    if similarity.shape != relevance.shape:
        raise InputError(
            f"similarity has shape {similarity.shape} but relevance {relevance.shape}; both must be (queries, gallery items) of one size"
        )
    options = _check_options(similarity.shape, k, ties, empty, denominator)
    rows = _rows_per_block(similarity.shape[1], budget=2**17)  # fits into the CPU cache
    values = np.empty(len(similarity))
    for start in range(0, len(similarity), rows):
        block = slice(start, start + rows)
        values[block] = _average_precision_block(similarity[block], as_bool(relevance[block], "relevance"), start, options)
    return _mean(values, options)


def mean_average_precision_from_embeddings(
    queries: Any,
    gallery: Any,
    query_labels: Any,
    gallery_labels: Any,
    *,
    similarity: str = "cosine",
    block: int | None = None,
    exclude_self: bool = False,
    k: int | None = None,
    ties: str = "expected",
    empty: str = "skip",
    denominator: str = "found",
) -> MeanAveragePrecision:
    """Mean average precision from embeddings, without storing the whole matrix; items that share a label with the query are relevant.

    Parameters
    ----------
    queries, gallery : array or tensor, shapes (queries, d) and (gallery, d)
        Embeddings in the common space; converted to float32.
    query_labels, gallery_labels : array or tensor, shapes (queries, c) and (gallery, c)
        Labels of 0 and 1.
    similarity : {"cosine", "dot", "euclidean"}
        Ranking by cosine, inner product, or (negative) Euclidean distance.
    block : int, optional
        Queries ranked at a time. By default, working memory is about 200 MB: 100,000 queries against 100,000 items fit in 4 GB.
    exclude_self : bool
        Exclude gallery item i from the ranking of query i: for galleries that consist of the queries.
    k, ties, empty, denominator
        As in :func:`mean_average_precision`.

    Raises
    ------
    InputError
        As :func:`mean_average_precision`; also if rows or columns do not match, an embedding is not finite, or labels are not 0 and 1.

    Examples
    --------
    >>> images, texts = [[1, 0], [0, 1], [1, 1]], [[1, 0.1], [0.2, 1], [1, -1]]
    >>> labels = [[1, 0], [0, 1], [1, 1]]
    >>> score = mean_average_precision_from_embeddings(images, texts, labels, labels)
    >>> score.per_query.round(6).tolist(), round(score, 6)
    ([1.0, 0.833333, 1.0], 0.944444)
    """
    if similarity not in SIMILARITIES:
        raise InputError(f"similarity {similarity!r} is unknown; use one of {', '.join(SIMILARITIES)}{nearest(similarity, SIMILARITIES)}")
    queries, gallery = embedding_matrix(queries, "queries"), embedding_matrix(gallery, "gallery")
    if queries.shape[1] != gallery.shape[1]:
        raise InputError(f"queries have {queries.shape[1]} columns but the gallery has {gallery.shape[1]}; both must lie in one space")
    query_labels = label_matrix(query_labels, "query_labels", len(queries), "queries")
    gallery_labels = label_matrix(gallery_labels, "gallery_labels", len(gallery), "gallery")
    if query_labels.shape[1] != gallery_labels.shape[1]:
        raise InputError(
            f"query_labels have {query_labels.shape[1]} columns but gallery_labels {gallery_labels.shape[1]}; both need the same classes"
        )
    if exclude_self and len(queries) != len(gallery):
        raise InputError(
            f"exclude_self needs the gallery to be the queries in their order, but there are {len(queries)} queries, {len(gallery)} items"
        )
    options = _check_options((len(queries), len(gallery)), k, ties, empty, denominator)
    if block is None:
        block = _rows_per_block(len(gallery), budget=2**22)
    elif not is_count(block):
        raise InputError(f"block {block!r} must be a positive whole number of queries")

    if similarity == "cosine":
        queries, gallery = unit_rows(queries), unit_rows(gallery)
    # -|q - g|^2 = 2 q.g - |g|^2 - |q|^2, and the last term is constant within a ranking
    half_norms = 0.5 * np.einsum("ij,ij->i", gallery, gallery) if similarity == "euclidean" else None
    inner = _rows_per_block(len(gallery), budget=2**17)
    values = np.empty(len(queries))
    for start in range(0, len(queries), block):
        stop = min(start + block, len(queries))
        scores = queries[start:stop] @ gallery.T
        if half_norms is not None:
            scores -= half_norms
        relevant = query_labels[start:stop] @ gallery_labels.T > 0
        if exclude_self:
            own = np.arange(start, stop)
            scores[own - start, own] = -np.inf
            relevant[own - start, own] = False
        for first in range(start, stop, inner):
            last = min(first + inner, stop)
            part = slice(first - start, last - start)
            values[first:last] = _average_precision_block(scores[part], relevant[part], first, options)
    return _mean(values, options)


@dataclass(frozen=True)
class Protocol:
    """How a test set is split before recall is measured; values of different protocols are not comparable.

    Attributes
    ----------
    name : str
    images : int or None
        Number of test images; None: any number.
    folds : int
        Number of consecutive folds of images, each with its own captions, over which values are averaged.
    description : str
    """

    name: str
    images: int | None
    folds: int
    description: str


PROTOCOLS: dict[str, Protocol] = {
    protocol.name: protocol
    for protocol in (
        Protocol("any", None, 1, "all given images against all given captions"),
        Protocol("flickr-1k", 1000, 1, "the 1,000 test images of Flickr30K (or Flickr8K) against all their captions"),
        Protocol("coco-1k-5fold", 5000, 5, "the 5,000 COCO test images in five consecutive folds of 1,000, mean of the five"),
        Protocol("coco-5k", 5000, 1, "the 5,000 COCO test images against all their captions"),
    )
}


def protocol_for(protocol: str | Protocol, images: int) -> Protocol:
    """The protocol of that name, if a test set of so many *images* can be measured with it.

    Raises
    ------
    InputError : no such protocol, or another number of images than it has.
    """
    if isinstance(protocol, str):
        if protocol not in PROTOCOLS:
            raise InputError(f"protocol {protocol!r} is unknown; use one of {', '.join(PROTOCOLS)}{nearest(protocol, PROTOCOLS)}")
        protocol = PROTOCOLS[protocol]
    if protocol.images is not None and images != protocol.images:
        raise InputError(f"protocol {protocol.name!r} needs {protocol.images} images, similarity has {images}; for your own set use 'any'")
    if images % protocol.folds:
        raise InputError(f"protocol {protocol.name!r} cuts the images into {protocol.folds} equal folds, similarity has {images} images")
    return protocol


class RecallResult(dict):
    """Result of :func:`recall_at_k`: a dictionary that prints as a small table with its protocol.

    Attributes
    ----------
    ranks : dict of numpy.ndarray
        ``image_to_text`` (images,) and ``text_to_image`` (captions,): the rank of every query's best matching item in its fold, from 1, in
        the order of the queries; NaN for an image without a caption. A tie gives halves. Not part of the dictionary, which contains plain
        numbers only.
    """

    ranks: dict[str, np.ndarray]

    def hits(self, direction: str, k: int) -> np.ndarray:
        """1 for every query of a direction with a matching item among the first *k*, else 0, (queries,); NaN for images without a caption.

        Raises
        ------
        InputError
            If the direction is unknown or *k* is below 1.

        Examples
        --------
        >>> recall_at_k([[0.9, 0.1, 0.4], [0.2, 0.8, 0.7]], [0, 1, 0]).hits("text_to_image", 1)
        array([1., 1., 0.])
        """
        if direction not in self.ranks:
            raise InputError(f"direction {direction!r} is unknown; use one of {', '.join(self.ranks)}{nearest(direction, self.ranks)}")
        if not is_count(k):
            raise InputError(f"k {k!r} must be a whole number of at least 1")
        ranks = self.ranks[direction]
        return np.where(np.isnan(ranks), np.nan, ranks <= k)  # NaN <= k is False, a miss, but these are no queries

    def __str__(self) -> str:
        lines = [
            f"protocol {self['protocol']}: {counted(self['images'], 'image')}, {counted(self['captions'], 'caption')}, ties: {self['ties']}"
        ]
        for direction in ("image_to_text", "text_to_image"):
            recalls = "  ".join(f"R@{k} {value:6.2f}" for k, value in self[direction].items())
            lines.append(f"{direction}  {recalls}  median rank {self['median_rank'][direction]:g}")
        return "\n".join([*lines, f"rsum {self['rsum']:.2f}"])


def recall_at_k(
    similarity: Any,
    image_of_caption: Any,
    ks: Sequence[int] = (1, 5, 10),
    *,
    protocol: str | Protocol = "any",
    ties: str = "realistic",
) -> RecallResult:
    """Recall at K of image-sentence matching in both directions, computed by counting instead of sorting.

    Parameters
    ----------
    similarity : array or tensor, shape (images, captions)
        Higher is better.
    image_of_caption : array or tensor of int, shape (captions,)
        Index of the image that each caption describes. Images may have any number of captions; those without one are no queries.
    ks : sequence of int
        The K of R@K.
    protocol : str or Protocol
        A name in ``PROTOCOLS`` ("any", "flickr-1k", "coco-1k-5fold", "coco-5k") or your own.
    ties : {"realistic", "optimistic", "pessimistic"}
        Rank of a matching item among non-matching ones with the same score: in the middle (default), before or after all of them.

    Returns
    -------
    RecallResult
        A dictionary: ``image_to_text`` and ``text_to_image`` (each {K: percent}), ``rsum`` (their sum), ``median_rank`` and ``mean_rank``
        (by direction; the best rank is 1, and the median is rounded down as is customary), ``tied_queries`` (by direction: the number of
        ranks that depend on ``ties``), ``images``, ``captions``, ``images_without_caption``, ``protocol``, ``ties``. Its attribute
        ``ranks`` has the rank of every query.

    Raises
    ------
    InputError
        If shapes are wrong, a score is not finite, a caption's image does not exist, a K is below 1, an option is unknown, or the number of
        images is not the protocol's.

    Examples
    --------
    >>> import numpy as np
    >>> image, caption = np.ogrid[:3, :15]
    >>> print(recall_at_k(np.sin(7 * image + 3 * caption + 1), np.repeat([0, 1, 2], 5)))
    protocol any: 3 images, 15 captions, ties: realistic
    image_to_text  R@1  33.33  R@5 100.00  R@10 100.00  median rank 4
    text_to_image  R@1  26.67  R@5 100.00  R@10 100.00  median rank 2
    rsum 460.00

    Query by query, for :func:`hetero_xmodal.metrics.bootstrap_interval` and :func:`hetero_xmodal.metrics.paired_comparison` (see also
    :meth:`RecallResult.hits`):

    >>> recall_at_k([[0.9, 0.1, 0.4], [0.2, 0.8, 0.7]], [0, 1, 0]).ranks
    {'image_to_text': array([1., 1.]), 'text_to_image': array([1., 1., 2.])}
    """
    similarity = matrix(similarity, "similarity")
    images, captions = similarity.shape
    owner = owners(image_of_caption, images, captions)
    ks = tuple(ks)
    if not ks or not all(is_count(k) for k in ks):
        raise InputError(f"ks {ks!r} must hold whole numbers of at least 1")
    protocol = protocol_for(protocol, images)
    if ties not in ("realistic", "optimistic", "pessimistic"):
        raise InputError(f"ties {ties!r} is unknown; use 'realistic', 'optimistic' or 'pessimistic'")

    fold_size = images // protocol.folds
    folds = []
    queries = []  # of each fold: which images, which captions
    for start in range(0, images, fold_size):
        columns = np.flatnonzero((owner >= start) & (owner < start + fold_size))
        if not len(columns):
            raise InputError(f"images {start} to {start + fold_size - 1} have no caption at all; nothing can be measured there")
        part = similarity[start : start + fold_size]
        folds.append(_ranks(part if len(columns) == captions else part[:, columns], owner[columns] - start))
        queries.append((np.unique(owner[columns]), columns))

    result = RecallResult()
    result.ranks = {}
    for direction in (0, 1):
        name = ("image_to_text", "text_to_image")[direction]
        ranks = [_place_ties(*fold[direction], ties) for fold in folds]
        result.ranks[name] = np.full((images, captions)[direction], np.nan)
        for own, r in zip(queries, ranks, strict=True):
            result.ranks[name][own[direction]] = r
        result[name] = {k: float(np.mean([100.0 * np.mean(r <= k) for r in ranks])) for k in ks}
        result.setdefault("median_rank", {})[name] = float(np.mean([np.floor(np.median(r - 1)) + 1 for r in ranks]))
        result.setdefault("mean_rank", {})[name] = float(np.mean([np.mean(r) for r in ranks]))
        result.setdefault("tied_queries", {})[name] = int(sum(np.count_nonzero(fold[direction][1]) for fold in folds))
    result["rsum"] = float(sum(result["image_to_text"].values()) + sum(result["text_to_image"].values()))
    result.update(images=images, captions=captions, images_without_caption=images - len(np.unique(owner)))
    result.update(protocol=protocol.name, ties=ties)
    return result


def _ranks(similarity: np.ndarray, owner: np.ndarray):
    """For both directions: numbers of non-matching items with a higher score than the best matching one, and with the same score."""
    images, captions = similarity.shape
    own_score = similarity[owner, np.arange(captions)]  # score of every caption with its image
    best_own = np.full(images, -np.inf, dtype=similarity.dtype)
    np.maximum.at(best_own, owner, own_score)
    above, at_least = np.zeros(images, np.int64), np.zeros(images, np.int64)  # per image: captions
    caption_above, caption_at_least = np.zeros(captions, np.int64), np.zeros(captions, np.int64)  # per caption: images
    for start in range(0, images, 255):  # the counters are bytes
        bytes_above, bytes_at_least = np.zeros(captions, np.uint8), np.zeros(captions, np.uint8)
        block = np.ascontiguousarray(similarity[start : start + 255])
        for i, row in enumerate(block, start):  # one image at a time: its row stays in the CPU cache
            if not np.isfinite(row).all():
                raise InputError(f"similarity of image {i} holds NaN or infinity; every score must be a finite number")
            above[i] = np.count_nonzero(row > best_own[i])
            at_least[i] = np.count_nonzero(row >= best_own[i])
            bytes_above += (row > own_score).view(np.uint8)
            bytes_at_least += (row >= own_score).view(np.uint8)
        caption_above += bytes_above
        caption_at_least += bytes_at_least
    has_caption = np.bincount(owner, minlength=images) > 0
    own_at_best = np.bincount(owner, weights=own_score == best_own[owner], minlength=images).astype(np.int64)
    return (above[has_caption], (at_least - above - own_at_best)[has_caption]), (caption_above, caption_at_least - caption_above - 1)


def _place_ties(above: np.ndarray, tied: np.ndarray, ties: str) -> np.ndarray:
    return above + 1 + {"optimistic": 0.0, "realistic": 0.5, "pessimistic": 1.0}[ties] * tied


# ---- helpers of mean average precision ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Options:
    queries: int
    k: int | None
    ties: str
    empty: str
    denominator: str


def _check_options(shape: tuple[int, int], k: int | None, ties: str, empty: str, denominator: str) -> _Options:
    for name, value, choices in (("ties", ties, TIES), ("empty", empty, EMPTY), ("denominator", denominator, ("found", "possible"))):
        if value not in choices:
            raise InputError(f"{name} {value!r} is unknown; use one of {', '.join(choices)}{nearest(value, choices)}")
    if k is not None and not is_count(k):
        raise InputError(f"k {k!r} must be a whole number of at least 1, or None for the whole ranking")
    return _Options(shape[0], None if k is None else min(int(k), shape[1]), ties, empty, denominator)


def _average_precision_block(scores: np.ndarray, relevant: np.ndarray, start: int, options: _Options) -> np.ndarray:
    highest, lowest = scores.max(), scores.min()  # NaN if any is NaN
    if not highest < np.inf or np.isnan(lowest):
        row, column = np.argwhere(~(scores < np.inf))[0]
        raise InputError(f"similarity of query {start + row} and gallery item {column} is {scores[row, column]}; it must be a number")
    hits, same = rank_block(scores, relevant)
    return average_precision_of_rows(hits, same, k=options.k, ties=options.ties, denominator=options.denominator)


def _mean(values: np.ndarray, options: _Options) -> MeanAveragePrecision:
    missing = np.isnan(values)
    count = int(missing.sum())
    if count and options.empty == "error":
        raise InputError(
            f"{count} of {len(values)} queries have no relevant gallery item, the first is query {int(missing.argmax())}; "
            "use empty='skip' or 'zero' to go on"
        )
    if count == len(values) and options.empty == "skip":
        raise InputError(f"none of the {len(values)} queries has a relevant gallery item; check that labels and rows belong together")
    result = MeanAveragePrecision(np.where(missing, 0.0, values).mean() if options.empty == "zero" else values[~missing].mean())
    result.per_query, result.queries, result.empty_queries = values, len(values), count
    ranks = "mAP over all ranks" if options.k is None else f"mAP@{options.k} divided by relevant items {options.denominator}"
    result.definition = f"{ranks}, ties: {options.ties}, queries without a relevant item: {options.empty} ({count} of {len(values)})"
    return result


def _rows_per_block(columns: int, *, budget: int) -> int:
    return max(1, budget // columns)
