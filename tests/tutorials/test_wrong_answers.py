"""Each wrong answer to an exercise of notebook 03 is met by the reason why it is wrong."""

from __future__ import annotations

import math
from pathlib import Path

import jupytext
import pytest
import torch

import hetero_xmodal as hx
from hetero_xmodal.data import holds, swap_sets

SOURCE = Path(__file__).parents[2] / "tutorials" / "source" / "03_when_does_a_graph_help.py"


@pytest.fixture(scope="module")
def names():
    found = {"hx": hx, "math": math, "torch": torch, "holds": holds, "relation_results": {"all three steps": 0.98}}
    found["puzzle"] = next(s.item for s in swap_sets("val", size=60, kinds=("pattern",)))
    for cell in jupytext.read(SOURCE, fmt="py:percent").cells:
        if "check" in cell.metadata.get("tags", []):
            exec(cell.source[: cell.source.rindex("check_ex")], found)
    return found


ACCURACIES = [0.95, 0.98, 1.0]
DEVIATION = torch.tensor(ACCURACIES, dtype=torch.float64).std().item()


@pytest.mark.parametrize(
    ("check", "answer", "reason"),
    [
        ("check_ex1", None, "answer_1"),
        ("check_ex1", 50, "between 0 and 1"),
        ("check_ex1", 0, "sees the swap"),
        ("check_ex1", 0.9, "same mean"),
        ("check_ex1", 0.3, "tie counts half"),
        ("check_ex2", None, "answer_2"),
        ("check_ex2", 53.0, "between 0 and 1"),
        ("check_ex2", 0.97, "do the regions still hear"),
        ("check_ex2", 0.5, "do the words hear"),
        ("check_ex3", None, "answer_3"),
        ("check_ex3", ("a cup", "a cup", "a cup"), "two captions"),
        ("check_ex3", ("a striped robot", "a striped robot"), "the same"),
        ("check_ex3", ("a striped robot", "a checked robot"), "other words"),
        ("check_ex3", ("a checked robot and a striped cup", "a striped robot and a checked cup"), "not true of the scene"),
        ("check_ex3", ("a striped robot and a checked cup", "a checked cup and a striped robot"), "true as well"),
        ("check_ex3", ("a green table and a purple cup", "a purple table and a green cup"), "colours"),
        ("check_ex4", None, "answer_4"),
        ("check_ex4", ACCURACIES[:2], "three parts"),
        ("check_ex4", (ACCURACIES[:2], 0.9, 0.1), "three seeds"),
        ("check_ex4", ([0.9, 0.9, 0.9], 0.9, 0.0), "pass the seed on"),
        ("check_ex4", ([0.5, 0.6, 0.5], 0.53, 0.0), "too low"),
        ("check_ex4", (ACCURACIES, 0.9, 0.1), "the mean is"),
        ("check_ex4", (ACCURACIES, sum(ACCURACIES) / 3, DEVIATION), "divide by root 3"),
        ("check_ex4", (ACCURACIES, sum(ACCURACIES) / 3, DEVIATION * math.sqrt(2) / 3), "divide by 2, not 3"),
        ("check_ex4", (ACCURACIES, sum(ACCURACIES) / 3, 0.5), "not the standard error"),
    ],
)
def test_a_wrong_answer_is_met_by_its_reason(names, check, answer, reason):
    with pytest.raises(AssertionError) as refused:
        names[check](answer)
    assert reason in str(refused.value).splitlines()[0]


@pytest.mark.parametrize(
    ("check", "answer"),
    [
        ("check_ex1", 0.5),
        ("check_ex2", 0.53),
        ("check_ex3", ("a striped robot and a checked cup", "a checked robot and a striped cup")),
        ("check_ex3", ("a robot, but no dog", "a dog, but no robot")),
        ("check_ex4", (ACCURACIES, sum(ACCURACIES) / 3, DEVIATION / math.sqrt(3))),
    ],
)
def test_a_right_answer_passes(names, check, answer, capsys):
    names[check](answer)
    assert capsys.readouterr().out.startswith("right")


def test_the_table_of_the_notebook_is_that_of_the_results():
    lines = SOURCE.read_text(encoding="utf-8").splitlines()
    first = next(k for k, line in enumerate(lines) if line.startswith("| question |"))
    table = "\n".join(lines[first : first + 7])
    assert table.count("±") == 15
    assert table in (SOURCE.parents[2] / "benchmarks" / "RESULTS.md").read_text(encoding="utf-8")
