"""Evaluation of the world's detector: average precision by detectron2's COCOEvaluator, and accuracy of the attributes."""

from __future__ import annotations

import contextlib
import io
import logging
import tempfile
import time
from collections import defaultdict
from typing import Any

import numpy as np

from ..parsers.detectors.base import InputImage
from ..parsers.detectors.detectron2_quietly import quiet, require_detectron2
from ..parsers.detectors.registry import load_detector
from ..parsers.detectors.world import WorldDetector, encode_scene
from ..parsers.world_vocabulary import BIRD_PARTS
from ..scenes import SceneGraph, SceneObject

#: detections with lower scores do not affect the average precision
LOWEST_SCORE = 0.05
BATCH = 16


def evaluate_detector(world: str = "scenes", *, size: int = 500, split: str = "test", weights=None, seed: int = 0) -> dict[str, Any]:
    """Average precision, attribute accuracy and speed on held-out images of ``world/scenes`` or ``world/birds``.

    Returns
    -------
    dict with ``AP`` (mean over IoU .50 to .95), ``AP50``, ``AP75`` in percent, computed by COCOEvaluator; ``attributes``: kind -> accuracy
    over the true objects with a detection of their class and an IoU of at least 0.5 (including objects without an attribute of that kind;
    for birds the colour is reported by part); ``found``: share of true objects with such a detection at the default score threshold;
    ``images_per_second`` of detection.
    """
    require_detectron2()
    from ..data import load_dataset

    detector = load_detector("world", weights=weights)
    items = list(load_dataset(f"world/{world}", split, size=size, seed=seed, image_size=detector.config.image_size))
    images = [InputImage(item.image, item.image.size, id=item.id) for item in items]
    started = time.perf_counter()
    answers = []
    for i in range(0, len(images), BATCH):
        answers += detector.detect(images[i : i + BATCH], score_threshold=LOWEST_SCORE, max_objects=100)
    seconds = time.perf_counter() - started
    scenes = [item.scene for item in items]
    return {
        "world": world,
        "images": len(items),
        **average_precision(detector, scenes, answers),
        **attribute_accuracy(scenes, answers),
        "images_per_second": round(len(items) / seconds, 1),
    }


def average_precision(detector: WorldDetector, scenes: list[SceneGraph], answers: list) -> dict[str, float]:
    """AP, AP50 and AP75 in percent by detectron2's COCOEvaluator, on a data set that is registered temporarily in memory."""
    import torch
    from detectron2.data import DatasetCatalog, MetadataCatalog
    from detectron2.evaluation import COCOEvaluator
    from detectron2.structures import Boxes, BoxMode, Instances

    config = detector.config
    records = []
    for number, scene in enumerate(scenes):
        boxes, classes, _ = encode_scene(scene, config)
        annotations = [
            {"bbox": box, "bbox_mode": BoxMode.XYXY_ABS, "category_id": c, "iscrowd": 0}
            for box, c in zip(boxes.tolist(), classes.tolist(), strict=True)
        ]
        records.append(
            {"file_name": str(number), "image_id": number, "width": scene.size[0], "height": scene.size[1], "annotations": annotations}
        )
    name = f"hetero_xmodal_{id(records)}"
    log = logging.getLogger("detectron2")
    level = log.level
    log.setLevel(logging.ERROR)  # it logs every step of the evaluation
    DatasetCatalog.register(name, lambda: records)
    MetadataCatalog.get(name).set(thing_classes=list(config.classes))
    try:
        with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()), quiet():
            evaluator = COCOEvaluator(name, tasks=("bbox",), distributed=False, output_dir=folder, use_fast_impl=False)
            evaluator.reset()
            for record, scene, found in zip(records, scenes, answers, strict=True):
                instances = Instances((scene.size[1], scene.size[0]))
                instances.pred_boxes = Boxes(torch.from_numpy(found.boxes))
                instances.scores = torch.from_numpy(found.scores)
                instances.pred_classes = torch.tensor([config.classes.index(n) for n in found.names], dtype=torch.int64)
                evaluator.process([record], [{"instances": instances}])
            result = evaluator.evaluate()["bbox"]
    finally:
        log.setLevel(level)
        DatasetCatalog.remove(name)
        MetadataCatalog.remove(name)
    return {key: round(float(result[key]), 2) for key in ("AP", "AP50", "AP75")}


def attribute_accuracy(
    scenes: list[SceneGraph], answers: list, *, score_threshold: float = WorldDetector.score_threshold
) -> dict[str, Any]:
    """Attribute accuracy by kind (and by part for the colours of birds) on true objects matched with an IoU of at least 0.5."""
    from ..parsers.world_vocabulary import attribute_kind

    right: dict[str, list[bool]] = defaultdict(list)
    found = []
    for scene, answer in zip(scenes, answers, strict=True):
        for thing in scene.objects:
            match = _best(thing, answer, score_threshold)
            found.append(match is not None)
            if match is None:
                continue
            predicted, true = answer.attributes[match], thing.attributes
            kinds = (
                ("colour", "length")
                if thing.name == "beak"
                else ("colour", "pattern")
                if thing.name in BIRD_PARTS
                else ("colour", "pattern", "size")
            )
            for kind in kinds:
                same = [a for a in predicted if attribute_kind(a) == kind] == [a for a in true if attribute_kind(a) == kind]
                right[kind if thing.name not in BIRD_PARTS else f"{kind} of {thing.name}"].append(same)
    return {
        "found": round(float(np.mean(found)), 4),
        "attributes": {kind: round(float(np.mean(values)), 4) for kind, values in sorted(right.items())},
    }


def _best(thing: SceneObject, answer, score_threshold: float) -> int | None:
    """Index of the detection of the object's class with the highest IoU, if that is at least 0.5."""
    rows = [i for i, name in enumerate(answer.names) if name == thing.name and answer.scores[i] >= score_threshold]
    if not rows:
        return None
    box, boxes = np.asarray(thing.box), answer.boxes[rows]
    shared = np.prod((np.minimum(boxes[:, 2:], box[2:]) - np.maximum(boxes[:, :2], box[:2])).clip(0), 1)
    overlap = shared / (np.prod(boxes[:, 2:] - boxes[:, :2], 1) + np.prod(box[2:] - box[:2]) - shared)
    return rows[int(overlap.argmax())] if overlap.max() >= 0.5 else None
