"""Each wrong answer to an exercise of notebooks 00 and 04 to 07 is met by the reason why it is wrong."""

from __future__ import annotations

import math
import types

import numpy as np
import pytest
import torch
from notebook_checks import checks_of, meets
from PIL import Image
from torchvision.ops import box_iou

import hetero_xmodal as hx

# ---------------------------------------------------------------------------------------------- 00


def area(box):
    return (box[2] - box[0]) * (box[3] - box[1])


def shared(a, b):
    """The area of the intersection; wrong where two boxes are apart on both axes."""
    return (min(a[2], b[2]) - max(a[0], b[0])) * (min(a[3], b[3]) - max(a[1], b[1]))


def overlap(a, b):
    """Intersection over union, with the fault of ``shared``."""
    return shared(a, b) / (area(a) + area(b) - shared(a, b))


def overlap_in_x(a, b):
    """0 for boxes that are apart in x, but not for those that are apart in y alone."""
    return overlap(a, b) if min(a[2], b[2]) > max(a[0], b[0]) else 0


@pytest.fixture(scope="module")
def first():
    item = hx.load_dataset("world/scenes", split="test", size=8)[7]
    toy = hx.build_graph(
        hx.SceneGraph(
            [hx.SceneObject("bird", ["red"], box=(20, 10, 60, 50)), hx.SceneObject("tree", box=(10, 45, 90, 100))],
            relations=[hx.SceneRelation(0, "on", 1)],
            size=(100, 100),
        ),
        hx.SceneGraph(
            [hx.SceneObject("bird", ["red"], span=(1, 2), head=1)],
            tokens=[hx.Token("red", "red", "ADJ", head=1, arc="amod"), hx.Token("bird", "bird", "NOUN", head=1, arc="ROOT")],
            text="red bird",
        ),
    )
    graph = hx.build_graph(item.scene, hx.parse_sentence(item.sentences[0]))
    import dgl

    return checks_of("00_quickstart", image_scene=item.scene, toy=toy, graph=graph, fn=dgl.function, box_iou=box_iou)


@pytest.mark.parametrize(
    ("number", "answer", "reason"),
    [
        (1, None, "four numbers"),
        (1, (2, 5), "four numbers"),
        (1, (1, 5, 2, 1), "region of its own"),
        (1, (3, 5, 2, 1), "no tree"),
        (1, (2, 3, 2, 1), "articles"),
        (1, (2, 4, 2, 1), "count the words"),
        (1, (2, 5, 4, 1), "one-to-one"),
        (1, (2, 5, 1, 1), "two copies"),
        (1, (2, 5, 0, 1), "both sides"),
        (1, (2, 5, 2, 2), "not back"),
        (1, (2, 5, 2, 0), "one relation"),
        (2, lambda box: None, "four numbers"),
        (2, lambda box: box[:2], "four numbers"),
        (2, lambda box: box, "as it was"),
        (2, lambda box: (box[0], box[1], box[0] + box[3], box[1] + box[2]), "width belongs to x"),
        (2, lambda box: (45, 40, 75, 60), "not the middle"),
        (2, lambda box: (0, 0, *box[2:]), "first corner"),
        (2, lambda box: (60, 50, 91, 70), "expected (60, 50, 90, 70)"),
        (2, lambda box: (60, 50, 90, 70), "another box"),
        (3, None, "a sentence"),
        (3, " ", "as a text"),
        (3, "Hello!", "no thing"),
        (3, "a cat and a giraffe", "only 1 matches"),
        (3, "a cat, a bench and a car", "no relation"),
        (4, lambda graph, relation, h: None, "one number per destination"),
        (4, lambda graph, relation, h: torch.zeros(3), "one number per bridge"),
        (4, lambda graph, relation, h: torch.tensor([5.5, float("nan")]), "NaN"),
        (4, lambda graph, relation, h: torch.tensor([11.0, 0.0]), "still the sum"),
        (4, lambda graph, relation, h: torch.tensor([5.0, 0.0]), "expected [5.5, 0]"),
        (5, lambda a, b: None, "return a number"),
        (5, shared, "divide by the union"),
        (5, lambda a, b: shared(a, b) / (area(a) + area(b)), "counted twice"),
        (5, lambda a, b: shared(a, b) / min(area(a), area(b)), "not by one of the boxes"),
        (5, lambda a, b: 0.5, "200 / 5800, not 0.5000"),
        (5, lambda a, b: 200 / 5800, "agrees with itself"),
        (5, overlap, "apart on both axes"),
        (5, overlap_in_x, "torchvision"),
    ],
)
def test_wrong_answers_of_the_first_notebook(first, number, answer, reason):
    meets(first, number, answer, reason)


