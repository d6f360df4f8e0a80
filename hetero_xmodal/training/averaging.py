"""The running mean of a model's weights during training: the model that is kept, where the settings ask for one."""

from __future__ import annotations

import copy
from typing import TypeVar

import torch
from torch import nn

Model = TypeVar("Model", bound=nn.Module)


def averaged(model: Model, decay: float) -> Model | None:
    """A copy of *model* that :func:`follow` will keep at the mean of its weights, or None for a *decay* of 0.

    >>> averaged(nn.Linear(2, 1), 0.0) is None
    True
    """
    return copy.deepcopy(model).requires_grad_(False) if decay else None


@torch.no_grad()
def follow(average: nn.Module | None, model: nn.Module, *, decay: float, step: int) -> None:
    """Move the weights of *average* towards those of *model* after training step *step*; *decay* is the share that stays.

    >>> average, model = nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False)
    >>> _ = average.weight.data.fill_(0.0), model.weight.data.fill_(1.0)
    >>> follow(average, model, decay=0.75, step=1000)
    >>> average.weight.item()
    0.25
    """
    if average is None:
        return
    # at the start the mean would still be the first weights
    decay = min(decay, (1 + step) / (10 + step))
    for mean, new in zip(average.state_dict().values(), model.state_dict().values(), strict=True):
        mean.lerp_(new, 1 - decay) if mean.is_floating_point() else mean.copy_(new)
