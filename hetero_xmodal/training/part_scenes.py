"""Parts of birds in photographs as nodes: those that a part head finds are added to the scene graph, with the colours that captions name.

CUB publishes one box a bird. With parts as regions of their own, each with a box, a mask and attributes, "wing" in a sentence meets "wing"
in the image, and an editing model can learn to recolour a wing. ``hetero-xmodal data build cub:FOLDER --parts PARTS`` writes such data.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..networks.part_head import FrozenMaps, PartHead
from ..parsers.appearance import COLOURS
from ..region_masks import encode_mask
from ..scenes import SceneGraph, SceneObject, SceneRelation
from .bird_masks import seen_pixels, without_specks
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
        """The scene graph of *item* with a mask of its bird and the bird's parts: each with a box, a mask, the colours that captions
        name, and a relation "have". Parts that the scene graph has already, as objects of the bird, are not added again.
        """
        from ..parsers.sentence import parse_sentences

        scene = item.scene
        owner = None if scene is None else next((k for k, thing in enumerate(scene.objects) if thing.name == "bird" and thing.box), None)
        if scene is None or owner is None:
            return scene
        bird = scene.objects[owner]
        colours = agreed_colours([told for told in parse_sentences(item.sentences, on_error="skip") if told])
        known = {scene.objects[relation.object].name for relation in scene.relations if relation.subject == owner} - {"bird"}
        whole, masks = self.masks(item.image.convert("RGB"), bird.box)
        new = {name: mask for name, mask in masks.items() if name not in known}
        found = [SceneObject(name, colours.get(name, []), box=_around(mask), mask=encode_mask(mask)) for name, mask in new.items()]
        self.birds, self.parts = self.birds + 1, self.parts + len(found)
        relations = [SceneRelation(owner, "have", k) for k in range(len(scene.objects), len(scene.objects) + len(found))]
        objects = list(scene.objects)
        objects[owner] = replace(bird, mask=encode_mask(whole) if whole.any() else None)
        source = scene.source | {"parts": "found by a part head"}
        return replace(scene, objects=[*objects, *found], relations=[*scene.relations, *relations], source=source)

    def masks(self, image: Image.Image, box: Sequence[float]) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """Which pixels (height, width) of the *image* show the bird in *box*, and part -> those of the largest piece of it that is seen."""
        shares, bird = seen_pixels(self.model, self._maps, image, box)
        best, out = shares.argmax(0), {}
        for k, name in enumerate(self.model.vocab["parts"]):
            own = (best == k) & bird
            piece = without_specks(own, least=1.0) & bird if own.any() else own
            if piece.any() and piece.sum() >= _LEAST * self.model.vocab.get("usual", {}).get(name, 0.1) * bird.sum():
                out[name] = piece
        return bird, out


def _around(mask: np.ndarray) -> tuple[float, float, float, float]:
    """x1, y1, x2, y2 around a mask (height, width) that is not empty."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)


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
