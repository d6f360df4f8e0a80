"""Published data sets in their own formats: what is read equals what a hand counts on small drawn samples; damaged copies; the cards."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import numpy as np
import pytest
import tiny_data
from tiny_data import FOLDERS, VARIANTS, N

import hetero_xmodal as hx
from hetero_xmodal.cli.main import run
from hetero_xmodal.data import open_source
from hetero_xmodal.data.card import FOLDER as CARDS
from hetero_xmodal.data.card import read_card
from hetero_xmodal.data.entries import ENTRIES
from hetero_xmodal.data.published import paper_split, zeros_and_ones
from hetero_xmodal.data.registry import dataset_card
from hetero_xmodal.data.tasks.editing import load_pairs
from hetero_xmodal.errors import InputError

ROOT = Path(hx.__file__).parents[1]
PUBLISHED = sorted(path.stem for path in CARDS.glob("*.toml"))


def labels_of(source) -> dict[str, list[str]]:
    return {r.id: [name for name, there in zip(source.label_names, r.labels, strict=True) if there] for r in source.records}


# ---------------------------------------------------------------------------------------------- MIRFlickr


def test_mirflickr_by_hand(tmp_path):
    source = open_source(tiny_data.mirflickr(tmp_path))
    assert source.label_names == ["animals", "cat", "dog"] and dict(source.counts) == {"images": N, "labels": 3, "annotation files": 5}
    found = labels_of(source)
    assert found["im1"] == ["dog"] and found["im2"] == ["animals", "cat"] and found["im23"] == [] and found["im24"] == ["cat"]
    tags = {record.id: record.tags for record in source.records}
    assert tags["im1"] == ("dog", "sea", "nikon") and tags["im24"] == () and source.tag_names == ["cat", "dog", "nikon", "sea", "sofa"]
    assert [record.split for record in source.records].count("test") == 2 == [record.split for record in source.records].count("val")
    by_id = {record.id: record.split for record in source.records}
    assert by_id["im23"] == by_id["im24"] == "train"  # without a label, without a tag: no query for the test
    assert not source.notes and not source.missing
    relevant = open_source(f"mirflickr:{tmp_path},labels=14")
    assert relevant.label_names == ["cat_r1", "dog_r1"] and labels_of(relevant)["im3"] == ["dog_r1"]
    assert len(open_source(f"mirflickr:{tmp_path},labels=38").label_names) == 5


def test_mirflickr_in_damaged_copies(tmp_path):
    name = tiny_data.mirflickr(tmp_path)
    tags, lists = tmp_path / "mirflickr" / "meta" / "tags", tmp_path / "mirflickr25k_annotations_v080"
    (tags / "tags1.txt").write_bytes("café\r\nsea\r\n".encode("latin-1"))
    (tags / "tags2.txt").write_bytes(b"\xef\xbb\xbf" + "café\n".encode())
    (tags / "tags3.txt").unlink()
    (tmp_path / "mirflickr" / "im5.jpg").unlink()
    source = open_source(name)
    by_id = {record.id: record for record in source.records}
    assert by_id["im1"].tags == ("café", "sea") and by_id["im2"].tags == ("café",) and by_id["im3"].tags == () and "im5" not in by_id
    assert source.missing == ("im5.jpg",) and len(source.notes) == 3
    told = " ".join(source.notes)
    assert "1 of 24 listed images are not there and are left out, the first is 'im5.jpg'" in told
    assert "1 text files are not UTF-8 and were read as Latin-1, the first is 'tags1.txt'" in told
    assert "1 photograph has no file of tags, the first is im3" in told
    for broken, message in (("x\n", "line 1 is 'x'; expected the number"), ("1\n-2\n", "line 2 is '-2'"), ("0\n", "line 1 is '0'")):
        (lists / "dog.txt").write_text(broken)
        with pytest.raises(InputError, match=message):
            open_source(name)
    for option, message in (("labels=25", "labels is '25'.*it can be 24, 14, 38"), ("lables=24", "did you mean 'labels'")):
        with pytest.raises(InputError, match=message):
            open_source(f"{name},{option}")
    for path in lists.iterdir():
        path.unlink()
    with pytest.raises(InputError, match="holds no annotation such as animals.txt"):
        open_source(name)


# ---------------------------------------------------------------------------------------------- NUS-WIDE


def test_nus_wide_by_hand(tmp_path):
    source = open_source(tiny_data.nus_wide(tmp_path))
    assert source.label_names == ["animal", "cat", "dog", "sun"] and dict(source.counts) == {"listed images": N, "concepts": 4}
    found = labels_of(source)
    assert found["dog/0001_2001"] == ["animal", "dog", "sun"] and found["cat/0002_2002"] == ["animal", "cat"]
    tags = {record.id: record.tags for record in source.records}
    assert tags["dog/0001_2001"] == ("sea", "nikon") and tags["cat/0002_2002"] == ("sofa", "nikon") and tags["cat/0024_2024"] == ()
    assert source.records[0].image == tmp_path / "Flickr" / "dog" / "0001_2001.jpg"
    official = open_source(f"nus-wide:{tmp_path},split=official")
    splits = [record.split for record in official.records]
    assert splits[-6:] == ["test"] * 6 and [k for k, s in enumerate(splits) if s == "val"] == [9] and splits.count("train") == N - 7
    (tmp_path / "NUS_WID_Tags" / "AllTags1k.txt").unlink()
    assert [record.tags for record in open_source(f"nus-wide:{tmp_path}").records] == [record.tags for record in source.records]


def test_the_most_frequent_concepts_are_the_labels(tmp_path, monkeypatch):
    name = tiny_data.nus_wide(tmp_path)
    folder = tmp_path / "Groundtruth" / "AllLabels"
    for k in range(8):  # twelve concepts: ten of them hold more photographs than the other two
        (folder / f"Labels_more{k}.txt").write_text("1\n" * (k + 2) + "0\n" * (N - k - 2))
    ten = open_source(f"{name},concepts=10")
    assert ten.label_names == ["animal", "cat", "dog", *(f"more{k}" for k in range(1, 8))]  # not sun (1), not more0 (2)
    assert len(open_source(name).label_names) == 12


def test_nus_wide_in_damaged_copies(tmp_path):
    name = tiny_data.nus_wide(tmp_path)
    (tmp_path / "Flickr" / "dog" / "0003_2003.jpg").unlink()
    (tmp_path / "Flickr" / "cat" / "0002_2002.jpg").rename(tmp_path / "2002.jpg")  # flat, under the number alone
    (tmp_path / "images").mkdir()
    (tmp_path / "2002.jpg").rename(tmp_path / "images" / "2002.jpg")
    listed = tmp_path / "ImageList" / "Imagelist.txt"
    listed.write_text(listed.read_text().replace("cat\\0004_2004.jpg", "sofa\\0009_2001.jpg"))  # the first photograph once more
    (tmp_path / "NUS_WID_Tags" / "All_Tags.txt").unlink()
    source = open_source(name)
    ids = [record.id for record in source.records]
    assert len(ids) == N - 2 and "dog/0003_2003" not in ids and "cat/0002_2002" in ids and source.missing == ("dog/0003_2003.jpg",)
    told = " ".join(source.notes)
    assert "1 of 24 listed images are not there" in told and "1 row names a photograph that stands there already" in told
    labels = tmp_path / "Groundtruth" / "AllLabels" / "Labels_cat.txt"
    for broken, message in (
        ("1\n" * 23, "holds 23 values; expected 1 for each of 24 images"),
        ("1\n-1130179\n" + "0\n" * 22, "line 2: found something else than 0 and 1"),
        ("1\n" * 23 + "10\n", "line 24: found something else"),
    ):
        labels.write_text(broken)
        with pytest.raises(InputError, match=message):
            open_source(name)
    labels.write_text("1\n" * N)
    listed.write_text("..\\x_1.jpg\n")
    with pytest.raises(InputError, match="is not a path inside the folder of the photographs"):
        open_source(name)
    listed.write_text("dog\\photo.jpg\n")
    with pytest.raises(InputError, match="has no number of Flickr"):
        open_source(name)


def test_tags_of_another_list_are_refused(tmp_path):
    name = tiny_data.nus_wide(tmp_path)
    (tmp_path / "NUS_WID_Tags" / "AllTags1k.txt").unlink()
    path = tmp_path / "NUS_WID_Tags" / "All_Tags.txt"
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[1], lines[0], *lines[2:]]) + "\n")
    with pytest.raises(InputError, match="line 1 begins with '2002'; expected '2001', as in the image list"):
        open_source(name)
    path.write_text("\n".join(lines[:-1]) + "\n")
    with pytest.raises(InputError, match="has 23 lines for 24 listed images"):
        open_source(name)


def test_a_table_of_0_and_1_longer_than_a_block(tmp_path, monkeypatch):
    monkeypatch.setattr("hetero_xmodal.data.published._BLOCK", 64)
    wanted = (np.random.default_rng(0).random((50, 7)) < 0.3).astype(np.uint8)
    (tmp_path / "a").write_text("\ufeff" + "".join(" ".join(map(str, row)) + "\r\n" for row in wanted), newline="")
    np.testing.assert_array_equal(zeros_and_ones(tmp_path / "a", 50, 7), wanted)
    with pytest.raises(InputError, match="holds 350 values; expected 7 for each of 49"):
        zeros_and_ones(tmp_path / "a", 49, 7)
    (tmp_path / "a").write_text("0 1\n" * 40 + "0 2\n")
    with pytest.raises(InputError, match="line 41: found"):
        zeros_and_ones(tmp_path / "a", 41, 2)


def test_test_pairs_of_a_large_set_are_as_many_as_the_papers():
    ids = [str(k) for k in range(25_000)]
    split = paper_split(ids)
    assert [list(split.values()).count(s) for s in ("train", "val", "test")] == [21_000, 2_000, 2_000]
    assert split == paper_split(ids[::-1])  # whatever the order
    for count, wanted in (
        (20_015, [2_000, 2_000]),
        (8_000, [2_000, 2_000]),
        (7_000, [560, 560]),
        (20, [2, 2]),
    ):  # some have no tag or no label
        found = list(paper_split(ids[:count]).values())
        assert [found.count(s) for s in ("val", "test")] == wanted
    faces = list(paper_split([str(k) for k in range(192_050)], test=38_410, share=0.2).values())
    assert [faces.count(s) for s in ("train", "val", "test")] == [151_640, 2_000, 38_410]


# ---------------------------------------------------------------------------------------------- Oxford-102


def test_oxford_102_by_hand(tmp_path):
    source = open_source(tiny_data.oxford_102(tmp_path))
    assert source.splits == ("train", "val", "test") and [record.split for record in source.records] == tiny_data.SPLITS
    assert dict(source.counts) == {"images": N, "classes": 2} and len(source.label_names) == 102
    found = labels_of(source)
    assert found["image_00001"] == ["pink primrose"] and found["image_00002"] == ["hard-leaved pocket orchid"]
    item = source.records[0].make_item()
    assert item.sentences == tiny_data.captions(0) and [o.name for o in item.scene.objects] == ["flower"]
    assert item.scene.objects[0].box == (0, 0, *item.image.size) and item.scene.source["boxes"] == "whole image"
    (tmp_path / "trainvalclasses.txt").write_text("class_00002\r\n", newline="")
    (tmp_path / "testclasses.txt").write_text("class_00001\n")
    by_class = open_source(f"oxford-102:{tmp_path}")
    assert [record.split for record in by_class.records[:4]] == ["test", "train"] * 2
    assert [r.id for r in by_class.records if r.split == "val"] == ["image_00020"]  # the tenth of twelve for training
    official = open_source(f"oxford-102:{tmp_path},split=official")
    assert [record.split for record in official.records] == tiny_data.SPLITS


def test_oxford_102_in_damaged_copies(tmp_path):
    from scipy.io import savemat

    name = tiny_data.oxford_102(tmp_path)
    (tmp_path / "jpg" / "image_00003.jpg").unlink()
    (tmp_path / "text_c10" / "class_00002" / "image_00004.txt").unlink()
    (tmp_path / "text_c10" / "class_00001" / "image_00005.txt").write_bytes(b"\xef\xbb\xbfa red\xe9 dog\r\n\r\na cat\r\n")
    source = open_source(name)
    ids = [record.id for record in source.records]
    assert len(ids) == N - 2 and source.missing == ("image_00003.jpg",) and "image_00004" not in ids
    assert source.records[ids.index("image_00005")].texts() == ("a redé dog", "a cat") and len(source.notes) == 2
    (tmp_path / "text_c10" / "class_00001" / "image_00001.txt").write_text("")
    with pytest.raises(InputError, match="hold no line of text"):
        source.records[0].texts()
    (tmp_path / "testclasses.txt").write_text("daisy\n")
    with pytest.raises(InputError, match="line 1 is 'daisy'; expected a name such as class_00012"):
        open_source(name)
    for train, test, message in (
        ("class_00001\nclass_00002\n", "class_00002\n", "testclasses.txt', line 1: class_00002 is for train too"),
        ("class_00001\n", "class_00103\n", "line 1 is 'class_00103'; expected a name such as class_00012, up to 102"),
        ("class_00001\n", "", "has class lists, but none for test; put testclasses.txt beside them, or say split=official"),
        ("", "class_00001\n", "none for train; put trainvalclasses.txt or trainclasses.txt beside them"),
    ):
        (tmp_path / "trainvalclasses.txt").write_text(train)
        (tmp_path / "testclasses.txt").write_text(test)
        with pytest.raises(InputError, match=message):
            open_source(name)
    (tmp_path / "trainvalclasses.txt").unlink()
    (tmp_path / "testclasses.txt").unlink()
    savemat(tmp_path / "setid.mat", {"trnid": [[1, 2]], "valid": [[2]], "tstid": [[3]]})
    with pytest.raises(InputError, match="photograph 2 is in both train and val"):
        open_source(name)
    savemat(tmp_path / "setid.mat", {"trnid": [[1, 25]], "valid": [[2]], "tstid": [[3]]})
    with pytest.raises(InputError, match="value 2 of 'trnid' is 25; expected 1 to 24"):
        open_source(name)
    savemat(tmp_path / "imagelabels.mat", {"labels": [[1, 103]]})
    with pytest.raises(InputError, match="value 2 of 'labels' is 103; expected 1 to 102"):
        open_source(name)
    (tmp_path / "imagelabels.mat").write_bytes(b"MATLAB 5.0 MAT-file")
    with pytest.raises(InputError, match="imagelabels.mat"):
        open_source(name)


# ---------------------------------------------------------------------------------------------- CelebA


def test_celeba_by_hand(tmp_path):
    source = open_source(tiny_data.celeba(tmp_path))
    assert source.label_names == ["black hair", "smiling", "wearing hat"] and dict(source.counts) == {"images": N, "attributes": 3}
    found = labels_of(source)
    assert (
        found["000001"] == ["black hair", "wearing hat"]
        and found["000002"] == ["smiling", "wearing hat"]
        and found["000004"] == ["smiling"]
    )
    item = source.records[0].make_item()
    assert item.sentences == tiny_data.captions(0)[:1]
    assert [(o.name, o.attributes, o.box) for o in item.scene.objects] == [("face", ["black hair", "wearing hat"], (0, 0, 220, 200))]
    assert [record.split for record in source.records].count("test") == 5 == [record.split for record in source.records].count("val")
    official = open_source(f"celeba:{tmp_path},split=official")
    assert [record.split for record in official.records] == tiny_data.SPLITS


@pytest.mark.parametrize("ending", ["csv", "tsv", "txt"])
def test_celeba_with_tables_of_other_distributors(ending, tmp_path):
    from_folder = open_source(tiny_data.celeba(tmp_path), cache=tmp_path / "c")
    for stem in ("list_attr_celeba", "list_eval_partition"):
        rows = [",".join(line.split()) for line in (tmp_path / f"{stem}.txt").read_text().splitlines()]
        rows = [f"image_id,{rows[1]}", *rows[2:]] if stem == "list_attr_celeba" else ["image_id,partition", *rows]
        (tmp_path / f"{stem}.csv").write_text("\r\n".join(rows) + "\r\n", newline="")
        (tmp_path / f"{stem}.txt").unlink()
    inner = tmp_path / "img_align_celeba" / "img_align_celeba"
    (tmp_path / "img_align_celeba").rename(tmp_path / "x")
    inner.parent.mkdir()
    (tmp_path / "x").rename(inner)
    (tmp_path / "captions").rename(tmp_path / "old")
    told = {f"{k:06}.jpg": tiny_data.captions(k - 1) for k in range(1, N)}  # the last face has no caption
    lines = [f'{name},"{text}"' if ending == "csv" else f"{name}\t{text}" for name, some in told.items() for text in some]
    (tmp_path / f"captions.{ending}").write_text("\n".join([*(["image,caption"] if ending == "csv" else []), *lines]) + "\n")
    source = open_source(f"celeba:{tmp_path},split=official")
    assert [record.id for record in source.records] == [record.id for record in from_folder.records][:-1]
    assert source.records[2].texts() == tuple(tiny_data.captions(2)) and source.records[0].image.is_file()
    assert labels_of(source) == {id: found for id, found in labels_of(from_folder).items() if id != "000024"}
    assert [record.split for record in source.records] == tiny_data.SPLITS[:-1]
    assert "1 photograph has no caption and is left out, the first is '000024.jpg'" in " ".join(source.notes)


def test_celeba_in_damaged_copies(tmp_path):
    name = tiny_data.celeba(tmp_path)
    path = tmp_path / "list_attr_celeba.txt"
    whole = path.read_text()
    (tmp_path / "img_align_celeba" / "000007.jpg").unlink()
    assert open_source(name).missing == ("000007.jpg",)
    for change, message in (
        (lambda text: text.replace("000002.jpg -1", "000002.jpg  0"), "line 4: expected a file name and 3 values 1 or -1"),
        (lambda text: text.replace("000002.jpg -1", "000002.jpg"), "line 4: expected"),
        (lambda text: text.replace("000002", "000001"), "line 4: '000001.jpg' stands there already"),
        (lambda text: "\n".join(text.splitlines()[:-1]), "states 24 photographs and has 23; it may be cut short"),
        (lambda text: text.replace("Smiling", "Black_Hair"), "no line of different names"),
        (lambda text: text.replace("000002.jpg", "../02.jpg"), "not a path inside"),
    ):
        path.write_text(change(whole))
        with pytest.raises(InputError, match=message):
            open_source(name)
    path.write_text(whole)
    (tmp_path / "list_eval_partition.txt").write_text("000001.jpg 3\n")
    with pytest.raises(InputError, match="line 1 is '000001.jpg 3'; expected a file name and 0, 1 or 2"):
        open_source(f"{name},split=official")
    (tmp_path / "list_eval_partition.txt").write_text("000001.jpg 0\n000001.jpg 2\n")
    with pytest.raises(InputError, match="line 2: 000001.jpg is in train already"):
        open_source(f"{name},split=official")
    (tmp_path / "list_eval_partition.txt").write_text("000001.jpg 0\n000002.jpg 2\n")
    splits = [record.split for record in open_source(f"{name},split=official").records]
    assert splits == ["train", "test"] + ["unused"] * 21  # the list does not say where these belong
    for file in (tmp_path / "captions").iterdir():
        file.unlink()
    with pytest.raises(InputError, match="none of its 23 photographs has a caption"):
        open_source(name)


# ---------------------------------------------------------------------------------------------- DeepFashion


def test_deepfashion_by_hand(tmp_path):
    source = open_source(tiny_data.deepfashion(tmp_path))
    names = ["category 3", "category 5", "colour 1", "colour 2", "sleeves 1", "sleeves 2", "gender 0", "gender 1"]
    assert source.label_names == names and dict(source.counts) == {"images": N, "sentences": N}
    found = labels_of(source)
    assert found["Red_Dress/img_00000001"] == ["category 3", "colour 1", "sleeves 2", "gender 1"]
    assert found["Blue_Tee/img_00000002"] == ["category 5", "colour 2", "sleeves 1", "gender 0"]
    item = source.records[1].make_item()
    assert item.sentences == tiny_data.captions(1)[:1] and item.scene.objects[0].name == "person"
    official = [record.split for record in open_source(f"deepfashion:{tmp_path},split=official").records]
    assert official[-4:] == ["test"] * 4 and [k for k, split in enumerate(official) if split == "val"] == [9, 19]


@pytest.mark.parametrize("numbers", [[1.5, 2], [float("nan"), 2], [float("inf"), 2], [0, 2], [25, 2]])
def test_deepfashion_with_official_numbers_that_are_none(tmp_path, numbers):
    from scipy.io import savemat

    name = tiny_data.deepfashion(tmp_path)
    savemat(tmp_path / "ind.mat", {"train_ind": np.array(numbers)[:, None], "test_ind": [[3]]})
    with pytest.raises(InputError, match="'train_ind' must hold whole numbers from 1 to 24"):
        open_source(f"{name},split=official")


def test_nus_wide_lists_that_contradict_each_other(tmp_path):
    name = tiny_data.nus_wide(tmp_path)
    lists = tmp_path / "ImageList"
    (lists / "TrainImagelist.txt").write_text((lists / "TestImagelist.txt").read_text())
    with pytest.raises(InputError, match="6 photographs are in '.*TrainImagelist.txt' too, the first is 2019"):
        open_source(f"{name},split=official")
    assert len(open_source(name).records) == N


def test_deepfashion_in_damaged_copies(tmp_path):
    from scipy.io import loadmat, savemat

    name = tiny_data.deepfashion(tmp_path)
    path = tmp_path / "language_original.mat"
    whole = {key: value for key, value in loadmat(path).items() if not key.startswith("__")}
    (tmp_path / "img" / "Red_Dress" / "img_00000003.jpg").unlink()
    sentences = whole["engJ"].copy()
    sentences[1, 0] = np.array([], dtype="<U1")
    savemat(path, whole | {"engJ": sentences})
    source = open_source(name)
    assert len(source.records) == N - 2 and source.missing == ("img/Red_Dress/img_00000003.jpg",)
    assert "1 photograph has no sentence and is left out, the first is 'img/Blue_Tee/img_00000002.jpg'" in " ".join(source.notes)
    twice = whole["nameList"].copy()
    twice[1, 0] = twice[0, 0]
    numbers = whole["engJ"].copy()
    numbers[4, 0] = np.array([[1.0, 2.0]])
    for change, message in (
        ({"nameList": twice}, "1 names occur more than once, the first is 'Red_Dress/img_00000001'"),
        ({"engJ": numbers}, "cell 5 of 'engJ' is no text"),
        ({"engJ": whole["engJ"][:-1]}, "has 24 names and 23 sentences"),
        ({"color_": whole["color_"] * 0}, "'color_' holds .* expected 24 whole numbers from 1"),
        ({"color_": whole["color_"][:-1]}, "'color_' holds"),
    ):
        savemat(path, whole | change)
        with pytest.raises(InputError, match=message):
            open_source(name)
    savemat(path, {key: value for key, value in whole.items() if key != "engJ"})
    with pytest.raises(InputError, match="has no array 'engJ'"):
        open_source(name)
    savemat(path, whole)
    savemat(tmp_path / "ind.mat", {"train_ind": [[1], [2]], "test_ind": [[2]]})
    with pytest.raises(InputError, match="photograph 2 is in both train and test"):
        open_source(f"{name},split=official")


# ---------------------------------------------------------------------------------------------- Flickr30K


def test_flickr30k_by_hand(tmp_path):
    source = open_source(tiny_data.flickr30k(tmp_path))
    assert dict(source.counts) == {"images": N, "captions": 2 * N} and [record.split for record in source.records] == tiny_data.SPLITS
    item = source.records[1].make_item()
    assert item.id == "2" and item.sentences == tiny_data.captions(1)
    assert [(o.name, o.box) for o in item.scene.objects] == [("dog", (25, 40, 75, 90))]  # the chain without a box is none
    assert source.notes == (f"'{tmp_path / 'results_20130124.token'}': 24 of 24 photographs have another number of captions than five",)
    (tmp_path / "dataset_flickr30k.json").unlink()
    assert all(record.split is None for record in open_source(f"flickr30k:{tmp_path}").records)
    for split, numbers in (("train", range(1, 20)), ("val", (20, 21)), ("test", (22, 23))):  # 24 is in none
        (tmp_path / f"{split}.txt").write_text("".join(f"{number}\r\n" for number in numbers), newline="")
    splits = [record.split for record in open_source(f"flickr30k:{tmp_path}").records]
    assert [splits.count(s) for s in ("train", "val", "test", "unused")] == [19, 2, 2, 1] and splits[-1] == "unused"


def test_flickr30k_in_damaged_copies(tmp_path):
    name = tiny_data.flickr30k(tmp_path)
    path = tmp_path / "results_20130124.token"
    whole = path.read_text()
    lines = whole.splitlines()
    (tmp_path / "flickr30k-images" / "3.jpg").unlink()
    more = ["1.jpg#4\tthe last .", "1.jpg#3\tcafé .", "2.jpg#5\ta sixth", "2.jpg#6\ta seventh", "5.jpg#2\t  "]
    path.write_bytes("\r\n".join([*lines, *more]).encode("latin-1"))
    source = open_source(name)
    by_id = {record.id: record for record in source.records}
    assert by_id["1"].captions == (*tiny_data.captions(0), "café .", "the last .") and len(by_id["2"].captions) == 4
    assert by_id["5"].captions == tuple(tiny_data.captions(4)) and source.missing == ("3.jpg",)
    told = " ".join(source.notes)
    for text in (
        "1 of 24 listed images are not there",
        "1 text files are not UTF-8",
        "1 caption is empty",
        "24 of 24 photographs have another",
    ):
        assert text in told
    for change, message in (
        (whole + "x.jpg a cat\n", "line 49 is 'x.jpg a cat'; expected NAME.jpg#0, a tab and a caption"),
        (whole + "1.jpg#0\ta cat\n", "line 49: caption 0 of '1.jpg' stands there already"),
        (whole + "../1.jpg#0\ta cat\n", "not a path inside"),
        ("\n", "hold no caption"),
        ("x.jpg#0\ta cat\n", "holds none of the 1 captioned photographs; expected x.jpg"),
    ):
        path.write_text(change)
        with pytest.raises(InputError, match=message):
            open_source(name)
    path.write_text(whole)
    record = open_source(name).records[0]
    xml = tmp_path / "Annotations" / "1.xml"
    drawn = xml.read_text()
    for change, message in (
        (drawn[:-30], "cannot be read"),
        (drawn.replace("<xmin>20", "<xmin>left"), "cannot be read"),
        ('<!DOCTYPE a [<!ENTITY b "c">]>' + drawn, "not in the format of Flickr30K Entities"),
        (drawn.replace("<width>220", "<width>700"), "belong to an image of 700 x 200 pixels"),
    ):
        xml.write_text(change)
        with pytest.raises(InputError, match=message):
            record.make_item()
    xml.unlink()
    assert record.make_item().scene is None


# ---------------------------------------------------------------------------------------------- VRD


def test_vrd_by_hand(tmp_path):
    source = open_source(tiny_data.vrd(tmp_path))
    assert dict(source.counts) == {"images": N, "relations": 2 * N, "classes": 4, "predicates": 2}
    assert [record.split for record in source.records] == ["train"] * 18 + ["test"] * 6
    item = source.records[1].make_item()
    assert [(o.name, o.box) for o in item.scene.objects] == [
        ("dog", (25, 40, 75, 90)),
        ("table", (80, 90, 130, 140)),
        ("lamp", (140, 20, 190, 70)),
    ]
    assert [(r.subject, r.predicate, r.object) for r in item.scene.relations] == [(0, "on", 1), (2, "next to", 1)]
    assert item.sentences == ["the dog on the table", "the lamp next to the table"]


def test_vrd_in_damaged_copies(tmp_path):
    name = tiny_data.vrd(tmp_path)
    path = tmp_path / "json_dataset" / "annotations_train.json"
    whole = json.loads(path.read_text())
    rows = whole["1.jpg"]
    changed = json.loads(json.dumps(whole))
    flat = {"category": 0, "bbox": [5, 5, 2, 9]}
    changed["1.jpg"] = [*rows, rows[0], {"predicate": 0, "subject": flat, "object": rows[0]["object"]},
                        {"predicate": 1, "subject": rows[0]["object"], "object": rows[0]["object"]}]  # fmt: skip
    changed["2.jpg"] = []
    path.write_text(json.dumps(changed))
    folder = tmp_path / "sg_dataset" / "sg_train_images"
    (folder / "3.jpg").rename(folder / "3.gif")
    (folder / "4.jpg").unlink()
    source = open_source(name)
    assert len(source.records[0].make_item().scene.relations) == 2 and source.records[1].image.name == "3.gif"
    assert [record.id for record in source.records][:3] == ["1", "3", "5"] and source.missing == ("4.jpg",)
    told = " ".join(source.notes)
    assert "1 photograph has no relation" in told and "2 relations have a box without area, or one thing for both ends" in told
    for place, value, message in (
        ("predicate", 2, "'predicate' is 2, expected a number from 0 to 1"),
        ("predicate", None, "'predicate' is None, expected"),
        ("subject", {"category": 9, "bbox": [0, 1, 0, 1]}, "'category' is 9, expected a number from 0 to 3"),
        ("subject", {"category": 0, "bbox": [0, 1, 0]}, "four finite numbers y1, y2, x1, x2"),
        ("object", None, "object"),
    ):
        broken = json.loads(json.dumps(whole))
        broken["1.jpg"][0][place] = value
        path.write_text(json.dumps(broken))
        with pytest.raises(InputError, match=re.escape(message)):
            open_source(name)
    broken = json.loads(json.dumps(whole))
    broken["1.jpg"][0]["subject"]["bbox"] = [300, 350, 0, 20]
    path.write_text(json.dumps(broken))
    with pytest.raises(InputError, match="lies outside its 220 x 200 pixels"):
        open_source(name).records[0].make_item()


@pytest.mark.skipif("HETERO_XMODAL_REAL_DATA" not in os.environ, reason="needs the folder of real photographs, HETERO_XMODAL_REAL_DATA")
def test_real_photographs_of_vrd(tmp_path):
    """45 photographs with their own annotations, written into the published files."""
    place = Path(os.environ["HETERO_XMODAL_REAL_DATA"]) / "vrd_photos"
    graphs = json.loads((place / "graphs.json").read_text())
    ends = [end for graph in graphs for r in graph["relationships"] for end in (r["subject"], r["object"])]
    classes = sorted({end["name"] for end in ends})
    predicates = sorted({r["predicate"] for graph in graphs for r in graph["relationships"]})

    def end_of(end):
        x1, y1, x2, y2 = end["box_xyxy"]
        return {"category": classes.index(end["name"]), "bbox": [y1, y2, x1, x2]}

    written = {
        graph["file_name"]: [
            {"predicate": predicates.index(r["predicate"]), "subject": end_of(r["subject"]), "object": end_of(r["object"])}
            for r in graph["relationships"]
        ]
        for graph in graphs
    }
    (tmp_path / "sg_train_images").symlink_to(place / "images")
    for file, value in (("objects", classes), ("predicates", predicates), ("annotations_train", written), ("annotations_test", {})):
        (tmp_path / f"{file}.json").write_text(json.dumps(value))
    source = open_source(f"vrd:{tmp_path}")
    assert len(source.records) == 45 and not source.missing
    own = sum(r["subject"] == r["object"] for graph in graphs for r in graph["relationships"])
    assert own and f"{own} relations have a box without area, or one thing for both ends" in " ".join(source.notes)
    for record, graph in zip(source.records, graphs, strict=True):
        scene = record.make_item().scene
        found = {(scene.objects[r.subject].name, r.predicate, scene.objects[r.object].name) for r in scene.relations}
        wanted = [r for r in graph["relationships"] if r["subject"] != r["object"]]  # one chair is next to itself
        assert found == {(r["subject"]["name"], r["predicate"], r["object"]["name"]) for r in wanted}


# ---------------------------------------------------------------------------------------------- CUB's parts and attributes


def with_parts(folder: Path) -> Path:
    """The tiny birds with a beak (visible in all but the second), two wings, and attributes in the published format."""
    base = folder / "CUB_200_2011"
    for part in ("parts", "attributes"):
        (base / part).mkdir()
    (base / "parts" / "parts.txt").write_text("2 beak\n9 left wing\n13 right wing\n")
    rows = []
    for k in range(N):
        x = 20 + 5 * k  # the bird's box is x, 40, 50, 50
        rows += [f"{k + 1} 2 {x + 25}.0 50.0 {int(k != 1)}", f"{k + 1} 9 {x + 10}.0 70.0 1", f"{k + 1} 13 0.0 0.0 0"]
    (base / "parts" / "part_locs.txt").write_text("\r\n".join(rows) + "\r\n", newline="")
    names = [
        "has_bill_color::red",
        "has_wing_pattern::striped",
        "has_primary_color::blue",
        "has_size::small_(5_-_9_in)",
        "has_tail_shape::forked_tail",
    ]
    (folder / "attributes.txt").write_text("".join(f"{k} {name}\n" for k, name in enumerate(names, 1)))
    marks = ["1 1 1 4 2.5", "1 2 1 3 2.5", "1 3 1 2 2.5", "1 4 1 4 0 0 1.5", "1 5 1 3 9.9", "2 1 1 4 2.5", "2 3 0 4 2.5"]
    (base / "attributes" / "image_attribute_labels.txt").write_text("\n".join(marks) + "\n")
    return base


def test_parts_and_attributes_of_cub_by_hand(tmp_path):
    name = tiny_data.cub(tmp_path)
    with_parts(tmp_path)
    assert [o.name for o in open_source(name).records[0].make_item().scene.objects] == ["bird"]  # unless asked for
    records = open_source(f"{name},parts=boxes,attributes=certain").records
    scene = records[0].make_item().scene
    assert [(o.name, o.box) for o in scene.objects] == [
        ("bird", (20, 40, 70, 90)), ("beak", (38.75, 43.75, 51.25, 56.25)), ("wing", (23.75, 63.75, 36.25, 76.25)),
    ]  # fmt: skip
    assert [o.attributes for o in scene.objects] == [["small", "forked tail"], ["red"], ["striped"]]
    assert [(r.subject, r.predicate, r.object) for r in scene.relations] == [(0, "have", 1), (0, "have", 2)]
    second = records[1].make_item().scene
    assert [o.name for o in second.objects] == ["bird", "wing"] and second.objects[0].attributes == ["red beak"]  # no beak to see
    pair = load_pairs(f"{name},parts=boxes", "all", size=1, image_size=75)[0]
    assert [o.name for o in pair.scene.objects] == ["bird", "beak", "wing"] and len(pair.scene.relations) == 2
    only = open_source(f"{name},attributes=certain").records[0].make_item().scene
    assert only.objects[0].attributes == ["red beak", "striped wing", "small", "forked tail"]


def test_parts_and_attributes_of_cub_in_damaged_copies(tmp_path):
    name = tiny_data.cub(tmp_path)
    base = with_parts(tmp_path)
    for file, text, message in (
        ("parts/part_locs.txt", "1 7 1.0 1.0 1\n", "photograph 1 has the part 7, which parts.txt does not name"),
        ("parts/part_locs.txt", "1 2 left 1.0 1\n", "holds 'left' where a number belongs"),
        ("parts/part_locs.txt", "1 2 nan 1.0 1\n", "holds 'nan' where a number belongs"),
        ("parts/part_locs.txt", "1 2 1.0\n", "line 1 is '1 2 1.0'; expected 5 words"),
        ("attributes/image_attribute_labels.txt", "1 9 1 4 1\n", "photograph 1 has the attribute 9, which attributes.txt does not name"),
        ("attributes/image_attribute_labels.txt", "1 1 1\n", "line 1 is '1 1 1'; expected 4 or more words"),
    ):
        whole = (base / file).read_text()
        (base / file).write_text(text)
        with pytest.raises(InputError, match=message):
            open_source(f"{name},parts=boxes,attributes=certain")
        (base / file).write_text(whole)
    (tmp_path / "attributes.txt").unlink()
    with pytest.raises(InputError, match="names of the attributes '.*attributes.txt' does not exist"):
        open_source(f"{name},attributes=certain")


@pytest.mark.skipif("HETERO_XMODAL_REAL_DATA" not in os.environ, reason="needs the folder of real data, HETERO_XMODAL_REAL_DATA")
def test_real_folders_are_verified():
    from hetero_xmodal.data import verify_dataset

    real = Path(os.environ["HETERO_XMODAL_REAL_DATA"])
    whole = verify_dataset(f"wikipedia:{real / 'wikipedia'}")
    assert whole.ok and whole.checked == 2173 + 693
    birds = open_source(f"cub:{real / 'cub_subset'},boxes=original")
    assert birds.counts["images"] == 543 and not birds.missing


# ---------------------------------------------------------------------------------------------- COCO as published


def coco_2014(folder: Path) -> str:
    """The tiny folder's images in the folders and files of COCO 2014; the last six are val2014."""
    tiny_data.coco(folder)
    (folder / "annotations").mkdir()
    for part, numbers in (("train2014", range(1, N - 5)), ("val2014", range(N - 5, N + 1))):
        (folder / part).mkdir()
        for kind in ("captions", "instances"):
            data = json.loads((folder / f"{kind}.json").read_text())
            data["images"] = [row | {"file_name": f"COCO_{part}_{row['id']:012}.jpg"} for row in data["images"] if row["id"] in numbers]
            data["images"] = [{key: value for key, value in row.items() if key != "split"} for row in data["images"]]
            data["annotations"] = [row for row in data["annotations"] if row["image_id"] in numbers]
            (folder / "annotations" / f"{kind}_{part}.json").write_text(json.dumps(data))
        for number in numbers:
            (folder / "images" / f"{number}.jpg").rename(folder / part / f"COCO_{part}_{number:012}.jpg")
    for kind in ("captions", "instances"):
        (folder / f"{kind}.json").unlink()
    return f"coco:{folder}"


