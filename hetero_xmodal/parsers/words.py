"""Words of a parsed sentence as plain, mutable Python objects.

The heads of spaCy's tokens cannot easily be changed, and access to them is slow; so a parsed sentence is copied once into a list of
:class:`Word`, on which corrections and rules operate.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Collection
from operator import attrgetter
from typing import TYPE_CHECKING

from .lexicon import BE, IRREGULAR_LEMMAS, KEEP_PLURAL

if TYPE_CHECKING:
    from spacy.tokens import Doc

NOUN_TAGS = frozenset(("NN", "NNS", "NNP", "NNPS"))

#: Penn Treebank tag -> universal part of speech; this table is ten times as fast as spaCy's attribute ruler
POS_OF_TAG = {
    "NN": "NOUN", "NNS": "NOUN", "NNP": "PROPN", "NNPS": "PROPN", "PRP": "PRON", "PRP$": "PRON", "WP": "PRON", "WP$": "PRON",
    "EX": "PRON", "DT": "DET", "PDT": "DET", "WDT": "DET", "JJ": "ADJ", "JJR": "ADJ", "JJS": "ADJ", "AFX": "ADJ", "RB": "ADV",
    "RBR": "ADV", "RBS": "ADV", "WRB": "ADV", "VB": "VERB", "VBD": "VERB", "VBG": "VERB", "VBN": "VERB", "VBP": "VERB", "VBZ": "VERB",
    "MD": "AUX", "IN": "ADP", "RP": "ADP", "TO": "PART", "POS": "PART", "CC": "CCONJ", "CD": "NUM", "UH": "INTJ", "SYM": "SYM",
    "$": "SYM", "#": "SYM", ",": "PUNCT", ".": "PUNCT", ":": "PUNCT", "``": "PUNCT", "''": "PUNCT", "-LRB-": "PUNCT", "-RRB-": "PUNCT",
    "HYPH": "PUNCT", "NFP": "PUNCT", "FW": "X", "XX": "X", "LS": "X", "ADD": "X", "_SP": "SPACE", "GW": "X",
}  # fmt: skip


_position = attrgetter("i")


class Word:
    """One token: index ``i``, ``text``, ``low`` (in lower case, without spelling mistakes), ``tag``, ``pos``, arc label ``dep``, ``head``.

    ``head`` is the word itself for a root; ``kids`` are the words whose head it is.
    """

    __slots__ = ("i", "text", "low", "tag", "pos", "dep", "head", "kids", "lemma")

    def __init__(self, i: int, text: str, low: str, tag: str, dep: str) -> None:
        self.i, self.text, self.low, self.tag, self.dep = i, text, low, tag, dep
        self.pos = POS_OF_TAG.get(tag, "X")
        self.head: Word = self
        self.kids: list[Word] = []
        self.lemma = self.low

    def __repr__(self) -> str:
        return f"{self.low}/{self.tag}/{self.dep}<-{self.head.low}"

    def attach(self, head: Word, dep: str) -> None:
        """Attach this word to another head; no effect if that head is a descendant of this word."""
        above = head
        while above.head is not above:
            if above is self:
                return
            above = above.head
        if above is self:
            return
        if self.head is not self:
            self.head.kids.remove(self)
        self.head, self.dep = head, dep
        if head is not self:
            insort(head.kids, self, key=_position)

    def is_above(self, other: Word) -> bool:
        """Whether *other* is this word or below it in the tree."""
        while other is not self and other.head is not other:
            other = other.head
        return other is self

    def replace(self, old: Word) -> None:
        """Take the place of *old*, which is above this word, in the tree; *old* is attached to this word."""
        self.head.kids.remove(self)
        above, self.dep = old.head, old.dep
        old.kids, kids = [], old.kids
        if above is old:
            self.head = self
        else:
            above.kids[above.kids.index(old)] = self
            above.kids.sort(key=_position)
            self.head = above
        for kid in (old, *kids):
            kid.head = self
        old.dep = "dep"
        self.kids = sorted([*self.kids, old, *kids], key=_position)

    def retag(self, tag: str) -> None:
        """Set tag and part of speech."""
        self.tag, self.pos = tag, POS_OF_TAG.get(tag, "X")

    def kid(self, *deps: str) -> Word | None:
        """First child with one of these arc labels."""
        for w in self.kids:
            if w.dep in deps:
                return w
        return None


def read_doc(doc: Doc, texts: list[str], spelt: list[str], before: int = 0) -> list[Word]:
    """Copy spaCy's parse into :class:`Word` objects.

    doc : the parsed document, with *before* added words at the front and possibly a full stop at the end
    texts : the tokens as written
    spelt : the tokens in lower case, as they should be spelt
    """
    strings = doc.vocab.strings
    # one array is three times as fast as one Token object per word
    rows = doc.to_array(["TAG", "DEP", "HEAD"])[before : before + len(texts)].tolist()
    words = [
        Word(i, text, low, strings[tag], strings[dep]) for i, (text, low, (tag, dep, _)) in enumerate(zip(texts, spelt, rows, strict=True))
    ]
    for word, (_, _, offset) in zip(words, rows, strict=True):
        at = word.i + (offset - 2**64 if offset >= 2**63 else offset)  # the array is unsigned
        if 0 <= at < len(words) and at != word.i:
            word.head = words[at]
            word.head.kids.append(word)
        else:
            word.dep = "ROOT"  # also if the head is an added word
    return words


class Lemmatizer:
    """Lemmatiser with spaCy's English tables; results are cached.

    >>> import spacy
    >>> from hetero_xmodal.parsers.sentence import load_parser
    >>> lemma = Lemmatizer(load_parser().nlp)
    >>> lemma("birds", "NOUN"), lemma("wearing", "VERB"), lemma("is", "VERB")
    ('bird', 'wear', 'be')
    """

    def __init__(self, nlp) -> None:
        self._known: dict[tuple[str, str], str] = {}
        self._closed_class = frozenset(nlp.Defaults.stop_words)  # articles, pronouns, prepositions
        lookups = nlp.get_pipe("lemmatizer").lookups if nlp.has_pipe("lemmatizer") else None
        table = (lambda name: lookups.get_table(name)) if lookups is not None else (lambda name: {})
        self.rules, self.exceptions = table("lemma_rules"), table("lemma_exc")
        self.index = {kind: frozenset(table("lemma_index").get(kind, ())) for kind in ("noun", "verb", "adj", "adv")}

    def __call__(self, word: str, pos: str) -> str:
        """Lemma of a lower-case *word* as a ``"NOUN"`` or ``"VERB"``."""
        key = (word, pos)
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = self._look_up(word, pos)
        return found

    def knows(self, word: str) -> bool:
        """Whether a lower-case *word* or its base form stands in the tables; True for every word if there are no tables.

        >>> from hetero_xmodal.parsers.sentence import load_parser
        >>> [load_parser().lemma.knows(word) for word in ("chickens", "beneath", "chiken")]
        [True, True, False]
        """
        if not self.index["noun"] or word in self._closed_class:
            return True
        for kind, index in self.index.items():
            if word in index or word in self.exceptions.get(kind, {}):
                return True
            if any(word.endswith(old) and word[: len(word) - len(old)] + new in index for old, new in self.rules.get(kind, [])):
                return True
        return False

    def _look_up(self, word: str, pos: str) -> str:
        if pos == "VERB" and word in BE:
            return "be"
        if word in IRREGULAR_LEMMAS and (word, pos) != ("leaves", "VERB"):
            return IRREGULAR_LEMMAS[word]
        if pos == "NOUN" and word in KEEP_PLURAL:
            return word
        kind = pos.lower()
        exceptions = self.exceptions.get(kind, {})
        if word in exceptions:
            return exceptions[word][0]
        index: Collection[str] = self.index.get(kind, ())
        for old, new in self.rules.get(kind, []):
            if word.endswith(old):
                form = word[: len(word) - len(old)] + new
                if form in index and len(form) > 1:
                    return form
        if word in index:
            return word
        if pos == "NOUN" and len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
            return word[:-1]  # a plural that is not in the table
        return word
