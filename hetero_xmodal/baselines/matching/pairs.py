"""Base of methods that compare every image with every caption: the score of a pair is computed from all its regions and words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...data.tasks.matching import Batch, Split
from .neural import NeuralMatching

#: values of one side (n, longest, width) and their mask (n, longest)
Side = tuple[Tensor, Tensor]


class NeuralPairs(NeuralMatching):
    """Base of methods whose module has ``images(flat, counts, places)`` and ``captions(flat, counts)``, which encode each side, and
    ``compare(images, captions)``, which gives the scores (images, captions) of all pairs."""

    block = (64, 128)  #: images and captions that are compared at a time
    needs_places = False  #: the method reads where regions lie

    def similarity(self, split: Split) -> np.ndarray:
        """Scores (images, captions), computed in blocks so that only one block's attention weights are in memory."""
        self._check_regions(split.regions)
        self._check_words(split.words)
        regions = self._inputs(split.regions)
        out, device = np.empty((len(regions), len(split)), dtype=np.float32), self.config.device
        with self._evaluating() as module:
            by_length = np.argsort(np.diff(split.words.offsets), kind="stable")  # captions of one length need no padding
            captions = []
            for columns in np.array_split(by_length, -(-len(split) // self.block[1])):
                flat, counts = split.words.take(columns)
                captions.append((columns, module.captions(flat.to(device), counts.to(device))))
            for rows in np.array_split(np.arange(len(regions)), -(-len(regions) // self.block[0])):
                flat, counts = regions.take(rows)
                places = regions.places(rows)
                images = module.images(flat.to(device), counts.to(device), None if places is None else places.to(device))
                for columns, caption in captions:
                    out[np.ix_(rows, columns)] = module.compare(images, caption).cpu().numpy()
        return out

    def _inputs(self, regions: Any) -> Any:
        return regions if self.needs_places else super()._inputs(regions)


def compare_batch(module: Any, batch: Batch) -> Tensor:
    """Scores (images, captions) of a batch."""
    images = module.images(batch.regions, batch.region_counts, batch.places)
    return module.compare(images, module.captions(batch.words, batch.word_counts))


def attended(queries: Side, contexts: Side, *, temperature: float, clip: Callable[[Tensor], Tensor]) -> Tensor:
    """For every query vector its attended vector in every context, SCAN's attention: (contexts, queries, q, d).

    ``s = clip(c . q)``, L2-normalised over the queries of one owner; weights are its softmax over the vectors c of a context, at the
    inverse *temperature*.
    """
    (q, _), (c, mask) = queries, contexts
    scores = clip(torch.einsum("ncd,mqd->nmcq", c, q))
    weight = temperature * scores / (scores.square().sum(3, keepdim=True) + 1e-12).sqrt()
    weight = weight.masked_fill(~mask[:, None, :, None], -torch.inf).softmax(2)
    return torch.einsum("nmcq,ncd->nmqd", weight, c)
