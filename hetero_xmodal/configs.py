"""Convert frozen dataclass configs to and from JSON and ``--set key=value``; wrong keys and values are :class:`InputError`.

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
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeVar

from .errors import InputError, nearest

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

C = TypeVar("C", bound="DataclassInstance")
#: the largest whole number of a setting, what 32 bits hold
LARGEST = 2**31 - 1
#: characters of a setting that is a text
LONGEST = 250


def config_to_dict(config: Any) -> dict[str, Any]:
    """Return a dataclass config as plain JSON values (tuples become lists)."""
    return json.loads(json.dumps(dataclasses.asdict(config)))


def config_from_dict(cls: type[C], data: dict[str, Any]) -> C:
    """Build a config of class *cls* from *data*; missing keys keep their defaults.

    Raises
    ------
    InputError
        If a key is unknown or a value has the wrong type.
    """
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
    """Return a copy of *config* with ``key=value`` strings applied, as the command line's ``--set`` passes them.

    Raises
    ------
    InputError
        If a string is not ``key=value``, a key is unknown, or a value has the wrong type.
    """
    data = config_to_dict(config)
    for text in assignments:
        key, sign, value = text.partition("=")
        if not sign or not key.strip():
            raise InputError(f"a setting is written key=value, found {text!r}")
        data[key.strip()] = parsed(value.strip())
    return config_from_dict(type(config), data)


def check_assignment(cls: type, text: str) -> None:
    """Refuse a ``key=value`` text whose value is not of the type, or none of the choices, that the config class *cls* declares for the key.

    Whether it goes together with other settings is seen when the config is made.

    Raises
    ------
    InputError : a key that *cls* does not have, or a value that does not fit it.
    """
    key, _, value = (part.strip() for part in text.partition("="))
    hints = typing.get_type_hints(cls)
    if key not in hints:
        raise InputError(f"{cls.__name__} has no key {key!r}{nearest(key, hints)}; known keys are {', '.join(hints)}")
    _fit(f"{cls.__name__}.{key}", parsed(value), hints[key])


def check_config(
    config: Any,
    *,
    at_least_one: tuple[str, ...] = (),
    not_negative: tuple[str, ...] = (),
    above_zero: tuple[str, ...] = (),
    share: tuple[str, ...] = (),
    at_most: Mapping[str, int] = types.MappingProxyType({}),
) -> None:
    """Check the values of a config: ``Literal`` fields hold one of their choices, and the listed fields lie in their range.

    Parameters
    ----------
    config : dataclass instance to check.
    at_least_one : fields that are at least 1.
    not_negative : fields that are 0 or more.
    above_zero : fields that are greater than 0.
    share : fields in [0, 1).
    at_most : field -> its largest value, for numbers of layers and sizes of images, which time and memory grow with.

    Raises
    ------
    InputError
        If a value is none of the choices or out of range; infinity and NaN are in no range.
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
    for key, most in at_most.items():
        if getattr(config, key) > most:
            raise InputError(f"{name}: {key} is {getattr(config, key)}, expected at most {most}")


def defaults_of(config: Any) -> dict[str, Any]:
    """The defaults of a config's class as plain JSON values, and those of the configs that are in it.

    A new field of a config is given the default that does what was done before the field existed. Saved settings that lack it are read so.

    >>> from hetero_xmodal.training.fit_config import FitConfig
    >>> defaults_of(FitConfig(seed=5))["seed"]
    0
    """
    values: dict[str, Any] = {}
    for field in dataclasses.fields(config):
        if field.default is not dataclasses.MISSING:
            values[field.name] = field.default
        elif field.default_factory is not dataclasses.MISSING:
            values[field.name] = field.default_factory()
        elif dataclasses.is_dataclass(inner := getattr(config, field.name, None)):
            values[field.name] = defaults_of(inner)
    return json.loads(json.dumps(values, default=dataclasses.asdict))


class Change(NamedTuple):
    """A setting in which work that was begun would go on differently.

    key : name of the setting
    said : how it was begun and how it would go on, to be put behind the name of the work
    before : the value with which it would go on as it was begun
    is_new : whether an earlier version, which did not have the setting, began the work
    """

    key: str
    said: str
    before: Any = None
    is_new: bool = False


