"""Draw docs/architecture.svg: the rooms of the package and what each imports, read off the code by tests/test_imports.py.

python docs/draw_architecture.py
"""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path

DOCS = Path(__file__).resolve().parent
sys.path[:0] = [str(DOCS.parent), str(DOCS.parent / "tests")]

import test_imports as layers  # noqa: E402
from matplotlib import pyplot as plt  # noqa: E402
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch  # noqa: E402
from matplotlib.path import Path as Path_  # noqa: E402

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56697a", "#b27700")
BASE = "root files"
#: what stands in a room, in a few words; a room without an entry is drawn with its name alone
CONTENTS = {
    "files": "folders, manifests, locks",
    "viz": "figures, pages",
    "message_passing": "Step, Recipe, Trace",
    "networks": "torch parts without messages",
    "parsers": "image, sentence -> SceneGraph",
    "graphs": "SceneGraphs -> heterograph, corpus",
    "data": "name -> Source; tasks; the world",
    "exports": "SQL, files of other programs",
    "world_models": "detector and judge of the world",
    "metrics": "R@K, mAP, edits",
    "recipes": "DAGNN, ALGR, CAM, MIM-Net, TRAIL",
    "baselines": "what papers compare with",
    "training": "loop, one module a recipe",
    "retrieval": "search, index",
    "editing": "manipulate, plans",
    "evaluation": "evaluate, compare, trace",
    "explorer": "pages to walk through a corpus",
    "analysis": "statistics of corpora",
    "cli": "commands",
}


def rooms() -> tuple[list[str], dict[str, set[str]]]:
    """Packages from the lowest to the highest, and for each the packages that it imports; root files count as one."""
    packages = [name for name in layers.LAYERS if (layers.ROOT / name).is_dir()]
    uses: dict[str, set[str]] = {name: set() for name in packages}
    for module, path in layers.MODULES.items():
        own = module.split(".")[0]
        if own in uses:
            uses[own] |= {name.split(".")[0] for _, name in layers.imports(path)} & set(packages) - {own}
    return packages, uses


def reduced(uses: dict[str, set[str]]) -> dict[str, set[str]]:
    """Without the arrows that follow from others: a room that one imports by way of another room is not drawn twice."""
    reach: dict[str, set[str]] = {}
    for name in uses:  # from the lowest room upwards
        reach[name] = set().union(*({other} | reach[other] for other in uses[name]), set())
    return {name: {o for o in others if not any(o in reach[via] for via in others - {o})} for name, others in uses.items()}


def draw(path: Path = DOCS / "architecture.svg") -> Path:
    """Write the figure: rooms from top to bottom, and an arc from each to those it imports. Equal code gives an equal file."""
    packages, uses = rooms()
    files = [name for name in layers.LAYERS if name not in packages]
    place = {name: k for k, name in enumerate(packages, start=1)}  # height of the middle of its box
    width, height = 6.4, 0.66
    with plt.rc_context({"svg.fonttype": "none", "svg.hashsalt": "architecture", "font.family": "sans-serif"}):
        figure, axes = plt.subplots(figsize=(9.5, 0.5 * (len(packages) + 1.4)))
        for name, others in reduced(uses).items():
            for other in sorted(others):
                _arc(axes, width / 2, place[name], place[other], COLOURS[place[name] % len(COLOURS)])
        for name, y in place.items():
            _box(axes, y, width, height, name, CONTENTS.get(name, ""), "#e3effa", "#0072b2")
        names = textwrap.fill(", ".join(files), 42)
        _box(axes, -0.6, width, 1.9, BASE, names, "#fdf3dc", "#b27700")
        axes.set(xlim=(-width / 2 - 0.1, width / 2 + 4.6), ylim=(-1.65, len(packages) + 0.5))
        axes.axis("off")
        figure.savefig(path, metadata={"Date": None}, bbox_inches="tight", pad_inches=0.05)
        plt.close(figure)
    return path


def _arc(axes, x: float, top: float, bottom: float, colour: str) -> None:
    """From a room to a lower one; the further apart they are, the further out."""
    reach = 0.3 + 0.42 * (top - bottom)
    start, end = top - 0.14, bottom + 0.14
    path = Path_([(x, start), (x + reach, start), (x + reach, end), (x, end)], [Path_.MOVETO, Path_.CURVE4, Path_.CURVE4, Path_.CURVE4])
    axes.add_patch(FancyArrowPatch(path=path, arrowstyle="-|>", mutation_scale=9, color=colour, lw=1.1, zorder=1))


def _box(axes, y: float, width: float, height: float, name: str, what: str, face: str, edge: str) -> None:
    shape = FancyBboxPatch(
        (-width / 2, y - height / 2), width, height, boxstyle="round,pad=0,rounding_size=0.1", fc=face, ec=edge, zorder=2
    )
    axes.add_patch(shape)
    left = 0.15 - width / 2
    axes.text(left, y, name, va="center", fontsize=10, weight="bold", zorder=3)
    axes.text(left + 2.15, y, what, va="center", fontsize=8.5, color="#333333", zorder=3)


if __name__ == "__main__":
    print(draw())
