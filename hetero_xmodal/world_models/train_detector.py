"""Training of the world's detector on generated scenes and birds, with detectron2's FCOS on a CPU.

The losses are FCOS's own (focal loss for the class, GIoU for the box, cross-entropy for centerness) and the cross-entropy of each kind of
attribute on region features of the true boxes. Optimised by AdamW with linear warm-up and cosine decay; an exponential moving average of
the weights is saved. Interrupted training is resumed bit for bit.
"""

from __future__ import annotations

import json
import math
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..checks import check_seed
from ..configs import first_change
from ..deprecation import renamed_keywords
from ..errors import InputError
from ..files import MANIFEST, atomic_path, is_whole_archive, write_json, write_manifest, write_safetensors
from ..parsers.detectors.detectron2_quietly import quiet, require_detectron2
from ..parsers.detectors.world import ASSET, encode_scene, world_config
from ..scenes import SceneGraph

if TYPE_CHECKING:
    import torch

PEAK_RATE = 2e-3
WARM_UP = 0.1  # share of the steps
AVERAGING = 0.998
BIRD_SHARE = 0.4
CHECKPOINT_EVERY = 200
#: seed of the detector's training world, which shares no image with the default one
WORLD_SEED = 1


@renamed_keywords(pictures="images")
def train_detector(
    out: str | Path,
    *,
    steps: int = 2000,
    batch_size: int = 16,
    images: int = 8_000,
    seed: int = 0,
    image_size: int = 128,
    threads: int | None = None,
    progress: bool = True,
    resume: bool = True,
) -> Path:
    """Train the world's detector from scratch and write ``world_detector.safetensors`` and ``.json`` into the folder *out*.

    Parameters
    ----------
    out : output folder; also contains ``checkpoint.pt`` and ``log.jsonl``.
    steps, batch_size : 2000 steps of 16 images take 15 to 20 minutes of CPU time with native bfloat16 (Intel AMX), about twice that
        without.
    images : number of different training images, each generated once, kept in memory (48 KB) and flipped horizontally half of the time.
    seed : of initial weights and order; equal seeds give equal weights on the same machine.
    image_size : side of the images in pixels, a multiple of 16.
    threads : CPU threads for torch; ``None`` for torch's default.
    progress : show a progress bar (on a terminal only).
    resume : continue from ``checkpoint.pt`` if there is one.

    Returns
    -------
    Path of the weights, for ``hx.parse_image(image, weights=path)``.

    Raises
    ------
    InputError
        If an option is out of range, the checkpoint belongs to other options, or training diverges.
    MissingPackageError
        If detectron2 is not installed.
    """
    for name, value, low in (("steps", steps, 1), ("batch_size", batch_size, 2), ("images", images, 2), ("image_size", image_size, 32)):
        if not isinstance(value, int) or isinstance(value, bool) or value < low:
            raise InputError(f"{name} is {value!r}; give a whole number of at least {low}")
    check_seed(seed)
    if image_size % 16:
        raise InputError(f"image_size is {image_size}; give a multiple of 16")
    require_detectron2()
    import torch

    if threads is not None:
        torch.set_num_threads(threads)
    run = _Run(Path(out), steps, batch_size, images, seed, image_size)
    if resume:
        run.restore(threads)
    with _bar(steps, run.step, progress) as show:
        while run.step < steps:
            with quiet():
                losses = run.advance()
            if run.step % 10 == 0 or run.step == steps:
                show(run.step, losses)
            if run.step % CHECKPOINT_EVERY == 0 or run.step == steps:
                run.log(losses)
                run.store()
    return run.export()


