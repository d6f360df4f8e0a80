"""Mismatch edits of photographs that show one thing: the instruction is a caption of another photograph, as TAGAN and MIM-Net train.

Which answer is true is not known, so ``edited_image`` and ``edited_sentence`` are ``None``. The other photograph has other labels: another
class of Oxford-102, other attributes of CelebA, other codes of DeepFashion.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from ..errors import InputError
from .edit_pairs import ManipulationPair, ManipulationPairs, check_kinds
from .source import Record

KINDS = ("mismatch",)


@dataclass(frozen=True, eq=False)
class MismatchPairs:
    """Makes the pairs of a data set, as :class:`~hetero_xmodal.data.source.PairsOpener`.

    name : of the data set
    records : all of its photographs, each with ``labels``
    label_names : columns of the labels
    """

    name: str
    records: Sequence[Record]
    label_names: Sequence[str]

    def __call__(
        self, split: str, *, size: int | None = None, seed: int = 0, image_size: int = 128, kinds: tuple[str, ...] | None = None
    ) -> ManipulationPairs:
        """Each photograph of the split with a caption of another one; see :func:`~hetero_xmodal.data.tasks.editing.load_pairs`.

        The whole photograph is brought to *image_size* x *image_size*, as the papers do. Where each has one class, ``label`` and
        ``instruction_label`` are the two classes.

        Raises
        ------
        InputError : another kind of edit, or a split whose photographs all have the same labels.
        """
        kinds = check_kinds(self.name, kinds, KINDS, KINDS)
        records = [record for record in self.records if split in ((record.split or "train"), "all")]
        groups = _Groups(records)
        if records and groups.count < 2:
            raise InputError(f"{self.name}: all {len(records)} photographs of split {split!r} have the same labels; give others too")
        make = partial(_pair, records, groups, split, image_size)
        classes = self.label_names if groups.one_class else ()
        return ManipulationPairs(self.name, split, range(len(records[:size])), make, seed=seed, classes=classes)


class _Groups:
    """Which records have the same labels."""

    def __init__(self, records: Sequence[Record]) -> None:
        labels = [np.zeros(0, np.uint8) if record.labels is None else record.labels for record in records]
        keys: dict[bytes, int] = {}
        self.of = np.array([keys.setdefault(row.tobytes(), len(keys)) for row in labels], int)
        order = np.argsort(self.of, kind="stable")
        self._members = np.split(order, np.cumsum(np.bincount(self.of, minlength=len(keys)))[:-1]) if len(order) else []
        self.count = len(keys)
        self.one_class = all(row.sum() == 1 for row in labels)

    def draw_other(self, index: int, rng: np.random.Generator) -> int:
        """A record with other labels, each with the same probability."""
        same = self._members[self.of[index]]
        k = int(rng.integers(len(self.of) - len(same)))
        return k + int(np.searchsorted(same - np.arange(len(same)), k, side="right"))  # the k-th of those that are not in *same*


def _pair(records: Sequence[Record], groups: _Groups, split: str, side: int, index: int, seed: int) -> ManipulationPair:
    from PIL import Image

    rng = np.random.default_rng([seed, index])
    item = records[index].make_item()
    other = records[groups.draw_other(index, rng)]
    instruction = str(rng.choice(other.texts()))
    image = item.image.resize((side, side), Image.Resampling.BICUBIC, reducing_gap=3.0)
    scene = item.scene
    if scene is not None:
        k = np.array([side / item.image.width, side / item.image.height] * 2)
        moved = [replace(thing, box=tuple((np.array(thing.box) * k).tolist())) for thing in scene.objects]
        scene = replace(scene, objects=moved, size=(side, side), id=item.id)
    label, wanted = ((int(r.labels.argmax()) if groups.one_class and r.labels is not None else None) for r in (records[index], other))
    return ManipulationPair(
        f"{item.id}/mismatch-{seed}", split, "mismatch", image, tuple(item.sentences), instruction, target=instruction, scene=scene,
        subject=None if scene is None else 0, label=label, instruction_label=wanted,
    )  # fmt: skip
