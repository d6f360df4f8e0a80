"""Image quality and similarity metrics: pixel-wise, structural, and based on a network's features.

Images are a tensor (B, 3, H, W), uint8 in 0..255 or floating point in 0..1, or a list of PIL images of one size.
Every result is an :class:`ImageScore`: a ``float`` with its definition and the network used.

| metric | range | better | definition |
|---|---|---|---|
| :func:`l2` | 0..1 | lower | mean squared difference, images in 0..1 |
| :func:`mae` | 0..255 | lower | mean absolute difference, images in 0..255 |
| :func:`ssim` | -1..1 | higher | structural similarity |
| :func:`lpips` | 0..  | lower | distance of a network's normalised features, averaged over positions |
| :func:`inception_score` | 1..classes | higher | exp of the mean KL divergence of each image's class distribution from their mean |
| :func:`frechet_distance` | 0.. | lower | Frechet distance of Gaussians fitted to features of generated and real images (FID) |

The last three need a network. The default is the world's judge, which is shipped and works offline; its values compare methods with one
another and are not comparable with published ones, which are based on ImageNet networks. For those, make a :class:`FeatureExtractor` from
your own module or from a file of weights; nothing is downloaded.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from ..errors import InputError
from ..networks.pixels import image_tensor, resized
from ..world_models.judge import load_judge

WORLD = "world judge, stride 16, 256 features"
#: with fewer images, FID is dominated by a bias that depends on their number
FID_IMAGES = 2048


class ImageScore(float):
    """A score, a ``float``, with its definition.

    Attributes
    ----------
    definition : one-line definition of the score; report it with the value
    extractor : name of the network, or ``""`` if none is used
    images : number of images
    per_image : tensor (images,), or ``None`` for scores of a whole set
    spread : standard deviation over splits (inception score), or ``None``
    """

    definition: str
    extractor: str
    images: int
    per_image: torch.Tensor | None
    spread: float | None

    def __new__(cls, value, definition, images, *, extractor="", per_image=None, spread=None):
        self = super().__new__(cls, value)
        self.definition, self.images, self.extractor, self.per_image, self.spread = definition, images, extractor, per_image, spread
        return self

    def __repr__(self) -> str:
        return f"{float(self):.4g}"

    def __reduce__(self):
        own = {"extractor": self.extractor, "per_image": self.per_image, "spread": self.spread}
        return _rebuild, (float(self), self.definition, self.images, own)


def _rebuild(value, definition, images, own) -> ImageScore:
    return ImageScore(value, definition, images, **own)


# ---------------------------------------------------------------------------------------------- pixels


def l2(made: Any, true: Any, *, scale: str = "unit", root: bool = False) -> ImageScore:
    """Mean over images of the mean squared difference of all values.

    Parameters
    ----------
    made, true : images (B, 3, H, W), see this module.
    scale : ``"unit"``: images in 0..1, result in 0..1 (CAM's column L2, as interpreted here); ``"signed"``: images in -1..1, which
        multiplies the result by four.
    root : take the square root for each image.

    Raises
    ------
    InputError
        If the images differ in shape or cannot be used, or *scale* is unknown.

    >>> float(l2(torch.zeros(1, 3, 2, 2), torch.full((1, 3, 2, 2), 0.5)))
    0.25
    """
    if scale not in ("unit", "signed"):
        raise InputError(f"scale is {scale!r}, expected 'unit' (0..1) or 'signed' (-1..1)")
    made, true = _both(made, true)
    each = (made - true).square().flatten(1).mean(1) * (4 if scale == "signed" else 1)
    each = each.sqrt() if root else each
    about = f"{'root ' if root else ''}mean squared difference, images in {'0..1' if scale == 'unit' else '-1..1'}, lower is better"
    return _mean(each, about)


def mae(made: Any, true: Any, *, regions: Sequence | None = None, margin: int = 2) -> ImageScore:
    """Mean over images of the mean absolute difference on the scale 0..255 (the MAE of the masked-region protocol).

    Parameters
    ----------
    made, true : images (B, 3, H, W), see this module.
    regions : box x1, y1, x2, y2 for each image; only the region, extended by *margin* pixels, is evaluated.

    Raises
    ------
    InputError
        If the images differ in shape or cannot be used, or a region is invalid.

    >>> float(mae(torch.zeros(1, 3, 2, 2), torch.ones(1, 3, 2, 2)))
    255.0
    """
    made, true = _both(made, true)
    about = "mean absolute difference, 0..255, lower is better"
    if regions is None:
        return _mean((made - true).abs().flatten(1).mean(1) * 255, about)
    each = [(a - b).abs().mean() * 255 for a, b in _cut(made, true, regions, margin, 1)]
    return _mean(torch.stack(each), f"{about}, inside the regions with {margin} pixels around")


def ssim(made: Any, true: Any, *, window: int = 11, regions: Sequence | None = None, margin: int = 2) -> ImageScore:
    """Mean structural similarity (torchmetrics), data range 1.

    Parameters
    ----------
    made, true : images (B, 3, H, W), see this module.
    window : 11: the usual Gaussian window (sigma 1.5); 3, 5, 7 or 9: a uniform window of that side. The masked-region protocol of SIMSG
        uses 3 and reports the value times 100. The image is reflected at its border (scikit-image, which SIMSG calls, ignores the border
        and divides variances by n - 1, so its values differ slightly).
    regions, margin : as in :func:`mae`.

    Raises
    ------
    InputError
        If the images differ in shape, cannot be used or are smaller than the window, or a region is invalid.

    >>> images = torch.rand(2, 3, 16, 16)
    >>> round(float(ssim(images, images)), 5)
    1.0
    """
    from torchmetrics.functional.image import structural_similarity_index_measure

    made, true = _both(made, true)
    if window not in (3, 5, 7, 9, 11):
        raise InputError(f"window is {window!r}; give 3, 5, 7 or 9 (uniform) or 11 (Gaussian)")
    if min(made.shape[-2:]) < window:
        raise InputError(
            f"images of {made.shape[-1]} x {made.shape[-2]} pixels are smaller than SSIM's window of {window}; give larger ones"
        )
    pairs = [(made, true)] if regions is None else [(a[None], b[None]) for a, b in _cut(made, true, regions, margin, window)]
    options = {"gaussian_kernel": True} if window == 11 else {"gaussian_kernel": False, "kernel_size": window}
    each = [structural_similarity_index_measure(a, b, data_range=1.0, reduction="none", **options).reshape(-1) for a, b in pairs]
    inside = "" if regions is None else f", inside the regions with {margin} pixels around"
    shape = "Gaussian window of 11 pixels" if window == 11 else f"uniform window of {window} pixels"
    return _mean(torch.cat(each), f"structural similarity, {shape}{inside}, -1..1, higher is better")


def _both(made: Any, true: Any) -> tuple[torch.Tensor, torch.Tensor]:
    made, true = image_tensor(made), image_tensor(true)
    if made.shape != true.shape:
        raise InputError(f"made images have shape {tuple(made.shape)}, true ones {tuple(true.shape)}; bring them to one size and number")
    return made, true


def _mean(each: torch.Tensor, definition: str, extractor: str = "") -> ImageScore:
    return ImageScore(each.double().mean().item(), definition, len(each), extractor=extractor, per_image=each)


def _cut(made: torch.Tensor, true: torch.Tensor, regions: Sequence, margin: int, least: int):
    """(made, true) (3, h, w) of every region with its margin, at least *least* pixels on each side."""
    height, width = made.shape[-2:]
    if len(regions) != len(made):
        raise InputError(f"there are {len(made)} images but {len(regions)} regions; give one region per image")
    for image, other, region in zip(made, true, regions, strict=True):
        x1, y1, x2, y2 = (int(v) for v in region)
        if not (0 <= x1 < x2 <= width and 0 <= y1 < y2 <= height):
            raise InputError(f"region {tuple(region)} does not lie inside the images of {width} x {height} pixels")
        x1, y1, x2, y2 = max(0, x1 - margin), max(0, y1 - margin), min(width, x2 + margin), min(height, y2 + margin)
        x1, y1 = max(0, min(x1, x2 - least)), max(0, min(y1, y2 - least))
        x2, y2 = max(x2, x1 + least), max(y2, y1 + least)
        yield image[:, y1:y2, x1:x2], other[:, y1:y2, x1:x2]


# ---------------------------------------------------------------------------------------------- features


@dataclass(frozen=True)
class FeatureExtractor:
    """A network whose features metrics use, with the name reported in their results.

    name : e.g. ``"Inception-v3, pool3"``
    features : images (B, 3, H, W) float32 in 0..1 -> (B, d), for FID; or ``None``
    logits : images -> (B, classes), for the inception score; or ``None``
    maps : images -> list of (B, c, h, w), for LPIPS without learned weights; or ``None``
    """

    name: str
    features: Callable[[torch.Tensor], torch.Tensor] | None = None
    logits: Callable[[torch.Tensor], torch.Tensor] | None = None
    maps: Callable[[torch.Tensor], list[torch.Tensor]] | None = None


def world_extractor(weights: str | Path | None = None) -> FeatureExtractor:
    """The world's judge as feature extractor: 256 features of the whole image; its classes are the nine colours of a bird's wings.

    >>> world_extractor().name
    'world judge, stride 16, 256 features'
    """
    judge = load_judge(weights)
    name = WORLD if weights is None else f"{judge.name}, stride 16, 256 features"

    @torch.no_grad()
    def maps(images: torch.Tensor) -> list[torch.Tensor]:
        stem = judge.network.stem((resized(images) - 0.5) * 4)
        fine = judge.network.fine(stem)
        return [stem, fine, judge.network.middle(fine)]

    return FeatureExtractor(name, judge.features, judge.logits, maps)


def module_extractor(name: str, module: nn.Module) -> FeatureExtractor:
    """A feature extractor from your own network, (B, 3, H, W) in 0..1 -> (B, d); the outputs are both features and logits."""

    @torch.no_grad()
    def run(images: torch.Tensor) -> torch.Tensor:
        return module.eval()(images)

    return FeatureExtractor(name, run, run)


def inception_extractor(weights: str | Path) -> FeatureExtractor:
    """torchvision's Inception-v3 from a local file of its weights (``inception_v3_google-*.pth`` or the same as safetensors).

    Features are its 2048 pooled activations, classes those of ImageNet; images are resized to 299 x 299. FID's original network is
    another Inception-v3 (TensorFlow's of 2015), whose values differ slightly, so results name the file.

    Raises
    ------
    InputError
        If the file is missing, broken or belongs to another network; nothing is downloaded.
    """
    from torchvision.models import inception_v3

    network = inception_v3(weights=None, init_weights=False, aux_logits=True, transform_input=True)
    _load(network, weights, "Inception-v3's weights", "get inception_v3_google-0cc3c7bd.pth from torchvision's models")
    network.eval()
    here = threading.local()  # two threads must not get each other's activations
    network.avgpool.register_forward_hook(lambda module, inputs, output: setattr(here, "pooled", output.flatten(1)))

    @torch.no_grad()
    def logits(images: torch.Tensor) -> torch.Tensor:
        return network(resized(images, 299) * 2 - 1)

    def features(images: torch.Tensor) -> torch.Tensor:
        logits(images)
        return here.pooled

    return FeatureExtractor(f"Inception-v3 of torchvision ({Path(weights).name})", features, logits)


def _load(network: nn.Module, weights: str | Path, what: str, where: str) -> None:
    from ..files import existing_file, read_safetensors

    try:
        path = existing_file(weights, what)
    except InputError as error:
        raise InputError(f"{error}; {where}, or use world_extractor(), which needs no download") from None
    if path.suffix == ".safetensors":
        state = read_safetensors(path, what)[0]
    else:
        try:
            state = torch.load(path, map_location="cpu", weights_only=True)
        except Exception as error:  # torch raises various exceptions on broken files and on files with more than tensors
            raise InputError(f"{what} '{path}' cannot be read as a file of tensors ({type(error).__name__}); {where}") from None
    try:
        network.load_state_dict(state)
    except (RuntimeError, TypeError, AttributeError):
        raise InputError(f"{what} '{path}' belong to another network; {where}") from None


def lpips(made: Any, true: Any, *, extractor: FeatureExtractor | None = None, weights: str | Path | None = None) -> ImageScore:
    """Perceptual distance: squared difference of channel-normalised features, averaged over positions and summed over layers.

    With *weights*, a local file of torchvision's AlexNet (``alexnet-owt-*.pth``), this is LPIPS (AlexNet) with the learned channel weights
    shipped with torchmetrics; images in 0..1 are scaled to -1..1. Otherwise the *extractor*'s ``maps`` (by default of the world's judge)
    are used with equal channel weights, as the result's ``extractor`` states. *made* and *true* are images (B, 3, H, W).

    Raises
    ------
    InputError
        If the images differ in shape or cannot be used, the extractor has no maps, or the file is not AlexNet's.

    >>> images = torch.rand(1, 3, 32, 32)
    >>> float(lpips(images, images)), lpips(images, images).extractor
    (0.0, 'world judge, equal channel weights')
    """
    made, true = _both(made, true)
    if weights is not None:
        from torchmetrics.functional.image.lpips import _LPIPS
        from torchvision.models import alexnet

        backbone = alexnet(weights=None)
        _load(backbone, weights, "AlexNet's weights", "get alexnet-owt-7be5be79.pth from torchvision's models")
        net = _LPIPS(pretrained=True, net="alex", pnet_rand=True).eval()  # pnet_rand: no download; the backbone comes from the file
        slices = [layer for k in range(1, 6) for layer in getattr(net.net, f"slice{k}")]
        for here, there in zip(slices, backbone.features, strict=False):
            here.load_state_dict(there.state_dict())
        with torch.no_grad():
            each = torch.cat([net(a, b, normalize=True).reshape(-1) for a, b in zip(made.split(32), true.split(32), strict=True)])
        return _mean(each, "LPIPS, lower is better", f"AlexNet ({Path(weights).name}), learned channel weights of LPIPS")
    extractor, name = (extractor, extractor.name) if extractor else (world_extractor(), "world judge")
    if extractor.maps is None:
        raise InputError(f"extractor '{extractor.name}' gives no maps; use world_extractor(), or give AlexNet's weights as a file")
    each = []
    for a, b in zip(made.split(64), true.split(64), strict=True):
        layers = zip(extractor.maps(a), extractor.maps(b), strict=True)
        each.append(sum((F.normalize(x, dim=1) - F.normalize(y, dim=1)).square().sum(1).mean((1, 2)) for x, y in layers))
    return _mean(torch.cat(each), "perceptual distance of normalised features, lower is better", f"{name}, equal channel weights")


def inception_score(made: Any, *, extractor: FeatureExtractor | None = None, splits: int = 10, seed: int = 0) -> ImageScore:
    """exp of the mean KL divergence of each image's class probabilities from their mean, averaged over *splits* (torchmetrics).

    Range 1 .. number of classes: high if each image is confidently of one class and all classes occur. Scores of different extractors, or
    of different numbers of images, are not comparable: report the score of the real images too. *made* are images (B, 3, H, W).

    Raises
    ------
    InputError
        If a split has fewer than two images, or the extractor has no logits.

    >>> score = inception_score(torch.rand(4, 3, 16, 16), splits=2)
    >>> 1 <= score <= 9, score.extractor
    (True, 'world judge, colour of the wings')
    """
    from torchmetrics.image.inception import InceptionScore  # torchmetrics.image hides it without torch-fidelity

    images = image_tensor(made)
    if isinstance(splits, bool) or not isinstance(splits, int) or not 1 <= splits <= len(images) // 2:
        raise InputError(f"splits is {splits!r} for {len(images)} images; every split needs two images, so give 1 to {len(images) // 2}")
    extractor, name = (extractor, extractor.name) if extractor else (world_extractor(), "world judge, colour of the wings")
    if extractor.logits is None:
        raise InputError(f"extractor '{extractor.name}' gives no class logits, which the inception score needs; use world_extractor()")
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings(), torch.no_grad():
        torch.manual_seed(seed)  # torchmetrics shuffles before it splits
        warnings.simplefilter("ignore")  # torchmetrics warns that it stores all features
        metric = InceptionScore(_Calls(extractor.logits), splits=splits)
        for part in images.split(64):
            metric.update(part)
        mean, spread = metric.compute()
    about = f"inception score, mean over {splits} splits, higher is better"
    return ImageScore(mean.item(), about, len(images), extractor=name, spread=0.0 if splits == 1 else spread.item())


def frechet_distance(made: Any, real: Any, *, extractor: FeatureExtractor | None = None) -> ImageScore:
    """FID: squared distance of the means plus trace(S1 + S2 - 2 (S1 S2)^(1/2)) of the features of generated and real images (torchmetrics).

    Computed in float64. A warning is issued if a set has fewer than 2,048 images or no more images than features: the value is then
    biased upwards by an amount that depends on their number, so only sets of equal size are comparable. *made* and *real* are images
    (B, 3, H, W).

    Raises
    ------
    InputError
        If a set has fewer than two images, or the extractor has no features.

    >>> images = torch.rand(8, 3, 16, 16)
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore")
    ...     abs(float(frechet_distance(images, images))) < 1e-3
    True
    """
    from torchmetrics.image.fid import FrechetInceptionDistance

    made, real = image_tensor(made), image_tensor(real)
    if min(len(made), len(real)) < 2:
        raise InputError(f"FID needs at least two made and two real images, found {len(made)} and {len(real)}")
    extractor = extractor or world_extractor()
    if extractor.features is None:
        raise InputError(f"extractor '{extractor.name}' gives no features, which FID needs; use world_extractor()")
    width = extractor.features(made[:2]).shape[1]
    fewest = min(len(made), len(real))
    if fewest < FID_IMAGES or fewest <= width:
        warnings.warn(
            f"Fréchet distance over {fewest} images with {width} features is too large by an unknown amount ({FID_IMAGES:,} images are "
            "usual); compare it only with sets of the same size",
            stacklevel=2,
        )
    module = _Calls(extractor.features, double=True)
    module.num_features = width
    metric = FrechetInceptionDistance(module, normalize=True)
    with torch.no_grad():
        for images, is_real in ((made, False), (real, True)):
            for part in images.split(64):
                metric.update(part, real=is_real)
    value = max(0.0, metric.compute().item())
    about = f"Frechet distance of {width} features, {len(made)} made and {len(real)} real images, lower is better"
    return ImageScore(value, about, len(made), extractor=extractor.name)


class _Calls(nn.Module):
    """A function wrapped as a module for torchmetrics."""

    def __init__(self, function: Callable, double: bool = False) -> None:
        super().__init__()
        self.function, self.double = function, double

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        out = self.function(images)
        return out.double() if self.double else out


# ---------------------------------------------------------------------------------------------- cost


def parameters(module: nn.Module) -> int:
    """Number of trainable parameters of a network.

    >>> parameters(nn.Linear(3, 2))
    8
    """
    return sum(p.numel() for p in module.parameters() if p.requires_grad)


def seconds_per_100(make: Callable[[int], Any], *, images: int = 32, repeats: int = 3) -> float:
    """Wall-clock seconds of ``make(images)``, scaled to 100 images; the best of *repeats* after a warm-up call."""
    import time

    make(images)
    best = float("inf")
    for _ in range(repeats):
        start = time.perf_counter()
        make(images)
        best = min(best, time.perf_counter() - start)
    return best * 100 / images
