"""From a dependency parse to a scene graph: one function per construction of English, in the order of :func:`read_scene`."""

from __future__ import annotations

from . import lexicon as lex
from .reading import Reading
from .repairs import repair
from .words import Lemmatizer, Word

NOUNS = ("NOUN", "PROPN")


def read_scene(words: list[Word], lemma: Lemmatizer) -> Reading:
    """Apply the constructions in order; the result holds objects, attributes and relations."""
    repair(words, lemma)
    reading = Reading(words)
    find_objects(reading)
    words_before_noun(reading)
    predicate_adjectives(reading)
    possession(reading)
    verbs(reading)
    nouns_with_prepositions(reading)
    return reading


# ---------------------------------------------------------------------------------------------- objects


def find_objects(reading: Reading) -> None:
    """Every noun that is not part of another noun's name and not a quantity is an object; so is "he" if nobody else is meant."""
    for word in reading.words:
        if word.tag == "PRP" or word.low in ("someone", "somebody", "everyone", "everybody"):
            if word.low in lex.PRONOUN_PEOPLE and not reading.objects and word.dep in ("nsubj", "nsubjpass", "ROOT"):
                reading.add_object(word, lex.PRONOUN_PEOPLE[word.low], (word.i, word.i + 1))
            continue
        if is_unnamed_clothing(word):
            reading.add_object(word, lex.UNNAMED_CLOTHES, (word.i, word.i + 1))
            for colour in adjective_group(word):
                reading.add_attribute(word, attribute_text(reading, colour))
            continue
        if word.pos not in NOUNS or word.dep == "joined" or is_modifier(word) or is_place(word) or word.low in lex.NO_OBJECTS:
            continue
        counted = counted_noun(word)
        if counted is not None:
            reading.same[word.i] = counted
            continue
        name, start = object_name(word)
        reading.add_object(word, name, (start, word.i + 1))


def is_modifier(word: Word) -> bool:
    """True for a noun that stands in front of the noun it belongs to: "brick" in "brick wall"."""
    if word.dep == "conj" and word.head.i < word.i:  # "a white and tan dog"
        return is_modifier(word.head) and word.head.head.i > word.i or word.head.pos == "ADJ" and word.head.head.i > word.i
    return word.dep in ("compound", "nmod", "amod") and word.head.pos in NOUNS and word.head.i > word.i and not whole_of(word, word.head)


def whole_of(modifier: Word, head: Word) -> bool:
    """True for "tree" in "tree branch": the branch is a part that the tree has."""
    pair = f"{modifier.low} {head.low}"
    return (
        modifier.dep in ("compound", "nmod")
        and modifier.i == head.i - 1
        and (head.low in lex.PART_HEADS or head.lemma in lex.PART_HEADS)
        and modifier.pos in NOUNS
        and modifier.low not in lex.DESCRIBING_NOUNS
        and pair not in lex.NAME_PAIRS
    )


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
    """ "on the left", "at the top", "in front" without "of": no thing, a place."""
    if word.low in ("picture", "photo", "image", "photograph") and word.dep == "pobj" and word.head.low == "in":
        return True
    if word.low not in ("left", "right", "top", "bottom", "middle", "center", "front", "side") or word.dep != "pobj":
        return False
    return word.head.low in lex.PLACE_PREPOSITIONS and not any(k.dep in ("prep", "amod", "poss", "compound") for k in word.kids)


def counted_noun(word: Word) -> Word | None:
    """ "a group of people": the object is people. Returns the noun that a quantity noun counts, or None."""
    if word.lemma not in lex.QUANTITY_NOUNS:
        return None
    of = next((k for k in word.kids if k.dep == "prep" and k.low == "of"), None)
    thing = of.kid("pobj") if of else None
    if word.lemma == "body" and (thing is None or thing.lemma != "water"):
        return None  # a person's body
    return thing if thing is not None and thing.pos in NOUNS else None


def object_name(head: Word) -> tuple[str, int]:
    """Name of an object: the singular noun with the nouns that belong to it ("fire hydrant"), and where the name starts."""
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
    """ "teddy bear" and "left hand" are names, "brick wall" is wall[brick], "tree branch" is a branch that a tree has."""
    pair = f"{modifier.low} {head.low}"
    if pair in lex.NAME_PAIRS or f"{modifier.low} {head.lemma}" in lex.NAME_PAIRS:
        return True
    if modifier.dep == "amod":
        return modifier.low in lex.NAME_ADJECTIVES
    if modifier.dep != "compound" or modifier.low in lex.DESCRIBING_NOUNS or modifier.lemma in lex.DESCRIBING_NOUNS:
        return False
    if modifier.low in lex.PART_ADJECTIVES or modifier.low.endswith(("less", "ish")) or head.lemma in lex.DESCRIBED_HEADS:
        return False
    return not whole_of(modifier, head)


