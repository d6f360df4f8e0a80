"""Facts about caption English that no grammar rule can know: small word lists, each used by one rule.

They were chosen by counting how people annotate region captions of photographs (which words of a phrase are a quantity rather than a
thing, which first nouns name a material). Each list says what it decides; change a list and only that decision changes.
"""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


BE = _words("be is are was were been being am 's 're")

#: plurals and mass nouns whose singular is another thing, or no word at all
KEEP_PLURAL = _words("glasses sunglasses goggles jeans pants shorts trousers scissors pajamas clothes leggings tights stairs")

#: lemmas that spaCy's tables get wrong or do not have
IRREGULAR_LEMMAS = {
    "men": "man", "women": "woman", "people": "people", "children": "child", "skis": "ski", "leaves": "leaf", "wearing": "wear",
    "lying": "lie", "laying": "lay", "laid": "lay", "tied": "tie", "flies": "fly",
}  # fmt: skip

#: numbers are attributes of what they count ("two dogs": dog[two]); "one" and "a" are not
NUMBERS = _words("two three four five six seven eight nine ten eleven twelve dozen")

#: words in front of a noun that say how many or which, not what it is like
NOT_ATTRIBUTES = _words(
    "many several some other another few various own such more most first second third last next same only one multiple much numerous "
    "both all each every different certain whole entire couple assorted single additional extra least less lot lots"
)

#: a relation between two things made of a few words: the words as written -> the predicate
MULTIWORD_PREPOSITIONS = {
    "next to": "next to", "close to": "close to", "out of": "out of", "away from": "away from", "because of": "because of",
    "on to": "onto", "in to": "into", "in between": "between", "up against": "against", "inside of": "inside", "outside of": "outside",
    "off of": "off", "ahead of": "ahead of", "near to": "near", "along with": "with", "as well as": "and", "underneath of": "under",
    "in front": "in front of", "on top": "on top of", "instead of": "instead of", "adjacent to": "next to", "such as": "such as",
    "atop of": "on top of",
}  # fmt: skip

#: nouns that only say where at a thing: "on the side of the road" is the relation "on side of", the side is no object
PLACE_NOUNS = _words("top front back side bottom middle center centre edge corner left right rear")

#: prepositions that may open such a phrase
PLACE_PREPOSITIONS = _words("on in at to near along from by towards toward into onto around under")

#: head nouns of "X of Y" that say how much of Y there is: the object is Y; a value other than "" becomes an attribute of Y
QUANTITY_NOUNS = {
    "group": "group of", "bunch": "", "pair": "", "row": "", "lot": "", "lots": "", "couple": "", "piece": "piece", "slice": "slice",
    "set": "", "herd": "", "flock": "", "number": "", "variety": "", "part": "part", "stack": "stack", "pile": "pile", "patch": "patch",
    "kind": "", "type": "", "crowd": "", "line": "", "series": "", "body": "", "section": "", "portion": "", "half": "", "bit": "", "sort": "",
    "expanse": "", "stretch": "", "assortment": "", "collection": "", "plenty": "", "cluster": "",
}  # fmt: skip

#: containers: "a glass of wine" is wine in a glass
CONTAINERS = {
    "glass": "in", "cup": "in", "bowl": "in", "plate": "on", "bottle": "in", "basket": "in", "box": "in", "bag": "in", "vase": "in",
    "jar": "in", "mug": "in", "tray": "on", "can": "in", "pot": "in", "platter": "on", "pitcher": "in", "bucket": "in", "container": "in",
}  # fmt: skip

#: pictures show: "a picture of a dog" is a picture that depicts a dog
PICTURES = _words("picture photo image drawing painting photograph statue")

#: captions that open with these words talk about the picture itself
FRAME_NOUNS = _words("picture photo image photograph view scene close-up closeup shot background foreground")

#: materials and colours used as first nouns: "brick wall" is wall[brick]
MATERIALS = _words(
    "brick stone metal glass plastic leather steel concrete cement dirt wire rock iron cardboard marble tile straw paper rubber denim "
    "silver gold wicker bamboo brass copper granite ceramic porcelain aluminum cotton wool silk lace velvet grass sand gravel asphalt "
    "chrome cloth fabric canvas fleece pine oak cobblestone foam wood neon"
)

#: attribute words as people annotate them
ATTRIBUTE_FORMS = {"wood": "wooden"}

#: parts of a body: what one holds is in the hand, what one wears is on the head
BODY_PARTS = _words(
    "hand hands head mouth arm arms back face neck leg legs foot feet shoulder shoulders wrist ear ears eye eyes finger fingers lap "
    "waist nose knee knees hair tail chest beak trunk forehead ankle body side"
)

#: a part belongs to a whole: "X of Y" is (Y, have, X) unless X is a quantity, a container or a picture
PRONOUN_PEOPLE = {"he": "man", "him": "man", "she": "woman", "they": "people", "them": "people"}

#: names that mean the same kind of thing
NAME_FORMS = {
    "guy": "person", "cell phone": "cellphone", "counter top": "countertop", "surf board": "surfboard", "streetlight": "street light",
    "clothe": "clothes",
}  # fmt: skip

#: one-word prepositions that people annotate with a commoner one
PREPOSITION_FORMS = {
    "beneath": "under", "underneath": "under", "below": "under", "atop": "on top of", "upon": "on", "amongst": "among",
    "amidst": "among", "onto": "onto", "alongside": "alongside",
}  # fmt: skip

#: verbs that only say that a thing is somewhere: "located on" is "on"
EMPTY_VERBS = _words("be locate situate see show place position")

#: participles of covering: "covered in snow" is (snow, cover, it)
COVERING = _words("cover surround")

RELATIVE_PRONOUNS = _words("that which who whom whose what where")

#: a caption that begins with one of these words needs no "a" in front
OPENERS = _words(
    "a an the this these those that there here two three four five six seven eight nine ten some several many most all both each no "
    "another his her my our your their its he she they it we i you one in on at of to with by from under over behind"
)

#: words that the model reads wrongly -> a common word of the same kind that it reads in their place
READ_AS: dict[str, str] = {}
