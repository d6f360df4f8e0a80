"""DAGNN's message passing: numbers computed by hand, and properties for any numbers."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import hetero_xmodal as hx
from hetero_xmodal import schema as s
from hetero_xmodal.message_passing import Recipe
from hetero_xmodal.recipes.dagnn import DAGNNConfig, LayerAggregation, label_recipe
from hetero_xmodal.recipes.tags import TagEncoder, tag_graph

LABELS = [[1, 1, 0], [1, 1, 1], [1, 0, 0], [0, 1, 1], [1, 0, 0]]
Q = torch.tensor([[1.0, 0], [0, 1], [1, 1]])


def close(found, wanted):
    torch.testing.assert_close(found, torch.as_tensor(wanted, dtype=found.dtype), rtol=1e-5, atol=1e-5)


def graph(p: float = 0.5):
    return hx.label_graph(LABELS, tau=0.5, p=p)


def matrix(trace, number: int = 1) -> torch.Tensor:
    """Weights of a hop as a matrix, row i receives from column j."""
    (edges,) = trace.steps[number - 1].edges.values()
    found = torch.zeros(3, 3)
    found[edges.target, edges.source] = edges.weight
    return found


def gat(**more) -> Recipe:
    recipe = label_recipe(DAGNNConfig(label_width=2, width=2, hops=1, **more))
    step = recipe.steps[0]
    with torch.no_grad():
        step.send.weight.copy_(torch.eye(2))
        if more.get("gnn", "gat") == "gat":
            step.weigh.to.weight.copy_(torch.tensor([[1.0, 0]]))
            step.weigh.of.weight.copy_(torch.tensor([[0.0, 1]]))
    return recipe


def test_d2_normalisations():
    states = {"label": {"hop 0": Q}}
    sym = [[0.5, 0.25, 0.288675], [0.25, 0.5, 0.288675], [0, 0.288675, 0.666667]]
    ours, author = (gat(gnn="gcn", gcn_norm=norm) for norm in ("sym", "author"))
    close(matrix(ours.trace(graph(), states)), sym)
    close(matrix(author.trace(graph(), states)), torch.tensor(sym).T)
    close(ours(graph(), states)["label"]["hop 1"], nn.functional.leaky_relu(torch.tensor(sym) @ Q, 0.2))
    close(author(graph(), states)["label"]["hop 1"], nn.functional.leaky_relu(torch.tensor(sym).T @ Q, 0.2))


def test_d3_attention_over_the_neighbours_of_a_label():
    attention = [[0.155362, 0.422319, 0.422319], [0.155362, 0.422319, 0.422319], [0, 0.5, 0.5]]
    for p in (0.5, 0.2):  # the scale of A does not matter, only where it is above zero
        trace = gat().trace(graph(p), {"label": {"hop 0": Q}})
        close(matrix(trace), attention)
        close(trace.states["label"]["hop 1"], [[0.577681, 0.844638], [0.577681, 0.844638], [0.5, 1]])


@pytest.mark.parametrize("gnn", ["gat", "gcn"])
def test_d10_l_hops_reach_labels_l_edges_away(gnn):
    """0 <- 1 <- 2 <- 3: the labels that label 0 depends on after l hops."""
    import dgl

    chain = dgl.heterograph({s.CO_OCCURS: ([0, 1, 2, 3, 1, 2, 3], [0, 1, 2, 3, 0, 1, 2])})
    chain.edata["weight"] = torch.tensor([1.0, 1, 1, 1, 0.5, 0.5, 0.5])
    torch.manual_seed(0)
    config = DAGNNConfig(label_width=3, width=4, hops=3, gnn=gnn)
    recipe, aggregate = label_recipe(config), LayerAggregation(config)

    def first(q, hop):
        states = recipe(chain, {"label": {"hop 0": q}})["label"]
        return (aggregate(states) if hop is None else states[f"hop {hop}"])[0]

    for hop in (1, 2, 3, None):
        reach = torch.autograd.functional.jacobian(lambda q, h=hop: first(q, h), torch.randn(4, 3)).abs().sum((0, 2))
        length = hop or 3
        assert (reach[: length + 1] > 0).all() and (reach[length + 1 :] == 0).all(), (hop, reach)


def test_d11_renumbering_labels_renumbers_classifiers():
    torch.manual_seed(0)
    config, order = DAGNNConfig(label_width=2, width=4, hops=2), torch.tensor([2, 0, 1])
    recipe, aggregate = label_recipe(config), LayerAggregation(config)
    first = aggregate(recipe(graph(), {"label": {"hop 0": Q}})["label"])
    moved = hx.label_graph(torch.tensor(LABELS)[:, order], tau=0.5)
    close(aggregate(recipe(moved, {"label": {"hop 0": Q[order]}})["label"]), first.detach()[order])


@pytest.mark.parametrize("gnn", ["gat", "gcn"])
def test_d13_a_label_without_items_has_only_its_self_loop(gnn):
    torch.manual_seed(0)
    labels = torch.cat([torch.tensor(LABELS), torch.zeros(5, 1, dtype=torch.int64)], 1)
    recipe = label_recipe(DAGNNConfig(label_width=2, width=3, hops=2, gnn=gnn))
    q = torch.randn(4, 2)
    trace = recipe.trace(hx.label_graph(labels, tau=0.5), {"label": {"hop 0": q}})
    assert trace.table(step=1, node=3)[["source_node", "weight"]].values.tolist() == [[3, 1]]
    assert all(torch.isfinite(x).all() for x in trace.states["label"].values())
    close(trace.states["label"]["hop 1"][:3], recipe(graph(), {"label": {"hop 0": q[:3]}})["label"]["hop 1"].detach())


def test_the_trace_names_the_labels():
    named = hx.label_graph(LABELS, tau=0.5, names=["sea", "boat", "sky"])
    assert "sea (label 0)" in str(gat().trace(named, {"label": {"hop 0": Q}}))


def test_every_parameter_gets_a_gradient_and_a_hop_is_a_matrix_product():
    torch.manual_seed(0)
    config = DAGNNConfig(label_width=2, width=4, hops=3)
    recipe, aggregate = label_recipe(config), LayerAggregation(config)
    (aggregate(recipe(graph(), {"label": {"hop 0": Q}})["label"]) * torch.randn(3, 4)).sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in [*recipe.parameters(), *aggregate.parameters()])
    step = recipe.steps[0]
    with torch.no_grad():  # against the formula of the paper, dense
        wq = Q @ step.send.weight.T
        e = nn.functional.leaky_relu(wq @ step.weigh.to.weight.T + (wq @ step.weigh.of.weight.T).T, 0.2)
        adjacency = torch.tensor([[1.0, 0.5, 0.5], [0.5, 1, 0.5], [0, 0.5, 1]])
        attention = e.masked_fill(adjacency <= 0, -torch.inf).softmax(1)
        close(recipe(graph(), {"label": {"hop 0": Q}})["label"]["hop 1"], nn.functional.elu(attention @ wq))


def test_d9_tags_as_words_equal_the_layer_on_tag_vectors():
    torch.manual_seed(0)
    tags = (torch.rand(6, 20) < 0.2).float()
    tags[3] = 0  # a text without tags
    encoder = TagEncoder(vocabulary=20, width=7)
    bias = encoder.recipe.steps[0].update.bias
    layer = nn.Linear(20, 7)
    with torch.no_grad():
        layer.weight.copy_(encoder.words.T)
        layer.bias.copy_(bias)
    ours, theirs = encoder(tag_graph(tags)), layer(tags)
    close(ours, theirs.detach())
    weight = torch.randn(6, 7)
    gradients = torch.autograd.grad((ours * weight).sum(), [encoder.words, bias])
    wanted = torch.autograd.grad((theirs * weight).sum(), [layer.weight, layer.bias])
    close(gradients[0], wanted[0].T)
    close(gradients[1], wanted[1])
    with pytest.raises(hx.InputError, match="0 and 1"):
        tag_graph(tags * 2)
