"""Building, opening and batching large corpora: speed with workers, peak memory against size, and a million pairs.

    python benchmarks/corpus_build.py sentences --data CAPTIONS [--images 29000] [--workers 1 2]
    python benchmarks/corpus_build.py memory [--images 2000 20000]
    python benchmarks/corpus_build.py million [--pairs 1000 1000000] [--out FOLDER]

* sentences: the captions of Flickr30K (five files of one sentence a line, ``train.1.en.gz`` ...), five for each image and no image, are
  parsed and written as a corpus. Start-up of the workers (imports, models) is measured on two shards and reported apart.
* memory: peak resident memory of a process that builds a corpus of so many images with four regions, 256 features each, and one caption.
* million: pairs of random scenes, repeated with changed names and ids; seconds to open the corpus, and milliseconds of the processor for a
  batch of 64 random pairs: the first time, when shards are compared with their hashes, and when they have been; the sizes take turns.
"""

from __future__ import annotations

import argparse
import gzip
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path


def captions(folder: Path, images: int) -> list[list[str]]:
    """Five sentences for each of the first images."""
    files = [gzip.open(folder / f"train.{k}.en.gz", "rt", encoding="utf-8") for k in range(1, 6)]
    return [[line.strip() for line in lines] for _, lines in zip(range(images), zip(*files, strict=True), strict=False)]


def build_sentences(folder: Path, images: int, workers: list[int]) -> None:
    """Seconds for all sentences, with each number of workers, and how busy the machine was."""
    from hetero_xmodal import build_corpus
    from hetero_xmodal.data import Item

    texts = captions(folder, images)
    items = [Item(None, sentences, id=f"flickr{k}") for k, sentences in enumerate(texts)]
    build_corpus(items[:64], Path(tempfile.mkdtemp()) / "warm", scenes="true", progress=False)
    first = 0.0
    for count in workers:
        seconds, processor = [], []
        for part in (items[: 128 * count], items):  # start-up and two shards for each worker; then everything
            with tempfile.TemporaryDirectory() as place:
                start, used = time.perf_counter(), sum(os.times()[:4])
                corpus = build_corpus(part, Path(place) / "corpus", scenes="true", workers=count, progress=False)
                seconds.append(time.perf_counter() - start)
                processor.append(sum(os.times()[:4]) - used)  # of this process and of the workers, which have ended
        rate = (len(items) - 128 * count) / (seconds[1] - seconds[0])
        start_up = seconds[0] - 128 * count / rate
        first = first or rate
        print(
            f"{count} workers: {corpus.num_sentences} sentences in {seconds[1]:.1f} s, of which start-up {start_up:.1f} s; after it "
            f"{5 * rate:.0f} sentences a second, {rate / first:.2f} times one worker; {processor[1]:.0f} s of the processor, "
            f"load average {os.getloadavg()[0]:.1f}",
            flush=True,
        )


class Scenes(Sequence):
    """Items that are made when they are asked for, so that the data themselves take no memory."""

    name, split, label_names = "scenes", "train", ()

    def __init__(self, size: int):
        self.size = size

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, index: int):
        from hetero_xmodal import SceneGraph, SceneObject
        from hetero_xmodal.data import Item

        rng = random.Random(index)
        words = ["bird", "tree", "boat", "dog", "cat", "cup", "ball", "kite", "lamp", "clock"]
        names = rng.sample(words, 4)
        things = [SceneObject(n, ["red"], (k, k, k + 20, k + 20), 1.0, [rng.random() for _ in range(256)]) for k, n in enumerate(names)]
        sentence = f"A {names[0]} and a {names[1]} number {index} are left of a {names[2]}."
        return Item(None, [sentence], scene=SceneGraph(things, size=(128, 128)), id=f"image{index}")


def peak(images: int) -> None:
    """Build and print this process's largest resident memory so far, in MB."""
    import resource

    from hetero_xmodal import build_corpus

    with tempfile.TemporaryDirectory() as place:
        build_corpus(Scenes(images), Path(place) / "corpus", scenes="true", progress=False)
        size = sum(path.stat().st_size for path in Path(place).rglob("*"))
    print(f"{images} images: peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB, corpus {size / 1e6:.0f} MB")


def repeated(corpus, number: int):
    """The tables of a corpus with other names, ids and texts."""
    from dataclasses import replace

    from hetero_xmodal.graphs.texts import Texts, Vocabulary

    def renamed(texts: Texts) -> Texts:
        return Texts.of([text + f" {number}".encode() if text else text for text in texts.bytes()])

    data = corpus.data
    return replace(data, vocabulary=Vocabulary(renamed(data.vocabulary.texts)), texts={key: renamed(t) for key, t in data.texts.items()})


def million(sizes: list[int], out: Path) -> None:
    """Write corpora of these sizes, open them and batch."""
    import statistics

    import torch
    from corpus_batching import random_pair

    from hetero_xmodal.graphs import GraphCorpus, build_graph
    from hetero_xmodal.graphs.corpus_writer import ColumnWriter

    torch.set_num_threads(1)
    rng = random.Random(0)
    base = GraphCorpus.from_graphs([build_graph(*random_pair(rng)) for _ in range(1000)])
    for size in sizes:
        folder = out / f"corpus{size}"
        if not folder.exists():
            folder.mkdir(parents=True)
            start = time.perf_counter()
            with ColumnWriter(folder) as writer:
                for number in range(size // 1000):
                    writer.append(repeated(base, number))
                writer.finish({})
            gigabytes = sum(path.stat().st_size for path in folder.rglob("*")) / 1e9
            print(f"{size} pairs written in {time.perf_counter() - start:.0f} s, {gigabytes:.2f} GB")
    corpora, opened = {}, {}
    for size in sizes:
        start = time.perf_counter()
        corpora[size] = GraphCorpus.load(out / f"corpus{size}")
        opened[size] = time.perf_counter() - start
    unverified = {size: GraphCorpus.load(out / f"corpus{size}", verify=False) for size in sizes}
    generator = torch.Generator().manual_seed(0)
    chosen = {size: torch.randint(size, (300, 64), generator=generator) for size in sizes}
    times: dict[tuple[int, str], list[float]] = {}
    for name, found in (("the first time", corpora), ("again", corpora), ("unseen without comparing", unverified)):
        if found is unverified:
            chosen = {size: torch.randint(size, (300, 64), generator=generator) for size in sizes}
        for k in range(300):  # in turn, so that other work on the machine slows all sizes alike
            for size in sizes:
                start = time.process_time()
                found[size].batch(chosen[size][k])
                times.setdefault((size, name), []).append(1e3 * (time.process_time() - start))
    for size in sizes:
        medians = [f"{name} {statistics.median(ms):.2f} ms" for (of, name), ms in times.items() if of == size]
        print(f"{size} pairs: opened in {opened[size]:.2f} s; batch of 64, median: {', '.join(medians)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["sentences", "memory", "million", "peak"])
    parser.add_argument("--data", type=Path)
    parser.add_argument("--images", type=int, nargs="+")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--pairs", type=int, nargs="+", default=[1000, 1_000_000])
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    if options.what == "sentences":
        build_sentences(options.data, (options.images or [29_000])[0], options.workers)
    elif options.what == "memory":
        for images in options.images or [2_000, 20_000]:  # a process each, so that one does not see the peak of the other
            subprocess.run([sys.executable, __file__, "peak", "--images", str(images)], check=True)
    elif options.what == "peak":
        peak(options.images[0])
    else:
        million(options.pairs, options.out or Path(tempfile.mkdtemp()))


if __name__ == "__main__":
    main()
