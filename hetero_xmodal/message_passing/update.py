"""What a receiver makes of its old state and of what it heard.

An update is called as ``update(old, heard, *own)`` with tensors of one row per receiving node and returns the new state:

* ``old`` (n, d): the receiver's state of the name that the step writes; if there is none yet, the one it reads; else None;
* ``heard`` (n, m): the gathered messages;
* ``own``: further states of the receiver, named by the update's ``own``.

Any function or ``torch.nn.Module`` of ``(old, heard)`` may be given in place of the classes below. One with a true attribute
``needs_old`` is not called for a node type that has neither nodes nor an old state.

>>> import torch
>>> old, heard = torch.tensor([[1.0, -1.0]]), torch.tensor([[3.0, -3.0]])
>>> Replace(torch.relu)(old, heard).tolist()
[[3.0, 0.0]]
>>> Blend(old=0.75, new=0.25)(old, heard).tolist()
[[1.5, -1.5]]
>>> Residual()(old, heard).tolist()
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
    return getattr(function, "__name__", type(function).__name__).strip("<>")


def _need_old(old: Tensor | None, heard: Tensor, what: str) -> Tensor:
    if old is None:
        raise InputError(f"{what} needs an old state, but the receiver has none; give it one or use Replace")
    if old.shape[1] != heard.shape[1]:
        raise InputError(
            f"{what} needs messages as wide as the old state, found {tuple(heard.shape)} and {tuple(old.shape)}; "
            "map the messages with send="
        )
    return old


@dataclass(frozen=True, eq=False)
class Replace:
    """The message, through an activation, becomes the new state."""

    activation: Function | None = None

    def __call__(self, old: Tensor | None, heard: Tensor) -> Tensor:
        return heard if self.activation is None else self.activation(heard)

    def __str__(self) -> str:
        return "replace" if self.activation is None else f"replace, {name_of(self.activation)}"


@dataclass(frozen=True, eq=False)
class Blend:
    """``old * state + new * through(message)`` with two fixed numbers."""

    old: float = 0.5
    new: float = 0.5
    through: Function | None = None
    needs_old = True

    def __call__(self, old: Tensor | None, heard: Tensor) -> Tensor:
        said = heard if self.through is None else self.through(heard)
        return self.old * _need_old(old, said, "a Blend update") + self.new * said

    def __str__(self) -> str:
        said = "heard" if self.through is None else f"{name_of(self.through)}(heard)"
        return f"{self.old:g} old + {self.new:g} {said}"


@dataclass(frozen=True, eq=False)
class Residual:
    """``old + activation(message)``."""

    activation: Function | None = None
    needs_old = True

    def __call__(self, old: Tensor | None, heard: Tensor) -> Tensor:
        said = heard if self.activation is None else self.activation(heard)
        return _need_old(old, said, "a Residual update") + said

    def __str__(self) -> str:
        return "old + heard" if self.activation is None else f"old + {name_of(self.activation)}(heard)"


class GatedRecurrent(nn.Module):
    """The gated update of gated graph networks, state Z (n, d) and message a (n, m)::

        U  = sigmoid(a W_U + Z F_U + b_U)          how much of the candidate to take
        r  = sigmoid(a W_r + Z F_r + b_r)          how much of the old state the candidate sees
        Z~ = tanh(a W_z + (r * Z) F_z + b_z)       the candidate
        Z' = Z~ * U + Z * (1 - U)

    It is not ``torch.nn.GRUCell``: there ``r`` multiplies after F_z and the update gate multiplies the old state.
    """

    needs_old = True

    def __init__(self, width: int, message_width: int | None = None) -> None:
        super().__init__()
        message_width = width if message_width is None else message_width
        self.heard_to_update = nn.Linear(message_width, width)  # W_U, b_U
        self.heard_to_reset = nn.Linear(message_width, width)  # W_r, b_r
        self.heard_to_candidate = nn.Linear(message_width, width)  # W_z, b_z
        self.state_to_update = nn.Linear(width, width, bias=False)  # F_U
        self.state_to_reset = nn.Linear(width, width, bias=False)  # F_r
        self.state_to_candidate = nn.Linear(width, width, bias=False)  # F_z

    def forward(self, old: Tensor | None, heard: Tensor) -> Tensor:
        """``old`` (n, width) and ``heard`` (n, message_width) to the new state (n, width)."""
        if old is None:
            raise InputError("a GatedRecurrent update needs an old state, but the receiver has none; give it one or use Replace")
        update = torch.sigmoid(self.heard_to_update(heard) + self.state_to_update(old))
        reset = torch.sigmoid(self.heard_to_reset(heard) + self.state_to_reset(old))
        candidate = torch.tanh(self.heard_to_candidate(heard) + self.state_to_candidate(reset * old))
        return candidate * update + old * (1 - update)

    def __str__(self) -> str:
        return "gated recurrent"


@dataclass(frozen=True, eq=False)
class Combine:
    """``function(heard, *own)`` with further states of the receiver, for formulas of more than one state.

    >>> blend = Combine(lambda gate, new, old: gate * new + (1 - gate) * old, own=("new", "old"))
    >>> blend(None, torch.tensor([[0.25]]), torch.tensor([[4.0]]), torch.tensor([[8.0]])).tolist()
    [[7.0]]
    """

    function: Callable[..., Tensor]
    own: tuple[str, ...]

    def __call__(self, old: Tensor | None, heard: Tensor, *own: Tensor) -> Tensor:
        return self.function(heard, *own)

    def __str__(self) -> str:
        return f"{name_of(self.function)}(heard, {', '.join(self.own)})"


class JoinedLinear(nn.Module):
    """A linear map of several tensors side by side: ``W [heard, own, ...] + b``, for use in :class:`Combine`.

    >>> JoinedLinear(2, 3, out=4)(torch.zeros(5, 2), torch.zeros(5, 3)).shape
    torch.Size([5, 4])
    """

    def __init__(self, *widths: int, out: int) -> None:
        super().__init__()
        self.linear = nn.Linear(sum(widths), out)

    def forward(self, *parts: Tensor) -> Tensor:
        """Tensors (n, width) of the widths given, to (n, out)."""
        return self.linear(torch.cat(parts, 1))
