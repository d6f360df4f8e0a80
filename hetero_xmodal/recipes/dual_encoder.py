"""Base of models with a region encoder and a word encoder: embeddings for retrieval, and ensembles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..data.tasks.matching import Batch, Regions, Words, check_provenance
from ..errors import InputError
from ..networks.camera import PLACE_WIDTH
from ..pretrained import Pretrained


class DualEncoder(Pretrained, nn.Module):
    """Base of a matching model whose ``forward(batch, phase=...)`` gives the state ``e`` of ``image`` and ``sentence`` (b, width).

    The config has ``region_width``, ``word_width``, ``width``, ``vocabulary`` and ``members``. A model with more than one member is an
    ensemble: it is the first member itself, and ``others`` are the further ones.
    """

    others: nn.ModuleList

    def check_single(self) -> None:
        """Check that the model is not an ensemble, whose members are trained one by one.

        Raises
        ------
        InputError
            If it is one.
        """
        if len(self.others):
            raise InputError("the members of an ensemble are trained one by one: train models with members=1 and join them with ALGR.join")

    def embed_images(self, regions: Regions | Tensor, *, phase: int = 2, block: int = 256) -> Tensor:
        """Images to unit vectors (n, width * members) on the CPU, whose dot products with those of captions are cosines.

        *regions* are :class:`~hetero_xmodal.data.tasks.matching.Regions`, or a tensor (n, k, region_width).

        Raises
        ------
        InputError
            If the regions have another width or provenance than those of the training data.
        """
        if not isinstance(regions, Regions):
            values = torch.as_tensor(regions)
            if values.ndim != 3:
                raise InputError(f"regions have shape {tuple(values.shape)}, expected (images, regions, {self.config.region_width})")
            features = values.detach().cpu().numpy()
            regions = Regions(features, np.full(len(features), features.shape[1]))
        if regions.width != self.config.region_width:
            raise InputError(
                f"regions have {regions.width} columns, but this {type(self).__name__} was trained on {self.config.region_width}; "
                "use features of the same extractor"
            )
        check_provenance(self.vocab, {"images": regions.provenance})
        return self._embed(len(regions), lambda rows: self._images(regions, rows), "image", phase, block)

    def embed_captions(self, words: Words, *, phase: int = 2, block: int = 512) -> Tensor:
        """Captions to unit vectors (m, width * members) on the CPU, independent of any image.

        Raises
        ------
        InputError
            If the words have another width or provenance than those of the training data.
        """
        if words.values.ndim == 2 and words.values.shape[1] != self.config.word_width:
            raise InputError(
                f"word vectors have {words.values.shape[1]} columns, but this {type(self).__name__} was trained on "
                f"{self.config.word_width}; use the same encoder"
            )
        check_provenance(self.vocab, {"texts": words.provenance})
        return self._embed(len(words), lambda rows: self._sentences(words, rows), "sentence", phase, block)

    @torch.no_grad()
    def _embed(self, n: int, read: Any, side: str, phase: int, block: int) -> Tensor:
        if not n:
            return torch.zeros(0, self.config.width * self.config.members)
        training = self.training
        self.eval()  # no dropout, no noise
        device, parts = next(self.parameters()).device, []
        try:
            for start in range(0, n, block):
                batch = read(np.arange(start, min(start + block, n))).to(device)
                parts.append(F.normalize(self(batch, phase=phase)[side]["e"], dim=1).cpu())
        finally:
            self.train(training)
        members = [torch.cat(parts), *(cast(DualEncoder, other)._embed(n, read, side, phase, block) for other in self.others)]
        return torch.cat(members, 1) / len(members) ** 0.5  # so that dot products are the mean of the members' cosines

    def _images(self, regions: Regions, rows: np.ndarray) -> Batch:
        """Images without captions."""
        values, counts = regions.take(rows)
        config = self.config
        words = torch.zeros(0, dtype=torch.int64) if config.vocabulary else torch.zeros(0, config.word_width)
        numbers = torch.from_numpy(rows)
        return Batch(values, counts, words, torch.zeros_like(counts), numbers, numbers, regions.places(rows))

    def _sentences(self, words: Words, rows: np.ndarray) -> Batch:
        """Captions without images."""
        values, counts = words.take(rows)
        none, numbers = torch.zeros(0, self.config.region_width), torch.from_numpy(rows)
        return Batch(none, torch.zeros_like(counts), values, counts, numbers, numbers, torch.zeros(0, PLACE_WIDTH))

    @classmethod
    def join(cls, models: Sequence[DualEncoder]) -> DualEncoder:
        """An ensemble of models trained one by one; its cosine is the mean of theirs (the paper's starred rows).

        Raises
        ------
        InputError
            If the models differ in their settings or are ensembles themselves.
        """
        first = models[0]
        if any(model.config != first.config or len(model.others) for model in models):
            raise InputError("an ensemble needs single models with equal settings; these differ")
        out = cls(replace(first.config, members=len(models)), first.vocab)
        out.load_state_dict(first.state_dict(), strict=False)
        for member, model in zip(out.others, models[1:], strict=True):
            member.load_state_dict(model.state_dict())
        return out.eval()
