"""Models saved before weights were renamed: they load, and an index made from them still fits."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

import hetero_xmodal
from hetero_xmodal.pretrained import renamed_weight
from hetero_xmodal.recipes import ALGR, CAM, DAGNN, ALGRConfig, MIMNet
from hetero_xmodal.retrieval.index import model_fingerprint

ASSETS = Path(hetero_xmodal.__file__).parent / "assets"
SHIPPED = [(ALGR, "algr_world"), (DAGNN, "dagnn_world")]
SHIPPED += [(recipe, f"{recipe.recipe_name}_{data}") for recipe in (CAM, MIMNet) for data in ("birds", "scenes")]


@pytest.mark.parametrize(("recipe", "name"), SHIPPED)
def test_a_shipped_model_loads_with_its_weights_under_the_present_names(recipe, name):
    saved, model = load_file(ASSETS / name / "model.safetensors"), recipe.from_pretrained(ASSETS / name).state_dict()
    assert len(saved) == len(model)
    for old, value in saved.items():
        assert torch.equal(model[renamed_weight(old, recipe.former_weights)], value)


def test_an_ensemble_under_former_names_loads_and_keeps_its_fingerprint(tmp_path):
    config = ALGRConfig(region_width=6, word_width=4, in_width=5, width=5, members=2)
    model = ALGR(config, {})
    model.save_pretrained(tmp_path / "model")
    path = tmp_path / "model" / "model.safetensors"
    former = {new: old for old, new in ALGR.former_weights.items()}
    before = {renamed_weight(name, former): value for name, value in load_file(path).items()}
    assert {"recipe.parts.words_remember.update.heard_to_reset.bias", "others.0.recipe.parts.regions_share.send.weight"} <= set(before)
    save_file(before, path)
    (tmp_path / "model" / "manifest.json").unlink()  # versions of that time wrote none
    loaded = ALGR.from_pretrained(tmp_path / "model")
    assert all(torch.equal(loaded.state_dict()[name], value) for name, value in model.state_dict().items())

    class Before(ALGR):
        """The model as it was saved: its own names are the oldest ones."""

        former_weights = {}

        def state_dict(self, *args, **kwargs):
            return before

    Before.__name__ = "ALGR"
    assert model_fingerprint(Before(config, {})) == model_fingerprint(loaded)
