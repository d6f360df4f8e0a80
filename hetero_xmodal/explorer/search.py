"""What ``hx.show`` is asked for: a query as clauses, and the pairs, images and sentences that satisfy it.

A query is one or several clauses joined by ``AND``; ``NOT`` before one asks for those without it:

=========================  ==============================================================================================
``dog``                    an object, a region or an object word of the sentence, by its whole name (``dining table``)
``red``                    an attribute of any object
``red dog``                an object with an attribute
``person ride horse``      a triple: subject, predicate, object; ``*`` stands for any: ``person * horse``
``label:dog+cat``          an image with all these labels
``id:ID``, ``split:val``   a pair, image or sentence by its id; a split
``object:red``             what a word means, where it could be several: ``object:``, ``attribute:``, ``triple:a, b, c``
=========================  ==============================================================================================

A clause is satisfied by what the image shows or by what the sentence says. Predicates are compared in their normal form, so that "riding"
finds ``ride``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from .. import schema
from ..errors import InputError, nearest

if TYPE_CHECKING:
    import pandas as pd

    from ..graphs.corpus import GraphCorpus

KINDS = ("object", "attribute", "triple", "label", "id", "split")
_JOIN = re.compile(r"(?:^|\s+)AND(?:\s+|$)")
_NOT = re.compile(r"NOT\s+")


@dataclass(frozen=True)
class Clause:
    """One clause: its kind (of :data:`KINDS`, or empty if the words decide), its words, and whether it is negated."""

    kind: str
    words: tuple[str, ...]
    negated: bool = False

    def __str__(self) -> str:
        return f"{'NOT ' if self.negated else ''}{f'{self.kind}:' if self.kind else ''}{' '.join(self.words)}"


def parse_query(text: str) -> list[Clause]:
    """The clauses of a query.

    Raises
    ------
    InputError : an empty query or clause, or an unknown kind.

    >>> parse_query("person ride horse AND NOT label:dog+cat")
    [Clause(kind='', words=('person', 'ride', 'horse'), negated=False), Clause(kind='label', words=('dog', 'cat'), negated=True)]
    """
    clauses = []
    for part in _JOIN.split(text.strip()):
        negated = bool(_NOT.match(part))
        words = _NOT.sub("", part, count=1).strip() if negated else part.strip()
        kind, colon, rest = words.partition(":")
        if colon and kind.isalpha() and kind.islower():
            if kind not in KINDS:
                raise InputError(f"the query asks for {kind!r}{nearest(kind, KINDS)}; give one of {', '.join(f'{k}:' for k in KINDS)}")
            words = rest
        else:
            kind = ""
        if not words.strip() or words.strip() == "NOT":
            raise InputError(f"the query {text!r} has an empty clause; give an object, attribute, triple, label: or id:, joined by AND")
        clauses.append(Clause(kind, _words(kind, words.strip()), negated))
    return clauses


def _words(kind: str, text: str) -> tuple[str, ...]:
    if kind in ("object", "id", "split"):
        return (text,)
    if kind == "triple":
        parts = tuple(part.strip() for part in text.split(","))
        if len(parts) != 3 or not all(parts):
            raise InputError(f"triple:{text} needs a subject, a predicate and an object, with commas between: triple:person, ride, horse")
        return parts
    return tuple(word.strip() for word in text.split("+")) if kind in ("label", "attribute") else tuple(text.split())


@dataclass
class Found:
    """The numbers of the pairs that satisfy a query, and of the images and sentences without a pair that do.

    marks : kind of clause -> what it matched, for the page: names, (attribute, name), triples
    """

    pairs: np.ndarray
    images: np.ndarray
    sentences: np.ndarray
    names: set[str] = field(default_factory=set)

    @property
    def count(self) -> int:
        """How many there are altogether."""
        return len(self.pairs) + len(self.images) + len(self.sentences)


class Facts:
    """What the images and sentences of a corpus hold, as tables of names, read once and asked for by clauses."""

    def __init__(self, corpus: GraphCorpus):
        self.corpus = corpus
        self.counts = {"image": corpus.num_images, "sentence": corpus.num_sentences}
        regions = corpus.frame(schema.VISUAL, unit="image")
        words = corpus.frame(schema.WORD, unit="sentence")
        words = words[words["is_object"].astype(bool)]
        words = words.assign(name=words["name"].where(words["name"] != "", words["lemma"]))
        self.things = {"image": regions[regions["provenance"] != schema.PRIOR], "sentence": words}
        self.facts = {
            "image": self._named(corpus.frame(schema.RELATES, unit="image"), "image"),
            "sentence": self._named(corpus.frame(schema.WORD_RELATES, unit="sentence"), "sentence"),
        }
        self.labels = corpus.frame(schema.LABEL, unit="image")

    def _named(self, edges: pd.DataFrame, side: str) -> pd.DataFrame:
        """Relations with the names of the objects at both ends."""
        names = self.things[side][[side, "node", "name"]]
        for end in ("source", "destination"):
            joined = edges[[side, end]].merge(names, how="left", left_on=[side, end], right_on=[side, "node"])
            edges[f"{end}_name"] = joined["name"].fillna("").to_numpy()
        return edges

    @cached_property
    def _units(self) -> dict[str, pd.DataFrame]:
        return {unit: self.corpus.frame(unit=unit) for unit in ("image", "sentence")}

    # ------------------------------------------------------------------------------------------ what a clause means

    def meaning(self, clause: Clause) -> Clause:
        """The clause with its kind, where its words decide.

        Raises
        ------
        InputError : the corpus has nothing of that name.
        """
        if clause.kind == "triple":
            return self._known_triple(clause)
        if clause.kind:
            self._check(clause)
            return clause
        words, names, looks = clause.words, self._names(), self._attributes()
        whole = " ".join(words)
        if whole in names:
            return Clause("object", (whole,), clause.negated)
        if whole in looks:
            return Clause("attribute", (whole,), clause.negated)
        for split in range(1, len(words)):
            look, name = " ".join(words[:split]), " ".join(words[split:])
            if look in looks and name in names:
                return Clause("attribute", (look, name), clause.negated)
        triple = self._triple(words, names)
        if triple is None:
            raise InputError(self._unknown(whole, words))
        return Clause("triple", triple, clause.negated)

    def _triple(self, words: tuple[str, ...], names: set[str]) -> tuple[str, str, str] | None:
        from ..parsers.normal_forms import normal_predicate

        predicates = self._predicates()
        for first in range(1, len(words) - 1):
            for second in range(first + 1, len(words)):
                subject, said, target = (" ".join(part) for part in (words[:first], words[first:second], words[second:]))
                predicate = said if said == "*" or said in predicates else normal_predicate(said)
                if predicate in predicates | {"*"} and {subject, target} <= names | {"*"}:
                    return subject, predicate, target
        return None

    def _known_triple(self, clause: Clause) -> Clause:
        """The clause with its predicate as the corpus has it."""
        from ..parsers.normal_forms import normal_predicate

        subject, said, target = clause.words
        names, predicates = self._names(), self._predicates()
        for word in (subject, target):
            if word != "*" and word not in names:
                raise InputError(f"the corpus has no object {word!r}{nearest(word, names)}")
        predicate = said if said in predicates | {"*"} else normal_predicate(said)
        if predicate not in predicates | {"*"}:
            raise InputError(f"the corpus has no predicate {said!r}{nearest(said, predicates)}")
        return Clause("triple", (subject, predicate, target), clause.negated)

    def _check(self, clause: Clause) -> None:
        known = {
            "object": self._names, "attribute": self._attributes, "label": lambda: set(self.labels["name"]), "id": self._ids,
            "split": lambda: set(self.corpus.splits),
        }[clause.kind]()  # fmt: skip
        for word in clause.words:
            if word not in known:
                close = nearest(word, list(known)[:10_000])
                listed = f"; its splits are {', '.join(self.corpus.splits) or 'not known'}" if clause.kind == "split" else ""
                raise InputError(f"the corpus has no {clause.kind} {word!r}{close}{listed}")

    def _ids(self) -> set[str]:
        return {*self.corpus.ids, *self._units["image"]["id"], *self._units["sentence"]["id"]}

    def _unknown(self, whole: str, words: tuple[str, ...]) -> str:
        known = self._names() | self._attributes() | self._predicates()
        strange = next((word for word in words if word != "*" and not any(word in name.split() for name in known)), None)
        if strange is not None:
            return f"the corpus has no object, attribute or predicate {strange!r}{nearest(strange, known)}"
        return f"{whole!r} is no object, attribute, attribute and object, or triple of this corpus; join several things by AND"

    def _names(self) -> set[str]:
        return {name for table in self.things.values() for name in table["name"].unique() if name}

    def _attributes(self) -> set[str]:
        texts = {text for table in self.things.values() for text in table["attributes"].unique()}
        return {look for text in texts for look in text.split("; ") if look}

    def _predicates(self) -> set[str]:
        return {predicate for table in self.facts.values() for predicate in table["predicate"].unique()}

    # ------------------------------------------------------------------------------------------ who satisfies it

    def find(self, clauses: list[Clause]) -> Found:
        """Who satisfies all clauses, each by the image or by the sentence.

        Raises
        ------
        InputError : as :meth:`meaning`.
        """
        of_image, of_sentence = self.corpus.pair_ends()
        pairs = np.ones(len(of_image), bool)
        alone = {"image": np.bincount(of_image, minlength=self.counts["image"]) == 0,
                 "sentence": np.bincount(of_sentence, minlength=self.counts["sentence"]) == 0}  # fmt: skip
        names: set[str] = set()
        for clause in map(self.meaning, clauses):
            by = {side: self._of_side(clause, side) for side in ("image", "sentence")}
            hit = by["image"][of_image] | by["sentence"][of_sentence]
            if clause.kind == "id":
                hit |= np.isin(np.array(self.corpus.ids, object), clause.words)
            pairs &= hit != clause.negated
            for side, there in by.items():
                alone[side] &= there != clause.negated
            names |= set() if clause.negated else _marked(clause)
        return Found(np.flatnonzero(pairs), np.flatnonzero(alone["image"]), np.flatnonzero(alone["sentence"]), names)

    def _of_side(self, clause: Clause, side: str) -> np.ndarray:
        """Which images or sentences satisfy a clause."""
        if clause.kind in ("id", "split"):
            return self._units[side][clause.kind].isin(clause.words).to_numpy()
        there = np.zeros(self.counts[side], bool)
        if clause.kind == "label":
            if side == "image":
                sets = self.labels.groupby("image")["name"].agg(set)
                there[[image for image, found in sets.items() if found >= set(clause.words)]] = True
            return there
        rows = self._rows(clause, side)
        there[rows[side].to_numpy()] = True
        return there

    def _rows(self, clause: Clause, side: str) -> pd.DataFrame:
        things = self.things[side]
        if clause.kind == "object":
            return things[things["name"].isin(clause.words)]
        if clause.kind == "attribute":
            look, *name = clause.words
            found = things[np.array([look in text.split("; ") for text in things["attributes"]], bool)]
            return found[found["name"].isin(name)] if name else found
        facts = self.facts[side]
        keep = np.ones(len(facts), bool)
        for column, word in zip(("source_name", "predicate", "destination_name"), clause.words, strict=True):
            keep &= (facts[column] == word).to_numpy() if word != "*" else True
        return facts[keep]


def _marked(clause: Clause) -> set[str]:
    """Names of objects that a page marks for a clause."""
    if clause.kind == "triple":
        return {clause.words[0], clause.words[2]} - {"*"}
    if clause.kind == "attribute":
        return set(clause.words[1:])
    return set(clause.words) if clause.kind == "object" else set()
