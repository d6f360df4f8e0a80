"""Settings of DAGNN, the model of :mod:`hetero_xmodal.recipes.dagnn`; importing them loads no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ...configs import check_config
from ...control_names import ControlName


@dataclass(frozen=True, kw_only=True)
class DAGNNConfig:
    """Settings of DAGNN; the defaults are the paper's.

    Raises
    ------
    InputError
        If a setting is not one of its choices or is out of range.
    """

    # the ablations: no L_cla; no L_mdi; no L_adv; one discriminator, of v and t instead of reconstructions; classifiers without GNN
    variant: Literal["full", "DAGNN-1", "DAGNN-2", "DAGNN-3", "DAGNN-4", "DAGNN-5"] = "full"
    image_width: int = 4096  # of h^v, taken from the data when training
    text_width: int = 300  # of h^t, likewise, if texts come as features
    tags: int = 0  # words in the tag vocabulary; 0 if texts come as features
    tag_hidden: int = 4096  # inner width of the tag network
    label_width: int = 300  # of the label embeddings q
    width: int = 1024  # d, of the common space, of every hop and of the classifiers
    hops: int = 5  # k, label layers
    gnn: Literal["gat", "gcn"] = "gat"
    gcn_norm: Literal["sym", "author"] = "sym"
    aggregate: bool = True  # whether all hops make the classifier (4), or the last one alone as in a plain GAT or GCN
    adjacency: Literal["correlation", "identity"] = "correlation"  # identity: the control without messages between labels
    free_scale: float = (
        1.0  # of DAGNN-5's initial classifiers; only their direction counts, so with 0.01 Adam rotates them 100 times as fast
    )
    tau: float = 0.3  # of (7)
    p: float = 0.5  # of (8)
    diagonal: float = 1.0  # of (8)
    slope: float = 0.2  # of the LeakyReLUs
    alpha: float = 0.2  # weight of L_mdi
    beta: float = 0.2  # weight of L_adv
    classification: Literal["root", "squared"] = "root"  # norm in (9); root as printed
    image_root: bool = False  # take the square root of image features first, for histograms such as counts of visual words
    standardise: bool = False  # bring input features to mean 0 and standard deviation 1 over the training pairs:
    scale: Literal["each", "common"] = (
        "each"  # each feature by its own deviation, or all of a side by one, so that rare words are not amplified
    )
    dropout: float = 0.0  # dropout rate of v and t
    input_dropout: float = 0.0  # of the inputs
    image_noise: float = 0.0  # standard deviation of Gaussian noise added to h^v in training
    text_noise: float = 0.0  # the same to h^t
    batch_size: int = 1024
    learning_rate: float = 5e-5  # of Adam, as the next two
    momentum: float = 0.5
    weight_decay: float = 0.0
    averaging: float = 0.0  # decay per step of the running mean of the weights, which is kept; 0: no averaging
    control: ControlName = "none"  # of the label graph's edges, see hetero_xmodal.message_passing.controls

    def __post_init__(self) -> None:
        check_config(
            self,
            at_least_one=("image_width", "text_width", "tag_hidden", "label_width", "width", "hops", "batch_size"),
            not_negative=("tags", "alpha", "beta", "image_noise", "text_noise", "weight_decay"),
            share=("dropout", "input_dropout", "averaging", "momentum"),
            above_zero=("learning_rate", "free_scale"),
            at_most={"hops": 100},
        )
