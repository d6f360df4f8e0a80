"""A small parser of the default world's sentences: noun phrases with their attributes, and relations.

It knows only the world's vocabulary and is robust to generated text: unknown words, repetitions and ungrammatical sentences are ignored.
Synonyms and plurals are mapped to their canonical words.

>>> parsed = read_phrases("This bird has a stripy red belly and wings that are grey.")
>>> [(p.noun, p.values) for p in parsed.phrases]
[('bird', {}), ('belly', {'pattern': 'striped', 'colour': 'red'}), ('wing', {'colour': 'gray'})]
>>> read_phrases("The small cup is to the left of a puppy").relations
[('cup', 'left of', 'dog')]
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from ...parsers.world_vocabulary import (
    BIRD_PARTS,
    BIRD_PLACES,
    CATEGORIES,
    CATEGORY_SYNONYMS,
    PART_SYNONYMS,
    SCENE_TYPES,
    attribute_kind,
    canonical,
)

_BASES = (*CATEGORIES, *BIRD_PARTS, *SCENE_TYPES, *BIRD_PLACES, *CATEGORY_SYNONYMS, *PART_SYNONYMS)
_IRREGULAR = {"children": "child", "boxes": "box", "benches": "bench", "beaches": "beach", "branches": "branch", "puppies": "dog"}
_IRREGULAR |= {"kitties": "cat", "bellies": "belly"}
#: noun as written -> canonical noun
NOUNS = {n + ending: canonical(n) for n in _BASES for ending in ("", "s")} | _IRREGULAR
#: words between two nouns -> canonical relation; the longest match counts; "-" marks relations with subject and object exchanged
_RELATIONS = {
    "to the left of": "left of", "on the left of": "left of", "left of": "left of", "to the right of": "right of",
    "on the right of": "right of", "right of": "right of", "above": "above", "over": "above", "below": "below", "under": "below",
    "beneath": "below", "underneath": "below", "on top of": "on", "on": "on", "near": "near", "next to": "near", "beside": "near",
    "close to": "near", "holding": "hold", "holds": "hold", "carrying": "hold", "carries": "hold", "held by": "-hold",
    "carried by": "-hold",
}  # fmt: skip
_PREDICATE = re.compile(r"\b(" + "|".join(sorted(_RELATIONS, key=len, reverse=True)) + r")\b")


@dataclass
class Phrase:
    """A noun with its attributes: ``values`` maps colour, pattern, size and length to a word; ``absent`` is true after "no"."""

    noun: str
    values: dict[str, str] = field(default_factory=dict)
    absent: bool = False


@dataclass
class ParsedPhrases:
    """The phrases of a sentence in order, and its relations as (noun, canonical relation, noun)."""

    phrases: list[Phrase]
    relations: list[tuple[str, str, str]]

    def slots(self) -> dict[tuple[str, ...], str]:
        """All facts as one table: (noun, kind) -> value, (noun, "name") -> noun, (noun, "relation", noun) -> relation.

        The second object with the same noun is ``noun#2``, and so on.

        >>> read_phrases("a red cup on a box").slots()
        {('cup', 'name'): 'cup', ('cup', 'colour'): 'red', ('box', 'name'): 'box', ('cup', 'relation', 'box'): 'on'}
        """
        table: dict[tuple[str, ...], str] = {}
        seen: dict[str, int] = {}
        for phrase in self.phrases:
            seen[phrase.noun] = count = seen.get(phrase.noun, 0) + 1
            key = phrase.noun if count == 1 else f"{phrase.noun}#{count}"
            table[key, "name"] = "no " + phrase.noun if phrase.absent else phrase.noun
            table |= {(key, kind): value for kind, value in phrase.values.items()}
        for subject, predicate, other in self.relations:
            table[subject, "relation", other] = predicate
        return table


def words_of(sentence: str) -> list[str]:
    """Split a sentence into lower-case words; ``bird's`` is one word.

    >>> words_of("This bird's crown, too.")
    ['this', "bird's", 'crown', 'too']
    """
    return re.findall(r"[a-z0-9]+(?:'[a-z]+)?", sentence.lower())


def attribute_of(word: str) -> tuple[str, str] | None:
    """(kind, canonical word) of an adjective of the world, including ``plain``; ``None`` for any other word.

    >>> attribute_of("spotted"), attribute_of("plain"), attribute_of("dog")
    (('pattern', 'dotted'), ('pattern', 'plain'), None)
    """
    if word == "plain":
        return "pattern", "plain"
    kind = attribute_kind(word)
    return None if kind is None else (kind, canonical(word))


def read_phrases(sentence: str) -> ParsedPhrases:
    """Parse one sentence; a sentence without a known noun has no phrases. The text after "instead of" is ignored."""
    words = words_of(sentence.lower().partition(" instead of ")[0])
    phrases: list[Phrase] = []
    places: list[tuple[int, int]] = []  # of each phrase: the positions of its noun, and of the word after the previous noun
    pending: dict[str, str] = {}
    start = 0  # position after the last noun
    for i, word in enumerate(words):
        attribute = attribute_of(word)
        if attribute is not None:
            pending.setdefault(*attribute)
            if _predicative(words, i) and phrases:
                _owner(words, i, phrases, places).values.update(pending)
                pending = {}
            continue
        if word.endswith("'s") or word not in NOUNS or (word in ("bird", "birds") and words[max(0, i - 2) : i][:1] == ["of"]):
            continue
        absent = "no" in words[start:i]
        phrases.append(Phrase(NOUNS[word], pending, absent))
        places.append((i, start))
        pending, start = {}, i + 1
    return ParsedPhrases(phrases, _relations(words, phrases, places))


def _predicative(words: list[str], i: int) -> bool:
    """Whether the adjective at *i* is the last of a group that no noun follows ("the belly is red and striped")."""
    for word in words[i + 1 :]:
        if attribute_of(word) is not None or word in NOUNS:
            return False
        if word != "and":
            return True
    return True


def _owner(words: list[str], i: int, phrases: list[Phrase], places: list[tuple[int, int]]) -> Phrase:
    """The noun that an adjective after "is" or "are" describes: after "that" the preceding noun, else the subject of the clause."""
    noun, _ = places[-1]
    between = words[noun + 1 : i]
    return phrases[-1] if "that" in between or not {"is", "are"} & set(between) else phrases[0]


def _relations(words: list[str], phrases: list[Phrase], places: list[tuple[int, int]]) -> list[tuple[str, str, str]]:
    found = []
    for k in range(1, len(phrases)):
        noun, start = places[k]
        match = _PREDICATE.search(" ".join(words[start:noun]))
        if match is None:
            continue
        predicate = _RELATIONS[match.group(1)]
        first, second = phrases[k - 1].noun, phrases[k].noun
        found.append((second, predicate[1:], first) if predicate[0] == "-" else (first, predicate, second))
    return found
