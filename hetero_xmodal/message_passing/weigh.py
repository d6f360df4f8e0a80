"""Edge weights: one number per edge, by which its message is multiplied.

======================  ===========================================================================================
Constant                the same number for every edge
StoredWeight            a feature stored on the graph's edges
SymmetricNorm           ``A_ij / sqrt(D_i D_j)`` over all relations of the step together
DotAttention            softmax of ``q_i . k_j`` over all edges that reach node i, all relations together
AdditiveAttention       softmax of ``a_1(W x_i) + a_2(W x_j)`` over all edges that reach node i, all relations together
SigmoidGate             ``sigmoid(q_i . k_j)`` of every edge, without normalisation
======================  ===========================================================================================

Here j is the source node of an edge and i its destination node. A map is a ``torch.nn.Module`` (one for all node types), a mapping from
node type to module, or None for the state itself.

A class has two methods that compute the same weights: ``edges`` for any relation, edge by edge, and, where ``has_dense`` is true,
``dense`` for complete relations as a padded matrix. A test holds them equal.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from ..errors import InputError
from .update import Function, name_of

if TYPE_CHECKING:
    from .dense import DenseInbox
    from .inbox import Inbox

NodeMap = nn.Module | Mapping[str, nn.Module] | None


def describe_map(choice: NodeMap, argument: str) -> str:
    """``'x'`` for no map, ``'Linear(4, 2) x'`` for a shared one, ``'x mapped by word: Linear(4, 2)'`` for one per node type."""
    if choice is None:
        return argument
    if isinstance(choice, Mapping):
        return f"{argument} mapped by {', '.join(f'{node_type}: {name_of(module)}' for node_type, module in choice.items())}"
    return f"{name_of(choice)} {argument}"


@dataclass(frozen=True, eq=False)
class Weigh(ABC):
    """Base class of edge weights; one that sets ``has_dense`` implements :meth:`dense` too."""

    has_dense = False

    def needs(self, reads: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Names of the states of a destination and of a source node that the weights depend on, in a step that reads state *reads*."""
        return (), ()

    def inputs(self, inbox: Inbox) -> tuple[Tensor, ...]:
        """The tensors (n, d) that the weights depend on; for the same ones the weights are computed only once in a run."""
        return ()

    @abstractmethod
    def edges(self, inbox: Inbox) -> Tensor:
        """Weights (E,) of all edges of *inbox*, in the order of the step's relations."""

    def dense(self, inbox: DenseInbox) -> Tensor:
        """Weights (B, n, s) of complete relations, 0 in the padding; called only where ``has_dense`` is true."""
        raise NotImplementedError


@dataclass(frozen=True, eq=False)
class Constant(Weigh):
    """The same weight for every edge."""

    value: float = 1.0
    has_dense = True

    def edges(self, inbox: Inbox) -> Tensor:
        """Weights (E,) of all edges of *inbox*."""
        return torch.full((inbox.num_edges,), self.value, dtype=inbox.dtype, device=inbox.device)

    def dense(self, inbox: DenseInbox) -> Tensor:
        """The same weights as a padded matrix (B, n, s)."""
        return inbox.where_source(torch.full(inbox.shape, self.value, dtype=inbox.dtype, device=inbox.device))

    def __str__(self) -> str:
        return f"{self.value:g}"


@dataclass(frozen=True, eq=False)
class StoredWeight(Weigh):
    """The edge feature *name* of the graph; a self loop made by the recipe has weight 1."""

    name: str

    def edges(self, inbox: Inbox) -> Tensor:
        """Weights (E,) of all edges of *inbox*."""
        return inbox.stored_weight(self.name)

    def __str__(self) -> str:
        return f"stored '{self.name}'"


