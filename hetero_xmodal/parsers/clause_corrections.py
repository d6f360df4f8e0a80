"""Corrections of parses that attach a word across a boundary of phrases: lists, comparisons, negation, absolute clauses.

spaCy's small model often takes the noun right before a verb for its subject ("a man with a hat, a coat and a bag stands": the bag stands).
The functions here find the phrases by their words and tags, which the tagger gets right far more often than the arcs.
"""

from __future__ import annotations

from itertools import pairwise

from . import lexicon as lex
from .inflection import base_of_third_person
from .words import NOUN_TAGS, Word

_PHRASE_TAGS = frozenset(("DT", "PDT", "PRP$", "CD", "JJ", "JJR", "JJS", "VBN", "POS", *NOUN_TAGS))
_FINITE_TAGS = frozenset(("VBZ", "VBP", "VBD"))


def head_of_phrase(words: list[Word], start: int) -> Word | None:
    """The head of the noun phrase that starts at word *start*, or None: "bag" in "a black and white bag by the door"."""
    head = None
    for at in range(start, len(words)):
        word = words[at]
        if word.tag in NOUN_TAGS:
            head = word
        elif word.tag == "POS":
            head = None
        elif head is not None or word.tag not in _PHRASE_TAGS and not _joins_adjectives(words, at):
            break
    return head


def _joins_adjectives(words: list[Word], at: int) -> bool:
    """ "and" in "a black and white bag"."""
    return words[at].low == "and" and 0 < at < len(words) - 1 and words[at - 1].pos == words[at + 1].pos == "ADJ"


def give_verb_subject(words: list[Word], subject: Word, last: Word) -> None:
    """Make *subject* the subject of the finite verb right after *last*, the last noun of a phrase that describes the subject."""
    if last.i + 1 >= len(words) or words[last.i + 1].tag not in _FINITE_TAGS:
        return
    while subject.dep == "pobj" and subject.head.dep == "prep" and subject.head.head.tag in NOUN_TAGS:
        subject = subject.head.head  # "a man with a hat bigger than his head sits": the man
    verb = words[last.i + 1]
    if verb.dep in ("aux", "auxpass") and verb.head.i > verb.i:
        verb = verb.head
    for kid in [k for k in verb.kids if k.dep in ("nsubj", "nsubjpass") and k.i <= last.i and k is not subject]:
        kid.dep = "dep"
    if subject.is_above(verb):
        verb.attach(subject, "dep")
    else:
        subject.attach(verb, "nsubj")


# ---------------------------------------------------------------------------------------------- lists after "with"


def lists_that_describe(words: list[Word]) -> None:
    """ "a man with a hat, a coat and a bag stands by the door": the coat and the bag are his, and the man stands."""
    for opener in words:
        if opener.low != "with" or opener.dep != "prep":
            continue
        first = head_of_phrase(words, opener.i + 1)
        items = _list_from(words, first) if first is not None else []
        if len(items) < 2 or len(items) == 2 and not _describes(words, opener, items):
            continue
        items[0].attach(opener, "pobj")
        for item in items[1:]:
            if not item.is_above(items[0]):
                item.attach(items[0], "conj")
        holder = _noun_before(words, opener)
        if holder is not None:
            if opener.head is not holder:
                opener.attach(holder, "prep")
            give_verb_subject(words, holder, items[-1])


def _list_from(words: list[Word], first: Word) -> list[Word]:
    """The nouns of the list that starts with *first* and ends with "and": hat, coat, bag; empty if there is no such list."""
    items, at, last = [first], first.i + 1, False
    while not last:
        if at + 1 >= len(words) or words[at].low not in (",", "and", "&", "or"):
            return []
        last = words[at].low != ","
        at += 1
        if not last and words[at].low in ("and", "or"):
            at, last = at + 1, True
        item = head_of_phrase(words, at)
        if item is None:
            return []
        items.append(item)
        at = item.i + 1
    return items


def _noun_before(words: list[Word], opener: Word) -> Word | None:
    """The noun in front of a preposition."""
    return words[opener.i - 1] if opener.i and words[opener.i - 1].tag in NOUN_TAGS else None