def test_coco_as_published_by_hand(tmp_path):
    name = coco_2014(tmp_path)
    source = open_source(name)
    assert source.gives == {"images", "captions", "labels", "scene graphs"} and source.splits == ("train", "val")
    assert dict(source.counts) == {"images": N, "captions": 2 * N, "categories": 2}
    assert [record.split for record in source.records] == ["train"] * 18 + ["val"] * 6
    item = source.records[-1].make_item()
    assert item.id == "val2014/COCO_val2014_000000000024" and item.sentences == tiny_data.captions(N - 1)
    assert [(o.name, o.box) for o in item.scene.objects] == [("dog", (135, 40, 185, 90))] and item.labels.tolist() == [0, 1]
    rows = [{"cocoid": k + 1, "filename": "x.jpg", "split": split} for k, split in enumerate(tiny_data.SPLITS[:-1])]
    rows[0]["split"] = "restval"
    (tmp_path / "annotations" / "dataset_coco.json").write_text(json.dumps({"images": rows}))
    splits = [record.split for record in open_source(name).records]
    assert splits[0] == "restval" and splits[1:-1] == tiny_data.SPLITS[1:-1] and splits[-1] == "unused"
    assert len(hx.load_dataset(name, "test")) == 2


def test_coco_as_published_in_damaged_copies(tmp_path):
    from hetero_xmodal.data import verify_dataset

    name = coco_2014(tmp_path)
    (tmp_path / "val2014" / "COCO_val2014_000000000024.jpg").unlink()
    (tmp_path / "train2014").rename(tmp_path / "images" / "train2014")
    source = open_source(name)
    assert source.missing == ("val2014/COCO_val2014_000000000024.jpg",) and len(source.records) == N - 1
    assert verify_dataset(name, part=True).problems == ["val2014/COCO_val2014_000000000024.jpg is missing"]
    told = verify_dataset(name).problems
    assert "24 images, the whole set has 123,287 (--part accepts a part of it)" in told and any("2 categories" in line for line in told)
    path = tmp_path / "annotations" / "instances_val2014.json"
    data = json.loads(path.read_text())
    data["categories"][0]["name"] = "tiger"
    path.write_text(json.dumps(data))
    with pytest.raises(InputError, match="instances_val2014.json' has other categories"):
        open_source(name)
    path.unlink()
    (tmp_path / "annotations" / "instances_train2014.json").unlink()
    assert open_source(name).gives == {"images", "captions"}


