"""Statistics of a corpus of heterographs as pandas tables and figures: ``hx.analyze(corpus)``."""

from __future__ import annotations

from ..lazy import lazy_names

_HOME = {"Analysis": "report", "analyze": "report"}
__all__ = list(_HOME)
__getattr__, __dir__ = lazy_names(__name__, _HOME)
