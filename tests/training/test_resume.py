"""A run is resumed with the recipe, settings, data and number of threads that it was started with, or refused in one sentence."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from line_model import run

import hetero_xmodal as hx
from hetero_xmodal.cli.main import run as command
from hetero_xmodal.data.tasks.matching import MatchingData, Regions, Split, Words
from hetero_xmodal.networks.similarity_config import SimilarityConfig
from hetero_xmodal.recipes.configs.cam import CAMConfig
from hetero_xmodal.recipes.presets import RECIPES
from hetero_xmodal.training import FitConfig, loop
from hetero_xmodal.training.algr import train_algr
from hetero_xmodal.training.cam import train_cam
from hetero_xmodal.training.cam_settings import CAMTraining
from hetero_xmodal.training.editing.make_dataset import load_manipulation_data
from hetero_xmodal.training.editing.setup import Settings
from hetero_xmodal.training.fingerprint import difference, of_editing, of_matching, split_fingerprint
from hetero_xmodal.training.mimnet import train_mimnet
from hetero_xmodal.training.resume import check_resumed, run_config
from hetero_xmodal.training.run_folder import flat_settings
from hetero_xmodal.training.settings import config_classes

ITEMS = {"train": split_fingerprint("abc", captions=["1", "2", "3"], images=np.eye(3))}
CHANGES = {
    "captions": (split_fingerprint("abc", captions=["1", "x", "y"], images=np.eye(3)),
                 "2 of 3 items of the split train have other captions, the first is 'b'"),
    "image": (split_fingerprint("abc", captions="123", images=np.eye(3) + [[0], [0], [1]]),
              "1 of 3 items of the split train has other images, the first is 'c'"),
    "more": (split_fingerprint("abcde", captions="12345", images=np.eye(5)),
             "the split train has 5 items instead of 3, new is 'd' (and 1 more)"),
    "fewer": (split_fingerprint("ac", captions="13", images=np.eye(2)), "the split train has 2 items instead of 3, missing is 'b'"),
    "twice": (split_fingerprint("abca", captions="1231", images=np.eye(4)), "the split train has 4 items instead of 3"),
    "order": (split_fingerprint("acb", captions="132", images=np.eye(3)),
              "the items of the split train come in another order, the first in another place is 'c'"),
}  # fmt: skip


@pytest.mark.parametrize("what", CHANGES)
def test_what_has_changed_is_said_of_the_first_item(what):
    changed, sentence = CHANGES[what]
    assert difference(ITEMS, {"train": changed}) == sentence
    assert difference(ITEMS, ITEMS) is None
    assert difference(json.loads(json.dumps(ITEMS)), ITEMS) is None  # as it is read back from the run folder


def test_a_run_is_not_resumed_with_other_data_and_its_record_stays(tmp_path):
    run(tmp_path / "run", epochs=1, data=ITEMS)
    before = (tmp_path / "run/data.json").read_bytes()
    for changed, sentence in CHANGES.values():
        with pytest.raises(hx.InputError) as error:
            run(tmp_path / "run", epochs=2, resume=True, data={"train": changed})
        assert f"was started with other data: {sentence}; resume with the same data or start a new run" in str(error.value)
    assert (tmp_path / "run/data.json").read_bytes() == before
    _, result = run(tmp_path / "run", epochs=2, resume=True, data=ITEMS)
    assert result.epochs == 2
    (tmp_path / "run/data.json").write_text("[1]")
    with pytest.raises(hx.InputError, match="is no record of a run's data"):
        run(tmp_path / "run", epochs=3, resume=True, data=ITEMS)
    (tmp_path / "run/data.json").unlink()  # a run of a version before this record
    assert run(tmp_path / "run", epochs=3, resume=True, data=ITEMS)[1].epochs == 3


@pytest.fixture
def features(tmp_path):
    """A file of features, and a run of DAGNN on it."""
    labels, rng = np.eye(3)[np.arange(30) % 3], np.random.default_rng(0)
    arrays = {}
    for split in ("train", "val", "test"):
        arrays |= {f"{split}_images": rng.normal(size=(30, 6)), f"{split}_texts": rng.normal(size=(30, 3)), f"{split}_labels": labels}
    np.savez(tmp_path / "mine.npz", **arrays)
    hx.train("dagnn", f"features:{tmp_path / 'mine.npz'}", out=tmp_path / "run", epochs=1, set=SMALL, progress=False)
    return tmp_path / "mine.npz", arrays


SMALL = {"width": 8, "hops": 1, "batch_size": 10}
LINE = ["--epochs", "2", "--set", "width=8", "--set", "hops=1", "--set", "batch_size=10", "--resume"]


def resumed(capsys, recipe, data, out, *words) -> str:
    assert command(["train", recipe, "--data", data, "--out", str(out), *words]) == 2
    return capsys.readouterr().err


def test_a_run_as_typed_names_what_differs(features, tmp_path, capsys, monkeypatch):
    path, arrays = features
    data = f"features:{path}"
    arrays["train_texts"][7] += 1
    np.savez(tmp_path / "edited.npz", **arrays)
    edited = resumed(capsys, "dagnn", f"features:{tmp_path / 'edited.npz'}", tmp_path / "run", *LINE)
    assert "other data: 1 of 30 items of the split train has other texts, the first is '7'" in edited
    path.rename(tmp_path / "moved.npz")  # the same data in another place are the same data
    assert command(["train", "dagnn", "--data", f"features:{tmp_path / 'moved.npz'}", "--out", str(tmp_path / "run"), *LINE]) == 0
    (tmp_path / "moved.npz").rename(path)
    np.savez(tmp_path / "wider.npz", **{k: np.hstack([v, v]) if k.endswith("texts") else v for k, v in arrays.items()})
    wider = resumed(capsys, "dagnn", f"features:{tmp_path / 'wider.npz'}", tmp_path / "run", *LINE)
    assert "other data: 30 of 30 items" in wider and "text_width" not in wider  # the data, not the setting that follows from it
    # all else is refused before the data are read
    monkeypatch.setattr("hetero_xmodal.training.api.load_pairs_and_vectors", None)
    assert "was started with --seed 0, now --seed 5 is requested" in resumed(capsys, "dagnn", data, tmp_path / "run", *LINE, "--seed", "5")
    assert "was started with hops=1, now hops=2 is requested" in resumed(capsys, "dagnn", data, tmp_path / "run", *LINE, "--set", "hops=2")
    other = resumed(capsys, "algr", "world/scenes", tmp_path / "run", "--resume")
    assert "holds a run of train dagnn, not of train algr" in other
    config = json.loads((tmp_path / "run/config.json").read_text())
    (tmp_path / "run/config.json").write_text(json.dumps({"width": 3}))
    assert "holds no run of train dagnn but another config.json" in resumed(capsys, "dagnn", data, tmp_path / "run", *LINE)
    (tmp_path / "run/config.json").write_text(json.dumps(config))


# ---------------------------------------------------------------------------------------------- settings that came later


@pytest.fixture
def begun_before(features, tmp_path, monkeypatch):
    """A run begun by a version whose DAGNN had no setting ``control``: neither ``config.json`` nor a checkpoint knows of it."""
    path, _ = features
    whole = loop.run_config

    def former(*some):
        config = whole(*some)
        del config["recipe"]["control"]
        return config

    monkeypatch.setattr(loop, "run_config", former)
    hx.train("dagnn", f"features:{path}", out=tmp_path / "former", epochs=2, set=SMALL, progress=False)
    monkeypatch.undo()
    return f"features:{path}", tmp_path / "former"


def test_a_run_begun_before_a_setting_existed_goes_on_exactly(begun_before, tmp_path):
    data, out = begun_before
    whole = hx.train("dagnn", data, out=tmp_path / "whole", epochs=4, set=SMALL, progress=False)
    for epochs in (3, 4):  # twice: its checkpoints are known by the record that it was begun with
        resumed = hx.train("dagnn", data, out=out, epochs=epochs, resume=True, set=SMALL, progress=False)
        assert "control" not in json.loads((out / "config.json").read_text())["recipe"] and hx.verify(out).kind == "run"
    assert all(torch.equal(a, b) for a, b in zip(whole.model.state_dict().values(), resumed.model.state_dict().values(), strict=True))
    assert (out / "metrics.csv").read_text() == (tmp_path / "whole/metrics.csv").read_text()


def test_another_value_of_a_setting_that_came_later_is_refused_before_the_data_are_read(begun_before, capsys, monkeypatch):
    data, out = begun_before
    monkeypatch.setattr("hetero_xmodal.training.api.load_pairs_and_vectors", None)
    said = resumed(capsys, "dagnn", data, out, *LINE, "--set", "control=even")
    assert (
        f"run '{out}' was begun by an earlier version, without the setting control, which counts as control='none', now control='even' is "
        "requested; resume with --set control=none or start a new run" in said
    )


def test_a_preset_that_sets_what_came_later_is_refused_with_what_to_give(tmp_path, capsys):
    """As for photographs, whose decoders move colours today and painted before: the data decide, nobody typed it."""
    config, fit_config = CAMConfig(shift=True), FitConfig(epochs=2)
    record = run_config("cam", fit_config, Settings(config, CAMTraining()))
    del record["recipe"]["model"]["shift"], record["recipe"]["training"]["recolour"]
    (tmp_path / "config.json").write_text(json.dumps(record))
    with pytest.raises(
        hx.InputError, match="without the setting shift, which counts as shift=False, now shift=True is .* --set shift=false"
    ):
        check_resumed(tmp_path, "cam", fit_config, Settings(config, CAMTraining()))
    assert check_resumed(tmp_path, "cam", fit_config, Settings(replace(config, shift=False), CAMTraining())) == record
    with pytest.raises(hx.InputError, match="counts as recolour=0.0, now recolour=0.5 is requested; resume with --set recolour=0.0 or"):
        check_resumed(tmp_path, "cam", fit_config, Settings(CAMConfig(), CAMTraining(recolour=0.5)))


def test_a_setting_that_this_version_does_not_have_is_refused(features, tmp_path, capsys):
    path, _ = features
    record = json.loads((tmp_path / "run/config.json").read_text())
    record["recipe"]["glow"] = 0.5
    (tmp_path / "run/config.json").write_text(json.dumps(record))
    said = resumed(capsys, "dagnn", f"features:{path}", tmp_path / "run", *LINE)
    assert (
        "was begun with glow=0.5, a setting that this version does not have; resume with the version that began it or start a new" in said
    )


@pytest.mark.parametrize("recipe", [*RECIPES, "similarity"])
def test_any_setting_may_be_missing_from_the_record_of_a_run_and_counts_as_its_default(recipe, tmp_path):
    classes = [SimilarityConfig, None] if recipe == "similarity" else config_classes(recipe)
    config = classes[0]() if classes[1] is None else Settings(*(cls() for cls in classes))
    whole = run_config(recipe, FitConfig(), config)
    for name in [*flat_settings(whole["fit"]), *flat_settings(whole["recipe"])]:
        record = json.loads(json.dumps(whole))
        owners = [part for part in (record["fit"], record["recipe"], *record["recipe"].values()) if isinstance(part, dict) and name in part]
        for owner in owners:
            del owner[name]
        (tmp_path / "config.json").write_text(json.dumps(record))
        kept = check_resumed(tmp_path, recipe, FitConfig(), config)
        assert owners or "." in name
        assert kept == record | {"fit": record["fit"] | {"epochs": FitConfig().epochs}}, name


def test_a_run_of_a_former_version_is_told_from_another_recipe_by_its_settings(tmp_path):
    some = load_manipulation_data("world/birds", size=3, captions=1, told=0)
    (tmp_path / "run").mkdir()
    (tmp_path / "run/config.json").write_text(json.dumps({"fit": {"seed": 0}, "recipe": {"hops": 2, "width": 8, "gnn": "gat", "tau": 0.3}}))
    for train in (train_cam, train_mimnet):
        with pytest.raises(hx.InputError, match="holds a run of another recipe than"):
            size = {"image_size" if train is train_cam else "fine_size": 64}
            config = hx.recipes.CAMConfig(**size) if train is train_cam else hx.recipes.MIMNetConfig(coarse_size=32, **size)
            train(some, validation=some, out=tmp_path / "run", config=config, fit_config=FitConfig(), resume=True, progress=False)


def matching(captions=("a red dog", "a cat", "two birds", "a blue boat"), change=0.0) -> MatchingData:
    rng = np.random.default_rng(0)
    regions = Regions(rng.normal(size=(2, 3, 6)).astype(np.float32), np.array([3, 2]), ids=["x", "y"])
    regions.features[1, 1, 0] += change
    words = Words(rng.normal(size=(8, 4)).astype(np.float32), np.array([0, 2, 4, 6, 8]))
    split = Split(regions, words, np.array([0, 0, 1, 1]), captions, "train")
    return MatchingData(split, replace(split, name="val"), split, {"data": "made"})


def test_edited_captions_and_regions_of_algr(tmp_path):
    config = hx.recipes.ALGRConfig(width=8, in_width=8, heads=2, phase1_epochs=1, batch_size=4)
    train_algr(matching(), out=tmp_path / "run", config=config, fit_config=FitConfig(epochs=2), progress=False)
    for data, what in ((matching(("a red dog", "a cat", "three birds", "a blue boat")), "captions"), (matching(change=1e-3), "images")):
        with pytest.raises(hx.InputError, match=f"1 of 2 items of the split train has other {what}, the first is 'y'"):
            train_algr(data, out=tmp_path / "run", config=config, fit_config=FitConfig(epochs=3), resume=True, progress=False)


def test_computed_regions_are_known_by_their_images():
    """Their last digits differ between machines, and on another machine a run may go on."""
    made = matching()
    vocab = {"used": ["x", "y"], "used_marks": ["1", "2"]}

    def grid(data, marks=("1", "2")):
        of = replace(data.train.regions, provenance={"extractor": "grid"})
        return of_matching(replace(data, train=replace(data.train, regions=of), vocab=vocab | {"used_marks": list(marks)}))

    assert difference(grid(made), grid(matching(change=1e-6))) is None
    assert "1 of 2 items of the split train has other images, the first is 'x'" in difference(grid(made), grid(made, ("3", "2")))


def test_edited_images_and_sentences_of_editing_models():
    some = load_manipulation_data("world/birds", size=3, captions=1, told=0)
    before = of_editing(some, some)
    images = some.images.clone()
    images[1, 0, 5, 5] ^= 1
    assert "1 of 3 items of the split val has other images, the first is '1'" in difference(
        before, of_editing(some, replace(some, images=images))
    )
    other = load_manipulation_data("world/birds", size=3, captions=1, told=0, seed=1)
    assert "3 of 3 items of the split train have other" in difference(before, of_editing(other, some))


def test_a_run_goes_on_with_as_many_threads_as_it_began_with(features, tmp_path):
    """DAGNN's weights differ between one and two threads."""
    path, _ = features
    more = dict(set=SMALL, progress=False)
    usual = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        whole = hx.train("dagnn", f"features:{path}", out=tmp_path / "whole", epochs=3, **more)
        hx.train("dagnn", f"features:{path}", out=tmp_path / "parts", epochs=2, **more)
        torch.set_num_threads(1)
        with pytest.warns(UserWarning, match="the run was started with 2 threads, on which its weights depend"):
            resumed = hx.train("dagnn", f"features:{path}", out=tmp_path / "parts", epochs=3, resume=True, **more)
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(usual)
    assert json.loads((tmp_path / "parts/environment.json").read_text())["threads"] == 2
    assert all(torch.equal(a, b) for a, b in zip(whole.model.state_dict().values(), resumed.model.state_dict().values(), strict=True))
