"""The image branch of an editing model: a frozen encoder, region features, and a light decoder that renders the edited image.

Images are float tensors (B, 3, S, S) in -1..1; boxes are (n, 4) xyxy, relative to the image's sides (0..1).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.ops import roi_align

from ..errors import InputError
from .colour_shift import PaintOrShift
from .encoder_names import ENCODERS


class ImageEncoder(nn.Module):
    """Base class of frozen encoders with two feature maps, ``fine`` (stride 2) and ``coarse`` (stride 4), and RoIAligned region features.

    Attributes
    ----------
    fine_width, coarse_width : channels of the two maps
    feature_width : width of a region feature
    """

    fine_width: int
    coarse_width: int
    samples = 3  # RoIAlign output of 3 x 3
    #: whether the weights of a pretrained network are still random
    random = False

    def _without_weights(self) -> None:
        """Encode nothing until a state dict has been loaded: frozen random weights would be used in silence."""
        self.random = True

        def loaded(module: nn.Module, keys: Any) -> None:
            self.random = False

        self.register_load_state_dict_post_hook(loaded)

    def check_weights(self) -> None:
        """Refuse to encode with random weights.

        Raises
        ------
        InputError
            If no weights were loaded.
        """
        if self.random:
            raise InputError(
                f"the {type(self).__name__} of this model has random weights, which encode nothing; build the model with pretrained=True, "
                "or load a trained one with from_pretrained"
            )

    @property
    def feature_width(self) -> int:
        """Width of a region feature."""
        return self.samples**2 * (self.fine_width + self.coarse_width)

    def maps(self, images: Tensor) -> dict[str, Tensor]:
        """(B, 3, S, S) -> ``fine`` (B, fine_width, S/2, S/2) and ``coarse`` (B, coarse_width, S/4, S/4)."""
        raise NotImplementedError

    def regions(self, maps: dict[str, Tensor], boxes: Tensor, image: Tensor) -> Tensor:
        """Region features (n, feature_width) of *boxes* (n, 4); *image* (n,) is the index of each box's image in the batch."""
        pooled = []
        for values in maps.values():
            rois = torch.cat([image[:, None].to(values), boxes.to(values) * values.shape[-1]], 1)
            pooled.append(roi_align(values, rois, self.samples, sampling_ratio=2, aligned=True).flatten(1))
        return torch.cat(pooled, 1)


class WorldEncoder(ImageEncoder):
    """A small residual encoder, trained on the default world to classify the objects in boxes and their attributes, then frozen.

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
        """Width of a region feature, 128."""
        return 128

    def maps(self, images: Tensor) -> dict[str, Tensor]:
        """(B, 3, S, S) -> ``fine`` (B, 32, S/2, S/2) and ``coarse`` (B, 64, S/4, S/4)."""
        fine = self.stem(images)
        return {"fine": fine, "coarse": self.deep(self.down(fine))}

    def regions(self, maps: dict[str, Tensor], boxes: Tensor, image: Tensor) -> Tensor:
        """Region features (n, 128) of *boxes* (n, 4); *image* (n,) is the index of each box's image in the batch."""
        return self.embed(super().regions(maps, boxes, image).float())


class EfficientNetEncoder(ImageEncoder):
    """The first stages of EfficientNet-lite0 with its ImageNet weights, for photographs; needs no download."""

    fine_width, coarse_width = 16, 24

    def __init__(self, pretrained: bool = True) -> None:
        super().__init__()
        from .efficientnet_lite import EfficientNetLite0, pretrained_efficientnet_lite0

        network = pretrained_efficientnet_lite0() if pretrained else EfficientNetLite0()
        if not pretrained:
            self._without_weights()
        stages = list(network._blocks)  # the first has 1 block and stride 1, the second 2 blocks and stride 2
        self.stem = nn.Sequential(network._conv_stem, network._bn0, nn.ReLU6(), stages[0])
        self.deep = nn.Sequential(*stages[1:3])

    def maps(self, images: Tensor) -> dict[str, Tensor]:
        """(B, 3, S, S) -> ``fine`` (B, 16, S/2, S/2) and ``coarse`` (B, 24, S/4, S/4)."""
        self.check_weights()
        fine = self.stem(images)
        return {"fine": fine, "coarse": self.deep(fine)}


