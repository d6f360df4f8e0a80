"""SGRAF: similarity graph reasoning (SGR) and attention filtration (SAF), Diao et al. 2021, after their public code.

A pair of image and caption becomes a set of **alignments**: one of the whole image with the whole caption, and one of every word with the
regions that it attends to; each is a vector of similarity. SGR passes messages among the alignments of a pair (:func:`reasoning_recipe`)
and reads the first one; SAF takes their weighted mean.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...configs import check_config
from ...data.tasks.matching import Batch
from ...environment import require_dgl
from ...errors import InputError
from ...message_passing import DotAttention, Recipe, Replace, Step, attends
from ...networks.padding import padded
from .neural import GRUEncoder, InputScale, MatchingConfig
from .pairs import NeuralPairs, Side, attended, compare_batch


@dataclass(frozen=True, kw_only=True)
class SGRAFConfig(MatchingConfig):
    """Settings of SGRAF: those of :class:`MatchingConfig`, and

    module : ``saf`` or ``sgr``; the papers' SGRAF is the mean of the scores of both
    similarity_width : width of a similarity vector
    steps : rounds of messages among the alignments, of ``sgr``
    temperature : inverse temperature of the attention of words to regions

    Raises
    ------
    InputError
        If a value is out of range.
    """

    module: Literal["saf", "sgr"] = "sgr"
    similarity_width: int = 256
    steps: int = 3
    temperature: float = 9.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.module not in ("saf", "sgr"):
            raise InputError(f"SGRAFConfig: module is {self.module!r}, expected saf or sgr")
        check_config(self, at_least_one=("similarity_width", "steps"), above_zero=("temperature",))


class SGRAF(NeuralPairs):
    """The score of a pair is read from the vectors of similarity of its words with the regions that they attend to."""

    name = "SGRAF"
    Config = SGRAFConfig
    block = (16, 128)

    def _build(self, regions: InputScale, words: nn.Module) -> nn.Module:
        return Alignments(regions, words, self.config)


class GlobalVector(nn.Module):
    """The rows of each owner, weighted by their agreement with the mean: ``sum softmax(w (tanh(A x) * tanh(B mean))) x``, L2-normalised."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.local, self.whole, self.common = nn.Linear(width, width), nn.Linear(width, width), nn.Linear(width, 1)

    def forward(self, rows: Tensor, mask: Tensor) -> Tensor:
        """Rows (n, longest, d), zero where the mask (n, longest) is False, to (n, d)."""
        mean = rows.sum(1) / mask.sum(1, keepdim=True)
        weight = self.common(torch.tanh(self.local(rows)) * torch.tanh(self.whole(mean))[:, None]).squeeze(2)
        return F.normalize((weight.masked_fill(~mask, -torch.inf).softmax(1)[..., None] * rows).sum(1), dim=1)


def reasoning_recipe(width: int, steps: int) -> Recipe:
    """SGR: the alignments of a pair attend to one another, *steps* times, each with its own maps.

    States in and out: ``h`` of ``alignment`` (n, width).

    >>> print(reasoning_recipe(4, 1).steps[0].weigh)
    softmax Linear(4, 4) q . Linear(4, 4) k
    """

    def linear() -> nn.Linear:
        return nn.Linear(width, width)

    return Recipe(
        [
            Step(
                f"alignments reason {k}",
                attends("alignment", "alignment"),
                equation="SGRAF (8), (9)",
                send=linear(),
                weigh=DotAttention(query=linear(), key=linear()),
                update=Replace(F.relu),
            )
            for k in range(1, steps + 1)
        ],
        name="SGRAF: similarity graph reasoning",
    )


