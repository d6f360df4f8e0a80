"""The detector of the default world: detectron2's FCOS on a small residual pyramid, with an attribute head.

An image of S x S pixels passes a stem (stride 2, 32 channels) and three residual stages (strides 4, 8, 16), which a feature pyramid
projects to one width. FCOS (Tian et al. 2019) predicts class, box and centerness at every cell of strides 4, 8 and 16; stride 4 is needed
to detect a beak of eight pixels. The attribute head applies RoIAlign (7 x 7) to the stem and to the finest pyramid level, because a stripe
of three pixels is lost at stride 8.

Import this module only after :func:`~hetero_xmodal.parsers.detectors.detectron2_quietly.require_detectron2`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from detectron2.layers import CNNBlockBase, Conv2d, CycleBatchNormList, ShapeSpec, batched_nms, get_norm
from detectron2.modeling import Backbone
from detectron2.modeling.backbone.resnet import BasicBlock, ResNet
from detectron2.modeling.meta_arch.fcos import FCOS, FCOSHead
from torch import nn
from torch.nn import functional as F
from torchvision.ops import roi_align


@dataclass(frozen=True)
class WorldDetectorConfig:
    """Architecture of the detector; stored with the weights.

    classes : names of the object classes
    attributes : kind -> words; index 0 of every kind means "none" (plain, ordinary size, no particular colour)
    stem : channels of the stem
    widths : channels of the stages of stride 4, 8 and 16
    blocks : residual blocks of each stage
    pyramid : channels of the pyramid and of the FCOS head
    head_convs : convolutions of the FCOS head
    feature : width of the region feature
    image_size : side in pixels that images are resized to
    """

    classes: tuple[str, ...]
    attributes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    stem: int = 32
    widths: tuple[int, ...] = (64, 96, 128)
    blocks: tuple[int, ...] = (2, 2, 2)
    pyramid: int = 64
    head_convs: int = 2
    feature: int = 128
    image_size: int = 128


class _Stem(CNNBlockBase):
    """Two 3 x 3 convolutions, the first with stride 2."""

    def __init__(self, channels: int) -> None:
        super().__init__(3, channels, 2)
        self.conv1 = Conv2d(3, channels, 3, stride=2, padding=1, bias=False, norm=get_norm("BN", channels), activation=F.relu)
        self.conv2 = Conv2d(channels, channels, 3, padding=1, bias=False, norm=get_norm("BN", channels), activation=F.relu)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.conv2(self.conv1(x))


class _Pyramid(Backbone):
    """Residual stages and a feature pyramid; returns the stem as well, which detectron2's own FPN would drop."""

    size_divisibility = 16

    def __init__(self, config: WorldDetectorConfig) -> None:
        super().__init__()
        stages, channels = [], config.stem
        for width, blocks in zip(config.widths, config.blocks, strict=True):
            strides = [2] + [1] * (blocks - 1)
            stages.append(
                ResNet.make_stage(BasicBlock, blocks, in_channels=channels, out_channels=width, norm="BN", stride_per_block=strides)
            )
            channels = width
        self.bottom_up = ResNet(_Stem(config.stem), stages, out_features=["stem", "res2", "res3", "res4"])
        self.lateral = nn.ModuleList(Conv2d(w, config.pyramid, 1, bias=False, norm=get_norm("BN", config.pyramid)) for w in config.widths)
        self.output = nn.ModuleList(
            Conv2d(config.pyramid, config.pyramid, 3, padding=1, bias=False, norm=get_norm("BN", config.pyramid), activation=F.relu)
            for _ in config.widths
        )
        self._shapes = {f"p{i + 2}": ShapeSpec(channels=config.pyramid, stride=4 * 2**i) for i in range(len(config.widths))}

    def output_shape(self) -> dict[str, ShapeSpec]:
        return self._shapes

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        maps = self.bottom_up(x)
        results, above = {"stem": maps["stem"]}, None
        for i in reversed(range(len(self.lateral))):
            here = self.lateral[i](maps[f"res{i + 2}"])
            above = here if above is None else here + F.interpolate(above, scale_factor=2.0, mode="nearest")
            results[f"p{i + 2}"] = self.output[i](above)
        return results


