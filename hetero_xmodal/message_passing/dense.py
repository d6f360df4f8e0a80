"""Complete relations as one padded matrix product: the same results as :class:`Inbox`, faster.

Where every destination node receives a message from every source node of its batch member, no edge list is needed: the states of each
member are stacked, padded to the largest member (without padding where all are of one size), and weights and sums are matrix products.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from .inbox import Inbox
from .relations import is_complete
from .run import Run
from .step import Step
from .weigh import NodeMap, Weigh


class DenseInbox(Inbox):
    """The messages to one node type along complete relations: B batch members with at most n destination and s source nodes each."""

    def __init__(self, run: Run, step: Step, receiver: str) -> None:
        super().__init__(run, step, receiver)
        self.sources = tuple(r[0] for r in self.relations)
        #: nodes shared by the whole batch are connected to all members, so the batch counts as a single member
        self.whole_batch = any(run.per_member(t) is None for t in (*self.sources, receiver))

    @staticmethod
    def fits(run: Run, step: Step, receiver: str) -> bool:
        """Whether the messages of *step* to node type *receiver* can be computed as matrix products."""
        relations = [r for r in step.relations if r[2] == receiver]
        if not all(is_complete(r) for r in relations) or step.gather == "max" or not step.weigh.has_dense:
            return False
        if any(t in step.where for r in relations for t in (r[0], r[2])):
            return False
        shared = {run.per_member(r[0]) is None for r in relations}
        if run.per_member(receiver) is not None and len(shared) > 1:
            return False  # some sources belong to one member, others to the whole batch
        if any(run.control.removes(r) for r in relations):
            return False
        return all(run.count(t) for r in relations for t in (r[0], r[2]))  # Inbox handles empty node types

    # ------------------------------------------------------------------------------------------ padding

    def _counts(self, node_type: str) -> list[int]:
        if self.whole_batch:
            return [self.run.count(node_type)]
        per_member = self.run.per_member(node_type)
        assert per_member is not None  # otherwise whole_batch
        return self.run.memo(("list", node_type), per_member.tolist)

    def _slots(self, node_type: str) -> Tensor | None:
        """Row (N,) of every node in the padded layout, or None if no padding is needed."""
        counts = self._counts(node_type)
        if len(set(counts)) == 1:
            return None

        def make() -> Tensor:
            each = torch.tensor(counts, device=self.device)
            member = torch.repeat_interleave(torch.arange(len(counts), device=self.device), each, output_size=sum(counts))
            return member * max(counts) + torch.arange(len(member), device=self.device) - (each.cumsum(0) - each)[member]

        return self.run.memo(("slots", node_type), make)

    def _pad(self, node_type: str, value: Tensor) -> Tensor:
        """Rows of all members (N, d) -> (B, largest, d), padded with zeros."""
        counts, slots = self._counts(node_type), self._slots(node_type)
        if slots is not None:
            value = value.new_zeros(len(counts) * max(counts), value.shape[1]).index_copy(0, slots, value)
        return value.reshape(len(counts), max(counts), value.shape[-1])

    def pad_receivers(self, value: Tensor) -> Tensor:
        """Rows of the destination nodes (N, d) -> (B, n, d)."""
        return self._pad(self.receiver, value)

    def pad_sources(self, choice: NodeMap, values: Sequence[Tensor], argument: str) -> Tensor:
        """Source rows (N, d) of every relation, mapped by *choice*, -> (B, s, d), one source type after the other."""
        return self._side_by_side(self.map_sources(choice, values, argument))

    def _side_by_side(self, rows: Sequence[Tensor]) -> Tensor:
        self.check_widths(rows)

        def make() -> tuple[Sequence[Tensor], Tensor]:
            padded = [self._pad(source, x) for source, x in zip(self.sources, rows, strict=True)]
            return rows, torch.cat(padded, 1) if len(padded) > 1 else padded[0]

        return self.run.memo(("side by side", self.sources, self.whole_batch, tuple(id(x) for x in rows)), make)[1]

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape (B, n, s) of the weights: members, destination nodes, source nodes."""
        return len(self._counts(self.receiver)), max(self._counts(self.receiver)), sum(self.block_widths)

    @property
    def block_widths(self) -> list[int]:
        """Columns of the weights that each relation has, which add up to s."""
        return [max(self._counts(t)) for t in self.sources]

    @property
    def mask(self) -> Tensor | None:
        """Which columns hold a source node rather than padding, (B, 1, s) bool; None if there is no padding."""
        if all(self._slots(t) is None for t in self.sources):
            return None

        def make() -> Tensor:
            parts = [
                torch.arange(max(counts), device=self.device) < torch.tensor(counts, device=self.device).unsqueeze(1)
                for counts in map(self._counts, self.sources)
            ]
            return torch.cat(parts, 1).unsqueeze(1)

        return self.run.memo(("mask", self.sources, self.whole_batch), make)

    def where_source(self, weight: Tensor) -> Tensor:
        """*weight* (B, n, s) with zeros in the padding columns."""
        return weight if self.mask is None else weight * self.mask

    def softmax(self, score: Tensor) -> Tensor:
        """Softmax of the scores (B, n, s) over the sources of each destination node, all relations together."""
        if self.mask is None:
            return score.softmax(-1)
        return self.where_source(score.masked_fill(~self.mask, torch.finfo(score.dtype).min).softmax(-1))

    # ------------------------------------------------------------------------------------------ gathering

    def _compute(self, weigh: Weigh) -> Tensor:
        return weigh.dense(self)

    def gather(self, weight: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Aggregated message of every destination node (N, m), and whether any message reaches it (N,) bool."""
        control = self.run.control
        message = control.dense(self, self.weights()) @ self._side_by_side(control.rows(self, self.messages()))  # (B, n, s) @ (B, s, m)
        batch, receivers, sources = self.shape
        received = torch.full((batch, 1, 1), sources, device=self.device) if self.mask is None else self.mask.sum(-1, keepdim=True)
        if self.step.gather == "mean":
            message = message / received.clamp_min(1)
        message = message.reshape(batch * receivers, -1)
        reached = (received > 0).expand(batch, receivers, 1).reshape(-1)
        slots = self._slots(self.receiver)
        return (message, reached) if slots is None else (message[slots], reached[slots])
