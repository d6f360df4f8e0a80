"""The edge operations of message passing: dot product, softmax, weighted sum, mean and maximum.

There are two implementations, and a test holds them equal. ``"torch"`` is plain torch and runs on any device; ``"dgl"`` calls DGL's
built-in kernels. The DGL wheels on PyPI support the CPU only, where plain torch is the faster of the two; hence it is the default.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, wraps
from typing import Any, Literal, TypeVar

import torch
from torch import Tensor

from ..environment import require_dgl
from .torch_kernels import Sorted, dot, edge_softmax, sort_edges, weighted_maximum, weighted_sum

T = TypeVar("T")
Kernels = Literal["torch", "dgl"]
KERNELS: tuple[Kernels, ...] = ("torch", "dgl")


def _once(make: Callable[[Any], T]) -> cached_property[T]:
    """A cached property whose tensors can be used in autograd even if they are first computed in inference mode."""

    @wraps(make)
    def outside_inference_mode(self) -> T:
        with torch.inference_mode(False):
            return make(self)

    return cached_property(outside_inference_mode)


class Links:
    """Edges from rows of one tensor, the source nodes, to rows of another, the destination nodes.

    Parameters
    ----------
    source, target : (E,) int64, row numbers at both ends of every edge.
    sources, targets : number of source rows n and of destination rows m.
    kernels : ``"torch"`` or ``"dgl"``.
    """

    def __init__(self, source: Tensor, target: Tensor, sources: int, targets: int, *, kernels: Kernels = "torch") -> None:
        self.source, self.target, self.sources, self.targets = source, target, sources, targets
        self.kernels = kernels

    @_once
    def into(self) -> Sorted:
        """The edges sorted by destination."""
        return sort_edges(self.target, self.source, self.targets)

    @_once
    def out_of(self) -> Sorted:
        """The edges sorted by source."""
        return sort_edges(self.source, self.target, self.sources)

    @_once
    def graph(self):
        """The edges as a DGL graph from nodes ``source`` to nodes ``target``."""
        dgl = require_dgl()
        return dgl.heterograph(
            {("source", "sends_to", "target"): (self.source, self.target)},
            num_nodes_dict={"source": self.sources, "target": self.targets},
        )

    @property
    def _dgl_ops(self):
        return require_dgl().ops if self.kernels == "dgl" and len(self.source) else None

    def dot(self, x: Tensor, y: Tensor) -> Tensor:
        """``x[u] . y[v]`` of every edge u -> v: x (n, d) and y (m, d) to (E,); x (n, p, d) and y (m, d) to (E, p)."""
        if ops := self._dgl_ops:
            y = y.unsqueeze(1) if x.ndim == 3 else y
            return ops.u_dot_v(self.graph, x.contiguous(), y.contiguous()).squeeze(-1)
        if x.ndim == 3:
            return torch.stack([self.dot(part, y) for part in x.unbind(1)], 1)
        return dot(x, y, self)

    def softmax(self, score: Tensor) -> Tensor:
        """Softmax of the scores (E,) over all edges with the same destination."""
        if ops := self._dgl_ops:
            return ops.edge_softmax(self.graph, score.unsqueeze(-1)).squeeze(-1)
        return edge_softmax(score, self.target, self.targets)

    def sum(self, x: Tensor, weight: Tensor) -> Tensor:
        """Sum of ``weight * x[u]`` over the edges of each destination: x (n, d) and weight (E,) to (m, d); 0 where there is no edge."""
        if ops := self._dgl_ops:
            return ops.u_mul_e_sum(self.graph, x.contiguous(), weight.unsqueeze(-1))
        return weighted_sum(x, weight, self)

    def mean(self, x: Tensor, weight: Tensor) -> Tensor:
        """The same sum (m, d), divided by the number of edges of each destination."""
        return self.sum(x, weight * self.share.to(weight.dtype))

    def max(self, x: Tensor, weight: Tensor) -> Tensor:
        """Largest ``weight * x[u]`` per column over the edges of each destination: (n, d), (E,) to (m, d); 0 where there is no edge."""
        if ops := self._dgl_ops:
            largest = ops.u_mul_e_max(self.graph, x.contiguous(), weight.unsqueeze(-1))
            return largest.masked_fill((self.received == 0).unsqueeze(-1), 0.0)  # DGL gives -inf where there is no edge
        return weighted_maximum(x, weight, self.source, self.target, self.targets)

    @_once
    def received(self) -> Tensor:
        """Number of messages that reach each destination, (m,) int64."""
        return torch.bincount(self.target, minlength=self.targets)

    @_once
    def reached(self) -> Tensor:
        """Which destinations a message reaches, (m,) bool."""
        return self.received > 0

    @_once
    def share(self) -> Tensor:
        """One over the number of messages that reach the destination of each edge, (E,) float64."""
        return self.received.double().reciprocal()[self.target]
