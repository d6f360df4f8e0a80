"""Heterographs as PyTorch Geometric's ``HeteroData`` and back, without loss; needs ``pip install torch-geometric``.

Every node type and relation is there even if it is empty, with ``num_nodes`` set, because PyTorch Geometric's own ``Batch`` cannot
count the nodes of a type without features. PyTorch Geometric shifts every tensor in a batch whose name contains "index", as if it held
numbers of nodes; such a feature, the ``index`` of a label, is called ``indices`` there.

>>> import hetero_xmodal as hx
>>> image = hx.SceneGraph(objects=[hx.SceneObject("bird", box=(10, 10, 50, 60))], size=(128, 128))
>>> graph = hx.build_graph(image, hx.SceneGraph(objects=[hx.SceneObject("bird", ["red"])]))
>>> data = hx.to_pyg(graph)                                # doctest: +SKIP
>>> data["visual", "same_as", "word"].edge_index.tolist()  # doctest: +SKIP
[[0], [1]]
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from torch import Tensor

from ..errors import InputError, MissingPackageError
from ..schema import SCHEMA_VERSION, version_advice
from ..validation import validate
from .flat import FlatGraphs

if TYPE_CHECKING:
    import dgl


def _pyg() -> Any:
    try:
        return importlib.import_module("torch_geometric.data")
    except ImportError as error:
        raise MissingPackageError(
            f"PyTorch Geometric is missing or broken ({error}); install it with: pip install torch-geometric"
        ) from None


def to_pyg(graph: dgl.DGLGraph) -> Any:
    """The graph as ``HeteroData``; a batched graph as a ``Batch`` of its members.

    Node features are attributes of ``data["visual"]``, edges ``data["visual", "relates", "visual"].edge_index`` (2, e) with their
    features beside them; texts stay zero-padded bytes (n, w), read by :func:`hetero_xmodal.schema.decode_text`. The tensors are shared
    with the graph. Turn it back with :func:`from_pyg`.

    Raises
    ------
    InputError
        If *graph* does not follow the schema, or has a feature whose name contains "indices".
    MissingPackageError
        If PyTorch Geometric is not installed.

    >>> import hetero_xmodal as hx
    >>> graph = hx.build_graph(hx.SceneGraph(), hx.parse_sentence("a red bird"))
    >>> hx.to_pyg(graph)["word"].num_nodes  # doctest: +SKIP
    3
    """
    pyg = _pyg()
    flat = FlatGraphs.from_dgl(validate(graph, allow_extra=True))
    members = [_to_one(flat.take([row]), pyg) for row in range(flat.count)]
    return members[0] if graph.batch_size == 1 else pyg.Batch.from_data_list(members)


def from_pyg(data: Any) -> dgl.DGLGraph:
    """Inverse of :func:`to_pyg`, of one ``HeteroData`` or of a ``Batch`` of them.

    Raises
    ------
    InputError
        If *data* is something else, was not made by ``to_pyg``, or lacks a node type, relation or feature.
    MissingPackageError
        If PyTorch Geometric is not installed.

    >>> import hetero_xmodal as hx
    >>> graph = hx.build_graph(hx.SceneGraph(), hx.parse_sentence("a red bird"))
    >>> hx.from_pyg(hx.to_pyg(graph)).num_nodes("word")  # doctest: +SKIP
    3
    """
    pyg = _pyg()
    if not isinstance(data, pyg.HeteroData):
        raise InputError(f"from_pyg takes a HeteroData or a Batch of them, found {type(data).__name__}; make one with hx.to_pyg")
    batched = hasattr(data, "to_data_list")
    members = data.to_data_list() if batched else [data]
    if not members:
        raise InputError("the Batch has no member; give at least one HeteroData")
    flat = FlatGraphs.concat([_from_one(member) for member in members])
    graph = flat.to_dgl(batched=batched)
    return validate(graph, kind=flat.kind, allow_extra=True)


def _to_one(flat: FlatGraphs, pyg: Any) -> Any:
    data = pyg.HeteroData()
    data.kind, data.schema_version = flat.kind, SCHEMA_VERSION
    for node_type, features in flat.node_data.items():
        data[node_type].num_nodes = int(flat.node_offsets[node_type][-1])
        for name, value in features.items():
            data[node_type][_outside(name)] = value
    for relation, features in flat.edge_data.items():
        source, destination = flat.edge_ends[relation]
        data[relation].edge_index = source.new_empty((2, len(source)))
        data[relation].edge_index[0], data[relation].edge_index[1] = source, destination
        for name, value in features.items():
            data[relation][_outside(name)] = value
    return data


def _from_one(data: Any) -> FlatGraphs:
    kind, version = getattr(data, "kind", None), getattr(data, "schema_version", None)
    if kind is None or version is None:
        raise InputError("this HeteroData has no 'kind' and 'schema_version'; only what hx.to_pyg made can be turned back")
    if version != SCHEMA_VERSION:
        raise InputError(f"this HeteroData has schema version {version!r}, this package reads {SCHEMA_VERSION}; {version_advice(version)}")
    nodes = {node_type: _features(data[node_type], "num_nodes") for node_type in data.node_types}
    edges = {relation: _features(data[relation], "edge_index") for relation in data.edge_types}
    ends = {relation: tuple(data[relation].edge_index) for relation in data.edge_types}
    return FlatGraphs.single(kind, nodes, ends, edges)


def _features(store: Any, beside: str) -> dict[str, Tensor]:
    """The features of a node type or relation; what PyTorch Geometric itself keeps there is left out."""
    return {_inside(name): value for name, value in store.items() if name != beside and name not in ("batch", "ptr")}


def _outside(name: str) -> str:
    if "indices" in name:
        raise InputError(
            f"feature {name!r} cannot go to PyTorch Geometric: names with 'indices' stand there for those with 'index'; rename it"
        )
    return name.replace("index", "indices")


def _inside(name: str) -> str:
    return name.replace("indices", "index")
