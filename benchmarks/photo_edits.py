"""Recolouring of photographs: parts of birds in CUB, things in COCO.

    hetero-xmodal train parts --data cub:FOLDER,boxes=original --out PARTS
    python benchmarks/photo_edits.py birds --data cub:FOLDER,boxes=original --model PARTS --sheet birds.png
    python benchmarks/photo_edits.py birds --data cub:FOLDER,boxes=original --model PARTS --split val
    python benchmarks/photo_edits.py things --data coco:FOLDER --sheet things.png

birds: photographs with parts marked by hand as boxes before the head was trained (numbers only, in pixels of the 256 x 256 square that the
package cuts out around the bird). ``marked_parts.csv`` has one part of each of 60 test photographs, in two draws, ``marked_parts_val.csv``
113 parts of 28 validation photographs, by which settings are chosen. The instruction asks for a colour that the box does not have.
Measured are the share of boxes in which the package's measure of colours (``parsers/appearance.py``) then reads the colour, first or
second; the same with at least half of what was painted inside the box and a quarter of its width and height around it ("in place"), because
one can also paint the whole bird; and the mean change outside the bird's box in grey levels. Controls: the whole bird is painted, and the
marked box itself; "readable" are the marks of which the colour is read when the box itself is painted.

things: photographs of one split; of each the largest thing that the detector is most certain of is to take another colour.
"""

from __future__ import annotations

import argparse
import csv
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import hetero_xmodal as hx
from hetero_xmodal.data.tasks.editing import load_pairs
from hetero_xmodal.editing.carry import box_mask
from hetero_xmodal.editing.recolouring import DARKEST, load_parts, recolour
from hetero_xmodal.parsers.appearance import appearance
from hetero_xmodal.training.editing.recolour import recoloured

#: asked for in turn, the next one where the box has it already
ASKED = ("red", "blue", "green", "yellow", "orange", "purple")
_SAID = {"wing": "the wings are {}"}
_MARKS = {"test": "marked_parts.csv", "val": "marked_parts_val.csv"}
#: rim around a marked box that still counts as its place, relative to its width and height, and the share of paint that must lie there
_RIM, _HALF = 0.25, 0.5


@dataclass
class Tally:
    """What was read in the marked boxes, and whether the paint was in place, by group."""

    read: dict[str, list[bool]] = field(default_factory=lambda: defaultdict(list))
    placed: dict[str, list[bool]] = field(default_factory=lambda: defaultdict(list))

    def add(self, groups: tuple[str, ...], image: Any, mask: np.ndarray, box: tuple[float, ...], colour: str) -> bool:
        seen = colour in appearance(image, [box], size=image.size)[0]
        x1, y1, x2, y2 = box
        dx, dy = _RIM * (x2 - x1), _RIM * (y2 - y1)
        near = box_mask((x1 - dx, y1 - dy, x2 + dx, y2 + dy), mask.shape)
        share = float(mask[near].sum()) / max(1.0, float(mask.sum()))
        for group in ("all", *groups):
            self.read[group].append(seen)
            self.placed[group].append(seen and share >= _HALF)
        return seen

    def lines(self) -> list[str]:
        return [
            f"  {group:8} {len(seen):4}  read {np.mean(seen):.3f}  read and in place {np.mean(self.placed[group]):.3f}"
            for group, seen in self.read.items()
        ]


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


def marks(split: str) -> list[tuple[str, str, tuple[float, ...], str]]:
    """Photograph, part, box and draw of every mark."""
    with open(Path(__file__).with_name(_MARKS[split]), encoding="utf-8") as lines:
        return [
            (row["photo"], row["part"], tuple(float(row[k]) for k in ("x1", "y1", "x2", "y2")), row["marked"])
            for row in csv.DictReader(lines)
        ]


def birds(options: argparse.Namespace) -> None:
    split = options.split or "test"
    if split not in _MARKS:
        raise SystemExit("parts are marked in photographs of the splits test and val only")
    wanted = marks(split)
    found = {pair.id.split("/")[0]: pair for pair in load_pairs(options.data, split, image_size=256)}
    model = load_parts(options.model)
    rows, outside = [], []
    part_painted, bird_painted, box_painted, unpainted = Tally(), Tally(), Tally(), Tally()
    for turn, (name, part, box, draw) in enumerate(wanted):
        pair = found[name]
        colour = another(pair.image, box, turn)
        said = _SAID.get(part, f"the {part} is {{}}").format(colour)
        made = recolour(pair.image, said, model=model, image_scene=pair.scene)
        there = box_mask(box, made.mask.shape).astype(np.float32)
        best = box_painted.add((), Image.fromarray(recoloured(np.array(pair.image), there, colour, darkest=DARKEST)), there, box, colour)
        groups = (*((draw,) if split == "test" else ()), part, *(("readable",) if best else ()))
        seen = part_painted.add(groups, made.image, made.mask, box, colour)
        whole = recolour(pair.image, f"the bird is {colour}", model=model, image_scene=pair.scene)
        bird_painted.add((), whole.image, whole.mask, box, colour)
        unpainted.add((), pair.image, there, box, colour)
        change = np.abs(np.asarray(made.image, int) - np.asarray(pair.image, int)).mean(2)
        a, b, c, d = pair.region
        change[b:d, a:c] = np.nan
        outside.append(float(np.nanmean(change)) if not np.isnan(change).all() else 0.0)
        if options.each:
            print(f"{name:42} {said:26} read {seen}: {made.notes[0]}", flush=True)
        rows.append((pair.image, made.image, said))
    for title, tally in (
        ("parts", part_painted),
        ("the whole bird", bird_painted),
        ("the marked box", box_painted),
        ("nothing", unpainted),
    ):
        print(f"painted: {title}", *tally.lines(), sep="\n")
    print(f"change outside the bird's box {np.mean(outside):.3f} grey levels (largest {np.max(outside):.2f})")
    if options.sheet:
        sheet(rows[: options.photographs], options.sheet)


def things(options: argparse.Namespace) -> None:
    items = hx.load_dataset(options.data, options.split or "val", size=options.photographs)
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
        sheet(rows, options.sheet)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("birds", "things"))
    parser.add_argument("--data", required=True)
    parser.add_argument("--model", help="folder of train parts; for birds")
    parser.add_argument("--split", help="birds: test or val, test if left out; things: any split, val if left out")
    parser.add_argument("--detector", default="nanodet", help="for things")
    parser.add_argument("--photographs", type=int, default=20, help="of things; of birds, how many the sheet shows")
    parser.add_argument("--each", action="store_true", help="birds: a line for every mark")
    parser.add_argument("--sheet", help="write a contact sheet")
    options = parser.parse_args()
    if options.what == "birds" and not options.model:
        parser.error("birds needs --model, a folder of: hetero-xmodal train parts")
    {"birds": birds, "things": things}[options.what](options)


if __name__ == "__main__":
    main()
