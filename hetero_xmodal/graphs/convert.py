"""Heterographs as networkx graphs and back, without loss, also through a GraphML file.

networkx has no types, so the type, the row and every feature of a node become attributes that any tool can read: ``visual:1:bird`` has
``node_type="visual"``, ``row=1``, ``name="bird"``, ``box="50.0,10.0,75.0,40.0"``. GraphML and GEXF hold text and numbers only, so short
vectors are written as comma-separated numbers and long feature rows as base64 of their little-endian bytes; both are restored bit for
bit. An attribute of the graph describes types and dtypes.

>>> import hetero_xmodal as hx
>>> image = hx.SceneGraph(objects=[hx.SceneObject("bird", box=(10, 10, 50, 60))], size=(128, 128))
>>> nx_graph = to_networkx(hx.build_graph(image, hx.SceneGraph(objects=[hx.SceneObject("bird", ["red"])])))
>>> list(nx_graph)[:3]
['visual:0:bird', 'word:0:red', 'word:1:bird']
>>> nx_graph.nodes["visual:0:bird"]["box"]
'10.0,10.0,50.0,60.0'
>>> from_networkx(nx_graph).num_nodes("bridge")
2
"""

from __future__ import annotations

import base64
import json
import math
import re
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from ..errors import InputError
from ..schema import EDGE_FEATURES, NODE_FEATURES, SCHEMA_VERSION, Relation, decode_text, encode_text, relation_name, version_advice
from ..schema import node_type as node_type_row
from ..validation import validate
from .flat import FlatGraphs

if TYPE_CHECKING:
    import dgl
    import networkx as nx

_KEY = "hetero_xmodal"  # graph attribute that describes the layout
_LONG = 8  # vectors longer than this are written as base64
#: characters that XML cannot hold or normalises, and the backslash that escapes them
_UNSAFE = re.compile("[\\\\\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]|^ | $|(?<= ) ")
#: attribute names that this module, GraphML and GEXF reserve
_TAKEN = frozenset("id label type kind start end weight source target key viz pid node_type relation row member".split())


def to_networkx(graph: dgl.DGLGraph) -> nx.MultiDiGraph:
    """The graph as a ``networkx.MultiDiGraph`` with readable string ids and attributes of type str, int or float, as GraphML and GEXF need.

    Nodes carry ``node_type``, ``row``, ``member`` (which graph of a batch), ``label`` for drawing programs and their features; edges
    ``relation``, ``row``, ``member`` and their features. Keys of parallel edges are ``"relates:0"``: relation and row.
    Turn it back with :func:`from_networkx`.

    Raises
    ------
    InputError
        If *graph* does not follow the schema.

    >>> import hetero_xmodal as hx
    >>> ball = hx.SceneObject("ball", ["red"], box=(10, 5, 30, 25))
    >>> drawn = hx.to_networkx(hx.build_graph(hx.SceneGraph([ball], size=(80, 60)), hx.parse_sentence("a red ball")))
    >>> sorted(drawn)
    ['bridge:0:ball', 'bridge:1:ball', 'visual:0:ball', 'word:0:a', 'word:1:red', 'word:2:ball']
    """
    import networkx as nx

    flat = FlatGraphs.from_dgl(validate(graph, allow_extra=True))
    out = nx.MultiDiGraph()
    layout: dict[str, Any] = {"format": "hetero_xmodal.graph", "schema_version": SCHEMA_VERSION, "kind": flat.kind, "graphs": flat.count}
    layout["nodes"] = {t: _describe(d, _text_names(NODE_FEATURES.get(t, ()))) for t, d in flat.node_data.items()}
    layout["edges"] = {relation_name(r): _describe(d, _text_names(EDGE_FEATURES.get(r, ()))) for r, d in flat.edge_data.items()}
    ids: dict[str, list[str]] = {}
    for node_type, data in flat.node_data.items():
        columns = _columns(data, layout["nodes"][node_type])
        member = _member(flat.node_offsets[node_type])
        described = layout["nodes"][node_type]
        names = (node_type_row(node_type).name_feature, "name", "text")  # make an id readable
        name = next((columns[n] for n in names if described.get(n, [""])[0] == "text"), [""] * len(member))
        ids[node_type] = [f"{node_type}:{row}:{text}" if text else f"{node_type}:{row}" for row, text in enumerate(name)]
        for row, (node, text) in enumerate(zip(ids[node_type], name, strict=True)):
            features = {_attribute(key): values[row] for key, values in columns.items()}
            out.add_node(node, node_type=node_type, row=row, member=member[row], label=text or node, **features)
    for relation, data in flat.edge_data.items():
        columns = _columns(data, layout["edges"][relation_name(relation)])
        member = _member(flat.edge_offsets[relation])
        starts = [flat.node_offsets[t][:-1][member] for t in (relation[0], relation[2])]
        ends = [(local + start).tolist() for local, start in zip(flat.edge_ends[relation], starts, strict=True)]
        for row, (source, destination) in enumerate(zip(*ends, strict=True)):
            features = {_attribute(key): values[row] for key, values in columns.items()}
            out.add_edge(
                ids[relation[0]][source],
                ids[relation[2]][destination],
                key=f"{relation[1]}:{row}",
                relation=relation_name(relation),
                row=row,
                member=member[row],
                **features,
            )
    out.graph[_KEY] = json.dumps(layout)
    return out


