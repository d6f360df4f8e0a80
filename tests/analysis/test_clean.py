"""A cleaned corpus lacks what was found, says so, and is a data set and an export like any other."""

from __future__ import annotations

import csv

import numpy as np
import pandas as pd
import pytest
from small_corpus import small_corpus

import hetero_xmodal as hx
from hetero_xmodal.analysis import findings
from hetero_xmodal.analysis.clean import without_findings

COLUMNS = ("kind", "unit", "id", "other_id", "score", "reason")


def rows(*found) -> pd.DataFrame:
    return pd.DataFrame(found, columns=COLUMNS)


@pytest.fixture
def corpus(tmp_path):
    small_corpus(tmp_path / "images").save(tmp_path / "corpus")
    return hx.GraphCorpus.load(tmp_path / "corpus")


@pytest.fixture
def planted(corpus, monkeypatch):
    """A suspicious pair, a double of a sentence and a leaked image, said to have been found."""
    dogs = corpus.frame(unit="image")["id"][1]
    monkeypatch.setattr(findings, "suspects", lambda corpus: rows(("suspect", "pair", "pair-0", "", 0.9, "=its words are elsewhere")))
    monkeypatch.setattr(findings, "doubles", lambda corpus: rows(("double", "sentence", "pair-1", "pair-0", 1.0, "equal text")))
    monkeypatch.setattr(findings, "leaks", lambda corpus: rows(("leak", "image", dogs, "other", 0.98, "in val too")))


def test_what_was_found_is_gone_and_listed_with_its_reason(corpus, planted, tmp_path):
    removed = hx.clean(corpus, tmp_path / "cleaned", drop=["suspects", "doubles"])
    kept = hx.GraphCorpus.load(tmp_path / "cleaned").check()
    assert kept.ids == ["pair-2", "pair-3"]
    # the sentence of a suspicious pair stays, without a pair; that of a double goes, with its pair
    assert (kept.num_images, kept.num_sentences) == (3, 4)
    assert removed[["kind", "unit", "id"]].values.tolist() == [
        ["suspect", "pair", "pair-0"], ["double", "sentence", "pair-1"], ["pair of", "pair", "pair-1"]
    ]  # fmt: skip
    written = list(csv.DictReader((tmp_path / "cleaned" / "removed.csv").open(encoding="utf-8", newline="")))
    assert [row["reason"] for row in written] == ["'=its words are elsewhere", "equal text", "its sentence was removed"]
    assert kept.info["cleaned"] == {"dropped": ["suspects", "doubles"], "pairs_before": 4, "findings": {"suspect": 1, "double": 1}}
    assert hx.GraphCorpus.load(tmp_path / "corpus").ids == ["pair-0", "pair-1", "pair-2", "pair-3"]


def test_a_cleaned_corpus_is_a_data_set_and_is_exported_and_cleaned_again(corpus, planted, tmp_path):
    hx.clean(tmp_path / "corpus", tmp_path / "cleaned", drop=["leaks"])
    source = hx.data.open_source(f"corpus:{tmp_path / 'cleaned'}")
    assert [len(record.texts()) for record in source.records] == [2, 0] and {"images", "captions", "labels"} <= source.gives
    assert len(hx.read_parquet(hx.export(tmp_path / "cleaned", tmp_path / "tables", to="parquet"))) == 2
    hx.clean(tmp_path / "corpus", tmp_path / "cleaned", drop=["suspects"])  # the earlier result is replaced
    assert len(hx.GraphCorpus.load(tmp_path / "cleaned")) == 3


