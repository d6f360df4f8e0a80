"""Reading of an instruction's pieces: clauses, noun phrases ("the small red box of the bird") and lists of values ("red and striped").

>>> clauses("Remove the tree and make its wings navy blue!")
['remove the tree', 'make its wings navy blue']
>>> phrase_of("the small dog")
Phrase(noun='dog', values=('small',), every=False, plural=False, owner='')
>>> (value,) = values_of("navy blue")
>>> value, value.said
('blue', 'navy blue')
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from ..parsers.colour_names import rgb_of
from . import instruction_words as words


@dataclass(frozen=True)
class Phrase:
    """A noun phrase: noun (singular, data sets' word), its attributes, whether all are meant, what it is a part of."""

    noun: str
    values: tuple[str, ...] = ()
    every: bool = False
    plural: bool = False
    owner: str = ""


# ---------------------------------------------------------------------------------------------- clauses

_START = (
    rf"(?=(?:{words.POLITE} )*(?:{words.REMOVE}|{words.PUT}|{words.COLOUR}|{words.CHANGE}|"
    r"replace|swap|exchange|substitute|give|no|without|do not|keep|leave|"
    rf"there (?:is|are|should)|use|add)\b|(?:the|its|his|her|their|this|that|all|both|a|an) (?:[\w'-]+ ){{1,4}}(?:{words.BE}|has|have)\b)"
)
_CUT = re.compile(
    rf"\s*(?:[;.!]+\s+|,?\s+and then\s+|,\s+then\s+|\s+then\s+|,\s+(?:and|but)\s+{_START}|,\s+{_START}|\s+(?:and|but)\s+{_START})"
)
_EXPANDED = (
    (r"\b(is|are|was|were|do|does|did|should|must|would|could|has|have)n't\b", r"\1 not"),
    (r"\bcan't\b", "can not"), (r"\bwon't\b", "will not"),
    (r"\bi'd\b", "i would"), (r"\bi'm\b", "i am"), (r"\bthere's\b", "there is"), (r"\bit's\b", "it is"), (r"\blet's\b", "let us"),
    (r"\bno longer\b", "not"), (r"\bnot any ?more\b", "not"), (r"\bany ?more\b", ""), (r"\bcolou?red\b", ""), (r"\s+", " "),
    (r"\b(?:rather than|in (?:the )?place of)\b", "instead of"),
    (r",? (?:please|thanks|thank you)(?=[.!]?$)", ""), (r"\b(?:is|are) now\b", "is"),
    (r"^(?:please )?(?:keep|leave) (?:everything|the rest|all)(?: else)?(?: as (?:it|they) (?:is|are)| the same| alone)?,? "
     r"(?:but|and)(?: only)? ", ""),
    (r"^(?:please )?instead of ((?:the|a|an) [^,]+), (?:put|use|show|draw|place|have|i want)? ?((?:a|an|the) [^,]+?)(?=[.!]?$)",
     r"\2 instead of \1"),
    (r"^(?:a|an|the|this) [\w-]+ whose ", "the "), (r"\band whose ", "and the "),
    (r"\bboth ((?:the|its) [\w-]+ and )", r"\1"),
    (r"^(?:please )?instead of ([\w-]+),? ((?:the|its) .+ (?:is|are|should be) [\w-]+)(?=[.!]?$)", r"\2 instead of \1"),
    (r"\binstead of (?:a|the) ([\w-]+) one\b", r"instead of \1"),
    (r"\bnot ([\w-]+),? (?:any ?more|any longer)\b", r"not \1"),
    (r"\b((?:is|are|should be)) not ([\w-]+) ?, (?:it|they) (?:is|are|should be) ([\w-]+)(?=[.!]?$)", r"\1 \3 instead of \2"),
    (r"^(?:please )?(?:the |a |an )?([\w-]+) (?:that|which) (is|are) ([\w-]+)(?=[.!]?$)", r"the \1 \2 \3"),
    (r"\bi would rather (?:have|see) (.+?) than (.+)", r"\1 instead of \2"),
    (r"^(?:could|can|should|may|might|would) ((?:the|its|his|her|this|that|both|all) .+?) (?:be|become|turn) (.+)$", r"\1 be \2"),
)  # fmt: skip


#: quotation marks and colons as the forms below know them
_MARKS = str.maketrans({"’": "'", "“": None, "”": None, '"': None, ":": " "})
#: Unicode's categories of what is no word: other and modifying symbols, formatting, private and unassigned characters
_SIGNS = ("So", "Sk", "Cf", "Co", "Cn")


def clauses(sentence: str) -> list[str]:
    """The sentence in lower case, with short forms written out, cut where a new instruction begins.

    >>> clauses("Don't touch the bird, remove the tree and make its wings red and black!")
    ['do not touch the bird', 'remove the tree', 'make its wings red and black']
    """
    text = "".join(map(_readable, sentence)).lower().translate(_MARKS).strip()
    for pattern, form in _EXPANDED:
        text = re.sub(pattern, form, text)
    text = _TWO_WORDS.sub(lambda found: found[0].replace(" ", "-"), text)
    text = re.sub(r"\bnot (?:just )?([\w-]+),? but (?:rather )?([\w-]+)", r"\2 instead of \1", text)
    text = re.sub(r"([\w-]+),? (?:and )?not ([\w-]+)(?=[.!;]|$)", _not_but, text)
    pieces: list[str] = []
    for part in _CUT.split(text):
        piece = part.strip(" .!?,;:")
        if piece and pieces and _only_named(pieces[-1]):
            pieces[-1] += f" and {piece}"  # "the crown" and "the belly are red" are one clause
        elif piece:
            pieces.append(piece)
    return pieces


def _readable(character: str) -> str:
    """A space in place of an emoji, an arrow, or a mark of direction or width, which are no words; other characters stay."""
    return " " if character == "\ufe0f" or unicodedata.category(character) in _SIGNS or character == "→" else character


def _not_but(found: re.Match[str]) -> str:
    """ "white, not yellow" is white instead of yellow; "are not yellow" stays."""
    return f"{found[1]} instead of {found[2]}" if value_of(found[1]) and value_of(found[2]) else found[0]


def _only_named(clause: str) -> bool:
    """Whether a clause only names things: "the crown"."""
    return not re.match(r"(?:no|without)\b", clause) and bool(found := phrases_of(clause)) and not any(phrase.values for phrase in found)


# ---------------------------------------------------------------------------------------------- words


class Value(str):
    """A basic term, equal to its text, that remembers the words of the instruction in :attr:`said`: "navy blue" is blue.

    >>> value = Value("blue", "navy blue")
    >>> value == "blue", value.said, Value("red").said
    (True, 'navy blue', 'red')
    """

    said: str

    def __new__(cls, basic: str, said: str = "") -> Value:
        value = super().__new__(cls, basic)
        value.said = said or basic
        return value


def said_of(value: str) -> str:
    """What the instruction calls a value; a text that is no :class:`Value` as it is."""
    return value.said if isinstance(value, Value) else value


def value_of(word: str) -> Value | None:
    """The basic term of a word that is a colour, pattern, size or length; ``None`` for others.

    >>> value_of("scarlet"), value_of("reddish"), value_of("spotted"), value_of("dog")
    ('red', 'red', 'dotted', None)
    """
    word = word.strip()
    whole = word.replace("-", " ")
    if word.endswith("-ish"):
        word = word[:-4]
    if "-" in word and word not in _BASIC:
        word = word.rsplit("-", 1)[1]  # sky-blue, bluish-green
    forms = [word]
    if word.endswith("ish"):
        forms += [word[:-3], word[:-3] + "e", word[:-4] if len(word) > 6 and word[-4] == word[-5] else word]
    basic = next((_BASIC[form] for form in forms if form in _BASIC), None)
    return basic and Value(basic, basic if whole in _SPELLINGS else whole)


#: any name of a value -> its basic term
_BASIC = {name: basic for family in words.FAMILIES.values() for basic, names in family.items() for name in (basic, *names)}
#: names that are written with a hyphen, or without one: "jet black"
_TWO_WORDS = re.compile(r"(?<!the )\b(?:" + "|".join(name.replace("-", " ") for name in _BASIC if "-" in name) + r")\b")
_SPELLINGS = {"grey"}
_JOINING = {",", "and", "or", "with"}
_SKIPPED = _JOINING | words.MODIFIERS | {"the"}


def _tokens(text: str) -> list[str]:
    """Words, and commas as words of their own: "red, orange" are two colours, "red orange" may be one."""
    return re.findall(r"[^\s,]+|,", text)


def _colour_name(tokens: list[str]) -> tuple[Value | None, int]:
    """The longest name of a colour of two or three words that *tokens* begin with, "navy blue", and how many words it has."""
    for count in (3, 2):
        last = value_of(tokens[count - 1]) if len(tokens) >= count else None
        if last is not None and family_of(last) == "colour" and rgb_of(" ".join(tokens[:count])) is not None:
            return Value(last, " ".join(tokens[:count])), count
    return None, 0


def family_of(value: str) -> str:
    """``"colour"``, ``"pattern"``, ``"size"`` or ``"length"`` of a basic term; ``""`` for others."""
    return next((name for name, family in words.FAMILIES.items() if value in family), "")


def noun_of(word: str) -> tuple[str, bool]:
    """Singular in the data sets' words, and whether *word* was a plural."""
    singular = words.IRREGULAR.get(word)
    if singular is None:
        plural = len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is"))
        singular = word
        if plural:
            singular = (
                word[:-3] + "y" if word.endswith("ies") else word[:-2] if word.endswith(("ches", "shes", "xes", "sses")) else word[:-1]
            )
    return words.NOUNS.get(singular, singular), singular != word


_DETERMINER = re.compile(
    r"^(?P<every>all of the |all of its |all the |all its |all |every |each |both of the |both of its |both the |both its |both |any )?"
    r"(?:the |a |an |this |that |these |those |its |his |her |their |my |your |our |some |one |two |three |single )*"
)


def phrase_of(text: str) -> Phrase | None:
    """The noun phrase that *text* is, as a whole; ``None`` if it has no noun."""
    text = re.sub(r"\s+(?:in|from|of) (?:the|this) (?:image|picture|photo|scene|photograph|background|foreground)$", "", text.strip(" ,"))
    text = re.sub(r"^(?:the )?(?:colou?r|shade|pattern|size) of ", "", text)
    text = re.sub(r"'s? (?:colou?r|shade|pattern|size)$", "", text)
    owner = ""
    of_owner = re.match(r"(.+?) (?:of|on) (?:the|this|that|its) ([\w-]+)$", text)
    if of_owner and not of_owner[1].endswith(("top", "left", "right", "all", "both")):
        text, owner = of_owner[1], noun_of(of_owner[2])[0]
    possessive = re.match(r"((?:the |this |that |a )?[\w-]+)'s? (.+)$", text)
    if possessive:
        owner, text = noun_of(possessive[1].split()[-1])[0], f"its {possessive[2]}"
    start = _DETERMINER.match(text)
    every = bool(start and start["every"] and not start["every"].startswith("any"))
    values, nouns = _values_and_nouns(text[start.end() :] if start else text)
    if not nouns or len(nouns) > 3 or words.FUNCTION_WORDS.intersection(nouns):
        return None
    noun, plural = noun_of(nouns[-1])
    if len(nouns) > 1:  # "wing feathers" are wings, "traffic light" is one noun
        noun = (
            noun_of(nouns[-2])[0]
            if noun == "bird" and nouns[-1] in ("feathers", "plumage")
            else " ".join([*nouns[:-1], noun_of(nouns[-1])[0]])
        )
    return Phrase(noun, tuple(values), every, plural, owner)


def _values_and_nouns(text: str) -> tuple[list[Value], list[str]]:
    """The values and the nouns of a noun phrase without its determiners."""
    rest = _tokens(text)
    last = rest[-1] if rest else ""
    values: list[Value] = []
    while rest:
        name, count = _colour_name(rest)
        if name is not None and len(rest) > count:  # "a sky blue car"; but "the grass green" is grass
            values.append(name)
            rest = rest[count:]
            continue
        if value := value_of(rest[0]):
            values.append(value)
        elif rest[0] not in _JOINING and rest[0] not in words.MODIFIERS:
            break
        rest = rest[1:]
    nouns = [word for word in rest if word not in _JOINING]
    if not nouns and values and last not in values and value_of(last):  # "the rose" is a thing, although it is a name of pink
        return values[:-1], [last]
    return values, nouns


def phrases_of(text: str) -> list[Phrase]:
    """The noun phrases of a list: "the crown and the belly", "red wings, a blue crown and a black beak"."""
    found: list[Phrase] = []
    for part in re.split(r",\s*(?:and\s+)?|\s+and\s+(?=(?:a|an|the|its|his|her|their|this|all|both)\s)|\s+as well as\s+", text):
        phrase = phrase_of(part)
        halves = part.split(" and ")
        if len(halves) == 2 and all(phrase_of(half) for half in halves):  # "wings and belly", "red wings and black beak"
            found += [one for half in halves if (one := phrase_of(half))]
        elif phrase is not None:
            found.append(phrase)
        else:
            return []
    return found


def values_of(text: str) -> tuple[Value, ...] | None:
    """The attributes that *text* lists and nothing else; ``None`` if there is another word."""
    text = re.sub(r"\b(?:both|in colou?r|colou?r|instead|again|please|too|as well|now|one|ones|with a|in|a|an)\b", " ", text)
    found: list[Value] = []
    tokens, at = _tokens(text), 0
    while at < len(tokens):
        name, count = _colour_name(tokens[at:])
        if name is None or tokens[at - 1 : at] == ["the"] and value_of(tokens[at]) is None:  # "the sky blue": the sky is to be blue
            name, count = value_of(tokens[at]), 1
            if name is None and tokens[at] not in _SKIPPED:
                return None
        found += [name] if name else []
        at += count
    return tuple(dict.fromkeys(found)) or None
