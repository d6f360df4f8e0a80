"""One run of a recipe: its nodes, states and edges. It is discarded when the run is over."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor, nn

from ..errors import InputError, nearest
from .controls import NONE, Control
from .kernels import Kernels
from .relations import Relation, is_complete, is_self_loop, stored_form
from .stored_edges import stored_ends

#: how many nodes a type that the recipe adds has; an int stands for that many in each member of the batch
SHARED, PER_GRAPH = "shared", "per_graph"

T = TypeVar("T")
States = dict[str, dict[str, Tensor]]
Where = Mapping[str, tuple[str, int]]


class Ends(NamedTuple):
    """The edges of one relation.

    source, target : (E,), row of the source and of the destination node among the nodes of its type.
    number : (E,), row of the edge on the graph; None if the recipe made the edges.
    """

    source: Tensor
    target: Tensor
    number: Tensor | None


class Run:
    """What the steps of one call share: the graph, the states and a cache.

    Parameters
    ----------
    graph : a ``dgl.DGLGraph``, single or batched.
    states : node type -> tensor (n, d) or {state name: tensor (n, d)}.
    adds : node types that the recipe adds, see :class:`~hetero_xmodal.message_passing.Recipe`.
    plain : whether all messages are computed edge by edge.
    kernels : see :data:`~hetero_xmodal.message_passing.kernels.KERNELS`.
    control : what is changed about the edges.

    Raises
    ------
    InputError
        If graph and *adds* are in conflict, or the states do not fit the graph.
    """

    def __init__(
        self,
        graph,
        states: Mapping,
        adds: Mapping[str, str | int],
        *,
        plain: bool,
        kernels: Kernels = "torch",
        control: Control = NONE,
    ) -> None:
        if not hasattr(graph, "canonical_etypes"):
            raise InputError(f"a recipe runs on a dgl.DGLGraph, found {type(graph).__name__}; build one with hx.build_graph")
        for node_type in adds:
            if node_type in graph.ntypes:
                raise InputError(f"the recipe adds node type {node_type!r}, but the graph already has it; rename one of them")
        for relation in graph.canonical_etypes:
            if is_complete(relation) or is_self_loop(relation) or stored_form(relation)[1]:
                raise InputError(f"the graph stores relation {relation}; recipes make relations of that name, store it under another name")
        self.graph, self.adds, self.plain, self.kernels, self.control = graph, adds, plain, kernels, control
        self.node_types = (*graph.ntypes, *adds)
        self.batch_size = graph.batch_size
        self.states = self._check_states(states)
        tensors = [x for named in self.states.values() for x in named.values()]
        self.dtype, self.device = tensors[0].dtype, tensors[0].device
        self._memo: dict = {}

    # ------------------------------------------------------------------------------------------ nodes and states

    def _check_states(self, states: Mapping) -> States:
        if not isinstance(states, Mapping) or not states:
            raise InputError(
                f"states is {type(states).__name__}, expected a mapping from node type to a tensor (n, d), or to named tensors (n, d)"
            )
        checked: States = {node_type: {} for node_type in self.node_types}
        first: tuple[str, Tensor] | None = None
        for node_type, named in states.items():
            if node_type not in checked:
                known = ", ".join(self.node_types)
                raise InputError(f"states names node type {node_type!r}{nearest(node_type, self.node_types)}; known are {known}")
            for name, value in (named if isinstance(named, Mapping) else {"h": named}).items():
                where = f"state '{name}' of node type '{node_type}'"
                self._check_state(where, node_type, value)
                first = first or (where, value)
                if (value.dtype, value.device) != (first[1].dtype, first[1].device):
                    one, other = (f"{x.dtype} on {x.device}" for x in (value, first[1]))
                    raise InputError(f"{where} is {one}, but {first[0]} is {other}; use one dtype and one device")
                checked[node_type][name] = value
        if first is None:
            raise InputError("states holds no tensor; give at least one node type a state (n, d)")
        for node_type, kind in self.adds.items():
            self._check_added(node_type, kind, checked[node_type])
        return checked

    def _check_state(self, where: str, node_type: str, value: object) -> None:
        if not isinstance(value, Tensor) or value.ndim != 2 or not value.is_floating_point():
            found = f"{value.dtype} {tuple(value.shape)}" if isinstance(value, Tensor) else type(value).__name__
            raise InputError(f"{where}: found {found}, expected a floating-point tensor of shape (nodes, width)")
        if node_type in self.graph.ntypes and len(value) != self.graph.num_nodes(node_type):
            raise InputError(f"{where}: found {len(value)} rows, the graph has {self.graph.num_nodes(node_type)} nodes of that type")
        if not torch.isfinite(value.detach().sum()) and not torch.isfinite(value).all():  # the sum alone is cheap, but may overflow
            row = int((~torch.isfinite(value)).any(1).nonzero()[0])
            raise InputError(f"{where}, node {row}: found a NaN or an infinity, expected finite numbers")

    def _check_added(self, node_type: str, kind: str | int, named: dict[str, Tensor]) -> None:
        rows = {len(value) for value in named.values()}
        if not rows and not isinstance(kind, int):
            raise InputError(f"node type '{node_type}', which the recipe adds, has no state; give it one, whose rows are its nodes")
        if len(rows) > 1:
            raise InputError(f"states of node type '{node_type}' have different numbers of rows: {sorted(rows)}")
        if rows and isinstance(kind, int) and rows != {kind * self.batch_size}:
            raise InputError(f"node type '{node_type}': found {rows.pop()} rows, expected {kind} for each of {self.batch_size} graphs")
        if rows and kind == PER_GRAPH and min(rows) % self.batch_size:
            raise InputError(f"node type '{node_type}': {rows.pop()} rows do not divide among {self.batch_size} graphs")

    def per_member(self, node_type: str) -> Tensor | None:
        """Number of nodes of a type in each member of the batch (B,), or None for nodes that the whole batch shares."""
        kind = self.adds.get(node_type)
        if kind is None:
            return self.memo(("counts", node_type), lambda: self.graph.batch_num_nodes(node_type).to(self.device))
        if kind == SHARED:
            return None
        each = kind if isinstance(kind, int) else len(next(iter(self.states[node_type].values()))) // self.batch_size
        return torch.full((self.batch_size,), each, device=self.device)

    def count(self, node_type: str) -> int:
        """Number of nodes of a type in the whole batch."""
        kind = self.adds.get(node_type)
        if kind is None:
            return self.graph.num_nodes(node_type)
        return kind * self.batch_size if isinstance(kind, int) else len(next(iter(self.states[node_type].values())))

    def state(self, node_type: str, name: str, place: str) -> Tensor:
        """State *name* (n, d) of a node type.

        Raises
        ------
        InputError
            If it has none; the message begins with *place*.
        """
        named = self.states[node_type]
        if name not in named:
            raise InputError(
                f"{place}: node type '{node_type}' has no state '{name}'{nearest(name, named)}; "
                f"at this point it has {', '.join(sorted(named)) or 'none'}"
            )
        return named[name]

    # ------------------------------------------------------------------------------------------ cache

    def memo(self, key: Hashable, make: Callable[[], T]) -> T:
        """``make()``, cached under *key* for this run. Keys may contain ``id(tensor)`` if the value keeps that tensor alive."""
        if key not in self._memo:
            self._memo[key] = make()
        return self._memo[key]

    def map(self, module: nn.Module | None, value: Tensor, place: str) -> Tensor:
        """``module(value)``, (n, d) to (n, m), computed once per module and tensor, so that a dropout draws once.

        Raises
        ------
        InputError
            If the module cannot take the value or changes the number of rows.
        """
        if module is None:
            return value

        def apply() -> tuple[Tensor, Tensor]:
            try:
                mapped = module(value)
            except RuntimeError as error:
                raise InputError(
                    f"{place}: {type(module).__name__} cannot take a state of shape {tuple(value.shape)} ({str(error).splitlines()[0]})"
                ) from error
            if not isinstance(mapped, Tensor) or mapped.ndim != 2 or len(mapped) != len(value):
                found = tuple(mapped.shape) if isinstance(mapped, Tensor) else type(mapped).__name__
                raise InputError(
                    f"{place}: {type(module).__name__} made {found} of a state of shape {tuple(value.shape)}, expected as many rows"
                )
            return value, mapped

        return self.memo(("map", id(module), id(value)), apply)[1]

    # ------------------------------------------------------------------------------------------ edges

    def check_relation(self, relation: Relation, place: str) -> None:
        """Check that the graph, or the recipe, has *relation*.

        Raises
        ------
        InputError
            If not; the message lists what there is.
        """
        for node_type in (relation[0], relation[2]):
            if node_type not in self.node_types:
                raise InputError(
                    f"{place}, relation {relation}: unknown node type {node_type!r}{nearest(node_type, self.node_types)}; "
                    f"known are {', '.join(self.node_types)}"
                )
        if is_complete(relation) or is_self_loop(relation):
            return
        stored = stored_form(relation)[0]
        if stored not in self.graph.canonical_etypes:
            known = [" ".join(r) for r in self.graph.canonical_etypes]
            raise InputError(
                f"{place}: the graph has no relation {stored}{nearest(' '.join(stored), known)}; it has {self.graph.canonical_etypes}"
            )

    def is_stored(self, relation: Relation) -> bool:
        """Whether the edges of *relation* depend on nothing but the graph's stored edges and numbers of nodes."""
        return not is_complete(relation) and relation[0] in self.graph.ntypes

    def ends(self, relation: Relation, where: Where, place: str) -> Ends:
        """The edges of *relation* between the nodes that *where* selects."""
        return self.memo(("ends", relation, *sorted(where.items())), lambda: self._ends(relation, where, place))

    def _ends(self, relation: Relation, where: Where, place: str) -> Ends:
        source_type, _, target_type = relation
        if self.control.removes(relation):
            none = torch.zeros(0, dtype=torch.int64, device=self.device)
            return Ends(none, none, none)
        if is_self_loop(relation):
            every = torch.arange(self.count(source_type), device=self.device)
            ends = Ends(every, every, None)
        elif is_complete(relation):
            ends = self._complete(source_type, target_type)
        else:
            stored, backwards = stored_form(relation)
            first, second = stored_ends(self.graph, stored, self.device)
            number = torch.arange(len(first), device=self.device)
            ends = Ends(second, first, number) if backwards else Ends(first, second, number)
        selected = [self.selected(t, where, place)[x] for t, x in ((source_type, ends.source), (target_type, ends.target)) if t in where]
        if selected:
            keep = torch.stack(selected).all(0)
            ends = Ends(ends.source[keep], ends.target[keep], None if ends.number is None else ends.number[keep])
        return ends

    def selected(self, node_type: str, where: Where, place: str) -> Tensor:
        """Which nodes of a type *where* selects, (n,) bool.

        Raises
        ------
        InputError
            If the graph has no such feature.
        """
        if node_type not in where:
            return torch.ones(self.count(node_type), dtype=torch.bool, device=self.device)
        feature, value = where[node_type]
        data = self.graph.nodes[node_type].data if node_type in self.graph.ntypes else {}
        if feature not in data:
            if self.count(node_type) == 0:
                return torch.zeros(0, dtype=torch.bool, device=self.device)
            known = ", ".join(data) or "none"
            raise InputError(f"{place}, where: node type '{node_type}' has no feature '{feature}'{nearest(feature, data)}; it has {known}")
        return (data[feature] == value).to(self.device)

    def _complete(self, source_type: str, target_type: str) -> Ends:
        """Every source to every destination of the same member, sorted by destination, then by source."""
        sources, targets = self.per_member(source_type), self.per_member(target_type)
        if sources is None or targets is None:  # shared nodes are connected to all members
            n, m = self.count(source_type), self.count(target_type)
            return Ends(torch.arange(n, device=self.device).repeat(m), torch.arange(m, device=self.device).repeat_interleave(n), None)
        pairs = sources * targets
        member = torch.repeat_interleave(torch.arange(self.batch_size, device=self.device), pairs)
        inside = torch.arange(len(member), device=self.device) - (pairs.cumsum(0) - pairs)[member]
        before_source, before_target = (sources.cumsum(0) - sources)[member], (targets.cumsum(0) - targets)[member]
        width = sources[member]
        return Ends(before_source + inside % width, before_target + inside // width, None)
