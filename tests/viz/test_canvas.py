"""Texts on figures are words of data: whatever a user's sentence or a class of a data set is called, the figure can be drawn."""

from __future__ import annotations

import ast
import io
import warnings
from pathlib import Path

import numpy as np
import pytest

import hetero_xmodal
from hetero_xmodal.viz.canvas import Drawing
from hetero_xmodal.viz.memory import attention_map

HOSTILE = ["now $\\foo$", "$5 and $6", "a \\$ b", "{}^_%", "公共汽车 \N{BUS}", "a\nb"]


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_is_a_formula_and_none_warns(text):
    figure = Drawing(figsize=(3, 2), layout="constrained")
    axis = figure.subplots()
    axis.set_title(text)
    axis.set_xticks([0, 1], [text.split("\n")[0].encode("ascii", "replace").decode(), "b"])
    axis.plot([0, 1], [0, 1], label=text)
    axis.legend()
    figure.suptitle(text)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure.savefig(io.BytesIO())
    assert axis.title.get_text().count("$") == text.count("$") and axis.title.get_parse_math() == ("$" not in text)
    assert axis.title.get_text().count("\n") == text.count("\n")


def test_powers_of_ten_on_a_logarithmic_axis_stay_formulas():
    figure = Drawing(figsize=(3, 2))
    axis = figure.subplots()
    axis.loglog([1, 1000], [1, 1000])
    figure.savefig(io.BytesIO())
    assert all(label.get_parse_math() for label in axis.get_xticklabels() if "mathdefault" in label.get_text())


def test_words_beside_an_attention_map():
    figure = attention_map(HOSTILE[:5], np.full((5, 3), 1 / 3))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure.savefig(io.BytesIO())


def test_every_figure_of_the_package_is_such_a_drawing():
    root = Path(hetero_xmodal.__file__).parent
    for path in root.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) in ("Figure", "subplots_mosaic"):
                raise AssertionError(f"{path.relative_to(root)}:{node.lineno} makes a Figure; make a viz.canvas.Drawing")
