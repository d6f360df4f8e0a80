"""Similarity of sentences to references, and zero-shot classification of images by class descriptions.

| metric | range | better | definition |
|---|---|---|---|
| :func:`bleu` | 0..1 | higher | shared word n-grams of a corpus |
| :func:`textrank_similarity` | 0.. raw, 0..1 normalised | higher | shared words of two sentences |
| :func:`levenshtein_ratio` | 0..1 | higher | share of characters that need no edit |
| :func:`zero_shot` | 0..1 each | higher | Top-1 and AP@50 between images and descriptions of their classes |

Sentences are compared by their words: lower case, letters and digits, without punctuation (see :func:`words`).
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import InputError
from .arrays import array, embedding_matrix, is_count


def words(sentence: str) -> list[str]:
    """Split a sentence into lower-case words; an apostrophe inside a word is part of it.

    >>> words("This bird's beak is short, isn't it?")
    ['this', "bird's", 'beak', 'is', 'short', "isn't", 'it']
    """
    return re.findall(r"\w+(?:'\w+)*", sentence.lower())


# ---------------------------------------------------------------------------------------------- BLEU


def bleu(sentences: Sequence[str], references: Sequence[Sequence[str]], *, n: int = 4) -> list[float]:
    """BLEU-1 to BLEU-*n* of a corpus, without smoothing: ``result[3]`` is BLEU-4. Papers report it times 100.

    Counts of n-grams, clipped at the largest count in any one reference, are pooled over the corpus; BLEU-k is the geometric mean of the
    first k precisions times ``exp(1 - r/c)`` if the sentences (c words) are shorter than their references (r words: of each sentence the
    reference of closest length, the shorter one of two). Papineni et al. 2002, as in coco-caption.

    Parameters
    ----------
    sentences : generated sentences.
    references : for each sentence, at least one reference.
    n : longest n-gram.

    Raises
    ------
    InputError
        If numbers differ, a sentence is not a string, or *n* is below 1.

    >>> reference = ["this bird has a blue head and grey wings"]
    >>> [round(b, 4) for b in bleu(["this bird has a blue head and white wings"], [reference])]
    [0.8889, 0.8165, 0.7809, 0.7506]
    """
    _check(sentences, references)
    if not is_count(n):
        raise InputError(f"n is {n!r}; the longest n-gram is a whole number of at least 1")
    matched, made = np.zeros(n), np.zeros(n)
    made_length = reference_length = 0
    for sentence, others in zip(sentences, references, strict=True):
        tokens, targets = words(sentence), [words(o) for o in others]
        made_length += len(tokens)
        reference_length += min((abs(len(t) - len(tokens)), len(t)) for t in targets)[1]
        for k in range(1, n + 1):
            counts = _grams(tokens, k)
            limit: Counter = Counter()
            for target in targets:
                limit |= _grams(target, k)
            matched[k - 1] += sum((counts & limit).values())
            made[k - 1] += sum(counts.values())
    if made_length == 0:
        return [0.0] * n
    penalty = 1.0 if made_length >= reference_length else math.exp(1 - reference_length / made_length)
    precision = np.divide(matched, made, out=np.zeros(n), where=made > 0)
    with np.errstate(divide="ignore"):
        return [float(penalty * np.exp(np.log(precision[:k]).mean())) for k in range(1, n + 1)]


def _grams(tokens: list[str], k: int) -> Counter:
    return Counter(zip(*(tokens[i:] for i in range(k)), strict=False))


# ---------------------------------------------------------------------------------------------- TextRank, Levenshtein


def textrank_similarity(a: str, b: str, *, normalised: bool = False) -> float:
    """TextRank's similarity of two sentences: number of distinct common words over ln|a| + ln|b| (lengths in words).

    The similarity of a sentence with itself is not 1 (for nine distinct words it is 2.05); *normalised* divides by the square root of the
    product of both self-similarities. It is 0 if both logarithms are 0 (two sentences of one word) or a sentence is empty. Mihalcea and
    Tarau 2004.

    >>> a, b = "this bird has a blue head and grey wings", "this bird has a red head and white wings"
    >>> round(textrank_similarity(a, b), 6), round(textrank_similarity(a, b, normalised=True), 6)
    (1.592919, 0.777778)
    """
    first, second = words(a), words(b)
    value = _textrank(first, second)
    if normalised and value:
        value /= math.sqrt(_textrank(first, first) * _textrank(second, second)) or 1.0
    return value


def _textrank(a: list[str], b: list[str]) -> float:
    size = math.log(len(a)) + math.log(len(b)) if a and b else 0.0
    return len(set(a) & set(b)) / size if size > 0 else 0.0


def levenshtein_ratio(a: str, b: str) -> float:
    """``1 - D / (|a| + |b|)`` over characters, where D counts insertions and deletions (a substitution is one of each).

    This is ``ratio`` of the packages Levenshtein and rapidfuzz; D = |a| + |b| - 2 LCS(a, b). It differs from difflib's ratio, which counts
    matching *blocks* and can be smaller. The ratio of two empty texts is 1.

    >>> round(levenshtein_ratio("kitten", "sitting"), 6)
    0.615385
    """
    if not a and not b:
        return 1.0
    return 2 * _common(a, b) / (len(a) + len(b))


def _common(a: str, b: str) -> int:
    """Length of the longest common subsequence; one bit per character of *a*, one addition per character of *b* (Hyyro 2004)."""
    places: dict[str, int] = {}
    for i, character in enumerate(a):
        places[character] = places.get(character, 0) | 1 << i
    everything = row = (1 << len(a)) - 1
    for character in b:
        hit = row & places.get(character, 0)
        row = ((row + hit) | (row - hit)) & everything
    return len(a) - row.bit_count()


def levenshtein_distance(a: str, b: str) -> int:
    """Minimum number of insertions, deletions and substitutions of characters that turn *a* into *b*.

    >>> levenshtein_distance("kitten", "sitting")
    3
    """
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        before, row = row, [i]
        for j, y in enumerate(b, 1):
            row.append(min(before[j] + 1, row[-1] + 1, before[j - 1] + (x != y)))
    return row[-1]


def yujian_bo_distance(a: str, b: str) -> float:
    """``2 D / (|a| + |b| + D)`` with the Levenshtein distance D: a metric from 0 (equal) to 1 (nothing in common). Yujian and Bo 2007.

    >>> yujian_bo_distance("kitten", "sitting")
    0.375
    """
    distance = levenshtein_distance(a, b)
    return 2 * distance / (len(a) + len(b) + distance) if distance else 0.0


@dataclass(frozen=True)
class SentenceScores:
    """Means over all sentences; of several references, the best one counts (BLEU uses all by definition).

    bleu1 ... bleu4 : 0..1, higher is better
    textrank, textrank_normalised : see :func:`textrank_similarity`
    levenshtein : see :func:`levenshtein_ratio`
    yujian_bo : distance, 0..1, lower is better
    sentences : number of sentences
    """

    bleu1: float
    bleu2: float
    bleu3: float
    bleu4: float
    textrank: float
    textrank_normalised: float
    levenshtein: float
    yujian_bo: float
    sentences: int


def sentence_scores(sentences: Sequence[str], references: Sequence[Sequence[str]]) -> SentenceScores:
    """All word and character metrics of generated sentences against their references.

    Raises
    ------
    InputError
        If numbers differ or a sentence is not a string.

    >>> sentence_scores(["a red bird"], [["a red bird", "a bird"]]).levenshtein
    1.0
    """
    _check(sentences, references)

    def mean(measure, best=max) -> float:
        return float(np.mean([best(measure(s, o) for o in others) for s, others in zip(sentences, references, strict=True)]))

    return SentenceScores(
        *bleu(sentences, references), mean(textrank_similarity), mean(lambda a, b: textrank_similarity(a, b, normalised=True)),
        mean(levenshtein_ratio), mean(yujian_bo_distance, min), len(sentences),
    )  # fmt: skip


def _check(sentences: Sequence[str], references: Sequence[Sequence[str]]) -> None:
    if isinstance(sentences, str) or not len(sentences):
        raise InputError("sentences must be a list of at least one made sentence")
    if len(sentences) != len(references):
        raise InputError(f"there are {len(sentences)} sentences but references for {len(references)}; give a list of references for each")
    for k, (sentence, others) in enumerate(zip(sentences, references, strict=True)):
        if not isinstance(sentence, str):
            raise InputError(f"sentence {k} is {sentence!r}, expected a text")
        if isinstance(others, str) or not len(others) or not all(isinstance(o, str) for o in others):
            raise InputError(f"the references of sentence {k} are {others!r}; expected a list of at least one text")


# ---------------------------------------------------------------------------------------------- images and class descriptions


@dataclass(frozen=True)
class ZeroShot:
    """Result of :func:`zero_shot`: ``top1`` and ``ap`` in 0..1, higher is better; ``ap`` is over ``k`` images and ``classes``.

    ``ap_ceiling`` is the value of a perfect ranking: below 1 if a class has fewer than ``k`` images.
    """

    top1: float
    ap: float
    k: int
    classes: int
    ap_ceiling: float


def zero_shot(images: Any, image_classes: Any, texts: Any, text_classes: Any, *, k: int = 50) -> ZeroShot:
    """Top-1 and AP@k of Reed et al. 2016: classification of images by class descriptions, and retrieval of a class's images.

    A class is represented by the mean of its captions' embeddings. Top-1: share of images whose best class by inner product is theirs.
    AP@k: for every class, the share of its images among the k images with the largest inner product, averaged over the classes with an
    image. The class of an edited image is that of the sentence it was made from.

    Parameters
    ----------
    images, texts : embeddings (images, d) and (captions, d) in one space.
    image_classes, text_classes : integers (images,) and (captions,).
    k : 50 in the papers; limited to the number of images.

    Raises
    ------
    InputError
        If shapes do not match, an embedding is not finite, or a class of an image has no caption.

    >>> zero_shot([[1, 0], [0, 1]], [0, 1], [[2, 0], [0, 2]], [0, 1], k=1)
    ZeroShot(top1=1.0, ap=1.0, k=1, classes=2, ap_ceiling=1.0)
    """
    images, texts = embedding_matrix(images, "images"), embedding_matrix(texts, "texts")
    if images.shape[1] != texts.shape[1]:
        raise InputError(f"images have {images.shape[1]} columns, texts {texts.shape[1]}; they must be of one embedding space")
    labels = [_classes(c, n, rows) for c, n, rows in ((image_classes, "image_classes", images), (text_classes, "text_classes", texts))]
    if not is_count(k):
        raise InputError(f"k is {k!r}; give a whole number of at least 1")
    classes = np.unique(labels[1])
    unknown = np.setdiff1d(labels[0], classes)
    if len(unknown):
        raise InputError(f"no caption describes class {unknown[0]}, which an image has; give captions for every class")
    described = np.stack([texts[labels[1] == c].mean(0) for c in classes])
    similarity = images @ described.T
    right = labels[0][:, None] == classes
    top1 = float(right[np.arange(len(images)), similarity.argmax(1)].mean())
    seen = right.any(0)
    k = min(k, len(images))
    best = np.argsort(-similarity[:, seen], axis=0, kind="stable")[:k]
    found = np.take_along_axis(right[:, seen], best, axis=0).mean(0)
    ceiling = np.minimum(right[:, seen].sum(0), k) / k
    return ZeroShot(top1, float(found.mean()), k, int(seen.sum()), float(ceiling.mean()))


def _classes(values: Any, name: str, rows: np.ndarray) -> np.ndarray:
    values = array(values, name)
    if values.shape != (len(rows),) or values.dtype.kind not in "iu":
        raise InputError(
            f"{name} has shape {values.shape} and type {values.dtype}; it must hold one whole number per row, {len(rows)} in all"
        )
    return values
