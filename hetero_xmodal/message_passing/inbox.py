"""All messages to the nodes of one type in one step, computed edge by edge: the reference execution."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import itemgetter

import torch
from torch import Tensor

from ..errors import InputError, nearest
from .controls import NONE
from .kernels import Links
from .relations import Relation, arrow, is_complete, is_self_loop, stored_form
from .run import Ends, Run
from .step import Step
from .stored_edges import kept
from .weigh import NodeMap, Weigh


class Inbox:
    """The messages to the nodes of type *receiver* in *step*.

    All relations that end in this type form one list of edges, in the order of ``step.along``, so that a softmax or a mean runs over
    all of them together.
    """

    def __init__(self, run: Run, step: Step, receiver: str) -> None:
        self.run, self.step, self.receiver = run, step, receiver
        self.place = f"step '{step.name}'"
        self.dtype, self.device = run.dtype, run.device
        self.targets = run.count(receiver)
        #: relations that carry messages: a source type without nodes need not have the states that the step reads
        self.relations = tuple(r for r in step.relations if r[2] == receiver and (run.count(r[0]) or self._has_states(r[0])))
        self._where = tuple(sorted(step.where.items()))

    def _has_states(self, source: str) -> bool:
        asked = self.step.weigh.needs(self.step.reads)[1]
        if self.step.send != "one":
            asked = (*asked, self.step.reads)
        return all(name in self.run.states[source] for name in asked)

    @property
    def has_receivers(self) -> bool:
        """False for a type that has neither nodes nor a state that the step reads from its destinations: there is nothing to compute."""
        if self.targets:
            return True
        named, update = self.run.states[self.receiver], self.step.update_of(self.receiver)
        asked = (*self.step.weigh.needs(self.step.reads)[0], *getattr(update, "own", ()))
        if getattr(update, "needs_old", False) and self.step.writes not in named:
            asked = (*asked, self.step.reads)
        return all(name in named for name in asked)

    @property
    def width_without_messages(self) -> int | None:
        """Width of the aggregated message where no relation carries messages; None if it cannot be known."""
        for relation in self.step.relations:
            if relation[2] == self.receiver and (self.step.send == "one" or self.step.reads in self.run.states[relation[0]]):
                return self._message(relation).shape[1]
        return None

    # ------------------------------------------------------------------------------------------ edges

    def edge_ends(self) -> list[Ends]:
        """Source and destination numbers (E,) of every relation's edges."""
        return [self.run.ends(relation, self.step.where, self.place) for relation in self.relations]

    @property
    def num_edges(self) -> int:
        """Edges of all relations together."""
        return sum(len(ends.source) for ends in self.edge_ends())

    def check_widths(self, rows: Sequence[Tensor]) -> None:
        """Check that the rows (n, d) of all relations are of one width.

        Raises
        ------
        InputError
            If they are not.
        """
        if len({x.shape[1] for x in rows}) > 1:
            found = ", ".join(f"{arrow(r)} {tuple(x.shape)}" for r, x in zip(self.relations, rows, strict=True))
            raise InputError(f"{self.place}: the messages to '{self.receiver}' differ in width: {found}; map them to one width with send=")

    def heard_ends(self) -> list[Ends]:
        """The edges of every relation from the nodes whose messages travel along them: the sources, unless the run's control says else."""
        return [self.run.control.ends(self, r, ends) for r, ends in zip(self.relations, self.edge_ends(), strict=True)]

    def link(self, rows: Sequence[Tensor], *, heard: bool = False) -> tuple[Tensor, Links]:
        """Source rows (n, d) of each relation -> all rows stacked, each tensor once (N, d), and the edges that start at them.

        *heard*: the edges of :meth:`heard_ends`.
        """
        self.check_widths(rows)
        order = [self.run.node_types.index(source) for source, _, _ in self.relations]
        # in the order of the source types, so that destination types with the same sources share a stack
        by_type = [x for _, x in sorted(zip(order, rows, strict=True), key=itemgetter(0))]
        blocks = list({id(x): x for x in by_type}.values())
        position = {id(x): sum(len(y) for y in blocks[:k]) for k, x in enumerate(blocks)}
        starts = tuple(position[id(x)] for x in rows)
        key = ("stacked", *(id(x) for x in blocks))
        stacked = self.run.memo(key, lambda: (blocks, torch.cat(blocks)))[1] if len(blocks) > 1 else blocks[0]
        return stacked, self._links(starts, len(stacked), heard=heard and self.run.control.redirects)

    def _links(self, starts: tuple[int, ...], sources: int, *, heard: bool = False) -> Links:
        control = self.run.control

        def make() -> Links:
            ends = self.heard_ends() if heard else self.edge_ends()
            source = torch.cat([u + start for (u, _, _), start in zip(ends, starts, strict=True)])
            return Links(source, torch.cat([v for _, v, _ in ends]), sources, self.targets, kernels=self.run.kernels)

        key = ("links", self.relations, self._where, starts, sources, heard)
        if control != NONE or self._where or not all(self.run.is_stored(r) for r in self.relations):
            return self.run.memo(key, make)
        return self.run.memo(key, lambda: kept(self.run.graph, (*key, self.device, self.run.kernels), make))

    @property
    def links(self) -> Links:
        """The edges with each relation's sources numbered separately, for what depends on the destination nodes only."""
        counts = [self.run.count(source) for source, _, _ in self.relations]
        return self._links(tuple(sum(counts[:k]) for k in range(len(counts))), sum(counts))

    # ------------------------------------------------------------------------------------------ states

    def receiver_state(self, name: str | None) -> Tensor:
        """State *name* (None: the one that the step reads) of the destination nodes, (n, d)."""
        return self.run.state(self.receiver, name or self.step.reads, self.place)

    def source_states(self, name: str | None) -> list[Tensor]:
        """State *name* (n, d) of each relation's source type."""
        return [self.run.state(r[0], name or self.step.reads, f"{self.place}, relation {r}") for r in self.relations]

    def map(self, choice: NodeMap, node_type: str, value: Tensor, argument: str) -> Tensor:
        """*value* (n, d) through the map chosen for *node_type*.

        Raises
        ------
        InputError
            If *choice* maps node types to modules and has none for this one.
        """
        if isinstance(choice, Mapping):
            if node_type not in choice:
                raise InputError(f"{self.place}: {argument}= has no map for node type '{node_type}'; it has {', '.join(choice)}")
            choice = choice[node_type]
        return self.run.map(choice, value, f"{self.place}, {argument} of node type '{node_type}'")

    def map_sources(self, choice: NodeMap, values: Sequence[Tensor], argument: str) -> list[Tensor]:
        """Source rows (n, d) of each relation through the map chosen for their type."""
        return [self.map(choice, r[0], value, argument) for r, value in zip(self.relations, values, strict=True)]

    def messages(self) -> list[Tensor]:
        """Messages along each relation, one row per source node (n, m)."""
        return [self._message(relation) for relation in self.relations]

    def _message(self, relation: Relation) -> Tensor:
        send = self.step.send_along(relation)
        if isinstance(send, str) and send == "one":
            rows = self.run.count(relation[0])
            return self.run.memo(("ones", relation[0]), lambda: torch.ones(rows, 1, dtype=self.dtype, device=self.device))
        state = self.run.state(relation[0], self.step.reads, f"{self.place}, relation {relation}")
        return state if isinstance(send, str) else self.run.map(send, state, f"{self.place}, relation {relation}")

    # ------------------------------------------------------------------------------------------ weights

    def weights(self) -> Tensor:
        """Weights (E,) of the step's edges, computed once per run: steps with the same ``weigh``, edges and states share them."""
        weigh = self.step.weigh
        used = weigh.inputs(self)
        key = ("weights", type(self), id(weigh), self.step.relations, self.receiver, self._where, tuple(id(x) for x in used))
        return self.run.memo(key, lambda: (used, self._compute(weigh)))[1]

    def _compute(self, weigh: Weigh) -> Tensor:
        return weigh.edges(self)

    def stored_weight(self, name: str) -> Tensor:
        """Edge feature *name* of all edges (E,); a self loop made by the recipe has weight 1.

        Raises
        ------
        InputError
            For a complete relation, which is not stored, and for a feature that is missing or is not one number per edge.
        """
        parts = []
        for relation, ends in zip(self.relations, self.edge_ends(), strict=True):
            if is_self_loop(relation):
                parts.append(torch.ones(len(ends.source), dtype=self.dtype, device=self.device))
                continue
            if is_complete(relation):
                raise InputError(
                    f"{self.place}, relation {relation}: a complete relation is not stored, so it has no stored weight '{name}'"
                )
            data = self.run.graph.edges[stored_form(relation)[0]].data
            if name not in data and not len(ends.source):
                parts.append(torch.zeros(0, dtype=self.dtype, device=self.device))
                continue
            if name not in data:
                raise InputError(
                    f"{self.place}, relation {relation}: edges have no feature '{name}'{nearest(name, data)}; "
                    f"they have {', '.join(data) or 'none'}"
                )
            value = data[name].to(self.device)[ends.number]
            if value.numel() != len(value) or not (value.is_floating_point() or value.dtype in (torch.int64, torch.int32, torch.bool)):
                raise InputError(
                    f"{self.place}, relation {relation}: feature '{name}' has shape {tuple(data[name].shape)}, expected one number per edge"
                )
            parts.append(value.reshape(-1).to(self.dtype))
        return torch.cat(parts)

    def adjacency(self, weight: str | None) -> Tensor:
        """Entries A_ij of the step's edges (E,): the stored *weight*, or 1 divided among all parallel edges j -> i."""
        if weight is not None:
            return self.stored_weight(weight)
        counts = [self.run.count(source) for source in dict.fromkeys(r[0] for r in self.relations)]
        first = dict(zip(dict.fromkeys(r[0] for r in self.relations), (sum(counts[:k]) for k in range(len(counts))), strict=True))
        ends = self.edge_ends()
        source = torch.cat([u + first[r[0]] for r, (u, _, _) in zip(self.relations, ends, strict=True)])
        pair = source * max(self.targets, 1) + torch.cat([v for _, v, _ in ends])
        _, which, parallel = torch.unique(pair, return_inverse=True, return_counts=True)
        return parallel[which].to(self.dtype).reciprocal()

    def step_degrees(self, weight: str | None, degree: str) -> dict[str, Tensor]:
        """Degrees (n,) per node type: sums of A over the edges that a node receives (``in``) or sends (``out``), all relations together."""

        def make() -> dict[str, Tensor]:
            step = self.step
            total = {t: torch.zeros(self.run.count(t), dtype=self.dtype, device=self.device) for t in (*step.sources, *step.receivers)}
            for receiver in step.receivers:
                inbox = self if receiver == self.receiver else Inbox(self.run, step, receiver)
                if not inbox.relations:
                    continue
                parts = inbox.adjacency(weight).split([len(ends.source) for ends in inbox.edge_ends()])
                for relation, (u, v, _), entry in zip(inbox.relations, inbox.edge_ends(), parts, strict=True):
                    node_type, index = (relation[2], v) if degree == "in" else (relation[0], u)
                    total[node_type] = total[node_type].index_add(0, index, entry)
            return total

        return self.run.memo(("degrees", self.step.relations, self._where, weight, degree), make)

    # ------------------------------------------------------------------------------------------ gathering

    def gather(self, weight: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Aggregated message of every destination node (n, m), and whether any message reaches it (n,) bool."""
        if not self.relations:
            message = torch.zeros(self.targets, self.width_without_messages or 0, dtype=self.dtype, device=self.device)
            return message, torch.zeros(self.targets, dtype=torch.bool, device=self.device)
        rows, links = self.link(self.messages(), heard=True)
        weight = self.run.control.weights(self, self.weights()) if weight is None else weight
        if self.step.gather == "max":
            return links.max(rows, weight), links.reached
        return (links.mean if self.step.gather == "mean" else links.sum)(rows, weight), links.reached


def given_weights(inbox: Inbox, given: Tensor | Mapping[Relation, Tensor]) -> Tensor:
    """Weights that the caller gives in place of the step's own, as one tensor (E,) in the order of the inbox's edges.

    Raises
    ------
    InputError
        If a relation has none, or not one number per edge.
    """
    if not isinstance(given, Mapping) and len(inbox.step.relations) > 1:
        raise InputError(
            f"{inbox.place}: edge_weights is one tensor, but the step has {len(inbox.step.relations)} relations; "
            "give a mapping from relation to tensor"
        )
    parts = []
    for relation, ends in zip(inbox.relations, inbox.edge_ends(), strict=True):
        value = given.get(relation) if isinstance(given, Mapping) else given
        if value is None:
            known = ", ".join(map(str, given)) if isinstance(given, Mapping) else ""
            raise InputError(f"{inbox.place}: edge_weights has none for relation {relation}; it has {known or 'none at all'}")
        if value.numel() != len(ends.source):
            raise InputError(
                f"{inbox.place}, relation {relation}: found edge_weights of shape {tuple(value.shape)}, "
                f"expected {len(ends.source)} numbers, one per edge"
            )
        parts.append(value.reshape(-1).to(inbox.dtype))
    return torch.cat(parts)
