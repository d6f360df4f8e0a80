"""The table of the cross-modal retrieval baselines on a set of features: mean average precision over all ranks, mean and spread over seeds.

    python benchmarks/retrieval_table.py wikipedia:FOLDER           # the Wikipedia set, 217 training pairs held out for selection
    python benchmarks/retrieval_table.py mat:FOLDER --held-out 2000 # {train,test}_{img,txt,lab}.mat
    python benchmarks/retrieval_table.py mine.npz --held-out 100 --methods CCA DSCMR --seeds 5

Without a name, the Wikipedia set is looked for in the folder that the environment variable HETERO_XMODAL_REAL_DATA names.
"""

import argparse
import os
import sys
import time
from functools import partial
from pathlib import Path

from hetero_xmodal.baselines import METHODS, table
from hetero_xmodal.data.datasets.features import load_features
from hetero_xmodal.data.datasets.mat import load_feature_folder
from hetero_xmodal.data.datasets.wikipedia import load_wikipedia
from hetero_xmodal.errors import InputError


def load(name, held_out):
    kind, _, folder = name.partition(":")
    if kind == "wikipedia":
        return load_wikipedia(folder, held_out=held_out or 217)
    if kind == "mat":
        return load_feature_folder(folder, held_out=held_out)
    return load_features(name, held_out=held_out)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    real = os.environ.get("HETERO_XMODAL_REAL_DATA")
    parser.add_argument("data", nargs="?", default=f"wikipedia:{Path(real) / 'wikipedia'}" if real else None)
    parser.add_argument("--held-out", type=int, help="training pairs for selection, where the data has no validation split of its own")
    parser.add_argument("--methods", nargs="+", metavar="METHOD", help=f"default: all of {', '.join(METHODS)}")
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    if arguments.data is None:
        parser.error("name a data set, or set HETERO_XMODAL_REAL_DATA")
    start = time.perf_counter()
    try:
        data = load(arguments.data, arguments.held_out)
        print(f"{data.name}: {len(data.train)} training, {len(data.val or ())} validation, {len(data.test)} test pairs", flush=True)
        report = partial(print, file=sys.stderr, flush=True)
        frame = table(data, methods=arguments.methods, seeds=arguments.seeds, progress=report)
    except InputError as error:
        print(error, file=sys.stderr)
        return 2
    print("mean average precision over all ranks, test pairs; epochs chosen on the validation pairs,")
    print("settings by their score too, but with test scores in view")
    print(frame.to_string(float_format=lambda value: f"{value:.4f}", na_rep="-"))
    print(f"{time.perf_counter() - start:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
