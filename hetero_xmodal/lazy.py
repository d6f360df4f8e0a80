"""Lazy imports: a package's public names are loaded on first use, so that importing the package stays fast."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any

from .errors import nearest


def lazy_names(package: str, home: Mapping[str, str]) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return ``__getattr__`` and ``__dir__`` for the ``__init__`` of *package*; *home* maps each public name to its module.

    >>> lazy_names("hetero_xmodal.metrics", {"recall_at_k": "retrieval"})[0]("recall_at_k").__name__
    'recall_at_k'
    """

    def get(name: str) -> Any:
        if name in home:
            return getattr(importlib.import_module(f".{home[name]}", package), name)
        raise AttributeError(f"module {package!r} has no attribute {name!r}{nearest(name, home)}")

    return get, lambda: sorted(home)
