"""Sentences and what they say, written together: every function below returns a text and the scene graph of exactly that text.

The graph is in the normal form of :mod:`~hetero_xmodal.parsers.world_vocabulary`: words as said but in dictionary form ("the puppies" is
``puppy``), ``to the left of`` is ``left of``, verbs in base form, ``the crown of the bird`` and ``has`` are ``have``,
``with`` stays ``with``.
What keeps the language clean: size before colour before pattern; ``a`` or ``an`` by the next word; two things that the same phrase
would fit are never told apart by it; no prepositional phrase has two possible hosts.
"""

from __future__ import annotations

from ...parsers.world_vocabulary import BIRD_PLACES, CATEGORY_SYNONYMS, HAVE, PART_SYNONYMS, PATTERN_SYNONYMS, SIZE_SYNONYMS, SIZES
from ...scenes import SceneGraph, SceneObject, SceneRelation
from .birds import Bird, BirdPart
from .layout import Scene, Thing
from .stable_random import StableRandom


def _others(table: dict[str, str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for word, canonical in table.items():
        found.setdefault(canonical, []).append(word)
    return found


_NAMES, _PARTS, _ADJECTIVES = _others(CATEGORY_SYNONYMS), _others(PART_SYNONYMS), _others(SIZE_SYNONYMS | PATTERN_SYNONYMS)
_IRREGULAR = {"child": "children", "box": "boxes", "bench": "benches", "puppy": "puppies", "kitty": "kitties"}

#: relation -> ways to say it after "is": (words, predicate in normal form)
SAID = {
    "left of": (("to the left of", "left of"), ("on the left of", "left of")),
    "right of": (("to the right of", "right of"), ("on the right of", "right of")),
    "above": (("above", "above"), ("over", "over")),
    "below": (("below", "below"), ("under", "under"), ("beneath", "beneath"), ("underneath", "underneath")),
    "on": (("on", "on"), ("on top of", "on top of")),
    "near": (("near", "near"), ("next to", "next to"), ("beside", "beside"), ("close to", "close to")),
}
_HOLDING = (("holding", "holds", "hold", "held"), ("holding", "holds", "hold", "held"), ("carrying", "carries", "carry", "carried"))


def plural(noun: str) -> str:
    """``box`` -> ``boxes``."""
    return _IRREGULAR.get(noun, noun + "s")


def with_article(phrase: str) -> str:
    """``orange cup`` -> ``an orange cup``."""
    return ("an " if phrase[0] in "aeiou" else "a ") + phrase


def listed(phrases: list[str]) -> str:
    """``a, b and c``."""
    return phrases[0] if len(phrases) == 1 else ", ".join(phrases[:-1]) + " and " + phrases[-1]


def sentence(text: str) -> str:
    """Capital letter and full stop."""
    return text[0].upper() + text[1:] + "."


class Saying:
    """One sentence on its way: the objects and relations it has named so far."""

    def __init__(self, rng: StableRandom):
        self.rng = rng
        self.graph = SceneGraph()

    def word(self, canonical: str, table: dict[str, list[str]], percent: int = 30) -> str:
        """*canonical* itself or, in *percent* of 100 cases, one of its synonyms."""
        return self.rng.pick(table[canonical]) if canonical in table and self.rng.chance(percent) else canonical

    def add(self, name: str, attributes: list[str]) -> int:
        """Note an object; returns its index."""
        self.graph.objects.append(SceneObject(name, list(attributes)))
        return len(self.graph.objects) - 1

    def phrase(self, name: str, attributes, *, determiner: str = "a") -> tuple[str, int]:
        """A noun phrase such as "a little red cat" and the index of its object."""
        words = [self.word(a, _ADJECTIVES) for a in attributes]
        noun = self.word(name, _NAMES, 20)
        index = self.add(noun, words)
        phrase = " ".join([*words, noun])
        return with_article(phrase) if determiner == "a" else f"{determiner} {phrase}".strip(), index

    def relate(self, subject: int, predicate: str, obj: int) -> None:
        """Note a relation."""
        self.graph.relations.append(SceneRelation(subject, predicate, obj))

    def done(self, text: str) -> tuple[str, SceneGraph]:
        """The finished text with its graph."""
        self.graph.text = text
        return text, self.graph


# ---------------------------------------------------------------------------------------------- scenes


def fitting(things, name: str, attributes) -> list[int]:
    """Which things the phrase (*name*, *attributes*) fits."""
    return [i for i, t in enumerate(things) if t.category == name and set(attributes) <= set(t.attributes)]


def sayable(thing: Thing) -> list[str]:
    """Attributes that English says of a thing: all, but of a child only the size (its colour is that of its clothes)."""
    return [a for a in thing.attributes if a in SIZES] if thing.category == "child" else thing.attributes


def describe(scene: Scene, i: int, rng: StableRandom, without: str | None = None) -> list[str] | None:
    """Attributes (in order) by which thing *i* is the only one that fits; ``None`` if there are none. Often says more than needed."""
    thing = scene.things[i]
    known = [a for a in sayable(thing) if a != without]
    chosen = [a for a in known if rng.chance(68)]
    for attempt in (chosen, known):
        if len(fitting(scene.things, thing.category, attempt)) == 1:
            return attempt
    return None


def _relation_clause(saying: Saying, scene: Scene, relation, style: str) -> str | None:
    """ "X is near Y" (style "is"), "X near Y" ("bare"), "X that is near Y" ("that"), "Y is held by X" ("passive")."""
    i, predicate, j = relation
    about_i, about_j = describe(scene, i, saying.rng), describe(scene, j, saying.rng)
    if about_i is None or about_j is None:
        return None
    subject, s = saying.phrase(scene.things[i].category, about_i)
    other, o = saying.phrase(scene.things[j].category, about_j)
    if predicate == "hold":
        ing, present, base, participle = saying.rng.pick(_HOLDING)
        saying.relate(s, base, o)
        if style == "passive":
            return f"{other} is {participle} by {subject}"
        if style == "is":
            return f"{subject} is {ing} {other}" if saying.rng.chance(60) else f"{subject} {present} {other}"
        return f"{subject} {ing} {other}" if style == "bare" else f"{subject} that is {ing} {other}"
    said, normal = saying.rng.pick(SAID[predicate])
    if predicate == "on" and saying.rng.chance(30):
        said, normal = ("sitting on", "sit on") if scene.things[i].category in ("cat", "bird") else ("standing on", "stand on")
        if scene.things[i].category == "ball":
            said, normal = "lying on", "lie on"
    saying.relate(s, normal, o)
    return f"{subject} {said} {other}" if style == "bare" else f"{subject} {'that is' if style == 'that' else 'is'} {said} {other}"


def _say_relation(saying, scene, relations):
    style = saying.rng.pick(("is", "is", "bare", "bare", "there", "that"))
    relation = _weighty(saying.rng, relations)
    if relation[1] == "hold" and saying.rng.chance(20):
        style = "passive"
    clause = _relation_clause(saying, scene, relation, "bare" if style == "there" else style)
    if clause is None:
        return None
    if style in ("bare", "that"):
        return clause
    return sentence(f"there is {clause}" if style == "there" else clause)


def _say_two_relations(saying, scene, relations):
    first = _weighty(saying.rng, relations)
    rest = [r for r in relations if not {r[0], r[2]} & {first[0], first[2]}]
    if not rest:
        return None
    second = _weighty(saying.rng, rest)
    clauses = [_relation_clause(saying, scene, r, "is") for r in (first, second)]
    return None if None in clauses else sentence(f"{clauses[0]}, and {clauses[1]}")


def _say_placed_relation(saying, scene, relations):
    place = scene.place
    where = saying.add(place, [])
    clause = _relation_clause(saying, scene, _weighty(saying.rng, relations), "is")
    if clause is None:
        return None
    preposition = "on" if place in ("street", "beach") else "in"
    relation = saying.graph.relations[-1]
    saying.relate(relation.subject, preposition, where)
    return sentence(f"{preposition} {with_article(place)}, {clause}")


def _say_attribute(saying, scene, relations):
    """ "The little ball is red", "The cup on the table is striped"."""
    i = saying.rng.below(len(scene.things))
    thing = scene.things[i]
    if not sayable(thing):
        return None
    told = saying.rng.pick(sayable(thing))
    about = describe(scene, i, saying.rng, without=told)
    if about is None:
        return None
    phrase, s = saying.phrase(thing.category, about, determiner="the")
    known = [r for r in relations if r[0] == i and r[1] != "hold"]
    if known and saying.rng.chance(45):
        _, predicate, j = saying.rng.pick(known)
        about_j = describe(scene, j, saying.rng)
        if about_j is not None:
            other, o = saying.phrase(scene.things[j].category, about_j, determiner="the")
            said, normal = saying.rng.pick(SAID[predicate])
            saying.relate(s, normal, o)
            phrase = f"{phrase} {said} {other}"
    words = [saying.word(told, _ADJECTIVES)]
    if len(sayable(thing)) > 1 and saying.rng.chance(30):
        second = saying.rng.pick([a for a in sayable(thing) if a != told])
        if second not in about:
            words.append(second)
    saying.graph.objects[s].attributes += words
    return sentence(f"{phrase} is {' and '.join(words)}")


def _groups(scene: Scene, rng: StableRandom) -> list[tuple[str, list[str], int]]:
    """Things as (category, attributes, count) for a list: twins together, in random order."""
    left = rng.shuffled(range(len(scene.things)))
    groups = []
    while left:
        i = left.pop()
        thing = scene.things[i]
        twins = [k for k in left if scene.things[k].category == thing.category]
        if twins:
            shared = [a for a in sayable(thing) if all(a in scene.things[k].attributes for k in twins)]
            left = [k for k in left if k not in twins]
            groups.append((thing.category, shared, 1 + len(twins)))
        else:
            groups.append((thing.category, [a for a in sayable(thing) if rng.chance(78)], 1))
    return groups


_NUMBERS = {2: "two", 3: "three", 4: "four"}


def _say_list(saying, scene, relations):
    """ "a red car, a tree and two dogs", with or without the place."""
    groups = _groups(scene, saying.rng)[: saying.rng.pick((2, 2, 3, 3, 4))]
    where = saying.add(scene.place, []) if saying.rng.chance(45) else None
    phrases = []
    for category, attributes, count in groups:
        if count == 1:
            phrase, index = saying.phrase(category, attributes)
        else:
            words = [saying.word(a, _ADJECTIVES) for a in attributes]
            noun = saying.word(category, _NAMES, 20)
            index = saying.add(noun, [str(count), *words])
            phrase = " ".join([_NUMBERS[count], *words, plural(noun)])
        phrases.append(phrase)
        if where is not None:
            saying.relate(where, "with", index)
    if where is not None:
        return f"{with_article(scene.place)} with {listed(phrases)}"
    if saying.rng.chance(50):
        return sentence(f"there {'are' if groups[0][2] > 1 else 'is'} {listed(phrases)}")
    return listed(phrases)


def scene_captions(scene: Scene, relations: list[tuple[int, str, int]], rng: StableRandom, count: int = 5) -> list[tuple[str, SceneGraph]]:
    """*count* different captions of a scene, each with its graph; *relations* are the true ones (subject, predicate, object).

    Of a scene about which less can be said, such as two flowers that look the same, there are fewer.
    """
    forms = [_say_list, _say_attribute]
    if relations:
        forms += [_say_relation, _say_relation, _say_relation, _say_two_relations, _say_placed_relation]
    return _collect(lambda saying, form: form(saying, scene, relations), forms, rng, count)


def _weighty(rng: StableRandom, relations):
    """A relation; holding and standing on are told more often than where things are."""
    strong = [r for r in relations if r[1] in ("hold", "on")]
    return rng.pick(strong if strong and rng.chance(45) else relations)


def _collect(write, forms, rng: StableRandom, count: int) -> list[tuple[str, SceneGraph]]:
    made: dict[str, SceneGraph] = {}
    turn = rng.shuffled(forms)
    for k in range(2000 * count):  # most need fewer than ten tries; after so many there is no more to say
        if len(made) == count:
            break
        saying = Saying(rng)
        text = write(saying, turn[k % len(turn)])
        if text is not None and text not in made:
            made.update([saying.done(text)])
    return list(made.items())


# ---------------------------------------------------------------------------------------------- birds


def _part_phrase(saying: Saying, part: BirdPart, attributes: list[str]) -> tuple[str, int]:
    words = [saying.word(a, _ADJECTIVES) for a in attributes]
    noun = saying.word(part.name, _PARTS, 22)
    index = saying.add(noun, words)
    phrase = " ".join([*words, plural(noun) if part.name == "wing" else noun])
    return phrase if part.name == "wing" else with_article(phrase), index


def _bird(saying: Saying, bird: Bird, determiner: str, percent: int = 60) -> tuple[str, int]:
    attributes = [a for a in bird.attributes if saying.rng.chance(percent)]
    return saying.phrase("bird", attributes, determiner=determiner)


def _some_parts(saying: Saying, bird: Bird, owner: int, predicate: str, low: int, high: int) -> list[str]:
    phrases = []
    for part in saying.rng.sample(bird.parts, saying.rng.between(low, high)):
        known = part.attributes
        told = [a for a in known if saying.rng.chance(75)] or [saying.rng.pick(known)]
        phrase, index = _part_phrase(saying, part, told)
        saying.relate(owner, predicate, index)
        phrases.append(phrase)
    return phrases


def _bird_has(saying, bird):
    text, b = _bird(saying, bird, saying.rng.pick(("this", "the")), 35)
    return sentence(f"{text} has {listed(_some_parts(saying, bird, b, HAVE, 1, 3))}")


def _bird_with(saying, bird):
    text, b = _bird(saying, bird, "a", 80)
    text = f"{text} with {listed(_some_parts(saying, bird, b, 'with', 1, 3))}"
    return sentence(f"this is {text}") if saying.rng.chance(30) else text


def _bird_is(saying, bird):
    """ "This bird is small with a red crown", "This small bird is yellow"."""
    if not bird.attributes:
        return None
    told = saying.rng.pick(bird.attributes)
    said = saying.word(told, _ADJECTIVES)
    others = [a for a in bird.attributes if a != told and saying.rng.chance(50)]
    text, b = saying.phrase("bird", others, determiner=saying.rng.pick(("this", "the")))
    saying.graph.objects[b].attributes.append(said)
    if saying.rng.chance(60):
        predicate, verb = saying.rng.pick((("with", "with"), (HAVE, "and has")))
        return sentence(f"{text} is {said} {verb} {listed(_some_parts(saying, bird, b, predicate, 1, 2))}")
    return sentence(f"{text} is {said}")


def _part_is(saying, bird):
    """ "The wings of this bird are blue and striped", "The bird's crown is red"."""
    part = saying.rng.pick(bird.parts)
    told = [a for a in part.attributes if saying.rng.chance(70)] or [part.attributes[0]]
    words = [saying.word(a, _ADJECTIVES) for a in told]
    noun = saying.word(part.name, _PARTS, 22)
    head = plural(noun) if part.name == "wing" else noun
    verb = "are" if part.name == "wing" else "is"
    p = saying.add(noun, words)
    b = saying.add("bird", [])
    saying.relate(b, HAVE, p)
    owner = saying.rng.pick(("this", "the"))
    whole = f"the {head} of {owner} bird" if saying.rng.chance(55) else f"{owner} bird's {head}"
    return sentence(f"{whole} {verb} {listed(words)}")


def _wings_that_are(saying, bird):
    """ "This bird has a red crown and wings that are blue"."""
    text, b = _bird(saying, bird, "this", 35)
    clause_part = bird.parts[saying.rng.pick((1, 2, 3, 3))]
    others = [p for p in bird.parts if p is not clause_part]
    first = saying.rng.pick(others)
    phrase, index = _part_phrase(saying, first, [a for a in first.attributes if saying.rng.chance(75)] or first.attributes[:1])
    saying.relate(b, HAVE, index)
    noun = saying.word(clause_part.name, _PARTS, 22)
    words = [saying.word(a, _ADJECTIVES) for a in clause_part.attributes]
    saying.relate(b, HAVE, saying.add(noun, words))
    head = f"{plural(noun)} that are" if clause_part.name == "wing" else f"{with_article(noun)} that is"
    return sentence(f"{text} has {phrase} and {head} {listed(words)}")


def _bird_somewhere(saying, bird):
    text, b = _bird(saying, bird, "a", 70)
    preposition, determiner = BIRD_PLACES[bird.place]
    p = saying.add(bird.place, [])
    stance = saying.rng.pick(("", "standing ", "sitting ")) if preposition == "on" else ""
    saying.relate(b, {"": "", "standing ": "stand ", "sitting ": "sit "}[stance] + preposition, p)
    return f"{text} {stance}{preposition} {determiner} {bird.place}"


def bird_captions(bird: Bird, rng: StableRandom, count: int = 10) -> list[tuple[str, SceneGraph]]:
    """*count* different captions of a bird, each with its graph."""
    forms = [
        _bird_has,
        _bird_has,
        _bird_has,
        _bird_with,
        _bird_with,
        _bird_with,
        _bird_is,
        _part_is,
        _part_is,
        _wings_that_are,
        _bird_somewhere,
    ]
    return _collect(lambda saying, form: form(saying, bird), forms, rng, count)
