"""Building a heterograph from two scene graphs: every edge by hand, every wiring, every kind of awkward input."""

from __future__ import annotations

import math
import os

import pytest
import torch
import zoo
from hypothesis import example, given
from hypothesis import strategies as st

import hetero_xmodal as hx
from hetero_xmodal import SceneGraph, SceneObject, SceneRelation, Token
from hetero_xmodal import schema as s
from hetero_xmodal.environment import require_dgl
from hetero_xmodal.graphs import FlatGraphs, Match, build_graph, flat_pair, from_networkx, to_networkx
from hetero_xmodal.parsers.normal_forms import normal_attribute, normal_attributes, normal_predicate


def edges(graph, relation) -> set[tuple[int, int]]:
    source, destination = graph.edges(etype=relation)
    pairs = list(zip(source.tolist(), destination.tolist(), strict=True))
    assert len(set(pairs)) == len(pairs)
    return set(pairs)


def names(graph, node_type, feature="name") -> list[str]:
    return s.decode_text(graph.nodes[node_type].data[feature])


def test_every_edge_of_a_small_pair():
    """Blue bird (0) left of red bird (1), which is on a tree (2); "A red bird on a tree." has words 0 to 5."""
    graph = zoo.tiny()
    assert names(graph, "visual") == ["bird", "bird", "tree"] and names(graph, "visual", "attributes") == ["blue", "red", "green"]
    assert names(graph, "word", "text") == ["A", "red", "bird", "on", "a", "tree"]  # the full stop is no word
    assert names(graph, "word", "lemma") == ["a", "red", "bird", "on", "a", "tree"]
    assert graph.nodes["word"].data["position"].tolist() == [0, 1, 2, 3, 4, 5]
    assert graph.nodes["word"].data["is_object"].tolist() == [False, False, True, False, False, True]
    assert graph.nodes["visual"].data["box"][1].tolist() == [50, 10, 75, 40] and graph.nodes["visual"].data["image_size"][0].tolist() == [
        100,
        100,
    ]
    assert graph.nodes["visual"].data["feature"][2].tolist() == [4, 40, 38]

    assert edges(graph, s.RELATES) == {(0, 1), (1, 2)}  # subject -> object
    assert s.decode_text(graph.edges[s.RELATES].data["predicate"]) == ["left of", "on"]
    assert edges(graph, s.WORD_RELATES) == {(2, 5)} and s.decode_text(graph.edges[s.WORD_RELATES].data["predicate"]) == ["on"]
    assert names(graph, "word", "attributes") == ["", "", "red", "", "", ""]  # on the head word of the thing
    assert names(graph, "word", "name") == ["", "", "bird", "", "", "tree"]
    assert edges(graph, s.FOLLOWS) == {(1, 0), (2, 1), (3, 2), (4, 3), (5, 4)}  # a word follows the word before it
    assert edges(graph, s.DEPENDS) == {(0, 2), (1, 2), (3, 2), (4, 5), (5, 3)}  # dependent -> head; the root has none
    assert s.decode_text(graph.edges[s.DEPENDS].data["arc"]) == ["det", "amod", "prep", "det", "pobj"]

    # "red bird" is the red one; copies 0, 1 of words 2, 5 are in the image graph, copies 2, 3 of regions 1, 2 in the sentence graph
    assert edges(graph, s.VISUAL_SAME_AS_WORD) == {(1, 2), (2, 5)}
    assert graph.nodes["bridge"].data["lives_in"].tolist() == [s.IN_IMAGE] * 2 + [s.IN_SENTENCE] * 2
    assert names(graph, "bridge") == ["bird", "tree", "bird", "tree"]
    assert torch.allclose(graph.nodes["bridge"].data["score"], torch.tensor([0.9, 0.8, 0.9, 0.8]))
    assert edges(graph, s.WORD_COPIED_TO) == {(2, 0), (5, 1)} and edges(graph, s.VISUAL_COPIED_TO) == {(1, 2), (2, 3)}
    assert edges(graph, s.BRIDGE_BESIDE_VISUAL) == {
        (0, 0),
        (0, 1),
        (0, 2),
        (1, 1),
        (1, 2),
    }  # counterpart and its neighbours in both directions
    assert edges(graph, s.BRIDGE_BESIDE_WORD) == {(2, 0), (2, 1), (2, 2), (2, 3), (3, 3), (3, 4), (3, 5)}
    assert edges(graph, s.RETURNS_TO_WORD) == {(0, 2), (1, 5)} and edges(graph, s.RETURNS_TO_VISUAL) == {(2, 1), (3, 2)}

    assert names(graph, "label") == ["bird", "tree"] and graph.nodes["label"].data["index"].tolist() == [0, 2]
    assert edges(graph, s.VISUAL_HAS_LABEL) == {(0, 0), (1, 0), (2, 1)} and edges(graph, s.WORD_HAS_LABEL) == {(2, 0), (5, 1)}


def test_what_a_sentence_says_stays():
    """Objects, attributes, relations and counts of a parsed sentence, by hand."""
    pytest.importorskip("spacy")
    graph = build_graph(SceneGraph(), hx.parse_sentence("a red bird sits on a wooden fence"))
    assert names(graph, "word", "text") == "a red bird sits on a wooden fence".split()
    assert edges(graph, s.WORD_RELATES) == {(2, 7)}  # the head word of the subject -> that of the object
    data = graph.edges[s.WORD_RELATES].data
    assert s.decode_text(data["predicate"]) == ["sit on"] and data["mirror"].tolist() == [False]
    assert data["provenance"].tolist() == [s.PARSED]
    assert names(graph, "word", "attributes") == ["", "", "red", "", "", "", "", "wooden"]
    assert names(graph, "word", "name") == ["", "", "bird", "", "", "", "", "fence"]


