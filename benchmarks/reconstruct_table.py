"""Hidden regions painted from scene graphs, true (GT) and predicted (P): the protocol of CAM's table on Visual Genome, with SIMSG.

    python benchmarks/reconstruct_table.py --data world/scenes --split test --pairs 500 --baselines FOLDER
    python benchmarks/reconstruct_table.py --data vg:FOLDER --split test --pairs 100 --model RUN --baselines FOLDER

A region of each image is hidden, and a model paints it from the graph; the features of regions are kept, as in SIMSG's evaluation. MAE in
grey levels, SSIM with a window of 3, times 100, of the whole image and inside the region. `filled from around` (OpenCV) is the control.
Predicted graphs are what the world's detector finds in the whole image; photographs have the annotated graphs only.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pandas as pd

from hetero_xmodal.baselines.editing import SIMSG, load_baselines
from hetero_xmodal.data.tasks.editing import load_pairs
from hetero_xmodal.editing.pipeline import load_manipulation_model
from hetero_xmodal.editing.reconstruct import hidden_images, reconstruct_pairs
from hetero_xmodal.evaluation.photo_tables import hidden_row
from hetero_xmodal.parsers.image import parse_images

Edit = Callable[[list], tuple[list, None]]


def predicted(pairs: list) -> list:
    """The pairs with what the world's detector finds as their scene graphs."""
    scenes = parse_images([pair.image for pair in pairs], detector="world", progress=False)
    return [replace(pair, scene=scene) for pair, scene in zip(pairs, scenes, strict=True)]


def _images(method: SIMSG, pairs: list) -> tuple[list, None]:
    return method.manipulate(pairs)[0], None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="world/scenes", help="world/scenes or vg:FOLDER")
    parser.add_argument("--model", default="scenes", help="a CAM trained with hidden regions: 'scenes' (shipped) or a folder")
    parser.add_argument("--split", default="val")
    parser.add_argument("--pairs", type=int, default=200)
    parser.add_argument("--image-size", type=int, default=64)
    parser.add_argument("--alexnet", help="file of torchvision's AlexNet, for LPIPS")
    parser.add_argument("--baselines", metavar="FOLDER", help="what edit_baselines.py trained")
    options = parser.parse_args()
    pairs = list(load_pairs(options.data, options.split, size=options.pairs, image_size=options.image_size, kinds=("reconstruct",)))
    print(f"{options.data}, {options.split}: {len(pairs)} hidden regions in images of {options.image_size} pixels")
    graphs = {"GT": pairs} | ({"P": predicted(pairs)} if options.data.startswith("world/") else {})
    cam = load_manipulation_model(options.model, recipe="cam")
    methods: dict[str, Edit] = {"CAM": lambda few: (reconstruct_pairs(cam, few), None)}
    for name, method in load_baselines(options.baselines) if options.baselines else ():
        if hasattr(method, "edit"):
            methods |= {name: partial(_images, method), f"{name}, pasted": partial(_images, method.pasting())}
    rows = {"filled from around": hidden_row(pairs, lambda few: (hidden_images(few), None), alexnet=options.alexnet)}
    for name, method in methods.items():
        for which, few in graphs.items():
            rows[f"{name} ({which})"] = hidden_row(few, method, alexnet=options.alexnet)
    print(pd.DataFrame.from_dict(rows, orient="index").to_string(float_format="{:.3f}".format, na_rep=""))


if __name__ == "__main__":
    main()
