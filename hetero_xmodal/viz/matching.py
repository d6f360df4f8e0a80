"""Figures of image-text matching: attention weights on an image and its sentence, and retrieved images and sentences.

All functions take plain arrays and images and return a matplotlib figure; :mod:`hetero_xmodal.retrieval.attention` reads the arrays off
a trained model. :func:`draw_found_images` and :func:`draw_found_sentences` correspond to Figures 5 and 6 of the ALGR paper,
:func:`draw_attention` and :func:`draw_cross_attention` to its Figure 7.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import InputError
from .canvas import Box, Drawing, Sheet, fit, place, text_size, wrap
from .colours import BLUE, GREY, INK, ORANGE, PAPER, VERMILLION

HEAT = "viridis"
_OPACITY = (0.22, 0.78)  # of the heat map over the image, for weight 0 and for the largest weight
_EVEN = 0.1  # weights whose range is below this share of the largest count as uniform, and none of them is framed


def grid_boxes(rows: int, columns: int, size: tuple[int, int]) -> np.ndarray:
    """Boxes of a grid over an image of *size* (width, height): (rows * columns, 4) as x1, y1, x2, y2 in pixels, row by row.

    >>> grid_boxes(1, 2, (10, 6)).tolist()
    [[0.0, 0.0, 5.0, 6.0], [5.0, 0.0, 10.0, 6.0]]
    """
    width, height = size
    y, x = np.meshgrid(np.arange(rows), np.arange(columns), indexing="ij")
    cells = np.stack([x, y, x + 1, y + 1], -1).reshape(-1, 4)
    return cells * np.array([width / columns, height / rows] * 2)


def draw_attention(image: Any, tokens: Sequence[str], *, regions: Any, boxes: Any, words: Any, title: str = "") -> Drawing:
    """Heat map of the regions' attention weights over the image, and the sentence with every word shaded by its attention weight.

    Parameters
    ----------
    image : PIL image, or array (height, width, 3)
    tokens : the n_t words
    regions : attention weights of the regions (n_v,), at least 0
    boxes : of the regions (n_v, 4), as x1, y1, x2, y2 in pixels of the image; where boxes overlap, the largest weight is shown
    words : attention weights of the words (n_t,), at least 0
    title : one line above the figure

    The three largest weights are framed and numbered. Where all weights are about equal, as in attention that has learned nothing, the
    figure says so and frames no region.

    Raises
    ------
    InputError : shapes that do not match, weights below 0 or not finite, boxes without area or outside the image.

    >>> image, boxes = np.zeros((4, 8, 3), np.uint8), grid_boxes(1, 2, (8, 4))
    >>> figure = draw_attention(image, ["a", "cat"], regions=[0.2, 0.8], boxes=boxes, words=[0, 1])
    """
    image = _image(image)
    regions, boxes = _weights(regions, "regions"), _boxes(boxes, image)
    words = _weights(words, "words")
    _same("regions", len(regions), "boxes", len(boxes))
    _same("words", len(words), "tokens", len(tokens))
    wide = min(5.2, 3.6 * image.width / image.height)
    height = wide * image.height / image.width
    text_left, text_width = 0.3 + wide + 1.35, 4.3
    sheet = Sheet(text_left + text_width + 0.25, max(height, 2.6) + 0.95)
    if title:
        sheet.text(0.3, 0.25, fit(title, 10.5, sheet.width - 0.6), size=10.5, style="italic")
    top = 0.75
    heading = "all regions have about equal attention weights" if _even(regions) else "attention weight of each region"
    sheet.text(0.3, top - 0.17, heading, size=8.5)
    _heat(sheet, image, regions, boxes, (0.3, top, wide, height), largest=float(regions.max()), ranks=3)
    _bar(sheet, (0.3 + wide + 0.12, top, 0.14, height), float(regions.max()), mean=float(regions.mean()))
    heading = "all words have about equal attention weights" if _even(words) else "attention weight of each word"
    sheet.text(text_left, top - 0.17, heading, size=8.5)
    bottom = _sentence(sheet, tokens, words, text_left, top + 0.1, text_width, sheet.height - 0.75)
    _flat_bar(sheet, (text_left, bottom + 0.28, 2.2, 0.14), float(words.max()), mean=float(words.mean()))
    return sheet.figure


def draw_cross_attention(
    image: Any, tokens: Sequence[str], weights: Any, *, boxes: Any, words: Sequence[int] | None = None, title: str = ""
) -> Drawing:
    """One small image for each word, with the heat map of that word's attention weights over the regions.

    Parameters
    ----------
    weights : attention weights (n_t, n_v); row i is the distribution of word i over the regions
    words : indices of the words to show; by default the eight whose weights have the lowest entropy
    image, tokens, boxes, title : as in :func:`draw_attention`

    Raises
    ------
    InputError : shapes that do not match, weights below 0 or not finite, an index in *words* that is no word, no word to show.

    >>> figure = draw_cross_attention(np.zeros((4, 8, 3), np.uint8), ["a", "cat"], [[0.5, 0.5], [0, 1]], boxes=grid_boxes(1, 2, (8, 4)))
    """
    image = _image(image)
    boxes = _boxes(boxes, image)
    weights = np.stack([_weights(row, "weights") for row in np.asarray(weights, np.float64).reshape(len(tokens), -1)])
    _same("columns of weights", weights.shape[1], "boxes", len(boxes))
    if words is None:
        share = weights / weights.sum(1, keepdims=True).clip(1e-12)
        negative_entropy = (share * np.log(share.clip(1e-12))).sum(1)
        words = sorted(np.argsort(-negative_entropy, kind="stable")[:8].tolist())
    wrong = [w for w in words if not 0 <= w < len(tokens)]
    if wrong or not len(words):
        raise InputError(f"words contains {wrong or 'no index'}; give indices of words from 0 to {len(tokens) - 1}")
    columns = min(4, len(words))
    rows = -(-len(words) // columns)
    wide = 2.1
    height = wide * image.height / image.width
    sheet = Sheet(0.3 + columns * (wide + 0.2) + 0.9, 0.65 + rows * (height + 0.42))
    if title:
        sheet.text(0.3, 0.22, fit(title, 10.5, sheet.width - 0.6), size=10.5, style="italic")
    if all(_even(row) for row in weights):
        sheet.text(0.3, 0.43, "every word attends to all regions about equally", size=8.5)
    largest = float(weights[list(words)].max())
    for k, word in enumerate(words):
        x, y = 0.3 + k % columns * (wide + 0.2), 0.8 + k // columns * (height + 0.42)
        sheet.text(x, y - 0.15, fit(str(tokens[word]), 9.5, wide, "bold"), size=9.5, weight="bold")
        _heat(sheet, image, weights[word], boxes, (x, y, wide, height), largest=largest, ranks=1)
    _bar(sheet, (sheet.width - 0.9, 0.8, 0.14, height), largest, mean=1 / len(boxes))
    return sheet.figure


def draw_found_images(sentences: Sequence[str], found: Sequence[Sequence[tuple[Any, bool]]], *, title: str = "") -> Drawing:
    """Text-to-image retrieval: each query sentence with the retrieved images, best first, marked as right or wrong.

    Parameters
    ----------
    sentences : the q queries
    found : for each query the retrieved images as (image, whether it is relevant)
    title : one line above the figure

    Raises
    ------
    InputError : a number of queries other than the number of lists, no retrieved image at all, or an image that cannot be read.

    >>> figure = draw_found_images(["a cat"], [[(np.zeros((4, 4, 3), np.uint8), True)]])
    """
    _same("sentences", len(sentences), "lists of answers", len(found))
    across = max((len(row) for row in found), default=0)
    if not across:
        raise InputError("no image was retrieved for any sentence; give at least one")
    side, gap = 1.6, 0.2
    width = max(0.6 + across * (side + gap), 6.0)
    texts = [wrap(str(sentence), 9.5, width - 0.7, lines=2) for sentence in sentences]
    read = [[(_image(image), right) for image, right in row] for row in found]
    tallest = [side * max((image.height / max(image.size) for image, _ in row), default=0.0) for row in read]
    sheet = Sheet(width, 0.65 + sum(0.22 * len(lines) + tall + 0.62 for lines, tall in zip(texts, tallest, strict=True)))
    _title(sheet, title)
    y = 0.6
    for lines, answers, tall in zip(texts, read, tallest, strict=True):
        for line in lines:
            sheet.text(0.3, y, line, size=9.5)
            y += 0.22
        for rank, (image, right) in enumerate(answers, 1):
            x = 0.3 + (rank - 1) * (side + gap)
            _framed(sheet, image, x, y + tall - side, side, right=right)
            _verdict(sheet, x, y + tall + 0.17, rank, right)
        y += tall + 0.62
    return sheet.figure


def draw_found_sentences(images: Sequence[Any], found: Sequence[Sequence[tuple[str, bool]]], *, title: str = "") -> Drawing:
    """Image-to-text retrieval: each query image with the retrieved sentences, best first, marked as right or wrong.

    Parameters
    ----------
    images : the q queries
    found : for each query the retrieved sentences as (sentence, whether it is relevant)
    title : one line above the figure

    Raises
    ------
    InputError : a number of queries other than the number of lists, no retrieved sentence at all, or an image that cannot be read.

    >>> figure = draw_found_sentences([np.zeros((4, 4, 3), np.uint8)], [[("a cat", True), ("a dog", False)]])
    """
    _same("images", len(images), "lists of answers", len(found))
    if not any(len(row) for row in found):
        raise InputError("no sentence was retrieved for any image; give at least one")
    side, left, width = 1.9, 2.5, 9.2
    blocks = [[wrap(str(text), 9, width - left - 1.35, lines=2) for text, _ in answers] for answers in found]
    heights = [max(side + 0.25, sum(0.19 * len(lines) + 0.16 for lines in block) + 0.2) for block in blocks]
    sheet = Sheet(width, 0.5 + sum(heights) + 0.1)
    _title(sheet, title)
    y = 0.5
    for image, answers, block, height in zip(images, found, blocks, heights, strict=True):
        _framed(sheet, _image(image), 0.3, y, side, right=None)
        at = y + 0.1
        for rank, ((_, right), lines) in enumerate(zip(answers, block, strict=True), 1):
            _verdict(sheet, left, at, rank, right)
            for line in lines:
                sheet.text(left + 1.05, at, line, size=9)
                at += 0.19
            at += 0.16
        y += height
    return sheet.figure


# ---------------------------------------------------------------------------------------------- parts of the figures


def _title(sheet: Sheet, title: str) -> None:
    if title:
        sheet.text(0.3, 0.24, fit(title, 10.5, sheet.width - 0.6), size=10.5, style="italic")


def _verdict(sheet: Sheet, x: float, y: float, rank: int, right: bool) -> None:
    """Rank, and whether the answer is right: as word, sign and colour, so that no reader depends on the colour."""
    sheet.text(x, y, f"{rank}.", size=9)
    word, colour = ("✓ right", BLUE) if right else ("✗ wrong", VERMILLION)
    sheet.text(x + 0.25, y, word, size=9, colour=colour, weight="bold")


def _framed(sheet: Sheet, image: Any, x: float, y: float, side: float, *, right: bool | None) -> None:
    """The uncropped image in a square of *side* inches with a frame: blue and solid if right, vermillion and dashed if wrong."""
    from matplotlib.patches import Rectangle

    small = image.copy()
    small.thumbnail((360, 360))
    scale = side / max(small.size)
    w, h = small.width * scale, small.height * scale
    left, top = (x, y + side - h) if right is not None else (x + (side - w) / 2, y)  # a retrieved image stands on its mark
    sheet.image(small, left, top, w, h)
    look = {True: (BLUE, "solid", 2.4), False: (VERMILLION, (0, (3, 1.6)), 2.4), None: (GREY, "solid", 0.8)}[right]
    sheet.axes.add_patch(Rectangle((left, top), w, h, facecolor="none", edgecolor=look[0], linestyle=look[1], linewidth=look[2], zorder=3))


def _heat(sheet: Sheet, image: Any, weights: np.ndarray, boxes: np.ndarray, frame: tuple, *, largest: float, ranks: int) -> None:
    """The grey image under the heat map; the *ranks* largest weights are framed and numbered, unless all are about equal."""
    from matplotlib.patches import Rectangle

    x, y, width, height = frame
    small = image.convert("L")
    small.thumbnail((420, 420))
    scale = np.array([small.width / image.width, small.height / image.height] * 2)
    heat = np.zeros((small.height, small.width))
    for k in np.argsort(weights, kind="stable"):
        x1, y1, x2, y2 = np.rint(boxes[k] * scale).astype(int)
        patch = heat[y1 : max(y2, y1 + 1), x1 : max(x2, x1 + 1)]
        np.maximum(patch, weights[k], out=patch)
    grey = np.asarray(small, np.float64)[..., None] / 255
    sheet.image(_tint(heat / largest if largest else heat, grey), x, y, width, height)
    inch = np.array([width / image.width, height / image.height] * 2)
    if _even(weights):  # no largest weight to point out
        return
    taken: list[Box] = []
    for rank, k in enumerate(np.argsort(-weights, kind="stable")[:ranks], 1):
        x1, y1, x2, y2 = boxes[k] * inch
        for edge, line in ((INK, 2.6), (PAPER, 1.2)):  # a dark outline keeps the white line visible on any image
            sheet.axes.add_patch(Rectangle((x + x1, y + y1), x2 - x1, y2 - y1, facecolor="none", edgecolor=edge, linewidth=line, zorder=3))
        if ranks > 1:
            tag = (0.17, 0.16)
            corners = [(x + a, y + b) for b in (y1 + 0.03, y2 - 0.19) for a in (x1 + 0.03, x2 - 0.2)]
            spot = place(tag, corners, taken, (x, y, x + width, y + height))
            if spot is not None:
                taken.append(spot)
                sheet.chip(spot[0], spot[1] + tag[1] / 2, *tag, str(rank), fill=PAPER, ink=INK, size=7.5, weight="bold", margin=0)


def _sentence(sheet: Sheet, tokens: Sequence[str], weights: np.ndarray, x: float, y: float, width: float, bottom: float) -> float:
    """The words in lines, each shaded by its weight; returns y of the end of the last line in inches."""
    size = 11.0
    while size > 5 and not _fits(tokens, size, width, bottom - y):
        size -= 0.5
    line, at, largest = size * 0.026, x, float(weights.max()) or 1.0
    y += line / 2
    for token, weight in zip(tokens, weights, strict=True):
        shown = fit(str(token), size, width - 0.1)
        wide = text_size(shown, size)[0] + 0.1
        if at > x and at + wide > x + width:
            at, y = x, y + line * 1.35
        if y + line / 2 > bottom:
            sheet.text(at, y, "…", size=size)
            break
        sheet.chip(at, y, wide, line, shown, fill=_orange(weight / largest), ink=INK, size=size, edge="#BBBBBB", line=0.5, margin=0)
        at += wide + 0.06
    return y + line / 2


def _fits(tokens: Sequence[str], size: float, width: float, height: float) -> bool:
    at, lines = 0.0, 1
    for token in tokens:
        wide = min(text_size(str(token), size)[0] + 0.1, width)
        if at and at + wide > width:
            at, lines = 0.0, lines + 1
        at += wide + 0.06
    return (lines - 1) * size * 0.026 * 1.35 + size * 0.026 <= height


def _bar(sheet: Sheet, frame: tuple, largest: float, *, mean: float) -> None:
    """A vertical colour bar from 0 to *largest*, with the mean marked."""
    x, y, width, height = frame
    sheet.image(_tint(np.linspace(1, 0, 128)[:, None], np.full((1, 1, 1), 0.7)), x, y, width, height)  # as over a light grey
    sheet.box(x, y, width, height, edge=INK, line=0.6)
    for value, name in ((largest, f"{largest:.3f}"), (0.0, "0")):
        at = y + height * (1 - (value / largest if largest else 0))
        sheet.text(x + width + 0.06, min(max(at, y + 0.06), y + height - 0.06), name, size=7.5)
    at = y + height * (1 - mean / largest) if largest else y
    if y + 0.2 < at < y + height - 0.2:  # left out where it would overlap the labels of the ends
        sheet.curve([(x, at), (x + width + 0.04, at)], colour=INK, width=1.0, zorder=5)
        sheet.text(x + width + 0.06, at, f"mean {mean:.3f}", size=7.5)


def _flat_bar(sheet: Sheet, frame: tuple, largest: float, *, mean: float) -> None:
    """A horizontal colour bar of the words' weights from 0 to *largest*, with the mean marked."""
    x, y, width, height = frame
    steps = np.array([_rgb(_orange(v)) for v in np.linspace(0, 1, 128)])[None]
    sheet.image(steps, x, y, width, height)
    sheet.box(x, y, width, height, edge=INK, line=0.6)
    below = y + height + 0.11
    sheet.text(x, below, "0", size=7.5, across="center")
    sheet.text(x + width, below, f"{largest:.3f}", size=7.5, across="center")
    at = x + width * mean / largest if largest else x
    if x + 0.4 < at < x + width - 0.6:
        sheet.curve([(at, y), (at, y + height + 0.03)], colour=INK, width=1.0, zorder=5)
        sheet.text(at, below, f"mean {mean:.3f}", size=7.5, across="center")


