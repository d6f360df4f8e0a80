"""Loss functions that recipes and baselines share."""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor


def ranking_loss(similarity: Tensor, images: Tensor, *, margin: float = 0.2, hardest: bool = True) -> Tensor:
    """Triplet ranking loss of VSE++ (Faghri et al. 2018) over a batch, summed over both retrieval directions:

        sum_i max(0, margin + max_j S[i, j] - S[i, i]) + sum_j max(0, margin + max_i S[i, j] - S[j, j])

    where i and j run over pairs of different images: other captions of the same image are not negatives.

    Parameters
    ----------
    similarity : (b, b) scores of images (rows) and captions (columns), matched pairs on the diagonal.
    images : (b,) index of the image in each pair.
    margin : hinge margin.
    hardest : count only the hardest negative of each query; if false, sum over all negatives.

    Returns
    -------
    Tensor
        scalar loss, summed over the batch.

    Examples
    --------
    >>> import torch
    >>> scores = torch.tensor([[0.9, 0.85, 0.8], [0.3, 0.5, 0.6], [0.2, 0.1, 0.7]])
    >>> round(float(ranking_loss(scores, torch.arange(3))), 4), round(float(ranking_loss(scores, torch.arange(3), hardest=False)), 4)
    (1.3, 1.5)
    >>> float(ranking_loss(scores, torch.zeros(3)))
    0.0
    """
    matched = similarity.diagonal()
    same = images[:, None] == images
    by_image = (margin + similarity - matched[:, None]).clamp_min(0).masked_fill(same, 0)
    by_caption = (margin + similarity - matched).clamp_min(0).masked_fill(same, 0)
    if hardest:
        return by_image.amax(dim=1).sum() + by_caption.amax(dim=0).sum()
    return by_image.sum() + by_caption.sum()


def total(terms: Iterable[Tensor]) -> Tensor:
    """Sum of at least one tensor, all scalar or (b,); unlike ``sum`` it is never the number 0.

    >>> import torch
    >>> total([torch.tensor(1.0), torch.tensor(2.0)])
    tensor(3.)
    """
    first, *others = terms
    return sum(others, first)
