"""Speed of the retrieval metrics against loops written from their definitions, in one run, one thread.

python benchmarks/retrieval_metrics.py            # full size: 10,000 x 10,000 and 5,000 x 25,000; about two minutes and 3 GB
python benchmarks/retrieval_metrics.py --size 0.2 # a quick look
python benchmarks/retrieval_metrics.py --memory   # in their place 100,000 x 100,000 in blocks, with the peak memory; minutes
"""

import argparse
import os
import resource
import time

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")  # before numpy is imported

import numpy as np  # noqa: E402
from scipy.spatial.distance import cdist  # noqa: E402

from hetero_xmodal.metrics import mean_average_precision, mean_average_precision_from_embeddings, recall_at_k  # noqa: E402


def sorting_loop(distance, relevance):
    """Mean average precision from its definition: sort each query's gallery, then sum the precision at the relevant places."""
    total, place = [], np.arange(1.0, distance.shape[1] + 1)
    order = distance.argsort()
    for i in range(len(distance)):
        hits = relevance[i][order[i]]
        total.append((hits * np.cumsum(hits) / place).sum() / hits.sum())
    return np.mean(total)


def sorting_loop_from_embeddings(queries, gallery, query_labels, gallery_labels):
    """The usual evaluation script: scipy's cosine distances, shared labels, then the loop above."""
    return sorting_loop(cdist(queries, gallery, "cosine"), (query_labels @ gallery_labels.T > 0).astype(float))


def recall_loop(similarity, captions_per_image=5):
    """Recall from sorted lists: for each image the best place among its captions, for each caption the place of its image."""
    images, captions = similarity.shape
    ranks = np.zeros(images)
    for i in range(images):
        order = np.argsort(similarity[i])[::-1]
        ranks[i] = min(np.where(order == c)[0][0] for c in range(i * captions_per_image, (i + 1) * captions_per_image))
    caption_ranks = np.zeros(captions)
    for c in range(captions):
        order = np.argsort(similarity[:, c])[::-1]
        caption_ranks[c] = np.where(order == c // captions_per_image)[0][0]
    return [100 * np.mean(r < k) for r in (ranks, caption_ranks) for k in (1, 5, 10)]


def timed(function, *arguments, repeat=1, **options):
    best = np.inf
    for _ in range(repeat):
        start = time.perf_counter()
        value = function(*arguments, **options)
        best = min(best, time.perf_counter() - start)
    return value, best


def line(name, ours, reference, target):
    print(f"{name:<58} ours {ours:7.2f} s   loop {reference:7.2f} s   ratio {reference / ours:6.1f}   (asked for: {target})", flush=True)


def rank_a_hundred_thousand(rng, width, size=100_000):
    """Peak memory is that of the whole process: Python, both inputs, and everything the metric makes of them."""
    queries, gallery = (rng.standard_normal((size, width), dtype=np.float32) for _ in range(2))
    labels = (rng.random((size, 24)) < 0.1).astype(np.uint8)
    labels[np.arange(size), rng.integers(0, 24, size)] = 1
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    _, seconds = timed(mean_average_precision_from_embeddings, queries, gallery, labels, labels)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"mAP from embeddings, {size:,} x {size:,} x {width}: {seconds:.0f} s; peak memory {peak:.2f} GB (asked for: 4), "
          f"of which {before:.2f} before it began")  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=float, default=1.0, help="scale of both problems")
    parser.add_argument("--memory", action="store_true", help="rank 100,000 x 100,000 in place of the comparisons")
    parser.add_argument("--width", type=int, default=1024, help="of the embeddings for --memory")
    arguments = parser.parse_args()
    rng = np.random.default_rng(0)
    if arguments.memory:
        rank_a_hundred_thousand(rng, arguments.width)
        return
    n, width = int(10_000 * arguments.size), 1024
    queries, gallery = rng.standard_normal((n, width), dtype=np.float32), rng.standard_normal((n, width), dtype=np.float32)
    labels = (rng.random((n, 24)) < 0.1).astype(np.float64)
    labels[np.arange(n), rng.integers(0, 24, n)] = 1

    print(f"threads: {os.environ['OMP_NUM_THREADS']}, numpy {np.__version__}")
    ours, our_time = timed(mean_average_precision_from_embeddings, queries, gallery, labels, labels)
    theirs, their_time = timed(sorting_loop_from_embeddings, queries, gallery, labels, labels)
    assert abs(ours - theirs) < 1e-4, (ours, theirs)
    line(f"mAP from embeddings, {n} x {n} x {width}", our_time, their_time, "6")

    unit = [x / np.linalg.norm(x, axis=1, keepdims=True) for x in (queries, gallery)]
    similarity, relevance = unit[0] @ unit[1].T, labels @ labels.T > 0
    ours, our_time = timed(mean_average_precision, similarity, relevance, repeat=2)
    theirs, their_time = timed(sorting_loop, -similarity, relevance.astype(float))
    assert abs(ours - theirs) < 1e-6, (ours, theirs)
    line(f"mAP from a ready matrix, {n} x {n}", our_time, their_time, "-")
    del similarity, relevance, queries, gallery, unit

    images = int(5000 * arguments.size)
    similarity = rng.standard_normal((images, 5 * images), dtype=np.float32)
    ours, our_time = timed(recall_at_k, similarity, np.repeat(np.arange(images), 5), repeat=2)
    theirs, their_time = timed(recall_loop, similarity)
    np.testing.assert_allclose([*ours["image_to_text"].values(), *ours["text_to_image"].values()], theirs, atol=1e-9)
    line(f"R@K, {images} images x {5 * images} captions", our_time, their_time, "20")
    del similarity


if __name__ == "__main__":
    main()
