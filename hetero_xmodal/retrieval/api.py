"""``build_index`` and ``retrieve`` by names of models and data sets, as ``hetero-xmodal index`` and ``retrieve`` call them."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..checks import check_choice, check_count, check_unused, given_path
from ..data.registry import check_data
from ..data.source import SPLITS, split_name
from ..data.tasks.engines import Engine
from ..errors import InputError
from ..files import replaceable_folder
from ..images import read_image
from ..pretrained import find_model
from .folder import INDEX_FOLDER, index_head

if TYPE_CHECKING:
    from ..recipes import ALGR, DAGNN
    from .index import EmbeddingIndex
    from .search import Hit

#: endings of image files that are taken for a path if they are the whole sentence
_IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif")
WORLD_SIZE = 500  # images that are searched where nothing else is asked for


class Answers(list["Hit"]):
    """Result of :func:`retrieve`: a list of :class:`~hetero_xmodal.retrieval.search.Hit`, best first.

    query : the sentence or image
    unknown : words of the sentence that are not in the model's vocabulary
    """

    def __init__(self, hits: Iterable[Hit], query: Any, unknown: list[str]) -> None:
        super().__init__(hits)
        self.query, self.unknown = query, unknown

    @property
    def note(self) -> str:
        """A sentence about words that are not in the model's vocabulary; empty if there are none."""
        return f"The model does not know the words: {', '.join(self.unknown)}. It searched for the others." if self.unknown else ""

    def __str__(self) -> str:
        lines = [f"{number:3}. {hit.score:6.3f}  {hit.item.id}  {hit.text}" for number, hit in enumerate(self, 1)]
        return "\n".join([*([self.note] if self.note else []), *lines])

    def write_page(self, path: str | Path) -> Path:
        """Write one HTML file that shows the query and the answers with their images; returns its path."""
        from .search import write_retrieval_page

        return write_retrieval_page(path, self.query, self, note=self.note)


def _model(model: Any, network: str | None = None) -> Any:
    from .search import load_retrieval_model

    return load_retrieval_model(model, network=network) if model is None or isinstance(model, str | Path) else model


def build_index(
    model: str | Path | DAGNN | ALGR | None,
    data: Any,
    *,
    out: str | Path | None = None,
    split: str | None = None,
    size: int | None = None,
    half: bool = False,
    network: str | None = None,
    workers: int | None = None,
    engine: str | None = None,
    scheduler: str | None = None,
    progress: bool | None = None,
) -> EmbeddingIndex:
    """Embed images and sentences once, so that they can be searched many times.

    Parameters
    ----------
    model : model folder or run folder of a DAGNN, ALGR or TRAIL, or the model itself; None for the shipped DAGNN of the default world.
    data : name of a data set, such as ``"world/scenes"`` or ``"folder:HOLIDAY"``; or its items.
    out : folder for the index; an index that is there already is replaced, anything else is refused.
    split, size : by default ``"test"`` of the world and all of a folder; the first so many images.
    half : keep half precision, which takes half the space.
    network : where a DAGNN's frozen network for images is now, if its file has moved.
    workers, engine, scheduler : ALGR and TRAIL: where regions and words are made, as for :func:`hetero_xmodal.train`; the index has the
        same bytes.
    progress : show progress bars; by default in a terminal, if there are many images.

    Raises
    ------
    InputError : a model or data that cannot be used, a folder that holds other files.

    Examples
    --------
    >>> index = build_index(None, "world/scenes", size=3)
    >>> index.images.shape, len(index.captions)
    (torch.Size([3, 128]), 3)
    """
    check_count("size", size)
    if out is not None:
        replaceable_folder(given_path("out", out), INDEX_FOLDER)
    if _check_model(model) == "dagnn":
        check_unused("is for ALGR and TRAIL, whose regions take long", workers=workers, engine=engine, scheduler=scheduler)
    places = Engine(1 if workers is None else workers, engine or "processes", scheduler)
    if isinstance(data, str):
        _check_gallery(data, split, model)
    from .index import build_index as embed
    from .search import load_gallery

    trained = _model(model, network)
    gallery, source = load_gallery(trained, data, split=split, size=size, engine=places) if isinstance(data, str) else (data, None)
    index = embed(trained, gallery, half=half, source=source, progress=progress, engine=places)
    if out is not None:
        index.save(out)
    return index


