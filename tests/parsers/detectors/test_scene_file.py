"""Scene graphs of other tools as a detector: the formats of Visual Genome and GQA, with and without scores."""

from __future__ import annotations

import json
import warnings

import pytest
from PIL import Image

import hetero_xmodal as hx
from hetero_xmodal.errors import InputError
from hetero_xmodal.parsers.detectors.registry import load_detector

BOXES = {"1": ("Dog", 10, 20, 40, 30), "2": ("sofa", 0, 30, 100, 50), "3": ("lamp", 70, -5, 20, 30), "4": ("cat", 200, 10, 5, 5)}


def genome(scores=True):
    objects = [
        {"object_id": int(k), "names": [n], "x": x, "y": y, "w": w, "h": h} | ({"score": 1 - int(k) / 10} if scores else {})
        for k, (n, x, y, w, h) in BOXES.items()
    ]
    objects[0]["attributes"] = ["Brown", None, "small"]
    links = [
        {"predicate": "lying ON", "subject_id": 1, "object_id": 2} | ({"score": 0.4} if scores else {}),
        {"predicate": "near", "subject": {"object_id": 4}, "object": {"object_id": 1}},  # the cat lies outside the image
        {"predicate": None, "subject_id": 1, "object_id": 3},
    ]
    return [{"image_id": 7, "objects": objects, "relationships": links}, {"image_id": 8, "objects": [], "relationships": []}]


def gqa(scores=True):
    objects = {
        k: {"name": n, "x": x, "y": y, "w": w, "h": h, "attributes": [], "relations": []} | ({"score": 0.5 + int(k) / 10} if scores else {})
        for k, (n, x, y, w, h) in BOXES.items()
    }
    objects["1"]["relations"] = [
        {"name": "to the left of", "object": "3"} | ({"score": 0.8} if scores else {}),
        {"name": "on", "object": "2"},
    ]
    objects["3"]["relations"] = [{"name": "to the right of", "object": "1"}]
    return {"7": {"width": 100, "height": 80, "objects": objects}}


@pytest.fixture
def folder(tmp_path):
    for number in (7, 8):
        Image.new("RGB", (100, 80), (200, 200, 20 * number)).save(tmp_path / f"{number}.png")
    return tmp_path


def write(folder, data, name="scenes.json"):
    (folder / name).write_text(json.dumps(data))
    return f"scenes:{folder / name}"


def parse(folder, data, image="7.png", **options):
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        scene = hx.parse_image(folder / image, detector=write(folder, data), **options)
    return scene.check(), [str(one.message) for one in told]


def test_visual_genome_with_scores_by_hand(folder):
    scene, told = parse(folder, genome())
    assert [(o.name, o.attributes, o.box, round(o.score, 3)) for o in scene.objects] == [
        ("dog", ["brown", "small"], (10, 20, 50, 50), 0.9), ("sofa", [], (0, 30, 100, 80), 0.8), ("lamp", [], (70, 0, 90, 25), 0.7),
    ]  # fmt: skip
    assert [(r.subject, r.predicate, r.object, r.score) for r in scene.relations] == [(0, "lying on", 1, 0.4)]
    assert {o.provenance for o in scene.objects} | {r.provenance for r in scene.relations} == {"detected"}
    assert len(told) == 1 and "1 of 4 boxes has no area in the image and is left out" in told[0]
    assert scene.source["detector"] == "scenes:scenes.json" and scene.source["K"] == 36
    fewer, _ = parse(folder, genome(), score_threshold=0.75)
    assert [o.name for o in fewer.objects] == ["dog", "sofa"]
    best, _ = parse(folder, genome(), max_objects=1)
    assert [o.name for o in best.objects] == ["dog"] and best.relations == [] and best.source["left_out"] == 2
    assert parse(folder, genome(), image="8.png")[0].objects == []


