"""What an analysis counts over, and what it counts on each side of a graph.

A *unit* is an image, a sentence, or a pair of both. What belongs to the image is counted once for each image, however many sentences it
has, and what belongs to the sentence once for each sentence; with the unit ``pair``, everything once for each pair.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .. import schema

if TYPE_CHECKING:
    from ..graphs.corpus import GraphCorpus


@dataclass(frozen=True)
class Side:
    """One side of a graph, and what is counted on it in the same words as on the other.

    unit : what the side belongs to, ``"image"`` or ``"sentence"``
    nodes, relation : its node type, and the relation between its objects
    things : what its objects are called
    tables : names of the tables of its objects, attributes, predicates and triples
    """

    unit: str
    nodes: str
    relation: schema.Relation
    things: str
    tables: tuple[str, str, str, str]


IMAGE = Side("image", schema.VISUAL, schema.RELATES, "regions", ("regions", "attributes", "predicates", "triples"))
SENTENCE = Side(
    "sentence", schema.WORD, schema.WORD_RELATES, "object words",
    ("object_words", "sentence_attributes", "sentence_predicates", "sentence_triples"),
)  # fmt: skip


def unit_counts(corpus: GraphCorpus) -> dict[str, int]:
    """Number of images, sentences and pairs."""
    return {"image": corpus.num_images, "sentence": corpus.num_sentences, "pair": corpus.num_pairs}


def noun(unit: str, kind: str = "pair", *, count: int = 2) -> str:
    """What one or several units are called; those of label graphs are graphs.

    >>> noun("image"), noun("sentence", count=1), noun("pair", "labels")
    ('images', 'sentence', 'graphs')
    """
    return ("graph" if kind == "labels" else unit) + ("s" if count != 1 else "")
