"""What instructions ask for: a list of wordings by kind, and properties that hold for all of them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from hetero_xmodal.data.tasks.editing import load_pairs
from hetero_xmodal.editing import instruction_words as words
from hetero_xmodal.editing.guard import plain
from hetero_xmodal.editing.instruction_phrases import clauses, family_of
from hetero_xmodal.editing.instructions import KINDS, parse_instruction
from hetero_xmodal.editing.plans import removes_or_replaces

LINES = [
    tuple(part.strip() for part in line.split("|"))
    for line in Path(__file__).with_name("instructions.txt").read_text(encoding="utf-8").splitlines()
    if line and not line.startswith("#")
]


def shown(sentence: str) -> str:
    """The requests in one line; of refused ones the target alone."""
    found = parse_instruction(sentence)
    return "; ".join(f"refused {r.target}".strip() if r.kind == "refused" else r.summary() for r in found)


@pytest.mark.parametrize("sign", ["🐦🔥", "❤️", "👩‍🎨", "→", "\u202e", "\u200b", "👍🏽", "©"])
def test_signs_that_are_no_words_are_not_read(sign):
    """A sentence from a chat often ends with one."""
    for sentence in (f"the bird has red wings {sign}", f"{sign} the bird has red wings", f"the bird has red wings{sign}."):
        assert shown(sentence) == shown("the bird has red wings") == "attribute wing: red"


def test_the_list_has_twelve_kinds_of_at_least_ten_wordings():
    counts = Counter(kind for kind, *_ in LINES)
    assert len(LINES) >= 160 and sum(count >= 10 for count in counts.values()) >= 11 and len(counts) >= 12


@pytest.mark.parametrize(("kind", "sentence", "expected"), LINES, ids=[line[1] for line in LINES])
def test_wordings(kind, sentence, expected):
    assert shown(sentence) == expected


@pytest.mark.parametrize(("kind", "sentence", "expected"), LINES[::3], ids=[line[1] for line in LINES[::3]])
def test_case_punctuation_and_politeness_change_nothing(kind, sentence, expected):
    bare = sentence.rstrip(".!?")
    assert shown(bare.upper()) == shown(bare + "!") == shown(f"  {bare}  ") == expected
    if kind in ("attribute", "remove", "replace", "move") and not sentence.lower().startswith(("please", "could", "can", "let", "i ")):
        assert shown(f"Please {bare[0].lower()}{bare[1:]}") == expected


def test_plain_words_say_the_same():
    """A request written in the plainest words is read as the same request."""
    checked = 0
    for _, sentence, _ in LINES:
        for request in parse_instruction(sentence):
            if request.kind in ("attribute", "remove", "replace", "move") and not request.every:
                again = parse_instruction(plain(request))
                assert len(again) == 1 and again[0].kind == request.kind and again[0].target == request.target, sentence
                assert (again[0].values, again[0].was, again[0].new, again[0].other, again[0].of) == (
                    request.values, request.was, request.new, request.other, request.of,
                ), sentence  # fmt: skip
                checked += 1
    assert checked > 80


@pytest.mark.parametrize(
    ("sentence", "value", "said"),
    [
        ("the bus is turquoise", "blue", "turquoise"), ("paint the car navy blue", "blue", "navy blue"),
        ("turn the wings sky-blue", "blue", "sky blue"), ("a dark red car instead of the bus", "red", "dark red"),
        ("Make the box royal blue.", "blue", "royal blue"), ("This bird has olive green wings.", "green", "olive green"),
        ("the dog is golden brown", "brown", "golden brown"), ("the box should be grey", "gray", "gray"),
        ("the box is reddish", "red", "reddish"), ("the box is very lovely blue", "blue", "blue"), ("paint the sky blue", "blue", "blue"),
    ],
)  # fmt: skip
def test_a_value_is_a_basic_term_and_remembers_its_own_name(sentence, value, said):
    (request,) = parse_instruction(sentence)
    (found,) = request.values
    assert (found, found.said) == (value, said)


def test_names_of_two_words_take_nothing_from_lists_and_things():
    assert "red and orange" in parse_instruction("the box is red, orange")[0].reason
    assert "red and orange" in parse_instruction("the box is red and orange")[0].reason
    assert [request.summary() for request in parse_instruction("make the grass green and the sky blue")] == [
        "attribute grass: green", "attribute sky: blue"]  # fmt: skip


def test_no_word_has_two_basic_terms():
    names = [name for family in words.FAMILIES.values() for basic, others in family.items() for name in (basic, *others)]
    assert [name for name, count in Counter(names).items() if count > 1] == []
    assert all(family_of(basic) == name for name, family in words.FAMILIES.items() for basic in family)


@pytest.mark.parametrize("data", ["world/birds", "world/scenes"])
def test_instructions_of_the_world_are_read_as_they_were_written(data):
    """Kind, thing and new value of every generated instruction."""
    for pair in load_pairs(data, "val", size=60):
        found = parse_instruction(pair.instruction)
        assert {request.kind for request in found} == {pair.kind}, pair.instruction
        if pair.kind == "attribute" and data == "world/scenes":
            (changed,) = [slot for slot in pair.slots if slot.changed]
            assert found[0].target == changed.thing and changed.after in found[0].values, pair.instruction
        if pair.kind in ("remove", "replace"):
            (changed,) = [slot for slot in pair.slots if slot.kind == "name" and slot.changed]
            assert found[0].target == changed.before and found[0].new == changed.after, pair.instruction


def test_clauses_and_hostile_sentences():
    assert clauses("Remove the dog and the cat; make the box red, and the ball blue.") == [
        "remove the dog and the cat", "make the box red, and the ball blue",
    ]  # fmt: skip
    for sentence in (
        "",
        " ",
        "...",
        "not",
        "no",
        "instead of",
        "the",
        "red",
        "🦜",
        "a" * 50_000,
        "the " * 5_000,
        "make " * 2_000,
        "((" * 5_000,
    ):
        assert all(request.kind in KINDS for request in parse_instruction(sentence))


def test_whether_a_sentence_removes_or_replaces():
    assert removes_or_replaces("Take away the lamp.") and removes_or_replaces("swap the cat for a dog")
    assert not removes_or_replaces("the belly is red instead of yellow") and not removes_or_replaces("no, the wings are red")


@pytest.mark.parametrize(
    "sentence",
    [
        "This bird has no red wings.", "The clock is never red.", "Neither the wings nor the belly are red.", "a bird without red wings",
        "This bird has hardly any red on its wings.", "The wings lack red.", "None of the boxes are red.", "The wings shall never be red.",
        "The bird has neither red wings nor a blue crown.", "a dog without a clock", "Put the cup anywhere but on the table.",
        "Paint the wings any colour except red.",
    ],
)  # fmt: skip
def test_what_is_denied_in_other_words_is_not_painted(sentence):
    (request,) = parse_instruction(sentence)
    assert request.kind == "refused" and "the sentence says what should not be" in request.reason


def test_a_denial_beside_a_request_leaves_the_request():
    assert [request.summary() for request in parse_instruction("No, make the wings red.")] == ["attribute wing: red"]
    kinds = [request.kind for request in parse_instruction("The clock is never red; paint the dog blue.")]
    assert kinds == ["refused", "attribute"]
