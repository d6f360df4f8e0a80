"""Two graded homework sets: a notebook for every student, with numbers made from the name, and a table of grades.

    python tutorials/teaching/homework.py release --set 1 --students names.txt --out homework_1   # one name a line
    python tutorials/teaching/homework.py grade --set 1 handed_in --out grades.csv             # NAME.ipynb, or NAME/homework_1.ipynb
    python tutorials/teaching/homework.py solution --set 1 --student ada --out solved.ipynb
    python tutorials/teaching/homework.py nbgrader --set 1 --out source/homework_1/homework_1.ipynb     # for nbgrader's own folder

The sources, ``homework/homework_N.py``, hold solutions and hidden tests between nbgrader's markers. What is released has neither. Grading
takes the cells of the student, puts the tests (and everything else that is locked) back as they are in the source, writes the name of the
file into the first cell, and runs all of it in a process of its own; a question counts if its test cell ends without an error. The tests
compute the truth from the name, so answers of somebody else are wrong.

**Grading runs what students wrote**, as nbgrader does. Do it in a container or an account without network and without anything to lose.
nbgrader is not needed; its metadata are in the notebooks, and it reads them (tried with nbgrader 0.9.6).
"""

from __future__ import annotations

import argparse
import builtins
import contextlib
import copy
import io
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import jupytext
import nbformat
from nbformat import NotebookNode

from hetero_xmodal.csv_text import csv_rows
from hetero_xmodal.errors import InputError
from hetero_xmodal.files import FolderKind, atomic_folder, atomic_path, existing_folder, read_text, write_text
from hetero_xmodal.training.options import table_file

HERE = Path(__file__).parent
SETS = (1, 2)
RELEASE = FolderKind("homework for students")
LANGUAGE = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}, "language_info": {"name": "python"}}
REGION = {name: re.compile(rf"^[ \t]*### BEGIN {name}\n.*?^[ \t]*### END {name}\n?", re.M | re.S) for name in ("SOLUTION", "HIDDEN TESTS")}
TIME_LIMIT = 300  # seconds, for one student


