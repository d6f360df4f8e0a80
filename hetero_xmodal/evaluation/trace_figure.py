"""The figure of :class:`~hetero_xmodal.evaluation.trace.EdgeWeights`: the image, and a panel for every step that weighs its messages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..viz.canvas import Drawing, printable

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from .trace import EdgeWeights

MOST = 40  # destinations and sources of a matrix; more are left out, with a note
MAPS = 6  # sources of a map


def draw_edge_weights(weights: EdgeWeights) -> Figure:
    """The image with its sentence, then the steps in their order: destinations in rows, sources in columns, darker for larger weights.

    Where the destinations are the places of an image, the sources with the largest weights are shown as maps over the image.
    """
    from matplotlib.patches import Rectangle

    frame = weights.frame
    weighed = frame[frame["weighing"] != "1"]
    steps = [rows for _, rows in weighed.groupby(["part", "number"], sort=False)]
    heights = [2.6, *(_height(rows) for rows in steps)]
    figure = Drawing(figsize=(9, sum(heights) + 0.5 * len(heights)), layout="constrained")
    parts = figure.subfigures(len(heights), 1, height_ratios=heights, squeeze=False)[:, 0]
    axis = parts[0].subplots()
    axis.imshow(weights.image)
    axis.set_title(f"{weights.recipe}: “{weights.sentence}”", fontsize=10, wrap=True)
    axis.axis("off")
    for number, (x1, y1, x2, y2) in enumerate(weights.boxes):
        axis.add_patch(Rectangle((x1, y1), x2 - x1, y2 - y1, fill=False, edgecolor="#0072b2", linewidth=1))
        axis.text(x1, y1, str(number), fontsize=7, color="white", backgroundcolor="#0072b2", va="bottom")
    for part, rows in zip(parts[1:], steps, strict=True):
        head = f"{rows['part'].iloc[0]} {rows['number'].iloc[0]}: {rows['step'].iloc[0]} (weight: {rows['weighing'].iloc[0]})"
        part.suptitle(head, fontsize=9)
        _maps(part, rows, weights.image) if _is_map(rows) else _matrix(part, rows)
    return figure


def _is_map(rows: pd.DataFrame) -> bool:
    return rows["destination_type"].iloc[0].endswith("patch")


def _height(rows: pd.DataFrame) -> float:
    return 2.2 if _is_map(rows) else 0.9 + 0.2 * min(MOST, rows["destination_node"].nunique())


def _table(rows: pd.DataFrame) -> pd.DataFrame:
    """Destinations in rows and sources in columns, in the order of their numbers; weights of parallel edges are added."""
    keys = [["destination_type", "destination_node", "destination"], ["source_type", "source_node", "source"]]
    return rows.pivot_table(index=keys[0], columns=keys[1], values="weight", aggfunc="sum")


def _matrix(part: Any, rows: pd.DataFrame) -> None:
    table = _table(rows)
    largest = table.max().sort_values(ascending=False, kind="stable").index[:MOST]
    shown = table.loc[:, table.columns.isin(largest)].iloc[:MOST]
    axis = part.subplots()
    drawn = axis.imshow(shown.to_numpy(), cmap="Blues", aspect="auto", vmin=0, vmax=max(float(np.nanmax(shown.to_numpy())), 1e-12))
    axis.set_yticks(range(len(shown)), [printable(name) for *_, name in shown.index], fontsize=7)
    axis.set_xticks(range(shown.shape[1]), [printable(name) for *_, name in shown.columns], fontsize=7, rotation=60, ha="right")
    if shown.shape != table.shape:
        axis.set_xlabel(
            f"{len(shown)} of {len(table)} destinations, and of {table.shape[1]} sources the {shown.shape[1]} of the largest weights",
            fontsize=7,
        )
    part.colorbar(drawn, ax=axis, shrink=0.8)


def _maps(part: Any, rows: pd.DataFrame, image: Any) -> None:
    table = _table(rows).fillna(0)
    side = round(len(table) ** 0.5)
    order = table.sum().sort_values(ascending=False).index[:MAPS]
    most = max(float(table[order].to_numpy().max()), 1e-12)
    axes = part.subplots(1, MAPS, squeeze=False)[0]
    for axis in axes:
        axis.axis("off")
    size = max(image.size)  # the square that the model saw begins at the image's corner
    for axis, column in zip(axes, order, strict=False):
        axis.imshow(np.asarray(image.convert("L").convert("RGB")))
        shown = axis.imshow(
            table[column].to_numpy().reshape(side, side), cmap="magma", alpha=0.65, vmin=0, vmax=most,
            extent=(-0.5, size - 0.5, size - 0.5, -0.5), interpolation="bilinear",
        )  # fmt: skip
        axis.set_xlim(-0.5, image.size[0] - 0.5)
        axis.set_ylim(image.size[1] - 0.5, -0.5)
        axis.set_title(column[-1], fontsize=8)
    part.colorbar(shown, ax=list(axes), shrink=0.8)
