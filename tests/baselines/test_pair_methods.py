"""CAMERA, GSMN, SGRAF and the ensembles: scores of pairs against plain loops, and that each part matters."""

from __future__ import annotations

import dataclasses
from math import atan2, exp, pi

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from hetero_xmodal.baselines.matching import CAMERAConfig, GSMNConfig, SCANBoth, SCANConfig, SGRAFConfig
from hetero_xmodal.baselines.matching.camera import MultiView
from hetero_xmodal.baselines.matching.gsmn import MatchGraphs, match_graph, match_recipe
from hetero_xmodal.baselines.matching.neural import InputScale
from hetero_xmodal.baselines.matching.scan import SCAN
from hetero_xmodal.baselines.matching.sgraf import Alignments, alignment_graph, reasoning_recipe
from hetero_xmodal.data.tasks.matching import Batch, Regions, Split, Words
from hetero_xmodal.errors import InputError
from hetero_xmodal.message_passing import Recipe

REGIONS, WORDS = (2, 3), (3, 1, 2)


def inputs(width: int) -> InputScale:
    return InputScale(np.random.default_rng(width).normal(size=(20, width)).astype(np.float32), "each", 0.0)


def batch() -> Batch:
    generator = torch.Generator().manual_seed(0)
    regions, words = torch.randn(sum(REGIONS), 5, generator=generator), torch.randn(sum(WORDS), 4, generator=generator)
    places = torch.rand(sum(REGIONS), 6, generator=generator)
    return Batch(regions, torch.tensor(REGIONS), words, torch.tensor(WORDS), torch.arange(2), torch.arange(3), places)


def attended_by_loop(query: torch.Tensor, queries: torch.Tensor, contexts: torch.Tensor, temperature: float) -> torch.Tensor:
    """The vector that *query*, one of *queries* (q, d) of one owner, attends to among *contexts* (c, d)."""
    logits = []
    for c in contexts:
        row = torch.stack([F.leaky_relu(c @ q, 0.1) for q in queries])
        logits.append(temperature * F.leaky_relu(c @ query, 0.1) / (row.square().sum() + 1e-12).sqrt())
    weight = torch.stack(logits).softmax(0)
    return sum(w * c for w, c in zip(weight, contexts, strict=True))


def one(side: tuple[torch.Tensor, torch.Tensor], k: int) -> torch.Tensor:
    return side[0][k][side[1][k]]


@pytest.mark.parametrize("kind", ["saf", "sgr"])
def test_sgraf_equals_a_loop_over_pairs(kind: str):
    torch.manual_seed(0)
    config = SGRAFConfig(module=kind, width=6, similarity_width=4, steps=2)
    module = Alignments(inputs(5), inputs(4), config).eval()
    some = batch()
    with torch.no_grad():
        found = module.similarity(some)
        (regions, image), (words, caption) = module.images(some.regions, some.region_counts), module.captions(some.words, some.word_counts)
        for i in range(2):
            for j in range(3):
                rows = [F.normalize(module.whole((image[i] - caption[j]) ** 2), dim=0)]
                for word in one(words, j):
                    heard = F.normalize(attended_by_loop(word, one(words, j), one(regions, i), 9.0), dim=0)
                    rows.append(F.normalize(module.local((heard - word) ** 2), dim=0))
                s = torch.stack(rows)
                if kind == "saf":
                    weight = torch.sigmoid(module.filtration.norm(module.filtration.weigh(s)))
                    vector = F.normalize((weight / weight.sum() * s).sum(0), dim=0)
                else:
                    for step in module.recipe.steps:
                        edges = (step.weigh.query(s) @ step.weigh.key(s).T).softmax(1)
                        s = torch.relu(step.send(edges @ s))
                    vector = s[0]
                assert float(found[i, j]) == pytest.approx(float(torch.sigmoid(module.score(vector))), abs=1e-5)


def test_reasoning_is_a_recipe_whose_edges_can_be_controlled():
    recipe = reasoning_recipe(4, 2)
    assert isinstance(recipe, Recipe) and len(list(recipe.parameters())) == 12
    x = torch.randn(5, 4)
    graph = alignment_graph(torch.tensor([2, 3]))
    plain, even = recipe(graph, {"alignment": x}), recipe.controlled("even")(graph, {"alignment": x})
    assert torch.allclose(recipe(graph, {"alignment": x}, plain=True)["alignment"]["h"], plain["alignment"]["h"], atol=1e-6)
    assert not torch.allclose(plain["alignment"]["h"], even["alignment"]["h"])


