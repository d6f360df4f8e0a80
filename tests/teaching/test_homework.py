"""Homework: the solution gets all points, an empty sheet none, those of somebody else hardly any; what is released tells no answer."""

from __future__ import annotations

import csv
import json

import nbformat
import pytest
from hostile_notebooks import HOSTILE, kept, put
from teaching_tools import load

homework = load("homework")
ADA, BOB = "Ada Lovelace", "bob"


def points(code) -> dict[str, str]:
    return homework.run_cells(code)


def saved(path, notebook):
    nbformat.write(notebook, path)
    return path


def solved(number, student):
    return homework.named(homework.instructor(number), student)


def copied(number, owner, other):
    """The notebook of *owner* with the answers that are right for *other*."""
    made = solved(number, owner)
    for cell in made.cells:
        if cell.metadata.get("nbgrader", {}).get("solution"):
            cell.source = f"theirs = values({other!r})\n" + cell.source.replace("mine[", "theirs[")
    return made


@pytest.mark.parametrize("number", homework.SETS)
class TestGrading:
    def test_the_solution_is_right_for_everybody(self, number, tmp_path):
        for student in (ADA, BOB, "Grace", "Zoë 2"):
            outcome = points(homework.assembled(saved(tmp_path / "a.ipynb", solved(number, student)), number, student))
            assert set(outcome.values()) == {""}, (student, outcome)

    def test_what_is_released_gets_nothing_and_is_told_what_is_missing(self, number, tmp_path):
        outcome = points(homework.assembled(saved(tmp_path / "a.ipynb", homework.released(number, ADA)), number, ADA))
        assert len(outcome) == 6 and all("unanswered" in said for said in outcome.values()), outcome

    @pytest.mark.parametrize(("owner", "other"), [(ADA, BOB), (BOB, "Grace"), ("Grace", ADA)])
    def test_answers_of_somebody_else_are_wrong(self, number, owner, other, tmp_path):
        outcome = points(homework.assembled(saved(tmp_path / "a.ipynb", copied(number, owner, other)), number, owner))
        worth = {cell.id: cell.metadata.nbgrader.points for cell in homework.instructor(number).cells if homework.is_grade(cell)}
        got = sum(worth[key] for key, said in outcome.items() if said == "")
        assert got <= 4, outcome  # a rule may be the same by chance

    def test_a_copied_notebook_with_the_other_name_in_it_is_wrong_too(self, number, tmp_path):
        """The name that counts is that of the file."""
        outcome = points(homework.assembled(saved(tmp_path / "a.ipynb", copied(number, ADA, BOB)), number, ADA))
        assert sum(said == "" for said in outcome.values()) <= 1

    def test_tests_that_were_changed_are_put_back(self, number, tmp_path):
        made = homework.released(number, ADA)
        for cell in made.cells:
            if homework.is_grade(cell):
                cell.source = "pass"
        made.cells.insert(3, nbformat.v4.new_code_cell("values = lambda name: None\nabs = all = set = lambda *x: 0"))
        outcome = points(homework.assembled(saved(tmp_path / "a.ipynb", made), number, ADA))
        assert all(outcome.values()), outcome

    def test_released_notebooks_hold_neither_solutions_nor_tests(self, number):
        made = homework.released(number, ADA)
        text = "\n".join(cell.source for cell in made.cells)
        assert "###" not in text.replace("\n## ", "") and "own = values" not in text and f"STUDENT = {ADA!r}" in text
        assert sum(cell.metadata.nbgrader.points for cell in made.cells if homework.is_grade(cell)) == 20
        nbformat.validate(made)
        for cell in made.cells:
            if cell.cell_type == "code":
                compile(cell.source, cell.id, "exec")


def test_numbers_differ_between_students_and_not_between_spellings():
    names: dict[str, object] = {}
    exec(next(c.source for c in solved(1, ADA).cells if c.id == "setup").replace("mine = values(STUDENT)", "mine = {}"), names)
    values = names["values"]
    made = [values(f"student {k}") for k in range(40)]
    for key in ("states", "edges", "sentence"):
        assert len({str(one[key]) for one in made}) == 40, key
    assert values("Ada  Lovelace") == values("ada lovelace ")


