"""A generative grammar of captions: every caption is produced together with the scene graph of exactly that text.

The graph is in the normal form of :mod:`~hetero_xmodal.parsers.world_vocabulary`: words as written but lemmatised ("the puppies" is
``puppy``), ``to the left of`` is ``left of``, verbs in base form, ``the crown of the bird`` and ``has`` are ``have``,
``with`` stays ``with``.
Constraints of the grammar: size before colour before pattern; ``a`` or ``an`` by the next word; a noun phrase refers to exactly one
object; no prepositional phrase has two possible attachments.
"""

from __future__ import annotations

from dataclasses import replace

from ...parsers.world_vocabulary import (
    BIRD_PLACES,
    CATEGORIES,
    CATEGORY_SYNONYMS,
    HAVE,
    PART_SYNONYMS,
    PATTERN_SYNONYMS,
    SCENE_COLOURS,
    SIZE_SYNONYMS,
    SIZES,
)
from ...scenes import SceneGraph, SceneObject, SceneRelation
from .birds import Bird, BirdPart
from .dials import Dials, percent
from .layout import Scene, Thing
from .stable_random import StableRandom


def _others(table: dict[str, str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for word, canonical in table.items():
        found.setdefault(canonical, []).append(word)
    return found


_NAMES, _PARTS, _ADJECTIVES = _others(CATEGORY_SYNONYMS), _others(PART_SYNONYMS), _others(SIZE_SYNONYMS | PATTERN_SYNONYMS)
_IRREGULAR = {"child": "children", "box": "boxes", "bench": "benches", "puppy": "puppies", "kitty": "kitties"}

#: relation -> its phrases after "is": (words, predicate in normal form)
RELATION_PHRASES = {
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
    """Capitalise and add a full stop."""
    return text[0].upper() + text[1:] + "."


class CaptionWriter:
    """Writes one caption and records the objects and relations that it mentions."""

    def __init__(self, rng: StableRandom, synonyms: float | None = None):
        self.rng, self.synonyms = rng, synonyms
        self.graph = SceneGraph()

    def word(self, canonical: str, table: dict[str, list[str]], usual: int = 30) -> str:
        """The word *canonical* or, with a probability of *usual* percent or the share ``synonyms``, one of its synonyms."""
        chance = percent(self.synonyms, usual)
        return self.rng.pick(table[canonical]) if canonical in table and self.rng.chance(chance) else canonical

    def add(self, name: str, attributes: list[str]) -> int:
        """Record an object and return its index."""
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
        """Record a relation."""
        self.graph.relations.append(SceneRelation(subject, predicate, obj))

    def finish(self, text: str) -> tuple[str, SceneGraph]:
        """Return the text with its scene graph."""
        self.graph.text = text
        return text, self.graph


# ---------------------------------------------------------------------------------------------- scenes


def fitting(things, name: str, attributes) -> list[int]:
    """Indices of the things to which the phrase (*name*, *attributes*) applies."""
    return [i for i, t in enumerate(things) if t.category == name and set(attributes) <= set(t.attributes)]


def describable(thing: Thing) -> list[str]:
    """Attributes that a caption may use for a thing: all, but of a child only the size (its colour is that of its clothes)."""
    return [a for a in thing.attributes if a in SIZES] if thing.category == "child" else thing.attributes


def describe(scene: Scene, i: int, rng: StableRandom, without: str | None = None) -> list[str] | None:
    """Attributes (in order) that identify thing *i* among those of its category, often more than necessary; ``None`` if none do."""
    thing = scene.things[i]
    known = [a for a in describable(thing) if a != without]
    chosen = [a for a in known if rng.chance(68)]
    for attempt in (chosen, known):
        if len(fitting(scene.things, thing.category, attempt)) == 1:
            return attempt
    return None


def _relation_clause(writer: CaptionWriter, scene: Scene, relation, style: str) -> str | None:
    """ "X is near Y" (style "is"), "X near Y" ("bare"), "X that is near Y" ("that"), "Y is held by X" ("passive")."""
    i, predicate, j = relation
    about_i, about_j = describe(scene, i, writer.rng), describe(scene, j, writer.rng)
    if about_i is None or about_j is None:
        return None
    subject, s = writer.phrase(scene.things[i].category, about_i)
    other, o = writer.phrase(scene.things[j].category, about_j)
    if predicate == "hold":
        ing, present, base, participle = writer.rng.pick(_HOLDING)
        writer.relate(s, base, o)
        if style == "passive":
            return f"{other} is {participle} by {subject}"
        if style == "is":
            return f"{subject} is {ing} {other}" if writer.rng.chance(60) else f"{subject} {present} {other}"
        return f"{subject} {ing} {other}" if style == "bare" else f"{subject} that is {ing} {other}"
    words, normal = writer.rng.pick(RELATION_PHRASES[predicate])
    if predicate == "on" and writer.rng.chance(30):
        words, normal = ("sitting on", "sit on") if scene.things[i].category in ("cat", "bird") else ("standing on", "stand on")
        if scene.things[i].category == "ball":
            words, normal = "lying on", "lie on"
    writer.relate(s, normal, o)
    return f"{subject} {words} {other}" if style == "bare" else f"{subject} {'that is' if style == 'that' else 'is'} {words} {other}"


def _write_relation(writer, scene, relations):
    style = writer.rng.pick(("is", "is", "bare", "bare", "there", "that"))
    relation = _pick_relation(writer.rng, relations)
    if relation[1] == "hold" and writer.rng.chance(20):
        style = "passive"
    clause = _relation_clause(writer, scene, relation, "bare" if style == "there" else style)
    if clause is None:
        return None
    if style in ("bare", "that"):
        return clause
    return sentence(f"there is {clause}" if style == "there" else clause)


def _write_two_relations(writer, scene, relations):
    first = _pick_relation(writer.rng, relations)
    rest = [r for r in relations if not {r[0], r[2]} & {first[0], first[2]}]
    if not rest:
        return None
    second = _pick_relation(writer.rng, rest)
    clauses = [_relation_clause(writer, scene, r, "is") for r in (first, second)]
    return None if None in clauses else sentence(f"{clauses[0]}, and {clauses[1]}")


def _write_placed_relation(writer, scene, relations):
    place = scene.place
    where = writer.add(place, [])
    clause = _relation_clause(writer, scene, _pick_relation(writer.rng, relations), "is")
    if clause is None:
        return None
    preposition = "on" if place in ("street", "beach") else "in"
    relation = writer.graph.relations[-1]
    writer.relate(relation.subject, preposition, where)
    return sentence(f"{preposition} {with_article(place)}, {clause}")


def _write_attribute(writer, scene, relations):
    """ "The little ball is red", "The cup on the table is striped"."""
    i = writer.rng.below(len(scene.things))
    thing = scene.things[i]
    if not describable(thing):
        return None
    attribute = writer.rng.pick(describable(thing))
    about = describe(scene, i, writer.rng, without=attribute)
    if about is None:
        return None
    phrase, s = writer.phrase(thing.category, about, determiner="the")
    known = [r for r in relations if r[0] == i and r[1] != "hold"]
    if known and writer.rng.chance(45):
        _, predicate, j = writer.rng.pick(known)
        about_j = describe(scene, j, writer.rng)
        if about_j is not None:
            other, o = writer.phrase(scene.things[j].category, about_j, determiner="the")
            words, normal = writer.rng.pick(RELATION_PHRASES[predicate])
            writer.relate(s, normal, o)
            phrase = f"{phrase} {words} {other}"
    words = [writer.word(attribute, _ADJECTIVES)]
    if len(describable(thing)) > 1 and writer.rng.chance(30):
        second = writer.rng.pick([a for a in describable(thing) if a != attribute])
        if second not in about:
            words.append(second)
    writer.graph.objects[s].attributes += words
    return sentence(f"{phrase} is {' and '.join(words)}")


def _groups(scene: Scene, rng: StableRandom) -> list[tuple[str, list[str], int]]:
    """Things as (category, attributes, count) for a list in random order, with things of one category grouped."""
    left = rng.shuffled(range(len(scene.things)))
    groups = []
    while left:
        i = left.pop()
        thing = scene.things[i]
        twins = [k for k in left if scene.things[k].category == thing.category]
        if twins:
            shared = [a for a in describable(thing) if all(a in scene.things[k].attributes for k in twins)]
            left = [k for k in left if k not in twins]
            groups.append((thing.category, shared, 1 + len(twins)))
        else:
            groups.append((thing.category, [a for a in describable(thing) if rng.chance(78)], 1))
    return groups


#: numbers that captions write in words
NUMBERS = {2: "two", 3: "three", 4: "four"}


def _write_list(writer, scene, relations):
    """ "a red car, a tree and two dogs", with or without the place."""
    groups = _groups(scene, writer.rng)[: writer.rng.pick((2, 2, 3, 3, 4))]
    where = writer.add(scene.place, []) if writer.rng.chance(45) else None
    phrases = []
    for category, attributes, count in groups:
        if count == 1:
            phrase, index = writer.phrase(category, attributes)
        else:
            words = [writer.word(a, _ADJECTIVES) for a in attributes]
            noun = writer.word(category, _NAMES, 20)
            index = writer.add(noun, [str(count), *words])
            phrase = " ".join([NUMBERS[count], *words, plural(noun)])
        phrases.append(phrase)
        if where is not None:
            writer.relate(where, "with", index)
    if where is not None:
        return f"{with_article(scene.place)} with {listed(phrases)}"
    if writer.rng.chance(50):
        return sentence(f"there {'are' if groups[0][2] > 1 else 'is'} {listed(phrases)}")
    return listed(phrases)


def scene_captions(
    scene: Scene, relations: list[tuple[int, str, int]], rng: StableRandom, count: int = 5, *, dials: Dials | None = None
) -> list[tuple[str, SceneGraph]]:
    """*count* different captions of a scene, each with its scene graph; *relations* are the true ones (subject, predicate, object).

    Scenes with few distinct captions, such as one of two identical flowers, get fewer. With *dials*, a caption whose form the scene does
    not allow (binding, with a single thing in it) is one of the usual forms.
    """
    stating = [_write_relation, _write_relation, _write_relation, _write_two_relations, _write_placed_relation] if relations else []
    forms = [_write_list, _write_attribute, *stating]
    if dials is None:
        return _collect(lambda writer, form: form(writer, scene, relations), forms, rng, count)
    by_name = {"binding": [_write_bound], "relations": stating, "counts": [_write_counts], "negation": [_write_absence]}
    wanted = [dials.form(rng) for _ in range(count)]  # once for each caption, so that forms that often fail are not rarer
    turn = [by_name.get(name or "", forms) or forms for name in wanted]

    def write(writer: CaptionWriter, form):
        seen = _with_wrong_attribute(scene, writer.rng) if writer.rng.chance(percent(dials.noise, 0)) else scene
        return form(writer, seen, relations)

    made: dict[str, SceneGraph] = {}
    for own in turn:  # each in its form, and in a usual one where that cannot be
        fresh = _collect(write, own, rng, 1, synonyms=dials.synonyms, tries=30, but=made)
        made |= dict(fresh or _collect(write, forms, rng, 1, synonyms=dials.synonyms, but=made))
    return list(made.items())


def _write_bound(writer, scene, relations):
    """ "A red bird is near a green box", "a red bird and a green box": two things of different categories, each with attributes."""
    rng = writer.rng
    able = [i for i, thing in enumerate(scene.things) if describable(thing)]
    pairs = [(i, j) for i in able for j in able if scene.things[i].category != scene.things[j].category]
    if not pairs:
        return None
    stated = [r for r in relations if (r[0], r[2]) in pairs]
    if stated and rng.chance(50):
        relation = _pick_relation(rng, stated)
        clause = _relation_clause(writer, scene, relation, "is")
        bound = clause is not None and all(thing.attributes for thing in writer.graph.objects)
        return sentence(clause) if bound else None
    phrases = []
    for i in rng.pick(pairs):
        about = describe(scene, i, rng)
        if not about:
            return None
        phrases.append(writer.phrase(scene.things[i].category, about)[0])
    return listed(phrases)


def _write_counts(writer, scene, relations):
    """A list in which something is counted, "two dogs and a red ball"."""
    names = [thing.category for thing in scene.things]
    if len(set(names)) == len(names):
        return None
    text = _write_list(writer, scene, relations)
    counted = any(attribute.isdigit() for thing in writer.graph.objects for attribute in thing.attributes)
    return text if counted else None


def _write_absence(writer, scene, relations):
    """ "A red ball, but no dog": what is not in the image is not in the caption's scene graph either."""
    present = {thing.category for thing in scene.things}
    i = writer.rng.below(len(scene.things))
    about = describe(scene, i, writer.rng)
    if about is None:
        return None
    phrase, _ = writer.phrase(scene.things[i].category, about)
    return f"{phrase}, but no {writer.rng.pick([name for name in CATEGORIES if name not in present])}"


def _with_wrong_attribute(scene: Scene, rng: StableRandom) -> Scene:
    """The scene as someone remembers it who has one colour wrong."""
    i = rng.below(len(scene.things))
    wrong = rng.pick([colour for colour in SCENE_COLOURS if colour != scene.things[i].colour])
    return replace(scene, things=tuple(replace(t, colour=wrong) if k == i else t for k, t in enumerate(scene.things)))


def _pick_relation(rng: StableRandom, relations):
    """A random relation; ``hold`` and ``on`` are preferred over directions."""
    strong = [r for r in relations if r[1] in ("hold", "on")]
    return rng.pick(strong if strong and rng.chance(45) else relations)


def _collect(write, forms, rng: StableRandom, count: int, *, synonyms=None, tries: int = 2000, but=()) -> list[tuple[str, SceneGraph]]:
    made: dict[str, SceneGraph] = {}
    turn = rng.shuffled(forms)
    for k in range(tries * count):  # usually fewer than ten; after so many tries there are no more different captions
        if len(made) == count:
            break
        writer = CaptionWriter(rng, synonyms)
        text = write(writer, turn[k % len(turn)])
        if text is not None and text not in made and text not in but:
            made.update([writer.finish(text)])
    return list(made.items())


# ---------------------------------------------------------------------------------------------- birds


def _part_phrase(writer: CaptionWriter, part: BirdPart, attributes: list[str]) -> tuple[str, int]:
    words = [writer.word(a, _ADJECTIVES) for a in attributes]
    noun = writer.word(part.name, _PARTS, 22)
    index = writer.add(noun, words)
    phrase = " ".join([*words, plural(noun) if part.name == "wing" else noun])
    return phrase if part.name == "wing" else with_article(phrase), index


def _bird(writer: CaptionWriter, bird: Bird, determiner: str, percent: int = 60) -> tuple[str, int]:
    attributes = [a for a in bird.attributes if writer.rng.chance(percent)]
    return writer.phrase("bird", attributes, determiner=determiner)


def _some_parts(writer: CaptionWriter, bird: Bird, owner: int, predicate: str, low: int, high: int) -> list[str]:
    phrases = []
    for part in writer.rng.sample(bird.parts, writer.rng.between(low, high)):
        known = part.attributes
        chosen = [a for a in known if writer.rng.chance(75)] or [writer.rng.pick(known)]
        phrase, index = _part_phrase(writer, part, chosen)
        writer.relate(owner, predicate, index)
        phrases.append(phrase)
    return phrases


def _bird_has(writer, bird):
    text, b = _bird(writer, bird, writer.rng.pick(("this", "the")), 35)
    return sentence(f"{text} has {listed(_some_parts(writer, bird, b, HAVE, 1, 3))}")


def _bird_with(writer, bird):
    text, b = _bird(writer, bird, "a", 80)
    text = f"{text} with {listed(_some_parts(writer, bird, b, 'with', 1, 3))}"
    return sentence(f"this is {text}") if writer.rng.chance(30) else text


def _bird_is(writer, bird):
    """ "This bird is small with a red crown", "This small bird is yellow"."""
    if not bird.attributes:
        return None
    attribute = writer.rng.pick(bird.attributes)
    word = writer.word(attribute, _ADJECTIVES)
    others = [a for a in bird.attributes if a != attribute and writer.rng.chance(50)]
    text, b = writer.phrase("bird", others, determiner=writer.rng.pick(("this", "the")))
    writer.graph.objects[b].attributes.append(word)
    if writer.rng.chance(60):
        predicate, verb = writer.rng.pick((("with", "with"), (HAVE, "and has")))
        return sentence(f"{text} is {word} {verb} {listed(_some_parts(writer, bird, b, predicate, 1, 2))}")
    return sentence(f"{text} is {word}")


def _part_is(writer, bird):
    """ "The wings of this bird are blue and striped", "The bird's crown is red"."""
    part = writer.rng.pick(bird.parts)
    chosen = [a for a in part.attributes if writer.rng.chance(70)] or [part.attributes[0]]
    words = [writer.word(a, _ADJECTIVES) for a in chosen]
    noun = writer.word(part.name, _PARTS, 22)
    head = plural(noun) if part.name == "wing" else noun
    verb = "are" if part.name == "wing" else "is"
    p = writer.add(noun, words)
    b = writer.add("bird", [])
    writer.relate(b, HAVE, p)
    owner = writer.rng.pick(("this", "the"))
    whole = f"the {head} of {owner} bird" if writer.rng.chance(55) else f"{owner} bird's {head}"
    return sentence(f"{whole} {verb} {listed(words)}")


def _wings_that_are(writer, bird):
    """ "This bird has a red crown and wings that are blue"."""
    text, b = _bird(writer, bird, "this", 35)
    clause_part = bird.parts[writer.rng.pick((1, 2, 3, 3))]
    others = [p for p in bird.parts if p is not clause_part]
    first = writer.rng.pick(others)
    phrase, index = _part_phrase(writer, first, [a for a in first.attributes if writer.rng.chance(75)] or first.attributes[:1])
    writer.relate(b, HAVE, index)
    noun = writer.word(clause_part.name, _PARTS, 22)
    words = [writer.word(a, _ADJECTIVES) for a in clause_part.attributes]
    writer.relate(b, HAVE, writer.add(noun, words))
    head = f"{plural(noun)} that are" if clause_part.name == "wing" else f"{with_article(noun)} that is"
    return sentence(f"{text} has {phrase} and {head} {listed(words)}")


def _bird_somewhere(writer, bird):
    text, b = _bird(writer, bird, "a", 70)
    preposition, determiner = BIRD_PLACES[bird.place]
    p = writer.add(bird.place, [])
    stance = writer.rng.pick(("", "standing ", "sitting ")) if preposition == "on" else ""
    writer.relate(b, {"": "", "standing ": "stand ", "sitting ": "sit "}[stance] + preposition, p)
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
    return _collect(lambda writer, form: form(writer, bird), forms, rng, count)
