"""Both versions of every notebook are what their source gives, and a student's work is never overwritten."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path

import nbformat
import pytest
from hostile_notebooks import HOSTILE, kept, put

TUTORIALS = Path(__file__).parents[2] / "tutorials"
SOURCES = sorted((TUTORIALS / "source").glob("*.py"))
NAME = "00_quickstart"


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("build_tutorials", TUTORIALS / "build.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def folder(tmp_path) -> Path:
    """A folder of tutorials with one notebook, not yet built for the student."""
    for part in ("source", "solutions"):
        (tmp_path / part).mkdir()
    shutil.copy(TUTORIALS / "source" / f"{NAME}.py", tmp_path / "source")
    shutil.copy(TUTORIALS / "solutions" / f"{NAME}.ipynb", tmp_path / "solutions")
    return tmp_path


def test_every_notebook_has_a_source_and_no_other_is_there():
    names = [path.stem for path in SOURCES]
    assert names and names == sorted(path.stem for path in TUTORIALS.glob("*.ipynb"))
    assert names == sorted(path.stem for path in (TUTORIALS / "solutions").glob("*.ipynb"))


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_both_versions_are_what_the_source_gives(script, source):
    student, solution = script.notebooks_of(source)
    committed = TUTORIALS / "solutions" / f"{source.stem}.ipynb"
    assert script.carry_outputs(committed, solution), "the solution was not run since its code changed: make tutorials"
    for path, made in ((committed, solution), (TUTORIALS / f"{source.stem}.ipynb", student)):
        assert path.read_text(encoding="utf-8") == nbformat.writes(made) + "\n", f"{path} differs from its source: make tutorials"


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_the_student_gets_neither_outputs_nor_solutions_and_everything_else(script, source):
    student, solution = (nbformat.read(path / f"{source.stem}.ipynb", as_version=4) for path in (TUTORIALS, TUTORIALS / "solutions"))
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in student.cells)
    assert not any("solution" in script.tags(cell) for cell in student.cells)
    assert [cell.id for cell in student.cells] == [cell.id for cell in solution.cells if "solution" not in script.tags(cell)]
    assert not script.has_work(TUTORIALS / f"{source.stem}.ipynb")
    nbformat.validate(student)


def test_what_was_built_is_built_again_and_work_stays(script, folder):
    path = folder / f"{NAME}.ipynb"
    assert "built" in list(script.build(folder, [NAME]))[0] and not script.has_work(path)
    source = folder / "source" / f"{NAME}.py"
    source.write_text(source.read_text(encoding="utf-8").replace("the first notebook of the course", "the first one"), encoding="utf-8")
    assert "built" in list(script.build(folder, [NAME]))[0], "an old build without work gives way to a new one"
    notebook = nbformat.read(path, as_version=4)
    answer = next(cell for cell in notebook.cells if cell.source.startswith("answer_1 = None"))
    answer.source = "answer_1 = 3  # mine"
    nbformat.write(notebook, path)
    mine = path.read_bytes()
    assert "stays as it is" in list(script.build(folder, [NAME]))[0]
    assert path.read_bytes() == mine


def test_a_notebook_that_was_only_run_or_cannot_be_read_is_work_too(script, folder):
    path = folder / f"{NAME}.ipynb"
    list(script.build(folder, [NAME]))
    notebook = nbformat.read(path, as_version=4)
    next(c for c in notebook.cells if c.cell_type == "code").outputs = [nbformat.v4.new_output("stream", text="ran")]
    nbformat.write(notebook, path)
    assert script.has_work(path)
    path.write_text('{"cells": [', encoding="utf-8")
    assert script.has_work(path)


def test_reset_moves_work_into_a_folder_with_the_date_and_deletes_nothing(script, folder):
    path = folder / f"{NAME}.ipynb"
    path.write_text("torn, but mine", encoding="utf-8")
    line = list(script.build(folder, [NAME], reset=True))[0]
    (moved,) = (folder / "my_work").glob("20??-??-??_??????/*.ipynb")
    assert moved.read_text(encoding="utf-8") == "torn, but mine" and str(moved.relative_to(folder)) in line
    assert path.read_bytes() == (TUTORIALS / f"{NAME}.ipynb").read_bytes()
    list(script.build(folder, [NAME], reset=True))
    assert len(list((folder / "my_work").rglob("*.ipynb"))) == 1, "what is no work is not moved"


def test_two_resets_within_a_second_share_no_folder(script, folder):
    path = folder / f"{NAME}.ipynb"
    for text in ("first", "second", "third"):
        path.write_text(text, encoding="utf-8")
        list(script.build(folder, [NAME], reset=True))
    assert sorted(p.read_text(encoding="utf-8") for p in (folder / "my_work").rglob("*.ipynb")) == ["first", "second", "third"]


def test_notes_in_a_solution_are_moved_aside(script, folder):
    answers = folder / "solutions" / f"{NAME}.ipynb"
    list(script.build(folder, [NAME]))
    built = answers.read_bytes()
    notebook = nbformat.read(answers, as_version=4)
    notebook.cells.insert(1, nbformat.v4.new_markdown_cell("my notes"))
    nbformat.write(notebook, answers)
    line = list(script.build(folder, [NAME]))[0]
    (moved,) = (folder / "my_work").glob("*/solutions/*.ipynb")
    assert "my notes" in moved.read_text(encoding="utf-8") and str(moved.relative_to(folder)) in line
    assert answers.read_bytes() == built
    list(script.build(folder, [NAME]))
    assert len(list((folder / "my_work").rglob("*.ipynb"))) == 1


def test_a_solution_that_cannot_be_read_is_moved_aside_and_run_anew(script, folder, monkeypatch):
    answers = folder / "solutions" / f"{NAME}.ipynb"
    answers.write_text("torn", encoding="utf-8")
    monkeypatch.setattr(script, "execute", lambda solution, folder: None)
    list(script.build(folder, [NAME]))
    assert [p.read_text(encoding="utf-8") for p in (folder / "my_work").rglob("*.ipynb")] == ["torn"]
    nbformat.validate(nbformat.read(answers, as_version=4))


@pytest.mark.parametrize("reset", [False, True], ids=["built", "reset"])
@pytest.mark.parametrize("name", HOSTILE)
def test_whatever_is_in_the_place_of_a_notebook_nothing_is_lost(name, reset, script, folder, monkeypatch):
    """In the place of the student's version and of the solution; both are whole afterwards, or the student's is as it was."""
    monkeypatch.setattr(script, "execute", lambda solution, folder: None)
    student, answers = folder / f"{NAME}.ipynb", folder / "solutions" / f"{NAME}.ipynb"
    contents = [put(path, name) for path in (student, answers)]
    lines = list(script.build(folder, [NAME], reset=reset))
    assert lines and all("\n" not in line for line in lines)
    nbformat.validate(nbformat.read(answers, as_version=4))
    assert kept(folder / "my_work", contents[1]), "the solution was moved aside"
    if reset:
        nbformat.validate(nbformat.read(student, as_version=4))
        assert len([path for path in (folder / "my_work").glob("*/*.ipynb")]) == 1
    else:
        assert kept(student if contents[0] is None else folder, contents[0]) and student.is_dir() == (contents[0] is None)


@pytest.mark.parametrize("place", ["my_work", "solutions"])
def test_a_file_in_the_place_of_a_folder_is_one_sentence(place, script, folder, monkeypatch, capsys):
    monkeypatch.setattr(script, "execute", lambda solution, folder: None)
    monkeypatch.setattr(script, "HERE", folder)
    if (folder / place).exists():
        shutil.rmtree(folder / place)
    (folder / place).write_text("mine")
    (folder / f"{NAME}.ipynb").write_text("my work")
    assert script.main(["--reset"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ") and place in said and said.count("\n") == 1
    assert (folder / place).read_text() == "mine" and (folder / f"{NAME}.ipynb").read_text() == "my work"


def test_an_unknown_name_is_refused_with_those_that_exist(script, capsys):
    with pytest.raises(SystemExit):
        script.main(["00_quick"])
    assert "00_quickstart" in capsys.readouterr().err


def test_links_are_seen_from_the_folder_of_solutions(script):
    text = "![Two](images/two.svg), [next](01_next.ipynb), [words](../docs/glossary.md), [paper](https://doi.org/1), [up](#top)"
    assert script.links_from_below(text) == (
        "![Two](../images/two.svg), [next](01_next.ipynb), [words](../../docs/glossary.md), [paper](https://doi.org/1), [up](#top)"
    )
