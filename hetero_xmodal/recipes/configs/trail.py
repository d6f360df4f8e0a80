"""Settings of TRAIL, the model of :mod:`hetero_xmodal.recipes.trail`; importing them loads no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ...configs import check_config
from ...errors import InputError


@dataclass(frozen=True, kw_only=True)
class TrailConfig:
    """Settings of TRAIL.

    region_width, word_width, vocabulary, said, seen : width of the region features; of the word vectors, 0 without; number of words and of
        predicates of the vocabulary; number of predicates between regions. Taken from the data.
    width : of the space in which words and regions match.
    relation_width : of the space in which predicates match.
    vector_width : of the one vector for an image or a sentence, which the first stage of a search compares.
    hidden : width of the hidden layer that is added to the linear map of the regions, 0 for none.
    looks : which words look at regions: ``"things"``; ``"words"``, all nouns, verbs, adjectives, adverbs and numbers; or ``"all"``.
    match : how a word is compared with what it heard, (4): ``"product"`` of the vectors, or their ``"cosine"``, which no region can raise
        by being large.
    symbols, vectors : whether a word has a trained vector of its own, and whether it has a linear map of its vector from a frozen encoder,
        if the data give one.
    edges : ``"typed"``; a control without relations, without bindings of attributes to their things (attributes then match by themselves),
        or without both; ``"shuffled"``, where both end at things of the sentence drawn at random.
    score_regions, score_vector, score_sizes : whether the best word of each region, (5), the cosine of the one vectors, (8), and how much
        is said and seen, (10), count in the score (9); the vectors serve a search in any case.
    counting : compare the number that a sentence gives with how many regions match.
    start : ``"cca"``, the maps of words and regions start as the directions of a canonical correlation analysis of the mean region and the
        mean word of matched pairs, with *ridge*, or ``"random"``.
    sharpness : standard deviation of a match a_ib at the start; log_scale : logarithm of what the cosine of the
        one vectors is multiplied by at the start; those of words begin with a quarter of it.
    temperature : of the softmax over the batch.
    hard : weight of the loss by which a caption must score above the same caption with one exchange (:meth:`Said.swapped`).
    swaps : such captions for each pair of a batch, at most.
    vector_loss : weight of the softmax over the cosines of the one vectors alone.
    binding_dropout, word_dropout, symbol_dropout, region_dropout, input_dropout, dropout : shares left out in training: descriptions,
        words that look, trained vectors of words, regions, columns of the inputs (the same in all words of a caption), columns of the
        common space.
    batch_size : pairs in a batch; learning_rate, weight_decay : of AdamW; warmup : steps over which the rate grows, after which it falls to
        nearly zero along a cosine.
    averaging : decay per step of the running mean of the weights, which is the model that is kept; 0 for no averaging.

    Raises
    ------
    InputError
        If a setting is not one of its choices or is out of range.
    """

    region_width: int = 1280
    word_width: int = 0
    vocabulary: int = 1
    said: int = 1
    seen: int = 1
    width: int = 64
    relation_width: int = 16
    vector_width: int = 128
    hidden: int = 256
    looks: Literal["things", "words", "all"] = "things"
    match: Literal["product", "cosine"] = "product"
    symbols: bool = True
    vectors: bool = True
    edges: Literal["typed", "no-relations", "no-bindings", "none", "shuffled"] = "typed"
    score_regions: bool = True
    score_vector: bool = True
    score_sizes: bool = True
    counting: bool = True
    start: Literal["random", "cca"] = "cca"
    ridge: float = 1.0
    sharpness: float = 3.0
    log_scale: float = 2.3
    temperature: float = 1.0
    hard: float = 0.5
    swaps: int = 2
    vector_loss: float = 0.2
    binding_dropout: float = 0.2
    word_dropout: float = 0.0
    symbol_dropout: float = 0.0
    region_dropout: float = 0.0
    input_dropout: float = 0.0
    dropout: float = 0.0
    batch_size: int = 128
    learning_rate: float = 3e-3
    weight_decay: float = 1e-4
    warmup: int = 50
    averaging: float = 0.99

    def __post_init__(self) -> None:
        check_config(
            self,
            at_least_one=("region_width", "vocabulary", "said", "seen", "width", "relation_width", "vector_width", "batch_size"),
            not_negative=("word_width", "hidden", "ridge", "hard", "swaps", "vector_loss", "weight_decay", "warmup"),
            above_zero=("sharpness", "temperature", "learning_rate"),
            share=("binding_dropout", "word_dropout", "symbol_dropout", "region_dropout", "input_dropout", "dropout", "averaging"),
            at_most={"swaps": 100},
        )
        if not self.symbols and not self.word_width:
            raise InputError("TrailConfig: symbols is false and word_width 0, so that a word would have no vector at all; set symbols=true")
