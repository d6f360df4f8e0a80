"""Relation edits: instructions that remove, replace or move an object, planned on the image's scene graph.

The pixels of a new object or of the background behind a removed one are not in the image. So a relation edit is first planned on the scene
graph by explicit rules and then rendered: the affected boxes are masked, and the model reconstructs them from the edited graph (the
masked-region protocol). Of an instruction (:mod:`.instructions`), the first change counts:

* **remove**: "no umbrella", "without the dog", "remove the small ball";
* **replace**: "a bench instead of the dog", "replace the dog with a bench";
* **move**: "the cup is on the table", if the image shows both in another relation (:mod:`hetero_xmodal.parsers.geometry`).

Anything else ("the box is green instead of purple") is not a relation edit; the model gets image and sentence unchanged.

>>> from hetero_xmodal.scenes import SceneGraph, SceneObject
>>> image = SceneGraph(objects=[SceneObject("dog", box=(6, 43, 24, 56)), SceneObject("ball", box=(40, 40, 52, 52))], size=(64, 64))
>>> plan_edit(image, "no dog").hidden
[(6, 43, 24, 56)]
>>> plan = plan_edit(image, "a bench instead of the dog")
>>> plan.kind, plan.scene.objects[0].name, plan.visible_boxes[0]
('replace', 'bench', (6, 43, 24, 56))
>>> plan_edit(image, "the dog is above the ball").kind
'move'
>>> plan_edit(image, "the dog is green") is None
True
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from ..graphs.bridges import match_objects
from ..parsers import geometry
from ..scenes import SceneGraph, SceneObject, SceneRelation
from .instructions import parse_instruction

Box = tuple[float, float, float, float]

#: step of the search for a position, relative to the image's sides
_STEP = 1 / 32


@dataclass(frozen=True)
class EditPlan:
    """A planned relation edit.

    kind : ``remove``, ``replace`` or ``move``
    subject : index of the edited object in the image's scene graph
    scene : the scene graph after the edit, with boxes, without a removed object
    hidden : boxes in pixels to be masked and repainted
    visible_boxes : for every object of ``scene``, the box in the original image from which its region feature is taken
    old_box : where the edited object is in the original image
    """

    kind: str
    subject: int
    scene: SceneGraph
    hidden: list[Box]
    visible_boxes: list[Box]
    old_box: Box


def plan_edit(image: SceneGraph, sentence: str, *, sizes: Mapping[str, tuple[float, float]] | None = None, language: str | None = None):
    """Plan the relation edit that *sentence* requests: an :class:`EditPlan`, or ``None`` if it is not a relation edit.

    Parameters
    ----------
    image : scene graph with boxes and size.
    sentence : English text.
    sizes : class -> usual width and height relative to the image's sides, for an object that replaces another; the size of other classes
        is that of the replaced object.
    language : spaCy model for the sentence.
    """
    if image.size is None or any(thing.box is None for thing in image.objects):
        return None
    request = parse_instruction(sentence)[0]
    if request.kind == "free":
        from ..parsers.sentence import parse_sentence

        return _move(image, parse_sentence(sentence, **({} if language is None else {"model": language})))
    if request.kind not in ("remove", "replace", "move"):
        return None
    old = _thing(image, SceneObject(request.target, list(request.of)))
    if old is None:
        return None
    if request.kind == "remove":
        return _remove(image, old)
    if request.kind == "replace":
        return _replace(image, old, SceneObject(request.new, list(request.values)), sizes or {})
    things = [SceneObject(request.target, list(request.of)), SceneObject(request.other)]
    return _move(image, SceneGraph(objects=things, relations=[SceneRelation(0, request.predicate, 1)]))


def removes_or_replaces(sentence: str) -> bool:
    """Whether a sentence, by its words alone, requests that an object be removed or replaced.

    >>> removes_or_replaces("a cat instead of the dog"), removes_or_replaces("get rid of the umbrella")
    (True, True)
    >>> removes_or_replaces("the box is green instead of purple")
    False
    """
    return any(request.kind in ("remove", "replace") for request in parse_instruction(sentence))


def _thing(image: SceneGraph, phrase: SceneObject) -> int | None:
    """Index of the image's object that *phrase* refers to, or None."""
    return next((match.region for match in match_objects(image, SceneGraph(objects=[phrase]))), None)


def _edited(image: SceneGraph, objects: list) -> SceneGraph:
    boxes, names = [thing.box for thing in objects], [thing.name for thing in objects]
    return replace(image, objects=objects, relations=geometry.relations_between(boxes, names, size=image.size, hold=True))


def _remove(image: SceneGraph, old: int) -> EditPlan:
    objects = [thing for k, thing in enumerate(image.objects) if k != old]
    return EditPlan(
        "remove", old, _edited(image, objects), [image.objects[old].box], [thing.box for thing in objects], image.objects[old].box
    )


def _replace(image: SceneGraph, old: int, new, sizes: Mapping[str, tuple[float, float]]) -> EditPlan:
    """Put the new object, in its own size, in the old one's place; it keeps the attributes unless the sentence names others."""
    was = image.objects[old]
    x1, y1, x2, y2 = was.box
    width, height = image.size
    if new.name in sizes:
        w, h = sizes[new.name][0] * width, sizes[new.name][1] * height
        if was.name in sizes:  # a small dog is replaced by a small bench
            share = float(np.sqrt((x2 - x1) * (y2 - y1) / (sizes[was.name][0] * width * sizes[was.name][1] * height)))
            w, h = w * share, h * share
        middle, bottom = (x1 + x2) / 2, y2
        x1, x2 = max(0.0, middle - w / 2), min(float(width), middle + w / 2)
        y1, y2 = max(0.0, bottom - h), bottom
    objects = list(image.objects)
    objects[old] = replace(was, name=new.name, attributes=list(new.attributes) or list(was.attributes), box=(x1, y1, x2, y2), mask=None)
    hidden = [was.box] if tuple(was.box) == (x1, y1, x2, y2) else [_joined(was.box, (x1, y1, x2, y2))]
    return EditPlan("replace", old, _edited(image, objects), hidden, [thing.box for thing in image.objects], was.box)


def _move(image: SceneGraph, sentence: SceneGraph) -> EditPlan | None:
    """Move the subject of the sentence's first relation that does not hold in the image, so that it does."""
    regions = {match.thing: match.region for match in match_objects(image, sentence)}
    for relation in sentence.relations:
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
        objects[a] = replace(subject, box=place, mask=None)
        boxes = [thing.box for thing in image.objects]
        return EditPlan("move", a, _edited(image, objects), [subject.box, place], boxes, subject.box)
    return None


def _place(image: SceneGraph, moved: int, other: int, predicate: str) -> Box | None:
    """The box where the relation holds, with the least overlap with others and closest to the old position; None if there is none."""
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
    slack = np.array([-0.02, 0.0, 0.02])[:, None]  # with a margin, so that the relation is robust to errors of a pixel
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
            cost = cost + 10 * _covered(spots, thing.box)
    return tuple(spots[int(cost.argmin())].tolist())


def _covered(boxes: np.ndarray, box: Box) -> np.ndarray:
    """Share of every row of *boxes* (n, 4) that *box* covers."""
    low, high = np.maximum(boxes[:, :2], box[:2]), np.minimum(boxes[:, 2:], box[2:])
    return np.clip(high - low, 0, None).prod(1) / (boxes[:, 2:] - boxes[:, :2]).prod(1)


def _joined(a: Box, b: Box) -> Box:
    return min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3])
