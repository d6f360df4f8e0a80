"""DeepFashion with one sentence a photograph, in the files of FashionGAN (Zhu et al. 2017) (``cards/deepfashion.toml``).

The labels are the codes of ``language_original.mat`` for category, colour, sleeves and gender; the files do not name their values, so a
label is ``category 3`` or ``colour 5``. The scene graph is one person who fills the photograph: nobody drew a box.

A photograph that is not in the folder is taken from ``G2.h5`` where that is there: 128 x 128 pixels, published with width and height
exchanged and less the mean ``ih_mean``, with values of 0 to 1 after adding it. A row is read when its photograph is asked for.

Splits: a fifth (15,796 of 78,979) is for the test and 2,000 for validation, by the hash of the photograph's name, for the MIM-Net paper
drew its test photographs at random; ``deepfashion:FOLDER,split=official`` takes ``ind.mat`` (70,000 and 8,979), every tenth of train
being ``val``. Edits are sentences of photographs with other codes (:mod:`~hetero_xmodal.data.mismatch`).
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ...counts import agreeing, counted, lacking
from ...errors import InputError
from ...files import existing_file
from ..features import read_arrays, take_array
from ..h5_file import open_h5
from ..marks import file_stamp
from ..mismatch import MismatchPairs
from ..published import FileTable, first_file, left_out, paper_split, whole_image, with_options
from ..source import Record, Request, Source, check_inside, clean_text

#: array -> (word before the code, smallest code)
_CODES = {"cate_new": ("category", 1), "color_": ("colour", 1), "sleeve_": ("sleeves", 1), "gender_": ("gender", 0)}
_PLACES = ("", "Anno", "benchmark")
_H5_PLACES = ("", "supervision_signals", "test_phase_inputs", "Img")
#: how far a value of G2.h5 may lie outside 0 to 1 after the mean was added
_ROUNDING = 0.05
_TEST, _SHARE, _VAL_EVERY = 15_796, 0.2, 10


def open_deepfashion(request: Request) -> Source:
    """The photographs with their sentence and codes; see the module's text.

    Raises
    ------
    InputError : a file is missing or broken, its arrays have different lengths, or no photograph is there.
    """
    request, options = with_options(request, {"split": ("paper", "official")})
    root, table = request.folder(), FileTable()
    path = first_file((root / place / "language_original.mat" for place in _PLACES), "sentences")
    arrays = read_arrays(path)
    names, sentences = _texts(arrays, "nameList", path), [clean_text(text) for text in _texts(arrays, "engJ", path)]
    if len(names) != len(sentences) or not names:
        raise InputError(f"'{path}' has {counted(len(names), 'name')} and {counted(len(sentences), 'sentence')}; download it again")
    label_names, labels = _labels(arrays, path, len(names))
    h5 = next((path for place in _H5_PLACES if (path := root / place / "G2.h5").is_file()), None)
    if h5 is not None:
        _check_h5(h5, len(names))
    there: dict[int, Any] = {}
    missing, silent, taken = [], [], 0
    names = [check_inside(name, f"'{path}', name {k + 1}", "the folder of the photographs") for k, name in enumerate(names)]
    for k, name in enumerate(names):
        inside = name.removeprefix("img/")
        places = (root / "img" / inside, root / "Img" / "img" / inside, root / "Img" / inside, root / inside)
        file: Any = next((place for place in places if table.has(place)), None)
        if file is None and h5 is not None:
            file, taken = partial(_from_h5, h5, k), taken + 1
        if file is None:
            missing.append(name)
        elif not sentences[k]:
            silent.append(name)
        else:
            there[k] = file
    if not there:
        raise InputError(f"'{root}' holds none of the {len(names)} photographs; expected img/{names[0].removeprefix('img/')}")
    ids = [name.removeprefix("img/").rpartition(".")[0] for name in names]
    _refuse_twice(ids, path)
    if options["split"] == "official":
        split = {ids[k]: part for k, part in _official(first_file((root / p / "ind.mat" for p in _PLACES), "splits"), len(ids)).items()}
    else:
        split = paper_split([ids[k] for k in there], test=_TEST, share=_SHARE)
    notes = list(left_out(missing, len(names), f"'{root}'"))
    if taken:
        notes.append(
            f"'{root}': {taken} of {counted(len(names), 'photograph')} {agreeing(taken, 'is', 'are')} not in the folder and "
            f"{agreeing(taken, 'is', 'are')} taken from '{h5}', 128 x 128 pixels"
        )
    if silent:
        notes.append(f"'{path}': {lacking(len(silent), 'photograph', 'sentence')}, the first is '{silent[0]}'")
    stamp = "" if h5 is None else f"{h5} {file_stamp(h5)}"
    records = [
        Record(
            ids[k], split.get(ids[k], "unused"), (sentences[k],), file, labels[k], scene=partial(whole_image, "person", (), ids[k]),
            mark=f"{stamp} {k}" if callable(file) else "",
        )
        for k, file in there.items()
    ]  # fmt: skip
    return Source(
        request.name, request.kind, request.place, records, gives={"images", "captions", "labels", "scene graphs", "edits"},
        pairs=MismatchPairs(request.name, records, label_names), label_names=label_names, notes=tuple(notes), missing=tuple(missing),
        counts={"images": len(names), "sentences": len(sentences)},
    )  # fmt: skip


def _check_h5(path: Path, images: int) -> None:
    """Refuse a file of photographs that does not belong to the sentences."""
    with open_h5(path, "photographs") as file:
        shape, mean = file.shape("ih"), file.shape("ih_mean")
        if len(shape) != 4 or shape[:2] != (images, 3) or int(np.prod(mean)) != int(np.prod(shape[1:])):
            raise InputError(
                f"'{path}': 'ih' has the shape {shape} and 'ih_mean' {mean}; expected ({images}, 3, width, height), a row for each sentence"
            )


def _from_h5(path: Path, k: int) -> np.ndarray:
    """Photograph *k* of ``G2.h5``, (height, width, 3) uint8."""
    with open_h5(path, "photographs") as file:
        values = file.row("ih", k).astype(np.float64)
        values += file.array("ih_mean").reshape(values.shape)
    if not (np.abs(values - 0.5) <= 0.5 + _ROUNDING).all():
        raise InputError(f"'{path}': row {k} of 'ih' with 'ih_mean' added has values outside 0 to 1; expected the file of FashionGAN")
    return np.round(255 * values.clip(0, 1)).astype(np.uint8).transpose(2, 1, 0)


def _refuse_twice(ids: list[str], path: Path) -> None:
    if len(set(ids)) < len(ids):
        seen: set[str] = set()
        first = next(id for id in ids if id in seen or seen.add(id))
        raise InputError(f"'{path}': {len(ids) - len(set(ids))} names occur more than once, the first is '{first}'; keep one each")


def _texts(arrays: dict[str, Any], key: str, path: Path) -> list[str]:
    """A cell array of texts, (n, 1), each cell one text or an empty array."""
    cells = np.asarray(take_array(arrays, key, path)).ravel()
    found = []
    for k, cell in enumerate(cells, 1):
        value = np.asarray(cell).ravel()
        if len(value) > 1 or not all(isinstance(text, str) for text in value):
            raise InputError(f"'{path}': cell {k} of {key!r} is no text; expected the file of FashionGAN")
        found.append(str(value[0]).strip() if len(value) else "")
    return found


def _labels(arrays: dict[str, Any], path: Path, images: int) -> tuple[list[str], np.ndarray]:
    names: list[str] = []
    columns = []
    for key, (word, low) in _CODES.items():
        codes = np.asarray(take_array(arrays, key, path)).ravel()
        if codes.dtype.kind not in "iuf" or len(codes) != images or (codes < low).any() or (codes != np.round(codes)).any():
            raise InputError(
                f"'{path}': {key!r} holds {codes.dtype} values of shape {codes.shape}; expected {images} whole numbers from {low}"
            )
        values = np.unique(codes.astype(int))
        names += [f"{word} {value}" for value in values]
        columns.append(codes.astype(int)[:, None] == values)
    return names, np.concatenate(columns, 1).astype(np.uint8)


def _official(path: Path, images: int) -> dict[int, str]:
    """Row -> split; the published numbers count from 1."""
    arrays, split = read_arrays(existing_file(path, "splits")), {}
    for key, name in (("train_ind", "train"), ("test_ind", "test")):
        numbers = np.asarray(take_array(arrays, key, path)).ravel()
        whole = numbers.dtype.kind in "iuf" and bool(np.isfinite(numbers).all()) and bool((numbers == np.round(numbers)).all())
        if not whole or (numbers < 1).any() or (numbers > images).any():
            raise InputError(f"'{path}': {key!r} must hold whole numbers from 1 to {images}")
        for number in numbers.astype(int).tolist():
            if split.setdefault(number - 1, name) != name:
                raise InputError(f"'{path}': photograph {number} is in both train and test; download the file again")
    train = sorted(k for k, name in split.items() if name == "train")
    return split | dict.fromkeys(train[_VAL_EVERY - 1 :: _VAL_EVERY], "val")