class _Run:
    """The whole state of a training run, which can be stored and restored."""

    def __init__(self, out: Path, steps: int, batch_size: int, images: int, seed: int, image_size: int) -> None:
        import torch

        from ..networks.world_detector import WorldDetectorNetwork

        torch.manual_seed(seed)
        out.mkdir(parents=True, exist_ok=True)
        self.out, self.step = out, 0
        self.options = {"steps": steps, "batch_size": batch_size, "images": images, "seed": seed, "image_size": image_size}
        self.config = world_config(image_size)
        self.network = WorldDetectorNetwork(self.config).to(memory_format=torch.channels_last).train()
        self.average = {k: v.clone() for k, v in self.network.state_dict().items()}
        weights = [p for p in self.network.parameters() if p.ndim > 1]
        others = [p for p in self.network.parameters() if p.ndim <= 1]  # no weight decay for biases and normalisation
        self.optimizer = torch.optim.AdamW(
            [{"params": weights, "weight_decay": 0.02}, {"params": others, "weight_decay": 0.0}], lr=PEAK_RATE
        )
        self.data = TrainingImages(self.config, images, seed)
        self.before, self.started = (0.0, 0.0), _clocks()  # seconds spent in earlier runs; when this run began
        #: bfloat16 only with native support (Intel AMX); otherwise it would be slower
        self.half = torch.cpu._is_amx_tile_supported()

    def advance(self) -> dict[str, float]:
        """Perform one step and return its losses."""
        import torch
        from detectron2.utils.events import EventStorage

        for group in self.optimizer.param_groups:
            group["lr"] = _rate(self.step / self.options["steps"])
        images, truth = self.data.batch(self.step, self.options["batch_size"])
        # FCOS logs to an EventStorage. Its focal loss is TorchScript, which rounds differently once it has been optimised after the first
        # calls of a process; training resumed in a new process would then give different weights
        with EventStorage(), torch.jit.optimized_execution(False), torch.autocast("cpu", torch.bfloat16, enabled=self.half):
            losses = self.network(images, truth)
        total = torch.stack(list(losses.values())).sum()
        if not torch.isfinite(total):
            raise InputError(f"training diverged at step {self.step} (loss {total.item()}); lower the learning rate or try another seed")
        self.optimizer.zero_grad()
        total.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 10.0)
        self.optimizer.step()
        self.step += 1
        keep = min(AVERAGING, self.step / (self.step + 10))
        for name, value in self.network.state_dict().items():
            if value.is_floating_point():
                self.average[name].lerp_(value, 1 - keep)
        return {name.removeprefix("loss_"): round(value.item(), 4) for name, value in losses.items()}

    # ------------------------------------------------------------------------------------------ files

    def store(self) -> None:
        import torch

        state = {
            "options": self.options,
            "step": self.step,
            "threads": torch.get_num_threads(),
            "network": self.network.state_dict(),
            "average": self.average,
            "optimizer": self.optimizer.state_dict(),
            "normalizer": float(getattr(self.network, "loss_normalizer", 0.0)),
            "random": torch.get_rng_state(),
            "seconds": list(self.seconds()),
        }
        with atomic_path(self.out / "checkpoint.pt") as temporary:
            with open(temporary, "wb") as file:  # given a path, torch hides a full disk behind an error of its own
                torch.save(state, file)

    def restore(self, threads: int | None = None) -> None:
        """Restore ``checkpoint.pt`` if there is one, which must belong to the same options; its number of threads unless *threads* says."""
        import torch

        path = self.out / "checkpoint.pt"
        if not path.exists():
            return
        if not is_whole_archive(path):  # torch compares no checksums
            raise InputError(f"checkpoint '{path}' cannot be read (it is damaged); remove it to begin anew (in Python resume=False)")
        try:
            state = torch.load(path, map_location="cpu", weights_only=True)
            options = state["options"]
        except Exception as error:
            raise InputError(
                f"checkpoint '{path}' cannot be read ({type(error).__name__}); remove it to begin anew (in Python resume=False)"
            ) from None
        change = first_change(options, self.options, {})
        if change is not None:
            raise InputError(f"checkpoint '{path}' {change.said}; use another folder, or remove it to begin anew (in Python resume=False)")
        if threads is None and state.get("threads"):
            torch.set_num_threads(state["threads"])  # the last digits depend on it
        self.step = state["step"]
        self.network.load_state_dict(state["network"])
        self.average = state["average"]
        self.optimizer.load_state_dict(state["optimizer"])
        if state["normalizer"]:
            self.network.loss_normalizer = state["normalizer"]
        torch.set_rng_state(state["random"])
        self.before = tuple(state["seconds"])

    def seconds(self) -> tuple[float, float]:
        """Wall-clock and CPU seconds so far, including earlier runs."""
        return tuple(before + now - started for before, now, started in zip(self.before, _clocks(), self.started, strict=True))

    def log(self, losses: dict[str, float]) -> None:
        wall, cpu = self.seconds()
        with open(self.out / "log.jsonl", "a", encoding="utf-8") as file:
            file.write(json.dumps({"step": self.step, "seconds": round(wall, 1), "cpu_seconds": round(cpu, 1), **losses}) + "\n")

    def export(self) -> Path:
        """Write the averaged weights in half precision and their description."""
        import torch

        path, (wall, cpu) = self.out / f"{ASSET}.safetensors", self.seconds()
        tensors = {
            k: v.to(torch.float16) if v.is_floating_point() else v for k, v in self.average.items() if not k.endswith("num_batches_tracked")
        }
        (self.out / MANIFEST).unlink(missing_ok=True)  # of the weights before
        write_safetensors(path, tensors)
        about: dict[str, Any] = {
            "format": "hetero_xmodal.world_detector",
            "version": 1,
            "config": asdict(self.config),
            "training": {
                "command": "hetero-xmodal train detector --out DIR "
                + " ".join(f"--{key} {self.options[name]}" for key, name in (("steps", "steps"), ("size", "images"), ("seed", "seed"))),
                **self.options,
                "minutes": round(wall / 60, 1),
                "cpu_minutes": round(cpu / 60, 1),
            },
        }
        write_json(path.with_suffix(".json"), about)
        write_manifest(self.out, kind="detector", files=[path.name, path.with_suffix(".json").name])
        return path


