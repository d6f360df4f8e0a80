"""Whatever stands in a file that a reader is given, the answer is data or one sentence."""

from __future__ import annotations

import json
import struct

import numpy as np
import pytest
import tiny_data

from hetero_xmodal.data import open_source
from hetero_xmodal.data.datasets.scan import open_npy
from hetero_xmodal.errors import InputError
from hetero_xmodal.files import read_json
from hetero_xmodal.pretrained import checked_vocab
from hetero_xmodal.retrieval.index import EmbeddingIndex

# ---------------------------------------------------------------------------------------------- JSON


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[" * 100_000, "not readable as JSON"),
        ('{"a":' * 100_000, "not readable as JSON"),
        ('{"a": ' + "1" * 10_000 + "}", "not readable as JSON"),
        ("\ufeff[1, 2", "not readable as JSON"),
        ("", r"is empty \(0 bytes\)"),
    ],
)
def test_json_of_any_depth_and_length(tmp_path, text, message):
    (tmp_path / "a.json").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=message) as error:
        read_json(tmp_path / "a.json")
    assert "\n" not in str(error.value) and len(str(error.value)) < 400


def test_json_larger_than_memory(tmp_path, monkeypatch):
    (tmp_path / "a.json").write_text("[1]")

    def full(*arguments, **options):
        raise MemoryError

    monkeypatch.setattr("json.loads", full)
    with pytest.raises(InputError, match="does not fit into memory"):
        read_json(tmp_path / "a.json")


WRONG = [None, True, 3, -1, 1e300, 10**400, "x", "", [], {}, [None], [[1]], {"a": 1}, "\ud800"]


def places(value, path=()):
    """The paths of the objects, lists and values of a JSON value; of each list only the first entry."""
    yield path
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from places(inner, (*path, key))
    elif isinstance(value, list) and value:
        yield from places(value[0], (*path, 0))


def replaced(value, path, new):
    if not path:
        return new
    value = json.loads(json.dumps(value))
    inner = value
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = new
    return value


JSON_FILES = [
    ("coco:FOLDER", "captions.json"), ("coco:FOLDER", "instances.json"), ("karpathy:FILE,FOLDER", "dataset_tiny.json"),
    ("vg:FOLDER", "scene_graphs.json"), ("vg:FOLDER", "image_data.json"), ("regions:FOLDER", "captions.json"),
]  # fmt: skip


@pytest.mark.parametrize(("form", "file"), JSON_FILES)
def test_every_field_of_another_type_is_read_or_refused(form, file, tmp_path):
    """Each value of the file, at every depth, replaced by values of other types."""
    name = tiny_data.FOLDERS[form](tmp_path / "d")
    path = next((tmp_path / "d").rglob(file))
    whole = json.loads(path.read_text())
    refused = 0
    for place in places(whole):
        for new in WRONG:
            path.write_bytes(json.dumps(replaced(whole, place, new)).encode())
            try:
                source = open_source(name, cache=tmp_path / "c")
                for record in source.records[:1]:
                    record.texts(), record.make_item() if "images" in source.gives else None
            except InputError as error:
                refused += 1
                assert "\n" not in str(error) and len(str(error)) < 500
    assert refused > 40


@pytest.mark.parametrize(
    ("vocab", "message"),
    [
        ([], "expected an object"),
        ({"labels": 3}, "'labels' is 3, expected a list of texts"),
        ({"words": ["a", None]}, "'words' is .*, expected a list of texts"),
        ({"texts": "tags"}, "'texts' is 'tags', expected an object"),
        ({"texts": {"words": ["a"], "idf": [1, 2]}}, "expected one number for each of its words"),
        ({"texts": {"words": ["a"], "idf": ["x"]}}, "expected one number for each of its words"),
        ({"used": {"a": 1}}, "'used' is"),
    ],
)
def test_a_vocabulary_of_other_types(vocab, message):
    with pytest.raises(InputError, match=message):
        checked_vocab(vocab, "vocabulary")


@pytest.mark.parametrize(
    "change", [{"image_ids": 3}, {"captions": [1]}, {"captions": {"a": 1}}, {"made_by": []}, {"source": "x"}, {"image_ids": [None]}]
)
def test_an_index_of_other_types(change, tmp_path):
    import torch

    folder = EmbeddingIndex(torch.eye(2), torch.eye(2), np.arange(2), ["a", "b"], ["x", "y"]).save(tmp_path / "i")
    (folder / "manifest.json").unlink(missing_ok=True)
    head = json.loads((folder / "index.json").read_text())
    (folder / "index.json").write_text(json.dumps(head | change))
    with pytest.raises(InputError, match="index.*expected"):
        EmbeddingIndex.load(folder)


# ---------------------------------------------------------------------------------------------- arrays


def npy(path, head: str, values: bytes = b"", version=(1, 0)) -> None:
    text = head.encode("latin-1")
    length = struct.pack("<H" if version == (1, 0) else "<I", len(text))
    path.write_bytes(b"\x93NUMPY" + bytes(version) + length + text + values)


