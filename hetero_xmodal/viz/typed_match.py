"""The figure of a typed match: which word found which region, what adds up to the score, and which edge changes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..errors import InputError
from .canvas import Drawing, Sheet, fit
from .colours import BLUE, GREY, INK, ORANGE, VERMILLION
from .image_panel import paint_boxes, paint_image

_ROW, _IMAGE, _CELL = 0.26, 3.0, 0.34
_MOST_REGIONS, _MOST_EDGES = 12, 8


def draw_typed_match(
    image: Any,
    words: Sequence[str],
    regions: Sequence[str],
    *,
    share: Any,
    boxes: Any,
    score: float,
    parts: Mapping[str, float],
    edges: Sequence[tuple[str, float]],
    title: str = "",
) -> Drawing:
    """The image with its regions, the shares of every word, the parts of the score and the effect of every typed edge.

    Parameters
    ----------
    image : PIL image, or array (height, width, 3)
    words, regions : names of the I words and of the B regions
    share : (I, B) which share of each word's search found each region; a row's rest to 1 found nothing
    boxes : (B, 4) x1, y1, x2, y2 in pixels of the image, or None
    score, parts : the score and what each part adds to it
    edges : (text, score with the edge minus score without it), the largest first
    title : one line above, such as the sentence

    Raises
    ------
    InputError : shares of another shape.

    >>> import numpy as np
    >>> figure = draw_typed_match(np.zeros((8, 8, 3), np.uint8), ["dog"], ["dog", "box"], share=[[0.9, 0.05]], boxes=None, score=3.0,
    ...     parts={"words": 2.0, "one vector": 1.0}, edges=[("red describes dog", 1.5)])
    """
    share = np.asarray(share, np.float64)
    if share.shape != (len(words), len(regions)):
        raise InputError(f"share has shape {share.shape}, expected one row for each of {len(words)} words and one column for each of "
                         f"{len(regions)} regions")  # fmt: skip
    shown = np.sort(np.argsort(-share.max(0) if len(words) else np.zeros(len(regions)), kind="stable")[:_MOST_REGIONS])
    height, width = np.asarray(image).shape[:2]
    tall = _IMAGE * height / width
    left = _IMAGE + 0.7
    columns = len(shown) + 1
    table = 1.15 + _ROW * len(words)
    wide = left + 1.2 + _CELL * columns + 0.3
    lower = max(0.55 + tall, table) + 0.35
    rows = max(len(parts) + 1, min(len(edges), _MOST_EDGES) + 1)
    sheet = Sheet(max(wide, 8.2), lower + 0.45 + _ROW * rows)
    if title:
        sheet.text(0.3, 0.25, fit(title, 11, sheet.width - 0.6), size=11, style="italic")
    _regions(sheet, image, boxes, shown, share, (0.3, 0.55, _IMAGE, tall))
    _shares(sheet, words, [f"{k + 1}" for k in shown], share, shown, left)
    _bars(sheet, "what adds up to the score", [*parts.items(), ("score", score)], 0.3, lower, 3.6)
    effects = [(text, value) for text, value in edges[:_MOST_EDGES]]
    _bars(sheet, "score with each edge minus score without it", effects, 4.3, lower, sheet.width - 4.6)
    return sheet.figure


def _regions(sheet: Sheet, image: Any, boxes: Any, shown: np.ndarray, share: np.ndarray, frame: tuple) -> None:
    x, y, wide, tall = frame
    paint_image(sheet, image, x, y, wide, tall)
    if boxes is None:
        return
    height, width = np.asarray(image).shape[:2]
    scaled = np.asarray(boxes, np.float64)[shown] * np.tile([wide / width, tall / height], 2) + np.tile([x, y], 2)
    strong = (share[:, shown].max(0) > 0.5).tolist() if len(share) else [False] * len(shown)
    paint_boxes(sheet, [tuple(map(float, box)) for box in scaled], [f"{k + 1}" for k in shown], (x, y, x + wide, y + tall), strong=strong)


def _shares(sheet: Sheet, words: Sequence[str], names: Sequence[str], share: np.ndarray, shown: np.ndarray, left: float) -> None:
    sheet.text(left, 0.62, "share of each word's search, by region", size=9, weight="bold")
    for column, name in enumerate([*names, "none"]):
        sheet.text(left + 1.15 + _CELL * (column + 0.5), 0.88, name, size=8, across="center")
    for row, word in enumerate(words):
        y = 1.12 + _ROW * row
        sheet.text(left, y, fit(word, 9, 1.1), size=9)
        values = [*share[row, shown], max(0.0, 1 - share[row].sum())]
        for column, value in enumerate(values):
            x = left + 1.15 + _CELL * column
            tint = tuple(1 - value * (1 - c) for c in _rgb(GREY if column == len(shown) else ORANGE))
            sheet.box(x + 0.02, y - _ROW / 2 + 0.02, _CELL - 0.04, _ROW - 0.04, edge="none", fill=_code(tint), zorder=2)
            if value >= 0.1:
                sheet.text(x + _CELL / 2, y, f".{min(round(value * 100), 99):02d}", size=7, across="center")


def _bars(sheet: Sheet, head: str, values: Sequence[tuple[str, float]], x: float, y: float, wide: float) -> None:
    sheet.text(x, y, fit(head, 9, wide, "bold"), size=9, weight="bold")
    if not values:
        sheet.text(x, y + _ROW, "the sentence has no typed edge", size=9, colour=GREY)
        return
    names = min(1.9, wide * 0.5)
    largest = max(1e-9, *(abs(value) for _, value in values))
    middle = x + names + (wide - names - 0.5) / 2
    half = (wide - names - 0.5) / 2
    for row, (name, value) in enumerate(values, 1):
        at = y + _ROW * row
        sheet.text(x, at, fit(name, 8.5, names - 0.05), size=8.5)
        length = half * value / largest
        colour = INK if name == "score" else BLUE if value >= 0 else VERMILLION
        sheet.box(min(middle, middle + length), at - 0.08, max(abs(length), 0.005), 0.16, edge="none", fill=colour)
        sheet.text(x + wide - 0.05, at, f"{value:+.2f}", size=8, across="right")


def _rgb(colour: str) -> tuple[float, ...]:
    return tuple(int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5))


def _code(values: tuple[float, ...]) -> str:
    return "#" + "".join(f"{round(255 * value):02X}" for value in values)
