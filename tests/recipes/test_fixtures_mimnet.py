"""MIM-Net's message passing: numbers computed by hand, and properties for any numbers."""

from __future__ import annotations

import dgl
import pytest
import torch
from scipy.optimize import linprog

from hetero_xmodal.errors import InputError
from hetero_xmodal.message_passing import Recipe
from hetero_xmodal.recipes.grid import convolution_step, grid_graph
from hetero_xmodal.recipes.mimnet import MIMNetConfig, blend, localise_recipe, refine_recipe, texture_recipe

WORDS = torch.tensor([[1.0, 0], [0, 2]])
MEMORY = torch.tensor([[1.0, 0], [0, 1], [1, 1]])
RECALLED = torch.tensor([[0.844638, 0.577681], [0.531689, 0.936621]])
MEAN = torch.tensor([[0.688164, 0.757151]])


def close(found, wanted):
    torch.testing.assert_close(found, torch.as_tensor(wanted, dtype=found.dtype), rtol=1e-5, atol=1e-5)


def words(*counts: int) -> dgl.DGLGraph:
    return dgl.batch([dgl.heterograph({("word", "follows", "word"): ([], [])}, num_nodes_dict={"word": n}) for n in counts])


def recipe_with_identity(pool: str = "mean") -> Recipe:
    recipe = texture_recipe(MIMNetConfig(word_width=2, width=2, boundary_width=2, texture_pool=pool))
    with torch.no_grad():
        recipe.steps[0].weigh.key.weight.copy_(torch.eye(2))
    return recipe


def test_m1_words_recall_memories():
    states = {"word": WORDS, "memory": MEMORY, "patch": {"boundary": torch.zeros(1, 2)}}
    recipe = recipe_with_identity()
    trace = recipe.trace(words(2), states)
    attention = trace.steps[0].edges[("memory", "attends", "word")].weight.reshape(2, 3)
    close(attention, [[0.422319, 0.155362, 0.422319], [0.063379, 0.468311, 0.468311]])
    for plain in (True, False):
        after = recipe(words(2), states, plain=plain)
        close(after["word"]["recalled"], RECALLED)
        close(after["texture"]["h"], MEAN)
    close(recipe_with_identity("sum")(words(2), states)["texture"]["h"], [[1.376327, 1.514302]])
    torch.manual_seed(0)
    many = torch.randn(20, 2) * 3
    found = recipe(words(20), states | {"word": many})["word"]["recalled"]
    for row in found.double():  # what a word recalls lies between the memories
        conditions = torch.cat([MEMORY.double().T, torch.ones(1, 3, dtype=torch.float64)]).numpy()
        wanted = [*row.tolist(), 1.0]
        fits = linprog(
            [0] * 3, A_ub=[*conditions, *-conditions], b_ub=[*(w + 1e-6 for w in wanted), *(1e-6 - w for w in wanted)], bounds=[(0, 1)] * 3
        )
        assert fits.status == 0


def test_m2_and_m3_localisation_of_the_text():
    conditioned, image = torch.tensor([[1.0, 2], [-1, 0], [0.5, -0.5]]), torch.tensor([[2.0, 0], [0, 2], [1, 1]])
    for plain in (True, False):
        after = localise_recipe()(words(2), {"texture": MEAN, "patch": {"vc": conditioned}}, plain=plain)
        close(after["patch"]["alpha"][:, 0], [0.900471, 0.334442, 0.491377])
    mixed = blend(after["patch"]["alpha"], conditioned, image)
    close(mixed, [[1.099529, 1.800941], [-0.334442, 1.331117], [0.754311, 0.262934]])
    close(blend(torch.ones(3, 1), conditioned, image), conditioned)
    close(blend(torch.zeros(3, 1), conditioned, image), image)
    blank = localise_recipe()(words(2), {"texture": torch.zeros(1, 2), "patch": {"vc": conditioned}})
    close(blank["patch"]["alpha"], [[0.5]] * 3)


def test_m5_every_cell_is_gated_by_the_words():
    states = {"word": {"recalled": RECALLED}, "fine_patch": {"vu": torch.tensor([[1.0, 0], [0, 0]])}}
    for plain in (True, False):
        close(refine_recipe()(words(2), states, plain=plain)["fine_patch"]["hf"], [[0.462837, 0.497005], [0.344082, 0.378576]])
    weights = refine_recipe().trace(words(2), states).steps[0].edges[("word", "attends", "fine_patch")].weight.reshape(2, 2)
    assert (weights.sum(1) - 1).abs().min() > 1e-3 or weights[1].tolist() == [0.5, 0.5]
    assert float(weights[0].sum()) == pytest.approx(1.3285, abs=1e-3)  # gates do not sum to 1


