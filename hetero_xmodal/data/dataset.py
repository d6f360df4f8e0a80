"""The interface of every data set of this package: a lazy sequence of :class:`Item`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import InputError

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image

    from ..scenes import SceneGraph


@dataclass
class Item:
    """One image with all that is known about it.

    image : the image, RGB
    sentences : its captions
    labels : 0/1 vector over the data set's ``label_names``, or ``None``
    scene : the true or annotated scene graph with boxes, or ``None``
    id : name of the item in its data set
    tags : words as on a photo-sharing site: some missing, some wrong
    sentence_scenes : for the default world, the true scene graph of each sentence; otherwise empty
    path : the file the image was read from; ``None`` if it was drawn
    split : of the data set, if the item is known to belong to one
    """

    image: Image.Image
    sentences: list[str]
    labels: np.ndarray | None = None
    scene: SceneGraph | None = None
    id: str = ""
    tags: list[str] = field(default_factory=list)
    sentence_scenes: list[SceneGraph] = field(default_factory=list)
    path: Path | None = None
    split: str = ""


class Dataset(Sequence):
    """A lazy sequence of items: each is made or read on access, and equal indices give equal items.

    ``dataset[3]`` is an item, ``dataset[10:20]`` a data set, and a ``for`` loop walks through all. It can be sent to the workers of a
    ``DataLoader``, however they are started.
    ``name``, ``split``, ``label_names`` (columns of ``labels``), ``tag_names`` (all words a tag can be).
    """

    def __init__(
        self,
        name: str,
        split: str,
        indices: Sequence[int],
        make: Callable[[int], Item],
        *,
        label_names: Sequence[str] = (),
        tag_names: Sequence[str] = (),
    ):
        self.name, self.split = name, split
        self.label_names, self.tag_names = list(label_names), list(tag_names)
        self._indices, self._make = indices, make

    def __len__(self) -> int:
        return len(self._indices)

    def __getitem__(self, index):
        if isinstance(index, slice):
            return Dataset(self.name, self.split, self._indices[index], self._make, label_names=self.label_names, tag_names=self.tag_names)
        try:
            index = self._indices[index]
        except IndexError:
            raise IndexError(f"{self.name} ({self.split}) has {len(self)} items, but item {index} was asked for") from None
        except TypeError:
            raise InputError(f"an item is asked for by a whole number or a slice, found {index!r}") from None
        return self._make(index)

    def __repr__(self) -> str:
        return f"<Dataset {self.name}, {self.split}: {len(self)} items>"
