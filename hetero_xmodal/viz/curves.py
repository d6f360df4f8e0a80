"""``draw_curves``: training curves from the ``metrics.csv`` of run folders (the ALGR paper's Figure 3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InputError, nearest
from ..files import existing_file
from .canvas import Drawing
from .colours import BLUE, GREEN, INK, ORANGE, PURPLE, SKY, VERMILLION

if TYPE_CHECKING:
    import pandas as pd

_COLOURS = (BLUE, VERMILLION, GREEN, ORANGE, PURPLE, SKY)
_LOOKS = tuple(zip(_COLOURS, ("-", "--", "-.", ":", "-", "--"), "os^DvP", strict=True))  # colour, dash, marker


def read_metrics(run: str | Path) -> pd.DataFrame:
    """The ``metrics.csv`` of a run folder (or the path of that file) as a table with one row per epoch.

    Raises
    ------
    InputError : the file does not exist, cannot be read as CSV, or has no column ``epoch`` or no row.
    """
    import pandas as pd

    path = Path(run)
    path = existing_file(path / "metrics.csv" if path.is_dir() else path, "metrics")
    try:
        table = pd.read_csv(path)
    except (ValueError, UnicodeDecodeError) as error:
        raise InputError(f"metrics file '{path}' cannot be read as CSV ({error})") from None
    if "epoch" not in table or not len(table):
        raise InputError(f"metrics file '{path}' holds no epoch; give the folder of a run that has trained for at least one")
    return table


def draw_curves(runs: Mapping[str, Any], *, columns: Sequence[str] = ("train/loss", "validation/score"), title: str = "") -> Drawing:
    """Plot metrics over epochs: one panel for each column, one line for each run.

    Parameters
    ----------
    runs : name in the legend -> run folder, its metrics.csv, or a table with a column ``epoch``
    columns : what to plot; a run that lacks a column is left out of that plot, and a column that no run has is refused
    title : one line above the figure

    Lines differ in colour, dash and marker.

    Raises
    ------
    InputError : no run or no column, more than six runs, or a column that no run has.

    >>> import pandas as pd
    >>> run = pd.DataFrame({"epoch": [0, 1], "train/loss": [2.0, 1.0]})
    >>> draw_curves({"one": run}, columns=["train/loss"]).axes[0].get_xlabel()
    'epoch'
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.ticker import MaxNLocator

    if not runs or not columns:
        raise InputError("there is nothing to draw; give at least one run and one column")
    if len(runs) > len(_LOOKS):
        raise InputError(f"{len(runs)} runs are too many for one figure; give at most {len(_LOOKS)}")
    tables = {name: run if hasattr(run, "columns") else read_metrics(run) for name, run in runs.items()}
    known = list(dict.fromkeys(column for table in tables.values() for column in table.columns if column not in ("epoch", "step")))
    for column in columns:
        if column not in known:
            raise InputError(f"no run has a column {column!r}{nearest(column, known)}; they have {', '.join(known)}")
    figure = Drawing(figsize=(5.2 * len(columns), 3.9), layout="constrained")
    FigureCanvasAgg(figure)
    for axes, column in zip(np.atleast_1d(figure.subplots(1, len(columns))).flat, columns, strict=True):
        for (name, table), (colour, dash, marker) in zip(tables.items(), _LOOKS, strict=False):
            if column not in table:
                continue
            points = table[["epoch", column]].dropna()
            every = max(1, len(points) // 12)
            axes.plot(points["epoch"] + 1, points[column], dash, color=colour, marker=marker, markevery=every, markersize=4.5,
                      linewidth=1.6, label=str(name))  # fmt: skip
        axes.set_xlabel("epoch", fontsize=10)
        axes.set_title(column.replace("/", ": "), fontsize=10.5, loc="left")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(True, color="#E3E3E3", linewidth=0.7)
        axes.set_axisbelow(True)
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
        axes.tick_params(labelsize=9, colors=INK)
    handles, names = {}, []
    for axes in figure.axes:
        for handle, name in zip(*axes.get_legend_handles_labels(), strict=True):
            handles.setdefault(name, handle)
    names = [str(name) for name in tables if str(name) in handles]
    figure.legend([handles[name] for name in names], names, loc="outside lower center", ncols=min(3, len(names)), frameon=False, fontsize=9)
    if title:
        figure.suptitle(title, fontsize=11, style="italic", x=0.01, ha="left")
    return figure
