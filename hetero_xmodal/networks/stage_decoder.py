"""The light decoder of one stage of MIM-Net: from features to an image at that stage's resolution."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .colour_shift import PaintOrShift
from .image_branch import POSITION_CHANNELS, pixel_position_encoding


def upsampled(x: Tensor) -> Tensor:
    """Nearest-neighbour upsampling, (B, c, h, w) to (B, c, 2h, 2w)."""
    return F.interpolate(x, scale_factor=2.0, mode="nearest")


def conv_layer(channels: int, out: int) -> nn.Sequential:
    """A 3 x 3 convolution with batch normalisation and ReLU."""
    return nn.Sequential(nn.Conv2d(channels, out, 3, 1, 1, bias=False), nn.BatchNorm2d(out), nn.ReLU())


class StageDecoder(nn.Module):
    """Features (B, width, s, s) to an image of side ``s * 2 ** doublings``: a 3 x 3 layer, and one more after each upsampling.

    Parameters
    ----------
    width : channels of the features
    channels : of the first layer and of the last hidden one; each upsampling halves them, down to 16
    doublings : number of upsamplings by a factor of 2
    image : at full resolution, concatenate the input image, add a position encoding (:func:`~.image_branch.pixel_position_encoding`),
        without which patterns such as stripes could not be rendered, and predict an alpha matte: the share of each pixel that is
        repainted. If false, the image is made from the features alone.
    shift : with *image*, paint a mixture of colours and of the input's colours moved in CIELAB (:class:`~.colour_shift.PaintOrShift`)

    >>> decoder = StageDecoder(8, channels=16, doublings=1)
    >>> made, matte, painted = decoder(torch.zeros(2, 8, 4, 4), torch.zeros(2, 3, 8, 8))
    >>> made.shape, matte.shape
    (torch.Size([2, 3, 8, 8]), torch.Size([2, 1, 8, 8]))
    """

    def __init__(self, width: int, *, channels: int, doublings: int, image: bool = True, shift: bool = False) -> None:
        super().__init__()
        widths = [max(channels // 2**k, min(channels, 16)) for k in range(doublings + 1)]
        self.image = image
        self.enter = nn.BatchNorm2d(width)  # textures are averages over words and much smaller than the encoder's features
        self.first = conv_layer(width, widths[0])
        self.grow = nn.ModuleList(conv_layer(a, b) for a, b in zip(widths, widths[1:], strict=False))
        self.paint = nn.Conv2d(widths[-1] + 3 * image, channels, 3, 1, 1, bias=False)
        self.where = nn.Conv2d(POSITION_CHANNELS, channels, 3, 1, 1, bias=False) if image else None
        self.norm = nn.BatchNorm2d(channels)
        self.last = nn.Conv2d(channels, 3 + image, 3, 1, 1)
        self.shift = PaintOrShift(channels) if image and shift else None
        if image:  # start close to the input image
            nn.init.constant_(self.last.bias[3:], -1.0)  # type: ignore[index]

    def forward(self, features: Tensor, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Edited image (B, 3, S, S) in -1..1, matte (B, 1, S, S) in 0..1, and painted image (B, 3, S, S), of which the matte shows a share.

        *features* are (B, width, s, s), *image* is the input (B, 3, S, S).
        """
        x = self.first(self.enter(features))
        for refine in self.grow:
            x = refine(upsampled(x))
        x = self.paint(torch.cat([x, image.to(x.dtype)], 1) if self.image else x)
        if self.where is not None:  # the same for every image of the batch
            x = x + self.where(pixel_position_encoding(x.shape[-1], device=x.device)[None])
        last = F.relu(self.norm(x))
        x = self.last(last).float()
        painted = torch.tanh(x[:, :3])
        if self.shift is not None:
            painted = self.shift(last, painted, image)
        if not self.image:
            return painted, torch.ones_like(painted[:, :1]), painted
        matte = torch.sigmoid(x[:, 3:])
        return matte * painted + (1 - matte) * image, matte, painted