def test_gsmn_equals_a_loop_over_pairs():
    torch.manual_seed(0)
    config = GSMNConfig(width=6, blocks=3, hidden=4, kernels=2)
    module = MatchGraphs(inputs(5), inputs(4), config).eval()
    some = batch()
    with torch.no_grad():
        found = module.similarity(some)
        (regions, centre), words = (
            module.images(some.regions, some.region_counts, some.places),
            module.captions(some.words, some.word_counts),
        )
        steps = module.recipe.steps

        def blocks(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
            return torch.stack([F.cosine_similarity(x, y, dim=0, eps=1e-6) for x, y in zip(a.split(2), b.split(2), strict=True)])

        for i in range(2):
            for j in range(3):
                u, v, places = one(words, j), one(regions, i), centre[i][regions[1][i]]
                x = torch.stack([blocks(w, attended_by_loop(w, u, v, 20.0)) for w in u])
                g = (4.0 * u @ u.T).softmax(1) @ steps[0].send(x)
                score = module.word_score(g).mean()
                y = torch.stack([blocks(r, attended_by_loop(r, v, u, 10.0)) for r in v])
                parts = []
                for step in steps[1:]:
                    kernel = step.weigh.kernel
                    rows = []
                    for a in range(len(v)):
                        weights = []
                        for b in range(len(v)):
                            dx, dy = (places[b] - places[a]).tolist()
                            polar = torch.tensor([(dx**2 + dy**2) ** 0.5, atan2(dy, dx)])
                            weights.append(exp(-0.5 * float((((polar - kernel.centre) * kernel.precision) ** 2).sum())) + 1e-9)
                        rows.append([w / sum(weights) for w in weights])
                    parts.append(torch.tensor(rows) @ step.send(y))
                score = score + module.region_score(torch.cat(parts, 1)).mean()
                assert float(found[i, j]) == pytest.approx(float(score), abs=1e-5)


def test_regions_hear_their_neighbours_by_where_they_lie_along_matrices_and_along_edges():
    recipe = match_recipe(GSMNConfig(width=6, blocks=3, hidden=4, kernels=2))
    graph = match_graph({"word_match": torch.tensor([2, 1]), "region_match": torch.tensor([3, 2])})
    states = {
        "word_match": {"h": torch.randn(3, 3), "u": torch.randn(3, 6)},
        "region_match": {"h": torch.randn(5, 3), "centre": torch.rand(5, 2)},
    }
    fast, plain = recipe(graph, states), recipe(graph, states, plain=True)
    for node_type, named in fast.items():
        for name, value in named.items():
            assert torch.allclose(value, plain[node_type][name], atol=1e-5), (node_type, name)
    states["region_match"]["centre"] = torch.rand(5, 2)
    assert not torch.allclose(recipe(graph, states)["region_match"]["g1"], fast["region_match"]["g1"])
    kernels = [p for name, p in recipe.named_parameters() if "centre" in name]
    fast["region_match"]["g1"].sum().backward()
    assert len(kernels) == 2 and kernels[0].grad is not None and abs(float(kernels[0].detach()[1])) <= pi


def test_camera_scores_a_pair_by_its_best_view():
    torch.manual_seed(0)
    module = MultiView(inputs(5), inputs(4), CAMERAConfig(width=8, heads=2, views=3)).eval()
    some = batch()
    with torch.no_grad():
        found = module.similarity(some)
        views, captions = module.images(some.regions, some.region_counts, some.places), module.captions(some.words, some.word_counts)
        rows = module.regions(module.region_inputs(some.regions), some.region_counts, some.places)
        alone = rows[2:5]  # the regions of the second image, without padding
        layers = module.views.convolutions
        made = torch.cat([F.relu(layer(alone.T[None]))[0] for layer in layers]).T
        weight = module.views.linear(made).softmax(0)
        assert torch.allclose(views[1], F.normalize(weight.T @ alone, dim=1), atol=1e-5)
        for i in range(2):
            for j in range(3):
                assert float(found[i, j]) == pytest.approx(max(float(view @ captions[j]) for view in views[i]), abs=1e-5)
        unit = F.normalize(weight, dim=0)
        assert torch.allclose(torch.diagonal(unit.T @ unit), torch.ones(3), atol=1e-5)


def split(n: int = 12) -> Split:
    rng = np.random.default_rng(3)
    return Split(
        Regions(rng.normal(size=(n, 3, 5)).astype(np.float32), np.full(n, 3)),
        Words(rng.normal(size=(2 * n, 4)).astype(np.float32), np.arange(0, 2 * n + 1, 2)),
        np.arange(n),
    )


def test_an_ensemble_is_the_mean_of_its_members():
    data, config = split(), SCANConfig(width=8, epochs=1, batch_size=6)
    both = SCANBoth(config).fit(data, data)
    alone = [SCAN(dataclasses.replace(config, direction=d)).fit(data, data).similarity(data) for d in ("t2i", "i2t")]
    np.testing.assert_allclose(both.similarity(data), (alone[0] + alone[1]) / 2, atol=1e-6)


@pytest.mark.parametrize(
    ("config", "changes", "message"),
    [
        (SGRAFConfig, {"module": "sag"}, "module is 'sag', expected saf or sgr"),
        (SGRAFConfig, {"steps": 0}, "steps is 0"),
        (GSMNConfig, {"width": 30}, "width is 30, no multiple of blocks, 16"),
        (GSMNConfig, {"kernels": 5}, "hidden is 32, no multiple of kernels, 5"),
        (CAMERAConfig, {"width": 20}, "width is 20; give a multiple of 8 and of heads"),
        (CAMERAConfig, {"diversity": -1.0}, "diversity is -1.0"),
    ],
)
def test_settings_that_cannot_be_are_refused(config, changes, message):
    with pytest.raises(InputError, match=message):
        config(**changes)
