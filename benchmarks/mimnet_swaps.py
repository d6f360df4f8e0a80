"""Where a model with memory is behind one without: parts of the one in place of the other's, and what a small decoder paints from them.

    hetero-xmodal train mimnet --data world/birds --size 3000 --out FULL
    hetero-xmodal train mimnet --data world/birds --size 3000 --out NONE --set memory=false
    python benchmarks/mimnet_swaps.py FULL NONE                       # all eight combinations, 6 minutes of one core

Two models behind the same eyes (the same frozen encoder), as the commands above make them. What a decoder sees is v^u, and h^f, which is
the values h^_k of the words through their gates (10); each of the three comes from the first model (1) or the second (2).
All that stays as it is, and a small decoder, the same in every row, learns to paint from it as in mimnet_learning.py: the mean absolute
error of what it paints, and of what it shows through its matte, in the places that an exercise changes, over the last quarter of its
steps; ``given`` is the error of a picture that is left as it is.
"""

from __future__ import annotations

import argparse
from itertools import product

import torch
from mimnet_learning import Lesson, paint, prepare, spoken

from hetero_xmodal.recipes.mimnet import MIMNet, word_graph
from hetero_xmodal.training.front import model_in
from hetero_xmodal.training.manipulation_making import load_manipulation_data
from hetero_xmodal.training.mimnet_module import mean_inside


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs=2, metavar="FOLDER", help="run or model folders")
    parser.add_argument("--data", default="world/birds")
    parser.add_argument("--size", type=int, default=500, help="pictures")
    parser.add_argument("--painting", type=int, default=300, help="batches of 8 that the small decoder learns from")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    options = parser.parse_args()
    models = [model_in(MIMNet, folder).eval() for folder in options.folders]
    eyes = [[*model.encoder.state_dict().values(), *model.standard.state_dict().values()] for model in models]
    if not all(torch.equal(a, b) for a, b in zip(*eyes, strict=True)):
        parser.error("the two models have other encoders, so their parts cannot be exchanged; train both from the same seed and data")
    data = load_manipulation_data(options.data, "train", size=options.size, image_size=models[0].config.fine_size)
    print(f"{options.painting} batches of painting, {options.size} pictures, seeds {options.seeds}")
    print("v^u  gates  values    painted    shown")
    for seed in options.seeds:
        lessons = prepare(data, models[0], options.painting, seed)
        for parts in product((0, 1), repeat=3):

            def seen(lesson: Lesson, parts: tuple[int, ...] = parts) -> torch.Tensor:
                batch = lesson.batch
                with torch.no_grad():
                    made = [m.recall(word_graph(batch.counts), batch.given.float(), words=batch.words) for m in models]
                    blended, at, values = (made[k] for k in parts)
                    member = torch.repeat_interleave(torch.arange(len(batch.counts)), batch.counts)
                    gates = torch.einsum("nc,nchw->nhw", at.where, at.blended[member]).sigmoid()
                    return torch.cat([blended.blended, spoken(batch, values.recalled, gates), blended.finer], 1)

            painted, shown = paint(lessons, seed, seen, width=2 * models[0].config.width + models[0].encoder.fine_width)
            print(f"{parts[0] + 1:3} {parts[1] + 1:6} {parts[2] + 1:7} {painted:10.4f} {shown:8.4f}", flush=True)
        errors = [mean_inside((some.given - some.answer).abs(), some.shares).item() / 2 for some in lessons[-len(lessons) // 4 :]]
        print(f"given {sum(errors) / len(errors):21.4f}")


if __name__ == "__main__":
    main()
