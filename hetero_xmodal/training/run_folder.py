"""What a run folder holds and whether a run may be written there, or resumed, as asked; checked without importing anything heavy."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..configs import first_change, parsed
from ..errors import InputError
from ..files import check_writable, read_json

#: files of the run folder that record what is trained: the recipe with its settings, and the data
CONFIG, DATA = "config.json", "data.json"
#: held by the process that trains in a run folder
LOCK = ".hx.lock"


def is_leftover(path: Path) -> bool:
    """Whether *path* is a temporary file or the lock of a process that was killed while it wrote, and no part of a run."""
    return path.name == LOCK or path.name.startswith(".") and ".tmp" in path.name


def is_empty(folder: str | Path) -> bool:
    """Whether *folder* does not exist or holds nothing but leftovers."""
    folder = Path(folder)
    return not folder.exists() or folder.is_dir() and all(is_leftover(path) for path in folder.iterdir())


def is_unstarted(folder: str | Path) -> bool:
    """Whether a run in *folder* was killed while it wrote its first files, so that nothing is lost if it begins anew."""
    first = ("environment.json", DATA)
    return Path(folder).is_dir() and all(is_leftover(path) or path.name in first for path in Path(folder).iterdir())


def free_run_folder(out: str | Path, *, resume: bool = False) -> Path:
    """*out*, if a run may be written there: nothing is there, an empty folder, or, to *resume*, an earlier run.

    Raises
    ------
    InputError : a file, or a folder in use.
    """
    out = Path(out)
    if out.exists() and not out.is_dir():
        raise InputError(f"run folder '{out}' is a file; give the name of a folder")
    if not resume and not is_empty(out):
        raise InputError(f"run folder '{out}' is not empty; choose another one, or resume the run in it (--resume)")
    check_writable(out / "config.json" if out.exists() else out)
    return out


def flat_settings(values: Any) -> dict[str, Any]:
    """The settings of a run by their names; of a recipe with settings of its own and of its training, those of both.

    >>> flat_settings({"model": {"width": 8, "keep": 1}, "training": {"keep": 2}})
    {'width': 8, 'model.keep': 1, 'keep': 2}
    """
    if not isinstance(values, Mapping):
        return {}
    if set(values) != {"model", "training"}:
        return dict(values)
    model, training = (dict(values[part] or {}) for part in ("model", "training"))
    return {f"model.{key}" if key in training else key: value for key, value in model.items()} | training


def check_recipe_of_run(out: str | Path, found: Any, recipe: str, config: Any = None) -> None:
    """Refuse a run folder whose config.json, *found*, is that of another recipe.

    Parameters
    ----------
    config : settings of the recipe, by whose names runs of former versions, which do not name their recipe, are recognised.

    Raises
    ------
    InputError : a run of another recipe, or no run.
    """
    if not isinstance(found, Mapping) or "fit" not in found:
        raise InputError(f"'{out}' holds no run of train {recipe} but another config.json; choose another folder")
    trains = found.get("trains")
    if recipe and trains and trains != recipe:
        raise InputError(
            f"'{out}' holds a run of train {trains}, not of train {recipe}; resume it with train {trains}, or choose another folder"
        )
    old, new = flat_settings(found.get("recipe")), flat_settings(config)
    if not trains and old and new and len(old.keys() & new.keys()) < min(len(old), len(new)) / 2:
        raise InputError(f"'{out}' holds a run of another recipe than {recipe}; choose another folder")


def check_resumed_as_asked(out: str | Path, recipe: str, *, seed: int, changes: Sequence[str], neutral: Mapping[str, Any]) -> None:
    """Refuse to resume a run with another recipe, seed or setting than it was started with, before data are read.

    Parameters
    ----------
    out : run folder; one without a config, such as that of a run that was killed before its first epoch, is accepted.
    changes : ``key=value`` texts.
    neutral : as for :func:`check_same_settings`, of the recipe.

    Raises
    ------
    InputError : naming what differs.
    """
    if not (Path(out) / "config.json").exists():
        return
    found = read_json(Path(out) / "config.json", "run config")
    check_recipe_of_run(out, found, recipe)
    before = (found.get("preset") or {}).get("changes", ())  # the value of a setting that the data decide is not the one asked for
    asked = [text.partition("=") for text in changes if text not in before]
    values = {key.strip(): parsed(value.strip()) for key, _, value in asked}
    for part, wanted in (("fit", {"seed": seed}), ("recipe", values)):
        settings, usual = flat_settings(found.get(part)), neutral if part == "recipe" else {}
        known = {key: value for key, value in wanted.items() if key in settings or key in usual}
        check_same_settings(out, {key: settings[key] for key in known if key in settings}, known, usual)


def check_same_settings(out: str | Path, found: Mapping[str, Any], wanted: Mapping[str, Any], neutral: Mapping[str, Any]) -> None:
    """Refuse to resume the run in *out*, started with the settings *found*, with others; the number of epochs may differ.

    Parameters
    ----------
    neutral : values of settings that a run of an earlier version does not record, from :func:`~hetero_xmodal.configs.defaults_of`.

    Raises
    ------
    InputError : naming the first that differs.
    """
    change = first_change(*({key: value for key, value in some.items() if key != "epochs"} for some in (found, wanted)), neutral)
    if change is None:
        return
    if change.is_new and change.key.isidentifier():  # a setting of the recipe alone, which --set reaches
        value = change.before if isinstance(change.before, str) else json.dumps(change.before)
        remedy = f"resume with --set {change.key}={value} or start a new run"
    else:
        remedy = f"resume with the {'same settings' if change.key in wanted else 'version that began it'} or start a new run"
    raise InputError(f"run '{out}' {change.said}; {remedy}")
