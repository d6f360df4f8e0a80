"""The world's detector on held-out images, against the numbers it is meant to reach.

python benchmarks/world_detector.py [--weights FILE] [--scenes 500] [--birds 300] [--record]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import hetero_xmodal
from hetero_xmodal.files import read_json, renew_record, write_json
from hetero_xmodal.world_models.evaluate_detector import evaluate_detector

GOALS = {"AP": 75, "AP50": 97, "colour": 0.95, "pattern": 0.85, "size": 0.9}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weights", help="a .safetensors file; the shipped detector if left out")
    parser.add_argument("--scenes", type=int, default=500)
    parser.add_argument("--birds", type=int, default=300)
    parser.add_argument("--split", default="test")
    parser.add_argument("--record", action="store_true", help="write the numbers into the .json beside the weights")
    options = parser.parse_args()
    results = {}
    for world, size in (("scenes", options.scenes), ("birds", options.birds)):
        if not size:
            continue
        result = evaluate_detector(world, size=size, split=options.split, weights=options.weights)
        speed = result.pop("images_per_second")
        results[world] = result | {"split": options.split}
        print(f"world/{world}, {result['images']} images of the {options.split} split, {speed} images/s detected")
        numbers = {k: result[k] for k in ("AP", "AP50", "AP75", "found")} | result["attributes"]
        for name, value in numbers.items():
            goal = GOALS.get(name) if world == "scenes" else 0.9 if name.startswith("colour of") else None
            against = "" if goal is None else f"   goal {goal:g}: {'reached' if value >= goal else 'MISSED'}, ratio {value / goal:.3f}"
            print(f"  {name:18s} {value:8.4g}{against}")
    if options.record:
        weights = Path(options.weights or Path(hetero_xmodal.__file__).parent / "assets" / "world_detector.safetensors")
        about = weights.with_suffix(".json")
        write_json(about, read_json(about) | {"results": results})
        renew_record(about)


if __name__ == "__main__":
    main()
