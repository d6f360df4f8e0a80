"""DAGNN, dual adversarial graph neural networks for multi-label cross-modal retrieval: its message passing.

Labels that occur together talk to each other for k hops; all hops of a label together make its classifier. Tags are words of one
vocabulary that add up to a text.

==========  ==================================================================  ========================================
equation    what it says                                                        where
==========  ==================================================================  ========================================
(6) to (8)  correlation matrix A of the training labels                         :func:`hetero_xmodal.label_graph`
GAT hop     H_i = ELU(sum_j softmax_j(LeakyReLU(a_1.Wq_i + a_2.Wq_j)) Wq_j)     "hop 1" ..., over j with A_ij > 0
GCN hop     H = LeakyReLU(A~ H W)                                               "hop 1" ... with ``gnn="gcn"``
(4)         z_i = W_ag [H^1_i .. H^k_i] + b_ag                                  :class:`LayerAggregation`
tags        W x + b of a 0/1 tag vector x                                       :class:`TagEncoder`
==========  ==================================================================  ========================================

==============================  ===================================  ======================================  ==================
what                            paper                                the authors' public code                here
==============================  ===================================  ======================================  ==================
GNN                             GAT, 5 layers (NUS), 4 (MIR)         scripts run GCN                         paper
GCN normalisation               not stated                           D A^T D, so hops run backwards          ``"sym"``: D A D
attention and activation        LeakyReLU 0.2, ELU, one head         the same, Xavier gain 1.414             the same
==============================  ===================================  ======================================  ==================

In all of them D is one over the square root of A's row sums. ``gcn_norm="author"`` is the code's variant.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from .. import schema as s
from ..errors import InputError
from ..message_passing import AdditiveAttention, Recipe, Replace, Step, SymmetricNorm, reverse

if TYPE_CHECKING:
    import dgl

CHOICES = {"gnn": ("gat", "gcn"), "gcn_norm": ("sym", "author")}
TAG: s.Relation = (s.WORD, "in", "text")


@dataclass(frozen=True, kw_only=True)
class LabelHopsConfig:
    """Sizes and choices of the label hops.

    label_width : width of the label embeddings q.
    width : width of every hop and of the classifiers (d).
    hops : number of layers (k).
    gnn : ``"gat"`` or ``"gcn"``.
    gcn_norm : ``"sym"`` or ``"author"``, for ``gnn="gcn"``.
    slope : of the LeakyReLUs.
    """

    label_width: int = 300
    width: int = 1024
    hops: int = 5
    gnn: str = "gat"
    gcn_norm: str = "sym"
    slope: float = 0.2

    def __post_init__(self) -> None:
        for name, known in CHOICES.items():
            if getattr(self, name) not in known:
                raise InputError(f"LabelHopsConfig: {name} is {getattr(self, name)!r}, expected one of {', '.join(known)}")
        if self.hops < 1:
            raise InputError(f"LabelHopsConfig: hops is {self.hops}, expected at least 1")


def label_recipe(config: LabelHopsConfig = LabelHopsConfig()) -> Recipe:
    """The label hops on a label graph (edges j -> i where A_ij > 0, self loops included).

    States in: ``label`` ``hop 0`` (c, label_width). States out: ``hop 1`` .. ``hop k`` (c, width); every hop is kept.

    >>> print(label_recipe(LabelHopsConfig(label_width=3, width=2, hops=1)).steps[0])
    hop 1: label -co_occurs-> label; send Linear(3, 2) hop 0; weigh softmax LeakyReLU(Linear(2, 1) x_i + Linear(2, 1) x_j); gather sum; \
