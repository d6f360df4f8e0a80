"""When an edit must not be painted: nothing paintable is asked for, the object is not in the image, or the image already is as asked.

An editing model paints whatever it is given; where no region matches the instruction, it tints the background. So every instruction is
first read (:mod:`.instructions`) and compared with the scene graph of the image; if there is nothing to do, the image comes back bit for
bit, with a sentence that says why.

>>> from hetero_xmodal.scenes import SceneGraph, SceneObject
>>> image = SceneGraph(objects=[SceneObject("dog", ["red"], box=(6, 43, 24, 56))], size=(64, 64))
>>> decide(image, "The dog is scarlet.").reason
'the dog already is red (the basic colour nearest to scarlet), so the image was left as it is'
>>> decide(image, "Remove the umbrella.").reason
'nothing that was found in the image is called umbrella, so the image was left as it is'
>>> decision = decide(image, "Paint the dog azure.")
>>> decision.steps[0].sentence, decision.notes
('the dog is blue', ('azure is painted as blue, the nearest basic colour',))
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ..graphs.bridges import match_objects, name_similarity
from ..graphs.synonyms import ATTRIBUTE_SAME
from ..parsers import geometry
from ..scenes import SceneGraph, SceneObject
from .instruction_phrases import clauses, family_of, noun_of, said_of
from .instruction_words import FUNCTION_WORDS
from .instructions import Request, parse_instruction

if TYPE_CHECKING:
    from ..images import ImageLike

_SAY = "say what colour or pattern an object is to have, or which one is to be removed, replaced or moved"
_LEFT = "so the image was left as it is"
_PARTS = ("crown", "breast", "belly", "wing", "beak")
_PLURALS = {"wing": "wings"}
_ALREADY = "the {} already is"


@dataclass(frozen=True)
class EditStep:
    """One run of a model.

    sentence : the instruction in plain words, such as ``"the dog is blue instead of red"``
    requests : what it asks for
    subjects : indices of the objects of the scene graph that it changes, as far as it names any
    """

    sentence: str
    requests: tuple[Request, ...]
    subjects: tuple[int, ...] = ()


@dataclass(frozen=True)
class Decision:
    """What is to be done about an instruction.

    steps : runs of the model, in order; empty where the image stays as it is
    reason : why it stays, or ``""``
    notes : of a decision with steps, why parts of the instruction are left out, and which colours are painted as others
    """

    steps: tuple[EditStep, ...]
    reason: str = ""
    notes: tuple[str, ...] = ()


def decide(image: SceneGraph | None, sentence: str, *, known: Sequence[str] = ()) -> Decision:
    """Read *sentence* and compare it with the scene graph of the image.

    Parameters
    ----------
    image : what a detector found, or an annotated scene graph; ``None`` where there is no detector for such images, so that only what the
        sentence says is looked at.
    sentence : the instruction.
    known : words of the model; a colour with another name ("turquoise") is painted as the nearest basic one (blue), with a note.

    Returns
    -------
    the steps to run, in plain words, or the reason why there is nothing to do. An instruction in a form that is not known
    (``free``, such as a whole caption) is one step with the sentence as it is, if the model knows its words.
    """
    requests = parse_instruction(sentence)
    if requests[0].kind == "free":
        strange = _never_seen(sentence, known)
        if strange and image is not None and _names_one(image, sentence):
            return Decision((), reason=f"the model has never seen {strange}, and the form of the sentence is not known, {_LEFT}; {_SAY}")
        return Decision((EditStep(sentence, tuple(requests)),))
    doable: list[tuple[Request, tuple[int, ...]]] = []
    reasons: dict[Request, str] = {}
    for request in requests:
        subjects, reason = _check(image, request)
        if reason:
            reasons[request] = reason
        doable.append((request, subjects))
    changed = [request for request, _ in doable if request not in reasons]
    if not changed:
        return Decision((), reason=f"{'; '.join(dict.fromkeys(reasons.values()))}, {_LEFT}")
    # beside a part of a bird that changes, parts that already are as asked are said too: a description of the whole bird
    whole = any(request.target in _PARTS for request in changed)
    kept = [
        r for r in reasons if whole and r.kind == "attribute" and r.target in _PARTS and reasons[r].startswith(_ALREADY.format(r.target))
    ]
    steps = _steps(image, [(request, subjects) for request, subjects in doable if request in changed or request in kept])
    left_out = dict.fromkeys(reason for request, reason in reasons.items() if request not in kept)
    notes = [f"{reason}; this part was left out" for reason in left_out]
    notes += [f"'{clause}' was not understood; this part was left out" for clause in _not_understood(sentence, requests)]
    for value in dict.fromkeys(value for request in changed for value in request.values):
        if (said := _other_name(value)) and not set(said.split()) <= set(known):
            notes.append(f"{said} is painted as {value}, the nearest basic colour")
    return Decision(tuple(steps), notes=tuple(notes))


def _not_understood(sentence: str, requests: Sequence[Request]) -> list[str]:
    """Clauses that no request comes from, but for those that say what stays."""
    read = {request.text for request in requests}
    return [clause for clause in clauses(sentence) if clause not in read and not re.match(r"(?:keep|leave|please|thanks?)\b", clause)]


def _never_seen(sentence: str, known: Sequence[str]) -> str:
    """The words of a sentence that are not among the *known* ones, quoted; ``""`` if nothing is known about what the model knows."""
    strange = dict.fromkeys(word for word in re.findall(r"[a-z][a-z'-]*", sentence.lower()) if known and word not in known)
    return ", ".join(f"'{word}'" for word in strange if word not in FUNCTION_WORDS)


def _names_one(image: SceneGraph, sentence: str) -> bool:
    """Whether the sentence names an object of the image; where it names none, models say so themselves."""
    nouns = {noun_of(word)[0] for word in re.findall(r"[a-z-]+", sentence.lower())}
    return any(thing.name.split()[-1] in nouns for thing in image.objects)


def _other_name(value: str) -> str:
    """What the instruction calls a colour, if it is no basic term: "turquoise"; else ``""``."""
    said = said_of(value)
    return said if said != value and family_of(value) == "colour" else ""


def out_of_domain(data: str, image: ImageLike) -> str:
    """Why a model that was trained on *data* cannot edit this image, or ``""``: a model of the drawn world knows no photographs."""
    from ..parsers.detectors.world_look import looks_like_world

    if not data.startswith("world/") or looks_like_world(image):
        return ""
    return (
        f"the image does not look like {data}, which the model was trained on, {_LEFT}; "
        "train a model on such images, for example with: hetero-xmodal train cam --data cub:FOLDER"
    )


def find(image: SceneGraph, request: Request) -> tuple[int, ...]:
    """Indices of the objects that a request is about: those that fit its attributes if any do, the most certain first; all of them for
    ``every``, else one."""
    named = [k for k, thing in enumerate(image.objects) if name_similarity(thing.name, request.target) > 0]
    if not named:
        return ()
    told = {*request.of, *(request.was if request.kind == "attribute" else ())}
    fitting = [k for k in named if told and told <= _values(image.objects[k])]
    if request.every:
        return tuple(fitting if request.of else named)
    phrase = SceneObject(request.target, [*request.of, *request.was])
    best = [match.region for match in match_objects(image, SceneGraph(objects=[phrase]))]
    return tuple((fitting or best or named)[:1])


def _check(image: SceneGraph | None, request: Request) -> tuple[tuple[int, ...], str]:
    """The objects that a request changes, and why it cannot or need not be done (``""`` if it is to be done)."""
    if request.kind == "refused":
        return (), request.reason
    if image is None:
        return (), ""
    subjects = find(image, request)
    if not subjects:
        if request.kind == "attribute" and request.owner and any(name_similarity(t.name, request.owner) > 0 for t in image.objects):
            return (), ""  # a part of something that is there, which the detector does not box
        return (), f"nothing that was found in the image is called {request.target}"
    if request.kind == "attribute":
        left = tuple(k for k in subjects if not _fulfilled(image.objects[k], request.values))
        if not left or _one_already_is(image, request):
            name = " ".join([*request.of, request.target])
            return subjects, f"{_ALREADY.format(name)} {' and '.join(map(_with_other_name, request.values))}"
        if all(family_of(value) == "size" for value in request.values):
            return subjects, f"the size of the {request.target} cannot be changed; colours and patterns can"
        return left, ""
    if request.kind == "move":
        return subjects, _move_reason(image, request, subjects[0])
    if request.kind == "replace" and _already_replaced(image, request, subjects[0]):
        return subjects, f"the {' '.join([*request.of, request.target])} already is a {request.new}"
    return subjects, ""


def _one_already_is(image: SceneGraph, request: Request) -> bool:
    """Whether one thing of that name is as asked, and none is as it was before ("the cup is green instead of red")."""
    same = [thing for thing in _named(image, request.target) if set(request.of) <= _values(thing)]
    before = request.was and any(set(request.was) <= _values(thing) for thing in same)
    return not request.every and not before and any(_fulfilled(thing, request.values) for thing in same)


def _with_other_name(value: str) -> str:
    return f"{value} (the basic colour nearest to {said})" if (said := _other_name(value)) else value


def _already_replaced(image: SceneGraph, request: Request, subject: int) -> bool:
    """Whether the new thing is there and the old one, such as "the green ball", is not: another ball is not meant."""
    if name_similarity(image.objects[subject].name, request.new) == 1:
        return True
    gone = bool(request.of) and not any(set(request.of) <= _values(thing) for thing in _named(image, request.target))
    return gone and any(set(request.values or request.of) <= _values(thing) for thing in _named(image, request.new))


def _named(image: SceneGraph, name: str) -> list[SceneObject]:
    return [thing for thing in image.objects if name_similarity(thing.name, name) > 0]


def _move_reason(image: SceneGraph, request: Request, subject: int) -> str:
    others = find(image, Request("move", request.other))
    others = tuple(k for k in others if k != subject)
    if not others:
        return f"nothing that was found in the image is called {request.other}"
    a, b = image.objects[subject], image.objects[others[0]]
    if image.size is None or a.box is None or b.box is None:
        return ""
    if geometry.relation_between(a.box, b.box, a.name, b.name, size=image.size) == request.predicate:
        return f"the {request.target} already is {request.predicate} the {request.other}"
    return ""


def _values(thing: SceneObject) -> set[str]:
    return {ATTRIBUTE_SAME.get(value.lower(), value.lower()) for value in thing.attributes}


def _fulfilled(thing: SceneObject, values: Sequence[str]) -> bool:
    """Whether the object is as asked; ``plain`` is the absence of a pattern."""
    has = _values(thing)
    patterned = any(family_of(value) == "pattern" for value in has)
    return all(value in has or (value == "plain" and not patterned) for value in values)


# ---------------------------------------------------------------------------------------------- in plain words


def in_known_words(network: Any, step: EditStep, sentence: str) -> str:
    """*sentence*, or the step in plain words if the model does not know a word of it ("scarlet") or cannot know what it denies."""
    texts = re.findall(r"[\w'-]+", sentence.lower())
    unknown = network.word_numbers(["\0"])[0]
    if "not" in texts or "n't" in sentence.lower() or any(number == unknown for number in network.word_numbers(texts)):
        return step.sentence
    return sentence


def _steps(image: SceneGraph | None, doable: Sequence[tuple[Request, tuple[int, ...]]]) -> list[EditStep]:
    """One step for all parts of a bird together, and one for each other change of each object."""
    steps: list[EditStep] = []
    parts = [(request, subjects) for request, subjects in doable if request.kind == "attribute" and request.target in _PARTS]
    for request, subjects in doable:
        if request.kind == "attribute" and request.target in _PARTS:
            if parts:
                steps.append(
                    EditStep(_bird([r for r, _ in parts]), tuple(r for r, _ in parts), tuple(k for _, some in parts for k in some))
                )
                parts = []
        elif request.kind == "attribute" and len(subjects) > 1:
            for k in subjects:
                own = () if image is None else tuple(sorted(_values(image.objects[k]) - set(request.values)))
                one = replace(request, every=False, of=own)
                steps.append(EditStep(plain(one), (one,), (k,)))
        elif request.kind in ("remove", "replace") and len(subjects) > 1:
            steps += [EditStep(plain(request), (replace(request, every=False),), (k,)) for k in subjects]
        else:
            steps.append(EditStep(plain(request), (request,), subjects))
    return steps


def _bird(requests: Sequence[Request]) -> str:
    """ "This bird has red wings, a blue crown and a black beak." """
    phrases = []
    for request in requests:
        words = " ".join(request.values)
        phrases.append(
            f"{words} {_PLURALS[request.target]}" if request.target in _PLURALS else f"{_article(words)} {words} {request.target}"
        )
    return f"This bird has {', '.join(phrases[:-1])}{' and ' if len(phrases) > 1 else ''}{phrases[-1]}."


def plain(request: Request) -> str:
    """A request in the plainest words, those that models are trained on.

    >>> plain(Request("attribute", "dog", ("blue",), was=("red",))), plain(Request("remove", "tree"))
    ('the dog is blue instead of red', 'no tree')
    >>> plain(Request("move", "cup", predicate="on", other="table", of=("small",)))
    'the small cup is on the table'
    """
    name = " ".join([*request.of, request.target])
    if request.kind == "attribute":
        return f"the {name} is {' and '.join(request.values)}" + (f" instead of {' and '.join(request.was)}" if request.was else "")
    if request.kind == "remove":
        return f"no {name}"
    if request.kind == "replace":
        new = " ".join([*request.values, request.new])
        return f"{_article(new)} {new} instead of the {name}"
    predicate = {"left of": "to the left of", "right of": "to the right of"}.get(request.predicate, request.predicate)
    return f"the {name} is {predicate} the {request.other}"


def _article(words: str) -> str:
    return "an" if words[:1] in "aeiou" else "a"
