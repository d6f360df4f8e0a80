"""One image is one item under whatever path it is written; names that lead nowhere, or to two files, are refused in one sentence."""

from __future__ import annotations

import json
import os
import unicodedata

import pytest
from PIL import Image

import hetero_xmodal as hx
from hetero_xmodal.data import build_dataset, load_dataset, open_source
from hetero_xmodal.data.registry import check_data
from hetero_xmodal.data.tasks.corpus import build_corpus
from hetero_xmodal.errors import InputError
from hetero_xmodal.pretrained import find_model, read_pretrained

COMPOSED = "caf\u00e9.png"
APART = unicodedata.normalize("NFD", COMPOSED)


def image(path, value=0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (30, 20), (value, value, value)).save(path, "PNG")


def table(folder, *rows, head="image,caption") -> str:
    (folder / ("captions.csv" if head == "image,caption" else "tags.csv")).write_text("\n".join([head, *rows]) + "\n", encoding="utf-8")
    return f"folder:{folder}"


def value(item) -> int:
    return item.image.getpixel((0, 0))[0]


# ---------------------------------------------------------------------------------------------- one file, one name


def test_ways_to_write_one_path_are_one_item_of_a_table(tmp_path):
    image(tmp_path / "sea" / "a.png")
    name = table(tmp_path, "sea/a.png,one", "./sea/a.png,two", "sea//a.png,three", "sea/old/../a.png,four")
    items = load_dataset(name)
    assert [(item.id, item.sentences) for item in items] == [("sea/a.png", ["one", "two", "three", "four"])]


@pytest.mark.parametrize("way", ["../a.png", "sea/../../a.png", "/a.png", ".", "sea/.."])
def test_paths_that_lead_out_of_the_folder_are_refused(tmp_path, way):
    (tmp_path / "in").mkdir()
    with pytest.raises(InputError, match="is not a path inside the folder"):
        open_source(table(tmp_path / "in", f"{way},one"))


def test_an_image_named_twice_in_other_words_is_refused_where_each_has_one_row(tmp_path):
    image(tmp_path / "a.png")
    table(tmp_path, "a.png,x,y", "./a.png,x,y", head="image,tags,labels")
    with pytest.raises(InputError, match="line 3: image 'a.png' stands in line 2 already"):
        open_source(f"photos:{tmp_path}")
    rows = [{"id": 1, "file_name": "a.png"}, {"id": 2, "file_name": ".//a.png"}]
    texts = [{"image_id": k, "caption": "a dog"} for k in (1, 2)]
    (tmp_path / "captions.json").write_text(json.dumps({"images": rows, "annotations": texts}))
    with pytest.raises(InputError, match="1 of 2 file names occur more than once, the first is 'a.png'"):
        open_source(f"coco:{tmp_path}")


def test_karpathy_joins_paths_in_their_shortest_form(tmp_path):
    image(tmp_path / "images" / "a.png")
    rows = [{"filename": name, "split": "train", "sentences": [{"raw": "a dog"}]} for name in ("a.png", "./a.png")]
    (tmp_path / "dataset.json").write_text(json.dumps({"images": rows}))
    with pytest.raises(InputError, match="1 image is listed more than once"):
        open_source(f"karpathy:{tmp_path / 'dataset.json'}")


# ---------------------------------------------------------------------------------------------- composed and decomposed


def both_forms(folder) -> None:
    image(folder / COMPOSED, 10)
    image(folder / APART, 200)
    if len(list(folder.glob("*.png"))) < 2:
        pytest.skip("this file system keeps one form")


def test_of_two_files_that_differ_in_form_the_exact_name_is_meant(tmp_path):
    both_forms(tmp_path)
    items = load_dataset(table(tmp_path, f"{COMPOSED},dark", f"{APART},bright"))
    assert [(value(item), item.sentences) for item in items] == [(10, ["dark"]), (200, ["bright"])]
    assert len({item.id for item in items}) == 2


def test_texts_beside_two_files_that_differ_in_form(tmp_path):
    both_forms(tmp_path)
    (tmp_path / COMPOSED).with_suffix(".txt").write_text("dark")
    with pytest.raises(InputError, match="could belong to"):  # to one of them, or to both
        open_source(f"folder:{tmp_path}")
    (tmp_path / APART).with_suffix(".txt").write_text("bright")
    items = load_dataset(f"folder:{tmp_path}")
    assert sorted((value(item), *item.sentences) for item in items) == [(10, "dark"), (200, "bright")]
    assert len({item.id for item in items}) == 2


