"""How fast a GraphCorpus batches, against the two plain ways of making the same batch.

    python benchmarks/corpus_batching.py [--graphs 512] [--batch 64] [--repeats 20]

References, in the same run and on the same random pairs (1 to 6 regions, 6 to 16 words, 0 to 4 matches, 16 features a region):

* build + batch: ``build_graph`` for every member, then ``dgl.batch``
* read + batch: ``corpus[i]`` for every member, then ``dgl.batch``
* dgl.batch alone, of graphs that were all built before and kept in memory

Equality with ``dgl.batch`` is checked first; medians are printed. Then one pass of DGL's ``GraphDataLoader`` over the corpus, in batches of
the same size, is timed beside the same pass with ``collate_fn=corpus.batch`` over the numbers of the graphs.
"""

from __future__ import annotations

import argparse
import random
import statistics
import time


def random_pair(rng: random.Random):
    """A scene of an image and one of its sentence, about as large as those of captions."""
    from hetero_xmodal.scenes import SceneGraph, SceneObject, SceneRelation, Token

    names = ["bird", "tree", "boat", "dog", "cat", "cup", "ball", "kite", "lamp", "clock", "car", "bench"]
    seen = rng.sample(names, rng.randint(1, 6))
    objects = []
    for name in seen:
        x, y = rng.uniform(0, 90), rng.uniform(0, 90)
        feature = [rng.random() for _ in range(16)]
        objects.append(SceneObject(name, [rng.choice(["red", "blue"])], (x, y, x + 20, y + 20), rng.random(), feature))
    n = len(objects)
    relations = [SceneRelation(i, "left of", j, 1.0) for i in range(n) for j in range(n) if i != j and rng.random() < 0.4]
    image = SceneGraph(objects, relations, size=(128, 128))
    length = rng.randint(6, 16)
    said = dict(zip(rng.sample(range(length), 4), rng.sample(names, 4), strict=True))
    tokens = []
    for t in range(length):
        word = said.get(t, "word")
        tokens.append(Token(word, word, "NOUN" if t in said else "X", rng.randrange(length), "dep"))
    sentence = SceneGraph([SceneObject(name, span=(t, t + 1), head=t) for t, name in said.items()], tokens=tokens, text="")
    return image, sentence


def median_seconds(call, repeats: int) -> float:
    call()
    times = []
    for _ in range(repeats):
        start = time.process_time()  # of the processor, so that other work on the machine does not count
        call()
        times.append(time.process_time() - start)
    return statistics.median(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--graphs", type=int, default=512)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=20)
    options = parser.parse_args()

    import tempfile
    from pathlib import Path

    import torch

    from hetero_xmodal.environment import require_dgl
    from hetero_xmodal.graphs import FlatGraphs, GraphCorpus, build_graph

    dgl = require_dgl()
    torch.set_num_threads(1)
    rng = random.Random(0)
    pairs = [random_pair(rng) for _ in range(options.graphs)]
    graphs = [build_graph(*pair) for pair in pairs]
    with tempfile.TemporaryDirectory() as folder:
        GraphCorpus.from_graphs(graphs).save(Path(folder) / "corpus")
        corpus = GraphCorpus.load(Path(folder) / "corpus")  # mapped from disk, as in training
        indices = torch.randperm(options.graphs, generator=torch.Generator().manual_seed(0))[: options.batch]
        chosen = indices.tolist()

        ours = FlatGraphs.from_dgl(corpus.batch(indices)).tensors()
        theirs = FlatGraphs.from_dgl(dgl.batch([graphs[i] for i in chosen])).tensors()
        assert ours.keys() == theirs.keys() and all(torch.equal(ours[k], theirs[k]) for k in ours), "corpus.batch differs from dgl.batch"

        fast = median_seconds(lambda: corpus.batch(indices), options.repeats)
        build = median_seconds(lambda: dgl.batch([build_graph(*pairs[i]) for i in chosen]), max(3, options.repeats // 5))
        read = median_seconds(lambda: dgl.batch([corpus[i] for i in chosen]), max(3, options.repeats // 5))
        plain = median_seconds(lambda: dgl.batch([graphs[i] for i in chosen]), options.repeats)
    loaders = {
        "GraphDataLoader(corpus)": dgl.dataloading.GraphDataLoader(corpus, batch_size=options.batch, shuffle=True),
        "DataLoader(collate_fn=corpus.batch)": torch.utils.data.DataLoader(
            range(len(graphs)), batch_size=options.batch, shuffle=True, collate_fn=corpus.batch
        ),
    }
    passes = {name: median_seconds(lambda loader=loader: sum(1 for _ in loader), options.repeats) for name, loader in loaders.items()}
    print(f"batch of {options.batch} out of {options.graphs} graphs, one thread, median of processor time")
    print(f"corpus.batch                 {1e3 * fast:8.2f} ms")
    references = {"build_graph each + dgl.batch": build, "corpus[i] each + dgl.batch": read, "dgl.batch of built graphs": plain}
    for name, seconds in references.items():
        print(f"{name:28s} {1e3 * seconds:8.2f} ms   corpus.batch is {seconds / fast:5.1f} times as fast")
    print(f"a pass over all {options.graphs} graphs")
    for name, seconds in passes.items():
        print(f"{name:36s} {1e3 * seconds:8.2f} ms")


if __name__ == "__main__":
    main()