# ---------------------------------------------------------------------------------------------- cards


def test_every_published_set_has_a_card_and_its_copy_in_the_repository():
    for name in PUBLISHED:
        entry = next(entry for entry in ENTRIES if entry.kind == name)
        folder = ROOT / "datasets" / name
        assert (folder / "README.md").read_text(encoding="utf-8") == dataset_card(name), f"hetero-xmodal data card {name} --out {folder}"
        assert json.loads((folder / "croissant.json").read_text(encoding="utf-8")) == entry.published().croissant()


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_card_says_all_that_people_must_know(name):
    card = read_card(name)
    text = dataset_card(name)
    headings = [
        "Licence and terms",
        "Teaching, and who is in the pictures",
        "Source",
        "Folder",
        "Statistics",
        "Splits",
        "Quirks",
        "Recipes",
    ]
    for heading in [*headings, "How far it was tried", "Where the numbers come from"]:
        section = text.split(f"## {heading}\n\n")[1].split("\n## ")[0]
        assert len(section.strip()) > 20, heading
    assert card.source.startswith("https://") and re.search(r"\((19|20)\d\d\)$", card.title) and f"({card.year})" in card.title
    assert set(card.splits) and set(card.recipes) <= {"DAGNN", "ALGR", "CAM", "MIM-Net"} and all(n > 0 for n in card.counts.values())
    made = card.croissant()
    ids = [one["@id"] for one in made["distribution"]]
    assert made["conformsTo"].endswith("croissant/1.0") and len(set(ids)) == len(ids) > 1
    for column in made["recordSet"][0]["field"]:
        assert column["source"]["fileSet"]["@id"] in ids and column["dataType"].partition(":")[0] in ("sc", "cr")
    json.dumps(made, allow_nan=False)


