"""From a dependency parse to a scene graph.

:func:`read_scene` applies all rules in order. Objects are found in :mod:`.sentence_objects`, attributes in :mod:`.sentence_attributes`;
relations are found here, by one function per construction.
"""

from __future__ import annotations

from typing import NamedTuple

from . import lexicon as lex
from .inflection import participle
from .parse_corrections import correct_parse
from .reading import Reading
from .sentence_attributes import (
    colours_of_clothes,
    places_without_noun,
    predicate_adjectives,
    results,
    states,
    words_after_noun,
    words_before_noun,
)
from .sentence_numbers import count_objects
from .sentence_objects import NOUNS, find_objects, is_unnamed_clothing
from .words import NOUN_TAGS, Lemmatizer, Word


def read_scene(words: list[Word], lemma: Lemmatizer) -> Reading:
    """Correct the parse and apply the rules in order; the result holds objects, attributes and relations."""
    correct_parse(words, lemma)
    reading = Reading(words, lemma.index["verb"])
    find_objects(reading)
    colours_of_clothes(reading)
    words_before_noun(reading)
    words_after_noun(reading)
    predicate_adjectives(reading)
    results(reading)
    states(reading)
    places_without_noun(reading)
    possession(reading)
    verbs(reading)
    nouns_with_prepositions(reading)
    count_objects(reading)
    return reading


def possession(reading: Reading) -> None:
    """ "the man's hat and coat": (man, have, hat), (man, have, coat); not "the man's hat and the woman's coat"."""
    for word in reading.words:
        if word.dep == "poss" and word.pos in NOUNS:
            for owner in reading.group(word):
                for thing in reading.group(word.head):
                    if thing is word.head or not any(k.dep in ("poss", "det") for k in thing.kids):
                        reading.add_relation(owner, "have", thing)
        elif word.dep == "poss" and word.head.dep == "parataxis" and word.head.lemma in lex.BODY_PARTS:  # "two dogs run, their tails up"
            clause = word.head.head
            for owner in reading.chain(clause) if clause.pos in NOUNS else reading.subjects(clause):
                reading.add_relation(owner, "have", word.head)


def verbs(reading: Reading) -> None:
    """Every verb that is not used as an adjective relates its subject to its object and to its prepositional phrases."""
    for verb in reading.words:
        if verb.pos in ("VERB", "AUX") and verb.dep not in ("amod", "compound", "nmod", "aux", "auxpass", "joined"):
            verb_phrase(reading, verb)


class VerbPhrase(NamedTuple):
    """A verb with what belongs to it: subjects, direct objects, (preposition, nouns) of its phrases, and those in front of it."""

    verb: Word
    subjects: list[Word]
    objects: list[Word]
    phrases: list[tuple[str, list[Word]]]
    opening: set[int]
    passive: bool


def verb_phrase(reading: Reading, verb: Word) -> None:
    """One verb: "man holds bat", "planes are parked next to a building", "grass covered in snow", "there is a dog on the bed"."""
    if any(k.dep == "neg" for k in verb.kids):
        return
    phrase = parts_of_phrase(reading, verb)
    relate_objects(reading, phrase)
    for preposition, things in phrase.phrases:
        for thing in things:
            relate_place(reading, phrase, preposition, thing)
    phrases_found = bool(phrase.phrases) or each_other(reading, verb, phrase.subjects)
    if phrase.objects or phrases_found or has_clause(verb):
        return
    for subject in phrase.subjects:
        reading.add_attribute(subject, action(reading, verb))


def action(reading: Reading, verb: Word) -> str:
    """What a verb without objects and places says of its subject: "running" (also of "runs"), "sitting down"; empty if nothing."""
    after = reading.words[verb.i + 1] if verb.i + 1 < len(reading.words) else verb
    finite = verb.tag in ("VB", "VBP", "VBZ") or verb.low == verb.lemma and not verb.low.endswith("ing")
    name = participle(verb.lemma) if finite and verb.lemma in reading.known_verbs else verb.low
    if verb.lemma != "be" and after.low in lex.VERB_PARTICLES and after.head is verb and not after.kids:
        return f"{name} {after.low}"
    return "" if verb.lemma in lex.EMPTY_VERBS or verb.lemma in lex.NEVER_ATTRIBUTES else name


def parts_of_phrase(reading: Reading, verb: Word) -> VerbPhrase:
    """Collect what belongs to a verb; the adjective's phrases too: "the bird is small with a red belly"."""
    subjects, objects = reading.subjects(verb), direct_objects(reading, verb)
    phrases = prepositional_phrases(reading, verb)
    if verb.lemma in lex.LINKING_VERBS:
        phrases += [p for k in verb.kids if k.dep == "acomp" for p in prepositional_phrases(reading, k)]
    first = min([verb.i, *(w.i for w in subjects)])
    inverted = bool(subjects) and verb.i < min(w.i for w in subjects)  # "by the door waits a girl"
    opening = set() if inverted else {t.i for kid in verb.kids if kid.dep == "prep" and kid.i < first for t in reading.group_of(kid)}
    if verb.lemma == "be":
        subjects, objects = (subjects or objects), []  # "there is a dog on the bed"
    return VerbPhrase(verb, subjects, objects, phrases, opening, is_passive(verb))


