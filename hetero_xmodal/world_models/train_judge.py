"""Training of the world's judge on birds and scenes with the degradations of generated images (blur, low resolution, noise).

    python -m hetero_xmodal.world_models.train_judge --out DIR

The loss is the cross-entropy of every prediction, summed within each kind. The regions of a scene include empty ones and objects that were
painted over, so that remains of an object are not classified as the object. Images come from the training split of a world whose seed no
other part of the package uses.
"""

from __future__ import annotations

import argparse
import math
import time
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from ..checks import check_seed
from ..errors import InputError
from ..parsers.world_vocabulary import CATEGORIES, PATTERNS, SCENE_COLOURS
from .judge import BIRD_SLOTS, PLACES, SIDE, SIZES, WorldJudgeNetwork, save_judge, squares_around

#: the default world has seed 0, the detector's training world 1; the judge has seen neither
WORLD_SEED = 7
PEAK_RATE = 3e-3
WARM_UP = 0.05
AVERAGING = 0.99
_IGNORED = -100


def train_judge(
    out: str | Path,
    *,
    steps: int = 1000,
    batch_size: int = 32,
    images: int = 8000,
    seed: int = 0,
    threads: int | None = None,
    progress: bool = True,
) -> Path:
    """Train the judge from scratch and write ``world_judge.safetensors`` and ``.json`` into the folder *out*.

    Parameters
    ----------
    out : output folder.
    steps, batch_size : number of steps, and of images in each, half birds and half scenes.
    images : number of different training images (each 48 KB in memory), half of them birds.
    seed : of initial weights, order and augmentation.
    threads : CPU threads; ``None`` for torch's default.
    progress : print the losses every 50 steps.

    Returns
    -------
    Path of the weights, for :func:`~hetero_xmodal.world_models.judge.load_judge`.

    Raises
    ------
    InputError
        If an option is out of range or training diverges.
    """
    for name, value, low in (("steps", steps, 1), ("batch_size", batch_size, 4), ("images", images, 4)):
        if not isinstance(value, int) or isinstance(value, bool) or value < low:
            raise InputError(f"{name} is {value!r}; give a whole number of at least {low}")
    check_seed(seed)
    if threads is not None:
        torch.set_num_threads(threads)
    clocks = time.time(), time.process_time()
    torch.manual_seed(seed)
    network = WorldJudgeNetwork().to(memory_format=torch.channels_last).train()
    average = {k: v.clone() for k, v in network.state_dict().items()}
    decayed = [p for p in network.parameters() if p.ndim > 1]
    others = [p for p in network.parameters() if p.ndim <= 1]
    optimizer = torch.optim.AdamW([{"params": decayed, "weight_decay": 0.02}, {"params": others, "weight_decay": 0.0}], lr=PEAK_RATE)
    half = torch.cpu._is_amx_tile_supported()  # bfloat16 only with native support
    data = _Images(images, seed)
    for step in range(steps):
        done = step / steps
        rate = done / WARM_UP if done < WARM_UP else max(0.005, 0.5 + 0.5 * math.cos(math.pi * (done - WARM_UP) / (1 - WARM_UP)))
        for group in optimizer.param_groups:
            group["lr"] = PEAK_RATE * max(rate, 0.02)
        losses = _losses(network, data, step, batch_size, half)
        total = torch.stack(list(losses.values())).sum()
        if not torch.isfinite(total):
            raise InputError(f"training diverged at step {step} (loss {total.item()}); try another seed")
        optimizer.zero_grad()
        total.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimizer.step()
        keep = min(AVERAGING, step / (step + 10))
        for name, value in network.state_dict().items():
            if value.is_floating_point():
                average[name].lerp_(value, 1 - keep)
        if progress and (step % 50 == 0 or step == steps - 1):
            shown = "  ".join(f"{k} {v.item():.3f}" for k, v in losses.items())
            print(f"step {step:5d}  {shown}  {time.time() - clocks[0]:.0f} s", flush=True)
    network.load_state_dict(average | {k: v for k, v in network.state_dict().items() if not v.is_floating_point()})
    minutes = {"minutes": (time.time() - clocks[0]) / 60, "processor_minutes": (time.process_time() - clocks[1]) / 60}
    options = {"steps": steps, "batch_size": batch_size, "images": images, "seed": seed, "world_seed": WORLD_SEED}
    path = Path(out) / "world_judge.safetensors"
    save_judge(network, path, training=options | {k: round(v, 1) for k, v in minutes.items()})
    return path


