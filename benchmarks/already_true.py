"""How often an image that already is as the instruction asks comes back bit for bit.

    python benchmarks/already_true.py                                  # validation pairs, shipped CAM and MIM-Net, both worlds
    python benchmarks/already_true.py --split test --pairs 500

The image is the true edited image of a pair, the instruction that of the pair: all it asks for is already so. Beside it stands the control,
the share of the same pairs whose *unedited* image was changed by the same instruction: a model that never edits would have 1 and 0.
MIM-Net neither removes, replaces nor moves; of the scenes it is given the instructions about attributes only.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace

from hetero_xmodal.data.tasks.editing import load_pairs
from hetero_xmodal.editing.mimnet import edit_by_memory, load_memory_model
from hetero_xmodal.editing.pipeline import load_manipulation_model, manipulate_pairs

#: pixels of the images, those of the table of each recipe
SIDES = {"CAM": 64, "MIM-Net": 128}
WORLDS = ("birds", "scenes")


def editors(world: str) -> dict[str, Callable[[list], list]]:
    """Name of each shipped model of a world -> function of pairs that gives the edited images."""
    cam, mimnet = load_manipulation_model(world), load_memory_model(world)
    return {"CAM": lambda pairs: manipulate_pairs(cam, pairs, beam=1)[0], "MIM-Net": lambda pairs: edit_by_memory(mimnet, pairs)}


def same(first, second) -> bool:
    return first.size == second.size and first.tobytes() == second.tobytes()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--split", default="val")
    parser.add_argument("--pairs", type=int, default=100)
    parser.add_argument("--worlds", nargs="+", choices=WORLDS, default=WORLDS)
    parser.add_argument("--verbose", action="store_true", help="name every pair that was changed although it was as asked")
    options = parser.parse_args()
    print("| world | model | pixels | pairs | already so: bit for bit | control: changed where it is not so |\n|---|---|---|---|---|---|")
    for world in options.worlds:
        for name, edit in editors(world).items():
            pairs = list(load_pairs(f"world/{world}", options.split, size=options.pairs, image_size=SIDES[name]))
            some = pairs if name == "CAM" else [pair for pair in pairs if pair.kind == "attribute"]
            already = [replace(pair, image=pair.edited_image) for pair in some]
            kept = [same(pair.image, made) for pair, made in zip(already, edit(already), strict=True)]
            changed = [not same(pair.image, made) for pair, made in zip(some, edit(some), strict=True)]
            print(
                f"| {world} | {name} | {SIDES[name]} | {len(some)} | {sum(kept) / len(kept):.3f} | {sum(changed) / len(changed):.3f} |",
                flush=True,
            )
            for pair, one in zip(already, kept, strict=True):
                if options.verbose and not one:
                    print(f"    {pair.id}: {pair.instruction}")


if __name__ == "__main__":
    main()
