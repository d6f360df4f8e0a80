"""CAM's message passing: numbers computed by hand, and properties for any numbers."""

from __future__ import annotations

import dataclasses

import dgl
import pytest
import torch
from torch import nn

import hetero_xmodal as hx
from hetero_xmodal import schema as s
from hetero_xmodal.graphs.bridges import Match
from hetero_xmodal.message_passing import Blend, DotAttention, Recipe, SigmoidGate, Step, attends
from hetero_xmodal.recipes.cam import CAMConfig, cam_recipe, crr_steps, hrl_steps, masked_nodes

EYE = torch.eye(2)


def close(found, wanted, **more):
    torch.testing.assert_close(found, torch.as_tensor(wanted, dtype=found.dtype), rtol=1e-5, atol=1e-5, **more)


def scene(names, relations=()):
    return hx.SceneGraph(objects=[hx.SceneObject(n) for n in names], relations=[hx.SceneRelation(a, "near", b) for a, b in relations])


def sentence(text, arcs=()):
    """Words in order; an object for every noun; arcs from a word to its head."""
    head = dict(arcs)
    nouns = [k for k, w in enumerate(text) if w != "blue"]
    tokens = [hx.Token(w, w, "NOUN" if k in nouns else "ADJ", head.get(k, k), "amod" if k in head else "ROOT") for k, w in enumerate(text)]
    return hx.SceneGraph(objects=[hx.SceneObject(text[k], head=k) for k in nouns], tokens=tokens)


def set_map(step: Step, *matrices: torch.Tensor) -> None:
    """Give the step's linear map the paper's W, of X @ W."""
    with torch.no_grad():
        step.send.weight.copy_(torch.cat(matrices).T)


def c3():
    """Bird and tree; blue bird; one shared object; every map the identity."""
    graph = hx.build_graph(scene(["bird", "tree"], [(0, 1)]), sentence(["blue", "bird"], [(0, 1)]))
    states = {"visual": {"x": torch.tensor([[1.0, 0], [0, 1]])}, "word": {"x": torch.tensor([[0.0, 4], [2, 0]])}}
    steps = hrl_steps(CAMConfig(word_width=2, width=2, layers=1))
    for step in steps[1:3]:
        set_map(step, EYE)
    steps[3] = dataclasses.replace(steps[3], update=Blend(0.5, 0.5))
    return graph, states, steps


def test_c1_degrees_count_all_relations_of_the_extended_graph():
    graph = hx.build_graph(scene(["bird", "tree"], [(0, 1)]), sentence(["bird"]), wiring="counterpart")
    rows = torch.zeros(2, 2)
    rows[graph.nodes["bridge"].data["lives_in"] == s.IN_IMAGE] = torch.tensor([2.0, -1])
    states = {"visual": {"x": EYE}, "bridge": {"x": rows}}
    step = hrl_steps(CAMConfig(word_width=2, width=2, layers=1))[1]
    inside = graph.nodes["bridge"].data["lives_in"] == s.IN_IMAGE
    for matrix, visual, bridge in (
        (EYE, [[1.149830, 0], [0.408248, 0.5]], [[1.408248, 0]]),
        (torch.tensor([[1.0, 1], [0, -1]]), [[1.149830, 1.149830], [0.408248, 0]], [[1.408248, 1.908248]]),
    ):
        set_map(step, matrix)
        after = Recipe([step])(graph, states)
        close(after["visual"]["h"], visual)
        close(after["bridge"]["h"][inside], bridge)
        close(after["bridge"]["h"][~inside], [[0, 0]])  # the copy in the sentence graph is not updated
    trace = Recipe([step]).trace(graph, states).table(step=1, node_type="visual", node=0)
    close(torch.tensor(sorted(trace["weight"])), sorted([0.333333, 0.408248, 0.408248]))


