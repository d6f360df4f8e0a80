"""CAM, cross-modal adaptive manipulation: an image and a sentence manipulate each other.

An object that image and sentence both name is copied into the graph of the other side. Each graph has its own convolution, after which
the copies pass their states back to the originals (heterogeneous representation learning, HRL). Two masks then weight every node by its
relevance for the new image and for the new sentence (cross-modal relation reasoning, CRR). An image decoder and a text decoder attend to
the masked nodes. The recipe runs on graphs of :func:`hetero_xmodal.build_graph` (with ``complete=True`` for images without relations).

==========  =========================================================================  =============================================
equation    formula                                                                    where
==========  =========================================================================  =============================================
init        F(o_IS) = F(o_I), F(o_SI) = F(o_S)                                         "copy the shared objects"
E1          [H ; B] <- ReLU(A^ [H ; B] W), A^ = D^-1/2 (A + Id) D^-1/2, per side       "image graph", "sentence graph"
E2          H_oI <- l1 H_oI + l2 MLP_I(H_oIS + H_oS), and the same for H_oS            "merge what the copies learned"
E3          h_IS = mean of all reserved nodes of both sides                            "pool"
E4, E5      M_m = sigmoid(max over perspectives of [H_I ; H_S] W_m h_IS)               "mask for the ..."
E6          H_Gm = MLP([H_I ; H_S] * M_m)                                              :func:`masked_nodes`
E7          L_H, the change of norms by reasoning and the distance of the two sides    :meth:`CAM.matching_losses`
E8          L_M, for small masks that differ from each other                           :meth:`CAM.matching_losses`
image       every cell of the image attends to the nodes of H_GI; a decoder paints     "fuse nodes into the image", :class:`ImageDecoder`
E9          the nodes of H_GS attend to each other; a decoder writes                   "self-attention of the nodes",
                                                                                       :class:`AttentionDecoder`
==========  =========================================================================  =============================================

Where the paper is silent or contradicts itself, what is done here:

* self loops are part of the normalisation, whose degrees count all relations of an extended graph together (AMB-1.1);
* the two graphs have their own weights, unless ``share_gcn`` (AMB-1.2);
* both right-hand sides of E2 use the values before the step; nodes without a copy, and the copies, stay as they are (AMB-1.3);
* the masks cover the nodes of both sides, since E6 multiplies with both; ``mask_scope="own"`` is E4 as printed (AMB-1.4);
* E4 as printed gives one number per node and nothing to pool; here there are ``perspectives`` of W_m, and E5 takes their maximum;
  ``perspectives=1`` is the formula as printed (AMB-1.5);
* norms in E7 and E8 are sums of absolute values, divided by the number of entries unless ``norm_mean`` is off, and 1 / difference is at
  most ``1 / norm_eps`` (AMB-1.6, 1.7); WS is geomloss's debiased Sinkhorn divergence of the rows, divided by sqrt(d) (AMB-1.8);
* a cell attends to all nodes (AMB-1.9); with ``places`` the attention logits of a region are biased to the cells of its box, and small
  regions get larger weights than large ones around them, because a colour is of use only together with its place;
* adjacency is 0 or 1: messages pass relations in both directions and parallel relations count once; words are connected by dependency
  arcs and to the next word, so that the sentence graph is connected (AMB-1.14).

Ours, not the paper's: ``matte`` (the decoder predicts for each pixel how much of it is repainted; the rest shows the input); the image at
full size and the position of each pixel as inputs of the decoder; the position of words in their features; the nodes' input features in
the text decoder's memory (``memory_skip``); and for new objects the regions' input features as messages to the cells (``own``) and the
position of each pixel in its box (``inside``); and colours that are moved in CIELAB instead of painted, which keeps textures (``shift``).
:meth:`CAMConfig.literal` turns off those that have a switch (not the positions of words and pixels, nor the image at full size). Training
is described in :mod:`hetero_xmodal.training.cam_module`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from .. import schema as s
from ..deprecation import renamed_attribute
from ..errors import InputError
from ..losses import total
from ..message_passing import (
    Blend,
    DotAttention,
    Recipe,
    Replace,
    SigmoidGate,
    Step,
    SymmetricNorm,
    attends,
    both_ways,
    itself,
    set_control,
)  # fmt: skip
from ..networks.image_branch import ImageDecoder, box_coordinates, cell_code, make_encoder, place_code
from ..networks.optimal_transport import transport
from ..networks.padding import padded, position_encoding
from ..networks.pointer_decoder import PointerDecoder
from ..networks.text_decoder import SPECIAL, AttentionDecoder
from .configs.cam import CAMConfig
from .generator import Generator

if TYPE_CHECKING:
    import dgl


def cam_recipe(config: CAMConfig = CAMConfig()) -> Recipe:
    """HRL and CRR as one list of steps.

    States in: ``x`` of ``visual`` and ``word`` (n, word_width).
    States out: ``h`` of both (n, width), ``h`` of ``pair`` (pairs, width; E3), ``image_mask`` and ``sentence_mask`` of both (n, 1).

    >>> recipe = cam_recipe(CAMConfig(word_width=8, width=4, layers=1))
    >>> for step in recipe.steps:
    ...     print(step.name)
    copy the shared objects
    image graph 1
    sentence graph 1
    merge what the copies learned 1
    pool
    mask for the image
    mask for the sentence
    """
    steps = hrl_steps(config) + (crr_steps(config) if config.masks else [])
    return Recipe(steps, adds={"pair": 1} if config.masks else {}, name="CAM: heterogeneous representation learning, relation reasoning")


def hrl_steps(config: CAMConfig) -> list[Step]:
    """E1 and E2, repeated, from state ``x`` through ``h1``, ``h2`` ... to ``h``; first the copies get the features of their originals.

    Every layer writes a state of its own, because the steps of both sides write copies, each those in its own graph.
    """
    steps = []
    if config.bridges:
        copied = [s.VISUAL_COPIED_TO, s.WORD_COPIED_TO]
        steps.append(Step("copy the shared objects", copied, equation="CAM, initial features", reads="x", writes="x"))
    for layer in range(1, config.layers + 1):
        reads = "x" if layer == 1 else f"h{layer - 1}"
        writes = "h" if layer == config.layers else f"h{layer}"
        width = config.word_width if layer == 1 else config.width
        image_map = _linear(width, config.width, bias=False)  # W_I
        sentence_map = image_map if config.share_gcn else _linear(width, config.width, bias=False)  # W_S
        steps.append(_convolution(f"image graph {layer}", _image_graph(config.bridges), image_map, s.IN_IMAGE, reads, writes))
        steps.append(_convolution(f"sentence graph {layer}", _sentence_graph(config.bridges), sentence_map, s.IN_SENTENCE, reads, writes))
        if config.bridges:
            steps.append(_merge(f"merge what the copies learned {layer}", config, writes))
    return steps


def _image_graph(bridges: bool) -> list[s.Relation]:
    """The extended image graph: regions and copies of words."""
    own = [*both_ways(s.RELATES), itself(s.VISUAL)]
    return own + [s.VISUAL_BESIDE_BRIDGE, s.BRIDGE_BESIDE_VISUAL, itself(s.BRIDGE)] * bridges


def _sentence_graph(bridges: bool) -> list[s.Relation]:
    """The extended sentence graph: words and copies of regions."""
    own = [*both_ways(s.DEPENDS), *both_ways(s.FOLLOWS), itself(s.WORD)]
    return own + [s.WORD_BESIDE_BRIDGE, s.BRIDGE_BESIDE_WORD, itself(s.BRIDGE)] * bridges


def _convolution(name: str, graph: list[s.Relation], linear: nn.Linear, side: int, reads: str, writes: str) -> Step:
    where = {s.BRIDGE: ("lives_in", side)} if itself(s.BRIDGE) in graph else {}
    update = Replace(torch.relu)
    return Step(name, graph, equation="CAM E1", send=linear, weigh=SymmetricNorm(), update=update, reads=reads, writes=writes, where=where)


def _merge(name: str, config: CAMConfig, state: str) -> Step:
    return Step(
        name,
        [s.RETURNS_TO_VISUAL, s.WORD_SAME_AS_VISUAL, s.RETURNS_TO_WORD, s.VISUAL_SAME_AS_WORD],
        equation="CAM E2",
        update={s.VISUAL: Blend(config.keep, config.learn, _mlp(config)), s.WORD: Blend(config.keep, config.learn, _mlp(config))},
        reads=state,
        writes=state,
    )


def _linear(width: int, out: int, *, bias: bool = True) -> nn.Linear:
    """A linear map initialised so that it and a ReLU preserve the scale of their input (He et al., 2015).

    The features of a word pass six maps and several means before the image decoder; torch's default would shrink them a hundredfold.
    """
    linear = nn.Linear(width, out, bias=bias)
    nn.init.kaiming_normal_(linear.weight, nonlinearity="relu")
    if bias:
        nn.init.zeros_(linear.bias)
    return linear


def _mlp(config: CAMConfig) -> nn.Sequential:
    return nn.Sequential(_linear(config.width, config.width), nn.ReLU(), _linear(config.width, config.width))


def crr_steps(config: CAMConfig) -> list[Step]:
    """E3 to E5, with one node ``pair`` per image and sentence, and without the copies of objects."""
    steps = [Step("pool", [attends(s.VISUAL, "pair"), attends(s.WORD, "pair")], equation="CAM E3", gather="mean")]
    for name, state, own in (("mask for the image", "image_mask", s.VISUAL), ("mask for the sentence", "sentence_mask", s.WORD)):
        maps = nn.Linear(config.width, config.perspectives * config.width, bias=False)  # all W_m
        nn.init.normal_(maps.weight, std=0.5 / config.width)  # so that the masks start near 1/2, where gradients are large
        weigh = SigmoidGate(key=maps, perspectives=config.perspectives)
        receivers = (own,) if config.mask_scope == "own" else (s.VISUAL, s.WORD)
        along = [attends("pair", node_type) for node_type in receivers]
        steps.append(Step(name, along, equation="CAM E4, E5", send="one", weigh=weigh, writes=state))
    return steps


def masked_nodes(states: dict[str, dict[str, Tensor]], mask: str, mlp: Callable[[Tensor], Tensor]) -> dict[str, Tensor]:
    """E6: the states ``h`` (n, width) of both sides times *mask* (``"image_mask"`` or ``"sentence_mask"``, (n, 1)), through *mlp*.

    Masking deletes no node: ``visual`` and ``word`` keep their rows. Without a mask, states are multiplied by 1.
    """
    return {t: mlp(states[t]["h"] * states[t][mask] if mask in states[t] else states[t]["h"]) for t in (s.VISUAL, s.WORD)}


# ---------------------------------------------------------------------------------------------- from nodes to image and sentence


def _region_bias(boxes: Tensor, grid: int) -> Tensor:
    """Attention bias of regions (n, 4), as a place code (n, 2 grid) minus log area: in the cells of a wing, it outweighs the whole bird."""
    sides = (boxes[:, 2:] - boxes[:, :2]).clamp_min(1 / grid).log()
    rows, columns = place_code(boxes, grid).chunk(2, 1)
    return torch.cat([rows - sides[:, 1:], columns - sides[:, :1]], 1)


class BesidePlace(nn.Module):
    """A linear map of the first columns; the place code in the last *code* columns is kept, and so adds a bias to the dot product."""

    def __init__(self, width: int, out: int, code: int) -> None:
        super().__init__()
        self.code, self.linear = code, nn.Linear(width, out, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Rows (n, width + code) to (n, out + code)."""
        return torch.cat([self.linear(x[:, : x.shape[1] - self.code]), x[:, x.shape[1] - self.code :]], 1)


