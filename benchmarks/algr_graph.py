"""What ALGR's graph is worth: the graph as we mended it beside the one in print, each under controls of its edges.

    python benchmarks/algr_graph.py world/scenes --sizes 600 300 500
    python benchmarks/algr_graph.py coco:FOLDER --seeds 3
    python benchmarks/algr_graph.py world/scenes --sizes 600 300 500 --trained       # controls trained, not only applied afterwards
    python benchmarks/algr_graph.py world/scenes --graphs shipped mended --validation   # 2,000 scenes, the shipped model beside

A row is one model and one control: Rsum of the test and of the validation images, mean and standard deviation over seeds. Without
--trained the controls are applied to the trained model: what it loses when its edges are even, when every node hears only itself, and when
messages come from the wrong nodes. Below, for each side, the entropy of the edges (1: even, 0: one edge has all), self weight, the standard
deviation of the nodes before and after the step, and how far the edges move the nodes (hetero_xmodal/message_passing/monitor.py), on 32
validation images with a caption each. Epochs are chosen on the validation images. The graph "shipped"
is the package's model of the world.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from hetero_xmodal.configs import config_with
from hetero_xmodal.data.tasks.matching import load_matching_data
from hetero_xmodal.message_passing import GraphMonitor, set_control
from hetero_xmodal.retrieval.search import load_retrieval_model
from hetero_xmodal.training.algr import default_settings, evaluate_matching, train_algr

#: what the graph in print has in place of ours; the world's started with logits of 8 at every node itself, that of photographs at random
PRINTED = ["logits=paper", "logit_bound=0", "self_term=false", "phase1=x", "exchange_from=sample", "free_bits=0"]
CONTROLS = ("none", "even", "identity", "shuffled")
MEASURES = ("entropy", "self weight", "sd before", "sd after", "moves")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", help="as for 'hetero-xmodal train algr --data'")
    parser.add_argument("--sizes", type=int, nargs=3, metavar=("TRAIN", "VALIDATION", "TEST"), help="most images of each split")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--graphs", nargs="+", choices=("mended", "printed", "shipped"), default=["mended", "printed"])
    parser.add_argument("--set", action="append", default=[], help="a setting of the mended graph as key=value")
    parser.add_argument("--trained", action="store_true", help="train a model under each control")
    parser.add_argument("--validation", action="store_true", help="do not look at the test images: for choosing settings")
    options = parser.parse_args()
    sizes = dict(zip(("train", "val", "test"), options.sizes, strict=True)) if options.sizes else None
    data = load_matching_data(options.data, sizes=sizes)
    config, fit_config = default_settings(data)
    printed = [*PRINTED, f"sharpness={8 if options.data.startswith('world/') else 0}"]
    rows: dict[tuple[str, str], list[dict[str, float]]] = {}
    edges: dict[tuple[str, str], list[list[float]]] = {}
    for seed in range(options.first_seed, options.first_seed + options.seeds):
        for graph in options.graphs:
            if graph == "shipped" and seed > options.first_seed:
                continue  # there is one
            settings = config_with(config, printed if graph == "printed" else options.set)
            for trained in CONTROLS if options.trained and graph != "shipped" else ("none",):
                start = time.process_time()
                if graph == "shipped":
                    model = load_retrieval_model(recipe="algr")
                else:
                    model = trained_model(data, replace(settings, control=trained), replace(fit_config, seed=seed))
                for control in (trained,) if options.trained else CONTROLS:
                    set_control(model, control)
                    found = {"validation": evaluate_matching(model, data.val)["rsum"]}
                    if not options.validation:
                        found["Rsum"] = evaluate_matching(model, data.test)["rsum"]
                    rows.setdefault((graph, control), []).append(found)
                    print(json.dumps({"graph": graph, "control": control, "seed": seed} | found), flush=True)
                set_control(model, trained)
                for side, numbers in measured(model, data).items():
                    edges.setdefault((graph if trained == "none" else f"{graph}, {trained}", side), []).append(numbers)
                print(f"{graph}, seed {seed}: {time.process_time() - start:.0f} s of processor time", flush=True)
    print(f"\n{'graph':<9}{'control':<11}{'Rsum':>7}{'std':>6}{'validation':>12}{'std':>6}{'models':>8}")
    for (graph, control), found in rows.items():
        test, validation = ([row.get(name, np.nan) for row in found] for name in ("Rsum", "validation"))
        numbers = f"{np.mean(test):>7.1f}{deviation(test):>6.1f}{np.mean(validation):>12.1f}{deviation(validation):>6.1f}{len(found):>8}"
        print(f"{graph:<9}{control:<11}{numbers}")
    print(f"\n{'graph':<20}{'step':<16}" + "".join(f"{name:>13}" for name in MEASURES))
    for (graph, side), numbers in edges.items():
        print(f"{graph:<20}{side:<16}" + "".join(f"{value:>13.3f}" for value in np.mean(numbers, axis=0)))


def trained_model(data, config, fit_config):
    """An ALGR of these settings, its run folder forgotten."""
    with tempfile.TemporaryDirectory() as folder:
        return train_algr(data, out=Path(folder) / "run", config=config, fit_config=fit_config, progress=False)[0]


def deviation(values: list[float]) -> float:
    """Standard deviation of a sample; NaN for one value."""
    return float(np.std(values, ddof=1)) if len(values) > 1 else float("nan")


def measured(model, data) -> dict[str, list[float]]:
    """What the edges of both sides do, on 32 validation captions of different images."""
    monitor = GraphMonitor()
    first = np.unique(data.val.image_of_caption, return_index=True)[1][:32]
    with torch.no_grad():
        graph, x = model.eval().nodes(data.val.batch(first))
        monitor.see(model.recipe, graph, x)
    wanted = ("image graph", "sentence graph")
    return {row["step"]: [float(row[name]) for name in MEASURES] for row in monitor.report().rows() if row["step"] in wanted}


if __name__ == "__main__":
    main()