def test_predicates_and_attributes_are_in_the_same_words_on_both_sides():
    pytest.importorskip("spacy")
    image = SceneGraph(
        [SceneObject("bird", ["Red"], (0, 0, 5, 5)), SceneObject("fence", ["wood", "is wooden"], (0, 5, 9, 9))],
        [SceneRelation(0, "is sitting on the", 1), SceneRelation(1, "to the left of", 0), SceneRelation(0, "has", 1)],
    )
    graph = build_graph(image, hx.parse_sentence("a red bird sits on a wooden fence"))
    seen, said = (s.decode_text(graph.edges[r].data["predicate"]) for r in (s.RELATES, s.WORD_RELATES))
    assert seen == ["sit on", "left of", "have"] and said == ["sit on"]
    assert names(graph, "visual", "attributes") == ["red", "wooden"]
    assert [a for a in names(graph, "word", "attributes") if a] == ["red", "wooden"]
    assert image.relations[0].predicate == "is sitting on the"  # the scene keeps what was written


def test_the_whole_name_and_the_attributes_are_on_the_head_word():
    """Two things on one word: the word has the attributes of both, the name of the last; a thing that is no word has none."""
    things = [
        SceneObject("dining table", ["big", "round"], head=1, number=2),
        SceneObject("table", ["round", "wooden"], head=1, number=s.SEVERAL),
        SceneObject("cat"),
    ]
    tokens = [Token("dining", "dining", "NOUN", 1), Token("tables", "table", "NOUN", 1)]
    relations = [SceneRelation(0, "near", 1, 0.5, "measured"), SceneRelation(2, "on", 1), SceneRelation(1, "near", 0, mirror=True)]
    graph = build_graph(SceneGraph(), SceneGraph(things, relations, tokens))
    assert names(graph, "word", "attributes") == ["", "big; round; wooden"] and names(graph, "word", "name") == ["", "table"]
    assert graph.nodes["word"].data["number"].tolist() == [0, s.SEVERAL]
    data = graph.edges[s.WORD_RELATES].data
    assert [e.tolist() for e in graph.edges(etype=s.WORD_RELATES)] == [[1, 1], [1, 1]]
    assert data["score"].tolist() == [0.5, 1.0] and data["mirror"].tolist() == [False, True]
    assert data["provenance"].tolist() == [s.MEASURED, s.ANNOTATED]


def test_every_fact_of_the_image_says_where_it_comes_from():
    things = [SceneObject("bird", ["red"], provenance="detected", attribute_provenance="measured"), SceneObject("tree")]
    relations = [SceneRelation(0, "on", 1, provenance="geometry"), SceneRelation(1, "below", 0, provenance="geometry", mirror=True)]
    graph = build_graph(SceneGraph(things, relations), SceneGraph())
    assert graph.nodes["visual"].data["provenance"].tolist() == [s.DETECTED, s.ANNOTATED]
    assert graph.nodes["visual"].data["attribute_provenance"].tolist() == [s.MEASURED, s.ANNOTATED]
    assert graph.edges[s.RELATES].data["provenance"].tolist() == [s.GEOMETRY] * 2
    assert graph.edges[s.RELATES].data["mirror"].tolist() == [False, True]
    complete = build_graph(SceneGraph([SceneObject(n) for n in "abc"]), SceneGraph(), complete=True).edges[s.RELATES].data
    assert set(complete["provenance"].tolist()) == {s.PRIOR}  # it holds of any two regions
    assert complete["mirror"].sum() == 3 and len(complete["mirror"]) == 6


def test_names_that_differ_after_byte_32_stay_two_names(tmp_path):
    """Through building, batching, a corpus on disk and networkx; dgl.batch asks for one width, concat and the corpus give it."""
    long = ["a" * 32 + end for end in ("bove", "fter")]
    image = SceneGraph([SceneObject(name, [name]) for name in long], [SceneRelation(0, long[0], 1)])
    sentence = SceneGraph([SceneObject(name, [name]) for name in long], [SceneRelation(1, long[1], 0)])
    graph, small = build_graph(image, sentence, labels=long), zoo.tiny()
    del small.nodes["visual"].data["feature"]
    small.nodes["visual"].data["feature"] = torch.zeros(3, 0)
    both = FlatGraphs.concat([FlatGraphs.from_dgl(small), FlatGraphs.from_dgl(graph)])
    hx.GraphCorpus.from_graphs([small, graph]).save(tmp_path / "corpus")
    corpus = hx.GraphCorpus.load(tmp_path / "corpus")
    through = {
        "build_graph": graph,
        "concat": both.take([1]).to_dgl(batched=False),
        "networkx": from_networkx(to_networkx(graph)),
        "corpus": corpus[1],
    }
    hx.save_graph(graph, tmp_path / "graph.safetensors")
    through["file"] = hx.load_graph(tmp_path / "graph.safetensors")
    for way, found in through.items():
        hx.validate(found)
        assert names(found, "visual") == long and names(found, "visual", "attributes") == long, way
        assert names(found, "word", "text") == [n for name in long for n in (name, name)], way
        assert names(found, "bridge") == long * 2 and names(found, "label") == long, way
        assert s.decode_text(found.edges[s.RELATES].data["predicate"]) == [long[0]], way
        assert s.decode_text(found.edges[s.WORD_RELATES].data["predicate"]) == [long[1]], way
    batch = corpus.batch([1, 0, 1])
    assert names(batch, "visual") == [*long, "bird", "bird", "tree", *long]


