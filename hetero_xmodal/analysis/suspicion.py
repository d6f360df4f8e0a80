"""How probably the sentence of a pair belongs to another image.

No one says which pairs are wrong, but wrong ones are easily made: the sentence of another image. A logistic regression learns to tell the
pairs of the corpus from such shuffled ones, by what the sentence has in common with the image and with the image's other sentences; the
pairs
of one half of the images are scored by what was learned on the other half. If a share of the corpus's own pairs is wrong, they look like
shuffled ones: with f the share of pairs above a threshold, the share of wrong pairs is at most f(corpus) / f(shuffled), and the smallest
such
bound is taken for it. Then P(wrong | features) = share x p(features | shuffled) / p(features | corpus).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from .sparse_rows import SparseRows, dot_rows, sizes, sparse_rows

if TYPE_CHECKING:
    from scipy.sparse import csr_array

    from ..graphs.corpus import GraphCorpus

#: fewest pairs of which anything is learned, and most that are learned from
_LEAST, _MOST = 40, 100_000
#: least AUC at which single pairs are called suspects
RELIABLE = 0.9
#: what is compared: column -> what it says
FEATURES = {
    "words shared with other captions": "cosine of the content words of the sentence with those of the image's other sentences, weighed "
    "by rarity",
    "objects shared with other captions": "share of the objects of the sentence that another sentence of the image names, weighed by "
    "rarity",
    "objects seen": "share of the objects of the sentence that the image has a region of, of those that any image has, weighed by rarity",
    "regions named": "share of the image's classes that the sentence names, weighed by rarity",
    "attributes seen": "share of the attributes that the sentence states that a region of the image has, of those that any region has",
}


@dataclass
class Suspicion:
    """Every pair's suspicion.

    pairs : (p,) one row per pair of the corpus: the features (0..1, empty if nothing can be said), ``logit``, and ``score``: the
    probability
        that the sentence belongs to another image
    auc : probability that a shuffled pair gets a higher score than a pair of the corpus; .5 by guessing
    share : bound of the share of wrong pairs, close to it only where the AUC is high
    shuffled : (p,) logit of the shuffled pairs
    weights : feature -> weight of the standardised feature in the logistic regression
    """

    pairs: pd.DataFrame
    auc: float
    share: float
    shuffled: np.ndarray
    weights: dict[str, float]


def suspicion(corpus: GraphCorpus, *, seed: int = 0) -> Suspicion | None:
    """Score every pair; none if the corpus has too few pairs or images."""
    image, sentence = corpus.pair_ends()
    if len(image) < _LEAST or len(np.unique(image)) < 4:
        return None
    made, rng = _Features(sparse_rows(corpus), image, sentence), np.random.default_rng(seed)
    other = strangers(image, rng)
    own, wrong = made.table(sentence), made.table(sentence[other])
    fold = _folds(image, rng)
    logits, weights = _cross_fitted(own, wrong, fold, rng)
    share = _share_of_wrong(*logits)
    auc = _auc(*logits)
    # where shuffled pairs hardly differ from the corpus's own, the bound says nothing, and no single pair can be called wrong
    score = np.minimum(share * _density_ratio(*logits), 1.0) if auc >= RELIABLE else np.zeros(len(own))
    return Suspicion(own.assign(logit=logits[0], score=score), auc, share, logits[1], weights)


def strangers(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """For every pair the place of a pair of another image, (p,), each once as far as possible."""
    other = rng.permutation(len(image))
    for shift in range(1, len(image)):
        same = np.flatnonzero(image[other] == image)
        if not len(same):
            break
        other[same] = other[(same + shift) % len(image)]
    return other


class _Features:
    """What sentences have in common with images and with the images' own sentences."""

    def __init__(self, rows: SparseRows, image: np.ndarray, sentence: np.ndarray):
        from scipy.sparse import coo_array

        self.image, self.sentence = image, sentence
        self.lemmas = _weighed(rows.lemmas)
        objects, known = _weighed(rows.objects), rows.known
        self.objects, self.known = objects, objects.multiply(known[None, :].astype(np.float32)).tocsr()
        self.visible, self.looks = rows.visible, rows.looks
        present = np.asarray(rows.looks.sum(axis=0)).reshape(-1) > 0
        self.sentence_looks = rows.sentence_looks.multiply(present[None, :].astype(np.float32)).tocsr()
        self.classes = rows.classes
        pairs = coo_array(
            (np.ones(len(image), np.float32), (image, sentence)), shape=(rows.classes.shape[0], rows.objects.shape[0])
        ).tocsr()
        self.all_lemmas, self.all_objects = (pairs @ self.lemmas).tocsr(), (pairs @ rows.objects).tocsr()
        self.own_objects = rows.objects

    def table(self, sentence: np.ndarray) -> pd.DataFrame:
        """Features of the pairs of each pair's image with *sentence* (p,), in which the pair's own sentence counts for nothing."""
        lemmas = self._cosine(sentence)
        shared = self._shared(sentence)
        return pd.DataFrame(dict(zip(FEATURES, (
            lemmas, shared, self._share(self.known, sentence, self.visible, self.image), self._named(sentence),
            self._share(self.sentence_looks, sentence, self.looks, self.image),
        ), strict=True)))  # fmt: skip

    def _cosine(self, sentence: np.ndarray) -> np.ndarray:
        own, image = self.sentence, self.image
        square = dot_rows(self.lemmas, sentence, self.lemmas, sentence)
        own_square = dot_rows(self.lemmas, own, self.lemmas, own)
        others = (
            dot_rows(self.all_lemmas, image, self.all_lemmas, image) - 2 * dot_rows(self.all_lemmas, image, self.lemmas, own) + own_square
        )
        inner = dot_rows(self.all_lemmas, image, self.lemmas, sentence) - dot_rows(self.lemmas, own, self.lemmas, sentence)
        length = np.sqrt(np.maximum(square * others, 0))
        return np.where((length > 1e-6) & (others > 1e-3), inner / np.maximum(length, 1e-6), np.nan)

    def _shared(self, sentence: np.ndarray) -> np.ndarray:
        """Objects of the sentence in the image's other sentences: counted as often as these name them, at most once."""
        out = np.full(len(sentence), np.nan)
        several = np.bincount(self.image, minlength=self.all_objects.shape[0])[self.image] > 1
        block = 100_000
        for start in range(0, len(sentence), block):
            here = slice(start, start + block)
            rest = self.all_objects[self.image[here]] - self.own_objects[self.sentence[here]]
            rest.data = (rest.data > 0.5).astype(np.float32)
            asked = self.objects[sentence[here]]
            total, found = asked.sum(axis=1), asked.multiply(rest).sum(axis=1)
            out[here] = np.where((total > 0) & several[here], found / np.maximum(total, 1e-6), np.nan)
        return out

    def _share(self, asked: csr_array, rows: np.ndarray, there: csr_array, images: np.ndarray) -> np.ndarray:
        total = np.asarray(asked.sum(axis=1)).reshape(-1)[rows]
        return np.where(total > 0, dot_rows(asked, rows, there, images) / np.maximum(total, 1e-6), np.nan)

    def _named(self, sentence: np.ndarray) -> np.ndarray:
        """Share of the classes of the image that a word of the sentence has."""
        total = sizes(self.classes)[self.image]
        seen = dot_rows((self.known > 0).astype(np.float32).tocsr(), sentence, self.visible, self.image)
        return np.where(total > 0, np.minimum(seen / np.maximum(total, 1), 1), np.nan)


