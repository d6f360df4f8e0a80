"""Published feature files of SCAN's successors and of CAMERA: sizes as arrays of dicts, read without creating an object; other names."""

from __future__ import annotations

import io
import pickle
from pathlib import Path

import numpy as np
import pytest
import tiny_data

from hetero_xmodal.data import open_source
from hetero_xmodal.data.datasets.npy_objects import read_dicts
from hetero_xmodal.errors import InputError

SIZES = [{"image_h": 300 + k, "image_w": 400 + k} for k in range(6)]
WANTED = [[400 + k, 300 + k] for k in range(6)]
PUBLISHED_2 = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR(I1\n(I1\ntcnumpy\ndtype\n(S'O8'\nI0\nI1\ntR"


def object_array(values) -> np.ndarray:
    array = np.empty(len(values), object)
    array[:] = values
    return array


def folder_of(tmp_path: Path) -> tuple[str, Path]:
    return tiny_data.FOLDERS["scan:FOLDER"](tmp_path / "d"), tmp_path / "d"


def write_npy(path: Path, shape: str, pickled: bytes) -> None:
    head = f"{{'descr': '|O', 'fortran_order': False, 'shape': {shape}, }}"
    head = head.ljust((len(head) + 10) // 64 * 64 + 64 - 11) + "\n"
    path.write_bytes(b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head.encode() + pickled)


# ---------------------------------------------------------------------------------------------- sizes


@pytest.mark.parametrize("number", [int, np.int64, np.int32, np.uint16, float, np.float64, lambda v: np.array(v, ">i4")[()]])
@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
def test_sizes_as_an_object_array_of_dicts(number, protocol, tmp_path):
    name, folder = folder_of(tmp_path)
    values = object_array([{key: number(value) for key, value in size.items()} for size in SIZES])
    write_npy(folder / "train_ims_size.npy", "(6,)", pickle.dumps(values, protocol))
    assert open_source(name, cache=tmp_path / "c").regions()["train"].sizes.tolist() == WANTED


def test_sizes_as_numpy_saves_them(tmp_path):
    name, folder = folder_of(tmp_path)
    np.save(folder / "train_ims_size.npy", object_array(SIZES), allow_pickle=True)
    assert open_source(name, cache=tmp_path / "c").regions()["train"].sizes.tolist() == WANTED


def test_sizes_as_python_2_pickled_them():
    state = PUBLISHED_2 + b"(I3\nS'|'\nNNNI-1\nI-1\nI63\ntbI00\n(lp9\n(dp10\nS'image_w'\np11\nI500\nsS'image_h'\np12\nI333\nsatb."
    assert read_dicts(io.BytesIO(state), 1, "the file") == [{"image_w": 500, "image_h": 333}]
    assert pickle.loads(state, encoding="latin1").tolist() == [{"image_w": 500, "image_h": 333}]  # as numpy itself reads it


class Evil:
    def __init__(self, function, *arguments):
        self.made = function, arguments

    def __reduce__(self):
        return self.made


def test_nothing_in_the_file_is_executed(tmp_path):
    name, folder = folder_of(tmp_path)
    target = tmp_path / "touched"
    for evil in (Evil(Path.touch, target), Evil(eval, f"open({str(target)!r}, 'w')"), Evil(np.save, str(target), np.ones(1)),
                 Evil(np.lib.format.open_memmap, str(target), "w+", "f4", (3,))):  # fmt: skip
        for values in ([evil] * 6, [{"image_h": evil, "image_w": 3}] * 6):
            write_npy(folder / "train_ims_size.npy", "(6,)", pickle.dumps(object_array(values)))
            with pytest.raises(InputError, match="refers to .*, which a list of numbers does not need.*never loaded"):
                open_source(name, cache=tmp_path / "c")
    assert not target.exists()


@pytest.mark.parametrize(
    ("values", "shape", "message"),
    [
        (object_array(SIZES[:5]), "(6,)", "holds 5 entries; expected 6"),
        (object_array(SIZES), "(5,)", "objects of shape .5,.; expected one dict for each of 6 images"),
        (object_array(SIZES), "(6, 1)", "objects of shape .6, 1."),
        (object_array([(3, 4)] * 6), "(6,)", "it holds no list of dicts"),
        (object_array([{"image_h": 3}] * 6), "(6,)", "image 0 lacks the field 'image_w'"),
        (object_array([{"image_h": 3, "image_w": 0}] * 6), "(6,)", "image 0: 'image_w' is 0, expected a whole number of at least 1"),
        (object_array([{"image_h": 3, "image_w": np.ones(2)}] * 6), "(6,)", "image 0: 'image_w' is"),
        ({"a": 1}, "(6,)", "it holds no list of dicts"),
    ],
)
def test_sizes_that_are_something_else(values, shape, message, tmp_path):
    name, folder = folder_of(tmp_path)
    write_npy(folder / "train_ims_size.npy", shape, pickle.dumps(values))
    with pytest.raises(InputError, match=message) as error:
        open_source(name, cache=tmp_path / "c")
    assert "\n" not in str(error.value)


def test_every_cut_of_a_file_is_refused(tmp_path):
    name, folder = folder_of(tmp_path)
    np.save(folder / "train_ims_size.npy", object_array(SIZES), allow_pickle=True)
    whole = (folder / "train_ims_size.npy").read_bytes()
    for length in range(0, len(whole), 7):
        (folder / "train_ims_size.npy").write_bytes(whole[:length])
        with pytest.raises(InputError, match="train_ims_size.npy"):
            open_source(name, cache=tmp_path / "c")


def test_features_and_boxes_of_objects_are_still_refused(tmp_path):
    name, folder = folder_of(tmp_path)
    np.save(folder / "train_ims_bbx.npy", object_array(SIZES), allow_pickle=True)
    with pytest.raises(InputError, match="Python objects in it are never loaded"):
        open_source(name, cache=tmp_path / "c")


# ---------------------------------------------------------------------------------------------- CAMERA's names, COCO's two tests


def test_boxes_and_sizes_under_the_names_of_camera(tmp_path):
    name, folder = folder_of(tmp_path)
    boxes = np.random.default_rng(0).random((6, 3, 4)).astype(np.float32)
    np.save(folder / "train_boxes.npy", boxes)
    np.save(folder / "train_img_sizes.npy", np.array(WANTED, np.float64))
    regions = open_source(name, cache=tmp_path / "c").regions()["train"]
    np.testing.assert_array_equal(regions.boxes, boxes)
    assert regions.sizes.tolist() == WANTED
    np.save(folder / "train_ims_bbx.npy", boxes)
    with pytest.raises(InputError, match="has both train_ims_bbx.npy and train_boxes.npy; keep one"):
        open_source(name, cache=tmp_path / "c")


def test_coco_has_two_test_files(tmp_path):
    from hetero_xmodal.data.datasets.scan import write_scan

    name, folder = folder_of(tmp_path)
    write_scan(
        folder / "more",
        "test",
        np.ones((4, 3, 4), np.float32) * np.arange(1, 5)[:, None, None],
        [[f"a {i} {j}" for j in range(5)] for i in range(4)],
    )
    with pytest.raises(InputError, match="has no testall_ims.npy; leave test=all out"):
        open_source(f"{name},test=all", cache=tmp_path / "c")
    for file in (folder / "more").iterdir():
        file.rename(folder / file.name.replace("test", "testall"))
    assert len(open_source(name, cache=tmp_path / "c").take("test")) == 3
    assert len(open_source(f"{name},test=all", cache=tmp_path / "c").take("test")) == 4
    for file in folder.glob("test_*"):
        file.unlink()
    assert len(open_source(name, cache=tmp_path / "c").take("test")) == 4
