"""SGM: its scores against a loop over things and relations, that relations matter, and that it learns."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from torch.nn import functional as F

import hetero_xmodal as hx
from hetero_xmodal.baselines.matching import SGM, SGMConfig
from hetero_xmodal.baselines.matching.neural import InputScale
from hetero_xmodal.baselines.matching.sgm import SceneGraphs
from hetero_xmodal.data.tasks.matching import load_matching_data
from hetero_xmodal.data.tasks.matching.said import SEEN, encode_said, said_vocabulary
from hetero_xmodal.errors import InputError
from hetero_xmodal.graphs.said import said_of_scene
from hetero_xmodal.metrics import recall_at_k

SENTENCES = ["A red bird is on a green box.", "two dogs", "The ball to the left of the dog is near a box.", "nothing"]


@pytest.fixture(scope="module")
def module():
    """A module with random weights, sentences of a vocabulary, and two images, one without relations."""
    graphs = [said_of_scene(hx.parse_sentence(text)) for text in SENTENCES]
    vocabulary = said_vocabulary(graphs)
    torch.manual_seed(0)
    scale = InputScale(np.random.default_rng(0).normal(size=(20, 5)).astype(np.float32), "each", 0.0)
    sizes = {"words": len(vocabulary["words"]), "predicates": len(vocabulary["predicates"])}
    made = SceneGraphs(scale, scale, SGMConfig(width=6, word_width=4), **sizes).eval()
    regions, counts = torch.randn(5, 5), torch.tensor([3, 2])
    seen = torch.tensor([[0, SEEN.index("on"), 1], [2, SEEN.index("left of"), 0], [1, SEEN.index("on"), 2]])
    return made, encode_said(graphs, vocabulary), (regions, counts, seen, torch.tensor([3, 0]))


def unit(x):
    return F.normalize(x, dim=0)


def test_scores_equal_a_loop_over_things_and_relations(module):
    made, said, (regions, counts, seen, seen_counts) = module
    with torch.no_grad():
        found = made.compare(made.images(regions, counts, seen, seen_counts), made.captions(said.take(range(len(SENTENCES)))))
        for image, rows in enumerate((regions[:3], regions[3:])):
            objects = [made.region_linear(made.regions(row[None]))[0] for row in rows]
            parts = [[objects[b], made.seen.weight[q], objects[c]] for b, q, c in (seen.tolist() if image == 0 else [])]
            relations = [unit(torch.tanh(made.relation(torch.cat(part)))) for part in parts]
            for k in range(len(SENTENCES)):
                batch = said.take([k])
                vectors = made.symbols(batch.symbols)
                states = made.sentence(vectors[None])[0][0].unflatten(1, (2, -1)).mean(1)
                things = [w for w, yes in enumerate(batch.objects.tolist()) if yes] or range(len(vectors))
                score = sum(max(float(unit(states[w]) @ unit(o)) for o in objects) for w in things) / len(things)
                stated = []
                for i, p, j in batch.relations.T.tolist():
                    last = made.triplet(torch.stack([vectors[i], made.said.weight[p], vectors[j]])[None])[1][0, 0]
                    stated.append(max((float(unit(last) @ r) for r in relations), default=0.0))
                score += sum(stated) / max(len(stated), 1)
                assert float(found[image, k]) == pytest.approx(score, abs=1e-5)


def test_what_is_seen_between_regions_matters_to_sentences_that_state_a_relation(module):
    made, said, (regions, counts, seen, seen_counts) = module
    turned = seen.flip(1)
    with torch.no_grad():
        captions = made.captions(said.take(range(len(SENTENCES))))
        one, other = (made.compare(made.images(regions, counts, some, seen_counts), captions)[0] for some in (seen, turned))
    assert not torch.isclose(one[[0, 2]], other[[0, 2]]).any() and torch.allclose(one[[1, 3]], other[[1, 3]])


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    sizes = {"train": 16, "val": 6, "test": 6}
    return load_matching_data("world/scenes", texts="trained:1", sizes=sizes, cache=tmp_path_factory.mktemp("cache"), progress=False)


def test_it_learns_pairs_by_heart_and_a_score_depends_on_its_pair_alone(data):
    method = SGM(SGMConfig(width=32, epochs=12, batch_size=40, learning_rate=1e-2, sum_epochs=12)).fit(data.train, data.train)
    scores = method.similarity(data.train)
    chance = recall_at_k(np.random.default_rng(0).random(scores.shape), data.train.image_of_caption)["rsum"]
    assert recall_at_k(scores, data.train.image_of_caption)["rsum"] > chance + 200
    method.block = (5, 7)
    np.testing.assert_allclose(method.similarity(data.train), scores, atol=1e-5)


def test_captions_without_texts_are_refused_in_one_sentence(data):
    without = dataclasses.replace(data.train, captions=())
    with pytest.raises(InputError, match="no texts of its captions"):
        SGM(SGMConfig(epochs=1)).fit(without, without)
