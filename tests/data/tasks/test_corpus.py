"""A corpus that is built in shards holds what the items hold: interrupted, in several processes or on Dask, or with items that are bad."""

from __future__ import annotations

import csv
import json
import os
import shutil
from pathlib import Path

import pytest
import shard_tools
from PIL import Image

import hetero_xmodal as hx
from hetero_xmodal import GraphCorpus, InputError, SceneGraph, SceneObject, build_corpus
from hetero_xmodal.data import Item
from hetero_xmodal.files import read_json


def items(count: int = 7):
    """Items such as a data set gives; the third has no scene, every third a caption that is empty, the last none."""
    out = []
    for i in range(count):
        scene = (
            None
            if i == 2
            else SceneGraph([SceneObject("bird", ["red"], (1, 1, 20, 20)), SceneObject("tree", box=(9, 9, 30, 30))], size=(32, 32))
        )
        captions = [] if i == count - 1 else ["A red bird sits on a tree.", " " if i % 3 == 0 else f"Tree number {i}", "birds"]
        out.append(Item(Image.new("RGB", (32, 32), "white"), captions, scene=scene, id=f"item{i}"))
    return out


def same_bytes(one: Path, two: Path) -> bool:
    """Whether two corpora consist of the same columns, byte by byte."""
    files = sorted(path.relative_to(one) for path in one.rglob("*") if path.suffix in (".npy", ".csv"))
    return files == sorted(path.relative_to(two) for path in two.rglob("*") if path.suffix in (".npy", ".csv")) and all(
        (one / file).read_bytes() == (two / file).read_bytes() for file in files
    )


def dropped(path) -> list[tuple[str, str, str]]:
    with open(path / "dropped.csv", newline="", encoding="utf-8") as file:
        return [(row["item"], row["sentence_number"], row["reason"]) for row in csv.DictReader(file)]


def test_build_keeps_valid_items_and_reports_the_others(tmp_path):
    corpus = build_corpus(items(), tmp_path / "c", scenes="true", shard_size=3)
    assert corpus.ids[:4] == ["item0#0", "item0#2", "item1#0", "item1#1"] and len(corpus) == 5 * 3 - 2 == corpus.info["graphs"]
    assert dropped(tmp_path / "c") == [
        ("item0", "1", "sentence is only white space; give an English sentence"),
        ("item2", "", "the data set has no scene graph of this image; use a detector"),
        ("item3", "1", "sentence is only white space; give an English sentence"),
    ]
    assert corpus.info["dropped"] == 3 and corpus.check()
    assert (corpus.num_images, corpus.num_sentences) == (6, 13)  # the last image has no sentence, and is there
    assert corpus.frame(unit="image")[["id", "pairs"]].values.tolist()[-1] == ["item6", 0]
    assert len(corpus.frame("visual", unit="image")) == 12
    expected = hx.build_graph(items()[0].scene, hx.parse_sentence("A red bird sits on a tree."))
    assert shard_tools.tensors(corpus[0]) == shard_tools.tensors(expected)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["c"]  # no temporary files are left


def test_a_caption_that_is_no_caption_is_dropped_with_its_reason(tmp_path):
    first = items()[0]
    lists = "a dog " + "and a cat " * 300 + " sits on a mat, " + "a bed and " * 300 + " a sofa"
    data = [Item(first.image, ["A red bird sits on a tree.", "( " * 4000, lists], scene=first.scene, id="birds")]
    corpus = build_corpus(data, tmp_path / "c", scenes="true")
    assert corpus.ids == ["birds#0"]
    assert dropped(tmp_path / "c") == [
        ("birds", "1", "sentence has 4000 words and marks; at most 3000 are read, give one caption at a time"),
        ("birds", "2", "sentence: more than 10000 relations"),
    ]


class Stops(list):
    """A data set that is interrupted while it is read."""

    after = 5

    def __getitem__(self, index):
        if index >= self.after:
            raise KeyboardInterrupt
        return super().__getitem__(index)


