"""Draws the concept drawings of notebooks 01, 08 and 09: ``python tutorials/images/draw_data.py``."""

from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt

import hetero_xmodal as hx
from hetero_xmodal.viz import draw_schema
from hetero_xmodal.viz.colours import PALETTE

HERE = Path(__file__).parent


def main(folder: Path = HERE) -> None:
    """Write all drawings into *folder*; the same code gives the same files."""
    by_hand(folder)


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


def save(figure, path: Path) -> None:
    """Write an SVG with its texts as texts, and without a date."""
    with plt.rc_context({"svg.fonttype": "none", "svg.hashsalt": path.stem}):
        figure.savefig(path, metadata={"Date": None}, bbox_inches="tight", pad_inches=0.05)


if __name__ == "__main__":
    main()
