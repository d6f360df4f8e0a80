"""Training of the part head on photographs of birds whose parts nobody has marked.

The only supervision is the colours that captions name: where one says "black wings", what the head calls wing must be black. A prior says
roughly where in a bird a part lies and how much of it it is; it matters where captions say nothing.

Per photograph, with A_p the share of part p at a cell times the share of bird there, and P_c the share of the bird's pixels in the cell
that have the colour c: the loss of a fact (p, c) is -log(sum A_p P_c / sum A_p).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from ..checks import check_count, check_seed
from ..data.registry import check_data
from ..data.store import progress_bar
from ..errors import InputError
from ..files import replaceable_folder
from ..networks.part_head import GRID, SIDE, FrozenMaps, PartHead, PartsConfig, places
from ..parsers.appearance import COLOURS, colour_terms
from ..pretrained import MODEL_FOLDER
from .editing.segmentation import outline

if TYPE_CHECKING:
    from PIL import Image

    from ..scenes import SceneGraph

#: part -> its names in captions
PARTS: dict[str, tuple[str, ...]] = {
    "crown": ("crown", "head", "cap", "forehead", "face", "crest"),
    "beak": ("beak", "bill"),
    "throat": ("throat", "neck", "nape", "collar"),
    "breast": ("breast", "chest"),
    "belly": ("belly", "abdomen", "stomach", "underbelly", "underside", "vent"),
    "back": ("back", "mantle", "rump"),
    "wing": ("wing", "primary", "secondary", "covert", "feather"),
    "tail": ("tail", "rectrix", "rectrice", "tailfeather"),
}
#: part -> usual height in the bird (-1 top, 1 bottom) and distance from its middle column, their spreads, and share of the bird's area
_PRIOR: dict[str, tuple[float, float, float, float, float]] = {
    "crown": (-0.85, 0.55, 0.25, 0.35, 0.12), "beak": (-0.65, 0.95, 0.25, 0.12, 0.03), "throat": (-0.45, 0.5, 0.2, 0.3, 0.08),
    "breast": (-0.05, 0.45, 0.25, 0.3, 0.14), "belly": (0.5, 0.3, 0.3, 0.35, 0.18), "back": (-0.3, 0.2, 0.25, 0.35, 0.13),
    "wing": (0.05, 0.25, 0.4, 0.4, 0.22), "tail": (0.6, 0.85, 0.35, 0.25, 0.1),
}  # fmt: skip
_WEIGHTS = {"prior": 0.3, "area": 0.5}
_LEAST = 0.03


@dataclass(frozen=True)
class Birds:
    """What the head learns from: frozen maps (n, 472, 32, 32), share of bird in each cell (n, 32, 32), colours of its pixels
    (n, 11, 32, 32), and facts of each bird as (part, colour) numbers."""

    maps: Tensor
    masks: Tensor
    colours: Tensor
    facts: list[list[tuple[int, int]]]


def square_around(image: Image.Image, box: Sequence[float]) -> tuple[Image.Image, tuple[float, float, float]]:
    """The square around a box, 1.3 times its longer side, at 256 pixels, and its left, top and side in pixels of the image.

    Beyond the border the square shows the image's mean colour.
    """
    from PIL import Image as images

    side = 1.3 * max(box[2] - box[0], box[3] - box[1], 4.0)
    left, top = (box[0] + box[2] - side) / 2, (box[1] + box[3] - side) / 2
    whole = images.new("RGB", image.size, tuple(int(v) for v in np.asarray(image).reshape(-1, 3).mean(0)))
    whole.paste(image)
    return whole.transform((SIDE, SIDE), images.Transform.EXTENT, (left, top, left + side, top + side), images.Resampling.BILINEAR), (
        left,
        top,
        side,
    )


def bird_mask(image: Image.Image, box: Sequence[float]) -> np.ndarray:
    """Mask (height, width) bool of the bird in *box*, by GrabCut at no more than 320 pixels a side."""
    scale = min(1.0, 320 / max(image.size))
    small = image if scale == 1 else image.resize((round(image.width * scale), round(image.height * scale)))
    found = outline(np.ascontiguousarray(np.asarray(small)), np.array(box) / [*image.size, *image.size])
    inside = np.zeros_like(found)
    x1, y1, x2, y2 = (round(v * scale) for v in box)
    inside[max(0, y1) : max(0, y2) + 1, max(0, x1) : max(0, x2) + 1] = True
    found &= inside
    if scale == 1:
        return found
    from PIL import Image as images

    return np.asarray(images.fromarray(found).resize(image.size, images.Resampling.BILINEAR))


def facts_of(sentences: Sequence[SceneGraph]) -> list[tuple[int, int]]:
    """(part, colour) of every colour of a part that parsed captions name.

    >>> from hetero_xmodal.scenes import SceneGraph, SceneObject
    >>> facts_of([SceneGraph(objects=[SceneObject("bill", ["long", "black"])])]) == [(1, COLOURS.index("black"))]
    True
    """
    from ..graphs.synonyms import ATTRIBUTE_SAME

    part_of = {name: k for k, names in enumerate(PARTS.values()) for name in names}
    out = []
    for sentence in sentences:
        for thing in sentence.objects:
            part = part_of.get(thing.name.split()[-1].removesuffix("s") if thing.name else "", part_of.get(thing.name, -1))
            values = [ATTRIBUTE_SAME.get(value, value) for value in thing.attributes]
            out += [(part, COLOURS.index(value)) for value in values if part >= 0 and value in COLOURS]
    return out


def load_birds(data: str, split: str, *, size: int | None = None, progress: bool | None = None) -> Birds:
    """Read photographs with boxes of birds and captions that name colours of parts.

    Raises
    ------
    InputError
        If no photograph has a box of a bird and such a caption.
    """
    from ..data.tasks.editing import load_editing_images
    from ..parsers.sentence import parse_sentences

    items = load_editing_images(data, split, size=size, image_size=SIDE)
    frozen = FrozenMaps()
    maps, masks, colours, facts = [], [], [], []
    with progress_bar("looking at birds", len(items), progress) as advance:
        for item in items:
            advance(1)
            bird = next((thing for thing in item.scene.objects if thing.name == "bird" and thing.box), None) if item.scene else None
            known = facts_of(parse_sentences(list(item.sentences))) if bird is not None else []
            if bird is None or not known:
                continue
            image = item.image.convert("RGB")
            square, (left, top, side) = square_around(image, bird.box)
            k = SIDE / side
            box = [(bird.box[0] - left) * k, (bird.box[1] - top) * k, (bird.box[2] - left) * k, (bird.box[3] - top) * k]
            mask = bird_mask(square, box)
            terms = colour_terms(np.asarray(square))
            shares = np.stack([cells((terms == c) & mask) for c in range(len(COLOURS))])
            covered = cells(mask)
            maps.append(frozen(torch.from_numpy(np.asarray(square, np.float32) / 127.5 - 1).permute(2, 0, 1)[None])[0])
            masks.append(torch.from_numpy(covered))
            colours.append(torch.from_numpy(shares / np.maximum(covered, 1e-3)))
            facts.append(known)
    if not maps:
        raise InputError(f"{data} ({split}) has no photograph with a box of a bird and a caption that names the colour of a part")
    return Birds(torch.stack(maps), torch.stack(masks).float(), torch.stack(colours).float(), facts)


def cells(mask: np.ndarray) -> np.ndarray:
    """Share of a mask (256, 256) in every cell (32, 32)."""
    n = SIDE // GRID
    return mask.reshape(GRID, n, GRID, n).mean((1, 3)).astype(np.float32)


def fit_parts(
    model: PartHead, birds: Birds, *, epochs: int = 60, learning_rate: float = 3e-3, seed: int = 0, progress: bool | None = None
) -> float:
    """Train the head; returns the mean loss of a fact after the last epoch."""
    torch.manual_seed(seed)
    names = model.vocab["parts"]
    model.settle(birds.maps)
    place = places(birds.masks)
    usual = torch.tensor([_PRIOR[name] for name in names])
    prior = _prior(place, usual)
    photo = torch.tensor([k for k, known in enumerate(birds.facts) for _ in known])
    part, colour = (torch.tensor([fact[j] for known in birds.facts for fact in known]) for j in (0, 1))
    # a colour that the whole bird has tells no part from another: a fact counts by the rarity of its colour on its bird
    rare = 1 - (birds.colours * birds.masks[:, None]).sum((2, 3)) / birds.masks.sum((1, 2))[:, None].clamp_min(1)
    weight = rare[photo, colour].clamp_min(0.05)
    optimiser = torch.optim.Adam(model.head.parameters(), lr=learning_rate, weight_decay=1e-3)
    loss = torch.zeros(())
    with progress_bar("training the part head", epochs, progress) as advance, torch.enable_grad():
        for _ in range(epochs):
            shares = model(birds.maps, place)
            claimed = shares * birds.masks[:, None]
            area = claimed.sum((2, 3))
            right = (claimed[photo, part] * birds.colours[photo, colour]).sum((1, 2)) / area[photo, part].clamp_min(1e-3)
            loss = -(weight * (right + _LEAST).log()).sum() / weight.sum()
            own = area / area.sum(1, keepdim=True).clamp_min(1e-3)
            spread = (usual[:, 4] * (usual[:, 4] / own.clamp_min(1e-4)).log()).sum(1).mean()
            near = -(claimed * prior).sum() / birds.masks.sum()
            total = loss + _WEIGHTS["area"] * spread + _WEIGHTS["prior"] * near
            optimiser.zero_grad()
            total.backward()
            optimiser.step()
            advance(1)
    return float(loss.detach())


def _prior(place: Tensor, usual: Tensor) -> Tensor:
    """Log of the usual place of every part at every cell, at least -4: (n, parts, 32, 32)."""
    v, u = place[:, None, 0], place[:, None, 1]
    at, spread = usual[None, :, 0:2, None, None], usual[None, :, 2:4, None, None]
    distance = ((v - at[:, :, 0]) / spread[:, :, 0]).square() + ((u - at[:, :, 1]) / spread[:, :, 1]).square()
    return (-0.5 * distance).clamp_min(-4)


def train_parts(
    data: str, *, out: str | Path, size: int | None = None, epochs: int = 60, seed: int = 0, progress: bool | None = None
) -> tuple[PartHead, dict[str, Any]]:
    """Train a part head on the training photographs of *data* and save it as the folder *out*.

    Returns
    -------
    the model, and numbers of photographs and facts and the last loss.

    Raises
    ------
    InputError
        If the data have no such photographs, a number is out of range or the folder cannot be written.
    """
    check_data(data, "cam")
    check_count("size", size)
    check_count("epochs", epochs)
    check_seed(seed)
    replaceable_folder(out, MODEL_FOLDER)
    birds = load_birds(data, "train", size=size, progress=progress)
    model = PartHead(
        PartsConfig(), {"parts": list(PARTS), "usual": {name: row[-1] for name, row in _PRIOR.items()}, "data": data.partition(":")[0]}
    )
    loss = fit_parts(model, birds, epochs=epochs, seed=seed, progress=progress)
    model.eval().save_pretrained(out)
    return model, {"photographs": len(birds.facts), "facts": sum(map(len, birds.facts)), "loss": loss}
