"""VG150 and DeepFashion in their HDF5 files: by hand, in damaged copies, and files that point to other files."""

from __future__ import annotations

import json

import h5py
import numpy as np
import pytest
from PIL import Image
from tiny_data import SPLITS, N, deepfashion_h5, genome, vg150

from hetero_xmodal.data import load_dataset, open_source
from hetero_xmodal.data.h5_file import open_h5
from hetero_xmodal.data.tasks.editing import load_pairs
from hetero_xmodal.errors import InputError


def change(path, name, values, **options):
    """Write an array of the file anew."""
    with h5py.File(path, "a") as file:
        del file[name]
        if values is not None:
            file.create_dataset(name, data=values, **options)


def arrays(path):
    with h5py.File(path) as file:
        return {name: file[name][()] for name in file}


# ---------------------------------------------------------------------------------------------- VG150


def test_vg150_says_what_the_annotations_it_was_made_of_say(tmp_path):
    name = vg150(tmp_path / "a")
    annotated = load_dataset(genome(tmp_path / "b"), "all")
    source = open_source(name)
    items = source.items("all")
    assert [item.id for item in items] == [item.id for item in annotated] and source.counts == {"images in VG-SGG.h5": N}
    for one, other in zip(items, annotated, strict=True):  # boxes are whole pixels of an image 1024 wide
        assert [o.name for o in one.scene.objects] == [o.name for o in other.scene.objects]
        assert one.scene.relations == other.scene.relations and one.sentences == other.sentences
        for a, b in zip(one.scene.objects, other.scene.objects, strict=True):
            assert a.box == pytest.approx(b.box, abs=0.25)
    test = [record.id for record in source.take("test")]
    assert test == [str(k) for k, split in enumerate(SPLITS, 1) if split == "test"]
    assert [record.id for record in source.take("val")] == ["1", "2"] and len(source.take("train")) == 20  # a tenth of 22, the first
    assert {pair.kind for pair in load_pairs(name, "all", image_size=32)} == {"reconstruct", "remove", "replace", "move"}


def test_box_of_vg150_by_hand(tmp_path):
    """Image 1 has 220 x 200 pixels: a box of 512 x 256 around (512, 640) at 1024 reaches from x 55 to 165, from y 110 to 165."""
    name = vg150(tmp_path)
    boxes = arrays(tmp_path / "VG-SGG.h5")["boxes_1024"]
    boxes[0], boxes[1], boxes[2] = (512, 640, 512, 256), (0, 0, 400, 200), (2000, 100, 40, 40)
    change(tmp_path / "VG-SGG.h5", "boxes_1024", boxes)
    source = open_source(name)
    scene = source.records[0].make_item().scene
    assert [o.box for o in scene.objects] == [(55, 110, 165, 165), (0, 0, 200 * 220 / 1024, 100 * 220 / 1024)]
    assert len(scene.relations) == 1
    told = " ".join(source.notes)
    assert "1 box has no area" in told and "1 relation joins a box with itself or with one that is left out" in told


def test_attributes_and_other_vocabularies_of_vg150(tmp_path):
    name = vg150(tmp_path)
    table = json.loads((tmp_path / "VG-SGG-dicts.json").read_text()) | {"attribute_to_idx": {"red": 1, "old": 2}}
    table["label_to_idx"]["__background__"] = 0
    (tmp_path / "VG-SGG-dicts.json").unlink()
    (tmp_path / "VG-SGG-dicts-with-attri.json").write_text(json.dumps(table))
    (tmp_path / "VG-SGG.h5").rename(tmp_path / "VG-SGG-with-attri.h5")
    attributes = np.zeros((3 * N, 10), np.int64)
    attributes[0, :3] = 2, 1, 2
    with h5py.File(tmp_path / "VG-SGG-with-attri.h5", "a") as file:
        file.create_dataset("attributes", data=attributes)
    things = open_source(name).records[0].make_item().scene.objects
    assert [(thing.name, thing.attributes) for thing in things] == [("cat", ["old", "red"]), ("table", []), ("lamp", [])]


@pytest.mark.parametrize(
    ("array", "spoil", "message"),
    [
        ("labels", lambda a: a + 9, "'labels' holds numbers from 10 to 13; expected 1 to 4"),
        ("predicates", lambda a: a * 0, "'predicates' holds numbers from 0 to 0; expected 1 to 2"),
        ("labels", lambda a: a[:-1], r"'labels' holds int64 of shape \(71, 1\), expected whole numbers \(72, 1\)"),
        ("split", lambda a: a[:-1], "image_data.json and this file do not belong together"),
        ("img_to_last_box", lambda a: a + 1, "row 23 of 'img_to_first_box' and 'img_to_last_box' is 69 to 72, of 72 rows"),
        ("relationships", lambda a: a + 2, "a relation of image 1 joins the boxes 2 and 3, the image has 0 to 2"),
        ("boxes_1024", lambda a: a[:, :3], "expected whole numbers"),
        ("boxes_1024", lambda a: a.astype(bool), "'boxes_1024' holds bool"),
        ("labels", lambda a: None, "has no array 'labels'; it holds boxes_1024, img_to"),
        ("labels", lambda a: np.array([["cat"]] * len(a), "S3"), "'labels' is an array of .S3; expected an array of numbers"),
    ],
)  # fmt: skip
def test_vg150_in_damaged_copies(array, spoil, message, tmp_path):
    name = vg150(tmp_path)
    change(tmp_path / "VG-SGG.h5", array, spoil(arrays(tmp_path / "VG-SGG.h5")[array]))
    with pytest.raises(InputError, match=message) as error:
        open_source(name)
    assert "VG-SGG.h5" in str(error.value) and "\n" not in str(error.value)


