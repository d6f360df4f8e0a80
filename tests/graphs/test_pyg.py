"""Graphs as PyTorch Geometric's HeteroData: restored bit for bit, one by one, in its own batches, and by its own loader."""

from __future__ import annotations

import pytest
import torch
import zoo

import hetero_xmodal as hx
from hetero_xmodal.graphs import FlatGraphs

pytest.importorskip("torch_geometric", reason="PyTorch Geometric is not installed")
from torch_geometric.data import Batch, HeteroData
from torch_geometric.loader import DataLoader


def pair(sentence: str, *names: str, labels=()):
    objects = [hx.SceneObject(name, ["red"], box=(5 * k, 0, 5 * k + 9, 9), feature=[0.5, float(k)]) for k, name in enumerate(names)]
    image = hx.SceneGraph(objects=objects, relations=[hx.SceneRelation(0, "on", 1)] if len(names) > 1 else [], size=(64, 64))
    return hx.build_graph(image, hx.parse_sentence(sentence), labels=list(labels) or None, feature_width=2)


GRAPHS = [
    pair("a red bird on a tree", "bird", "tree", labels=["animal", "plant"]),
    pair("nothing here"),
    pair("a dog", "dog", labels=["pet"]),
]


def assert_equal(first, second) -> None:
    ours, theirs = FlatGraphs.from_dgl(first).tensors(), FlatGraphs.from_dgl(second).tensors()
    assert list(ours) == list(theirs) and all(torch.equal(ours[name], theirs[name]) for name in ours)


@pytest.mark.parametrize("name", sorted(zoo.PAIRS | zoo.LABELS))
def test_round_trip(name):
    graph = (zoo.PAIRS | zoo.LABELS)[name]()
    assert_equal(hx.from_pyg(hx.to_pyg(graph)), graph)


def test_a_batch_is_a_batch_there_and_back():
    import dgl

    batched = dgl.batch(GRAPHS)
    data = hx.to_pyg(batched)
    assert isinstance(data, Batch) and data.num_graphs == 3
    assert data["visual"].batch.tolist() == [0, 0, 2]
    assert_equal(hx.from_pyg(data), batched)


def test_its_own_loader_batches_them_and_label_columns_stay():
    loader = DataLoader([hx.to_pyg(graph) for graph in GRAPHS], batch_size=3)
    data = next(iter(loader))
    wanted = torch.cat([graph.nodes["label"].data["index"] for graph in GRAPHS])
    assert torch.equal(data["label"].indices, wanted)  # not shifted, as tensors called "index" are
    edges = data["visual", "same_as", "word"].edge_index
    assert edges.tolist() == [[0, 1, 2], [2, 5, 6 + 2 + 1]]  # bird, tree; "nothing here" has two words; dog is the second word of its own


def test_what_is_not_ours_is_refused():
    with pytest.raises(hx.InputError, match="takes a HeteroData"):
        hx.from_pyg("graph")
    with pytest.raises(hx.InputError, match="no 'kind'"):
        hx.from_pyg(HeteroData())
    data = hx.to_pyg(GRAPHS[0])
    data.schema_version = 1
    with pytest.raises(hx.InputError, match="schema version 1"):
        hx.from_pyg(data)
