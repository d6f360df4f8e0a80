"""Regions that are grid patches and detected objects: what they hold, where the file of detections is found, and the commands."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional as F

from hetero_xmodal.data.regions import Regions, open_regions, select_regions
from hetero_xmodal.data.store import BlockFile
from hetero_xmodal.data.tasks.matching import (
    extract_regions,
    find_detector,
    load_extractor,
    load_matching_data,
    load_test_split,
    region_provenance,
    with_objects,
)
from hetero_xmodal.errors import InputError

pytestmark = pytest.mark.filterwarnings("ignore:.*has no splits")
COLOURS = {"cup": (200, 40, 40), "ball": (40, 60, 200)}
SMALL = {"extractor": "grid+objects", "patches": 2, "side": 64, "mirror": "no", "objects": 3}


def photo(rng: np.random.Generator) -> tuple[Image.Image, list[tuple[int, int, int, int]]]:
    pixels = rng.integers(90, 140, (60, 80, 3), np.uint8)
    boxes = [(4, 6, 30, 40), (40, 20, 76, 56)]
    for (x1, y1, x2, y2), colour in zip(boxes, COLOURS.values(), strict=True):
        pixels[y1:y2, x1:x2] = colour
    return Image.fromarray(pixels), boxes


def coco_folder(folder, images=6, *, seed=0, labels=("cup", "ball"), score=0.9):
    """Photographs in COCO's layout with a file of detections beside them."""
    rng = np.random.default_rng(seed)
    (folder / "images").mkdir(parents=True)
    listed, captions, found = [], [], []
    for k in range(images):
        image, boxes = photo(rng)
        name = f"{seed}_{k:03}.png"
        image.save(folder / "images" / name)
        listed.append({"id": k, "file_name": name, "width": 80, "height": 60})
        captions.append({"id": k, "image_id": k, "caption": f"a {labels[0]} and number {k}"})
        found.append(
            {"image_id": name, "width": 80, "height": 60, "boxes": [list(box) for box in boxes], "labels": list(labels),
             "scores": [score, score / 2]}
        )  # fmt: skip
    (folder / "captions.json").write_text(json.dumps({"images": listed, "annotations": captions}))
    (folder / "found.json").write_text(json.dumps(found))
    return folder


def test_patches_come_first_then_objects_with_names_boxes_and_geometry(tmp_path):
    folder = coco_folder(tmp_path / "photos")
    paths = sorted((folder / "images").iterdir())
    regions = extract_regions({**SMALL, "detector": str(folder / "found.json"), "score_threshold": 0.0}, paths)
    plain = extract_regions({"extractor": "grid", "patches": 2, "side": 64, "mirror": "no"}, paths)
    assert regions.counts.tolist() == [6] * 6 and regions.features.shape == (6, 7, 1280 + 2 + 6)
    assert regions.provenance["classes"] == ["ball", "cup"]
    assert regions.names(3) == ["", "", "", "", "cup", "ball"]
    np.testing.assert_array_equal(regions.features[:, :4, :1280], plain.features)
    assert regions.boxes[0, 4:6].tolist() == [[4, 6, 30, 40], [40, 20, 76, 56]]
    flat, _ = regions.take([0])
    assert flat[:, 1280:1282].tolist() == [[0, 0]] * 4 + [[0, 1], [1, 0]]
    np.testing.assert_allclose(flat[4, -6:], [4 / 80, 6 / 60, 26 / 80, 34 / 60, 26 / 34, 26 * 34 / 4800], rtol=2e-3)
    np.testing.assert_allclose(flat[0, -6:], [0, 0, 0.5, 0.5, 40 / 30, 0.25], rtol=2e-3)