def test_gqa_with_scores_by_hand(folder):
    scene, _ = parse(folder, gqa())
    assert [(o.name, round(o.score, 3)) for o in scene.objects] == [("lamp", 0.8), ("sofa", 0.7), ("dog", 0.6)]  # best first
    assert [(r.subject, r.predicate, r.object, r.score, r.mirror) for r in scene.relations] == [
        (2, "to the left of", 0, 0.8, False), (2, "on", 1, 1.0, False), (0, "to the right of", 2, 1.0, True),
    ]  # fmt: skip


@pytest.mark.parametrize("make", [genome, gqa])
def test_without_scores_they_are_annotations(make, folder):
    scene, _ = parse(folder, make(False))
    assert {o.provenance for o in scene.objects} | {r.provenance for r in scene.relations} == {"annotated"} and scene.source["K"] is None


def test_relations_are_derived_from_the_boxes_where_the_file_has_none(folder):
    data = genome()
    data[0].pop("relationships")
    assert {r.provenance for r in parse(folder, data)[0].relations} == {"geometry"}


def test_scores_and_provenance_are_in_the_graph(folder):
    from hetero_xmodal import schema

    scene, _ = parse(folder, genome())
    graph = hx.build_graph(scene, hx.parse_sentence("A dog is lying on a sofa."))
    hx.validate(graph)
    assert graph.nodes["visual"].data["score"].tolist() == pytest.approx([0.9, 0.8, 0.7])
    assert set(graph.nodes["visual"].data["provenance"].tolist()) == {schema.DETECTED}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: [], "expected a list of records"),
        (lambda d: {"7": 3}, "expected a list of records"),
        (lambda d: d + d, "describe image '7' a second time"),
        (lambda d: [{"objects": []}], "lacks the field 'image_id'"),
        (lambda d: d[1:], "has no image '7.png'"),
        (lambda d: [d[0] | {"width": 50, "height": 40}], "belong to an image of 50 x 40 pixels, but this one has 100 x 80"),
        (lambda d: d[0]["objects"][0].update(score=2) or d, "score is 2, expected a number in 0..1"),
        (lambda d: d[0]["objects"][0].update(x=None) or d, "x, y, w, h are"),
        (lambda d: d[0]["objects"][0].update(w=-1) or d, "the last two at least 0"),
        (lambda d: d[0]["objects"][1].update(object_id=1) or d, "1 object has the id of another one"),
        (lambda d: d[0]["relationships"][0].update(object_id=99) or d, "'lying on' names the object '99', which the image does not have"),
    ],
)
def test_files_that_cannot_be_used(change, message, folder):
    with pytest.raises(InputError, match=message) as error:
        parse(folder, change(genome()))
    assert "scenes.json" in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize("make", [genome, gqa])
def test_names_of_all_objects(make, folder):
    assert load_detector(write(folder, make())).labels == ["cat", "dog", "lamp", "sofa"]


def test_matching_takes_them_beside_the_patches_and_keeps_the_name(folder):
    from hetero_xmodal.data.tasks.matching import find_detector
    from hetero_xmodal.errors import InputError as Refused

    write(folder, genome())
    record = {"detector": "scenes:scenes.json"}
    source, kept = find_detector(record, [folder])
    assert source == f"scenes:{folder / 'scenes.json'}" and kept == record | {"in_data_folder": True}
    assert find_detector({"detector": source}, [folder]) == (source, kept)
    with pytest.raises(Refused, match="'scenes:none.json' are not where you are nor in the data folder"):
        find_detector({"detector": "scenes:none.json"}, [folder])


def test_a_changed_file_is_read_again_and_weights_are_refused(folder):
    first, _ = parse(folder, genome())
    data = genome()
    data[0]["objects"][0]["names"] = ["wolf"]
    assert parse(folder, data)[0].objects[0].name == "wolf" != first.objects[0].name
    with pytest.raises(InputError, match="takes no weights"):
        load_detector(write(folder, data), weights=folder / "scenes.json")
    with pytest.raises(InputError, match="scene graphs 'nowhere.json' does not exist"):
        load_detector("scenes:nowhere.json")
