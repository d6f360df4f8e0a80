"""The objects of a sentence and their names."""

from __future__ import annotations

from . import lexicon as lex
from .reading import Reading
from .words import Word

NOUNS = ("NOUN", "PROPN")


def find_objects(reading: Reading) -> None:
    """Add every noun that is neither part of another noun's name nor a quantity; also a pronoun such as "he" without an antecedent."""
    for word in reading.words:
        if word.tag == "PRP" or word.low in ("someone", "somebody", "everyone", "everybody"):
            if word.low in lex.PRONOUN_PEOPLE and not reading.objects and word.dep in ("nsubj", "nsubjpass", "ROOT"):
                reading.add_object(word, lex.PRONOUN_PEOPLE[word.low], (word.i, word.i + 1))
            continue
        if is_unnamed_clothing(word):
            reading.add_object(word, lex.UNNAMED_CLOTHES, (word.i, word.i + 1))
            continue
        if word.pos not in NOUNS or word.dep == "joined" or is_modifier(word) or is_place(word) or word.low in lex.NO_OBJECTS:
            continue
        if is_absent(reading, word):
            reading.absent.add(word.i)
            continue
        counted = counted_noun(word)
        if counted is not None:
            reading.same[word.i] = counted
            continue
        name, start = object_name(word)
        reading.add_object(word, name, (start, word.i + 1))


def is_modifier(word: Word) -> bool:
    """True for a noun that modifies a following noun: "brick" in "brick wall"."""
    if word.dep == "conj" and word.head.i < word.i:  # "a white and tan dog"
        return word.head.head.i > word.i and (word.head.pos == "ADJ" or is_modifier(word.head))
    return (
        word.dep in ("compound", "nmod", "amod", "nummod")
        and word.head.pos in NOUNS
        and word.head.i > word.i
        and not whole_of(word, word.head)
    )


def whole_of(modifier: Word, head: Word) -> bool:
    """True for "tree" in "tree branch" and "bus" in "bus door": the head is a part of the modifier."""
    if modifier.dep not in ("compound", "nmod") or modifier.i != head.i - 1 or modifier.pos not in NOUNS:
        return False
    if modifier.low in lex.WHOLES and head.lemma in lex.PARTS_OF_WHOLES:
        return True
    part = head.low in lex.PART_HEADS or head.lemma in lex.PART_HEADS
    return part and modifier.low not in lex.DESCRIBING_NOUNS and f"{modifier.low} {head.low}" not in lex.NAME_PAIRS


def is_unnamed_clothing(word: Word) -> bool:
    """ "dressed in black", "wearing white", "a man in blue": clothes of that colour."""
    if word.low not in lex.COLOURS or any(k.dep in ("det", "poss") and k.low != "all" for k in word.kids):
        return False
    if word.dep == "dobj":
        return word.head.lemma == "wear"
    if word.dep != "pobj" or word.head.low not in ("in", "with"):
        return False
    holder = word.head.head
    return holder.lemma in lex.WEARING or holder.lemma in lex.ANIMATE and word.head.low == "in"


def is_place(word: Word) -> bool:
    """ "on the left", "at the top", "in front" without "of": a place, not an object; nor is the colour in "white in color"."""
    if word.low in lex.COLOURED and word.dep == "pobj" and word.head.low == "in":
        return not any(k.dep in ("det", "amod", "compound") for k in word.kids)
    if word.low in ("picture", "photo", "image", "photograph") and word.dep == "pobj" and word.head.low == "in":
        return True
    if word.low not in ("left", "right", "top", "bottom", "middle", "center", "front", "side") or word.dep != "pobj":
        return False
    return word.head.low in lex.PLACE_PREPOSITIONS and not any(k.dep in ("prep", "amod", "poss", "compound") for k in word.kids)


def is_absent(reading: Reading, word: Word) -> bool:
    """ "a wall without windows", "a tree with no leaves", "without a shirt or shoes": negated nouns are not objects."""
    if word.dep == "conj" and word.head.i in reading.absent:
        if not any(k.low in ("but", "and") and word.head.i < k.i < word.i for k in word.head.kids):
            return True
    if word.dep == "pobj" and word.head.low == "without" or is_denied(word):
        return True
    return any(k.low == "no" and k.dep == "det" for k in word.kids) and not any(k.dep in ("compound", "amod") for k in word.kids)


def is_denied(word: Word) -> bool:
    """ "isn't wearing a hat", "neither a dog nor a cat", "a bus, not a truck": what is named without an article of its own is not there."""
    first = next((k for k in word.kids if k.low in ("not", "nor", "neither") and k.i < word.i), None)
    indefinite = any(k.dep == "det" and k.low in lex.INDEFINITE for k in word.kids)
    if first is not None and first.dep in ("neg", "preconj", "cc"):
        return indefinite or not any(k.dep in ("det", "poss", "nummod") and k is not first for k in word.kids)
    verb = word.head
    if word.dep not in ("dobj", "attr", "nsubj") or not any(k.dep == "neg" for k in verb.kids):
        return False
    if word.dep == "nsubj":
        return indefinite and any(k.dep == "neg" and k.low == "neither" and k.i < word.i for k in verb.kids)
    return indefinite or not any(k.dep in ("det", "poss") for k in word.kids)


def counted_noun(word: Word) -> Word | None:
    """The noun that a quantity noun counts, or None: "people" in "a group of people"."""
    if word.lemma not in lex.QUANTITY_NOUNS:
        return None
    of = next((k for k in word.kids if k.dep == "prep" and k.low == "of"), None)
    thing = of.kid("pobj") if of else None
    if word.lemma == "body" and (thing is None or thing.lemma != "water"):
        return None  # a person's body
    return thing if thing is not None and thing.pos in NOUNS else None


def object_name(head: Word) -> tuple[str, int]:
    """Name of an object, the singular noun with its compound nouns ("fire hydrant"), and the index of its first token."""
    parts, start = [head.lemma], head.i
    for kid in sorted((k for k in head.kids if k.i < head.i), key=lambda k: -k.i):
        if kid.i == start - 1 and is_part_of_name(kid, head):
            parts.insert(0, kid.low)
            start = kid.i
            if kid.dep != "compound":
                break
    name = " ".join(parts)
    return lex.NAME_FORMS.get(name, name), start


def is_part_of_name(modifier: Word, head: Word) -> bool:
    """True for "teddy bear" and "left hand"; not for "brick wall", which is wall[brick], nor "tree branch", a part of the tree."""
    pair = f"{modifier.low} {head.low}"
    if pair in lex.NAME_PAIRS or f"{modifier.low} {head.lemma}" in lex.NAME_PAIRS:
        return True
    if modifier.dep == "amod":
        return modifier.low in lex.NAME_ADJECTIVES
    if modifier.dep != "compound" or modifier.low in lex.DESCRIBING_NOUNS or modifier.lemma in lex.DESCRIBING_NOUNS:
        return False
    if modifier.low in lex.PART_ADJECTIVES or modifier.low in lex.COLOURED or modifier.low.endswith(("less", "ish")):
        return False
    if head.lemma in lex.DESCRIBED_HEADS:
        return False
    return not whole_of(modifier, head)
