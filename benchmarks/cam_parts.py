"""CAM on photographs of birds whose parts a head has found: does the part that is named take the colour, and does the rest stay?

    hetero-xmodal train parts --data cub:FOLDER,boxes=original --out PARTS
    hetero-xmodal data build cub:FOLDER,boxes=original --split all --parts PARTS --out BIRDS
    hetero-xmodal train cam --data coco:BIRDS --epochs 12 --out RUN
    python benchmarks/cam_parts.py --data cub:FOLDER,boxes=original --parts coco:BIRDS --model RUN NAME=OTHER --sheet FILE

The photographs and boxes marked by hand of ``photo_edits.py`` (``marked_parts.csv``, test split), and the same instructions. Measured are
the share of marked boxes in which the colour is read afterwards (and before), how often the image came back as it was, the mean change in
the box, and the mean change outside the bird's box in grey levels. There is no model of parts at editing time but the boxes in the data's
scene graphs.
"""

from __future__ import annotations

import argparse
from dataclasses import replace

import numpy as np
from photo_edits import _SAID, another, marks, sheet

import hetero_xmodal as hx
from hetero_xmodal.data.tasks.editing import load_pairs
from hetero_xmodal.parsers.appearance import appearance


def with_parts(scene: hx.SceneGraph, known: hx.SceneGraph) -> hx.SceneGraph:
    """The scene graph *known* of a whole photograph in the pixels of a square that was cut out of it, by the two boxes of the bird."""
    here, there = (next(thing.box for thing in some.objects if thing.name == "bird") for some in (scene, known))
    scale = [(here[k + 2] - here[k]) / (there[k + 2] - there[k]) for k in (0, 1)]
    things = [
        replace(thing, box=tuple(here[k % 2] + (v - there[k % 2]) * scale[k % 2] for k, v in enumerate(thing.box)))
        for thing in known.objects
    ]
    return replace(known, objects=things, size=scene.size)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="cub:FOLDER")
    parser.add_argument("--parts", required=True, help="coco:FOLDER of 'data build cub:... --parts'")
    parser.add_argument("--model", nargs="+", required=True, help="run folders, NAME=FOLDER")
    parser.add_argument("--sheet", help="write a contact sheet of the first 20 of the first model")
    options = parser.parse_args()
    found = {pair.id.split("/")[0]: pair for pair in load_pairs(options.data, "test", image_size=256)}
    scenes = {item.id: item.scene for item in hx.load_dataset(options.parts, "test")}
    for number, named in enumerate(options.model):
        name, _, folder = named.rpartition("=")
        rows, read, before, same, inside, outside = [], [], [], [], [], []
        for turn, (photo, part, box, _) in enumerate(marks("test")):
            pair = found[photo]
            colour = another(pair.image, box, turn)
            said = _SAID.get(part, f"the {part} is {{}}").format(colour)
            made = hx.manipulate(pair.image, said, model=folder, recipe="cam", image_scene=with_parts(pair.scene, scenes[photo])).image
            change = np.abs(np.asarray(made, int) - np.asarray(pair.image, int)).mean(2)
            x1, y1, x2, y2 = (round(v) for v in box)
            a, b, c, d = pair.region
            keep = np.ones_like(change, bool)
            keep[b:d, a:c] = False
            before.append(colour in appearance(pair.image, [box], size=pair.image.size)[0])
            read.append(colour in appearance(made, [box], size=pair.image.size)[0])
            same.append(not change.any())
            inside.append(change[y1:y2, x1:x2].mean())
            outside.append(change[keep].mean() if keep.any() else 0.0)
            rows.append((pair.image, made, said))
        print(
            f"{name or folder}: {len(read)} photographs, colour read {np.mean(read):.3f} (before {np.mean(before):.3f}), unchanged "
            f"{np.mean(same):.3f}, change in the marked box {np.mean(inside):.1f} grey levels, outside the bird's {np.mean(outside):.2f} "
            f"(largest {np.max(outside):.1f})"
        )
        if options.sheet and not number:
            sheet(rows[:20], options.sheet)


if __name__ == "__main__":
    main()
