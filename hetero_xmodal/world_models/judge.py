"""The world's judge: a small classifier of what an image shows, for the evaluation of edits.

It is used in no loss and in no model, and was trained on images of a world of its own (see :mod:`.train_judge`). Of a bird it predicts
colour, pattern and length of every part from the whole image, without the bird's box: each part has its own attention map. Of a scene it
predicts name (or nothing), colour and pattern at given boxes.

An image of 128 x 128 pixels (others are resized) passes a stem of stride 2 and three residual stages of strides 4, 8 and 16. The
classifiers use the map of stride 4, combined with the stem (stripes are lost at stride 8) and with the coarser stages (for context).

>>> from hetero_xmodal.data import load_dataset
>>> item = load_dataset("world/birds", "test", size=1)[0]
>>> reading = load_judge().read_birds([item.image])[0]
>>> item.scene.objects[1].name, item.scene.objects[1].attributes, reading["crown", "colour"]
('crown', ['green'], 'green')
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F
from torchvision.ops import roi_align

from ..errors import InputError
from ..files import check_single, existing_file, read_json, read_safetensors, renew_record, write_json, write_safetensors
from ..networks.pixels import image_tensor, resized
from ..parsers.world_vocabulary import (
    BIRD_COLOURS,
    BIRD_PARTS,
    BIRD_PATTERNS,
    BIRD_PLACES,
    CATEGORIES,
    LENGTHS,
    PATTERNS,
    SCENE_COLOURS,
    SCENE_TYPES,
)

ASSET = Path(__file__).parent.parent / "assets" / "world_judge.safetensors"
FORMAT = "hetero_xmodal.world_judge"
SIDE = 128
#: the judge's region is a square around the object's centre, larger than its longer side by this factor
ENLARGE = 1.3
SIZES = ("ordinary", "small", "large")
PLACES = (*BIRD_PLACES, *SCENE_TYPES)
#: (thing, kind) -> words, for a bird; ``bird``'s colour is that of head, back and tail
BIRD_SLOTS: dict[tuple[str, str], tuple[str, ...]] = {
    **{(part, "colour"): BIRD_COLOURS for part in (*BIRD_PARTS, "bird")},
    **{(part, "pattern"): BIRD_PATTERNS for part in ("breast", "belly", "wing")},
    ("beak", "length"): LENGTHS,
    ("bird", "size"): SIZES,
}
#: kind -> words, for the object in a box; the empty name means that there is none
BOX_SLOTS: dict[str, tuple[str, ...]] = {"name": ("", *CATEGORIES), "colour": SCENE_COLOURS, "pattern": PATTERNS}


@dataclass(frozen=True)
class WorldJudgeConfig:
    """Widths of the network; stored with the weights.

    stem : channels at stride 2
    widths : channels at strides 4, 8 and 16
    reading : channels of the classifiers' input map
    """

    stem: int = 32
    widths: tuple[int, ...] = (64, 96, 128)
    reading: int = 96


def _conv(inputs: int, outputs: int, stride: int = 1, kernel: int = 3) -> nn.Sequential:
    layer = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
    return nn.Sequential(layer, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))


class _Residual(nn.Module):
    """Residual block of two 3 x 3 convolutions."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = _conv(channels, channels)
        self.second = nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.relu(x + self.second(self.first(x)))


