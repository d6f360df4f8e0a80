"""What a sentence wants of the things in an image: remove one, put another in its place, or move it.

An image shows no empty place for a thing that is to come, and the thing that is to go hides what is behind it. So a relation edit is first
planned on the scene graph, by rules that can be read and checked, and then painted: the places that change are hidden, and the model
draws them again from the edited graph (the masked-region protocol). What the rules read:

* **remove**: "no umbrella", "without the dog", "remove the small ball";
* **replace**: "a bench instead of the dog", "replace the dog with a bench";
* **move**: "the cup is on the table", where the image has both and they stand otherwise (:mod:`hetero_xmodal.parsers.geometry`).

Anything else ("the box is green instead of purple") is no relation edit, and the model gets image and sentence as they are.

>>> from hetero_xmodal.scenes import SceneGraph, SceneObject
>>> image = SceneGraph(objects=[SceneObject("dog", box=(6, 43, 24, 56)), SceneObject("ball", box=(40, 40, 52, 52))], size=(64, 64))
>>> plan_edit(image, "no dog").hidden
[(6, 43, 24, 56)]
>>> plan = plan_edit(image, "a bench instead of the dog")
>>> plan.kind, plan.scene.objects[0].name, plan.looks[0]
('replace', 'bench', (6, 43, 24, 56))
>>> plan_edit(image, "the dog is above the ball").kind
'move'
>>> plan_edit(image, "the dog is green") is None
True
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from ..graphs.bridges import match_objects
from ..parsers import geometry
from ..scenes import SceneGraph

Box = tuple[float, float, float, float]

_REMOVE = re.compile(r"\b(?:no|without|remove|delete|erase)\s+(?:the\s+|a\s+|an\s+|any\s+)?(?P<old>[\w\s-]+)", re.IGNORECASE)
_INSTEAD = re.compile(r"(?P<new>[\w\s-]+?)\s+instead\s+of\s+(?P<old>[\w\s-]+)", re.IGNORECASE)
_REPLACE = re.compile(r"\breplace\s+(?P<old>[\w\s-]+?)\s+(?:with|by)\s+(?P<new>[\w\s-]+)", re.IGNORECASE)
#: a place is searched in steps of this share of the image's sides
_STEP = 1 / 32


@dataclass(frozen=True)
class EditPlan:
    """A relation edit, ready to be painted.

    kind : ``remove``, ``replace`` or ``move``
    subject : the thing's index in the image's scene graph
    scene : the scene graph after the edit, with boxes; a removed thing is gone from it
    hidden : boxes in pixels that are to be painted anew
    looks : for every object of ``scene`` the box in the image as it is where the thing can be looked at
    """

    kind: str
    subject: int
    scene: SceneGraph
    hidden: list[Box]
    looks: list[Box]


def plan_edit(image: SceneGraph, sentence: str, *, sizes: Mapping[str, tuple[float, float]] | None = None, language: str | None = None):
    """The relation edit that *sentence* asks for of the things in *image*, an :class:`EditPlan`, or ``None`` if it asks for none.

    Parameters
    ----------
    image : scene graph with boxes and size.
    sentence : English text.
    sizes : usual width and height of a class as shares of the image's sides, for a thing that takes another's place; if left out, or
        for a class that is not in it, the new thing is as large as the old one.
    language : spaCy model that reads the sentence.
    """
    from ..parsers.sentence import parse_sentence

    if image.size is None or any(thing.box is None for thing in image.objects):
        return None
    options = {} if language is None else {"model": language}

    def read(text: str) -> SceneGraph:
        return parse_sentence(text, **options)

    for pattern in (_REPLACE, _INSTEAD):
        found = pattern.search(sentence)
        if found:
            old, new = _thing(image, read(_with_article(found["old"]))), read(_with_article(found["new"])).objects
            return _replace(image, old, new[-1], sizes or {}) if old is not None and new else None
    found = _REMOVE.search(sentence)
    if found:
        old = _thing(image, read(_with_article(found["old"])))
        return None if old is None else _remove(image, old)
    return _move(image, read(sentence))


def asks_for_things(sentence: str) -> bool:
    """Whether a sentence, by its words alone, wants a thing gone or another in its place.

    >>> asks_for_things("a cat instead of the dog"), asks_for_things("no umbrella"), asks_for_things("the box is green instead of purple")
    (True, True, False)
    """
    instead = _INSTEAD.search(sentence)
    if instead and re.match(r"(?:the|a|an)\s", instead["old"], re.IGNORECASE):  # colours have no article
        return True
    return bool(_REPLACE.search(sentence) or re.match(r"\s*(?:no|without|remove|delete|erase)\s", sentence, re.IGNORECASE))


def _with_article(words: str) -> str:
    """ "the small dog" as it is, "small dog" with an article, so that the parser reads a noun."""
    words = words.strip()
    return words if re.match(r"(?:the|a|an)\s", words, re.IGNORECASE) else f"the {words}"


def _thing(image: SceneGraph, phrase: SceneGraph) -> int | None:
    """The object of the image that the first noun of *phrase* means, or None."""
    return next((match.region for match in match_objects(image, phrase) if match.thing == 0), None)


def _edited(image: SceneGraph, objects: list) -> SceneGraph:
    boxes, names = [thing.box for thing in objects], [thing.name for thing in objects]
    return replace(image, objects=objects, relations=geometry.relations_between(boxes, names, size=image.size))


def _remove(image: SceneGraph, old: int) -> EditPlan:
    objects = [thing for k, thing in enumerate(image.objects) if k != old]
    return EditPlan("remove", old, _edited(image, objects), [image.objects[old].box], [thing.box for thing in objects])


def _replace(image: SceneGraph, old: int, new, sizes: Mapping[str, tuple[float, float]]) -> EditPlan:
    """The new thing stands where the old one stood and has its own size; it keeps colour and pattern unless the sentence names others."""
    was = image.objects[old]
    x1, y1, x2, y2 = was.box
    width, height = image.size
    if new.name in sizes:
        w, h = sizes[new.name][0] * width, sizes[new.name][1] * height
        if was.name in sizes:  # a small dog makes a small bench
            share = float(np.sqrt((x2 - x1) * (y2 - y1) / (sizes[was.name][0] * width * sizes[was.name][1] * height)))
            w, h = w * share, h * share
        middle, bottom = (x1 + x2) / 2, y2
        x1, x2 = max(0.0, middle - w / 2), min(float(width), middle + w / 2)
        y1, y2 = max(0.0, bottom - h), bottom
    objects = list(image.objects)
    objects[old] = replace(was, name=new.name, attributes=list(new.attributes) or list(was.attributes), box=(x1, y1, x2, y2))
    hidden = [was.box] if tuple(was.box) == (x1, y1, x2, y2) else [_joined(was.box, (x1, y1, x2, y2))]
    return EditPlan("replace", old, _edited(image, objects), hidden, [thing.box for thing in image.objects])


def _move(image: SceneGraph, said: SceneGraph) -> EditPlan | None:
    """The first relation of the sentence that does not hold between its two things in the image is made to hold."""
    regions = {match.thing: match.region for match in match_objects(image, said)}
    for relation in said.relations:
        a, b = regions.get(relation.subject), regions.get(relation.object)
        predicate = geometry.SAME.get(relation.predicate, relation.predicate)
        if predicate not in geometry.PREDICATES or a is None or b is None or a == b:
            continue
        subject, other = image.objects[a], image.objects[b]
        if geometry.relation_between(subject.box, other.box, subject.name, other.name, size=image.size) == predicate:
            continue
        place = _place(image, a, b, predicate)
        if place is None:
            continue
        objects = list(image.objects)
        objects[a] = replace(subject, box=place)
        return EditPlan("move", a, _edited(image, objects), [subject.box, place], [thing.box for thing in image.objects])
    return None


def _place(image: SceneGraph, moved: int, other: int, predicate: str) -> Box | None:
    """Where the moved thing's box fulfils the relation, meets the fewest other things, and is nearest to where it was; None if nowhere."""
    (width, height), box = image.size, image.objects[moved].box
    w, h = box[2] - box[0], box[3] - box[1]
    xs, ys = (np.arange(0, limit - side + 1e-6, limit * _STEP) for limit, side in ((width, w), (height, h)))
    corner = np.stack(np.meshgrid(xs, ys), -1).reshape(-1, 2)
    spots = np.concatenate([corner, corner + (w, h)], 1)
    subject, support = image.objects[moved].name, image.objects[other].name
    kinds = {
        "agent": subject in geometry.AGENTS,
        "holdable": support in geometry.HOLDABLE,
        "support": support in geometry.SUPPORTS,
    }
    arrays = {kind: np.full((1, 1), value) for kind, value in kinds.items()}
    slack = np.array([-0.02, 0.0, 0.02])[:, None]  # well inside the rule, so that a pixel does not break it
    codes = geometry.relation_codes(spots[None], np.array(image.objects[other].box), size=image.size, slack=slack, **arrays)
    fits = (codes == geometry.PREDICATES.index(predicate)).all(0)
    if not fits.any():
        fits = codes[1] == geometry.PREDICATES.index(predicate)
    if not fits.any():
        return None
    spots = spots[fits]
    cost = np.abs(spots[:, :2] - box[:2]).sum(1) / (width + height)
    for k, thing in enumerate(image.objects):
        if k != moved and not (k == other and predicate in ("on", "hold")):
            cost = cost + 10 * _meets(spots, thing.box)
    return tuple(spots[int(cost.argmin())].tolist())


def _meets(boxes: np.ndarray, box: Box) -> np.ndarray:
    """Share of every row of *boxes* (n, 4) that *box* covers."""
    low, high = np.maximum(boxes[:, :2], box[:2]), np.minimum(boxes[:, 2:], box[2:])
    return np.clip(high - low, 0, None).prod(1) / (boxes[:, 2:] - boxes[:, :2]).prod(1)


def _joined(a: Box, b: Box) -> Box:
    return min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3])
