"""Multimodal DBN (Srivastava and Salakhutdinov 2012): a deep belief network for each modality and a joint layer."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from ...data.features import FeatureSplit
from ...errors import InputError
from .base import Baseline


@dataclass(frozen=True, kw_only=True)
class MultimodalDBNConfig:
    """Settings of the multimodal DBN.

    hidden : widths of the two hidden layers of each modality
    joint : width of the joint layer
    text_units : ``bernoulli`` for features in 0..1, ``gaussian`` for any; ``auto``: ``bernoulli`` if all are 0 or 1, as tags are
    epochs : training epochs of each layer
    batch_size, learning_rate, weight_decay : of contrastive divergence; the rate of layers with Gaussian inputs is a tenth
    meetings : number of mean-field updates of the missing modality and the joint layer
    seed : random seed
    """

    hidden: tuple[int, int] = (256, 256)
    joint: int = 512
    text_units: Literal["auto", "bernoulli", "gaussian"] = "auto"
    epochs: int = 20
    batch_size: int = 100
    learning_rate: float = 0.05
    weight_decay: float = 1e-4
    meetings: int = 10
    seed: int = 0


class MultimodalDBN(Baseline):
    """Two stacks of two restricted Boltzmann machines and a joint one, each trained by one step of contrastive divergence.

    To embed one modality, the other one is inferred: its top layer starts at one half, then joint layer and missing top layer are updated
    alternately (mean field). The activations of the joint layer are the embedding. With validation pairs, the joint layer of its best epoch
    is kept.

    Attributes
    ----------
    errors : dict
        Mean squared reconstruction error of every layer after each epoch.
    """

    name = "Multimodal DBN"
    Config = MultimodalDBNConfig

    def _fit(self, train: FeatureSplit, validation: FeatureSplit | None) -> None:
        config = self.config
        if config.text_units not in ("auto", "bernoulli", "gaussian"):
            raise InputError(f"Multimodal DBN: text_units {config.text_units!r} is unknown; use 'auto', 'bernoulli' or 'gaussian'")
        raw_texts = train.texts + self._text_mean
        if config.text_units == "bernoulli" and (raw_texts.min() < -1e-5 or raw_texts.max() > 1 + 1e-5):
            raise InputError("Multimodal DBN: text_units='bernoulli' needs text features from 0 to 1; use 'gaussian'")
        tags = bool((np.abs(raw_texts - np.round(raw_texts)) < 1e-5).all() and set(np.unique(np.round(raw_texts))) <= {0, 1})
        self._bernoulli = config.text_units == "bernoulli" or (config.text_units == "auto" and tags)
        self._deviations = [np.maximum(values.std(axis=0), 1e-6) for values in (train.images, train.texts)]
        generator = torch.Generator().manual_seed(config.seed)
        self.errors = {}
        self._stacks, tops = [], []
        for side, values in enumerate((self._image_input(train.images), self._text_input(train.texts))):
            gaussian = side == 0 or not self._bernoulli
            stack = []
            for depth, width in enumerate(config.hidden):
                machine = _Machine(values.shape[1], width, gaussian and depth == 0, generator)
                self.errors[("images", "texts")[side], depth] = machine.learn(values, config, generator)
                values = machine.up(values)
                stack.append(machine)
            self._stacks.append(stack)
            tops.append(values)
        self._joint = _Machine(2 * config.hidden[-1], config.joint, False, generator)
        best, kept = -np.inf, None

        def after_epoch() -> None:
            nonlocal best, kept
            self._middle = self._infer(tops[0], 0).mean(dim=0), self._infer(tops[1], 1).mean(dim=0)
            score = -np.inf if validation is None else float(np.nanmean(self._scores(validation)))
            if score > best:
                best, kept = score, (copy.deepcopy(self._joint), self._middle)

        self.errors["joint", len(config.hidden)] = self._joint.learn(torch.cat(tops, dim=1), config, generator, after_epoch)
        if kept is not None:
            self._joint, self._middle = kept

    def _image_input(self, images: np.ndarray) -> Tensor:
        return torch.as_tensor(images / self._deviations[0], dtype=torch.float32)

    def _text_input(self, texts: np.ndarray) -> Tensor:
        return torch.as_tensor(texts + self._text_mean if self._bernoulli else texts / self._deviations[1], dtype=torch.float32)

    def _embed_images(self, images: np.ndarray) -> np.ndarray:
        return self._activations(self._image_input(images), 0)

    def _embed_texts(self, texts: np.ndarray) -> np.ndarray:
        return self._activations(self._text_input(texts), 1)

    def _activations(self, values: Tensor, side: int) -> np.ndarray:
        for machine in self._stacks[side]:
            values = machine.up(values)
        return (self._infer(values, side) - self._middle[side]).numpy()  # centred for the cosine

    def _infer(self, top: Tensor, side: int) -> Tensor:
        """Joint activations (n, joint) from the top layer (n, hidden) of one modality."""
        missing = torch.full_like(top, 0.5)
        for _ in range(self.config.meetings):
            joint = self._joint.up(torch.cat((top, missing) if side == 0 else (missing, top), dim=1))
            both = self._joint.down(joint)
            missing = both[:, top.shape[1] :] if side == 0 else both[:, : top.shape[1]]
        return joint


class _Machine:
    """A restricted Boltzmann machine with logistic hidden units and logistic or (unit-variance) Gaussian visible units."""

    def __init__(self, visible: int, hidden: int, gaussian: bool, generator: torch.Generator) -> None:
        self.gaussian = gaussian
        self.weights = 0.01 * torch.randn(visible, hidden, generator=generator)
        self.visible_bias, self.hidden_bias = torch.zeros(visible), torch.zeros(hidden)

    def up(self, visible: Tensor) -> Tensor:
        return torch.sigmoid(visible @ self.weights + self.hidden_bias)

    def down(self, hidden: Tensor) -> Tensor:
        mean = hidden @ self.weights.T + self.visible_bias
        return mean if self.gaussian else torch.sigmoid(mean)

    def learn(
        self,
        values: Tensor,
        config: MultimodalDBNConfig,
        generator: torch.Generator,
        after_epoch: Callable[[], None] = lambda: None,
    ) -> list[float]:
        rate = config.learning_rate * (0.1 if self.gaussian else 1.0)
        steps = [torch.zeros_like(self.weights), torch.zeros_like(self.visible_bias), torch.zeros_like(self.hidden_bias)]
        errors = []
        for epoch in range(config.epochs):
            momentum = 0.5 if epoch < 5 else 0.9
            total = 0.0
            for rows in torch.randperm(len(values), generator=generator).split(config.batch_size):
                data = values[rows]
                hidden = self.up(data)
                sample = torch.bernoulli(hidden, generator=generator)
                again = self.down(sample)
                hidden_again = self.up(again)
                n = len(rows)
                gradients = (
                    (data.T @ hidden - again.T @ hidden_again) / n - config.weight_decay * self.weights,
                    (data - again).mean(dim=0),
                    (hidden - hidden_again).mean(dim=0),
                )
                for parameter, step, gradient in zip((self.weights, self.visible_bias, self.hidden_bias), steps, gradients, strict=True):
                    step.mul_(momentum).add_(gradient, alpha=rate)
                    parameter.add_(step)
                total += float(((data - again) ** 2).sum())
            errors.append(total / values.numel())
            after_epoch()
        return errors
