"""Corrections of systematic errors in spaCy's parses of captions, applied before the rules.

Each function looks for one pattern of words and arcs and corrects tags or attachments. The order matters: see :func:`correct_parse`.
"""

from __future__ import annotations

from itertools import pairwise

from . import lexicon as lex
from .clause_corrections import (
    absolute_clauses,
    comparisons,
    complements_before_verb,
    lists_that_describe,
    negations,
    others_with,
    places_of_objects,
    seen_clauses,
    states_after_with,
)
from .modifier_corrections import adjectives_tagged_as_nouns, compound_adjectives, participles_between_nouns, places_of_adjectives
from .prepositions import join_prepositions
from .words import NOUN_TAGS, Lemmatizer, Word


def correct_parse(words: list[Word], lemma: Lemmatizer) -> None:
    """Apply all corrections, in order."""
    side_by_side(words)
    join_prepositions(words)
    mistagged_nouns(words)
    adjectives_tagged_as_nouns(words, lemma)
    compound_adjectives(words)
    colours_before_noun(words)
    seen_clauses(words)
    lemmatise(words, lemma)
    complements_before_verb(words)
    comparisons(words)
    places_of_adjectives(words)
    negations(words)
    fronted_objects(words)
    nouns_before_and(words)
    nouns_joined_to_verbs(words)
    colours_after_noun(words)
    lists_that_describe(words)
    others_with(words)
    places_of_objects(words)
    lists_after_with(words)
    garments(words)
    joined_subjects(words)
    inverted_subjects(words)
    missing_subjects(words)
    participles_tagged_as_nouns(words, lemma)
    participles_parsed_as_adjectives(words)
    participles_between_nouns(words, lemma)
    absolute_clauses(words)
    states_after_with(words)
    participles_after_colours(words)
    participles_of_clothing(words)
    participles_of_pictures(words)


def lemmatise(words: list[Word], lemma: Lemmatizer) -> None:
    """Set the lemmas of nouns and verbs."""
    for w in words:
        if w.pos in ("NOUN", "PROPN"):
            w.lemma = lemma(w.low, "NOUN")
        elif w.pos in ("VERB", "AUX"):
            w.lemma = lemma(w.low, "VERB")


# ---------------------------------------------------------------------------------------------- parts of speech


def side_by_side(words: list[Word]) -> None:
    """ "two men side by side": the sides are not objects."""
    for w in words[2:]:
        if w.low == "side" and words[w.i - 1].low == "by" and words[w.i - 2].low == "side":
            for part in (words[w.i - 2], words[w.i - 1], w):
                for kid in list(part.kids):
                    if kid.i > w.i:
                        kid.attach(words[w.i - 2].head if words[w.i - 2].head.i < w.i - 2 else kid.head, kid.dep)
                part.dep, part.tag, part.pos = "joined", "XX", "X"


def mistagged_nouns(words: list[Word]) -> None:
    """ "on his back", "man has ear": words with a determiner, or in the place of an object, are nouns whatever their tag."""
    for w in words:
        nouns_by_neighbours(words, w)
        if w.pos in ("NOUN", "PROPN", "PRON", "NUM", "DET", "PUNCT") or w.low in lex.COLOURS or w.low in lex.RELATIVE_PRONOUNS:
            continue
        named = any(k.dep in ("det", "poss", "compound", "amod", "nummod") for k in w.kids)
        if (
            w.dep in ("pobj", "dobj")
            and w.tag in ("VB", "VBP", "VBZ", "XX", "FW", "MD", "UH", "JJ", "RB", "VBN", "VBD")
            and (named or w.tag in ("XX", "FW", "UH", "VB", "MD") or w.low in lex.BODY_PARTS)
        ):
            if w.low not in lex.NOT_ATTRIBUTES and w.low not in lex.ADVERB_ATTRIBUTES:
                w.retag("NN")
        elif w.dep == "nsubj" and w.tag == "VB":  # "smoke rising"
            w.retag("NN")
        elif w.dep in ("nsubj", "nsubjpass", "ROOT", "conj") and w.tag in ("XX", "JJ", "FW", "UH") and any(k.dep == "det" for k in w.kids):
            w.retag("NN")


def nouns_by_neighbours(words: list[Word], w: Word) -> None:
    """ "on another zebra's back", ", smoke rising", "two dozen roses": what a word is follows from the words beside it."""
    if w.pos not in ("NOUN", "PROPN", "PUNCT") and is_owned(words, w):
        w.retag("NN")
        owner = words[w.i - 2]
        if owner.head is not w:
            w.attach(owner.head, owner.dep)
            owner.attach(w, "poss")
    elif w.tag == "VB" and w.i and words[w.i - 1].low == "," and w.i + 1 < len(words) and words[w.i + 1].tag == "VBG":
        w.retag("NN")
    elif w.low in lex.MULTIPLES and w.dep in ("compound", "nmod", "amod") and w.head.i > w.i:
        w.dep = "nummod"


