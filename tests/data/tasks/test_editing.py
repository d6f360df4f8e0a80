"""Pairs for manipulation: what they say is true, the same every time, and read from published layouts."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hetero_xmodal.data import load_dataset, open_source
from hetero_xmodal.data.datasets.visual_genome import SPATIAL
from hetero_xmodal.data.tasks.editing import hide_region, load_pairs
from hetero_xmodal.data.world.phrases import read_phrases
from hetero_xmodal.errors import InputError
from hetero_xmodal.parsers.world_vocabulary import BIRD_PLACES, HAVE, SCENE_TYPES, canonical

REAL = os.environ.get("HETERO_XMODAL_REAL_DATA")
needs_real = pytest.mark.skipif(not REAL, reason="HETERO_XMODAL_REAL_DATA is not set: no real data here")


@pytest.fixture(scope="module")
def birds():
    return list(load_pairs("world/birds", "test", size=25))


@pytest.fixture(scope="module")
def scenes():
    return list(load_pairs("world/scenes", "test", size=24))


def same_images(a, b) -> bool:
    return np.array_equal(np.asarray(a), np.asarray(b))


def test_the_reader_of_the_worlds_sentences_reads_what_was_written():
    read = 0
    places = set(SCENE_TYPES) | set(BIRD_PLACES)
    for world, size in (("scenes", 24), ("birds", 12)):
        for item in load_dataset(f"world/{world}", "val", size=size):
            for text, truth in zip(item.sentences, item.sentence_scenes, strict=True):
                said = read_phrases(text)
                wanted = [(canonical(o.name), {canonical(a) for a in o.attributes if not a.isdigit()}) for o in truth.objects]
                found = [(p.noun, set(p.values.values())) for p in said.phrases]
                key = lambda pair: (pair[0], sorted(pair[1]))  # noqa: E731
                bare = ("bird", set())  # "the crown of the bird": the bird itself is not told of
                assert sorted((w for w in wanted if w != bare), key=key) == sorted((f for f in found if f != bare), key=key), text
                names = [canonical(o.name) for o in truth.objects]
                relations = [(names[r.subject], canonical(r.predicate), names[r.object]) for r in truth.relations]
                kept = [r for r in relations if r[1] != HAVE and r[2] not in places]
                assert sorted(kept) == sorted(said.relations) or world == "birds", text
                read += 1
    assert read == 240


def test_the_reader_survives_what_decoders_write():
    assert read_phrases("").phrases == [] and read_phrases("zzz the the of").phrases == []
    said = read_phrases("bird bird red red a wing wing blue and <unk> has")
    assert [p.noun for p in said.phrases] == ["bird", "bird", "wing", "wing"]
    assert read_phrases("no large dog").slots()["dog", "name"] == "no dog"
    assert read_phrases("the belly is red instead of yellow").slots()["belly", "colour"] == "red"


def test_a_bird_pair_says_the_truth(birds):
    kinds = set()
    for pair in birds:
        changed = [s for s in pair.slots if s.changed]
        assert len(changed) == 1 and changed[0].named and pair.kind == "attribute"
        slot = changed[0]
        kinds.add(slot.kind)
        instruction, true = read_phrases(pair.instruction).slots(), read_phrases(pair.edited_sentence).slots()
        assert instruction[slot.thing, slot.kind] == slot.after and true[slot.thing, slot.kind] == slot.before
        assert {k for k in instruction if instruction[k] != true.get(k)} == {(slot.thing, slot.kind)}
        now = pair.edited_scene.objects[slot.index]
        assert now.name == slot.thing and now.box == slot.box
        assert slot.after in now.attributes or slot.after == "plain"
        assert slot.before in pair.scene.objects[slot.index].attributes or slot.before == "plain"
        x1, y1, x2, y2 = pair.region
        outside = np.ones((128, 128), bool)
        outside[y1:y2, x1:x2] = False
        before, after = np.asarray(pair.image), np.asarray(pair.edited_image)
        assert np.array_equal(before[outside], after[outside]) and not np.array_equal(before, after)
        assert {(s.thing, s.kind) for s in pair.slots} >= {("wing", "pattern"), ("beak", "length"), ("image", "place"), ("bird", "size")}
    assert kinds == {"colour", "pattern", "length"}


def test_scene_pairs_come_in_all_kinds_and_their_slots_are_true(scenes):
    assert {pair.kind for pair in scenes} == {"attribute", "remove", "replace", "move"}
    for pair in scenes:
        changed = [s for s in pair.slots if s.changed]
        subject = pair.scene.objects[pair.subject]
        assert len(changed) == 1 and changed[0].index == pair.subject and changed[0].named
        slot = changed[0]
        if pair.kind == "remove":
            assert (slot.kind, slot.before, slot.after) == ("name", subject.name, "")
            assert len(pair.edited_scene.objects) == len(pair.scene.objects) - 1
        elif pair.kind == "replace":
            assert slot.kind == "name" and pair.edited_scene.objects[pair.subject].name == slot.after != slot.before
        elif pair.kind == "move":
            relations = {(r.subject, r.object): r.predicate for r in pair.edited_scene.relations}
            assert slot.kind == "relation" and relations[pair.subject, slot.other] == slot.after
            assert slot.box != slot.box_before
        others = [s for s in pair.slots if s.index not in (pair.subject, -1) and s.kind == "name"]
        assert len(others) == len(pair.scene.objects) - 1 and all(s.box == s.box_before for s in others)


def test_pairs_are_the_same_every_time_and_fresh_wishes_keep_the_images():
    pairs = load_pairs("world/birds", "train", size=6)
    again, fresh = load_pairs("world/birds", "train", size=4)[1:3], pairs.fresh(1)
    assert [p.instruction for p in again] == [p.instruction for p in pairs[1:3]]
    assert all(same_images(a.edited_image, b.edited_image) for a, b in zip(again, pairs[1:3], strict=True))
    assert [p.instruction for p in fresh] != [p.instruction for p in pairs] and same_images(fresh[5].image, pairs[5].image)
    assert pairs[-1].id == pairs[5].id and load_pairs("world/birds", "train", size=1, image_size=64)[0].instruction == pairs[0].instruction
    with pytest.raises(IndexError):
        pairs[6]


def test_the_hidden_region_is_a_thing_and_the_rest_stays():
    pair = load_pairs("world/scenes", "val", size=1, kinds=("reconstruct",))[0]
    pixels, mask = hide_region(pair.image, pair.region, seed=3)
    again, _ = hide_region(pair.image, pair.region, seed=3)
    x1, y1, x2, y2 = pair.region
    assert np.array_equal(pixels, again) and mask.sum() == (x2 - x1) * (y2 - y1)
    assert np.array_equal(pixels[mask == 0], np.asarray(pair.image)[mask == 0]) and pixels[mask == 1].std() > 60
    box = pair.scene.objects[pair.subject].box
    assert x1 <= box[0] and y1 <= box[1] and box[2] <= x2 and box[3] <= y2
    assert same_images(pair.edited_image, pair.image) and pair.edited_sentence == pair.instruction
    with pytest.raises(InputError, match="does not lie inside"):
        hide_region(pair.image, (0, 0, 200, 10))


def test_unknown_names_sizes_and_kinds_are_refused():
    with pytest.raises(InputError, match="did you mean 'world/birds'"):
        load_pairs("world/bird")
    with pytest.raises(InputError, match="no split 'tset'.*did you mean 'test'"):
        load_pairs("world/birds", "tset")
    with pytest.raises(InputError, match="no pairs of kind 'remove'; its kinds are attribute"):
        load_pairs("world/birds", kinds=("remove",))
    with pytest.raises(InputError, match="did you mean 'remove'"):
        load_pairs("world/scenes", kinds=("remov",))
    with pytest.raises(InputError, match="image_size is 100"):
        load_pairs("world/birds", image_size=100)
    with pytest.raises(InputError, match="size is -1"):
        load_pairs("world/birds", size=-1)
    with pytest.raises(InputError, match="'cub:' names no folder"):
        load_pairs("cub:")


# ---------------------------------------------------------------------------------------------- CUB


CLASSES = ("001.Red_Bird", "002.Blue_Bird", "003.Grey_Bird")


@pytest.fixture
def cub(tmp_path) -> Path:
    base = tmp_path / "CUB_200_2011"
    lines = {name: [] for name in ("images", "image_class_labels", "bounding_boxes", "train_test_split")}
    for number in range(1, 25):
        name = CLASSES[(number - 1) % 3]
        photo = f"{name}/Bird_{number:04d}.jpg"
        for folder in (base / "images" / name, tmp_path / "text" / name):
            folder.mkdir(parents=True, exist_ok=True)
        pixels = np.full((60, 90, 3), 255, np.uint8)
        pixels[20:40, 30:50] = (10 * number, 0, 0)
        Image.fromarray(pixels).save(base / "images" / photo, quality=95)
        (tmp_path / "text" / photo).with_suffix(".txt").write_text(f"a caption of {name}\n  another   caption of {name}\n\n")
        lines["images"].append(f"{number} {photo}")
        lines["image_class_labels"].append(f"{number} {(number - 1) % 3 + 1}")
        lines["bounding_boxes"].append(f"{number} 30.0 20.0 20.0 20.0")
        lines["train_test_split"].append(f"{number} {int(number > 4)}")
    for name, rows in lines.items():
        (base / f"{name}.txt").write_text("\n".join(rows) + "\n")
    (base / "classes.txt").write_text("\n".join(f"{k} {name}" for k, name in enumerate(CLASSES, 1)) + "\n")
    return tmp_path


def test_cub_in_its_published_layout(cub):
    splits = {split: load_pairs(f"cub:{cub}", split, image_size=32) for split in ("train", "val", "test")}
    assert {split: len(pairs) for split, pairs in splits.items()} == {"train": 18, "val": 2, "test": 4}
    assert len({p.id for pairs in splits.values() for p in pairs}) == 24
    for pair in splits["train"]:
        own, requested = CLASSES[pair.label], CLASSES[pair.instruction_label]
        assert pair.sentences == (f"a caption of {own}", f"another caption of {own}")
        assert pair.instruction.endswith(requested) and requested != own and pair.edited_image is None and pair.edited_sentence is None
        assert pair.image.size == (32, 32)
        x1, y1, x2, y2 = pair.scene.objects[0].box  # the square is 1.5 times the box, which lies in its middle
        assert (x1, y1, x2, y2) == pytest.approx((32 / 6, 32 / 6, 160 / 6, 160 / 6))
        inside = np.asarray(pair.image)[8:24, 8:24]
        assert inside[..., 1].max() < 60 and np.asarray(pair.image)[:3].min() > 200
    assert [p.instruction for p in splits["train"].fresh(9)] != [p.instruction for p in splits["train"]]


def test_cub_class_lists_make_the_splits_disjoint(cub):
    (cub / "trainvalclasses.txt").write_text("\n".join(CLASSES[:2]) + "\n")
    (cub / "testclasses.txt").write_text(CLASSES[2] + "\n")
    train, test = load_pairs(f"cub:{cub}", "train"), load_pairs(f"cub:{cub}", "all")
    assert {p.label for p in train} == {0, 1} and len(test) == 24
    with pytest.raises(InputError, match="split 'test' has 1 class"):
        load_pairs(f"cub:{cub}", "test")
    assert {p.label for p in load_pairs(f"cub:{cub}", "test", kinds=("reconstruct",))} == {2}


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda f: (f / "CUB_200_2011" / "images.txt").write_text("1 a.jpg b\n"), r"line 1 is '1 a.jpg b'"),
        (lambda f: (f / "CUB_200_2011" / "images.txt").write_text("1 ../../etc/x.jpg\n"), "not a path inside the folder images/"),
        (lambda f: (f / "CUB_200_2011" / "image_class_labels.txt").write_text("1 one\n"), "expected a number and 1 field"),
        (lambda f: (f / "CUB_200_2011" / "image_class_labels.txt").write_text("1 77\n"), "no known class for photograph 1"),
        (lambda f: (f / "CUB_200_2011" / "classes.txt").unlink(), "does not exist"),
        (lambda f: (f / "text").rename(f / "captions"), "expected a folder text/"),
        (lambda f: (f / "CUB_200_2011" / "images").rename(f / "photos"), "has no folder images/"),
    ],
)
def test_a_spoilt_cub_folder_is_named(cub, spoil, message):
    spoil(cub)
    with pytest.raises(InputError, match=message):
        load_pairs(f"cub:{cub}")


def test_a_missing_photograph_or_caption_is_named_when_it_is_asked_for(cub):
    pairs = load_pairs(f"cub:{cub}", "test")
    (cub / "text" / CLASSES[0] / "Bird_0001.txt").write_text("\n")
    with pytest.raises(InputError, match="Bird_0001.txt' hold no line"):
        pairs[0]
    (cub / "CUB_200_2011" / "images" / CLASSES[1] / "Bird_0002.jpg").write_bytes(b"\xff\xd8 cut")
    with pytest.raises(InputError, match="Bird_0002.jpg"):
        pairs[1]


@needs_real
def test_real_cub_photographs():
    folder = f"{Path(REAL) / 'cub_subset'},boxes=original"
    counts = {split: len(load_pairs(f"cub:{folder}", split)) for split in ("train", "val", "test")}
    assert sum(counts.values()) == 543 and counts["test"] == 243
    pairs = load_pairs(f"cub:{folder}", "test", image_size=64)
    for pair in pairs[::20]:
        assert pair.image.size == (64, 64) and len(pair.sentences) == 10 and pair.label != pair.instruction_label
        x1, y1, x2, y2 = pair.region
        assert x2 - x1 > 10 and y2 - y1 > 10


# ---------------------------------------------------------------------------------------------- Visual Genome


@pytest.fixture
def genome(tmp_path) -> Path:
    """Ten images, each a clock on a table beside a lamp, the last one too small."""
    (tmp_path / "VG_100K").mkdir()
    (tmp_path / "VG_100K_2").mkdir()
    graphs, sizes = [], []
    for number in range(1, 11):
        width, height = (300, 200) if number < 10 else (150, 100)
        folder = "VG_100K" if number % 2 else "VG_100K_2"
        Image.new("RGB", (width, height), (20 * number, 90, 90)).save(tmp_path / folder / f"{number}.jpg")
        things = [
            ("Clock" if number % 2 else "Vase", 20, 20, 40, 40),
            ("table", 10, 60, 100, 120),
            ("lamp", 200, 50, 60, 100),
            ("pen", 5, 5, 9, 9),
        ]
        objects = [
            {"object_id": 10 * number + k, "names": [name], "x": x, "y": y, "w": w, "h": h, "synsets": []}
            for k, (name, x, y, w, h) in enumerate(things)
        ]
        pairs = [(0, "ON", 1), (2, "near", 1), (3, "on", 1)] + ([(1, "left of", 2)] if number % 3 else [])
        relations = [{"predicate": p, "subject_id": 10 * number + s, "object_id": 10 * number + o} for s, p, o in pairs]
        graphs.append({"image_id": number, "objects": objects, "relationships": relations})
        sizes.append({"image_id": number, "width": width, "height": height, "url": ""})
    (tmp_path / "scene_graphs.json").write_text(json.dumps(graphs))
    (tmp_path / "image_data.json").write_text(json.dumps(sizes))
    return tmp_path


def test_visual_genome_in_its_published_layout(genome):
    everything = load_dataset(f"vg:{genome}", "all")
    assert len(everything) == 10 and [o.name for o in everything[0].scene.objects] == ["clock", "table", "lamp", "pen"]
    images = load_dataset(f"vg:{genome},filter=all", "all")
    assert len(images) == 9  # the tenth is too small
    item = images[0]
    assert [o.name for o in item.scene.objects] == ["clock", "table", "lamp"]  # the pen is too small
    assert item.sentences[0] == "the clock on the table" and len(item.scene.relations) == 3
    pairs = load_pairs(f"vg:{genome}", "all", image_size=64)
    assert [p.kind for p in pairs][:4] == ["reconstruct", "remove", "replace", "move"]
    for pair in pairs:
        pair.scene.check()
        pair.edited_scene.check()
        before, after = pair.scene, pair.edited_scene
        if pair.kind == "remove":
            gone = before.objects[pair.subject]
            assert pair.request == f"no {gone.name}" and [o for o in before.objects if o is not gone] == after.objects
            assert len(after.relations) == sum(pair.subject not in (r.subject, r.object) for r in before.relations)
        elif pair.kind == "replace":
            assert after.objects[pair.subject].name not in {o.name for o in before.objects} and after.relations == before.relations
        elif pair.kind == "move":
            ((old, new),) = [(a, b) for a, b in zip(before.relations, after.relations, strict=True) if a != b]
            assert SPATIAL[old.predicate] != SPATIAL[new.predicate] and (old.subject, old.object) == (new.subject, new.object)
            assert pair.edited_sentence == f"the {before.objects[old.subject].name} {old.predicate} the {before.objects[old.object].name}"
        else:
            assert same_images(pair.image, pair.edited_image)
        assert pair.kind == "reconstruct" or pair.edited_image is None
        assert before.objects[0].box == pytest.approx((20 * 64 / 300, 20 * 64 / 200, 60 * 64 / 300, 60 * 64 / 200))


def test_every_hidden_object_is_one_pair_of_the_protocol(genome):
    pairs = load_pairs(f"vg:{genome}", "all", image_size=64, kinds=("reconstruct",))
    assert len(pairs) == 27 and [p.subject for p in pairs[:3]] == [0, 1, 2]


def test_visual_genome_in_two_files_and_with_its_splits(genome):
    graphs = json.loads((genome / "scene_graphs.json").read_text())
    joined = load_dataset(f"vg:{genome}", "all")[2]
    (genome / "scene_graphs.json").unlink()
    (genome / "objects.json").write_text(json.dumps([{k: g[k] for k in ("image_id", "objects")} for g in graphs]))
    relations = [
        {
            "image_id": g["image_id"],
            "relationships": [
                {"predicate": r["predicate"], "subject": {"object_id": r["subject_id"]}, "object": {"object_id": r["object_id"]}}
                for r in g["relationships"]
            ],
        }
        for g in graphs
    ]
    (genome / "relationships.json").write_text(json.dumps(relations))
    (genome / "vg_splits.json").write_text(json.dumps({"train": [1, 2], "val": [3], "test": [4, 5, 10]}))
    folder = genome
    assert load_dataset(f"vg:{folder}", "all")[2].scene == joined.scene
    assert [len(load_dataset(f"vg:{folder}", s)) for s in ("train", "val", "test")] == [2, 1, 3]
    assert [len(load_dataset(f"vg:{folder},filter=all", s)) for s in ("train", "val", "test")] == [2, 1, 2]


def edit_graph(genome: Path, change) -> None:
    graphs = json.loads((genome / "scene_graphs.json").read_text())
    change(graphs[0])
    (genome / "scene_graphs.json").write_text(json.dumps(graphs))


def test_names_by_aliases_synsets_and_in_the_vocabulary_of_vg150(genome):
    def change(graph):
        graph["objects"][0]["synsets"] = ["alarm_clock.n.01", "clock.n.01"]  # the others have none

    edit_graph(genome, change)
    (genome / "object_alias.txt").write_bytes(b"\xef\xbb\xbftimepiece,clock,Watch\r\nlamp,lamps\r\n")
    (genome / "relationship_alias.txt").write_text("on top of,on\nnear,next to\n")
    tables = {"label_to_idx": {"clock": 1, "table": 2}, "predicate_to_idx": {"on": 1}}
    (genome / "VG-SGG-dicts.json").write_text(json.dumps(tables))

    def read(names):
        item = load_dataset(f"vg:{genome},names={names}", "all")[0]
        return [o.name for o in item.scene.objects], item.sentences[0]

    assert read("annotated") == (["clock", "table", "lamp", "pen"], "the clock on the table")
    assert read("alias") == (["timepiece", "table", "lamp", "pen"], "the timepiece on top of the table")
    assert read("synset") == (["alarm clock", "table", "lamp", "pen"], "the alarm clock on the table")
    assert read("vg150") == (["clock", "table"], "the clock on the table")
    with pytest.raises(InputError, match="names is 'alais' .did you mean 'alias'"):
        read("alais")
    (genome / "object_alias.txt").unlink()
    with pytest.raises(InputError, match="alias file .*object_alias.txt' cannot be read"):
        read("alias")


def test_regions_as_captions(genome):
    phrases = ["A clock  ticks.", "A clock ticks.", "It is late.", None]
    rows = [{"id": 1, "regions": [{"phrase": phrase} for phrase in phrases]}, {"id": 2, "regions": []}]
    (genome / "region_descriptions.json").write_text(json.dumps(rows))
    source = open_source(f"vg:{genome},captions=regions")
    assert [record.id for record in source.records] == ["1"] and source.records[0].captions == ("A clock ticks.", "It is late.")
    assert "9 images have no caption and are left out, the first is 2" in " ".join(source.notes)


def test_duplicate_and_empty_boxes_are_counted(genome):
    def change(graph):
        clock = graph["objects"][0]
        graph["objects"] += [
            clock | {"object_id": 901, "attributes": ["old"]}, clock | {"object_id": 902, "w": 0}, clock | {"object_id": 903, "x": 500},
        ]  # fmt: skip
        graph["relationships"] += [
            {"predicate": "ON", "subject_id": 901, "object_id": 11}, {"predicate": "by", "subject_id": 901, "object_id": 10},
            {"predicate": None, "subject_id": 10, "object_id": 11}, {"predicate": "on", "subject_id": 902, "object_id": 11},
        ]  # fmt: skip

    before = load_dataset(f"vg:{genome}", "all")[0].scene
    edit_graph(genome, change)
    source = open_source(f"vg:{genome}")
    scene = source.records[0].make_item().scene
    assert [(o.name, o.box) for o in scene.objects] == [(o.name, o.box) for o in before.objects] and scene.relations == before.relations
    assert scene.objects[0].attributes == ["old"]
    told = " ".join(source.notes)
    for text in (  # one of the three boxes is the lamp of the tenth image
        "1 relation has no predicate",
        "3 boxes have no area inside the image",
        "1 object stands there twice (one name, one box)",
    ):
        assert text in told


def test_a_spoilt_genome_is_named(genome):
    (genome / "VG_100K" / "1.jpg").unlink()
    pairs = load_pairs(f"vg:{genome}", "all")
    with pytest.raises(InputError, match="image 1.jpg is neither in"):
        pairs[0]
    graphs = json.loads((genome / "scene_graphs.json").read_text())
    del graphs[0]["objects"][0]["w"]
    (genome / "scene_graphs.json").write_text(json.dumps(graphs))
    with pytest.raises(InputError, match="an object of image 1 lacks"):
        load_pairs(f"vg:{genome}", "all")
    (genome / "scene_graphs.json").write_text('[{"image_id": 1, "objects"')
    with pytest.raises(InputError, match="not readable as JSON"):
        load_pairs(f"vg:{genome}", "all")


def test_a_genome_without_an_image_for_edits_is_read_and_gives_none(genome):
    data = json.loads((genome / "image_data.json").read_text())
    (genome / "image_data.json").write_text(json.dumps([row | {"width": 150, "height": 190} for row in data]))
    assert len(load_dataset(f"vg:{genome}", "all")) == 10
    for make in (lambda: load_pairs(f"vg:{genome}", "all"), lambda: load_dataset(f"vg:{genome},filter=all")):
        with pytest.raises(InputError, match="holds no image with 3 to 30 objects of at least 32 pixels and 1 to 30 relations"):
            make()


@needs_real
def test_real_scene_graphs_in_the_layout_of_visual_genome(tmp_path):
    """Human scene graphs of real photographs, written as Visual Genome is published."""
    source = Path(REAL) / "vrd_photos"
    (tmp_path / "images").mkdir()
    graphs, sizes = [], []
    for number, row in enumerate(json.loads((source / "graphs.json").read_text()), 1):
        os.symlink(source / "images" / row["file_name"], tmp_path / "images" / f"{number}.jpg")
        ids: dict = {}
        relations = []
        for relation in row["relationships"]:
            ends = [ids.setdefault((relation[e]["name"], *relation[e]["box_xyxy"]), len(ids)) for e in ("subject", "object")]
            relations.append({"predicate": relation["predicate"], "subject_id": ends[0], "object_id": ends[1]})
        objects = [{"object_id": k, "names": [n], "x": x1, "y": y1, "w": x2 - x1, "h": y2 - y1} for (n, x1, y1, x2, y2), k in ids.items()]
        graphs.append({"image_id": number, "objects": objects, "relationships": relations})
        sizes.append({"image_id": number, "width": row["width"], "height": row["height"]})
    (tmp_path / "scene_graphs.json").write_text(json.dumps(graphs))
    (tmp_path / "image_data.json").write_text(json.dumps(sizes))
    pairs = load_pairs(f"vg:{tmp_path}", "all", image_size=64)
    assert len(pairs) >= 40 and {p.kind for p in pairs} == {"reconstruct", "remove", "replace", "move"}
    for pair in pairs[:12]:
        pair.scene.check()
        pair.edited_scene.check()
