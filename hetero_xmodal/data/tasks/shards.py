"""One shard of a corpus: the images and sentences of some items of a data set, as the tables of a corpus in one file.

:func:`make_shard` is a pure function: its file depends on its arguments and the data only, whichever process runs it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import InputError
from ...graphs.build import flat_pair
from ...graphs.corpus_data import CorpusData, split_parts
from ...graphs.corpus_files import write_single
from ...graphs.flat import FlatGraphs
from ...scenes import SceneGraph
from ...schema import VISUAL
from ...validation import check_flat
from ..dataset import Dataset, Item
from ..registry import open_for
from ..source import Record
from .engines import one_thread

_IMAGES = 16  # held in memory, and sent through the detector, together


@dataclass(frozen=True)
class Dropped:
    """What did not become part of the corpus: the item, the number of its sentence (none if the whole item), its text, and why."""

    item: str
    sentence_number: int | None
    sentence: str
    reason: str


# ---------------------------------------------------------------------------------------------- where items come from


@dataclass(frozen=True)
class Named:
    """The items of a data set with a name, opened once in every process."""

    name: str
    split: str | None
    limit: int | None
    seed: int = 0

    def open(self) -> Sequence[Item]:
        """The data set, a sequence of items."""
        return _opened(self)[0]

    def read(self, row: int) -> Item:
        """One item."""
        return self.open()[row]

    def part(self, rows: range) -> Named:
        """What another process needs to read *rows*."""
        return self

    def digest(self, row: int, item: Item | InputError | None, *, scenes: bool) -> str:
        """What changes when the item does, without opening its image; see :func:`digest_of`."""
        record = _opened(self)[1][row]
        texts: Any = None if callable(record.captions) and record.mark else record.texts()
        image = record.mark or (_stat(record.image) if isinstance(record.image, Path) else None)
        scene = _nominal_scene(record) if scenes else None
        return digest_of(record.id, record.split, texts, record.labels, image, scene)


@lru_cache(maxsize=2)
def _opened(source: Named) -> tuple[Dataset, Sequence[Record]]:
    opened = open_for(source.name, "corpus", seed=source.seed)
    return opened.items(source.split, source.limit), opened.take(source.split, source.limit)


def _nominal_scene(record: Record) -> str:
    """The annotations of an image as they would be at one size, since its own is not known before it is opened."""
    try:
        return repr(record.scene((1000, 1000))) if record.scene is not None else ""
    except InputError as error:
        return str(error)


@dataclass(frozen=True)
class Given:
    """Items that were handed over: a sequence, or those of a shard in a list (an error where one could not be read)."""

    items: Sequence
    start: int = 0
    split: str = ""
    label_names: tuple[str, ...] = ()
    name: str = ""

    def open(self) -> Given:
        """Itself, with the split and the names of labels."""
        return self

    def read(self, row: int) -> Item:
        """One item."""
        item = self.items[row - self.start]
        if isinstance(item, InputError):
            raise item
        return item

    def part(self, rows: range) -> Given:
        """The items of *rows*, read here, to be sent to another process."""
        return Given([_read(self, row) for row in rows], rows.start, self.split, self.label_names, self.name)

    def digest(self, row: int, item: Item | InputError | None, *, scenes: bool) -> str:
        """What changes when the item does; see :func:`digest_of`."""
        item = _read(self, row) if item is None else item
        if isinstance(item, InputError):
            return "unreadable"
        path = getattr(item, "path", None)
        image: Any = _stat(path) if path is not None else None
        if path is None and item.image is not None:
            image = hashlib.sha256(np.asarray(item.image).tobytes()).hexdigest()
        split = getattr(item, "split", "")
        return digest_of(item.id, split, list(item.sentences), item.labels, image, repr(item.scene) if scenes else None)


def _read(source: Named | Given, row: int) -> Item | InputError:
    try:
        return source.read(row)
    except InputError as error:
        return error


def digest_of(*about: Any) -> str:
    """Sixteen digits that stand for an item: its id, split, captions, labels, image and scene graph.

    An image file is recognised by its path, size and time of modification, an image without a file by its mark or its pixels.

    >>> digest_of("a", "train", ("a bird",), None, None, None) == digest_of("a", "train", ("a red bird",), None, None, None)
    False
    """
    plain = [np.asarray(value).tolist() if hasattr(value, "__array__") else value for value in about]
    return hashlib.sha256(repr(plain).encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _stat(path: Path) -> tuple[str, int, int] | str:
    try:
        found = Path(path).stat()
    except OSError:
        return "missing"
    return str(path), found.st_size, found.st_mtime_ns


# ---------------------------------------------------------------------------------------------- one shard


@dataclass(frozen=True)
class ShardOptions:
    """How graphs are made: the detector (``None``: the data set's own scene graphs), the parser, and options of ``build_graph`` and
    ``parse_images``.
    """

    detector: Any = None
    model: str | None = None
    per_image: int | None = None
    build: dict[str, Any] = field(default_factory=dict)
    parse: dict[str, Any] = field(default_factory=dict)


@dataclass
class _Entry:
    """An item on the way into the tables: its image part, and the whole graph of every sentence that became one."""

    id: str
    path: str
    split: str
    labels: Any
    sentences: list[tuple[int, str]]
    scene: SceneGraph | None = None
    image: FlatGraphs | None = None
    graphs: list[tuple[int, str, FlatGraphs]] = field(default_factory=list)


def make_shard(source: Named | Given, rows: range, options: ShardOptions, file: Path) -> dict[str, Any]:
    """Make the part of a corpus that holds the items *rows*, and write it to *file*.

    Returns
    -------
    dict
        ``digests`` of the items, their ``ids``, and what was ``dropped``, as JSON values.
    """
    dropped: list[Dropped] = []
    digests: dict[str, str] = {}
    with one_thread():
        entries = list(_entries(source, rows, options, dropped, digests))
        _check_texts(entries, dropped)
        _build(entries, options, list(source.open().label_names) or None, dropped)
        write_single(file, _tables(entries))
    place = {name: k for k, name in enumerate(digests)}
    dropped.sort(key=lambda d: (place[d.item], -1 if d.sentence_number is None else d.sentence_number))
    return {"digests": list(digests.values()), "ids": list(digests), "dropped": [asdict(d) for d in dropped]}


def _entries(source: Named | Given, rows: range, options: ShardOptions, dropped: list[Dropped], digests: list[str]) -> Iterator[_Entry]:
    data = source.open()
    for start in range(0, len(rows), _IMAGES):
        batch: list[tuple[_Entry, Item]] = []
        for row in rows[start : start + _IMAGES]:
            item = _read(source, row)
            name = f"item {row}" if isinstance(item, InputError) else item.id or str(row)
            if name in digests:
                raise InputError(f"the id '{name}' stands for two items of the data; give every item an id of its own")
            digests[name] = source.digest(row, item, scenes=options.detector is None)
            if isinstance(item, InputError):
                dropped.append(Dropped(name, None, "", str(item)))
                continue
            texts = list(enumerate(list(item.sentences)[: options.per_image]))
            own = getattr(item, "split", "") or ("" if data.split == "all" else data.split)
            batch.append((_Entry(name, path_of(item, data.name), own, item.labels, texts), item))
        for (entry, _), scene in zip(batch, _image_scenes(batch, options.detector, options.parse), strict=True):
            if isinstance(scene, InputError):
                dropped.append(Dropped(entry.id, None, "", str(scene)))
            else:
                entry.scene = scene
                yield entry


def path_of(item: Item, name: str) -> str:
    """What a corpus calls the image of an item of the data set *name*: its file; of the default world a name from which it is drawn again.

    See :func:`hetero_xmodal.data.datasets.corpus.image_of`, which reads it.
    """
    if getattr(item, "path", None) is not None:
        return str(item.path)
    return f"{name}:{item.id}@{item.image.size[0]}" if name.startswith("world/") and item.image is not None else ""


def _image_scenes(batch: list[tuple[_Entry, Item]], detector: Any, parse: dict[str, Any]) -> list[SceneGraph | InputError | None]:
    """The scene graph of each image, or why there is none; ``None`` for an item that has no image, only sentences."""
    if detector is None:
        unknown = InputError("the data set has no scene graph of this image; use a detector")
        return [item.scene or (None if item.image is None else unknown) for _, item in batch]
    from ...parsers.detectors.registry import load_detector
    from ...parsers.image import parse_images

    shown = [k for k, (_, item) in enumerate(batch) if item.image is not None]
    scenes: list[SceneGraph | InputError | None] = [None] * len(batch)
    if shown:
        found = parse_images(
            [batch[k][1].image for k in shown], detector=load_detector(detector), ids=[batch[k][0].id for k in shown], progress=False,
            on_error="return", **parse,
        )  # fmt: skip
        for k, scene in zip(shown, found, strict=True):
            scenes[k] = scene
    return scenes


def _check_texts(entries: list[_Entry], dropped: list[Dropped]) -> None:
    """Leave out what is no sentence."""
    from ...parsers.sentence import check_text

    for entry in entries:
        good = []
        for number, text in entry.sentences:
            try:
                check_text(text, "sentence")
                good.append((number, text))
            except InputError as error:
                dropped.append(Dropped(entry.id, number, text if isinstance(text, str) else repr(text), str(error)))
        entry.sentences = good


def _build(entries: list[_Entry], options: ShardOptions, names: list[str] | None, dropped: list[Dropped]) -> None:
    """Make the graphs, all checked."""
    from ...parsers.sentence import parse_sentences

    scenes = iter(parse_sentences([text for entry in entries for _, text in entry.sentences], model=options.model))
    kept: list[_Entry] = []
    for entry in entries:
        labels = {"labels": entry.labels, "label_names": names if entry.labels is not None else None}
        sentence_scenes = [next(scenes) for _ in entry.sentences]
        try:
            if entry.scene is not None:
                entry.image = _checked(flat_pair(entry.scene, SceneGraph(), **labels, **options.build))
                _check_width(entry, kept)
        except InputError as error:
            dropped.append(Dropped(entry.id, None, "", str(error)))
            continue
        kept.append(entry)
        for (number, text), scene in zip(entry.sentences, sentence_scenes, strict=True):
            try:
                if "note" in scene.source:
                    raise InputError(f"sentence: {scene.source['note']}")
                flat = flat_pair(entry.scene or SceneGraph(), scene, **(labels if entry.scene else {}), **options.build)
                entry.graphs.append((number, text, flat))
            except InputError as error:
                dropped.append(Dropped(entry.id, number, text, str(error)))
    entries[:] = kept
    graphs = [flat for entry in entries for _, _, flat in entry.graphs]
    try:
        if graphs:
            check_flat(FlatGraphs.concat(graphs))
    except InputError:  # one by one, to leave out the wrong one
        for entry in entries:
            entry.graphs = [graph for graph in entry.graphs if _is_sound(graph, entry, dropped)]


def _checked(flat: FlatGraphs) -> FlatGraphs:
    check_flat(flat)
    return flat


def _is_sound(graph: tuple[int, str, FlatGraphs], entry: _Entry, dropped: list[Dropped]) -> bool:
    try:
        check_flat(graph[2])
    except InputError as error:
        dropped.append(Dropped(entry.id, graph[0], graph[1], str(error)))
        return False
    return True


def _check_width(entry: _Entry, before: list[_Entry]) -> None:
    """All regions of a corpus have features of one width."""
    feature = entry.image.node_data[VISUAL]["feature"] if entry.image is not None else ()
    other = next((e.image.node_data[VISUAL]["feature"] for e in before if e.image and len(e.image.node_data[VISUAL]["feature"])), None)
    if len(feature) and other is not None and feature.shape[1] != other.shape[1]:
        raise InputError(f"its region features are {feature.shape[1]} wide, those of the images before it {other.shape[1]}")


def _tables(entries: list[_Entry]) -> CorpusData:
    """The entries as the tables of a corpus; an entry without a sentence is an image only, one without an image sentences only."""
    nothing = flat_pair(SceneGraph(), SceneGraph())
    shown = [entry for entry in entries if entry.image is not None]
    said = [(entry, number, text, flat) for entry in entries for number, text, flat in entry.graphs]
    images = FlatGraphs.concat([nothing, *(entry.image for entry in shown if entry.image is not None)])
    graphs = FlatGraphs.concat([nothing, *(flat for *_, flat in said)])
    place = {id(entry): k for k, entry in enumerate(shown)}
    image_of = np.array([place.get(id(entry), -1) for entry, *_ in said], np.int64)
    paired = np.flatnonzero(image_of >= 0)
    ids = [f"{entry.id}#{number}" for entry, number, *_ in said]
    return CorpusData.encode(
        {
            "image": split_parts(images)["image"].take(np.arange(1, images.count)),
            "sentence": split_parts(graphs)["sentence"].take(np.arange(1, graphs.count)),
            "pair": split_parts(graphs)["pair"].take(1 + paired),
        },
        image_of=image_of[paired],
        sentence_of=paired,
        texts={
            ("images", "id"): [entry.id for entry in shown],
            ("images", "path"): [entry.path for entry in shown],
            ("sentences", "id"): ids,
            ("sentences", "text"): [text for _, _, text, _ in said],
            ("pairs", "id"): [ids[k] for k in paired],
        },
        splits={"image": [entry.split for entry in shown], "sentence": [entry.split for entry, *_ in said]},
    )
