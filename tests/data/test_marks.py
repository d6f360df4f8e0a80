"""Images and files are told apart by their whole contents: no cache answers for another picture, and no picture is taken for another."""

from __future__ import annotations

import base64
import json
import os
import warnings

import numpy as np
import pytest
from PIL import Image

from hetero_xmodal.data import Record, marks, open_source
from hetero_xmodal.data.datasets.bottom_up import read_tsv
from hetero_xmodal.data.marks import file_marks, row_marks
from hetero_xmodal.data.store import FileRows
from hetero_xmodal.data.tasks.matching import load_matching_data
from hetero_xmodal.data.tasks.matching.extractors import Extractor
from hetero_xmodal.errors import InputError

OLD = 1_700_000_000  # seconds: long enough ago that marks are remembered


def picture(value: int, path, head: int = 200) -> None:
    """A BMP of 12,342 bytes that differs from others of the same *head* only in its last rows, far behind the first 4,096 bytes."""
    pixels = np.full((64, 64, 3), head, np.uint8)
    pixels[0] = value  # BMP keeps the top row last
    Image.fromarray(pixels).save(path)


@pytest.fixture
def corner(monkeypatch):
    """Stands in for an extractor: one region, the colour of the upper left corner."""
    record = {"extractor": "grid", "k": 1, "width": 1}

    def run(images):
        values = np.array([np.asarray(Image.open(image))[0, 0, 0] for image in images], np.float32)
        n = len(images)
        return values.reshape(n, 1, 1), np.ones(n, np.int64), np.tile([0.0, 0, 1, 1], (n, 1, 1)), np.full((n, 2), 64)

    monkeypatch.setattr("hetero_xmodal.data.tasks.matching.load.load_extractor", lambda made, folders=(): Extractor(dict(record), run))


def folder_of(tmp_path, values, splits):
    for k, (value, split) in enumerate(zip(values, splits, strict=True)):
        (tmp_path / "d" / split).mkdir(parents=True, exist_ok=True)
        picture(value, tmp_path / "d" / split / f"{k}.bmp")
        (tmp_path / "d" / split / f"{k}.txt").write_text(f"a picture of {value}")
    return f"folder:{tmp_path / 'd'}"


def load(name, cache):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return load_matching_data(name, texts="trained:1", images="grid", cache=cache)


def test_pictures_of_one_size_and_head_have_their_own_regions(tmp_path, corner):
    name = folder_of(tmp_path, [10, 20, 30, 40], ["train", "train", "val", "test"])
    sizes = {path.stat().st_size for path in (tmp_path / "d").rglob("*.bmp")}
    heads = {path.read_bytes()[:4096] for path in (tmp_path / "d").rglob("*.bmp")}
    assert len(sizes) == len(heads) == 1
    data = load(name, tmp_path / "c")  # before: refused, for the picture of val "stands in train too"
    assert [float(v) for v in data.train.regions.features[:].ravel()] == [10, 20]
    assert data.val.regions.features[:].item() == 30 and data.test.regions.features[:].item() == 40


def test_an_edit_far_behind_the_head_is_seen(tmp_path, corner):
    name = folder_of(tmp_path, [10, 20, 30, 40], ["train", "train", "val", "test"])
    for k, path in enumerate(sorted((tmp_path / "d").rglob("*.bmp"))):
        picture(10 * k, path, head=k)  # the images are told apart by their heads too
    load(name, tmp_path / "c")
    path = tmp_path / "d" / "train" / "0.bmp"
    before, head = path.stat(), path.read_bytes()[:4096]
    picture(99, path, head=np.asarray(Image.open(path))[-1, 0, 0])
    assert path.read_bytes()[:4096] == head
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))  # as rsync and editors that keep times do
    assert path.stat().st_size == before.st_size
    assert load(name, tmp_path / "c").train.regions.features[0].item() == 99


def test_one_picture_in_two_splits_is_still_refused(tmp_path, corner):
    name = folder_of(tmp_path, [10, 20, 10, 40], ["train", "train", "val", "test"])
    with pytest.raises(InputError, match="1 of 1 images of the split val stand in the split train too, by their image"):
        load(name, tmp_path / "c")


