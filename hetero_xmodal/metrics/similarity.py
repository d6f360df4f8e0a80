"""Sim, Diff and manipulative precision (Li et al. 2020), and how far apart the colours of pictures lie.

| metric | range | better | what |
|---|---|---|---|
| Sim | -1..1 | higher | cosine of the made picture's and the sentence's code, of a model of :mod:`hetero_xmodal.networks.similarity` |
| Diff | 0..1 | lower | mean absolute difference to the given picture |
| MP | -1..1 | higher | (1 - Diff) Sim, per picture, then the mean |

A picture that was not touched has Diff 0, so its MP is its Sim. Numbers depend on the similarity model: always set those of real pairs, and
of the unchanged pictures with the same sentences, beside a method's.

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
from ..networks.pixels import to_pictures
from .images import ImageScore, mae

if TYPE_CHECKING:
    from ..networks.similarity import ImageTextSimilarity


@dataclass(frozen=True)
class SimilarityScores:
    """What :func:`judge_similarity` found; each an :class:`~hetero_xmodal.metrics.images.ImageScore` with its values per picture."""

    sim: ImageScore
    diff: ImageScore
    mp: ImageScore


def judge_similarity(made: Any, given: Any, sentences: Sequence[str], model: ImageTextSimilarity) -> SimilarityScores:
    """Sim, Diff and MP of made pictures, the pictures they were made from, and the sentences they were made for."""
    made, given = to_pictures(made), to_pictures(given)
    name = f"similarity model trained on {model.vocab.get('data') or 'its own data'}"
    sim = model.similarity(made, sentences)
    unit = mae(made, given)
    diff = ImageScore(float(unit) / 255, "mean absolute difference to the given picture, 0..1, lower is better", len(made),
                      per_picture=unit.per_picture / 255)  # fmt: skip
    return SimilarityScores(
        ImageScore(
            sim.double().mean().item(), "cosine of picture and sentence, higher is better", len(made), extractor=name, per_picture=sim
        ),
        diff,
        manipulative_precision(diff.per_picture, sim, extractor=name),
    )


def manipulative_precision(diff: Tensor, sim: Tensor, *, extractor: str = "") -> ImageScore:
    """MP: mean of ``(1 - diff_k) sim_k`` over pictures (n,)."""
    if diff.shape != sim.shape or diff.ndim != 1 or not len(diff):
        raise InputError(f"MP needs one Diff and one Sim a picture, found shapes {tuple(diff.shape)} and {tuple(sim.shape)}")
    each = (1 - diff) * sim
    about = "mean of (1 - Diff) Sim per picture, higher is better"
    return ImageScore(each.double().mean().item(), about, len(each), extractor=extractor, per_picture=each)


def colour_spread(pictures: Any, weights: Tensor | None = None) -> float:
    """How far apart the mean colours of pictures (n, 3, H, W) lie: the root of their mean squared distance to their mean, in 0..1.

    *weights* (n or 1, H, W) say where the colour is taken.

    >>> round(colour_spread(torch.tensor([0.0, 1.0]).reshape(2, 1, 1, 1).expand(2, 3, 4, 4)), 4)   # black and white: sqrt(3) / 2
    0.866
    """
    pictures = to_pictures(pictures)
    weights = torch.ones(1, *pictures.shape[2:]) if weights is None else weights
    share = weights / weights.sum((1, 2), keepdim=True).clamp_min(1e-9)
    colours = (pictures * share[:, None]).sum((2, 3))
    return float((colours - colours.mean(0)).square().sum(1).mean().sqrt())
