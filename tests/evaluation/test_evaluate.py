"""``hx.evaluate``: each recipe's scores are those of its metrics, with values per query, intervals, and a file in the run folder."""

from __future__ import annotations

import json
import math
import shutil

import numpy as np
import pytest

import hetero_xmodal as hx
from hetero_xmodal.cli.main import run
from hetero_xmodal.data.tasks.editing import load_pairs
from hetero_xmodal.editing.mimnet import edit_by_memory, load_memory_model
from hetero_xmodal.editing.pipeline import load_manipulation_model, manipulate_pairs
from hetero_xmodal.evaluation.results import Evaluation, PerQuery
from hetero_xmodal.metrics.edits import judge_edits, judge_sentences
from hetero_xmodal.pretrained import SHIPPED
from hetero_xmodal.recipes import DAGNN, DAGNNConfig


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def features(tmp_path_factory):
    """A file of feature pairs with three labels."""
    rng, path = np.random.default_rng(0), tmp_path_factory.mktemp("features") / "mine.npz"
    arrays = {}
    for split in ("train", "test"):
        labels = np.eye(3)[np.arange(30) % 3]
        arrays |= {f"{split}_images": np.concatenate([labels, rng.normal(size=(30, 3))], 1), f"{split}_labels": labels}
        arrays |= {f"{split}_texts": labels[:, ::-1] + 0.3 * rng.normal(size=(30, 3))}
    np.savez(path, **arrays)
    return path


def a_run(folder, seed: int):
    """A run folder with an untrained DAGNN for *features*."""
    import torch

    torch.manual_seed(seed)
    model = DAGNN(DAGNNConfig(image_width=6, text_width=3, width=64, hops=1), {"labels": ["a", "b", "c"]})
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"fit": {}, "recipe": None}))
    model.save_pretrained(folder / "model")
    return model.eval()


def average_precision(query: int, similarity: np.ndarray, labels: np.ndarray) -> float:
    """By its definition: the mean, over the right items, of the share of right items down to each."""
    order = np.argsort(-similarity[query], kind="stable")
    right = [bool(labels[query] @ labels[k]) for k in order]
    return float(np.mean([np.mean(right[: place + 1]) for place, hit in enumerate(right) if hit]))


def test_dagnn_scores_are_mean_average_precision_query_by_query(features, tmp_path):
    model = a_run(tmp_path / "run", 0)
    found = hx.evaluate(tmp_path / "run", f"features:{features}")
    data = np.load(features)
    v = model.embed_images(data["test_images"].astype(np.float32)).numpy()
    t = model.embed_texts(data["test_texts"].astype(np.float32)).numpy()
    cosine = (v / np.linalg.norm(v, axis=1, keepdims=True)) @ (t / np.linalg.norm(t, axis=1, keepdims=True)).T
    for name, similarity in (("mAP image_to_text", cosine), ("mAP text_to_image", cosine.T)):
        by_hand = [average_precision(query, similarity, data["test_labels"]) for query in range(30)]
        assert np.allclose(found.per_query[name].values, by_hand, atol=1e-6)
        assert found.scores[name] == pytest.approx(np.mean(by_hand), abs=1e-6)
        interval = found.intervals()[name]
        assert interval.low < found.scores[name] < interval.high and interval.n == 30
    assert found.recipe == "dagnn" and "95 % intervals" in str(found)