def test_a_reader_that_knows_one_form_refuses_two_files(tmp_path):
    both_forms(tmp_path)
    texts = [{"image_id": 1, "caption": "a dog"}]
    (tmp_path / "captions.json").write_text(json.dumps({"images": [{"id": 1, "file_name": APART}], "annotations": texts}))
    with pytest.raises(InputError, match="differ only in how Unicode writes an accent"):
        open_source(f"coco:{tmp_path}")


# ---------------------------------------------------------------------------------------------- names that cannot be


def test_names_that_are_not_utf8_are_refused_with_escapes(tmp_path):
    image(tmp_path / "good.png")
    (tmp_path / "good.txt").write_text("a dog")
    try:
        image(tmp_path / os.fsdecode(b"bad\xff.png"))
    except OSError:
        pytest.skip("this file system takes no such name")
    with pytest.raises(InputError, match=r"the names of 1 of 2 images are not UTF-8, the first is 'bad\\udcff.png'; rename them"):
        build_corpus(str(tmp_path), out=tmp_path / "corpus", detector="grid:2")
    with pytest.raises(InputError, match=r"the image's id, its file name, is 'bad\\udcff' and holds"):
        hx.parse_image(tmp_path / os.fsdecode(b"bad\xff.png"), detector="grid:2")
    assert hx.parse_image(tmp_path / os.fsdecode(b"bad\xff.png"), detector="grid:2", id="bad").id == "bad"
    table(tmp_path, "good.png,a dog")  # a table leaves out what it does not name
    assert load_dataset(f"folder:{tmp_path}")[0].id == "good.png"


def test_a_lone_surrogate_in_a_listed_name_is_refused(tmp_path):
    rows = {"images": [{"id": 1, "file_name": "bad\udcff.png"}], "annotations": [{"image_id": 1, "caption": "a dog"}]}
    (tmp_path / "captions.json").write_text(json.dumps(rows))
    with pytest.raises(InputError, match=r"the file name 'bad\\udcff.png' is not UTF-8"):
        open_source(f"coco:{tmp_path}")


LONG = "x" * 5000


@pytest.mark.parametrize(
    "call",
    [
        lambda: hx.parse_image(LONG),
        lambda: hx.parse_image(Image.new("RGB", (40, 40)), detector=LONG),
        lambda: hx.parse_image(Image.new("RGB", (40, 40)), detector=f"{LONG}.json"),
        lambda: hx.parse_image(Image.new("RGB", (40, 40)), detector=f"{LONG}.yaml"),
        lambda: hx.parse_image(Image.new("RGB", (40, 40)), detector=f"COCO-Detection/{LONG}.yaml"),
        lambda: hx.parse_image(Image.new("RGB", (40, 40)), detector=f"boxes:{LONG}"),
        lambda: hx.parse_image(Image.new("RGB", (40, 40)), detector="world", weights=LONG),
        lambda: hx.parse_sentence("a dog", model=LONG),
        lambda: load_dataset(LONG),
        lambda: load_dataset(f"folder:{LONG}"),
        lambda: load_dataset(f"karpathy:{LONG}"),
        lambda: check_data(f"coco:{LONG}", "corpus"),
        lambda: build_corpus(LONG, out="never"),
        lambda: find_model(LONG),
        lambda: find_model(LONG, recipe="cam"),
        lambda: read_pretrained(LONG),
    ],
)
def test_a_name_longer_than_a_file_system_allows_is_refused_in_one_sentence(call):
    with pytest.raises((InputError, hx.errors.MissingPackageError)) as caught:
        call()
    assert "\n" not in str(caught.value)


# ---------------------------------------------------------------------------------------------- layouts of other readers


def test_a_built_data_set_given_as_a_plain_folder_is_named_by_its_reader(tmp_path):
    build_dataset("world/scenes", out=tmp_path / "scenes", size=2)
    with pytest.raises(InputError, match=rf"but 'captions.json'; write 'coco:{tmp_path / 'scenes'}' to read that"):
        open_source(f"folder:{tmp_path / 'scenes'}")
    with pytest.raises(InputError, match="write 'coco:"):
        build_corpus(str(tmp_path / "scenes"), out=tmp_path / "corpus", detector="grid:2")


def test_texts_that_a_table_makes_unread_are_counted(tmp_path):
    for name in ("a", "b", "c"):
        image(tmp_path / f"{name}.png")
    for name in ("b", "c", "readme"):
        (tmp_path / f"{name}.txt").write_text("from the text")
    source = open_source(table(tmp_path, "a.png,from the table", "b.png,from the table"))
    assert [record.captions for record in source.records] == [("from the table",)] * 2
    assert len(source.notes) == 1 and "2 .txt files beside images are not read, the first is 'b.txt'" in source.notes[0]
