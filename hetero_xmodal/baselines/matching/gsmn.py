"""GSMN: graph structured matching network (Liu et al. 2020), with a complete word graph (its "dense" form).

Every word is compared with the regions that it attends to, block by block, and every region with its words; the two sets of **matches**
then pass messages along the graph of their side (:func:`match_recipe`): words along their similarity, regions along Gaussian kernels of
where their boxes lie. A small network scores each match, and the mean over matches is the score of the pair.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import pi

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...configs import check_config
from ...data.tasks.matching import Batch
from ...environment import require_dgl
from ...errors import InputError
from ...message_passing import DotAttention, Recipe, Step, Weigh, attends
from ...networks.padding import padded
from .neural import GRUEncoder, InputScale, MatchingConfig, segment_mean
from .pairs import NeuralPairs, Side, attended, compare_batch


@dataclass(frozen=True, kw_only=True)
class GSMNConfig(MatchingConfig):
    """Settings of GSMN: those of :class:`MatchingConfig`, and

    blocks : parts of a vector that are compared one by one; a divisor of *width*
    kernels : Gaussian kernels of the region graph
    hidden : width of a match after the messages; a multiple of *kernels*
    word_temperature, region_temperature : inverse temperatures of the attention of words to regions and of regions to words
    graph_temperature : inverse temperature of the word graph

    Raises
    ------
    InputError
        If a value is out of range.
    """

    blocks: int = 16
    kernels: int = 8
    hidden: int = 32
    word_temperature: float = 20.0
    region_temperature: float = 10.0
    graph_temperature: float = 4.0

    def __post_init__(self) -> None:
        super().__post_init__()
        temperatures = ("word_temperature", "region_temperature", "graph_temperature")
        check_config(self, at_least_one=("blocks", "kernels", "hidden"), above_zero=temperatures)
        for whole, part in (("width", "blocks"), ("hidden", "kernels")):
            if getattr(self, whole) % getattr(self, part):
                raise InputError(f"GSMNConfig: {whole} is {getattr(self, whole)}, no multiple of {part}, {getattr(self, part)}")


class GSMN(NeuralPairs):
    """Matches of words and of regions travel along the graph of their side before they are scored."""

    name = "GSMN"
    Config = GSMNConfig
    block = (16, 128)
    needs_places = True

    def _build(self, regions: InputScale, words: nn.Module) -> nn.Module:
        return MatchGraphs(regions, words, self.config)


class PolarKernel(nn.Module):
    """A Gaussian of the polar coordinates of one region as seen from another, with learned centre and widths.

    >>> PolarKernel(0)(torch.zeros(2, 2)).shape
    torch.Size([2])
    """

    def __init__(self, seed: int) -> None:
        super().__init__()
        start = torch.rand(2, generator=torch.Generator().manual_seed(seed))
        self.centre = nn.Parameter(torch.stack([start[0], (2 * start[1] - 1) * pi]))
        self.precision = nn.Parameter(torch.ones(2))

    def forward(self, offset: Tensor) -> Tensor:
        """Offsets (..., 2) from a region's centre to another's, in shares of the image's sides, to weights (...) above 0."""
        # the angle of no offset is 0; atan2 has no gradient there, but centres are no parameters
        polar = torch.stack([offset.norm(dim=-1), torch.atan2(offset[..., 1], offset[..., 0])], -1)
        return (-0.5 * ((polar - self.centre) * self.precision).square().sum(-1)).exp() + 1e-9