def _describes(words: list[Word], opener: Word, items: list[Word]) -> bool:
    """Two nouns are a list if a verb in the singular follows: "a woman with a dog and a stroller crosses the street"."""
    holder, after = _noun_before(words, opener), items[-1].i + 1
    return holder is not None and holder.tag in ("NN", "NNP") and after < len(words) and words[after].tag == "VBZ"


def others_with(words: list[Word]) -> None:
    """ "a girl with a kite and a boy with a ball": the boy is beside the girl, not something that she has."""
    for opener in words:
        if opener.low not in ("with", "in") or opener.dep != "prep":
            continue
        other = _noun_before(words, opener)
        if other is None or other.dep != "conj" or other.head.dep != "pobj" or other.head.head.low not in ("with", "in"):
            continue
        if "in" in (opener.low, other.head.head.low) and not (other.lemma in lex.ANIMATE and other.head.lemma in lex.CLOTHING):
            continue  # "a woman in a dress and a boy with glasses", but "a pot with a plant in a window"
        holder = other.head.head.head
        if holder.tag in NOUN_TAGS and holder.i < other.i:
            opener.attach(other, "prep")
            other.attach(holder, "conj")


def places_of_objects(words: list[Word]) -> None:
    """ "put a bird and a cat on the roof": both are on the roof; "into the box next to the gate": the box is next to the gate.

    "Put the ball under the chair and the doll on the bed": each has a place of its own.
    """
    for verb in words:
        thing = verb.kid("dobj") if verb.lemma in lex.PLACING and verb.pos == "VERB" else None
        if thing is None:
            continue
        for other in [k for k in verb.kids if k.dep == "conj" and k.tag in NOUN_TAGS and k.i > thing.i]:
            placed = other.kid("prep") is not None and any(k.dep == "prep" and thing.i < k.i < other.i for k in verb.kids)
            other.attach(verb if placed else thing, "parataxis" if placed else "conj")
        for last in [k for k in thing.kids if k.dep == "conj"]:
            for place in [k for k in last.kids if k.dep == "prep" and k.i > last.i and k.low not in ("of", "with")]:
                place.attach(verb, "prep")
        places = [k for k in verb.kids if k.dep == "prep" and k.i > thing.i]
        for place, further in pairwise(places):
            ground = place.kid("pobj")
            if ground is not None and ground.i == further.i - 1:
                further.attach(ground, "prep")


def states_after_with(words: list[Word]) -> None:
    """ "a woman with her hair pulled back", "a toilet with the lid up": what is said of the hair and the lid, not of the woman."""
    for opener in words:
        noun = head_of_phrase(words, opener.i + 1) if opener.low == "with" else None
        if noun is None or noun.i + 1 >= len(words) or words[noun.i + 1].low not in lex.STATES:
            continue
        state, holder = words[noun.i + 1], _noun_before(words, opener)
        last = words[state.i + 1] if state.i + 1 < len(words) and words[state.i + 1].low in lex.VERB_PARTICLES else state
        finite = last.i + 1 < len(words) and words[last.i + 1].tag in _FINITE_TAGS
        if finite or _ends_clause(words, last):
            _describe_with(opener, noun, state, holder)
        if state.dep != "state":
            continue
        if last is not state:
            state.low = f"{state.low} {last.low}"
            last.attach(state, "joined")
            last.tag, last.pos = "XX", "X"
        state.retag("JJ")
        if holder is not None:
            give_verb_subject(words, holder, last)


def _describe_with(opener: Word, noun: Word, state: Word, holder: Word | None) -> None:
    """Attach a state to its noun, the noun to "with", and "with" to the noun in front of it."""
    for above in (state, noun):
        low = opener if holder is None else holder
        if above is not low and above.is_above(low):
            while holder is None and low.head is not above:
                low = low.head  # "a woman sitting with her legs crossed": the woman, parsed as the subject of "crossed"
            low.replace(above)
    if noun.is_above(opener) or state.is_above(opener):
        return
    opener.attach(opener.head if holder is None else holder, "prep")
    noun.attach(opener, "pobj")
    if opener.dep == "prep" and noun.head is opener:
        state.attach(noun, "state")


