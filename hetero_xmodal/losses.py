"""Loss functions that recipes and baselines share."""

from __future__ import annotations

from torch import Tensor


def ranking_loss(similarity: Tensor, images: Tensor, *, margin: float = 0.2, hardest: bool = True) -> Tensor:
    """Hinge loss of VSE++ (Faghri et al. 2018) over a batch, summed over both directions:

        sum_i max(0, margin + max_j S[i, j] - S[i, i]) + sum_j max(0, margin + max_i S[i, j] - S[j, j])

    where another caption of the same image is no wrong answer.

    Parameters
    ----------
    similarity : (b, b) scores of images (rows) and captions (columns), matched pairs on the diagonal.
    images : (b,) which image each pair shows.
    margin : of the hinge.
    hardest : only the hardest wrong answer counts; if not, all of them are summed.

    Examples
    --------
    >>> import torch
    >>> scores = torch.tensor([[0.9, 0.85, 0.8], [0.3, 0.5, 0.6], [0.2, 0.1, 0.7]])
    >>> round(float(ranking_loss(scores, torch.arange(3))), 4), round(float(ranking_loss(scores, torch.arange(3), hardest=False)), 4)
    (1.3, 1.5)
    >>> float(ranking_loss(scores, torch.zeros(3)))
    0.0
    """
    right = similarity.diagonal()
    same = images[:, None] == images
    by_image = (margin + similarity - right[:, None]).clamp_min(0).masked_fill(same, 0)
    by_caption = (margin + similarity - right).clamp_min(0).masked_fill(same, 0)
    if hardest:
        return by_image.amax(dim=1).sum() + by_caption.amax(dim=0).sum()
    return by_image.sum() + by_caption.sum()
