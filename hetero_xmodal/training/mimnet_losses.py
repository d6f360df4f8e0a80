"""Losses of MIM-Net that are ours: words know which box of the image they speak of."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..networks.masks import box_mask
from ..networks.padding import padded
from ..recipes.mimnet import Recalled
from .editing.exercises import Exercises


def grounding_loss(batch: Exercises, made: Recalled) -> Tensor:
    """How badly the gates of (10) and the localisation (9) tell the places that words speak of from the rest; ours.

    Cross-entropy, inside and outside equally heavy, of each gate of (10) whose word speaks of a region against that region's box (or what
    stands in it, if that is known), and of alpha against all regions that the sentence describes. If it is known what stands where, the
    places of other things are half of the outside: on a wide ground they are so few that to call every thing "the box" would cost nothing.
    """
    b = len(batch.given)
    where, _ = padded(made.where[: len(batch.words)], batch.counts)
    region = padded(batch.regions[:, None].float() + 1, batch.counts)[0][..., 0].long() - 1  # (b, t)
    speaks = region >= 0
    gates = torch.einsum("btc,bchw->bthw", where, made.blended[:b])
    member = torch.arange(b)[:, None].expand(region.shape)
    places = places_of(batch.boxes, batch.owner, gates.shape[-1])
    things = None if batch.owner is None else places.amax(1)
    spoken = places[member[speaks], region[speaks]]
    losses = [_balanced(gates[speaks], spoken, None if things is None else things[member[speaks]])]
    places = places_of(batch.boxes, batch.owner, made.localisation.shape[-1])
    told = (places * batch.described[..., None, None]).amax(1)
    some = told.flatten(1).any(1)
    things = None if batch.owner is None else places.amax(1)[some]
    losses.append(_balanced(torch.logit(made.localisation[:b, 0][some], eps=1e-4), told[some], things))
    return sum(losses)


def word_texture_loss(batch: Exercises, image: Tensor, recalled: Tensor) -> Tensor:
    """(15) word by word: mean absolute difference of h^_k and the mean of v^i where that stands which word k speaks of; ours."""
    member = torch.repeat_interleave(torch.arange(len(batch.counts)), batch.counts)
    inside = places_of(batch.boxes, batch.owner, image.shape[-1])[member, batch.regions.clamp_min(0)].flatten(1)
    speaks = (batch.regions >= 0) & inside.any(1)  # a tiny box may hold the middle of no cell
    own = inside[speaks] / inside[speaks].sum(1, keepdim=True)
    target = torch.einsum("np,ncp->nc", own, image.flatten(2)[member[speaks]])
    return (recalled[: len(batch.regions)][speaks] - target).abs().mean()


def told(batch: Exercises, recalled: Tensor) -> tuple[Tensor, Tensor]:
    """What each word that speaks of a region recalls (n, width), and what the sentence says of its region (n, kinds), 0 for nothing."""
    member = torch.repeat_interleave(torch.arange(len(batch.counts)), batch.counts)
    speaks = batch.regions >= 0
    member, region = member[speaks], batch.regions[speaks]
    return recalled[: len(batch.words)][speaks], batch.values[member, region] * batch.said[member, region]


def places_of(boxes: Tensor, owner: Tensor | None, grid: int) -> Tensor:
    """Which cells of a grid belong to each region, (b, m, grid, grid), 0 or 1: those with their centres in its box (b, m, 4).

    If it is known which region every pixel shows (*owner* (b, S, S), 0 for none), those of which it has more than a quarter.
    """
    if owner is None:
        return inside_boxes(boxes.flatten(0, 1), grid).unflatten(0, boxes.shape[:2])
    own = nn.functional.one_hot(owner.long(), boxes.shape[1] + 1)[..., 1:].permute(0, 3, 1, 2).float()
    return (nn.functional.adaptive_avg_pool2d(own, grid) > 0.25).float()


def inside_boxes(boxes: Tensor, grid: int) -> Tensor:
    """Which cells of a grid have their centres in boxes (n, 4), given as shares of the sides: (n, grid, grid), 0 or 1.

    >>> inside_boxes(torch.tensor([[0.0, 0.0, 0.5, 1.0]]), 2).tolist()
    [[[1.0, 0.0], [1.0, 0.0]]]
    """
    return box_mask(boxes, grid, margin=0)[:, 0]


def _balanced(logits: Tensor, target: Tensor, things: Tensor | None = None) -> Tensor:
    """Cross-entropy of *logits* with *target*, both (n, g, g): places of target 1 are half of it, other places of *things* a quarter."""
    each = nn.functional.binary_cross_entropy_with_logits(logits, target, reduction="none")

    def mean(share: Tensor) -> Tensor:
        return (each * share).sum() / share.sum().clamp_min(1)

    if things is None:
        return (mean(target) + mean(1 - target)) / 2
    others = things * (1 - target)
    return mean(target) / 2 + (mean(others) + mean((1 - target) * (1 - others))) / 4
