"""Graphs in files: a folder with the tensors as safetensors and a description as JSON.

``graph.json`` describes the graph (schema version, kind, node types and relations with their features), ``graph.safetensors`` holds the
tensors and ``manifest.json`` the sizes and SHA-256 of both. Loading reads numbers and text and executes no code.

>>> import tempfile, pathlib, hetero_xmodal as hx
>>> graph = hx.build_graph(hx.SceneGraph(), hx.SceneGraph(objects=[hx.SceneObject("bird", ["red"])]))
>>> folder = pathlib.Path(tempfile.mkdtemp()) / "bird"
>>> save_graph(graph, folder)
>>> sorted(file.name for file in folder.iterdir())
['graph.json', 'graph.safetensors', 'manifest.json']
>>> load_graph(folder).num_nodes("word")
2
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor

from ..errors import InputError
from ..files import atomic_folder, existing_file, read_folder, read_json, read_safetensors, write_json, write_safetensors
from ..schema import KINDS, SCHEMA_VERSION, Relation, relation_name, version_advice
from ..validation import validate
from .flat import FlatGraphs
from .folder_kind import GRAPH_FILES as _FILES
from .folder_kind import GRAPH_FOLDER
from .folder_kind import GRAPH_FORMAT as _FORMAT

if TYPE_CHECKING:
    import dgl


def save_graph(graph: dgl.DGLGraph, path: str | Path, *, allow_extra: bool = False) -> None:
    """Write *graph* (single or batched) into the folder *path*, atomically; an earlier graph there is replaced.

    Raises
    ------
    InputError
        If the graph does not follow the schema, or the folder holds anything but a graph.

    >>> import hetero_xmodal as hx, tempfile
    >>> ball = hx.SceneObject("ball", ["red"], box=(10, 5, 30, 25))
    >>> graph = hx.build_graph(hx.SceneGraph([ball], size=(80, 60)), hx.parse_sentence("a red ball"))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     hx.save_graph(graph, f"{folder}/graph")
    ...     hx.load_graph(f"{folder}/graph").num_nodes("word")
    3
    """
    flat = FlatGraphs.from_dgl(validate(graph, allow_extra=allow_extra))
    with atomic_folder(path, GRAPH_FOLDER) as folder:
        write_safetensors(folder / "graph.safetensors", flat.tensors(), {"format": _FORMAT})
        digest = hashlib.sha256((folder / "graph.safetensors").read_bytes()).hexdigest()
        write_json(folder / "graph.json", describe(flat, _FORMAT) | {"sha256": digest})


def load_graph(path: str | Path, *, allow_extra: bool = False, verify: bool = True) -> dgl.DGLGraph:
    """Read the folder written by :func:`save_graph`; ``verify=False`` leaves out the comparison of the files with their SHA-256.

    Raises
    ------
    InputError
        If a file is missing, empty, truncated, damaged, of another format or of another schema version.

    >>> import hetero_xmodal as hx, tempfile
    >>> ball = hx.SceneObject("ball", ["red"], box=(10, 5, 30, 25))
    >>> graph = hx.build_graph(hx.SceneGraph([ball], size=(80, 60)), hx.parse_sentence("a red ball"))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     hx.save_graph(graph, f"{folder}/graph")
    ...     hx.load_graph(f"{folder}/graph").num_nodes("word")
    3
    """
    return read_folder(path, GRAPH_FOLDER, lambda folder: _read(folder, allow_extra, verify), files=_FILES, verify=verify)


def _read(path: Path, allow_extra: bool, verify: bool) -> dgl.DGLGraph:
    description = check_description(read_json(path / "graph.json", "graph"), _FORMAT, path / "graph.json")
    file = existing_file(path / "graph.safetensors", "tensors of the graph")
    if verify and hashlib.sha256(file.read_bytes()).hexdigest() != description.get("sha256"):
        raise InputError(f"'{path}': graph.safetensors is not the file that graph.json describes; it is damaged or from another graph")
    tensors, _ = read_safetensors(file, "tensors of the graph")
    # the tensors are views of the file; copies keep the graph intact when the file is replaced
    flat = restore({name: tensor.clone() for name, tensor in tensors.items()}, description, path)
    return validate(flat.to_dgl(batched=flat.count != 1), kind=flat.kind, allow_extra=allow_extra)


# ---------------------------------------------------------------------------------------------- shared with corpora


def describe(flat: FlatGraphs, form: str) -> dict[str, Any]:
    """Description of *flat* as JSON values: kind, node types, relations, dtype and shape of every tensor."""
    return {
        "format": form,
        "schema_version": SCHEMA_VERSION,
        "kind": flat.kind,
        "graphs": flat.count,
        "node_types": {t: int(flat.node_offsets[t][-1]) for t in flat.node_types},
        "relations": [{"relation": list(r), "edges": int(flat.edge_offsets[r][-1])} for r in flat.relations],
        "tensors": {name: [str(t.dtype).removeprefix("torch."), list(t.shape)] for name, t in flat.tensors().items()},
    }


def check_description(description: Any, form: str, path: Path) -> dict[str, Any]:
    """Return *description* if it is one of this format and version.

    Raises
    ------
    InputError
        If it is not.
    """
    if not isinstance(description, dict) or description.get("format") != form:
        found = description.get("format") if isinstance(description, dict) else type(description).__name__
        raise InputError(f"'{path}' is not a {form} description (found {found!r}); give a folder that this package wrote")
    version = description.get("schema_version")
    if version != SCHEMA_VERSION:
        raise InputError(f"'{path}' has schema version {version!r}, this package reads version {SCHEMA_VERSION}; {version_advice(version)}")
    if description.get("kind") not in KINDS:
        raise InputError(f"'{path}': kind of graph is {description.get('kind')!r}, expected one of {', '.join(KINDS)}")
    return description


def restore(tensors: dict[str, Tensor], description: dict[str, Any], path: Path) -> FlatGraphs:
    """The graphs of a folder, from its tensors, named and shaped as by :meth:`FlatGraphs.tensors`, such as ``visual/offsets`` (count + 1,).

    Raises
    ------
    InputError
        If names, dtypes, shapes or offsets differ from the description.
    """
    try:
        wanted = {name: (dtype, tuple(shape)) for name, (dtype, shape) in description["tensors"].items()}
        flat = FlatGraphs(description["kind"], int(description["graphs"]))
        node_types = {str(t): int(n) for t, n in description["node_types"].items()}
        relations: dict[Relation, int] = {}
        for entry in description["relations"]:
            source, name, destination = map(str, entry["relation"])
            relations[source, name, destination] = int(entry["edges"])
        found = {name: (str(t.dtype).removeprefix("torch."), tuple(t.shape)) for name, t in tensors.items()}
        if found != wanted:
            name = next(n for n in sorted(wanted.keys() | found.keys()) if wanted.get(n) != found.get(n))
            raise InputError(
                f"'{path}': tensor '{name}' is {found.get(name, 'missing')}, the description says {wanted.get(name, 'nothing')}"
            )
        for node_type, rows in node_types.items():
            flat.node_offsets[node_type] = _checked_offsets(tensors[f"{node_type}/offsets"], flat.count, rows, f"{path}: {node_type}")
            flat.node_data[node_type] = _features(tensors, node_type, rows)
        for relation, rows in relations.items():
            name = relation_name(relation)
            flat.edge_offsets[relation] = _checked_offsets(tensors[f"{name}/offsets"], flat.count, rows, f"{path}: {name}")
            flat.edge_ends[relation] = (tensors[f"{name}/source"], tensors[f"{name}/destination"])
            flat.edge_data[relation] = _features(tensors, name, rows)
            if not (len(flat.edge_ends[relation][0]) == len(flat.edge_ends[relation][1]) == rows):
                raise InputError(
                    f"'{path}': relation {relation} should have {rows} edges, but its ends have other lengths; the file is damaged"
                )
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"the description in '{path}' is damaged ({error!r}); save the graph again") from None
    return flat


def _features(tensors: dict[str, Tensor], owner: str, rows: int) -> dict[str, Tensor]:
    start = f"{owner}/feature."
    data = {name.removeprefix(start): t for name, t in tensors.items() if name.startswith(start)}
    for name, value in data.items():
        if value.ndim == 0 or len(value) != rows:
            raise InputError(f"feature '{name}' of {owner} has shape {tuple(value.shape)}, expected {rows} rows; the file is damaged")
    return data


def _checked_offsets(offsets: Tensor, count: int, rows: int, where: str) -> Tensor:
    ok = offsets.shape == (count + 1,) and int(offsets[0]) == 0 and int(offsets[-1]) == rows and bool((offsets.diff() >= 0).all())
    if not ok:
        raise InputError(f"'{where}': the offsets do not divide {rows} rows among {count} graphs; the file is damaged")
    return offsets
