"""Draws the diagrams of notebooks 00, 04 to 07 and of the appendices: ``python tutorials/images/draw_concepts.py``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, Rectangle

import hetero_xmodal as hx
from hetero_xmodal.viz import colours

HERE = Path(__file__).parent
PLAIN = "#DDDDDD"
RED, GREEN = colours.PALETTE["vermillion"], colours.PALETTE["green"]


def main(folder: Path = HERE) -> None:
    """Write all diagrams into *folder*; the same code gives the same files."""
    for draw in (toy_graph, bridge_paths, two_ways_to_match, one_batch, label_graph, label_pipeline, copies, masks, memory, editors):
        save(draw(), folder / f"{draw.__name__}.svg")
    for draw in (nine_relations, gradient_reversal, posterior, transport, adam):
        save(draw(), folder / f"{draw.__name__}.svg")


# ---------------------------------------------------------------------------------------------- what diagrams are made of


class Diagram:
    """Boxes with texts, and arrows between them, on a canvas whose unit is an inch."""

    def __init__(self, width: float, height: float) -> None:
        self.figure = Figure(figsize=(width, height))
        self.axes = self.figure.add_axes((0, 0, 1, 1))
        self.axes.set(xlim=(0, width), ylim=(0, height))
        self.axes.axis("off")
        self.boxes: dict[str, tuple[float, float]] = {}
        self.shapes: dict[str, Any] = {}

    def box(self, name: str, x: float, y: float, kind: str = "", text: str | None = None, size: float = 10) -> None:
        """A box with its middle at (x, y); *kind* is a node type or a colour."""
        fill = kind if kind.startswith("#") else colours.node_colour(kind) if kind else PLAIN
        ink = colours.node_ink(kind) if kind and not kind.startswith("#") else "#000000"
        shape = {"boxstyle": "round,pad=0.45", "fc": fill, "ec": "none"}
        self.boxes[name] = (x, y)
        said = name if text is None else text
        written = self.axes.text(x, y, said, ha="center", va="center", color=ink, fontsize=size, bbox=shape, zorder=3)
        self.shapes[name] = written.get_bbox_patch()

    def column(self, x: float, names: Iterable[str], kind: str, top: float, gap: float = 0.7) -> None:
        """Boxes one below the other."""
        for k, name in enumerate(names):
            self.box(name, x, top - gap * k, kind, name.split("/")[-1])

    def arrow(
        self, start: str, end: str, text: str = "", *, colour: str = "#555555", width: float = 1.4, bend: float = 0, dash: str = "-", at=0.5
    ) -> None:
        """An arrow between two boxes, with a text on it."""
        (x1, y1), (x2, y2) = self.boxes[start], self.boxes[end]
        self.axes.add_patch(
            FancyArrowPatch(
                (x1, y1), (x2, y2), arrowstyle="-|>", mutation_scale=13, shrinkA=2, shrinkB=3, color=colour, lw=width, linestyle=dash,
                connectionstyle=f"arc3,rad={bend}", zorder=1, patchA=self.shapes[start], patchB=self.shapes[end],
            )
        )  # fmt: skip
        if text:
            shift = -bend / 2
            x, y = x1 + at * (x2 - x1) - shift * (y2 - y1), y1 + at * (y2 - y1) + shift * (x2 - x1)
            self.text(x, y, text, colour=colour, back=True)

    def text(
        self, x: float, y: float, text: str, *, size: float = 9, colour: str = "#222222", back: bool = False, left: bool = False
    ) -> None:
        """A text without a box; *back* clears what is behind it."""
        box = {"fc": "white", "ec": "none", "pad": 1.5} if back else None
        self.axes.text(x, y, text, ha="left" if left else "center", va="center", fontsize=size, color=colour, bbox=box, zorder=4)


def save(figure: Figure, path: Path) -> None:
    """Write an SVG with its texts as texts, and without a date."""
    figure.canvas.draw()  # arrows end where the boxes do, whose sizes are known from now on
    with plt.rc_context({"svg.fonttype": "none", "svg.hashsalt": path.stem}):
        figure.savefig(path, metadata={"Date": None}, bbox_inches="tight", pad_inches=0.05)


# ---------------------------------------------------------------------------------------------- 00


def toy_graph() -> Figure:
    """A bird on a tree, and "red bird"."""
    image = hx.SceneGraph(
        [hx.SceneObject("bird", ["red"], box=(20, 10, 60, 50)), hx.SceneObject("tree", box=(10, 45, 90, 100))],
        relations=[hx.SceneRelation(0, "on", 1)],
        size=(100, 100),
    )
    tokens = [hx.Token("red", "red", "ADJ", head=1, arc="amod"), hx.Token("bird", "bird", "NOUN", head=1, arc="ROOT")]
    sentence = hx.SceneGraph([hx.SceneObject("bird", ["red"], span=(1, 2), head=1)], tokens=tokens, text="red bird")
    return hx.draw(hx.build_graph(image, sentence), sentence="red bird")


def bridge_paths() -> Figure:
    """A word reaches the matched region and its neighbours through its copy."""
    drawn = Diagram(7.6, 2.9)
    drawn.column(0.9, ["w/a", "w/cat", "w/bench"], "word", 2.2)
    drawn.box("copy", 3.6, 1.5, "bridge", 'copy of the word "cat"')
    drawn.column(6.6, ["r/cat", "r/bench", "r/car"], "visual", 2.2)
    drawn.arrow("w/cat", "copy", "copied to")
    for region in ("r/cat", "r/bench", "r/car"):
        drawn.arrow("copy", region, "beside" if region == "r/bench" else "")
    for x, text in ((0.9, "words"), (3.6, "bridge, placed among the regions"), (6.6, "regions")):
        drawn.text(x, 2.7, text)
    drawn.text(3.7, 0.25, '"a" has no copy: its messages first go to the noun that it depends on')
    return drawn.figure


# ---------------------------------------------------------------------------------------------- 04


def two_ways_to_match() -> Figure:
    """Two encoders and one cosine, beside late interaction."""
    drawn = Diagram(9.6, 3.3)
    for left, title in ((0.0, "two encoders: one vector a side"), (5.0, "late interaction: every word looks for a region")):
        drawn.text(left + 2.2, 3.1, title, size=10)
        for k, name in enumerate(("cat", "car", "bench")):
            drawn.box(f"{left}r{k}", left + 0.7, 2.5 - 0.85 * k, "visual", name)
        for k, name in enumerate(("blue", "cat", "bench")):
            drawn.box(f"{left}w{k}", left + 3.7, 2.5 - 0.85 * k, "word", name)
    drawn.box("v", 1.7, 1.65, "", "mean")
    drawn.box("t", 2.75, 1.65, "", "mean")
    for k in range(3):
        drawn.arrow(f"0.0r{k}", "v")
        drawn.arrow(f"0.0w{k}", "t")
    drawn.axes.annotate("", (2.45, 1.65), (2.0, 1.65), arrowprops={"arrowstyle": "<->", "color": "#222222"})
    drawn.text(2.22, 0.25, "score: one cosine")
    best = {(0, 0), (1, 0), (2, 2)}
    for w in range(3):
        for r in range(3):
            strong = (w, r) in best
            drawn.arrow(f"5.0r{r}", f"5.0w{w}", colour=RED if strong else "#CCCCCC", width=2 if strong else 0.8)
    drawn.text(7.2, 0.25, "score: sum over words of the best match (bold)")
    return drawn.figure


def one_batch() -> Figure:
    """Scores of a batch: the diagonal is right, everything else is a negative."""
    scores = [[0.9, 0.8, 0.1, 0.2], [0.3, 0.6, 0.5, 0.0], [0.2, 0.1, 0.7, 0.4], [0.1, 0.3, 0.2, 0.8]]
    figure = Figure(figsize=(6.4, 3.1))
    axes = figure.add_axes((0.16, 0.05, 0.42, 0.8))
    for i, row in enumerate(scores):
        for j, value in enumerate(row):
            kind = GREEN if i == j else RED if value == max(v for k, v in enumerate(row) if k != i) else "#BBBBBB"
            axes.add_patch(Rectangle((j, 3 - i), 0.94, 0.94, fc="white", ec=kind, lw=3 if kind != "#BBBBBB" else 1))
            axes.text(j + 0.47, 3.47 - i, f"{value:.1f}", ha="center", va="center", fontsize=11)
    axes.set(xlim=(-0.05, 4), ylim=(-0.05, 4))
    axes.axis("off")
    for k in range(4):
        axes.text(-0.15, 3.47 - k, f"image {k + 1}", ha="right", va="center", fontsize=10)
        axes.text(k + 0.47, 4.1, f"sentence {k + 1}", ha="center", va="bottom", fontsize=8)
    figure.text(0.62, 0.72, "green: the pair that belongs together", fontsize=9)
    figure.text(0.62, 0.60, "red: the hardest negative of a row,", fontsize=9)
    figure.text(0.62, 0.53, "the only one that VSE++ punishes", fontsize=9)
    figure.text(0.62, 0.36, "grey: further negatives", fontsize=9)
    return figure


# ---------------------------------------------------------------------------------------------- 05


def label_graph() -> Figure:
    """Four images with their labels, and the graph that is counted from them."""
    drawn = Diagram(8.0, 2.7)
    for k, text in enumerate(("sea, boat", "sea", "sea, boat", "snow")):
        drawn.box(f"image {k}", 1.1, 2.35 - 0.62 * k, "visual", text)
        drawn.text(0.1, 2.35 - 0.62 * k, f"{k + 1}", size=9)
    drawn.text(2.85, 1.5, "count", size=10)
    drawn.axes.annotate("", (3.4, 1.3), (2.3, 1.3), arrowprops={"arrowstyle": "-|>", "color": "#555555"})
    drawn.box("sea", 4.6, 1.35, "label")
    drawn.box("boat", 7.0, 1.35, "label")
    drawn.box("snow", 5.8, 0.35, "label")
    drawn.arrow("sea", "boat", "P(boat | sea) = 2/3", bend=-0.35)
    drawn.arrow("boat", "sea", "P(sea | boat) = 1", bend=-0.35)
    return drawn.figure


def label_pipeline() -> Figure:
    """From label vectors over hops to classifiers, which score an image."""
    drawn = Diagram(9.4, 2.7)
    for name, x, text in (
        ("h0", 0.9, "label vectors"),
        ("h1", 3.1, "after hop 1"),
        ("h2", 5.2, "after hop 2"),
        ("z", 7.4, "classifiers z"),
    ):
        drawn.box(name, x, 2.1, "label", text)
    drawn.arrow("h0", "h1", "co-occurs")
    drawn.arrow("h1", "h2", "co-occurs")
    drawn.arrow("h2", "z")
    drawn.arrow("h1", "z", bend=0.33)
    drawn.box("image", 3.1, 0.5, "visual", "image features")
    drawn.box("v", 5.2, 0.5, "visual", "v")
    drawn.box("y", 7.4, 0.5, "", "score of each label: cos(v, z)")
    drawn.arrow("image", "v", "encoder")
    drawn.arrow("v", "y")
    drawn.arrow("z", "y")
    return drawn.figure


# ---------------------------------------------------------------------------------------------- 06 and 07


def copies() -> Figure:
    """E1 and E2: copies take part on the other side, and owners read what they have become."""
    drawn = Diagram(8.6, 3.4)
    drawn.axes.add_patch(Rectangle((0.15, 0.35), 3.6, 2.6, fc="none", ec=colours.node_colour("visual"), lw=1.2, ls=":"))
    drawn.axes.add_patch(Rectangle((4.85, 0.35), 3.6, 2.6, fc="none", ec=colours.node_colour("word"), lw=1.2, ls=":"))
    drawn.box("tree", 0.8, 0.8, "visual")
    drawn.box("r", 0.8, 2.4, "visual", "bird")
    drawn.box("wc", 2.9, 1.3, "bridge", 'copy of\n"bird"', 9)
    drawn.box("blue", 7.8, 0.8, "word", '"blue"')
    drawn.box("w", 7.8, 2.4, "word", '"bird"')
    drawn.box("rc", 5.7, 1.3, "bridge", "copy of\nthe bird", 9)
    for one, other in (("r", "tree"), ("r", "wc"), ("tree", "wc"), ("w", "blue"), ("w", "rc"), ("blue", "rc")):
        (x1, y1), (x2, y2) = drawn.boxes[one], drawn.boxes[other]
        drawn.axes.plot([x1, x2], [y1, y2], color="#999999", lw=1.3, zorder=0)
    drawn.arrow("rc", "r", "E2", colour=RED, bend=0.18, at=0.42)
    drawn.arrow("wc", "w", "E2", colour=GREEN, bend=-0.18, at=0.42)
    drawn.text(1.95, 3.15, "image graph: E1 acts inside")
    drawn.text(6.65, 3.15, "sentence graph: E1 acts inside")
    drawn.text(4.3, 0.12, "Each bird reads what its copy has become on the other side, and its partner there.")
    return drawn.figure


def masks() -> Figure:
    """E3 to E6: one pooled vector, two masks, two decoders."""
    drawn = Diagram(9.4, 3.0)
    drawn.box("nodes", 1.1, 1.5, "", "regions and words\nafter E1 and E2")
    drawn.box("pair", 3.4, 1.5, "", "pooled pair\nE3")
    for name, y, text in (("mi", 2.4, "mask for the image\nE4, E5"), ("ms", 0.6, "mask for the sentence\nE4, E5")):
        drawn.box(name, 5.7, y, "#F0E442", text)
    drawn.box("image", 8.3, 2.4, "visual", "image decoder\nE6")
    drawn.box("text", 8.3, 0.6, "word", "text decoder\nE6")
    drawn.arrow("nodes", "pair")
    drawn.arrow("pair", "mi", "")
    drawn.arrow("pair", "ms", "")
    drawn.arrow("mi", "image")
    drawn.arrow("ms", "text")
    drawn.text(4.4, 1.5, "every node gets\ntwo weights", left=True)
    return drawn.figure


def memory() -> Figure:
    """Words recall from shared memories; everything they say about textures passes through."""
    drawn = Diagram(8.8, 2.9)
    drawn.column(0.9, ["m/memory 1", "m/memory 2", "m/memory 3"], "", 2.2, 0.75)
    drawn.column(3.3, ["w/red", "w/wings"], "word", 1.85, 0.75)
    drawn.box("texture", 5.5, 1.45)
    drawn.column(7.8, ["p/place 1", "p/place 2", "p/place 3"], "", 2.2, 0.75)
    for m in range(1, 4):
        for w in ("red", "wings"):
            drawn.arrow(f"m/memory {m}", f"w/{w}", width=2.6 if (m, w) in ((1, "red"), (3, "wings")) else 0.7)
    for w in ("red", "wings"):
        drawn.arrow(f"w/{w}", "texture")
    for p in range(1, 4):
        drawn.arrow("texture", f"p/place {p}")
    for x, text in ((2.1, "recall (2, 3)"), (4.4, "average (4)"), (6.7, "condition (5)")):
        drawn.text(x, 2.7, text)
    return drawn.figure


def editors() -> Figure:
    """CAM and MIM-Net side by side."""
    drawn = Diagram(9.8, 3.2)
    rows: Mapping[str, tuple[float, list[tuple[str, str]]]] = {
        "CAM": (2.4, [("detector:\nregions", "visual"), ("bridges where\nnames match", "bridge"), ("masks on\nevery node", "#F0E442"),
                      ("image and\nsentence", "")]),
        "MIM-Net": (0.7, [("boundaries:\nplaces", "visual"), ("words recall\nmemories", ""), ("where?\na map", "#F0E442"), ("image", "")]),
    }  # fmt: skip
    for name, (y, boxes) in rows.items():
        drawn.text(0.5, y, name, size=11)
        for k, (text, kind) in enumerate(boxes):
            drawn.box(f"{name}{k}", 2.0 + 2.25 * k, y, kind, text)
            if k:
                drawn.arrow(f"{name}{k - 1}", f"{name}{k}")
    for k, text in enumerate(("what is seen", "how words get in", "where it acts", "what comes out")):
        drawn.text(2.0 + 2.25 * k, 1.55, text, colour="#666666")
    return drawn.figure


# ---------------------------------------------------------------------------------------------- appendices


def nine_relations() -> Figure:
    """Nine arrows to the cell in the middle, each a relation of its own."""
    drawn = Diagram(5.4, 4.3)
    for row in range(3):
        for column in range(3):
            name = f"{row}{column}"
            middle = name == "11"
            text = "cell\n0 0" if middle else f"{row - 1:+d} {column - 1:+d}".replace("+0", "0")
            drawn.box(name, 1.1 + 1.6 * column, 3.8 - 1.5 * row, "#F0E442" if middle else "", text)
    for name in drawn.boxes:
        if name != "11":
            drawn.arrow(name, "11")
    drawn.text(2.7, 0.1, "row and column, from the cell's place: eight neighbours and itself")
    return drawn.figure


def gradient_reversal() -> Figure:
    """The layer between encoder and judge: identity forwards, minus one backwards."""
    drawn = Diagram(8.6, 2.2)
    for name, x, kind in (("encoder", 1.0, "visual"), ("reversal", 3.3, "#F0E442"), ("judge", 5.5, ""), ("loss", 7.6, "")):
        drawn.box(name, x, 1.1, kind)
    for one, other, text in (("encoder", "reversal", "h"), ("reversal", "judge", "h"), ("judge", "loss", "")):
        drawn.arrow(one, other, text, bend=-0.4)
    for one, other, text in (("loss", "judge", ""), ("judge", "reversal", "g"), ("reversal", "encoder", "- g")):
        drawn.arrow(one, other, text, bend=-0.4, colour=RED)
    drawn.text(4.3, 2.0, "forwards: nothing changes")
    drawn.text(4.3, 0.2, "backwards: the gradient changes its sign", colour=RED)
    return drawn.figure


def posterior() -> Figure:
    """Encoder, mean and standard deviation, a sample, decoder."""
    drawn = Diagram(9.2, 2.6)
    drawn.box("x", 0.6, 1.3, "visual", "x")
    drawn.box("mean", 3.0, 2.0, "", "mean z")
    drawn.box("dev", 3.0, 0.6, "", "std. deviation s")
    drawn.box("sample", 5.6, 1.3, "#F0E442", "z + s * noise")
    drawn.box("again", 8.4, 1.3, "visual", "x, rebuilt")
    drawn.arrow("x", "mean", "encoder")
    drawn.arrow("x", "dev")
    drawn.arrow("mean", "sample")
    drawn.arrow("dev", "sample")
    drawn.arrow("sample", "again", "decoder")
    drawn.text(5.6, 2.3, "KL keeps (z, s) near (0, 1)", colour=RED)
    return drawn.figure


def transport() -> Figure:
    """A plan: how much of each point goes where."""
    drawn = Diagram(6.6, 2.7)
    plan = {("a1", "b1"): 1.0, ("a2", "b1"): 0.2, ("a2", "b2"): 0.8, ("a3", "b2"): 0.3, ("a3", "b3"): 0.7}
    for k in range(3):
        drawn.box(f"a{k + 1}", 0.9, 2.3 - 0.9 * k, "visual", f"region {k + 1}")
        drawn.box(f"b{k + 1}", 5.6, 2.3 - 0.9 * k, "word", f"word {k + 1}")
    for (one, other), share in plan.items():
        drawn.arrow(one, other, f"{share:.1f}", width=0.6 + 3 * share, colour="#888888", at=0.45)
    return drawn.figure


def adam() -> Figure:
    """What a second step does to a parameter whose gradient is zero, and to one without a gradient."""
    figure = Figure(figsize=(7.2, 1.9))
    axes = figure.add_axes((0.05, 0.12, 0.9, 0.8))
    for y, text, stop in ((1, "gradient 0", 0.83), (0, "gradient None", 0.9)):
        axes.annotate("", (0.9, y), (1.0, y), arrowprops={"arrowstyle": "-|>", "color": "#555555", "lw": 2})
        axes.text(0.95, y + 0.22, "first step", ha="center", fontsize=9)
        if stop < 0.9:
            axes.annotate("", (stop, y), (0.9, y), arrowprops={"arrowstyle": "-|>", "color": RED, "lw": 2})
            axes.text((0.9 + stop) / 2, y + 0.22, "moves on", ha="center", fontsize=9, color=RED)
        else:
            axes.text(0.865, y, "stays", ha="center", va="center", fontsize=9, color=GREEN)
        axes.text(1.015, y, text, va="center", fontsize=10)
    axes.set(xlim=(0.81, 1.1), ylim=(-0.4, 1.6))
    axes.axis("off")
    return figure


if __name__ == "__main__":
    main()
