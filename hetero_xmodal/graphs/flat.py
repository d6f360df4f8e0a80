"""FlatGraphs: one or many graphs as plain tensors, and batching them by index arithmetic.

A graph is stored as node features, edge ends and edge features; many graphs are the concatenation of these tensors, with the offsets at
which each graph begins. Building, saving, converting and batching all work on this form; DGL graphs are made from it at the end.

Example: two graphs with 2 and 1 ``visual`` nodes have ``node_offsets["visual"] == [0, 2, 3]``. The ends of edges are numbered within
their own graph, so that a graph is moved to any place in a batch by adding one number.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from ..environment import require_dgl
from ..errors import InputError
from ..schema import EDGE_FEATURES, KINDS, NODE_FEATURES, Feature, Relation, graph_kind, relation_name, widen_text

if TYPE_CHECKING:
    import dgl

_NO_EDGES: tuple[Sequence[int], Sequence[int]] = ((), ())
_DTYPES = {name: getattr(torch, name) for name in ("uint8", "bool", "int64", "float32")}


def empty_feature(feature: Feature, rows: int = 0, width: int = 0) -> Tensor:
    """Zeros of the feature's dtype and shape (rows, ...), with *width* where the schema leaves the width free."""
    return torch.zeros(rows, *(width if w is None else w for w in feature.shape), dtype=_DTYPES[feature.dtype])


@dataclass(frozen=True)
class Packed:
    """The arrays of a collection as files of a corpus hold them, from which members are taken with few reads.

    Offsets lie side by side, and so do source and destination: a graph's are at one place of the memory, not at many. numpy takes rows of
    small arrays several times as fast as torch.

    owners : node types and relations, the columns of *offsets*
    offsets : (count + 1, owners) int64
    ends : relation -> source and destination of every edge, (e, 2) int64
    features : node type or relation -> feature -> (rows, ...)
    """

    owners: list[str | Relation]
    offsets: np.ndarray
    ends: dict[Relation, np.ndarray]
    features: dict[str | Relation, dict[str, np.ndarray]]

    def take(self, kind: str, members: np.ndarray) -> FlatGraphs:
        """The members (b,), as :meth:`FlatGraphs.take` gives them."""
        start = self.offsets[members]
        counts = self.offsets[members + 1] - start
        new = np.zeros((len(members) + 1, len(self.owners)), np.int64)
        np.cumsum(counts, axis=0, out=new[1:])
        follows = (start[1:] == start[:-1] + counts[:-1]).all(axis=0) & bool(len(members))
        start, counts, new = (np.ascontiguousarray(array.T) for array in (start, counts, new))
        flat = FlatGraphs(kind, len(members))
        for k, owner in enumerate(self.owners):
            offsets = torch.from_numpy(new[k])
            rows: np.ndarray | slice = slice(int(start[k, 0]), int(start[k, 0] + new[k, -1])) if follows[k] else slice(0, 0)
            if not follows[k] and new[k, -1]:
                rows = np.arange(new[k, -1]) + np.repeat(start[k] - new[k, :-1], counts[k])
            data = {name: torch.from_numpy(_copied(value, rows)) for name, value in self.features[owner].items()}
            if isinstance(owner, str):
                flat.node_offsets[owner], flat.node_data[owner] = offsets, data
            else:
                both = self.ends[owner][rows] if isinstance(rows, slice) else self.ends[owner].take(rows, axis=0)
                flat.edge_ends[owner] = (torch.from_numpy(both[:, 0].copy()), torch.from_numpy(both[:, 1].copy()))
                flat.edge_offsets[owner], flat.edge_data[owner] = offsets, data
        return flat


