"""ManiGAN (Li et al. 2020, *ManiGAN: Text-guided image manipulation*): a main module of several stages, then a detail correction module.

==============================================================================  ===============================
part of the paper                                                               here
==============================================================================  ===============================
text encoder and image encoder trained by matching first (DAMSM)                :meth:`ManiGAN._match`
affine combination module (ACM): ``h' = h * W(v) + b(v)``                       :class:`AffineCombination`
attention of places to words; of channels to words                              :class:`WordAttention`, :class:`ChannelAttention`
main module: three stages, an image from each                                   :class:`MainModule`
detail correction module (DCM): last hidden state, words, shallow features      :class:`DetailCorrection`
discriminators, one a stage: image; image and sentence; image and words         :class:`StageCritic`
perceptual loss; regularisation ``1 - mean |I' - I|``, against the identity     :meth:`ManiGAN._wanted`
the main module is trained first, then frozen, and the DCM trained              :meth:`ManiGAN.fit`
==============================================================================  ===============================

Ours, not the paper's: sizes (stages of 16, 32 and 64 pixels for images of 64; the paper's are 64, 128 and 256; 0.6 million parameters in
place of 41); the matching model is trained on the same images and in the same budget; ACM's features are those of *encoder* (Inception-v3
and VGG-16 in the paper), and so is the perceptual loss; half of each batch has the sentence of another image, so that sentences that the
image contradicts occur in training; the word-level part of the discriminator rests on the discriminator's own features, since in the
published code nothing that learns takes part in it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...configs import check_config
from ...errors import InputError
from ...networks.image_branch import ImageEncoder, ResidualBlock
from ...networks.similarity import ImageTextSimilarity, SimilarityConfig
from .base import BudgetConfig, SentenceBaseline, check_size, conditioning, grow, layer

STAGES = 3


@dataclass(frozen=True, kw_only=True)
class ManiGANConfig:
    """Widths and weights of ManiGAN.

    words : width of word and sentence vectors (paper: 256)
    noise : width of the noise (paper: 100)
    channels : of the three stages
    critic : channels of the first layer of each discriminator
    matching, main : shares of the budget for the matching model and for the main module; the rest is for the detail correction
    match, perceptual, identity : weights of the matching loss (paper: 5), of the perceptual loss (1, of features of another scale) and of
        the regularisation (1)

    Raises
    ------
    InputError
        If a number is out of range.
    """

    words: int = 48
    noise: int = 16
    channels: tuple[int, int, int] = (48, 32, 24)
    critic: int = 24
    matching: float = 0.12
    main: float = 0.6
    match: float = 5.0
    perceptual: float = 1.0
    identity: float = 1.0

    def __post_init__(self) -> None:
        check_config(self, at_least_one=("words", "noise", "critic"), not_negative=("match", "perceptual", "identity"))
        if self.words % 2 or len(self.channels) != STAGES or min(self.channels) < 1:
            raise InputError(f"ManiGANConfig: words must be even, and channels {STAGES} numbers of at least 1: {self}")
        if min(self.matching, self.main) <= 0 or self.matching + self.main >= 1:
            raise InputError(f"ManiGANConfig: matching {self.matching} and main {self.main} must be above 0, and together below 1")


class AffineCombination(nn.Module):
    """ACM: ``h * W(v) + b(v)``, h (B, c, s, s) and the image's features v (B, f, r, r), resized to s."""

    def __init__(self, channels: int, features: int) -> None:
        super().__init__()
        self.common = layer(features, channels, norm=False)
        self.scale, self.shift = (nn.Conv2d(channels, channels, 3, 1, 1) for _ in range(2))

    def forward(self, h: Tensor, v: Tensor) -> Tensor:
        common = self.common(v if v.shape[-1] == h.shape[-1] else F.interpolate(v, h.shape[-2:]))
        return h * self.scale(common) + self.shift(common)


