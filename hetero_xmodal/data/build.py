"""What data sets there are, writing one into a folder, checking one, reading its card: what stands behind ``hetero-xmodal data``."""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import InputError, nearest
from ..files import atomic_path, read_json, write_json

_ROWS = (
    {
        "name": "world/scenes", "what": "drawn scenes of 1 to 6 objects, 5 captions each, true scene graphs, edits",
        "items": "train 8,000, val 1,000, test 1,000 (any size can be asked for)", "licence": "Apache-2.0", "where": "made by the package",
    },
    {
        "name": "world/birds", "what": "drawn birds with five varied parts, 10 captions each, true scene graphs, edits",
        "items": "train 8,000, val 1,000, test 1,000 (any size can be asked for)", "licence": "Apache-2.0", "where": "made by the package",
    },
    {
        "name": "coco:FOLDER", "what": "images with captions (and boxes) in COCO's format, e.g. what 'data build' writes",
        "items": "what is in the folder", "licence": "that of the images", 
        "where": "FOLDER/captions.json, images/, optionally instances.json",
    },
    {
        "name": "folder:FOLDER", "what": "any images with captions in .txt files beside them or in captions.csv",
        "items": "what is in the folder", "licence": "that of the images", "where": "FOLDER",
    },
)  # fmt: skip


class Rows(list):
    """A list of dicts that prints as a text, one block a row."""

    def __str__(self) -> str:
        return "\n".join(
            f"{row['name']}\n" + "\n".join(f"    {key:8} {value}" for key, value in row.items() if key != "name") for row in self
        )


def list_datasets() -> Rows:
    """Rows (dicts with ``name``, ``what``, ``items``, ``licence``, ``where``) of the data sets that ``load_dataset`` knows.

    >>> [row["name"] for row in list_datasets()]
    ['world/scenes', 'world/birds', 'coco:FOLDER', 'folder:FOLDER']
    """
    return Rows(dict(row) for row in _ROWS)


def dataset_card(name: str = "world") -> str:
    """The card of a data set: what it is, licence, layout, statistics, limits.

    >>> dataset_card("world").splitlines()[0]
    '# The default world'
    """
    if name in ("world", "world/scenes", "world/birds"):
        return (Path(__file__).parent / "world" / "card.md").read_text(encoding="utf-8")
    kind = str(name).partition(":")[0]
    if kind in ("coco", "folder"):
        from .datasets import coco, folder

        row = next(r for r in _ROWS if r["name"].startswith(kind))
        return f"# {row['name']}\n\nLicence: {row['licence']}.\n\n{({'coco': coco, 'folder': folder}[kind].__doc__ or '').strip()}\n"
    choices = ("world", "world/scenes", "world/birds", "coco", "folder")
    raise InputError(f"there is no card for {name!r}{nearest(str(name), choices)}; there are cards for {', '.join(choices)}")


# ---------------------------------------------------------------------------------------------- building


@dataclass
class BuildReport:
    """What :func:`build_dataset` wrote, and which items it left out and why."""

    folder: Path
    items: int
    sentences: int
    dropped: list[tuple[str, str]] = field(default_factory=list)

    def __str__(self) -> str:
        lines = [f"{self.folder}: {self.items} images, {self.sentences} sentences, {len(self.dropped)} left out"]
        return "\n".join([*lines, *(f"  left out {name}: {why}" for name, why in self.dropped)])


def build_dataset(
    name: str,
    out: str | Path,
    *,
    split: str = "train",
    size: int | None = None,
    seed: int = 0,
    image_size: int = 128,
    progress: bool = True,
) -> BuildReport:
    """Write a split of a data set into a folder that ``coco:FOLDER`` loads again, item for item.

    The folder gets ``images/*.png``, ``captions.json`` and ``instances.json`` in COCO's format, ``scenes.json`` (scene graphs with
    attributes and relations, labels, tags, what every sentence says) and ``checksums.json``. Work in progress lives in ``OUT.part``;
    an interrupted call is continued by the same call, and *out* appears only when all is there. Items that cannot be read are
    left out and reported.

    Raises
    ------
    InputError : *out* exists already, or ``OUT.part`` was begun with other options.
    """
    from . import load_dataset

    dataset = load_dataset(name, split, size=size, seed=seed, image_size=image_size)
    out = Path(out)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"'{out}' exists already; give a new folder or move it away")
    part = out.with_name(out.name + ".part")
    plan = {"name": name, "split": split, "items": len(dataset), "seed": seed, "image_size": image_size}
    if (part / "plan.json").exists():
        before = read_json(part / "plan.json", "plan of the interrupted build")
        changed = [k for k in plan if not isinstance(before, dict) or before.get(k) != plan[k]]
        if changed:
            raise InputError(f"'{part}' was begun with another {changed[0]}; delete it, or repeat the call that began it")
    elif part.exists() and any(part.iterdir()):
        raise InputError(f"'{part}' is needed for work in progress but holds other files; move it away")
    write_json(part / "plan.json", plan)
    report = _write_items(dataset, part, split, out, progress)
    (part / "plan.json").unlink()
    if out.exists():
        out.rmdir()  # checked above: an empty folder
    os.replace(part, out)
    return report