def _losses(network, data: _Images, step: int, batch_size: int, half: bool) -> dict[str, torch.Tensor]:
    birds, bird_words, scenes, squares, box_words, places = data.batch(step, batch_size)
    with torch.autocast("cpu", torch.bfloat16, enabled=half):
        read, summary = network.maps(torch.cat([birds, scenes]))
        n = len(birds)
        parts = network.birds(read[:n], summary[:n])
        boxes = network.at(read[n:], squares)
        place = network.place(summary)
    losses = {"colour": 0.0, "pattern": 0.0, "length": 0.0, "size": 0.0}
    for k, (slot, logits) in enumerate(parts.items()):
        losses[slot[1]] = losses[slot[1]] + F.cross_entropy(logits.float(), bird_words[:, k])
    losses["place"] = F.cross_entropy(place.float(), places)
    for k, (kind, logits) in enumerate(boxes.items()):
        losses[f"box {kind}"] = F.cross_entropy(logits.float(), box_words[:, k], ignore_index=_IGNORED) * (2 if kind == "name" else 1)
    return losses


class _Images:
    """Birds and scenes with their ground truth, generated on first use and cached."""

    def __init__(self, images: int, seed: int) -> None:
        self.count, self.seed = images // 2, seed
        self._kept: dict[tuple[str, int], tuple] = {}
        self._orders: dict[int, np.ndarray] = {}

    def batch(self, step: int, batch_size: int):
        """The batch of a step, deterministic."""
        rng = np.random.default_rng([self.seed, step])
        half = batch_size // 2
        birds, bird_words, scenes, squares, words, places = [], [], [], [], [], []
        for row in range(half):
            epoch, place = divmod(step * half + row, self.count)
            number = int(self._order(epoch)[place])
            pixels, slots, at = self._bird(number)
            birds.append(pixels.flip(1) if rng.random() < 0.5 else pixels)
            bird_words.append(slots)
            places.append(at)
        for row in range(half):
            epoch, place = divmod(step * half + row, self.count)
            pixels, boxes, things, at = self._scene(int(self._order(epoch)[place]))
            pixels, box, wanted = _regions(pixels, boxes, things, rng)
            if rng.random() < 0.5:
                pixels, box = pixels.flip(1), torch.stack([SIDE - box[:, 2], box[:, 1], SIDE - box[:, 0], box[:, 3]], 1)
            scenes.append(pixels)
            squares.append(box)
            words.append(wanted)
            places.append(at)
        birds, scenes = (degraded(torch.stack(p).permute(0, 3, 1, 2).float() / 255, rng) for p in (birds, scenes))
        return birds, torch.tensor(bird_words), scenes, squares, torch.cat(words), torch.tensor(places)

    def _order(self, epoch: int) -> np.ndarray:
        if epoch not in self._orders:
            self._orders = {epoch: np.random.default_rng([self.seed, 1, epoch]).permutation(self.count)}
        return self._orders[epoch]

    def _bird(self, number: int) -> tuple:
        from ..data.world.birds import make_bird
        from ..data.world.paint import shrink

        if ("bird", number) not in self._kept:
            bird, canvas, _ = make_bird(WORLD_SEED, "train", number)
            self._kept["bird", number] = (torch.from_numpy(shrink(canvas, SIDE)), bird_words(bird), PLACES.index(bird.place))
        return self._kept["bird", number]

    def _scene(self, number: int) -> tuple:
        from ..data.world.paint import CANVAS, shrink
        from ..data.world.render import make_scene

        if ("scene", number) not in self._kept:
            scene, canvas, boxes = make_scene(WORLD_SEED, "train", number)
            things = [(CATEGORIES.index(t.category) + 1, SCENE_COLOURS.index(t.colour), PATTERNS.index(t.pattern)) for t in scene.things]
            box = torch.tensor(boxes, dtype=torch.float32) * (SIDE / CANVAS)
            self._kept["scene", number] = (torch.from_numpy(shrink(canvas, SIDE)), box, torch.tensor(things), PLACES.index(scene.place))
        return self._kept["scene", number]


def bird_words(bird) -> list[int]:
    """Indices of the true words for the entries of ``BIRD_SLOTS``."""
    parts = {p.name: p for p in bird.parts}
    words = []
    for (thing, kind), choices in BIRD_SLOTS.items():
        if thing == "bird":
            value = bird.body if kind == "colour" else bird.size or SIZES[0]
        else:
            value = getattr(parts[thing], kind)
        words.append(choices.index(value))
    return words


