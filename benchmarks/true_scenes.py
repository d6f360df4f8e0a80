"""How much of what a matching method misses is the detector's fault? Its scores on the true objects of the world, beside the detector's.

    python benchmarks/true_scenes.py                                   # 600 training, 300 validation, 500 test scenes
    python benchmarks/true_scenes.py --methods ALGR --seeds 3

A true region is one-hot for its class, 1 for each of its attributes, and where it lies; captions and splits are the same.
"""

from __future__ import annotations

import argparse
from dataclasses import replace

import numpy as np

import hetero_xmodal as hx
from hetero_xmodal.baselines.matching.comparison import METHODS, matching_table
from hetero_xmodal.data.tasks.matching import MatchingData, Regions, load_matching_data
from hetero_xmodal.scenes import SceneGraph
from hetero_xmodal.training.algr import ALGRMethod

SPLITS = ("train", "val", "test")


def true_regions(regions: Regions, scenes: list[SceneGraph], classes: list[str], attributes: list[str]) -> Regions:
    """Regions of the same images that say what is really there."""
    n, k = len(scenes), max(len(scene.objects) for scene in scenes)
    known, boxes = np.zeros((n, k, len(classes) + len(attributes)), np.float32), np.zeros((n, k, 4), np.float32)
    rows = np.full((n, k), -1, np.int64)
    for row, scene in enumerate(scenes):
        for place, thing in enumerate(scene.objects):
            boxes[row, place], rows[row, place] = thing.box, classes.index(thing.name)
            known[row, place, rows[row, place]] = 1
            for attribute in thing.attributes:
                known[row, place, len(classes) + attributes.index(attribute)] = 1
    counts = np.array([len(scene.objects) for scene in scenes])
    regions = replace(regions, classes=rows, provenance={**regions.provenance, "classes": classes})
    where = replace(regions, features=known, counts=counts, boxes=boxes).places(np.arange(n)).numpy()
    features = np.concatenate([known, np.zeros((n, k, where.shape[1]), np.float32)], 2)
    features[np.arange(k) < counts[:, None], -where.shape[1] :] = where
    return replace(regions, features=features, counts=counts, boxes=boxes)


def with_true_regions(data: MatchingData) -> MatchingData:
    """The same splits with regions that say what is really there."""
    scenes = {}
    for split in SPLITS:
        ids = getattr(data, split).regions.ids
        found = {item.id: item.scene for item in hx.load_dataset("world/scenes", split, size=len(ids))}
        scenes[split] = [found[id] for id in ids]
    things = [thing for some in scenes.values() for scene in some for thing in scene.objects]
    classes, attributes = sorted({thing.name for thing in things}), sorted({a for thing in things for a in thing.attributes})
    new = {}
    for split in SPLITS:
        old = getattr(data, split)
        new[split] = replace(old, regions=true_regions(old.regions, scenes[split], classes, attributes))
    return replace(data, **new)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs=3, default=[600, 300, 500], metavar=("TRAIN", "VALIDATION", "TEST"))
    parser.add_argument("--methods", nargs="+", choices=("ALGR", *METHODS), default=["CCA", "SCAN i2t", "ALGR"])
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--validation", action="store_true", help="scores of the validation split only")
    options = parser.parse_args()

    data = load_matching_data("world/scenes", sizes=dict(zip(("train", "val", "test"), options.sizes, strict=True)))
    for name, seen in (("regions of the detector", data), ("true objects", with_true_regions(data))):
        frame = matching_table(
            seen,
            methods=[method for method in options.methods if method != "ALGR"],
            others={"ALGR": lambda seed: ALGRMethod(data.vocab, seed=seed)} if "ALGR" in options.methods else {},
            seeds=options.seeds,
            validation_only=options.validation,
            progress=lambda line: print(line, flush=True),
        )
        print(f"\n{name}: {frame.attrs['protocol']}\n{frame.to_string(float_format='{:.1f}'.format, na_rep='-')}\n", flush=True)


if __name__ == "__main__":
    main()
