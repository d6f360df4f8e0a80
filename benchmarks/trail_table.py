"""TRAIL beside its controls and other methods on the same regions and captions of the world: Rsum, and accuracy on the swap sets.

    python benchmarks/trail_table.py --seeds 2                       # detected scenes: TRAIL, controls, CCA, mean-pool
    python benchmarks/trail_table.py --true --seeds 2                # true objects in place of detected ones
    python benchmarks/trail_table.py --rows ALGR "VSE++" "SCAN i2t"  # other methods of the tables of matching

Swap sets: captions of the test scenes, each beside itself after one exchange, by kind; .5 is chance. A true region is one-hot for its
class, 1 for each attribute, and where it lies; relations between true objects follow from their boxes as between detected ones. Below the
means over seeds stand the lowest value of a seed and, for Rsum and validation, the standard deviation over seeds.
``hetero-xmodal table compositional`` measures the same on detected scenes.
"""

from __future__ import annotations

import argparse
from dataclasses import replace

import pandas as pd
from true_scenes import with_true_regions

from hetero_xmodal.data.tasks.matching import load_matching_data, load_swaps
from hetero_xmodal.training.compositional import compositional_table
from hetero_xmodal.training.table_rows import COMPOSITIONAL_ROWS, TRAIL_CONTROLS


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--true", action="store_true", help="true objects as regions")
    parser.add_argument("--rows", nargs="+", choices=COMPOSITIONAL_ROWS, default=[*TRAIL_CONTROLS, "CCA", "CCA, TF-IDF", "mean-pool"])
    parser.add_argument("--sizes", type=int, nargs=3, default=[600, 300, 500], metavar=("TRAIN", "VALIDATION", "TEST"))
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--validation", action="store_true", help="scores and swaps of the validation split only")
    options = parser.parse_args()

    sizes = dict(zip(("train", "val", "test"), options.sizes, strict=True))
    data = load_matching_data("world/scenes", images="world+attributes", sizes=sizes)
    split = "val" if options.validation else "test"
    swaps = load_swaps(data.vocab, split=split, size=sizes[split])
    if options.true:
        data = with_true_regions(data)
        swaps = replace(swaps, split=replace(swaps.split, regions=getattr(data, split).regions))
    frame = compositional_table(
        data, swaps, seeds=options.seeds, rows=options.rows, validation_only=options.validation,
        progress=lambda line: print(line, flush=True),
    )  # fmt: skip
    print(f"\n{'true' if options.true else 'detected'} scenes: {frame.attrs['protocol']}")
    print(frame.to_string(float_format="{:.3f}".format, na_rep="-"), flush=True)
    if options.seeds > 1:
        runs = {row: pd.DataFrame(found) for row, found in frame.attrs["scores"].items() if len(found) > 1}
        lowest = pd.DataFrame({row: found.min() for row, found in runs.items()}).T
        lowest[["std of Rsum", "std of validation"]] = [found[["Rsum", "validation"]].std() for found in runs.values()]
        print(f"\nlowest of {options.seeds} seeds\n{lowest.to_string(float_format='{:.3f}'.format)}", flush=True)


if __name__ == "__main__":
    main()