def test_truth_values_that_dgl_files_keep_as_numbers_are_accepted(tmp_path):
    """dgl.save_graphs writes bool as uint8."""
    dgl = require_dgl()
    dgl.save_graphs(str(tmp_path / "graph.bin"), [zoo.tiny()])
    back = dgl.load_graphs(str(tmp_path / "graph.bin"))[0][0]
    assert back.nodes["word"].data["is_object"].dtype == torch.uint8
    hx.validate(back)
    assert_same_graph(FlatGraphs.from_dgl(back).to_dgl(batched=False), zoo.tiny())
    back.nodes["word"].data["is_object"][1] = 2
    with pytest.raises(hx.InputError, match="feature 'is_object', node 1: found 2, expected true or false"):
        hx.validate(back)


def test_wirings_of_the_copies():
    pair = zoo.image_scene(), zoo.sentence_scene()
    counterpart, full = build_graph(*pair, wiring="counterpart"), build_graph(*pair, wiring="full")
    assert edges(counterpart, s.BRIDGE_BESIDE_VISUAL) == {(0, 1), (1, 2)} and edges(counterpart, s.BRIDGE_BESIDE_WORD) == {(2, 2), (3, 5)}
    assert edges(full, s.BRIDGE_BESIDE_VISUAL) == {(b, v) for b in (0, 1) for v in range(3)}
    assert edges(full, s.BRIDGE_BESIDE_WORD) == {(b, w) for b in (2, 3) for w in range(6)}


def test_without_copies_and_with_own_matches():
    pair = zoo.image_scene(), zoo.sentence_scene()
    bare = build_graph(*pair, bridges=False)
    assert bare.num_nodes("bridge") == 0 and edges(bare, s.VISUAL_SAME_AS_WORD) == {(1, 2), (2, 5)}
    own = build_graph(*pair, matches=[Match(0, 0, "my bird", 0.25)])
    assert edges(own, s.VISUAL_SAME_AS_WORD) == {(0, 2)} and names(own, "bridge") == ["my bird"] * 2
    assert build_graph(*pair, matches=[]).num_nodes("bridge") == 0


def several() -> tuple[SceneGraph, SceneGraph]:
    """Three dogs (one of them white) and a tree; "two brown dogs near trees"."""
    image = SceneGraph(
        [
            SceneObject("dog", ["white"]),
            SceneObject("dog", score=0.9),
            SceneObject("tree"),
            SceneObject("puppy"),
            SceneObject("dog", score=0.5),
        ],
        [SceneRelation(2, "near", 4)],
    )
    words = [("two", "two", "NUM", 2), ("brown", "brown", "ADJ", 2), ("dogs", "dog", "NOUN", 2), ("near", "near", "ADP", 2)]
    tokens = [Token(*word, "x") for word in (*words, ("trees", "tree", "NOUN", 3))]
    things = [SceneObject("dog", ["brown"], head=2, number=2), SceneObject("tree", head=4, number=s.SEVERAL)]
    return image, SceneGraph(things, [SceneRelation(0, "near", 1)], tokens)


def test_a_plural_has_bridges_to_several_regions():
    """Word 2 ("dogs", two) is matched with the two best dogs that are not white; word 4 with the only tree."""
    image, sentence = several()
    one = build_graph(image, sentence)
    assert edges(one, s.VISUAL_SAME_AS_WORD) == {(1, 2), (2, 4)} and one.num_nodes("bridge") == 4
    graph = build_graph(image, sentence, bridges="all")
    assert edges(graph, s.VISUAL_SAME_AS_WORD) == {(1, 2), (4, 2), (2, 4)}
    # copies 0, 1 of the words 2, 4 in the image graph; copies 2, 3, 4 of the regions 1, 4, 2 in the sentence graph
    assert graph.nodes["bridge"].data["lives_in"].tolist() == [s.IN_IMAGE] * 2 + [s.IN_SENTENCE] * 3
    assert names(graph, "bridge") == ["dog", "tree", "dog", "dog", "tree"]
    assert torch.allclose(graph.nodes["bridge"].data["score"], torch.tensor([0.9, 1, 0.9, 0.5, 1]))
    assert edges(graph, s.WORD_COPIED_TO) == {(2, 0), (4, 1)} and edges(graph, s.VISUAL_COPIED_TO) == {(1, 2), (4, 3), (2, 4)}
    assert edges(graph, s.BRIDGE_BESIDE_VISUAL) == {(0, 1), (0, 4), (0, 2), (1, 2), (1, 4)}  # both dogs, and the tree that is near one
    assert edges(graph, s.BRIDGE_BESIDE_WORD) == {(b, w) for b in (2, 3) for w in (0, 1, 2, 3)} | {(4, 3), (4, 4)}
    assert edges(graph, s.RETURNS_TO_WORD) == {(0, 2), (1, 4)}
    sentence.objects[0].number = s.SEVERAL  # and the puppy, but not the white dog
    assert edges(build_graph(image, sentence, bridges="all"), s.VISUAL_SAME_AS_WORD) == {(1, 2), (3, 2), (4, 2), (2, 4)}
    sentence.objects[0].number = 0  # unknown: one to one
    assert edges(build_graph(image, sentence, bridges="all"), s.VISUAL_SAME_AS_WORD) == {(1, 2), (2, 4)}
    with pytest.raises(hx.InputError, match="bridges is 'many'; give True .one to one., 'all'"):
        build_graph(image, sentence, bridges="many")


def test_own_matches_of_one_word_are_kept_as_far_as_its_number_allows():
    image, sentence = several()
    own = [Match(0, 0, "dog", 0.9), Match(1, 0, "dog", 0.8), Match(4, 0, "dog", 0.7), Match(2, 1, "tree", 1.0)]
    assert edges(build_graph(image, sentence, matches=own), s.VISUAL_SAME_AS_WORD) == {(0, 2), (2, 4)}
    assert edges(build_graph(image, sentence, matches=own, bridges="all"), s.VISUAL_SAME_AS_WORD) == {(0, 2), (1, 2), (2, 4)}