def test_an_interrupted_build_resumes_and_gives_the_same_corpus(tmp_path, monkeypatch):
    options = {"scenes": "true", "shard_size": 2}
    build_corpus(items(), tmp_path / "whole", **options)
    with pytest.raises(KeyboardInterrupt):
        build_corpus(Stops(items()), tmp_path / "c", **options)
    assert not (tmp_path / "c").exists() and sorted(p.name for p in (tmp_path / "c.part").iterdir()) == ["columns", "plan.json", "shards"]
    with pytest.raises(InputError, match="run that was started with wiring='inherit', now wiring='full' is requested; repeat the .*=False"):
        build_corpus(items(), tmp_path / "c", wiring="full", **options)

    parsed = []
    original = shard_tools.shards.make_shard
    monkeypatch.setattr(shard_tools.shards, "make_shard", lambda source, rows, *rest: parsed.append(rows) or original(source, rows, *rest))
    build_corpus(items(), tmp_path / "c", **options)
    assert parsed == [range(4, 6), range(6, 7)]  # the finished shards are not made again
    assert same_bytes(tmp_path / "c", tmp_path / "whole")
    ours, whole = (read_json(tmp_path / n / "corpus.json") for n in ("c", "whole"))
    assert {k: v for k, v in ours.items() if k != "info"} == {k: v for k, v in whole.items() if k != "info"}
    assert {k for k in ours["info"] if ours["info"][k] != whole["info"][k]} <= {"source"}

    with pytest.raises(KeyboardInterrupt):
        build_corpus(Stops(items()), tmp_path / "c", **options)
    other = build_corpus(items(), tmp_path / "c", wiring="full", resume=False, **options)
    assert other.info["wiring"] == "full" and not (tmp_path / "c.part").exists()


def test_a_build_begun_before_an_option_existed_is_finished_if_it_goes_on_as_it_began(tmp_path):
    options = {"scenes": "true", "shard_size": 2}
    with pytest.raises(KeyboardInterrupt):
        build_corpus(Stops(items()), tmp_path / "c", **options)
    plan = read_json(tmp_path / "c.part" / "plan.json")
    former = {key: value for key, value in plan.items() if key not in ("bridges", "wiring")}

    def began(with_plan) -> None:
        (tmp_path / "c.part" / "plan.json").write_text(json.dumps(with_plan))

    for with_plan, more, message in (
        (
            former,
            {"bridges": "all"},
            "begun by an earlier version, without the setting bridges, which counts as bridges=True, now bridges='all'",
        ),
        ({k: v for k, v in plan.items() if k != "seed"}, {}, "begun by an earlier version, which did not record seed"),
        (plan | {"glow": 2}, {}, "begun with glow=2, a setting that this version does not have"),
        (plan | {"detector": "world"}, {}, "started with detector='world', now detector=None is requested"),
        ([1], {}, "plan.json' is no plan of a run"),
    ):
        began(with_plan)
        with pytest.raises(InputError, match=message):
            build_corpus(items(), tmp_path / "c", **options, **more)
    began(former)
    build_corpus(items(), tmp_path / "c", **options)
    build_corpus(items(), tmp_path / "whole", **options)
    assert same_bytes(tmp_path / "c", tmp_path / "whole")


def test_limits(tmp_path):
    corpus = build_corpus(items(), tmp_path / "c", scenes="true", limit=2, sentences_per_image=1)
    assert corpus.ids == ["item0#0", "item1#0"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scenes": "truth"}, "scenes is 'truth' .did you mean 'true'"),
        ({"wiring": "none"}, "wiring is 'none'; give inherit, counterpart or full"),
        ({"limit": 0}, "limit is 0; give a whole number of at least 1"),
        ({"shard_size": True}, "shard_size is True"),
        ({"workers": 0}, "workers is 0, expected a whole number of at least 1"),
        ({"engine": "process"}, "engine is 'process' .did you mean 'processes'"),
        ({"scheduler": "tcp://x:1"}, "give engine='dask' with it"),
        ({"split": "train"}, "this one is loaded already"),
        ({"detector": "wolrd"}, "wolrd"),
    ],
)
def test_bad_options_are_refused_before_work_starts(tmp_path, options, message):
    with pytest.raises(InputError, match=message):
        build_corpus(Stops(items()), tmp_path / "c", **options)
    assert not list(tmp_path.iterdir())


