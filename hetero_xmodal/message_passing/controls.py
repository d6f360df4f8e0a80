"""Controls: the same recipe with its edges made even, silent, shuffled, of one type, or without bridges.

A control answers whether it matters *who* hears *whom*: if a model is as good with even or shuffled edges, what it learned does not rest on
its graph. Parameters, states and steps are those of the recipe; only what travels along the edges differs.

==============  =====================================================================================================================
control         what changes
==============  =====================================================================================================================
``none``        nothing
``even``        all edges that reach a node in a step have the mean of their weights: attention looks everywhere alike
``identity``    along relations within one node type every message is the receiver's own, with the weight that the neighbours had
``shuffled``    every message comes from another node of the source's type in the same image, sentence or pair; weights stay in place
``merged``      relations between the same two node types are one: each step sends along all of them, through the map of the first
``no-bridges``  relations that begin or end at ``bridge`` nodes, and ``same_as``, carry nothing (self loops of bridges stay)
==============  =====================================================================================================================

The sum of the weights that reach a node is the same under ``even``, ``identity`` and ``shuffled``. Where a control has nothing to change,
as ``merged`` in a step with one relation, the step is what it was.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from ..checks import check_seed
from ..control_names import CONTROLS, check_control
from .relations import Relation, is_complete, is_self_loop, stored_form

if TYPE_CHECKING:
    from .dense import DenseInbox
    from .inbox import Inbox
    from .run import Ends
    from .step import Step


@dataclass(frozen=True)
class Control:
    """What a run changes about the edges of its recipe.

    kind : one of :data:`~hetero_xmodal.control_names.CONTROLS`.
    seed : of the permutations of ``shuffled``, which depend on it and on the number of nodes alone: a batch is shuffled as its members.
    silent : beside the control, this relation says nothing (see :mod:`.monitor`): within one node type with self weights, each message is
        the receiver's own; otherwise it carries none.

    Raises
    ------
    InputError
        An unknown kind, or a seed that is no whole number from 0.

    >>> print(Control("shuffled", seed=3))
    control: edges shuffled (seed 3)
    """

    kind: str = "none"
    seed: int = 0
    silent: Relation | None = None

    def __post_init__(self) -> None:
        check_control(self.kind)
        check_seed(self.seed)

    def __str__(self) -> str:
        return f"control: {CONTROLS[self.kind]}" + (f" (seed {self.seed})" if self.kind == "shuffled" else "")

    # ------------------------------------------------------------------------------------------ which relations

    def removes(self, relation: Relation) -> bool:
        """Whether *relation* carries nothing."""
        if relation == self.silent and not _has_own(relation):
            return True
        if self.kind != "no-bridges" or is_self_loop(relation):
            return False
        return "bridge" in (relation[0], relation[2]) or stored_form(relation)[0][1] == "same_as"

    def is_own(self, relation: Relation) -> bool:
        """Whether every message along *relation* is replaced by the receiver's own."""
        if relation[0] != relation[2] or is_self_loop(relation):
            return False
        return self.kind == "identity" or (relation == self.silent and _has_own(relation))

    @property
    def redirects(self) -> bool:
        """Whether messages come from other nodes than the edges say."""
        return self.silent is not None or self.kind in ("identity", "shuffled")

    def is_shuffled(self, relation: Relation) -> bool:
        """Whether the sources of *relation* are permuted."""
        return self.kind == "shuffled" and not is_self_loop(relation)

    # ------------------------------------------------------------------------------------------ edge by edge

    def weights(self, inbox: Inbox, weight: Tensor) -> Tensor:
        """The weights (E,) of an inbox's edges under this control."""
        if self.kind != "even":
            return weight
        links = inbox.links
        total = weight.new_zeros(links.targets).index_add(0, links.target, weight)
        return (total / links.received.clamp_min(1).to(weight.dtype))[links.target]

    def ends(self, inbox: Inbox, relation: Relation, ends: Ends) -> Ends:
        """The edges of *relation*, from the nodes whose messages travel along them."""
        if self.is_own(relation):
            return ends._replace(source=ends.target)
        if self.is_shuffled(relation):
            return ends._replace(source=self.other(inbox, relation[0])[ends.source])
        return ends

    def other(self, inbox: Inbox, node_type: str) -> Tensor:
        """For every node of a type another one of the same member (n,), each of them once; a single node is its own.

        Nodes that the step's ``where`` selects are exchanged among themselves.
        """
        where = {t: rule for t, rule in inbox.step.where.items() if t == node_type}
        key = ("other", node_type, self.seed, *sorted(where.items()))
        return inbox.run.memo(key, lambda: _cycles(*_places(inbox, node_type, where), seed=self.seed))

    # ------------------------------------------------------------------------------------------ as padded matrices

    def dense(self, inbox: DenseInbox, weight: Tensor) -> Tensor:
        """The weights (B, n, s) of a dense inbox under this control: the same as :meth:`weights` and :meth:`ends` give edge by edge."""
        if self.kind == "even":
            received = weight.shape[-1] if inbox.mask is None else inbox.mask.sum(-1, keepdim=True).clamp_min(1)
            return inbox.where_source((weight.sum(-1, keepdim=True) / received).expand(weight.shape))
        if not any(self.is_own(relation) for relation in inbox.relations):
            return weight
        blocks = weight.split(inbox.block_widths, dim=-1)
        own = [torch.diag_embed(b.sum(-1)) if self.is_own(r) else b for r, b in zip(inbox.relations, blocks, strict=True)]
        return torch.cat(own, -1)

    def rows(self, inbox: Inbox, rows: Sequence[Tensor]) -> list[Tensor]:
        """The messages (n, m) of each relation's sources, in the order in which a dense inbox hears them."""
        return [
            x[self.other(inbox, relation[0])] if self.is_shuffled(relation) and not self.is_own(relation) else x
            for relation, x in zip(inbox.relations, rows, strict=True)
        ]

    # ------------------------------------------------------------------------------------------ steps

    def steps(self, steps: Sequence[Step]) -> tuple[Step, ...]:
        """The steps of a recipe under this control; only ``merged`` changes them."""
        if self.kind != "merged":
            return tuple(steps)
        between: dict[tuple[str, str], dict[Relation, None]] = {}
        for step in steps:
            for relation in filter(is_typed, step.relations):
                between.setdefault((relation[0], relation[2]), {})[relation] = None
        made: dict[int, Step] = {}
        return tuple(made.setdefault(id(step), _merged(step, between)) for step in steps)


