"""Controls of a recipe's edges: closed forms, a naive reference, batches as their members, matrices as edges."""

from __future__ import annotations

import dgl
import pytest
import torch
from torch import nn

from hetero_xmodal.errors import InputError
from hetero_xmodal.message_passing import (
    Constant,
    DotAttention,
    Recipe,
    SigmoidGate,
    Step,
    StoredWeight,
    attends,
    itself,
    reverse,
    set_control,
)
from hetero_xmodal.message_passing.controls import Control, _cycles

DEPENDS, FOLLOWS, SAME_AS, COPIED = (
    ("word", "depends", "word"), ("word", "follows", "word"), ("visual", "same_as", "word"), ("visual", "copied_to", "bridge"),
)  # fmt: skip
ALL = ("even", "identity", "shuffled", "merged", "no-bridges")


def sample(words: int = 4, regions: int = 3) -> dgl.DGLGraph:
    return dgl.heterograph(
        {DEPENDS: ([0, 2, 3], [1, 1, 2]), FOLLOWS: ([0, 1, 2], [1, 2, 3]), SAME_AS: ([0, 1], [1, 3]), COPIED: ([0], [0])},
        num_nodes_dict={"word": words, "visual": regions, "bridge": 1},
    )


def states_of(graph: dgl.DGLGraph, width: int = 5, seed: int = 0) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {t: torch.randn(graph.num_nodes(t), width, generator=generator) for t in graph.ntypes}


def run(recipe: Recipe, control: str, x: torch.Tensor, **options) -> torch.Tensor:
    graph = dgl.heterograph({DEPENDS: ([], [])}, num_nodes_dict={"word": len(x)})
    return recipe.controlled(control, **options)(graph, {"word": x})["word"]["h"]


ATTEND = Recipe([Step("attend", attends("word", "word"), weigh=DotAttention())])


def test_even_attention_is_the_mean_and_the_identity_is_the_node_itself():
    x = torch.randn(4, 3)
    assert torch.allclose(run(ATTEND, "even", x), x.mean(0).expand(4, 3), atol=1e-6)
    assert torch.allclose(run(ATTEND, "identity", x), x, atol=1e-6)


def test_even_keeps_the_sum_of_the_weights_of_each_node():
    graph = sample()
    gates = Recipe([Step("gate", [DEPENDS, SAME_AS], weigh=SigmoidGate(), writes="g")])
    states = states_of(graph)
    before, after = gates.trace(graph, states).steps[0], gates.controlled("even").trace(graph, states).steps[0]
    for relation in (DEPENDS, SAME_AS):
        assert before.edges[relation].target.tolist() == after.edges[relation].target.tolist()
    sums = [
        torch.zeros(4).index_add(0, torch.cat([e.target for e in t.edges.values()]), torch.cat([e.weight for e in t.edges.values()]))
        for t in (before, after)
    ]
    assert torch.allclose(*sums)
    into_one = torch.cat([e.weight[e.target == 1] for e in after.edges.values()])
    assert len(into_one) == 3 and torch.allclose(into_one, into_one[:1].expand(3))


def test_shuffled_messages_come_from_another_node_with_the_weight_of_the_true_one():
    x = torch.randn(5, 3)
    weights = (x @ x.T).softmax(1)
    other = _cycles(torch.zeros(5, dtype=torch.int64), torch.arange(5), seed=3)
    assert sorted(other.tolist()) == [0, 1, 2, 3, 4] and not any(i == j for i, j in enumerate(other.tolist()))
    assert torch.allclose(run(ATTEND, "shuffled", x, seed=3), weights @ x[other], atol=1e-6)
    assert not torch.allclose(run(ATTEND, "shuffled", x, seed=4), weights @ x[other], atol=1e-3)


def test_identity_of_stored_relations_keeps_weights_and_maps():
    graph = sample()
    graph.edges[DEPENDS].data["weight"] = torch.tensor([0.5, 2.0, 3.0])
    linear = nn.Linear(5, 5)
    recipe = Recipe([Step("depend", DEPENDS, send=linear, weigh=StoredWeight("weight"), writes="out")])
    x = states_of(graph)
    found = recipe.controlled("identity")(graph, x)["word"]["out"]
    expected = linear(x["word"]) * torch.tensor([0.0, 2.5, 3.0, 0.0])[:, None]
    assert torch.allclose(found, expected, atol=1e-6)


def test_between_two_types_nobody_is_himself_so_the_identity_changes_nothing():
    graph = sample()
    recipe = Recipe([Step("attend", attends("visual", "word"), weigh=DotAttention())])
    x = states_of(graph)
    assert torch.equal(recipe.controlled("identity")(graph, x)["word"]["h"], recipe(graph, x)["word"]["h"])
    assert not recipe.control_changes("identity") and recipe.control_changes("even")


