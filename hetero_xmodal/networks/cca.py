"""Canonical correlation analysis: the directions in which two views of the same items are most correlated."""

from __future__ import annotations

import numpy as np

from ..errors import InputError


def canonical_directions(cxx: np.ndarray, cyy: np.ndarray, cxy: np.ndarray, ridge: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Canonical directions of both views and their correlations, from the singular value decomposition of ``Cxx^-1/2 Cxy Cyy^-1/2``.

    Parameters
    ----------
    cxx, cyy, cxy : numpy.ndarray of float64, shapes (p, p), (q, q), (p, q)
        Covariances.
    ridge : float
        Added to the diagonals, in units of the mean variance.

    Returns
    -------
    image directions (p, r), text directions (q, r), correlations (r,), where r is min(p, q) or less if directions lack variance.

    Raises
    ------
    InputError
        If *ridge* is negative or all features of one view are constant.
    """
    if ridge < 0:
        raise InputError(f"ridge is {ridge}; it must be 0 or more")
    white_x, white_y = _whitening(cxx, ridge), _whitening(cyy, ridge)
    a, correlations, b = np.linalg.svd(white_x.T @ cxy @ white_y, full_matrices=False)
    return white_x @ a, white_y @ b.T, correlations


def _whitening(covariance: np.ndarray, ridge: float) -> np.ndarray:
    values, vectors = np.linalg.eigh(covariance)
    if values[-1] <= 0:
        raise InputError("the features of one side are constant, so they correlate with nothing; give features that vary")
    keep = values > 1e-10 * values[-1]  # directions without variance carry no correlation
    return vectors[:, keep] / np.sqrt(values[keep] + ridge * values.mean())
