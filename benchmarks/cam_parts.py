"""CAM and MIM-Net on photographs of birds whose parts a head has found: does the part that is named take the colour, and the rest stay?

    hetero-xmodal train parts --data cub:FOLDER,boxes=original --out PARTS
    hetero-xmodal data build cub:FOLDER,boxes=original --split all --parts PARTS --image-size 256 --out BIRDS
    hetero-xmodal train cam --data coco:BIRDS --out RUN
    python benchmarks/cam_parts.py --data cub:FOLDER,boxes=original --parts coco:BIRDS --model RUN NAME=OTHER --sheet FILE
    python benchmarks/cam_parts.py --data cub:FOLDER,boxes=original --parts coco:BIRDS --model RUN --split val
    python benchmarks/cam_parts.py --data cub:FOLDER,boxes=original --parts coco:BIRDS --model RUN --recipe mimnet

The photographs and boxes marked by hand of ``photo_edits.py``, and the same instructions. Measured are the share of marked boxes in which
the colour is read afterwards (and before); the same with at least half of the change in the box or near it ("in place", as there); how
often the image came back as it was, the mean change in the box, and the mean change outside the bird's box in grey levels. At editing time
there is no model of parts but the regions in the data's scene graphs, and MIM-Net does not get these.
"""

from __future__ import annotations

import argparse
from dataclasses import replace

import numpy as np
from photo_edits import _SAID, Tally, another, marks, sheet

import hetero_xmodal as hx
from hetero_xmodal.data.tasks.editing import load_pairs
from hetero_xmodal.editing.pipeline import load_manipulation_model
from hetero_xmodal.parsers.appearance import appearance


def with_parts(scene: hx.SceneGraph, known: hx.SceneGraph) -> hx.SceneGraph:
    """The scene graph *known* of a photograph in the pixels of the square that was cut out of it, by the two boxes of the bird."""
    here, there = (next(thing.box for thing in some.objects if thing.name == "bird") for some in (scene, known))
    if np.allclose(here, there) and known.size == scene.size:
        return known
    scale = [(here[k + 2] - here[k]) / (there[k + 2] - there[k]) for k in (0, 1)]
    things = [
        replace(thing, box=tuple(here[k % 2] + (v - there[k % 2]) * scale[k % 2] for k, v in enumerate(thing.box)), mask=None)
        for thing in known.objects
    ]
    return replace(known, objects=things, size=scene.size)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="cub:FOLDER")
    parser.add_argument("--parts", required=True, help="coco:FOLDER of 'data build cub:... --parts'")
    parser.add_argument("--model", nargs="+", required=True, help="run folders, NAME=FOLDER")
    parser.add_argument("--recipe", choices=("cam", "mimnet"), default="cam")
    parser.add_argument("--split", choices=("test", "val"), default="test")
    parser.add_argument("--sheet", help="write a contact sheet of the first 20 of the first model")
    options = parser.parse_args()
    found = {pair.id.split("/")[0]: pair for pair in load_pairs(options.data, options.split, image_size=256)}
    scenes = {item.id: item.scene for item in hx.load_dataset(options.parts, options.split)}
    for number, named in enumerate(options.model):
        name, _, folder = named.rpartition("=")
        model = load_manipulation_model(folder, recipe=options.recipe)
        rows, before, same, inside, outside, tally = [], [], [], [], [], Tally()
        for turn, (photo, part, box, _) in enumerate(marks(options.split)):
            pair = found[photo]
            colour = another(pair.image, box, turn)
            said = _SAID.get(part, f"the {part} is {{}}").format(colour)
            more = {"image_scene": with_parts(pair.scene, scenes[photo])} if options.recipe == "cam" else {}
            made = hx.manipulate(pair.image, said, model=model, recipe=options.recipe, **more).image
            change = np.abs(np.asarray(made, int) - np.asarray(pair.image, int)).mean(2)
            x1, y1, x2, y2 = (round(v) for v in box)
            a, b, c, d = pair.region
            keep = np.ones_like(change, bool)
            keep[b:d, a:c] = False
            before.append(colour in appearance(pair.image, [box], size=pair.image.size)[0])
            tally.add((part,), made, change, box, colour)
            same.append(not change.any())
            inside.append(change[y1:y2, x1:x2].mean())
            outside.append(change[keep].mean() if keep.any() else 0.0)
            rows.append((pair.image, made, said))
        print(
            f"{name or folder}: {len(rows)} marks, colour read before {np.mean(before):.3f}, unchanged {np.mean(same):.3f}, change in the "
            f"marked box {np.mean(inside):.1f} grey levels, outside the bird's {np.mean(outside):.2f} (largest {np.max(outside):.1f})"
        )
        print(*tally.lines(), sep="\n", flush=True)
        if options.sheet and not number:
            sheet(rows[:20], options.sheet)


if __name__ == "__main__":
    main()