def _weighed(matrix: csr_array) -> csr_array:
    """Ones replaced by the inverse document frequency of their column, log(rows / rows with it)."""
    often = np.asarray(matrix.sum(axis=0)).reshape(-1)
    idf = np.log((matrix.shape[0] + 1) / (often + 1)).astype(np.float32)
    return matrix.multiply(idf[None, :]).tocsr()


def _folds(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """0 or 1 for every pair, the same for all pairs of an image."""
    return rng.integers(0, 2, int(image.max()) + 1)[image]


def _cross_fitted(own: pd.DataFrame, wrong: pd.DataFrame, fold: np.ndarray, rng) -> tuple[tuple[np.ndarray, np.ndarray], dict[str, float]]:
    """Logits of the corpus's pairs and of the shuffled ones, each from the half that it is not in."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    middle = own.mean().fillna(0.0)
    tables = [_filled(table, middle) for table in (own, wrong)]
    logits = [np.zeros(len(own)), np.zeros(len(own))]
    weights = np.zeros(len(FEATURES))
    for half in (0, 1):
        rows = np.flatnonzero(fold == half)
        rows = rng.choice(rows, min(len(rows), _MOST), replace=False)
        model = make_pipeline(StandardScaler(), LogisticRegression())
        model.fit(np.concatenate([table[rows] for table in tables]), np.repeat([0, 1], len(rows)))
        weights += model[-1].coef_[0][: len(FEATURES)] / 2
        rest = fold != half
        for out, table in zip(logits, tables, strict=True):
            out[rest] = model.decision_function(table[rest]) if rest.any() else 0
    return (logits[0], logits[1]), dict(zip(FEATURES, weights.tolist(), strict=True))


def _filled(table: pd.DataFrame, middle: pd.Series) -> np.ndarray:
    """Features with the mean where there is nothing to say, beside flags of these, and of shares that are zero."""
    return np.concatenate([table.fillna(middle).to_numpy(float), table.isna().to_numpy(float), (table <= 0).to_numpy(float)], axis=1)


def _density_ratio(own: np.ndarray, wrong: np.ndarray) -> np.ndarray:
    """p(logit | shuffled) / p(logit | corpus) at every pair of the corpus, rising with the logit (isotonic regression)."""
    from sklearn.isotonic import IsotonicRegression

    values = np.concatenate([own, wrong])
    model = IsotonicRegression(y_min=0.0, y_max=1.0, out_of_bounds="clip").fit(values, np.repeat([0.0, 1.0], [len(own), len(wrong)]))
    shuffled = model.predict(own)
    return shuffled / np.maximum(1 - shuffled, 1e-6)


def _auc(own: np.ndarray, wrong: np.ndarray) -> float:
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(np.repeat([0, 1], len(own)), np.concatenate([own, wrong])))


def _share_of_wrong(own: np.ndarray, wrong: np.ndarray) -> float:
    """The smallest ratio of the shares above a threshold, over thresholds that half to 19 in 20 of the shuffled pairs pass."""
    thresholds = np.quantile(wrong, np.linspace(0.05, 0.5, 19))
    above = [np.searchsorted(np.sort(values), thresholds, side="left") for values in (own, wrong)]
    shares = [1 - places / len(own) for places in above]
    return float(min(1.0, (shares[0] / np.maximum(shares[1], 1e-9)).min()))
