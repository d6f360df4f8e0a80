"""Which labels go together: conditional probabilities, pointwise mutual information, the label graph, its communities and centres."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from .. import schema
from ..errors import InputError, nearest
from .counting import empty_code, members, things
from .examples import Examples, with_ids
from .log_odds_ratio import wilson
from .result import ROWS_WITH_EXAMPLES, Result
from .units import IMAGE, unit_counts

if TYPE_CHECKING:
    from scipy.sparse import csr_array

    from ..graphs.corpus import GraphCorpus

#: thresholds at which the label graph is described
TAUS = (0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
#: most labels whose betweenness is computed exactly; of larger graphs the shortest paths from a sample of labels are taken
_EXACT = 500
#: most labels that are looked at, the most frequent ones
_MOST = 1000
_MEANINGS = {
    "labels": "One row per label. Degree: labels that it shares an image with. Graph in, out: edges of the label graph at tau that end "
    "and begin at "
    "it. Betweenness: share of the shortest paths between other labels that pass through it; strength: sum of the co-occurrences; both in "
    "the co-occurrence graph. PageRank follows the edges of the label graph, weighed by P(destination | source).",
    "pairs": "Pairs of labels in one image. PMI: log2 of how much more often they are together than independent labels would be; "
    "normalised to "
    "-1..1 (NPMI). Rare labels have high values by chance: look at the counts, and at the interval of P(b | a).",
    "apart": "Pairs of labels that are never together, although independent labels would be most often.",
    "graph": "The label graph at several thresholds tau: an edge a -> b where P(b | a) >= tau (DAGNN, equation 7), without the loops. "
    "Components: "
    "connected parts, direction left aside; alone: labels without an edge.",
    "communities": "Groups of labels that are together more often than with others (Louvain on the co-occurrence graph with PMI above "
    "zero, seed 0). "
    "Modularity of the whole: above about .3 the groups mean something.",
}


def labels(corpus: GraphCorpus, *, tau: float = 0.4, of: str | None = None) -> Result:
    """Co-occurrence of labels in images, the label graph at a threshold, its communities and its central labels.

    Parameters
    ----------
    tau : threshold of P(b | a) for an edge of the label graph, 0..1; a probability equal to it counts.
    of : ``"labels"``, or ``"regions"``: the names of regions in place of labels. By default labels, or regions if the corpus has no label.

    Of more than 1,000 labels the most frequent ones are taken.

    Returns
    -------
    Result
        ``labels``, ``pairs``, ``apart``, ``graph`` (at several thresholds) and ``communities``.

    Raises
    ------
    InputError : tau outside 0..1, or an unknown *of*.
    """
    if not isinstance(tau, int | float) or not 0 <= tau <= 1:
        raise InputError(f"tau is {tau!r}, expected a number in 0..1")
    if of not in (None, "labels", "regions"):
        raise InputError(f"of is {of!r}{nearest(str(of), ('labels', 'regions'))}, expected labels or regions")
    title = "Labels: which go together"
    if not corpus.num_images:
        return Result("labels", title, {}, _MEANINGS, draw=_draw)
    codes, together = _together(corpus, of or "labels")
    if of is None and not len(codes):
        of = "regions"
        codes, together = _together(corpus, of)
    if not len(codes):
        return Result("labels", title, {}, _MEANINGS, draw=_draw)
    names, n = corpus.vocabulary.strings(codes), unit_counts(corpus)["image"]
    pairs = _pairs(together, n)
    apart = _apart(together, n)
    graphs = _Graphs(pairs, together.diagonal(), tau)
    tables = {
        "labels": graphs.labels(n),
        "pairs": pairs,
        "apart": apart,
        "graph": graphs.at_thresholds(),
        "communities": graphs.communities(names),
    }
    order = (
        pd.DataFrame({"images": tables["labels"]["images"], "name": names}).sort_values(["images", "name"], ascending=[False, True]).index
    )
    tables["labels"] = tables["labels"].iloc[order].reset_index(drop=True)
    tables |= _with_examples(corpus, of or "labels", codes, {name: tables[name] for name in ("labels", "pairs")})
    for table in (tables["labels"], tables["pairs"], apart):
        for key in ("label", "a", "b"):
            if key in table:
                table[key] = names[table[key].to_numpy()]
        table["unit"], table["n"] = "image", n
    what = "regions" if of == "regions" else "labels"
    notes = (f"Here a label is the name of a region of the image; the label graph is drawn at tau = {tau}.",) if what == "regions" else (
        f"The label graph is drawn at tau = {tau}.",
    )  # fmt: skip
    return Result("labels", title, tables, _MEANINGS, {"labels": "image", "pairs": "image"}, notes, draw=_draw)


def _draw(tables: Mapping[str, pd.DataFrame]) -> Any:
    from .section_figures import plot_label_graph

    return plot_label_graph(tables) if tables else None


def _rows(corpus: GraphCorpus, of: str) -> Iterator[tuple[int, int, np.ndarray, np.ndarray]]:
    """Some images at a time: number of the first, how many, and image (m,) and name (m,) of each of their labels."""
    empty = empty_code(corpus)
    for start, flat in corpus.chunks([schema.LABEL if of == "labels" else IMAGE.nodes], unit="image"):
        if of == "labels":
            yield start, flat.count, members(flat.node_offsets[schema.LABEL]), flat.node_data[schema.LABEL]["name"].numpy()
        else:
            rows = things(flat, IMAGE, empty)
            yield start, flat.count, rows["member"].to_numpy(), rows["name"].to_numpy()


def _together(corpus: GraphCorpus, of: str) -> tuple[np.ndarray, csr_array]:
    """Codes (c,) of the labels, sorted, and in how many images each two of them are, (c, c)."""
    from scipy.sparse import coo_array, csr_array

    codes = np.empty(0, np.int64)
    for _, _, _, names in _rows(corpus, of):
        codes = np.union1d(codes, names)
    total = csr_array((len(codes), len(codes)), dtype=np.int64)
    for _, count, image, names in _rows(corpus, of) if len(codes) else ():
        present = coo_array((np.ones(len(names), np.int64), (image, np.searchsorted(codes, names))), shape=(count, len(codes))).tocsr()
        present.data[:] = 1  # a label that an image has twice counts once
        total = total + present.T @ present
    total = total.tocsr()
    if len(codes) > _MOST:
        kept = np.sort(np.argsort(-total.diagonal(), kind="stable")[:_MOST])
        codes, total = codes[kept], total[kept][:, kept]
    return codes, total


def _pairs(together: csr_array, n: int) -> pd.DataFrame:
    """One row for each two labels that share an image; a and b are places, a < b."""
    from scipy.sparse import triu

    own, upper = together.diagonal(), triu(together, k=1).tocoo()
    keep = upper.data > 0
    a, b, both = upper.row[keep].astype(np.int64), upper.col[keep].astype(np.int64), upper.data[keep]
    lift = both * n / (own[a] * own[b])
    pmi = np.log2(lift)
    low, high = wilson(both, own[a])
    with np.errstate(divide="ignore", invalid="ignore"):
        npmi = np.where(both < n, pmi / -np.log2(both / n), 1.0)
    table = pd.DataFrame(
        {"a": a, "b": b, "images": both, "images with a": own[a], "images with b": own[b]}
        | {"P(b | a)": both / own[a], "P(a | b)": both / own[b], "P(b | a), low": low, "P(b | a), high": high}
        | {"expected": own[a] * own[b] / n, "PMI (bits)": pmi, "NPMI": npmi, "few": both < 10}
    )
    return table.sort_values(["images", "a", "b"], ascending=[False, True, True]).reset_index(drop=True)


def _apart(together: csr_array, n: int, most: int = 200) -> pd.DataFrame:
    """Pairs of labels that no image has, those first that were to be expected most often."""
    own = together.diagonal()
    often = np.sort(np.argsort(-own, kind="stable")[:400])  # rare labels are expected nowhere together
    block = together[often][:, often].toarray()
    first, second = np.nonzero(np.triu(block == 0, 1))
    a, b = often[first], often[second]
    expected = own[a] * own[b] / n
    table = pd.DataFrame({"a": a, "b": b, "images with a": own[a], "images with b": own[b], "expected": expected})
    return table.sort_values(["expected", "a", "b"], ascending=[False, True, True]).head(most).reset_index(drop=True)


class _Graphs:
    """The co-occurrence graph and the label graph as networkx graphs, and what they say of each label."""

    def __init__(self, pairs: pd.DataFrame, own: np.ndarray, tau: float):
        import networkx as nx

        self.pairs, self.own, self.tau = pairs, own, tau
        self.co = nx.Graph()
        self.co.add_nodes_from(range(len(own)))
        self.co.add_weighted_edges_from(pairs[["a", "b", "images"]].itertuples(index=False, name=None))
        self.near = nx.Graph()  # together more often than independent labels
        self.near.add_nodes_from(range(len(own)))
        closer = pairs[pairs["PMI (bits)"] > 0]
        self.near.add_weighted_edges_from(closer[["a", "b", "images"]].itertuples(index=False, name=None))
        self.groups = sorted(nx.community.louvain_communities(self.near, seed=0), key=lambda group: (-len(group), min(group)))

    def edges(self, tau: float) -> pd.DataFrame:
        """The edges of the label graph at a threshold, loops left out: ``source``, ``destination``, ``probability``."""
        parts = []
        for source, destination, given in (("a", "b", "P(b | a)"), ("b", "a", "P(a | b)")):
            kept = self.pairs[self.pairs[given] >= tau]
            parts.append(pd.DataFrame({"source": kept[source], "destination": kept[destination], "probability": kept[given]}))
        edges = pd.concat(parts, ignore_index=True)
        return edges[edges["probability"] > 0]

    def labels(self, n: int) -> pd.DataFrame:
        """One row a label, by its place."""
        import networkx as nx

        c, edges = len(self.own), self.edges(self.tau)
        graph = nx.DiGraph()
        graph.add_nodes_from(range(c))
        graph.add_weighted_edges_from(edges.itertuples(index=False, name=None))
        sample = None if c <= _EXACT else 200
        between = nx.betweenness_centrality(self.co, k=sample, seed=0) if c > 2 else dict.fromkeys(range(c), 0.0)
        rank = nx.pagerank(graph)
        community = np.zeros(c, int)
        for number, group in enumerate(self.groups, 1):
            community[list(group)] = number
        table = pd.DataFrame({"label": np.arange(c), "images": self.own, "share of images": self.own / n})
        return table.assign(**{
            "degree": [self.co.degree(k) for k in range(c)], "strength": [self.co.degree(k, weight="weight") for k in range(c)],
            "graph in": np.bincount(edges["destination"], minlength=c), "graph out": np.bincount(edges["source"], minlength=c),
            "betweenness": [between[k] for k in range(c)], "PageRank": [rank[k] for k in range(c)], "community": community,
        })  # fmt: skip

    def at_thresholds(self) -> pd.DataFrame:
        """The label graph at several thresholds."""
        import networkx as nx

        rows, c = [], len(self.own)
        for tau in sorted({*TAUS, float(self.tau)}):
            edges = self.edges(tau)
            graph = nx.Graph(list(edges[["source", "destination"]].itertuples(index=False, name=None)))
            touched = graph.number_of_nodes()
            parts = list(nx.connected_components(graph))
            both = len(edges.merge(edges, left_on=["source", "destination"], right_on=["destination", "source"])) // 2
            rows.append({
                "tau": tau, "labels": c, "edges": len(edges), "both ways": both, "components": len(parts) + c - touched,
                "largest component": max((len(part) for part in parts), default=min(c, 1)), "alone": c - touched,
                "density": len(edges) / max(c * (c - 1), 1),
            })  # fmt: skip
        return pd.DataFrame(rows)

    def communities(self, names: np.ndarray) -> pd.DataFrame:
        """One row a community, its most frequent labels first."""
        import networkx as nx

        quality = nx.community.modularity(self.near, self.groups) if self.near.number_of_edges() else np.nan
        rows = []
        for number, group in enumerate(self.groups, 1):
            inside = sorted(group, key=lambda k: (-self.own[k], names[k]))
            rows.append({"community": number, "labels": len(group), "names": ", ".join(names[k] for k in inside[:24])})
        return pd.DataFrame(rows).assign(**{"modularity of the whole": quality})


def _with_examples(corpus: GraphCorpus, of: str, codes: np.ndarray, tables: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    wanted = {
        "labels": Examples(tables["labels"][["label"]].head(ROWS_WITH_EXAMPLES)),
        "pairs": Examples(tables["pairs"][["a", "b"]].head(ROWS_WITH_EXAMPLES)),
    }
    for start, _, image, names in _rows(corpus, of):
        kept = np.isin(names, codes)
        rows = pd.DataFrame({"member": image[kept] + start, "label": np.searchsorted(codes, names[kept])}).drop_duplicates()
        wanted["labels"].add(rows)
        keys = np.unique(tables["pairs"][["a", "b"]].head(ROWS_WITH_EXAMPLES).to_numpy().ravel())
        rows = rows[rows["label"].isin(keys)]
        both = rows.merge(rows, on="member", suffixes=("_a", "_b")).rename(columns={"label_a": "a", "label_b": "b"})
        wanted["pairs"].add(both[both["a"] < both["b"]])
        if all(examples.complete for examples in wanted.values()):
            break
    return {name: with_ids(corpus, "image", tables[name], examples.units()) for name, examples in wanted.items()}