def test_merged_relations_share_the_first_ones_map_and_every_step_hears_all_of_them():
    graph, (first, second) = sample(), (nn.Linear(5, 5), nn.Linear(5, 5))
    typed = Recipe([Step("two maps", [DEPENDS, FOLLOWS, itself("word")], send={DEPENDS: first, FOLLOWS: second}, writes="out")])
    x = states_of(graph)
    merged = typed.controlled("merged")
    expected = Recipe([Step("one map", [DEPENDS, FOLLOWS, itself("word")], send={DEPENDS: first, FOLLOWS: first}, writes="out")])
    assert torch.allclose(merged(graph, x)["word"]["out"], expected(graph, x)["word"]["out"])
    assert not torch.allclose(typed(graph, x)["word"]["out"], expected(graph, x)["word"]["out"])

    two = Recipe([Step("one", DEPENDS, writes="a"), Step("two", reverse(FOLLOWS), writes="b")])
    found = two.controlled("merged")(graph, x)["word"]
    both = Recipe([Step("both", [DEPENDS, reverse(FOLLOWS)], writes="out")])(graph, x)["word"]["out"]
    assert torch.allclose(found["a"], both) and torch.allclose(found["b"], both)
    assert typed.control_changes("merged") and two.control_changes("merged") and not ATTEND.control_changes("merged")
    assert "word -reverse of follows-> word" in two.controlled("merged").text(full=True)


def test_without_bridges_nothing_passes_between_the_sides():
    graph = sample()
    recipe = Recipe([Step("name", SAME_AS, writes="n"), Step("copy", COPIED), Step("own", [DEPENDS, itself("bridge")])])
    x = states_of(graph)
    found = recipe.controlled("no-bridges")(graph, x)
    assert not found["word"]["n"].any()
    assert torch.equal(found["bridge"]["h"], x["bridge"])
    assert torch.equal(found["word"]["h"], recipe(graph, x)["word"]["h"])
    assert recipe.control_changes("no-bridges") and not ATTEND.control_changes("no-bridges")


def test_a_batch_is_shuffled_as_its_members():
    graphs = [sample(), sample(words=6), sample(regions=2)]
    whole = dgl.batch(graphs)
    recipe = Recipe(
        [
            Step("attend", [attends("word", "word"), attends("visual", "word")], weigh=DotAttention(), writes="a"),
            Step("depend", [DEPENDS, SAME_AS], writes="d"),
        ]
    )
    parts = [states_of(g, seed=k) for k, g in enumerate(graphs)]
    together = {t: torch.cat([part[t] for part in parts]) for t in whole.ntypes}
    for control in ALL:
        made = recipe.controlled(control, seed=7)
        found = made(whole, together)["word"]
        singles = [made(g, part)["word"] for g, part in zip(graphs, parts, strict=True)]
        for name in ("a", "d"):
            assert torch.allclose(found[name], torch.cat([single[name] for single in singles]), atol=1e-5), (control, name)


@pytest.mark.parametrize("control", ALL)
@pytest.mark.parametrize("gather", ["sum", "mean"])
def test_matrices_equal_edges_and_the_trace_says_what_was_heard(control: str, gather: str):
    graph = dgl.batch([sample(), sample(words=5, regions=4)])
    step = Step("attend", [attends("word", "word"), attends("visual", "word")], weigh=DotAttention(), gather=gather, writes="out")
    recipe = Recipe([step]).controlled(control, seed=2)
    x = states_of(graph)
    fast, plain, trace = recipe(graph, x), recipe(graph, x, plain=True), recipe.trace(graph, x)
    assert torch.allclose(fast["word"]["out"], plain["word"]["out"], atol=1e-5)
    told = torch.zeros(9, 5)
    for (source, _, _), e in trace.steps[0].edges.items():
        told.index_add_(0, e.target, e.weight[:, None] * x[source][e.source])
    count = torch.bincount(torch.cat([e.target for e in trace.steps[0].edges.values()]), minlength=9)
    assert torch.allclose(told / (count[:, None] if gather == "mean" else 1), plain["word"]["out"], atol=1e-5)


def test_max_under_the_identity_is_the_nodes_own_message():
    graph = sample()
    recipe = Recipe([Step("largest", DEPENDS, gather="max", weigh=Constant(2.0), writes="out")])
    x = states_of(graph)
    found = recipe.controlled("identity")(graph, x)["word"]["out"]
    assert torch.equal(found[1], 2 * x["word"][1]) and not found[0].any()


def test_a_control_is_printed_shares_the_weights_and_can_be_taken_off():
    linear = nn.Linear(3, 3)
    recipe = Recipe([Step("attend", attends("word", "word"), weigh=DotAttention(), send=linear)], name="mine")
    made = recipe.controlled("shuffled", seed=5)
    assert "control: edges shuffled (seed 5)" in str(made) and "control" not in str(recipe)
    assert [id(p) for p in made.parameters()] == [id(p) for p in recipe.parameters()]
    x = torch.randn(4, 3)
    run(made, "even", x).sum().backward()
    assert linear.weight.grad is not None
    whole = nn.ModuleDict({"one": recipe})
    set_control(whole, "even")
    assert recipe.control == Control("even")
    set_control(whole, "none")
    assert "control" not in str(recipe)


def test_controls_of_nothing():
    empty = dgl.heterograph({DEPENDS: ([], [])}, num_nodes_dict={"word": 0})
    for control in ALL:
        assert ATTEND.controlled(control)(empty, {"word": torch.zeros(0, 3)})["word"]["h"].shape == (0, 3)
        assert run(ATTEND, control, torch.ones(1, 2)).tolist() == [[1.0, 1.0]]


def test_unknown_controls_are_refused():
    with pytest.raises(InputError, match="control is 'shufled' .did you mean 'shuffled'"):
        ATTEND.controlled("shufled")
    with pytest.raises(InputError, match="seed is -1"):
        ATTEND.controlled("shuffled", seed=-1)
