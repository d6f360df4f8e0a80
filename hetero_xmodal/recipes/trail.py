"""TRAIL, typed relational alignment of images and sentences: ours, not a paper's.

A sentence fits an image if its things are found among the regions, and if what is said *between* things holds *between the regions in which
they were found*. Typed edges therefore act on matches: "red" counts where "bird" is matched, "on" where both its ends are.

====  =====================================================================  ==================================================
(1)   q_i = x_i + sum of x_u over the words u that describe i, times W       "things hear what describes them"
      (and g_i, p_i of (8), (9), unless the words u look at regions too)
(2)   a_ib = q_i . k_b, k_b = V y_b + MLP(y_b): match of word and region     every later step
(3)   s_ib = exp(a_ib) / (e^nothing + sum_b exp(a_ib))                       "how much there is to find", "words look at regions"
(4)   m_i = sum_b s_ib a_ib + (1 - sum_b s_ib) missing: match of word i      "words look at regions"
      with what it found, or failed to find; with ``match="cosine"``,
      m_i = e^scale cos(q_i, sum_b s_ib k_b)
(5)   n_b = max_i a_ib: match of region b with the best word                 "regions look for a word"
(6)   r_r = sum_t s_ib s_jc (u_p . v_q) over what is seen, t = (b, q, c),    "a relation hears its ends", "said relations look for
      of what is said, r = (i, p, j)                                         seen ones"
(7)   c_i = table[n_i, sum_b sigmoid(alpha a_ib + beta)], n_i a number       "words count regions"
(8)   cosine of the mean of g over the words and of h over the regions       "one vector for the sentence", "... the image"
(9)   score = w . [sqrt(n) sum_i pi_i m_i, mean_b n_b, sum_r r_r, sum_i c_i]  "a pair sums up ...", :meth:`TRAIL.score`
      + tau cosine + sizes, pi the softmax of p over the n words; without
      sqrt(n) where m_i are cosines
(10)  sizes = table[any said, words, regions] + table'[said, seen]            "a pair counts ...", :class:`.Sizes`
====  =====================================================================  ==================================================

What is trained: softmax over the batch in both directions, and that a caption scores above the same caption with two of its attributes,
the ends of a relation, or two numbers exchanged (:mod:`hetero_xmodal.training.trail`). (8) alone is an index: it finds candidates, which
(9) ranks.

:func:`trail_recipe` is the definition. :mod:`.typed_scores` computes the same for every image with every sentence, with padded matrices,
and a test holds the two equal.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .. import schema as s
from ..data.tasks.matching.said import typed_edges
from ..environment import require_dgl
from ..errors import InputError
from ..message_passing import Combine, DotAttention, Recipe, Replace, SigmoidGate, Step, Weigh, attends, itself
from ..pretrained import Pretrained
from .configs.trail import TrailConfig
from .typed_scores import PARTS, Counting, Nothing, TypedScores, dot, heard_states

if TYPE_CHECKING:
    import dgl

    from ..message_passing.inbox import Inbox

#: a relation that is said or seen is a node, between the nodes of its subject and its object
SAID, SEEN, PAIR = "said", "seen", "pair"
DESCRIBES = (s.WORD, "describes", s.WORD)
SUBJECTS = ((s.WORD, "subject_of", SAID), (s.VISUAL, "subject_of", SEEN))
OBJECTS = ((s.WORD, "object_of", SAID), (s.VISUAL, "object_of", SEEN))
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


def trail_recipe(config: TrailConfig | None = None) -> Recipe:
    """(1) to (8) as steps on the graph of :meth:`TRAIL.pair`, and the counts of (10).

    *config* says which of its two forms (4) has, and which states (1) adds up.

    States in: ``q``, ``g``, ``p`` (importance) and ``number`` of ``word``; ``k``, ``end`` (k again) and ``h`` of ``visual``; ``u`` of
    ``said``; ``v`` of ``seen``; ``one`` of ``pair``. States out, of ``pair``: those of
    :data:`~hetero_xmodal.recipes.typed_scores.PARTS` and the four counts, each (pairs, 1); ``sentence`` and ``image``, the vectors of (8).

    >>> [step.name for step in trail_recipe().steps][4:7]
    ['how much there is to find', 'words look at regions', 'regions look for a word']
    """
    config = config or TrailConfig()
    cosine = config.match == "cosine"
    nothing, counting = Nothing(cosine=config.log_scale - math.log(4) if cosine else None), Counting()
    look, to_pair, from_regions = attends(s.VISUAL, s.WORD), attends(s.WORD, PAIR), attends(s.VISUAL, PAIR)
    match = ExpDot((("q", "k"),))
    found = Combine(nothing.found_cosine, own=("q",)) if cosine else Combine(nothing.found, own=("q", "z"))
    steps = [
        Step(f"things hear what describes them: {what}", [DESCRIBES, itself(s.WORD)], equation="(1)", reads=state, writes=state)
        for state, what in (("q", "match"), ("g", "vector"), ("p", "importance"))
        if state in heard_states(config)
    ]
    steps += [
        Step("how much there is to find", look, equation="(3)", send="one", weigh=match, update=nothing, writes="z", unheard="update"),
        Step("words look at regions", look, equation="(3), (4)", weigh=ExpDot((("q", "k"),), "z"), reads="k", writes="match",
             update=found, unheard="update"),
        Step("regions look for a word", attends(s.WORD, s.VISUAL), equation="(5)", send="one", weigh=ExpDot((("k", "q"),)), gather="max",
             update=Replace(torch.log), writes="best", where=LOOKS),
        Step("a relation hears its subject", SUBJECTS, equation="(6)", reads="end", writes="subject"),
        Step("a relation hears its object", OBJECTS, equation="(6)", reads="end", writes="object"),
        Step("a relation hears what its ends could find", [SUBJECTS[0], OBJECTS[0]], equation="(6)", reads="z", writes="z"),
        Step("said relations look for seen ones", attends(SEEN, SAID), equation="(6)", reads="v", writes="match",
             weigh=ExpDot((("subject", "subject"), ("object", "object")), "z"), update=Combine(dot, own=("u",))),
        Step("words count regions", look, equation="(7)", send="one", writes="counted", update=Combine(counting, own=("number",)),
             weigh=SigmoidGate(query=Stretched(counting), key=WithOne(), query_state="q", key_state="k")),
        Step("a pair counts its words", to_pair, equation="(10)", send="one", writes="many words", where=LOOKS),
        Step("a pair counts its regions", from_regions, equation="(10)", send="one", writes="many regions"),
        Step("a pair counts what is said", attends(SAID, PAIR), equation="(10)", send="one", writes="much said"),
        Step("a pair counts what is seen", attends(SEEN, PAIR), equation="(10)", send="one", writes="much seen"),
        Step("a pair sums up its words", to_pair, equation="(9)", weigh=DotAttention(query_state="one", key_state="p"), reads="match",
             writes="words", update=Replace() if cosine else Combine(_rooted, own=("many words",)), where=LOOKS),
        Step("a pair sums up its regions", from_regions, equation="(9)", gather="mean", reads="best", writes="regions"),
        Step("a pair sums up its relations", attends(SAID, PAIR), equation="(9)", reads="match", writes="relations"),
        Step("a pair sums up its numbers", to_pair, equation="(9)", reads="counted", writes="numbers", where=LOOKS),
        Step("one vector for the sentence", to_pair, equation="(8)", gather="mean", reads="g", writes="sentence", where=LOOKS),
        Step("one vector for the image", from_regions, equation="(8)", gather="mean", reads="h", writes="image"),
    ]  # fmt: skip
    # the ends of relations are words, after (1), and regions: one name for both lets one step serve both
    ends = Step("ends of relations", [itself(s.WORD)], reads="q", writes="end")
    heard = len(heard_states(config))
    return Recipe([*steps[:heard], ends, *steps[heard:]], adds={PAIR: 1}, name="TRAIL")


def _rooted(message: Tensor, count: Tensor) -> Tensor:
    return message * count.sqrt()


# ---------------------------------------------------------------------------------------------- the model


class TRAIL(Pretrained, TypedScores):
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

    def __init__(self, config: TrailConfig, vocab: dict[str, Any]) -> None:
        super().__init__(config)
        self.vocab = vocab
        self.recipe = trail_recipe(config)

    @property
    def nothing(self) -> Nothing:
        """(3), the module that the recipe uses."""
        return cast(Nothing, next(step.update for step in self.recipe.steps if step.name == "how much there is to find"))

    @property
    def counting(self) -> Counting:
        """(7), the module that the recipe uses."""
        update = next(step.update for step in self.recipe.steps if step.name == "words count regions")
        return cast(Counting, cast(Combine, update).function)

    # ------------------------------------------------------------------------------------------ one pair, step by step

    def pair(
        self, graph: dgl.DGLGraph, regions: Tensor, vectors: Tensor | None = None
    ) -> tuple[dgl.DGLGraph, dict[str, dict[str, Tensor]]]:
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
        """The score of one pair, a scalar, by running :attr:`recipe` on its graph; arguments as for :meth:`pair`."""
        return self.pair_score(self.recipe(*self.pair(graph, regions, vectors)))

    def pair_score(self, states: dict[str, dict[str, Tensor]]) -> Tensor:
        """(9), a scalar, from the states after the last step."""
        found = states[PAIR]
        zero = next(iter(found.values())).new_zeros(1, 1)
        cosine = F.cosine_similarity(found["sentence"], found["image"])
        sizes = self.sizes(*(found.get(name, zero)[:, 0] for name in ("many words", "many regions", "much said", "much seen")))
        parts = {part: found.get(part, zero)[:, 0] for part in PARTS}
        parts["regions"] = parts["regions"] * float(self.config.score_regions)
        sizes = sizes * float(self.config.score_sizes)
        return self.score([*parts.values(), sizes], cosine).squeeze(0)