def is_owned(words: list[Word], word: Word) -> bool:
    """ "on another zebra's back": what comes after "'s" and ends the phrase is a noun."""
    if word.i < 2 or words[word.i - 1].tag != "POS" or words[word.i - 2].tag not in NOUN_TAGS:
        return False
    return word.low in lex.BODY_PARTS and (word.i + 1 == len(words) or words[word.i + 1].tag not in (*NOUN_TAGS, "JJ"))


def nouns_joined_to_verbs(words: list[Word]) -> None:
    """ "holds the girl's hand and the boy's jacket": two objects, of which the second was coordinated with the verb."""
    for w in words:
        verb = w.head
        if w.dep != "conj" or w.tag not in NOUN_TAGS or verb.pos != "VERB" or verb.i > w.i:
            continue
        things = [k for k in verb.kids if k.dep == "dobj" and k.i < w.i and k.tag in NOUN_TAGS]
        placed = w.kid("prep") is not None and any(k.dep == "prep" and things[-1].i < k.i < w.i for k in verb.kids) if things else False
        if things and not placed and not any(k.dep in ("nsubj", "acl", "relcl") for k in w.kids):
            w.attach(things[-1], "conj")


def colours_before_noun(words: list[Word]) -> None:
    """ "a grey and blue train": the colours are attributes of the train, even if the first was parsed as a noun of its own."""
    for w in words:
        if w.low not in lex.COLOURS or w.dep in ("amod", "compound", "nmod") or w.head.low in lex.COLOURS:
            continue
        at = w.i + 1
        while at < len(words) and (words[at].low in lex.COLOURS or words[at].low in ("and", ",", "&", "or")):
            at += 1
        last = words[at - 1]
        if last.low not in lex.COLOURS or at >= len(words):
            continue
        noun = words[at]
        while noun.head.i > noun.i and noun.dep in ("amod", "compound", "nmod"):
            noun = noun.head
        if noun.tag not in NOUN_TAGS or noun.i - at > 3:
            continue
        above = noun
        for _ in range(4):  # is the noun below the colour?
            if above.head is w:
                break
            above = above.head
        else:
            continue
        if above is not noun and above.low not in lex.COLOURS:
            continue
        noun.head.kids.remove(noun)
        noun.dep = w.dep
        if w.head is w:
            noun.head = noun
        else:
            noun.head = w.head
            w.head.kids.append(noun)
            w.head.kids.sort(key=lambda k: k.i)
            w.head.kids.remove(w)
        for kid in list(w.kids):
            if kid.dep not in ("conj", "cc", "punct", "advmod") or kid.i > noun.i:
                w.kids.remove(kid)
                kid.head = noun
                noun.kids.append(kid)
        w.head, w.dep = noun, "amod"
        noun.kids.append(w)
        noun.kids.sort(key=lambda k: k.i)


def colours_after_noun(words: list[Word]) -> None:
    """ "paint the roof dark red": red is what the roof becomes, not a noun."""
    for verb in words:
        if verb.lemma not in lex.RESULT_VERBS or verb.pos != "VERB":
            continue
        for colour in words[verb.i + 2 : verb.i + 7]:
            at = colour.i - 1 - (words[colour.i - 1].low in lex.SHADES)
            after = words[colour.i + 1].tag if colour.i + 1 < len(words) else ""
            if colour.low in lex.COLOURS and words[at].tag in NOUN_TAGS and words[at].low not in lex.COLOURS and after not in NOUN_TAGS:
                colour.retag("JJ")
                if colour.is_above(words[at]):
                    words[at].replace(colour)


# ---------------------------------------------------------------------------------------------- participles


