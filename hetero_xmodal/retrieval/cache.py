"""Embeddings of galleries of the default world, kept in the user's cache folder, so that later queries need no embedding of the gallery.

One file per gallery: embeddings, and the images with their captions and tags. The file name contains a key of everything that the
embeddings depend on (model, detector, world, size, package version), so stale files are never read; a checksum beside it detects damaged
files, which are computed again. The files may be deleted at any time.
"""

from __future__ import annotations

import hashlib
import json
import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

from .. import __version__
from ..data.dataset import Item
from ..errors import InputError
from ..files import read_safetensors, user_cache, write_safetensors, write_text
from ..pretrained import ASSETS
from .index import DETAIL, EmbeddingIndex, build_index, model_fingerprint

LARGEST = 2000  # images; 50 kB each are kept for the page of answers
KEPT = 4  # galleries; the oldest ones beyond are deleted
_TEXTS = ("image_ids", "captions", "sentences", "tags", "ordinary")


@dataclass(frozen=True, eq=False)
class Gallery:
    """Embeddings of a gallery and its items with their images.

    index : the embeddings
    pixels : (n, height, width, 3) uint8, the images
    texts : for each image its ``sentences`` and ``tags``; and ``ordinary``, stop words
    """

    index: EmbeddingIndex
    pixels: torch.Tensor
    texts: Mapping[str, Any]

    def __len__(self) -> int:
        return len(self.index.images)

    def __getitem__(self, row: int) -> Item:
        from PIL import Image

        image = Image.fromarray(self.pixels[row].numpy())
        return Item(image, self.texts["sentences"][row], id=self.index.image_ids[row], tags=self.texts["tags"][row])

    @cached_property
    def ordinary(self) -> frozenset[str]:
        """Stop words such as "the", for which no note is given if they are not in the model's vocabulary."""
        return frozenset(self.texts["ordinary"])


def cached_gallery(
    model: Any, data: str, split: str, size: int, sides: Sequence[str], *, progress: bool | None = None, folder: Path | None = None
) -> Gallery:
    """The first *size* items of a *split* of the generated world *data*, embedded by *model*, from the cache if they are there.

    Parameters
    ----------
    model : a trained DAGNN, ALGR or TRAIL.
    sides : ``"images"``, ``"texts"`` or both, see :func:`~hetero_xmodal.retrieval.index.build_index`.
    progress : show a progress bar while the gallery is embedded; by default only in a terminal.
    folder : cache folder; by default the user's.

    Raises
    ------
    InputError : data that are not generated, or a model that was trained on features of another kind.
    """
    if not data.startswith("world/"):
        raise InputError(f"only galleries of the generated world are cached, not '{data}'; make an index of it with: hetero-xmodal index")
    folder = folder or user_cache("retrieval")
    path = folder / f"gallery-{gallery_key(model, data, split, size, sides)}.safetensors"
    found = _read(path)
    if found is not None:
        return found
    made = _make(model, data, split, size, sides, progress)
    try:
        _keep(made, path)
    except OSError as error:
        warnings.warn(
            f"the gallery could not be kept in '{folder}' ({error.strerror or error}), so it is made anew each time", stacklevel=2
        )
    return made


def gallery_key(model: Any, data: str, split: str, size: int, sides: Sequence[str]) -> str:
    """16 hexadecimal digits that change with everything that the embeddings of a gallery depend on."""
    world = Path(__file__).parents[1] / "data" / "world" / "golden.json"  # changes with whatever is drawn, written or labelled
    files = [world, ASSETS / "world_detector.safetensors"]
    parts = [__version__, model_fingerprint(model), data, split, size, sorted(sides), *(_sha256(file) for file in files)]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _checksum(path: Path) -> Path:
    return path.with_suffix(".sha256")


def _read(path: Path) -> Gallery | None:
    """The gallery in *path*, or None where there is none or a damaged one."""
    if not path.exists():
        return None
    try:
        if _checksum(path).read_text().strip() != _sha256(path):
            raise InputError("its checksum is another")
        tensors, head = read_safetensors(path, "gallery")
        texts = {name: json.loads(head[name]) for name in (*_TEXTS, "made_by")}
        index = EmbeddingIndex(
            tensors["images"], tensors["texts"], tensors["image_of_caption"].numpy(), texts["image_ids"], texts["captions"],
            texts["made_by"], {}, {name.removeprefix(DETAIL): value for name, value in tensors.items() if name.startswith(DETAIL)},
        )  # fmt: skip
    except (OSError, InputError, KeyError, ValueError) as error:
        why = "its checksum is missing" if isinstance(error, OSError) else error
        warnings.warn(f"the cached gallery '{path.name}' is damaged ({why}); it is made again", stacklevel=3)
        return None
    return Gallery(index, tensors["pixels"], texts)


def _keep(gallery: Gallery, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    index = gallery.index
    tensors = {
        "images": index.images, "texts": index.texts, "image_of_caption": torch.as_tensor(index.image_of_caption), "pixels": gallery.pixels,
    }  # fmt: skip
    tensors |= {f"{DETAIL}{name}": value for name, value in index.details.items()}
    own = {"image_ids": list(index.image_ids), "captions": list(index.captions), "made_by": dict(index.made_by)}
    write_safetensors(path, tensors, {name: json.dumps(value) for name, value in (dict(gallery.texts) | own).items()})
    write_text(_checksum(path), _sha256(path) + "\n")
    others = sorted(path.parent.glob("gallery-*.safetensors"), key=os.path.getmtime, reverse=True)
    for old in others[KEPT:]:
        old.unlink(missing_ok=True)
        _checksum(old).unlink(missing_ok=True)


def _make(model: Any, data: str, split: str, size: int, sides: Sequence[str], progress: bool | None) -> Gallery:
    from ..data import load_dataset
    from ..data.store import progress_bar

    items = []
    with progress_bar("drawing the gallery (only once)", size, progress) as advance:
        for item in load_dataset(data, split, size=size):
            items.append(item)
            advance(1)
    index = build_index(model, items, sides=tuple(sides), progress=progress)
    texts = {
        "sentences": [list(item.sentences) for item in items],
        "tags": [list(item.tags) for item in items],
        "ordinary": sorted(ordinary_words()),
    }
    return Gallery(index, torch.from_numpy(np.stack([np.asarray(item.image) for item in items])), texts)


def ordinary_words() -> frozenset[str]:
    """English stop words, such as "the" and "two"."""
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    return ENGLISH_STOP_WORDS
