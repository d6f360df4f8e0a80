"""MIM-Net, its ablations, CAM and the baselines on the world against the true answer, with Sim, Diff and MP.

python benchmarks/mimnet_table.py --similarity DIR [--data world/birds] [--model birds NAME=DIR ...] [--cam birds]
    [--split val] [--pairs 500] [--baselines FOLDER] [--sheet FILE] [--memories FILE]

The table is ``hetero_xmodal.table("mimnet", ...)``: for every method the share of edits that appeared (all, and by kind), of facts that
should stay and did, error outside the edited region and against the true image; IS, the inception score by the world's extractor; Sim, Diff
and MP by the similarity model (``hetero-xmodal train similarity``), whose values for real pairs and for images with a sentence of another
image stand above the table. FOLDER holds TAGAN, ManiGAN and SIMSG as edit_baselines.py trained them; their images are smaller
and enlarged. Colour spread: how far apart the mean colours are that the memories paint on one bird, against those of the data's birds.
"""

from __future__ import annotations

import argparse
import sys

import torch

import hetero_xmodal as hx
from hetero_xmodal.data.tasks.editing import load_pairs
from hetero_xmodal.editing.mimnet import edit_by_memory, load_memory_model
from hetero_xmodal.editing.pixels import squared
from hetero_xmodal.metrics.similarity import colour_spread
from hetero_xmodal.parsers.sentence import parse_sentences
from hetero_xmodal.training.similarity import load_similarity


def caption(pairs: list) -> list[str]:
    """The words of a caption of the first image: what memories are rendered on."""
    return [token.text for token in parse_sentences([pairs[0].sentences[0]])[0].tokens]


def spread(model, pairs: list) -> str:
    """Memories on the bird of the first pair, wherever its caption points, against the birds of all pairs."""
    given = squared(pairs[0].image, model.config.fine_size)[0][0]
    rendered = (model.render(given, words=caption(pairs)) + 1) / 2
    side = rendered.shape[-1]

    def box(pair) -> torch.Tensor:
        x1, y1, x2, y2 = (round(v * side / max(pair.image.size)) for v in pair.scene.objects[0].box)
        weights = torch.zeros(side, side)
        weights[y1:y2, x1:x2] = 1
        return weights

    real = torch.cat([(squared(p.image, side)[0] + 1) / 2 for p in pairs[:200]])
    found, wanted = colour_spread(rendered, box(pairs[0])[None]), colour_spread(real, torch.stack([box(p) for p in pairs[:200]]))
    return f"spread of mean colour in the bird's box: {found:.4f} over {len(rendered)} memories, {wanted:.4f} over 200 birds of the data"


def write_sheet(pairs: list, images: list, file: str) -> None:
    from hetero_xmodal.viz.editing import edit_sheet

    edit_sheet(pairs, images, ["" for _ in pairs]).savefig(file, dpi=90)
    print(f"wrote {file}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="world/birds", help="world/birds, world/scenes; or cub:FOLDER, of which only the sheet is made")
    parser.add_argument("--model", nargs="*", default=["birds"], help="MIM-Nets: 'birds' or 'scenes' (shipped), folders, or NAME=FOLDER")
    parser.add_argument("--cam", nargs="*", default=[], help="CAMs: 'birds' or 'scenes' (shipped), or folders")
    parser.add_argument("--similarity", help="folder of the similarity model")
    parser.add_argument("--split", default="val")
    parser.add_argument("--pairs", type=int, default=500)
    parser.add_argument("--image-size", type=int, default=128)
    parser.add_argument("--baselines", metavar="FOLDER", help="what edit_baselines.py trained")
    parser.add_argument("--sheet", help="write a contact sheet of the first 20 pairs of the first model")
    parser.add_argument("--memories", help="write the gallery of the first model's memories")
    options = parser.parse_args()
    known = options.data.startswith("world/")  # photographs have no true answer
    if not known and not (options.sheet and options.model):
        parser.error(f"{options.data} has no true answers to measure against; give --model and --sheet")
    pairs = list(load_pairs(options.data, options.split, size=options.pairs, image_size=options.image_size))
    if not known:
        return write_sheet(pairs[:20], edit_by_memory(load_memory_model(options.model[0].rpartition("=")[2]), pairs[:20]), options.sheet)
    print(f"{options.data}, {options.split}: {len(pairs)} pairs of {options.image_size} pixels")
    if options.similarity:
        judge, given = load_similarity(options.similarity), [p.image for p in pairs]
        own = judge.similarity(given, [p.sentences[0] for p in pairs])
        other = judge.similarity(given, [p.sentences[0] for p in pairs[1:] + pairs[:1]])
        print(f"Sim of real pairs {own.mean():.4f} (standard deviation {own.std():.4f}), with another image's sentence {other.mean():.4f}")
    hx.table(
        "mimnet", options.data, models=options.model, cam=options.cam, split=options.split, pairs=options.pairs,
        image_size=options.image_size, similarity=options.similarity,
        baselines=options.baselines, tell=print,
        note=lambda line: print(line, file=sys.stderr),
    )  # fmt: skip
    for number, text in enumerate(options.model):
        name, _, folder = text.rpartition("=")
        model = load_memory_model(folder)
        if model.config.memory and options.data == "world/birds":
            print(f"{name or folder}: {spread(model, pairs)}")
        if number:
            continue
        if options.sheet:
            write_sheet(pairs[:20], edit_by_memory(model, pairs[:20]), options.sheet)
        if options.memories and model.config.memory:
            from hetero_xmodal.viz.memory import memory_gallery

            image = squared(pairs[0].image, model.config.fine_size)[0][0]
            memory_gallery(model.render(image, words=caption(pairs)), image).savefig(options.memories, dpi=110)


if __name__ == "__main__":
    main()