class VGGEncoder(ImageEncoder):
    """VGG-16 up to relu3_3, the paper's encoder.

    Parameters
    ----------
    weights : file with the state dict of torchvision's ``vgg16``, ``.pth`` or ``.safetensors``; ``""`` for torchvision's own ImageNet
        weights, downloaded once; ``None`` if a state dict is loaded afterwards. Until then the weights are random and nothing is encoded.

    Raises
    ------
    InputError
        If the file holds no such weights, or they cannot be downloaded.
    """

    fine_width, coarse_width = 128, 256
    mean: Tensor
    deviation: Tensor

    def __init__(self, weights: str | Path | None = None) -> None:
        super().__init__()
        from torchvision.models import vgg16

        network = vgg16(weights=None, init_weights=False)
        self.stem, self.deep = network.features[:9], network.features[9:16]
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1))
        self.register_buffer("deviation", torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1))
        if weights is None:
            self._without_weights()
            return
        from .frozen import torchvision_state

        state = torchvision_state("vgg16", str(weights))
        own = {key: value for key, value in state.items() if key.startswith("features.") and int(key.split(".")[1]) < 16}
        try:
            network.features[:16].load_state_dict({key.removeprefix("features."): value for key, value in own.items()})
        except (RuntimeError, AttributeError) as error:
            reason = " ".join(str(error).split())[:160]
            raise InputError(
                f"'{weights}' holds no weights of torchvision's vgg16 ({reason}); save them with torch.save(model.state_dict(), FILE)"
            ) from None

    def maps(self, images: Tensor) -> dict[str, Tensor]:
        """(B, 3, S, S) -> ``fine`` (B, 128, S/2, S/2) and ``coarse`` (B, 256, S/4, S/4)."""
        self.check_weights()
        fine = self.stem((images / 2 + 0.5 - self.mean) / self.deviation)
        return {"fine": fine, "coarse": self.deep(fine)}


def make_encoder(name: str, *, pretrained: bool = True) -> ImageEncoder:
    """Return a frozen encoder in evaluation mode.

    Parameters
    ----------
    name : ``"world"``, ``"efficientnet-lite0"``, ``"vgg16"``, or ``"vgg16:FILE"`` for your own file of torchvision's weights.
    pretrained : load the ImageNet weights; false if a state dict is loaded afterwards.

    Raises
    ------
    InputError
        If the name is unknown, or the weights of VGG-16 are neither in the file nor can be downloaded.
    """
    kind, _, file = name.partition(":")
    if name == "world":
        encoder: ImageEncoder = WorldEncoder()
    elif name == "efficientnet-lite0":
        encoder = EfficientNetEncoder(pretrained)
    elif kind == "vgg16":
        encoder = VGGEncoder(file if pretrained else None)
    else:
        raise InputError(f"unknown encoder {name!r}; known are {', '.join(ENCODERS)}")
    return encoder.eval().requires_grad_(False)


# ---------------------------------------------------------------------------------------------- building blocks


def _block(channels: int, out: int, *, stride: int = 1) -> list[nn.Module]:
    return [nn.Conv2d(channels, out, 3, stride, 1, bias=False), nn.BatchNorm2d(out), nn.ReLU()]


