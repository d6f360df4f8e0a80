"""The detector of the default world, shipped with the package: objects of the scenes, birds and their parts, and their attributes.

The network is :class:`hetero_xmodal.networks.world_detector.WorldDetectorNetwork` (detectron2's FCOS with an attribute head);
``hetero-xmodal train detector`` trains it. The region feature (width 128, L2-normalised) is the input of the attribute classifiers.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import InputError
from ...files import check_single, read_json, read_safetensors
from ...scenes import SceneGraph, SceneRelation
from ..geometry import relations_between
from ..world_vocabulary import BIRD_PARTS, CATEGORIES, COLOURS, HAVE, LENGTHS, PATTERNS, SIZES, attribute_kind
from .base import Detections, InputImage, file_hash, unit_rows
from .detectron2_quietly import quiet, require_detectron2

if TYPE_CHECKING:
    import torch
    from PIL import Image

ASSET = "world_detector"
#: images with a shorter side are refused
LEAST_SIDE = 8
#: boxes that overlap by more than this IoU are one object
SAME_BOX = 0.7

#: kind -> words, with "none" at index 0; attributes are listed in this order: "small", "short", "red", "striped"
ATTRIBUTES = {"size": ("", *SIZES), "length": ("", *LENGTHS), "colour": ("", *COLOURS), "pattern": ("", *PATTERNS[1:])}


def world_config(image_size: int = 128):
    """Configuration of the shipped network, with the classes and attributes of the world."""
    require_detectron2()
    from ...networks.world_detector import WorldDetectorConfig

    return WorldDetectorConfig(classes=(*CATEGORIES, *BIRD_PARTS), attributes=ATTRIBUTES, image_size=image_size)


def encode_scene(scene: SceneGraph, config) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Encode a true scene graph as boxes float32 (n, 4), classes int64 (n,) and attributes int64 (n, kinds), 0 for none."""
    import torch

    kinds = list(config.attributes)
    words = np.zeros((len(scene.objects), len(kinds)), np.int64)
    for row, thing in enumerate(scene.objects):
        for attribute in thing.attributes:
            kind = attribute_kind(attribute)
            words[row, kinds.index(kind)] = config.attributes[kind].index(attribute)
    boxes = torch.tensor([thing.box for thing in scene.objects], dtype=torch.float32).reshape(-1, 4)
    return boxes, torch.tensor([config.classes.index(thing.name) for thing in scene.objects], dtype=torch.int64), torch.from_numpy(words)


class WorldDetector:
    """The shipped detector, or one trained with ``hetero-xmodal train detector``.

    Parameters
    ----------
    weights : ``.safetensors`` file with a ``.json`` of the same name next to it; ``None`` takes the shipped ones.

    Images are resized to the network's training size (longest side, padded with grey); boxes are returned in pixels of the original.

    Raises
    ------
    InputError
        If the files are missing, or do not describe a detector of the world.
    """

    score_threshold = 0.45  # best balance of missed and spurious objects on the validation split

    def __init__(self, weights: str | Path | None = None) -> None:
        require_detectron2()
        import torch

        from ...networks.world_detector import WorldDetectorConfig, WorldDetectorNetwork

        path = Path(weights) if weights is not None else Path(__file__).parents[2] / "assets" / f"{ASSET}.safetensors"
        for file in (path, path.with_suffix(".json")):
            check_single(file)
        tensors, _ = read_safetensors(path, "weights of the world's detector")
        about = read_json(path.with_suffix(".json"), "description of the world's detector")
        try:
            fields: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in about["config"].items()}
            fields["attributes"] = {kind: tuple(words) for kind, words in fields["attributes"].items()}
            self.config = WorldDetectorConfig(**fields)
        except (KeyError, TypeError, AttributeError) as error:
            raise InputError(
                f"'{path.with_suffix('.json')}' does not describe a world detector ({error}); train one with hetero-xmodal train detector"
            ) from None
        with quiet():
            self.network = WorldDetectorNetwork(self.config)
        try:
            wanted = self.network.state_dict()
            kept = {k: v for k, v in wanted.items() if k.endswith("num_batches_tracked")}
            self.network.load_state_dict({k: v.to(wanted[k].dtype) for k, v in tensors.items()} | kept)
        except (RuntimeError, KeyError) as error:
            raise InputError(
                f"weights '{path}' do not fit their description ({str(error).splitlines()[0]}); train again or restore both files"
            ) from None
        self.network.eval().requires_grad_(False).to(memory_format=torch.channels_last)
        self.longest_side = self.config.image_size
        self.source: dict[str, Any] = {
            "detector": "world",
            "weights": file_hash(path),
            "feature": "ROIAlign of stem and finest pyramid level, attribute head",
            "normalisation": "l2",
        }

    def detect(self, images: list[InputImage], *, score_threshold: float = score_threshold, max_objects: int = 36) -> list[Detections]:
        """Detect objects, their attributes and relations.

        Raises
        ------
        InputError
            If an image is smaller than 8 pixels on a side.
        """
        import torch

        side = self.config.image_size
        for image in images:
            if min(image.size) < LEAST_SIDE:
                raise InputError(
                    f"image {image.id or ''} is {image.size[0]} x {image.size[1]} pixels; the world's detector needs at least "
                    f"{LEAST_SIDE} pixels a side"
                )
        batch = np.full((len(images), side, side, 3), 127, np.uint8)
        scales = []
        for row, image in zip(batch, images, strict=True):
            width, height = image.size
            scale = side / max(width, height)
            inside = (max(1, round(width * scale)), max(1, round(height * scale)))
            row[: inside[1], : inside[0]] = np.asarray(_resized(image.pixels, inside))
            scales.append([width / inside[0], height / inside[1]] * 2)
        least = max(0.01, score_threshold)  # boxes below it cannot affect the result
        with torch.inference_mode(), quiet():
            answers = self.network(torch.from_numpy(batch).permute(0, 3, 1, 2).float(), score_threshold=least)
        return [
            self._detections(answer, np.asarray(scale, np.float32), image.size, score_threshold, max_objects)
            for answer, scale, image in zip(answers, scales, images, strict=True)
        ]

    def _detections(self, answer, scale: np.ndarray, size: tuple[int, int], score_threshold: float, max_objects: int) -> Detections:
        width, height = size
        boxes = (answer.pred_boxes.tensor.numpy() * scale).clip(0, [width, height, width, height]).astype(np.float32)
        scores = answer.scores.numpy()
        real = (scores >= score_threshold) & (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])  # a box in the padding has no area
        order = np.flatnonzero(real)
        order = order[np.argsort(-scores[order], kind="stable")]
        order = order[without_duplicates(boxes[order])]
        left_out = len(order) - len(order[:max_objects])
        order = order[:max_objects]
        names = [self.config.classes[c] for c in answer.pred_classes[order].tolist()]
        kinds = list(self.config.attributes.values())
        attributes = [[words[i] for words, i in zip(kinds, row, strict=True) if i > 0] for row in answer.attributes[order].tolist()]
        boxes = boxes[order]
        features, relations = unit_rows(answer.region_features[order].numpy()), world_relations(boxes, names, size)
        return Detections(names, boxes, scores[order], attributes, features, relations, left_out=left_out)