def test_the_features_of_an_object_are_the_mean_of_the_map_over_its_box(tmp_path):
    """A box that covers a quarter of the image is sampled where that quarter of the map is."""
    from hetero_xmodal.parsers.detectors.grid import load_network

    image, _ = photo(np.random.default_rng(0))
    path = tmp_path / "one.png"
    image.save(path)
    entry = {"image_id": "one.png", "width": 80, "height": 60, "boxes": [[0, 0, 80, 60]], "labels": ["all"]}
    (tmp_path / "found.json").write_text(json.dumps([entry]))
    regions = extract_regions({**SMALL, "side": 224, "detector": str(tmp_path / "found.json")}, [path])
    network, mean, deviation, _ = load_network("efficientnet-lite0")
    pixels = torch.from_numpy(np.array(image.resize((224, 224)))).permute(2, 0, 1)[None].float()
    with torch.inference_mode():
        maps = network((pixels - mean) / deviation)
    # RoIAlign of the whole map: 7 x 7 samples, one in each cell, whose mean is the mean of the map
    np.testing.assert_allclose(regions.features[0, 4, :1280].astype(np.float32), F.adaptive_avg_pool2d(maps, 1)[0, :, 0, 0], atol=2e-3)


def test_the_threshold_and_the_number_of_objects_hold(tmp_path):
    folder = coco_folder(tmp_path / "photos", images=1)
    paths = list((folder / "images").iterdir())
    how = {**SMALL, "detector": str(folder / "found.json")}
    assert extract_regions({**how, "score_threshold": 0.5}, paths).counts.tolist() == [5]
    assert extract_regions({**how, "score_threshold": 0.95}, paths).counts.tolist() == [4]  # the patches remain
    assert extract_regions({**how, "score_threshold": 0.0, "objects": 1}, paths).names(0)[4:] == ["cup"]
    assert extract_regions({**how, "names": 0, "geometry": False}, paths).width == 1280


def test_the_file_is_looked_for_in_the_data_folder_and_only_its_name_is_kept(tmp_path, monkeypatch):
    one, other = coco_folder(tmp_path / "one"), coco_folder(tmp_path / "two")
    monkeypatch.chdir(tmp_path)
    record = region_provenance("grid+found.json")
    assert find_detector(record, [one])[0] == str(one / "found.json")
    kept = find_detector(record, [one])[1]
    assert kept["detector"] == "found.json" and kept["in_data_folder"] is True
    assert find_detector(kept, [other])[0] == str(other / "found.json")
    # a path into the data folder is the same file; one elsewhere stays a path
    assert find_detector(region_provenance("grid+one/found.json"), [one])[1] == kept
    shutil.copy(one / "found.json", tmp_path / "found.json")
    assert find_detector(record, [one]) == ("found.json", record)
    assert find_detector(kept, [other])[0] == str(other / "found.json")  # what the model was trained with lay in the data folder
    with pytest.raises(InputError, match="'gone.json' are not where you are nor in the data folder '.*one'"):
        find_detector(region_provenance("grid+gone.json"), [one])
    with pytest.raises(InputError, match="are not where you are nor in"):  # a model's file leads nowhere but into the data folder
        find_detector({**kept, "detector": "../one/found.json"}, [other])


def test_a_model_reads_the_file_of_the_folder_that_it_is_tested_on(tmp_path):
    train = coco_folder(tmp_path / "train", 12)
    test = coco_folder(tmp_path / "test", 4, seed=1, labels=("cup", "dog"))
    images = {**SMALL, "detector": "found.json", "score_threshold": 0.0}
    data = load_matching_data(f"coco:{train}", images=images, texts="trained:1", cache=tmp_path / "cache")
    assert data.vocab["images"]["detector"] == "found.json" and str(tmp_path) not in json.dumps(data.vocab["images"])
    batch = data.train.batch([0, 1])
    assert batch.classes.tolist() == [-1, -1, -1, -1, 1, 0] * 2 and batch.places.shape == (12, 6)
    split = load_test_split(f"coco:{test}", data.vocab, cache=tmp_path / "cache")
    assert split.regions.names(0) == ["", "", "", "", "cup", ""]  # the model knows no dog: its region is there, its name is not
    assert split.regions.width == data.train.regions.width and split.regions.counts.tolist() == [6] * 4