HEADS = [
    ("{'descr': '<f4', 'fortran_order': False, 'shape': (-2, 3, 4), }\n", "no axis can be negative"),
    ("{'descr': '<f4', 'fortran_order': False, 'shape': (2, -3, -4), }\n", "no axis can be negative"),
    ("{'descr': '<f4', 'fortran_order': False, 'shape': (9999999999, 9999999999, 9999999999), }\n", "truncated"),
    ("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3, 4", "not a readable .npy file"),
    ("{'descr': 'zz', 'fortran_order': False, 'shape': (2, 3, 4), }\n", "not a readable .npy file"),
    ("{'descr': '|O', 'fortran_order': False, 'shape': (2, 3, 4), }\n", "Python objects"),
    ("(" * 3000, "not a readable .npy file"),
    ("\x00" * 50, "not a readable .npy file"),
    ("1 +\n  2", "not a readable .npy file"),
    ("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1, 1, 1), }\n", "expected floating-point|truncated"),
]


@pytest.mark.parametrize(("head", "message"), HEADS)
def test_broken_heads_of_npy_files(head, message, tmp_path):
    npy(tmp_path / "train_ims.npy", head, b"\x00" * 96)
    with pytest.raises(InputError, match=message) as error:
        open_npy(tmp_path / "train_ims.npy", 3)
    assert "\n" not in str(error.value) and len(str(error.value)) < 400


@pytest.mark.parametrize("head", [head for head, _ in HEADS[:8]])
@pytest.mark.parametrize("file", ["train_ims_bbx.npy", "train_ims_size.npy"])
def test_broken_heads_of_the_files_beside_them(head, file, tmp_path):
    name = tiny_data.FOLDERS["scan:FOLDER"](tmp_path / "d")
    npy(tmp_path / "d" / file, head, b"\x00" * 96)
    with pytest.raises(InputError, match=file):
        open_source(name, cache=tmp_path / "c")


def test_an_archive_under_the_name_of_an_array(tmp_path):
    name = tiny_data.FOLDERS["scan:FOLDER"](tmp_path / "d")
    with (tmp_path / "d" / "train_ims_size.npy").open("wb") as file:
        np.savez(file, a=np.ones(3))
    with pytest.raises(InputError, match="not a readable .npy file"):
        open_source(name, cache=tmp_path / "c")


@pytest.mark.parametrize("version", [(2, 0), (3, 0), (9, 9)])
def test_versions_of_npy_files(version, tmp_path):
    values = np.arange(24, dtype="<f4").reshape(2, 3, 4)
    npy(tmp_path / "a.npy", "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3, 4), }\n", values.tobytes(), version)
    if version == (9, 9):
        with pytest.raises(InputError, match="not a readable .npy file"):
            open_npy(tmp_path / "a.npy", 3)
    else:
        assert np.array_equal(open_npy(tmp_path / "a.npy", 3)[:], values)


def test_boxes_and_sizes_in_fortran_order_are_read_right(tmp_path):
    name = tiny_data.FOLDERS["scan:FOLDER"](tmp_path / "d")
    sizes = np.arange(1, 13).reshape(6, 2)
    np.save(tmp_path / "d" / "train_ims_size.npy", np.asfortranarray(sizes))
    assert np.array_equal(open_source(name, cache=tmp_path / "c").regions()["train"].sizes, sizes)


# ---------------------------------------------------------------------------------------------- encodings


def test_lists_of_wikipedia_in_latin_1(tmp_path):
    name = tiny_data.FOLDERS["wikipedia:FOLDER"](tmp_path / "d")
    path = tmp_path / "d" / "trainset_txt_img_cat.list"
    path.write_bytes(path.read_bytes().replace(b"t3 ", b"Bj\xf6rk\xa03 "))
    assert open_source(name).features().train.labels.tolist()[3] == [0, 1]
    (tmp_path / "d" / "categories.list").write_bytes(b"m\xfcsic\nwar\n")
    with pytest.raises(InputError, match="not UTF-8 text; save it as UTF-8"):
        open_source(name)


@pytest.mark.parametrize(
    ("form", "file"),
    [
        ("folder:FOLDER", "1.txt"), ("photos:FOLDER", "tags.csv"), ("photos:FOLDER", "1.txt"), ("cub:FOLDER", "images.txt"),
        ("scan:FOLDER", "train_caps.txt"), ("coco:FOLDER", "captions.json"), ("bottom-up:FOLDER", "a.tsv"),
    ],
)  # fmt: skip
def test_texts_that_are_not_utf_8_are_refused(form, file, tmp_path):
    name = tiny_data.FOLDERS[form](tmp_path / "d")
    path = next((tmp_path / "d").rglob(file))
    path.write_bytes(b"\xe9\xff" + path.read_bytes())
    with pytest.raises(InputError, match="UTF-8|not readable as JSON"):
        for record in open_source(name, cache=tmp_path / "c").records:
            record.texts()
