"""Correction of misspelt words: a word that no dictionary holds, one letter away from a common one, is read as that word.

>>> from hetero_xmodal.parsers.sentence import load_parser
>>> [load_parser().spelling(word) for word in ("chiken", "gilr", "vegatables", "chicken", "frisbee", "qwertz")]
['chicken', 'girl', 'vegetables', 'chicken', 'frisbee', 'qwertz']
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from itertools import groupby

from . import lexicon as lex
from .common_words import COMMON_WORDS
from .inflection import CLUSTER, inflected
from .words import Lemmatizer

#: shorter words are too often one letter away from another, longer ones are no words
_SHORTEST, _LONGEST = 4, 24

#: words of fewer letters are corrected if a letter is missing, too many or exchanged, but not if one is another: "logo" is no "pogo"
_SHORTEST_CHANGED = 5

#: endings that make a word of a noun which dictionaries leave out: "kayaker", "pointy", "bricked", "texting"
_DERIVED = ("ers", "er", "or", "ies", "ie", "ey", "y", "ed", "ing", "ish", "less", "like", "s")


class Spelling:
    """Corrects words one at a time; results are remembered.

    A word is known if it or its base form stands in the dictionary of *lemma*, or in the list of common words. An unknown word of letters
    only is corrected if a common word, or a form of one, comes from it by one letter that is left out, added, changed or exchanged with
    its neighbour. Of several, one with the same letters is taken first, then the one with the more common base form. Without a dictionary
    nothing is corrected.
    """

    def __init__(self, lemma: Lemmatizer) -> None:
        self._lemma = lemma
        self._found: dict[str, str] = {}

    def __call__(self, word: str) -> str:
        """Return the lower-case *word* as it should be spelt."""
        found = self._found.get(word)
        if found is None:
            found = self._correct(word)
            if len(self._found) < 100_000:
                self._found[word] = found
        return found

    def _correct(self, word: str) -> str:
        if not (_SHORTEST <= len(word) <= _LONGEST and word.isascii() and word.isalpha()) or self._is_word(word):
            return word
        near = {form for part in (word, *_shorter(word)) for form in self._neighbours.get(part, ()) if _one_apart(word, form)}
        return min(near, key=lambda form: (not _is_slip(word, form), self._ranks[form], form), default=word)

    def _is_word(self, word: str) -> bool:
        """Whether a word is known, or made of a noun of at least four letters: "kayaker", "bricked"."""
        if word in self._ranks or word in lex.PREPOSITION_FORMS or self._lemma.knows(word):
            return True
        for ending in _DERIVED:
            noun = word.removesuffix(ending)
            if noun == word or len(noun) < _SHORTEST:
                continue
            single = noun[:-1] if noun[-1] == noun[-2] and CLUSTER.search(noun[:-1]) else noun  # "flag" of "flagger"
            if noun in self._lemma.index["noun"] or single in self._lemma.index["noun"]:
                return True
        return False

    @cached_property
    def _ranks(self) -> dict[str, int]:
        """Common words and their inflected forms -> rank of the base form, 0 for the most common."""
        ranks: dict[str, int] = {}
        for rank, base in enumerate(COMMON_WORDS):
            ranks.setdefault(base, rank)
            for kind in ("NOUN", "VERB"):
                if base in self._lemma.index[kind.lower()]:
                    for form in inflected(base):
                        if self._lemma(form, kind) == base:
                            ranks.setdefault(form, rank)
        return ranks

    @cached_property
    def _neighbours(self) -> dict[str, list[str]]:
        """A form, or what is left of it without one letter -> the forms."""
        found: dict[str, list[str]] = {}
        for form in self._ranks:
            if len(form) >= _SHORTEST:
                for part in {form, *_shorter(form)}:
                    found.setdefault(part, []).append(form)
        return found


def _shorter(word: str) -> Iterator[str]:
    """The word without one of its letters."""
    return (word[:i] + word[i + 1 :] for i in range(len(word)))


def _is_slip(one: str, other: str) -> bool:
    """Whether two words have the same letters: two of them exchanged, or one written twice instead of once.

    >>> _is_slip("eatting", "eating"), _is_slip("gilr", "girl"), _is_slip("eatting", "hatting")
    (True, True, False)
    """
    return sorted(one) == sorted(other) or [k for k, _ in groupby(one)] == [k for k, _ in groupby(other)]


def _one_apart(one: str, other: str) -> bool:
    """Whether one letter left out, added, changed or exchanged with its neighbour makes *other* of *one*.

    >>> [_one_apart("chiar", other) for other in ("chair", "chia", "chiara", "chirp", "chaos", "liar", "hciar")]
    [True, True, True, False, False, False, True]
    """
    start = 0
    while start < min(len(one), len(other)) and one[start] == other[start]:
        start += 1
    a, b = one[start:], other[start:]
    if a[1:] == b or a == b[1:] or a[1:2] + a[:1] + a[2:] == b:
        return True
    return a[1:] == b[1:] and len(one) >= _SHORTEST_CHANGED
