"""How fast is an attention step of the recipe language, beside the same thing written by hand in dense torch?

Two layers, 36 regions and 15 words per pair, 128 pairs, every node attends to all 51 nodes of its pair; forward and backward.
All ways are run in turn in one process, results and gradients are checked to be equal first, and medians are compared.

What is timed is float32; what is checked is float64. In float32 two ways that differ by rounding alone can find a number near the kink of
the ReLU on different sides of 0, and then their gradients truly differ at some places, on one machine and not on another. In float64 no
number is so near. The float32 results, which have no kink, are compared one by one, and the float32 gradients by the length of their
difference.

    python benchmarks/attention_step.py            # widths 256 and 1024
    python benchmarks/attention_step.py --rounds 5 --widths 256 --threads 1

Targets: at most 1.3 times the dense version at width 256 and 1.15 times at width 1024. "plain" is the same recipe run edge by edge, and
"DGL" the same with DGL's kernels.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable

os.environ.setdefault("DGLBACKEND", "pytorch")

import dgl
import torch
from torch import nn

from hetero_xmodal.message_passing import DotAttention, Recipe, Replace, Step, attends

PAIRS, REGIONS, WORDS, LAYERS = 128, 36, 15, 2
TARGETS = {256: 1.3, 1024: 1.15}


class Dense(nn.Module):
    """The hand-written reference: one block of 51 rows per pair."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.ModuleDict({part: nn.Linear(width, width, bias=False) for part in "qkv"}) for _ in range(LAYERS))

    def forward(self, visual: torch.Tensor, word: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        width = visual.shape[1]
        x = torch.cat([visual.view(PAIRS, REGIONS, width), word.view(PAIRS, WORDS, width)], 1)
        for layer in self.layers:
            weight = (layer["q"](x) @ layer["k"](x).transpose(1, 2) / width**0.5).softmax(-1)
            x = torch.relu(weight @ layer["v"](x))
        return x[:, :REGIONS].reshape(-1, width), x[:, REGIONS:].reshape(-1, width)


def recipe_like(dense: Dense) -> Recipe:
    """The same two layers, with the same modules, as a recipe."""
    along = [attends(source, target) for target in ("visual", "word") for source in ("visual", "word")]
    return Recipe(
        [
            Step(f"layer {k}", along, send=p["v"], weigh=DotAttention(query=p["q"], key=p["k"], scale=True), update=Replace(torch.relu))
            for k, p in enumerate(dense.layers, 1)
        ]
    )


def ways_of(width: int, dtype: torch.dtype) -> tuple[dict[str, Callable[[], tuple[torch.Tensor, ...]]], list[torch.Tensor]]:
    """The ways to compute both layers, each giving (regions, width) and (words, width), and the leaves that get gradients."""
    torch.manual_seed(0)
    one = dgl.heterograph({("visual", "same_as", "word"): ([], [])}, num_nodes_dict={"visual": REGIONS, "word": WORDS})
    graph = dgl.batch([one] * PAIRS)
    visual = torch.randn(PAIRS * REGIONS, width).to(dtype).requires_grad_()
    word = torch.randn(PAIRS * WORDS, width).to(dtype).requires_grad_()
    dense = Dense(width).to(dtype)
    recipe = recipe_like(dense)

    def run(**options):
        after = recipe(graph, {"visual": visual, "word": word}, **options)
        return after["visual"]["h"], after["word"]["h"]

    ways = {
        "dense": lambda: dense(visual, word),
        "recipe": run,
        "plain": lambda: run(plain=True),
        "DGL": lambda: run(plain=True, kernels="dgl"),
    }
    return ways, [visual, word, *dense.parameters()]


def learn(way: Callable[[], tuple[torch.Tensor, ...]], leaves: list[torch.Tensor]) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    """Results and gradients."""
    out = way()
    return [x.detach() for x in out], list(torch.autograd.grad(sum(x.square().sum() for x in out), leaves))


def check(width: int) -> str:
    """Refuse ways that differ; how far they are apart in float64, at most, as a share of the largest number of the same tensor."""
    ways, leaves = ways_of(width, torch.float64)
    wanted, apart = None, 0.0
    for name, way in ways.items():
        found = [x for part in learn(way, leaves) for x in part]
        wanted = wanted or found
        for a, b in zip(found, wanted, strict=True):
            share = float((a - b).abs().max() / b.abs().max())
            assert share < 1e-10, f"width {width}: {name} differs from dense by {share:.1g} of the largest number"
            apart = max(apart, share)
    ways, leaves = ways_of(width, torch.float32)
    results, gradients = learn(ways["dense"], leaves)
    for name, way in ways.items():
        found = learn(way, leaves)
        for a, b in zip(found[0], results, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-4 * float(b.abs().max()))
        for a, b in zip(found[1], gradients, strict=True):
            assert (a - b).norm() < 1e-3 * b.norm(), f"width {width}: gradients of {name} differ from those of dense"
    return f"{apart:.0e}"


def compare(width: int, rounds: int) -> None:
    apart = check(width)
    ways, leaves = ways_of(width, torch.float32)
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(rounds + 1):
        for name, way in ways.items():
            if name in ("plain", "DGL") and turn > max(2, rounds // 4):
                continue
            start = time.perf_counter()
            torch.autograd.grad(sum(x.square().sum() for x in way()), leaves)
            if turn:  # the first turn warms up
                seconds[name].append(time.perf_counter() - start)
    median = {name: statistics.median(values) for name, values in seconds.items()}
    target = f" (target at most {TARGETS[width]})" if width in TARGETS else ""
    print(
        f"width {width}: dense {1e3 * median['dense']:.0f} ms, recipe / dense {median['recipe'] / median['dense']:.2f}{target}, "
        f"plain / dense {median['plain'] / median['dense']:.2f}, DGL / dense {median['DGL'] / median['dense']:.2f}; "
        f"in float64 results and gradients differ by at most {apart} of the largest"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--widths", type=int, nargs="+", default=[256, 1024])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--threads", type=int, help="of torch; on a busy machine 1 gives steadier ratios")
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    print(f"{torch.get_num_threads()} threads, medians of {arguments.rounds} rounds; results and gradients of all ways are equal")
    for width in arguments.widths:
        compare(width, arguments.rounds)
