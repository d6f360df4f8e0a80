"""validate says what is wrong in one sentence, for every way a graph can be wrong; texts as bytes survive."""

from __future__ import annotations

import pytest
import torch
import zoo
from hypothesis import given
from hypothesis import strategies as st

import hetero_xmodal as hx
from hetero_xmodal import schema as s
from hetero_xmodal.environment import require_dgl
from hetero_xmodal.graphs import FlatGraphs
from hetero_xmodal.validation import check_flat, validate

dgl = require_dgl()


@pytest.mark.parametrize("name", [*zoo.PAIRS, *zoo.LABELS])
def test_every_graph_of_the_zoo_is_valid_and_whole(name):
    graph = (zoo.PAIRS | zoo.LABELS)[name]()
    assert validate(graph) is graph
    kind = s.graph_kind(graph)
    assert set(graph.canonical_etypes) == set(s.kind_relations(kind)) and set(graph.ntypes) == set(s.KINDS[kind][0])


def test_every_node_and_edge_belongs_to_the_image_the_sentence_or_the_pair():
    assert {name: row.part for name, row in s.NODE_TYPES.items()} == {
        "visual": "image", "word": "sentence", "bridge": "pair", "label": "image"
    }  # fmt: skip
    parts = {}
    for relation in s.RELATION_TYPES:
        parts.setdefault(s.relation_part(relation), set()).add(relation)
    assert parts["image"] == {s.RELATES, s.VISUAL_HAS_LABEL, s.CO_OCCURS}
    assert parts["sentence"] == {s.WORD_RELATES, s.DEPENDS, s.FOLLOWS}
    assert s.relation_part(s.WORD_HAS_LABEL) == s.relation_part(("word", "writes", "memory")) == "pair"


def rewired(graph, relation, change):
    """*graph* with the ends of one relation replaced by ``change(source, destination)``; features of new edges are ones."""
    flat = FlatGraphs.from_dgl(graph)
    source, destination = change(*flat.edge_ends[relation])
    flat.edge_ends[relation] = (torch.as_tensor(source), torch.as_tensor(destination))
    n = len(flat.edge_ends[relation][0])
    flat.edge_offsets[relation] = torch.tensor([0, n])
    flat.edge_data[relation] = {
        name: torch.cat([value, torch.ones(max(0, n - len(value)), *value.shape[1:], dtype=value.dtype)])[:n]
        for name, value in flat.edge_data[relation].items()
    }
    return flat.to_dgl(batched=False)


def without(graph, *, node_type=None, relation=None):
    """*graph* without one node type or relation."""
    ends = {r: graph.edges(etype=r) for r in graph.canonical_etypes if r != relation and node_type not in (r[0], r[2])}
    return dgl.heterograph(ends, num_nodes_dict={t: graph.num_nodes(t) for t in graph.ntypes if t != node_type})


def set_feature(owner, name, value):
    def change(graph):
        frame = graph.nodes[owner].data if isinstance(owner, str) else graph.edges[owner].data
        frame[name] = value(frame[name]) if callable(value) else value
        return graph

    return change


def put(row, value):
    def change(tensor):
        tensor = tensor.clone()
        tensor[row] = value
        return tensor

    return change


def drop_feature(owner, name):
    def change(graph):
        (graph.nodes[owner].data if isinstance(owner, str) else graph.edges[owner].data).pop(name)
        return graph

    return change


def crossing(graph):
    """Two graphs batched, with one edge led over to the other member."""
    both = dgl.batch([graph, graph])
    flat = FlatGraphs.from_dgl(both)
    flat.count = 1  # ends count through the whole graph
    for owner in (flat.node_offsets, flat.edge_offsets):
        for key, offsets in owner.items():
            owner[key] = offsets[[0, -1]]
    flat.edge_ends = {r: tuple(e.clone() for e in both.edges(etype=r)) for r in flat.edge_ends}
    flat.edge_ends[s.RELATES][1][0] += graph.num_nodes("visual")
    out = flat.to_dgl(batched=False)
    out.set_batch_num_nodes({t: both.batch_num_nodes(t) for t in both.ntypes})
    out.set_batch_num_edges({r: both.batch_num_edges(r) for r in both.canonical_etypes})
    return out


