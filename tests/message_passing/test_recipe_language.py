"""The recipe language: every kind of step against a node-by-node reference, printing and tracing, and errors."""

from __future__ import annotations

import copy

import dgl
import pytest
import torch
from naive_messages import naive_step
from recipe_kinds import KINDS, NEEDS_STORED_WEIGHT, WIDTH, linear, make_step, random_states

from hetero_xmodal.errors import InputError
from hetero_xmodal.message_passing import (
    Blend,
    Combine,
    Custom,
    DotAttention,
    Recipe,
    Residual,
    SigmoidGate,
    Step,
    StoredWeight,
    SymmetricNorm,
    attends,
    both_ways,
    itself,
    reverse,
)
from hetero_xmodal.message_passing.kernels import Links
from hetero_xmodal.pretrained import SHIPPED

RELATES, DEPENDS, SAME = ("visual", "relates", "visual"), ("word", "depends", "word"), ("visual", "same_as", "word")
STORED = [*both_ways(RELATES), SAME, itself("word"), reverse(SAME), itself("visual"), DEPENDS]
COMPLETE = [attends("visual", "word"), attends("word", "word"), attends("word", "visual")]
MIXED = [DEPENDS, attends("visual", "word"), itself("word"), attends("visual", "visual")]
ALONG = {"stored": STORED, "complete": COMPLETE, "mixed": MIXED, "one relation": [SAME]}
CASES = [(kind, along) for kind in KINDS for along in ALONG if kind not in NEEDS_STORED_WEIGHT or along in ("stored", "one relation")]


def single(visual: int, word: int, relates=(), depends=(), same=()) -> dgl.DGLGraph:
    """A graph with a stored edge weight and with a node feature ``side``."""

    def ends(pairs):
        return tuple(torch.tensor([p[k] for p in pairs], dtype=torch.int64) for k in (0, 1))

    graph = dgl.heterograph(
        {RELATES: ends(relates), DEPENDS: ends(depends), SAME: ends(same)}, num_nodes_dict={"visual": visual, "word": word, "label": 0}
    )
    for relation in graph.canonical_etypes:
        graph.edges[relation].data["weight"] = 0.5 + torch.arange(graph.num_edges(relation), dtype=torch.float32)
    for node_type in ("visual", "word"):
        graph.nodes[node_type].data["side"] = torch.arange(graph.num_nodes(node_type)) % 2
    return graph


#: unequal members: parallel edges and a self loop; no word; no node; no visual edge; a single word
MEMBERS = [
    lambda: single(3, 4, [(0, 1), (1, 2), (1, 2), (2, 2)], [(0, 1), (3, 1), (2, 1)], [(0, 1), (2, 3)]),
    lambda: single(2, 0, [(0, 1)]),
    lambda: single(0, 0),
    lambda: single(2, 3, [], [(0, 2)], [(1, 0)]),
    lambda: single(0, 1),
]


def batch() -> tuple[dgl.DGLGraph, dict[str, list[int]]]:
    graph = dgl.batch([make() for make in MEMBERS])
    return graph, {t: graph.batch_num_nodes(t).tolist() for t in graph.ntypes}


def same(a, b) -> None:
    assert a.keys() == b.keys()
    for node_type in a:
        assert a[node_type].keys() == b[node_type].keys(), node_type
        for name in a[node_type]:
            torch.testing.assert_close(a[node_type][name], b[node_type][name], msg=lambda text, t=node_type, n=name: f"{t}.{n}: {text}")


# ---------------------------------------------------------------------------------------------- every kind of step


@pytest.mark.parametrize(("kind", "along"), CASES)
def test_step_equals_the_naive_reference(kind, along):
    graph, counts = batch()
    for where in ({}, {"word": ("side", 1)}):
        if where and along == "complete":
            where = {"visual": ("side", 0), **where}
        if not {*where} <= {t for r in ALONG[along] for t in (r[0], r[2])}:
            continue
        step, states = make_step(kind, ALONG[along], where=where), random_states(counts)
        wanted = naive_step(step, graph, states, counts)
        for plain in (True, False):
            same(Recipe([step])(graph, states, plain=plain), wanted)


