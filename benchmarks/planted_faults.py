"""Faults planted in a corpus of the generated world, and how many of them the analysis finds: precision and recall.

    python benchmarks/planted_faults.py [--images 1000] [--seeds 0 1 2]

Scenes with their true graphs and five true captions each, four in five for training. Planted, each by itself known:

* swapped captions: 2 % of the pairs get the sentence of another such pair;
* leaked images: 1 % of the images, taken from the test split, once more in the training split, half as large and as JPEG of quality 60;
* predicate bias: for three pairs of names, nine in ten of their relations get one predicate;
* colour stereotype: for three names, eight in ten of their objects get one colour.

The control is the same corpus without a fault. What is skewed there too is a fact of the world, and counts for and against nothing.
"""

from __future__ import annotations

import argparse
import random
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

Triple = tuple[str, str, str]


def items(images: int, seed: int) -> list[Any]:
    """Scenes of the world."""
    from hetero_xmodal.data.world import scene_item

    return [scene_item(seed, "train", index, 128) for index in range(images)]


def corpus_of(made: list[Any], folder: Path, splits: list[str], swap: dict[tuple[int, int], tuple[int, int]]) -> Any:
    """A corpus of the pairs of each item with each of its sentences, or with the one that *swap* gives; images are files in *folder*."""
    from hetero_xmodal.data.world import SCENE_LABELS
    from hetero_xmodal.graphs import GraphCorpus
    from hetero_xmodal.graphs.build import flat_pair
    from hetero_xmodal.graphs.flat import FlatGraphs

    folder.mkdir(parents=True, exist_ok=True)
    flats, texts = [], {"ids": [], "images": [], "sentences": [], "splits": []}
    for k, item in enumerate(made):
        path = folder / f"{k:05d}.{'jpg' if item.image.width < 128 else 'png'}"
        item.image.save(path, quality=60)
        for n in range(len(item.sentences)):
            other, place = swap.get((k, n), (k, n))
            flats.append(flat_pair(item.scene, made[other].sentence_scenes[place], labels=item.labels, label_names=SCENE_LABELS))
            texts["ids"].append(f"{k}#{n}")
            texts["images"].append(str(path))
            texts["sentences"].append(made[other].sentences[place])
            texts["splits"].append(splits[k])
    return GraphCorpus(FlatGraphs.concat(flats), **texts)


def plant_bias(made: list[Any], rng: random.Random) -> set[Triple]:
    """Nine in ten of the relations of three pairs of names get one predicate."""
    from dataclasses import replace

    def names(scene: Any, relation: Any) -> tuple[str, str]:
        return scene.objects[relation.subject].name, scene.objects[relation.object].name

    stated = Counter(names(item.scene, r) for item in made for r in item.scene.relations if not r.mirror)
    often = [pair for pair, count in sorted(stated.items(), key=lambda row: (-row[1], row[0])) if count >= 20][:30]
    predicates = sorted({r.predicate for item in made for r in item.scene.relations if not r.mirror})
    chosen = {pair: rng.choice(predicates) for pair in rng.sample(often, 3)}
    for item in made:
        relations, changed = [], set()
        for relation in item.scene.relations:
            predicate = chosen.get(names(item.scene, relation))
            if predicate is not None and rng.random() < 0.9:
                changed.add((relation.object, relation.subject))
                relation = replace(relation, predicate=predicate, mirror=False)
            relations.append(relation)
        item.scene.relations[:] = [r for r in relations if (r.subject, r.object) not in changed]  # without the ways back of these
    return {(subject, predicate, object_) for (subject, object_), predicate in chosen.items()}


def plant_colours(made: list[Any], rng: random.Random) -> set[tuple[str, str]]:
    """Eight in ten of the objects of three names get one colour."""
    from hetero_xmodal.parsers.world_vocabulary import COLOURS

    colours = sorted(COLOURS)
    seen = Counter(thing.name for item in made for thing in item.scene.objects if any(a in colours for a in thing.attributes))
    chosen = {name: rng.choice(colours) for name in rng.sample(sorted(name for name, count in seen.items() if count >= 30), 3)}
    for thing in (thing for item in made for thing in item.scene.objects if thing.name in chosen):
        if any(a in colours for a in thing.attributes) and rng.random() < 0.8:
            thing.attributes[:] = [a for a in thing.attributes if a not in colours] + [chosen[thing.name]]
    return set(chosen.items())


def found_in(corpus: Any) -> dict[str, set]:
    """What the analysis finds."""
    from hetero_xmodal.analysis import bias, leaks, suspects, words

    skewed, things = bias(corpus).skewed, words(corpus).things
    skewed = skewed[(skewed["side"] == "image") & skewed["skewed"] & ~skewed["few"]]
    things = things[(things["side"] == "image") & things["telling"]]
    return {
        "swapped captions": set(suspects(corpus)["id"]), "leaked images": {Path(id).stem for id in leaks(corpus)["id"]},
        "predicate bias": set(skewed[["subject", "predicate", "object"]].itertuples(index=False, name=None)),
        "colour stereotype": set(things[["name", "attribute"]].itertuples(index=False, name=None)),
    }  # fmt: skip


def run(images: int, seed: int, place: Path) -> dict[str, tuple[int, int, int]]:
    """Fault -> planted, found and rightly found."""
    from copy import copy

    rng, clean = random.Random(seed), items(images, seed)
    splits = ["train" if k % 5 else "test" for k in range(images)]
    known = found_in(corpus_of(clean, place / "clean", splits, {}))
    print(f"seed {seed}, without faults: " + ", ".join(f"{name} {len(found)}" for name, found in known.items()), flush=True)
    made = items(images, seed)
    true: dict[str, set] = {"predicate bias": plant_bias(made, rng), "colour stereotype": plant_colours(made, rng)}
    tests = [k for k, split in enumerate(splits) if split == "test"]
    for k in rng.sample(tests, images // 100):
        leak = copy(made[k])
        leak.image = leak.image.resize((64, 64))
        made.append(leak)
        splits.append("train")
    true["leaked images"] = {f"{k:05d}" for k in range(images, len(made))}
    pairs = [(k, n) for k in range(images) for n in range(len(made[k].sentences))]
    wrong = rng.sample(pairs, len(pairs) // 50)
    swap = dict(zip(wrong, [*wrong[1:], wrong[0]], strict=True))
    true["swapped captions"] = {f"{k}#{n}" for (k, n), (other, _) in swap.items() if other != k}
    found = found_in(corpus_of(made, place / "planted", splits, swap))
    out = {}
    for name in known:
        mine = found[name] - (known[name] - true[name] if name in ("predicate bias", "colour stereotype") else set())
        out[name] = (len(true[name]), len(mine), len(mine & true[name]))
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    options = parser.parse_args()
    total: dict[str, list[tuple[int, int, int]]] = {}
    for seed in options.seeds:
        with tempfile.TemporaryDirectory() as place:
            for name, counts in run(options.images, seed, Path(place)).items():
                total.setdefault(name, []).append(counts)
    for name, rows in total.items():
        planted, found, right = (sum(row[k] for row in rows) for k in range(3))
        precision, recall = right / found if found else float("nan"), right / planted
        print(f"{name}: {planted} planted, {found} found, {right} of them planted: precision {precision:.3f}, recall {recall:.3f}")


if __name__ == "__main__":
    main()
