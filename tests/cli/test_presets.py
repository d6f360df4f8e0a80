"""``--preset``: what was chosen is printed and kept with the run; unknown names are refused before data are read."""

from __future__ import annotations

import json

import numpy as np
import pytest

import hetero_xmodal as hx
from hetero_xmodal.cli.main import run


@pytest.fixture
def features(tmp_path):
    labels, rng, arrays = np.eye(3)[np.arange(30) % 3], np.random.default_rng(0), {}
    for split in ("train", "test"):
        arrays |= {f"{split}_images": rng.normal(size=(30, 6)), f"{split}_texts": rng.normal(size=(30, 3)), f"{split}_labels": labels}
    np.savez(tmp_path / "mine.npz", **arrays)
    return f"features:{tmp_path / 'mine.npz'}"


def test_what_was_chosen_is_told_and_recorded(features, tmp_path, capsys):
    words = ["train", "dagnn", "--data", features, "--epochs", "1", "--set", "width=8", "--set", "hops=1"]
    assert run([*words, "--out", str(tmp_path / "chosen")]) == 0
    assert "settings: small set, because there are 27 training images; see --preset" in capsys.readouterr().out
    record = json.loads((tmp_path / "chosen" / "config.json").read_text())
    assert record["preset"]["name"] == "small" and record["preset"]["changes"] == ["width=8", "hops=1"]
    assert run([*words, "--out", str(tmp_path / "forced"), "--preset", "paper/nus-wide"]) == 0
    assert "as --preset paper/nus-wide asks" in capsys.readouterr().out
    made = hx.train("dagnn", features, out=tmp_path / "python", preset="paper/nus-wide", epochs=1, set={"width": 8, "hops": 1})
    assert made.model.config.beta == 0.2 and made.model.config.width == 8


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["train", "dagnn", "--preset", "smal"], "did you mean 'small'"),
        (["train", "dagnn", "--preset", "paper"], "does not say which data set it holds"),
        (["train", "dagnn", "--preset", "paper/f30k"], "no experiment on f30k"),
        (["table", "dagnn", "--preset", "paper/nuswid"], "did you mean 'nus-wide'"),
    ],
)
def test_unknown_presets_are_refused(features, tmp_path, capsys, words, says):
    out = ["--out", str(tmp_path / ("run" if words[0] == "train" else "table.csv"))]
    assert run([*words, "--data", features, *out]) == 2
    assert says in capsys.readouterr().err and sorted(p.name for p in tmp_path.iterdir()) == ["mine.npz"]
