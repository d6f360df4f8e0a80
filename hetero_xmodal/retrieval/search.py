"""Search with a trained retrieval model: images for a sentence, or texts for an image.

>>> import hetero_xmodal as hx
>>> from hetero_xmodal.retrieval.search import load_retrieval_model, retrieve  # doctest: +SKIP
>>> hits = retrieve(load_retrieval_model(), "two birds near a tree", hx.load_dataset("world/scenes", "test", size=200))  # doctest: +SKIP

:func:`hetero_xmodal.retrieve` does both in one call. For many queries to one gallery, embed it once:
:func:`hetero_xmodal.retrieval.index.build_index`.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..data.registry import entry_of, open_for
from ..data.source import split_name
from ..data.tasks.engines import HERE, Engine
from ..errors import InputError
from ..files import write_text
from ..pretrained import SHIPPED as SHIPPED_MODELS
from ..pretrained import find_model
from .cache import Gallery
from .index import EmbeddingIndex, build_index, embed_query

if TYPE_CHECKING:
    from ..data import Item
    from ..data.tasks.matching import Split
    from ..recipes import ALGR, DAGNN

#: recipe -> folder of the model shipped for the default world
SHIPPED = {recipe: SHIPPED_MODELS[recipe]["world"] for recipe in ("dagnn", "algr", "trail")}


@dataclass(frozen=True)
class Hit:
    """One answer: its cosine with the query, the item it belongs to, and the text that was found (all texts of the item for DAGNN)."""

    score: float
    item: Item
    text: str = ""


def load_retrieval_model(path: str | Path | None = None, *, network: str | None = None, recipe: str | None = None) -> DAGNN | ALGR:
    """The model in the folder *path*, or in the ``model`` folder of a run; None for the one shipped for the default world.

    *network* gives the new path of the weights of a DAGNN's frozen network for images, such as ``"resnet18:FILE"``, if the file has moved.
    *recipe*, ``"dagnn"`` or ``"algr"``, is the expected recipe (without a path, DAGNN); ``config.json`` of a folder names its own.

    Raises
    ------
    InputError : no such folder, a model of another recipe, broken files.
    """
    folder, found = find_model(SHIPPED[recipe or "dagnn"] if path is None else path, recipe=recipe)
    if found not in SHIPPED:
        raise InputError(f"model '{folder}' is of the recipe {found}, which retrieves nothing; give a model of {' or '.join(SHIPPED)}")
    from ..recipes import ALGR, DAGNN, TRAIL

    model = {"dagnn": DAGNN, "algr": ALGR, "trail": TRAIL}[found].from_pretrained(folder)
    if network is not None:
        images = model.vocab.get("images", {})
        kind = images.get("network", "given").partition(":")[0]
        if model.recipe_name != "dagnn" or network.partition(":")[0] != kind:
            raise InputError(
                f"the model's image features come from '{kind}', not from '{network}'; only the path of the weights can change"
            )
        model.vocab["images"] = images | {"network": network}
    return model


def load_gallery(
    model: DAGNN | ALGR, data: str, *, split: str | None = None, size: int | None = None, engine: Engine = HERE
) -> tuple[Split | Sequence[Item], dict[str, Any]]:
    """The gallery: the images and sentences of *data*, and their source for :attr:`EmbeddingIndex.source`.

    Parameters
    ----------
    data : any data set of the registry with images that have captions or tags; for ALGR also given regions with captions
    split : if left out, ``"test"`` of the world and of Karpathy's splits, and all of a folder; of given regions the test split is searched
    size : number of images, the first of the split
    engine : where features of a test split are computed

    Raises
    ------
    InputError : a data set that does not give what is needed, an unknown split, given regions for a model that reads images.
    """
    source = open_for(data, "index")
    reads = model.vocab.get("images", {}).get("extractor") if isinstance(model.vocab.get("images"), dict) else None
    if "images" not in source.gives or (source.regions is not None and reads == "given"):
        if model.recipe_name == "dagnn":
            raise InputError(f"{data} gives no images; a {model.recipe_name!r} model reads images")
        if split is not None and split_name(split) != "test":
            raise InputError(f"only the test split of '{data}' is searched, not {split!r}")
        from ..data.tasks.matching import load_test_split

        return load_test_split(data, model.vocab, sizes=None if size is None else {"test": size}, engine=engine), {}
    split = source.split(split or entry_of(data)[0].searched)
    return source.items(split, size), {"data": data, "split": split}


def retrieve(
    model: DAGNN | ALGR, query: str | Path | Any, gallery: Sequence[Item] | EmbeddingIndex | Gallery, *, top: int = 10
) -> list[Hit]:
    """The *top* items of *gallery* whose image fits the sentence *query*, or the texts that fit the image *query*, best first.

    Parameters
    ----------
    query : a sentence (str) finds images; an image (``pathlib.Path``, PIL image or array) finds texts.
    gallery : items of a data set, an index of them, or a cached gallery. ALGR finds single sentences, DAGNN the texts of an item
        together: its tags where it has some, otherwise its sentences.

    Raises
    ------
    InputError : an empty gallery, a model trained on features made elsewhere, a sentence of which the model knows no word, an index that
        another model made.
    """
    if isinstance(top, bool) or not isinstance(top, int) or top < 1:
        raise InputError(f"top is {top!r}; give a whole number of at least 1")
    side = "images" if isinstance(query, str) else "texts"
    if isinstance(gallery, EmbeddingIndex):
        gallery.check_model(model)
        index, item_of = gallery, _items_of(gallery)
        asked = embed_query(model, query)
    elif isinstance(gallery, Gallery):
        index, item_of = gallery.index, gallery.__getitem__
        asked = embed_query(model, query)
    else:
        if not len(gallery):
            raise InputError("the gallery is empty; give at least one image to search in")
        asked = embed_query(model, query)  # before the work with the gallery, since it may be refused
        index, item_of = build_index(model, gallery, sides=(side,)), gallery.__getitem__
    scores, rows = index.search(asked, side, top=top) if model.recipe_name != "trail" else _ranked(model, query, index, top)
    hits = []
    for score, row in zip(scores[0].tolist(), rows[0].tolist(), strict=True):
        item = item_of(row if side == "images" else int(index.image_of_caption[row]))
        text = index.captions[row] if side == "texts" else _text(item)
        hits.append(Hit(score, item, text))
    return hits


def _ranked(model: Any, query: Any, index: EmbeddingIndex, top: int) -> tuple[Any, Any]:
    """Both stages of a TRAIL."""
    from .index import query_split
    from .two_stage import rank_images, rank_sentences
    from .typed_rows import query_said

    if isinstance(query, str):
        return rank_images(model, query_said(model, query), index, top=top)
    return rank_sentences(model, query_split(model.vocab, query), index, top=top)


def unknown_words(model: DAGNN | ALGR, sentence: str, *, ordinary: Collection[str] | None = None) -> list[str]:
    """Words of *sentence* that are not in the model's vocabulary, so that they have no effect on the search, without stop words.

    A model whose text encoder reads any word has none. *ordinary* are the stop words; scikit-learn's if left out.

    >>> unknown_words(load_retrieval_model(), "two birds beside a castle")
    ['castle']
    """
    from ..data.featurise import words_of

    if model.recipe_name == "trail":
        return _unsaid(model, sentence)
    known = model.vocab.get("tags") or model.vocab.get("texts", {}).get("words")
    if not known:
        return []
    unknown = [word for word in dict.fromkeys(words_of(sentence)) if word not in set(known)]
    if unknown and ordinary is None:
        from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS as ordinary
    return [word for word in unknown if word not in ordinary]


def _unsaid(model: Any, sentence: str) -> list[str]:
    """Content words of a sentence that a TRAIL without word vectors does not know."""
    from ..data.tasks.matching.said import parse_said

    if model.config.word_width:
        return []
    graph, known = parse_said([sentence], progress=False)[0], set(model.vocab["said"]["words"])
    spoken = zip(graph.words, graph.content, strict=True)
    return list(dict.fromkeys(word for word, content in spoken if content and word not in known and not word.isdigit()))


def _text(item: Item) -> str:
    return item.sentences[0] if item.sentences else ", ".join(item.tags)


def _items_of(index: EmbeddingIndex) -> Callable[[int], Item]:
    """Row of an image -> its item, read from the source of the index; an index without a source has items without images."""
    from ..data import Item, load_dataset

    if "data" not in index.source:
        owner = list(index.image_of_caption)

        def bare(row: int) -> Item:
            sentences = [index.captions[k] for k, image in enumerate(owner) if image == row]
            return Item(None, sentences, id=index.image_ids[row] if index.image_ids else str(row))

        return bare
    items = load_dataset(index.source["data"], index.source["split"], size=len(index.images))

    def found(row: int) -> Item:
        item = items[row] if row < len(items) else None
        if item is None or item.id != index.image_ids[row]:
            raise InputError(f"image {row} of '{index.source['data']}' is not '{index.image_ids[row]}' any more; make the index again")
        return item

    return found


def write_retrieval_page(path: str | Path, query: Any, hits: Sequence[Hit], *, note: str = "") -> Path:
    """Write one HTML file with the query, a *note* about it and its answers, images inside the file itself; returns its path."""
    from html import escape

    from ..images import read_image
    from ..viz.page import Page

    sentence = isinstance(query, str)
    page = Page("Images for a sentence" if sentence else "Texts for an image")
    if sentence:
        page.text(f"“{query}”", "The number under each image is the cosine between sentence and image; 1 is a perfect fit.")
        if note:
            page.text(note)
    else:
        page.figure("query", read_image(query), "the query image")
        page.text("The number before each text is the cosine between text and image; 1 is a perfect fit.")
    images = {"query": None if sentence else read_image(query)}
    rows = []
    for number, hit in enumerate(hits, 1):
        caption = f"{number}. {hit.score:.3f} {hit.text or _text(hit.item)}"
        if hit.item.image is None:  # an index of features that came without images
            page.text(f"{caption} ({hit.item.id})")
            continue
        images[f"hit{number}"] = hit.item.image
        rows.append((f"hit{number}", hit.item.image, caption))
    page.row(rows)
    html = page.html()
    for name, image in images.items():
        if image is not None:
            html = html.replace(f'src="{escape(name)}.png"', f'src="{_data_address(image)}"')
    write_text(path, html)
    return Path(path)


def _data_address(image: Any) -> str:
    """An image as a data URL."""
    small = image.convert("RGB")
    small.thumbnail((320, 320))
    file = io.BytesIO()
    small.save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
