"""MIM-Net, the memory-based image manipulation network: words recall textures, textures find their place in the picture.

A set of memories (textures) is learned and shared by all pairs. Every word asks the memories; what they recall, averaged, conditions a
coarse picture; a localising unit says where the text speaks about the picture; then every place of the fine picture asks the words.

==========  ====================================================================  ==================================================
equation    what it says                                                          where
==========  ====================================================================  ==================================================
(2), (3)    a_ij = softmax_j(h_i . W m_j), h^_i = sum_j a_ij m_j                  "recall textures": keys are mapped, values are raw
(4)         h- = mean (or sum) of h^_i                                            "gather the text's texture"
(5)         v = W_r [h-, v^b]                                                     "condition the picture"
(6)         v^c = f_r(v) + v, 3x3 convolutions                                    dense beside the recipe; :func:`convolution_step`
                                                                                  is the same as message passing on a grid
(9)         alpha = sigmoid(v^c . h-)                                             "localise the text"
(7)         alpha v^c + (1 - alpha) v^i                                           :func:`blend`
(10)        h^f = 1/T sum_k sigmoid(v^u . h^_k) h^_k                              "refine": gates, not a softmax
==========  ====================================================================  ==================================================

Node types beside ``word``: ``memory`` (one set shared by the whole batch, never copied), ``texture`` (one per pair), ``patch`` (the
coarse grid of the picture, row by row) and ``fine_patch`` (the fine grid). Only valid words are nodes, so there is nothing to mask.

Where the paper is silent: the text calls (4) an average although a sum is printed, so the mean is the default (AMB-2.1). For the random
memory of (16) give other weights to the first step: ``recipe(graph, states, edge_weights={"recall textures": weights})`` with
weights (words, memories), each row one-hot for one memory per pair (AMB-2.4).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from .. import schema as s
from ..errors import InputError
from ..message_passing import PER_GRAPH, SHARED, Combine, DotAttention, JoinedLinear, Recipe, SigmoidGate, Step, attends

if TYPE_CHECKING:
    import dgl

POOLS = ("mean", "sum")


@dataclass(frozen=True, kw_only=True)
class MIMNetConfig:
    """Sizes and choices of MIM-Net's message passing; the paper does not state the numbers.

    word_width : width of the words' Bi-LSTM states (d_h).
    width : width of memories and of the picture's features (l = C; the localising unit needs them equal).
    boundary_width : width of the boundary features v^b.
    texture_pool : ``"mean"`` or ``"sum"`` over the words in (4).
    """

    word_width: int = 256
    width: int = 256
    boundary_width: int = 256
    texture_pool: str = "mean"

    def __post_init__(self) -> None:
        if self.texture_pool not in POOLS:
            raise InputError(f"MIMNetConfig: texture_pool is {self.texture_pool!r}, expected 'mean' or 'sum'")


def texture_recipe(config: MIMNetConfig = MIMNetConfig()) -> Recipe:
    """(2) to (5): from words and memories to the conditioned picture.

    States in: ``word`` ``h`` (words, word_width), ``memory`` ``h`` (memories, width), ``patch`` ``boundary`` (cells, boundary_width).
    States out: ``word`` ``recalled`` and ``texture`` ``h`` (width), ``patch`` ``v`` (width).
    """
    key = nn.Linear(config.width, config.word_width, bias=False)  # W
    return Recipe(
        [
            Step("recall textures", attends("memory", s.WORD), equation="MIM-Net (2), (3)", weigh=DotAttention(key=key), writes="recalled"),
            Step(
                "gather the text's texture",
                attends(s.WORD, "texture"),
                equation="MIM-Net (4)",
                gather=config.texture_pool,
                reads="recalled",
                writes="h",
            ),
            Step(
                "condition the picture",
                attends("texture", "patch"),
                equation="MIM-Net (5)",
                update=Combine(JoinedLinear(config.width, config.boundary_width, out=config.width), own=("boundary",)),  # W_r
                writes="v",
            ),
        ],
        adds={"memory": SHARED, "texture": 1, "patch": PER_GRAPH},
        name="MIM-Net: textures",
    )


def localise_recipe() -> Recipe:
    """(9), the text localising unit. States in: ``texture`` ``h``, ``patch`` ``vc``; out: ``patch`` ``alpha`` (cells, 1)."""
    gate = SigmoidGate(query_state="vc", key_state="h")
    return Recipe(
        [Step("localise the text", attends("texture", "patch"), equation="MIM-Net (9)", send="one", weigh=gate, writes="alpha")],
        adds={"texture": 1, "patch": PER_GRAPH},
        name="MIM-Net: text localising unit",
    )


def blend(alpha: Tensor, conditioned: Tensor, image: Tensor) -> Tensor:
    """(7): the conditioned features where the text speaks, the picture's own elsewhere. alpha (n, 1), others (n, width).

    >>> blend(torch.tensor([[0.75]]), torch.tensor([[4.0]]), torch.tensor([[8.0]])).tolist()
    [[5.0]]
    """
    return alpha * conditioned + (1 - alpha) * image


def refine_recipe() -> Recipe:
    """(10): every place of the fine picture asks the words. States in: ``word`` ``recalled``, ``fine_patch`` ``vu``; out: ``hf``."""
    gate = SigmoidGate(query_state="vu", key_state="recalled")
    step = Step("refine", attends(s.WORD, "fine_patch"), equation="MIM-Net (10)", weigh=gate, gather="mean", reads="recalled", writes="hf")
    return Recipe([step], adds={"fine_patch": PER_GRAPH}, name="MIM-Net: fine image refining")


# ---------------------------------------------------------------------------------------------- a convolution as message passing


def grid_graph(height: int, width: int) -> dgl.DGLGraph:
    """A grid of ``patch`` nodes, row by row, with one relation for each of the nine places of a 3x3 kernel.

    ``("patch", "from -1 +1", "patch")`` runs from the cell one row up and one column right. Cells outside are left out: zero padding.
    """
    from ..environment import require_dgl

    cell = torch.arange(height * width).reshape(height, width)
    edges = {}
    for row, column in _OFFSETS:
        target = cell[max(0, -row) : height - max(0, row), max(0, -column) : width - max(0, column)].reshape(-1)
        edges[_offset(row, column)] = (target + row * width + column, target)
    return require_dgl().heterograph(edges, num_nodes_dict={"patch": height * width})


def convolution_step(kernel: Tensor, *, reads: str = "v", writes: str = "v") -> Step:
    """A 3x3 convolution with zero padding and no bias as one step on a :func:`grid_graph`; *kernel* (out, in, 3, 3) as in ``Conv2d``."""
    if kernel.ndim != 4 or kernel.shape[2:] != (3, 3):
        raise InputError(f"convolution_step: found a kernel of shape {tuple(kernel.shape)}, expected (out, in, 3, 3)")
    maps = {}
    for row, column in _OFFSETS:
        linear = nn.Linear(kernel.shape[1], kernel.shape[0], bias=False)
        linear.weight = nn.Parameter(kernel[:, :, row + 1, column + 1].detach().clone())
        maps[_offset(row, column)] = linear
    return Step("smooth", list(maps), equation="MIM-Net (6)", send=maps, reads=reads, writes=writes)


_OFFSETS = [(row, column) for row in (-1, 0, 1) for column in (-1, 0, 1)]


def _offset(row: int, column: int) -> s.Relation:
    return ("patch", f"from {row:+d} {column:+d}", "patch")
