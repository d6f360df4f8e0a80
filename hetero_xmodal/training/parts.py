"""Training of the part head on photographs of birds whose parts nobody has marked.

The only supervision is the colours that captions name: where one says "black wings", what the head calls wing must be black. A prior says
roughly where in a bird a part lies and how large its share of the bird is; it matters where captions say nothing.

1. ``bird`` is fitted to GrabCut's masks of the boxes, then to the mean of these and of its own first predictions; it initialises a second
   GrabCut.
2. ``rough`` learns parts from features and from places in the box, whose left and right say nothing, for birds face either way.
3. What ``rough`` calls crown and beak shows the head, and with it an axis from head to tail; ``fine`` learns parts again, with places
   along that axis and a prior that belongs to it: breast before belly, back above both.

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
from torch import Tensor, nn
from torch.nn import functional as F

from ..checks import check_count, check_seed
from ..data.registry import check_data
from ..data.store import progress_bar
from ..errors import InputError
from ..files import replaceable_folder
from ..networks.part_head import INSIDE, FrozenMaps, PartHead, PartsConfig, along_body, body_features, places
from ..parsers.appearance import COLOURS, colour_terms
from ..pretrained import MODEL_FOLDER
from .bird_masks import Square, better_mask, cells, first_mask, frozen_maps, square_around

if TYPE_CHECKING:
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
#: part -> usual height in the bird (-1 top, 1 bottom) and distance from its middle column, the standard deviations of
#: both, and share of the bird's area
_PRIOR: dict[str, tuple[float, float, float, float, float]] = {
    "crown": (-0.85, 0.55, 0.25, 0.35, 0.12), "beak": (-0.65, 0.95, 0.25, 0.12, 0.03), "throat": (-0.45, 0.5, 0.2, 0.3, 0.08),
    "breast": (-0.05, 0.45, 0.25, 0.3, 0.14), "belly": (0.5, 0.3, 0.3, 0.35, 0.18), "back": (-0.3, 0.2, 0.25, 0.35, 0.13),
    "wing": (0.05, 0.25, 0.4, 0.4, 0.22), "tail": (0.6, 0.85, 0.35, 0.25, 0.1),
}  # fmt: skip
#: part -> its usual places along the body (:func:`hetero_xmodal.networks.part_head.along_body`): distance from the head, height above the
#: axis, the standard deviations of both, logarithm of how much the place counts; a spread wing lies anywhere beside the body
WHERE: dict[str, list[list[float]]] = {
    "crown": [[-0.03, 0.08, 0.09, 0.13, 0.0]], "beak": [[-0.12, -0.05, 0.08, 0.1, 0.0]], "throat": [[0.12, -0.1, 0.08, 0.12, 0.0]],
    "breast": [[0.27, -0.2, 0.12, 0.17, 0.0]], "belly": [[0.52, -0.25, 0.17, 0.17, 0.0]], "back": [[0.3, 0.2, 0.15, 0.12, 0.0]],
    "wing": [[0.55, 0.08, 0.2, 0.2, 0.0], [0.45, 0.0, 0.3, 0.8, -1.0]], "tail": [[0.97, 0.05, 0.15, 0.25, 0.0]],
}  # fmt: skip
_WEIGHTS = {"prior": 0.3, "area": 0.5}
_LEAST = 0.03
#: cells that the map of birds is fitted to, at most, and its passes over them
_CELLS, _BIRD_EPOCHS = 60_000, 120


@dataclass(frozen=True)
class Looked:
    """Photographs as they were looked at: frozen maps (n, 472, 32, 32) float16, squares, and facts of each bird as (part, colour)."""

    maps: Tensor
    squares: list[Square]
    facts: list[list[tuple[int, int]]]


@dataclass(frozen=True)
class Birds:
    """What the parts are learned from: frozen maps (n, 472, 32, 32), share of bird in each cell (n, 32, 32), colours of its pixels
    (n, 11, 32, 32), and facts of each bird as (part, colour) numbers."""

    maps: Tensor
    masks: Tensor
    colours: Tensor
    facts: list[list[tuple[int, int]]]


def new_head(data: str = "") -> PartHead:
    """An untrained part head of the eight parts; *data* names what it will be trained on."""
    usual = {name: row[-1] for name, row in _PRIOR.items()}
    return PartHead(PartsConfig(), {"parts": list(PARTS), "usual": usual, "where": WHERE, "data": data.partition(":")[0]})


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


def look_at(data: str, split: str, *, size: int | None = None, progress: bool | None = None) -> Looked:
    """Look at photographs with boxes of birds and captions that name colours of parts.

    Parameters
    ----------
    data, split : see :func:`~hetero_xmodal.data.tasks.editing.load_editing_images`.
    size : number of photographs, spread over all of them, for the first of a data set are often of few classes.
    progress : show a progress bar; by default only in a terminal.

    Raises
    ------
    InputError
        If no photograph has a box of a bird and such a caption.
    """
    from ..data.tasks.editing import load_editing_images
    from ..parsers.sentence import parse_sentences

    items = load_editing_images(data, split, image_size=256)
    chosen = range(len(items)) if size is None or size >= len(items) else np.linspace(0, len(items) - 1, size).round().astype(int).tolist()
    frozen = FrozenMaps()
    maps, squares, facts = [], [], []
    with progress_bar("looking at birds", len(chosen), progress) as advance:
        for k in chosen:
            item = items[k]
            advance(1)
            bird = next((thing for thing in item.scene.objects if thing.name == "bird" and thing.box), None) if item.scene else None
            known = facts_of([told for told in parse_sentences(item.sentences, on_error="skip") if told]) if bird is not None else []
            if bird is None or not known:
                continue
            squares.append(square_around(item.image.convert("RGB"), bird.box))
            maps.append(frozen_maps(frozen, squares[-1]).half())
            facts.append(known)
    if not maps:
        raise InputError(f"{data} ({split}) has no photograph with a box of a bird and a caption that names the colour of a part")
    return Looked(torch.stack(maps), squares, facts)


def fit_bird(model: PartHead, looked: Looked, *, learning_rate: float = 3e-3, seed: int = 0) -> None:
    """Fit ``model.bird``, first to GrabCut's masks of the boxes, then to the mean of these and of its first opinion."""
    first = torch.from_numpy(np.stack([cells(first_mask(square)) for square in looked.squares]))
    inside = torch.from_numpy(np.stack([cells(square.inside()) for square in looked.squares])) > 0.5
    seen = torch.from_numpy(np.stack([cells(square.photograph()) for square in looked.squares])) > 0.9
    order = seen.flatten().nonzero().squeeze(1)
    generator = torch.Generator().manual_seed(seed)
    order = order[torch.randperm(len(order), generator=generator)[:_CELLS]]
    rows = looked.maps.movedim(1, -1).flatten(0, 2)[order].float()
    first, inside = first.flatten()[order], inside.flatten()[order]
    mean, scale = _standards(rows)
    rows = (rows - mean) / scale
    target = first
    with torch.enable_grad():
        for _ in range(2):
            layer = _fresh(model.bird, seed)
            optimiser = torch.optim.Adam(layer.parameters(), lr=learning_rate, weight_decay=1e-2)
            for _ in range(_BIRD_EPOCHS):
                loss = F.binary_cross_entropy_with_logits(layer(rows)[:, 0], target)
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
            opinion = (layer(rows)[:, 0].detach() > 0).float()
            target = torch.where(inside, (first + opinion) / 2, torch.zeros_like(first))
    _fold(layer, mean, scale, into=model.bird)