def participles_tagged_as_nouns(words: list[Word], lemma: Lemmatizer) -> None:
    """ "zebra standing on dirt": "standing" is a participle, not the head noun."""
    for w in words:
        if w.tag not in NOUN_TAGS or not w.low.endswith("ing") or w.i == 0:
            continue
        base = lemma(w.low, "VERB")
        before = words[w.i - 1]
        if w.low in lex.ING_NOUNS and not (w.low in lex.SPORTS and before.lemma in lex.ANIMATE):
            continue
        if base == w.low or before.tag not in NOUN_TAGS or before.head is not w or before.dep not in ("compound", "nmod", "amod", "poss"):
            continue
        after = words[w.i + 1] if w.i + 1 < len(words) else None
        if after is None or after.pos == "PUNCT" and after.i == len(words) - 1:
            if before.lemma not in lex.ANIMATE and before.lemma not in lex.BODY_PARTS:
                continue
        elif after.pos not in ("ADP", "DET", "PART", "ADV", "PRON") and not (after.pos == "ADJ" and after.i + 1 < len(words)):
            continue
        _swap_head(w, before)
        w.retag("VBG")
        w.lemma = base
        w.attach(before, "acl")
        if after is not None and after.pos in ("DET", "PRON", "ADJ"):  # "zebra eating the grass": the grass is the verb's object
            thing = after.head if after.head.i > w.i and after.head.tag in NOUN_TAGS else None
            if thing is not None and thing.head.i <= before.i:
                thing.attach(w, "dobj")


def _swap_head(old: Word, new: Word) -> None:
    """Let *new*, a child of *old*, take the place of *old* in the tree together with the children in front of it."""
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


def participles_parsed_as_adjectives(words: list[Word]) -> None:
    """ "hand holding phone": "hand" is the head and "phone" the object of "holding"."""
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


def participles_after_colours(words: list[Word]) -> None:
    """ "man in black holding a child": "black" is the object of "in", and "holding" describes the man."""
    for w in words[2:]:
        colour, preposition, thing = words[w.i - 1], words[w.i - 2], w.head
        if (
            w.tag != "VBG"
            or colour.low not in lex.COLOURS
            or preposition.low != "in"
            or thing.head is not preposition
            or thing.dep != "pobj"
        ):
            continue
        holder = preposition.head
        if holder.tag not in NOUN_TAGS:
            continue
        colour.retag("NN")
        colour.attach(preposition, "pobj")
        w.attach(holder, "acl")
        thing.attach(w, "dobj")


def participles_of_pictures(words: list[Word]) -> None:
    """ "a photo of a man standing on a hill": the participle describes the man, not the photo."""
    for w in words:
        if w.dep not in ("acl", "prep", "relcl") or w.low in ("of", "with") or w.head.lemma not in lex.PICTURES or w.i < w.head.i:
            continue
        of = next((k for k in w.head.kids if k.low == "of" and k.i < w.i), None)
        thing = of.kid("pobj") if of is not None else None
        if thing is not None and (w.dep == "acl" and w.tag == "VBG"):
            w.attach(thing, w.dep)


def participles_of_clothing(words: list[Word]) -> None:
    """ "man in red shirt standing": the participle describes the wearer, not the shirt."""
    for w in words:
        if w.dep != "acl" or w.tag != "VBG" or w.head.pos not in ("NOUN", "PROPN"):
            continue
        noun = w.head
        while noun.dep == "conj" and noun.head.tag in NOUN_TAGS:
            noun = noun.head
        if noun.dep == "pobj" and noun.lemma in lex.CLOTHING | lex.BODY_PARTS and noun.head.head.tag in NOUN_TAGS:
            w.attach(noun.head.head, "acl")


# ---------------------------------------------------------------------------------------------- attachments


def nouns_before_and(words: list[Word]) -> None:
    """ "a red breast and yellow wings": a coordination of two nouns, not "red breast" as a modifier of the wings."""
    for w in words:
        second = w.head
        if (
            w.dep not in ("nmod", "compound")
            or w.tag not in NOUN_TAGS
            or second.i < w.i
            or w.i + 1 >= len(words)
            or words[w.i + 1].low != "and"
        ):
            continue
        between = [k for k in w.kids if k.dep == "conj" and k.pos == "ADJ" and w.i < k.i < second.i]
        if not between:
            continue
        for kid in between:
            kid.attach(second, "amod")
        _swap_head(second, w)
        second.attach(w, "conj")


_LISTED = ("conj", "appos", "attr", "npadvmod", "dep", "oprd", "dobj")


def lists_after_with(words: list[Word]) -> None:
    """ "a bird with a red belly, a white crown and black wings": the later nouns are coordinated with the belly, not with the bird."""
    for opener in words:
        if opener.low == "with" and opener.dep == "prep":
            first = opener.kid("pobj")
        elif opener.lemma == "have" and opener.dep not in ("aux", "auxpass"):
            first = opener.kid("dobj")
        else:
            continue
        if first is None or first.i + 1 >= len(words) or words[first.i + 1].low not in (",", "and"):
            continue
        comma = words[first.i + 1].low == ","
        for later in words[first.i + 2 :]:
            if later.tag not in NOUN_TAGS or later.dep not in _LISTED or later.head.i > opener.i or later.dep == "dobj" and not comma:
                continue
            if any(k.dep in ("relcl", "nsubj", "acl", "prep") for k in later.kids) or not comma and later.lemma in lex.ANIMATE:
                continue
            later.attach(first, "conj")


