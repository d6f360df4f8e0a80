"""One training step of CAM at 64 pixels, batch 32: time, memory, and the share of the graph part.

python benchmarks/cam_step.py [--data DIR] [--batch 32] [--steps 10] [--bfloat16]

The graph part is HRL, CRR, both attentions from nodes to image and sentence, and the batching of the graphs, forward and backward;
the reference is the whole step (exercises, generator, discriminator, both optimisers).
"""

from __future__ import annotations

import argparse
import resource
import statistics
import time
from dataclasses import replace

import torch

from hetero_xmodal.recipes.cam import CAM
from hetero_xmodal.training.cam_module import CAMModule
from hetero_xmodal.training.cam_settings import default_settings
from hetero_xmodal.training.editing.dataset import ManipulationData
from hetero_xmodal.training.editing.make_dataset import load_manipulation_data


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", help="folder of prepared data; 60 images of world/birds are prepared if left out")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--bfloat16", action="store_true")
    options = parser.parse_args()
    data = ManipulationData.load(options.data) if options.data else load_manipulation_data("world/birds", size=60)
    config, training, _ = default_settings("world/birds")
    torch.manual_seed(0)
    model = CAM(config, {"words": data.words(), "names": data.classes})
    module = CAMModule(model, replace(training, batch_size=options.batch, bfloat16=options.bfloat16, painting=0), data, data)
    generator, judge = module.configure_optimizers()
    module.optimizers = lambda: [generator, judge]
    module.manual_backward = lambda loss: loss.backward()
    module._log = lambda values, size: None
    rows = torch.randint(len(data), (options.batch,))
    steps, graphs = [], []
    for step in range(options.steps + 2):
        begun = time.perf_counter()
        module.training_step(rows, step)
        steps.append(time.perf_counter() - begun)
        graphs.append(graph_part(module, data, rows))
    whole, part = statistics.median(steps[2:]), statistics.median(graphs[2:])
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"batch {options.batch}, {config.image_size} pixels, {torch.get_num_threads()} threads, bfloat16 {options.bfloat16}")
    sizes = [sum(p.numel() for p in part.parameters()) for part in (model, module.discriminator)]
    print(f"parameters: generator {sizes[0]:,}, discriminator {sizes[1]:,}")
    print(f"one step {whole * 1e3:.0f} ms (median of {options.steps}); memory at most {memory:.0f} MiB, libraries included")
    print(
        f"graph part {part * 1e3:.0f} ms: {part / whole:.3f} of the step (goal: below 0.2, {'reached' if part / whole < 0.2 else 'MISSED'})"
    )


def graph_part(module: CAMModule, data: ManipulationData, rows: torch.Tensor) -> float:
    """Seconds for batching the graphs and for all message passing, forward and backward, on states of the right shapes."""
    model, config = module.model, module.model.config
    both = torch.cat([rows, rows])
    begun = time.perf_counter()
    graph = data.corpus.batch(both)
    count = {t: graph.num_nodes(t) for t in ("visual", "word")}
    batching = time.perf_counter() - begun
    x = {t: {"x": torch.randn(n, config.word_width, requires_grad=True)} for t, n in count.items()}
    grid = config.image_size // 4
    cells = torch.randn(len(both) * grid * grid, model.encoder.coarse_width + 2 * grid)
    begun = time.perf_counter()
    states = model.recipe(graph, x)
    nodes = {t: states[t]["h"] * states[t]["image_mask"] for t in count}
    keyed = {t: {"h": h, "key": torch.cat([h, h.new_zeros(len(h), 2 * grid)], 1)} for t, h in nodes.items()}
    fused = model.paint(graph, keyed | {"patch": {"h": cells}})["patch"]["fused"]
    written = model.write(graph, {t: {"h": h} for t, h in nodes.items()})
    (fused.square().mean() + sum(w["attended"].square().mean() for t, w in written.items() if t in count)).backward()
    return batching + time.perf_counter() - begun


if __name__ == "__main__":
    main()
