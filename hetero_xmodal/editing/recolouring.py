"""Recolouring photographs: a detected object, or a part of a bird, gets another colour inside its outline.

This edits photographs of any size without a generator: a detector finds the object (or the scene graph says where it is), GrabCut its
outline unless the scene graph has its mask, a part head (``hetero-xmodal train parts``) the parts of a bird, and hue and lightness move in
CIELAB while the texture stays. Whatever the detector does not know, and whatever is no colour, is refused with the reason, and the
photograph comes back bit for bit.

>>> import hetero_xmodal as hx
>>> scene = hx.load_dataset("world/scenes", "test", size=1)[0]
>>> result = hx.manipulate(scene.image, "the zebra is red", recipe="recolour", image_scene=scene.scene)
>>> result.image.tobytes() == scene.image.tobytes(), result.notes[0]
(True, 'nothing that was found in the image is called zebra, so the image was left as it is')
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InputError
from ..files import FolderKind, Saved, write_json
from ..graphs.bridges import name_similarity
from ..parsers.colour_names import rgb_of
from ..region_masks import decode_mask
from ..scenes import SceneGraph
from ..training.editing.recolour import LAB, distance_to, recoloured
from .guard import find
from .instruction_phrases import said_of
from .instructions import Request, parse_instruction

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from PIL import Image

    from ..networks.part_head import FrozenMaps, PartHead

FILES = ("image.png", "mask.png", "manipulation.png", "notes.json", "image_scene.json")
_LEFT = "so the image was left as it is"
#: share of a thing that has a colour already for it to count as of that colour
_HAS = 0.6
#: distance in CIELAB from a colour within which a thing is of that colour
_NEAR = 12.0
#: share of a thing that is black for it to count as black, and the lightness that its darkest pixels get, relative to the new colour's
_BLACK, DARKEST = 0.4, 0.35
#: a part is given at least so much of the share of a bird that it usually has
_LEAST = 0.6
#: words of instructions -> names of the part head
_PART = {"crown": "crown", "face": "crown", "beak": "beak", "throat": "throat", "neck": "throat", "breast": "breast", "belly": "belly",
         "back": "back", "wing": "wing", "feather": "wing", "tail": "tail"}  # fmt: skip


@dataclass(frozen=True)
class Recolouring(Saved):
    """Result of recolouring a photograph.

    original, given : the photograph and the instruction
    image : the edited photograph, of the same size
    mask : (height, width) in 0..1, how much of each pixel was recoloured
    image_scene : what was found in the photograph
    notes : what was done, or why nothing was
    """

    files, kind = FILES, FolderKind("manipulation", FILES)
    original: Image.Image
    given: str
    image: Image.Image
    mask: np.ndarray
    image_scene: SceneGraph
    notes: list[str] = field(default_factory=list)

    def report(self) -> list[str]:
        """The instruction and the notes, one line each."""
        return [f"instruction: {self.given}", *(f"note: {note}" for note in self.notes)]

    def figure(self) -> Figure:
        """Draw the photograph, the edited one and the mask."""
        from ..viz.editing import recolouring_figure

        return recolouring_figure(self)

    def write(self, folder: Path, *, dpi: int = 150) -> None:
        """Write image, mask, figure, notes and scene graph into an existing folder; see :data:`FILES`."""
        from PIL import Image

        self.image.save(folder / "image.png")
        Image.fromarray((self.mask * 255).round().astype("uint8")).save(folder / "mask.png")
        self.figure().savefig(folder / "manipulation.png", dpi=dpi)
        write_json(folder / "notes.json", {"given": self.given, "notes": self.notes})
        self.image_scene.save(folder / "image_scene.json")


def load_parts(model: str | Path) -> PartHead:
    """Load a part head from the folder that ``train parts`` wrote.

    Raises
    ------
    InputError
        If the folder is not a part head.
    """
    from ..networks.part_head import PartHead
    from ..pretrained import find_model

    return PartHead.from_pretrained(find_model(model, recipe="parts")[0])


def recolour(
    image: Any, sentence: str, *, model: str | Path | PartHead | None = None, detector: Any = None, image_scene: SceneGraph | None = None
) -> Recolouring:
    """Give things in a photograph, or parts of a bird, the colours that a sentence asks for.

    Parameters
    ----------
    image : path, PIL image or uint8 array (height, width, 3) of any size.
    sentence : English text such as "the car is red" or "the bird has red wings".
    model : a part head or its folder, for parts of birds; without one, whole things only.
    detector : object detector, see :func:`hetero_xmodal.parse_image`; ``"auto"`` if left out.
    image_scene : scene graph of the photograph, used instead of a detector.

    Raises
    ------
    InputError
        If the image, the model or the detector cannot be used, or *image_scene* is of another size.
    """
    from PIL import Image

    from ..images import read_image
    from ..parsers.image import parse_image

    given, image = image, read_image(image)
    parts = load_parts(model) if isinstance(model, str | Path) else model
    scene = image_scene or parse_image(given, detector=detector or "auto")
    if scene.size is not None and tuple(scene.size) != image.size:
        (width, height), (wide, high) = scene.size, image.size
        raise InputError(f"image_scene was made for an image of {width} x {height} pixels, but this one has {wide} x {high}")
    pixels = np.ascontiguousarray(np.asarray(image))
    made, covered, notes, reasons = pixels, np.zeros(pixels.shape[:2], np.float32), [], []
    for request in parse_instruction(sentence):
        masks, reason = _masks(image, scene, request, parts)
        colour = _colour(request)
        if not reason and all(_already(image, mask, colour) for mask, _ in masks):
            reason = f"the {request.target} already is {colour}"
        if reason:
            reasons.append(reason)
            continue
        before = made
        for mask, was in masks:
            made = _painted(made, mask, colour, was)
            covered = np.maximum(covered, mask)
        if made is before or np.array_equal(made, before):  # a mask of no pixel, or of none that has the hue of the thing
            reasons.append(f"too little of the {request.target} is seen to recolour it")
            continue
        notes.append(f"the {request.target} is recoloured {colour} in its own pixels")
    if not notes:
        return Recolouring(image, sentence, image.copy(), covered, scene, [f"{'; '.join(dict.fromkeys(reasons))}, {_LEFT}"])
    notes += [f"{reason}; this part was left out" for reason in dict.fromkeys(reasons)]
    return Recolouring(image, sentence, Image.fromarray(made), covered, scene, notes)


def _colour(request: Request) -> str:
    """The colour that a request asks for, in its own words where these are the name of one: "turquoise" is no other blue."""
    value = next((value for value in request.values if value in LAB), None)
    if value is None:
        return ""
    return said_of(value) if rgb_of(said_of(value)) is not None else str(value)


def _masks(image: Image.Image, scene: SceneGraph, request: Request, parts: PartHead | None) -> tuple[list[tuple[np.ndarray, str]], str]:
    """Mask (height, width) in 0..1 and present colour ("" if not known) of everything that a request recolours, or why nothing can be."""
    from ..training.editing.exemplars import value_of  # it and the next one import torch
    from .outlines import Outline, outline_of

    if request.kind == "refused":
        return [], request.reason
    if request.kind != "attribute" or not _colour(request):
        return [], "this recipe changes colours only"
    part = _PART.get(request.target, "")
    if part and not any(name_similarity(thing.name, request.target) > 0 for thing in scene.objects):
        birds = [thing for thing in scene.objects if thing.name == "bird" and thing.box]
        if not birds:
            return [], f"nothing that was found in the image is called {request.target} or bird"
        if parts is None:
            return [], f"the {part} is part of a bird, and no model of parts was given (train one with: hetero-xmodal train parts)"
        if part not in (known := parts.vocab["parts"]):
            return [], f"the model of parts knows no {part}, only {' and '.join([', '.join(known[:-1])] * (len(known) > 1) + known[-1:])}"
        return [(part_mask(parts, image, bird.box, part), "") for bird in birds[: None if request.every else 1]], ""
    subjects = find(scene, request)
    found = [scene.objects[k] for k in subjects if scene.objects[k].box is not None]
    if not found:
        return [], f"nothing that was found in the image is called {request.target}"
    drawn = all(thing.name == "bird" and thing.mask is None for thing in found)
    if parts is not None and drawn:  # the model knows birds better than an outline of colours
        return [(bird_mask(parts, image, thing.box), value_of(thing.attributes, "colour")) for thing in found], ""
    pixels = np.ascontiguousarray(np.asarray(image))
    outlines = [outline_of(pixels, thing, scene.objects) if thing.mask is None else Outline(decode_mask(thing.mask)) for thing in found]
    reason = next((one.reason for one in outlines if one.reason), "")
    if reason:
        return [], reason
    return [(_soft(one.mask), value_of(thing.attributes, "colour")) for one, thing in zip(outlines, found, strict=True)], ""


def bird_mask(model: PartHead, image: Image.Image, box: tuple[float, ...]) -> np.ndarray:
    """Mask (height, width) in 0..1 of the bird in *box* of an RGB *image*, at the photograph's own size."""
    return _soft(_look(model, image, box)[1])


