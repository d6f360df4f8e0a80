"""``draw_label_graph``: the co-occurrence of labels, as a ring of labels and as the matrix of conditional probabilities."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from .. import schema
from ..counts import counted
from ..errors import InputError
from ..validation import validate
from .canvas import Drawing, Sheet, fit
from .colours import INK, node_colour

if TYPE_CHECKING:
    import dgl


def draw_label_graph(graph: dgl.DGLGraph, *, max_labels: int = 30) -> Drawing:
    """Draw a label graph: on the left the labels on a ring, on the right P(destination | source) of its edges as a matrix.

    The arrow from label j to label i is the wider and the more opaque the larger P(i | j); self loops appear in the matrix only. With
    more than *max_labels* labels, those with the largest sum of edge probabilities are shown, and the title says so.

    Raises
    ------
    InputError : not a label graph, a batch, or *max_labels* below 1.

    >>> import hetero_xmodal as hx
    >>> figure = draw_label_graph(hx.label_graph([[1, 1, 0], [1, 0, 0]], names=["sea", "boat", "snow"]))
    """
    if not isinstance(max_labels, int) or max_labels < 1:
        raise InputError(f"max_labels is {max_labels!r}, expected a whole number of at least 1")
    if schema.graph_kind(validate(graph, allow_extra=True)) != "labels":
        raise InputError("expected a label graph, found a pair graph; make one with hx.label_graph, or draw this one with hx.draw")
    if graph.batch_size > 1:
        raise InputError(f"this graph is a batch of {graph.batch_size} graphs; take it apart with dgl.unbatch(graph) and draw one of them")
    names = schema.decode_text(graph.nodes[schema.LABEL].data["name"]) if graph.num_nodes() else []
    source, target = (ends.tolist() for ends in graph.edges())
    strength = graph.edges[schema.CO_OCCURS].data["probability"].tolist() if graph.num_edges() else []
    edges = [(s, t, p) for s, t, p in zip(source, target, strength, strict=True)]
    weight = [0.0] * len(names)
    for s, t, p in edges:
        if s != t:
            weight[s] += p
            weight[t] += p
    shown = sorted(sorted(range(len(names)), key=lambda k: -weight[k])[:max_labels])
    place = {label: k for k, label in enumerate(shown)}
    edges = [(place[s], place[t], p) for s, t, p in edges if s in place and t in place]

    sheet = Sheet(10.5, 5.4)
    title = f"label graph: {counted(len(names), 'label')}, {counted(graph.num_edges(), 'edge')}"
    title += f" ({len(shown)} labels drawn)" if len(shown) < len(names) else ""
    sheet.text(0.15, 0.25, title, size=10.5, style="italic")
    strongest = _strongest(edges)
    _ring(sheet, [names[k] for k in shown], strongest)
    note = "edges between different labels" if len(strongest) == sum(s != t for s, t, _ in edges) else "two strongest edges from each label"
    sheet.text(2.75, 5.22, f"{note}; wider: more probable", size=7.4, across="center")
    _matrix(sheet, [names[k] for k in shown], edges)
    return sheet.figure


def _strongest(edges: list[tuple[int, int, float]], *, many: int = 60, keep: int = 2) -> list[tuple[int, int, float]]:
    """Edges between different labels; where there are more than *many*, the *keep* most probable from each label."""
    between = [e for e in edges if e[0] != e[1]]
    if len(between) <= many:
        return between
    ranked, taken = [], {}
    for edge in sorted(between, key=lambda e: (-e[2], e[0], e[1])):
        taken[edge[0]] = taken.get(edge[0], 0) + 1
        if taken[edge[0]] <= keep:
            ranked.append(edge)
    return ranked


def _ring(sheet: Sheet, names: list[str], edges: list[tuple[int, int, float]]) -> None:
    cx, cy, radius, colour = 2.75, 2.75, 1.5, node_colour(schema.LABEL)
    size = 8.0 if len(names) <= 16 else 6.6
    angles = [2 * math.pi * k / max(len(names), 1) - math.pi / 2 for k in range(len(names))]
    at = [(cx + radius * math.cos(a), cy + radius * math.sin(a)) for a in angles]
    for s, t, p in sorted(edges, key=lambda e: e[2]):
        (x1, y1), (x2, y2) = at[s], at[t]
        inward = 0.55  # the curve bends towards the middle of the ring, the way back a little less
        bend = [(x + (cx - x) * inward, y + (cy - y) * inward) for x, y in ((x1, y1), (x2, y2))]
        sheet.curve([(x1, y1), *bend, (x2, y2)], colour=colour, width=0.6 + 1.8 * p, alpha=0.25 + 0.75 * p, arrow="->")
    for name, angle, (x, y) in zip(names, angles, at, strict=True):
        sheet.axes.plot([x], [y], marker="o", markersize=6, color=colour, markeredgecolor=INK, markeredgewidth=0.6, zorder=5)
        turn = math.degrees(angle)
        flip = math.cos(angle) < -1e-9
        # each name is written outwards along its own ray, so that no two meet
        sheet.text(
            cx + (radius + 0.1) * math.cos(angle), cy + (radius + 0.1) * math.sin(angle), fit(name, size, 0.85), size=size,
            across="right" if flip else "left", rotation=-(turn + 180 if flip else turn), rotation_mode="anchor", va="center",
        )  # fmt: skip


def _matrix(sheet: Sheet, names: list[str], edges: list[tuple[int, int, float]]) -> None:
    if not names:
        return
    from matplotlib import colormaps

    cell = min(0.34, 3.6 / len(names))
    size = min(8.0, cell * 72 * 0.8)
    x0, y0 = 6.65, 1.35
    shade = colormaps["viridis"]
    sheet.text(x0, y0 + cell * len(names) + 0.2, "P(column | row) on the edges; white: no edge", size=7.4)
    side = cell * len(names)
    sheet.box(x0, y0, side, side, edge=INK, line=0.6, zorder=3)
    for s, t, p in edges:
        sheet.box(x0 + t * cell, y0 + s * cell, cell, cell, edge="white", line=0.4, fill=shade(p))
        if cell >= 0.27:
            dark = p < 0.6
            sheet.text(x0 + (t + 0.5) * cell, y0 + (s + 0.5) * cell, f"{p:.1f}", size=6.4, colour="white" if dark else INK, across="center")
    for k, name in enumerate(names):
        middle = (k + 0.5) * cell
        sheet.text(x0 - 0.06, y0 + middle, fit(name, size, 1.0), size=size, across="right")
        sheet.text(x0 + middle, y0 - 0.06, fit(name, size, 1.0), size=size, rotation=90, va="bottom", across="center")
    if cell < 0.27:  # no numbers in the cells: a colour bar
        x, y = x0 + side - 0.75, y0 + side + 0.2
        sheet.image([[shade(k / 63) for k in range(64)]], x, y - 0.05, 0.6, 0.1)
        sheet.text(x - 0.04, y, "0", size=7.4, across="right")
        sheet.text(x + 0.64, y, "1", size=7.4)
