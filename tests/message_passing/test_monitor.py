"""The graph monitor: every measure in closed form, its warnings, and that it changes nothing."""

from __future__ import annotations

import math

import dgl
import pytest
import torch
from torch import nn

from hetero_xmodal.message_passing import (
    DotAttention,
    GraphMonitor,
    Recipe,
    Replace,
    Residual,
    SigmoidGate,
    Step,
    StoredWeight,
    attends,
    itself,
    watching,
)
from hetero_xmodal.message_passing.monitor import relative_deviation

DEPENDS = ("word", "depends", "word")
ATTEND = Recipe([Step("attend", attends("word", "word"), weigh=DotAttention())])


def words(x: torch.Tensor) -> dgl.DGLGraph:
    return dgl.heterograph({DEPENDS: ([], [])}, num_nodes_dict={"word": len(x)})


def report_of(recipe: Recipe, graph: dgl.DGLGraph, states: dict, **options):
    monitor = GraphMonitor(**options)
    monitor.see(recipe, graph, states)
    return monitor.report()


def test_entropy_and_self_weight_of_known_weights():
    graph = dgl.heterograph({DEPENDS: ([0, 1, 2, 1], [0, 0, 0, 2])}, num_nodes_dict={"word": 3})
    graph.edata["weight"] = torch.tensor([2.0, -1.0, 1.0, 5.0])
    recipe = Recipe([Step("weighted", DEPENDS, weigh=StoredWeight("weight"), writes="out")])
    (row,) = report_of(recipe, graph, {"word": torch.randn(3, 2)}).rows()
    expected = -(0.5 * math.log(0.5) + 2 * 0.25 * math.log(0.25)) / math.log(3)
    assert row["entropy"] == pytest.approx(expected)  # of node 0 alone: node 2 has one edge
    assert row["self weight"] == pytest.approx(0.5)
    assert (row["nodes"], row["edges"]) == (2, 4)


@pytest.mark.parametrize(("scale", "entropy", "own"), [(0.0, 1.0, 1 / 3), (100.0, 0.0, 1.0)])
def test_attention_at_its_extremes_is_told(scale: float, entropy: float, own: float):
    x = torch.eye(3) * scale + (0 if scale else 1) * torch.tensor([[1.0, 0, 0]])
    report = report_of(ATTEND, words(x), {"word": x})
    (row,) = report.rows()
    assert row["entropy"] == pytest.approx(entropy, abs=1e-6) and row["self weight"] == pytest.approx(own, abs=1e-6)
    (told,) = report.warnings
    assert ("hears only itself" if scale else "edges are even") in told and told in str(report)


def test_the_deviation_of_the_nodes_before_and_after():
    x = torch.tensor([[1.0, 0.0], [-1.0, 0.0], [3.0, 4.0], [3.0, 4.0], [7.0, 0.0]])
    assert relative_deviation(x, torch.tensor([2, 2, 1])).tolist() == pytest.approx([1.0, 0.0])
    assert relative_deviation(x[:3], None).item() == pytest.approx(
        math.sqrt(float(((x[:3] - x[:3].mean(0)) ** 2).sum() / (x[:3] ** 2).sum()))
    )
    even = ATTEND.controlled("even")
    graph = words(x)
    report = report_of(even, graph, {"word": x - x.mean(0) + torch.tensor([0.5, -1.0])})
    (row,) = report.rows()
    assert row["sd after"] == pytest.approx(0.0, abs=1e-6) and row["sd before"] > 0.5
    assert report.control == "control: edges even"


def test_nodes_that_become_alike_are_told_unless_they_are_positive_scales():
    x = torch.randn(4, 3)
    mean = Recipe([Step("mean", attends("word", "word"), gather="mean")])
    (told,) = report_of(mean, words(x), {"word": x}).warnings
    assert "have become alike" in told
    scales = Recipe([Step("scale", attends("word", "word"), gather="mean", update=Replace(torch.exp), writes="sigma")])
    assert not report_of(scales, words(x), {"word": x}).warnings


