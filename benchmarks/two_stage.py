"""TRAIL's search in two stages: seconds for many sentences in a large gallery, and what the first stage costs in Rsum.

    python benchmarks/two_stage.py                                   # the shipped model, 1,000 images of the world
    python benchmarks/two_stage.py --images 100000 --sentences 1000  # the gallery is those images many times over, with noise

Rsum: every image and every sentence ranks the candidates of stage one by the whole score, the rest by stage one. Stage one is the one
vector of every image, or the sum over the words of their best region (max-sim, as in ColBERT).
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace

import numpy as np
import torch

from hetero_xmodal.data.tasks.matching import load_test_split
from hetero_xmodal.metrics import recall_at_k
from hetero_xmodal.retrieval.index import EmbeddingIndex, build_index
from hetero_xmodal.retrieval.search import load_retrieval_model
from hetero_xmodal.retrieval.two_stage import CANDIDATES, rank_images, token_candidates
from hetero_xmodal.training.trail import model_split, typed_similarity


def enlarged(index: EmbeddingIndex, images: int) -> EmbeddingIndex:
    """The index with its images many times over, each copy with other noise."""
    torch.manual_seed(0)
    times = -(-images // len(index.images))
    parts = {name: [] for name in index.details}
    for copy in range(times):
        noise = 0.0 if copy == 0 else 0.05
        keys = index.details["keys"]
        parts["keys"].append(keys + (noise * torch.randn(keys.shape)).half())
        parts["seen"].append(index.details["seen"])
        for name, values in (("key_offsets", "keys"), ("seen_offsets", "seen")):
            offsets = index.details[name]
            parts[name].append((offsets if copy == 0 else offsets[1:]) + copy * len(index.details[values]))
    vectors = torch.cat([index.images + (0.0 if copy == 0 else 0.02) * torch.randn(index.images.shape) for copy in range(times)])
    details = {name: torch.cat(some) for name, some in parts.items()}
    vectors = torch.nn.functional.normalize(vectors, dim=1)
    return replace(index, images=vectors, texts=index.texts[:0], image_of_caption=np.zeros(0, np.int64), captions=[], image_ids=[],
                   details=details)  # fmt: skip


def kept(scores: np.ndarray, first: np.ndarray, candidates: int, axis: int) -> np.ndarray:
    """Whole scores of the candidates, and below them the others in the order of stage one."""
    place = np.argsort(np.argsort(-first, axis=axis, kind="stable"), axis=axis)
    low = scores.min() - 1 - place
    return np.where(place < candidates, scores, low)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", help="model folder or run folder; the shipped model if left out")
    parser.add_argument("--data", default="world/scenes")
    parser.add_argument("--size", type=int, default=1000, help="images for Rsum")
    parser.add_argument("--images", type=int, default=100_000, help="images of the large gallery")
    parser.add_argument("--sentences", type=int, default=1000)
    parser.add_argument("--candidates", type=int, default=CANDIDATES)
    options = parser.parse_args()

    model = load_retrieval_model(options.model, recipe="trail")
    split = load_test_split(options.data, model.vocab, sizes={"test": options.size})
    typed = model_split(model, split)
    index = build_index(model, split, half=False)
    scores, owner = typed_similarity(model, typed), split.image_of_caption
    print(f"{len(split.regions):,} images, {len(split):,} sentences; whole score: Rsum {recall_at_k(scores, owner)['rsum']:.1f}")
    said = typed.said.take(np.arange(len(typed)))
    with torch.no_grad():
        sentences = model.sentences(said)
        rows = token_candidates(sentences, index, candidates=len(index.images))
    tokens = np.empty_like(scores)
    tokens[rows.numpy(), np.arange(len(typed))[:, None]] = -np.arange(rows.shape[1], dtype=np.float32)
    for name, first in (("one vector", (index.images @ index.texts.T).numpy()), ("max-sim of token vectors", tokens)):
        to_images = recall_at_k(kept(scores, first, options.candidates, 0), owner)["text_to_image"]
        alone = recall_at_k(first, owner)
        line = f"stage one by {name}, alone: text to image {sum(alone['text_to_image'].values()):.1f}"
        line += f"; with stage two among {options.candidates}: {sum(to_images.values()):.1f}"
        if name == "one vector":
            to_texts = recall_at_k(kept(scores, first, options.candidates, 1), owner)["image_to_text"]
            line += f", both directions: Rsum {sum(to_images.values()) + sum(to_texts.values()):.1f} (alone {alone['rsum']:.1f})"
        print(line, flush=True)

    large = enlarged(index, options.images)
    few = typed.said.take(np.arange(options.sentences) % len(typed))
    for name in ("one vector", "max-sim of token vectors"):
        start = time.perf_counter()
        rows = None
        if name != "one vector":
            with torch.no_grad():
                rows = token_candidates(model.sentences(few), large, candidates=options.candidates)
        first = time.perf_counter() - start
        rank_images(model, few, large, candidates=options.candidates, rows=rows)
        total = time.perf_counter() - start
        told = f"{len(large.images):,} images, {options.sentences:,} sentences, {torch.get_num_threads()} threads, stage one by {name}"
        print(f"{told}: {total:.1f} s" + (f", of which stage one {first:.1f} s" if rows is not None else ""), flush=True)


if __name__ == "__main__":
    main()
