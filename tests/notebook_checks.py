"""The checks of the tutorials' exercises, taken from their sources and run without the notebook around them."""

from __future__ import annotations

import math
from pathlib import Path

import jupytext
import numpy as np
import pytest
import torch

import hetero_xmodal as hx

TUTORIALS = Path(__file__).parents[1] / "tutorials"


def checks_of(name: str, *begins: str, **given) -> dict:
    """The checks of a notebook, as functions that see the names in *given*; they are not called.

    Cells that begin with one of *begins* run before them, and with them those that define what others use.
    """
    found = {"hx": hx, "math": math, "np": np, "torch": torch, "nn": torch.nn, **given}
    for cell in jupytext.read(TUTORIALS / "source" / f"{name}.py", fmt="py:percent").cells:
        tags = cell.metadata.get("tags", [])
        if "check" in tags:
            exec(cell.source[: cell.source.rindex("check_ex")], found)
        elif begins and (cell.source.startswith(begins) or "define" in tags):
            exec(cell.source, found)
    return found


def meets(names: dict, number: int, answer: object, reason: str) -> None:
    """Check *number* refuses *answer* and says *reason* in its first line."""
    with pytest.raises(AssertionError) as refused:
        names[f"check_ex{number}"](answer)
    assert reason in str(refused.value).splitlines()[0]
