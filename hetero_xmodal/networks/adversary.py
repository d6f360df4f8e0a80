"""TAGAN's text-adaptive discriminator, in which every word is a local classifier of image features (Nam et al. 2018).

Images are (B, 3, S, S) in -1..1; words are token ids (B, t) with a mask (B, t), false at padding.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class WordEncoder(nn.Module):
    """Bidirectional GRU (or another *cell*) whose two directions are averaged.

    From token ids (B, t) and their mask (B, t) to word vectors ``u`` (B, t, width), zero at padding, and their mean, the sentence vector
    (B, width).
    """

    def __init__(self, vocabulary: int, *, embed: int = 64, width: int = 64, cell: Callable[..., nn.RNNBase] = nn.GRU) -> None:
        super().__init__()
        self.words = nn.Embedding(vocabulary, embed)
        self.rnn = cell(embed, width, batch_first=True, bidirectional=True)

    def forward(self, words: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        lengths = mask.sum(1).clamp_min(1).cpu()
        packed = nn.utils.rnn.pack_padded_sequence(self.words(words), lengths, batch_first=True, enforce_sorted=False)
        states, _ = nn.utils.rnn.pad_packed_sequence(self.rnn(packed)[0], batch_first=True, total_length=words.shape[1])
        u = (states.unflatten(2, (2, -1)).mean(2)) * mask.unsqueeze(2)
        return u, u.sum(1) / mask.sum(1, keepdim=True).clamp_min(1)


@dataclass(frozen=True)
class DiscriminatorFeatures:
    """Features of a batch of images: one feature map (B, c, h, w) per scale, and the logit (B,) of being real."""

    scales: list[Tensor]
    real: Tensor


class TextAdaptiveDiscriminator(nn.Module):
    """An unconditional real/fake logit, and a text score: the words' scores multiplied, with their attention weights as exponents.

    Parameters
    ----------
    vocabulary : number of words
    image_size : side of the images, a multiple of 32
    widths : channels of the trunk's four or five strided convolutions; the words classify the last three feature maps
    word_width : width of the word embeddings and of their recurrent states
    cell : recurrent cell of the word encoder, ``nn.GRU`` (TAGAN) or ``nn.LSTM`` (MIM-Net)

    Where *boxes* are given, a word with a region (known from the graph) classifies the features pooled over that region; the others
    classify those of the whole image, as in TAGAN.
    """

    def __init__(
        self,
        vocabulary: int,
        *,
        image_size: int = 64,
        widths: tuple[int, ...] = (32, 64, 128, 128),
        word_width: int = 64,
        cell: Callable[..., nn.RNNBase] = nn.GRU,
    ) -> None:
        super().__init__()
        layers, channels = [], 3
        for k, width in enumerate(widths):
            norm = [nn.BatchNorm2d(width)] if k else []
            layers.append(nn.Sequential(nn.Conv2d(channels, width, 4, 2, 1, bias=not norm), *norm, nn.LeakyReLU(0.2)))
            channels = width
        self.trunk = nn.ModuleList(layers)
        self.local = nn.ModuleList(
            nn.Sequential(nn.Conv2d(w, w, 3, 1, 1, bias=False), nn.BatchNorm2d(w), nn.LeakyReLU(0.2)) for w in widths[-3:]
        )
        self.whole = nn.Conv2d(channels, 1, image_size // 2 ** len(widths))
        self.text = WordEncoder(vocabulary, embed=word_width, width=word_width, cell=cell)
        self.classifiers = nn.ModuleList(nn.Linear(word_width, w + 1) for w in widths[-3:])  # W_s(u), b_s(u)
        self.scale = nn.Linear(word_width, 3)

    def features(self, images: Tensor) -> DiscriminatorFeatures:
        """Feature maps and real/fake logits (B,) of images (B, 3, S, S)."""
        x, scales = images, []
        for k, layer in enumerate(self.trunk):
            x = layer(x)
            if k >= len(self.trunk) - 3:
                scales.append(self.local[k - len(self.trunk) + 3](x))
        return DiscriminatorFeatures(scales, self.whole(x).flatten().float())

    def match(self, features: DiscriminatorFeatures, words: Tensor, mask: Tensor, boxes: Tensor | None = None) -> Tensor:
        """D(x, T), (B,) in 0..1: does the image match the text?

        Parameters
        ----------
        features : of the images, from :meth:`features`
        words, mask : (B, t) token ids, and false at padding
        boxes : (B, t, 4) each word's region as xyxy in 0..1, NaN for words without one
        """
        u, sentence = self.text(words, mask)
        share = self.scale(u).softmax(2)  # beta
        score = torch.zeros_like(share[..., 0])
        for s, (values, classifier) in enumerate(zip(features.scales, self.classifiers, strict=True)):
            values = values.float()
            v = values.mean((2, 3)).unsqueeze(1).expand(-1, words.shape[1], -1) if boxes is None else _pooled(values, boxes)
            weights = classifier(u)
            score = score + share[..., s] * torch.sigmoid((weights[..., :-1] * v).sum(2) + weights[..., -1])
        return word_product(score, word_attention(u, sentence, mask))


def word_attention(words: Tensor, sentence: Tensor, mask: Tensor) -> Tensor:
    """Attention weights of the words, (B, t): softmax of ``u_i . mean(u)`` over the words that are not padding.

    *words* (B, t, d), *sentence* (B, d) their mean, *mask* (B, t).

    >>> u = torch.tensor([[[1.0, 0], [0, 1], [1, 1]]])
    >>> [round(a, 3) for a in word_attention(u, u.mean(1), torch.ones(1, 3, dtype=torch.bool))[0].tolist()]
    [0.253, 0.253, 0.493]
    """
    score = (words @ sentence.unsqueeze(2)).squeeze(2).float()  # full precision even under mixed precision
    return score.masked_fill(~mask, torch.finfo(score.dtype).min).softmax(1) * mask


def word_product(scores: Tensor, attention: Tensor) -> Tensor:
    """Product of ``scores ** attention`` over the words, (B, t) and (B, t) -> (B,); a word with attention 0 has no effect.

    >>> float(word_product(torch.tensor([[0.8, 0.5, 0.0]]), torch.tensor([[0.75, 0.25, 0.0]])))  # doctest: +ELLIPSIS
    0.7113...
    """
    return ((scores + 1e-7).clamp_max(1).log() * attention).sum(1).exp()


def _pooled(values: Tensor, boxes: Tensor) -> Tensor:
    """Average maps (B, c, h, w) over the words' boxes (B, t, 4), over the whole map where the box is NaN: (B, t, c)."""
    from .image_branch import place_code

    batch, t = boxes.shape[:2]
    everywhere = boxes.isnan().any(2, keepdim=True)
    filled = torch.where(everywhere, boxes.new_tensor([0.0, 0, 1, 1]), boxes).reshape(-1, 4)
    grid = values.shape[-1]
    rows, columns = place_code(filled, grid, margin=0.0, least=1e-6).exp().reshape(batch, t, 2, grid).unbind(2)
    rows, columns = (x / x.sum(2, keepdim=True) for x in (rows, columns))
    return torch.einsum("bchw,bth,btw->btc", values, rows, columns)


