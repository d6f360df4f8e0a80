"""``segmentation`` of COCO's layout: polygons and run lengths, as pycocotools reads them, and a data set that is written with masks."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import hetero_xmodal as hx
from hetero_xmodal.data.segmentation import _counts, read_segmentation
from hetero_xmodal.errors import InputError
from hetero_xmodal.fields import Fields
from hetero_xmodal.region_masks import decode_mask, encode_mask


def read(value):
    return read_segmentation(Fields({"segmentation": value}, "entry 3"))


def blob(height: int, width: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).random((height, width)) < 0.4


@given(st.integers(1, 12), st.integers(1, 12), st.integers(0, 2**32 - 1))
def test_run_lengths_as_a_text_are_those_of_pycocotools(height, width, seed):
    from pycocotools import mask as masks

    mask = blob(height, width, seed)
    text = masks.encode(np.asfortranarray(mask.astype(np.uint8)))["counts"].decode()
    assert _counts(text) == encode_mask(mask)["counts"]


def test_long_run_lengths_as_a_text():
    from pycocotools import mask as masks

    mask = np.zeros((700, 900), np.uint8)
    mask[100:600, 3:850] = 1
    mask[300:310, 400:500] = 0
    given = {"size": [700, 900], "counts": masks.encode(np.asfortranarray(mask))["counts"].decode()}
    assert np.array_equal(decode_mask(read(given).mask((900, 700), (900, 700), "it")), mask.astype(bool))


def test_polygons_in_the_pixels_of_the_image_as_it_is():
    square = [2.0, 1.0, 6.0, 1.0, 6.0, 5.0, 2.0, 5.0]
    mask = decode_mask(read([square]).mask((10, 8), (10, 8), "it"))
    assert mask[1:5, 2:6].all() and mask.sum() == 16
    twice = decode_mask(read([square, [8, 6, 10, 6, 10, 8, 8, 8]]).mask((10, 8), (20, 16), "it"))  # the image was enlarged
    assert twice[2:10, 4:12].all() and twice[12:16, 16:20].all() and twice.sum() == 64 + 16
    outside = decode_mask(read([[-50, -50, 4, -50, 4, 400, -50, 400]]).mask(None, (10, 8), "it"))
    assert outside[:, :4].all() and outside.sum() == 32
    assert read([[1, 1, 2, 2]]) is None and read(None) is None and read([]) is None
    assert read([[20, 20, 30, 20, 30, 30]]).mask((10, 8), (10, 8), "it") is None


def test_run_lengths_of_an_image_that_was_enlarged():
    mask = np.zeros((4, 5), bool)
    mask[1:3, 2:4] = True
    given = read(encode_mask(mask))
    assert np.array_equal(decode_mask(given.mask((5, 4), (10, 8), "it")), mask.repeat(2, 0).repeat(2, 1))
    with pytest.raises(InputError, match="it: .*another shape"):
        given.mask((5, 4), (30, 8), "it")
    with pytest.raises(InputError, match="it: a mask has 5 x 4 pixels, but the upright image 4 x 5"):
        given.mask((5, 4), (4, 5), "it")


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("12", "'segmentation' is '12', expected polygons"),
        ([1, 2, 3, 4, 5, 6], "expected polygons"),
        ([[1, 2, 3, 4, 5]], "as many x as y"),
        ([[1, 2, "3", 4, 5, 6]], "of finite numbers"),
        ([[1, 2, float("nan"), 4, 5, 6]], "of finite numbers"),
        ({"size": [2, 2]}, "expected COCO's run lengths"),
        ({"size": [2, 2], "counts": [1, 2]}, "sum to 3"),
        ({"size": [2, 2], "counts": [1, -2, 5]}, "expected whole numbers"),
        ({"size": [2, 2], "counts": "4\u0100"}, "no run lengths in COCO's text form"),
        ({"size": [2, 2], "counts": "T"}, "no run lengths in COCO's text form"),  # says that more follows
        ({"size": [2, 2], "counts": "1" + "o" * 30}, "no run lengths in COCO's text form"),
    ],
)
def test_what_is_no_outline_is_refused_in_one_sentence(value, said):
    with pytest.raises(InputError, match=said) as refused:
        read(value)
    assert str(refused.value).startswith("entry 3") and "\n" not in str(refused.value)


@pytest.fixture
def photographs(tmp_path) -> str:
    """Two photographs in COCO's layout: a cat as a polygon, a dog as run lengths, one as a text, and a mouse with a box alone."""
    from pycocotools import mask as masks

    root = tmp_path / "coco"
    (root / "images").mkdir(parents=True)
    dog = np.zeros((30, 40), np.uint8)
    dog[10:20, 5:15] = 1
    text = masks.encode(np.asfortranarray(dog))["counts"].decode()
    outlines = [[[20, 2, 30, 2, 30, 8, 20, 8]], encode_mask(dog), {"size": [30, 40], "counts": text}, None]
    boxes = [[20, 2, 10, 6], [5, 10, 10, 10], [5, 10, 10, 10], [0, 0, 4, 4]]
    for k in (1, 2):
        Image.new("RGB", (40, 30), (90, 120, 60)).save(root / "images" / f"{k}.png")
    images = [{"id": k, "file_name": f"{k}.png", "width": 40, "height": 30, "split": "train"} for k in (1, 2)]
    captions = [{"id": k, "image_id": k, "caption": "a cat and a dog"} for k in (1, 2)]
    rows = [
        {"id": n, "image_id": image, "category_id": category, "bbox": box, "segmentation": outline, "iscrowd": 0}
        for n, (image, category, box, outline) in enumerate(zip((1, 1, 2, 2), (1, 2, 2, 3), boxes, outlines, strict=True), 1)
    ]
    kinds = [{"id": k, "name": name} for k, name in enumerate(("cat", "dog", "mouse"), 1)]
    (root / "captions.json").write_text(json.dumps({"images": images, "annotations": captions}))
    (root / "instances.json").write_text(json.dumps({"images": images, "annotations": rows, "categories": kinds}))
    return f"coco:{root}"


