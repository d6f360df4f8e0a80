"""TRAIL, typed relational alignment of images and sentences: ours, not a paper's.

A sentence fits an image if its things are found among the regions, and if what is said *between* things holds *between the regions in which
they were found*. Typed edges therefore act on matches: "red" counts where "bird" is matched, "on" where both its ends are.

====  =====================================================================  ==================================================
(1)   q_i = x_i + sum of x_u over the words u that describe i, times W       "things hear what describes them"
(2)   a_ib = q_i . k_b, k_b = V y_b + MLP(y_b): match of word and region     every later step
(3)   s_ib = exp(a_ib) / (e^nothing + sum_b exp(a_ib))                       "how much there is to find", "words look at regions"
(4)   m_i = sum_b s_ib a_ib + (1 - sum_b s_ib) missing: match of word i      "words look at regions"
      with what it found, or failed to find
(5)   n_b = max_i a_ib: match of region b with the best word                 "regions look for a word"
(6)   r_r = sum_t s_ib s_jc (u_p . v_q) over what is seen, t = (b, q, c),    "a relation hears its ends", "said relations look for
      of what is said, r = (i, p, j)                                         seen ones"
(7)   c_i = table[n_i, sum_b sigmoid(alpha a_ib + beta)], n_i a number       "words count regions"
(8)   cosine of the mean of g over the words and of h over the regions       "one vector for the sentence", "... the image"
(9)   score = w . [sum_i pi_i m_i, mean_b n_b, sum_r r_r, sum_i c_i]          "a pair sums up ...", :meth:`TRAIL.score`
      + tau cosine, where pi_i = e^(p_i)
====  =====================================================================  ==================================================

What is trained: softmax over the batch in both directions, and that a caption scores above the same caption with two of its attributes,
the ends of a relation, or two numbers exchanged (:mod:`hetero_xmodal.training.trail`). (8) alone is an index: it finds candidates, which
(9) ranks.

:func:`trail_recipe` is the definition, on a graph of one pair or many; :meth:`TRAIL.compare` computes the same for every image with every
sentence, with padded matrices, and a test holds the two equal.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .. import schema as s
from ..data.tasks.matching.said import SaidBatch, typed_edges
from ..environment import require_dgl
from ..errors import InputError
from ..message_passing import Combine, Recipe, Replace, SigmoidGate, Step, Weigh, attends, itself
from ..networks.camera import some_rows, without_columns
from ..networks.padding import padded
from ..pretrained import Pretrained
from .configs.trail import TrailConfig

if TYPE_CHECKING:
    import dgl

    from ..message_passing.inbox import Inbox

#: a relation that is said or seen is a node, between the nodes of its subject and its object
SAID, SEEN, PAIR = "said", "seen", "pair"
DESCRIBES = (s.WORD, "describes", s.WORD)
SUBJECTS = ((s.WORD, "subject_of", SAID), (s.VISUAL, "subject_of", SEEN))
OBJECTS = ((s.WORD, "object_of", SAID), (s.VISUAL, "object_of", SEEN))
PARTS = ("words", "regions", "relations", "numbers")
#: numbers of things and of regions that are told apart; larger ones count as the largest
MOST_SAID, MOST_SEEN = 4, 5
LOOKS = {s.WORD: ("looks", 1)}


# ---------------------------------------------------------------------------------------------- what the steps are made of


@dataclass(frozen=True, eq=False)
class ExpDot(Weigh):
    """``exp(sum of q_i . k_j over the named states - shift_i)`` of every edge j -> i; with (3)'s total as *shift*, a share s_ib.

    states : names of the states (n, d) whose products are added: of the destination's and of the source's
    shift : name of a state (n, 1) of the destination
    """

    states: tuple[tuple[str, str], ...]
    shift: str | None = None

    def needs(self, reads: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        own = tuple(query for query, _ in self.states) + (() if self.shift is None else (self.shift,))
        return own, tuple(key for _, key in self.states)

    def inputs(self, inbox: Inbox) -> tuple[Tensor, ...]:
        """The tensors (n, d) that the weights depend on."""
        own, others = self.needs("")
        return (*(inbox.receiver_state(name) for name in own), *(x for name in others for x in inbox.source_states(name)))

    def edges(self, inbox: Inbox) -> Tensor:
        """Weights (E,) of all edges of *inbox*."""
        products = []
        for query, key in self.states:
            rows, links = inbox.link(inbox.source_states(key))
            products.append(links.dot(rows, inbox.receiver_state(query)))
        total = torch.stack(products).sum(0)
        return (total if self.shift is None else total - inbox.receiver_state(self.shift).squeeze(1)[inbox.links.target]).exp()

    def __str__(self) -> str:
        product = " + ".join(f"{query} . {key}" for query, key in self.states)
        return f"exp({product}{'' if self.shift is None else f' - {self.shift}'})"


class Nothing(nn.Module):
    """(3): the logarithm of ``e^nothing + total``, of totals (n, 1); *nothing* is what a word finds where no region fits.

    ``missing`` is the match of (4) in that case.
    """

    needs_old = False

    def __init__(self) -> None:
        super().__init__()
        self.logit, self.missing = nn.Parameter(torch.zeros(1)), nn.Parameter(torch.zeros(1))

    def forward(self, old: Tensor | None, total: Tensor) -> Tensor:
        return (self.logit.exp() + total).log()

    def found(self, message: Tensor, query: Tensor, total: Tensor) -> Tensor:
        """(4) from ``sum_b s_ib k_b`` (n, d), q_i (n, d) and the logarithm of (3)'s total (n, 1)."""
        return _dot(message, query) + (self.logit - total).exp() * self.missing


