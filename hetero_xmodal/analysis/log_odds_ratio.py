"""Which words two groups use differently: log-odds ratios with an informative Dirichlet prior, with intervals.

Monroe, Colaresi and Quinn (2008), *Fightin' words*, equations 15 to 22, with the whole variance (19): a word's counts in both groups are
smoothed by pseudo-counts that
follow its frequency overall, so that a word that occurs twice, both times in one group, is not the most telling one.

>>> table = log_odds([30, 1], [10, 1], total_a=100, total_b=100)
>>> table["few"].tolist(), bool(table["low"][0] > 0), bool(table["low"][1] < 0 < table["high"][1])
([False, True], True, True)
"""

from __future__ import annotations

import numpy as np
import pandas as pd

#: a count in both groups together below this is marked as too small to rest anything on
FEW = 10
#: pseudo-counts of the prior, all words together
PRIOR_COUNT = 100.0
_Z95 = 1.959963984540054  # quantile .975 of the normal distribution


def log_odds(a, b, *, total_a, total_b, prior=None, prior_count: float = PRIOR_COUNT) -> pd.DataFrame:
    """Log-odds ratio of each word in group a against group b, with its 95 % interval.

    Parameters
    ----------
    a, b : counts (n,) of n words in each group.
    total_a, total_b : counts of all words in each group, a number or (n,).
    prior : shares (n,) of the words that the pseudo-counts follow; by default those of both groups together.
    prior_count : pseudo-counts of all words together.

    Returns
    -------
    Columns ``log-odds`` (natural logarithm, positive: more in a), ``low``, ``high`` (95 %), ``z`` (log-odds / its standard error), and
    ``few``: fewer than ten in both groups together.
    """
    a, b, total_a, total_b = (np.asarray(values, float) for values in (a, b, total_a, total_b))
    share = (a + b) / np.maximum(total_a + total_b, 1) if prior is None else np.asarray(prior, float)
    alpha = np.clip(prior_count * share, 1e-3, prior_count - 1e-3)
    ends = [(k + alpha, np.maximum(n + prior_count - k - alpha, 1e-9)) for k, n in ((a, total_a), (b, total_b))]
    delta = np.log(ends[0][0] / ends[0][1]) - np.log(ends[1][0] / ends[1][1])
    error = np.sqrt(sum(1 / having + 1 / lacking for having, lacking in ends))
    columns = {"log-odds": delta, "low": delta - _Z95 * error, "high": delta + _Z95 * error, "z": delta / error, "few": a + b < FEW}
    return pd.DataFrame(columns)


def wilson(successes, trials) -> tuple[np.ndarray, np.ndarray]:
    """The 95 % interval (Wilson, 1927) of a share: low (n,), high (n,); 0..1 where there are no trials.

    >>> [round(float(end[0]), 3) for end in wilson([5], [10])]
    [0.237, 0.763]
    """
    k, n = np.asarray(successes, float), np.asarray(trials, float)
    safe = np.maximum(n, 1)
    share, z2 = k / safe, _Z95**2
    middle = (share + z2 / (2 * safe)) / (1 + z2 / safe)
    half = _Z95 * np.sqrt(share * (1 - share) / safe + z2 / (4 * safe**2)) / (1 + z2 / safe)
    return np.where(n > 0, middle - half, 0.0), np.where(n > 0, middle + half, 1.0)


def chance(count, of_group, of_word, total: int) -> np.ndarray:
    """Probability (n,) that a group has a word at least *count* times by chance: Fisher's exact test, one-sided.

    count, of_group, of_word : (n,) how often the group has the word, all words of the group, and how often the word occurs in all groups.
    total : all words of all groups.

    >>> chance([5], [5], [5], 10).round(4).tolist()
    [0.004]
    """
    from scipy.stats import hypergeom

    k, drawn, good = (np.asarray(values, np.int64) for values in (count, of_group, of_word))
    return hypergeom.sf(k - 1, int(total), good, drawn)


def threshold(tests: int, level: float = 0.01) -> float:
    """The z above which one of so many tests is significant at a level for all together (Bonferroni, both sides).

    >>> round(threshold(1, 0.05), 2), round(threshold(1000, 0.05), 2)
    (1.96, 4.06)
    """
    from scipy.stats import norm

    return float(norm.isf(level / 2 / max(tests, 1)))