@dataclass
class FlatGraphs:
    """*count* graphs of one kind as flat tensors; n nodes of a type and e edges of a relation in all of them.

    kind : ``"pair"`` or ``"labels"``
    count : number of graphs
    node_offsets : node type -> (count + 1,) int64
    node_data : node type -> feature -> (n, ...)
    edge_offsets : relation -> (count + 1,) int64
    edge_ends : relation -> source (e,) and destination (e,), int64: number of the node within its own graph
    edge_data : relation -> feature -> (e, ...)
    packed : the arrays whose columns offsets and ends are, if they are
    """

    kind: str
    count: int
    node_offsets: dict[str, Tensor] = field(default_factory=dict)
    node_data: dict[str, dict[str, Tensor]] = field(default_factory=dict)
    edge_offsets: dict[Relation, Tensor] = field(default_factory=dict)
    edge_ends: dict[Relation, tuple[Tensor, Tensor]] = field(default_factory=dict)
    edge_data: dict[Relation, dict[str, Tensor]] = field(default_factory=dict)
    packed: Packed | None = field(default=None, repr=False, compare=False)

    # ------------------------------------------------------------------------------------------ building

    @classmethod
    def single(
        cls,
        kind: str,
        nodes: Mapping[str, dict[str, Tensor]],
        ends: Mapping[Relation, tuple[Sequence[int] | Tensor, Sequence[int] | Tensor]],
        edges: Mapping[Relation, dict[str, Tensor]],
        *,
        feature_width: int = 0,
    ) -> FlatGraphs:
        """One graph; node types and relations that are left out become empty, so that the schema is complete.

        Parameters
        ----------
        kind : ``"pair"`` or ``"labels"``.
        nodes : node type -> feature -> (n, ...).
        ends : relation -> numbers of the source and of the destination nodes, (e,) each.
        edges : relation -> feature -> (e, ...).
        feature_width : width of features whose width the schema leaves free, in node types that are left out.
        """
        flat = cls(kind, 1)
        node_types, relations = KINDS[kind]
        for node_type in node_types:
            data = nodes.get(node_type) or {f.name: empty_feature(f, width=feature_width) for f in NODE_FEATURES[node_type]}
            flat.node_data[node_type] = data
            flat.node_offsets[node_type] = _single_offsets(len(next(iter(data.values()))))
        for relation in relations:
            source, destination = (_int64(e) for e in ends.get(relation, _NO_EDGES))
            flat.edge_ends[relation] = (source, destination)
            flat.edge_offsets[relation] = _single_offsets(len(source))
            flat.edge_data[relation] = edges.get(relation) or {f.name: empty_feature(f) for f in EDGE_FEATURES[relation]}
        return flat

    @classmethod
    def from_dgl(cls, graph: dgl.DGLGraph) -> FlatGraphs:
        """The tensors of a DGL graph; the members of a batched graph become the members of the result."""
        graph = graph.cpu()
        kind = graph_kind(graph)
        flat = cls(kind, int(graph.batch_size))
        for node_type in schema_order(graph.ntypes, KINDS[kind][0]):
            rows = graph.num_nodes(node_type)
            flat.node_offsets[node_type] = _offsets(graph.batch_num_nodes(node_type))
            flat.node_data[node_type] = _with_empty(graph.nodes[node_type].data, NODE_FEATURES.get(node_type, ()), rows)
        for relation in schema_order(graph.canonical_etypes, KINDS[kind][1]):
            source, destination = graph.edges(etype=relation, order="eid")
            counts = graph.batch_num_edges(relation)
            flat.edge_offsets[relation] = _offsets(counts)
            flat.edge_ends[relation] = (
                source.long() - flat.node_offsets[relation[0]][:-1].repeat_interleave(counts),
                destination.long() - flat.node_offsets[relation[2]][:-1].repeat_interleave(counts),
            )
            flat.edge_data[relation] = _with_empty(graph.edges[relation].data, EDGE_FEATURES.get(relation, ()), graph.num_edges(relation))
        return flat

    @classmethod
    def concat(cls, parts: Iterable[FlatGraphs]) -> FlatGraphs:
        """The graphs of several collections, one after another.

        Raises
        ------
        InputError
            If there are none, or they differ in kind, schema or feature width.
        """
        parts = list(parts)
        if not parts:
            raise InputError("there is no graph to concatenate; give at least one")
        first = parts[0]
        for k, part in enumerate(parts):
            for what, here, there in (
                ("kind", part.kind, first.kind),
                ("node types", set(part.node_data), set(first.node_data)),
                ("relations", set(part.edge_ends), set(first.edge_ends)),
            ):
                if here != there:
                    raise InputError(f"graph {k} has {what} {here}, but the first has {there}; concatenate graphs of one schema only")
        flat = cls(first.kind, sum(p.count for p in parts))
        for node_type in first.node_data:
            flat.node_offsets[node_type] = _join_offsets([p.node_offsets[node_type] for p in parts])
            flat.node_data[node_type] = _join_frames(node_type, [p.node_data[node_type] for p in parts])
        for relation in first.edge_ends:
            flat.edge_offsets[relation] = _join_offsets([p.edge_offsets[relation] for p in parts])
            ends = [p.edge_ends[relation] for p in parts]
            flat.edge_ends[relation] = (torch.cat([source for source, _ in ends]), torch.cat([destination for _, destination in ends]))
            flat.edge_data[relation] = _join_frames(relation, [p.edge_data[relation] for p in parts])
        return flat

    # ------------------------------------------------------------------------------------------ selecting

    def take(self, indices: Tensor | np.ndarray | Sequence[int]) -> FlatGraphs:
        """The graphs at *indices* (b,), in that order, repeats allowed, without a loop over graphs, nodes or edges."""
        graphs = np.asarray(indices, dtype=np.int64).reshape(-1)
        if self.packed is not None:
            return self.packed.take(self.kind, graphs)
        flat = FlatGraphs(self.kind, len(graphs))
        for node_type, offsets in self.node_offsets.items():
            rows, flat.node_offsets[node_type] = _rows(offsets, graphs)
            flat.node_data[node_type] = {name: _pick(value, rows) for name, value in self.node_data[node_type].items()}
        for relation, offsets in self.edge_offsets.items():
            rows, flat.edge_offsets[relation] = _rows(offsets, graphs)
            source, destination = self.edge_ends[relation]
            flat.edge_ends[relation] = (_pick(source, rows), _pick(destination, rows))
            flat.edge_data[relation] = {name: _pick(value, rows) for name, value in self.edge_data[relation].items()}
        return flat

    def to_dgl(self, *, batched: bool = True) -> dgl.DGLGraph:
        """All graphs as one batched DGL graph; with ``batched=False`` the only graph, not batched.

        Raises
        ------
        InputError
            If an edge ends at a node that does not exist.
        """
        dgl = require_dgl()
        ends = dict(self.edge_ends)
        if self.count > 1:
            first = {node_type: offsets.numpy()[:-1] for node_type, offsets in self.node_offsets.items()}
            for relation, (source, destination) in self.edge_ends.items():
                if len(source):
                    counts = np.diff(self.edge_offsets[relation].numpy())
                    ends[relation] = (
                        torch.from_numpy(source.numpy() + np.repeat(first[relation[0]], counts)),
                        torch.from_numpy(destination.numpy() + np.repeat(first[relation[2]], counts)),
                    )
        every_end = torch.cat([end for pair in ends.values() for end in pair])
        if len(every_end) and every_end.min() < 0:  # DGL does not check this
            raise InputError(f"an edge ends at node {int(every_end.min())}, which does not exist; the file or table is damaged")
        try:
            graph = _heterograph(ends, {t: int(o[-1]) for t, o in self.node_offsets.items()})
        except dgl.DGLError as error:
            raise InputError(f"an edge ends at a node that does not exist ({error}); the file or table is damaged") from None
        for node_type, data in self.node_data.items():
            graph.nodes[node_type].data.update(data)
        for relation, data in self.edge_data.items():
            if data:
                graph.edges[relation].data.update(data)
        if batched:
            graph.set_batch_num_nodes({node_type: offsets.diff() for node_type, offsets in self.node_offsets.items()})
            graph.set_batch_num_edges({relation: offsets.diff() for relation, offsets in self.edge_offsets.items()})
        return graph

    # ------------------------------------------------------------------------------------------ names in files

    def tensors(self) -> dict[str, Tensor]:
        """All tensors by name: ``visual/offsets`` (count + 1,), ``visual/feature.box`` (n, 4), ``visual-same_as-word/source`` (e,) ..."""
        out: dict[str, Tensor] = {}
        for node_type, data in self.node_data.items():
            out[f"{node_type}/offsets"] = self.node_offsets[node_type]
            out |= {f"{node_type}/feature.{name}": value for name, value in data.items()}
        for relation, data in self.edge_data.items():
            name = relation_name(relation)
            out[f"{name}/offsets"] = self.edge_offsets[relation]
            out[f"{name}/source"], out[f"{name}/destination"] = self.edge_ends[relation]
            out |= {f"{name}/feature.{feature}": value for feature, value in data.items()}
        return out

    @property
    def node_types(self) -> list[str]:
        """Node types, in order."""
        return list(self.node_data)

    @property
    def relations(self) -> list[Relation]:
        """Relations as triples, in order."""
        return list(self.edge_ends)


