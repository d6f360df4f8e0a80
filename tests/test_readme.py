"""The README holds: its Python runs and prints what it shows, its commands and options exist, and the files it names are there."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from hetero_xmodal.cli.demo import EXAMPLES, run_demo
from hetero_xmodal.cli.main import app, run

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
FENCED = re.findall(r"^```(\w*)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
COMMANDS = [
    line for language, block in FENCED if not language for line in block.splitlines() if line.startswith(("hetero-xmodal ", "make "))
]  # fmt: skip
LINES = [shlex.split(line, comments=True)[1:] for line in COMMANDS if line.startswith("hetero-xmodal ")]
#: a name such as FOLDER, in place of what the reader has
PLACEHOLDER = re.compile(r"[A-Z_]{4,}$")


def parsed(words: list[str]) -> dict[str, object]:
    """The parameters that typer's parser reads, without running anything; an unknown option or a missing argument is an error here."""
    command, left = typer.main.get_command(app), list(words)
    while hasattr(command, "commands"):  # a group of commands
        assert left and left[0] in command.commands, f"there is no command {' '.join(words)!r}"
        command = command.commands[left.pop(0)]
    with command.make_context(command.name, left) as context:
        return dict(context.params)


@pytest.fixture(scope="module")
def demo(tmp_path_factory) -> Path:
    """A folder in which `make demo` was run, in small."""
    folder = tmp_path_factory.mktemp("readme")
    run_demo(folder / "demo", pairs=6)
    return folder


def test_python_runs_as_printed_and_prints_what_is_shown(tmp_path):
    code = "".join(block for language, block in FENCED if language == "python")
    (shown,) = [block for language, block in FENCED if language == "text"]
    assert "hx.load_dataset" in code and "Recipe([" in code
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(shown) and "my first recipe" in done.stdout[len(shown) :]
    assert (tmp_path / "graph.png").stat().st_size > 10_000


def test_there_are_commands_of_every_kind():
    assert {"graph", "corpus", "analyze", "retrieve", "manipulate", "train", "evaluate", "index", "table"} <= {words[0] for words in LINES}


@pytest.mark.parametrize("words", LINES, ids=" ".join)
def test_the_command_and_its_options_exist(words):
    assert parsed(words)


def test_a_wrong_option_would_be_noticed():
    with pytest.raises(Exception, match="No such option.*--outfolder"):
        parsed(["graph", "demo/scene.png", "a dog", "--outfolder", "out"])
    with pytest.raises(AssertionError, match="no command"):
        parsed(["grph", "demo/scene.png"])


def test_make_targets_exist():
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    named = {line.split()[1] for line in COMMANDS if line.startswith("make ")} | set(re.findall(r"`make (\w+)", README))
    assert {"demo", "test"} <= named <= set(targets)


def test_files_that_commands_read_are_there_after_the_demo_or_made_by_a_line_before(demo):
    made: set[str] = set()
    for words in LINES:
        for key, value in parsed(words).items():
            text = str(value or "")
            if key == "out":
                made.add(text)
            elif "/" in text and not PLACEHOLDER.search(text) and not text.startswith("world/"):
                assert (demo / text).exists() or text in made, f"{' '.join(words)}: {text} does not exist"
    for name in EXAMPLES:
        assert (demo / "demo" / name).is_file() and f"demo/{name}" in README


@pytest.mark.parametrize("command", ["graph", "analyze"])
def test_a_line_runs_as_typed_where_the_demo_was_made(demo, monkeypatch, capsys, command):
    monkeypatch.chdir(demo)
    words = next(words for words in LINES if words[0] == command)
    assert run(words) == 0 and capsys.readouterr().err == ""
    assert any((demo / words[words.index("--out") + 1]).iterdir())


def test_links_and_images_exist():
    for target in re.findall(r"\]\(([^)#]+)", README):
        assert (ROOT / target).exists(), f"the README links to {target}, which does not exist"


def test_a_newcomer_reads_it_in_a_few_minutes():
    assert len(README.splitlines()) <= 150
    assert (ROOT / "tutorials/images/first_graph.png").stat().st_size <= 200_000