# ---------------------------------------------------------------------------------------------- attributes


def words_before_noun(reading: Reading) -> None:
    """ "a small red bird", "a brick wall", "two dogs": what stands in front of a noun describes it."""
    for head in reading.words:
        if head.pos not in NOUNS:
            continue
        counted = head.i in reading.same
        if not counted and not reading.is_object(head):
            continue
        start = head.i if counted else reading.object_of(head).span[0]
        if counted and lex.QUANTITY_NOUNS[head.lemma]:
            reading.add_attribute(head, lex.QUANTITY_NOUNS[head.lemma])
        for kid in described_by(head, start):
            if whole_of(kid, head):
                for whole in reading.group(kid):
                    reading.add_relation(whole, "have", head)
            elif (
                kid.dep in ("amod", "compound", "nmod", "nummod", "advmod")
                or kid.dep in ("dep", "npadvmod")
                and kid.pos in ("ADJ", "VERB", "NOUN")
            ):
                if covered_by(reading, kid, head) or made_of_part(reading, kid, head):
                    continue
                for word in adjective_group(kid):
                    if word.i < start:
                        reading.add_attribute(head, attribute_text(reading, word))


def described_by(head: Word, start: int) -> list[Word]:
    """The words in front of a name, also those that the parse hung under a part of the name: "red bowling balls"."""
    found = []
    for kid in head.kids:
        if kid.i >= head.i:
            break
        if kid.i < start:
            found.append(kid)
        if kid.i >= start or kid.dep == "compound" and is_part_of_name(kid, head):
            found = found + [k for k in described_by(kid, start)]
    return found


def covered_by(reading: Reading, participle: Word, head: Word) -> bool:
    """ "snow covered mountain": the snow covers the mountain."""
    if participle.low not in ("covered", "filled", "lined") or participle.i == 0:
        return False
    cover = reading.words[participle.i - 1]
    if cover.low == "-" and participle.i > 1:
        cover = reading.words[participle.i - 2]
    if cover.pos not in NOUNS:
        return False
    if not reading.is_object(cover):
        reading.add_object(cover, cover.lemma, (cover.i, cover.i + 1))
    if participle.low == "filled":
        reading.add_relation(head, "fill with", cover)
    else:
        reading.add_relation(cover, participle.lemma if participle.pos == "VERB" else participle.low[:-2], head)
    return True


def made_of_part(reading: Reading, adjective: Word, head: Word) -> bool:
    """ "a long sleeved shirt": the shirt has a sleeve, which is long."""
    part = lex.PART_ADJECTIVES.get(adjective.low)
    if part is None or adjective.i == 0 or head.lemma == part:
        return False
    before = reading.words[adjective.i - 1]
    if before.pos not in ("ADJ", "ADV", "NOUN", "VERB") or before.low in lex.NOT_ATTRIBUTES:
        return False
    reading.add_object(adjective, part, (adjective.i, adjective.i + 1))
    reading.add_attribute(adjective, before.low)
    reading.used.add(before.i)
    reading.add_relation(head, "have", adjective)
    return True


def adjective_group(word: Word) -> list[Word]:
    """ "black and white": both."""
    found = [word]
    for kid in word.kids:
        if kid.dep in ("conj", "amod") or kid.dep in ("compound", "nmod", "advmod") and kid.pos in ("ADJ", "NOUN"):
            found += adjective_group(kid)
    return found


