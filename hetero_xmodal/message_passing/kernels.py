"""The four operations on edges that message passing needs: dot, softmax, weighted sum, maximum.

There are two ways to compute them, and a test holds them equal. ``"torch"`` is plain torch and runs on any device; ``"dgl"`` is DGL's
built-in kernels. The DGL wheels on PyPI know the CPU only, and there plain torch is the faster of the two; hence it is the default.
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
    """A cached property whose tensors can be used for gradients even if they are first asked for in inference mode."""

    @wraps(make)
    def outside_inference_mode(self) -> T:
        with torch.inference_mode(False):
            return make(self)

    return cached_property(outside_inference_mode)


class Links:
    """Edges from rows of one tensor (the speakers) to rows of another (the receivers).

    Parameters
    ----------
    source, target : (E,) int64 row numbers.
    sources, targets : how many rows there are on either side.
    kernels : ``"torch"`` or ``"dgl"``.
    """

    def __init__(self, source: Tensor, target: Tensor, sources: int, targets: int, *, kernels: Kernels = "torch") -> None:
        self.source, self.target, self.sources, self.targets = source, target, sources, targets
        self.kernels = kernels

    @_once
    def into(self) -> Sorted:
        """The edges sorted by receiver."""
        return sort_edges(self.target, self.source, self.targets)

    @_once
    def out_of(self) -> Sorted:
        """The edges sorted by speaker."""
        return sort_edges(self.source, self.target, self.sources)

    @_once
    def graph(self):
        """The edges as a DGL graph from ``speaker`` to ``receiver``."""
        dgl = require_dgl()
        return dgl.heterograph(
            {("speaker", "tells", "receiver"): (self.source, self.target)},
            num_nodes_dict={"speaker": self.sources, "receiver": self.targets},
        )

    @property
    def _dgl_ops(self):
        return require_dgl().ops if self.kernels == "dgl" and len(self.source) else None

    def dot(self, speaker: Tensor, receiver: Tensor) -> Tensor:
        """``speaker[u] . receiver[v]`` of every edge: (n, d) and (m, d) to (E,); (n, p, d) and (m, d) to (E, p)."""
        if ops := self._dgl_ops:
            receiver = receiver.unsqueeze(1) if speaker.ndim == 3 else receiver
            return ops.u_dot_v(self.graph, speaker.contiguous(), receiver.contiguous()).squeeze(-1)
        if speaker.ndim == 3:
            return torch.stack([self.dot(part, receiver) for part in speaker.unbind(1)], 1)
        return dot(speaker, receiver, self)

    def softmax(self, score: Tensor) -> Tensor:
        """Softmax of the scores (E,) over all edges that reach the same receiver."""
        if ops := self._dgl_ops:
            return ops.edge_softmax(self.graph, score.unsqueeze(-1)).squeeze(-1)
        return edge_softmax(score, self.target, self.targets)

    def sum(self, speaker: Tensor, weight: Tensor) -> Tensor:
        """Sum of ``weight * speaker[u]`` over the edges of each receiver: (n, d), (E,) to (m, d); 0 where there is none."""
        if ops := self._dgl_ops:
            return ops.u_mul_e_sum(self.graph, speaker.contiguous(), weight.unsqueeze(-1))
        return weighted_sum(speaker, weight, self)

    def mean(self, speaker: Tensor, weight: Tensor) -> Tensor:
        """The same sum, divided by the number of edges of each receiver."""
        return self.sum(speaker, weight * self.share.to(weight.dtype))

    def max(self, speaker: Tensor, weight: Tensor) -> Tensor:
        """Largest ``weight * speaker[u]`` per column over the edges of each receiver; 0 where there is none."""
        if ops := self._dgl_ops:
            largest = ops.u_mul_e_max(self.graph, speaker.contiguous(), weight.unsqueeze(-1))
            return largest.masked_fill((self.received == 0).unsqueeze(-1), 0.0)  # DGL gives -inf to receivers without an edge
        return weighted_maximum(speaker, weight, self.source, self.target, self.targets)

    @_once
    def received(self) -> Tensor:
        """How many messages reach each receiver, (m,) int64."""
        return torch.bincount(self.target, minlength=self.targets)

    @_once
    def hears(self) -> Tensor:
        """Which receivers a message reaches, (m,) bool."""
        return self.received > 0

    @_once
    def all_hear(self) -> bool:
        """Whether a message reaches every receiver."""
        return bool(self.hears.all())

    @_once
    def share(self) -> Tensor:
        """One over the number of messages that reach the receiver of each edge, (E,) float64."""
        return self.received.double().reciprocal()[self.target]
