"""Graphs as networkx graphs and tables: readable, and restored bit for bit, also through a GraphML file."""

from __future__ import annotations

import re

import networkx as nx
import pytest
import torch
import zoo
from hypothesis import given
from hypothesis import strategies as st

from hetero_xmodal import InputError, from_networkx, to_networkx
from hetero_xmodal import schema as s
from hetero_xmodal.environment import require_dgl
from hetero_xmodal.graphs import FlatGraphs, to_frames
from hetero_xmodal.schema import SCHEMA_VERSION

dgl = require_dgl()
ALL = zoo.PAIRS | zoo.LABELS


def assert_equal(first, second) -> None:
    """The same graph: members, ends, features, dtypes, bit for bit."""
    a, b = FlatGraphs.from_dgl(first), FlatGraphs.from_dgl(second)
    assert (a.kind, a.count) == (b.kind, b.count)
    ours, theirs = a.tensors(), b.tensors()
    assert list(ours) == list(theirs)
    for name in ours:
        assert ours[name].dtype == theirs[name].dtype and torch.equal(ours[name], theirs[name]), name


@pytest.mark.parametrize("name", ALL)
def test_round_trip_also_through_graphml(name, tmp_path):
    graph = ALL[name]()
    there = to_networkx(graph)
    assert type(there) is nx.MultiDiGraph and there.number_of_nodes() == graph.num_nodes() and there.number_of_edges() == graph.num_edges()
    assert_equal(from_networkx(there), graph)
    nx.write_graphml(there, tmp_path / "graph.graphml")
    assert_equal(from_networkx(nx.read_graphml(tmp_path / "graph.graphml")), graph)
    nx.write_gexf(there, tmp_path / "graph.gexf")  # for drawing programs; GEXF drops the description
    assert set(nx.read_gexf(tmp_path / "graph.gexf")) == set(there)


def test_ids_and_attributes_are_readable_and_simple():
    there = to_networkx(zoo.tiny())
    assert list(there)[:4] == ["visual:0:bird", "visual:1:bird", "visual:2:tree", "word:0:A"]
    node = there.nodes["visual:1:bird"]
    assert (
        node["node_type"] == "visual" and node["attributes"] == "red" and node["box"] == "50.0,10.0,75.0,40.0" and node["label"] == "bird"
    )
    assert there.nodes["word:2:bird"]["is_object"] == 1 and there.nodes["bridge:0:bird"]["lives_in"] == 0
    data = there.get_edge_data("visual:0:bird", "visual:1:bird")
    assert (
        list(data) == ["relates:0"]
        and data["relates:0"]["predicate"] == "left of"
        and data["relates:0"]["relation"] == "visual-relates-visual"
    )
    values = [v for _, d in there.nodes(data=True) for v in d.values()] + [v for *_, d in there.edges(data=True) for v in d.values()]
    assert {type(v) for v in [*values, *there.graph.values()]} <= {str, int, float}
    labels = to_networkx(zoo.three_labels())
    assert labels.edges["label:2:sky", "label:0:bird", "co_occurs:2"]["weight_value"] == 0.5  # "weight" is reserved by the file formats


def test_networkx_queries_give_sensible_answers():
    there = to_networkx(zoo.tiny())
    assert nx.has_path(there, "word:1:red", "visual:2:tree")
    assert there.out_degree("word:1:red") == 3  # depends on bird, follows A, beside the copy of the bird


odd_text = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=12)
DTYPES = {"float32": torch.float32, "float64": torch.float64, "int64": torch.int64, "bool": torch.bool, "uint8": torch.uint8}


