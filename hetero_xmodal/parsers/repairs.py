"""Corrections of spaCy's parse before the rules read it: what a small model gets wrong in captions again and again.

Each repair looks for one pattern of words and arcs and moves the words where they belong. Order matters: see :func:`repair`.
"""

from __future__ import annotations

from . import lexicon as lex
from .words import NOUN_TAGS, Lemmatizer, Word


def repair(words: list[Word], lemma: Lemmatizer) -> None:
    """All repairs, in order."""
    join_prepositions(words)
    lemmatise(words, lemma)
    participles_read_as_nouns(words, lemma)
    participles_read_as_adjectives(words)
    clothes_do_not_act(words)


def lemmatise(words: list[Word], lemma: Lemmatizer) -> None:
    """Dictionary forms of nouns and verbs."""
    for w in words:
        if w.pos in ("NOUN", "PROPN"):
            w.lemma = lemma(w.low, "NOUN")
        elif w.pos in ("VERB", "AUX"):
            w.lemma = lemma(w.low, "VERB")


# ---------------------------------------------------------------------------------------------- prepositions of several words

_BEFORE_PLACE = frozenset("the its it their his her a each one both either very far other this that".split())


def join_prepositions(words: list[Word]) -> None:
    """ "in front of", "on the left side of", "next to" become one preposition with one object."""
    i = 0
    while i < len(words):
        length, predicate = _multiword(words, i)
        if length:
            _join(words, i, i + length, predicate)
        i += max(length, 1)


def _multiword(words: list[Word], i: int) -> tuple[int, str]:
    """Number of words of the preposition that starts at word *i* (0 if none does) and its predicate."""
    low = [w.low for w in words[i : i + 7]]
    if low[0] in lex.PLACE_PREPOSITIONS:
        length, predicate = _place(low)
        if length:
            return length, predicate
    for length in (3, 2):
        phrase = " ".join(low[:length])
        if len(low) >= length and phrase in lex.MULTIWORD_PREPOSITIONS:
            return length, lex.MULTIWORD_PREPOSITIONS[phrase]
    return 0, ""


def _place(low: list[str]) -> tuple[int, str]:
    """ "on the side of", "to the left of", "at the right hand side of"."""
    at = 1
    while at < len(low) and low[at] in _BEFORE_PLACE:
        at += 1
    side = ""
    if at + 1 < len(low) and low[at] in ("left", "right") and low[at + 1] in ("side", "hand"):
        side = low[at]
        at += 2 if low[at + 1] == "hand" and at + 2 < len(low) and low[at + 2] == "side" else 1
    if at + 1 >= len(low) or low[at] not in lex.PLACE_NOUNS:
        return 0, ""
    noun = low[at]
    if not (low[at + 1] == "of" or noun in ("left", "right") and low[at + 1] == "to"):
        return 0, ""
    if noun in ("left", "right"):
        side = noun
    return at + 2, f"{side} of" if side else lex.PLACE_PREDICATES.get(noun, "{0} {1} of").format(low[0], noun)


def _join(words: list[Word], start: int, end: int, predicate: str) -> None:
    """Make words start..end one preposition that hangs where the phrase hung and holds the object that the phrase held."""
    span, inside = words[start:end], range(start, end)
    first = span[0]
    outside = [w.head for w in span if w.head.i not in inside]
    if outside:
        outer = outside[0]
    else:  # the phrase holds the root of the sentence
        outer = words[start - 1] if start else first
    kids = [k for w in span for k in w.kids if k.i not in inside]
    for w in span:
        if w.head is not w and w in w.head.kids:
            w.head.kids.remove(w)
        w.head, w.kids = first, []
    for w in span[1:]:
        w.dep, w.tag, w.pos = "joined", "XX", "X"
    first.low = predicate
    first.retag("IN")
    if outer in kids:  # "next to the sink is a mirror": the object was read as the head
        kids.remove(outer)
        outer.head, outer.dep = outer, "ROOT"
        first.dep = "ROOT"
        kids.append(outer)
    elif outer is first:
        first.dep = "ROOT"
    else:
        first.dep = "prep"
        first.head = outer
        outer.kids.append(first)
        outer.kids.sort(key=lambda w: w.i)
    for k in kids:
        k.head = first
        if k.i > first.i and k.pos in ("NOUN", "PROPN", "PRON", "NUM") and k.dep not in ("appos", "conj", "nsubj"):
            k.dep = "pobj"
    first.kids = sorted(kids, key=lambda w: w.i)


