"""Writing a data set into a folder and checking one: ``hetero-xmodal data build`` and ``data verify``."""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ..checks import check_count, check_seed, check_unused
from ..configs import first_change
from ..counts import counted
from ..errors import InputError, nearest
from ..files import atomic_path, behind_links, check_writable, one_writer, read_json, write_json
from ..ids import IMAGE_ENDINGS
from ..region_masks import mask_area
from .card import read_card
from .entries import ENTRIES
from .registry import entry_of, open_for, open_source
from .source import Record, Source
from .store import progress_bar

if TYPE_CHECKING:
    from PIL import Image

    from ..scenes import SceneGraph
    from .dataset import Item

# ---------------------------------------------------------------------------------------------- building


@dataclass
class BuildReport:
    """What :func:`build_dataset` wrote, and which items it left out and why."""

    folder: Path
    items: int
    sentences: int
    dropped: list[tuple[str, str]] = field(default_factory=list)

    def __str__(self) -> str:
        lines = [f"{self.folder}: {counted(self.items, 'image')}, {counted(self.sentences, 'sentence')}, {len(self.dropped)} left out"]
        return "\n".join([*lines, *(f"  left out {name}: {why}" for name, why in self.dropped)])


def build_dataset(
    name: str,
    out: str | Path,
    *,
    split: str | None = None,
    size: int | None = None,
    seed: int | None = None,
    image_size: int | None = None,
    scene_of: Callable[[Item], SceneGraph | None] | None = None,
    scenes: str = "",
    progress: bool = True,
) -> BuildReport:
    """Write a split of a data set, or with ``split="all"`` all of them, into a folder that ``coco:FOLDER`` loads again, item for item.

    The folder gets ``images/*.png``, ``captions.json`` and ``instances.json`` in COCO's format, ``scenes.json`` (scene graphs with
    attributes and relations, labels, tags, scene graphs of the captions) and ``checksums.json``. Work in progress lives in ``OUT.part``;
    an interrupted call is continued by the same call, and *out* appears only when all is there. Items that cannot be read are
    left out and reported.

    Parameters
    ----------
    image_size : of a generated world's images, 128 if left out; of photographs of one bird each (CUB), the square around the bird is cut
        out and brought to this many pixels, as in their editing pairs. Whole photographs are written if it is left out.
    scene_of : gives the scene graph that is written of an item, by default its own.
    scenes : what *scene_of* is, such as a digest of a model of parts; an interrupted call is continued only with the same.

    Raises
    ------
    InputError : *out* exists already, or ``OUT.part`` was begun with other options, and what
        :func:`~hetero_xmodal.data.registry.load_dataset` refuses.
    """
    entry_of(name)
    check_count("size", size)
    check_seed(seed)
    check_count("image_size", image_size, least=8)
    birds = entry_of(name)[0].kind == "cub"
    if not name.startswith("world/"):
        check_unused(f"is for generated worlds, and '{name}' is none", seed=seed)
    if not name.startswith("world/") and not birds:
        check_unused(f"is for generated worlds and photographs of one bird each, and '{name}' is neither", image_size=image_size)
    square = partial(_squared, image_size) if birds and image_size is not None else None
    seed, image_size = seed or 0, image_size or 128
    source = open_for(name, "load_dataset", seed=seed, image_size=image_size)
    split = source.split(split)
    dataset = source.items(split, size)
    check_writable(out)
    named, out = Path(out), behind_links(out)  # a link stays, and what it leads to is written
    part = out.with_name(out.name + ".part")
    plan = {"name": name, "split": split, "items": len(dataset), "seed": seed, "image_size": image_size}
    plan |= {"parts": scenes} if scene_of is not None else {}
    plan |= {"cut out": "squares"} if square is not None else {}
    out.parent.mkdir(parents=True, exist_ok=True)
    with one_writer(part):
        _begin(out, part, plan)
        report = _write_items(dataset, part, split, named, progress, scene_of, square)
        if out.exists():
            out.rmdir()  # an empty folder
        os.replace(part, out)
        (out / "plan.json").unlink()  # only now: without it, what a kill leaves would not be known as ours
    return report


