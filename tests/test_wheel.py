"""The built wheel holds everything the package needs and works in an environment of its own, outside the repository and offline."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NO_NETWORK = """
import socket

def refuse(self, address):
    if self.family != socket.AF_UNIX:
        raise OSError(f"this test allows no network, but something connects to {address}")

socket.socket.connect = socket.socket.connect_ex = refuse
"""


def call(*command: object, cwd: Path, **environment: str) -> str:
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "HETERO_XMODAL"))}
    done = subprocess.run([str(word) for word in command], cwd=cwd, env=clean | environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, f"{command} failed:\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """Built from a copy, so that the working tree stays as it is."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    shutil.copytree(ROOT / "hetero_xmodal", source / "hetero_xmodal", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    build = ("wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", out, ".")
    call(sys.executable, "-m", "pip", *build, cwd=source)
    (path,) = out.glob("hetero_xmodal-*.whl")
    return path


def test_the_wheel_holds_every_file_of_the_package(wheel):
    with zipfile.ZipFile(wheel) as archive:
        held = set(archive.namelist())
    files = {path.relative_to(ROOT).as_posix() for path in (ROOT / "hetero_xmodal").rglob("*") if path.is_file() and path.suffix != ".pyc"}
    assert files <= held, f"the wheel lacks {sorted(files - held)}: see package-data in pyproject.toml"
    assert "hetero_xmodal/py.typed" in held and any(name.endswith("/MODEL_CARD.md") for name in held)
    assert any(name.endswith("world_detector.safetensors") for name in held) and any(name.endswith("/LICENSE") for name in held)
    assert not [name for name in held if name.split("/")[0] in ("tests", "benchmarks", "docs", "tutorials")]


@pytest.mark.slow
def test_installed_into_a_new_environment_it_makes_the_demo_offline(wheel, tmp_path):
    environment, work = tmp_path / "environment", tmp_path / "work"
    work.mkdir()
    call(sys.executable, "-m", "venv", "--without-pip", environment, cwd=tmp_path)
    python = environment / "bin" / "python"
    site = Path(call(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=work).strip())
    # the dependencies that are installed here, without the package itself: a path in a .pth file does not carry on to other .pth files
    (site / "dependencies.pth").write_text(f"{sysconfig.get_path('purelib')}\nimport no_network\n", encoding="utf-8")
    (site / "no_network.py").write_text(NO_NETWORK, encoding="utf-8")
    install = ("install", "--quiet", "--no-deps", "--no-index", "--ignore-installed", wheel)
    call(sys.executable, "-m", "pip", "--python", python, *install, cwd=work)

    home = call(python, "-c", "import hetero_xmodal; print(hetero_xmodal.__file__)", cwd=work).strip()
    assert Path(home).is_relative_to(environment), "the installed package is used, not the working tree"
    said = call(environment / "bin" / "hetero-xmodal", "demo", "--pairs", "6", cwd=work, OMP_NUM_THREADS="1", HOME=str(tmp_path))
    assert said.splitlines()[-1] == "Look at the page: demo/index.html"
    for name in ("index.html", "graph.png", "scene.png", "bird.png", "corpus"):
        assert (work / "demo" / name).exists()
