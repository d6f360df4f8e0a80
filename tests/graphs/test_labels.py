"""The label graph against the paper's formulas: closed-form numbers, a naive count, and labels that never occur."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from hetero_xmodal import InputError
from hetero_xmodal import schema as s
from hetero_xmodal.graphs import label_graph, label_matrices, normalize_adjacency

FIVE_ITEMS = [[1, 1, 0], [1, 1, 1], [1, 0, 0], [0, 1, 1], [1, 0, 0]]


def dense(graph, feature: str) -> list[list[float]]:
    """Matrix with row i, column j from the edge j -> i."""
    source, destination = graph.edges()
    matrix = torch.zeros(graph.num_nodes(), graph.num_nodes())
    matrix[destination, source] = graph.edata[feature]
    return matrix.tolist()


def test_three_labels_by_hand():
    matrices = label_matrices(FIVE_ITEMS, tau=0.5)
    assert matrices.count.tolist() == [[4, 2, 1], [2, 3, 2], [1, 2, 2]] and matrices.total.tolist() == [4, 3, 2]
    expected = torch.tensor([[1, 2 / 3, 0.5], [0.5, 1, 1], [0.25, 2 / 3, 1]], dtype=torch.float64)
    assert torch.allclose(matrices.probability, expected, atol=1e-12)  # columns, not rows, are divided by the label's count
    assert matrices.mask.int().tolist() == [[1, 1, 1], [1, 1, 1], [0, 1, 1]]  # a tie counts
    assert matrices.weight.tolist() == [[1, 0.5, 0.5], [0.5, 1, 0.5], [0, 0.5, 1]]
    assert label_matrices(FIVE_ITEMS, tau=0.5, diagonal=1.5).weight.diagonal().tolist() == [1.5] * 3


def test_the_graph_carries_the_matrices_with_edges_from_column_to_row():
    graph = label_graph(FIVE_ITEMS, tau=0.5, p=0.5, names=["bird", "tree", "sky"])
    assert dense(graph, "weight") == [[1, 0.5, 0.5], [0.5, 1, 0.5], [0, 0.5, 1]]
    probability = dense(graph, "probability")
    assert probability[0][2] == 0.5 and probability[2][0] == 0  # sky -> bird is there, bird -> sky (0.25) is not
    assert graph.has_edges_between(2, 0) and not graph.has_edges_between(0, 2)
    assert s.decode_text(graph.ndata["name"]) == ["bird", "tree", "sky"] and graph.ndata["index"].tolist() == [0, 1, 2]
    assert s.decode_text(label_graph(FIVE_ITEMS).ndata["name"]) == ["label 0", "label 1", "label 2"]


def test_normalisations_by_hand():
    weight = label_matrices(FIVE_ITEMS, tau=0.5).weight
    expected = torch.tensor([[0.5, 0.25, 0.288675], [0.25, 0.5, 0.288675], [0, 0.288675, 0.666667]], dtype=torch.float64)
    assert torch.allclose(normalize_adjacency(weight), expected, atol=1e-6)
    assert torch.allclose(normalize_adjacency(weight, how="author"), expected.T, atol=1e-6)
    assert normalize_adjacency(torch.zeros(2, 2)).tolist() == [[0, 0], [0, 0]]
    with pytest.raises(InputError, match="how is 'row', expected 'symmetric' or 'author'"):
        normalize_adjacency(weight, how="row")
    with pytest.raises(InputError, match=r"shape \(2, 3\), expected \(c, c\)"):
        normalize_adjacency(torch.ones(2, 3))


@pytest.mark.parametrize("tau", [0.0, 0.4, 1.0])
def test_a_label_never_seen_has_only_its_self_loop(tau):
    graph = label_graph([[1, 0, 1], [1, 0, 1]], tau=tau)
    source, destination = graph.edges()
    edges = set(zip(source.tolist(), destination.tolist(), strict=True))
    assert edges == {(0, 0), (2, 2), (1, 1), (0, 2), (2, 0)}
    assert torch.isfinite(graph.edata["probability"]).all() and graph.edata["weight"].min() == 0.5
    alone = label_graph([[0, 0], [0, 0]])
    assert alone.num_edges() == 2 and alone.edata["weight"].tolist() == [1, 1]


@pytest.mark.parametrize(("both", "seen"), [(2, 5), (3, 10), (1, 3), (7, 10), (29, 100), (4, 7)])
def test_a_share_equal_to_tau_counts_whatever_the_fraction(both, seen):
    labels = np.zeros((seen, 2))
    labels[:, 1] = 1
    labels[:both, 0] = 1
    assert label_matrices(labels, tau=both / seen).mask[0, 1]
    assert not label_matrices(labels, tau=np.nextafter(both / seen, 1).item()).mask[0, 1]


@given(arrays(np.int8, st.tuples(st.integers(1, 8), st.integers(1, 5)), elements=st.integers(0, 1)), st.floats(0, 1), st.floats(0.01, 1))
def test_equals_counting_by_hand(labels, tau, p):
    matrices = label_matrices(labels, tau, p)
    c = labels.shape[1]
    for i in range(c):
        for j in range(c):
            both = sum(1 for row in labels if row[i] and row[j])
            seen = sum(1 for row in labels if row[j])
            assert matrices.count[i, j] == both
            assert matrices.probability[i, j] == (both / seen if seen else 0)
            linked = i == j or (seen > 0 and labels[:, i].any() and both / seen >= tau)
            assert matrices.mask[i, j] == linked
            assert matrices.weight[i, j] == (1 if i == j else p if linked else 0)


@given(arrays(np.int8, (6, 4), elements=st.integers(0, 1)), st.permutations(range(4)))
def test_naming_the_labels_in_another_order_permutes_the_graph(labels, order):
    plain, permuted = label_matrices(labels).weight, label_matrices(labels[:, order]).weight
    assert torch.equal(permuted, plain[order][:, order])


@pytest.mark.parametrize("kind", [np.array, torch.tensor, lambda x: torch.tensor(x).bool(), lambda x: np.array(x, np.float32)])
def test_any_kind_of_table(kind):
    assert torch.equal(label_matrices(kind(FIVE_ITEMS)).count, label_matrices(FIVE_ITEMS).count)


@pytest.mark.parametrize(
    ("labels", "options", "message"),
    [
        ([[1, float("nan")]], {}, "labels, item 0, column 1: found nan, expected 0 or 1"),
        ([[1, 0], [1, 2]], {}, "labels, item 1, column 1: found 2, expected 0 or 1"),
        ([[1, -1]], {}, "found -1, expected 0 or 1"),
        ([1, 0, 1], {}, r"labels have shape \(3,\), expected two dimensions"),
        ([], {}, r"labels have shape \(0,\), expected two dimensions"),
        (np.zeros((0, 3)), {}, r"labels have shape \(0, 3\); at least one item"),
        (np.zeros((3, 0)), {}, r"labels have shape \(3, 0\); at least one item"),
        ([[1, 0], [1]], {}, "labels cannot be read as a table of numbers"),
        ([["a", "b"]], {}, "labels cannot be read as a table of numbers"),
        ([[1]], {"tau": 1.5}, "tau is 1.5, expected a number in 0..1"),
        ([[1]], {"tau": float("nan")}, "tau is nan"),
        ([[1]], {"p": 0}, "p is 0, expected a number in 0..1, above 0"),
        ([[1]], {"diagonal": -1}, "diagonal is -1, expected a positive number"),
        ([[1]], {"names": ["a", "b"]}, "1 label columns but 2 names"),
        ([[1]], {"names": [""]}, "name of label 0 is '', expected a non-empty string"),
    ],
)
def test_bad_input_is_refused(labels, options, message):
    with pytest.raises(InputError, match=message):
        label_graph(labels, **options)


def test_two_thousand_labels_are_counted_without_a_loop():
    labels = (torch.rand(500, 2000, generator=torch.Generator().manual_seed(0)) < 0.01).int()
    matrices = label_matrices(labels, tau=0.2)
    assert torch.equal(matrices.count, (labels.double().T @ labels.double()).long())