def _begin(out: Path, part: Path, plan: dict) -> None:
    """Check that the build of *plan* can be begun or continued in *part*, and note the plan there."""
    if not part.exists() and (out / "plan.json").exists() and read_json(out / "plan.json", "plan of the interrupted build") == plan:
        os.replace(out, part)  # killed between the last two steps
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"'{out}' exists already; give a new folder or move it away")
    if (part / "plan.json").exists():
        before = read_json(part / "plan.json", "plan of the interrupted build")
        change = first_change(before if isinstance(before, dict) else {}, plan, {"parts": None})
        if change is not None:
            raise InputError(f"'{part}' {change.said}; delete it, or repeat the call that began it")
    elif part.exists() and any(part.iterdir()):
        raise InputError(f"'{part}' is needed for work in progress but holds other files; move it away")
    write_json(part / "plan.json", plan)


def _squared(side: int, item: Item) -> Item:
    from .datasets.cub import cut_square

    image, scene = cut_square(item, side)
    return replace(item, image=image, scene=scene)


def _write_items(dataset, part: Path, split: str, out: Path, progress: bool, scene_of=None, square=None) -> BuildReport:
    images, captions, boxes, items, dropped = [], [], [], {}, []
    categories: dict[str, int] = {}
    sums: dict[str, str] = {}
    with _bar(len(dataset), progress) as advance:
        for k in range(len(dataset)):
            try:
                item = dataset[k] if square is None else square(dataset[k])
            except InputError as error:
                dropped.append((f"item {k}", str(error)))
                advance()
                continue
            scene = item.scene if scene_of is None else scene_of(item)
            stem = item.id.replace("/", "_")
            stem = f"{stem}-{k}" if stem in items else stem
            file = part / "images" / f"{stem}.png"
            if not _holds(file, item.image):
                with atomic_path(file) as temporary:
                    item.image.save(temporary, format="PNG", compress_level=4)
            sums[f"images/{file.name}"] = _sha256(file)
            number, (width, height) = len(images), item.image.size
            own = item.split or (None if split == "all" else split)
            known = {} if own is None else {"split": own}  # a data set without splits stays one
            images.append({"id": number, "file_name": file.name, "width": width, "height": height, **known})
            captions += [{"id": len(captions) + n, "image_id": number, "caption": s} for n, s in enumerate(item.sentences)]
            for thing in scene.objects if scene is not None else ():
                x1, y1, x2, y2 = thing.box
                category = categories.setdefault(thing.name, len(categories) + 1)
                boxes.append(
                    {
                        "id": len(boxes) + 1,
                        "image_id": number,
                        "category_id": category,
                        "bbox": [x1, y1, x2 - x1, y2 - y1],
                        "area": (x2 - x1) * (y2 - y1) if thing.mask is None else mask_area(thing.mask),
                    }
                    | ({} if thing.mask is None else {"segmentation": thing.mask})
                    | {"iscrowd": 0, "attributes": thing.attributes}
                )
            items[stem] = {
                "scene": None if scene is None else scene.to_dict(),
                "labels": None if item.labels is None else [int(c) for c in item.labels.nonzero()[0]],
                "tags": item.tags,
                "sentence_scenes": [s.to_dict() for s in item.sentence_scenes],
            }
            advance()
    kind = dataset.name.partition(":")[0]  # without the place on this machine
    info = {"description": f"{kind}, {split}", "version": "1"}
    write_json(part / "captions.json", {"info": info, "images": images, "annotations": captions})
    kinds = [{"id": i, "name": n} for n, i in categories.items()]
    if any(entry["scene"] is not None for entry in items.values()):
        write_json(part / "instances.json", {"info": info, "images": images, "annotations": boxes, "categories": kinds})
    write_json(
        part / "scenes.json",
        {
            "format": "hetero_xmodal.scenes",
            "version": 1,
            "label_names": dataset.label_names,
            "tag_names": dataset.tag_names,
            "items": items,
        },
    )
    for name in ("captions.json", "instances.json", "scenes.json"):
        if (part / name).exists():
            sums[name] = _sha256(part / name)
    write_json(part / "checksums.json", {"algorithm": "sha256", "files": sums})
    return BuildReport(out, len(images), len(captions), dropped)


