"""What MIM-Net learns from: pairs as they are, and two exercises in which copying the image is wrong.

The paper's own scheme has matched pairs, where the image itself is the answer, and random captions that only the discriminator judges.
With a decoder that may show its input, the first teaches to copy and the second is all that teaches an edit. So, ours:

* **restore**: parts that the sentence describes are covered by foreign ones; the image before is the answer.
* **transplant**: the same the other way round: the image as it is, the sentence says how the foreign parts look, and the image with
  them is the answer. Its input is an image without any seam, as at the time of use. Few sentences say "plain", so plain parts would hardly
  ever become striped; therefore some of the parts of which only the colour is told are exchanged for parts of the same colour and another
  pattern, and the pattern's word stands in place of the colour's: "a yellow belly" is now "a striped belly".

A request, "the box is green instead of purple", is exercised both ways too: a purple box is covered by a green one or the other way round.

Both are made from annotations alone; a true edited image is never seen. What is exchanged are boxes, or, where things stand on a ground,
what :mod:`.outlines` finds in them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ... import schema as s
from .attribute_swaps import Swapper, word_regions
from .dataset import FREE, KINDS, ManipulationData, kind_of

COLOUR, PATTERN, SIZE = (KINDS.index(name) for name in ("colour", "pattern", "size"))


class Sentences:
    """The words of all sentences of *data* as numbers of a vocabulary, and which region of the image each word speaks of.

    Parameters
    ----------
    data : ManipulationData
    numbers : maps lower-case words to numbers
    patterned : how many times as often as others a sentence that names a pattern is drawn
    requested : how many times as often one that says what something is instead of
    """

    def __init__(
        self, data: ManipulationData, numbers: Callable[[list[str]], list[int]], *, patterned: float = 1.0, requested: float = 1.0
    ) -> None:
        words, regions, counts = [], [], []
        for start in range(0, len(data), 1024):
            graph = data.corpus.batch(range(start, min(start + 1024, len(data))))
            texts, place = np.unique(s.text_array(graph.nodes[s.WORD].data["text"]), return_inverse=True)
            known = torch.tensor(numbers([text.decode("utf-8", "replace") for text in texts.tolist()]), dtype=torch.int64)
            words.append(known[torch.from_numpy(place)])
            own, seen = graph.batch_num_nodes(s.WORD), graph.batch_num_nodes(s.VISUAL)
            region = word_regions(graph)
            # "green instead of red": the parser takes "red" for a thing, but it is said of what "instead of" is said of
            sentence = torch.arange(start, start + len(own)).repeat_interleave(own)
            attribute = torch.tensor([kind_of(text.decode("utf-8", "replace")) is not None for text in texts.tolist()])
            lost = (region < 0) & data.request[sentence] & attribute[torch.from_numpy(place)]
            lost[own.cumsum(0) - own] = False  # the first words of sentences
            region = torch.where(lost, region.roll(1), region)
            regions.append(torch.where(region < 0, -1, region - (seen.cumsum(0) - seen).repeat_interleave(own)))
            counts.append(own)
        self.words, self.regions, self.counts = torch.cat(words), torch.cat(regions), torch.cat(counts)
        self.starts = self.counts.cumsum(0) - self.counts
        # sentences are ordered by image
        self.per_image = torch.bincount(data.image, minlength=len(data.images))
        last = self.per_image.cumsum(0)
        # every sentence is a piece of a line, as long as its weight; the sentences of an image lie between low and high
        # "plain" counts as a pattern here: it is what a transplant changes into stripes
        self.ends = (data.weights(patterned, plain=True).double() * torch.where(data.request, requested, 1.0)).cumsum(0)
        marks = torch.cat([torch.zeros(1), self.ends])
        self.low, self.high = marks[last - self.per_image], marks[last]

    def draw(self, images: Tensor) -> Tensor:
        """A random sentence of each image, of a larger weight more often."""
        low, high = self.low[images], self.high[images]
        return torch.searchsorted(self.ends, low + torch.rand(len(images)) * (high - low), right=True)

    def image_weights(self) -> Tensor:
        """How often each image is to be drawn, so that with :meth:`draw` every sentence comes as often as its weight says."""
        return (self.high - self.low) / self.per_image

    def take(self, rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Words (n,), their regions (n,) and the number of words (b,) of sentences *rows*."""
        counts = self.counts[rows]
        inside = torch.arange(int(counts.sum())) - (counts.cumsum(0) - counts).repeat_interleave(counts)
        index = self.starts[rows].repeat_interleave(counts) + inside
        return self.words[index], self.regions[index], counts


