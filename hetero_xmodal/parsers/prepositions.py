"""Multiword prepositions: "in front of", "on the left side of" and "next to" are one relation each; their nouns are not objects."""

from __future__ import annotations

from . import lexicon as lex
from .words import Word

_FIRST_WORDS = lex.PLACE_PREPOSITIONS | {phrase.split()[0] for phrase in (*lex.MULTIWORD_PREPOSITIONS, *lex.SHORTENED_PREPOSITIONS)}
_BEFORE_PLACE = frozenset("the its it their his her a each one both either very far other this that".split())


def join_prepositions(words: list[Word]) -> None:
    """Merge the words of "in front of", "on the left side of", "next to" into one preposition with one object."""
    i = 0
    while i < len(words):
        length, predicate = 0, ""
        if words[i].low in ("left", "right"):
            length = 2 * is_side([w.low for w in words[max(i - 1, 0) : i + 3]], min(i, 1))
            predicate = f"{words[i].low} of"
        elif words[i].low in _FIRST_WORDS:
            length, predicate = multiword_preposition([w.low for w in words[i : i + 7]])
        if length:
            _join(words, i, i + length, predicate)
        i += max(length, 1)


def is_side(low: list[str], i: int) -> bool:
    """Whether "left of" or "right of", without "to the", begins at word *i*; not in "the left of the picture" nor "the right of way".

    >>> is_side("a dog is left of a cat".split(), 3), is_side("the left of the picture".split(), 1)
    (True, False)
    """
    if low[i] not in ("left", "right") or low[i + 1 : i + 2] != ["of"] or low[i + 2 : i + 3] == ["way"]:
        return False
    return not i or low[i - 1] not in lex.BEFORE_SIDE_NOUN


def multiword_preposition(low: list[str]) -> tuple[int, str]:
    """Number of words of the preposition with which these lower-case words begin (0 if they begin with none), and its predicate."""
    if low[0] in lex.PLACE_PREPOSITIONS:
        length, predicate = _place(low)
        if length:
            return length, predicate
    for length in (3, 2):
        phrase = " ".join(low[:length])
        if len(low) >= length and phrase in lex.MULTIWORD_PREPOSITIONS:
            return length, lex.MULTIWORD_PREPOSITIONS[phrase]
    length = shortened(low)
    return length, lex.SHORTENED_PREPOSITIONS[" ".join(low[:length])] if length else ""


def shortened(low: list[str]) -> int:
    """Number of words of a preposition that lacks its last one; 0 if these words begin with none.

    >>> shortened("in front a boat".split()), shortened("next the tracks".split()), shortened("in front of a boat".split())
    (2, 1, 0)
    """
    for length in (2, 1):
        if low[length : length + 1] and low[length] in lex.ARTICLES and " ".join(low[:length]) in lex.SHORTENED_PREPOSITIONS:
            return length
    return 0


def _place(low: list[str]) -> tuple[int, str]:
    """ "on the side of", "to the left of", "at the right hand side of"."""
    at = 1
    while at < len(low) and low[at] in _BEFORE_PLACE:
        at += 1
    if at + 1 < len(low) and low[at - 1] in ("both", "either") and low[at] in ("side", "sides") and low[at + 1] == "of":
        return at + 2, f"on {low[at - 1]} {low[at]} of"
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
    """Merge words start..end into one preposition with the head and the object of the phrase."""
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
    if outer in kids:  # "next to the sink is a mirror": the object was parsed as the head
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
