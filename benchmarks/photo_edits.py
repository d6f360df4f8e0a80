"""Recolouring of photographs: parts of birds in CUB, things in COCO.

    hetero-xmodal train parts --data cub:FOLDER,boxes=original --out PARTS
    python benchmarks/photo_edits.py birds --data cub:FOLDER,boxes=original --model PARTS --sheet birds.png
    python benchmarks/photo_edits.py things --data coco:FOLDER --sheet things.png

birds: test photographs, each with one part marked by hand as a box (``marked_parts.csv``, numbers only, in pixels of the 256 x 256 square
that the package cuts out around the bird), before the head was trained. The instruction asks for a colour that the box does not have.
Measured are the share of boxes in which the package's measure of colours (``parsers/appearance.py``) then reads the colour, first or
second, the same before the edit, the mean change outside the bird's box in grey levels, and how much larger the whole bird is.

things: photographs of the validation split; of each the largest thing that the detector is most certain of is to take another colour.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path
from typing import Any

import numpy as np

import hetero_xmodal as hx
from hetero_xmodal.data.tasks.editing import load_pairs
from hetero_xmodal.editing.recolouring import load_parts, recolour
from hetero_xmodal.parsers.appearance import appearance

#: asked for in turn, the next one where the box has it already
ASKED = ("red", "blue", "green", "yellow", "orange", "purple")
_SAID = {"wing": "the wings are {}"}


def another(image: Any, box: tuple[float, ...], turn: int) -> str:
    has = appearance(image, [box], size=image.size)[0]
    return next(colour for k in range(len(ASKED)) if (colour := ASKED[(turn + k) % len(ASKED)]) not in has)


def sheet(rows: list[tuple[Any, Any, str]], file: str) -> None:
    """Given and edited photographs side by side, four pairs in a row."""
    from matplotlib.figure import Figure

    lines = -(-len(rows) // 4)
    figure = Figure(figsize=(16, 2.5 * lines), layout="constrained")
    axes = figure.subplots(lines, 8, squeeze=False)
    for axis in axes.flat:
        axis.axis("off")
    for k, (given, edited, text) in enumerate(rows):
        left, right = axes[k // 4, 2 * (k % 4)], axes[k // 4, 2 * (k % 4) + 1]
        left.imshow(given)
        right.imshow(edited)
        left.set_title(text, fontsize=7, loc="left")
    figure.savefig(file, dpi=80)
    print(f"wrote {file}")


def birds(options: argparse.Namespace) -> None:
    with open(Path(__file__).with_name("marked_parts.csv"), encoding="utf-8") as lines:
        marked = {row["photo"]: (row["part"], tuple(float(row[k]) for k in ("x1", "y1", "x2", "y2"))) for row in csv.DictReader(lines)}
    pairs = load_pairs(options.data, "test", image_size=256)
    found = {pair.id.split("/")[0]: pair for pair in pairs if pair.id.split("/")[0] in marked}
    model = load_parts(options.model)
    rows, read, before, whole, outside = [], [], [], [], []
    for turn, (name, (part, box)) in enumerate(marked.items()):
        pair = found[name]
        colour = another(pair.image, box, turn)
        said = _SAID.get(part, f"the {part} is {{}}").format(colour)
        made = recolour(pair.image, said, model=model, image_scene=pair.scene)
        control = recolour(pair.image, f"the bird is {colour}", image_scene=pair.scene)
        before.append(colour in appearance(pair.image, [box], size=pair.image.size)[0])
        read.append(colour in appearance(made.image, [box], size=pair.image.size)[0])
        x1, y1, x2, y2 = (round(v) for v in box)
        whole.append(float(control.mask.sum()) / max(1.0, float(made.mask.sum())))
        change = np.abs(np.asarray(made.image, int) - np.asarray(pair.image, int)).mean(2)
        keep = np.ones_like(change, bool)
        a, b, c, d = pair.region
        keep[b:d, a:c] = False
        outside.append(float(change[keep].mean()) if keep.any() else 0.0)
        inside = made.mask[y1:y2, x1:x2].sum() / max(1.0, made.mask.sum())
        print(f"{name:42} {said:26} read {read[-1]!s:5} in the marked box {inside:.2f} of the mask", flush=True)
        rows.append((pair.image, made.image, said))
    print(
        f"{len(read)} photographs: colour read {np.mean(read):.3f} (before {np.mean(before):.3f}), change outside the bird's box "
        f"{np.mean(outside):.3f} grey levels (largest {np.max(outside):.2f}); a bird has {np.median(whole):.1f} times the area of the mask"
    )
    if options.sheet:
        sheet(rows[:20], options.sheet)


def things(options: argparse.Namespace) -> None:
    items = hx.load_dataset(options.data, "val", size=options.photographs)
    rows, changed = [], 0
    for turn, item in enumerate(items):
        image = item.image.convert("RGB")
        scene = hx.parse_image(image, detector=options.detector)
        known = [thing for thing in scene.objects if thing.box is not None and thing.name not in ("person",) and thing.score > 0.4]
        name = max(known, key=lambda t: t.score * (t.box[2] - t.box[0]) * (t.box[3] - t.box[1])).name if known else "umbrella"
        said = f"the {name} is {ASKED[turn % len(ASKED)]}"
        made = recolour(image, said, image_scene=scene)
        changed += made.image.tobytes() != image.tobytes()
        print(f"{item.id}: {said}: {made.notes[0]}", flush=True)
        rows.append((image, made.image, said))
    print(f"{len(rows)} photographs, {changed} changed, the others refused")
    if options.sheet:
        sheet(rows[:20], options.sheet)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("birds", "things"))
    parser.add_argument("--data", required=True)
    parser.add_argument("--model", help="folder of train parts; for birds")
    parser.add_argument("--detector", default="nanodet", help="for things")
    parser.add_argument("--photographs", type=int, default=20, help="for things")
    parser.add_argument("--sheet", help="write a contact sheet of the first 20")
    options = parser.parse_args()
    if options.what == "birds" and not options.model:
        parser.error("birds needs --model, a folder of: hetero-xmodal train parts")
    {"birds": birds, "things": things}[options.what](options)


if __name__ == "__main__":
    main()
