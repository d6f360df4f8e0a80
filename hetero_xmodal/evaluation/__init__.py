"""Evaluation of trained models: scores with confidence intervals, tables, comparisons, attention weights, and checks of files.

Names are loaded when they are first used; every one is also a name of the package, such as ``hx.evaluate``.
"""

from __future__ import annotations

from ..lazy import lazy_names

# the functions of the same names as their modules are reached as hx.evaluate, hx.trace, hx.verify and hx.compare
_HOME = {
    "Evaluation": "results",
    "PerQuery": "results",
    "Comparison": "compare",
    "EdgeWeights": "trace",
    "VerifiedFolder": "verify",
    "edit_rows": "edit_tables",
    "table": "tables",
}
__all__ = list(_HOME)
__getattr__, __dir__ = lazy_names(__name__, _HOME)
