"""load_dataset and its folders, build_dataset, verify_dataset, list_datasets, dataset_card."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hetero_xmodal.data import build as build_module
from hetero_xmodal.data import build_dataset, dataset_card, list_datasets, load_dataset, verify_dataset
from hetero_xmodal.data.world import item_hash
from hetero_xmodal.errors import InputError

REAL = os.environ.get("HETERO_XMODAL_REAL_DATA")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (dict(name="world/scene"), "did you mean 'world/scenes'"),
        (dict(name=3), "a data set is a text"),
        (dict(name="world/birds", split="trian"), "did you mean 'train'"),
        (dict(name="world/birds", size=-1), "size is -1"),
        (dict(name="world/birds", size=2.5), "size is 2.5"),
        (dict(name="world/birds", image_size=100), "nearest: 128"),
        (dict(name="world/birds", seed=-3), "seed is -3"),
        (dict(name="coco:"), "names no folder"),
        (dict(name="coco:/no/such/folder"), "does not exist"),
        (dict(name="folder:/no/such/folder"), "does not exist"),
    ],
)
def test_unusable_arguments_are_one_clear_sentence(call, message):
    with pytest.raises(InputError, match=message) as caught:
        load_dataset(**call)
    assert "\n" not in str(caught.value)


def test_sizes_of_splits_and_prefix():
    assert [len(load_dataset("world/scenes", s)) for s in ("train", "val", "test")] == [8000, 1000, 1000]
    assert item_hash(load_dataset("world/birds", "val", size=2)[1]) == item_hash(load_dataset("world/birds", "val", size=900)[1])
    assert len(load_dataset("world/birds", size=0)) == 0


def test_a_built_folder_loads_again_item_for_item_and_is_verified(tmp_path):
    out = tmp_path / "birds"
    report = build_dataset("world/birds", out, split="val", size=4)
    assert (report.items, report.sentences, report.dropped) == (4, 40, []) and not (tmp_path / "birds.part").exists()
    made, read = load_dataset("world/birds", "val", size=4), load_dataset(f"coco:{out}", "val")
    assert read.label_names == made.label_names and len(read) == 4
    for a, b in zip(made, read, strict=True):
        assert item_hash(a) == item_hash(b) and a.scene == b.scene and a.sentence_scenes == b.sentence_scenes
    coco = json.loads((out / "instances.json").read_text())
    x, y, w, h = coco["annotations"][0]["bbox"]
    assert (x, y, x + w, y + h) == made[0].scene.objects[0].box
    assert verify_dataset(out).ok and verify_dataset(out).checked == 4 + 3 + 4
    with pytest.raises(InputError, match="exists already"):
        build_dataset("world/birds", out, size=4)
    image = sorted((out / "images").iterdir())[2]
    image.write_bytes(image.read_bytes()[:300])
    (out / "scenes.json").write_text((out / "scenes.json").read_text().replace("bird", "bard"))
    problems = verify_dataset(out).problems
    assert len(problems) == 2 and any(image.name in p for p in problems) and any("scenes.json" in p for p in problems)


def test_an_interrupted_build_is_continued_and_nothing_half_written_is_left(tmp_path, monkeypatch):
    from hetero_xmodal.data import world

    out, make = tmp_path / "scenes", world.scene_item

    def broken(seed, split, index, image_size):
        if index == 2:
            raise KeyboardInterrupt
        return make(seed, split, index, image_size)

    monkeypatch.setattr(world, "scene_item", broken)
    with pytest.raises(KeyboardInterrupt):
        build_dataset("world/scenes", out, size=4)
    assert not out.exists() and len(list((tmp_path / "scenes.part" / "images").iterdir())) == 2
    monkeypatch.setattr(world, "scene_item", make)
    with pytest.raises(InputError, match="scenes.part' was started with items=4, now items=5 is requested; delete it, or repeat the call"):
        build_dataset("world/scenes", out, size=5)
    plan = json.loads((tmp_path / "scenes.part/plan.json").read_text())
    (tmp_path / "scenes.part/plan.json").write_text(json.dumps(plan | {"glow": 2}))
    with pytest.raises(InputError, match="was begun with glow=2, a setting that this version does not have; delete it, or repeat"):
        build_dataset("world/scenes", out, size=4)
    (tmp_path / "scenes.part/plan.json").write_text(json.dumps(plan))
    before = {p.name: p.stat().st_mtime_ns for p in (tmp_path / "scenes.part" / "images").iterdir()}
    assert build_dataset("world/scenes", out, size=4).items == 4
    assert all((out / "images" / name).stat().st_mtime_ns == time for name, time in before.items())
    assert verify_dataset(out).ok and not (out / "plan.json").exists()


def test_a_build_killed_before_its_very_last_step_is_completed_by_the_same_call(tmp_path):
    """The plan stays until the folder has its name, so that what a kill leaves is known as the package's own."""
    out = tmp_path / "scenes"
    build_dataset("world/scenes", out, size=2)
    before = sorted(path.name for path in out.iterdir())
    plan = {"name": "world/scenes", "split": "train", "items": 2, "seed": 0, "image_size": 128}
    (out / "plan.json").write_text(json.dumps(plan | {"seed": 1}))
    with pytest.raises(InputError, match="exists already"):
        build_dataset("world/scenes", out, size=2)
    (out / "plan.json").write_text(json.dumps(plan))
    assert build_dataset("world/scenes", out, size=2).items == 2
    assert sorted(path.name for path in out.iterdir()) == before and [path.name for path in tmp_path.iterdir()] == ["scenes"]


