"""The tools of a contributor agree with each other: make lint, pre-commit and mypy; test runs that repeat."""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path

import yaml
from hypothesis import settings

ROOT = Path(__file__).parents[1]
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")


def recipe(target: str) -> list[str]:
    """Commands of a target of the Makefile, without the folder of the tools."""
    block = re.search(rf"^{target}:.*\n((?:\t.*\n)+)", MAKEFILE, re.MULTILINE)
    assert block, f"the Makefile has no target {target}"
    return [line.strip().lstrip("@").replace("$(BIN)/", "") for line in block[1].splitlines()]


def test_pre_commit_runs_what_make_lint_runs_with_tools_of_the_dev_extra():
    (repository,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"]
    assert repository["repo"] == "local"  # the pinned tools, nothing from the network
    entries = {hook["entry"] for hook in repository["hooks"]}
    assert {" ".join(entry.split()[:2]) for entry in entries} == {"ruff check", "ruff format", "mypy"}
    lint = recipe("lint")
    assert [line.split(" $")[0] for line in lint] == ["ruff check", "ruff format --check", "mypy"]
    dev = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]["dev"]
    assert {"ruff", "mypy", "pytest-xdist"} <= {re.match(r"[\w-]+", line)[0] for line in dev}


def test_every_target_is_explained_by_make_help():
    phony = set(re.search(r"^\.PHONY: (.+)$", MAKEFILE, re.MULTILINE)[1].split())
    explained = set(re.findall(r'@echo "make ([\w-]+) ', MAKEFILE))
    assert phony == explained | {"help"}


def test_ci_runs_the_tests_as_a_contributor_does():
    assert "make test\n" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_a_run_repeats_unless_slow_is_asked_for(request):
    assert settings.default.derandomize == (not request.config.getoption("--slow"))
    assert settings.default.deadline is None  # no test measures time
    assert "OMP_NUM_THREADS" in os.environ


def test_no_property_test_goes_its_own_way():
    """A number of examples of its own would keep a test from being widened by --slow."""
    for path in (ROOT / "tests").rglob("*.py"):
        if path.name not in ("conftest.py", Path(__file__).name):
            assert "max_examples" not in path.read_text(encoding="utf-8"), f"{path.name}: leave max_examples to tests/conftest.py"


def test_the_run_times_of_notebooks_are_collected_from_the_reports_of_all_processes():
    from types import SimpleNamespace

    from run_times import RUN_TIME, run_times

    reports = [SimpleNamespace(user_properties=[(RUN_TIME, [name, seconds])]) for name, seconds in (("01_b", 20.4), ("00_a", 5.0))]
    assert run_times([*reports, SimpleNamespace(user_properties=[("other", 1)])]) == [
        "  5 s  00_a, unsolved and solved",
        " 20 s  01_b, unsolved and solved",
        " 25 s  2 notebooks, processor time",
    ]
    assert run_times([]) == []
