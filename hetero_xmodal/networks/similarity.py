"""Image-text similarity for evaluation: a small dual encoder in the manner of DAMSM (Xu et al. 2018).

Image and sentence are embedded, and Sim is the cosine of the two embeddings; in training, words also attend to regions. The model is
trained on the training split of a data set (:mod:`hetero_xmodal.training.similarity`); no editing model or loss uses it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..errors import InputError
from ..pretrained import Pretrained
from .image_branch import ResidualBlock
from .pixels import image_tensor, resized
from .similarity_config import SimilarityConfig

PAD, UNKNOWN = 0, 1


def split_words(sentence: str) -> list[str]:
    """Split a sentence into lower-case words.

    >>> split_words("The bird's wings are red.")
    ['the', "bird's", 'wings', 'are', 'red']
    """
    return re.findall(r"[\w'’-]+", sentence.lower())


class ImageTextSimilarity(Pretrained, nn.Module):
    """Embeddings of images and of sentences, (B, width) each; ``similarity(images, sentences)`` is the cosine of pairs.

    Parameters
    ----------
    config : sizes of the model.
    vocab : ``{"words": [...]}``; other words are unknown.
    pretrained : load ImageNet weights into a frozen encoder; false if a state dict is loaded afterwards.

    Raises
    ------
    InputError
        If the vocabulary is empty.

    >>> model = ImageTextSimilarity(SimilarityConfig(width=8, channels=4), {"words": ["red", "wings"]}).eval()
    >>> model.similarity(torch.zeros(2, 3, 64, 64), ["red wings", "wings"]).shape
    torch.Size([2])
    """

    recipe_name = "similarity"
    config_class = SimilarityConfig

    def __init__(self, config: SimilarityConfig, vocab: dict[str, Any], *, pretrained: bool = False) -> None:
        super().__init__()
        self.config, self.vocab = config, vocab
        if not isinstance(vocab.get("words"), list | tuple) or not vocab["words"]:
            raise InputError(f"a similarity model needs a vocabulary with a list of words, found {vocab.get('words')!r}; train it again")
        self._number = {word: k for k, word in enumerate(vocab["words"], UNKNOWN + 1)}
        c, d = config.channels, config.width
        if config.encoder == "small":
            self.see = nn.Sequential(_layer(3, c), _layer(c, 2 * c), ResidualBlock(2 * c), _layer(2 * c, 4 * c), ResidualBlock(4 * c))
            out = 4 * c
        else:
            from .image_branch import make_encoder

            self.frozen = make_encoder("efficientnet-lite0", pretrained=pretrained)
            self.see = nn.Sequential(
                _layer(self.frozen.coarse_width, 2 * c), ResidualBlock(2 * c), _layer(2 * c, 4 * c), ResidualBlock(4 * c)
            )
            out = 4 * c
        self.region, self.whole = nn.Conv2d(out, d, 1), nn.Linear(2 * out, d)
        self.words = nn.Embedding(UNKNOWN + 1 + len(vocab["words"]), d, padding_idx=PAD)
        self.rnn = nn.LSTM(d, d // 2, batch_first=True, bidirectional=True)

    def train(self, mode: bool = True) -> ImageTextSimilarity:
        """Like ``Module.train``, but a frozen encoder stays in evaluation mode."""
        super().train(mode)
        if self.config.encoder != "small":
            self.frozen.eval()
        return self

    def numbers(self, sentences: Sequence[str]) -> Tensor:
        """Token ids (B, t) of sentences, padded with 0."""
        rows = [[self._number.get(word, UNKNOWN) for word in split_words(text)] or [UNKNOWN] for text in sentences]
        out = torch.full((len(rows), max(map(len, rows), default=1)), PAD)
        for row, words in zip(out, rows, strict=True):
            row[: len(words)] = torch.tensor(words)
        return out

    def image_codes(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Embed images (B, 3, S, S) in 0..1: regions (B, r, width) and whole images (B, width)."""
        x = resized(images, self.config.image_size) * 2 - 1
        if self.config.encoder != "small":
            with torch.no_grad():
                x = self.frozen.maps(x)["coarse"].float()
        x = self.see(x)
        return self.region(x).flatten(2).transpose(1, 2), self.whole(torch.cat([x.mean((2, 3)), x.amax((2, 3))], 1))

    def sentence_codes(self, tokens: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Embed token ids (B, t): words (B, t, width), their mask (B, t), and whole sentences (B, width)."""
        mask = tokens != PAD
        packed = nn.utils.rnn.pack_padded_sequence(self.words(tokens), mask.sum(1).cpu(), batch_first=True, enforce_sorted=False)
        states, (last, _) = self.rnn(packed)
        words, _ = nn.utils.rnn.pad_packed_sequence(states, batch_first=True, total_length=tokens.shape[1])
        return words, mask, last.transpose(0, 1).flatten(1)

    def loss(self, images: Tensor, tokens: Tensor, same: Tensor) -> dict[str, Tensor]:
        """DAMSM's sentence and word losses, each averaged over both directions, a scalar each.

        Parameters
        ----------
        images : (B, 3, S, S) in 0..1
        tokens : (B, t) token ids of the matching sentences
        same : (B,) image ids; pairs with the same id are not negatives of each other
        """
        config = self.config
        regions, image = self.image_codes(images)
        words, mask, sentence = self.sentence_codes(tokens)
        scores = {
            "sentence": F.normalize(image, dim=1) @ F.normalize(sentence, dim=1).T,
            "words": word_scores(regions, words, mask, config.attention, config.aggregate),
        }
        target = torch.arange(len(tokens), device=tokens.device)
        duplicate = (same[:, None] == same[None]) & ~torch.eye(len(same), dtype=torch.bool, device=same.device)
        losses = {}
        for name, score in scores.items():
            logits = (config.contrast * score).masked_fill(duplicate, torch.finfo(score.dtype).min)
            losses[name] = (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2
        return losses

    @torch.no_grad()
    def similarity(self, images: Any, sentences: Sequence[str], *, batch_size: int = 64) -> Tensor:
        """Cosine similarity of each image with its sentence, (B,); *images* as in :func:`~hetero_xmodal.networks.pixels.image_tensor`.

        Raises
        ------
        InputError
            If the numbers of images and sentences differ, or the images cannot be used.
        """
        pixels = image_tensor(images)
        if len(pixels) != len(sentences):
            raise InputError(f"there are {len(pixels)} images but {len(sentences)} sentences; give one sentence per image")
        self.eval()
        found, device = [], self.words.weight.device
        for start in range(0, len(pixels), batch_size):
            _, image = self.image_codes(pixels[start : start + batch_size].to(device))
            _, _, sentence = self.sentence_codes(self.numbers(sentences[start : start + batch_size]).to(device))
            found.append(F.cosine_similarity(image, sentence, dim=1))
        return torch.cat(found)


def word_scores(regions: Tensor, words: Tensor, mask: Tensor, attention: float, aggregate: float) -> Tensor:
    """Score of every image with every sentence from the cosine of each word e_w with its attended regions c_w, (B, C).

    *regions* (B, r, d), *words* (C, t, d) with *mask* (C, t). For image b and sentence c: softmax over the words for each region, then,
    with inverse temperature *attention*, over the regions for each word; ``log sum_w exp(aggregate cos(c_w, e_w)) / aggregate``.
    """
    score = torch.einsum("brd,ctd->bcrt", regions, words).masked_fill(~mask[None, :, None, :], torch.finfo(regions.dtype).min)
    weight = (attention * score.softmax(3)).softmax(2)  # (B, C, r, t)
    context = torch.einsum("bcrt,brd->bctd", weight, regions)
    cosine = F.cosine_similarity(context, words[None], dim=3).masked_fill(~mask[None], -torch.inf)
    return (aggregate * cosine).logsumexp(2) / aggregate


def _layer(channels: int, out: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(channels, out, 3, 2, 1, bias=False), nn.BatchNorm2d(out), nn.ReLU())
