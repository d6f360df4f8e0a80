"""Sorting and counting for mean average precision, vectorised over rankings."""

from __future__ import annotations

import numpy as np


def rank_block(scores: np.ndarray, relevant: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sort every row by descending score.

    Parameters
    ----------
    scores : numpy.ndarray of float32 or float64, shape (rows, n)
    relevant : numpy.ndarray of bool, shape (rows, n)

    Returns
    -------
    hits : numpy.ndarray of bool, shape (rows, n)
        Whether the item at each rank is relevant, best rank first.
    same : numpy.ndarray of bool, shape (rows, n - 1)
        Whether the items at a rank and the next one have equal scores (their order is then arbitrary).

    Examples
    --------
    >>> hits, same = rank_block(np.float32([[0.1, 0.7, 0.1]]), np.array([[True, False, False]]))
    >>> int(hits[0].sum()), bool(hits[0, 0]), same.tolist()
    (1, False, [[False, True]])
    """
    # Sorting numbers is several times as fast as sorting indices and gathering by them, so the last bit of each number carries
    # the relevance through the sort. A float64 has 29 more bits than a float32, so no precision of float32 scores is lost.
    key = np.negative(scores, dtype=np.float64)
    key += 0.0  # turns -0.0 into 0.0: they are equal scores and must be equal keys
    np.minimum(key, 1e300, out=key)  # infinity has no spare bit
    bits = key.view(np.uint64)
    bits &= ~np.uint64(1)
    bits |= relevant
    key.sort(axis=1)
    hits = (bits & np.uint64(1)).astype(bool)
    same = (bits[:, 1:] ^ bits[:, :-1]) <= 1
    if scores.dtype != np.float32:
        # Here the last bit was part of the number: rows with two equal keys are sorted again, exactly.
        ambiguous = np.flatnonzero(same.any(axis=1))
        if len(ambiguous):
            order = np.argsort(-scores[ambiguous], axis=1)
            hits[ambiguous] = np.take_along_axis(relevant[ambiguous], order, axis=1)
            ranked = np.take_along_axis(scores[ambiguous], order, axis=1)
            same[ambiguous] = ranked[:, 1:] == ranked[:, :-1]
    return hits, same


def average_precision_of_rows(hits: np.ndarray, same: np.ndarray, *, k: int | None, ties: str, denominator: str) -> np.ndarray:
    """Average precision of every ranking, (rows,); NaN if no item is relevant.

    The precision at a hit is (hits up to and including it) / (its rank). A *group* of equal scores that contains both hits and misses is
    summed as a whole, in closed form.

    Parameters
    ----------
    hits, same
        (rows, n) and (rows, n - 1), as returned by :func:`rank_block`.
    k, ties, denominator
        As in :func:`hetero_xmodal.metrics.mean_average_precision`.

    Examples
    --------
    >>> average_precision_of_rows(np.array([[True, False]]), np.array([[True]]), k=None, ties="expected", denominator="found").tolist()
    [0.75]
    """
    rows, n = hits.shape
    reach = n if k is None else k
    all_hits = np.count_nonzero(hits, axis=1)
    hits_above_row = np.cumsum(all_hits) - all_hits
    place_of_hit = np.flatnonzero(hits)  # flat: row * n + column
    row = np.repeat(np.arange(rows), all_hits)
    place = place_of_hit + 1 - np.repeat(np.arange(rows) * n, all_hits)  # rank in the row, from 1
    nth = np.arange(1, len(row) + 1) - np.repeat(hits_above_row, all_hits)  # the hit's number within its row
    precision = nth / place
    found = all_hits
    if reach < n:
        precision[place > reach] = 0.0
        found = np.count_nonzero(hits[:, :reach], axis=1)
    settled = np.full(rows, np.nan)  # values of rows in which k cuts a group of equal scores

    first, size = _groups(same)
    before = np.searchsorted(place_of_hit, first)  # hits above the group, in this row and those before it
    inside = np.searchsorted(place_of_hit, first + size) - before
    mixed = (inside > 0) & (first % n < reach)
    first, size, before, inside = first[mixed], size[mixed], before[mixed], inside[mixed]
    # tied hits (numbers before ... before + inside - 1 of each group) have no rank of their own
    precision[np.repeat(before - (np.cumsum(inside) - inside), inside) + np.arange(inside.sum())] = 0.0
    total = np.bincount(row, weights=precision, minlength=rows).astype(np.float64)
    if len(first):
        group_row = first // n
        first = first - group_row * n
        before = before - hits_above_row[group_row]
        visible = np.minimum(size, reach - first)  # number of ranks of the group within the first k
        value, group_hits = _group_value(first, size, before, inside, visible, ties)
        cut = np.flatnonzero(visible < size)  # at most one per row
        if len(cut) and denominator == "found":
            found[group_row[cut]] = before[cut] + group_hits[cut]
            if ties == "expected":
                above = total + np.bincount(np.delete(group_row, cut), weights=np.delete(value, cut), minlength=rows)
                for c in cut:
                    settled[group_row[c]] = _expected_ratio(above[group_row[c]], first[c], size[c], before[c], inside[c], visible[c])
        total += np.bincount(group_row, weights=value, minlength=rows)

    if k is not None and denominator == "found":
        result = total / np.maximum(found, 1e-300)  # no hit among the first k: 0
    else:
        result = total / np.maximum(np.minimum(all_hits, reach), 1)
    result = np.where(np.isnan(settled), result, settled)
    result[all_hits == 0] = np.nan
    return result


def _groups(same: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Groups of equal scores: flat index (row * n + column) of the first item, and number of items."""
    n = same.shape[1] + 1
    pair = np.flatnonzero(same)  # pair j of a row: ranks j and j + 1 have equal scores
    row, column = np.divmod(pair, max(n - 1, 1))
    place = row * n + column
    begins = np.ones(len(pair), dtype=bool)
    begins[1:] = place[1:] != place[:-1] + 1  # the last pair of a row and the first of the next one are two apart
    start = np.flatnonzero(begins)
    return place[start], np.diff(start, append=len(pair)) + 1


def _group_value(first, size, before, inside, shown, ties: str) -> tuple[np.ndarray, np.ndarray]:
    """Sum of precisions over the first *shown* ranks of groups of equal scores, and the (expected) number of hits there.

    With H the harmonic numbers, a run of r hits at ranks a+1 ... a+r with h hits above it sums to

        sum_j (h + j) / (a + j) = r + (h - a) (H(a + r) - H(a)).

    In a random order, rank j of the group is a hit with probability inside / size, and then (j - 1) rho hits are expected
    on the j - 1 ranks of the group above it, where rho = (inside - 1) / (size - 1).
    """
    harmonic = np.concatenate([[0.0], np.cumsum(1.0 / np.arange(1, int((first + size).max(initial=0)) + 1))])
    if ties == "expected":
        rho = (inside - 1) / (size - 1)
        value = inside / size * (shown * rho + (before + 1 - rho * (first + 1)) * (harmonic[first + shown] - harmonic[first]))
        return value, inside / size * shown
    misses = size - inside
    start = first if ties == "optimistic" else first + misses
    run = np.minimum(inside, shown) if ties == "optimistic" else np.maximum(0, shown - misses)
    return run + (before - start) * (harmonic[start + run] - harmonic[start]), run


def _expected_ratio(above: float, first: int, size: int, before: int, inside: int, shown: int) -> float:
    """Expected average precision over the hits found if k cuts a group: the number of hits shown is hypergeometric."""
    from scipy.stats import hypergeom

    x = np.arange(max(0, shown - (size - inside)), min(inside, shown) + 1)
    chance = hypergeom.pmf(x, size, inside, shown)
    harmonic = np.sum(1.0 / np.arange(first + 1, first + shown + 1))
    rho = (x - 1) / max(shown - 1, 1)
    value = x / shown * (shown * rho + (before + 1 - rho * (first + 1)) * harmonic)
    return float(np.sum(chance * np.where(before + x > 0, (above + value) / np.maximum(before + x, 1), 0.0)))
