"""One line of a recipe."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

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
    """*These* nodes speak along *these* relations, what they say is weighed *so*, gathered *so*, and the receiver does *that* with it.

    Parameters
    ----------
    name : what happens, in a few words: "merge what the bridges learned".
    along : relations that carry messages: one triple or a list of them; see :mod:`hetero_xmodal.message_passing.relations`.
    equation : which equation of which paper this is.
    send : what a source says: ``"state"``, ``"one"`` (the number 1, so that what is heard is the weights themselves), a module applied
        to the state, or a mapping from relation or source node type to module (those not named send their state).
    weigh : how loud each message is; see :mod:`hetero_xmodal.message_passing.weigh`.
    gather : ``"sum"``, ``"mean"`` (over the number of messages received, from all relations together) or ``"max"`` (per column).
    update : what the receiver makes of old state and message, or a mapping from receiving node type to that.
    reads, writes : names of the states.
    where : only nodes of this type whose feature on the graph has this value speak and listen, e.g. ``{"bridge": ("lives_in", 0)}``.
    unheard : what becomes of a node that hears nothing: ``"keep"`` its state (a state that is new starts at zero), ``"zero"``, or
        ``"update"`` with a message of zeros.

    A step is a plain frozen declaration: it holds the modules it uses but does no work; the :class:`Recipe` runs it.

    >>> step = Step("talk", [("word", "depends", "word"), ("word", "itself", "word")], gather="mean")
    >>> print(step)
    talk: word -depends-> word, word -itself-> word; send h; weigh 1; gather mean; replace; h -> h
    """

    name: str
    along: Relation | list[Relation] | tuple[Relation, ...]
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
            raise InputError(f"a step's name is {self.name!r}; say in a few words what happens")
        place = f"step '{self.name}'"
        one = isinstance(self.along, tuple) and len(self.along) == 3 and all(isinstance(part, str) for part in self.along)
        relations = tuple(check_relation(relation, place) for relation in ((self.along,) if one else self.along))
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
            raise InputError(f"{place}: weigh is {self.weigh!r}, expected one of the ways in message_passing.weigh, e.g. DotAttention()")
        self._check_send(place)
        self._check_update(place)
        for node_type in self.where:
            if node_type not in {*self.sources, *self.receivers}:
                raise InputError(f"{place}: where names node type {node_type!r}, which no relation of the step touches")

    def _check_send(self, place: str) -> None:
        if isinstance(self.send, str) and self.send not in SENDS:
            raise InputError(
                f"{place}: send is {self.send!r}{nearest(self.send, SENDS)}; known are 'state', 'one', a module or a mapping to modules"
            )
        if isinstance(self.send, Mapping):
            known = [*self.along, *self.sources]
            for key in self.send:
                if key not in known:
                    raise InputError(
                        f"{place}: send names {key!r}{nearest(key, known)}, which is no relation or source node type of the step"
                    )
        elif not isinstance(self.send, str) and not callable(self.send):
            raise InputError(f"{place}: send is {self.send!r}; known are 'state', 'one', a module or a mapping to modules")

    def _check_update(self, place: str) -> None:
        for node_type in self.receivers:
            if not callable(self.update_of(node_type)):
                raise InputError(
                    f"{place}: update of node type {node_type!r} is {self.update_of(node_type)!r}, expected something to call, "
                    "e.g. Replace()"
                )
        if isinstance(self.update, Mapping):
            for node_type in self.update:
                if node_type not in self.receivers:
                    raise InputError(
                        f"{place}: update names node type {node_type!r}{nearest(node_type, self.receivers)}, "
                        "which hears nothing in this step"
                    )

    @property
    def sources(self) -> tuple[str, ...]:
        """Node types that speak, in the order of ``along``."""
        return tuple(dict.fromkeys(source for source, _, _ in self.along))

    @property
    def receivers(self) -> tuple[str, ...]:
        """Node types that listen, in the order of ``along``."""
        return tuple(dict.fromkeys(target for _, _, target in self.along))

    def send_along(self, relation: Relation) -> nn.Module | str:
        """What is sent along *relation*: ``"state"``, ``"one"`` or a module."""
        if isinstance(self.send, Mapping):
            return self.send.get(relation, self.send.get(relation[0], "state"))
        return self.send

    def update_of(self, node_type: str) -> Callable[..., Tensor]:
        """What nodes of *node_type* do with what they heard; :class:`Replace` if the step's mapping does not name them."""
        return self.update.get(node_type, Replace()) if isinstance(self.update, Mapping) else self.update

    def modules(self) -> Iterator[tuple[str, nn.Module]]:
        """Name and module of every part of this step that may hold parameters."""
        for part, owner in (("send", self.send), ("weigh", self.weigh), ("update", self.update)):
            yield from _modules(part, owner)

    def describe(self) -> dict[str, str]:
        """The step as one row of the recipe's table; relations are separated by newlines."""
        if isinstance(self.send, Mapping):
            send = "\n".join(f"{key if isinstance(key, str) else arrow(key)}: {name_of(module)}" for key, module in self.send.items())
        else:
            send = {"state": self.reads, "one": "1"}.get(self.send) if isinstance(self.send, str) else f"{name_of(self.send)} {self.reads}"
        if isinstance(self.update, Mapping):
            update = "\n".join(f"{node_type}: {_say(update)}" for node_type, update in self.update.items())
        else:
            update = _say(self.update)
        if self.unheard != "keep":
            update += f"\nunheard: {self.unheard}"
        along = [arrow(relation) for relation in self.along]
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


def _say(update: object) -> str:
    return str(update) if type(update).__str__ is not object.__str__ else name_of(update)


def _modules(path: str, owner: object) -> Iterator[tuple[str, nn.Module]]:
    """Modules inside a declaration: itself, in a mapping, or in a field of a frozen dataclass."""
    if isinstance(owner, nn.Module):
        yield path, owner
    elif isinstance(owner, Mapping):
        for key, value in owner.items():
            yield from _modules(f"{path}_{key if isinstance(key, str) else '_'.join(key)}", value)
    elif hasattr(owner, "__dataclass_fields__"):
        for entry in fields(owner):
            yield from _modules(f"{path}_{entry.name}", getattr(owner, entry.name))
