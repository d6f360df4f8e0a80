"""Training data of editing models: images, graphs of image and sentence, and three kinds of self-supervised exercises.

True edited images are not available for training, so exercises are made from annotations alone:

* **foreign part**: a region that the sentence describes is covered by the same part of another image, which differs in the attributes that
  the sentence states and agrees in all others. The original image is the target; only the sentence determines the region's appearance.
* **hidden region**: a box is inpainted, and the original image is the target. Either the box contained an object, which is still in the
  graph with the region feature of an object of another class of the same colour and pattern; or it was empty, and the background is to be
  painted.
* **swapped sentence**: attribute words are swapped for others of their kind ("red" for "blue"). The original sentence is the target.

>>> from hetero_xmodal.training.editing.make_dataset import load_manipulation_data
>>> load_manipulation_data("world/birds", size=4, captions=2, told=1)
<ManipulationData of 4 images and 12 sentences>
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ... import schema as s
from ...counts import counted
from ...errors import InputError
from ...files import FolderKind, atomic_folder, read_folder, read_json, read_safetensors, write_json, write_safetensors
from ...graphs.corpus import GraphCorpus
from ...graphs.synonyms import ATTRIBUTE_SAME, EXCLUSIVE
from ...networks.masks import box_mask, dilated, filled_from_around
from ...recipes.presets import DataFacts

#: kinds of attributes, in the order of EXCLUSIVE
KINDS = ("colour", "pattern", "size", "length")
FREE = -1  # a donor may have any value


def kind_of(attribute: str) -> tuple[int, str] | None:
    """Index of the kind of an attribute in :data:`KINDS`, and its normal form; None for other words.

    >>> kind_of("spotted"), kind_of("wooden")
    ((1, 'dotted'), None)
    """
    word = ATTRIBUTE_SAME.get(attribute.lower(), attribute.lower())
    return next(((k, word) for k, words in enumerate(EXCLUSIVE) if word in words), None)


class Turned(NamedTuple):
    """Images (b, 3, S, S) with a region in another colour, its mask (b, 1, S, S), and region and colour (b,) by number, -1 for none."""

    images: Tensor
    mask: Tensor
    node: Tensor
    colour: Tensor


class Hidden(NamedTuple):
    """Hidden boxes (b, 4); their regions (b,), -1 for none; and the image and region (b,) from which the region feature is taken."""

    box: Tensor
    node: Tensor
    image: Tensor
    region: Tensor


@dataclass
class ManipulationData:
    """Images with the graphs of their sentences.

    Attributes
    ----------
    images : (n, 3, S, S) uint8
    corpus : one graph for every sentence, with the same regions in all graphs of an image
    image : (g,), index of the image of every graph
    boxes : (n, m, 4), boxes of the regions relative to the image's sides; m is the largest number of regions of an image
    names : (n, m), index of the region's class in ``classes``, -1 if there is no region
    values : (n, m, kinds), index of each attribute in ``attributes``, 0 if unknown
    free : (g, m, kinds), FREE if the sentence states the attribute, otherwise the value that a donor must have
    request : (g,), true for sentences such as "the wings are red instead of blue"
    classes, attributes : names of the classes and of the attribute values
    info : provenance of the data
    owner : (n, S, S), index plus one of the region that a pixel shows, 0 for none, see :func:`~.segmentation.cut_out`; None if exercises
        exchange whole boxes
    masks, mask_of : (k, S, S) uint8, how much of each pixel a region covers, in 255ths, and (n, m), the row there of each region, -1 where
        its mask is not known; None if no region has one. Exercises that recolour stay inside the mask, or in the box without one
    """

    images: Tensor
    corpus: GraphCorpus
    image: Tensor
    boxes: Tensor
    names: Tensor
    values: Tensor
    free: Tensor
    request: Tensor
    classes: list[str]
    attributes: list[str]
    info: dict[str, Any] = field(default_factory=dict)
    owner: Tensor | None = None
    masks: Tensor | None = None
    mask_of: Tensor | None = None

    def __post_init__(self) -> None:
        self._donors: dict[tuple, np.ndarray] = {}
        self._facing = _facing(self.boxes, self.names)
        self._node_names, self._node_values = self.names.numpy(), self.values.numpy()
        self.part = _parts(self.boxes, self.names)

    def __len__(self) -> int:
        return len(self.image)

    def __repr__(self) -> str:
        return f"<ManipulationData of {counted(len(self.images), 'image')} and {counted(len(self), 'sentence')}>"

    def pixels(self, rows: Tensor) -> Tensor:
        """Images *rows* (b,) as model input, (b, 3, S, S) in -1..1."""
        return self.images[rows].float() / 127.5 - 1

    def places(self, image: Tensor, node: Tensor) -> Tensor:
        """Where the regions *node* (b,) of the images (b,) are: (b, 1, S, S) in 0..1, their masks where known, else their boxes."""
        boxes = box_mask(self.boxes[image, node], self.images.shape[-1], margin=0.0)
        if self.masks is None or self.mask_of is None:
            return boxes
        row = self.mask_of[image, node]
        return torch.where((row >= 0)[:, None, None, None], self.masks[row.clamp_min(0)][:, None].float() / 255, boxes)

    def words(self) -> list[str]:
        """All words of the sentences in lower case, sorted."""
        found: set[str] = set()
        for start in range(0, len(self), 2048):
            graph = self.corpus.batch(range(start, min(start + 2048, len(self))))
            found |= set(s.text_array(graph.nodes[s.WORD].data["text"]).tolist())
        return sorted({word.decode("utf-8", "replace").lower() for word in found})

    def facts(self) -> DataFacts:
        """The properties of the data by which a preset is chosen, see :mod:`hetero_xmodal.recipes.presets`."""
        drawn = str(self.info.get("data", "")).startswith("world/")
        return DataFacts(images=len(self.images), captions=len(self), drawn=drawn, annotated=self.info.get("annotated", "boxes"))

    def usual_sizes(self) -> dict[str, list[float]]:
        """Mean width and height of every class, relative to the image's sides."""
        sides = self.boxes[..., 2:] - self.boxes[..., :2]
        means = {name: sides[self.names == k].mean(0) for k, name in enumerate(self.classes) if (self.names == k).any()}
        return {name: [round(float(value), 4) for value in mean] for name, mean in means.items()}

    def weights(self, patterned: float, *, plain: bool = False) -> Tensor:
        """Sampling weight of each graph, (g,): *patterned* if the sentence names a pattern that is in the image, else 1.

        plain : also count "plain" as a pattern
        """
        kind = KINDS.index("pattern")
        no_pattern = self.attributes.index("plain") if "plain" in self.attributes and not plain else 0
        values = self.values[self.image][..., kind]
        named = ((self.free[..., kind] == FREE) & (values > 0) & (values != no_pattern)).any(1)
        return torch.where(named, float(patterned), 1.0)

    # ------------------------------------------------------------------------------------------ donors

    def donor(
        self, image: int, node: int, free: np.ndarray, generator: np.random.Generator, *, kind: int | None = None
    ) -> tuple[int, int] | None:
        """Choose a donor (image, region), or None: a region of another image, of the same class and with the values of *free* (kinds,).

        It differs in at least one attribute that is FREE, and in *kind* if that is given and possible. Among several candidates, the one
        whose other regions are most similar to those of the image is taken, so that little but the part changes.
        """
        key = (int(self._node_names[image, node]), *free.tolist())
        if key not in self._donors:
            fits = self._node_names == key[0]
            for k, value in enumerate(free.tolist()):
                if value != FREE:
                    fits &= self._node_values[:, :, k] == value
            self._donors[key] = np.argwhere(fits)
        known = self._donors[key]
        if not len(known):
            return None
        some = known[generator.integers(0, len(known), 32)]
        own = self._node_values[image]
        open_kinds = free == FREE
        differs = (self._node_values[some[:, 0], some[:, 1]][:, open_kinds] != own[node, open_kinds]).any(1)
        differs |= not open_kinds.any()  # then *free* itself describes a different appearance
        if kind is not None:
            wanted = differs & (self._node_values[some[:, 0], some[:, 1], kind] != own[node, kind])
            differs = wanted if wanted.any() else differs
        some = some[differs & (some[:, 0] != image)]
        if not len(some):
            return None
        alike = ((self._node_values[some[:, 0]] == own) & (self._node_names[some[:, 0]] == self._node_names[image])[..., None]).sum((1, 2))
        best = some[(alike + generator.random(len(some))).argmax()]
        return int(best[0]), int(best[1])

    def cover(
        self, images: Tensor, rows: Sequence[tuple[int, int, int, int]], image: Tensor, *, margin: float = 0.01
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Cover regions of a batch with donor regions.

        Parameters
        ----------
        images : (b, 3, S, S)
        rows : (index in the batch, its region, donor's image, donor's region)
        image : (b,), index of each image in the data
        margin : by which boxes are enlarged

        Returns
        -------
        The images with the foreign parts (b, 3, S, S); a mask (b, 1, S, S) of the covered pixels; the new boxes (b, m, 4) of the regions (a
        donor keeps its size relative to its neighbour, so that a short beak remains short); and weights (b, 1, S, S) of the pixels with
        which all covered regions count equally: they sum to 1 for each region of at least a 256th of the image.
        """
        size = images.shape[-1]
        centre = (torch.arange(size) + 0.5) / size
        covered, shares = torch.zeros(2, len(images), 1, size, size)
        boxes = self.boxes[image].clone()
        images = images.clone()
        for start in range(0, max(Counter(r[0] for r in rows).values(), default=0)):
            turn = _turn(rows, start)
            if not turn:
                continue
            member, node, other, foreign = (torch.tensor(column) for column in zip(*turn, strict=True))
            flip = (self._facing[image[member]] != self._facing[other]) & (self.owner is None)  # segmented objects are not mirrored
            here, there = self.boxes[image[member], node], self.boxes[other, foreign]
            near, far = self._neighbours(image[member], node, other, foreign)
            scale = (near[:, 2:] - near[:, :2]) / (far[:, 2:] - far[:, :2]).clamp_min(1e-3)
            # position of the donor's part, with its size relative to its neighbour
            shown = _transferred(there, far, near, scale, flip)
            alike = ((shown[:, 2:] - shown[:, :2]) / (here[:, 2:] - here[:, :2]).clamp_min(1e-3)).log().abs().amax(1) < 0.3
            alike |= self.owner is not None  # segmented objects keep their position
            shown = torch.where(alike[:, None], here, shown)
            boxes[member, node] = shown
            low = torch.minimum(here, shown)[:, :2] - margin
            high = torch.maximum(here, shown)[:, 2:] + margin
            inside = ((centre >= low[:, 1:2]) & (centre <= high[:, 1:2])).float()[:, None, :, None]
            inside = inside * ((centre >= low[:, 0:1]) & (centre <= high[:, 0:1])).float()[:, None, None, :]
            x = (centre - shown[:, 0:1]) / (shown[:, 2:3] - shown[:, 0:1]).clamp_min(1e-3)
            x = torch.where(flip[:, None], 1 - x, x) * (there[:, 2:3] - there[:, 0:1]) + there[:, 0:1]
            y = (centre - shown[:, 1:2]) / (shown[:, 3:4] - shown[:, 1:2]).clamp_min(1e-3)
            y = y * (there[:, 3:4] - there[:, 1:2]) + there[:, 1:2]
            grid = torch.stack([x[:, None, :].expand(-1, size, -1), y[:, :, None].expand(-1, -1, size)], 3) * 2 - 1
            drawn = torch.nn.functional.grid_sample(self.pixels(other), grid, padding_mode="border", align_corners=False)
            if self.owner is not None:
                own, there = self.owner[image[member]] == node[:, None, None] + 1, self.owner[other] == foreign[:, None, None] + 1
                drawn_there = torch.nn.functional.grid_sample(there[:, None].float(), grid, align_corners=False) * inside > 0.5
                bare = dilated(own[:, None].float()) * inside * ~drawn_there
                images[member] = filled_from_around(images[member], bare)
                images[member] = torch.where(drawn_there, drawn, images[member])
                inside = torch.maximum(bare, drawn_there.float())
            else:
                images[member] = torch.where(inside.bool(), drawn, images[member])
            covered[member] = torch.maximum(covered[member], inside)
            shares[member] += inside / inside.sum((1, 2, 3), keepdim=True).clamp_min(size * size / 256)
        return images, covered, boxes, shares

    def recolour(self, images: Tensor, image: Tensor, which: Tensor, free: Tensor) -> Turned:
        """Give one region of each of the images *which* (b,) bool another colour, in CIELAB: its texture stays.

        It is a region whose colour the sentence states, where there is one, otherwise any; in its mask, or in its box without one. Of
        regions without a mask only those that are no wholes are stated (:attr:`part`): the box of a bird holds more than the bird.

        Parameters
        ----------
        images, image : (b, 3, S, S) in -1..1 and their numbers (b,).
        free : (b, m, kinds) of the sentences, see :attr:`free`.

        Colours are numbered as in :data:`~.recolour.LAB`.
        """
        from .recolour import LAB, recoloured

        real = self.names[image] >= 0
        apart = self.part[image] if self.mask_of is None else self.part[image] | (self.mask_of[image] >= 0)
        stated = real & apart & (free[:, :, KINDS.index("colour")] == FREE)
        among = torch.where(stated.any(1, keepdim=True), stated, real)
        which = which & real.any(1)
        node = torch.where(which, (torch.rand(real.shape) * among).argmax(1), -1)
        mask = self.places(image, node) * which[:, None, None, None]
        turned, colours, chosen = images.clone(), list(LAB), torch.full((len(images),), -1)
        for k in which.nonzero().flatten().tolist():
            own = self.attributes[int(self.values[image[k], node[k], KINDS.index("colour")])]
            others = [number for number, colour in enumerate(colours) if colour != own]
            chosen[k] = others[int(torch.randint(len(others), ()))]
            pixels = ((images[k].permute(1, 2, 0).numpy() + 1) * 127.5).round().astype(np.uint8)
            made = recoloured(pixels, mask[k, 0].numpy(), colours[chosen[k]], was=own)
            turned[k] = torch.from_numpy(made).permute(2, 0, 1).float() / 127.5 - 1
        return Turned(torch.where(mask.bool(), turned, images), mask, node, chosen)

    # ------------------------------------------------------------------------------------------ hidden regions

    def hide(self, image: Tensor, generator: np.random.Generator, *, empty: float = 0.25, own: float = 0.5) -> Hidden:
        """Choose a box to hide in each of the images (b,).

        With probability *empty* it is a box without an object, if one is found; otherwise that of an object, whose region feature is its
        own with probability *own*, and otherwise that of an object of another class with the same colour and pattern.
        """
        box, node, other, foreign = [], [], [], []
        for row in image.tolist():
            boxes, names = self.boxes[row].numpy(), self._node_names[row]
            wide = np.flatnonzero((names >= 0) & ((boxes[:, 2:] - boxes[:, :2]).min(1) > 0.05))
            place = _empty_place(boxes[names >= 0], generator) if generator.random() < empty or not len(wide) else None
            chosen = -1 if place is not None or not len(wide) else int(generator.choice(wide))
            source = (row, max(chosen, 0))
            if chosen >= 0 and generator.random() >= own:
                alike = (self._node_values[..., :2] == self._node_values[row, chosen, :2]).all(2)
                found = np.argwhere(alike & (self._node_names >= 0) & (self._node_names != names[chosen]))
                source = tuple(found[generator.integers(len(found))].tolist()) if len(found) else source
            box.append(place if place is not None else boxes[chosen] if chosen >= 0 else np.zeros(4))
            node.append(chosen)
            other.append(source[0])
            foreign.append(source[1])
        return Hidden(torch.tensor(np.stack(box), dtype=torch.float32), *map(torch.tensor, (node, other, foreign)))

    def _neighbours(self, image: Tensor, node: Tensor, other: Tensor, foreign: Tensor) -> tuple[Tensor, Tensor]:
        """Boxes, in both images, of the nearest region of a class that both have, or of the region itself if there is none."""
        mine, theirs = self.boxes[image].clone(), self.boxes[other]
        middle = (mine[..., :2] + mine[..., 2:]) / 2
        distance = (middle - middle[torch.arange(len(node)), node][:, None]).norm(dim=2)
        names, others = self.names[image], self.names[other]
        shared = (names[:, :, None] == others[:, None, :]) & (names[:, :, None] >= 0)
        usable = shared.any(2)
        usable[torch.arange(len(node)), node] = False
        nearest = torch.where(usable, distance, torch.inf).argmin(1)
        match = shared[torch.arange(len(node)), nearest].float().argmax(1)
        found = usable.any(1)[:, None]
        rows = torch.arange(len(node))
        return torch.where(found, mine[rows, nearest], mine[rows, node]), torch.where(found, theirs[rows, match], theirs[rows, foreign])

    # ------------------------------------------------------------------------------------------ on disk

    def save(self, folder: str | Path) -> None:
        """Write the data into *folder*, atomically: ``graphs``, ``data.safetensors``, ``data.json`` and a manifest."""
        with atomic_folder(folder, _FOLDER) as place:
            self.corpus.save(place / "graphs")
            tensors = {name: getattr(self, name) for name in (*_TENSORS, *_MASKS)}
            write_safetensors(place / "data.safetensors", {name: some for name, some in tensors.items() if some is not None})
            write_json(place / "data.json", {"classes": self.classes, "attributes": self.attributes, "info": self.info})

    @classmethod
    def load(cls, folder: str | Path, *, verify: bool = True) -> ManipulationData:
        """Read data written by :meth:`save`; ``verify=False`` leaves out the comparison of the files with their SHA-256.

        Raises
        ------
        InputError
            If a file is missing or incomplete.
        """
        files = ("data.safetensors", "data.json")
        return read_folder(folder, _FOLDER, lambda place: cls._read(place, verify), files=files, verify=verify)

    @classmethod
    def _read(cls, folder: Path, verify: bool) -> ManipulationData:
        tensors, _ = read_safetensors(folder / "data.safetensors", "training data")
        missing = [name for name in _TENSORS if name not in tensors]
        if missing:
            raise InputError(f"'{folder / 'data.safetensors'}' lacks '{missing[0]}'; prepare the data again")
        about = read_json(folder / "data.json", "description of the training data")
        values = {name: tensors.get(name) for name in (*_TENSORS, *_MASKS)}
        return cls(corpus=GraphCorpus.load(folder / "graphs", verify=verify), **values, **about)


_FOLDER = FolderKind("manipulation data set", ("data.safetensors", "data.json", "graphs/corpus.json", "graphs/corpus.safetensors"))
_TENSORS = ("images", "image", "boxes", "names", "values", "free", "request")
_MASKS = ("masks", "mask_of")  # of data that have them


def _empty_place(boxes: np.ndarray, generator: np.random.Generator, *, tries: int = 8) -> np.ndarray | None:
    """A random box of a usual size that overlaps none of *boxes* (m, 4), or None."""
    for _ in range(tries):
        side = generator.uniform(0.12, 0.4, 2)
        corner = generator.uniform(0, 1 - side)
        place = np.concatenate([corner, corner + side])
        if not ((boxes[:, :2] < place[2:]) & (boxes[:, 2:] > place[:2])).all(1).any():
            return place
    return None


def _parts(boxes: Tensor, names: Tensor) -> Tensor:
    """Mask (n, m) of the regions that are not wholes: a whole contains the centres of at least two others, which would be covered too."""
    middle = (boxes[..., :2] + boxes[..., 2:]) / 2
    inside = ((middle[:, None] > boxes[:, :, None, :2]) & (middle[:, None] < boxes[:, :, None, 2:])).all(3) & (names >= 0)[:, None]
    return (names >= 0) & (inside.sum(2) <= 2)  # including its own centre


def _turn(rows, number: int) -> list:
    """The *number*-th row of every image."""
    count: Counter = Counter()
    out = []
    for row in rows:
        if count[row[0]] == number:
            out.append(row)
        count[row[0]] += 1
    return out


def _transferred(box: Tensor, far: Tensor, near: Tensor, scale: Tensor, flip: Tensor) -> Tensor:
    """Transfer *box* from the image of *far* to that of *near*, scaled, and mirrored where *flip* is set."""
    low, high = (box[:, :2] - far[:, :2]) * scale, (box[:, 2:] - far[:, :2]) * scale
    width = near[:, 2:3] - near[:, 0:1]
    x1, x2 = low[:, 0:1], high[:, 0:1]
    x1, x2 = torch.where(flip[:, None], width - x2, x1), torch.where(flip[:, None], width - x1, x2)
    return torch.cat([near[:, 0:1] + x1, near[:, 1:2] + low[:, 1:2], near[:, 0:1] + x2, near[:, 1:2] + high[:, 1:2]], 1)


def _facing(boxes: Tensor, names: Tensor) -> Tensor:
    """+1 if an image's order of classes from left to right agrees with that of the first image with the most regions, else -1."""
    real = (names >= 0).float()
    middle = (boxes[..., 0] + boxes[..., 2]) / 2
    middle = (middle - ((middle * real).sum(1, keepdim=True) / real.sum(1, keepdim=True).clamp_min(1))) * real
    usual = torch.zeros(int(names.max()) + 1 if names.numel() else 1)
    first = int(real.sum(1).argmax()) if len(real) else 0
    if len(real):
        for node in range(names.shape[1]):
            if names[first, node] >= 0:
                usual[names[first, node]] = middle[first, node]
    agree = (middle * usual[names.clamp_min(0)] * real).sum(1)
    return torch.where(agree >= 0, 1, -1)
