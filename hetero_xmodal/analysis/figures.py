"""The figures of an analysis: one function per figure, each drawn from a table of :mod:`hetero_xmodal.analysis.tables`."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.ticker import MaxNLocator, PercentFormatter

from .. import schema
from ..viz.canvas import FONT, Drawing, printable
from ..viz.colours import INK, PAPER, node_colour, relation_style

TOP = 20  # longest list of bars


def _axes(width: float, height: float, columns: int = 1):
    figure = Drawing(figsize=(width, height), dpi=100, facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots(1, columns, squeeze=False)[0]


def _finish(axes, title: str, x: str, y: str) -> None:
    axes.set_title(title, fontsize=10, color=INK, family=FONT, loc="left", parse_math=False)
    axes.set_xlabel(x, fontsize=9, color=INK, family=FONT)
    axes.set_ylabel(y, fontsize=9, color=INK, family=FONT)
    axes.tick_params(labelsize=8, colors=INK)
    for label in (*axes.get_xticklabels(), *axes.get_yticklabels()):
        label.set(family=FONT, parse_math=False)
    sns.despine(ax=axes)


def _bars(table: pd.DataFrame, name: str, value: str, colour: str, title: str, x: str) -> Drawing:
    shown = table.head(TOP)
    figure, (axes,) = _axes(7.5, 0.9 + 0.25 * len(shown))
    axes.barh(range(len(shown)), shown[value], color=colour, height=0.72)
    axes.set_yticks(range(len(shown)), [printable(text) for text in shown[name]])
    axes.invert_yaxis()
    for row, count in enumerate(shown[value]):
        axes.text(count, row, f" {count:,}", va="center", fontsize=7.5, color=INK, family=FONT)
    axes.margins(x=0.1, y=0.02)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    _finish(axes, title if len(shown) == len(table) else f"{title} (the {TOP} most frequent of {len(table)})", x, "")
    return figure


def _triple(name: str) -> schema.Relation:
    """``"visual-same_as-word"`` -> ``("visual", "same_as", "word")``."""
    source, relation, destination = name.split("-", 2)
    return source, relation, destination


def plot_sizes(counts: pd.DataFrame) -> Drawing:
    """Histograms of the number of nodes per graph, one panel for each node type that occurs; *counts* has one row per graph."""
    types = [t for t in schema.NODE_TYPES if t in counts and counts[t].any()] or [schema.WORD]
    figure, panels = _axes(2.6 * max(len(types), 2), 2.7, len(types))
    for panel, node_type in zip(panels, types, strict=True):
        sns.histplot(counts, x=node_type, discrete=True, color=node_colour(node_type), alpha=0.9, ax=panel, shrink=0.85, edgecolor="white")
        for axis in (panel.xaxis, panel.yaxis):
            axis.set_major_locator(MaxNLocator(integer=True))
        _finish(panel, f"{node_type} nodes", "nodes in a graph", "graphs" if node_type == types[0] else "")
    return figure


def plot_relations(sizes: pd.DataFrame) -> Drawing:
    """Mean number of edges per graph for each relation, with the interquartile range as a dark line."""
    table = sizes[(sizes["kind"] == "relation") & (sizes["total"] > 0)].reset_index(drop=True)
    figure, (axes,) = _axes(7.5, 0.9 + 0.27 * len(table))
    axes.barh(range(len(table)), table["mean"], color=[relation_style(_triple(name)).colour for name in table["of"]], height=0.72)
    for colour, width in ((PAPER, 4), (INK, 2)):  # a white outline keeps the line visible on a dark bar
        axes.hlines(range(len(table)), table["25 %"], table["75 %"], color=colour, linewidth=width)
    axes.set_yticks(range(len(table)), [name.replace("-", "  ").replace("_", " ") for name in table["of"]])
    axes.invert_yaxis()
    _finish(axes, "edges per graph (bar: mean, dark line: interquartile range)", "edges", "")
    return figure


def plot_degrees(degrees: pd.DataFrame) -> Drawing:
    """Box plots of in-degree: for each relation the number of its edges that end at a node of its destination type."""
    table = degrees[(degrees["end"] == "destination") & (degrees["max"] > 0)].reset_index(drop=True)
    figure, (axes,) = _axes(7.5, 0.9 + 0.27 * len(table))
    columns = {"min": "whislo", "25 %": "q1", "median": "med", "75 %": "q3", "max": "whishi"}  # matplotlib's names
    boxes = table.rename(columns=columns)[list(columns.values())].to_dict("records")
    drawn = axes.bxp(boxes, positions=range(len(table)), orientation="horizontal", showfliers=False, patch_artist=True, widths=0.6)
    for patch, name in zip(drawn["boxes"], table["relation"], strict=True):
        patch.set(facecolor=relation_style(_triple(name)).colour, alpha=0.75)
    for line in drawn["medians"]:
        line.set(color=INK, linewidth=2)
    axes.set_yticks(range(len(table)), [name.replace("-", "  ").replace("_", " ") for name in table["relation"]])
    axes.invert_yaxis()
    _finish(axes, "in-degree of a node (box: quartiles, whiskers: minimum and maximum)", "edges", "")
    return figure


def plot_objects(objects: pd.DataFrame) -> Drawing:
    """Bar chart of the most frequent object names: regions and object words side by side."""
    shown = objects.head(TOP)
    shown = shown.assign(name=[printable(text) for text in shown["name"]])
    long = shown.melt(id_vars="name", value_vars=["regions", "object words"], var_name="side", value_name="count")
    figure, (axes,) = _axes(7.5, 1.0 + 0.34 * len(shown))
    palette = {"regions": node_colour(schema.VISUAL), "object words": node_colour(schema.WORD)}
    sns.barplot(long, y="name", x="count", hue="side", palette=palette, saturation=1, ax=axes, orient="h", width=0.8)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(title=None, fontsize=8, frameon=False, loc="lower right")
    title = "objects" if len(shown) == len(objects) else f"objects (the first {TOP} of {len(objects)} names)"
    _finish(axes, f"{title}: regions of the image, object words of the sentence", "count", "")
    return figure


def plot_captions(captions: pd.DataFrame) -> Drawing:
    """Histogram of sentence lengths in words."""
    figure, (axes,) = _axes(6.0, 2.9)
    sns.histplot(captions, x="words", discrete=True, color=node_colour(schema.WORD), alpha=0.9, ax=axes, shrink=0.85, edgecolor="white")
    mean = captions["words"].mean()
    axes.axvline(mean, color=INK, linewidth=1.2, linestyle="dashed")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(integer=True))
    _finish(axes, f"words in a sentence (dashed: mean {mean:.1f})", "words", "sentences")
    return figure


def plot_coverage(coverage: pd.DataFrame) -> Drawing:
    """Histograms of the shares of regions and object words that are matched on the other side."""
    panels = ["share of regions named", "share of object words seen", "share named on both sides"]
    colours = [node_colour(schema.VISUAL), node_colour(schema.WORD), node_colour(schema.BRIDGE)]
    figure, axes = _axes(9.0, 2.8, 3)
    for panel, column, colour in zip(axes, panels, colours, strict=True):
        sns.histplot(coverage[column].dropna(), bins=[k / 10 for k in range(11)], color=colour, alpha=0.9, ax=panel, edgecolor="white")
        panel.set_xlim(0, 1)
        panel.xaxis.set_major_formatter(PercentFormatter(1.0))
        panel.yaxis.set_major_locator(MaxNLocator(integer=True))
        mean = coverage[column].mean()
        _finish(panel, f"{column}\n(mean {mean:.0%})" if mean == mean else column, "share", "graphs" if column == panels[0] else "")
    return figure


def plot_labels(label_pairs: pd.DataFrame) -> Drawing:
    """Heat map of P(column | row): of the graphs with the row's label, the share that have the column's label too."""
    shown = label_pairs.iloc[:TOP, :TOP].rename(index=printable, columns=printable)
    given = shown.div(np.diag(shown), axis=0)
    side = 1.9 + 0.36 * len(shown)
    figure, (axes,) = _axes(side + 0.8, side)
    few = len(shown) <= 14
    sns.heatmap(
        given, vmin=0, vmax=1, cmap="viridis", annot=few, fmt=".2f", annot_kws={"fontsize": 6.5}, square=True, linewidths=0.5, ax=axes,
        cbar_kws={"shrink": 0.7},
    )  # fmt: skip
    title = "P(column | row)" if len(shown) == len(label_pairs) else f"P(column | row), the {TOP} most frequent labels"
    _finish(axes, title, "", "")
    axes.set_xticks([k + 0.5 for k in range(len(shown))], shown.columns, rotation=90)
    axes.set_yticks([k + 0.5 for k in range(len(shown))], shown.index, rotation=0)
    return figure


def all_figures(tables: Mapping[str, pd.DataFrame], counts: pd.DataFrame) -> dict[str, Drawing]:
    """Every figure for which there are data, by name."""
    made = {"sizes": plot_sizes(counts)}
    if tables["sizes"].query("kind == 'relation'")["total"].sum():
        made |= {"relations": plot_relations(tables["sizes"]), "degrees": plot_degrees(tables["degrees"])}
    if "coverage" in tables and len(tables["coverage"]):
        made |= {"coverage": plot_coverage(tables["coverage"]), "captions": plot_captions(tables["captions"])}
    for name, key, colour, title, x in (
        ("predicates", "predicate", relation_style(schema.RELATES).colour, "relations between regions", "edges"),
        ("attributes", "attribute", node_colour(schema.VISUAL), "attributes of regions", "regions"),
        ("arcs", "arc", relation_style(schema.DEPENDS).colour, "dependency arcs", "edges"),
    ):
        if name in tables and len(tables[name]):
            made[name] = _bars(tables[name], key, "count", colour, title, x)
    if "objects" in tables and len(tables["objects"]):
        made["objects"] = plot_objects(tables["objects"])
    if "labels" in tables and len(tables["labels"]):
        made["labels"] = _bars(tables["labels"], "label", "graphs", node_colour(schema.LABEL), "labels", "graphs")
        made["label_pairs"] = plot_labels(tables["label_pairs"])
    return made
