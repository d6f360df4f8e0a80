"""What sentences say and images show as sparse matrices of units by names, for comparing any sentence with any image in one product."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .. import schema
from .counting import AttributeLists, empty_code, facts, members, things
from .units import IMAGE, SENTENCE, unit_counts
from .unmatched import ClassNames

if TYPE_CHECKING:
    from scipy.sparse import csr_array

    from ..graphs.corpus import GraphCorpus

#: parts of speech whose lemmas say what a sentence is about
_CONTENT = ("NOUN", "PROPN", "VERB", "ADJ", "NUM")
_BLOCK = 100_000  # pairs of rows compared at a time


@dataclass
class SparseRows:
    """Which names each unit has, 0 or 1; m sentences, n images.

    objects, attributes, relations : (m, keys) names of objects; names with an attribute; triples
    lemmas : (m, lemmas) lemmas of content words
    visible : (n, names) whether an image has a region with the class of a name of an object, columns as of *objects*
    classes : (n, names) names of the image's regions, columns as of *objects*
    looks : (n, keys) attributes of the image's regions; sentence_looks (m, keys) those that the sentence states, of whatever
    known : (names,) whether any image has a region of the class
    """

    objects: csr_array
    attributes: csr_array
    relations: csr_array
    lemmas: csr_array
    visible: csr_array
    classes: csr_array
    looks: csr_array
    sentence_looks: csr_array
    known: np.ndarray


def sparse_rows(corpus: GraphCorpus) -> SparseRows:
    """Read the names of all sentences and images, some thousand at a time."""
    numbers, width, attributes = unit_counts(corpus), max(len(corpus.vocabulary), 1), AttributeLists(corpus.vocabulary)
    said = _sentence_keys(corpus, attributes)
    seen = _image_keys(corpus, attributes)
    m, n, looks = numbers["sentence"], numbers["image"], len(attributes.names)
    attribute_keys, relation_keys = _dense(said["attributes"][1]), _dense(said["relations"][1])
    classes = binary(*seen["classes"], (n, width))
    visible, known = _visible(corpus, classes, said["objects"][1], width)
    return SparseRows(
        objects=binary(*said["objects"], (m, width)),
        attributes=binary(said["attributes"][0], attribute_keys, (m, int(attribute_keys.max(initial=0)) + 1)),
        relations=binary(said["relations"][0], relation_keys, (m, int(relation_keys.max(initial=0)) + 1)),
        lemmas=binary(*said["lemmas"], (m, width)),
        visible=visible, classes=classes,
        looks=binary(*seen["looks"], (n, max(looks, 1))), sentence_looks=binary(*said["looks"], (m, max(looks, 1))),
        known=known,
    )  # fmt: skip


def binary(rows: np.ndarray, columns: np.ndarray, shape: tuple[int, int]) -> csr_array:
    """A matrix of ones at the places rows (k,), columns (k,), each once."""
    from scipy.sparse import coo_array

    matrix = coo_array((np.ones(len(rows), np.float32), (rows, columns)), shape=shape).tocsr()
    matrix.data[:] = 1
    return matrix


def dot_rows(a: csr_array, first: np.ndarray, b: csr_array, second: np.ndarray) -> np.ndarray:
    """Inner products (p,) of row first[k] of *a* with row second[k] of *b*."""
    out = np.zeros(len(first), np.float32)
    for start in range(0, len(first), _BLOCK):
        here = slice(start, start + _BLOCK)
        out[here] = a[first[here]].multiply(b[second[here]]).sum(axis=1)
    return out


def sizes(matrix: csr_array) -> np.ndarray:
    """Number of names of every row, (n,)."""
    return np.diff(matrix.indptr)


def _dense(keys: np.ndarray) -> np.ndarray:
    """Keys (k,) or (k, parts) as numbers 0, 1, 2 ..."""
    if keys.ndim == 1:
        return np.unique(keys, return_inverse=True)[1].reshape(-1)
    first = _dense(keys[:, 0])
    for part in keys.T[1:]:
        second = _dense(part)
        first = _dense(first.astype(np.int64) * (int(second.max(initial=0)) + 1) + second)
    return first


Keys = dict[str, tuple[np.ndarray, np.ndarray]]


def _joined(parts: list[Keys]) -> Keys:
    return {name: (np.concatenate([p[name][0] for p in parts]), np.concatenate([p[name][1] for p in parts])) for name in parts[0]}


def _sentence_keys(corpus: GraphCorpus, attributes: AttributeLists) -> Keys:
    """Number of the sentence and key of every object, attribute, relation, lemma and attribute by itself."""
    empty, parts = empty_code(corpus), []
    content = [corpus.vocabulary.code(name) for name in _CONTENT]
    for start, flat in corpus.chunks([schema.WORD, schema.WORD_RELATES], unit="sentence"):
        objects, stated = things(flat, SENTENCE, empty), facts(flat, SENTENCE, empty)
        rows, numbers = attributes.explode(objects["attributes"].to_numpy())
        member, name = objects["member"].to_numpy() + start, objects["name"].to_numpy()
        words = flat.node_data[schema.WORD]
        kept = np.flatnonzero(np.isin(words["pos"].numpy(), content))
        parts.append(
            {
                "objects": (member, name),
                "attributes": (member[rows], np.stack([name[rows], numbers], 1)),
                "looks": (member[rows], numbers),
                "relations": (stated["member"].to_numpy() + start, stated[["subject", "predicate", "object"]].to_numpy()),
                "lemmas": (members(flat.node_offsets[schema.WORD])[kept] + start, words["lemma"].numpy()[kept]),
            }
        )
    return _joined(parts)


def _image_keys(corpus: GraphCorpus, attributes: AttributeLists) -> Keys:
    """Number of the image and name of every region, and of every attribute."""
    empty, parts = empty_code(corpus), []
    for start, flat in corpus.chunks([schema.VISUAL], unit="image"):
        regions = things(flat, IMAGE, empty)
        rows, numbers = attributes.explode(regions["attributes"].to_numpy())
        member = regions["member"].to_numpy() + start
        parts.append({"classes": (member, regions["name"].to_numpy()), "looks": (member[rows], numbers)})
    return _joined(parts)


def _visible(corpus: GraphCorpus, classes: csr_array, names: np.ndarray, width: int) -> tuple[csr_array, np.ndarray]:
    """Whether each image has a region of the class of each name, (n, names), and whether any image has, (names,)."""
    from scipy.sparse import csr_array

    names, regions = np.unique(names), np.flatnonzero(classes.sum(axis=0))
    strings = corpus.vocabulary.strings
    by_text: dict[str, list[int]] = {}
    for code in regions.tolist():
        by_text.setdefault(strings(np.array([code]))[0], []).append(code)
    index, rows, columns = ClassNames(by_text), [], []
    for code, text in zip(names.tolist(), strings(names), strict=True):
        for other in index.matching(text):
            columns += [code] * len(by_text[other])
            rows += by_text[other]
    same = csr_array((np.ones(len(rows), np.float32), (np.array(rows, np.int64), np.array(columns, np.int64))), shape=(width, width))
    known = np.zeros(width, bool)
    known[columns] = True
    visible = (classes @ same).tocsr()
    visible.data[:] = 1
    return visible, known
