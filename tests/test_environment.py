"""doctor: what is found, what is missing or broken, and the command that mends it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hetero_xmodal import environment
from hetero_xmodal.environment import Report, doctor
from hetero_xmodal.errors import MissingPackageError

ROOT = Path(__file__).parents[1]


@pytest.fixture
def broken(tmp_path, monkeypatch):
    """Put a package of that name and that code in front of the installed ones, for child processes."""

    def put(name: str, code: str):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(code)
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    return put


def row(report: Report, name: str):
    return next(package for package in report.packages if package.name == name)


def test_this_installation_is_whole():
    report = doctor()
    assert report.ok and report.missing == []
    assert row(report, "dgl").found == "1.1.3" and row(report, "detectron2").state == "OK" and row(report, "English model").state == "OK"
    assert "Everything hetero_xmodal requires" in str(report) and re.search(r"^torch +2\.\d+\.\d+", str(report), re.M)


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        ("raise FileNotFoundError('Cannot find graphbolt library')", "FileNotFoundError: Cannot find graphbolt library"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("import os; os.kill(os.getpid(), 11)", "exit code -11 while importing it"),
    ],
)
def test_a_broken_dgl_is_a_row_not_a_crash(broken, code, problem):
    broken("dgl", code)
    problems = environment._probe(["dgl", "fvcore"])
    assert re.search(problem, problems.pop("dgl")) and problems == {}  # what comes after it is looked at all the same


def test_what_is_missing_is_named_with_the_command(monkeypatch):
    monkeypatch.setattr(environment, "_probe", lambda modules: {})
    wanted = [w for w in environment._wanted() if w.name in ("detectron2", "pandas", "pytest")]
    gone = [type(w)(w.name, f"no_such_{w.name}", w.tested, (f"no-such-{w.name}",), w.mend, w.extra) for w in wanted]
    monkeypatch.setattr(environment, "_wanted", lambda: gone)
    report = doctor()
    assert [p.name for p in report.missing] == ["detectron2", "pandas"]  # pytest belongs to an extra: reported, not required
    assert not report.ok and row(report, "pytest").state == "missing"
    command = row(report, "detectron2").mend
    assert "--no-deps --target " in command and command.endswith("--python-version 3.10 --only-binary=:all: sal-detectron2==0.7.2")
    assert report.summary() == f"detectron2 (missing), pandas (missing) are needed; start with: {command}"
    assert command in str(report)


def test_another_version_is_usable_and_says_so(monkeypatch):
    wanted = next(w for w in environment._wanted() if w.name == "pandas")
    monkeypatch.setattr(environment, "_probe", lambda modules: {})
    old = type(wanted)(wanted.name, wanted.module, "1.0.0", wanted.distributions, wanted.mend)
    monkeypatch.setattr(environment, "_wanted", lambda: [old])
    report = doctor()
    assert row(report, "pandas").state == "other version" and report.ok


def test_tested_versions_are_those_of_the_constraints_and_every_requirement_is_looked_at():
    import tomllib

    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pinned = dict(line.split("==") for line in lines if "==" in line and not line.startswith("#"))
    for wanted in environment._wanted():
        if wanted.name in pinned:
            assert wanted.tested == pinned[wanted.name].split()[0], wanted.name
    names = {d for w in environment._wanted() for d in w.distributions}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for extra in ("dev", "pretrained"):
        required = {re.match(r"[\w.-]+", line).group() for line in project["optional-dependencies"][extra]}
        assert required <= names, required - names
    core = {"dgl", "torch", "torchvision", "numpy", "safetensors", "networkx", "spacy", "pandas", "seaborn", "geomloss", "lightning"}
    assert core <= names and core <= {re.match(r"[\w.-]+", line).group() for line in project["dependencies"]}


def test_require_dgl_says_what_to_install(monkeypatch):
    import builtins

    real = builtins.__import__

    def refuse(name, *args, **kwargs):
        if name == "dgl":
            raise OSError("undefined symbol")
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(MissingPackageError, match=r"OSError: undefined symbol.*pip install dgl==1\.1\.3 packaging"):
        environment.require_dgl()
