"""Load a trained model of any recipe: ``hx.load_model``."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

from ..errors import InputError, nearest
from ..pretrained import SHIPPED, find_model

#: recipe -> module of this package and class in it
_CLASSES = {
    "dagnn": ("dagnn", "DAGNN"),
    "algr": ("algr", "ALGR"),
    "trail": ("trail", "TRAIL"),
    "cam": ("cam", "CAM"),
    "mimnet": ("mimnet", "MIMNet"),
}


def load_model(model: str | Path, *, recipe: str | None = None) -> Any:
    """Load a trained model in evaluation mode; nothing in its files is executed.

    Parameters
    ----------
    model : model folder or run folder; with *recipe*, also the name of a shipped model: ``"world"`` for ``"dagnn"``, ``"algr"`` and
        ``"trail"``, ``"birds"`` or ``"scenes"`` for ``"cam"`` and ``"mimnet"``.
    recipe : the recipe that the model has to be of.

    Returns
    -------
    A model of :mod:`hetero_xmodal.recipes`, a ``torch.nn.Module`` whose ``recipe`` is the message passing that it runs.

    Raises
    ------
    InputError : no such recipe, no such folder, or a folder that is no model of *recipe*.

    >>> import hetero_xmodal as hx
    >>> [step.name for step in hx.load_model("world", recipe="dagnn").recipe.steps]
    ['hop 1', 'hop 2']
    """
    if recipe is not None and recipe not in _CLASSES:
        raise InputError(f"recipe is {recipe!r}{nearest(recipe, _CLASSES)}; recipes with trained models are {', '.join(_CLASSES)}")
    if recipe is None and not Path(model).exists() and any(str(model) in names for names in SHIPPED.values()):
        of = " or ".join(repr(name) for name, names in SHIPPED.items() if str(model) in names)
        raise InputError(f"{str(model)!r} is the name of several shipped models; say which by recipe={of}")
    folder, found = find_model(model, recipe=recipe)
    if found not in _CLASSES:
        raise InputError(f"model '{folder}' is of the recipe {found!r}; recipes with trained models are {', '.join(_CLASSES)}")
    module, name = _CLASSES[found]
    return getattr(import_module(f".{module}", __package__), name).from_pretrained(folder)
