"""Settings of the recipes with names, chosen by what the data are.

Every recipe has an ordered list of presets, each with the condition under which it holds; the first whose condition holds is taken.
Beside them stands what its paper used for each data set of its experiments, ``paper/NAME``.

>>> from hetero_xmodal.recipes.presets import DataFacts, choose_preset, named_preset, paper_preset
>>> choose_preset("algr", DataFacts(images=40, image_width=1280, text="word vectors", text_width=384)).name
'small-identity'
>>> paper_preset("mimnet", "celeba").epochs
40

==========================  ==================================================================================
:class:`DataFacts`          what the choice depends on; :func:`facts_of` finds it for loaded data
:func:`choose_preset`       the preset for data with these facts
:func:`paper_preset`        what the paper used on the set that a ``--data`` names
:func:`named_preset`        the preset of a name as ``--preset`` takes it
:func:`presets`             every setting of every preset as a row, with where its value comes from
==========================  ==================================================================================

A new data set needs no line here. A new preset is one entry in the recipe's file, before the presets that it goes before.
"""

from __future__ import annotations

import importlib
import re
from typing import Any

from ...errors import InputError, nearest
from .facts import KNOWN, SMALL, DataFacts, annotation, facts_of
from .preset import OFF, OURS, READING, STATED, Preset

__all__ = [
    "KNOWN", "OFF", "OURS", "READING", "RECIPES", "SMALL", "STATED", "DataFacts", "Preset", "annotation", "choose_preset", "facts_of",
    "TITLES", "DATASETS", "named_preset", "paper_dataset", "paper_preset", "preset_list", "preset_names", "presets",
]  # fmt: skip

RECIPES = ("dagnn", "algr", "cam", "mimnet", "trail")
#: how papers write a recipe's name
TITLES = {"dagnn": "DAGNN", "algr": "ALGR", "cam": "CAM", "mimnet": "MIM-Net", "trail": "TRAIL"}
#: the data sets that papers of the recipes used -> names that are understood for them
DATASETS: dict[str, tuple[str, ...]] = {
    "f30k": ("f30k", "flickr30k", "flickr30kimages"),
    "coco": ("coco", "cocolabels", "mscoco", "coco2014"),
    "mirflickr": ("mirflickr", "mirflickr25k"),
    "nus-wide": ("nuswide", "nus", "nuswidetc21"),
    "cub": ("cub", "cub2002011"),
    "vg": ("vg", "visualgenome"),
    "oxford-102": ("oxford102", "flowers102", "oxfordflowers102"),
    "celeba": ("celeba",),
    "deepfashion": ("deepfashion",),
}
#: kinds of data named by their file layout: only the name of the file or folder indicates which data set it holds
_LAYOUTS = ("karpathy", "karpathy+restval", "scan", "bottom-up", "regions", "mat", "features", "folder", "photos")


def choose_preset(recipe: str, facts: DataFacts | Any) -> Preset:
    """The first preset of *recipe* whose condition holds for data with these facts (or for loaded data, see :func:`facts_of`).

    Raises
    ------
    InputError : an unknown recipe, or what :func:`facts_of` refuses.
    """
    facts = facts_of(facts)
    return next(preset for preset in _tables(recipe).PRESETS if preset.holds(facts))


def paper_preset(recipe: str, dataset: str) -> Preset:
    """What the paper of *recipe* used on *dataset*: a set in its experiments (``"f30k"``), or data as ``--data`` names them.

    Raises
    ------
    InputError : a data set on which the paper has no experiment, or a name that does not identify the data set.

    >>> paper_preset("algr", "karpathy:dataset_flickr30k.json,images").name
    'paper/f30k'
    """
    known = _tables(recipe).PAPER
    name = paper_dataset(dataset)
    title = TITLES[recipe]
    force = " or ".join(f"--preset paper/{one}" for one in known)
    if name is None:
        kind = str(dataset).partition(":")[0]
        if kind in _LAYOUTS:
            raise InputError(
                f"'{dataset}' does not say which data set it holds, so the {title} paper's settings for it are not known; give {force}"
            )
        raise InputError(f"the {title} paper has no experiment on '{dataset}'; its settings are those of {force}")
    if name not in known:
        raise InputError(f"the {title} paper has no experiment on {name}; its settings are those of {force}")
    return known[name]


