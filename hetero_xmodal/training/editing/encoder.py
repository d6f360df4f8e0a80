"""Training of the editing models' encoder, which is then frozen, and of an attribute classifier on its features."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...data.store import progress_bar
from ...networks.image_branch import ImageEncoder, WorldEncoder
from ...networks.masks import box_mask
from .dataset import KINDS, ManipulationData


class AttributeReader(nn.Module):
    """Attribute classifier: one linear layer for each kind of attribute on a frozen encoder's region features.

    Parameters
    ----------
    width : of the encoder's region features
    attributes : number of attribute values
    kinds : indices in :data:`~.dataset.KINDS` of the kinds that are classified
    """

    def __init__(self, width: int, attributes: int, kinds: list[int]) -> None:
        super().__init__()
        self.heads = nn.ModuleDict({KINDS[k]: nn.Linear(width, attributes) for k in kinds})

    @classmethod
    def of(cls, data: ManipulationData, width: int) -> AttributeReader:
        """A classifier of the kinds that are annotated in *data*."""
        return cls(width, len(data.attributes), [k for k in range(len(KINDS)) if data.values[..., k].any()])

    def forward(self, features: Tensor) -> dict[str, Tensor]:
        """Region features (n, width) -> logits (n, attributes) of every kind."""
        return {kind: head(features) for kind, head in self.heads.items()}

    def loss(self, features: Tensor, values: Tensor, kinds: tuple[str, ...] = KINDS) -> Tensor:
        """Mean cross-entropy, a scalar, of *features* (n, width) with the known *values* (n, kinds); 0 marks unknown ones."""
        losses = [F.cross_entropy(logits, target, reduction="none") for logits, target in self._known(features, values, kinds)]
        return torch.cat(losses).mean() if sum(map(len, losses)) else features.sum() * 0

    def hits(self, features: Tensor, values: Tensor, kinds: tuple[str, ...] = KINDS) -> Tensor:
        """Accuracy, a scalar, over the known *values* (n, kinds) of *features* (n, width); 1 if none is known."""
        correct = [logits.argmax(1) == target for logits, target in self._known(features, values, kinds)]
        return torch.cat(correct).float().mean() if sum(map(len, correct)) else features.new_ones(())

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
    progress: bool | None = None,
) -> tuple[AttributeReader, dict[str, float]]:
    """Train *encoder* and an attribute classifier on the classes and attributes of annotated boxes, then freeze both.

    Parameters
    ----------
    encoder : unchanged if *reader_only* is set, or if it is not a :class:`~hetero_xmodal.networks.image_branch.WorldEncoder`. Training
        runs on its device.
    data : images with annotated boxes.
    steps, batch_size, rate : of the optimisation.
    reader_only : train the classifier only.
    places : weight of a loss that classifies the object at every cell of the coarse map; an encoder trained on boxes alone represents only
        the local appearance of a cell, not the object that it is part of.
    progress : show a progress bar; by default only in a terminal.

    Returns
    -------
    the attribute classifier, and a report with the last loss and the accuracies.
    """
    learns = isinstance(encoder, WorldEncoder) and not reader_only
    device = next(encoder.parameters()).device
    reader = AttributeReader.of(data, encoder.feature_width).to(device)
    naming = nn.Linear(encoder.feature_width, len(data.classes)).to(device)
    encoder.train(learns).requires_grad_(learns)
    learning = [*reader.parameters(), *naming.parameters(), *(encoder.parameters() if learns else ())]
    if learns and places:
        naming_places = nn.Conv2d(encoder.coarse_width, 1 + len(data.classes), 1).to(device)
        learning += naming_places.parameters()
    optimiser = torch.optim.Adam(learning, lr=rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, total_steps=steps)
    report: dict[str, float] = {}
    with progress_bar("training the encoder" if learns else "training the attribute classifier", steps, progress) as advance:
        for _ in range(steps):
            rows = torch.randint(len(data.images), (batch_size,))
            real = data.names[rows] >= 0
            boxes = data.boxes[rows][real]
            side = (boxes[:, 2:] - boxes[:, :2]).repeat(1, 2)
            boxes = (boxes + 0.1 * (torch.rand_like(boxes) - 0.5) * side).clamp(0, 1)  # detected boxes are inaccurate too
            image = torch.arange(batch_size)[:, None].expand(real.shape)[real]
            with torch.set_grad_enabled(learns):
                maps = encoder.maps(data.pixels(rows).to(device))
                features = encoder.regions(maps, boxes.to(device), image.to(device))
            names, values = data.names[rows][real].to(device), data.values[rows][real].to(device)
            predicted = naming(features)
            loss = F.cross_entropy(predicted, names)
            hits = {"class": (predicted.argmax(1) == names).float().mean()}
            for kind, logits in reader(features).items():
                target = values[:, KINDS.index(kind)]
                loss = loss + F.cross_entropy(logits, target)  # 0, unknown, is a class of its own
                if bool((target > 0).any()):
                    hits[kind] = (logits.argmax(1) == target)[target > 0].float().mean()
            if learns and places:
                here = classes_at_places(data.boxes[rows], data.names[rows], maps["coarse"].shape[-1])
                loss = loss + places * F.cross_entropy(naming_places(maps["coarse"]), here.to(device))
            report |= {kind: 0.95 * report.get(kind, 0.0) + 0.05 * float(share) for kind, share in hits.items()}
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            advance(1)
    for module in (encoder, reader):
        module.eval().requires_grad_(False)
    return reader, report | {"loss": float(loss.detach())}


def classes_at_places(boxes: Tensor, names: Tensor, grid: int) -> Tensor:
    """Index plus one of the class at every cell of a grid, 0 for none: (b, grid, grid).

    *boxes* (b, m, 4) are relative to the image's sides, *names* (b, m) their classes, -1 for no box; the smallest box is in front.

    >>> boxes = torch.tensor([[[0.0, 0.0, 1.0, 1.0], [0.5, 0.0, 1.0, 0.5]]])
    >>> classes_at_places(boxes, torch.tensor([[4, 7]]), 2).tolist()
    [[[5, 8], [5, 5]]]
    """
    inside = box_mask(boxes.flatten(0, 1), grid, margin=0).view(*names.shape, grid, grid) * (names >= 0)[..., None, None]
    area = (boxes[..., 2:] - boxes[..., :2]).prod(2)[..., None, None]
    least, owner = torch.where(inside > 0, area, torch.inf).min(1)
    return torch.where(least.isfinite(), names.gather(1, owner.flatten(1)).view_as(owner) + 1, 0)
