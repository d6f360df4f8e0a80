"""The table of the course counts what one counts by hand, on a tiny notebook."""

from __future__ import annotations

import shutil

import nbformat
import pytest
from hostile_notebooks import HOSTILE, put
from teaching_tools import load

table = load("course_table")
new = nbformat.v4
TEXT = """# 05 — A title of five words

About 75 minutes. See [the paper (2017)](https://doi.org/1), [again](https://doi.org/1) and <a href="https://x.org">here</a>.

$$a = b$$

and $c$ inline. ![A drawing](images/one.svg)
"""
QUIZ = "## Quiz\n\n1. Why?\n\n<details><summary>Answer</summary>\nSo.\n</details>\n\n2. And 3. how?\n"
CODE = "import torch\n\n# a comment\nx = 1\nif x:\n    # another\n    x = 2\n"


@pytest.fixture
def notebooks():
    cells = [
        new.new_markdown_cell(TEXT),
        new.new_code_cell(CODE),
        new.new_markdown_cell("### Exercise 1: a number"),
        new.new_code_cell("answer_1 = None"),
        new.new_code_cell("def check():\n    pass\n\n\ncheck()", metadata={"tags": ["check"]}),
        new.new_markdown_cell(QUIZ),
    ]
    solution = new.new_notebook(cells=[*cells, new.new_code_cell("answer_1 = 3")])
    solution.cells[1].outputs = [
        new.new_output("display_data", data={"image/png": "aGk=", "text/plain": "<Figure>"}),
        new.new_output("stream", text="printed"),
    ]
    return new.new_notebook(cells=cells), solution


def test_counts_are_those_by_hand(notebooks):
    found = table.count(*notebooks)
    # 05 is no word: A title of five words (5); About minutes See the paper again and here (8; 75 and 2017 have no letter); and inline A
    # drawing (4); Exercise a number (3); Quiz Why Answer So And how (6)
    assert found == {
        "words": 26, "cells": 3, "lines": 4 + 1 + 3, "median": 3, "longest": 4, "figures": 1 + 1, "equations": 1, "links": 2,
        "exercises": 1, "checks": 1, "quiz": 2, "minutes": 75,
    }  # fmt: skip


def test_the_table_names_the_columns_in_which_we_are_behind(notebooks):
    said = table.table({"tiny": table.count(*notebooks)})
    assert "| tiny | 1 | 1 | 2 | 75 | 26 | 2 | 2 | 1 | 3 | 8 | 3 | 4 |" in said
    verdict = said.splitlines()[-1]
    assert "words (26 against 2,924)" in verdict and "checks" not in verdict and "longest" not in verdict
    best = dict.fromkeys(table.COLUMNS, 10_000) | dict.fromkeys(table.SHORT, 1)
    assert "at least as good" in table.table({"best": best}).splitlines()[-1]


def test_every_notebook_of_the_course_is_counted(capsys):
    assert table.main([]) == 0
    said = capsys.readouterr().out
    for path in sorted(table.TUTORIALS.glob("[0-9]*.ipynb")):
        assert f"| {path.stem} |" in said


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("place", ["student", "solution"])
def test_a_damaged_notebook_is_counted_or_told_in_one_sentence(name, place, tmp_path, monkeypatch, capsys):
    (tmp_path / "solutions").mkdir()
    for path in (tmp_path / "00_quickstart.ipynb", tmp_path / "solutions" / "00_quickstart.ipynb"):
        shutil.copy(table.TUTORIALS / path.relative_to(tmp_path), path)
    put(tmp_path / ("solutions" if place == "solution" else "") / "00_quickstart.ipynb", name)
    monkeypatch.setattr(table, "TUTORIALS", tmp_path)
    code = table.main([])
    said = capsys.readouterr()
    assert (code, said.err) == (0, "") or (code == 2 and said.err.startswith("error: ") and said.err.count("\n") == 1), said
    assert code == 0 or "00_quickstart.ipynb" in said.err