class Filtration(nn.Module):
    """SAF: the mean of the alignments weighted by ``sigmoid(BN(w s))``, which is divided by its sum; L2-normalised."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weigh, self.norm = nn.Linear(width, 1), nn.BatchNorm1d(1)

    def forward(self, alignments: Tensor, counts: Tensor) -> Tensor:
        """Alignments (N, width), *counts* (pairs,) of each pair, to (pairs, width)."""
        pair = torch.repeat_interleave(torch.arange(len(counts), device=counts.device), counts, output_size=len(alignments))
        weight = torch.sigmoid(self.norm(self.weigh(alignments)))
        total = weight.new_zeros(len(counts), 1).index_add(0, pair, weight)
        mean = alignments.new_zeros(len(counts), alignments.shape[1]).index_add(0, pair, alignments * weight / total[pair])
        return F.normalize(mean, dim=1)


class Alignments(nn.Module):
    """Encoders of regions and words, the alignments of all pairs, and the scores read from them."""

    def __init__(self, regions: InputScale, words: nn.Module, config: SGRAFConfig) -> None:
        super().__init__()
        self.config, width = config, config.similarity_width
        self.regions, self.region_linear = regions, nn.Linear(regions.width, config.width)
        self.words = GRUEncoder(words, config.width, both_ways=True)
        self.image, self.caption = GlobalVector(config.width), GlobalVector(config.width)
        self.local, self.whole = nn.Linear(config.width, width), nn.Linear(config.width, width)
        self.recipe = reasoning_recipe(width, config.steps) if config.module == "sgr" else None
        self.filtration = Filtration(width) if config.module == "saf" else None
        self.score = nn.Linear(width, 1)

    def images(self, flat: Tensor, counts: Tensor, places: Tensor | None = None) -> tuple[Side, Tensor]:
        """Unit regions (images, longest, width) with their mask, and the image vectors (images, width)."""
        side = padded(F.normalize(self.region_linear(self.regions(flat)), dim=1), counts)
        return side, self.image(*side)

    def captions(self, flat: Tensor, counts: Tensor) -> tuple[Side, Tensor]:
        """Unit words (captions, longest, width) with their mask, and the caption vectors (captions, width)."""
        states = F.normalize(self.words.states(flat, counts), dim=2)
        side = states, torch.arange(states.shape[1], device=states.device) < counts[:, None]
        return side, self.caption(*side)

    def similarity(self, batch: Batch) -> Tensor:
        """Scores (images, captions) of a batch."""
        return compare_batch(self, batch)

    def compare(self, images: tuple[Side, Tensor], captions: tuple[Side, Tensor]) -> Tensor:
        """Scores (images, captions) in 0..1."""
        (regions, image), (words, caption) = images, captions
        heard = F.normalize(
            attended(words, regions, temperature=self.config.temperature, clip=partial(F.leaky_relu, negative_slope=0.1)), dim=3
        )
        local = F.normalize(self.local((heard - words[0][None]).square()), dim=3)  # (images, captions, words, s)
        whole = F.normalize(self.whole((image[:, None] - caption[None]).square()), dim=2)[:, :, None]
        n, m = whole.shape[:2]
        mask = torch.cat([words[1].new_ones(m, 1), words[1]], 1).expand(n, m, -1)
        alignments, counts = torch.cat([whole, local], 2)[mask], mask.sum(2).flatten()
        return torch.sigmoid(self.score(self._read(alignments, counts))).reshape(n, m)

    def _read(self, alignments: Tensor, counts: Tensor) -> Tensor:
        """Alignments (N, s) of pairs with *counts* (pairs,) each, the whole one first, to one vector (pairs, s) for each pair."""
        if self.filtration is not None:
            return self.filtration(alignments, counts)
        assert self.recipe is not None  # one of the two is there
        states = self.recipe(alignment_graph(counts), {"alignment": alignments})
        return states["alignment"]["h"][counts.cumsum(0) - counts]


def alignment_graph(counts: Tensor):
    """A batch of graphs of ``alignment`` nodes without stored edges, *counts* (pairs,) in each."""
    none = torch.empty(0, dtype=torch.int64)
    graph = require_dgl().heterograph({("alignment", "of", "alignment"): (none, none)}, {"alignment": int(counts.sum())})
    graph.set_batch_num_nodes({"alignment": counts.cpu()})
    graph.set_batch_num_edges({("alignment", "of", "alignment"): torch.zeros(len(counts), dtype=torch.int64)})
    return graph
