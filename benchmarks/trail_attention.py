"""Where the words of captions look in photographs: a figure of each, for looking at a trained TRAIL.

    python benchmarks/trail_attention.py coco:FOLDER --model RUN --out figures              # ten test photographs, one caption each

Each row is the photograph and the nouns of its caption with the share of each region, (3), over the mean share: patches as shades, the
object with the largest share as its box. Beside them the summary: how often the object that a word looks at most is of the class that the
word names, of the words that name a class seen in the image, and how often an object drawn at random would be.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from hetero_xmodal.data.tasks.matching import load_test_split
from hetero_xmodal.recipes.trail import TRAIL
from hetero_xmodal.retrieval.typed_attention import TypedMatch, typed_match
from hetero_xmodal.training.trail import model_split


def named_objects(match: TypedMatch, objects: list[int]) -> list[tuple[int, list[int]]]:
    """Words that name the class of an object in the image, and these objects."""
    found = []
    for row, word in enumerate(match.words):
        same = [b for b in objects if word.lower().rstrip("s") == match.regions[b]]
        if same and len(same) < len(objects):
            found.append((row, same))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", help="as for 'hetero-xmodal evaluate trail --data'")
    parser.add_argument("--model", required=True, help="run folder of a training with --detector")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--photographs", type=int, default=10)
    options = parser.parse_args()
    import matplotlib.pyplot as plt

    from hetero_xmodal.data.registry import open_for

    folder = Path(options.model)
    model = TRAIL.from_pretrained(folder / "model" if (folder / "model").is_dir() else folder).eval()
    split = load_test_split(options.data, model.vocab)
    data = model_split(model, split)
    source = open_for(options.data, "algr")
    images = {str(record.id): record for record in source.records}
    patches = int(split.regions.provenance["patches"])
    options.out.mkdir(parents=True, exist_ok=True)
    right, chance = [], []
    firsts = np.searchsorted(split.image_of_caption, np.arange(len(split.regions)))
    for number, caption in enumerate(firsts):
        match = typed_match(model, data, int(caption))
        objects = [b for b, name in enumerate(match.regions) if not name.startswith("patch")]
        for row, same in named_objects(match, objects):
            right.append(objects[int(match.share[row, objects].argmax())] in same)
            chance.append(len(same) / len(objects))
        if number >= options.photographs:
            continue
        image = images[str(split.regions.ids[number])].make_item().image
        nouns = [i for i, word in enumerate(match.words) if data.said.objects[data.said.offsets[caption] + i]][:4]
        fig, axes = plt.subplots(1, 5, figsize=(16, 3.4))
        for place, axis in enumerate(axes):
            axis.imshow(image)
            axis.axis("off")
            if place == 0 or place > len(nouns):
                continue
            share = match.share[nouns[place - 1]]
            grid = share[: patches**2].reshape(patches, patches) / share.mean()
            axis.imshow(grid, cmap="inferno", alpha=0.6, extent=(0, image.width, image.height, 0), vmin=0, vmax=max(2, grid.max()))
            title = f"{match.words[nouns[place - 1]]}: {grid.max():.1f} times"
            if objects and match.boxes is not None:
                best = objects[int(share[objects].argmax())]
                x0, y0, x1, y1 = match.boxes[best]
                axis.add_patch(plt.Rectangle((x0, y0), x1 - x0, y1 - y0, fill=False, color="cyan", linewidth=2))
                title += f"; {match.regions[best]} {share[best] / share.mean():.1f}"
            axis.set_title(title, fontsize=9)
        fig.suptitle(split.captions[int(caption)])
        fig.savefig(options.out / f"{number:02d}.png", bbox_inches="tight", dpi=70)
        plt.close(fig)
    print(
        f"{len(right)} words name the class of an object that is seen beside others: the object they look at most is of that class in "
        f"{np.mean(right):.3f}, one drawn at random in {np.mean(chance):.3f}"
    )


if __name__ == "__main__":
    main()
