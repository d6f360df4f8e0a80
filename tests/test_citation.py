"""CITATION.cff is valid YAML with what CFF 1.2.0 asks for, and says of this package what the package says of itself."""

from __future__ import annotations

import importlib
import tomllib
from pathlib import Path

import yaml

import hetero_xmodal

ROOT = Path(hetero_xmodal.__file__).parent.parent
#: keys of CFF 1.2.0 that may stand at the top; an unknown key makes the file invalid
KEYS = {
    "abstract", "authors", "cff-version", "commit", "contact", "date-released", "doi", "identifiers", "keywords", "license",
    "license-url", "message", "preferred-citation", "references", "repository", "repository-artifact", "repository-code", "title", "type",
    "url", "version",
}  # fmt: skip


def citation() -> dict:
    return yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))


def test_the_citation_file_is_one_of_cff():
    found = citation()
    assert {"cff-version", "message", "title", "authors"} <= set(found) <= KEYS  # what must and what may be there
    assert found["cff-version"] == "1.2.0" and isinstance(found["version"], str) and found["type"] == "software"
    assert found["authors"] == [{"name": "The hetero_xmodal developers"}]
    for reference in found["references"]:
        assert {"type", "title", "authors"} <= set(reference) <= {"type", "title", "authors", "notes"} and reference["authors"]


def test_the_citation_says_what_the_package_says():
    found, project = citation(), tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert found["version"] == hetero_xmodal.__version__ == project["version"]
    assert found["license"] == project["license"]["text"] == "Apache-2.0"
    assert found["title"] == hetero_xmodal.__name__


def test_papers_are_named_as_the_recipes_name_them():
    references = {reference["notes"].split(";")[0]: reference for reference in citation()["references"]}
    files = {name: f"hetero_xmodal/recipes/{name}.py" for name in ("dagnn", "algr", "cam", "mimnet")}
    assert set(references) == set(files.values())
    for name, file in files.items():
        first = importlib.import_module(f"hetero_xmodal.recipes.{name}").__doc__.split("\n")[0].split(":")[0].split(",", 1)
        described = first[1].strip(" .").removeprefix("the ").lower()
        assert described in references[file]["title"].lower()
        assert references[file]["authors"] == [{"name": f"The authors of {first[0]}"}]
