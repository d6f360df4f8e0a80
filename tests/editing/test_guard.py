"""What already is as it is asked to be stays as it is, bit for bit; what is not is edited."""

from __future__ import annotations

from dataclasses import replace

import pytest

import hetero_xmodal as hx
from hetero_xmodal.data.tasks.editing import load_pairs
from hetero_xmodal.editing.guard import decide
from hetero_xmodal.editing.mimnet import edit_by_memory, load_memory_model
from hetero_xmodal.editing.pipeline import load_manipulation_model, manipulate_pairs
from hetero_xmodal.scenes import SceneGraph, SceneObject


def scene(*things: tuple[str, str]) -> SceneGraph:
    """Things in a row, each "name" with "attribute attribute"."""
    objects = [SceneObject(name, values.split(), box=(20 * k, 10, 20 * k + 15, 30)) for k, (name, values) in enumerate(things)]
    return SceneGraph(objects=objects, size=(100, 60))


@pytest.mark.parametrize(
    ("things", "sentence", "subject"),
    [
        ([("box", "black checked"), ("box", "small black")], "the small box is plain instead of checked", None),
        ([("cup", "large green"), ("cup", "red")], "the large cup is green instead of red", None),
        ([("cup", "green"), ("cup", "red")], "the cup is green instead of red", 1),  # the green one is not meant
        ([("cup", "green"), ("cup", "red")], "the cup is green", None),
        ([("dog", "green"), ("ball", "black")], "a dog instead of the green ball", None),
        ([("dog", "red"), ("ball", "black")], "a dog instead of the green ball", 1),  # it is the only ball, read wrongly perhaps
        ([("dog", "green"), ("ball", "green")], "a dog instead of the green ball", 1),
    ],
)
def test_what_already_is_so(things, sentence, subject):
    decision = decide(scene(*things), sentence)
    assert ([step.subjects for step in decision.steps] or [None])[0] == (None if subject is None else (subject,)), decision.reason
    assert bool(decision.reason) == (subject is None)


@pytest.mark.parametrize(
    ("sentence", "reason"),
    [
        ("Exchange the dog and the ball.", "the model has never seen 'exchange', and the form of the sentence is not known"),
        ("There are three dogs.", "the model has never seen 'three'"),
        ("Make the dog bigger.", "the size of the dog cannot be changed"),
    ],
)
def test_what_no_model_can_do_is_not_painted(sentence, reason):
    known = ["the", "and", "are", "there", "dog", "dogs", "ball", "red", "make"]
    decision = decide(scene(("dog", "red"), ("ball", "black")), sentence, known=known)
    assert not decision.steps and decision.reason.startswith(reason) and "the image was left as it is" in decision.reason


def test_a_free_sentence_of_known_words_goes_to_the_model():
    decision = decide(scene(("dog", "red")), "the dog and the ball", known=["the", "and", "dog", "ball"])
    assert [step.sentence for step in decision.steps] == ["the dog and the ball"] and not decision.reason


@pytest.mark.parametrize("world", ["birds", "scenes"])
def test_an_image_that_is_as_asked_comes_back_bit_for_bit(world):
    pairs = list(load_pairs(f"world/{world}", "val", size=24, image_size=64))
    already = [replace(pair, image=pair.edited_image) for pair in pairs]
    model = load_manipulation_model(world)
    for given, wanted in ((already, True), (pairs, False)):
        made = manipulate_pairs(model, given, beam=1)[0]
        same = [pair.image.tobytes() == image.tobytes() for pair, image in zip(given, made, strict=True)]
        assert sum(one == wanted for one in same) >= 0.9 * len(same)
    attributes = [pair for pair in already if pair.kind == "attribute"]
    made = edit_by_memory(load_memory_model(world), attributes)
    assert sum(p.image.tobytes() == m.tobytes() for p, m in zip(attributes, made, strict=True)) >= 0.8 * len(attributes)


@pytest.mark.parametrize("recipe", ["cam", "mimnet"])
def test_a_colour_that_a_model_does_not_know_becomes_the_nearest_basic_one_and_the_result_says_so(recipe):
    bird = hx.load_dataset("world/birds", "test", size=1)[0]
    options = {"image_scene": bird.scene, "beam": 1} if recipe == "cam" else {}
    own, basic = (hx.manipulate(bird.image, f"Paint its wings {name}.", recipe=recipe, **options) for name in ("turquoise", "blue"))
    note = "turquoise is painted as blue, the nearest basic colour"
    assert own.image.tobytes() == basic.image.tobytes() != bird.image.tobytes()
    assert note in own.notes and note not in basic.notes


def test_a_model_that_knows_the_word_is_given_it():
    dog = SceneGraph(objects=[SceneObject("dog", ["red"], box=(6, 43, 24, 56))], size=(64, 64))
    assert decide(dog, "The dog is navy blue.", known=["navy", "blue"]).notes == ()
    assert decide(dog, "The dog is navy blue.", known=["blue"]).notes == ("navy blue is painted as blue, the nearest basic colour",)
    assert decide(dog, "The dog is dotted.").notes == decide(dog, "The dog is grey.").notes == ()
    assert "already is red (the basic colour nearest to maroon)" in decide(dog, "The dog is maroon.").reason