class WordAttention(nn.Module):
    """Attention of every position to the words: (B, c, s, s), (B, t, width) and mask (B, t) -> context (B, c, s, s)."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.key = nn.Linear(width, channels)

    def forward(self, h: Tensor, words: Tensor, mask: Tensor) -> Tensor:
        key = self.key(words)
        score = torch.einsum("bchw,btc->bhwt", h, key).float().masked_fill(~mask[:, None, None], -torch.inf)
        return torch.einsum("bhwt,btc->bchw", score.softmax(3).to(key.dtype), key)


class ChannelAttention(nn.Module):
    """Attention of every channel to the words, as maps of *size* x *size*: (B, c, s, s), (B, t, width), mask -> context (B, c, s, s)."""

    def __init__(self, size: int, width: int) -> None:
        super().__init__()
        self.key = nn.Linear(width, size * size)

    def forward(self, h: Tensor, words: Tensor, mask: Tensor) -> Tensor:
        key = self.key(words)  # (B, t, s * s)
        score = (torch.einsum("bcp,btp->bct", h.flatten(2), key).float() / h.shape[-1]).masked_fill(~mask[:, None], -torch.inf)
        return torch.einsum("bct,btp->bcp", score.softmax(2).to(key.dtype), key).unflatten(2, h.shape[2:])


def _image(channels: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(channels, 3, 3, 1, 1), nn.Tanh())


class MainModule(nn.Module):
    """Three stages of twice the size each; each combines the words and the features of the image, and gives an image."""

    def __init__(self, config: ManiGANConfig, image_size: int, encoder: ImageEncoder) -> None:
        super().__init__()
        one, two, three = config.channels
        small = image_size // 4
        self.begin = nn.Linear(config.noise + config.words, one * (small // 4) ** 2)
        self.early = nn.Sequential(grow(one, one), grow(one, one))
        self.combine = nn.ModuleList(
            AffineCombination(c, f) for c, f in zip(config.channels, (encoder.coarse_width, *[encoder.fine_width] * 2), strict=True)
        )  # fmt: skip
        self.places = nn.ModuleList(WordAttention(c, config.words) for c in (one, two))
        self.across = nn.ModuleList(ChannelAttention(s, config.words) for s in (small, 2 * small))
        self.stages = nn.ModuleList(
            nn.Sequential(layer(3 * c, c), ResidualBlock(c), grow(c, out)) for c, out in ((one, two), (two, three))
        )  # fmt: skip
        self.images = nn.ModuleList(_image(c) for c in config.channels)
        self.side = small // 4

    def forward(self, code: Tensor, noise: Tensor, words: Tensor, mask: Tensor, maps: dict[str, Tensor]) -> tuple[list[Tensor], Tensor]:
        """The images (B, 3, s, s) of the three stages and the last hidden state (B, c, S, S), from the sentence's code and noise."""
        h = self.begin(torch.cat([code, noise], 1)).unflatten(1, (-1, self.side, self.side))
        h = self.combine[0](self.early(h), maps["coarse"])
        images = [self.images[0](h)]
        for k, stage in enumerate(self.stages):
            place = self.places[k](h, words, mask)
            h = stage(torch.cat([h, place, self.across[k](h, words, mask)], 1))
            h = self.combine[k + 1](h, maps["fine"])
            images.append(self.images[k + 1](h))
        return images, h


class DetailCorrection(nn.Module):
    """DCM: words attended to by the last hidden state, combined with the shallow features of the image, (B, c, S, S) to an image."""

    def __init__(self, config: ManiGANConfig, image_size: int, encoder: ImageEncoder) -> None:
        super().__init__()
        c = config.channels[-1]
        self.place, self.across = WordAttention(c, config.words), ChannelAttention(image_size, config.words)
        self.shallow = layer(encoder.fine_width, c)
        self.join = layer(3 * c, c)
        self.combine = AffineCombination(c, c)
        self.last = nn.Sequential(ResidualBlock(c), ResidualBlock(c), _image(c))

    def forward(self, h: Tensor, words: Tensor, mask: Tensor, maps: dict[str, Tensor]) -> Tensor:
        joined = self.join(torch.cat([h, self.place(h, words, mask), self.across(h, words, mask)], 1))
        shallow = F.interpolate(self.shallow(maps["fine"]), h.shape[-2:])
        return self.last(self.combine(joined, shallow))