def attribute_text(reading: Reading, word: Word) -> str:
    """The attribute as written, with the word that narrows it ("dark brown", "light colored"); empty for words like "many"."""
    if word.low in lex.NOT_ATTRIBUTES or word.tag in ("DT", "PDT", "PRP$", "WDT") or word.i in reading.used:
        return ""
    if word.pos == "NUM":
        return lex.NUMBERS.get(word.low, word.low if word.low.isdigit() else "")
    if word.pos not in ("ADJ", "NOUN", "PROPN", "VERB", "ADV") or word.pos == "ADV" and word.low not in lex.ADVERB_ATTRIBUTES:
        return ""
    low = word.low
    before = reading.words[word.i - 1] if word.i else None
    after = reading.words[word.i + 1] if word.i + 1 < len(reading.words) else None
    if before is not None and f"{before.low} {low}" in lex.ATTRIBUTE_PAIRS:
        return f"{before.low} {low}"
    if after is not None and f"{low} {after.low}" in lex.ATTRIBUTE_PAIRS:
        return ""
    if low in lex.SHADES and after is not None and after.low in lex.COLOURS | lex.COLOURED:
        return ""  # said together with the colour
    if low in lex.COLOURED:
        if before is not None and before.low in lex.COLOURS and not (word.i > 1 and reading.words[word.i - 2].low in lex.SHADES):
            return before.low
        return f"{before.low} {low}" if before is not None and before.pos in ("ADJ", "NOUN", "ADV", "VERB") else ""
    if low in lex.COLOURS and after is not None and after.low in lex.COLOURED:
        return ""
    if before is not None and before.low in lex.SHADES and low in lex.COLOURS:
        return f"{before.low} {low}"
    return lex.ATTRIBUTE_FORMS.get(low, low)


def predicate_adjectives(reading: Reading) -> None:
    """ "the bird is blue", "a door that is open", "the sky is clear and blue"."""
    for verb in reading.words:
        if verb.pos not in ("VERB", "AUX"):
            continue
        linking = verb.lemma in lex.LINKING_VERBS
        for complement in verb.kids:
            if complement.dep not in ("acomp", "attr", "oprd", "advmod", "prt") or complement.i < verb.i:
                continue
            if not linking and not (complement.dep == "oprd" or complement.dep == "acomp" and verb.lemma == "paint"):
                continue
            if any(k.dep == "neg" for k in (*verb.kids, *complement.kids)):
                continue
            for word in adjective_group(complement):
                if word.pos in ("ADJ", "VERB") or word.low in lex.ADVERB_ATTRIBUTES or word.low in lex.COLOURS:
                    for subject in reading.subjects(verb):
                        reading.add_attribute(subject, attribute_text(reading, word))


# ---------------------------------------------------------------------------------------------- relations


def possession(reading: Reading) -> None:
    """ "the man's hat": the man has a hat."""
    for word in reading.words:
        if word.dep == "poss" and word.pos in NOUNS:
            for owner in reading.group(word):
                for thing in reading.group(word.head):
                    reading.add_relation(owner, "have", thing)


def verbs(reading: Reading) -> None:
    """Every verb that is not an adjective in disguise relates its subject to its object and to its prepositional phrases."""
    for verb in reading.words:
        if verb.pos in ("VERB", "AUX") and verb.dep not in ("amod", "compound", "nmod", "aux", "auxpass", "joined"):
            verb_phrase(reading, verb)


def verb_phrase(reading: Reading, verb: Word) -> None:
    """One verb: "man holds bat", "planes are parked next to a building", "grass covered in snow", "there is a dog on the bed"."""
    if any(k.dep == "neg" for k in verb.kids):
        return
    who = reading.subjects(verb)
    what = direct_objects(reading, verb)
    phrases = prepositional_phrases(reading, verb)
    for complement in verb.kids:  # "the bird is small with a red belly"
        if complement.dep == "acomp" and verb.lemma in lex.LINKING_VERBS:
            phrases += prepositional_phrases(reading, complement)
    opening = {t.i for kid in verb.kids if kid.dep == "prep" and kid.i < min([verb.i, *(w.i for w in who)]) for t in reading.group_of(kid)}
    name = verb.lemma
    if name == "be":
        who, what = (who or what), []  # "there is a dog on the bed"
    passive = is_passive(verb)
    particle = verb.kid("prt") if name != "have" else None
    if not passive or verb.dep != "acl":
        for thing in what:
            for subject in who:
                if name == "have" and reading.place_word(thing, subject):
                    continue
                if name == "have" and worn(subject, thing):
                    reading.add_relation(subject, "wear", thing)
                    continue
                reading.add_relation(subject, f"{name} {particle.low}" if particle is not None else name, thing)
    for preposition, things in phrases:
        for thing in things:
            if passive and (preposition == "by" and name not in lex.RESTING or name in lex.COVERING and preposition in ("in", "with")):
                for subject in who:
                    reading.add_relation(thing, name, subject)
                continue
            sources, predicate = who, f"{name} {preposition}"
            if what and not passive:
                predicate = preposition
                if (
                    thing.lemma in lex.BODY_PARTS
                    and preposition in ("in", "on", "over", "under", "around", "to")
                    or name in ("wear", "have")
                ):
                    sources = what
            elif name in lex.EMPTY_VERBS or thing.i in opening:
                predicate = preposition
            elif name in lex.WEARING and preposition in ("in", "with"):
                predicate = "wear"
            for subject in sources:
                reading.add_relation(subject, predicate, thing)
    phrases_found = bool(phrases) or each_other(reading, verb, who)
    if not what and not phrases_found and name not in lex.EMPTY_VERBS and name not in lex.NEVER_ATTRIBUTES and not has_clause(verb):
        for subject in who:
            reading.add_attribute(subject, verb.low)


