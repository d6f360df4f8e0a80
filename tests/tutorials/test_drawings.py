"""The concept drawings of the tutorials are what their script draws."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

IMAGES = Path(__file__).parents[2] / "tutorials" / "images"


def words(path: Path) -> list[str]:
    return re.findall(r"<text[^>]*>([^<]*)<", path.read_text(encoding="utf-8"))


def test_the_drawings_are_those_of_the_script(tmp_path):
    spec = importlib.util.spec_from_file_location("draw_tutorials", IMAGES / "draw.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    script.main(tmp_path)
    names = sorted(path.name for path in IMAGES.glob("*.svg"))
    assert names == sorted(path.name for path in tmp_path.iterdir())
    for name in names:
        assert words(tmp_path / name) == words(IMAGES / name), f"{name} differs: python tutorials/images/draw.py"
        assert words(IMAGES / name)
