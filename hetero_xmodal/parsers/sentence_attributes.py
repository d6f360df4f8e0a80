"""Attributes of the objects of a sentence: modifiers in front of a noun, and predicative adjectives."""

from __future__ import annotations

from . import lexicon as lex
from .reading import Reading
from .sentence_objects import NOUNS, is_part_of_name, is_unnamed_clothing, whole_of
from .words import Word

#: longer chains of modifiers are no captions, and reading them takes time quadratic in their length
MAX_MODIFIERS = 50

_IN_FRONT = frozenset(("amod", "compound", "nmod", "advmod", "dep", "npadvmod"))


def colours_of_clothes(reading: Reading) -> None:
    """ "a man in black and white": his clothes are black and white."""
    for head in reading.heads:
        if is_unnamed_clothing(head):
            for colour in adjective_group(head):
                reading.add_attribute(head, attribute_text(reading, colour))


def words_before_noun(reading: Reading) -> None:
    """ "a small red bird", "a brick wall", "two dogs": modifiers in front of a noun."""
    for head in reading.words:
        if head.pos not in NOUNS:
            continue
        counted = head.i in reading.same
        if not counted and not reading.is_object(head):
            continue
        start = head.i if counted else reading.start_of(head)
        if counted and lex.QUANTITY_NOUNS[head.lemma]:
            reading.add_attribute(head, lex.QUANTITY_NOUNS[head.lemma])
        modifiers = described_by(head, start)
        parts = [kid for kid in modifiers if made_of_part(reading, kid, head)]
        for kid in modifiers:
            if kid not in parts:
                modifier(reading, kid, head, start)


def words_after_noun(reading: Reading) -> None:
    """ "a woman ready to hit a ball", "something orange", "a jet high in the air": an adjective behind a noun."""
    for head in reading.heads:
        if head.i + 1 >= len(reading.words):
            continue
        word = reading.words[head.i + 1]
        if (
            word.tag == "JJ"
            and word.head is head
            and word.dep in ("amod", "acl", "advcl", "acomp", "relcl")
            and not is_before_noun(reading, word)
        ):
            reading.add_attribute(head, attribute_text(reading, word))


def modifier(reading: Reading, word: Word, head: Word, start: int) -> None:
    """One modifier of a noun whose name starts at token *start*: an attribute, a part ("tree branch") or a cover ("snow covered")."""
    if whole_of(word, head):
        for whole in reading.group(word):
            reading.add_relation(whole, "have", head)
        return
    describes = word.dep in ("dep", "npadvmod") and word.pos in ("ADJ", "VERB", "NOUN")
    if not describes and word.dep not in ("amod", "compound", "nmod", "nummod", "advmod"):
        return
    if covered_by(reading, word, head):
        return
    for adjective in adjective_group(word):
        if adjective.i < start:
            reading.add_attribute(head, attribute_text(reading, adjective))


def described_by(head: Word, start: int) -> list[Word]:
    """The modifiers in front of a name, including those attached to a part of the name: "red bowling balls"."""
    found = []
    for kid in head.kids:
        if kid.i >= head.i:
            break
        if kid.i < start:
            found.append(kid)
        if kid.i >= start or kid.dep == "compound" and is_part_of_name(kid, head):
            found = found + [k for k in described_by(kid, start)]
    return found


def covered_by(reading: Reading, participle: Word, head: Word) -> bool:
    """ "snow covered mountain": the snow covers the mountain."""
    if participle.low not in ("covered", "filled", "lined") or participle.i == 0:
        return False
    cover = reading.words[participle.i - 1]
    if cover.low == "-" and participle.i > 1:
        cover = reading.words[participle.i - 2]
    if cover.pos not in NOUNS:
        return False
    if not reading.is_object(cover):
        reading.add_object(cover, cover.lemma, (cover.i, cover.i + 1))
    if participle.low == "filled":
        reading.add_relation(head, "fill with", cover)
    else:
        reading.add_relation(cover, participle.lemma if participle.pos == "VERB" else participle.low[:-2], head)
    return True