def test_c2_and_c3_all_right_hand_sides_are_old_values():
    graph, states, steps = c3()
    trace = Recipe(steps).trace(graph, states)
    convolved, merged = trace.steps[2].after, trace.states
    close(convolved["visual"]["h"], [[1, 1 / 3]] * 2)
    close(convolved["word"]["h"], [[1, 4 / 3]] * 2)
    close(merged["visual"]["h"], [[1.5, 1.5], [1, 1 / 3]])
    close(merged["word"]["h"], [[1, 4 / 3], [1.5, 1.0]])  # one after the other would give 1.75, 1.583333
    pooled = Recipe(steps + crr_steps(CAMConfig(word_width=2, width=2))[:1], adds={"pair": 1})(graph, states)
    close(pooled["pair"]["h"], [[1.25, 1.041667]])

    merge = dataclasses.replace(steps[3], update=Blend(0.7, 0.3))
    lives_in = graph.nodes["bridge"].data["lives_in"]
    bridge = torch.zeros(2, 2)
    bridge[lives_in == s.IN_SENTENCE], bridge[lives_in == s.IN_IMAGE] = torch.tensor([0.5, 0]), torch.tensor([2.0, 2])
    after = Recipe([merge])(
        graph, {"visual": torch.tensor([[1.0, 2], [9, 9]]), "word": torch.tensor([[8.0, 8], [-0.5, 1]]), "bridge": bridge}
    )
    close(after["visual"]["h"], [[0.7, 1.7], [9, 9]])
    close(after["word"]["h"], [[8, 8], [0.55, 1.9]])
    close(after["bridge"]["h"], bridge)


def test_c4_mean_of_the_union_is_not_the_mean_of_means():
    graph = hx.build_graph(scene(["a", "b", "c"]), sentence(["bird"]))
    recipe = Recipe(crr_steps(CAMConfig(word_width=1, width=1))[:1], adds={"pair": 1})
    close(recipe(graph, {"visual": torch.tensor([[1.0], [2], [3]]), "word": torch.tensor([[10.0]])})["pair"]["h"], [[4]])


def test_c5_masks_of_both_sides_and_their_perspectives():
    graph = hx.build_graph(scene(["a", "b"]), sentence(["x", "y", "z"]))
    states = {"visual": torch.tensor([[1.0, 0], [0, 2]]), "word": torch.tensor([[1.0, 1], [-1, 0], [0, 0]])}
    steps = crr_steps(CAMConfig(word_width=2, width=2, perspectives=2))
    with torch.no_grad():
        steps[1].weigh.key.weight.copy_(torch.cat([EYE, EYE]))  # two equal perspectives are one
        steps[2].weigh.key.weight.copy_(torch.cat([EYE, -EYE]))
    for plain in (False, True):
        after = Recipe(steps, adds={"pair": 1})(graph, states, plain=plain)
        close(after["pair"]["h"], [[0.2, 0.6]])
        close(torch.cat([after[t]["image_mask"] for t in ("visual", "word")])[:, 0], [0.549834, 0.768525, 0.689974, 0.450166, 0.5])
        close(torch.cat([after[t]["sentence_mask"] for t in ("visual", "word")])[:, 0], [0.549834, 0.768525, 0.689974, 0.549834, 0.5])
    one = SigmoidGate(key=nn.Linear(2, 2, bias=False))
    with torch.no_grad():
        one.key.weight.copy_(EYE)
    alone = Recipe([steps[0], dataclasses.replace(steps[1], weigh=one)], adds={"pair": 1})(graph, states)
    close(alone["visual"]["image_mask"][:, 0], [0.549834, 0.768525])

    masked = masked_nodes(after, "image_mask", lambda x: x)
    close(sum(x.abs().sum() for x in masked.values()), 3.916999)  # the norm that fixture C7 states
    ones = {t: named | {"image_mask": torch.ones(len(named["h"]), 1)} for t, named in after.items() if t in ("visual", "word")}
    close(masked_nodes(ones, "image_mask", torch.exp)["word"], states["word"].exp())  # C13: all masks 1
    zeros = {t: named | {"image_mask": torch.zeros(len(named["h"]), 1)} for t, named in after.items() if t in ("visual", "word")}
    close(masked_nodes(zeros, "image_mask", torch.exp)["word"], torch.ones(3, 2))  # C13: a mask of 0 leaves MLP(0)


