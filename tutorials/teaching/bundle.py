"""Makes a folder from which the course installs without the internet: ``make bundle``, or ``python tutorials/teaching/bundle.py``.

    python tutorials/teaching/bundle.py --out build/bundle
    python tutorials/teaching/bundle.py --torch-index https://download.pytorch.org/whl/cpu     # CPU builds of torch: about 3 GB less
    python tutorials/teaching/bundle.py --solutions                                            # with the worked solutions

The folder holds the wheels of all packages that ``constraints.txt`` pins for the course, the students' notebooks, ``install.sh``, and the
SHA-256 of every file. It serves machines of the kind it was made on: the same operating system and processor, with Python 3.11. The data
of the notebooks need no files: the package draws them itself.
"""

from __future__ import annotations

import argparse
import importlib.util
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from hetero_xmodal.errors import InputError
from hetero_xmodal.files import FolderKind, atomic_folder

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
#: what the course needs beyond the package itself, see pyproject.toml
EXTRAS = "course,explore,mini,pretrained"
KIND = FolderKind("course bundle")


def main(arguments: list[str] | None = None) -> int:
    """Make the bundle; returns 0, 2 with one sentence on stderr, or what pip returned."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "bundle", help="folder of the bundle; an earlier bundle is replaced")
    parser.add_argument("--torch-index", help="an index with CPU builds of torch and torchvision, asked besides your own")
    parser.add_argument("--solutions", action="store_true", help="put the worked solutions in as well")
    chosen = parser.parse_args(arguments)
    try:
        with atomic_folder(chosen.out, KIND) as folder:
            write_bundle(folder, torch_index=chosen.torch_index, solutions=chosen.solutions)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except subprocess.CalledProcessError as error:
        print("error: pip could not gather the wheels, see its lines above; no bundle was written", file=sys.stderr)
        return int(error.returncode)
    size = sum(path.stat().st_size for path in chosen.out.rglob("*") if path.is_file()) / 1e9
    print(f"{chosen.out}: {len(list((chosen.out / 'wheels').iterdir()))} wheels, {size:.1f} GB; copy it, then run its install.sh")
    return 0


def write_bundle(folder: Path, *, torch_index: str | None = None, solutions: bool = False) -> None:
    """Wheels, notebooks, and the install script with what it reads, in an empty *folder*."""
    gather_wheels(folder / "wheels", torch_index)
    copy_notebooks(folder / "tutorials", solutions)
    for path in (ROOT / "constraints.txt", ROOT / "LICENSE", HERE / "install.sh"):
        shutil.copy(path, folder)
    texts = {"requirements.txt": f"hetero-xmodal[{EXTRAS}]", "detectron2.txt": detectron()}
    texts["made_on.txt"] = f"{platform.system()} {platform.machine()}"
    for name, text in texts.items():
        (folder / name).write_text(text + "\n", encoding="utf-8")


def gather_wheels(wheels: Path, torch_index: str | None) -> None:
    """The wheel of this package and of all it needs, in the versions of ``constraints.txt``; what has no wheel is built."""
    more = ["--extra-index-url", torch_index] if torch_index else []
    with tempfile.TemporaryDirectory() as copy:  # the working tree stays as it is
        shutil.copytree(ROOT / "hetero_xmodal", Path(copy) / "hetero_xmodal", ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("pyproject.toml", "README.md", "LICENSE"):
            shutil.copy(ROOT / name, copy)
        constraint = ["--constraint", str(cpu_constraints(Path(copy)) if torch_index else ROOT / "constraints.txt")]
        pip("wheel", "--wheel-dir", wheels, *constraint, *more, f"{copy}[{EXTRAS}]")
    pip("download", "--dest", wheels, "--no-deps", "--only-binary=:all:", "--python-version", "3.10", detectron())


def cpu_constraints(folder: Path) -> Path:
    """The pins, with torch and torchvision as CPU builds: otherwise pip may prefer the builds for CUDA of the same version."""
    pins = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    path = folder / "cpu.txt"
    path.write_text(re.sub(r"^(torch|torchvision)==(.+)$", r"\1==\2+cpu", pins, flags=re.MULTILINE), encoding="utf-8")
    return path


def detectron() -> str:
    """The requirement of detectron2's wheel, as the Makefile states it; it is tagged for Python 3.10 and runs on 3.11."""
    found = re.search(r"sal-detectron2==[\w.]+", (ROOT / "Makefile").read_text(encoding="utf-8"))
    assert found, "the Makefile names no sal-detectron2"
    return found[0]


def copy_notebooks(target: Path, solutions: bool) -> None:
    """The students' notebooks, built anew so that nobody's answers are in them, with their images; nothing that is for teachers."""
    target.mkdir()
    home = ROOT / "tutorials"
    spec = importlib.util.spec_from_file_location("build_tutorials", home / "build.py")
    assert spec and spec.loader
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    for source in sorted((home / "source").glob("*.py")):
        script.write(target / f"{source.stem}.ipynb", script.notebooks_of(source)[0])
    shutil.copy(home / "README.md", target)
    guide = target / "README.md"  # what it says of the repository's own folders would lead nowhere here
    guide.write_text(guide.read_text(encoding="utf-8").partition("## Teach with them")[0], encoding="utf-8")
    for name in ("images", "data", *(["solutions"] if solutions else [])):
        if (home / name).is_dir():
            shutil.copytree(home / name, target / name, ignore=shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints"))


def pip(*words: object) -> None:
    """Run pip of this environment; ``CalledProcessError`` if it fails."""
    subprocess.run([sys.executable, "-m", "pip", *map(str, words)], check=True)


if __name__ == "__main__":
    sys.exit(main())
