"""CAMERA: context-aware multi-view summarisation (Qu et al. 2020), after its public code."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...configs import check_config
from ...data.tasks.matching import Batch
from ...errors import InputError
from ...networks.camera import RegionEmbedding, WordEmbedding
from ...networks.padding import padded
from .neural import InputScale, MatchingConfig, segment_mean
from .pairs import NeuralPairs

#: kernel size and dilation of the convolutions over the regions; the first has twice as many channels as the others
CONVOLUTIONS = ((1, 1), (3, 1), (3, 2), (3, 3), (5, 1), (5, 2), (5, 3))


@dataclass(frozen=True, kw_only=True)
class CAMERAConfig(MatchingConfig):
    """Settings of CAMERA: those of :class:`MatchingConfig`, and

    heads : of the self-attention of regions and of words; a divisor of *width*
    views : vectors of an image
    diversity : weight of the loss that keeps the views apart

    Raises
    ------
    InputError
        If a value is out of range.
    """

    heads: int = 8
    views: int = 12
    diversity: float = 0.01

    def __post_init__(self) -> None:
        super().__post_init__()
        check_config(self, at_least_one=("heads", "views"), not_negative=("diversity",))
        if self.width % max(self.heads, 8):
            raise InputError(f"CAMERAConfig: width is {self.width}; give a multiple of 8 and of heads, which is {self.heads}")


class CAMERA(NeuralPairs):
    """An image has several vectors (views), each a weighted mean of its regions; the best of them is compared with the sentence."""

    name = "CAMERA"
    Config = CAMERAConfig
    needs_places = True

    def _build(self, regions: InputScale, words: nn.Module) -> nn.Module:
        return MultiView(regions, words, self.config)

    def _loss(self, batch: Batch, progress: float) -> Tensor:
        loss = super()._loss(batch, progress)
        return loss + self.config.diversity * self.module.overlap if self.config.diversity else loss


class Summarisation(nn.Module):
    """Weights of the regions in each view: dilated convolutions over the regions in their order, a linear map, a softmax over regions."""

    def __init__(self, width: int, views: int) -> None:
        super().__init__()
        some = width // 8
        channels = (2 * some, *[some] * 6)
        self.convolutions = nn.ModuleList(
            nn.Conv1d(width, out, size, dilation=dilation, padding=dilation * (size // 2))
            for out, (size, dilation) in zip(channels, CONVOLUTIONS, strict=True)
        )
        self.linear = nn.Linear(width, views)

    def forward(self, regions: Tensor, mask: Tensor) -> Tensor:
        """Regions (n, longest, width), zero at padding, with their mask (n, longest), to weights (n, longest, views)."""
        found = torch.cat([F.relu(convolution(regions.transpose(1, 2))) for convolution in self.convolutions], 1)
        return self.linear(found.transpose(1, 2)).masked_fill(~mask[..., None], -torch.inf).softmax(1)


class MultiView(nn.Module):
    """CAMERA's embedding of regions and words, its views, and the scores of pairs."""

    def __init__(self, regions: InputScale, words: nn.Module, config: CAMERAConfig) -> None:
        super().__init__()
        self.region_inputs, self.word_inputs = regions, words
        # positions are read where they are there: whether they are is known from the first batch alone, so the map is always made
        self.regions = RegionEmbedding(regions.width, config.width, kind="camera", places=True, heads=config.heads)
        self.words = WordEmbedding(words.width, config.width, kind="camera", heads=config.heads)
        self.views = Summarisation(config.width, config.views)
        self.overlap = torch.zeros(())

    def images(self, flat: Tensor, counts: Tensor, places: Tensor | None = None) -> Tensor:
        """Unit views (images, views, width)."""
        places = flat.new_zeros(len(flat), 6) if places is None else places  # no boxes: the same position for all
        rows, mask = padded(self.regions(self.region_inputs(flat), counts, places), counts)
        weight = self.views(rows, mask)
        alike = F.normalize(weight, dim=1)
        same = torch.eye(weight.shape[2], device=weight.device)
        self.overlap = (alike.transpose(1, 2) @ alike - same).square().sum((1, 2)).mean()
        return F.normalize(weight.transpose(1, 2) @ rows, dim=2)

    def captions(self, flat: Tensor, counts: Tensor) -> Tensor:
        """Unit vectors (captions, width)."""
        return F.normalize(segment_mean(self.words(self.word_inputs(flat), counts), counts), dim=1)

    def similarity(self, batch: Batch) -> Tensor:
        """Scores (images, captions) of a batch."""
        images = self.images(batch.regions, batch.region_counts, batch.places)
        return self.compare(images, self.captions(batch.words, batch.word_counts))

    def compare(self, images: Tensor, captions: Tensor) -> Tensor:
        """The cosine of the best view (images, views, width) with each caption (captions, width): (images, captions)."""
        return torch.einsum("nvd,md->nmv", images, captions).amax(2)
