"""What is read off a graph's stored edges and does not depend on states or features, kept for as long as the graph is.

A recipe leaves nothing on the graph, so that what is kept stands here, under a weak reference to the graph. It is dropped as soon as nodes
or edges are added or removed: DGL then gives the graph a new index of its edges, and what is kept names the index it was read from.
Features and the sizes of a batch's members can be changed without a new index, and are therefore never kept.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from .relations import Relation

T = TypeVar("T")

#: graph -> the index of its edges, and what was read from it
_KEPT: WeakKeyDictionary[Any, tuple[Any, dict[Hashable, Any]]] = WeakKeyDictionary()


def kept(graph, key: Hashable, make: Callable[[], T]) -> T:
    """``make()``, or what it gave for this *key* the last time; it may depend on nothing but the edges of *graph* and the key."""
    index = getattr(graph, "_graph", None)
    if index is None:  # another DGL than the one this was written for
        return make()
    entry = _KEPT.get(graph)
    if entry is None or entry[0] is not index:
        entry = _KEPT[graph] = (index, {})
    found = entry[1]
    if key not in found:
        with torch.inference_mode(False):  # a tensor made in inference mode could not be used for a gradient later
            found[key] = make()
    return found[key]


def stored_ends(graph, relation: Relation, device: torch.device) -> tuple[Tensor, Tensor]:
    """Source and destination numbers (E,) of a stored relation in the order of its edges, on *device*."""
    return kept(graph, ("ends", relation, device), lambda: tuple(x.long().to(device) for x in graph.edges(etype=relation)))