def test_a_word_of_one_thing_is_the_same_as_one_region():
    graph = build_graph(*several(), bridges="all")
    graph.nodes["word"].data["number"][2] = 3
    hx.validate(graph)
    graph.nodes["word"].data["number"][2] = 1
    with pytest.raises(hx.InputError, match="word node 2 has 2 of these edges, expected one-to-one, at most 1"):
        hx.validate(graph)


def test_two_dogs_of_a_sentence_are_two_dogs_of_the_image():
    pytest.importorskip("spacy")
    image = SceneGraph([SceneObject("dog"), SceneObject("cat"), SceneObject("dog"), SceneObject("person"), SceneObject("person")])
    graph = build_graph(image, hx.parse_sentence("Two dogs and a person with a cat"), bridges="all")
    lemma = names(graph, "word", "lemma")
    found = sorted((v, lemma[w]) for v, w in edges(graph, s.VISUAL_SAME_AS_WORD))
    assert found == [(0, "dog"), (1, "cat"), (2, "dog"), (3, "person")]


def test_the_patches_of_a_grid_are_nothing_that_a_sentence_names():
    grid = [SceneObject("patch", provenance="prior"), SceneObject("patch", provenance="prior")]
    sentence = SceneGraph([SceneObject("patch", number=s.SEVERAL)])
    for bridges in (True, "all"):
        assert build_graph(SceneGraph(grid), sentence, bridges=bridges).num_edges(s.VISUAL_SAME_AS_WORD) == 0
    quilt = SceneGraph([SceneObject("patch", ["red"], provenance="annotated")])  # of a quilt
    assert build_graph(quilt, sentence).num_edges(s.VISUAL_SAME_AS_WORD) == 1


def test_two_objects_on_one_word_share_no_bridge():
    """Parsers may give two objects one head word; the match with the higher score gets the word."""
    image = SceneGraph(objects=[SceneObject("bird", score=0.5), SceneObject("duck", score=0.9)])
    sentence = SceneGraph([SceneObject("bird", head=0), SceneObject("duck", head=0)], tokens=[Token("ducks", "duck", "NOUN")])
    assert edges(build_graph(image, sentence), s.VISUAL_SAME_AS_WORD) == {(1, 0)}


def test_punctuation_is_skipped_but_counted():
    """In "a , b ; c" the comma heads c: c depends on the comma's head instead; positions count all tokens."""
    tokens = [
        Token("a", "a", "X", 0),
        Token(",", ",", "PUNCT", 0),
        Token("b", "b", "X", 0),
        Token(";", ";", "PUNCT", 2),
        Token("c", "c", "X", 3),
    ]
    graph = build_graph(SceneGraph(), SceneGraph(tokens=[*tokens, Token(" ", "", "SPACE", 0)]))
    assert graph.nodes["word"].data["position"].tolist() == [0, 2, 4]
    assert edges(graph, s.FOLLOWS) == {(1, 0), (2, 1)} and edges(graph, s.DEPENDS) == {(1, 0), (2, 1)}


def test_punctuation_that_heads_itself_ends_the_search():
    tokens = [Token("-", "-", "PUNCT", 1), Token("-", "-", "PUNCT", 0), Token("a", "a", "X", 0)]
    assert edges(build_graph(SceneGraph(), SceneGraph(tokens=tokens)), s.DEPENDS) == set()


def test_a_scene_written_by_hand_needs_no_tokens_boxes_or_size():
    graph = build_graph(SceneGraph([SceneObject("fire hydrant", ["red"])]), SceneGraph([SceneObject("hydrant", ["big", "red"])]))
    assert names(graph, "word", "text") == ["big", "red", "hydrant"] and names(graph, "word", "pos") == ["ADJ", "ADJ", "NOUN"]
    assert edges(graph, s.DEPENDS) == {(0, 2), (1, 2)} and edges(graph, s.VISUAL_SAME_AS_WORD) == {(0, 2)}
    assert graph.nodes["visual"].data["box"].tolist() == [[0, 0, 1, 1]] and graph.nodes["visual"].data["image_size"].tolist() == [[1, 1]]
    boxed = build_graph(SceneGraph([SceneObject("a", box=(1, 2, 8.5, 9)), SceneObject("b")]), SceneGraph())
    assert boxed.nodes["visual"].data["image_size"].tolist() == [[9, 9]] * 2 and boxed.nodes["visual"].data["box"][1].tolist() == [
        0,
        0,
        9,
        9,
    ]


def test_complete_relates_every_two_regions_only_in_a_scene_without_relations():
    image = zoo.image_scene()
    assert edges(build_graph(image, SceneGraph(), complete=True), s.RELATES) == {(0, 1), (1, 2)}
    image.relations = []
    assert edges(build_graph(image, SceneGraph()), s.RELATES) == set()
    graph = build_graph(image, SceneGraph(), complete=True)
    assert edges(graph, s.RELATES) == {(i, j) for i in range(3) for j in range(3) if i != j}
    assert set(s.decode_text(graph.edges[s.RELATES].data["predicate"])) == {"in image with"}


