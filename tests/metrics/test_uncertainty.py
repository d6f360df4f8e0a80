"""Intervals and paired comparisons against closed forms, brute force over all sign flips, and coverage; values of every query."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from scipy.stats import norm

from hetero_xmodal import metrics
from hetero_xmodal.errors import InputError
from hetero_xmodal.metrics import bootstrap_interval, mean_average_precision, paired_comparison, recall_at_k
from hetero_xmodal.metrics.retrieval import Protocol


def test_the_interval_of_a_large_normal_sample_is_that_of_the_textbook():
    values = np.random.default_rng(0).normal(5, 2, 2000)
    found = bootstrap_interval(values, level=0.9, resamples=4000)
    half = norm.ppf(0.95) * values.std() / np.sqrt(2000)
    assert found.value == pytest.approx(values.mean()) and (found.n, found.groups, found.level) == (2000, 2000, 0.9)
    assert found.low == pytest.approx(values.mean() - half, abs=0.1 * half)
    assert found.high == pytest.approx(values.mean() + half, abs=0.1 * half)


@pytest.mark.parametrize("level", [0.8, 0.95])
def test_intervals_hold_the_truth_as_often_as_they_promise(level):
    rng = np.random.default_rng(1)
    intervals = [bootstrap_interval(rng.normal(3, 1, 60), level=level, resamples=300) for _ in range(400)]
    share = np.mean([interval.low <= 3 <= interval.high for interval in intervals])
    # 400 samples tell a share to about 0.02; a percentile interval of 60 values is 1 % too narrow
    assert abs(share - level) < 0.05


def test_captions_of_one_image_are_drawn_together():
    """Five equal captions an image: as wide as the interval over images, and sqrt(5) times as wide as if they were independent."""
    rng = np.random.default_rng(2)
    images = rng.random(200)
    captions, owner = np.repeat(images, 5), np.repeat(np.arange(200), 5)

    def width(interval):
        return interval.high - interval.low

    order = rng.permutation(1000)  # the groups, not the order, define the image of each caption
    grouped = bootstrap_interval(captions[order], groups=owner[order])
    alone = bootstrap_interval(captions)
    assert (grouped.n, grouped.groups) == (1000, 200)
    assert width(grouped) == pytest.approx(width(bootstrap_interval(images)), rel=0.1)
    assert width(grouped) == pytest.approx(np.sqrt(5) * width(alone), rel=0.1)
    assert width(bootstrap_interval(captions[order], groups=owner[order], statistic=np.mean)) == pytest.approx(width(grouped), rel=0.1)
    words = np.array([f"image {k}" for k in owner])
    assert bootstrap_interval(captions, groups=words) == bootstrap_interval(captions, groups=np.unique(words, return_inverse=True)[1])


def test_intervals_of_groups_of_unequal_size_hold_the_truth():
    """The mean over queries, not over groups: of two groups with 1 and 3 queries only these means can be drawn."""
    values, groups = [1.0, 0.0, 0.0, 0.0], ["a", "b", "b", "b"]
    found = bootstrap_interval(values, groups=groups, level=0.3)
    assert found.value == 0.25
    assert (found.low, found.high) == (0.25, 0.25)  # both groups once: half of the draws
    assert bootstrap_interval(values, groups=groups, level=0.9).low == 0.0
    assert bootstrap_interval(values, groups=groups, level=0.9).high == 1.0


def test_other_statistics_and_seeds():
    values = np.random.default_rng(3).exponential(size=101)
    median = bootstrap_interval(values, statistic=np.median)
    assert median.value == np.median(values) and median.low < median.value < median.high
    assert median.low in values and median.high in values  # the median of an odd number of drawn values is one of them
    assert bootstrap_interval(values) == bootstrap_interval(torch.from_numpy(values))
    assert bootstrap_interval(values) == bootstrap_interval(values, seed=0) != bootstrap_interval(values, seed=1)
    constant = bootstrap_interval(np.full(9, 0.5))
    assert (constant.value, constant.low, constant.high) == (0.5, 0.5, 0.5)
    with pytest.raises(InputError, match="must return one number"):
        bootstrap_interval(values, statistic=np.sort)


def test_identical_methods_do_not_differ():
    values = np.random.default_rng(4).random(50)
    result = paired_comparison(values, values)
    assert (result.difference.value, result.difference.low, result.difference.high, result.p_value) == (0, 0, 0, 1)
    assert (result.wins, result.losses, result.ties, result.n) == (0, 0, 50, 50)
    assert result.first == result.second == values.mean()


@pytest.mark.parametrize("groups", [None, np.arange(40) // 4])
def test_exchanging_the_methods_turns_the_sign_and_nothing_else(groups):
    a, b = np.random.default_rng(5).random((2, 40))
    there, back = paired_comparison(a, b, groups=groups), paired_comparison(b, a, groups=groups)
    assert there.difference.value == pytest.approx(a.mean() - b.mean()) and back.difference.value == -there.difference.value
    assert (back.difference.low, back.difference.high) == pytest.approx((-there.difference.high, -there.difference.low), abs=0.02)
    assert back.p_value == pytest.approx(there.p_value, abs=0.02)  # random flips; with few groups all are tried
    if groups is not None:
        assert back.p_value == pytest.approx(there.p_value)
    assert (back.wins, back.losses, back.ties) == (there.losses, there.wins, there.ties)


def all_flips(differences) -> float:
    """Two-sided p value by brute force: twice the smaller of both tails."""
    sums = [np.dot(signs, differences) for signs in itertools.product((1, -1), repeat=len(differences))]
    tails = [np.mean([sign * s >= sign * sum(differences) - 1e-9 for s in sums]) for sign in (1, -1)]
    return min(1.0, 2 * min(tails))


def test_p_values_of_few_queries_are_exact():
    for wins in (2, 5, 8):  # all on one side: one of 2^wins flips is as far to this side, and one to the other
        assert paired_comparison(np.ones(wins), np.zeros(wins)).p_value == pytest.approx(2 / 2**wins)
    rng = np.random.default_rng(6)
    for _ in range(5):
        a, b = rng.integers(0, 4, (2, 9)) / 3
        assert paired_comparison(a, b).p_value == pytest.approx(all_flips(a - b))
    a, b = rng.random((2, 20))
    groups = np.arange(20) % 6
    assert paired_comparison(a, b, groups=groups).p_value == pytest.approx(all_flips(np.bincount(groups, a - b)))
    assert paired_comparison([3.0, 1.0], [1.0, 1.0]).p_value == 1.0  # one query that differs proves nothing


def test_chance_is_not_called_a_difference_and_a_difference_is():
    rng = np.random.default_rng(7)
    p = [paired_comparison(*rng.normal(size=(2, 30)), resamples=10, permutations=199).p_value for _ in range(200)]
    assert np.mean(np.array(p) <= 0.1) == pytest.approx(0.1, abs=0.06)
    base = rng.normal(size=100)
    better = paired_comparison(base + 0.1 + 0.1 * rng.normal(size=100), base)  # small, but nearly everywhere
    assert better.p_value <= 0.001 and better.difference.low > 0.05 and better.wins > better.losses
    unpaired = np.hypot(*[np.std(x) / 10 for x in (base, base)])
    assert better.difference.high - better.difference.low < unpaired  # pairing takes away what both have in common


def test_captions_that_agree_with_each_other_are_no_proof():
    """One image whose hundred captions all win: a hundred wins, but one group that differs."""
    a, b = np.zeros(110), np.zeros(110)
    a[:100] = 1
    groups = np.minimum(np.arange(110) // 100 + np.arange(110) % 10 * (np.arange(110) >= 100), 10)
    alone, together = paired_comparison(a, b), paired_comparison(a, b, groups=groups)
    assert alone.p_value < 0.001 and together.p_value == 1.0
    assert alone.wins == together.wins == 100 and together.difference.groups == len(set(groups)) < 12


@pytest.mark.parametrize("change, message", [
    ({"per_query": [0.5, np.nan, 0.25]}, "per_query of query 1 is nan .1 of 3"),
    ({"per_query": [0.5, np.inf]}, "query 1 is inf"),
    ({"per_query": [[0.5, 1.0]]}, "one value per query"),
    ({"per_query": [0.5]}, "at least two queries"),
    ({"per_query": ["a", "b"]}, "must hold numbers"),
    ({"groups": [0, 1]}, "one group per query"),
    ({"groups": [0.0, 1.0, 1.0]}, "whole numbers or words"),
    ({"groups": [4, 4, 4]}, "one group only"),
    ({"level": 95}, "between 0 and 1"),
    ({"level": True}, "between 0 and 1"),
    ({"resamples": 0}, "at least 1"),
    ({"seed": -1}, "at least 0"),
])  # fmt: skip
def test_bad_input_of_intervals(change, message):
    arguments = {"per_query": [0.5, 1.0, 0.0], **change}
    with pytest.raises(InputError, match=message):
        bootstrap_interval(arguments.pop("per_query"), **arguments)


@pytest.mark.parametrize("change, message", [
    ({"second": [0.5, 1.0]}, "first has 3 values but second 2"),
    ({"second": [0.5, 1.0, np.nan]}, "second of query 2 is nan"),
    ({"permutations": 0}, "permutations 0"),
    ({"groups": [1]}, "one group per query"),
    ({"level": 0}, "between 0 and 1"),
])  # fmt: skip
def test_bad_input_of_comparisons(change, message):
    arguments = {"first": [0.5, 1.0, 0.0], "second": [0.5, 1.0, 1.0], **change}
    with pytest.raises(InputError, match=message):
        paired_comparison(arguments.pop("first"), arguments.pop("second"), **arguments)


def test_what_they_print():
    values = [1, 0, 1, 1]
    assert str(bootstrap_interval(values)).startswith("0.7500 [") and "95 % interval, 4 queries)" in str(bootstrap_interval(values))
    assert "4 queries in 2 groups" in str(bootstrap_interval(values, groups=[0, 0, 1, 1]))
    assert "1.0000 against 0.7500" in str(paired_comparison([1, 1, 1, 1], values)) and "1 wins" in str(paired_comparison([1] * 4, values))


# ---------------------------------------------------------------------------------------------- values of every query


def by_sorting(similarity, owner):
    i2t = [1 + min(np.flatnonzero(owner[np.argsort(-row)] == i)) if (owner == i).any() else np.nan for i, row in enumerate(similarity)]
    t2i = [1 + int(np.flatnonzero(np.argsort(-similarity[:, c]) == own)[0]) for c, own in enumerate(owner)]
    return {"image_to_text": np.array(i2t), "text_to_image": np.array(t2i)}


def test_recall_tells_the_rank_of_every_query():
    rng = np.random.default_rng(8)
    similarity, owner = rng.normal(size=(30, 80)), rng.permutation(np.arange(80) % 25)  # unsorted; images 25 to 29 have no caption
    result = recall_at_k(similarity, owner, ks=(1, 5))
    wanted = by_sorting(similarity, owner)
    for direction in ("image_to_text", "text_to_image"):
        np.testing.assert_array_equal(result.ranks[direction], wanted[direction])
        for k in (1, 5):
            hits = result.hits(direction, k)
            assert np.nanmean(hits) == pytest.approx(result[direction][k] / 100) and len(hits) == len(wanted[direction])
            np.testing.assert_array_equal(np.isnan(hits), np.isnan(wanted[direction]))  # no query is no miss
    with pytest.raises(InputError, match="query 25 is nan .5 of 30"):
        bootstrap_interval(result.hits("image_to_text", 5))
    with pytest.raises(InputError, match="did you mean 'image_to_text'"):
        result.hits("image_to_txt", 5)
    with pytest.raises(InputError, match="k 0 must be"):
        result.hits("image_to_text", 0)
    assert np.isnan(result.ranks["image_to_text"]).sum() == result["images_without_caption"]
    tied = recall_at_k(np.zeros((4, 8)), np.arange(8) // 2)
    assert tied.ranks["image_to_text"].tolist() == [4.0] * 4 and tied.ranks["text_to_image"].tolist() == [2.5] * 8


def test_ranks_of_folds_are_ranks_in_the_fold_in_the_order_given():
    rng = np.random.default_rng(9)
    similarity, owner = rng.normal(size=(12, 24)), rng.permutation(np.repeat(np.arange(12), 2))
    result = recall_at_k(similarity, owner, protocol=Protocol("three", None, 3, "three folds of four"))
    for start in (0, 4, 8):
        columns = np.flatnonzero((owner >= start) & (owner < start + 4))
        alone = by_sorting(similarity[start : start + 4, columns], owner[columns] - start)
        np.testing.assert_array_equal(result.ranks["image_to_text"][start : start + 4], alone["image_to_text"])
        np.testing.assert_array_equal(result.ranks["text_to_image"][columns], alone["text_to_image"])
    assert "ranks" not in result  # the dictionary stays one of plain numbers


def test_two_methods_are_compared_query_by_query_from_their_scores():
    rng = np.random.default_rng(10)
    owner = np.repeat(np.arange(40), 5)
    truth = (owner == np.arange(40)[:, None]).astype(float)
    good, poor = (truth + noise * rng.normal(size=truth.shape) for noise in (0.3, 1.0))
    hits = [recall_at_k(s, owner).hits("text_to_image", 1) for s in (good, poor)]
    recall = paired_comparison(*hits, groups=owner)
    assert recall.p_value < 0.01 and recall.difference.low > 0 and recall.difference.groups == 40
    precision = paired_comparison(*(mean_average_precision(s, truth).per_query for s in (good, poor)))
    assert precision.first == pytest.approx(float(mean_average_precision(good, truth))) and precision.difference.low > 0


def test_a_model_is_scored_query_by_query():
    from recipes.test_dagnn import model, pairs

    from hetero_xmodal.training.dagnn import evaluate_queries, evaluate_retrieval

    trained, data = model().eval(), pairs(40, 1)
    found, scores = evaluate_queries(trained, data), evaluate_retrieval(trained, data)
    assert {direction: float(value) for direction, value in found.items()} == {k: v for k, v in scores.items() if k != "mean"}
    for value in found.values():
        assert value.per_query.shape == (40,) and value.per_query.mean() == pytest.approx(float(value))
    with pytest.raises(InputError, match="2 labels, but the model knows 3"):
        evaluate_queries(trained, pairs(40, 1, classes=2))


def test_public_names():
    assert {"bootstrap_interval", "paired_comparison", "Interval", "PairedComparison"} <= set(metrics.__all__)
    assert metrics.bootstrap_interval is bootstrap_interval