# ---------------------------------------------------------------------------------------------- participles


def participles_read_as_nouns(words: list[Word], lemma: Lemmatizer) -> None:
    """ "zebra standing on dirt": standing is what the zebra does, not what it is."""
    for w in words:
        if w.tag not in NOUN_TAGS or not w.low.endswith("ing") or w.low in lex.ING_NOUNS or w.i == 0:
            continue
        base = lemma(w.low, "VERB")
        before = words[w.i - 1]
        if base == w.low or before.tag not in NOUN_TAGS or before.head is not w or before.dep not in ("compound", "nmod", "amod", "poss"):
            continue
        after = words[w.i + 1] if w.i + 1 < len(words) else None
        if after is None or after.pos == "PUNCT" and after.i == len(words) - 1:
            if before.lemma not in lex.ANIMATE:
                continue
        elif after.pos not in ("ADP", "DET", "PART", "ADV", "PRON") and not (after.pos == "ADJ" and after.i + 1 < len(words)):
            continue
        _swap_head(w, before)
        w.retag("VBG")
        w.lemma = base
        w.attach(before, "acl")
        if after is not None and after.pos in ("DET", "PRON", "ADJ"):  # "zebra eating the grass": what follows is eaten
            thing = after.head if after.head.i > w.i and after.head.tag in NOUN_TAGS else None
            if thing is not None and thing.head.i <= before.i:
                thing.attach(w, "dobj")


def _swap_head(old: Word, new: Word) -> None:
    """*new*, a child of *old*, takes its place in the tree, and the children in front of it."""
    old.kids.remove(new)
    for kid in [k for k in old.kids if k.i < new.i]:
        kid.attach(new, kid.dep)
    new.dep = old.dep
    if old.head is old:
        new.head, old.head = new, new
        new.kids.append(old)
    else:
        old.head.kids.remove(old)
        new.head = old.head
        new.head.kids.append(new)
        new.head.kids.sort(key=lambda w: w.i)
        old.head = new
        new.kids.append(old)
    for kid in [k for k in old.kids if k.dep in ("conj", "cc", "appos", "relcl", "punct") or k.dep == "det"]:
        kid.attach(new, kid.dep)


def participles_read_as_adjectives(words: list[Word]) -> None:
    """ "hand holding phone": the hand holds the phone, it is not a "hand holding" phone."""
    for w in words:
        if w.tag != "VBG" or w.dep not in ("amod", "compound", "nmod") or w.i == 0 or w.head.i < w.i:
            continue
        before, thing = words[w.i - 1], w.head
        if before.tag not in NOUN_TAGS or w.lemma not in lex.TRANSITIVE:
            continue
        if before.head is thing and before.dep in ("compound", "nmod", "amod", "poss", "npadvmod", "det", "dep"):
            thing.kids.remove(before)
        elif before.head is w:
            w.kids.remove(before)
        else:
            continue
        for kid in [k for k in thing.kids if k.i < before.i]:
            kid.attach(before, kid.dep)
        before.dep = thing.dep
        if thing.head is thing:
            before.head = before
        else:
            thing.head.kids.remove(thing)
            before.head = thing.head
            before.head.kids.append(before)
            before.head.kids.sort(key=lambda k: k.i)
        thing.kids.remove(w)
        w.head, w.dep = before, "acl"
        before.kids.append(w)
        thing.head, thing.dep = w, "dobj"
        w.kids.append(thing)


def clothes_do_not_act(words: list[Word]) -> None:
    """ "man in red shirt standing": not the shirt stands. The participle moves up to the wearer."""
    for w in words:
        if w.dep != "acl" or w.tag != "VBG" or w.head.pos not in ("NOUN", "PROPN"):
            continue
        noun = w.head
        while noun.dep == "conj" and noun.head.tag in NOUN_TAGS:
            noun = noun.head
        if noun.dep == "pobj" and noun.lemma in lex.CLOTHING | lex.BODY_PARTS and noun.head.head.tag in NOUN_TAGS:
            w.attach(noun.head.head, "acl")
