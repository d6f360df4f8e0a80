"""Every kind of step, for the tests that each of them must pass. All states are 3 wide; all maps are float64 and fixed by a seed."""

from __future__ import annotations

import torch
from torch import nn

from hetero_xmodal.message_passing import (
    AdditiveAttention,
    Blend,
    Combine,
    Constant,
    DotAttention,
    GatedRecurrent,
    Replace,
    Residual,
    SigmoidGate,
    Step,
    StoredWeight,
    SymmetricNorm,
)

WIDTH = 3


def linear(inputs: int = WIDTH, outputs: int = WIDTH, *, bias: bool = True) -> nn.Linear:
    return nn.Linear(inputs, outputs, bias=bias).double()


def leaky(x: torch.Tensor) -> torch.Tensor:
    return nn.functional.leaky_relu(x, 0.2)


def _gat() -> dict:
    through = linear(bias=False)
    return {
        "send": through,
        "weigh": AdditiveAttention(to=linear(outputs=1, bias=False), of=linear(outputs=1, bias=False), through=through, activation=leaky),
        "update": Replace(nn.functional.elu),
    }


#: name -> what a Step of that kind is given beside its relations; a function, so that every test has modules of its own
KINDS = {
    "plain sum": lambda along: {},
    "scaled sum": lambda along: {"weigh": Constant(0.25)},
    "mean": lambda along: {"gather": "mean", "send": linear()},
    "max": lambda along: {"gather": "max"},
    "stored weight": lambda along: {"weigh": StoredWeight("weight")},
    "max of stored weight": lambda along: {"weigh": StoredWeight("weight"), "gather": "max"},
    "symmetric norm": lambda along: {"weigh": SymmetricNorm(), "send": linear(), "update": Replace(torch.relu)},
    "symmetric norm of stored weight": lambda along: {"weigh": SymmetricNorm("weight")},
    "symmetric norm by out-degree": lambda along: {"weigh": SymmetricNorm(degree="out")},
    "dot attention": lambda along: {"weigh": DotAttention()},
    "mapped dot attention": lambda along: {
        "weigh": DotAttention(query=linear(outputs=5), key=linear(outputs=5), scale=True, activation=leaky),
        "send": linear(),
    },
    "dot attention, mean": lambda along: {"weigh": DotAttention(), "gather": "mean"},
    "dot attention of another state": lambda along: {"weigh": DotAttention(query_state="g", key_state="g")},
    "additive attention": lambda along: _gat(),
    "gate": lambda along: {"weigh": SigmoidGate(query=linear(), key=linear())},
    "gate of two perspectives": lambda along: {
        "weigh": SigmoidGate(key=linear(outputs=2 * WIDTH), perspectives=2),
        "send": "one",
        "writes": "mask",
    },
    "map per relation": lambda along: {"send": {relation: linear() for relation in along}},
    "map per source type": lambda along: {"send": {source: linear() for source, _, _ in along}, "weigh": DotAttention()},
    "blend": lambda along: {"update": Blend(0.7, 0.3, through=linear())},
    "residual": lambda along: {"update": Residual(torch.tanh)},
    "gated recurrent": lambda along: {"update": GatedRecurrent(WIDTH).double()},
    "combine": lambda along: {"update": Combine(lambda message, g: message * g, own=("g",))},
    "own update": lambda along: {"update": lambda old, message: old - message},
    "new state": lambda along: {"writes": "new"},
    "zero without messages": lambda along: {"unheard": "zero"},
    "updated without messages": lambda along: {"unheard": "update", "update": Blend(0.5, 0.5)},
}
NEEDS_STORED_WEIGHT = {name for name in KINDS if "stored weight" in name}


def make_step(kind: str, along, *, where=None, seed: int = 0) -> Step:
    torch.manual_seed(seed)
    return Step(kind, list(along), **KINDS[kind](list(along)), where=where or {})


def random_states(counts: dict[str, list[int]], *, seed: int = 0, requires_grad: bool = False) -> dict[str, dict[str, torch.Tensor]]:
    """Two states, ``h`` and ``g``, for every node type."""
    generator = torch.Generator().manual_seed(seed)
    return {
        t: {name: torch.randn(sum(n), WIDTH, generator=generator, dtype=torch.float64).requires_grad_(requires_grad) for name in ("h", "g")}
        for t, n in counts.items()
    }
