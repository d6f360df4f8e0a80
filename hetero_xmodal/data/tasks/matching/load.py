"""Data sets prepared for image-text matching: three splits with regions and words, and the test split of a saved model.

Every data set that gives captions, and images or regions, can be used. Regions are made of the images here (``images``) unless the data set
gives them (``scan``, ``bottom-up``, ``regions``).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ....counts import agreeing, counted
from ....errors import InputError, nearest
from ....files import read_json, write_json
from ...marks import DRAWN, PREFIX, file_marks
from ...regions import Regions, open_regions, select_regions
from ...registry import data_folders, open_for
from ...source import SET_ASIDE, SPLITS, Record, Source, check_files, check_records, id_hash, split_name
from ...store import cache_folder, digest, from_bytes, one_at_a_time, open_store
from ..engines import HERE, Engine
from .extract import extract_regions
from .extractors import Extractor, load_extractor
from .pairs import MatchingData, Split
from .provenance import check_provenance
from .region_settings import region_provenance
from .texts import encode_words, encoder_identity, learn_vocabulary, word_provenance

#: images of a generated data set unless sizes are given
GENERATED_SIZES = {"train": 2000, "val": 300, "test": 500}


def load_matching_data(
    name: str,
    *,
    images: str | dict[str, Any] | None = None,
    texts: str | dict[str, Any] = "minilm",
    seed: int = 0,
    cache: str | Path | None = None,
    sizes: dict[str, int] | None = None,
    progress: bool | None = None,
    check: Callable[[int, bool | None], None] | None = None,
    engine: Engine = HERE,
) -> MatchingData:
    """The splits of a data set, ready for training, and the vocabulary of a model that learns from them.

    Parameters
    ----------
    name : any data set of the registry that gives captions, and images or regions.
    images : how regions are made of images: ``"grid"`` unless given, ``"world"`` for the default world
        (see :mod:`~hetero_xmodal.data.tasks.matching.region_settings`); given regions stay as they are.
    texts : how words are made of captions: ``"minilm"``, ``"trained"``, ``"spacy"``, ``"transformer:NAME"``
        (see :mod:`~hetero_xmodal.data.tasks.matching.texts`).
    seed : of the images that are held out where the data set has no splits, or none for the test.
    cache : folder in which regions and transformer states are kept (half precision); ``None``: ``~/.cache/hetero_xmodal/matching``.
    sizes : most images in ``train``, ``val`` and ``test``. World: 2,000, 300 and 500 unless given. Where a folder has no test
        split, ``{"test": 0}`` holds no image back for one.
    progress : show bars; ``None``: in a terminal, if there is much to do.
    check : called before features are made, with the number of training images and whether they are drawn by the package (None: not known
        yet); may refuse the data.
    engine : where regions and the states of a transformer are computed: this process, several, or a Dask cluster; the bytes are the same.

    Returns
    -------
    MatchingData. A data set without splits is split by the hash of its image ids: a tenth for validation, a tenth for the test. Where one
    of the two is missing, a tenth of the training images is held out for it. Warnings list what was left out, cut or chosen.

    Raises
    ------
    InputError : an unknown name, data that does not give what matching needs or does not fit together, an image in two splits, an empty
        split.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as cache:
    ...     data = load_matching_data(
    ...         "world/scenes", texts="trained:1", sizes={"train": 4, "val": 2, "test": 2}, cache=cache)
    >>> len(data.train), data.train.regions.features.shape, sorted(data.vocab)
    (20, (4, 8, 159), ['data', 'images', 'texts', 'used', 'used_marks'])
    """
    folder = cache_folder(cache)
    sizes = _sizes(sizes)
    words = word_provenance(texts)  # an unknown setting is refused before work starts
    record = None if images is None else region_provenance(images)
    source = open_for(name, "algr", cache=cache)
    given = _takes_given(source, record)
    if given and record is not None and record["extractor"] != "given":
        raise InputError(f"'{name}' has regions of its own, so images={images!r} cannot apply; leave it out")
    if not given and record is not None and record["extractor"] == "given":
        raise InputError(f"'{name}' holds no regions, so images='given' cannot apply; leave it out, and they are made of its images")
    pool, notes = _read(source, sizes, folder)
    parts, chosen = _parts(pool, source, seed, sizes)
    if not given:
        record = record or region_provenance("world" if source.generate else "grid")
    if check is not None:
        drawn = source.kind.startswith("world/") or (record or {}).get("network") == "world detector"
        check(len(parts["train"]), True if drawn else None if given else False)
    for note in (*source.notes, *notes, *chosen):
        warnings.warn(note, stacklevel=2)
    regions = _regions(source, parts, None if given else record, folder, progress, engine)
    captions = {split: pool.captions(records) for split, records in parts.items()}
    words = learn_vocabulary(words, [sentence for some in captions["train"] for sentence in some])
    splits = {}
    for split in SPLITS:
        splits[split] = encoded_split(split, regions[split], captions[split], words, folder, progress, engine)
        words = splits[split].words.provenance
    used = [*parts["train"], *parts["val"]]
    vocab = {
        "data": source.kind,
        "images": regions["train"].provenance,
        "texts": words,
        "used": [record.id for record in used],
        "used_marks": [record.mark for record in used if record.mark],
    }
    return MatchingData(splits["train"], splits["val"], splits["test"], vocab)


def load_test_split(
    name: str,
    vocab: dict[str, Any],
    *,
    sizes: dict[str, int] | None = None,
    cache: str | Path | None = None,
    progress: bool | None = None,
    engine: Engine = HERE,
) -> Split:
    """The images and captions of *name* that a model with *vocab* may be tested on, as the regions and words which that model knows.

    These are the test split of the data set; where it has none, all its images. Images that the model was trained or selected on, by
    their id or by their file, are left out, with a warning that gives their number. *engine* is where the features are computed.

    Raises
    ------
    InputError : regions of another kind or width than the model's, no image left, and all that :func:`load_matching_data` refuses.
    """
    folder = cache_folder(cache)
    for key in ("images", "texts"):
        if not isinstance(vocab.get(key), dict):
            raise InputError(f"the model's vocabulary does not say how its {key} were made; it is not a vocabulary of image-text matching")
    sizes = _sizes(sizes)
    source = open_for(name, "algr", cache=cache)
    given, wanted = _takes_given(source, vocab["images"]), vocab["images"].get("extractor") == "given"
    if given != wanted:
        raise InputError(
            f"the model reads {'given regions' if wanted else 'regions made of images'} ({vocab.get('data')}), but '{name}' offers "
            f"{'given regions' if given else 'images'}; use data like its own"
        )
    pool, notes = _read(source, sizes, folder)
    records = pool.records
    if any(record.split == "test" for record in records):
        records = [record for record in records if record.split == "test"]
    used, marks = set(vocab.get("used", ())), set(vocab.get("used_marks", ()))
    kept = [record for record in records if record.id not in used and record.mark not in marks]
    if not kept:
        raise InputError(f"'{name}': all {len(records)} images were used to train or select this model, so none is left to test it on")
    warned = [*source.notes, *notes]
    dropped = len(records) - len(kept)
    if dropped:
        why = f"{agreeing(dropped, 'was', 'were')} used to train or select this model and {agreeing(dropped, 'is', 'are')} left out"
        warned.append(f"{dropped} of {counted(len(records), 'image')} {why}")
    if source.generate is None and marks and not any(str(mark).startswith((PREFIX, DRAWN)) for mark in marks):
        warned.append("the model was saved by an earlier version, so images that it was trained on are recognised by their ids alone")
    kept = kept[: sizes.get("test")]
    for note in warned:
        warnings.warn(note, stacklevel=2)
    regions = _regions(source, {"test": kept}, None if given else vocab["images"], folder, progress, engine)["test"]
    check_provenance(vocab, {"images": regions.provenance})
    return encoded_split("test", regions, pool.captions(kept), vocab["texts"], folder, progress, engine)


# ---------------------------------------------------------------------------------------------- parts


def _takes_given(source: Source, wanted: dict[str, Any] | None) -> bool:
    """Whether the regions are those that the data hold; where there are images too, only if the record *wanted* says so."""
    return source.regions is not None and ("images" not in source.gives or (wanted or {}).get("extractor") == "given")


def _sizes(sizes: dict[str, int] | None) -> dict[str, int]:
    out = {}
    for key, value in (sizes or {}).items():
        split = split_name(key)
        if split not in SPLITS:
            raise InputError(f"sizes names the split {key!r}{nearest(str(key), SPLITS)}; give train, val or test")
        if isinstance(value, bool) or not isinstance(value, int) or value < 0 or (value == 0 and split != "test"):
            raise InputError(f"the size of {split} is {value!r}; give a whole number of images")
        out[split] = value
    return out


class _Pool:
    """Records that can be used for matching, and their captions."""

    def __init__(self, records: list[Record]) -> None:
        self.records = records

    def captions(self, records: Sequence[Record]) -> list[tuple[str, ...]]:
        return [record.texts() for record in records]


class _GeneratedPool(_Pool):
    """Records of generated data. Their captions come with the drawing, so those of images that have been drawn are kept in the cache."""

    def __init__(self, source: Source, sizes: dict[str, int], folder: Path) -> None:
        records = [record for split in SPLITS for record in source.take(split, (GENERATED_SIZES | sizes)[split])]
        self._known: dict[str, dict[int, tuple[str, ...]]] = {}
        self._files, self._saved = {}, {}
        for split in SPLITS:
            first = next((record for record in records if record.split == split), None)
            world = "empty" if first is None else first.mark.rpartition("-")[0]  # without the number of the image
            self._files[split] = folder / f"{world}.json"
            kept: Any = []
            if self._files[split].exists():
                try:
                    kept = read_json(self._files[split], "captions")
                except InputError:
                    kept = []  # it is made again
            self._known[split] = dict(enumerate(map(tuple, kept))) if isinstance(kept, list) else {}
            self._saved[split] = len(self._known[split])
        super().__init__([replace(record, image=self._drawing(record), captions=()) for record in records])

    def _drawing(self, record: Record) -> Callable[[], Any]:
        def draw() -> Any:
            item = record.make_item()
            self._known[str(record.split)][record.row] = tuple(item.sentences)
            return item.image

        return draw

    def captions(self, records: Sequence[Record]) -> list[tuple[str, ...]]:
        for record in records:
            if record.row not in self._known[str(record.split)]:
                record.open_image()
        for split in {str(record.split) for record in records}:
            known = self._known[split]
            whole = [list(known[k]) for k in range(len(known)) if k in known]
            if len(whole) == len(known) and (not self._files[split].exists() or len(whole) > self._saved[split]):
                write_json(self._files[split], whole)
                self._saved[split] = len(whole)
        return [self._known[str(record.split)][record.row] for record in records]


def _read(source: Source, sizes: dict[str, int], folder: Path) -> tuple[_Pool, tuple[str, ...]]:
    """The records with captions, checked before any image is opened, and notes about what was left out."""
    if source.generate is not None:
        return _GeneratedPool(source, sizes, folder), ()
    records = [record for record in source.records if record.split not in SET_ASIDE]
    if source.splits_by_hash:  # held-out images are chosen here, as for every other data set without splits
        records = [replace(record, split=None) for record in records]
    where = f"'{source.name}'"
    records, notes = check_records(records, where)
    check_files(records, where)
    return _Pool(_marked(records, folder)), notes


def _marked(records: list[Record], folder: Path) -> list[Record]:
    """The records with the marks of their image files."""
    unmarked = [record for record in records if not record.mark and isinstance(record.image, Path)]
    marks = dict(zip(map(id, unmarked), file_marks([Path(str(record.image)) for record in unmarked], folder), strict=True))
    return [replace(record, mark=marks[id(record)]) if id(record) in marks else record for record in records]


def _parts(pool: _Pool, source: Source, seed: int, sizes: dict[str, int]) -> tuple[dict[str, list[Record]], list[str]]:
    """The records of each split, and sentences about what was chosen."""
    notes, records, name = [], pool.records, source.name
    if all(record.split is None for record in records):
        order = _shuffled(records, seed)
        tenth = max(1, round(len(order) / 10))
        test = tenth if sizes.get("test", 1) else 0
        parts = {"test": order[:test], "val": order[test : test + tenth], "train": order[test + tenth :]}
        notes.append(
            f"'{name}' has no splits; by the hash of their ids {len(parts['train'])} images are for training, "
            f"{len(parts['val'])} for validation, {len(parts['test'])} for the test"
        )
    else:
        missing = next((record.id for record in records if record.split is None), None)
        if missing is not None:
            raise InputError(f"'{name}': image '{missing}' has no split, others have; give all of them one, or none")
        parts = {}
        for record in records:
            if record.split not in SPLITS:
                raise InputError(f"'{name}': image '{record.id}' has the split {record.split!r}; give 'train', 'val' or 'test'")
            parts.setdefault(record.split, []).append(record)
        for split, hint in (("val", ""), ("test", " (sizes={'test': 0} trains on all of them)")):
            if split in parts or "train" not in parts or (split == "test" and not sizes.get("test", 1)):
                continue
            order = _shuffled(parts["train"], seed)
            tenth = max(1, round(len(order) / 10))
            parts |= {split: order[:tenth], "train": order[tenth:]}
            notes.append(f"'{name}' has no split {split}; {tenth} of its {len(order)} training images are held out for it{hint}")
    parts = {split: parts.get(split, [])[: sizes.get(split)] for split in SPLITS}
    for split in ("train", "val"):
        if not parts[split]:
            raise InputError(f"'{name}': there is no image in the split {split} ({len(records)} in all); training needs more")
    _check_overlap(parts, name)
    for split in SPLITS:  # files are read in their order
        parts[split] = sorted(parts[split], key=lambda record: (record.row, record.id))
    return parts, notes


def _shuffled(records: list[Record], seed: int) -> list[Record]:
    return sorted(records, key=lambda record: id_hash(f"{seed} {record.id}"))


def _check_overlap(parts: dict[str, list[Record]], name: str) -> None:
    """Refuse an image that is in two splits, by id or by content."""
    for first, second in (("train", "val"), ("train", "test"), ("val", "test")):
        for what, values in (("id", lambda r: r.id), ("image", lambda r: r.mark)):
            there = {values(record): record.id for record in parts[first] if values(record)}
            both = [record.id for record in parts[second] if values(record) in there]
            if both:
                same = "" if what == "id" else f" (there it is '{there[values(next(r for r in parts[second] if r.id == both[0]))]}')"
                raise InputError(
                    f"'{name}': {len(both)} of {len(parts[second])} images of the split {second} stand in the split {first} too, by "
                    f"their {what}, the first is '{both[0]}'{same}; remove them from one of the two"
                )


def encoded_split(
    split: str,
    regions: Regions,
    captions: list[tuple[str, ...]],
    words: dict[str, Any],
    folder: Path,
    progress: bool | None,
    engine: Engine = HERE,
) -> Split:
    """A split of the *captions* of each image, their words made as *words* says, with vectors of a transformer kept in *folder*."""
    sentences = [sentence for some in captions for sentence in some]
    owner = np.repeat(np.arange(len(captions)), [len(some) for some in captions])
    out = None
    if words["encoder"] in ("minilm", "transformer"):
        words = {**encoder_identity(words), **words}
        out = folder / f"words-{digest(words, sentences)}.safetensors"
        with one_at_a_time(out):
            _remove_if_broken(out)
            encoded = encode_words(words, sentences, out=out, progress=progress, engine=engine)
    else:
        encoded = encode_words(words, sentences, progress=progress)
    return Split(regions, encoded, owner, sentences, split)


def _regions(
    source: Source,
    parts: dict[str, list[Record]],
    made: dict[str, Any] | None,
    folder: Path,
    progress: bool | None,
    engine: Engine = HERE,
) -> dict[str, Regions]:
    if made is None:
        assert source.regions is not None, "the data have regions of their own"
        given, found = source.regions(), {}
        for split, records in parts.items():
            own = given.get("")  # otherwise each split has a file of its own; held-out images are rows of the file they came from
            regions = own if own is not None else given[str(records[0].split) if records else next(iter(given))]
            found[split] = select_regions(regions, [record.row for record in records])
            found[split] = replace(found[split], ids=[record.id for record in records])
        return found
    every = [record for split in parts for record in parts[split]]
    whole = cached_regions(every, made, folder, progress, folders=data_folders(source.name), engine=engine)
    found, start = {}, 0
    for split, records in parts.items():
        found[split] = select_regions(whole, np.arange(start, start + len(records)))
        start += len(records)
    return found


def cached_regions(
    records: Sequence[Record],
    made: dict[str, Any],
    folder: Path,
    progress: bool | None = None,
    *,
    folders: Sequence[str | Path] = (),
    engine: Engine = HERE,
) -> Regions:
    """Regions of the images of *records*, made as *made* says, from the cache; what is missing there is extracted and added.

    Files of the same provenance share a folder named by its hash. The regions of an image that is in any of them, by its mark, are not
    extracted again.
    """
    extractor = load_extractor(made, folders=folders)
    settings = {key: value for key, value in extractor.provenance.items() if key != "width"}  # not known beforehand of every detector
    place = folder / f"regions-{digest(settings)}"
    marks = [_mark(record, extractor) for record in records]
    target = place / f"{digest(marks)}.safetensors"
    with one_at_a_time(target):
        _remove_if_broken(target)
        known: dict[str, tuple[dict, int]] = {}
        if not target.exists():
            for path in sorted(place.glob("*.safetensors")):
                try:
                    tensors, _ = open_store(path)
                    there = {mark: row for row, mark in enumerate(from_bytes(tensors["marks"]))}
                except (InputError, KeyError, ValueError):
                    continue  # broken files that are not needed here stay
                if all(mark in there for mark in marks):
                    regions = select_regions(open_regions(path), [there[mark] for mark in marks])
                    return replace(regions, ids=[record.id for record in records])
                known |= {mark: (tensors, row) for mark, row in there.items()}
        images = [record.image for record in records]
        return replace(
            extract_regions(
                extractor, images, ids=marks, marks=marks, out=target, known=known, folders=folders, progress=progress, engine=engine
            ),
            ids=[record.id for record in records],
        )


def _mark(record: Record, extractor: Extractor) -> str:
    """What the regions of an image depend on: its contents and, where boxes are looked up in a file, its name and perhaps that file."""
    detector = str(extractor.provenance.get("detector", ""))
    by_name = detector.endswith(".json") or detector.startswith("boxes:")
    return " ".join(filter(None, [record.mark, extractor.stamp, str(record.image)])) if by_name else record.mark


def _remove_if_broken(path: Path) -> None:
    """Remove a broken file of the cache, so that it is made again."""
    if not path.exists():
        return
    try:
        open_store(path)
    except InputError as error:
        warnings.warn(f"the cache is made again, for {error}", stacklevel=4)
        path.unlink(missing_ok=True)
