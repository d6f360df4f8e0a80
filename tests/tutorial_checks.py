"""The checks of a tutorial's exercises, as functions, for the tests that try wrong and right answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jupytext

SOURCES = Path(__file__).parents[1] / "tutorials" / "source"


def checks_of(name: str) -> dict[str, Any]:
    """What notebook *name* has defined when a student has run it and answered nothing; no ``check_ex...`` is called.

    Cells that fail on purpose are left out.
    """
    import matplotlib.pyplot as plt

    found: dict[str, Any] = {}
    with plt.ioff():
        for cell in jupytext.read(SOURCES / f"{name}.py", fmt="py:percent").cells:
            tags = cell.metadata.get("tags", [])
            if cell.cell_type == "code" and not {"solution", "raises-exception"} & set(tags):
                exec(cell.source[: cell.source.rindex("check_ex")] if "check" in tags else cell.source, found)
    plt.close("all")
    return found
