"""Base class of the editing baselines: tokenisation and training of generator and discriminator; and the unchanged input."""

from __future__ import annotations

import re
import time
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from ...errors import InputError
from ...networks.adversary import TextAdaptiveDiscriminator, WordEncoder, discriminator_loss, generator_loss
from ...networks.text_decoder import PAD, SPECIAL, UNKNOWN

if TYPE_CHECKING:
    from PIL import Image

    from ...data.tasks.editing import ManipulationPair


def split_words(sentence: str) -> list[str]:
    """Split a sentence into lower-case words: ``"The bird's wings."`` -> ``["the", "bird's", "wings"]``."""
    return re.findall(r"[\w'’-]+", sentence.lower())


@dataclass(frozen=True, kw_only=True)
class BudgetConfig:
    """Training budget of a baseline.

    steps : maximum number of batches
    seconds : maximum training time, of the processor, so that other work on the machine changes nothing; ``None`` for no limit
    batch_size, learning_rate, momentum : of both Adam optimisers
    words, reconstruction : weights of the discriminator's text loss and of the L1 loss on matched pairs (TAGAN: 10 and 0.2)
    bfloat16 : compute convolutions in bfloat16, twice as fast on CPUs with native support
    seed : random seed

    Raises
    ------
    InputError
        If a value is out of range.
    """

    steps: int = 2000
    seconds: float | None = None
    batch_size: int = 32
    learning_rate: float = 2e-4
    momentum: float = 0.5
    words: float = 10.0
    reconstruction: float = 0.2
    bfloat16: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        if self.steps < 1 or self.batch_size < 2:
            raise InputError(f"BudgetConfig: steps is {self.steps}, batch_size {self.batch_size}; expected at least 1 and 2")

    def batches(self, *, begun: float, first: int = 0, share: float = 1.0) -> Iterator[int]:
        """Numbers of the batches from *first* until a *share* of the budget is used: at least one, whatever was used before.

        *begun* is ``time.process_time()`` at the start of the training.

        >>> list(BudgetConfig(steps=4).batches(begun=0.0, share=0.5)), list(BudgetConfig(steps=4).batches(begun=0.0, first=3))
        ([0, 1], [3])
        """
        for step in range(first, max(first + 1, round(share * self.steps))):
            if self.seconds is not None and step > first and time.process_time() - begun > share * self.seconds:
                return
            yield step


class Unchanged:
    """Returns image and instruction unchanged."""

    name = "unchanged input"

    def manipulate(self, pairs: Iterable[ManipulationPair]) -> tuple[list[Image.Image], list[str]]:
        """The images and the instructions of *pairs*."""
        pairs = list(pairs)
        return [pair.image for pair in pairs], [pair.instruction for pair in pairs]


