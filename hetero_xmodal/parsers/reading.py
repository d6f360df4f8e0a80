"""The state of reading one sentence: objects and relations found so far, and reference resolution."""

from __future__ import annotations

from collections.abc import Collection

from ..scenes import SceneObject, SceneRelation
from . import lexicon as lex
from .words import NOUN_TAGS, Word

#: two lists of a hundred nouns each give as many; longer products are no captions, and grow with the square of the text
MAX_RELATIONS = 10_000


class TooManyRelations(Exception):
    """The text has more than :data:`MAX_RELATIONS` relations."""


class Reading:
    """Objects and relations found so far; ``index`` maps the token index of an object's head to its index in ``objects``."""

    def __init__(self, words: list[Word], known_verbs: Collection[str] = ()) -> None:
        self.words = words
        self.known_verbs = known_verbs  # base forms in the dictionary
        self.objects: list[SceneObject] = []
        self.relations: list[SceneRelation] = []
        self.index: dict[int, int] = {}
        self.heads: list[Word] = []
        self.same: dict[int, Word] = {}  # token index of a quantity noun -> the noun it counts
        self.absent: set[int] = set()  # nouns that are named as not being there
        self.used: set[int] = set()  # words that are part of another attribute
        self._seen: set[tuple[int, str, int]] = set()

    # ------------------------------------------------------------------------------------------ adding facts

    def is_object(self, word: Word) -> bool:
        """Whether the word is the head of an object."""
        return word.i in self.index

    def object_of(self, word: Word) -> SceneObject:
        """The object whose head the word is."""
        return self.objects[self.index[word.i]]

    def start_of(self, word: Word) -> int:
        """Index of the first token of the name of the object whose head the word is."""
        span = self.object_of(word).span
        return word.i if span is None else span[0]

    def add_object(self, head: Word, name: str, span: tuple[int, int]) -> None:
        """Add an object with its head word, name and span of tokens."""
        self.index[head.i] = len(self.objects)
        self.objects.append(SceneObject(name, span=span, head=head.i, provenance="parsed"))
        self.heads.append(head)

    def add_attribute(self, head: Word, attribute: str) -> None:
        """Add an attribute to the object(s) of a word; no effect if it is empty or the word is not an object."""
        for word in self.resolve(head) if head.i in self.same else [head]:
            if word.i in self.index and attribute:
                thing = self.object_of(word)
                if attribute not in thing.attributes and attribute != thing.name:
                    thing.attributes.append(attribute)

    def add_relation(self, subject: Word, predicate: str, thing: Word, *, mutual: bool = False) -> None:
        """Add a relation once; *mutual* ("each other") allows an object to be related to itself."""
        if subject.i not in self.index or thing.i not in self.index:
            return
        key = (self.index[subject.i], predicate, self.index[thing.i])
        if (key[0] != key[2] or mutual) and key not in self._seen:
            if len(self._seen) >= MAX_RELATIONS:
                raise TooManyRelations(f"more than {MAX_RELATIONS} relations")
            self._seen.add(key)
            self.relations.append(SceneRelation(*key, provenance="parsed"))

    # ------------------------------------------------------------------------------------------ reference resolution

    def resolve(self, word: Word) -> list[Word]:
        """The objects a word refers to: itself, the noun that a quantity counts, or the antecedent of a relative or personal pronoun."""
        if word.i in self.same:
            return self.group(self.same[word.i])
        if self.is_object(word):
            return [word]
        if word.tag == "PRP":
            return self.antecedent(word)
        if word.low in lex.SOME_OF:  # "some of the people"
            return [thing for kid in word.kids if kid.low == "of" for thing in self.group_of(kid)]
        if word.low in lex.RELATIVE_PRONOUNS:
            clause = word.head
            while clause.dep != "relcl" and clause.head is not clause:
                clause = clause.head
            return self.described_by_clause(clause, word) if clause.dep == "relcl" else []
        return []

    def described_by_clause(self, clause: Word, pronoun: Word) -> list[Word]:
        """ "a beak and wings that are black": the wings, the last noun before "that", if it agrees with the verb in number."""
        nouns = [noun for noun in self.chain(clause.head) if noun.i < pronoun.i]
        if len(nouns) < 2:
            return nouns or self.chain(clause.head)
        verb = self.words[pronoun.i + 1] if pronoun.i + 1 < len(self.words) else clause
        plural = nouns[-1].tag in ("NNS", "NNPS")
        return nouns if verb.low in ("are", "were", "have") and not plural else nouns[-1:]

    def antecedent(self, pronoun: Word) -> list[Word]:
        """ "a table with a cat on it": the table; otherwise the first object before the pronoun."""
        above = pronoun
        for _ in range(8):
            if above.head is above:
                break
            if above.tag in NOUN_TAGS and above.dep == "pobj" and above.head.low == "with":
                holder = above.head.head
                return self.resolve(holder) if holder.tag in NOUN_TAGS else self.subjects(holder)
            if above.tag in NOUN_TAGS and above.dep == "dobj" and above.head.lemma == "have":
                return self.subjects(above.head)
            above = above.head
        for head in self.heads:
            if head.i < pronoun.i:
                return [head]
        return []

    def place_word(self, thing: Word, whole: Word) -> bool:
        """ "a pole with a sign on it", "... on top": add "on (top of)", which is more specific than "with"; True if it applies."""
        carriers = [thing, *(k for k in thing.kids if k.dep in ("acl", "relcl"))]
        if thing.dep == "dobj":
            carriers.append(thing.head)
        for carrier in carriers:
            for kid in carrier.kids:
                if kid.dep not in ("prep", "prt", "advmod") or kid.i < thing.i:
                    continue
                place = kid.kid("pobj")
                if place is None:
                    continue
                if place.low in ("it", "them"):
                    return True
                if not self.is_object(place) and place.low in lex.PLACE_PREDICATES and place.i not in self.same:
                    self.add_relation(thing, lex.PLACE_PREDICATES[place.low].format(kid.low), whole)
                    return True
        return False

    def group(self, word: Word) -> list[Word]:
        """The objects of a coordination that starts at this word: "a dog and a cat" -> dog, cat."""
        found: dict[int, Word] = {}
        waiting = [word]  # iterative, because a text may chain thousands of nouns
        while waiting:
            word = waiting.pop()
            for thing in self.resolve(word):
                found.setdefault(thing.i, thing)
            waiting += [kid for kid in reversed(word.kids) if kid.dep in ("conj", "appos")]
        return list(found.values())

    def group_of(self, preposition: Word) -> list[Word]:
        """The objects of a preposition."""
        return [thing for kid in preposition.kids if kid.dep == "pobj" for thing in self.group(kid)]

    def chain(self, word: Word) -> list[Word]:
        """The whole coordination that a word is part of."""
        top = word
        while top.dep == "conj" and top.head is not top and top.head.tag in NOUN_TAGS:
            top = top.head
        return self.group(top)

    def subjects(self, verb: Word, depth: int = 0) -> list[Word]:
        """Subjects of a verb: its own, else the noun it modifies, else those of the verb it depends on."""
        if depth > 6:
            return []
        for kid in verb.kids:
            if kid.dep in ("nsubj", "nsubjpass") and kid.low != "there":
                found = self.group(kid)
                if found or kid.low not in lex.RELATIVE_PRONOUNS:
                    return found
        head = verb.head
        if verb.dep in ("acl", "relcl"):
            return self.chain(head) if head.tag in NOUN_TAGS else self.subjects(head, depth + 1)
        if head is not verb and verb.dep in ("conj", "advcl", "xcomp", "ccomp", "pcomp", "dep", "prep"):
            return self.chain(head) if head.tag in NOUN_TAGS else self.subjects(head, depth + 1)
        for kid in verb.kids:  # "hand holding a phone" with the hand parsed as an adverb
            if (
                kid.i < verb.i
                and kid.dep in ("npadvmod", "dep", "nmod", "compound", "intj", "csubj", "advcl", "amod")
                and self.is_object(kid)
            ):
                return self.group(kid)
        return []
