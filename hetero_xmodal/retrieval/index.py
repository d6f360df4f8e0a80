"""An index of the embeddings of many images and sentences, which is searched without running the model on them again.

An index is a folder of two files: ``index.json`` describes it (names, captions, the model that computed it, a checksum), and
``embeddings.safetensors`` holds one unit vector for each image and each sentence. It is memory-mapped: opening it reads only the names.

>>> import torch
>>> index = EmbeddingIndex(images=torch.eye(3), texts=torch.eye(3), image_of_caption=np.arange(3), image_ids=["a", "b", "c"])
>>> scores, rows = index.search(torch.tensor([[0.1, 2.0, 0.0]]), "images", top=2)
>>> [index.image_ids[k] for k in rows[0]]
['b', 'a']
"""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from ..data.source import can_be_kept, spoilt_note
from ..data.tasks.engines import HERE, Engine
from ..errors import InputError, nearest
from ..fields import Fields
from ..files import MANIFEST, atomic_folder, read_folder, read_safetensors, write_json, write_safetensors
from .folder import FORMAT, INDEX_FILES, INDEX_FOLDER, VERSION, index_head

if TYPE_CHECKING:
    from ..data import Item
    from ..data.tasks.matching import Split

SIDES = ("images", "texts")
DETAIL = "details."  # before the names of such tensors in a file
_BLOCK_BYTES = 2**26  # one block of the gallery as float32: small enough for a laptop, large enough for the matrix product