def miscounted(graph):
    both = dgl.batch([graph, graph])
    both.set_batch_num_nodes({t: both.batch_num_nodes(t) + (t == "word") for t in both.ntypes})
    return both


def extra_type(graph):
    ends = {r: graph.edges(etype=r) for r in graph.canonical_etypes} | {("memory", "attends", "word"): ([0], [0])}
    return dgl.heterograph(ends, num_nodes_dict={t: graph.num_nodes(t) for t in graph.ntypes} | {"memory": 1})


# the tiny graph: visual 0 blue bird, 1 red bird, 2 tree; words a red bird on a tree; bridges 0, 1 of words 2, 5 and 2, 3 of regions 1, 2
WRONG = {
    "expected a dgl.DGLGraph, found dict": lambda g: {},
    "the graph lacks node type 'bridge'": lambda g: without(g, node_type="bridge"),
    r"the graph lacks relation \('word', 'follows', 'word'\)": lambda g: without(g, relation=s.FOLLOWS),
    "the graph has an unknown node type 'memory'": extra_type,
    "node type 'visual' has an unknown feature 'colour'": set_feature("visual", "colour", torch.zeros(3)),
    "node type 'visual' lacks feature 'box'": drop_feature("visual", "box"),
    r"relation \('visual', 'relates', 'visual'\) lacks feature 'predicate'": drop_feature(s.RELATES, "predicate"),
    "node type 'visual', feature 'score': expected dtype float32, found float64": set_feature("visual", "score", torch.Tensor.double),
    r"feature 'box': expected shape \('rows', 4\), found \(3, 3\)": set_feature("visual", "box", lambda v: v[:, :3]),
    "feature 'feature', node 1: found .*nan.*, expected finite numbers": set_feature("visual", "feature", put((1, 2), float("nan"))),
    "feature 'score', node 2: found 1.5, expected at most 1": set_feature("visual", "score", put(2, 1.5)),
    "feature 'lives_in', node 0: found -1, expected at least 0": set_feature("bridge", "lives_in", put(0, -1)),
    r"'visual', feature 'name', node 1: found an empty text, expected class of": set_feature("visual", "name", put(1, 0)),
    "feature 'arc', edge 2: found bytes after the closing zero": set_feature(s.DEPENDS, "arc", put((2, 15), 97)),
    r"feature 'box', node 0: found .*, expected x1 < x2 <= 100": set_feature("visual", "box", put((0, 2), 2.0)),
    r"feature 'box', node 2: found .*xyxy": set_feature("visual", "box", put((2, 3), 101.0)),
    r"'follows', 'word'\), edge 0: runs from the word at position 0 to the one at 1": lambda g: rewired(g, s.FOLLOWS, lambda a, b: (b, a)),
    "'label', feature 'index', node 1: found 0 a second time .first at node 0.": set_feature("label", "index", put(1, 0)),
    r"'same_as', 'word'\): visual node 1 has 2 of these edges": lambda g: rewired(g, s.VISUAL_SAME_AS_WORD, lambda a, b: ([1, 1], b)),
    r"'same_as', 'word'\): word node 5 has 2 of these edges": lambda g: rewired(g, s.VISUAL_SAME_AS_WORD, lambda a, b: (a, [5, 5])),
    r"\('word', 'same_as', 'visual'\): found edges that differ from": lambda g: rewired(
        g, s.WORD_SAME_AS_VISUAL, lambda a, b: (a, b.flip(0))
    ),
    "'bridge', node 1: copied from 0 regions and 0 words, expected exactly one word": lambda g: rewired(
        g, s.WORD_COPIED_TO, lambda a, b: (a[:1], b[:1])
    ),
    "'bridge', node 0: copied from 0 regions and 1 words, expected exactly one region": set_feature("bridge", "lives_in", put(0, 1)),
    "every copy reports back to its own owner": lambda g: rewired(g, s.RETURNS_TO_WORD, lambda a, b: (a, b.flip(0))),
    "word node 2 has 2 copies, expected at most 1": lambda g: rewired(
        rewired(g, s.WORD_COPIED_TO, lambda a, b: ([2, 2], b)), s.RETURNS_TO_WORD, lambda a, b: (a, [2, 2])
    ),
    "word node 3 has a copy but no same_as edge": lambda g: rewired(
        rewired(g, s.WORD_COPIED_TO, lambda a, b: ([3, 5], b)), s.RETURNS_TO_WORD, lambda a, b: (a, [3, 5])
    ),
    "bridge node 2 lives_in 1, expected 0: only a copy of a word stands beside a visual": lambda g: rewired(
        g, s.BRIDGE_BESIDE_VISUAL, lambda a, b: ([2, *a[1:]], b)
    ),
    r"\('visual', 'beside', 'bridge'\): found edges that differ": lambda g: rewired(g, s.VISUAL_BESIDE_BRIDGE, lambda a, b: (a[1:], b[1:])),
    "bridge node 1 does not stand beside visual node 2, which its owner is the same as": lambda g: rewired(
        rewired(g, s.BRIDGE_BESIDE_VISUAL, lambda a, b: ([0, 0, 0, 1], [0, 1, 2, 1])),
        s.VISUAL_BESIDE_BRIDGE,
        lambda a, b: ([0, 1, 2, 1], [0, 0, 0, 1]),
    ),
    "edge 0: leads from member 0 of the batch to member 1": crossing,
    "'word': the members of the batch have 14 nodes, but the graph has 12": miscounted,
}