def named_preset(recipe: str, name: str, *, dataset: str = "") -> Preset:
    """The preset of *recipe* that ``--preset`` *name* asks for; ``"paper"`` is the paper's for the set that *dataset* names.

    Raises
    ------
    InputError : an unknown name, and what :func:`paper_preset` refuses.

    >>> named_preset("algr", "paper/coco").model["beta_epochs"]
    30
    >>> named_preset("mimnet", "smal")
    Traceback (most recent call last):
    ...
    hetero_xmodal.errors.InputError: MIM-Net has no preset 'smal' (did you mean 'small'?); --preset takes world-scenes, \
world, small, paper, paper/cub, paper/oxford-102, paper/celeba, paper/deepfashion
    """
    tables, text = _tables(recipe), str(name)
    if text.partition("/")[0] == "paper" and not tables.PAPER:
        listed = ", ".join(preset_names(recipe))
        raise InputError(f"{TITLES[recipe]} is not from a paper, so none has settings for it; --preset takes {listed}")
    if text == "paper":
        if not dataset:
            raise InputError(
                f"the {TITLES[recipe]} paper has settings for each of its data sets; give one of "
                + ", ".join(f"paper/{one}" for one in tables.PAPER)
            )
        return paper_preset(recipe, dataset)
    head, slash, wanted = text.partition("/")
    if head == "paper" and slash:
        if paper_dataset(wanted) is None:
            close = nearest(wanted, tables.PAPER)
            raise InputError(f"the {TITLES[recipe]} paper has no data set called '{wanted}'{close}; it used {', '.join(tables.PAPER)}")
        return paper_preset(recipe, wanted)
    found = next((preset for preset in tables.PRESETS if preset.name == text), None)
    if found is None:
        known = preset_names(recipe)
        raise InputError(f"{TITLES[recipe]} has no preset '{text}'{nearest(text, known)}; --preset takes {', '.join(known)}")
    return found


def preset_names(recipe: str) -> list[str]:
    """All names that ``--preset`` takes for *recipe*, in the order in which they are tried, the paper's last."""
    names = [preset.name for preset in preset_list(recipe)]
    own = [name for name in names if "/" not in name]
    return names if "paper" in own or not _tables(recipe).PAPER else [*own, "paper", *names[len(own) :]]


def presets(recipe: str | None = None) -> list[dict[str, Any]]:
    """Every setting of every preset (of one recipe, or of all) as a row: ``pandas.DataFrame(presets("algr"))``.

    The columns: ``recipe``, ``preset``, ``for`` (its condition), ``part`` (``model`` or ``training``), ``setting``, ``value``, ``source``
    (``stated`` by the paper, ``not stated: our reading``, ``not in the paper: switched off``, or ``ours``),
    ``note``.
    """
    recipes = RECIPES if recipe is None else (recipe,)
    return [row for name in recipes for preset in preset_list(name) for row in preset.rows(name)]


def preset_list(recipe: str) -> tuple[Preset, ...]:
    """The presets of *recipe* in the order in which they are tried, and behind them those of its paper."""
    return (*_tables(recipe).PRESETS, *_tables(recipe).PAPER.values())


def paper_dataset(name: str) -> str | None:
    """Which of the papers' data sets *name* is: a name of its own, or data as ``--data`` names them; None if it is none of them.

    >>> paper_dataset("coco-labels:FOLDER"), paper_dataset("scan:data/f30k_precomp"), paper_dataset("world/scenes")
    ('coco', 'f30k', None)
    """
    kind, _, place = str(name).partition(":")
    if kind in _LAYOUTS:
        # the file or folder itself, without its ending: "dataset_flickr30k.json", "f30k_precomp"
        last = re.split(r"[/\\]", place.partition(",")[0].rstrip("/\\"))[-1]
        words = re.split(r"[_.\s]+", last.lower())
        return next((found for word in words if (found := _alias(word))), None)
    return _alias(kind)


def _alias(word: str) -> str | None:
    plain = re.sub(r"[^a-z0-9]", "", word.lower())
    return next((name for name, known in DATASETS.items() if plain in known), None)


def _tables(recipe: str) -> Any:
    if recipe not in RECIPES:
        raise InputError(f"there is no recipe {recipe!r}{nearest(recipe, RECIPES)}; known are {', '.join(RECIPES)}")
    return importlib.import_module(f".{recipe}", __name__)
