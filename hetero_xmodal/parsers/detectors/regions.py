"""Region features from an ImageNet network, for boxes without features: annotations, or precomputed detections."""

from __future__ import annotations

from typing import Any

import numpy as np

from .base import DEFAULT_MAX_OBJECTS, Detections, Detector, InputImage, unit_rows
from .grid import load_network

SIDE = 448
SAMPLES = 7


class WithRegionFeatures:
    """A detector with the region features of a frozen ImageNet network instead of its own.

    The image is resized to 448 pixels on its longest side and padded with grey; RoIAlign samples the last feature map at 7 x 7 points of
    each box, and their L2-normalised mean is the feature (width 1280 for EfficientNet-lite0).
    """

    def __init__(self, detector: Detector, network: str = "efficientnet-lite0") -> None:
        self.detector = detector
        self._network, self._mean, self._std, weights = load_network(network)
        self.longest_side = None if detector.longest_side is None else max(detector.longest_side, SIDE)
        self.score_threshold = detector.score_threshold
        self.max_objects = getattr(detector, "max_objects", DEFAULT_MAX_OBJECTS)
        self.source: dict[str, Any] = {
            **detector.source,
            "feature": f"{network}, last feature map, ROIAlign {SAMPLES} x {SAMPLES}, mean",
            "feature_weights": weights,
            "normalisation": "l2",
        }

    def detect(self, images: list[InputImage], *, score_threshold: float, max_objects: int) -> list[Detections]:
        """Detections of the wrapped detector, with the network's region features."""
        import torch
        from torchvision.ops import roi_align

        answers = self.detector.detect(images, score_threshold=score_threshold, max_objects=max_objects)
        batch = torch.zeros(len(images), 3, SIDE, SIDE)
        boxes = []
        for row, image, answer in zip(batch, images, answers, strict=True):
            scale = SIDE / max(image.size)
            width, height = (max(1, round(side * scale)) for side in image.size)
            pixels = np.array(image.pixels.resize((width, height)))
            row[:, :height, :width] = (torch.from_numpy(pixels).permute(2, 0, 1).float() - self._mean) / self._std
            boxes.append(torch.from_numpy(answer.boxes) * torch.tensor([width / image.size[0], height / image.size[1]] * 2))
        with torch.inference_mode():
            maps = self._network(batch)
            for answer, one, its in zip(answers, maps.split(1), boxes, strict=True):
                parts = [  # 256 boxes at a time: each needs 49 samples of every channel
                    roi_align(one, [some], SAMPLES, maps.shape[-1] / SIDE, sampling_ratio=0, aligned=True).mean((2, 3))
                    for some in its.split(256)
                ]
                answer.features = unit_rows(torch.cat(parts).numpy())
        return answers
