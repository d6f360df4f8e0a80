"""TRAIL's search in two stages: one vector of every image finds candidates, the whole score ranks them.

====================================  ==========================================================================================
:func:`rank_images`                   images for sentences: stage one by the vectors, stage two among the best 200
:func:`rank_sentences`                sentences for an image
:func:`token_candidates`              another stage one: every word looks for its best region (max-sim, as in ColBERT)
====================================  ==========================================================================================

What the second stage reads of an image are its keys, as many vectors as it has regions, in half precision, and the relations between
them; sentences are parsed when they are ranked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from ..errors import InputError
from .index import EmbeddingIndex, nearest_rows
from .typed_rows import DETAILS

if TYPE_CHECKING:
    from ..data.tasks.matching import Split
    from ..data.tasks.matching.said import SaidBatch
    from ..recipes.trail import TRAIL
    from ..recipes.typed_scores import ImageSide, SentenceSide

#: candidates of stage one that stage two ranks. On 1,000 validation scenes 100 lose .7 of Rsum, 200 nothing, and stage two takes 1 ms of
#: processor time a sentence in place of .85 (benchmarks/two_stage.py)
CANDIDATES = 200


def side_of(index: EmbeddingIndex, rows: Tensor) -> ImageSide:
    """What the second stage reads of the images *rows* (k,).

    Raises
    ------
    InputError : an index without details, made of texts alone or by another recipe.
    """
    from ..networks.padding import padded
    from ..recipes.typed_scores import ImageSide

    if any(name not in index.details for name in DETAILS):
        raise InputError("this index has no regions to rank images by; make it again with hetero-xmodal index and a TRAIL")
    parts = []
    for values, offsets in (("keys", "key_offsets"), ("seen", "seen_offsets")):
        starts, counts = index.details[offsets][rows], index.details[offsets][rows + 1] - index.details[offsets][rows]
        place = torch.arange(int(counts.sum())) - torch.repeat_interleave(counts.cumsum(0) - counts - starts, counts)
        some = index.details[values][place]
        parts += padded(some.float() if values == "keys" else some.long(), counts)
    return ImageSide(*parts, index.images[rows].float())


@torch.no_grad()
def rank_images(
    model: TRAIL, said: SaidBatch, index: EmbeddingIndex, *, top: int = 10, candidates: int = CANDIDATES, rows: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Scores and row numbers (q, top) of the images that fit each sentence best, best first.

    Parameters
    ----------
    said : q sentences as *model* reads them.
    index : made by :func:`~hetero_xmodal.retrieval.index.build_index` with the same model.
    top : how many; at least as many candidates are ranked.
    candidates : how many images of stage one stage two ranks.
    rows : (q, k) candidates found otherwise, such as by :func:`token_candidates`.
    """
    sentences = model.sentences(said)
    if rows is None:
        rows = nearest_rows(sentences.vectors, index.images, top=max(top, candidates))[1]
    scores = []
    for k in range(len(rows)):
        scores.append(model.compare(side_of(index, rows[k]), one_sentence(sentences, k))[:, 0])
    found = torch.stack(scores) if scores else torch.zeros(rows.shape)
    best, order = found.sort(dim=1, descending=True, stable=True)
    return best[:, :top], rows.gather(1, order)[:, :top]


@torch.no_grad()
def rank_sentences(
    model: TRAIL, split: Split, index: EmbeddingIndex, *, top: int = 10, candidates: int = CANDIDATES
) -> tuple[Tensor, Tensor]:
    """Scores and row numbers (1, top) of the sentences of *index* that fit the one image of *split* best; candidates are parsed."""
    from ..data.tasks.matching import encode_words
    from ..data.tasks.matching.said import encode_said, parse_said
    from ..training.trail import image_sides, model_split

    data = model_split(model, split, graphs=[])
    image = image_sides(model, data, np.zeros(1, np.int64))
    rows = nearest_rows(image.vectors, index.texts, top=max(top, candidates))[1][0]
    texts = [index.captions[k] for k in rows.tolist()]
    words = encode_words(model.vocab["texts"], texts, progress=False) if model.config.word_width else None
    said = encode_said(parse_said(texts, progress=False), model.vocab["said"], words)
    scores = model.compare(image, model.sentences(said.take(np.arange(len(texts)))))[0]
    best, order = scores.sort(descending=True, stable=True)
    return best[None, :top], rows[order][None, :top]


def one_sentence(sentences: SentenceSide, row: int) -> SentenceSide:
    """Sentence *row* alone."""
    from ..recipes.typed_scores import SentenceSide

    said = sentences.said[sentences.said[:, 0] == row].clone()
    said[:, 0] = 0
    some = slice(row, row + 1)
    length = int(sentences.mask[row].nonzero().max()) + 1 if sentences.mask[row].any() else 1
    short = (value[some, :length] for value in (sentences.queries, sentences.mask, sentences.importance, sentences.numbers))
    return SentenceSide(*short, sentences.vectors[some], said)


@torch.no_grad()
def token_candidates(sentences: SentenceSide, index: EmbeddingIndex, *, candidates: int = CANDIDATES, block: int = 4096) -> Tensor:
    """Rows (q, candidates) of the images with the largest sum over the words of the match with the best region, block by block."""
    keys, offsets = index.details["keys"], index.details["key_offsets"]
    counts = sentences.mask.sum(1)
    owner = torch.repeat_interleave(torch.arange(len(counts)), counts)
    queries = sentences.queries[sentences.mask]
    best_scores, best_rows = torch.empty(len(counts), 0), torch.empty(len(counts), 0, dtype=torch.int64)
    for start in range(0, len(offsets) - 1, block):
        stop = min(start + block, len(offsets) - 1)
        part = keys[int(offsets[start]) : int(offsets[stop])].float()
        inside = torch.repeat_interleave(torch.arange(stop - start), offsets[start + 1 : stop + 1] - offsets[start:stop])
        match = queries @ part.T
        best = match.new_full((len(queries), stop - start), -torch.inf).scatter_reduce(1, inside.expand_as(match), match, "amax")
        total = torch.zeros(len(counts), stop - start).index_add(0, owner, best)
        scores = torch.cat([best_scores, total], 1)
        rows = torch.cat([best_rows, torch.arange(start, stop).expand(len(counts), -1)], 1)
        best_scores, order = scores.topk(min(candidates, scores.shape[1]), dim=1)
        best_rows = rows.gather(1, order)
    return best_rows