class AttributeHead(nn.Module):
    """Region features (n, feature) of boxes and, for every kind of attribute, logits (n, words)."""

    def __init__(self, config: WorldDetectorConfig) -> None:
        super().__init__()
        self.image_size = config.image_size
        channels = config.stem + config.pyramid
        self.mix = nn.Sequential(
            Conv2d(channels, 64, 1, bias=False, norm=get_norm("BN", 64), activation=F.relu),
            Conv2d(64, 64, 3, bias=False, norm=get_norm("BN", 64), activation=F.relu),  # 7 x 7 -> 5 x 5
        )
        self.embed = nn.Linear(64 * 5 * 5, config.feature)
        self.name = nn.Linear(config.feature, len(config.classes))
        # size is relative to the class (a small tree is larger than a large cup), so it is predicted from class and box
        self.words = nn.ModuleDict({kind: nn.Linear(config.feature, len(words)) for kind, words in config.attributes.items()})
        self.scale = nn.ModuleDict(
            {kind: nn.Linear(6 * len(config.classes), len(words), bias=False) for kind, words in config.attributes.items()}
        )
        for layer in self.scale.values():
            nn.init.zeros_(layer.weight)  # type: ignore[arg-type]

    def region_features(self, stem: torch.Tensor, fine: torch.Tensor, boxes: list[torch.Tensor]) -> torch.Tensor:
        """Region features (n, feature) from the stem (B, c, H/2, W/2), the finest level (B, c, H/4, W/4), and each image's boxes (k, 4)."""
        regions = torch.cat(
            [roi_align(m.float(), boxes, 7, 1 / stride, sampling_ratio=2, aligned=True) for m, stride in ((stem, 2), (fine, 4))], 1
        )
        return F.relu(self.embed(self.mix(regions).flatten(1)))

    def forward(self, features: torch.Tensor, boxes: torch.Tensor, classes: torch.Tensor) -> dict[str, torch.Tensor]:
        """Logits (n, words) of every kind of attribute, from region features (n, feature), boxes (n, 4) and classes (n,)."""
        width, height = ((boxes[:, 2:] - boxes[:, :2]) / self.image_size).clamp_min(1e-3).log().unbind(1)
        geometry = torch.stack([torch.ones_like(width), width, height, width**2, height**2, width * height], 1)
        one_hot = F.one_hot(classes, self.name.out_features).to(geometry)
        by_class = (one_hot[:, :, None] * geometry[:, None]).flatten(1)
        return {kind: self.words[kind](features) + self.scale[kind](by_class) for kind in self.words}


class _LevelHead(FCOSHead):
    """FCOS' head with batch norms of its own for every pyramid level, chosen by the level.

    detectron2's ``CycleBatchNormList`` counts its calls instead: after a forward pass that an exception ends half-way, or while two threads
    use it, the levels get each other's statistics.
    """

    def forward(self, features: list[torch.Tensor]) -> tuple[list[torch.Tensor], list[torch.Tensor], list[torch.Tensor]]:
        answers: tuple[list, list, list] = ([], [], [])
        for level, x in enumerate(features):
            boxes = _subnet(self.bbox_subnet, x, level)
            answers[0].append(self.cls_score(_subnet(self.cls_subnet, x, level)))
            answers[1].append(self.bbox_pred(boxes))
            answers[2].append(self.ctrness(boxes))
        return answers


def _subnet(layers: nn.Sequential, x: torch.Tensor, level: int) -> torch.Tensor:
    for layer in layers:
        if isinstance(layer, CycleBatchNormList):
            x = layer[level](x) * layer.weight.reshape(1, -1, 1, 1) + layer.bias.reshape(1, -1, 1, 1)
        else:
            x = layer(x)
    return x