def made_of_part(reading: Reading, adjective: Word, head: Word) -> bool:
    """ "a long sleeved shirt": the shirt has a sleeve, which is long."""
    part = lex.PART_ADJECTIVES.get(adjective.low)
    if part is None or adjective.i == 0 or head.lemma == part or adjective.dep not in _IN_FRONT:
        return False
    before = reading.words[adjective.i - 1]
    if before.low == "-" and adjective.i > 1:
        before = reading.words[adjective.i - 2]
    if before.pos not in ("ADJ", "ADV", "NOUN", "VERB", "NUM") or before.low in lex.NOT_ATTRIBUTES:
        return False
    reading.add_object(adjective, part, (adjective.i, adjective.i + 1))
    shade = reading.words[before.i - 1] if before.i and before.low in lex.COLOURS else before
    words = [shade, before] if shade.low in lex.SHADES and shade is not before else [before]
    reading.add_attribute(adjective, " ".join(lex.NUMBERS.get(w.low, w.low) for w in words))
    reading.used.update(w.i for w in words)
    reading.add_relation(head, "have", adjective)
    return True


def adjective_group(word: Word) -> list[Word]:
    """ "black and white": both; at most :data:`MAX_MODIFIERS`."""
    found: list[Word] = []
    waiting = [word]
    while waiting and len(found) < MAX_MODIFIERS:
        word = waiting.pop()
        found.append(word)
        for kid in reversed(word.kids):
            if kid.dep in ("conj", "amod") or kid.dep in ("compound", "nmod", "advmod") and kid.pos in ("ADJ", "NOUN"):
                waiting.append(kid)
    return found


def denied(reading: Reading, word: Word) -> bool:
    """ "green instead of dark purple": it is not purple."""
    before = [w.low for w in reading.words[max(word.i - 3, 0) : word.i]]
    if before and before[-1] in lex.SHADES:
        before.pop()
    return before[-2:] in (["instead", "of"], ["rather", "than"])


def attribute_text(reading: Reading, word: Word) -> str:
    """The attribute as written, with its own modifier ("dark brown", "light colored"); empty for quantifiers such as "many"."""
    if is_no_attribute(reading, word):
        return ""
    if word.low in lex.MULTIPLES:
        return multiple(reading, word)
    if word.pos == "NUM":
        return lex.NUMBERS.get(word.low, word.low if word.low.isdigit() else "")
    if word.pos not in ("ADJ", "NOUN", "PROPN", "VERB", "ADV") or word.pos == "ADV" and word.low not in lex.ADVERB_ATTRIBUTES:
        return ""
    before = reading.words[word.i - 1] if word.i else None
    after = reading.words[word.i + 1].low if word.i + 1 < len(reading.words) else ""
    if before is not None and f"{before.low} {word.low}" in lex.ATTRIBUTE_PAIRS:
        return f"{before.low} {word.low}"
    if f"{word.low} {after}" in lex.ATTRIBUTE_PAIRS:
        return ""
    return colour_text(reading, word, before, after)


def is_no_attribute(reading: Reading, word: Word) -> bool:
    """Quantifiers such as "many", determiners, words that are part of another attribute or denied, and "full of"."""
    if word.low in lex.NOT_ATTRIBUTES or word.tag in ("DT", "PDT", "PRP$", "WDT") or word.i in reading.used:
        return True
    return word.low == "full" and any(k.low == "of" for k in word.kids) or denied(reading, word)


def colour_text(reading: Reading, word: Word, before: Word | None, after: str) -> str:
    """ "dark brown", "light colored"; empty for "dark", "light" and "brown" in front of such a word, of whose attribute they are a part."""
    low = word.low
    if low in lex.SHADES and after in lex.COLOURS | lex.COLOURED or low in lex.COLOURS and after in lex.COLOURED:
        return ""
    if low in lex.COLOURED:
        if before is not None and before.low in lex.COLOURS and not (word.i > 1 and reading.words[word.i - 2].low in lex.SHADES):
            return before.low
        return f"{before.low} {low}" if before is not None and before.pos in ("ADJ", "NOUN", "ADV", "VERB") else ""
    if before is not None and before.low in lex.SHADES and low in lex.COLOURS:
        return f"{before.low} {low}"
    return lex.ATTRIBUTE_FORMS.get(low, low)