# ---------------------------------------------------------------------------------------------- 04

SCORES_ON_PAPER = torch.tensor([[0.9, 0.8, 0.1, 0.2], [0.3, 0.6, 0.5, 0.0], [0.2, 0.1, 0.7, 0.4], [0.1, 0.3, 0.2, 0.8]])
FITS = {(0, 0): (2, 2), (5, 0): (1, 0), (1, 1): (1, 2), (6, 1): (1, 1), (2, 2): (1, 1), (7, 2): (1, 1)}


def ranks(scores, k):
    return np.argsort(-scores, axis=0)[:k]


def good_score(w, v, part):
    match = torch.einsum("jkd,ird->ijkr", w, v).masked_fill(part["region"][:, None, None] == 0, -1e4)
    return match.amax(3).mean(2)


@pytest.fixture(scope="module")
def matching():
    import pandas as pd

    from hetero_xmodal.losses import ranking_loss

    items = [types.SimpleNamespace(scene=k) for k in range(8)]
    part = {"word": torch.ones(4, 3), "region": torch.tensor([[1.0, 1], [1, 0], [1, 1], [1, 0], [1, 1]])}
    key = "text to image R@1"
    given = {
        "S": SCORES_ON_PAPER, "ranking_loss": ranking_loss, "pd": pd, "data": {"val": part}, "late_with_edges": good_score,
        "table": {"mean pool": {key: 50.0}}, "raw": {"val": (items, list(range(8)), None, None)}, "wrong": [(0, 5), (1, 6), (2, 7)],
        "fits": lambda scene, caption: FITS[scene, caption],
        "train": lambda score: (score, []), "recalls": lambda score: {key: getattr(score, "reached", 60.0)},
    }  # fmt: skip
    return checks_of("04_algr", **given)


def scored(reached):
    def score(w, v, part):
        return good_score(w, v, part)

    score.reached = reached
    return score


@pytest.mark.parametrize(
    ("number", "answer", "reason"),
    [
        (1, lambda scores, own, k: None, "a number"),
        (1, lambda scores, own, k: (ranks(scores, k) == own).any(0).mean(), "per cent"),
        (1, lambda scores, own, k: 100 * (ranks(-scores, k) == own).any(0).mean(), "largest scores come first"),
        (1, lambda scores, own, k: 50.0, "down the columns"),
        (1, lambda scores, own, k: 10.0, "66.67"),
        (1, lambda scores, own, k: 200 / 3, "R@2 is 100"),
        (1, lambda scores, own, k: 100 * (ranks(scores, min(k, 2)) == own).any(0).mean(), "random scores"),
        (2, None, "(columns, whole)"),
        (2, (0.4,), "two numbers"),
        (2, (0.2, 0.4), "rows once more"),
        (2, (-0.6, -0.4), "never below zero"),
        (2, (0.5, 0.7), "column 2 costs 0.4"),
        (2, (0.4, 0.4), "rows and columns together"),
        (2, (0.4, 0.8), "make 0.6"),
        (3, lambda w, v, part: None, "return the scores"),
        (3, lambda w, v, part: good_score(w, v, part).T, "images in rows"),
        (3, lambda w, v, part: torch.einsum("jkd,ird->ij", w, v), "mask missing regions"),
        (3, good_score, "late_with_edges itself"),
        (3, scored(40.0), "below the mean pool"),
        (3, scored(55.0), "not by 8 points"),
        (4, None, "five words"),
        (4, ["thing"], "3 words"),
        (4, ["thing", "colour", "same"], "unknown"),
        (4, ["same", "attribute", "same"], "has 1 of 2 things"),
        (4, ["thing", "same", "same"], "of 2 attributes the found image has 1"),
        (4, ["thing", "attribute", "thing"], "has 1 of 1 things"),
        (4, ["thing", "attribute", "attribute"], "of 1 attributes the found image has 1"),
    ],
)
def test_wrong_answers_about_matching(matching, number, answer, reason):
    meets(matching, number, answer, reason)


def test_the_right_answers_about_matching_pass(matching, capsys):
    matching["check_ex2"]((0.4, 0.6))
    matching["check_ex3"](scored(60.0))
    matching["check_ex4"](["thing", "attribute", "same"])
    assert capsys.readouterr().out.count("right") == 3


# ---------------------------------------------------------------------------------------------- 05