def test_other_detections_of_the_same_photographs_are_not_taken_from_the_cache(tmp_path):
    folder = coco_folder(tmp_path / "photos", 12)
    images = {**SMALL, "detector": "found.json", "score_threshold": 0.0}
    how = {"images": images, "texts": "trained:1", "cache": tmp_path / "cache"}
    before = load_matching_data(f"coco:{folder}", **how).train.regions.boxes[:, 4:6]
    found = json.loads((folder / "found.json").read_text())
    for entry in found:
        entry["boxes"][0] = [0, 0, 10, 10]
    (folder / "found.json").write_text(json.dumps(found))
    after = load_matching_data(f"coco:{folder}", **how).train.regions.boxes[:, 4:6]
    assert before[0, 0].tolist() == [4, 6, 30, 40] and after[0, 0].tolist() == [0, 0, 10, 10]


def test_regions_keep_their_classes_in_the_file_and_in_a_selection(tmp_path):
    folder = coco_folder(tmp_path / "photos", 3)
    how = load_extractor({**SMALL, "detector": "found.json"}, folders=[folder])
    paths = sorted((folder / "images").iterdir())
    regions = extract_regions(how, paths, out=tmp_path / "regions.safetensors")
    assert open_regions(tmp_path / "regions.safetensors").names(2) == regions.names(2) == ["", "", "", "", "cup", "ball"]
    assert select_regions(regions, [2]).names(0) == regions.names(2)


@pytest.mark.parametrize(
    "classes, record, message", [([[5]], {"classes": ["a"]}, "outside -1..0"), ([[0]], {}, "does not list their names")]
)
def test_damaged_classes_are_refused(tmp_path, classes, record, message):
    path = tmp_path / "regions.safetensors"
    arrays = {"features": np.zeros((1, 1, 2), np.float16), "counts": np.ones(1, np.int64), "classes": np.array(classes)}
    about = {"provenance": json.dumps({"extractor": "given", "k": 1, "width": 2, **record})}
    file = BlockFile(path, {name: (value.dtype, value.shape) for name, value in arrays.items()}, about)
    for name, value in arrays.items():
        file.write(name, 0, value)
    file.finish()
    with pytest.raises(InputError, match=message):
        open_regions(path)


def test_the_world_says_classes_too():
    from hetero_xmodal.data import load_dataset

    item = load_dataset("world/scenes", "test", size=1)[0]
    regions = extract_regions("world", [item.image])
    assert len(regions.names(0)) == regions.counts[0] and all(regions.names(0))
    assert Regions(regions.features, regions.counts).classes_of([0]) is None


@pytest.mark.parametrize(
    "images, detector, message",
    [
        ("world", "nanodet", "a detector adds objects to the patches of a grid"),
        ("grid+nanodet", "nanodet", "a detector adds objects to the patches of a grid"),
        (None, "grid:3", "'grid:3' has no classes of its own"),
        ({**SMALL, "names": -1}, None, "names of the regions is -1"),
        ({**SMALL, "score_threshold": 2}, None, "score_threshold of the regions is 2"),
    ],
)
def test_what_cannot_be_is_refused(images, detector, message):
    with pytest.raises(InputError, match=message):
        region_provenance(with_objects(images, detector))


def test_train_and_evaluate_as_typed(tmp_path, monkeypatch):
    """A name in the data folder, on the command line; the model is tested on another folder with a file of its own of that name."""
    from typer.testing import CliRunner

    from hetero_xmodal.cli.main import app

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    coco_folder(tmp_path / "train", 24), coco_folder(tmp_path / "test", 4, seed=1)
    monkeypatch.chdir(tmp_path)
    run = [
        "train",
        "algr",
        "--data",
        "coco:train",
        "--images",
        "grid:1",
        "--detector",
        "found.json",
        "--texts",
        "trained:1",
        "--out",
        "run",
    ]
    done = CliRunner().invoke(app, [*run, "--epochs", "2", "--set", "phase1_epochs=1", "--set", "width=16", "--set", "in_width=16"])
    assert done.exit_code == 0, done.output
    done = CliRunner().invoke(app, ["evaluate", "algr", "--data", "coco:test", "--model", "run"])
    assert done.exit_code == 0 and "4 images" in done.output, done.output
    (tmp_path / "test" / "found.json").unlink()
    done = CliRunner().invoke(app, ["evaluate", "algr", "--data", "coco:test", "--model", "run"])
    assert "detections 'found.json' are not where you are nor in the data folder 'test'" in str(done.exception)
