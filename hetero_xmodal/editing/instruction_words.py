"""The words of editing instructions: colours and other values with their synonyms, verbs, and what stands before and after them."""

from __future__ import annotations

import re

# fmt: off
#: basic colour term -> other names of it; a modifier ("dark", "light") and "-ish" are taken off first
COLOURS: dict[str, tuple[str, ...]] = {
    "red": ("scarlet", "crimson", "ruby", "vermilion", "vermillion", "cherry", "cardinal", "carmine", "cerise", "maroon", "burgundy",
            "brick", "blood-red", "rust"),
    "orange": ("tangerine", "apricot", "amber", "peach", "pumpkin", "coral", "carrot", "terracotta"),
    "yellow": ("lemon", "golden", "gold", "canary", "mustard", "saffron", "ochre", "ocher", "sunflower", "blond", "blonde"),
    "green": ("emerald", "olive", "lime", "mint", "jade", "forest", "khaki", "moss", "sage", "chartreuse", "seafoam", "viridian"),
    "blue": ("azure", "navy", "cobalt", "sapphire", "cerulean", "indigo", "sky-blue", "cyan", "turquoise", "teal", "aqua", "ultramarine",
             "aquamarine", "periwinkle"),
    "purple": ("violet", "lilac", "lavender", "mauve", "plum", "magenta", "amethyst", "fuchsia", "aubergine", "mulberry"),
    "pink": ("rose", "rosy", "salmon", "blush"),
    "white": ("ivory", "snow-white", "cream", "pearl", "whitish", "snowy", "alabaster"),
    "black": ("ebony", "jet-black", "charcoal", "pitch-black", "sable", "onyx"),
    "brown": ("chestnut", "chocolate", "tan", "beige", "umber", "hazel", "bronze", "mahogany", "sepia", "walnut", "copper",
              "taupe", "sienna"),
    "gray": ("grey", "silver", "ash", "ashen", "slate", "silvery"),
}
#: other values, by what excludes what
PATTERNS: dict[str, tuple[str, ...]] = {
    "striped": ("stripy", "stripey", "banded", "streaked", "barred", "stripes"),
    "dotted": ("spotted", "spotty", "speckled", "polka-dot", "polka-dotted", "dots", "spots"),
    "checked": ("checkered", "chequered", "plaid", "tartan"),
    "plain": ("unpatterned", "solid", "patternless"),
}
SIZES: dict[str, tuple[str, ...]] = {
    "small": ("little", "tiny", "smaller", "mini", "miniature", "minuscule"),
    "large": ("big", "huge", "larger", "bigger", "giant", "enormous", "gigantic"),
}
LENGTHS: dict[str, tuple[str, ...]] = {
    "short": ("shorter", "stubby"),
    "long": ("longer", "elongated"),
}
#: values of one family exclude each other
FAMILIES = {"colour": COLOURS, "pattern": PATTERNS, "size": SIZES, "length": LENGTHS}
MODIFIERS = frozenset(
    "dark light bright pale deep vivid very really quite rather slightly completely entirely fully totally all pure bold soft nice "
    "lovely beautiful more much so too".split()
)

#: parts and things in other words than those of the data sets -> the word of the data sets
NOUNS = {
    "head": "crown", "top of the head": "crown", "cap": "crown", "bill": "beak", "nib": "beak", "chest": "breast", "tummy": "belly",
    "stomach": "belly", "underside": "belly", "underbelly": "belly", "abdomen": "belly", "belly": "belly", "plumage": "bird",
    "feathers": "bird", "body": "bird", "kid": "child", "boy": "child", "girl": "child", "puppy": "dog", "pup": "dog",
    "doggy": "dog", "hound": "dog",
    "kitty": "cat", "kitten": "cat", "automobile": "car", "vehicle": "car", "sailboat": "boat", "ship": "boat", "crate": "box",
    "carton": "box", "parasol": "umbrella", "brolly": "umbrella", "mug": "cup", "sofa": "couch", "photograph": "picture",
}
IRREGULAR = {"children": "child", "people": "person", "men": "man", "women": "woman", "boxes": "box", "benches": "bench", "buses": "bus",
             "glasses": "glass", "branches": "branch", "mice": "mouse", "geese": "goose", "feet": "foot", "teeth": "tooth",
             "knives": "knife", "leaves": "leaf", "wolves": "wolf", "skis": "skis", "scissors": "scissors", "couches": "couch",
             "sandwiches": "sandwich",
             "toothbrushes": "toothbrush", "sheep": "sheep", "puppies": "puppy", "kitties": "kitty", "bodies": "body", "bellies": "belly",
             "tummies": "tummy", "feathers": "feathers", "grass": "grass", "bus": "bus", "glass": "glass",
             "canvas": "canvas", "this": "this"}

