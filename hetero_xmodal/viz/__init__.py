"""Figures: a heterograph, its schema, a label graph, a scene on its picture. All colours are fixed in :mod:`hetero_xmodal.viz.colours`."""

from __future__ import annotations

from . import colours
from .draw import draw

__all__ = ["colours", "draw"]
