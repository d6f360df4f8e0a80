"""``hx.show``: what a query finds in a corpus, as one page without scripts."""

from __future__ import annotations

import base64
import warnings
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..counts import agreeing, counted
from ..errors import InputError
from ..files import check_writable, existing_file, write_text
from .search import Facts, Found, parse_query

if TYPE_CHECKING:
    from ..graphs.corpus import GraphCorpus

#: examples on a page, and how many of them have a drawing of their graph, unless other numbers are asked for
MOST, GRAPHS = 24, 6


def show(corpus: GraphCorpus | str | Path, query: str, out: str | Path, *, most: int = MOST, graphs: int = GRAPHS) -> Found:
    """Write a page of what a query finds: images with boxes, sentences with the words marked, and graphs.

    Parameters
    ----------
    corpus : a GraphCorpus, or the folder of one.
    query : objects, attributes, triples, labels, ids and splits joined by ``AND``, negated by ``NOT``; see
        :mod:`hetero_xmodal.explorer.search`.
    out : the page, one HTML file with its images in it.
    most : number of examples, the first that are found; of each image the first pair.
    graphs : so many examples have a drawing of their graph.

    Returns
    -------
    The numbers of all pairs, and of images and sentences without a pair, that were found.

    Raises
    ------
    InputError : a query with names that the corpus does not have, a corpus of label graphs, or *out* cannot be written.

    >>> import tempfile, hetero_xmodal as hx
    >>> bird = hx.SceneGraph(objects=[hx.SceneObject("bird", ["red"], box=(0, 0, 9, 9))], size=(10, 10))
    >>> corpus = hx.GraphCorpus.from_graphs([hx.build_graph(bird, hx.SceneGraph())] * 2, ids=["a", "b"])
    >>> show(corpus, "red bird AND NOT id:b", Path(tempfile.mkdtemp()) / "page.html").pairs.tolist()
    [0]
    """
    clauses = parse_query(query)
    for name, value, least in (("most", most, 1), ("graphs", graphs, 0)):
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise InputError(f"{name} is {value!r}; give a whole number of at least {least}")
    check_writable(out)
    if isinstance(corpus, str | Path):
        existing_file(Path(corpus) / "corpus.json", "corpus")
        from ..graphs.corpus import GraphCorpus

        corpus = GraphCorpus.load(corpus)
    if corpus.kind != "pair":
        raise InputError(f"the corpus holds {corpus.kind} graphs; show needs images with sentences, give a corpus of pairs")
    found = Facts(corpus).find(clauses)
    write_text(out, _page(corpus, query, found, most, graphs))
    return found


def _page(corpus: GraphCorpus, query: str, found: Found, most: int, graphs: int) -> str:
    from .cards import CardMaker, page, photo

    maker, read = CardMaker(corpus), photo(corpus, 480)
    examples = _examples(corpus, found, most)
    cards, unread, paths = [], 0, corpus.frame(unit="image")["path"].tolist()
    for k, (unit, number) in enumerate(examples):
        card = maker.of(unit, number)
        data = read(card.image) if card.image is not None else b""
        unread += card.image is not None and not data and bool(paths[card.image])
        pair = maker.first_pair(unit, number)
        drawn = _drawing(corpus, pair) if k < graphs and pair is not None else ""
        cards.append(card.html(_address(data, "jpeg"), found.names, more=drawn))
    if unread:
        what = f"{counted(unread, 'image')} cannot be read, and {agreeing(unread, 'its place', 'their places')}"
        warnings.warn(f"{what} on the page {'stays' if unread == 1 else 'stay'} empty", stacklevel=3)
    left_out = f" The first {len(examples)} are shown, each image once." if found.count > len(examples) else ""
    told = f"{_counted(found)}.{left_out}"
    return page(query, f'<p>{escape(told)}</p><div class="cards">{"".join(cards)}</div>')


def _examples(corpus: GraphCorpus, found: Found, most: int) -> list[tuple[str, int]]:
    """The first pairs with different images, then images and sentences without a pair."""
    import numpy as np

    _, first = np.unique(corpus.pair_ends()[0][found.pairs], return_index=True)
    pairs = found.pairs[np.sort(first)].tolist()
    every = (
        [("pair", k) for k in pairs] + [("image", k) for k in found.images.tolist()] + [("sentence", k) for k in found.sentences.tolist()]
    )
    return every[:most]


def _counted(found: Found) -> str:
    parts = [counted(len(found.pairs), "pair"), f"{counted(len(found.images), 'image')} without a sentence"]
    parts.append(f"{counted(len(found.sentences), 'sentence')} without an image")
    return "Found: " + ", ".join(part for part in parts if not part.startswith("0 ")) if found.count else "Nothing was found"


def _drawing(corpus: GraphCorpus, pair: int) -> str:
    """The drawing of a pair's graph, which opens with a click."""
    import io

    from ..viz.draw import draw

    part = corpus.only("pair", [pair])
    data = io.BytesIO()
    draw(corpus[pair], image=_picture(part.images[0]), sentence=part.sentences[0] or None).savefig(data, format="png", dpi=90)
    image = f'<img src="{_address(data.getvalue(), "png")}" alt="the graph of this pair">'
    return f"<details><summary>graph</summary>{image}</details>"


def _picture(path: str) -> Any:
    from ..data.datasets.corpus import image_of
    from ..images import read_image

    try:
        return read_image(image_of(path)) if path else None
    except InputError:
        return None


def _address(data: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}" if data else ""
