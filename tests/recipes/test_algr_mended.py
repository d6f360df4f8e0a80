"""ALGR's graph as we mended it: each option by hand, and that the paper's presets have none of them."""

from __future__ import annotations

from dataclasses import replace

import dgl
import pytest
import torch
from torch.nn import functional as F

import hetero_xmodal as hx
from hetero_xmodal.data.tasks.matching import Batch
from hetero_xmodal.message_passing import attends
from hetero_xmodal.recipes import ALGR, ALGRConfig
from hetero_xmodal.recipes.presets import named_preset


def batch_of(pairs: int) -> Batch:
    """Pairs of two regions and three words."""
    counts, numbers = torch.full((pairs,), 2), torch.arange(pairs)
    return Batch(torch.randn(2 * pairs, 6), counts, torch.randn(3 * pairs, 4), counts + 1, numbers, numbers)


OURS = dict(logits="normalised", self_term=True, phase1="z", exchange_from="mean", free_bits=0.05)


def test_normalised_logits_are_cosines_times_the_square_root_of_the_width_by_a_learned_temperature():
    config = ALGRConfig(region_width=6, word_width=4, in_width=5, width=5, logits="normalised", sharpness=3.0)
    model = ALGR(config, {})
    attention = model.recipe.steps[0].weigh
    x = torch.randn(4, 5)
    graph = dgl.heterograph({("visual", "same_as", "word"): ([], [])}, num_nodes_dict={"visual": 4, "word": 1})
    weights = model.recipe.trace(graph, {"visual": {"x": x}, "word": {"x": x[:1]}}).steps[0].edges[attends("visual", "visual")].weight
    unit = F.normalize(x, dim=1)
    expected = (3.0 * unit @ unit.T).softmax(1)  # identities: the logit of a node to itself is the sharpness
    assert torch.allclose(weights.reshape(4, 4), expected, atol=1e-5)
    attention.activation.log.data.fill_(float(torch.tensor(0.5).log()))  # temperature 1/2: twice the logits
    weights = model.recipe.trace(graph, {"visual": {"x": 7 * x}, "word": {"x": x[:1]}}).steps[0].edges[attends("visual", "visual")].weight
    assert torch.allclose(weights.reshape(4, 4), (6.0 * unit @ unit.T).softmax(1), atol=1e-5)


def test_bounded_logits_leave_no_edge_all_weight():
    config = ALGRConfig(region_width=6, word_width=4, in_width=5, width=5, logits="normalised", sharpness=40.0, logit_bound=1.5)
    x = torch.randn(4, 5)
    graph = dgl.heterograph({("visual", "same_as", "word"): ([], [])}, num_nodes_dict={"visual": 4, "word": 1})
    states = {"visual": {"x": x}, "word": {"x": x[:1]}}
    weights = ALGR(config, {}).recipe.trace(graph, states).steps[0].edges[attends("visual", "visual")].weight.reshape(4, 4)
    unit = F.normalize(x, dim=1)
    assert torch.allclose(weights, (1.5 * torch.tanh(40 * unit @ unit.T / 1.5)).softmax(1), atol=1e-5)
    most = 1 / (1 + 3 * torch.tensor(-3.0).exp())  # 1.5 at one node, -1.5 at three
    assert float(weights.max()) <= most
    free = ALGR(replace(config, logit_bound=0.0), {}).recipe.trace(graph, states)
    assert float(free.steps[0].edges[attends("visual", "visual")].weight.max()) > most


def test_a_negative_bound_is_refused():
    with pytest.raises(hx.InputError, match="logit_bound is -1.0, expected 0 or more"):
        ALGRConfig(logit_bound=-1.0)


def test_with_a_self_term_even_edges_leave_the_nodes_different():
    config = ALGRConfig(region_width=6, word_width=4, in_width=5, width=5, start="identity", sharpness=3.0, **OURS | {"phase1": "x"})
    x = torch.randn(4, 5)
    graph = dgl.heterograph({("visual", "same_as", "word"): ([], [])}, num_nodes_dict={"visual": 4, "word": 1})
    states = {"visual": {"x": x}, "word": {"x": x[:1]}}
    recipe = ALGR(config, {}).recipe.controlled("even")
    z = recipe(graph, states)["visual"]["z"]
    assert torch.allclose(z, F.elu(0.8 * x + 0.2 * x.mean(0)), atol=1e-5)
    assert float(hx.graph_report(recipe, graph, states=states).frame["sd after"].iloc[0]) > 0.3


def test_the_first_phase_ranks_what_the_second_does():
    config = ALGRConfig(region_width=6, word_width=4, in_width=5, width=5, start="identity", sharpness=3.0, **OURS)
    model = ALGR(config, {}).eval()
    regions = torch.randn(3, 4, 6)
    assert torch.equal(model.embed_images(regions, phase=1), model.embed_images(regions, phase=2))
    other = ALGR(replace(config, phase1="x"), {}).eval()
    assert not torch.allclose(other.embed_images(regions, phase=1), other.embed_images(regions, phase=2))
    model.train()
    losses = model.losses(batch_of(3), phase=1)
    assert set(losses) == {"L_rank", "loss"}
    losses["loss"].backward()
    attention = model.recipe.steps[0].weigh
    assert attention.query[1].weight.grad.abs().sum() > 0  # the graph learns in the first phase


def test_cross_attention_weights_from_means_do_not_depend_on_the_noise():
    config = ALGRConfig(region_width=6, word_width=4, in_width=5, width=5, **OURS)
    exchange = ALGR(config, {}).exchange
    graph = dgl.heterograph({("visual", "same_as", "word"): ([], [])}, num_nodes_dict={"visual": 2, "word": 3})
    z = {"visual": torch.randn(2, 5), "word": torch.randn(3, 5)}
    relation = attends("word", "visual")
    weights = []
    for _ in range(2):
        states = {side: {"z": values, "latent": values + 3 * torch.randn_like(values)} for side, values in z.items()}
        weights.append(exchange.trace(graph, states).steps[0].edges[relation].weight)
    assert torch.equal(*weights)
    cosine = F.normalize(z["visual"], dim=1) @ F.normalize(z["word"], dim=1).T
    assert torch.allclose(weights[0].reshape(2, 3), (cosine * 5**0.5).softmax(1), atol=1e-5)


def test_free_bits_are_a_floor_of_each_channel():
    config = ALGRConfig(region_width=6, word_width=4, in_width=2, width=2, free_bits=0.5)
    model = ALGR(config, {}).eval()
    z, sigma = torch.tensor([[2.0, 0.0], [0.0, 0.0]]), torch.ones(2, 2)  # KL of the channels: 1 and 0, mean over nodes
    states = {side: {"z": z, "sigma": sigma, "x": z} for side in ("visual", "word")}
    graph = dgl.heterograph({("visual", "same_as", "word"): ([], [])}, num_nodes_dict={"visual": 2, "word": 2})
    assert float(model.generation_losses(graph, states, 1.0)["L_KL"].detach()) == pytest.approx(2 * (1.0 + 0.5) / 2)


def test_the_papers_presets_have_none_of_ours():
    for name in ("paper/f30k", "paper/coco"):
        model = named_preset("algr", name).model
        config = ALGRConfig(**model)
        assert all(getattr(config, key) == getattr(ALGRConfig(), key) for key in (*OURS, "logit_bound"))
    paper = ALGRConfig(**named_preset("algr", "paper/f30k").model)
    assert paper.embedding == "camera" and paper.places and paper.phase1_epochs == 10
