"""Whether a run can be resumed as asked: the recipe, the settings and the data that it was started with, and the number of threads."""

from __future__ import annotations

import contextlib
import functools
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import torch

from ..configs import config_to_dict, defaults_of
from ..counts import counted
from ..errors import InputError
from ..files import read_json, write_json
from .fingerprint import Fingerprint, difference
from .run_folder import CONFIG, DATA, check_recipe_of_run, check_same_settings, flat_settings
from .sampling import is_first_process

#: file of the run folder
ENVIRONMENT = "environment.json"
#: settings of recipes that the data decides: what has changed in the data says more than their numbers do
_OF_DATA = frozenset({"image_width", "label_width", "region_width", "said", "seen", "tags", "text_width", "vocabulary", "word_width"})
F = TypeVar("F", bound=Callable[..., Any])


def run_config(recipe: str, fit_config: Any, config: Any) -> dict[str, Any]:
    """What ``config.json`` of a run records: the name of the recipe, the settings of the training loop and of the recipe."""
    return {"trains": recipe, "fit": config_to_dict(fit_config), "recipe": None if config is None else config_to_dict(config)}


def check_resumed(out: str | Path, recipe: str, fit_config: Any, config: Any, data: Fingerprint | None = None) -> dict[str, Any]:
    """Check that the run in *out*, if there is one, was started with the same recipe, settings (except for the epochs) and data.

    A setting that a run of an earlier version does not record counts as having its default, which is what that version did.

    Parameters
    ----------
    out : run folder.
    recipe, fit_config, config : as for :func:`run_config`.
    data : what the run is to learn from, see :mod:`~hetero_xmodal.training.fingerprint`.

    Returns
    -------
    What ``config.json`` is to record: what it does already, by which the checkpoints of the run are known, with the epochs of now.

    Raises
    ------
    InputError
        Naming the first setting, or the first item, that differs.
    """
    out, wanted = Path(out), run_config(recipe, fit_config, config)
    if not is_first_process() or not (out / CONFIG).exists():  # the first process has checked it
        return wanted
    found = read_json(out / CONFIG, "run config")
    check_recipe_of_run(out, found, recipe, wanted["recipe"])
    parts = []
    for part, settings in (("fit", fit_config), ("recipe", config)):
        usual = {} if settings is None else flat_settings(defaults_of(settings))
        parts.append((flat_settings(found.get(part)), flat_settings(wanted[part]), usual))
    for old, new, usual in parts:
        check_same_settings(out, _without(old, _OF_DATA), _without(new, _OF_DATA), usual)
    if data and (out / DATA).exists():
        try:
            changed = difference(read_json(out / DATA, "record of the data"), data)
        except (AttributeError, KeyError, TypeError, ValueError):
            raise InputError(f"'{out / DATA}' is no record of a run's data; remove it to resume without comparing the data") from None
        if changed is not None:
            raise InputError(f"run '{out}' was started with other data: {changed}; resume with the same data or start a new run")
    for old, new, usual in parts:
        check_same_settings(out, old, new, usual)
    return found | {"fit": found["fit"] | {"epochs": wanted["fit"]["epochs"]}}


def _without(settings: dict[str, Any], names: frozenset[str]) -> dict[str, Any]:
    return {key: value for key, value in settings.items() if key not in names}


def write_record(out: Path, config: dict[str, Any], data: Fingerprint | None) -> None:
    """Write what :func:`check_resumed` compares, the config last: a run that has one has all the rest."""
    if data:
        write_json(out / DATA, data)
    write_json(out / CONFIG, config)


@contextlib.contextmanager
def run_threads(out: str | Path, *, resume: bool) -> Iterator[None]:
    """Within, torch uses as many threads as when the run in *out* was started, if it is resumed: on these the last digits depend."""
    path, usual = Path(out) / ENVIRONMENT, torch.get_num_threads()
    first = None
    if resume and path.exists():
        about = read_json(path, "record of the environment")
        first = about.get("threads") if isinstance(about, dict) else None
    if not isinstance(first, int) or first < 1 or first == usual:
        yield
        return
    warnings.warn(f"the run was started with {counted(first, 'thread')}, on which its weights depend, and goes on so", stacklevel=3)
    torch.set_num_threads(first)
    try:
        yield
    finally:
        torch.set_num_threads(usual)


def with_run_threads(train: F) -> F:
    """Decorator of a training function with ``out`` and ``resume``: everything in it happens in :func:`run_threads`."""

    @functools.wraps(train)
    def trained(*args: Any, out: str | Path, resume: bool = False, **options: Any) -> Any:
        with run_threads(out, resume=resume):
            return train(*args, out=out, resume=resume, **options)

    return trained  # type: ignore[return-value]
