"""ALGR, adaptive latent graph representation learning for image-text matching.

Regions and words are two complete graphs. A graph encoder gives every node a mean and a spread; one vector per image and per sentence
is read from the means, and for training a sample from both is exchanged between the sides and decoded again.

==========  ======================================================================  =====================================
equation    what it says                                                            where
==========  ======================================================================  =====================================
input       X of regions and words, by a linear map or CAMERA's modules             :mod:`hetero_xmodal.networks.camera`
(1), (2)    s_ij = softmax_j(LeakyReLU((W_q x_i) . (W_k x_j)))                      the attention that layers 1 and 2 share
(4)         Z = ELU(W_e X W)                                                        "regions share", "words share"
(5)         gated steps of the sentence graph                                       "words remember"
(7)         sigma, a second layer of (4)                                            "spread of the ..."
(12)        e = mean of Z over the nodes, and the same of sigma for (13)            "read the means", "read the spreads"
(6)         Z^ = Z + sigma * epsilon, in training only                              :func:`sample_latent`
(14)        FC([softmax_j(Z^v . Z^t) Z^t, Z^v]) and the same for words              "exchange"
(8), (9)    L_r, smooth L1 between X and sigmoid(D(Z~))                             :meth:`ALGR.generation_losses`
(11)        L_KL between N(Z, sigma^2) and N(0, I)                                  :func:`kl_to_standard`, :func:`annealed`
(10)        L_g = L_r^v + L_r^t + beta L_KL                                         :meth:`ALGR.generation_losses`
(13)        L_WD = sqrt(|e^v - e^t|^2 + |r^v - r^t|^2)                              :func:`wasserstein`
(15)        L_rank, hinge with the hardest negative of the batch                    :meth:`ALGR.rank`
(16)        lambda L_g + L_WD + L_rank                                              :meth:`ALGR.losses`
==========  ======================================================================  =====================================

Training has two phases: first X alone, whose means are ranked (15); then everything (16). Ablations are one setting, ``variant``.

Where the paper is silent or contradicts itself, what is done here:

* ``S * A`` with a row-normalised A of ones has rows that sum to 1/n, yet is called normalised: ``edge_norm="renorm"`` uses S itself,
  ``"literal"`` divides by n (AMB-3.1);
* the spread is read from Z by default, ``sigma_in="x"`` from X; both layers use the weights computed from X (AMB-3.2);
* sigma of the sentence is not defined: a second layer as for the image (AMB-3.3). ELU may be negative, so sigma = ELU + 1 + 1e-6;
* the gated steps hear the plain mean of all words, the same for every word; ``ggnn_adj="learned"`` weighs them (AMB-3.3a). They share
  their weights, and there are two (the paper gives no number);
* the "elementwise" product of (14) does not fit in shape: it is a matrix product;
* lambda is both annealed and 1: here it is 1, and beta in front of the KL is annealed (AMB-3.4);
* X is trained, so (8) and (9) do not pull at it: decoders chase X, not X them; ``detach_target=False`` lets them (AMB-3.5);
* two captions of one image in a batch are no negatives of each other's pair.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .. import schema as s
from ..data.tasks.matching import Batch
from ..errors import InputError
from ..losses import ranking_loss
from ..message_passing import Combine, Constant, DotAttention, GatedRecurrent, JoinedLinear, Recipe, Replace, Step, attends, itself
from ..networks.camera import RegionEmbedding, WordEmbedding, some_rows, without_columns
from .dual_encoder import DualEncoder

if TYPE_CHECKING:
    import dgl

#: what each ablation of the paper takes away
VARIANTS = {
    "full": "nothing",
    "baseline": "the graphs: means of X are ranked (15), and that is all",
    "no-graph": "message passing: mean and spread of a node are linear maps of its X",
    "gcn": "learned edge weights: every node hears the plain mean, two layers on both sides",
    "gnn": "the gated steps of the sentence graph",
    "gnn+ggnn": "nothing, but the image graph gets gated steps too",
    "no-decoders": "L_r (8), (9)",
    "no-prior": "sampling (6) and L_KL (11)",
    "no-exchange": "cross-attention (14): Z^ is decoded as it is",
    "no-lg": "L_g (10) with all that it needs",
    "no-lwd": "L_WD (13)",
    "lkd": "L_WD (13), for which the KL of the sentence's Gaussian from the image's stands in",
    "general-two-phase": "ranking in the first phase, which learns from lambda L_g + L_WD",
    "one-phase": "the first phase",
}
CHOICES = {
    "variant": tuple(VARIANTS),
    "embedding": ("linear", "camera"),
    "context": ("none", "gru"),
    "edge_norm": ("renorm", "literal"),
    "sigma_in": ("z", "x"),
    "ggnn_adj": ("uniform", "learned"),
    "decoder": ("sigmoid", "linear"),
    "start": ("random", "identity", "cca"),
    "rank_reduce": ("sum", "mean"),
    "rank_loss": ("hinge", "softmax"),
}
GATED = {"gcn": (), "gnn": (), "gnn+ggnn": (s.VISUAL, s.WORD)}  # which sides have gated steps, if not the words alone


@dataclass(frozen=True, kw_only=True)
class ALGRConfig:
    """Everything that ALGR can be set to; the defaults are the paper's where it says something.

    variant : ``"full"`` or one of the paper's ablations, see :data:`VARIANTS`.
    members : models of an ensemble, whose similarities are averaged (the paper's starred rows have two).
    region_width, word_width, vocabulary : width of the region features, of the word vectors, and number of words if their vectors are
        trained (0 if they come from a frozen encoder); the first and the last, and the widths of frozen vectors, are taken from the data.
    embedding : ``"linear"`` maps to X, or ``"camera"`` modules with *heads* heads.
    context : ``"gru"`` lets words of a trained vocabulary hear their sentence before the linear map.
    places : regions know where they lie (boxes and sizes needed).
    in_width : width of the region and word features X (d).
    width : width of Z, sigma and of the two vectors (h); the paper has 2,048 for both.
    ggnn_steps : gated steps of the sentence graph (m).
    slope : of the LeakyReLU in (1).
    edge_norm, sigma_in, ggnn_adj, detach_target : see the module's notes.
    decoder : ``"sigmoid"`` as printed, or ``"linear"``, since X is signed.
    start : ``"random"``; or ``"identity"``, where W of (4) starts as 1 and the gates of (5) start almost closed, so that phase 2 goes on
        from where phase 1 ended; or ``"cca"``, where in addition the linear maps to X start as the directions of a canonical correlation
        analysis of mean regions and mean words, with *ridge*: for few training images and word vectors of a frozen encoder.
    sharpness : if above 0, W_q and W_k start as multiples of 1, such that a node whose entries have mean square 1 hears itself with this
        logit; random maps start with nearly equal weights, and equal weights leave nothing of a single node.
    standardise : bring every column of the inputs to mean 0 and deviation 1 (over the training split) first.
    normalise : bring every row of X to mean square 1.
    trade_off : lambda in (16).
    beta, beta_epochs : last value of beta, and the epochs of phase 2 that it takes to grow to it from 0.001.
    margin : of (15).
    rank_reduce : ``"sum"`` or ``"mean"`` over the batch in (15).
    rank_loss : ``"hinge"`` (15); ``"softmax"``, not in the paper, is a cross-entropy over the batch at *temperature*.
    sum_epochs : first epochs in which (15) sums over all negatives, before the hardest alone counts; against collapse.
    dropout : share of the units of X set to zero in training.
    input_dropout : share of the columns of the inputs set to zero in training, the same ones in all regions of an image and in all words
        of a caption.
    region_dropout, word_dropout : share of the regions and words that are left out in training.
    phase1_epochs : epochs of the first phase.
    batch_size, learning_rate, weight_decay : of Adam.
    decay_epoch : epochs of phase 2 at the full learning rate, a tenth from then on; 0 never.
    averaging : the model kept is a running mean of the weights with this decay per step; 0 keeps the weights as they are.
    """

    variant: str = "full"
    members: int = 1
    region_width: int = 2048
    word_width: int = 300
    vocabulary: int = 0
    embedding: Literal["linear", "camera"] = "linear"
    heads: int = 64
    context: Literal["none", "gru"] = "none"
    places: bool = False
    in_width: int = 2048
    width: int = 2048
    ggnn_steps: int = 2
    slope: float = 0.01
    edge_norm: Literal["renorm", "literal"] = "renorm"
    sigma_in: Literal["z", "x"] = "z"
    ggnn_adj: Literal["uniform", "learned"] = "uniform"
    detach_target: bool = True
    decoder: Literal["sigmoid", "linear"] = "sigmoid"
    start: Literal["random", "identity", "cca"] = "random"
    ridge: float = 1.0
    sharpness: float = 0.0
    standardise: bool = False
    normalise: bool = False
    trade_off: float = 1.0
    beta: float = 0.5
    beta_epochs: int = 15
    margin: float = 0.2
    rank_reduce: Literal["sum", "mean"] = "sum"
    rank_loss: Literal["hinge", "softmax"] = "hinge"
    temperature: float = 0.05
    sum_epochs: int = 0
    dropout: float = 0.0
    input_dropout: float = 0.0
    region_dropout: float = 0.0
    word_dropout: float = 0.0
    phase1_epochs: int = 10
    batch_size: int = 128
    learning_rate: float = 1e-4
    weight_decay: float = 0.0
    decay_epoch: int = 10
    averaging: float = 0.0

    def __post_init__(self) -> None:
        for name, known in CHOICES.items():
            if getattr(self, name) not in known:
                raise InputError(f"ALGRConfig: {name} is {getattr(self, name)!r}, expected one of {', '.join(known)}")
        for name in ("members", "region_width", "word_width", "in_width", "width", "heads", "batch_size"):
            if getattr(self, name) < 1:
                raise InputError(f"ALGRConfig: {name} is {getattr(self, name)}, expected at least 1")
        counts = ("vocabulary", "ggnn_steps", "beta_epochs", "sum_epochs", "phase1_epochs", "decay_epoch")
        for name in (*counts, "trade_off", "beta", "weight_decay", "ridge", "sharpness"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise InputError(f"ALGRConfig: {name} is {getattr(self, name)}, expected 0 or more")
        for name in ("dropout", "input_dropout", "region_dropout", "word_dropout", "averaging"):
            if not 0 <= getattr(self, name) < 1:
                raise InputError(f"ALGRConfig: {name} is {getattr(self, name)}, expected at least 0 and below 1")
        for name in ("margin", "temperature", "learning_rate"):
            if not 0 < getattr(self, name) < float("inf"):
                raise InputError(f"ALGRConfig: {name} is {getattr(self, name)}, expected a number above 0")


def positive(x: Tensor) -> Tensor:
    """``ELU(x) + 1 + 1e-6``: the spread must be above zero, and ELU ends at -1."""
    return F.elu(x) + 1 + 1e-6


# ---------------------------------------------------------------------------------------------- (1) to (5), (7), (12): the graph encoder


def pool_recipe() -> Recipe:
    """The means of X, which the first phase ranks and with which the baseline ends. States in: ``x``; out: ``e`` of both sides."""
    readers = [attends(s.VISUAL, "image"), attends(s.WORD, "sentence")]
    step = Step("read the means", readers, equation="ALGR, phase 1", gather="mean", reads="x", writes="e")
    return Recipe([step], adds={"image": 1, "sentence": 1}, name="ALGR: mean of the regions, mean of the words")


def encoder_recipe(config: ALGRConfig = ALGRConfig()) -> Recipe:
    """(1) to (5), (7) and (12): from features to means, spreads and the two vectors that retrieval compares.

    States in: ``x`` of ``visual`` and ``word`` (n, in_width).
    States out: ``z`` and ``sigma`` of both (n, width); ``e`` and ``r`` of ``image`` and ``sentence``, one row per pair.
    """
    if config.variant == "baseline":
        return pool_recipe()
    first, remember, second = [], [], []
    for node_type, who in ((s.VISUAL, "regions"), (s.WORD, "words")):
        along, attention, gather = attends(node_type, node_type), _attention(config), "sum" if config.edge_norm == "renorm" else "mean"
        elu, weigh = Replace(F.elu), attention
        if config.variant == "gcn":
            weigh, gather = Constant(), "mean"
        elif config.variant == "no-graph":
            along, weigh, gather, elu = itself(node_type), Constant(), "sum", Replace()
        share = nn.Linear(config.in_width, config.width, bias=False)
        words = {"along": along, "weigh": weigh, "gather": gather}
        first.append(Step(f"{who} share", **words, equation="ALGR (4)", send=share, update=elu, reads="x", writes="z"))
        spread = nn.Linear(config.width if config.sigma_in == "z" else config.in_width, config.width, bias=False)
        # the same weights as in layer 1: both come from X
        second.append(
            Step(
                f"spread of the {who}",
                **words,
                equation="ALGR (7), layer 2",
                send=spread,
                update=Replace(positive),
                reads=config.sigma_in,
                writes="sigma",
            )
        )
        gates = None
        if config.variant != "no-graph" and node_type in GATED.get(config.variant, (s.WORD,)):
            uniform = config.ggnn_adj == "uniform"
            gates = GatedRecurrent(config.width)
            step = Step(
                f"{who} remember",
                attends(node_type, node_type),
                equation="ALGR (5)",
                send=nn.Linear(config.width, config.width, bias=False),  # W_a
                weigh=Constant() if uniform else attention,
                gather="mean" if uniform else "sum",
                update=gates,
                reads="z",
                writes="z",
            )
            remember += [step] * config.ggnn_steps
        if config.start != "random":
            nn.init.eye_(share.weight)
            if gates is not None:
                nn.init.constant_(gates.message_to_update.bias, -4.0)
                nn.init.zeros_(gates.message_to_candidate.bias)
    readers = [attends(s.VISUAL, "image"), attends(s.WORD, "sentence")]
    read = [
        Step("read the means", readers, equation="ALGR (12)", gather="mean", reads="z", writes="e"),
        Step("read the spreads", readers, equation="ALGR (13), r(sigma)", gather="mean", reads="sigma", writes="r"),
    ]
    return Recipe(first + remember + second + read, adds={"image": 1, "sentence": 1}, name=f"ALGR: graph encoder, {config.variant}")


def _attention(config: ALGRConfig) -> DotAttention:
    """(1), (2): weights from X, whatever state the step reads; no division by sqrt(d) (AMB-3.0)."""
    query, key = (nn.Linear(config.in_width, config.width, bias=False) for _ in range(2))
    if config.sharpness:
        for layer in (query, key):
            nn.init.eye_(layer.weight).data.mul_((config.sharpness / config.in_width) ** 0.5)
    return DotAttention(
        query=query,
        key=key,
        query_state="x",
        key_state="x",
        activation=nn.LeakyReLU(config.slope),
    )


# ---------------------------------------------------------------------------------------------- (6), (14): sampling and exchange


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


# ---------------------------------------------------------------------------------------------- (11), (13), (15): losses


def kl_to_standard(mean: Tensor, spread: Tensor) -> Tensor:
    """(11), entry by entry: ``(mean^2 + spread^2 - 1 - ln spread^2) / 2``, the divergence of N(mean, spread^2) from N(0, 1).

    >>> kl_to_standard(torch.tensor([0.0, 1.0]), torch.tensor([1.0, 2.0]))
    tensor([0.0000, 1.3069])
    """
    return (mean**2 + spread**2 - 1 - (spread**2).log()) / 2


def annealed(epoch: int, *, over: int, last: float = 0.5) -> float:
    """beta in *epoch* (from 0) of phase 2: from 0.001 in even steps to *last*, which it reaches after *over* epochs.

    >>> [round(annealed(epoch, over=15), 6) for epoch in (0, 1, 7, 15, 20)]
    [0.001, 0.034267, 0.233867, 0.5, 0.5]
    """
    first = min(1e-3, last)
    return first + (last - first) * (min(epoch / over, 1.0) if over else 1.0)


def wasserstein(e_v: Tensor, r_v: Tensor, e_t: Tensor, r_t: Tensor) -> Tensor:
    """(13): ``sqrt(|e_v - e_t|^2 + |r_v - r_t|^2)`` of each pair (b,), 2-Wasserstein between two Gaussians; all (b, width)."""
    # the epsilon keeps the gradient finite where the two are the same
    return (((e_v - e_t) ** 2).sum(1) + ((r_v - r_t) ** 2).sum(1) + 1e-12).sqrt()


def kl_between(e_v: Tensor, r_v: Tensor, e_t: Tensor, r_t: Tensor) -> Tensor:
    """What "lkd" has in place of (13): KL of N(e_v, r_v^2) from N(e_t, r_t^2), summed over the width, (b,).

    >>> zero, one = torch.zeros(1, 1), torch.ones(1, 1)
    >>> kl_between(zero, one, one, 2 * one)
    tensor([0.4431])
    """
    return (((r_v / r_t) ** 2 + ((e_t - e_v) / r_t) ** 2 - 1) / 2 + (r_t / r_v).log()).sum(1)


def softmax_loss(scores: Tensor, images: Tensor, *, temperature: float = 0.05) -> Tensor:
    """Not in the paper: cross-entropy of the right partner among those of the batch, mean of both directions, summed over the batch."""
    target = torch.arange(len(scores), device=scores.device)
    same = (images[:, None] == images) & (target[:, None] != target)
    logits = (scores / temperature).masked_fill(same, -torch.inf)
    return (F.cross_entropy(logits, target, reduction="sum") + F.cross_entropy(logits.T, target, reduction="sum")) / 2


def collapsed(loss: float, batch: int, *, margin: float = 0.2) -> bool:
    """Whether (15) says that all scores are alike: with the hardest negatives it is then 2 x batch x margin, and stays there.

    >>> collapsed(2 * 128 * 0.2, 128), collapsed(30.0, 128)
    (True, False)
    """
    return abs(loss / (2 * batch * margin) - 1) < 0.01


# ---------------------------------------------------------------------------------------------- the model


class ALGR(DualEncoder):
    """The whole model: X of regions and words, the graph encoder, and for training the exchange and the decoders.

    Parameters
    ----------
    config : ALGRConfig
    vocab : JSON values, of :class:`hetero_xmodal.data.tasks.matching.MatchingData`: where the features come from, and the vocabulary.

    ``model.recipe`` is the graph encoder, ``model.exchange`` the cross-attention (None where the variant has none), ``model.pool`` what
    the first phase ranks. Retrieval needs :meth:`embed_images` and :meth:`embed_captions` only; neither looks at the other side
    (:mod:`~hetero_xmodal.recipes.dual_encoder`).

    >>> model = ALGR(ALGRConfig(region_width=6, word_width=4, in_width=5, width=5), {})
    >>> model.embed_images(torch.rand(3, 7, 6)).shape
    torch.Size([3, 5])
    """

    recipe_name = "algr"
    config_class = ALGRConfig
    former_weights = {
        f"recipe.parts.{side}_remember.update.heard_to_": f"recipe.parts.{side}_remember.update.message_to_"
        for side in ("regions", "words")
    }

    def __init__(self, config: ALGRConfig, vocab: dict[str, Any]) -> None:
        super().__init__()
        self.config, self.vocab = config, vocab
        self.others = nn.ModuleList(ALGR(replace(config, members=1), vocab) for _ in range(config.members - 1))  # of the ensemble
        more = {"kind": config.embedding, "heads": config.heads}
        self.regions = RegionEmbedding(config.region_width, config.in_width, places=config.places, **more)
        if config.context == "gru":
            more["kind"] = "gru"
        self.words = WordEmbedding(config.word_width, config.in_width, vocabulary=config.vocabulary, **more)
        self.pool, self.recipe, self.exchange, self.decoders = pool_recipe(), encoder_recipe(config), None, None
        if config.variant not in ("baseline", "no-decoders", "no-lg"):
            self.exchange = None if config.variant == "no-exchange" else exchange_recipe(config)
            self.decoders = nn.ModuleDict({side: nn.Linear(config.width, config.in_width) for side in (s.VISUAL, s.WORD)})

    # ------------------------------------------------------------------------------------------ forward

    def nodes(self, batch: Batch) -> tuple[dgl.DGLGraph, dict[str, dict[str, Tensor]]]:
        """The graph of a batch, regions and words without any stored edge, and its states ``x`` (n, in_width)."""
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
        """All states of a batch: ``e`` of ``image`` and ``sentence`` (b, width), and in phase 2 ``z``, ``sigma``, ``r`` too."""
        graph, x = self.nodes(batch)
        return (self.pool if phase == 1 else self.recipe)(graph, x)

    def losses(self, batch: Batch, *, phase: int = 2, beta: float | None = None, hardest: bool = True) -> dict[str, Tensor]:
        """(8) to (16) of a batch of matched pairs: every term that the variant and the phase have, and ``loss``, their weighted sum.

        *beta* stands before the KL (the config's last value if left out); *hardest* as in :meth:`rank`.
        """
        config = self.config
        self.check_single()
        if config.variant == "baseline":
            phase = 1
        ranks = phase == 2 or config.variant != "general-two-phase"
        graph, x = self.nodes(batch)
        states = self.pool(graph, x) if phase == 1 and ranks else self.recipe(graph, x)
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
        return parts | {"loss": sum(weight * parts[name] for name, weight in weights.items() if name in parts)}

    def generation_losses(self, graph: dgl.DGLGraph, states: dict[str, dict[str, Tensor]], beta: float) -> dict[str, Tensor]:
        """(6), (14), (8), (9), (11) and their sum (10), from the states that the graph encoder left."""
        config, parts = self.config, {}
        sides = {s.VISUAL: "v", s.WORD: "t"}
        if config.variant == "no-prior":
            latent = {side: states[side]["z"] for side in sides}
        else:
            latent = {side: sample_latent(states[side]["z"], states[side]["sigma"], training=self.training) for side in sides}
            parts["L_KL"] = sum(kl_to_standard(states[side]["z"], states[side]["sigma"]).mean() for side in sides)
        if self.decoders is not None:
            if self.exchange is not None:
                joint = self.exchange(graph, {side: {"latent": value} for side, value in latent.items()})
                latent = {side: joint[side]["joint"] for side in sides}
            for side, name in sides.items():
                target, made = states[side]["x"], self.decoders[side](latent[side])
                made = torch.sigmoid(made) if config.decoder == "sigmoid" else made
                parts[f"L_r^{name}"] = F.smooth_l1_loss(made, target.detach() if config.detach_target else target)
        return parts | {"L_g": sum(beta * part if name == "L_KL" else part for name, part in parts.items())}

    def rank(self, e_v: Tensor, e_t: Tensor, images: Tensor, hardest: bool = True) -> Tensor:
        """(15) of the cosines of all images (b, width) with all captions (b, width); *images* (b,) says which image each pair has."""
        config, scores = self.config, F.normalize(e_v, dim=1) @ F.normalize(e_t, dim=1).T
        if config.rank_loss == "softmax":
            loss = softmax_loss(scores, images, temperature=config.temperature)
        else:
            loss = ranking_loss(scores, images, margin=config.margin, hardest=hardest)
        return loss if config.rank_reduce == "sum" else loss / len(scores)
