"""Settings of ALGR, the model of :mod:`hetero_xmodal.recipes.algr`; importing them loads no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ...configs import check_config
from ...control_names import ControlName
from ...errors import InputError

#: what each ablation of the paper removes
VARIANTS = {
    "full": "nothing",
    "baseline": "the graphs: only the means of X are ranked (15)",
    "no-graph": "message passing: mean and standard deviation of a node are linear maps of its X",
    "gcn": "attention weights: the message is the mean over all nodes, two layers on both sides",
    "gnn": "the gated updates of the sentence graph",
    "gnn+ggnn": "nothing; the image graph has gated updates too",
    "no-decoders": "L_r (8), (9)",
    "no-prior": "sampling (6) and L_KL (11)",
    "no-exchange": "cross-attention (14): Z^ itself is decoded",
    "no-lg": "L_g (10), with sampling, cross-attention and decoders",
    "no-lwd": "L_WD (13)",
    "lkd": "L_WD (13), replaced by the KL divergence between the Gaussians of image and sentence",
    "general-two-phase": "ranking in the first phase, whose loss is lambda L_g + L_WD",
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
    "logits": ("paper", "normalised"),
    "phase1": ("x", "z"),
    "exchange_from": ("sample", "mean"),
}


@dataclass(frozen=True, kw_only=True)
class ALGRConfig:
    """Settings of ALGR; the defaults are the paper's where it gives a value.

    variant : ``"full"`` or one of the paper's ablations, see :data:`VARIANTS`.
    members : number of models in an ensemble, whose similarities are averaged (the paper's starred rows have two).
    region_width, word_width, vocabulary : width of the region features, width of the word vectors, and number of words if the vectors
        are trained (0 if they come from a frozen encoder). All but the width of trained vectors are taken from the data.
    embedding : ``"linear"`` maps to X, or ``"camera"`` modules with *heads* heads.
    context : ``"gru"`` runs a GRU over the sentence before the linear map; for a trained vocabulary.
    places : add the position of its box to each region (boxes and image sizes needed).
    in_width : width of the region and word features X (d).
    width : width of Z, sigma and of the two vectors (h); the paper has 2,048 for both.
    ggnn_steps : number of gated updates of the sentence graph (m).
    slope : negative slope of the LeakyReLU in (1).
    edge_norm, sigma_in, ggnn_adj, detach_target : see the module's notes.
    decoder : ``"sigmoid"`` as printed, or ``"linear"``, because X is signed.
    start : initialisation: ``"random"``; ``"identity"``, where W of (4) starts as the identity and the gates of (5) almost closed, so that
        phase 2 continues from phase 1; or ``"cca"``, where in addition the linear maps to X start as the directions of a canonical
        correlation analysis of mean regions and mean words, with *ridge*: for few training images and word vectors of a frozen encoder.
    sharpness : if above 0, W_q and W_k start as multiples of the identity, scaled so that the attention logit of a node to itself is this
        number if its entries have mean square 1. With random maps the initial weights are nearly uniform, and all nodes become alike.
    standardise : bring every column of the inputs to mean 0 and standard deviation 1 over the training split.
    normalise : scale every row of X to mean square 1.
    trade_off : lambda in (16).
    beta, beta_epochs : final value of beta, and the number of epochs of phase 2 in which it grows to it from 0.001.
    margin : margin of (15).
    rank_reduce : reduction of (15) over the batch, ``"sum"`` or ``"mean"``.
    rank_loss : ``"hinge"`` (15); ``"softmax"``, not in the paper, is a cross-entropy over the batch at *temperature*
        (of this loss; attention has none).
    sum_epochs : number of first epochs in which (15) sums over all negatives instead of taking the hardest, against collapse.
    dropout : dropout rate of X.
    input_dropout : dropout rate of the columns of the inputs, the same columns in all regions of an image and in all words of a caption.
    region_dropout, word_dropout : share of regions and of words that are left out in training.
    phase1_epochs : number of epochs of the first phase.
    batch_size : pairs in a batch.
    learning_rate, weight_decay : of Adam.
    decay_epoch : number of epochs of phase 2 after which the learning rate is divided by 10; 0 for never.
    averaging : decay per step of the running mean of the weights, which is the model that is kept; 0 for no averaging.
    logits : ours: ``"normalised"`` takes the logits of (1) from rows of X scaled to mean square 1, divides them by sqrt(d) and by a learned
        temperature, which starts at 1, without the LeakyReLU; *sharpness* is then the logit of a node to itself at the start.
    logit_bound : ours: if above 0, normalised logits are brought between minus and plus this number, so that no edge can take all weight:
        with n nodes one has at most 1 / (1 + (n - 1) exp(-2 logit_bound)).
    self_term : ours: Z = ELU(X W_s + W_e X W) in (4), so that even edges do not make all nodes alike. At a start other than ``"random"``
        W_s is 0.8 and W 0.2 of the identity.
    phase1 : what the first phase ranks: ``"x"``, the means of X, or (ours) ``"z"``, those of Z, so that it trains what the second uses.
    exchange_from : ours: ``"mean"`` takes the attention weights of (14) from the means Z, scaled as in *logits*, not from noisy samples.
    free_bits : ours: the KL of a channel, mean over the nodes, counts from this value on (in nats), against collapse of the latents.
    control : a control of the edges, with which the model runs and trains, see :mod:`hetero_xmodal.message_passing.controls`.

    Raises
    ------
    InputError
        If a setting is not one of its choices or is out of range.
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
    logits: Literal["paper", "normalised"] = "paper"
    logit_bound: float = 0.0
    self_term: bool = False
    phase1: Literal["x", "z"] = "x"
    exchange_from: Literal["sample", "mean"] = "sample"
    free_bits: float = 0.0
    control: ControlName = "none"

    def __post_init__(self) -> None:
        check_config(self, at_most={"members": 100, "ggnn_steps": 100})
        for name, known in CHOICES.items():
            if getattr(self, name) not in known:
                raise InputError(f"ALGRConfig: {name} is {getattr(self, name)!r}, expected one of {', '.join(known)}")
        for name in ("members", "region_width", "word_width", "in_width", "width", "heads", "batch_size"):
            if getattr(self, name) < 1:
                raise InputError(f"ALGRConfig: {name} is {getattr(self, name)}, expected at least 1")
        counts = ("vocabulary", "ggnn_steps", "beta_epochs", "sum_epochs", "phase1_epochs", "decay_epoch")
        for name in (*counts, "trade_off", "beta", "weight_decay", "ridge", "sharpness", "free_bits", "logit_bound"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise InputError(f"ALGRConfig: {name} is {getattr(self, name)}, expected 0 or more")
        for name in ("dropout", "input_dropout", "region_dropout", "word_dropout", "averaging"):
            if not 0 <= getattr(self, name) < 1:
                raise InputError(f"ALGRConfig: {name} is {getattr(self, name)}, expected at least 0 and below 1")
        for name in ("margin", "temperature", "learning_rate"):
            if not 0 < getattr(self, name) < float("inf"):
                raise InputError(f"ALGRConfig: {name} is {getattr(self, name)}, expected a number above 0")