class StageCritic(nn.Module):
    """Discriminator of one stage: is an image real, does it match a sentence, does it match the words?"""

    def __init__(self, size: int, config: ManiGANConfig) -> None:
        super().__init__()
        c, layers, channels = config.critic, [], 3
        while size > 8:
            layers += [nn.Conv2d(channels, c, 4, 2, 1), nn.LeakyReLU(0.2)]
            channels, c, size = c, min(2 * c, 4 * config.critic), size // 2
        self.trunk = nn.Sequential(*layers)
        self.deep = nn.Sequential(nn.Conv2d(channels, channels, 4, 2, 1), nn.LeakyReLU(0.2))
        self.real = nn.Conv2d(channels, 1, size // 2)
        self.joined = nn.Sequential(
            nn.Conv2d(channels + config.words, channels, 1), nn.LeakyReLU(0.2), nn.Conv2d(channels, 1, size // 2)
        )  # fmt: skip
        self.regions = nn.Conv2d(channels, config.words, 1)
        self.strength, self.offset = nn.Parameter(torch.tensor(4.0)), nn.Parameter(torch.tensor(0.0))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Features of images (B, 3, s, s): (B, c, 8, 8) for the words, and (B, c, 4, 4)."""
        x = self.trunk(images)
        return x, self.deep(x)

    def matches(self, seen: tuple[Tensor, Tensor], words: Tensor, mask: Tensor, sentence: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (B,) that the sentence matches, and that the words do (:func:`word_correlation`)."""
        told = sentence[:, :, None, None].expand(-1, -1, *seen[1].shape[2:])
        whole = self.joined(torch.cat([seen[1], told.to(seen[1].dtype)], 1)).flatten().float()
        regions = self.regions(seen[0]).flatten(2).transpose(1, 2).float()
        return whole, self.strength * word_correlation(regions, words, mask) + self.offset


def word_correlation(regions: Tensor, words: Tensor, mask: Tensor, *, sharpness: float = 4.0) -> Tensor:
    """How well words (B, t, d) with *mask* (B, t) agree with regions (B, r, d): (B,) in -1..1.

    Every word attends to the regions; the cosine of each word with what it finds counts by the word's weight, softmax of its product with
    the mean word.

    >>> words = torch.tensor([[[1.0, 0.0], [0.0, 1.0]]])
    >>> mask = torch.ones(1, 2, dtype=torch.bool)
    >>> round(float(word_correlation(5 * words, words, mask, sharpness=50)), 3)
    1.0
    >>> round(float(word_correlation(torch.tensor([[[1.0, 0.0]]]), words, mask)), 3)      # of two words one is shown
    0.5
    """
    score = torch.einsum("brd,btd->btr", F.normalize(regions, dim=2), F.normalize(words, dim=2))
    context = torch.einsum("btr,brd->btd", (sharpness * score).softmax(2), regions)
    mean = (words * mask[..., None]).sum(1) / mask.sum(1, keepdim=True).clamp_min(1)
    weight = torch.einsum("btd,bd->bt", words, mean).masked_fill(~mask, -torch.inf).softmax(1)
    return (F.cosine_similarity(context, words, dim=2) * weight).sum(1)


class ManiGAN(SentenceBaseline):
    """Text-guided image manipulation by affine combination; the sentence is returned unchanged.

    Parameters
    ----------
    vocabulary, image_size, budget : see :class:`~.base.SentenceBaseline`
    encoder : frozen; its ``fine`` map stands for VGG-16's relu2_2 (which it is with ``vgg16``), its ``coarse`` map for Inception's
    config : :class:`ManiGANConfig`

    >>> from hetero_xmodal.networks.image_branch import make_encoder
    >>> config = ManiGANConfig(words=8, noise=2, channels=(6, 4, 4), critic=4)
    >>> method = ManiGAN(["red", "wings"], make_encoder("world"), image_size=32, config=config, budget=BudgetConfig(steps=9, batch_size=2))
    >>> _ = method.fit(torch.zeros(2, 3, 32, 32, dtype=torch.uint8), ["red wings", "wings"], torch.tensor([0, 1]))
    >>> method(torch.zeros(1, 3, 32, 32), method.numbers(["Red wings"]))[0].shape
    torch.Size([1, 3, 32, 32])
    """

    name = "ManiGAN"
    usual: ClassVar[BudgetConfig] = BudgetConfig(batch_size=16, learning_rate=1e-3)

    def __init__(
        self,
        vocabulary: Sequence[str],
        encoder: ImageEncoder,
        *,
        image_size: int = 64,
        config: ManiGANConfig = ManiGANConfig(),
        budget: BudgetConfig | None = None,
    ) -> None:
        check_size(image_size)
        super().__init__(vocabulary, image_size=image_size, budget=budget)
        self.config, self.encoder = config, encoder.eval().requires_grad_(False)
        matching = SimilarityConfig(image_size=image_size, width=config.words, channels=max(1, config.words // 3))
        self.matching = ImageTextSimilarity(matching, {"words": self.vocabulary})
        self.condition = nn.Sequential(nn.Linear(config.words, 2 * config.words), nn.LeakyReLU(0.2))
        self.main, self.details = MainModule(config, image_size, encoder), DetailCorrection(config, image_size, encoder)

    def train(self, mode: bool = True) -> ManiGAN:
        super().train(mode)
        self.encoder.eval()
        return self

    def numbers(self, sentences: Sequence[str]) -> Tensor:
        """Token ids (B, t) of sentences, padded with 0, as the matching model counts them."""
        return self.matching.numbers(sentences)

    def forward(self, images: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """Generated images (B, 3, S, S) and the divergence of the conditioning, a scalar, from images (B, 3, S, S) and ids (B, t)."""
        made, _, divergence = self.stages(images, tokens, details=True)
        return made[-1], divergence

    def stages(self, images: Tensor, tokens: Tensor, *, details: bool) -> tuple[list[Tensor], tuple[Tensor, Tensor, Tensor], Tensor]:
        """Images (B, 3, s, s) of the stages, the last replaced by the DCM's if *details*; words (B, t, w), mask (B, t) and sentence (B, w);
        divergence, a scalar. From images (B, 3, S, S) and token ids (B, t)."""
        with torch.no_grad():
            words, mask, sentence = self.matching.sentence_codes(tokens)
            maps = self.encoder.maps(images)
        code, divergence = conditioning(*self.condition(sentence).chunk(2, 1), self.training)
        noise = torch.randn(len(images), self.config.noise) if self.training else images.new_zeros(len(images), self.config.noise)
        made, h = self.main(code, noise, words, mask, maps)
        if details:
            made = [*made[:-1], self.details(h, words, mask, maps)]
        return [one.float() for one in made], (words, mask, sentence), divergence

    # ---- training

    def fit(self, images: Tensor, sentences: Sequence[str], image: Tensor) -> ManiGAN:
        """Train on images (n, 3, S, S) uint8 and sentences, of which sentence k describes image ``image[k]``.

        Raises
        ------
        InputError
            If a loss becomes NaN or infinite.
        """
        budget, config = self.budget, self.config
        torch.manual_seed(budget.seed)
        tokens, begun = self.numbers(sentences), time.process_time()

        def until(share: float, first: int) -> Iterator[tuple[int, Tensor, Tensor, Tensor]]:
            """Steps and batches from step *first* until the *share* of the budget is used: images, their sentences, image numbers."""
            for step in budget.batches(begun=begun, first=first, share=share):
                rows = torch.randint(len(sentences), (min(budget.batch_size, len(sentences)),))
                yield step, images[image[rows]].float() / 127.5 - 1, tokens[rows], image[rows]

        self.train()
        done = self._match(until(config.matching, 0))
        self.matching.eval().requires_grad_(False)
        critics = nn.ModuleList(StageCritic(self.image_size // 4 * 2**k, config) for k in range(STAGES))
        main = [*self.condition.parameters(), *self.main.parameters()]
        done = self._adversarial(until(config.matching + config.main, done + 1), critics, main, details=False)
        for part in (self.condition, self.main):
            part.eval().requires_grad_(False)
        self._adversarial(until(1.0, done + 1), critics, list(self.details.parameters()), details=True)
        return self.eval()

    def _match(self, batches: Iterator[tuple[int, Tensor, Tensor, Tensor]]) -> int:
        """Train the matching model (DAMSM); returns the last step."""
        optimiser, step = self.optimiser(self.matching.parameters()), 0
        for step, real, tokens, which in batches:  # noqa: B007
            losses = self.matching.loss((real + 1) / 2, tokens, which)
            loss = torch.stack(list(losses.values())).sum()
            self.check_loss(loss, step)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        return step

    def _adversarial(
        self, batches: Iterator[tuple[int, Tensor, Tensor, Tensor]], critics: nn.ModuleList, learning: list[nn.Parameter], *, details: bool
    ) -> int:
        """Train the parameters *learning* against the critics, those of all stages or, with the details, of the last; the last step."""
        ours, theirs, step = self.optimiser(learning), self.optimiser(critics.parameters()), 0
        judged = [STAGES - 1] if details else list(range(STAGES))
        for step, real, right, which in batches:  # noqa: B007
            both = torch.cat([right, right.roll(1, 0)])
            with self.low():
                made, told, divergence = self.stages(torch.cat([real, real]), both, details=details)
                losses: dict[str, Tensor] = {}
                for k in judged:
                    loss = self._told_apart(critics[k], F.avg_pool2d(real, real.shape[-1] // made[k].shape[-1]), made[k].detach(), told)
                    losses[f"D_{k}"] = loss
            theirs.zero_grad()
            torch.stack(list(losses.values())).sum().backward()
            theirs.step()
            critics.requires_grad_(False)
            with self.low():
                wanted = self._wanted(critics, judged, real, made, told)
            critics.requires_grad_(True)
            wanted["match"] = self.config.match * self._matched(made[-1], both, which)
            if not details:
                wanted["divergence"] = divergence
            loss = torch.stack(list(wanted.values())).sum()
            self.check_loss(loss, step)
            ours.zero_grad()
            loss.backward()
            ours.step()
            if step % 50 == 0 or not self.history:
                parts = losses | wanted | {"L1": (made[-1].chunk(2)[0] - real).abs().mean()}
                self.history.append({"step": step} | {name: float(value.detach()) for name, value in parts.items()})
        return step

    @staticmethod
    def _told_apart(critic: StageCritic, real: Tensor, made: Tensor, told: tuple[Tensor, Tensor, Tensor]) -> Tensor:
        """The discriminator's loss: real from made, images with their own sentence and words from those with another's."""
        own, other = zip(*(x.chunk(2) for x in told), strict=True)
        seen, fake = critic(real), critic(made)
        sentence, words = critic.matches(seen, *own)
        wrong_sentence, wrong_words = critic.matches(seen, *other)
        fake_sentence, _ = critic.matches(fake, *told)
        say = _say(critic.real(seen[1]), 1) + _say(critic.real(fake[1]), 0)
        match = _say(sentence, 1) + (_say(wrong_sentence, 0) + _say(fake_sentence, 0)) / 2
        return say + match + _say(words, 1) + _say(wrong_words, 0)

    def _wanted(
        self, critics: nn.ModuleList, judged: list[int], real: Tensor, made: list[Tensor], told: tuple[Tensor, Tensor, Tensor]
    ) -> dict[str, Tensor]:
        """The generator's losses but for matching: adversarial of each stage; perceptual and against the identity on the matched half."""
        losses = {}
        for k in judged:
            seen = critics[k](made[k])
            sentence, words = critics[k].matches(seen, *told)
            losses[f"G_{k}"] = (_say(critics[k].real(seen[1]), 1) + _say(sentence, 1)) / 2 + _say(words, 1)
        kept = made[-1].chunk(2)[0]
        before, after = (self.encoder.maps(x)["fine"].float() for x in (real, kept))
        losses["perceptual"] = self.config.perceptual * (before - after).square().mean()
        losses["identity"] = self.config.identity * (1 - (kept - real).abs().mean())
        return losses

    def _matched(self, made: Tensor, tokens: Tensor, which: Tensor) -> Tensor:
        """DAMSM's losses of the images made and the sentences that they were made from; those of one image and sentence count once."""
        half = len(which)
        losses = [
            sum(self.matching.loss((images.clamp(-1, 1) + 1) / 2, ids, numbers).values())
            for images, ids, numbers in zip(made.split(half), tokens.split(half), (which, which.roll(1, 0)), strict=True)
        ]
        return torch.stack(losses).mean()


def _say(logits: Tensor, real: int) -> Tensor:
    logits = logits.float()
    return F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, float(real)))
