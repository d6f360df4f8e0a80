"""ALGR, adaptive latent graph representation learning for image-text matching.

Regions and words are two complete graphs. A graph encoder gives every node a posterior mean and standard deviation. The mean over the
nodes is the embedding of an image or a sentence; in training, latent samples pass cross-attention between the two sides and are decoded
into the node features.

==========  ======================================================================  =====================================
equation    formula                                                                 where
==========  ======================================================================  =====================================
input       X of regions and words, by a linear map or CAMERA's modules             :mod:`hetero_xmodal.networks.camera`
(1), (2)    s_ij = softmax_j(LeakyReLU((W_q x_i) . (W_k x_j)))                      the attention that layers 1 and 2 share
(4)         Z = ELU(W_e X W), the posterior means                                   "image graph", "sentence graph"
(5)         gated recurrent updates of the sentence graph                           "gated update of the words"
(7)         sigma, the standard deviations, by a second layer of (4)                "standard deviation of the ..."
(12)        e = mean of Z over the nodes; r, the mean of sigma, for (13)            "pool the means", "pool the standard deviations"
(6)         Z^ = Z + sigma * epsilon, in training only                              :func:`sample_latent`
(14)        FC([softmax_j(Z^v . Z^t) Z^t, Z^v]) and the same for words              "cross-attention"
(8), (9)    L_r, smooth L1 between X and sigmoid(D(Z~))                             :meth:`ALGR.generation_losses`
(11)        L_KL between N(Z, sigma^2) and N(0, I)                                  :func:`kl_to_standard`, :func:`annealed`
(10)        L_g = L_r^v + L_r^t + beta L_KL                                         :meth:`ALGR.generation_losses`
(13)        L_WD = sqrt(|e^v - e^t|^2 + |r^v - r^t|^2)                              :func:`wasserstein`
(15)        L_rank, hinge with the hardest negative of the batch                    :meth:`ALGR.rank`
(16)        lambda L_g + L_WD + L_rank                                              :meth:`ALGR.losses`
==========  ======================================================================  =====================================

Training has two phases: in the first, only the input maps learn, by ranking the means of X (15); in the second the whole model (16).
The setting ``variant`` selects an ablation.

**The paper's form and ours.** The defaults of :class:`ALGRConfig` and the presets ``paper/f30k`` and ``paper/coco`` are the paper's:
CAMERA's embedding with positions, frozen contextual words, its schedules. Trained so on few images its graph does nothing: edges start
even and stay so, even edges without a self term make all nodes alike, or edges become the identity (``hx.graph_report`` shows it). The
presets for the world and for small sets therefore mend the graph with options that are **ours**:

* ``logits="normalised"``: logits of rows of X brought to mean square 1, over sqrt(d), with a learned temperature, so that neither their
  length nor the width makes attention even or one-hot;
* ``logit_bound``, on the world from 1,000 images: these logits stay between minus and plus a number, so that training cannot turn
  edges into the identity, as it otherwise does where there are 2,000 scenes to learn from;
* ``self_term``: ``Z = ELU(X W_s + W_e X W)``, so that a node stays itself whatever its neighbours are;
* ``phase1="z"``: the first phase ranks the means of Z, and so trains the graph that the second uses;
* ``exchange_from="mean"``: the attention of (14) comes from the means, not from samples whose noise outweighs them;
* ``free_bits``: a channel's KL counts from a floor on, so that latents do not collapse onto the prior.

Where the paper is silent or contradicts itself, what is done here:

* ``S * A`` with a row-normalised A of ones has rows that sum to 1/n, yet is called normalised: ``edge_norm="renorm"`` uses S itself,
  ``"literal"`` divides by n (AMB-3.1);
* sigma is computed from Z by default, with ``sigma_in="x"`` from X; both layers use the attention weights computed from X (AMB-3.2);
* sigma of the sentence is not defined: a second layer as for the image (AMB-3.3). ELU may be negative, so sigma = ELU + 1 + 1e-6;
* the message of the gated updates is the mean over all words, the same for every word; with ``ggnn_adj="learned"`` it is weighted by
  attention (AMB-3.3a). The updates share their weights, and there are two (the paper gives no number);
* the shapes in (14) do not allow the elementwise product in print: it is a matrix product;
* the paper states both that lambda is annealed and that it is 1: here it is 1, and beta, the weight of the KL, is annealed (AMB-3.4);
* the targets X of (8) and (9) are trained too; they get no gradient from these losses unless ``detach_target=False`` (AMB-3.5);
* two captions of one image in a batch are not negatives of each other's pair.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .. import schema as s
from ..data.tasks.matching import Batch
from ..losses import ranking_loss, total
from ..message_passing import (
    Combine,
    Constant,
    DotAttention,
    GatedRecurrent,
    JoinedLinear,
    Recipe,
    Replace,
    Step,
    Weigh,
    attends,
    itself,
    set_control,
)  # fmt: skip
from ..networks.camera import RegionEmbedding, WordEmbedding, some_rows, without_columns
from .configs.algr import ALGRConfig
from .dual_encoder import DualEncoder

if TYPE_CHECKING:
    import dgl

GATED = {"gcn": (), "gnn": (), "gnn+ggnn": (s.VISUAL, s.WORD)}  # the sides with gated updates; in other variants the words


def positive(x: Tensor) -> Tensor:
    """``ELU(x) + 1 + 1e-6``, (n, d): standard deviations must be positive, and ELU(x) > -1."""
    return F.elu(x) + 1 + 1e-6


# ---------------------------------------------------------------------------------------------- (1) to (5), (7), (12): the graph encoder


#: share of the neighbours in (4) with a self term, at a start other than random
NEIGHBOURS = 0.2
#: from the nodes of each side to one node per pair
POOL = (attends(s.VISUAL, "image"), attends(s.WORD, "sentence"))


def pool_recipe() -> Recipe:
    """The mean of X over the nodes, which the first phase and the baseline rank.

    States in: ``x`` of ``visual`` and ``word`` (n, in_width). States out: ``e`` of ``image`` and ``sentence`` (pairs, in_width).
    """
    step = Step("pool the means", POOL, equation="ALGR, phase 1", gather="mean", reads="x", writes="e")
    return Recipe([step], adds={"image": 1, "sentence": 1}, name="ALGR: mean of the regions, mean of the words")


def encoder_recipe(config: ALGRConfig = ALGRConfig()) -> Recipe:
    """(1) to (5), (7) and (12): from node features to posterior means, standard deviations and the embeddings that retrieval compares.

    States in: ``x`` of ``visual`` and ``word`` (n, in_width).
    States out: ``z`` and ``sigma`` of both (n, width); ``e`` and ``r`` of ``image`` and ``sentence`` (pairs, width).
    """
    if config.variant == "baseline":
        return pool_recipe()
    first, gated, second = [], [], []
    for node_type, side, nodes in ((s.VISUAL, "image", "regions"), (s.WORD, "sentence", "words")):
        attention = _attention(config)
        along, gather = attends(node_type, node_type), "sum" if config.edge_norm == "renorm" else "mean"
        elu: Replace | Combine = Replace(F.elu)
        weigh: Weigh = attention
        if config.variant == "gcn":
            weigh, gather = Constant(), "mean"
        elif config.variant == "no-graph":
            along, weigh, gather, elu = itself(node_type), Constant(), "sum", Replace()
        layer = partial(Step, along=along, weigh=weigh, gather=gather)  # both layers use the attention weights computed from X
        to_mean = nn.Linear(config.in_width, config.width, bias=False)  # W
        own = SelfTerm(config.in_width, config.width) if config.self_term and config.variant != "no-graph" else None
        if own is not None:
            elu = Combine(own, own=("x",), describe="ELU(messages + W_s x)")
        first.append(layer(f"{side} graph", equation="ALGR (4)", send=to_mean, update=elu, reads="x", writes="z"))
        to_sigma = nn.Linear(config.width if config.sigma_in == "z" else config.in_width, config.width, bias=False)
        name, update = f"standard deviation of the {nodes}", Replace(positive)
        second.append(layer(name, equation="ALGR (7), layer 2", send=to_sigma, update=update, reads=config.sigma_in, writes="sigma"))
        gates = None
        if config.variant != "no-graph" and node_type in GATED.get(config.variant, (s.WORD,)):
            uniform = config.ggnn_adj == "uniform"
            gates = GatedRecurrent(config.width)
            step = Step(
                f"gated update of the {nodes}",
                attends(node_type, node_type),
                equation="ALGR (5)",
                send=nn.Linear(config.width, config.width, bias=False),  # W_a
                weigh=Constant() if uniform else attention,
                gather="mean" if uniform else "sum",
                update=gates,
                reads="z",
                writes="z",
            )
            gated += [step] * config.ggnn_steps
        if config.start != "random":
            nn.init.eye_(to_mean.weight)
            if own is not None:
                for part, share in ((own.linear, 1 - NEIGHBOURS), (to_mean, NEIGHBOURS)):
                    nn.init.eye_(part.weight).data.mul_(share)
            if gates is not None:
                nn.init.constant_(gates.message_to_update.bias, -4.0)
                nn.init.zeros_(gates.message_to_candidate.bias)
    pool = [
        Step("pool the means", POOL, equation="ALGR (12)", gather="mean", reads="z", writes="e"),
        Step("pool the standard deviations", POOL, equation="ALGR (13), r(sigma)", gather="mean", reads="sigma", writes="r"),
    ]
    return Recipe(first + gated + second + pool, adds={"image": 1, "sentence": 1}, name=f"ALGR: graph encoder, {config.variant}")


def _attention(config: ALGRConfig) -> DotAttention:
    """(1), (2): attention weights computed from X, whatever state a step reads; no division by sqrt(d) (AMB-3.0)."""
    query, key = (nn.Linear(config.in_width, config.width, bias=False) for _ in range(2))
    ours = config.logits == "normalised"
    if config.sharpness:
        own = config.in_width / config.width**0.5 if ours else config.in_width  # the logit of a node to itself under identities
        for layer in (query, key):
            nn.init.eye_(layer.weight).data.mul_((config.sharpness / own) ** 0.5)
    if ours:
        unit = [nn.Sequential(UnitRows(), layer) for layer in (query, key)]
        bounded = Temperature(config.logit_bound)
        return DotAttention(query=unit[0], key=unit[1], query_state="x", key_state="x", activation=bounded, scale=True)
    return DotAttention(
        query=query,
        key=key,
        query_state="x",
        key_state="x",
        activation=nn.LeakyReLU(config.slope),
    )


class UnitRows(nn.Module):
    """Rows x (n, d) scaled to mean square 1.

    >>> UnitRows()(torch.tensor([[3.0, 4.0]])).square().mean().item()
    1.0
    """

    def forward(self, x: Tensor) -> Tensor:
        """x (n, d) to (n, d)."""
        return F.normalize(x, dim=1) * x.shape[1] ** 0.5


class Temperature(nn.Module):
    """Logits divided by a learned temperature, which starts at 1; with a *bound* above 0, ``bound * tanh(logits / bound)`` of that.

    >>> Temperature(2.0)(torch.tensor([0.0, 100.0])).tolist()
    [0.0, 2.0]
    """

    def __init__(self, bound: float = 0.0) -> None:
        super().__init__()
        self.log = nn.Parameter(torch.zeros(()))
        self.bound = bound

    def forward(self, logits: Tensor) -> Tensor:
        """Logits of any shape to the same shape."""
        logits = logits * (-self.log).exp()
        return self.bound * torch.tanh(logits / self.bound) if self.bound else logits


class SelfTerm(nn.Module):
    """(4) with a self term: ``ELU(messages + W_s x)`` of messages (n, width) and the nodes' own x (n, in_width)."""

    def __init__(self, in_width: int, width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(in_width, width, bias=False)  # W_s

    def forward(self, message: Tensor, x: Tensor) -> Tensor:
        """Messages (n, width) and x (n, in_width) to Z (n, width)."""
        return F.elu(message + self.linear(x))


# ---------------------------------------------------------------------------------------------- (6), (14): sampling and cross-attention


def sample_latent(mean: Tensor, std: Tensor, *, training: bool, generator: torch.Generator | None = None) -> Tensor:
    """(6), the reparameterised sample: ``mean + std * noise`` in training, the mean otherwise; all (n, width)."""
    if not training:
        return mean
    return mean + std * torch.randn(mean.shape, generator=generator, dtype=mean.dtype, device=mean.device)


def exchange_recipe(config: ALGRConfig = ALGRConfig()) -> Recipe:
    """(14): cross-attention between the two sides, for the decoders only.

    States in: ``latent`` of ``visual`` and ``word`` (n, width), and ``z`` with ``exchange_from="mean"``. States out: ``joint`` of both
    (n, width).
    """
    weigh = DotAttention()
    if config.exchange_from == "mean":
        weigh = DotAttention(query=UnitRows(), key=UnitRows(), query_state="z", key_state="z", scale=True)
    step = Step(
        "cross-attention",
        [attends(s.WORD, s.VISUAL), attends(s.VISUAL, s.WORD)],
        equation="ALGR (14)",
        weigh=weigh,
        update={
            node_type: Combine(JoinedLinear(config.width, config.width, out=config.width), own=("latent",))
            for node_type in (s.VISUAL, s.WORD)
        },
        reads="latent",
        writes="joint",
    )
    return Recipe([step], name="ALGR: cross-attention")


# ---------------------------------------------------------------------------------------------- (11), (13), (15): losses


def kl_to_standard(mean: Tensor, std: Tensor) -> Tensor:
    """(11) of every entry: ``(mean^2 + std^2 - 1 - ln std^2) / 2``, the KL divergence of N(mean, std^2) from N(0, 1); all (n, width).

    >>> kl_to_standard(torch.tensor([0.0, 1.0]), torch.tensor([1.0, 2.0]))
    tensor([0.0000, 1.3069])
    """
    return (mean**2 + std**2 - 1 - (std**2).log()) / 2


def annealed(epoch: int, *, over: int, last: float = 0.5) -> float:
    """beta in *epoch* (from 0) of phase 2: it grows linearly from 0.001 to *last* in *over* epochs.

    >>> [round(annealed(epoch, over=15), 6) for epoch in (0, 1, 7, 15, 20)]
    [0.001, 0.034267, 0.233867, 0.5, 0.5]
    """
    first = min(1e-3, last)
    return first + (last - first) * (min(epoch / over, 1.0) if over else 1.0)


def wasserstein(e_v: Tensor, r_v: Tensor, e_t: Tensor, r_t: Tensor) -> Tensor:
    """(13): ``sqrt(|e_v - e_t|^2 + |r_v - r_t|^2)`` of each pair (b,), the 2-Wasserstein distance of two Gaussians, all (b, width)."""
    # the epsilon keeps the gradient finite where both Gaussians are equal
    return (((e_v - e_t) ** 2).sum(1) + ((r_v - r_t) ** 2).sum(1) + 1e-12).sqrt()


def kl_between(e_v: Tensor, r_v: Tensor, e_t: Tensor, r_t: Tensor) -> Tensor:
    """Replacement of (13) in the variant "lkd": KL divergence of N(e_v, r_v^2) from N(e_t, r_t^2), all (b, width), of each pair (b,).

    >>> zero, one = torch.zeros(1, 1), torch.ones(1, 1)
    >>> kl_between(zero, one, one, 2 * one)
    tensor([0.4431])
    """
    return (((r_v / r_t) ** 2 + ((e_t - e_v) / r_t) ** 2 - 1) / 2 + (r_t / r_v).log()).sum(1)


def softmax_loss(scores: Tensor, images: Tensor, *, temperature: float = 0.05) -> Tensor:
    """Not in the paper: cross-entropy of the right partner among those of the batch, mean of both directions, sum over the batch.

    *scores* (b, b) of all images with all captions; *images* (b,), the image of every pair, whose other captions are not negatives.
    """
    target = torch.arange(len(scores), device=scores.device)
    same = (images[:, None] == images) & (target[:, None] != target)
    logits = (scores / temperature).masked_fill(same, -torch.inf)
    return (F.cross_entropy(logits, target, reduction="sum") + F.cross_entropy(logits.T, target, reduction="sum")) / 2


def collapsed(loss: float, batch: int, *, margin: float = 0.2) -> bool:
    """Whether all scores are equal, according to (15): with the hardest negatives it then stays at 2 x batch x margin.

    >>> collapsed(2 * 128 * 0.2, 128), collapsed(30.0, 128)
    (True, False)
    """
    return abs(loss / (2 * batch * margin) - 1) < 0.01


# ---------------------------------------------------------------------------------------------- the model


class ALGR(DualEncoder):
    """The whole model: the maps to X of regions and words, the graph encoder and, for training, cross-attention and decoders.

    Parameters
    ----------
    config : ALGRConfig
    vocab : JSON values, of :class:`hetero_xmodal.data.tasks.matching.MatchingData`: the vocabulary and the provenance of the features.

    ``model.recipe`` is the graph encoder, ``model.exchange`` the cross-attention (None in variants without it), ``model.pool`` the recipe
    of the first phase. Retrieval needs :meth:`embed_images` and :meth:`embed_captions` only, each of which uses one side alone
    (:mod:`~hetero_xmodal.recipes.dual_encoder`).

    >>> model = ALGR(ALGRConfig(region_width=6, word_width=4, in_width=5, width=5), {})
    >>> model.embed_images(torch.rand(3, 7, 6)).shape
    torch.Size([3, 5])
    """

    recipe_name = "algr"
    config_class = ALGRConfig
    former_weights = {
        "recipe.parts.regions_share.": "recipe.parts.image_graph.",
        "recipe.parts.words_share.": "recipe.parts.sentence_graph.",
        "recipe.parts.regions_remember.update.heard_to_": "recipe.parts.gated_update_of_the_regions.update.message_to_",
        "recipe.parts.regions_remember.": "recipe.parts.gated_update_of_the_regions.",
        "recipe.parts.words_remember.update.heard_to_": "recipe.parts.gated_update_of_the_words.update.message_to_",
        "recipe.parts.words_remember.": "recipe.parts.gated_update_of_the_words.",
        "recipe.parts.spread_of_the_": "recipe.parts.standard_deviation_of_the_",
        "exchange.parts.exchange.": "exchange.parts.cross_attention.",
    }

    def __init__(self, config: ALGRConfig, vocab: dict[str, Any]) -> None:
        super().__init__()
        self.config, self.vocab = config, vocab
        self.others = nn.ModuleList(ALGR(replace(config, members=1), vocab) for _ in range(config.members - 1))  # of the ensemble
        kind, heads = config.embedding, config.heads
        self.regions = RegionEmbedding(config.region_width, config.in_width, places=config.places, kind=kind, heads=heads)
        kind_of_words = "gru" if config.context == "gru" else kind
        self.words = WordEmbedding(config.word_width, config.in_width, vocabulary=config.vocabulary, kind=kind_of_words, heads=heads)
        self.pool, self.recipe = pool_recipe(), encoder_recipe(config)
        self.exchange: Recipe | None = None
        self.decoders: nn.ModuleDict | None = None
        if config.variant not in ("baseline", "no-decoders", "no-lg"):
            self.exchange = None if config.variant == "no-exchange" else exchange_recipe(config)
            self.decoders = nn.ModuleDict({side: nn.Linear(config.width, config.in_width) for side in (s.VISUAL, s.WORD)})
        set_control(self, config.control)

    # ------------------------------------------------------------------------------------------ forward

    def nodes(self, batch: Batch) -> tuple[dgl.DGLGraph, dict[str, dict[str, Tensor]]]:
        """The graph of a batch, regions and words without stored edges, and its states ``x`` (n, in_width)."""
        from ..environment import require_dgl

        config = self.config
        regions, region_counts, places = batch.regions, batch.region_counts, batch.places if config.places else None
        words, word_counts = self.words.vectors(batch.words), batch.word_counts
        if self.training:
            if config.region_dropout:
                keep, region_counts = some_rows(region_counts, config.region_dropout)
                regions, places = regions[keep], None if places is None else places[keep]
            if config.word_dropout:
                keep, word_counts = some_rows(word_counts, config.word_dropout)
                words = words[keep]
            if config.input_dropout:
                regions = without_columns(regions, region_counts, config.input_dropout)
                words = without_columns(words, word_counts, config.input_dropout)
        x = {s.VISUAL: self.regions(regions, region_counts, places), s.WORD: self.words(words, word_counts)}
        if config.normalise:
            x = {side: F.normalize(values, dim=1) * config.in_width**0.5 for side, values in x.items()}
        x = {side: {"x": F.dropout(values, config.dropout, self.training)} for side, values in x.items()}
        none = torch.empty(0, dtype=torch.int64)
        graph = require_dgl().heterograph({s.VISUAL_SAME_AS_WORD: (none, none)}, {side: len(named["x"]) for side, named in x.items()})
        graph.set_batch_num_nodes({s.VISUAL: region_counts.cpu(), s.WORD: word_counts.cpu()})
        graph.set_batch_num_edges({s.VISUAL_SAME_AS_WORD: torch.zeros(len(region_counts), dtype=torch.int64)})
        return graph, x

    def forward(self, batch: Batch, *, phase: int = 2) -> dict[str, dict[str, Tensor]]:
        """All states of a batch: ``e`` of ``image`` and ``sentence`` (b, width).

        In phase 2 also ``r`` of both (b, width), and ``z`` and ``sigma`` of ``visual`` and ``word`` (n, width).
        """
        graph, x = self.nodes(batch)
        return (self.pool if phase == 1 and self.config.phase1 == "x" else self.recipe)(graph, x)

    def losses(self, batch: Batch, *, phase: int = 2, beta: float | None = None, hardest: bool = True) -> dict[str, Tensor]:
        """(8) to (16) of a batch of matched pairs: the terms of the variant and the phase, and ``loss``, their weighted sum; all scalar.

        *beta* is the weight of the KL (by default the config's final value); *hardest* as in :meth:`rank`.

        Raises
        ------
        InputError
            If the model is an ensemble.
        """
        config = self.config
        self.check_single()
        if config.variant == "baseline":
            phase = 1
        ranks = phase == 2 or config.variant != "general-two-phase"
        graph, x = self.nodes(batch)
        states = self.pool(graph, x) if phase == 1 and ranks and config.phase1 == "x" else self.recipe(graph, x)
        e_v, e_t = states["image"]["e"], states["sentence"]["e"]
        parts: dict[str, Tensor] = {}
        if ranks:
            parts["L_rank"] = self.rank(e_v, e_t, batch.images, hardest)
        if phase == 2 or not ranks:
            if config.variant != "no-lwd":
                distance = kl_between if config.variant == "lkd" else wasserstein
                name = "L_KD" if config.variant == "lkd" else "L_WD"
                parts[name] = distance(e_v, states["image"]["r"], e_t, states["sentence"]["r"]).mean()
            if config.variant != "no-lg":
                parts |= self.generation_losses(graph, states, config.beta if beta is None else beta)
        weights = {"L_rank": 1.0, "L_WD": 1.0, "L_KD": 1.0, "L_g": config.trade_off}
        return parts | {"loss": total(weight * parts[name] for name, weight in weights.items() if name in parts)}

    def generation_losses(self, graph: dgl.DGLGraph, states: dict[str, dict[str, Tensor]], beta: float) -> dict[str, Tensor]:
        """(6), (14), (8), (9), (11) and their sum (10), all scalar, from the states (n, width) of the graph encoder."""
        config = self.config
        parts: dict[str, Tensor] = {}
        sides = {s.VISUAL: "v", s.WORD: "t"}
        if config.variant == "no-prior":
            latent = {side: states[side]["z"] for side in sides}
        else:
            latent = {side: sample_latent(states[side]["z"], states[side]["sigma"], training=self.training) for side in sides}
            channels = (kl_to_standard(states[side]["z"], states[side]["sigma"]).mean(0) for side in sides)
            parts["L_KL"] = total((kl.clamp_min(config.free_bits) if config.free_bits else kl).mean() for kl in channels)
        if self.decoders is not None:
            if self.exchange is not None:
                joint = self.exchange(graph, {side: {"latent": value, "z": states[side]["z"]} for side, value in latent.items()})
                latent = {side: joint[side]["joint"] for side in sides}
            for side, name in sides.items():
                target, made = states[side]["x"], self.decoders[side](latent[side])
                made = torch.sigmoid(made) if config.decoder == "sigmoid" else made
                parts[f"L_r^{name}"] = F.smooth_l1_loss(made, target.detach() if config.detach_target else target)
        return parts | {"L_g": total(beta * part if name == "L_KL" else part for name, part in parts.items())}

    def rank(self, e_v: Tensor, e_t: Tensor, images: Tensor, hardest: bool = True) -> Tensor:
        """(15), a scalar, of the cosines of all images (b, width) with all captions (b, width); *images* (b,) is the image of each pair."""
        config, scores = self.config, F.normalize(e_v, dim=1) @ F.normalize(e_t, dim=1).T
        if config.rank_loss == "softmax":
            loss = softmax_loss(scores, images, temperature=config.temperature)
        else:
            loss = ranking_loss(scores, images, margin=config.margin, hardest=hardest)
        return loss if config.rank_reduce == "sum" else loss / len(scores)
