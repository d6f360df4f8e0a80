"""Linear methods in closed form: CFA, CCA, PLS-C2A and ml-CCA. X (n, d_image) and Y (n, d_text) are centred features of pairs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from ...data.features import FeatureSplit
from ...errors import InputError
from ...networks.cca import canonical_directions
from .base import LinearBaseline


@dataclass(frozen=True)
class CFAConfig:
    """dims : dimensions of the common space; None: selected on validation pairs, without them all."""

    dims: int | None = None


class CFA(LinearBaseline):
    """Cross-modal factor analysis (Li et al. 2003): orthogonal A, B that minimise ``||X A - Y B||``, the singular vectors of ``X^T Y``.

    Attributes
    ----------
    singular_values : numpy.ndarray, shape (min(d_image, d_text),)

    Examples
    --------
    >>> method = CFA().fit([[1, 0], [0, 2], [-1, -2]], [[0, 1], [2, 0], [-2, -1]], [[1, 0], [0, 1], [1, 1]])
    >>> method.singular_values.round(6).tolist()
    [8.605551, 1.394449]
    """

    name = "CFA"
    Config = CFAConfig

    def _solutions(self, train: FeatureSplit, *, choose: bool):
        a, self.singular_values, b = np.linalg.svd(train.images.astype(np.float64).T @ train.texts, full_matrices=False)
        yield from self._leading(self.config, a, b.T, choose=choose)


@dataclass(frozen=True)
class CCAConfig:
    """Settings of CCA.

    ridge : added to both covariances in units of their mean diagonal, which reduces the weight of directions of low variance; None:
        selected on validation pairs, without them 0.001.
    power : every direction is scaled by this power of its correlation (Gong et al. 2014). 1 reduces the weight of weakly correlated
        directions; 0 is standard CCA, where ``dims`` must exclude them.
    dims : dimensions of the common space; None: all, or, with power 0, selected on validation pairs.
    """

    ridge: float | None = None
    power: float = 1.0
    dims: int | None = None


class CCA(LinearBaseline):
    """Regularised canonical correlation analysis, by one singular value decomposition.

    (scikit-learn's ``CCA`` finds the same directions iteratively and without a ridge; a test compares the two.)

    Attributes
    ----------
    correlations : numpy.ndarray
        Canonical correlations, the largest first.

    Examples
    --------
    >>> x = np.random.default_rng(0).normal(size=(50, 3))
    >>> y = x @ [[1, 2, 0], [0, 1, 1], [1, 0, 2]] + 5
    >>> CCA(CCAConfig(ridge=0.0)).fit(x, y, np.eye(2)[np.arange(50) % 2]).correlations.round(4).tolist()
    [1.0, 1.0, 1.0]
    """

    name = "CCA"
    Config = CCAConfig

    def _solutions(self, train: FeatureSplit, *, choose: bool):
        covariances = self._covariances(*(values.astype(np.float64) for values in (train.images, train.texts, train.labels)))
        ridges = [self.config.ridge] if self.config.ridge is not None else [10.0, 3.0, 1.0, 0.3, 0.1, 0.01, 0.001] if choose else [0.001]
        for ridge in ridges:
            image_weights, text_weights, self._correlations[ridge] = canonical_directions(*covariances, ridge)
            scale = self._correlations[ridge] ** self.config.power
            config = replace(self.config, ridge=ridge)
            yield from self._leading(config, image_weights * scale, text_weights * scale, choose=choose and self.config.power == 0)

    def _fit(self, train: FeatureSplit, validation: FeatureSplit | None) -> None:
        self._correlations = {}
        super()._fit(train, validation)
        self.correlations = self._correlations.pop(self.config.ridge)

    def _covariances(self, x: np.ndarray, y: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return x.T @ x / len(x), y.T @ y / len(x), x.T @ y / len(x)


@dataclass(frozen=True)
class MLCCAConfig(CCAConfig):
    """Settings of ml-CCA: those of CCA, and

    weight : of an image and a text with labels y and z as a pair: ``cosine`` of y and z, or ``exp``: exp(-|y - z|^2 / width).
    width : of ``exp``.
    """

    weight: Literal["cosine", "exp"] = "cosine"
    width: float = 1.0


class MLCCA(CCA):
    """Multi-label CCA (Ranjan et al. 2015): CCA over all image-text combinations, weighted by the similarity of their labels.

    The three covariances have the same weights f(y_i, y_j), so that items count as often as they occur in pairs.
    """

    name = "ml-CCA"
    Config = MLCCAConfig

    def _covariances(self, x: np.ndarray, y: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        partners, total = np.empty_like(y), np.empty(len(x))  # sum_j f(i, j) y_j and sum_j f(i, j)
        for rows in np.array_split(np.arange(len(x)), -(-(len(x) ** 2) // 4_000_000)):  # blocks of at most about 30 MB
            weights = self._weights(labels[rows], labels)
            partners[rows], total[rows] = weights @ y, weights.sum(axis=1)
        z = total.sum()
        return (x * total[:, None]).T @ x / z, (y * total[:, None]).T @ y / z, x.T @ partners / z

    def _weights(self, some: np.ndarray, labels: np.ndarray) -> np.ndarray:
        if self.config.weight == "exp":
            squares = (some**2).sum(axis=1)[:, None] - 2 * some @ labels.T + (labels**2).sum(axis=1)
            return np.exp(-squares / self.config.width)
        if self.config.weight == "cosine":
            return unit_rows(some) @ unit_rows(labels).T
        raise InputError(f"ml-CCA: weight {self.config.weight!r} is unknown; use 'cosine' or 'exp'")


@dataclass(frozen=True)
class PLSConfig:
    """dims : number of components; None: selected on validation pairs, without them at most 10."""

    dims: int | None = None


class PLSC2A(LinearBaseline):
    """PLS-C2A: two-block canonical partial least squares, mode A (scikit-learn's ``PLSCanonical``).

    Each component maximises the covariance ``cov(X w, Y c)`` with |w| = |c| = 1; then X and Y are deflated by their own scores.
    """

    name = "PLS-C2A"
    Config = PLSConfig

    def _solutions(self, train: FeatureSplit, *, choose: bool):
        from sklearn.cross_decomposition import PLSCanonical

        # each further component needs variance that is left after deflation
        available = min(np.linalg.matrix_rank(train.images), np.linalg.matrix_rank(train.texts))
        wanted = self.config.dims or min(available, 10)
        if not 1 <= wanted <= available:
            raise InputError(f"PLS-C2A: dims={wanted}, but these features give 1 to {available} dimensions")
        pls = PLSCanonical(n_components=wanted, scale=False).fit(train.images.astype(np.float64), train.texts.astype(np.float64))
        self.first_image_direction, self.first_text_direction = pls.x_weights_[:, 0], pls.y_weights_[:, 0]
        yield from self._leading(self.config, pls.x_rotations_, pls.y_rotations_, choose=choose)


def unit_rows(values: np.ndarray) -> np.ndarray:
    """L2-normalise the rows of (n, d); rows of zeros stay zero."""
    return values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-12)
