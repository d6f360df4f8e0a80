"""Recolouring inside a network: a shift of each pixel in CIELAB, where lightness and the two colour axes change independently.

A decoder that paints RGB must paint a feather's texture anew; one that shifts the input's colour keeps it. :class:`PaintOrShift` is the end
of a decoder that can do both and says for each pixel which it does.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

#: sRGB's primaries in CIE XYZ, divided by the white D65
_XYZ = ((0.4339561, 0.3762158, 0.1898429), (0.2126729, 0.7151522, 0.0721750), (0.0177566, 0.1094680, 0.8727698))
_DELTA = 6 / 29
#: largest shift of lightness (0..100) and of the two axes of colour
REACH = (80.0, 90.0, 90.0)
#: channels that the end of the decoder adds: three for the shift, and one for its share in the mixture with the paint
CHANNELS = 4


def rgb_to_lab(images: Tensor) -> Tensor:
    """CIELAB (B, 3, H, W), lightness in 0..100, of sRGB images (B, 3, H, W) in -1..1, differentiable.

    >>> rgb_to_lab(torch.tensor([1.0, -1.0, -1.0]).view(1, 3, 1, 1)).flatten().round().tolist()
    [53.0, 80.0, 67.0]
    """
    values = ((images + 1) / 2).clamp(0, 1)
    linear = torch.where(values <= 0.04045, values / 12.92, ((values.clamp_min(0.04045) + 0.055) / 1.055) ** 2.4)
    xyz = torch.einsum("ij,bjhw->bihw", linear.new_tensor(_XYZ), linear)
    f = torch.where(xyz > _DELTA**3, xyz.clamp_min(_DELTA**3) ** (1 / 3), xyz / (3 * _DELTA**2) + 4 / 29)
    x, y, z = f.unbind(1)
    return torch.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], 1)


def lab_to_rgb(values: Tensor) -> Tensor:
    """sRGB images (B, 3, H, W) in -1..1 of CIELAB (B, 3, H, W), differentiable; colours that sRGB lacks are cut to its range."""
    y = (values[:, 0] + 16) / 116
    f = torch.stack([y + values[:, 1] / 500, y, y - values[:, 2] / 200], 1)
    xyz = torch.where(f > _DELTA, f.clamp_min(_DELTA) ** 3, 3 * _DELTA**2 * (f - 4 / 29))
    linear = torch.einsum("ij,bjhw->bihw", torch.linalg.inv(xyz.new_tensor(_XYZ)), xyz).clamp(0, 1)
    rgb = torch.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear.clamp_min(0.0031308) ** (1 / 2.4) - 0.055)
    return rgb.clamp(0, 1) * 2 - 1


class PaintOrShift(nn.Module):
    """What a decoder paints: for each pixel a mixture of a colour of its own and of the input's colour, moved in CIELAB.

    Black stays black and white stays white, and with them outlines and highlights: a shift of d moves a pixel of lightness l by
    ``4 d (l / 100) (1 - l / 100)``, on all three axes.

    Its 1 x 1 convolution adds :data:`CHANNELS` channels to those of the decoder's last layer; at first it shifts by nothing.

    Parameters
    ----------
    width : channels of the features that the decoder's last layer reads.

    >>> end = PaintOrShift(4)
    >>> images = torch.rand(1, 3, 8, 8) * 1.8 - 0.9
    >>> made = end(torch.randn(1, 4, 8, 8), torch.zeros(1, 3, 8, 8), images)  # half paint, half the input
    >>> bool((made - images / 2).abs().max() < 1e-3)
    True
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layer = nn.Conv2d(width, CHANNELS, 1)
        nn.init.zeros_(self.layer.weight)
        if self.layer.bias is not None:
            nn.init.zeros_(self.layer.bias)
        self.register_buffer("reach", torch.tensor(REACH).view(1, 3, 1, 1), persistent=False)

    reach: Tensor

    def forward(self, features: Tensor, paint: Tensor, images: Tensor) -> Tensor:
        """The painted image (B, 3, S, S) in -1..1 of *features* (B, width, S, S), *paint* and the input *images* (B, 3, S, S)."""
        x = self.layer(features).float()
        values = rgb_to_lab(images.float())
        room = (values[:, :1] / 100).clamp(0, 1)
        moved = values + torch.tanh(x[:, :3]) * self.reach * 4 * room * (1 - room)
        share = torch.sigmoid(x[:, 3:])
        return share * lab_to_rgb(moved) + (1 - share) * paint
