"""Statistics of a corpus of heterographs as pandas tables and figures: ``hx.analyze(corpus)``."""

from __future__ import annotations

from ..lazy import lazy_names

_HOME = {
    "Analysis": "report", "analyze": "report", "Result": "result",
    "suspects": "findings", "doubles": "findings", "leaks": "findings",
}  # fmt: skip
__all__ = list(_HOME)
__getattr__, __dir__ = lazy_names(__name__, _HOME)