# ---------------------------------------------------------------------------------------------- comparisons


def comparisons(words: list[Word]) -> None:
    """ "a dog bigger than a cat", "as tall as a tree": one relation, "bigger than"; the adjective alone is no attribute."""
    holder = None
    for than in words[2:]:
        start = _start_of_comparison(words, than)
        thing = head_of_phrase(words, than.i + 1) if start else None
        if than.low == "than" and _compares_subjects(words, than, start):
            than.dep = "joined"
            continue
        if thing is None:
            continue
        degree = words[start : than.i]
        holder = holder if words[start - 1].low in ("and", "but", "or") else _compared(words, start)
        if holder is None:
            continue
        _merge_comparison(than, degree, holder)
        thing.attach(than, "pobj")
        if holder.tag in NOUN_TAGS:
            give_verb_subject(words, holder, thing)


def _compares_subjects(words: list[Word], than: Word, start: int) -> bool:
    """ "has more apples than the woman", "nearer to the tree than the girl": neither apples nor tree are compared."""
    if not start:
        return than.dep == "prep" and any(
            w.tag in ("JJR", "RBR") or w.low.split(" ")[0] in lex.COMPARED for w in words[max(than.i - 6, 0) : than.i]
        )
    noun = words[start + 1]
    named = than.i + 1 < len(words) and words[than.i + 1].tag in ("DT", "PRP$", "NNP")
    return named and words[start].low in ("more", "less", "fewer") and noun.tag in NOUN_TAGS and noun.dep == "dobj"


def _start_of_comparison(words: list[Word], than: Word) -> int:
    """Index of the first word of "bigger than", "more colorful than", "as big as"; 0 if *than* ends no comparison."""
    adjective = words[than.i - 1]
    before = words[than.i - 2].low
    if than.low == "as":
        return than.i - 2 if before == "as" and adjective.pos in ("ADJ", "ADV") else 0
    if than.low != "than" and not (than.low == "then" and adjective.tag in ("JJR", "RBR")):
        return 0
    if before in ("more", "less", "fewer"):
        return than.i - 2
    return than.i - 1 if adjective.tag in ("JJR", "RBR") or adjective.low.endswith("er") and adjective.pos in ("ADJ", "ADV") else 0


def _compared(words: list[Word], start: int) -> Word | None:
    """What is compared: the noun in front of "bigger than", or the linking verb."""
    if words[start].low in ("more", "less", "fewer") and words[start + 1].tag in NOUN_TAGS:
        return words[start + 1]
    at = start - 1
    while at > 0 and words[at].tag in ("RB", "RBR"):
        at -= 1
    word = words[at]
    return word if at >= 0 and word.pos in ("VERB", "AUX", "NOUN", "PROPN") else None


def _merge_comparison(than: Word, degree: list[Word], holder: Word) -> None:
    """Merge the words of a comparison into one preposition of *holder*; a compared noun ("more cats than") stays a noun."""
    merged = [w for w in degree if w is not holder]
    than.low = " ".join([*(w.low for w in merged), "as" if than.low == "as" else "than"])
    than.retag("IN")
    for word in merged:
        if word.is_above(holder):
            holder.replace(word)
        for kid in [k for k in word.kids if k is not than]:
            kid.attach(holder, kid.dep)
        word.kids = [k for k in word.kids if k is than]
        word.dep, word.tag, word.pos = "joined", "XX", "X"
    if than.is_above(holder):
        holder.replace(than)
    than.attach(holder, "prep")


# ---------------------------------------------------------------------------------------------- what is seen


def seen_clauses(words: list[Word]) -> None:
    """ "hears a dog bark": the bark is a verb; "a woman watching a boy ride a bike": the boy rides it."""
    for verb in words[2:]:
        noun = words[verb.i - 1]
        if noun.tag not in NOUN_TAGS:
            continue
        if verb.tag == "NN" and verb.dep == "ccomp" and noun.head is verb and verb.head.low in lex.PERCEPTION_FORMS:
            verb.retag("VB")
        elif verb.tag in ("VB", "VBP") and noun.dep == "dobj" and noun.head.low in lex.PERCEPTION_FORMS and verb.is_above(noun):
            _move_clause(verb, noun)