def garments(words: list[Word]) -> None:
    """ "a man in a black suit and hat": he wears both; the hat is no second person."""
    for opener in words:
        suit = opener.kid("pobj") if opener.low == "in" and opener.dep == "prep" else None
        if suit is None or suit.lemma not in lex.CLOTHING or suit.i + 1 >= len(words) or words[suit.i + 1].low not in ("and", "&"):
            continue
        hat = next((w for w in words[suit.i + 2 : suit.i + 5] if w.tag in NOUN_TAGS and w.lemma in lex.CLOTHING), None)
        if hat is not None and hat.dep in _LISTED and hat.head.i < opener.i:
            hat.attach(suit, "conj")


def joined_subjects(words: list[Word]) -> None:
    """ "a cup of tea and a piece of cake are on the tray": two nouns, both parsed as subjects of the verb, are one coordination."""
    for verb in words:
        subjects = [k for k in verb.kids if k.dep in ("nsubj", "nsubjpass") and k.i < verb.i and k.tag in NOUN_TAGS]
        for first, second in pairwise(subjects):
            if any(k.dep == "cc" and k.low in ("and", "or") and first.i < k.i < second.i for k in first.kids):
                second.attach(first, "conj")


def inverted_subjects(words: list[Word]) -> None:
    """ "by the door, with a bag, waits a girl": the girl waits, and has the bag."""
    for verb in words[2:]:
        opening = [k for k in verb.kids if k.dep == "prep" and k.i < verb.i]
        if not opening or verb.tag not in ("VBZ", "VBP", "VBD") or verb.lemma == "be" or verb.lemma in lex.TRANSITIVE:
            continue
        subject = next((k for k in verb.kids if k.i > verb.i and k.tag in NOUN_TAGS), None)
        if subject is None or any(k.dep in ("nsubj", "nsubjpass") and k.i < verb.i for k in verb.kids):
            continue
        subject.attach(verb, "nsubj")
        for place in opening:
            if place.low == "with":
                place.attach(subject, "prep")
        behind = words[subject.i + 1] if subject.i + 1 < len(words) else subject
        if behind.low == "with" and behind.dep == "prep" and behind.head is verb:
            behind.attach(subject, "prep")


def missing_subjects(words: list[Word]) -> None:
    """ "a child holds a kite and a ball is below a boat": the ball is the subject of the second clause, not a second object of "holds"."""
    for verb in words[1:]:
        noun = words[verb.i - 1]
        if (
            verb.low not in ("is", "are", "was", "were")
            or verb.dep in ("aux", "auxpass")
            or noun.dep != "conj"
            or noun.tag not in NOUN_TAGS
        ):
            continue
        if (
            any(k.dep in ("nsubj", "nsubjpass", "expl") for k in verb.kids)
            or noun.head.i > noun.i
            or verb.head is verb
            or verb.dep == "relcl"
        ):
            continue
        noun.attach(verb, "nsubj")


def fronted_objects(words: list[Word]) -> None:
    """ "the chair the dog is sitting on", "shirt the man is wearing": the first noun is the object of the last verb or preposition."""
    last = next((w for w in reversed(words) if w.pos not in ("PUNCT", "SPACE")), None)
    if last is None or last.i == 0:
        return
    if (
        last.low in ("on", "in", "at", "under", "to", "by")
        and not last.kids
        and last.head.pos in ("VERB", "AUX")
        and last.head.lemma != "have"
    ):
        verb = last.head
    elif last.pos == "VERB" and last.lemma in lex.TRANSITIVE and last.tag != "VBN" and not last.kid("dobj"):
        verb = last
    else:
        return
    actor = next((k for k in reversed(verb.kids) if k.dep in ("nsubj", "nsubjpass") and k.i < verb.i and k.tag in NOUN_TAGS), None)
    if actor is None:
        return
    front = next((k for k in verb.kids if k.i < actor.i and k.tag in NOUN_TAGS), None)
    if front is None and verb.dep != "relcl":
        front = next((k for k in actor.kids if k.i == actor.i - 1 and k.dep in ("compound", "nmod") and k.tag in NOUN_TAGS), None)
        if front is None or verb is last and not any(w.low in ("is", "are") for w in verb.kids):
            return
        for kid in [k for k in actor.kids if k.i < front.i]:
            kid.attach(front, kid.dep)
    if front is not None:
        front.attach(last, "dobj" if verb is last else "pobj")
    if verb is not last:
        last.retag("IN")
        last.dep = "prep"