class Counting(nn.Module):
    """(7): how well the number that is said fits how many regions match; the table is read between whole numbers by interpolation."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.zeros(MOST_SAID + 1, MOST_SEEN + 2))
        self.slope, self.level = nn.Parameter(torch.ones(1)), nn.Parameter(-torch.ones(1))

    def forward(self, seen: Tensor, said: Tensor) -> Tensor:
        """Soft numbers *seen* (n, 1) and numbers *said* (n, 1) to (n, 1); where none above one is said, 0."""
        seen, number = seen.clamp(0, MOST_SEEN), said.clamp(0, MOST_SAID).long()
        low = seen.detach().floor().clamp_max(MOST_SEEN).long()
        row = self.table[number.squeeze(1)]
        value = row.gather(1, low) * (1 - seen + low) + row.gather(1, low + 1) * (seen - low)
        return value * (number > 1)


class Stretched(nn.Module):
    """States (n, d) to ``[slope x, level]`` (n, d + 1): with :class:`WithOne`, a dot product becomes ``slope q . k + level``."""

    def __init__(self, counting: Counting) -> None:
        super().__init__()
        self.of = (counting,)  # not registered a second time

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x * self.of[0].slope, self.of[0].level.expand(len(x), 1)], 1)


class WithOne(nn.Module):
    """States (n, d) to ``[x, 1]`` (n, d + 1)."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, x.new_ones(len(x), 1)], 1)


