"""Every shipped model has a card, and what the card says of files, sizes and figures is what the files and the tables say."""

from __future__ import annotations

import glob
import json
import re
import shutil
import struct
import tomllib
from math import prod
from pathlib import Path

import pytest

import hetero_xmodal
from hetero_xmodal.pretrained import read_pretrained
from hetero_xmodal.recipes import DAGNN

PACKAGE = Path(hetero_xmodal.__file__).parent
ASSETS = PACKAGE / "assets"
ROOT = PACKAGE.parent
HEADINGS = ["What it is", "Intended use", "Out of scope", "Training data", "Training", "Figures", "Limits", "Files", "Licence"]
FOLDERS = sorted(path.parent.name for path in ASSETS.glob("*/config.json"))
SINGLE = sorted(path.stem for path in ASSETS.glob("*.safetensors"))  # weights that are no model folder: their card stands beside them


def card_of(name: str) -> Path:
    return ASSETS / f"{name}.md" if name in SINGLE else ASSETS / name / "MODEL_CARD.md"


def sections(name: str) -> dict[str, str]:
    parts = re.split(r"^## (.+)\n", card_of(name).read_text(encoding="utf-8"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def rows(text: str) -> list[list[str]]:
    """The cells of a Markdown table, without the line under its head."""
    lines = [line for line in text.splitlines() if line.startswith("|") and not set(line) <= set("|-")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def figures_of(row: list[str]) -> list[float]:
    return [float(cell) for cell in row if re.fullmatch(r"\d*\.?\d+", cell)]


def test_all_shipped_models_are_known_here():
    assert FOLDERS == ["algr_world", "cam_birds", "cam_scenes", "dagnn_world", "mimnet_birds", "mimnet_scenes", "trail_world"]
    assert SINGLE == ["world_detector", "world_judge", "world_look"]


@pytest.mark.parametrize("name", [*FOLDERS, *SINGLE])
def test_a_card_has_its_headings_in_order_and_something_under_each(name):
    text, found = card_of(name).read_text(encoding="utf-8"), sections(name)
    assert text.startswith("# ") and list(found) == HEADINGS
    assert all(len(content.split()) >= 5 for content in found.values())
    assert "Photographs" in found["Out of scope"] and "Apache-2.0" in found["Licence"]
    assert max(map(len, text.splitlines())) <= 140


@pytest.mark.parametrize("name", [*FOLDERS, *SINGLE])
def test_a_card_lists_the_files_with_their_sizes(name):
    listed = {file: int(size) for file, size in rows(sections(name)["Files"])[1:]}
    folder = ASSETS / name if name in FOLDERS else ASSETS
    files = [f for f in folder.iterdir() if f.suffix != ".md" and f.name != "manifest.json" and (name in FOLDERS or f.stem == name)]
    assert listed == {file.name: file.stat().st_size for file in files}


@pytest.mark.parametrize("name", [*FOLDERS, *SINGLE])
def test_a_card_says_how_many_numbers_there_are_and_how_precise(name):
    weights = ASSETS / name / "model.safetensors" if name in FOLDERS else ASSETS / f"{name}.safetensors"
    with open(weights, "rb") as file:
        head = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
    head.pop("__metadata__", None)
    said = sections(name)["Files"].split("\n\n")[0]
    assert said.strip().startswith(f"{sum(prod(t['shape']) for t in head.values()):,} numbers")
    precision = {"F16": "half", "F32": "single"}
    assert {precision[t["dtype"]] for t in head.values() if t["dtype"].startswith("F")} == {re.search("half|single", said)[0]}


@pytest.mark.parametrize("name", FOLDERS)
def test_a_card_names_the_recipe_and_the_data_of_its_model(name):
    head = json.loads((ASSETS / name / "config.json").read_text())
    vocab = json.loads((ASSETS / name / "vocab.json").read_text())
    found = sections(name)
    assert f"Recipe `{head['recipe']}`" in " ".join(found["What it is"].split())
    assert f"`{vocab['data']}`" in found["Training data"]
    if "words" in vocab:
        assert f"{len(vocab['words'])} words" in " ".join(found["What it is"].split())
        assert f"other than its {len(vocab['words'])}" in " ".join(found["Out of scope"].split())
    if "tags" in vocab:
        assert f"{len(vocab['tags'])} tags" in found["What it is"] and f"{len(vocab['labels'])} labels" in found["What it is"]
    if "used" in vocab:
        for split, words in (("train", "training"), ("val", "validation")):
            count = sum(f"-{split}-" in item for item in vocab["used"])
            assert re.search(rf"{count:,} {words}", found["Training data"])


@pytest.mark.parametrize("name", ["cam_birds", "cam_scenes", "mimnet_birds", "mimnet_scenes"])
def test_the_figures_of_an_editing_model_are_those_of_the_results(name):
    """The card's rows stand word for word in the table under the card's own command."""
    results = (ROOT / "benchmarks" / "RESULTS.md").read_text(encoding="utf-8")
    figures = sections(name)["Figures"]
    command = re.search(r"`(python benchmarks/[^`]+)`", " ".join(figures.split()))[1]
    tables = results.split(f"`{command}`", 1)[1].split("\n#", 1)[0]  # the rest of the command's own section
    shown = [line for line in figures.splitlines() if line.startswith("|") and not set(line) <= set("|-")]
    assert len(shown) == 4 and all(line in tables.splitlines() for line in shown)


def test_the_detectors_card_says_what_its_description_says():
    about = json.loads((ASSETS / "world_detector.json").read_text())
    found = {name: " ".join(text.split()) for name, text in sections("world_detector").items()}
    training = about["training"]
    assert f"`{training['command']}`" in found["Training"] and f"batches of {training['batch_size']}" in found["Training"]
    assert f"{training['minutes']} minutes ({training['cpu_minutes']} minutes of processor time)" in found["Training"]
    for said in (f"{training['images']:,} images", f"at {training['image_size']} pixels"):
        assert said in found["Training data"]
    assert f"{len(about['config']['classes'])} classes" in found["What it is"]
    head, *table = rows(sections("world_detector")["Figures"])
    assert head[1:] == ["images", "AP", "AP50", "AP75", "found", "colour", "pattern", "size"]
    assert [row[0] for row in table] == ["scenes", "birds"]
    for row in table:
        result = about["results"][row[0]]
        wanted = [result[key] for key in head[1:6]] + [result["attributes"][key] for key in head[6:]]
        assert figures_of(row) == wanted
    birds = about["results"]["birds"]["attributes"]
    assert {value for key, value in birds.items() if key.startswith("colour of") or key == "length of beak"} == {1.0}  # "right every time"


def test_the_judges_card_says_what_its_description_says():
    training = json.loads((ASSETS / "world_judge.json").read_text())["training"]
    found = {name: " ".join(text.split()) for name, text in sections("world_judge").items()}
    assert f"`{training['command']}`" in found["Training"]
    assert f"seed {training['seed']}, batches of {training['batch_size']}" in found["Training"]
    assert f"{training['minutes']} minutes ({training['processor_minutes']} minutes of processor time)" in found["Training"]
    assert f"{training['images']:,} images" in found["Training data"] and f"seed {training['world_seed']}" in found["Training data"]


def test_cards_are_shipped_and_loading_a_model_does_not_mind_them(tmp_path):
    patterns = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]["package-data"]["hetero_xmodal"]
    shipped = {PACKAGE / file for pattern in patterns for file in glob.glob(pattern, root_dir=PACKAGE, recursive=True)}
    assert {card_of(name) for name in (*FOLDERS, *SINGLE)} <= shipped
    for name in FOLDERS:
        head, vocab, tensors = read_pretrained(ASSETS / name)
        assert head["config"] and vocab and tensors
    copy = Path(shutil.copytree(ASSETS / "dagnn_world", tmp_path / "model"))
    assert (copy / "MODEL_CARD.md").exists()
    again = DAGNN.from_pretrained(copy)
    (copy / "MODEL_CARD.md").unlink()
    bare = DAGNN.from_pretrained(copy)
    assert all((a == b).all() for a, b in zip(again.state_dict().values(), bare.state_dict().values(), strict=True))
