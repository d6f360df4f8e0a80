"""CAM and its baselines on world/birds against the true answer.

python benchmarks/cam_birds.py [--model DIR] [--split val] [--pairs 500] [--scenes detector] [--baselines DIR ...] [--sheet FILE]

For every method: share of edits that appeared, of facts that stayed, error outside the edited region and against the true picture,
slots of the sentence; the unchanged input (floor) and the true edited picture (ceiling) stand beside them.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

from hetero_xmodal.data.manipulation import load_pairs
from hetero_xmodal.manipulation import load_manipulation_model, manipulate_pairs
from hetero_xmodal.metrics.edits import judge_edits, judge_sentences


def row(name: str, pairs: list, pictures: list, sentences: list[str]) -> str:
    edits, said = judge_edits(pairs, pictures), judge_sentences(pairs, sentences)
    kinds = ", ".join(f"{kind} {value:.3f}" for kind, value in edits.by_kind.items())
    return (
        f"{name:24} {edits.edit_accuracy:6.3f} {edits.preservation:6.3f} {edits.success:6.3f} {edits.outside_error:8.4f} "
        f"{edits.inside_error:8.4f} {edits.error:8.4f} {said.changed:6.3f} {said.kept:6.3f} {said.slots:6.3f} {said.exact:6.3f}   ({kinds})"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", nargs="*", default=["birds"], help="model folders, run folders, or 'birds' (shipped)")
    parser.add_argument("--split", default="val")
    parser.add_argument("--pairs", type=int, default=500)
    parser.add_argument("--image-size", type=int, default=64)
    parser.add_argument("--scenes", default="detector", choices=("detector", "true"))
    parser.add_argument("--sheet", help="write a contact sheet of the first 20 pairs of the first model")
    options = parser.parse_args()
    pairs = list(load_pairs("world/birds", options.split, size=options.pairs, image_size=options.image_size))
    print(f"world/birds, {options.split}: {len(pairs)} pairs of {options.image_size} pixels; regions from: {options.scenes}")
    head = ("edits", "kept", "both", "outside", "inside", "error", "chgd", "stayed", "slots", "exact")
    print(f"{'method':24} " + " ".join(f"{name:>{8 if name in ('outside', 'inside', 'error') else 6}}" for name in head))
    print(row("unchanged input", pairs, [p.image for p in pairs], [p.wish for p in pairs]))
    print(row("the true answer", pairs, [p.edited_image for p in pairs], [p.edited_sentence for p in pairs]))
    for number, folder in enumerate(options.model):
        model = load_manipulation_model(folder)
        begun = time.perf_counter()
        pictures, sentences = manipulate_pairs(model, pairs, scenes=options.scenes)
        seconds = (time.perf_counter() - begun) / len(pairs) * 100
        print(row(Path(folder).name, pairs, pictures, sentences) + f"   {seconds:.1f} s per 100 pictures, parsing included")
        if options.sheet and not number:
            from hetero_xmodal.viz.manipulation import edit_sheet

            edit_sheet(pairs[:20], pictures[:20], sentences[:20]).savefig(options.sheet, dpi=90)
            print(f"wrote {options.sheet}")


if __name__ == "__main__":
    np.seterr(all="raise")
    main()
