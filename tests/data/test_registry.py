"""The registry: every data set has a reader, a card and a row; every task works on it, or says in one sentence what is missing."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
import warnings
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from tiny_data import CLASSES, FOLDERS, NAMES, SPLITS, N, captions, coco, cub, genome, images, photos_with_captions, plain_folder

import hetero_xmodal as hx
from hetero_xmodal.data import build_dataset, dataset_card, list_datasets, load_dataset, open_source, registry, require, verify_dataset
from hetero_xmodal.data.entries import ENTRIES, TASKS, Entry
from hetero_xmodal.data.features import FeatureSet, FeatureSplit
from hetero_xmodal.data.source import GIVES, Record, Source
from hetero_xmodal.data.tasks.editing import load_editing_images, load_pairs
from hetero_xmodal.data.tasks.matching import load_matching_data, load_test_split
from hetero_xmodal.data.tasks.retrieval import load_retrieval_data, load_test_pairs
from hetero_xmodal.errors import InputError
from hetero_xmodal.networks.frozen import FrozenNetwork

ROOT = Path(hx.__file__).parents[1]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """Form of an entry -> name of a tiny data set, written when it is first asked for."""
    root, made = tmp_path_factory.mktemp("data"), {}

    def get(form: str) -> str:
        if form not in made:
            made[form] = FOLDERS[form](root / re.sub(r"\W", "_", form))
        return made[form]

    return get


@pytest.fixture
def colours(monkeypatch):
    """Stands in for an ImageNet network: the mean colour of an image."""
    network = FrozenNetwork(lambda x: torch.cat([x.mean((2, 3)), x.amax((2, 3))], 1), 127.0, 128.0, 8, "none")
    monkeypatch.setattr("hetero_xmodal.networks.frozen.frozen_network", lambda name: network)
    monkeypatch.setattr("hetero_xmodal.networks.frozen.network_weights", lambda name: "none")


# ---------------------------------------------------------------------------------------------- what every entry has


def test_every_entry_can_be_tried_here():
    assert [entry.form for entry in ENTRIES] == list(FOLDERS)


@pytest.mark.parametrize("form", FOLDERS)
def test_every_entry_has_a_reader_a_card_and_a_row(form, tiny):
    entry = next(entry for entry in ENTRIES if entry.form == form)
    source = open_source(tiny(form))
    assert source.kind == entry.kind and set(entry.gives) <= source.gives <= {*entry.gives, *dict(entry.may_give)}
    assert source.gives == {*entry.gives, *dict(entry.may_give)} - {"coco": {"tags"}, "corpus": {"regions"}}.get(entry.kind, set())
    assert source.splits == (("train",) if form == "folder:FOLDER" else source.splits) and "train" in source.splits
    card = dataset_card(tiny(form))
    assert card.startswith("# ") and entry.licence in card and len(card) > 300
    row = next(row for row in list_datasets() if row["name"] == form)
    assert all(row[key] for key in ("what", "items", "licence", "where", "gives")) and set(TASKS) <= set(row)


def test_what_a_source_gives_is_there(tiny, tmp_path):
    for form in FOLDERS:
        source = open_source(tiny(form), cache=tmp_path)
        records = source.take("train", 2)
        given = {
            "images": lambda s, r: r[0].open_image().size[0] > 0, "captions": lambda s, r: all(r[0].texts()),
            "regions": lambda s, r: s.regions() and all(isinstance(x.width, int) for x in s.regions().values()),
            "features": lambda s, r: len(s.features().train) > 0, "labels": lambda s, r: len(s.label_names) > 1 or s.features,
            "tags": lambda s, r: r[0].make_item().tags, "scene graphs": lambda s, r: r[0].make_item().scene.objects,
            "edits": lambda s, r: s.pairs("train", size=1, seed=0, image_size=32, kinds=None)[0].instruction,
        }  # fmt: skip
        assert set(given) == set(GIVES)
        for what in source.gives:
            assert given[what](source, records), (form, what)
        assert (source.regions is None) == ("regions" not in source.gives) and (source.pairs is None) == ("edits" not in source.gives)


def test_the_list_is_a_table_that_can_be_read():
    text = str(list_datasets())
    head, *lines = text.splitlines()
    assert head.split() == ["data", "set", "images", "corpus", "dagnn", "algr", "trail", "cam", "mimnet", "similar", "index", "edits"]
    cells = {line.split()[0]: dict(zip(TASKS, line.split()[1:], strict=False)) for line in lines[: len(ENTRIES)]}
    assert cells["cub:FOLDER"]["algr"] == "yes" and cells["wikipedia:FOLDER"]["algr"] == "-"
    mark = cells["coco:FOLDER"]["dagnn"]
    assert f"{mark} with instances.json" in lines and max(map(len, lines)) <= 100


# ---------------------------------------------------------------------------------------------- every task on every data set


def run_task(task: str, name: str, tmp_path: Path) -> None:
    """Do *task* on the data set, and look at what came out."""
    few = {"train": 12, "val": 2, "test": 2}
    grid = {"extractor": "grid", "patches": 1, "side": 32, "mirror": "no"}
    words = {"encoder": "trained", "minimum_count": 1}
    if task == "load_dataset":
        item = load_dataset(name)[0]
        assert item.image.size[0] >= 100 and (item.sentences or item.tags)
    elif task == "corpus":
        corpus = hx.build_corpus(name, tmp_path / "corpus", limit=1, sentences_per_image=1, detector="grid", progress=False)
        assert len(corpus) == 1 and corpus.info["source"] == name
    elif task == "dagnn":
        data = load_retrieval_data(name, held_out=2, sizes=few)
        assert min(len(data.features.train), len(data.features.val), len(data.features.test)) >= 2
        test = load_test_pairs(name, json.loads(json.dumps(data.vocab)), sizes=few)
        np.testing.assert_allclose(test.images, data.features.test.images, atol=1e-5)
        np.testing.assert_array_equal(test.labels, data.features.test.labels)
    elif task in ("algr", "trail"):
        given = "regions" in open_source(name).gives
        data = load_matching_data(name, texts=words, images=None if given else "world" if "world" in name else grid, sizes=few)
        assert min(len(data.train), len(data.val), len(data.test)) >= 2 and data.train.captions[0]
        test = load_test_split(name, json.loads(json.dumps(data.vocab)), sizes=few)
        if "test" in open_source(name).splits:  # otherwise every image is a test image that was not trained on
            assert sorted(test.captions) == sorted(data.test.captions)
            np.testing.assert_array_equal(np.sort(test.regions.features[:], 0), np.sort(data.test.regions.features[:], 0))
    elif task in ("cam", "mimnet"):
        from hetero_xmodal.training.editing.make_dataset import load_manipulation_data

        for split in ("train", "val"):
            data = load_manipulation_data(name, split, size=3, image_size=32)
            assert 1 <= len(data.images) <= 3 and data.images.shape[1:] == (3, 32, 32) and (data.names >= 0).any(1).all()
    elif task == "similarity":
        from hetero_xmodal.training.similarity import CaptionedImages

        data = CaptionedImages.load(name, "train", size=3, image_size=32)
        assert data.images.shape == (3, 3, 32, 32) and all(data.captions)
    elif task == "index":
        from hetero_xmodal.retrieval.search import load_gallery

        images = {"extractor": "given", "layout": name.partition(":")[0], "width": 4 if name.startswith("scan") else 5}
        model = SimpleNamespace(recipe_name="algr", vocab={"images": images, "texts": {"encoder": "trained", **WORDS}})
        gallery, source = load_gallery(model, name, size=2)
        assert len(gallery) >= 2 and (not source or source["data"] == name)
    elif task == "load_pairs":
        pair = load_pairs(name, "train", size=2, image_size=32)[0]
        assert pair.image.size == (32, 32) and pair.instruction
    else:
        raise AssertionError(f"add the task {task!r} to this test")


WORDS = {}


def setup_module() -> None:
    from hetero_xmodal.data.tasks.matching import learn_vocabulary

    WORDS.update(learn_vocabulary({"encoder": "trained", "minimum_count": 1}, ["a cat near a lamp"]))


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("form", FOLDERS)
def test_every_task_works_or_says_what_is_missing(form, task, tiny, colours, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    name = tiny(form)
    answer = next(row for row in list_datasets() if row["name"] == form)[task]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if answer == "no":
            with pytest.raises(InputError) as refused:
                run_task(task, name, tmp_path)
            told = str(refused.value)
            assert told.startswith(f"{name} gives no ") and "; " in told and f" needs {TASKS[task].text}" in told.replace("cam", task)
            with pytest.raises(InputError, match=re.escape(f"; {task} needs {TASKS[task].text}")):
                require(name, task)
        else:
            require(name, task)
            run_task(task, name, tmp_path)


@pytest.mark.parametrize(
    ("make", "spoil", "task", "message"),
    [
        (
            coco,
            lambda f: (f / "instances.json").unlink(),
            "dagnn",
            r"no labels \(only with instances.json\); dagnn needs labels",
        ),
        (coco, lambda f: (f / "instances.json").unlink(), "mimnet", r"no scene graphs \(only with instances.json\); mimnet needs"),
        (cub, lambda f: (f / "CUB_200_2011" / "bounding_boxes.txt").unlink(), "cam", r"no scene graphs \(only with bounding_boxes.txt\)"),
        (photos_with_captions, lambda f: [p.unlink() for p in f.glob("*.txt")], "algr", r"no captions \(only with .txt files beside"),
    ],
)
def test_what_a_folder_lacks_is_told_of_this_folder(make, spoil, task, message, tmp_path):
    name = make(tmp_path / "d")
    require(name, task)
    spoil(tmp_path / "d")
    for data in (name, open_source(name)):
        with pytest.raises(InputError, match=f"^{re.escape(name)} gives {message}"):
            require(data, task)
    require(name, "load_dataset")


def test_names_and_tasks_that_do_not_exist():
    for name, message in (
        ("coko:x", "unknown data set 'coko:x' .did you mean 'coco:x'.*known are world/scenes"),
        ("world/brids", "did you mean 'world/birds'"),
        ("cub:", "'cub:' names no folder or file; write cub:FOLDER"),
        ("cub", "'cub' names no folder or file; write cub:FOLDER"),
        ("world/birds:x", "is made by the package"),
        (7, "is a text such as 'world/scenes', found 7"),
    ):
        with pytest.raises(InputError, match=message):
            open_source(name)
        with pytest.raises(InputError, match=message):
            require(name, "dagnn")
    with pytest.raises(InputError, match="unknown task 'dagn' .did you mean 'dagnn'"):
        require("world/birds", "dagn")
    with pytest.raises(ValueError, match="cannot give 'lables' .did you mean 'labels'"):
        Source("x", "x", "", gives={"lables"})


def test_require_reads_no_file_where_the_kind_alone_tells():
    require("cub:FOLDER", "dagnn")
    with pytest.raises(InputError, match="^vg:FOLDER gives no labels; dagnn needs labels and images with captions or tags, or features$"):
        require("vg:FOLDER", "dagnn")
    with pytest.raises(InputError, match="^wikipedia:FOLDER gives no images and no captions; corpus needs images with captions$"):
        require("wikipedia:FOLDER", "corpus")
    with pytest.raises(InputError, match="'FOLDER' does not exist"):
        require("coco:FOLDER", "dagnn")  # depends on its files


# ---------------------------------------------------------------------------------------------- splits


def test_published_names_of_splits_are_read_as_ours(tmp_path):
    name = coco(tmp_path / "d")
    data = json.loads((tmp_path / "d" / "captions.json").read_text())
    for k, image in enumerate(data["images"]):
        image["split"] = ["train", "validation", "valid", "dev", "test"][k % 5]
    (tmp_path / "d" / "captions.json").write_text(json.dumps(data))
    source = open_source(name)
    assert source.splits == ("train", "val", "test") and len(source.take("val")) == 15
    for split in ("val", "validation", "valid", "dev"):
        loaded = load_dataset(name, split)
        assert len(loaded) == 15 and loaded.split == "val"
    assert len(load_dataset("world/birds", "validation", size=3)) == 3
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sizes = {"train": 2, "validation": 2, "test": 1}
        matching = load_matching_data(name, texts={"encoder": "trained", "minimum_count": 1}, images="grid:1", sizes=sizes, cache=tmp_path)
    assert matching.val.name == "val" and len(matching.val.regions) == 2


@pytest.mark.parametrize("split", ["train", "val", "holiday", None])
def test_a_folder_with_one_split_uses_it(split, tmp_path):
    images(tmp_path, NAMES[:3])
    column = "" if split is None else f",{split}"
    lines = [f"image,caption{'' if split is None else ',split'}", *(f"{name},a cat{column}" for name in NAMES[:3])]
    (tmp_path / "captions.csv").write_text("\n".join(lines) + "\n")
    assert len(load_dataset(f"folder:{tmp_path}")) == len(load_dataset(f"folder:{tmp_path}", "all")) == 3
    assert build_dataset(f"folder:{tmp_path}", tmp_path / "built").items == 3
    if split not in ("train", None):
        with pytest.raises(InputError, match=f"has no split 'train'.*its splits are {split}, all"):
            load_dataset(f"folder:{tmp_path}", "train")


def test_with_several_splits_and_none_for_training_one_must_be_named(tmp_path):
    (tmp_path / "captions.csv").write_text("image,caption,split\na.png,a,val\nb.png,b,test\n")
    with pytest.raises(InputError, match="has no split 'train'; its splits are val, test, all"):
        load_dataset(f"folder:{tmp_path}")


def test_held_out_images_are_the_same_for_every_split_and_disjoint(tmp_path):
    name = plain_folder(tmp_path)
    parts = {split: {item.id for item in load_editing_images(name, split, task="similarity")} for split in ("train", "val", "test")}
    assert sum(map(len, parts.values())) == N == len(set.union(*parts.values())) and all(parts.values())


def test_classes_that_training_and_test_do_not_share_are_refused_before_any_network_runs(tmp_path):
    name = cub(tmp_path / "d")
    (tmp_path / "d" / "trainvalclasses.txt").write_text(CLASSES[0] + "\n")
    (tmp_path / "d" / "testclasses.txt").write_text(CLASSES[1] + "\n")
    with pytest.raises(InputError, match="no label of its 12 test images is one of a training image"):
        load_retrieval_data(name)


def test_a_split_that_is_set_aside_is_read_by_name_only(tmp_path):
    name = genome(tmp_path)
    (tmp_path / "vg_splits.json").write_text(json.dumps({"train": list(range(1, 16)), "val": [16, 17], "test": [18, 19]}))
    assert len(load_dataset(name, "all")) == N and len(load_dataset(name, "test")) == 2
    data = load_matching_data(name, texts={"encoder": "trained", "minimum_count": 1}, images="grid:1", cache=tmp_path / "c")
    assert [len(part.regions) for part in (data.train, data.val, data.test)] == [15, 2, 2]


# ---------------------------------------------------------------------------------------------- former names


def test_former_names_are_accepted_with_a_note(tmp_path, colours):
    name = coco(tmp_path / "d")
    with pytest.warns(DeprecationWarning, match="'coco-labels:' is now 'coco:'"):
        source = open_source(name.replace("coco:", "coco-labels:"))
    assert source.name == name and source.kind == "coco"
    part = FeatureSplit(np.eye(4), np.eye(4), np.eye(2)[[0, 1, 0, 1]])
    with pytest.warns(DeprecationWarning, match="FeatureSet: the keyword 'validation' is now 'val'"):
        data = FeatureSet("x", part, part, validation=part)
    with pytest.warns(DeprecationWarning, match="FeatureSet.validation is now .val"):
        assert data.validation is data.val is part
    old = {"train_images": np.eye(4), "train_texts": np.eye(4), "train_labels": np.eye(2)[[0, 1, 0, 1]]}
    arrays = {key.replace("train", split): value for split in ("train", "validation", "test") for key, value in old.items()}
    np.savez(tmp_path / "old.npz", **arrays)
    assert len(load_retrieval_data(f"features:{tmp_path / 'old.npz'}").features.val) == 4


# ---------------------------------------------------------------------------------------------- a data set of one's own


def test_adding_a_data_set_is_one_file_and_one_entry(tmp_path, monkeypatch):
    """Follows docs/how-to-add-a-data-set.md to the letter."""
    reader, row = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "how-to-add-a-data-set.md").read_text(encoding="utf-8"), re.DOTALL)
    file = tmp_path / "tsv.py"
    file.write_text(reader)
    spec = importlib.util.spec_from_file_location("hetero_xmodal.data.datasets.tsv", file)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    monkeypatch.setattr(registry, "ENTRIES", (*ENTRIES, eval(row, {"Entry": Entry})))

    images(tmp_path / "mine")
    lines = [f"{name}\t{SPLITS[k]}\t{text}" for k, name in enumerate(NAMES) for text in captions(k)]
    (tmp_path / "mine" / "pairs.tsv").write_text("\n".join(lines))
    name = f"tsv:{tmp_path / 'mine'}"
    assert load_dataset(name, "val")[0].sentences == captions(7)
    assert list_datasets()[-1]["algr"] == "yes" and "pairs.tsv" in dataset_card(name) and verify_dataset(name).ok
    data = load_matching_data(name, texts={"encoder": "trained", "minimum_count": 1}, images="grid:1", cache=tmp_path / "c")
    assert [len(part.regions) for part in (data.train, data.val, data.test)] == [SPLITS.count(s) for s in ("train", "val", "test")]
    assert len(hx.build_corpus(name, tmp_path / "corpus", limit=1, detector="grid", progress=False)) == 2
    with pytest.raises(InputError, match=f"^{re.escape(name)} gives no labels; dagnn needs"):
        load_retrieval_data(name)
    (tmp_path / "mine" / "pairs.tsv").write_text("a.png\ttrain\n")
    with pytest.raises(InputError, match="line 1 has 2 cells; expected file name, split and caption"):
        load_dataset(name)


def test_a_record_reads_nothing_before_it_is_asked():
    asked = []
    record = Record("a", "dev", lambda: asked.append("text") or ("a cat",), lambda: asked.append("image") or Image.new("RGB", (4, 4)))
    assert record.split == "val" and not asked
    assert record.make_item().sentences == ["a cat"] and sorted(asked) == ["image", "text"]
    with pytest.raises(InputError, match="'b' comes without its image"):
        Record("b").open_image()
