"""Figures: a heterograph, its schema, a label graph, a scene on its picture. All colours are fixed in :mod:`hetero_xmodal.viz.colours`."""

from __future__ import annotations

from . import colours
from .classifiers import draw_classifiers
from .draw import draw
from .label_graph import draw_label_graph
from .scene_figure import draw_scene
from .schema_figure import draw_schema

__all__ = ["colours", "draw", "draw_classifiers", "draw_label_graph", "draw_scene", "draw_schema"]
