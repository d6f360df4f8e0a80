"""A 3x3 convolution as message passing: nine typed relations between the cells of a grid, one for each position in the kernel.

MIM-Net uses the dense convolution for (6), which is faster; a test holds both equal.

>>> from hetero_xmodal.message_passing import Recipe
>>> ones = Recipe([convolution_step(torch.ones(1, 1, 3, 3))])
>>> ones(grid_graph(2, 2), {"patch": {"v": torch.tensor([[1.0], [2], [3], [4]])}})["patch"]["v"].flatten().tolist()
[10.0, 10.0, 10.0, 10.0]
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from .. import schema as s
from ..errors import InputError
from ..message_passing import Step

if TYPE_CHECKING:
    import dgl


def grid_graph(height: int, width: int) -> dgl.DGLGraph:
    """A grid of ``patch`` nodes, row by row, with one relation for each of the nine positions in a 3x3 kernel.

    ``("patch", "from -1 +1", "patch")`` runs from the cell one row up and one column right. Cells outside the grid
    are left out, which is zero padding.
    """
    from ..environment import require_dgl

    cell = torch.arange(height * width).reshape(height, width)
    edges = {}
    for row, column in _OFFSETS:
        target = cell[max(0, -row) : height - max(0, row), max(0, -column) : width - max(0, column)].reshape(-1)
        edges[_offset(row, column)] = (target + row * width + column, target)
    return require_dgl().heterograph(edges, num_nodes_dict={"patch": height * width})


def convolution_step(kernel: Tensor, *, reads: str = "v", writes: str = "v") -> Step:
    """A 3x3 convolution with zero padding and no bias as one step on a :func:`grid_graph`.

    *kernel* is (out, in, 3, 3) as in ``Conv2d``.

    Raises
    ------
    InputError
        If the kernel is of another shape.
    """
    if kernel.ndim != 4 or kernel.shape[2:] != (3, 3):
        raise InputError(f"convolution_step: found a kernel of shape {tuple(kernel.shape)}, expected (out, in, 3, 3)")
    maps = {}
    for row, column in _OFFSETS:
        linear = nn.Linear(kernel.shape[1], kernel.shape[0], bias=False)
        linear.weight = nn.Parameter(kernel[:, :, row + 1, column + 1].detach().clone())
        maps[_offset(row, column)] = linear
    return Step("smooth", list(maps), equation="MIM-Net (6)", send=maps, reads=reads, writes=writes)


_OFFSETS = [(row, column) for row in (-1, 0, 1) for column in (-1, 0, 1)]


def _offset(row: int, column: int) -> s.Relation:
    return ("patch", f"from {row:+d} {column:+d}", "patch")
