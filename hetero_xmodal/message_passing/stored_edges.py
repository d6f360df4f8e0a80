"""A cache of what depends on nothing but the stored edges of a graph, with the lifetime of the graph.

A recipe writes nothing on the graph, so the cache refers to the graph weakly. Entries are dropped when nodes or edges are added or
removed: DGL then gives the graph a new index of its edges, and every entry names the index it was computed from. Features and the sizes
of a batch's members can change without a new index and are therefore never cached.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from .relations import Relation

T = TypeVar("T")

#: graph -> the index of its edges, and the values computed from it
_KEPT: WeakKeyDictionary[Any, tuple[Any, dict[Hashable, Any]]] = WeakKeyDictionary()


def kept(graph, key: Hashable, make: Callable[[], T]) -> T:
    """``make()``, cached under *key* for *graph*; the value may depend on nothing but the edges of the graph and the key."""
    index = getattr(graph, "_graph", None)
    if index is None:  # a DGL version with other internals
        return make()
    entry = _KEPT.get(graph)
    if entry is None or entry[0] is not index:
        entry = _KEPT[graph] = (index, {})
    found = entry[1]
    if key not in found:
        with torch.inference_mode(False):  # a tensor made in inference mode could not be used in autograd later
            found[key] = make()
    return found[key]


def stored_ends(graph, relation: Relation, device: torch.device) -> tuple[Tensor, Tensor]:
    """Source and destination numbers, (E,) each, of a stored relation in the order of its edges, on *device*."""
    return kept(graph, ("ends", relation, device), lambda: tuple(x.long().to(device) for x in graph.edges(etype=relation)))
