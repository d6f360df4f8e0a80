"""From a dependency parse to a scene graph: one function per construction of English, read from top to bottom by :func:`read_scene`."""

from __future__ import annotations

from ..scenes import SceneObject, SceneRelation
from . import lexicon as lex
from .words import Lemmatizer, Word


class Reading:
    """What has been understood so far of one sentence."""

    def __init__(self, words: list[Word], lemma: Lemmatizer) -> None:
        self.words, self.lemma = words, lemma
        self.objects: list[SceneObject] = []
        self.relations: list[SceneRelation] = []
        self.index: dict[int, int] = {}  # token index of an object's head -> index into objects
        self.heads: list[Word] = []
        self.same: dict[int, Word] = {}  # a quantity noun -> the noun it counts
        self.seen: set[tuple[int, str, int]] = set()
        self.arcs: list[tuple[int, str]] = []

    def is_object(self, word: Word) -> bool:
        return word.i in self.index

    def add_object(self, head: Word, name: str, span: tuple[int, int]) -> None:
        self.index[head.i] = len(self.objects)
        self.objects.append(SceneObject(name, span=span, head=head.i))
        self.heads.append(head)

    def add_attribute(self, head: Word, attribute: str) -> None:
        head = self.same.get(head.i, head)
        if head.i not in self.index or not attribute:
            return
        thing = self.objects[self.index[head.i]]
        if attribute not in thing.attributes and attribute != thing.name:
            thing.attributes.append(attribute)

    def add_relation(self, subject: Word, predicate: str, thing: Word) -> None:
        if subject.i not in self.index or thing.i not in self.index or not predicate:
            return
        key = (self.index[subject.i], predicate, self.index[thing.i])
        if key[0] != key[2] and key not in self.seen:
            self.seen.add(key)
            self.relations.append(SceneRelation(*key))

    # ------------------------------------------------------------------------------------------ who is meant

    def resolve(self, word: Word) -> list[Word]:
        """The object that a word stands for: itself, the noun a quantity counts, the noun a relative pronoun or pronoun points to."""
        if word.i in self.same:
            return self.resolve(self.same[word.i])
        if self.is_object(word):
            return [word]
        if word.low in lex.RELATIVE_PRONOUNS:
            clause = word.head
            while clause.dep != "relcl" and clause.head is not clause:
                clause = clause.head
            return chain(self, clause.head) if clause.dep == "relcl" else []
        if word.tag == "PRP":
            return self.antecedent(word)
        return []

    def antecedent(self, pronoun: Word) -> list[Word]:
        """A pronoun points to the first object of the sentence in front of it."""
        for head in self.heads:
            if head.i < pronoun.i:
                return [head]
        return []

    def group(self, word: Word) -> list[Word]:
        """The objects of a coordination that starts at this word: "a dog and a cat" -> dog, cat."""
        found = self.resolve(word)
        for kid in word.kids:
            if kid.dep == "conj" or kid.dep == "appos":
                found += [w for w in self.group(kid) if w not in found]
        return found


def chain(reading: Reading, word: Word) -> list[Word]:
    """The whole coordination that a word is part of, wherever in it the word stands."""
    top = word
    while top.dep == "conj" and top.head.pos in ("NOUN", "PROPN"):
        top = top.head
    return reading.group(top)


# ---------------------------------------------------------------------------------------------- repairs of the parse


def join_prepositions(words: list[Word]) -> None:
    """ "in front of", "on the left side of", "next to" become one preposition with one object."""
    i = 0
    while i < len(words):
        length, predicate = _multiword(words, i)
        if length:
            _join(words, i, i + length, predicate)
        i += max(length, 1)


def _multiword(words: list[Word], i: int) -> tuple[int, str]:
    low = [w.low for w in words[i : i + 6]]
    if low[0] in lex.PLACE_PREPOSITIONS:
        j, side = 1, ""
        while j < len(low) and (low[j] in ("the", "its", "it", "their", "a", "each", "one", "both", "either", "very", "far", "other") or words[i + j].tag in ("PRP$",)):
            j += 1
        if j < len(low) and low[j] in ("left", "right") and j + 1 < len(low) and low[j + 1] in ("side", "hand"):
            side = low[j]
            j += 1
            if low[j] == "hand" and j + 1 < len(low) and low[j + 1] == "side":
                j += 1
        if j + 1 < len(low) and low[j] in lex.PLACE_NOUNS and (low[j + 1] == "of" or low[j] in ("left", "right") and low[j + 1] == "to"):
            side = side or (low[j] if low[j] in ("left", "right") else "")
            if side:
                return j + 2, f"{side} of"
            return j + 2, _place_predicate(low[0], low[j])
    for length in (3, 2):
        phrase = " ".join(low[:length])
        if len(low) >= length and phrase in lex.MULTIWORD_PREPOSITIONS:
            predicate = lex.MULTIWORD_PREPOSITIONS[phrase]
            if predicate.endswith(" of") and not phrase.endswith("of") and not (len(low) > length and low[length] == "of"):
                continue
            return length, predicate
    return 0, ""


