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

from ...errors import InputError
from ...files import existing_file, read_json
from ..source import Record, Request, Source, check_inside


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
    data = read_json(path, "splits")
    images = data.get("images") if isinstance(data, dict) else None
    if not isinstance(images, list):
        raise InputError(f"{where} has no list 'images'; expected the layout of Karpathy's dataset_*.json")
    records, fewer, seen = [], [], Counter[Any]()
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
        check_inside(str(inside), where, "the image folder")
        places = [folder / way for folder in folders for way in (inside, inside.name)]
        found = next((p for p in places if p.is_file()), places[0])
        split = "train" if restval and image["split"] == "restval" else image["split"]
        records.append(Record(str(inside.with_suffix("")), str(split), tuple(captions), found))
    if fewer:
        name, promised, there = fewer[0]
        raise InputError(
            f"{where}: {len(fewer)} of {len(images)} images have another number of captions than their 'sentids' promise, the first is "
            f"'{name}' ({promised} promised, {there} there); download the file again"
        )
    twice = [id for id, count in seen.items() if count > 1]
    if twice:
        raise InputError(f"{where}: {len(twice)} sentence ids occur more than once, the first is {twice[0]!r}; download the file again")
    rest = sum(record.split == "restval" for record in records)
    note = f"{where}: {rest} images of the split 'restval' are left out; write 'karpathy+restval:FILE' to train on them too"
    return Source(
        request.name, request.kind, request.place, [record for record in records if record.split != "restval"],
        gives={"images", "captions"}, notes=(note,) if rest else (),
    )  # fmt: skip
