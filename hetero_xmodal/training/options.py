"""Options that ``train``, ``evaluate`` and ``table`` share, checked without importing anything heavy."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from ..checks import check_count
from ..configs import check_assignment
from ..errors import InputError, nearest
from ..files import check_writable

#: what ``--set`` takes in Python: a mapping of names to values, or texts such as ``"width=32"``
Assignments = Mapping[str, Any] | Sequence[str]


def assignments(settings: Assignments | None) -> list[str]:
    """*settings* as ``key=value`` texts.

    Parameters
    ----------
    settings : a mapping, a sequence of ``key=value`` texts, or None for none.

    >>> assignments({"width": 32, "pool": "sum", "places": True})
    ['width=32', 'pool=sum', 'places=true']
    """
    import json

    if settings is None:
        return []
    if isinstance(settings, Mapping):
        return [f"{key}={value if isinstance(value, str) else json.dumps(value)}" for key, value in settings.items()]
    if isinstance(settings, str):
        return [settings]
    return [str(text) for text in settings]


def check_settings(recipe: str, data: str, preset: str | None, changes: Sequence[str], *, epochs: int | None = None) -> None:
    """Refuse an unknown preset, and settings with which no model can be trained, before data are read.

    Parameters
    ----------
    recipe : ``"dagnn"``, ``"algr"``, ``"cam"`` or ``"mimnet"``.
    data : name of the data set, for ``preset="paper"``.
    preset : name of a preset, or None.
    changes : ``key=value`` texts.
    epochs : number of epochs, or None.

    Raises
    ------
    InputError : an unknown preset, a key that the recipe's configs do not have, a value that does not fit it or is out of range, a text
        that is not ``key=value``; settings of a model that memory cannot hold, or of fewer epochs than ALGR's first phase takes.

    >>> check_settings("cam", "world/birds", None, ["widht=3"])
    Traceback (most recent call last):
    ...
    hetero_xmodal.errors.InputError: there is no setting 'widht' (did you mean 'width'?); known are ...
    """
    from ..recipes.presets import named_preset
    from .settings import check_trainable, config_classes

    if preset is not None:
        named_preset(recipe, preset, dataset=data)
    classes = [cls for cls in reversed(config_classes(recipe)) if cls is not None]  # a key that both have is the training's
    known = sorted({key.name for cls in classes for key in fields(cls)})
    for text in changes:
        key, sign, _ = text.partition("=")
        key = key.strip()
        if not sign or not key:
            raise InputError(f"a setting is written key=value, found {text!r}")
        if key not in known:
            raise InputError(f"there is no setting {key!r}{nearest(key, known)}; known are {', '.join(known)}")
        check_assignment(next(cls for cls in classes if key in {one.name for one in fields(cls)}), text)
    check_trainable(recipe, data, preset, changes, epochs=epochs)


def split_sizes(size: str | int | Mapping[str, int] | None) -> dict[str, int] | None:
    """The largest number of images of each split: ``200`` or ``"200"`` for training alone, ``"200,50,50"`` for train, val and test.

    Raises
    ------
    InputError : a text that is neither one whole number nor three.

    >>> split_sizes("200,50,0")
    {'train': 200, 'val': 50, 'test': 0}
    """
    if size is None or isinstance(size, Mapping):
        return None if size is None else dict(size)
    parts = [part.strip() for part in str(size).split(",")]
    if parts[0] == "0":
        raise InputError(f"size is '{size}', but training needs images; give at least 1 of them")
    if len(parts) not in (1, 3) or not all(part.isdigit() for part in parts):
        raise InputError(f"size is '{size}'; give the largest number of training images, such as 200, or of all splits, such as 200,50,50")
    return dict(zip(("train", "val", "test"), map(int, parts), strict=False))


def check_world_size(data: str, size: Any, what: str) -> None:
    """Refuse a *size* of pairs for data other than the generated world, which alone can be made in any size; *what* names the pairs.

    Raises
    ------
    InputError : other data, or no whole number of at least 1.
    """
    if size is not None and not data.startswith("world/"):
        raise InputError(f"size is {size}, but '{data}' has a fixed number of {what}; leave size out")
    check_count("size", size)


def check_network(data: str, network: str | None) -> None:
    """Refuse a network for photographs where there are none, or one that is neither known nor a file.

    Raises
    ------
    InputError : a generated world, whose features do not come from a network; an unknown network.
    """
    if network is not None and data.startswith("world/"):
        raise InputError(f"network is {network!r}, but '{data}' has features of its own; a network is for photographs, leave it out")


def table_file(out: str | Path | None) -> Path | None:
    """*out*, if it names a CSV file (or is None).

    Raises
    ------
    InputError : another ending, or a folder.
    """
    if out is not None and (Path(out).suffix.lower() != ".csv" or Path(out).is_dir()):
        raise InputError(f"out is '{out}'; give the name of a file that ends in .csv")
    if out is not None:
        check_writable(out)
    return None if out is None else Path(out)


def call_with(function: Callable[..., Any], what: str, first: Sequence[Any], options: Mapping[str, Any]) -> Any:
    """Call *function* with the positional arguments *first* and those *options* that are given (not None).

    Raises
    ------
    InputError : an option that *function* does not have; *what* (such as ``"train cam"``) is named in the message.

    >>> call_with(lambda data, *, out, seed=0: (data, out, seed), "train cam", ["world/birds"], {"out": "runs", "seed": None})
    ('world/birds', 'runs', 0)
    """
    known = [name for name, p in inspect.signature(function).parameters.items() if p.kind is p.KEYWORD_ONLY]
    given = {name: value for name, value in options.items() if value is not None}
    for name in given:
        if name not in known:
            raise InputError(f"'{name}' is no option of {what}{nearest(name, known)}; its options are {', '.join(known)}")
    return function(*first, **given)
