"""Data sets of every kind, their pairs and corpora can be sent to other processes, as workers that are started anew need."""

from __future__ import annotations

import multiprocessing
import pickle
import warnings

import numpy as np
import pytest
import tiny_data

from hetero_xmodal.data import load_dataset, open_source
from hetero_xmodal.data.tasks.corpus import build_corpus
from hetero_xmodal.data.tasks.editing import load_pairs, with_held_out


def sent(value):
    return pickle.loads(pickle.dumps(value))


@pytest.mark.parametrize("form", tiny_data.FOLDERS)
def test_sources_and_what_they_give(form, tmp_path):
    name = tiny_data.FOLDERS[form](tmp_path / "d")
    source = open_source(name, cache=tmp_path / "c")
    again = sent(source)
    assert (again.name, again.splits, again.gives, len(again.records)) == (source.name, source.splits, source.gives, len(source.records))
    assert [record.texts() for record in again.records[:3]] == [record.texts() for record in source.records[:3]]
    if "images" in source.gives:
        for data in (source.items("all", 3), with_held_out(source).items("train", 3)):
            one, other = data[1], sent(data)[1]
            assert (one.id, one.sentences, one.scene, one.tags) == (other.id, other.sentences, other.scene, other.tags)
            assert np.array_equal(np.asarray(one.image), np.asarray(other.image))
    if "edits" in source.gives:
        pairs = load_pairs(name, "train", size=2)
        one, other = pairs[1], sent(pairs)[1]
        assert (one.id, one.instruction, one.scene) == (other.id, other.instruction, other.scene)
    if source.regions is not None:
        (regions, *_), (others, *_) = source.regions().values(), again.regions().values()
        assert np.array_equal(regions.features[:], others.features[:])
    if source.features is not None:
        assert np.array_equal(source.features().train.texts, again.features().train.texts)


def test_a_worker_that_is_started_anew_reads_the_same(tmp_path):
    name = tiny_data.FOLDERS["coco:FOLDER"](tmp_path / "d")
    data = load_dataset(name)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        item = pool.apply(data.__getitem__, (2,))
    assert item.sentences == data[2].sentences and item.scene == data[2].scene


def test_corpora(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        corpus = build_corpus("world/birds", tmp_path / "out", limit=1, sentences_per_image=1, scenes="true", progress=False)
    again = sent(corpus)
    assert len(again) == len(corpus) == 1 and again.ids == corpus.ids and again[0].num_nodes() == corpus[0].num_nodes()