class SentenceBaseline(nn.Module):
    """A generator of images from an image and words; subclasses implement :meth:`forward` and their training.

    Parameters
    ----------
    vocabulary : lower-case words; others are unknown
    image_size : side of the images
    budget : :class:`BudgetConfig`
    """

    name: ClassVar[str]
    #: the budget if none is given
    usual: ClassVar[BudgetConfig] = BudgetConfig()

    def __init__(self, vocabulary: Sequence[str], *, image_size: int = 64, budget: BudgetConfig | None = None) -> None:
        super().__init__()
        self.vocabulary, self.image_size, self.budget = list(vocabulary), image_size, budget or self.usual
        self._number = {word: k for k, word in enumerate(self.vocabulary, len(SPECIAL))}
        self.history: list[dict[str, float]] = []

    @abstractmethod
    def forward(self, images: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """Generated images (B, 3, S, S) and a further loss, a scalar, from images (B, 3, S, S) and token ids (B, t)."""

    def numbers(self, sentences: Sequence[str]) -> Tensor:
        """Token ids (B, t) of sentences, padded."""
        rows = [[self._number.get(word, UNKNOWN) for word in split_words(text)] or [UNKNOWN] for text in sentences]
        out = torch.full((len(rows), max(map(len, rows))), PAD)
        for row, words in zip(out, rows, strict=True):
            row[: len(words)] = torch.tensor(words)
        return out

    def low(self) -> torch.autocast:
        """Convolutions in bfloat16 while training, if the budget says so."""
        return torch.autocast("cpu", torch.bfloat16, enabled=self.training and self.budget.bfloat16)

    def optimiser(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Adam:
        """Adam for those *parameters* that learn."""
        learning = [p for p in parameters if p.requires_grad]
        return torch.optim.Adam(learning, lr=self.budget.learning_rate, betas=(self.budget.momentum, 0.999))

    def check_loss(self, loss: Tensor, step: int) -> None:
        """Check that a loss, a scalar, is finite.

        Raises
        ------
        InputError
            If it is NaN or infinite.
        """
        if not torch.isfinite(loss):
            raise InputError(f"{self.name}: the loss became {float(loss)} in step {step}; lower learning_rate")

    @torch.no_grad()
    def manipulate(self, pairs: Iterable[ManipulationPair]) -> tuple[list[Image.Image], list[str]]:
        """Edited images, at the model's resolution, for the images and instructions of *pairs*, and the instructions as they are."""
        from PIL import Image

        pairs, images, sentences, size = list(pairs), [], [], self.image_size
        self.eval()
        for start in range(0, len(pairs), 64):
            some = pairs[start : start + 64]
            pixels = np.stack([np.asarray(pair.image.convert("RGB").resize((size, size))) for pair in some])
            given = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 127.5 - 1
            made, _ = self(given, self.numbers([pair.instruction for pair in some]))
            made = ((made.clamp(-1, 1) + 1) * 127.5).round().byte().permute(0, 2, 3, 1).numpy()
            images += [Image.fromarray(one) for one in made]
            sentences += [pair.instruction for pair in some]
        return images, sentences


class GANBaseline(SentenceBaseline):
    """A generator that is trained with TAGAN's discriminator; subclasses implement :meth:`paint`.

    Parameters
    ----------
    vocabulary, image_size, budget : see :class:`SentenceBaseline`
    width : of the word embeddings and of the generator
    """

    def __init__(self, vocabulary: Sequence[str], *, image_size: int = 64, width: int = 64, budget: BudgetConfig | None = None) -> None:
        super().__init__(vocabulary, image_size=image_size, budget=budget)
        self.text = WordEncoder(len(SPECIAL) + len(self.vocabulary), width=width, embed=width)

    @abstractmethod
    def paint(self, images: Tensor, words: Tensor, sentence: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Images (B, 3, S, S) in -1..1 and a further loss, from images, words (B, t, width), sentence (B, width) and mask (B, t)."""

    def forward(self, images: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """Generated images (B, 3, S, S) and a further loss, a scalar, from images (B, 3, S, S) and token ids (B, t)."""
        mask = tokens != PAD
        words, sentence = self.text(tokens, mask)
        return self.paint(images, words, sentence, mask)

    def fit(self, images: Tensor, sentences: Sequence[str], image: Tensor) -> GANBaseline:
        """Train on images (n, 3, S, S) uint8 and sentences, of which sentence k describes image ``image[k]``.

        Raises
        ------
        InputError
            If the loss becomes NaN or infinite.
        """
        budget = self.budget
        torch.manual_seed(budget.seed)
        tokens = self.numbers(sentences)
        judge = TextAdaptiveDiscriminator(len(SPECIAL) + len(self.vocabulary), image_size=self.image_size)
        ours, theirs = self.optimiser(self.parameters()), self.optimiser(judge.parameters())
        begun = time.process_time()
        self.train()
        for step in budget.batches(begun=begun):
            rows = torch.randint(len(sentences), (min(budget.batch_size, len(sentences)),))
            real = images[image[rows]].float() / 127.5 - 1
            right, wrong = tokens[rows], tokens[rows].roll(1, 0)
            with self.low():
                both, extra = self(torch.cat([real, real]), torch.cat([right, wrong]))
                kept, fake = both.float().chunk(2)
                matched, other = ((t, t != PAD, None) for t in (right, wrong))
                losses = discriminator_loss(judge, real, fake, matched, other, words=budget.words)
            theirs.zero_grad()
            losses["loss"].backward()
            theirs.step()
            judge.requires_grad_(False)
            with self.low():
                judged = generator_loss(judge, fake, other)
            judge.requires_grad_(True)
            loss = judged["G_real"] + budget.words * judged["G_words"] + extra
            loss = loss + budget.reconstruction * (kept - real).abs().mean()
            ours.zero_grad()
            loss.backward()
            ours.step()
            self.check_loss(loss, step)
            if step % 50 == 0:
                parts = losses | judged | {"G_loss": loss, "L1": (kept - real).abs().mean()}
                self.history.append({"step": step} | {name: float(value.detach()) for name, value in parts.items()})
        return self.eval()


def conditioning(mean: Tensor, log_deviation: Tensor, training: bool) -> tuple[Tensor, Tensor]:
    """Conditioning augmentation of mean and log standard deviation (B, d): a sample (B, d), the mean if not training, and half the KL
    divergence from a standard normal distribution, a scalar."""
    divergence = (0.5 * ((2 * log_deviation).exp() + mean**2 - 1) - log_deviation).mean()
    sample = mean + log_deviation.exp() * torch.randn_like(mean) if training else mean
    return sample, 0.5 * divergence


def layer(channels: int, out: int, *, kernel: int = 3, stride: int = 1, norm: bool = True) -> nn.Sequential:
    """Convolution, batch normalisation, ReLU."""
    convolution = nn.Conv2d(channels, out, kernel, stride, (kernel - 1) // 2, bias=not norm)
    return nn.Sequential(convolution, nn.BatchNorm2d(out) if norm else nn.Identity(), nn.ReLU())


def grow(channels: int, out: int) -> nn.Sequential:
    """Nearest-neighbour upsampling and a 3 x 3 layer."""
    return nn.Sequential(nn.Upsample(scale_factor=2), layer(channels, out))


def check_size(image_size: int) -> None:
    """Check that the strided convolutions can halve the size.

    Raises
    ------
    InputError
        If it is not a multiple of 32.
    """
    if image_size < 32 or image_size % 32:
        raise InputError(f"image_size is {image_size}, expected a multiple of 32")
