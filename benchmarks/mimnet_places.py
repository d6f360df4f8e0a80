"""Where the sentence speaks and paints in a scene: on the thing that it names, on other things, and on the bare ground.

    python benchmarks/mimnet_places.py scenes                     # or folders
    python benchmarks/mimnet_places.py scenes --split test --pairs 500

For instructions for another look ("the large box is green instead of purple") in images of two things or more: alpha (9), the loudest
gate of (10) and the matte, each the mean in the boxes of the thing, of all others, and elsewhere. Right would be nearly 1 (a box holds some
ground too), 0 and 0.
"""

from __future__ import annotations

import argparse

import torch

from hetero_xmodal.data.tasks.editing import load_pairs
from hetero_xmodal.editing.mimnet import load_memory_model
from hetero_xmodal.editing.pixels import squared
from hetero_xmodal.parsers.sentence import parse_sentences
from hetero_xmodal.recipes.mimnet import word_graph
from hetero_xmodal.training.mimnet_losses import inside_boxes

PLACES = ("the thing", "others", "elsewhere")


@torch.no_grad()
def maps(model, pairs: list) -> dict[str, torch.Tensor]:
    """alpha, loudest gate and matte, each (pairs, side, side) on a grid of its own."""
    numbers = [model.word_numbers([token.text for token in said.tokens]) for said in parse_sentences([p.instruction for p in pairs])]
    counts = torch.tensor([len(some) for some in numbers])
    images = torch.cat([squared(pair.image, model.config.fine_size)[0] for pair in pairs])
    made = model(word_graph(counts), images, words=torch.tensor([n for some in numbers for n in some]))
    member = torch.arange(len(pairs)).repeat_interleave(counts)
    loudest = [torch.einsum("tc,chw->thw", made.where[member == k], blended).sigmoid().amax(0) for k, blended in enumerate(made.blended)]
    return {"alpha": made.localisation[:, 0], "gate": torch.stack(loudest), "matte": made.matte[:, 0]}


def means(values: torch.Tensor, pairs: list) -> list[float]:
    """Mean over the pairs of the mean of *values* (pairs, side, side) in each of PLACES."""
    found = []
    for value, pair in zip(values, pairs, strict=True):
        boxes = torch.tensor([thing.box for thing in pair.scene.objects]) / max(pair.image.size)
        inside = inside_boxes(boxes, value.shape[-1]).bool()
        others = inside[torch.arange(len(inside)) != pair.subject].any(0) & ~inside[pair.subject]
        found.append(torch.stack([value[some].mean() for some in (inside[pair.subject], others, ~inside.any(0))]))
    return torch.stack(found).nanmean(0).tolist()  # a tiny box may hold the middle of no cell


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", help="folders, or 'scenes' (shipped)")
    parser.add_argument("--split", default="val")
    parser.add_argument("--pairs", type=int, default=200)
    options = parser.parse_args()
    pairs = load_pairs("world/scenes", options.split, size=options.pairs, image_size=128)
    pairs = [pair for pair in pairs if pair.kind == "attribute" and len(pair.scene.objects) > 1]
    print(f"{len(pairs)} instructions for another look ({options.split}) of world/scenes")
    print(f"{'':24} " + " ".join(f"{place:>10}" for place in PLACES))
    for folder in options.models:
        for name, values in maps(load_memory_model(folder).eval(), pairs).items():
            print(f"{folder.rsplit('/', 1)[-1] + ' ' + name:24} " + " ".join(f"{mean:10.3f}" for mean in means(values, pairs)), flush=True)


if __name__ == "__main__":
    main()
