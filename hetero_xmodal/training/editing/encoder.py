"""Teaching the frozen encoder of the editing models to name what is in its boxes, and reading attributes off what a model paints."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...networks.image_branch import ImageEncoder, WorldEncoder
from ...networks.masks import box_mask
from .dataset import KINDS, ManipulationData


class AttributeReader(nn.Module):
    """One linear layer for each kind of attribute on a frozen encoder's region features: which value does the region show?

    Parameters
    ----------
    width : of the encoder's region features
    attributes : number of attributes
    kinds : numbers of the kinds in :data:`~.manipulation_data.KINDS` that are read
    """

    def __init__(self, width: int, attributes: int, kinds: list[int]) -> None:
        super().__init__()
        self.heads = nn.ModuleDict({KINDS[k]: nn.Linear(width, attributes) for k in kinds})

    @classmethod
    def of(cls, data: ManipulationData, width: int) -> AttributeReader:
        """A reader of the kinds that *data* annotate."""
        return cls(width, len(data.attributes), [k for k in range(len(KINDS)) if data.values[..., k].any()])

    def forward(self, features: Tensor) -> dict[str, Tensor]:
        """Region features (n, width) -> logits (n, attributes) of every kind."""
        return {kind: head(features) for kind, head in self.heads.items()}

    def loss(self, features: Tensor, values: Tensor, kinds: tuple[str, ...] = KINDS) -> Tensor:
        """Cross-entropy of what is read with *values* (n, kinds), 0 where nothing is known; a mean over what is known."""
        losses = [F.cross_entropy(logits, target, reduction="none") for logits, target in self._known(features, values, kinds)]
        return torch.cat(losses).mean() if sum(map(len, losses)) else features.sum() * 0

    def hits(self, features: Tensor, values: Tensor, kinds: tuple[str, ...] = KINDS) -> Tensor:
        """Share of *values* (n, kinds) that are read rightly, of those that are known; 1 if none is."""
        right = [logits.argmax(1) == target for logits, target in self._known(features, values, kinds)]
        return torch.cat(right).float().mean() if sum(map(len, right)) else torch.tensor(1.0)

    def _known(self, features: Tensor, values: Tensor, kinds: tuple[str, ...]) -> Iterator[tuple[Tensor, Tensor]]:
        for kind, head in self.heads.items():
            target = values[:, KINDS.index(kind)]
            if kind in kinds:
                yield head(features[target > 0]), target[target > 0]


def train_encoder(
    encoder: ImageEncoder,
    data: ManipulationData,
    *,
    steps: int = 800,
    batch_size: int = 32,
    rate: float = 2e-3,
    reader_only: bool = False,
    places: float = 0.0,
) -> tuple[AttributeReader, dict[str, float]]:
    """Teach *encoder* and a reader to name the class and the attributes of annotated boxes, then freeze both.

    With *reader_only* the encoder stays as it is, and so does one of photographs (anything but a
    :class:`~hetero_xmodal.networks.image_branch.WorldEncoder`). *places* is the weight of naming, by a linear layer at every place of the
    coarse map, the class of the thing that stands there too: who learns boxes alone keeps at a place what is seen of it, and not of what
    it is a part. Returns the reader, and the last loss and shares of hits.
    """
    learns = isinstance(encoder, WorldEncoder) and not reader_only
    reader = AttributeReader.of(data, encoder.feature_width)
    naming = nn.Linear(encoder.feature_width, len(data.classes))
    encoder.train(learns).requires_grad_(learns)
    learning = [*reader.parameters(), *naming.parameters(), *(encoder.parameters() if learns else ())]
    if learns and places:
        naming_places = nn.Conv2d(encoder.coarse_width, 1 + len(data.classes), 1)
        learning += naming_places.parameters()
    optimiser = torch.optim.Adam(learning, lr=rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, total_steps=steps)
    report: dict[str, float] = {}
    for _ in range(steps):
        rows = torch.randint(len(data.images), (batch_size,))
        real = data.names[rows] >= 0
        boxes = data.boxes[rows][real]
        side = (boxes[:, 2:] - boxes[:, :2]).repeat(1, 2)
        boxes = (boxes + 0.1 * (torch.rand_like(boxes) - 0.5) * side).clamp(0, 1)  # a detector is off a little too
        image = torch.arange(batch_size)[:, None].expand(real.shape)[real]
        with torch.set_grad_enabled(learns):
            maps = encoder.maps(data.pixels(rows))
            features = encoder.regions(maps, boxes, image)
        names, values = data.names[rows][real], data.values[rows][real]
        said = naming(features)
        loss = F.cross_entropy(said, names)
        hits = {"class": (said.argmax(1) == names).float().mean()}
        for kind, logits in reader(features).items():
            target = values[:, KINDS.index(kind)]
            loss = loss + F.cross_entropy(logits, target)  # 0, nothing known, is a value too: eyes have no length
            if bool((target > 0).any()):
                hits[kind] = (logits.argmax(1) == target)[target > 0].float().mean()
        if learns and places:
            here = classes_at_places(data.boxes[rows], data.names[rows], maps["coarse"].shape[-1])
            loss = loss + places * F.cross_entropy(naming_places(maps["coarse"]), here)
        report |= {kind: 0.95 * report.get(kind, 0.0) + 0.05 * float(share) for kind, share in hits.items()}
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    for module in (encoder, reader):
        module.eval().requires_grad_(False)
    return reader, report | {"loss": float(loss.detach())}


def classes_at_places(boxes: Tensor, names: Tensor, grid: int) -> Tensor:
    """One more than the number of the class that stands at every place of a grid, 0 where none does: (b, grid, grid).

    Of boxes (b, m, 4), shares of the sides, whose classes are *names* (b, m), -1 for no box, the smallest stands before the others.

    >>> boxes = torch.tensor([[[0.0, 0.0, 1.0, 1.0], [0.5, 0.0, 1.0, 0.5]]])
    >>> classes_at_places(boxes, torch.tensor([[4, 7]]), 2).tolist()
    [[[5, 8], [5, 5]]]
    """
    inside = box_mask(boxes.flatten(0, 1), grid, margin=0).view(*names.shape, grid, grid) * (names >= 0)[..., None, None]
    area = (boxes[..., 2:] - boxes[..., :2]).prod(2)[..., None, None]
    least, owner = torch.where(inside > 0, area, torch.inf).min(1)
    return torch.where(least.isfinite(), names.gather(1, owner.flatten(1)).view_as(owner) + 1, 0)
