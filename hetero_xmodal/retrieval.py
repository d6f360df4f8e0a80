"""Asking a trained retrieval model: pictures for a sentence, or texts for a picture.

>>> import hetero_xmodal as hx
>>> from hetero_xmodal.retrieval import load_retrieval_model, retrieve  # doctest: +SKIP
>>> hits = retrieve(load_retrieval_model(), "two birds near a tree", hx.load_dataset("world/scenes", "test", size=200))  # doctest: +SKIP
"""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import InputError
from .files import write_text

if TYPE_CHECKING:
    from .data import Item
    from .recipes.dagnn import DAGNN

SHIPPED = Path(__file__).parent / "assets" / "dagnn_world"


@dataclass(frozen=True)
class Hit:
    """One answer: its cosine with the query, and the picture-text pair it belongs to."""

    score: float
    item: Item


def load_retrieval_model(path: str | Path | None = None, *, network: str | None = None) -> DAGNN:
    """The DAGNN in the folder *path*, or in the ``model`` folder of a run; None for the one shipped for the default world.

    *network* says anew where the weights of its frozen network for pictures are, such as ``"resnet18:FILE"``, if the file has moved.
    """
    from .recipes.dagnn import DAGNN

    folder = SHIPPED if path is None else Path(path)
    model = DAGNN.from_pretrained(folder / "model" if (folder / "model" / "config.json").exists() else folder)
    if network is not None:
        images = model.vocab.get("images", {})
        kind = images.get("network", "given").partition(":")[0]
        if network.partition(":")[0] != kind:
            raise InputError(
                f"the model's picture features come from '{kind}', not from '{network}'; only the place of the weights can change"
            )
        model.vocab["images"] = images | {"network": network}
    return model


def retrieve(model: DAGNN, query: str | Path | Any, gallery: Sequence[Item], *, top: int = 10) -> list[Hit]:
    """The *top* items of *gallery* whose picture fits the sentence *query*, or whose text fits the picture *query*, best first.

    Parameters
    ----------
    query : a sentence (str) finds pictures; a picture (``pathlib.Path``, PIL image or array) finds texts.
    gallery : items of a data set. Their texts are their tags where they have some, otherwise their sentences.

    Raises
    ------
    InputError : an empty gallery, a model trained on features made elsewhere, a sentence of which the model knows no word.
    """
    from .data.retrieval_inputs import image_rows, text_rows

    if isinstance(top, bool) or not isinstance(top, int) or top < 1:
        raise InputError(f"top is {top!r}; give a whole number of at least 1")
    if not len(gallery):
        raise InputError("the gallery is empty; give at least one picture to search in")
    if isinstance(query, str):
        row = text_rows(model.vocab, [query])
        if not row.any():
            words = model.vocab.get("tags") or model.vocab["texts"]["words"]
            some = ", ".join(words[:: max(1, len(words) // 8)][:8])
            raise InputError(f"the model knows no word of {query[:80]!r}; it knows {len(words)} words, such as {some}")
        asked = model.embed_texts(row)
    else:
        asked = model.embed_images(image_rows(model.vocab, [query]))
    items = list(gallery)
    if isinstance(query, str):
        found = model.embed_images(image_rows(model.vocab, [item.path or item.image for item in items]))
    else:
        found = model.embed_texts(text_rows(model.vocab, [" ".join(item.tags or item.sentences) for item in items]))
    from .recipes.dagnn import cosine

    scores = cosine(asked, found)[0]
    best = scores.sort(descending=True, stable=True).indices[:top].tolist()
    return [Hit(float(scores[k]), items[k]) for k in best]


def write_retrieval_page(path: str | Path, query: Any, hits: Sequence[Hit]) -> Path:
    """One HTML file with the query and its answers, pictures inside the file itself; returns its path."""
    from html import escape

    from .images import read_picture
    from .viz.page import Page

    sentence = isinstance(query, str)
    page = Page("Pictures for a sentence" if sentence else "Texts for a picture")
    if sentence:
        page.text(f"“{query}”", "The number under each picture is the cosine between sentence and picture; 1 is a perfect fit.")
    else:
        page.figure("query", read_picture(query), "the picture that was asked about")
        page.text("The number before each text is the cosine between text and picture; 1 is a perfect fit.")
    pictures = {"query": None if sentence else read_picture(query)}
    rows = []
    for number, hit in enumerate(hits, 1):
        words = hit.item.sentences[0] if hit.item.sentences else ", ".join(hit.item.tags)
        pictures[f"hit{number}"] = hit.item.image
        rows.append((f"hit{number}", hit.item.image, f"{number}. {hit.score:.3f} {words}"))
    for start in range(0, len(rows), 5):
        page.row(rows[start : start + 5])
    html = page.html()
    for name, picture in pictures.items():
        if picture is not None:
            html = html.replace(f'src="{escape(name)}.png"', f'src="{_data_address(picture)}"')
    write_text(path, html)
    return Path(path)


def _data_address(picture: Any) -> str:
    """A picture as text that a page can hold."""
    small = picture.convert("RGB")
    small.thumbnail((320, 320))
    file = io.BytesIO()
    small.save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