NONE = Control()


def is_typed(relation: Relation) -> bool:
    """Whether *relation* is stored on the graph, in either direction: one of several types that two nodes may be joined by."""
    return not is_complete(relation) and not is_self_loop(relation)


def _has_own(relation: Relation) -> bool:
    """Whether a node is among its own sources along *relation*, so that its own message can stand for those of the others."""
    return is_complete(relation) and relation[0] == relation[2]


def _merged(step: Step, between: Mapping[tuple[str, str], Mapping[Relation, None]]) -> Step:
    """*step* along all relations between the same two node types, each of which sends what the step's first one does."""
    first: dict[tuple[str, str], Relation] = {}
    along: dict[Relation, Relation] = {}
    for relation in step.relations:
        ends = (relation[0], relation[2])
        if is_typed(relation):
            first.setdefault(ends, relation)
            along |= dict.fromkeys(between[ends], first[ends])
        else:
            along[relation] = relation
    send = step.send
    if isinstance(send, Mapping):
        maps = {relation: step.send_along(like) for relation, like in along.items()}
        send = {relation: made for relation, made in maps.items() if isinstance(made, nn.Module)}
    elif set(along) == set(step.relations):
        return step
    return replace(step, along=list(along), send=send)


def _places(inbox: Inbox, node_type: str, where: Mapping[str, tuple[str, int]]) -> tuple[Tensor, Tensor]:
    """For every node of a type the number of its group, within which nodes are exchanged, and its place in its member, both (n,)."""
    run = inbox.run
    counts, n = run.per_member(node_type), run.count(node_type)
    every = torch.arange(n, device=run.device)
    if counts is None:
        member, place = torch.zeros_like(every), every
    else:
        member = torch.repeat_interleave(torch.arange(len(counts), device=run.device), counts, output_size=n)
        place = every - (counts.cumsum(0) - counts)[member]
    return member * 2 + run.selected(node_type, where, inbox.place).long(), place


def _cycles(group: Tensor, place: Tensor, *, seed: int) -> Tensor:
    """One random cycle through the nodes of every group (n,): each node's successor.

    >>> _cycles(torch.tensor([0, 0, 0, 1]), torch.tensor([0, 1, 2, 0]), seed=0).tolist()
    [2, 0, 1, 3]
    """
    if not len(group):
        return group
    generator = torch.Generator().manual_seed(seed)
    key = torch.rand(int(place.max()) + 1, generator=generator, dtype=torch.float64).to(group.device)[place]
    by_key = key.argsort()
    order = by_key[group[by_key].argsort(stable=True)]  # by group, and in a group by random key
    ordered = group[order]
    begins = torch.cat([ordered.new_ones(1, dtype=torch.bool), ordered[1:] != ordered[:-1]])
    start = torch.where(begins, torch.arange(len(order), device=group.device), 0).cummax(0).values
    after = torch.arange(len(order), device=group.device) + 1
    closes = torch.cat([begins[1:], begins.new_ones(1)])
    successor = torch.where(closes, start, after.clamp_max(len(order) - 1))
    return torch.empty_like(order).index_copy(0, order, order[successor])
