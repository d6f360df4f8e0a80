"""CAM, its ablations and its baselines on the world against the true answer.

python benchmarks/cam_table.py [--data world/birds] [--model birds NAME=DIR ...] [--split val] [--pairs 500] [--scenes detector]
    [--baselines FOLDER] [--sheet FILE]

The table is ``hetero_xmodal.table("cam", ...)``: for every method the share of edits that appeared, of facts that should stay and did, of
pairs with both; error outside the edited region, inside it and everywhere, against the true image; slots of the sentence that should
change and did, that should stay and did, all, and sentences without a mistake. The unchanged input (floor) and the true edited image
(ceiling: the judge's own mistakes) stand beside them. FOLDER holds TAGAN, ManiGAN and SIMSG as edit_baselines.py trained them.
"""

from __future__ import annotations

import argparse
import sys

import numpy as np

import hetero_xmodal as hx
from hetero_xmodal.data.tasks.editing import load_pairs
from hetero_xmodal.editing.pipeline import SHIPPED, load_manipulation_model, manipulate_pairs


def write_sheet(options: argparse.Namespace, model: str) -> None:
    """A contact sheet of the first 20 pairs, edited by *model*."""
    from hetero_xmodal.viz.editing import edit_sheet

    pairs = list(load_pairs(options.data, options.split, size=20, image_size=options.image_size))
    images, sentences = manipulate_pairs(load_manipulation_model(model.rpartition("=")[2]), pairs, scenes=options.scenes)
    edit_sheet(pairs, images, sentences).savefig(options.sheet, dpi=90)
    print(f"wrote {options.sheet}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="world/birds", help="world/birds, world/scenes; or cub:FOLDER, of which only the sheet is made")
    parser.add_argument("--model", nargs="*", default=None, help="model or run folders, NAME=FOLDER, or 'birds' (shipped)")
    parser.add_argument("--split", default="val")
    parser.add_argument("--pairs", type=int, default=500)
    parser.add_argument("--image-size", type=int, default=64)
    parser.add_argument("--scenes", default="detector", choices=("detector", "true"))
    parser.add_argument("--baselines", metavar="FOLDER", help="what edit_baselines.py trained")
    parser.add_argument("--sheet", help="write a contact sheet of the first 20 pairs of the first model")
    options = parser.parse_args()
    world = options.data.removeprefix("world/")
    if options.model is None and world not in SHIPPED:
        parser.error(f"no model of {options.data} is shipped; give --model FOLDER, or --model alone for the baselines only")
    if options.data.startswith("world/"):
        hx.table(
            "cam", options.data, models=options.model, split=options.split, pairs=options.pairs, image_size=options.image_size,
            scenes=options.scenes, baselines=options.baselines, tell=print,
            note=lambda line: print(line, file=sys.stderr),
        )  # fmt: skip
    elif not (options.sheet and options.model):  # photographs have no true answer
        parser.error(f"{options.data} has no true answers to measure against; give --model and --sheet")
    if options.sheet and (options.model is None or options.model):
        write_sheet(options, (options.model or [world])[0])


if __name__ == "__main__":
    np.seterr(all="raise")
    main()
