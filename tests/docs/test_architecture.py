"""The drawing of the architecture shows the rooms that there are, in their order, and no arrow that the code does not have."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
AGAIN = "; run: python docs/draw_architecture.py"


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("draw_architecture", DOCS / "draw_architecture.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def words(svg: str) -> list[str]:
    """All texts of the drawing, in the order of drawing."""
    return re.findall(r"<text[^>]*>([^<]*)<", svg)


def test_the_drawing_names_every_room_and_root_file(script):
    shown = words((DOCS / "architecture.svg").read_text(encoding="utf-8"))
    packages, _ = script.rooms()
    assert [word for word in shown if word in packages] == packages, f"the drawing shows other rooms than the package has{AGAIN}"
    files = re.findall(r"\w+", " ".join(shown[shown.index(script.BASE) :]))
    missing = {name for name in script.layers.LAYERS if name not in packages} - set(files)
    assert not missing, f"the drawing does not name {sorted(missing)}{AGAIN}"
    assert set(packages) <= set(script.CONTENTS), "say in CONTENTS of docs/draw_architecture.py what stands in the new room"


def test_the_page_names_every_room(script):
    page = (DOCS / "architecture.md").read_text(encoding="utf-8")
    for name in script.rooms()[0]:
        assert f"`{name}/`" in page, f"docs/architecture.md does not mention {name}/"


def test_arrows_that_follow_from_others_are_left_out(script):
    uses = {"low": set(), "middle": {"low"}, "high": {"low", "middle"}, "top": {"high", "low"}}
    assert script.reduced(uses) == {"low": set(), "middle": {"low"}, "high": {"middle"}, "top": {"high"}}


def test_the_same_code_gives_the_same_file(script, tmp_path):
    one, other = script.draw(tmp_path / "one.svg").read_bytes(), script.draw(tmp_path / "other.svg").read_bytes()
    assert one == other and b"<svg" in one
