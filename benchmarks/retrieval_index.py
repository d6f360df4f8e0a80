"""Searching stored embeddings: 1,000 queries against 100,000 rows, beside a plain loop over the queries with numpy's argsort.

    python benchmarks/retrieval_index.py [--rows 100000] [--queries 1000] [--width 1024] [--reference 50]

The reference is timed on ``--reference`` queries and multiplied up. Both must name the same rows.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from hetero_xmodal.retrieval.index import EmbeddingIndex


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("rows", 100_000), ("queries", 1_000), ("width", 1024), ("reference", 50), ("top", 10)):
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    generator = torch.Generator().manual_seed(0)
    rows = torch.nn.functional.normalize(torch.randn(options.rows, options.width, generator=generator), dim=1)
    queries = torch.nn.functional.normalize(torch.randn(options.queries, options.width, generator=generator), dim=1)
    empty = torch.zeros(0, options.width)
    print(f"{options.queries:,} queries, {options.rows:,} rows of width {options.width}, {torch.get_num_threads()} thread(s)")

    gallery = rows.numpy()
    start = time.perf_counter()
    wanted = [np.argsort(-(gallery @ query), kind="stable")[: options.top] for query in queries[: options.reference].numpy()]
    reference = (time.perf_counter() - start) / options.reference * options.queries
    print(f"numpy, argsort for each query:         {reference:7.2f} s (from {options.reference} queries), ratio 1.00")
    with tempfile.TemporaryDirectory() as folder:
        for name, stored in (("float32", rows), ("float16", rows.half())):
            path = EmbeddingIndex(stored, empty.to(stored.dtype), np.zeros(0, np.int64)).save(Path(folder) / name)
            start = time.perf_counter()
            index = EmbeddingIndex.load(path)
            opened = time.perf_counter() - start
            start = time.perf_counter()
            _, found = index.search(queries, "images", top=options.top)
            took = time.perf_counter() - start
            same = np.mean([np.array_equal(a, b) for a, b in zip(found[: options.reference].numpy(), wanted, strict=True)])
            size = (path / "embeddings.safetensors").stat().st_size / 2**20
            print(
                f"index from disk, {name}:               {took:7.2f} s, ratio {took / reference:.3f}; "
                f"opened in {opened:.3f} s, {size:.0f} MiB, same rows as the reference for {same:.0%} of its queries"
            )


if __name__ == "__main__":
    main()
