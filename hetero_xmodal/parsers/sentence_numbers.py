"""How many things an object of a sentence stands for: "a dog" one, "two dogs" two, "dogs" and "a group of dogs" several.

>>> import hetero_xmodal as hx
>>> [(thing.name, thing.number) for thing in hx.parse_sentence("Two dogs chase a cat past some trees.").objects]
[('dog', 2), ('cat', 1), ('tree', -1)]
"""

from __future__ import annotations

from ..schema import SEVERAL
from . import lexicon as lex
from .reading import Reading
from .words import Word

_PLURALS = ("NNS", "NNPS")


def count_objects(reading: Reading) -> None:
    """Set the number of every object from its head word, the modifiers of that word, and a noun that counts it ("a pair of")."""
    counted_by: dict[int, list[Word]] = {}
    for place, thing in reading.same.items():
        counted_by.setdefault(thing.i, []).append(reading.words[place])
    for head in reading.heads:
        reading.object_of(head).number = _number(head, counted_by.get(head.i, ()))


def _number(head: Word, counted_by: list[Word] | tuple[()]) -> int:
    """The number that stands in front of the noun, else that of the noun which counts it, else what the noun's form says."""
    own = _stated(head)
    if own:
        return own
    for quantity in counted_by:
        if quantity.lemma in lex.QUANTITY_NUMBERS:
            return lex.QUANTITY_NUMBERS[quantity.lemma] * max(_stated(quantity), 1)  # "two pairs of birds"
        if quantity.lemma in lex.GROUPS or quantity.low == "lots":
            return SEVERAL
    if head.low in lex.KEEP_PLURAL or head.pos == "PRON" and head.low not in lex.PRONOUN_PEOPLE:
        return 0  # "jeans" may be one pair or many
    if head.low in lex.ONE_FORM:
        return 1 if any(k.low in ("a", "an", "this", "that") for k in head.kids) else 0
    if head.tag in _PLURALS or head.low in lex.PLURAL_WORDS:
        return SEVERAL
    return 1 if head.tag in ("NN", "NNP") or head.low in lex.PRONOUN_PEOPLE else 0


def _stated(noun: Word) -> int:
    """The number that a numeral, "a", "both" or "several" in front of a noun states; 0 if none does. "two dozen" are 24."""
    found = 0
    for kid in noun.kids:
        if kid.i > noun.i or kid.dep not in ("nummod", "det", "predet", "amod", "quantmod", "nmod", "compound"):
            continue
        if kid.low in lex.MULTIPLES:
            found = found or _stated(kid)
            times = lex.MULTIPLES[kid.low] // (2 if any(k.low == "half" for k in kid.kids) else 1)
            return found if found < 0 else max(found, 1) * times
        found = found or _value(kid)
    return found


def _value(word: Word) -> int:
    """The number that one word states, 0 if it states none."""
    if word.low in lex.NUMBERS:
        return int(lex.NUMBERS[word.low])
    if word.pos == "NUM" and word.low.isdecimal() and 0 < int(word.low[:4]) < 1000:
        return int(word.low)
    return lex.NUMBER_WORDS.get(word.low, 0)