def test_the_sentences_of_a_removed_image_go_with_it(corpus, planted, tmp_path):
    """By hand: the image of the dogs has two sentences, which no other image has; a sentence that had no image before stays."""
    removed = hx.clean(corpus, tmp_path / "cleaned", drop=["leaks"])
    kept = hx.GraphCorpus.load(tmp_path / "cleaned")
    assert (kept.num_images, kept.num_sentences, kept.num_pairs) == (2, corpus.num_sentences - 2, 2)
    assert removed[["kind", "unit", "id", "reason"]].values.tolist()[1:] == [
        ["pair of", "pair", "pair-2", "its image was removed"], ["pair of", "pair", "pair-3", "its image was removed"],
        ["sentence of", "sentence", "pair-2", "its image was removed"], ["sentence of", "sentence", "pair-3", "its image was removed"],
    ]  # fmt: skip


def test_images_of_one_id_are_told_apart(tmp_path):
    """The pairs of an image in two corpora, joined: the image is there twice with one id, and the second one is the double."""
    whole = small_corpus(tmp_path / "images")
    joined = hx.concat([whole.subset([0, 2]), whole.subset([1, 3])])
    ids = joined.frame(unit="image")["id"].tolist()
    assert ids == [ids[0], ids[1]] * 2
    removed = hx.clean(joined, tmp_path / "cleaned", drop=["doubles"])
    kept = hx.GraphCorpus.load(tmp_path / "cleaned")
    assert kept.ids == ["pair-0", "pair-2"] and (kept.num_images, kept.num_sentences) == (2, 2)
    assert (removed["unit"] == "image").sum() == 2
    header = (tmp_path / "cleaned" / "removed.csv").read_text(encoding="utf-8").splitlines()[0]
    assert header == ",".join(COLUMNS) == ",".join(removed.columns)
    with pytest.raises(hx.InputError, match=f"the image '{ids[0]}' was found, but 2 images of the corpus have that id"):
        without_findings(joined, rows(("double", "image", ids[0], "", 1.0, "")))


def test_what_a_double_is_like_stays(tmp_path):
    """Four images, each like the one before it and the last unlike the first: the second goes, for the first; the third would be like it
    alone, and stays; the fourth goes for the third."""
    from hetero_xmodal.analysis import doubles_and_leaks

    corpus = small_corpus(tmp_path / "images")
    graph = corpus[0]
    four = hx.GraphCorpus.from_graphs([graph] * 4, ids=list("abcd"), images=[f"{n}.png" for n in "abcd"], splits=["train"] * 4)
    near = (np.array([1, 2, 3]), np.array([0, 1, 2]), np.full(3, 0.95), np.full(3, 0.95))

    class Copies:
        read = np.ones(4, bool)

        def __init__(self, paths):
            pass

        def near(self):
            return near

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(doubles_and_leaks, "SmallCopies", Copies)
        found = findings.doubles(four)
    images = found[found["unit"] == "image"]
    assert images[["id", "other_id"]].values.tolist() == [["b.png", "a.png"], ["d.png", "c.png"]]


def test_images_that_cannot_be_compared_are_counted(tmp_path):
    corpus = small_corpus(tmp_path / "images")
    (tmp_path / "images" / "dogs.jpg").write_bytes(b"no image")
    (tmp_path / "images" / "cat.png").unlink()
    for drop in ("doubles", "leaks"):
        with pytest.warns(UserWarning, match="2 of 3 images have no file that can be read, and were not compared"):
            hx.clean(corpus, tmp_path / "cleaned", drop=[drop])


def test_refusals(corpus, planted, tmp_path):
    for drop, out, words in (
        (["suspect"], "new", "did you mean 'suspects'"), ([], "new", "drop is empty"), (["leaks"], "corpus", "the corpus itself"),
        (["leaks", "suspects", "doubles"], "new", "nothing would be left"),
    ):  # fmt: skip
        with pytest.raises(hx.InputError, match=words):
            hx.clean(tmp_path / "corpus", tmp_path / out, drop=drop)
    assert not (tmp_path / "new").exists()
    with pytest.raises(hx.InputError, match="image 'nobody' was found"):
        without_findings(corpus, rows(("leak", "image", "nobody", "", 1.0, "")))
