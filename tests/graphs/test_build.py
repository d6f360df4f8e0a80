"""Two scene graphs become the graph they should: every edge by hand, every wiring, every kind of awkward input."""

from __future__ import annotations

import os

import pytest
import torch
import zoo
from hypothesis import given
from hypothesis import strategies as st

import hetero_xmodal as hx
from hetero_xmodal import SceneGraph, SceneObject, SceneRelation, Token
from hetero_xmodal import schema as s
from hetero_xmodal.graphs import FlatGraphs, Match, build_graph, flat_pair


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
    assert edges(graph, s.FOLLOWS) == {(1, 0), (2, 1), (3, 2), (4, 3), (5, 4)}  # a word follows the word before it
    assert edges(graph, s.DEPENDS) == {(0, 2), (1, 2), (3, 2), (4, 5), (5, 3)}  # dependent -> head; the root has none
    assert s.decode_text(graph.edges[s.DEPENDS].data["arc"]) == ["det", "amod", "prep", "det", "pobj"]

    # "red bird" is the red one; copies 0, 1 of words 2, 5 stand among the regions, copies 2, 3 of regions 1, 2 among the words
    assert edges(graph, s.VISUAL_SAME_AS_WORD) == {(1, 2), (2, 5)}
    assert graph.nodes["bridge"].data["lives_in"].tolist() == [s.IN_IMAGE] * 2 + [s.IN_SENTENCE] * 2
    assert names(graph, "bridge") == ["bird", "tree", "bird", "tree"]
    assert torch.allclose(graph.nodes["bridge"].data["score"], torch.tensor([0.9, 0.8, 0.9, 0.8]))
    assert edges(graph, s.WORD_COPIED_TO) == {(2, 0), (5, 1)} and edges(graph, s.VISUAL_COPIED_TO) == {(1, 2), (2, 3)}
    assert edges(graph, s.BRIDGE_BESIDE_VISUAL) == {(0, 0), (0, 1), (0, 2), (1, 1), (1, 2)}  # counterpart and neighbours, either direction
    assert edges(graph, s.BRIDGE_BESIDE_WORD) == {(2, 0), (2, 1), (2, 2), (2, 3), (3, 3), (3, 4), (3, 5)}
    assert edges(graph, s.RETURNS_TO_WORD) == {(0, 2), (1, 5)} and edges(graph, s.RETURNS_TO_VISUAL) == {(2, 1), (3, 2)}

    assert names(graph, "label") == ["bird", "tree"] and graph.nodes["label"].data["index"].tolist() == [0, 2]
    assert edges(graph, s.VISUAL_HAS_LABEL) == {(0, 0), (1, 0), (2, 1)} and edges(graph, s.WORD_HAS_LABEL) == {(2, 0), (5, 1)}


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


def test_two_objects_on_one_word_share_no_bridge():
    """Parsers may put two objects on one head word; the surer match takes the word."""
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


def test_complete_relates_every_two_regions_only_where_the_scene_is_silent():
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
def test_bad_input_is_refused_in_one_sentence(message):
    with pytest.raises(hx.InputError, match=message):
        WRONG[message](zoo.image_scene(), zoo.sentence_scene())


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
    tokens = [Token(draw(st.text(max_size=40)), draw(st.text(max_size=4)), draw(pos), draw(st.integers(0, n - 1)), "dep") for _ in range(n)]
    said = [
        SceneObject(draw(st.sampled_from(NOUNS)), head=draw(st.integers(0, n - 1)) if n else None) for _ in range(draw(st.integers(0, 4)))
    ]
    return SceneGraph(seen, relations), SceneGraph(said, tokens=tokens)


@given(scene_pairs(), st.sampled_from(["inherit", "counterpart", "full"]), st.booleans())
def test_any_two_scenes_give_a_valid_graph(pair, wiring, complete):
    graph = build_graph(*pair, wiring=wiring, complete=complete, labels=["person", "sofa"])  # validates
    assert graph.num_nodes("bridge") == 2 * graph.num_edges(s.VISUAL_SAME_AS_WORD)
    assert graph.num_edges(s.FOLLOWS) == max(0, graph.num_nodes("word") - 1)


@pytest.mark.parametrize("name", zoo.PAIRS)
def test_flat_tensors_and_dgl_graphs_turn_into_each_other(name):
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
    """The parser's own tokens: the head of every object is a word, and a named thing is bridged."""
    pytest.importorskip("spacy")
    image = SceneGraph([SceneObject("person", box=(0, 0, 5, 9)), SceneObject("fire hydrant", ["yellow"], (4, 4, 9, 9))], size=(10, 10))
    graph = build_graph(image, hx.parse_sentence("A woman sits on a yellow fire hydrant, reading."))
    words = names(graph, "word", "lemma")
    assert [(names(graph, "visual")[v], words[w]) for v, w in sorted(edges(graph, s.VISUAL_SAME_AS_WORD))] == [
        ("person", "woman"),
        ("fire hydrant", "hydrant"),
    ]


def test_image_and_sentence_to_graph_in_one_call():
    """The shipped detector and the parser on an image of the default world: a thing that both name gets its copies."""
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