def test_each_of_the_nine_sets_has_a_reader_a_card_and_the_settings_of_its_papers():
    from hetero_xmodal.recipes.presets import DATASETS, paper_dataset, presets

    rows = [row for row in presets() if row["preset"].startswith("paper/")]
    assert (
        {row["preset"].partition("/")[2] for row in rows}
        == set(DATASETS)
        == {paper_dataset(f"{name}:FOLDER") for name in PUBLISHED} - {None}
    )
    known = {"stated", "not stated: our reading", "not in the paper: switched off"}
    assert {row["source"] for row in rows} == known  # what a paper does not say is marked so


# ---------------------------------------------------------------------------------------------- training


CAPTIONED = ["dagnn", "algr", "cam", "mimnet"]
DRAWN = {"mirflickr": ["dagnn"], "nus-wide": ["dagnn"], "oxford-102": CAPTIONED, "celeba": CAPTIONED, "deepfashion": CAPTIONED,
         "flickr30k": CAPTIONED[1:], "vrd": CAPTIONED[1:],
    "coco": CAPTIONED, "cub": CAPTIONED, "vg": CAPTIONED[1:], "wikipedia": ["dagnn"],
         "vg:FOLDER,graphs=vg150": ["cam"], "deepfashion:FOLDER with G2.h5": ["mimnet"]}  # fmt: skip
