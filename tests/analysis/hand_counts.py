"""What a corpus of three kinds of data set should count to, by hand: json, pandas and plain loops on the files as they were published.

Nothing of hetero_xmodal is imported. What is a matter of words, not of counting (the base form of a predicate, whether two names mean the
same thing, the parse of a sentence), is given as a function or as JSON values.

Counts are dicts: ``numbers`` of images, sentences and pairs; name -> (regions, images); triple -> (relations, images); and so on.
"""

from __future__ import annotations

import json
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pandas as pd

Scene = dict[str, Any]


def coco(folder: Path, sentences: int) -> dict[str, Any]:
    """A folder in COCO's format with boxes: its images that have annotations, with their first so many captions."""
    captions, instances = (json.loads((folder / name).read_text()) for name in ("captions.json", "instances.json"))
    images = pd.DataFrame(instances["images"]).merge(pd.DataFrame(captions["images"])[["file_name"]], on="file_name")
    texts = pd.DataFrame(captions["annotations"])
    texts = texts[texts["image_id"].isin(images["id"])].groupby("image_id").head(sentences)
    boxes = pd.DataFrame(instances["annotations"])
    boxes = boxes[(boxes["iscrowd"] == 0) & boxes["image_id"].isin(images["id"])]
    boxes = boxes.assign(name=boxes["category_id"].map({c["id"]: c["name"] for c in instances["categories"]}))
    labels = boxes.drop_duplicates(["image_id", "name"])  # a category is present even if its box has no area
    sides = images.set_index("id")[["width", "height"]]
    corners = pd.DataFrame(boxes["bbox"].tolist(), index=boxes.index, columns=["x", "y", "w", "h"])
    width, height = (boxes["image_id"].map(sides[side]) for side in ("width", "height"))
    boxes = boxes.assign(
        x1=corners["x"].clip(lower=0), y1=corners["y"].clip(lower=0),
        x2=(corners["x"] + corners["w"]).clip(upper=width), y2=(corners["y"] + corners["h"]).clip(upper=height),
    )  # fmt: skip
    boxes = boxes[(boxes["x2"] > boxes["x1"]) & (boxes["y2"] > boxes["y1"])]
    facts = []
    for image, rows in boxes.groupby("image_id", sort=False):
        things = [(row.name_, (row.x1, row.y1, row.x2, row.y2)) for row in rows.rename(columns={"name": "name_"}).itertuples()]
        facts += [(image, *fact, "geometry") for fact in spatial_facts(things, tuple(sides.loc[image]))]
    return {
        "numbers": {"image": len(images), "sentence": len(texts), "pair": len(texts)},
        "regions": rows_and_units(boxes.rename(columns={"image_id": "unit"}), ["name"]),
        "triples": rows_and_units(pd.DataFrame(facts, columns=["unit", "subject", "predicate", "object", "provenance"])),
        "labels": labels["name"].value_counts().to_dict(),
        "label_pairs": together(labels.groupby("image_id")["name"].agg(list)),
        "named": {
            file: boxes[boxes["image_id"] == id]["name"].tolist() for id, file in images[["id", "file_name"]].itertuples(index=False)
        },
        "texts": {
            file: texts[texts["image_id"] == id]["caption"].tolist() for id, file in images[["id", "file_name"]].itertuples(index=False)
        },
    }


#: what something can be on, among the names of photo detectors and of the generated world
SUPPORTS = {
    "table",
    "box",
    "bench",
    "desk",
    "shelf",
    "counter",
    "bed",
    "couch",
    "skateboard",
    "surfboard",
    "snowboard",
    "skis",
    "dining table",
}


