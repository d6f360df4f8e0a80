"""The pointer decoder writes nothing that is in neither instruction nor image, and what it learns from is right by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from hetero_xmodal.data.tasks.editing import load_pairs
from hetero_xmodal.editing.pipeline import load_manipulation_model, manipulate_pairs
from hetero_xmodal.editing.sentences import with_articles
from hetero_xmodal.errors import InputError
from hetero_xmodal.metrics.statements import judge_statements
from hetero_xmodal.networks.pointer_decoder import FLAGS, Candidates, PointerDecoder
from hetero_xmodal.parsers.sentence import parse_sentence
from hetero_xmodal.scenes import SceneGraph, SceneObject, SceneRelation
from hetero_xmodal.training.editing.pointer import FORMS, candidates, exercise, steps


@pytest.fixture
def scene() -> SceneGraph:
    things = [SceneObject("box", ["large", "purple"], box=(2, 2, 30, 30)), SceneObject("dog", ["red", "dotted"], box=(40, 30, 60, 60))]
    return SceneGraph(objects=things, relations=[SceneRelation(0, "left of", 1), SceneRelation(1, "right of", 0)], size=(64, 64))


def words_and_candidates(text, scene):
    parsed = parse_sentence(text)
    words = [token.text.lower() for token in parsed.tokens]
    return words, candidates(words, scene, parsed)


def test_what_may_be_written(scene):
    words, some = words_and_candidates("the large box is to the right of the dog", scene)
    emitted = {(one.text, one.row - len(words)) for one in some if one.row >= len(words)}
    assert emitted == {
        ("box", 0), ("large", 0), ("purple", 0), ("plain", 0), ("dog", 1), ("red", 1), ("dotted", 1),
        ("to the left of", 0), ("to the right of", 1),
    }  # fmt: skip
    assert [one.text for one in some if one.place >= 0] == words
    assert all(len(one.flags) == FLAGS for one in some)
    _, some = words_and_candidates("no dog", scene)
    assert not any("of" in one.text for one in some)  # one bridge, no relation to speak of


def test_exercises_say_what_the_image_says(scene):
    rng = np.random.default_rng(0)
    for form in FORMS:
        seen = set()
        for _ in range(40):
            one = exercise(scene, form, ["box", "dog", "car"], rng)
            words, some = words_and_candidates(one.instruction, scene)
            taken = steps(one.target, some, len(words))
            assert taken is not None and taken[0][-1] == 0 and all(c in right for c, right in zip(*taken, strict=True))
            text = " ".join(some[c].text for c in taken[0][:-1])
            seen.add(text)
            if form in ("remove", "replace"):
                assert text in ("there is a box", "there is a dog")
            elif form == "true":
                assert text == one.instruction
            elif form == "move":
                assert "box is to the left of the" in text or "dog is to the right of the" in text
            else:
                assert text.split()[-1] in ("purple", "plain", "red", "dotted") and text != one.instruction
        assert len(seen) > 1
    assert exercise(SceneGraph(objects=[SceneObject("cat"), SceneObject("cat")]), "remove", ["cat"], rng) is None


def test_pads_change_nothing_and_generation_follows_the_logits():
    torch.manual_seed(0)
    decoder = PointerDecoder(6, 4, hidden=16).eval()
    kind, row, place = torch.tensor([[0, 2, 2, 3]]), torch.tensor([[-1, 0, 1, 2]]), torch.tensor([[-1, 0, 1, -1]])
    some = Candidates(torch.ones(1, 4, dtype=torch.long), kind, row, place, torch.rand(1, 4, FLAGS))
    vectors, memory, relevance = torch.rand(1, 4, 4), torch.rand(1, 3, 6), torch.rand(1, 3)
    chosen = torch.tensor([[1, 3, 0]])
    plain = decoder.logits(some, vectors, memory, relevance, chosen)

    def pad(x, n, v):
        return torch.cat([x, torch.full((1, n, *x.shape[2:]), v, dtype=x.dtype)], 1)

    wide = Candidates(pad(some.words, 2, 0), pad(kind, 2, -1), pad(row, 2, -1), pad(place, 2, -1), pad(some.flags, 2, 9.0))
    padded = decoder.logits(wide, pad(vectors, 2, 5.0), pad(memory, 3, 7.0), pad(relevance, 3, 0.5), chosen)
    assert torch.allclose(padded[..., :4], plain, atol=1e-5) and (padded.softmax(2)[..., 4:] == 0).all()
    low = decoder.logits(some, vectors, memory, relevance * torch.tensor([[1, 1, 0.01]]), chosen)
    assert (low[0, 0, 3] < plain[0, 0, 3] - 3) and torch.allclose(low[0, 0, 1], plain[0, 0, 1], atol=0.5)  # the gate M_S
    path = decoder.generate(some, vectors, memory, relevance, beam=1)[0]
    taken = decoder.logits(some, vectors, memory, relevance, torch.tensor([[*path, 0]]))[0].argmax(1).tolist()
    assert taken[: len(path)] == path


def test_sentences_of_the_shipped_model_say_what_the_images_say():
    pairs = list(load_pairs("world/scenes", "val", size=24, image_size=64))
    sentences = manipulate_pairs(load_manipulation_model("scenes"), pairs, beam=1)[1]
    scores = judge_statements(pairs, sentences)
    assert scores.changed >= 0.8 and scores.exact >= 0.7
    for pair, sentence in zip(pairs, sentences, strict=True):
        known = {"the", "a", "an", "is", "there", "and", "of", "to", "plain", "holding"} | set(pair.instruction.lower().split())
        known |= {word for thing in pair.scene.objects for word in (thing.name, *thing.attributes)}
        known |= {word for relation in pair.scene.relations for word in relation.predicate.split()}
        assert set(sentence.lower().split()) <= known, sentence


@pytest.mark.parametrize(
    ("kind", "sentence", "exact"),
    [
        ("attribute", "the large box is purple instead of green", 1.0),  # the instruction's value may be named as what it is not
        ("attribute", "the large purple box is green", 0.0),
        ("attribute", "the box is purple", 0.0),  # "large" was named and is true
        ("attribute", "the large box is purple and there is a car", 0.0),
        ("remove", "there is an umbrella", 1.0),
        ("remove", "no umbrella", 0.0),
        ("replace", "there is a dog", 1.0),
        ("replace", "there is a dog and a bench", 0.0),
    ],
)
def test_the_measure_by_hand(kind, sentence, exact):
    pairs = {pair.kind: pair for pair in load_pairs("world/scenes", "val", size=4)}
    assert judge_statements([pairs[kind]], [sentence]).exact == exact


def test_an_instruction_that_changes_nothing_is_to_be_kept():
    pair = next(iter(load_pairs("world/scenes", "val", size=1)))
    same = type(pair)(**{**vars(pair), "slots": tuple(slot for slot in pair.slots if not slot.changed)})
    scores = judge_statements([same], [pair.instruction.partition(" instead")[0]])
    assert np.isnan(scores.changed) and scores.kept == 1


def test_a_sentence_too_few_is_refused():
    pairs = list(load_pairs("world/scenes", "val", size=2))
    with pytest.raises(InputError, match="2 pairs but 1 sentences"):
        judge_statements(pairs, ["no umbrella"])
    assert with_articles(["a"]) == ["a"]