class WorldJudgeNetwork(nn.Module):
    """Feature maps and classifiers of images (B, 3, 128, 128) in 0..1."""

    def __init__(self, config: WorldJudgeConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or WorldJudgeConfig()
        fine, middle, coarse = config.widths
        self.stem = nn.Sequential(_conv(3, config.stem, 2), _conv(config.stem, config.stem))
        self.fine = nn.Sequential(_conv(config.stem, fine, 2), _Residual(fine))
        self.middle = nn.Sequential(_conv(fine, middle, 2), _Residual(middle))
        self.coarse = nn.Sequential(_conv(middle, coarse, 2), _Residual(coarse))
        self.from_middle, self.from_coarse = nn.Conv2d(middle, fine, 1), nn.Conv2d(coarse, fine, 1)
        self.reading = _conv(fine + config.stem, config.reading)
        self.where = nn.Conv2d(config.reading, len(BIRD_PARTS) + 1, 1)  # one attention map per part, one for the whole bird
        self.parts = nn.ModuleDict({f"{thing} {kind}": _head(config.reading, len(words)) for (thing, kind), words in BIRD_SLOTS.items()})
        self.parts["bird size"] = _head(2 * coarse, len(SIZES))
        self.place = _head(2 * coarse, len(PLACES))
        self.box = nn.Sequential(_conv(config.reading, 64), nn.Flatten(), nn.Linear(64 * 49, 128), nn.ReLU(inplace=True))
        self.boxes = nn.ModuleDict({kind: nn.Linear(128, len(words)) for kind, words in BOX_SLOTS.items()})

    def maps(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The classifiers' input map (B, 96, 32, 32) and a feature of the whole image (B, 256)."""
        stem = self.stem(((images - 0.5) * 4).contiguous(memory_format=torch.channels_last))
        fine = self.fine(stem)
        middle = self.middle(fine)
        coarse = self.coarse(middle)
        joined = fine + F.interpolate(
            self.from_middle(middle) + F.interpolate(self.from_coarse(coarse), scale_factor=2.0), scale_factor=2.0
        )
        read = self.reading(torch.cat([joined, F.avg_pool2d(stem, 2)], 1))
        return read, torch.cat([coarse.mean((2, 3)), coarse.amax((2, 3))], 1)

    def birds(self, read: torch.Tensor, summary: torch.Tensor) -> dict[tuple[str, str], torch.Tensor]:
        """Logits (B, words) for every entry of :data:`BIRD_SLOTS`."""
        weights = self.where(read).float().flatten(2).softmax(2)  # (B, parts + 1, 1024)
        pooled = weights @ read.float().flatten(2).transpose(1, 2)  # (B, parts + 1, channels)
        row = {name: k for k, name in enumerate((*BIRD_PARTS, "bird"))}
        return {
            (thing, kind): self.parts[f"{thing} {kind}"](summary if kind == "size" else pooled[:, row[thing]]) for thing, kind in BIRD_SLOTS
        }

    def at(self, read: torch.Tensor, squares: list[torch.Tensor]) -> dict[str, torch.Tensor]:
        """Logits (n, words) for every entry of :data:`BOX_SLOTS`; *squares* holds (k, 4) xyxy in pixels of 128 for each image."""
        regions = roi_align(read.float(), [s.float() for s in squares], 7, 1 / 4, sampling_ratio=2, aligned=True)
        inside = self.box(regions)
        return {kind: layer(inside) for kind, layer in self.boxes.items()}


def _head(inputs: int, words: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(inputs, 64), nn.ReLU(inplace=True), nn.Linear(64, words))


def squares_around(boxes: torch.Tensor) -> torch.Tensor:
    """Squares (n, 4) around the centres of boxes (n, 4) xyxy, 1.3 times the longer side and at least 12 pixels of 128.

    Unlike a box, a square does not reveal the aspect ratio of the object.

    >>> squares_around(torch.tensor([[10.0, 20.0, 30.0, 60.0]]))
    tensor([[-6., 14., 46., 66.]])
    """
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2
    half = (boxes[:, 2:] - boxes[:, :2]).amax(1, keepdim=True).mul(ENLARGE / 2).clamp_min(6.0)
    return torch.cat([centre - half, centre + half], 1)


class WorldJudge:
    """The trained network with the world's vocabulary; :func:`load_judge` loads the shipped one.

    ``name`` identifies the weights; results that depend on the judge report it.
    """

    def __init__(self, network: WorldJudgeNetwork, name: str = "world judge", *, batch_size: int = 64) -> None:
        self.network, self.name, self.batch_size = network.eval(), name, batch_size

    @torch.no_grad()
    def read_birds(self, images: Any) -> list[dict[tuple[str, str], str]]:
        """Predictions for every image of a bird: (thing, kind) -> word, for the entries of :data:`BIRD_SLOTS` and ("image", "place").

        *images* are of any size, as in :func:`~hetero_xmodal.networks.pixels.image_tensor`.
        """
        readings: list[dict[tuple[str, str], str]] = []
        for read, summary in self._maps(images):
            answers = {slot: (BIRD_SLOTS[slot], logits.argmax(1).tolist()) for slot, logits in self.network.birds(read, summary).items()}
            answers["image", "place"] = (PLACES, self.network.place(summary).argmax(1).tolist())
            readings += [{slot: words[picks[k]] for slot, (words, picks) in answers.items()} for k in range(len(read))]
        return readings

    @torch.no_grad()
    def read_boxes(self, images: Any, boxes: Sequence[Sequence]) -> list[list[dict[str, tuple[str, float]]]]:
        """Predictions for the given boxes of every image: kind -> (word, probability); the name "" means that there is no object.

        Parameters
        ----------
        images : as in :func:`~hetero_xmodal.networks.pixels.image_tensor`.
        boxes : for each image its boxes, x1, y1, x2, y2 in pixels. The judge uses a square around each, so that the aspect ratio of a box
            reveals nothing.

        Raises
        ------
        InputError
            If the numbers of images and lists of boxes differ.
        """
        pixels = image_tensor(images)
        if len(boxes) != len(pixels):
            raise InputError(f"there are {len(pixels)} images but boxes for {len(boxes)}; give a list of boxes for each image")
        height, width = pixels.shape[-2:]
        scale = torch.tensor([SIDE / width, SIDE / height] * 2)
        squares = [squares_around(torch.tensor(list(b), dtype=torch.float32).reshape(-1, 4) * scale) for b in boxes]
        readings, start = [], 0
        for read, _ in self._maps(pixels):
            here = squares[start : start + len(read)]
            start += len(read)
            best = {kind: logits.softmax(1).max(1) for kind, logits in self.network.at(read, here).items()}
            rows = [
                {kind: (BOX_SLOTS[kind][int(p.indices[n])], float(p.values[n])) for kind, p in best.items()}
                for n in range(sum(map(len, here)))
            ]
            for s in here:
                readings.append(rows[: len(s)])
                rows = rows[len(s) :]
        return readings

    @torch.no_grad()
    def places(self, images: Any) -> list[str]:
        """The place of each image, one of :data:`PLACES`."""
        return [PLACES[k] for _, summary in self._maps(images) for k in self.network.place(summary).argmax(1).tolist()]

    @torch.no_grad()
    def features(self, images: Any) -> torch.Tensor:
        """Features (B, 256): mean and maximum of every channel at stride 16, the default features of FID."""
        return torch.cat([summary for _, summary in self._maps(images)])

    @torch.no_grad()
    def logits(self, images: Any) -> torch.Tensor:
        """Logits (B, 9) of the colour of the bird's wings, the default classes of the inception score."""
        return torch.cat([self.network.birds(read, summary)["wing", "colour"] for read, summary in self._maps(images)])

    def _maps(self, images: Any):
        pixels = image_tensor(images)
        for start in range(0, len(pixels), self.batch_size):
            yield self.network.maps(resized(pixels[start : start + self.batch_size]))


def save_judge(network: WorldJudgeNetwork, path: str | Path, *, training: dict[str, Any] | None = None) -> None:
    """Write the weights (float16) to ``path`` and the configuration to a ``.json`` file of the same name."""
    path = Path(path)
    weights = {k: v.half() if v.is_floating_point() else v for k, v in network.state_dict().items() if "num_batches" not in k}
    write_safetensors(path, weights, {"format": FORMAT, "config": json.dumps(asdict(network.config))})
    write_json(path.with_suffix(".json"), {"format": FORMAT, "version": 1, "config": asdict(network.config), "training": training or {}})
    for file in (path, path.with_suffix(".json")):
        renew_record(file)


@lru_cache(maxsize=2)
def load_judge(path: str | Path | None = None) -> WorldJudge:
    """Load the judge with the weights of *path*, by default the shipped one.

    Raises
    ------
    InputError
        If a file is missing, broken, or of another network.
    """
    path = existing_file(ASSET if path is None else path, "judge's weights")
    for file in (path, path.with_suffix(".json")):
        check_single(file)
    about = read_json(path.with_suffix(".json"), "judge's configuration")
    if not isinstance(about, dict) or about.get("format") != FORMAT:
        raise InputError(f"'{path.with_suffix('.json')}' does not describe a judge of this package; train one with train_world_judge")
    weights, _ = read_safetensors(path, "judge's weights")
    try:
        config = WorldJudgeConfig(**{k: tuple(v) if isinstance(v, list) else v for k, v in about["config"].items()})
        network = WorldJudgeNetwork(config)
        missing, unknown = network.load_state_dict({k: v.float() for k, v in weights.items()}, strict=False)
    except (TypeError, KeyError, AttributeError, RuntimeError, ValueError, IndexError) as error:
        raise InputError(f"judge's weights '{path}' belong to another network ({type(error).__name__}); train again") from None
    missing = [k for k in missing if "num_batches" not in k]
    if missing or unknown:
        raise InputError(f"judge's weights '{path}' belong to another network ({(missing or unknown)[0]}); train again")
    return WorldJudge(network, "world judge" if path == ASSET else f"world judge ({path.name})")
