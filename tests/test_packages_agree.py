"""pyproject.toml, constraints.txt, environment.yml, the Makefile, the doctor and the README name the same packages and versions."""

from __future__ import annotations

import ast
import platform
import re
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, distribution, packages_distributions
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

import hetero_xmodal
from hetero_xmodal.environment import _wanted

PACKAGE = Path(hetero_xmodal.__file__).parent
ROOT = PACKAGE.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = PYPROJECT["project"]
ENVIRONMENT = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
#: comes by a command of its own, because it is no dependency that pip could resolve for Python 3.11
DETECTRON = "sal-detectron2"


def parse(lines) -> dict[str, Requirement]:
    return {canonicalize_name(r.name): r for r in map(Requirement, lines)}


REQUIRED = parse(PROJECT["dependencies"])
EXTRAS = {name: parse(lines) for name, lines in PROJECT["optional-dependencies"].items()}
DECLARED = [*REQUIRED.values(), *(r for extra in EXTRAS.values() for r in extra.values())]


def pins() -> dict[str, Version]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").split("\n")
    found = {}
    for line in filter(None, (line.split("#")[0].strip() for line in lines)):
        name, separator, version = line.partition("==")
        assert separator and re.fullmatch(r"[A-Za-z0-9._-]+", name), f"constraints.txt: {line!r} is no pin of the form name==version"
        name = canonicalize_name(name)
        assert name not in found, f"constraints.txt pins {name} twice"
        found[name] = Version(version)
    return found


PINS = pins()


def fits(requirement: Requirement) -> bool:
    return requirement.specifier.contains(PINS[canonicalize_name(requirement.name)], prereleases=True)


@pytest.mark.parametrize("requirement", DECLARED, ids=str)
def test_every_declared_package_is_pinned_to_a_version_that_it_allows(requirement):
    name = canonicalize_name(requirement.name)
    assert name in PINS, f"constraints.txt does not pin {name}"
    assert fits(requirement), f"constraints.txt pins {name} to {PINS[name]}, pyproject.toml wants {requirement.specifier}"


def test_the_build_and_the_running_package_can_have_one_setuptools():
    for requirement in parse(PYPROJECT["build-system"]["requires"]).values():
        assert fits(requirement)


def closure() -> tuple[set[str], set[str]]:
    """Names of all packages that the declared ones bring along here, and those among them that are not installed."""
    seen, missing, done = set(), set(), set()
    waiting = list(DECLARED)
    while waiting:
        requirement = waiting.pop()
        key = canonicalize_name(requirement.name), frozenset(requirement.extras)
        if key in done:
            continue
        done.add(key)
        try:
            needs = distribution(requirement.name).requires or []
        except PackageNotFoundError:
            missing.add(key[0])
            continue
        seen.add(key[0])
        for need in map(Requirement, needs):
            if need.marker is None or any(need.marker.evaluate({"extra": extra}) for extra in ("", *requirement.extras)):
                waiting.append(need)
    return seen, missing


def test_constraints_pin_all_that_is_installed_and_nothing_else():
    seen, missing = closure()
    assert seen <= set(PINS), f"not pinned: {sorted(seen - set(PINS))}"
    if not missing and sys.platform == "linux" and platform.machine() == "x86_64":  # elsewhere torch brings other packages along
        assert set(PINS) <= seen, f"pinned, but nothing needs it: {sorted(set(PINS) - seen)}"


def imported() -> dict[str, Path]:
    """Top-level modules that the package imports from elsewhere, inside functions too -> one file that does."""
    found = {}
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module]
            found |= {name.split(".")[0]: path for name in names}
    return {m: path for m, path in found.items() if m not in sys.stdlib_module_names and m != PACKAGE.name}


def test_what_the_package_imports_is_declared():
    carriers, declared = packages_distributions(), {canonicalize_name(r.name) for r in DECLARED} | {DETECTRON, "detectron2"}
    modules = imported()
    assert {"torch", "dgl", "scipy", "detectron2", "yaml"} <= set(modules)  # the walk sees what it should
    for module, path in modules.items():
        if module in carriers:  # an optional package may be absent
            assert {canonicalize_name(name) for name in carriers[module]} & declared, f"{path.name} imports {module}, which is not declared"


