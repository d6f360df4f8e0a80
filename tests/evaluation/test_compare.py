"""``hx.compare``: counted by hand on runs with known values per query; evaluates what was not evaluated."""

from __future__ import annotations

import json

import numpy as np
import pytest
from tiny_data import plain_folder

import hetero_xmodal as hx
from hetero_xmodal.cli.main import run
from hetero_xmodal.evaluation.results import Evaluation, PerQuery, weights_digest
from hetero_xmodal.pretrained import SHIPPED
from hetero_xmodal.recipes import ALGR, DAGNN, ALGRConfig, DAGNNConfig


def a_run(folder, seed: int = 0, **changes):
    import torch

    torch.manual_seed(seed)
    config = {"image_width": 6, "text_width": 3, "width": 8, "hops": 1} | changes
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"fit": {}, "recipe": None}))
    DAGNN(DAGNNConfig(**config), {"labels": ["a", "b", "c"]}).save_pretrained(folder / "model")
    return folder


def evaluated(folder, *, queries: str = "same", settings=None, **per_query):
    """Leave an evaluation in the run folder whose values per query are known."""
    values = {name: PerQuery(np.array(some, float), queries, higher="error" not in name) for name, some in per_query.items()}
    scores = {name: float(np.nanmean(some)) for name, some in per_query.items()}
    settings = {"data": "made up"} | (settings or {})
    return Evaluation("dagnn", settings, scores, values, weights_digest(folder / "model"), "text").save(folder)


def test_wins_losses_and_the_exact_p_value_of_known_values(tmp_path, capsys):
    one, two = a_run(tmp_path / "one"), a_run(tmp_path / "two", 1)
    evaluated(one, mAP=[1, 1, 1, 1, 1, 1, 0, 1, np.nan], error=[0.1, 0.1, 0.1, 0.1, 0.3, 0.1, 0.1, 0.1, 0.1])
    evaluated(two, mAP=[0, 0, 1, 0, 0, 0, 0, 0, 1], error=[0.2] * 9)
    found = hx.compare(one, two, out=tmp_path / "table.csv")
    row = found.table.loc["mAP"]
    assert (row["first"], row["second"], row["difference"]) == (7 / 8, 1 / 8, 0.75)
    assert (row["queries"], row["wins"], row["losses"], row["ties"]) == (8, 6, 0, 2)
    assert row["p"] == pytest.approx(2 / 2**6)  # of six queries that differ, all signs alike in two of 64 ways
    assert row["low"] < 0.75 < row["high"]
    error = found.table.loc["error"]
    assert (error["wins"], error["losses"]) == (8, 1)  # lower is better
    assert (tmp_path / "table.csv").read_text().splitlines()[0].startswith("metric,first,second,difference")
    assert run(["compare", str(one), str(two / "model")]) == 0
    assert "0.7500" in capsys.readouterr().out


def test_a_model_that_was_not_evaluated_is_evaluated(tmp_path, capsys):
    labels, rng = np.eye(3)[np.arange(12) % 3], np.random.default_rng(0)
    arrays = {}
    for split in ("train", "test"):
        arrays |= {f"{split}_images": rng.normal(size=(12, 6)), f"{split}_texts": rng.normal(size=(12, 3)), f"{split}_labels": labels}
    np.savez(tmp_path / "mine.npz", **arrays)
    data = f"features:{tmp_path / 'mine.npz'}"
    one, two = a_run(tmp_path / "one"), a_run(tmp_path / "two", 1)
    with pytest.raises(hx.InputError, match="on which data"):
        hx.compare(one, two)
    first = hx.evaluate(one, data)
    found = hx.compare(one, two)  # on the data that one of them was evaluated on
    second = hx.evaluate(two, data)
    assert found.table.loc["mAP image_to_text", "first"] == pytest.approx(first.scores["mAP image_to_text"])
    assert found.table.loc["mAP image_to_text", "second"] == pytest.approx(second.scores["mAP image_to_text"])
    assert (two / "evaluations").is_dir()
    again = hx.compare(one, two, data=data)
    assert again.table.equals(found.table)
    # an evaluation of other weights is not taken for the model's
    DAGNN(DAGNNConfig(image_width=6, text_width=3, width=8, hops=1), {"labels": ["a", "b", "c"]}).save_pretrained(one / "model")
    assert not hx.compare(one, two, data=data).table["first"].equals(found.table["first"])


def test_what_is_refused(tmp_path):
    one, two, three = a_run(tmp_path / "one"), a_run(tmp_path / "two", 1), a_run(tmp_path / "three", 2)
    evaluated(one, mAP=[1, 0, 1])
    evaluated(two, mAP=[1, 0, 1], queries="others")
    evaluated(three, mAP=[1])
    with pytest.raises(hx.InputError, match="same queries"):
        hx.compare(one, two)
    with pytest.raises(hx.InputError, match="same queries"):
        hx.compare(one, three)
    with pytest.raises(hx.InputError, match="fewer than two queries"):
        hx.compare(three, three)
    with pytest.raises(hx.InputError, match="two models of one recipe"):
        hx.compare(one, SHIPPED["cam"]["birds"])
    with pytest.raises(hx.InputError, match="does not exist"):
        hx.compare(one, tmp_path / "nowhere")
    with pytest.raises(hx.InputError, match=".csv"):
        hx.compare(one, one, out="table.txt")


@pytest.mark.parametrize(
    "recipe, loader",
    [("algr", "hetero_xmodal.data.tasks.matching.load_matching_data"), ("dagnn", "hetero_xmodal.data.tasks.retrieval.load_retrieval_data")],
)
def test_which_images_are_held_out_does_not_depend_on_the_seed_of_a_training(recipe, loader, tmp_path, monkeypatch):
    def load(data, **options):
        raise hx.InputError(f"seed {options.get('seed', 0)}")

    monkeypatch.setattr(loader, load)
    with pytest.raises(hx.InputError, match="^seed 0$"):
        hx.train(recipe, "world/scenes", out=tmp_path / "run", seed=5)


def test_models_trained_on_different_images_are_refused_before_they_are_evaluated(tmp_path, monkeypatch):
    (tmp_path / "photos").mkdir()
    data = plain_folder(tmp_path / "photos")  # without splits: what a model did not learn from is its test split
    ids = [item.id for item in hx.load_dataset(data)]
    config = ALGRConfig(width=4, in_width=4, heads=2, region_width=4, word_width=4)
    for name, used in (("one", ids[2:]), ("other", ids[3:]), ("same", ids[2:][::-1])):
        ALGR(config, {"used": used}).save_pretrained(tmp_path / name)
    evaluated: list = []

    def evaluate(model, data, **_):
        evaluated.append(model)
        raise hx.InputError("evaluated")

    monkeypatch.setattr("hetero_xmodal.evaluation.compare.evaluate", evaluate)
    with pytest.raises(hx.InputError, match="trained on different images of .*2 of 3 are left for both.*train both again"):
        hx.compare(tmp_path / "one", tmp_path / "other", data=data)
    assert not evaluated
    with pytest.raises(hx.InputError, match="^evaluated$"):
        hx.compare(tmp_path / "one", tmp_path / "same", data=data)
