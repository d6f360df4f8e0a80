"""What an index of a TRAIL keeps: one vector of every image and sentence and, for the second stage, keys and relations of the images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from ..errors import InputError

if TYPE_CHECKING:
    from ..data.tasks.matching.said import SaidBatch, TypedSplit
    from ..recipes.trail import TRAIL

#: names of the tensors in :attr:`~hetero_xmodal.retrieval.index.EmbeddingIndex.details`
DETAILS = ("keys", "key_offsets", "seen", "seen_offsets")
_BLOCK = 256


@torch.no_grad()
def embed_typed(model: TRAIL, data: TypedSplit, *, sides: Sequence[str]) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
    """Vectors of the images (n, d) and sentences (m, d) of a split, and details of the images; a side not asked for is empty."""
    n, m = len(data.split.regions), len(data) if "texts" in sides else 0
    images, keys, counts = [torch.zeros(0, model.config.vector_width)], [], []
    for start in range(0, n if "images" in sides else 0, _BLOCK):
        side = model.images(*data.images(np.arange(start, min(start + _BLOCK, n))))
        images.append(side.vectors)
        keys.append(side.keys[side.mask].half())
        counts.append(side.mask.sum(1))
    texts = [model.sentences(data.said.take(np.arange(k, min(k + _BLOCK, m)))).vectors for k in range(0, m, _BLOCK)]
    details = {}
    if "images" in sides:
        offsets = torch.cat([torch.zeros(1, dtype=torch.int64), torch.cat(counts).cumsum(0)])
        details = dict(zip(DETAILS, (torch.cat(keys), offsets, torch.from_numpy(data.seen.relations.astype(np.int32)),
                                     torch.from_numpy(data.seen.offsets)), strict=True))  # fmt: skip
    found = torch.cat(images) if "images" in sides else torch.zeros(n, model.config.vector_width)
    return found, torch.cat([torch.zeros(0, model.config.vector_width), *texts]), details


def query_said(model: TRAIL, sentence: str) -> SaidBatch:
    """A sentence as *model* reads it.

    Raises
    ------
    InputError : an empty sentence, or one of which the model knows no word.
    """
    from ..data.tasks.matching import encode_words
    from ..data.tasks.matching.said import encode_said, parse_said

    if not sentence.strip():
        raise InputError("the sentence is empty; say what the image should show")
    words = encode_words(model.vocab["texts"], [sentence], progress=False) if model.config.word_width else None
    said = encode_said(parse_said([sentence], progress=False), model.vocab["said"], words)
    if not model.config.word_width and not said.symbols.any():
        known: list[Any] = model.vocab["said"]["words"][1:]
        some = ", ".join(known[:: max(1, len(known) // 8)][:8])
        raise InputError(f"the model knows no word of {sentence[:80]!r}; it knows {len(known)} words, such as {some}")
    return said.take([0])