class ResidualBlock(nn.Module):
    """Residual block of two 3 x 3 convolutions with batch normalisation, (B, channels, h, w) to the same shape."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Sequential(*_block(channels, channels))
        self.second = nn.Sequential(nn.Conv2d(channels, channels, 3, 1, 1, bias=False), nn.BatchNorm2d(channels))

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.second(self.first(x)))


class ImageDecoder(nn.Module):
    """Decode the edited image from the encoder's feature maps and the graph's message at every cell.

    The coarse map and the message are fused by a 1 x 1 convolution with a residual connection from the map, pass *blocks* residual
    blocks, and are upsampled twice (nearest neighbour and a 3 x 3 convolution); the fine map and the input image are concatenated on the
    way. The last layer gives an image (tanh) and, if *matte* is set, an alpha matte in 0..1: the share of each pixel that is repainted.
    The remainder shows the input, which preserves the regions that the instruction does not mention.

    At full resolution, a position encoding (:func:`pixel_position_encoding`) is added to the input: convolutions of a constant message are
    constant, so without it the decoder could not render a pattern such as stripes.

    Parameters
    ----------
    fine, coarse, message : channels of the three inputs
    channels : width of the decoder
    blocks : number of residual blocks
    matte : predict an alpha matte; if false, the whole image is repainted
    inside : add each pixel's coordinates inside its box (:func:`box_coordinates`); an object that is not in the input image has no
        shape there, and its box is the only information about its extent
    shift : paint a mixture of colours and of the input's colours moved in CIELAB (:class:`~.colour_shift.PaintOrShift`)
    """

    def __init__(
        self,
        fine: int,
        coarse: int,
        message: int,
        *,
        channels: int = 64,
        blocks: int = 2,
        matte: bool = True,
        inside: bool = False,
        shift: bool = False,
    ) -> None:
        super().__init__()
        half = channels // 2
        self.matte = matte
        offsets = [nn.Conv2d(BOX_CHANNELS, out, 1, bias=False) for out in (channels, channels, half)] if inside else []
        self.inside = nn.ModuleList(offsets)
        for layer in offsets:  # no effect at first, so that a model trained without it can be trained further with it
            nn.init.zeros_(layer.weight)
        self.shortcut = nn.Conv2d(coarse, channels, 1) if coarse != channels else nn.Identity()
        self.fuse = nn.Conv2d(coarse + message, channels, 1)
        self.blocks = nn.Sequential(*(ResidualBlock(channels) for _ in range(blocks)))
        self.grow = nn.Sequential(*_block(channels + fine + message, half))
        self.paint = nn.Sequential(*_block(half + 4 + POSITION_CHANNELS, half))
        self.last = nn.Conv2d(half, 4 if matte else 3, 3, 1, 1)
        self.shift = PaintOrShift(half) if shift else None
        if matte:  # start close to the input image
            nn.init.constant_(self.last.bias[3:], -1.0)  # type: ignore[index]

    def forward(
        self,
        maps: dict[str, Tensor],
        message: Tensor,
        images: Tensor,
        hidden: Tensor | None = None,
        frame: Tensor | None = None,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Edited image (B, 3, S, S), matte (B, 1, S, S) and painted image (B, 3, S, S), of which the matte shows a share.

        Parameters
        ----------
        maps : of the input images, from :meth:`ImageEncoder.maps`
        message : (B, m, S/4, S/4) the graph's message at every cell of the coarse map
        images : (B, 3, S, S) input images
        hidden : (B, 1, S, S) mask of the pixels hidden from the model, or None
        frame : (B, 8, S, S) from :func:`box_coordinates`, required with ``inside``
        """
        coarse = maps["coarse"]
        offsets: list[Any] = [0, 0, 0]
        if len(self.inside):
            assert frame is not None, "a decoder with inside needs a frame"
            offsets = [layer(F.avg_pool2d(frame, size) if size > 1 else frame) for layer, size in zip(self.inside, (4, 2, 1), strict=True)]
        x = self.shortcut(coarse) + self.fuse(torch.cat([coarse, message], 1)) + offsets[0]
        x = self.blocks(x)
        x = self.grow(torch.cat([_upsampled(x) + offsets[1], maps["fine"], _upsampled(message)], 1))
        hidden = images.new_zeros(len(images), 1, *images.shape[2:]) if hidden is None else hidden
        position = pixel_position_encoding(images.shape[-1], device=x.device).to(x.dtype).expand(len(x), -1, -1, -1)
        last = self.paint(torch.cat([_upsampled(x) + offsets[2], images.to(x.dtype), hidden.to(x.dtype), position], 1))
        x = self.last(last).float()
        painted = torch.tanh(x[:, :3])
        if self.shift is not None:
            painted = self.shift(last, painted, images)
        if not self.matte:
            return painted, torch.ones_like(painted[:, :1]), painted
        matte = torch.sigmoid(x[:, 3:])
        return matte * painted + (1 - matte) * images, matte, painted


