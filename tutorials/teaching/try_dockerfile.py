"""Runs the steps of the Dockerfile in a fresh virtual environment, where no Docker daemon is at hand.

    python tutorials/teaching/try_dockerfile.py                                  # with the CPU builds of torch, as the image
    python tutorials/teaching/try_dockerfile.py --torch-index "" --torch-build ""     # with the builds of PyPI

What is copied into the image is copied into an empty folder, and each RUN line is run there by ``sh``, with the Python of a new virtual
environment. Lines that need the root of an image (apt-get, useradd) are printed and left out. Then the demo runs. This shows that the files
suffice and the packages install; it does not show that the base image has the libraries of the system.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
NEEDS_ROOT = ("apt-get", "useradd")


def main(arguments: list[str] | None = None) -> int:
    """Run the steps; returns 0, or the exit code of the first that fails."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--torch-index", default=None)
    parser.add_argument("--torch-build", default=None)
    chosen = parser.parse_args(arguments)
    steps = instructions((ROOT / "Dockerfile").read_text(encoding="utf-8"))
    values = dict(rest.split("=", 1) for word, rest in steps if word == "ARG")
    given = {"TORCH_INDEX": chosen.torch_index, "TORCH_BUILD": chosen.torch_build}
    values |= {name: value for name, value in given.items() if value is not None}
    with tempfile.TemporaryDirectory() as temporary:
        work, home = Path(temporary) / "image", Path(temporary) / "venv"
        work.mkdir()
        subprocess.run([sys.executable, "-m", "venv", home], check=True)
        environment = os.environ | values | {"PATH": f"{home / 'bin'}:{os.environ['PATH']}"}
        environment.pop("PYTHONPATH", None)
        for word, rest in [*steps, ("RUN", "hetero-xmodal demo --pairs 6")]:
            if word == "COPY":
                copy(rest, work)
            elif word == "RUN" and rest.startswith(NEEDS_ROOT):
                print(f"left out: {rest}", flush=True)
            elif word == "RUN":
                print(f"running: {rest}", flush=True)
                done = subprocess.run(["sh", "-ec", rest], cwd=work, env=environment)
                if done.returncode:
                    return done.returncode
    return 0


def instructions(text: str) -> list[tuple[str, str]]:
    """Instruction and what follows it, continued lines joined and comments left out.

    >>> instructions("FROM a\\n# note\\nRUN one \\\\\\n && two\\n")
    [('FROM', 'a'), ('RUN', 'one && two')]
    """
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    joined = re.sub(r"\s*\\\n\s*", " ", "\n".join(lines))
    return [(line.split(None, 1)[0], line.split(None, 1)[1]) for line in joined.splitlines()]


def copy(rest: str, work: Path) -> None:
    """One COPY into *work*; its absolute places are below it."""
    *patterns, target = [word for word in rest.split() if not word.startswith("--")]
    for path in [path for pattern in patterns for path in sorted(ROOT.glob(pattern))]:
        place = work / target / path.name if target.endswith("/") else work / target
        place.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            shutil.copytree(path, place, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(path, place)


if __name__ == "__main__":
    sys.exit(main())
