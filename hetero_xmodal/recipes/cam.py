"""CAM, cross-modal adaptive manipulation: heterogeneous representation learning (HRL) and cross-modal relation reasoning (CRR).

An object that picture and sentence both name is copied into the other side's graph. Both graphs are convolved on their own, and the
copies carry what they learned back to their owners; then every node is asked how much it matters for the new picture and for the new
sentence. It runs on the graphs of :func:`hetero_xmodal.build_graph` (give ``complete=True`` for pictures without relations).

==========  =========================================================================  =============================
equation    what it says                                                               where
==========  =========================================================================  =============================
init        F(o_IS) = F(o_I), F(o_SI) = F(o_S)                                         "copy the shared objects"
E1          [H ; B] <- ReLU(A^ [H ; B] W), A^ = D^-1/2 (A + Id) D^-1/2, per side       "image graph", "sentence graph"
E2          H_oI <- l1 H_oI + l2 MLP_I(H_oIS + H_oS), and the same for H_oS            "merge what the copies learned"
E3          h_IS = mean of all reserved nodes of both sides                            "pool"
E4, E5      M_m = sigmoid(max over perspectives of [H_I ; H_S] W_m h_IS)               "mask for the ..."
E6          H_Gm = MLP([H_I ; H_S] * M_m)                                              :func:`masked_nodes`
==========  =========================================================================  =============================

Where the paper is silent or contradicts itself, what is done here:

* self loops are part of the normalisation, whose degrees count all relations of an extended graph together (AMB-1.1);
* the two graphs have their own weights, unless ``share_gcn`` (AMB-1.2);
* both right-hand sides of E2 use the values before the step; nodes without a copy, and the copies, stay as they are (AMB-1.3);
* the masks cover the nodes of both sides, since E6 multiplies with both (AMB-1.4);
* E4 as printed gives one number per node and nothing to pool; here there are ``perspectives`` of W_m, and E5 takes their maximum;
  ``perspectives=1`` is the formula as printed (AMB-1.5);
* adjacency is 0 or 1: relations are walked both ways and parallel ones count once; words are tied by dependency arcs and to the
  next word, so that a sentence is connected (AMB-1.14).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from .. import schema as s
from ..errors import InputError
from ..message_passing import Blend, Recipe, Replace, SigmoidGate, Step, SymmetricNorm, attends, both_ways, itself


@dataclass(frozen=True, kw_only=True)
class CAMConfig:
    """Sizes and choices of CAM's message passing; the paper states none of these numbers.

    word_width : width of the node features that come in (d_w).
    width : width of every layer (d).
    layers : rounds of graph convolution and merging (L).
    keep, learn : the weights l1 and l2 of E2.
    perspectives : how many W_m there are for each mask (P).
    share_gcn : one convolution for both graphs.
    bridges : False is the ablation without HRL: no copies, each side convolves its own graph.
    masks : False is the ablation without CRR: no pool and no masks.
    """

    word_width: int = 300
    width: int = 256
    layers: int = 2
    keep: float = 0.5
    learn: float = 0.5
    perspectives: int = 4
    share_gcn: bool = False
    bridges: bool = True
    masks: bool = True

    def __post_init__(self) -> None:
        for name in ("word_width", "width", "layers", "perspectives"):
            if getattr(self, name) < 1:
                raise InputError(f"CAMConfig: {name} is {getattr(self, name)}, expected at least 1")


def cam_recipe(config: CAMConfig = CAMConfig()) -> Recipe:
    """HRL and CRR as one list of steps.

    States in: ``x`` of ``visual`` (already mapped to the words' width) and ``word``, both (n, word_width).
    States out: ``h`` of both (n, width), ``h`` of ``pair`` (one row per pair, E3), ``image_mask`` and ``sentence_mask`` (n, 1) of both.

    >>> recipe = cam_recipe(CAMConfig(word_width=8, width=4, layers=1))
    >>> for step in recipe.steps:
    ...     print(step.name)
    copy the shared objects
    image graph 1
    sentence graph 1
    merge what the copies learned 1
    pool
    mask for the picture
    mask for the sentence
    """
    steps = hrl_steps(config) + (crr_steps(config) if config.masks else [])
    return Recipe(steps, adds={"pair": 1} if config.masks else {}, name="CAM: heterogeneous representation learning, relation reasoning")


def hrl_steps(config: CAMConfig) -> list[Step]:
    """E1 and E2, repeated, from state ``x`` over ``h1``, ``h2`` ... to ``h``; the copies get their owners' features first.

    Every layer has a state of its own, since both sides' steps write the copies: each those that live on its side.
    """
    steps = []
    if config.bridges:
        copied = [s.VISUAL_COPIED_TO, s.WORD_COPIED_TO]
        steps.append(Step("copy the shared objects", copied, equation="CAM, initial features", reads="x", writes="x"))
    for layer in range(1, config.layers + 1):
        reads = "x" if layer == 1 else f"h{layer - 1}"
        writes = "h" if layer == config.layers else f"h{layer}"
        width = config.word_width if layer == 1 else config.width
        image_map = nn.Linear(width, config.width, bias=False)  # W_I
        sentence_map = image_map if config.share_gcn else nn.Linear(width, config.width, bias=False)  # W_S
        steps.append(_convolution(f"image graph {layer}", _image_graph(config.bridges), image_map, s.IN_IMAGE, reads, writes))
        steps.append(_convolution(f"sentence graph {layer}", _sentence_graph(config.bridges), sentence_map, s.IN_SENTENCE, reads, writes))
        if config.bridges:
            steps.append(_merge(f"merge what the copies learned {layer}", config, writes))
    return steps


def _image_graph(bridges: bool) -> list[s.Relation]:
    """The extended image graph: regions, and the copies of words that live among them."""
    own = [*both_ways(s.RELATES), itself(s.VISUAL)]
    return own + [s.VISUAL_BESIDE_BRIDGE, s.BRIDGE_BESIDE_VISUAL, itself(s.BRIDGE)] * bridges


def _sentence_graph(bridges: bool) -> list[s.Relation]:
    """The extended sentence graph: words, and the copies of regions that live among them."""
    own = [*both_ways(s.DEPENDS), *both_ways(s.FOLLOWS), itself(s.WORD)]
    return own + [s.WORD_BESIDE_BRIDGE, s.BRIDGE_BESIDE_WORD, itself(s.BRIDGE)] * bridges


def _convolution(name: str, graph: list[s.Relation], linear: nn.Linear, side: int, reads: str, writes: str) -> Step:
    where = {s.BRIDGE: ("lives_in", side)} if itself(s.BRIDGE) in graph else {}
    update = Replace(torch.relu)
    return Step(name, graph, equation="CAM E1", send=linear, weigh=SymmetricNorm(), update=update, reads=reads, writes=writes, where=where)


def _merge(name: str, config: CAMConfig, state: str) -> Step:
    def mlp() -> nn.Sequential:
        return nn.Sequential(nn.Linear(config.width, config.width), nn.ReLU(), nn.Linear(config.width, config.width))

    return Step(
        name,
        [s.RETURNS_TO_VISUAL, s.WORD_SAME_AS_VISUAL, s.RETURNS_TO_WORD, s.VISUAL_SAME_AS_WORD],
        equation="CAM E2",
        update={s.VISUAL: Blend(config.keep, config.learn, mlp()), s.WORD: Blend(config.keep, config.learn, mlp())},
        reads=state,
        writes=state,
    )


def crr_steps(config: CAMConfig) -> list[Step]:
    """E3 to E5; ``pair`` is one node per picture and sentence. Copies of objects take no part any more."""
    steps = [Step("pool", [attends(s.VISUAL, "pair"), attends(s.WORD, "pair")], equation="CAM E3", gather="mean")]
    for name, state in (("mask for the picture", "image_mask"), ("mask for the sentence", "sentence_mask")):
        weigh = SigmoidGate(key=nn.Linear(config.width, config.perspectives * config.width, bias=False), perspectives=config.perspectives)
        steps.append(
            Step(name, [attends("pair", s.VISUAL), attends("pair", s.WORD)], equation="CAM E4, E5", send="one", weigh=weigh, writes=state)
        )
    return steps


def masked_nodes(states: dict[str, dict[str, Tensor]], mask: str, mlp: Callable[[Tensor], Tensor]) -> dict[str, Tensor]:
    """E6: the nodes of both sides, each as loud as its *mask* (``"image_mask"`` or ``"sentence_mask"``) says, through *mlp*.

    Masking deletes no node: ``visual`` and ``word`` keep their rows.
    """
    return {node_type: mlp(states[node_type]["h"] * states[node_type][mask]) for node_type in (s.VISUAL, s.WORD)}