# ---------------------------------------------------------------------------------------------- losses


def discriminator_loss(
    discriminator: TextAdaptiveDiscriminator,
    real: Tensor,
    fake: Tensor,
    right: tuple[Tensor, Tensor, Tensor | None],
    wrong: tuple[Tensor, Tensor, Tensor | None],
    *,
    words: float = 10.0,
) -> dict[str, Tensor]:
    """Discriminator loss: *real* is real and matches the sentence *right* but not *wrong*, and *fake* (detached) is not real.

    Parameters
    ----------
    real, fake : images (B, 3, S, S)
    right, wrong : (words, mask, boxes) as in :meth:`TextAdaptiveDiscriminator.match`
    words : weight of the text part

    Returns
    -------
    dict
        ``loss``, its parts ``D_real``, ``D_fake``, ``D_words``, and the mean probabilities ``p_*`` for the log, each a scalar.
    """
    features = discriminator.features(real)
    matched, mismatched = discriminator.match(features, *right), discriminator.match(features, *wrong)
    fake_logit = discriminator.features(fake.detach()).real
    parts = {
        "D_real": F.binary_cross_entropy_with_logits(features.real, torch.ones_like(features.real)),
        "D_fake": F.binary_cross_entropy_with_logits(fake_logit, torch.zeros_like(fake_logit)),
        "D_words": (binary(matched, 1.0) + binary(mismatched, 0.0)) / 2,
    }
    # for the log: how confident the discriminator is
    parts |= {"p_real": features.real.sigmoid().mean().detach(), "p_fake": fake_logit.sigmoid().mean().detach()}
    parts |= {"p_right": matched.mean().detach(), "p_wrong": mismatched.mean().detach()}
    return parts | {"loss": parts["D_real"] + parts["D_fake"] + words * parts["D_words"]}


def generator_loss(
    discriminator: TextAdaptiveDiscriminator, fake: Tensor, requested: tuple[Tensor, Tensor, Tensor | None]
) -> dict[str, Tensor]:
    """Generator loss: the discriminator takes *fake* for real (``G_real``) and for a match of the sentence *requested* (``G_words``).

    *fake* are images (B, 3, S, S), *requested* is (words, mask, boxes) as in :meth:`TextAdaptiveDiscriminator.match`; parts are scalars.
    """
    features = discriminator.features(fake)
    matched = discriminator.match(features, *requested)
    return {
        "G_real": F.binary_cross_entropy_with_logits(features.real, torch.ones_like(features.real)),
        "G_words": binary(matched, 1.0),
        "p_instructed": matched.mean().detach(),
    }


def binary(probability: Tensor, target: float) -> Tensor:
    """Mean binary cross-entropy of probabilities (B,) against one target, a scalar."""
    probability = probability.clamp(1e-6, 1 - 1e-6)
    return -(target * probability.log() + (1 - target) * (1 - probability).log()).mean()
