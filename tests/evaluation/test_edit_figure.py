"""The comparison beside a table of edits: which pairs, which columns, which sentences; and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

import hetero_xmodal as hx
from hetero_xmodal.cli.main import run
from hetero_xmodal.data.tasks.editing import load_pairs
from hetero_xmodal.evaluation.edit_figure import SHOWN, comparison


def grey(pairs):
    return [Image.new("RGB", (16, 16), (99, 99, 99)) for _ in pairs], ["it is grey" for _ in pairs]


def unchanged(pairs):
    return [pair.image for pair in pairs], [pair.instruction for pair in pairs]


def titles(figure) -> list[str]:
    return [title for axis in figure.axes if (title := axis.get_title())]


def shown(figure, row: int, column: int, columns: int) -> np.ndarray:
    return np.asarray(figure.axes[row * columns + column].images[0].get_array())


def test_a_row_for_each_pair_and_a_column_for_each_method():
    pairs = list(load_pairs("world/scenes", "val", size=10, image_size=32))
    figure = comparison(pairs, {"grey": grey, "same": unchanged}, kinds=True)
    assert titles(figure) == ["given", "grey", "same", "reference"] and len(figure.axes) == 4 * SHOWN
    first = [pair for kind in ("attribute", "remove", "replace", "move") for pair in [p for p in pairs if p.kind == kind][:2]]
    asked = [text.get_text().replace("\n", " ") for text in figure.texts]
    assert asked == [pair.instruction for pair in first]
    assert np.array_equal(shown(figure, 1, 0, 4), np.asarray(first[1].image)) and (shown(figure, 1, 1, 4) == 99).all()
    assert np.array_equal(shown(figure, 1, 3, 4), np.asarray(first[1].edited_image))
    said = {text.get_text() for axis in figure.axes for text in axis.texts}
    assert said == {"it is grey"}  # a sentence that is the instruction is not repeated


def test_of_a_hidden_region_the_hidden_image_is_given():
    pairs = list(load_pairs("world/scenes", "val", size=2, image_size=32, kinds=("reconstruct",)))
    figure = comparison(pairs, {"grey": grey})
    x1, y1, x2, y2 = pairs[0].region
    given, reference = shown(figure, 0, 0, 3).astype(int), np.asarray(pairs[0].image).astype(int)
    assert np.abs(given - reference)[y1:y2, x1:x2].mean() > 3 and len(figure.axes[0].patches) == 2
    assert np.array_equal(shown(figure, 0, 2, 3), reference)


def test_the_command_writes_it(tmp_path, capsys):
    file = tmp_path / "cam.png"
    assert run(["table", "cam", "--data", "world/birds", "--pairs", "2", "--scenes", "true", "--figure", str(file)]) == 0
    assert f"wrote {file}" in capsys.readouterr().out and Image.open(file).size[0] > 400
    with pytest.raises(hx.InputError, match=r"figure is 'cam.txt'; give a file that ends in .png"):
        hx.table("cam", "world/birds", figure="cam.txt")
    with pytest.raises(hx.InputError, match="'figure' is no option of table dagnn"):
        hx.table("dagnn", "world/scenes", figure=tmp_path / "a.png")
