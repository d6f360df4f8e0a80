"""A canvas measured in inches, and the few shapes that all figures are made of: text, node, box, curve, image.

Nothing here touches pyplot or matplotlib's global settings: a figure is made, drawn on and returned.
Text is measured before it is placed, so that no two labels overlap.
"""

from __future__ import annotations

import functools
import io
from collections.abc import Sequence
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, PathPatch, Rectangle
from matplotlib.path import Path as Outline
from matplotlib.text import Text

from .colours import INK, PAPER

FONT = "DejaVu Sans"  # comes with matplotlib, so a figure is the same on every machine
_DPI = 100


class Drawing(Figure):
    """A matplotlib figure that a notebook displays without pyplot, and whose texts are words of data: "$5 and $6" is no formula.

    >>> Drawing(figsize=(1, 1))._repr_png_()[1:4]
    b'PNG'
    """

    def draw(self, renderer: Any) -> None:
        """Draw everything; a "$" is a "$", and what the font lacks is replaced as by :func:`printable`."""
        for text in self.findobj(Text):
            said = text.get_text()
            if said and "\\mathdefault" not in said:  # matplotlib's own numbers, such as powers of ten, come so, or later
                text.set_parse_math("$" not in said)
                text.set_text("\n".join(map(printable, said.split("\n"))))
        super().draw(renderer)

    def _repr_png_(self) -> bytes:
        buffer = io.BytesIO()
        self.savefig(buffer, format="png", dpi=_DPI)
        return buffer.getvalue()


@functools.lru_cache(maxsize=1)
def _renderer() -> RendererAgg:
    return RendererAgg(8, 8, _DPI)


@functools.lru_cache(maxsize=1)
def _glyphs() -> frozenset[int]:
    return frozenset(get_font(findfont(FONT)).get_charmap())


