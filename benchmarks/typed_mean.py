"""How fast is a typed mean over stored relations, beside PyG's ``HeteroConv`` and DGL's ``multi_update_all``?

128 pair graphs as one batch, states of width 256; every node takes the mean of all messages that reach it along all stored relations, and a
node that none reaches keeps its state. Forward and backward. Each way is given what it works with: the recipe and DGL a batched graph,
PyG a dictionary of ``edge_index``. Results and gradients are checked to be equal; the ways are then run in turn in one process, and each
number is the median over rounds of the ratio within a round, so that other work on the machine weighs on both.

    pip install torch_geometric xxhash        # or the extra "dev"
    python benchmarks/typed_mean.py
    python benchmarks/typed_mean.py --regions 36 --words 15 --rounds 50 --threads 1

"kept": the same batch again and again, so that every way has what it keeps of a graph. "new": a batch that was not seen before in every
round, as in training. Target: at most 1.0 against both.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import time
import warnings
from collections.abc import Callable, Iterator

os.environ.setdefault("DGLBACKEND", "pytorch")

import dgl
import dgl.function as fn
import torch
from torch import Tensor

from hetero_xmodal.graphs import build_graph
from hetero_xmodal.message_passing import Recipe, Step
from hetero_xmodal.scenes import SceneGraph, SceneObject, SceneRelation, Token

with warnings.catch_warnings():
    warnings.simplefilter("ignore", FutureWarning)  # PyG's, of torch.jit
    try:
        from torch_geometric.nn import HeteroConv, SimpleConv
    except ImportError as error:
        HeteroConv = None
        WITHOUT_PYG = f"PyG is absent ({error}), so nothing is compared with it; pip install torch_geometric xxhash"

NAMES = ("bird", "tree", "boat", "dog", "cat", "cup", "ball", "kite", "lamp", "clock", "car", "bench")
States = dict[str, Tensor]
Way = Callable[[dgl.DGLGraph], Callable[[], States]]


def random_pair(rng: random.Random, regions: int | None, words: int | None) -> dgl.DGLGraph:
    """An image and a sentence with up to four matches; by default about as large as those of captions."""
    objects = []
    for k in range(regions or rng.randint(1, 6)):
        x, y = rng.uniform(0, 90), rng.uniform(0, 90)
        objects.append(SceneObject(NAMES[k % len(NAMES)], box=(x, y, x + 20, y + 20), score=0.9, feature=[rng.random()]))
    n, length = len(objects), words or rng.randint(6, 16)
    relations = [SceneRelation(i, "near", j, 1.0) for i in range(n) for j in range(n) if i != j and rng.random() < min(0.4, 6 / n)]
    said = dict(zip(rng.sample(range(length), 4), rng.sample(NAMES, 4), strict=True))
    tokens = [Token(said.get(t, "word"), said.get(t, "word"), "NOUN", rng.randrange(length), "dep") for t in range(length)]
    sentence = SceneGraph([SceneObject(name, span=(t, t + 1), head=t) for t, name in said.items()], tokens=tokens, text="")
    return build_graph(SceneGraph(objects, relations, size=(128, 128)), sentence)


class TypedMeans:
    """The same typed mean in three ways, for graphs of one schema. A way prepares a graph and gives a function that computes the mean."""

    def __init__(self, relations: list[tuple[str, str, str]], states: States) -> None:
        self.relations, self.states = relations, states
        self.recipe = Recipe([Step("mean of all messages", relations, gather="mean")])
        self.conv = HeteroConv and HeteroConv({r: SimpleConv(aggr="sum") for r in relations}, aggr="sum")
        self.receivers = sorted({r[2] for r in relations})

    def ways(self) -> dict[str, Way]:
        """Name -> way; PyG's only where it is installed."""
        return {"recipe": self.by_recipe, "DGL": self.by_dgl} | ({"PyG": self.by_pyg} if self.conv else {})

    def by_recipe(self, graph: dgl.DGLGraph) -> Callable[[], States]:
        def mean() -> States:
            after = self.recipe(graph, self.states)
            return {t: after[t]["h"] for t in self.receivers}

        return mean

    def _divided(self, sums: States, received: States) -> States:
        """Sums over the relations -> means over all messages; both references need this, since they know a mean per relation only."""
        return {
            t: torch.where(received[t] > 0, sums[t] / received[t].clamp_min(1), self.states[t]) if t in sums else self.states[t]
            for t in self.receivers
        }

    def by_dgl(self, graph: dgl.DGLGraph) -> Callable[[], States]:
        received = {t: sum(graph.in_degrees(etype=r) for r in self.relations if r[2] == t).unsqueeze(1) for t in self.receivers}
        functions = {r: (fn.copy_u("h", "message"), fn.sum("message", "heard")) for r in self.relations}

        def mean() -> States:
            with graph.local_scope():
                for t, value in self.states.items():
                    graph.nodes[t].data["h"] = value
                graph.multi_update_all(functions, "sum")
                return self._divided({t: graph.nodes[t].data["heard"] for t in self.receivers}, received)

        return mean

    def by_pyg(self, graph: dgl.DGLGraph) -> Callable[[], States]:
        index = {r: torch.stack(graph.edges(etype=r)) for r in self.relations}
        received = {
            t: sum(torch.bincount(index[r][1], minlength=len(self.states[t])) for r in self.relations if r[2] == t).unsqueeze(1)
            for t in self.receivers
        }
        return lambda: self._divided(self.conv(self.states, index), received)


