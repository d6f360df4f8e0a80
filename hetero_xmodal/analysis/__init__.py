"""Statistics of a corpus of heterographs as pandas tables and figures: ``hx.analyze(corpus)``."""

from __future__ import annotations

from .report import Analysis, analyze

__all__ = ["Analysis", "analyze"]
