"""Spelling mistakes in captions, and the regular forms of words."""

from __future__ import annotations

import pytest

from hetero_xmodal.parsers.common_words import COMMON_WORDS
from hetero_xmodal.parsers.inflection import base_of_third_person, inflected, participle
from hetero_xmodal.parsers.sentence import load_parser, parse_sentence
from hetero_xmodal.parsers.spelling import Spelling
from hetero_xmodal.parsers.words import Lemmatizer


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("chiken", "chicken"),  # a letter is missing
        ("skiier", "skier"),  # one too many
        ("gilr", "girl"),  # two exchanged
        ("vegatables", "vegetables"),  # one is another
        ("carying", "carrying"),
        ("moutains", "mountains"),
        ("agianst", "against"),
        ("eatting", "eating"),  # rather than "hatting": the same letters
    ],
)
def test_one_letter_is_corrected(wrong, right):
    assert load_parser().spelling(wrong) == right
    assert load_parser().spelling(right) == right


@pytest.mark.parametrize(
    "word",
    "frisbee giraffe colour harbour grey wii kart pogo kayaker pointy bricked texting hoodie wetsuit amidst doughnut qwertz axe "
    "naïve t-shirt 4x4 café".split(),
)
def test_known_derived_short_and_odd_words_stay(word):
    assert load_parser().spelling(word) == word


def test_common_words_are_known_and_correct_to_themselves():
    parser = load_parser()
    assert len(set(COMMON_WORDS)) == len(COMMON_WORDS)
    assert all(parser.spelling(word) == word for word in COMMON_WORDS)


def test_tokens_stay_as_written_and_names_are_not_corrected():
    scene = parse_sentence("a Gilr holds a gilr and a baloon")
    assert [token.text for token in scene.tokens] == "a Gilr holds a gilr and a baloon".split()
    assert [thing.name for thing in scene.objects] == ["gilr", "girl", "balloon"]
    assert [scene.tokens[thing.head].text for thing in scene.objects] == ["Gilr", "gilr", "baloon"]


def test_without_a_dictionary_nothing_is_corrected():
    import spacy

    assert Spelling(Lemmatizer(spacy.blank("en")))("chiken") == "chiken"


def test_forms():
    bases = ("hop", "carry", "smile", "see", "lie", "clap")
    assert [participle(base) for base in bases] == ["hopping", "carrying", "smiling", "seeing", "lying", "clapping"]
    assert inflected("glass")[0] == "glasses" and inflected("key")[0] == "keys" and inflected("berry")[0] == "berries"
    forms = ("runs", "flies", "watches", "grass", "is", "bus", "lies")
    assert [base_of_third_person(form) for form in forms] == ["run", "fly", "watch", "", "", "", "lie"]