def part_mask(model: PartHead, image: Image.Image, box: tuple[float, ...], part: str) -> np.ndarray:
    """Mask (height, width) in 0..1 of a *part* of the bird in *box* of an RGB *image*, at the photograph's own size."""
    from ..training.bird_masks import without_specks

    shares, bird = _look(model, image, box)
    k = list(model.vocab["parts"]).index(part)
    own = (shares.argmax(0) == k) & bird
    least = round(_LEAST * model.vocab.get("usual", {}).get(part, 0.1) * bird.sum())
    if own.sum() < least:  # the head is sure of no place, so the likeliest
        chance = np.where(bird, shares[k], -1.0)
        own = bird & (chance >= np.partition(chance, -least, axis=None)[-least])
    return _soft(without_specks(own) & bird)


def _look(model: PartHead, image: Image.Image, box: tuple[float, ...]) -> tuple[np.ndarray, np.ndarray]:
    from ..training.bird_masks import seen_pixels  # it imports torch

    return seen_pixels(model, _frozen(), image, box)


@lru_cache(maxsize=1)
def _frozen() -> FrozenMaps:
    from ..networks.part_head import FrozenMaps

    return FrozenMaps()


def _soft(mask: np.ndarray) -> np.ndarray:
    """A mask with a rim that fades inwards, so that nothing outside is touched."""
    import cv2

    wide = max(1, round(0.006 * max(mask.shape))) * 2 + 1
    return cv2.GaussianBlur(mask.astype(np.float32), (wide, wide), 0) * mask


def _already(image: Image.Image, mask: np.ndarray, colour: str) -> bool:
    """Whether most of what the mask covers has the colour already; of a colour with a name of its own, whether its middle is near it."""
    pixels = np.asarray(image)
    return _share(pixels, mask, colour) > _HAS if colour in LAB else distance_to(pixels, mask, colour) < _NEAR


def _painted(pixels: np.ndarray, mask: np.ndarray, colour: str, was: str) -> np.ndarray:
    """Pixels recoloured in the mask; what is black all over is lightened too, or it would hardly show the colour."""
    black = _share(pixels, mask, "black") > _BLACK
    return recoloured(pixels, mask, colour, was=was, darkest=DARKEST if black else 0.0)


def _share(pixels: np.ndarray, mask: np.ndarray, colour: str) -> float:
    """Share of what the mask covers that has a colour."""
    from ..parsers.appearance import COLOURS, colour_terms

    terms = colour_terms(pixels)[mask > 0.5]
    return float((terms == COLOURS.index(colour)).mean()) if len(terms) else 0.0
