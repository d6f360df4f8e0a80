"""How long a pair's graph takes to build and validate, against one plain ``dgl.heterograph`` call with the same edges.

    OMP_NUM_THREADS=1 python benchmarks/build_graph.py [--pairs 200] [--rounds 5]

The scenes are ready before any clock runs: the images' true scenes of ``world/scenes`` (with ``--detector world``: what the shipped
detector finds, region features included) and the parsed captions. In every round, three things are timed one after the other
for each pair, so that other work on the machine meets all alike:

* ``build_graph``: :func:`hetero_xmodal.build_graph` from two scenes to a validated graph with all its features;
* ``heterograph``: ``dgl.heterograph`` with the edges of that same graph, given as int64 tensors, and its node counts; no features;
* ``validate``: :func:`hetero_xmodal.validate` of the finished graph, which anybody's graph has to pass.

Times are processor times of this process: on a busy machine a clock on the wall would find the longer call interrupted more often than
the shorter one, and the ratio would depend on what else runs. Printed are the medians over all pairs and rounds, and the ratio of the
first two.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from functools import partial

import torch

import hetero_xmodal as hx
from hetero_xmodal.environment import require_dgl

dgl = require_dgl()


def milliseconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return 1000 * (time.process_time() - start)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--detector", choices=("none", "world"), default="none", help="none: the true scenes of the images")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    pairs = []
    for item in hx.load_dataset("world/scenes", "val", size=chosen.pairs):
        image = item.scene if chosen.detector == "none" else hx.parse_image(item.image, detector=chosen.detector)
        pairs.append((image, hx.parse_sentence(item.sentences[0])))
    works: list[dict[str, Callable[[], object]]] = []
    for image, sentence in pairs:
        graph = hx.build_graph(image, sentence)
        ends = {relation: tuple(end.clone() for end in graph.edges(etype=relation, order="eid")) for relation in graph.canonical_etypes}
        counts = {node_type: graph.num_nodes(node_type) for node_type in graph.ntypes}
        works.append(
            {
                "build_graph": partial(hx.build_graph, image, sentence),
                "heterograph": partial(dgl.heterograph, ends, num_nodes_dict=counts),
                "validate": partial(hx.validate, graph),
            }
        )
    times: dict[str, list[float]] = {name: [] for name in works[0]}
    for _ in range(chosen.rounds):
        for work in works:
            for name, call in work.items():
                times[name].append(milliseconds(call))
    medians = {name: statistics.median(values) for name, values in times.items()}
    for name, value in medians.items():
        print(f"{name:12} {value:.2f} ms a pair, median of {len(pairs)} pairs")
    print(f"build_graph takes {medians['build_graph'] / medians['heterograph']:.2f} times one dgl.heterograph call")


if __name__ == "__main__":
    main()