def spatial_facts(things: list[tuple[str, tuple[float, float, float, float]]], size: tuple[int, int]) -> Iterable[tuple[str, str, str]]:
    """Every relation between boxes x1, y1, x2, y2, once: the rules of docs and docstrings, box by box."""
    s = math.sqrt(size[0] * size[1])
    for j, (b_name, b) in enumerate(things):
        for i, (a_name, a) in enumerate(things[:j]):
            rests = [lies_on(a, b, s) and b_name in SUPPORTS, lies_on(b, a, s) and a_name in SUPPORTS]
            if any(rests):
                yield from [fact for fact, true in zip([(a_name, "on", b_name), (b_name, "on", a_name)], rests, strict=True) if true]
                continue
            gap_x, gap_y = (max(0.0, max(a[k], b[k]) - min(a[k + 2], b[k + 2])) for k in (0, 1))
            dx, dy = ((b[k] + b[k + 2] - a[k] - a[k + 2]) / 2 for k in (0, 1))
            if math.hypot(gap_x, gap_y) <= 0.06 * s:
                first, second = sorted([(a_name, i), (b_name, j)])
                yield first[0], "near", second[0]
            elif abs(dx) >= 0.12 * s and abs(dx) >= 1.4 * abs(dy):
                yield (a_name, "left of", b_name) if dx > 0 else (b_name, "left of", a_name)
            elif abs(dy) >= 0.12 * s and abs(dy) >= 1.4 * abs(dx):
                yield (a_name, "above", b_name) if dy > 0 else (b_name, "above", a_name)


def lies_on(a: tuple[float, ...], b: tuple[float, ...], s: float) -> bool:
    """Whether the bottom of box *a* lies on the top surface of box *b*."""
    middle, surface = (a[0] + a[2]) / 2, b[1] + 0.35 * (b[3] - b[1])
    return b[0] <= middle <= b[2] and b[1] - 0.01 * s <= a[3] <= surface and a[1] < b[1]


def cub(folder: Path, sentences: int) -> dict[str, Any]:
    """CUB-200-2011 in its layout: one bird with a box, one class and so many captions a photograph."""
    base = folder / "CUB_200_2011"
    read = lambda name, columns: pd.read_csv(base / name, sep=" ", names=columns)  # noqa: E731
    images = read("images.txt", ["number", "file"]).merge(read("bounding_boxes.txt", ["number", "x", "y", "w", "h"]), on="number")
    images = images.merge(read("image_class_labels.txt", ["number", "class"]), on="number")
    images = images.merge(read("classes.txt", ["class", "label"]), on="class")
    lines = {file: (folder / "text" / file).with_suffix(".txt").read_text().splitlines() for file in images["file"]}
    texts = {file: [line for line in every if line.strip()][:sentences] for file, every in lines.items()}
    birds = images[(images["w"] > 0) & (images["h"] > 0)]
    count = sum(map(len, texts.values()))
    return {
        "numbers": {"image": len(images), "sentence": count, "pair": count},
        "regions": {("bird",): (len(birds), len(birds))},
        "triples": {},
        "labels": images["label"].value_counts().to_dict(),
        "label_pairs": together([label] for label in images["label"]),
        "named": {file: ["bird"] for file in birds["file"]},
        "texts": texts,
    }


def vrd(folder: Path, base_form: Callable[[str], str]) -> dict[str, Any]:
    """Photographs with relations written by people, without captions: subject, predicate, object, each end a name with a box."""
    rows, things = [], []
    for image, graph in enumerate(json.loads((folder / "graphs.json").read_text())):
        for relation in graph["relationships"]:
            rows.append((image, relation["subject"]["name"], base_form(relation["predicate"]), relation["object"]["name"], "annotated"))
            things += [(image, relation[end]["name"], *relation[end]["box_xyxy"]) for end in ("subject", "object")]
    images = image + 1
    objects = pd.DataFrame(things, columns=["unit", "name", "x1", "y1", "x2", "y2"]).drop_duplicates()
    return {
        "numbers": {"image": images, "sentence": 0, "pair": 0},
        "regions": rows_and_units(objects, ["name"]),
        "triples": rows_and_units(pd.DataFrame(rows, columns=["unit", "subject", "predicate", "object", "provenance"])),
        "labels": {},
        "label_pairs": {},
        "named": {},
        "texts": {},
    }


