"""Tutorials run as a student opens them, each check failing with its hint, then with the solutions, and keep the form of the course."""

from __future__ import annotations

import base64
import copy
import re
from pathlib import Path

import nbformat
import pytest
from run_times import RUN_TIME

TUTORIALS = Path(__file__).parents[1] / "tutorials"
NOTEBOOKS = sorted((TUTORIALS / "solutions").glob("*.ipynb"))
CELL_TIMEOUT = 240  # seconds; a whole notebook takes less than a minute on an idle machine
FOREIGN_PATH = re.compile(r"(?<![\w.])(?:/(?:home|root|tmp|usr|work|mnt|opt|var|Users)/|[A-Z]:\\\\)")
COLOUR_CODE = re.compile(r"\x1b\[[\d;]*m")  # in front of a path in a traceback it would hide where the path begins
NETWORK = re.compile(r"https?://|\bpip install\b|\bconda install\b|\burllib\b|\brequests\b|\bwget\b|\bcurl\b")


def read(path: Path):
    return nbformat.read(path, as_version=4)


def tags(cell) -> list[str]:
    return cell.metadata.get("tags", [])


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def notebook(request):
    return read(request.param)


def test_there_is_a_notebook():
    assert NOTEBOOKS and all(re.fullmatch(r"(\d|a)\d_[a-z0-9_]+", path.stem) for path in NOTEBOOKS)


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_runs_unsolved_and_solved(path, record_property):
    """In one kernel: the student's version, in which every check fails and nothing else does, then each solution and its check again."""
    from nbclient import NotebookClient

    student, solved = read(TUTORIALS / path.name), read(path)
    trials = [cell for cell in student.cells if "check" in tags(cell)]
    for cell in trials:
        cell.metadata["tags"] = ["check", "raises-exception"]
    student.cells += [copy.deepcopy(cell) for cell in solved.cells if {"check", "solution"} & set(tags(cell))]
    clock = nbformat.v4.new_code_cell("import time\nprint(time.process_time())")
    student.cells.append(clock)
    for index, cell in enumerate(student.cells):
        cell["id"] = f"cell-{index}"
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    NotebookClient(student, timeout=CELL_TIMEOUT, kernel_name="python3", resources={"metadata": {"path": str(TUTORIALS)}}).execute()
    record_property(RUN_TIME, [path.stem, float(clock.outputs[0].text)])  # conftest.py prints the times of all notebooks together
    for trial in trials:
        errors = [o for o in trial.outputs if o.output_type == "error"]
        assert errors and errors[0].ename == "AssertionError" and errors[0].evalue, f"the unanswered exercise passes: {trial.source[:60]}"
    for cell in student.cells:
        if "raises-exception" in tags(cell) and cell not in trials:
            errors = [o for o in cell.outputs if o.output_type == "error"]
            assert errors and errors[0].ename in ("InputError", "MissingPackageError"), (
                "a cell that fails on purpose shows an error of this package"
            )


def test_structure(notebook):
    text = [c.source for c in notebook.cells if c.cell_type == "markdown"]
    code = [c for c in notebook.cells if c.cell_type == "code"]
    assert re.match(r"# (\d|A)\d — \w", text[0]), "the first cell has a title '# NN — verb phrase'"
    for promise in ("By the end you can", "You need", "CPU", "minute"):
        assert promise in text[0], f"the first cell does not mention {promise!r}"
    assert text[0].count("\n- ") >= 3
    assert any(t.startswith("## Summary") for t in text) and "**Next:**" in text[-1]
    assert sum(c.source.count("assert ") for c in code) >= 5
    assert sum("hx.draw(" in c.source or "viz." in c.source or ".plot(" in c.source or "plt." in c.source for c in code) >= 1
    appendix = text[0].startswith("# A")
    assert appendix or any("raises-exception" in tags(c) for c in code), "one cell fails on purpose, to show an error message"
    for cell in code:
        lines = cell.source.splitlines()
        assert len(lines) <= 40 and max(map(len, lines)) <= 140, f"a cell is too long: {lines[0]}"
    for cell in notebook.cells:
        for image in re.findall(r"!\[(.*?)\]\(", cell.source) if cell.cell_type == "markdown" else []:
            assert image.strip(), "an image in the text needs a description"
    assert notebook.metadata.kernelspec.name == "python3"


def test_exercises(notebook):
    titles = [c.source for c in notebook.cells if c.cell_type == "markdown" and c.source.startswith("### Exercise")]
    assert len(titles) >= (2 if notebook.cells[0].source.startswith("# A") else 3)
    solutions = [c for c in notebook.cells if "solution" in tags(c)]
    checks = [c for c in notebook.cells if c.cell_type == "code" and "def check_ex" in c.source]
    hints = [c for c in notebook.cells if c.cell_type == "markdown" and "<summary>Hint</summary>" in c.source]
    assert len(titles) == len(solutions) == len(checks) == len(hints)
    assert all("check" in tags(check) for check in checks)
    for check in checks:
        assert check.source.count("assert ") >= 2 and check.source.count('"') >= 4, "a check says what is wrong"


def test_nothing_from_the_network_and_no_path_of_one_machine(notebook):
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert not NETWORK.search(cell.source), cell.source
        assert not FOREIGN_PATH.search(cell.source), cell.source
        for output in cell.get("outputs", []):
            written = str(output.get("text", "")) + "\n".join(output.get("traceback", [])) + str(output.get("evalue", ""))
            written += "".join(str(v) for kind, v in output.get("data", {}).items() if kind.startswith("text/"))
            assert not FOREIGN_PATH.search(COLOUR_CODE.sub("", written)), written[:300]


def test_stored_outputs_are_those_of_one_clean_run(notebook):
    code = [c for c in notebook.cells if c.cell_type == "code"]
    counts = [c.execution_count for c in code]
    assert counts == list(range(1, len(code) + 1)), "run it from top to bottom in a fresh kernel before saving"
    images = 0
    for cell in code:
        for output in cell.outputs:
            assert output.output_type != "error" or "raises-exception" in tags(cell)
            assert output.get("name") != "stderr", output.get("text")
            assert "image/png" in output.get("data", {}) or "<Figure" not in str(output.get("data")), "a figure is not shown"
            data = output.get("data", {}).get("image/png")
            if data:
                images += 1
                assert len(base64.b64decode(data)) <= 200_000, "a stored image is larger than 200 kB"
    assert images >= 1