def _upsampled(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2.0, mode="nearest")


# ---------------------------------------------------------------------------------------------- positions of pixels and boxes

#: wavelengths of the position encoding in pixels
WAVELENGTHS = (4, 8)
#: channels of the position encoding: sine and cosine in four directions at each wavelength
POSITION_CHANNELS = 8 * len(WAVELENGTHS)


def pixel_position_encoding(size: int, *, device: torch.device | None = None) -> Tensor:
    """Sinusoidal position encoding of pixels: sines and cosines along rows, columns and both diagonals, (16, size, size) in -1..1.

    >>> pixel_position_encoding(8).shape
    torch.Size([16, 8, 8])
    """
    at = torch.arange(size, device=device, dtype=torch.float32)
    x, y = at[None, :].expand(size, size), at[:, None].expand(size, size)
    angles = torch.stack([along * (2 * torch.pi / length) for length in WAVELENGTHS for along in (x, y, x + y, x - y)])
    return torch.cat([angles.sin(), angles.cos()])


#: channels of :func:`box_coordinates`
BOX_CHANNELS = 8


def box_coordinates(boxes: Tensor, mask: Tensor, size: int) -> Tensor:
    """Coordinates of every pixel inside the smallest box that contains it: (B, 8, size, size), zero outside all boxes.

    The first channel is 1 inside a box; with u and v in -1..1 from left to right and from top to bottom of the box, the others are
    u, v, u^2, v^2, u v, |u| and |v|.

    Parameters
    ----------
    boxes : (B, n, 4) xyxy relative to the image's sides
    mask : (B, n) false at padding
    size : side of the image in pixels

    >>> one = box_coordinates(torch.tensor([[[0.0, 0.0, 0.5, 1.0]]]), torch.ones(1, 1, dtype=torch.bool), 4)
    >>> one[0, 0, 0].tolist(), one[0, 1, 0].tolist()
    ([1.0, 1.0, 0.0, 0.0], [-0.5, 0.5, 0.0, 0.0])
    """
    if not boxes.shape[1]:
        return boxes.new_zeros(len(boxes), BOX_CHANNELS, size, size)
    centre = (torch.arange(size, device=boxes.device) + 0.5) / size
    low, high = boxes[..., :2], boxes[..., 2:]
    columns, rows = (((centre >= low[..., k, None]) & (centre <= high[..., k, None])) for k in (0, 1))  # (B, n, size)
    inside = rows[..., :, None] & columns[..., None, :] & mask[..., None, None]
    area = (high - low).clamp_min(0).prod(2)[..., None, None].expand(inside.shape)
    least, owner = torch.where(inside, area, torch.inf).min(1)  # (B, size, size)
    inside = least.isfinite()
    own = boxes.gather(1, owner.flatten(1)[..., None].expand(-1, -1, 4)).unflatten(1, (size, size))
    middle, half = (own[..., :2] + own[..., 2:]) / 2, ((own[..., 2:] - own[..., :2]) / 2).clamp_min(0.5 / size)
    u = (centre[None, None, :] - middle[..., 0]) / half[..., 0]
    v = (centre[None, :, None] - middle[..., 1]) / half[..., 1]
    return torch.stack([torch.ones_like(u), u, v, u * u, v * v, u * v, u.abs(), v.abs()], 1) * inside[:, None]


def place_code(boxes: Tensor, grid: int, *, margin: float = 0.01, least: float = 1e-3) -> Tensor:
    """Encode boxes (n, 4) on a grid of *grid* x *grid* cells: log of the share of each row and column they cover, (n, 2 grid).

    The dot product with a cell's one-hot row and column (:func:`cell_code`) is the log of the share of the cell that the box covers, so
    that dot-product attention can attend by position. Boxes are first enlarged by *margin* on all sides; shares are at least *least*.

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
    """One-hot row and one-hot column of every cell of a grid in row-major order: (grid * grid, 2 grid)."""
    cell = torch.arange(grid * grid)
    return torch.cat([F.one_hot(cell // grid, grid), F.one_hot(cell % grid, grid)], 1).float()
