"""Random seeds and samplers that depend on (seed, epoch) alone, so that an interrupted run can be resumed exactly."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Sampler


def seed_everything(*parts: int) -> int:
    """Seed Python, numpy, torch and DGL with one or several integers (e.g. seed, epoch, rank); returns the derived seed.

    >>> a = seed_everything(0, 3); x = torch.rand(2)
    >>> b = seed_everything(0, 3); bool((torch.rand(2) == x).all())
    True
    """
    number = int(np.random.SeedSequence(parts).generate_state(1)[0] >> 1)  # DGL's seed has 31 bits
    random.seed(number)
    np.random.seed(number)
    torch.manual_seed(number)
    from ..environment import require_dgl

    require_dgl().seed(number)
    return number


class EpochSampler(Sampler[int]):
    """Order of the examples in an epoch, a function of (seed, epoch) alone, distributed over processes.

    Lightning sets the epoch through :meth:`set_epoch`. With n processes, each takes every n-th example of the same order, which is padded
    from its start so that all processes make the same number of steps. With *weights* (length,), examples are drawn with replacement in
    proportion to their weights. Without *shuffle*, as for validation, every process takes all examples: a ranking needs the whole gallery,
    and no example may count twice.
    """

    def __init__(self, length: int, *, seed: int = 0, shuffle: bool = True, weights: Tensor | None = None):
        self.length, self.seed, self.shuffle, self.epoch = length, seed, shuffle, 0
        self.shares = None if weights is None else (weights.double() / weights.double().sum()).numpy()

    def set_epoch(self, epoch: int) -> None:
        """Use the order of this epoch from the next iteration on."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[int]:
        if not self.shuffle:
            return iter(range(self.length))
        rng = np.random.default_rng((self.seed, self.epoch))
        order = rng.permutation(self.length) if self.shares is None else rng.choice(self.length, self.length, p=self.shares)
        rank, world = _process()
        order = np.resize(order, world * len(self))
        return iter(order[rank::world].tolist())

    def __len__(self) -> int:
        return -(-self.length // _process()[1]) if self.shuffle else self.length


def is_first_process() -> bool:
    """Whether this process writes files and messages; with Lightning's ``ddp`` several run the same program."""
    from lightning.pytorch.utilities import rank_zero_only

    return rank_zero_only.rank == 0


def _process() -> tuple[int, int]:
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        return torch.distributed.get_rank(), torch.distributed.get_world_size()
    return 0, 1


def batches(
    dataset: Any,
    batch_size: int,
    *,
    seed: int = 0,
    shuffle: bool = True,
    drop_last: bool = False,
    weights: Tensor | None = None,
    collate: Callable | None = None,
) -> DataLoader:
    """A ``DataLoader`` over *dataset* whose order depends on (seed, epoch) alone; *weights* (n,) as in :class:`EpochSampler`.

    >>> loader = batches(torch.arange(6), 3, seed=1)
    >>> sorted(torch.cat(list(loader)).tolist())
    [0, 1, 2, 3, 4, 5]
    """
    sampler = EpochSampler(len(dataset), seed=seed, shuffle=shuffle, weights=weights)
    # its own generator: creating an iterator draws a number, which must not advance the global random state
    generator = torch.Generator().manual_seed(seed)
    return DataLoader(dataset, batch_size=batch_size, sampler=sampler, drop_last=drop_last, collate_fn=collate, generator=generator)