def test_how_far_a_relation_moves_its_receivers():
    graph = dgl.heterograph({DEPENDS: ([0], [1]), ("visual", "same_as", "word"): ([0], [1])}, num_nodes_dict={"word": 2, "visual": 1})
    recipe = Recipe([Step("add", [DEPENDS, ("visual", "same_as", "word"), itself("word")])])
    states = {"word": torch.tensor([[3.0, 0.0], [0.0, 2.0]]), "visual": torch.tensor([[0.0, 4.0]])}
    frame = report_of(recipe, graph, states).frame.set_index("along")
    total = torch.tensor([3.0, 6.0]).norm().item()
    assert frame.loc["word -depends-> word", "moves"] == pytest.approx(3 / total)
    assert frame.loc["visual -same_as-> word", "moves"] == pytest.approx(4 / total)
    assert math.isnan(frame.loc["word -itself-> word", "moves"])


def test_a_complete_relation_is_compared_with_the_receivers_own_message():
    x = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    half = Recipe([Step("half", attends("word", "word"), gather="mean")])
    (row,) = report_of(half, words(x), {"word": x}).rows()
    assert row["moves"] == pytest.approx(1.0)  # |(.5, .5) - (1, 0)| / |(.5, .5)|
    residual = Recipe([Step("add", attends("word", "word"), gather="mean", update=Residual())])
    (row,) = report_of(residual, words(x), {"word": x}).rows()
    assert row["moves"] == pytest.approx(math.hypot(0.5, 0.5) / math.hypot(1.5, 0.5))


def test_only_the_first_members_of_a_batch_are_measured_with_what_they_share():
    recipe = Recipe(
        [Step("recall", attends("memory", "word"), weigh=DotAttention(), writes="m"), Step("attend", attends("word", "word"))],
        adds={"memory": "shared"},
    )
    graphs = [words(torch.zeros(n, 2)) for n in (2, 3, 4)]
    x, memory = torch.randn(9, 2), torch.randn(5, 2)
    some = report_of(recipe, dgl.batch(graphs), {"word": x, "memory": memory}, members=2)
    alone = report_of(recipe, dgl.batch(graphs[:2]), {"word": x[:5], "memory": memory})
    assert some.rows() == alone.rows()


def test_watching_changes_neither_results_nor_random_numbers_nor_modes():
    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.recipe = Recipe(
                [Step("attend", attends("word", "word"), send=nn.Sequential(nn.Linear(3, 3), nn.Dropout(0.5)), weigh=SigmoidGate())]
            )

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.recipe(words(x), states={"word": x})["word"]["h"]

    model, x = Model().train(), torch.randn(4, 3)
    torch.manual_seed(0)
    expected = [model(x), model(x)]
    torch.manual_seed(0)
    with watching(model, GraphMonitor()) as monitor:
        found = [model(x), model(x)]
    assert all(torch.equal(a, b) for a, b in zip(expected, found, strict=True))
    (row,) = monitor.report().rows()
    assert row["part"] == "recipe" and row["nodes"] == 4  # the first run only
    assert model.recipe.training and not model.recipe._forward_pre_hooks


def test_measures_of_several_runs_are_means_over_nodes():
    monitor = GraphMonitor()
    one, two = torch.zeros(2, 3), torch.eye(4, 3) * 100
    for x in (one, two):
        monitor.see(ATTEND, words(x), {"word": x})
    (row,) = monitor.report().rows()
    single = [report_of(ATTEND, words(x), {"word": x}).rows()[0] for x in (one, two)]
    assert row["entropy"] == pytest.approx((2 * single[0]["entropy"] + 4 * single[1]["entropy"]) / 6)
    assert row["nodes"] == 6


def test_a_recipe_without_edges_reports_nothing():
    recipe = Recipe([Step("depend", DEPENDS, writes="d")])
    assert str(report_of(recipe, words(torch.zeros(2, 1)), {"word": torch.zeros(2, 1)})) == "no edges"
