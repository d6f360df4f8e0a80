"""The commands that the results and the tutorials quote exist, with every option and setting that they name."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import nbformat
import pytest
import typer

from hetero_xmodal.cli.main import app
from hetero_xmodal.recipes import ALGRConfig, CAMConfig, DAGNNConfig, MIMNetConfig
from hetero_xmodal.recipes.configs.trail import TrailConfig
from hetero_xmodal.training.cam_settings import CAMTraining
from hetero_xmodal.training.mimnet_settings import MIMNetTraining

ROOT = Path(__file__).parents[1]
SETTINGS = {
    name: {field.name for config in configs for field in fields(config)}
    for name, configs in {
        "dagnn": [DAGNNConfig],
        "algr": [ALGRConfig],
        "cam": [CAMConfig, CAMTraining],
        "mimnet": [MIMNetConfig, MIMNetTraining],
        "trail": [TrailConfig],
    }.items()
}


def quoted(text: str) -> list[str]:
    """Inline code of a Markdown text, each on one line."""
    return [" ".join(code.split()) for code in re.findall(r"`([^`]+)`", re.sub(r"^```.*?^```", "", text, flags=re.M | re.S))]


def documents() -> dict[str, str]:
    texts = {path: (ROOT / path).read_text(encoding="utf-8") for path in ("benchmarks/RESULTS.md", "datasets/world/README.md")}
    for path in sorted((ROOT / "tutorials").glob("*.ipynb")):
        texts[path.name] = "\n\n".join(c.source for c in nbformat.read(path, as_version=4).cells if c.cell_type == "markdown")
    return texts


CODE = [(name, code) for name, text in documents().items() for code in quoted(text)]
COMMANDS = sorted({code for _, code in CODE if code.startswith("hetero-xmodal ")})
SCRIPTS = sorted({code for _, code in CODE if re.match(r"(python benchmarks/)?\w+\.py\b", code)})


def options(words: list[str]) -> list[str]:
    return [word.split("=")[0] for word in words if word.startswith("--")]


def test_there_are_commands_of_both_kinds():
    assert len(COMMANDS) >= 12 and len(SCRIPTS) >= 20


@pytest.mark.parametrize("line", COMMANDS)
def test_a_command_of_the_package_has_the_options_and_settings_that_are_quoted(line):
    words = line.split()[1:]
    command, rest = typer.main.get_command(app), list(words)
    while hasattr(command, "commands"):
        assert rest and rest[0] in command.commands, f"there is no command {line!r}"
        command = command.commands[rest.pop(0)]
    known = {option for parameter in command.params for option in parameter.opts}
    assert set(options(rest)) <= known, f"{line!r}: no option {set(options(rest)) - known}"
    for setting in re.findall(r"--set (\w+)=", line):
        assert setting in SETTINGS[words[1]], f"{line!r}: {words[1]} has no setting {setting!r}"


@pytest.mark.parametrize("line", SCRIPTS)
def test_a_benchmark_exists_and_has_the_options_that_are_quoted(line):
    words = line.removeprefix("python ").removeprefix("benchmarks/").split()
    script = (ROOT / "benchmarks" / words[0]).read_text(encoding="utf-8")
    for option in options(words):
        assert f'"{option}"' in script, f"{line!r}: {words[0]} has no option {option}"


def test_settings_that_are_quoted_alone_exist():
    for name, code in CODE:
        if code.startswith("--"):
            for setting in re.findall(r"--set (\w+)=", code):
                assert any(setting in known for known in SETTINGS.values()), f"{name}: no recipe has the setting {setting!r}"
