"""Train the baselines of editing for so many minutes each, and keep them for cam_table.py, mimnet_table.py and reconstruct_table.py.

    python benchmarks/edit_baselines.py --minutes 40 --size 2500 --out FOLDER
    python benchmarks/edit_baselines.py --data world/scenes --only simsg sg2im --minutes 15 --out FOLDER
    python benchmarks/cam_table.py --split test --baselines FOLDER
    python benchmarks/mimnet_table.py --split test --baselines FOLDER --cam birds

They see the same images, sentences and scene graphs as `hetero-xmodal train cam --size`; give that command the same minutes and the budget
is equal. Minutes are those of the processor. FOLDER/NAME is the trained model; its vocab.json says what it learned from and how many
batches there were. `--set KEY=VALUE` is a setting of the methods named by `--only` (`perceptual=10`).

The frozen encoder of ManiGAN's and SIMSG's features and perceptual loss is CAM's of that world, EfficientNet-lite0 on photographs, or
VGG-16, which the papers use, from a file: `--encoder vgg16:FILE`.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from hetero_xmodal.baselines.editing import TAGAN, BudgetConfig, SceneVocabulary, save_baseline
from hetero_xmodal.baselines.editing.folder import KINDS
from hetero_xmodal.configs import config_with
from hetero_xmodal.networks.encoder_names import encoder_kind
from hetero_xmodal.networks.image_branch import ImageEncoder, make_encoder

SHIPPED = "shipped"


def _made(kind: str, words: Any, encoder: ImageEncoder, image_size: int, budget: BudgetConfig, changed: list[str]) -> Any:
    cls, config = KINDS[kind]
    if config is None:
        return TAGAN(words, image_size=image_size, budget=budget)
    return cls(words, encoder, image_size=image_size, budget=budget, config=config_with(config(), changed))


def _encoder(name: str | None, data: str) -> tuple[str, ImageEncoder]:
    name = name or (SHIPPED if data.startswith("world/") else "efficientnet-lite0")
    if name != SHIPPED:
        return name, make_encoder(name)
    from hetero_xmodal.editing.pipeline import load_manipulation_model

    return name, load_manipulation_model(data.removeprefix("world/")).encoder


def _scenes(data: str, size: int, image_size: int) -> tuple[torch.Tensor, list]:
    """Images (n, 3, S, S) uint8 and their scene graphs."""
    from hetero_xmodal.data.tasks.editing import load_editing_images

    items = [item for item in load_editing_images(data, "train", size=size, image_size=image_size) if item.scene is not None]
    pixels = np.stack([np.asarray(item.image.convert("RGB").resize((image_size, image_size))) for item in items])
    return torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous(), [item.scene for item in items]


def main() -> None:
    from hetero_xmodal.training.editing.make_dataset import load_manipulation_data

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="world/birds")
    parser.add_argument("--size", type=int, default=2500, help="training images")
    parser.add_argument("--image-size", type=int, default=64)
    parser.add_argument("--minutes", type=float, default=40, help="of the processor, for each")
    parser.add_argument("--steps", type=int, default=10**9, help="at most so many batches")
    parser.add_argument("--only", nargs="+", choices=tuple(KINDS), default=tuple(KINDS))
    parser.add_argument("--encoder", help="'shipped' (CAM's, the default on the world), efficientnet-lite0, vgg16:FILE")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting of the methods, such as perceptual=10")
    parser.add_argument("--bfloat16", action="store_true", help="convolutions in bfloat16, on processors that have it")
    parser.add_argument("--out", required=True)
    options = parser.parse_args()
    if not options.minutes > 0:
        parser.error(f"--minutes is {options.minutes}, expected a number above 0")
    if options.set and "tagan" in options.only:
        parser.error("--set: TAGAN has no settings; name the methods that have them with --only")
    if {"tagan", "manigan"} & set(options.only):
        known = load_manipulation_data(options.data, "train", size=options.size, image_size=options.image_size)
    if {"simsg", "sg2im"} & set(options.only):
        images, scenes = _scenes(options.data, options.size, options.image_size)
    name, encoder = _encoder(options.encoder, options.data)
    for kind in options.only:
        budget = replace(KINDS[kind][0].usual, steps=options.steps, seconds=60 * options.minutes, bfloat16=options.bfloat16)
        begun, worked = time.monotonic(), time.process_time()
        if kind in ("simsg", "sg2im"):
            method = _made(kind, SceneVocabulary.of(scenes), encoder, options.image_size, budget, options.set).fit(images, scenes)
        else:
            method = _made(kind, known.words(), encoder, options.image_size, budget, options.set)
            method.fit(known.images, known.corpus.sentences, known.image)
        minutes, work = (time.monotonic() - begun) / 60, (time.process_time() - worked) / 60
        batches = int(method.history[-1]["step"]) + 1
        told = {"minutes": round(work, 1), "minutes passed": round(minutes, 1), "batches": batches, "encoder": name}
        told |= {"data": options.data, "size": options.size, "history": method.history}
        encoded = "" if kind == "tagan" else encoder_kind("world" if name == SHIPPED else name)
        save_baseline(method, Path(options.out) / kind, encoder=encoded, trained=told)
        print(f"{method.name}: {work:.1f} minutes of processor time, {batches} batches of {budget.batch_size}", flush=True)
        print({key: round(value, 4) for key, value in method.history[-1].items()}, flush=True)


if __name__ == "__main__":
    main()
