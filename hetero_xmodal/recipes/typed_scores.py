"""TRAIL's scores of every image with every sentence, by padded matrices: the same numbers as the steps of :mod:`.trail` on each pair.

The steps are the definition; a test holds the two equal. Equation numbers are those of :mod:`.trail`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..data.tasks.matching.said import SaidBatch
from ..networks.camera import some_rows, without_columns
from ..networks.padding import padded
from .configs.trail import TrailConfig

#: the parts of (9) that are weighted
PARTS = ("words", "regions", "relations", "numbers")
#: numbers of things and of regions that are told apart; larger ones count as the largest
MOST_SAID, MOST_SEEN = 4, 5
_SIZE = 10.0  # the tables of (10) are kept in tenths, so that they learn as fast as they have to


class Nothing(nn.Module):
    """(3): the logarithm of ``e^nothing + total``, of totals (n, 1); *nothing* is what a word finds where no region fits.

    ``missing`` is the match of (4) in that case.
    """

    needs_old = False

    def __init__(self) -> None:
        super().__init__()
        self.logit, self.missing = nn.Parameter(torch.zeros(1)), nn.Parameter(torch.zeros(1))

    def forward(self, old: Tensor | None, total: Tensor) -> Tensor:
        return (self.logit.exp() + total).log()

    def found(self, message: Tensor, query: Tensor, total: Tensor) -> Tensor:
        """(4) from ``sum_b s_ib k_b`` (n, d), q_i (n, d) and the logarithm of (3)'s total (n, 1)."""
        return dot(message, query) + (self.logit - total).exp() * self.missing


def dot(message: Tensor, own: Tensor) -> Tensor:
    """Product of every row of *message* (n, d) with that of *own* (n, d): (n, 1)."""
    return (message * own).sum(1, keepdim=True)