def _place_predicate(preposition: str, noun: str) -> str:
    if noun == "top":
        return "on top of"
    if noun == "front":
        return "in front of" if preposition != "on" else "on front of"
    if noun in ("corner", "center", "centre", "middle"):
        return f"in {noun} of"
    if noun in ("side", "bottom", "back", "edge", "end"):
        return f"on {noun} of" if not (preposition == "in" and noun == "back") else "in back of"
    return f"{preposition} {noun} of"


def _join(words: list[Word], start: int, end: int, predicate: str) -> None:
    span = words[start:end]
    inside = set(range(start, end))
    top = next((w for w in span if w.head.i not in inside), None)
    first = span[0]
    if top is None:  # the phrase holds the root of the sentence
        top = next(w for w in span if w.head is w)
        outer = words[start - 1] if start else first
    else:
        outer = top.head
    kids = [k for w in span for k in w.kids if k.i not in inside]
    for w in span[1:]:
        if w.head is not w and w in w.head.kids:
            w.head.kids.remove(w)
        w.head, w.dep, w.kids = first, "joined", []
        w.pos = w.tag = "X"
    if first.head is not first and first in first.head.kids:
        first.head.kids.remove(first)
    first.kids, first.low, first.text = [], predicate, first.text
    first.retag("IN")
    if outer is first:
        first.head, first.dep = first, "ROOT"
    else:
        first.head, first.dep = outer, "prep"
        outer.kids.append(first)
        outer.kids.sort(key=lambda w: w.i)
    for k in kids:
        k.head = first
        if k.pos in ("NOUN", "PROPN", "PRON") and k.dep in ("pobj", "dobj", "ROOT", "dep", "attr", "npadvmod"):
            k.dep = "pobj"
        first.kids.append(k)
    first.kids.sort(key=lambda w: w.i)


# ---------------------------------------------------------------------------------------------- objects


def find_objects(reading: Reading) -> None:
    """Every noun that is not part of another noun's name, not a quantity and not the frame of the picture is an object."""
    for word in reading.words:
        if word.pos not in ("NOUN", "PROPN") or word.dep == "joined":
            continue
        if word.dep in ("compound", "nmod", "amod") and word.head.pos in ("NOUN", "PROPN") and word.head.i > word.i:
            continue
        counted = quantity(word)
        if counted is not None:
            reading.same[word.i] = counted
            continue
        name, start = object_name(reading, word)
        reading.add_object(word, name, (start, word.i + 1))


def quantity(word: Word) -> Word | None:
    """ "a group of people": the object is people. Returns the noun that a quantity noun counts, or None."""
    if reading_lemma(word) not in lex.QUANTITY_NOUNS:
        return None
    of = next((k for k in word.kids if k.dep == "prep" and k.low == "of"), None)
    thing = of.kid("pobj") if of else None
    return thing if thing is not None and thing.pos in ("NOUN", "PROPN") else None


def reading_lemma(word: Word) -> str:
    return word.lemma


def object_name(reading: Reading, head: Word) -> tuple[str, int]:
    """Name of an object: the singular noun with the nouns that belong to it ("fire hydrant"), and where the name starts."""
    parts, start = [head.lemma], head.i
    for kid in sorted((k for k in head.kids if k.i < head.i), key=lambda k: -k.i):
        if kid.dep == "compound" and kid.i == start - 1 and is_part_of_name(kid, head):
            parts.insert(0, kid.low)
            start = kid.i
    name = " ".join(parts)
    return lex.NAME_FORMS.get(name, name), start


def is_part_of_name(modifier: Word, head: Word) -> bool:
    """ "teddy bear" is one name, "brick wall" is wall[brick]."""
    return modifier.lemma not in lex.MATERIALS and modifier.low not in lex.MATERIALS


# ---------------------------------------------------------------------------------------------- attributes


