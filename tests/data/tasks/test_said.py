"""Sentence graphs as flat arrays: batches by index arithmetic, exchanges, controls, and vectors found by the letters of words."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import hetero_xmodal as hx
from hetero_xmodal.data.tasks.matching import Regions
from hetero_xmodal.data.tasks.matching.pairs import Split, Words
from hetero_xmodal.data.tasks.matching.said import SEEN, encode_said, parse_said, read_seen, said_vocabulary, split_graphs, typed_edges
from hetero_xmodal.errors import InputError
from hetero_xmodal.graphs.said import said_of_scene
from hetero_xmodal.parsers.geometry import relations_between

TEXTS = ["a red bird on a green box", "two dogs and one ball", "the cup is small", "a dog near a large red cat"]


@pytest.fixture(scope="module")
def graphs():
    return parse_said(TEXTS, progress=False)


@pytest.fixture(scope="module")
def vocabulary(graphs):
    return said_vocabulary(graphs)


def read(batch, vocabulary):
    """A batch in words: (descriptions, relations) of each caption."""
    names = [vocabulary["words"][k] for k in batch.symbols.tolist()]
    describes = [(names[u], names[v]) for u, v in batch.describes.T.tolist()]
    relations = [(names[i], vocabulary["predicates"][p], names[j]) for i, p, j in batch.relations.T.tolist()]
    return describes, relations


def test_a_batch_of_captions_is_its_captions_one_after_the_other(graphs, vocabulary):
    said = encode_said(graphs, vocabulary)
    assert read(said.take([3, 0]), vocabulary) == (
        [("large", "cat"), ("red", "cat"), ("red", "bird"), ("green", "box")], [("dog", "near", "cat"), ("bird", "on", "box")],
    )  # fmt: skip
    for rows in ([0, 1, 2, 3], [2], [1, 1], []):
        batch, singles = said.take(rows), [said.take([row]) for row in rows]
        assert batch.counts.tolist() == [int(single.counts) for single in singles]
        first = np.cumsum([0, *batch.counts.tolist()])
        for name in ("symbols", "objects", "content", "numbers"):
            assert getattr(batch, name).tolist() == [value for single in singles for value in getattr(single, name).tolist()]
        moved = [(single.describes + int(start)).T.tolist() for single, start in zip(singles, first, strict=False)]
        assert batch.describes.T.tolist() == [edge for edges in moved for edge in edges]


def test_exchanges_swap_colours_directed_relations_and_numbers_and_nothing_else(graphs, vocabulary):
    said = encode_said(graphs, vocabulary)
    swapped, owner = said.swapped(vocabulary["predicates"], vocabulary["words"])
    found = [read(swapped.take([k]), vocabulary) for k in range(len(swapped))]
    assert owner.tolist() == [0, 0, 1]
    assert found[0] == ([("red", "box"), ("green", "bird")], [("bird", "on", "box")])
    assert found[1] == ([("red", "bird"), ("green", "box")], [("box", "on", "bird")])
    numbers = [dict(zip(read_words(some, vocabulary), some.numbers.tolist(), strict=True)) for some in (said.take([1]), swapped.take([2]))]
    assert (numbers[0]["dog"], numbers[0]["ball"]) == (2, 1) and (numbers[1]["dog"], numbers[1]["ball"]) == (1, 2)


def read_words(batch, vocabulary):
    return [vocabulary["words"][k] for k in batch.symbols.tolist()]


def test_shuffled_edges_end_at_things_of_the_same_sentence_and_are_the_same_every_time(graphs, vocabulary):
    said = encode_said(graphs * 8, vocabulary)
    one, two = said.shuffled(1), said.shuffled(1)
    assert np.array_equal(one.describes, two.describes) and np.array_equal(one.relations, two.relations)
    assert not np.array_equal(one.describes, said.describes) and not np.array_equal(one.relations, said.relations)
    for row in range(len(said)):
        batch = one.take([row])
        ends = [*batch.describes[1].tolist(), *batch.relations[0].tolist(), *batch.relations[2].tolist()]
        assert all(bool(batch.objects[k]) for k in ends)
        assert (batch.relations[0] != batch.relations[2]).all()


def test_vectors_are_means_of_the_pieces_of_a_word_whatever_the_tokeniser():
    graphs = parse_said(["Sandcastles, and a dog's ball"], progress=False)
    tokens = ["sand", "##castle", "##s", ",", "and", "a", "dog", "'", "s", "ball"]
    values = np.arange(len(tokens), dtype=np.float32)[:, None] * np.ones((1, 2), np.float32)
    said = encode_said(graphs, said_vocabulary(graphs), Words(values, np.array([0, len(tokens)]), tokens))
    found = dict(zip(graphs[0].texts, said.vectors[:, 0].tolist(), strict=True))
    assert found["Sandcastles"] == 1.0 and found["dog"] == 6.0 and found["ball"] == 9.0 and found["and"] == 4.0
    with pytest.raises(InputError, match="1 sentence graphs, but words of 2 captions"):
        encode_said(graphs, said_vocabulary(graphs), Words(values, np.array([0, 3, len(tokens)]), tokens))


def test_relations_between_regions_are_those_of_their_boxes_and_patches_have_none():
    boxes = np.array([[[0, 0, 50, 50], [0, 40, 20, 60], [70, 40, 90, 60], [0, 0, 0, 0]]], np.float32)
    regions = Regions(np.zeros((1, 4, 2)), np.array([3]), boxes, np.array([[100, 100]]), ["a"], {"classes": ["cat", "dog"]},
                      np.array([[-1, 0, 1, -1]]))  # fmt: skip
    seen, counts = read_seen(regions).take([0])
    expected = [
        (1 + r.subject, SEEN.index(r.predicate), 1 + r.object) for r in relations_between(boxes[0, 1:3], ["cat", "dog"], size=(100, 100))
    ]
    assert seen.tolist() == [list(r) for r in expected] and counts.tolist() == [len(expected)]
    bare = Regions(np.zeros((2, 4, 2)), np.array([3, 4]))
    assert read_seen(bare).take([0, 1])[1].tolist() == [0, 0]


def test_a_pair_graph_has_the_edges_of_its_sentence_and_of_its_image(vocabulary):
    scene = hx.load_dataset("world/scenes", "val", size=1)[0].scene
    batch, seen = typed_edges(hx.build_graph(scene, hx.parse_sentence(TEXTS[0])), vocabulary)
    alone = encode_said([said_of_scene(hx.parse_sentence(TEXTS[0]))], vocabulary).take([0])
    assert torch.equal(batch.describes, alone.describes) and torch.equal(batch.relations, alone.relations)
    assert [(a, SEEN[p], b) for a, p, b in seen.tolist()] == [(r.subject, r.predicate, r.object) for r in scene.relations]


def test_captions_without_texts_cannot_be_parsed():
    split = Split(Regions(np.zeros((1, 1, 2)), np.array([1])), Words(np.zeros(1, np.int64), np.array([0, 1])), np.zeros(1, np.int64))
    with pytest.raises(InputError, match="has no texts of its captions"):
        split_graphs(split)