class Counting(nn.Module):
    """(7): how well the number that is said fits how many regions match; the table is read between whole numbers by interpolation."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.zeros(MOST_SAID + 1, MOST_SEEN + 2))
        self.slope, self.level = nn.Parameter(torch.ones(1)), nn.Parameter(-torch.ones(1))

    def forward(self, seen: Tensor, said: Tensor) -> Tensor:
        """Soft numbers *seen* (n, 1) and numbers *said* (n, 1) to (n, 1); where none above one is said, 0."""
        seen, number = seen.clamp(0, MOST_SEEN), said.clamp(0, MOST_SAID).long()
        low = seen.detach().floor().clamp_max(MOST_SEEN).long()
        row = self.table[number.squeeze(1)]
        value = row.gather(1, low) * (1 - seen + low) + row.gather(1, low + 1) * (seen - low)
        return value * (number > 1)


class Sizes(nn.Module):
    """(10): how likely so much is said where so much is seen; of two images that a sentence fits, it rather describes the emptier one.

    At first the words of a sentence without relations are any of the regions, and a relation is any of those seen, all equally likely.
    """

    def __init__(self) -> None:
        super().__init__()
        words, regions = torch.arange(6.0)[:, None], torch.arange(10.0).clamp_min(1)
        more = torch.maximum(words, regions) + 1
        chosen = more.lgamma() - (words + 1).lgamma() - (more - words).lgamma()  # logarithm of the number of choices
        listed = torch.stack([-chosen, torch.zeros_like(chosen)])
        related = -torch.arange(4.0)[:, None].clamp_max(1) * torch.arange(6.0) * math.log(2)
        self.things, self.relations = nn.Parameter(listed / _SIZE), nn.Parameter(related / _SIZE)

    def forward(self, words: Tensor, regions: Tensor, said: Tensor, seen: Tensor) -> Tensor:
        """Numbers of words and relations in sentences, of regions and relations in images, to values of the shape they broadcast to:
        of c sentences (c,) and n images (n, 1), (n, c).

        More than 5 words, 9 regions or 3 relations said are not told apart; numbers of relations seen are, by powers of two.
        """
        power = (seen.float() + 1).log2().long().clamp_max(5)
        things = self.things[said.long().clamp_max(1), words.long().clamp_max(5), regions.long().clamp_max(9)]
        return _SIZE * (things + self.relations[said.long().clamp_max(3), power])


@dataclass(frozen=True, eq=False)
class ImageSide:
    """n images: keys (n, B, width) with their mask (n, B), relations seen (n, T, 3) with theirs, unit vectors (n, vector_width)."""

    keys: Tensor
    mask: Tensor
    seen: Tensor
    seen_mask: Tensor
    vectors: Tensor

    def take(self, rows: Tensor) -> ImageSide:
        """The images *rows* (k,)."""
        return ImageSide(*(value[rows] for value in vars(self).values()))


@dataclass(frozen=True, eq=False)
class SentenceSide:
    """c sentences: queries (c, I, width) with their mask (c, I), importance (c, I), numbers (c, I), unit vectors (c, vector_width);
    relations said (R, 4): sentence, subject, predicate, object."""

    queries: Tensor
    mask: Tensor
    importance: Tensor
    numbers: Tensor
    vectors: Tensor
    said: Tensor


class TypedScores(nn.Module):
    """What :class:`~hetero_xmodal.recipes.trail.TRAIL` computes of many images and sentences at once, and its node-wise parts."""

    config: TrailConfig
    shift: Tensor
    scale: Tensor
    word_shift: Tensor
    word_scale: Tensor

    def __init__(self, config: TrailConfig) -> None:
        super().__init__()
        self.config = config
        sizes = {"match": config.width, "vector": config.vector_width, "importance": 1}
        self.symbols = nn.ModuleDict({name: nn.Embedding(config.vocabulary, size) for name, size in sizes.items()})
        vectors = sizes if config.word_width else {}
        self.words = nn.ModuleDict({name: nn.Linear(config.word_width, size, bias=False) for name, size in vectors.items()})
        self.regions, self.region_vectors = (nn.Linear(config.region_width, size) for size in (config.width, config.vector_width))
        self.hidden = None
        if config.hidden:
            self.hidden = nn.Sequential(
                nn.Linear(config.region_width, config.hidden), nn.ReLU(), nn.Dropout(0.2), nn.Linear(config.hidden, config.width)
            )
        self.said, self.seen = (nn.Embedding(size, config.relation_width) for size in (config.said, config.seen))
        self.sizes = Sizes()
        self.weights, self.sharpness = nn.Parameter(torch.ones(len(PARTS))), nn.Parameter(torch.tensor(2.3))
        for part in ("shift", "scale"):
            self.register_buffer(part, torch.full((config.region_width,), float(part == "scale")))
            self.register_buffer(f"word_{part}", torch.full((config.word_width,), float(part == "scale")))
        self._initialise()

    def _initialise(self) -> None:
        for layer in (*self.symbols.values(), self.said, self.seen):
            nn.init.normal_(layer.get_parameter("weight"), std=0.3)
        if self.config.word_width:  # symbols then add to the map of the vectors, and start with nothing to add
            for layer in (*self.symbols.values(), self.words["importance"]):
                nn.init.zeros_(layer.get_parameter("weight"))
        nn.init.zeros_(self.symbols["importance"].get_parameter("weight"))
        if self.hidden is not None:
            nn.init.zeros_(self.hidden[3].get_parameter("weight")), nn.init.zeros_(self.hidden[3].get_parameter("bias"))

    @property
    def nothing(self) -> Nothing:
        """The module of (3)."""
        raise NotImplementedError

    @property
    def counting(self) -> Counting:
        """The module of (7)."""
        raise NotImplementedError

    # ------------------------------------------------------------------------------------------ node-wise parts

    def region_states(self, regions: Tensor, counts: Tensor) -> tuple[Tensor, Tensor]:
        """Region features (R, region_width), *counts* (n,) an image, to ``k`` (R, width) and ``h`` (R, vector_width)."""
        y = (regions - self.shift) * self.scale
        if self.training and self.config.input_dropout:
            y = without_columns(y, counts, self.config.input_dropout)
        k = self.regions(y)
        return k if self.hidden is None else k + self.hidden(y), self.region_vectors(y)

    def word_states(self, said: SaidBatch) -> dict[str, Tensor]:
        """``q`` (N, width), ``g`` (N, vector_width) and ``p`` (N, 1) of every word, before (1)."""
        config, states = self.config, {}
        vectors = None
        if config.word_width and said.vectors is not None:
            vectors = (said.vectors - self.word_shift) * self.word_scale
            if self.training and config.input_dropout:
                vectors = without_columns(vectors, said.counts, config.input_dropout)
        for state, name in (("q", "match"), ("g", "vector"), ("p", "importance")):
            states[state] = self.symbols[name](said.symbols) * float(config.symbols)
            if vectors is not None:
                states[state] = states[state] + self.words[name](vectors)
        return states

    def looks(self, said: SaidBatch) -> Tensor:
        """Which words look at regions, (N,) bool; a sentence without any such word looks with all."""
        looks = said.content if self.config.looks == "words" else said.objects
        if self.config.edges in ("none", "no-bindings"):
            looks = looks | torch.zeros_like(looks).index_fill(0, said.describes[0], True)
        sentence = torch.repeat_interleave(torch.arange(len(said.counts), device=looks.device), said.counts)
        none = torch.bincount(sentence[looks], minlength=len(said.counts)) == 0
        return looks | none[sentence]

    # ------------------------------------------------------------------------------------------ every image with every sentence

    def images(self, regions: Tensor, counts: Tensor, relations: Tensor, relation_counts: Tensor) -> ImageSide:
        """One side of (2) to (8): region features (R, d), *counts* (n,), relations seen (T, 3) and their counts (n,)."""
        keys, vectors = self.region_states(regions, counts)
        mean, mask = padded(vectors, counts)
        if self.training and self.config.dropout:
            keys = F.dropout(keys, self.config.dropout)
        keys = padded(keys, counts)[0]
        if self.training and self.config.region_dropout:
            kept = padded(some_rows(counts, self.config.region_dropout)[0], counts)[0]
            mask = mask & kept
        mean = (mean * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
        return ImageSide(keys, mask, *padded(relations, relation_counts), F.normalize(mean, dim=1))

    def sentences(self, said: SaidBatch) -> SentenceSide:
        """The other side of (2) to (8)."""
        config, states, looks = self.config, self.word_states(said), self.looks(said)
        if config.edges not in ("none", "no-bindings"):
            u, v = said.describes
            if self.training and config.binding_dropout:
                u, v = said.describes[:, torch.rand(len(u), device=u.device) >= config.binding_dropout]
            states = {name: x.index_add(0, v, x[u]) for name, x in states.items()}  # (1)
        sentence = torch.repeat_interleave(torch.arange(len(said.counts), device=looks.device), said.counts)
        counts = torch.bincount(sentence[looks], minlength=len(said.counts))
        queries, mask = padded(states["q"][looks], counts)
        place = torch.cumsum(looks, 0) - 1 - (counts.cumsum(0) - counts)[sentence]  # of a word among those of its sentence that look
        shown = mask
        if self.training and config.word_dropout:
            shown = padded(some_rows(counts, config.word_dropout)[0], counts)[0]
        g = padded(states["g"][looks], counts)[0]
        mean = (g * shown[..., None]).sum(1) / shown.sum(1, keepdim=True)
        i, p, j = said.relations
        if config.edges in ("none", "no-relations"):
            i, p, j = said.relations[:, :0]
        stated = torch.stack([sentence[i], place[i], p, place[j]], 1)
        importance = padded(states["p"][looks], counts)[0].squeeze(2)
        numbers = padded(said.numbers[looks], counts)[0]
        return SentenceSide(queries, shown, importance, numbers, F.normalize(mean, dim=1), stated)

    def compare(self, images: ImageSide, sentences: SentenceSide, *, pairs: bool = False) -> Tensor:
        """Scores (n, c) of every image with every sentence; with *pairs*, of image k with sentence k alone, (n,)."""
        return self.score(self.parts(images, sentences, pairs=pairs), self.cosines(images, sentences, pairs=pairs))

    def cosines(self, images: ImageSide, sentences: SentenceSide, *, pairs: bool = False) -> Tensor:
        """(8), of every image with every sentence, (n, c), or of pairs, (n,)."""
        return (images.vectors * sentences.vectors).sum(1) if pairs else images.vectors @ sentences.vectors.T

    def score(self, parts: Sequence[Tensor], cosine: Tensor) -> Tensor:
        """(9), with the cosine if ``score_vector``, of tensors of one shape, (n, c) or (n,).

        Those of :data:`PARTS` are weighted; the last, of :class:`Sizes`, is added as it is.
        """
        total = parts[-1] + (self.sharpness.exp() * cosine if self.config.score_vector else 0)
        for weight, part in zip(self.weights, parts[:-1], strict=True):
            total = total + weight * part
        return total

    def parts(self, images: ImageSide, sentences: SentenceSide, *, pairs: bool = False) -> list[Tensor]:
        """The parts of (9) before their weights, and (10): each (n, c) or, for pairs, (n,)."""
        if pairs:
            match = sentences.queries @ images.keys.transpose(1, 2)  # (n, I, B)
            seen, words = images.mask[:, None], sentences.mask
        else:
            match = torch.einsum("cid,nbd->ncib", sentences.queries, images.keys)  # (2)
            seen, words = images.mask[:, None, None], sentences.mask[None]
        hidden = match.masked_fill(~seen, -1e4)
        nothing = self.nothing.logit.expand(*match.shape[:-1], 1)
        every = torch.cat([hidden, nothing], -1).softmax(-1)  # (3)
        share = every[..., :-1]
        found = (share * match).sum(-1) + every[..., -1] * self.nothing.missing  # (4)
        importance = sentences.importance.masked_fill(~sentences.mask, -1e4).softmax(1) * sentences.mask.sum(1, keepdim=True).sqrt()
        best = match.masked_fill(~words[..., None], -1e4).amax(-2)  # (5)
        own = images.mask if pairs else images.mask[:, None]
        regions = (best * own).sum(-1) / own.sum(-1)
        return [
            (found * importance).sum(-1),
            regions * float(self.config.score_regions),
            self._relations(share, images, sentences, regions, pairs),
            self._numbers(hidden, sentences, regions, pairs),
            self._sizes(images, sentences, pairs),
        ]

    def shares(self, images: ImageSide, sentences: SentenceSide) -> Tensor:
        """(3) of every image with every sentence, (n, c, words, regions)."""
        match = torch.einsum("cid,nbd->ncib", sentences.queries, images.keys).masked_fill(~images.mask[:, None, None], -1e4)
        return torch.cat([match, self.nothing.logit.expand(*match.shape[:-1], 1)], -1).softmax(-1)[..., :-1]

    def _sizes(self, images: ImageSide, sentences: SentenceSide, pairs: bool) -> Tensor:
        """(10)."""
        said = torch.bincount(sentences.said[:, 0], minlength=len(sentences.mask))
        seen = [images.mask.sum(1), images.seen_mask.sum(1)]
        regions, relations = seen if pairs else [number[:, None] for number in seen]
        return self.sizes(sentences.mask.sum(1), regions, said, relations)

    def _relations(self, share: Tensor, images: ImageSide, sentences: SentenceSide, like: Tensor, pairs: bool) -> Tensor:
        """(6), summed over the relations of each sentence."""
        row, i, p, j = sentences.said.T
        if not len(row) or not images.seen_mask.any():
            return torch.zeros_like(like)
        fits = self.said.weight @ self.seen.weight.T
        if pairs:
            first, second, seen, mask = share[row, i], share[row, j], images.seen[row], images.seen_mask[row]  # (R, B), (R, T, 3), (R, T)
            value = first.gather(1, seen[..., 0]) * second.gather(1, seen[..., 2]) * fits[p[:, None], seen[..., 1]]
            return torch.zeros_like(like).index_add(0, row, (value * mask).sum(1))
        first, second = share[:, row, i], share[:, row, j]  # (n, R, B)
        b, q, c = (images.seen[:, None, :, k].expand(-1, len(row), -1) for k in range(3))
        value = first.gather(2, b) * second.gather(2, c) * fits[p].T[images.seen[..., 1]].transpose(1, 2)
        return torch.zeros_like(like).index_add(1, row, (value * images.seen_mask[:, None]).sum(2))

    def _numbers(self, match: Tensor, sentences: SentenceSide, like: Tensor, pairs: bool) -> Tensor:
        """(7), summed over the words that say a number."""
        row, i = ((sentences.numbers > 1) & sentences.mask).nonzero(as_tuple=True)
        if not self.config.counting or not len(row):
            return torch.zeros_like(like)
        counting = self.counting
        some = match[row, i] if pairs else match[:, row, i]
        seen = torch.sigmoid(counting.slope * some + counting.level).sum(-1)
        said = sentences.numbers[row, i].expand_as(seen).reshape(-1, 1)
        value = counting(seen.reshape(-1, 1), said).view_as(seen)
        return torch.zeros_like(like).index_add(0 if pairs else 1, row, value)
