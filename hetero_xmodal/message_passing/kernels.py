"""The four operations on edges that message passing needs: dot, softmax, weighted sum, maximum.

On the CPU they are DGL's built-in kernels, which make no tensor of one row per edge. The DGL wheels on PyPI know the CPU only,
so on any other device the same four operations are done with torch's scatter functions. A test holds the two equal.
"""

from __future__ import annotations

from functools import cached_property

import torch
from torch import Tensor

from ..environment import require_dgl


class Links:
    """Edges from rows of one tensor (the speakers) to rows of another (the receivers).

    Parameters
    ----------
    source, target : (E,) int64 row numbers.
    sources, targets : how many rows there are on either side.
    use_dgl : DGL's kernels or torch's; by default DGL's on the CPU.
    """

    def __init__(self, source: Tensor, target: Tensor, sources: int, targets: int, *, use_dgl: bool | None = None) -> None:
        self.source, self.target, self.sources, self.targets = source, target, sources, targets
        self.use_dgl = source.device.type == "cpu" if use_dgl is None else use_dgl

    @cached_property
    def graph(self):
        dgl = require_dgl()
        return dgl.heterograph(
            {("speaker", "tells", "receiver"): (self.source, self.target)},
            num_nodes_dict={"speaker": self.sources, "receiver": self.targets},
        )

    @property
    def _dgl_ops(self):
        return require_dgl().ops if self.use_dgl and len(self.source) else None

    def dot(self, speaker: Tensor, receiver: Tensor) -> Tensor:
        """``speaker[u] . receiver[v]`` of every edge: (n, d) and (m, d) to (E,); (n, p, d) and (m, d) to (E, p)."""
        if speaker.ndim == 3:
            receiver = receiver.unsqueeze(1)
        if ops := self._dgl_ops:
            return ops.u_dot_v(self.graph, speaker.contiguous(), receiver.contiguous()).squeeze(-1)
        return (speaker[self.source] * receiver[self.target]).sum(-1)

    def softmax(self, score: Tensor) -> Tensor:
        """Softmax of the scores (E,) over all edges that reach the same receiver."""
        if ops := self._dgl_ops:
            return ops.edge_softmax(self.graph, score.unsqueeze(-1)).squeeze(-1)
        highest = score.new_full((self.targets,), -torch.inf).scatter_reduce(0, self.target, score.detach(), "amax")
        grown = (score - highest[self.target]).exp()
        return grown / score.new_zeros(self.targets).index_add(0, self.target, grown)[self.target]

    def sum(self, speaker: Tensor, weight: Tensor) -> Tensor:
        """Sum of ``weight * speaker[u]`` over the edges of each receiver: (n, d), (E,) to (m, d); 0 where there is none."""
        if ops := self._dgl_ops:
            return ops.u_mul_e_sum(self.graph, speaker.contiguous(), weight.unsqueeze(-1))
        return speaker.new_zeros(self.targets, speaker.shape[1]).index_add(0, self.target, speaker[self.source] * weight.unsqueeze(-1))

    def max(self, speaker: Tensor, weight: Tensor) -> Tensor:
        """Largest ``weight * speaker[u]`` per column over the edges of each receiver; 0 where there is none."""
        if ops := self._dgl_ops:
            largest = ops.u_mul_e_max(self.graph, speaker.contiguous(), weight.unsqueeze(-1))
            # DGL gives -inf to receivers without an edge, and passes their gradient to an arbitrary speaker
            return largest.masked_fill((self.received == 0).unsqueeze(-1), 0.0)
        message = speaker[self.source] * weight.unsqueeze(-1)
        index = self.target.unsqueeze(-1).expand_as(message)
        return speaker.new_zeros(self.targets, speaker.shape[1]).scatter_reduce(0, index, message, "amax", include_self=False)

    @cached_property
    def received(self) -> Tensor:
        """How many messages reach each receiver, (m,) int64."""
        return torch.bincount(self.target, minlength=self.targets)
