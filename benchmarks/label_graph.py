"""Does it help DAGNN that labels hear each other, and why is DAGNN-5 (free classifiers, no graph) worse in the paper?

    python benchmarks/label_graph.py                            # few pairs: 60 of the world's 2,000, and a graph that knows more labels
    python benchmarks/label_graph.py --learning-rate 5e-5       # all pairs, at the paper's learning rate
    python benchmarks/label_graph.py --learning-rate 2e-4 --epochs 15

Rows of the first: the graph counted from the labels of these pairs; from the labels of all; no label hears another; free classifiers. Of
the second: DAGNN; the same network where no label hears another; free classifiers; free classifiers that begin 100 times smaller. Only the
direction of a classifier counts, and Adam moves every number by about the learning rate a step, so these turn 100 times as fast.
Mean average precision over all ranks of the test pairs, mean and spread over seeds; the epoch is chosen on the validation pairs.
"""

from __future__ import annotations

import argparse
from dataclasses import replace

import numpy as np

from hetero_xmodal.baselines.retrieval.comparison import table
from hetero_xmodal.data.features import FeatureSplit
from hetero_xmodal.data.tasks.retrieval import load_retrieval_data
from hetero_xmodal.training import FitConfig
from hetero_xmodal.training.dagnn import DAGNNMethod, default_settings

#: row -> settings of DAGNN
AT_A_RATE = {
    "DAGNN": {},
    "identity adjacency": {"adjacency": "identity"},
    "DAGNN-5 (no GNN)": {"variant": "DAGNN-5"},
    "DAGNN-5, begun 100 x smaller": {"variant": "DAGNN-5", "free_scale": 0.01},
}


def some_pairs(split: FeatureSplit, count: int) -> FeatureSplit:
    """*count* pairs in which every label occurs, the same ones every time."""
    rng = np.random.default_rng(0)
    for _ in range(1000):
        rows = np.sort(rng.choice(len(split), count, replace=False))
        if split.labels[rows].any(0).all():
            return FeatureSplit(split.images[rows], split.texts[rows], split.labels[rows])
    raise SystemExit(f"1,000 draws of {count} pairs each missed a label; take more pairs")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, nargs="+", default=[60])
    parser.add_argument("--learning-rate", type=float, help="compare at this rate, with all pairs, the paper's momentum and no averaging")
    parser.add_argument("--sizes", type=int, nargs=3, default=[2000, 300, 500], metavar=("TRAIN", "VAL", "TEST"))
    parser.add_argument("--epochs", type=int, help="usual: 90 with few pairs, 30 with all")
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    data = load_retrieval_data("world/scenes", sizes=dict(zip(("train", "val", "test"), options.sizes, strict=True)))
    usual, _ = default_settings("world/scenes")
    everything = data.features.train.labels

    def show(title: str, features, config, rows: dict[str, tuple[dict, np.ndarray | None]], epochs: int) -> None:
        def maker(changes: dict, counted: np.ndarray | None):
            changed = replace(config, **changes)
            return lambda seed: DAGNNMethod(data.vocab, changed, FitConfig(epochs=epochs, seed=seed), counted=counted)

        others = {name: maker(*row) for name, row in rows.items()}
        frame = table(features, methods=[], seeds=options.seeds, others=others, progress=lambda line: print(line, flush=True))
        print(f"\n{title}\n{frame.round(4).to_string()}\n", flush=True)

    if options.learning_rate is not None:
        config = replace(usual, learning_rate=options.learning_rate, momentum=0.5, averaging=0.0)
        title = f"{len(everything):,} training pairs, learning rate {options.learning_rate:g}"
        show(title, data.features, config, {name: (changes, None) for name, changes in AT_A_RATE.items()}, options.epochs or 30)
        return
    rows = {
        "own labels": ({}, None),
        f"{len(everything):,} label sets": ({}, everything),
        "identity adjacency": ({"adjacency": "identity"}, None),
        "DAGNN-5 (no GNN)": ({"variant": "DAGNN-5"}, None),
    }
    for count in options.pairs:
        features = replace(data.features, train=some_pairs(data.features.train, count))
        config = replace(usual, batch_size=min(usual.batch_size, count // 2))
        show(f"{count} training pairs", features, config, rows, options.epochs or 90)


if __name__ == "__main__":
    main()
