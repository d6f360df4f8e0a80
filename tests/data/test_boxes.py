"""Boxes are in the pixels of the image as it is: scaled only as sizes that are stated say, or when asked for, and never unequally."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

import hetero_xmodal as hx
from hetero_xmodal.data import load_dataset, open_source
from hetero_xmodal.data.boxes import cut, fit_boxes
from hetero_xmodal.data.tasks.editing import load_pairs
from hetero_xmodal.errors import InputError

BOX = [3, 5, 6, 4]  # x, y, width, height


def coco(folder, size=(30, 20), stated=(30, 20), box=BOX, orientation=None, **changes) -> str:
    """A folder with one photograph of *size* as stored, and one box."""
    (folder / "images").mkdir(parents=True)
    exif = Image.Exif()
    if orientation:
        exif[0x0112] = orientation
    Image.new("RGB", size).save(folder / "images" / "a.jpg", exif=exif)
    image = {"id": 1, "file_name": "a.jpg"}
    (folder / "captions.json").write_text(json.dumps({"images": [image], "annotations": [{"image_id": 1, "caption": "a dog"}]}))
    sizes = {} if stated is None else {"width": stated[0], "height": stated[1]}
    data = {
        "images": [image | sizes], "annotations": [{"image_id": 1, "category_id": 1, "bbox": box}],
        "categories": [{"id": 1, "name": "dog"}],
    } | changes  # fmt: skip
    (folder / "instances.json").write_text(json.dumps(data))
    return f"coco:{folder}"


def box_of(name) -> tuple[float, ...]:
    (thing,) = load_dataset(name)[0].scene.objects
    return thing.box


@pytest.mark.parametrize(
    ("size", "stated", "box"),
    [
        ((30, 20), (30, 20), (3, 5, 9, 9)),
        ((30, 20), ("30", 20.0), (3, 5, 9, 9)),
        ((30, 20), None, (3, 5, 9, 9)),
        ((60, 40), (30, 20), (6, 10, 18, 18)),  # an enlarged copy
        ((15, 10), (30, 20), (1.5, 2.5, 4.5, 4.5)),  # a reduced one
        ((30, 20), (20, 30), (3, 5, 9, 9)),  # width and height exchanged
    ],
)
def test_the_right_box(tmp_path, size, stated, box):
    assert box_of(coco(tmp_path / "d", size, stated)) == box


@pytest.mark.parametrize("orientation", [6, 8])
def test_a_rotated_photograph_with_the_size_of_its_stored_pixels(tmp_path, orientation):
    """The photograph is 20 pixels wide and 30 high when upright, its record says 30 and 20; the box is that of the upright photograph."""
    box = [3, 22, 6, 4]
    name = coco(tmp_path / "d", (30, 20), (30, 20), box, orientation)
    item = load_dataset(name)[0]
    assert item.image.size == (20, 30) and item.scene.objects[0].box == (3, 22, 9, 26)


def test_a_rotated_photograph_with_boxes_of_its_stored_pixels_is_refused(tmp_path):
    with pytest.raises(InputError, match="states? 30 x 20 pixels, but it has 20 x 30 upright, and boxes reach outside"):
        box_of(coco(tmp_path / "d", (30, 20), (30, 20), [22, 3, 6, 4], 6))


@pytest.mark.parametrize(
    ("stated", "box", "message"),
    [
        ((40, 20), BOX, "belong to an image of 40 x 20 pixels, but it has 30 x 20, another shape"),
        ((30, 30), BOX, "another shape"),
        (None, [40, 5, 6, 4], "that of 'dog' lies outside its 30 x 20 pixels"),
    ],
)
def test_no_box_is_stretched_unequally(tmp_path, stated, box, message):
    with pytest.raises(InputError, match=message):
        box_of(coco(tmp_path / "d", (30, 20), stated, box))


def test_rounded_sizes_are_of_one_shape():
    boxes = [(10.0, 20.0, 30.0, 40.0)]
    assert np.allclose(fit_boxes(boxes, (500, 333), (300, 200), "x"), [(6, 12.01, 18, 24.02)], atol=0.01)  # 333 * .6 is 199.8
    assert fit_boxes([(1.0, 2.0, 3.0, 4.0)], (30, 29), (29, 30), "x") == [(1, 2, 3, 4)]
    assert cut((5.0, 1.0, 5.0 + 1e-9, 3.0), (9, 9)) is None  # 32-bit numbers cannot tell its sides apart


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"categories": [{"id": 1, "name": "dog"}, {"id": 2, "name": "dog"}]}, "two categories have the name 'dog', with the ids 1 and 2"),
        ({"categories": [{"id": 1, "name": "dog"}, {"id": "1", "name": "cat"}]}, "two categories have the id 1, 'dog' and 'cat'"),
        ({"categories": [{"id": 1, "name": "dog"}, {"id": 2, "name": " "}]}, "entry 1 of 'categories': 'name' is ' ', expected a text"),
        ({"annotations": [{"image_id": 1, "category_id": 1, "bbox": [3, 5, -6, 4]}]}, "the last two at least 0"),
        ({"images": [{"id": 1, "width": "wide", "height": 20}]}, "'width' is 'wide', expected a whole number"),
        ({"images": [{"id": 1, "width": 30}]}, "has only one of 'width' and 'height'"),
        ({"images": [{"id": 1, "width": 0, "height": 20}]}, "'width' is 0, expected a whole number of at least 1"),
    ],
)
def test_categories_and_sizes_that_cannot_be(tmp_path, changes, message):
    with pytest.raises(InputError, match=message):
        open_source(coco(tmp_path / "d", **changes))


def test_a_box_without_area_is_left_out_and_counted(tmp_path):
    boxes = [{"image_id": 1, "category_id": 1, "bbox": box} for box in (BOX, [3, 5, 0, 4])]
    source = open_source(coco(tmp_path / "d", annotations=boxes))
    assert [o.box for o in source.items()[0].scene.objects] == [(3, 5, 9, 9)]
    assert "1 box has no area and is left out" in source.notes[0]


@pytest.mark.parametrize("attributes", [[None, "red", ""], ["red"]])
def test_null_attributes_are_no_words(tmp_path, attributes):
    row = {"image_id": 1, "category_id": 1, "bbox": BOX, "attributes": attributes}
    assert load_dataset(coco(tmp_path / "d", annotations=[row]))[0].scene.objects[0].attributes == ["red"]


def test_attributes_that_are_no_words_are_left_out_and_counted(tmp_path):
    row = {"image_id": 1, "category_id": 1, "bbox": BOX, "attributes": {"occluded": False}}
    source = open_source(coco(tmp_path / "d", annotations=[row]))
    assert source.items()[0].scene.objects[0].attributes == [] and "attributes of 1 annotations are no lists of words" in source.notes[0]


# ---------------------------------------------------------------------------------------------- files of detections


def test_a_detection_without_area_does_not_refuse_the_picture(tmp_path):
    Image.new("RGB", (30, 20)).save(tmp_path / "a.png")
    row = {"image_id": "a.png", "width": "30", "height": 20.0, "labels": ["cup", "dog", "cat"]}
    row["boxes"] = [[1, 2, 11, 12], [4, 4, 4, 9], [30, 3, 30, 9]]
    (tmp_path / "boxes.json").write_text(json.dumps([row]))
    with pytest.warns(UserWarning, match="2 of 3 boxes have no area and are left out"):
        scene = hx.parse_image(tmp_path / "a.png", detector=tmp_path / "boxes.json")
    assert [(o.name, o.box) for o in scene.objects] == [("cup", (1, 2, 11, 12))]


@pytest.mark.parametrize(
    ("categories", "message"),
    [
        ([{"id": 1, "name": "dog"}, {"id": 2, "name": "dog"}], "two categories have the name 'dog'"),
        ([{"id": 1, "name": "dog"}, {"id": 1, "name": "cat"}], "two categories have the id 1"),
        ([{"id": 1, "name": None}], "'name' is None, expected a text"),
    ],
)
def test_categories_of_detections(tmp_path, categories, message):
    Image.new("RGB", (30, 20)).save(tmp_path / "a.png")
    data = {"images": [{"id": 1, "file_name": "a.png", "width": 30, "height": 20}], "annotations": [], "categories": categories}
    (tmp_path / "boxes.json").write_text(json.dumps(data))
    with pytest.raises(InputError, match=message):
        hx.parse_image(tmp_path / "a.png", detector=tmp_path / "boxes.json")


# ---------------------------------------------------------------------------------------------- Visual Genome


def genome(folder, size=(300, 200), stated=(300, 200), predicates=("on",), attributes=()) -> str:
    (folder / "images").mkdir(parents=True)
    Image.new("RGB", size).save(folder / "images" / "1.jpg")
    objects = [{"object_id": k, "names": [n], "x": 20, "y": 10, "w": 60, "h": 50} for k, n in enumerate(("dog", "cat", "cup"))]
    objects[0]["attributes"] = list(attributes)
    relations = [{"predicate": p, "subject_id": 0, "object_id": 1} for p in predicates]
    (folder / "scene_graphs.json").write_text(json.dumps([{"image_id": 1, "objects": objects, "relationships": relations}]))
    (folder / "image_data.json").write_text(json.dumps([{"image_id": 1, "width": stated[0], "height": stated[1]}]))
    return f"vg:{folder}"


def test_null_predicates_and_attributes_do_not_become_words(tmp_path):
    name = genome(tmp_path / "d", predicates=("on", None, " "), attributes=(None, " Red ", ""))
    source = open_source(name)
    scene = source.items("all")[0].scene
    assert [r.predicate for r in scene.relations] == ["on"] and scene.objects[0].attributes == ["red"]
    assert "2 relations have no predicate and are left out" in source.notes[0]


def test_graphs_of_another_size_are_scaled_and_of_another_shape_refused(tmp_path):
    assert load_dataset(genome(tmp_path / "a", (600, 400)), "all")[0].scene.objects[0].box == (40, 20, 160, 120)
    for k, stated in enumerate([(200, 300), (300, 300)]):
        name = genome(tmp_path / str(k), (300, 200), stated)
        with pytest.raises(InputError, match="another shape|but it has 300 x 200 upright"):
            load_dataset(name, "all")[0]
        with pytest.raises(InputError, match="another shape|but it has 300 x 200 upright"):
            load_pairs(name, "all", image_size=64)[0]


# ---------------------------------------------------------------------------------------------- CUB


def cub(folder, photos, boxes, **lists) -> str:
    base, names = folder / "CUB_200_2011", [f"00{1 + k % 2}.Red/P_{k}.jpg" for k in range(len(photos))]
    for name, size in zip(names, photos, strict=True):
        for path in (base / "images" / name, folder / "text" / name):
            path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", size).save(base / "images" / name)
        (folder / "text" / name).with_suffix(".txt").write_text("a bird\n")
    rows = {
        "images": names, "image_class_labels": [1 + k % 2 for k in range(len(photos))], "classes": ["001.Red", "002.Red"],
        "bounding_boxes": boxes, "train_test_split": [1] * len(photos),
    } | lists  # fmt: skip
    for name, values in rows.items():
        (base / f"{name}.txt").write_text("".join(f"{number} {value}\n" for number, value in enumerate(values, 1)))
    return f"cub:{folder}"


def boxes_of(name) -> list[tuple[float, ...]]:
    return [item.scene.objects[0].box for item in load_dataset(name, "all")]


def test_one_box_over_the_edge_is_cut_and_the_others_stay(tmp_path):
    """Two pixels too wide: before, every box of the data set was multiplied by .6."""
    name = cub(tmp_path, [(300, 200)] * 4, ["10 20 30 40", "100 20 202 40", "10 20 30 40", "10 20 30 40"])
    assert boxes_of(name) == [(10, 20, 40, 60), (100, 20, 300, 60), (10, 20, 40, 60), (10, 20, 40, 60)]


REDUCED = [(300, 200)] * 4
PUBLISHED = ["50 100 400 200", "100 50 380 250", "10 20 480 300", "10 20 30 40"]  # in photographs of 500 x 333 pixels


def test_reduced_photographs_are_refused_unless_it_is_said_what_they_were(tmp_path):
    name = cub(tmp_path, REDUCED, PUBLISHED)
    assert len(open_source(name).records) == 4  # captions and labels do not need the boxes
    with pytest.raises(InputError, match="3 of 4 boxes looked at reach outside.*sizes.txt.*boxes=original"):
        load_dataset(name, "all")[3]  # its own box lies inside, and would be wrong
    with pytest.raises(InputError, match="boxes looked at reach outside"):
        load_pairs(name, "all")


def test_boxes_are_scaled_when_asked_for_and_that_is_recorded(tmp_path):
    name = cub(tmp_path, REDUCED, PUBLISHED) + ",boxes=original"
    assert np.allclose(boxes_of(name)[0], (30, 60, 270, 180)) and np.allclose(boxes_of(name)[3], (6, 12, 24, 36))
    assert load_dataset(name, "all")[0].scene.source == {"boxes": "boxes=original"}
    assert "500 pixels on the longest side" in open_source(name).notes[0]
    assert load_pairs(name, "all", image_size=32)[0].image.size == (32, 32)
    with pytest.raises(InputError, match="boxes is 'mine'; it can be given, original"):
        open_source(name.replace("=original", "=mine"))


def test_boxes_are_scaled_by_a_file_of_sizes(tmp_path):
    name = cub(
        tmp_path,
        REDUCED,
        ["50 100 400 200", "100 50 380 250", "10 20 480 300", "10 20 30 40"],
        sizes=["500 333", "600 400", "500 333", "300 200"],
    )
    assert np.allclose(boxes_of(name)[0], (30, 60.06, 270, 180.18), atol=0.01) and boxes_of(name)[1] == (50, 25, 240, 150)
    assert boxes_of(name)[3] == (10, 20, 40, 60) and load_dataset(name, "all")[0].scene.source == {"boxes": "sizes.txt"}
    with pytest.raises(InputError, match="gives the sizes of the photographs, so 'boxes=original' cannot apply"):
        open_source(name + ",boxes=original")


@pytest.mark.parametrize(
    ("boxes", "message"),
    [
        (["10 20 nan 40"] * 2, "has the box .*nan.*expected x, y, width and height"),
        (["10 20 -30 40"] * 2, "has the box"),
        (["10 20 30 40", "280 20 60 40"], "reaches outside its 300 x 200 pixels"),
    ],
)
def test_a_box_that_cannot_be_is_named(tmp_path, boxes, message):
    with pytest.raises(InputError, match=message):
        boxes_of(cub(tmp_path, [(300, 200)] * 2, boxes))


def test_a_box_of_no_area_is_counted(tmp_path):
    source = open_source(cub(tmp_path, [(300, 200)] * 2, ["10 20 0 40", "10 20 30 40"]))
    assert [item.scene is None for item in source.items("all")] == [True, False]
    assert "1 box has no area and is left out" in source.notes[0]