def test_labels_by_vector_and_by_name():
    pair = zoo.image_scene(), zoo.sentence_scene()
    for labels in ([0, 1, 1], torch.tensor([0, 1, 1]), torch.tensor([False, True, True]).numpy(), ["tree", "animal"]):
        graph = build_graph(*pair, labels=labels, label_names=["sea", "animal", "tree"])
        assert names(graph, "label") == ["animal", "tree"] and graph.nodes["label"].data["index"].tolist() == [1, 2]
        assert edges(graph, s.VISUAL_HAS_LABEL) == {(0, 0), (1, 0), (2, 1)}  # a bird is an animal
    assert names(build_graph(*pair, labels=[0, 1]), "label") == ["label 1"]
    assert build_graph(*pair, labels=[0, 0]).num_nodes("label") == 0


def test_a_noun_outside_the_scene_can_have_a_label():
    tokens = [Token("sunset", "sunset", "NOUN"), Token("sunset", "sunset", "VERB")]
    graph = build_graph(SceneGraph(), SceneGraph(tokens=tokens), labels=["sunset"])
    assert edges(graph, s.WORD_HAS_LABEL) == {(0, 0)}


WRONG = {
    "image_scene is a str, expected a SceneGraph; make one with hx.parse_image": lambda p, t: build_graph("a.png", t),
    "sentence_scene is a dict, expected a SceneGraph; make one with hx.parse_sentence": lambda p, t: build_graph(p, {}),
    "give the image's scene first": lambda p, t: build_graph(t, p),
    "unknown wiring 'inherits' .did you mean 'inherit'": lambda p, t: build_graph(p, t, wiring="inherits"),
    "relation 0 .'on'.: object is 5, but there are 1 objects": lambda p, t: build_graph(
        SceneGraph([SceneObject("a")], [SceneRelation(0, "on", 5)]), t
    ),
    "object 1 of the image .'b'. has no feature row": lambda p, t: build_graph(
        SceneGraph([SceneObject("a", feature=[1.0]), SceneObject("b")]), t
    ),
    "feature rows are 3 wide, expected feature_width=4": lambda p, t: build_graph(p, t, feature_width=4),
    "feature rows are 0 wide, expected feature_width=4": lambda p, t: build_graph(SceneGraph([SceneObject("a")]), t, feature_width=4),
    "match of object 7 with object 0: the image has 3 objects, the sentence 2": lambda p, t: build_graph(
        p, t, matches=[Match(7, 0, "x", 1.0)]
    ),
    "feature 'score', node 0: found 2.0, expected at most 1": lambda p, t: build_graph(p, t, matches=[Match(0, 0, "x", 2.0)]),
    "labels of a pair: entry 1 is 2, expected a vector of 0 and 1": lambda p, t: build_graph(p, t, labels=[1, 2]),
    "entry 0 is nan": lambda p, t: build_graph(p, t, labels=[float("nan")]),
    r"entry 0 is \[0, 1\], expected a vector": lambda p, t: build_graph(p, t, labels=[[0, 1]]),
    "2 label columns but 3 label names": lambda p, t: build_graph(p, t, labels=[0, 1], label_names=["a", "b", "c"]),
    "label 'burd' is not among the 2 label names .did you mean 'bird'": lambda p, t: build_graph(
        p, t, labels=["burd"], label_names=["bird", "sea"]
    ),
    "labels is a str": lambda p, t: build_graph(p, t, labels="bird"),
}


@pytest.mark.parametrize("message", WRONG)
def test_bad_input_raises_one_sentence(message):
    with pytest.raises(hx.InputError, match=message):
        WRONG[message](zoo.image_scene(), zoo.sentence_scene())


KEPT = st.characters(exclude_categories=("Cs",), exclude_characters="\0")  # what a scene's check accepts
NOUNS = ["bird", "puppy", "dog", "person", "woman", "sofa", "couch", "tree", "zebra"]


@st.composite
def scene_pairs(draw):
    """Any image and any sentence: boxes or none, features or none, heads anywhere, odd texts."""
    width = draw(st.none() | st.integers(0, 3))
    seen = [
        SceneObject(draw(st.sampled_from(NOUNS)), draw(st.lists(st.sampled_from(["red", "blue"]), max_size=2)), None, draw(st.floats(0, 1)))
        for _ in range(draw(st.integers(0, 4)))
    ]
    for thing in seen:
        thing.feature = None if width is None else [0.5] * width
    index = st.integers(0, max(0, len(seen) - 1))
    relations = draw(st.lists(st.builds(SceneRelation, index, st.just("on"), index), max_size=4)) if seen else []
    n = draw(st.integers(0, 7))
    pos = st.sampled_from(["NOUN", "PUNCT", "SPACE", "", "ADJ"])
    text = st.text(KEPT, max_size=40)
    tokens = [Token(draw(text), draw(st.text(KEPT, max_size=4)), draw(pos), draw(st.integers(0, n - 1)), "dep") for _ in range(n)]
    named = [
        SceneObject(draw(st.sampled_from(NOUNS)), head=draw(st.integers(0, n - 1)) if n else None) for _ in range(draw(st.integers(0, 4)))
    ]
    return SceneGraph(seen, relations), SceneGraph(named, tokens=tokens)


#: every kind of text: empty, white space, control characters, lone surrogates, many bytes, combining accents
TEXTS = [
    "",
    " ",
    "\n",
    "\x1f",
    "\0",
    "a\0b",
    "\0a",
    "\x01",
    "\ud800",
    "a\udfff",
    "\u200b",
    "\u0301",
    "鳥" * 20,
    "🐦" * 20,
    "a" * 99,
    ";",
    ", ",
    "İ",
]


