"""NUS-WIDE as published: lists of photographs, their tags, and 0 or 1 for each of 81 concepts (``cards/nus-wide.toml``).

The labels are the 21 concepts with most photographs, as in the papers; ``nus-wide:FOLDER,concepts=10`` and ``concepts=81`` take others.
2,000 pairs are for the test and 2,000 for validation, by the hash of the photograph's number, among those with a tag and a label;
``split=official`` takes the published lists instead. Only photographs that are in the folder are read.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from ...counts import agreeing, counted
from ...errors import InputError
from ..published import FileTable, OldTexts, first_file, first_folder, left_out, paper_split, with_options, zeros_and_ones
from ..source import Record, Request, Source, check_inside, clean_text

_NUMBER = re.compile(r"(?:.*_)?([0-9]+)\.[A-Za-z]+")
_VAL_EVERY = 10


def open_nus_wide(request: Request) -> Source:
    """The photographs with their tags and concepts; see the module's text.

    Raises
    ------
    InputError : a list is missing or does not fit the others, no photograph is there, an unknown option.
    """
    request, options = with_options(request, {"concepts": ("21", "10", "81"), "split": ("paper", "official")})
    root, texts = request.folder(), OldTexts()
    path = first_file((root / "ImageList" / "Imagelist.txt", root / "ImageList" / "ImageList.txt", root / "Imagelist.txt"), "image list")
    names = _image_names(path, texts)
    numbers = [_number(name, path) for name in names]
    concepts, labels = _concepts(root, len(names), int(options["concepts"]))
    kept, missing, repeated = _there(root, names, numbers)
    if not kept:
        raise InputError(f"'{root}' holds none of the {len(names)} listed photographs; expected Flickr/{names[0]}")
    tags = _tags(root, numbers, texts)
    if options["split"] == "official":
        split = _official(path.parent, numbers, texts)
    else:
        split = paper_split([numbers[k] for k in kept if labels[k].any() and tags[k]])
    records = [
        Record(names[k].rpartition(".")[0], split.get(numbers[k], "train"), (), file, labels[k], tags[k]) for k, file in kept.items()
    ]
    notes = [*left_out(missing, len(names), f"'{root}'"), *texts.notes()]
    if repeated:
        notes.append(
            f"'{path}': {counted(len(repeated), 'row')} {agreeing(len(repeated), 'names', 'name')} a photograph that stands there "
            f"already and {agreeing(len(repeated), 'is', 'are')} left out, the first is '{repeated[0]}'"
        )
    return Source(
        request.name, request.kind, request.place, records, gives={"images", "tags", "labels"}, label_names=concepts,
        tag_names=sorted({tag for k in kept for tag in tags[k]}), notes=tuple(notes), missing=tuple(missing),
        counts={"listed images": len(names), "concepts": len(list(_label_files(root)))},
    )  # fmt: skip


def _image_names(path: Path, texts: OldTexts) -> list[str]:
    names = [line.strip().replace("\\", "/") for line in texts.lines(path, "image list")]
    names = [name for name in names if name]
    if not names:
        raise InputError(f"image list '{path}' names no image; download it again")
    return [check_inside(name, f"image list '{path}'", "the folder of the photographs") for name in names]


def _number(name: str, path: Path) -> str:
    found = _NUMBER.fullmatch(name.rpartition("/")[2])
    if found is None:
        raise InputError(f"image list '{path}': {name!r} has no number of Flickr; expected a name such as actor/0001_2124494179.jpg")
    return found[1]


def _there(root: Path, names: list[str], numbers: list[str]) -> tuple[dict[int, Path], list[str], list[str]]:
    """Row -> file of the photographs that are there, the names of the others, and those of repeated rows."""
    places = [place for place in (root / "Flickr", root / "images", root / "Images", root) if place.is_dir()]
    table, kept, missing, repeated, seen = FileTable(), {}, [], [], set()
    for k, (name, number) in enumerate(zip(names, numbers, strict=True)):
        if number in seen:
            repeated.append(name)
            continue
        seen.add(number)
        ways = (place / way for place in places for way in (name, f"{number}.jpg"))
        file = next((way for way in ways if table.has(way)), None)
        if file is None:
            missing.append(name)
        else:
            kept[k] = file
    return kept, missing, repeated


def _label_files(root: Path) -> dict[str, Path]:
    folder = first_folder((root / "Groundtruth" / "AllLabels", root / "AllLabels", root / "Groundtruth"))
    files = {} if folder is None else {path.stem.removeprefix("Labels_"): path for path in sorted(folder.glob("Labels_*.txt"))}
    if not files:
        raise InputError(f"'{root}' has no Groundtruth/AllLabels/Labels_*.txt; unpack Groundtruth.zip there")
    return files


def _concepts(root: Path, rows: int, most: int) -> tuple[list[str], np.ndarray]:
    """The names of the concepts with most photographs, in alphabetical order, and (rows, concepts) 0 or 1."""
    files = _label_files(root)
    columns = np.concatenate([zeros_and_ones(path, rows) for path in files.values()], 1)
    order = np.argsort(-columns.sum(0, dtype=np.int64), kind="stable")[:most]
    order.sort()
    names = list(files)
    return [names[k] for k in order], np.ascontiguousarray(columns[:, order])


def _tags(root: Path, numbers: list[str], texts: OldTexts) -> list[tuple[str, ...]]:
    """The tags of each row."""
    places = (root / "NUS_WID_Tags", root / "Tags", root)
    table = next((place / "AllTags1k.txt" for place in places if (place / "AllTags1k.txt").is_file()), None)
    if table is not None:
        listed = (*(place / "TagList1k.txt" for place in (*places, root / "ConceptsList")),)
        words = [clean_text(line) for line in texts.lines(first_file(listed, "list of tags"), "list of tags") if line.strip()]
        values = zeros_and_ones(table, len(numbers), len(words))
        return [tuple(words[k] for k in np.flatnonzero(row)) for row in values]
    path = first_file([place / "All_Tags.txt" for place in places], "tags")
    lines = [line.split() for line in texts.lines(path, "tags") if line.strip()]
    if len(lines) != len(numbers):
        raise InputError(f"'{path}' has {len(lines)} lines for {len(numbers)} listed images; the two do not belong together")
    wrong = next((k for k, line in enumerate(lines) if line[0] != numbers[k]), None)
    if wrong is not None:
        raise InputError(
            f"'{path}', line {wrong + 1} begins with {lines[wrong][0][:20]!r}; expected {numbers[wrong]!r}, as in the image list"
        )
    return [tuple(dict.fromkeys(map(clean_text, line[1:]))) for line in lines]


def _official(folder: Path, numbers: list[str], texts: OldTexts) -> dict[str, str]:
    path = first_file((folder / "TestImagelist.txt", folder / "TestImageList.txt"), "official test list")
    test = {_number(name, path) for name in _image_names(path, texts)}
    strange = test - set(numbers)
    if strange:
        raise InputError(f"'{path}': {len(strange)} of {len(test)} photographs are not in the image list, the first is {min(strange)}")
    listed = next((place for name in ("TrainImagelist.txt", "TrainImageList.txt") if (place := folder / name).is_file()), None)
    both = test.intersection(_number(name, listed) for name in _image_names(listed, texts)) if listed else set()
    if both:
        raise InputError(f"'{path}': {len(both)} photographs are in '{listed}' too, the first is {min(both)}; download the lists again")
    train = [number for number in dict.fromkeys(numbers) if number not in test]
    return dict.fromkeys(test, "test") | dict.fromkeys(train, "train") | dict.fromkeys(train[_VAL_EVERY - 1 :: _VAL_EVERY], "val")