def paint_recipe(config: CAMConfig, coarse: int, *, key: int = 32) -> Recipe:
    """Cross-attention from the cells of the coarse map (``patch``, row by row) to the nodes of H_GI (AMB-1.9).

    States in: ``patch`` ``h`` (cells, coarse + code), ``visual`` and ``word`` ``key`` (n, width + code) and ``h`` (n, width), where code is
    the width of :func:`~hetero_xmodal.networks.image_branch.place_code`. States out: ``patch`` ``fused`` (cells, channels).
    """
    code = config.image_size // 4 * 2
    queries, keys = BesidePlace(coarse, key, code), BesidePlace(config.width, key, code)
    weigh = DotAttention(query=queries, key=keys, key_state="key")
    nn.init.zeros_(keys.linear.weight)  # initial weights depend on the place alone; those of nodes at one place are learned
    step = Step(
        "fuse nodes into the image",
        [attends(s.VISUAL, "patch"), attends(s.WORD, "patch")],
        equation="CAM, fusion",
        send=_linear(config.width, config.channels),
        weigh=weigh,
        writes="fused",
    )
    return Recipe([step], adds={"patch": "per_graph"}, name="CAM: nodes into the image")


def write_recipe(config: CAMConfig) -> Recipe:
    """E9: self-attention of the nodes of H_GS.

    States in: ``h`` of ``visual`` and ``word`` (n, width). States out: ``attended`` of the nodes in the text decoder's memory (n, width).
    """
    types = (s.VISUAL, s.WORD)
    receivers = types if config.decoder_memory == "both" else (s.WORD,)
    weigh = DotAttention(query=nn.Linear(config.width, config.width), key=nn.Linear(config.width, config.width), scale=True)
    step = Step(
        "self-attention of the nodes",
        [attends(source, receiver) for receiver in receivers for source in types],
        equation="CAM E9",
        send=nn.Linear(config.width, config.width),
        weigh=weigh,
        writes="attended",
    )
    return Recipe([step], name="CAM: nodes into the sentence")