def _write_items(dataset, part: Path, split: str, out: Path, progress: bool) -> BuildReport:
    images, captions, boxes, items, dropped = [], [], [], {}, []
    categories: dict[str, int] = {}
    sums: dict[str, str] = {}
    with _bar(len(dataset), progress) as advance:
        for k in range(len(dataset)):
            try:
                item = dataset[k]
            except InputError as error:
                dropped.append((f"item {k}", str(error)))
                advance()
                continue
            stem = item.id.replace("/", "_")
            stem = f"{stem}-{k}" if stem in items else stem
            file = part / "images" / f"{stem}.png"
            if not file.exists():
                with atomic_path(file) as temporary:
                    item.image.save(temporary, format="PNG", compress_level=4)
            sums[f"images/{file.name}"] = _sha256(file)
            number, (width, height) = len(images), item.image.size
            images.append({"id": number, "file_name": file.name, "width": width, "height": height, "split": split})
            captions += [{"id": len(captions) + n, "image_id": number, "caption": s} for n, s in enumerate(item.sentences)]
            for thing in item.scene.objects if item.scene is not None else ():
                x1, y1, x2, y2 = thing.box
                category = categories.setdefault(thing.name, len(categories) + 1)
                boxes.append(
                    {
                        "id": len(boxes) + 1,
                        "image_id": number,
                        "category_id": category,
                        "bbox": [x1, y1, x2 - x1, y2 - y1],
                        "area": (x2 - x1) * (y2 - y1),
                    }
                    | {"iscrowd": 0, "attributes": thing.attributes}
                )
            items[stem] = {
                "scene": None if item.scene is None else item.scene.to_dict(),
                "labels": None if item.labels is None else [int(c) for c in item.labels.nonzero()[0]],
                "tags": item.tags,
                "sentence_scenes": [s.to_dict() for s in item.sentence_scenes],
            }
            advance()
    info = {"description": f"{dataset.name}, {split}", "version": "1"}
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


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@contextlib.contextmanager
def _bar(total: int, wanted: bool) -> Iterator:
    """A progress bar on a terminal, nothing elsewhere; gives the function that moves it on."""
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
    """How many files or items were looked at, and one sentence for everything that is wrong."""

    what: str
    checked: int
    problems: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """True if nothing is wrong."""
        return not self.problems

    def __str__(self) -> str:
        return "\n".join([f"{self.what}: {self.checked} checked, {len(self.problems)} with problems", *(f"  {p}" for p in self.problems)])


def verify_dataset(name: str | Path) -> VerifyReport:
    """Check a data set: a folder (every checksum, every image, every caption) or a built-in world (golden hashes of its items).

    >>> verify_dataset("world/birds").ok
    True
    """
    text = str(name)
    if text in ("world", "world/scenes", "world/birds"):
        return _verify_world(text)
    from . import load_dataset

    kind, colon, rest = text.partition(":")
    if colon and kind in ("coco", "folder"):
        folder, source = Path(rest), text
    else:
        folder = Path(text)
        if not folder.is_dir():
            raise InputError(f"'{text}' is neither a folder nor a data set of this package{nearest(text, ('world/scenes', 'world/birds'))}")
        source = f"coco:{text}" if (folder / "captions.json").exists() else f"folder:{text}"
    report = VerifyReport(source, 0)
    broken: set[str] = set()
    if (folder / "checksums.json").exists():
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
    try:
        dataset = load_dataset(source, "all")
    except InputError as error:
        report.problems.append(str(error))
        return report
    for k in range(len(dataset)):
        report.checked += 1
        try:
            item = dataset[k]
            if not item.sentences:
                report.problems.append(f"{item.id} has no caption")
            if item.scene is not None:
                item.scene.check()
        except InputError as error:
            if not any(stem in str(error) for stem in broken):  # already told
                report.problems.append(str(error))
    return report


def _verify_world(name: str) -> VerifyReport:
    from . import load_dataset
    from .world import item_hash

    golden = read_json(Path(__file__).parent / "world" / "golden.json", "golden hashes")
    report = VerifyReport(name, 0)
    for world, splits in golden.items():
        if name not in ("world", world):
            continue
        for split, hashes in splits.items():
            for k, (wanted, item) in enumerate(zip(hashes, load_dataset(world, split, size=len(hashes)), strict=True)):
                report.checked += 1
                if item_hash(item) != wanted:
                    report.problems.append(
                        f"{world}, {split}, item {k} differs from the published one; is opencv-python-headless another version?"
                    )
    return report
