"""Rules of the course, each a function that lists what breaks it; what older notebooks still break is named and must go on breaking it.

Appendices (``# A1`` ...) keep the same rules with smaller demands: five links, two of them papers; one drawing; three questions.
"""

from __future__ import annotations

import ast
import importlib
import re
from pathlib import Path

import nbformat
import pytest

import hetero_xmodal as hx

TUTORIALS = Path(__file__).parents[2] / "tutorials"
NAMES = sorted(path.stem for path in (TUTORIALS / "source").glob("*.py"))
#: a helper that every notebook needs, in a module that has no place among the public ones
ALSO_PUBLIC = {("hetero_xmodal.environment", "require_dgl")}
STATED = {"under a minute": 60, "about a minute": 75, "under two minutes": 120, "about two minutes": 140}  # seconds of processor time
#: notebook -> rules that it does not keep yet; a rule that it keeps has to leave this list
BROKEN: dict[str, set[str]] = {}


def tags(cell) -> list[str]:
    return cell.metadata.get("tags", [])


def code(notebook) -> list:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def prose(notebook) -> str:
    return "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")


def appendix(notebook) -> bool:
    return notebook.cells[0].source.startswith("# A")


def cells(notebook):
    """Cells of at most 20 lines and 88 columns."""
    for cell in code(notebook):
        lines = cell.source.splitlines()
        if len(lines) > 20 or max(map(len, lines)) > 88:
            yield f"{len(lines)} lines, {max(map(len, lines))} columns: {lines[0]}"


def asserts(notebook):
    """Asserts stand in checks only: what a student reads says what is, and does not test it."""
    for cell in code(notebook):
        if "check" not in tags(cell) and re.search(r"^\s*assert ", cell.source, re.MULTILINE):
            yield cell.source.splitlines()[0]


def links(notebook):
    """At least ten links, five of them papers, by DOI, with the year in the text that is clicked; in appendices five and two."""
    text = prose(notebook)
    found = {(m[1], m[2]) for m in re.finditer(r"\[([^\]]+)\]\((https?://[^)]+)\)", text)}
    found |= {(m[2], m[1]) for m in re.finditer(r"<a href=\"(https?://[^\"]+)\">([^<]+)</a>", text)}
    papers = [said for said, target in found if "doi.org/" in target]
    wanted = (5, 2) if appendix(notebook) else (10, 5)
    if len({target for _, target in found}) < wanted[0] or len(papers) < wanted[1]:
        yield f"{len(found)} links, {len(papers)} of them papers"
    for said in papers:
        if not re.search(r"\b(19|20)\d\d\b", said):
            yield f"no year: {said}"


def drawings(notebook):
    """At least two drawings in the text, one in appendices; each file exists and each has a description."""
    found = re.findall(r"!\[([^\]]*)\]\(([^)]+)\)", prose(notebook))
    if len(found) < (1 if appendix(notebook) else 2):
        yield f"{len(found)} drawings"
    for described, target in found:
        if len(described) < 40 or not (TUTORIALS / "solutions" / target).is_file():
            yield f"{target}: {described!r}"


def alt(notebook):
    """Every figure that a cell draws has a description."""
    for cell in code(notebook):
        for output in cell.outputs:
            if "image/png" in output.get("data", {}) and len(output.metadata.get("image/png", {}).get("alt", "")) < 40:
                yield cell.source.splitlines()[0]


def quiz(notebook):
    """Five questions with folded answers, in appendices three."""
    found = [cell.source for cell in notebook.cells if cell.source.startswith("## Quiz")]
    wanted = 3 if appendix(notebook) else 5
    answers, questions = "<details><summary>Answer</summary>", r"^\d\. .*\?$"
    if len(found) != 1 or found[0].count(answers) != wanted or len(re.findall(questions, found[0], re.M)) != wanted:
        yield "the quiz"


def names(notebook):
    """Public names only."""
    for cell in code(notebook):
        source = "\n".join(line for line in cell.source.splitlines() if not line.startswith(("%", "!")))
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Attribute) and re.match(r"_[a-z]", node.attr):
                yield f"the private name {node.attr}"
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("hetero_xmodal"):
                yield from (f"{node.module}.{a.name}" for a in node.names if not public(str(node.module), a.name))


def public(module: str, name: str) -> bool:
    parts = module.split(".")
    if (module, name) in ALSO_PUBLIC or len(parts) == 1:
        return (module, name) in ALSO_PUBLIC or name in hx.__all__
    if len(parts) > 2 or parts[1] not in hx.__all__:
        return False
    room = importlib.import_module(module)
    return name in getattr(room, "__all__", vars(room))


def time(notebook):
    """The first cell says how long a run takes, and the run that is stored took no longer."""
    said = [limit for words, limit in STATED.items() if words in notebook.cells[0].source]
    took = notebook.metadata.get("hetero_xmodal", {}).get("processor_seconds")
    if not said or took is None or took > said[0]:
        yield f"stated {said}, took {took}"


RULES = {rule.__name__: rule for rule in (cells, asserts, links, drawings, alt, quiz, names, time)}


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("name", NAMES)
def test_the_notebook_keeps_the_rule(name, rule):
    faults = list(RULES[rule](nbformat.read(TUTORIALS / "solutions" / f"{name}.ipynb", as_version=4)))
    if rule in BROKEN.get(name, ()):
        assert faults, f"{name} keeps {rule!r} now: take it out of BROKEN"
    else:
        assert not faults, f"{RULES[rule].__doc__} {name}: " + "; ".join(faults)


def cell_of(source: str, **metadata):
    return nbformat.v4.new_code_cell(source, metadata=metadata)


@pytest.mark.parametrize(
    ("rule", "cell"),
    [
        ("cells", cell_of("x = 1\n" * 21)),
        ("cells", cell_of("x = " + "1" * 85)),
        ("asserts", cell_of("x = 1\nassert x")),
        ("names", cell_of("from hetero_xmodal.viz.canvas import Drawing")),
        ("names", cell_of("from hetero_xmodal.message_passing import Inbox")),
        ("names", cell_of("model._hidden")),
        ("links", nbformat.v4.new_markdown_cell("[A paper](https://doi.org/10.1/2)")),
        ("drawings", nbformat.v4.new_markdown_cell("![](../images/swap_true.svg)")),
        ("quiz", nbformat.v4.new_markdown_cell("## Quiz\n\n1. Why?")),
        ("time", nbformat.v4.new_markdown_cell("# 01, in under a minute")),
        ("links", nbformat.v4.new_markdown_cell("# A1, [a paper, 2017](https://doi.org/10.1/2)")),
        ("quiz", nbformat.v4.new_markdown_cell("# A1\n\n## Quiz\n\n1. Why?")),
    ],
)
def test_each_rule_finds_its_fault(rule, cell):
    assert list(RULES[rule](nbformat.v4.new_notebook(cells=[cell])))


def test_a_figure_without_a_description_is_found():
    cell = cell_of("draw()")
    cell.outputs = [nbformat.v4.new_output("display_data", data={"image/png": "aGk="})]
    assert list(alt(nbformat.v4.new_notebook(cells=[cell])))
