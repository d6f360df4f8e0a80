"""Teaching the frozen encoder of the editing models to name what is in its boxes, and reading attributes off what a model paints."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..networks.image_branch import PictureEncoder, WorldEncoder
from .manipulation_data import KINDS, ManipulationData


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
    encoder: PictureEncoder,
    data: ManipulationData,
    *,
    steps: int = 800,
    batch_size: int = 32,
    rate: float = 2e-3,
    reader_only: bool = False,
) -> tuple[AttributeReader, dict[str, float]]:
    """Teach *encoder* and a reader to name the class and the attributes of annotated boxes, then freeze both.

    With *reader_only* the encoder stays as it is, and so does one of photographs (anything but a
    :class:`~hetero_xmodal.networks.image_branch.WorldEncoder`). Returns the reader, and the last loss and shares of hits.
    """
    learns = isinstance(encoder, WorldEncoder) and not reader_only
    reader = AttributeReader.of(data, encoder.feature_width)
    naming = nn.Linear(encoder.feature_width, len(data.classes))
    encoder.train(learns).requires_grad_(learns)
    learning = [*reader.parameters(), *naming.parameters(), *(encoder.parameters() if learns else ())]
    optimiser = torch.optim.Adam(learning, lr=rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, total_steps=steps)
    report: dict[str, float] = {}
    for _ in range(steps):
        rows = torch.randint(len(data.images), (batch_size,))
        real = data.names[rows] >= 0
        boxes = data.boxes[rows][real]
        side = (boxes[:, 2:] - boxes[:, :2]).repeat(1, 2)
        boxes = (boxes + 0.1 * (torch.rand_like(boxes) - 0.5) * side).clamp(0, 1)  # a detector is off a little too
        picture = torch.arange(batch_size)[:, None].expand(real.shape)[real]
        with torch.set_grad_enabled(learns):
            features = encoder.regions(encoder.maps(data.pictures(rows)), boxes, picture)
        names, values = data.names[rows][real], data.values[rows][real]
        said = naming(features)
        loss = F.cross_entropy(said, names)
        hits = {"class": (said.argmax(1) == names).float().mean()}
        for kind, logits in reader(features).items():
            target = values[:, KINDS.index(kind)]
            loss = loss + F.cross_entropy(logits, target)  # 0, nothing known, is a value too: eyes have no length
            if bool((target > 0).any()):
                hits[kind] = (logits.argmax(1) == target)[target > 0].float().mean()
        report |= {kind: 0.95 * report.get(kind, 0.0) + 0.05 * float(share) for kind, share in hits.items()}
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    for module in (encoder, reader):
        module.eval().requires_grad_(False)
    return reader, report | {"loss": float(loss.detach())}