def random_pairs(k_zero: bool = False) -> tuple[dgl.DGLGraph, dict[str, torch.Tensor]]:
    """Three pairs of unequal size; one without bridges, one without a region (all without bridges if *k_zero*)."""
    first = hx.build_graph(
        scene(["cat" if k_zero else "bird", "tree", "rock"], [(0, 1), (1, 2), (1, 2)]), sentence(["blue", "bird", "house"], [(0, 1)])
    )
    second = hx.build_graph(scene(["dog", "cup"]), sentence(["sun"]))
    third = hx.build_graph(scene([]), sentence(["bird", "moon"], [(0, 1)]))
    graph = dgl.batch([first, second, third])
    torch.manual_seed(1)
    return graph, {t: {"x": torch.randn(graph.num_nodes(t), 5, dtype=torch.float64)} for t in ("visual", "word")}


def small(**more) -> Recipe:
    torch.manual_seed(0)
    return cam_recipe(CAMConfig(word_width=5, width=4, layers=2, perspectives=3, **more)).double()


def test_batches_with_members_without_bridges_equal_singles():
    graph, states = random_pairs()
    assert graph.batch_num_nodes("bridge").tolist() == [2, 0, 0]
    recipe = small()
    together = recipe(graph, states)
    start = {"visual": 0, "word": 0, "bridge": 0, "pair": 0}
    for member, one in enumerate(dgl.unbatch(graph)):
        count = {t: one.num_nodes(t) for t in ("visual", "word", "bridge")} | {"pair": 1}
        rows = {t: slice(start[t], start[t] + n) for t, n in count.items()}
        alone = recipe(one, {t: {"x": states[t]["x"][rows[t]]} for t in ("visual", "word")})
        for t, n in count.items():
            for name, value in alone[t].items():
                close(value, together[t][name][rows[t]])
            start[t] += n
        assert 0 < alone["word"]["image_mask"].min() and alone["word"]["image_mask"].max() < 1, member


def test_c8_and_c9_without_bridges_the_sides_are_independent():
    graph, states = random_pairs(k_zero=True)
    assert graph.num_nodes("bridge") == 0
    with_copies, without = small(masks=False), small(masks=False, bridges=False)
    graphs = ([step for step in recipe.steps if "graph" in step.name] for recipe in (with_copies, without))
    for ours, theirs in zip(*graphs, strict=True):
        theirs.send.load_state_dict(ours.send.state_dict())
    for t in ("visual", "word"):
        close(with_copies(graph, states)[t]["h"], without(graph, states)[t]["h"])

    graph, states = random_pairs()

    def influence(recipe: Recipe, on: dgl.DGLGraph = graph) -> float:
        def visual(word):
            return recipe(on, {"visual": states["visual"], "word": {"x": word}})["visual"]["h"]

        return float(torch.autograd.functional.jacobian(visual, states["word"]["x"]).abs().sum())

    assert influence(small(masks=False)) > 0
    assert influence(small(masks=False, keep=1.0, learn=0.0)) > 0  # through the copies that stand beside the regions
    assert influence(small(masks=False, bridges=False)) == 0
    cut = dgl.remove_edges(graph, torch.arange(graph.num_edges(s.BRIDGE_BESIDE_VISUAL)), etype=s.BRIDGE_BESIDE_VISUAL)
    cut.set_batch_num_nodes({t: graph.batch_num_nodes(t) for t in graph.ntypes})
    assert influence(small(masks=False, keep=1.0, learn=0.0), cut) == 0


