"""The figures of an analysis: one function per figure, each drawn from tables of :mod:`hetero_xmodal.analysis.tables`.

Every figure names the unit that is counted and n, the number of units.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.ticker import FuncFormatter, MaxNLocator, PercentFormatter

from .. import schema
from ..viz.canvas import FONT, Drawing, printable
from ..viz.colours import INK, PAPER, node_colour, relation_style
from .seen_and_said import CLASS, ONE
from .units import IMAGE, SENTENCE

TOP = 20  # longest list of bars
_MAX_BINS = 60  # bars of a histogram of whole numbers


def axes_of(width: float, height: float, columns: int = 1, *, widths: Sequence[float] | None = None):
    """A figure of so many inches, and its panels in one row, of relative *widths*."""
    figure = Drawing(figsize=(width, height), dpi=100, facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots(1, columns, squeeze=False, width_ratios=widths)[0]


def finish(axes, title: str, x: str, y: str) -> None:
    """Title and names of the axes of a panel, in the fonts and colours of all figures."""
    axes.set_title(title, fontsize=10, color=INK, family=FONT, loc="left", parse_math=False)
    axes.set_xlabel(x, fontsize=9, color=INK, family=FONT)
    axes.set_ylabel(y, fontsize=9, color=INK, family=FONT)
    axes.tick_params(labelsize=8, colors=INK)
    for label in (*axes.get_xticklabels(), *axes.get_yticklabels()):
        label.set(family=FONT, parse_math=False)
    sns.despine(ax=axes)


def _whole_numbers(*axes) -> None:
    for axis in axes:
        axis.set_major_locator(MaxNLocator(integer=True, nbins=6))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))


def _n(table: pd.DataFrame) -> str:
    """``"n = 341 images"``."""
    unit, n = table["unit"].iloc[0], int(table["n"].iloc[0])
    return f"n = {n:,} {unit}{'s' if n != 1 else ''}"


def _histogram(axes, values: Sequence[int], weights: Sequence[int], colour: str) -> None:
    """Bars of a histogram of whole numbers; wide ranges are put together in bins."""
    low, high = int(min(values)), int(max(values))
    width = max(1, -(-(high - low + 1) // _MAX_BINS))
    edges = np.arange(low, high + width + 1, width) - 0.5
    heights, _ = np.histogram(values, bins=edges, weights=weights)
    axes.bar(edges[:-1] + width / 2, heights, width=0.85 * width, color=colour, edgecolor="white", linewidth=0.5)
    _whole_numbers(axes.xaxis, axes.yaxis)


def _shades(colour: str, count: int) -> list[tuple[float, ...]]:
    """*count* shades of a colour, the full one first."""
    whole = np.array(to_rgb(colour))
    return [tuple(whole + (1 - whole) * k / max(count, 1) * 0.85) for k in range(count)]


# ---------------------------------------------------------------------------------------------- sizes


def plot_sizes(node_counts: pd.DataFrame) -> Drawing:
    """Histograms of the number of nodes per unit, one panel for each node type that occurs."""
    types = [name for name, rows in node_counts.groupby("of", sort=False) if (rows["nodes"] > 0).any()] or [node_counts["of"].iloc[0]]
    figure, panels = axes_of(2.7 * max(len(types), 2), 2.8, len(types))
    for panel, node_type in zip(panels, types, strict=True):
        rows = node_counts[node_counts["of"] == node_type]
        _histogram(panel, rows["nodes"], rows["units"], node_colour(node_type))
        unit = rows["unit"].iloc[0]
        finish(panel, f"{node_type} nodes ({_n(rows)})", f"nodes of one {unit}", f"{unit}s")
    return figure


def _triple(name: str) -> schema.Relation:
    """``"visual-same_as-word"`` -> ``("visual", "same_as", "word")``."""
    source, relation, destination = name.split("-", 2)
    return source, relation, destination


def _relation_labels(names: pd.Series, units: pd.Series) -> list[str]:
    return [f"{name.replace('-', '  ').replace('_', ' ')}  (per {unit})" for name, unit in zip(names, units, strict=True)]


def plot_relations(sizes: pd.DataFrame) -> Drawing:
    """Mean number of edges per unit for each relation, with the interquartile range as a dark line."""
    table = sizes[(sizes["kind"] == "relation") & (sizes["total"] > 0)].reset_index(drop=True)
    figure, (axes,) = axes_of(8.0, 0.9 + 0.27 * len(table))
    axes.barh(range(len(table)), table["mean"], color=[relation_style(_triple(name)).colour for name in table["of"]], height=0.72)
    for colour, width in ((PAPER, 4), (INK, 2)):  # a white outline keeps the line visible on a dark bar
        axes.hlines(range(len(table)), table["25 %"], table["75 %"], color=colour, linewidth=width)
    axes.set_yticks(range(len(table)), _relation_labels(table["of"], table["unit"]))
    axes.invert_yaxis()
    each = ", ".join(_n(rows)[4:] for _, rows in table.groupby("unit", sort=False))
    finish(axes, f"edges of one unit (bar: mean, dark line: interquartile range)\n(n = {each})", "edges", "")
    return figure


def plot_degrees(degrees: pd.DataFrame) -> Drawing:
    """Box plots of in-degree: for each relation the number of its edges that end at a node of its destination type."""
    table = degrees[(degrees["end"] == "destination") & (degrees["max"] > 0)].reset_index(drop=True)
    figure, (axes,) = axes_of(8.0, 0.9 + 0.27 * len(table))
    columns = {"min": "whislo", "25 %": "q1", "median": "med", "75 %": "q3", "max": "whishi"}  # matplotlib's names
    boxes = table.rename(columns=columns)[list(columns.values())].to_dict("records")
    drawn = axes.bxp(boxes, positions=range(len(table)), orientation="horizontal", showfliers=False, patch_artist=True, widths=0.6)
    for patch, name in zip(drawn["boxes"], table["relation"], strict=True):
        patch.set(facecolor=relation_style(_triple(name)).colour, alpha=0.75)
    for line in drawn["medians"]:
        line.set(color=INK, linewidth=2)
    nodes = [f"{name.replace('-', '  ').replace('_', ' ')}  (n = {n:,})" for name, n in zip(table["relation"], table["n"], strict=True)]
    axes.set_yticks(range(len(table)), nodes)
    axes.invert_yaxis()
    finish(axes, "in-degree of a node (box: quartiles, whiskers: minimum and maximum; n: nodes)", "edges", "")
    return figure


# ---------------------------------------------------------------------------------------------- frequencies


def _bars(table: pd.DataFrame, keys: Sequence[str], value: str, colour: str, title: str, axes, *, rows: int = 0) -> None:
    """The most frequent rows of a frequency table as bars, with place for *rows*; a shade for each source that facts come from."""
    names = table[list(keys)].agg("  ".join, axis=1) if len(keys) > 1 else table[keys[0]]
    order = table.groupby(names, sort=False)[value].sum().sort_values(ascending=False, kind="stable")
    shown = order.head(TOP)
    sources = list(table["provenance"].unique()) if "provenance" in table else [""]
    left = np.zeros(len(shown))
    for source, shade in zip(sources, _shades(colour, len(sources)), strict=True):
        of_source = table[table["provenance"] == source] if source else table
        part = of_source.groupby(names.loc[of_source.index])[value].sum().reindex(shown.index, fill_value=0).to_numpy()
        axes.barh(range(len(shown)), part, left=left, color=shade, height=0.72, label=source)
        left += part
    axes.set_yticks(range(len(shown)), [printable(text) for text in shown.index])
    axes.set_ylim(max(len(shown), rows) - 0.4, -0.6)
    for row, count in enumerate(shown):
        axes.text(count, row, f" {count:,}", va="center", fontsize=7.5, color=INK, family=FONT)
    axes.margins(x=0.14)
    _whole_numbers(axes.xaxis)
    if sources != [""]:
        axes.legend(title=None, fontsize=7.5, frameon=False, loc="lower right", prop={"family": FONT, "size": 7.5})
    whole = "" if len(shown) == len(order) else f"the {TOP} most frequent of {len(order):,}; "
    finish(axes, f"{title}\n({whole}{_n(table)})", value, "")


def _sides(tables: Mapping[str, pd.DataFrame], which: int, keys: Sequence[str], what: str) -> Drawing | None:
    """One frequency table of each side, the image's on the left and the sentence's on the right, as far as there are any."""
    values = [(side.things if which < 2 else "relations") for side in (IMAGE, SENTENCE)]
    colours = [node_colour(side.nodes) if which < 2 else relation_style(side.relation).colour for side in (IMAGE, SENTENCE)]
    said = ["in images", "stated in sentences"]
    made = [
        (tables[side.tables[which]], value, colour, f"{what} {how}")
        for side, value, colour, how in zip((IMAGE, SENTENCE), values, colours, said, strict=True)
        if len(tables.get(side.tables[which], ()))
    ]
    if not made:
        return None
    longest = max(min(TOP, len(table[list(keys)].drop_duplicates())) for table, *_ in made)
    figure, panels = axes_of(5.6 * len(made) + 0.9 * (len(made) == 1), 1.2 + 0.25 * max(longest, 2), len(made))
    for panel, (table, value, colour, title) in zip(panels, made, strict=True):
        _bars(table, keys, value, colour, title, panel, rows=longest)
    return figure


def plot_objects(objects: pd.DataFrame) -> Drawing:
    """Bar chart of the most frequent object names: regions and object words side by side."""
    shown = objects.head(TOP)
    figure, (axes,) = axes_of(7.5, 1.2 + 0.34 * len(shown))
    rows = np.arange(len(shown))
    for side, shift in ((IMAGE, -0.2), (SENTENCE, 0.2)):
        axes.barh(rows + shift, shown[side.things], height=0.4, color=node_colour(side.nodes), label=side.things)
    axes.set_yticks(rows, [printable(text) for text in shown["name"]])
    axes.set_ylim(len(shown) - 0.4, -0.6)
    _whole_numbers(axes.xaxis)
    axes.legend(title=None, fontsize=8, frameon=False, loc="lower right")
    numbers = [(column[2:], int(objects[column].iloc[0])) for column in objects if column.startswith("n ")]
    each = ", ".join(f"{n:,} {unit if n != 1 else unit[:-1]}" for unit, n in numbers)
    whole = "objects" if len(shown) == len(objects) else f"objects, the first {TOP} of {len(objects):,} names"
    finish(axes, f"{whole}: regions of the image, object words of the sentence\n(n = {each})", "count", "")
    return figure


# ---------------------------------------------------------------------------------------------- pairs and labels


def plot_captions(captions: pd.DataFrame) -> Drawing:
    """Histogram of sentence lengths in words."""
    figure, (axes,) = axes_of(6.5, 2.9)
    counts = captions["words"].value_counts()
    _histogram(axes, counts.index, counts.to_numpy(), node_colour(schema.WORD))
    mean, n, unit = captions["words"].mean(), len(captions), captions.columns[0]
    axes.axvline(mean, color=INK, linewidth=1.2, linestyle="dashed")
    finish(axes, f"words in a sentence (dashed: mean {mean:.1f}; n = {n:,} {unit}{'s' if n != 1 else ''})", "words", f"{unit}s")
    return figure


def plot_coverage(coverage: pd.DataFrame, shares: pd.DataFrame) -> Drawing:
    """Histograms of the pairs' shares of regions and object words that are matched on the other side, one to one; with mean and pooled."""
    panels = {"regions named": schema.VISUAL, "object words seen": schema.WORD, "named on both sides": schema.BRIDGE}
    figure, axes = axes_of(10.5, 3.2, 3)
    for panel, (share, node_type) in zip(axes, panels.items(), strict=True):
        column = f"share {share}" if share.startswith("named") else f"share of {share}"
        found = shares[shares["share"] == share].set_index("counted")
        values = coverage[column].dropna()
        heights, edges = np.histogram(values, bins=np.arange(11) / 10)
        panel.bar(edges[:-1] + 0.05, heights, width=0.085, color=node_colour(node_type))
        panel.set_xlim(0, 1)
        panel.xaxis.set_major_formatter(PercentFormatter(1.0))
        _whole_numbers(panel.yaxis)
        lines = [column, *(f"{way}: {_mean_and_pooled(found.loc[way])}" for way in (ONE, CLASS) if way in found.index)]
        n = int(found.loc[ONE, "n of mean"])
        finish(panel, "\n".join(lines), f"share of one pair, one to one (n = {n:,} pair{'s' if n != 1 else ''})", "pairs")
        panel.title.set_fontsize(8.5)
    return figure


