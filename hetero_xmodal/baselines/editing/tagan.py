"""TAGAN (Nam et al. 2018): encoder, sentence vector concatenated at every position, residual blocks, decoder; shifted negatives.

Widths suit small images; the losses and their weights are the published ones (see ``BudgetConfig``).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ...networks.image_branch import ResidualBlock
from .base import BudgetConfig, GANBaseline, check_size, conditioning, grow, layer


class TAGAN(GANBaseline):
    """The text-adaptive generator and discriminator; the sentence is returned unchanged.

    >>> import torch
    >>> method = TAGAN(["red", "wings"], image_size=32, width=8, budget=BudgetConfig(steps=1, batch_size=2))
    >>> _ = method.fit(torch.zeros(2, 3, 32, 32, dtype=torch.uint8), ["red wings", "wings"], torch.tensor([0, 1]))
    >>> method(torch.zeros(1, 3, 32, 32), method.numbers(["Red wings"]))[0].shape
    torch.Size([1, 3, 32, 32])
    """

    name = "TAGAN"

    def __init__(self, vocabulary: Sequence[str], *, image_size: int = 64, width: int = 64, budget: BudgetConfig | None = None) -> None:
        check_size(image_size)
        super().__init__(vocabulary, image_size=image_size, width=width, budget=budget)
        half = width // 2
        self.encode = nn.Sequential(
            layer(3, half, norm=False), layer(half, width, kernel=4, stride=2), layer(width, width, kernel=4, stride=2)
        )
        self.condition = nn.Sequential(nn.Linear(width, 2 * width), nn.LeakyReLU(0.2))
        self.merge = nn.Sequential(layer(2 * width, width), *(ResidualBlock(width) for _ in range(4)))
        self.decode = nn.Sequential(grow(width, width), grow(width, half), nn.Conv2d(half, 3, 3, 1, 1), nn.Tanh())

    def paint(self, images: Tensor, words: Tensor, sentence: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Generated images (B, 3, S, S) and the KL divergence, a scalar; arguments as in :meth:`GANBaseline.paint`."""
        features = self.encode(images)
        code, divergence = conditioning(*self.condition(sentence).chunk(2, 1), self.training)
        laid = code[:, :, None, None].expand(-1, -1, *features.shape[2:])
        return self.decode(features + self.merge(torch.cat([features, laid], 1))), divergence
