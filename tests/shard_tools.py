"""Detectors for the tests of corpora, in a module of their own so that other processes can import them; and small helpers."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from hetero_xmodal.data.tasks import shards  # noqa: F401  (tests replace its functions)
from hetero_xmodal.graphs.flat import FlatGraphs
from hetero_xmodal.parsers.detectors.grid import GridDetector


def tensors(graph) -> dict[str, tuple]:
    """All of a graph as plain values."""
    return {name: (str(t.dtype), t.tolist()) for name, t in FlatGraphs.from_dgl(graph).tensors().items() if t.numel()}


def flip(path: Path, place: int) -> None:
    """Change one bit of a file."""
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)


def photos(folder: Path, count: int) -> Path:
    """A folder of images with two captions each."""
    from PIL import Image

    folder.mkdir()
    for k in range(count):
        Image.new("RGB", (40, 30), (20 * k, 50, 90)).save(folder / f"{k}.png")
        (folder / f"{k}.txt").write_text(f"A red bird sits on tree number {k}.\nTwo dogs chase a ball\n")
    return folder


class Interrupted(GridDetector):
    """Stops as Ctrl-C does after so many images."""

    def __init__(self, after: int | None):
        super().__init__(2)
        self.left = after

    def detect(self, images, **options):
        if self.left is not None:
            self.left -= len(images)
            if self.left < 0:
                raise KeyboardInterrupt
        return super().detect(images, **options)


class Suicidal(GridDetector):
    """Kills its process once, as the system does when memory is short; the mark says that it did, a folder as mark that it always does."""

    def __init__(self, mark: Path | None):
        super().__init__(2)
        self.mark = mark

    def detect(self, images, **options):
        if self.mark is not None and not self.mark.is_file():
            if not self.mark.is_dir():
                self.mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().detect(images, **options)


def elsewhere(*arguments):
    """One shard, made in another working directory than that of the caller."""
    from hetero_xmodal.data.tasks.corpus import _shard

    os.chdir("/")
    return _shard(*arguments)
