"""Images with captions, in the layouts that people have: what is there, and what is wrong with it.

A reader looks at names and captions only and refuses or reports what does not fit before any image is opened.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ....errors import InputError
from ....files import existing_file, read_json
from .pairs import Regions
from .texts import check_captions

SPLITS = ("train", "validation", "test")
_SPLIT_NAMES = {
    "train": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "dev": "validation",
    "test": "test",
}
#: images of the default world unless sizes are given
WORLD_SIZES = {"train": 2000, "validation": 300, "test": 500}


@dataclass(frozen=True, eq=False)
class Photo:
    """An image with captions.

    image : a path, or a function that draws it; ``None`` if its regions are given
    mark : tells the image apart by what is in it, wherever it lies
    row : of its regions, if they are given
    """

    id: str
    captions: tuple[str, ...]
    split: str | None = None
    image: Any = None
    mark: str = ""
    row: int = -1


@dataclass(frozen=True, eq=False)
class Source:
    """What a reader found.

    regions : given regions, by split (``""``: of all splits); empty where they are made of the images
    captions : function that gives the captions of some photos, where they are not known before the images are drawn
    notes : sentences about what was left out or chosen
    """

    kind: str
    photos: list[Photo]
    regions: dict[str, Regions] = field(default_factory=dict)
    captions: Callable[[Sequence[Photo]], list[tuple[str, ...]]] | None = None
    notes: tuple[str, ...] = ()


def file_mark(path: Path) -> str:
    """Size and first 4096 bytes of a file as 16 hex digits: the same image in another folder has the same mark."""
    with path.open("rb") as file:
        return hashlib.sha256(file.read(4096) + str(path.stat().st_size).encode()).hexdigest()[:16]


def split_by_name(photos: list[Photo], where: str) -> dict[str, list[Photo]]:
    """Photos by split; an unknown split is refused, but for ``restval``, which is left out."""
    parts: dict[str, list[Photo]] = {}
    for photo in photos:
        if photo.split == "restval":
            continue
        name = _SPLIT_NAMES.get(str(photo.split))
        if name is None:
            raise InputError(f"{where}: image '{photo.id}' has the split {photo.split!r}; give 'train', 'val' or 'test'")
        parts.setdefault(name, []).append(photo)
    return parts


def check_photos(photos: list[Photo], where: str) -> tuple[list[Photo], tuple[str, ...]]:
    """Refuse ids that occur twice and empty captions; leave out images without captions, and say so."""
    twice = [id for id, count in Counter(photo.id for photo in photos).items() if count > 1]
    if twice:
        raise InputError(f"{where}: {len(twice)} of {len(photos)} image ids occur more than once, the first is '{twice[0]}'; keep one each")
    without = [photo.id for photo in photos if not photo.captions]
    photos = [photo for photo in photos if photo.captions]
    if not photos:
        raise InputError(f"{where}: no image has a caption ({len(without)} images); there is nothing to learn from")
    check_captions([c for p in photos for c in p.captions], where, [p.id for p in photos for _ in p.captions])
    if not without:
        return photos, ()
    verb = "image has no caption and is" if len(without) == 1 else "images have no caption and are"
    return photos, (f"{where}: {len(without)} of {len(without) + len(photos)} {verb} left out, the first is '{without[0]}'",)


# ---------------------------------------------------------------------------------------------- COCO's captions


def read_captions(path: Path) -> list[tuple[Any, str, tuple[str, ...], str | None]]:
    """(id, file name, captions, split) of every image of a file in COCO's layout.

    Raises
    ------
    InputError : not that layout, ids that occur twice, captions of images that are not listed; the message tells how many.
    """
    from ...datasets.coco import _records

    where = f"captions file '{path}'"
    data = read_json(path, "captions")
    images = _records(data, "images", ("id", "file_name"), where)
    twice = [id for id, count in Counter(image["id"] for image in images).items() if count > 1]
    if twice:
        raise InputError(f"{where}: {len(twice)} of {len(images)} image ids occur more than once, the first is {twice[0]!r}; keep one each")
    captions: dict[Any, list[str]] = {image["id"]: [] for image in images}
    rows = _records(data, "annotations", ("image_id", "caption"), where)
    strays = [row["image_id"] for row in rows if row["image_id"] not in captions]
    if strays:
        raise InputError(
            f"{where}: {len(strays)} of {len(rows)} captions belong to images that are not listed, the first to image {strays[0]!r}; "
            "add these images or remove the captions"
        )
    numbers = [row["id"] for row in rows if "id" in row]
    twice = [id for id, count in Counter(numbers).items() if count > 1]
    if twice:
        raise InputError(f"{where}: {len(twice)} caption ids occur more than once, the first is {twice[0]!r}; keep one each")
    for row in rows:
        if not isinstance(row["caption"], str):
            raise InputError(f"{where}: a caption of image {row['image_id']!r} is {row['caption']!r}, expected a text")
        captions[row["image_id"]].append(" ".join(row["caption"].split()))
    return [(image["id"], str(image["file_name"]), tuple(captions[image["id"]]), image.get("split")) for image in images]


def read_coco(folder: str) -> Source:
    """``captions.json`` beside ``images/``; every image with captions must be there."""
    from ...datasets.coco import _image_path, existing_folder

    place = existing_folder(folder, "coco:")
    where = f"captions file '{place / 'captions.json'}'"
    photos = []
    for _, name, captions, split in read_captions(place / "captions.json"):
        path = _image_path(place, name, where)
        photos.append(Photo(Path(name).stem, captions, split, path))
    photos, notes = check_photos(photos, where)
    return Source("coco", with_marks(photos, where), notes=notes)


def with_marks(photos: list[Photo], where: str) -> list[Photo]:
    """The photos with the marks of their files; missing files are refused, with how many."""
    missing = [photo for photo in photos if not photo.image.is_file()]
    if missing:
        raise InputError(
            f"{where}: {len(missing)} of {len(photos)} images are not there, the first is '{missing[0].image}'; add them or shorten "
            "the list"
        )
    return [replace(photo, mark=file_mark(photo.image)) for photo in photos]


# ---------------------------------------------------------------------------------------------- Karpathy's splits


def read_karpathy(place: str, *, restval: bool = False) -> Source:
    """``dataset_{flickr8k,flickr30k,coco}.json`` and the folder of its images, written ``FILE,FOLDER``.

    Without a folder the images are looked for in ``images/`` beside the file, then beside it. *restval*: whether the images of that
    split (30,504 of COCO) are for training too; otherwise they are left out.
    """
    name, _, image_folder = place.partition(",")
    path = existing_file(name, "split file")
    where = f"split file '{path}'"
    folders = [Path(image_folder)] if image_folder else [path.parent / "images", path.parent]
    if image_folder and not folders[0].is_dir():
        raise InputError(f"image folder '{image_folder}' does not exist; write 'karpathy:FILE,FOLDER'")
    data = read_json(path, "splits")
    images = data.get("images") if isinstance(data, dict) else None
    if not isinstance(images, list):
        raise InputError(f"{where} has no list 'images'; expected the layout of Karpathy's dataset_*.json")
    photos, fewer, seen = [], [], Counter()
    for k, image in enumerate(images):
        lacks = [key for key in ("filename", "split", "sentences") if not isinstance(image, dict) or key not in image]
        if lacks:
            raise InputError(f"{where}: entry {k} of 'images' lacks the field {lacks[0]!r}")
        captions = []
        for sentence in image["sentences"]:
            text = sentence.get("raw", " ".join(sentence.get("tokens", ()))) if isinstance(sentence, dict) else None
            if not isinstance(text, str):
                raise InputError(f"{where}: image '{image['filename']}' has the sentence {sentence!r}; expected 'raw' or 'tokens'")
            captions.append(" ".join(text.split()))
        if len(image.get("sentids", captions)) != len(captions):
            fewer.append((image["filename"], len(image["sentids"]), len(captions)))
        seen.update(image.get("sentids", ()))
        inside = Path(str(image.get("filepath", ""))) / str(image["filename"])
        if inside.is_absolute() or ".." in inside.parts:
            raise InputError(f"{where}: the image '{inside}' is not a path inside the image folder")
        places = [folder / way for folder in folders for way in (inside, inside.name)]
        found = next((p for p in places if p.is_file()), places[0])
        split = "train" if restval and image["split"] == "restval" else image["split"]
        photos.append(Photo(str(inside.with_suffix("")), tuple(captions), str(split), found))
    if fewer:
        name, promised, there = fewer[0]
        raise InputError(
            f"{where}: {len(fewer)} of {len(images)} images have another number of captions than their 'sentids' promise, the first is "
            f"'{name}' ({promised} promised, {there} there); download the file again"
        )
    twice = [id for id, count in seen.items() if count > 1]
    if twice:
        raise InputError(f"{where}: {len(twice)} sentence ids occur more than once, the first is {twice[0]!r}; download the file again")
    rest = sum(photo.split == "restval" for photo in photos)
    photos, notes = check_photos([photo for photo in photos if photo.split != "restval"], where)
    if rest:
        notes += (f"{where}: {rest} images of the split 'restval' are left out; write 'karpathy+restval:FILE' to train on them too",)
    return Source("karpathy", with_marks(photos, where), notes=notes)


# ---------------------------------------------------------------------------------------------- the default world


def read_world(sizes: dict[str, int], cache: Path) -> Source:
    """Images of ``world/scenes``, drawn when they are needed; their captions are kept in *cache*, since they come with the drawing."""
    from ....files import write_json
    from ... import load_dataset

    golden = Path(__file__).parents[2] / "world" / "golden.json"
    version = hashlib.sha256(golden.read_bytes()).hexdigest()[:16]  # another way of drawing has other golden hashes
    names = {"train": "train", "validation": "val", "test": "test"}
    photos, sets, known, files = [], {}, {}, {}
    for split in SPLITS:
        sets[split] = load_dataset("world/scenes", names[split], size=sizes[split])
        files[split] = cache / f"world-scenes-{version}-{split}.json"
        kept: Any = []
        if files[split].exists():
            try:
                kept = read_json(files[split], "captions")
            except InputError:
                kept = []  # it is made again
        known[split] = dict(enumerate(map(tuple, kept))) if isinstance(kept, list) else {}
        for k in range(sizes[split]):
            mark = f"world-scenes-{version}-{split}-{k}"

            def draw(split: str = split, k: int = k) -> Any:
                item = sets[split][k]
                known[split][k] = tuple(item.sentences)
                return item.image

            photos.append(Photo(f"scenes-0-{names[split]}-{k:06d}", (), split, draw, mark, k))

    def captions(some: Sequence[Photo]) -> list[tuple[str, ...]]:
        for photo in some:
            if photo.row not in known[photo.split]:
                photo.image()
        for split in {photo.split for photo in some}:
            whole = [list(known[split][k]) for k in range(len(known[split])) if k in known[split]]
            if len(whole) == len(known[split]) and (not files[split].exists() or len(whole) > kept_before[split]):
                write_json(files[split], whole)
                kept_before[split] = len(whole)
        return [known[photo.split][photo.row] for photo in some]

    kept_before = {split: len(known[split]) for split in SPLITS}
    return Source("world/scenes", photos, captions=captions)