def adjectives_before_noun(reading: Reading) -> None:
    """ "a small red bird", "a brick wall", "two dogs": what stands in front of a noun describes it."""
    for head in list(reading.words):
        if head.pos not in ("NOUN", "PROPN") or not (reading.is_object(head) or head.i in reading.same):
            continue
        start = reading.objects[reading.index[head.i]].span[0] if reading.is_object(head) else head.i
        if head.i in reading.same and lex.QUANTITY_NOUNS.get(head.lemma):
            reading.add_attribute(head, lex.QUANTITY_NOUNS[head.lemma])
        for kid in head.kids:
            if kid.i >= start:
                continue
            if kid.dep in ("amod", "compound", "nmod", "nummod", "advmod") or kid.dep == "dep" and kid.pos in ("ADJ", "VERB"):
                for word in adjective_group(kid):
                    attribute = attribute_text(word)
                    if attribute:
                        for h in [head]:
                            reading.add_attribute(h, attribute)


def adjective_group(word: Word) -> list[Word]:
    """ "black and white": both."""
    found = [word]
    for kid in word.kids:
        if kid.dep in ("conj", "amod") or kid.dep in ("compound", "nmod") and kid.pos == "ADJ":
            found += adjective_group(kid)
    return found


def attribute_text(word: Word) -> str:
    """The attribute as written, with the words that narrow it ("dark brown", "light colored"); empty for words like "many"."""
    if word.low in lex.NOT_ATTRIBUTES or word.tag in ("DT", "PDT", "PRP$", "WDT"):
        return ""
    if word.pos == "NUM":
        return word.low if word.low in lex.NUMBERS or word.low.isdigit() else ""
    if word.pos not in ("ADJ", "NOUN", "PROPN", "VERB"):
        return ""
    narrowing = [k.low for k in word.kids if k.i < word.i and k.low in ("dark", "light", "bright", "pale") or k.dep == "npadvmod"]
    text = " ".join([*narrowing, word.low])
    return lex.ATTRIBUTE_FORMS.get(text, text)


def predicate_adjectives(reading: Reading) -> None:
    """ "the bird is blue", "the door that is open", "the sky is clear and blue"."""
    for verb in reading.words:
        if verb.lemma not in ("be", "look", "appear", "seem") or verb.pos not in ("VERB", "AUX"):
            continue
        for complement in verb.kids:
            if complement.dep not in ("acomp", "attr", "oprd") or complement.i < verb.i:
                continue
            words = adjective_group(complement)
            for subject in subjects(reading, verb):
                for word in words:
                    if word.pos in ("ADJ", "VERB", "ADV"):
                        reading.add_attribute(subject, attribute_text(word))


# ---------------------------------------------------------------------------------------------- relations


def subjects(reading: Reading, verb: Word, depth: int = 0) -> list[Word]:
    """Who does it: the verb's own subject, else the noun it describes, else the subject of the verb it depends on."""
    if depth > 6:
        return []
    for kid in verb.kids:
        if kid.dep in ("nsubj", "nsubjpass", "expl"):
            if kid.dep == "expl" or kid.low == "there":
                continue
            found = reading.group(kid)
            if found or kid.low not in lex.RELATIVE_PRONOUNS:
                return found
    if verb.dep in ("acl", "relcl"):
        return chain(reading, verb.head) if verb.head.pos in ("NOUN", "PROPN") else subjects(reading, verb.head, depth + 1)
    if verb.head is not verb and verb.dep in ("conj", "advcl", "xcomp", "ccomp", "pcomp", "dep", "prep"):
        if verb.head.pos in ("NOUN", "PROPN"):
            return chain(reading, verb.head)
        return subjects(reading, verb.head, depth + 1)
    return []


def is_passive(verb: Word) -> bool:
    """ "is parked", "covered in snow"."""
    return verb.tag in ("VBN", "VBD") and (any(k.dep in ("nsubjpass", "auxpass") for k in verb.kids) or verb.dep == "acl")


def prepositions(reading: Reading, word: Word) -> list[tuple[str, list[Word]]]:
    """The prepositional phrases that hang under a word: (preposition, objects)."""
    found = []
    for kid in word.kids:
        if kid.dep not in ("prep", "agent", "dative", "prt", "advmod") or kid.pos not in ("ADP", "ADV", "PART", "VERB"):
            continue
        things = [k for k in kid.kids if k.dep == "pobj"]
        text = lex.PREPOSITION_FORMS.get(kid.low, kid.low)
        if things:
            found.append((text, [t for thing in things for t in reading.group(thing)]))
        for inner in kid.kids:  # "down from the tree", "out of the window"
            if inner.dep == "prep" and inner.pos in ("ADP", "PART"):
                deep = [t for k in inner.kids if k.dep == "pobj" for t in reading.group(k)]
                if deep:
                    found.append((f"{text} {inner.low}" if not things else inner.low, deep))
    return found


