"""The vocabulary of the default world; no word belongs to two kinds.

True scene graphs use the *canonical* words below. Captions may use synonyms; ``SYNONYMS`` maps each to its canonical word.

Normal form of relations, in images and sentences: predicates are lower case, verbs in their base form (``hold``, ``have``), prepositions
as written (``on``, ``near``, ``next to``, ``with``). ``to the left of``, ``on the left of`` and ``left of`` are all ``left of``; the same
for ``right of``. Nouns are singular lemmas. A number is an attribute in digits: "two red birds" is one object ``bird`` with the
attributes ``2`` and ``red``.

>>> canonical("puppy"), canonical("next to"), canonical("red")
('dog', 'near', 'red')
>>> attribute_kind("striped"), attribute_kind("little")
('pattern', 'size')
"""

from __future__ import annotations

#: the 20 object categories of the scenes
CATEGORIES = (
    "child", "robot", "cat", "dog", "bird", "car", "boat", "tree", "flower", "bench",
    "table", "box", "ball", "balloon", "umbrella", "kite", "cup", "lamp", "clock", "mirror",
)  # fmt: skip

#: places; each is a label and a background
SCENE_TYPES = ("street", "garden", "kitchen", "bedroom", "beach")

#: all colours; scenes use the first eight, birds use BIRD_COLOURS
COLOURS = ("red", "orange", "yellow", "green", "blue", "purple", "white", "black", "brown", "gray")
SCENE_COLOURS = COLOURS[:8]
BIRD_COLOURS = ("red", "orange", "yellow", "green", "blue", "brown", "gray", "white", "black")
BEAK_COLOURS = ("red", "orange", "yellow", "gray", "black")

#: a plain object carries no pattern attribute: "plain" is never among ``attributes``
PATTERNS = ("plain", "striped", "dotted", "checked")
BIRD_PATTERNS = ("plain", "striped", "dotted")

#: an object of ordinary size carries no size attribute
SIZES = ("small", "large")

#: places of birds in captions: place -> (preposition, determiner)
BIRD_PLACES = {"branch": ("on", "a"), "rock": ("on", "a"), "grass": ("on", "the"), "snow": ("in", "the")}

#: length of a bird's beak, always one of the two
LENGTHS = ("short", "long")

#: parts of a bird; the bird itself is the object ``bird``
BIRD_PARTS = ("crown", "breast", "belly", "wing", "beak")

#: relations of images in normal form, defined in ``hetero_xmodal.parsers.geometry``
RELATIONS = ("left of", "right of", "above", "below", "on", "hold", "near")
HAVE = "have"

#: objects that can hold others, that can be held, that others can stand on
AGENTS = ("child", "robot")
HOLDABLE = ("balloon", "umbrella", "ball", "cup", "kite")
SUPPORTS = ("table", "box", "bench")

#: synonym -> canonical word, one table per kind
CATEGORY_SYNONYMS = {
    "kid": "child", "puppy": "dog", "kitty": "cat", "automobile": "car", "sailboat": "boat", "crate": "box", "parasol": "umbrella",
    "mug": "cup",
}  # fmt: skip
PART_SYNONYMS = {"bill": "beak", "cap": "crown", "chest": "breast", "stomach": "belly"}
SIZE_SYNONYMS = {"little": "small", "tiny": "small", "big": "large", "huge": "large"}
PATTERN_SYNONYMS = {"stripy": "striped", "spotted": "dotted", "checkered": "checked"}
COLOUR_SYNONYMS = {"grey": "gray"}
RELATION_SYNONYMS = {
    "over": "above", "under": "below", "beneath": "below", "underneath": "below", "on top of": "on", "sit on": "on", "stand on": "on",
    "lie on": "on",
    "carry": "hold", "next to": "near", "beside": "near", "close to": "near", "with": HAVE,
}  # fmt: skip
SYNONYMS = CATEGORY_SYNONYMS | PART_SYNONYMS | SIZE_SYNONYMS | PATTERN_SYNONYMS | COLOUR_SYNONYMS | RELATION_SYNONYMS

#: irrelevant tags, as on photo-sharing sites
SPURIOUS_TAGS = ("holiday", "favorite", "canon", "weekend", "art", "summer", "nature", "cute")


def canonical(word: str) -> str:
    """Return the canonical form of *word*: the word itself, unless it is a synonym."""
    return SYNONYMS.get(word, word)


def attribute_kind(word: str) -> str | None:
    """Return the kind of an attribute (synonyms too), ``"size"``, ``"colour"``, ``"pattern"`` or ``"length"``, else ``None``."""
    word = canonical(word)
    for kind, words in (("size", SIZES), ("colour", COLOURS), ("pattern", PATTERNS), ("length", LENGTHS)):
        if word in words:
            return kind
    return None
