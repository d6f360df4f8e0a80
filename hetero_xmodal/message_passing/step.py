"""A step: one round of message passing, and one line of a recipe."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any, cast

from torch import Tensor, nn

from ..errors import InputError, nearest
from .relations import Relation, arrow, check_relation
from .update import Replace, name_of
from .weigh import Constant, Weigh

GATHERS = ("sum", "mean", "max")
SENDS = ("state", "one")
UNHEARD = ("keep", "zero", "update")


@dataclass(frozen=True, eq=False)
class Step:
    """One round of message passing: which relations carry messages, and how these are made, weighted, aggregated and used.

    Parameters
    ----------
    name : what the step does, in a few words: "merge what the copies learned".
    along : relations that carry messages: one triple or a list of them; see :mod:`hetero_xmodal.message_passing.relations`.
    equation : the equation of the paper that the step implements.
    send : the message function of the source node: ``"state"``, ``"one"`` (the number 1, so that the aggregated message is the sum of
        the edge weights), a module applied to the state, or a mapping from relation or source node type to module (those not named
        send their state).
    weigh : the weight of each edge, for example attention; see :mod:`hetero_xmodal.message_passing.weigh`.
    gather : the aggregation: ``"sum"``, ``"mean"`` (over the number of messages received, from all relations together) or ``"max"``
        (per column).
    update : the update function ``update(old state, aggregated message)`` of the destination node, or a mapping from destination node
        type to one; see :mod:`hetero_xmodal.message_passing.update`.
    reads, writes : name of the state that messages are made from, and of the state that the update writes.
    where : restricts a node type to the nodes whose feature on the graph has a value, e.g. ``{"bridge": ("lives_in", 0)}``; the others
        neither send nor receive.
    unheard : what becomes of a node that receives no message: ``"keep"`` its state (a new state starts at zero), ``"zero"``, or
        ``"update"`` with a message of zeros.

    A step is a frozen declaration: it holds the modules that it uses but computes nothing; the :class:`Recipe` runs it.

    Raises
    ------
    InputError
        If an argument is not one of those above; the message names the step.

    >>> print(Step("average", [("word", "depends", "word"), ("word", "itself", "word")], gather="mean"))
    average: word -depends-> word, word -itself-> word; send h; weigh 1; gather mean; replace; h -> h
    """

    name: str
    along: Relation | Sequence[Relation]
    equation: str = field(default="", kw_only=True)
    send: str | nn.Module | Mapping[Any, nn.Module] = field(default="state", kw_only=True)
    weigh: Weigh = field(default_factory=Constant, kw_only=True)
    gather: str = field(default="sum", kw_only=True)
    update: Callable[..., Tensor] | Mapping[str, Callable[..., Tensor]] = field(default_factory=Replace, kw_only=True)
    reads: str = field(default="h", kw_only=True)
    writes: str = field(default="h", kw_only=True)
    where: Mapping[str, tuple[str, int]] = field(default_factory=dict, kw_only=True)
    unheard: str = field(default="keep", kw_only=True)

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name.strip():
            raise InputError(f"a step's name is {self.name!r}; give a few words that say what it does")
        place = f"step '{self.name}'"
        one = isinstance(self.along, tuple) and len(self.along) == 3 and all(isinstance(part, str) for part in self.along)
        relations = tuple(check_relation(relation, place) for relation in cast("Sequence[Relation]", (self.along,) if one else self.along))
        if not relations:
            raise InputError(f"{place}: along is empty; name at least one relation")
        twice = [relation for relation in relations if relations.count(relation) > 1]
        if twice:
            raise InputError(f"{place}: relation {twice[0]} is named twice in along")
        object.__setattr__(self, "along", relations)
        for argument, value, known in (("gather", self.gather, GATHERS), ("unheard", self.unheard, UNHEARD)):
            if value not in known:
                raise InputError(f"{place}: {argument} is {value!r}{nearest(value, known)}; known are {', '.join(known)}")
        if not isinstance(self.weigh, Weigh):
            raise InputError(f"{place}: weigh is {self.weigh!r}, expected a Weigh, e.g. DotAttention()")
        self._check_send(place)
        self._check_update(place)
        for node_type in self.where:
            if node_type not in {*self.sources, *self.receivers}:
                raise InputError(f"{place}: where names node type {node_type!r}, which is at neither end of any relation of the step")

    def _check_send(self, place: str) -> None:
        if isinstance(self.send, str) and self.send not in SENDS:
            raise InputError(
                f"{place}: send is {self.send!r}{nearest(self.send, SENDS)}; known are 'state', 'one', a module or a mapping to modules"
            )
        if isinstance(self.send, Mapping):
            known = [*self.relations, *self.sources]
            for key in self.send:
                if key not in known:
                    raise InputError(
                        f"{place}: send names {key!r}{nearest(key, known)}, which is neither a relation nor a source node type of the step"
                    )
        elif not isinstance(self.send, str) and not callable(self.send):
            raise InputError(f"{place}: send is {self.send!r}; known are 'state', 'one', a module or a mapping to modules")

    def _check_update(self, place: str) -> None:
        for node_type in self.receivers:
            if not callable(self.update_of(node_type)):
                raise InputError(
                    f"{place}: update of node type {node_type!r} is {self.update_of(node_type)!r}, expected a function or a module, "
                    "e.g. Replace()"
                )
        if isinstance(self.update, Mapping):
            for node_type in self.update:
                if node_type not in self.receivers:
                    raise InputError(
                        f"{place}: update names node type {node_type!r}{nearest(node_type, self.receivers)}, "
                        "which receives no messages in this step"
                    )

    @property
    def relations(self) -> tuple[Relation, ...]:
        """The relations of ``along``, as a tuple even if a single one was given."""
        return cast("tuple[Relation, ...]", self.along)  # __post_init__ has made it one

    @property
    def sources(self) -> tuple[str, ...]:
        """Source node types, in the order of ``along``."""
        return tuple(dict.fromkeys(source for source, _, _ in self.relations))

    @property
    def receivers(self) -> tuple[str, ...]:
        """Destination node types, in the order of ``along``."""
        return tuple(dict.fromkeys(target for _, _, target in self.relations))

    def send_along(self, relation: Relation) -> nn.Module | str:
        """What is sent along *relation*: ``"state"``, ``"one"`` or a module."""
        if isinstance(self.send, Mapping):
            return self.send.get(relation, self.send.get(relation[0], "state"))
        return self.send

    def update_of(self, node_type: str) -> Callable[..., Tensor]:
        """The update function of *node_type*, of states (n, d) and messages (n, m); :class:`Replace` if a mapping does not name it."""
        return self.update.get(node_type, Replace()) if isinstance(self.update, Mapping) else self.update

    def modules(self) -> Iterator[tuple[str, nn.Module]]:
        """Name and module of every part of the step that may hold parameters."""
        for part, owner in (("send", self.send), ("weigh", self.weigh), ("update", self.update)):
            yield from _modules(part, owner)

    def describe(self) -> dict[str, str]:
        """The step as one row of the recipe's table; relations are separated by newlines."""
        if isinstance(self.send, Mapping):
            send = "\n".join(f"{key if isinstance(key, str) else arrow(key)}: {name_of(module)}" for key, module in self.send.items())
        else:
            send = {"state": self.reads, "one": "1"}[self.send] if isinstance(self.send, str) else f"{name_of(self.send)} {self.reads}"
        if isinstance(self.update, Mapping):
            update = "\n".join(f"{node_type}: {_label(update)}" for node_type, update in self.update.items())
        else:
            update = _label(self.update)
        if self.unheard != "keep":
            update += f"\nunheard: {self.unheard}"
        along = [arrow(relation) for relation in self.relations]
        along += [f"where {node_type}.{feature} = {value}" for node_type, (feature, value) in self.where.items()]
        return {
            "step": self.name,
            "equation": self.equation,
            "along": "\n".join(along),
            "send": send,
            "weigh": str(self.weigh),
            "gather": self.gather,
            "update": update,
            "reads": self.reads,
            "writes": self.writes,
        }

    def __str__(self) -> str:
        row = {key: value.replace("\n", ", ") for key, value in self.describe().items()}
        return (
            f"{row['step']}: {row['along']}; send {row['send']}; weigh {row['weigh']}; gather {row['gather']}; {row['update']}; "
            f"{row['reads']} -> {row['writes']}"
        )


def _label(update: object) -> str:
    """An update as shown in the table: what it prints as if it defines that, else its name."""
    return str(update) if type(update).__str__ is not object.__str__ else name_of(update)


def _modules(path: str, owner: object) -> Iterator[tuple[str, nn.Module]]:
    """Modules inside a declaration: itself, in a mapping, or in a field of a frozen dataclass."""
    if isinstance(owner, nn.Module):
        yield path, owner
    elif isinstance(owner, Mapping):
        for key, value in owner.items():
            yield from _modules(f"{path}_{key if isinstance(key, str) else '_'.join(key)}", value)
    elif is_dataclass(owner):
        for entry in fields(owner):
            yield from _modules(f"{path}_{entry.name}", getattr(owner, entry.name))
