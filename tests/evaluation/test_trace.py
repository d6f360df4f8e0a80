"""``hx.trace``: weights of every edge; those of a softmax sum to 1 at every destination, and the table agrees with the model."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

import hetero_xmodal as hx
from hetero_xmodal.cli.main import run
from hetero_xmodal.message_passing import DotAttention, Recipe, Residual, Step, attends

BIRD = "This bird has red wings."


@pytest.fixture(scope="module")
def bird():
    return hx.load_dataset("world/birds", "test", size=1)[0]


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


def softmax_sums(frame: pd.DataFrame) -> pd.Series:
    told = frame[frame["weighing"].str.startswith("softmax")]
    assert len(told)
    return told.groupby(["part", "number", "destination_type", "destination_node"])["weight"].sum()


def test_cam_every_step_and_softmaxes_that_sum_to_one(bird):
    found = hx.trace(bird.image, BIRD, recipe="cam", image_scene=bird.scene)
    assert list(found.traces) == ["recipe", "paint", "write"] and found.recipe == "cam"
    assert np.allclose(softmax_sums(found.frame), 1, atol=1e-4)
    gates = found.frame[found.frame["weighing"].str.startswith("sigmoid")]
    assert gates["weight"].between(0, 1).all()
    mask = gates[(gates["step"] == "mask for the image") & (gates["destination_type"] == "visual")]
    result = hx.manipulate(bird.image, BIRD, image_scene=bird.scene)
    assert np.allclose(mask.sort_values("destination_node")["weight"], result.image_mask["visual"], atol=1e-5)
    merged = found.frame[found.frame["step"] == "merge what the copies learned 1"]
    heard = zip(merged["destination"].str.split(" ").str[0], merged["source"].str.split(" ").str[0], strict=True)
    assert {("wing", "wings"), ("wings", "wing"), ("bird", "bird")} <= set(heard)
    assert len(found.boxes) == len(bird.scene.objects)


def test_mimnet_words_recall_memories_as_manipulation_says(bird):
    found = hx.trace(bird.image, BIRD, recipe="mimnet")
    assert np.allclose(softmax_sums(found.frame), 1, atol=1e-4)
    recall = found.frame[found.frame["step"] == "recall textures"]
    result = hx.manipulate(bird.image, BIRD, recipe="mimnet")
    table = recall.pivot(index="destination_node", columns="source_node", values="weight").to_numpy()
    assert np.allclose(table, result.attention, atol=1e-5)
    assert "memory" in found.summary(2) and "mean over places" in found.summary()


def test_algr_agrees_with_pair_attention(bird):
    from hetero_xmodal.data.dataset import Item
    from hetero_xmodal.retrieval.attention import pair_attention
    from hetero_xmodal.retrieval.index import items_split
    from hetero_xmodal.retrieval.search import load_retrieval_model

    model = load_retrieval_model(recipe="algr")
    scene = hx.load_dataset("world/scenes", "test", size=3)[2]
    found = hx.trace(scene.image, scene.sentences[0], model=model)
    assert np.allclose(softmax_sums(found.frame), 1, atol=1e-4)
    seen = pair_attention(model, items_split(model.vocab, [Item(scene.image, scene.sentences[:1], id="x")]), 0)
    for step, expected in (("image graph", seen.region_edges), ("sentence graph", seen.word_edges)):
        rows = found.frame[found.frame["step"] == step]
        assert np.allclose(rows.pivot(index="destination_node", columns="source_node", values="weight"), expected, atol=1e-5)
    words = found.frame[(found.frame["part"] == "exchange") & (found.frame["destination_type"] == "word")]
    table = words.pivot(index="destination_node", columns="source_node", values="weight")
    assert np.allclose(table, seen.words_to_regions, atol=1e-5)
    assert set(words["destination"]) == {f"{token} (word {k})" for k, token in enumerate(seen.tokens)}
    assert np.allclose(found.boxes, seen.boxes_in(scene.image), atol=1e-3)


def test_a_recipe_of_ones_own(bird):
    recipe = Recipe([Step("look", attends("visual", "word"), weigh=DotAttention(), update=Residual())], name="mine")

    def states(graph):
        torch.manual_seed(0)
        return {t: torch.randn(graph.num_nodes(t), 4) for t in ("visual", "word")}

    found = hx.trace(bird.image, BIRD, recipe=recipe, image_scene=bird.scene, states=states)
    table = found.frame.pivot(index="destination_node", columns="source_node", values="weight").to_numpy()
    torch.manual_seed(0)
    visual, word = torch.randn(len(bird.scene.objects), 4), torch.randn(len(table), 4)
    assert found.recipe == "mine" and np.allclose(table, torch.softmax(word @ visual.T, 1), atol=1e-5)
    with pytest.raises(hx.InputError, match="needs states.*visual 'h'"):
        hx.trace(bird.image, BIRD, recipe=recipe, image_scene=bird.scene)


def test_from_the_command_line_with_table_and_figure(bird, tmp_path, capsys):
    bird.image.save(tmp_path / "bird.png")
    bird.scene.save(tmp_path / "scene.json")
    words = ["trace", str(tmp_path / "bird.png"), BIRD, "--recipe", "cam", "--image-scene", str(tmp_path / "scene.json"), "--top", "1"]
    assert run([*words, "--out", str(tmp_path / "traced")]) == 0
    shown = capsys.readouterr().out
    frame = pd.read_csv(tmp_path / "traced" / "weights.csv")
    assert np.allclose(softmax_sums(frame), 1, atol=1e-3) and "self-attention of the nodes" in shown
    from PIL import Image

    with Image.open(tmp_path / "traced" / "weights.png") as figure:
        assert figure.width > 900 and len(np.unique(np.asarray(figure.convert("L")))) > 50
    assert sorted(p.name for p in (tmp_path / "traced").iterdir()) == ["manifest.json", "weights.csv", "weights.png"]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({}, "give a recipe"),
        ({"recipe": "dagnn"}, "its only edges join labels"),
        ({"recipe": "camm"}, "did you mean 'cam'"),
        ({"recipe": "cam", "model": "nowhere"}, "'nowhere' does not exist"),
        ({"recipe": "cam", "states": {}}, "states are for a Recipe"),
        ({"recipe": 7}, "recipe is a int"),
    ],
)
def test_what_is_refused(bird, options, says):
    with pytest.raises(hx.InputError, match=says):
        hx.trace(bird.image, BIRD, **options)
    with pytest.raises(hx.InputError, match="sentence is empty"):
        hx.trace(bird.image, " ", **options)
