"""Neural methods based on correlation and reconstruction of pairs: DCCA and Corr-AE."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from ...data.features import FeatureSplit
from ...errors import InputError
from ...networks.cca import canonical_directions
from .neural import NeuralBaseline, TrainingConfig, layers


@dataclass(frozen=True, kw_only=True)
class DCCAConfig(TrainingConfig):
    """Settings of DCCA.

    hidden : width of the hidden layer of both networks
    dims : outputs of both networks, whose correlations are summed
    ridge : added to the diagonals of both covariances; papers use 0.001, but small data sets need more
    power : of the final linear CCA of the outputs
    """

    hidden: int = 256
    dims: int = 10
    ridge: float = 0.1
    power: float = 1.0
    epochs: int = 100
    batch_size: int = 1000
    learning_rate: float = 1e-3
    weight_decay: float = 1e-4


class DCCA(NeuralBaseline):
    """Deep CCA (Andrew et al. 2013): two networks with maximally correlated outputs; trained with :func:`correlation_loss` in float64.

    After every epoch a linear CCA of the outputs of the training pairs gives the common space.
    """

    name = "DCCA"
    Config = DCCAConfig
    dtype = torch.float64

    def _build(self, d_image: int, d_text: int, classes: int) -> nn.Module:
        if self.config.batch_size < 2 * self.config.dims:
            raise InputError(f"DCCA: batch_size={self.config.batch_size} is too small for the correlations of {self.config.dims} dims")
        return _Correlated(d_image, d_text, self.config)

    @torch.no_grad()
    def _after_epoch(self, images: Tensor, texts: Tensor) -> None:
        self.module.eval()
        a, b = self.module.encode_images(images).cpu().numpy(), self.module.encode_texts(texts).cpu().numpy()
        self._output_means = a.mean(axis=0), b.mean(axis=0)
        a, b = a - self._output_means[0], b - self._output_means[1]
        n = len(a)
        image_weights, text_weights, correlations = canonical_directions(a.T @ a / n, b.T @ b / n, a.T @ b / n, self.config.ridge)
        scale = correlations**self.config.power
        self._output_weights = image_weights * scale, text_weights * scale
        self._of_epoch = [*getattr(self, "_of_epoch", []), (self._output_means, self._output_weights)]

    def _fit(self, train: FeatureSplit, validation: FeatureSplit | None) -> None:
        self._of_epoch = []
        super()._fit(train, validation)
        self._output_means, self._output_weights = self._of_epoch[self.best_epoch - 1]
        del self._of_epoch

    def _embed_images(self, images: np.ndarray) -> np.ndarray:
        return (super()._embed_images(images) - self._output_means[0]) @ self._output_weights[0]

    def _embed_texts(self, texts: np.ndarray) -> np.ndarray:
        return (super()._embed_texts(texts) - self._output_means[1]) @ self._output_weights[1]


class _Correlated(nn.Module):
    def __init__(self, d_image: int, d_text: int, config: DCCAConfig) -> None:
        super().__init__()
        self.ridge = config.ridge
        self.image_network = layers(d_image, config.hidden, config.dims, activation=nn.Tanh, last=False)
        self.text_network = layers(d_text, config.hidden, config.dims, activation=nn.Tanh, last=False)

    def encode_images(self, images: Tensor) -> Tensor:
        return self.image_network(images)

    def encode_texts(self, texts: Tensor) -> Tensor:
        return self.text_network(texts)

    def loss(self, images: Tensor, texts: Tensor, labels: Tensor, progress: float) -> Tensor:
        return correlation_loss(self.image_network(images), self.text_network(texts), self.ridge)


def correlation_loss(a: Tensor, b: Tensor, ridge: float = 1e-3) -> Tensor:
    """Negative sum of the canonical correlations of two sets of paired rows, a scalar: ``-|| Caa^-1/2 Cab Cbb^-1/2 ||_*``.

    Parameters
    ----------
    a, b : Tensor of float64, shapes (n, p) and (n, q)
    ridge : float
        Added to the diagonals of Caa and Cbb.

    Examples
    --------
    >>> _ = torch.manual_seed(0)
    >>> a = torch.randn(100, 3, dtype=torch.float64)
    >>> round(float(correlation_loss(a, a @ torch.tensor([[1.0, 2, 0], [0, 1, 1], [1, 0, 2]]).double() + 5, ridge=0.0)), 6)
    -3.0
    """
    a, b = a - a.mean(dim=0), b - b.mean(dim=0)
    n = len(a) - 1
    white_a, white_b = (_inverse_root(x.T @ x / n + ridge * torch.eye(x.shape[1], dtype=x.dtype, device=x.device)) for x in (a, b))
    return -torch.linalg.svdvals(white_a @ (a.T @ b / n) @ white_b).sum()


def _inverse_root(matrix: Tensor) -> Tensor:
    values, vectors = torch.linalg.eigh(matrix)
    return (vectors / values.clamp_min(1e-12).sqrt()) @ vectors.T


@dataclass(frozen=True, kw_only=True)
class CorrAEConfig(TrainingConfig):
    """Settings of Corr-AE.

    dims : width of the code
    alpha : weight of the distance between codes; the reconstructions have 1 - alpha
    """

    dims: int = 64
    alpha: float = 0.8
    epochs: int = 200
    learning_rate: float = 1e-3


class CorrAE(NeuralBaseline):
    """Correspondence autoencoder (Feng et al. 2014): an autoencoder for each modality, with similar codes for a pair.

    ``(1 - alpha) (|x - x'|^2 + |y - y'|^2) + alpha |f(x) - g(y)|^2``, mean over pairs; a logistic layer encodes, a linear layer decodes.
    """

    name = "Corr-AE"
    Config = CorrAEConfig

    def _build(self, d_image: int, d_text: int, classes: int) -> nn.Module:
        return _Autoencoders(d_image, d_text, self.config)


class _Autoencoders(nn.Module):
    def __init__(self, d_image: int, d_text: int, config: CorrAEConfig) -> None:
        super().__init__()
        self.alpha = config.alpha
        self.image_encoder = layers(d_image, config.dims, activation=nn.Sigmoid)
        self.text_encoder = layers(d_text, config.dims, activation=nn.Sigmoid)
        self.image_decoder = nn.Linear(config.dims, d_image)
        self.text_decoder = nn.Linear(config.dims, d_text)

    # sigmoid codes are positive, so they are centred for the cosine
    def encode_images(self, images: Tensor) -> Tensor:
        return self.image_encoder(images) - 0.5

    def encode_texts(self, texts: Tensor) -> Tensor:
        return self.text_encoder(texts) - 0.5

    def loss(self, images: Tensor, texts: Tensor, labels: Tensor, progress: float) -> Tensor:
        image_code, text_code = self.image_encoder(images), self.text_encoder(texts)
        rebuilt = _square(self.image_decoder(image_code) - images) + _square(self.text_decoder(text_code) - texts)
        return (1 - self.alpha) * rebuilt + self.alpha * _square(image_code - text_code)


def _square(rows: Tensor) -> Tensor:
    return (rows**2).sum(dim=1).mean()
