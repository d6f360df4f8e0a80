"""The Wikipedia set (Rasiwasia et al. 2010) as published: features of images and texts with one of ten classes::

    FOLDER/
        raw_features.mat            I_tr, T_tr, I_te, T_te: image 128-d (SIFT words), text 10-d (topics)
        trainset_txt_img_cat.list   "text id, image id, category" a line; also testset_
        categories.list             the ten classes

2,173 training and 693 test pairs; training holds 217 of the first out for validation.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from ...errors import InputError
from ...files import existing_file, read_text
from ..features import FeatureSet, read_arrays, split_at, take_array
from ..source import Request, Source
from .features import feature_source


def open_wikipedia(request: Request) -> Source:
    """The features of the Wikipedia set.

    Raises
    ------
    InputError : a file is missing or has a broken line, or the numbers of rows differ.
    """
    data = load_wikipedia(request.folder(), held_out=None)
    counts = {"training pairs": len(data.train), "test pairs": len(data.test), "classes": len(data.label_names)}
    return replace(feature_source(request, data), counts=counts)


def load_wikipedia(folder: str | Path, *, held_out: int | None = 217, seed: int = 0) -> FeatureSet:
    """The Wikipedia set: 2,173 training and 693 test pairs, image 128-d (SIFT words), text 10-d (topics), ten classes.

    Parameters
    ----------
    folder : path
        Holds ``raw_features.mat`` (``I_tr``, ``T_tr``, ``I_te``, ``T_te``), ``trainset_txt_img_cat.list``, ``testset_txt_img_cat.list`` and
        ``categories.list``, as published.
    held_out : int or None
        Number of training pairs moved to the validation split, chosen with *seed*; None for no validation split.

    Raises
    ------
    InputError : a file is missing or has a broken line, the numbers of rows differ, or there are too few pairs to hold out.
    """
    folder = Path(folder)
    arrays = read_arrays(existing_file(folder / "raw_features.mat", "Wikipedia features"))
    names = tuple(read_text(folder / "categories.list", "Wikipedia categories").split())
    splits = {}
    for split, ending in (("train", "tr"), ("test", "te")):
        path = existing_file(folder / f"{split}set_txt_img_cat.list", "Wikipedia list")
        category = []
        # the ids are not used, so their encoding does not matter: published lists have Latin-1 among them
        for number, line in enumerate(path.read_bytes().splitlines(), 1):
            parts = line.split()
            if len(parts) != 3 or not parts[2].isdigit() or len(parts[2]) > 9 or not 1 <= int(parts[2]) <= len(names):
                found = line[:80].decode("utf-8", "backslashreplace")
                raise InputError(
                    f"'{path}' line {number}: expected text id, image id and a category from 1 to {len(names)}, found {found!r}"
                )
            category.append(int(parts[2]) - 1)
        splits[split] = split_at(
            folder / "raw_features.mat", split,
            take_array(arrays, f"I_{ending}", folder / "raw_features.mat"),
            take_array(arrays, f"T_{ending}", folder / "raw_features.mat"),
            np.eye(len(names), dtype=np.uint8)[category],
        )  # fmt: skip
    try:
        data = FeatureSet("wikipedia", **splits, label_names=names)
    except InputError as error:
        raise InputError(f"'{folder}': {error}") from None
    return data if held_out is None else data.hold_out(held_out, seed=seed)
