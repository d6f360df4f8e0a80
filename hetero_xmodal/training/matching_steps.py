"""What the trainings of the two recipes of image-text matching, ALGR and TRAIL, have in common."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from ..data.store import progress_bar
from ..data.tasks.matching import MatchingData, Regions, Words
from ..errors import InputError
from ..metrics import RecallResult
from .loop import FitConfig

if TYPE_CHECKING:
    import lightning as L


def check_captions(data: MatchingData) -> None:
    """Refuse data without pairs to learn from or to choose the epoch with.

    Raises
    ------
    InputError : the training or the validation split has no captions.
    """
    for split in (data.train, data.val):
        if not len(split):
            raise InputError(f"the {split.name} split has no captions; training needs pairs to learn from and to choose with")


def log_recall(module: L.LightningModule, result: RecallResult, *, less: float = 0.0) -> None:
    """Log the recall of the validation split; ``validation/score``, which chooses the epoch, is Rsum *less* something."""
    module.log("validation/score", result["rsum"] - less, prog_bar=True)
    module.log("validation/rsum", result["rsum"])
    for direction in ("image_to_text", "text_to_image"):
        module.log_dict({f"validation/{direction}_r{k}": value for k, value in result[direction].items()})


def shift_and_scale(blocks: Iterable[Tensor]) -> tuple[Tensor, Tensor]:
    """Mean and reciprocal standard deviation (d,) of every column of the rows in *blocks*, each (n, d); sums are in double precision.

    A column that never changes has scale 0: it says nothing, and would be blown up.

    >>> shift_and_scale([torch.tensor([[0.0, 5.0]]), torch.tensor([[4.0, 5.0]])])
    (tensor([2., 5.]), tensor([0.5000, 0.0000]))
    """
    total = squares = torch.zeros(())
    count = 0
    for rows in blocks:
        values = rows.double()
        total, squares, count = total + values.sum(0), squares + (values**2).sum(0), count + len(values)
    mean = total / count
    deviation = (squares / count - mean**2).clamp_min(0).sqrt()
    scale = torch.where(deviation <= 1e-6 * deviation.max().clamp_min(1e-30), 0, 1 / deviation.clamp_min(1e-30))
    return mean.float(), scale.float()


def feature_blocks(values: Regions | Words, *, block: int = 256, progress: bool | None = None) -> Iterator[Tensor]:
    """The features of all regions or words, (n, d) of *block* images or captions at a time, with a progress bar."""
    with progress_bar("reading the features", len(values), progress) as advance:
        for start in range(0, len(values), block):
            rows = np.arange(start, min(start + block, len(values)))
            yield values.take(rows)[0]
            advance(len(rows))


def train_for_table(
    train: Callable[..., tuple[Any, Any]], data: MatchingData, *, config: Any, fit_config: FitConfig, seed: int | None, **more: Any
) -> tuple[Any, Any]:
    """The model and the result of *train*, such as :func:`~.algr.train_algr`; no files remain on disk.

    *seed* replaces that of *fit_config*, unless it is None; *more* is passed on.
    """
    if seed is not None:
        fit_config = replace(fit_config, seed=seed)
    with tempfile.TemporaryDirectory() as folder:
        return train(data, out=Path(folder) / "run", config=config, fit_config=fit_config, progress=False, **more)