@lru_cache(maxsize=64)
def _metagraph(node_types: tuple[str, ...], relations: tuple[Relation, ...]) -> tuple:
    """DGL's graph of types, and the node types, edge types and relations in its order."""
    from dgl.heterograph_index import create_metagraph_index

    return create_metagraph_index(list(node_types), list(relations))


def _heterograph(ends: dict[Relation, tuple[Tensor, Tensor]], counts: dict[str, int]) -> dgl.DGLGraph:
    """``dgl.heterograph(ends, num_nodes_dict=counts)`` for non-negative ends, in half its time.

    ``dgl.heterograph`` makes a DGLGraph of every relation only to read its index; here the indices are made directly. Ends that do not
    fit are passed on to ``dgl.heterograph``, which raises the error.
    """
    dgl = require_dgl()
    from dgl import heterograph_index as index
    from dgl.utils import toindex

    for relation, (source, destination) in ends.items():
        plain = source.dtype == destination.dtype == torch.int64 and len(source) == len(destination)
        if not plain or len(source) and (source.numpy().max() >= counts[relation[0]] or destination.numpy().max() >= counts[relation[2]]):
            return dgl.heterograph(ends, num_nodes_dict=counts)
    metagraph, node_types, edge_types, relations = _metagraph(tuple(counts), tuple(ends))
    parts = [
        index.create_unitgraph_from_coo(
            1 if relation[0] == relation[2] else 2, counts[relation[0]], counts[relation[2]], *ends[relation], ["coo", "csr", "csc"]
        )
        for relation in relations
    ]
    whole = index.create_heterograph_from_relations(metagraph, parts, toindex([counts[t] for t in node_types], "int64"))
    return dgl.DGLGraph(whole, list(node_types), list(edge_types))  # copies, because the graph keeps these lists