def trail_recipe(nothing: Nothing | None = None, counting: Counting | None = None) -> Recipe:
    """(1) to (8) as steps on the graph of :meth:`TRAIL.graph`.

    States in: ``q``, ``g``, ``p`` (importance) and ``number`` of ``word``, ``k``, ``end`` (k again) and ``h`` of ``visual``, ``u`` of ``said``, ``v`` of
    ``seen``, ``one`` of ``pair``. States out, of ``pair``: those of :data:`PARTS` (pairs, 1), and ``sentence`` and ``image``, the vectors
    of (8).

    >>> [step.name for step in trail_recipe().steps][4:7]
    ['how much there is to find', 'words look at regions', 'regions look for a word']
    """
    nothing, counting = nothing or Nothing(), counting or Counting()
    look, to_pair, from_regions = attends(s.VISUAL, s.WORD), attends(s.WORD, PAIR), attends(s.VISUAL, PAIR)
    match = ExpDot((("q", "k"),))
    steps = [
        Step(f"things hear what describes them: {what}", [DESCRIBES, itself(s.WORD)], equation="(1)", reads=state, writes=state)
        for state, what in (("q", "match"), ("g", "vector"), ("p", "importance"))
    ]
    steps += [
        Step("how much there is to find", look, equation="(3)", send="one", weigh=match, update=nothing, writes="z", unheard="update"),
        Step("words look at regions", look, equation="(3), (4)", weigh=ExpDot((("q", "k"),), "z"), reads="k", writes="match",
             update=Combine(nothing.found, own=("q", "z")), unheard="update"),
        Step("regions look for a word", attends(s.WORD, s.VISUAL), equation="(5)", send="one", weigh=ExpDot((("k", "q"),)), gather="max",
             update=Replace(torch.log), writes="best", where=LOOKS),
        Step("a relation hears its subject", SUBJECTS, equation="(6)", reads="end", writes="subject"),
        Step("a relation hears its object", OBJECTS, equation="(6)", reads="end", writes="object"),
        Step("a relation hears what its ends could find", [SUBJECTS[0], OBJECTS[0]], equation="(6)", reads="z", writes="z"),
        Step("said relations look for seen ones", attends(SEEN, SAID), equation="(6)", reads="v", writes="match",
             weigh=ExpDot((("subject", "subject"), ("object", "object")), "z"), update=Combine(_dot, own=("u",))),
        Step("words count regions", look, equation="(7)", send="one", writes="counted", update=Combine(counting, own=("number",)),
             weigh=SigmoidGate(query=Stretched(counting), key=WithOne(), query_state="q", key_state="k")),
        Step("a pair sums up its words", to_pair, equation="(9)", weigh=ExpDot((("one", "p"),)), reads="match", writes="words",
             where=LOOKS),
        Step("a pair sums up its regions", from_regions, equation="(9)", gather="mean", reads="best", writes="regions"),
        Step("a pair sums up its relations", attends(SAID, PAIR), equation="(9)", reads="match", writes="relations"),
        Step("a pair sums up its numbers", to_pair, equation="(9)", reads="counted", writes="numbers", where=LOOKS),
        Step("one vector for the sentence", to_pair, equation="(8)", gather="mean", reads="g", writes="sentence", where=LOOKS),
        Step("one vector for the image", from_regions, equation="(8)", gather="mean", reads="h", writes="image"),
    ]  # fmt: skip
    # the ends of relations are words, after (1), and regions: one name for both lets one step serve both
    ends = Step("ends of relations", [itself(s.WORD)], reads="q", writes="end")
    return Recipe([*steps[:3], ends, *steps[3:]], adds={PAIR: 1}, name="TRAIL")


def _dot(message: Tensor, own: Tensor) -> Tensor:
    return (message * own).sum(1, keepdim=True)


# ---------------------------------------------------------------------------------------------- the model


@dataclass(frozen=True, eq=False)
class ImageSide:
    """n images: keys (n, B, width) with their mask (n, B), relations seen (n, T, 3) with theirs, unit vectors (n, vector_width)."""

    keys: Tensor
    mask: Tensor
    seen: Tensor
    seen_mask: Tensor
    vectors: Tensor

    def take(self, rows: Tensor) -> ImageSide:
        """The images *rows*."""
        return ImageSide(*(value[rows] for value in vars(self).values()))


@dataclass(frozen=True, eq=False)
class SentenceSide:
    """c sentences: queries (c, I, width) with their mask (c, I), importance (c, I), numbers (c, I), unit vectors (c, vector_width);
    relations said (R, 4): sentence, subject, predicate, object."""

    queries: Tensor
    mask: Tensor
    importance: Tensor
    numbers: Tensor
    vectors: Tensor
    said: Tensor


