"""From region features and words to the node features of a matching graph: a linear map, or the attention modules of CAMERA.

Source of the kind ``camera``: Qu et al. 2020, "Context-aware multi-view summarization network for image-text matching", with its
public code (LgQu/CAMERA). Two things differ: padding is masked in the attention, and an image without boxes has no position encoding.

==========  =========================================================================================================
regions     f = l2(W x); position s = sigmoid(W_p place); X = l2(f + AGSA(f * s)); see :class:`RegionEmbedding`
words       u = AGSA(W w); X = u + BN(FFN(u)); see :class:`WordEmbedding`
AGSA        multi-head attention with gated queries and keys; see :class:`GatedSelfAttention`
==========  =========================================================================================================
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..errors import InputError
from .padding import padded

PLACE_WIDTH = 6  # columns of a region's position, see hetero_xmodal.data.tasks.matching.Regions.places


class GatedSelfAttention(nn.Module):
    """Adaptive gating self-attention (AGSA): ``x + BN(attention(x))`` among the nodes of each graph of a batch.

    In each head, queries and keys are multiplied by gates in 0..1 computed from both: ``M = sigmoid(fc_g(fc_q(q) * fc_k(k)))``.

    Parameters
    ----------
    width : of the nodes, input and output.
    heads : number of heads, a divisor of *width*.

    Raises
    ------
    InputError
        If *heads* does not divide *width*.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        if width % heads:
            raise InputError(f"{heads} heads of equal width do not fit into width {width}; choose a divisor")
        self.heads, inner = heads, width // heads
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))
        self.gate_query, self.gate_key = nn.Linear(inner, inner), nn.Linear(inner, inner)
        self.gate = nn.Linear(inner, 2 * inner)
        self.norm = nn.BatchNorm1d(width)

    def forward(self, x: Tensor, counts: Tensor) -> Tensor:
        """Nodes (N, width) of a batch of b graphs, *counts* (b,) nodes in each; to (N, width)."""
        rows, mask = padded(x, counts)
        q, k, v = (layer(rows).unflatten(2, (self.heads, -1)).transpose(1, 2) for layer in (self.query, self.key, self.value))
        gate_q, gate_k = torch.sigmoid(self.gate(self.gate_query(q) * self.gate_key(k))).chunk(2, -1)
        attended = F.scaled_dot_product_attention(q * gate_q, k * gate_k, v, attn_mask=mask[:, None, None, :])
        return x + self.norm(attended.transpose(1, 2).flatten(2)[mask])


class RegionEmbedding(nn.Module):
    """Region features (R, d) to visual nodes (R, width).

    Parameters
    ----------
    in_width, width : d and the width of a node.
    kind : ``"linear"``: ``W x + b``, plus a linear map of the position if *places* is set; or ``"camera"``, see the module.
    places : use the regions' positions.
    heads : number of attention heads of ``"camera"``.
    """

    shift: Tensor
    scale: Tensor

    def __init__(self, in_width: int, width: int, *, kind: str = "linear", places: bool = False, heads: int = 64) -> None:
        super().__init__()
        self.register_buffer("shift", torch.zeros(in_width))  # standardisation of the inputs, set from the training images
        self.register_buffer("scale", torch.ones(in_width))
        self.linear = nn.Linear(in_width, width)
        self.place = nn.Linear(PLACE_WIDTH, width) if places else None
        self.attention = GatedSelfAttention(width, heads) if kind == "camera" else None

    def forward(self, features: Tensor, counts: Tensor, places: Tensor | None = None) -> Tensor:
        """*features* (R, d), *counts* (b,) regions of each image, *places* (R, 6) or None; to (R, width).

        Raises
        ------
        InputError
            If the module uses positions and *places* is None.
        """
        x = self.linear((features - self.shift) * self.scale)
        if self.place is not None and places is None:
            raise InputError("the model was trained on regions with boxes, but these have none; give boxes and sizes, or train without")
        if self.attention is None:
            return x if self.place is None else x + self.place(places)
        f = F.normalize(x, dim=1)
        if not len(f):
            return f
        positioned = f if self.place is None else f * torch.sigmoid(self.place(places))
        return F.normalize(f + self.attention(positioned, counts), dim=1)


