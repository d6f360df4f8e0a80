"""What TRAIL's typed edges are worth on photographs: the whole model beside models trained without some edges or with shuffled ones.

    python benchmarks/trail_photographs.py coco:FOLDER --detector detections_nanodet.json            # two to three minutes a training
    python benchmarks/trail_photographs.py coco:FOLDER --detector FILE --edges shuffled no-bindings --seeds 3
    python benchmarks/trail_photographs.py coco:FOLDER --detector FILE --edges typed --applied       # controls on the trained model

Regions are patches and, after them, the objects in the file of detections. Rsum of the test and of the validation photographs, mean and
standard deviation over seeds; every model is trained with the settings that ``hetero-xmodal train trail`` chooses for these data. With
--applied each model is also scored on the validation photographs with its edges changed afterwards: what it loses then is what these edges
carry in it.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import get_args, get_type_hints

import numpy as np

from hetero_xmodal.data.tasks.matching import load_matching_data
from hetero_xmodal.metrics import recall_at_k
from hetero_xmodal.recipes.configs.trail import TrailConfig
from hetero_xmodal.training.trail import TrailMethod, default_settings

EDGES = get_args(get_type_hints(TrailConfig)["edges"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", help="as for 'hetero-xmodal train trail --data'")
    parser.add_argument("--detector", required=True, help="file of detections in the data folder")
    parser.add_argument("--edges", nargs="+", choices=EDGES, default=list(EDGES))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--validation", action="store_true", help="do not look at the test photographs")
    parser.add_argument("--applied", action="store_true", help="score each trained model under the other edges too, validation only")
    options = parser.parse_args()
    data = load_matching_data(options.data, images=f"grid+{options.detector}")
    config, fit_config = default_settings(data)
    rows: dict[str, list[tuple[float, float]]] = {}
    parsed: dict = {}
    for edges in options.edges:
        for seed in range(options.first_seed, options.first_seed + options.seeds):
            method = TrailMethod(data.vocab, replace(config, edges=edges), fit_config, seed=seed, parsed=parsed)
            method.fit(data.train, data.val)
            test = np.nan if options.validation else rsum(method, data.test)
            rows.setdefault(edges, []).append((test, rsum(method, data.val)))
            print(f"{edges}, seed {seed}: Rsum {test:.1f}, validation {rows[edges][-1][1]:.1f}", flush=True)
            for other in EDGES if options.applied else ():
                method.model.config = replace(method.model.config, edges=other)
                rows.setdefault(f"{edges}, then {other}", []).append((np.nan, rsum(method, data.val)))
    print(f"\n{'edges':<28}{'Rsum':>7}{'std':>6}{'validation':>12}{'std':>6}{'models':>8}")
    for name, found in rows.items():
        (test, val), stds = np.mean(found, 0), np.std(found, 0, ddof=1) if len(found) > 1 else (np.nan, np.nan)
        print(f"{name:<28}{test:>7.1f}{stds[0]:>6.1f}{val:>12.1f}{stds[1]:>6.1f}{len(found):>8}")


def rsum(method: TrailMethod, split) -> float:
    """Rsum of a split."""
    return float(recall_at_k(method.similarity(split), split.image_of_caption)["rsum"])


if __name__ == "__main__":
    main()
