"""``hx.load_model`` loads every shipped model, and says what is wrong with a name."""

from __future__ import annotations

import pytest

import hetero_xmodal as hx
from hetero_xmodal import recipes
from hetero_xmodal.pretrained import SHIPPED


@pytest.mark.parametrize(("recipe", "name"), [(recipe, name) for recipe, names in SHIPPED.items() for name in names])
def test_every_shipped_model_is_loaded_by_its_name(recipe, name):
    model = hx.load_model(name, recipe=recipe)
    assert isinstance(model, {"mimnet": recipes.MIMNet}.get(recipe) or getattr(recipes, recipe.upper())) and not model.training


def test_a_folder_says_itself_of_which_recipe_it_is():
    assert isinstance(hx.load_model(SHIPPED["cam"]["scenes"]), recipes.CAM)


@pytest.mark.parametrize(
    ("model", "recipe", "reason"),
    [
        ("birds", None, "recipe='cam' or 'mimnet'"),
        ("birds", "kam", "did you mean 'cam'"),
        ("bird", "cam", "birds"),
        ("nowhere", None, "does not exist"),
        (SHIPPED["cam"]["birds"], "mimnet", "is of the recipe cam"),
    ],
)
def test_what_cannot_be_loaded_is_refused(model, recipe, reason):
    with pytest.raises(hx.InputError, match=reason):
        hx.load_model(model, recipe=recipe)


def test_what_an_edit_does_before_a_model_paints_has_public_names():
    dog = hx.SceneGraph(objects=[hx.SceneObject("dog", ["red"], box=(6, 43, 24, 56))], size=(64, 64))
    assert hx.editing.parse_instruction("No dog.")[0].kind == "remove"
    assert "already is red" in hx.editing.decide(dog, "The dog is red.").reason
    assert hx.editing.plan_edit(dog, "no dog", sizes={}).kind == "remove"
    assert hx.data.load_pairs("world/scenes", "val", size=1)[0].kind == "attribute"
