"""Settings of a training run: a preset, chosen by name or by the properties of the data, and the caller's changes to it.

>>> from hetero_xmodal.training.settings import choose_settings
>>> chosen = choose_settings("cam", "world/birds", changes=["batch_size=8"])
>>> chosen.line
'settings: drawn world, because the images are drawn by the package; see --preset'
>>> chosen.config.width, chosen.training.batch_size, chosen.fit_config.epochs
(96, 8, 8)
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from ..configs import config_from_dict, config_with, defaults_of
from ..errors import InputError, nearest
from ..recipes.presets import KNOWN, RECIPES, TITLES, DataFacts, Preset, choose_preset, facts_of, named_preset, preset_list
from .fit_config import FitConfig

#: memory of a parameter in training: itself, its gradient and two moments of Adam
_BYTES = 16


@dataclass(frozen=True)
class Chosen:
    """A preset as the configs that a training takes.

    recipe : ``"dagnn"``, ``"algr"``, ``"cam"``, ``"mimnet"`` or ``"trail"``
    preset : the chosen preset, without the parts that the data do not support
    because : reason for the choice, in words
    config : of the recipe
    training : ``CAMTraining`` or ``MIMNetTraining``; None for DAGNN and ALGR, whose config holds everything
    fit_config : epochs, and the limit of the gradient's norm
    changes : the ``key=value`` texts that were applied
    """

    recipe: str
    preset: Preset
    because: str
    config: Any
    training: Any
    fit_config: FitConfig
    changes: tuple[str, ...] = ()

    @property
    def line(self) -> str:
        """The line that is printed when settings are chosen."""
        return f"settings: {self.preset.title}, {self.because}; see --preset"

    def record(self) -> dict[str, Any]:
        """The entry ``preset`` of the run's config.json, which also holds the resolved values."""
        return {"name": self.preset.name, "because": self.because, "changes": list(self.changes)}


def choose_settings(
    recipe: str,
    data: Any,
    *,
    preset: str | Chosen | None = None,
    dataset: str = "",
    changes: Sequence[str] = (),
    epochs: int | None = None,
    begun: bool = False,
) -> Chosen:
    """The settings of *recipe* for *data*.

    Parameters
    ----------
    data : loaded data, their facts, the name of a set whose facts are known (``KNOWN``), or, for CAM and MIM-Net, any data that
        ``load_manipulation_data`` takes by name; see :func:`~hetero_xmodal.recipes.presets.facts_of`.
    preset : a name as ``--preset`` takes it; by default chosen by the facts of the data. A :class:`Chosen` is used as it is.
    dataset : name of the data set, for ``preset="paper"``; not needed if *data* is a name.
    changes : ``key=value`` texts, applied to the config that has the key.
    epochs : replaces the preset's number of epochs. The schedules of CAM and MIM-Net are scaled in proportion.
    begun : whether a MIM-Net training starts from a trained model.

    Raises
    ------
    InputError : an unknown recipe, preset or setting, a value out of range, and what ``facts_of`` refuses.
    """
    if isinstance(preset, Chosen):
        return preset
    config_class, training_class = config_classes(recipe)
    if preset is not None:  # an unknown name is refused before the data are looked at
        found = named_preset(recipe, preset, dataset=dataset or (data if isinstance(data, str) else ""))
        found, left_out = found.fitted(data_facts(data))
        because = f"as --preset {preset} asks"
    else:
        facts = data_facts(data)
        found, left_out = choose_preset(recipe, facts).fitted(facts)
        because = f"because {found.because(facts)}"
    config = config_from_dict(config_class, dict(found.model))
    fit_config = FitConfig(epochs=found.epochs)
    training = None
    if training_class is None:
        fit_config = replace(fit_config, **found.training)
        config = config_with(config, list(changes)) if changes else config
    else:
        training = config_from_dict(training_class, dict(found.training))
        if recipe == "mimnet":
            from .mimnet_settings import scheduled

            training = scheduled(training, found.epochs, epochs=epochs, begun=begun)
        else:
            from .cam_settings import scheduled as of_cam

            training = of_cam(training, found.epochs, epochs=epochs)
        config, training = with_changes(config, training, changes)
    if epochs is not None:
        fit_config = replace(fit_config, epochs=epochs)
    return Chosen(recipe, found, ", ".join([because, *left_out]), config, training, fit_config, tuple(changes))