# ---------------------------------------------------------------------------------------------- sentences and pairs


def said(scenes: list[Scene]) -> dict[str, Any]:
    """What sentences say, from their scene graphs as JSON values: objects by the word that heads them, attributes, relations."""
    objects, looks, stated, words = [], [], [], []
    for number, scene in enumerate(scenes):
        heads = headed(scene)
        objects += [(number, thing["name"]) for thing in heads.values()]
        looks += [(number, attribute) for thing in heads.values() for attribute in thing["attributes"]]
        for relation in scene["relations"]:
            ends = [heads[scene["objects"][relation[end]]["head"]]["name"] for end in ("subject", "object")]
            stated.append((number, ends[0], relation["predicate"], ends[1], relation["provenance"]))
        words.append(sum(1 for token in scene["tokens"] if token["pos"] not in ("PUNCT", "SPACE") and token["text"].strip()))
    return {
        "object_words": rows_and_units(pd.DataFrame(objects, columns=["unit", "name"])),
        "sentence_attributes": rows_and_units(pd.DataFrame(looks, columns=["unit", "attribute"])),
        "sentence_triples": rows_and_units(pd.DataFrame(stated, columns=["unit", "subject", "predicate", "object", "provenance"])),
        "words": words,
    }


def headed(scene: Scene) -> dict[int, Scene]:
    """Head token -> its object; a token that heads several has the name of the last and the attributes of all."""
    heads: dict[int, Scene] = {}
    for thing in scene["objects"]:
        before = heads.get(thing["head"], {"attributes": []})
        attributes = dict.fromkeys([*before["attributes"], *thing["attributes"]])
        heads[thing["head"]] = {"name": thing["name"], "number": thing.get("number", 0), "attributes": list(attributes)}
    return heads


def covered(pairs: list[tuple[list[str], Scene]], similarity: Callable[[str, str], float]) -> pd.DataFrame:
    """One row per pair of the names of an image's regions (which have no attributes) with a sentence: how many are named and seen."""
    rows = []
    for regions, scene in pairs:
        things, heads = scene["objects"], headed(scene)
        alike = [(-similarity(a, b["name"]), w, r) for r, a in enumerate(regions) for w, b in enumerate(things) if similarity(a, b["name"])]
        free_regions, free_words, matched = set(range(len(regions))), set(range(len(things))), []
        for worth, w, r in sorted(alike):
            if r in free_regions and w in free_words:
                free_regions.remove(r)
                free_words.remove(w)
                matched.append((worth, w, r))
        one: dict[int, int] = {}
        for _, w, r in sorted(matched):
            one.setdefault(things[w]["head"], r)
        by_class = [(head, r) for r, a in enumerate(regions) for head, b in heads.items() if similarity(a, b["name"])]
        several = {r for head, r in by_class if heads[head]["number"] not in (0, 1)}
        rows.append(
            (len(regions), len(heads), len(one), len(several | set(one.values())), len({r for _, r in by_class} | set(one.values())),
             len({head for head, _ in by_class} | set(one)))
        )  # fmt: skip
    names = ["regions", "object words", "matched", "regions named, with plurals", "regions named, by class", "object words seen, by class"]
    return pd.DataFrame(rows, columns=names)


def rows_and_units(table: pd.DataFrame, keys: list[str] | None = None) -> dict[tuple, tuple[int, int]]:
    """Combination of *keys* -> number of rows, and number of different units."""
    keys = keys or [name for name in table if name != "unit"]
    if table.empty:
        return {}
    found = table.groupby(keys)["unit"].agg(["size", "nunique"])
    return {key if isinstance(key, tuple) else (key,): (int(size), int(units)) for key, size, units in found.itertuples()}


def together(lists: Iterable[list[str]]) -> dict[str, dict[str, int]]:
    """In how many lists each two names are."""
    counts: dict[str, Counter] = defaultdict(Counter)
    for names in lists:
        for name in set(names):
            counts[name].update(set(names))
    return {name: dict(others) for name, others in counts.items()}
