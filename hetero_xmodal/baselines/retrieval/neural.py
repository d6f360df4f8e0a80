"""Base class and training loop of the neural baselines: Adam over mini-batches with early stopping on the validation pairs."""

from __future__ import annotations

import copy
from abc import abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from ...data.features import FeatureSplit
from ...errors import InputError
from .base import Baseline


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """Training settings of the neural baselines.

    epochs : maximum number of epochs
    batch_size : number of pairs in a batch
    learning_rate, beta1, weight_decay : of Adam
    patience : number of epochs without a better validation score after which training stops
    scale : scaling of the input features: ``each`` by its own standard deviation over the training rows, ``all`` of a modality by a common
        factor so that their mean variance is 1, or ``none``
    seed : of the initial weights and the order of the pairs
    device : of torch, such as "cpu" or "cuda"
    """

    epochs: int = 100
    batch_size: int = 100
    learning_rate: float = 1e-4
    beta1: float = 0.9
    weight_decay: float = 0.0
    patience: int = 30
    scale: Literal["each", "all", "none"] = "all"
    seed: int = 0
    device: str = "cpu"


class NeuralBaseline(Baseline):
    """Base class of methods with one module, which has the methods ``encode_images``, ``encode_texts`` and ``loss``.

    With validation pairs, the weights of the epoch with the best mean average precision are kept; without, the last ones.

    Attributes
    ----------
    module : torch.nn.Module
    history : list of dict
        Per epoch: ``loss`` (mean over steps) and, with validation pairs, ``validation`` (mean average precision).
    best_epoch : int
        The epoch whose weights were kept, counted from 1.
    """

    Config = TrainingConfig
    dtype = torch.float32

    @abstractmethod
    def _build(self, d_image: int, d_text: int, classes: int) -> nn.Module: ...

    def _fit(self, train: FeatureSplit, validation: FeatureSplit | None) -> None:
        config = self.config
        if config.scale not in ("each", "all", "none"):
            raise InputError(f"{self.name}: scale {config.scale!r} is unknown; use 'each', 'all' or 'none'")
        if min(config.epochs, config.batch_size, config.patience) < 1 or not config.learning_rate > 0:
            raise InputError(f"{self.name}: epochs, batch_size and patience must be at least 1 and learning_rate above 0, got {config}")
        self._image_scale, self._text_scale = self._scale(train.images), self._scale(train.texts)
        images, texts = self._tensor(train.images * self._image_scale), self._tensor(train.texts * self._text_scale)
        labels = self._tensor(train.labels)
        with torch.random.fork_rng(devices=[]):  # leaves the global random state unchanged
            torch.manual_seed(config.seed)
            self.module = self._build(images.shape[1], texts.shape[1], labels.shape[1]).to(config.device, self.dtype)
            self.history, self.best_epoch = train_epochs(
                self.module,
                config,
                name=self.name,
                batches=lambda: self._batches(len(train)),
                loss=lambda rows, progress: self.module.loss(images[rows], texts[rows], labels[rows], progress),
                after_epoch=lambda: self._after_epoch(images, texts),
                score=None if validation is None else lambda: float(np.nanmean(self._scores(validation))),
            )
        self.module.eval()

    def _batches(self, n: int) -> list[Tensor]:
        """Batches of all rows in random order; a last batch of a single row is merged with the one before it."""
        batches = list(torch.randperm(n).split(self.config.batch_size))
        if len(batches) > 1 and len(batches[-1]) == 1:
            batches[-2:] = [torch.cat(batches[-2:])]
        return batches

    def _after_epoch(self, images: Tensor, texts: Tensor) -> None:
        """Hook for methods that fit something to the embeddings of the training pairs."""

    def _scale(self, values: np.ndarray) -> np.ndarray:
        deviation = values.std(axis=0)
        if self.config.scale == "none":
            return np.ones_like(deviation)
        if self.config.scale == "all":
            return np.full_like(deviation, 1 / max(np.sqrt(np.mean(deviation**2)), 1e-30))
        return np.where(deviation > 1e-6 * max(deviation.max(), 1e-30), 1 / np.maximum(deviation, 1e-30), 0.0).astype(np.float32)

    def _tensor(self, values: np.ndarray) -> Tensor:
        return torch.as_tensor(values).to(self.config.device, self.dtype)

    @torch.no_grad()
    def _encode(self, encoder, values: np.ndarray, scale: np.ndarray) -> np.ndarray:
        training = self.module.training
        self.module.eval()
        parts = [encoder(self._tensor(part)).cpu() for part in np.array_split(values * scale, -(-len(values) // 4096))]
        self.module.train(training)
        return torch.cat(parts).numpy()

    def _embed_images(self, images: np.ndarray) -> np.ndarray:
        return self._encode(self.module.encode_images, images, self._image_scale)

    def _embed_texts(self, texts: np.ndarray) -> np.ndarray:
        return self._encode(self.module.encode_texts, texts, self._text_scale)


def train_epochs(
    module: nn.Module,
    config: TrainingConfig,
    *,
    name: str,
    batches: Callable[[], Iterable[Any]],
    loss: Callable[[Any, float], Tensor],
    after_epoch: Callable[[], None] | None = None,
    score: Callable[[], float] | None = None,
    clip: float | None = None,
    rate: Callable[[int], float] = lambda epoch: 1.0,
) -> tuple[list[dict[str, float]], int]:
    """Train with Adam over mini-batches; with *score*, stop early and restore the weights of the best epoch.

    Parameters
    ----------
    module, config : the module to train, and the settings.
    name : of the method, for messages.
    batches : returns the batches of a new epoch.
    loss : from a batch and the share of the epochs completed (0 to 1) to the loss, a scalar.
    after_epoch : called before the epoch is scored.
    score : of the module on the validation pairs, higher is better.
    clip : maximum norm of the gradient.
    rate : from the epoch, counted from 1, to the factor of the learning rate.

    Returns
    -------
    The history, a dict with ``loss`` and, with *score*, ``validation`` for every epoch, and the best epoch, counted from 1.

    Raises
    ------
    InputError
        If the loss becomes NaN or infinite.
    """
    optimiser = torch.optim.Adam(
        module.parameters(), config.learning_rate, (config.beta1, 0.999), weight_decay=config.weight_decay, fused=True
    )
    history: list[dict[str, float]] = []
    best, best_epoch, weights = -np.inf, 0, None
    for epoch in range(1, config.epochs + 1):
        module.train()
        for group in optimiser.param_groups:
            group["lr"] = config.learning_rate * rate(epoch)
        losses = []
        for batch in batches():
            value = loss(batch, (epoch - 1) / config.epochs)
            optimiser.zero_grad()
            value.backward()
            if clip is not None:
                nn.utils.clip_grad_norm_(module.parameters(), clip)
            optimiser.step()
            losses.append(float(value.detach()))
        if not np.isfinite(losses).all():
            raise InputError(f"{name}: the loss is not finite in epoch {epoch}; lower learning_rate={config.learning_rate}")
        if after_epoch is not None:
            after_epoch()
        history.append({"loss": float(np.mean(losses))})
        if score is None:
            best_epoch = epoch
            continue
        history[-1]["validation"] = now = score()
        if now > best:
            best, best_epoch, weights = now, epoch, copy.deepcopy(module.state_dict())
        elif epoch - best_epoch >= config.patience:
            break
    if weights is not None:
        module.load_state_dict(weights)
    return history, best_epoch


def layers(*widths: int, activation: type[nn.Module], last: bool = True) -> nn.Sequential:
    """Linear layers, each followed by an activation, the last one only if *last* is set.

    >>> layers(4, 8, 2, activation=nn.ReLU, last=False)
    Sequential(
      (0): Linear(in_features=4, out_features=8, bias=True)
      (1): ReLU()
      (2): Linear(in_features=8, out_features=2, bias=True)
    )
    """
    parts: list[nn.Module] = []
    for i, (d_in, d_out) in enumerate(zip(widths[:-1], widths[1:], strict=True)):
        parts.append(nn.Linear(d_in, d_out))
        if last or i < len(widths) - 2:
            parts.append(activation())
    return nn.Sequential(*parts)
