"""Statistical uncertainty: bootstrap intervals of a mean over queries, and paired comparison of two methods.

Both take one value per query, such as ``mean_average_precision(...).per_query`` or ``recall_at_k(...).hits(direction, 5)``, and quantify
the variation over *queries*; they do not cover the variation over training seeds or galleries.

Dependent values must be resampled together: the results of the five captions of one image are correlated, and an interval that treats them
as five independent queries is too narrow. ``groups`` gives the image of each query. Resampling is scipy's
(:func:`scipy.stats.bootstrap`, :func:`scipy.stats.permutation_test`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import InputError
from .arrays import array, is_count

#: values held in memory while resampling, so that 25,000 captions do not need gigabytes
_HELD = 2**22


@dataclass(frozen=True)
class Interval:
    """A statistic with its confidence interval.

    Attributes
    ----------
    value : the statistic of the given queries.
    low, high : bounds of the interval.
    n : number of queries.
    groups : number of units resampled: the groups, or *n* if every query is its own.
    level : nominal confidence level.
    """

    value: float
    low: float
    high: float
    n: int
    groups: int
    level: float

    def __str__(self) -> str:
        units = "" if self.groups == self.n else f" in {self.groups:,} groups"
        return f"{self.value:.4f} [{self.low:.4f}, {self.high:.4f}] ({100 * self.level:g} % interval, {self.n:,} queries{units})"


@dataclass(frozen=True)
class PairedComparison:
    """Comparison of two methods on the same queries.

    Attributes
    ----------
    first, second : mean value of each.
    difference : ``first - second`` with its interval; above 0 if the first one has the higher mean.
    p_value : two-sided p-value of the permutation test, whose null hypothesis is that the methods are exchangeable.
    wins, losses, ties : numbers of queries on which the first value is higher, lower, equal.
    """

    first: float
    second: float
    difference: Interval
    p_value: float
    wins: int
    losses: int
    ties: int

    @property
    def n(self) -> int:
        """Number of queries."""
        return self.difference.n

    def __str__(self) -> str:
        return (
            f"{self.first:.4f} against {self.second:.4f}: difference {self.difference}; "
            f"p = {self.p_value:.4f}; {self.wins:,} wins, {self.losses:,} losses, {self.ties:,} ties"
        )


def bootstrap_interval(
    per_query: Any,
    *,
    groups: Any = None,
    statistic: Callable[[np.ndarray], float] | None = None,
    level: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> Interval:
    """Percentile bootstrap interval of a statistic over queries.

    Parameters
    ----------
    per_query : array or tensor, shape (queries,)
        One finite value per query. Exclude queries without one: ``values[~np.isnan(values)]``.
    groups : array or tensor of int or str, shape (queries,), optional
        Queries with the same entry are resampled together. Default: each query on its own.
    statistic : callable, optional
        From values (m,) to one number, such as ``np.median``. Default: the mean, which is much faster.
    level : float
        Confidence level, between 0 and 1.
    resamples : int
        Number of bootstrap samples.
    seed : int
        Random seed.

    Returns
    -------
    Interval
        ``value``, ``low``, ``high``, ``n``, ``groups`` and ``level``.

    Raises
    ------
    InputError
        If shapes differ, a value is not finite, there are fewer than two queries or groups, or an option is out of range.

    References
    ----------
    Efron and Tibshirani (1993), "An introduction to the bootstrap", chapter 13.

    Examples
    --------
    >>> hits = [1, 0, 1, 1, 0, 1, 1, 1, 0, 1]
    >>> print(bootstrap_interval(hits))
    0.7000 [0.4000, 1.0000] (95 % interval, 10 queries)

    Twenty captions of four images, one of which is never found, are less informative than twenty captions of twenty images:

    >>> hits = [1] * 15 + [0] * 5
    >>> print(bootstrap_interval(hits))
    0.7500 [0.5500, 0.9000] (95 % interval, 20 queries)
    >>> print(bootstrap_interval(hits, groups=np.arange(20) // 5))
    0.7500 [0.2500, 1.0000] (95 % interval, 20 queries in 4 groups)
    """
    values = _per_query(per_query, "per_query")
    members = _members(groups, len(values))
    _check(level, resamples, seed)
    return _bootstrap(values, members, statistic, level, resamples, seed)


def paired_comparison(
    first: Any,
    second: Any,
    *,
    groups: Any = None,
    level: float = 0.95,
    resamples: int = 2000,
    permutations: int = 9999,
    seed: int = 0,
) -> PairedComparison:
    """Compare two methods on the same queries: mean difference, its interval, and a permutation test.

    If the methods are exchangeable, the sign of the difference of any query (or group) is random. The p-value is the two-sided share of
    sign flips with a mean difference at least as far from 0. For up to 13 queries (or groups) with different values, all flips are
    evaluated and the test is exact; for more, ``permutations`` random ones, and the p-value is at least ``2 / (permutations + 1)``.

    Parameters
    ----------
    first, second : array or tensor, shape (queries,)
        One finite value per query of each method, in the same order, of which higher is better (hits, average precision, 1 / rank).
    groups : array or tensor of int or str, shape (queries,), optional
        Queries with the same entry are flipped and resampled together.
    level, resamples, seed
        As in :func:`bootstrap_interval`.
    permutations : int
        Maximum number of sign flips.

    Returns
    -------
    PairedComparison
        ``first``, ``second``, ``difference`` (an :class:`Interval`), ``p_value``, ``wins``, ``losses``, ``ties``, ``n``.

    Raises
    ------
    InputError
        If the numbers of queries differ, or as in :func:`bootstrap_interval`.

    References
    ----------
    Smucker, Allan and Carterette (2007), "A comparison of statistical significance tests for information retrieval evaluation".

    Examples
    --------
    >>> ours, theirs = [1, 1, 1, 1, 1, 1, 0, 1], [0, 0, 1, 0, 0, 0, 0, 0]
    >>> result = paired_comparison(ours, theirs)
    >>> result.difference.value, result.p_value, (result.wins, result.losses, result.ties)
    (0.75, 0.03125, (6, 0, 2))
    """
    first, second = _per_query(first, "first"), _per_query(second, "second")
    if len(first) != len(second):
        raise InputError(f"first has {len(first)} values but second {len(second)}; both must be of the same queries, in the same order")
    members = _members(groups, len(first))
    _check(level, resamples, seed)
    if not is_count(permutations):
        raise InputError(f"permutations {permutations!r} must be a whole number of at least 1")
    difference = first - second
    return PairedComparison(
        first=float(first.mean()),
        second=float(second.mean()),
        difference=_bootstrap(difference, members, None, level, resamples, seed),
        p_value=_sign_flips(difference if members is None else _sums(difference, members), permutations, seed),
        wins=int((difference > 0).sum()),
        losses=int((difference < 0).sum()),
        ties=int((difference == 0).sum()),
    )


def _bootstrap(values: np.ndarray, members: np.ndarray | None, statistic: Any, level: float, resamples: int, seed: int) -> Interval:
    from scipy.stats import bootstrap

    units = len(values) if members is None else int(members.max()) + 1
    options: dict[str, Any] = {"vectorized": True, "paired": members is not None and statistic is None}
    if statistic is None and members is None:
        data, resampled = (values,), np.mean
    elif statistic is None:  # a mean over resampled groups depends only on the sum and the size of each group
        data = (_sums(values, members), np.bincount(members).astype(float))

        def resampled(sums, sizes, axis=-1):
            return sums.sum(axis) / sizes.sum(axis)
    elif members is None:
        data, resampled, options["vectorized"] = (values,), _one_number(statistic), False
    else:
        order = np.argsort(members, kind="stable")
        parts = np.split(values[order], np.cumsum(np.bincount(members))[:-1])
        data, options["vectorized"] = (np.arange(units),), False
        checked = _one_number(statistic)

        def resampled(drawn):
            return checked(np.concatenate([parts[k] for k in drawn]))

    found = bootstrap(
        data, resampled, confidence_level=level, n_resamples=int(resamples), batch=max(1, _HELD // units), method="percentile",
        rng=np.random.default_rng(seed), **options,
    ).confidence_interval  # fmt: skip
    value = values.mean() if statistic is None else _one_number(statistic)(values)
    return Interval(float(value), float(found.low), float(found.high), len(values), units, float(level))


def _sign_flips(differences: np.ndarray, permutations: int, seed: int) -> float:
    from scipy.stats import permutation_test

    flipping = differences[differences != 0]  # zeros do not affect the sums; without them, the test is exact more often
    if len(flipping) < 2:  # at most one difference: both of its signs are equally far from 0
        return 1.0
    return float(
        permutation_test(
            (flipping,), np.sum, permutation_type="samples", vectorized=True, n_resamples=int(permutations),
            batch=max(1, _HELD // len(flipping)), rng=np.random.default_rng(seed),
        ).pvalue
    )  # fmt: skip


def _sums(values: np.ndarray, members: np.ndarray) -> np.ndarray:
    return np.bincount(members, weights=values)


def _one_number(statistic: Callable[[np.ndarray], float]) -> Callable[[np.ndarray], float]:
    def checked(values: np.ndarray) -> float:
        result = np.asarray(statistic(values))
        if result.size != 1:
            raise InputError(f"statistic returned shape {result.shape} for values of shape {values.shape}; it must return one number")
        return float(result.item())

    return checked


def _per_query(values: Any, name: str) -> np.ndarray:
    values = array(values, name)
    if values.ndim != 1:
        raise InputError(f"{name} has shape {values.shape}; it must hold one value per query, shape (queries,)")
    if len(values) < 2:
        raise InputError(f"{name} has {len(values)} values; at least two queries are needed to tell how much they differ")
    values = values.astype(np.float64)
    wrong = np.flatnonzero(~np.isfinite(values))
    if len(wrong):
        raise InputError(
            f"{name} of query {wrong[0]} is {values[wrong[0]]} ({len(wrong)} of {len(values)} are not finite); "
            "exclude queries without a relevant item, in both methods alike"
        )
    return values


def _members(groups: Any, n: int) -> np.ndarray | None:
    """Index of the group of every query; None if each query is its own."""
    if groups is None:
        return None
    groups = np.asarray(groups.detach().cpu() if hasattr(groups, "detach") else groups)
    if groups.shape != (n,):
        raise InputError(f"groups has shape {groups.shape}; it must name one group per query, shape ({n},)")
    if groups.dtype.kind not in "iuUSb":
        raise InputError(f"groups holds {groups.dtype} values; name groups by whole numbers or words")
    names, members = np.unique(groups, return_inverse=True)
    if len(names) < 2:
        raise InputError("groups has one group only; at least two are needed to tell how much they differ")
    return members


def _check(level: float, resamples: int, seed: int) -> None:
    if isinstance(level, bool) or not isinstance(level, (int, float, np.floating)) or not 0 < level < 1:
        raise InputError(f"level {level!r} must be a number between 0 and 1, such as 0.95")
    if not is_count(resamples):
        raise InputError(f"resamples {resamples!r} must be a whole number of at least 1")
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0:
        raise InputError(f"seed {seed!r} must be a whole number of at least 0")