def check_trainable(recipe: str, data: str, preset: str | None, changes: Sequence[str], *, epochs: int | None = None) -> None:
    """Refuse settings with which no model can be trained, whatever the data turn out to be.

    By default the preset depends on the data, of which only the name is known here: then settings are refused if no preset goes together
    with them.

    Parameters
    ----------
    recipe, data, preset, changes, epochs : as for :func:`choose_settings`, but *data* is a name.

    Raises
    ------
    InputError : a value out of range, a model that memory cannot hold, too few epochs.
    """
    if preset is not None:
        possible = [named_preset(recipe, preset, dataset=data)]
    elif data in KNOWN and KNOWN[data].drawn:
        possible = [choose_preset(recipe, KNOWN[data])]
    else:
        possible = [one for one in preset_list(recipe) if not one.of_paper or one.name == "paper"]
    refused = []
    for one in possible:
        try:
            return _check_preset(recipe, one, changes, epochs)
        except InputError as error:
            refused.append(error)
    raise refused[0]


def check_epochs(
    images: int, drawn: bool | None, *, data: str, preset: str | None = None, changes: Sequence[str] = (), epochs: int | None = None
) -> None:
    """Refuse too few epochs for an ALGR, whose first phase depends on the data, before features are made of these.

    Parameters
    ----------
    images, drawn : number of training images, and whether the package has drawn them (None: not known).
    data, preset, changes, epochs : as for :func:`check_trainable`.

    Raises
    ------
    InputError : the first phase takes all epochs, whatever the features will be.
    """
    from .algr_settings import check_phases

    texts: tuple[dict[str, Any], ...] = ({"text": "word vectors", "text_width": 9999}, {"text": "token ids"})
    kinds = (True, False) if drawn is None else (drawn,)
    refused = None
    for facts in [DataFacts(images=images, image_width=9999, drawn=kind, **text) for kind in kinds for text in texts]:
        found = choose_preset("algr", facts) if preset is None else named_preset("algr", preset, dataset=data)
        config = config_with(config_from_dict(config_classes("algr")[0], dict(found.model)), list(changes))
        try:
            return check_phases(config, found.epochs if epochs is None else epochs)
        except InputError as error:
            refused = refused or error
    if refused is not None:
        raise refused


def _check_preset(recipe: str, preset: Preset, changes: Sequence[str], epochs: int | None) -> None:
    config_class, training_class = config_classes(recipe)
    config, training = config_from_dict(config_class, dict(preset.model)), None
    if training_class is None:
        config = config_with(config, list(changes))
    else:
        config, training = with_changes(config, config_from_dict(training_class, dict(preset.training)), changes)
    if recipe == "algr":
        from .algr_settings import check_phases

        check_phases(config, preset.epochs if epochs is None else epochs)
    size = _parameters(recipe, config)
    memory = _memory()
    if memory is not None and size * _BYTES > memory:
        raise InputError(
            f"with these settings {TITLES[recipe]} has {size:.2g} parameters, which take {size * _BYTES / 2**30:,.0f} GB in training, but "
            f"there are {memory / 2**30:,.0f} GB of memory; lower widths or sizes"
        )