#: "sits on", "next to": words of a place -> the predicate of images
PLACES = {
    "to the left of": "left of", "on the left of": "left of", "left of": "left of", "on the left side of": "left of",
    "to the right of": "right of", "on the right of": "right of", "right of": "right of", "on the right side of": "right of",
    "on top of": "on", "onto": "on", "upon": "on", "atop": "on", "on": "on", "above": "above", "over": "above",
    "below": "below", "under": "below", "underneath": "below", "beneath": "below",
    "next to": "near", "beside": "near", "close to": "near", "near": "near", "by": "near", "alongside": "near",
}
# fmt: on
#: what no name of a thing contains
FUNCTION_WORDS = frozenset(
    "the a an is are be to for into not no it them they and or with without of on in at remove delete erase make turn paint put place move "
    "replace give get change should must will could can has have instead this that these those do does add use swap".split()
)

#: what people say before the instruction itself
POLITE = (
    r"(?:please|kindly|now|then|also|just|and|but|ok|okay|so|first|next|finally|let us|"
    r"(?:can|could|would|will) (?:you|we)(?: please)?|i (?:would like|would prefer|want|need|wish|prefer)(?: you)?(?: to)?(?: see| have)?|"
    r"we (?:want|need)(?: to)?|you (?:should|must|may|have to)|try to|it would be nice if|make it so that|make it such that|"
    r"make sure(?: that)?|ensure(?: that)?|"
    r"i (?:want|would like) it so that)"
)
REMOVE = (
    r"(?:remove|delete|erase|get rid of|take away|take out|take off|cut out|cut|drop|eliminate|wipe out|clear away|hide|lose|"
    r"do away with|throw out|throw away|discard)"
)
GONE = r"(?:gone|missing|absent|removed|deleted|erased|taken away|away|not there|not here|not in the (?:image|picture|photo|scene))"
PUT = r"(?:put|move|place|set|bring|shift|relocate|position|drag|push|lay)"
COLOUR = r"(?:make|turn|paint|colour|color|dye|tint|render|recolour|recolor|repaint|draw|have|get|show|see)"
CHANGE = r"(?:change|switch|convert|transform|turn|alter|modify)"
BE = (
    r"(?:is|are|be|to be|becomes?|to become|should be|must be|shall be|ought to be|has to be|have to be|needs? to be|will be|would be|"
    r"can be|should become|turns?|looks?|should look|should turn)"
)
HAVE = r"(?:has|have|should have|must have|needs|gets|with|having|shows)"
#: a clause with one of these in no known form cannot be given to a model, which would read "no red wings" as red wings
DENIED = re.compile(
    r"\b(?:no|not|never|neither|nor|none|nothing|nowhere|without|hardly|barely|scarcely|except|lacks?|ceases?|free of|anywhere but|"
    r"everything but|anything but|stop(?! signs?\b)|non)\b"
)
STAND = r"(?:sits?|stands?|lies|lie|rests?|goes|go|stays?|stay|hangs?|hovers?|floats?|belongs?|flies|fly|sitting|standing|lying|hanging)"
LAST = r"(?: (?:please|now|here|in here|there instead|again|for me|thanks|thank you|as well|too|right now))+$"