def schema_order(found: Iterable, wanted: Iterable) -> list:
    """*found* in the order of the schema, with anything else at the end, so that equal graphs give equal files."""
    wanted = list(wanted)
    return sorted(found, key=lambda x: (wanted.index(x) if x in wanted else len(wanted), x))


def _int64(numbers: Sequence[int] | Tensor) -> Tensor:
    return torch.from_numpy(np.array(numbers, np.int64).reshape(-1))  # for short lists several times as fast as torch


def batch(graphs: Sequence[dgl.DGLGraph]) -> dgl.DGLGraph:
    """Graphs as one batched graph, as ``dgl.batch`` makes it, also where their texts or vectors of empty node types differ in width.

    Each corpus has texts as wide as its longest one, and ``dgl.batch`` refuses graphs whose widths differ; here they are widened. Of
    one corpus, :meth:`~hetero_xmodal.GraphCorpus.batch` is much faster.

    Raises
    ------
    InputError
        If there are none, or they differ in kind, schema or feature width.

    >>> import hetero_xmodal as hx
    >>> short, long = (hx.parse_sentence(f"a {'very ' * n}red bird") for n in (0, 9))
    >>> hx.batch([hx.build_graph(hx.SceneGraph(), scene) for scene in (short, long)]).batch_num_nodes("word").tolist()
    [3, 12]
    """
    return FlatGraphs.concat([FlatGraphs.from_dgl(graph) for graph in graphs]).to_dgl()


def _single_offsets(rows: int) -> Tensor:
    """Offsets of a collection with one member of *rows* rows."""
    return _int64((0, rows))


def _offsets(counts: Tensor) -> Tensor:
    return torch.cat([counts.new_zeros(1), counts.cumsum(0)]).long()


