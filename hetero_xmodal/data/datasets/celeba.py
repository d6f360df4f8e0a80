"""CelebA as published, with captions of your own source (``cards/celeba.toml``): the 40 attributes are labels and attributes of one face.

No captions belong to the official set. They are read from ``captions/000001.txt`` (one a line; also ``text/``) or from one table
``captions.csv``, ``captions.tsv`` or ``captions.txt`` with a file name and a caption a line.

Splits: a fifth of the captioned photographs (38,410 of 192,050) are for the test and 2,000 for validation, by the hash of their name, for
the MIM-Net paper drew its test photographs at random; ``celeba:FOLDER,split=official`` takes ``list_eval_partition.txt``.

Edits are captions of faces with other attributes (:mod:`~hetero_xmodal.data.mismatch`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from ...counts import lacking
from ...errors import InputError
from ..mismatch import MismatchPairs
from ..published import FileTable, OldTexts, caption_file, first_file, first_folder, left_out, paper_split, whole_image, with_options
from ..source import Record, Request, Source, check_inside, clean_text
from .folder import table_rows

_PLACES = ("", "Anno", "Eval", "celeba")
_PARTITION = {"0": "train", "1": "val", "2": "test"}
#: test photographs of the paper, and its share of the captioned ones
_TEST, _SHARE = 38_410, 0.2


def open_celeba(request: Request) -> Source:
    """The captioned photographs with their attributes; see the module's text.

    Raises
    ------
    InputError : a file of the layout is missing or broken, or no photograph has a caption.
    """
    request, options = with_options(request, {"split": ("paper", "official")})
    root, texts, table = request.folder(), OldTexts(), FileTable()
    folder = first_folder(root / place for place in ("img_align_celeba", "Img/img_align_celeba", "celeba/img_align_celeba", "images"))
    if folder is None:
        raise InputError(f"'{root}' has no folder img_align_celeba/; unpack img_align_celeba.zip there")
    inner = folder / "img_align_celeba"  # as one distributor packs it
    folder = inner if inner.is_dir() else folder
    names, rows = _attributes(_published(root, "list_attr_celeba"), texts)
    read = OldTexts()
    captions = _captions(root, table, texts, read)
    there = [name for name in rows if table.has(folder / name)]
    missing = [name for name in rows if not table.has(folder / name)]
    told = [name for name in there if name in captions]
    if not told:
        raise InputError(
            f"'{root}': none of its {len(there)} photographs has a caption; write them into captions.csv or captions/000001.txt"
        )
    if options["split"] == "official":
        split = dict.fromkeys(told, "unused") | _official(_published(root, "list_eval_partition"), texts)
    else:
        split = paper_split(told, test=_TEST, share=_SHARE)
    words = [name.replace("_", " ").lower() for name in names]
    notes = [*left_out(missing, len(rows), f"'{folder}'"), *texts.notes()]
    if len(told) < len(there):
        silent = next(name for name in there if name not in captions)
        notes.append(f"'{root}': {lacking(len(there) - len(told), 'photograph', 'caption')}, the first is '{silent}'")
    records = [_record(name, split.get(name, "train"), captions[name], folder / name, rows[name], words) for name in told]
    return Source(
        request.name, request.kind, request.place, records, gives={"images", "captions", "labels", "scene graphs", "edits"},
        label_names=words, pairs=MismatchPairs(request.name, records, words), notes=tuple(notes), missing=tuple(missing),
        counts={"images": len(rows), "attributes": len(names)}, read_notes=read.notes,
    )  # fmt: skip


def _record(name: str, split: str, captions: tuple[str, ...] | Callable, image: Path, labels: np.ndarray, words: Sequence[str]) -> Record:
    shown = tuple(word for word, there in zip(words, labels, strict=True) if there)
    return Record(name.rpartition(".")[0], split, captions, image, labels, scene=partial(whole_image, "face", shown, name))


def _published(root: Path, stem: str) -> Path:
    return first_file((root / place / f"{stem}{ending}" for ending in (".txt", ".csv") for place in _PLACES), "list")


def _attributes(path: Path, texts: OldTexts) -> tuple[list[str], dict[str, np.ndarray]]:
    """Names of the attributes, and of each photograph 0 or 1 for each; published are 1 and -1."""
    lines = texts.lines(path, "list of attributes")
    if path.suffix == ".csv":
        cells = [[cell.strip() for cell in line.split(",")] for line in lines]
        names, start = cells[0][1:], 1
    else:
        cells = [line.split() for line in lines]
        names, start = (cells[1] if len(cells) > 1 else []), 2
    if len(names) < 2 or len(set(names)) < len(names):
        raise InputError(f"list of attributes '{path}' has no line of different names; expected 5_o_Clock_Shadow Arched_Eyebrows ...")
    rows: dict[str, np.ndarray] = {}
    for k, row in enumerate(cells[start:], start + 1):
        if not row or row == [""]:
            continue
        values = np.array(row[1:])
        if len(values) != len(names) or not np.isin(values, ("1", "-1")).all():
            raise InputError(f"list of attributes '{path}', line {k}: expected a file name and {len(names)} values 1 or -1")
        name = check_inside(row[0], f"list of attributes '{path}', line {k}", "the folder of the photographs")
        if name in rows:
            raise InputError(f"list of attributes '{path}', line {k}: '{name}' stands there already; keep one line for each photograph")
        rows[name] = (values == "1").astype(np.uint8)
    stated = lines[0].strip()
    if path.suffix != ".csv" and stated.isdecimal() and int(stated) != len(rows):
        raise InputError(f"list of attributes '{path}' states {stated} photographs and has {len(rows)}; it may be cut short")
    return names, rows


def _official(path: Path, texts: OldTexts) -> dict[str, str]:
    split: dict[str, str] = {}
    for k, line in enumerate(texts.lines(path, "list of splits"), 1):
        row = line.replace(",", " ").split()
        if not row or row[-1] == "partition":
            continue
        if len(row) != 2 or row[1] not in _PARTITION:
            raise InputError(f"list of splits '{path}', line {k} is {line[:60]!r}; expected a file name and 0, 1 or 2")
        if split.setdefault(row[0], _PARTITION[row[1]]) != _PARTITION[row[1]]:
            raise InputError(f"list of splits '{path}', line {k}: {row[0]} is in {split[row[0]]} already; download the file again")
    return split


def _captions(root: Path, table: FileTable, texts: OldTexts, read: OldTexts) -> dict[str, tuple[str, ...] | Callable]:
    """File name of a photograph -> its captions, or a function that reads them by *read*."""
    folder = first_folder(root / place for place in ("captions", "text", "celeba-caption"))
    if folder is not None:
        found = sorted(path for path in folder.iterdir() if path.suffix == ".txt")
        return {f"{path.stem}.jpg": partial(caption_file, path, read) for path in found}
    path = first_file((root / f"captions.{ending}" for ending in ("csv", "tsv", "txt")), "captions")
    rows: dict[str, list[str]] = {}
    if path.suffix == ".csv":
        for _, row in table_rows(path, ("image", "caption"), "caption table"):
            rows.setdefault(row["image"], []).append(clean_text(row["caption"]))
    else:
        for k, line in enumerate(texts.lines(path, "captions"), 1):
            name, tab, caption = line.partition("\t")
            if line.strip() and not (tab and name.strip() and caption.strip()):
                raise InputError(f"captions '{path}', line {k} is {line[:60]!r}; expected a file name, a tab and a caption")
            if tab:
                rows.setdefault(name.strip(), []).append(clean_text(caption))
    return {name: tuple(some) for name, some in rows.items()}
