"""``hx.analyze``: all tables and figures of a corpus in one object that can be printed, plotted and saved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..csv_text import csv_of
from ..errors import InputError, nearest
from ..files import FolderKind, atomic_folder, existing_file, write_text

if TYPE_CHECKING:
    import pandas as pd

    from ..graphs.corpus import GraphCorpus

_MEANING = {
    "sizes": "Nodes of each type and edges of each relation per graph.",
    "coverage": "Overlap of the two sides: matched objects are those that the image shows and the sentence names.",
    "captions": "Length of the sentences, punctuation not counted.",
    "degrees": "Out-degree and in-degree of the nodes, relation by relation.",
    "predicates": "Relations between regions.",
    "triples": "Relations between regions as triples: subject, predicate, object.",
    "objects": "Names of objects, counted as regions of the image and as object words of the sentence.",
    "attributes": "Attributes of the regions.",
    "arcs": "Labels of the dependency arcs.",
    "labels": "Number of graphs with each label.",
    "label_pairs": "Number of graphs with both labels; the diagonal counts the graphs with the label itself.",
}
#: the folder that an analysis writes
ANALYSIS_FOLDER = FolderKind(
    "analysis",
    ("index.html", "counts.csv"),
    optional=tuple(f"{name}.csv" for name in _MEANING) + tuple(f"{name}.png" for name in (*_MEANING, "relations")),
)


@dataclass
class Analysis:
    """The result of :func:`analyze`.

    counts : one row per graph with its id, sentence and numbers of nodes and edges.
    tables : name -> pandas table; every table is also an attribute, e.g. ``analysis.predicates``.

    ``figures()`` and ``plot("predicates")`` draw; ``save(folder)`` writes tables (CSV), figures (PNG) and one page (HTML).
    """

    counts: pd.DataFrame
    tables: dict[str, pd.DataFrame] = field(default_factory=dict)

    def __getattr__(self, name: str) -> pd.DataFrame:
        found = self.__dict__.get("tables", {})
        if name in found:
            return found[name]
        if name.startswith("__"):
            raise AttributeError(name)
        raise AttributeError(f"the analysis has no table {name!r}{nearest(name, found)}; it has {', '.join(found)}")

    @property
    def overview(self) -> pd.DataFrame:
        """Summary statistics as a table of two columns, *what* and *value*."""
        import pandas as pd

        sizes = self.tables["sizes"].set_index("of")
        rows: list[tuple[str, Any]] = [("graphs", len(self.counts))]
        means = sizes.loc[sizes["kind"] == "node type", "mean"]
        rows += [(f"{name} nodes per graph (mean)", round(float(mean), 2)) for name, mean in means.items()]
        rows.append(("edges per graph (mean)", round(float(sizes.loc[sizes["kind"] == "relation", "mean"].sum()), 2)))
        if "coverage" in self.tables:
            covered = self.tables["coverage"]
            for column in ("share of regions named", "share of object words seen", "share named on both sides"):
                rows.append((f"{column} (mean)", round(float(covered[column].mean()), 3)))
            rows.append(("graphs without a bridge", int((covered["matched"] == 0).sum())))
        return pd.DataFrame(rows, columns=["what", "value"], dtype=object)  # object: whole numbers stay whole

    def __repr__(self) -> str:
        return f"Analysis of {len(self.counts)} graphs\n{self.overview.to_string(index=False)}\ntables: {', '.join(self.tables)}"

    def _repr_html_(self) -> str:
        return self.overview.to_html(index=False) + f"<p>tables: {', '.join(self.tables)}</p>"

    def figures(self) -> dict[str, Any]:
        """All figures for which the corpus has data: name -> matplotlib figure."""
        from .figures import all_figures

        return all_figures(self.tables, self.counts)

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

    def save(self, folder: str | Path) -> Path:
        """Write ``<table>.csv``, ``<figure>.png`` and ``index.html`` into *folder*; return the path of the page.

        The folder may be new, empty, or hold an earlier result, which is replaced.

        Raises
        ------
        InputError : the folder holds other files or cannot be written.
        """
        with atomic_folder(folder, ANALYSIS_FOLDER) as temporary:
            self.write(temporary)
        return Path(folder) / "index.html"

    def write(self, folder: Path) -> None:
        """Write tables, figures and page into an existing *folder*; see :data:`ANALYSIS_FOLDER`."""
        from ..viz.page import Page

        figures = self.figures()
        page = Page(f"Analysis of {len(self.counts):,} heterographs")
        page.text(
            "Each graph is one image and one sentence: regions of the image, words of the sentence, and bridges between the regions and "
            "words that denote the same object. Every table on this page is also a CSV file in this folder."
        )
        page.table(self.overview, digits=3)
        for name, meaning in _MEANING.items():
            if name not in self.tables or self.tables[name].empty:
                continue
            page.heading(name.replace("_", " "))
            page.text(meaning)
            for figure in ("sizes", "relations") if name == "sizes" else (name,):
                if figure in figures:
                    page.figure(figure, figures[figure], alt=f"{figure.replace('_', ' ')}: {meaning}")
            if name != "label_pairs":
                page.table(self.tables[name], limit=30 if name in ("sizes", "degrees") else 12)
        for name, table in (self.tables | {"counts": self.counts}).items():
            write_text(folder / f"{name}.csv", csv_of(table, index=name == "label_pairs"))
        page.write(folder)


def analyze(corpus: GraphCorpus | str | Path | Sequence) -> Analysis:
    """Statistics of a corpus of heterographs: node and edge counts, degrees, coverage, and frequencies of names and labels.

    Parameters
    ----------
    corpus : a GraphCorpus, the folder of one, or a list of DGL graphs of one kind.

    Returns
    -------
    Analysis
        pandas tables ``sizes`` (per graph: mean, std, quantiles), ``degrees``, ``coverage``, ``captions``, ``objects``, ``attributes``,
        ``predicates``, ``triples``, ``arcs``, ``labels``, ``label_pairs``; of label graphs ``sizes`` and ``degrees`` only.

    Raises
    ------
    InputError : the corpus is empty, unreadable or not a corpus.

    >>> import hetero_xmodal as hx
    >>> red = hx.SceneObject("bird", ["red"], box=(10, 10, 50, 60))
    >>> graph = hx.build_graph(hx.SceneGraph([red], size=(128, 128)), hx.SceneGraph([hx.SceneObject("bird"), hx.SceneObject("tree")]))
    >>> analysis = analyze([graph])
    >>> analysis.attributes.values.tolist()
    [['red', 1, 1.0]]
    >>> float(analysis.coverage["share named on both sides"].iloc[0])
    0.5
    """
    if isinstance(corpus, str | Path):
        existing_file(Path(corpus) / "corpus.json", "corpus")
    from ..graphs.corpus import GraphCorpus
    from . import tables

    if isinstance(corpus, str | Path):
        corpus = GraphCorpus.load(corpus)
    elif not isinstance(corpus, GraphCorpus):
        if not isinstance(corpus, Sequence):
            raise InputError(f"expected a GraphCorpus, its folder or a list of graphs, found {type(corpus).__name__}")
        if not corpus:
            raise InputError("the list of graphs is empty; give at least one graph")
        corpus = GraphCorpus.from_graphs(corpus)
    if len(corpus) == 0:
        raise InputError("the corpus is empty; there is nothing to analyse")
    names = list(_MEANING) if corpus.kind == "pair" else ["sizes", "degrees"]
    return Analysis(corpus.frame(), {name: getattr(tables, name)(corpus) for name in names})
