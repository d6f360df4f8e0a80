"""MIM-Net, the memory-based image manipulation network: words retrieve textures from a memory, which change the image locally.

A set of memories (textures) is learned and shared by all pairs. Every word attends to the memories; the mean of the retrieved textures
conditions a coarse image; a localising unit predicts where the text applies to the image; then every cell of the fine image is gated by
the words.

==========  ====================================================================  ==================================================
equation    formula                                                               where
==========  ====================================================================  ==================================================
(1)         M = {m_0 .. m_n-1}, learned                                           ``MIMNet.memory``
(2), (3)    a_ij = softmax_j(h_i . W m_j), h^_i = sum_j a_ij m_j                  "recall textures"; keys are mapped, values are not
(4)         h- = mean (or sum) of h^_i                                            "pool the textures"
(5)         v = W_r [h-, v^b]                                                     "condition the image"
(6)         v^c = f_r(v) + v, 3x3 convolutions                                    ``MIMNet.smooth``; :mod:`.grid` shows it as message
                                                                                  passing
(9)         alpha = sigmoid(v^c . h-)                                             "localise the text"
(7)         v^u = U(alpha v^c + (1 - alpha) v^i)                                  :func:`blend`
(8)         I_c = Dec_c(v^u)                                                      ``MIMNet.coarse``
(10)        h^f = 1/T sum_k sigmoid(v^u . h^_k) h^_k                              "refine"; gates, not a softmax
(11)        I_f = Dec_f(U([v^u, h^f]))                                            ``MIMNet.fine``
(12), (13)  D_I, and D_T = prod_i sigmoid(...) ^ alpha_i, one D for each stage    :mod:`hetero_xmodal.networks.adversary`
(14)        L_rec = || I - G(I, T) ||                                             :func:`reconstruction_loss`
(15)        L_p = || sum v^i alpha / sum alpha - h- ||_1                          :func:`texture_loss`
(16)        L_m = -log D_I(G(I, a~)), random memories in place of a               :func:`realness_loss`, :func:`random_attention`
(17)        L_D                                                                   :func:`discriminator_loss`
(18)        L_I = -log D_I(G(I, T^))                                              :func:`realness_loss`
(19)        L_T = -log D_T(G(I, T^), T^)                                          :func:`text_loss`
==========  ====================================================================  ==================================================

Node types besides ``word``: ``memory`` (one set shared by the whole batch, never copied), ``texture`` (one per pair), ``patch`` (the
cells of the coarse grid of the image, row by row) and ``fine_patch`` (those of the fine grid). Padding is no node, so nothing is masked.

Where the paper is silent or contradicts itself, what is done here:

* the text calls (4) an average, but a sum is printed: the mean is the default (AMB-2.1);
* the random memory of (16) is one memory for all words of a pair (AMB-2.4); it replaces the attention weights of the first step:
  ``recipe(graph, states, edge_weights={"recall textures": weights})`` with weights (words, memories);
* the first term of L_p is a target and gets no gradient (AMB-2.3). So that L_p cannot collapse, v^i comes from a frozen encoder. Each
  channel is standardised to mean 0 and standard deviation width ** -1/4, with statistics measured once (:meth:`MIMNet.settle`), so that
  gates do not saturate; a frozen 1x1 map follows if widths differ;
* the input of the encoder is of ``encoder_size``; the grid of (5) to (9) is a quarter of that, and decoders start from twice the grid;
* boundaries come from Canny; word vectors are learned, because no pretrained ones can be shipped; each Bi-LSTM has its own.

Ours, not the paper's: ``detail``, the encoder's finer map beside v^u in both decoders, the given image and the place of every pixel
before their last layers, and a matte (how much of each pixel is repainted; the rest shows the input). :meth:`MIMNetConfig.literal` turns
it off. With ``shift`` the decoders may move a pixel's colour in CIELAB instead of painting it. And ``place_by="word"``: (9) and (10)
compare cells with linear maps of the words' states instead of the textures that they recall, because a texture that looks like the answer
is a poor key for its place. Training is described in :mod:`hetero_xmodal.training.mimnet`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .. import schema as s
from ..errors import InputError
from ..message_passing import (
    PER_GRAPH,
    SHARED,
    Combine,
    DotAttention,
    JoinedLinear,
    Recipe,
    SigmoidGate,
    Step,
    attends,
    itself,
    set_control,
)  # fmt: skip
from ..networks.boundary import boundary_images
from ..networks.image_branch import make_encoder
from ..networks.padding import padded
from ..networks.stage_decoder import StageDecoder, conv_layer, upsampled
from ..networks.text_decoder import SPECIAL
from .configs.mimnet import MIMNetConfig
from .generator import Generator

if TYPE_CHECKING:
    import dgl

    from ..networks.adversary import TextAdaptiveDiscriminator


def texture_recipe(config: MIMNetConfig = MIMNetConfig()) -> Recipe:
    """(2) to (5): from words and memories to the conditioned image.

    States in: ``word`` ``h`` (words, word_width), ``memory`` ``h`` (memories, width), ``patch`` ``boundary`` (cells, boundary_width).
    States out: ``word`` ``recalled`` (words, width), ``texture`` ``h`` (pairs, width), ``patch`` ``v`` (cells, width).
    """
    if config.memory:
        key = nn.Linear(config.width, config.word_width, bias=False)  # W
        recall = Step(
            "recall textures", attends("memory", s.WORD), equation="MIM-Net (2), (3)", weigh=DotAttention(key=key), writes="recalled"
        )
    else:
        value = nn.Linear(config.word_width, config.width)
        recall = Step("map the words", itself(s.WORD), equation="MIM-Net without memory", send=value, writes="recalled")
    gather = Step(
        "pool the textures", attends(s.WORD, "texture"), equation="MIM-Net (4)", gather=config.texture_pool, reads="recalled",
        writes="h",
    )  # fmt: skip
    joined = JoinedLinear(config.width, config.boundary_width, out=config.width)  # W_r
    condition = Step(
        "condition the image", attends("texture", "patch"), equation="MIM-Net (5)", update=Combine(joined, own=("boundary",)), writes="v"
    )
    adds = {"memory": SHARED} if config.memory else {}
    return Recipe([recall, gather, condition], adds=adds | {"texture": 1, "patch": PER_GRAPH}, name="MIM-Net: textures")


def localise_recipe(config: MIMNetConfig = MIMNetConfig()) -> Recipe:
    """(9), the text localising unit.

    States in: ``patch`` ``vc`` (cells, width) and ``texture`` ``h`` (pairs, width), or with ``place_by="word"`` ``word`` ``h`` (words,
    word_width). States out: ``patch`` ``alpha`` (cells, 1).
    """
    gate = SigmoidGate(query_state="vc", key_state="where" if config.place_by == "word" else "h")
    steps = [Step("localise the text", attends("texture", "patch"), equation="MIM-Net (9)", send="one", weigh=gate, writes="alpha")]
    if config.place_by == "word":
        to_key = nn.Linear(config.word_width, config.width)
        steps.insert(0, Step("location key of the text", attends(s.WORD, "texture"), send=to_key, gather="mean", writes="where"))
    return Recipe(steps, adds={"texture": 1, "patch": PER_GRAPH}, name="MIM-Net: text localising unit")


def blend(alpha: Tensor, conditioned: Tensor, image: Tensor) -> Tensor:
    """(7): the conditioned features where the text applies, those of the image elsewhere; alpha (n, 1), the others (n, width).

    >>> blend(torch.tensor([[0.75]]), torch.tensor([[4.0]]), torch.tensor([[8.0]])).tolist()
    [[5.0]]
    """
    return alpha * conditioned + (1 - alpha) * image


def refine_recipe(config: MIMNetConfig = MIMNetConfig()) -> Recipe:
    """(10): every cell of the fine image sums the textures of the words, weighted by gates.

    States in: ``word`` ``recalled`` (words, width), and with ``place_by="word"`` ``h`` (words, word_width) as well, ``fine_patch`` ``vu``
    (cells, width). States out: ``fine_patch`` ``hf`` (cells, width); with ``place_by="word"`` ``word`` ``where`` (words, width) too.
    """
    by_word = config.place_by == "word"
    gate = SigmoidGate(query_state="vu", key_state="where" if by_word else "recalled")
    steps = [
        Step("refine", attends(s.WORD, "fine_patch"), equation="MIM-Net (10)", weigh=gate, gather="mean", reads="recalled", writes="hf")
    ]
    if by_word:
        to_key = nn.Linear(config.word_width, config.width)
        steps.insert(0, Step("location key of each word", itself(s.WORD), send=to_key, writes="where"))
    return Recipe(steps, adds={"fine_patch": PER_GRAPH}, name="MIM-Net: fine image refining")


# ---------------------------------------------------------------------------------------------- the model


@dataclass(frozen=True, kw_only=True)
class Recalled:
    """The textures that the words of B pairs recall, and where they are placed in the image: (2) to (10).

    recalled, texture : h^ (words, width) and h- (B, width)
    where : keys of the words in (10), (words, width): h^ itself, or with ``place_by="word"`` a map of the word's state
    attention : a (words, memories); None without memory
    image : v^i (B, width, g, g)
    localisation : alpha (B, 1, g, g), where the text applies to the image
    blended : v^u (B, width, 2 g, 2 g)
    refined : h^f (B, width, 2 g, 2 g)
    finer : the encoder's finer map; None without ``detail``
    """

    recalled: Tensor
    texture: Tensor
    where: Tensor
    attention: Tensor | None
    image: Tensor
    localisation: Tensor
    blended: Tensor
    refined: Tensor
    finer: Tensor | None


@dataclass(frozen=True, kw_only=True)
class Refined(Recalled):
    """The same with the images decoded from it.

    coarse, fine : (B, 3, coarse_size, coarse_size) and (B, 3, fine_size, fine_size) in -1..1
    coarse_matte, matte : (B, 1, size, size) in 0..1, how much of each of their pixels was repainted
    coarse_painted, painted : (B, 3, size, size), the outputs of the decoders before they are blended with the input by the matte
    """

    coarse: Tensor
    fine: Tensor
    coarse_matte: Tensor
    matte: Tensor
    coarse_painted: Tensor
    painted: Tensor


class MIMNet(Generator):
    """The generator. Its two discriminators are part of the training.

    Parameters
    ----------
    config : MIMNetConfig
    vocab : JSON values: ``words`` (lower-case words of the sentences).

    ``model.recipe`` is (2) to (5), ``model.localise`` (9) and ``model.refine`` (10).

    Raises
    ------
    InputError
        If the vocabulary has no list of words.

    >>> config = MIMNetConfig(embed=8, word_width=8, width=8, memories=4, coarse_size=32, fine_size=64, encoder_size=32, channels=8)
    >>> model = MIMNet(config, {"words": ["a", "red", "bird"]}).eval()
    >>> made = model(word_graph(torch.tensor([3])), torch.zeros(1, 3, 64, 64), words=torch.tensor([4, 5, 6]))
    >>> made.coarse.shape, made.fine.shape, made.localisation.shape, made.attention.shape
    (torch.Size([1, 3, 32, 32]), torch.Size([1, 3, 64, 64]), torch.Size([1, 1, 8, 8]), torch.Size([3, 4]))
    """

    recipe_name = "mimnet"
    former_weights = {
        "recipe.parts.condition_the_picture.": "recipe.parts.condition_the_image.",
        "localise.parts.say_where_all_together.": "localise.parts.location_key_of_the_text.",
        "refine.parts.say_where_word_by_word.": "refine.parts.location_key_of_each_word.",
    }
    config_class = MIMNetConfig
    frozen = ("encoder", "standard")
    #: list in the vocabulary -> weights with one row per entry, and the number of rows before the first entry
    tables = {"words": (("words.weight",), len(SPECIAL))}

    def __init__(self, config: MIMNetConfig, vocab: dict[str, Any], *, pretrained: bool = False) -> None:
        super().__init__()
        self.config, self.vocab = config, vocab
        self._read_lists(vocab, "words")
        self.encoder = make_encoder(config.encoder, pretrained=pretrained)
        own, c = self.encoder.coarse_width, config.width
        self.standard = nn.ModuleDict({name: nn.BatchNorm2d(own, affine=False) for name in ("image", "boundary")})
        self.adapt = nn.Identity() if own == c else nn.Conv2d(own, c, 1, bias=False).requires_grad_(False)
        self.words = nn.Embedding(len(SPECIAL) + len(vocab["words"]), config.embed)
        self.rnn = nn.LSTM(config.embed, config.word_width // 2, batch_first=True, bidirectional=True)
        self.recipe = texture_recipe(replace(config, boundary_width=own))
        if config.memory:
            self.memory = nn.Parameter(0.3 * torch.randn(config.memories, c))  # M: small, so that gates and attention start soft
            nn.init.normal_(self._key().weight, std=0.15)
        self.smooth = nn.ModuleList(nn.Sequential(conv_layer(c, c), *conv_layer(c, c)[:2]) for _ in range(config.smooth))  # f_r
        self.localise, self.refine = localise_recipe(config), refine_recipe(config)
        set_control(self, config.control)
        grown = config.encoder_size // 2
        finer = self.encoder.fine_width if config.detail else 0
        self.coarse, self.fine = (
            StageDecoder(
                w + finer, channels=config.channels, doublings=(size // grown).bit_length() - 1, image=config.detail, shift=config.shift
            )
            for w, size in ((c, config.coarse_size), (2 * c, config.fine_size))
        )
        self.train(self.training)

    # ------------------------------------------------------------------------------------------ inputs

    def word_states(self, words: Tensor, counts: Tensor) -> Tensor:
        """Numbers of the words of all sentences (words,) and words per sentence (B,), through the Bi-LSTM, to h (words, word_width)."""
        rows, mask = padded(self.words(words), counts)
        packed = nn.utils.rnn.pack_padded_sequence(rows, counts.cpu(), batch_first=True, enforce_sorted=False)
        return nn.utils.rnn.pad_packed_sequence(self.rnn(packed)[0], batch_first=True)[0][mask]

    def attention(self, h: Tensor) -> Tensor:
        """(2): attention weights a (words, memories) of the words' states h (words, word_width)."""
        return (h @ self._key()(self.memory).T).softmax(1)

    def _key(self) -> nn.Linear:
        """W of (2)."""
        weigh = self.recipe.steps[0].weigh
        assert isinstance(weigh, DotAttention) and isinstance(weigh.key, nn.Linear)  # by texture_recipe
        return weigh.key

    @torch.no_grad()
    def features(self, images: Tensor) -> dict[str, Tensor]:
        """The frozen encoder on images (B, 3, S, S) and their boundaries: ``image`` v^i, ``boundary`` v^b, ``finer``, (B, c, g, g) each."""
        size = self.config.encoder_size
        small = images if images.shape[-1] == size else F.interpolate(images, (size, size), mode="area")
        seen = self.encoder.maps(torch.cat([small, boundary_images(images, size)]))
        image, boundary = seen["coarse"].float().chunk(2)
        image, boundary = self.adapt(self._at_scale("image", image)).float(), self._at_scale("boundary", boundary)
        return {"image": image, "boundary": boundary, "finer": seen["fine"].float().chunk(2)[0]}

    @torch.no_grad()
    def image_features(self, images: Tensor) -> Tensor:
        """v^i (B, width, g, g) of images (B, 3, S, S), without their boundaries."""
        size = self.config.encoder_size
        small = images if images.shape[-1] == size else F.interpolate(images, (size, size), mode="area")
        return self.adapt(self._at_scale("image", self.encoder.maps(small)["coarse"].float())).float()

    def _at_scale(self, name: str, values: Tensor) -> Tensor:
        """Standardised, times width ** -1/4: dot products of two such features are of the order of 1, so that gates do not saturate."""
        return self.standard[name](values) * self.config.width**-0.25

    @torch.no_grad()
    def settle(self, images: Tensor) -> None:
        """Measure the mean and the variance of each encoder channel on images (n, 3, S, S), once, before training."""
        norms = [norm for norm in self.standard.values() if isinstance(norm, nn.BatchNorm2d)]
        momenta = [norm.momentum for norm in norms]
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None  # the plain mean over batches
            norm.train()
        for some in images.split(32):
            self.features(some)
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.eval()
            norm.momentum = momentum

    # ------------------------------------------------------------------------------------------ forward

    def forward(
        self, graph: dgl.DGLGraph, images: Tensor, *, words: Tensor | None = None, instead: Tensor | None = None, bfloat16: bool = False
    ) -> Refined:
        """Manipulate B images by the sentences of their graphs.

        Parameters
        ----------
        graph : B pairs, batched; only their ``word`` nodes are used, see :func:`word_graph`.
        images : (B, 3, fine_size, fine_size) in -1..1.
        words : numbers (n,) that replace the graph's own words.
        instead : weights (n, memories) that replace the words' attention weights; a word whose row is NaN keeps its own.
        bfloat16 : compute the convolutions in bfloat16.

        Raises
        ------
        InputError
            As for :meth:`recall`.
        """
        found = self.recall(graph, images, words=words, instead=instead, bfloat16=bfloat16)  # (2) - (7), (9), (10)
        small = F.interpolate(images, (self.config.coarse_size, self.config.coarse_size), mode="area")
        finer = [] if found.finer is None else [found.finer]
        with torch.autocast(images.device.type, torch.bfloat16, enabled=bfloat16):
            coarse, coarse_matte, coarse_painted = self.coarse(torch.cat([found.blended, *finer], 1), small)  # (8)
            fine, matte, painted = self.fine(torch.cat([found.blended, found.refined, *finer], 1), images)  # (11)
        return Refined(
            **vars(found), coarse=coarse, fine=fine, coarse_matte=coarse_matte, matte=matte, coarse_painted=coarse_painted, painted=painted
        )

    def recall(
        self, graph: dgl.DGLGraph, images: Tensor, *, words: Tensor | None = None, instead: Tensor | None = None, bfloat16: bool = False
    ) -> Recalled:
        """All of :meth:`forward` except the decoders, from images (B, 3, fine_size, fine_size): (2) to (7), (9) and (10).

        Raises
        ------
        InputError
            If *images* or *instead* are of another shape, a sentence has no word, or *instead* is given to a model without memory.
        """
        config, size = self.config, self.config.fine_size
        if images.shape != (graph.batch_size, 3, size, size):
            raise InputError(f"MIMNet: found images of shape {tuple(images.shape)}, expected {(graph.batch_size, 3, size, size)}")
        counts = graph.batch_num_nodes(s.WORD)
        if int(counts.min()) == 0:
            raise InputError(f"MIMNet: sentence {int(counts.argmin())} of the batch has no word; give a sentence with at least one word")
        low = torch.autocast(images.device.type, torch.bfloat16, enabled=bfloat16)
        with low:
            seen = self.features(images)
        h = self.word_states(self.graph_words(graph) if words is None else words.to(self.words.weight.device), counts)
        states: dict[str, Any] = {s.WORD: h, "patch": {"boundary": cells(seen["boundary"])}}
        weights: dict[str, Tensor] = {}
        attention: Tensor | None = None
        if config.memory:
            states["memory"] = self.memory
            attention = self.attention(h)
            if instead is not None:
                if instead.shape != attention.shape:
                    raise InputError(f"MIMNet: instead is {tuple(instead.shape)}, expected (words, memories), {tuple(attention.shape)}")
                attention = torch.where(instead.isnan(), attention, instead.nan_to_num())
                weights = {"recall textures": attention}
        elif instead is not None:
            raise InputError("MIMNet: this model has no memory (memory=False), so there is no attention to replace; leave instead out")
        after = self.recipe(graph, states, edge_weights=weights)  # (2) - (5)
        texture, recalled = after["texture"]["h"], after[s.WORD]["recalled"]
        with low:
            conditioned = places(after["patch"]["v"], len(images))
            for block in self.smooth:
                conditioned = block(conditioned).float() + conditioned  # (6)
        alpha = torch.full_like(conditioned[:, :1], 0.5 if config.localise == "half" else 1.0)
        if config.localise == "unit":
            asked = {s.WORD: h, "texture": texture, "patch": {"vc": cells(conditioned)}}
            alpha = places(self.localise(graph, asked)["patch"]["alpha"], len(images))  # (9)
        vu = upsampled(blend(alpha, conditioned, seen["image"]))  # (7)
        after = self.refine(graph, {s.WORD: {"h": h, "recalled": recalled}, "fine_patch": {"vu": cells(vu)}})  # (10)
        return Recalled(
            recalled=recalled, texture=texture, where=after[s.WORD].get("where", recalled), attention=attention, image=seen["image"],
            localisation=alpha, blended=vu, refined=places(after["fine_patch"]["hf"], len(images)),
            finer=seen["finer"] if config.detail else None,
        )  # fmt: skip

    @torch.no_grad()
    def render(self, image: Tensor, memories: Tensor | None = None, *, words: Sequence[str] = ("",), batch_size: int = 16) -> Tensor:
        """Each of the *memories* (n,), by default all, on the structure of one image (3, S, S): fine images (n, 3, S, S).

        All *words* recall that memory alone. With ``place_by="texture"`` the choice of words does not matter; with ``"word"`` they
        determine where the memory is painted, for which the default, an unknown word, is a weak key.
        """
        wanted = torch.arange(self.config.memories) if memories is None else memories
        numbers, made = torch.tensor(self.word_numbers(list(words))), []
        for some in F.one_hot(wanted, self.config.memories).to(image).split(batch_size):
            graph = word_graph(torch.full((len(some),), len(numbers)))
            instead = some.repeat_interleave(len(numbers), 0)
            made.append(self(graph, image.expand(len(some), -1, -1, -1), words=numbers.repeat(len(some)), instead=instead).fine)
        return torch.cat(made)


