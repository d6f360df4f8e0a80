"""How good and how fast the sentence parser is.

    python benchmarks/sentence_parser.py                                   # captions of the world's test split, and speed
    HETERO_XMODAL_REAL_DATA=... python benchmarks/sentence_parser.py       # also the real captions in sentence_graphs/dev.csv
    python benchmarks/sentence_parser.py --csv FILE --predictions OUT.json # any file with the columns caption and scene_graph
    python benchmarks/sentence_parser.py --no-speed --errors               # also the kinds of the errors, and their shares

Speed is one core's (set OMP_NUM_THREADS=1), and is given as a ratio to spaCy's own ``nlp.pipe`` with the tagger and parser alone, run on
the same sentences right before. ``--predictions`` writes what was said about each caption of the csv file, in its order, as
``[{"objects": [...], "attributes": [[object, attribute]...], "relations": [[subject, predicate, object]...]}, ...]``.

The captions of a csv file are scored together and in two halves, by the first byte of the SHA-256 of the caption (even or odd): the rules
for misspelt words, modifiers, states and comparisons were written with the errors of the even half of dev.csv in view, not those of the odd
half. ``--errors`` counts every tuple that is missing or not true as one error, since all cost the same F1, and names its examples.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import hashlib
import os
import sys
import time
from collections import Counter
from difflib import SequenceMatcher
from pathlib import Path

import hetero_xmodal as hx
from hetero_xmodal.files import existing_file, write_json
from hetero_xmodal.metrics.scene_graph import KINDS, scene_graph_f1, scene_tuples
from hetero_xmodal.parsers.sentence import load_parser
from hetero_xmodal.scenes import SceneGraph


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--csv", type=Path, help="file with the columns caption and scene_graph (triples)")
    arguments.add_argument("--predictions", type=Path, help="JSON file for what was said about each caption of the csv file")
    arguments.add_argument("--errors", action="store_true", help="print the kinds of the errors on the csv file, and examples")
    arguments.add_argument("--world-items", type=int, default=200, help="items per world data set")
    arguments.add_argument("--no-speed", action="store_true", help="leave the speed out")
    options = arguments.parse_args()
    real = os.environ.get("HETERO_XMODAL_REAL_DATA")
    file = options.csv or (Path(real) / "sentence_graphs" / "dev.csv" if real else None)
    try:
        captions: dict[str, list[str]] = {}
        if file is not None:
            captions[file.name] = score_csv(file, options.predictions, errors=options.errors)
        else:
            print("real captions: left out, HETERO_XMODAL_REAL_DATA is not set and no --csv was given")
        if options.csv is None:
            for name in ("world/scenes", "world/birds"):
                captions[f"{name} test"] = score_world(name, options.world_items)
        if not options.no_speed:
            if real:
                with gzip.open(Path(real) / "captions" / "train.1.en.gz", "rt", encoding="utf-8") as lines:
                    captions["Flickr30K"] = [line.strip() for line in lines][:2000]
            for name, texts in captions.items():
                speed(name, texts)
    except hx.InputError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def score_csv(file: Path, predictions: Path | None, *, errors: bool = False) -> list[str]:
    with open(existing_file(file, "csv file"), newline="", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    if not rows or not {"caption", "scene_graph"} <= rows[0].keys():
        raise hx.InputError(f"csv file '{file}' needs the columns caption and scene_graph and at least one row")
    texts = [row["caption"] for row in rows]
    scenes = hx.parse_sentences(texts)
    truth = [SceneGraph.from_factual(row["scene_graph"]) for row in rows]
    show(f"{file.name}: {len(rows)} captions", scene_graph_f1(scenes, truth))
    for name, odd in (("even", 0), ("odd", 1)):
        half = [i for i, text in enumerate(texts) if hashlib.sha256(text.encode()).digest()[0] % 2 == odd]
        if half:
            show(f"{file.name}, {name} half: {len(half)} captions", scene_graph_f1([scenes[i] for i in half], [truth[i] for i in half]))
    if errors:
        show_errors(texts, scenes, truth)
    if predictions is not None:
        write_json(predictions, [said(scene) for scene in scenes])
        print(f"written: {predictions}")
    return texts


def said(scene: SceneGraph) -> dict:
    names = [thing.name for thing in scene.objects]
    return {
        "objects": names,
        "attributes": [[thing.name, attribute] for thing in scene.objects for attribute in thing.attributes],
        "relations": [[names[r.subject], r.predicate, names[r.object]] for r in scene.relations],
    }


def show_errors(texts: list[str], scenes: list[SceneGraph], truth: list[SceneGraph]) -> None:
    """Print the share of every kind of error among the tuples that are missing or not true, which all cost the same F1."""
    for kind, kind_of in (("objects", object_error), ("attributes", attribute_error), ("relations", relation_error)):
        counts: Counter[tuple[str, str]] = Counter()
        examples: dict[str, str] = {}
        both = 0
        for text, scene, true_scene in zip(texts, scenes, truth, strict=True):
            said, true = scene_tuples(scene), scene_tuples(true_scene)
            both += len(said[kind]) + len(true[kind])
            for side, own, other in (("missing", true, said), ("not true", said, true)):
                for one in own[kind] - other[kind]:
                    name = kind_of(one, other[kind], other[kind] - own[kind], {o for (o,) in other["objects"]})
                    counts[name, side] += 1
                    examples.setdefault(name, f"{text!r}: {side} {' '.join(one)!r}")
        wrong = sum(counts.values())
        print(f"\n{kind}: {wrong} errors, lost F1 {wrong / both:.4f}\n{'':44}{'missing':>9}{'not true':>9}")
        for name in sorted(examples, key=lambda name: -counts[name, "missing"] - counts[name, "not true"]):
            shares = [f"{counts[name, side] / wrong:9.1%}" for side in ("missing", "not true")]
            print(f"{name:44}{''.join(shares)}  e.g. {examples[name]}")


def object_error(one: tuple[str, ...], others: set[tuple], wrong: set[tuple], names: set[str]) -> str:
    """Kind of an object that only one of two graphs has: *others* are the objects of the other graph, *wrong* those that it alone has."""
    words = one[0].split()
    apart = [name.split() for (name,) in wrong]
    if any(name[-1] == words[-1] for name in apart):
        return "other modifier in the name"
    if any(set(name.split()) & set(words) for name in names):
        return "whole and part, or compound taken apart"
    if any(SequenceMatcher(None, name, one[0]).ratio() >= 0.7 for (name,) in wrong):
        return "other spelling or form (building, buildings)"
    return "no counterpart"


def attribute_error(one: tuple[str, ...], others: set[tuple], wrong: set[tuple], names: set[str]) -> str:
    """Kind of an attribute that only one of two graphs has."""
    name, attribute = one
    if any(other == attribute for _, other in wrong):
        return "object named otherwise" if name not in names else "attribute of another object"
    if any(other == name and set(text.split()) & set(attribute.split()) for other, text in wrong):
        return "other words of the attribute"
    if attribute in names or any(attribute in other.split()[:-1] for other in names):
        return "attribute, object of its own, or part of a name"
    return "no counterpart" if name in names else "object named otherwise or missing"


def relation_error(one: tuple[str, ...], others: set[tuple], wrong: set[tuple], names: set[str]) -> str:
    """Kind of a relation that only one of two graphs has."""
    subject, predicate, thing = one
    if any((s, o) == (subject, thing) for s, _, o in others):
        return "other predicate"
    if any((s, o) == (thing, subject) for s, _, o in others):
        return "other direction"
    if subject not in names or thing not in names:
        return "object named otherwise or missing"
    if any(o == thing for _, _, o in wrong):
        return "other subject"
    return "other object" if any((s, p) == (subject, predicate) for s, p, _ in wrong) else "no counterpart"


def score_world(name: str, items: int) -> list[str]:
    data = hx.load_dataset(name, split="test")
    texts: list[str] = []
    truth: list[SceneGraph] = []
    for i in range(min(items, len(data))):
        item = data[i]
        texts += item.sentences
        truth += item.sentence_scenes
    show(f"{name}, test split: {len(texts)} captions", scene_graph_f1(hx.parse_sentences(texts), truth))
    return texts


def show(title: str, scores: dict) -> None:
    print(f"\n{title}\n{'':12}{'precision':>10}{'recall':>10}{'micro F1':>10}{'macro F1':>10}")
    for kind in KINDS:
        s = scores[kind]
        print(f"{kind:12}{s['precision']:10.4f}{s['recall']:10.4f}{s['micro_f1']:10.4f}{s['macro_f1']:10.4f}")
    print(f"exact graphs {scores['exact_graph_match']:9.4f}")


def speed(name: str, texts: list[str]) -> None:
    parser = load_parser()
    hx.parse_sentences(texts[:50])
    start, cpu = time.perf_counter(), time.process_time()
    for _ in parser.nlp.pipe(texts, batch_size=512):
        pass
    bare, bare_cpu = time.perf_counter() - start, time.process_time() - cpu
    start, cpu = time.perf_counter(), time.process_time()
    hx.parse_sentences(texts)
    ours, ours_cpu = time.perf_counter() - start, time.process_time() - cpu
    words = sum(len(text.split()) for text in texts) / len(texts)
    n = len(texts)
    print(
        f"\n{name} ({words:.1f} words a caption, {len(set(texts)) / n:.0%} of the captions differ)\n"
        f"  parse_sentences {n / ours:.0f} captions/s ({n / ours_cpu:.0f} per second of processor time)\n"
        f"  nlp.pipe alone  {n / bare:.0f} captions/s ({n / bare_cpu:.0f} per second of processor time); ratio {bare_cpu / ours_cpu:.2f}"
    )


if __name__ == "__main__":
    sys.exit(main())