def test_an_evaluation_is_kept_in_the_run_folder_and_read_again(features, tmp_path):
    a_run(tmp_path / "run", 0)
    found = hx.evaluate(tmp_path / "run" / "model", f"features:{features}")
    assert found.path is not None and found.path.parent == tmp_path / "run" / "evaluations"
    again = Evaluation.load(found.path)
    assert again.scores == found.scores and again.settings == found.settings and str(again) == str(found)
    assert np.array_equal(again.per_query["mAP image_to_text"].values, found.per_query["mAP image_to_text"].values)
    bare = tmp_path / "bare"
    shutil.copytree(tmp_path / "run" / "model", bare)
    assert hx.evaluate(bare, f"features:{features}").path is None and not (tmp_path / "evaluations").exists()
    text = found.path.read_text()
    found.path.write_text(text[: len(text) // 2])
    with pytest.raises(hx.InputError, match="JSON"):
        Evaluation.load(found.path)


def test_nan_survives_the_file(tmp_path):
    values = PerQuery(np.array([1.0, math.nan, 0.0, 1.0]), "q", np.array([0, 0, 1, 1]), higher=False)
    kept = Evaluation("cam", {"data": "world/birds"}, {"kept": math.nan}, {"kept": values}, "w", "text").save(tmp_path)
    again = Evaluation.load(kept.path)
    assert np.isnan(again.scores["kept"]) and np.isnan(again.per_query["kept"].values).tolist() == [False, True, False, False]
    assert again.per_query["kept"].groups.tolist() == [0, 0, 1, 1] and again.per_query["kept"].higher is False
    assert again.intervals()["kept"].groups == 2  # two groups, of three known values


def test_cam_on_six_pairs_against_the_judge(capsys):
    pairs = list(load_pairs("world/birds", "test", size=6, image_size=64))
    images, sentences = manipulate_pairs(load_manipulation_model("birds"), pairs, scenes="true")
    edits, told = judge_edits(pairs, images), judge_sentences(pairs, sentences)
    found = hx.evaluate("birds", "world/birds", recipe="cam", pairs=6, scenes="true")
    assert found.settings["image_size"] == 64
    expected = {"edit accuracy": edits.edit_accuracy, "kept": edits.preservation, "error": edits.error, "slots": told.slots}
    assert {name: found.scores[name] for name in expected} == pytest.approx(expected)
    assert np.array_equal(found.per_query["edit accuracy"].values, edits.per_pair["edit"], equal_nan=True)
    assert np.nanmean(found.per_query["sentences exact"].values) == pytest.approx(told.exact)
    assert not found.per_query["outside error"].higher and found.per_query["kept"].higher
    assert run(["evaluate", "cam", "--data", "world/birds", "--pairs", "6", "--scenes", "true"]) == 0
    assert capsys.readouterr().out.strip() == str(found)


def test_mimnet_on_six_pairs_with_a_similarity_model(tmp_path, capsys):
    run_folder = tmp_path / "similarity"
    hx.train("similarity", "world/birds", out=run_folder, size=8, epochs=1, progress=False)
    pairs = list(load_pairs("world/birds", "val", size=6, image_size=128))
    model = load_memory_model("birds")
    images = edit_by_memory(model, pairs)
    edits = judge_edits(pairs, images)
    options = {"split": "val", "pairs": 6, "image_size": 128}
    found = hx.evaluate(SHIPPED["mimnet"]["birds"], "world/birds", similarity=run_folder, **options)
    assert found.recipe == "mimnet"
    for name, value in (("edit accuracy", edits.edit_accuracy), ("kept", edits.preservation), ("error", edits.error)):
        assert found.scores[name] == pytest.approx(value)
    sim, diff, mp = (found.per_query[name].values for name in ("Sim", "Diff", "MP"))
    assert np.allclose(mp, (1 - diff) * sim, atol=1e-6) and found.scores["MP"] == pytest.approx(mp.mean(), abs=1e-6)
    difference = [np.abs(np.asarray(a, float) - np.asarray(p.image, float)).mean() / 255 for a, p in zip(images, pairs, strict=True)]
    assert np.allclose(diff, difference, atol=1e-5)
    words = ["evaluate", "mimnet", "--data", "world/birds", "--split", "val", "--pairs", "6", "--image-size", "128"]
    assert run([*words, "--similarity", str(run_folder)]) == 0
    shown = capsys.readouterr().out
    assert "edit accuracy" in shown and "kept" in shown and "MP" in shown


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: hx.evaluate(None, "world/birds"), "give a model"),
        (lambda: hx.evaluate("birds", "world/birds", recipe="camm"), "did you mean 'cam'"),
        (lambda: hx.evaluate("birds", "world/birds", recipe="cam", protocol="any"), "'protocol' is no option of evaluate cam"),
        (lambda: hx.evaluate(None, "cub:nowhere", recipe="cam"), "no cam model is shipped for 'cub:nowhere'"),
        (lambda: hx.evaluate("birds", "world/bird", recipe="cam"), "did you mean 'world/birds'"),
        (lambda: hx.evaluate("birds", "cub:nowhere", recipe="cam"), "'nowhere' does not exist"),
        (lambda: hx.evaluate("birds", "world/birds", recipe="cam", pairs=0), "pairs is 0"),
        (lambda: hx.evaluate("birds", "world/birds", recipe="cam", similarity="nowhere"), "'nowhere' does not exist"),
        (lambda: hx.evaluate("birds", "world/birds", recipe="cam", similarity=SHIPPED["dagnn"]["world"]), "expected similarity"),
        (lambda: hx.evaluate(SHIPPED["cam"]["birds"], "world/birds", recipe="mimnet"), "of the recipe cam"),
        (lambda: hx.evaluate(None, "world/scenes", recipe="algr", protocol="flickr1k"), "flickr-1k"),
    ],
)
def test_what_is_refused(call, says):
    with pytest.raises(hx.InputError, match=says):
        call()


def test_a_protocol_of_another_number_of_images_is_refused_before_they_are_scored(monkeypatch):
    def scored(*_, **__):
        raise AssertionError("the scores were computed first")

    monkeypatch.setattr("hetero_xmodal.training.similarity_of.similarity_of", scored)
    with pytest.raises(hx.InputError, match="'coco-5k' needs 5000 images, similarity has 2"):
        hx.evaluate(None, "world/scenes", recipe="algr", size=2, protocol="coco-5k")
