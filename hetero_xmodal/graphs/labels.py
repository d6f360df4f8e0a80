"""The label correlation graph of DAGNN (equations 6 to 8), from conditional probabilities of labels.

>>> labels = [[1, 1, 0], [1, 1, 1], [1, 0, 0], [0, 1, 1], [1, 0, 0]]
>>> label_matrices(labels, tau=0.5).weight.tolist()
[[1.0, 0.5, 0.5], [0.5, 1.0, 0.5], [0.0, 0.5, 1.0]]
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from .. import schema as s
from ..errors import InputError
from ..validation import validate
from .flat import FlatGraphs

if TYPE_CHECKING:
    import dgl


@dataclass(frozen=True)
class LabelMatrices:
    """The matrices behind a label graph, ``(c, c)`` each; an entry is about the row's label given the column's, as in the paper.

    count : ``count[i, j]`` items that have both labels, int64
    total : ``(c,)`` items that have the label, int64
    probability : P(L_i | L_j) = count[i, j] / total[j], float64; 0 if no item has label j (equation 6)
    mask : probability >= tau, and the diagonal; bool (equation 7)
    weight : p where the mask holds, *diagonal* on the diagonal, else 0; float64 (equation 8)
    """

    count: Tensor
    total: Tensor
    probability: Tensor
    mask: Tensor
    weight: Tensor


def label_matrices(labels: Any, tau: float = 0.4, p: float = 0.5, *, diagonal: float = 1.0) -> LabelMatrices:
    """The matrices of DAGNN's equations 6 to 8, from the labels ``(n, c)`` of the *training* items.

    tau : conditional probabilities below it give no edge (7).
    p : weight of an edge (8).
    diagonal : weight of the self loops.

    Probabilities are float64, where a ratio such as 2/5 equals the literal 0.4, so that ties with *tau* are exact. A label that no item
    has gets probability 0 and a self loop only, whatever tau is.

    Raises
    ------
    InputError
        For labels that are empty, not two-dimensional or not 0/1; tau outside 0..1; p outside (0, 1]; a diagonal that is not positive.
    """
    values = _label_array(labels)
    for name, value, low_ok in (("tau", tau, True), ("p", p, False)):
        if not isinstance(value, int | float) or not (0 <= value <= 1) or (value == 0 and not low_ok):
            raise InputError(f"{name} is {value!r}, expected a number in {'0..1' if low_ok else '0..1, above 0'}")
    if not isinstance(diagonal, int | float) or not 0 < diagonal < float("inf"):
        raise InputError(f"diagonal is {diagonal!r}, expected a positive number (1.0 in the paper, 1.5 in the authors' code)")
    count = torch.from_numpy(np.rint(values.T @ values).astype(np.int64))  # exact: float64 counts integers up to 2**53
    total = count.diagonal().clone()
    probability = count.double() / total.clamp_min(1).double()  # divides column j by total[j]
    seen = total > 0
    same = torch.eye(len(total), dtype=torch.bool)
    mask = ((probability >= tau) & seen[:, None] & seen[None, :]) | same
    weight = torch.where(same, torch.full_like(probability, diagonal), mask.double() * p)
    return LabelMatrices(count, total, probability, mask, weight)


def label_graph(
    labels: Any,
    tau: float = 0.4,
    p: float = 0.5,
    *,
    names: Sequence[str] | None = None,
    diagonal: float = 1.0,
) -> dgl.DGLGraph:
    """The label graph: an edge j -> i where P(L_i | L_j) >= tau, and a self loop on every label (DAGNN, equations 6 to 8).

    Parameters
    ----------
    labels : ``(n, c)`` of 0/1 (list, array or tensor): labels of the training items; never use those of test items.
    tau : threshold; a probability equal to it counts.
    p : weight of the edges between different labels.
    names : names of the *c* labels; by default ``"label 0"``, ``"label 1"`` ...
    diagonal : weight of the self loops: 1.0 in the paper, 1.5 in the authors' code.

    Returns
    -------
    DGL graph of kind ``"labels"``; edges carry ``probability`` and ``weight`` (row i, column j of the matrices for an edge j -> i).

    Raises
    ------
    InputError
        As for :func:`label_matrices`, and if *names* is not one non-empty string per label.

    >>> graph = label_graph([[1, 1, 0], [1, 0, 0]], names=["sea", "boat", "snow"])
    >>> source, destination = graph.edges()
    >>> sorted(zip(source.tolist(), destination.tolist()))
    [(0, 0), (0, 1), (1, 0), (1, 1), (2, 2)]
    """
    matrices = label_matrices(labels, tau, p, diagonal=diagonal)
    c = len(matrices.total)
    names = [f"label {i}" for i in range(c)] if names is None else list(names)
    if len(names) != c:
        raise InputError(f"there are {c} label columns but {len(names)} names; give one name per column")
    for i, name in enumerate(names):
        if not isinstance(name, str) or not name.strip():
            raise InputError(f"name of label {i} is {name!r}, expected a non-empty string")
    destination, source = matrices.mask.nonzero(as_tuple=True)
    flat = FlatGraphs.single(
        "labels",
        {s.LABEL: {"name": s.encode_text(names, s.text_width(s.LABEL, "name")), "index": torch.arange(c)}},
        {s.CO_OCCURS: (source, destination)},
        {
            s.CO_OCCURS: {
                "probability": matrices.probability[destination, source].float(),
                "weight": matrices.weight[destination, source].float(),
            }
        },
    )
    return validate(flat.to_dgl(batched=False), kind="labels")


def normalize_adjacency(weight: Tensor, *, how: str = "symmetric") -> Tensor:
    """Normalise the matrix A ``(c, c)`` of equation 8 for a GCN; D is the diagonal matrix of row sums to the power -1/2.

    ``"symmetric"`` is D A D; ``"author"`` is (A D)^T D as in the authors' code, its transpose, which reverses every edge. A row of zeros
    stays 0.

    Raises
    ------
    InputError
        If *how* is neither of these, or A is not square.

    >>> normalize_adjacency(torch.tensor([[1.0, 1.0], [0.0, 1.0]]))
    tensor([[0.5000, 0.7071],
            [0.0000, 1.0000]])
    """
    if how not in ("symmetric", "author"):
        raise InputError(f"how is {how!r}, expected 'symmetric' or 'author'")
    if weight.ndim != 2 or weight.shape[0] != weight.shape[1]:
        raise InputError(f"the adjacency has shape {tuple(weight.shape)}, expected (c, c)")
    degree = weight.sum(1)
    root = torch.where(degree > 0, degree.clamp_min(1e-12).rsqrt(), torch.zeros_like(degree))
    return root[:, None] * weight * root[None, :] if how == "symmetric" else (weight * root[None, :]).T * root[None, :]


def _label_array(labels: Any) -> np.ndarray:
    if isinstance(labels, Tensor):
        labels = labels.detach().cpu().numpy()
    try:
        values = np.asarray(labels, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"labels cannot be read as a table of numbers ({error}); give (items, labels) of 0 and 1") from None
    if values.ndim != 2:
        raise InputError(f"labels have shape {values.shape}, expected two dimensions (items, labels)")
    if 0 in values.shape:
        raise InputError(f"labels have shape {values.shape}; at least one item and one label are needed")
    bad = (values != 0) & (values != 1)  # NaN is neither
    if bad.any():
        row, column = np.argwhere(bad)[0]
        raise InputError(f"labels, item {row}, column {column}: found {values[row, column]:g}, expected 0 or 1")
    return values