def main(arguments: list[str] | None = None) -> int:
    """One of the four commands; returns 0, or 2 with one sentence on stderr."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, about in (
        ("release", "a notebook for every student"),
        ("grade", "a table of the points of all students"),
        ("solution", "the solved notebook of one student"),
        ("nbgrader", "the instructor's version, with nbgrader's markers"),
    ):
        command = commands.add_parser(name, help=about, description=about)
        command.add_argument("--set", type=int, choices=SETS, required=True)
        if name == "release":
            command.add_argument("--students", type=Path, required=True, help="a text file with one name a line")
        elif name == "grade":
            command.add_argument("handed_in", type=Path, help="a folder with NAME.ipynb or NAME/homework_N.ipynb of every student")
        elif name == "solution":
            command.add_argument("--student", required=True)
        command.add_argument("--out", type=Path, required=name != "grade")
    chosen = parser.parse_args(arguments)
    try:
        _COMMANDS[chosen.command](chosen)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def _release(chosen: argparse.Namespace) -> None:
    names = [name.strip() for name in read_text(chosen.students, "list of students").splitlines() if name.strip()]
    if not names:
        raise InputError(f"'{chosen.students}' names no student; write one name a line")
    if strange := [name for name in names if not re.fullmatch(r"[\w.@ -]+", name) or name.startswith(".")]:
        raise InputError(f"{strange[0]!r} cannot be the name of a folder; use letters, digits, spaces and . @ - _")
    if twice := [name for k, name in enumerate(names) if name.lower() in map(str.lower, names[:k])]:
        raise InputError(f"{twice[0]!r} is named twice; two students with one name would have the same numbers")
    with atomic_folder(chosen.out, RELEASE) as folder:
        for name in names:
            (folder / name).mkdir()
            write_notebook(folder / name / f"homework_{chosen.set}.ipynb", released(chosen.set, name))
    print(f"{chosen.out}: homework_{chosen.set}.ipynb for {len(names)} students")


def _grade(chosen: argparse.Namespace) -> None:
    if chosen.out:  # before what students wrote is run, which may take minutes for each
        table_file(chosen.out)
    rows = []
    for name, path in handed_in(existing_folder(chosen.handed_in), chosen.set):
        row = grade(path, chosen.set, name)
        print(f"{name}: {row['points']} of {row['of']}", *(f"\n  {key}: {said}" for key, said in row["remarks"].items()), flush=True)
        rows.append({key: value for key, value in row.items() if key != "remarks"} | {"remarks": "; ".join(row["remarks"].values())})
    if not rows:
        raise InputError(f"'{chosen.handed_in}' holds neither NAME.ipynb nor NAME/homework_{chosen.set}.ipynb")
    if chosen.out:
        write_text(chosen.out, csv_rows(list(rows[0]), rows))


def _solution(chosen: argparse.Namespace) -> None:
    write_notebook(chosen.out, named(instructor(chosen.set), chosen.student))


def _nbgrader(chosen: argparse.Namespace) -> None:
    write_notebook(chosen.out, instructor(chosen.set))


_COMMANDS = {"release": _release, "grade": _grade, "solution": _solution, "nbgrader": _nbgrader}


# ---------------------------------------------------------------------------------------------- notebooks


def instructor(number: int) -> NotebookNode:
    """The notebook with solutions, hidden tests and nbgrader's metadata."""
    cells = []
    for cell in jupytext.read(HERE / "homework" / f"homework_{number}.py", fmt="py:percent").cells:
        about = cell.metadata
        make = nbformat.v4.new_markdown_cell if cell.cell_type == "markdown" else nbformat.v4.new_code_cell
        new = make(cell.source)
        kind = next((kind for kind in ("name", "setup", "solution", "grade") if kind in about), "text")
        key = f"{about[kind]}_{kind}" if kind in ("solution", "grade") else about.get(kind, f"text_{len(cells)}")
        new["id"] = key
        if kind != "name":
            new.metadata["nbgrader"] = {
                "schema_version": 3, "grade_id": key, "locked": kind != "solution", "solution": kind == "solution",
                "grade": kind == "grade", "task": False,
            } | ({"points": about["points"]} if kind == "grade" else {})  # fmt: skip
        cells.append(new)
    return nbformat.v4.new_notebook(cells=cells, metadata=copy.deepcopy(LANGUAGE))


def released(number: int, student: str) -> NotebookNode:
    """What *student* gets: without solutions and hidden tests, with the name written in."""
    made = named(instructor(number), student)
    for cell in made.cells:
        if cell.cell_type == "code":
            for region in REGION.values():
                cell.source = region.sub("", cell.source).rstrip()
    return made


def named(made: NotebookNode, student: str) -> NotebookNode:
    """The notebook with the name of *student* in its first code cell."""
    first = next(cell for cell in made.cells if cell.cell_type == "code")
    first.source = f"STUDENT = {student!r}  # your name, as the course knows it"
    return made


