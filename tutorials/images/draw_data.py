"""Draws the concept drawings of notebooks 01, 08 and 09: ``python tutorials/images/draw_data.py``."""

from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt

import hetero_xmodal as hx
from hetero_xmodal.message_passing import Recipe, Step, attends, both_ways, itself
from hetero_xmodal.viz import draw_schema
from hetero_xmodal.viz.colours import PALETTE

HERE = Path(__file__).parent


def main(folder: Path = HERE) -> None:
    """Write all drawings into *folder*; the same code gives the same files."""
    by_hand(folder)
    data_set(folder)
    your_data(folder)


def by_hand(folder: Path) -> None:
    """Those of notebook 01: the schema, the matrix of a batch, and the graph of the first exercise."""
    save(draw_schema(), folder / "hand_schema.svg")

    figure, axes = plt.subplots(figsize=(4.2, 3.4), layout="constrained")
    axes.set(xlim=(-2.2, 9.2), ylim=(9.3, -1.6), aspect="equal")
    axes.add_patch(plt.Rectangle((0, 0), 9, 9, fill=False, color="0.6"))
    for k, (first, size) in enumerate(((0, 3), (3, 4), (7, 2))):
        axes.add_patch(plt.Rectangle((first, first), size, size, facecolor=PALETTE["sky blue"], edgecolor="black"))
        axes.text(first + size / 2, first + size / 2, f"graph {k}", ha="center", va="center")
        axes.text(-0.3, first + size / 2, f"offset {first}", ha="right", va="center")
    axes.text(4.5, -0.5, "columns: sources", ha="center", va="bottom")
    axes.axis("off")
    save(figure, folder / "hand_batch.svg")

    ball, box = hx.SceneObject("ball", ["red"], box=(40, 30, 60, 50)), hx.SceneObject("box", box=(25, 50, 75, 95))
    lamp = hx.SceneObject("lamp", box=(80, 10, 98, 95))
    image = hx.SceneGraph([ball, box, lamp], [hx.SceneRelation(0, "on", 1), hx.SceneRelation(2, "near", 1)], size=(100, 100))
    rows = (("red", "ADJ", 1, "amod"), ("ball", "NOUN", 1, "ROOT"), ("on", "ADP", 1, "prep"), ("box", "NOUN", 2, "pobj"))
    phrase = hx.SceneGraph(
        objects=[hx.SceneObject("ball", ["red"], span=(1, 2), head=1), hx.SceneObject("box", span=(3, 4), head=3)],
        relations=[hx.SceneRelation(0, "on", 1)],
        tokens=[hx.Token(text, text, pos, head, arc) for text, pos, head, arc in rows],
        text="red ball on box",
    )
    save(hx.draw(hx.build_graph(image, phrase), sentence=phrase.text), folder / "hand_exercise.svg")