@dataclass(frozen=True, eq=False)
class SymmetricNorm(Weigh):
    """``A_ij / sqrt(D_i D_j)``, with D the row sums of A over **all** relations of the step together.

    Without *weight*, A_ij is 1 where there is an edge j -> i, divided equally among parallel edges. With *weight*, A_ij is the stored
    edge feature of that name. For a graph convolution with self loops put ``itself(t)`` into ``along``.

    *degree* selects the sums in D: ``"in"`` (over the edges that a node receives, the rows of A) or ``"out"`` (over those that it
    sends, the columns). They differ only for an asymmetric A. For a node of degree 0 the factor is 0.

    Raises
    ------
    InputError
        If *degree* is neither.
    """

    weight: str | None = None
    degree: str = "in"

    def __post_init__(self) -> None:
        if self.degree not in ("in", "out"):
            raise InputError(f"SymmetricNorm: degree is {self.degree!r}, expected 'in' or 'out'")

    def edges(self, inbox: Inbox) -> Tensor:
        """Weights (E,) of all edges of *inbox*."""
        entry = inbox.adjacency(self.weight)
        degrees = {t: d.clamp_min(0).rsqrt().masked_fill(d <= 0, 0.0) for t, d in inbox.step_degrees(self.weight, self.degree).items()}
        ends = inbox.edge_ends()
        at_source = torch.cat([degrees[relation[0]][e.source] for relation, e in zip(inbox.relations, ends, strict=True)])
        at_target = torch.cat([degrees[inbox.receiver][e.target] for e in ends])
        return entry * at_source * at_target

    def __str__(self) -> str:
        of = "" if self.weight is None else f" of stored '{self.weight}'"
        return f"symmetric norm{of}" + (", out-degrees" if self.degree == "out" else "")


