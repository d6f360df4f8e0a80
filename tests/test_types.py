"""mypy finds no error in the rooms that pyproject.toml names, and the package tells type checkers that it is typed."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MYPY = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["mypy"]


def mypy(*arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "mypy", *arguments], cwd=cwd, capture_output=True, text=True, timeout=600)


@pytest.mark.slow
def test_the_rooms_named_in_pyproject_have_no_type_errors(tmp_path):
    done = mypy("--cache-dir", str(tmp_path))
    assert done.returncode == 0, f"run 'make lint' to see this again:\n{done.stdout}{done.stderr}"


def test_every_named_room_exists_and_an_error_would_be_seen(tmp_path):
    assert MYPY["files"] and all((ROOT / name).exists() for name in MYPY["files"])
    (tmp_path / "wrong.py").write_text("def half(x: int) -> int:\n    return x / 2\n", encoding="utf-8")
    done = mypy("--config-file", str(ROOT / "pyproject.toml"), "--cache-dir", str(tmp_path / "cache"), "wrong.py", cwd=tmp_path)
    assert done.returncode == 1 and "Incompatible return value type" in done.stdout


def test_the_package_is_marked_as_typed():
    assert (ROOT / "hetero_xmodal" / "py.typed").is_file()
