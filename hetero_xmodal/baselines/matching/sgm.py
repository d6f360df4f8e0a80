"""SGM: scene graph matching (Wang et al. 2020), on the scene graphs of both sides.

An image is a graph of its regions and of the relations between them, a sentence one of its things and of the relations that it states. An
object of the sentence is compared with every region, a relation that is stated with every relation that is seen:
``score = mean over things of max over regions of t . v + mean over stated relations of max over seen relations of r . q``.

==================  ================================================================  ==================================================
region              linear map of its features, which hold its class                  the paper joins features and word vector of the label
seen relation       map of [subject, predicate, object], the regions' vectors         the paper's graph convolution: relations hear their
                                                                                      ends, objects only themselves
thing               state of a GRU over the sentence at the thing's word              the paper's path of words
stated relation     last state of a GRU over subject, predicate, object               the paper's path of a triplet
==================  ================================================================  ==================================================

Regions, relations and the parse are this package's; the paper has those of a detector trained on Visual Genome.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...data.tasks.matching import Batch, Split
from ...data.tasks.matching.said import SEEN, SaidBatch, TypedSplit, encode_said, read_seen, said_vocabulary, split_graphs
from ...graphs.said import SaidGraph
from ...networks.padding import padded
from .neural import InputScale, MatchingConfig
from .pairs import NeuralPairs

#: vectors (n, longest, width) of the objects of n graphs with their mask, and the same of their relations
Graphs = tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]


@dataclass(frozen=True, kw_only=True)
class SGMConfig(MatchingConfig):
    """Settings of SGM: those of :class:`MatchingConfig`."""


class SGM(NeuralPairs):
    """Scene graphs of both sides, compared object by object and relation by relation."""

    name = "SGM"
    Config = SGMConfig
    needs_places = True

    def _fit(self, train: Split, validation: Split) -> None:
        self._parsed: dict[tuple[str, ...], list[SaidGraph]] = {}
        self._vocabulary = said_vocabulary(self._graphs(train))
        self._train = self._typed(train)
        super()._fit(train, validation)

    def _graphs(self, split: Split) -> list[SaidGraph]:
        key = tuple(split.captions)
        if key not in self._parsed:
            self._parsed[key] = split_graphs(split, progress=False)
        return self._parsed[key]

    def _typed(self, split: Split) -> TypedSplit:
        return TypedSplit(split, encode_said(self._graphs(split), self._vocabulary, split.words), read_seen(split.regions))

    def _build(self, regions: InputScale, words: nn.Module) -> nn.Module:
        rows = None if isinstance(words, InputScale) else len(self._vocabulary["words"])
        return SceneGraphs(regions, words, self.config, words=rows, predicates=len(self._vocabulary["predicates"]))

    def _loss(self, batch: Batch, progress: float) -> Tensor:
        images, captions = self._typed_encoders(self._train)
        scores = self.module.compare(images(batch.images.cpu().numpy()), captions(batch.captions.cpu().numpy()))
        return self._ranking(scores, batch, progress)

    def _encoders(self, split: Split) -> tuple[Callable[[np.ndarray], Graphs], Callable[[np.ndarray], Graphs]]:
        return self._typed_encoders(self._typed(split))

    def _typed_encoders(self, data: TypedSplit) -> tuple[Callable[[np.ndarray], Graphs], Callable[[np.ndarray], Graphs]]:
        """Functions that encode the scene graphs of the images, and of the captions, of the given rows."""
        module, device = self.module, self.config.device
        return (
            lambda rows: module.images(*(value.to(device) for value in data.images(rows))),
            lambda rows: module.captions(data.said.take(rows).to(device)),
        )


class SceneGraphs(nn.Module):
    """Encoders of the scene graphs of both sides, and the scores of all pairs.

    words : size of the vocabulary of words that have no vectors, or None
    predicates : size of the vocabulary of predicates that sentences state
    """

    def __init__(self, regions: InputScale, inputs: nn.Module, config: MatchingConfig, *, words: int | None, predicates: int) -> None:
        super().__init__()
        width = config.width
        self.regions, self.region_linear = regions, nn.Linear(regions.width, width)
        self.inputs = inputs if words is None else None
        self.symbols = None if words is None else nn.Embedding(words, config.word_width)
        size = inputs.width if words is None and isinstance(inputs, InputScale) else config.word_width
        self.sentence = nn.GRU(size, width, batch_first=True, bidirectional=True)
        self.seen, self.said = nn.Embedding(len(SEEN), width), nn.Embedding(predicates, size)
        self.relation = nn.Linear(3 * width, width)
        self.triplet = nn.GRU(size, width, batch_first=True)

    def images(self, flat: Tensor, counts: Tensor, relations: Tensor, relation_counts: Tensor) -> Graphs:
        """Unit vectors of region features (R, d), *counts* (n,), and of relations seen (T, 3), *relation_counts* (n,)."""
        rows = self.region_linear(self.regions(flat))
        start = torch.repeat_interleave(counts.cumsum(0) - counts, relation_counts)
        b, q, c = relations.T
        seen = torch.tanh(self.relation(torch.cat([rows[b + start], self.seen(q), rows[c + start]], 1)))
        return padded(F.normalize(rows, dim=1), counts), padded(F.normalize(seen, dim=1), relation_counts)

    def captions(self, said: SaidBatch) -> Graphs:
        """Unit vectors of the things of each caption, or of all words where it names none, and of the relations that it states."""
        vectors = self._words(said)
        owner = torch.repeat_interleave(torch.arange(len(said.counts), device=vectors.device), said.counts)
        sequences, mask = padded(vectors, said.counts)
        packed = nn.utils.rnn.pack_padded_sequence(sequences, said.counts.cpu(), batch_first=True, enforce_sorted=False)
        states = nn.utils.rnn.pad_packed_sequence(self.sentence(packed)[0], batch_first=True)[0].unflatten(2, (2, -1)).mean(2)[mask]
        things = said.objects | (torch.bincount(owner[said.objects], minlength=len(said.counts)) == 0)[owner]
        i, p, j = said.relations
        stated = vectors.new_zeros(0, states.shape[1])
        if len(p):
            stated = self.triplet(torch.stack([vectors[i], self.said(p), vectors[j]], 1))[1][0]
        objects = padded(F.normalize(states[things], dim=1), torch.bincount(owner[things], minlength=len(said.counts)))
        return objects, padded(F.normalize(stated, dim=1), torch.bincount(owner[i], minlength=len(said.counts)))

    def _words(self, said: SaidBatch) -> Tensor:
        if self.symbols is not None:
            return self.symbols(said.symbols)
        assert self.inputs is not None and said.vectors is not None
        return self.inputs(said.vectors)

    def compare(self, images: Graphs, captions: Graphs) -> Tensor:
        """Scores (images, captions)."""
        return sum((best_of(image, caption) for image, caption in zip(images, captions, strict=True)), torch.zeros(()))


def best_of(images: tuple[Tensor, Tensor], captions: tuple[Tensor, Tensor]) -> Tensor:
    """Mean over the rows of each caption of the best product with a row of each image, (images, captions); 0 where either has none.

    >>> one, two = torch.eye(2)[None], torch.tensor([[[1.0, 0.0], [0.6, 0.8]]])
    >>> everything = torch.ones(1, 2, dtype=torch.bool)
    >>> best_of((one, everything), (two, everything)).tolist()
    [[0.8999999761581421]]
    """
    (seen, mask), (said, words) = images, captions
    product = torch.einsum("cid,nbd->ncib", said, seen).masked_fill(~mask[:, None, None], -torch.inf)
    best = product.amax(3).masked_fill(~words | ~mask.any(1)[:, None, None], 0)
    return best.sum(2) / words.sum(1).clamp_min(1)