SCORES = {"none": 0.857, "edges": 0.845, "free": 0.853, 0.1: 0.84, 0.3: 0.845, 0.5: 0.859, 0.7: 0.85}


@pytest.fixture(scope="module")
def labels():
    def train(seed=0, *, tau=None, adjacency=None, variant=None):
        return tau or ("none" if adjacency else "free" if variant else "edges"), []

    def score(model, part):
        return SCORES[model] - (0.04 if part == "test" else 0)

    seen = torch.tensor([[1, 1, 0], [1, 0, 0], [1, 1, 0], [0, 0, 1]])
    return checks_of("05_dagnn", SEEN=seen, train=train, score=score)


def precision_at_end(relevant):
    return sum(relevant) / len(relevant)


@pytest.mark.parametrize(
    ("number", "answer", "reason"),
    [
        (1, None, "a number"),
        (1, 5, "is dropped"),
        (1, 1, "self loops"),
        (1, 3, "one edge remains"),
        (1, 6, "the graph has 4"),
        (2, lambda relevant: None, "a number"),
        (2, precision_at_end, "average all of them"),
        (2, lambda relevant: 5 / 9, "not by all"),
        (2, lambda relevant: 13 / 18, "relevant results only"),
        (2, lambda relevant: 0.9, "0.833"),
        (2, lambda relevant: 5 / 6, "longer ranking"),
        (3, None, "three mAPs"),
        (3, [0.8], "three seeds"),
        (3, [85.7, 85.6, 85.5], "between 0 and 1"),
        (3, [0.857] * 3, "pass the seed"),
        (3, [0.845, 0.844, 0.843], "with its edges"),
        (3, [0.853, 0.852, 0.851], "has no network"),
        (3, [0.7, 0.6, 0.5], "seed 0 should give"),
        (4, None, "(tau, validation, test)"),
        (4, (0.5, 0.8), "three numbers"),
        (4, (0.4, 0.8, 0.8), "was not among"),
        (4, (0.3, 0.845, 0.805), "another has more"),
        (4, (0.5, 0.819, 0.859), "validation comes first"),
        (4, (0.5, 0.9, 0.819), "not the validation score"),
        (4, (0.5, 0.859, 0.859), "once more"),
        (4, (0.5, 0.859, 0.83), "of this model"),
    ],
)
def test_wrong_answers_about_labels(labels, number, answer, reason):
    meets(labels, number, answer, reason)


def test_the_right_answers_about_labels_pass(labels, capsys):
    labels["check_ex1"](4)
    labels["check_ex3"]([0.857, 0.856, 0.855])
    labels["check_ex4"]((0.5, 0.859, 0.819))
    assert capsys.readouterr().out.count("right") == 3


# ---------------------------------------------------------------------------------------------- 06


@pytest.fixture(scope="module")
def bridges():
    return checks_of("06_cam", "import ", "scene = ", "one = ")


def masks(H, maps, pool):
    return (H @ maps @ pool).amax(0).sigmoid()


@pytest.mark.parametrize(
    ("number", "answer", "reason"),
    [
        (1, None, "two numbers"),
        (1, 1.75, "two numbers"),
        (1, (1.5, 1.0), "the old values"),
        (1, (1.5, 1.5), "not the word"),
        (1, (1.25, 11 / 12), "own state"),
        (1, (3.5, 19 / 6), "counts half"),
        (1, (0, 0), "see the hint"),
        (2, lambda H, maps, pool: None, "return the masks"),
        (2, lambda H, maps, pool: masks(H, maps, pool)[:, None], "one number per node"),
        (2, lambda H, maps, pool: (H @ maps @ pool).amax(0), "sigmoid is missing"),
        (2, lambda H, maps, pool: (H @ maps @ pool).mean(0).sigmoid(), "not the mean"),
        (2, lambda H, maps, pool: (H @ maps @ pool).amax(0).softmax(0), "do not compete"),
        (2, lambda H, maps, pool: (H @ maps @ pool).amin(0).sigmoid(), "got"),
        (2, lambda H, maps, pool: masks(H, maps[:2], pool), "other maps"),
        (3, None, "a number"),
        (3, 6, "between 0 and 1"),
        (3, 0.33, "the old wiring"),
        (3, 0.71, "counts itself"),
        (3, 0.167, "the root"),
        (3, 0.5, "0.408"),
        (4, None, "three numbers"),
        (4, (1, 2), "three numbers"),
        (4, (2, 2, math.inf), "already brings it"),
        (4, (1, 1, math.inf), "owns a copy"),
        (4, (1, 2, 3), "no copy"),
        (4, (1, 3, math.inf), "hear it after [1, 2]"),
    ],
)
def test_wrong_answers_about_bridges(bridges, number, answer, reason):
    meets(bridges, number, answer, reason)


