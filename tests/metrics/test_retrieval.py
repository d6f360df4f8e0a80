"""Mean average precision and recall at K: fixtures, brute force over tie orders, naive loops, scikit-learn, torchmetrics, bad input."""

import itertools
import tracemalloc

import numpy as np
import pytest
import torch

from hetero_xmodal.errors import InputError
from hetero_xmodal.metrics import mean_average_precision, mean_average_precision_from_embeddings, recall_at_k

rng = np.random.default_rng


def average_precision_of_order(hits, k=None, denominator="found"):
    """From the definition: mean over relevant places of (relevant so far) / (place)."""
    k = len(hits) if k is None else k
    precisions = [sum(hits[: place + 1]) / (place + 1) for place in range(k) if hits[place]]
    divisor = len(precisions) if denominator == "found" else min(k, sum(hits))
    return sum(precisions) / divisor if precisions else 0.0


def loop_map(similarity, relevance):
    values = [average_precision_of_order(relevance[i][np.argsort(-similarity[i], kind="stable")]) for i in range(len(similarity))]
    return np.mean([v for v, r in zip(values, relevance, strict=True) if r.any()])


def test_fixture_d8():
    assert mean_average_precision([[5, 4, 3, 2, 1]], [[1, 0, 1, 1, 0]]) == pytest.approx(0.805556, abs=1e-6)
    v, t, y = np.array([[1, 0], [0, 1], [1, 1.0]]), np.array([[1, 0.1], [0.2, 1], [1, -1]]), np.array([[1, 0], [0, 1], [1, 1]])
    score = mean_average_precision_from_embeddings(v, t, y, y)
    np.testing.assert_allclose(score.per_query, [1, 5 / 6, 1], atol=1e-6)
    assert score == pytest.approx(17 / 18)
    assert mean_average_precision_from_embeddings(7 * v, 0.01 * t, y, y) == pytest.approx(score)  # cosine: lengths do not matter


def test_fixture_a14():
    image, caption = np.ogrid[:3, :15]
    similarity = np.sin(7 * image + 3 * caption + 1)
    result = recall_at_k(similarity, np.repeat([0, 1, 2], 5))
    assert result["image_to_text"] == pytest.approx({1: 100 / 3, 5: 100.0, 10: 100.0})
    assert result["text_to_image"][1] == pytest.approx(100 * 4 / 15)
    assert result["median_rank"]["image_to_text"] == 4  # best ranks 0, 3, 3 counted from 0
    assert result["mean_rank"]["image_to_text"] == pytest.approx((1 + 4 + 4) / 3)
    assert recall_at_k((similarity + similarity) / 2, np.repeat([0, 1, 2], 5)) == result  # ensemble of two equal matrices
    assert result["rsum"] == pytest.approx(sum(result["image_to_text"].values()) + sum(result["text_to_image"].values()))


