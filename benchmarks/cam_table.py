"""CAM, its ablations and its baselines on the world against the true answer.

python benchmarks/cam_table.py [--data world/birds] [--model birds NAME=DIR ...] [--split val] [--pairs 500] [--scenes detector]
    [--baselines FOLDER] [--sheet FILE]

For every method: share of edits that appeared, of unspoken facts that stayed, of pairs with both; error outside the edited region, inside
it and everywhere, against the true image; slots of the sentence that should change and did, that should stay and did, all, and sentences
without a mistake. The unchanged input (floor) and the true edited image (ceiling: the judge's own mistakes) stand beside them.
FOLDER holds TAGAN and the ManiGAN-style generator as edit_baselines.py trained them.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from edit_baselines import load_baselines

from hetero_xmodal.data.tasks.editing import load_pairs
from hetero_xmodal.editing.pipeline import SHIPPED, load_manipulation_model, manipulate_pairs
from hetero_xmodal.metrics.edits import judge_edits, judge_sentences

HEAD = ("edits", "kept", "both", "outside", "inside", "error", "chgd", "stayed", "slots", "exact")


def row(name: str, pairs: list, images: list, sentences: list[str]) -> str:
    edits, said = judge_edits(pairs, images), judge_sentences(pairs, sentences)
    kinds = ", ".join(f"{kind} {value:.3f}" for kind, value in edits.by_kind.items())
    return (
        f"{name:24} {edits.edit_accuracy:6.3f} {edits.preservation:6.3f} {edits.success:6.3f} {edits.outside_error:8.4f} "
        f"{edits.inside_error:8.4f} {edits.error:8.4f} {said.changed:6.3f} {said.kept:6.3f} {said.slots:6.3f} {said.exact:6.3f}   ({kinds})"
    )


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
    if options.model is None and options.data.removeprefix("world/") not in SHIPPED:
        parser.error(f"no model of {options.data} is shipped; give --model FOLDER, or --model alone for the baselines only")
    pairs = list(load_pairs(options.data, options.split, size=options.pairs, image_size=options.image_size))
    print(f"{options.data}, {options.split}: {len(pairs)} pairs of {options.image_size} pixels; regions from: {options.scenes}")
    known = options.data.startswith("world/")  # photographs have no true answer
    if not known and not (options.sheet and options.model):
        parser.error(f"{options.data} has no true answers to measure against; give --model and --sheet")
    print(f"{'method':24} " + " ".join(f"{name:>{8 if name in ('outside', 'inside', 'error') else 6}}" for name in HEAD))
    if known:
        print(row("unchanged input", pairs, [p.image for p in pairs], [p.instruction for p in pairs]))
        print(row("the true answer", pairs, [p.edited_image for p in pairs], [p.edited_sentence for p in pairs]), flush=True)
    for number, text in enumerate([options.data.removeprefix("world/")] if options.model is None else options.model):
        name, _, folder = text.rpartition("=")
        model = load_manipulation_model(folder)
        begun = time.perf_counter()
        images, sentences = manipulate_pairs(model, pairs, scenes=options.scenes)
        seconds = (time.perf_counter() - begun) / len(pairs) * 100
        name = name or ("CAM" if folder in SHIPPED else folder)
        scores = row(name, pairs, images, sentences) if known else f"{name:24}"
        print(f"{scores}   {seconds:.1f} s per 100 images, parsing included", flush=True)
        if options.sheet and not number:
            from hetero_xmodal.viz.editing import edit_sheet

            edit_sheet(pairs[:20], images[:20], sentences[:20]).savefig(options.sheet, dpi=90)
            print(f"wrote {options.sheet}")
    for name, method in load_baselines(options.baselines) if options.baselines else ():
        print(row(name, pairs, *method.manipulate(pairs)), flush=True)


if __name__ == "__main__":
    np.seterr(all="raise")
    main()