def _holds(file: Path, image: Image.Image) -> bool:
    """Whether a file of an interrupted build has the pixels of *image*, whose source may have changed in between."""
    from PIL import Image

    try:
        with Image.open(file) as found:
            return (found.mode, found.size) == (image.mode, image.size) and found.tobytes() == image.tobytes()
    except (OSError, SyntaxError, ValueError):  # missing or damaged
        return False


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@contextlib.contextmanager
def _bar(total: int, wanted: bool) -> Iterator:
    """A progress bar on a terminal, nothing elsewhere; yields the function that advances it."""
    if not wanted or not sys.stderr.isatty():
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True)) as bar:
        task = bar.add_task("writing", total=total)
        yield lambda: bar.advance(task)


# ---------------------------------------------------------------------------------------------- checking


@dataclass
class VerifyReport:
    """Number of files and items checked, one sentence for each problem, and notes: what is odd, but not wrong."""

    what: str
    checked: int
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    #: problems that ``print`` shows
    SHOWN = 50

    @property
    def ok(self) -> bool:
        """Whether there is no problem."""
        return not self.problems

    def __str__(self) -> str:
        more = len(self.problems) - self.SHOWN
        lines = [f"{self.what}: {self.checked} checked, {len(self.problems)} with problems"]
        lines += [f"  {problem}" for problem in self.problems[: self.SHOWN]] + ([f"  and {more} more problems"] if more > 0 else [])
        return "\n".join([*lines, *(f"  note: {note}" for note in self.notes)])


def verify_dataset(name: str | Path, *, part: bool = False, progress: bool | None = None) -> VerifyReport:
    """Check a data set: every checksum, every image and every caption of it, or the golden hashes of a built-in world.

    The numbers of a published set are compared with those of its card; images that its annotations name and the folder lacks are problems,
    images in the folder that no record uses are a note.

    Parameters
    ----------
    name : a name of the registry, or a folder (read as ``coco:`` if it holds ``captions.json``, otherwise as ``folder:``).
    part : the folder holds a part of a published set: its numbers are not compared.
    progress : show a progress bar; by default only in a terminal.

    Returns
    -------
    VerifyReport : files that cannot be read are among its problems; they are not raised.

    Raises
    ------
    InputError : neither a folder nor a known name, or a checksums file that cannot be read.

    >>> verify_dataset("world/birds").ok
    True
    """
    text = str(name)
    if text in ("world", "world/scenes", "world/birds"):
        return _verify_world(text)
    folder = Path(text)
    if folder.is_dir():
        name = f"coco:{text}" if (folder / "captions.json").exists() else f"folder:{text}"
    elif ":" in text or any(text == entry.form for entry in ENTRIES):
        name, folder = text, Path(entry_of(text)[1].partition(",")[0])
    else:
        known = [entry.form for entry in ENTRIES if ":" not in entry.form]
        raise InputError(f"'{text}' is neither a folder nor a data set of this package{nearest(text, known)}")
    report = VerifyReport(name, 0)
    broken = _verify_sums(folder, report) if folder != Path() else set()  # the set read from installed packages has no folder
    try:
        source = open_source(name)
    except InputError as error:
        report.problems.append(str(error))
        return report
    _compare(source, folder, report, part=part)
    if "images" not in source.gives:  # features were checked when they were read
        report.checked += len(source.records) or sum(len(getattr(source.features(), split)) for split in source.splits if source.features)
        return report
    _verify_items(source, report, broken, progress)
    report.notes += source.read_notes() if source.read_notes is not None else ()
    return report