def _move_clause(verb: Word, noun: Word) -> None:
    """Make *verb*, which is above its subject *noun*, the clause that the verb above *noun* introduces."""
    seeing, after = noun.head, [k for k in verb.kids if k.i > verb.i]
    top = noun
    while top.head is not verb:
        top = top.head
    top.replace(verb)
    verb.attach(seeing, "ccomp")
    noun.attach(verb, "nsubj")
    for kid in after:
        kid.attach(verb, kid.dep)


# ---------------------------------------------------------------------------------------------- negation


def complements_before_verb(words: list[Word]) -> None:
    """ "an animal that isn't a cat sleeps", "a zebra that is not eating stands": the animal sleeps, the zebra stands."""
    for verb in words:
        if verb.dep == "relcl" and verb.pos == "VERB" and any(k.dep == "neg" for k in verb.kids):
            _next_verb_of_noun(words, verb)
        if verb.dep != "relcl" or verb.lemma != "be" or verb.head.i > verb.i or verb.head.tag not in NOUN_TAGS:
            continue
        start = verb.i + 1 + (verb.i + 1 < len(words) and words[verb.i + 1].low in ("not", "n't"))
        complement = head_of_phrase(words, start)
        if complement is None or complement.i + 1 >= len(words) or words[complement.i + 1].tag not in _FINITE_TAGS:
            continue
        if not complement.is_above(verb):
            complement.attach(verb, "attr")
            give_verb_subject(words, verb.head, complement)


def negations(words: list[Word]) -> None:
    """ "neither the cat nor the dog is black", "nobody runs": the clause's verb is negated."""
    for word in words:
        if word.low == "but":
            correct_place(words, word)
        if word.low == "not":
            deny_noun(words, word)
        if word.low not in ("neither", "nobody", "nothing") or word.dep == "neg" or deny_list(words, word):
            continue
        verb = word
        while verb.pos not in ("VERB", "AUX") and verb.head is not verb:
            verb = verb.head
        if verb.pos in ("VERB", "AUX") and not word.kids:
            word.attach(verb, "neg")


def correct_place(words: list[Word], but: Word) -> None:
    """ "the cup is not on the table but on the shelf": it is on the shelf, and not on the table."""
    place = words[but.i + 1] if but.i + 1 < len(words) else but
    denied = next((w for w in reversed(words[: but.i]) if w.pos in ("ADP", "VERB", "AUX")), but)
    if place.pos != "ADP" or place.kid("pobj") is None or denied.pos != "ADP":
        return
    no = words[denied.i - 1] if denied.i else denied
    if no.low not in ("not", "n't") or denied.kid("pobj") is None:
        return
    holder = denied.head
    subject = holder if holder.tag in NOUN_TAGS else holder.kid("nsubj", "nsubjpass")
    if subject is None or place.is_above(subject):
        return
    place.attach(subject, "prep")
    denied.attach(holder, "denied")


def deny_list(words: list[Word], neither: Word) -> bool:
    """ "a man with neither a hat nor a coat waits": he waits, without both; True if "neither" follows such a preposition."""
    opener = words[neither.i - 1] if neither.i else neither
    noun = head_of_phrase(words, neither.i + 1) if opener.dep == "prep" and opener.low in ("with", "in") else None
    if noun is None:
        return False
    neither.attach(noun, "preconj")
    nor = words[noun.i + 1] if noun.i + 1 < len(words) else neither
    other = head_of_phrase(words, nor.i + 1) if nor.low in ("nor", "or") else None
    noun.attach(opener, "pobj")
    if other is not None and not other.is_above(noun):
        other.attach(noun, "conj")
    if opener.head.tag in NOUN_TAGS:
        give_verb_subject(words, opener.head, noun if other is None else other)
    return True


