"""The default world, ``world/scenes`` and ``world/birds``, as a data set; :mod:`hetero_xmodal.data.world` draws it.

Every split has as many images as are asked for (8,000, 1,000 and 1,000 unless a size is given), and no image is in two splits.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from ...errors import InputError
from ..dataset import Dataset
from ..marks import DRAWN
from ..source import SPLITS, LazyRecords, Record, Request, Source
from ..world import IMAGE_SIZES, SIZES, load_world
from ..world.dials import Dials
from ..world.pairs import world_pairs

GOLDEN = Path(__file__).parents[1] / "world" / "golden.json"


def open_world(request: Request) -> Source:
    """``world/scenes`` or ``world/birds`` of a seed, painted at an image size; scenes with the dials of the name, if it has any.

    Raises
    ------
    InputError : a seed, an image size or a dial that cannot be.
    """
    seed, image_size, kind = request.seed, request.image_size, request.kind.split("/")[1]
    if image_size not in IMAGE_SIZES:
        closest = min(IMAGE_SIZES, key=lambda s: abs(s - image_size)) if isinstance(image_size, int) else 128
        raise InputError(
            f"image_size is {image_size!r}, but the world is painted at {', '.join(map(str, IMAGE_SIZES))} pixels (nearest: {closest})"
        )
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise InputError(f"seed is {seed!r}, expected a whole number, 0 or more")
    dials = Dials.read(request.place) if request.place else None
    # the golden hashes change with the way the world is drawn, and with them the marks of its images
    version = hashlib.sha256(GOLDEN.read_bytes()).hexdigest()[:16]
    world = f"{DRAWN}{kind}-{version}" + ("" if (seed, image_size) == (0, 128) else f"-{seed}-{image_size}")
    world += "" if dials is None else f"-{dials.key}"

    generate = partial(_generate, kind, world, seed, image_size, dials)
    names = load_world(kind, "train", 0, seed, image_size)
    usual = {split: generate(split, size) for split, size in SIZES.items()}
    return Source(
        request.name, request.kind, request.place, LazyRecords(sum(SIZES.values()), partial(_any_record, usual)),
        label_names=names.label_names, tag_names=names.tag_names,
        gives={"images", "captions", "labels", "tags", "scene graphs", "edits"}, splits=SPLITS,
        generate=generate, pairs=partial(world_pairs, request.kind, world_seed=seed),
    )  # fmt: skip


def _generate(kind: str, world: str, seed: int, image_size: int, dials: Dials | None, split: str, size: int) -> Sequence[Record]:
    items = load_world(kind, split, size, seed, image_size, dials)
    return LazyRecords(size, partial(_record, items, kind, world, seed, split))


def _record(items: Dataset, kind: str, world: str, seed: int, split: str, k: int) -> Record:
    return Record(
        f"{kind}-{seed}-{split}-{k:06d}", split, partial(_part, items, k, "sentences"), partial(_part, items, k, "image"),
        sentence_scenes=partial(_part, items, k, "sentence_scenes"), mark=f"{world}-{split}-{k}", row=k, item=partial(items.__getitem__, k),
    )  # fmt: skip


def _part(items: Dataset, k: int, name: str) -> Any:
    return getattr(items[k], name)


def _any_record(usual: dict[str, Sequence[Record]], k: int) -> Record:
    """Record *k* of all splits of the usual sizes, one after the other."""
    for split in SPLITS:
        if k < SIZES[split]:
            return usual[split][k]
        k -= SIZES[split]
    raise IndexError(k)
