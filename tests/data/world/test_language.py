"""Captions of the default world: true, unambiguous, grammatical, and equal to the graph that comes with them."""

from __future__ import annotations

import re

import pytest

from hetero_xmodal.data import load_dataset
from hetero_xmodal.data.world.grammar import plural, with_article
from hetero_xmodal.parsers import world_vocabulary as v
from hetero_xmodal.parsers.world_vocabulary import canonical

NUMBERS = {"2": "two", "3": "three", "4": "four"}


@pytest.fixture(scope="module")
def scenes():
    return list(load_dataset("world/scenes", "test", size=250, seed=3))


@pytest.fixture(scope="module")
def some_birds():
    return list(load_dataset("world/birds", "test", size=120, seed=3))


def fitting(item, thing):
    """Indices of the image's objects that *thing* of a sentence could mean."""
    asked = {canonical(a) for a in thing.attributes if not a.isdigit()}
    return [i for i, o in enumerate(item.scene.objects) if o.name == canonical(thing.name) and asked <= set(o.attributes)]


def test_every_scene_caption_is_true_and_names_one_thing_only_where_it_relates(scenes):
    count_of_relations = 0
    for item in scenes:
        place = item.scene.source["place"]
        true = {(r.subject, r.predicate, r.object) for r in item.scene.relations}
        for scene in item.sentence_scenes:
            fits = [fitting(item, thing) for thing in scene.objects]
            for thing, found in zip(scene.objects, fits, strict=True):
                if thing.name == place:
                    continue
                count = next((int(a) for a in thing.attributes if a.isdigit()), 1)
                assert len(found) >= count, scene.text
            for r in scene.relations:
                if scene.objects[r.object].name == place or scene.objects[r.subject].name == place:
                    assert r.predicate in ("in", "on", "with")
                    continue
                (a,), (b,) = fits[r.subject], fits[r.object]  # exactly one thing fits each phrase
                assert (a, canonical(r.predicate), b) in true, scene.text
                count_of_relations += 1
    assert count_of_relations > 500


def test_every_bird_caption_is_true(some_birds):
    for item in some_birds:
        for scene in item.sentence_scenes:
            for r in scene.relations:
                assert scene.objects[r.subject].name == "bird"
                if scene.objects[r.object].name in v.BIRD_PLACES:
                    assert scene.objects[r.object].name == item.scene.source["place"]
                else:
                    assert canonical(r.predicate) == "have" and fitting(item, scene.objects[r.object]), scene.text
            assert fitting(item, next(o for o in scene.objects if o.name == "bird")), scene.text


def test_the_graph_holds_exactly_the_words_of_the_sentence(scenes, some_birds):
    names = {*v.CATEGORIES, *v.BIRD_PARTS, *v.SCENE_TYPES, *v.BIRD_PLACES, *v.CATEGORY_SYNONYMS, *v.PART_SYNONYMS}
    singular = {plural(n): n for n in names} | {n: n for n in names} | {"bird's": "bird"}
    digits = {word: digit for digit, word in NUMBERS.items()}
    for item in scenes + some_birds:
        for text, scene in zip(item.sentences, item.sentence_scenes, strict=True):
            assert scene.text == text
            scene.check()
            words = re.findall(r"[a-z']+", text.lower())
            nouns = [singular[w] for w in words if w in singular]
            assert sorted(nouns) == sorted(o.name for o in scene.objects), text
            attributes = [digits.get(w, w) for w in words if w in digits or v.attribute_kind(w)]
            assert sorted(attributes) == sorted(a for o in scene.objects for a in o.attributes), text


def test_captions_are_grammatical(scenes, some_birds):
    order = {"size": 0, "length": 0, "colour": 1, "pattern": 2}
    for item, count in [*((i, 5) for i in scenes), *((i, 10) for i in some_birds)]:
        assert len(set(item.sentences)) == len(item.sentences) == count
        for text in item.sentences:
            low = text.lower()
            assert not re.search(r"\ba [aeiou]", low) and not re.search(r"\ban [^aeiou]", low), text
            assert text[0].isupper() == text.endswith("."), text
            assert "  " not in text and " ," not in text
            assert not re.search(r"\b(child|kid|robot) with\b", low), "holding is never expressed by 'with'"
            words = re.findall(r"[a-z']+", low)
            for first, second in zip(words, words[1:], strict=False):
                a, b = order.get(v.attribute_kind(first)), order.get(v.attribute_kind(second))
                assert a is None or b is None or a < b, text
            for number, following in re.findall(r"\b(two|three|four) ((?:[a-z]+ )*?[a-z]+)(?=,|\.|$| and| with)", low):
                assert following.split()[-1] in {plural(c) for c in (*v.CATEGORIES, *v.CATEGORY_SYNONYMS)}, (number, text)
            for part in re.findall(r"\b(wings?) (is|are)\b", low):
                assert part == ("wings", "are"), text


def test_forms_vary(scenes, some_birds):
    text = " ".join(s for i in scenes + some_birds for s in i.sentences).lower()
    for wanted in (
        "there is", "to the left of", "on the right of", "next to", "on top of", "underneath", "is holding", "carries", "is held by",
        "that is",
        "two ", "in a kitchen, ", "on a beach, ", "a street with", "sitting on", "standing on", ", and ", "this bird has", "wings that are",
        "of this bird is", "bird's",
    ):  # fmt: skip
        assert wanted in text, wanted
    for word in (*v.CATEGORY_SYNONYMS, *v.PART_SYNONYMS, *v.SIZE_SYNONYMS, *v.PATTERN_SYNONYMS):
        assert re.search(rf"\b{word}", text), word


def test_no_colour_is_said_of_a_child(scenes):
    for item in scenes:
        for scene in item.sentence_scenes:
            for thing in scene.objects:
                if canonical(thing.name) == "child":
                    assert all(v.attribute_kind(a) in ("size", None) for a in thing.attributes)


def test_helpers():
    assert with_article("orange cup") == "an orange cup" and with_article("small cup") == "a small cup"
    assert [plural(n) for n in ("box", "child", "bench", "puppy", "dog")] == ["boxes", "children", "benches", "puppies", "dogs"]