def test_bad_places_and_sources_are_refused(tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.txt").write_text("precious")
    with pytest.raises(InputError, match="photos' holds 'a.txt'"):
        build_corpus(items(), tmp_path / "photos", scenes="true")
    with pytest.raises(InputError, match="source is a int, expected the name of a data set"):
        build_corpus(3, tmp_path / "c", scenes="true")
    with pytest.raises(InputError, match="the data set has no item"):
        build_corpus([], tmp_path / "c", scenes="true")
    with pytest.raises(InputError, match="none of the 1 items became a graph; the first was dropped because: the data set has no scene"):
        build_corpus(items()[2:3], tmp_path / "c", scenes="true")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["photos"]


def test_a_folder_of_images_and_captions_through_a_detector(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("a", "b", "c"):
        Image.new("RGB", (40, 30), "white").save(folder / f"{name}.png")
        (folder / f"{name}.txt").write_text("A red bird.\nTwo birds on a tree\n")
    (folder / "b.png").write_bytes((folder / "b.png").read_bytes()[:40])  # truncated
    (folder / "c.txt").unlink()  # no caption
    corpus = build_corpus(folder, tmp_path / "out", detector="grid:2", progress=False)
    assert corpus.ids == ["a.png#0", "a.png#1"] and corpus.images == [str(folder / "a.png")] * 2
    assert corpus.sentences == ["A red bird.", "Two birds on a tree"]
    assert corpus.frame()["visual"].tolist() == [4, 4] and corpus.info["detector"]["detector"] == "grid:2"
    reasons = dropped(tmp_path / "out")
    assert "b.png" in reasons[0][2]
    shutil.rmtree(folder)
    assert len(GraphCorpus.load(tmp_path / "out").check()) == 2


def test_the_default_world_becomes_a_corpus_with_labels_and_bridges(tmp_path):
    corpus = build_corpus("world/scenes", tmp_path / "w", scenes="true", split="val", limit=6, sentences_per_image=2)
    table = corpus.frame()
    assert len(corpus) == 12 and corpus.info["dropped"] == 0 and (table["label"] > 0).all()
    assert (table["bridge"] > 0).sum() >= 10  # nearly every caption names what is there
    assert json.loads((tmp_path / "w" / "corpus.json").read_text())["info"]["split"] == "val"


# ---------------------------------------------------------------------------------------------- saved where it is open


# ---------------------------------------------------------------------------------------------- changed data


def test_data_that_change_between_start_and_resume_are_noticed(tmp_path):
    """A caption, an image without a file, and an image file."""
    options = {"scenes": "true", "shard_size": 2}
    for change in ("caption", "pixels"):
        with pytest.raises(KeyboardInterrupt):
            build_corpus(Stops(items()), tmp_path / "c", **options)
        changed = items()
        if change == "caption":
            changed[1].sentences[0] = "A blue bird"
        else:
            changed[1].image.putpixel((3, 3), (0, 0, 0))
        with pytest.raises(
            InputError, match="item 1 of the data has changed since .its captions, labels or image.; undo that to finish it"
        ):
            build_corpus(changed, tmp_path / "c", **options)
        assert build_corpus(changed, tmp_path / "c", resume=False, **options).num_images == 6
    folder = shard_tools.photos(tmp_path / "photos", 6)
    with pytest.raises(KeyboardInterrupt):
        build_corpus(folder, tmp_path / "d", detector=shard_tools.Interrupted(4), shard_size=2, progress=False)
    os.utime(folder / "0.png", ns=(1, 1))
    with pytest.raises(InputError, match="item 0 of the data has changed since"):
        build_corpus(folder, tmp_path / "d", detector=shard_tools.Interrupted(None), shard_size=2, progress=False)


class Half:
    """A loaded data set, read up to its third item."""

    def __init__(self, dataset) -> None:
        self.dataset = dataset

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index):
        if index > 2:
            raise KeyboardInterrupt
        return self.dataset[index]

    def __getattr__(self, name):
        return getattr(self.dataset, name)


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"seed": 1}, "item 0 of the data has changed since"),
        ({"image_size": 128}, "item 0 of the data has changed since"),
        ({"size": 4}, "was started with items=5, now items=4 is requested"),
        ({"split": "val"}, "was started with split='train', now split='val' is requested"),
    ],
    ids=str,
)
def test_a_build_is_not_finished_with_another_world_or_another_list(other, message, tmp_path):
    """Half of its scenes would be those of one seed and half of another's."""
    begun = {"split": "train", "size": 5, "seed": 0, "image_size": 64}

    def world(split, **options):
        return hx.load_dataset("world/birds", split, **options)

    options = {"scenes": "true", "shard_size": 2, "sentences_per_image": 1, "progress": False}
    with pytest.raises(KeyboardInterrupt):
        build_corpus(Half(world(**begun)), tmp_path / "c", **options)
    assert (tmp_path / "c.part" / "plan.json").exists()
    with pytest.raises(InputError, match=message):
        build_corpus(world(**begun | other), tmp_path / "c", **options)


