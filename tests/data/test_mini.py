"""The mini set: photographs of installed packages, each with its licence; boxes, words and relations of our own."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import numpy as np
import pytest

import hetero_xmodal as hx
from hetero_xmodal.cli.main import run
from hetero_xmodal.data import dataset_card, open_source, verify_dataset
from hetero_xmodal.data.datasets import mini
from hetero_xmodal.errors import InputError, MissingPackageError

ROOT = Path(hx.__file__).parents[1]
ENTRIES = {entry["id"]: entry for entry in json.loads(mini.ANNOTATIONS.read_text(encoding="utf-8"))["images"]}
#: licences under which an image may be passed on
FREE = {"public domain", "CC0 1.0", "CC BY 2.0", "no known copyright restrictions"}


def test_every_image_is_the_one_that_was_annotated_and_may_be_passed_on():
    records = {record.id: record for record in open_source("mini").records}
    assert list(records) == list(ENTRIES) and len(ENTRIES) >= 8
    for id, entry in ENTRIES.items():
        assert hashlib.sha256(records[id].image.read_bytes()).hexdigest() == entry["sha256"], f"{entry['package']} carries another {id}"
        assert entry["licence"] in FREE and entry["author"] and entry["people"]


def test_each_image_has_captions_boxes_and_relations_between_its_objects():
    for item in hx.load_dataset("mini"):
        scene = item.scene.check()
        assert len(set(item.sentences)) == len(item.sentences) >= 2 and scene.objects and item.image.mode == "RGB"
        assert scene.source["licence"] == ENTRIES[item.id]["licence"]
        width, height = item.image.size
        boxes = [thing.box for thing in scene.objects]
        assert all(0 <= x1 < x2 <= width and 0 <= y1 < y2 <= height for x1, y1, x2, y2 in boxes) and len(set(boxes)) == len(boxes)
        stated = [(r.subject, r.predicate, r.object) for r in scene.relations]
        assert len(set(stated)) == len(stated) and all(subject != object for subject, _, object in stated)


@pytest.mark.parametrize(
    ("id", "name", "number", "colour"),
    [
        ("astronaut", "spacesuit", 0, "red"), ("cat", "eye", 1, "green"), ("cat", "eye", 2, "green"), ("cat", "nose", 0, "red"),
        ("coffee", "saucer", 0, "red"), ("coffee", "coffee", 0, "red"), ("flower", "flower", 0, "red"), ("pagoda", "tower", 0, "red"),
        ("galaxies", "galaxy", 1, "red"), ("galaxies", "galaxy", 2, "blue"),
    ],
)  # fmt: skip
def test_boxes_lie_on_what_they_name(id, name, number, colour):
    """The named channel is the strongest in the middle of the box (of a green eye: not behind the others by much)."""
    item = next(item for item in hx.load_dataset("mini") if item.id == id)
    thing = item.scene.objects[number] if number else next(t for t in item.scene.objects if t.name == name)
    x1, y1, x2, y2 = thing.box
    middle = [round(a + (b - a) * share) for a, b in ((x1, x2), (y1, y2)) for share in (0.35, 0.65)]
    pixels = np.asarray(item.image)[middle[2] : middle[3] + 1, middle[0] : middle[1] + 1].reshape(-1, 3).mean(0)
    assert thing.name == name
    assert pixels["red green blue".split().index(colour)] >= pixels.max() - (10 if colour == "green" else 0), pixels


def test_coins_and_galaxies_are_brighter_than_what_is_around_them():
    for item in hx.load_dataset("mini"):
        for thing in item.scene.objects if item.id in ("coins", "galaxies") else ():
            grey = np.asarray(item.image.convert("L")).astype(float)
            x1, y1, x2, y2 = map(int, thing.box)
            if thing.name in ("coin", "galaxy", "star"):
                ring = grey[max(0, y1 - 4) : y2 + 4, max(0, x1 - 4) : x2 + 4]
                inside = grey[y1:y2, x1:x2]
                outside = (ring.sum() - inside.sum()) / (ring.size - inside.size)
                assert inside.mean() > outside + 20, (item.id, thing.box)


def test_the_card_names_every_image_with_its_author_and_licence():
    card = dataset_card("mini")
    for id, entry in ENTRIES.items():
        line = next(line for line in card.splitlines() if line.startswith(f"* {id}: "))
        assert entry["author"] in line and line.endswith(entry["licence"])
    committed = (ROOT / "datasets" / "mini" / "README.md").read_text(encoding="utf-8")
    assert committed == card, "hetero-xmodal data card mini --out datasets/mini"
    people = sum(not entry["people"].startswith("nobody") for entry in ENTRIES.values())
    assert f"{['No', 'One', 'Two', 'Three'][people]} images show a person" in card


def test_the_counts_of_the_card_are_those_of_the_set(monkeypatch, tmp_path):
    report = verify_dataset("mini")
    assert report.ok and report.checked == len(ENTRIES) and not report.notes
    with pytest.raises(InputError, match="'minni' is neither a folder nor a data set of this package .did you mean 'mini'"):
        verify_dataset("minni")
    less = {"images": list(ENTRIES.values())[1:]}
    (tmp_path / "mini.json").write_text(json.dumps(less))
    monkeypatch.setattr(mini, "ANNOTATIONS", tmp_path / "mini.json")
    assert verify_dataset("mini").problems[0] == "13 images, the whole set has 14 (--part accepts a part of it)"


def test_a_corpus_of_it_is_built_by_one_command(tmp_path, capsys):
    assert run(["corpus", "mini", "--out", str(tmp_path / "corpus"), "--scenes", "true"]) == 0, capsys.readouterr().err
    corpus = hx.GraphCorpus.load(tmp_path / "corpus")
    assert len(corpus) == sum(len(entry["captions"]) for entry in ENTRIES.values())
    graph = corpus[next(k for k, id in enumerate(corpus.ids) if id.startswith("coffee"))]
    assert graph.num_nodes("visual") == len(ENTRIES["coffee"]["objects"])


def test_a_package_that_is_missing_is_named_with_the_command_that_installs_it(monkeypatch, tmp_path):
    monkeypatch.setattr(mini, "_folder", lambda module: None if module == "skimage" else tmp_path)
    with pytest.raises(
        MissingPackageError, match="photographs from scikit-image, which is not installed; install it with: pip install sci"
    ):
        hx.load_dataset("mini")
    monkeypatch.setattr(mini, "_folder", lambda module: tmp_path)
    with pytest.raises(MissingPackageError, match="which is without its file data/astronaut.png"):
        hx.load_dataset("mini")
    assert "mini" in str(hx.data.list_datasets()), "it is listed all the same"


def test_another_version_of_a_photograph_is_refused():
    record = open_source("mini").records[0]
    with pytest.raises(InputError, match=re.escape("'astronaut' of mini has 100 x 100 pixels, but its boxes are those of 512 x 512")):
        record.scene((100, 100))


def test_it_has_no_folder():
    with pytest.raises(InputError, match="mini is read from installed packages and has no folder; write 'mini' alone"):
        hx.load_dataset("mini:photos")