def _regions(pixels, boxes, things, rng) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Regions to classify, with their targets: every object (with a jittered box), empty regions, and an object painted over."""
    things = things.clone()
    if rng.random() < 0.3:
        k = int(rng.integers(len(boxes)))
        pixels = _painted_over(pixels, boxes[k], rng)
        hidden = torch.tensor([_share_inside(b, boxes[k]) for b in boxes])
        things[hidden > 0.15] = _IGNORED  # partly covered neighbours are ignored
        things[k] = torch.tensor([0, _IGNORED, _IGNORED])
    sides = (boxes[:, 2:] - boxes[:, :2]).amax(1, keepdim=True)
    shift = torch.from_numpy(rng.uniform(-0.08, 0.08, (len(boxes), 2))).float() * sides
    grow = torch.from_numpy(rng.uniform(0.9, 1.12, (len(boxes), 1))).float()
    centre, half = (boxes[:, :2] + boxes[:, 2:]) / 2 + shift, (boxes[:, 2:] - boxes[:, :2]) / 2 * grow
    near = torch.cat([centre - half, centre + half], 1)
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2
    empty = []
    for _ in range(8):
        side = float(sides[int(rng.integers(len(sides)))]) * rng.uniform(0.8, 1.2)
        if rng.random() < 0.5:  # next to an object: the judge must localise it, not only detect its presence
            k = int(rng.integers(len(boxes)))
            angle, far = rng.uniform(0, 2 * np.pi), rng.uniform(0.5, 0.9) * float(sides[k])
            x, y = (centre[k] + far * torch.tensor([np.cos(angle), np.sin(angle)])).tolist()
        else:
            x, y = rng.uniform(8, SIDE - 8, 2)
        if (torch.hypot(centre[:, 0] - x, centre[:, 1] - y) > 0.45 * torch.maximum(sides[:, 0], torch.tensor(side) * 0.6)).all():
            empty.append([x - side / 2, y - side / 2, x + side / 2, y + side / 2])
        if len(empty) == 3:
            break
    squares = squares_around(torch.cat([near, torch.tensor(empty, dtype=torch.float32).reshape(-1, 4)]))
    nothing = torch.tensor([[0, _IGNORED, _IGNORED]]).repeat(len(empty), 1)
    return pixels, squares, torch.cat([things, nothing])


def _share_inside(box: torch.Tensor, other: torch.Tensor) -> float:
    width, height = (torch.minimum(box[2:], other[2:]) - torch.maximum(box[:2], other[:2])).clamp_min(0).tolist()
    return width * height / float((box[2:] - box[:2]).prod())


def _painted_over(pixels: torch.Tensor, box: torch.Tensor, rng) -> torch.Tensor:
    """Fill a box with noise, with the mean colour of its border, or with a gradient from its left to its right border."""
    x1, y1 = (int(v) for v in box[:2].floor().clamp(0, SIDE - 2))
    x2, y2 = (int(v) for v in box[2:].ceil().clamp(2, SIDE))
    pixels = pixels.clone()
    way = rng.integers(3)
    if way == 0:
        fill = torch.from_numpy(rng.integers(0, 256, (y2 - y1, x2 - x1, 3)))
    else:
        left, right = pixels[y1:y2, max(0, x1 - 1)].float(), pixels[y1:y2, min(SIDE - 1, x2)].float()
        if way == 1:
            left = right = torch.cat([left, right]).mean(0).expand(y2 - y1, 3)
        mix = torch.linspace(0, 1, x2 - x1)[None, :, None]
        fill = left[:, None] * (1 - mix) + right[:, None] * mix
        fill = (fill + torch.from_numpy(rng.normal(0, 4, tuple(fill.shape)))).clamp(0, 255)
    pixels[y1:y2, x1:x2] = fill.to(torch.uint8)
    return pixels


def degraded(images: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    """Degrade images (B, 3, 128, 128) like generated ones: half via 64 pixels, half blurred (sigma up to 1.6), some noisy, all tinted."""
    made = []
    for image in images.split(4):
        if rng.random() < 0.5:
            image = F.interpolate(F.avg_pool2d(image, 2), scale_factor=2.0, mode="bilinear", align_corners=False)
        if rng.random() < 0.5:
            image = _blurred(image, rng.uniform(0.4, 1.6))
        if rng.random() < 0.4:
            image = image + torch.from_numpy(rng.normal(0, rng.uniform(0.005, 0.06), tuple(image.shape))).float()
        gain = torch.from_numpy(rng.uniform(0.94, 1.06, (len(image), 3, 1, 1))).float()
        shift = torch.from_numpy(rng.uniform(-0.03, 0.03, (len(image), 3, 1, 1))).float()
        made.append((image * gain + shift).clamp(0, 1))
    return torch.cat(made)


def _blurred(images: torch.Tensor, sigma: float) -> torch.Tensor:
    x = torch.arange(-4, 5, dtype=torch.float32)
    kernel = torch.exp(-(x**2) / (2 * sigma**2))
    kernel = (kernel / kernel.sum()).repeat(3, 1, 1, 1)  # (3, 1, 1, 9)
    padded = F.pad(images, (4, 4, 4, 4), mode="replicate")
    return F.conv2d(F.conv2d(padded, kernel, groups=3), kernel.transpose(2, 3), groups=3)


def main() -> None:
    """``python -m hetero_xmodal.world_models.train_judge --out DIR``."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", required=True, help="folder for world_judge.safetensors and .json")
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--images", type=int, default=8000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=None)
    options = parser.parse_args()
    path = train_judge(
        options.out,
        steps=options.steps,
        batch_size=options.batch_size,
        images=options.images,
        seed=options.seed,
        threads=options.threads,
    )
    print(f"wrote {path} ({path.stat().st_size / 1e6:.2f} MB)")


if __name__ == "__main__":
    main()
