"""What a reader of a data set returns: a :class:`Source`, which names what it gives, with one :class:`Record` for each image.

A reader reads names, captions and annotations; images are opened on access. What a task derives from a source (held-out splits, features,
vocabularies, items) is in :mod:`hetero_xmodal.data.tasks`.

>>> records = [Record("a", captions=("a red bird",)), Record("b", "dev", captions=("a dog",))]
>>> source = Source("mine:FOLDER", "mine", "FOLDER", records, gives={"captions"})
>>> source.splits, [record.id for record in source.take("validation")]
(('train', 'val'), ['b'])
"""

from __future__ import annotations

import hashlib
import posixpath
import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ..counts import agreeing, counted
from ..errors import InputError, nearest
from ..files import path_exists
from ..scenes import check_characters
from .dataset import Dataset, Item
from .marks import file_mark

if TYPE_CHECKING:
    import numpy as np

    from ..scenes import SceneGraph
    from .edit_pairs import ManipulationPairs
    from .features import FeatureSet
    from .regions import Regions

SPLITS = ("train", "val", "test")
#: names that published files give to the splits -> ours; other names stay as they are
SPLIT_NAMES = {"train": "train", "val": "val", "valid": "val", "validation": "val", "dev": "val", "test": "test"}
#: splits that no task reads unless they are asked for by name
SET_ASIDE = ("restval", "unused")
#: what a data set can give
GIVES = ("images", "captions", "regions", "features", "labels", "tags", "scene graphs", "edits")


def split_name(split: str) -> str:
    """The canonical name of a split: ``validation``, ``valid`` and ``dev`` become ``val``; other names are unchanged.

    >>> split_name("validation"), split_name("test"), split_name("holiday")
    ('val', 'test', 'holiday')
    """
    return SPLIT_NAMES.get(split, split) if isinstance(split, str) else split


def split_of(id: str) -> str:
    """Train (75 %), val (10 %) or test (15 %), by the hash of an id: the same on every machine, whatever other images there are.

    >>> split_of("sea/0001.jpg"), split_of("sea/0002.jpg")
    ('train', 'train')
    """
    share = int(id_hash(id)[:8], 16) / 2**32
    return "train" if share < 0.75 else "val" if share < 0.85 else "test"


def id_hash(id: str) -> str:
    """SHA-256 of an id in hexadecimal digits; names of files may hold what UTF-8 cannot write."""
    return hashlib.sha256(id.encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True, eq=False)
class Record:
    """Everything that a data set knows about one image; what takes time to read is read on access.

    id : name of the image in its data set
    split : ``train``, ``val``, ``test`` or a name of the data set's own; ``None`` if the data set has none
    captions : sentences about the image, or a function that reads them
    image : the file, or a function that draws the image; ``None`` where the data set gives no images
    labels : (classes,) 0/1, or ``None`` if the labels of this image are not known
    tags : words as on a photo-sharing site
    scene : function from the image's (width, height) in pixels to its annotated scene graph (or ``None``), boxes in those pixels
    sentence_scenes : function that gives the true scene graph of each caption, if the data set has them
    mark : a text that two images share only if they are the same image; ``""``: not known (of a file, see :meth:`content_mark`)
    row : of the image's regions in the arrays of its split (given regions), or of the image in its split (generated data); -1 otherwise
    item : function that makes the whole item, where that is not simply its parts put together

    Functions are best those of a module, perhaps with arguments bound by :func:`functools.partial`: then data sets can be sent to other
    processes, which lambdas and inner functions cannot.
    """

    id: str
    split: str | None = None
    captions: tuple[str, ...] | Callable[[], Sequence[str]] = ()
    image: Path | Callable[[], Any] | None = None
    labels: np.ndarray | None = None
    tags: tuple[str, ...] = ()
    scene: Callable[[tuple[int, int]], SceneGraph | None] | None = None
    sentence_scenes: Callable[[], list[SceneGraph]] | None = None
    mark: str = ""
    row: int = -1
    item: Callable[[], Item] | None = None

    def __post_init__(self) -> None:
        if self.split is not None:
            object.__setattr__(self, "split", split_name(self.split))

    def texts(self) -> tuple[str, ...]:
        """The captions, read if need be."""
        return tuple(self.captions()) if callable(self.captions) else self.captions

    def content_mark(self) -> str:
        """``mark``, or that of the image file: a hash of its whole contents, so that a copy in another folder has the same mark.

        Raises
        ------
        InputError : the file cannot be read.
        """
        return self.mark or (file_mark(self.image) if isinstance(self.image, Path) else "")

    def open_image(self) -> Any:
        """The image as PIL image, RGB.

        Raises
        ------
        InputError : the data set gives no image, or its file cannot be read.
        """
        from ..images import read_image

        if self.image is None:
            raise InputError(f"'{self.id}' comes without its image; use a data set that gives images")
        return read_image(self.image() if callable(self.image) else self.image)

    def make_item(self) -> Item:
        """The image with all that is known about it."""
        import numpy as np

        if self.item is not None:
            item = self.item()
            item.split = item.split or self.split or ""
            return item
        image = self.open_image()
        item = Item(image, list(self.texts()), id=self.id, tags=list(self.tags), split=self.split or "")
        item.labels = None if self.labels is None else self.labels.astype(np.int64)
        item.scene = None if self.scene is None else self.scene(image.size)
        item.sentence_scenes = [] if self.sentence_scenes is None else self.sentence_scenes()
        item.path = self.image if isinstance(self.image, Path) else None
        return item


