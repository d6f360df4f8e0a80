"""Ctrl-C in the phases of a training before and after its epochs: one sentence, exit code 130, and a folder that can be used again."""

from __future__ import annotations

import signal

import numpy as np
import pytest

from hetero_xmodal.cli.main import run

SCENES = ["--data", "world/scenes", "--size", "6,3,3", "--texts", "trained:1", "--set", "width=16", "--set", "in_width=16"]
BIRDS = ["--data", "world/birds", "--size", "4"]
PHASES = {
    "words of the captions": (["algr", *SCENES], "hetero_xmodal.data.tasks.matching.load.encode_words"),
    "comparing the data": (["algr", *SCENES], "hetero_xmodal.training.algr.of_matching"),
    "scale of the features": (["algr", *SCENES], "hetero_xmodal.training.algr.standardise_inputs"),
    "tag network": (["dagnn", "--data", "features:TAGS", "--set", "tag_hidden=8"], "torch.optim.Adam.step"),
    "parsing": (["cam", *BIRDS], "hetero_xmodal.parsers.sentence.parse_sentences"),
    "encoder": (["cam", *BIRDS, "--set", "width=12"], "hetero_xmodal.training.editing.setup.train_encoder"),
    "outlines": (["mimnet", *BIRDS, "--set", "outlines=true"], "hetero_xmodal.training.editing.segmentation.outline"),
    "images": (["similarity", *BIRDS], "hetero_xmodal.data.tasks.editing.load_editing_images"),
}


@pytest.fixture
def tags(tmp_path):
    rng, arrays = np.random.default_rng(0), {}
    for split in ("train", "val", "test"):
        arrays |= {f"{split}_images": rng.normal(size=(12, 6)), f"{split}_texts": rng.integers(0, 2, (12, 5)).astype(float)}
        arrays |= {f"{split}_labels": np.eye(3)[np.arange(12) % 3]}
    np.savez(tmp_path / "tags.npz", **arrays)
    return tmp_path / "tags.npz"


def stop(*_, **__):
    signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize("phase", PHASES)
def test_ctrl_c_in_a_phase_without_epochs(phase, tags, tmp_path, monkeypatch, capsys):
    words, place = PHASES[phase]
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(place, stop)
    inherited = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore Ctrl-C
    try:
        words = [str(w).replace("TAGS", str(tags)) for w in words]
        assert run(["train", *words, "--out", str(tmp_path / "run")]) == 130
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, inherited)
    assert capsys.readouterr().err.splitlines()[-1].startswith("hetero-xmodal: stopped with Ctrl-C")
    assert not (tmp_path / "run").exists()
