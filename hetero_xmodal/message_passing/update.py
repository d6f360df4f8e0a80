"""Update functions: the new state of a node from its old state and the aggregated message.

An update is called as ``update(old, message, *own)`` with one row per destination node and returns the new state (n, width):

* ``old`` (n, d): the node's state of the name that the step writes; if there is none yet, the one it reads; else None;
* ``message`` (n, m): the aggregated message;
* ``own`` (n, k) each: further states of the node, named by the update's ``own``.

Any function or ``torch.nn.Module`` of ``(old, message)`` may be used in place of the classes below. One with a true attribute
``needs_old`` is not called for a node type that has neither nodes nor an old state.

>>> import torch
>>> old, message = torch.tensor([[1.0, -1.0]]), torch.tensor([[3.0, -3.0]])
>>> Replace(torch.relu)(old, message).tolist()
[[3.0, 0.0]]
>>> Blend(old=0.75, new=0.25)(old, message).tolist()
[[1.5, -1.5]]
>>> Residual()(old, message).tolist()
[[4.0, -4.0]]
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..errors import InputError

Function = Callable[[Tensor], Tensor]


def name_of(function: object) -> str:
    """Short readable name of a function or module, as shown in a recipe's table.

    >>> name_of(torch.nn.Linear(3, 2)), name_of(torch.relu)
    ('Linear(3, 2)', 'relu')
    """
    if isinstance(function, nn.Linear):
        return f"Linear({function.in_features}, {function.out_features})"
    if isinstance(function, nn.Sequential):
        return " > ".join(name_of(part) for part in function)
    if isinstance(function, nn.Module):
        return type(function).__name__
    name = getattr(function, "__name__", type(function).__name__)
    return "a function without a name" if name == "<lambda>" else name


def _need_old(old: Tensor | None, message: Tensor, what: str) -> Tensor:
    if old is None:
        raise InputError(f"{what} needs an old state, but the destination node has none; give it one or use Replace")
    if old.shape[1] != message.shape[1]:
        raise InputError(
            f"{what} needs messages as wide as the old state, found {tuple(message.shape)} and {tuple(old.shape)}; "
            "map the messages with send="
        )
    return old


@dataclass(frozen=True, eq=False)
class Replace:
    """``activation(message)``: the message (n, m) becomes the new state (n, m)."""

    activation: Function | None = None

    def __call__(self, old: Tensor | None, message: Tensor) -> Tensor:
        return message if self.activation is None else self.activation(message)

    def __str__(self) -> str:
        return "replace" if self.activation is None else f"replace, {name_of(self.activation)}"


@dataclass(frozen=True, eq=False)
class Blend:
    """``old * state + new * through(message)`` with two fixed numbers: state (n, d) and message (n, m), which *through* maps to (n, d)."""

    old: float = 0.5
    new: float = 0.5
    through: Function | None = None
    needs_old = True

    def __call__(self, old: Tensor | None, message: Tensor) -> Tensor:
        message = message if self.through is None else self.through(message)
        return self.old * _need_old(old, message, "a Blend update") + self.new * message

    def __str__(self) -> str:
        messages = "messages" if self.through is None else f"{name_of(self.through)}(messages)"
        return f"{self.old:g} old + {self.new:g} {messages}"


@dataclass(frozen=True, eq=False)
class Residual:
    """``old + activation(message)``, a residual connection: state and message (n, d)."""

    activation: Function | None = None
    needs_old = True

    def __call__(self, old: Tensor | None, message: Tensor) -> Tensor:
        message = message if self.activation is None else self.activation(message)
        return _need_old(old, message, "a Residual update") + message

    def __str__(self) -> str:
        return "old + messages" if self.activation is None else f"old + {name_of(self.activation)}(messages)"


class GatedRecurrent(nn.Module):
    """The gated update of gated graph networks, from state Z (n, d) and message a (n, m) to the new state (n, d)::

        U  = sigmoid(a W_U + Z F_U + b_U)          update gate: the share of the candidate
        r  = sigmoid(a W_r + Z F_r + b_r)          reset gate: the share of the old state in the candidate
        Z~ = tanh(a W_z + (r * Z) F_z + b_z)       candidate state
        Z' = Z~ * U + Z * (1 - U)

    It is not ``torch.nn.GRUCell``: there ``r`` multiplies after F_z and the update gate multiplies the old state.
    """

    needs_old = True

    def __init__(self, width: int, message_width: int | None = None) -> None:
        super().__init__()
        message_width = width if message_width is None else message_width
        self.message_to_update = nn.Linear(message_width, width)  # W_U, b_U
        self.message_to_reset = nn.Linear(message_width, width)  # W_r, b_r
        self.message_to_candidate = nn.Linear(message_width, width)  # W_z, b_z
        self.state_to_update = nn.Linear(width, width, bias=False)  # F_U
        self.state_to_reset = nn.Linear(width, width, bias=False)  # F_r
        self.state_to_candidate = nn.Linear(width, width, bias=False)  # F_z

    def forward(self, old: Tensor | None, message: Tensor) -> Tensor:
        """*old* (n, width) and *message* (n, message_width) to the new state (n, width).

        Raises
        ------
        InputError
            If there is no old state.
        """
        if old is None:
            raise InputError("a GatedRecurrent update needs an old state, but the destination node has none; give it one or use Replace")
        update = torch.sigmoid(self.message_to_update(message) + self.state_to_update(old))
        reset = torch.sigmoid(self.message_to_reset(message) + self.state_to_reset(old))
        candidate = torch.tanh(self.message_to_candidate(message) + self.state_to_candidate(reset * old))
        return candidate * update + old * (1 - update)

    def __str__(self) -> str:
        return "gated recurrent"


@dataclass(frozen=True, eq=False)
class Combine:
    """``function(message, *own)``: message (n, m) and further states (n, k) of the node, for formulas of more than one state.

    *describe* is what the printed recipe shows; without it, the function's name.

    >>> blend = Combine(lambda gate, new, old: gate * new + (1 - gate) * old, own=("new", "old"))
    >>> blend(None, torch.tensor([[0.25]]), torch.tensor([[4.0]]), torch.tensor([[8.0]])).tolist()
    [[7.0]]
    """

    function: Callable[..., Tensor]
    own: tuple[str, ...]
    describe: str = ""

    def __call__(self, old: Tensor | None, message: Tensor, *own: Tensor) -> Tensor:
        return self.function(message, *own)

    def __str__(self) -> str:
        return self.describe or f"{name_of(self.function)}(messages, {', '.join(self.own)})"


@dataclass(frozen=True, eq=False)
class Custom:
    """``function(old, message)`` with the words that describe it in the printed recipe: old state (n, d) and message (n, m) to (n, k).

    Any function may be an update; a named one is shown by its name. This gives a ``lambda``, or a formula, words of its own.

    >>> half = Custom(lambda old, message: (old + message) / 2, describe="mean of old and messages")
    >>> print(half), half(torch.tensor([[2.0]]), torch.tensor([[4.0]])).tolist()
    mean of old and messages
    (None, [[3.0]])
    """

    function: Callable[[Tensor | None, Tensor], Tensor]
    describe: str

    def __call__(self, old: Tensor | None, message: Tensor) -> Tensor:
        return self.function(old, message)

    def __str__(self) -> str:
        return self.describe


class JoinedLinear(nn.Module):
    """A linear map of concatenated tensors, ``W [message, own, ...] + b``, for use in :class:`Combine`.

    >>> JoinedLinear(2, 3, out=4)(torch.zeros(5, 2), torch.zeros(5, 3)).shape
    torch.Size([5, 4])
    """

    def __init__(self, *widths: int, out: int) -> None:
        super().__init__()
        self.linear = nn.Linear(sum(widths), out)

    def forward(self, *parts: Tensor) -> Tensor:
        """Tensors (n, width) of the given widths to (n, out)."""
        return self.linear(torch.cat(parts, 1))
