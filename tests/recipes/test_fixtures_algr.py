"""ALGR's message passing: numbers computed by hand, and properties for any numbers."""

from __future__ import annotations

import dgl
import torch
from torch import nn

from hetero_xmodal.message_passing import Constant, GatedRecurrent, Recipe, Step, attends
from hetero_xmodal.recipes.algr import ALGRConfig, encoder_recipe, exchange_recipe, positive, sample_latent

X = torch.tensor([[1.0, 0], [0, 1], [1, 1]])
ATTENTION = [[0.422319, 0.155362, 0.422319], [0.155362, 0.422319, 0.422319], [0.211942, 0.211942, 0.576117]]
Z = [[0.844638, 0.577681], [0.577681, 0.844638], [0.788058, 0.788058]]


def close(found, wanted):
    torch.testing.assert_close(found, torch.as_tensor(wanted, dtype=found.dtype), rtol=1e-5, atol=1e-5)


def pair(visual: int, word: int) -> dgl.DGLGraph:
    return dgl.heterograph({("visual", "same_as", "word"): ([], [])}, num_nodes_dict={"visual": visual, "word": word})


def identity(recipe: Recipe) -> Recipe:
    with torch.no_grad():
        for name, parameter in recipe.named_parameters():
            parameter.copy_(torch.eye(*parameter.shape) if parameter.ndim == 2 else torch.zeros_like(parameter))
            assert name
    return recipe


def encoder(**more) -> Recipe:
    return identity(encoder_recipe(ALGRConfig(in_width=2, width=2, **more)))


def step_of(recipe: Recipe, name: str) -> Recipe:
    return Recipe([next(s for s in recipe.steps if s.name == name)])


STATES = {"visual": {"x": X}, "word": {"x": X}}


def test_a1_and_a2_attention_layer():
    for node_type, name in (("visual", "image graph"), ("word", "sentence graph")):
        recipe = step_of(encoder(), name)
        weights = recipe.trace(pair(3, 3), STATES).steps[0].edges[attends(node_type, node_type)].weight.reshape(3, 3)
        close(weights, ATTENTION)
        for plain in (True, False):
            close(recipe(pair(3, 3), STATES, plain=plain)[node_type]["z"], Z)
    literal = step_of(encoder(edge_norm="literal"), "image graph")
    close(literal(pair(3, 3), STATES)["visual"]["z"], torch.tensor(Z) / 3)  # rows of S * A sum to 1/3
    below = step_of(encoder(), "image graph")(pair(3, 3), {"visual": {"x": -50 * X}})["visual"]["z"]
    assert -1 <= below.min() < -0.99


def test_a3_and_a4_gated_step():
    recipe = step_of(encoder(), "gated update of the words")
    trace = recipe.trace(pair(0, 3), {"word": {"z": torch.tensor(Z)}})
    message = Recipe([Step("average", attends("word", "word"), gather="mean", reads="z", writes="a")])(
        pair(0, 3), {"word": {"z": torch.tensor(Z)}}
    )
    close(message["word"]["a"], [[0.736792, 0.736792]] * 3)
    close(trace.states["word"]["z"], [[0.884883, 0.777557], [0.777557, 0.884883], [0.865077, 0.865077]])

    cell = GatedRecurrent(1)
    torch_cell = nn.GRUCell(1, 1)
    with torch.no_grad():
        for parameter in (*cell.parameters(), *torch_cell.parameters()):
            parameter.copy_(torch.ones_like(parameter) if parameter.ndim == 2 else torch.zeros_like(parameter))
    close(cell(torch.ones(1, 1), torch.full((1, 1), 0.5)), [[0.890592]])
    close(torch_cell(torch.full((1, 1), 0.5), torch.ones(1, 1)), [[0.975588]])  # not the same thing
    with torch.no_grad():
        cell.message_to_update.bias.fill_(-100)
        close(cell(torch.ones(1, 1), torch.full((1, 1), 0.5)), [[1.0]])  # U -> 0 keeps Z
        cell.message_to_update.bias.fill_(100)
        assert abs(float(cell(torch.ones(1, 1), torch.full((1, 1), 0.5))) - 1) > 0.05  # U -> 1 takes the candidate