def _memory() -> int | None:
    """Bytes of memory of this machine, None where the system does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # Windows
        return None


def _parameters(recipe: str, config: Any) -> float:
    """Number of parameters of a model, which is built without memory; infinite if there are more than torch can count."""
    import torch

    from ..recipes import ALGR, CAM, DAGNN, TRAIL, MIMNet

    models = {"dagnn": DAGNN, "algr": ALGR, "cam": CAM, "mimnet": MIMNet, "trail": TRAIL}
    try:
        with torch.device("meta"):
            model = models[recipe](config, {"labels": ["", " "], "words": [""], "names": [""]})
    except (RuntimeError, TypeError, OverflowError):  # "Storage size calculation overflowed"
        return float("inf")
    return float(sum(some.numel() for some in (*model.parameters(), *model.buffers())))


def data_facts(data: Any) -> DataFacts:
    """As :func:`~hetero_xmodal.recipes.presets.facts_of`; for the name of an editing data set, what its files show without loading it."""
    if isinstance(data, str) and ":" in data:
        from .editing.make_dataset import editing_facts

        return editing_facts(data)
    return facts_of(data)


def settings_for(
    recipe: str,
    data: Any,
    *,
    preset: str | Chosen | None,
    configs: Sequence[Any],
    fit_config: FitConfig | None,
    progress: bool | None = None,
    **options: Any,
) -> tuple[Chosen | None, dict[str, Any] | None]:
    """:func:`choose_settings` for a training function, and its record for the run folder; nothing is chosen if the caller gave all configs.

    The choice is printed to standard error, unless *progress* is False or *preset* is a :class:`Chosen`.

    Parameters
    ----------
    configs, fit_config : given by the caller, None where not given; a preset together with a config is refused.

    Raises
    ------
    InputError : both a config and a preset, and what :func:`choose_settings` refuses.
    """
    given = [config is not None for config in configs]
    if preset is not None and any(given):
        name = preset.preset.name if isinstance(preset, Chosen) else preset
        raise InputError(
            f"both a config and the preset '{name}' were given; give one, or choose_settings(..., changes=[...]) as the preset"
        )
    if all(given) and fit_config is not None:
        return None, None
    chosen = choose_settings(recipe, data, preset=preset, **options)
    if all(given):  # only the number of epochs was left to choose
        return chosen, None
    from .sampling import is_first_process

    if not isinstance(preset, Chosen) and progress is not False and is_first_process():
        print(chosen.line, file=sys.stderr)
    return chosen, chosen.record()


def with_changes(model: Any, training: Any, changes: Sequence[str]) -> tuple[Any, Any]:
    """Two configs with ``key=value`` texts applied, each to the config that has the key; a key of both belongs to the training's.

    Raises
    ------
    InputError : neither config has the key, or its value is out of range.

    >>> from hetero_xmodal.recipes.configs.cam import CAMConfig
    >>> from hetero_xmodal.training.cam_settings import CAMTraining
    >>> model, training = with_changes(CAMConfig(), CAMTraining(), ["width=32", "batch_size=8"])
    >>> model.width, training.batch_size
    (32, 8)
    """
    names = {key.name for key in fields(training)}
    known = {key.name for key in fields(model)} | names
    mine: dict[bool, list[str]] = {True: [], False: []}
    for text in changes:
        key = text.partition("=")[0].strip()
        if "=" in text and key not in known:
            raise InputError(f"there is no setting {key!r}{nearest(key, sorted(known))}; known are {', '.join(sorted(known))}")
        mine[key in names].append(text)
    return config_with(model, mine[False]), config_with(training, mine[True])


def config_classes(recipe: str) -> tuple[type, type | None]:
    """The classes of a recipe's config and of its training's (None for DAGNN, ALGR and TRAIL).

    Raises
    ------
    InputError : an unknown recipe.
    """
    if recipe == "dagnn":
        from ..recipes.configs.dagnn import DAGNNConfig

        return DAGNNConfig, None
    if recipe == "algr":
        from ..recipes.configs.algr import ALGRConfig

        return ALGRConfig, None
    if recipe == "cam":
        from ..recipes.configs.cam import CAMConfig
        from .cam_settings import CAMTraining

        return CAMConfig, CAMTraining
    if recipe == "mimnet":
        from ..recipes.configs.mimnet import MIMNetConfig
        from .mimnet_settings import MIMNetTraining

        return MIMNetConfig, MIMNetTraining
    if recipe == "trail":
        from ..recipes.configs.trail import TrailConfig

        return TrailConfig, None
    raise InputError(f"there is no recipe {recipe!r}{nearest(recipe, RECIPES)}; known are {', '.join(RECIPES)}")


def usual_settings(recipe: str) -> dict[str, Any]:
    """The defaults of all settings that ``--set`` reaches, a key of both configs as the training's; nothing for what is no recipe.

    >>> usual_settings("cam")["shift"], usual_settings("similarity")
    (False, {})
    """
    if recipe not in RECIPES:
        return {}
    found: dict[str, Any] = {}
    for cls in config_classes(recipe):
        found |= {} if cls is None else defaults_of(cls)
    return found