def after_but(word: Word) -> bool:
    """ "not red but blue": it is blue."""
    return word.dep == "conj" and any(k.low == "but" and k.i < word.i for k in word.head.kids)


def multiple(reading: Reading, word: Word) -> str:
    """ "two dozen roses": 24; "a dozen eggs": 12; "half a dozen eggs": 6; "several hundred birds": no number."""
    before = reading.words[word.i - 1].low if word.i else ""
    if before in ("", "a", "one", "the", "half"):
        halved = any(w.low == "half" for w in reading.words[max(word.i - 2, 0) : word.i])
        return str(lex.MULTIPLES[word.low] // (2 if halved else 1))
    number = lex.NUMBERS.get(before, before)
    return str(int(number) * lex.MULTIPLES[word.low]) if number.isdecimal() and len(number) < 7 else ""


def results(reading: Reading) -> None:
    """ "paint the wall yellow", "make the car red": what the object becomes."""
    for verb in reading.words:
        if verb.lemma not in lex.RESULT_VERBS or verb.pos != "VERB" or any(k.dep == "neg" for k in verb.kids):
            continue
        for thing in reading.heads:
            if not verb.i < thing.i <= verb.i + 5 or thing.i + 1 >= len(reading.words):
                continue
            result = reading.words[thing.i + 1]
            if result.low in lex.SHADES and result.i + 1 < len(reading.words):
                result = reading.words[result.i + 1]
            if (result.pos == "ADJ" or result.low in lex.COLOURS) and not is_before_noun(reading, result):
                reading.add_attribute(thing, attribute_text(reading, result))


def places_without_noun(reading: Reading) -> None:
    """ "people standing outside": the adverb is an attribute of the subject."""
    for word in reading.words:
        if word.low not in lex.WHERE_ADVERBS or word.pos not in ("ADV", "ADP") or word.kids:
            continue
        verb = word.head
        if verb.pos == "VERB" and verb.i < word.i and verb.dep not in ("amod", "aux") and word.dep in ("advmod", "prep", "prt"):
            for subject in reading.subjects(verb):
                reading.add_attribute(subject, word.low)


def states(reading: Reading) -> None:
    """ "a boy stands on a rock, his arms raised": what an absolute clause says of its noun."""
    for word in reading.words:
        if word.dep == "state":
            reading.add_attribute(word.head, attribute_text(reading, word))


def is_before_noun(reading: Reading, word: Word) -> bool:
    """Whether an adjective stands in front of a noun."""
    return word.i + 1 < len(reading.words) and reading.words[word.i + 1].pos in (*NOUNS, "ADJ")


def predicate_adjectives(reading: Reading) -> None:
    """ "the bird is blue", "a door that is open", "the sky is clear and blue"."""
    for verb in reading.words:
        if verb.pos not in ("VERB", "AUX"):
            continue
        linking = verb.lemma in lex.LINKING_VERBS
        for complement in verb.kids:
            if complement.dep not in ("acomp", "attr", "oprd", "advmod", "prt") or complement.i < verb.i:
                continue
            if not linking and not (complement.dep == "oprd" or complement.dep == "acomp" and verb.lemma == "paint"):
                continue
            negative = any(k.dep == "neg" or k.low == "neither" for k in (*verb.kids, *complement.kids))
            for word in adjective_group(complement):
                if negative and not after_but(word):
                    continue
                if word.pos in ("ADJ", "VERB") or word.low in lex.ADVERB_ATTRIBUTES or word.low in lex.COLOURS:
                    for subject in reading.subjects(verb):
                        reading.add_attribute(subject, attribute_text(reading, word))
