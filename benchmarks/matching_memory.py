"""Memory that an epoch over precomputed regions takes: 100,000 images of 36 x 2048 in half precision, 14.7 GB on disk.

    python benchmarks/matching_memory.py [--images 100000] [--captions 5] [--workers 0] [--folder /tmp]

The file is sparse (it holds zeros and takes almost no room); its captions are five an image with 12 vectors of 384 numbers each, in a
sparse file too. An epoch's batches of 128 pairs are read in random order through a ``DataLoader``, as training does; every image is
seen once for each of its captions (``--captions 1`` is enough to touch the whole file).

Printed, of the process that reads: the peak of the resident memory (VmHWM), how much of that are the libraries, and the memory that is
its own and cannot be given back (anonymous, from /proc/self/smaps_rollup); and the same for the reference, a plain ``numpy.memmap`` of
the same file, whose pages count as resident until the system takes them back.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

LIMIT = 2.0  # GB


def memory() -> dict[str, float]:
    """GB that are resident now, were at most, and are anonymous."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    rollup = dict(line.split(":", 1) for line in Path("/proc/self/smaps_rollup").read_text().splitlines()[1:])
    kilobytes = {"now": status["VmRSS"], "peak": status["VmHWM"], "own": rollup["Anonymous"]}
    return {name: int(value.split()[0]) / 1e6 for name, value in kilobytes.items()}


def make_files(folder: Path, images: int, captions: int) -> None:
    import numpy as np

    from hetero_xmodal.data.store import BlockFile, as_bytes

    n, words = images, 12 * images * captions
    shapes = {"features": (np.float16, (n, 36, 2048)), "counts": (np.int64, (n,)), "boxes": (np.float32, (n, 36, 4))}
    ids = as_bytes([f"{i:012d}" for i in range(n)])
    file = BlockFile(folder / "regions.safetensors", {**shapes, "sizes": (np.int64, (n, 2)), "ids": (np.uint8, ids.shape)}, {})
    file.write("counts", 0, np.full(n, 36))
    file.write("sizes", 0, np.full((n, 2), 640))
    file.write("ids", 0, ids)
    file.finish()
    file = BlockFile(folder / "words.safetensors", {"values": (np.float16, (words, 384))}, {})
    file.finish()


def read_epoch(folder: Path, images: int, captions: int, workers: int, mapped: bool) -> dict[str, float]:
    import numpy as np
    import torch
    from torch.utils.data import DataLoader

    from hetero_xmodal.data.store import open_store
    from hetero_xmodal.data.tasks.matching import Split, Words, open_regions

    torch.set_num_threads(1)
    before = memory()
    regions = open_regions(folder / "regions.safetensors")
    values = open_store(folder / "words.safetensors")[0]["values"]
    if mapped:
        for name, rows in (("regions", regions.features), ("words", values)):
            array = np.memmap(rows.path, rows.dtype, "r", rows.offset, rows.shape)
            if name == "regions":
                object.__setattr__(regions, "features", array)
            else:
                values = array
    owner = np.repeat(np.arange(images), captions)
    split = Split(regions, Words(values, 12 * np.arange(len(owner) + 1)), owner, name="train")
    loader = DataLoader(
        range(len(split)), 128, shuffle=True, collate_fn=split.batch, num_workers=workers, generator=torch.Generator().manual_seed(0)
    )
    started, total = time.perf_counter(), 0
    for batch in loader:
        total += len(batch.images)
    seconds = time.perf_counter() - started
    after = memory()
    return {
        "pairs": total, "seconds": seconds, "libraries": before["now"], "peak": after["peak"], "own": after["own"],
        "peak_more": after["peak"] - before["now"], "own_more": after["own"] - before["own"],
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--captions", type=int, default=5)
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--folder", type=Path, default=None, help="where the sparse files are made; a temporary folder if left out")
    parser.add_argument("--no-reference", action="store_true", help="leave the memory-mapped reference out")
    parser.add_argument("--one", choices=("rows", "mapped"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:  # in a process of its own, so that nothing else is counted
        result = read_epoch(options.folder, options.images, options.captions, options.workers, options.one == "mapped")
        print(json.dumps(result))
        return
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        make_files(folder, options.images, options.captions)
        size = sum(path.stat().st_size for path in folder.iterdir()) / 1e9
        print(f"{options.images:,} images of 36 x 2048, {options.captions} captions each: {size:.1f} GB of features")
        results = {}
        for kind in ("rows",) if options.no_reference else ("rows", "mapped"):
            words = ["--one", kind, "--folder", str(folder)]
            words += [f"--{key}={getattr(options, key)}" for key in ("images", "captions", "workers")]
            done = subprocess.run([sys.executable, __file__, *words], capture_output=True, text=True)
            if done.returncode:
                sys.exit(done.stderr)
            results[kind] = r = json.loads(done.stdout.splitlines()[-1])
            what = {"rows": "rows read when needed (this package)", "mapped": "plain numpy.memmap (reference)"}[kind]
            print(
                f"{what}: peak resident {r['peak']:.2f} GB ({r['libraries']:.2f} GB libraries, {r['peak_more']:.2f} GB data), own memory "
                f"at the end {r['own']:.2f} GB ({r['own_more']:.2f} GB more than before), {r['pairs']:,} pairs in {r['seconds']:.0f} s"
            )
        if len(results) == 2:
            print(f"ratio of peak resident memory: {results['rows']['peak'] / results['mapped']['peak']:.2f}")
        verdict = "holds" if results["rows"]["peak"] <= LIMIT else "is exceeded"
        print(f"the limit of {LIMIT:.0f} GB {verdict}")


if __name__ == "__main__":
    main()