def test_names_and_missing_files_of_vg150(tmp_path):
    name = vg150(tmp_path)
    with pytest.raises(InputError, match="graphs=vg150 has the names of VG150; leave names=alias out"):
        open_source(f"{name},names=alias")
    (tmp_path / "VG-SGG-dicts.json").write_text('{"label_to_idx": {"cat": 1, "dog": 3}, "predicate_to_idx": {"on": 1}}')
    with pytest.raises(InputError, match="'label_to_idx' must give each name its number, from 1 without a gap"):
        open_source(name)
    (tmp_path / "VG-SGG-dicts.json").unlink()
    with pytest.raises(InputError, match="vocabulary of VG150 .*VG-SGG-dicts.json' does not exist"):
        open_source(name)


# ---------------------------------------------------------------------------------------------- DeepFashion


def test_photographs_of_g2_are_those_of_the_folder(tmp_path):
    name = deepfashion_h5(tmp_path)
    source = open_source(name)
    assert len(source.records) == N and not source.missing and "23 of 24 photographs are not in the folder" in " ".join(source.notes)
    for k, record in enumerate(source.records[1:4], 1):
        pixels = np.full((200, 220, 3), (20, 20, 200) if k % 2 else (200, 20, 20), np.uint8)
        pixels[40:90, 20 + 5 * k : 70 + 5 * k] = (10 * k, 250 - 10 * k, 90)
        wanted = np.asarray(Image.fromarray(pixels).resize((128, 128)), int)
        found = np.asarray(record.open_image(), int)
        assert found.shape == (128, 128, 3) and np.abs(found - wanted).mean() < 6  # JPEG between them
        assert record.make_item().scene.objects[0].box == (0, 0, 128, 128)


@pytest.mark.parametrize(
    ("array", "spoil", "message"),
    [
        ("ih", lambda a: a[:-1], r"'ih' has the shape \(23, 3, 128, 128\)"),
        ("ih_mean", lambda a: a[:1], r"'ih_mean' \(1, 128, 128\)"),
        ("ih", lambda a: a * 255, "has values outside 0 to 1"),
        ("ih_mean", lambda a: a * np.nan, "has values outside 0 to 1"),
        ("ih", lambda a: None, "has no array 'ih'"),
    ],
)
def test_g2_in_damaged_copies(array, spoil, message, tmp_path):
    name = deepfashion_h5(tmp_path)
    change(tmp_path / "G2.h5", array, spoil(arrays(tmp_path / "G2.h5")[array]))
    with pytest.raises(InputError, match=message):
        open_source(name).records[1].open_image()


# ---------------------------------------------------------------------------------------------- what is not read


def test_values_in_other_files_are_not_read(tmp_path):
    secret = tmp_path / "secret.h5"
    with h5py.File(secret, "w") as file:
        file.create_dataset("x", data=np.arange(4))
    (tmp_path / "raw").write_bytes(bytes(32))
    layout = h5py.VirtualLayout(shape=(4,), dtype="i8")
    layout[:] = h5py.VirtualSource(secret, "x", shape=(4,))
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["link"] = h5py.ExternalLink(str(secret), "/x")
        file["soft"] = h5py.SoftLink("/group/x")
        file.create_virtual_dataset("virtual", layout)
        file.create_dataset("raw", shape=(4,), dtype="i8", external=[(str(tmp_path / "raw"), 0, 32)])
        file.create_dataset("bomb", shape=(10**6, 10**6), dtype="f8", chunks=(100, 100), compression="gzip")
        file.create_dataset("texts", data=["a", "b"])
        file.create_group("group").create_dataset("x", data=np.arange(4))
        file.create_dataset("filtered", data=np.arange(4), chunks=(4,), **{"compression": 32015, "allow_unknown_filter": True})
    wanted = {
        "link": "is a link to another place", "soft": "is a link to another place", "virtual": "stand in other files",
        "raw": "stand in other files", "bomb": "states 8,000,000,000,000 bytes of values and stores 0", "texts": "is an array of object",
        "group": "is a group", "filtered": "is compressed by the filter 32015", "grup": "did you mean 'group'",
    }  # fmt: skip
    with open_h5(tmp_path / "a.h5", "file") as file:
        for name, message in wanted.items():
            with pytest.raises(InputError, match=message):
                file.array(name)


def test_files_that_are_not_hdf5(tmp_path):
    for data in (b"", b"\x89HDF\r\n\x1a\n", b"PK\x03\x04" + bytes(100)):
        (tmp_path / "a.h5").write_bytes(data)
        with pytest.raises(InputError, match="a.h5'"), open_h5(tmp_path / "a.h5", "file"):
            pass
    with pytest.raises(InputError, match="file '.*b.h5' does not exist"), open_h5(tmp_path / "b.h5", "file"):
        pass