def _mean_and_pooled(row: pd.Series) -> str:
    return f"mean {row['mean']:.1%}, pooled {row['pooled']:.1%}" if row["n of pooled"] else ""


def plot_labels(label_pairs: pd.DataFrame) -> Drawing:
    """Heat map of P(column | row): of the images with the row's label, the share that have the column's label too."""
    shown = label_pairs.iloc[:TOP, :TOP].rename(index=printable, columns=printable)
    given = shown.div(np.diag(shown), axis=0)
    side = 1.9 + 0.36 * len(shown)
    figure, (axes,) = axes_of(side + 0.8, side)
    few = len(shown) <= 14
    sns.heatmap(
        given, vmin=0, vmax=1, cmap="viridis", annot=few, fmt=".2f", annot_kws={"fontsize": 6.5}, square=True, linewidths=0.5, ax=axes,
        cbar_kws={"shrink": 0.7},
    )  # fmt: skip
    title = "P(column | row)" if len(shown) == len(label_pairs) else f"P(column | row), the {TOP} most frequent labels"
    unit, n = str(label_pairs.index.name).split(" ")[0], str(label_pairs.index.name).partition("(")[2].rstrip(")")
    finish(axes, f"{title}\n({n} {unit})", "", "")
    axes.set_xticks([k + 0.5 for k in range(len(shown))], shown.columns, rotation=90)
    axes.set_yticks([k + 0.5 for k in range(len(shown))], shown.index, rotation=0)
    return figure


