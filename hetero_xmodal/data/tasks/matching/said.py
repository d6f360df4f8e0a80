"""Sentence graphs and image relations of a split as flat arrays: what a model reads that lets typed edges act on a match.

==================  =====================================================================================================
:class:`Said`       words of captions, the edges of which describes which, relations between things, numbers
:class:`Seen`       relations between the regions of images, by the geometry of their boxes
:func:`read_said`   captions to :class:`Said`, parsed by rules
:func:`read_seen`   regions with boxes to :class:`Seen`
==================  =====================================================================================================
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from ....errors import InputError
from ....graphs.said import SaidGraph, said_of_graph, said_of_scene
from ....parsers.geometry import PREDICATES, relation_matrix
from ....parsers.world_vocabulary import attribute_kind
from ...regions import Regions
from ...store import progress_bar
from .pairs import Split, Words

if TYPE_CHECKING:
    import dgl

    from ....scenes import SceneGraph

#: row of whatever is not in the vocabulary
UNKNOWN = 0
#: relations that are the same with their ends exchanged
SYMMETRIC = frozenset(("near", "next to", "beside", "close to", "with", "and", "by", "at", "in", "together with"))
#: predicates of :class:`Seen`
SEEN = tuple(PREDICATES)


@dataclass(frozen=True, eq=False)
class SaidBatch:
    """Some captions as tensors, one after the other: N words, E descriptions, R relations in c captions.

    symbols : (N,) rows of the vocabulary; vectors : (N, e) word vectors or None
    counts : (c,) words of each caption; objects, content : (N,) bool; numbers : (N,)
    describes : (2, E) numbers of the describing and of the described word
    relations : (3, R) numbers of the subject's word, of the predicate, and of the object's word
    """

    symbols: Tensor
    vectors: Tensor | None
    counts: Tensor
    objects: Tensor
    content: Tensor
    numbers: Tensor
    describes: Tensor
    relations: Tensor

    def to(self, device: torch.device | str) -> SaidBatch:
        """The same batch on *device*."""
        return SaidBatch(**{name: None if value is None else value.to(device) for name, value in vars(self).items()})


@dataclass(frozen=True, eq=False)
class Said:
    """The graphs of m captions, flat; ends of edges are numbered within their caption.

    offsets : (m + 1,) words; symbols, objects, content, numbers : (N,); vectors : (N, e) float16 or None
    describe_offsets : (m + 1,); describes : (E, 2)
    relation_offsets : (m + 1,); relations : (R, 3) subject, predicate, object
    """

    offsets: np.ndarray
    symbols: np.ndarray
    objects: np.ndarray
    content: np.ndarray
    numbers: np.ndarray
    describe_offsets: np.ndarray
    describes: np.ndarray
    relation_offsets: np.ndarray
    relations: np.ndarray
    vectors: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def take(self, rows: Sequence[int] | np.ndarray) -> SaidBatch:
        """The captions *rows* (c,) as one batch."""
        rows = np.asarray(rows, np.int64)
        words, counts = _places(self.offsets, rows)
        first = np.cumsum(counts) - counts
        ends, per_caption = _places(self.describe_offsets, rows)
        describes = self.describes[ends] + np.repeat(first, per_caption)[:, None]
        stated, per_caption = _places(self.relation_offsets, rows)
        relations = self.relations[stated].copy()
        relations[:, [0, 2]] += np.repeat(first, per_caption)[:, None]
        values = [torch.from_numpy(some[words]) for some in (self.symbols, self.objects, self.content, self.numbers)]
        vectors = None if self.vectors is None else torch.from_numpy(self.vectors[words].astype(np.float32))
        return SaidBatch(
            values[0], vectors, torch.from_numpy(counts), *values[1:], torch.from_numpy(describes.T.copy()),
            torch.from_numpy(relations.T.copy()),
        )  # fmt: skip

    def shuffled(self, seed: int = 0) -> Said:
        """A control: within every caption, what describes and what relates ends at things drawn at random; the words stay."""
        rng = np.random.default_rng((seed, 24))
        describes, relations = self.describes.copy(), self.relations.copy()
        for row in range(len(self)):
            things = np.flatnonzero(self.objects[self.offsets[row] : self.offsets[row + 1]])
            if not len(things):
                continue
            some = slice(self.describe_offsets[row], self.describe_offsets[row + 1])
            describes[some, 1] = rng.choice(things, len(describes[some]))
            for k in range(self.relation_offsets[row], self.relation_offsets[row + 1]):
                relations[k, [0, 2]] = rng.permutation(relations[k, [0, 2]]) if len(things) < 3 else rng.choice(things, 2, replace=False)
        return replace(self, describes=describes, relations=relations)

    def swapped(self, predicates: Sequence[str], words: Sequence[str]) -> tuple[Said, np.ndarray]:
        """Captions that differ from one of these in one exchange, and the row (v,) that each was made of.

        Two things exchange an attribute of one kind (two colours), a relation its ends, or two things their numbers. *predicates* and
        *words* are the vocabulary. Whether the result is false of the image is not known: mostly it is.
        """
        symmetric = np.array([p in SYMMETRIC for p in predicates], bool)
        kinds = [attribute_kind(word) or "" for word in words]
        rows, describes, relations, numbers = [], [], [], []
        for row in range(len(self)):
            own = slice(self.offsets[row], self.offsets[row + 1])
            said = self.describes[self.describe_offsets[row] : self.describe_offsets[row + 1]]
            stated = self.relations[self.relation_offsets[row] : self.relation_offsets[row + 1]]
            number = self.numbers[own]
            for edges in _exchanged(said, [kinds[s] for s in self.symbols[own]], self.symbols[own]):
                rows.append(row), describes.append(edges), relations.append(stated), numbers.append(number)
            for k in np.flatnonzero(~symmetric[stated[:, 1]]) if len(symmetric) else ():
                turned = stated.copy()
                turned[k] = turned[k, ::-1]
                rows.append(row), describes.append(said), relations.append(turned), numbers.append(number)
            for changed in _renumbered(number, self.objects[own]):
                rows.append(row), describes.append(said), relations.append(stated), numbers.append(changed)
        owner = np.asarray(rows, np.int64)
        places, counts = _places(self.offsets, owner)
        return Said(
            np.concatenate([[0], np.cumsum(counts)]), self.symbols[places], self.objects[places], self.content[places],
            np.concatenate([np.zeros(0, np.int64), *numbers]), *_joined(describes, 2), *_joined(relations, 3),
            None if self.vectors is None else self.vectors[places],
        ), owner  # fmt: skip


def _exchanged(edges: np.ndarray, kinds: Sequence[str], symbols: np.ndarray) -> list[np.ndarray]:
    found = []
    for a in range(len(edges)):
        for b in range(a + 1, len(edges)):
            (first, one), (second, other) = edges[a], edges[b]
            if one != other and kinds[first] and kinds[first] == kinds[second] and symbols[first] != symbols[second]:
                changed = edges.copy()
                changed[[a, b], 1] = changed[[b, a], 1]
                found.append(changed)
    return found


def _renumbered(numbers: np.ndarray, objects: np.ndarray) -> list[np.ndarray]:
    found, things = [], np.flatnonzero(objects & (numbers > 0))
    for a in range(len(things)):
        for b in range(a + 1, len(things)):
            if numbers[things[a]] != numbers[things[b]]:
                changed = numbers.copy()
                changed[[things[a], things[b]]] = changed[[things[b], things[a]]]
                found.append(changed)
    return found


def _joined(parts: Sequence[np.ndarray], width: int) -> tuple[np.ndarray, np.ndarray]:
    offsets = np.concatenate([[0], np.cumsum([len(part) for part in parts], dtype=np.int64)]).astype(np.int64)
    return offsets, np.concatenate([np.zeros((0, width), np.int64), *parts])


def _places(offsets: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of the entries of *rows*, one row after the other, and how many each has."""
    starts, counts = offsets[rows], offsets[rows + 1] - offsets[rows]
    first = np.cumsum(counts) - counts
    return np.arange(counts.sum()) - np.repeat(first - starts, counts), counts


