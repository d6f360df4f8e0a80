"""Why a MIM-Net paints patterns or does not: is the instruction known where it should be painted, and can the decoder paint it at all?

    python benchmarks/mimnet_patterns.py                      # the shipped model, 2 minutes of one core
    python benchmarks/mimnet_patterns.py --model RUN --sheet decoder.png

1. Of the validation pairs of world/birds whose instruction asks for another pattern: how often a linear probe (five folds) reads the
   requested pattern off the textures that the words recalled, and off the messages that the part's places received (h^f); and how often the
   judge sees it.
2. Eight training exercises in which a plain part should become striped or dotted: only the fine decoder learns, on these eight alone, and
   all else is frozen. SHEET shows what was given, what was made and the answer. Strokes: see hetero_xmodal/training/drawing.py.
"""

from __future__ import annotations

import argparse
from collections import Counter

import torch
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from hetero_xmodal import schema as s
from hetero_xmodal.data.tasks.editing import load_pairs
from hetero_xmodal.editing.mimnet import edit_by_memory, load_memory_model
from hetero_xmodal.editing.pixels import squared
from hetero_xmodal.graphs.build import flat_pair
from hetero_xmodal.graphs.flat import FlatGraphs
from hetero_xmodal.metrics.edits import judge_edits
from hetero_xmodal.networks.padding import padded
from hetero_xmodal.parsers.sentence import parse_sentences
from hetero_xmodal.recipes.mimnet import places, word_graph
from hetero_xmodal.scenes import SceneGraph
from hetero_xmodal.training.editing.exercises import COLOUR, PATTERN, Maker, Sentences
from hetero_xmodal.training.editing.make_dataset import load_manipulation_data
from hetero_xmodal.training.editing.stroke_loss import stroke_error
from hetero_xmodal.training.mimnet_losses import inside_boxes
from hetero_xmodal.training.mimnet_module import mean_inside


@torch.no_grad()
def probe(model, count: int) -> None:
    """Part 1."""
    pairs = [p for p in load_pairs("world/birds", "val", size=count, image_size=128)]
    instructions = [next((slot for slot in p.slots if slot.changed), None) for p in pairs]
    pairs, instructions = zip(
        *[(p, w) for p, w in zip(pairs, instructions, strict=True) if w is not None and w.kind == "pattern"], strict=True
    )
    heard, recalled, kept = [], [], {}
    hook = model.refine.register_forward_hook(lambda module, given, made: kept.update(hf=made["fine_patch"]["hf"]))
    for start in range(0, len(pairs), 50):
        some = pairs[start : start + 50]
        said = parse_sentences([p.instruction for p in some])
        flats = [flat_pair(SceneGraph(size=p.image.size), one) for p, one in zip(some, said, strict=True)]
        graph = FlatGraphs.concat(flats).to_dgl()
        made = model(graph, torch.cat([squared(p.image, 128)[0] for p in some]))
        maps = places(kept["hf"], len(some))
        boxes = torch.tensor([w.box for w in instructions[start : start + 50]]) / 128
        inside = inside_boxes(boxes, maps.shape[-1])[:, None]
        heard.append((maps * inside).sum((2, 3)) / inside.sum((2, 3)).clamp_min(1))
        rows, mask = padded(made.recalled, graph.batch_num_nodes(s.WORD))
        recalled.append(rows.sum(1) / mask.sum(1, keepdim=True))
    hook.remove()
    wanted = [w.after for w in instructions]
    most = Counter(wanted).most_common(1)[0]
    print(f"{len(pairs)} instructions for another pattern; {most[1] / len(pairs):.3f} of them for {most[0]}")
    for name, features in (("what the words recalled, averaged", recalled), ("h^f in the part's box", heard)):
        linear = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=2000))
        print(f"read off {name}: {cross_val_score(linear, torch.cat(features).numpy(), wanted, cv=5).mean():.3f}")
    images = edit_by_memory(model, pairs)
    for pattern in sorted(set(wanted)):
        own = [k for k, name in enumerate(wanted) if name == pattern]
        seen = judge_edits([pairs[k] for k in own], [images[k] for k in own]).edit_accuracy
        print(f"{pattern}: {seen:.3f} of {len(own)} seen by the judge")


def decoder(model, steps: int, sheet: str | None) -> None:
    """Part 2."""
    torch.manual_seed(0)
    data = load_manipulation_data("world/birds", "train", size=400, image_size=128)
    words = list(model.vocab["words"])
    sentences = Sentences(data, model.word_numbers, patterned=30.0)
    maker = Maker(data, sentences, words, len(model.words.weight) - len(words), plain=0.0)
    plain, found = data.attributes.index("plain"), []
    while len(found) < 8:
        rows = torch.multinomial(sentences.image_weights(), 16)
        batch = maker.make(rows)
        for k, told in enumerate(batch.words.split(batch.counts.tolist())):
            before, after = data.values[rows[k]][batch.asked[k]], batch.values[k][batch.asked[k]]
            turns = len(before) == 1 and before[0, PATTERN] == plain != after[0, PATTERN] and before[0, COLOUR] == after[0, COLOUR]
            if turns and batch.kind[k] == 2:
                found.append((batch.given[k], batch.answer[k], batch.shares[k], told))
    given, answer, shares = (torch.stack([f[k] for f in found[:8]]) for k in range(3))
    told, graph = torch.cat([f[3] for f in found[:8]]), word_graph(torch.tensor([len(f[3]) for f in found[:8]]))
    model.train().requires_grad_(False)
    model.fine.requires_grad_(True)
    optimiser = torch.optim.Adam(model.fine.parameters(), lr=2e-3, betas=(0.5, 0.999))
    print(f"strokes wrong: {float(mean_inside(stroke_error(given, answer), shares)):.4f} in the images as given")
    for step in range(steps + 1):
        made = model(graph, given, words=told, bfloat16=True)
        both = (made.fine, made.painted)
        strokes = [mean_inside(stroke_error(x, answer), shares) for x in both]
        loss = 40 * sum(strokes) + 10 * sum(mean_inside((x - answer).abs(), shares) for x in both) + 40 * (made.fine - answer).abs().mean()
        if step % 40 == 0:
            print(f"strokes wrong: {strokes[0].item():.4f} after {step} steps", flush=True)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    if sheet:
        from torchvision.utils import save_image

        save_image((torch.cat([given, made.fine.detach(), answer]) + 1) / 2, sheet, nrow=8)
        print(f"wrote {sheet}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="birds", help="'birds' (shipped) or a folder")
    parser.add_argument("--pairs", type=int, default=1000, help="validation pairs to look through")
    parser.add_argument("--steps", type=int, default=160)
    parser.add_argument("--sheet", help="write what the decoder made")
    options = parser.parse_args()
    probe(load_memory_model(options.model).eval(), options.pairs)
    decoder(load_memory_model(options.model), options.steps, options.sheet)


if __name__ == "__main__":
    main()