class LazyRecords(Sequence[Record]):
    """*size* records, each made on access, for generated data of any size.

    >>> records = LazyRecords(1_000_000, lambda k: Record(f"image-{k}"))
    >>> len(records), records[7].id, [record.id for record in records[2:4]]
    (1000000, 'image-7', ['image-2', 'image-3'])
    """

    def __init__(self, size: int, make: Callable[[int], Record]) -> None:
        self._rows, self._make = range(size), make

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: Any) -> Any:
        rows = self._rows[index]
        return [self._make(row) for row in rows] if isinstance(rows, range) else self._make(rows)


class PairsOpener(Protocol):
    """Function that makes pairs for manipulation; see :func:`hetero_xmodal.data.tasks.editing.load_pairs` for the arguments."""

    def __call__(self, split: str, *, size: int | None, seed: int, image_size: int, kinds: tuple[str, ...] | None) -> ManipulationPairs: ...


@dataclass(frozen=True, eq=False)
class Source:
    """A data set, opened: what it gives and where each part of it is.

    name : the name that it was opened by, ``"coco:my_photos"``
    kind, place : the parts of the name before and after the colon
    records : one for each image; of generated data, which have no end, those of the usual sizes
    gives : which of :data:`GIVES` this very data set gives (COCO without ``instances.json`` gives no labels)
    label_names : columns of ``Record.labels``
    tag_names : all words a tag can be
    notes : sentences about what was left out or chosen
    splits : the splits it has; if left out, those of its records (an image without split counts as ``train``)
    splits_by_hash : whether the splits were chosen by the reader, since the data set has none
    generate : of generated data, function from a split and a size to that many records
    regions : given regions of the images by split (``""``: all splits in one), opened when called
    features : given feature matrices, opened when called
    pairs : function that makes pairs for manipulation
    missing : images that the annotations name and the folder lacks; they have no record
    counts : numbers that the card of a published set names too
    read_notes : notes on what is only seen when captions are read, which is when they are asked for; ``data verify`` tells them
    """

    name: str
    kind: str
    place: str
    records: Sequence[Record] = ()
    gives: AbstractSet[str] = frozenset()
    label_names: Sequence[str] = ()
    tag_names: Sequence[str] = ()
    notes: tuple[str, ...] = ()
    splits: tuple[str, ...] = ()
    splits_by_hash: bool = False
    generate: Callable[[str, int], Sequence[Record]] | None = None
    regions: Callable[[], Mapping[str, Regions]] | None = None
    features: Callable[[], FeatureSet] | None = None
    pairs: PairsOpener | None = None
    missing: tuple[str, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    read_notes: Callable[[], tuple[str, ...]] | None = None

    def __post_init__(self) -> None:
        gives = frozenset(self.gives)
        unknown = sorted(gives - set(GIVES))
        if unknown:
            raise ValueError(f"a data set cannot give {unknown[0]!r}{nearest(unknown[0], GIVES)}; known are {', '.join(GIVES)}")
        object.__setattr__(self, "gives", gives)
        if not self.splits:
            found = dict.fromkeys(record.split or "train" for record in self.records)
            object.__setattr__(self, "splits", tuple(sorted(found, key=lambda s: SPLITS.index(s) if s in SPLITS else len(SPLITS))))

    def take(self, split: str | None = None, size: int | None = None) -> Sequence[Record]:
        """The first *size* records of a split.

        Parameters
        ----------
        split : ``"all"`` takes every record; ``None`` takes ``train`` or, where there is only one split, that one.
        size : as many as there are if left out; generated data give as many as are asked for.

        Raises
        ------
        InputError : a split that the data set does not have; the message lists those it has.
        """
        split = self.split(split)
        if split == "all":
            return self.records[:size]
        if self.generate is not None and size is not None:
            return self.generate(split, size)
        return [record for record in self.records if (record.split or "train") == split][:size]

    def split(self, split: str | None) -> str:
        """The canonical name of *split*, and the default split for ``None``; see :meth:`take`.

        Raises
        ------
        InputError : a split that the data set does not have; the message lists those it has.
        """
        if split is None:
            return self.splits[0] if len(self.splits) == 1 else self.split("train")
        split = split_name(split)
        if split != "all" and split not in self.splits:
            choices = ", ".join([*self.splits, "all"])
            raise InputError(f"{self.name} has no split {split!r}{nearest(str(split), self.splits)}; its splits are {choices}")
        return split

    def items(self, split: str | None = None, size: int | None = None) -> Dataset:
        """The first *size* records of a split as a lazy sequence of :class:`~hetero_xmodal.data.Item`; see :meth:`take`."""
        split, records = self.split(split), self.take(split, size)
        return Dataset(
            self.name, split, range(len(records)), partial(_item_of, records), label_names=self.label_names, tag_names=self.tag_names
        )


def _item_of(records: Sequence[Record], k: int) -> Item:
    return records[k].make_item()


@dataclass(frozen=True)
class Request:
    """The arguments of a reader.

    name, kind, place : see :class:`Source`
    seed, image_size : of generated data; other readers ignore them
    cache : folder in which a reader may keep what it has decoded; ``None``: the user's cache folder
    """

    name: str
    kind: str
    place: str
    seed: int = 0
    image_size: int = 128
    cache: Path | None = None

    def folder(self) -> Path:
        """The place, which must be a folder.

        Raises
        ------
        InputError : no such folder, or a file.
        """
        path = Path(self.place)
        if not path_exists(path) or not path.is_dir():
            raise InputError(f"data folder '{path}' {'is a file' if path_exists(path) else 'does not exist'}; give a folder")
        return path


# ---------------------------------------------------------------------------------------------- what readers and tasks share


def clean_text(text: str) -> str:
    """A caption as every reader gives it: in Unicode's composed form (NFC), one space between words.

    >>> clean_text("  a cafe\\u0301\\u2028at  night ") == "a caf\\xe9 at night"
    True
    """
    return " ".join((text if text.isascii() else unicodedata.normalize("NFC", text)).split())


def existing_form(folder: Path, name: str, *, exact: bool = False) -> Path:
    """The file *name* in *folder*, in whichever Unicode form (composed or decomposed) it is written there; as it is if there is none.

    Parameters
    ----------
    exact : *name* is as it was written, so a file of exactly this name is meant, whatever else is there; if left out, *name* may have
        been brought into composed form, which does not tell two files apart.

    Raises
    ------
    InputError : there are files of both forms, and *name* does not say which is meant.
    """
    if name.isascii():
        return folder / name
    if exact and (folder / name).exists():
        return folder / name
    forms = [unicodedata.normalize(form, name) for form in ("NFC", "NFD")]
    there = [folder / form for form in dict.fromkeys((*forms, name)) if (folder / form).exists()]
    if len(there) > 1 and not there[0].samefile(there[1]):
        raise InputError(
            f"'{folder}' holds two files {ascii(forms[0])} and {ascii(forms[1])}, which differ only in how Unicode writes an accent; "
            "rename one of them"
        )
    return there[0] if there else folder / name


def check_inside(name: Any, where: str, what: str = "the data folder") -> str:
    """*name*, a path that stays inside the folder it is looked for in, in its shortest form, so that one file has one name.

    Raises
    ------
    InputError : an absolute path, one that leads out of the folder, or one that UTF-8 cannot write.

    >>> check_inside("./sea//old/../1.png", "the table")
    'sea/1.png'
    """
    if isinstance(name, str) and name and not Path(name).is_absolute():
        short = posixpath.normpath(name)
        if short != "." and short.split("/")[0] != "..":
            if not is_utf8(short):
                raise InputError(f"{where}: the file name {ascii(short)} is not UTF-8; rename the file")
            return short
    raise InputError(f"{where}: file name {name!r} is not a path inside {what}")


def is_utf8(name: str) -> bool:
    """Whether UTF-8 can write the name of a file; of one in Latin-1, Python keeps the odd bytes as lone surrogates.

    >>> is_utf8("caf\\xe9.png"), is_utf8("bad\\udcff.png")
    (True, False)
    """
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def check_captions(sentences: Sequence[str], where: str, names: Sequence[str] = ()) -> None:
    """Refuse empty captions, with how many there are and which is the first.

    Raises
    ------
    InputError : at least one caption is empty.
    """
    empty = [k for k, sentence in enumerate(sentences) if not sentence.strip()]
    if empty:
        first = f"of image '{names[empty[0]]}'" if len(names) else f"number {empty[0]}"
        raise InputError(
            f"{where}: {len(empty)} of {len(sentences)} captions {agreeing(len(empty), 'is', 'are')} empty, the first is one {first}; "
            "write or remove them"
        )


def check_records(records: Sequence[Record], where: str) -> tuple[list[Record], tuple[str, ...]]:
    """The records that have captions, with their captions read, and a note about those left out.

    Raises
    ------
    InputError : ids that occur twice, empty captions, no caption at all; the message gives their number and the first of them.
    """
    # the same image in two splits is for the task to refuse, which knows which of them it uses
    twice = [id for (id, _), count in Counter((record.id, record.split) for record in records).items() if count > 1]
    if twice:
        raise InputError(
            f"{where}: {len(twice)} of {len(records)} image ids occur more than once, the first is '{twice[0]}'; keep one each"
        )
    read, spoilt = _writable(records)
    without = [record.id for record in read if not record.captions]
    kept = [record for record in read if record.captions]
    if not kept:
        raise InputError(f"{where}: no image has a caption ({counted(len(without), 'image')}); there is nothing to learn from")
    check_captions([c for r in kept for c in r.texts()], where, [r.id for r in kept for _ in r.texts()])
    notes = []
    if spoilt:
        notes.append(f"{where}: {spoilt_note(spoilt)}")
    if without:
        verb = "image has no caption and is" if len(without) == 1 else "images have no caption and are"
        notes.append(f"{where}: {len(without)} of {len(read)} {verb} left out, the first is '{without[0]}'")
    return kept, tuple(notes)


def spoilt_note(images: Sequence[str]) -> str:
    """What is told of captions that :func:`can_be_kept` refuses, by the ids of their *images*.

    >>> spoilt_note(["a"])
    "1 caption cannot be kept as text and is left out, the first is one of image 'a'"
    """
    verb = agreeing(len(images), "is", "are")
    return f"{counted(len(images), 'caption')} cannot be kept as text and {verb} left out, the first is one of image '{images[0]}'"


def _writable(records: Sequence[Record]) -> tuple[list[Record], list[str]]:
    """The records with the captions that can be written (no NUL, no lone surrogate), and for each other caption the id of its image."""
    read, spoilt = [], []
    for record in records:
        texts = record.texts()
        good = tuple(text for text in texts if can_be_kept(text))
        spoilt += [record.id] * (len(texts) - len(good))
        read.append(replace(record, captions=good) if callable(record.captions) or len(good) < len(texts) else record)
    return read, spoilt


def can_be_kept(text: str) -> bool:
    """Whether a caption has neither NUL nor a lone surrogate, which cannot be written."""
    try:
        check_characters("caption", text)
    except InputError:
        return False
    return True


def check_files(records: Sequence[Record], where: str) -> None:
    """Refuse records whose image file is missing, with how many there are.

    Raises
    ------
    InputError : at least one image file does not exist.
    """
    missing = [record for record in records if isinstance(record.image, Path) and not record.image.is_file()]
    if missing:
        raise InputError(
            f"{where}: {len(missing)} of {len(records)} images are not there, the first is '{missing[0].image}'; add them or shorten "
            "the list"
        )
