"""Train TAGAN and the ManiGAN-style generator for so many minutes each, and keep them for cam_table.py and mimnet_table.py.

    python benchmarks/edit_baselines.py --minutes 40 --size 2500 --out FOLDER
    python benchmarks/cam_table.py --split test --baselines FOLDER
    python benchmarks/mimnet_table.py --split test --baselines FOLDER --cam birds

They see the same images and sentences as `hetero-xmodal train cam --size`; give that command the same minutes and the budget is equal.
FOLDER/NAME.safetensors are the weights, FOLDER/about.json says what they learned from and how many batches there were.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from pathlib import Path

from hetero_xmodal.baselines.editing import TAGAN, BudgetConfig, ManiGAN
from hetero_xmodal.baselines.editing.base import GANBaseline
from hetero_xmodal.files import read_json, read_safetensors, write_json, write_safetensors

KINDS = {"tagan": TAGAN, "manigan": ManiGAN}


def load_baselines(folder: str | Path) -> Iterator[tuple[str, GANBaseline]]:
    """The trained baselines of a folder, each with the name of its row."""
    folder = Path(folder)
    about = read_json(folder / "about.json", "trained baselines")
    for file, told in about["trained"].items():
        method = KINDS[file](about["words"], image_size=about["image_size"])
        method.load_state_dict(read_safetensors(folder / f"{file}.safetensors", "weights of a baseline")[0])
        yield f"{method.name}, {told['minutes']:.0f} minutes", method.eval()


def main() -> None:
    from hetero_xmodal.training.editing.make_dataset import load_manipulation_data

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="world/birds")
    parser.add_argument("--size", type=int, default=2500, help="training images")
    parser.add_argument("--image-size", type=int, default=64)
    parser.add_argument("--minutes", type=float, default=40, help="for each")
    parser.add_argument("--only", nargs="+", choices=tuple(KINDS), default=tuple(KINDS))
    parser.add_argument("--out", required=True)
    options = parser.parse_args()
    if not options.minutes > 0:
        parser.error(f"--minutes is {options.minutes}, expected a number above 0")
    out = Path(options.out)
    out.mkdir(parents=True, exist_ok=True)
    known = load_manipulation_data(options.data, "train", size=options.size, image_size=options.image_size)
    about = {"data": options.data, "size": options.size, "image_size": options.image_size, "words": known.words(), "trained": {}}
    if (out / "about.json").exists():
        before = read_json(out / "about.json", "trained baselines")
        if any(before.get(name) != about[name] for name in ("data", "size", "image_size", "words")):
            parser.error(f"'{out}' holds baselines that learned from other data; choose another folder")
        about["trained"] = before["trained"]
    for file in options.only:
        method = KINDS[file](about["words"], image_size=options.image_size, budget=BudgetConfig(steps=10**9, seconds=60 * options.minutes))
        begun = time.monotonic()
        method.fit(known.images, known.corpus.sentences, known.image)
        minutes = (time.monotonic() - begun) / 60
        write_safetensors(out / f"{file}.safetensors", method.state_dict())
        about["trained"][file] = {"minutes": round(minutes, 1), "batches": method.history[-1]["step"] + 1}
        write_json(out / "about.json", about)
        print(f"{method.name}: {minutes:.1f} minutes, {method.history[-1]['step'] + 1} batches of {method.budget.batch_size}", flush=True)


if __name__ == "__main__":
    main()
