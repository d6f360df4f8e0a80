"""SCAN: stacked cross-attention (Lee et al. 2018), from texts to images and from images to texts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...data.tasks.matching import Batch
from ...errors import InputError
from ...networks.padding import padded
from .neural import GRUEncoder, InputScale, MatchingConfig
from .pairs import NeuralPairs


@dataclass(frozen=True, kw_only=True)
class SCANConfig(MatchingConfig):
    """Settings of SCAN: those of :class:`MatchingConfig`, and

    direction : ``t2i``, words attend to regions; ``i2t``, regions attend to words
    temperature : inverse temperature of the attention (the paper's lambda_1: 9 for t2i, 4 for i2t); None: the paper's
    aggregate : of the scores of all words (regions): ``logsumexp`` or ``mean``
    sharpness : inverse temperature of the log-sum-exp (the paper's lambda_2: 6 for t2i, 5 for i2t); None: the paper's

    Raises
    ------
    InputError
        If a value is out of range.
    """

    direction: Literal["t2i", "i2t"] = "t2i"
    temperature: float | None = None
    aggregate: Literal["logsumexp", "mean"] = "logsumexp"
    sharpness: float | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, known in (("direction", ("t2i", "i2t")), ("aggregate", ("logsumexp", "mean"))):
            if getattr(self, name) not in known:
                raise InputError(f"SCANConfig: {name} is {getattr(self, name)!r}, expected one of {', '.join(known)}")
        for name in ("temperature", "sharpness"):
            if getattr(self, name) is not None and not getattr(self, name) > 0:
                raise InputError(f"SCANConfig: {name} is {getattr(self, name)}; it must be above 0")


class SCAN(NeuralPairs):
    """Each word is compared with its attended regions (or each region with its attended words).

    Images and captions have no embedding of their own: the score of every pair is computed by cross-attention, which makes SCAN slow for
    large galleries. Regions are mapped linearly, words by a bidirectional GRU whose directions are averaged; both are L2-normalised.
    """

    name = "SCAN"
    Config = SCANConfig

    def _build(self, regions: InputScale, words: nn.Module) -> nn.Module:
        return CrossAttention(regions, words, self.config)


class CrossAttention(nn.Module):
    """Encoders of regions and words, and the cross-attention scores of pairs."""

    def __init__(self, regions: InputScale, words: nn.Module, config: SCANConfig) -> None:
        super().__init__()
        self.config = config
        self.temperature = config.temperature or {"t2i": 9.0, "i2t": 4.0}[config.direction]
        self.sharpness = config.sharpness or {"t2i": 6.0, "i2t": 5.0}[config.direction]
        self.regions, self.region_linear = regions, nn.Linear(regions.width, config.width)
        self.words = GRUEncoder(words, config.width, both_ways=True)

    def images(self, flat: Tensor, counts: Tensor, places: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Unit region vectors (images, longest, width) and their mask (images, longest)."""
        return padded(F.normalize(self.region_linear(self.regions(flat)), dim=1), counts)

    def captions(self, flat: Tensor, counts: Tensor) -> tuple[Tensor, Tensor]:
        """Unit word vectors (captions, longest, width) and their mask (captions, longest)."""
        states = F.normalize(self.words.states(flat, counts), dim=2)
        return states, torch.arange(states.shape[1], device=states.device) < counts[:, None]

    def similarity(self, batch: Batch) -> Tensor:
        """Scores (images, captions) of a batch."""
        return self.compare(self.images(batch.regions, batch.region_counts), self.captions(batch.words, batch.word_counts))

    def compare(self, images: tuple[Tensor, Tensor], captions: tuple[Tensor, Tensor]) -> Tensor:
        """Scores (images, captions)."""
        if self.config.direction == "t2i":
            agreement, real = attended_cosine(*captions, *images, temperature=self.temperature), captions[1]
        else:
            agreement, real = attended_cosine(*images, *captions, temperature=self.temperature), images[1]
        if self.config.aggregate == "mean":
            scores = (agreement * real).sum(dim=2) / real.sum(dim=1)
        else:
            scores = torch.logsumexp((self.sharpness * agreement).masked_fill(~real, -torch.inf), dim=2) / self.sharpness
        return scores if self.config.direction == "t2i" else scores.T


def attended_cosine(queries: Tensor, query_mask: Tensor, contexts: Tensor, context_mask: Tensor, *, temperature: float) -> Tensor:
    """Cosine of every query vector with its attended vector in every context.

    ``s = LeakyReLU(c . q)``, L2-normalised over the queries of one owner, gives the attention weights ``a = softmax(temperature * s)`` over
    the vectors c of one context; the attended vector is ``sum a c``. Its cosine does not require the sum itself, because for unit q

        q . sum a c = sum a (q . c)   and   |sum a c|^2 = a' (C C') a,

    so that beyond the scores the cost of a pair does not depend on the width.

    Parameters
    ----------
    queries : (Q, q, d) unit vectors, zeros where the mask (Q, q) is False.
    contexts : (C, c, d) unit vectors, zeros where the mask (C, c) is False.

    Returns
    -------
    (C, Q, q), zero at padding.
    """
    members, longest, width = queries.shape
    scores = contexts @ queries.transpose(0, 1).reshape(longest * members, width).T  # (C, c, q * Q): fastest with the long axis last
    alike = F.leaky_relu(scores, 0.1).unflatten(2, (longest, members))
    lengths = (alike.square().sum(dim=2, keepdim=True) + 1e-12).sqrt()
    attention = (temperature * alike / lengths).flatten(2).masked_fill(~context_mask[:, :, None], -torch.inf).softmax(dim=1)
    along = (attention * scores).sum(dim=1)
    gram = contexts @ contexts.transpose(1, 2)
    norm = ((gram @ attention) * attention).sum(dim=1).clamp_min(1e-12).sqrt()
    return (along / norm).unflatten(1, (longest, members)).transpose(1, 2) * query_mask
