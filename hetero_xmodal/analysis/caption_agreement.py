"""Do the captions of an image agree, and which pairs, images and sentences stand out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from .. import schema
from .examples import unit_ids
from .result import ROWS_WITH_EXAMPLES, Result
from .sparse_rows import dot_rows, sizes, sparse_rows
from .suspicion import FEATURES, Suspicion, strangers, suspicion
from .units import unit_counts

if TYPE_CHECKING:
    from ..graphs.corpus import GraphCorpus

#: most sentences of an image that are compared with each other, the first ones
_MOST = 10
#: a robust z-score beyond which a unit is called an outlier (Iglewicz and Hoaglin, 1993)
OUTLIER = 3.5
#: unit -> column of its frame -> what it counts
_SIZES = {
    "image": {schema.VISUAL: "regions and patches", "pairs": "sentences"},
    "sentence": {schema.WORD: "words", schema.relation_name(schema.WORD_RELATES): "relations"},
}
KINDS = ("objects", "attributes", "relations")
_Z95 = 1.959963984540054
_MEANINGS = {
    "agreement": "F1 between the scene graphs of two captions of one image: objects by name, attributes as (object, attribute), "
    "relations as whole "
    "triples, equal names only. Macro: mean over pairs of captions that have any of them, with a 95 % interval that takes captions of one "
    "image together; micro: all common ones of all pairs. Control: the same captions, each with one of another image.",
    "images": "The images whose captions have least in common: mean F1 of the objects of two of its captions.",
    "detector": "How suspects are found: by a logistic regression that tells the pairs of this corpus from shuffled ones. AUC: "
    "probability that a shuffled "
    "pair looks more suspicious than one of the corpus; .5 by guessing. Wrong pairs: their estimated share. Weights are of the "
    "standardised features; a negative one says that the more, the less suspicious.",
    "suspects": "Pairs, the most suspicious first. Probability: that the sentence belongs to another image, given the estimated share of "
    "wrong pairs. A "
    "suspect may be an unusual caption, a missing box or a parser's fault; look before you delete.",
    "outliers": "Images and sentences of unusual size: more than 3.5 robust standard deviations (median absolute deviation) from the "
    "median.",
}


def agreement(corpus: GraphCorpus, *, seed: int = 0) -> Result:
    """How far the captions of an image agree, against captions of different images; suspicious pairs; outliers.

    Parameters
    ----------
    seed : of the random pairs of the control and of the shuffled pairs from which suspicion is learned.

    Returns
    -------
    Result
        ``agreement``, ``images``, ``detector``, ``suspects`` and ``outliers``, as far as the corpus has several captions for an image.
    """
    tables: dict[str, pd.DataFrame] = {}
    units: dict[str, str] = {}
    if len(corpus):
        tables, units = _agreement(corpus, seed)
        found = suspicion(corpus, seed=seed)
        if found is not None:
            tables["detector"], tables["suspects"] = _detector(found), suspect_table(corpus, found)
            units["suspects"] = "pair"
    outliers = _outliers(corpus)
    if len(outliers):
        tables["outliers"] = outliers
    draw = _Draw(found) if len(corpus) else _Draw(None)
    return Result("agreement", "Agreement: do captions of one image say the same", tables, _MEANINGS, units, draw=draw)


class _Draw:
    """The figure, which shows the suspicion of shuffled pairs besides what is in the tables."""

    def __init__(self, found: Suspicion | None):
        self.found = found

    def __call__(self, tables: Mapping[str, pd.DataFrame]) -> Any:
        from .section_figures import plot_agreement

        return plot_agreement(tables, self.found) if len(tables.get("agreement", ())) or self.found is not None else None


# ---------------------------------------------------------------------------------------------- agreement


def _agreement(corpus: GraphCorpus, seed: int) -> tuple[dict[str, pd.DataFrame], dict[str, str]]:
    image, sentence = corpus.pair_ends()
    first, second = caption_pairs(image)
    if not len(first):
        return {}, {}
    rows, other = sparse_rows(corpus), strangers(image, np.random.default_rng(seed))
    made, mean_objects = [], np.empty(0)
    for kind in KINDS:
        matrix = getattr(rows, kind)
        for what, a, b in (("one image", first, second), ("different images", np.arange(len(image)), other)):
            ends = sentence[a], sentence[b]
            shared = dot_rows(matrix, ends[0], matrix, ends[1])
            whole = sizes(matrix)[ends[0]] + sizes(matrix)[ends[1]]
            made.append({"of": kind, "two captions of": what} | _f1(shared, whole, image[a]))
            if kind == "objects" and what == "one image":
                mean_objects = np.where(whole > 0, 2 * shared / np.maximum(whole, 1), np.nan)
    return {"agreement": pd.DataFrame(made), "images": _images(corpus, image, first, mean_objects)}, {"images": "image"}


def caption_pairs(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Every two pairs (p,) of one image, of the first ten of each image: places of both, the earlier one first.

    >>> [places.tolist() for places in caption_pairs(np.array([0, 1, 0, 0]))]
    [[0, 0, 2], [2, 3, 3]]
    """
    order = np.argsort(image, kind="stable")
    place = np.arange(len(image)) - np.searchsorted(image[order], image[order])
    order = order[place < _MOST]
    owner = image[order]
    ends = np.searchsorted(owner, owner, side="right")
    partners = ends - np.arange(len(owner)) - 1
    first = np.repeat(np.arange(len(owner)), partners)
    second = first + 1 + np.arange(len(first)) - np.repeat(np.cumsum(partners) - partners, partners)
    return order[first], order[second]


