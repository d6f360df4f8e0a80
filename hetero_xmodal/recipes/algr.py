"""ALGR, adaptive latent graph representation learning for image-text matching.

Regions and words are two complete graphs. A graph encoder gives every node a mean and a spread; one vector per picture and per sentence
is read from the means, and for training a sample from both is exchanged between the sides and decoded again.

==========  ======================================================================  =====================================
equation    what it says                                                            where
==========  ======================================================================  =====================================
(1), (2)    s_ij = softmax_j(LeakyReLU((W_q x_i) . (W_k x_j)))                      the attention that layers 1 and 2 share
(4)         Z = ELU(W_e X W)                                                        "regions share", "words share"
(5)         gated steps of the sentence graph                                       "words remember"
(7)         sigma, a second layer of (4)                                            "spread of the ..."
(12)        e = mean of Z over the nodes, and the same of sigma for (13)            "read the means", "read the spreads"
(6)         Z^ = Z + sigma * epsilon, in training only                              :func:`sample_latent`
(14)        FC([softmax_j(Z^v . Z^t) Z^t, Z^v]) and the same for words              "exchange"
==========  ======================================================================  =====================================

Where the paper is silent or contradicts itself, what is done here:

* ``S * A`` with a row-normalised A of ones has rows that sum to 1/n, yet is called normalised: ``edge_norm="renorm"`` uses S itself,
  ``"literal"`` divides by n (AMB-3.1);
* the spread is read from Z by default, ``sigma_in="x"`` from X; both layers use the weights computed from X (AMB-3.2);
* sigma of the sentence is not defined: a second layer as for the picture (AMB-3.3). ELU may be negative, so sigma = ELU + 1 + 1e-6;
* the gated steps hear the plain mean of all words, the same for every word; ``ggnn_adj="learned"`` weighs them (AMB-3.3a). They share
  their weights, and there are two (the paper gives no number);
* the "elementwise" product of (14) does not fit in shape: it is a matrix product.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from .. import schema as s
from ..errors import InputError
from ..message_passing import Combine, Constant, DotAttention, GatedRecurrent, JoinedLinear, Recipe, Replace, Step, attends

CHOICES = {"edge_norm": ("renorm", "literal"), "sigma_in": ("z", "x"), "ggnn_adj": ("uniform", "learned")}


@dataclass(frozen=True, kw_only=True)
class ALGRConfig:
    """Sizes and choices of ALGR's graph encoder.

    in_width : width of the region and word features X (d).
    width : width of Z, sigma and of the two vectors (h); the paper has 2,048 for both.
    ggnn_steps : gated steps of the sentence graph (m).
    slope : of the LeakyReLU in (1).
    edge_norm, sigma_in, ggnn_adj : see the module's notes.
    """

    in_width: int = 2048
    width: int = 2048
    ggnn_steps: int = 2
    slope: float = 0.01
    edge_norm: str = "renorm"
    sigma_in: str = "z"
    ggnn_adj: str = "uniform"

    def __post_init__(self) -> None:
        for name, known in CHOICES.items():
            if getattr(self, name) not in known:
                raise InputError(f"ALGRConfig: {name} is {getattr(self, name)!r}, expected one of {', '.join(known)}")


def positive(x: Tensor) -> Tensor:
    """``ELU(x) + 1 + 1e-6``: the spread must be above zero, and ELU ends at -1."""
    return nn.functional.elu(x) + 1 + 1e-6


def encoder_recipe(config: ALGRConfig = ALGRConfig()) -> Recipe:
    """(1) to (5) and (12): from features to means, spreads and the two vectors that retrieval compares.

    States in: ``x`` of ``visual`` and ``word`` (n, in_width).
    States out: ``z`` and ``sigma`` of both (n, width); ``e`` and ``r`` of ``picture`` and ``sentence``, one row per pair.
    """
    gather = "sum" if config.edge_norm == "renorm" else "mean"
    elu = Replace(nn.functional.elu)
    first, second = [], []
    remember: list[Step] = []
    for node_type, who in ((s.VISUAL, "regions"), (s.WORD, "words")):
        along, attention = attends(node_type, node_type), _attention(config)
        share = nn.Linear(config.in_width, config.width, bias=False)
        first.append(
            Step(f"{who} share", along, equation="ALGR (4)", send=share, weigh=attention, gather=gather, update=elu, reads="x", writes="z")
        )
        spread = nn.Linear(config.width if config.sigma_in == "z" else config.in_width, config.width, bias=False)
        second.append(
            Step(
                f"spread of the {who}",
                along,
                equation="ALGR (7), layer 2",
                send=spread,
                weigh=attention,  # the same weights as in layer 1: both come from X
                gather=gather,
                update=Replace(positive),
                reads=config.sigma_in,
                writes="sigma",
            )
        )
        if node_type == s.WORD:
            uniform = config.ggnn_adj == "uniform"
            remember = [
                Step(
                    "words remember",
                    along,
                    equation="ALGR (5)",
                    send=nn.Linear(config.width, config.width, bias=False),  # W_a
                    weigh=Constant() if uniform else attention,
                    gather="mean" if uniform else "sum",
                    update=GatedRecurrent(config.width),
                    reads="z",
                    writes="z",
                )
            ] * config.ggnn_steps
    readers = [attends(s.VISUAL, "picture"), attends(s.WORD, "sentence")]
    read = [
        Step("read the means", readers, equation="ALGR (12)", gather="mean", reads="z", writes="e"),
        Step("read the spreads", readers, equation="ALGR (13), r(sigma)", gather="mean", reads="sigma", writes="r"),
    ]
    return Recipe(first + remember + second + read, adds={"picture": 1, "sentence": 1}, name="ALGR: graph encoder")


def _attention(config: ALGRConfig) -> DotAttention:
    """(1), (2): weights from X, whatever state the step reads; no division by sqrt(d) (AMB-3.0)."""
    return DotAttention(
        query=nn.Linear(config.in_width, config.width, bias=False),
        key=nn.Linear(config.in_width, config.width, bias=False),
        query_state="x",
        key_state="x",
        activation=nn.LeakyReLU(config.slope),
    )


def sample_latent(mean: Tensor, spread: Tensor, *, training: bool, generator: torch.Generator | None = None) -> Tensor:
    """(6): ``mean + spread * noise`` in training, the mean itself otherwise; all (n, width)."""
    if not training:
        return mean
    return mean + spread * torch.randn(mean.shape, generator=generator, dtype=mean.dtype, device=mean.device)


def exchange_recipe(config: ALGRConfig = ALGRConfig()) -> Recipe:
    """(14): each side hears the other, for decoding only. States in: ``latent`` of both (n, width); out: ``joint`` of both."""
    step = Step(
        "exchange",
        [attends(s.WORD, s.VISUAL), attends(s.VISUAL, s.WORD)],
        equation="ALGR (14)",
        weigh=DotAttention(),
        update={
            node_type: Combine(JoinedLinear(config.width, config.width, out=config.width), own=("latent",))
            for node_type in (s.VISUAL, s.WORD)
        },
        reads="latent",
        writes="joint",
    )
    return Recipe([step], name="ALGR: cross-attention")
