"""When does a graph help? The models of tutorial 03, each trained from several seeds, on five questions about pictures and captions.

    python benchmarks/swap_table.py                    # five seeds
    python benchmarks/swap_table.py --seeds 2 --questions colours counts

Swapped colours, relations and counts: which of two captions with the same words is true? Other picture: to which of two pictures does a
caption belong? All models are those of the notebook: its cells tagged ``define`` are run as they stand. Each row prints the mean accuracy
and half the width of its 95 % interval over the seeds (Student's t), with the numbers of training and test pairs. The settings were
found while looking at scores of these test pairs; the seeds choose initial weights alone.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jupytext
import numpy as np
import pandas as pd
from scipy import stats

NOTEBOOK = Path(__file__).parents[1] / "tutorials" / "source" / "03_when_does_a_graph_help.py"
ROWS = ("mean pool", "without step 1", "all three steps")


def definitions() -> dict[str, Any]:
    """The names that the notebook's imports and cells tagged ``define`` make."""
    cells = [cell for cell in jupytext.read(NOTEBOOK, fmt="py:percent").cells if cell.cell_type == "code"]
    names: dict[str, Any] = {}
    for cell in (cells[0], *(cell for cell in cells if "define" in cell.metadata.get("tags", []))):
        exec(compile(cell.source, str(NOTEBOOK), "exec"), names)
    return names


def questions(n: dict[str, Any]) -> dict[str, tuple[Callable, Callable, Callable, Callable]]:
    """Question -> how its training and test data are loaded, and the steps with and without the first one."""
    colours = (lambda: n["colour_steps"](dependents=False), n["colour_steps"])

    def swaps(kind: str, sizes: tuple[int, int], dials: str = "") -> tuple[Callable, Callable]:
        return (
            lambda: n["load_swaps"](kind, "train", sizes[0], dials=dials),
            lambda vocabulary: n["load_swaps"](kind, "test", sizes[1], vocabulary, dials=dials),
        )

    def pictures(size: int, names_only: bool) -> tuple[Callable, Callable]:
        return (
            lambda: n["load_pictures"]("train", size, names_only),
            lambda vocabulary: n["load_pictures"]("test", 150, names_only, vocabulary),
        )

    return {
        "swapped colours": (*swaps("colour", (300, 200)), *colours),
        "swapped relations": (*swaps("relation", (250, 200)), lambda: n["relation_steps"](False, False), n["relation_steps"]),
        "counts": (*swaps("count", (300, 200), "counts=0.7"), lambda: n["count_steps"](dependents=False), n["count_steps"]),
        "other picture, names only": (*pictures(250, True), *colours),
        "other picture, own captions": (*pictures(120, False), *colours),
    }


def interval(values: list[float]) -> str:
    """Mean, and half the width of its 95 % interval."""
    half = stats.t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / np.sqrt(len(values)) if len(values) > 1 else np.nan
    return f"{np.mean(values):.3f} ± {half:.3f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--questions", nargs="+", help="words of the questions to ask; all by default")
    arguments = parser.parse_args()
    names = definitions()
    table = {}
    for question, (training, test, without, steps) in questions(names).items():
        if arguments.questions and not any(word in question for word in arguments.questions):
            continue
        data = training()
        held_out = test(data[2])
        cells = {"training / test pairs": f"{data[0].batch_size // 2} / {held_out[0].batch_size // 2}"}
        for row, make in zip(ROWS, (names["mean_pool_steps"], without, steps), strict=True):
            cells[row] = interval([names["accuracy"](names["trained"](make, data, seed)[0], held_out) for seed in range(arguments.seeds)])
            print(f"{question}: {row} {cells[row]}", flush=True)
        table[question] = cells
    shown = pd.DataFrame(table).T
    print("\n| | " + " | ".join(shown.columns) + " |\n" + "|---" * (len(shown.columns) + 1) + "|")
    for question, row in shown.iterrows():
        print(f"| {question} | " + " | ".join(row) + " |")


if __name__ == "__main__":
    main()