def test_ids_that_repeat_are_refused_and_nothing_is_left(tmp_path):
    for size in (1, 7):
        repeated = items()
        repeated[4].id = "item1"
        with pytest.raises(InputError, match="the id 'item1' stands for two items of the data"):
            build_corpus(repeated, tmp_path / "c", scenes="true", shard_size=size)
        assert not (tmp_path / "c").exists()
        shutil.rmtree(tmp_path / "c.part")


def test_a_second_build_into_one_folder_is_refused(tmp_path):
    from hetero_xmodal.files import one_writer

    with one_writer(tmp_path / "c.part"), pytest.raises(InputError, match="c.part' is being written by another run"):
        build_corpus(items(), tmp_path / "c", scenes="true")
    assert not (tmp_path / "c").exists()


def test_a_torn_journal_and_a_half_written_shard_are_cut_off(tmp_path):
    """Whatever the last bytes of a killed run are, the resumed run gives the same bytes."""
    options = {"scenes": "true", "shard_size": 2}
    build_corpus(items(), tmp_path / "whole", **options)
    box, journal = "columns/images/visual.box.npy", "columns/journal.jsonl"
    damage = {
        "more": lambda part: (part / box).open("ab").write(b"torn"),
        "half a line": lambda part: os.truncate(part / journal, (part / journal).stat().st_size - 9),
        "a line that is wrong": lambda part: (part / journal).open("a").write('{"shard": 2}\n'),
        "a shard that did not reach the disk": lambda part: os.truncate(part / box, 140),
        "a shard of other bytes": lambda part: shard_tools.flip(part / box, 130),
        "nothing but the plan": lambda part: shutil.rmtree(part / "columns"),
    }
    for spoil in damage.values():
        with pytest.raises(KeyboardInterrupt):
            build_corpus(Stops(items()), tmp_path / "c", **options)
        spoil(tmp_path / "c.part")
        build_corpus(items(), tmp_path / "c", **options)
        assert same_bytes(tmp_path / "c", tmp_path / "whole")
        shutil.rmtree(tmp_path / "c")


