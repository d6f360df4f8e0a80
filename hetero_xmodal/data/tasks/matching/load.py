"""``load_matching_data``: the three splits of a data set with regions and words; ``load_test_split``: what a saved model is tested on.

========================  =====================================================  ==========================================
name                      images and captions                                  regions
========================  =====================================================  ==========================================
``world/scenes``          the default world                                      made here (``images``)
``coco:FOLDER``           captions.json beside images/                           made here
``karpathy:FILE,FOLDER``  Karpathy's dataset_*.json and its images             made here
``scan:FOLDER``           ``{train,dev,test}_caps.txt``                          ``_ims.npy``, as SCAN's authors give them
``bottom-up:FOLDER``      captions.json                                          ``*.tsv`` of bottom-up attention
``regions:FOLDER``        captions.json                                          regions.safetensors
========================  =====================================================  ==========================================
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ....errors import InputError, nearest
from .extract import extract_regions, load_extractor, open_regions, region_provenance, select_regions
from .pairs import MatchingData, Regions, Split
from .provenance import check_provenance
from .readers import SPLITS, WORLD_SIZES, Photo, Source, read_coco, read_karpathy, read_world, split_by_name
from .store import cache_folder, digest, from_bytes, one_at_a_time, open_store
from .texts import encode_words, encoder_identity, learn_vocabulary, word_provenance

NAMES = ("world/scenes", "coco:FOLDER", "karpathy:FILE,FOLDER", "scan:FOLDER", "bottom-up:FOLDER", "regions:FOLDER")


def load_matching_data(
    name: str,
    *,
    images: str | dict[str, Any] | None = None,
    texts: str | dict[str, Any] = "minilm",
    seed: int = 0,
    cache: str | Path | None = None,
    sizes: dict[str, int] | None = None,
    progress: bool | None = None,
) -> MatchingData:
    """The splits of a data set, ready for training, and the vocabulary of a model that learns from them.

    Parameters
    ----------
    name : see the module's table.
    images : how regions are made of images: ``"grid"`` unless given, ``"world"`` for the default world
        (see :mod:`~hetero_xmodal.data.tasks.matching.extract`); given regions stay as they are.
    texts : how words are made of captions: ``"minilm"``, ``"trained"``, ``"spacy"``, ``"transformer:NAME"``
        (see :mod:`~hetero_xmodal.data.tasks.matching.texts`).
    seed : of the images that are held out where the data set has no splits, or none for the test.
    cache : folder in which regions and transformer states are kept (half precision); ``None``: ``~/.cache/hetero_xmodal/matching``.
    sizes : most images in ``train``, ``validation`` and ``test``. World: 2,000, 300 and 500 unless given. Where a folder has no test
        split, ``{"test": 0}`` holds no image back for one.
    progress : show bars; ``None``: in a terminal, if there is much to do.

    Returns
    -------
    MatchingData. A folder without any split is split by the hash of the images' ids: a tenth for validation, a tenth for the test. A
    folder with training and validation only gives a tenth of its training images to the test. What was left out, cut or chosen is told by
    warnings.

    Raises
    ------
    InputError : unknown names, data that does not fit together, an image in two splits, an empty split.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as cache:
    ...     data = load_matching_data(
    ...         "world/scenes", texts="trained:1", sizes={"train": 4, "validation": 2, "test": 2}, cache=cache)
    >>> len(data.train), data.train.regions.features.shape, sorted(data.vocab)
    (20, (4, 8, 159), ['data', 'images', 'texts', 'used', 'used_marks'])
    """
    folder = cache_folder(cache)
    kind, _ = _kind(name)
    sizes = _sizes(sizes)
    words = word_provenance(texts)  # an unknown setting is refused before work starts
    record = None if images is None else region_provenance(images)
    source = _read(name, sizes, folder)
    parts, notes = _parts(source, name, seed, sizes)
    if source.regions and record is not None and record["extractor"] != "given":
        raise InputError(f"'{name}' has regions of its own, so images={images!r} cannot apply; leave it out")
    if not source.regions:
        record = record or region_provenance("world" if kind == "world" else "grid")
    for note in (*source.notes, *notes):
        warnings.warn(note, stacklevel=2)
    regions = _regions(source, parts, record, folder, progress)
    captions = {split: _captions(source, photos) for split, photos in parts.items()}
    words = learn_vocabulary(words, [sentence for some in captions["train"] for sentence in some])
    splits = {}
    for split in SPLITS:
        splits[split] = _split(split, regions[split], captions[split], words, folder, progress)
        words = splits[split].words.provenance
    used = [photo for split in ("train", "validation") for photo in parts[split]]
    vocab = {
        "data": source.kind,
        "images": regions["train"].provenance,
        "texts": words,
        "used": [photo.id for photo in used],
        "used_marks": [photo.mark for photo in used if photo.mark],
    }
    return MatchingData(splits["train"], splits["validation"], splits["test"], vocab)


def load_test_split(
    name: str,
    vocab: dict[str, Any],
    *,
    sizes: dict[str, int] | None = None,
    cache: str | Path | None = None,
    progress: bool | None = None,
) -> Split:
    """The images and captions of *name* that a model with *vocab* may be tested on, as the regions and words which that model knows.

    These are the test split of the data set; where it has none, all its images. Images that the model was trained or selected on, by
    their id or by their file, are left out, with a warning that tells how many.

    Raises
    ------
    InputError : regions of another kind or width than the model's, no image left, and all that :func:`load_matching_data` refuses.
    """
    folder = cache_folder(cache)
    _kind(name)
    for key in ("images", "texts"):
        if not isinstance(vocab.get(key), dict):
            raise InputError(f"the model's vocabulary does not say how its {key} were made; it is not a vocabulary of image-text matching")
    sizes = _sizes(sizes)
    source = _read(name, sizes, folder)
    given, wanted = bool(source.regions), vocab["images"].get("extractor") == "given"
    if given != wanted:
        raise InputError(
            f"the model reads {'given regions' if wanted else 'regions made of images'} ({vocab.get('data')}), but '{name}' offers "
            f"{'given regions' if given else 'images'}; use data like its own"
        )
    photos = source.photos
    if any(photo.split == "test" for photo in photos):
        photos = [photo for photo in photos if photo.split == "test"]
    used, marks = set(vocab.get("used", ())), set(vocab.get("used_marks", ()))
    kept = [photo for photo in photos if photo.id not in used and photo.mark not in marks]
    if not kept:
        raise InputError(f"'{name}': all {len(photos)} images were used to train or select this model, so none is left to test it on")
    notes = list(source.notes)
    if len(kept) < len(photos):
        notes.append(f"{len(photos) - len(kept)} of {len(photos)} images were used to train or select this model and are left out")
    kept = kept[: sizes.get("test")]
    for note in notes:
        warnings.warn(note, stacklevel=2)
    regions = _regions(source, {"test": kept}, vocab["images"], folder, progress)["test"]
    check_provenance(vocab, {"images": regions.provenance})
    return _split("test", regions, _captions(source, kept), vocab["texts"], folder, progress)


# ---------------------------------------------------------------------------------------------- parts


def _kind(name: str) -> tuple[str, str]:
    if name == "world/scenes":
        return "world", ""
    kind, colon, place = str(name).partition(":")
    if kind not in ("coco", "karpathy", "karpathy+restval", "scan", "bottom-up", "regions") or not colon or not place:
        raise InputError(f"unknown matching data {name!r}{nearest(name, NAMES)}; known are {', '.join(NAMES)}")
    return kind, place


def _sizes(sizes: dict[str, int] | None) -> dict[str, int]:
    out = {}
    for key, value in (sizes or {}).items():
        split = "validation" if key == "val" else key
        if split not in SPLITS:
            raise InputError(f"sizes names the split {key!r}{nearest(str(key), SPLITS)}; give train, validation or test")
        if isinstance(value, bool) or not isinstance(value, int) or value < 0 or (value == 0 and split != "test"):
            raise InputError(f"the size of {split} is {value!r}; give a whole number of images")
        out[split] = value
    return out


def _read(name: str, sizes: dict[str, int], folder: Path) -> Source:
    kind, place = _kind(name)
    if kind == "world":
        return read_world(WORLD_SIZES | sizes, folder)
    if kind == "coco":
        return read_coco(place)
    if kind.startswith("karpathy"):
        return read_karpathy(place, restval=kind.endswith("restval"))
    from . import precomputed

    return {"scan": precomputed.read_scan, "bottom-up": precomputed.read_bottom_up, "regions": precomputed.read_given}[kind](place, folder)


def _parts(source: Source, name: str, seed: int, sizes: dict[str, int]) -> tuple[dict[str, list[Photo]], list[str]]:
    """The photos of each split, and sentences about what was chosen."""
    notes = []
    photos = source.photos
    if all(photo.split is None for photo in photos):
        order = _shuffled(photos, seed)
        tenth = max(1, round(len(order) / 10))
        test = tenth if sizes.get("test", 1) else 0
        parts = {"test": order[:test], "validation": order[test : test + tenth], "train": order[test + tenth :]}
        notes.append(
            f"'{name}' has no splits; by the hash of their ids {len(parts['train'])} images are for training, "
            f"{len(parts['validation'])} for validation, {len(parts['test'])} for the test"
        )
    else:
        missing = next((photo.id for photo in photos if photo.split is None), None)
        if missing is not None:
            raise InputError(f"'{name}': image '{missing}' has no split, others have; give all of them one, or none")
        parts = split_by_name(photos, f"'{name}'")
        if "validation" not in parts and "train" in parts:
            order = _shuffled(parts["train"], seed)
            tenth = max(1, round(len(order) / 10))
            parts |= {"validation": order[:tenth], "train": order[tenth:]}
            notes.append(f"'{name}' has no validation split; {tenth} of its {len(order)} training images are held out for it")
        if "test" not in parts and sizes.get("test", 1) and "train" in parts:
            order = _shuffled(parts["train"], seed)
            tenth = max(1, round(len(order) / 10))
            parts |= {"test": order[:tenth], "train": order[tenth:]}
            notes.append(
                f"'{name}' has no test split; {tenth} of its {len(order)} training images are held out for it (sizes={{'test': 0}} "
                "trains on all of them)"
            )
    parts = {split: parts.get(split, [])[: sizes.get(split)] for split in SPLITS}
    for split in ("train", "validation"):
        if not parts[split]:
            raise InputError(f"'{name}': there is no image in the {split} split ({len(photos)} in all); training needs more")
    _check_overlap(parts, name)
    for split in SPLITS:  # files are read in their order
        parts[split] = sorted(parts[split], key=lambda photo: (photo.row, photo.id))
    return parts, notes


def _shuffled(photos: list[Photo], seed: int) -> list[Photo]:
    return sorted(photos, key=lambda photo: hashlib.sha256(f"{seed} {photo.id}".encode()).hexdigest())


def _check_overlap(parts: dict[str, list[Photo]], name: str) -> None:
    """Refuse an image that stands in two splits, by id or by content."""
    for first, second in (("train", "validation"), ("train", "test"), ("validation", "test")):
        for what, values in (("id", lambda p: p.id), ("image", lambda p: p.mark)):
            there = {values(photo): photo.id for photo in parts[first] if values(photo)}
            both = [photo.id for photo in parts[second] if values(photo) in there]
            if both:
                same = "" if what == "id" else f" (there it is '{there[values(next(p for p in parts[second] if p.id == both[0]))]}')"
                raise InputError(
                    f"'{name}': {len(both)} of {len(parts[second])} images of the {second} split stand in the {first} split too, by "
                    f"their {what}, the first is '{both[0]}'{same}; remove them from one of the two"
                )


def _captions(source: Source, photos: Sequence[Photo]) -> list[tuple[str, ...]]:
    return [photo.captions for photo in photos] if source.captions is None else source.captions(photos)


def _split(
    split: str, regions: Regions, captions: list[tuple[str, ...]], words: dict[str, Any], folder: Path, progress: bool | None
) -> Split:
    sentences = [sentence for some in captions for sentence in some]
    owner = np.repeat(np.arange(len(captions)), [len(some) for some in captions])
    out = None
    if words["encoder"] in ("minilm", "transformer"):
        words = {**encoder_identity(words), **words}
        out = folder / f"words-{digest(words, sentences)}.safetensors"
        with one_at_a_time(out):
            _mend(out)
            encoded = encode_words(words, sentences, out=out, progress=progress)
    else:
        encoded = encode_words(words, sentences, progress=progress)
    return Split(regions, encoded, owner, sentences, split)


def _regions(
    source: Source, parts: dict[str, list[Photo]], record: dict[str, Any] | None, folder: Path, progress: bool | None
) -> dict[str, Regions]:
    if source.regions:
        found = {}
        for split, photos in parts.items():
            own = source.regions.get("")  # otherwise each split has a file of its own; held-out images stay in that of theirs
            regions = own if own is not None else source.regions[photos[0].split if photos else "train"]
            found[split] = select_regions(regions, [photo.row for photo in photos])
            found[split] = replace(found[split], ids=[photo.id for photo in photos])
        return found
    every = [photo for split in parts for photo in parts[split]]
    whole = cached_regions(every, record, folder, progress)
    found, start = {}, 0
    for split, photos in parts.items():
        found[split] = select_regions(whole, np.arange(start, start + len(photos)))
        start += len(photos)
    return found


def cached_regions(photos: Sequence[Photo], record: dict[str, Any], folder: Path, progress: bool | None = None) -> Regions:
    """Regions of *photos* from the cache; what is missing there is made and added.

    Files of the same provenance share a folder named by its hash. An image that stands in any of them, by its mark, is not made again.
    """
    extractor = load_extractor(record)
    settings = {key: value for key, value in extractor.provenance.items() if key != "width"}  # not known beforehand of every detector
    place = folder / f"regions-{digest(settings)}"
    marks = [photo.mark for photo in photos]
    target = place / f"{digest(marks)}.safetensors"
    with one_at_a_time(target):
        _mend(target)
        known: dict[str, tuple[dict, int]] = {}
        if not target.exists():
            for path in sorted(place.glob("*.safetensors")):
                try:
                    tensors, _ = open_store(path)
                    there = {mark: row for row, mark in enumerate(from_bytes(tensors["marks"]))}
                except (InputError, KeyError, ValueError):
                    continue  # another file that is broken is mended by whoever needs it
                if all(mark in there for mark in marks):
                    regions = select_regions(open_regions(path), [there[mark] for mark in marks])
                    return replace(regions, ids=[photo.id for photo in photos])
                known |= {mark: (tensors, row) for mark, row in there.items()}
        images = [photo.image for photo in photos]
        return replace(
            extract_regions(extractor, images, ids=marks, marks=marks, out=target, known=known, progress=progress),
            ids=[photo.id for photo in photos],
        )


def _mend(path: Path) -> None:
    """Take a broken file of the cache away, so that it is made again."""
    if not path.exists():
        return
    try:
        open_store(path)
    except InputError as error:
        warnings.warn(f"the cache is made again, for {error}", stacklevel=4)
        path.unlink(missing_ok=True)
