"""``draw_scene``: the scene graph of one image, drawn on that image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .. import schema
from ..deprecation import renamed_keywords
from ..errors import InputError
from ..images import read_reduced
from .canvas import Drawing, Sheet, fit
from .colours import GREY, node_colour, relation_style
from .image_panel import paint_boxes, paint_image

if TYPE_CHECKING:
    from ..scenes import SceneGraph


@renamed_keywords(picture="image")
def draw_scene(image: Any, scene: SceneGraph, *, max_relations: int = 12, scores: bool = False) -> Drawing:
    """Draw a scene graph on its image: boxes with number, attributes and name on the left, the relations as a list on the right.

    What masks cover is tinted, each region with an outline of its own.

    Parameters
    ----------
    image : PIL image, path or uint8 array (height, width, 3), or ``None`` for a blank canvas of ``scene.size``.
    scene : the scene graph; objects without a box are only listed.
    max_relations : longest list of relations.
    scores : show the detector's scores in the list of objects.

    Raises
    ------
    InputError : the image cannot be read or has another size than ``scene.size``, or there is neither image nor size.

    >>> from hetero_xmodal import SceneGraph, SceneObject
    >>> figure = draw_scene(None, SceneGraph([SceneObject("bird", box=(10, 10, 50, 60))], size=(128, 128)))
    """
    pixels, size = (None, scene.size) if image is None else read_reduced(image, longest_side=1000)
    if size is None:
        raise InputError("the scene graph has no size and no image was given; give the image")
    if scene.size is not None and tuple(size) != tuple(scene.size):
        raise InputError(
            f"the image has {size[0]} x {size[1]} pixels, but the scene graph was made from an image of {scene.size[0]} x {scene.size[1]}; "
            "give the original image"
        )
    scene.check()
    scale = min(4.6 / size[0], 4.6 / size[1])
    width, height = size[0] * scale, size[1] * scale
    relations = scene.relations[:max_relations]
    rows = len(scene.objects[:30]) + len(relations) + 4
    sheet = Sheet(width + 3.9, max(height + 0.3, 0.2 * rows + 0.2))
    left, top = 0.15, 0.15
    paint_image(sheet, pixels, left, top, width, height)
    shaded = _shaded(scene)
    if shaded is not None:
        sheet.image(shaded, left, top, width, height)
    boxed = [(i, o) for i, o in enumerate(scene.objects) if o.box is not None]
    boxes = [(left + o.box[0] * scale, top + o.box[1] * scale, left + o.box[2] * scale, top + o.box[3] * scale) for _, o in boxed]
    few = len(boxed) <= 8
    tags = [f"{i} {o.name}" if few else str(i) for i, o in boxed]
    paint_boxes(sheet, boxes, tags, (left, top, left + width, top + height), strong=[True] * len(boxes), size=7.2 if few else 6.4)

    x, y, room = left + width + 0.25, top + 0.1, 3.35
    sheet.text(x, y, "objects", size=8.5, weight="bold")
    for i, thing in enumerate(scene.objects[:30]):
        y += 0.2
        words = " ".join([*thing.attributes, thing.name]) + (f"   {thing.score:.2f}" if scores else "")
        sheet.text(x, y, fit(f"{i}  {words}", 8, room), size=8)
    y += 0.3
    sheet.text(x, y, "relations", size=8.5, weight="bold")
    for relation in relations:
        y += 0.2
        subject, thing = scene.objects[relation.subject].name, scene.objects[relation.object].name
        line = fit(f"{relation.subject} {subject}  –  {relation.predicate}  →  {relation.object} {thing}", 8, room)
        sheet.text(x, y, line, size=8, colour=relation_style(schema.RELATES).colour)
    hidden = [f"{len(scene.relations) - len(relations)} more relations"] if len(relations) < len(scene.relations) else []
    hidden += [f"{len(scene.objects) - 30} more objects"] if len(scene.objects) > 30 else []
    if hidden or not scene.relations:
        sheet.text(x, y + 0.2, "and " + ", ".join(hidden) if hidden else "none", size=7.4, colour=GREY, style="italic")
    return sheet.figure


def _shaded(scene: SceneGraph) -> Any:
    """Colour and opacity (height, width, 4) in 0..1 of the scene's masks; ``None`` if no object has one."""
    import numpy as np
    from matplotlib.colors import to_rgb

    from ..region_masks import decode_mask

    masks = [decode_mask(thing.mask) for thing in scene.objects if thing.mask is not None]
    if not masks:
        return None
    out = np.zeros((*masks[0].shape, 4))
    out[..., :3] = to_rgb(node_colour(schema.VISUAL))
    for mask in sorted(masks, key=lambda some: -some.sum()):  # small ones on large ones
        around = np.pad(mask, 1)
        inner = around[:-2, 1:-1] & around[2:, 1:-1] & around[1:-1, :-2] & around[1:-1, 2:]
        out[mask, 3] = 0.3
        out[mask & ~inner, 3] = 0.9
    return out
