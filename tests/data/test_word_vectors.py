"""Word vectors as text: GloVe's and fastText's layouts, names of several words, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from hetero_xmodal.data.features import load_label_vectors
from hetero_xmodal.data.word_vectors import read_word_vectors, vectors_of_names
from hetero_xmodal.errors import InputError

GLOVE = "the 0.5 0.25 1\ndog 1 2 3\nat name@domain.com 9 9 9\ncell 0 1 -1\nphone 2 1 1\ndog 7 7 7\n"


@pytest.fixture
def glove(tmp_path):
    path = tmp_path / "glove.txt"
    path.write_text(GLOVE, encoding="utf-8")
    return path


def test_the_words_asked_for_are_read(glove):
    found = read_word_vectors(glove, ["dog", "at name@domain.com", "cat"])
    assert {word: vector.tolist() for word, vector in found.items()} == {"dog": [1, 2, 3], "at name@domain.com": [9, 9, 9]}
    assert found["dog"].dtype == np.float32


def test_fasttext_has_a_line_of_counts_first(tmp_path):
    path = tmp_path / "cc.txt"
    path.write_text("3 2\ndog 1 2\ncat 3 4\n", encoding="utf-8")
    assert read_word_vectors(path, ["cat", "3"])["cat"].tolist() == [3, 4]


def test_a_name_of_several_words_has_their_mean(glove):
    expected = [[1, 2, 3], [1, 1, 0]]
    assert vectors_of_names(glove, ["Dog", "cell phone"]).tolist() == expected
    assert vectors_of_names(glove, ["dog", "cell_phone"]).tolist() == expected
    assert load_label_vectors(glove, names=["dog", "cell phone"], classes=2).tolist() == expected


@pytest.mark.parametrize(
    ("names", "message"),
    [(["dog", "cat"], "lack 'cat', of label 'cat'"), (["dog", "--"], "label '--' has no word")],
)
def test_labels_without_a_vector_are_refused(glove, names, message):
    with pytest.raises(InputError, match=message):
        vectors_of_names(glove, names)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "empty|no line of a word"),
        (b"a b c\n", "no line of a word and its numbers"),
        (b"the 1 2\ndog 1 nan\n", "line 2: found NaN or infinity"),
        (b"the 1 2\ndog x 2\n", "line 2: found a text among the numbers"),
        (b"the 1 2\nd\xff 1 2\n", "not UTF-8"),
    ],
)
def test_damaged_files_are_refused(tmp_path, text, message):
    path = tmp_path / "vectors.txt"
    path.write_bytes(text)
    with pytest.raises(InputError, match=message):
        vectors_of_names(path, ["dog"])


def test_text_needs_the_names(glove):
    with pytest.raises(InputError, match="looked up by the names of the labels"):
        load_label_vectors(glove)
