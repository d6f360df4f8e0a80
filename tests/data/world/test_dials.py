"""The dials of the world: each does what it says, what is written stays true, and without dials the world is what it was."""

from __future__ import annotations

import pytest

from hetero_xmodal.data import load_dataset
from hetero_xmodal.data.datasets.world import GOLDEN
from hetero_xmodal.data.registry import open_source
from hetero_xmodal.data.world import item_hash
from hetero_xmodal.data.world.dials import Dials
from hetero_xmodal.data.world.swaps import holds
from hetero_xmodal.errors import InputError
from hetero_xmodal.files import read_json
from hetero_xmodal.parsers.world_vocabulary import SYNONYMS, canonical
from hetero_xmodal.scenes import SceneGraph, SceneObject, SceneRelation

SIZE = 12


def items(**dials):
    return list(load_dataset("world/scenes", "val", size=SIZE, **dials))


def captions(**dials):
    return [(item, graph) for item in items(**dials) for graph in item.sentence_scenes]


def canonically(graph: SceneGraph) -> SceneGraph:
    things = [SceneObject(canonical(o.name), [canonical(a) for a in o.attributes]) for o in graph.objects]
    return SceneGraph(things, [SceneRelation(r.subject, canonical(r.predicate), r.object) for r in graph.relations])


def test_without_dials_the_world_is_bit_for_bit_what_it_was():
    golden = read_json(GOLDEN, "golden hashes")["world/scenes"]["val"]
    plain = load_dataset("world/scenes", "val", size=len(golden), binding=None, noise=None)
    assert [item_hash(item) for item in plain] == golden


def test_binding_gives_two_things_an_attribute_each_wherever_the_scene_allows_it():
    bound = [sum(bool(o.attributes) for o in graph.objects) >= 2 for item, graph in captions(binding=1.0)]
    usual = [sum(bool(o.attributes) for o in graph.objects) >= 2 for item, graph in captions()]
    assert sum(bound) > 0.85 * len(bound) > sum(usual)


def test_relations_counts_negation_and_synonyms_do_what_they_say():
    related = [bool(graph.relations) for item, graph in captions(relations=1.0) if item.scene.relations]
    assert sum(related) >= 0.95 * len(related)
    counted = captions(counts=1.0)
    for item, _ in counted:
        names = [o.name for o in item.scene.objects]
        assert 2 <= max(map(names.count, names)) <= 4 and len(names) <= 6
    assert sum(any(a.isdigit() for o in graph.objects for a in o.attributes) for _, graph in counted) > 0.8 * len(counted)
    for item, graph in captions(negation=1.0):
        said, _, denied = graph.text.partition(", but no ")
        assert denied and denied not in {o.name for o in item.scene.objects} and len(graph.objects) == 1, graph.text
    words = {word for item in items(synonyms=1.0) for text in item.sentences for word in text.rstrip(".").lower().split()}
    replaced = {"small", "large", "striped", "dotted", "checked", "dog", "cat", "child", "box", "boat", "umbrella"} & set(SYNONYMS.values())
    assert replaced and not replaced & words
    plain = {word for item in items(synonyms=0.0) for text in item.sentences for word in text.lower().split()}
    assert not plain & {"puppy", "kitty", "little", "tiny", "huge", "stripy", "spotted", "crate", "parasol"}


@pytest.mark.parametrize("dials", [{"binding": 0.5, "counts": 0.5}, {"relations": 1.0, "synonyms": 0.5}])
def test_captions_of_a_dialled_world_are_true(dials):
    for item, graph in captions(**dials):
        said = canonically(graph)
        for thing in said.objects:  # the place of a scene is no object, and "two dogs" are two of possibly more
            thing.attributes = [a for a in thing.attributes if not a.isdigit()]
        if any(o.name == item.scene.source["place"] for o in said.objects) or any(r.predicate == "hold" for r in said.relations):
            continue
        assert holds(said, item.scene), graph.text


def test_noise_makes_captions_false():
    def false(**dials):
        pairs = [(item, canonically(graph)) for item, graph in captions(**dials)]
        for _, graph in pairs:
            for thing in graph.objects:
                thing.attributes = [a for a in thing.attributes if not a.isdigit()]
        pairs = [(item, graph) for item, graph in pairs if item.scene.source["place"] not in {o.name for o in graph.objects}]
        return sum(not holds(graph, item.scene) for item, graph in pairs) / len(pairs)

    assert false() == 0 and 0.1 < false(noise=1.0)


def test_a_name_with_dials_is_the_same_as_the_arguments_and_another_world_than_the_usual():
    name = "world/scenes:binding=0.5,noise=0.1"
    by_name, by_argument = load_dataset(name, "val", size=3), load_dataset("world/scenes", "val", size=3, binding=0.5, noise=0.1)
    assert [item_hash(a) for a in by_name] == [item_hash(b) for b in by_argument]
    assert load_dataset("world/scenes:noise=0.1", "val", size=3, binding=0.5)[0].sentences == by_name[0].sentences
    marks = {open_source(some).take("val", 1)[0].mark for some in ("world/scenes", name, "world/scenes:noise=0.1")}
    assert len(marks) == 3  # what is kept in a cache under a mark is never that of another world


@pytest.mark.parametrize(
    ("name", "dials", "message"),
    [
        ("world/scenes", {"binding": 1.5}, "the dial binding is 1.5; give a share in 0..1"),
        ("world/scenes", {"binding": 0.6, "counts": 0.6}, "their sum is 1.2"),
        ("world/scenes:colour=1", {}, "has no dial 'colour'"),
        ("world/scenes:noise=much", {}, "the dial noise is 'much'"),
        ("world/scenes:noise=0.1,noise=0.2", {}, "given twice"),
        ("world/scenes:noise=nan", {}, "the dial noise is nan"),
        ("world/birds", {"noise": 0.1}, "noise is a dial of world/scenes"),
        ("world/birds:noise=0.1", {}, "made by the package and has no folder"),
        ("world/scenes:folder", {}, "made by the package and has no folder"),
    ],
)
def test_impossible_dials_are_refused_in_one_sentence(name, dials, message):
    with pytest.raises(InputError, match=message) as caught:
        load_dataset(name, "val", size=1, **dials)
    assert "\n" not in str(caught.value)


def test_the_key_of_dials_reads_back():
    dials = Dials(binding=0.25, synonyms=1)
    assert dials.key == "binding=0.25,synonyms=1" and Dials.read(dials.key) == dials and Dials().key == ""