def test_m7_random_memory_in_place_of_the_attention():
    recipe = recipe_with_identity()
    states = {"word": torch.randn(3, 2), "memory": MEMORY, "patch": {"boundary": torch.zeros(1, 2)}}
    for index in range(3):
        given = torch.zeros(3, 3)
        given[:, index] = 1
        after = recipe(words(3), states, edge_weights={"recall textures": given})
        close(after["word"]["recalled"], MEMORY[index].expand(3, 2))
        close(after["texture"]["h"], MEMORY[index].expand(1, 2))
    with pytest.raises(InputError, match="step 'recall textures'.*(3, 2).*expected 9 numbers"):
        recipe(words(3), states, edge_weights={"recall textures": torch.ones(3, 2)})
    with pytest.raises(InputError, match="did you mean 'recall textures'"):
        recipe(words(3), states, edge_weights={"recall texture": torch.ones(3, 3)})


def test_m9_nine_relations_of_a_grid_are_a_convolution():
    pixels = torch.tensor([[1.0, 2], [3, 4]])
    ones = Recipe([convolution_step(torch.ones(1, 1, 3, 3))])
    close(ones(grid_graph(2, 2), {"patch": {"v": pixels.reshape(4, 1)}})["patch"]["v"], [[10]] * 4)
    torch.manual_seed(0)
    conv = torch.nn.Conv2d(3, 5, 3, padding=1, bias=False)
    image = torch.randn(1, 3, 4, 6)
    rows = image[0].flatten(1).T  # (cells, 3)
    found = Recipe([convolution_step(conv.weight)])(grid_graph(4, 6), {"patch": {"v": rows}})["patch"]["v"]
    close(found, conv(image)[0].flatten(1).T.detach())


def test_m10_the_order_of_memories_and_words_does_not_matter():
    torch.manual_seed(0)
    recipe, order, turn = recipe_with_identity(), torch.tensor([2, 0, 1]), torch.tensor([3, 1, 0, 2])
    states = {"word": torch.randn(4, 2), "memory": MEMORY, "patch": {"boundary": torch.randn(5, 2)}}
    first = recipe(words(4), states)
    second = recipe(words(4), states | {"memory": MEMORY[order], "word": states["word"][turn]})
    close(second["word"]["recalled"], first["word"]["recalled"][turn])
    close(second["texture"]["h"], first["texture"]["h"])
    close(second["patch"]["v"], first["patch"]["v"])
    vu = torch.randn(6, 2)
    fine = [refine_recipe()(words(4), {"word": {"recalled": a["word"]["recalled"]}, "fine_patch": {"vu": vu}}) for a in (first, second)]
    close(fine[0]["fine_patch"]["hf"], fine[1]["fine_patch"]["hf"])


def test_m11_and_m12_one_set_of_memories_for_a_batch_of_unequal_sentences():
    """Per sentence on its own, and padded by hand with a mask: the same numbers; T counts the words that are there."""
    torch.manual_seed(0)
    counts, cells = (2, 5, 1), 4
    memory = MEMORY.clone().requires_grad_()
    recipe = recipe_with_identity()
    word, boundary, vu = torch.randn(sum(counts), 2), torch.randn(3 * cells, 2), torch.randn(3 * cells, 2)
    after = recipe(words(*counts), {"word": word, "memory": memory, "patch": {"boundary": boundary}})
    fine = refine_recipe()(words(*counts), {"word": {"recalled": after["word"]["recalled"]}, "fine_patch": {"vu": vu}})["fine_patch"]["hf"]
    assert after["memory"]["h"] is memory
    start, gradient = 0, torch.zeros_like(MEMORY)
    for member, n in enumerate(counts):
        own, place = slice(start, start + n), slice(member * cells, (member + 1) * cells)
        alone = recipe(words(n), {"word": word[own], "memory": memory, "patch": {"boundary": boundary[place]}})
        close(alone["texture"]["h"][0], after["texture"]["h"][member])
        close(alone["patch"]["v"], after["patch"]["v"][place])
        gradient += torch.autograd.grad(alone["texture"]["h"].sum(), memory)[0]
        recalled = after["word"]["recalled"][own]
        close(fine[place], torch.sigmoid(vu[place] @ recalled.T) @ recalled / n)
        start += n
    close(torch.autograd.grad(after["texture"]["h"].sum(), memory)[0], gradient)
