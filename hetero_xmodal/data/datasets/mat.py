"""Features in the layout of the DAGNN authors for MIRFlickr and NUS-WIDE: three ``.mat`` files per split::

FOLDER/
    train_img.mat               one matrix (pairs, width), under the name of the file: train_img
    train_txt.mat, train_lab.mat    the same of the texts, and of the labels: 0 or 1, one column per class
    test_img.mat ...            the same of the test split, and, if there, of val_ (or validation_)
"""

from __future__ import annotations

from pathlib import Path

from ...errors import InputError
from ...files import existing_file
from ..features import FeatureSet, read_arrays, split_at, take_array
from ..source import SPLITS, Request, Source
from .features import feature_source


def open_mat(request: Request) -> Source:
    """The features in a folder; see the module's text for the layout.

    Raises
    ------
    InputError : a file is missing or broken, or its rows do not match those of the others.
    """
    return feature_source(request, load_feature_folder(request.folder()))


def load_feature_folder(folder: str | Path, *, held_out: int | None = None, seed: int = 0) -> FeatureSet:
    """The features in a folder; see the module's text for the layout.

    Parameters
    ----------
    folder : path of the feature folder.
    held_out : int or None
        Number of training pairs moved to the validation split, chosen with *seed*; None (default) for none.

    Raises
    ------
    InputError : no such folder, a file that is missing or broken, rows that do not match, or too few pairs to hold out.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"feature folder '{folder}' does not exist; it must hold {{train,test}}_{{img,txt,lab}}.mat")
    splits = {}
    for split in SPLITS:
        names = (split, "validation") if split == "val" else (split,)  # as older folders write it
        found = [name for name in names if any((folder / f"{name}_{part}.mat").exists() for part in ("img", "txt", "lab"))]
        if split == "val" and not found:
            continue
        stems = [f"{(found or names)[0]}_{part}" for part in ("img", "txt", "lab")]
        paths = [existing_file(folder / f"{stem}.mat", "feature file") for stem in stems]
        splits[split] = split_at(folder, split, *(take_array(read_arrays(p), p.stem, p) for p in paths))
    data = FeatureSet(folder.resolve().name, **splits)
    return data if held_out is None else data.hold_out(held_out, seed=seed)
