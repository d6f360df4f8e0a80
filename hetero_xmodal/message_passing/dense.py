"""Complete relations as one padded matrix product: the same numbers as :class:`Inbox`, faster.

Where every node of a type hears every node of some types, an edge list is a detour: the states of each member of the batch are laid
side by side, padded to the longest member (nothing is padded where all are equally long), and weights and sums are matrix products.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from .inbox import Inbox
from .relations import is_complete
from .run import Run
from .step import Step
from .weigh import NodeMap


class DenseInbox(Inbox):
    """The messages to one node type along complete relations. B members, at most n receivers and s sources in each."""

    def __init__(self, run: Run, step: Step, receiver: str) -> None:
        super().__init__(run, step, receiver)
        self.sources = tuple(r[0] for r in self.relations)
        #: a set shared by the whole batch meets everything: then the batch counts as one member
        self.whole_batch = any(run.per_member(t) is None for t in (*self.sources, receiver))

    @staticmethod
    def fits(run: Run, step: Step, receiver: str) -> bool:
        """Whether this step's messages to *receiver* can be computed densely."""
        relations = [r for r in step.along if r[2] == receiver]
        if not all(is_complete(r) for r in relations) or step.gather == "max" or not step.weigh.has_dense:
            return False
        if any(t in step.where for r in relations for t in (r[0], r[2])):
            return False
        shared = {run.per_member(r[0]) is None for r in relations}
        if run.per_member(receiver) is not None and len(shared) > 1:
            return False  # some sources of the own member, some of the whole batch
        return all(run.count(t) for r in relations for t in (r[0], r[2]))  # the plain way knows about emptiness

    # ------------------------------------------------------------------------------------------ padding

    def _counts(self, node_type: str) -> list[int]:
        if self.whole_batch:
            return [self.run.count(node_type)]
        return self.run.memo(("list", node_type), lambda: self.run.per_member(node_type).tolist())

    def _slots(self, node_type: str) -> Tensor | None:
        """Row of every node in the padded layout, or None if nothing needs padding."""
        counts = self._counts(node_type)
        if len(set(counts)) == 1:
            return None

        def make() -> Tensor:
            each = torch.tensor(counts, device=self.device)
            member = torch.repeat_interleave(torch.arange(len(counts), device=self.device), each, output_size=sum(counts))
            return member * max(counts) + torch.arange(len(member), device=self.device) - (each.cumsum(0) - each)[member]

        return self.run.memo(("slots", node_type), make)

    def _pad(self, node_type: str, value: Tensor) -> Tensor:
        """Rows of all members (N, d) -> (B, longest, d) with rows of zeros."""
        counts, slots = self._counts(node_type), self._slots(node_type)
        if slots is not None:
            value = value.new_zeros(len(counts) * max(counts), value.shape[1]).index_copy(0, slots, value)
        return value.reshape(len(counts), max(counts), value.shape[-1])

    def pad_receivers(self, value: Tensor) -> Tensor:
        """Receivers' rows (N, d) -> (B, n, d)."""
        return self._pad(self.receiver, value)

    def pad_sources(self, choice: NodeMap, values: Sequence[Tensor], argument: str) -> Tensor:
        """Every relation's source rows, mapped, -> (B, s, d), one source type after the other."""
        return self._side_by_side(self.map_sources(choice, values, argument))

    def _side_by_side(self, rows: Sequence[Tensor]) -> Tensor:
        self.check_widths(rows)

        def make() -> tuple[Sequence[Tensor], Tensor]:
            padded = [self._pad(source, x) for source, x in zip(self.sources, rows, strict=True)]
            return rows, torch.cat(padded, 1) if len(padded) > 1 else padded[0]

        return self.run.memo(("side by side", self.sources, self.whole_batch, tuple(id(x) for x in rows)), make)[1]

    @property
    def shape(self) -> tuple[int, int, int]:
        """(B, n, s)"""
        return len(self._counts(self.receiver)), max(self._counts(self.receiver)), sum(max(self._counts(t)) for t in self.sources)

    @property
    def mask(self) -> Tensor | None:
        """Which places hold a source, (B, 1, s) bool; None if all do."""
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
        """0 where there is no source."""
        return weight if self.mask is None else weight * self.mask

    def softmax(self, score: Tensor) -> Tensor:
        """Softmax over the sources of each receiver, all relations together."""
        if self.mask is None:
            return score.softmax(-1)
        return self.where_source(score.masked_fill(~self.mask, torch.finfo(score.dtype).min).softmax(-1))

    # ------------------------------------------------------------------------------------------ gathering

    def _compute(self, weigh) -> Tensor:
        return weigh.dense(self)

    def gather(self, weight: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """What every receiver hears (N, m), and whether it hears anything (N,) bool."""
        heard = self.weights() @ self._side_by_side(self.messages())  # (B, n, s) @ (B, s, m)
        batch, receivers, sources = self.shape
        received = torch.full((batch, 1, 1), sources, device=self.device) if self.mask is None else self.mask.sum(-1, keepdim=True)
        if self.step.gather == "mean":
            heard = heard / received.clamp_min(1)
        heard = heard.reshape(batch * receivers, -1)
        hears = (received > 0).expand(batch, receivers, 1).reshape(-1)
        slots = self._slots(self.receiver)
        return (heard, hears) if slots is None else (heard[slots], hears[slots])
