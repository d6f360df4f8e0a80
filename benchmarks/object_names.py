"""The value of the class column of detected objects, chosen on validation: Rsum of methods on patches and objects.

    python benchmarks/object_names.py coco:FOLDER --detector detections_nanodet.json
    python benchmarks/object_names.py coco:FOLDER --detector detections_nanodet.json --weights 0 1 3 --methods CCA mean-pool

Rows: the patches alone; patches and objects without their classes; then with the value of the class column. The setting ``names`` of the
regions is chosen here. The test split is not looked at.
"""

from __future__ import annotations

import argparse
from dataclasses import replace

import numpy as np

from hetero_xmodal.baselines.matching.comparison import METHODS, matching_table
from hetero_xmodal.data.tasks.matching import MatchingData, Regions, load_matching_data
from hetero_xmodal.training.algr import ALGRMethod


def changed(regions: Regions, *, weight: float, patches: int | None = None) -> Regions:
    """The same regions with another value in the class columns, or the first *patches* alone without these columns."""
    classes, width = len(regions.provenance["classes"]), regions.width - 6
    features = np.asarray(regions.features[np.arange(len(regions))], np.float32)
    start = width - classes
    features[..., start:width] *= weight / regions.provenance["names"]
    counts = regions.counts
    if patches is not None:
        features, counts = features[:, :patches, :start], np.full(len(regions), patches)
    return replace(regions, features=features.astype(np.float16), counts=counts, boxes=None, classes=None)


def variant(data: MatchingData, **changes: float) -> MatchingData:
    splits = {name: getattr(data, name) for name in ("train", "val")}
    made = {name: replace(split, regions=changed(split.regions, **changes)) for name, split in splits.items()}
    return replace(data, **made, test=made["val"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", help="as for 'hetero-xmodal train algr --data'")
    parser.add_argument("--detector", default="detections_nanodet.json")
    parser.add_argument("--weights", type=float, nargs="+", default=[0, 1, 3, 10])
    parser.add_argument("--methods", nargs="+", choices=("ALGR", *METHODS), default=["CCA"])
    parser.add_argument("--seeds", type=int, default=1)
    options = parser.parse_args()
    data = load_matching_data(options.data, images=f"grid+{options.detector}")
    patches = int(data.train.regions.provenance["patches"]) ** 2
    rows = {"patches alone": {"weight": 0.0, "patches": patches}}
    rows |= {f"objects, names {weight:g}": {"weight": weight} for weight in options.weights}
    for row, changes in rows.items():
        some = variant(data, **changes)
        others = {"ALGR": lambda seed, some=some: ALGRMethod(some.vocab, seed=seed)} if "ALGR" in options.methods else {}
        methods = [method for method in options.methods if method != "ALGR"]
        frame = matching_table(some, methods=methods, others=others, seeds=options.seeds, validation_only=True)
        print(f"{row:<24}" + "  ".join(f"{name} {value:.1f}" for name, value in frame["Rsum"].items() if name != "chance"), flush=True)


if __name__ == "__main__":
    main()
