"""MIM-Net's training examples: matched pairs, and two exercises in which copying the input is wrong.

In the paper's scheme there are matched pairs, whose target is the input itself, and random captions, supervised by the discriminator alone.
With a decoder that can show its input, the former teach copying, and only the latter teach editing. Therefore there are also:

* **restore**: parts that the sentence describes are covered by parts of other images; the original image is the target.
* **transplant**: the reverse: the input is the original image, the sentence describes the foreign parts, and the image with them is the
  target. The input has no seams, as in use. Few sentences contain "plain", so plain parts would rarely become striped; therefore some of
  the parts with only their colour stated are replaced by parts of the same colour and another pattern, and the colour word by the pattern
  word: "a yellow belly" becomes "a striped belly".

A request such as "the box is green instead of purple" is used in both ways too: a purple box is covered by a green one, or the reverse.

On photographs, whose parts of different images do not fit each other, a share of both recolours a region instead, in CIELAB
(:meth:`~.dataset.ManipulationData.recolour`): the original is the target, or the recoloured image is and the sentence names its colour.

Both are made from annotations alone, without true edited images. The exchanged regions are boxes or, for objects on a background, their
segmentations (:mod:`.segmentation`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from torch import Tensor

from ... import schema as s
from .attribute_swaps import Swapper, word_regions
from .dataset import FREE, KINDS, ManipulationData, Turned, kind_of
from .recolour import LAB

COLOUR, PATTERN, SIZE = (KINDS.index(name) for name in ("colour", "pattern", "size"))


class Sentences:
    """The words of all sentences of *data* as token ids, and the region of the image that each word refers to.

    Parameters
    ----------
    data : ManipulationData
    numbers : maps lower-case words to token ids
    patterned : sampling weight of sentences that name a pattern, relative to others
    requested : sampling weight of requests ("green instead of purple")
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
            own, visual = graph.batch_num_nodes(s.WORD), graph.batch_num_nodes(s.VISUAL)
            region = word_regions(graph)
            # "green instead of red": the parser takes "red" for an object, but it refers to the same region as "instead of"
            sentence = torch.arange(start, start + len(own)).repeat_interleave(own)
            attribute = torch.tensor([kind_of(text.decode("utf-8", "replace")) is not None for text in texts.tolist()])
            lost = (region < 0) & data.request[sentence] & attribute[torch.from_numpy(place)]
            lost[own.cumsum(0) - own] = False  # the first words of sentences
            region = torch.where(lost, region.roll(1), region)
            regions.append(torch.where(region < 0, -1, region - (visual.cumsum(0) - visual).repeat_interleave(own)))
            counts.append(own)
        self.words, self.regions, self.counts = torch.cat(words), torch.cat(regions), torch.cat(counts)
        self.starts = self.counts.cumsum(0) - self.counts
        # sentences are ordered by image
        self.per_image = torch.bincount(data.image, minlength=len(data.images))
        last = self.per_image.cumsum(0)
        # cumulative weights of the sentences; those of an image lie between low and high
        # "plain" counts as a pattern here, because a transplant changes it into stripes
        self.ends = (data.weights(patterned, plain=True).double() * torch.where(data.request, requested, 1.0)).cumsum(0)
        marks = torch.cat([torch.zeros(1), self.ends])
        self.low, self.high = marks[last - self.per_image], marks[last]

    def draw(self, images: Tensor) -> Tensor:
        """A random sentence (b,) of each of the images (b,), in proportion to the weights."""
        low, high = self.low[images], self.high[images]
        return torch.searchsorted(self.ends, low + torch.rand(len(images)) * (high - low), right=True)

    def image_weights(self) -> Tensor:
        """Sampling weights (n,) of the images with which :meth:`draw` gives every sentence in proportion to its weight."""
        return (self.high - self.low) / self.per_image

    def take(self, rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Words (n,), their regions (n,) and the number of words (b,) of the sentences *rows* (b,)."""
        counts = self.counts[rows]
        inside = torch.arange(int(counts.sum())) - (counts.cumsum(0) - counts).repeat_interleave(counts)
        index = self.starts[rows].repeat_interleave(counts) + inside
        return self.words[index], self.regions[index], counts


@dataclass(frozen=True)
class Exercises:
    """A batch of b pairs.

    given, answer : (b, 3, S, S), input and target images
    mask : (b, 1, S, S), 1 where the two may differ
    shares : (b, 1, S, S), weights of these pixels with which every exchanged part counts equally
    words, counts : (n,) token ids of all words, and (b,) number of words of each sentence
    kind : (b,), 0 matched pair, 1 restore, 2 transplant
    regions : (n,), index of the region that each word refers to, -1 for none
    boxes : (b, m, 4) boxes of the regions, relative to the image's sides
    asked : (b, m), whether the exercise changes the region
    values, stated : (b, m, kinds), attribute values of all regions in the target, and whether the sentence states them
    owner : (b, S, S), the region that each pixel shows, as in the data; None if only boxes are known
    described : (b, m), whether the sentence describes the region
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
    stated: Tensor
    owner: Tensor | None = None

    def to(self, device: torch.device | str) -> Exercises:
        """The same batch on *device*."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return Exercises(**{name: None if value is None else value.to(device) for name, value in values.items()})

    @property
    def described(self) -> Tensor:
        """Whether the sentence describes the region, (b, m)."""
        return self.stated.any(2)


class Maker:
    """Makes the exercises of a data set.

    Parameters
    ----------
    data, sentences : source of the exercises
    vocabulary, first : lower-case words; word k has the token id k + *first*
    plain : share of matched pairs
    repattern : share of the transplanted parts with only their colour stated that get another pattern and keep their colour
    recolour : share of the exercises that recolour a region instead
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
        recolour: float = 0.0,
    ) -> None:
        self.data, self.sentences, self.plain, self.repattern, self.recolour = data, sentences, plain, repattern, recolour
        self.swap = Swapper(vocabulary, first)
        self.colours = torch.tensor([first + vocabulary.index(name) if name in vocabulary else -1 for name in LAB])
        found = [kind_of(word) for word in vocabulary]
        self.kind, self.meaning = torch.full((first + len(vocabulary),), -1), torch.full((first + len(vocabulary),), -1)
        self.surface = torch.full((len(data.attributes),), -1)  # a word for every attribute
        self.says_colour = torch.tensor([False] * first + [f is not None and f[0] == COLOUR for f in found])
        for k, f in enumerate(found):
            if f is not None and f[1] in data.attributes:
                meaning = data.attributes.index(f[1])
                self.kind[first + k], self.meaning[first + k] = f[0], meaning
                if self.surface[meaning] < 0 or vocabulary[k] == f[1]:
                    self.surface[meaning] = first + k

    def make(self, images: Tensor) -> Exercises:
        """Exercises for the images (b,) of the data, each with one of its sentences."""
        data, rows = self.data, self.sentences.draw(images)
        words, region, counts = self.sentences.take(rows)
        member = torch.repeat_interleave(torch.arange(len(rows)), counts)
        chance = torch.rand(len(rows))
        kind = torch.where(chance < self.plain, 0, torch.where(chance < (1 + self.plain) / 2, 1, 2))
        turns = (kind > 0) & (torch.rand(len(rows)) < self.recolour) if self.recolour else torch.zeros(len(rows), dtype=torch.bool)
        wanted, kind = kind, torch.where(turns, 0, kind)
        # words that name the true colour of their region, and regions with such a word
        own_colour = data.values[images[member], region.clamp_min(0), COLOUR]
        colours = (region >= 0) & (self.kind[words] == COLOUR) & (self.meaning[words] == own_colour)
        coloured = torch.zeros_like(data.names[images], dtype=torch.bool)
        coloured[member[colours], region[colours]] = True
        covers, patterned = self._covers(rows, images, kind, coloured)
        changed, stated = self._with_donor_words(words, region, member, images, rows, covers)
        covers = [c for c in covers if kind[c[0]] != 2 or stated[c[0], c[1]]]
        some = torch.zeros(len(rows), dtype=torch.bool).index_fill(0, torch.tensor([c[0] for c in covers], dtype=torch.int64), True)
        kind = torch.where(some, kind, 0)
        covers = [c for c in covers if kind[c[0]] > 0]
        if (kind == 2).any():
            changed, _ = self._with_donor_words(words, region, member, images, rows, covers)
        stated = self._named(rows, images) & (data.names[images] >= 0)[..., None]
        patterned = [c for c in covers if (c[0], c[1]) in patterned]
        changed = self._repatterned(changed, region, member, patterned, colours, stated)
        words = torch.where((kind == 2)[member], changed, words)
        clean = data.pixels(images)
        covered, mask, _, shares = data.cover(clean, covers, images)
        over = (kind == 2)[:, None, None, None]
        given, answer = torch.where(over, clean, covered), torch.where(over, covered, clean)
        asked, values = torch.zeros_like(stated[..., 0]), data.values[images]
        for k, node, other, foreign in covers:
            asked[k, node] = True
            if kind[k] == 2:
                values[k, node] = data.values[other, foreign]
        owner = None if data.owner is None else data.owner[images]
        made = Exercises(given, answer, mask, shares, words, counts, kind, region, data.boxes[images], asked, values, stated, owner)
        if not turns.any():
            return made
        named = (region >= 0) & self.says_colour[words]  # captions of one image differ in what they call a colour
        return self._recoloured(made, data.recolour(clean, images, turns, data.free[rows]), wanted, named, member)

    def _recoloured(self, made: Exercises, turned: Turned, wanted: Tensor, named: Tensor, member: Tensor) -> Exercises:
        """The exercises with those that recolour a region: of the kind that is *wanted* (b,), a transplant only where a word can say it.

        named : mask (n,) of the words that name a colour of their region.
        """
        b, size = len(wanted), made.given.shape[-1]
        some = turned.node >= 0
        known = torch.tensor([self.data.attributes.index(name) if name in self.data.attributes else 0 for name in LAB])
        new, surface = known[turned.colour], torch.where(some, self.colours[turned.colour], -1)
        says = named & (made.regions == turned.node[member]) & (surface >= 0)[member]
        able = torch.zeros(b, dtype=torch.bool).index_fill(0, member[says], True)
        kind = torch.where(some, torch.where(able, wanted, 1), made.kind)
        over = some & (kind == 2)
        here = says & over[member]
        words = self.swap.with_articles(torch.where(here, surface[member], made.words), here, member)
        pixels, back = some[:, None, None, None], over[:, None, None, None]
        given = torch.where(pixels & ~back, turned.images, made.given)
        answer = torch.where(back, turned.images, made.answer)
        share = turned.mask / turned.mask.sum((1, 2, 3), keepdim=True).clamp_min(size * size / 256)
        asked, values = made.asked.clone(), made.values.clone()
        asked[some, turned.node[some]] = True
        values[over, turned.node[over], COLOUR] = new[over]
        mask, shares = torch.maximum(made.mask, turned.mask), made.shares + share
        return replace(
            made, given=given, answer=answer, mask=mask, shares=shares, words=words, kind=kind, asked=asked, values=values
        )  # fmt: skip

    def _covers(
        self, rows: Tensor, images: Tensor, kind: Tensor, coloured: Tensor
    ) -> tuple[list[tuple[int, int, int, int]], set[tuple[int, int]]]:
        """(member, region, donor's image, donor's region) for each region that the sentence describes, with a probability of two thirds;
        and the (member, region) that get another pattern.

        Of a "yellow plain belly", colour and pattern are exchanged equally often. An arbitrary donor would almost always differ in colour,
        because there are many colours and most parts are plain.
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
                if self.data.owner is not None:  # segmented objects keep position and size
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
        """Attributes that the sentence states, (b, m, kinds), in which a donor may (and in "red instead of blue" must) differ."""
        free = self.data.free[rows]
        return (free == FREE) | self.data.request[rows][:, None, None] & (free != self.data.values[images])

    def _repatterned(self, words: Tensor, region: Tensor, member: Tensor, covers: list, colours: Tensor, stated: Tensor) -> Tensor:
        """Replace the colour words (mask *colours*) of the regions in *covers* by the donor's pattern; updates *stated* (b, m, kinds)."""
        if not covers:
            return words
        at, node, other, foreign = torch.tensor(covers).T
        new = torch.full(stated.shape[:2], -1)
        new[at, node] = self.surface[self.data.values[other, foreign, PATTERN]]
        stated[at, node] = torch.arange(len(KINDS)) == PATTERN
        wanted = torch.where(region >= 0, new[member, region.clamp_min(0)], -1)
        here = colours & (wanted >= 0)
        return self.swap.with_articles(torch.where(here, wanted, words), here, member)

    def _with_donor_words(
        self, words: Tensor, region: Tensor, member: Tensor, images: Tensor, rows: Tensor, covers: list
    ) -> tuple[Tensor, Tensor]:
        """The words with the donors' attributes, and the regions (b, m) whose changes are all expressed."""
        data = self.data
        b, m = len(rows), data.names.shape[1]
        new = torch.full((b, m, len(KINDS)), -1)
        if covers:
            at, node, other, foreign = torch.tensor(covers).T
            donor, own = data.values[other, foreign], data.values[images[at], node]
            new[at, node] = torch.where((donor != own) & (data.free[rows][at, node] == FREE), donor, -1)
            asked = data.request[rows][at, None] & (donor != own)  # in "red instead of blue", blue is not FREE but stated
            new[at, node] = torch.where(asked, donor, new[at, node])
        place, kind = region.clamp_min(0), self.kind[words]
        wanted = torch.where((region >= 0) & (kind >= 0), new[member, place, kind.clamp_min(0)], -1)
        before, meaning = data.values[images[member], place, kind.clamp_min(0)], self.meaning[words]
        changed = (wanted >= 0) & (meaning == before) & (self.surface[wanted.clamp_min(0)] >= 0)
        back = (wanted >= 0) & (meaning == wanted) & data.request[rows][member] & (self.surface[before] >= 0)
        out = torch.where(changed, self.surface[wanted.clamp_min(0)], torch.where(back, self.surface[before], words))
        expressed = torch.zeros_like(new, dtype=torch.bool)
        expressed[member[changed], place[changed], kind[changed]] = True
        return self.swap.with_articles(out, changed | back, member), ((new < 0) | expressed).all(2)


def _any_of(kinds: np.ndarray, generator: np.random.Generator) -> int | None:
    return int(generator.choice(kinds)) if len(kinds) else None