def _clocks() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()


def _rate(done: float) -> float:
    """Learning rate after the share *done* of the steps: linear warm-up, then cosine decay."""
    if done < WARM_UP:
        return PEAK_RATE * (0.05 + 0.95 * done / WARM_UP)
    return PEAK_RATE * max(0.005, 0.5 + 0.5 * math.cos(math.pi * (done - WARM_UP) / (1 - WARM_UP)))


class TrainingImages:
    """Training images of both worlds with their ground truth, generated on first use and cached."""

    def __init__(self, config, images: int, seed: int) -> None:
        from ..data import load_dataset

        self.config, self.seed = config, seed
        self.birds = round(images * BIRD_SHARE)
        self.scenes = images - self.birds
        self._worlds = [
            load_dataset(f"world/{kind}", "train", size=size, seed=WORLD_SEED, image_size=config.image_size)
            for kind, size in (("scenes", self.scenes), ("birds", self.birds))
        ]
        self._kept: dict[int, tuple] = {}

    def image(self, number: int) -> tuple[np.ndarray, SceneGraph]:
        """Pixels uint8 (S, S, 3) and true scene graph of image *number*; scenes come first, then birds."""
        item = self._worlds[0][number] if number < self.scenes else self._worlds[1][number - self.scenes]
        return np.array(item.image), item.scene

    def batch(self, step: int, batch_size: int) -> tuple[torch.Tensor, list]:
        """The batch of a step, deterministic: pixels (B, 3, S, S) in 0..255 and the ``Instances`` of each image."""
        import torch
        from detectron2.structures import Boxes, Instances

        total, size = self.scenes + self.birds, self.config.image_size
        images, truth = [], []
        mirror = np.random.default_rng([self.seed, step]).random(batch_size) < 0.5
        for row, flipped in enumerate(mirror.tolist()):
            epoch, place = divmod(step * batch_size + row, total)
            number = int(self._order(epoch)[place])
            if number not in self._kept:
                pixels, scene = self.image(number)
                self._kept[number] = (torch.from_numpy(pixels), *encode_scene(scene, self.config))
            pixels, boxes, classes, words = self._kept[number]
            if flipped:
                pixels = pixels.flip(1)
                boxes = torch.stack([size - boxes[:, 2], boxes[:, 1], size - boxes[:, 0], boxes[:, 3]], 1)
            images.append(pixels)
            truth.append(Instances((size, size), gt_boxes=Boxes(boxes), gt_classes=classes, gt_attributes=words))
        return torch.stack(images).permute(0, 3, 1, 2).float(), truth

    def _order(self, epoch: int) -> np.ndarray:
        if getattr(self, "_shuffled", (None,))[0] != epoch:
            self._shuffled = (epoch, np.random.default_rng([self.seed, epoch]).permutation(self.scenes + self.birds))
        return self._shuffled[1]


class _bar:
    """Progress bar on standard error, shown on a terminal only."""

    def __init__(self, total: int, done: int, wanted: bool) -> None:
        import sys

        self.total, self.done, self.wanted = total, done, wanted and sys.stderr.isatty()

    def __enter__(self):
        if not self.wanted:
            return lambda step, losses: None
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (
            TextColumn("training the detector"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("loss {task.fields[loss]:.2f}"),
        )
        self.progress = Progress(*columns, console=Console(stderr=True))
        self.progress.start()
        task = self.progress.add_task("", total=self.total, completed=self.done, loss=float("nan"))
        return lambda step, losses: self.progress.update(task, completed=step, loss=sum(losses.values()))

    def __exit__(self, *error) -> None:
        if self.wanted:
            self.progress.stop()
