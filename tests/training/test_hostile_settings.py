"""Every setting of every recipe with hostile values: trained with, or refused in one sentence before the data are read."""

from __future__ import annotations

import signal
from dataclasses import fields, replace

import pytest
from PIL import Image

import hetero_xmodal as hx
from hetero_xmodal.cli.main import run
from hetero_xmodal.configs import config_from_dict
from hetero_xmodal.data.tasks.matching import load
from hetero_xmodal.recipes.presets import RECIPES
from hetero_xmodal.training.mimnet_settings import MIMNetTraining
from hetero_xmodal.training.options import check_settings
from hetero_xmodal.training.settings import check_epochs, choose_settings, config_classes

DATA = {"dagnn": "world/scenes", "algr": "world/scenes", "cam": "world/birds", "mimnet": "world/birds", "trail": "world/scenes"}
HOSTILE = (
    "nan", "NaN", "Infinity", "-Infinity", "-1", "0", "1000000000", "1e30", "1e-320", str(10**30), "9" * 5000, "", " ", "null", "true",
    "[]", "[1]", "{}", "[" * 3000, "xyz", "\ud800", "\x00",
)  # fmt: skip
SETTINGS = [(recipe, name) for recipe in RECIPES for cls in config_classes(recipe) if cls for name in sorted(f.name for f in fields(cls))]


def too_long(*_) -> None:
    raise TimeoutError("more than ten seconds")


@pytest.fixture(autouse=True)
def limit():
    usual = signal.signal(signal.SIGALRM, too_long)
    signal.setitimer(signal.ITIMER_REAL, 10)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, usual)


@pytest.mark.parametrize("recipe", RECIPES)
def test_hostile_values_are_refused_in_one_short_sentence(recipe):
    refused = 0
    for owner, name in SETTINGS:
        for value in HOSTILE if owner == recipe else ():
            changes = [f"{name}={value}"]
            try:
                check_settings(recipe, DATA[recipe], None, changes)
            except hx.InputError as error:
                refused += 1
                assert name in str(error) or "parameters" in str(error) or "phase" in str(error), (name, value, error)
                assert len(str(error)) < 600, (name, str(error)[:700])
            else:  # then they are settings
                choose_settings(recipe, DATA[recipe], changes=changes)
    assert refused > 250


@pytest.mark.parametrize(
    "recipe, setting, sentence",
    [
        ("dagnn", "hops=1000000000", "hops is 1000000000, expected at most 100"),
        ("algr", "members=200", "members is 200, expected at most 100"),
        ("cam", "width=1000000000", "with these settings CAM has inf parameters"),
        ("dagnn", "width=300000", "with these settings DAGNN has .* parameters, which take .* GB in training"),
        ("mimnet", "momentum=1", "momentum is 1.0, expected at least 0 and below 1"),
        ("cam", "learning_rate=NaN", "learning_rate is nan, expected a finite number"),
        ("algr", "width=1" + "0" * 30, "expected a number between -2147483647 and 2147483647"),
        ("mimnet", "plain=" + "9" * 5000, r"expected a number"),
    ],
)
def test_what_is_wrong_is_said(recipe, setting, sentence):
    with pytest.raises(hx.InputError, match=sentence):
        check_settings(recipe, DATA[recipe], None, [setting])


@pytest.mark.parametrize("data", ["world/scenes", "coco:FOLDER"])
def test_too_few_epochs_for_both_phases_are_refused_before_the_data_are_read(data, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("hetero_xmodal.data.tasks.matching.load_matching_data", None)
    (tmp_path / "FOLDER").mkdir()
    monkeypatch.setattr("hetero_xmodal.training.api.check_data", lambda *_: None)
    assert run(["train", "algr", "--data", data, "--out", str(tmp_path / "run"), "--epochs", "1"]) == 2
    said = capsys.readouterr().err
    assert "epochs is 1, but the first phase alone takes" in said and "--set phase1_epochs=1" in said
    assert not (tmp_path / "run").exists()
    with pytest.raises(TypeError):  # it goes on to the data
        hx.train("algr", data, out=tmp_path / "run", epochs=1, set={"phase1_epochs": 0})


def test_settings_that_some_data_may_fit_are_left_to_the_data():
    check_settings("algr", "coco:FOLDER", None, ["phase1_epochs=11"])  # of 12 epochs of one of the presets, not of the 9 of another
    with pytest.raises(hx.InputError, match="the first phase alone takes 9"):
        check_settings("algr", "coco:FOLDER", "small", ["phase1_epochs=9"])


@pytest.mark.parametrize("accelerator", ["tpu", "xyz"])
@pytest.mark.parametrize("recipe", RECIPES)
def test_devices_that_are_not_there_are_refused_before_the_data_are_read(recipe, accelerator, tmp_path, monkeypatch):
    for loader in ("matching.load_matching_data", "retrieval.load_retrieval_data"):
        monkeypatch.setattr(f"hetero_xmodal.data.tasks.{loader}", None)
    with pytest.raises(hx.InputError, match=f"accelerator '{accelerator}'|accelerator is '{accelerator}'"):
        hx.train(recipe, DATA[recipe], out=tmp_path / "run", accelerator=accelerator)


def test_a_config_of_large_numbers_is_still_a_config():
    assert config_from_dict(MIMNetTraining, {"halve_every": 10**9}) == replace(MIMNetTraining(), halve_every=10**9)


def test_too_few_epochs_for_photographs_are_refused_before_their_features_are_made(tmp_path, monkeypatch):
    """How long the first phase is depends on the number of images; the world's preset alone would fit into three epochs."""
    for k in range(6):
        Image.new("RGB", (8, 8), (40 * k, 0, 0)).save(tmp_path / f"{k}.png")
        (tmp_path / f"{k}.txt").write_text("a square")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(load, "_regions", lambda *_: pytest.fail("features were made"))
    for more, message in (({}, "takes 3"), ({"preset": "paper/coco"}, "takes")):
        with pytest.raises(hx.InputError, match=f"the first phase alone {message}"):
            hx.train("algr", f"folder:{tmp_path}", out=tmp_path / "run", texts="trained:1", **({"epochs": 3} | more))
    assert not (tmp_path / "run").exists()


def test_the_first_phase_is_compared_with_the_epochs_of_each_preset_that_is_possible():
    check_epochs(100, True, data="x", epochs=3)  # the world's takes 2
    check_epochs(100, None, data="x", epochs=3)  # it may be the world's
    check_epochs(100, False, data="x")
    check_epochs(100, False, data="x", epochs=3, changes=["phase1_epochs=2"])
    for images, drawn, takes in ((100, False, 3), (20_000, False, 10)):
        with pytest.raises(hx.InputError, match=f"takes {takes}"):
            check_epochs(images, drawn, data="x", epochs=3)