def test_steps_repeat_with_the_same_weights():
    once, thrice = encoder(ggnn_steps=1), encoder(ggnn_steps=3)
    assert len(thrice.steps) == len(once.steps) + 2 and set(once.state_dict()) == set(thrice.state_dict())
    learned = encoder(ggnn_adj="learned")
    assert not isinstance(step_of(learned, "gated update of the words").steps[0].weigh, Constant)


def test_a8_cross_attention():
    recipe = exchange_recipe(ALGRConfig(in_width=2, width=2))
    with torch.no_grad():
        for node_type in ("visual", "word"):
            join = recipe.steps[0].update[node_type].function
            join.linear.weight.copy_(torch.cat([torch.eye(2), torch.zeros(2, 2)], 1))  # the context alone
            join.linear.bias.zero_()
    states = {"visual": {"latent": torch.eye(2)}, "word": {"latent": torch.tensor([[2.0, 0], [0, 2], [0, 0]])}}
    weights = recipe.trace(pair(2, 3), states).steps[0].edges[attends("word", "visual")].weight.reshape(2, 3)
    close(weights, [[0.786986, 0.106507, 0.106507], [0.106507, 0.786986, 0.106507]])
    for plain in (True, False):
        after = recipe(pair(2, 3), states, plain=plain)
        close(after["visual"]["joint"], [[1.573972, 0.213014], [0.213014, 1.573972]])
        assert after["word"]["joint"].shape == (3, 2)


def random_recipe() -> tuple[Recipe, dgl.DGLGraph, dict]:
    torch.manual_seed(0)
    recipe = encoder_recipe(ALGRConfig(in_width=4, width=3))
    graph = dgl.batch([pair(3, 5), pair(2, 1)])
    return recipe, graph, {"visual": {"x": torch.randn(5, 4)}, "word": {"x": torch.randn(6, 4)}}


def test_a10_embeddings_do_not_depend_on_the_partner():
    recipe, graph, states = random_recipe()
    changed = {"visual": states["visual"], "word": {"x": torch.randn(6, 4)}}
    first, second = recipe(graph, states), recipe(graph, changed)
    assert torch.equal(first["image"]["e"], second["image"]["e"]) and not torch.equal(first["sentence"]["e"], second["sentence"]["e"])

    def image(word):
        return recipe(graph, {"visual": states["visual"], "word": {"x": word}})["image"]["e"]

    assert torch.autograd.functional.jacobian(image, states["word"]["x"]).abs().max() == 0


def test_a11_samples_in_training_only():
    mean, spread = torch.randn(3, 2), torch.rand(3, 2) + 0.1
    assert torch.equal(sample_latent(mean, spread, training=False), mean)
    generator = torch.Generator().manual_seed(0)
    draws = torch.stack([sample_latent(mean, spread, training=True, generator=generator) for _ in range(4000)])
    assert not torch.equal(draws[0], draws[1])
    assert ((draws.mean(0) - mean).abs() < 4 * spread / 4000**0.5).all()
    close(draws.std(0) / spread, torch.ones(3, 2) * (draws.std(0) / spread).detach())
    assert ((draws.std(0) / spread - 1).abs() < 0.06).all()
    assert positive(torch.tensor([-1e9])).item() > 0


def test_a12_the_order_of_regions_and_words_does_not_matter():
    recipe, graph, states = random_recipe()
    order = {"visual": torch.tensor([2, 0, 1, 4, 3]), "word": torch.tensor([4, 0, 3, 1, 2, 5])}  # within each member
    first = recipe(graph, states)
    second = recipe(graph, {t: {"x": states[t]["x"][order[t]]} for t in states})
    for t in ("visual", "word"):
        close(second[t]["z"], first[t]["z"][order[t]])
        close(second[t]["sigma"], first[t]["sigma"][order[t]])
        assert (first[t]["sigma"] > 0).all()
    for t in ("image", "sentence"):
        close(second[t]["e"], first[t]["e"])
        close(second[t]["r"], first[t]["r"])


def test_every_parameter_gets_a_gradient():
    recipe, graph, states = random_recipe()
    after = recipe(graph, states)
    sum((after[t]["e"] * torch.randn(2, 3)).sum() + (after[t]["r"] * torch.randn(2, 3)).sum() for t in ("image", "sentence")).backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in recipe.parameters())