def nearest_rows(queries: Tensor, gallery: Tensor, *, top: int = 10, block: int | None = None) -> tuple[Tensor, Tensor]:
    """The *top* rows of *gallery* with the largest inner product with each query, best first; ties are in row order.

    Parameters
    ----------
    queries : (q, d)
    gallery : (n, d) float32 or float16, perhaps memory-mapped; it is read once, *block* rows at a time, and computed with in float32
    top : how many; fewer come back if the gallery has fewer
    block : rows at a time; by default as many as fill 64 MB

    Returns
    -------
    scores (q, top) and row numbers (q, top)

    Raises
    ------
    InputError : *top* below 1, an empty gallery, rows of different widths.

    >>> scores, rows = nearest_rows(torch.tensor([[1.0, 0.0]]), torch.tensor([[0.5, 0.5], [1.0, 0.0], [0.5, -0.5]]), top=3)
    >>> rows.tolist(), scores.tolist()
    ([[1, 0, 2]], [[1.0, 0.5, 0.5]])
    """
    if isinstance(top, bool) or not isinstance(top, int) or top < 1:
        raise InputError(f"top is {top!r}; give a whole number of at least 1")
    if queries.ndim != 2 or gallery.ndim != 2 or queries.shape[1] != gallery.shape[1]:
        raise InputError(
            f"queries have shape {tuple(queries.shape)} and the gallery {tuple(gallery.shape)}; both must be (rows, one width)"
        )
    if not len(gallery):
        raise InputError("the gallery is empty; give at least one row to search in")
    queries = queries.float()
    block = block or max(256, _BLOCK_BYTES // (4 * gallery.shape[1]))
    best_scores = queries.new_empty(len(queries), 0)
    best_rows = torch.empty(len(queries), 0, dtype=torch.int64, device=queries.device)
    for start in range(0, len(gallery), block):
        part = gallery[start : start + block].to(queries.device, torch.float32)
        scores, rows = _top(queries @ part.T, top)
        # rows of earlier blocks stand first, so that a stable sort keeps them first among equals
        best_scores, best_rows = torch.cat([best_scores, scores], 1), torch.cat([best_rows, rows + start], 1)
        best_scores, order = best_scores.sort(dim=1, descending=True, stable=True)
        best_scores, best_rows = best_scores[:, :top], best_rows.gather(1, order[:, :top])
    return best_scores, best_rows


def _top(scores: Tensor, top: int) -> tuple[Tensor, Tensor]:
    """The *top* largest of every row, the earlier column first among equals; topk alone promises no order and no choice among them."""
    top = min(top, scores.shape[1])
    values, columns = scores.topk(top, 1)
    columns, order = columns.sort(1)
    values, second = values.gather(1, order).sort(dim=1, descending=True, stable=True)
    columns = columns.gather(1, second)
    tied = (scores >= values[:, -1:]).sum(1) > top  # more candidates than places: rare, and only then a whole row is sorted
    if tied.any():
        whole, order = scores[tied].sort(dim=1, descending=True, stable=True)
        values[tied], columns[tied] = whole[:, :top], order[:, :top]
    return values, columns


def model_fingerprint(model: Any) -> str:
    """16 hexadecimal digits that change with the model's weights, its config or the way it reads images and sentences.

    *model* is any recipe with ``config``, ``vocab`` and ``state_dict``. Weights count under their oldest names, so that indexes made before
    weights were renamed still fit the model.
    """
    from ..configs import config_to_dict
    from ..pretrained import renamed_weight

    digest = hashlib.sha256(type(model).__name__.encode())
    known = {key: value for key, value in (model.vocab or {}).items() if key != "used"}
    digest.update(json.dumps([config_to_dict(model.config), known], sort_keys=True).encode())
    oldest = {new: old for old, new in getattr(model, "former_weights", {}).items()}
    for name, value in sorted((renamed_weight(name, oldest), value) for name, value in model.state_dict().items()):
        digest.update(name.encode())
        digest.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()[:16]


@dataclass(frozen=True, eq=False)
class EmbeddingIndex:
    """Embeddings of n images and m sentences in one space.

    images : (n, d) rows of length 1, float32 or float16
    texts : (m, d) the same for the sentences; m may be 0
    image_of_caption : (m,) the image of each sentence
    image_ids, captions : names of the images, texts of the sentences
    made_by : ``recipe`` and ``fingerprint`` of the model; empty if it is not known
    source : where the images come from, for showing them: ``data`` (name of the data set), ``split``; JSON values only
    details : further tensors of the images, which a second stage ranks candidates by (:mod:`~hetero_xmodal.retrieval.two_stage`)

    Raises
    ------
    InputError : parts of different lengths or widths, a sentence whose image does not exist.
    """

    images: Tensor
    texts: Tensor
    image_of_caption: np.ndarray
    image_ids: Sequence[str] = ()
    captions: Sequence[str] = ()
    made_by: dict[str, str] = field(default_factory=dict)
    source: dict[str, Any] = field(default_factory=dict)
    details: dict[str, Tensor] = field(default_factory=dict)

    def __post_init__(self) -> None:
        n, m = len(self.images), len(self.texts)
        if self.images.ndim != 2 or self.texts.ndim != 2 or self.images.shape[1] != self.texts.shape[1]:
            raise InputError(
                f"embeddings of images have shape {tuple(self.images.shape)}, of sentences {tuple(self.texts.shape)}; expected one width"
            )
        for name, found, wanted in (("image_ids", self.image_ids, n), ("captions", self.captions, m)):
            if len(found) not in (0, wanted):
                raise InputError(f"the index has {wanted} embeddings but {len(found)} {name}")
        owner = np.asarray(self.image_of_caption)
        if len(owner) != m or (m and not 0 <= owner.min() <= owner.max() < n):
            raise InputError(f"image_of_caption has {len(owner)} rows for {m} sentences, or names an image outside 0..{n - 1}")

    @property
    def width(self) -> int:
        """Width d of the space."""
        return int(self.images.shape[1])

    def search(self, queries: Tensor, side: str = "images", *, top: int = 10) -> tuple[Tensor, Tensor]:
        """Cosines and row numbers (q, top) of the *side* (``"images"`` or ``"texts"``) that is nearest to each query (q, d).

        Raises
        ------
        InputError : an unknown side, queries of another width or with NaN or infinity.
        """
        if side not in SIDES:
            raise InputError(f"side is {side!r}{nearest(side, SIDES)}; known are images and texts")
        queries = torch.nn.functional.normalize(torch.as_tensor(queries).float(), dim=1)
        if not torch.isfinite(queries).all():
            raise InputError("a query holds NaN or infinity; the model or what it was given is broken")
        return nearest_rows(queries, getattr(self, side), top=top)

    def save(self, path: str | Path) -> Path:
        """Write the folder *path* in one step; an index that is there already is replaced, anything else is refused."""
        with atomic_folder(path, INDEX_FOLDER) as folder:
            tensors = {"images": self.images, "texts": self.texts, "image_of_caption": torch.as_tensor(np.asarray(self.image_of_caption))}
            tensors |= {f"{DETAIL}{name}": value for name, value in self.details.items()}
            write_safetensors(folder / "embeddings.safetensors", tensors)
            digest = hashlib.sha256((folder / "embeddings.safetensors").read_bytes()).hexdigest()
            head = {"format": FORMAT, "version": VERSION, "made_by": self.made_by, "source": self.source, "sha256": digest}
            write_json(folder / "index.json", head | {"image_ids": list(self.image_ids), "captions": list(self.captions)})
        return Path(path)

    @classmethod
    def load(cls, path: str | Path, *, model: Any = None, verify: bool = True) -> EmbeddingIndex:
        """Open a saved index; with *model*, refuse one that another model made.

        The files are compared with their SHA-256, which reads them once; ``verify=False`` leaves that out.

        Raises
        ------
        InputError : no such folder, not an index, files that do not fit together, embeddings of another model.
        """
        path = Path(path)
        index_head(path)
        index = read_folder(path, INDEX_FOLDER, lambda folder: cls._read(folder, verify), files=INDEX_FILES, verify=verify)
        if model is not None:
            index.check_model(model, f"index '{path}'")
        return index

    @classmethod
    def _read(cls, path: Path, verify: bool) -> EmbeddingIndex:
        head = index_head(path)
        if verify and not (path / MANIFEST).exists() and (path / "embeddings.safetensors").exists():  # written by an earlier version
            with (path / "embeddings.safetensors").open("rb") as file:
                if head.get("sha256") not in (None, hashlib.file_digest(file, "sha256").hexdigest()):
                    raise InputError(f"index '{path}': embeddings.safetensors is not the file that index.json describes; make it again")
        tensors, _ = read_safetensors(path / "embeddings.safetensors", "index")
        missing = [name for name in ("images", "texts", "image_of_caption") if name not in tensors]
        if missing:
            raise InputError(f"index '{path}' lacks the tensor '{missing[0]}'; make the index again")
        top, owner = Fields(head, f"index '{path / 'index.json'}'"), tensors["image_of_caption"]
        made_by, source = top.inner("made_by", None), top.inner("source", None)
        for name, kind in (("images", "float"), ("texts", "float"), ("image_of_caption", "int")):
            if not str(tensors[name].dtype).removeprefix("torch.").startswith(kind):
                raise InputError(f"index '{path}': the tensor '{name}' holds {tensors[name].dtype}, expected {kind}s; make the index again")
        try:
            return cls(
                tensors["images"], tensors["texts"], owner.reshape(-1).numpy(), top.strings("image_ids", ()), top.strings("captions", ()),
                {} if made_by is None else made_by.value, {} if source is None else source.value,
                {name.removeprefix(DETAIL): value for name, value in tensors.items() if name.startswith(DETAIL)},
            )  # fmt: skip
        except InputError as error:
            raise InputError(f"index '{path}': {error}; make the index again") from None

    def check_model(self, model: Any, name: str = "this index") -> None:
        """Refuse a *model* other than the one that made the embeddings.

        Raises
        ------
        InputError : another recipe, or other weights.
        """
        recipe = getattr(model, "recipe_name", type(model).__name__)
        if self.made_by.get("recipe", recipe) != recipe:
            raise InputError(
                f"{name} was made by a model of the recipe {self.made_by['recipe']}, but this one is of {recipe}; give the model it was "
                "made with, or make the index again"
            )
        found = model_fingerprint(model)
        if self.made_by.get("fingerprint") != found:
            raise InputError(
                f"{name} was made by another model (fingerprint {self.made_by.get('fingerprint')}, this one has {found}); "
                "give the model it was made with, or make the index again"
            )


# ---------------------------------------------------------------------------------------------- from models


def build_index(
    model: Any,
    gallery: Split | Sequence[Item],
    *,
    sides: Sequence[str] = SIDES,
    half: bool = False,
    source: dict[str, Any] | None = None,
    progress: bool | None = None,
    engine: Engine = HERE,
) -> EmbeddingIndex:
    """Embed a gallery once, so that it can be searched many times.

    Parameters
    ----------
    model : a trained ALGR, TRAIL or DAGNN
    gallery : items of any data set, whose images and sentences are turned into the model's features; or, for ALGR, a split that has
        been read already. ALGR embeds every sentence of an item by itself, DAGNN one text an item: its tags or all of its sentences.
    sides : ``"images"``, ``"texts"`` or both; the other side stays empty of captions
    half : keep half precision, which takes half the space
    source : see :class:`EmbeddingIndex`
    progress : show progress bars; ``None``: in a terminal, if there are many images
    engine : where regions and words of items are made for ALGR and TRAIL; the bytes are the same

    Raises
    ------
    InputError : an empty gallery, a model that reads features made elsewhere, and what the readers of images and sentences refuse.
    """
    if not len(gallery):
        raise InputError("the gallery is empty; give at least one image to search in")
    recipe, details = model.recipe_name, {}

    def read(given: Any) -> Any:
        """The gallery as a split of regions and words."""
        if hasattr(given, "image_of_caption"):
            return given
        return items_split(model.vocab, given, sides=sides, progress=progress, engine=engine)

    if recipe == "trail":
        from ..training.trail import model_split
        from .typed_rows import embed_typed

        split = read(gallery)
        owner, ids, captions = split.image_of_caption, split.regions.ids, split.captions
        images, texts, details = embed_typed(model, model_split(model, split, progress=progress), sides=sides)
        if "texts" not in sides:
            owner, captions = [], []
    elif recipe == "algr":
        split = read(gallery)
        owner, ids, captions = split.image_of_caption, split.regions.ids, split.captions
        texts = model.embed_captions(split.words) if "texts" in sides else None
        images = model.embed_images(split.regions) if "images" in sides else torch.zeros(len(split.regions), texts.shape[1])
        if texts is None:
            texts, owner, captions = images.new_zeros(0, images.shape[1]), [], []
    elif recipe == "dagnn":
        images, texts, owner, ids, captions = _dagnn_rows(model, gallery, sides, progress)
    else:
        raise InputError(f"a {recipe!r} model has no embeddings to search; give an ALGR, a TRAIL or a DAGNN")
    unit = torch.nn.functional.normalize
    images, texts = (unit(rows.float(), dim=1).to(torch.float16 if half else torch.float32) for rows in (images, texts))
    made_by = {"recipe": recipe, "fingerprint": model_fingerprint(model)}
    return EmbeddingIndex(images, texts, np.asarray(owner, np.int64), list(ids), captions, made_by, dict(source or {}), details)


def embed_query(model: Any, query: str | Path | Any) -> Tensor:
    """The embedding (1, d) of a sentence (str) or of an image (``pathlib.Path``, PIL image or array).

    Raises
    ------
    InputError : an empty sentence or one of which the model knows no word, an image that cannot be read, features made elsewhere.
    """
    if isinstance(query, str) and not query.strip():
        raise InputError("the sentence is empty; say what the image should show")
    if model.recipe_name == "dagnn":
        from ..data.tasks.retrieval import image_rows, text_rows

        if not isinstance(query, str):
            return model.embed_images(image_rows(model.vocab, [query]))
        row = text_rows(model.vocab, [query])
        if not row.any():
            _no_word(query, model.vocab.get("tags") or model.vocab["texts"]["words"])
        return model.embed_texts(row)
    from ..data.tasks.matching import encode_words, extract_regions

    _check_vocab(model.vocab)
    if model.recipe_name == "trail":
        return _typed_query(model, query)
    if not isinstance(query, str):
        return model.embed_images(extract_regions(model.vocab["images"], [query], ids=["query"], progress=False))
    words = encode_words(model.vocab["texts"], [query], progress=False)
    if words.values.ndim == 1 and not words.values.any():  # row 0 stands for every word that training never saw
        _no_word(query, model.vocab["texts"]["words"][1:])
    return model.embed_captions(words)


def _typed_query(model: Any, query: str | Path | Any) -> Tensor:
    """Stage one of a TRAIL."""
    from ..training.trail import image_sides, model_split
    from .typed_rows import query_said

    if isinstance(query, str):
        with torch.no_grad():
            return model.sentences(query_said(model, query)).vectors
    return image_sides(model, model_split(model, query_split(model.vocab, query), graphs=[]), np.zeros(1, np.int64)).vectors


def query_split(vocab: dict[str, Any], image: Any) -> Split:
    """An image alone as a split without captions."""
    from ..data.tasks.matching import Split, Words, extract_regions

    regions = extract_regions(vocab["images"], [image], ids=["query"], progress=False)
    return Split(regions, Words(np.zeros(0, np.int64), np.zeros(1, np.int64)), np.zeros(0, np.int64), [], "query")


def items_split(
    vocab: dict[str, Any],
    items: Sequence[Item],
    *,
    sides: Sequence[str] = SIDES,
    progress: bool | None = None,
    engine: Engine = HERE,
) -> Split:
    """Items of a data set as the regions and words that a matching model with *vocab* reads; a side that is not requested stays empty.

    Raises
    ------
    InputError : a model made from arrays, items without any sentence where texts are asked for, and what the readers refuse.
    """
    from ..data.tasks.matching import Regions, Split, Words, encode_words, extract_regions

    _check_vocab(vocab)
    images, ids, captions, owner = [], [], [], []
    spoilt: list[str] = []
    for row, item in enumerate(items):
        images.append(item.path or item.image)
        ids.append(item.id or str(row))
        sentences = [text for text in item.sentences if can_be_kept(text)]
        spoilt += [ids[row]] * (len(item.sentences) - len(sentences))
        captions += sentences
        owner += [row] * len(sentences)
    if spoilt and "texts" in sides:
        warnings.warn(spoilt_note(spoilt), stacklevel=2)
    if "texts" in sides and not captions:
        raise InputError(f"none of the {len(ids)} images has a sentence to be found; give a gallery with captions")
    regions = Regions(np.zeros((len(ids), 0, 0), np.float32), np.zeros(len(ids), np.int64), ids=ids)
    words, known = Words(np.zeros(0, np.int64), np.zeros(1, np.int64)), 0
    if "images" in sides:
        regions = extract_regions(vocab["images"], images, ids=ids, progress=progress, engine=engine)
    if "texts" in sides:
        words, known = encode_words(vocab["texts"], captions, progress=progress, engine=engine), len(captions)
    return Split(regions, words, np.asarray(owner[:known], np.int64), captions[:known], "gallery")


_BATCH = 32  # images that DAGNN's reader takes at a time


def _dagnn_rows(
    model: Any, items: Sequence[Item], sides: Sequence[str], progress: bool | None
) -> tuple[Tensor, Tensor, np.ndarray, list[str], list[str]]:
    """Embeddings of images (n, d) and texts (n or 0, d), the image of every text, ids and texts."""
    from ..data.store import progress_bar
    from ..data.tasks.retrieval import image_rows, text_rows

    images, ids, texts = [], [], []
    with progress_bar("embedding the images", len(items), progress) as advance:
        for start in range(0, len(items), _BATCH):
            some = [items[row] for row in range(start, min(start + _BATCH, len(items)))]
            ids += [item.id or str(start + k) for k, item in enumerate(some)]
            texts += [" ".join(item.tags or filter(can_be_kept, item.sentences)) for item in some]
            if "images" in sides:
                images.append(image_rows(model.vocab, [item.path or item.image for item in some]))
            advance(len(some))
    empty = torch.zeros(0, model.config.width)
    found = model.embed_texts(text_rows(model.vocab, texts)) if "texts" in sides else empty
    embedded = model.embed_images(np.concatenate(images)) if images else torch.zeros(len(ids), model.config.width)
    return embedded, found, np.arange(len(found)), ids, texts if len(found) else []


def _check_vocab(vocab: dict[str, Any]) -> None:
    for key, what in (("images", "images"), ("texts", "sentences")):
        if not isinstance(vocab.get(key), dict):
            raise InputError(f"the model does not say how it reads {what}; it was made from arrays, so give it features of the same kind")


def _no_word(query: str, words: Sequence[str]) -> None:
    some = ", ".join(words[:: max(1, len(words) // 8)][:8])
    raise InputError(f"the model knows no word of {query[:80]!r}; it knows {len(words)} words, such as {some}")
