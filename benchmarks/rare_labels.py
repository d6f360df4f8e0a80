"""Can DAGNN's rare labels borrow from frequent ones? A few pairs per rare label, many of the others, and what the label graph adds.

    python benchmarks/rare_labels.py                       # world/scenes, 5 rare labels with 3 pairs each; five minutes of processor time
    python benchmarks/rare_labels.py --shots 3 1 --seeds 3

Training pairs: those without any rare label, and *shots* pairs for each rare one. Rows: the label graph counted from these pairs; counted
from the label sets of all 2,000 pairs (label sets alone, no features); the same with its edges shuffled or even; a graph in which every
label is joined with the three labels whose names have the nearest word vectors (MiniLM); no edges (identity); free classifiers without a
graph (DAGNN-5). AP: mean average precision with which the classifier of a rare label ranks the test images and the
test texts, mean over rare labels and both; mAP: retrieval over all test pairs. Mean and standard deviation over seeds; the epoch is chosen
by mAP of the validation pairs.
"""

from __future__ import annotations

import argparse
from dataclasses import replace

import numpy as np
import torch

from hetero_xmodal.data.features import FeatureSplit
from hetero_xmodal.data.tasks.matching import encode_words
from hetero_xmodal.data.tasks.matching.pairs import mean_words
from hetero_xmodal.data.tasks.retrieval import load_retrieval_data
from hetero_xmodal.recipes.dagnn import cosine
from hetero_xmodal.training import FitConfig
from hetero_xmodal.training.dagnn import DAGNNMethod, default_settings

#: row -> settings of DAGNN, and what the graph is counted from
ROWS: dict[str, tuple[dict, str]] = {
    "graph of these pairs": ({}, "these"),
    "graph of all label sets": ({}, "all"),
    "the same, shuffled": ({"control": "shuffled"}, "all"),
    "the same, even": ({"control": "even"}, "all"),
    "graph of word vectors": ({}, "names"),
    "no edges": ({"adjacency": "identity"}, "these"),
    "free classifiers": ({"variant": "DAGNN-5"}, "these"),
}


def few_shots(split: FeatureSplit, rare: np.ndarray, shots: int) -> FeatureSplit:
    """The pairs without a rare label, and *shots* pairs for each rare label, the same ones every time."""
    rng = np.random.default_rng(0)
    chosen = [np.flatnonzero(~split.labels[:, rare].any(1))]
    chosen += [rng.choice(np.flatnonzero(split.labels[:, label]), shots, replace=False) for label in rare]
    return split.rows(np.unique(np.concatenate(chosen)))


def neighbours(labels: list[str], k: int = 3) -> np.ndarray:
    """A label set (c, c) for every label: itself and the *k* labels whose names have the nearest word vectors."""
    words = encode_words("minilm", [label.replace("_", " ") for label in labels], progress=False)
    vectors = mean_words(words)
    vectors = vectors - vectors.mean(0)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    nearest = np.argsort(-(vectors @ vectors.T), axis=1, kind="stable")[:, : k + 1]
    sets = np.eye(len(labels), dtype=np.int64)
    np.put_along_axis(sets, nearest, 1, axis=1)
    return sets


def average_precision(scores: np.ndarray, relevant: np.ndarray) -> float:
    """Average precision of the ranking by *scores* (n,) of what is *relevant* (n,) bool."""
    hits = relevant[np.argsort(-scores, kind="stable")]
    return float((np.cumsum(hits) / np.arange(1, len(hits) + 1))[hits].mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shots", type=int, nargs="+", default=[3], help="pairs of each rare label")
    parser.add_argument("--rare", type=int, default=5, help="how many labels are rare, the least frequent ones")
    parser.add_argument("--sizes", type=int, nargs=3, default=[2000, 300, 500], metavar=("TRAIN", "VAL", "TEST"))
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    data = load_retrieval_data("world/scenes", sizes=dict(zip(("train", "val", "test"), options.sizes, strict=True)))
    config, _ = default_settings("world/scenes")
    train, val, test = data.features.train, data.features.val, data.features.test
    rare = np.argsort(train.labels.sum(0), kind="stable")[: options.rare]
    names = ", ".join(data.vocab["labels"][label] for label in rare)
    for shots in options.shots:
        few = few_shots(train, rare, shots)
        print(f"\n{shots} pairs for each of {names}; {len(few)} training pairs\n{'':<26}{'AP rare':>9}{'std':>7}{'mAP':>8}", flush=True)
        sets = {"these": None, "all": train.labels, "names": neighbours(list(data.vocab["labels"]))}
        for row, (changes, source) in ROWS.items():
            found = []
            for seed in range(options.seeds):
                fit = FitConfig(epochs=options.epochs, seed=seed)
                method = DAGNNMethod(data.vocab, replace(config, **changes), fit, counted=sets[source])
                method.fit(few.images, few.texts, few.labels, validation=val)
                with torch.no_grad():
                    z = method.model.classifiers()
                    sides = (
                        cosine(torch.from_numpy(x), z).numpy() for x in (method.embed_images(test.images), method.embed_texts(test.texts))
                    )
                    precision = np.mean([average_precision(s[:, k], test.labels[:, k] > 0) for s in sides for k in rare])
                found.append((precision, method.evaluate(test)["mean"]))
            values = np.array(found)
            deviation = values[:, 0].std(ddof=1) if options.seeds > 1 else float("nan")
            print(f"{row:<26}{values[:, 0].mean():>9.3f}{deviation:>7.3f}{values[:, 1].mean():>8.3f}", flush=True)


if __name__ == "__main__":
    main()