@dataclass(frozen=True, eq=False)
class _Dot(Weigh):
    """``q_i . k_j``: the score that attention and gate share."""

    query: NodeMap = None
    key: NodeMap = None
    query_state: str | None = None  # None: the state that the step reads
    key_state: str | None = None
    has_dense = True

    def needs(self, reads: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        return (self.query_state or reads,), (self.key_state or reads,)

    def inputs(self, inbox: Inbox) -> tuple[Tensor, ...]:
        """The states (n, d) that queries and keys are made from."""
        return (inbox.receiver_state(self.query_state), *inbox.source_states(self.key_state))

    def _score_edges(self, inbox: Inbox, perspectives: int = 1) -> Tensor:
        query = inbox.map(self.query, inbox.receiver, inbox.receiver_state(self.query_state), "query")
        rows, links = inbox.link(inbox.map_sources(self.key, inbox.source_states(self.key_state), "key"))
        self._check_widths(inbox, query, rows, perspectives)
        if perspectives == 1:
            return links.dot(rows, query)
        return links.dot(rows.unflatten(1, (perspectives, query.shape[1])), query).amax(-1)

    def _score_dense(self, inbox: DenseInbox, perspectives: int = 1) -> Tensor:
        query = inbox.pad_receivers(inbox.map(self.query, inbox.receiver, inbox.receiver_state(self.query_state), "query"))  # (B, n, d)
        key = inbox.pad_sources(self.key, inbox.source_states(self.key_state), "key")  # (B, s, p * d)
        self._check_widths(inbox, query, key, perspectives)
        batch, sources, _ = key.shape
        if perspectives == 1:
            return query @ key.transpose(1, 2)
        score = query @ key.reshape(batch, sources * perspectives, query.shape[2]).transpose(1, 2)
        return score.unflatten(2, (sources, perspectives)).amax(-1)

    @staticmethod
    def _check_widths(inbox: Inbox, query: Tensor, key: Tensor, perspectives: int) -> None:
        if key.shape[-1] != perspectives * query.shape[-1]:
            raise InputError(
                f"{inbox.place}: a query of width {query.shape[-1]} does not fit a key of width {key.shape[-1]}"
                f"{f' for {perspectives} perspectives' if perspectives > 1 else ''}; map them with query= and key="
            )


@dataclass(frozen=True, eq=False)
class DotAttention(_Dot):
    """Attention weights: softmax of ``activation(q_i . k_j)`` over all edges that reach node i in this step, all relations together.

    Parameters
    ----------
    query, key : maps of the destination's and of the source's state to q and k, of one width d.
    query_state, key_state : names of these states; left out, the state that the step reads.
    activation : applied to the product.
    scale : divide the product by sqrt(d).
    """

    activation: Function | None = None
    scale: bool = False

    def _finish(self, score: Tensor, width: int) -> Tensor:
        score = score / width**0.5 if self.scale else score
        return score if self.activation is None else self.activation(score)

    def _width(self, inbox: Inbox) -> int:
        return inbox.map(self.query, inbox.receiver, inbox.receiver_state(self.query_state), "query").shape[-1]

    def edges(self, inbox: Inbox) -> Tensor:
        """Weights (E,) of all edges of *inbox*."""
        return inbox.links.softmax(self._finish(self._score_edges(inbox), self._width(inbox)))

    def dense(self, inbox: DenseInbox) -> Tensor:
        """The same weights as a padded matrix (B, n, s)."""
        return inbox.softmax(self._finish(self._score_dense(inbox), self._width(inbox)))

    def __str__(self) -> str:
        product = f"{describe_map(self.query, self.query_state or 'q')} . {describe_map(self.key, self.key_state or 'k')}"
        product = f"({product}) / sqrt(d)" if self.scale else product
        return f"softmax {product}" if self.activation is None else f"softmax {name_of(self.activation)}({product})"


@dataclass(frozen=True, eq=False)
class SigmoidGate(_Dot):
    """Gates: ``sigmoid(q_i . k_j)`` of every edge; unlike attention weights they are independent and need not sum to 1.

    Parameters
    ----------
    query, key, query_state, key_state : as in :class:`DotAttention`.
    perspectives : with p > 1 the key map gives p keys per node, concatenated (width p * d), and the largest product counts.
    """

    perspectives: int = 1

    def edges(self, inbox: Inbox) -> Tensor:
        """Weights (E,) of all edges of *inbox*."""
        return torch.sigmoid(self._score_edges(inbox, self.perspectives))

    def dense(self, inbox: DenseInbox) -> Tensor:
        """The same weights as a padded matrix (B, n, s)."""
        return inbox.where_source(torch.sigmoid(self._score_dense(inbox, self.perspectives)))

    def __str__(self) -> str:
        product = f"{describe_map(self.query, self.query_state or 'q')} . {describe_map(self.key, self.key_state or 'k')}"
        return f"sigmoid {product}" if self.perspectives == 1 else f"sigmoid max of {self.perspectives}: {product}"


@dataclass(frozen=True, eq=False)
class AdditiveAttention(Weigh):
    """Additive attention: softmax of ``activation(a_1(W x_i) + a_2(W x_j))`` over all edges that reach node i, all relations together.

    Parameters
    ----------
    to, of : modules of output width 1: a_1 for the destination and a_2 for the source.
    through : W; if it is the module that the step sends with, it is applied only once.
    activation : applied to the sum.
    """

    to: nn.Module
    of: nn.Module
    through: NodeMap = None
    activation: Function | None = None
    has_dense = True

    def needs(self, reads: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        return (reads,), (reads,)

    def inputs(self, inbox: Inbox) -> tuple[Tensor, ...]:
        """The states (n, d) that queries and keys are made from."""
        return (inbox.receiver_state(None), *inbox.source_states(None))

    def _parts(self, inbox: Inbox) -> tuple[Tensor, list[Tensor]]:
        at_target = inbox.map(self.to, inbox.receiver, inbox.map(self.through, inbox.receiver, inbox.receiver_state(None), "through"), "to")
        at_source = inbox.map_sources(self.of, inbox.map_sources(self.through, inbox.source_states(None), "through"), "of")
        for part in (at_target, *at_source):
            if part.shape[-1] != 1:
                raise InputError(f"{inbox.place}: additive attention needs to= and of= of output width 1, found {part.shape[-1]}")
        return at_target, at_source

    def edges(self, inbox: Inbox) -> Tensor:
        """Weights (E,) of all edges of *inbox*."""
        at_target, at_source = self._parts(inbox)
        rows, links = inbox.link(at_source)
        score = rows.squeeze(-1)[links.source] + at_target.squeeze(-1)[links.target]
        return links.softmax(score if self.activation is None else self.activation(score))

    def dense(self, inbox: DenseInbox) -> Tensor:
        """The same weights as a padded matrix (B, n, s)."""
        at_target, at_source = self._parts(inbox)
        score = inbox.pad_receivers(at_target) + inbox.pad_sources(None, at_source, "of").transpose(1, 2)  # (B, n, 1) + (B, 1, s)
        return inbox.softmax(score if self.activation is None else self.activation(score))

    def __str__(self) -> str:
        score = f"{name_of(self.to)} x_i + {name_of(self.of)} x_j"
        return f"softmax {score}" if self.activation is None else f"softmax {name_of(self.activation)}({score})"
