"""Every phase of a training before its epochs shows how far it is."""

from __future__ import annotations

import lightning as L
import numpy as np
import pytest

import hetero_xmodal as hx
from hetero_xmodal.training.editing import setup
from hetero_xmodal.training.editing.encoder import train_encoder

SCENES = {"data": "world/scenes", "size": "6,3,3", "texts": "trained:1", "set": {"width": 16, "in_width": 16, "standardise": True}}
BIRDS = {"data": "world/birds", "size": 4}
#: recipe, its options -> the phases before its epochs, as they are called
PHASES = {
    "algr": (SCENES, {"extracting regions", "reading the features"}),
    "dagnn": ({"data": "features:TAGS", "set": {"tag_hidden": 8}}, {"training the tag network"}),
    "cam": (BIRDS | {"set": {"width": 12}}, {"reading the train images", "training the encoder"}),
    "mimnet": (BIRDS | {"set": {"outlines": True, "start": "random"}}, {"reading the train images", "segmenting objects"}),
    "similarity": (BIRDS, {"reading the train images", "reading the val images"}),
}


class Epochs(Exception):
    """The epochs begin."""


class Bars:
    """Takes the place of rich's bars: task -> [steps in all, steps done]."""

    tasks: dict[str, list[float]] = {}

    def __init__(self, *columns, **options) -> None:
        pass

    def __enter__(self):
        return self

    def __exit__(self, *error) -> None:
        pass

    def add_task(self, what, total=0, completed=0, **more):
        self.tasks[what] = [total, completed]
        return what

    def advance(self, task, steps=1) -> None:
        self.tasks[task][1] += steps


@pytest.mark.parametrize("recipe", PHASES)
def test_every_phase_before_the_epochs_shows_how_far_it_is(recipe, tmp_path, monkeypatch):
    options, phases = PHASES[recipe]
    if recipe == "dagnn":
        arrays = {}
        for split in ("train", "val", "test"):
            labels = np.eye(3)[np.arange(12) % 3]
            arrays |= {f"{split}_images": labels, f"{split}_labels": labels, f"{split}_texts": np.eye(12)[:, :5]}
        np.savez(tmp_path / "tags.npz", **arrays)
        options = options | {"data": f"features:{tmp_path / 'tags.npz'}"}

    def epochs(*_, **__):
        raise Epochs

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("rich.progress.Progress", Bars)
    monkeypatch.setattr(Bars, "tasks", {})
    monkeypatch.setattr(L.Trainer, "fit", epochs)
    monkeypatch.setattr(setup, "train_encoder", lambda *some, steps, **more: train_encoder(*some, **more, steps=2))
    with pytest.raises(Epochs):
        hx.train(recipe, options["data"], out=tmp_path / "run", progress=True, **{k: v for k, v in options.items() if k != "data"})
    assert phases <= set(Bars.tasks), sorted(Bars.tasks)
    assert all(done == total > 0 for total, done in Bars.tasks.values()), Bars.tasks
