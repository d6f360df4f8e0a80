"""Builds the notebooks from their sources: ``python tutorials/build.py`` (``make tutorials``).

``source/NN_name.py`` (jupytext, percent format) is the one place to edit. Two notebooks are made of it:

* ``NN_name.ipynb`` for students: no outputs, and no cell tagged *solution*. It is opened by default.
* ``solutions/NN_name.ipynb``: with solutions, and the outputs of one run. Outputs stay while the code stays; otherwise the notebook runs.

A student's notebook that was run or changed since it was built is that student's work: it is kept as it is, and ``--reset``
(``make tutorials-reset``) moves it into a folder with the date, ``my_work/``, before the notebook is built anew. A solution in which
somebody wrote is moved there before it is built. Nothing is deleted.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import io
import json
import re
import sys
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

import jupytext
import nbformat
from nbformat import NotebookNode
from PIL import Image

from hetero_xmodal import InputError
from hetero_xmodal.files import atomic_path

HERE = Path(__file__).parent
CELL_TIMEOUT = 900  # seconds
LANGUAGE = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}, "language_info": {"name": "python"}}
LINK = re.compile(r"(\]\(|(?:src|href)=\")(?!https?:|#|mailto:|\w+\.ipynb)([^)\"]+)")


def main(arguments: list[str] | None = None) -> int:
    """Build the notebooks named, or all of them; returns 0, or 2 with one sentence on stderr."""
    parser = argparse.ArgumentParser(
        description="Build the students' notebooks and the solutions from tutorials/source.",
        epilog="Example: python tutorials/build.py --run 03_when_does_a_graph_help",
    )
    parser.add_argument("names", nargs="*", help="notebooks, such as 00_quickstart; all by default")
    parser.add_argument("--run", action="store_true", help="run the solutions again, although their code is unchanged")
    parser.add_argument("--reset", action="store_true", help="move a student's work into my_work/DATE, then build")
    chosen = parser.parse_args(arguments)
    known = sorted(path.stem for path in (HERE / "source").glob("*.py"))
    for name in chosen.names:
        if name not in known:
            parser.error(f"there is no tutorials/source/{name}.py; known are {', '.join(known)}")
    try:
        for line in build(HERE, chosen.names or known, run=chosen.run, reset=chosen.reset):
            print(line, flush=True)
    except (InputError, OSError) as error:  # a full disk, a file in the place of a folder
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def build(folder: Path, names: Iterable[str], *, run: bool = False, reset: bool = False) -> Iterable[str]:
    """Write both notebooks of each name into *folder* and ``folder/solutions``; yields a line about each."""
    for part in ("my_work", "solutions"):
        if (folder / part).exists() and not (folder / part).is_dir():
            raise InputError(f"'{folder / part}' is a file, and a folder of that name is needed; move it away")
    place = new_place(folder / "my_work")
    for name in names:
        student, solution = notebooks_of(folder / "source" / f"{name}.py")
        target, answers = folder / f"{name}.ipynb", folder / "solutions" / f"{name}.ipynb"
        if run or not carry_outputs(answers, solution):
            yield f"running {name}"
            execute(solution, folder)
        if has_notes(answers):
            (place / "solutions").mkdir(parents=True, exist_ok=True)
            answers.rename(place / "solutions" / answers.name)
            yield f"solutions/{answers.name} with your notes is now {(place / 'solutions' / answers.name).relative_to(folder)}"
        write(answers, solution)
        if not has_work(target):
            write(target, student)
            yield f"built {target.name} and solutions/{answers.name}"
        elif reset:
            place.mkdir(parents=True, exist_ok=True)
            target.rename(place / target.name)
            write(target, student)
            yield f"your {target.name} is now {(place / target.name).relative_to(folder)}; built a fresh one"
        else:
            yield f"{target.name} holds work of yours and stays as it is; 'make tutorials-reset' moves it aside and builds a fresh one"


def new_place(folder: Path) -> Path:
    """A folder with the date and time in *folder*, of a name that is not there yet."""
    name = datetime.now().strftime("%Y-%m-%d_%H%M%S")
    names = (name, *(f"{name}_{k}" for k in range(2, 1000)))
    return next(folder / one for one in names if not (folder / one).exists())


def notebooks_of(source: Path) -> tuple[NotebookNode, NotebookNode]:
    """The student's notebook and the solution, both without outputs."""
    cells = [tidy(cell) for cell in jupytext.read(source, fmt="py:percent").cells]
    seen: dict[str, int] = {}
    for cell in cells:
        # the same cell has the same id in both notebooks, whatever is put in before it
        key = hashlib.sha256(cell.source.encode()).hexdigest()[:12]
        seen[key] = seen.get(key, 0) + 1
        cell["id"] = key if seen[key] == 1 else f"{key}-{seen[key]}"
    unsolved = [cell for cell in cells if "solution" not in tags(cell)]
    solved = [NotebookNode(cell, source=links_from_below(cell.source)) if cell.cell_type == "markdown" else cell for cell in cells]
    student, solution = notebook(unsolved), notebook(solved)
    for made in (student, solution):
        made.metadata["hetero_xmodal"] = {"built": digest(made)}
    return student, solution