def test_a_second_build_of_the_same_folder_is_refused_while_the_first_runs(tmp_path):
    from hetero_xmodal.files import one_writer

    with one_writer(tmp_path / "scenes.part"), pytest.raises(InputError, match="being written by another run"):
        build_dataset("world/scenes", tmp_path / "scenes", size=2)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    (folder / "images").mkdir(parents=True)
    for k in range(3):
        Image.fromarray(np.full((20, 30, 3), 60 * k, np.uint8)).save(folder / "images" / f"p{k}.png")
    images = [{"id": 10 + k, "file_name": f"p{k}.png", "width": 30, "height": 20, "split": "val" if k == 2 else "train"} for k in range(3)]
    captions = [{"id": k, "image_id": 10 + k // 2, "caption": f" caption  {k}\n"} for k in range(5)]
    (folder / "captions.json").write_text(json.dumps({"images": images, "annotations": captions}))
    boxes = [
        {"id": 1, "image_id": 10, "category_id": 7, "bbox": [1, 2, 5, 6]},
        {"id": 2, "image_id": 10, "category_id": 9, "bbox": [40, 4, 30, 6], "iscrowd": 0},
    ]
    kinds = [{"id": 7, "name": "dog"}, {"id": 9, "name": "cat"}]
    (folder / "instances.json").write_text(
        json.dumps({"images": [{"id": 10, "width": 60, "height": 40}], "annotations": boxes, "categories": kinds})
    )
    return folder


def test_coco_captions_boxes_and_splits(photos):
    data = load_dataset(f"coco:{photos}")
    assert len(data) == 2 and data.label_names == ["dog", "cat"] and len(load_dataset(f"coco:{photos}", "all")) == 3
    first, second = data
    assert first.sentences == ["caption 0", "caption 1"] and first.id == "p0" and second.scene is None and second.labels is None
    # the boxes were annotated on an image of twice the size
    assert [o.box for o in first.scene.objects] == [(0.5, 1.0, 3.0, 4.0), (20.0, 2.0, 30.0, 5.0)]
    assert first.scene.relations[0].predicate == "left of" and first.labels.tolist() == [1, 1]
    with pytest.raises(InputError, match="no split 'vall'.*did you mean 'val'"):
        load_dataset(f"coco:{photos}", "vall")


@pytest.mark.parametrize(
    ("file", "change", "message"),
    [
        ("captions.json", lambda d: d.pop("images"), "no list 'images'"),
        ("captions.json", lambda d: d["annotations"][1].pop("caption"), "entry 1 of 'annotations' lacks the field 'caption'"),
        ("captions.json", lambda d: d["annotations"][0].update(image_id=99), "image 99"),
        ("captions.json", lambda d: d["annotations"][0].update(caption=None), "expected a text"),
        ("instances.json", lambda d: d["annotations"][0].update(category_id=5), "unknown category_id 5"),
        ("instances.json", lambda d: d["annotations"][0].update(bbox=[1, 2, float("nan"), 3]), "expected four finite numbers"),
    ],
)
def test_broken_coco_files_are_refused(photos, file, change, message):
    data = json.loads((photos / file).read_text())
    change(data)
    (photos / file).write_text(json.dumps(data))
    with pytest.raises(InputError, match=message):
        load_dataset(f"coco:{photos}")


def test_a_image_that_cannot_be_read_is_named_when_it_is_asked_for(photos, tmp_path):
    (photos / "images" / "p1.png").write_bytes(b"no image")
    data = load_dataset(f"coco:{photos}")
    assert data[0].sentences
    with pytest.raises(InputError, match="p1.png"):
        data[1]
    assert any("p1.png" in p for p in verify_dataset(photos).problems)
    report = build_dataset(f"coco:{photos}", tmp_path / "copy")
    assert report.items == 1 and "p1.png" in report.dropped[0][1]
    escape = json.loads((photos / "captions.json").read_text())
    escape["images"][0]["file_name"] = "../secret.png"
    (photos / "captions.json").write_text(json.dumps(escape))
    with pytest.raises(InputError, match="not a path inside the data folder"):
        load_dataset(f"coco:{photos}")[0]


def test_folder_with_text_files_and_with_a_table(photos):
    folder = photos / "images"
    (folder / "p0.txt").write_text("a black square\n\n  it is   dark \n", encoding="utf-8")
    data = load_dataset(f"folder:{folder}")
    assert len(data) == 3 and data[0].sentences == ["a black square", "it is dark"] and data[0].image.size == (30, 20)
    with pytest.raises(InputError, match="p1.png' has no caption"):
        data[1]
    (folder / "captions.csv").write_text(
        'image,caption,split\np1.png,"grey, plain",train\np0.png,black,val\np1.png,again,train\n', encoding="utf-8"
    )
    assert [i.sentences for i in load_dataset(f"folder:{folder}")] == [["grey, plain", "again"]]
    assert [i.id for i in load_dataset(f"folder:{folder}", "all")] == ["p1.png", "p0.png"]
    (folder / "captions.csv").write_text("picture,caption\np1.png,x\n")
    with pytest.raises(InputError, match="no column 'image'"):
        load_dataset(f"folder:{folder}")
    (folder / "captions.csv").write_text("image,caption\n../x.png,x\n")
    with pytest.raises(InputError, match="line 2.*inside the folder"):
        load_dataset(f"folder:{folder}")


def test_a_data_set_without_splits_stays_one(tmp_path):
    for k in range(3):
        (tmp_path / "photos").mkdir(exist_ok=True)
        Image.new("RGB", (8, 6), (60 * k, 10, 10)).save(tmp_path / "photos" / f"{k}.png")
        (tmp_path / "photos" / f"{k}.txt").write_text("a dark wall\n", encoding="utf-8")
    build_dataset(f"folder:{tmp_path / 'photos'}", tmp_path / "built", split="all", progress=False)
    images = json.loads((tmp_path / "built" / "captions.json").read_text(encoding="utf-8"))["images"]
    assert len(images) == 3 and not any("split" in image for image in images)
    assert len(load_dataset(f"coco:{tmp_path / 'built'}")) == 3
    with pytest.raises(InputError, match="its splits are train, all$"):
        load_dataset(f"coco:{tmp_path / 'built'}", split="vall")


def test_split_folders(tmp_path):
    for split in ("train", "val"):
        (tmp_path / split).mkdir()
        Image.new("RGB", (4, 4)).save(tmp_path / split / "a.jpg")
    assert load_dataset(f"folder:{tmp_path}", "val")._indices == range(1) and len(load_dataset(f"folder:{tmp_path}", "all")) == 2
    with pytest.raises(InputError, match="no split 'test'"):
        load_dataset(f"folder:{tmp_path}", "test")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="holds no image"):
        load_dataset(f"folder:{tmp_path / 'empty'}")


def test_hidden_folders_and_files_are_no_data(tmp_path):
    for name in ("a.png", ".edited.hx.tmp/b.png", "sub/.thumbnails/c.png", "sub/d.png", ".e.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8)).save(tmp_path / name)
        (tmp_path / name).with_suffix(".txt").write_text("a bird")
    assert [item.id for item in load_dataset(f"folder:{tmp_path}", split="all")] == ["a.png", "sub/d.png"]


def test_list_and_cards():
    rows = list_datasets()
    assert {"name", "what", "items", "licence", "where"} <= set(rows[0]) and "world/birds" in str(rows)
    assert "captions.csv" in dataset_card("folder") and "instances.json" in dataset_card("coco:somewhere")
    with pytest.raises(InputError, match="did you mean 'world'"):
        dataset_card("wrld")
    with pytest.raises(InputError, match="neither a folder nor"):
        verify_dataset("world/cats")


@pytest.mark.skipif(not REAL, reason="HETERO_XMODAL_REAL_DATA is not set, so the real photographs are not here")
def test_real_photographs():
    folder = Path(REAL or "") / "coco_photos"
    train, val = (load_dataset(f"coco:{folder}", s) for s in ("train", "val"))
    assert (len(train), len(val)) == (2279, 200)
    with_boxes = 0
    for item in train[:60]:
        assert len(item.sentences) >= 5
        if item.scene is not None:
            item.scene.check()
            with_boxes += 1
            assert int(item.labels.sum()) == len({o.name for o in item.scene.objects})
    assert with_boxes > 3


@pytest.mark.parametrize("how", [{}, {"do_compression": True}, {"format": "4"}], ids=["plain", "compressed", "version 4"])
def test_a_damaged_mat_file_is_refused_before_scipy_crashes_on_it(tmp_path, how):
    """scipy's reader ends the whole program on 1 of 600 such files; every bit of the first 400 bytes is flipped here, one at a time."""
    from scipy import sparse
    from scipy.io import savemat

    from hetero_xmodal.data.features import read_arrays

    arrays = {"inp": np.arange(6.0).reshape(2, 3), "s": sparse.csc_matrix(np.eye(3)), "text": "words", "c": np.array([[1 + 2j]])}
    if "format" not in how:
        arrays |= {"cell": np.array([["a", 1.0]], object), "struct": {"a": 1, "b": "x"}, "empty": np.zeros((0, 3))}
    savemat(tmp_path / "a.mat", arrays, **how)
    whole, data = read_arrays(tmp_path / "a.mat"), (tmp_path / "a.mat").read_bytes()
    assert whole["inp"].tolist() == arrays["inp"].tolist() and whole["s"].tolist() == np.eye(3).tolist() and set(whole) == set(arrays)
    refused = 0
    for place in range(min(400, len(data))):
        (tmp_path / "b.mat").write_bytes(data[:place] + bytes([data[place] ^ 1 << place % 8]) + data[place + 1 :])
        try:
            read_arrays(tmp_path / "b.mat")
        except InputError as error:
            refused += 1
            assert "b.mat" in str(error) and "\n" not in str(error)
    assert refused > 40


@pytest.mark.parametrize("there", [True, False], ids=["an empty folder", "nothing"])
def test_building_through_a_link_keeps_the_link(there, tmp_path):
    if there:
        (tmp_path / "disk" / "real").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "disk" / "real")
    report = build_dataset("world/birds", tmp_path / "link", size=2, image_size=64, progress=False)
    assert report.folder == tmp_path / "link" and (tmp_path / "link").is_symlink()
    assert load_dataset(f"coco:{tmp_path / 'disk' / 'real'}")[1].id == load_dataset(f"coco:{tmp_path / 'link'}")[1].id
    assert sorted(path.name for path in tmp_path.rglob("*.part*")) == []


def test_a_build_goes_on_with_images_that_were_edited_meanwhile(tmp_path, monkeypatch):
    (tmp_path / "photos").mkdir()
    for name in "abc":
        Image.new("RGB", (8, 8), "red").save(tmp_path / "photos" / f"{name}.png")
        (tmp_path / "photos" / f"{name}.txt").write_text("a square")
    usual = build_module._sha256

    def stopped(path):
        if len(list(path.parent.iterdir())) == 2:
            raise KeyboardInterrupt
        return usual(path)

    monkeypatch.setattr(build_module, "_sha256", stopped)
    with pytest.raises(KeyboardInterrupt):
        build_dataset(f"folder:{tmp_path / 'photos'}", tmp_path / "out", progress=False)
    monkeypatch.undo()
    first, second = sorted((tmp_path / "out.part" / "images").iterdir())
    Image.new("RGB", (8, 8), "blue").save(tmp_path / "photos" / "a.png")
    second.write_bytes(b"half")
    build_dataset(f"folder:{tmp_path / 'photos'}", tmp_path / "out", progress=False)
    colours = []
    for path in sorted((tmp_path / "out" / "images").iterdir()):
        with Image.open(path) as image:
            colours.append(image.convert("RGB").getpixel((3, 3)))
    assert first.name.startswith("a") and colours == [(0, 0, 255), (255, 0, 0), (255, 0, 0)]