def noun_with_preposition(reading: Reading) -> None:
    """ "a bird on a tree", "the wheel of a bike", "a glass of wine"."""
    for noun in reading.words:
        if noun.pos not in ("NOUN", "PROPN"):
            continue
        for preposition, things in prepositions(reading, noun):
            if noun.i in reading.same and preposition == "of":
                continue
            for subject in chain(reading, noun) if noun.i not in reading.same else reading.resolve(noun):
                for thing in things:
                    if preposition == "of":
                        of_phrase(reading, subject, thing)
                    else:
                        reading.add_relation(subject, preposition, thing)


def of_phrase(reading: Reading, part: Word, whole: Word) -> None:
    """ "leg of the man": the man has a leg. "a glass of wine": wine in a glass. "a picture of a dog": it depicts one."""
    if part.lemma in lex.CONTAINERS:
        reading.add_relation(whole, lex.CONTAINERS[part.lemma], part)
    elif part.lemma in lex.PICTURES:
        reading.add_relation(part, "of", whole)
    else:
        reading.add_relation(whole, "have", part)


def possession(reading: Reading) -> None:
    """ "the man's hat": the man has a hat."""
    for word in reading.words:
        if word.dep == "poss" and word.pos in ("NOUN", "PROPN"):
            for owner in reading.group(word):
                for thing in reading.group(word.head):
                    reading.add_relation(owner, "have", thing)


def verbs(reading: Reading) -> None:
    """Every verb that is not an adjective in disguise relates its subject to its object and to its prepositional phrases."""
    for verb in reading.words:
        if verb.pos == "VERB" and verb.dep not in ("amod", "compound", "nmod", "aux", "auxpass", "joined"):
            verb_phrase(reading, verb)
        elif verb.lemma == "be" and verb.dep not in ("aux", "auxpass"):
            verb_phrase(reading, verb)


def verb_phrase(reading: Reading, verb: Word) -> None:
    """One verb: "man holds bat", "planes are parked next to a building", "grass covered in snow", "there is a dog on the bed"."""
    who = subjects(reading, verb)
    empty = verb.lemma in lex.EMPTY_VERBS
    what = [t for k in verb.kids if k.dep in ("dobj", "attr") and k.i > verb.i for t in reading.group(k)]
    if verb.dep == "relcl" and any(k.dep == "dobj" and k.low in lex.RELATIVE_PRONOUNS for k in verb.kids):
        what = chain(reading, verb.head)
    phrases = prepositions(reading, verb)
    if verb.lemma == "be":
        if not who:
            who = what  # "there is a dog on the bed"
        what = []
    passive = is_passive(verb)
    for thing in what:
        for subject in who:
            if passive and verb.dep == "acl":
                continue
            reading.add_relation(subject, verb.lemma, thing)
    for preposition, things in phrases:
        for thing in things:
            if passive and (preposition == "by" or verb.lemma in lex.COVERING and preposition in ("in", "with", "by")):
                for subject in who:
                    reading.add_relation(thing, verb.lemma, subject)
                continue
            if what and not passive:
                if thing.lemma in lex.BODY_PARTS and preposition in ("in", "on", "over", "under", "around"):
                    sources = what
                else:
                    sources = who
                predicate = preposition
            else:
                sources = who
                predicate = preposition if empty else f"{verb.lemma} {preposition}"
            for subject in sources:
                reading.add_relation(subject, predicate, thing)
    if verb.lemma != "be" and not what and not phrases and not empty:
        for subject in who:
            if verb.tag in ("VBG", "VBN", "VBD", "VBZ", "VBP"):
                reading.add_attribute(subject, verb.low)


def lemmatise(words: list[Word], lemma: Lemmatizer) -> None:
    for w in words:
        if w.pos in ("NOUN", "PROPN"):
            w.lemma = lemma(w.low, "NOUN")
        elif w.pos in ("VERB", "AUX"):
            w.lemma = lemma(w.low, "VERB")


def read_scene(words: list[Word], lemma: Lemmatizer) -> Reading:
    """Apply the constructions in order."""
    arcs = [(w.head.i, w.dep) for w in words]
    join_prepositions(words)
    lemmatise(words, lemma)
    reading = Reading(words, lemma)
    reading.arcs = arcs
    find_objects(reading)
    adjectives_before_noun(reading)
    predicate_adjectives(reading)
    possession(reading)
    verbs(reading)
    noun_with_preposition(reading)
    return reading
