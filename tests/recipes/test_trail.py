"""TRAIL: its fast comparison equals the printed steps on the pair's graph and a naive reference; typed edges decide what words cannot."""

from __future__ import annotations

import math

import pytest
import torch

import hetero_xmodal as hx
from hetero_xmodal.data.tasks.matching.said import SEEN, SaidBatch, encode_said, said_vocabulary
from hetero_xmodal.errors import InputError
from hetero_xmodal.graphs.said import said_of_graph, said_of_scene
from hetero_xmodal.recipes.trail import TRAIL, TrailConfig
from hetero_xmodal.recipes.typed_scores import PARTS
from hetero_xmodal.scenes import SceneGraph, SceneObject, SceneRelation

SENTENCES = [
    "A red bird is on a green box.",
    "two dogs and a small ball",
    "The ball to the left of the dog is striped.",
    "three red birds above a dog that is near two boxes",
    "nothing",
]
SCENES = [
    SceneGraph(
        [SceneObject("bird", ["red"], (10, 10, 50, 50)), SceneObject("box", ["green"], (5, 40, 60, 90)),
         SceneObject("dog", [], (90, 40, 120, 90))],
        [SceneRelation(0, "on", 1), SceneRelation(0, "left of", 2), SceneRelation(2, "right of", 0)], size=(128, 128),
    ),
    SceneGraph([SceneObject("dog", ["small"], (10, 10, 50, 50)), SceneObject("dog", [], (70, 10, 100, 50))], size=(128, 128)),
    SceneGraph([SceneObject("ball", ["striped"], (1, 1, 9, 9))], size=(128, 128)),
]  # fmt: skip


def made(seed: int = 0, **changes):
    graphs = [said_of_scene(hx.parse_sentence(text)) for text in SENTENCES]
    vocabulary = said_vocabulary(graphs)
    config = TrailConfig(
        region_width=5, vocabulary=len(vocabulary["words"]), said=len(vocabulary["predicates"]), seen=len(SEEN), width=6, vector_width=7,
        relation_width=3, **{"hidden": 4, **changes},
    )  # fmt: skip
    torch.manual_seed(seed)
    model = TRAIL(config, {"said": vocabulary}).eval()
    with torch.no_grad():  # every part counts, and differently
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return model, encode_said(graphs, vocabulary)


def image_side(model, scene, regions):
    seen = torch.tensor([[r.subject, SEEN.index(r.predicate), r.object] for r in scene.relations], dtype=torch.int64).reshape(-1, 3)
    return regions, torch.tensor([len(regions)]), seen, torch.tensor([len(seen)])


@pytest.fixture(scope="module")
def features():
    torch.manual_seed(3)
    return [torch.randn(len(scene.objects), 5) for scene in SCENES]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"looks": "words"},
        {"edges": "none"},
        {"edges": "no-bindings"},
        {"edges": "no-relations"},
        {"counting": False},
        {"hidden": 0},
        {"score_regions": False, "score_vector": False, "score_sizes": False},
        {"match": "cosine", "looks": "all"},
    ],
)
def test_comparing_all_with_all_equals_the_steps_on_every_pair_graph(changes, features):
    model, said = made(**changes)
    sides = [image_side(model, scene, rows) for scene, rows in zip(SCENES, features, strict=True)]
    joined = (torch.cat(part) for part in zip(*sides, strict=True))
    with torch.no_grad():
        fast = model.compare(model.images(*joined), model.sentences(said.take(range(len(SENTENCES)))))
        for row, (scene, rows) in enumerate(zip(SCENES, features, strict=True)):
            for column, text in enumerate(SENTENCES):
                graph = hx.build_graph(scene, hx.parse_sentence(text))
                assert torch.allclose(model(graph, rows), fast[row, column], atol=1e-4), (row, text)
                alone = model.compare(model.images(*sides[row]), model.sentences(said.take([column])), pairs=True)
                assert torch.allclose(alone[0], fast[row, column], atol=1e-4)


