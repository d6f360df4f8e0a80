"""TRAIL's search in two stages: seconds for many sentences in a large gallery, and what the first stage costs in Rsum.

    python benchmarks/two_stage.py                                   # the shipped model, 1,000 images of the world
    python benchmarks/two_stage.py --images 100000 --sentences 1000  # the gallery is those images many times over, with noise
    python benchmarks/two_stage.py --validation --candidates 50 100 200 400

Rsum: every image and every sentence ranks the candidates of stage one by the whole score, the rest by stage one. Stage one is the one
vector of every image, or the sum over the words of their best region (max-sim, as in ColBERT). With --validation the scenes are those of
the validation split, on which the number of candidates was chosen.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace

import numpy as np
import torch

from hetero_xmodal.data.tasks.matching import load_matching_data, load_test_split
from hetero_xmodal.data.tasks.matching.said import SaidBatch, TypedSplit
from hetero_xmodal.metrics import recall_at_k
from hetero_xmodal.recipes.trail import TRAIL
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
    parser.add_argument("--candidates", type=int, nargs="+", default=[CANDIDATES])
    parser.add_argument("--validation", action="store_true", help="Rsum of the validation split of the world, and nothing else")
    options = parser.parse_args()

    model = load_retrieval_model(options.model, recipe="trail")
    if options.validation:
        sizes = {"train": 2, "val": options.size, "test": 0}
        split = load_matching_data(options.data, images="world+attributes", texts="trained:1", sizes=sizes).val
    else:
        split = load_test_split(options.data, model.vocab, sizes={"test": options.size})
    typed = model_split(model, split)
    index = build_index(model, split, half=False)
    quality(model, typed, index, options.candidates)
    if not options.validation:
        few = typed.said.take(np.arange(options.sentences) % len(typed))
        speed(model, few, enlarged(index, options.images), options.candidates[0])


@torch.no_grad()
def quality(model: TRAIL, typed: TypedSplit, index: EmbeddingIndex, candidates: list[int]) -> None:
    """Rsum of the whole score, and of both stages for each number of *candidates*."""
    scores, owner = typed_similarity(model, typed), typed.split.image_of_caption
    whole = recall_at_k(scores, owner)
    print(f"{len(scores):,} images, {len(typed):,} sentences; whole score: Rsum {whole['rsum']:.1f}, "
          f"text to image {sum(whole['text_to_image'].values()):.1f}")  # fmt: skip
    said = typed.said.take(np.arange(len(typed)))
    rows = token_candidates(model.sentences(said), index, candidates=len(index.images))
    tokens = np.empty_like(scores)
    tokens[rows.numpy(), np.arange(len(typed))[:, None]] = -np.arange(rows.shape[1], dtype=np.float32)
    for name, first in (("one vector", (index.images @ index.texts.T).numpy()), ("max-sim of token vectors", tokens)):
        alone = recall_at_k(first, owner)
        print(f"stage one by {name}, alone: text to image {sum(alone['text_to_image'].values()):.1f}"
              + (f", Rsum {alone['rsum']:.1f}" if name == "one vector" else ""))  # fmt: skip
        for number in candidates:
            to_images = recall_at_k(kept(scores, first, number, 0), owner)["text_to_image"]
            line = f"  with stage two among {number}: text to image {sum(to_images.values()):.1f}"
            if name == "one vector":
                to_texts = recall_at_k(kept(scores, first, number, 1), owner)["image_to_text"]
                line += f", Rsum {sum(to_images.values()) + sum(to_texts.values()):.1f}"
            print(line, flush=True)


@torch.no_grad()
def speed(model: TRAIL, said: SaidBatch, index: EmbeddingIndex, candidates: int) -> None:
    """Seconds, and seconds of processor time, of all sentences in a large index."""
    for name in ("one vector", "max-sim of token vectors"):
        start, busy = time.perf_counter(), time.process_time()
        rows = token_candidates(model.sentences(said), index, candidates=candidates) if name != "one vector" else None
        rank_images(model, said, index, candidates=candidates, rows=rows)
        seconds, busy = time.perf_counter() - start, time.process_time() - busy
        print(f"{len(index.images):,} images, {len(said.counts):,} sentences, {candidates} candidates, {torch.get_num_threads()} threads, "
              f"stage one by {name}: {seconds:.1f} s, {busy:.1f} s of processor time", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
