"""``hx.train`` and ``hetero-xmodal train`` make the same model; what cannot be is refused before anything is written."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import hetero_xmodal as hx
from hetero_xmodal.cli.main import run
from hetero_xmodal.editing.pipeline import load_manipulation_model
from hetero_xmodal.files import read_safetensors


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def features(tmp_path_factory):
    rng, path = np.random.default_rng(0), tmp_path_factory.mktemp("features") / "mine.npz"
    labels = np.eye(3)[np.arange(30) % 3]
    arrays = {}
    for split in ("train", "test"):
        arrays |= {f"{split}_images": rng.normal(size=(30, 6)), f"{split}_texts": rng.normal(size=(30, 3)), f"{split}_labels": labels}
    np.savez(path, **arrays)
    return path


def same_weights(one, other) -> bool:
    first, second = (read_safetensors(path / "model" / "model.safetensors")[0] for path in (one, other))
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


CASES = {
    "dagnn": (None, {"set": {"width": 8, "hops": 1, "batch_size": 10}, "epochs": 2}),
    "algr": ("world/scenes", {"set": {"width": 16, "in_width": 16, "phase1_epochs": 1, "batch_size": 25}, "epochs": 2, "size": "6,3,3",
                              "texts": "trained:1"}),
    "similarity": ("world/birds", {"size": 8, "epochs": 1}),
}  # fmt: skip


@pytest.mark.parametrize("recipe", CASES)
def test_in_python_and_typed_it_makes_the_same_model(recipe, features, tmp_path, capsys):
    data, options = CASES[recipe]
    data = data or f"features:{features}"
    told = []
    made = hx.train(recipe, data, out=tmp_path / "python", seed=3, progress=False, tell=told.append, **options)
    words = [w for key, value in options.items() if key != "set" for w in (f"--{key}", str(value))]
    words += [w for key, value in options.get("set", {}).items() for w in ("--set", f"{key}={value}")]
    assert run(["train", recipe, "--data", data, "--out", str(tmp_path / "typed"), "--seed", "3", *words]) == 0
    assert same_weights(tmp_path / "python", tmp_path / "typed")
    assert capsys.readouterr().out.splitlines()[: len(told)] == told and told
    assert made.recipe == recipe and made.result.epochs == options["epochs"] and hx.verify(made.out).kind == "run"
    with pytest.raises(hx.InputError, match="is not empty"):
        hx.train(recipe, data, out=tmp_path / "python", **options)


@pytest.mark.parametrize("recipe", ["cam", "mimnet"])
def test_a_training_begins_with_a_shipped_model(recipe, tmp_path, monkeypatch):
    monkeypatch.setattr("hetero_xmodal.training.editing.setup.READER_STEPS", 2)  # how long the attribute reader of the losses learns
    options = {"size": 6, "epochs": 1, "start": "birds", "progress": False}
    settings = {"batch_size": 4} | ({"painting": 0} if recipe == "cam" else {})
    made = hx.train(recipe, "world/birds", out=tmp_path / "run", set=settings, **options)
    shipped = load_manipulation_model("birds", recipe=recipe)
    assert made.model.config == shipped.config and hx.verify(tmp_path / "run").kind == "run"
    with pytest.raises(hx.InputError, match="has another channels"):
        hx.train(recipe, "world/birds", out=tmp_path / "next", set=settings | {"channels": 16}, **options)
    assert not (tmp_path / "next" / "model").exists()


@pytest.mark.parametrize(
    ("arguments", "options", "says"),
    [
        (("dagn", "world/scenes"), {}, "did you mean 'dagnn'"),
        (("dagnn",), {}, "train dagnn needs data"),
        (("detector", "world/scenes"), {}, "leave data out"),
        (("detector",), {"set": ["a=1"]}, "'set' is no option of train detector"),
        (("detector",), {"steps": 0}, "steps is 0"),
        (("cam", "world/birds"), {"patience": 2}, "'patience' is no option of train cam"),
        (("cam", "world/birds"), {"set": {"widht": 3}}, "did you mean 'width'"),
        (("cam", "world/birds"), {"start": "nowhere"}, "'nowhere' does not exist"),
        (("cam", "world/birds"), {"start": "scenes", "size": 1}, "size is 1"),
        (("algr", "world/scenes"), {"size": "many"}, "size is 'many'"),
        (("algr", "world/scenes"), {"epochs": 0}, "epochs is 0; give a whole number of at least 1"),
        (("dagnn", "world/scenes"), {"seed": -1}, "seed is -1; give a whole number from 0 to"),
        (("dagnn", "world/scenes"), {"devices": 0}, "devices is 0; give a whole number of at least 1"),
        (("dagnn", "world/scenes"), {"resume": True}, "no run in .*run' to resume"),
        (("dagnn", "world/scenes"), {"size": 0}, "size is 0"),
        (("similarity", "world/birds"), {"size": 1}, "size is 1"),
        (("similarity", "world/birds"), {"set": "width"}, "key=value"),
    ],
)
def test_what_is_refused_leaves_nothing(arguments, options, says, tmp_path):
    with pytest.raises(hx.InputError, match=says):
        hx.train(*arguments, out=tmp_path / "run", **options)
    assert list(tmp_path.iterdir()) == []