@pytest.mark.parametrize("text", TEXTS, ids=ascii)
@pytest.mark.parametrize(
    "where", ["token", "lemma", "pos", "arc", "seen", "named", "object without tokens", "attribute", "named attribute", "predicate"]
)
def test_a_scene_that_passes_its_check_can_be_built_and_read_back(where, text):
    """Either the scene is refused in one sentence that shows the text, or the graph is built, validates and holds the text."""
    token = Token("bird", "bird", "NOUN", 1, "dep"), Token("x", "x", "X", 1, "ROOT")
    image, sentence = SceneGraph([SceneObject("bird", ["red"])], [SceneRelation(0, "on", 0)]), SceneGraph(tokens=list(token))
    hand = SceneGraph([SceneObject("bird", ["red"])])
    owner, feature = {
        "token": ("word", "text"),
        "lemma": ("word", "lemma"),
        "pos": ("word", "pos"),
        "arc": (s.DEPENDS, "arc"),
        "seen": ("visual", "name"),
        "named": ("word", "text"),
        "object without tokens": ("word", "text"),
        "attribute": ("visual", "attributes"),
        "named attribute": ("word", "text"),
        "predicate": (s.RELATES, "predicate"),
    }[where]
    if where in ("token", "lemma", "pos", "arc"):
        setattr(sentence.tokens[0], "text" if where == "token" else where, text)
    elif where == "seen":
        image.objects[0].name = text
    elif where == "named":
        sentence.objects = [SceneObject(text, head=0)]
    elif where == "attribute":
        image.objects[0].attributes = [text]
    elif where == "predicate":
        image.relations[0].predicate = text
    else:
        sentence = hand
        hand.objects[0] = SceneObject(text) if where == "object without tokens" else SceneObject("bird", [text])
    try:
        for scene in (image, sentence):
            scene.check()
    except hx.InputError as error:
        assert repr(text) in str(error) or repr([text]) in str(error)
        assert not text.strip() or "\0" in text or any("\ud800" <= c <= "\udfff" for c in text)
        with pytest.raises(hx.InputError) as again:
            build_graph(image, sentence)
        assert str(again.value) == str(error)
        return
    graph = build_graph(image, sentence)
    hx.validate(graph)
    frame = graph.nodes[owner].data if isinstance(owner, str) else graph.edges[owner].data
    kept = s.decode_text(frame[feature])
    whole = text.lower() if where == "lemma" else text
    if where in ("attribute", "predicate"):
        whole = normal_attribute(text) if where == "attribute" else normal_predicate(text)
    expected = {"named": "bird", "lemma": whole or "bird"}.get(where, whole)  # an object's own name is not a word of the sentence
    is_word = any(map(str.isalnum, text)) or text.strip()  # other tokens and blank attributes are no words
    assert (expected in kept) == (where not in ("token", "object without tokens", "named attribute") or bool(is_word))


def test_names_that_are_not_from_a_scene_are_checked_too():
    pair = zoo.image_scene(), zoo.sentence_scene()
    for names, message in (
        (["\0", "tree"], "label 0: name is '.x00' and holds '.x00'; NUL and lone surrogates cannot be kept as text"),
        (["", "tree"], "label 0: name is '', expected a non-empty string"),
        ([3, "tree"], "label 0: name is 3, expected a non-empty string"),
    ):
        with pytest.raises(hx.InputError, match=message):
            build_graph(*pair, labels=[1, 0], label_names=names)
    with pytest.raises(hx.InputError, match="match of object 0 with object 0: name is '.ud800' and holds"):
        build_graph(*pair, matches=[Match(0, 0, "\ud800", 1.0)])


near_half = st.floats(-0.6, 0.6) | st.floats(0, 50) | st.sampled_from([-0.5, 0.0, 1e-50, 1e30, 16777217.5])


@given(st.lists(near_half, min_size=4, max_size=4), st.none() | st.tuples(st.floats(0.5, 60) | st.integers(0, 60), st.just(16777217)))
@example([0.0, 0.0, 16777217.5, 5.0], (16777217, 16777217))  # the side is 16777216 in 32 bits, the box reaches 16777218
def test_boxes_that_pass_the_check_of_a_scene_build(box, size):
    """Graphs keep 32-bit numbers: a box that is just inside, or just wide enough, in 64 bits must be so in 32 bits too."""
    image = SceneGraph([SceneObject("bird", box=tuple(box)), SceneObject("tree")], size=size)
    try:
        image.check()
    except hx.InputError:
        return
    build_graph(image, SceneGraph())  # validates


@given(scene_pairs(), st.sampled_from(["inherit", "counterpart", "full"]), st.booleans())
def test_any_two_scenes_give_a_valid_graph(pair, wiring, complete):
    graph = build_graph(*pair, wiring=wiring, complete=complete, labels=["person", "sofa"])  # validates
    assert graph.num_nodes("bridge") == 2 * graph.num_edges(s.VISUAL_SAME_AS_WORD)
    assert graph.num_edges(s.FOLLOWS) == max(0, graph.num_nodes("word") - 1)