@dataclass(frozen=True, eq=False)
class GaussianWeight(Weigh):
    """``kernel(centre_j - centre_i)``, divided by its sum over all edges that reach node i; ``centre`` (n, 2) is a state of both."""

    kernel: nn.Module
    state: str = "centre"
    has_dense = True

    def needs(self, reads: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        return (self.state,), (self.state,)

    def inputs(self, inbox) -> tuple[Tensor, ...]:
        """The centres (n, 2) of destinations and sources."""
        return (inbox.receiver_state(self.state), *inbox.source_states(self.state))

    def edges(self, inbox) -> Tensor:
        """Weights (E,) of all edges of *inbox*."""
        rows, links = inbox.link(inbox.source_states(self.state))
        weight = self.kernel(rows[links.source] - inbox.receiver_state(self.state)[links.target])
        return weight / weight.new_zeros(links.targets).index_add(0, links.target, weight)[links.target]

    def dense(self, inbox) -> Tensor:
        """The same weights as a padded matrix (B, n, s)."""
        to, of = inbox.pad_receivers(inbox.receiver_state(self.state)), inbox.pad_sources(None, inbox.source_states(self.state), "centre")
        weight = inbox.where_source(self.kernel(of[:, None] - to[:, :, None]))
        return weight / weight.sum(-1, keepdim=True)

    def __str__(self) -> str:
        return f"{type(self.kernel).__name__} of {self.state}, divided by its sum"


class _Times(nn.Module):
    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        return self.factor * x


def match_recipe(config: GSMNConfig = GSMNConfig()) -> Recipe:
    """Matches travel along the graph of their side.

    States in: ``h`` of ``word_match`` and ``region_match`` (n, blocks), ``u`` of ``word_match`` (n, width), the word's own vector, and
    ``centre`` of ``region_match`` (n, 2). States out: ``g`` of ``word_match`` (n, hidden), ``g1`` .. of ``region_match`` (n, hidden /
    kernels).
    """
    similar = DotAttention(query_state="u", key_state="u", activation=_Times(config.graph_temperature))
    words = attends("word_match", "word_match")
    steps = [
        Step("words share matches", words, equation="GSMN (8)", send=nn.Linear(config.blocks, config.hidden), weigh=similar, writes="g")
    ]
    for k in range(1, config.kernels + 1):
        send, weigh = nn.Linear(config.blocks, config.hidden // config.kernels), GaussianWeight(PolarKernel(k))
        regions = attends("region_match", "region_match")
        steps.append(Step(f"regions share matches {k}", regions, equation="GSMN (9)", send=send, weigh=weigh, writes=f"g{k}"))
    return Recipe(steps, name="GSMN: graph structured matching")


class MatchGraphs(nn.Module):
    """Encoders of regions and words, the matches of all pairs, their messages and their scores."""

    def __init__(self, regions: InputScale, words: nn.Module, config: GSMNConfig) -> None:
        super().__init__()
        self.config = config
        self.regions, self.region_linear = regions, nn.Linear(regions.width, config.width)
        self.words = GRUEncoder(words, config.width, both_ways=True)
        self.recipe = match_recipe(config)
        self.word_score, self.region_score = (
            nn.Sequential(nn.Tanh(), nn.Linear(config.hidden, config.hidden), nn.Tanh(), nn.Linear(config.hidden, 1)) for _ in range(2)
        )

    def images(self, flat: Tensor, counts: Tensor, places: Tensor | None = None) -> tuple[Side, Tensor]:
        """Unit regions (images, longest, width) with their mask, and the centres of their boxes (images, longest, 2)."""
        centre = flat.new_zeros(len(flat), 2) if places is None else places[:, :2] + places[:, 2:4] / 2
        rows = padded(F.normalize(self.region_linear(self.regions(flat)), dim=1), counts)
        return rows, padded(centre, counts)[0]

    def captions(self, flat: Tensor, counts: Tensor) -> Side:
        """Unit words (captions, longest, width) with their mask."""
        states = F.normalize(self.words.states(flat, counts), dim=2)
        return states, torch.arange(states.shape[1], device=states.device) < counts[:, None]

    def similarity(self, batch: Batch) -> Tensor:
        """Scores (images, captions) of a batch."""
        return compare_batch(self, batch)

    def compare(self, images: tuple[Side, Tensor], captions: Side) -> Tensor:
        """Scores (images, captions)."""
        (regions, centre), config = images, self.config
        clip: Callable[[Tensor], Tensor] = partial(F.leaky_relu, negative_slope=0.1)
        n, m = len(regions[0]), len(captions[0])
        heard = attended(captions, regions, temperature=config.word_temperature, clip=clip)  # (n, m, words, d)
        told = attended(regions, captions, temperature=config.region_temperature, clip=clip).transpose(0, 1)  # (n, m, regions, d)
        word_mask, region_mask = captions[1].expand(n, -1, -1), regions[1][:, None].expand(-1, m, -1)
        words = self._blocks(captions[0].expand(n, -1, -1, -1), heard)[word_mask]
        places = centre[:, None].expand(-1, m, -1, -1)[region_mask]
        matches = self._blocks(regions[0][:, None].expand(-1, m, -1, -1), told)[region_mask]
        own = captions[0].expand(n, -1, -1, -1)[word_mask]
        counts = {"word_match": word_mask.sum(2).flatten(), "region_match": region_mask.sum(2).flatten()}
        states = self.recipe(match_graph(counts), {"word_match": {"h": words, "u": own}, "region_match": {"h": matches, "centre": places}})
        spread = torch.cat([states["region_match"][f"g{k}"] for k in range(1, config.kernels + 1)], 1)
        scores = segment_mean(self.word_score(states["word_match"]["g"]), counts["word_match"])
        return (scores + segment_mean(self.region_score(spread), counts["region_match"])).reshape(n, m)

    def _blocks(self, one: Tensor, other: Tensor) -> Tensor:
        """Cosine of each of the blocks of two vectors (..., width): (..., blocks)."""
        size = self.config.width // self.config.blocks
        return F.cosine_similarity(one.unflatten(-1, (-1, size)), other.unflatten(-1, (-1, size)), dim=-1, eps=1e-6)


def match_graph(counts: dict[str, Tensor]):
    """A batch of graphs of matches without stored edges, *counts* (pairs,) of each node type in each."""
    none = torch.empty(0, dtype=torch.int64)
    relation = ("word_match", "of", "region_match")
    graph = require_dgl().heterograph({relation: (none, none)}, {node_type: int(c.sum()) for node_type, c in counts.items()})
    graph.set_batch_num_nodes({node_type: c.cpu() for node_type, c in counts.items()})
    graph.set_batch_num_edges({relation: torch.zeros(len(counts["word_match"]), dtype=torch.int64)})
    return graph