@dataclass(frozen=True, eq=False)
class Seen:
    """Relations between the regions of n images, flat.

    offsets : (n + 1,); relations : (T, 3) subject region, predicate (a row of :data:`SEEN`), object region
    """

    offsets: np.ndarray
    relations: np.ndarray

    def take(self, rows: Sequence[int] | np.ndarray) -> tuple[Tensor, Tensor]:
        """Relations (T, 3) of the images *rows*, one image after the other, and how many each has (rows,)."""
        places, counts = _places(self.offsets, np.asarray(rows, np.int64))
        return torch.from_numpy(self.relations[places]), torch.from_numpy(counts)


def read_seen(regions: Regions, *, hold: bool = False) -> Seen:
    """Relations between the objects among the regions, derived from their boxes; patches of a grid have none.

    Without boxes, or where no region is an object of a class, there are none. *hold* applies the world's rule of who holds what.
    """
    found, offsets = [], [0]
    known = regions.provenance.get("classes") or ()
    for row in range(len(regions)):
        if regions.boxes is None or regions.classes is None or regions.sizes is None:
            break
        count = int(regions.counts[row])
        classes = np.asarray(regions.classes[row][:count])
        objects = np.flatnonzero(classes >= 0)
        codes = relation_matrix(
            regions.boxes[row][objects], [known[k] for k in classes[objects]], size=tuple(map(float, regions.sizes[row])), hold=hold
        )
        first, second = np.nonzero(codes >= 0)
        found.append(np.stack([objects[first], codes[first, second].astype(np.int64), objects[second]], 1))
        offsets.append(offsets[-1] + len(first))
    offsets += [offsets[-1]] * (len(regions) + 1 - len(offsets))
    return Seen(np.asarray(offsets, np.int64), np.concatenate([np.zeros((0, 3), np.int64), *found]))