def _verify_sums(folder: Path, report: VerifyReport) -> set[str]:
    """Compare the files with ``checksums.json``, if there is one; returns the stems of those that differ."""
    broken: set[str] = set()
    if not (folder / "checksums.json").exists():
        return broken
    sums = read_json(folder / "checksums.json", "checksums")
    files = sums.get("files") if isinstance(sums, dict) else None
    if not isinstance(files, dict):
        raise InputError(f"checksums file '{folder / 'checksums.json'}' has no table 'files'; build the data set again")
    for file, wanted in files.items():
        path = folder / file
        report.checked += 1
        if not path.is_file():
            report.problems.append(f"{file} is missing")
            broken.add(path.stem)
        elif _sha256(path) != wanted:
            report.problems.append(f"{file} has changed since it was written")
            broken.add(path.stem)
    return broken


def _compare(source: Source, folder: Path, report: VerifyReport, *, part: bool) -> None:
    """Numbers against the card, missing images, and images that no record uses."""
    card = read_card(source.kind)
    for what, wanted in card.counts.items() if card is not None and not part else ():
        found = source.counts.get(what)
        if found is not None and found != wanted:
            report.problems.append(f"{found:,} {what}, the whole set has {wanted:,} (--part accepts a part of it)")
    report.problems += [f"{name} is missing" for name in source.missing]
    if part and source.counts:
        report.notes.append("a part of the set: " + ", ".join(f"{count:,} {what}" for what, count in source.counts.items()))
    report.notes += source.notes
    if card is not None and source.place and source.counts and "images" in source.gives:
        used = {os.path.abspath(record.image) for record in source.records if isinstance(record.image, Path)}
        strays = sorted(path for path in _images_below(folder) if path not in used)
        if strays:
            first = os.path.relpath(strays[0], folder)
            report.notes.append(f"{len(strays)} image files belong to no record of this set, the first is '{first}'")


def _images_below(folder: Path) -> Iterator[str]:
    """Absolute paths of the image files in a folder and below."""
    for place, _, names in os.walk(os.path.abspath(folder)):
        yield from (os.path.join(place, name) for name in names if os.path.splitext(name)[1].lower() in IMAGE_ENDINGS)


def _verify_items(source: Source, report: VerifyReport, broken: set[str], progress: bool | None) -> None:
    """Open every image, read every caption, check every scene graph."""
    dataset = source.items("all")
    told = "captions" in source.gives and any(map(_has_caption, source.records))  # a set of tagged photographs has none at all
    with progress_bar("checking images", len(dataset), progress) as advance:
        for k in range(len(dataset)):
            advance(1)
            report.checked += 1
            try:
                item = dataset[k]
                if told and not item.sentences:
                    report.problems.append(f"{item.id} has no caption")
                if item.scene is not None:
                    item.scene.check()
            except InputError as error:
                if not any(stem in str(error) for stem in broken):  # reported already
                    report.problems.append(str(error))


def _has_caption(record: Record) -> bool:
    try:
        return bool(record.texts())
    except InputError:  # reported with its item
        return True


def _verify_world(name: str) -> VerifyReport:
    from .world import item_hash

    golden = read_json(Path(__file__).parent / "world" / "golden.json", "golden hashes")
    report = VerifyReport(name, 0)
    for world, splits in golden.items():
        if name not in ("world", world):
            continue
        for split, hashes in splits.items():
            for k, (wanted, item) in enumerate(zip(hashes, open_source(world).items(split, len(hashes)), strict=True)):
                report.checked += 1
                if item_hash(item) != wanted:
                    report.problems.append(
                        f"{world}, {split}, item {k} differs from the published one; is opencv-python-headless another version?"
                    )
    return report