@dataclass(frozen=True)
class Exercises:
    """A batch of b pairs.

    given, answer : images (b, 3, S, S) before and after
    mask : (b, 1, S, S), 1 where the two may differ
    shares : (b, 1, S, S), how much each of these places counts, so that every exchanged part counts alike, the beak as much as a wing
    words, counts : numbers of all words (n,), and of each sentence's words (b,)
    kind : (b,), 0 as it is, 1 restore, 2 transplant
    regions : (n,), which region of its image each word speaks of, -1 for none
    boxes : (b, m, 4) of the regions, as shares of the sides
    asked : which regions the exercise changes (b, m)
    values, said : what all regions show in the answer (b, m, kinds), and whether the sentence says it
    owner : (b, S, S), which region each pixel shows, as in the data; None if only boxes are known
    described : whether the sentence says anything of a region (b, m)
    """

    given: Tensor
    answer: Tensor
    mask: Tensor
    shares: Tensor
    words: Tensor
    counts: Tensor
    kind: Tensor
    regions: Tensor
    boxes: Tensor
    asked: Tensor
    values: Tensor
    said: Tensor
    owner: Tensor | None = None

    @property
    def described(self) -> Tensor:
        return self.said.any(2)


class Maker:
    """Makes the exercises of a data set.

    Parameters
    ----------
    data, sentences : what is learned from
    vocabulary : lower-case words; number k + *first* is word k
    plain : share of pairs as they are
    repattern : share of the transplanted parts of which only the colour is told that get another pattern and keep their colour
    """

    def __init__(
        self,
        data: ManipulationData,
        sentences: Sentences,
        vocabulary: list[str],
        first: int,
        *,
        plain: float,
        repattern: float = 0.0,
    ) -> None:
        self.data, self.sentences, self.plain, self.repattern = data, sentences, plain, repattern
        self.swap = Swapper(vocabulary, first)
        found = [kind_of(word) for word in vocabulary]
        self.kind, self.meaning = torch.full((first + len(vocabulary),), -1), torch.full((first + len(vocabulary),), -1)
        self.surface = torch.full((len(data.attributes),), -1)  # a word for every attribute
        for k, f in enumerate(found):
            if f is not None and f[1] in data.attributes:
                meaning = data.attributes.index(f[1])
                self.kind[first + k], self.meaning[first + k] = f[0], meaning
                if self.surface[meaning] < 0 or vocabulary[k] == f[1]:
                    self.surface[meaning] = first + k

    def make(self, images: Tensor) -> Exercises:
        """Exercises for images (b,) of the data, each with one of its sentences."""
        data, rows = self.data, self.sentences.draw(images)
        words, region, counts = self.sentences.take(rows)
        member = torch.repeat_interleave(torch.arange(len(rows)), counts)
        chance = torch.rand(len(rows))
        kind = torch.where(chance < self.plain, 0, torch.where(chance < (1 + self.plain) / 2, 1, 2))
        # words that name the colour that their region has, and whether a region has one
        own_colour = data.values[images[member], region.clamp_min(0), COLOUR]
        colours = (region >= 0) & (self.kind[words] == COLOUR) & (self.meaning[words] == own_colour)
        coloured = torch.zeros_like(data.names[images], dtype=torch.bool)
        coloured[member[colours], region[colours]] = True
        covers, patterned = self._covers(rows, images, kind, coloured)
        changed, said = self._told(words, region, member, images, rows, covers)
        covers = [c for c in covers if kind[c[0]] != 2 or said[c[0], c[1]]]
        some = torch.zeros(len(rows), dtype=torch.bool).index_fill(0, torch.tensor([c[0] for c in covers], dtype=torch.int64), True)
        kind = torch.where(some, kind, 0)
        covers = [c for c in covers if kind[c[0]] > 0]
        if (kind == 2).any():
            changed, _ = self._told(words, region, member, images, rows, covers)
        said = self._named(rows, images) & (data.names[images] >= 0)[..., None]
        patterned = [c for c in covers if (c[0], c[1]) in patterned]
        changed = self._repatterned(changed, region, member, patterned, colours, said)
        words = torch.where((kind == 2)[member], changed, words)
        clean = data.pixels(images)
        covered, mask, _, shares = data.cover(clean, covers, images)
        over = (kind == 2)[:, None, None, None]
        given, answer = torch.where(over, clean, covered), torch.where(over, covered, clean)
        asked, values = torch.zeros_like(said[..., 0]), data.values[images]
        for k, node, other, foreign in covers:
            asked[k, node] = True
            if kind[k] == 2:
                values[k, node] = data.values[other, foreign]
        owner = None if data.owner is None else data.owner[images]
        return Exercises(given, answer, mask, shares, words, counts, kind, region, data.boxes[images], asked, values, said, owner)

    def _covers(
        self, rows: Tensor, images: Tensor, kind: Tensor, coloured: Tensor
    ) -> tuple[list[tuple[int, int, int, int]], set[tuple[int, int]]]:
        """(member, region, donor's image, donor's region): each region the sentence describes, in two thirds of the cases; and which
        (member, region) are to have another pattern.

        Of a "yellow plain belly" colour and pattern are exchanged equally often. Any donor that differs would have another colour nearly
        always, because there are many colours and most parts are plain.
        """
        generator = np.random.default_rng(int(torch.randint(2**31, ())))
        free, request = self.data.free[rows], self.data.request[rows]
        described = self._named(rows, images).any(2) & self.data.part[images] & (kind > 0)[:, None]
        out, patterned, image = [], set(), images.tolist()
        only_colour = ((free == FREE) == (torch.arange(len(KINDS)) == COLOUR)).all(2) & ~self.data.request[rows][:, None]
        may = only_colour & coloured & (self.data.values[images][..., PATTERN] > 0) & (kind == 2)[:, None]
        for member, node in described.nonzero().tolist():
            if generator.random() < 0.67:
                own = free[member, node].numpy()
                if self.data.owner is not None:  # what is cut out keeps its place, and so its size
                    own = np.where(np.arange(len(KINDS)) == SIZE, self.data.values[image[member], node].numpy(), own)
                if not (own == FREE).any() and not request[member]:
                    continue
                repattern = bool(may[member, node]) and generator.random() < self.repattern
                if repattern:
                    own = np.where(np.arange(len(KINDS)) == PATTERN, FREE, self.data.values[image[member], node].numpy())
                found = self.data.donor(image[member], node, own, generator, kind=_any_of(np.flatnonzero(own == FREE), generator))
                if found is not None and (not repattern or self.surface[self.data.values[*found, PATTERN]] >= 0):
                    out.append((member, node, *found))
                    patterned |= {(member, node)} if repattern else set()
        return out, patterned

    def _named(self, rows: Tensor, images: Tensor) -> Tensor:
        """What the sentence says of each region, (b, m, kinds): what a donor may, and in "red instead of blue" must, have otherwise."""
        free = self.data.free[rows]
        return (free == FREE) | self.data.request[rows][:, None, None] & (free != self.data.values[images])

    def _repatterned(self, words: Tensor, region: Tensor, member: Tensor, covers: list, colours: Tensor, said: Tensor) -> Tensor:
        """The words with the donor's pattern in place of the *colours* of the regions of *covers*; *said* (b, m, kinds) is put right."""
        if not covers:
            return words
        at, node, other, foreign = torch.tensor(covers).T
        new = torch.full(said.shape[:2], -1)
        new[at, node] = self.surface[self.data.values[other, foreign, PATTERN]]
        said[at, node] = torch.arange(len(KINDS)) == PATTERN
        wanted = torch.where(region >= 0, new[member, region.clamp_min(0)], -1)
        here = colours & (wanted >= 0)
        return self.swap.with_articles(torch.where(here, wanted, words), here, member)

    def _told(self, words: Tensor, region: Tensor, member: Tensor, images: Tensor, rows: Tensor, covers: list) -> tuple[Tensor, Tensor]:
        """The words as they tell of the donors, and which regions (b, m) are wholly told."""
        data = self.data
        b, m = len(rows), data.names.shape[1]
        new = torch.full((b, m, len(KINDS)), -1)
        if covers:
            at, node, other, foreign = torch.tensor(covers).T
            donor, own = data.values[other, foreign], data.values[images[at], node]
            new[at, node] = torch.where((donor != own) & (data.free[rows][at, node] == FREE), donor, -1)
            asked = data.request[rows][at, None] & (donor != own)  # "red instead of blue": blue is not free, but it is told
            new[at, node] = torch.where(asked, donor, new[at, node])
        place, kind = region.clamp_min(0), self.kind[words]
        wanted = torch.where((region >= 0) & (kind >= 0), new[member, place, kind.clamp_min(0)], -1)
        before, meaning = data.values[images[member], place, kind.clamp_min(0)], self.meaning[words]
        changed = (wanted >= 0) & (meaning == before) & (self.surface[wanted.clamp_min(0)] >= 0)
        back = (wanted >= 0) & (meaning == wanted) & data.request[rows][member] & (self.surface[before] >= 0)
        out = torch.where(changed, self.surface[wanted.clamp_min(0)], torch.where(back, self.surface[before], words))
        told = torch.zeros_like(new, dtype=torch.bool)
        told[member[changed], place[changed], kind[changed]] = True
        return self.swap.with_articles(out, changed | back, member), ((new < 0) | told).all(2)


def _any_of(kinds: np.ndarray, generator: np.random.Generator) -> int | None:
    return int(generator.choice(kinds)) if len(kinds) else None
