"""Networks of SIMSG: graph convolution over triples, layout, decoder with spatially adaptive normalisation, discriminators."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.ops import roi_align

from ...message_passing import Combine, Recipe, Step, itself, reverse
from .scene_tensors import OBJECT, SUBJECT, TRIPLE, SceneTensors

# ---------------------------------------------------------------------------------------------- the graph network


def triple_recipe(width: int, hidden: int, layers: int) -> Recipe:
    """Graph convolution over triples: ``(s', p', o') = MLP(s, p, o)``, an object becomes ``MLP(mean of its s' and o')``.

    States in: ``h`` of ``visual`` and of ``triple`` (the predicate), (n, width) each; states out: the same. One layer is three steps:
    the MLP's first layer is a sum of linear maps of the three, so subjects and objects send theirs to the triple.

    >>> print(triple_recipe(4, 8, layers=1).table()[["step", "along"]].to_string(index=False))  # doctest: +SKIP
    """
    steps = []
    for k in range(1, layers + 1):
        own = nn.Linear(width, hidden)
        heard = Combine(_Sum(own), own=("h",), describe="relu(messages + W h)")
        ends = {relation: nn.Linear(width, hidden, bias=False) for relation in (SUBJECT, OBJECT)}
        back = {reverse(relation): nn.Sequential(nn.Linear(hidden, hidden), nn.ReLU()) for relation in (SUBJECT, OBJECT)}
        update = _After(nn.Sequential(nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, width), nn.ReLU()))
        steps += [
            Step(f"triples hear both ends ({k})", list(ends), equation="sg2im", send=ends, update=heard, writes="m"),
            Step(f"objects hear their triples ({k})", list(back), equation="sg2im", send=back, gather="mean", update=update, reads="m",
                 writes="h"),
            Step(f"predicates of the triples ({k})", itself(TRIPLE), equation="sg2im",
                 send=nn.Sequential(nn.Linear(hidden, width), nn.ReLU()), reads="m", writes="h"),
        ]  # fmt: skip
    return Recipe(steps, name="SIMSG: graph network")


class _Sum(nn.Module):
    def __init__(self, own: nn.Module) -> None:
        super().__init__()
        self.own = own

    def forward(self, message: Tensor, state: Tensor) -> Tensor:
        return F.relu(message + self.own(state))


class _After(nn.Module):
    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, old: Tensor | None, message: Tensor) -> Tensor:
        return self.network(message)


# ---------------------------------------------------------------------------------------------- layout and decoder


def laid_out(states: Tensor, masks: Tensor, boxes: Tensor, owner: Tensor, count: int, size: int) -> Tensor:
    """Sum of the states, each in its mask, stretched to its box: (count, c, size, size).

    *states* (n, c), *masks* (n, m, m) in 0..1, *boxes* (n, 4) relative to the image's sides, *owner* (n,) the image of each node.

    >>> box = torch.tensor([[0.0, 0.0, 0.5, 1.0]])
    >>> laid_out(torch.tensor([[2.0]]), torch.ones(1, 4, 4), box, torch.tensor([0]), 1, 4)[0, 0, 0].tolist()
    [2.0, 2.0, 0.0, 0.0]
    """
    centre = (torch.arange(size, device=states.device) + 0.5) / size
    low, sides = boxes[:, :2], (boxes[:, 2:] - boxes[:, :2]).clamp_min(1e-3)
    x, y = (((centre[None] - low[:, k, None]) / sides[:, k, None]) for k in (0, 1))  # 0..1 inside the box
    grid = torch.stack([x[:, None, :].expand(-1, size, -1), y[:, :, None].expand(-1, -1, size)], 3) * 2 - 1
    inside = ((grid.abs() <= 1).all(3)).to(states)
    shown = F.grid_sample(masks[:, None], grid, padding_mode="border", align_corners=False)[:, 0] * inside
    out = states.new_zeros(count, states.shape[1], size, size)
    return out.index_add(0, owner, states[:, :, None, None] * shown[:, None])


class Spade(nn.Module):
    """Spatially adaptive normalisation: instance normalisation, then a scale and a shift at every place from the layout."""

    def __init__(self, channels: int, layout: int, hidden: int = 16) -> None:
        super().__init__()
        self.norm = nn.InstanceNorm2d(channels)
        self.common = nn.Sequential(nn.Conv2d(layout, hidden, 3, 1, 1), nn.ReLU())
        self.both = nn.Conv2d(hidden, 2 * channels, 1)

    def forward(self, x: Tensor, layout: Tensor) -> Tensor:
        """(B, channels, h, w) and the layout (B, layout, H, W) to (B, channels, h, w)."""
        scale, shift = self.both(self.common(F.avg_pool2d(layout, layout.shape[-1] // x.shape[-1]))).chunk(2, 1)
        return F.relu(self.norm(x) * (1 + scale) + shift)


class Painter(nn.Module):
    """Encoder of the image with its hidden regions, and SPADE decoder: (B, 3, S, S), its mask (B, 1, S, S) and the layout to an image."""

    def __init__(self, layout: int, width: int) -> None:
        super().__init__()
        half, quarter = width // 2, width // 4
        self.first = nn.Sequential(nn.Conv2d(4, quarter, 3, 1, 1), nn.ReLU())
        self.second = nn.Sequential(nn.Conv2d(quarter, half, 4, 2, 1), nn.ReLU())
        self.third = nn.Sequential(nn.Conv2d(half + layout, width, 4, 2, 1), nn.ReLU())
        self.deep = nn.ModuleList(nn.Conv2d(width, width, 3, 1, 1) for _ in range(4))
        self.deep_norms = nn.ModuleList(Spade(width, layout) for _ in range(4))
        self.middle, self.middle_norm = nn.Conv2d(width + half, half, 3, 1, 1), Spade(half, layout)
        self.late = nn.Sequential(
            nn.Conv2d(half + quarter + layout, quarter, 3, 1, 1), nn.ReLU(), nn.Conv2d(quarter, 3, 3, 1, 1), nn.Tanh()
        )  # fmt: skip

    def forward(self, images: Tensor, hidden: Tensor, layout: Tensor) -> Tensor:
        """Images (B, 3, S, S) in -1..1 and their mask (B, 1, S, S), and the layout (B, layout, S/2, S/2), to images (B, 3, S, S)."""
        first = self.first(torch.cat([images, hidden], 1))
        second = self.second(first)
        x = self.third(torch.cat([second, layout], 1))
        for convolution, norm in zip(self.deep, self.deep_norms, strict=True):
            x = x + norm(convolution(x), layout)
        x = self.middle_norm(self.middle(torch.cat([F.interpolate(x, scale_factor=2.0), second], 1)), layout)
        wide = torch.cat([x, layout], 1)
        return self.late(torch.cat([F.interpolate(wide, scale_factor=2.0), first], 1))


class Critics(nn.Module):
    """Two discriminators: patches of the image are real or not; so is every object, whose class and attributes are read, too."""

    def __init__(self, objects: int, attributes: int, width: int = 32) -> None:
        super().__init__()

        def down(channels: int, out: int) -> list[nn.Module]:
            return [nn.Conv2d(channels, out, 4, 2, 1), nn.LeakyReLU(0.2)]

        self.patches = nn.Sequential(*down(3, width), *down(width, 2 * width), *down(2 * width, 2 * width), nn.Conv2d(2 * width, 1, 1))
        self.crops = nn.Sequential(*down(3, width), *down(width, 2 * width), *down(2 * width, 2 * width), nn.AdaptiveAvgPool2d(1))
        self.real, self.name, self.attribute = (nn.Linear(2 * width, out) for out in (1, objects, attributes))

    def forward(self, images: Tensor, scenes: SceneTensors) -> tuple[Tensor, Tensor, Tensor]:
        """Logits of the patches (B, 1, h, w) and of the objects (m,), and the loss of reading classes and attributes, a scalar."""
        rows = (scenes.placed & ~scenes.is_image).nonzero().flatten()
        rois = torch.cat([scenes.owner[rows, None].float(), scenes.boxes[rows] * images.shape[-1]], 1)
        seen = self.crops(roi_align(images, rois, 16, sampling_ratio=2, aligned=True)).flatten(1)
        read = F.cross_entropy(self.name(seen).float(), scenes.names[rows])
        attributes = F.binary_cross_entropy_with_logits(self.attribute(seen).float(), scenes.attributes[rows], reduction="sum")
        return self.patches(images).float(), self.real(seen).flatten().float(), read + attributes / max(len(rows), 1)