@torch.no_grad()
def birds_of(model: PartHead, looked: Looked) -> Birds:
    """Masks and colours of the birds that were looked at, by the fitted ``model.bird``."""
    masks, colours = [], []
    for maps, square in zip(looked.maps, looked.squares, strict=True):
        mask = better_mask(square, model.birdness(maps[None].float())[0].numpy())
        terms = colour_terms(square.pixels)
        covered = cells(mask)
        masks.append(torch.from_numpy(covered))
        shares = np.stack([cells((terms == c) & mask) for c in range(len(COLOURS))])
        colours.append(torch.from_numpy(shares / np.maximum(covered, 1e-3)))
    return Birds(looked.maps, torch.stack(masks).float(), torch.stack(colours).float(), looked.facts)


def fit_parts(
    model: PartHead, birds: Birds, *, epochs: int = 80, learning_rate: float = 3e-3, seed: int = 0, progress: bool | None = None
) -> float:
    """Train ``model.rough``, find the heads, and train ``model.fine``; returns the mean loss of a fact after the last epoch."""
    names = model.vocab["parts"]
    place = places(birds.masks)
    usual = torch.tensor([_PRIOR[name] for name in names])
    some = _Cells(birds)
    with progress_bar("training the part head", 2 * epochs, progress) as advance:
        fit = {"epochs": epochs, "learning_rate": learning_rate, "seed": seed, "advance": advance}
        _fit(model.rough, some, place, some.rows(_prior(place, usual)), usual[:, 4], **fit)
        with torch.no_grad():
            body = along_body(birds.masks, torch.cat([_heads(model, birds, place, k) for k in range(0, len(birds.masks), 16)]))
            given, prior = torch.cat([place, body_features(body)], 1), some.rows(model.usually(body))
        return _fit(model.fine, some, given, prior, usual[:, 4], **fit)


def _heads(model: PartHead, birds: Birds, place: Tensor, start: int) -> Tensor:
    """Heads (16, 2) of the birds from *start* on."""
    some = slice(start, start + 16)
    return model.heads(model.roughly(birds.maps[some].float(), place[some]), birds.masks[some])