def _resized(pixels: Image.Image, size: tuple[int, int]) -> Image.Image:
    """The image at the size of the network's input; what is enlarged is sharpened, because the network learned from sharp outlines.

    Without it the attributes of .725 of the objects in scenes of 64 pixels are right, with it .878 (validation, 160 images).
    """
    from PIL import Image, ImageFilter

    if pixels.size == size:
        return pixels
    scale = max(size) / max(pixels.size)
    if scale <= 1:
        return pixels.resize(size)
    return pixels.resize(size, Image.Resampling.LANCZOS).filter(ImageFilter.UnsharpMask(0.5 * scale, percent=80, threshold=0))


def without_duplicates(boxes: np.ndarray) -> np.ndarray:
    """Class-agnostic non-maximum suppression of boxes (n, 4) sorted best first: indices of those to keep, (k,).

    It keeps one object from being reported under two names.

    >>> without_duplicates(np.array([[0, 0, 10, 10], [0, 0, 10, 9], [0, 0, 5, 5]], np.float32)).tolist()
    [0, 2]
    """
    import torch
    from torchvision.ops import nms

    return nms(torch.from_numpy(boxes), -torch.arange(len(boxes), dtype=torch.float32), SAME_BOX).numpy()


def world_relations(boxes: np.ndarray, names: list[str], size: tuple[int, int]) -> list[SceneRelation]:
    """Spatial relations between whole objects, of boxes (n, 4), and the parts of the bird that contains them: (bird, have, belly).

    >>> boxes = np.array([[0, 0, 40, 40], [20, 10, 30, 20], [60, 5, 90, 35]], np.float32)
    >>> [(r.subject, r.predicate, r.object) for r in world_relations(boxes, ["bird", "wing", "dog"], (100, 100))]
    [(0, 'left of', 2), (2, 'right of', 0), (0, 'have', 1)]
    """
    whole = [i for i, name in enumerate(names) if name not in BIRD_PARTS]
    relations = [
        replace(r, subject=whole[r.subject], object=whole[r.object])
        for r in relations_between(boxes[whole], [names[i] for i in whole], size=size, hold=True)
    ]
    birds = [i for i in whole if names[i] == "bird"]
    for part, name in enumerate(names):
        if name in BIRD_PARTS and birds:
            low, high = np.maximum(boxes[birds, :2], boxes[part, :2]), np.minimum(boxes[birds, 2:], boxes[part, 2:])
            shared = np.prod((high - low).clip(0), 1)
            if shared.max() > 0.5 * np.prod(boxes[part, 2:] - boxes[part, :2]):
                relations.append(SceneRelation(birds[int(shared.argmax())], HAVE, part, provenance="geometry"))
    return relations
