"""When does DAGNN's label graph help? Few training pairs, and a graph that knows more labels than they do.

    python benchmarks/label_graph.py                       # 60 of the world's 2,000 training pairs
    python benchmarks/label_graph.py --pairs 60 200 --epochs 90

Rows: the graph counted from the labels of these pairs; from the labels of all 2,000; no label hears another; free classifiers in place of
the graph (DAGNN-5). Mean average precision over all ranks of the 500 test pairs, mean and spread over seeds; the epoch is chosen on the 300
validation pairs.
"""

from __future__ import annotations

import argparse
from dataclasses import replace

import numpy as np

from hetero_xmodal.baselines.comparison import table
from hetero_xmodal.data.features import FeatureSplit
from hetero_xmodal.data.retrieval_inputs import load_retrieval_data
from hetero_xmodal.training import FitConfig
from hetero_xmodal.training.retrieval import DAGNNMethod, default_settings


def some_pairs(split: FeatureSplit, count: int) -> FeatureSplit:
    """*count* pairs in which every label occurs, the same ones every time."""
    dice = np.random.default_rng(0)
    for _ in range(1000):
        rows = np.sort(dice.choice(len(split), count, replace=False))
        if split.labels[rows].any(0).all():
            return FeatureSplit(split.images[rows], split.texts[rows], split.labels[rows])
    raise SystemExit(f"1,000 draws of {count} pairs each missed a label; take more pairs")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, nargs="+", default=[60])
    parser.add_argument("--sizes", type=int, nargs=3, default=[2000, 300, 500], metavar=("TRAIN", "VAL", "TEST"))
    parser.add_argument("--epochs", type=int, default=90)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    data = load_retrieval_data("world/scenes", sizes=dict(zip(("train", "val", "test"), options.sizes, strict=True)))
    usual, _ = default_settings("world/scenes")
    everything = data.features.train.labels
    rows = {
        "own labels": ({}, None),
        f"{len(everything):,} label sets": ({}, everything),
        "identity adjacency": ({"adjacency": "identity"}, None),
        "DAGNN-5 (no GNN)": ({"variant": "DAGNN-5"}, None),
    }
    for count in options.pairs:
        features = replace(data.features, train=some_pairs(data.features.train, count))
        config = replace(usual, batch_size=min(usual.batch_size, count // 2))

        def maker(changes: dict, counted: np.ndarray | None, config=config):
            changed = replace(config, **changes)
            return lambda seed: DAGNNMethod(data.vocab, changed, FitConfig(epochs=options.epochs, seed=seed), counted=counted)

        others = {name: maker(*row) for name, row in rows.items()}
        frame = table(features, methods=[], seeds=options.seeds, others=others, progress=lambda line: print(line, flush=True))
        print(f"\n{count} training pairs\n{frame.round(4).to_string()}\n", flush=True)


if __name__ == "__main__":
    main()
