"""CSV files can be opened in a spreadsheet without running what is in them, and are read back as they were."""

from __future__ import annotations

import csv
import io

import pandas as pd
import pytest

from hetero_xmodal.csv_text import csv_of, csv_rows, escape, unescape

TEXTS = ["=1+1", "+x", "-x", "@SUM(A1)", "\t=1", "\r=1", "'=1", "''@x", "a dog", "", "'tis a dog", "- a list", "=cmd|' /C calc'!A0"]


@pytest.mark.parametrize("text", TEXTS)
def test_no_cell_begins_a_formula_and_reading_back_gives_the_text(text):
    cell = escape(text)
    assert cell[:1] not in set("=+-@\t\r") or not cell
    assert unescape(cell) == text


@pytest.mark.parametrize("value", [-1, -0.5, None, "-0.5", "+3", "-1e-5", "-inf"])
def test_numbers_stay_numbers(value):
    assert escape(value) == value


def test_tables_and_rows(tmp_path):
    frame = pd.DataFrame({"word": TEXTS, "weight": [-1.5] * len(TEXTS), "=head": range(len(TEXTS))}, index=pd.Index(TEXTS, name="@index"))
    cells = list(csv.reader(io.StringIO(csv_of(frame), newline="")))
    assert [row[0] for row in cells[1:]] == [escape(text) for text in TEXTS] == [row[1] for row in cells[1:]]
    assert cells[0] == ["'@index", "word", "weight", "'=head"] and {row[2] for row in cells[1:]} == {"-1.5"}
    assert frame.columns[2] == "=head" and frame["word"].tolist() == TEXTS  # the table itself is unchanged
    rows = list(csv.DictReader(io.StringIO(csv_rows(["text", "n"], [{"text": text, "n": -1} for text in TEXTS]), newline="")))
    assert [unescape(row["text"]) for row in rows] == TEXTS and {row["n"] for row in rows} == {"-1"}
    assert "\\ud800" in csv_rows(["text"], [{"text": "a \ud800 dog"}])


def test_what_was_left_out_of_a_corpus_is_written_without_formulas(tmp_path):
    import hetero_xmodal as hx
    from hetero_xmodal.data import Item
    from hetero_xmodal.data.tasks.corpus import build_corpus

    image = hx.load_dataset("world/birds", size=1)[0].image
    item = Item(image, ["A red bird.", "=HYPERLINK(1) \ud800"], id="=id")
    corpus = build_corpus([item], tmp_path / "corpus", progress=False)
    rows = list(csv.reader((tmp_path / "corpus" / "dropped.csv").open(newline="", encoding="utf-8")))
    assert len(corpus) == 1 and len(rows) == 2
    assert rows[1][0] == "'=id" and rows[1][2] == "'=HYPERLINK(1) \\ud800" and "surrogate" in rows[1][3]
