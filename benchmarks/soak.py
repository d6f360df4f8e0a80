"""Does memory grow? 3,000 training steps, and 5,000 calls each of parse_image, manipulate and of loading a corpus.

Each runs in a process of its own; the resident memory after a tenth of the work is compared with that at its end.

    python benchmarks/soak.py                                  # half an hour on one core
    python benchmarks/soak.py --only parse_image --calls 500

Target: at the end at most 5 % more than after a tenth.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

TARGET = 0.05


def resident() -> float:
    """Resident memory of this process, in megabytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def training(steps: int, folder: Path) -> Iterator[float]:
    """Steps of DAGNN in the training loop of every recipe, with its validation, checkpoints and log; ten epochs."""
    from torch.optim.optimizer import register_optimizer_step_post_hook

    from hetero_xmodal.data.features import FeatureSet, FeatureSplit
    from hetero_xmodal.data.tasks.retrieval import RetrievalData
    from hetero_xmodal.recipes import DAGNNConfig
    from hetero_xmodal.training import FitConfig
    from hetero_xmodal.training.dagnn import train_dagnn

    rng, batch = np.random.default_rng(0), 20
    labels = np.eye(5)[np.arange(batch * steps // 10) % 5]
    rows = FeatureSplit(np.concatenate([labels, rng.normal(size=(len(labels), 20))], 1), labels[:, ::-1] + 0.1, labels)
    data = RetrievalData(FeatureSet("soak", rows, rows, rows), {"labels": [f"label {k}" for k in range(5)]})
    seen: list[float] = []
    hook = register_optimizer_step_post_hook(lambda *args: seen.append(resident()))
    config = DAGNNConfig(width=32, hops=1, batch_size=batch, averaging=0)
    train_dagnn(data, out=folder / "run", config=config, fit_config=FitConfig(epochs=10), progress=False)
    hook.remove()
    yield from seen


def parsing(calls: int, folder: Path) -> Iterator[None]:
    """Calls of parse_image on 50 images of the world, from files."""
    import hetero_xmodal as hx

    for k, item in enumerate(hx.load_dataset("world/scenes", "test", size=50)):
        item.image.save(folder / f"{k}.png")
    for k in range(calls):
        hx.parse_image(folder / f"{k % 50}.png", detector="world")
        yield


def editing(calls: int, folder: Path) -> Iterator[None]:
    """Calls of manipulate on 20 birds of the world."""
    import hetero_xmodal as hx

    birds = list(hx.load_dataset("world/birds", "test", size=20))
    for k in range(calls):
        hx.manipulate(birds[k % 20].image, f"This bird has {('red', 'blue', 'green')[k % 3]} wings.", detector="world")
        yield


def loading(calls: int, folder: Path) -> Iterator[None]:
    """A corpus of 40 graphs opened, one of its graphs and a batch made."""
    import hetero_xmodal as hx

    hx.build_corpus("world/scenes", folder / "corpus", scenes="true", limit=20, sentences_per_image=2, progress=False)
    for k in range(calls):
        corpus = hx.GraphCorpus.load(folder / "corpus")
        corpus[k % len(corpus)]
        corpus.batch(range(0, len(corpus), 3))
        yield


KINDS: dict[str, Callable[[int, Path], Iterator]] = {"training": training, "parse_image": parsing, "manipulate": editing, "corpus": loading}


def soak(name: str, count: int) -> None:
    """Do the work and print its line of the table."""
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        memory = [resident() if mark is None else mark for mark in KINDS[name](count, Path(folder))]
    early, late = memory[max(0, len(memory) // 10 - 1)], memory[-1]
    growth = late / early - 1
    verdict = "ok" if growth <= TARGET else f"MORE THAN {TARGET:.0%}"
    print(
        f"{name:<12} {count:>6,}  {early:8.0f} MB {late:8.0f} MB  {growth:+7.1%}  {time.perf_counter() - began:6.0f} s  {verdict}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=3_000, help="of training")
    parser.add_argument("--calls", type=int, default=5_000, help="of each function")
    parser.add_argument("--only", choices=list(KINDS), action="append", help="one kind of work; may be repeated")
    options = parser.parse_args()
    print(f"{'':<12} {'count':>6}  {'at 10 %':>11} {'at the end':>11}   growth")
    for name in options.only or KINDS:
        count = options.steps if name == "training" else options.calls
        process = multiprocessing.get_context("spawn").Process(target=soak, args=(name, count))
        process.start()
        process.join()
        if process.exitcode:
            raise SystemExit(f"{name} ended with exit code {process.exitcode}")


if __name__ == "__main__":
    main()
