"""A corpus for other programs: SQL queries (``hx.query``) and files in their formats (``hx.export``)."""

from __future__ import annotations

from ..lazy import lazy_names

_HOME = {"FORMATS": "formats", "export": "formats", "query": "sql"}
__all__ = list(_HOME)
__getattr__, __dir__ = lazy_names(__name__, _HOME)
