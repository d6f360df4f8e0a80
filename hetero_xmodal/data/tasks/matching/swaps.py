"""Swap sets of the world as a split that any method of image-text matching can score."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ....errors import InputError
from ...registry import open_for
from ...store import cache_folder
from ...world.swaps import KINDS, Swap, swaps_of
from ..engines import HERE, Engine
from .load import cached_regions, encoded_split
from .pairs import Split


@dataclass(frozen=True, eq=False)
class SwapSplit:
    """Images with pairs of captions, the true and the swapped one after each other.

    split : caption 2k is true of its image, caption 2k + 1 the same with one exchange, and false
    kinds : (s,) what is exchanged in swap k
    swaps : (s,) the swaps themselves
    """

    split: Split
    kinds: np.ndarray
    swaps: list[Swap]


def load_swaps(
    vocab: dict[str, Any],
    data: str = "world/scenes",
    *,
    split: str = "test",
    size: int | None = 500,
    kinds: tuple[str, ...] = KINDS,
    seed: int = 0,
    cache: str | Path | None = None,
    progress: bool | None = None,
    engine: Engine = HERE,
) -> SwapSplit:
    """The swaps of the first *size* scenes of a split, with the regions and words that a model with *vocab* knows.

    Parameters
    ----------
    vocab : of :class:`~.pairs.MatchingData` or of a trained model: how regions and words are made.
    data : ``"world/scenes"``, perhaps with dials.
    split, size, kinds, seed : see :func:`~hetero_xmodal.data.world.swaps.swap_sets`.
    cache, progress, engine : as in :func:`~.load.load_matching_data`.

    Raises
    ------
    InputError : other data, whose captions nobody can exchange and know the truth of; given regions.
    """
    if data.partition(":")[0] != "world/scenes":
        raise InputError(f"swap sets are made of world/scenes, where it is known what is true; '{data}' has none")
    if not isinstance(vocab.get("images"), dict) or vocab["images"].get("extractor") in (None, "given"):
        raise InputError("the model reads regions that were made elsewhere, so that images of the world cannot be given to it")
    folder = cache_folder(cache)
    source = open_for(data, "algr", seed=seed, cache=cache)
    records = source.take(split, size)
    swaps = [swap for row, record in enumerate(records) for swap in swaps_of(record.make_item(), row=row, kinds=kinds)]
    captions: list[list[str]] = [[] for _ in records]
    for swap in swaps:
        captions[swap.row] += [swap.caption, swap.swapped]
    if not swaps:
        raise InputError(f"none of the {len(records)} scenes allows a swap of {', '.join(kinds)}; take more scenes")
    regions = cached_regions(records, vocab["images"], folder, progress, engine=engine)
    made = encoded_split("swaps", regions, [tuple(some) for some in captions], vocab["texts"], folder, progress, engine)
    return SwapSplit(made, np.array([swap.kind for swap in swaps]), swaps)
