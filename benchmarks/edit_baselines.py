"""Train the baselines of editing for so many minutes each, and keep them for cam_table.py, mimnet_table.py and reconstruct_table.py.

    python benchmarks/edit_baselines.py --minutes 40 --size 2500 --out FOLDER
    python benchmarks/edit_baselines.py --data world/scenes --only simsg sg2im --minutes 15 --out FOLDER
    python benchmarks/cam_table.py --split test --baselines FOLDER
    python benchmarks/mimnet_table.py --split test --baselines FOLDER --cam birds

They see the same images, sentences and scene graphs as `hetero-xmodal train cam --size`; give that command the same minutes and the budget
is equal. FOLDER/NAME.safetensors are the weights, FOLDER/about.json says what they learned from, how many batches there were, and how many
minutes of processor time: on a busy machine these are fewer than the minutes that passed.

The frozen encoder of ManiGAN's and SIMSG's features and perceptual loss is CAM's of that world, EfficientNet-lite0 on photographs, or
VGG-16, which the papers use, from a file: `--encoder vgg16:FILE`.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from hetero_xmodal.baselines.editing import SIMSG, TAGAN, ConditionalSg2im, ManiGAN, SceneVocabulary
from hetero_xmodal.files import read_json, read_safetensors, write_json, write_safetensors
from hetero_xmodal.networks.encoder_names import encoder_kind
from hetero_xmodal.networks.image_branch import ImageEncoder, make_encoder

KINDS = {"tagan": TAGAN, "manigan": ManiGAN, "simsg": SIMSG, "sg2im": ConditionalSg2im}
ABOUT = "trained baselines"
SHIPPED = "shipped"


def load_baselines(folder: str | Path) -> Iterator[tuple[str, Any]]:
    """The trained baselines of a folder, each with the name of its row; those of scene graphs once whole and once pasted."""
    folder = Path(folder)
    about = read_json(folder / "about.json", ABOUT)
    for file, told in about["trained"].items():
        encoder = make_encoder("world" if told.get("encoder") == SHIPPED else encoder_kind(told.get("encoder", "world")), pretrained=False)
        method = _made(file, about, encoder)
        method.load_state_dict(read_safetensors(folder / f"{file}.safetensors", "weights of a baseline")[0])
        yield f"{method.name}, {told['minutes']:.0f} minutes", method.eval()


def _made(file: str, about: dict[str, Any], encoder: ImageEncoder, **options: Any) -> Any:
    kind = KINDS[file]
    if kind is TAGAN:
        return TAGAN(about["words"], image_size=about["image_size"], **options)
    if kind is ManiGAN:
        return ManiGAN(about["words"], image_size=about["image_size"], encoder=encoder, **options)
    return kind(SceneVocabulary(**about["scene_words"]), encoder, image_size=about["image_size"], **options)


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
    parser.add_argument("--minutes", type=float, default=40, help="for each")
    parser.add_argument("--steps", type=int, default=10**9, help="at most so many batches")
    parser.add_argument("--only", nargs="+", choices=tuple(KINDS), default=tuple(KINDS))
    parser.add_argument("--encoder", help="'shipped' (CAM's, the default on the world), efficientnet-lite0, vgg16:FILE")
    parser.add_argument("--bfloat16", action="store_true", help="convolutions in bfloat16, on processors that have it")
    parser.add_argument("--out", required=True)
    options = parser.parse_args()
    if not options.minutes > 0:
        parser.error(f"--minutes is {options.minutes}, expected a number above 0")
    out = Path(options.out)
    out.mkdir(parents=True, exist_ok=True)
    about: dict[str, Any] = {"data": options.data, "size": options.size, "image_size": options.image_size}
    before = read_json(out / "about.json", ABOUT) if (out / "about.json").exists() else about
    if any(before.get(name) != value for name, value in about.items()):
        parser.error(f"'{out}' holds baselines that learned from other data; choose another folder")
    about = {"trained": {}} | before
    if {"tagan", "manigan"} & set(options.only):
        known = load_manipulation_data(options.data, "train", size=options.size, image_size=options.image_size)
        about["words"] = known.words()
    if {"simsg", "sg2im"} & set(options.only):
        images, scenes = _scenes(options.data, options.size, options.image_size)
        about["scene_words"] = SceneVocabulary.of(scenes).to_dict()
    name, encoder = _encoder(options.encoder, options.data)
    for file in options.only:
        budget = replace(KINDS[file].usual, steps=options.steps, seconds=60 * options.minutes, bfloat16=options.bfloat16)
        method = _made(file, about, encoder, budget=budget)
        begun, worked = time.monotonic(), time.process_time()
        if isinstance(method, SIMSG):
            method.fit(images, scenes)
        else:
            method.fit(known.images, known.corpus.sentences, known.image)
        minutes, work = (time.monotonic() - begun) / 60, (time.process_time() - worked) / 60
        write_safetensors(out / f"{file}.safetensors", method.state_dict())
        batches = int(method.history[-1]["step"]) + 1
        about["trained"][file] = {"minutes": round(work, 1), "minutes passed": round(minutes, 1), "batches": batches, "encoder": name}
        write_json(out / "about.json", about)
        print(f"{method.name}: {work:.1f} minutes of processor time, {batches} batches of {budget.batch_size}", flush=True)
        print({key: round(value, 4) for key, value in method.history[-1].items()}, flush=True)


if __name__ == "__main__":
    main()
