"""Graphs in files: equal when they come back, and every damaged, foreign or older file refused in one sentence."""

from __future__ import annotations

import json
import pickle
import shutil

import pytest
import torch
import zoo

from hetero_xmodal import InputError, load_graph, save_graph
from hetero_xmodal.files import read_safetensors, write_json, write_safetensors
from hetero_xmodal.graphs import FlatGraphs
from hetero_xmodal.schema import SCHEMA_VERSION

ALL = zoo.PAIRS | zoo.LABELS


def same(first, second) -> bool:
    a, b = FlatGraphs.from_dgl(first), FlatGraphs.from_dgl(second)
    ours, theirs = a.tensors(), b.tensors()
    return (a.kind, a.count, list(ours)) == (b.kind, b.count, list(theirs)) and all(
        ours[k].dtype == theirs[k].dtype and torch.equal(ours[k], theirs[k]) for k in ours
    )


@pytest.mark.parametrize("name", ALL)
def test_every_graph_comes_back_equal(name, tmp_path):
    graph = ALL[name]()
    save_graph(graph, tmp_path / "deep" / "graph")
    back = load_graph(str(tmp_path / "deep" / "graph"))
    assert same(graph, back) and back.batch_size == graph.batch_size
    save_graph(zoo.tiny(), tmp_path / "deep" / "graph")  # takes the place of the earlier one
    assert same(load_graph(tmp_path / "deep" / "graph"), zoo.tiny())
    assert [p.name for p in (tmp_path / "deep").iterdir()] == ["graph"]


def test_a_loaded_graph_does_not_depend_on_its_file(tmp_path):
    save_graph(zoo.tiny(), tmp_path / "g")
    graph = load_graph(tmp_path / "g")
    shutil.rmtree(tmp_path / "g")
    graph.nodes["visual"].data["score"] *= 0.5
    assert torch.allclose(graph.nodes["visual"].data["score"], zoo.tiny().nodes["visual"].data["score"] / 2)


