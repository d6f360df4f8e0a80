"""The command line as a whole: one tree of short commands, quick to refuse, completed by the shell."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import hetero_xmodal as hx

ROOT = Path(hx.__file__).parent
HEAVY = ("torch", "dgl", "spacy", "detectron2", "lightning", "pandas", "matplotlib", "scipy", "sklearn")


def loaded_after(*commands: list[str], code: int = 2) -> set[str]:
    """What of HEAVY is loaded after the *commands*, each of which must leave with exit code *code*, in a fresh Python."""
    probe = (
        "import sys\nfrom hetero_xmodal.cli.main import run\n"
        f"for words in {list(commands)!r}:\n    found = run(words)\n    assert found == {code}, (words, found)\n"
        f"print('loaded', *[name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.splitlines()[-1].split()[1:])


def test_wrong_paths_are_refused_before_anything_heavy_is_imported(tmp_path):
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "thesis.txt").write_text("precious")
    used, nowhere = str(tmp_path / "used"), str(tmp_path / "nowhere")
    image = str(ROOT / "assets" / "no.png")
    assert (
        loaded_after(
            ["evaluate", "dagnn", "--data", "world/scenes", "--model", nowhere],
            ["evaluate", "algr", "--data", "world/scenes", "--model", nowhere],
            ["evaluate", "cam", "--data", "world/birds", "--model", nowhere],
            ["evaluate", "mimnet", "--data", "world/birds", "--model", nowhere],
            ["evaluate", "cam", "--data", "world/birds", "--model", str(ROOT / "assets" / "dagnn_world")],
            ["train", "dagnn", "--data", "world/scenes", "--out", used],
            ["train", "detector", "--out", used],
            ["train", "dagnn", "--data", f"coco:{nowhere}", "--out", nowhere],
            ["train", "dagnn", "--data", f"scan:{used}", "--out", nowhere],
            ["evaluate", "algr", "--data", f"karpathy:{nowhere},{used}"],
            ["table", "mimnet", "--data", f"wikipedia:{used}"],
            ["index", "--data", f"folder:{nowhere}", "--out", str(tmp_path / "index")],
            ["retrieve", "a cat", "--data", "wrold/scenes"],
            ["train", "cam", "--data", "world/birds", "--out", nowhere, "--start", nowhere],
            ["train", "algr", "--data", "world/scenes", "--out", nowhere, "--size", "many"],
            ["table", "dagnn", "--data", "world/scenes", "--out", "table.pdf"],
            ["table", "cam", "--data", "world/birds", "--model", nowhere],
            ["compare", nowhere, used],
            ["index", "--model", nowhere, "--data", "world/scenes", "--out", str(tmp_path / "index")],
            ["index", "--data", "world/scenes", "--out", used],
            ["retrieve", "a cat", "--model", nowhere],
            ["retrieve", "a cat", "--index", nowhere],
            ["retrieve", "a cat", "--out", "page.pdf"],
            ["retrieve", "--image", image],
            ["manipulate", image, "red wings", "--out", nowhere],
            ["trace", image, "red wings", "--recipe", "cam"],
            ["graph", image, "a cat", "--out", nowhere],
            ["analyze", nowhere, "--out", used],
            ["verify", nowhere],
            ["verify", used],
        )
        == set()
    )
    assert sorted(p.name for p in tmp_path.iterdir()) == ["used"]


def test_help_of_every_command_loads_nothing_heavy():
    probe = (
        "from typer.main import get_command\nfrom hetero_xmodal.cli.main import app\n"
        "found = []\n"
        "def walk(command, words):\n"
        "    found.append([*words, '--help'])\n"
        "    [walk(child, [*words, name]) for name, child in getattr(command, 'commands', {}).items()]\n"
        "walk(get_command(app), [])\nprint(found)"
    )
    commands = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, timeout=120)
    assert commands.returncode == 0, commands.stderr
    words = eval(commands.stdout)
    assert ["train", "detector", "--help"] in words and ["verify", "--help"] in words and len(words) >= 30
    assert loaded_after(*words, code=0) == set()


def test_no_command_is_complex():
    """Read options, check paths, one call, print: no function of the command line branches more than ten ways."""
    places = [ROOT / "cli", ROOT / "evaluation", ROOT / "retrieval", ROOT / "training" / "api.py", ROOT / "training" / "options.py"]
    command = [sys.executable, "-m", "ruff", "check", "--isolated", "--select", "C901", "--config", "lint.mccabe.max-complexity=10"]
    done = subprocess.run([*command, *map(str, places)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_as_a_module_and_completed_by_the_shell():
    command = [sys.executable, "-m", "hetero_xmodal"]
    done = subprocess.run([*command, "--version"], capture_output=True, text=True)
    assert done.stdout == f"hetero-xmodal {hx.__version__}\n" and done.returncode == 0
    done = subprocess.run([*command, "--show-completion", "bash"], capture_output=True, text=True)
    assert done.returncode == 0 and "_hetero_xmodal_completion" in done.stdout
    asked = {"_HETERO_XMODAL_COMPLETE": "complete_bash", "COMP_WORDS": "hetero-xmodal train m", "COMP_CWORD": "2"}
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | asked)
    assert done.stdout.split() == ["mimnet"], (done.stdout, done.stderr)