@pytest.mark.parametrize("message", WRONG)
def test_validate_names_what_is_wrong(message):
    with pytest.raises(hx.InputError, match=message):
        validate(WRONG[message](zoo.tiny()))


@pytest.mark.parametrize("message", [m for m in WRONG if "dgl.DGLGraph" not in m and "of the batch" not in m])
def test_flat_tensors_are_judged_as_their_graph_is(message):
    """build_graph checks the tensors it makes a graph of instead of asking the graph for them."""
    flat = FlatGraphs.from_dgl(WRONG[message](zoo.tiny()))
    with pytest.raises(hx.InputError, match=message):
        check_flat(flat)


def test_flat_tensors_of_a_batch_are_judged_by_node_numbers_of_the_whole_batch():
    flat = FlatGraphs.from_dgl(dgl.batch([zoo.tiny(), zoo.no_sentence(), zoo.tiny()]))
    check_flat(flat)
    source, destination = flat.edge_ends[s.FOLLOWS]
    source[-1], destination[-1] = 1, 4
    with pytest.raises(hx.InputError, match="edge 9: runs from the word at position 1 to the one at 4"):
        check_flat(flat)
    with pytest.raises(hx.InputError, match="edge 9: runs from the word at position 1 to the one at 4"):
        hx.validate(flat.to_dgl())


@pytest.mark.parametrize("name", [*zoo.PAIRS, *zoo.LABELS])
def test_graphs_are_made_as_dgl_makes_them(name):
    """FlatGraphs makes the graph's index without dgl.heterograph's detour; whoever takes the graph on must see no difference."""
    graph = (zoo.PAIRS | zoo.LABELS)[name]()
    flat = FlatGraphs.from_dgl(graph)
    ours = flat.to_dgl(batched=flat.count > 1)
    ends = {relation: graph.edges(etype=relation) for relation in graph.canonical_etypes}
    theirs = dgl.heterograph(ends, num_nodes_dict={t: graph.num_nodes(t) for t in graph.ntypes})
    assert ours.ntypes == theirs.ntypes and ours.canonical_etypes == theirs.canonical_etypes and ours.etypes == theirs.etypes
    assert ours.idtype == theirs.idtype and ours.device == theirs.device and ours.formats() == theirs.formats()
    assert ours.is_unibipartite == theirs.is_unibipartite and ours.srctypes == theirs.srctypes
    assert sorted(ours.metagraph().edges(keys=True)) == sorted(theirs.metagraph().edges(keys=True))
    for relation in ours.canonical_etypes:
        for kind in ("coo", "csr", "csc"):
            assert all(map(torch.equal, ours.adj_tensors(kind, etype=relation), theirs.adj_tensors(kind, etype=relation)))


def test_graphs_made_after_one_another_share_no_list_of_types():
    one, other = zoo.tiny(), zoo.tiny()
    one.ntypes.append("memory")
    one.etypes.append("attends")
    assert "memory" not in other.ntypes + zoo.tiny().ntypes and "attends" not in other.etypes + zoo.tiny().etypes


