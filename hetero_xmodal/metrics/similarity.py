"""Sim, Diff and manipulative precision (Li et al. 2020), and the standard deviation of the colours of images.

| metric | range | better | definition |
|---|---|---|---|
| Sim | -1..1 | higher | cosine of the embeddings of edited image and sentence by a :mod:`hetero_xmodal.networks.similarity` model |
| Diff | 0..1 | lower | mean absolute difference to the input image |
| MP | -1..1 | higher | (1 - Diff) Sim, averaged over images |

An unchanged image has Diff 0, so its MP is its Sim. Values depend on the similarity model: report those of real pairs, and of the
unchanged images with the same sentences, with those of a method.

>>> manipulative_precision(torch.tensor([0.1, 0.5]), torch.tensor([0.3, 0.1]))   # the mean of products, not the product of means
0.16
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ..errors import InputError
from ..networks.pixels import image_tensor
from .images import ImageScore, mae

if TYPE_CHECKING:
    from ..networks.similarity import ImageTextSimilarity


@dataclass(frozen=True)
class SimilarityScores:
    """Result of :func:`judge_similarity`; each an :class:`~hetero_xmodal.metrics.images.ImageScore` with the values of each image."""

    sim: ImageScore
    diff: ImageScore
    mp: ImageScore


def judge_similarity(made: Any, given: Any, sentences: Sequence[str], model: ImageTextSimilarity) -> SimilarityScores:
    """Sim, Diff and MP of edited images *made*, given the input images and the requested sentences.

    Parameters
    ----------
    made, given : images (B, 3, H, W), as in :mod:`hetero_xmodal.metrics.images`.
    sentences : B sentences.
    model : the similarity model.

    Raises
    ------
    InputError
        If numbers or sizes differ.
    """
    made, given = image_tensor(made), image_tensor(given)
    name = f"similarity model trained on {model.vocab.get('data') or 'its own data'}"
    sim = model.similarity(made, sentences)
    unit = mae(made, given)
    diff = ImageScore(float(unit) / 255, "mean absolute difference to the given image, 0..1, lower is better", len(made),
                      per_image=unit.per_image / 255)  # fmt: skip
    return SimilarityScores(
        ImageScore(sim.double().mean().item(), "cosine of image and sentence, higher is better", len(made), extractor=name, per_image=sim),
        diff,
        manipulative_precision(diff.per_image, sim, extractor=name),
    )


def manipulative_precision(diff: Tensor, sim: Tensor, *, extractor: str = "") -> ImageScore:
    """MP: mean of ``(1 - diff_k) sim_k`` over images, of *diff* (n,) and *sim* (n,).

    Raises
    ------
    InputError
        If the shapes differ or are empty.
    """
    if diff.shape != sim.shape or diff.ndim != 1 or not len(diff):
        raise InputError(f"MP needs one Diff and one Sim per image, found shapes {tuple(diff.shape)} and {tuple(sim.shape)}")
    each = (1 - diff) * sim
    about = "mean of (1 - Diff) Sim per image, higher is better"
    return ImageScore(each.double().mean().item(), about, len(each), extractor=extractor, per_image=each)


def colour_spread(images: Any, weights: Tensor | None = None) -> float:
    """Standard deviation of the mean colours of images (n, 3, H, W): root mean squared distance from their mean, in 0..1.

    *weights* (n or 1, H, W) weight the pixels in each image's mean colour.

    >>> round(colour_spread(torch.tensor([0.0, 1.0]).reshape(2, 1, 1, 1).expand(2, 3, 4, 4)), 4)   # black and white: sqrt(3) / 2
    0.866
    """
    images = image_tensor(images)
    weights = torch.ones(1, *images.shape[2:]) if weights is None else weights
    share = weights / weights.sum((1, 2), keepdim=True).clamp_min(1e-9)
    colours = (images * share[:, None]).sum((2, 3))
    return float((colours - colours.mean(0)).square().sum(1).mean().sqrt())