def test_equal_graphs_give_equal_bytes(tmp_path):
    for name in "ab":
        save_graph(zoo.tiny(), tmp_path / name)
    for file in ("graph.json", "graph.safetensors"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_own_features_travel_if_allowed(tmp_path):
    graph = zoo.tiny()
    graph.nodes["word"].data["hidden"] = torch.randn(6, 2, 3, dtype=torch.float64)
    with pytest.raises(InputError, match="unknown feature 'hidden'"):
        save_graph(graph, tmp_path / "g")
    assert not list(tmp_path.iterdir())
    save_graph(graph, tmp_path / "g", allow_extra=True)
    with pytest.raises(InputError, match="unknown feature 'hidden'"):
        load_graph(tmp_path / "g")
    assert same(load_graph(tmp_path / "g", allow_extra=True), graph)


def edit(folder, **changes):
    """Change keys of graph.json."""
    data = json.loads((folder / "graph.json").read_text())
    write_json(folder / "graph.json", data | changes)


def retensor(folder, change):
    """Rewrite the tensors, with a description that vouches for the new bytes."""
    import hashlib

    tensors, metadata = read_safetensors(folder / "graph.safetensors")
    tensors = {k: v.clone() for k, v in tensors.items()}
    change(tensors)
    write_safetensors(folder / "graph.safetensors", tensors, metadata)
    described = {name: [str(t.dtype).removeprefix("torch."), list(t.shape)] for name, t in tensors.items()}
    edit(folder, sha256=hashlib.sha256((folder / "graph.safetensors").read_bytes()).hexdigest(), tensors=described)


def cut(path):
    path.write_bytes(path.read_bytes()[:-20])


def flip(path):
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


DAMAGE = {
    "graph 'FOLDER' does not exist": lambda f: shutil.rmtree(f),
    "graph.json' is empty .0 bytes": lambda f: (f / "graph.json").write_text(""),
    "graph.json' is not readable as JSON": lambda f: cut(f / "graph.json"),
    "graph.json' is not readable as JSON .*codec": lambda f: (f / "graph.json").write_bytes(pickle.dumps([1])),
    "is not a hetero_xmodal.graph description .found 'list'.": lambda f: write_json(f / "graph.json", []),
    "is not a hetero_xmodal.graph description .found 'hetero_xmodal.corpus'.": lambda f: edit(f, format="hetero_xmodal.corpus"),
    f"has schema version {SCHEMA_VERSION + 1}, this package reads version {SCHEMA_VERSION}; update hetero_xmodal": lambda f: edit(
        f, schema_version=SCHEMA_VERSION + 1
    ),
    f"has schema version {SCHEMA_VERSION - 1}, .* an older version of the package wrote it": lambda f: edit(
        f, schema_version=SCHEMA_VERSION - 1
    ),
    "has schema version None": lambda f: edit(f, schema_version=None),
    "kind of graph is 'trio', expected one of pair, labels": lambda f: edit(f, kind="trio"),
    "graph.safetensors' does not exist": lambda f: (f / "graph.safetensors").unlink(),
    "graph.safetensors is not the file that graph.json describes": lambda f: cut(f / "graph.safetensors"),
    "is not the file that graph.json describes; it is damaged or from another graph": lambda f: flip(f / "graph.safetensors"),
    "the description in .* is damaged .KeyError.'tensors'": lambda f: write_json(
        f / "graph.json", {k: v for k, v in json.loads((f / "graph.json").read_text()).items() if k != "tensors"}
    ),
    "the description in .* is damaged": lambda f: edit(f, relations=7),
    "tensor 'visual/offsets' is missing, the description says": lambda f: (
        lambda before: (retensor(f, lambda t: t.pop("visual/offsets")), edit(f, tensors=before))
    )(json.loads((f / "graph.json").read_text())["tensors"]),
    "the offsets do not divide 3 rows among 1 graphs": lambda f: retensor(f, lambda t: t.update({"visual/offsets": torch.tensor([0, 4])})),
    "the offsets do not divide 3 rows among 2 graphs": lambda f: edit(f, graphs=2),
    r"feature 'box' of visual has shape \(2, 4\), expected 3 rows": lambda f: retensor(
        f, lambda t: t.update({"visual/feature.box": t["visual/feature.box"][:2]})
    ),
    "should have 2 edges, but its ends have other lengths": lambda f: retensor(
        f, lambda t: t.update({"visual-relates-visual/source": torch.tensor([0])})
    ),
    "an edge ends at a node that does not exist": lambda f: retensor(
        f, lambda t: t.update({"visual-relates-visual/source": torch.tensor([0, 9])})
    ),
    "an edge ends at node -1, which does not exist": lambda f: retensor(
        f, lambda t: t.update({"visual-relates-visual/source": torch.tensor([0, -1])})
    ),
    "feature 'score': expected dtype float32, found float64": lambda f: retensor(
        f, lambda t: t.update({"visual/feature.score": t["visual/feature.score"].double()})
    ),
    "feature 'score', node 0: found nan, expected finite": lambda f: retensor(f, lambda t: t["visual/feature.score"].fill_(float("nan"))),
    "node type 'visual' lacks feature 'box'": lambda f: retensor(f, lambda t: t.pop("visual/feature.box")),
    "the graph lacks node type 'label'": lambda f: edit(
        f,
        node_types={k: v for k, v in json.loads((f / "graph.json").read_text())["node_types"].items() if k != "label"},
        relations=[r for r in json.loads((f / "graph.json").read_text())["relations"] if "label" not in r["relation"]],
    ),
}


@pytest.mark.parametrize("message", DAMAGE)
def test_a_damaged_file_is_refused_in_one_sentence(message, tmp_path):
    folder = tmp_path / "g"
    save_graph(zoo.tiny(), folder)
    DAMAGE[message](folder)
    with pytest.raises(InputError, match=r"graph\.(json|safetensors)|does not exist"):  # whatever it is, the manifest tells
        load_graph(folder)
    (folder / "manifest.json").unlink(missing_ok=True)  # as an earlier version wrote it
    with pytest.raises(InputError, match=message.replace("FOLDER", str(folder))) as caught:
        load_graph(folder)
    assert "\n" not in str(caught.value)


def test_wrong_places_are_refused(tmp_path):
    (tmp_path / "file").write_text("x")
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").write_text("precious")
    with pytest.raises(InputError, match="file' is a file; give the folder of a graph"):
        load_graph(tmp_path / "file")
    with pytest.raises(InputError, match="file' is a file; give the name of a folder"):
        save_graph(zoo.tiny(), tmp_path / "file")
    with pytest.raises(InputError, match="photos' holds 'a.jpg'"):
        save_graph(zoo.tiny(), tmp_path / "photos")
    with pytest.raises(InputError, match="expected a dgl.DGLGraph, found NoneType"):
        save_graph(None, tmp_path / "new")
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["a.jpg", "file", "photos"]