def test_a_run_that_is_killed_while_the_corpus_is_put_in_place_is_continued(tmp_path, monkeypatch):
    options = {"scenes": "true", "shard_size": 2}
    build_corpus(items(), tmp_path / "whole", **options)
    with monkeypatch.context() as patch:
        patch.setattr("hetero_xmodal.data.tasks.corpus._link", lambda path, target: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            build_corpus(items(), tmp_path / "c", **options)
    assert not (tmp_path / "c").exists()
    build_corpus(items(), tmp_path / "c", **options)
    assert same_bytes(tmp_path / "c", tmp_path / "whole")


def test_sentences_without_an_image_and_features_of_another_width(tmp_path):
    def scene(width: int) -> SceneGraph:
        return SceneGraph([SceneObject("bird", box=(0, 0, 5, 5), feature=[0.5] * width)], size=(9, 9))

    blank = Image.new("RGB", (9, 9))
    mixed = [
        Item(None, ["A bird sings.", ""], id="said"),
        Item(blank, ["A bird."], scene=scene(2), id="two"),
        Item(blank, ["Another bird."], scene=scene(3), id="three"),
        Item(blank, ["A last bird."], scene=scene(2), id="last"),
    ]
    for size in (1, 4):
        corpus = build_corpus(mixed, tmp_path / f"c{size}", scenes="true", shard_size=size)
        assert corpus.ids == ["two#0", "last#0"] and corpus.num_images == 2
        assert "said#0" in corpus.frame(unit="sentence")["id"].tolist() and dropped(tmp_path / f"c{size}")[0][:2] == ("said", "1")
        assert [reason for item, _, reason in dropped(tmp_path / f"c{size}") if item == "three"][0].startswith("its region features are")


# ---------------------------------------------------------------------------------------------- engines


def test_one_process_several_and_dask_write_the_same_bytes_even_if_a_worker_is_killed(tmp_path):
    """The detector of the second and third run kills the process that it is in, once."""
    folder = shard_tools.photos(tmp_path / "photos", 8)
    options = {"shard_size": 2, "progress": False}
    build_corpus(folder, tmp_path / "one", detector=shard_tools.Suicidal(None), **options)
    for engine in ("processes", "dask"):
        mark = tmp_path / f"killed in {engine}"
        corpus = build_corpus(
            folder, tmp_path / engine, detector=shard_tools.Suicidal(mark), workers=2, engine=engine, **options
        )  # fmt: skip
        assert mark.exists() and len(corpus) == 16
        assert same_bytes(tmp_path / "one", tmp_path / engine), engine
        assert not (tmp_path / f"{engine}.part").exists()


def test_a_run_begun_in_one_process_is_continued_by_several(tmp_path):
    options = {"scenes": "true", "shard_size": 2}
    build_corpus(items(), tmp_path / "whole", **options)
    with pytest.raises(KeyboardInterrupt):
        build_corpus(Stops(items()), tmp_path / "c", **options)
    build_corpus(items(), tmp_path / "c", workers=2, **options)
    assert same_bytes(tmp_path / "c", tmp_path / "whole")


def test_a_worker_that_always_dies_is_one_sentence(tmp_path):
    folder = shard_tools.photos(tmp_path / "photos", 2)
    with pytest.raises(
        InputError, match="a worker process was killed 3 times at part 0 of the work; memory may be too short for 2 workers"
    ):
        build_corpus(folder, tmp_path / "c", detector=shard_tools.Suicidal(Path("/")), workers=2, progress=False)
    assert not (tmp_path / "c").exists()


def test_the_command_builds_with_workers_and_refuses_an_engine_that_is_none(tmp_path, capsys):
    from hetero_xmodal.cli.main import run

    folder, out = shard_tools.photos(tmp_path / "photos", 3), tmp_path / "c"
    command = ["corpus", str(folder), "--detector", "grid:2", "--out", str(out)]
    assert run([*command, "--workers", "2"]) == 0
    assert "<GraphCorpus of 6 pair graphs (3 images, 6 sentences): 12 visual" in capsys.readouterr().out
    assert GraphCorpus.load(out).check().images[0] == str(folder / "0.png")
    assert run([*command, "--engine", "slurm"]) == 2
    assert "engine is 'slurm'" in capsys.readouterr().err and len(GraphCorpus.load(out)) == 6


@pytest.mark.parametrize("kind", ["json", "boxes"])
def test_boxes_that_change_between_start_and_resume_are_noticed(kind, tmp_path):
    """What a detector reads is part of what a build depends on: a file of detections, and a folder of boxes."""
    folder = tmp_path / "boxes"
    folder.mkdir()
    (tmp_path / "found.json").write_text(
        json.dumps([{"image_id": f"item{k}", "width": 32, "height": 32, "boxes": [[1, 1, 9, 9]], "labels": ["bird"]} for k in range(7)])
    )
    for k in range(7):
        (folder / f"item{k}.txt").write_text("0 .5 .5 .2 .2\n")
    (folder / "classes.txt").write_text("bird\n")
    options = {"detector": str(tmp_path / "found.json") if kind == "json" else f"boxes:{folder}", "shard_size": 2, "progress": False}
    with pytest.raises(KeyboardInterrupt):
        build_corpus(Stops(items()), tmp_path / "c", **options)
    changed = tmp_path / "found.json" if kind == "json" else folder / "item0.txt"
    before = changed.read_text()
    changed.write_text(before.replace("9, 9", "8, 8").replace(".2 .2", ".25 .2"))
    with pytest.raises(InputError, match="is an interrupted run that was started with detector.*; repeat the first call to finish it"):
        build_corpus(items(), tmp_path / "c", **options)
    assert build_corpus(items(), tmp_path / "c", resume=False, **options).frame("visual", unit="image")["name"].unique() == ["bird"]


def test_relative_paths_are_those_of_the_caller_whoever_does_the_work(tmp_path, monkeypatch):
    """A worker of a cluster has a working directory of its own; and the corpus names its images wherever it is opened."""
    import tiny_data

    tiny_data.coco(tmp_path / "coco")
    boxes = [{"image_id": n, "width": 220, "height": 200, "boxes": [[1, 1, 9, 9]], "labels": ["dog"]} for n in tiny_data.NAMES]
    (tmp_path / "found.json").write_text(json.dumps(boxes))
    options = {"split": "val", "shard_size": 1, "progress": False}
    whole = build_corpus(f"coco:{tmp_path / 'coco'}", tmp_path / "whole", detector=str(tmp_path / "found.json"), **options)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("hetero_xmodal.data.tasks.corpus._shard", shard_tools.elsewhere)
    build_corpus("coco:coco", "several", detector="found.json", workers=2, engine="dask", **options)
    assert same_bytes(tmp_path / "whole", tmp_path / "several")
    assert whole.images == [str(tmp_path / "coco" / "images" / name) for name in ("8.jpg", "8.jpg", "18.jpg", "18.jpg")]


def test_the_command_bridges_a_plural_to_several_regions(tmp_path, capsys):
    """Two dogs are said, and two are seen; the word and both regions have a copy each."""
    from hetero_xmodal.cli.main import run

    Image.new("RGB", (40, 30)).save(tmp_path / "a.png")
    (tmp_path / "a.txt").write_text("Two dogs run.\n")
    boxes = {"image_id": "a.png", "width": 40, "height": 30, "boxes": [[1, 1, 9, 9], [20, 1, 29, 9]], "labels": ["dog", "dog"]}
    (tmp_path / "found.json").write_text(json.dumps(boxes))
    pairs = {}
    for name in ("one", "all", "none"):
        command = ["corpus", str(tmp_path), "--detector", str(tmp_path / "found.json"), "--bridges", name, "--out", str(tmp_path / name)]
        assert run(command) == 0
        corpus = GraphCorpus.load(tmp_path / name)
        pairs[name] = (corpus[0].num_edges(("visual", "same_as", "word")), corpus[0].num_nodes("bridge"))
    assert pairs == {"one": (1, 2), "all": (2, 3), "none": (1, 0)}
    assert run([*command[:-4], "--bridges", "some", "--out", str(tmp_path / "some")]) == 2
    assert "--bridges is 'some'" in capsys.readouterr().err


def test_a_scheduler_that_does_not_answer_is_refused_before_anything_is_written(tmp_path, monkeypatch):
    pytest.importorskip("distributed", reason="Dask is not installed")
    monkeypatch.setattr("hetero_xmodal.data.tasks.engines._PATIENCE", 1)
    with pytest.raises(InputError, match="no Dask scheduler answers at 'tcp://127.0.0.1:1'"):
        build_corpus(items(), tmp_path / "c", scenes="true", engine="dask", scheduler="tcp://127.0.0.1:1", progress=False)
    assert list(tmp_path.iterdir()) == []
