"""DSCMR: deep supervised cross-modal retrieval (Zhen et al. 2019)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .neural import NeuralBaseline, TrainingConfig, layers


@dataclass(frozen=True, kw_only=True)
class DSCMRConfig(TrainingConfig):
    """Settings of DSCMR for a laptop; in brackets the authors', who select the epoch on the test pairs.

    hidden : width of each modality's own layer [2048]
    dims : of the common space [1024]
    alpha, beta : weights of the terms of :func:`dscmr_loss`
    epochs [500], learning_rate [1e-4], weight_decay [0] : as in every :class:`TrainingConfig`
    """

    hidden: int = 512
    dims: int = 256
    alpha: float = 1e-3
    beta: float = 0.1
    epochs: int = 100
    learning_rate: float = 3e-4
    beta1: float = 0.5
    weight_decay: float = 0.01
    patience: int = 20


class DSCMR(NeuralBaseline):
    """Two networks with a shared last layer and a shared classifier; the loss is :func:`dscmr_loss`."""

    name = "DSCMR"
    Config = DSCMRConfig

    def _build(self, d_image: int, d_text: int, classes: int) -> nn.Module:
        return _Networks(d_image, d_text, classes, self.config)


class _Networks(nn.Module):
    def __init__(self, d_image: int, d_text: int, classes: int, config: DSCMRConfig) -> None:
        super().__init__()
        self.config = config
        self.image_network = layers(d_image, config.hidden, activation=nn.ReLU)
        self.text_network = layers(d_text, config.hidden, activation=nn.ReLU)
        self.shared = nn.Linear(config.hidden, config.dims)
        self.classifier = nn.Linear(config.dims, classes)

    def encode_images(self, images: Tensor) -> Tensor:
        return self.shared(self.image_network(images))

    def encode_texts(self, texts: Tensor) -> Tensor:
        return self.shared(self.text_network(texts))

    def loss(self, images: Tensor, texts: Tensor, labels: Tensor, progress: float) -> Tensor:
        v, t = self.encode_images(images), self.encode_texts(texts)
        return dscmr_loss(v, t, self.classifier(v), self.classifier(t), labels, self.config.alpha, self.config.beta)


def dscmr_loss(v: Tensor, t: Tensor, scores_v: Tensor, scores_t: Tensor, labels: Tensor, alpha: float, beta: float) -> Tensor:
    """``L = L_class + alpha L_pair + beta L_modality``, a scalar.

    * L_class: mean over pairs of ``|scores - labels|_2``, images plus texts;
    * L_pair: negative logistic log-likelihood of the number of labels that two pairs share, given half the cosine of their embeddings, for
      (image, text), (image, image) and (text, text);
    * L_modality: mean of ``|v_i - t_i|_2``.

    Parameters
    ----------
    v, t : Tensor, shape (n, d)
        Embeddings of n pairs.
    scores_v, scores_t, labels : Tensor, shape (n, classes)

    Examples
    --------
    >>> v, t, labels = torch.eye(2), torch.eye(2), torch.eye(2)
    >>> round(float(dscmr_loss(v, t, v, t, labels, alpha=0.0, beta=0.1)), 4)  # a perfect fit; an epsilon keeps the gradient finite
    0.0
    """
    classification = _mean_norm(scores_v - labels) + _mean_norm(scores_t - labels)
    shared = labels @ labels.T
    v_unit, t_unit = F.normalize(v, dim=1), F.normalize(t, dim=1)
    pairs = sum((F.softplus(half) - shared * half).mean() for half in (v_unit @ t_unit.T / 2, v_unit @ v_unit.T / 2, t_unit @ t_unit.T / 2))
    return classification + alpha * pairs + beta * _mean_norm(v - t)


def _mean_norm(rows: Tensor) -> Tensor:
    return torch.sqrt((rows**2).sum(dim=1) + 1e-12).mean()
