"""Figures: heterographs, the schema, label graphs, scene graphs on their image; attention weights, retrieved answers, training curves.

Every function returns a matplotlib figure and touches neither pyplot nor matplotlib's global settings. The palette stands in
:mod:`hetero_xmodal.viz.colours`; which type has which colour stands in the rows of :mod:`hetero_xmodal.schema`.
"""

from __future__ import annotations

from . import colours
from .classifiers import draw_classifiers
from .colours import legend_table
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
    "legend_table",
    "read_metrics",
]
