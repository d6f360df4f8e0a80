"""One preset: settings of a recipe and of its training, what data they are for, and where each value comes from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ...counts import agreeing, counted
from .facts import DataFacts

STATED = "stated"
READING = "not stated: our reading"
OFF = "not in the paper: switched off"
OURS = "ours"


@dataclass(frozen=True, kw_only=True)
class Preset:
    """Settings with a name.

    name : as ``--preset`` takes it, such as ``"small"`` or ``"paper/f30k"``.
    title : as it is printed, such as "small photographs".
    model : settings of the recipe's config that differ from its defaults.
    training : the same of the training's config (``CAMTraining``, ``MIMNetTraining``; for DAGNN and ALGR ``FitConfig``).
    epochs : how long to train.
    when : the condition in words; *holds* is the condition itself, and *because* says how the data meet it.
    stated : of a paper's preset, the settings whose values the paper states; *off*: what the paper does not have. For all others the
        paper gives no value, and the one here is our reading.
    notes : setting -> a remark, such as where the paper contradicts itself; ``"model.keep"`` where model and training both have a
        setting of that name; ``""`` for remarks about the preset as a whole.
    inputs : what the paper's features are; these are options of the data, not of the recipe.
    """

    name: str
    title: str
    model: Mapping[str, Any]
    training: Mapping[str, Any] = field(default_factory=dict)
    epochs: int
    when: str
    holds: Callable[[DataFacts], bool]
    because: Callable[[DataFacts], str]
    stated: frozenset[str] = frozenset()
    off: frozenset[str] = frozenset()
    notes: Mapping[str, str] = field(default_factory=dict)
    inputs: str = ""

    @property
    def of_paper(self) -> bool:
        """Whether the values are those of the recipe's paper."""
        return self.name.partition("/")[0] == "paper"

    def source(self, setting: str) -> str:
        """Where the value of a setting comes from: one of :data:`STATED`, :data:`READING`, :data:`OFF`, :data:`OURS`."""
        if not self.of_paper:
            return OURS
        return STATED if setting in self.stated else OFF if setting in self.off else READING

    def rows(self, recipe: str) -> Iterator[dict[str, Any]]:
        """One row a setting, for a table."""
        parts = (("model", self.model), ("training", self.training), ("training", {"epochs": self.epochs}))
        for part, values in parts:
            for setting, value in values.items():
                yield {
                    "recipe": recipe,
                    "preset": self.name,
                    "for": self.when,
                    "part": part,
                    "setting": setting,
                    "value": value,
                    "source": self.source(setting),
                    "note": self.notes.get(setting) or self.notes.get(f"{part}.{setting}", ""),
                }

    def fitted(self, facts: DataFacts | None) -> tuple[Preset, tuple[str, ...]]:
        """The preset without what data with these *facts* cannot give, and what was left out in words."""
        if facts is None or facts.region_boxes or not self.model.get("places"):
            return self, ()
        return replace(self, model={**self.model, "places": False}), ("places=false, since these regions have no boxes",)


def always(_: DataFacts) -> bool:
    """Condition: holds for any data."""
    return True


def never(_: DataFacts) -> bool:
    """Condition: taken by name only."""
    return False


def drawn(facts: DataFacts) -> bool:
    """Condition: the images are drawn by the package."""
    return facts.drawn


def small(facts: DataFacts) -> bool:
    """Condition: there are few training images."""
    return facts.size == "small"


def images_drawn(_: DataFacts) -> str:
    """The reason to print for :func:`drawn`."""
    return "the images are drawn by the package"


def training_images(facts: DataFacts) -> str:
    """``"there are 2,279 training images"``"""
    return f"there {agreeing(facts.images, 'is', 'are')} {counted(facts.images, 'training image')}"
