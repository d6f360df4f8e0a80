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
        out = np.empty((len(split.regions), len(split)), dtype=np.float32)
        with self._evaluating() as module:
            image_side, caption_side = self._encoders(split)
            by_length = np.argsort(np.diff(split.words.offsets), kind="stable")  # captions of one length need no padding
            blocks = np.array_split(by_length, -(-len(split) // self.block[1]))
            captions = [(columns, caption_side(columns)) for columns in blocks]
            for rows in np.array_split(np.arange(len(out)), -(-len(out) // self.block[0])):
                images = image_side(rows)
                for columns, caption in captions:
                    out[np.ix_(rows, columns)] = module.compare(images, caption).cpu().numpy()
        return out

    def _encoders(self, split: Split) -> tuple[Callable[[np.ndarray], Any], Callable[[np.ndarray], Any]]:
        """Functions that encode the images, and the captions, of the given rows of *split*."""
        module, device, regions = self.module, self.config.device, self._inputs(split.regions)

        def images(rows: np.ndarray) -> Any:
            (flat, counts), places = regions.take(rows), regions.places(rows)
            return module.images(flat.to(device), counts.to(device), None if places is None else places.to(device))

        def captions(rows: np.ndarray) -> Any:
            flat, counts = split.words.take(rows)
            return module.captions(flat.to(device), counts.to(device))

        return images, captions

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
