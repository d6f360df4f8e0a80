"""Writes ``docs/presets.md`` from the tables in ``hetero_xmodal/recipes/presets``: ``python docs/presets.py``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hetero_xmodal.recipes.presets import RECIPES, TITLES, Preset, preset_list

INTRODUCTION = """\
# Presets: which settings a training runs with

Written by `python docs/presets.py`; do not edit this page.

A recipe's settings are chosen by what the data are: how many training images there are, how wide their features are, what the texts are,
whether the images are drawn or photographs, what is annotated. The choice is printed as one line, and stands in the run's `config.json`:

    settings: small photographs, because there are 2,279 training images; see --preset

`--preset NAME` takes another one. `--preset paper` means the settings of the recipe's paper for the data set that `--data` names,
`--preset paper/NAME` forces those for one of its sets. `--set key=value` changes single settings of any preset. The presets are tried from
top to bottom, and the first whose condition holds is taken; a setting that is not listed has its default.

Of the papers' presets every value is marked: what the paper **states**; what it does **not state**, where the value is our reading (often
that of the authors' code or of the model that the paper builds on, as the note says); and what is **not in the paper**, which is switched
off.
"""


def page() -> str:
    """The whole page."""
    parts = [INTRODUCTION]
    for recipe in RECIPES:
        parts.append(f"## {TITLES[recipe]}\n\n" + "\n".join(_overview(recipe)))
        parts += ["\n".join(_preset(preset, recipe)) for preset in preset_list(recipe)]
    return "\n".join(part.rstrip("\n") + "\n" for part in parts)


def _overview(recipe: str) -> Iterator[str]:
    yield "| `--preset` | for | epochs |"
    yield "|---|---|---|"
    for preset in preset_list(recipe):
        by_name = " (by name only)" if preset.name.startswith("paper/") else ""
        yield f"| `{preset.name}` | {preset.when}{by_name} | {preset.epochs} |"


def _preset(preset: Preset, recipe: str) -> Iterator[str]:
    yield f"### {TITLES[recipe]}, `{preset.name}`\n"
    if preset.inputs:
        yield f"The paper's inputs: {preset.inputs}.\n"
    if preset.notes.get(""):
        yield f"Note: {preset.notes['']}.\n"
    rows = list(preset.rows(recipe))
    if not preset.name.startswith("paper/"):
        for part in ("model", "training"):
            values = [f"`{row['setting']}={_value(row['value'])}`" for row in rows if row["part"] == part]
            if values:
                yield f"* {part}: {', '.join(values)}"
        return
    yield "| setting | value | source | note |"
    yield "|---|---|---|---|"
    for row in rows:
        name = row["setting"] if row["part"] == "model" else f"{row['setting']} (training)"
        yield f"| {name} | {_value(row['value'])} | {row['source']} | {row['note']} |"


def _value(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else f"{value:g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    Path(__file__).with_suffix(".md").write_text(page(), encoding="utf-8")
