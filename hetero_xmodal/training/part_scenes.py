"""Parts of birds in photographs as nodes: those that a part head finds are added to the scene graph, with the colours that captions name.

CUB publishes one box a bird. With parts as regions of their own, each with a box and attributes, "wing" in a sentence meets "wing" in the
image, and an editing model can learn to recolour a wing. ``hetero-xmodal data build cub:FOLDER --parts PARTS`` writes such a data set.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..networks.part_head import GRID, FrozenMaps, PartHead
from ..parsers.appearance import COLOURS
from ..scenes import SceneGraph, SceneObject, SceneRelation
from .bird_masks import cells, seen_parts, square_around
from .parts import PARTS, facts_of

if TYPE_CHECKING:
    from PIL import Image

    from ..data.dataset import Item

#: a part is there if it has at least so much of the share of a bird that it usually has
_LEAST = 0.3
_COLOURS = 2  # at most so many colours of a part


class PartScenes:
    """Adds the parts that a head finds to the scene graph of an item with the box of a bird.

    Parameters
    ----------
    model : a part head, or the folder that ``hetero-xmodal train parts`` wrote.

    Raises
    ------
    InputError
        If the folder is not a part head.
    """

    def __init__(self, model: PartHead | str | Path) -> None:
        from ..pretrained import find_model

        self.model = model if isinstance(model, PartHead) else PartHead.from_pretrained(find_model(model, recipe="parts")[0])
        self._maps = FrozenMaps()
        #: birds looked at and parts found so far
        self.birds, self.parts = 0, 0

    def __call__(self, item: Item) -> SceneGraph | None:
        """The scene graph of *item* with its bird's parts, each with a box, the colours that captions name, and a relation "have".

        Parts that the scene graph has already, as objects of the bird, are not added again.
        """
        from ..parsers.sentence import parse_sentences

        scene = item.scene
        owner = None if scene is None else next((k for k, thing in enumerate(scene.objects) if thing.name == "bird" and thing.box), None)
        if scene is None or owner is None:
            return scene
        bird = scene.objects[owner]
        colours = agreed_colours([told for told in parse_sentences(item.sentences, on_error="skip") if told])
        known = {scene.objects[relation.object].name for relation in scene.relations if relation.subject == owner} - {"bird"}
        boxes = self.boxes(item.image.convert("RGB"), bird.box)
        found = [SceneObject(name, colours.get(name, []), box=box) for name, box in boxes.items() if name not in known]
        self.birds, self.parts = self.birds + 1, self.parts + len(found)
        relations = [SceneRelation(owner, "have", k) for k in range(len(scene.objects), len(scene.objects) + len(found))]
        source = scene.source | {"parts": "found by a part head"}
        return replace(scene, objects=[*scene.objects, *found], relations=[*scene.relations, *relations], source=source)

    def boxes(self, image: Image.Image, box: Sequence[float]) -> dict[str, tuple[float, float, float, float]]:
        """Part -> x1, y1, x2, y2 in pixels of the *image* of the largest piece of each part that is seen of the bird in *box*."""
        import cv2

        square = square_around(image, box)
        left, top, side = square.left, square.top, square.side
        mask, shares = seen_parts(self.model, self._maps, square)
        covered = cells(mask)
        best, bird = shares.argmax(0), covered > 0.5
        cell, out = side / GRID, {}
        for k, name in enumerate(self.model.vocab["parts"]):
            count, labels, stats, _ = cv2.connectedComponentsWithStats(((best == k) & bird).astype(np.uint8), connectivity=8)
            if count < 2:
                continue
            largest = 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
            if stats[largest, cv2.CC_STAT_AREA] < _LEAST * self.model.vocab.get("usual", {}).get(name, 0.1) * bird.sum():
                continue
            x, y, width, height = (int(v) for v in stats[largest, :4])
            x1, y1 = max(left + x * cell, box[0], 0.0), max(top + y * cell, box[1], 0.0)
            x2, y2 = min(left + (x + width) * cell, box[2], image.width), min(top + (y + height) * cell, box[3], image.height)
            if x2 - x1 >= 1 and y2 - y1 >= 1:
                out[name] = (x1, y1, x2, y2)
        return out


def agreed_colours(sentences: Sequence[SceneGraph]) -> dict[str, list[str]]:
    """Part -> the one or two colours that most of its parsed captions name; of several, only those that are named twice.

    >>> told = [SceneGraph(objects=[SceneObject("wing", [colour])]) for colour in ("black", "black", "gray")]
    >>> agreed_colours(told)
    {'wing': ['black']}
    """
    parts, counts = list(PARTS), dict[str, Counter[str]]()
    for part, colour in facts_of(sentences):
        counts.setdefault(parts[part], Counter())[COLOURS[colour]] += 1
    out = {}
    for part, found in counts.items():
        twice = [colour for colour, n in found.most_common(_COLOURS) if n > 1]
        if twice or len(found) == 1:
            out[part] = twice or list(found)
    return out