def first_change(before: Mapping[str, Any], now: Mapping[str, Any], neutral: Mapping[str, Any]) -> Change | None:
    """The first setting in which work that was begun with the settings *before* would go on differently with those of *now*.

    Parameters
    ----------
    neutral : for settings that may be missing: the value that this means. *before* lacks them where the version that wrote it did not have
        them; it is what that version did.

    >>> first_change({"width": 8}, {"width": 8, "shift": False}, {"shift": False})
    >>> first_change({"width": 8}, {"width": 8, "shift": True}, {"shift": False}).said
    'was begun by an earlier version, without the setting shift, which counts as shift=False, now shift=True is requested'
    >>> first_change({"width": 8, "glow": 2}, {"width": 8}, {}).said
    'was begun with glow=2, a setting that this version does not have'
    """
    for key, value in now.items():
        if key in before:
            if before[key] != value:
                return Change(key, f"was started with {key}={before[key]!r}, now {key}={value!r} is requested", before[key])
        elif key not in neutral:
            return Change(key, f"was begun by an earlier version, which did not record {key}, now {key}={value!r} is requested")
        elif neutral[key] != value:
            said = f"was begun by an earlier version, without the setting {key}, which counts as {key}={neutral[key]!r}"
            return Change(key, f"{said}, now {key}={value!r} is requested", neutral[key], is_new=True)
    for key, value in before.items():
        if key not in now and key in neutral and value != neutral[key]:  # recorded only where it is another
            return Change(key, f"was started with {key}={value!r}, now {key}={neutral[key]!r} is requested", value)
        if key not in now and key not in neutral:
            return Change(key, f"was begun with {key}={value!r}, a setting that this version does not have", value)
    return None


def parsed(text: str) -> Any:
    """Parse JSON values (numbers, true, null, lists) and Python's True, False, None; any other text stays a string."""
    try:
        return json.loads({"True": "true", "False": "false", "None": "null"}.get(text, text))
    except (ValueError, RecursionError):  # no JSON, a number of thousands of digits, thousands of brackets
        return text


def _shown(value: Any) -> str:
    """*value* as an error message shows it, shortened."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:56]} ..."


def _number(where: str, value: float, hint: type) -> float:
    """A number of the type *hint* that torch can compute with, or an InputError."""
    if not -LARGEST <= value <= LARGEST if isinstance(value, int) else not math.isfinite(value):
        expected = f"a number between -{LARGEST} and {LARGEST}" if isinstance(value, int) else "a finite number"
        raise InputError(f"{where} is {_shown(value)}, expected {expected}")
    return hint(value)


def _fit(where: str, value: Any, hint: Any) -> Any:
    """Convert *value* to the annotated type *hint*, or raise an InputError that starts with *where*."""
    origin = typing.get_origin(hint)
    if hint is Any:
        return value
    if origin in (typing.Union, types.UnionType):
        for option in typing.get_args(hint):
            try:
                return _fit(where, value, option)
            except InputError:
                continue
        raise InputError(f"{where} is {_shown(value)}, expected {_describe(hint)}")
    if origin is Literal:
        choices = typing.get_args(hint)
        if value not in choices or isinstance(value, bool) != any(value is c for c in choices if isinstance(c, bool)):
            raise InputError(f"{where} is {_shown(value)}, expected one of {', '.join(map(repr, choices))}{nearest(value, choices)}")
        return value
    if origin is tuple:
        parts = typing.get_args(hint)
        if not isinstance(value, list | tuple):
            raise InputError(f"{where} is {_shown(value)}, expected {_describe(hint)}")
        if len(parts) == 2 and parts[1] is Ellipsis:
            parts = (parts[0],) * len(value)
        if len(parts) != len(value):
            raise InputError(f"{where} is {_shown(value)}, expected {_describe(hint)}")
        return tuple(_fit(where, v, p) for v, p in zip(value, parts, strict=True))
    if hint is type(None):
        if value is not None:
            raise InputError(f"{where} is {_shown(value)}, expected None")
        return None
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        return value if isinstance(value, hint) else config_from_dict(hint, value)
    if hint in (int, float) and isinstance(value, int | hint) and not isinstance(value, bool):
        return _number(where, value, hint)
    if not isinstance(value, hint) or (isinstance(value, bool) and hint is not bool):
        raise InputError(f"{where} is {_shown(value)}, expected {_describe(hint)}")
    if isinstance(value, str) and len(value) > LONGEST:
        raise InputError(f"{where} is {_shown(value)}, expected a text of at most {LONGEST} characters")
    return value


def _describe(hint: Any) -> str:
    """What an error message calls the type *hint*."""
    names = {int: "a whole number", float: "a number", bool: "true or false", str: "a text", type(None): "None"}
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(_describe(option) for option in typing.get_args(hint))
    if origin is tuple:
        return f"a list ({', '.join('...' if p is Ellipsis else _describe(p) for p in typing.get_args(hint))})"
    if origin is Literal:
        return "one of " + ", ".join(map(repr, typing.get_args(hint)))
    return names.get(hint, getattr(hint, "__name__", str(hint)))