def from_networkx(nx_graph: nx.Graph) -> dgl.DGLGraph:
    """Inverse of :func:`to_networkx`, also of a graph that went through a GraphML file.

    Raises
    ------
    InputError
        If the graph has no description or one of another version, or a node or edge has a missing or unreadable attribute.

    >>> import hetero_xmodal as hx
    >>> ball = hx.SceneObject("ball", ["red"], box=(10, 5, 30, 25))
    >>> graph = hx.build_graph(hx.SceneGraph([ball], size=(80, 60)), hx.parse_sentence("a red ball"))
    >>> hx.from_networkx(hx.to_networkx(graph)).num_edges() == graph.num_edges()
    True
    """
    text = getattr(nx_graph, "graph", {}).get(_KEY)
    if text is None:
        raise InputError(
            f"this networkx graph has no attribute '{_KEY}' (GEXF drops it); only graphs made by to_networkx can be turned back"
        )
    try:
        layout = json.loads(text)
        version, kind, count = layout["schema_version"], layout["kind"], int(layout["graphs"])
        relations: dict[str, Relation] = {name: _split_relation(name, layout["nodes"]) for name in layout["edges"]}
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"the '{_KEY}' description of this networkx graph is damaged ({error!r}); export the graph again") from None
    if version != SCHEMA_VERSION:
        raise InputError(
            f"this networkx graph has schema version {version!r}, this package reads version {SCHEMA_VERSION}; {version_advice(version)}"
        )
    nodes: dict[str, list[tuple[int, Any, dict]]] = {t: [] for t in layout["nodes"]}
    for node, data in nx_graph.nodes(data=True):
        nodes[_known(data, "node_type", nodes, f"node {node!r}")].append((_number(data, "row", f"node {node!r}"), node, data))
    edges: dict[str, list[tuple[int, Any, Any, dict]]] = {name: [] for name in relations}
    for source, destination, data in nx_graph.edges(data=True):
        where = f"edge {source!r} -> {destination!r}"
        edges[_known(data, "relation", edges, where)].append((_number(data, "row", where), source, destination, data))

    flat = FlatGraphs(kind, count)
    rows_of: dict[Any, tuple[str, int]] = {}
    for node_type, entries in nodes.items():
        entries.sort(key=lambda e: e[0])
        member = [_number(data, "member", f"node {node!r}") for _, node, data in entries]
        flat.node_offsets[node_type] = _offsets_of(member, count, f"node type '{node_type}'")
        flat.node_data[node_type] = _tensors(layout["nodes"][node_type], [(f"node {e[1]!r}", e[2]) for e in entries])
        start = flat.node_offsets[node_type].tolist()
        rows_of |= {node: (node_type, row - start[m]) for row, ((_, node, _), m) in enumerate(zip(entries, member, strict=True))}
    for name, relation in relations.items():
        rows = sorted(edges[name], key=lambda e: e[0])
        for _, source, destination, _ in rows:
            if (rows_of[source][0], rows_of[destination][0]) != (relation[0], relation[2]):
                raise InputError(
                    f"edge {source!r} -> {destination!r} has relation {name!r}, but runs from a {rows_of[source][0]} "
                    f"to a {rows_of[destination][0]}"
                )
        places = [f"edge {source!r} -> {destination!r}" for _, source, destination, _ in rows]
        member = [_number(data, "member", where) for where, (*_, data) in zip(places, rows, strict=True)]
        flat.edge_offsets[relation] = _offsets_of(member, count, f"relation {relation}")
        flat.edge_ends[relation] = (
            torch.tensor([rows_of[source][1] for _, source, _, _ in rows], dtype=torch.int64),
            torch.tensor([rows_of[destination][1] for _, _, destination, _ in rows], dtype=torch.int64),
        )
        flat.edge_data[relation] = _tensors(layout["edges"][name], [(where, data) for where, (*_, data) in zip(places, rows, strict=True)])
    return validate(flat.to_dgl(batched=count != 1), kind=kind, allow_extra=True)


# ---------------------------------------------------------------------------------------------- features as attributes