def deny_noun(words: list[Word], no: Word) -> None:
    """ "a woman, not a man, drives the bus": the man does not drive."""
    if no.i < 2 or words[no.i - 1].low != "," or words[no.i - 2].tag not in NOUN_TAGS:
        return
    holder, noun = words[no.i - 2], head_of_phrase(words, no.i + 1)
    if noun is None:
        return
    no.attach(noun, "neg")
    if noun.i + 1 < len(words) and words[noun.i + 1].low == ",":
        give_verb_subject(words, holder, words[noun.i + 1])
    if noun.dep in ("appos", "conj"):
        noun.dep = "dep"


def _next_verb_of_noun(words: list[Word], denied: Word) -> None:
    """Give the verb right behind a denied relative clause the noun of that clause as its subject."""
    verb = words[denied.i + 1] if denied.i + 1 < len(words) else denied
    if verb.tag not in _FINITE_TAGS and base_of_third_person(verb.low) not in lex.PLURAL_VERBS:
        return
    if denied.head.i > denied.i or denied.head.tag not in NOUN_TAGS:
        return
    verb.retag("VBZ")
    give_verb_subject(words, denied.head, denied)


# ---------------------------------------------------------------------------------------------- absolute clauses


def absolute_clauses(words: list[Word]) -> None:
    """ "a man riding a horse, a dog following him": the dog rides nothing, and is no second object of "riding"."""
    clause = False  # has there been a verb?
    for comma in words:
        clause = clause or comma.pos == "VERB" and comma.dep not in ("amod", "compound", "nmod")
        own = comma.i + 1 < len(words) and words[comma.i + 1].tag == "PRP$"  # "two girls on a bench, their legs crossed"
        if comma.low != "," or not (clause or own):
            continue
        noun = head_of_phrase(words, comma.i + 1)
        if noun is None or noun.i + 1 >= len(words):
            continue
        after = words[noun.i + 1]
        if after.tag == "VBG":
            _detach_clause(words, comma, noun, after, "acl")
        elif _is_state(after, own) and _ends_clause(words, after):
            _detach_clause(words, comma, noun, after, "state")
        elif after.pos == "ADP" and noun.dep in ("conj", "appos", "dobj") and not any(w.low == "and" for w in words[after.i :]):
            _detach_clause(words, comma, noun, after, "prep")


def _is_state(word: Word, own: bool) -> bool:
    """Whether a word behind a noun tells its state: "folded", "up"; behind "its wings" also "spread", which is tagged as a present."""
    return word.tag in ("VBN", "VBD", "JJ") or word.low in lex.ADVERB_ATTRIBUTES or own and word.low in ("spread", "shut", "cut", "set")


def _ends_clause(words: list[Word], last: Word) -> bool:
    """Whether a comma, the full stop or nothing follows."""
    return last.i + 1 == len(words) - (words[-1].pos == "PUNCT") or words[last.i + 1].low == ","


def _detach_clause(words: list[Word], comma: Word, noun: Word, participle: Word, dep: str) -> None:
    """Make the noun and its participle (or adjective, or preposition) a clause of their own, beside that in front of the comma."""
    own = [k for k in participle.kids if k.i > comma.i and k is not noun]
    above = next((w for w in (participle, noun) if w.head.i < comma.i), None)
    if above is None:  # the main clause hangs from the participle
        main = next((k for k in participle.kids if k.i < comma.i and k.pos in ("VERB", "AUX", *("NOUN", "PROPN"))), None)
        if main is None:
            return
        main.replace(participle)
    root = words[0]
    while root.head is not root:
        root = root.head
    if noun.is_above(root) or participle.is_above(root):
        return
    if participle.is_above(noun):
        participle.attach(root, "parataxis")
    noun.attach(root, "parataxis")
    participle.attach(noun, dep)
    for kid in own:
        kid.attach(participle, kid.dep)
    if dep == "state":
        participle.retag("JJ")
        for place in [k for k in (*noun.kids, *participle.kids) if k.dep == "prep" and k.i > participle.i + 1]:
            place.attach(root, "prep")  # "two horses graze, their heads down, in a field"