def learn(mean: Callable[[], States], leaves: list[Tensor]) -> list[Tensor]:
    """Means and gradients of one forward and backward pass."""
    after = mean()
    gradients = torch.autograd.grad(sum(x.square().sum() for x in after.values()), leaves, allow_unused=True)
    return [*after.values(), *(torch.zeros_like(x) if g is None else g for x, g in zip(leaves, gradients, strict=True))]


def again(graph: dgl.DGLGraph) -> dgl.DGLGraph:
    """A graph with the same edges of which nothing is known yet."""
    ends = {r: tuple(x.clone() for x in graph.edges(etype=r)) for r in graph.canonical_etypes}
    new = dgl.heterograph(ends, num_nodes_dict={t: graph.num_nodes(t) for t in graph.ntypes})
    new.set_batch_num_nodes({t: graph.batch_num_nodes(t) for t in graph.ntypes})
    new.set_batch_num_edges({r: graph.batch_num_edges(r) for r in graph.canonical_etypes})
    return new


def timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def rounds_of(ways: dict[str, Way], graph: dgl.DGLGraph, leaves: list[Tensor], rounds: int, *, new: bool) -> Iterator[dict[str, float]]:
    """Seconds of every way, round after round; the order turns from round to round."""
    ready = {name: way(graph) for name, way in ways.items()}
    names = list(ways)
    for turn in range(-3, rounds):
        seconds = {}
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            if new:  # making the batch is not measured, but what is read from it is
                batch = again(graph)
                seconds[name] = timed(lambda name=name, batch=batch: learn(ways[name](batch), leaves))
            else:
                seconds[name] = timed(lambda name=name: learn(ready[name], leaves))
        if turn >= 0:  # the first three warm up
            yield seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=128)
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--regions", type=int, help="in each image; 1 to 6 by default")
    parser.add_argument("--words", type=int, help="in each sentence, at least 4; 6 to 16 by default")
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--threads", type=int, help="of torch; on a busy machine 1 gives steadier ratios")
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    rng = random.Random(0)
    torch.manual_seed(0)
    graph = dgl.batch([random_pair(rng, options.regions, options.words) for _ in range(options.pairs)])
    relations = [r for r in graph.canonical_etypes if graph.num_edges(r)]
    states = {t: torch.randn(graph.num_nodes(t), options.width, requires_grad=True) for t in graph.ntypes if graph.num_nodes(t)}
    means, leaves = TypedMeans(relations, states), list(states.values())
    ways = means.ways()
    if "PyG" not in ways:
        print(WITHOUT_PYG)
    wanted = learn(ways["recipe"](graph), leaves)
    for name, way in ways.items():
        for a, b in zip(learn(way(graph), leaves), wanted, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5, msg=lambda text, name=name: f"{name} and the recipe differ: {text}")
    edges = sum(graph.num_edges(r) for r in relations)
    nodes = sum(map(len, leaves))
    print(f"{options.pairs} pairs, {nodes} nodes, {edges} edges of {len(relations)} relations, width {options.width}, "
          f"{torch.get_num_threads()} threads; results and gradients of {', '.join(ways)} are equal")  # fmt: skip
    for new in (False, True):
        taken = list(rounds_of(ways, graph, leaves, options.rounds, new=new))
        times = ", ".join(f"{name} {1e3 * statistics.median(s[name] for s in taken):.1f} ms" for name in ways)
        ratios = ", ".join(
            f"recipe / {name} {statistics.median(s['recipe'] / s[name] for s in taken):.2f}" for name in ways if name != "recipe"
        )
        print(f"{'new ' if new else 'kept'} batch: {times}; {ratios} (target at most 1.0)")


if __name__ == "__main__":
    main()