def _text_names(features) -> set[str]:
    return {f.name for f in features if f.text}


def _describe(data: dict[str, Tensor], texts: set[str]) -> dict[str, list]:
    """feature -> [dtype or "text", shape after the row axis]"""
    return {n: ["text" if n in texts else str(v.dtype).removeprefix("torch."), list(v.shape[1:])] for n, v in data.items()}


def _attribute(name: str) -> str:
    """Name of a feature as an attribute; a reserved name gets a suffix."""
    return f"{name}_value" if name in _TAKEN else name


def _member(offsets: Tensor) -> list[int]:
    return torch.arange(len(offsets) - 1).repeat_interleave(offsets.diff()).tolist()


def _columns(data: dict[str, Tensor], described: dict[str, list]) -> dict[str, list]:
    """feature -> one str, int or float per row."""
    columns: dict[str, list] = {}
    for name, value in data.items():
        dtype, shape = described[name]
        if dtype == "text":
            columns[name] = [_escape(t) for t in decode_text(value)] if len(value) else []
        elif not shape:
            columns[name] = value.long().tolist() if dtype == "bool" else value.tolist()
        else:
            array = np.ascontiguousarray(value.reshape(len(value), math.prod(shape)).numpy())
            if math.prod(shape) > _LONG or dtype == "bool":
                little = array.astype(array.dtype.newbyteorder("<"))
                columns[name] = [base64.b64encode(row.tobytes()).decode("ascii") for row in little]
            else:
                columns[name] = [",".join(map(repr, row)) for row in array.tolist()]  # repr of a float64 is exact
    return columns


def _tensors(described: dict[str, list], rows: list[tuple[str, dict]]) -> dict[str, Tensor]:
    out = {}
    for name, (dtype, shape) in described.items():
        values = []
        for where, data in rows:
            try:
                values.append(_read(data[_attribute(name)] if dtype != "text" else data.get(_attribute(name)) or "", dtype, shape))
            except KeyError:
                raise InputError(f"{where} lacks attribute '{_attribute(name)}'; export the graph again") from None
            except (ValueError, TypeError, UnicodeError) as error:
                raise InputError(f"{where}, attribute '{_attribute(name)}': cannot be read as {dtype} {shape} ({error})") from None
        if dtype == "text":
            out[name] = encode_text(values, shape[0])
        else:
            array = np.array(values, dtype=dtype) if values else np.zeros((0, *shape), dtype)
            out[name] = torch.from_numpy(array.reshape(len(values), *shape))
    return out


def _read(value: Any, dtype: str, shape: list[int]) -> Any:
    if dtype == "text":
        return _unescape(str(value))
    if not shape:
        return value
    size = math.prod(shape)
    if size > _LONG or dtype == "bool":
        array = np.frombuffer(base64.b64decode(str(value or ""), validate=True), np.dtype(dtype).newbyteorder("<")).astype(dtype)
    else:
        kind = float if dtype.startswith("float") else int
        array = np.array([kind(v) for v in str(value or "").split(",") if v], dtype)
    if array.size != size:
        raise ValueError(f"found {array.size} numbers")
    return array.reshape(shape)


def _escape(text: str) -> str:
    return _UNSAFE.sub(lambda m: f"\\u{ord(m.group()):04x}", text)


def _unescape(text: str) -> str:
    return re.sub(r"\\u([0-9a-f]{4})", lambda m: chr(int(m.group(1), 16)), text)


def _known(data: dict, key: str, known, where: str) -> str:
    if data.get(key) not in known:
        raise InputError(f"{where}: attribute '{key}' is {data.get(key)!r}, expected one of {', '.join(known)}")
    return data[key]


def _number(data: dict, key: str, where: str) -> int:
    try:
        return int(data[key])
    except (KeyError, ValueError, TypeError):
        raise InputError(f"{where}: attribute '{key}' is {data.get(key)!r}, expected a whole number") from None


def _split_relation(name: str, node_types) -> Relation:
    """``"visual-same_as-word"`` -> triple; node types may contain hyphens."""
    for source in node_types:
        for destination in node_types:
            if name.startswith(f"{source}-") and name.endswith(f"-{destination}") and len(name) > len(source) + len(destination) + 2:
                return (source, name[len(source) + 1 : -len(destination) - 1], destination)
    raise KeyError(name)


def _offsets_of(member: list[int], count: int, where: str) -> Tensor:
    counts = torch.bincount(torch.tensor(member, dtype=torch.int64), minlength=count) if member else torch.zeros(count, dtype=torch.int64)
    if len(counts) != count or member != sorted(member):
        raise InputError(f"{where}: the members of the batch are {sorted(set(member))}, expected 0..{count - 1} in order")
    return torch.cat([counts.new_zeros(1), counts.cumsum(0)])