@pytest.mark.parametrize(
    "ends", [([0], [3]), ([9], [0]), ([0, 1], [0]), ([0.5], [0.0])], ids=["destination", "source", "lengths", "no whole numbers"]
)
def test_ends_that_fit_no_graph_are_refused_as_dgl_refuses_them(ends):
    flat = FlatGraphs.from_dgl(zoo.tiny())
    flat.edge_ends[s.RELATES] = (torch.tensor(ends[0]), torch.tensor(ends[1]))
    with pytest.raises(hx.InputError, match="an edge ends at a node that does not exist"):
        flat.to_dgl(batched=False)


def test_checking_reads_features_that_a_model_trains():
    graph = zoo.tiny()
    graph.nodes["visual"].data["feature"] = graph.nodes["visual"].data["feature"].requires_grad_()
    assert hx.validate(graph) is graph


def test_edges_that_turn_round_in_another_order_are_the_same_edges():
    graph = rewired(zoo.tiny(), s.VISUAL_BESIDE_BRIDGE, lambda a, b: (a.flip(0), b.flip(0)))
    graph = rewired(graph, s.RETURNS_TO_WORD, lambda a, b: (a.flip(0), b.flip(0)))
    graph = rewired(graph, s.WORD_SAME_AS_VISUAL, lambda a, b: (a.flip(0), b.flip(0)))
    assert hx.validate(graph) is graph


def test_faults_are_found_in_any_member_of_a_batch():
    batch = zoo.batch_of_unequal()
    batch.nodes["visual"].data["score"][-1] = float("inf")
    with pytest.raises(hx.InputError, match=f"feature 'score', node {batch.num_nodes('visual') - 1}"):
        validate(batch)


def test_graphs_with_32_bit_ids_are_valid_too():
    graph = zoo.batch_of_unequal().int()
    assert validate(graph).idtype == torch.int32
    graph.edges[s.RELATES].data["score"][0] = -1
    with pytest.raises(hx.InputError, match="feature 'score', edge 0: found -1.0, expected at least 0"):
        validate(graph)


def test_label_weights_are_checked():
    graph = zoo.three_labels()
    graph.edata["probability"][3] = 2.0
    with pytest.raises(hx.InputError, match="'probability', edge 3: found 2.0, expected at most 1"):
        validate(graph)


def test_allow_extra_and_unknown_kind():
    graph = zoo.tiny()
    graph.nodes["visual"].data["hidden"] = torch.zeros(3, 7)
    with pytest.raises(hx.InputError, match="unknown feature 'hidden'"):
        validate(graph)
    assert validate(graph, allow_extra=True) is graph
    with pytest.raises(hx.InputError, match="unknown kind of graph 'trio'; known kinds are pair, labels"):
        validate(graph, kind="trio")


@given(st.lists(st.text(max_size=40)), st.integers(1, 40))
def test_text_comes_back_whole_at_the_least_multiple_of_the_width(texts, width):
    if any("\0" in text or any("\ud800" <= c <= "\udfff" for c in text) for text in texts):
        with pytest.raises(hx.InputError, match="NUL|lone surrogate"):
            s.encode_text(texts, width)
        return
    rows = s.encode_text(texts, width)
    longest = max((len(text.encode()) for text in texts), default=0)
    assert rows.shape[0] == len(texts) and rows.shape[1] % width == 0
    assert longest <= rows.shape[1] and rows.shape[1] - width < max(longest, 1)
    assert s.decode_text(rows) == texts
    wider = s.widen_text(rows, rows.shape[1] + 3)
    assert wider.shape[1] == rows.shape[1] + 3 and s.decode_text(wider) == texts


def test_schema_table_lists_every_feature_once():
    table = s.schema_table()
    wanted = sum(max(1, len(f)) for f in (*s.NODE_FEATURES.values(), *s.EDGE_FEATURES.values())) + len(s.NODE_FEATURES["label"])
    assert len(table) == wanted and not table.duplicated().any()
    assert set(s.MEANING) == set(s.NODE_FEATURES) | set(s.EDGE_FEATURES)
