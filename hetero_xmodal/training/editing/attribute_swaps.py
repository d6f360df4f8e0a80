"""Swapping attribute words for others of their kind, and the image region that every word of a sentence refers to."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from ... import schema as s
from .dataset import KINDS, kind_of

#: kinds of attributes that are swapped; not size, which would change the layout of the image
SWAPPED = ("colour", "pattern", "length")


class Swapper:
    """Swaps attribute words for others of their kind, as indices of a model's vocabulary."""

    def __init__(self, vocabulary: list[str], first: int, kinds: tuple[str, ...] = SWAPPED) -> None:
        found = [kind_of(word) for word in vocabulary]
        count = first + len(vocabulary)
        self.kind = torch.full((count,), -1)
        usual = torch.full((count,), -1)
        names = sorted({f[1] for f in found if f})
        for k, f in enumerate(found):
            if f is not None and KINDS[f[0]] in kinds:
                self.kind[first + k], usual[first + k] = f[0], names.index(f[1])
        # others[w]: words of w's kind that mean something else
        swappable = (self.kind >= 0).nonzero().flatten().tolist()
        lists = {w: [v for v in swappable if self.kind[v] == self.kind[w] and usual[v] != usual[w]] for w in swappable}
        longest = max([len(v) for v in lists.values()], default=1) or 1
        self.others, self.count = torch.zeros(count, longest, dtype=torch.int64), torch.zeros(count, dtype=torch.int64)
        for w, some in lists.items():
            self.others[w, : len(some)] = torch.tensor(some, dtype=torch.int64)
            self.count[w] = len(some)
        self.articles = tuple(first + vocabulary.index(a) if a in vocabulary else -1 for a in ("a", "an"))
        self.vowel = torch.tensor([False] * first + [word[:1] in "aeiou" for word in vocabulary])

    def __call__(self, words: Tensor, member: Tensor, request: Tensor) -> tuple[Tensor, Tensor]:
        """Swap words (n,) of the sentences *member* (n,) of a batch; returns the new words (n,) and a mask of the swapped ones (n,).

        One word of each sentence is swapped, and every other attribute word with a probability of a quarter. In a *request* (b,) ("red
        instead of blue") the first is swapped and the second becomes the original first.
        """
        can = (self.count[words] > 0).float()
        order = torch.rand(len(words)) * can
        best = torch.zeros(len(request)).scatter_reduce(0, member, order, "amax")
        chosen = (can > 0) & ((order == best[member]) | (torch.rand(len(words)) < 0.25))
        asked = request[member] & (can > 0)
        number = torch.cumsum(asked.long(), 0)
        start = torch.full((len(request),), len(words), dtype=torch.int64).scatter_reduce(0, member[asked], number[asked], "amin")
        first, second = asked & (number == start[member]), asked & (number == start[member] + 1)
        chosen = torch.where(request[member], first, chosen)
        pick = (torch.rand(len(words)) * self.count[words]).long().clamp_max(self.others.shape[1] - 1)
        swapped = torch.where(chosen, self.others[words, pick], words)
        before = words[first]
        if len(before) == int(second.sum()):
            swapped[second] = before
            chosen = chosen | second
        return self.with_articles(swapped, chosen, member), chosen

    def with_articles(self, words: Tensor, chosen: Tensor, member: Tensor) -> Tensor:
        """Words (n,) with "a" and "an" corrected before the *chosen* ones (n,)."""
        a, an = self.articles
        if a >= 0 and an >= 0 and len(words) > 1:
            leads = (words[:-1] == a) | (words[:-1] == an)
            leads &= chosen[1:] & (member[:-1] == member[1:])
            words = torch.cat([torch.where(leads, torch.where(self.vowel[words[1:]], an, a), words[:-1]), words[-1:]])
        return words


def attribute_indices(vocabulary: list[str], attributes: list[str], first: int) -> list[list[int]]:
    """For every word index, the kind of attribute it names and the index of that attribute; -1 and 0 for other words.

    >>> attribute_indices(["bird", "red"], ["", "blue", "red"], 1)
    [[-1, 0], [-1, 0], [0, 2]]
    """
    out = [[-1, 0] for _ in range(first)]
    for word in vocabulary:
        kind, usual = kind_of(word) or (-1, "")
        out.append([kind, attributes.index(usual)] if usual in attributes else [-1, 0])
    return out


def negated(graph: Any) -> Tensor:
    """Mask (words,) of the words of a batched graph after "instead": "purple" in "green instead of purple" should *not* be visible."""
    data = graph.nodes[s.WORD].data
    counts = graph.batch_num_nodes(s.WORD)
    member = torch.repeat_interleave(torch.arange(len(counts)), counts)
    marks = torch.from_numpy(s.text_array(data["text"]) == b"instead")
    start = torch.full((len(counts),), torch.iinfo(torch.int64).max)
    return data["position"] > start.scatter_reduce(0, member[marks], data["position"][marks], "amin")[member]


def word_regions(graph: Any) -> Tensor:
    """Index of the region that every word of a batched graph refers to, (words,), -1 for none.

    A matched noun refers to its region, and so do its dependents: "red" in "red wings", and in "the wings are red".
    """
    region = torch.full((graph.num_nodes(s.WORD),), -1)
    visual, word = graph.edges(etype=s.VISUAL_SAME_AS_WORD)
    region[word] = visual
    child, head = graph.edges(etype=s.DEPENDS)
    arcs = s.text_array(graph.edges[s.DEPENDS].data["arc"])
    subject = torch.from_numpy(np.isin(arcs, [b"nsubj", b"nsubjpass"]))
    noun = graph.nodes[s.WORD].data["is_object"]
    rises = subject & ~noun[head]
    for _ in range(3):
        up = rises & (region[child] >= 0) & (region[head] < 0)
        region[head[up]] = region[child[up]]
        down = (region[head] >= 0) & (region[child] < 0) & ~noun[child]
        region[child[down]] = region[head[down]]
    return region