def write_notebook(path: Path, made: NotebookNode) -> None:
    """Write a notebook atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(nbformat.writes(made) + "\n", encoding="utf-8")


# ---------------------------------------------------------------------------------------------- grading


def handed_in(folder: Path, number: int) -> Sequence[tuple[str, Path]]:
    """Name and notebook of every student in a folder, by name."""
    found = {path.stem: path for path in folder.glob("*.ipynb")}
    found |= {path.parent.name: path for path in folder.glob(f"*/homework_{number}.ipynb")}
    return sorted(found.items())


def grade(path: Path, number: int, student: str) -> dict:
    """The points of a student for every question, their sum, what could be had, and a remark for every question that is not solved."""
    points = {cell.metadata.nbgrader.grade_id: cell.metadata.nbgrader.points for cell in instructor(number).cells if is_grade(cell)}
    try:
        outcome = run_apart(assembled(path, number, student))
    except InputError as error:
        outcome = dict.fromkeys(points, str(error))
    got = {key: points[key] if outcome[key] == "" else 0 for key in points}
    remarks = {key.removesuffix("_grade"): outcome[key] for key in points if outcome[key]}
    if len(set(remarks.values())) == 1 and len(remarks) > 1:
        remarks = {"all": next(iter(remarks.values()))}
    short = {key.removesuffix("_grade"): value for key, value in got.items()}
    return {"student": student, **short, "points": sum(got.values()), "of": sum(points.values()), "remarks": remarks}


def is_grade(cell: NotebookNode) -> bool:
    """Whether a cell is a test that gives points."""
    return bool(cell.metadata.get("nbgrader", {}).get("grade"))


def assembled(path: Path, number: int, student: str) -> list[tuple[str, str]]:
    """What is run: (key, code) of every code cell; the student's cells, with all that is locked as it is in the source.

    Raises
    ------
    InputError : no notebook, or a cell of the homework is missing or there twice.
    """
    try:
        found = nbformat.reads(read_text(path, "notebook"), as_version=4)
        cells = [(cell.metadata.get("nbgrader", {}).get("grade_id", ""), cell) for cell in found.cells if cell.cell_type == "code"]
        if not all(isinstance(cell.source, str) for _, cell in cells):
            raise TypeError("a cell whose source is no text")
    except InputError:
        raise
    except Exception as error:  # nbformat has many ways of saying that something is no notebook
        raise InputError(f"'{path.name}' is no notebook ({type(error).__name__}); hand it in as it was given out") from None
    ours = {cell.id: cell for cell in instructor(number).cells if cell.cell_type == "code"}
    wanted = [key for key in ours if key != "student"]
    keys = [key for key, _ in cells if key]
    if wrong := [key for key in wanted if keys.count(key) != 1]:
        raise InputError(f"'{path.name}' has the cell {wrong[0]!r} {keys.count(wrong[0])} times instead of once; use a fresh copy")
    setup = ours["setup"].source
    code = [("student", f"STUDENT = {student!r}"), ("setup", setup)]
    for key, cell in cells:
        if key in ("student", "setup") or (not key and re.match(r"\s*STUDENT\s*=", cell.source)):
            continue
        locked = key in ours and ours[key].metadata.nbgrader.locked
        if locked:  # what the tests use is made anew, whatever was written over it
            code += [("student", f"STUDENT = {student!r}"), ("setup", setup)]
        code.append((key or "own", ours[key].source if locked else cell.source))
    return code


def run_apart(code: list[tuple[str, str]]) -> dict[str, str]:
    """:func:`run_cells` in a process and a folder of its own.

    Raises
    ------
    InputError : it took longer than TIME_LIMIT, or the process died.
    """
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "result.json"
        command = [sys.executable, str(Path(__file__).resolve()), "--run-cells", str(result)]
        try:
            subprocess.run(command, input=json.dumps(code), text=True, cwd=folder, timeout=TIME_LIMIT, capture_output=True)
        except subprocess.TimeoutExpired:
            raise InputError(f"the notebook ran for more than {TIME_LIMIT} seconds") from None
        if not result.is_file():
            raise InputError("the notebook ended its own process")
        return json.loads(result.read_text(encoding="utf-8"))


def run_cells(code: list[tuple[str, str]]) -> dict[str, str]:
    """Run cells one after another, each whatever the others did; key of every test -> "" or the last line of its error."""
    names: dict[str, object] = {"__name__": "__main__"}
    outcome = {}
    for key, source in code:
        said = ""
        for builtin in set(dir(builtins)) & names.keys() - {"__builtins__", "__name__"}:
            del names[builtin]  # an abs() of a student's own would decide what is near enough
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                exec(compile("\n".join(line for line in source.splitlines() if not line.startswith(("%", "!"))), key, "exec"), names)
        except BaseException as error:  # a student's sys.exit() as well
            said = f"{type(error).__name__}: {error}" if str(error) and not isinstance(error, AssertionError) else str(error)
            said = said or f"{type(error).__name__}"
        if key.endswith("_grade"):
            outcome[key] = said
    return outcome


if __name__ == "__main__":
    if sys.argv[1:2] == ["--run-cells"]:
        cells = json.loads(sys.stdin.read())
        Path(sys.argv[2]).write_text(json.dumps(run_cells(cells)), encoding="utf-8")
        sys.exit(0)
    sys.exit(main())