replace, elu; hop 0 -> hop 1
    """
    steps = []
    for hop in range(1, config.hops + 1):
        linear = nn.Linear(config.label_width if hop == 1 else config.width, config.width, bias=False)  # W
        names = {"reads": f"hop {hop - 1}", "writes": f"hop {hop}"}
        if config.gnn == "gat":
            nn.init.xavier_uniform_(linear.weight, gain=1.414)
            to, of = _attention_vectors(config.width)
            weigh = AdditiveAttention(to=to, of=of, through=linear, activation=nn.LeakyReLU(config.slope))
            steps.append(
                Step(f"hop {hop}", s.CO_OCCURS, equation="DAGNN, GAT", send=linear, weigh=weigh, update=Replace(nn.functional.elu), **names)
            )
        else:
            along, weigh = _propagation(config)
            update = Replace(nn.LeakyReLU(config.slope))
            steps.append(Step(f"hop {hop}", along, equation="DAGNN, GCN", send=linear, weigh=weigh, update=update, **names))
    return Recipe(steps, name=f"DAGNN: {config.hops} label hops, {config.gnn.upper()}")


def _attention_vectors(width: int) -> tuple[nn.Linear, nn.Linear]:
    """a_1 and a_2, drawn as the two halves of one vector of length 2 d (Xavier, gain 1.414)."""
    both = nn.init.xavier_uniform_(torch.empty(1, 2 * width), gain=1.414)
    vectors = (nn.Linear(width, 1, bias=False), nn.Linear(width, 1, bias=False))
    for vector, half in zip(vectors, both.chunk(2, 1), strict=True):
        vector.weight = nn.Parameter(half.clone())
    return vectors


def _propagation(config: LabelHopsConfig) -> tuple[s.Relation, SymmetricNorm]:
    """A~ = D A D, or the authors' D A^T D: the edges walked backwards, with D still from the rows of A."""
    if config.gcn_norm == "sym":
        return s.CO_OCCURS, SymmetricNorm("weight")
    return reverse(s.CO_OCCURS), SymmetricNorm("weight", degree="out")


class LayerAggregation(nn.Module):
    """(4): all hops of a label side by side, through one linear map: ``{"hop 1": (c, width), ...}`` to the classifiers (c, width)."""

    def __init__(self, config: LabelHopsConfig = LabelHopsConfig()) -> None:
        super().__init__()
        self.hops = config.hops
        self.linear = nn.Linear(config.hops * config.width, config.width)

    def forward(self, states: dict[str, Tensor]) -> Tensor:
        """*states* of the ``label`` nodes after :func:`label_recipe`, to Z (c, width)."""
        return self.linear(torch.cat([states[f"hop {hop}"] for hop in range(1, self.hops + 1)], 1))


# ---------------------------------------------------------------------------------------------- tags


def tag_graph(tags: Tensor) -> dgl.DGLGraph:
    """Tag vectors (n, vocabulary) of 0/1 as a graph: the vocabulary's ``word`` nodes, once, and an edge from every tag to its text.

    >>> tag_graph(torch.tensor([[1, 0, 1], [0, 0, 0]])).edges()
    (tensor([0, 2]), tensor([0, 0]))
    """
    from ..environment import require_dgl

    if tags.ndim != 2 or not bool(((tags == 0) | (tags == 1)).all()):
        raise InputError(
            f"tag_graph: expected a matrix (texts, vocabulary) of 0 and 1, found shape {tuple(tags.shape)} with other values or dimensions"
        )
    text, word = tags.nonzero(as_tuple=True)
    return require_dgl().heterograph({TAG: (word, text)}, num_nodes_dict={s.WORD: tags.shape[1], "text": tags.shape[0]})


class _Bias(nn.Module):
    """What a text makes of its tags: their sum and a bias. A text without tags is the bias alone."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(width))

    def forward(self, old: Tensor | None, heard: Tensor) -> Tensor:
        return heard + self.bias


class TagEncoder(nn.Module):
    """The first layer of the tag network, ``W x + b`` of a 0/1 tag vector, as one step of message passing.

    Every tag of the vocabulary is a node that holds its column of W; a text hears its tags and adds them up.

    >>> encoder = TagEncoder(vocabulary=5, width=4)
    >>> encoder(tag_graph(torch.tensor([[1, 0, 0, 1, 1]]))).shape
    torch.Size([1, 4])
    """

    def __init__(self, *, vocabulary: int, width: int) -> None:
        super().__init__()
        layer = nn.Linear(vocabulary, width)  # the usual start of such a layer
        self.words = nn.Parameter(layer.weight.detach().t().clone())  # (vocabulary, width)
        bias = _Bias(width)
        bias.bias = nn.Parameter(layer.bias.detach().clone())
        self.recipe = Recipe(
            [Step("add up the tags", TAG, equation="DAGNN, tag network", update=bias, unheard="update")], name="DAGNN: tags"
        )

    def forward(self, graph: dgl.DGLGraph) -> Tensor:
        """A :func:`tag_graph` of n texts to (n, width)."""
        return self.recipe(graph, {s.WORD: self.words})["text"]["h"]
