"""Prints a table of the course beside others: words, lines, figures, equations, links, exercises, minutes.

    python tutorials/teaching/course_table.py

Ours are counted in the built notebooks. What a student opens counts, but for figures in outputs, which the solutions hold:

* words of the text: without formulas, HTML and the targets of links; a word has a letter in it
* code: cells, and lines that are neither blank nor a comment; the longest cell and the median
* figures: images in outputs, and images in the text
* equations on a line of their own; links to different addresses outside; headings *Exercise N*; cells that check an answer; questions of
  the quiz
* minutes, as the first cell states them

The others were counted in November 2026, by one script with such rules, in the notebooks as they were published then. None of them states
minutes for reading and trying, and none checks an answer.
"""

from __future__ import annotations

import argparse
import re
import statistics
import sys
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from hetero_xmodal import InputError

TUTORIALS = Path(__file__).parents[1]
COLUMNS = ("exercises", "checks", "quiz", "minutes", "words", "links", "figures", "equations", "cells", "lines", "median", "longest")
#: figures are those in outputs and those in the text together; None: not stated
OTHERS: dict[str, tuple[int | None, ...]] = {
    "UvA DL tutorial 7, graph networks": (0, 0, 0, None, 3963, 40, 17, 6, 28, 433, 7, 53),
    "UvA DL tutorial 6, transformers": (0, 0, 0, None, 6923, 62, 27, 6, 42, 595, 11, 73),
    "d2l, transformer": (5, 0, 0, None, 1721, 1, 1, 0, 22, 218, 5, 33),
    "DGL, blitz 3": (0, 0, 0, None, 752, 2, 0, 5, 8, 131, 11, 35),
    "DGL, GAT": (0, 0, 0, None, 2050, 17, 5, 11, 8, 95, 9, 32),
    "Hugging Face course 7.3": (5, 0, 5, None, 3782, 11, 3, 0, 49, 286, 3, 36),
    "CS224W Colab 3": (8, 0, 0, None, 2924, 10, 3, 8, 32, 603, 15, 58),
}
#: less is better in these
SHORT = ("median", "longest")


def main(arguments: list[str] | None = None) -> int:
    """Print the table as Markdown, and a line for every column in which our median is below that of the others; returns 0, or 2."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.parse_args(arguments)
    try:
        print(whole_table())
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def whole_table() -> str:
    """The table of the notebooks as they are now."""
    return table({path.stem: count_files(path) for path in sorted(TUTORIALS.glob("[0-9]*.ipynb"))})


def table(ours: dict[str, dict[str, int | None]]) -> str:
    """The table, and what the comparison of the medians says."""
    others = {name: dict(zip(COLUMNS, values, strict=True)) for name, values in OTHERS.items()}
    rows = [("| " + " | ".join(("notebook", *COLUMNS)) + " |"), "|---" * (len(COLUMNS) + 1) + "|"]
    medians = {}
    for title, part in (("ours, median", ours), ("others, median", others)):
        medians[title] = {column: median([row[column] for row in part.values()]) for column in COLUMNS}
        rows += [line(name, row) for name, row in part.items()] + [line(f"**{title}**", medians[title])]
    mine, theirs = medians.values()
    compared = [column for column in COLUMNS if mine[column] is not None and theirs[column] is not None]
    worse = [c for c in compared if (mine[c] > theirs[c] if c in SHORT else mine[c] < theirs[c])]
    verdict = "In every column that can be compared, our median is at least as good as theirs" if not worse else "Behind in: " + ", ".join(
        f"{column} ({shown(mine[column])} against {shown(theirs[column])})" for column in worse
    )  # fmt: skip
    return "\n".join(rows) + f"\n\n{verdict}; of cells, shorter counts as better."


def line(name: str, row: dict) -> str:
    """One row."""
    return "| " + " | ".join((name, *(shown(row[column]) for column in COLUMNS))) + " |"


def shown(value: float | None) -> str:
    """A number of a cell."""
    return "" if value is None else f"{value:g}" if value < 1000 else f"{value:,.0f}"


def median(values: list) -> float | None:
    """The median of what is known."""
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None


def count_files(student: Path) -> dict[str, int | None]:
    """The counts of a notebook, with the outputs of its solution.

    Raises
    ------
    InputError : one of the two is missing or no notebook.
    """
    return count(*(_read(path) for path in (student, student.parent / "solutions" / student.name)))


def _read(path: Path) -> NotebookNode:
    try:
        found = nbformat.read(path, as_version=4)
        nbformat.validate(found)
        if not found.cells:
            raise ValueError("it has no cells")
    except Exception as error:  # nbformat has many ways of saying that something is no notebook
        raise InputError(f"'{path}' is no whole notebook ({type(error).__name__}); make it anew with: make tutorials") from None
    return found


def count(student: NotebookNode, solution: NotebookNode) -> dict[str, int | None]:
    """The counts by column."""
    text = "\n\n".join(cell.source for cell in student.cells if cell.cell_type == "markdown")
    code = [cell.source for cell in student.cells if cell.cell_type == "code"]
    lines = [code_lines(source) for source in code]
    minutes = re.search(r"[Aa]bout (\d+) minutes", student.cells[0].source)
    links = re.findall(r"\]\((https?://[^)\s]+)\)|href=\"(https?://[^\"]+)\"", text)
    return {
        "words": len(words(text)),
        "cells": len(code),
        "lines": sum(lines),
        "median": round(statistics.median(lines)) if lines else 0,
        "longest": max(lines, default=0),
        "figures": sum(map(drawn, solution.cells)) + len(re.findall(r"!\[[^\]]*\]\(|<img ", text)),
        "equations": len(re.findall(r"\$\$.+?\$\$|\\begin\{(?:equation|align)", text, re.DOTALL)),
        "links": len({one or other for one, other in links}),
        "exercises": len(re.findall(r"^#+ Exercise \d", text, re.MULTILINE)),
        "checks": sum("check" in cell.metadata.get("tags", []) for cell in student.cells),
        "quiz": len(re.findall(r"^\d+\. .*\?$", text.partition("## Quiz")[2], re.MULTILINE)),
        "minutes": int(minutes[1]) if minutes else None,
    }


def words(text: str) -> list[str]:
    """The words of Markdown.

    >>> words("A [link](https://x.org/a) to $h_i$, <i>two</i> **bold** words - and `code_here`.")
    ['A', 'link', 'to', 'two', 'bold', 'words', 'and', 'code_here']
    """
    for pattern, instead in (
        (r"\$\$.+?\$\$|\$[^$\n]+\$", " "), (r"<[^>]+>", " "), (r"!?\[([^\]]*)\]\([^)]*\)", r"\1"), (r"[*`#|]", " "),
    ):  # fmt: skip
        text = re.sub(pattern, instead, text, flags=re.DOTALL)
    return [word.strip(".,;:!?()\"'") for word in text.split() if re.search(r"[^\W\d_]", word)]


def code_lines(source: str) -> int:
    """Lines that are neither blank nor a comment."""
    return sum(bool(line.strip()) and not line.lstrip().startswith("#") for line in source.splitlines())


def drawn(cell: NotebookNode) -> int:
    """Images among the outputs of a cell."""
    return sum(any(kind.startswith("image/") for kind in output.get("data", {})) for output in cell.get("outputs", []))


if __name__ == "__main__":
    raise SystemExit(main())
