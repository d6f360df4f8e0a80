"""Figures of manipulation: contact sheets of a training, and one manipulation with its masks on nodes, picture and words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.figure import Figure
    from torch import Tensor


def pixels(picture: Tensor) -> np.ndarray:
    """A picture (3, S, S) in -1..1 as (S, S, 3) uint8."""
    return ((picture.detach().float().clamp(-1, 1) + 1) * 127.5).round().byte().permute(1, 2, 0).cpu().numpy()


def sample_sheet(pictures: Tensor, made: Tensor, matte: Tensor, sentences: Sequence[str], *, columns: int = 4) -> Figure:
    """What went in, what came out and what was repainted, for every pair of a batch, with its sentence above."""
    from matplotlib.figure import Figure

    count = len(pictures)
    rows = -(-count // columns)
    figure = Figure(figsize=(columns * 4.2, rows * 1.75), layout="constrained")
    axes = figure.subplots(rows, columns * 3, squeeze=False)
    for k in range(rows * columns):
        row, column = divmod(k, columns)
        three = axes[row, 3 * column : 3 * column + 3]
        for axis in three:
            axis.axis("off")
        if k < count:
            three[0].imshow(pixels(pictures[k]))
            three[1].imshow(pixels(made[k]))
            three[2].imshow(matte[k, 0].detach().float().cpu().numpy(), vmin=0, vmax=1, cmap="cividis")
            three[1].set_title(_wrapped(sentences[k]), fontsize=7)
    return figure


def _wrapped(text: str, width: int = 40) -> str:
    import textwrap

    return "\n".join(textwrap.wrap(text, width))
