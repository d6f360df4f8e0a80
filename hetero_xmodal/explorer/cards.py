"""Examples as cards of a page without scripts: the image with its boxes, its sentences with their words, what both state.

:class:`ExamplePages` is for the tables of an analysis: every row links to a section with the images and sentences behind it.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import schema
from ..errors import InputError

if TYPE_CHECKING:
    from ..graphs.corpus import GraphCorpus

_OWNERS = (schema.VISUAL, schema.WORD, schema.RELATES, schema.WORD_RELATES)
#: so many cards are made together
_TOGETHER = 128
#: sentences of an image, and relations of a pair, on one card
_SENTENCES, _FACTS = 5, 8
STYLE = """
:root { color-scheme: light dark; --paper: #fff; --ink: #1e2226; --faint: #5c656d; --line: #d9dcdf; --mark: #ffe08a;
        --box: #0072b2; --hit: #d55e00; }
@media (prefers-color-scheme: dark) {
  :root { --paper: #1b1d1f; --ink: #e8e8e8; --faint: #a4adb5; --line: #3c4145; --mark: #7a5300; --box: #56b4e9; --hit: #ff9d4d; }
}
body { margin: 0 auto; max-width: 78rem; padding: 1.2rem 1rem 4rem; background: var(--paper); color: var(--ink);
       font: 1rem/1.5 system-ui, "Segoe UI", sans-serif; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0 0 .4rem; overflow-wrap: anywhere; }
h2 { font-size: 1.1rem; margin: 2rem 0 .6rem; padding-top: .8rem; border-top: 1px solid var(--line); overflow-wrap: anywhere; }
p { margin: .3rem 0; max-width: 50rem; }
a { color: var(--box); }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(17rem, 100%), 1fr)); gap: 1.2rem; align-items: start; }
.card { margin: 0; min-width: 0; }
.photo { position: relative; width: fit-content; max-width: 100%; line-height: 0; }
.photo img { display: block; max-width: 100%; height: auto; min-width: 10rem; }
.photo svg { position: absolute; inset: 0; width: 100%; height: 100%; }
rect, path { fill: none; vector-effect: non-scaling-stroke; stroke: var(--box); stroke-width: 1.5; pointer-events: all; }
path { stroke: #fff; stroke-width: 3.5; stroke-opacity: .8; pointer-events: none; }
rect.hit { stroke: var(--hit); stroke-width: 3; }
.sentence { overflow-wrap: anywhere; }
.object { border-bottom: 2px solid #e69f00; }
mark { background: var(--mark); color: inherit; border-radius: 2px; }
.facts, .id { color: var(--faint); font-size: .85rem; overflow-wrap: anywhere; }
details { margin-top: .4rem; }
details img { max-width: 100%; background: #fff; }
"""


@dataclass(frozen=True)
class Card:
    """One example: number of the image (or ``None``), what it is called, its regions, sentences and relations.

    sentences : (text, words) with the words as :func:`~hetero_xmodal.explorer.content.pair_graphs` gives them
    facts : subject, predicate, object
    """

    title: str
    image: int | None
    size: tuple[float, float] | None
    regions: list[dict[str, Any]] = field(default_factory=list)
    sentences: list[tuple[str, list[dict[str, Any]]]] = field(default_factory=list)
    facts: list[tuple[str, str, str]] = field(default_factory=list)

    @property
    def names(self) -> frozenset[str]:
        """What its regions and object words are called."""
        words = (word for _, words in self.sentences for word in words)
        return frozenset(region["name"] for region in self.regions) | frozenset(map(_called, words))

    def html(self, source: str, marked: set[str], *, more: str = "") -> str:
        """The card; *source* is the address of its image, *marked* the names that stand out, *more* further markup below."""
        parts = [self._photo(source, marked)] if self.image is not None and source else []
        parts += [f'<p class="sentence" dir="auto">{_sentence(text, words, marked)}</p>' for text, words in self.sentences]
        if self.facts:  # those with the most marked names first
            facts = sorted(self.facts, key=lambda fact: -sum(end in marked for end in (fact[0], fact[2])))[:_FACTS]
            parts.append(f'<p class="facts" dir="auto">{escape("; ".join(map(" ".join, facts)))}</p>')
        return f'<article class="card">{"".join(parts)}<p class="id">{escape(self.title)}</p>{more}</article>'

    def _photo(self, source: str, marked: set[str]) -> str:
        if self.size is None:
            return f'<div class="photo"><img loading="lazy" src="{escape(source)}" alt=""></div>'
        width, height = self.size
        boxes = sorted(self.regions, key=lambda region: -_area(region["box"]))
        under = "".join(f"M{x:g} {y:g}h{w:g}v{h:g}h{-w:g}z" for x, y, w, h in (_place(region["box"]) for region in boxes))
        drawn = f'<path d="{under}"/>' + "".join(_box(region, region["name"] in marked) for region in boxes)
        frame = f'viewBox="0 0 {width:g} {height:g}" preserveAspectRatio="none"'
        image = f'<img loading="lazy" src="{escape(source)}" alt="" width="{width:g}" height="{height:g}">'
        return f'<div class="photo">{image}<svg {frame}>{drawn}</svg></div>'


def _area(box: Sequence[float]) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def _place(box: Sequence[float]) -> tuple[float, float, float, float]:
    x1, y1, x2, y2 = (round(value, 1) for value in box)
    return x1, y1, max(0, x2 - x1), max(0, y2 - y1)


def _box(region: dict[str, Any], hit: bool) -> str:
    x, y, width, height = _place(region["box"])
    of_class = ' class="hit"' if hit else ""
    return f'<rect{of_class} x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}"><title>{escape(region["name"])}</title></rect>'


def _called(word: dict[str, Any]) -> str:
    """The name of the object that a word heads."""
    return word["more"].get("name") or word["more"].get("lemma") or word["name"]


def _sentence(text: str, words: Iterable[dict[str, Any]], marked: set[str]) -> str:
    """The sentence as markup: objects underlined, those of *marked* names marked."""
    out, end = [], 0
    for word in words:
        span, more = word.get("span"), word["more"]
        if span is None or not more.get("is_object"):
            continue
        out.append(escape(text[end : span[0]]))
        tag = "mark" if _called(word) in marked else "span"
        out.append(f'<{tag} class="object">{escape(text[span[0] : span[1]])}</{tag}>')
        end = span[1]
    return "".join(out) + escape(text[end:])


class CardMaker:
    """Makes the cards of a corpus's pairs, images and sentences by number."""

    def __init__(self, corpus: GraphCorpus):
        self.corpus = corpus
        self.of_image, self.of_sentence = corpus.pair_ends()
        self._pairs_of = {"image": _inverse(self.of_image), "sentence": _inverse(self.of_sentence)}

    def of(self, unit: str, number: int) -> Card:
        """The card of one pair, image or sentence; an image has its first sentences, a sentence its first image."""
        return self.many(unit, [number])[0]

    def many(self, unit: str, numbers: Sequence[int]) -> list[Card]:
        """The cards of some pairs, images or sentences of which a part of the corpus is read once."""
        from .content import pair_graphs

        pairs = [self._pairs_behind(unit, number) for number in numbers]
        ids = self.corpus.only(unit, numbers).frame(unit=unit)["id"].tolist()
        flat = [pair for group in pairs for pair in group]
        graphs = iter(pair_graphs(self.corpus, flat, _OWNERS))
        texts = iter(self.corpus.only("pair", flat).sentences if flat else ())
        cards = []
        for number, group, id in zip(numbers, pairs, ids, strict=True):
            title = f"{unit} {id}"
            made = [(next(texts), next(graphs)) for _ in group]
            cards.append(self._of_pairs(int(self.of_image[group[0]]), made, title) if group else self._alone(unit, number, title))
        return cards

    def _pairs_behind(self, unit: str, number: int) -> list[int]:
        """The numbers of the pairs on a card."""
        if unit == "pair":
            return [number]
        order, values = self._pairs_of[unit]
        first, last = np.searchsorted(values, [number, number + 1])
        return sorted(order[first:last].tolist())[: _SENTENCES if unit == "image" else 1]

    def first_pair(self, unit: str, number: int) -> int | None:
        """The number of the first pair of an image or sentence, if it has one."""
        if unit == "pair":
            return number
        order, values = self._pairs_of[unit]
        first, last = np.searchsorted(values, [number, number + 1])
        return int(order[first:last].min()) if first < last else None

    def _of_pairs(self, image: int, made: list[tuple[str, dict[str, Any]]], title: str) -> Card:
        """One image with the sentences of some of its pairs."""
        graph = made[0][1]
        facts = _facts(graph, schema.RELATES, graph["nodes"][schema.VISUAL])
        facts += [fact for _, one in made for fact in _facts(one, schema.WORD_RELATES, one["nodes"][schema.WORD])]
        sentences = [(text, [word for word in one["nodes"][schema.WORD] if word["more"].get("is_object")]) for text, one in made]
        regions = [region for region in graph["nodes"][schema.VISUAL] if region["more"].get("provenance") != "prior"]
        return Card(title, image, graph["size"], regions, sentences, list(dict.fromkeys(facts)))

    def _alone(self, unit: str, number: int, title: str) -> Card:
        """An image without a sentence, or a sentence without an image."""
        part = self.corpus.only(unit, [number])
        if unit == "sentence":
            return Card(title, None, None, sentences=[(str(part.frame(unit=unit)["text"].iloc[0]), [])])
        rows = part.frame(schema.VISUAL, unit="image")
        size = tuple(rows[["image_width", "image_height"]].iloc[0]) if len(rows) else None
        boxes = rows[["x1", "y1", "x2", "y2"]].to_numpy(float).tolist()
        return Card(title, number, size, [{"name": name, "box": box} for name, box in zip(rows["name"], boxes, strict=True)])


def _inverse(numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pairs in the order of their image (or sentence), and its number for each."""
    order = np.argsort(numbers, kind="stable")
    return order, numbers[order]


def _facts(graph: dict[str, Any], relation: schema.Relation, nodes: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    """The relations of one side, such as ("person", "ride", "horse"); a way back is left out."""
    edges = graph["edges"][schema.relation_name(relation)]
    names = [_called(node) for node in nodes]
    return [(names[source], predicate, names[target]) for source, target, predicate, _, mirror in edges if not mirror]


def page(title: str, body: str) -> str:
    """A page of cards, which loads nothing but its images."""
    policy = f"default-src 'none'; style-src 'sha256-{_hash(STYLE)}'; img-src 'self' file: data:; base-uri 'none'; form-action 'none'"
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>\n<body><h1>{escape(title)}</h1>\n{body}\n</body></html>\n"
    )


def _hash(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def photo(corpus: GraphCorpus, longest_side: int) -> Callable[[int], bytes]:
    """A function from the number of an image to its JPEG file, empty where the corpus names no file or it cannot be read."""
    import io

    from ..data.datasets.corpus import image_of
    from ..images import read_reduced

    paths = corpus.frame(unit="image")["path"].tolist()

    def of(number: int) -> bytes:
        if not paths[number]:
            return b""
        try:
            picture, _ = read_reduced(image_of(paths[number]), longest_side)
        except InputError:
            return b""
        data = io.BytesIO()
        picture.save(data, "JPEG", quality=85)
        return data.getvalue()

    return of


class ExamplePages:
    """Pages of examples for the tables of an analysis: one a table, one section a row.

    :meth:`link` is called for each row and returns where its section will be; :meth:`write` writes all pages, each image once.

    >>> import tempfile, hetero_xmodal as hx
    >>> bird = hx.SceneGraph(objects=[hx.SceneObject("bird", box=(0, 0, 9, 9))], size=(10, 10))
    >>> pages = ExamplePages(hx.GraphCorpus.from_graphs([hx.build_graph(bird, hx.SceneGraph())], ids=["a"]))
    >>> pages.link("regions", 0, "bird", unit="pair", ids=["a"])
    'examples/regions.html#row-0'
    """

    def __init__(self, corpus: GraphCorpus, *, folder: str = "examples"):
        self.corpus, self.folder = corpus, folder
        self._sections: dict[str, list[_Row]] = {}

    def link(self, table: str, row: int, title: str, *, unit: str, ids: Sequence[str], names: Iterable[str] = ()) -> str:
        """The address of the section of a row, from the folder that :meth:`write` is given.

        Parameters
        ----------
        table : name of the table, which names the page; letters, digits, ``-`` and ``_``.
        row : its number in the table.
        title : heading of the section, such as ``"dog on sofa: 12"``.
        unit : ``"pair"``, ``"image"`` or ``"sentence"``: what the *ids* name.
        names : of the regions and words that stand out.

        Raises
        ------
        InputError : a name of a table that is no file name.
        """
        if not table.replace("-", "").replace("_", "").isalnum() or not table.isascii():
            raise InputError(f"the table is called {table!r}; its page needs a name of letters, digits, '-' and '_'")
        self._sections.setdefault(table, []).append(_Row(row, title, unit, tuple(ids), frozenset(names)))
        return f"{self.folder}/{table}.html#row-{row}"

    def write(self, folder: Path, *, back: str = "index.html") -> None:
        """Write the pages and images below an existing *folder*; *back* is the page that they lead back to.

        Raises
        ------
        InputError : an id that the corpus does not have.
        """
        if not self._sections:
            return
        place = folder / self.folder
        place.mkdir()
        cards = self._cards()
        sources = self._images({card.image for card in cards.values() if card.image is not None}, place)
        drawn: dict[tuple[str, str, frozenset[str]], str] = {}
        for table, sections in self._sections.items():
            body = [f'<p><a href="../{escape(back)}">back to the tables</a></p>']
            for row in sections:
                made = []
                for id in row.ids:
                    card = cards[row.unit, id]
                    key = (row.unit, id, row.names & card.names)
                    if key not in drawn:
                        drawn[key] = card.html(sources.get(card.image, ""), set(key[2]))
                    made.append(drawn[key])
                head = f'<section id="row-{row.number}"><h2>{escape(row.title)}</h2>'
                body.append(f'{head}<div class="cards">{"".join(made)}</div></section>')
            title = f"Examples: {table.replace('_', ' ')}"
            (place / f"{table}.html").write_text(page(title, "\n".join(body)), encoding="utf-8", errors="backslashreplace")

    def _cards(self) -> dict[tuple[str, str], Card]:
        """The card of every example, by its unit and id; each is made once."""
        wanted: dict[str, dict[str, None]] = {}
        for row in (row for rows in self._sections.values() for row in rows):
            wanted.setdefault(row.unit, {}).update(dict.fromkeys(row.ids))
        maker, found = CardMaker(self.corpus), dict[tuple[str, str], Card]()
        for unit, ids in wanted.items():
            numbers = {id: k for k, id in enumerate(self.corpus.frame(unit=unit)["id"])}
            unknown = next((id for id in ids if id not in numbers), None)
            if unknown is not None:
                raise InputError(f"the corpus has no {unit} {unknown!r}, which is given as an example")
            order = sorted(ids, key=numbers.__getitem__)
            parts = [order[k : k + _TOGETHER] for k in range(0, len(order), _TOGETHER)]
            for part in _shown(parts, f"batches of {unit}s"):
                cards = maker.many(unit, [numbers[id] for id in part])
                found.update({(unit, id): card for id, card in zip(part, cards, strict=True)})
        return found

    def _images(self, numbers: set[int], place: Path) -> dict[int | None, str]:
        """Writes the images, and returns the address of each that can be read."""
        read, sources = photo(self.corpus, 420), dict[int | None, str]()
        for number in _shown(sorted(numbers), "images"):
            data = read(number)
            if data:
                (place / "images").mkdir(exist_ok=True)
                (place / "images" / f"{number}.jpg").write_bytes(data)
                sources[number] = f"images/{number}.jpg"
        return sources


@dataclass(frozen=True)
class _Row:
    """A row of a table with examples."""

    number: int
    title: str
    unit: str
    ids: tuple[str, ...]
    names: frozenset[str]


def _shown(things: list[Any], unit: str) -> Iterable[Any]:
    """*things* with a bar on a terminal, where there are many."""
    from tqdm import tqdm

    return tqdm(things, unit=f" {unit}", disable=len(things) < 200 or None, leave=False)