def test_c10_swapping_the_sides_swaps_the_outputs():
    """Image and sentence with the same structure: swap features and parameters, and the outputs swap too."""
    image, words = scene(["bird", "tree"], [(0, 1)]), sentence(["blue", "bird"], [(0, 1)])
    graph = hx.build_graph(image, words, matches=[Match(0, 0, "bird", 1.0)])  # region 0 and word 1
    recipe, swapped = small(), small()
    region, word = torch.randn(2, 2, 5, dtype=torch.float64)
    for layer in (1, 2):
        ours, theirs = ({s.name: s for s in r.steps} for r in (recipe, swapped))
        theirs[f"image graph {layer}"].send.load_state_dict(ours[f"sentence graph {layer}"].send.state_dict())
        theirs[f"sentence graph {layer}"].send.load_state_dict(ours[f"image graph {layer}"].send.state_dict())
        a, b = ours[f"merge what the copies learned {layer}"].update, theirs[f"merge what the copies learned {layer}"].update
        b["visual"].through.load_state_dict(a["word"].through.state_dict())
        b["word"].through.load_state_dict(a["visual"].through.state_dict())
    theirs["mask for the image"].weigh.key.load_state_dict(ours["mask for the sentence"].weigh.key.state_dict())
    theirs["mask for the sentence"].weigh.key.load_state_dict(ours["mask for the image"].weigh.key.state_dict())
    first = recipe(graph, {"visual": {"x": region}, "word": {"x": word}})
    # the matched node is row 0 among the regions and row 1 among the words, so the rows turn round
    second = swapped(graph, {"visual": {"x": word.flip(0)}, "word": {"x": region.flip(0)}})
    for a, b in (("visual", "word"), ("word", "visual")):
        close(second[b]["h"], first[a]["h"].flip(0))
        close(second[b]["sentence_mask"], first[a]["image_mask"].flip(0))


def test_c12_one_softmax_over_two_relations():
    graph = dgl.heterograph({("visual", "same_as", "word"): ([], [])}, num_nodes_dict={"visual": 2, "word": 1})
    states = {"visual": torch.tensor([[0.0], [1]]), "word": torch.tensor([[2.0]]), "patch": torch.tensor([[1.0]])}
    recipe = Recipe(
        [Step("look", [attends("visual", "patch"), attends("word", "patch")], weigh=DotAttention())], adds={"patch": "per_graph"}
    )
    trace = recipe.trace(graph, states)
    weights = trace.steps[0].edges
    close(weights[attends("visual", "patch")].weight, [0.090031, 0.244728])
    close(weights[attends("word", "patch")].weight, [0.665241])
    for plain in (True, False):
        close(recipe(graph, states, plain=plain)["patch"]["h"], [[0.244728 + 2 * 0.665241]])


def test_every_parameter_gets_a_gradient_and_the_table_names_the_equations():
    graph, states = random_pairs()
    torch.manual_seed(0)
    recipe = cam_recipe(CAMConfig(word_width=5, width=24)).double()  # wide enough for a ReLU to be alive
    after = recipe(graph, states)
    sum(named[name].square().sum() for t, named in after.items() for name in named).backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in recipe.parameters())
    assert {"CAM E1", "CAM E2", "CAM E3", "CAM E4, E5"} <= set(recipe.table()["equation"])
    shared = cam_recipe(CAMConfig(word_width=5, width=24, share_gcn=True))
    saved = sum(p.numel() for p in recipe.parameters()) - sum(p.numel() for p in shared.parameters())
    assert saved == 5 * 24 + 24 * 24  # one convolution per layer instead of two


@pytest.mark.parametrize("field", ["layers", "width", "perspectives"])
def test_a_config_that_makes_no_sense_is_refused(field):
    with pytest.raises(hx.InputError, match=f"{field} is 0"):
        CAMConfig(**{field: 0})
