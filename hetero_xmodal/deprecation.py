"""Names that were renamed: the old one still works for one version, with a warning that gives the new one."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import TypeVar

F = TypeVar("F", bound=Callable)
C = TypeVar("C")


def renamed_keywords(**new_names: str) -> Callable[[F], F]:
    """Decorator: keywords that were renamed are accepted under their old names too, with a ``DeprecationWarning``.

    Parameters
    ----------
    **new_names : old keyword = new keyword

    Raises
    ------
    TypeError : when the decorated function is given both the old and the new keyword.

    >>> @renamed_keywords(picture="image")
    ... def width(*, image):
    ...     return len(image)
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     width(picture="abc"), str(caught[0].message)
    (3, "width: the keyword 'picture' is now 'image'; the old one will go with version 0.3")
    """

    def decorate(function: F) -> F:
        @functools.wraps(function)
        def call(*args, **keywords):
            for old, new in new_names.items():
                if old in keywords:
                    if new in keywords:
                        raise TypeError(f"{function.__name__}() was given both {new!r} and {old!r}, its former name")
                    note = f"{function.__name__}: the keyword {old!r} is now {new!r}; the old one will go with version 0.3"
                    warnings.warn(note, DeprecationWarning, stacklevel=2)
                    keywords[new] = keywords.pop(old)
            return function(*args, **keywords)

        return call  # type: ignore[return-value]

    return decorate


def renamed_attribute(old: str, new: str) -> property:
    """A property that gives the attribute *new* under its former name *old*, with a ``DeprecationWarning``.

    >>> class Result:
    ...     image = "red"
    ...     picture = renamed_attribute("picture", "image")
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore")
    ...     Result().picture
    'red'
    """

    def get(self):
        warnings.warn(f"{type(self).__name__}.{old} is now .{new}; the old name will go with version 0.3", DeprecationWarning, stacklevel=2)
        return getattr(self, new)

    return property(get, doc=f"Former name of ``{new}``.")


def renamed_fields(**new_names: str) -> Callable[[type[C]], type[C]]:
    """Class decorator for a dataclass: renamed fields are accepted by its constructor, and read, under their old names too.

    Parameters
    ----------
    **new_names : old field = new field

    >>> from dataclasses import dataclass
    >>> @renamed_fields(validation="val")
    ... @dataclass
    ... class Parts:
    ...     val: int
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore")
    ...     Parts(validation=3).validation
    3
    """

    def decorate(cls: type[C]) -> type[C]:
        made = cls.__init__
        made.__name__ = cls.__name__  # the warning names the class
        cls.__init__ = renamed_keywords(**new_names)(made)  # type: ignore[method-assign]
        for old, new in new_names.items():
            setattr(cls, old, renamed_attribute(old, new))
        return cls

    return decorate