def odd_numbers(draw, shape: tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
    """Extreme values of a dtype, finite or not."""
    size = torch.Size(shape).numel()
    if dtype.is_floating_point:
        width = 32 if dtype == torch.float32 else 64
        values = draw(st.lists(st.floats(width=width, allow_nan=False), min_size=size, max_size=size))
    elif dtype == torch.bool:
        values = draw(st.lists(st.booleans(), min_size=size, max_size=size))
    else:
        high = 255 if dtype == torch.uint8 else 2**63 - 1
        values = draw(st.lists(st.integers(0, high), min_size=size, max_size=size))
    return torch.tensor(values, dtype=dtype).reshape(shape)


@st.composite
def odd_graphs(draw):
    """Graphs of a random schema: the pair schema, a recipe's own node types, relations and features of any dtype and shape, odd texts."""
    base = zoo.PAIRS[draw(st.sampled_from(["tiny", "nothing", "no_sentence", "multi_edge"]))]()
    own = draw(st.lists(st.sampled_from(["memory", "tex-ture", "patch"]), unique=True, max_size=2))
    counts = {t: base.num_nodes(t) for t in base.ntypes} | {t: draw(st.integers(0, 3)) for t in own}
    ends = {r: base.edges(etype=r) for r in base.canonical_etypes}
    for k in range(draw(st.integers(0, 2)) if own else 0):
        source, destination = draw(st.sampled_from(own)), draw(st.sampled_from([*own, "word"]))
        n = draw(st.integers(0, 3)) if counts[source] and counts[destination] else 0
        index = [draw(st.lists(st.integers(0, counts[t] - 1), min_size=n, max_size=n)) if n else [] for t in (source, destination)]
        ends[source, f"speaks-to_{k}", destination] = tuple(torch.tensor(i, dtype=torch.int64) for i in index)
    graph = dgl.heterograph(ends, num_nodes_dict=counts)
    for node_type in base.ntypes:
        graph.nodes[node_type].data.update(base.nodes[node_type].data)
    for relation in base.canonical_etypes:
        graph.edges[relation].data.update(base.edges[relation].data)
    for node_type in own:
        for k in range(draw(st.integers(0, 2))):
            shape = draw(st.sampled_from([(), (1,), (3,), (2, 2), (12,), (0,)]))
            graph.nodes[node_type].data[f"own_{k}"] = odd_numbers(
                draw, (counts[node_type], *shape), DTYPES[draw(st.sampled_from(list(DTYPES)))]
            )
    if counts["visual"]:
        names = draw(st.lists(odd_text.filter(bool), min_size=counts["visual"], max_size=counts["visual"]))
        graph.nodes["visual"].data["name"] = s.encode_text(names)
        graph.nodes["visual"].data["attributes"] = s.encode_text([n * 2 for n in names], 96)
        graph.nodes["visual"].data["feature"] = odd_numbers(
            draw, (counts["visual"], draw(st.sampled_from([0, 1, 9]))), torch.float32
        ).nan_to_num()
    return graph


@given(odd_graphs())
def test_any_schema_and_any_value_comes_back_through_graphml(tmp_path_factory, graph):
    path = tmp_path_factory.mktemp("graphml") / "graph.graphml"
    there = to_networkx(graph)
    assert_equal(from_networkx(there), graph)
    nx.write_graphml(there, path)
    assert_equal(from_networkx(nx.read_graphml(path)), graph)


def spoilt(change):
    there = to_networkx(zoo.tiny())
    change(there)
    return there


REFUSED = {
    "has no attribute 'hetero_xmodal'": lambda g: g.graph.clear(),
    "description of this networkx graph is damaged": lambda g: g.graph.update(hetero_xmodal="{"),
    "damaged .KeyError": lambda g: g.graph.update(hetero_xmodal="{}"),
    f"schema version 99, this package reads version {SCHEMA_VERSION}; update": lambda g: g.graph.update(
        hetero_xmodal=g.graph["hetero_xmodal"].replace(f'"schema_version": {SCHEMA_VERSION}', '"schema_version": 99')
    ),
    "node 'word:0:A': attribute 'node_type' is 'wrod', expected one of": lambda g: g.nodes["word:0:A"].update(node_type="wrod"),
    "node 'stranger': attribute 'node_type' is None": lambda g: g.add_edge("stranger", "word:0:A"),
    "node 'word:0:A': attribute 'row' is 'x', expected a whole number": lambda g: g.nodes["word:0:A"].update(row="x"),
    "node 'visual:0:bird' lacks attribute 'box'": lambda g: g.nodes["visual:0:bird"].pop("box"),
    r"node 'visual:0:bird', attribute 'box': cannot be read as float32 \[4\] .found 2 numbers.": lambda g: g.nodes["visual:0:bird"].update(
        box="1,2"
    ),
    "attribute 'feature': cannot be read as float32": lambda g: g.nodes["visual:0:bird"].update(feature="1,a,2"),
    "edge 'visual:0:bird' -> 'visual:1:bird': attribute 'relation' is None": lambda g: g.edges[
        "visual:0:bird", "visual:1:bird", "relates:0"
    ].pop("relation"),
    "has relation 'word-follows-word', but runs from a visual to a visual": lambda g: g.edges[
        "visual:0:bird", "visual:1:bird", "relates:0"
    ].update(relation="word-follows-word"),
    "node type 'visual', feature 'score', node 0: found 7.0": lambda g: g.nodes["visual:0:bird"].update(score=7.0),
    "members of the batch are .*, expected 0..0 in order": lambda g: g.nodes["word:0:A"].update(member=3),
}


@pytest.mark.parametrize("message", REFUSED)
def test_a_damaged_networkx_graph_is_refused(message):
    with pytest.raises(InputError, match=message):
        from_networkx(spoilt(REFUSED[message]))


def test_invalid_graphs_are_not_exported():
    graph = zoo.tiny()
    graph.nodes["visual"].data["score"][0] = 2
    for export in (to_networkx, to_frames):
        with pytest.raises(InputError, match=re.escape("feature 'score', node 0: found 2.0")):
            export(graph)


def test_tables_hold_every_row_with_names_and_members():
    graph = zoo.batch_of_unequal()
    frames = to_frames(graph)
    assert {name: len(table) for name, table in frames.items()} == {t: graph.num_nodes(t) for t in graph.ntypes} | {
        s.relation_name(r): graph.num_edges(r) for r in graph.canonical_etypes
    }
    visual = frames["visual"]
    assert visual.groupby("graph").size().reindex(range(8), fill_value=0).tolist() == graph.batch_num_nodes("visual").tolist()
    first = visual[visual.graph == 0]
    assert first[["name", "attributes", "x1", "y2", "image_width"]].values.tolist()[1] == ["bird", "red", 50.0, 40.0, 100.0]
    member = frames["visual-same_as-word"].query("graph == 5")  # isolated_region: rows count within the member
    assert member[["source", "source_name", "destination", "destination_name"]].values.tolist() == [
        [1, "bird", 2, "bird"],
        [2, "tree", 5, "tree"],
    ]
    wide = to_frames(zoo.tiny(), features=True)["visual"]
    assert wide[["feature_0", "feature_1", "feature_2"]].values.tolist() == [[4, 5, 10], [4, 50, 10], [4, 40, 38]]
    assert "feature_0" not in visual
