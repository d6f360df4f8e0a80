"""``analyze`` against hand counts of the raw files (:mod:`tests.analysis.hand_counts`): of small data sets made here, and of real ones."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import hetero_xmodal as hx
from hetero_xmodal.data.dataset import Item
from hetero_xmodal.graphs.bridges import name_similarity
from hetero_xmodal.parsers.normal_forms import normal_attributes, normal_predicate
from hetero_xmodal.scenes import SceneGraph, SceneObject, SceneRelation
from tests.analysis import hand_counts
from tests.analysis.test_questions_by_hand import compare_questions

REAL = os.environ.get("HETERO_XMODAL_REAL_DATA")
needs_real = pytest.mark.skipif(not REAL, reason="HETERO_XMODAL_REAL_DATA is not set: photographs with annotations are needed")

SENTENCES = [
    "Two dogs sit on a wooden dining table.", "A brown dog is next to a red car.", "Some people walk in the park.",
    "A woman holds a red umbrella.", "A small bird with a white belly and black wings.", "The bird has a long yellow beak.",
]  # fmt: skip


def draw(path: Path, size: tuple[int, int]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (120, 140, 160)).save(path)


def small_coco(folder: Path) -> Path:
    """Five images: crowds, boxes over the border and without area, several captions, none; one without boxes, one not in the captions."""
    categories = [{"id": 3, "name": "dog"}, {"id": 7, "name": "person"}, {"id": 9, "name": "dining table"}, {"id": 11, "name": "car"}]
    rng = np.random.default_rng(0)
    images = [{"id": k, "file_name": f"{k:03d}.png", "width": 160 + 10 * k, "height": 120} for k in range(5)]
    boxes = []
    for image in images[:4]:
        for k in range(2 + 3 * image["id"]):
            x, y, w, h = rng.uniform(-8, 130), rng.uniform(-8, 90), rng.uniform(8, 60), rng.uniform(8, 50)
            boxes.append(
                {"image_id": image["id"], "category_id": int(rng.choice([3, 7, 9, 11])), "bbox": [x, y, w, h], "iscrowd": int(k == 3)}
            )
    boxes.append({"image_id": 0, "category_id": 11, "bbox": [10.0, 10.0, 0.0, 5.0], "iscrowd": 0})
    boxes.append({"image_id": 1, "category_id": 3, "bbox": [40.0, 20.0, 30.0, 40.0], "iscrowd": 0})  # on the table
    boxes.append({"image_id": 1, "category_id": 9, "bbox": [20.0, 58.0, 90.0, 40.0], "iscrowd": 0})
    captions = [{"image_id": k, "caption": SENTENCES[(2 * k + n) % 4]} for k in range(4) for n in range(3)]
    for image in images:
        draw(folder / "images" / image["file_name"], (image["width"], image["height"]))
    for row, entry in enumerate(boxes):
        entry["id"] = row
    without = [{"id": 9, "file_name": "not_captioned.png", "width": 50, "height": 50}]
    (folder / "captions.json").write_text(json.dumps({"images": images, "annotations": captions}))
    (folder / "instances.json").write_text(json.dumps({"images": images[:4] + without, "annotations": boxes, "categories": categories}))
    return folder


def small_cub(folder: Path) -> Path:
    """Five photographs of two classes with two or three captions each."""
    base = folder / "CUB_200_2011"
    files = [f"001.Crow/crow_{k}.jpg" for k in range(3)] + [f"002.Wren/wren_{k}.jpg" for k in range(2)]
    for k, file in enumerate(files):
        draw(base / "images" / file, (100, 80))
        text = (folder / "text" / file).with_suffix(".txt")
        text.parent.mkdir(parents=True, exist_ok=True)
        text.write_text("\n".join([SENTENCES[4], SENTENCES[5], "", SENTENCES[(k + 1) % 4]]) + "\n")
    lines = {
        "images": [f"{k + 1} {file}" for k, file in enumerate(files)],
        "classes": ["1 001.Crow", "2 002.Wren"],
        "image_class_labels": [f"{k + 1} {1 + (k > 2)}" for k in range(5)],
        "bounding_boxes": [f"{k + 1} {5 + k}.0 10.0 40.0 30.0" for k in range(5)],
        "train_test_split": [f"{k + 1} {k % 2}" for k in range(5)],
    }
    for name, rows in lines.items():
        (base / f"{name}.txt").write_text("\n".join(rows) + "\n")
    return folder


def small_vrd(folder: Path) -> Path:
    """Two photographs, in which a thing takes part in several relations and two things have one name."""
    end = lambda name, k: {"name": name, "box_xyxy": [10.0 * k, 5.0, 10.0 * k + 9, 40.0]}  # noqa: E731
    first = [(("person", 0), "wears", ("shirt", 1)), (("person", 0), "sitting on", ("chair", 2)), (("person", 3), "next to", ("person", 0))]
    second = [(("dog", 0), "sits on", ("chair", 1)), (("chair", 1), "under", ("dog", 0)), (("dog", 0), "sits on", ("chair", 2))]
    graphs = [
        {"file_name": f"{k}.jpg", "width": 100, "height": 60, "relationships": [
            {"subject": end(*a), "predicate": predicate, "object": end(*b)} for a, predicate, b in rows]}
        for k, rows in enumerate((first, second))
    ]  # fmt: skip
    folder.mkdir(exist_ok=True)
    (folder / "graphs.json").write_text(json.dumps(graphs))
    return folder


def linked_coco(source: Path, folder: Path) -> Path:
    """The images of a COCO folder that have boxes, with their captions, so that the others need not be opened."""
    captions, instances = (json.loads((source / name).read_text()) for name in ("captions.json", "instances.json"))
    kept = {image["id"] for image in instances["images"]}
    captions["images"] = [image for image in captions["images"] if image["id"] in kept]
    captions["annotations"] = [entry for entry in captions["annotations"] if entry["image_id"] in kept]
    folder.mkdir()
    (folder / "images").symlink_to(source / "images")
    (folder / "captions.json").write_text(json.dumps(captions))
    (folder / "instances.json").symlink_to(source / "instances.json")
    return folder


def vrd_items(folder: Path) -> list[Item]:
    """The photographs of VRD with their scene graphs; a thing is a name with a box."""
    items = []
    for k, graph in enumerate(json.loads((folder / "graphs.json").read_text())):
        places: dict[tuple, int] = {}
        relations = []
        for row in graph["relationships"]:
            ends = [places.setdefault((row[end]["name"], *row[end]["box_xyxy"]), len(places)) for end in ("subject", "object")]
            relations.append(SceneRelation(ends[0], row["predicate"], ends[1]))
        scene = SceneGraph([SceneObject(name, box=tuple(box)) for name, *box in places], relations, size=(graph["width"], graph["height"]))
        items.append(Item(Image.new("RGB", scene.size), [], scene=scene, id=str(k)))
    return items


def parsed(texts: dict[str, list[str]]) -> dict[str, list[dict]]:
    """The scene graph of every sentence as JSON values, predicates and attributes in their base forms."""
    scenes = {}
    for file, every in texts.items():
        scenes[file] = [hx.parse_sentence(" ".join(text.split())).to_dict() for text in every]
        for scene in scenes[file]:
            for thing in scene["objects"]:
                thing["attributes"] = normal_attributes(thing["attributes"])
            for relation in scene["relations"]:
                relation["predicate"] = normal_predicate(relation["predicate"])
                relation.setdefault("provenance", "annotated")
    return scenes


def counts_of(table, keys: list[str], values: list[str]) -> dict[tuple, tuple[int, ...]]:
    """Combination of *keys* -> numbers."""
    return {tuple(row[: len(keys)]): tuple(row[len(keys) :]) for row in table[[*keys, *values]].values.tolist()}


def compare(analysis, hand: dict, scenes: dict[str, list[dict]]) -> None:
    """Every table that can be counted by hand, to the last digit."""
    triple = ["subject", "predicate", "object", "provenance"]
    assert analysis.numbers == hand["numbers"]
    n = hand["numbers"]["image"]
    assert counts_of(analysis.regions, ["name"], ["regions", "images"]) == hand["regions"]
    assert counts_of(analysis.triples, triple, ["relations", "images"]) == hand["triples"]
    assert dict(analysis.labels[["label", "images"]].values.tolist()) == hand["labels"]
    pairs = {a: {b: int(k) for b, k in row.items() if k} for a, row in analysis.label_pairs.to_dict("index").items()}
    assert pairs == hand["label_pairs"]
    assert analysis.regions["share of images"].tolist() == [images / n for images in analysis.regions["images"]]
    regions = sum(count for count, _ in hand["regions"].values())
    facts = sum(count for count, _ in hand["triples"].values())
    sizes = analysis.sizes.set_index("of")
    assert sizes.loc["visual", ["total", "facts", "n"]].tolist() == [regions, regions, n] and sizes.loc["visual", "mean"] == regions / n
    assert sizes.loc["visual-relates-visual", "facts"] == facts == analysis.predicates["relations"].sum()
    if scenes:
        compare_sentences(analysis, hand, scenes, regions)


def compare_sentences(analysis, hand: dict, scenes: dict[str, list[dict]], regions: int) -> None:
    said = hand_counts.said([scene for every in scenes.values() for scene in every])
    for name, keys in (("object_words", ["name"]), ("sentence_attributes", ["attribute"])):
        assert counts_of(analysis.tables[name], keys, ["object words", "sentences"]) == said[name]
    triple = ["subject", "predicate", "object", "provenance"]
    assert counts_of(analysis.sentence_triples, triple, ["relations", "sentences"]) == said["sentence_triples"]
    assert analysis.captions["words"].tolist() == said["words"]
    pairs = [(hand["named"][file], scene) for file, every in scenes.items() for scene in every]
    covered = hand_counts.covered(pairs, name_similarity)
    assert analysis.coverage[list(covered)].values.tolist() == covered.values.tolist()
    shares = analysis.shares.set_index(["share", "counted"])
    whole = covered["regions"].sum()
    for way, column in (
        ("one to one", "matched"),
        ("with plurals", "regions named, with plurals"),
        ("by class", "regions named, by class"),
    ):
        row = shares.loc[("regions named", way)]
        each = [named / there for named, there in covered[[column, "regions"]].values.tolist() if there]
        assert (row["pooled"], row["n of pooled"], row["n of mean"]) == (covered[column].sum() / whole, whole, len(each))
        assert row["mean"] == pytest.approx(sum(each) / len(each), rel=1e-12)
    names = analysis.objects[analysis.objects["regions"] > 0].set_index("name")
    assert {(name,): (row["regions"], row["images that show it"]) for name, row in names.to_dict("index").items()} == hand["regions"]
    spoken = analysis.objects[analysis.objects["object words"] > 0]
    assert counts_of(spoken, ["name"], ["object words", "sentences that name it"]) == said["object_words"]
    assert names["regions"].sum() == regions


def corpus_of(source, out: Path, sentences: int | None = None):
    return hx.build_corpus(
        source, out, scenes="true", split=None if isinstance(source, list) else "all", sentences_per_image=sentences, progress=False
    )


def test_small_photographs_with_boxes_and_captions(tmp_path):
    folder = small_coco(tmp_path / "coco")
    hand = hand_counts.coco(folder, 3)
    assert hand["numbers"] == {"image": 4, "sentence": 12, "pair": 12} and {"on", "near", "left of"} <= {key[1] for key in hand["triples"]}
    corpus, scenes = corpus_of(f"coco:{folder}", tmp_path / "corpus"), parsed(hand["texts"])
    compare(hx.analyze(corpus), hand, scenes)
    compare_questions(corpus, hand, scenes)


def test_small_birds(tmp_path):
    folder = small_cub(tmp_path / "cub")
    hand = hand_counts.cub(folder, 10)
    assert hand["numbers"] == {"image": 5, "sentence": 15, "pair": 15}
    corpus, scenes = corpus_of(f"cub:{folder}", tmp_path / "corpus"), parsed(hand["texts"])
    analysis = hx.analyze(corpus)
    compare(analysis, hand, scenes)
    compare_questions(corpus, hand, scenes)
    assert {"white", "black", "long", "yellow"} <= set(analysis.sentence_attributes["attribute"])


def test_small_photographs_with_written_relations(tmp_path):
    folder = small_vrd(tmp_path / "vrd")
    hand = hand_counts.vrd(folder, normal_predicate)
    assert hand["triples"][("dog", "sit on", "chair", "annotated")] == (2, 1) and hand["regions"][("person",)] == (2, 1)
    corpus = corpus_of(vrd_items(folder), tmp_path / "corpus")
    compare(_with_labels(hx.analyze(corpus)), hand, {})
    compare_questions(corpus, hand, {})


def _with_labels(analysis):
    """An analysis of images without labels, with empty tables of these."""
    assert not len(analysis.labels)
    return analysis


@needs_real
@pytest.mark.slow
@pytest.mark.parametrize("sentences", [2])
def test_photographs_of_coco(sentences, tmp_path):
    folder = linked_coco(Path(REAL) / "coco_photos", tmp_path / "coco")
    hand = hand_counts.coco(folder, sentences)
    assert hand["numbers"]["image"] == 341 and hand["regions"][("person",)] == (759, 180)
    corpus, scenes = corpus_of(f"coco:{folder}", tmp_path / "corpus", sentences), parsed(hand["texts"])
    compare(hx.analyze(corpus), hand, scenes)
    compare_questions(corpus, hand, scenes)


@needs_real
@pytest.mark.slow
@pytest.mark.parametrize("sentences", [2])
def test_photographs_of_birds(sentences, tmp_path):
    folder = Path(REAL) / "cub_subset"
    hand = hand_counts.cub(folder, sentences)
    assert hand["numbers"]["image"] == 543 == hand["regions"][("bird",)][0]
    corpus, scenes = corpus_of(f"cub:{folder},boxes=original", tmp_path / "corpus", sentences), parsed(hand["texts"])
    compare(hx.analyze(corpus), hand, scenes)
    compare_questions(corpus, hand, scenes)


@needs_real
def test_photographs_of_vrd(tmp_path):
    folder = Path(REAL) / "vrd_photos"
    hand = hand_counts.vrd(folder, normal_predicate)
    assert hand["numbers"]["image"] == 45
    corpus = corpus_of(vrd_items(folder), tmp_path / "corpus")
    compare(_with_labels(hx.analyze(corpus)), hand, {})
    compare_questions(corpus, hand, {})
