"""Flickr30K in its official files, with Karpathy's splits and Flickr30K Entities where they are there (``cards/flickr30k.toml``).

Splits: those of ``dataset_flickr30k.json`` (Karpathy) or of three lists ``train.txt``, ``val.txt``, ``test.txt`` (as Entities gives
them), in this order; without either there are none, and each task holds images out by itself. With Entities, ``Annotations/ID.xml`` gives
boxes: the scene graph has one object for each chain of mentions and box, named by the last word of its first mention, relations by
geometry.
"""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from xml.etree import ElementTree

from ...counts import LeftOut, agreeing, counted, lacking
from ...errors import InputError
from ...fields import Fields
from ...files import read_json
from ...ids import without_ending
from ...scenes import SceneGraph, SceneObject
from ..boxes import cut, fit_boxes
from ..published import FileTable, OldTexts, Tally, first_file, first_folder, left_out
from ..source import SPLITS, Record, Request, Source, check_inside, clean_text, split_name

_FOLDERS = ("flickr30k-images", "flickr30k_images", "flickr30k-images/flickr30k-images", "images")
_MENTION = re.compile(r"\[/EN#(\d+)((?:/[a-z]+)+) ([^\]]+)\]")
#: chains without a thing in the image, or of the whole scene
_NOT_A_THING = ("0",)
_MOST_BYTES = 1_000_000


def open_flickr30k(request: Request) -> Source:
    """The photographs with their captions; see the module's text.

    Raises
    ------
    InputError : no captions or photographs, a line that is not in the format, a split list that names unknown photographs.
    """
    root, texts, table = request.folder(), OldTexts(), FileTable()
    path = first_file((root / place / "results_20130124.token" for place in ("", "flickr30k", "flickr30k-captions")), "captions")
    folder = first_folder(root / place for place in _FOLDERS)
    if folder is None:
        raise InputError(f"'{root}' has no folder flickr30k-images/; unpack flickr30k-images.tar.gz there")
    captions, notes = _captions(path, texts)
    there = [name for name in captions if table.has(folder / name)]
    missing = [name for name in captions if not table.has(folder / name)]
    if not there:
        raise InputError(f"'{folder}' holds none of the {len(captions)} captioned photographs; expected {next(iter(captions))}")
    split = _splits(root, path, captions, texts)
    boxes = first_folder((root / "Annotations", root / "flickr30k_entities" / "Annotations", root / "annotations" / "Annotations"))
    tally = Tally(f"'{boxes}'")
    scenes = {name: partial(_scene, boxes, tally, name) for name in there} if boxes is not None else {}
    records = [Record(without_ending(name), split.get(name), captions[name], folder / name, scene=scenes.get(name)) for name in there]
    return Source(
        request.name, request.kind, request.place, records, gives={"images", "captions"} | ({"scene graphs"} if scenes else set()),
        notes=(*left_out(missing, len(captions), f"'{folder}'"), *texts.notes(), *notes), missing=tuple(missing),
        counts={"images": len(captions), "captions": sum(map(len, captions.values()))}, read_notes=tally.notes,
    )  # fmt: skip


def _captions(path: Path, texts: OldTexts) -> tuple[dict[str, tuple[str, ...]], list[str]]:
    """File name -> captions, in the order of the file."""
    found: dict[str, dict[str, str]] = {}
    empty = 0
    for k, line in enumerate(texts.lines(path, "captions"), 1):
        if not line.strip():
            continue
        key, tab, caption = line.partition("\t")
        name, sharp, number = key.strip().partition("#")
        if not tab or not sharp or not number.isdecimal() or not name:
            raise InputError(f"captions '{path}', line {k} is {line[:60]!r}; expected NAME.jpg#0, a tab and a caption")
        name = check_inside(name, f"captions '{path}', line {k}", "the folder of the photographs")
        some = found.setdefault(name, {})
        if number in some:
            raise InputError(f"captions '{path}', line {k}: caption {number} of '{name}' stands there already; keep one")
        text = clean_text(caption)
        empty += not text
        some[number] = text
    if not found:
        raise InputError(f"captions '{path}' hold no caption; download the file again")
    kept = {name: tuple(text for _, text in sorted(some.items(), key=lambda pair: int(pair[0])) if text) for name, some in found.items()}
    silent = [name for name, some in kept.items() if not some]
    other = sum(len(some) != 5 for some in kept.values())
    notes = (
        [f"'{path}': {counted(empty, 'caption')} {agreeing(empty, 'is', 'are')} empty and {agreeing(empty, 'is', 'are')} left out"]
        if empty
        else []
    )
    if silent:
        notes.append(f"'{path}': {lacking(len(silent), 'photograph', 'caption')}, the first is '{silent[0]}'")
    if other:
        notes.append(
            f"'{path}': {other} of {counted(len(kept), 'photograph')} {agreeing(other, 'has', 'have')} another number of captions than five"
        )
    return {name: some for name, some in kept.items() if some}, notes


