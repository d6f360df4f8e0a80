"""Boxes in the formats of YOLO, Pascal VOC and LabelMe: the same two boxes written in each give the same scene graph."""

from __future__ import annotations

import json

import pytest
from PIL import Image

import hetero_xmodal as hx
from hetero_xmodal.errors import InputError

CAT, DOG = (10.0, 20.0, 110.0, 70.0), (0.0, 0.0, 200.0, 100.0)  # in an image of 200 x 100 pixels


@pytest.fixture
def photo(tmp_path):
    Image.new("RGB", (200, 100)).save(tmp_path / "kitchen.png")
    (tmp_path / "labels").mkdir()
    return tmp_path / "kitchen.png"


def yolo(folder):
    (folder / "classes.txt").write_text("dog\ncat\n")
    (folder / "kitchen.txt").write_text("1 0.3 0.45 0.5 0.5\n\n0 0.5 0.5 1 1\n")


def yolo_with_yaml(folder):
    (folder.parent / "data.yaml").write_text("names: {0: dog, 1: cat}\nnc: 2\n")
    (folder / "kitchen.txt").write_text("\ufeff1 .05 .2 .55 .2 .55 .7 .05 .7\r\n0 0.5 0.5 1 1\r\n", encoding="utf-8")


def voc(folder):
    box = "<object><name>{}</name><bndbox><xmin>{}</xmin><ymin>{}</ymin><xmax>{}</xmax><ymax>{}</ymax></bndbox></object>"
    size = "<size><width>200</width><height>100</height><depth>3</depth></size>"
    objects = box.format("cat", 11, 21, 110, 70) + box.format("dog", 1, 1, 200, 100)
    (folder / "kitchen.xml").write_text(f"<annotation>{size}{objects}</annotation>")


def labelme(folder):
    shapes = [
        {"label": "cat", "shape_type": "rectangle", "points": [[110, 70], [10, 20]]},
        {"label": "dog", "shape_type": "polygon", "points": [[0, 50], [100, 0], [200, 50], [100, 100]]},
    ]
    (folder / "kitchen.json").write_text(json.dumps({"shapes": shapes, "imageWidth": 200, "imageHeight": 100}))


@pytest.mark.parametrize("write", [yolo, yolo_with_yaml, voc, labelme])
def test_every_format_gives_the_same_boxes(photo, write):
    write(photo.parent / "labels")
    scene = hx.parse_image(photo, detector=f"boxes:{photo.parent / 'labels'}")
    assert [(o.name, tuple(round(v, 4) for v in o.box), o.score) for o in scene.objects] == [("cat", CAT, 1), ("dog", DOG, 1)]
    assert {o.provenance for o in scene.objects} == {"annotated"}


@pytest.mark.parametrize("names", ["dog\n\ncat\n", "\ndog\ncat\n", "dog\n  \ncat"])
def test_an_empty_line_among_the_classes_is_refused(photo, names):
    yolo(photo.parent / "labels")
    (photo.parent / "labels" / "classes.txt").write_text(names)
    with pytest.raises(InputError, match=r"classes.txt', line [12] is empty, but a class is known by the number of its line"):
        hx.parse_image(photo, detector=f"boxes:{photo.parent / 'labels'}")
    (photo.parent / "labels" / "classes.txt").write_text("dog\ncat\n\n \n")
    assert len(hx.parse_image(photo, detector=f"boxes:{photo.parent / 'labels'}").objects) == 2


def test_all_boxes_of_a_folder_are_kept(photo):
    yolo(photo.parent / "labels")
    (photo.parent / "labels" / "kitchen.txt").write_text("".join(f"0 .{k} .5 .1 .1\n" for k in range(30, 80)))
    assert len(hx.parse_image(photo, detector=f"boxes:{photo.parent / 'labels'}").objects) == 50


def test_scores_make_detections_of_yolo_boxes(photo):
    folder = photo.parent / "labels"
    yolo(folder)
    (folder / "kitchen.txt").write_text("0 .5 .5 1 1 .25\n1 .3 .45 .5 .5 .75\n")
    scene = hx.parse_image(photo, detector=f"boxes:{folder}", score_threshold=0.5)
    assert [(o.name, o.score, o.provenance) for o in scene.objects] == [("cat", 0.75, "detected")]


def test_a_circle_becomes_its_box_and_a_point_is_left_out(photo):
    shapes = [
        {"label": "clock", "shape_type": "circle", "points": [[50, 50], [53, 54]]},
        {"label": "nail", "shape_type": "point", "points": [[5, 5]]},
    ]
    (photo.parent / "labels" / "kitchen.json").write_text(json.dumps({"shapes": shapes}))
    with pytest.warns(UserWarning, match="1 single points"):
        scene = hx.parse_image(photo, detector=f"boxes:{photo.parent / 'labels'}")
    assert [(o.name, o.box) for o in scene.objects] == [("clock", (45, 45, 55, 55))]


@pytest.mark.parametrize(
    "name, content, message",
    [
        ("kitchen.txt", "7 .5 .5 1 1", "class 7, but there are 2 names"),
        ("kitchen.txt", "0.5 .5 .5 1 1", "class 0.5"),
        ("kitchen.txt", "0 100 100 20 20", "outside the image"),
        ("kitchen.txt", "0 .5 .5", "line 1 holds 3 numbers"),
        ("kitchen.txt", "0 .5 .5 nan 1", "not finite"),
        ("kitchen.txt", "dog .5 .5 1 1", "expected numbers"),
        ("kitchen.xml", "<annotation><object><name>a</name></object></annotation>", "lacks a bndbox"),
        ("kitchen.xml", "<annotation>", "no readable XML"),
        ("kitchen.xml", '<!DOCTYPE a [<!ENTITY b "c">]><annotation/>', "document type"),
        ("kitchen.xml", "<annotation><size><width>9</width><height>9</height></size></annotation>", "9 x 9"),
        ("kitchen.json", '{"shapes": [{"label": "a", "points": [[1]]}]}', "points are"),
        ("kitchen.json", '{"shapes": [{"points": [[1, 2], [3, 4]]}]}', "label"),
        ("kitchen.json", '{"shapes": 3}', "shapes"),
        ("other.txt", "0 .5 .5 1 1", "no file for image 'kitchen.png'"),
    ],
)
def test_bad_files_are_refused_in_one_sentence(photo, name, content, message):
    folder = photo.parent / "labels"
    (folder / "classes.txt").write_text("dog\ncat\n")
    (folder / name).write_text(content)
    with pytest.raises(InputError, match=message):
        hx.parse_image(photo, detector=f"boxes:{folder}")


def test_without_names_the_classes_are_not_guessed(photo):
    (photo.parent / "labels" / "kitchen.txt").write_text("0 .5 .5 1 1")
    with pytest.raises(InputError, match=r"classes\.txt"):
        hx.parse_image(photo, detector=f"boxes:{photo.parent / 'labels'}")


def test_two_formats_of_one_image_and_empty_folders_are_refused(photo, tmp_path):
    folder = photo.parent / "labels"
    with pytest.raises(InputError, match="holds no"):
        hx.parse_image(photo, detector=f"boxes:{folder}")
    voc(folder)
    labelme(folder)
    with pytest.raises(InputError, match="several files for the image 'kitchen'"):
        hx.parse_image(photo, detector=f"boxes:{folder}")
    with pytest.raises(InputError, match="does not exist"):
        hx.parse_image(photo, detector=f"boxes:{tmp_path / 'nowhere'}")