EPOCH = {
    "dagnn": {"set": {"width": 8, "hops": 1, "text_width": 8, "tag_hidden": 8, "label_width": 8, "batch_size": 8}},
    "algr": {"set": {"width": 16, "in_width": 16, "phase1_epochs": 0, "batch_size": 8}, "texts": "trained:1", "images": "grid:1"},
    "cam": {"set": {"width": 12, "word_width": 8, "channels": 8, "blocks": 1, "embed": 8, "hidden": 16, "batch_size": 4}, "image_size": 32},
    "mimnet": {"set": {"width": 12, "word_width": 8, "channels": 8, "embed": 8, "memories": 5, "batch_size": 4, "coarse_size": 32,
                       "fine_size": 64, "encoder_size": 32}},
}  # fmt: skip


@pytest.fixture
def colours(monkeypatch):
    """Stands in for an ImageNet network: the mean and the largest value of each colour."""
    import torch

    from hetero_xmodal.networks.frozen import FrozenNetwork

    network = FrozenNetwork(lambda x: torch.cat([x.mean((2, 3)), x.amax((2, 3))], 1), 127.0, 128.0, 8, "none")
    monkeypatch.setattr("hetero_xmodal.networks.frozen.frozen_network", lambda name: network)
    monkeypatch.setattr("hetero_xmodal.networks.frozen.network_weights", lambda name: "none")


@pytest.mark.slow
@pytest.mark.parametrize(("name", "recipe"), [(name, recipe) for name, recipes in DRAWN.items() for recipe in recipes])
def test_each_recipe_learns_one_epoch_on_each_set_by_one_command(name, recipe, tmp_path, colours, monkeypatch, capsys):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("hetero_xmodal.training.editing.setup.READER_STEPS", 2)
    form = name if name in VARIANTS else next(entry.form for entry in ENTRIES if entry.kind == name)
    data = (FOLDERS | VARIANTS)[form](tmp_path / "data")
    options = EPOCH[recipe] | ({"size": 6} if recipe in ("cam", "mimnet") else {})
    typed = ["train", recipe, "--data", data, "--out", str(tmp_path / "run"), "--epochs", "1"]
    typed += [word for key, setting in options.pop("set").items() for word in ("--set", f"{key}={setting}")]
    typed += [word for option, value in options.items() for word in (f"--{option.replace('_', '-')}", str(value))]
    assert run(typed) == 0, capsys.readouterr().err
    assert (tmp_path / "run" / "model").is_dir() and "epoch 1" not in (tmp_path / "run" / "log.txt").read_text()
