"""Which model edits: shipped ones by name, model and run folders, and the recipe that a model is of.

>>> recipe_of("birds"), recipe_of("birds", "mimnet")
('cam', 'mimnet')
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InputError, nearest
from ..files import read_json

if TYPE_CHECKING:
    from ..recipes.cam import CAM
    from ..recipes.mimnet import MIMNet

ASSETS = Path(__file__).parents[1] / "assets"
RECIPES = ("cam", "mimnet", "recolour")
#: a part head is no recipe, but the model of one
_RECIPE_OF_PARTS = {"parts": "recolour"}
#: name of a shipped model -> its folder
SHIPPED = {"birds": ASSETS / "cam_birds", "scenes": ASSETS / "cam_scenes"}


def recipe_of(model: Any, recipe: str | None = None) -> str:
    """Return ``"cam"``, ``"mimnet"`` or ``"recolour"``: *recipe* if given, else the recipe of the model or its folder, else ``"cam"``.

    Raises
    ------
    InputError
        If *recipe* is unknown.
    """
    if recipe is not None:
        if recipe not in RECIPES:
            raise InputError(f"recipe is {recipe!r}{nearest(recipe, RECIPES)}; known for manipulation are {', '.join(RECIPES)}")
        return recipe
    if not isinstance(model, str | Path):
        return _RECIPE_OF_PARTS.get(model.recipe_name, model.recipe_name)
    for file in (Path(model) / "model" / "config.json", Path(model) / "config.json"):
        if str(model) not in SHIPPED and file.exists():
            head = read_json(file, "model config")
            name = str(head.get("recipe")) if isinstance(head, dict) else ""
            if name in RECIPES or name in _RECIPE_OF_PARTS:
                return _RECIPE_OF_PARTS.get(name, name)
    return "cam"


def load_manipulation_model(model: str | Path = "birds", *, recipe: str | None = None) -> CAM | MIMNet:
    """Load an editing model.

    Parameters
    ----------
    model : a model or run folder, or the name of a shipped model, ``"birds"`` or ``"scenes"``.
    recipe : of a shipped model, ``"cam"`` (default) or ``"mimnet"``; a folder's recipe is read from it.

    Raises
    ------
    InputError
        If the folder is not a model, or *recipe* is unknown.
    """
    if recipe_of(model, recipe) == "mimnet":
        from .mimnet import load_memory_model

        return load_memory_model(model)
    from ..recipes.cam import CAM

    folder = SHIPPED.get(str(model), Path(model))
    if not folder.is_dir() and str(model) in SHIPPED:
        raise InputError(f"this package ships no model '{model}'; train one with: hetero-xmodal train cam --data world/{model} --out DIR")
    return CAM.from_pretrained(folder / "model" if (folder / "model" / "config.json").exists() else folder)