def _f1(shared: np.ndarray, whole: np.ndarray, image: np.ndarray) -> dict[str, Any]:
    """Macro F1 with its interval, images as clusters, and micro F1."""
    counted = whole > 0
    each = 2 * shared[counted] / whole[counted]
    n = len(each)
    mean = float(each.mean()) if n else np.nan
    _, cluster = np.unique(image[counted], return_inverse=True)
    deviations = np.bincount(cluster.reshape(-1), weights=each - mean) if n else np.zeros(1)
    error = float(np.sqrt((deviations**2).sum()) / n) if n else np.nan
    micro = float(2 * shared.sum() / whole.sum()) if whole.sum() else np.nan
    return {
        "macro F1": mean,
        "low": max(0.0, mean - _Z95 * error),
        "high": mean + _Z95 * error,
        "micro F1": micro,
        "n": n,
        "unit": "pair of captions",
    }


def _images(corpus: GraphCorpus, image: np.ndarray, first: np.ndarray, each: np.ndarray, most: int = 1000) -> pd.DataFrame:
    """The images whose captions have least in common."""
    frame = pd.DataFrame({"image": image[first], "f1": each}).dropna()
    table = (
        frame.groupby("image")["f1"]
        .agg(["mean", "size"])
        .reset_index()
        .sort_values(["mean", "size", "image"], ascending=[True, False, True])
    )
    table = table.head(most)
    ids = unit_ids(corpus, "image", table["image"].to_numpy())
    captions = np.bincount(image)[table["image"]]
    out = pd.DataFrame(
        {"id": ids, "captions": captions, "mean F1 of objects": table["mean"].to_numpy(), "pairs of captions": table["size"].to_numpy()}
    )
    return out.assign(examples=[(id,) for id in ids], unit="image")


# ---------------------------------------------------------------------------------------------- suspects


def _detector(found: Suspicion) -> pd.DataFrame:
    rows: list[dict[str, Any]] = [
        {"what": "AUC, shuffled pairs against pairs of the corpus", "value": found.auc},
        {"what": "wrong pairs, share at most", "value": found.share},
        {"what": "pairs with a probability of at least .5", "value": float((found.pairs["score"] >= 0.5).sum())},
    ]
    rows += [{"what": f"weight of: {name}", "value": weight, "how": FEATURES[name]} for name, weight in found.weights.items()]
    return pd.DataFrame(rows).fillna({"how": ""}).assign(unit="pair", n=len(found.pairs))


def suspect_table(corpus: GraphCorpus, found: Suspicion, *, most: int = 1000) -> pd.DataFrame:
    """The most suspicious pairs with their sentence, probability, logit and what is suspicious."""
    order = np.argsort(-found.pairs["logit"].to_numpy(), kind="stable")[:most]
    ids = unit_ids(corpus, "pair", order)
    image, sentence = corpus.pair_ends()
    texts = _texts(corpus, sentence[order])
    rows = found.pairs.iloc[order]
    table = pd.DataFrame({"id": ids, "image": unit_ids(corpus, "image", image[order]), "sentence": texts})
    table = table.assign(probability=rows["score"].to_numpy(), logit=rows["logit"].to_numpy(), reason=reasons(rows), unit="pair")
    cells = [(id,) for id in ids[:ROWS_WITH_EXAMPLES]] + [()] * max(0, len(ids) - ROWS_WITH_EXAMPLES)
    return table.assign(examples=cells)


def _texts(corpus: GraphCorpus, sentences: np.ndarray) -> np.ndarray:
    distinct, place = np.unique(sentences, return_inverse=True)
    return corpus.only("sentence", distinct.tolist()).frame(unit="sentence")["text"].to_numpy(object)[place.reshape(-1)]


def reasons(rows: pd.DataFrame) -> list[str]:
    """What is suspicious about each pair, from its features, in a few words."""
    shown = {
        "words shared with other captions": "content words shared with the image's other captions: cosine {:.2f}",
        "objects seen": "objects that the image shows: {:.0%}",
        "regions named": "classes of the image that are named: {:.0%}",
        "attributes seen": "attributes that the image shows: {:.0%}",
    }
    return [
        "; ".join(text.format(row[name]) for name, text in shown.items() if row[name] == row[name])
        for row in rows[list(shown)].to_dict("records")
    ]


# ---------------------------------------------------------------------------------------------- outliers


def _outliers(corpus: GraphCorpus) -> pd.DataFrame:
    """Images and sentences of unusual size."""
    parts = []
    for unit, columns in _SIZES.items():
        if not unit_counts(corpus)[unit]:
            continue
        frame = corpus.frame(unit=unit)
        for column, what in columns.items():
            if column not in frame:
                continue
            values = frame[column].to_numpy(float)
            middle = float(np.median(values))
            scale = 1.4826 * float(np.median(np.abs(values - middle)))
            if not scale:  # most units are equal: the mean deviation takes the place of the median one
                scale = 1.2533 * float(np.abs(values - middle).mean())
            z = (values - middle) / scale if scale else np.zeros(len(values))
            rows = np.flatnonzero(np.abs(z) > OUTLIER)
            rows = rows[np.argsort(-np.abs(z[rows]), kind="stable")][:200]
            about = {"unit": unit, "id": frame["id"].to_numpy(object)[rows], "what": what, "value": values[rows], "median": middle}
            parts.append(pd.DataFrame(about | {"robust z": z[rows]}))
    if not parts:
        return pd.DataFrame()
    table = pd.concat(parts, ignore_index=True).sort_values("robust z", key=np.abs, ascending=False, kind="stable").reset_index(drop=True)
    return table.assign(examples=[(id,) for id in table["id"]])
