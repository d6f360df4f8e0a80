"""Data sets: the generated default world, folders of images, and published sets in their own layouts.

:mod:`.registry` opens a data set by name as a :class:`~.source.Source`; ``datasets/`` reads the files, one module for each data set;
``tasks/`` makes of a source what a task learns from.

>>> from hetero_xmodal.data import load_dataset
>>> item = load_dataset("world/scenes", split="val", size=10)[0]
>>> item.image.size, len(item.sentences)
((128, 128), 5)
"""

from __future__ import annotations

from ..lazy import lazy_names
from .build import build_dataset, verify_dataset
from .dataset import Dataset, Item
from .registry import dataset_card, list_datasets, load_dataset, open_source, require
from .source import Record, Source
from .world.swaps import Swap, holds, swap_sets

__all__ = [
    "Dataset",
    "Item",
    "Record",
    "Source",
    "Swap",
    "build_dataset",
    "dataset_card",
    "holds",
    "list_datasets",
    "load_dataset",
    "load_pairs",
    "open_source",
    "require",
    "swap_sets",
    "verify_dataset",
]

__getattr__, _ = lazy_names(__name__, {"load_pairs": "tasks.editing"})  # imports this package, so only when it is used
