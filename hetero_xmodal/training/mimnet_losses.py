"""Additional losses of MIM-Net (not in the paper), which use the boxes that words refer to."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..networks.masks import box_mask
from ..networks.padding import padded
from ..recipes.mimnet import Recalled
from .editing.exercises import Exercises


def grounding_loss(batch: Exercises, made: Recalled) -> Tensor:
    """Grounding loss, a scalar (not in the paper): supervises the gates (10) and the localisation (9) with the regions that words refer to.

    Balanced cross-entropy, with equal weight inside and outside, of each gate of (10) whose word refers to a region against that region's
    cells, and of alpha against all regions that the sentence describes. If segmentations are known, the cells of other objects get half of
    the outside weight: on a large background they are so few that confusing objects would hardly affect the loss.
    """
    b = len(batch.given)
    where, _ = padded(made.where[: len(batch.words)], batch.counts)
    region = padded(batch.regions[:, None].float() + 1, batch.counts)[0][..., 0].long() - 1  # (b, t)
    grounded = region >= 0
    gates = torch.einsum("btc,bchw->bthw", where, made.blended[:b])
    member = torch.arange(b, device=region.device)[:, None].expand(region.shape)
    places = places_of(batch.boxes, batch.owner, gates.shape[-1])
    things = None if batch.owner is None else places.amax(1)
    mentioned = places[member[grounded], region[grounded]]
    losses = [_balanced(gates[grounded], mentioned, None if things is None else things[member[grounded]])]
    places = places_of(batch.boxes, batch.owner, made.localisation.shape[-1])
    described = (places * batch.described[..., None, None]).amax(1)
    some = described.flatten(1).any(1)
    things = None if batch.owner is None else places.amax(1)[some]
    losses.append(_balanced(torch.logit(made.localisation[:b, 0][some], eps=1e-4), described[some], things))
    return sum(losses)


def word_texture_loss(batch: Exercises, image: Tensor, recalled: Tensor) -> Tensor:
    """(15) for each word, a scalar: mean absolute difference of h^_k and the mean of v^i over the region that word k refers to.

    *image* is v^i (b, width, g, g), *recalled* are the h^_k (n, width); not in the paper.
    """
    member = torch.repeat_interleave(torch.arange(len(batch.counts), device=batch.counts.device), batch.counts)
    inside = places_of(batch.boxes, batch.owner, image.shape[-1])[member, batch.regions.clamp_min(0)].flatten(1)
    grounded = (batch.regions >= 0) & inside.any(1)  # a tiny box may contain the centre of no cell
    own = inside[grounded] / inside[grounded].sum(1, keepdim=True)
    target = torch.einsum("np,ncp->nc", own, image.flatten(2)[member[grounded]])
    return (recalled[: len(batch.regions)][grounded] - target).abs().mean()


def recalled_attributes(batch: Exercises, recalled: Tensor) -> tuple[Tensor, Tensor]:
    """Textures recalled by words that refer to a region (n, width), and the attribute values that the sentence states for it (n, kinds).

    *recalled* (words, width) are the textures of all words; a value of 0 means that the sentence states none.
    """
    member = torch.repeat_interleave(torch.arange(len(batch.counts), device=batch.counts.device), batch.counts)
    grounded = batch.regions >= 0
    member, region = member[grounded], batch.regions[grounded]
    return recalled[: len(batch.words)][grounded], batch.values[member, region] * batch.stated[member, region]


def places_of(boxes: Tensor, owner: Tensor | None, grid: int) -> Tensor:
    """Cells of a grid that belong to each region, (b, m, grid, grid), 0 or 1: those with their centre in its box (b, m, 4).

    With a segmentation *owner* (b, S, S), the cells of which the region covers more than a quarter.
    """
    if owner is None:
        return inside_boxes(boxes.flatten(0, 1), grid).unflatten(0, boxes.shape[:2])
    own = nn.functional.one_hot(owner.long(), boxes.shape[1] + 1)[..., 1:].permute(0, 3, 1, 2).float()
    return (nn.functional.adaptive_avg_pool2d(own, grid) > 0.25).float()


def inside_boxes(boxes: Tensor, grid: int) -> Tensor:
    """Cells of a grid with their centre in boxes (n, 4), relative to the image's sides: (n, grid, grid), 0 or 1.

    >>> inside_boxes(torch.tensor([[0.0, 0.0, 0.5, 1.0]]), 2).tolist()
    [[[1.0, 0.0], [1.0, 0.0]]]
    """
    return box_mask(boxes, grid, margin=0)[:, 0]


def _balanced(logits: Tensor, target: Tensor, things: Tensor | None = None) -> Tensor:
    """Balanced cross-entropy of *logits* with *target*, both (n, g, g): cells with target 1 weigh 1/2, those of other *things* 1/4."""
    each = nn.functional.binary_cross_entropy_with_logits(logits, target, reduction="none")

    def mean(share: Tensor) -> Tensor:
        return (each * share).sum() / share.sum().clamp_min(1)

    if things is None:
        return (mean(target) + mean(1 - target)) / 2
    others = things * (1 - target)
    return mean(target) / 2 + (mean(others) + mean((1 - target) * (1 - others))) / 4