def data_set(folder: Path) -> None:
    """Those of notebook 08: three ways to count, and a copy that leaks."""
    figure, axes = plt.subplots(figsize=(8.4, 2.8), layout="constrained")
    axes.set(xlim=(0, 12.6), ylim=(0, 4.2))
    axes.axis("off")
    axes.add_patch(plt.Rectangle((0.2, 0.8), 3.4, 2.6, facecolor="0.95", edgecolor="0.4"))
    axes.text(1.9, 3.6, "one image, three regions", ha="center")
    for x, y, name in ((0.5, 2.3, "dog"), (1.5, 1.1, "ball"), (2.5, 2.2, "box")):
        axes.add_patch(plt.Rectangle((x, y), 0.9, 0.8, facecolor=PALETTE["blue"], edgecolor="black"))
        axes.text(x + 0.45, y + 0.4, name, ha="center", va="center", color="white")
    for y, caption in ((2.7, "A dog is near a ball."), (1.3, "A ball and a box.")):
        axes.text(4.3, y, caption, va="center", bbox={"facecolor": PALETTE["orange"], "edgecolor": "black", "boxstyle": "round"})
        axes.annotate("", (4.15, y), (3.65, 2.1), arrowprops={"arrowstyle": "-", "color": "0.4"})
    axes.text(5.5, 3.6, "two captions: two pairs", ha="center")
    rows = (("", "rows", "once an image"), ("regions", "2 x 3 = 6", "3"), ("facts, both ways", "2 x 4 = 8", "2"))
    for k, row in enumerate(rows):
        for x, text in zip((7.4, 9.6, 11.2), row, strict=True):
            axes.text(x, 3.6 - 0.9 * k, text, va="center", fontweight="bold" if k == 0 else None)
    save(figure, folder / "data_counts.svg")

    figure, axes = plt.subplots(figsize=(7.2, 2.6), layout="constrained")
    axes.set(xlim=(0, 11), ylim=(0, 4))
    axes.axis("off")
    for x, width, name in ((0.2, 6.2, "training"), (7.4, 3.4, "test")):
        axes.add_patch(plt.Rectangle((x, 0.3), width, 2.9, fill=False, edgecolor="black"))
        axes.text(x + width / 2, 3.4, name, ha="center", va="bottom")
    for x in (0.6, 2.1, 3.6):
        axes.add_patch(plt.Rectangle((x, 1.1), 1.2, 1.2, facecolor=PALETTE["blue"], edgecolor="black"))
    for x, colour in ((7.8, PALETTE["vermillion"]), (9.3, PALETTE["green"])):
        axes.add_patch(plt.Rectangle((x, 1.1), 1.2, 1.2, facecolor=colour, edgecolor="black"))
    axes.add_patch(plt.Rectangle((5.3, 1.4), 0.6, 0.6, facecolor=PALETTE["vermillion"], edgecolor="black", alpha=0.6))
    axes.annotate("", (5.95, 1.7), (7.75, 1.7), arrowprops={"arrowstyle": "->", "linestyle": "--"})
    axes.text(6.0, 0.65, "smaller, compressed:", ha="right", va="center")
    axes.text(6.0, 0.42, "the same image", ha="right", va="center")
    save(figure, folder / "data_leak.svg")


def your_data(folder: Path) -> None:
    """Those of notebook 09: from a folder to a corpus, and the recipe of section 3."""
    figure, axes = plt.subplots(figsize=(8.6, 2.8), layout="constrained")
    axes.set(xlim=(0, 12.8), ylim=(0, 4.2))
    axes.axis("off")
    boxes = {
        "coffee.png": (0.3, 2.9, "0.9"), "detections.json": (0.3, 1.7, "0.9"), "coffee.txt": (0.3, 0.5, "0.9"),
        "image: regions": (4.7, 2.3, PALETTE["blue"]), "sentence: words": (4.7, 0.5, PALETTE["orange"]),
        "corpus of graphs": (9.3, 1.4, PALETTE["green"]),
    }  # fmt: skip
    for name, (x, y, colour) in boxes.items():
        axes.add_patch(plt.Rectangle((x, y), 3.0, 0.8, facecolor=colour, edgecolor="black"))
        dark = colour in (PALETTE["blue"], PALETTE["green"])
        axes.text(x + 1.5, y + 0.4, name, ha="center", va="center", color="white" if dark else "black")
    for (x1, y1), (x2, y2) in (
        ((3.3, 3.3), (4.7, 2.85)), ((3.3, 2.1), (4.7, 2.55)), ((3.3, 0.9), (4.7, 0.9)), ((7.7, 2.7), (9.3, 2.0)), ((7.7, 0.9), (9.3, 1.6)),
    ):  # fmt: skip
        axes.annotate("", (x2, y2), (x1, y1), arrowprops={"arrowstyle": "->"})
    axes.text(10.8, 0.9, "bridges where both\nname one thing", ha="center", va="center")
    save(figure, folder / "own_folder.svg")

    relates = ("visual", "relates", "visual")
    steps = [
        Step("R1 regions hear their words", ("word", "same_as", "visual")),
        Step("R2 and their neighbours", [*both_ways(relates), itself("visual")], gather="max"),
        Step("R3 mean", attends("visual", "summary"), gather="mean", writes="s"),
    ]
    save(Recipe(steps, adds={"summary": 1}, name="reach").draw(), folder / "own_steps.svg")


def save(figure, path: Path) -> None:
    """Write an SVG with its texts as texts, and without a date."""
    with plt.rc_context({"svg.fonttype": "none", "svg.hashsalt": path.stem}):
        figure.savefig(path, metadata={"Date": None}, bbox_inches="tight", pad_inches=0.05)


if __name__ == "__main__":
    main()
