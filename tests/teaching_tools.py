"""Scripts of ``tutorials/teaching`` as modules, for tests."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

TEACHING = Path(__file__).parents[1] / "tutorials" / "teaching"


def load(name: str) -> ModuleType:
    """The script *name*, loaded once."""
    key = f"teaching_{name}"
    if key not in sys.modules:
        spec = importlib.util.spec_from_file_location(key, TEACHING / f"{name}.py")
        assert spec and spec.loader
        sys.modules[key] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[key])
    return sys.modules[key]
