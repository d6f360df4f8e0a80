"""Two corpora, or the splits of one, side by side: numbers, distributions, words with intervals, and the distance of their features."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from .. import schema
from ..errors import InputError
from .counting import AttributeLists, members
from .examples import Examples, with_ids
from .log_odds_ratio import log_odds, threshold
from .rank_frequency import KEYS, side_rows
from .result import ROWS_WITH_EXAMPLES, Result, examples_in
from .units import IMAGE, SENTENCE, Side, unit_counts

if TYPE_CHECKING:
    from ..graphs.corpus import GraphCorpus
    from ..retrieval.index import EmbeddingIndex

_MEANINGS = {
    "sides": "Numbers side by side; means are per image, sentence or pair.",
    "divergences": "How different two distributions of names are: Jensen-Shannon divergence in bits (0 the same, 1 nothing in common) "
    "and Hellinger distance. Control: "
    "the same for two random halves of all units together, of the same sizes, sentences with their image; only what is clearly above it "
    "is a difference. Unseen: "
    "share of "
    "the occurrences in b whose name a lacks.",
    "names": "Images (or sentences, see unit) that have a name, in a and in b: log-odds ratio with an informative Dirichlet prior and "
    "its 95 % interval, "
    "positive: more in a. Few: fewer than ten in both together. Telling: z above the threshold for all rows together at 1 % (Bonferroni).",
    "features": "Distance of two sets of feature vectors, rows of length 1: between their means (centroids), and the Sinkhorn divergence "
    "(geomloss, p = 2, blur .05) of at "
    "most 2,000 of each. Control: random halves of both together. Modality gap: images against sentences of one space (Liang et al., "
    "2022).",
}
_SAMPLE = 2000


def compare(
    a: GraphCorpus, b: GraphCorpus, *, names: tuple[str, str] = ("a", "b"), index: EmbeddingIndex | None = None, seed: int = 0
) -> Result:
    """Two corpora side by side.

    Parameters
    ----------
    names : what the corpora are called in the tables.
    index : embeddings of images and sentences in one space (:func:`hetero_xmodal.build_index`), for the modality gap.
    seed : of the random halves of the controls, and of the samples of feature vectors.

    Returns
    -------
    Result
        ``sides``, ``divergences``, ``names`` and, if there are feature vectors of one width, ``features``. In the first 200 rows of
        ``names`` the columns ``examples in a`` and ``examples in b`` (with *names* for a and b) hold ids of images or sentences with
        the name.

    Raises
    ------
    InputError : a corpus of label graphs, or one without an image and a sentence.
    """
    for corpus, name in ((a, names[0]), (b, names[1])):
        if corpus.kind == "labels" or not corpus.num_images + corpus.num_sentences:
            raise InputError(
                f"corpus {name!r} holds {'label graphs' if corpus.kind == 'labels' else 'nothing'}; there is nothing to compare"
            )
    if len(set(names)) != 2:
        raise InputError(f"both corpora are called {names[0]!r}; give two names")
    counts, divergences = _distributions(a, b, names, seed)
    tables = {"sides": _sides(a, b, names), "divergences": divergences, "names": counts}
    features = _features(a, b, names, index, seed)
    if len(features):
        tables["features"] = features
    elsewhere = {examples_in(names[1]): b}
    return Result("compare", f"Comparison of {names[0]} with {names[1]}", tables, _MEANINGS, draw=_Draw(names), elsewhere=elsewhere)


def compare_splits(corpus: GraphCorpus, *, index: EmbeddingIndex | None = None, seed: int = 0) -> dict[str, Result]:
    """The first split of a corpus against each of the others, by their names.

    Raises
    ------
    InputError : the corpus has fewer than two splits.
    """
    splits = corpus.splits
    if len(splits) < 2:
        raise InputError(f"the corpus has {'only the split ' + splits[0] if splits else 'no splits'}; there is nothing to compare by split")
    first = corpus.split(splits[0])
    made = {name: compare(first, corpus.split(name), names=(splits[0], name), index=index, seed=seed) for name in splits[1:]}
    return {name: replace(result, elsewhere={}) for name, result in made.items()}  # the ids are those of the one corpus


class _Draw:
    def __init__(self, names: tuple[str, str]):
        self.names = names

    def __call__(self, tables: Mapping[str, pd.DataFrame]) -> Any:
        from .section_figures import plot_comparison

        return plot_comparison(tables, self.names)


# ---------------------------------------------------------------------------------------------- numbers


def _sides(a: GraphCorpus, b: GraphCorpus, names: tuple[str, str]) -> pd.DataFrame:
    columns = [_numbers(corpus) for corpus in (a, b)]
    rows = [
        {"what": what, **{name: numbers.get(what, np.nan) for name, numbers in zip(names, columns, strict=True)}}
        for what in {**columns[0], **columns[1]}
    ]
    table = pd.DataFrame(rows)
    table["ratio"] = table[names[0]] / table[names[1]].where(table[names[1]] != 0)
    return table


def _numbers(corpus: GraphCorpus) -> dict[str, float]:
    numbers = {f"{unit}s": float(n) for unit, n in unit_counts(corpus).items()}
    shown: dict[str, dict[str, str]] = {
        "image": {schema.VISUAL: "regions and patches per image", "pairs": "sentences per image", schema.LABEL: "labels per image"},
        "sentence": {schema.WORD: "words per sentence", schema.relation_name(schema.WORD_RELATES): "stated relations per sentence"},
        "pair": {schema.BRIDGE: "bridge copies per pair"},
    }
    for unit, columns in shown.items():
        if unit_counts(corpus)[unit]:
            frame = corpus.frame(unit=unit)
            numbers |= {what: float(frame[column].mean()) for column, what in columns.items() if column in frame}
    return numbers


# ---------------------------------------------------------------------------------------------- names


def _distributions(a: GraphCorpus, b: GraphCorpus, names: tuple[str, str], seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    rng, rows, tables = np.random.default_rng(seed), [], []
    numbers = [unit_counts(corpus) for corpus in (a, b)]
    share = {unit: numbers[0][unit] / max(numbers[0][unit] + numbers[1][unit], 1) for unit in numbers[0]}
    attributes = [AttributeLists(corpus.vocabulary) for corpus in (a, b)]
    counted, keys = zip(*(_counted(corpus, share, rng, lists) for corpus, lists in zip((a, b), attributes, strict=True)), strict=True)
    for kind in dict.fromkeys([*counted[0], *counted[1]]):
        own = [found.get(kind, _NOTHING) for found in counted]
        key = own[0].index.union(own[1].index)
        both = [table.reindex(key, fill_value=0) for table in own]
        n = [int(table["count"].sum()) for table in both]
        if not all(n):
            continue
        values = [table["count"].to_numpy(float) for table in both]
        drawn = sum(table["drawn"].to_numpy(float) for table in both)
        rest = values[0] + values[1] - drawn
        row = {"of": kind.replace("_", " "), f"occurrences in {names[0]}": n[0], f"occurrences in {names[1]}": n[1], "names": len(key)}
        row |= {"divergence (bits)": jensen_shannon(*values), "control": jensen_shannon(drawn, rest), "Hellinger": _hellinger(*values)}
        row["unseen"] = float(values[1][values[0] == 0].sum() / n[1])
        rows.append(row)
        unit = SENTENCE.unit if kind in _OF_SENTENCES else IMAGE.unit
        units, of = [table["units"].to_numpy() for table in both], [counts[unit] for counts in numbers]
        odds = log_odds(*units, total_a=of[0], total_b=of[1])
        table = pd.DataFrame(
            {"of": kind.replace("_", " "), "name": key.to_numpy(object), "unit": unit, names[0]: units[0], names[1]: units[1]}
        )
        tables.append(table.assign(**{f"share {name}": v / total for name, v, total in zip(names, units, of, strict=True)}, **odds))
    if not tables:
        return pd.DataFrame(), pd.DataFrame()
    whole = pd.concat(tables, ignore_index=True)
    whole["telling"] = (whole["z"].abs() > threshold(len(whole))) & ~whole["few"]
    order = whole["z"].abs().sort_values(ascending=False, kind="stable").index
    whole = whole.loc[order].reset_index(drop=True)
    for corpus, name, own, lists in zip((a, b), names, keys, attributes, strict=True):
        whole = _with_examples(whole, corpus, name, own, lists)
    return whole, pd.DataFrame(rows)


def _with_examples(whole: pd.DataFrame, corpus: GraphCorpus, name: str, keys: Mapping[str, pd.DataFrame], lists: AttributeLists):
    """The table of names with the column ``examples in NAME``: ids of the images or sentences of *corpus* that have the row's name.

    keys : kind of name -> the codes (columns) and what they are called (column ``text``).
    """
    first, column = whole.head(ROWS_WITH_EXAMPLES), [()] * len(whole)
    for side in (IMAGE, SENTENCE):
        wanted = {}
        for kind, own in keys.items():
            rows = first[(first["of"] == kind.replace("_", " ")) & (first["unit"] == side.unit)]
            own = own[own["text"].isin(rows["name"])]
            if len(own):
                wanted[kind] = (own["text"].map(dict(zip(rows["name"], rows.index, strict=True))), Examples(own.drop(columns="text")))
        for part in _rows(corpus, side, lists) if wanted else ():
            for kind in wanted.keys() & part.keys():
                if not wanted[kind][1].complete:
                    wanted[kind][1].add(part[kind])
        for places, examples in wanted.values():
            found: dict[int, list[np.ndarray]] = {}  # two triples may be called the same
            for place, units in zip(places, examples.units(), strict=True):
                found.setdefault(place, []).append(units)
            cells = with_ids(corpus, side.unit, first.loc[list(found)], (np.unique(np.concatenate(units)) for units in found.values()))
            for place, cell in zip(found, cells["examples"], strict=True):
                column[place] = cell
    return whole.assign(**{examples_in(name): pd.Series(column, dtype=object)})


_NOTHING = pd.DataFrame({name: pd.Series(dtype=np.int64) for name in ("count", "drawn", "units")})
_OF_SENTENCES = {*SENTENCE.tables, "words"}


def _counted(
    corpus: GraphCorpus, share: Mapping[str, float], rng: np.random.Generator, attributes: AttributeLists
) -> tuple[dict[str, pd.DataFrame], dict[str, pd.DataFrame]]:
    """Kind of name -> table by name, and kind -> codes of these names with their ``text``.

    The columns of the first: ``count``; ``drawn``: those in a random *share* of the units; ``units`` that have it.
    """
    found: dict[str, list[pd.DataFrame]] = {}
    of_images = rng.random(corpus.num_images) < share[IMAGE.unit]
    for side in (IMAGE, SENTENCE):
        n = unit_counts(corpus)[side.unit]
        drawn = of_images if side is IMAGE else _with_image(corpus, of_images, rng.random(n) < share[side.unit])
        for part in _rows(corpus, side, attributes) if n else ():
            for kind, rows in part.items():
                _add(found.setdefault(kind, []), rows, list(_key(kind)), drawn)
    named, codes = {}, {}
    for kind, parts in found.items():
        table = pd.concat(parts).groupby(level=list(range(parts[0].index.nlevels))).sum()
        own = table.index.to_frame(index=False)
        texts = [
            np.array([*attributes.names, ""], dtype=object)[column]
            if name == "attribute"
            else corpus.vocabulary.strings(column.to_numpy(np.int64))
            for name, column in own.items()
        ]
        table.index = pd.Index([" ".join(row) for row in zip(*texts, strict=True)], dtype=object)
        codes[kind] = own.assign(text=table.index)
        named[kind] = table[table.index != ""].groupby(level=0).sum()
    return named, codes


def _key(kind: str) -> tuple[str, ...]:
    """The columns that are the key of a kind of name."""
    return {"labels": ("label",), "words": ("lemma",)}.get(kind) or KEYS[(IMAGE if kind in IMAGE.tables else SENTENCE).tables.index(kind)]


def _rows(corpus: GraphCorpus, side: Side, attributes: AttributeLists) -> Iterator[dict[str, pd.DataFrame]]:
    """The rows behind the names of a side, some units at a time: kind -> ``member`` (number of the unit) and the codes of the name."""
    yield from side_rows(corpus, side, attributes)
    for start, flat in corpus.chunks([schema.WORD], unit="sentence") if side is SENTENCE else ():
        numbers = members(flat.node_offsets[schema.WORD]) + start
        yield {"words": pd.DataFrame({"member": numbers, "lemma": flat.node_data[schema.WORD]["lemma"].numpy()})}


def _with_image(corpus: GraphCorpus, of_images: np.ndarray, alone: np.ndarray) -> np.ndarray:
    """Whether each sentence is drawn: with its image, whose other sentences resemble it, or by itself if it has none."""
    image, sentence = corpus.pair_ends()
    drawn = alone.copy()
    drawn[sentence] = of_images[image]
    return drawn


def _add(parts: list[pd.DataFrame], rows: pd.DataFrame, keys: list[str], drawn: np.ndarray) -> None:
    first = ~rows.duplicated(["member", *keys])
    counted = rows[keys].assign(count=1, drawn=drawn[rows["member"].to_numpy()].astype(np.int64), units=first.astype(np.int64))
    parts.append(counted.groupby(keys, sort=False).sum())


def jensen_shannon(a: np.ndarray, b: np.ndarray) -> float:
    """Jensen-Shannon divergence of two distributions in bits, from counts (n,) each.

    >>> jensen_shannon(np.array([1, 1]), np.array([2, 2])), jensen_shannon(np.array([1, 0]), np.array([0, 1]))
    (0.0, 1.0)
    """
    if not a.sum() or not b.sum():
        return float("nan")
    p, q = a / a.sum(), b / b.sum()
    middle = (p + q) / 2
    parts = [np.where(x > 0, x * np.log2(np.where(x > 0, x, 1) / np.where(middle > 0, middle, 1)), 0).sum() for x in (p, q)]
    return float(sum(parts) / 2)


def _hellinger(a: np.ndarray, b: np.ndarray) -> float:
    p, q = np.sqrt(a / a.sum()), np.sqrt(b / b.sum())
    return float(np.sqrt(((p - q) ** 2).sum() / 2))


# ---------------------------------------------------------------------------------------------- features


def _features(a: GraphCorpus, b: GraphCorpus, names: tuple[str, str], index: EmbeddingIndex | None, seed: int) -> pd.DataFrame:
    rng, rows = np.random.default_rng(seed), []
    for node_type, what in ((schema.VISUAL, "region features"), (schema.WORD, "word features")):
        samples = [_vectors(corpus, node_type, rng) for corpus in (a, b)]
        if all(len(values) > 1 for values in samples) and samples[0].shape[1] == samples[1].shape[1]:
            rows.append({"of": what, "first": names[0], "second": names[1]} | set_distance(*samples, seed=seed))
    if index is not None:
        samples = [np.asarray(values, np.float32) for values in (index.images, index.texts)]
        if all(len(values) > 1 for values in samples):
            rows.append({"of": "modality gap", "first": "images", "second": "sentences"} | set_distance(*samples, seed=seed))
    return pd.DataFrame(rows)


def _vectors(corpus: GraphCorpus, node_type: str, rng: np.random.Generator) -> np.ndarray:
    """Feature vectors of at most :data:`_SAMPLE` nodes, (n, d); of no row if the corpus has none."""
    unit = IMAGE.unit if node_type == schema.VISUAL else SENTENCE.unit
    n = unit_counts(corpus)[unit]
    if not n:
        return np.empty((0, 0), np.float32)
    some = np.sort(rng.choice(n, min(n, _SAMPLE), replace=False))
    frame = corpus.only(unit, some.tolist()).frame(node_type, unit=unit, features="list")
    if "feature" not in frame or not len(frame) or not len(frame["feature"].iloc[0]):
        return np.empty((0, 0), np.float32)
    values = np.stack(frame["feature"].to_list()).astype(np.float32)
    return values[rng.permutation(len(values))[:_SAMPLE]]


def set_distance(first: np.ndarray, second: np.ndarray, *, seed: int = 0) -> dict[str, Any]:
    """Distance of two sets of vectors (n, d) and (m, d), scaled to length 1, with a control of random halves of both together.

    Returns
    -------
    ``centroid distance`` and ``Sinkhorn divergence``, each with its control, ``n`` and ``m``, the numbers of vectors compared.

    >>> rng = np.random.default_rng(0)
    >>> apart = set_distance(rng.normal(3, 1, (50, 4)), rng.normal(-3, 1, (60, 4)))
    >>> apart["centroid distance"] > 5 * apart["centroid distance, control"]
    True
    """
    import torch
    from geomloss import SamplesLoss

    rng = np.random.default_rng(seed)
    sets = [values[rng.permutation(len(values))[:_SAMPLE]] for values in (np.asarray(first, np.float32), np.asarray(second, np.float32))]
    sets = [values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-12) for values in sets]
    both = rng.permutation(np.concatenate(sets))
    halves = [both[: len(sets[0])], both[len(sets[0]) :]]
    loss = SamplesLoss("sinkhorn", p=2, blur=0.05, backend="tensorized")
    found: dict[str, Any] = {}
    for (x, y), more in ((sets, ""), (halves, ", control")):
        found[f"centroid distance{more}"] = float(np.linalg.norm(x.mean(0) - y.mean(0)))
        found[f"Sinkhorn divergence{more}"] = float(loss(torch.from_numpy(x), torch.from_numpy(y)))
    return found | {"n": len(sets[0]), "m": len(sets[1])}