class TRAIL(Pretrained, nn.Module):
    """Typed relational alignment.

    Parameters
    ----------
    config : TrailConfig
    vocab : JSON values: ``images`` and ``texts`` (provenance of regions and words), ``said`` with the lists ``words`` and ``predicates``.

    >>> import hetero_xmodal as hx
    >>> model = TRAIL(TrailConfig(region_width=6, vocabulary=3), {})
    >>> print(model.recipe)  # doctest: +SKIP
    """

    recipe_name = "trail"
    config_class = TrailConfig
    shift: Tensor
    scale: Tensor
    word_shift: Tensor
    word_scale: Tensor

    def __init__(self, config: TrailConfig, vocab: dict[str, Any]) -> None:
        super().__init__()
        self.config, self.vocab = config, vocab
        sizes = {"match": config.width, "vector": config.vector_width, "importance": 1}
        self.symbols = nn.ModuleDict({name: nn.Embedding(config.vocabulary, size) for name, size in sizes.items()})
        vectors = sizes if config.word_width else {}
        self.words = nn.ModuleDict({name: nn.Linear(config.word_width, size, bias=False) for name, size in vectors.items()})
        self.regions, self.region_vectors = (nn.Linear(config.region_width, size) for size in (config.width, config.vector_width))
        self.hidden = None
        if config.hidden:
            self.hidden = nn.Sequential(
                nn.Linear(config.region_width, config.hidden), nn.ReLU(), nn.Dropout(0.2), nn.Linear(config.hidden, config.width)
            )
        self.said, self.seen = (nn.Embedding(size, config.relation_width) for size in (config.said, config.seen))
        self.weights, self.sharpness = nn.Parameter(torch.ones(len(PARTS))), nn.Parameter(torch.tensor(2.3))
        for part in ("shift", "scale"):
            self.register_buffer(part, torch.full((config.region_width,), float(part == "scale")))
            self.register_buffer(f"word_{part}", torch.full((config.word_width,), float(part == "scale")))
        self.recipe = trail_recipe()
        self._initialise()

    def _initialise(self) -> None:
        for layer in (*self.symbols.values(), self.said, self.seen):
            nn.init.normal_(layer.weight, std=0.3)
        if self.config.word_width:  # symbols then add to the map of the vectors, and start with nothing to add
            for layer in (*self.symbols.values(), self.words["importance"]):
                nn.init.zeros_(layer.weight)
        nn.init.zeros_(self.symbols["importance"].weight)
        if self.hidden is not None:
            nn.init.zeros_(self.hidden[3].weight), nn.init.zeros_(self.hidden[3].bias)

    @property
    def nothing(self) -> Nothing:
        """(3), the module that the recipe uses."""
        return next(step.update for step in self.recipe.steps if step.name == "how much there is to find")

    @property
    def counting(self) -> Counting:
        """(7), the module that the recipe uses."""
        return next(step.update.function for step in self.recipe.steps if step.name == "words count regions")

    # ------------------------------------------------------------------------------------------ node-wise parts

    def region_states(self, regions: Tensor, counts: Tensor) -> tuple[Tensor, Tensor]:
        """Region features (R, region_width), *counts* (n,) an image, to ``k`` (R, width) and ``h`` (R, vector_width)."""
        y = (regions - self.shift) * self.scale
        if self.training and self.config.input_dropout:
            y = without_columns(y, counts, self.config.input_dropout)
        k = self.regions(y)
        return k if self.hidden is None else k + self.hidden(y), self.region_vectors(y)

    def word_states(self, said: SaidBatch) -> dict[str, Tensor]:
        """``q``, ``g`` and ``p`` of every word, before (1)."""
        config, states = self.config, {}
        vectors = None
        if config.word_width and said.vectors is not None:
            vectors = (said.vectors - self.word_shift) * self.word_scale
            if self.training and config.input_dropout:
                vectors = without_columns(vectors, said.counts, config.input_dropout)
        for state, name in (("q", "match"), ("g", "vector"), ("p", "importance")):
            states[state] = self.symbols[name](said.symbols) * float(config.symbols)
            if vectors is not None:
                states[state] = states[state] + self.words[name](vectors)
        return states

    def looks(self, said: SaidBatch) -> Tensor:
        """Which words look at regions, (N,) bool; a sentence without any such word looks with all."""
        looks = said.content if self.config.looks == "words" else said.objects
        if self.config.edges in ("none", "no-bindings"):
            looks = looks | torch.zeros_like(looks).index_fill(0, said.describes[0], True)
        sentence = torch.repeat_interleave(torch.arange(len(said.counts), device=looks.device), said.counts)
        none = torch.bincount(sentence[looks], minlength=len(said.counts)) == 0
        return looks | none[sentence]

    # ------------------------------------------------------------------------------------------ every image with every sentence

    def images(self, regions: Tensor, counts: Tensor, relations: Tensor, relation_counts: Tensor) -> ImageSide:
        """One side of (2) to (8): region features (R, d), *counts* (n,), relations seen (T, 3) and their counts (n,)."""
        keys, vectors = self.region_states(regions, counts)
        mean, mask = padded(vectors, counts)
        if self.training and self.config.dropout:
            keys = F.dropout(keys, self.config.dropout)
        keys = padded(keys, counts)[0]
        if self.training and self.config.region_dropout:
            kept = padded(some_rows(counts, self.config.region_dropout)[0], counts)[0]
            mask = mask & kept
        mean = (mean * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
        return ImageSide(keys, mask, *padded(relations, relation_counts), F.normalize(mean, dim=1))

    def sentences(self, said: SaidBatch) -> SentenceSide:
        """The other side of (2) to (8)."""
        config, states, looks = self.config, self.word_states(said), self.looks(said)
        if config.edges not in ("none", "no-bindings"):
            u, v = said.describes
            if self.training and config.binding_dropout:
                u, v = said.describes[:, torch.rand(len(u), device=u.device) >= config.binding_dropout]
            states = {name: x.index_add(0, v, x[u]) for name, x in states.items()}  # (1)
        sentence = torch.repeat_interleave(torch.arange(len(said.counts), device=looks.device), said.counts)
        counts = torch.bincount(sentence[looks], minlength=len(said.counts))
        queries, mask = padded(states["q"][looks], counts)
        place = torch.cumsum(looks, 0) - 1 - (counts.cumsum(0) - counts)[sentence]  # of a word among those of its sentence that look
        shown = mask
        if self.training and config.word_dropout:
            shown = padded(some_rows(counts, config.word_dropout)[0], counts)[0]
        g = padded(states["g"][looks], counts)[0]
        mean = (g * shown[..., None]).sum(1) / shown.sum(1, keepdim=True)
        i, p, j = said.relations
        if config.edges in ("none", "no-relations"):
            i, p, j = said.relations[:, :0]
        stated = torch.stack([sentence[i], place[i], p, place[j]], 1)
        importance = padded(states["p"][looks], counts)[0].squeeze(2)
        numbers = padded(said.numbers[looks], counts)[0]
        return SentenceSide(queries, shown, importance, numbers, F.normalize(mean, dim=1), stated)

    def compare(self, images: ImageSide, sentences: SentenceSide, *, pairs: bool = False) -> Tensor:
        """Scores (n, c) of every image with every sentence; with *pairs*, of image k with sentence k alone, (n,)."""
        parts = self.parts(images, sentences, pairs=pairs)
        return self.score(parts, self.cosines(images, sentences, pairs=pairs))

    def cosines(self, images: ImageSide, sentences: SentenceSide, *, pairs: bool = False) -> Tensor:
        """(8), of every image with every sentence or of pairs."""
        return (images.vectors * sentences.vectors).sum(1) if pairs else images.vectors @ sentences.vectors.T

    def score(self, parts: Sequence[Tensor], cosine: Tensor) -> Tensor:
        """(9), of tensors of one shape."""
        total = self.sharpness.exp() * cosine
        for weight, part in zip(self.weights, parts, strict=True):
            total = total + weight * part
        return total

    def parts(self, images: ImageSide, sentences: SentenceSide, *, pairs: bool = False) -> list[Tensor]:
        """The four parts of (9), each (n, c) or, for pairs, (n,)."""
        if pairs:
            match = sentences.queries @ images.keys.transpose(1, 2)  # (n, I, B)
            seen, words = images.mask[:, None], sentences.mask
        else:
            match = torch.einsum("cid,nbd->ncib", sentences.queries, images.keys)  # (2)
            seen, words = images.mask[:, None, None], sentences.mask[None]
        hidden = match.masked_fill(~seen, -1e4)
        nothing = self.nothing.logit.expand(*match.shape[:-1], 1)
        every = torch.cat([hidden, nothing], -1).softmax(-1)  # (3)
        share = every[..., :-1]
        found = (share * match).sum(-1) + every[..., -1] * self.nothing.missing  # (4)
        importance = sentences.importance.exp() * sentences.mask
        best = match.masked_fill(~words[..., None], -1e4).amax(-2)  # (5)
        own = images.mask if pairs else images.mask[:, None]
        regions = (best * own).sum(-1) / own.sum(-1)
        return [
            (found * importance).sum(-1),
            regions,
            self._relations(share, images, sentences, regions, pairs),
            self._numbers(hidden, sentences, regions, pairs),
        ]

    def _relations(self, share: Tensor, images: ImageSide, sentences: SentenceSide, like: Tensor, pairs: bool) -> Tensor:
        """(6), summed over the relations of each sentence."""
        row, i, p, j = sentences.said.T
        if not len(row) or not images.seen_mask.any():
            return torch.zeros_like(like)
        fits = self.said.weight @ self.seen.weight.T
        if pairs:
            first, second, seen, mask = share[row, i], share[row, j], images.seen[row], images.seen_mask[row]  # (R, B), (R, T, 3), (R, T)
            value = first.gather(1, seen[..., 0]) * second.gather(1, seen[..., 2]) * fits[p[:, None], seen[..., 1]]
            return torch.zeros_like(like).index_add(0, row, (value * mask).sum(1))
        first, second = share[:, row, i], share[:, row, j]  # (n, R, B)
        b, q, c = (images.seen[:, None, :, k].expand(-1, len(row), -1) for k in range(3))
        value = first.gather(2, b) * second.gather(2, c) * fits[p].T[images.seen[..., 1]].transpose(1, 2)
        return torch.zeros_like(like).index_add(1, row, (value * images.seen_mask[:, None]).sum(2))

    def _numbers(self, match: Tensor, sentences: SentenceSide, like: Tensor, pairs: bool) -> Tensor:
        """(7), summed over the words that say a number."""
        row, i = ((sentences.numbers > 1) & sentences.mask).nonzero(as_tuple=True)
        if not self.config.counting or not len(row):
            return torch.zeros_like(like)
        counting = self.counting
        some = match[row, i] if pairs else match[:, row, i]
        seen = torch.sigmoid(counting.slope * some + counting.level).sum(-1)
        said = sentences.numbers[row, i].expand_as(seen).reshape(-1, 1)
        value = counting(seen.reshape(-1, 1), said).view_as(seen)
        return torch.zeros_like(like).index_add(0 if pairs else 1, row, value)

    # ------------------------------------------------------------------------------------------ one pair, step by step

    def pair(self, graph: dgl.DGLGraph, regions: Tensor, vectors: Tensor | None = None) -> tuple[dgl.DGLGraph, dict[str, dict[str, Tensor]]]:
        """The graph and the states that :attr:`recipe` runs on, of one pair graph of :func:`~hetero_xmodal.graphs.build_graph`.

        Its words and regions stay as they are; beside them stand a node for each relation that is said and for each that is seen.

        Parameters
        ----------
        graph : a single pair graph.
        regions : (R, region_width), the features of its ``visual`` nodes.
        vectors : (W, word_width), those of its ``word`` nodes, for a model that reads word vectors.

        Raises
        ------
        InputError
            If features do not fit the graph.
        """
        said, seen = typed_edges(graph, self.vocab["said"], vectors)
        if len(regions) != graph.num_nodes(s.VISUAL):
            raise InputError(f"there are features of {len(regions)} regions, but the graph has {graph.num_nodes(s.VISUAL)}")
        states, looks = self.word_states(said), self.looks(said)
        k, h = self.region_states(regions, torch.tensor([len(regions)]))
        i, p, j = said.relations if self.config.edges not in ("none", "no-relations") else said.relations[:, :0]
        first, second = said.describes if self.config.edges not in ("none", "no-bindings") else said.describes[:, :0]
        rows, others = torch.arange(len(p)), torch.arange(len(seen))
        typed = require_dgl().heterograph(
            {DESCRIBES: (first, second), SUBJECTS[0]: (i, rows), OBJECTS[0]: (j, rows),
             SUBJECTS[1]: (seen[:, 0], others), OBJECTS[1]: (seen[:, 2], others)},
            {s.WORD: len(said.symbols), s.VISUAL: len(regions), SAID: len(p), SEEN: len(seen)},
        )  # fmt: skip
        typed.nodes[s.WORD].data["looks"] = looks.long()
        counted = said.numbers * float(self.config.counting)
        return typed, {
            s.WORD: {**states, "number": counted[:, None].to(k.dtype)},
            s.VISUAL: {"k": k, "end": k, "h": h},
            SAID: {"u": self.said(p)},
            SEEN: {"v": self.seen(seen[:, 1])},
            PAIR: {"one": k.new_ones(1, 1)},
        }

    def forward(self, graph: dgl.DGLGraph, regions: Tensor, vectors: Tensor | None = None) -> Tensor:
        """The score of one pair, shape (), by running :attr:`recipe` on its graph; arguments as for :meth:`pair`."""
        return self.pair_score(self.recipe(*self.pair(graph, regions, vectors)))

    def pair_score(self, states: dict[str, dict[str, Tensor]]) -> Tensor:
        """(9), shape (), from the states after the last step."""
        found = states[PAIR]
        zero = next(iter(found.values())).new_zeros(1, 1)
        cosine = F.cosine_similarity(found["sentence"], found["image"])
        return self.score([found.get(part, zero)[:, 0] for part in PARTS], cosine).squeeze(0)
