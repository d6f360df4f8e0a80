"""How fast the default world is made on one core, captions and scene graphs included.

    OMP_NUM_THREADS=1 python benchmarks/world_speed.py [--items 300]

The reference is the time the same core needs to decode a 128 x 128 PNG of the same scenes from memory: what a data set on disk
would cost at the very least. Times are processor times of this process, so that other work on the machine counts as little
as possible; the best of three rounds is printed.
"""

from __future__ import annotations

import argparse
import io
import time
from collections.abc import Callable, Iterable
from typing import Any

import cv2
from PIL import Image

from hetero_xmodal.data import load_dataset


def best_time(work: Callable[[Any], Any], things: Iterable, rounds: int = 3) -> float:
    """Processor seconds of the fastest of *rounds* passes of *work* over *things*."""
    times = []
    for _ in range(rounds):
        start = time.process_time()
        for thing in things:
            work(thing)
        times.append(time.process_time() - start)
    return min(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=300)
    count = parser.parse_args().items
    cv2.setNumThreads(1)
    for name in ("world/scenes", "world/birds"):
        dataset = load_dataset(name, "train", size=count)
        files = []
        for item in dataset:  # also fills the caches of backgrounds and textures
            buffer = io.BytesIO()
            item.image.save(buffer, format="PNG")
            files.append(buffer.getvalue())
        making = best_time(lambda item: item.id, dataset)
        decoding = best_time(lambda data: Image.open(io.BytesIO(data)).convert("RGB"), files)
        made, decoded = f"{count / making:.0f} items/s made", f"{count / decoding:.0f} PNG/s decoded"
        print(f"{name}: {made}, {decoded}; making one costs {making / decoding:.1f} decodings")


if __name__ == "__main__":
    main()