def test_the_conda_route_has_the_same_python_and_asks_pip_for_the_rest():
    plain = [entry for entry in ENVIRONMENT["dependencies"] if isinstance(entry, str)]
    (pip,) = [entry["pip"] for entry in ENVIRONMENT["dependencies"] if isinstance(entry, dict)]
    versions = dict(entry.split("=", 1) if "=" in entry else (entry, "") for entry in plain)
    python = versions.pop("python")
    assert SpecifierSet(PROJECT["requires-python"]).contains(f"{python}.0")
    assert PYPROJECT["tool"]["ruff"]["target-version"] == "py" + python.replace(".", "")
    assert versions.pop("pip") == ""  # without it conda warns, and pip's section is not sure to be run
    for name, version in versions.items():  # whatever else conda is asked for must be what pip would take
        name = canonicalize_name(name)
        assert name in PINS and (not version or Version(version.lstrip("=")) == PINS[name]), f"environment.yml: {name}"
    options = dict(line.split(maxsplit=1) for line in pip)
    assert set(options) == {"--constraint", "--editable"} and options["--constraint"] == "constraints.txt"
    extras = re.fullmatch(r"\.\[(.+)\]", options["--editable"])[1].split(",")
    assert extras == re.search(r"^EXTRAS := (.+)$", MAKEFILE, re.MULTILINE)[1].split(",") and set(extras) <= set(EXTRAS)


def test_the_makefile_uses_the_constraints_and_the_same_python():
    installs = [line for line in MAKEFILE.splitlines() if "--editable" in line]
    assert len(installs) == 2 and all("--constraint constraints.txt --editable '.[$(EXTRAS)]'" in line for line in installs)
    versions = {tuple(map(int, pair)) for pair in re.findall(r"version_info\[:2\] != \((\d+), (\d+)\)", MAKEFILE)}
    assert len(versions) == 1 and SpecifierSet(PROJECT["requires-python"]).contains(".".join(map(str, versions.pop())) + ".0")


def test_detectron2_is_the_same_version_wherever_it_is_named():
    wanted = {row.name: row for row in _wanted()}["detectron2"]
    for text in (MAKEFILE, (ROOT / "environment.yml").read_text(encoding="utf-8"), wanted.mend):
        assert set(re.findall(rf"{DETECTRON}==([\w.]+)", text)) == {wanted.tested}
    needs = map(Requirement, distribution(DETECTRON).requires or []) if _installed(DETECTRON) else ()
    for need in needs:  # it is installed without its dependencies, so that they are declared here
        if need.marker is None and need.name != "black":  # of black, its own style checker, nothing is ever imported
            assert canonicalize_name(need.name) in REQUIRED, f"detectron2 needs {need.name}, which pyproject.toml does not name"


def _installed(name: str) -> bool:
    try:
        return bool(distribution(name))
    except PackageNotFoundError:
        return False


def test_the_doctor_knows_the_pinned_versions():
    for row in _wanted():
        if row.name == "detectron2":
            continue
        names = {canonicalize_name(name) for name in row.distributions} & set(PINS)
        assert names, f"the doctor looks for {row.name}, which is not pinned"
        assert {PINS[name] for name in names} == {Version(row.tested)}, f"the doctor was tested with {row.name} {row.tested}"
        declared = EXTRAS[row.extra] if row.extra else REQUIRED
        assert names & set(declared), f"the doctor says {row.name} belongs to {row.extra or 'the package itself'}"


def test_the_readmes_table_of_versions():
    readme = (ROOT / "README.md").read_text(encoding="utf-8").split("## Versions that work together", 1)[1]
    table = {cells[0]: cells[1] for line in readme.splitlines() if len(cells := [c.strip() for c in line.strip("|").split("|")]) == 3}
    assert SpecifierSet(PROJECT["requires-python"]).contains(table["Python"] + ".0")
    said = {"dgl": table["dgl"].split()[0], **dict(zip(("torch", "torchvision"), table["torch, torchvision"].split(", "), strict=True))}
    said["spacy"] = table["spaCy"]
    for name, version in said.items():
        assert PINS[name].release[: len(Version(version).release)] == Version(version).release, f"README: {name} {version}"
    assert table["detectron2"].startswith({row.name: row for row in _wanted()}["detectron2"].tested)