# ---------------------------------------------------------------------------------------------- the model


@dataclass(frozen=True)
class Manipulated:
    """The outputs of CAM for a batch of B pairs.

    image : (B, 3, S, S) in -1..1
    matte : (B, 1, S, S) in 0..1, how much of each pixel was repainted
    paint : (B, 3, S, S), the output of the decoder before it is blended with the input by the matte
    states : states of all nodes after HRL and CRR
    image_nodes, sentence_nodes : H_GI and H_GS, ``visual`` and ``word`` (n, width) each
    memory, memory_mask : the text decoder's memory (B, n, m), and which rows are nodes, not padding (B, n); words first, then regions
    """

    image: Tensor
    matte: Tensor
    paint: Tensor
    states: dict[str, dict[str, Tensor]]
    image_nodes: dict[str, Tensor]
    sentence_nodes: dict[str, Tensor]
    memory: Tensor
    memory_mask: Tensor


class RegionSource(NamedTuple):
    """Where the features of regions are read: the encoder's maps of some images, boxes (n, 4) in them, and the image of each box (n,)."""

    maps: dict[str, Tensor]
    boxes: Tensor
    image: Tensor


class CAM(Generator):
    """The generator: image encoder, HRL and CRR, image decoder and text decoder. The discriminator is part of the training.

    Parameters
    ----------
    config : CAMConfig
    vocab : JSON values: ``words`` (lower-case words of the sentences) and ``names`` (class names of the images' objects).

    ``model.recipe`` is HRL and CRR; ``model.paint`` passes messages from the nodes to the image, ``model.write`` to the text decoder.

    Raises
    ------
    InputError
        If the vocabulary lacks one of the two lists.

    >>> import hetero_xmodal as hx
    >>> model = CAM(CAMConfig(word_width=8, width=12, image_size=32, channels=8), {"words": ["a", "red", "bird"], "names": ["bird"]}).eval()
    >>> image = hx.SceneGraph(objects=[hx.SceneObject("bird", box=(4, 4, 20, 28))], size=(32, 32))
    >>> graph = hx.build_graph(image, hx.SceneGraph(objects=[hx.SceneObject("bird", ["red"])]))
    >>> made = model(graph, torch.zeros(1, 3, 32, 32))
    >>> made.image.shape, made.states["visual"]["image_mask"].shape
    (torch.Size([1, 3, 32, 32]), torch.Size([1, 1]))
    """

    recipe_name = "cam"
    former_weights = {
        "writer.": "text_decoder.",
        "recipe.parts.mask_for_the_picture.": "recipe.parts.mask_for_the_image.",
        "tell.parts.tell_the_writer.": "write.parts.self_attention_of_the_nodes.",
        "tell.parts.tell_the_text_decoder.": "write.parts.self_attention_of_the_nodes.",
        "paint.parts.tell_every_place.": "paint.parts.fuse_nodes_into_the_image.",
    }
    config_class = CAMConfig
    tell = renamed_attribute("tell", "write")
    #: settings that only add weights, initialised to zero: training may start from a model without them
    extends = ("own", "inside", "pointer")
    #: list in the vocabulary -> weights with one row per entry, and the number of rows before the first entry
    tables = {
        "words": (("words.weight", "text_decoder.words.weight", "text_decoder.out.weight", "text_decoder.out.bias"), len(SPECIAL)),
        "names": (("names.weight",), 1),
    }

    cells: Tensor

    def __init__(self, config: CAMConfig, vocab: dict[str, Any], *, pretrained: bool = False) -> None:
        super().__init__()
        self.config, self.vocab = config, vocab
        self._read_lists(vocab, "words", "names")
        self._name_number = {name: k for k, name in enumerate(vocab["names"], 1)}  # 0: an unknown class
        w, d = config.word_width, config.width
        self.encoder = make_encoder(config.encoder, pretrained=pretrained)
        self.words = nn.Embedding(len(SPECIAL) + len(vocab["words"]), w)
        self.names = nn.Embedding(1 + len(vocab["names"]), w)
        seen = self.encoder.feature_width + 4  # box coordinates
        self.see = nn.Sequential(nn.LayerNorm(seen), _linear(seen, 2 * w), nn.ReLU(), _linear(2 * w, w))  # d_v -> d_w
        self.recipe = cam_recipe(config)
        self.image_mlp, self.sentence_mlp = _mlp(config), _mlp(config)  # E6
        self.paint = paint_recipe(config, self.encoder.coarse_width)
        self.own = nn.Linear(w, d, bias=False) if config.own else None
        if self.own is not None:
            nn.init.zeros_(self.own.weight)
        self.decoder = ImageDecoder(
            self.encoder.fine_width, self.encoder.coarse_width, config.channels, channels=config.channels, blocks=config.blocks,
            matte=config.matte, inside=config.inside, shift=config.shift,
        )  # fmt: skip
        self.write = write_recipe(config)
        set_control(self, config.control)
        memory = d + (d + w if config.memory_skip else 0)
        self.text_decoder = AttentionDecoder(memory, len(self.words.weight), embed=config.embed, hidden=config.hidden)
        self.pointer = PointerDecoder(memory, w, hidden=config.hidden) if config.pointer else None
        self.register_buffer("cells", cell_code(config.image_size // 4), persistent=False)

    # ------------------------------------------------------------------------------------------ inputs

    def node_features(
        self, graph: dgl.DGLGraph, maps: dict[str, Tensor], words: Tensor, seen: RegionSource | None = None
    ) -> dict[str, dict[str, Tensor]]:
        """State ``x`` (n, word_width) of ``visual`` and ``word``, and the regions' ``box`` (n, 4) in 0..1, relative to the image."""
        data = graph.nodes[s.VISUAL].data
        boxes = (data["box"] / data["image_size"].repeat(1, 2)).clamp(0, 1).to(self.cells.device)
        names, place = np.unique(s.text_array(data["name"]), return_inverse=True)
        numbers = torch.tensor([self._name_number.get(name.decode("utf-8", "replace"), 0) for name in names.tolist()], dtype=torch.int64)
        numbers = numbers.to(boxes.device)[torch.from_numpy(place)]
        if seen is None:
            image = torch.repeat_interleave(torch.arange(graph.batch_size), graph.batch_num_nodes(s.VISUAL)).to(boxes.device)
            seen = RegionSource(maps, boxes, image)
        look = self.encoder.regions(*seen).float()
        x = self.see(torch.cat([look, boxes], 1)) + self.names(numbers)
        order = position_encoding(graph.nodes[s.WORD].data["position"], self.config.word_width)
        return {s.VISUAL: {"x": x, "box": boxes}, s.WORD: {"x": self.words(words) + order.to(x)}}

    # ------------------------------------------------------------------------------------------ forward

    def forward(
        self,
        graph: dgl.DGLGraph,
        images: Tensor,
        *,
        words: Tensor | None = None,
        hidden: Tensor | None = None,
        seen: tuple[Tensor, Tensor, Tensor] | None = None,
        bfloat16: bool = False,
    ) -> Manipulated:
        """Manipulate B images by the sentences of their graphs, and the sentences by the images.

        Parameters
        ----------
        graph : B pairs, batched.
        images : (B, 3, S, S) in -1..1.
        words : numbers (n,) that replace the graph's own words.
        hidden : (B, 1, S, S), 1 where an object was removed and its place filled in, to be painted anew.
        seen : where the regions' features are read, if not from *images* and the graph's boxes: images (P, 3, S, S), boxes (n, 4) in
            0..1, and the number of every region's image (n,). An object that moves keeps the features of its old place.
        bfloat16 : compute the convolutions in bfloat16.

        Raises
        ------
        InputError
            If *images* are of another shape.
        """
        size = self.config.image_size
        if images.shape != (graph.batch_size, 3, size, size):
            raise InputError(f"CAM: found images of shape {tuple(images.shape)}, expected {(graph.batch_size, 3, size, size)}")
        low = torch.autocast(images.device.type, torch.bfloat16, enabled=bfloat16)
        with torch.no_grad(), low:
            maps = {name: values.float() for name, values in self.encoder.maps(images).items()}
            looks = None if seen is None else RegionSource({k: v.float() for k, v in self.encoder.maps(seen[0]).items()}, seen[1], seen[2])
        inputs = self.node_features(graph, maps, self.graph_words(graph) if words is None else words.to(self.cells.device), looks)
        boxes = inputs[s.VISUAL].pop("box")
        states = self.recipe(graph, inputs)
        image_nodes = masked_nodes(states, "image_mask", self.image_mlp)
        sentence_nodes = masked_nodes(states, "sentence_mask", self.sentence_mlp)
        senders = image_nodes
        if self.own is not None:
            senders = image_nodes | {s.VISUAL: image_nodes[s.VISUAL] + self.own(states[s.VISUAL]["x"])}
        image, matte, paint = self._image(graph, maps, boxes, senders, images, hidden, low)
        memory, mask = self._memory(graph, states, sentence_nodes)
        return Manipulated(image, matte, paint, states, image_nodes, sentence_nodes, memory, mask)

    def sentence_side(self, graph: dgl.DGLGraph, images: Tensor) -> tuple[dict[str, dict[str, Tensor]], Tensor, Tensor]:
        """States of the nodes, the text decoder's memory (B, n, m) and its mask (B, n) for images (B, 3, S, S), without painting."""
        with torch.no_grad():
            maps = {name: values.float() for name, values in self.encoder.maps(images).items()}
        inputs = self.node_features(graph, maps, self.graph_words(graph))
        inputs[s.VISUAL].pop("box")
        states = self.recipe(graph, inputs)
        return states, *self._memory(graph, states, masked_nodes(states, "sentence_mask", self.sentence_mlp))

    def _image(self, graph, maps, boxes, nodes, images, hidden, low) -> tuple[Tensor, Tensor, Tensor]:
        coarse = maps["coarse"]
        batch, _, grid, _ = coarse.shape
        cells = torch.cat([coarse.flatten(2).transpose(1, 2), self.cells.expand(batch, -1, -1)], 2).flatten(0, 1)
        if self.config.places:
            code = {s.VISUAL: _region_bias(boxes, grid), s.WORD: self._word_bias(nodes[s.WORD], grid)}
        else:
            code = {t: boxes.new_zeros(len(nodes[t]), 2 * grid) for t in nodes}
        inputs = {t: {"h": nodes[t], "key": torch.cat([nodes[t], code[t]], 1)} for t in nodes}
        fused = self.paint(graph, inputs | {"patch": {"h": cells}})["patch"]["fused"]
        message = fused.reshape(batch, grid, grid, -1).permute(0, 3, 1, 2)
        frame = box_coordinates(*padded(boxes, graph.batch_num_nodes(s.VISUAL)), self.config.image_size) if self.config.inside else None
        with low:
            return self.decoder(maps, message, images, hidden, frame)

    def _word_bias(self, words: Tensor, grid: int) -> Tensor:
        """Attention bias of words (n, width), as a place code (n, 2 grid): log(word_share) at every cell."""
        return words.new_full((len(words), 2 * grid), np.log(self.config.word_share) / 2)

    def _memory(self, graph, states, nodes) -> tuple[Tensor, Tensor]:
        attended = self.write(graph, {t: {"h": nodes[t]} for t in nodes})
        types = (s.WORD, s.VISUAL) if self.config.decoder_memory == "both" else (s.WORD,)
        rows = []
        for t in types:
            skip = [nodes[t], states[t]["x"]] if self.config.memory_skip else []
            rows.append(padded(torch.cat([attended[t]["attended"], *skip], 1), graph.batch_num_nodes(t)))
        return torch.cat([values for values, _ in rows], 1), torch.cat([mask for _, mask in rows], 1)

    # ------------------------------------------------------------------------------------------ E7, E8

    def matching_losses(self, graph: dgl.DGLGraph, made: Manipulated) -> dict[str, Tensor]:
        """L_H (E7) and L_M (E8) of every pair (B,), in parts: ``H_norm``, ``H_transport``, ``M_size``, ``M_differ``; and the norms (B,).

        Parts that an ablation leaves out are zero. The loss of the paper is the sum of the four; ``M_differ`` includes gamma.
        """
        config, states = self.config, made.states
        zero = made.memory.new_zeros(graph.batch_size)
        each = torch.arange(graph.batch_size)
        members = {t: torch.repeat_interleave(each, graph.batch_num_nodes(t)).to(zero.device) for t in (s.VISUAL, s.WORD)}

        def norm(values: dict[str, Tensor]) -> Tensor:
            size, count = zero, zero
            for t, rows in values.items():
                size = size.index_add(0, members[t], rows.abs().sum(1))
                count = count.index_add(0, members[t], torch.full_like(rows[:, 0], rows.shape[1]))
            return size / count.clamp_min(1) if config.norm_mean else size

        def inverse(a: Tensor, b: Tensor) -> Tensor:
            return 1 / ((a - b).abs() + config.norm_eps)

        sides = {s.VISUAL: made.image_nodes, s.WORD: made.sentence_nodes}
        norms = {f"norm_H_{t}": norm({t: states[t]["h"]}) for t in sides} | {f"norm_HG_{t}": norm(sides[t]) for t in sides}
        parts = {name: zero for name in ("H_norm", "H_transport", "M_size", "M_differ")}
        if config.transport:
            clouds = [
                [padded(values, graph.batch_num_nodes(k)) for k, values in (*side.items(), (t, states[t]["h"]))]
                for t, side in sides.items()
            ]
            joined = [(torch.cat([values for values, _ in c], 1), torch.cat([mask for _, mask in c], 1)) for c in clouds]
            parts["H_transport"] = transport(*joined, scaling=config.transport_scaling)
        if config.masks:
            parts["H_norm"] = total(inverse(norms[f"norm_HG_{t}"], norms[f"norm_H_{t}"]) for t in sides)
            masks = [{t: states[t][name] for t in sides if name in states[t]} for name in ("image_mask", "sentence_mask")]
            # the norm itself, not its square; the epsilon keeps the gradient finite where all masks are 0
            squares = [total(zero.index_add(0, members[t], rows.square().sum(1)) for t, rows in mask.items()) for mask in masks]
            parts["M_size"] = total((square + 1e-12).sqrt() for square in squares)
            parts["M_differ"] = config.gamma * inverse(norm(masks[0]), norm(masks[1]))
            norms |= {"norm_M_I": norm(masks[0]), "norm_M_S": norm(masks[1])}
        return parts | {name: value.detach() for name, value in norms.items()}
