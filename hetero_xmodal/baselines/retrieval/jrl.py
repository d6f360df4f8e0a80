"""JRL: joint representation learning with sparse and semi-supervised regularisation (Zhai et al. 2014)."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace

import numpy as np

from ...data.features import FeatureSplit
from .base import LinearBaseline


@dataclass(frozen=True)
class JRLConfig:
    """Settings of JRL; the letters are those of the objective in :class:`JRL`.

    label_weight : mu
    pair_weight : lambda
    smoothness : sigma; None: selected on validation pairs, without them 1,000 as in the authors' release
    sparsity : gamma; likewise
    neighbours : number of neighbours of every item in the graph
    rounds : maximum number of alternations
    """

    label_weight: float = 1.0
    pair_weight: float = 1.0
    smoothness: float | None = None
    sparsity: float | None = None
    neighbours: int = 100
    rounds: int = 5


class JRL(LinearBaseline):
    """Projects both modalities onto the labels, with pairs and neighbours close together and few features used.

    The projections P of images X and Q of texts T minimise

        mu (||X P - Y||^2 + ||T Q - Y||^2) + lambda ||X P - T Q||^2
        + sigma (tr P^T X^T L_X X P + tr Q^T T^T L_T T Q) + gamma (||P||_21 + ||Q||_21)

    where Y (n, classes) are the labels and L the normalised Laplacian of each modality's nearest-neighbour graph. P and Q are solved for
    alternately, with the row norms of the previous round. The graphs contain only training items; the original includes the test items.
    """

    name = "JRL"
    Config = JRLConfig

    def _solutions(self, train: FeatureSplit, *, choose: bool):
        images, texts, labels = (values.astype(np.float64) for values in (train.images, train.texts, train.labels))
        sides = []
        for values in (images, texts):
            smooth = values.T @ (laplacian(values, self.config.neighbours) @ values)
            sides.append((values, values.T @ values, smooth))
        grid = (1000.0, 1.0, 1e-3) if choose else (1000.0,)
        smoothness = grid if self.config.smoothness is None else (self.config.smoothness,)
        sparsity = grid if self.config.sparsity is None else (self.config.sparsity,)
        for sigma, gamma in itertools.product(smoothness, sparsity):
            config = replace(self.config, smoothness=sigma, sparsity=gamma)
            yield config, *_alternate(sides, labels, config)


def _alternate(sides: list, labels: np.ndarray, config: JRLConfig) -> list[np.ndarray]:
    projections = [np.zeros((values.shape[1], labels.shape[1])) for values, _, _ in sides]
    row_weights = [np.ones(values.shape[1]) for values, _, _ in sides]
    for _ in range(config.rounds):
        for own, other in ((0, 1), (1, 0)):
            values, gram, smooth = sides[own]
            partner = sides[other][0] @ projections[other]
            left = config.sparsity * np.diag(row_weights[own]) + config.smoothness * smooth
            left += (config.pair_weight + config.label_weight) * gram
            left += 1e-9 * np.trace(left) / len(left) * np.eye(len(left))
            right = values.T @ (config.pair_weight * partner + config.label_weight * labels)
            projections[own] = np.linalg.solve(left, right)
        row_weights = [0.5 / np.sqrt((p**2).sum(axis=1) + 1e-12) for p in projections]
    return projections


def laplacian(values: np.ndarray, neighbours: int):
    """Normalised Laplacian ``I - D^-1/2 W D^-1/2`` (n, n), sparse, of the symmetric nearest-neighbour graph of *values* (n, d).

    Examples
    --------
    >>> laplacian(np.array([[0.0], [1.0], [9.0], [10.0]]), 1).toarray().tolist()
    [[1.0, -1.0, 0.0, 0.0], [-1.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, -1.0], [0.0, 0.0, -1.0, 1.0]]
    """
    from scipy.sparse.csgraph import laplacian as graph_laplacian
    from sklearn.neighbors import kneighbors_graph

    graph = kneighbors_graph(values, min(neighbours, len(values) - 1), mode="connectivity")
    return graph_laplacian(graph.maximum(graph.T), normed=True)
