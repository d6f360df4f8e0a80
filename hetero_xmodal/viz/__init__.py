"""Figures: a heterograph, its schema, a label graph, a scene on its image; what a matching model looks at, finds and learned.

All colours are fixed in :mod:`hetero_xmodal.viz.colours`.
"""

from __future__ import annotations

from . import colours
from .classifiers import draw_classifiers
from .curves import draw_curves, read_metrics
from .draw import draw
from .label_graph import draw_label_graph
from .matching import draw_attention, draw_cross_attention, draw_found_images, draw_found_sentences, grid_boxes
from .pair_map import draw_pair_maps
from .scene_figure import draw_scene
from .schema_figure import draw_schema

__all__ = [
    "colours",
    "draw",
    "draw_attention",
    "draw_classifiers",
    "draw_cross_attention",
    "draw_curves",
    "draw_found_images",
    "draw_found_sentences",
    "draw_label_graph",
    "draw_pair_maps",
    "draw_scene",
    "draw_schema",
    "grid_boxes",
    "read_metrics",
]
