"""What an instruction changes in a scene graph: the input of methods that paint an image from a changed graph, such as SIMSG.

The scene graph is a detector's or an annotated one, the change is read from the instruction by the rules of :mod:`.instructions` and
:mod:`.plans`; nothing of the true answer is used.

>>> from hetero_xmodal.scenes import SceneGraph, SceneObject
>>> image = SceneGraph(objects=[SceneObject("dog", ["red", "small"], box=(6, 43, 24, 56))], size=(64, 64))
>>> edit = planned_edit(image, "the dog is blue instead of red")
>>> edit.scene.objects[0].attributes, edit.changed, edit.hidden
(['small', 'blue'], (0,), ((6, 43, 24, 56),))
>>> planned_edit(image, "no dog").scene.objects, planned_edit(image, "the dog is red") is None
([], True)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from ..baselines.editing import SIMSG, GraphEdit
from ..graphs.synonyms import ATTRIBUTE_SAME
from ..scenes import SceneGraph
from .guard import EditStep, decide, find
from .instruction_phrases import family_of
from .plans import plan_edit

if TYPE_CHECKING:
    from PIL import Image

    from ..data.tasks.editing import ManipulationPair

#: values that scene graphs do not list: the absence of a pattern or of a size
_UNLISTED = ("plain", "ordinary")


def planned_edit(image: SceneGraph, instruction: str) -> GraphEdit | None:
    """The change of the scene graph *image*, with boxes, that *instruction* asks for; ``None`` if there is nothing to do.

    Of several changes to different things the first is made; those of the parts of a bird are made together.
    """
    steps = decide(image, instruction).steps
    if not steps or image.size is None or any(thing.box is None for thing in image.objects):
        return None
    plan = plan_edit(image, steps[0].sentence)
    if plan is None:
        return _new_attributes(image, steps[0])
    changed = (plan.subject,) if plan.kind == "replace" else ()
    return GraphEdit(plan.scene, tuple(plan.hidden), tuple(plan.visible_boxes), changed)


def _new_attributes(image: SceneGraph, step: EditStep) -> GraphEdit | None:
    objects, changed = list(image.objects), []
    for request in step.requests:
        for k in find(image, request) if request.kind == "attribute" else ():
            families = {family_of(value) for value in request.values}
            kept = [a for a in objects[k].attributes if family_of(ATTRIBUTE_SAME.get(a.lower(), a.lower())) not in families]
            objects[k] = replace(objects[k], attributes=[*kept, *(v for v in request.values if v not in _UNLISTED)])
            changed.append(k)
    changed = [k for k in dict.fromkeys(changed) if set(objects[k].attributes) != set(image.objects[k].attributes)]
    if not changed:
        return None
    boxes = [thing.box for thing in image.objects]
    return GraphEdit(replace(image, objects=objects), tuple(boxes[k] for k in changed), tuple(boxes), tuple(changed))


def planned_edits(pairs: Sequence[ManipulationPair]) -> list[GraphEdit | None]:
    """The changes that the instructions of *pairs* ask for, in what the world's detector finds in their images."""
    from ..parsers.image import parse_images

    scenes = parse_images([pair.image for pair in pairs], detector="world", progress=False)
    return [planned_edit(scene, pair.instruction) for scene, pair in zip(scenes, pairs, strict=True)]


def _predicted(method: SIMSG, pairs: Iterable[ManipulationPair]) -> tuple[list[Image.Image], list[str]]:
    pairs = list(pairs)
    return method.edit([pair.image for pair in pairs], planned_edits(pairs)), [pair.instruction for pair in pairs]


def graph_rows(name: str, method: SIMSG) -> dict[str, Callable[[list], tuple[list, list[str] | None]]]:
    """Rows of a table for a method that paints from a graph: with the true graphs (GT) and the predicted ones (P), as the papers call them,
    and once more with the given image put back where nothing was hidden, which is ours."""
    return {
        f"{name} (GT)": method.manipulate,
        f"{name} (P)": partial(_predicted, method),
        f"{name} (P), pasted": partial(_predicted, method.pasting()),
    }
