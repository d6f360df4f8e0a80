"""ACMR: adversarial cross-modal retrieval (Wang et al. 2017)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .neural import NeuralBaseline, TrainingConfig, layers


@dataclass(frozen=True, kw_only=True)
class ACMRConfig(TrainingConfig):
    """Settings of ACMR.

    hidden : width of the hidden layers (two for images, one for texts)
    dims : of the common space
    margin : of the triplets
    positive_weight : weight of the distance to the positive in a triplet
    label_weight : weight of the label loss, relative to triplet and modality loss
    """

    hidden: int = 200
    dims: int = 40
    margin: float = 0.1
    positive_weight: float = 5.0
    label_weight: float = 50.0
    epochs: int = 200
    batch_size: int = 64
    beta1: float = 0.5


class ACMR(NeuralBaseline):
    """Two networks whose embeddings predict the labels, are close for pairs, and do not reveal the modality.

    The loss is label_weight * (cross-entropy of the labels) + (triplets) + (cross-entropy of the modality). Gradient reversal, with a
    strength that grows from 0 to 1 over training, opposes the modality classifier (in the released code it does not reach the networks).
    A triplet is

        max(0, margin + positive_weight |v_i - t_i| - |v_i - t_j|)

    and the same with modalities exchanged; j is the item with other labels whose input features are most similar to those of item i.
    Embeddings are ranked by Euclidean distance.
    """

    name = "ACMR"
    Config = ACMRConfig
    similarity = "euclidean"

    def _build(self, d_image: int, d_text: int, classes: int) -> nn.Module:
        return _Networks(d_image, d_text, classes, self.config)


class _Networks(nn.Module):
    def __init__(self, d_image: int, d_text: int, classes: int, config: ACMRConfig) -> None:
        super().__init__()
        self.config = config
        self.image_network = layers(d_image, config.hidden, config.hidden, config.dims, activation=nn.Tanh)
        self.text_network = layers(d_text, config.hidden, config.dims, activation=nn.Tanh)
        self.label_classifier = nn.Linear(config.dims, classes)
        self.modality_classifier = layers(config.dims, 50, 2, activation=nn.ReLU, last=False)

    def encode_images(self, images: Tensor) -> Tensor:
        return self.image_network(images)

    def encode_texts(self, texts: Tensor) -> Tensor:
        return self.text_network(texts)

    def loss(self, images: Tensor, texts: Tensor, labels: Tensor, progress: float) -> Tensor:
        v, t = self.encode_images(images), self.encode_texts(texts)
        both = torch.cat([v, t])
        target = labels / labels.sum(dim=1, keepdim=True).clamp_min(1)  # uniform over several labels
        label_loss = F.cross_entropy(self.label_classifier(both), torch.cat([target, target]))
        strength = 2 / (1 + torch.exp(torch.tensor(-10.0 * progress))) - 1
        modality = torch.arange(2, device=v.device).repeat_interleave(len(v))
        modality_loss = F.cross_entropy(self.modality_classifier(reverse_gradient(both, float(strength))), modality)
        triplets = self._triplets(v, t, texts, labels) + self._triplets(t, v, images, labels)
        return self.config.label_weight * label_loss + triplets + modality_loss

    def _triplets(self, anchor: Tensor, other: Tensor, other_input: Tensor, labels: Tensor) -> Tensor:
        alike = F.normalize(other_input, dim=1) @ F.normalize(other_input, dim=1).T
        is_negative = labels @ labels.T == 0
        has_negative = is_negative.any(dim=1)
        hardest = alike.masked_fill(~is_negative, -2.0).argmax(dim=1)
        positive, negative = _distance(anchor, other), _distance(anchor, other[hardest])
        loss = F.relu(self.config.margin + self.config.positive_weight * positive - negative)
        return (loss * has_negative).mean()


def _distance(a: Tensor, b: Tensor) -> Tensor:
    return torch.sqrt(((a - b) ** 2).sum(dim=1) + 1e-12)


def reverse_gradient(x: Tensor, strength: float = 1.0) -> Tensor:
    """Gradient reversal: the identity for *x* of any shape, whose gradient is multiplied by ``-strength``.

    >>> x = torch.tensor(2.0, requires_grad=True)
    >>> (reverse_gradient(x) ** 2).backward()
    >>> float(x.grad)
    -4.0
    """
    return (1 + strength) * x.detach() - strength * x