@functools.lru_cache(maxsize=8192)
def printable(text: str) -> str:
    """*text* with every character that the figures' font lacks (Chinese, emoji, line breaks) replaced by the replacement character �.

    >>> printable("a \N{BIRD} in Zürich")
    'a � in Zürich'
    """
    return "".join(c if ord(c) in _glyphs() and c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


@functools.lru_cache(maxsize=8192)
def text_size(text: str, size: float, weight: str = "normal", style: str = "normal") -> tuple[float, float]:
    """Width and height in inches of one line of text of *size* points.

    >>> wide, tall = text_size("a bird", 8)
    >>> wide > tall
    True
    """
    font = FontProperties(family=FONT, size=size, weight=weight, style=style)
    width, height, _ = _renderer().get_text_width_height_descent(printable(text), font, False)
    return width / _DPI, height / _DPI


def fit(text: str, size: float, width: float, weight: str = "normal") -> str:
    """*text*, cut with an ellipsis where it would be wider than *width* inches.

    >>> fit("a very long name", 8, 0.5)
    'a very…'
    """
    if text_size(text, size, weight)[0] <= width:
        return text
    low, high = 0, len(text)
    while low < high:  # the longest beginning that fits
        middle = (low + high + 1) // 2
        low, high = (middle, high) if text_size(text[:middle].rstrip() + "…", size, weight)[0] <= width else (low, middle - 1)
    return text[:low].rstrip() + "…" if low else "…"


def wrap(text: str, size: float, width: float, *, lines: int, style: str = "normal") -> list[str]:
    """*text* broken at spaces into at most *lines* lines of *width* inches; the last line is cut with an ellipsis.

    >>> wrap("a red bird on a tree", 8, 0.7, lines=2)
    ['a red bird', 'on a tree']
    """
    out: list[str] = []
    for word in text.split():
        if out and text_size(f"{out[-1]} {word}", size, "normal", style)[0] <= width:
            out[-1] += f" {word}"
        elif len(out) == lines:
            out[-1] = fit(out[-1] + " …", size, width * 0.98)
            break
        else:
            out.append(fit(word, size, width * 0.98))
    return out


def spread(wanted: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Positions near *wanted* (in ascending order), at least *gap* apart and within *low* .. *high*; the gap shrinks where room is short.

    >>> [round(place, 6) for place in spread([0.0, 0.1, 5.0], 1.0, 0.0, 5.0)]
    [0.0, 1.0, 5.0]
    """
    count = len(wanted)
    if count > 1:
        gap = min(gap, (high - low) / (count - 1))
    # Blocks of neighbours that touch move together to the mean of their members' wanted positions (pool adjacent violators).
    blocks: list[list[float]] = []  # [sum of (wanted - offset), members]
    for index, place in enumerate(wanted):
        blocks.append([place - index * gap, 1])
        while len(blocks) > 1 and blocks[-2][0] / blocks[-2][1] > blocks[-1][0] / blocks[-1][1]:
            total, members = blocks.pop()
            blocks[-1][0] += total
            blocks[-1][1] += members
    shift = [total / members for total, members in blocks for _ in range(int(members))]
    top = high - (count - 1) * gap
    return [min(max(value, low), top) + index * gap for index, value in enumerate(shift)]


Box = tuple[float, float, float, float]


def overlap(a: Box, b: Box) -> bool:
    """True if two boxes ``x1, y1, x2, y2`` share more than an edge.

    >>> overlap((0, 0, 2, 2), (1, 1, 3, 3)), overlap((0, 0, 2, 2), (2, 0, 3, 2))
    (True, False)
    """
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def place(size: tuple[float, float], wanted: Sequence[tuple[float, float]], taken: Sequence[Box], bounds: Box) -> Box | None:
    """Box of *size* at the first of the *wanted* top-left corners where it overlaps nothing in *taken*, else at the nearest free place.

    *size* is width and height, *bounds* the box inside which it must lie. ``None`` if there is no free place inside the bounds.

    >>> place((1, 1), [(0, 0), (2, 0)], [(0, 0, 1, 1)], (0, 0, 3, 1))
    (2, 0, 3, 1)
    """
    width, height = size
    x1, y1, x2, y2 = bounds

    def clamp(x: float, y: float) -> Box:
        x, y = min(max(x, x1), max(x2 - width, x1)), min(max(y, y1), max(y2 - height, y1))
        return x, y, x + width, y + height

    for x, y in wanted:
        box = clamp(x, y)
        if not any(overlap(box, other) for other in taken):
            return box
    x0, y0 = wanted[0]
    steps_x, steps_y = int((x2 - x1) / (width / 2)) + 1, int((y2 - y1) / (height / 2)) + 1
    grid = [(x1 + i * width / 2, y1 + j * height / 2) for i in range(steps_x) for j in range(steps_y)]
    for x, y in sorted(grid, key=lambda at: (at[0] - x0) ** 2 + (at[1] - y0) ** 2):
        box = clamp(x, y)
        if not any(overlap(box, other) for other in taken):
            return box
    return None


class Sheet:
    """A figure with one axes object whose coordinates are inches from the top left corner, y down, like an image.

    >>> sheet = Sheet(4, 1)
    >>> sheet.text(0.1, 0.5, "a label").get_text()
    'a label'
    """

    def __init__(self, width: float, height: float) -> None:
        self.width, self.height = width, height
        self.figure = Drawing(figsize=(width, height), dpi=_DPI, facecolor=PAPER, layout="none")
        FigureCanvasAgg(self.figure)
        self.axes = self.figure.add_axes((0, 0, 1, 1))
        self.axes.set(xlim=(0, width), ylim=(height, 0), autoscale_on=False)
        self.axes.axis("off")

    def text(self, x: float, y: float, text: str, *, size: float = 8, colour: str = INK, across: str = "left", **more: Any) -> Text:
        """One line of text, vertically centred on y; ``across`` is the horizontal alignment."""
        options = {"va": "center", "zorder": 6, "fontfamily": FONT, "usetex": False} | more
        # parse_math=False: a price such as "$5 and $6" is text, not a formula
        return self.axes.text(x, y, printable(text), fontsize=size, color=colour, ha=across, parse_math=False, **options)

    def chip(
        self, x: float, y: float, width: float, height: float, text: str, *, fill: str, ink: str, size: float = 8, **more: Any
    ) -> None:
        """A node: a rounded box centred on y whose left edge is at x, with its text (cut to fit) in the middle."""
        options = {"edge": "none", "line": 1.0, "dash": "solid", "weight": "normal", "zorder": 4, "margin": 0.1} | more
        radius = min(0.07, height / 2.2)
        self.axes.add_patch(
            FancyBboxPatch(
                (x + radius, y - height / 2 + radius),
                width - 2 * radius,
                height - 2 * radius,
                boxstyle=f"round,pad={radius}",
                facecolor=fill,
                edgecolor=options["edge"],
                linewidth=options["line"],
                linestyle=options["dash"],
                zorder=options["zorder"],
            )  # fmt: skip
        )
        shown = fit(text, size, width - options["margin"], options["weight"])
        self.text(x + width / 2, y, shown, size=size, colour=ink, across="center", weight=options["weight"], zorder=options["zorder"] + 1)

    def box(
        self, x: float, y: float, width: float, height: float, *, edge: str, line: float = 1.5, fill: str = "none", zorder: float = 2
    ) -> None:
        """A plain rectangle."""
        self.axes.add_patch(Rectangle((x, y), width, height, facecolor=fill, edgecolor=edge, linewidth=line, zorder=zorder))

    def curve(
        self,
        points: Sequence[tuple[float, float]],
        *,
        colour: str,
        width: float = 1.2,
        dash: str = "solid",
        arrow: str = "-",
        alpha: float = 1.0,
        zorder: float = 3,
    ) -> None:
        """A straight line (2 points) or a cubic Bezier curve (4 points); ``arrow`` is ``-``, ``->`` or ``<->``."""
        codes = {2: [Outline.MOVETO, Outline.LINETO], 4: [Outline.MOVETO, *[Outline.CURVE4] * 3]}[len(points)]
        path = Outline(list(points), codes)
        style = {"facecolor": "none", "edgecolor": colour, "linewidth": width, "linestyle": dash, "alpha": alpha, "zorder": zorder}
        if arrow == "-":
            self.axes.add_patch(PathPatch(path, capstyle="round", **style))
        else:
            style["facecolor"] = colour
            heads = {"->": "-|>,head_length=3.6,head_width=1.7", "<->": "<|-|>,head_length=3.6,head_width=1.7"}[arrow]
            self.axes.add_patch(FancyArrowPatch(path=path, arrowstyle=heads, mutation_scale=1, shrinkA=0, shrinkB=0, **style))

    def image(self, image: Any, x: float, y: float, width: float, height: float) -> None:
        """An image (PIL image or array) filling the given rectangle."""
        import numpy as np

        self.axes.imshow(np.asarray(image), extent=(x, x + width, y + height, y), aspect="auto", interpolation="antialiased", zorder=1)
        self.axes.set(xlim=(0, self.width), ylim=(self.height, 0))