def test_the_right_answers_about_bridges_pass(bridges, capsys):
    for number, answer in ((1, (1.75, 19 / 12)), (2, masks), (3, 1 / math.sqrt(6)), (4, (1, 2, math.inf))):
        bridges[f"check_ex{number}"](answer)
    assert capsys.readouterr().out.count("right") == 4


# ---------------------------------------------------------------------------------------------- 07


def told(recalled, where):
    """What a run of MIM-Net returns, as far as it is looked at."""
    value = {"red": 0.0, "blue": 1.0, "mixed": 0.5}
    recalled, where = (torch.full((2, 2), value[name]) for name in (recalled, where))
    return types.SimpleNamespace(recalled=recalled, where=where, fine=recalled + 0.1 * where)


@pytest.fixture(scope="module")
def editors():
    per_pair = {"edit": np.array([1.0, 1, 0]), "kept": np.array([1.0, 0.9, 1])}
    found = checks_of(
        "07_mimnet",
        "nothing",  # only what others use is defined
        example=types.SimpleNamespace(image=Image.new("RGB", (128, 128))),
        answers={colour: told(colour, colour) for colour in ("red", "blue")},
        judged={"CAM": types.SimpleNamespace(per_pair=per_pair, success=1 / 3)},
        by_kind={
            "CAM": {"colour": 1.0, "remove": 1.0, "replace": 0.9, "move": 0.7},
            "MIM-Net": {"colour": 1.0, "remove": 0.0, "replace": 0.2, "move": 0.0},
        },
    )
    return found


def frozen(names, *, again=True, zero=False, on=("memory", "keys"), huge=False):
    """A step that freezes the memory, in several wrong ways."""

    def step(memory, keys, optimiser):
        optimiser.zero_grad(set_to_none=not zero)
        memory.requires_grad_("memory" not in on)
        if "keys" in on:
            names["recall_loss"](memory, keys).backward()
            optimiser.step()
        if huge:
            memory.data += 1
        memory.requires_grad_(again)

    return step


@pytest.mark.parametrize(
    ("number", "answer", "reason"),
    [
        (1, None, "answer_1"),
        (1, torch.zeros(1), "the whole result"),
        (1, told("red", "red"), "nothing was replaced"),
        (1, told("blue", "blue"), "must say red"),
        (1, told("red", "blue"), "the other way round"),
        (1, told("mixed", "red"), "all rows"),
        (2, lambda p: None, "a number"),
        (2, lambda p: p["edit"] * p["kept"], "one number"),
        (2, lambda p: p["edit"].mean() * p["kept"].mean(), "average last"),
        (2, lambda p: ((p["edit"] == 1) * p["kept"]).mean() + 0, "is not kept"),
        (2, lambda p: p["edit"].mean(), "one of the two"),
        (2, lambda p: 0.3, "0.25"),
        (2, lambda p: 0.25, "should have 0.333"),
        (3, None, "two sets"),
        (3, (set(),), "two sets"),
        (3, (set(), {"colours"}), "unknown"),
        (3, ({"move"}, {"remove", "replace", "move"}), "CAM manages more"),
        (3, (set(), {"move", "remove"}), "MIM-Net fails at more"),
        (3, (set(), {"colour", "move", "remove", "replace"}), "MIM-Net manages more"),
    ],
)
def test_wrong_answers_about_edits(editors, number, answer, reason):
    meets(editors, number, answer, reason)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"on": ("memory",)}, "keys did not move"),
        ({"huge": True}, "another one now"),
        ({"zero": True}, "must be None"),
        ({"on": ("keys",)}, "took part in the step"),
        ({"again": False}, "no longer learn"),
    ],
)
def test_wrong_ways_to_freeze_a_memory(editors, options, reason):
    meets(editors, 4, frozen(editors, **options), reason)


def test_the_right_answers_about_edits_pass(editors, capsys):
    editors["check_ex1"](told("blue", "red"))
    editors["check_ex2"](lambda p: ((p["edit"] == 1) & (p["kept"] == 1)).mean())
    editors["check_ex3"]((set(), {"remove", "replace", "move"}))
    editors["check_ex4"](frozen(editors))
    assert capsys.readouterr().out.count("right") == 4
