"""The figure of a recipe: every step stands on its arrows and in the list, nothing overlaps, and no space is left empty."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import hetero_xmodal
from hetero_xmodal import recipes, schema
from hetero_xmodal.message_passing import Recipe, Step, attends, itself
from hetero_xmodal.viz.colours import node_colour
from tests.viz.legibility import assert_legible

ASSETS = Path(hetero_xmodal.__file__).parent / "assets"
SHIPPED = {"DAGNN": "dagnn_world", "ALGR": "algr_world", "CAM": "cam_scenes", "MIMNet": "mimnet_scenes"}


def chips(figure) -> dict[str, str]:
    """Text of every box of a node type -> its colour."""
    from matplotlib.colors import to_hex
    from matplotlib.patches import FancyBboxPatch

    boxes = [patch for patch in figure.axes[0].patches if isinstance(patch, FancyBboxPatch)]
    found = {}
    for text in figure.axes[0].texts:
        x, y = text.get_position()
        for box in boxes:
            # only the boxes of node types are coloured; the numbers of the steps stand on white ones
            colour = to_hex(box.get_facecolor()).upper()
            left, top, wide, tall = box.get_x(), box.get_y(), box.get_width(), box.get_height()
            if colour != "#FFFFFF" and left <= x <= left + wide and top <= y <= top + tall:
                found[text.get_text()] = colour
    return found


@pytest.mark.parametrize("name", SHIPPED)
def test_the_recipes_of_all_papers_are_legible_and_fill_their_figures(name):
    model = getattr(recipes, name).from_pretrained(ASSETS / SHIPPED[name])
    own = [module for module in model.modules() if isinstance(module, Recipe)]
    assert own
    for recipe in own:
        figure = recipe.draw()
        shown = assert_legible(figure)
        for number, step in enumerate(recipe.steps, 1):
            assert any(text.startswith(f"{number:>2}  ") and text[4:] in step.name for text in shown), (number, step.name)
        on_arrows = {int(n) for text in shown if text.replace(", ", "").isdigit() for n in text.split(", ")}
        assert on_arrows == set(range(1, len(recipe.steps) + 1))
        figure.canvas.draw()
        ink = (np.asarray(figure.canvas.buffer_rgba())[..., :3] < 200).any(-1)
        rows, columns = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
        edge = 0.55 * figure.dpi
        assert rows[0] < edge and columns[0] < edge and ink.shape[0] - rows[-1] < edge and ink.shape[1] - columns[-1] < edge


def test_types_of_the_schema_have_their_colour_and_added_types_are_grey():
    recipe = Recipe(
        [
            Step("recall", attends("memory", "word"), gather="mean"),
            Step("describe", [attends("word", "fine_patch"), itself("word")], gather="mean"),
            Step("look", [schema.VISUAL_SAME_AS_WORD, schema.WORD_SAME_AS_VISUAL], gather="mean"),
        ],
        adds={"memory": 2, "fine_patch": 3},
    )
    figure = recipe.draw()
    assert_legible(figure)
    wanted = {t: node_colour(t) for t in ("word", "visual", "memory", "fine_patch")}
    assert chips(figure) == wanted and wanted["memory"] == wanted["fine_patch"] == node_colour("anything else")


def test_dashed_arrows_are_explained_where_there_are_any():
    stored = Recipe([Step("share", schema.DEPENDS, gather="mean")]).draw()
    complete = Recipe([Step("look", attends("word", "visual"), gather="mean")]).draw()
    assert not any("dashed" in text for text in assert_legible(stored))
    assert any("dashed" in text for text in assert_legible(complete))
