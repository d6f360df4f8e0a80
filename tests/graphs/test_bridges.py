"""Matching of regions and words: names, synonyms, head nouns, then attributes, then the detector's score."""

from __future__ import annotations

import itertools
import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hetero_xmodal import InputError, SceneGraph, SceneObject
from hetero_xmodal.graphs import Match, match_objects, name_similarity
from hetero_xmodal.graphs.synonyms import KINDS, SAME

COCO = (
    "person, bicycle, car, motorcycle, airplane, bus, train, truck, boat, traffic light, fire hydrant, stop sign, parking "
    "meter, bench, bird, cat, dog, horse, sheep, cow, elephant, bear, zebra, giraffe, backpack, umbrella, handbag, tie, "
    "suitcase, frisbee, skis, snowboard, sports ball, kite, baseball bat, baseball glove, skateboard, surfboard, tennis "
    "racket, bottle, wine glass, cup, fork, knife, spoon, bowl, banana, apple, sandwich, orange, broccoli, carrot, hot dog, "
    "pizza, donut, cake, chair, couch, potted plant, bed, dining table, toilet, tv, laptop, mouse, remote, keyboard, cell "
    "phone, microwave, oven, toaster, sink, refrigerator, book, clock, vase, scissors, teddy bear, hair drier, toothbrush"
).split(", ")


def matched(seen, named, **options) -> list[tuple[int, int]]:
    return [(m.region, m.thing) for m in match_objects(SceneGraph(seen), SceneGraph(named), **options)]


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("bird", "Bird ", 1.0),
        ("couch", "sofa", 0.9),
        ("tv", "television", 0.9),
        ("person", "skateboarder", 0.8),
        ("tv", "monitor", 0.8),  # a kind of television, which is a tv
        ("fire hydrant", "hydrant", 0.9),
        ("baseball bat", "bat", 0.7),
        ("person", "hockey player", 0.4),  # a player is a person
        ("dog", "house dog", 0.7),
        ("man", "woman", 0.0),
        ("baseball bat", "cricket bat", 0.0),
        ("hot dog", "dog", 0.0),
        ("orange", "apple", 0.0),
    ],
)
def test_similarity_of_names(first, second, expected):
    assert name_similarity(first, second) == name_similarity(second, first) == expected


def test_coco_classes_are_not_confused():
    """No two of the 80 classes match, except those whose synonyms overlap."""
    alike = {frozenset(pair) for pair in itertools.combinations(COCO, 2) if name_similarity(*pair)}
    assert len(COCO) == 80
    assert alike == {frozenset(("bear", "teddy bear")), frozenset(("cup", "wine glass"))}


def test_the_tables_are_consistent():
    words = [w for group in SAME for w in group] + [w for kinds in KINDS.values() for w in kinds]
    assert all(w == w.lower().strip() for w in words)
    for group in SAME:
        assert len(set(group)) == len(group)
    for name, kinds in KINDS.items():
        assert len(set(kinds)) == len(kinds) and name not in kinds


def test_every_synonym_of_the_default_world_is_known():
    vocabulary = pytest.importorskip("hetero_xmodal.parsers.world_vocabulary")
    for word, canonical in (vocabulary.CATEGORY_SYNONYMS | vocabulary.PART_SYNONYMS).items():
        assert name_similarity(word, canonical) > 0, (word, canonical)
    alike = {pair for pair in itertools.combinations(vocabulary.CATEGORIES, 2) if name_similarity(*pair)}
    assert not alike


def test_attributes_rank_above_the_detectors_score():
    birds = [SceneObject("bird", ["blue"], score=1.0), SceneObject("bird", ["red"], score=0.3)]
    assert matched(birds, [SceneObject("bird", ["red"])]) == [(1, 0)]
    assert matched(birds, [SceneObject("bird", ["red"]), SceneObject("bird", ["blue"])]) == [(1, 0), (0, 1)]
    assert matched(birds, [SceneObject("bird")]) == [(0, 0)]  # then the one with the higher score
    assert matched(birds, [SceneObject("bird"), SceneObject("bird", ["red"])]) == [(0, 0), (1, 1)]
    large = [SceneObject("cup", ["large"]), SceneObject("cup", ["small", "grey"])]
    assert matched(large, [SceneObject("cup", ["little"])]) == [(1, 0)] and matched(large, [SceneObject("cup", ["gray"])]) == [(1, 0)]


