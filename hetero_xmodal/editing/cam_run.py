"""One run of CAM on a batch of graphs: plans, pixels at the model's size, the image at its own size, and notes on what is unusual."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from .pixels import box_share, full_size, move_pixels

if TYPE_CHECKING:
    from collections.abc import Sequence

    import dgl
    import numpy as np
    from PIL import Image

    from ..recipes.cam import CAM
    from ..scenes import SceneGraph
    from .guard import EditStep
    from .plans import EditPlan

NO_OBJECT = "the sentence names no object"


def plan_for(model: CAM, detected: SceneGraph, sentence: str, *, language: str | None = None) -> EditPlan | None:
    """Plan the relation edit that *sentence* requests, see :func:`~.editing.plans.plan_edit`; ``None`` if the model cannot perform any.

    A model trained with masked regions has the usual sizes of objects in its vocabulary.
    """
    from .plans import plan_edit

    sizes = model.vocab.get("sizes")
    return plan_edit(detected, sentence, sizes=sizes, language=language) if sizes else None


def painted(
    image: Image.Image,
    given: Any,
    made: Any,
    matte: Any,
    fills: tuple[int, int],
    revealed: Any,
    plan: EditPlan | None,
    *,
    exemplars: Sequence[dict[str, Any]] = (),
) -> tuple[Image.Image, np.ndarray]:
    """The edited image and the matte (height, width) at the image's own size.

    Without a plan the model's change is enlarged and added (:func:`~.editing.pixels.full_size`). What is removed or moved is carried in
    the original pixels (:func:`~.editing.carry.carried`); what replaces a thing is drawn from an exemplar of its class
    (:mod:`~.editing.exemplars`), without one the model paints it, and the rest is filled.

    Parameters
    ----------
    image, given, made, matte, fills, revealed : as for :func:`~.editing.pixels.full_size`.
    plan : the relation edit, or ``None``.
    exemplars : of the model's vocabulary.
    """
    if plan is None:
        return full_size(image, given, made, matte, fills, revealed)
    import numpy as np
    from PIL import Image

    from .carry import carried
    from .exemplars import fitting, placed

    pixels, changed = carried(image, plan)
    if plan.kind != "replace":
        return Image.fromarray(pixels), changed.astype(np.float32)
    new = plan.scene.objects[plan.subject]
    exemplar = fitting(exemplars, new)
    if exemplar is not None and new.box is not None:
        drawn, cover = placed(pixels, exemplar, new.box)
        return Image.fromarray(drawn), np.maximum(cover, changed)
    enlarged, share = full_size(image, given, made, matte, fills, revealed)
    box = box_share(plan.scene.objects[plan.subject].box, share)
    mixed = pixels + (np.asarray(enlarged, np.float32) - pixels) * box[..., None]
    return Image.fromarray(mixed.round().clip(0, 255).astype(np.uint8)), np.maximum(box, changed)


def new_colour(model: CAM, step: EditStep, scene: SceneGraph) -> tuple[int, str] | None:
    """Index of the one object whose colour a step changes and nothing else, and its new colour; ``None`` for other steps.

    Of a model that can remove and replace objects their colour is changed in their own pixels too; a model of birds paints their parts.
    """
    from ..training.editing.recolour import LAB

    request = step.requests[0]
    one = len(step.requests) == len(step.subjects) == len(request.values) == 1 and request.kind == "attribute"
    if not one or not model.vocab.get("sizes") or request.values[0] not in LAB or scene.objects[step.subjects[0]].box is None:
        return None
    return step.subjects[0], request.values[0]


def run(
    model: CAM, graph: dgl.DGLGraph, pixels: Any, sides: list[int], *, plans: list[EditPlan | None] | None = None, beam: int = 3
) -> tuple[Any, list[tuple[list[int], Any]], Any]:
    """Run the model on B pairs.

    Parameters
    ----------
    model : a CAM.
    graph : batched graph of the B pairs; of a pair with a plan, that of the plan's scene.
    pixels : (B, 3, S, S) images from :func:`~.editing.pixels.squared`.
    sides : longest side of each original in pixels, the unit of the graph's boxes.
    plans : relation edit of each pair, or None.
    beam : beam width of the text decoder.

    Returns
    -------
    the model's output; for each pair the token ids of the edited sentence with the text decoder's attention weights (words, n); and the
    mask (B, 1, S, S) of pixels where a plan removed or moved an object.
    """
    import torch

    inside = graph.local_var()
    inside.set_batch_num_nodes({t: graph.batch_num_nodes(t) for t in graph.ntypes})
    inside.set_batch_num_edges({r: graph.batch_num_edges(r) for r in graph.canonical_etypes})
    longest = torch.repeat_interleave(torch.tensor(sides, dtype=torch.float32), graph.batch_num_nodes("visual"))
    inside.nodes["visual"].data["image_size"] = longest[:, None].expand(-1, 2).contiguous()
    given, hidden, source = _hide(inside, pixels, sides, plans) if any(plans or []) else (pixels, None, None)
    with torch.no_grad():
        made = model.eval()(inside, given, hidden=hidden, seen=source)
        revealed = torch.zeros_like(pixels[:, :1])
        if hidden is not None:  # pixels of removed and moved objects have changed too
            revealed = torch.maximum(hidden, (given != pixels).any(1, keepdim=True).float())
            made = replace(made, matte=torch.maximum(made.matte, revealed))
        return made, model.text_decoder.generate(made.memory, made.memory_mask, beam=beam), revealed


def _hide(graph: dgl.DGLGraph, pixels: Any, sides: list[int], plans: list[EditPlan | None]) -> tuple[Any, Any, tuple]:
    """The images with removed objects inpainted, the mask of their boxes, and the images and boxes from which CAM takes region features.

    A moved object's pixels are copied to its new position; a new object has to be painted by the model.
    """
    import torch

    from ..networks.masks import box_mask, filled_from_around

    hidden = torch.zeros_like(pixels[:, :1])
    data = graph.nodes["visual"].data
    visible_boxes = data["box"] / data["image_size"].repeat(1, 2)
    member = torch.repeat_interleave(torch.arange(len(plans)), graph.batch_num_nodes("visual"))
    for k, plan in enumerate(plans):
        if plan is not None:
            places = plan.hidden[:1] if plan.kind == "move" else plan.hidden
            hidden[k] = box_mask(torch.tensor(places) / sides[k], pixels.shape[-1]).amax(0)
            visible_boxes[member == k] = torch.tensor(plan.visible_boxes).reshape(-1, 4) / sides[k]
    given = filled_from_around(pixels, hidden)
    for k, plan in enumerate(plans):
        if plan is not None and plan.kind == "move":
            scale = pixels.shape[-1] / sides[k]
            move_pixels(pixels[k], given[k], [[v * scale for v in box] for box in plan.hidden])
    return given, hidden, (pixels, visible_boxes, member)


# ---------------------------------------------------------------------------------------------- notes


def notes_on(model: CAM, detected: SceneGraph, parsed: SceneGraph, graph: dgl.DGLGraph) -> list[str]:
    """Warnings about unusual images and sentences, one sentence each."""
    from .. import schema as s
    from ..graphs.synonyms import ATTRIBUTE_SAME, EXCLUSIVE

    notes = []
    if not detected.objects:
        notes.append("no object was found in the image; the edit depends on the words alone")
    if not parsed.objects:
        notes.append(f"{NO_OBJECT}; describe what should change, as in 'This bird has red wings.'")
    elif detected.objects and not graph.num_edges(s.VISUAL_SAME_AS_WORD):
        things = ", ".join(dict.fromkeys(thing.name for thing in parsed.objects))
        notes.append(f"nothing that the sentence names ({things}) was found in the image, so there is no bridge between them")
    texts = s.decode_text(graph.nodes[s.WORD].data["text"])
    unknown = [text for text, number in zip(texts, model.word_numbers(texts), strict=True) if number == model.word_numbers(["\0"])[0]]
    if unknown:
        notes.append(f"the model has never seen {', '.join(repr(word) for word in dict.fromkeys(unknown))}; unknown words have no effect")
    values: dict[str, list[set[str]]] = {}
    for thing in parsed.objects:
        found = values.setdefault(thing.name, [set() for _ in EXCLUSIVE])
        for attribute in thing.attributes:
            word = ATTRIBUTE_SAME.get(attribute.lower(), attribute.lower())
            for kind, words in zip(found, EXCLUSIVE, strict=True):
                if word in words:
                    kind.add(word)
    for name, kinds in values.items():
        for kind in kinds:
            if len(kind) > 1:
                notes.append(f"the sentence calls the {name} {' and '.join(sorted(kind))}; it cannot be both, so the result may be either")
    return notes