def test_from_the_list_of_names_to_the_table_of_grades(tmp_path, capsys):
    (tmp_path / "names.txt").write_text(f"{ADA}\n\n{BOB}\n", encoding="utf-8")
    words = ["release", "--set", "1", "--students", str(tmp_path / "names.txt"), "--out", str(tmp_path / "sheets")]
    assert homework.main(words) == 0
    inbox = tmp_path / "inbox"
    (inbox / BOB).mkdir(parents=True)
    assert homework.main(["solution", "--set", "1", "--student", ADA, "--out", str(inbox / f"{ADA}.ipynb")]) == 0
    (inbox / BOB / "homework_1.ipynb").write_bytes((tmp_path / "sheets" / BOB / "homework_1.ipynb").read_bytes())
    (inbox / "eve.ipynb").write_text("{", encoding="utf-8")
    assert homework.main(["grade", "--set", "1", str(inbox), "--out", str(tmp_path / "grades.csv")]) == 0
    said = capsys.readouterr().out
    assert f"{ADA}: 20 of 20\n" in said and f"{BOB}: 0 of 20" in said and "q3: question 3 is unanswered" in said
    rows = {row["student"]: row for row in csv.DictReader((tmp_path / "grades.csv").open(encoding="utf-8"))}
    assert rows[ADA]["points"] == "20" and rows[BOB]["q1"] == "0"
    assert rows["eve"]["points"] == "0" and "is no notebook" in rows["eve"]["remarks"]


def test_a_notebook_that_never_ends_or_ends_its_process_gets_nothing(tmp_path, monkeypatch):
    made = homework.released(1, ADA)
    made.cells.insert(3, nbformat.v4.new_code_cell("import os\nos._exit(0)"))
    row = homework.grade(saved(tmp_path / "a.ipynb", made), 1, ADA)
    assert row["points"] == 0 and row["remarks"] == {"all": "the notebook ended its own process"}
    monkeypatch.setattr(homework, "TIME_LIMIT", 0.2)
    assert "0.2 seconds" in homework.grade(saved(tmp_path / "b.ipynb", homework.released(1, ADA)), 1, ADA)["remarks"]["all"]


@pytest.mark.parametrize(("names", "reason"), [("", "is empty"), ("\n", "names no student"), ("a/b", "folder"), ("ada\nAda", "twice")])
def test_a_list_that_is_none_is_refused(tmp_path, capsys, names, reason):
    (tmp_path / "names.txt").write_text(names, encoding="utf-8")
    assert homework.main(["release", "--set", "1", "--students", str(tmp_path / "names.txt"), "--out", str(tmp_path / "out")]) == 2
    assert reason in capsys.readouterr().err and not (tmp_path / "out").exists()


def test_a_cell_that_is_missing_or_there_twice_is_told(tmp_path):
    made = homework.released(2, ADA)
    made.cells = [cell for cell in made.cells if cell.id != "q3_solution"]
    assert "'q3_solution' 0 times" in homework.grade(saved(tmp_path / "a.ipynb", made), 2, ADA)["remarks"]["all"]


def test_the_metadata_are_those_of_nbgrader(tmp_path):
    assert homework.main(["nbgrader", "--set", "2", "--out", str(tmp_path / "homework_2.ipynb")]) == 0
    cells = json.loads((tmp_path / "homework_2.ipynb").read_text(encoding="utf-8"))["cells"]
    marked = {c["metadata"]["nbgrader"]["grade_id"]: c for c in cells if "nbgrader" in c["metadata"]}
    assert len(marked) == len(cells) - 1
    for key, cell in marked.items():
        about = cell["metadata"]["nbgrader"]
        assert about["schema_version"] == 3 and about["locked"] != about["solution"]
        text = "".join(cell["source"])
        assert about["grade"] == ("### BEGIN HIDDEN TESTS" in text) == ("points" in about), key
        assert about["solution"] == ("### BEGIN SOLUTION" in text), key


def test_a_table_that_cannot_be_written_is_refused_before_what_students_wrote_is_run(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(homework, "grade", lambda *_: pytest.fail("a notebook was run"))
    saved(tmp_path / "ada.ipynb", homework.released(1, ADA))
    for out in (tmp_path, tmp_path / "ada.ipynb" / "grades.csv"):
        assert homework.main(["grade", "--set", "1", str(tmp_path), "--out", str(out)]) == 2
        assert capsys.readouterr().err.startswith("error: ")


@pytest.mark.parametrize("name", HOSTILE)
def test_whatever_is_handed_in_is_graded_or_told_in_one_sentence(name, tmp_path, monkeypatch):
    monkeypatch.setattr(homework, "run_apart", lambda code: {})
    content = put(tmp_path / "ada.ipynb", name)
    told = homework.grade(tmp_path / "ada.ipynb", 1, ADA)["remarks"]["all"]
    assert told and "\n" not in told and "ada.ipynb" in told
    assert kept(tmp_path, content)
