"""Fitting the test whether an image looks like one of the generated world (:mod:`hetero_xmodal.parsers.detectors.world_look`)."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..data.registry import load_dataset
from ..files import renew_record, write_safetensors
from ..parsers.detectors.world_look import look_statistics, whitened_inputs

if TYPE_CHECKING:
    from PIL import Image

#: least standard deviation of a direction: what the world varies less in is not held against an image
LEAST_DEVIATION = 0.01
#: bound of the squared distance, and least evidence of the logistic regression, chosen on validation images and other photographs
BOUND, MARGIN = 350.0, 2.5
#: inverse strength of the logistic regression's penalty
INVERSE_PENALTY = 0.1


#: how images of the world come: as drawn at several sizes, made smaller, and as JPEG (side in pixels, quality)
KINDS = ("128 pixels", "64 pixels", "256 pixels", "made smaller to 64", "JPEG 75", "300 pixels, JPEG 40")


def world_images(split: str, count: int) -> Iterator[tuple[str, Image.Image]]:
    """Kind and image of *count* scenes and *count* birds as drawn at 128 pixels, and of a fifth of them in each other kind of KINDS."""
    for name in ("world/scenes", "world/birds"):
        sizes = {side: load_dataset(name, split=split, size=count, image_size=side) for side in (64, 128, 256)}
        for row in range(count):
            image = sizes[128][row].image.convert("RGB")
            yield KINDS[0], image
            kind = 1 + row % 5
            if kind in (1, 2):
                yield KINDS[kind], sizes[64 if kind == 1 else 256][row].image.convert("RGB")
            elif kind == 3:
                yield KINDS[kind], image.resize((64, 64))
            else:
                yield KINDS[kind], _jpeg(image, 75) if kind == 4 else _jpeg(image.resize((300, 300), 3), 40)


def _jpeg(image: Image.Image, quality: int) -> Image.Image:
    from PIL import Image as pil

    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return pil.open(file)


def fit_world_look(out: str | Path, photographs: Sequence[str | Path], *, count: int = 1500) -> None:
    """Fit on images of the world's training split and on *photographs*, and write the file *out*."""
    import torch
    from sklearn.linear_model import LogisticRegression

    statistics = np.array([look_statistics(image) for _, image in world_images("train", count)])
    mean = statistics.mean(0)
    _, values, directions = np.linalg.svd(statistics - mean, full_matrices=False)
    deviation = np.maximum(values / np.sqrt(len(statistics)), LEAST_DEVIATION)
    whitening = directions.T / deviation
    others = np.array([look_statistics(path) for path in photographs])
    inputs = whitened_inputs(np.concatenate([statistics, others]), mean, whitening)[0]
    of_world = np.arange(len(inputs)) < len(statistics)
    model = LogisticRegression(C=INVERSE_PENALTY, max_iter=3000, class_weight="balanced").fit(inputs, of_world)
    tensors = {"mean": mean, "whitening": whitening, "weights": model.coef_[0], "bias": model.intercept_[0]}
    tensors = {name: np.asarray(value) for name, value in (tensors | {"margin": MARGIN, "bound": BOUND}).items()}
    write_safetensors(out, {name: torch.from_numpy(value).float() for name, value in tensors.items()})
    renew_record(out)