def cells(maps: Tensor) -> Tensor:
    """Maps (B, c, g, g) as rows of cells (B g g, c), row by row."""
    return maps.flatten(2).transpose(1, 2).flatten(0, 1)


def places(rows: Tensor, batch: int) -> Tensor:
    """Rows of cells (B g g, c) as maps (B, c, g, g)."""
    grid = round((len(rows) // batch) ** 0.5)
    return rows.reshape(batch, grid, grid, -1).permute(0, 3, 1, 2).contiguous()


def word_graph(counts: Tensor) -> dgl.DGLGraph:
    """A batched graph of ``word`` nodes without edges: ``counts[k]`` of them in member k, counts (B,)."""
    from ..environment import require_dgl

    counts, nothing = counts.cpu(), (torch.zeros(0, dtype=torch.int64),) * 2
    graph = require_dgl().heterograph({s.FOLLOWS: nothing}, num_nodes_dict={s.WORD: int(counts.sum())})
    graph.set_batch_num_nodes({s.WORD: counts})
    graph.set_batch_num_edges({s.FOLLOWS: torch.zeros_like(counts)})
    return graph


# ---------------------------------------------------------------------------------------------- (14) to (19)


def reconstruction_loss(made: Tensor, true: Tensor, *, kind: Literal["mse", "norm", "l1"] = "mse") -> Tensor:
    """(14) of images (B, 3, S, S), per pair (B,): mean squared difference, the norm as printed, or mean absolute difference.

    *true* is resized to the size of *made*.
    """
    true = true if true.shape == made.shape else F.interpolate(true, made.shape[-2:], mode="area")
    if kind == "l1":
        return (made - true).abs().flatten(1).mean(1)
    squared = (made - true).square().flatten(1)
    return squared.mean(1) if kind == "mse" else (squared.sum(1) + 1e-12).sqrt()


def texture_loss(image: Tensor, alpha: Tensor, texture: Tensor, *, detach: bool = True, eps: float = 1e-6) -> Tensor:
    """(15) per pair (B,): mean of v^i (B, c, g, g) weighted by alpha (B, 1, g, g), compared with the text's texture h- (B, c)."""
    target = (image * alpha).sum((2, 3)) / (alpha.sum((2, 3)) + eps)
    return ((target.detach() if detach else target) - texture).abs().sum(1)


def random_attention(counts: Tensor, memories: int, *, kind: Literal["one_hot", "one_hot_per_word", "dirichlet"] = "one_hot") -> Tensor:
    """a~ of (16), (words, memories), for sentences of *counts* (B,) words (AMB-2.4).

    One random memory for all words of a sentence, one for each word, or a random mixture for each word.
    """
    words = int(counts.sum())
    if kind == "dirichlet":
        return torch.distributions.Dirichlet(torch.ones(memories)).sample((words,))
    drawn = torch.randint(memories, (len(counts),)).repeat_interleave(counts) if kind == "one_hot" else torch.randint(memories, (words,))
    return F.one_hot(drawn, memories).float()


Sentences = tuple[Tensor, Tensor, Tensor | None]  # words (B, t), mask (B, t) and the words' boxes


def discriminator_loss(
    discriminator: TextAdaptiveDiscriminator, real: Tensor, fake: Tensor, captions: Sentences, requested: Sentences
) -> dict[str, Tensor]:
    """(17) in its four terms, each a scalar, the mean over the batch, from real and made images (B, 3, S, S).

    *captions* describe *real*; *fake*, which gets no gradient, was made for *requested*.
    """
    seen, made = discriminator.features(real), discriminator.features(fake.detach())
    return {
        "real": F.softplus(-seen.real).mean(),
        "fake": F.softplus(made.real).mean(),
        "right": -_log(discriminator.match(seen, *captions)).mean(),
        "requested": -_log(1 - discriminator.match(made, *requested)).mean(),
    }


def realness_loss(discriminator: TextAdaptiveDiscriminator, fake: Tensor) -> Tensor:
    """(16) and (18): mean of -log D_I over made images (B, 3, S, S), a scalar."""
    return F.softplus(-discriminator.features(fake).real).mean()


def text_loss(discriminator: TextAdaptiveDiscriminator, fake: Tensor, requested: Sentences) -> Tensor:
    """(19): mean of -log D_T over made images (B, 3, S, S) and the sentences they were made for, a scalar."""
    return -_log(discriminator.match(discriminator.features(fake), *requested)).mean()


def _log(probability: Tensor) -> Tensor:
    return probability.clamp(1e-6, 1).log()
