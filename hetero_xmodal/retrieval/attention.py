"""Attention weights and search results of a trained ALGR, as plain arrays for the figures of :mod:`hetero_xmodal.viz`.

====================================  ===================================================================  =======================
function                              what it gives                                                        for the paper's figure
====================================  ===================================================================  =======================
:func:`pair_attention`                learned edge weights and cross-attention of one pair                 7
:func:`found_images`                the best images for some captions, right or wrong                  5
:func:`found_sentences`               the best captions for some images, right or wrong                  6
:func:`pair_spaces`                   pairs before and after the graph encoder                             8
====================================  ===================================================================  =======================
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from .. import schema
from ..errors import InputError
from ..message_passing import attends

if TYPE_CHECKING:
    from ..data.tasks.matching import Split
    from ..message_passing import Trace
    from ..recipes.algr import ALGR
    from .index import EmbeddingIndex


@dataclass(frozen=True, eq=False)
class PairAttention:
    """Attention weights of one pair of n_v regions and n_t words. In every matrix row i is the destination node, and each row sums to 1.

    region_edges, word_edges : (n_v, n_v), (n_t, n_t) the learned edge weights W_e of (1) to (4)
    words_to_regions, regions_to_words : (n_t, n_v), (n_v, n_t) the cross-attention of (14); None where the variant has none
    tokens : the words
    boxes, size : (n_v, 4) of the regions in pixels of an image of *size* (width, height); None if the features have no boxes
    """

    region_edges: np.ndarray
    word_edges: np.ndarray
    words_to_regions: np.ndarray | None
    regions_to_words: np.ndarray | None
    tokens: list[str]
    boxes: np.ndarray | None
    size: tuple[int, int] | None

    @property
    def regions(self) -> np.ndarray:
        """(n_v,) mean attention weight of each region as a source, over all destinations; they sum to 1."""
        return self.region_edges.mean(0)

    @property
    def words(self) -> np.ndarray:
        """(n_t,) mean attention weight of each word as a source, over all destinations; they sum to 1."""
        return self.word_edges.mean(0)

    def boxes_in(self, image: Any) -> np.ndarray:
        """The boxes (n_v, 4) in pixels of *image*, which may be larger or smaller than the one that the features were made from.

        Raises
        ------
        InputError : regions without boxes, or an image that cannot be read.
        """
        from ..images import read_image

        if self.boxes is None:
            raise InputError("these regions came without boxes, so their places in the image are unknown; use features with boxes")
        width, height = read_image(image).size
        scale = np.array([1.0, 1.0] if self.size is None else [width / self.size[0], height / self.size[1]])
        return np.asarray(self.boxes, np.float64) * np.tile(scale, 2)


def pair_attention(model: ALGR, split: Split, caption: int) -> PairAttention:
    """The weights of all edges of the pair that caption number *caption* of *split* and its image make, without noise or dropout.

    Of an ensemble, those of the first member.

    Raises
    ------
    InputError : no such caption, or a variant without edge weights (``baseline``, ``no-graph``).
    """
    if not 0 <= caption < len(split):
        raise InputError(f"caption {caption} does not exist; the split has captions 0 to {len(split) - 1}")
    if model.config.variant in ("baseline", "no-graph"):
        raise InputError(f"the variant '{model.config.variant}' passes no messages between regions or words, so it has no edge weights")
    batch = split.batch([caption])
    training = model.training
    try:
        model.eval()
        with torch.no_grad():
            graph, x = model.nodes(batch)
            encoded = model.recipe.trace(graph, x)
            means = {side: encoded.states[side]["z"] for side in (schema.VISUAL, schema.WORD)}
            latent = {side: {"latent": z, "z": z} for side, z in means.items()}
            joint = None if model.exchange is None else model.exchange.trace(graph, latent)
    finally:
        model.train(training)
    row, first = int(batch.images[0]), int(split.words.offsets[caption])
    count, regions = int(batch.region_counts[0]), split.regions
    return PairAttention(
        region_edges=_matrix(encoded, "image graph", schema.VISUAL, schema.VISUAL),
        word_edges=_matrix(encoded, "sentence graph", schema.WORD, schema.WORD),
        words_to_regions=None if joint is None else _matrix(joint, "cross-attention", schema.VISUAL, schema.WORD),
        regions_to_words=None if joint is None else _matrix(joint, "cross-attention", schema.WORD, schema.VISUAL),
        tokens=list(split.words.tokens[first : first + int(batch.word_counts[0])]) or [str(k) for k in range(int(batch.word_counts[0]))],
        boxes=None if regions.boxes is None else np.asarray(regions.boxes[row][:count]),
        size=None if regions.sizes is None else (int(regions.sizes[row][0]), int(regions.sizes[row][1])),
    )


def _matrix(trace: Trace, step: str, source: str, target: str) -> np.ndarray:
    """Weights of a traced step from *source* to *target* as (targets, sources), every row brought to the sum 1."""
    taken = next(t for t in trace.steps if t.step.name == step)
    edges = taken.edges[attends(source, target)]
    out = np.zeros((int(edges.target.max()) + 1, int(edges.source.max()) + 1))
    out[edges.target.numpy(), edges.source.numpy()] = edges.weight.numpy()
    return out / out.sum(1, keepdims=True).clip(1e-12)


def found_images(index: EmbeddingIndex, captions: Sequence[int], *, top: int = 5) -> list[list[tuple[int, bool]]]:
    """For each caption number of *index* the *top* image numbers, best first, and whether each is the caption's own image.

    Returns one list of (image number, right or wrong) for each caption.
    """
    _, rows = index.search(_rows(index.texts, captions, "captions"), "images", top=top)
    owner = index.image_of_caption
    return [[(k, k == int(owner[caption])) for k in row] for caption, row in zip(captions, rows.tolist(), strict=True)]


def found_sentences(index: EmbeddingIndex, images: Sequence[int], *, top: int = 5) -> list[list[tuple[int, bool]]]:
    """For each image number of *index* the *top* caption numbers, best first, and whether each describes the image."""
    _, rows = index.search(_rows(index.images, images, "images"), "texts", top=top)
    owner = index.image_of_caption
    return [[(k, int(owner[k]) == image) for k in row] for image, row in zip(images, rows.tolist(), strict=True)]


def pair_spaces(model: ALGR, split: Split, captions: Sequence[int]) -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
    """Pairs of the split in two spaces: images (n, d) and captions (n, d), row i of both is caption number ``captions[i]``.

    The first space is that of X, where both sides have only been mapped to one width, and which the first phase ranks by; the second is the
    latent space that the graph encoder maps X to.
    """
    captions = np.asarray(captions, np.int64)
    images = split.image_of_caption[captions]
    spaces = {}
    for name, phase in (("before the graphs (X)", 1), ("latent space (Z)", 2)):
        spaces[name] = (model.embed_images(split.regions, phase=phase)[images], model.embed_captions(split.words, phase=phase)[captions])
    return spaces


def _rows(rows: torch.Tensor, numbers: Sequence[int], what: str) -> torch.Tensor:
    wrong = [k for k in numbers if not 0 <= k < len(rows)]
    if wrong or not len(numbers):
        raise InputError(f"{what} names {wrong[:5] or 'nothing'}; give numbers from 0 to {len(rows) - 1}")
    return rows[torch.as_tensor(list(numbers))]