@dataclass(frozen=True, eq=False)
class TypedBatch:
    """Images and captions with their typed edges: what :class:`~hetero_xmodal.recipes.trail.TRAIL` reads of b pairs.

    regions : (R, d); region_counts : (b,); seen : (T, 3) relations between regions; seen_counts : (b,); said : the captions; images : (b,)
    """

    regions: Tensor
    region_counts: Tensor
    seen: Tensor
    seen_counts: Tensor
    said: SaidBatch
    images: Tensor

    def to(self, device: torch.device | str) -> TypedBatch:
        """The same batch on *device*."""
        return TypedBatch(**{name: value.to(device) for name, value in vars(self).items()})


@dataclass(frozen=True, eq=False)
class TypedSplit:
    """A split with the typed edges of both sides.

    split : regions, words and captions; said : the graphs of its captions; seen : the relations in its images
    """

    split: Split
    said: Said
    seen: Seen

    def __len__(self) -> int:
        return len(self.said)

    def batch(self, captions: Sequence[int] | np.ndarray) -> TypedBatch:
        """The matched pairs of the captions *captions* (b,)."""
        captions = np.asarray(captions, np.int64)
        images = np.asarray(self.split.image_of_caption, np.int64)[captions]
        return TypedBatch(*self.images(images), self.said.take(captions), torch.from_numpy(images))

    def images(self, rows: Sequence[int] | np.ndarray) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Regions (R, d), their counts (n,), relations (T, 3) and their counts (n,) of the images *rows*."""
        return (*self.split.regions.take(rows), *self.seen.take(rows))


def typed_split(
    split: Split,
    vocabulary: dict[str, list[str]],
    *,
    hold: bool = False,
    graphs: Sequence[SaidGraph] | None = None,
    progress: bool | None = None,
) -> TypedSplit:
    """A split with its captions parsed, or with their *graphs*, in the words and predicates of *vocabulary*.

    Raises
    ------
    InputError : a split without the texts of its captions.
    """  # fmt: skip
    if graphs is None:
        graphs = split_graphs(split, progress=progress)
    return TypedSplit(split, encode_said(graphs, vocabulary, split.words), read_seen(split.regions, hold=hold))


def split_graphs(split: Split, *, progress: bool | None = None) -> list[SaidGraph]:
    """The graphs of a split's captions.

    Raises
    ------
    InputError : a split without the texts of its captions.
    """
    if len(split.captions) != len(split.image_of_caption):
        raise InputError(f"split '{split.name}' has no texts of its captions, which have to be parsed; read the data with its captions")
    return parse_said(split.captions, progress=progress)


# ---------------------------------------------------------------------------------------------- captions


def said_vocabulary(graphs: Sequence[SaidGraph], *, minimum_count: int = 1) -> dict[str, list[str]]:
    """Words and predicates of training captions, ``{"words": ..., "predicates": ...}``; row 0 of both stands for what is not there.

    >>> from hetero_xmodal import parse_sentence
    >>> said_vocabulary([said_of_scene(parse_sentence("a dog on a red box"))])
    {'words': ['<unknown>', 'box', 'dog', 'red'], 'predicates': ['<unknown>', 'on']}
    """
    from collections import Counter

    words = Counter(word for graph in graphs for word, content in zip(graph.words, graph.content, strict=True) if content)
    predicates = Counter(predicate for graph in graphs for _, predicate, _ in graph.relates)
    return {
        name: ["<unknown>", *sorted(word for word, count in found.items() if count >= minimum_count)]
        for name, found in (("words", words), ("predicates", predicates))
    }


def encode_said(graphs: Sequence[SaidGraph], vocabulary: dict[str, list[str]], words: Words | None = None) -> Said:
    """Sentence graphs as rows of a vocabulary, with the vectors of the frozen encoder's *words* of the same captions.

    Raises
    ------
    InputError : *words* of other captions.
    """
    if words is not None and len(words) != len(graphs):
        raise InputError(f"there are {len(graphs)} sentence graphs, but words of {len(words)} captions; give those of the same captions")
    known = {word: row for row, word in enumerate(vocabulary["words"])}
    predicates = {word: row for row, word in enumerate(vocabulary["predicates"])}
    flat = [graph.words for graph in graphs]
    symbols = np.array([known.get(word, UNKNOWN) for some in flat for word in some], np.int64)
    vectors = None
    if words is not None and np.ndim(words.values) == 2:
        vectors = np.concatenate([np.zeros((0, words.values.shape[1]), np.float16), *_aligned(graphs, words)])
    return Said(
        np.concatenate([[0], np.cumsum([len(some) for some in flat], dtype=np.int64)]).astype(np.int64),
        symbols,
        np.array([value for graph in graphs for value in graph.objects], bool),
        np.array([value for graph in graphs for value in graph.content], bool),
        np.array([value for graph in graphs for value in graph.numbers], np.int64),
        *_joined([np.array(graph.describes, np.int64).reshape(-1, 2) for graph in graphs], 2),
        *_joined([_rows(graph, predicates) for graph in graphs], 3),
        vectors,
    )


def _rows(graph: SaidGraph, predicates: dict[str, int]) -> np.ndarray:
    stated = [(i, predicates[p], j) for i, p, j in graph.relates if p in predicates and i != j]
    return np.array(stated, np.int64).reshape(-1, 3)


def _aligned(graphs: Sequence[SaidGraph], words: Words) -> list[np.ndarray]:
    """For each caption the mean vector of the pieces of each word; pieces and words are matched by the letters before them."""
    out = []
    for row, graph in enumerate(graphs):
        some = slice(int(words.offsets[row]), int(words.offsets[row + 1]))
        values = np.asarray(words.values[some], np.float32)
        out.append(_by_letters(graph.texts, list(words.tokens[some]), values).astype(np.float16))
    return out


def _by_letters(texts: Sequence[str], pieces: Sequence[str], values: np.ndarray) -> np.ndarray:
    made = np.zeros((len(texts), values.shape[1]), np.float32)
    if not len(values):
        return made
    letters = [_letters(piece.removeprefix("##")) for piece in pieces]
    stream, owner = "".join(letters), [k for k, some in enumerate(letters) for _ in some]
    at = 0
    for w, text in enumerate(texts):
        wanted = _letters(text)
        found = stream.find(wanted, at) if wanted else -1
        if found < 0:  # cut off, or written otherwise: the whole sentence stands for the word
            made[w] = values.mean(0)
            continue
        made[w] = values[sorted({owner[k] for k in range(found, found + len(wanted))})].mean(0)
        at = found + len(wanted)
    return made


def _letters(text: str) -> str:
    import unicodedata

    plain = unicodedata.normalize("NFD", text.lower())
    return "".join(letter for letter in plain if letter.isalnum())


def typed_edges(graph: dgl.DGLGraph, vocabulary: dict[str, list[str]], vectors: Tensor | None = None) -> tuple[SaidBatch, Tensor]:
    """The sentence of a pair graph as a batch of one, with *vectors* (W, e) of its words, and the relations (T, 3) between its regions."""
    from ....schema import RELATES, decode_text

    said = encode_said([said_of_graph(graph)], vocabulary).take([0])
    first, second = graph.edges(etype=RELATES)
    known = {name: row for row, name in enumerate(SEEN)}
    predicates = [known.get(name, -1) for name in decode_text(graph.edges[RELATES].data["predicate"])]
    seen = torch.stack([first.long(), torch.tensor(predicates, dtype=torch.int64), second.long()], 1)
    return replace(said, vectors=vectors), seen[seen[:, 1] >= 0]


def parse_said(sentences: Sequence[str], *, progress: bool | None = None, block: int = 500) -> list[SaidGraph]:
    """The graphs of *sentences*, parsed by rules."""
    from ....parsers.sentence import parse_sentences

    found: list[SaidGraph] = []
    with progress_bar("parsing the captions", len(sentences), progress) as advance:
        for start in range(0, len(sentences), block):
            scenes: list[SceneGraph] = parse_sentences(list(sentences[start : start + block]), progress=False)
            found += map(said_of_scene, scenes)
            advance(len(scenes))
    return found
