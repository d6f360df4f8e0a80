"""Figures of MIM-Net: what each memory renders, the words' attention weights over the memories, and the text localisation map.

All functions return a matplotlib figure; image tensors are (3, S, S) with values in -1..1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .canvas import Drawing, printable
from .colours import GREY, INK
from .editing import _brief, _wrapped, pixels

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from torch import Tensor


def memory_gallery(rendered: Tensor, image: Tensor, *, columns: int = 12, order: Sequence[int] | None = None) -> Figure:
    """Gallery of the memories on one image: the given image, then the same image rendered with each memory alone (one-hot weights).

    Parameters
    ----------
    rendered : (n, 3, S, S) in -1..1, from :meth:`hetero_xmodal.recipes.MIMNet.render`
    image : (3, S, S) in -1..1, the image they were rendered on
    columns : images in a row
    order : indices of the memories in the order in which they are shown; by default sorted by colour, see :func:`by_colour`
    """
    order = by_colour(rendered, image) if order is None else list(order)
    shown = [("given", image), *((str(k), rendered[k]) for k in order)]
    rows = -(-len(shown) // columns)
    figure = Drawing(figsize=(columns * 0.95, rows * 1.12 + 0.35), layout="constrained")
    figure.suptitle(f"one image rendered with each of the {len(rendered)} memories alone", fontsize=10, color=INK)
    for axis, item in zip(figure.subplots(rows, columns, squeeze=False).ravel(), [*shown, *[None] * (rows * columns)], strict=False):
        axis.axis("off")
        if item is not None:
            axis.imshow(pixels(item[1]))
            axis.set_title(item[0], fontsize=7, color=INK, pad=2)
    return figure


def by_colour(rendered: Tensor, image: Tensor) -> list[int]:
    """Indices of the memories sorted by the hue of what they change in the image, those that change almost nothing last.

    *rendered* is (n, 3, S, S) and *image* (3, S, S), both in -1..1.
    """
    from matplotlib.colors import rgb_to_hsv

    change = (rendered - image).abs().mean(1)
    weight = change / change.flatten(1).sum(1).clamp_min(1e-6)[:, None, None]
    colours = ((rendered + 1) / 2 * weight[:, None]).sum((2, 3)).clamp(0, 1).numpy()
    hsv = rgb_to_hsv(colours)
    idle = change.flatten(1).mean(1).numpy() < 0.005
    grey = hsv[:, 1] < 0.25
    return sorted(range(len(rendered)), key=lambda k: (idle[k], grey[k], hsv[k, 2] if grey[k] else hsv[k, 0]))


def attention_map(words: Sequence[str], attention: np.ndarray, *, most: int = 24) -> Figure:
    """Attention weights of the words over the memories, MIM-Net (2): one row per word, one column per memory, most used first.

    Parameters
    ----------
    words : the words
    attention : attention weights (words, memories), rows sum to 1
    most : how many memories are shown; the sum of the others' weights stands at the right

    >>> figure = attention_map(["red", "wings"], np.full((2, 4), 0.25), most=3)
    """
    shown = np.argsort(-attention.sum(0), kind="stable")[:most]
    figure = Drawing(figsize=(1.9 + 0.42 * len(shown), 1.5 + 0.3 * len(words)), layout="constrained")
    axis = figure.subplots()
    drawn = axis.imshow(attention[:, shown], vmin=0, vmax=max(0.5, float(attention.max())), cmap="cividis", aspect="auto")
    axis.set_yticks(range(len(words)), [printable(word) for word in words], fontsize=9)
    axis.set_xticks(range(len(shown)), [str(k) for k in shown], fontsize=8)
    axis.set_xlabel("memory", fontsize=9, color=INK)
    rest = 1 - attention[:, shown].sum(1)
    for row, share in enumerate(rest):
        axis.annotate(f"+{share:.2f}", (len(shown) - 0.4, row), fontsize=7.5, color=GREY, va="center", annotation_clip=False)
    bar = figure.colorbar(drawn, ax=axis, fraction=0.04, pad=0.08)
    bar.ax.tick_params(labelsize=7)
    bar.set_label("attention weight", fontsize=8)
    return figure


def localisation_figure(
    images: Tensor, maps: Sequence[Tensor], made: Sequence[Tensor], titles: Sequence[str], sentences: Sequence[str]
) -> Figure:
    """Text localisation maps and results for the same images under several sentences, e.g. reconstruction beside manipulation.

    Parameters
    ----------
    images : (B, 3, S, S) in -1..1
    maps, made : one entry per sentence: localisation map alpha (B, 1, g, g) in 0..1 and fine image (B, 3, S, S) in -1..1
    titles : one per sentence, such as "reconstruction" and "manipulation"
    sentences : B * len(maps) sentences, those of the first image first
    """
    count, kinds = len(images), len(maps)
    figure = Drawing(figsize=(1.7 + kinds * 3.9, 0.5 + count * 2.25), layout="constrained")
    axes = figure.subplots(count, 1 + 2 * kinds, squeeze=False)
    for k in range(count):
        for axis in axes[k]:
            axis.axis("off")
        axes[k, 0].imshow(pixels(images[k]))
        axes[k, 0].set_title("given", fontsize=8, color=INK)
        for column in range(kinds):
            _overlay(axes[k, 1 + 2 * column], pixels(images[k]), maps[column][k, 0].detach().float().cpu().numpy())
            axes[k, 2 + 2 * column].imshow(pixels(made[column][k]))
            text = f"{titles[column]}: {sentences[k * kinds + column]}"
            axes[k, 1 + 2 * column].set_title(_wrapped(text, 44), fontsize=8, color=INK, loc="left")
    return figure


def _overlay(axis: Any, image: np.ndarray, alpha: np.ndarray) -> Any:
    """The map (g, g) in 0..1, scaled to the size of the image (height, width, 3), over that image in grey."""
    height, width = image.shape[:2]
    axis.imshow(image.mean(2), cmap="gray", vmin=0, vmax=255, extent=(0, width, height, 0))
    return axis.imshow(alpha, cmap="cividis", vmin=0, vmax=1, alpha=0.72, extent=(0, width, height, 0), interpolation="bilinear")


def memory_manipulation_figure(result: Any) -> Figure:
    """One manipulation by MIM-Net: given, coarse and edited image, text localisation map, and the words' weights over the memories.

    *result* is a :class:`hetero_xmodal.editing.mimnet.MemoryManipulation`.
    """
    numbers = list(result.swatches)
    notes = [line for note in result.notes for line in _wrapped(f"Note: {note}", 120).split("\n")]
    tall = 0.27 * max(len(result.words), 3) if numbers else 0
    height = 3.45 + 0.22 * len(notes) + ((tall + 1.9) if numbers else 0)
    figure = Drawing(figsize=(10.8, height))

    def box(left: float, top: float, width: float, high: float):
        return figure.add_axes((left / 10.8, 1 - (top + high) / height, width / 10.8, high / height))

    figure.text(0.02, 1 - 0.28 / height, _brief(result.given, 110, lines=2), fontsize=11, color=INK, va="center")
    shown = (
        ("given image", result.original), ("text localisation map", None), ("coarse image", result.coarse),
        ("edited image", result.image),
    )  # fmt: skip
    for k, (title, image) in enumerate(shown):
        axis = box(0.2 + 2.65 * k, 0.75, 2.45, 2.3)
        axis.set_title(title, fontsize=9.5, color=INK)
        axis.set_xticks([])
        axis.set_yticks([])
        if image is None:
            drawn = _overlay(axis, np.asarray(result.original), result.localisation)
            bar = figure.colorbar(drawn, cax=axis.inset_axes((0.0, -0.07, 1.0, 0.035)), orientation="horizontal", ticks=[0, 1])
            bar.ax.set_xticklabels(["not described", "described"], fontsize=7.5)
        else:
            axis.imshow(image, interpolation="nearest")
    if numbers:
        left, width, top = 1.5, 7.6, 3.95
        axis = box(left, top + 0.75, width, tall)
        drawn = axis.imshow(result.attention[:, numbers], vmin=0, vmax=1, cmap="cividis", aspect="auto")
        axis.set_yticks(range(len(result.words)), [printable(word) for word in result.words], fontsize=9)
        axis.set_xticks(range(len(numbers)), [f"memory {k}" for k in numbers], fontsize=8)
        for row, share in enumerate(1 - result.attention[:, numbers].sum(1)):
            axis.annotate(f"{share:.2f}", (len(numbers) - 0.42, row), fontsize=7.5, color=GREY, va="center", annotation_clip=False)
        figure.text((left + width + 0.03) / 10.8, 1 - (top + 0.62) / height, "other\nmemories", fontsize=7.5, color=GREY, va="center")
        each = width / len(numbers)
        for column, number in enumerate(numbers):
            swatch = box(left + column * each + (each - 0.7) / 2, top, 0.7, 0.7)
            swatch.imshow(result.swatches[number])
            swatch.axis("off")
        figure.text(0.02, 1 - (top + 0.35) / height, "rendered with\neach alone", fontsize=8, color=GREY, va="center")
        bar = figure.colorbar(drawn, cax=box(left + width + 0.75, top + 0.75, 0.14, tall), ticks=[0, 0.5, 1])
        bar.ax.tick_params(labelsize=7)
        bar.set_label("attention weight", fontsize=8)
    for n, note in enumerate(notes):
        figure.text(0.02, (0.1 + 0.22 * (len(notes) - 1 - n)) / height, note, fontsize=8.5, color=INK)
    return figure
