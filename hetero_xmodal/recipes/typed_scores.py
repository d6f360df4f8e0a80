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

    ``missing`` is the match of (4) in that case; ``scale``, at first *cosine*, is the logarithm of what (4) is multiplied
    by where it is a cosine.
    """

    needs_old = False

    def __init__(self, *, cosine: float | None = None) -> None:
        super().__init__()
        self.logit = nn.Parameter(torch.zeros(1))
        if cosine is not None:
            self.scale = nn.Parameter(torch.full((1,), cosine))
        else:
            self.missing = nn.Parameter(torch.zeros(1))

    def forward(self, old: Tensor | None, total: Tensor) -> Tensor:
        return (self.logit.exp() + total).log()

    def found(self, message: Tensor, query: Tensor, total: Tensor) -> Tensor:
        """(4) from ``sum_b s_ib k_b`` (n, d), q_i (n, d) and the logarithm of (3)'s total (n, 1)."""
        return dot(message, query) + (self.logit - total).exp() * self.missing

    def cosine(self, product: Tensor, own: Tensor, heard: Tensor) -> Tensor:
        """(4) as a cosine, (n, m): *product* (n, m) of a query with what it heard, over the lengths *own* (n, 1), *heard* (n, m), times
        e^scale."""
        return self.scale.exp() * product / (own * heard + 1e-6)

    def found_cosine(self, message: Tensor, query: Tensor) -> Tensor:
        """(4) as a cosine, from what a word heard (n, d) and q_i (n, d): (n, 1)."""
        return self.cosine(dot(message, query), *(x.norm(dim=1, keepdim=True) for x in (query, message)))


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


def heard_states(config: TrailConfig) -> tuple[str, ...]:
    """States that (1) adds up: all, or q alone where words that describe look at regions themselves and would count twice."""
    return ("q", "g", "p") if config.looks == "things" else ("q",)


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


