"""What an editing instruction asks for, in words that a person would use: a list of :class:`Request`.

Rules over the words, in three steps: a sentence is cut into clauses, each clause is compared with the forms below, from the most special to
the most general, and contradictions between the requests are looked for. What no form fits is
``free``: models get such a sentence as it is.

============  =========================================================================================================
kind          forms
============  =========================================================================================================
attribute     "the wings are red", "paint its tummy scarlet", "change the colour of the box to blue", "a bird with a short bill",
              "give it red wings", "the belly is red instead of yellow", "not yellow but red"
remove        "remove / get rid of / take away the tree", "no tree", "without the dog", "the lamp is gone"; "no" and plurals mean all
replace       "a cat instead of / in place of the dog", "replace / swap / exchange ... with / for ...", "turn the dog into a cat"
move          "put / move the cup on the table", "the cup is on the table", "the dog should be left of the box"
refused       what cannot be painted: "the wings are not red" (which colour then?), "red and blue" at once, "don't remove the dog"
============  =========================================================================================================

>>> parse_instruction("Please paint its tummy scarlet and get rid of the trees.")
[Request(attribute belly: red), Request(remove all tree)]
>>> parse_instruction("a kitten in place of the dog")
[Request(replace dog: cat)]
>>> parse_instruction("The wings are not red.")[0].reason
'the sentence says what the wings should not be (red); say what they should be'
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from . import instruction_words as words
from .instruction_phrases import Phrase, clauses, noun_of, phrase_of, phrases_of, said_of, values_of
from .instruction_phrases import family_of as family_of

#: characters; longer texts are descriptions, no instructions, and are not searched
_LONGEST = 1_000
_NO_CHANGE = "the sentence asks for no change"
KINDS = ("attribute", "remove", "replace", "move", "refused", "free")


@dataclass(frozen=True)
class Request:
    """One change that an instruction asks for.

    kind : one of :data:`KINDS`
    target : what is to change, a singular noun in the words of the data sets; ``""`` if the instruction names none
    values : attributes it is to have, or of a replacement those of the new object; basic terms, see :class:`~.instruction_phrases.Value`
    was : attributes it has now, as the instruction says ("instead of yellow")
    new : replacement: the noun of the new object
    predicate, other : move: where to, such as ``"on"`` and ``"table"``
    of : attributes that tell which one is meant: "the *small* box"
    every : all of them, not one
    owner : what the target is a part of, if the instruction says so
    reason : of a refused request, the sentence that says why
    text : the clause
    """

    kind: str
    target: str = ""
    values: tuple[str, ...] = ()
    was: tuple[str, ...] = ()
    new: str = ""
    predicate: str = ""
    other: str = ""
    of: tuple[str, ...] = ()
    every: bool = False
    owner: str = ""
    reason: str = ""
    text: str = ""

    def __repr__(self) -> str:
        return f"Request({self.summary()})"

    def summary(self) -> str:
        """One line without the clause: ``"attribute belly: red"``, ``"remove all tree"``, ``"move cup: on table"``."""
        target = " ".join(["all"] * self.every + [*self.of, self.target])
        after = {
            "attribute": " ".join(self.values) + (f" (was {' '.join(self.was)})" if self.was else ""),
            "replace": " ".join([*self.values, self.new]),
            "move": f"{self.predicate} {self.other}",
        }.get(self.kind, "")
        return f"{self.kind} {target}".rstrip() + (f": {after}" if after else "")


def parse_instruction(sentence: str) -> list[Request]:
    """The changes that *sentence* asks for, in its order; one ``free`` request if no form fits.

    Parameters
    ----------
    sentence : English text, one or several sentences.

    >>> parse_instruction("The dog is green instead of yellow; put the cup on the table.")
    [Request(attribute dog: green (was yellow)), Request(move cup: on table)]
    >>> parse_instruction("A lovely afternoon.")
    [Request(free)]
    """
    requests: list[Request] = []
    for clause in clauses(sentence) if len(sentence) <= _LONGEST else ():
        found = _requests(clause, requests)
        requests += [replace(request, text=clause) for request in found]
    if any(request.kind not in ("refused", "free") for request in requests):  # "paint the wings red, but leave the tail"
        requests = [request for request in requests if not request.reason.startswith(_NO_CHANGE)]
    return _without_contradictions(requests) or [Request("free", text=sentence)]


# ---------------------------------------------------------------------------------------------- forms


_PLACE = "|".join(sorted(map(re.escape, words.PLACES), key=len, reverse=True))


def _requests(clause: str, before: list[Request]) -> list[Request]:
    """The requests of one clause, by the first form that fits."""
    wanted = re.match(
        rf"(?:.* )?(?:i|we) (?:want|would like|need|wish) (?:to (?:have|see) )?((?:the|a|an|its) .+ (?:{_PLACE}) .+)$", clause
    )
    if wanted and not re.search(rf"\b{words.BE}\b", clause):
        clause = f"put {wanted[1]}"
    clause = re.sub(rf"^(?:{words.POLITE}[ ,]+)+", "", clause)
    clause = re.sub(r"^(?:to|that|let) ", "", clause)
    clause = re.sub(r"^(?:this|it|here|there) is (?=(?:an?|the) )", "", clause)
    clause = re.sub(words.LAST, "", clause)
    found: list[Request] = []
    for form in (_negated, _removed, _replaced, _moved, _changed, _painted, _given, _stated, _owned, _named):
        found = list(form(clause, before))
        if found:
            break
    denied = words.DENIED.search(clause)
    if denied and clause not in ("no", "not") and (not found or any(words.DENIED.search(request.target) for request in found)):
        return [_refused("", f"the sentence says what should not be ('{clause}'); say what should be")]
    return found


def _refused(target: str, reason: str) -> Request:
    return Request("refused", target, reason=reason)


def _negated(clause: str, before: list[Request]) -> Iterator[Request]:
    """ "do not ..." and "... is not red": nothing that could be painted."""
    unwanted = re.match(r"(?:i|we) do not (?:want|like|need) (.+?) to (?:be|become|turn) (.+)$", clause)
    clause = f"{unwanted[1]} be not {unwanted[2]}" if unwanted else clause
    clause = re.sub(rf"({words.BE}) (?:neither|anything but|any colou?r but|everything but)\b", r"\1 not", clause)
    found = re.match(r"not (.+)$", clause)
    if found and (phrase := phrase_of(found[1])) and phrase.values:
        clause = f"the {phrase.noun} be not {' '.join(phrase.values)}"
    found = re.match(r"(?:do not|never|do never|avoid|should not|must not) (.+)", clause)
    if re.match(r"(?:keep|leave) ", clause) and not re.match(r"leave no ", clause):
        yield _refused("", f"{_NO_CHANGE} ('{clause}'); say what should change")
    elif found:
        yield _refused("", f"the sentence says what not to do ('{clause}'); say what should change")
    if found or re.match(r"(?:keep|leave|there|here) ", clause):
        return
    found = re.match(rf"(.+?) (?:{words.BE}) not (?:be )?(.+)$", clause) or re.match(
        r"(.+?) (?:should|must|can|do|does|will) not (?:be|have|become) (.+)$", clause
    )
    if found and not re.fullmatch(r"(?:there|here|in the (?:image|picture|photo|scene))(?: .*)?", found[2]):
        for phrase in phrases_of(found[1]) or [Phrase("")]:
            what = f"the {found[1].removeprefix('the ')}" if phrase.noun else "it"
            they = "they" if phrase.plural else "it"
            yield _refused(phrase.noun, f"the sentence says what {what} should not be ({found[2]}); say what {they} should be")


def _removed(clause: str, before: list[Request]) -> Iterator[Request]:
    found = (
        re.match(rf"{words.REMOVE} (.+?)(?: away| out)?$", clause)
        or re.match(r"take (.+) (?:away|out|off)$", clause)
        or re.match(r"(?:take|get) (.+) out of(?: (?:the|this) (?:image|picture|photo|scene))?$", clause)
        or re.match(r"(?:make|let) (.+) (?:disappear|vanish|go away)$", clause)
        or re.match(r"(.+) (?:disappears?|vanish(?:es)?|goes away)$", clause)
        or re.match(rf"(.+?) (?:{words.BE}|has been|have been) {words.GONE}$", clause)
        or re.match(r"(.+) (?:should|must|has to|have to|needs to) (?:go|disappear|vanish|go away)$", clause)
        or re.match(r"(.+?) (?:is|are|should|must|shall) not (?:be )?(?:there|here|in the (?:image|picture|photo|scene))$", clause)
    )
    none = re.match(
        r"(?:(?:there (?:is|are|should be|must be|shall be)|have|with|show|leave) )?(?:no|without|not any)(?: more)? "
        r"(?:any |the |a |an )?(.+)$",
        clause,
    )
    none = none or re.match(
        r"(?:(?:show|draw|make|give me) )?(?:the |a |this )?(?:image|picture|scene|photo|same)(?: \w+)? "
        r"(?:without|with no|has no|should have no) (?:any |the |a |an )?(.+)$",
        clause,
    )
    none = none or re.match(r"(?:i|we) do not (?:want|like|need)(?: to see| to have)? (?:any |a |an |the )?(.+)$", clause)
    none = none or re.match(r"there (?:is|are|should|must|shall|can) not (?:be )?(?:any |a |an )?(.+)$", clause)
    for phrase in phrases_of((found or none)[1]) if found or none else []:
        if phrase.noun:
            # "no tree" wants none of them, "remove the tree" one
            every = phrase.every or phrase.plural or bool(none and re.match(r".*\b(?:no|any|not)\b", clause))
            yield Request("remove", phrase.noun, of=phrase.values, every=every, owner=phrase.owner)


_OLD_AND_NEW = (
    r"(?:replace|substitute) (?P<old>.+?) (?:with|by) (?P<new>.+)$",
    r"(?:swap|exchange|trade|switch) (?:out )?(?P<old>.+?) (?:for|with|against) (?P<new>.+)$",
    r"substitute (?P<new>.+?) for (?P<old>.+)$",
    rf"(?:{words.PUT}|use|have|show|draw|want|make it|there is|there should be|i want)? ?(?P<new>.+?) "
    r"(?:instead of|where (?=.+ (?:is|was|stands)$)) ?(?P<old>.+?)(?: (?:is|was|stands))?$",
    r"instead of (?P<old>.+?),? (?:there is |there should be |i want |put |show |draw |use )?(?P<new>(?:a|an|the|two) .+)$",
    rf"{words.CHANGE} (?P<old>.+?) (?:in)?to (?P<new>(?:a|an|the) .+)$",
    r"(?P<new>.+?) (?:should )?takes? the place of (?P<old>.+)$",
    r"make (?P<old>(?:the|this|that) .+?) (?:in)?(?:to )?(?P<new>(?:a|an) .+)$",
    rf"(?P<old>(?:the|this|that) [\w -]+?) (?:{words.BE}|should turn into|turns into|becomes) (?:now )?(?P<new>(?:a|an) .+)$",
)


def _replaced(clause: str, before: list[Request]) -> Iterator[Request]:
    for pattern in _OLD_AND_NEW:
        found = re.match(pattern, clause)
        if not found:
            continue
        old, new = phrase_of(found["old"]), phrase_of(found["new"])
        if old and new and values_of(found["old"]) is None and not re.search(rf"\b(?:{words.BE}|{words.HAVE})\b", found["new"]):
            every = old.every or old.plural
            if new.noun in (old.noun, "one") and new.values:  # "a red wing instead of the yellow wing", "... into a red one"
                yield Request("attribute", old.noun, new.values, was=old.values, every=old.every, owner=old.owner)
            elif old.noun != new.noun:
                yield Request("replace", old.noun, new.values, new=new.noun, of=old.values, every=every, owner=old.owner)
            return


def _moved(clause: str, before: list[Request]) -> Iterator[Request]:
    two = re.match(rf"({words.PUT} .+? (?:{_PLACE}) .+?) and ((?:the|its|a|an) .+? (?:{_PLACE}) .+)$", clause)
    if two:
        yield from _moved(two[1], before)
        yield from _moved(f"put {two[2]}", before)
        return
    found = re.match(rf"(?:{words.PUT}) (.+?) (?:down |over |up )?({_PLACE}) (.+)$", clause) or re.match(
        rf"(?:make |have |let )?(.+?) (?:{words.BE}|should|must|to|(?:should |must )?{words.STAND})"
        rf"(?: (?:be|{words.STAND}|placed|put|located|moved))? ({_PLACE}) (.+)$",
        clause,
    )
    if found:
        moved, other = phrase_of(found[1]), phrase_of(found[3])
        if moved and other:
            yield Request("move", moved.noun, predicate=words.PLACES[found[2]], other=other.noun, of=moved.values, owner=moved.owner)


def _changed(clause: str, before: list[Request]) -> Iterator[Request]:
    """ "change the colour of the box (from red) to blue", "turn the wings blue"."""
    found = re.match(
        rf"(?:{words.CHANGE}|set|make) (?:the )?(?:colou?r |pattern |size |shade )(?:of )?(.+?)(?: from (.+?))? (?:in)?(?:to )(.+)$", clause
    ) or re.match(
        rf"(?:{words.CHANGE}|recolou?r|repaint) (.+?)(?:'s?)?(?: colou?r| pattern| size)?(?: from (.+?))? (?:in)?to (.+)$", clause
    )
    if found:
        values, was = values_of(found[3]), values_of(found[2]) if found[2] else ()
        for phrase in phrases_of(found[1]) if values else []:
            yield _attribute(phrase, values or (), was or ())


def _painted(clause: str, before: list[Request]) -> Iterator[Request]:
    """ "paint the wings and the belly red (instead of yellow)"."""
    found = re.match(rf"{words.COLOUR} (.+)$", clause)
    if not found:
        return
    pronoun = re.match(r"(?:it|them|him|her) (.+)$", found[1])
    values, last = values_of(pronoun[1]) if pronoun else None, _last_named(before)
    if values and last:  # "a cat in place of the dog, and paint it black"
        yield Request("attribute", last, values)
        return
    yield from list(_things_and_values(found[1])) or _described(found[1])


def _last_named(before: list[Request]) -> str:
    """What "it" is: the object of the last request, or what takes its place; ``""`` if there is none."""
    return next((request.new or request.target for request in reversed(before) if request.target), "")


def _things_and_values(text: str) -> Iterator[Request]:
    """ "the wings red", "the crown blue and the belly white": things followed by what they are to be."""
    text, _, old = text.partition(" instead of ")
    was = values_of(old) if old else ()
    tokens = text.split()
    for cut in range(1, len(tokens)):  # the longest run of values at the end
        values = values_of(" ".join(tokens[cut:]))
        if values:
            head = " ".join(tokens[:cut])
            for inner in reversed(list(re.finditer(r"(?:,? and |, )(?=(?:the|its|his|her|their|both|all) )", head))):
                if first := list(_things_and_values(head[: inner.start()])):  # each has a value of its own
                    yield from first
                    head = head[inner.end() :]
                    break
            things = phrases_of(head)
            for phrase in things:
                yield _attribute(phrase, values, was or ())
            if things:  # none in "the sky blue", where the sky is to be blue
                return


def _attribute(phrase: Phrase, values: tuple[str, ...], was: tuple[str, ...] = ()) -> Request:
    return Request("attribute", phrase.noun, values, was, of=phrase.values, every=phrase.every, owner=phrase.owner)


def _given(clause: str, before: list[Request]) -> Iterator[Request]:
    """ "give the bird red wings", "add stripes to the box"."""
    found = re.match(r"give (it|him|her|them|(?:the|this|that|all the|both) [\w-]+(?: bird| dog)?) (.+)$", clause)
    if found:
        owner = "" if found[1] in ("it", "him", "her", "them") else noun_of(found[1].split()[-1])[0]
        values = values_of(found[2])
        if values and owner:
            yield Request("attribute", owner, values)
            return
        for phrase in phrases_of(found[2]):
            if phrase.values:
                yield Request("attribute", phrase.noun, phrase.values, owner=owner or phrase.owner)
    found = re.match(r"add (.+) to (.+)$", clause)
    if found and (values := values_of(found[1])):
        for phrase in phrases_of(found[2]):
            yield _attribute(phrase, values)


def _stated(clause: str, before: list[Request]) -> Iterator[Request]:
    """ "the wings are red (instead of yellow)", "the wings should be red and striped"."""
    found = re.match(rf"(.+?) (?:{words.BE})(?: now| to be)? (.+)$", clause)
    if not found:
        return
    two = re.match(r"(.+?),? and ((?:the|its) .+)$", found[2])
    second = list(_things_and_values(two[2])) if two and values_of(two[1]) else []
    if two and second:  # "the wings are red and the tail blue"
        yield from _stated(f"{found[1]} is {two[1]}", before)
        yield from second
        return
    state, _, old = found[2].partition(" instead of ")
    values, was = values_of(state), values_of(old) if old else ()
    if values is None:
        return
    if found[1] in ("it", "they"):
        if last := _last_named(before):
            yield Request("attribute", last, values, was or ())
        return
    for phrase in phrases_of(found[1]):
        yield _attribute(phrase, values, was or ())


def _owned(clause: str, before: list[Request]) -> Iterator[Request]:
    """ "this bird has red wings and a black beak", "a bird with a short bill"."""
    found = re.match(rf"(?:there is |a picture of )?(.+?) (?:that |which |who )?{words.HAVE} (.+)$", clause)
    if found:
        owner = phrase_of(found[1])
        for phrase in phrases_of(found[2]) if owner or found[1] in ("it", "he", "she", "they") else []:
            if phrase.values:
                yield Request("attribute", phrase.noun, phrase.values, owner=owner.noun if owner else "")
        if owner and owner.values:
            yield Request("attribute", owner.noun, owner.values)


def _named(clause: str, before: list[Request]) -> Iterator[Request]:
    """ "red wings", "wings red", "the belly blue" after an attribute before it."""
    yield from list(_things_and_values(clause)) or _described(clause)


def _described(text: str) -> Iterator[Request]:
    """ "red wings and a blue crown", "a blue car instead of red"."""
    text, _, old = text.partition(" instead of ")
    was = values_of(old) if old else ()
    for phrase in phrases_of(text):
        if phrase.values and was is not None:
            yield Request("attribute", phrase.noun, phrase.values, was, every=phrase.every, owner=phrase.owner)


# ---------------------------------------------------------------------------------------------- contradictions


def _without_contradictions(requests: list[Request]) -> list[Request]:
    """The requests, with those that exclude each other refused: two colours of one thing, a thing removed and painted."""
    checked = []
    for number, request in enumerate(requests):
        reason = _contradiction(request, requests[:number])
        checked.append(replace(request, kind="refused", reason=reason) if reason else request)
    return checked


def _contradiction(request: Request, before: list[Request]) -> str:
    if request.kind != "attribute":
        return ""
    name = request.target
    for family, members in words.FAMILIES.items():
        asked = [value for value in request.values if value in members]
        if len(asked) > 1:
            return f"the sentence asks for {' and '.join(map(said_of, asked))} on the {name}; give one {family}"
        for other in before:
            if other.target == name and other.kind == "attribute" and other.owner == request.owner and other.of == request.of:
                first = [value for value in other.values if value in members]
                if asked and first and asked != first:
                    return f"the sentence asks for {said_of(first[0])} and for {said_of(asked[0])} on the {name}; give one {family}"
    if any(other.kind == "remove" and other.target == name for other in before):
        return f"the sentence removes the {name} and changes it; say one of the two"
    return ""
