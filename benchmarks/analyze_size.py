"""Time and peak memory of ``analyze`` against the number of pairs, on scenes of the generated world with their true graphs.

    python benchmarks/analyze_size.py [--pairs 50000 500000] [--distinct 4000] [--out FOLDER]
    python benchmarks/analyze_size.py --pairs 100000 --distinct 20000        # every image is another scene: nothing is repeated
    python benchmarks/analyze_size.py --photographs FOLDER

So many distinct images are made, with five sentences each, and repeated with changed names, attributes and ids, until there are enough
pairs: each repetition has words, triples and attributes of its own. Where nothing is repeated, the scenes are written as they are made.
Every size is analysed in a process of its own, which prints the seconds and the largest resident memory after the tables, after each of the
further analyses, and after the page, its figures and its CSV files are written. The images of these corpora have no files; what reading and
comparing them takes is measured apart, on the photographs that *--photographs* names and on 100,000 random vectors. *--out* keeps the
corpora.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from corpus_build import repeated

SENTENCES, SHARD = 5, 200  # sentences of an image, images of a shard


def shards(images: int) -> Iterator:
    """Corpora of the pairs of :data:`SHARD` distinct images each."""
    from hetero_xmodal.data.world import SCENE_LABELS, scene_item
    from hetero_xmodal.graphs import GraphCorpus
    from hetero_xmodal.graphs.build import flat_pair
    from hetero_xmodal.graphs.flat import FlatGraphs

    for start in range(0, images, SHARD):
        flats, ids, paths, sentences = [], [], [], []
        for index in range(start, min(start + SHARD, images)):
            item = scene_item(0, "train", index, 32)
            for k, (sentence, scene) in enumerate(zip(item.sentences, item.sentence_scenes, strict=True)):
                flats.append(flat_pair(item.scene, scene, labels=item.labels, label_names=SCENE_LABELS))
                ids.append(f"{item.id}#{k}")
                paths.append(f"{item.id}.png")
                sentences.append(sentence)
        yield GraphCorpus(FlatGraphs.concat(flats), ids=ids, images=paths, sentences=sentences)


def write(folder: Path, pairs: int, base: list) -> None:
    """A corpus of about so many pairs; without *base* all of them are distinct."""
    from hetero_xmodal.graphs.corpus_writer import ColumnWriter

    folder.mkdir(parents=True)
    with ColumnWriter(folder) as writer:
        if not base:
            for shard in shards(-(-pairs // SENTENCES)):
                writer.append(shard.data)
        number = 0
        while base and writer.count("pair") < pairs:  # a few images say one sentence twice, which is then one pair
            for shard in base[: -(-(pairs - writer.count("pair")) // (SENTENCES * SHARD))]:
                writer.append(repeated(shard, number) if number else shard.data)
            number += 1
        writer.finish({})


def measure(folder: Path) -> None:
    """Analyse the corpus and print seconds and memory."""
    import dgl  # noqa: F401  (what every process of the package loads)

    from hetero_xmodal import analyze

    def memory() -> str:  # not ru_maxrss, which a process takes over from the one that started it
        lines = Path("/proc/self/status").read_text().splitlines()
        return f"{int(next(line.split()[1] for line in lines if line.startswith('VmHWM'))) / 1024:,.0f} MB"

    from hetero_xmodal.analysis.comparison import compare
    from hetero_xmodal.analysis.sections import COUNTS, SECTIONS
    from hetero_xmodal.graphs import GraphCorpus

    corpus = GraphCorpus.load(folder)
    half = len(corpus) // 2
    parts = {COUNTS: lambda: analyze(corpus)} | {name: partial(section.run, corpus) for name, section in SECTIONS.items()}
    parts["compare"] = lambda: compare(corpus[:half], corpus[half:])
    before, first = memory(), time.perf_counter()
    counts = ", ".join(f"{getattr(corpus, f'num_{unit}s'):,} {unit}s" for unit in ("image", "sentence", "pair"))
    print(f"{counts}; before {before}", flush=True)
    made = {}
    for name, run in parts.items():
        start, used = time.perf_counter(), time.process_time()
        made[name] = run()
        rows = sum(map(len, made[name].tables.values()))
        seconds, own = time.perf_counter() - start, time.process_time() - used
        print(f"{name}: {seconds:.0f} s ({own:.0f} s of the processor), {rows:,} rows, peak {memory()}", flush=True)
    start, used, analysis = time.perf_counter(), time.process_time(), made.pop(COUNTS)
    analysis.sections = made
    with tempfile.TemporaryDirectory() as place:
        analysis.save(Path(place) / "report")
    print(f"page, figures and files: {time.perf_counter() - start:.0f} s ({time.process_time() - used:.0f} s), peak {memory()}")
    print(f"all: {time.perf_counter() - first:.0f} s ({time.process_time():.0f} s of the processor)")


def photographs(folder: Path) -> None:
    """Seconds to read small copies of the photographs of a folder, and to compare 100,000 images."""
    import numpy as np

    from hetero_xmodal.analysis.near_equal import SmallCopies, near_rows

    paths = sorted(str(path) for path in folder.rglob("*.jpg"))
    start = time.perf_counter()
    copies = SmallCopies(paths)
    read = time.perf_counter() - start
    start = time.perf_counter()
    found = len(copies.near()[0])
    print(f"{len(paths):,} photographs: read in {read:.1f} s, {found} near-equal pairs found in {time.perf_counter() - start:.1f} s")
    rng = np.random.default_rng(0)
    rows = copies.small[rng.integers(0, len(paths), 100_000)] + rng.normal(0, 0.02, (100_000, copies.small.shape[1])).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    start = time.perf_counter()
    pairs = len(near_rows(rows, np.ones(len(rows), bool))[0])
    print(f"100,000 images compared in {time.perf_counter() - start:.0f} s, {pairs:,} pairs above the least cosine")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, nargs="+", default=[50_000, 500_000])
    parser.add_argument("--distinct", type=int, default=4_000, help="distinct images")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--photographs", type=Path, help="folder of JPEG files")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        measure(options.measure)
        return
    if options.photographs:
        photographs(options.photographs)
        return
    out = options.out or Path(tempfile.mkdtemp())
    base: list = []
    for pairs in sorted(options.pairs):
        folder = out / f"corpus{pairs}"
        if not folder.exists():
            base = base if base or pairs <= SENTENCES * options.distinct else list(shards(options.distinct))
            start = time.perf_counter()
            write(folder, pairs, base)
            used = time.process_time()
            print(f"{pairs:,} pairs written in {time.perf_counter() - start:.0f} s; {used:.0f} s of the processor so far", flush=True)
        subprocess.run([sys.executable, __file__, "--measure", str(folder)], check=True)


if __name__ == "__main__":
    main()
