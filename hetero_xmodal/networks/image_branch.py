"""What a model that edits images needs beside its graph: a frozen encoder, region features, and a light decoder that paints.

Images are float tensors (B, 3, S, S) in -1..1, boxes are (n, 4) xyxy as shares of the image's sides (0..1).
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.ops import roi_align

from ..errors import InputError

ENCODERS = ("world", "efficientnet-lite0", "vgg16")


class ImageEncoder(nn.Module):
    """A frozen encoder: ``maps(images)`` gives ``fine`` (half the size) and ``coarse`` (a quarter); ``regions`` describes boxes.

    Attributes
    ----------
    fine_width, coarse_width : channels of the two maps
    feature_width : width of a region's feature
    """

    fine_width: int
    coarse_width: int
    samples = 3  # a region is read at 3 x 3 places

    @property
    def feature_width(self) -> int:
        return self.samples**2 * (self.fine_width + self.coarse_width)

    def maps(self, images: Tensor) -> dict[str, Tensor]:
        """(B, 3, S, S) -> ``fine`` (B, fine_width, S/2, S/2) and ``coarse`` (B, coarse_width, S/4, S/4)."""
        raise NotImplementedError

    def regions(self, maps: dict[str, Tensor], boxes: Tensor, image: Tensor) -> Tensor:
        """Features (n, feature_width) of *boxes* (n, 4), each in the image of that number, (n,)."""
        read = []
        for values in maps.values():
            rois = torch.cat([image[:, None].to(values), boxes.to(values) * values.shape[-1]], 1)
            read.append(roi_align(values, rois, self.samples, sampling_ratio=2, aligned=True).flatten(1))
        return torch.cat(read, 1)


class WorldEncoder(ImageEncoder):
    """A small residual encoder; trained on the world to name the objects in its boxes and their attributes, then frozen.

    >>> encoder = WorldEncoder()
    >>> {name: tuple(values.shape) for name, values in encoder.maps(torch.zeros(2, 3, 64, 64)).items()}
    {'fine': (2, 32, 32, 32), 'coarse': (2, 64, 16, 16)}
    """

    fine_width, coarse_width = 32, 64

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(*_block(3, 16), *_block(16, 32, stride=2))
        self.down = nn.Sequential(*_block(32, 64, stride=2))
        self.deep = nn.Sequential(ResidualBlock(64), ResidualBlock(64))
        self.embed = nn.Sequential(nn.Linear(9 * 96, 128), nn.ReLU())

    @property
    def feature_width(self) -> int:
        return 128

    def maps(self, images: Tensor) -> dict[str, Tensor]:
        fine = self.stem(images)
        return {"fine": fine, "coarse": self.deep(self.down(fine))}

    def regions(self, maps: dict[str, Tensor], boxes: Tensor, image: Tensor) -> Tensor:
        return self.embed(super().regions(maps, boxes, image).float())


class EfficientNetEncoder(ImageEncoder):
    """The first stages of EfficientNet-lite0 with its ImageNet weights, for photographs, without any download."""

    fine_width, coarse_width = 16, 24

    def __init__(self, pretrained: bool = True) -> None:
        super().__init__()
        from .efficientnet_lite import EfficientNetLite0, pretrained_efficientnet_lite0

        network = pretrained_efficientnet_lite0() if pretrained else EfficientNetLite0()
        stages = list(network._blocks)  # the first has 1 block and stride 1, the second 2 blocks and stride 2
        self.stem = nn.Sequential(network._conv_stem, network._bn0, nn.ReLU6(), stages[0])
        self.deep = nn.Sequential(*stages[1:3])

    def maps(self, images: Tensor) -> dict[str, Tensor]:
        fine = self.stem(images)
        return {"fine": fine, "coarse": self.deep(fine)}


class VGGEncoder(ImageEncoder):
    """VGG-16 up to relu3_3, the paper's encoder. *weights* is a file of torchvision's ``vgg16`` state; without it they are random."""

    fine_width, coarse_width = 128, 256

    def __init__(self, weights: str | Path | None = None) -> None:
        super().__init__()
        from torchvision.models import vgg16

        network = vgg16(weights=None)
        if weights is not None:
            try:
                network.load_state_dict(torch.load(weights, weights_only=True, map_location="cpu"))
            except (OSError, RuntimeError) as error:
                raise InputError(f"'{weights}' holds no weights of torchvision's vgg16 ({str(error).splitlines()[0]})") from None
        self.stem, self.deep = network.features[:9], network.features[9:16]
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1))
        self.register_buffer("deviation", torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1))

    def maps(self, images: Tensor) -> dict[str, Tensor]:
        fine = self.stem((images / 2 + 0.5 - self.mean) / self.deviation)
        return {"fine": fine, "coarse": self.deep(fine)}


def make_encoder(name: str, *, pretrained: bool = True, weights: str | Path | None = None) -> ImageEncoder:
    """``"world"``, ``"efficientnet-lite0"`` or ``"vgg16"``, in evaluation mode and frozen. *pretrained* False: weights come later."""
    if name == "world":
        encoder: ImageEncoder = WorldEncoder()
    elif name == "efficientnet-lite0":
        encoder = EfficientNetEncoder(pretrained)
    elif name == "vgg16":
        encoder = VGGEncoder(weights)
    else:
        raise InputError(f"unknown encoder {name!r}; known are {', '.join(ENCODERS)}")
    return encoder.eval().requires_grad_(False)


# ---------------------------------------------------------------------------------------------- building blocks


def _block(channels: int, out: int, *, stride: int = 1) -> list[nn.Module]:
    return [nn.Conv2d(channels, out, 3, stride, 1, bias=False), nn.BatchNorm2d(out), nn.ReLU()]


class ResidualBlock(nn.Module):
    """Two 3 x 3 convolutions with batch normalisation, added to what came in."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Sequential(*_block(channels, channels))
        self.second = nn.Sequential(nn.Conv2d(channels, channels, 3, 1, 1, bias=False), nn.BatchNorm2d(channels))

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.second(self.first(x)))