def _even(weights: np.ndarray) -> bool:
    """Whether there are several weights and they are about equal."""
    return len(weights) > 1 and bool(np.ptp(weights) < _EVEN * weights.max())


def _tint(values: np.ndarray, grey: np.ndarray) -> np.ndarray:
    """Heat map of *values* (height, width) in 0..1 over *grey* (height, width, 1), more opaque for larger values: (height, width, 3)."""
    from matplotlib import colormaps

    cover = (_OPACITY[0] + (_OPACITY[1] - _OPACITY[0]) * values)[..., None]
    return np.clip((1 - cover) * grey + cover * colormaps[HEAT](values)[..., :3], 0, 1)


def _rgb(colour: str) -> tuple[float, ...]:
    return tuple(int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5))


def _orange(share: float) -> str:
    """Colour of a word's background: white for 0, the colour of word nodes for 1; black text is legible on all of them."""
    mixed = [1 + (part - 1) * min(max(share, 0.0), 1.0) for part in _rgb(ORANGE)]
    return "#" + "".join(f"{round(255 * part):02X}" for part in mixed)


# ---------------------------------------------------------------------------------------------- what is refused


def _image(image: Any) -> Any:
    from ..images import read_image

    return read_image(image)


def _weights(values: Any, name: str) -> np.ndarray:
    values = values.detach().cpu() if hasattr(values, "detach") else values
    weights = np.asarray(values, np.float64)
    if weights.ndim != 1 or not len(weights):
        raise InputError(f"{name} have shape {weights.shape}; give one weight each")
    if not np.isfinite(weights).all() or (weights < 0).any():
        raise InputError(f"{name} hold {float(weights[~(np.isfinite(weights) & (weights >= 0))][0])}; weights are finite and at least 0")
    return weights


def _boxes(boxes: Any, image: Any) -> np.ndarray:
    boxes = np.asarray(boxes, np.float64)
    if boxes.ndim != 2 or boxes.shape[1:] != (4,):
        raise InputError(f"boxes have shape {boxes.shape}; expected (regions, 4) as x1, y1, x2, y2 in pixels of the image")
    x1, y1, x2, y2 = boxes.T
    # features are often made from a copy of the image that is a pixel larger or smaller
    inside = (x1 >= -1) & (y1 >= -1) & (x2 <= image.width + 1) & (y2 <= image.height + 1) & (x2 > x1) & (y2 > y1)
    if not inside.all():
        k = int((~inside).argmax())
        found = [round(float(v), 1) for v in boxes[k]]
        raise InputError(f"box {k} is {found}, but the image has {image.width} x {image.height} pixels; expected x1, y1, x2, y2 inside it")
    return boxes.clip(0, [image.width, image.height] * 2)


def _same(first: str, one: int, second: str, other: int) -> None:
    if one != other:
        raise InputError(f"there are {one} {first} but {other} {second}; give one of each")
