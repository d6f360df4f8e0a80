"""Base classes of the neural matching baselines: training with the ranking loss, and encoders of regions and words."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...data.tasks.matching import Batch, Regions, Split, Words
from ...data.tasks.matching.pairs import mean_regions
from ...errors import InputError
from ...losses import ranking_loss
from ...networks.padding import padded
from ..retrieval.neural import TrainingConfig, train_epochs
from .base import MatchingBaseline, VectorBaseline


@dataclass(frozen=True, kw_only=True)
class MatchingConfig(TrainingConfig):
    """Settings common to the neural matching baselines: those of :class:`~..retrieval.neural.TrainingConfig`, and

    width : of the common space
    margin : of the ranking loss
    dropout : of the inputs (regions, words)
    word_width : of trained word vectors, if words are vocabulary indices
    clip : maximum norm of the gradient
    decay_after : number of epochs after which the learning rate is divided by ten; None: never
    sum_epochs : number of initial epochs whose loss sums over all negatives instead of the hardest, against early collapse

    Raises
    ------
    InputError
        If a value is out of range.
    """

    epochs: int = 30
    batch_size: int = 128
    learning_rate: float = 5e-4
    patience: int = 5
    width: int = 256
    margin: float = 0.2
    dropout: float = 0.0
    word_width: int = 300
    clip: float = 2.0
    decay_after: int | None = 15
    sum_epochs: int = 0

    def __post_init__(self) -> None:
        whole = ("epochs", "batch_size", "patience", "width", "word_width")
        bad = [name for name in whole if getattr(self, name) < 1] + [n for n in ("learning_rate", "clip") if not getattr(self, n) > 0]
        if bad:
            raise InputError(f"{type(self).__name__}: {bad[0]} is {getattr(self, bad[0])}; it must be above 0")
        if self.batch_size < 2:
            raise InputError(f"{type(self).__name__}: batch_size is 1, but a pair needs negatives; give at least 2")
        if not 0 <= self.dropout < 1:
            raise InputError(f"{type(self).__name__}: dropout is {self.dropout}, expected 0 or more and below 1")
        if self.scale not in ("each", "all", "none"):
            raise InputError(f"{type(self).__name__}: scale is {self.scale!r}, expected 'each', 'all' or 'none'")


class NeuralMatching(MatchingBaseline):
    """Base class of methods with one module, which has a method ``similarity(batch) -> (images, captions)``.

    The loss is :func:`ranking_loss`; the weights of the epoch with the best Rsum on the validation split are kept.

    Attributes
    ----------
    module : torch.nn.Module
    history : list of dict
        Per epoch: ``loss`` (mean over steps) and ``validation`` (Rsum).
    best_epoch : int
        The epoch whose weights were kept, counted from 1.
    """

    Config = MatchingConfig
    pool_regions = False  #: the method uses only the mean region of an image

    @abstractmethod
    def _build(self, regions: InputScale, words: nn.Module) -> nn.Module: ...

    def _fit(self, train: Split, validation: Split) -> None:
        config = self.config
        train, validation = (replace(split, regions=self._inputs(split.regions)) for split in (train, validation))
        with torch.random.fork_rng(devices=[]):  # leaves the global random state unchanged
            torch.manual_seed(config.seed)
            self.module = self._build(region_scale(train.regions, config), word_input(train.words, config)).to(config.device)
            self.history, self.best_epoch = train_epochs(
                self.module,
                config,
                name=self.name,
                batches=lambda: self._batches(train),
                loss=self._loss,
                score=lambda: self._rsum(validation),
                clip=config.clip,
                rate=self._rate,
            )
        self.module.eval()

    def _rate(self, epoch: int) -> float:
        return 0.1 if self.config.decay_after is not None and epoch > self.config.decay_after else 1.0

    def _loss(self, batch: Batch, progress: float) -> Tensor:
        return self._ranking(self.module.similarity(batch), batch, progress)

    def _ranking(self, scores: Tensor, batch: Batch, progress: float) -> Tensor:
        """The ranking loss of the scores (images, captions) of a batch; *progress* is the share of the epochs that have passed."""
        hardest = round(progress * self.config.epochs) >= self.config.sum_epochs
        return ranking_loss(scores, batch.images, margin=self.config.margin, hardest=hardest)

    def _inputs(self, regions: Regions) -> Regions:
        """The method's inputs: features (or their mean) without boxes."""
        if self.pool_regions and regions.features.shape[1] > 1:
            return mean_regions(regions)
        return replace(regions, boxes=None)

    def _batches(self, split: Split) -> Iterator[Batch]:
        """Batches of all pairs in random order, without a last batch of a single pair, which has no negative."""
        for rows in torch.randperm(len(split)).split(self.config.batch_size):
            if len(rows) > 1:
                yield self._to_device(split.batch(rows.numpy()))

    def _to_device(self, batch: Batch) -> Batch:
        return replace(batch, **{name: value.to(self.config.device) for name, value in vars(batch).items() if value is not None})

    def _one_side(self, regions: Regions | None = None, words: Words | None = None) -> Iterator[Batch]:
        """Batches of images alone or of captions alone."""
        whole, none = regions if words is None else words, torch.empty(0, dtype=torch.int64)
        for rows in np.array_split(np.arange(len(whole)), -(-len(whole) // 512)):
            flat, counts = whole.take(rows)
            rows = torch.from_numpy(rows)
            sides = (flat, counts, none, none, rows, none) if words is None else (none, none, flat, counts, none, rows)
            yield self._to_device(Batch(*sides))

    @contextmanager
    def _evaluating(self) -> Iterator[nn.Module]:
        """Context with the module in evaluation mode and without gradients."""
        training = self.module.training
        with torch.no_grad():
            yield self.module.eval()
        self.module.train(training)


class NeuralVectors(NeuralMatching, VectorBaseline):
    """Methods whose modules have ``images(batch)`` and ``captions(batch)``, which embed them in a common space."""

    def _embed_images(self, regions: Regions) -> np.ndarray:
        with self._evaluating() as module:
            return torch.cat([module.images(batch) for batch in self._one_side(regions=self._inputs(regions))]).cpu().numpy()

    def _embed_captions(self, words: Words) -> np.ndarray:
        with self._evaluating() as module:
            return torch.cat([module.captions(batch) for batch in self._one_side(words=words)]).cpu().numpy()


class TwoSides(nn.Module):
    """Image vectors and caption vectors, compared by cosine."""

    def __init__(self, image_encoder: nn.Module, caption_encoder: nn.Module) -> None:
        super().__init__()
        self.image_encoder, self.caption_encoder = image_encoder, caption_encoder

    def images(self, batch: Batch) -> Tensor:
        """Unit vectors (images, width)."""
        return F.normalize(self.image_encoder(batch.regions, batch.region_counts), dim=1)

    def captions(self, batch: Batch) -> Tensor:
        """Unit vectors (captions, width)."""
        return F.normalize(self.caption_encoder(batch.words, batch.word_counts), dim=1)

    def similarity(self, batch: Batch) -> Tensor:
        """Cosine similarities (images, captions)."""
        return self.images(batch) @ self.captions(batch).T


# ---- inputs -----------------------------------------------------------------------------------------------------------------------------


class InputScale(nn.Module):
    """Standardisation of input vectors (n, d) by mean and scale of a *sample* (m, d) of the training data, with dropout in training.

    Raises
    ------
    InputError
        If the sample contains NaN or infinity.
    """

    def __init__(self, sample: np.ndarray, scale: Literal["each", "all", "none"], dropout: float) -> None:
        super().__init__()
        if not np.isfinite(sample).all():
            raise InputError("the features hold NaN or infinity; every value must be finite")
        mean, deviation = sample.mean(axis=0), sample.std(axis=0)
        if scale == "none":
            mean, factor = np.zeros_like(mean), np.ones_like(mean)
        elif scale == "all":
            factor = np.full_like(mean, 1 / max(np.sqrt(np.mean(deviation**2)), 1e-12))
        else:
            factor = np.where(deviation > 1e-6 * max(deviation.max(), 1e-12), 1 / np.maximum(deviation, 1e-12), 0)
        self.width = len(mean)
        self.register_buffer("mean", torch.as_tensor(mean, dtype=torch.float32))
        self.register_buffer("factor", torch.as_tensor(factor, dtype=torch.float32))
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        return self.dropout((x - self.mean) * self.factor)


def region_scale(regions: Regions, config: MatchingConfig) -> InputScale:
    """Standardisation estimated from at most 2,000 images at regular intervals."""
    rows = np.unique(np.linspace(0, len(regions) - 1, min(len(regions), 2000)).astype(np.int64))
    return InputScale(regions.take(rows)[0].numpy(), config.scale, config.dropout)


def word_input(words: Words, config: MatchingConfig) -> nn.Module:
    """Standardisation of word vectors; or trained embeddings for vocabulary indices."""
    if np.ndim(words.values) == 1:
        known = words.provenance.get("words")
        size = len(known) if known else int(np.max(words.values)) + 1
        return WordVectors(size, config.word_width, config.dropout)
    rows = np.unique(np.linspace(0, len(words) - 1, min(len(words), 20_000)).astype(np.int64))
    return InputScale(words.take(rows)[0].numpy(), config.scale, config.dropout)


class WordVectors(nn.Module):
    """Trained embeddings of vocabulary indices, (n,) to (n, width); those of words without a training caption stay at their initial value.

    Raises
    ------
    InputError
        If an index is beyond the vocabulary.
    """

    def __init__(self, size: int, width: int, dropout: float) -> None:
        super().__init__()
        self.width = width
        self.vectors = nn.Embedding(size, width)
        nn.init.uniform_(self.vectors.weight, -0.1, 0.1)
        self.dropout = nn.Dropout(dropout)

    def forward(self, rows: Tensor) -> Tensor:
        if len(rows) and int(rows.max()) >= len(self.vectors.weight):
            raise InputError(f"a word has row {int(rows.max())}, but the vocabulary fitted to has {len(self.vectors.weight)} words")
        return self.dropout(self.vectors(rows))


# ---- encoders of a set or a sequence of vectors -----------------------------------------------------------------------------------------


class MeanEncoder(nn.Module):
    """A linear map of mean vectors: rows (n, d) with *counts* (b,) rows in each group to (b, width)."""

    def __init__(self, inputs: nn.Module, width: int) -> None:
        super().__init__()
        self.inputs, self.linear = inputs, nn.Linear(inputs.width, width)

    def forward(self, flat: Tensor, counts: Tensor) -> Tensor:
        return self.linear(segment_mean(self.inputs(flat), counts))


class GRUEncoder(nn.Module):
    """A GRU over the vectors of each sequence: rows (n, d) with *counts* (b,) to its last states (b, width); ``states`` gives all."""

    def __init__(self, inputs: nn.Module, width: int, *, both_ways: bool = False) -> None:
        super().__init__()
        self.inputs = inputs
        self.gru = nn.GRU(inputs.width, width, batch_first=True, bidirectional=both_ways)

    def forward(self, flat: Tensor, counts: Tensor) -> Tensor:
        return self.gru(self._packed(flat, counts))[1].mean(dim=0)

    def states(self, flat: Tensor, counts: Tensor) -> Tensor:
        """State at every word, (captions, longest, width), zero at padding; both directions are averaged."""
        states, _ = nn.utils.rnn.pad_packed_sequence(self.gru(self._packed(flat, counts))[0], batch_first=True)
        return states.unflatten(2, (-1, self.gru.hidden_size)).mean(dim=2)

    def _packed(self, flat: Tensor, counts: Tensor):
        sequences, _ = padded(self.inputs(flat), counts)
        return nn.utils.rnn.pack_padded_sequence(sequences, counts.cpu(), batch_first=True, enforce_sorted=False)


def segment_mean(flat: Tensor, counts: Tensor) -> Tensor:
    """Means (b, d) of the first ``counts[0]`` rows of *flat* (n, d), the next ``counts[1]`` rows and so on.

    >>> segment_mean(torch.tensor([[1.0], [3.0], [5.0]]), torch.tensor([2, 1])).tolist()
    [[2.0], [5.0]]
    """
    owner = torch.repeat_interleave(torch.arange(len(counts), device=flat.device), counts)
    return flat.new_zeros(len(counts), flat.shape[1]).index_add(0, owner, flat) / counts[:, None]
