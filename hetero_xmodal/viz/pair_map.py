"""``draw_pair_maps``: t-SNE maps of image and sentence embeddings, each pair joined by a line (the ALGR paper's Figure 8)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .. import schema
from ..errors import InputError
from .canvas import Drawing
from .colours import GREY, INK, node_colour


def draw_pair_maps(spaces: Mapping[str, tuple[Any, Any]], *, seed: int = 0, title: str = "") -> Drawing:
    """One t-SNE map for each embedding space: squares are images, circles are sentences, and a line joins the two of a pair.

    Short lines mean that a space embeds the two sides of a pair close together. Only neighbourhoods can be read off such a map: the axes
    have no unit, and maps of different spaces are not comparable point by point. The title of each map therefore gives a number that does
    not depend on t-SNE: how many pairs are mutual nearest neighbours in the embedding space itself, by cosine similarity.

    Parameters
    ----------
    spaces : name of the space -> (images (n, d), sentences (n, d)); row i of both is one pair
    seed : of t-SNE
    title : one line above the figure

    Raises
    ------
    InputError : fewer than four pairs, sides that differ in shape, NaN or infinity.

    >>> figure = draw_pair_maps({"before": (np.eye(6), np.eye(6)[::-1]), "after": (np.eye(6), np.eye(6))})
    >>> [axes.get_title(loc="left") for axes in figure.axes]
    ['before: 0 of 6 pairs are nearest to each other', 'after: 6 of 6 pairs are nearest to each other']
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from sklearn.manifold import TSNE

    if not spaces:
        raise InputError("there is no space to draw; give at least one as name: (images, sentences)")
    checked = {name: tuple(_rows(side, f"space '{name}', {what}") for side, what in zip(pair, ("images", "sentences"), strict=True))
               for name, pair in spaces.items()}  # fmt: skip
    for name, (images, texts) in checked.items():
        if images.shape != texts.shape or len(images) < 4:
            raise InputError(
                f"space '{name}': images have shape {images.shape}, sentences {texts.shape}; both need one shape and at least four pairs"
            )
    figure = Drawing(figsize=(5.6 * len(checked), 5.6), layout="constrained")
    FigureCanvasAgg(figure)
    for axes, (name, (images, texts)) in zip(np.atleast_1d(figure.subplots(1, len(checked))).flat, checked.items(), strict=True):
        count = len(images)
        rows = np.concatenate([images, texts])
        perplexity = min(30.0, (2 * count - 1) / 3)
        places = TSNE(2, metric="cosine", init="random", perplexity=perplexity, random_state=seed).fit_transform(rows)
        one, other = places[:count], places[count:]
        for a, b in zip(one, other, strict=True):
            axes.plot(*np.stack([a, b]).T, color=GREY, linewidth=0.7, zorder=1)
        size = 26 if count <= 200 else 10
        axes.scatter(
            *one.T, s=size, marker="s", color=node_colour(schema.VISUAL), edgecolor="white", linewidth=0.4, label="image", zorder=2
        )
        axes.scatter(*other.T, s=size, marker="o", color=node_colour(schema.WORD), edgecolor=INK, linewidth=0.4, label="sentence", zorder=3)
        near = images @ texts.T
        own = np.arange(count)
        mutual = int(((near.argmax(1) == own) & (near.argmax(0) == own)).sum())
        axes.set_title(f"{name}: {mutual} of {count} pairs are nearest to each other", fontsize=9.5, loc="left")
        axes.set_xticks([])
        axes.set_yticks([])
        axes.margins(0.06)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2, frameon=False, fontsize=9)
    if title:
        figure.suptitle(title, fontsize=11, style="italic", x=0.01, ha="left")
    return figure


def _rows(values: Any, where: str) -> np.ndarray:
    """Rows of length 1, float64."""
    rows = np.asarray(values.detach().cpu() if hasattr(values, "detach") else values, np.float64)
    if rows.ndim != 2:
        raise InputError(f"{where} have shape {rows.shape}; expected (n, d), one row each")
    if not np.isfinite(rows).all():
        raise InputError(f"{where} hold NaN or infinity; train the model again with a smaller learning rate")
    return rows / np.linalg.norm(rows, axis=1, keepdims=True).clip(1e-12)
