"""``draw_classifiers``: t-SNE map of a retrieval model's label classifiers (the DAGNN paper's Figure 5)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import schema
from ..errors import InputError
from .canvas import Drawing
from .colours import INK, node_colour


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
    from matplotlib.backends.backend_agg import FigureCanvasAgg
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

    figure = Drawing(figsize=(8, 6.5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.scatter(*places.T, s=36, color=node_colour(schema.LABEL), edgecolor=INK, linewidth=0.6)
    size = 9 if len(rows) <= 40 else 7
    for place, name in zip(places, names, strict=True):
        axes.annotate(str(name), place, xytext=(4, 4), textcoords="offset points", fontsize=size, color=INK)
    axes.set_title(f"{len(rows)} label classifiers, t-SNE of their cosine distances", fontsize=10.5, style="italic", loc="left")
    axes.set_xticks([])
    axes.set_yticks([])
    axes.margins(0.12)
    return figure