class _Cells:
    """The cells that show birds, one row each."""

    def __init__(self, birds: Birds) -> None:
        self.where = (birds.masks > INSIDE).flatten().nonzero().squeeze(1)
        if not len(self.where):
            raise InputError("no bird was found in the photographs; look at the boxes of the data set")
        self.photo, self.count = self.where.div(birds.masks[0].numel(), rounding_mode="floor"), len(birds.masks)
        self.share, self.colours, self.maps = self.rows(birds.masks[:, None])[:, 0], self.rows(birds.colours), self.rows(birds.maps)
        facts = [(k, *fact) for k, known in enumerate(birds.facts) for fact in known]
        self.of, self.part, self.colour = torch.tensor(facts).T

    def rows(self, maps: Tensor) -> Tensor:
        """Maps (n, c, 32, 32) at the cells, (m, c) float32."""
        return maps.movedim(1, -1).flatten(0, 2)[self.where].float()

    def total(self, values: Tensor) -> Tensor:
        """Values (m, ...) added up over each photograph (n, ...)."""
        return values.new_zeros(self.count, *values.shape[1:]).index_add(0, self.photo, values)


def _fit(
    layer: nn.Linear,
    some: _Cells,
    place: Tensor,
    prior: Tensor,
    usual: Tensor,
    *,
    epochs: int,
    learning_rate: float,
    seed: int,
    advance: Any,
) -> float:
    """Fit a linear map from features and *place* (n, c, 32, 32) to parts; *prior* (m, parts) is how usual they are at the cells."""
    mean, scale = _standards(some.maps)
    given = torch.cat([(some.maps - mean) / scale, some.rows(place)], 1)
    mean, scale = (F.pad(v, (0, place.shape[1]), value=value) for v, value in ((mean, 0.0), (scale, 1.0)))
    area_of_bird = some.total(some.share)
    # a colour that the whole bird has tells no part from another: a fact counts by the rarity of its colour on its bird
    common = some.total(some.colours * some.share[:, None]) / area_of_bird[:, None].clamp_min(1)
    weight = (1 - common[some.of, some.colour]).clamp_min(0.05)
    fresh = _fresh(layer, seed)
    optimiser = torch.optim.Adam(fresh.parameters(), lr=learning_rate, weight_decay=1e-3)
    loss = torch.zeros(())
    with torch.enable_grad():
        for _ in range(epochs):
            claimed = fresh(given).softmax(1) * some.share[:, None]
            area = some.total(claimed)
            coloured = some.total(claimed[:, :, None] * some.colours[:, None])
            right = coloured[some.of, some.part, some.colour] / area[some.of, some.part].clamp_min(1e-3)
            loss = -(weight * (right + _LEAST).log()).sum() / weight.sum()
            own = area / area.sum(1, keepdim=True).clamp_min(1e-3)
            divergence = (usual * (usual / own.clamp_min(1e-4)).log()).sum(1).mean()
            near = -(claimed * prior).sum() / some.share.sum()
            total = loss + _WEIGHTS["area"] * divergence + _WEIGHTS["prior"] * near
            optimiser.zero_grad()
            total.backward()
            optimiser.step()
            advance(1)
    _fold(fresh, mean, scale, into=layer)
    return float(loss.detach())


def _standards(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation (c,) of rows (m, c)."""
    return rows.mean(0), rows.std(0, correction=0).clamp_min(1e-3)


def _fresh(like: nn.Linear, seed: int) -> nn.Linear:
    torch.manual_seed(seed)
    layer = nn.Linear(like.in_features, like.out_features)
    nn.init.normal_(layer.weight, std=0.01)
    nn.init.zeros_(layer.bias)
    return layer


@torch.no_grad()
def _fold(layer: nn.Linear, mean: Tensor, scale: Tensor, *, into: nn.Linear) -> None:
    """Write a map of standardised features into one of the features as they are."""
    into.weight.copy_(layer.weight / scale)
    into.bias.copy_(layer.bias - into.weight @ mean)


def _prior(place: Tensor, usual: Tensor) -> Tensor:
    """Log of the usual place of every part at every cell, at least -4: (n, parts, 32, 32)."""
    v, u = place[:, None, 0], place[:, None, 1]
    at, deviation = usual[None, :, 0:2, None, None], usual[None, :, 2:4, None, None]
    distance = ((v - at[:, :, 0]) / deviation[:, :, 0]).square() + ((u - at[:, :, 1]) / deviation[:, :, 1]).square()
    return (-0.5 * distance).clamp_min(-4)


def train_parts(
    data: str, *, out: str | Path, size: int | None = None, epochs: int = 80, seed: int = 0, progress: bool | None = None
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
    looked = look_at(data, "train", size=size, progress=progress)
    model = new_head(data)
    fit_bird(model, looked, seed=seed)
    birds = birds_of(model, looked)
    loss = fit_parts(model, birds, epochs=epochs, seed=seed, progress=progress)
    model.eval().save_pretrained(out)
    return model, {"photographs": len(birds.facts), "facts": sum(map(len, birds.facts)), "loss": loss}
