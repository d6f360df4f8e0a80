"""Queries of ``hx.show`` against counts by hand, and pages that hold texts as texts."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from small_corpus import SENTENCES, small_corpus

import hetero_xmodal as hx
from hetero_xmodal.explorer.cards import ExamplePages
from hetero_xmodal.explorer.search import Facts, parse_query


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return small_corpus(tmp_path_factory.mktemp("show"))


@pytest.mark.parametrize(
    "query, pairs, images, sentences",
    [
        ("horse", [0, 1], [], []),
        ("dining table", [2, 3], [], []),  # a name of two words; the image of the last pair shows it, its sentence does not say it
        ("red", [2, 3], [], []),
        ("red dog", [2, 3], [], []),
        ("brown horse", [0, 1], [], []),  # the image says so
        ("person ride horse", [0, 1], [], []),
        ("person riding horse", [0, 1], [], []),
        ("person * horse", [0, 1], [], []),
        ("* near dining table", [2, 3], [], []),
        ("triple:dog, near, dining table", [2, 3], [], []),
        ("triple:person, riding, horse", [0, 1], [], []),
        ("NOT triple:*, is riding, horse", [2, 3], [2], [4]),
        ("person AND NOT split:train", [], [], []),
        ("NOT horse", [2, 3], [2], [4]),  # the cat has no sentence, and one sentence no image
        ("person", [0, 1], [], [4]),
        ("cat", [], [2], []),
        ("label:animal+odd", [2, 3], [], []),
        ("NOT label:odd", [0, 1], [2], [4]),
        ("id:pair-3", [3], [], []),
        ("horse AND id:pair-1", [1], [], []),
        ("object:dog AND attribute:red", [2, 3], [], []),
        ("split:val", [2, 3], [], []),
    ],
)
def test_who_satisfies_a_query(corpus, query, pairs, images, sentences):
    found = Facts(corpus).find(parse_query(query))
    assert (found.pairs.tolist(), found.images.tolist(), found.sentences.tolist()) == (pairs, images, sentences)


@pytest.mark.parametrize(
    "query, words",
    {
        "hores": "no object, attribute or predicate 'hores' (did you mean 'horse'?)",
        "horse dog": "join several things by AND",
        "label:cow": "no label 'cow'",
        "colour:red": "give one of object:",
        "horse AND ": "has an empty clause",
        "NOT ": "has an empty clause",
        "triple:a, b": "with commas between",
        "triple:person, ride, hores": "the corpus has no object 'hores' (did you mean 'horse'?)",
        "triple:person, eat, horse": "the corpus has no predicate 'eat'",
        "id:pair-9": "the corpus has no id 'pair-9'",
        "NOT split:vall": "the corpus has no split 'vall' (did you mean 'val'?); its splits are train, val",
    }.items(),
)
def test_what_cannot_be_found_is_said(corpus, tmp_path, query, words):
    with pytest.raises(hx.InputError, match=re.escape(words)):
        hx.show(corpus, query, tmp_path / "page.html")
    assert not (tmp_path / "page.html").exists()


def test_the_page_marks_what_was_asked_for_and_holds_texts_as_texts(corpus, tmp_path):
    hx.show(corpus, "dog near dining table", tmp_path / "page.html", graphs=1)
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert page.count('class="hit"') == 3  # two dogs and the table
    assert ">dog</mark>" in page and "dog near dining table" in page
    assert "<b" not in page.split("<body>")[1] and "&lt;b</mark> onmouseover" in page
    assert "default-src 'none'" in page and "http" not in page.replace("http-equiv", "")
    hx.show(corpus, "horse AND id:pair-1", tmp_path / "other.html", graphs=0)
    assert "<script" not in (tmp_path / "other.html").read_text(encoding="utf-8")


def test_examples_of_a_table_are_sections_of_its_page_and_every_image_is_there_once(corpus, tmp_path):
    pages = ExamplePages(corpus)
    links = [
        pages.link("regions", 0, "dog <2>", unit="image", ids=[corpus.frame(unit="image")["id"][1]]),
        pages.link("regions", 7, "all", unit="pair", ids=corpus.ids),
        pages.link("words", 0, "person", unit="sentence", ids=["pair-4", "pair-0"]),
    ]
    pages.write(tmp_path)
    assert links == ["examples/regions.html#row-0", "examples/regions.html#row-7", "examples/words.html#row-0"]
    text = (tmp_path / "examples/regions.html").read_text(encoding="utf-8")
    assert 'id="row-0"' in text and 'id="row-7"' in text and "dog &lt;2&gt;" in text and text.count("<article") == 5
    assert {path.name for path in (tmp_path / "examples/images").iterdir()} == {"0.jpg", "1.jpg"}
    assert SENTENCES[4] in (tmp_path / "examples/words.html").read_text(encoding="utf-8")
    with pytest.raises(hx.InputError, match="needs a name of letters"):
        pages.link("../x", 0, "", unit="pair", ids=[])


def test_a_corpus_whose_sentences_name_nothing_is_searched_too(tmp_path):
    bird = hx.SceneGraph(objects=[hx.SceneObject("bird", ["red"], box=(0, 0, 9, 9))], size=(10, 10))
    corpus = hx.GraphCorpus.from_graphs([hx.build_graph(bird, hx.SceneGraph())], ids=["a"])
    assert hx.show(corpus, "red bird", tmp_path / "page.html", graphs=0).pairs.tolist() == [0]


def test_images_that_cannot_be_read_are_counted(tmp_path):
    corpus = small_corpus(tmp_path / "images")
    path = corpus.frame(unit="image")["path"].iloc[corpus.pair_ends()[0][0]]
    Path(path).write_bytes(b"torn")
    with pytest.warns(UserWarning, match="1 image cannot be read, and its place on the page stays empty"):
        hx.show(corpus, "horse", tmp_path / "page.html")