@pytest.mark.parametrize(("kind", "along"), CASES)
def test_batch_equals_singles_and_nothing_stays_on_the_graph(kind, along):
    graph, counts = batch()
    recipe, states = Recipe([make_step(kind, ALONG[along])] * 2), random_states(counts)
    before = {t: set(graph.nodes[t].data) for t in graph.ntypes} | {r: set(graph.edges[r].data) for r in graph.canonical_etypes}
    untouched = copy.deepcopy(states)
    together = recipe(graph, states)
    assert before == {t: set(graph.nodes[t].data) for t in graph.ntypes} | {r: set(graph.edges[r].data) for r in graph.canonical_etypes}
    same(states, untouched)
    start = dict.fromkeys(counts, 0)
    for member, make in enumerate(MEMBERS):
        rows = {t: slice(start[t], start[t] + n[member]) for t, n in counts.items()}
        alone = recipe(make(), {t: {name: x[rows[t]] for name, x in named.items()} for t, named in states.items()})
        same(alone, {t: {name: x[rows[t]] for name, x in named.items()} for t, named in together.items()})
        start = {t: start[t] + n[member] for t, n in counts.items()}


@pytest.mark.parametrize(("kind", "along"), CASES)
def test_renumbering_the_nodes_of_a_type_renumbers_its_outputs(kind, along):
    graph = MEMBERS[0]()
    counts = {t: [graph.num_nodes(t)] for t in graph.ntypes}
    recipe, states = Recipe([make_step(kind, ALONG[along])]), random_states(counts)
    wanted = recipe(graph, states)
    for node_type in ("visual", "word"):
        order = torch.randperm(counts[node_type][0], generator=torch.Generator().manual_seed(3))  # new node k is old node order[k]
        place = torch.argsort(order)
        edges = {}
        for relation in graph.canonical_etypes:
            u, v = graph.edges(etype=relation)
            edges[relation] = (place[u] if relation[0] == node_type else u, place[v] if relation[2] == node_type else v)
        moved = dgl.heterograph(edges, num_nodes_dict={t: n[0] for t, n in counts.items()})
        for relation in graph.canonical_etypes:
            moved.edges[relation].data["weight"] = graph.edges[relation].data["weight"]
        got = recipe(moved, states | {node_type: {name: x[order] for name, x in states[node_type].items()}})
        same(got, wanted | {node_type: {name: x[order] for name, x in wanted[node_type].items()}})


