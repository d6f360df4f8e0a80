"""Corrections of the words in front of a noun: adjectives and participles that the model takes for parts of a name.

spaCy's small model knows few of the adjectives of captions ("a scrubby tree") and takes "hand touching board" for a kind of board. What a
word can be is looked up in the dictionary of the lemmatiser.
"""

from __future__ import annotations

from . import lexicon as lex
from .words import NOUN_TAGS, Lemmatizer, Word

_MODIFIERS = ("compound", "nmod", "amod", "npadvmod", "det", "dep", "poss", "nummod")


def adjectives_tagged_as_nouns(words: list[Word], lemma: Lemmatizer) -> None:
    """ "small scrubby trees": a word in front of a noun that is an adjective and no noun describes it."""
    for w in words:
        if w.dep not in ("compound", "nmod") or w.tag not in NOUN_TAGS or w.head.i < w.i or w.head.tag not in NOUN_TAGS:
            continue
        if w.low in lemma.index["adj"] and lemma(w.low, "NOUN") not in lemma.index["noun"]:
            w.retag("JJ")
            w.dep = "amod"


def compound_adjectives(words: list[Word]) -> None:
    """ "an arrow shaped sign", "a well lit room", "a king size bed": two words that are one attribute."""
    for w in words[1:-1]:
        before, after = words[w.i - 1], words[w.i + 1]
        if w.low not in lex.SECOND_OF_ADJECTIVE or before.low in lex.COLOURS or before.pos not in ("NOUN", "PROPN", "ADJ", "ADV"):
            continue
        if before.low in lex.NOT_ATTRIBUTES or after.tag not in (*NOUN_TAGS, "JJ") or w.dep == "ROOT" and not after.is_above(w):
            continue
        noun = after if after.tag in NOUN_TAGS else after.head
        if noun.i < after.i or noun.tag not in NOUN_TAGS:
            continue
        _make_modifier(w, noun)
        if w.head is not noun:
            continue
        for kid in [*before.kids]:
            kid.attach(noun, kid.dep)
        before.attach(w, "joined")
        if before.head is w:
            w.low = f"{before.low} {w.low}"
            before.tag, before.pos = "XX", "X"


def _make_modifier(w: Word, noun: Word) -> None:
    """Make *w* an adjective of *noun*, also if it was parsed as the head of *noun*."""
    if w.is_above(noun) and w is not noun:
        noun.replace(w)
    w.retag("JJ")
    w.attach(noun, "amod")


def participles_between_nouns(words: list[Word], lemma: Lemmatizer) -> None:
    """ "hand touching board", "clouds touching mountains": the first noun touches the second, which was parsed as the head."""
    for w in words[1:-1]:
        if not w.low.endswith("ing") or w.dep not in ("amod", "compound", "nmod") or w.head.i < w.i or w.head.tag not in NOUN_TAGS:
            continue
        before, thing, base = words[w.i - 1], w.head, lemma(w.low, "VERB")
        if base == w.low or base not in lex.VERBS_WITH_OBJECT or base in lex.ACTIVITIES and thing.lemma in lex.PLACES_FOR_VERBS:
            continue
        if f"{w.low} {words[w.i + 1].low}" in lex.NAME_PAIRS:
            continue
        beside = before.dep == thing.dep == "pobj" and before.head is thing.head  # "girl in red dress eating cake"
        if not beside and (before.dep not in _MODIFIERS or before.head not in (thing, w)) or not _may_act(before, lemma):
            continue
        w.retag("VBG")
        w.lemma = base
        if before.tag not in NOUN_TAGS:
            before.retag("NN")
            before.lemma = lemma(before.low, "NOUN")
        if not beside:
            before.replace(thing)
        for kid in [k for k in before.kids if k.i > w.i]:
            kid.attach(thing, kid.dep)
        w.attach(before, "acl")
        for kid in [k for k in thing.kids if k.i < before.i]:
            kid.attach(before, kid.dep)
        thing.attach(w, "dobj")


def _may_act(word: Word, lemma: Lemmatizer) -> bool:
    """Whether a word may be a noun that does something: not the object of a compound such as "fish serving plate"."""
    if word.low in lex.DESCRIBING_NOUNS and word.lemma not in lex.ANIMATE or word.low in lex.NOT_ATTRIBUTES or word.low in lex.DETERMINERS:
        return False
    if word.tag in NOUN_TAGS:
        return True
    if word.pos not in ("ADJ", "VERB") or word.low in lemma.index["adj"] and word.low not in lex.ANIMATE:
        return False
    return lemma(word.low, "NOUN") in lemma.index["noun"]


def places_of_adjectives(words: list[Word]) -> None:
    """ "a man asleep on a bench": he is on the bench; "a bag full of apples", "the bag is full of apples": the apples are in the bag."""
    for w in words:
        if w.pos != "ADJ" or w.tag == "JJR":
            continue
        content = next((k for k in w.kids if k.low == "of" and k.dep == "prep" and k.i == w.i + 1), None) if w.low == "full" else None
        holder = w.head if w.dep == "amod" and w.head.i == w.i - 1 else w.head.kid("nsubj") if content and w.dep == "acomp" else None
        if holder is None or holder.tag not in NOUN_TAGS or any(k.dep == "neg" for k in w.head.kids):
            continue
        for place in [k for k in w.kids if k.dep == "prep" and k.i > w.i and (k is content or k.low != "of")]:
            place.attach(holder, "prep")
        if content is not None:
            content.low = "full of"
            w.dep, w.tag, w.pos = "joined", "XX", "X"
