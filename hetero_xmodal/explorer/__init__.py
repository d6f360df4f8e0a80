"""Pages to walk through a corpus: ``hx.show`` for what a query finds, ``hx.explore`` for all of it."""

from __future__ import annotations

from ..lazy import lazy_names

_HOME = {"explore": "api", "show": "show", "ExamplePages": "cards"}
__all__ = list(_HOME)
__getattr__, __dir__ = lazy_names(__name__, _HOME)
