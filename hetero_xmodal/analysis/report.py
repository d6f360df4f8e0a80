"""``hx.analyze``: all tables and figures of a corpus in one object that can be printed, plotted and saved."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..csv_text import csv_of
from ..errors import InputError, nearest
from ..files import FolderKind, atomic_folder, existing_file, write_text
from .result import EXAMPLES
from .section_page import add_section, file_name, linked, with_examples_of, written
from .sections import COUNTS, SECTIONS, chosen_sections
from .units import IMAGE, SENTENCE, noun, unit_counts

if TYPE_CHECKING:
    import pandas as pd

    from ..explorer.cards import ExamplePages
    from ..graphs.corpus import GraphCorpus
    from ..viz.page import Page
    from .result import Result

_FACTS = "A fact that is stored both ways (left of, right of) counts once. The provenance says who or what states it."
#: table -> what it holds, with the place of its unit; in the order of the page, the two sides in turn
_MEANING = {
    "shares": "Overlap of the two sides, counted over pairs. Pooled: of all regions (words) in all pairs, the share that is named (seen). "
    "Mean: of the shares of the pairs. One to one: a word names one region. With plurals: a word for several things names all regions of "
    "its class. By class: every word does.",
    "coverage": "The same for every pair, one row each.",
    "objects": "Seen and said: names of objects, whole names compared. A region counts as named if a sentence of its image names it, one "
    "to one or by class; an object word as seen if it is matched with a region, or has the class of one.",
    "regions": "Names of regions, counted once per {unit}.",
    "object_words": "Names of the objects that sentences mention, counted once per {unit}.",
    "attributes": "Attributes of regions, counted once per {unit}.",
    "sentence_attributes": "Attributes that sentences state, counted once per {unit}.",
    "predicates": f"Relations between regions, counted once per {{unit}}. {_FACTS}",
    "sentence_predicates": "Relations that sentences state, counted once per {unit}.",
    "triples": "Relations between regions as triples, counted once per {unit}.",
    "sentence_triples": "Relations that sentences state as triples, counted once per {unit}.",
    "labels": "Number of {units} with each label.",
    "label_pairs": "Number of {units} with both labels; the diagonal counts those with the label itself.",
    "images": "One row per {unit}: its regions (without the patches of a grid), their attributes, the relations between them.",
    "captions": "One row per {unit}: words (without punctuation), words that head an object, attributes and relations that it states.",
    "arcs": "Labels of the dependency arcs, counted once per {unit}.",
    "node_counts": "Number of {units} with so many nodes of a type.",
    "sizes": "Nodes of each type and edges of each relation of one {each}. Facts are the nodes and edges that the other tables count: "
    "regions without the patches of a grid, relations without the second direction and without the neighbours in a grid.",
    "degrees": "Out-degree and in-degree of the nodes, relation by relation, both directions of a fact counted. n is the number of nodes.",
}  # fmt: skip
#: table -> its unit, unless another is asked for; of the others the columns name it
_UNIT = (
    dict.fromkeys(("images", *IMAGE.tables, "labels", "label_pairs"), "image")
    | dict.fromkeys(("captions", *SENTENCE.tables, "arcs"), "sentence")
    | dict.fromkeys(("coverage", "shares"), "pair")
)
#: figure -> the tables that it shows; it stands with the first of them that has rows
_SHOWN_WITH = {
    "coverage": ("shares",), "relations": ("sizes",), "sizes": ("node_counts",),
    **{IMAGE.tables[k]: (IMAGE.tables[k], SENTENCE.tables[k]) for k in (1, 2, 3)},
}  # fmt: skip
#: the folder that an analysis writes
ANALYSIS_FOLDER = FolderKind(
    "analysis",
    ("index.html", "counts.csv"),
    optional=tuple(f"{name}.csv" for name in _MEANING) + tuple(f"{name}.png" for name in (*_MEANING, "relations")),
)
_UNITS = ("image", "sentence", "pair")
#: examples of each row of a table, unless another number is asked for
EXAMPLES_SHOWN = 6
_LIMIT = {"sizes": 40, "degrees": 40}  # rows of a table on the page


@dataclass
class Analysis:
    """The result of :func:`analyze`.

    counts : one row per pair (or per image or sentence, if these are the unit) with its id, texts and numbers of nodes and edges.
    tables : name -> pandas table; every table is also an attribute, e.g. ``analysis.predicates``. Its columns name its unit and n.
    numbers : unit (``"image"``, ``"sentence"``, ``"pair"``) -> how many there are; of label graphs ``"graph"``.
    unit : the unit that was asked for; empty if every table has that of what it counts.
    sections : name -> :class:`~hetero_xmodal.analysis.Result` of the further analyses that were asked for.
    shows_counts : whether figures and page show the tables, or the sections only.
    corpus : what was analysed, from which the pages of examples are made.

    ``figures()`` and ``plot("predicates")`` draw; ``save(folder)`` writes tables (CSV), figures (PNG) and one page (HTML).
    """

    counts: pd.DataFrame
    tables: dict[str, pd.DataFrame] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)
    unit: str = ""
    sections: dict[str, Result] = field(default_factory=dict)
    shows_counts: bool = True
    corpus: GraphCorpus | None = field(default=None, repr=False)

    def __getattr__(self, name: str) -> pd.DataFrame:
        found = self.__dict__.get("tables", {})
        if name in found:
            return found[name]
        if name.startswith("__"):
            raise AttributeError(name)
        raise AttributeError(f"the analysis has no table {name!r}{nearest(name, found)}; it has {', '.join(found)}")

    @property
    def overview(self) -> pd.DataFrame:
        """Summary statistics: *what*, *value*, and the *unit* and its number *n* that a mean or share is taken over."""
        import pandas as pd

        rows: list[tuple[str, Any, str, Any]] = [(f"{unit}s", number, "", "") for unit, number in self.numbers.items()]
        for row in self.tables["sizes"].query("kind == 'node type'").to_dict("records"):
            rows.append((f"{row['of']} nodes per {row['unit']} (mean)", round(row["mean"], 2), row["unit"], row["n"]))
        for name, side, whose in (("images", IMAGE, "regions' "), ("captions", SENTENCE, "stated ")):
            table = self.tables.get(name, pd.DataFrame())
            for column, what in ((side.things, ""), ("attributes", whose), ("relations", whose)) if len(table) else ():
                unit = str(table.columns[0])
                rows.append((f"{what}{column} per {unit} (mean)", round(float(table[column].mean()), 2), unit, len(table)))
        for row in self.tables["shares"].to_dict("records") if "shares" in self.tables else ():
            share = "share named on both sides" if "both" in row["share"] else f"share of {row['share']}, {row['counted']}"
            rows += [(f"{share} ({kind})", round(row[kind], 3), row[f"unit of {kind}"], row[f"n of {kind}"]) for kind in ("pooled", "mean")]
        if "coverage" in self.tables:
            matched = self.tables["coverage"]["matched"]
            rows.append(("pairs without a match", int((matched == 0).sum()), "pair", len(matched)))
        return pd.DataFrame(rows, columns=["what", "value", "unit", "n"], dtype=object)  # object: whole numbers stay whole

    @property
    def _title(self) -> str:
        each = [f"{number:,} {noun(unit, count=number)}" for unit, number in self.numbers.items()]
        return f"Analysis of {', '.join(each)}" + (f"; unit: {self.unit}" if self.unit else "")

    def __repr__(self) -> str:
        sections = f"\nsections: {', '.join(self.sections)}" if self.sections else ""
        return f"{self._title}\n{self.overview.to_string(index=False)}\ntables: {', '.join(self.tables)}{sections}"

    def _repr_html_(self) -> str:
        return self.overview.to_html(index=False) + f"<p>tables: {', '.join(self.tables)}</p>"

    def figures(self) -> dict[str, Any]:
        """All figures for which the corpus has data: name -> matplotlib figure."""
        from .figures import all_figures

        made = all_figures(self.tables) if self.shows_counts else {}
        for name, section in self.sections.items():
            figure = section.figure()
            if figure is not None:
                made[f"section_{name}"] = figure
        return made

    def plot(self, name: str):
        """One figure by name, e.g. ``analysis.plot("coverage")``.

        Raises
        ------
        InputError : the corpus has no data for a figure of that name.
        """
        made = self.figures()
        if name not in made:
            raise InputError(f"there is no figure {name!r}{nearest(name, made)}; this corpus has {', '.join(made)}")
        return made[name]

    def save(self, folder: str | Path, *, examples: int = EXAMPLES_SHOWN) -> Path:
        """Write ``<table>.csv``, ``<figure>.png``, ``index.html`` and examples into *folder*; return the path of the page.

        The page is one file with its figures in it; the examples, images with boxes and sentences behind the rows of its tables, stand in
        the folder ``examples`` beside it. The folder may be new, empty, or hold an earlier result, which is replaced.

        Parameters
        ----------
        examples : so many images, sentences or pairs for each of the first 200 rows of a table, at most 24; 0 for none.

        Raises
        ------
        InputError : the folder holds other files or cannot be written; *examples* is no number from 0 to 24.
        """
        check_examples(examples)
        with atomic_folder(folder, ANALYSIS_FOLDER) as temporary:
            self.write(temporary, examples=examples)
        return Path(folder) / "index.html"

    def write(self, folder: Path, *, examples: int = EXAMPLES_SHOWN) -> None:
        """Write tables, figures, page and examples into an existing *folder*; see :meth:`save`."""
        from ..explorer.cards import ExamplePages

        for name, table in ((self.tables if self.shows_counts else {}) | {"counts": self.counts}).items():
            write_text(folder / f"{name}.csv", csv_of(table, index=name == "label_pairs"))
        for name, section in self.sections.items():
            for part, table in section.tables.items():
                write_text(folder / f"{name}_{part}.csv", csv_of(written(table), index=False))
        pages = ExamplePages(self.corpus) if self.corpus is not None and examples else None
        elsewhere = {
            name: {column: ExamplePages(corpus, folder=f"examples_{name}") for column, corpus in section.elsewhere.items()}
            for name, section in (self.sections.items() if examples else ())
        }
        self._page(pages, elsewhere, examples).write(folder)
        for place in (pages, *(place for of_section in elsewhere.values() for place in of_section.values())):
            if place is not None:
                place.write(folder)

    def _page(self, pages: ExamplePages | None, elsewhere: Mapping[str, Mapping[str, ExamplePages]], examples: int) -> Page:
        from ..viz.page import Page

        figures, page = self.figures(), Page(self._title, inline=True)
        page.text(*self._explanation())
        page.table(self.overview, digits=3)
        if self.sections:
            page.contents()
        for name, section in self.sections.items():
            figure, other = figures.get(f"section_{name}"), elsewhere.get(name)
            add_section(page, name, section, figure, self.numbers, pages, elsewhere=other, most=examples)
        if self.shows_counts:
            self._add_counts(page, figures, pages, examples)
        return page

    def _add_counts(self, page: Page, figures: Mapping[str, Any], pages: ExamplePages | None, most: int) -> None:
        contents = self._contents() if pages is not None else {}
        shown = [name for name in _MEANING if name in self.tables and len(self.tables[name])]
        beside: dict[str, list[str]] = {}
        for figure in figures:
            if not figure.startswith("section_"):
                beside.setdefault(next(name for name in _SHOWN_WITH.get(figure, (figure,)) if name in shown), []).append(figure)
        for name in shown:
            meaning = self._meaning(name)
            page.heading(self._heading(name))
            page.text(meaning)
            for figure in beside.get(name, ()):
                page.figure(figure, figures[figure], alt=f"{figure.replace('_', ' ')}: {meaning}")
            if name not in ("label_pairs", "node_counts"):
                table, rows = self.tables[name], _LIMIT.get(name, 12)
                if pages is not None:
                    table = with_examples_of(table, contents, name, rows)
                    table = linked(table, name, self._example_unit(name), pages, most) if "examples" in table else table
                page.table(table, limit=rows, digits=3)

    def _contents(self) -> Mapping[str, pd.DataFrame]:
        """Names with examples, from the section of that name or made for the page."""
        from .rank_frequency import contents

        return (self.sections.get("contents") or contents(self.corpus)).tables if self.corpus is not None else {}

    def _example_unit(self, name: str) -> str:
        """What the ids of a table of counts name: its own unit where each row is one, otherwise the side that its names are of."""
        return self._unit_of(name) if "id" in self.tables[name] else "image" if name == "objects" else _UNIT.get(name, "")

    def _explanation(self) -> list[str]:
        first = (
            "A pair is one image and one sentence: regions of the image, words of the sentence, and copies that join the regions and words "
            "that denote the same object. Every table on this page is also a CSV file in this folder."
        )
        if self.unit == "pair":
            unit = "The unit is the pair: an image is counted once for each of its sentences, and a sentence once for each image."
        elif self.unit:
            unit = f"The unit is the {self.unit}: only what belongs to {self.unit}s is counted, once for each."
        else:
            unit = "An image is counted once, however many sentences it has; every table names its unit and n, the number of units."
        patches = sum(self.tables["images"]["patches"] > 0) if "images" in self.tables else 0
        have = f"{patches:,} {noun(self.unit or 'image', count=patches)} {'has' if patches == 1 else 'have'}"
        note = f"The patches of a grid, which {have}, are named by nobody, and are in no table of regions, relations or shares."
        return [first, unit, *([note] if patches else [])]

    def _heading(self, name: str) -> str:
        """The title of a section, with the units and n."""
        unit = self._unit_of(name)
        units = [unit] if unit else [u for u, n in self.numbers.items() if n and (u != "pair" or name != "objects")]
        return f"{name.replace('_', ' ')} (unit: {'; '.join(f'{u}, n = {self.numbers[u]:,}' for u in units)})"

    def _meaning(self, name: str) -> str:
        unit = self._unit_of(name)
        several = "image, sentence or pair"
        each = unit or f"{several}, whichever it belongs to (column unit)"
        return _MEANING[name].format(unit=unit or several, units=f"{unit}s" if unit else "images, sentences or pairs", each=each)

    def _unit_of(self, name: str) -> str:
        if list(self.numbers) == ["graph"]:
            return "graph"
        return self.unit or _UNIT.get(name, "")


def check_examples(examples: int) -> None:
    """Refuse a number of examples that a table does not have.

    Raises
    ------
    InputError : it is no whole number from 0 to 24.
    """
    if isinstance(examples, bool) or not isinstance(examples, int) or not 0 <= examples <= EXAMPLES:
        raise InputError(f"examples is {examples!r}, expected a whole number from 0 (none) to {EXAMPLES}")


def analyze(
    corpus: GraphCorpus | str | Path | Sequence,
    *,
    unit: str | None = None,
    what: str | Iterable[str] | None = None,
    compare: GraphCorpus | str | Path | None = None,
    by: str | None = None,
    settings: Mapping[str, Mapping[str, Any]] | None = None,
) -> Analysis:
    """Statistics of a corpus of heterographs: node and edge counts, degrees, coverage, and frequencies of names and labels.

    What belongs to an image (regions, relations between them, labels) is counted once for each image, what belongs to a sentence once for
    each sentence, matches once for each pair. The corpus is read part by part.

    Parameters
    ----------
    corpus : a GraphCorpus, the folder of one, or a list of DGL graphs of one kind.
    unit : ``"image"`` or ``"sentence"``: only the tables of that unit; ``"pair"``: everything counted once for each pair, so that an image
        with five sentences counts five times.
    what : further analyses, ``"bias,labels"`` or ``["bias", "labels"]``: contents, bias, coverage, labels, agreement, leakage, words;
    ``"all"``:
        all of them. If ``counts`` is not among them, the page shows the sections without the tables of this function.
    compare : a second corpus, or its folder, to compare with.
    by : ``"split"``: compare the first split with each of the others.
    settings : name of an analysis -> its keyword arguments, ``{"labels": {"tau": 0.3}}``.

    Returns
    -------
    Analysis
        pandas tables ``sizes``, ``node_counts``, ``degrees``; of images ``images``, ``regions``, ``attributes``, ``predicates``,
        ``triples``, ``labels``, ``label_pairs``; of sentences ``captions``, ``object_words``, ``sentence_attributes``,
        ``sentence_predicates``, ``sentence_triples``, ``arcs``; of pairs ``coverage`` and ``shares``; of all ``objects``. Of label
        graphs ``sizes``, ``node_counts`` and ``degrees`` only.

    Raises
    ------
    InputError : the corpus is empty, unreadable or not a corpus, or it holds nothing of that unit; an unknown analysis; label graphs,
        for further analyses.

    >>> import hetero_xmodal as hx
    >>> red = hx.SceneObject("bird", ["red"], box=(10, 10, 50, 60))
    >>> graph = hx.build_graph(hx.SceneGraph([red], size=(128, 128)), hx.SceneGraph([hx.SceneObject("bird"), hx.SceneObject("tree")]))
    >>> analysis = analyze([graph])
    >>> analysis.attributes[["attribute", "provenance", "regions", "images", "n"]].values.tolist()
    [['red', 'annotated', 1, 1, 1]]
    >>> float(analysis.coverage["share named on both sides"].iloc[0])
    0.5
    """
    names = chosen_sections(what)
    if by not in (None, "split"):
        raise InputError(f"by is {by!r}, expected split")
    if unit is not None and unit not in _UNITS:
        raise InputError(f"unit is {unit!r}{nearest(str(unit), _UNITS)}, expected one of {', '.join(_UNITS)}")
    corpus = _opened(corpus)
    _check_unit(corpus, unit)
    _check_sections(corpus, names, by, settings or {})
    other = _opened(compare) if compare is not None else None
    sections = _sections(corpus, names, other, by, settings or {}) if corpus.kind != "labels" else {}  # first: its settings may be refused
    from . import tables
    from .seen_and_said import pair_tables

    numbers = unit_counts(corpus)
    if corpus.kind == "labels":
        if names or compare is not None or by is not None:
            raise InputError("the corpus holds label graphs, which have no images or sentences; leave what, compare and by out")
        return Analysis(corpus.frame(), tables.sizes(corpus, None) | tables.degrees(corpus, None), {"graph": numbers["pair"]})
    made = tables.sizes(corpus, unit) | tables.degrees(corpus, unit)
    if unit in (None, "pair") and numbers["pair"]:
        made |= pair_tables(corpus, unit)
    for side in (IMAGE, SENTENCE):
        if unit in (None, side.unit, "pair") and numbers[unit or side.unit]:
            made |= tables.side_tables(corpus, side, unit or side.unit)
            made |= (tables.labels if side is IMAGE else tables.arcs)(corpus, unit or side.unit)
    counts = corpus.frame(unit=unit or next(u for u in ("pair", "image", "sentence") if numbers[u]))
    order = [name for name in _MEANING if name in made]
    alone = what is None and compare is None and by is None
    return Analysis(counts, {name: made[name] for name in order}, numbers, unit or "", sections, alone or COUNTS in names, corpus)


def _sections(
    corpus: GraphCorpus,
    names: Iterable[str],
    other: GraphCorpus | None,
    by: str | None,
    settings: Mapping[str, Mapping[str, Any]],
) -> dict[str, Result]:
    """The further analyses of a corpus, by name."""
    from . import comparison

    names = [name for name in names if name in SECTIONS]
    ready = {name: SECTIONS[name].run(corpus, **settings[name]) for name in names if name in settings}
    made = {name: ready.get(name) or SECTIONS[name].run(corpus) for name in names}
    options: dict[str, Any] = dict(settings.get("compare", {}))
    if other is not None:
        made["compare"] = comparison.compare(corpus, other, **options)
    if by is not None:
        options.pop("names", None)
        for name, result in comparison.compare_splits(corpus, **options).items():
            made[f"compare_{file_name(name)}"] = result
    return made


def _check_sections(corpus: GraphCorpus, names: Sequence[str], by: str | None, settings: Mapping[str, Mapping[str, Any]]) -> None:
    known = (*SECTIONS, "compare")
    for name in settings:
        if name not in known:
            raise InputError(f"there are settings for {name!r}{nearest(name, known)}; analyses with settings are {', '.join(known)}")
        if name in SECTIONS and name not in names:
            raise InputError(f"there are settings for {name!r}, which is not among the analyses that are to be made; add it to what")
    if by is not None and len(corpus.splits) < 2:
        found = f"one split, {corpus.splits[0]}" if corpus.splits else "no splits"
        raise InputError(f"the corpus has {found}; a comparison by split needs two: build the corpus with --split all, and without --size")


def _opened(corpus: GraphCorpus | str | Path | Sequence) -> GraphCorpus:
    if isinstance(corpus, str | Path):
        existing_file(Path(corpus) / "corpus.json", "corpus")
    from ..graphs.corpus import GraphCorpus

    if isinstance(corpus, str | Path):
        return GraphCorpus.load(corpus)
    if isinstance(corpus, GraphCorpus):
        return corpus
    if not isinstance(corpus, Sequence):
        raise InputError(f"expected a GraphCorpus, its folder or a list of graphs, found {type(corpus).__name__}")
    if not corpus:
        raise InputError("the list of graphs is empty; give at least one graph")
    return GraphCorpus.from_graphs(corpus)


def _check_unit(corpus: GraphCorpus, unit: str | None) -> None:
    numbers = unit_counts(corpus)
    if not any(numbers.values()):
        raise InputError("the corpus is empty; there is nothing to analyse")
    if unit is None:
        return
    if corpus.kind == "labels":
        raise InputError(f"unit is {unit!r}, but the corpus holds label graphs, which have no images or sentences; leave unit out")
    if not numbers[unit]:
        others = ", ".join(f"{number:,} {noun(other, count=number)}" for other, number in numbers.items() if number)
        raise InputError(f"unit is {unit!r}, but the corpus has no {unit}; it has {others}")
