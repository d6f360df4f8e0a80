"""A generator in the manner of ManiGAN (Li et al. 2020): affine combination of text and image features.

Two stages (at a quarter and half of the image's size). In each, every position attends to the words, and the affine combination module
computes ``h' = h * W(v) + b(v)`` with W and b from the image's features v. A detail module adds the input image. Unlike the original, there
are no pretrained DAMSM losses and Inception features; the perceptual loss uses CAM's frozen encoder.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ...networks.image_branch import ImageEncoder, ResidualBlock, WorldEncoder
from ...networks.text_decoder import END, PAD, SPECIAL, START, AttentionDecoder, text_decoder_loss
from .base import BudgetConfig, GANBaseline, check_size, conditioning, grow, layer


class AffineCombination(nn.Module):
    """ACM: ``h * W(v) + b(v)``, h (B, c, s, s) and the image's features v (B, f, s, s)."""

    def __init__(self, channels: int, features: int) -> None:
        super().__init__()
        self.common = layer(features, channels, norm=False)
        self.scale, self.shift = (nn.Conv2d(channels, channels, 3, 1, 1) for _ in range(2))

    def forward(self, h: Tensor, v: Tensor) -> Tensor:
        common = self.common(v)
        return h * self.scale(common) + self.shift(common)


class WordAttention(nn.Module):
    """Attention of every position to the words: (B, c, s, s) and (B, t, width) -> context (B, c, s, s)."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.key = nn.Linear(width, channels)

    def forward(self, h: Tensor, words: Tensor, mask: Tensor) -> Tensor:
        key = self.key(words)
        score = torch.einsum("bchw,btc->bhwt", h, key).masked_fill(~mask[:, None, None], torch.finfo(h.dtype).min)
        return torch.einsum("bhwt,btc->bchw", score.softmax(3), key)


class ManiGAN(GANBaseline):
    """The affine-combination generator; its sentence is a caption of the image by an attention decoder that is trained jointly.

    *encoder* is a frozen encoder (CAM's, for a fair comparison).
    """

    name = "ManiGAN-style"

    def __init__(
        self,
        vocabulary: Sequence[str],
        *,
        image_size: int = 64,
        width: int = 64,
        budget: BudgetConfig | None = None,
        encoder: ImageEncoder | None = None,
    ) -> None:
        check_size(image_size)
        super().__init__(vocabulary, image_size=image_size, width=width, budget=budget)
        self.encoder = (WorldEncoder() if encoder is None else encoder).eval().requires_grad_(False)
        fine, coarse = self.encoder.fine_width, self.encoder.coarse_width
        self.condition = nn.Sequential(nn.Linear(width, 2 * width), nn.LeakyReLU(0.2))
        self.begin = layer(width + coarse, width)
        self.first, self.second = AffineCombination(width, coarse), AffineCombination(width // 2, fine)
        self.look, self.look_again = WordAttention(width, width), WordAttention(width // 2, width)
        self.early = nn.Sequential(layer(2 * width, width), ResidualBlock(width), ResidualBlock(width))
        self.middle = grow(width, width // 2)
        self.late = nn.Sequential(layer(width, width // 2), ResidualBlock(width // 2))
        self.details = nn.Sequential(grow(width // 2, width // 4))
        self.last = nn.Sequential(layer(width // 4 + 3, width // 4), nn.Conv2d(width // 4, 3, 3, 1, 1), nn.Tanh())
        self.text_decoder = AttentionDecoder(coarse, len(SPECIAL) + len(self.vocabulary))

    def train(self, mode: bool = True) -> ManiGAN:
        super().train(mode)
        self.encoder.eval()
        return self

    def paint(self, images: Tensor, words: Tensor, sentence: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Generated images (B, 3, S, S) and the KL divergence, a scalar; arguments as in :meth:`GANBaseline.paint`."""
        maps = self.encoder.maps(images)
        code, divergence = conditioning(*self.condition(sentence).chunk(2, 1), self.training)
        laid = code[:, :, None, None].expand(-1, -1, *maps["coarse"].shape[2:])
        h = self.begin(torch.cat([laid, maps["coarse"]], 1))
        h = self.first(self.early(torch.cat([h, self.look(h, words, mask)], 1)), maps["coarse"])
        h = self.middle(h)
        h = self.second(self.late(torch.cat([h, self.look_again(h, words, mask)], 1)), maps["fine"])
        return self.last(torch.cat([self.details(h), images], 1)), divergence

    def further_loss(self, images: Tensor, made: Tensor, tokens: Tensor) -> Tensor:
        """Perceptual loss of the matched half plus the cross-entropy of the caption, a scalar; arguments as in the base class."""
        with torch.no_grad():
            before = self.encoder.maps(images)
        perceptual = (self.encoder.maps(made)["fine"] - before["fine"]).square().mean()
        memory, mask = self._cells(before["coarse"])
        full = torch.full((len(tokens), tokens.shape[1] + 2), PAD)
        full[:, 0], full[:, 1:-1] = START, tokens
        full = full.scatter(1, (tokens != PAD).sum(1, keepdim=True) + 1, END)
        logits, attention = self.text_decoder(memory, mask, full)
        return perceptual + text_decoder_loss(logits, attention, full, mask).mean()

    def _cells(self, coarse: Tensor) -> tuple[Tensor, Tensor]:
        """The coarse map pooled to a memory of 8 x 8 cells, (B, 64, c), and its mask (B, 64)."""
        cells = nn.functional.adaptive_avg_pool2d(coarse, 8).flatten(2).transpose(1, 2)
        return cells, torch.ones(cells.shape[:2], dtype=torch.bool)

    def say(self, images: Tensor, instructions: list[str]) -> list[str]:
        """Captions of the images (B, 3, S, S); the instructions are ignored."""
        memory, mask = self._cells(self.encoder.maps(images)["coarse"])
        made = self.text_decoder.generate(memory, mask)
        return [" ".join(self.vocabulary[k - len(SPECIAL)] for k in words if k >= len(SPECIAL)) for words, _ in made]
