"""Fitting the test whether an image looks like one of the generated world (:mod:`hetero_xmodal.parsers.detectors.world_look`)."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..data.registry import load_dataset
from ..files import renew_record, write_safetensors
from ..parsers.detectors.world_look import look_statistics

if TYPE_CHECKING:
    from PIL import Image

#: least standard deviation of a direction: what the world varies less in is not held against an image
LEAST_DEVIATION = 0.01
#: greatest squared distance of an image of the world, chosen on 600 validation images of the world and 1,136 photographs
THRESHOLD = 205.0


def world_images(split: str, count: int) -> Iterator[Image.Image]:
    """*count* scenes and *count* birds, and of every fourth also a JPEG of quality 75, of every fourth one of 300 pixels and quality 40."""
    from PIL import Image

    for name in ("world/scenes", "world/birds"):
        dataset = load_dataset(name, split=split, size=count)
        for row in range(count):
            image = dataset[row].image.convert("RGB")
            yield image
            for turn, side, quality in ((0, None, 75), (1, 300, 40)):
                if row % 4 == turn:
                    file = io.BytesIO()
                    (image if side is None else image.resize((side, side), 3)).save(file, "JPEG", quality=quality)
                    yield Image.open(file)


def fit_world_look(out: str | Path, *, count: int = 1500) -> None:
    """Fit mean and covariance on images of the world's training split and write them to the file *out*."""
    import torch

    statistics = np.array([look_statistics(image) for image in world_images("train", count)])
    mean = statistics.mean(0)
    _, values, directions = np.linalg.svd(statistics - mean, full_matrices=False)
    deviation = np.maximum(values / np.sqrt(len(statistics)), LEAST_DEVIATION)
    tensors = {"mean": mean, "whitening": directions.T / deviation, "threshold": np.array(THRESHOLD)}
    write_safetensors(out, {name: torch.from_numpy(value).float() for name, value in tensors.items()})
    renew_record(out)
