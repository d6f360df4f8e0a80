"""MIM-Net on world/birds: time and memory of one training step and of 100 images edited at 128 pixels.

python benchmarks/mimnet_step.py [--model birds] [--threads 2] [--steps 6]

A step is timed before and after the adversarial stage begins; inference reads sentences and images as ``edit_by_memory`` does.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import time
from dataclasses import replace

import torch

from hetero_xmodal.data.tasks.editing import load_pairs
from hetero_xmodal.editing.mimnet import edit_by_memory, load_memory_model
from hetero_xmodal.recipes.mimnet import MIMNet, word_graph
from hetero_xmodal.training.editing.encoder import AttributeReader
from hetero_xmodal.training.editing.make_dataset import load_manipulation_data
from hetero_xmodal.training.mimnet_module import MIMNetModule
from hetero_xmodal.training.mimnet_settings import default_settings


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", help="folder of a trained MIM-Net, or 'birds'; untrained if left out")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--steps", type=int, default=6)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    config, training, _ = default_settings("world/birds")
    data = load_manipulation_data("world/birds", size=32, captions=2, told=0, image_size=config.fine_size)
    torch.manual_seed(0)
    model = MIMNet(config, {"words": data.words()})
    module = MIMNetModule(model, training, data, data, AttributeReader.of(data, model.encoder.feature_width))
    generator, judges = module.configure_optimizers()
    module.optimizers = lambda: [generator, judges]
    module.manual_backward = lambda loss: loss.backward()
    module._log = lambda values, size: None
    sizes = [sum(p.numel() for p in part.parameters()) for part in (module.model, module.judges)]
    print(f"{options.threads} threads; parameters: generator {sizes[0]:,} (frozen encoder included), discriminators {sizes[1]:,}")
    stages = (("nothing painted", 1, 1), ("reconstruction alone", 0, 1), ("with the adversarial stage and L_m", 0, 0))
    for name, paint_from, adversary_from in stages:  # this is epoch 0
        module.training_config = replace(training, paint_from=paint_from, patterns_from=0, adversary_from=adversary_from)
        times = []
        for step in range(options.steps + 2):
            begun = time.process_time()
            module.training_step(torch.randint(len(data.images), (training.batch_size,)), step)
            times.append(time.process_time() - begun)
        print(
            f"one training step, {name}, batch {training.batch_size}, bfloat16 {training.bfloat16}: "
            f"{statistics.median(times[2:]):.2f} s of processor time (median of {options.steps})"
        )
    print(f"memory at most {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB, libraries included")
    pairs = list(load_pairs("world/birds", "val", size=100, image_size=config.fine_size))
    model = load_memory_model(options.model) if options.model else module.model
    edit_by_memory(model, pairs[:2])  # the sentence parser is loaded once
    begun = time.perf_counter()
    edit_by_memory(model, pairs)
    seconds = time.perf_counter() - begun
    goal = "reached" if seconds < 30 else "MISSED"
    print(f"100 images edited in {seconds:.1f} s, sentences parsed included (goal: 30 s on 2 cores, {goal})")
    with torch.no_grad():
        given = torch.rand(50, 3, config.fine_size, config.fine_size) * 2 - 1
        counts = torch.full((50,), 9)
        begun = time.perf_counter()
        model.eval()(word_graph(counts), given, words=torch.randint(4, len(model.words.weight), (450,)))
        print(f"of which the model itself {2 * (time.perf_counter() - begun):.1f} s")


if __name__ == "__main__":
    main()