def test_the_reader_gives_masks_and_what_is_written_has_them_too(photographs, tmp_path):
    first, second = hx.load_dataset(photographs, "train")
    cat, dog = (decode_mask(thing.mask) for thing in first.scene.objects)
    assert cat[2:8, 20:30].all() and cat.sum() == 60 and dog[10:20, 5:15].all() and dog.sum() == 100
    assert second.scene.objects[0].mask == first.scene.objects[1].mask and second.scene.objects[1].mask is None
    hx.data.build_dataset(photographs, tmp_path / "out", split="all", progress=False)
    again = hx.load_dataset(f"coco:{tmp_path / 'out'}", "train")
    assert [item.scene for item in again] == [first.scene, second.scene]
    (tmp_path / "out" / "scenes.json").unlink()  # COCO's own files say it too
    other = hx.load_dataset(f"coco:{tmp_path / 'out'}", "train")
    assert [[thing.mask for thing in item.scene.objects] for item in other] == [[t.mask for t in i.scene.objects] for i in again]


def test_pycocotools_reads_what_is_written(photographs, tmp_path, capsys):
    from pycocotools.coco import COCO

    hx.data.build_dataset(photographs, tmp_path / "out", split="all", progress=False)
    coco = COCO(str(tmp_path / "out" / "instances.json"))
    masks = [decode_mask(t.mask) for item in hx.load_dataset(photographs, "train") for t in item.scene.objects if t.mask is not None]
    rows = [row for row in coco.loadAnns(coco.getAnnIds()) if "segmentation" in row]
    assert len(rows) == 3 and [row["area"] for row in rows] == [60, 100, 100]
    assert all(np.array_equal(coco.annToMask(row).astype(bool), mask) for row, mask in zip(rows, masks, strict=True))


def test_the_tiny_set_of_the_campaign_has_every_layout(tmp_path):
    from tiny_data import coco_with_outlines

    things = [item.scene.objects[0] for item in hx.load_dataset(coco_with_outlines(tmp_path / "d"), "all")][:3]
    triangle, square, given = (decode_mask(thing.mask) for thing in things)
    x1, y1, x2, y2 = (int(v) for v in things[1].box)
    assert square[y1:y2, x1:x2].all() and square.sum() == (x2 - x1) * (y2 - y1)
    assert 0.4 < triangle.sum() / 2500 < 0.6 and given.sum() == 900 and given[60:119, 69].all() and not given[59:, 70].any()