def relate_objects(reading: Reading, phrase: VerbPhrase) -> None:
    """ "man holds bat": (man, hold, bat); "man has a hat on": (man, wear, hat)."""
    verb = phrase.verb
    if phrase.passive and verb.dep == "acl":
        return
    have = verb.lemma == "have"
    particle = None if have else verb.kid("prt")
    name = verb.lemma if particle is None else f"{verb.lemma} {particle.low}"
    for thing in phrase.objects:
        for subject in phrase.subjects:
            if not (have and reading.place_word(thing, subject)):
                reading.add_relation(subject, "wear" if have and worn(subject, thing) else name, thing)


def relate_place(reading: Reading, phrase: VerbPhrase, preposition: str, thing: Word) -> None:
    """ "parked next to a building": (plane, park next to, building); "held by a girl": (girl, hold, kite)."""
    name = phrase.verb.lemma
    if phrase.passive and (preposition == "by" and name not in lex.RESTING or name in lex.COVERING and preposition in ("in", "with")):
        for subject in phrase.subjects:
            reading.add_relation(thing, name, subject)
        return
    sources, predicate = phrase.subjects, f"{name} {preposition}"
    if phrase.objects and not phrase.passive:
        predicate = preposition
        if places_object(name, preposition, thing):
            sources = phrase.objects
    elif name in lex.EMPTY_VERBS or thing.i in phrase.opening or compares(name, preposition):
        predicate = preposition
    elif name in lex.WEARING and preposition in ("in", "with"):
        predicate = "wear"
    for subject in sources:
        reading.add_relation(subject, predicate, thing)


def compares(verb: str, preposition: str) -> bool:
    """ "looks darker than the sky": the relation is "darker than"."""
    return verb in lex.LINKING_VERBS and preposition.endswith((" than", " as"))


def places_object(verb: str, preposition: str, thing: Word) -> bool:
    """Whether the phrase says where the verb's object is, not its subject: "holds a cup in her hand", "put the cup on the table"."""
    if verb in lex.PLACING or verb in ("wear", "have") or verb in ("hold", "carry") and preposition in lex.PLACES_HELD:
        return True
    return thing.lemma in lex.BODY_PARTS and preposition in ("in", "on", "over", "under", "around", "to")


def each_other(reading: Reading, word: Word, subjects: list[Word] | None = None) -> bool:
    """ "a man and a dog next to each other": (man, next to, dog); "two cars next to each other": (car, next to, car)."""
    for kid in word.kids:
        place = kid.kid("pobj") if kid.dep == "prep" else kid if kid.dep == "dobj" else None
        if place is None or not (place.low == "eachother" or place.low == "other" and any(k.low == "each" for k in place.kids)):
            continue
        subjects = reading.chain(word) if subjects is None else subjects
        verb = "" if word.pos in NOUNS or word.lemma in lex.EMPTY_VERBS else word.lemma
        predicate = " ".join(p for p in (verb, kid.low if place is not kid else "") if p)
        if subjects and predicate:
            reading.add_relation(subjects[0], predicate, subjects[-1], mutual=True)
            return True
    return False


def has_clause(verb: Word) -> bool:
    """ "trying to throw": the action is expressed by the complement clause."""
    return verb.kid("xcomp", "ccomp") is not None


def direct_objects(reading: Reading, verb: Word) -> list[Word]:
    """Direct objects of a verb; of a relative clause ("the bat the man is holding"), the noun that it modifies."""
    objects = [t for k in verb.kids if k.dep == "dobj" or k.dep == "attr" and k.i > verb.i for t in reading.group(k)]
    if verb.lemma in lex.PERCEPTION:  # "people watch a dog jump": they watch the dog
        seen = [k.kid("nsubj") for k in verb.kids if k.dep == "ccomp" and k.pos == "VERB" and k.i > verb.i]
        objects += [t for k in seen if k is not None and k.i > verb.i for t in reading.group(k)]
    if not objects and verb.dep == "relcl" and verb.tag in ("VBG", "VBZ", "VBP", "VBD") and verb.head.pos in NOUNS:
        own = any(k.dep == "nsubj" and k.low not in lex.RELATIVE_PRONOUNS for k in verb.kids)
        if own and not any(k.dep in ("prep", "prt", "nsubjpass") and not k.kids for k in verb.kids) and verb.lemma in lex.TRANSITIVE:
            return reading.chain(verb.head)
    return objects