def each_other(reading: Reading, word: Word, who: list[Word]) -> bool:
    """ "a man and a dog next to each other": (man, next to, dog); "two cars next to each other": (car, next to, car)."""
    for kid in word.kids:
        place = kid.kid("pobj") if kid.dep == "prep" else kid if kid.dep == "dobj" else None
        if place is None or not (place.low == "eachother" or place.low == "other" and any(k.low == "each" for k in place.kids)):
            continue
        verb = "" if word.pos in NOUNS or word.lemma in lex.EMPTY_VERBS else word.lemma
        predicate = " ".join(p for p in (verb, kid.low if place is not kid else "") if p)
        if who and predicate:
            reading.add_relation(who[0], predicate, who[-1], mutual=True)
            return True
    return False


def has_clause(verb: Word) -> bool:
    """ "trying to throw": the verb that follows says what happens."""
    return verb.kid("xcomp", "ccomp") is not None


def direct_objects(reading: Reading, verb: Word) -> list[Word]:
    """What the verb is done to; in "the bat the man is holding" it is the noun that the clause describes."""
    what = [t for k in verb.kids if k.dep == "dobj" or k.dep == "attr" and k.i > verb.i for t in reading.group(k)]
    if not what and verb.dep == "relcl" and verb.tag in ("VBG", "VBZ", "VBP", "VBD") and verb.head.pos in NOUNS:
        own = any(k.dep == "nsubj" and k.low not in lex.RELATIVE_PRONOUNS for k in verb.kids)
        if own and not any(k.dep in ("prep", "prt", "nsubjpass") and not k.kids for k in verb.kids) and verb.lemma in lex.TRANSITIVE:
            return reading.chain(verb.head)
    return what


def worn(subject: Word, thing: Word) -> bool:
    """ "a man with glasses on": he wears them."""
    if subject.lemma not in lex.ANIMATE or thing.lemma not in lex.CLOTHING:
        return False
    hangers = [*thing.kids, *subject.kids, *(thing.head.kids if thing.dep == "dobj" else ())]
    return any(k.low == "on" and k.i > thing.i and not k.kids for k in hangers)


def is_passive(verb: Word) -> bool:
    """ "is parked", "covered in snow"."""
    return verb.tag in ("VBN", "VBD") and (any(k.dep in ("nsubjpass", "auxpass") for k in verb.kids) or verb.dep == "acl")


def prepositional_phrases(reading: Reading, word: Word) -> list[tuple[str, list[Word]]]:
    """The prepositional phrases that hang under a word: (preposition, objects)."""
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
        each_other(reading, noun, reading.chain(noun))
        for preposition, things in prepositional_phrases(reading, noun):
            if noun.i in reading.same and preposition == "of":
                continue
            for subject in reading.chain(noun):
                for thing in things:
                    if preposition == "of":
                        of_phrase(reading, subject, thing)
                    elif preposition == "with" and reading.place_word(thing, subject):
                        continue
                    elif preposition == "in" and thing.lemma in lex.WORN and subject.lemma not in lex.CLOTHING:
                        reading.add_relation(subject, "wear", thing)
                    elif preposition == "in" and is_unnamed_clothing(thing) or preposition == "with" and worn(subject, thing):
                        reading.add_relation(subject, "wear", thing)
                    else:
                        reading.add_relation(subject, preposition, thing)


def of_phrase(reading: Reading, part: Word, whole: Word) -> None:
    """ "leg of the man": the man has a leg. "a glass of wine": wine in a glass. "a picture of a dog": it depicts one."""
    if part.lemma in lex.CONTAINERS:
        reading.add_relation(whole, lex.CONTAINERS[part.lemma], part)
    elif part.lemma in lex.PICTURES:
        reading.add_relation(part, "depict", whole)
    elif part.lemma in lex.HOLDERS:
        reading.add_relation(part, "have", whole)
    else:
        reading.add_relation(whole, "have", part)
