"""One form of predicates and attributes for images and sentences, so that what is seen and what is said can be compared.

The sentence parser writes verbs in their base form and prepositions without articles ("is sitting on the top of" -> "sit on top of"); the
annotators of images write as they like ("sitting on", "has", "to the left of"). Graphs hold both in the form of the parser, made by the
same word lists and the same lemmatiser; scene graphs keep what was written.

>>> [normal_predicate(p) for p in ("sitting on", "has a", "is to the left of", "wears", "on top of", "hold")]
['sit on', 'have', 'left of', 'wear', 'on top of', 'hold']
>>> normal_attributes(["Wood", "is wooden", "two", "light colored"])
['wooden', '2', 'light colored']
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from . import lexicon as lex
from .prepositions import multiword_preposition

_DETERMINERS = frozenset("a an the its his her their my your our this that these those some".split())
#: first words of predicates that are no verbs, though some look like one ("left of")
_NO_VERBS = (
    lex.PLACE_PREPOSITIONS
    | lex.PLACE_NOUNS
    | frozenset(phrase.split()[0] for phrase in lex.MULTIWORD_PREPOSITIONS)
    | frozenset(lex.PREPOSITION_FORMS)
    | frozenset(
        "above across against ahead amid among apart as away before behind below beneath beside besides between beyond down during far for "
        "inside like off opposite out outside over past through "
        "throughout under underneath up with within without about after including".split()
    )
)
#: what makes another verb of an empty one: "show off"
_PARTICLES = frozenset("off out up down away".split())
#: base forms of verbs that need no look-up
_BASE_FORMS = frozenset(("hold", "have", "wear", "be"))


@lru_cache(maxsize=65536)
def normal_predicate(text: str) -> str:
    """The predicate in lower case, its verb in base form, without a leading "be" and articles, prepositions as the parser writes them.

    The lemmatiser of the sentence parser is loaded for the first predicate that begins with a verb.

    Raises
    ------
    MissingPackageError
        If the predicate begins with a verb and no English model of spaCy is installed.
    """
    low = text.lower().split()
    while len(low) > 1 and low[0] in lex.BE:
        low = low[1:]
    verb = [] if not low or low[0] in _NO_VERBS or low[0] in _DETERMINERS else [_base_form(low[0])]
    rest, i = [], len(verb)
    while i < len(low):
        length, preposition = multiword_preposition(low[i : i + 7])
        if length:
            rest.append(preposition)
        elif low[i] not in _DETERMINERS:
            rest.append(lex.PREPOSITION_FORMS.get(low[i], low[i]))
        i += max(length, 1)
    if verb and rest and verb[0] in lex.EMPTY_VERBS and rest[0] not in _PARTICLES:
        verb = []
    return " ".join(verb + rest) or " ".join(low)


def _base_form(verb: str) -> str:
    if verb in _BASE_FORMS:
        return verb
    from .sentence import load_parser

    return load_parser().lemma(verb, "VERB")


@lru_cache(maxsize=65536)
def normal_attribute(text: str) -> str:
    """The attribute in lower case, as the parser writes it: without a leading "is" or article, "wood" -> "wooden", "two" -> "2"."""
    low = text.lower().split()
    while len(low) > 1 and (low[0] in lex.BE or low[0] in _DETERMINERS):
        low = low[1:]
    if len(low) == 2 and low[0] in lex.COLOURS and low[1] in lex.COLOURED:
        low = low[:1]  # "brown colored"
    whole = " ".join(low)
    return lex.NUMBERS.get(whole) or lex.ATTRIBUTE_FORMS.get(whole, whole)


def normal_attributes(attributes: Iterable[str]) -> list[str]:
    """The normal forms of some attributes, each once, in order."""
    return list(dict.fromkeys(map(normal_attribute, attributes)))