def worn(subject: Word, thing: Word) -> bool:
    """ "a man with glasses on": (man, wear, glasses)."""
    if subject.lemma not in lex.ANIMATE or thing.lemma not in lex.CLOTHING:
        return False
    hangers = [*thing.kids, *subject.kids, *(thing.head.kids if thing.dep == "dobj" else ())]
    return any(k.low == "on" and k.i > thing.i and not k.kids for k in hangers)


def is_passive(verb: Word) -> bool:
    """ "is parked", "covered in snow"."""
    return verb.tag in ("VBN", "VBD") and (any(k.dep in ("nsubjpass", "auxpass") for k in verb.kids) or verb.dep == "acl")


def prepositional_phrases(reading: Reading, word: Word) -> list[tuple[str, list[Word]]]:
    """The prepositional phrases attached to a word: (preposition, objects)."""
    found = []
    for kid in word.kids:
        if (
            kid.dep not in ("prep", "agent", "dative", "prt", "advmod")
            or kid.pos not in ("ADP", "ADV", "PART", "VERB")
            or kid.low in lex.RELATIVE_PRONOUNS
        ):
            continue
        text = lex.PREPOSITION_FORMS.get(kid.low, kid.low)
        things = reading.group_of(kid)
        if things:
            found.append((text, things))
        elif word.dep == "relcl" and kid.dep in ("prep", "prt") and not kid.kids and word.head.pos in NOUNS:
            found.append((text, reading.chain(word.head)))  # "the sofa the man is sitting on"
        for inner in kid.kids:  # "down from the tree", "up against the wall"
            if inner.dep == "prep" and inner.pos in ("ADP", "PART"):
                deep = reading.group_of(inner)
                if deep:
                    found.append((inner.low if things or kid.low in lex.EMPTY_ADVERBS else f"{text} {inner.low}", deep))
    return found


def nouns_with_prepositions(reading: Reading) -> None:
    """ "a bird on a tree", "the wheel of a bike", "a glass of wine", "a man in a red shirt", "a table with a cat on it"."""
    for noun in reading.words:
        if noun.pos not in NOUNS:
            continue
        each_other(reading, noun)
        for preposition, things in prepositional_phrases(reading, noun):
            if noun.i in reading.same and preposition == "of":
                continue
            for subject in described(reading, noun, preposition, things[0]):
                for thing in things:
                    noun_phrase(reading, subject, preposition, thing)


def noun_phrase(reading: Reading, subject: Word, preposition: str, thing: Word) -> None:
    """One noun with one prepositional phrase: "a bird on a tree", "a man in a red shirt"."""
    if preposition == "of":
        of_phrase(reading, subject, thing)
    elif preposition == "full of":
        reading.add_relation(thing, lex.CONTAINERS.get(subject.lemma, "in"), subject)
    elif preposition != "with" or not reading.place_word(thing, subject):
        reading.add_relation(subject, "wear" if wears(subject, preposition, thing) else preposition, thing)


def wears(subject: Word, preposition: str, thing: Word) -> bool:
    """ "a man in a red shirt", "a man in black", "a woman with a hat on"."""
    if preposition == "in":
        return is_unnamed_clothing(thing) or thing.lemma in lex.WORN and subject.lemma not in lex.CLOTHING
    return preposition == "with" and worn(subject, thing)


def described(reading: Reading, noun: Word, preposition: str, thing: Word) -> list[Word]:
    """ "a dog and a cat on a mat": both; "cars on a road and people on a path", "a girl in a dress and a boy": each its own."""
    others = [k for k in (noun.head, *noun.kids) if k is not noun and "conj" in (k.dep, noun.dep) and k.tag in NOUN_TAGS]
    if preposition in ("with", "of", "in"):
        own = ("with", "in") if preposition != "of" else ("of",)
        if any(k.low in own and k.dep == "prep" for other in others for k in other.kids):
            return reading.resolve(noun)
    if preposition != "of" and any(k.dep == "prep" and k.low != "of" and k.i < noun.i for other in others for k in other.kids):
        return reading.resolve(noun)
    return [whole for whole in reading.chain(noun) if whole.i < thing.i or thing.i < noun.i]


def of_phrase(reading: Reading, part: Word, whole: Word) -> None:
    """ "leg of the man": (man, have, leg). "a glass of wine": (wine, in, glass). "a picture of a dog": (picture, depict, dog)."""
    if part.lemma in lex.CONTAINERS:
        reading.add_relation(whole, lex.CONTAINERS[part.lemma], part)
    elif part.lemma in lex.PICTURES:
        reading.add_relation(part, "depict", whole)
    elif part.lemma in lex.HOLDERS:
        reading.add_relation(part, "have", whole)
    else:
        reading.add_relation(whole, "have", part)
