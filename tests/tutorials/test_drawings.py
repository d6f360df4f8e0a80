"""The concept drawings of the tutorials are what their script draws."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

IMAGES = Path(__file__).parents[2] / "tutorials" / "images"


def words(path: Path) -> list[str]:
    return re.findall(r"<text[^>]*>([^<]*)<", path.read_text(encoding="utf-8"))


def test_the_drawings_are_those_of_the_scripts(tmp_path):
    for path in sorted(IMAGES.glob("draw*.py")):
        spec = importlib.util.spec_from_file_location(f"tutorials_{path.stem}", path)
        script = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(script)
        script.main(tmp_path)
    names = sorted(path.name for path in IMAGES.glob("*.svg"))
    assert names == sorted(path.name for path in tmp_path.iterdir())
    for name in names:
        assert words(tmp_path / name) == words(IMAGES / name), f"{name} differs: run the scripts in tutorials/images"
        assert words(IMAGES / name)
