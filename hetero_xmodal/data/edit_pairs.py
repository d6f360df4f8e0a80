"""Editing pairs as every data set gives them: an image, an instruction and, where it is known, the ground truth."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..counts import counted
from ..errors import InputError

if TYPE_CHECKING:
    from PIL import Image

    from ..scenes import SceneGraph

#: what is done to the image; ``mismatch``: the caption of another image; ``reconstruct``: a hidden region is to be reconstructed
KINDS = ("attribute", "remove", "replace", "move", "mismatch", "reconstruct")


@dataclass(frozen=True)
class Slot:
    """One fact about one thing, before and after the edit.

    thing : noun of the thing before the edit
    kind : ``colour``, ``pattern``, ``length``, ``size``, ``name``, ``place`` or ``relation``
    before, after : canonical words; ``""`` for the name of a thing that is not there; absent values are explicit (``plain``, ``ordinary``)
    index : of the thing in ``scene.objects`` (before the edit); -1 for ``place``
    box, box_before : where the thing is after and before the edit, x1, y1, x2, y2 in pixels; ``None`` for ``place``
    named : whether the instruction mentions it
    other : for a relation, index of the other thing in ``scene.objects``
    """

    thing: str
    kind: str
    before: str
    after: str
    index: int = -1
    box: tuple[float, float, float, float] | None = None
    box_before: tuple[float, float, float, float] | None = None
    named: bool = False
    other: int | None = None

    @property
    def changed(self) -> bool:
        """Whether the edit changes this fact."""
        return self.before != self.after


@dataclass(frozen=True)
class ManipulationPair:
    """An image, an instruction, and what is known of the edited image.

    id, split : name of the pair; its split
    kind : one of :data:`KINDS`
    image : the image, RGB
    sentences : captions that are true of ``image``
    instruction : the sentence that the model is given beside the image
    request : the edit as a person would ask for it, "the belly is red instead of yellow"; ``""`` where there is none
    target : a caption of the edited image; for photographs the instruction itself
    edited_image : the true edited image, or ``None``
    edited_sentence : the true edited sentence (a caption of ``image`` in the words of ``target``), or ``None``
    scene, edited_scene : scene graph of the image and of the edited one, or ``None``
    region : x1, y1, x2, y2 in whole pixels; outside nothing should change (``reconstruct``: the hidden region); ``None`` if unknown
    subject : index of the edited thing in ``scene.objects``, or ``None``
    slots : every known fact before and after, for the world only
    label, instruction_label : class of the image and class the instruction was written for (CUB), or ``None``
    """

    id: str
    split: str
    kind: str
    image: Image.Image
    sentences: tuple[str, ...]
    instruction: str
    request: str = ""
    target: str = ""
    edited_image: Image.Image | None = None
    edited_sentence: str | None = None
    scene: SceneGraph | None = None
    edited_scene: SceneGraph | None = None
    region: tuple[int, int, int, int] | None = None
    subject: int | None = None
    slots: tuple[Slot, ...] = ()
    label: int | None = None
    instruction_label: int | None = None

    def __repr__(self) -> str:
        return f"<ManipulationPair {self.id}, {self.kind}: {self.instruction!r}>"


class ManipulationPairs(Sequence):
    """A lazy sequence of pairs: each is drawn or read on access, and equal indices give equal pairs.

    ``pairs.fresh(seed)`` are the same images with other instructions: one seed for every epoch of a training.
    """

    def __init__(
        self,
        name: str,
        split: str,
        indices: Sequence[int],
        make: Callable[[int, int], ManipulationPair],
        *,
        seed: int = 0,
        classes: Sequence[str] = (),
    ):
        self.name, self.split, self.seed, self.classes = name, split, seed, list(classes)
        self._indices, self._make = indices, make

    def __len__(self) -> int:
        return len(self._indices)

    def __getitem__(self, index):
        if isinstance(index, slice):
            return self._with(self._indices[index], self.seed)
        try:
            index = self._indices[index]
        except IndexError:
            raise IndexError(f"{self.name} ({self.split}) has {counted(len(self), 'pair')}, but pair {index} was asked for") from None
        except TypeError:
            raise InputError(f"a pair is asked for by a whole number or a slice, found {index!r}") from None
        return self._make(index, self.seed)

    def fresh(self, seed: int) -> ManipulationPairs:
        """The same images with the instructions of another seed."""
        return self._with(self._indices, seed)

    def _with(self, indices, seed: int) -> ManipulationPairs:
        return ManipulationPairs(self.name, self.split, indices, self._make, seed=seed, classes=self.classes)

    def __repr__(self) -> str:
        return f"<ManipulationPairs {self.name}, {self.split}: {counted(len(self), 'pair')}>"


def check_kinds(name: str, kinds: tuple[str, ...] | None, default: tuple[str, ...], possible: tuple[str, ...]) -> tuple[str, ...]:
    """*kinds*, or *default* if left out.

    Raises
    ------
    InputError : a kind that the data set does not give, or no kind at all.
    """
    kinds = default if kinds is None else tuple(kinds)
    wrong = [k for k in kinds if k not in possible]
    if wrong or not kinds:
        raise InputError(f"{name} gives no pairs of kind {wrong[0] if wrong else 'None'!r}; its kinds are {', '.join(possible)}")
    return kinds


def whole_pixels(box, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """A box (x1, y1, x2, y2) rounded outwards to whole pixels and clipped to the image's (width, height)."""
    from math import ceil, floor

    x1, y1, x2, y2 = box
    return max(0, floor(x1)), max(0, floor(y1)), min(size[0], ceil(x2)), min(size[1], ceil(y2))
