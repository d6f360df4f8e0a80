"""The image of a recipe: node types as circles, steps as numbered arrows."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from .relations import is_complete

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from .recipe import Recipe

#: where the node types of the schema stand; a recipe's own types are placed below them
_PLACES = {"visual": (-1.0, 0.0), "word": (1.0, 0.0), "bridge": (0.0, 1.0), "label": (0.0, -1.0)}
_RADIUS = 0.27
_INK, _QUIET = "#222222", "#666666"


def draw_recipe(recipe: Recipe) -> Figure:
    """Draw *recipe*; a number stands on every arrow that a step of that number walks along, dashed for complete relations."""
    import textwrap

    from matplotlib.patches import Circle

    from ..viz.canvas import Drawing
    from ..viz.colours import node_colour, node_ink

    types = list(dict.fromkeys(t for step in recipe.steps for relation in step.along for t in (relation[0], relation[2])))
    places, arrows = _places(types), _arrows(recipe)
    rows = [line for number, step in enumerate(recipe.steps, 1) for line in _legend(number, step.name, step.equation)]
    figure = Drawing(figsize=(9.6, max(4.4, 1.2 + 0.23 * len(rows))), layout="constrained")
    axes, words = figure.subplots(1, 2, width_ratios=(1.25, 1))
    for (source, target), steps in arrows.items():
        _draw_arrow(axes, places[source], places[target], steps, both=(target, source) in arrows)
    for node_type in types:
        axes.add_patch(Circle(places[node_type], _RADIUS, facecolor=node_colour(node_type), edgecolor="white", linewidth=2, zorder=3))
        said = "\n".join(textwrap.wrap(node_type, 9))
        axes.text(*places[node_type], said, ha="center", va="center", color=node_ink(node_type), fontsize=10, zorder=4)
    across, up = zip(*places.values(), strict=True)
    for limits, values in ((axes.set_xlim, across), (axes.set_ylim, up)):  # one scale in all images, however few the types
        middle, half = (min(values) + max(values)) / 2, max((max(values) - min(values)) / 2 + 0.75, 1.4)
        limits(middle - half, middle + half)
    axes.set_aspect("equal")
    axes.set_axis_off()
    figure.suptitle(recipe.name or "the recipe", color=_INK, fontsize=12, x=0.02, ha="left")
    words.set_axis_off()
    words.text(0, 1, "\n".join(rows), va="top", ha="left", fontsize=9.5, color=_INK, linespacing=1.45, transform=words.transAxes)
    if any(complete for steps in arrows.values() for complete in steps):
        note = "dashed: every source to every receiver of a pair"
        words.text(0, 0, note, va="bottom", ha="left", fontsize=8.5, color=_QUIET, transform=words.transAxes)
    return figure


def _legend(number: int, name: str, equation: str) -> list[str]:
    import textwrap

    first, *rest = textwrap.wrap(name, 40)
    lines = [f"{number:>2}  {first}", *(f"      {line}" for line in rest)]
    return lines + [f"      {line}" for line in textwrap.wrap(equation, 44)]


def _places(types: list[str]) -> dict[str, tuple[float, float]]:
    """Schema types at their fixed places, others in a row below; types of which none is known on a circle."""
    known = [t for t in types if t in _PLACES]
    others = [t for t in types if t not in _PLACES]
    if not known:
        angle = 2 * math.pi / max(len(others), 1)
        return {t: (math.sin(k * angle), math.cos(k * angle)) if len(others) > 1 else (0.0, 0.0) for k, t in enumerate(others)}
    bottom = min(_PLACES[t][1] for t in known) - 1.1
    row = {t: (1.3 * (k - (len(others) - 1) / 2), bottom) for k, t in enumerate(others)}
    return {t: _PLACES[t] for t in known} | row


def _arrows(recipe: Recipe) -> dict[tuple[str, str], dict[bool, list[int]]]:
    """(source, target) -> {complete or not: numbers of the steps}"""
    arrows: dict[tuple[str, str], dict[bool, list[int]]] = {}
    for number, step in enumerate(recipe.steps, 1):
        for relation in step.along:
            numbers = arrows.setdefault((relation[0], relation[2]), {}).setdefault(is_complete(relation), [])
            if number not in numbers:
                numbers.append(number)
    return arrows


def _draw_arrow(axes, start, end, steps: dict[bool, list[int]], *, both: bool) -> None:
    from matplotlib.patches import FancyArrowPatch

    label = "\n".join(", ".join(map(str, numbers)) for numbers in steps.values())
    style = {
        "arrowstyle": "-|>",
        "mutation_scale": 15,
        "color": _QUIET,
        "linewidth": 1.4,
        "zorder": 2,
        "linestyle": "--" if all(steps) else "-",
    }
    badge = {
        "ha": "center",
        "va": "center",
        "fontsize": 9,
        "color": _INK,
        "zorder": 5,
        "bbox": {"boxstyle": "round,pad=0.25", "facecolor": "white", "edgecolor": _QUIET, "linewidth": 0.7},
    }
    if start == end:  # a loop that leaves and enters on the outer side
        x, y = start
        length = math.hypot(x, y)
        out = (x / length, y / length) if length else (0.0, 1.0)
        side = (-out[1], out[0])
        a, b = ((x + _RADIUS * (0.75 * out[0] + s * 0.65 * side[0]), y + _RADIUS * (0.75 * out[1] + s * 0.65 * side[1])) for s in (-1, 1))
        axes.add_patch(FancyArrowPatch(a, b, connectionstyle="arc3,rad=1.5", **style))
        axes.text(x + out[0] * (_RADIUS + 0.3), y + out[1] * (_RADIUS + 0.3), label, **badge)
        return
    bend = 0.3 if both else 0.0
    dx, dy = end[0] - start[0], end[1] - start[1]
    length = math.hypot(dx, dy)
    gap = (_RADIUS + 0.02) / length
    a, b = (start[0] + dx * gap, start[1] + dy * gap), (end[0] - dx * gap, end[1] - dy * gap)
    axes.add_patch(FancyArrowPatch(a, b, connectionstyle=f"arc3,rad={bend}", **style))
    # arc3 bends to the right of the way by rad * distance / 2 at its middle
    axes.text((a[0] + b[0]) / 2 + bend * (b[1] - a[1]) / 2, (a[1] + b[1]) / 2 - bend * (b[0] - a[0]) / 2, label, **badge)
