"""Where facts come from, and which of two directions is counted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import hetero_xmodal as hx
from hetero_xmodal.parsers.detectors.grid import patch_relations
from hetero_xmodal.parsers.detectors.world import world_relations
from hetero_xmodal.parsers.geometry import mark_mirrors, relations_between
from hetero_xmodal.scenes import SceneRelation

#: a row of three, far apart, and a cup close under the first: (dog, cat, bird, cup)
BOXES = [(0, 40, 20, 60), (80, 40, 100, 60), (160, 40, 180, 60), (0, 62, 20, 80)]


def facts(relations, names) -> set[tuple[str, str, str]]:
    return {(names[r.subject], r.predicate, names[r.object]) for r in relations if not r.mirror}


def test_of_two_directions_one_is_counted_whatever_the_order_of_the_objects():
    names = ["dog", "cat", "bird", "cup"]
    wanted = {
        ("dog", "left of", "cat"),
        ("dog", "left of", "bird"),
        ("cat", "left of", "bird"),
        ("cup", "near", "dog"),  # by the alphabet
        ("cup", "left of", "cat"),
        ("cup", "left of", "bird"),
    }
    found = relations_between(BOXES, names, size=(200, 100))
    assert len(found) == 12 and facts(found, names) == wanted and {r.provenance for r in found} == {"geometry"}
    order = [3, 1, 0, 2]
    again = relations_between([BOXES[k] for k in order], [names[k] for k in order], size=(200, 100))
    assert facts(again, [names[k] for k in order]) == wanted and sum(r.mirror for r in again) == 6


def test_equal_names_and_relations_without_a_way_back():
    near = relations_between([(0, 0, 10, 10), (11, 0, 20, 10)], ["dog", "dog"], size=(100, 100))
    assert [(r.subject, r.mirror) for r in near] == [(0, False), (1, True)]
    alone = [SceneRelation(0, "right of", 1), SceneRelation(1, "near", 0), SceneRelation(0, "near", 0), SceneRelation(0, "on", 1)]
    assert not any(r.mirror for r in mark_mirrors(alone, ["a", "b"]))  # no other direction is listed
    stack = relations_between([(0, 20, 10, 30), (0, 80, 10, 95)], ["kite", "box"], size=(100, 100))
    assert [(r.predicate, r.mirror) for r in stack] == [("above", False), ("below", True)]


def test_hold_is_a_rule_of_the_world_only():
    boxes, names = [(20, 10, 60, 90), (50, 50, 70, 70)], ["person", "ball"]
    assert facts(relations_between(boxes, names, size=(100, 100)), names) == {("ball", "near", "person")}
    held = relations_between(boxes, names, size=(100, 100), hold=True)
    assert [(r.subject, r.predicate, r.object, r.mirror) for r in held] == [(0, "hold", 1, False)]
    assert [r.predicate for r in world_relations(np.array(boxes, np.float32), names, (100, 100))] == ["hold"]


def test_patches_and_their_neighbours_are_prior():
    relations = patch_relations(3)
    assert {r.provenance for r in relations} == {"prior"} and [r.mirror for r in relations] == [False, True] * 12
    assert {r.predicate for r in relations if not r.mirror} == {"left of", "above"}
    scene = hx.parse_image(np.full((40, 60, 3), 255, np.uint8), detector="grid:2")
    assert {thing.provenance for thing in scene.objects} == {"prior"}


def test_the_worlds_own_scenes():
    item = hx.load_dataset("world/scenes", "val", size=1)[0]
    assert {thing.provenance for thing in item.scene.objects} == {"annotated"}
    assert {r.provenance for r in item.scene.relations} <= {"geometry"}
    bird = hx.load_dataset("world/birds", "val", size=1)[0].scene
    assert {(r.predicate, r.provenance, r.mirror) for r in bird.relations} == {("have", "annotated", False)}


def test_what_a_parser_reads_is_parsed():
    pytest.importorskip("spacy")
    scene = hx.parse_sentence("A red bird sits on a wooden fence next to the man's hat.")
    assert {thing.provenance for thing in scene.objects} == {"parsed"} and {r.provenance for r in scene.relations} == {"parsed"}


def test_scenes_keep_provenance_mirror_and_number_in_files(tmp_path: Path):
    things = [hx.SceneObject("bird", ["red"], number=-1, provenance="detected", attribute_provenance="measured"), hx.SceneObject("sky")]
    relations = [SceneRelation(0, "left of", 1, provenance="geometry"), SceneRelation(1, "right of", 0, mirror=True)]
    scene = hx.SceneGraph(things, relations)
    assert hx.SceneGraph.from_dict(scene.to_dict()) == scene
    plain = hx.SceneGraph([hx.SceneObject("sky")], [SceneRelation(0, "on", 0)]).to_dict()
    assert set(plain["objects"][0]) == {"name", "attributes", "score"} and set(plain["relations"][0]) == {
        "subject", "predicate", "object", "score"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("source", "objects", "relations"),
    [
        ({}, "annotated", "annotated"),
        ({"parser": "annotations"}, "annotated", "annotated"),
        ({"parser": "image", "detector": "world"}, "detected", "geometry"),
        ({"parser": "image", "detector": "grid:7"}, "prior", "prior"),
        ({"parser": "hetero_xmodal.sentence"}, "parsed", "parsed"),
        ({"parser": "truth"}, "annotated", "geometry"),
    ],
)
def test_files_of_version_1_say_it_by_their_parser(source, objects, relations):
    old = {
        "version": 1,
        "objects": [{"name": "bird", "attributes": [], "score": 1.0}],
        "relations": [{"subject": 0, "predicate": "on", "object": 0, "score": 1.0}],
        "source": source,
    }
    scene = hx.SceneGraph.from_dict(old)
    assert scene.objects[0].provenance == objects and scene.relations[0].provenance == relations
    assert hx.SceneGraph.from_dict(scene.to_dict()) == scene  # in the new version


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (dict(provenance="detector"), "provenance is 'detector' .did you mean 'detected'"),
        (dict(attribute_provenance=3), "attribute_provenance is 3"),
        (dict(number=-2), "number is -2, expected how many as a whole number, 0 unknown or -1 several"),
        (dict(number=True), "number is True"),
    ],
)
def test_wrong_values_are_refused(change, words):
    with pytest.raises(hx.InputError, match=words):
        hx.SceneGraph([hx.SceneObject("bird", **change)]).check()


def test_wrong_values_of_relations_are_refused():
    with pytest.raises(hx.InputError, match="relation 0 .'on'.: mirror is 1, expected True or False"):
        hx.SceneGraph([hx.SceneObject("a")], [SceneRelation(0, "on", 0, mirror=1)]).check()
    with pytest.raises(
        hx.InputError, match="provenance is None; known are annotated, detected, geometry, parsed, measured, prior, predicted"
    ):
        hx.SceneGraph([hx.SceneObject("a")], [SceneRelation(0, "on", 0, provenance=None)]).check()
