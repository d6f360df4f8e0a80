"""The world's judge on held-out rendered images, and the floor and ceiling of edits against the true answer.

python benchmarks/world_judge.py [--weights FILE] [--images 500] [--pairs 500] [--record]

Its accuracy, of every attribute, is printed for images of 128 and of 64 pixels and for blurred ones (sigma 1.5 pixels of 128).
Then pairs for manipulation of the test split: the unchanged input (the floor: what a method that does nothing reaches) and the true
edited image itself (the ceiling: what the judge's own mistakes leave of a perfect method).
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

from hetero_xmodal.data import load_dataset
from hetero_xmodal.data.tasks.editing import load_pairs
from hetero_xmodal.data.world.phrases import attribute_of
from hetero_xmodal.files import read_json, renew_record, write_json
from hetero_xmodal.metrics.edits import judge_edits, judge_sentences
from hetero_xmodal.networks.pixels import image_tensor, resized
from hetero_xmodal.world_models.judge import ASSET, SIDE, load_judge
from hetero_xmodal.world_models.train_judge import _blurred

GOALS = {"colour": 0.97, "pattern": 0.9, "length": 0.95, "size": 0.9, "place": 0.97, "name": 0.97}


def birds(judge, images, items) -> dict[str, list[bool]]:
    """(thing kind) -> right or wrong for every image."""
    right: dict[str, list[bool]] = {}
    for item, seen in zip(items, judge.read_birds(images), strict=True):
        truth = {("image", "place"): item.scene.source["place"]}
        for thing in item.scene.objects:
            said = dict(filter(None, map(attribute_of, thing.attributes)))
            truth |= {(thing.name, kind): word for kind, word in said.items()}
            if thing.name in ("breast", "belly", "wing"):
                truth.setdefault((thing.name, "pattern"), "plain")
            if thing.name == "bird":
                truth.setdefault((thing.name, "size"), "ordinary")
        for slot, word in truth.items():
            right.setdefault(f"{slot[1]} of {slot[0]}", []).append(seen[slot] == word)
    return right


def scenes(judge, images, items) -> dict[str, list[bool]]:
    """kind -> right or wrong for every thing; "nothing" for places between things."""
    right: dict[str, list[bool]] = {}
    rng = np.random.default_rng(0)
    scale = images.shape[-1] / SIDE
    boxes, empty = [], []
    for item in items:
        things = np.array([o.box for o in item.scene.objects])
        centre, side = (things[:, :2] + things[:, 2:]) / 2, (things[:, 2:] - things[:, :2]).max(1)
        free = [p for p in rng.uniform(10, SIDE - 10, (40, 2)) if (np.hypot(*(centre - p).T) > 0.7 * side + 6).all()][:2]
        empty.append(len(free))
        boxes.append([tuple(v * scale for v in b) for b in [*things, *(np.array([*(p - 12), *(p + 12)]) for p in free)]])
    places = judge.places(images)
    for item, seen, count, place in zip(items, judge.read_boxes(images, boxes), empty, places, strict=True):
        right.setdefault("place", []).append(place == item.scene.source["place"])
        for k, reading in enumerate(seen):
            if k >= len(seen) - count:
                right.setdefault("nothing", []).append(reading["name"][0] == "")
                continue
            thing = item.scene.objects[k]
            truth = {"name": thing.name, "pattern": "plain"} | dict(filter(None, map(attribute_of, thing.attributes)))
            for kind in ("name", "colour", "pattern"):
                right.setdefault(kind, []).append(reading[kind][0] == truth[kind])
    return right


def show(name: str, value: float) -> str:
    goal = GOALS.get(name.split(" of ")[0])
    return "" if goal is None else f"  goal {goal:.2f}: {'reached' if value >= goal else 'MISSED'}, ratio {value / goal:.3f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weights", help="a .safetensors file; the shipped judge if left out")
    parser.add_argument("--images", type=int, default=500)
    parser.add_argument("--pairs", type=int, default=500)
    parser.add_argument("--split", default="test")
    parser.add_argument("--record", action="store_true", help="write the numbers into the .json beside the weights")
    options = parser.parse_args()
    judge, results = load_judge(options.weights), {}
    for world, measure in (("birds", birds), ("scenes", scenes)):
        items = [load_dataset(f"world/{world}", options.split, size=options.images)[k] for k in range(options.images)]
        whole = image_tensor([item.image for item in items])
        half = resized(whole, SIDE // 2)
        start = time.perf_counter()
        results[world] = {}
        for label, images in (("128", whole), ("64", half), ("128 blurred", _blurred(whole, 1.5))):
            right = measure(judge, images, items)
            results[world][label] = {name: round(float(np.mean(values)), 4) for name, values in sorted(right.items())}
        speed = 3 * len(items) / (time.perf_counter() - start)
        print(f"world/{world}, {len(items)} images of the {options.split} split, {speed:.0f} images/s read")
        print(f"  {'':18s}{'128 px':>9s}{'64 px':>9s}{'blurred':>9s}")
        for name in results[world]["128"]:
            values = [results[world][label][name] for label in results[world]]
            print(f"  {name:18s}" + "".join(f"{v:9.4f}" for v in values) + show(name, values[0]))
    for world in ("birds", "scenes"):
        for side in (128, 64):
            pairs = list(load_pairs(f"world/{world}", options.split, size=options.pairs, image_size=side))
            if not pairs:
                continue
            print(f"world/{world}, {len(pairs)} pairs of the {options.split} split, {side} px, judged by: {judge.name}")
            for name, made in (("unchanged input", "image"), ("true image", "edited_image")):
                scores = judge_edits(pairs, [getattr(pair, made) for pair in pairs], judge=judge)
                kinds = "  ".join(f"{kind} {value:.3f}" for kind, value in scores.by_kind.items())
                print(
                    f"  {name:16s} edit accuracy {scores.edit_accuracy:.4f}  named {scores.named_accuracy:.4f}  preservation "
                    f"{scores.preservation:.4f}  success {scores.success:.4f}  error {scores.error:.4f}  inside {scores.inside_error:.4f}  "
                    f"outside {scores.outside_error:.4f}\n{'':19s}{kinds}"
                )
                columns = ("edit_accuracy", "named_accuracy", "preservation", "success", "error", "inside_error", "outside_error")
                results.setdefault("edits", {}).setdefault(f"{world} {side}", {})[name] = {c: round(getattr(scores, c), 4) for c in columns}
            for name, said in (("copied instruction", "target"), ("true sentence", "edited_sentence")):
                slots = judge_sentences(pairs, [getattr(pair, said) for pair in pairs])
                print(
                    f"  {name:16s} slots changed {slots.changed:.4f}  kept {slots.kept:.4f}  all {slots.slots:.4f}  exact {slots.exact:.4f}"
                )
    if options.record:
        about = Path(options.weights or ASSET).with_suffix(".json")
        write_json(about, read_json(about) | {"results": {"split": options.split, **results}})
        renew_record(about)


if __name__ == "__main__":
    main()
