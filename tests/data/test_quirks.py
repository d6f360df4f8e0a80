"""What is odd in published files, on damaged copies of every set that can have it: read all the same, and counted.

``QUIRKS`` is the table: the set, the quirk, what it does to the tiny copy, and what is told of it (nothing where nothing is lost).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from PIL import Image
from tiny_data import FOLDERS, VARIANTS, N

from hetero_xmodal.data import open_source, verify_dataset

TEXTS = {".txt", ".csv", ".tsv", ".token", ".list", ".json", ".xml"}
READ = [form for form in (FOLDERS | VARIANTS) if ":" in form and not form.startswith("corpus")]  # a corpus is sealed by checksums
WITH_IMAGES = [form for form in READ if form.partition(":")[0] not in ("wikipedia", "mat", "features", "scan", "bottom-up", "regions")]


def make(form: str, folder: Path) -> str:
    return (FOLDERS | VARIANTS)[form](folder)


def read(name: str, cache: Path) -> dict[str, Any]:
    """All that a set says of its images, as plain values."""
    source = open_source(name, cache=cache)
    rows = [(r.id, r.split, r.texts(), None if r.labels is None else r.labels.tolist(), r.tags) for r in source.records]
    scenes = [(item.id, item.scene) for item in source.items("all")] if "images" in source.gives else []
    features = None if source.features is None else source.features().train.images.tolist()
    return {"rows": rows, "scenes": scenes, "labels": source.label_names, "splits": source.splits, "features": features}


def texts_of(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and path.suffix in TEXTS]


# ---------------------------------------------------------------------------------------------- quirks that every set can have


@pytest.mark.parametrize("form", READ)
def test_line_ends_of_windows_and_byte_order_marks_change_nothing(form, tmp_path):
    name = make(form, tmp_path / "d")
    before = read(name, tmp_path / "c")
    for path in texts_of(tmp_path / "d"):
        path.write_bytes(path.read_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"))
    assert read(name, tmp_path / "c2") == before
    for path in texts_of(tmp_path / "d"):
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert read(name, tmp_path / "c3") == before


@pytest.mark.parametrize("form", WITH_IMAGES)
def test_grey_photographs_and_those_of_printers_are_read_as_rgb(form, tmp_path):
    name = make(form, tmp_path / "d")
    before = read(name, tmp_path / "c")
    for k, path in enumerate(sorted(path for path in (tmp_path / "d").rglob("*.jpg"))):
        with Image.open(path) as image:
            image.load()
        image.convert(("L", "CMYK")[k % 2]).save(path)
    assert read(name, tmp_path / "c2") == before
    for item in open_source(name, cache=tmp_path / "c2").items("all", 3):
        assert item.image.mode == "RGB" and np.asarray(item.image).ndim == 3


# ---------------------------------------------------------------------------------------------- quirks of some


def edit(name: str, change: Callable[[Any], Any]) -> Callable[[Path], None]:
    """Change the JSON file *name* of a copy."""

    def apply(folder: Path) -> None:
        path = next(folder.rglob(name))
        data = json.loads(path.read_text())
        path.write_text(json.dumps(data if (made := change(data)) is None else made))

    return apply


def put(name: str, old: bytes, new: bytes, count: int = 1) -> Callable[[Path], None]:
    """Put bytes in place of others in the file *name* of a copy."""

    def apply(folder: Path) -> None:
        path = next(folder.rglob(name))
        data = path.read_bytes()
        assert old in data
        path.write_bytes(data.replace(old, new, count))

    return apply


def boxes_of_coco(data: dict[str, Any]) -> None:
    first = data["annotations"][0]
    data["annotations"] += [dict(first), first | {"bbox": [3, 3, 0, 9]}, first | {"bbox": [3, 3, 9, 0], "attributes": [None, "red"]}]


def names_of_genome(graphs: list[dict[str, Any]]) -> None:
    """Half of the objects give ``name`` in place of ``names``, and none has a synset."""
    for graph in graphs[::2]:
        for thing in graph["objects"]:
            thing["name"] = thing.pop("names")[0]
            thing["synsets"] = None


def boxes_of_genome(graphs: list[dict[str, Any]]) -> None:
    things = graphs[0]["objects"]
    things += [things[0] | {"object_id": 901}, things[0] | {"object_id": 902, "w": 0}, things[0] | {"object_id": 903, "y": 400}]


def nulls_of_genome(graphs: list[dict[str, Any]]) -> None:
    graphs[0]["objects"][0] |= {"attributes": [None, ""], "synsets": [None]}
    graphs[1]["objects"][0]["attributes"] = None
    graphs[0]["relationships"] += [
        {"predicate": None, "subject_id": 0, "object_id": 1},
        {"predicate": " ", "subject_id": 0, "object_id": 1},
    ]


def boxes_of_vrd(data: dict[str, Any]) -> None:
    first = data["1.jpg"][0]
    empty = first["subject"] | {"bbox": [40, 40, 20, 70]}
    data["1.jpg"] += [first, first | {"subject": empty}, first | {"object": first["subject"]}]


def captions_more(name: str, texts: list[str]) -> Callable[[Path], None]:
    """Captions of one image in a text file of its own: as many as are in *texts* more."""

    def apply(folder: Path) -> None:
        path = next(folder.rglob(name))
        path.write_text(path.read_text().rstrip("\n") + "\n" + "\n".join(texts) + "\n")

    return apply


def captions_of_karpathy(data: dict[str, Any]) -> None:
    row = data["images"][1]
    row["sentences"] += [{"raw": text} for text in FIVE]
    row["sentids"] += list(range(900, 905))


def captions_of_coco(data: dict[str, Any]) -> None:
    data["annotations"] += [{"image_id": 1, "caption": text} for text in FIVE]


def nulls_of_coco(data: dict[str, Any]) -> None:
    for row in data["annotations"]:
        row |= {"attributes": None, "iscrowd": None}


def boxes_of_entities(folder: Path) -> None:
    """Two boxes of one chain that are the same, and one of no width."""
    path = next(folder.rglob("1.xml"))
    thing = "<object><name>10</name><bndbox>{}</bndbox></object>"
    box = "<xmin>20</xmin><ymin>40</ymin><xmax>{}</xmax><ymax>90</ymax>"
    path.write_text(
        path.read_text().replace("</annotation>", thing.format(box.format(70)) + thing.format(box.format(20)) + "</annotation>")
    )


def boxes_of_vg150(folder: Path) -> None:
    import h5py

    with h5py.File(folder / "VG-SGG.h5", "a") as file:
        boxes = file["boxes_1024"][()]
        boxes[0] = boxes[1]
        boxes[5] = 100, 100, 0, 50
        file["boxes_1024"][...] = boxes
        labels = file["labels"][()]
        labels[0] = labels[1]
        file["labels"][...] = labels


FIVE = [f"One more of {k}." for k in range(5)]
LATIN = (b"near a lamp", b"near a caf\xe9", "near a caf\xe9")


class Quirk(NamedTuple):
    """One row: the set, the quirk, the damage, what ``data verify`` tells, and whether what is read stays the same.

    counted : pattern of a note; empty where nothing is lost, so that there is nothing to tell
    texts : (image, its number of captions, a part of one of them) afterwards
    option : what is put behind the folder
    """

    form: str
    what: str
    damage: Callable[[Path], None]
    counted: str = ""
    same: bool = False
    texts: tuple[str, int, str] | None = None
    option: str = ""


QUIRKS = (
    Quirk("vg:FOLDER", "name for names", edit("scene_graphs.json", names_of_genome), same=True),
    Quirk("vg:FOLDER", "missing synsets", edit("scene_graphs.json", names_of_genome), same=True, option=",names=synset"),
    Quirk("vg:FOLDER", "duplicate boxes", edit("scene_graphs.json", boxes_of_genome), "1 object stands there twice", same=True),
    Quirk("vg:FOLDER", "empty boxes", edit("scene_graphs.json", boxes_of_genome), "2 boxes have no area inside", same=True),
    Quirk("vg:FOLDER", "nulls", edit("scene_graphs.json", nulls_of_genome), "2 relations have no predicate", same=True),
    Quirk("vg:FOLDER,graphs=vg150", "duplicate boxes", boxes_of_vg150, "1 object stands there twice"),
    Quirk("vg:FOLDER,graphs=vg150", "empty boxes", boxes_of_vg150, "1 box has no area inside"),
    Quirk("coco:FOLDER", "duplicate boxes", edit("instances.json", boxes_of_coco), "1 box stands there twice", same=True),
    Quirk("coco:FOLDER", "empty boxes", edit("instances.json", boxes_of_coco), "2 boxes have no area", same=True),
    Quirk("coco:FOLDER", "7 captions", edit("captions.json", captions_of_coco),
          texts=("1", 7, "One more of 4.")),
    Quirk("coco:FOLDER", "nulls", edit("instances.json", nulls_of_coco), same=True),
    Quirk("karpathy:FILE,FOLDER", "7 captions", edit("dataset_tiny.json", captions_of_karpathy), texts=("2", 7, "One more of 4.")),
    Quirk("flickr30k:FOLDER", "7 captions", captions_more("results_20130124.token", [f"2.jpg#{k}\t{t}" for k, t in enumerate(FIVE, 2)]),
          texts=("2", 7, "One more of 4.")),
    Quirk("flickr30k:FOLDER", "Latin-1", put("results_20130124.token", *LATIN[:2]), "1 text files are not UTF-8", texts=("1", 2, LATIN[2])),
    Quirk("flickr30k:FOLDER", "empty boxes", boxes_of_entities, "1 box of Entities has no area", same=True),
    Quirk("flickr30k:FOLDER", "duplicate boxes", boxes_of_entities, "1 box of Entities stands there twice", same=True),
    Quirk("folder:FOLDER", "7 captions", captions_more("1.txt", FIVE), texts=("1.jpg", 7, "One more of 4.")),
    Quirk("photos:FOLDER", "7 captions", captions_more("1.txt", FIVE), texts=("1.jpg", 7, "One more of 4.")),
    Quirk("cub:FOLDER", "12 captions", captions_more("1.txt", FIVE * 2), texts=("1", 12, "One more of 4.")),
    Quirk("cub:FOLDER", "Latin-1", put("1.txt", *LATIN[:2]), "1 text files are not UTF-8", texts=("1", 2, LATIN[2])),
    Quirk("cub:FOLDER", "empty boxes", put("bounding_boxes.txt", b"1 20 40 50 50", b"1 20 40 0 50"), "1 box has no area"),
    Quirk("oxford-102:FOLDER", "7 captions", captions_more("image_00001.txt", FIVE), texts=("image_00001", 7, "One more of 4.")),
    Quirk("oxford-102:FOLDER", "Latin-1", put("image_00001.txt", *LATIN[:2]), "1 text files are not UTF-8",
          texts=("image_00001", 2, LATIN[2])),
    Quirk("celeba:FOLDER", "6 captions", captions_more("captions/000001.txt", FIVE), texts=("000001", 6, "One more of 4.")),
    Quirk("celeba:FOLDER", "Latin-1", put("captions/000001.txt", b"table 0", b"caf\xe9 0"), "1 text files are not UTF-8",
          texts=("000001", 1, "caf\xe9 0")),
    Quirk("mirflickr:FOLDER", "Latin-1", put("tags1.txt", b"sea", b"caf\xe9"), "1 text files are not UTF-8"),
    Quirk("nus-wide:FOLDER", "Latin-1", put("TagList1k.txt", b"sea", b"caf\xe9"), "1 text files are not UTF-8"),
    Quirk("vrd:FOLDER", "duplicate and empty boxes", edit("annotations_train.json", boxes_of_vrd), "2 relations have a box without area",
          same=True),
    Quirk("regions:FOLDER", "7 captions",
          edit("captions.json", captions_of_coco), texts=("0", 7, "One more of 4.")),
    Quirk("bottom-up:FOLDER", "7 captions",
          edit("captions.json", captions_of_coco), texts=("1", 7, "One more of 4.")),
)  # fmt: skip


@pytest.mark.parametrize("quirk", QUIRKS, ids=lambda quirk: f"{quirk.form} {quirk.what}")
def test_a_quirk_is_read_and_counted(quirk, tmp_path):
    name = make(quirk.form, tmp_path / "d") + quirk.option
    before = read(name, tmp_path / "c")
    quirk.damage(tmp_path / "d")
    after = read(name, tmp_path / "c2")
    assert (after == before) or not quirk.same
    assert len(after["rows"]) == len(before["rows"]) and [row[0] for row in after["rows"]] == [row[0] for row in before["rows"]]
    if quirk.texts is not None:
        image, count, part = quirk.texts
        (texts,) = [row[2] for row in after["rows"] if row[0] == image]
        assert len(texts) == count and any(part in text for text in texts)
    report = verify_dataset(name, part=True)
    assert report.ok, report.problems
    assert re.search(quirk.counted, " ".join(report.notes)) and (quirk.counted or report.notes == verify_dataset(name, part=True).notes)


def test_captions_of_scan_are_five_an_image_and_others_are_refused_with_their_number(tmp_path):
    from hetero_xmodal.errors import InputError

    name = make("scan:FOLDER", tmp_path / "d")
    captions_more("train_caps.txt", FIVE[:1])(tmp_path / "d")
    with pytest.raises(InputError, match="has 31 captions, but the 6 images"):
        open_source(name, cache=tmp_path / "c")


def test_the_table_covers_every_set_with_captions_or_boxes():
    """Sets of features have no texts that a quirk could be in; deepfashion keeps its sentences in a MATLAB file; outlines are COCO's."""
    others = {"karpathy+restval:FILE,FOLDER", "deepfashion:FOLDER", "deepfashion:FOLDER with G2.h5", "coco:FOLDER with outlines"}
    forms = {quirk.form for quirk in QUIRKS} | others
    assert set(READ) - forms == {"wikipedia:FOLDER", "mat:FOLDER", "features:FILE", "scan:FOLDER"} and N == 24
