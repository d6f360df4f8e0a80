"""Figures of image and sentence editing: sample sheets of a training run, and one manipulation with its masks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .canvas import Drawing, printable
from .colours import GREY, INK, PAPER, node_colour

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.figure import Figure
    from torch import Tensor


def pixels(image: Tensor) -> np.ndarray:
    """An image tensor (3, S, S) in -1..1 as an array (S, S, 3) of uint8.

    >>> import torch
    >>> pixels(torch.ones(3, 1, 1)).tolist()
    [[[255, 255, 255]]]
    """
    return ((image.detach().float().clamp(-1, 1) + 1) * 127.5).round().byte().permute(1, 2, 0).cpu().numpy()


def sample_sheet(images: Tensor, made: Tensor, matte: Tensor, sentences: Sequence[str], *, columns: int = 4) -> Figure:
    """Given image, edited image and matte of every pair of a batch, with its sentence above.

    Parameters
    ----------
    images, made : given and edited images (B, 3, S, S) in -1..1
    matte : share of each pixel that was repainted (B, 1, S, S) in 0..1
    sentences : B sentences
    columns : pairs in a row
    """
    count = len(images)
    rows = -(-count // columns)
    figure = Drawing(figsize=(columns * 4.2, rows * 1.75), layout="constrained")
    axes = figure.subplots(rows, columns * 3, squeeze=False)
    for k in range(rows * columns):
        row, column = divmod(k, columns)
        three = axes[row, 3 * column : 3 * column + 3]
        for axis in three:
            axis.axis("off")
        if k < count:
            three[0].imshow(pixels(images[k]))
            three[1].imshow(pixels(made[k]))
            three[2].imshow(matte[k, 0].detach().float().cpu().numpy(), vmin=0, vmax=1, cmap="cividis")
            three[1].set_title(_wrapped(sentences[k]), fontsize=7)
    return figure


def _wrapped(text: str, width: int = 40) -> str:
    import textwrap

    return "\n".join(textwrap.wrap(text, width))


def manipulation_figure(result: Any) -> Figure:
    """One manipulation: given and edited image, the matte between them, both sentences, and the masks of regions and words.

    *result* is a :class:`hetero_xmodal.editing.pipeline.Manipulation`. The bars are the masks M of CAM (E5), in 0..1, for the edited image
    and for the edited sentence.
    """
    from .. import schema as s

    words = s.decode_text(result.graph.nodes[s.WORD].data["text"])
    regions = s.decode_text(result.graph.nodes[s.VISUAL].data["name"])
    count = max(len(words), len(regions), 4)
    notes = [line for note in result.notes for line in _wrapped(f"Note: {note}", 130).split("\n")]
    bottom = 0.17 * count + 0.5
    height = 4.1 + 0.75 + bottom + 0.2 * len(notes)
    figure = Drawing(figsize=(10.8, height))
    titles = ("given image", "repainted pixels", "edited image")
    for k, title in enumerate(titles):
        axis = figure.add_axes((0.02 + k * 0.33, 1 - 3.75 / height, 0.3, 3.3 / height))
        axis.set_title(title, fontsize=10, color=INK)
        axis.set_xticks([])
        axis.set_yticks([])
        if k == 1:
            axis.imshow(np.asarray(result.original.convert("L")), cmap="gray", vmin=0, vmax=255)
            shown = axis.imshow(result.matte, cmap="cividis", vmin=0, vmax=1, alpha=0.75)
            bar = figure.colorbar(shown, cax=axis.inset_axes((0.0, -0.06, 1.0, 0.03)), orientation="horizontal", ticks=[0, 1])
            bar.ax.set_xticklabels(["kept", "repainted"], fontsize=7.5)
        else:
            axis.imshow(result.image if k else result.original, interpolation="nearest")
        if k == 0:
            _region_boxes(axis, result, regions)
    line = 1 - 4.3 / height
    for label, text in (("instruction", result.given), ("edited sentence", result.sentence)):
        figure.text(0.02, line, f"{label}:", fontsize=9.5, color=GREY, va="top")
        brief = _brief(text, 105)
        figure.text(0.145, line, brief, fontsize=9.5, color=INK, va="top")
        line -= 0.26 / height * (1 + brief.count("\n"))
    sides = (("regions", regions, s.VISUAL), ("words", words, s.WORD))
    for k, (title, names, node_type) in enumerate(sides):
        axis = figure.add_axes(
            (0.1 + 0.47 * k, (0.3 + 0.2 * len(notes)) / height, 0.38, (bottom - 0.5) / height * max(len(names), 1) / count)
        )
        _mask_bars(axis, title, names, [m.get(node_type) for m in (result.image_mask, result.sentence_mask)], node_colour(node_type))
    for n, note in enumerate(notes):
        figure.text(0.02, (0.08 + 0.2 * (len(notes) - 1 - n)) / height, note, fontsize=8.5, color=INK)
    return figure


def _region_boxes(axis: Any, result: Any, regions: list[str]) -> None:
    """Bounding boxes of the regions, the thicker the larger their mask for the edited image."""
    from matplotlib.patches import Rectangle

    from .. import schema as s

    boxes = result.graph.nodes[s.VISUAL].data["box"].tolist()
    masks = result.image_mask.get(s.VISUAL) or [0.5] * len(boxes)
    for (x1, y1, x2, y2), mask in zip(boxes, masks, strict=True):
        for colour, width in ((PAPER, 1.6 + 3 * mask), (node_colour(s.VISUAL), 0.6 + 3 * mask)):
            axis.add_patch(Rectangle((x1 - 0.5, y1 - 0.5), x2 - x1, y2 - y1, fill=False, edgecolor=colour, linewidth=width))


def recolouring_figure(result: Any) -> Figure:
    """Draw the photograph, the recoloured one and the mask; *result* is a :class:`hetero_xmodal.editing.recolouring.Recolouring`."""
    figure = Drawing(figsize=(10, 3.9), layout="constrained")
    shown = ((result.original, "given image"), (result.image, "recoloured image"), (result.mask, "recoloured pixels"))
    for axis, (some, title) in zip(figure.subplots(1, 3), shown, strict=True):
        axis.imshow(some, cmap="cividis", vmin=0, vmax=1)
        axis.set_title(title, fontsize=10, color=INK)
        axis.axis("off")
    figure.suptitle(_brief(result.given, 110), fontsize=11, color=INK)
    return figure


def _brief(text: str, width: int, *, lines: int = 3) -> str:
    """*text* in at most so many lines; what does not fit is left out, as an ellipsis says."""
    import textwrap

    return "\n".join(textwrap.wrap(text, width, max_lines=lines, placeholder=" …"))


def _mask_bars(axis: Any, title: str, names: list[str], masks: list[Any], colour: str) -> None:
    """Two bars per node: filled for the edited image, hatched for the edited sentence."""
    axis.set_title(f"masks of the {title}: image (filled), sentence (hatched)", fontsize=8.5, color=INK, loc="left")
    place = np.arange(len(names))
    for offset, values, style in (
        (-0.2, masks[0], {"color": colour}),
        (0.2, masks[1], {"facecolor": PAPER, "edgecolor": colour, "hatch": "////"}),
    ):
        if values is not None and len(names):
            axis.barh(place + offset, values, 0.36, linewidth=0.8, **style)
    axis.set_yticks(place, [printable(name[:16]) for name in names], fontsize=8)
    axis.set_xlim(0, 1)
    axis.set_xticks([0, 0.5, 1])
    axis.tick_params(axis="x", labelsize=7)
    axis.set_ylim(max(len(names), 1) - 0.5, -0.5)
    for side in ("top", "right"):
        axis.spines[side].set_visible(False)


def edit_sheet(pairs: Sequence[Any], images: Sequence[Any], sentences: Sequence[str], *, columns: int = 4) -> Figure:
    """For every pair the given image, the edited one and, where it is known, the reference; instruction above, edited sentence below.

    Parameters
    ----------
    pairs : edit pairs with ``image``, ``instruction`` and ``edited_image`` (the reference, or ``None``)
    images : the edited images, PIL or arrays (height, width, 3), one per pair
    sentences : the edited sentences, one per pair
    columns : pairs in a row
    """
    answers = any(pair.edited_image is not None for pair in pairs)
    names = ("given", "edited", "reference") if answers else ("given", "edited")
    each, width = len(names), 48 if answers else 36
    rows = -(-len(pairs) // columns)
    texts = [(_wrapped(pair.instruction, width), _wrapped(sentence, width)) for pair, sentence in zip(pairs, sentences, strict=True)]
    side, gap = 1.35, 0.35 + 0.13 * max(a.count("\n") + b.count("\n") + 2 for a, b in texts)  # inches: an image, the text between two rows
    figure = Drawing(figsize=(columns * each * side * 1.06, rows * (side + gap)))
    axes = figure.subplots(rows, columns * each, squeeze=False)
    room = gap / 2 / figure.get_figheight()
    figure.subplots_adjust(left=0.005, right=0.995, bottom=room, top=1 - room, wspace=0.06, hspace=gap / side)
    for axis in axes.ravel():
        axis.set_xticks([])
        axis.set_yticks([])
        axis.set_frame_on(False)
    for k, (pair, image, (above, below)) in enumerate(zip(pairs, images, texts, strict=True)):
        some = axes[k // columns, each * (k % columns) : each * (k % columns + 1)]
        there = [(shown, name) for shown, name in zip((pair.image, image, pair.edited_image), names, strict=False) if shown is not None]
        for axis, (shown, name) in zip(some, there, strict=False):
            axis.imshow(shown)
            axis.set_xlabel(name, fontsize=7, color=GREY, labelpad=1)
        middle = 0.53 * len(there)  # of the images, in widths of the first
        place = {"transform": some[0].transAxes, "ha": "center", "fontsize": 7.5, "color": INK}
        some[0].text(middle, 1.06, above, **place)
        some[0].text(middle, -0.14, below, va="top", **place)
    return figure


def comparison_sheet(
    given: Sequence[Any],
    methods: Mapping[str, Sequence[Any]],
    instructions: Sequence[str],
    *,
    sentences: Mapping[str, Sequence[str]] | None = None,
    reference: Sequence[Any] | None = None,
    regions: Sequence[Any] | None = None,
) -> Figure:
    """One row an image, one column a method: what each makes of the same instruction, as in the papers' comparisons.

    Parameters
    ----------
    given : images as given, PIL or arrays (height, width, 3)
    methods : name -> edited images, one for each given image
    instructions : what is asked of each image
    sentences : name of a method -> its edited sentences, written below its images
    reference : the true edited images, as the last column
    regions : box (x1, y1, x2, y2) in pixels of each given image, or ``None``, drawn on the given images

    >>> sheet = comparison_sheet([np.zeros((8, 8, 3), np.uint8)], {"grey": [np.full((8, 8, 3), 99, np.uint8)]}, ["the dog is grey"])
    >>> [axis.get_title() for axis in sheet.axes]
    ['given', 'grey']
    """
    from matplotlib.patches import Rectangle

    from .canvas import Drawing

    columns: dict[str, Sequence[Any]] = {"given": given, **methods} | ({} if reference is None else {"reference": reference})
    side, text = 1.55, 2.1  # inches: an image, the instructions on the left
    told = sentences or {}
    below = 0.13 * max([_wrapped(line, 24).count("\n") + 1 for lines in told.values() for line in lines], default=0) + 0.08
    top = 0.15 + 0.15 * max(_wrapped(name, 20).count("\n") + 1 for name in columns)
    width, height = text + side * len(columns), top + len(given) * (side + below)
    figure = Drawing(figsize=(width, height))
    for row, instruction in enumerate(instructions):
        bottom = height - top - (row + 1) * (side + below) + below
        figure.text(0.08 / width, (bottom + side / 2) / height, _wrapped(instruction, 26), fontsize=8.5, color=INK, va="center")
        for column, (name, images) in enumerate(columns.items()):
            axis = figure.add_axes(((text + column * side) / width, bottom / height, (side - 0.06) / width, (side - 0.06) / height))
            axis.set_axis_off()
            axis.imshow(images[row], interpolation="nearest")
            if row == 0:
                axis.set_title(_wrapped(name, 20), fontsize=8.5, color=INK, pad=3)
            if name in told:
                axis.text(
                    0.5, -0.03, _wrapped(told[name][row], 24), transform=axis.transAxes, ha="center", va="top", fontsize=6.5, color=INK
                )
            if column == 0 and regions is not None and regions[row] is not None:
                x1, y1, x2, y2 = regions[row]
                for colour, line in ((PAPER, 2.6), (INK, 1.0)):
                    axis.add_patch(Rectangle((x1 - 0.5, y1 - 0.5), x2 - x1, y2 - y1, fill=False, edgecolor=colour, linewidth=line))
    return figure
