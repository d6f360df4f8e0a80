"""``draw_classifiers``: t-SNE map of a retrieval model's label classifiers (the DAGNN paper's Figure 5)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import schema
from ..errors import InputError
from .canvas import Box, Drawing, Sheet, fit, place, text_size
from .colours import GREY, INK, node_colour


def draw_classifiers(classifiers: Any, names: Sequence[str], *, seed: int = 0) -> Drawing:
    """t-SNE of the classifiers (c, width) by cosine distance: labels with similar classifiers lie close together.

    Only neighbourhoods can be read off such a map; the axes have no unit.

    Parameters
    ----------
    classifiers : tensor or array (c, width), one row per label
    names : names of the c labels
    seed : of t-SNE

    Raises
    ------
    InputError : fewer than four labels, a number of names other than the rows, NaN or infinity.

    >>> figure = draw_classifiers(np.eye(5), ["sea", "boat", "sky", "cat", "sofa"])
    """
    from sklearn.manifold import TSNE

    rows = np.asarray(classifiers.detach().cpu() if hasattr(classifiers, "detach") else classifiers, np.float64)
    if rows.ndim != 2 or len(rows) < 4:
        raise InputError(f"classifiers have shape {rows.shape}; a map needs at least four labels, one row each")
    if len(names) != len(rows):
        raise InputError(f"there are {len(rows)} classifiers but {len(names)} names; give one name per row")
    if not np.isfinite(rows).all():
        raise InputError("the classifiers hold NaN or infinity; train the model again with a smaller learning rate")
    perplexity = min(30.0, (len(rows) - 1) / 3)
    places = TSNE(2, metric="cosine", init="random", perplexity=perplexity, random_state=seed).fit_transform(rows)

    sheet = Sheet(8, 6.5)
    title = f"{len(rows)} label classifiers, t-SNE of their cosine distances"
    sheet.text(0.2, 0.25, title, size=10.5, style="italic")
    frame = (0.2, 0.5, 7.8, 6.3)
    sheet.box(frame[0], frame[1], frame[2] - frame[0], frame[3] - frame[1], edge=INK, line=0.8)
    low, high = places.min(0), places.max(0)
    share = (places - low) / np.where(high > low, high - low, 1)
    points = [(0.75 + 6.1 * float(x), 0.8 + 5.2 * float(1 - y)) for x, y in share]
    colour = node_colour(schema.LABEL)
    sheet.axes.scatter(*zip(*points, strict=True), s=36, color=colour, edgecolors=INK, linewidths=0.6, zorder=5)
    _write_names(sheet, points, [str(name) for name in names], frame)
    return sheet.figure


def _write_names(sheet: Sheet, points: list[tuple[float, float]], names: list[str], frame: Box) -> None:
    """Every name at a free place beside its point; a name that had to move away is joined to its point by a thin line."""
    size = 9 if len(names) <= 40 else 7
    taken: list[Box] = [(x - 0.05, y - 0.05, x + 0.05, y + 0.05) for x, y in points]
    for (x, y), name in zip(points, names, strict=True):
        shown = fit(name, size, 1.6)
        wide, tall = text_size(shown, size)[0] + 0.04, size * 0.019
        right, left, above, below = x + 0.04, x - wide - 0.04, y - tall - 0.04, y + 0.04
        beside = [(right + 0.03, y - tall / 2), (right, above), (right, below), (left - 0.03, y - tall / 2)]
        beside += [(x - wide / 2, above - 0.03), (x - wide / 2, below + 0.03), (left, above), (left, below)]
        spot = place((wide, tall), beside, taken, frame)
        if spot is None:
            continue
        taken.append(spot)
        centre = ((spot[0] + spot[2]) / 2, (spot[1] + spot[3]) / 2)
        if abs(centre[0] - x) > wide / 2 + 0.2 or abs(centre[1] - y) > tall + 0.2:
            sheet.curve([(x, y), centre], colour=GREY, width=0.5, zorder=1)
        sheet.text(*centre, shown, size=size, across="center")