def _among(keep: Tensor, counts: Tensor, relations: Tensor, relation_counts: Tensor) -> tuple[Tensor, Tensor]:
    """Relations (T, 3) between the regions that are kept, *keep* (R,) bool, in their new numbers, and how many of each image (n,)."""
    image = torch.repeat_interleave(torch.arange(len(counts), device=counts.device), relation_counts)
    start = (counts.cumsum(0) - counts)[image]
    first, second = relations[:, 0] + start, relations[:, 2] + start
    both = keep[first] & keep[second]
    before = keep.cumsum(0) - keep.long()  # how many of those before a region are kept
    first, second = (before[end[both]] - before[start[both]] for end in (first, second))
    return torch.stack([first, relations[both, 1], second], 1), torch.bincount(image[both], minlength=len(counts))


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
        self.weights, self.sharpness = nn.Parameter(torch.ones(len(PARTS))), nn.Parameter(torch.tensor(config.log_scale))
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
        kept = said.symbols.new_ones(len(said.symbols), 1, dtype=self.shift.dtype)
        if self.training and config.symbol_dropout:
            kept = F.dropout(kept, config.symbol_dropout)
        if config.word_width and said.vectors is not None:
            vectors = (said.vectors - self.word_shift) * self.word_scale
            if self.training and config.input_dropout:
                vectors = without_columns(vectors, said.counts, config.input_dropout)
        for state, name in (("q", "match"), ("g", "vector"), ("p", "importance")):
            states[state] = self.symbols[name](said.symbols) * (kept * float(config.symbols))
            if vectors is not None:
                states[state] = states[state] + self.words[name](vectors)
        return states

    def looks(self, said: SaidBatch) -> Tensor:
        """Which words look at regions, (N,) bool; a sentence without any such word looks with all."""
        looks = {"things": said.objects, "words": said.content, "all": torch.ones_like(said.objects)}[self.config.looks]
        if self.config.edges in ("none", "no-bindings"):
            looks = looks | torch.zeros_like(looks).index_fill(0, said.describes[0], True)
        sentence = torch.repeat_interleave(torch.arange(len(said.counts), device=looks.device), said.counts)
        none = torch.bincount(sentence[looks], minlength=len(said.counts)) == 0
        return looks | none[sentence]

    # ------------------------------------------------------------------------------------------ every image with every sentence

    def images(self, regions: Tensor, counts: Tensor, relations: Tensor, relation_counts: Tensor) -> ImageSide:
        """One side of (2) to (8): region features (R, d), *counts* (n,), relations seen (T, 3) and their counts (n,)."""
        if self.training and self.config.region_dropout:
            keep, some = some_rows(counts, self.config.region_dropout)
            relations, relation_counts = _among(keep, counts, relations, relation_counts)
            regions, counts = regions[keep], some
        keys, vectors = self.region_states(regions, counts)
        mean, mask = padded(vectors, counts)
        if self.training and self.config.dropout:
            keys = F.dropout(keys, self.config.dropout)
        keys = padded(keys, counts)[0]
        mean = (mean * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
        return ImageSide(keys, mask, *padded(relations, relation_counts), F.normalize(mean, dim=1))

    def sentences(self, said: SaidBatch) -> SentenceSide:
        """The other side of (2) to (8)."""
        config, states, looks = self.config, self.word_states(said), self.looks(said)
        if config.edges not in ("none", "no-bindings"):
            u, v = said.describes
            if self.training and config.binding_dropout:
                u, v = said.describes[:, torch.rand(len(u), device=u.device) >= config.binding_dropout]
            states = {name: x.index_add(0, v, x[u]) if name in heard_states(config) else x for name, x in states.items()}  # (1)
        sentence = torch.repeat_interleave(torch.arange(len(said.counts), device=looks.device), said.counts)
        counts = torch.bincount(sentence[looks], minlength=len(said.counts))
        if self.training and config.word_dropout:
            keep, counts = some_rows(counts, config.word_dropout)
            looks = looks.masked_scatter(looks, keep)
        queries, mask = padded(states["q"][looks], counts)
        place = torch.cumsum(looks, 0) - 1 - (counts.cumsum(0) - counts)[sentence]  # of a word among those of its sentence that look
        mean = padded(states["g"][looks], counts)[0].sum(1) / counts[:, None]
        i, p, j = said.relations
        if config.edges in ("none", "no-relations"):
            i, p, j = said.relations[:, :0]
        looking = looks[i] & looks[j]
        i, p, j = i[looking], p[looking], j[looking]
        stated = torch.stack([sentence[i], place[i], p, place[j]], 1)
        importance = padded(states["p"][looks], counts)[0].squeeze(2)
        numbers = padded(said.numbers[looks], counts)[0]
        return SentenceSide(queries, mask, importance, numbers, F.normalize(mean, dim=1), stated)

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
        match = self._matches(images, sentences, pairs)
        caption = sentences.mask.nonzero()[:, 0]
        share, left = self._shares(match)
        found = self._found(match, share, left, images, sentences, pairs)
        importance = sentences.importance.masked_fill(~sentences.mask, -1e4).softmax(1)[sentences.mask]
        like = match.new_zeros(len(sentences.mask), match.shape[1])
        words = like.index_add(0, caption, found * importance[:, None])
        if self.config.match == "product":
            words = words * sentences.mask.sum(1, keepdim=True).sqrt()
        parts = [
            words,
            self._regions(match, caption, images, like, pairs),
            self._relations(share, images, sentences, like, pairs),
            self._numbers(match, sentences, like),
        ]
        return [part[:, 0] if pairs else part.T for part in parts] + [self._sizes(images, sentences, pairs)]

    def _matches(self, images: ImageSide, sentences: SentenceSide, pairs: bool) -> Tensor:
        """(2) of every word that looks with every image, (words, n, regions), or with the image of its pair, (words, 1, regions).

        Where an image has fewer regions than another the match is -10,000. One column more of both sides adds it in the product itself:
        this tensor is the largest there is, and every pass over it takes as long as the product.
        """
        keys = torch.cat([images.keys, torch.where(images.mask, 0.0, -1e4)[..., None]], 2)
        queries = F.pad(sentences.queries, (0, 1), value=1.0)
        if pairs:
            return (queries @ keys.transpose(1, 2))[sentences.mask][:, None]
        return (queries[sentences.mask] @ keys.flatten(0, 1).T).unflatten(1, keys.shape[:2])

    def _shares(self, match: Tensor) -> tuple[Tensor, Tensor]:
        """(3): shares s_ib of the form of *match*, and what is left for nothing, (words, n)."""
        most = match.detach().amax(2, keepdim=True).clamp_min(0)
        weight, nothing = (match - most).exp(), (self.nothing.logit - most).exp()
        total = weight.sum(2, keepdim=True) + nothing
        return weight / total, (nothing / total)[..., 0]

    def _found(self, match: Tensor, share: Tensor, left: Tensor, images: ImageSide, sentences: SentenceSide, pairs: bool) -> Tensor:
        """(4) of every word with every image, (words, n)."""
        product = (share * match).sum(2)
        if self.config.match == "product":
            return product + left * self.nothing.missing
        if pairs:
            heard = (share @ images.keys[sentences.mask.nonzero()[:, 0]]).squeeze(1)[:, None]
        else:
            heard = torch.bmm(share.transpose(0, 1), images.keys).transpose(0, 1)
        return self.nothing.cosine(product, sentences.queries[sentences.mask].norm(dim=1, keepdim=True), heard.norm(dim=2))

    def _regions(self, match: Tensor, caption: Tensor, images: ImageSide, like: Tensor, pairs: bool) -> Tensor:
        """(5), the mean over the regions of each image."""
        if not self.config.score_regions:
            return torch.zeros_like(like)
        best = match.new_full((*like.shape, match.shape[2]), -1e4)
        best = best.scatter_reduce(0, caption[:, None, None].expand_as(match), match, "amax")
        own = images.mask[:, None] if pairs else images.mask
        return (best * own).sum(2) / own.sum(2 if pairs else 1)

    def shares(self, images: ImageSide, sentences: SentenceSide) -> Tensor:
        """(3) of every image with every sentence, (n, c, words, regions)."""
        share = self._shares(self._matches(images, sentences, False))[0].transpose(0, 1)
        out = share.new_zeros(len(images.mask), *sentences.mask.shape, share.shape[2])
        out[:, sentences.mask] = share
        return out

    def _sizes(self, images: ImageSide, sentences: SentenceSide, pairs: bool) -> Tensor:
        """(10)."""
        said = torch.bincount(sentences.said[:, 0], minlength=len(sentences.mask))
        seen = [images.mask.sum(1), images.seen_mask.sum(1)]
        regions, relations = seen if pairs else [number[:, None] for number in seen]
        if not self.config.score_sizes:
            return self.sizes.things.new_zeros(torch.broadcast_shapes(said.shape, regions.shape))
        return self.sizes(sentences.mask.sum(1), regions, said, relations)

    def _relations(self, share: Tensor, images: ImageSide, sentences: SentenceSide, like: Tensor, pairs: bool) -> Tensor:
        """(6), summed over the relations of each sentence."""
        row, i, p, j = sentences.said.T
        if not len(row) or not images.seen_mask.any():
            return torch.zeros_like(like)
        place = torch.zeros_like(sentences.mask, dtype=torch.int64)
        place[sentences.mask] = torch.arange(len(share), device=place.device)
        first, second = share[place[row, i]], share[place[row, j]]  # (R, n, B)
        fits = (self.said.weight @ self.seen.weight.T)[p]  # (R, predicates seen)
        seen, mask = (images.seen[row][:, None], images.seen_mask[row][:, None]) if pairs else (images.seen[None], images.seen_mask[None])
        b, q, c = (seen[..., k].expand(len(row), -1, -1) for k in range(3))
        kind = fits.gather(1, q.flatten(1)).view(q.shape)
        value = first.gather(2, b) * second.gather(2, c) * kind
        return torch.zeros_like(like).index_add(0, row, (value * mask).sum(2))

    def _numbers(self, match: Tensor, sentences: SentenceSide, like: Tensor) -> Tensor:
        """(7), summed over the words that say a number."""
        numbers, caption = sentences.numbers[sentences.mask], sentences.mask.nonzero()[:, 0]
        some = (numbers > 1).nonzero()[:, 0]
        if not self.config.counting or not len(some):
            return torch.zeros_like(like)
        counting = self.counting
        seen = torch.sigmoid(counting.slope * match[some] + counting.level).sum(2)
        said = numbers[some][:, None].expand_as(seen).reshape(-1, 1)
        return torch.zeros_like(like).index_add(0, caption[some], counting(seen.reshape(-1, 1), said).view_as(seen))
