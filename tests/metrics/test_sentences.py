"""Sentence metrics: published formulas on small cases, and agreement with a second implementation."""

from __future__ import annotations

import random

import numpy as np
import pytest

from hetero_xmodal import metrics
from hetero_xmodal.errors import InputError
from hetero_xmodal.metrics.sentences import levenshtein_distance, sentence_scores, words, yujian_bo_distance

FIRST, SECOND = "this bird has a blue head and grey wings", "this bird has a red head and white wings"
VOCABULARY = "this bird has a red blue head and the wings are grey".split()


def random_sentences(count: int, seed: int) -> list[str]:
    rng = random.Random(seed)
    return [" ".join(rng.choice(VOCABULARY) for _ in range(rng.randint(4, 12))) for _ in range(count)]


def test_fixture_values():
    assert metrics.levenshtein_ratio("kitten", "sitting") == pytest.approx(0.615385, abs=1e-6)
    assert levenshtein_distance("kitten", "sitting") == 3 and yujian_bo_distance("kitten", "sitting") == 0.375
    assert metrics.textrank_similarity(FIRST, SECOND) == pytest.approx(1.592919, abs=1e-6)
    assert metrics.textrank_similarity(FIRST, FIRST) == pytest.approx(2.048038, abs=1e-6)
    assert metrics.textrank_similarity(FIRST, SECOND, normalised=True) == pytest.approx(0.777778, abs=1e-6)
    assert metrics.levenshtein_ratio(FIRST, SECOND) == pytest.approx(0.85, abs=5e-3)
    made = "this bird has a blue head and white wings"
    assert metrics.bleu([made], [[FIRST]])[3] == pytest.approx(0.750624, abs=1e-6)
    precisions = np.array([8 / 9, 6 / 8, 5 / 7, 4 / 6])
    assert metrics.bleu([made], [[FIRST]]) == pytest.approx([float(np.exp(np.log(precisions[:k]).mean())) for k in range(1, 5)])


def test_bleu_agrees_with_torchmetrics():
    from torchmetrics.functional.text import bleu_score

    made, rng = random_sentences(40, 1), random.Random(2)
    references = [[" ".join(w for w in s.split() if rng.random() < 0.8) + " too" for _ in range(3)] for s in made]
    # torchmetrics takes the first of two equally near lengths, we the shorter; sorted by length that is the same
    references = [sorted(r, key=lambda s: len(s.split())) for r in references]
    ours = metrics.bleu(made, references)
    assert 0 < ours[3] < ours[0] < 1
    theirs = [float(bleu_score(made, references, n_gram=n)) for n in range(1, 5)]
    assert ours == pytest.approx(theirs, abs=1e-6)


def test_bleu_of_short_empty_and_equal_sentences():
    assert metrics.bleu([FIRST], [[FIRST, SECOND]]) == pytest.approx([1, 1, 1, 1])
    assert metrics.bleu([""], [[FIRST]]) == [0, 0, 0, 0]
    assert metrics.bleu(["this bird"], [["this bird has wings"]])[0] == pytest.approx(np.exp(1 - 4 / 2))
    assert metrics.bleu(["this bird"], [["this bird has wings"]])[3] == 0  # no 4-gram at all
    assert metrics.bleu(["the the the"], [["the bird"]])[0] == pytest.approx(1 / 3)  # clipped


def plain_insertions_and_deletions(a: str, b: str) -> int:
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        before, row = row, [i]
        for j, y in enumerate(b, 1):
            row.append(before[j - 1] if x == y else 1 + min(before[j], row[-1]))
    return row[-1]


def test_levenshtein_ratio_equals_the_plain_table():
    rng = random.Random(3)
    for _ in range(200):
        a, b = ("".join(rng.choice("abc d") for _ in range(rng.randint(0, 90))) for _ in range(2))
        expected = 1 - plain_insertions_and_deletions(a, b) / (len(a) + len(b)) if a or b else 1.0
        assert metrics.levenshtein_ratio(a, b) == pytest.approx(expected)
        assert metrics.levenshtein_ratio(a, b) == metrics.levenshtein_ratio(b, a)
    assert metrics.levenshtein_ratio("", "abc") == 0 and metrics.levenshtein_ratio("abc", "abc") == 1


def test_degenerate_sentences_have_a_defined_similarity():
    assert metrics.textrank_similarity("bird", "bird") == 0  # both logarithms are 0
    assert metrics.textrank_similarity("", FIRST, normalised=True) == 0
    assert metrics.textrank_similarity(FIRST, FIRST, normalised=True) == pytest.approx(1)
    assert words("Rot-kehlchen's nest!") == ["rot", "kehlchen's", "nest"]


def test_scores_take_the_best_reference():
    scores = sentence_scores([FIRST, SECOND], [[SECOND, FIRST], [SECOND]])
    assert scores.levenshtein == scores.textrank_normalised == 1 and scores.yujian_bo == 0 and scores.sentences == 2


def test_zero_shot_against_a_slow_loop():
    rng = np.random.default_rng(0)
    images, texts = rng.normal(size=(60, 5)), rng.normal(size=(40, 5))
    image_classes, text_classes = rng.integers(0, 4, 60), np.repeat(np.arange(4), 10)
    found = metrics.zero_shot(images, image_classes, texts, text_classes, k=7)
    means = [texts[text_classes == c].mean(0) for c in range(4)]
    top = np.mean([max(range(4), key=lambda c: image @ means[c]) == label for image, label in zip(images, image_classes, strict=True)])
    precisions = []
    for c in range(4):
        best = sorted(range(60), key=lambda i: -(images[i] @ means[c]))[:7]
        precisions.append(np.mean([image_classes[i] == c for i in best]))
    assert found.top1 == pytest.approx(top) and found.ap == pytest.approx(np.mean(precisions)) and found.ap_ceiling == 1
    perfect = metrics.zero_shot(np.eye(3), [0, 1, 2], np.eye(3), [0, 1, 2])
    assert perfect.top1 == 1 and perfect.k == 3 and perfect.ap == perfect.ap_ceiling == pytest.approx(1 / 3)


def test_bad_input_is_named():
    with pytest.raises(InputError, match="2 sentences but references for 1"):
        metrics.bleu(["a", "b"], [["a"]])
    with pytest.raises(InputError, match="references of sentence 0"):
        sentence_scores(["a"], ["a bird"])  # a text instead of a list
    with pytest.raises(InputError, match="sentence 1 is None"):
        metrics.bleu(["a", None], [["a"], ["a"]])
    with pytest.raises(InputError, match="describes class 5"):
        metrics.zero_shot([[1.0, 0]], [5], [[1.0, 0]], [0])
    with pytest.raises(InputError, match="NaN"):
        metrics.zero_shot([[np.nan, 0]], [0], [[1.0, 0]], [0])