class ImageDecoder(nn.Module):
    """Feature maps and what the graph says about every place -> the new image.

    The coarse map and the message are joined by a 1 x 1 convolution with a residual from the map, go through *blocks* residual blocks, and
    grow twice by nearest upsampling and 3 x 3 convolutions, where the fine map and the image itself join in. The last layer gives a
    image (tanh) and, if *matte*, a fourth channel in 0..1: how much of each pixel is repainted. The rest shows the input unchanged,
    which is what keeps that which nobody spoke about.

    At full size every pixel also knows where it is (:func:`waves`): convolutions of a constant message are constant, so without it no
    stripe could begin anywhere.

    Parameters
    ----------
    fine, coarse, message : channels of the three inputs
    channels : width of the decoder
    hidden : give the mask of hidden pixels as a fourth input channel
    inside : every pixel also knows where it is inside its box (:func:`frames`). What stands in an image already has its shape; a thing
        that is new has none, and its box is all that says where its head ends
    """

    def __init__(
        self, fine: int, coarse: int, message: int, *, channels: int = 64, blocks: int = 2, matte: bool = True, inside: bool = False
    ) -> None:
        super().__init__()
        half = channels // 2
        self.matte = matte
        self.inside = nn.ModuleList([nn.Conv2d(FRAMES, out, 1, bias=False) for out in (channels, channels, half)] if inside else [])
        for layer in self.inside:  # a model without it may be taught on with it
            nn.init.zeros_(layer.weight)
        self.shortcut = nn.Conv2d(coarse, channels, 1) if coarse != channels else nn.Identity()
        self.fuse = nn.Conv2d(coarse + message, channels, 1)
        self.blocks = nn.Sequential(*(ResidualBlock(channels) for _ in range(blocks)))
        self.grow = nn.Sequential(*_block(channels + fine + message, half))
        self.paint = nn.Sequential(*_block(half + 4 + WAVES, half))
        self.last = nn.Conv2d(half, 4 if matte else 3, 3, 1, 1)
        if matte:  # start by showing the input
            nn.init.constant_(self.last.bias[3:], -1.0)

    def forward(
        self,
        maps: dict[str, Tensor],
        message: Tensor,
        images: Tensor,
        hidden: Tensor | None = None,
        frame: Tensor | None = None,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """*message* (B, m, S/4, S/4), *hidden* (B, 1, S, S) or None, *frame* (B, FRAMES, S, S), needed with ``inside`` ->
        image (B, 3, S, S), matte (B, 1, S, S), paint (B, 3, S, S).

        The image shows the paint where the matte is 1 and the input where it is 0.
        """
        coarse = maps["coarse"]
        places = [layer(F.avg_pool2d(frame, size) if size > 1 else frame) for layer, size in zip(self.inside, (4, 2, 1), strict=False)]
        places = places or [0, 0, 0]
        x = self.shortcut(coarse) + self.fuse(torch.cat([coarse, message], 1)) + places[0]
        x = self.blocks(x)
        x = self.grow(torch.cat([_double(x) + places[1], maps["fine"], _double(message)], 1))
        hidden = images.new_zeros(len(images), 1, *images.shape[2:]) if hidden is None else hidden
        where = waves(images.shape[-1], device=x.device).to(x.dtype).expand(len(x), -1, -1, -1)
        x = self.last(self.paint(torch.cat([_double(x) + places[2], images.to(x.dtype), hidden.to(x.dtype), where], 1))).float()
        painted = torch.tanh(x[:, :3])
        if not self.matte:
            return painted, torch.ones_like(painted[:, :1]), painted
        share = torch.sigmoid(x[:, 3:])
        return share * painted + (1 - share) * images, share, painted


def _double(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2.0, mode="nearest")


# ---------------------------------------------------------------------------------------------- where pixels and boxes lie

#: lengths of the waves in pixels
WAVE_LENGTHS = (4, 8)
#: sine and cosine, in four directions
WAVES = 8 * len(WAVE_LENGTHS)


def waves(size: int, *, device: torch.device | None = None) -> Tensor:
    """Where every pixel is: sines and cosines along rows, columns and both diagonals, (WAVES, size, size) in -1..1.

    >>> waves(8).shape
    torch.Size([16, 8, 8])
    """
    at = torch.arange(size, device=device, dtype=torch.float32)
    x, y = at[None, :].expand(size, size), at[:, None].expand(size, size)
    angles = torch.stack([along * (2 * torch.pi / length) for length in WAVE_LENGTHS for along in (x, y, x + y, x - y)])
    return torch.cat([angles.sin(), angles.cos()])


#: what :func:`frames` says of a pixel
FRAMES = 8


def frames(boxes: Tensor, mask: Tensor, size: int) -> Tensor:
    """Where every pixel lies in the smallest box that holds it: (B, FRAMES, size, size), all zero outside all boxes.

    The first channel is 1 inside a box; with u and v in -1..1 from its left to its right and from its top to its bottom, the others are
    u, v, their squares, their product, and their absolute values.

    boxes, mask : (B, n, 4) as shares of the sides, and which of them are real (B, n)

    >>> one = frames(torch.tensor([[[0.0, 0.0, 0.5, 1.0]]]), torch.ones(1, 1, dtype=torch.bool), 4)
    >>> one[0, 0, 0].tolist(), one[0, 1, 0].tolist()
    ([1.0, 1.0, 0.0, 0.0], [-0.5, 0.5, 0.0, 0.0])
    """
    if not boxes.shape[1]:
        return boxes.new_zeros(len(boxes), FRAMES, size, size)
    centre = (torch.arange(size, device=boxes.device) + 0.5) / size
    low, high = boxes[..., :2], boxes[..., 2:]
    columns, rows = (((centre >= low[..., k, None]) & (centre <= high[..., k, None])) for k in (0, 1))  # (B, n, size)
    held = rows[..., :, None] & columns[..., None, :] & mask[..., None, None]
    area = (high - low).clamp_min(0).prod(2)[..., None, None].expand(held.shape)
    least, owner = torch.where(held, area, torch.inf).min(1)  # (B, size, size)
    held = least.isfinite()
    own = boxes.gather(1, owner.flatten(1)[..., None].expand(-1, -1, 4)).unflatten(1, (size, size))
    middle, half = (own[..., :2] + own[..., 2:]) / 2, ((own[..., 2:] - own[..., :2]) / 2).clamp_min(0.5 / size)
    u = (centre[None, None, :] - middle[..., 0]) / half[..., 0]
    v = (centre[None, :, None] - middle[..., 1]) / half[..., 1]
    return torch.stack([torch.ones_like(u), u, v, u * u, v * v, u * v, u.abs(), v.abs()], 1) * held[:, None]


def place_code(boxes: Tensor, grid: int, *, margin: float = 0.01, least: float = 1e-3) -> Tensor:
    """Where boxes (n, 4) lie on a grid of *grid* x *grid* cells: the logarithm of the share of every row and column they cover.

    The product of a cell's one-hot row and column (:func:`cell_code`) with this (n, 2 grid) is the logarithm of the share of the cell
    that the box covers, so that an attention by dot products can know the place; a box grows by *margin* to all sides first.

    >>> code = place_code(torch.tensor([[0.0, 0.0, 0.5, 1.0]]), 2, margin=0.0)
    >>> [round(share, 3) for share in (cell_code(2) @ code.T).exp().flatten().tolist()]
    [1.0, 0.001, 1.0, 0.001]
    """
    edges = torch.arange(grid + 1, device=boxes.device, dtype=boxes.dtype) / grid

    def share(low: Tensor, high: Tensor) -> Tensor:
        covered = (torch.minimum(edges[1:], high[:, None]) - torch.maximum(edges[:-1], low[:, None])) * grid
        return covered.clamp(least, 1).log()

    x1, y1, x2, y2 = boxes.unbind(1)
    return torch.cat([share(y1 - margin, y2 + margin), share(x1 - margin, x2 + margin)], 1)


def cell_code(grid: int) -> Tensor:
    """One-hot row and one-hot column of every cell of a grid, row by row: (grid * grid, 2 grid)."""
    cell = torch.arange(grid * grid)
    return torch.cat([F.one_hot(cell // grid, grid), F.one_hot(cell % grid, grid)], 1).float()
