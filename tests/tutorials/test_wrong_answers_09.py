"""Each wrong answer to an exercise of notebook 09 is met by the reason why it is wrong."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from tutorial_checks import checks_of

import hetero_xmodal as hx
from hetero_xmodal.message_passing import Constant, DotAttention, Recipe, Replace, Residual, Step, attends, itself, reverse

DEPENDS = ("word", "depends", "word")


@pytest.fixture(scope="module")
def names():
    """The notebook works in a folder of its own, which the tests share with it."""
    before = os.getcwd()
    yield checks_of("09_your_data_your_recipe")
    os.chdir(before)


def convert(coco, categories, *, corners=True, swapped=False, named=True, scores=(0.9, 0.6), extra=None):
    boxes = []
    for found in coco["annotations"]:
        x, y, width, height = found["bbox"]
        box = [x, y, x + width, y + height] if corners else [x, y, width, height]
        boxes.append([box[1], box[0], box[3], box[2]] if swapped else box)
    ids = [found["category_id"] for found in coco["annotations"]]
    record = {"image_id": "desk.jpg", "width": 640, "height": 480, "boxes": boxes, "scores": list(scores)}
    record["labels"] = [categories[id] for id in ids] if named else ids
    return record | (extra or {})


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"extra": {"bbox": 1}}, "the keys are"), ({"corners": False}, "add them up"), ({"swapped": True}, "x first"),
        ({"extra": {"boxes": [[10, 20, 110, 70]]}}, "the boxes"), ({"named": False}, "names, not numbers"),
        ({"extra": {"labels": ["lamp", "book"]}}, "in the order of boxes"), ({"scores": (1.0, 1.0)}, "scores are known"),
    ],
)  # fmt: skip
def test_ex1(names, options, reason):
    with pytest.raises(AssertionError, match=reason):
        names["check_ex1"](lambda coco, categories: convert(coco, categories, **options))


def test_ex1_nothing_and_right(names, capsys):
    with pytest.raises(AssertionError, match="return the record"):
        names["check_ex1"](lambda coco, categories: None)
    names["check_ex1"](convert)
    assert "right" in capsys.readouterr().out


def test_ex2(names, capsys):
    corpora, folder = names["corpora"], f"folder:{names['folder']}"
    wrong = [(None, "put a corpus"), (list(names["items"]), "hx.build_corpus returns one"), (corpora["patches (baseline)"], "no names")]
    few = hx.build_corpus(folder, "few", detector=names["file"], limit=3, progress=False)
    silent = hx.build_corpus("mini", "true", scenes="true", bridges=False, sentences_per_image=1, progress=False)
    wrong += [(few, "11 photographs are missing")]
    for answer, reason in wrong:
        with pytest.raises(AssertionError, match=reason):
            names["check_ex2"](answer)
    with pytest.warns(UserWarning, match="do not look like the generated world"), pytest.raises(AssertionError, match="which detector"):
        names["check_ex2"](hx.build_corpus(folder, "world", detector="world", progress=False))
    nothing = [names["record"](item) | {"boxes": [], "labels": [], "attributes": []} for item in names["items"]]
    Path("nothing.json").write_text(json.dumps(nothing))
    with pytest.raises(AssertionError, match="no region in any"):
        names["check_ex2"](hx.build_corpus(folder, "nothing", detector="nothing.json", progress=False))
    names["check_ex2"](corpora["detections"])
    names["check_ex2"](silent)  # matches are there without copies
    assert capsys.readouterr().out.count("right") == 2


def agree(old, heard):
    return old * heard


OWN = itself("word")


def recipe(along=(DEPENDS, OWN), gather="sum", update=agree, pool="mean", writes="s", **look):
    options = {"weigh": DotAttention()} | look
    steps = [
        Step("A1", list(along), gather=gather), Step("A2", attends("visual", "word"), update=update, **options),
        Step("A3", attends("word", "summary"), gather=pool, writes=writes),
    ]  # fmt: skip
    return Recipe(steps, adds={"summary": 1})


REGIONS_TOO = Recipe([*recipe().steps, Step("also", attends("word", "visual"))], adds={"summary": 1})


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (None, "put a Recipe"), (Recipe(recipe().steps[:2]), "the recipe adds a node"), (recipe(writes="h"), "the mean goes into"),
        (REGIONS_TOO, "they speak"), (recipe(along=[OWN]), "nobody hears dependents"), (recipe(along=[DEPENDS]), "its own state"),
        (recipe(gather="mean"), "do not average"), (recipe(along=[reverse(DEPENDS), itself("word")]), "adjectives hear their noun"),
        (recipe(weigh=Constant(1.0)), "no attention"), (recipe(update=Replace()), "the old state is lost"),
        (recipe(update=Residual()), "old plus what was heard"), (recipe(pool="sum"), "that is their sum"),
        (recipe(pool="max"), "on paper 2.38 and 0.5"),
    ],
)  # fmt: skip
def test_ex3(names, answer, reason):
    with pytest.raises(AssertionError, match=reason):
        names["check_ex3"](answer)


REPORT = {
    "question": "Does it help?", "n": 8, "baseline": 0.5, "result": 1.0, "interval": (0.6756, 1.0),
    "failures": {"Gray bricks with white lines between them."},
    "limits": ["One person wrote all swaps.", "The boxes were drawn by people."],
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"n": None}, "still empty: n"), ({"question": "A graph helps."}, "question mark"), ({"n": 36}, "there are 8 swaps"),
        ({"baseline": 0}, "a tie is half"), ({"result": 8}, "the share of swaps"), ({"interval": (1, 1)}, "Wilson"),
        ({"interval": (0.9, 1.0)}, "interval: 0.9"), ({"failures": {"A striped cat with green eyes."}}, "not lost"),
        ({"failures": set()}, "1 are missing"), ({"limits": ["Few."]}, "at least two"), ({"limits": ["Few.", "Small."]}, "sentences"),
    ],
)  # fmt: skip
def test_ex4(names, change, reason):
    with pytest.raises(AssertionError, match=reason):
        names["check_ex4"](REPORT | change)


def test_right_answers_pass(names, capsys):
    names["check_ex3"](recipe())
    names["check_ex4"](dict(REPORT))
    out = capsys.readouterr().out
    assert "right: 8 of 8 swaps" in out and "right: 14 points" in out


def test_the_recipe_without_its_edges_tosses_a_coin(names):
    """What the lesson claims: who hears no dependents has a tie in every swap."""
    assert list(names["swaps_won"](recipe(along=[itself("word")]))) == [0.5] * 8