def plain_graph(image: SceneGraph, sentence: SceneGraph, wiring: str):
    """The pair's graph written down node by node and edge by edge: one list per relation, one DGL call, one feature at a time."""
    dgl = require_dgl()
    tokens, heads = sentence.tokens, [thing.head for thing in sentence.objects]
    if not tokens:  # written by hand: attributes and name are the words
        for i, thing in enumerate(sentence.objects):
            heads[i] = len(tokens) + len(thing.attributes)
            tokens = [*tokens, *(Token(a, a, "ADJ", heads[i], "amod") for a in thing.attributes)]
            tokens = [*tokens, Token(thing.name, thing.name, "NOUN", heads[i], "ROOT")]
    place = [
        t
        for t, token in enumerate(tokens)
        if token.pos not in ("PUNCT", "SPACE") and (any(map(str.isalnum, token.text)) or token.pos and token.text.strip())
    ]
    words = [tokens[t] for t in place]
    edges = {relation: [] for relation in s.kind_relations("pair")}
    edges[s.RELATES] = [(r.subject, r.object) for r in image.relations]
    stated = [r for r in sentence.relations if heads[r.subject] in place and heads[r.object] in place]
    edges[s.WORD_RELATES] = [(place.index(heads[r.subject]), place.index(heads[r.object])) for r in stated]
    edges[s.FOLLOWS] = [(w, w - 1) for w in range(1, len(words))]
    arcs = []
    for w, t in enumerate(place):
        head, seen = tokens[t].head, [t]
        while head not in place and head not in seen:
            seen.append(head)
            head = tokens[head].head
        if head in place and head != t:
            edges[s.DEPENDS].append((w, place.index(head)))
            arcs.append(tokens[t].arc)
    matched = []
    for m in sorted(hx.graphs.match_objects(image, sentence), key=lambda m: -m.score):
        if heads[m.thing] in place and all(place.index(heads[m.thing]) != w for w, _ in matched):
            matched.append((place.index(heads[m.thing]), m))
    matched.sort(key=lambda pair: pair[0])
    k = len(matched)
    for copy, (w, m) in enumerate(matched):
        v = m.region
        edges[s.VISUAL_SAME_AS_WORD].append((v, w))
        edges[s.WORD_SAME_AS_VISUAL].append((w, v))
        edges[s.WORD_COPIED_TO].append((w, copy))
        edges[s.RETURNS_TO_WORD].append((copy, w))
        edges[s.VISUAL_COPIED_TO].append((v, k + copy))
        edges[s.RETURNS_TO_VISUAL].append((k + copy, v))
        for node, within, count, bridge, out, back in (
            (v, edges[s.RELATES], len(image.objects), copy, s.BRIDGE_BESIDE_VISUAL, s.VISUAL_BESIDE_BRIDGE),
            (w, edges[s.DEPENDS] + edges[s.FOLLOWS], len(words), k + copy, s.BRIDGE_BESIDE_WORD, s.WORD_BESIDE_BRIDGE),
        ):
            for other in range(count):
                near = (node, other) in within or (other, node) in within
                if other == node or wiring == "full" or wiring == "inherit" and near:
                    edges[out].append((bridge, other))
                    edges[back].append((other, bridge))
    counts = {"visual": len(image.objects), "word": len(words), "bridge": 2 * k, "label": 0}
    ends = {
        r: (torch.tensor([a for a, _ in e], dtype=torch.int64), torch.tensor([b for _, b in e], dtype=torch.int64))
        for r, e in edges.items()
    }
    graph = dgl.heterograph(ends, num_nodes_dict=counts)

    def text(rows, width):
        kept = [row.encode() for row in rows]
        width *= max([1, *(math.ceil(len(data) / width) for data in kept)])  # no text is cut
        return torch.tensor([[*data, *[0] * (width - len(data))] for data in kept], dtype=torch.uint8).reshape(len(rows), width)

    def code(rows):
        return torch.tensor([s.PROVENANCE.index(row) for row in rows], dtype=torch.int64)

    def real(rows, *shape):
        return torch.tensor(rows, dtype=torch.float32).reshape(len(rows), *shape)

    seen, width = image.objects, len(image.objects[0].feature or []) if image.objects else 0
    size = image.size or [max([1, *(math.ceil(o.box[side]) for o in seen if o.box)]) for side in (2, 3)]
    graph.nodes["visual"].data["name"] = text([o.name for o in seen], 32)
    graph.nodes["visual"].data["attributes"] = text(["; ".join(normal_attributes(o.attributes)) for o in seen], 96)
    graph.nodes["visual"].data["box"] = real([o.box or (0, 0, *size) for o in seen], 4)
    graph.nodes["visual"].data["image_size"] = real([size for _ in seen], 2)
    graph.nodes["visual"].data["score"] = real([o.score for o in seen])
    graph.nodes["visual"].data["feature"] = real([o.feature or [] for o in seen], width)
    graph.nodes["visual"].data["provenance"] = code([o.provenance for o in seen])
    graph.nodes["visual"].data["attribute_provenance"] = code([o.attribute_provenance or o.provenance for o in seen])
    graph.nodes["word"].data["text"] = text([w.text for w in words], 32)
    graph.nodes["word"].data["lemma"] = text([(w.lemma or w.text).lower() for w in words], 32)
    graph.nodes["word"].data["pos"] = text([w.pos for w in words], 8)
    graph.nodes["word"].data["position"] = torch.tensor(place, dtype=torch.int64)
    graph.nodes["word"].data["is_object"] = torch.tensor([t in heads for t in place], dtype=torch.bool)
    headed = [[o for k, o in enumerate(sentence.objects) if heads[k] == t] for t in place]
    graph.nodes["word"].data["attributes"] = text(
        ["; ".join(dict.fromkeys(a for o in objects for a in normal_attributes(o.attributes))) for objects in headed], 96
    )
    graph.nodes["word"].data["name"] = text([objects[-1].name if objects else "" for objects in headed], 32)
    graph.nodes["word"].data["number"] = torch.tensor([objects[-1].number if objects else 0 for objects in headed], dtype=torch.int64)
    graph.nodes["bridge"].data["name"] = text([m.name for _, m in matched] * 2, 32)
    graph.nodes["bridge"].data["lives_in"] = torch.tensor([0] * k + [1] * k, dtype=torch.int64)
    graph.nodes["bridge"].data["score"] = real([m.score for _, m in matched] * 2)
    graph.nodes["label"].data["name"] = text([], 32)
    graph.nodes["label"].data["index"] = torch.zeros(0, dtype=torch.int64)
    for relation, found in ((s.RELATES, image.relations), (s.WORD_RELATES, stated)):
        graph.edges[relation].data["predicate"] = text([normal_predicate(r.predicate) for r in found], 32)
        graph.edges[relation].data["score"] = real([r.score for r in found])
        graph.edges[relation].data["provenance"] = code([r.provenance for r in found])
        graph.edges[relation].data["mirror"] = torch.tensor([r.mirror for r in found], dtype=torch.bool)
    graph.edges[s.DEPENDS].data["arc"] = text(arcs, 16)
    for relation in (s.VISUAL_SAME_AS_WORD, s.WORD_SAME_AS_VISUAL):
        graph.edges[relation].data["score"] = real([m.score for _, m in matched])
    return graph


