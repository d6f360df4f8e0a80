"""Published data sets in their own formats: what is read equals what a hand counts on small drawn samples; damaged copies; the cards."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
import tiny_data
from tiny_data import FOLDERS, N

import hetero_xmodal as hx
from hetero_xmodal.data import open_source
from hetero_xmodal.data.card import FOLDER as CARDS
from hetero_xmodal.data.card import read_card
from hetero_xmodal.data.published import paper_split, zeros_and_ones
from hetero_xmodal.data.registry import ENTRIES, dataset_card
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
    assert "1 photographs have no file of tags, the first is im3" in told
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
    assert "1 of 24 listed images are not there" in told and "1 rows name a photograph that stands there already" in told
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
    for heading in [*headings, "How far it was tried"]:
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


# ---------------------------------------------------------------------------------------------- training


DRAWN = {"mirflickr": ["dagnn"], "nus-wide": ["dagnn"]}
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
def test_each_recipe_learns_one_epoch_on_each_set(name, recipe, tmp_path, colours, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("hetero_xmodal.training.editing.setup.READER_STEPS", 2)
    form = next(entry.form for entry in ENTRIES if entry.kind == name)
    data = FOLDERS[form](tmp_path / "data")
    options = EPOCH[recipe] | ({"size": 6} if recipe in ("cam", "mimnet") else {})
    run = hx.train(recipe, data, out=tmp_path / "run", epochs=1, progress=False, **options)
    assert run.result.epochs == 1 and (tmp_path / "run" / "model").is_dir()
