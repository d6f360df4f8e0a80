"""The sentence parser by kinds of sentence, and texts that once took minutes."""

from __future__ import annotations

import sys
from itertools import pairwise
from pathlib import Path

import pytest

import hetero_xmodal as hx
from hetero_xmodal.errors import InputError
from hetero_xmodal.parsers.preprocess import WORDS_AND_MARKS, cut_marks, is_plural, prepare
from hetero_xmodal.parsers.reading import MAX_RELATIONS
from hetero_xmodal.parsers.sentence import MAX_WORDS, check_text, load_parser, parse_sentence, parse_sentences
from hetero_xmodal.scenes import SceneGraph


def facts(scene: SceneGraph) -> set[tuple[str, ...]]:
    names = [thing.name for thing in scene.objects]
    found: set[tuple[str, ...]] = {(name,) for name in names}
    found |= {(thing.name, attribute) for thing in scene.objects for attribute in thing.attributes}
    return found | {(names[r.subject], r.predicate, names[r.object]) for r in scene.relations}


def by_kind() -> dict[str, list[tuple[str, str]]]:
    """Kind -> (sentence, graph), from the file beside this one."""
    kinds: dict[str, list[tuple[str, str]]] = {}
    lines = (Path(__file__).parent / "sentences_by_kind.txt").read_text(encoding="utf-8").splitlines()
    for line, following in pairwise([*lines, ""]):
        if line.startswith("# "):
            kind = kinds.setdefault(line[2:], [])
        elif following.startswith("    "):
            kind.append((line, following.strip()))
    return kinds


KINDS = by_kind()


def test_there_are_sentences_of_every_kind():
    assert len(KINDS) == 23 and all(len(sentences) >= 5 for sentences in KINDS.values())


@pytest.mark.parametrize("kind", KINDS)
def test_graphs_of_sentences_of_one_kind(kind):
    sentences = [sentence for sentence, _ in KINDS[kind]]
    wrong = []
    for (sentence, graph), scene in zip(KINDS[kind], parse_sentences(sentences), strict=True):
        scene.check()
        said, true = facts(scene), facts(SceneGraph.from_factual(graph))
        if said != true:
            wrong.append(f"{sentence!r}: missing {sorted(true - said)}, not true {sorted(said - true)}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("two small birds perch on a wire", "two small birds sit on a wire ."),
        ("the grass grows by a bus stop", "the grass grows by a bus stop ."),  # neither "grass" nor "bus" is a plural
        ("people watch a dog jump over a fence", "a people see a dog go over a fence ."),
        ("put the cup on the table", "you put the cup on the table ."),
        ("set of plates", "a set of plates ."),
        ("please put the cup on the table", "you put the cup on the table ."),
    ],
)
def test_what_the_model_reads(text, read):
    prepared = prepare(load_parser().nlp, text)
    assert " ".join(prepared.words) == read
    assert [w for w in parse_sentence(text).tokens if w.text not in text] == [], "the tokens are those of the sentence"


def test_how_many_things_a_dozen_is():
    for text, number in [("two dozen roses", 24), ("a dozen eggs", 12), ("several dozen eggs", -1), ("dozens of eggs", -1)]:
        [thing] = parse_sentence(text).objects
        assert (thing.number, thing.attributes) == (number, [str(number)] if number > 0 else [])


def test_plurals():
    assert [word for word in ("birds", "people", "grass", "bus", "tennis", "is", "gas") if is_plural(word)] == ["birds", "people"]


# ------------------------------------------------------------------------------------------------- work per sentence


ODD = {
    "one long word": "a" * 20_000,
    "a name in brackets": "(" * 29 + "a" * 5000,
    "marks in pieces": " ".join("(" * 50 for _ in range(50)),
    "quotes": "'" * 2_500,
    "underscores": "_" * MAX_WORDS,
    "parts of parts": "tree branch " * 1_000,
    "lists with each other": "a dog " + "and a cat " * 300 + " sits on a mat " + "and a bed " * 300,
    "deep nesting": "a man " + "that the man saw " * 700,
    "lists after with": "a man with " + "a hat, " * 900,
    "comparisons": "bigger than a dog " * 700,
    "absolute clauses": "a man sits, a dog running, " * 300,
    "denied nouns": "a dog, not a cat, " * 400,
    "clauses that are seen": "a man watching a dog run sees a bird fly " * 250,
    "sides": "a dog left of a cat right of " * 300,
    "instructions": "put the cup on the table " * 500,
}


@pytest.mark.parametrize("text", ODD.values(), ids=ODD)
def test_the_work_on_a_sentence_is_bounded(text):
    """The rules call a few hundred functions a word at most, and the tokenizer gets no piece with many marks."""
    assert all(len(WORDS_AND_MARKS.findall(piece)) <= 60 for part in text.split() for piece in cut_marks(part).split())
    parse_sentence("a dog")
    calls = 0

    def count(frame, event, argument):
        nonlocal calls
        calls += event == "call" and "hetero_xmodal" in frame.f_code.co_filename

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        scene = parse_sentence(text)
    finally:
        sys.setprofile(before)
    assert calls <= 10_000 + 400 * len(scene.tokens)
    assert len(scene.relations) <= MAX_RELATIONS
    scene.check()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("(" * 20_000, "20000 words and marks"),
        (", " * 9_999, "9999"),
        ("of the " * 2_500, "5000 words"),
        ("a" * 100_000, "100000 characters"),
    ],
)
def test_a_text_with_thousands_of_words_is_refused_before_work(text, found, monkeypatch):
    monkeypatch.setattr(hx.parsers.sentence, "prepare", lambda *a: pytest.fail("work has begun"))
    with pytest.raises(InputError, match=rf"sentence has {found}.* at most .* give one caption at a time"):
        parse_sentence(text)


def test_long_runs_of_marks_are_cut_and_captions_are_not():
    assert cut_marks("(" * 100) == " ".join("(" * 100)
    for piece in ("well-known", "http://example.org/a/b-c_d?e=f&g=" + "h" * 100, "(((red)))", "...", ":-)"):
        assert cut_marks(piece) == piece
    assert check_text("word " * MAX_WORDS, "sentence")


def test_a_text_with_too_many_relations_says_so():
    scene = parse_sentence("a dog " + "and a cat " * 300 + " sits on a mat, " + "a bed and " * 300 + " a sofa")
    assert scene.source["note"] == "more than 10000 relations" and not scene.objects