def assert_same_graph(ours, theirs):
    """The same types in the same order, the same edges in the same order, and the same features, bit for bit."""
    assert ours.ntypes == theirs.ntypes and ours.canonical_etypes == theirs.canonical_etypes
    for node_type in ours.ntypes:
        assert ours.num_nodes(node_type) == theirs.num_nodes(node_type)
    for relation in ours.canonical_etypes:
        for a, b in zip(ours.edges(etype=relation), theirs.edges(etype=relation), strict=True):
            assert a.dtype == b.dtype and torch.equal(a, b), relation
    frames = [(owner, lambda g, owner=owner: g.nodes[owner].data) for owner in ours.ntypes]
    frames += [(owner, lambda g, owner=owner: g.edges[owner].data) for owner in ours.canonical_etypes]
    for owner, frame in frames:
        assert list(frame(ours)) == list(frame(theirs)), owner
        for name, value in frame(ours).items():
            assert value.dtype == frame(theirs)[name].dtype and torch.equal(value, frame(theirs)[name]), (owner, name)


@given(scene_pairs(), st.sampled_from(["inherit", "counterpart", "full"]))
def test_graphs_equal_a_reference_build(pair, wiring):
    assert_same_graph(build_graph(*pair, wiring=wiring), plain_graph(*pair, wiring))


def test_graphs_of_the_world_equal_a_reference_build():
    pytest.importorskip("spacy")
    for item in hx.load_dataset("world/scenes", "val", size=8):
        named = hx.parse_sentence(item.sentences[0])
        for words in (named, SceneGraph(named.objects, named.relations)):  # with tokens, and as if written by hand
            assert_same_graph(build_graph(item.scene, words), plain_graph(item.scene, words, "inherit"))


@pytest.mark.parametrize("name", zoo.PAIRS)
def test_flat_tensors_and_dgl_graphs_round_trip(name):
    graph = zoo.PAIRS[name]()
    flat = FlatGraphs.from_dgl(graph)
    back = flat.to_dgl(batched=flat.count > 1)
    assert back.batch_size == graph.batch_size
    for node_type in graph.ntypes:
        assert torch.equal(back.batch_num_nodes(node_type), graph.batch_num_nodes(node_type))
    for relation in graph.canonical_etypes:
        assert all(torch.equal(a, b) for a, b in zip(back.edges(etype=relation), graph.edges(etype=relation), strict=True))
        assert torch.equal(back.batch_num_edges(relation), graph.batch_num_edges(relation))


def test_flat_pair_is_build_graph_without_dgl():
    pair = zoo.image_scene(), zoo.sentence_scene()
    ours, theirs = flat_pair(*pair).tensors(), FlatGraphs.from_dgl(build_graph(*pair)).tensors()
    assert list(ours) == list(theirs) and all(torch.equal(ours[k], theirs[k]) for k in ours)


def test_real_sentences_through_the_parser():
    """The parser's own tokens: the head of every object is a word, and matched objects have bridges."""
    pytest.importorskip("spacy")
    image = SceneGraph([SceneObject("person", box=(0, 0, 5, 9)), SceneObject("fire hydrant", ["yellow"], (4, 4, 9, 9))], size=(10, 10))
    graph = build_graph(image, hx.parse_sentence("A woman sits on a yellow fire hydrant, reading."))
    words = names(graph, "word", "lemma")
    assert [(names(graph, "visual")[v], words[w]) for v, w in sorted(edges(graph, s.VISUAL_SAME_AS_WORD))] == [
        ("person", "woman"),
        ("fire hydrant", "hydrant"),
    ]


def test_image_and_sentence_to_graph_in_one_call():
    """The shipped detector and the parser on an image of the default world: an object that both name gets its copies."""
    item = hx.load_dataset("world/scenes", split="val", size=1)[0]
    name = item.scene.objects[0].name
    graph = hx.pair_graph(item.image, f"There is a {name} here.")
    assert graph.num_nodes("visual") >= 1 and set(names(graph, "bridge")) == {name} and graph.num_nodes("bridge") == 2
    assert names(graph, "word", "text") == ["There", "is", "a", name, "here"]
    with pytest.raises(hx.InputError, match="sentence is empty"):
        hx.pair_graph(item.image, "")


def test_a_real_photograph_with_its_caption_and_its_boxes():
    folder = os.environ.get("HETERO_XMODAL_REAL_DATA")
    if not folder:
        pytest.skip("needs real photos: set HETERO_XMODAL_REAL_DATA")
    dataset = hx.load_dataset(f"coco:{folder}/coco_photos", "all")
    known = next(item for item in dataset if item.scene is not None and len(item.scene.objects) > 3)
    graphs = [build_graph(known.scene, hx.parse_sentence(sentence)) for sentence in known.sentences]
    assert max(graph.num_nodes("bridge") for graph in graphs) >= 2
    assert all(graph.num_nodes("visual") == len(known.scene.objects) for graph in graphs)
