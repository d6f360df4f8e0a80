"""Weighted sums over edges and dot products along edges in plain torch, on any device; on the CPU without a tensor of one row per edge.

A weighted sum over the edges of every destination is what ``torch.nn.functional.embedding_bag`` computes: the source rows are its
table, the edges of one destination are a bag. The two operations are each other's derivatives, along the edges or against them:

* the gradient of ``sum_e w_e x[u_e]`` with respect to x is the same sum along the reversed edges, and with respect to w a dot product;
* the gradient of ``x[u_e] . y[v_e]`` with respect to x or y is a weighted sum.

They are therefore two ``torch.autograd.Function`` that call each other, and can be differentiated any number of times.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

if TYPE_CHECKING:
    from .kernels import Links


class Sorted(NamedTuple):
    """The edges sorted by the row at one of their ends, "here"; the row at the other end is "there".

    edge : (E,) numbers of the edges in this order; edges of the same row stay in their order.
    here, there : (E,) rows at the two ends, in this order.
    offsets : (rows + 1,) where the edges of each row begin, and at last E.
    """

    edge: Tensor
    here: Tensor
    there: Tensor
    offsets: Tensor


def sort_edges(here: Tensor, there: Tensor, rows: int) -> Sorted:
    """Sort edges (E,) by *here*, the numbers of *rows* rows."""
    edge = torch.argsort(here, stable=True)
    offsets = here.new_zeros(rows + 1)
    torch.cumsum(torch.bincount(here, minlength=rows), 0, out=offsets[1:])
    return Sorted(edge, here[edge], there[edge], offsets)


class _Sum(torch.autograd.Function):
    """``out[v] = sum_e w_e x[u_e]``: (n, d), (E,) to (m, d); *forth* along the edges, else against them."""

    @staticmethod
    def forward(ctx, rows: Tensor, weight: Tensor, links: Links, forth: bool) -> Tensor:
        ctx.save_for_backward(rows, weight)
        ctx.links, ctx.forth = links, forth
        if not len(weight):
            return rows.new_zeros(links.targets if forth else links.sources, rows.shape[1])
        edges = links.into if forth else links.out_of
        return F.embedding_bag(
            edges.there, rows, edges.offsets, mode="sum", per_sample_weights=weight[edges.edge], include_last_offset=True
        )

    @staticmethod
    def backward(ctx, grad: Tensor):
        rows, weight = ctx.saved_tensors
        links, forth = ctx.links, ctx.forth
        grad, to_rows, to_weight = grad.contiguous(), None, None
        if ctx.needs_input_grad[0]:
            to_rows = _Sum.apply(grad, weight, links, not forth)
        if ctx.needs_input_grad[1]:
            to_weight = _Dot.apply(rows, grad, links) if forth else _Dot.apply(grad, rows, links)
        return to_rows, to_weight, None, None


class _Dot(torch.autograd.Function):
    """``out[e] = x[u_e] . y[v_e]``: (n, d), (m, d) to (E,)."""

    @staticmethod
    def forward(ctx, x: Tensor, y: Tensor, links: Links) -> Tensor:
        ctx.save_for_backward(x, y)
        ctx.links = links
        if not len(links.source):
            return x.new_zeros(0)
        if x.device.type != "cpu" or x.dtype not in (torch.float32, torch.float64):
            return torch.linalg.vecdot(x[links.source], y[links.target])
        # the derivative of embedding_bag with respect to its weights is this product, computed without copies of the rows
        edges = links.into
        found = torch.ops.aten._embedding_bag_per_sample_weights_backward(y, x, edges.there, edges.offsets[:-1], edges.here, 0)
        return torch.empty_like(found).index_copy_(0, edges.edge, found)

    @staticmethod
    def backward(ctx, grad: Tensor):
        x, y = ctx.saved_tensors
        to_x = _Sum.apply(y, grad, ctx.links, False) if ctx.needs_input_grad[0] else None
        to_y = _Sum.apply(x, grad, ctx.links, True) if ctx.needs_input_grad[1] else None
        return to_x, to_y, None


def weighted_sum(x: Tensor, weight: Tensor, links: Links) -> Tensor:
    """``sum_e weight[e] * x[u_e]`` over the edges of each destination: x (n, d) and weight (E,) to (m, d); 0 where there is no edge."""
    return _Sum.apply(x.contiguous(), weight.to(x.dtype), links, True)


def dot(x: Tensor, y: Tensor, links: Links) -> Tensor:
    """``x[u_e] . y[v_e]`` of every edge: x (n, d) and y (m, d) to (E,)."""
    return _Dot.apply(x.contiguous(), y.contiguous(), links)


def edge_softmax(score: Tensor, target: Tensor, targets: int) -> Tensor:
    """Softmax of the scores (E,) over all edges with the same *target* (E,), one of *targets* rows."""
    highest = score.new_full((targets,), -torch.inf).scatter_reduce(0, target, score.detach(), "amax")
    grown = (score - highest[target]).exp()
    return grown / score.new_zeros(targets).index_add(0, target, grown)[target]


def weighted_maximum(x: Tensor, weight: Tensor, source: Tensor, target: Tensor, targets: int) -> Tensor:
    """Largest ``weight[e] * x[u_e]`` per column over the edges of each destination: (n, d), (E,) to (m, d); 0 where there is no edge.

    Where several edges tie, the gradient goes to the first of them, as with DGL's kernel.
    """
    if not len(source):
        return x.new_zeros(targets, x.shape[1]) + 0 * x.sum() + 0 * weight.sum()
    message = x[source] * weight.unsqueeze(-1)
    with torch.no_grad():
        index = target.unsqueeze(-1).expand_as(message)
        largest = message.new_zeros(targets, message.shape[1]).scatter_reduce(0, index, message, "amax", include_self=False)
        number = torch.arange(len(target), device=target.device).unsqueeze(-1)
        beaten = message < largest[target]  # written so that a NaN counts as largest and is not lost
        first = number.expand_as(message).masked_fill(beaten, len(target))
        first = first.new_full((targets, message.shape[1]), len(target)).scatter_reduce(0, index, first, "amin")
    chosen = message.gather(0, first.clamp_max(len(target) - 1))
    return chosen.masked_fill(first == len(target), 0.0)
