"""Frozen dataclass configs to and from JSON and the command line; a wrong key or value is one clear sentence.

>>> from dataclasses import dataclass
>>> @dataclass(frozen=True)
... class Config:
...     width: int = 16
...     pool: Literal["mean", "sum"] = "mean"
>>> config_with(Config(), ["width=32", "pool=sum"])
Config(width=32, pool='sum')
>>> config_with(Config(), ["widht=32"])
Traceback (most recent call last):
...
hetero_xmodal.errors.InputError: Config has no key 'widht' (did you mean 'width'?); known keys are width, pool
"""

from __future__ import annotations

import dataclasses
import json
import math
import types
import typing
from typing import Any, Literal, TypeVar

from .errors import InputError, nearest

C = TypeVar("C")


def config_to_dict(config: Any) -> dict[str, Any]:
    """A dataclass config as plain JSON values (tuples become lists)."""
    return json.loads(json.dumps(dataclasses.asdict(config)))


def config_from_dict(cls: type[C], data: dict[str, Any]) -> C:
    """Build a config of class *cls*; keys left out keep their defaults, unknown keys and wrong values are refused."""
    if not isinstance(data, dict):
        raise InputError(f"{cls.__name__} is read from a dict of keys and values, found {type(data).__name__}")
    hints = typing.get_type_hints(cls)
    known = [f.name for f in dataclasses.fields(cls)]
    values = {}
    for key, value in data.items():
        if key not in known:
            raise InputError(f"{cls.__name__} has no key {key!r}{nearest(key, known)}; known keys are {', '.join(known)}")
        values[key] = _fit(f"{cls.__name__}.{key}", value, hints[key])
    return cls(**values)


def config_with(config: C, assignments: list[str]) -> C:
    """A copy of *config* with ``key=value`` texts applied, as the command line's ``--set`` gives them."""
    data = config_to_dict(config)
    for text in assignments:
        key, sign, value = text.partition("=")
        if not sign or not key.strip():
            raise InputError(f"a setting is written key=value, found {text!r}")
        data[key.strip()] = _parse(value.strip())
    return config_from_dict(type(config), data)


def check_config(
    config: Any,
    *,
    at_least_one: tuple[str, ...] = (),
    not_negative: tuple[str, ...] = (),
    above_zero: tuple[str, ...] = (),
    share: tuple[str, ...] = (),
) -> None:
    """Refuse a config whose text is none of its ``Literal``'s choices, or whose number is out of the range that it is listed under.

    *share* is for numbers of at least 0 and below 1. Infinity and NaN are in no range.
    """
    name = type(config).__name__
    for key, hint in typing.get_type_hints(type(config)).items():
        if typing.get_origin(hint) is Literal and getattr(config, key) not in typing.get_args(hint):
            raise InputError(f"{name}: {key} is {getattr(config, key)!r}, expected one of {', '.join(map(str, typing.get_args(hint)))}")
    ranges = (
        (at_least_one, lambda x: 1 <= x < math.inf, "at least 1"),
        (not_negative, lambda x: 0 <= x < math.inf, "0 or more"),
        (above_zero, lambda x: 0 < x < math.inf, "a number above 0"),
        (share, lambda x: 0 <= x < 1, "at least 0 and below 1"),
    )
    for keys, fits, expected in ranges:
        for key in keys:
            if not fits(getattr(config, key)):
                raise InputError(f"{name}: {key} is {getattr(config, key)}, expected {expected}")


def _parse(text: str) -> Any:
    """JSON where it is JSON (numbers, true, null, lists), the text itself otherwise; ``none``, ``yes`` and the like are not guessed."""
    try:
        return json.loads({"True": "true", "False": "false", "None": "null"}.get(text, text))
    except json.JSONDecodeError:
        return text


def _fit(where: str, value: Any, hint: Any) -> Any:
    """Return *value* as the type *hint* asks for, or say what was expected."""
    origin = typing.get_origin(hint)
    if hint is Any:
        return value
    if origin in (typing.Union, types.UnionType):
        for option in typing.get_args(hint):
            try:
                return _fit(where, value, option)
            except InputError:
                continue
        raise InputError(f"{where} is {value!r}, expected {_say(hint)}")
    if origin is Literal:
        choices = typing.get_args(hint)
        if value not in choices or isinstance(value, bool) != any(value is c for c in choices if isinstance(c, bool)):
            raise InputError(f"{where} is {value!r}, expected one of {', '.join(map(repr, choices))}{nearest(value, choices)}")
        return value
    if origin is tuple:
        parts = typing.get_args(hint)
        if not isinstance(value, list | tuple):
            raise InputError(f"{where} is {value!r}, expected {_say(hint)}")
        if len(parts) == 2 and parts[1] is Ellipsis:
            parts = (parts[0],) * len(value)
        if len(parts) != len(value):
            raise InputError(f"{where} is {value!r}, expected {_say(hint)}")
        return tuple(_fit(where, v, p) for v, p in zip(value, parts, strict=True))
    if hint is type(None):
        if value is not None:
            raise InputError(f"{where} is {value!r}, expected None")
        return None
    if dataclasses.is_dataclass(hint):
        return value if isinstance(value, hint) else config_from_dict(hint, value)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, hint) or (isinstance(value, bool) and hint is not bool):
        raise InputError(f"{where} is {value!r}, expected {_say(hint)}")
    return value


def _say(hint: Any) -> str:
    names = {int: "a whole number", float: "a number", bool: "true or false", str: "a text", type(None): "None"}
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(_say(option) for option in typing.get_args(hint))
    if origin is tuple:
        return f"a list ({', '.join('...' if p is Ellipsis else _say(p) for p in typing.get_args(hint))})"
    if origin is Literal:
        return "one of " + ", ".join(map(repr, typing.get_args(hint)))
    return names.get(hint, getattr(hint, "__name__", str(hint)))