@pytest.mark.parametrize("denominator", ["found", "possible"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_ties_against_every_order(dtype, denominator):
    """Expected, best and worst average precision over all orders of equal scores, for every cut-off: by brute force."""
    generator = rng(0)
    for _ in range(25):
        n = int(generator.integers(2, 7))
        scores = generator.integers(-1, 2, n).astype(dtype) * dtype(0.1)
        relevant = generator.random(n) < 0.5
        relevant[generator.integers(n)] = True
        orders = [p for p in itertools.permutations(range(n)) if all(scores[p[j]] >= scores[p[j + 1]] for j in range(n - 1))]
        for k in [None, *range(1, n + 1)]:
            values = [average_precision_of_order(relevant[list(p)], k, denominator) for p in orders]
            options = {"k": k, "denominator": denominator}
            assert mean_average_precision([scores], [relevant], **options) == pytest.approx(np.mean(values), abs=1e-12)
            if k is None or denominator == "possible":  # otherwise more hits can mean a lower quotient, and first is not best
                assert mean_average_precision([scores], [relevant], ties="optimistic", **options) == pytest.approx(max(values), abs=1e-12)
                assert mean_average_precision([scores], [relevant], ties="pessimistic", **options) == pytest.approx(min(values), abs=1e-12)
            else:
                first = sorted(range(n), key=lambda j: (-scores[j], not relevant[j]))
                last = sorted(range(n), key=lambda j: (-scores[j], relevant[j]))
                for ties, order in (("optimistic", first), ("pessimistic", last)):
                    expected = average_precision_of_order(relevant[order], k, denominator)
                    assert mean_average_precision([scores], [relevant], ties=ties, **options) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_against_loop_scikit_learn_and_torchmetrics(dtype):
    from sklearn.metrics import average_precision_score
    from torchmetrics.functional.retrieval import retrieval_average_precision

    similarity = rng(1).uniform(-1, 1, (40, 700)).astype(dtype)
    relevance = rng(2).random((40, 700)) < 0.02 + 0.5 * rng(3).random((40, 1))
    relevance[:3] = False
    relevance[3:5] = True
    score = mean_average_precision(similarity, relevance)
    assert score.empty_queries == 3 and np.isnan(score.per_query[:3]).all()
    assert score == pytest.approx(loop_map(similarity, relevance), abs=1e-12)
    for i in range(3, 40):
        assert score.per_query[i] == pytest.approx(average_precision_score(relevance[i], similarity[i]), abs=1e-12)
    # torchmetrics takes scores of zero and below for "not retrieved", so it is asked about shifted scores
    shifted, target = torch.from_numpy(similarity.astype(np.float64) + 2), torch.from_numpy(relevance)
    for k in (None, 10, 50):
        theirs = [float(retrieval_average_precision(shifted[i], target[i], top_k=k)) for i in range(3, 40)]
        np.testing.assert_allclose(mean_average_precision(similarity, relevance, k=k).per_query[3:], theirs, atol=1e-6)
    assert mean_average_precision(torch.from_numpy(similarity), target) == score


def test_equal_scores_do_not_depend_on_column_order():
    scores = rng(4).integers(0, 4, (30, 50)).astype(np.float32)
    relevance = rng(5).random((30, 50)) < 0.3
    order = rng(6).permutation(50)
    for ties in ("expected", "optimistic", "pessimistic"):
        for k in (None, 7):
            one = mean_average_precision(scores, relevance, ties=ties, k=k).per_query
            other = mean_average_precision(scores[:, order], relevance[:, order], ties=ties, k=k).per_query
            np.testing.assert_allclose(one, other, atol=1e-12)
            np.testing.assert_allclose(one, mean_average_precision(scores.astype(float), relevance, ties=ties, k=k).per_query, atol=1e-12)
    assert mean_average_precision(relevance + 0.0, relevance, ties="pessimistic") == 1.0  # a perfect ranking
    signed_zeros = np.float32([[0.0, -0.0]])  # equal numbers, different bits
    assert mean_average_precision(signed_zeros, [[1, 0]]) == mean_average_precision(signed_zeros, [[0, 1]]) == 0.75


def test_empty_queries_and_minus_infinity():
    similarity, relevance = np.eye(3), np.array([[1, 0, 0], [0, 0, 0], [0, 0, 1]])
    assert mean_average_precision(similarity, relevance) == 1.0
    assert mean_average_precision(similarity, relevance, empty="zero") == pytest.approx(2 / 3)
    with pytest.raises(InputError, match="the first is query 1"):
        mean_average_precision(similarity, relevance, empty="error")
    with pytest.raises(InputError, match="none of the 3 queries"):
        mean_average_precision(similarity, np.zeros((3, 3)))
    neighbours = [[1.0, np.nextafter(1.0, 2.0)]]  # float64 scores that differ in the last bit only are no tie
    assert mean_average_precision(neighbours, [[1, 0]]) == 0.5 and mean_average_precision(neighbours, [[0, 1]]) == 1.0
    masked = np.array([[0.5, -np.inf, -1.0]])
    for dtype in (np.float32, np.float64):
        assert mean_average_precision(masked.astype(dtype), [[0, 1, 0]]) == pytest.approx(1 / 3)


@pytest.mark.parametrize("similarity", ["cosine", "dot", "euclidean"])
def test_embeddings_equal_the_matrix_form(similarity):
    q, g = rng(7).standard_normal((37, 5)).astype(np.float32), rng(8).standard_normal((61, 5)).astype(np.float32)
    q_labels, g_labels = rng(9).random((37, 4)) < 0.3, rng(10).random((61, 4)) < 0.3
    scores = {
        "dot": q @ g.T,
        "cosine": (q / np.linalg.norm(q, axis=1, keepdims=True)) @ (g / np.linalg.norm(g, axis=1, keepdims=True)).T,
        "euclidean": -np.linalg.norm(q[:, None] - g[None], axis=-1),
    }[similarity]
    relevance = (q_labels[:, None] & g_labels[None]).any(-1)
    expected = mean_average_precision(scores, relevance)
    for block in (None, 1, 8, 1000):
        score = mean_average_precision_from_embeddings(q, g, q_labels, g_labels, block=block, similarity=similarity)
        np.testing.assert_allclose(score.per_query, expected.per_query, atol=1e-9)
    alone = mean_average_precision_from_embeddings(g, g, g_labels, g_labels, exclude_self=True, block=7)
    cosine = (g / np.linalg.norm(g, axis=1, keepdims=True)) @ (g / np.linalg.norm(g, axis=1, keepdims=True)).T
    others = ~np.eye(61, dtype=bool)
    relevance = (g_labels[:, None] & g_labels[None]).any(-1)
    kept = mean_average_precision(cosine[others].reshape(61, 60), relevance[others].reshape(61, 60))
    np.testing.assert_allclose(alone.per_query, kept.per_query, atol=1e-9)


def test_memory_stays_small():
    n = 6000  # the whole matrix would take 144 MB in float32, and several times that to sort
    embeddings, labels = rng(11).standard_normal((n, 4)).astype(np.float32), np.eye(10)[rng(12).integers(10, size=n)]
    tracemalloc.start()
    mean_average_precision_from_embeddings(embeddings, embeddings, labels, labels, block=64)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 30e6, f"{peak / 1e6:.0f} MB"


@pytest.mark.parametrize("change, message", [
    ({"similarity": np.zeros((2, 3))}, "must be \\(queries, gallery items\\)"),
    ({"similarity": [[0, np.nan], [0, 0]]}, "query 0 and gallery item 1 is nan"),
    ({"similarity": [[0, 0], [np.inf, 0]]}, "query 1 and gallery item 0 is inf"),
    ({"similarity": np.zeros((0, 3)), "relevance": np.zeros((0, 3))}, "at least one row"),
    ({"similarity": [["a", "b"]], "relevance": [[0, 1]]}, "must hold numbers"),
    ({"similarity": [[1, 2], [3]]}, "not a rectangular array"),
    ({"relevance": [[2, 0], [0, 1]]}, "relevance holds 2"),
    ({"ties": "expcted"}, "did you mean 'expected'"),
    ({"empty": "no"}, "use one of skip, zero, error"),
    ({"denominator": "all"}, "found, possible"),
    ({"k": 0}, "at least 1"),
])  # fmt: skip
def test_map_bad_input(change, message):
    arguments = {"similarity": [[1.0, 0.0], [0.0, 1.0]], "relevance": [[1, 0], [0, 1]], **change}
    with pytest.raises(InputError, match=message):
        mean_average_precision(arguments.pop("similarity"), arguments.pop("relevance"), **arguments)


@pytest.mark.parametrize("change, message", [
    ({"gallery": np.ones((3, 4))}, "gallery has 4; both"),
    ({"queries": [[np.nan, 1], [1, 1], [0, 1]]}, "queries row 0 holds NaN"),
    ({"query_labels": np.ones((2, 2))}, "one row of 0 and 1 for each row of queries"),
    ({"gallery_labels": np.ones((3, 3))}, "same classes"),
    ({"gallery_labels": [[0.5, 1], [1, 0], [0, 1]]}, "gallery_labels holds 0.5"),
    ({"similarity": "cosin"}, "did you mean 'cosine'"),
    ({"block": 0}, "block 0"),
    ({"gallery": np.ones((2, 2)), "gallery_labels": np.ones((2, 2)), "exclude_self": True}, "exclude_self"),
])  # fmt: skip
def test_embeddings_bad_input(change, message):
    names = ("queries", "gallery", "query_labels", "gallery_labels")
    arguments = dict.fromkeys(names, np.ones((3, 2))) | change
    with pytest.raises(InputError, match=message):
        mean_average_precision_from_embeddings(*[arguments.pop(name) for name in names], **arguments)


def loop_ranks(similarity, owner):
    """Best rank (from 0) of a right item for every query of both directions, by sorting."""
    images, captions = similarity.shape
    i2t = [min(np.flatnonzero(owner[np.argsort(-similarity[i])] == i)) for i in range(images) if (owner == i).any()]
    t2i = [int(np.flatnonzero(np.argsort(-similarity[:, c]) == owner[c])[0]) for c in range(captions)]
    return np.array(i2t), np.array(t2i)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_recall_against_a_sorting_loop(dtype):
    similarity = rng(13).standard_normal((300, 900)).astype(dtype)  # more images than one byte counts
    owner = rng(14).integers(0, 290, 900)  # unequal numbers of captions, not in order, some images without one
    result = recall_at_k(similarity, owner, ks=(1, 5, 10, 100))
    for name, ranks in zip(("image_to_text", "text_to_image"), loop_ranks(similarity, owner), strict=True):
        assert result[name] == pytest.approx({k: 100 * np.mean(ranks < k) for k in (1, 5, 10, 100)})
        assert result["median_rank"][name] == np.floor(np.median(ranks)) + 1
        assert result["mean_rank"][name] == pytest.approx(np.mean(ranks) + 1)
    assert result["images_without_caption"] == 300 - len(set(owner)) > 10
    assert result["tied_queries"] == {"image_to_text": 0, "text_to_image": 0}
    fortran = recall_at_k(np.asfortranarray(similarity), torch.from_numpy(owner), ks=(1, 5, 10, 100))
    assert fortran == result == recall_at_k(torch.from_numpy(similarity), owner.tolist(), ks=(1, 5, 10, 100))


def test_recall_with_ties():
    constant = np.zeros((4, 8))
    owner = np.arange(8) // 2
    ranks = {name: recall_at_k(constant, owner, ties=name)["mean_rank"] for name in ("optimistic", "realistic", "pessimistic")}
    assert ranks["optimistic"] == {"image_to_text": 1, "text_to_image": 1}
    assert ranks["pessimistic"] == {"image_to_text": 7, "text_to_image": 4}  # six wrong captions, three wrong images in front
    assert ranks["realistic"] == {"image_to_text": 4, "text_to_image": 2.5}
    result = recall_at_k(constant, owner)
    assert result["image_to_text"][1] == result["text_to_image"][1] == 0.0  # knowing nothing earns nothing at the top
    assert result["tied_queries"] == {"image_to_text": 4, "text_to_image": 8}
    two_own = np.array([[1.0, 1.0, 0.0], [0.0, 0.0, 1.0]])  # a tie among right captions is no tie
    assert recall_at_k(two_own, [0, 0, 1], ks=(1,))["rsum"] == 200.0


def test_protocols():
    generator = rng(15)
    similarity = generator.standard_normal((5000, 5000)).astype(np.float32)
    similarity[np.arange(5000), np.arange(5000)] += 2.5
    owner = np.arange(5000)
    folds = [recall_at_k(similarity[i : i + 1000, i : i + 1000], np.arange(1000), protocol="flickr-1k") for i in range(0, 5000, 1000)]
    result = recall_at_k(similarity, owner, protocol="coco-1k-5fold")
    assert result["rsum"] == pytest.approx(np.mean([fold["rsum"] for fold in folds]))
    assert result["median_rank"]["text_to_image"] == np.mean([fold["median_rank"]["text_to_image"] for fold in folds])
    assert result["rsum"] > recall_at_k(similarity, owner, protocol="coco-5k")["rsum"] + 10  # the harder protocol
    assert str(result).startswith("protocol coco-1k-5fold: 5,000 images")


@pytest.mark.parametrize("change, message", [
    ({"image_of_caption": [0, 1]}, "one whole number per caption, 3 in all"),
    ({"image_of_caption": [0.0, 1.0, 1.0]}, "type float64"),
    ({"image_of_caption": [0, 1, 2]}, "caption 2 belongs to image 2"),
    ({"image_of_caption": [0, -1, 1]}, "caption 1 belongs to image -1"),
    ({"similarity": [[1, 2, np.nan], [1, 2, 3]]}, "image 0 holds NaN"),
    ({"ks": (0, 1)}, "at least 1"),
    ({"ks": ()}, "at least 1"),
    ({"protocol": "coco-1k"}, "use one of any, flickr-1k"),
    ({"protocol": "coco-5k"}, "needs 5000 images, similarity has 2"),
    ({"ties": "expected"}, "'realistic', 'optimistic'"),
])  # fmt: skip
def test_recall_bad_input(change, message):
    arguments = {"similarity": [[1.0, 2.0, 3.0], [3.0, 1.0, 2.0]], "image_of_caption": [0, 1, 1], **change}
    with pytest.raises(InputError, match=message):
        recall_at_k(arguments.pop("similarity"), arguments.pop("image_of_caption"), **arguments)