def _splits(root: Path, path: Path, captions: dict, texts: OldTexts) -> dict[str, str]:
    """File name -> split, by Karpathy's file or the lists of Entities; empty without either."""
    karpathy = next(
        (place / "dataset_flickr30k.json" for place in (root, path.parent) if (place / "dataset_flickr30k.json").is_file()), None
    )
    if karpathy is not None:
        where = f"split file '{karpathy}'"
        split = {row.text("filename"): split_name(row.text("split")) for row in Fields(read_json(karpathy, "splits"), where).rows("images")}
        return _known(split, captions, where) | {name: "unused" for name in captions if name not in split}
    places = (root, root / "flickr30k_entities", root / "splits")
    lists = {name: next((p / f"{name}.txt" for p in places if (p / f"{name}.txt").is_file()), None) for name in SPLITS}
    if not all(lists.values()):
        return {}
    split = {}
    for name, file in lists.items():
        for line in filter(str.strip, texts.lines(file, "split list")):
            image = f"{without_ending(line.strip())}.jpg"
            if split.setdefault(image, name) != name:
                raise InputError(f"split list '{file}': '{image}' is in {split[image]} too; keep it in one list")
    return _known(split, captions, f"the lists beside '{lists['train']}'") | {name: "unused" for name in captions if name not in split}


def _known(split: dict[str, str], captions: dict, where: str) -> dict[str, str]:
    if not any(name in captions for name in split):
        raise InputError(f"{where} names none of the {len(captions)} captioned photographs; is it that of another set?")
    return split


# ---------------------------------------------------------------------------------------------- Entities


def _scene(folder: Path, tally: Tally, name: str, size: tuple[int, int]) -> SceneGraph | None:
    """The boxes of Entities as a scene graph, or ``None`` for a photograph that it does not annotate."""
    from ...parsers.geometry import relations_between

    path = folder / f"{without_ending(name)}.xml"
    if not path.is_file():
        return None
    stated, boxes = _boxes(path)
    words = _mentions(folder.parent / "Sentences" / f"{without_ending(name)}.txt")
    where = f"the boxes of photograph '{name}' in '{path}'"
    objects = []
    seen: set[tuple[str, tuple[float, ...]]] = set()
    for (chain, drawn), box in zip(boxes, fit_boxes([box for _, box in boxes], stated, size, where), strict=True):
        inside = cut(box, size)
        if inside is None:
            tally.add(LeftOut("box of Entities", "has", "have", "no area"), f"chain {chain} of '{name}', {drawn}")
        elif (chain, box) in seen:
            tally.add(LeftOut("box of Entities", "stands", "stand", "there twice"), f"chain {chain} of '{name}', {drawn}")
        else:
            seen.add((chain, box))
            objects.append(SceneObject(words.get(chain, "thing"), [], inside))
    relations = relations_between([o.box for o in objects], [o.name for o in objects], size=size) if objects else []
    return SceneGraph(objects, relations, size=size, id=without_ending(name), source={"parser": "annotations"})


def _boxes(path: Path) -> tuple[tuple[int, int] | None, list[tuple[str, tuple[float, float, float, float]]]]:
    """The stated size of the photograph, and (chain, x1, y1, x2, y2) of each box."""
    data = path.read_bytes()
    if len(data) > _MOST_BYTES or b"<!ENTITY" in data or b"<!DOCTYPE" in data:
        raise InputError(f"annotation '{path}' is not in the format of Flickr30K Entities; download it again")
    try:
        tree = ElementTree.fromstring(data)
        size = tree.find("size")
        stated = None if size is None else (int(size.findtext("width", "")), int(size.findtext("height", "")))
        found = []
        for thing in tree.iter("object"):
            box = thing.find("bndbox")
            if box is None:  # a chain without a box, or the whole scene
                continue
            x1, y1, x2, y2 = (float(box.findtext(side, "")) for side in ("xmin", "ymin", "xmax", "ymax"))
            chains = [chain for node in thing.iter("name") if (chain := (node.text or "").strip()) and chain not in _NOT_A_THING]
            found += [(chain, (x1, y1, x2, y2)) for chain in chains]
    except (ElementTree.ParseError, ValueError) as error:
        raise InputError(f"annotation '{path}' cannot be read ({error}); download it again") from None
    return stated, found


def _mentions(path: Path) -> dict[str, str]:
    """Chain -> the last word of its first mention, "[/EN#1/people Two young guys]" -> "guys"."""
    if not path.is_file():
        return {}
    words: dict[str, str] = {}
    for line in OldTexts().lines(path, "sentences"):
        for chain, _, phrase in _MENTION.findall(line):
            words.setdefault(chain, phrase.split()[-1].lower())
    return words