class WordEmbedding(nn.Module):
    """Words to word nodes (W, width).

    Parameters
    ----------
    in_width, width : width of the word vectors and of a node.
    vocabulary : size of the trained embedding table; 0 if words arrive as vectors of a frozen encoder.
    kind : ``"linear"``: ``W w + b``; ``"gru"``: a bidirectional GRU, the mean of both directions, which gives words their context;
        ``"camera"``, see the module.
    heads : number of attention heads of ``"camera"``.
    """

    shift: Tensor
    scale: Tensor

    def __init__(self, in_width: int, width: int, *, vocabulary: int = 0, kind: str = "linear", heads: int = 64) -> None:
        super().__init__()
        self.table = nn.Embedding(vocabulary, in_width) if vocabulary else None
        self.width = width
        self.register_buffer("shift", torch.zeros(in_width))
        self.register_buffer("scale", torch.ones(in_width))
        self.linear: Any = None if kind == "gru" else nn.Linear(in_width, width)
        self.recurrent = nn.GRU(in_width, width, batch_first=True, bidirectional=True) if kind == "gru" else None
        self.attention: GatedSelfAttention | None = None
        self.forth: Any = None
        if kind == "camera":
            self.attention = GatedSelfAttention(width, heads)
            self.forth = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width), nn.BatchNorm1d(width))

    def vectors(self, words: Tensor) -> Tensor:
        """Embed vocabulary indices (W,) as vectors (W, in_width); vectors (W, in_width) are returned unchanged.

        Raises
        ------
        InputError
            If indices are given without a vocabulary, vectors with one, or an index beyond the vocabulary.
        """
        if self.table is None:
            if words.ndim != 2:
                raise InputError("the model reads words as vectors of a frozen encoder, but these are rows of a vocabulary")
            return words
        if words.ndim != 1:
            raise InputError("the model reads words as rows of its vocabulary, but these are vectors")
        if len(words) and not 0 <= int(words.min()) <= int(words.max()) < self.table.num_embeddings:
            raise InputError(
                f"a word has row {int(words.max())}, but the model's vocabulary has {self.table.num_embeddings} words; "
                "read the captions with the vocabulary of the model"
            )
        return self.table(words)

    def forward(self, vectors: Tensor, counts: Tensor) -> Tensor:
        """Word vectors (W, in_width) and *counts* (b,) of each sentence, to (W, width)."""
        if not len(vectors):
            return vectors.new_zeros(0, self.width)
        vectors = (vectors - self.shift) * self.scale
        if self.recurrent is not None:
            rows, mask = padded(vectors, counts)
            packed = nn.utils.rnn.pack_padded_sequence(rows, counts.cpu(), batch_first=True, enforce_sorted=False)
            out, _ = nn.utils.rnn.pad_packed_sequence(self.recurrent(packed)[0], batch_first=True)
            return out.unflatten(2, (2, -1)).mean(2)[mask]
        x = self.linear(vectors)
        if self.attention is None:
            return x
        x = self.attention(x, counts)
        return x + self.forth(x)


def some_rows(counts: Tensor, dropped: float) -> tuple[Tensor, Tensor]:
    """Drop rows at random with probability *dropped*, keeping at least one per group: mask of the rows kept (N,), their counts (b,).

    >>> keep, counts = some_rows(torch.tensor([5, 1]), 0.9)
    >>> bool(keep[5]), int(counts.min()) >= 1, int(keep.sum()) == int(counts.sum())
    (True, True, True)
    """
    member = torch.repeat_interleave(torch.arange(len(counts), device=counts.device), counts)
    draw = torch.rand(len(member), device=counts.device)
    highest = draw.new_zeros(len(counts)).scatter_reduce(0, member, draw, "amax")
    keep = (draw >= dropped) | (draw == highest[member])
    return keep, torch.bincount(member[keep], minlength=len(counts))


def without_columns(values: Tensor, counts: Tensor, dropped: float) -> Tensor:
    """Dropout of whole columns of *values* (N, d), the same columns in all rows of a group; *counts* (b,) rows in each group.

    Dropping single entries would change little where the rows of a group are similar.
    """
    return values * F.dropout(values.new_ones(len(counts), values.shape[1]), dropped).repeat_interleave(counts, 0)
