"""The light decoder of one stage of MIM-Net: features become an image of that stage's size."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .image_branch import WAVES, waves


def doubled(x: Tensor) -> Tensor:
    """Nearest upsampling to twice the size."""
    return F.interpolate(x, scale_factor=2.0, mode="nearest")


def layer(channels: int, out: int) -> nn.Sequential:
    """A 3 x 3 convolution with batch normalisation and ReLU."""
    return nn.Sequential(nn.Conv2d(channels, out, 3, 1, 1, bias=False), nn.BatchNorm2d(out), nn.ReLU())


class StageDecoder(nn.Module):
    """Features (B, width, s, s) to an image of side ``s * 2 ** doublings``: a 3 x 3 layer, and one more after each nearest upsampling.

    Parameters
    ----------
    width : channels of the features
    channels : of the first layer and of the last hidden one; each upsampling halves them, down to 16
    doublings : how often the features grow to twice their size
    image : at full size the image itself joins in, and every pixel knows where it is (:func:`~.image_branch.waves`), without which no
        stripe could begin anywhere; a fourth channel says how much of each pixel is repainted, so that the rest shows the image
        unchanged. False: the features alone make the whole image.

    >>> decoder = StageDecoder(8, channels=16, doublings=1)
    >>> made, matte, painted = decoder(torch.zeros(2, 8, 4, 4), torch.zeros(2, 3, 8, 8))
    >>> made.shape, matte.shape
    (torch.Size([2, 3, 8, 8]), torch.Size([2, 1, 8, 8]))
    """

    def __init__(self, width: int, *, channels: int, doublings: int, image: bool = True) -> None:
        super().__init__()
        widths = [max(channels // 2**k, min(channels, 16)) for k in range(doublings + 1)]
        self.image = image
        self.enter = nn.BatchNorm2d(width)  # textures are means over words and much smaller than what the encoder sees
        self.first = layer(width, widths[0])
        self.grow = nn.ModuleList(layer(a, b) for a, b in zip(widths, widths[1:], strict=False))
        self.paint = nn.Conv2d(widths[-1] + 3 * image, channels, 3, 1, 1, bias=False)  # what is painted here ...
        self.where = nn.Conv2d(WAVES, channels, 3, 1, 1, bias=False) if image else None  # ... and how far along its pattern that is
        self.norm = nn.BatchNorm2d(channels)
        self.last = nn.Conv2d(channels, 3 + image, 3, 1, 1)
        if image:  # start by showing the input
            nn.init.constant_(self.last.bias[3:], -1.0)

    def forward(self, features: Tensor, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """*features* (B, width, s, s) and the given image (B, 3, S, S) -> image in -1..1, matte (B, 1, S, S) in 0..1, and what was
        painted below the matte."""
        x = self.first(self.enter(features))
        for grown in self.grow:
            x = grown(doubled(x))
        x = self.paint(torch.cat([x, image.to(x.dtype)], 1) if self.image else x)
        if self.where is not None:  # the same for every image, so one is enough
            x = x + self.where(waves(x.shape[-1], device=x.device)[None])
        x = self.last(F.relu(self.norm(x))).float()
        painted = torch.tanh(x[:, :3])
        if not self.image:
            return painted, torch.ones_like(painted[:, :1]), painted
        share = torch.sigmoid(x[:, 3:])
        return share * painted + (1 - share) * image, share, painted