@pytest.mark.parametrize(("kind", "along"), CASES)
def test_gradients(kind, along):
    """Against finite differences, of every state and parameter; and those of the dense path against those of the edge-by-edge path."""
    graph = dgl.batch([single(2, 2, [(0, 1)], [(0, 1)], [(0, 1)]), single(1, 0), single(1, 1, [], [], [(0, 0)])])
    counts = {t: graph.batch_num_nodes(t).tolist() for t in graph.ntypes}
    recipe, states = Recipe([make_step(kind, ALONG[along])]), random_states(counts, requires_grad=True)
    leaves = [x for named in states.values() for x in named.values() if x.numel()] + list(recipe.parameters())

    def outputs(*_, plain=False):
        after = recipe(graph, states, plain=plain)
        return torch.cat([x.flatten() for named in after.values() for x in named.values()])

    assert torch.autograd.gradcheck(outputs, leaves, atol=1e-6)
    weight = torch.randn(len(outputs()), generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    fast, plain = (torch.autograd.grad((outputs(plain=p) * weight).sum(), leaves, allow_unused=True) for p in (False, True))
    for a, b in zip(fast, plain, strict=True):
        assert (a is None) == (b is None)
        if a is not None:
            torch.testing.assert_close(a, b)


def test_kernels_of_dgl_and_of_torch_agree():
    generator = torch.Generator().manual_seed(0)
    source, target = torch.tensor([0, 1, 1, 3, 2, 2]), torch.tensor([1, 1, 1, 0, 3, 3])
    x = torch.randn(4, WIDTH, generator=generator, dtype=torch.float64, requires_grad=True)
    y = torch.randn(5, WIDTH, generator=generator, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(6, generator=generator, dtype=torch.float64, requires_grad=True)
    for s, t in ((source, target), (source[:0], target[:0])):
        results = []
        for kernels in ("dgl", "torch"):
            links = Links(s, t, 4, 5, kernels=kernels)
            w = weight[: len(s)]
            values = [links.dot(x, y), links.softmax(w), links.sum(x, w), links.max(x, w)]
            gradients = torch.autograd.grad(
                sum((v * torch.arange(1, v.numel() + 1).reshape(v.shape)).sum() for v in values), [x, y, weight]
            )
            results.append([*values, *gradients])
        for a, b in zip(*results, strict=True):
            torch.testing.assert_close(a, b)


# ---------------------------------------------------------------------------------------------- semantics of a step


def test_all_messages_are_computed_before_anything_is_written():
    graph = single(1, 1, same=[(0, 0)])
    swap = Recipe([Step("swap", both_ways(SAME))])
    after = swap(graph, {"visual": torch.tensor([[1.0]]), "word": torch.tensor([[2.0]])})
    assert after["visual"]["h"].item() == 2 and after["word"]["h"].item() == 1


def test_every_node_type_is_returned_and_nodes_without_messages_keep_their_state():
    graph = single(2, 2, same=[(0, 1)])
    states = {"visual": torch.ones(2, 1), "word": torch.tensor([[5.0], [6.0]])}
    after = Recipe([Step("send", SAME)])(graph, states)
    assert set(after) == {"visual", "word", "label"}
    assert after["word"]["h"].tolist() == [[5], [1]] and after["label"] == {}
    assert Recipe([Step("send", SAME, unheard="zero")])(graph, states)["word"]["h"].tolist() == [[0], [1]]
    assert Recipe([Step("send", SAME, unheard="update", update=Blend(0.5, 0.5))])(graph, states)["word"]["h"].tolist() == [[2.5], [3.5]]


def test_mean_divides_by_messages_received_not_by_relation_types():
    graph = single(2, 2, [(0, 1)], [], [(0, 0), (1, 0)])
    after = Recipe([Step("send", [SAME, DEPENDS], gather="mean")])(
        graph, {"visual": torch.tensor([[1.0], [2.0]]), "word": torch.zeros(2, 1)}
    )
    assert after["word"]["h"].tolist() == [[1.5], [0]]


def test_width_may_change_where_a_type_has_no_node():
    graph = single(2, 0, [(0, 1)])
    states = {"visual": torch.randn(2, 4), "word": torch.zeros(0, 4)}
    layers = [Step(f"layer {k}", [RELATES, itself("visual"), itself("word")], send=torch.nn.Linear(w, 2)) for k, w in ((1, 4), (2, 2))]
    after = Recipe(layers)(graph, states)
    assert after["visual"]["h"].shape == (2, 2) and after["word"]["h"].shape == (0, 2)


def test_a_shared_set_is_one_copy_and_equals_per_graph_runs():
    graph, counts = batch()
    memory = torch.randn(5, WIDTH, dtype=torch.float64, requires_grad=True)
    step = Step("recall", attends("memory", "word"), weigh=DotAttention(key=linear()))
    back = Step("remember", attends("word", "memory"), gather="mean", writes="seen")
    states = random_states(counts) | {"memory": memory}
    recipe = Recipe([step, back], adds={"memory": "shared"})
    together = recipe(graph, states)
    same(together, recipe(graph, states, plain=True))
    assert together["memory"]["h"] is memory and together["memory"]["seen"].shape == (5, WIDTH)
    torch.testing.assert_close(together["memory"]["seen"], together["word"]["h"].mean(0).expand(5, WIDTH))
    wanted = naive_step(
        step, graph, {t: named if t != "memory" else {"h": memory} for t, named in states.items()}, counts | {"memory": [5]}, {"memory"}
    )
    torch.testing.assert_close(together["word"]["h"], wanted["word"]["h"])


def test_nodes_added_per_graph_are_connected_to_their_own_member_only():
    graph, counts = batch()
    recipe = Recipe([Step("pool", [attends("visual", "pair"), attends("word", "pair")], gather="mean")], adds={"pair": 1})
    states = random_states(counts)
    pooled = recipe(graph, states)["pair"]["h"]
    start = dict.fromkeys(counts, 0)
    for member, row in enumerate(pooled):
        own = torch.cat([states[t]["h"][start[t] : start[t] + counts[t][member]] for t in ("visual", "word")])
        torch.testing.assert_close(row, own.mean(0) if len(own) else torch.zeros(WIDTH, dtype=torch.float64))
        start = {t: start[t] + n[member] for t, n in counts.items()}


def test_weights_can_be_given_from_outside():
    graph = single(0, 2)
    memory = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    recipe = Recipe([Step("recall", attends("memory", "word"), weigh=DotAttention())], adds={"memory": "shared"})
    given = torch.tensor([[0.0, 0, 1], [1, 0, 0]])
    after = recipe(graph, {"word": torch.randn(2, 2), "memory": memory}, edge_weights={"recall": given})
    torch.testing.assert_close(after["word"]["h"], given @ memory)


def test_shared_weights_and_maps_are_computed_once():
    """Attention weights of the same state, used by two layers, are computed once; a map shared by send and attention runs once."""
    calls = []

    class Counted(torch.nn.Linear):
        def forward(self, x):
            calls.append(self)
            return super().forward(x)

    key = Counted(WIDTH, WIDTH)
    weigh = DotAttention(query_state="x", key=key, key_state="x")
    graph = single(0, 3, depends=[(0, 1), (1, 2)])
    steps = [
        Step(name, [DEPENDS, itself("word")], weigh=weigh, send=key, reads=reads, writes=writes)
        for name, reads, writes in (("one", "x", "z"), ("two", "z", "s"))
    ]
    Recipe(steps)(graph, {"word": {"x": torch.randn(3, WIDTH)}})
    assert len(calls) == 2  # of x, for attention and the messages of step one; of z, for the messages of step two


def test_parameters_are_registered_once_and_a_copy_is_independent():
    shared = torch.nn.Linear(WIDTH, WIDTH)
    layer = Step("layer", DEPENDS, send=shared, weigh=DotAttention(query=shared))
    recipe = Recipe([layer, layer, Step("other", DEPENDS, send=shared, update=Residual(torch.nn.ReLU()))])
    assert sorted(recipe.state_dict()) == ["parts.layer.send.bias", "parts.layer.send.weight"]
    twin = copy.deepcopy(recipe)
    with torch.no_grad():
        twin.parts.layer.send.weight.zero_()
        twin.parts.layer.send.bias.zero_()
    graph, states = single(0, 2, depends=[(0, 1)]), {"word": torch.randn(2, WIDTH)}
    assert twin(graph, states)["word"]["h"][1].abs().sum() == 0 < recipe(graph, states)["word"]["h"][1].abs().sum()


# ---------------------------------------------------------------------------------------------- printing, drawing, tracing


def example() -> Recipe:
    return Recipe(
        [
            Step("share", [*both_ways(RELATES), itself("visual")], weigh=SymmetricNorm(), send=torch.nn.Linear(2, 2), equation="Eq. 1"),
            Step("look", attends("word", "visual"), weigh=DotAttention(), update=Residual(), equation="Eq. 2"),
            Step("gate", attends("note", "word"), weigh=SigmoidGate(), send="one", writes="mask"),
        ],
        adds={"note": 1},
        name="an example",
    )


def test_the_table_lists_the_steps_that_run():
    recipe = example()
    table = recipe.table()
    assert list(table["step"]) == [s.name for s in recipe.steps] and list(table.index) == [1, 2, 3]
    assert list(table.columns) == ["step", "equation", "along", "send", "weigh", "gather", "update", "reads", "writes"]
    assert table["send"].tolist() == ["Linear(2, 2) h", "h", "1"]
    text = recipe.text(full=True)
    for word in (
        "an example",
        "adds note (1 per graph)",
        "Eq. 1",
        "word -attends-> visual",
        "symmetric norm",
        "old + messages",
        "h -> mask",
    ):
        assert word in text
    assert max(map(len, text.splitlines())) < 200
    assert len(Recipe([recipe.steps[1]] * 3).table()) == 3


def test_a_recipe_prints_in_a_hundred_columns_and_loses_no_relation():
    """Every relation, weight, update and state of every step is in the compact text; only repeated lists are referred to."""
    from hetero_xmodal.recipes import CAM

    recipe = CAM.from_pretrained(SHIPPED["cam"]["birds"]).recipe
    lines = str(recipe).splitlines()
    assert max(map(len, lines)) <= 100 and str(recipe) == recipe.text() == repr(recipe)
    shown = str(example()).splitlines()
    columns = [" ".join(" ".join(cells).split()) for cells in zip(*(line.split("|") for line in shown if "|" in line), strict=True)]
    assert shown[:2] == ["an example", "adds note (1 per graph)"] and columns[0] == "1 2 3"
    assert columns[1] == "step share (Eq. 1) look (Eq. 2) gate"
    assert columns[2] == "along visual -> visual: relates (both ways), itself word -> visual: attends note -> word: attends"
    assert columns[3] == (
        "message sum of Linear(2, 2) h, weighed by symmetric norm h -> h "
        "sum of h, weighed by softmax q . k old + messages h -> h sum of 1, weighed by sigmoid q . k h -> mask"
    )
    assert sum("as in step 2" in line for line in lines) == 1 and sum("visual -> visual: relates" in line for line in lines) == 1
    twice = Recipe([example().steps[1]] * 3)
    assert [line.split("|")[0].strip() for line in str(twice).splitlines()[2:] if line[0] != " "] == ["1-3"]


def test_jupyter_shows_the_whole_table_escaped():
    recipe = Recipe([Step("<b>look</b>", attends("word", "visual"), weigh=DotAttention())], name="a < b")
    shown = recipe._repr_html_()
    assert "&lt;b&gt;look&lt;/b&gt;" in shown and "<b>" not in shown and "a &lt; b" in shown
    assert "word -attends-&gt; visual" in shown and "h -&gt; h" in shown


def test_custom_updates_print_what_they_are():
    def halve(old, message):
        return message / 2

    described = Custom(lambda old, message: old - message, describe="old minus messages")
    for update, words in ((halve, "halve"), (described, "old minus messages"), (lambda old, message: message, "a function without a name")):
        recipe = Recipe([Step("one", attends("word", "word"), update=update)])
        assert words in " ".join(str(recipe).replace("|", " ").split()) and recipe.table()["update"].tolist() == [words]
    combined = Combine(lambda message, h: message + h, own=("h",), describe="messages + h")
    assert str(combined) == "messages + h" and str(Combine(torch.add, own=("h",))) == "add(messages, h)"
    graph = dgl.heterograph({("word", "depends", "word"): ([0], [1])})
    out = Recipe([Step("one", ("word", "depends", "word"), update=described)])(graph, {"word": torch.tensor([[1.0], [5.0]])})
    assert out["word"]["h"].tolist() == [[1.0], [4.0]]


def test_drawing_numbers_every_arrow():
    figure = example().draw()
    texts = [text.get_text() for axes in figure.axes for text in axes.texts]
    assert {"visual", "word", "note", "1", "2", "3"} <= set(texts)
    assert any(text.endswith("  share") for text in texts) and any(text.strip() == "Eq. 2" for text in texts)


def test_trace_lists_the_weight_of_every_edge():
    graph = single(2, 3, [(0, 1)], [(0, 1)], [(0, 1)])
    states = {"visual": torch.randn(2, 2), "word": torch.randn(3, 2), "note": torch.randn(1, 2)}
    recipe = example()
    trace = recipe.trace(graph, states)
    same(trace.states, recipe(graph, states))
    assert [t.step for t in trace.steps] == list(recipe.steps)
    torch.testing.assert_close(trace.steps[1].before["visual"]["h"], trace.steps[0].after["visual"]["h"])
    table = trace.table(step="look", node_type="visual", node=1)
    scores = trace.steps[1].before["visual"]["h"][1] @ states["word"].T
    wanted = scores.softmax(0).sort(descending=True)
    assert table["source_node"].tolist() == wanted.indices.tolist() and table["destination"].tolist() == ["visual 1"] * 3
    assert table["weight"].tolist() == pytest.approx(wanted.values.tolist())
    message = sum(row.weight * states["word"][row.source_node] for row in table.itertuples())
    torch.testing.assert_close(trace.states["visual"]["h"][1], trace.steps[1].before["visual"]["h"][1] + message)
    assert "look (Eq. 2), 6 messages" in str(trace)
    assert len(trace.table(step=3, node_type="visual")) == 0


# ---------------------------------------------------------------------------------------------- bad input


def _run(step: Step, states=None, **more):
    graph = single(2, 2, [(0, 1)], [(0, 1)], [(0, 1)])
    return Recipe([step], **more)(graph, {"visual": torch.ones(2, 3), "word": torch.ones(2, 3)} if states is None else states)


BAD = {
    "unknown relation": (
        lambda: _run(Step("step", ("visual", "relate", "visual"))),
        "step 'step'.*relation.*did you mean 'visual relates visual'.*it has",
    ),
    "unknown node type": (lambda: _run(Step("step", attends("words", "visual"))), "step 'step'.*'words'.*did you mean 'word'"),
    "missing state": (
        lambda: _run(Step("step", SAME, reads="z")),
        r"step 'step', relation \('visual', 'same_as', 'word'\).*no state 'z'.*it has h",
    ),
    "rows": (lambda: _run(Step("step", SAME), {"visual": torch.ones(3, 3)}), "state 'h' of node type 'visual'.*3 rows.*2 nodes"),
    "one-dimensional": (
        lambda: _run(Step("step", SAME), {"visual": torch.ones(2)}),
        r"state 'h' of node type 'visual'.*\(2,\).*\(nodes, width\)",
    ),
    "NaN": (lambda: _run(Step("step", SAME), {"visual": torch.tensor([[1.0], [torch.nan]])}), "'visual', node 1: found a NaN"),
    "unknown state type": (lambda: _run(Step("step", SAME), {"visuals": torch.ones(2, 3)}), "'visuals'.*did you mean 'visual'"),
    "mixed dtypes": (lambda: _run(Step("step", SAME), {"visual": torch.ones(2, 3), "word": torch.ones(2, 3).double()}), "float64.*float32"),
    "map of another width": (lambda: _run(Step("step", SAME, send=torch.nn.Linear(4, 2))), r"step 'step', relation .*Linear.*\(2, 3\)"),
    "widths that differ": (
        lambda: _run(Step("step", [SAME, DEPENDS]), {"visual": torch.ones(2, 3), "word": torch.ones(2, 4)}),
        r"step 'step'.*'word'.*width.*\(2, 3\).*\(2, 4\)",
    ),
    "query and key": (
        lambda: _run(Step("step", SAME, weigh=DotAttention()), {"visual": torch.ones(2, 3), "word": torch.ones(2, 4)}),
        "step 'step'.*query of width 4.*key of width 3",
    ),
    "blend of another width": (
        lambda: _run(Step("step", SAME, send=torch.nn.Linear(3, 2), update=Blend())),
        r"step 'step', update of node type 'word'",
    ),
    "keeping another width": (
        lambda: _run(Step("step", SAME, send=torch.nn.Linear(3, 2))),
        r"step 'step'.*1 of 2 'word' nodes.*width 3.*width 2.*itself\('word'\)",
    ),
    "no stored weight": (lambda: _run(Step("step", SAME, weigh=StoredWeight("wieght"))), "step 'step'.*'wieght'.*did you mean 'weight'"),
    "stored weight of a complete relation": (
        lambda: _run(Step("step", attends("word", "visual"), weigh=StoredWeight("weight"))),
        "not stored",
    ),
    "where": (lambda: _run(Step("step", SAME, where={"word": ("sid", 1)})), "no feature 'sid'.*did you mean 'side'"),
    "own state": (lambda: _run(Step("step", SAME, update=Combine(lambda message, x: x, own=("x",)))), "no state 'x'"),
    "update of a wrong shape": (
        lambda: _run(Step("step", DEPENDS, update=lambda old, message: message.sum(0))),
        "step 'step', update.*made",
    ),
    "an added type without a state": (lambda: _run(Step("step", attends("m", "word")), adds={"m": "shared"}), "'m'.*has no state"),
    "an added type that exists": (lambda: _run(Step("step", SAME), adds={"word": "shared"}), "already has it"),
    "a kind of added type": (lambda: _run(Step("step", SAME), adds={"m": "many"}), "'many'.*'shared'"),
    "two steps of one name": (lambda: Recipe([Step("step", SAME), Step("step", SAME)]), "two different steps are called 'step'"),
    "gather": (lambda: Step("step", SAME, gather="summ"), "gather is 'summ'.*did you mean 'sum'"),
    "send": (lambda: Step("step", SAME, send={("visual", "same", "word"): linear()}), "send names"),
    "weigh": (lambda: Step("step", SAME, weigh=1.0), "weigh is 1.0"),
    "update of a type without messages": (lambda: Step("step", SAME, update={"visual": Residual()}), "'visual'.*receives no messages"),
    "not a relation": (lambda: Step("step", ["depends"]), "'depends' is not a relation"),
    "no relation": (lambda: Step("step", []), "along is empty"),
    "a relation twice": (lambda: Step("step", [SAME, SAME]), "named twice"),
    "no graph": (lambda: Recipe([Step("step", SAME)])([1], {"visual": torch.ones(1, 1)}), "found list"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_raises_one_sentence_that_names_the_place(case):
    call, message = BAD[case]
    with pytest.raises(InputError, match=message) as error:
        call()
    assert "\n" not in str(error.value)