def tidy(cell: NotebookNode) -> NotebookNode:
    """The cell without outputs, and with those metadata only that mean something in a notebook."""
    kept = {key: value for key, value in cell.metadata.items() if key in ("tags", "alt")}
    if cell.cell_type == "markdown":
        return nbformat.v4.new_markdown_cell(cell.source, metadata=kept)
    return nbformat.v4.new_code_cell(cell.source, metadata=kept)


def notebook(cells: list[NotebookNode]) -> NotebookNode:
    """A notebook of copies of *cells*."""
    cells, language = json.loads(json.dumps([cells, LANGUAGE]), object_hook=NotebookNode)
    return nbformat.v4.new_notebook(cells=cells, metadata=language)


def tags(cell: NotebookNode) -> list[str]:
    """The tags of a cell."""
    return list(cell.metadata.get("tags", []))


def links_from_below(text: str) -> str:
    """*text* with relative links, which are written for ``tutorials``, as they are seen from ``tutorials/solutions``.

    >>> links_from_below("![Two](images/two.svg), [next](01_next.ipynb), [words](../docs/glossary.md)")
    '![Two](../images/two.svg), [next](01_next.ipynb), [words](../../docs/glossary.md)'
    """
    return LINK.sub(r"\1../\2", text)


def digest(made: NotebookNode) -> str:
    """SHA-256 of the kinds and sources of the cells."""
    return hashlib.sha256(json.dumps([[cell.cell_type, cell.source] for cell in made.cells]).encode()).hexdigest()


def has_work(path: Path) -> bool:
    """Whether a student's notebook was run or changed since it was built; a file that cannot be read counts as work."""
    if not path.exists():
        return False
    try:
        found = nbformat.read(path, as_version=4)
        built = found.metadata.get("hetero_xmodal", {}).get("built")
        return built != digest(found) or any(cell.get("outputs") for cell in found.cells)
    except Exception:  # whatever it is, it is not ours to overwrite
        return True


def has_notes(path: Path) -> bool:
    """Whether somebody changed a solution since it was built; a file that cannot be read counts as changed."""
    if not path.exists():
        return False
    try:
        found = nbformat.read(path, as_version=4)
        return found.metadata.get("hetero_xmodal", {}).get("built") != digest(found)  # one of an earlier version too: nobody knows
    except Exception:  # whatever it is, it is not ours to overwrite
        return True


def carry_outputs(committed: Path, solution: NotebookNode) -> bool:
    """Give *solution* the outputs of the notebook that is there; False if there is none that can be read, or its code differs."""
    try:
        found = nbformat.read(committed, as_version=4)
        nbformat.validate(found)
        about = dict(found.metadata.get("hetero_xmodal", {}))
    except Exception:  # missing, or damaged: then it is made anew
        return False
    before = [cell for cell in found.cells if cell.cell_type == "code"]
    now = [cell for cell in solution.cells if cell.cell_type == "code"]
    if [cell.source for cell in before] != [cell.source for cell in now]:
        return False
    for old, new in zip(before, now, strict=True):
        new.outputs, new.execution_count = old.outputs, old.execution_count
        describe_figures(new)
    solution.metadata["hetero_xmodal"] = {**about, **solution.metadata["hetero_xmodal"]}
    return all(cell.execution_count for cell in now)


def execute(solution: NotebookNode, folder: Path) -> None:
    """Run a solution from top to bottom in a fresh kernel; its outputs and the seconds of processor time are stored in it."""
    from nbclient import NotebookClient

    clock = nbformat.v4.new_code_cell("import time\nprint(time.process_time())")
    solution.cells.append(clock)
    NotebookClient(solution, timeout=CELL_TIMEOUT, kernel_name="python3", resources={"metadata": {"path": str(folder)}}).execute()
    solution.cells.pop()
    measured = {"built": digest(solution), "processor_seconds": round(float(clock.outputs[0].text))}
    solution.metadata = NotebookNode({**notebook([]).metadata, "hetero_xmodal": measured})
    for cell in solution.cells:
        cell.metadata.pop("execution", None)  # time stamps
        for output in cell.get("outputs", []):
            if output.output_type == "error":
                output.traceback = [f"{output.ename}: {output.evalue}"]  # its last line, without the paths of this machine
        if cell.cell_type == "code":
            shrink_figures(cell)
            describe_figures(cell)


def shrink_figures(cell: NotebookNode) -> None:
    """An image of more than 150 kB is stored with 256 colours."""
    for output in cell.outputs:
        image = base64.b64decode(output.get("data", {}).get("image/png", ""))
        if len(image) > 150_000:
            buffer = io.BytesIO()
            Image.open(io.BytesIO(image)).convert("RGB").quantize(256).save(buffer, format="PNG", optimize=True)
            output.data["image/png"] = base64.b64encode(buffer.getvalue()).decode()


def describe_figures(cell: NotebookNode) -> None:
    """The cell's ``alt`` becomes the description of each of its images."""
    for output in cell.outputs:
        if "image/png" in output.get("data", {}) and cell.metadata.get("alt"):
            output.metadata["image/png"] = {**output.metadata.get("image/png", {}), "alt": cell.metadata.alt}


def write(path: Path, made: NotebookNode) -> None:
    """Write a notebook atomically, if it differs from what is there."""
    text = nbformat.writes(made) + "\n"
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