def test_names_rank_above_attributes():
    seen = [SceneObject("couch", ["red"]), SceneObject("sofa", ["blue"])]
    assert matched(seen, [SceneObject("sofa", ["red"])]) == [(1, 0)]


def test_a_contradiction_halves_the_score_but_still_matches():
    (match,) = match_objects(SceneGraph([SceneObject("bird", ["blue"], score=0.8)]), SceneGraph([SceneObject("bird", ["red"])]))
    assert match == Match(0, 0, "bird", 0.4)


def test_no_match_own_synonyms_and_min_score():
    davenport = [SceneObject("davenport")]
    assert matched([SceneObject("couch")], davenport) == [] == matched([], davenport) == matched(davenport, [])
    assert matched([SceneObject("couch")], davenport, synonyms={"couch": ["Davenport"]}) == [(0, 0)]
    assert matched([SceneObject("dog")], [SceneObject("puppy")], min_score=0.81) == []
    for bad in (2, float("nan")):
        with pytest.raises(InputError, match="min_score is .*, expected a number in 0..1"):
            matched([], [], min_score=bad)


objects = st.lists(
    st.builds(
        SceneObject,
        st.sampled_from(["bird", "duck", "person", "man", "woman", "sofa", "couch"]),
        st.lists(st.sampled_from(["red", "blue", "big"]), max_size=2, unique=True),
        st.none(),
        st.sampled_from([0.0, 0.5, 0.9]),
    ),
    max_size=6,
)


@given(objects, objects)
def test_matching_is_one_to_one_and_maximal(seen, named):
    matches = match_objects(SceneGraph(seen), SceneGraph(named))
    regions, things = [m.region for m in matches], [m.thing for m in matches]
    assert len(set(regions)) == len(regions) and len(set(things)) == len(things) and things == sorted(things)
    for m in matches:
        assert 0 <= m.score <= name_similarity(seen[m.region].name, named[m.thing].name)
    for region in set(range(len(seen))) - set(regions):
        for thing in set(range(len(named))) - set(things):
            assert not name_similarity(seen[region].name, named[thing].name)


def test_real_captions_match_the_annotated_objects():
    """Of COCO's annotated classes that a caption could name, most are matched; classes and captions are annotated by people."""
    folder = os.environ.get("HETERO_XMODAL_REAL_DATA")
    if not folder:
        pytest.skip("needs real photos: set HETERO_XMODAL_REAL_DATA")
    import hetero_xmodal as hx

    data = json.loads((Path(folder) / "coco_photos" / "instances.json").read_text())
    names = {c["id"]: c["name"] for c in data["categories"]}
    seen: dict[int, set[str]] = {}
    for annotation in data["annotations"]:
        seen.setdefault(annotation["image_id"], set()).add(names[annotation["category_id"]])
    captions = json.loads((Path(folder) / "coco_photos" / "captions.json").read_text())["annotations"]
    first: dict[int, str] = {}
    for annotation in captions:
        if annotation["image_id"] in seen and annotation["caption"].strip():
            first.setdefault(annotation["image_id"], annotation["caption"])
    scenes = hx.parse_sentences(list(first.values()))
    with_bridge = sum(
        bool(match_objects(SceneGraph([SceneObject(n) for n in sorted(seen[image])]), scene))
        for image, scene in zip(first, scenes, strict=True)
    )
    assert len(first) > 300 and with_bridge / len(first) > 0.85


def test_both_unicode_forms_of_a_name_are_one_name():
    composed, decomposed = "caf\u00e9", "cafe\u0301"
    assert name_similarity(composed, decomposed) == 1.0
    image = SceneGraph(objects=[SceneObject(composed, box=(0, 0, 9, 9))], size=(9, 9))
    sentence = SceneGraph(objects=[SceneObject(decomposed)])
    assert len(match_objects(image, sentence)) == 1