def test_an_edit_in_the_middle_of_a_table_is_seen(tmp_path):
    def line(id, value):
        cells = [np.full((1, width), value, np.float32).tobytes() for width in (4, 4000)]
        return "\t".join([id, "9", "9", "1", *(base64.b64encode(cell).decode() for cell in cells)])

    path = tmp_path / "a.tsv"
    path.write_text("\n".join(line(id, value) for id, value in (("a", 1), ("b", 2), ("c", 3))) + "\n")
    assert float(read_tsv(path, tmp_path / "c").features[1, 0, 0]) == 2
    before = path.stat()
    path.write_text("\n".join(line(id, value) for id, value in (("a", 1), ("b", 7), ("c", 3))) + "\n")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_size == before.st_size and float(read_tsv(path, tmp_path / "c").features[1, 0, 0]) == 7
    (tmp_path / "provenance.json").write_text('{"detector": "mine"}')
    assert read_tsv(path, tmp_path / "c").provenance["detector"] == "mine"


def test_rows_of_features_are_told_apart_by_all_of_their_values(tmp_path):
    values = np.ones((4, 3, 1000), np.float32)
    values[1, 2, 999] = 2
    values[3] = 0
    values.tofile(tmp_path / "x")
    found = row_marks(FileRows(tmp_path / "x", 0, np.float32, values.shape), tmp_path / "c")
    assert found[0] == found[2] != found[1] and found[3] == ""


def test_marks_are_remembered_until_the_file_changes(tmp_path, monkeypatch):
    path, read = tmp_path / "a", []
    path.write_bytes(b"one")
    os.utime(path, (OLD, OLD))
    monkeypatch.setattr(marks, "_is_fresh", lambda path: False)
    hash_file = marks._hash_file
    monkeypatch.setattr(marks, "_hash_file", lambda path: read.append(path) or hash_file(path))
    first = file_marks([path, path], tmp_path / "c")
    assert first[0] == first[1] == file_marks([path], tmp_path / "c")[0] and len(read) == 1
    marks._known.cache_clear()  # as in another process
    assert file_marks([path], tmp_path / "c") == first[:1] and len(read) == 1
    path.write_bytes(b"two")
    os.utime(path, (OLD, OLD))
    assert file_marks([path], tmp_path / "c") != first[:1] and len(read) == 2
    marks._known.cache_clear()
    (tmp_path / "c" / "marks.sqlite").write_bytes(b"no data base at all" * 100)
    assert file_marks([path], tmp_path / "c") == [marks.mark_of(b"two")]


def test_a_fresh_file_is_read_again(tmp_path, monkeypatch):
    """Two changes within one tick of the clock leave one time; a mark of the first must not stand for the second."""
    path = tmp_path / "a"
    monkeypatch.setattr(marks, "file_stamp", lambda path: "one tick")
    for cache in (None, tmp_path / "c"):
        path.write_bytes(b"one")
        first = file_marks([path], cache)
        path.write_bytes(b"two")
        assert file_marks([path], cache) == [marks.mark_of(b"two")] != first


def test_a_missing_file_is_one_sentence(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        Record("a", image=tmp_path / "none.jpg").content_mark()


def test_a_model_of_an_earlier_version_is_told_to_know_its_images_by_id(tmp_path, corner):
    from hetero_xmodal.data.tasks.matching import load_test_split

    name = folder_of(tmp_path, [10, 20, 30, 40], ["train", "train", "val", "test"])
    vocab = json.loads(json.dumps(load(name, tmp_path / "c").vocab))
    vocab["used_marks"] = ["0123456789abcdef"]
    with pytest.warns(UserWarning, match="saved by an earlier version"):
        load_test_split(name, vocab, cache=tmp_path / "c")


def test_a_model_of_the_drawn_world_is_no_earlier_version(tmp_path, corner, recwarn):
    from hetero_xmodal.data.tasks.matching import load_test_split

    drawn = [record.mark for record in open_source("world/scenes").generate("train", 2)]
    name = folder_of(tmp_path, [10, 20, 30, 40], ["train", "train", "val", "test"])
    vocab = json.loads(json.dumps(load(name, tmp_path / "c").vocab)) | {"used_marks": drawn}
    assert len(load_test_split(name, vocab, cache=tmp_path / "c").regions) == 1 and all(drawn)
    assert not [str(note.message) for note in recwarn if "earlier version" in str(note.message)]
