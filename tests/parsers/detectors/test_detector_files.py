"""Files of detections: whose name decides about the image, and where they are looked for."""

from __future__ import annotations

import json

import pytest
import tiny_data
from PIL import Image

import hetero_xmodal as hx
from hetero_xmodal.cli.main import run
from hetero_xmodal.data.registry import data_folders
from hetero_xmodal.errors import InputError
from hetero_xmodal.parsers.detectors.registry import beside_data


@pytest.fixture
def photos(tmp_path):
    """Three images that cannot be told apart but by their names, and a file with one box for each, a dog, a cat and a bird."""
    folder = tmp_path / "photos"
    folder.mkdir()
    rows = []
    for name, thing in (("a", "dog"), ("b", "cat"), ("c", "bird")):
        Image.new("RGB", (60, 40), "white").save(folder / f"{name}.png")
        (folder / f"{name}.txt").write_text(f"A {thing}.\n")
        rows.append({"image_id": f"{name}.png", "width": 60, "height": 40, "boxes": [[5, 5, 30, 30]], "labels": [thing], "scores": [0.9]})
    (folder / "mine.json").write_text(json.dumps(rows))
    return folder


def test_the_file_name_decides_without_id(photos):
    detector = str(photos / "mine.json")
    with Image.open(photos / "b.png") as opened:  # a PIL image knows the file it was opened from
        assert hx.parse_image(opened, detector=detector).objects[0].name == "cat"
        assert hx.parse_image(opened, detector=detector, id="c.png").objects[0].name == "bird"
        with pytest.raises(InputError, match="holds several images; give a path, or say which one with id="):
            hx.parse_image(opened.copy(), detector=detector)
    assert [s.objects[0].name for s in hx.parse_images([photos / "c.png", str(photos / "a.png")], detector=detector)] == ["bird", "dog"]


def test_edits_and_traces_know_the_image_by_its_name_too(photos):
    result = hx.manipulate(photos / "b.png", "This bird has red wings.", detector=str(photos / "mine.json"), beam=1)
    assert [thing.name for thing in result.image_scene.objects] == ["cat"]


def test_a_file_is_looked_for_where_one_stands_and_then_in_the_data_folder(photos, monkeypatch, tmp_path):
    assert beside_data("mine.json", [photos]) == str(photos / "mine.json")
    assert beside_data("scenes:mine.json", [tmp_path, photos]) == f"scenes:{photos / 'mine.json'}"
    assert beside_data("boxes:photos", [tmp_path]) == f"boxes:{photos}"
    for same in ("auto", "grid:3", "COCO-Detection/faster_rcnn_R_50_FPN_3x.yaml", "other.json", "../photos/mine.json", None, 3):
        assert beside_data(same, [photos]) == same
    monkeypatch.chdir(photos)
    assert beside_data("mine.json", [tmp_path]) == "mine.json"


def test_folders_of_data_sets(tmp_path):
    assert [str(f) for f in data_folders("vg:genome,graphs=vg150,names=alias")] == ["genome"]
    assert [str(f) for f in data_folders("features:mine/a.npz")] == ["mine"]
    assert data_folders(tmp_path) == [tmp_path] and data_folders([1]) == data_folders("world/scenes") == data_folders(None) == []


def test_commands_find_the_file_in_the_data_folder(photos, tmp_path, capsys):
    assert run(["graph", str(photos / "b.png"), "a cat", "--detector", "mine.json", "--out", str(tmp_path / "g")]) == 0
    assert json.loads((tmp_path / "g" / "image_scene.json").read_text())["objects"][0]["name"] == "cat"
    assert run(["graph", str(photos / "c.png"), "a cat", "--detections", "mine.json", "--out", str(tmp_path / "h")]) == 0
    assert run(["corpus", f"folder:{photos}", "--detector", "mine.json", "--split", "all", "--out", str(tmp_path / "c")]) == 0
    corpus = hx.GraphCorpus.load(tmp_path / "c")
    assert sorted(corpus.frame(unit="image")["id"]) == ["a.png", "b.png", "c.png"] and "mine.json" in json.dumps(corpus.info)
    assert run(["corpus", f"folder:{photos}", "--detector", "yours.json", "--split", "all", "--out", str(tmp_path / "d")]) == 2
    assert "detections 'yours.json' does not exist" in capsys.readouterr().err


def test_published_boxes_of_users_and_of_other_tools_go_with_every_layout(tmp_path):
    """folder: and coco: take detections, drawn boxes and scene graphs alike."""
    names = {"folder": tiny_data.plain_folder(tmp_path / "f"), "coco": tiny_data.coco(tmp_path / "c")}
    for kind, name in names.items():
        folder = data_folders(name)[0]
        rows = [
            {"image_id": k, "objects": [{"object_id": 1, "name": "dog", "x": 9, "y": 9, "w": 50, "h": 50, "score": 0.5}]}
            for k in range(1, 25)
        ]
        (folder / "other_tool.json").write_text(json.dumps(rows))
        detections = [
            {"image_id": f"{k}.jpg", "width": 220, "height": 200, "boxes": [[9, 9, 59, 59]], "labels": ["dog"]} for k in range(1, 25)
        ]
        (folder / "ours.json").write_text(json.dumps(detections))
        (folder / "drawn").mkdir()
        for k in range(1, 25):
            (folder / "drawn" / f"{k}.txt").write_text("0 0.5 0.5 0.2 0.2\n")
        (folder / "drawn" / "classes.txt").write_text("dog\n")
        for detector in ("ours.json", "scenes:other_tool.json", "boxes:drawn"):
            corpus = hx.build_corpus(name, tmp_path / f"{kind} {detector[:5]}", split="all", limit=3, detector=detector, progress=False)
            assert len(set(corpus.images)) == 3 and {n for k in range(3) for n in names_of(corpus, k)} == {"dog"}


def names_of(corpus, k):
    from hetero_xmodal import schema

    return schema.decode_text(corpus[k].nodes["visual"].data["name"])