def all_figures(tables: Mapping[str, pd.DataFrame]) -> dict[str, Drawing]:
    """Every figure for which there are data, by name."""
    made: dict[str, Drawing | None] = {"sizes": plot_sizes(tables["node_counts"]) if len(tables["node_counts"]) else None}
    if tables["sizes"].query("kind == 'relation'")["total"].sum():
        made |= {"relations": plot_relations(tables["sizes"]), "degrees": plot_degrees(tables["degrees"])}
    if "coverage" in tables:
        made["coverage"] = plot_coverage(tables["coverage"], tables["shares"])
    if "captions" in tables:
        made["captions"] = plot_captions(tables["captions"])
    for name, which, keys in (
        ("predicates", 2, ["predicate"]), ("attributes", 1, ["attribute"]), ("triples", 3, ["subject", "predicate", "object"])
    ):  # fmt: skip
        made[name] = _sides(tables, which, keys, "relations" if which == 2 else name)
    if len(tables.get("objects", ())):
        made["objects"] = plot_objects(tables["objects"])
    if len(tables.get("arcs", ())):
        made["arcs"] = _single(tables["arcs"], "arc", "arcs", relation_style(schema.DEPENDS).colour, "dependency arcs")
    if len(tables.get("labels", ())):
        unit = tables["labels"]["unit"].iloc[0]
        made["labels"] = _single(tables["labels"], "label", f"{unit}s", node_colour(schema.LABEL), "labels")
        made["label_pairs"] = plot_labels(tables["label_pairs"])
    return {name: figure for name, figure in made.items() if figure is not None}


def _single(table: pd.DataFrame, key: str, value: str, colour: str, title: str) -> Drawing:
    figure, (axes,) = axes_of(7.5, 1.1 + 0.25 * min(TOP, len(table)))
    _bars(table, [key], value, colour, title, axes)
    return figure
