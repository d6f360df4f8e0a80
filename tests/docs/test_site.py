"""The documentation site: its pages, what is done to docstrings and formulas; CI builds the whole site (``make docs``)."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SITE = ROOT / "docs" / "site"


def load(name: str):
    spec = importlib.util.spec_from_file_location(f"site_{name}", SITE / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def build():
    return load("build")


@pytest.fixture(scope="module")
def source(build, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("site") / "source"
    build.copy_pages(folder)
    (folder / "index.md").write_text(build.front_page(folder), encoding="utf-8")
    build.write_reference(folder / "api")
    return folder


@pytest.mark.parametrize("page", ["concepts.md", "metrics.md"])
def test_examples_print_what_is_shown(page, tmp_path):
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    code = "\n".join(re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL))
    shown = "".join(re.findall(r"^prints\n\n```text\n(.*?)^```$", text, re.MULTILINE | re.DOTALL))
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert shown and done.stdout == shown


def test_every_page_of_the_repository_is_in_the_menu(build, source):
    menu = "".join(path.read_text(encoding="utf-8") for path in (source / "parts").glob("*.md"))
    made = {"docs/quick-start.md", "docs/recipes.md", "docs/course-table.md"}
    for path in sorted(source.rglob("*.md")):
        name = path.relative_to(source)
        if name.parts[0] not in ("parts",) and name.name != "index.md" and str(name) not in made:
            assert f"/{name.with_suffix('')}\n" in menu, f"{name} is in no part of the menu in docs/site/build.py"


def test_every_public_name_has_a_place_in_the_reference(source):
    import hetero_xmodal as hx

    listed = (source / "api" / "hetero_xmodal.rst").read_text(encoding="utf-8")
    for name in hx.__all__:
        if not name.startswith("_"):
            module = type(getattr(hx, name)).__name__ == "module"
            there = (source / "api" / f"hetero_xmodal.{name}.rst").is_file() or not getattr(getattr(hx, name), "__all__", ())
            assert there if module else f"   {name}\n" in listed, name


def test_links_to_files_outside_the_site_become_text(build, source):
    page = source / "docs" / "page.md"
    text = "[a](glossary.md#graphs) [b](../datasets/coco) [`c`](../hetero_xmodal/schema.py) [d](https://x.org)\n```\n[e](no.md)\n```\n"
    assert build.plain_links(text, page.parent, source) == (
        "[a](../docs/glossary.md#graphs) [b](../datasets/coco/README.md) `c` [d](https://x.org)\n```\n[e](no.md)\n```\n"
    )


def test_docstrings_become_restructured_text():
    docstrings = load("docstrings")
    lines = ["Of ``|x|`` and |y|.", "", "a, b : the sizes", "    of both", "c : more", "", "Raises", "------", "InputError : too large"]
    docstrings.mend(None, "class", "", None, None, lines)
    assert lines == [
        "Of ``|x|`` and \\|y\\|.", "", "* **a, b**: the sizes", "  of both", "* **c**: more", "",
        "Raises", "------", "InputError", "    too large",
    ]  # fmt: skip


def test_formulas_are_mathml_without_a_script():
    written = load("mathml")._mathml(r"\frac{1}{\sqrt{d}} \sum_j a_{ij} x_j", "block")
    assert written.startswith('<math xmlns="http://www.w3.org/1998/Math/MathML"') and "<mfrac>" in written and "script" not in written


def test_the_page_of_the_course_has_a_row_for_every_notebook_and_says_how_they_are_counted(build):
    page = build.course_table_page()
    for path in (ROOT / "tutorials").glob("[0-9]*.ipynb"):
        assert f"| {path.stem} |" in page
    assert page.startswith("# The course in numbers\n") and "* words of the text" in page and "UvA" in page
