"""The figures of the sections of an analysis, one function each, drawn from the section's tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from matplotlib.ticker import FuncFormatter, NullFormatter, PercentFormatter

from ..viz.canvas import FONT, Drawing, printable
from ..viz.colours import BLUE, GREEN, GREY, INK, ORANGE, PURPLE, SKY, VERMILLION, YELLOW
from .figures import axes_of, finish
from .seen_and_said import REASONS

if TYPE_CHECKING:
    from .suspicion import Suspicion

_TOP = 14  # rows of a list
#: of the image blue, of the sentence orange, as everywhere
_SIDE = {"image": BLUE, "sentence": ORANGE}
_REASON_COLOURS = dict(zip(REASONS, (GREEN, YELLOW, ORANGE, VERMILLION, GREY), strict=True))


def _names(axes: Any, labels: Sequence[str]) -> None:
    axes.set_yticks(range(len(labels)), [printable(label) for label in labels])
    axes.set_ylim(len(labels) - 0.4, -0.6)


def _logarithmic(*axes: Any) -> None:
    """Powers of ten as plain numbers."""
    for axis in axes:
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
        axis.set_minor_formatter(NullFormatter())


def _legend(axes: Any, **options: Any) -> None:
    axes.legend(title=None, frameon=False, prop={"family": FONT, "size": 7.5}, **options)


def _forest(axes: Any, table: pd.DataFrame, labels: Sequence[str], title: str, x: str) -> None:
    """Log-odds with their intervals; rows with few counts are hollow."""
    rows = np.arange(len(table))
    few = table["few"].to_numpy(bool)
    axes.axvline(0, color=GREY, linewidth=1)
    axes.hlines(rows, table["low"], table["high"], color=INK, linewidth=1.2)
    axes.scatter(table["log-odds"], rows, s=26, zorder=3, color=np.where(few, "white", BLUE), edgecolors=np.where(few, GREY, BLUE))
    _names(axes, labels)
    finish(axes, title, x, "")


# ---------------------------------------------------------------------------------------------- contents and bias


def plot_contents(tables: Mapping[str, pd.DataFrame]) -> Drawing | None:
    """Rank plot of every kind of name, and the share of names that occur once."""
    tail = tables["long_tail"]
    if not len(tail):
        return None
    figure, (left, right) = axes_of(10.5, 3.9, 2)
    styles = ("solid", "dashed", "dashdot", "dotted", (0, (1, 3)))
    for unit, rows in tail.groupby("unit", sort=False):
        for style, of in zip(styles, rows["of"], strict=False):
            table = tables[of.replace(" ", "_")]
            left.plot(table["rank"], table["count"], color=_SIDE[unit], linestyle=style, linewidth=1.4, label=of)
    left.set_xscale("log")
    left.set_yscale("log")
    _logarithmic(left.xaxis, left.yaxis)
    _legend(left, loc="upper right")
    units = "; ".join(f"{n:,} {unit}s" for unit, n in dict.fromkeys(zip(tail["unit"], tail["n"], strict=True)))
    finish(left, f"names by rank, both axes logarithmic\n(n = {units})", "rank", "occurrences")
    right.barh(range(len(tail)), tail["share that occurs once"], color=[_SIDE[unit] for unit in tail["unit"]], height=0.7)
    for row, (once, names) in enumerate(zip(tail["occur once"], tail["names"], strict=True)):
        right.text(
            tail["share that occurs once"].iloc[row], row, f" {once:,} of {names:,}", va="center", fontsize=7.5, color=INK, family=FONT
        )
    _names(right, tail["of"].tolist())
    right.set_xlim(0, 1.3)
    right.set_xticks([0, 0.25, 0.5, 0.75, 1])
    right.xaxis.set_major_formatter(PercentFormatter(1.0))
    finish(right, "the long tail: names that occur once", "share of the different names", "")
    return figure


def plot_bias(tables: Mapping[str, pd.DataFrame]) -> Drawing | None:
    """What the frequency baseline reaches, with and without the names, and the most skewed triples."""
    if "baseline" not in tables:
        return None
    baseline, skewed = tables["baseline"], tables["skewed"].head(_TOP)
    figure, (left, right) = axes_of(11.0, 1.4 + 0.24 * _TOP, 2)
    ks = [column for column in baseline if column.startswith("top-") and not column.endswith(("names", "%"))]
    labels, values, colours = [], [], []
    for row in baseline.to_dict("records"):
        for k in ks:
            labels += [f"{row['side']}: {k}, names known", f"{row['side']}: {k}, not known"]
            values += [row[k], row[f"{k} without names"]]
            colours += [_SIDE[row["side"]], GREY]
    left.barh(range(len(values)), np.nan_to_num(values), color=colours, height=0.7)
    _names(left, labels)
    left.set_xlim(0, 1)
    left.xaxis.set_major_formatter(PercentFormatter(1.0))
    n = "; ".join(f"{row['test']:,} relations of {row['side']}s" for row in baseline.to_dict("records"))
    finish(
        left,
        f"predicates guessed from the two names;\na pair of names that was not seen counts as wrong\n(n = {n})",
        "share of the test relations",
        "",
    )
    names = (skewed[["subject", "predicate", "object"]].agg("  ".join, axis=1)).tolist() if len(skewed) else []
    _forest(
        right,
        skewed,
        names,
        "predicates tied to two names:\nmore frequent between them than elsewhere\n(line: 95 % interval)",
        "log-odds ratio",
    )
    return figure


# ---------------------------------------------------------------------------------------------- coverage and labels


def _stacked(axes: Any, table: pd.DataFrame, labels: Sequence[str], *, share: bool) -> None:
    left = np.zeros(len(table))
    whole = table["object words"].to_numpy(float) if share else np.ones(len(table))
    for reason, colour in _REASON_COLOURS.items():
        width = table[reason].to_numpy(float) / np.maximum(whole, 1)
        axes.barh(range(len(table)), width, left=left, color=colour, height=0.72, label=reason)
        left += width
    _names(axes, labels)


def plot_reasons(tables: Mapping[str, pd.DataFrame]) -> Drawing | None:
    """Why object words have no region, by split and by word, and which regions are named least."""
    if not len(tables.get("reasons", ())):
        return None
    figure, (left, middle, right) = axes_of(14.0, 1.7 + 0.24 * _TOP, 3)
    reasons = tables["reasons"].head(_TOP)
    labels = [f"{row['split']}, {row['word class']}: {row['object words']:,}" for row in reasons.to_dict("records")]
    _stacked(left, reasons, labels, share=True)
    left.xaxis.set_major_formatter(PercentFormatter(1.0))
    finish(left, f"object words by split and word class\n(n = {reasons['n'].iloc[0]:,} pairs)", "share of the object words", "")
    handles, names = left.get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower left", ncols=len(names), frameon=False, prop={"family": FONT, "size": 8})
    words = tables["reasons_by_word"].head(_TOP)
    _stacked(middle, words, words["name"].tolist(), share=False)
    finish(middle, "words most often without a region", "object words, once per pair", "")
    regions = tables["unnamed_regions"]
    regions = regions[regions["regions"] >= 10].head(_TOP) if len(regions) else regions
    if len(regions):
        right.barh(range(len(regions)), regions["share unnamed, by class"], color=BLUE, height=0.6)
        right.hlines(range(len(regions)), regions["low"], regions["high"], color=INK, linewidth=1.2)
        _names(right, [f"{name} ({n:,})" for name, n in zip(regions["name"], regions["regions"], strict=True)])
    right.set_xlim(0, 1)
    right.xaxis.set_major_formatter(PercentFormatter(1.0))
    finish(right, "regions that no sentence names, most first\n(number of regions; line: 95 % interval)", "share of the regions", "")
    return figure


def plot_label_graph(tables: Mapping[str, pd.DataFrame]) -> Drawing:
    """The label graph of the most frequent labels, coloured by community, and how it thins out as tau grows."""
    import networkx as nx

    figure, (left, right) = axes_of(11.5, 5.2, 2)
    labels = tables["labels"].head(30)
    shown = set(labels["label"])
    pairs = tables["pairs"]
    pairs = pairs[pairs["a"].isin(shown) & pairs["b"].isin(shown) & (pairs["PMI (bits)"] > 0)]
    graph = nx.Graph()
    graph.add_nodes_from(labels["label"])
    graph.add_weighted_edges_from(pairs[["a", "b", "images"]].itertuples(index=False, name=None))
    place = nx.spring_layout(graph, seed=0, weight=None, k=1.6 / np.sqrt(max(len(graph), 1)))
    palette = (BLUE, ORANGE, GREEN, PURPLE, SKY, VERMILLION, YELLOW)
    heaviest = max((data["weight"] for _, _, data in graph.edges(data=True)), default=1)
    for a, b, data in graph.edges(data=True):
        left.plot(*zip(place[a], place[b], strict=True), color=GREY, linewidth=0.3 + 2.5 * data["weight"] / heaviest, alpha=0.6, zorder=1)
    size = 40 + 500 * labels["images"] / max(labels["images"].max(), 1)
    points = np.array([place[label] for label in labels["label"]])
    left.scatter(*points.T, s=size, zorder=2, edgecolors="white", color=[palette[(c - 1) % len(palette)] for c in labels["community"]])
    for label, (x, y) in place.items():
        left.text(x, y, printable(label), fontsize=7.5, ha="center", va="center", zorder=3, color=INK, family=FONT)
    n = labels["n"].iloc[0]
    finish(
        left,
        f"the {len(labels)} most frequent labels; edges: together more often\nthan by chance; colours: communities (n = {n:,} images)",
        "",
        "",
    )
    left.set_xticks([])
    left.set_yticks([])
    left.margins(0.12)
    thresholds = tables["graph"]
    for column, colour in (("edges", BLUE), ("alone", VERMILLION), ("components", GREEN)):
        right.plot(thresholds["tau"], thresholds[column], color=colour, marker="o", markersize=3.5, label=column)
    right.set_yscale("symlog")
    _logarithmic(right.yaxis)
    _legend(right)
    finish(right, f"the label graph as tau grows ({thresholds['labels'].iloc[0]:,} labels)", "tau", "number")
    return figure


# ---------------------------------------------------------------------------------------------- agreement and leakage


def plot_agreement(tables: Mapping[str, pd.DataFrame], found: Suspicion | None) -> Drawing:
    """F1 between captions of one image and of different ones, and how suspicion tells shuffled pairs from those of the corpus."""
    panels = [name for name, there in (("f1", "agreement" in tables), ("suspicion", found is not None)) if there]
    figure, axes = axes_of(5.6 * max(len(panels), 1), 3.6, max(len(panels), 1))
    if "agreement" in tables:
        table, axis = tables["agreement"], axes[0]
        for shift, (what, colour) in zip((-0.2, 0.2), (("one image", ORANGE), ("different images", GREY)), strict=True):
            rows = table[table["two captions of"] == what]
            axis.barh(np.arange(len(rows)) + shift, rows["macro F1"], height=0.38, color=colour, label=f"captions of {what}")
            axis.hlines(np.arange(len(rows)) + shift, rows["low"], rows["high"], color=INK, linewidth=1.2)
        _names(axis, list(dict.fromkeys(table["of"])))
        _legend(axis, loc="lower right")
        n = table["n"].iloc[0]
        finish(axis, f"agreement of two captions\n(n = {n:,} pairs of captions; line: 95 % interval)", "F1 of their scene graphs", "")
    if found is not None:
        axis = axes[-1]
        values = np.concatenate([found.pairs["logit"], found.shuffled])
        low, high = np.quantile(values, [0.001, 0.999]).tolist()
        edges = np.linspace(low, high, 40)
        for sample, colour, name in ((found.pairs["logit"], BLUE, "pairs of the corpus"), (found.shuffled, VERMILLION, "shuffled pairs")):
            axis.hist(np.clip(sample, edges[0], edges[-1]), bins=edges, color=colour, alpha=0.65, label=name)
        _legend(axis)
        share = f"wrong: at most {found.share:.1%}" if found.share else "wrong: none"
        finish(
            axis,
            f"suspicion of {len(found.pairs):,} pairs\n(AUC {found.auc:.3f}; {share})",
            "log-odds that the sentence is another image's",
            "pairs",
        )
    return figure


def plot_leakage(tables: Mapping[str, pd.DataFrame], paths: Mapping[str, str]) -> Drawing:
    """How many captions and images are there twice, and pairs of images side by side."""
    images = tables.get("images", pd.DataFrame())
    shown = images.sort_values("similarity", kind="stable").head(4) if len(images) else images  # the least sure ones need the eye
    figure, axes = axes_of(5.6 + 2.0 * len(shown), 3.4, 1 + len(shown), widths=[2.6] + [1.0] * len(shown))
    table, axis = tables["summary"], axes[0]
    share = np.nan_to_num(table["share"].to_numpy(float))
    axis.barh(range(len(table)), share, color=[ORANGE if of == "captions" else BLUE for of in table["of"]], height=0.7)
    for row, count in enumerate(table["units"]):
        axis.text(share[row], row, f" {count:,}", va="center", fontsize=7.5, color=INK, family=FONT)
    _names(axis, [f"{of} {kind}, {where}" for of, kind, where in zip(table["of"], table["kind"], table["where"], strict=True)])
    axis.set_xlim(0, max(float(share.max()), 1e-3) * 1.3)
    axis.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=1))
    n = "; ".join(f"{n:,} {unit}s" for unit, n in dict.fromkeys(zip(table["unit"], table["n"], strict=True)))
    finish(axis, f"what is there twice\n(n = {n})", "share that has one before it", "")
    for axis, row in zip(axes[1:], shown.to_dict("records"), strict=True):
        axis.imshow(_both(paths.get(row["id"], ""), paths.get(row["other_id"], "")))
        finish(
            axis,
            f"similarity {row['similarity']:.3f}\n{row['split']} {row['id'][-16:]}\n{row['other split']} {row['other_id'][-16:]}",
            "",
            "",
        )
        axis.title.set_fontsize(7.5)
        axis.set_axis_off()
    return figure


def _both(*paths: str) -> np.ndarray:
    """Two images below each other, grey where one cannot be read."""
    from ..errors import InputError
    from ..images import read_reduced

    parts = []
    for path in paths:
        try:
            parts.append(np.asarray(read_reduced(path, longest_side=640)[0].resize((160, 160))))
        except InputError:
            parts.append(np.full((160, 160, 3), 200, np.uint8))
        parts.append(np.full((6, 160, 3), 255, np.uint8))
    return np.concatenate(parts[:-1])


# ---------------------------------------------------------------------------------------------- words and comparison


def plot_words(tables: Mapping[str, pd.DataFrame]) -> Drawing | None:
    """Words about two groups of people, and attributes of things, as log-odds with intervals."""
    panels = [name for name in ("people", "things") if len(tables.get(name, ()))]
    if not panels:
        return None
    figure, axes = axes_of(6.2 * len(panels), 1.5 + 0.24 * _TOP, len(panels))
    for axis, name in zip(axes, panels, strict=True):
        table = tables[name]
        table = table[~table["few"]].head(_TOP)
        if name == "people":
            first, second = (column[6:] for column in table.columns if column.startswith("share "))
            n = tables["groups"].set_index("sentences that name")["sentences"]
            labels = table["word"].tolist()
            title = f"words about {first} (right) and {second} (left)\n(n = {n.iloc[0]:,} and {n.iloc[1]:,} sentences; line: 95 % interval)"
        else:
            labels = [f"{a}  {b} ({side})" for side, b, a in zip(table["side"], table["name"], table["attribute"], strict=True)]
            title = "attributes more frequent of a thing than of others\n(line: 95 % interval)"
        _forest(axis, table, labels, title, "log-odds ratio")
    return figure


def plot_comparison(tables: Mapping[str, pd.DataFrame], names: tuple[str, str]) -> Drawing | None:
    """Divergences against their controls, and the names that tell both sides apart."""
    table = tables["divergences"]
    if not len(table):
        return None
    figure, (left, right) = axes_of(12.0, 1.5 + 0.24 * _TOP, 2)
    rows = np.arange(len(table))
    for shift, column, colour in ((-0.2, "divergence (bits)", VERMILLION), (0.2, "control", GREY)):
        left.barh(rows + shift, table[column], height=0.38, color=colour, label=column if shift < 0 else "control: random parts")
    _names(left, table["of"].tolist())
    _legend(left, loc="lower right")
    finish(left, f"how different {names[0]} and {names[1]} are", "Jensen-Shannon divergence (bits)", "")
    found = tables["names"]
    found = found[~found["few"]].head(_TOP)
    _forest(right, found, [f"{name} ({of})" for of, name in zip(found["of"], found["name"], strict=True)],
            f"more in {names[0]} (right), more in {names[1]} (left)\n(line: 95 % interval)", "log-odds ratio")  # fmt: skip
    return figure
