"""Karpathy's splits of Flickr8K, Flickr30K and COCO: one JSON file with all captions and splits, and the folder of the images.

``karpathy:dataset_flickr30k.json,flickr30k-images``; without a folder the images are looked for in ``images/`` beside the file, then
beside it. The file holds ``{"images": [{"filename", "filepath" (optional), "split", "sentids", "sentences": [{"raw" or "tokens",
"sentid"}]}]}``. The splits are ``train``, ``val``, ``test`` and, of COCO, ``restval``: 30,504 images that
``karpathy+restval:FILE,FOLDER`` adds to the training images, as most papers do, and that are left out otherwise.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from ...counts import agreeing, counted
from ...errors import InputError
from ...fields import Fields, brief
from ...files import existing_file, read_json
from ...ids import id_text, without_ending
from ..source import Record, Request, Source, check_inside, clean_text, existing_form


def open_karpathy(request: Request) -> Source:
    """A split file and its images; the split ``restval`` is left out.

    Raises
    ------
    InputError : no such file or folder, an entry that lacks a field, sentences missing or listed twice; the message gives their number.
    """
    return _open(request, restval=False)


def open_karpathy_restval(request: Request) -> Source:
    """The same with the images of the split ``restval`` among those for training."""
    return _open(request, restval=True)


def _open(request: Request, *, restval: bool) -> Source:
    name, _, image_folder = request.place.partition(",")
    path = existing_file(name, "split file")
    where = f"split file '{path}'"
    folders = [Path(image_folder)] if image_folder else [path.parent / "images", path.parent]
    if image_folder and not folders[0].is_dir():
        raise InputError(f"image folder '{image_folder}' does not exist; write 'karpathy:FILE,FOLDER'")
    images = _images(read_json(path, "splits"), where)
    records, files, fewer, seen = [], _Files(folders, where), [], Counter[str]()
    for image in images:
        captions, ids = _captions(image), image.values("sentids", None)
        if ids is not None:
            seen.update(id_text(id, f"{image.where}: a sentence id") for id in ids)
            if len(ids) != len(captions):
                fewer.append((image.text("filename"), len(ids), len(captions)))
        inside = (Path(image.text("filepath", "") or "") / image.text("filename")).as_posix()
        inside = check_inside(inside, where, "the image folder")
        split = image.text("split")
        split = "train" if restval and split == "restval" else split
        records.append(Record(without_ending(inside), split, captions, files.find(inside)))
    _refuse_wrong_sentences(fewer, seen, len(images), where)
    _refuse_repeated(records, where)
    rest = sum(record.split == "restval" for record in records)
    note = f"{where}: {counted(rest, 'image')} of the split 'restval' {agreeing(rest, 'is', 'are')} left out; "
    note += "write 'karpathy+restval:FILE' to train on them too"
    return Source(
        request.name, request.kind, request.place, [record for record in records if record.split != "restval"],
        gives={"images", "captions"}, notes=(note,) if rest else (),
    )  # fmt: skip


def _images(data: Any, where: str) -> list[Fields]:
    if not isinstance(data, dict) or not isinstance(data.get("images"), list):
        raise InputError(f"{where} has no list 'images'; expected the layout of Karpathy's dataset_*.json")
    return Fields(data, where).rows("images")


def _captions(image: Fields) -> tuple[str, ...]:
    """The sentences of an image, each as it was written or, where only its words are given, these joined."""
    captions = []
    for sentence in image.rows("sentences"):
        text = sentence.get("raw", None)
        if text is None and "tokens" in sentence:
            text = " ".join(sentence.texts("tokens"))
        if not isinstance(text, str):
            raise InputError(
                f"{image.where} ('{image.text('filename')}') has the sentence {brief(sentence.value)}; expected 'raw' or 'tokens'"
            )
        captions.append(clean_text(text))
    return tuple(captions)


class _Files:
    """Finds the image files; a file that two entries would share is refused."""

    def __init__(self, folders: list[Path], where: str) -> None:
        self._folders, self._where = folders, where
        self._taken: dict[Path, str] = {}

    def find(self, inside: str) -> Path:
        """The file of an entry, with its folder or without; where there is none, the first place that was looked at."""
        places = [existing_form(folder, way) for folder in self._folders for way in dict.fromkeys((inside, inside.rpartition("/")[2]))]
        found = next((place for place in places if place.is_file()), None)
        if found is None:
            return places[0]
        if self._taken.setdefault(found, inside) != inside:
            raise InputError(
                f"{self._where}: '{self._taken[found]}' and '{inside}' both lead to the file '{found}'; keep the images in the folders "
                "that the file names"
            )
        return found


def _refuse_repeated(records: list[Record], where: str) -> None:
    """One image in two splits is for the task to refuse, which knows which of them it uses."""
    twice = [id for (id, _), count in Counter((record.id, record.split) for record in records).items() if count > 1]
    if twice:
        raise InputError(
            f"{where}: {counted(len(twice), 'image')} {agreeing(len(twice), 'is', 'are')} listed more than once, "
            f"the first is '{twice[0]}'; keep one entry for each image"
        )


def _refuse_wrong_sentences(fewer: list[tuple[str, int, int]], seen: Counter[str], images: int, where: str) -> None:
    if fewer:
        name, promised, there = fewer[0]
        raise InputError(
            f"{where}: {len(fewer)} of {images} images {agreeing(len(fewer), 'has', 'have')} another number of captions than "
            f"their 'sentids' promise, the first is '{name}' ({promised} promised, {there} there); download the file again"
        )
    twice = [id for id, count in seen.items() if count > 1]
    if twice:
        raise InputError(f"{where}: {len(twice)} sentence ids occur more than once, the first is {twice[0]}; download the file again")