def naive(model: TRAIL, said: SaidBatch, regions, seen) -> float:
    """(1) to (9) of one pair, word by word and region by region, in plain numbers."""
    states = {name: value.tolist() for name, value in model.word_states(said).items()}
    looks = [i for i, yes in enumerate(model.looks(said).tolist()) if yes]
    for name, before in {name: [list(row) for row in rows] for name, rows in states.items()}.items():
        for u, v in said.describes.T.tolist():
            states[name][v] = [a + b for a, b in zip(states[name][v], before[u], strict=True)]
    k, h = (x.tolist() for x in model.region_states(regions, torch.tensor([len(regions)])))
    nothing = math.exp(float(model.nothing.logit))

    def dot(x, y):
        return sum(a * b for a, b in zip(x, y, strict=True))

    match = [[dot(q, key) for key in k] for q in states["q"]]
    share = [[math.exp(a) / (nothing + sum(map(math.exp, row))) for a in row] for row in match]
    missing = float(model.nothing.missing)
    found = [dot(row, a) + (1 - sum(row)) * missing for row, a in zip(share, match, strict=True)]
    importance = [math.exp(states["p"][i][0]) for i in looks]
    words = math.sqrt(len(looks)) * sum(p * found[i] for p, i in zip(importance, looks, strict=True)) / sum(importance)
    best = [max(match[i][b] for i in looks) for b in range(len(k))]
    relations = 0.0
    for i, p, j in said.relations.T.tolist():
        for b, q, c in seen.tolist():
            relations += share[i][b] * share[j][c] * dot(model.said.weight[p].tolist(), model.seen.weight[q].tolist())
    numbers = 0.0
    for i in looks:
        number = int(said.numbers[i])
        if number > 1:
            slope, level = float(model.counting.slope), float(model.counting.level)
            seen_number = min(sum(1 / (1 + math.exp(-(slope * a + level))) for a in match[i]), 5)
            low = int(seen_number)
            table = model.counting.table[min(number, 4)].tolist()
            numbers += table[low] * (1 - seen_number + low) + table[low + 1] * (seen_number - low)
    mean = [sum(column) / len(looks) for column in zip(*(states["g"][i] for i in looks), strict=True)]
    other = [sum(column) / len(h) for column in zip(*h, strict=True)]
    cosine = dot(mean, other) / math.sqrt(dot(mean, mean) * dot(other, other))
    parts = dict(zip(PARTS, (words, sum(best) / len(best), relations, numbers), strict=True))
    stated = said.relations.shape[1]
    sizes = float(model.sizes.things[min(stated, 1), min(len(looks), 5), min(len(k), 9)])
    sizes += float(model.sizes.relations[min(stated, 3), min(int(math.log2(len(seen) + 1)), 5)])
    vector = math.exp(float(model.sharpness)) * cosine * model.config.score_vector
    parts["regions"] *= model.config.score_regions
    return 10 * sizes + vector + sum(float(w) * parts[n] for w, n in zip(model.weights, PARTS, strict=True))


def test_the_score_equals_a_naive_reference(features):
    model, said = made()
    with torch.no_grad():
        for scene, rows in zip(SCENES, features, strict=True):
            side = image_side(model, scene, rows)
            for column in range(len(SENTENCES)):
                batch = said.take([column])
                score = model.compare(model.images(*side), model.sentences(batch))[0, 0]
                assert float(score) == pytest.approx(naive(model, batch, rows, side[2]), abs=1e-3)


def test_every_parameter_learns(features):
    model, said = made()
    sides = [image_side(model, scene, rows) for scene, rows in zip(SCENES, features, strict=True)]
    scores = model.compare(model.images(*(torch.cat(part) for part in zip(*sides, strict=True))), model.sentences(said.take(range(5))))
    (scores * torch.randn_like(scores)).sum().backward()
    idle = [name for name, p in model.named_parameters() if p.numel() and (p.grad is None or not p.grad.abs().sum())]
    assert not idle


def test_without_typed_edges_an_exchange_changes_nothing_and_with_them_it_does(features):
    texts = ["a red bird on a green box", "a green bird on a red box", "a green box on a red bird"]
    for edges, differs in (("typed", True), ("none", False)):
        model, _ = made(edges=edges)
        said = encode_said([said_of_scene(hx.parse_sentence(text)) for text in texts], model.vocab["said"])
        with torch.no_grad():
            scores = model.compare(model.images(*image_side(model, SCENES[0], features[0])), model.sentences(said.take(range(3))))[0]
        assert (scores.max() - scores.min() > 1e-3) == differs
        if not differs:
            assert torch.allclose(scores, scores[:1].expand(3), atol=1e-5)


def test_the_printed_recipe_is_what_runs_and_a_trace_shows_every_share(features):
    model, _ = made()
    graph, states = model.pair(hx.build_graph(SCENES[0], hx.parse_sentence(SENTENCES[0])), features[0])
    trace = model.recipe.trace(graph, states)
    names = [step.name for step in model.recipe.steps]
    assert "said relations look for seen ones" in names and all(name.split()[0] in str(model.recipe) for name in names)
    shares = trace.table(step=names.index("words look at regions") + 1)
    sums = shares.groupby("destination_node")["weight"].sum()
    assert (sums > 0).all() and (sums < 1).all()  # the rest found nothing
    assert torch.allclose(model.pair_score(trace.states), model(hx.build_graph(SCENES[0], hx.parse_sentence(SENTENCES[0])), features[0]))


def test_the_graph_of_a_scene_says_the_same_as_the_scene():
    for text in SENTENCES:
        scene = hx.parse_sentence(text)
        assert said_of_graph(hx.build_graph(SCENES[0], scene)) == said_of_scene(scene)


def test_saved_and_loaded_models_agree(tmp_path, features):
    model, said = made()
    again = TRAIL.from_pretrained(model.save_pretrained(tmp_path / "model"))
    side = image_side(model, SCENES[0], features[0])
    with torch.no_grad():
        scores = [some.compare(some.images(*side), some.sentences(said.take([0, 1]))) for some in (model, again)]
    assert torch.equal(*scores)


def test_impossible_settings_are_refused():
    for changes, message in (
        ({"edges": "many"}, "edges is 'many'"), ({"width": 0}, "width is 0"), ({"temperature": 0.0}, "temperature is 0"),
        ({"symbols": False}, "no vector at all"), ({"region_dropout": 1.0}, "region_dropout is 1.0"),
    ):  # fmt: skip
        with pytest.raises(InputError, match=message):
            TrailConfig(**changes)
    model, _ = made()
    with pytest.raises(InputError, match="features of 2 regions, but the graph has 3"):
        model.pair(hx.build_graph(SCENES[0], hx.parse_sentence("a dog")), torch.zeros(2, 5))
