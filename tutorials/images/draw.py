"""Draws the concept drawings of the tutorials with the package's own figures: ``python tutorials/images/draw.py``."""

from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt
from PIL import Image, ImageDraw

import hetero_xmodal as hx
from hetero_xmodal.environment import require_dgl
from hetero_xmodal.message_passing import DotAttention, Recipe, Step, attends, itself

dgl = require_dgl()
HERE = Path(__file__).parent


def main(folder: Path = HERE) -> None:
    """Write all drawings into *folder*; the same code gives the same files."""
    things = [hx.SceneObject("bird", ["red"], box=(25, 5, 65, 45)), hx.SceneObject("box", ["green"], box=(20, 45, 80, 95))]
    scene = hx.SceneGraph(things, size=(100, 100))
    alone = Image.new("RGB", scene.size, "white")
    pen = ImageDraw.Draw(alone)
    pen.ellipse((28, 12, 62, 44), fill="#c8281e")
    pen.polygon([(58, 20), (65, 26), (58, 31)], fill="#f2b01e")
    picture = alone.copy()
    ImageDraw.Draw(picture).rectangle((22, 47, 78, 93), fill="#3c9a4a")
    for name, caption in (("swap_true", "a red bird and a green box"), ("swap_false", "a green bird and a red box")):
        graph = hx.build_graph(scene, hx.parse_sentence(caption))
        graph = dgl.remove_nodes(graph, graph.nodes("bridge"), ntype="bridge")  # which the lesson does not use
        save(hx.draw(graph, image=picture, sentence=caption), folder / f"{name}.svg")
    steps = [
        Step("words hear their dependents", [("word", "depends", "word"), itself("word")]),
        Step("words look at regions", attends("visual", "word"), weigh=DotAttention()),
        Step("pool", attends("word", "summary"), gather="mean"),
    ]
    save(Recipe(steps, adds={"summary": 1}, name="match").draw(), folder / "swap_steps.svg")

    noun = hx.SceneGraph(
        objects=[hx.SceneObject("bird", ["small", "red"], span=(2, 3), head=2)],
        tokens=[
            hx.Token("small", "small", "ADJ", head=2, arc="amod"),
            hx.Token("red", "red", "ADJ", head=2, arc="amod"),
            hx.Token("bird", "bird", "NOUN", head=2, arc="ROOT"),
        ],
        text="small red bird",
    )
    graph = hx.build_graph(hx.SceneGraph(things[:1], size=(100, 100)), noun)
    graph = dgl.remove_nodes(graph, graph.nodes("bridge"), ntype="bridge")
    save(hx.draw(graph, image=alone, sentence="small red bird"), folder / "four_graph.svg")
    step = Step("words hear their dependents", [("word", "depends", "word"), itself("word")], gather="mean")
    save(Recipe([step], name="mean").draw(), folder / "four_steps.svg")


def save(figure, path: Path) -> None:
    """Write an SVG with its texts as texts, and without a date."""
    with plt.rc_context({"svg.fonttype": "none", "svg.hashsalt": path.stem}):
        figure.savefig(path, metadata={"Date": None}, bbox_inches="tight", pad_inches=0.05)


if __name__ == "__main__":
    main()