class WorldDetectorNetwork(FCOS):
    """FCOS with an attribute head. In training mode it returns a dict of losses, otherwise one ``Instances`` per image.

    Inputs are a batch (B, 3, H, W) of RGB values in 0..255, with H and W multiples of 16 (the caller pads smaller images).
    The ``Instances`` have the fields ``pred_boxes``, ``scores``, ``pred_classes``, ``region_features`` (n, 128) and ``attributes``
    (n, kinds), the index of the word of each kind in the config.
    """

    def __init__(self, config: WorldDetectorConfig) -> None:
        backbone = _Pyramid(config)
        shapes = list(backbone.output_shape().values())
        head = _LevelHead(input_shape=shapes, num_classes=len(config.classes), conv_dims=[config.pyramid] * config.head_convs, norm="BN")
        for layer in (*head.cls_subnet, *head.bbox_subnet):
            if isinstance(layer, nn.Conv2d):  # detectron2's standard deviation of 0.01 suits fine-tuning and trains slowly from scratch
                nn.init.kaiming_normal_(layer.weight)
        nn.init.constant_(head.bbox_pred.bias, 3.0)  # boxes start about three cells wide to each side
        super().__init__(
            backbone=backbone,
            head=head,
            head_in_features=list(backbone.output_shape()),
            num_classes=len(config.classes),
            test_nms_thresh=0.6,
            test_topk_candidates=400,
            max_detections_per_image=50,
            pixel_mean=[127.5] * 3,
            pixel_std=[64.0] * 3,
        )
        self.config = config
        self.attribute_head = AttributeHead(config)

    def features(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        """Feature maps of images (B, 3, H, W) in 0..255: ``stem`` (stride 2) and ``p2``, ``p3``, ``p4`` (strides 4, 8, 16)."""
        x = (images - self.pixel_mean) / self.pixel_std
        return self.backbone(x.contiguous(memory_format=torch.channels_last))

    def forward(self, images: torch.Tensor, truth: list | None = None, *, score_threshold: float = 0.05):
        """Losses in training mode, else detections, of images (B, 3, H, W).

        *truth* is one ``Instances`` per image with ``gt_boxes``, ``gt_classes`` and ``gt_attributes`` (n, kinds), required in training;
        detections below *score_threshold* are dropped before boxes suppress each other.
        """
        maps = self.features(images)
        levels = [maps[f] for f in self.head_in_features]
        predictions = [[y.float() for y in part] for part in self.head(levels)]
        if self.training:
            assert truth is not None, "training needs the true objects"
            return self.forward_training(images, levels, predictions, truth) | self._attribute_losses(maps, truth)
        return self._detections(images, maps, levels, predictions, score_threshold)

    def _attribute_losses(self, maps: dict[str, torch.Tensor], truth: list) -> dict[str, torch.Tensor]:
        boxes = [t.gt_boxes.tensor for t in truth]
        sides = [torch.cat([b[:, 2:] - b[:, :2]] * 2, 1) for b in boxes]
        # detected boxes are inaccurate too, so the head is trained on jittered ones
        noisy = [b + (torch.rand_like(b) - 0.5) * 0.1 * side for b, side in zip(boxes, sides, strict=True)]
        features = self.attribute_head.region_features(maps["stem"], maps["p2"], noisy).float()
        classes, words = torch.cat([t.gt_classes for t in truth]), torch.cat([t.gt_attributes for t in truth])
        logits = self.attribute_head(features, torch.cat(boxes), classes)
        losses = {f"loss_{kind}": F.cross_entropy(logits[kind], words[:, k]) for k, kind in enumerate(logits)}
        return losses | {"loss_name": 0.5 * F.cross_entropy(self.attribute_head.name(features), classes)}

    def _detections(self, images, maps, levels, predictions, score_threshold: float) -> list:
        logits, deltas, centerness = self._transpose_dense_predictions(predictions, [self.num_classes, 4, 1])
        anchors = self.anchor_generator(levels)
        size = tuple(images.shape[-2:])
        found = []
        for i in range(len(images)):
            scores = [torch.sqrt(x[i].sigmoid() * y[i].sigmoid()) for x, y in zip(logits, centerness, strict=True)]
            found.append(self._best(anchors, scores, [x[i] for x in deltas], size, score_threshold))
            found[-1].pred_boxes.clip(size)
        boxes = [f.pred_boxes.tensor for f in found]
        features = self.attribute_head.region_features(maps["stem"], maps["p2"], boxes).float()
        classes = torch.cat([f.pred_classes for f in found])
        # rescore classes with the region feature, which sees more detail: of two classes for one object, one gets a low score
        agreed = self.attribute_head.name(features).softmax(1).gather(1, classes[:, None])[:, 0]
        words = self.attribute_head(features, torch.cat(boxes), classes)
        indices = torch.stack([w.argmax(1) for w in words.values()], 1)
        counts = [len(f) for f in found]
        for one, rows, picks, share in zip(found, features.split(counts), indices.split(counts), agreed.split(counts), strict=True):
            one.region_features, one.attributes, one.scores = rows, picks, one.scores * share
        return found

    def _best(self, anchors, scores, deltas, size, score_threshold: float):
        """``inference_single_image`` of detectron2 with a threshold of its own, so that a call changes nothing in the network."""
        found = self._decode_multi_level_predictions(anchors, scores, deltas, score_threshold, self.test_topk_candidates, size)
        keep = batched_nms(found.pred_boxes.tensor, found.scores, found.pred_classes, self.test_nms_thresh)
        return found[keep[: self.max_detections_per_image]]