def _with_empty(frame, features: tuple[Feature, ...], rows: int) -> dict[str, Tensor]:
    """The features of a DGL frame in schema order, including those that DGL drops from an empty frame; 0 and 1 that stand for bool are."""
    data = {f.name: frame[f.name] if f.name in frame else empty_feature(f) for f in features if f.name in frame or rows == 0}
    for f in features:
        if f.dtype == "bool" and f.name in data and data[f.name].dtype == torch.uint8 and (data[f.name] <= 1).all():
            data[f.name] = data[f.name].bool()  # files of DGL hold no bool
    return data | {name: frame[name] for name in frame if name not in data}


def _rows(offsets: Tensor, indices: np.ndarray) -> tuple[np.ndarray | slice, Tensor]:
    """Rows of the members *indices* in a flat tensor, and the offsets of the members among those rows."""
    before = offsets.numpy()  # for small arrays several times as fast as torch
    start = _gather(before, indices)
    counts = _gather(before, indices + 1) - start
    new = np.zeros(len(indices) + 1, np.int64)
    np.cumsum(counts, out=new[1:])
    if len(indices) and bool((start[1:] == start[:-1] + counts[:-1]).all()):  # consecutive members: one block
        return slice(int(start[0]), int(start[-1] + counts[-1])), torch.from_numpy(new)
    return np.arange(new[-1]) + np.repeat(start - new[:-1], counts), torch.from_numpy(new)


def _gather(array: np.ndarray, rows: np.ndarray | slice) -> np.ndarray:
    """Rows of an array; ``take`` is the fastest way, but copies the whole of one that is no block of memory."""
    return array.take(rows, axis=0) if isinstance(rows, np.ndarray) and array.flags.c_contiguous else array[rows]


def _copied(array: np.ndarray, rows: np.ndarray | slice) -> np.ndarray:
    return array[rows].copy() if isinstance(rows, slice) else array.take(rows, axis=0)


def _pick(value: Tensor, rows: np.ndarray | slice) -> Tensor:
    """Rows of *value*, always a copy, so that changing a graph in place does not change the collection it came from."""
    if isinstance(rows, slice):
        return value[rows].clone()
    if value.requires_grad or value.dtype == torch.bfloat16:  # numpy knows neither
        return value[torch.from_numpy(rows)]
    return torch.from_numpy(_gather(value.numpy(), rows))  # for small arrays five times as fast as torch


def _join_offsets(parts: list[Tensor]) -> Tensor:
    return _offsets(torch.cat([p.diff() for p in parts]))


def _join_frames(owner: str | Relation, frames: list[dict[str, Tensor]]) -> dict[str, Tensor]:
    """Concatenate every feature, texts at the width of the widest; a member without rows may lack a feature or have another free width."""
    where = f"node type '{owner}'" if isinstance(owner, str) else f"relation {owner}"
    texts = {f.name for f in (NODE_FEATURES.get(owner, ()) if isinstance(owner, str) else EDGE_FEATURES.get(owner, ())) if f.text}
    names = {name: None for frame in frames for name in frame}
    out = {}
    for name in names:
        full: list[tuple[int, Tensor]] = []
        for k, frame in enumerate(frames):
            if not _length(frame):
                continue
            if name not in frame:
                raise InputError(f"{where}: graph {k} lacks feature '{name}' that others have; build all graphs with the same options")
            full.append((k, frame[name]))
        if name in texts and all(value.ndim == 2 for _, value in full):  # a corpus holds codes of texts, of one dimension
            width = max((value.shape[1] for _, value in full), default=0)
            full = [(k, widen_text(value, width)) for k, value in full]
        for k, value in full:
            if value.shape[1:] != full[0][1].shape[1:]:
                raise InputError(
                    f"{where}, feature '{name}': graph {k} has shape {tuple(value.shape)}, "
                    f"graph {full[0][0]} has {tuple(full[0][1].shape)}; concatenate graphs of one feature width only"
                )
        if full:
            out[name] = torch.cat([value for _, value in full])
        else:  # all empty: the widest has the right width
            out[name] = max((f[name] for f in frames if name in f), key=lambda v: v.shape[1:].numel() if v.ndim > 1 else 0)
    return out


def _length(frame: dict[str, Tensor]) -> int:
    return len(next(iter(frame.values()))) if frame else 0
