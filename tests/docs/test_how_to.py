"""The worked examples of docs/how-to-*.md run as printed: all Python blocks of a page, one after the other."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
#: pages whose examples another test follows more closely
ELSEWHERE = {"how-to-add-a-data-set.md", "how-to-add-a-node-type.md"}
PAGES = sorted(path for path in DOCS.glob("how-to-*.md") if path.name not in ELSEWHERE)


def blocks(path: Path) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```$", path.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def test_there_are_pages():
    assert {path.stem for path in PAGES} >= {"how-to-add-a-baseline", "how-to-add-a-recipe"}


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_the_example_runs_as_printed(path, tmp_path):
    code = "\n".join(blocks(path))
    assert len(blocks(path)) >= 3 and "assert " in code
    (tmp_path / "example.py").write_text(code, encoding="utf-8")
    done = subprocess.run([sys.executable, "example.py"], cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("path", sorted(DOCS.glob("how-to-*.md")), ids=lambda path: path.stem)
def test_a_page_is_a_checklist(path):
    text = path.read_text(encoding="utf-8")
    assert len(re.findall(r"^(?:- \[ \]|\d+\.|## \d+\.) ", text, re.MULTILINE)) >= 4, "steps to tick off"


@pytest.mark.parametrize("path", sorted(DOCS.glob("*.md")), ids=lambda path: path.stem)
def test_links_and_named_files_exist(path):
    text = path.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
        assert (path.parent / target).exists(), f"{path.name} links to {target}, which does not exist"


def test_the_index_links_every_page():
    index = (DOCS / "index.md").read_text(encoding="utf-8")
    for path in DOCS.glob("*.md"):
        assert path.name == "index.md" or f"({path.name})" in index, f"docs/index.md does not link {path.name}"