def retrieve(
    query: Any,
    *,
    model: str | Path | DAGNN | ALGR | None = None,
    data: str | None = None,
    split: str | None = None,
    size: int | None = None,
    index: str | Path | EmbeddingIndex | None = None,
    top: int = 10,
    network: str | None = None,
    progress: bool | None = None,
) -> Answers:
    """Find images for a sentence, or texts for an image.

    A gallery of the default world is embedded once and kept in the user's cache folder
    (:mod:`hetero_xmodal.retrieval.cache`); for other data make an index.

    Parameters
    ----------
    query : a sentence (str) finds images; an image (``pathlib.Path``, PIL image or array) finds texts.
    model : model folder or run folder of a DAGNN, ALGR or TRAIL, or the model itself; None for the shipped DAGNN of the default world.
    data : where to search, ``"world/scenes"`` if left out.
    split, size : of *data*: ``"test"`` of the world and all of a folder; the first 500 images if left out.
    index : an index or its folder, in place of *data*.
    top : how many answers.
    network : where a DAGNN's frozen network for images is now, if its file has moved.
    progress : show progress bars; by default in a terminal.

    Raises
    ------
    InputError : an empty sentence or one of which the model knows no word, an image that cannot be read, an index of another model.

    Examples
    --------
    >>> answers = retrieve("two birds near a tree", size=20, top=3)
    >>> len(answers), answers[0].score >= answers[1].score
    (3, True)
    """
    if isinstance(query, str):
        _check_sentence(query)
    check_count("top", 0 if top is None else top)
    check_count("size", size)
    if model is None:
        check_unused("is for a model of photographs, and the shipped model has none", network=network)
    if index is not None and (data, split, size) != (None, None, None):
        raise InputError("index takes the place of data, split and size; give either the index or the data")
    if not isinstance(query, str):
        read_image(query)
    _check_model(model)
    if isinstance(index, str | Path):
        _check_index(Path(index), model)
    else:
        _check_gallery(data or "world/scenes", split, model)
    from .search import retrieve as search
    from .search import unknown_words

    trained = _model(model, network)
    gallery = _gallery(trained, query, index, data or "world/scenes", split, size or WORLD_SIZE, progress)
    hits = search(trained, query, gallery, top=top)
    unknown = unknown_words(trained, query, ordinary=getattr(gallery, "ordinary", None)) if isinstance(query, str) else []
    return Answers(hits, query, unknown)


def _check_sentence(query: str) -> None:
    """Refuse an empty sentence, and the path of an image that was given as a text."""
    if not query.strip():
        raise InputError("the sentence is empty; say what the image should show")
    if Path(query).suffix.lower() in _IMAGE_SUFFIXES and " " not in query.strip():
        raise InputError(f"'{query}' is read as a sentence; to ask with an image give Path('{query}'), or --image {query}")


def _check_model(model: Any) -> str:
    """The recipe of a model, which is refused if it embeds nothing."""
    if model is None:
        return "dagnn"
    if not isinstance(model, str | Path):
        return model.recipe_name
    folder, recipe = find_model(model)
    check_choice(f"the recipe of model '{folder}'", recipe, ("dagnn", "algr", "trail"), why=", which embed images and sentences")
    return recipe


def _check_gallery(data: str, split: str | None, model: Any) -> None:
    """Refuse data that cannot be searched, and a split that a generated world does not have."""
    check_data(data, "index")
    if split is not None and data.startswith("world/"):
        check_choice("split", split_name(split), (*SPLITS, "all"))


def _check_index(folder: Path, model: Any) -> None:
    """Refuse a folder without an index, and an index that another recipe's model made, before torch is imported."""
    head = index_head(folder)
    made_by = head.get("made_by") if isinstance(head.get("made_by"), dict) else {}
    if model is None and made_by.get("recipe") not in (None, "dagnn"):
        raise InputError(f"index '{folder}' was made by a model of the recipe {made_by['recipe']}; give that model with --model (model=)")


def _gallery(model: Any, query: Any, index: Any, data: str, split: str | None, size: int, progress: bool | None) -> Any:
    """The gallery: an index, a cached gallery of the world, or items."""
    if index is not None:
        from .index import EmbeddingIndex

        return EmbeddingIndex.load(index, model=model) if isinstance(index, str | Path) else index
    from .cache import LARGEST, cached_gallery

    if data.startswith("world/") and size <= LARGEST:
        from .index import embed_query

        split = None if split is None else split_name(split)
        if split in (None, "train", "val", "test"):
            embed_query(model, query)  # a query that the model cannot read is refused before the gallery is made
            sides = ("images",) if isinstance(query, str) else ("texts",)
            return cached_gallery(model, data, split or "test", size, sides, progress=progress)
    from .search import load_gallery

    gallery, source = load_gallery(model, data, split=split, size=size)
    if not source:
        raise InputError(f"'{data}' has no images to show; make an index of it (hetero-xmodal index) and search that with --index")
    if len(gallery) >= 200:
        warnings.warn("embedding all images anew; an index (hetero-xmodal index) would answer at once", stacklevel=2)
    return gallery
