"""Graphs as pandas tables for analysis: one row per node or edge, with decoded names.

>>> import hetero_xmodal as hx
>>> image = hx.SceneGraph(objects=[hx.SceneObject("bird", box=(10, 10, 50, 60))], size=(128, 128))
>>> frames = to_frames(hx.build_graph(image, hx.SceneGraph(objects=[hx.SceneObject("bird")])))
>>> frames["visual"][["name", "x1", "y1", "x2", "y2"]].values.tolist()
[['bird', 10.0, 10.0, 50.0, 60.0]]
>>> frames["visual-same_as-word"][["source_name", "destination_name"]].values.tolist()
[['bird', 'bird']]
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ..errors import InputError, nearest
from ..schema import EDGE_FEATURES, NODE_FEATURES, Feature, Relation, decode_text, relation_name
from ..schema import node_type as node_type_row
from ..validation import validate
from .flat import FlatGraphs

if TYPE_CHECKING:
    import dgl
    import pandas as pd

#: columns of the entries of short vectors
COLUMNS = {"box": ("x1", "y1", "x2", "y2"), "image_size": ("image_width", "image_height")}


def to_frames(graph: dgl.DGLGraph, *, features: bool = False) -> dict[str, pd.DataFrame]:
    """One pandas table per node type (``"visual"``) and per relation (``"visual-relates-visual"``).

    The first column is ``graph`` (number of the member in a batched graph, else 0). Then come ``node`` in node tables, ``source`` and
    ``destination`` in edge tables, numbered within that member, and the names of these nodes. ``features=True`` adds the entries of
    feature vectors as columns ``feature_0`` ...

    Raises
    ------
    InputError
        If *graph* does not follow the schema.

    >>> import hetero_xmodal as hx
    >>> to_frames(hx.build_graph(hx.SceneGraph(), hx.parse_sentence("a red bird")))["word"]["text"].tolist()
    ['a', 'red', 'bird']
    """
    flat = FlatGraphs.from_dgl(validate(graph, allow_extra=True))
    return {
        **{t: node_frame(flat, t, features=features) for t in flat.node_types},
        **{relation_name(r): edge_frame(flat, r) for r in flat.relations},
    }


#: from the rows of a text feature to their strings, an array of objects (n,)
Strings = Callable[[Any], np.ndarray]


def _decoded(rows: Any) -> np.ndarray:
    return np.array(decode_text(rows), dtype=object) if len(rows) else np.array([], dtype=object)


def node_frame(flat: FlatGraphs, node_type: str, *, features: bool | Literal["list"] = False, strings: Strings = _decoded) -> pd.DataFrame:
    """Table of all nodes of one type: ``graph``, ``node`` and a column per feature; *strings* reads the text features."""
    import pandas as pd

    member, row = _place(flat.node_offsets[node_type])
    schema = {f.name: f for f in NODE_FEATURES.get(node_type, ())}
    table = pd.DataFrame({"graph": member, "node": row} | _columns(flat.node_data[node_type], schema, strings, wide=features))
    if features == "list":
        table.attrs["vectors"] = [name for name in flat.node_data[node_type] if name in table and flat.node_data[node_type][name].ndim > 1]
    return table


def edge_frame(flat: FlatGraphs, relation: Relation, strings: Strings = _decoded) -> pd.DataFrame:
    """Table of all edges of one relation: ``graph``, ``source``, ``destination``, the names at both ends and a column per feature.

    The names are left out where *flat* does not hold the nodes at that end.
    """
    import pandas as pd

    member, _ = _place(flat.edge_offsets[relation])
    columns: dict = {"graph": member}
    for end, node_type, local in zip(("source", "destination"), (relation[0], relation[2]), flat.edge_ends[relation], strict=True):
        columns[end] = local.numpy()
        name = flat.node_data.get(node_type, {}).get(node_type_row(node_type).name_feature)
        if name is not None:
            rows = local.numpy() + flat.node_offsets[node_type].numpy()[member]
            columns[f"{end}_name"] = strings(name[rows])
    schema = {f.name: f for f in EDGE_FEATURES.get(relation, ())}
    return pd.DataFrame(columns | _columns(flat.edge_data[relation], schema, strings, wide=False))


def count_frame(flat: FlatGraphs) -> pd.DataFrame:
    """One row per graph: number of nodes of each type and of edges of each relation."""
    import pandas as pd

    columns = {t: o.diff().numpy() for t, o in flat.node_offsets.items()}
    columns |= {relation_name(r): o.diff().numpy() for r, o in flat.edge_offsets.items()}
    return pd.DataFrame({"graph": np.arange(flat.count)} | columns)


def find_owner(flat: FlatGraphs, owner: str | Sequence[str]) -> str | Relation:
    """``"visual"``, ``("visual", "same_as", "word")`` or ``"visual-same_as-word"`` -> node type or relation of *flat*.

    Raises
    ------
    InputError
        If there is no such node type or relation.
    """
    if isinstance(owner, str):
        names = {t: t for t in flat.node_types} | {relation_name(r): r for r in flat.relations}
        if owner in names:
            return names[owner]
        raise InputError(f"no node type or relation {owner!r}{nearest(owner, names)}; known are {', '.join(names)}")
    for relation in flat.relations:
        if relation == tuple(owner):
            return relation
    raise InputError(f"no relation {tuple(owner)!r}; known are {', '.join(relation_name(r) for r in flat.relations)}")


def _place(offsets) -> tuple[np.ndarray, np.ndarray]:
    """Member, and row within the member, of every row (n,) of a flat tensor."""
    offsets = offsets.numpy()
    member = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    return member, np.arange(len(member)) - offsets[member]


def _columns(data: dict, schema: dict[str, Feature], strings: Strings, *, wide: bool | Literal["list"]) -> dict:
    columns: dict = {}
    for name, value in data.items():
        feature = schema.get(name)
        if feature is not None and feature.text:
            columns[name] = strings(value)
        elif value.ndim == 1:
            columns[name] = value.numpy()
        elif name in COLUMNS and value.shape[1] == len(COLUMNS[name]):
            columns |= {column: value[:, k].numpy() for k, column in enumerate(COLUMNS[name])}
        elif wide == "list":
            columns[name] = list(value.reshape(len(value), value.shape[1:].numel()).numpy())
        elif wide:
            rows = value.reshape(len(value), value.shape[1:].numel()).numpy()
            columns |= {f"{name}_{k}": rows[:, k] for k in range(rows.shape[1])}
    return columns
