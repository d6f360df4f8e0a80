"""Mismatch edits of Oxford-102, CelebA and DeepFashion."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from tiny_data import celeba, deepfashion, oxford_102

from hetero_xmodal.data import Record, load_dataset, open_source
from hetero_xmodal.data.mismatch import MismatchPairs, _Groups
from hetero_xmodal.data.tasks.editing import load_editing_images, load_pairs
from hetero_xmodal.errors import InputError


@pytest.mark.parametrize("make", [oxford_102, celeba, deepfashion], ids=["oxford-102", "celeba", "deepfashion"])
def test_the_instruction_is_a_caption_of_a_photograph_with_other_labels(make, tmp_path):
    """In all three samples odd photographs show one thing and even ones another, and so say their captions."""
    name = make(tmp_path)
    pairs, items = load_pairs(name, "all", image_size=32), load_dataset(name, "all")
    assert len(pairs) == len(items) == 24
    for pair, item in zip(pairs, items, strict=True):
        assert pair.kind == "mismatch" and pair.image.size == (32, 32) and pair.sentences == tuple(item.sentences)
        assert pair.instruction == pair.target and pair.edited_image is None and pair.edited_sentence is None
        if make is not celeba:  # where three of the odd faces wear hats, and count as others
            assert ("dog" in pair.instruction) != ("dog" in item.sentences[0])
        assert pair.instruction not in item.sentences
        assert pair.scene.objects[0].box == (0, 0, 32, 32) and pair.scene.objects[0].name == item.scene.objects[0].name
        pair.scene.check()
    if make is oxford_102:
        assert {(pair.label, pair.instruction_label) for pair in pairs} == {(0, 1), (1, 0)} and len(pairs.classes) == 102
    else:
        assert {(pair.label, pair.instruction_label) for pair in pairs} == {(None, None)} and pairs.classes == []
    assert [p.instruction for p in pairs] == [p.instruction for p in load_pairs(name, "all", image_size=32)]
    assert [p.instruction for p in pairs] != [p.instruction for p in pairs.fresh(1)]


def test_pairs_keep_to_their_split(tmp_path):
    name = deepfashion(tmp_path)
    told = {split: {text for item in load_dataset(name, split) for text in item.sentences} for split in ("train", "test")}
    for split, texts in told.items():
        assert {pair.instruction for pair in load_pairs(name, split, image_size=8)} <= texts
    assert len(load_pairs(name, "train", size=3)) == 3


def test_every_photograph_with_other_labels_is_as_likely_as_any():
    labels = [[1, 0], [0, 1], [1, 0], [1, 1], [0, 1], [1, 0]]
    groups = _Groups([Record(str(k), labels=np.array(row, np.uint8)) for k, row in enumerate(labels)])
    rng = np.random.default_rng(0)
    for index, row in enumerate(labels):
        drawn = Counter(groups.draw_other(index, rng) for _ in range(3000))
        others = [k for k, other in enumerate(labels) if other != row]
        assert sorted(drawn) == others and max(abs(count / 3000 - 1 / len(others)) for count in drawn.values()) < 0.05


def test_one_class_and_other_kinds_are_refused(tmp_path):
    name = oxford_102(tmp_path)
    with pytest.raises(InputError, match="gives no pairs of kind 'remove'; its kinds are mismatch"):
        load_pairs(name, kinds=("remove",))
    records = open_source(name).records[::2]
    with pytest.raises(InputError, match="all 12 photographs of split 'all' have the same labels"):
        MismatchPairs(name, records, ())("all")


def test_training_images_keep_their_sizes_and_splits(tmp_path):
    """Without a list of validation photographs a tenth of the training ones is held out, as before edits were given."""
    name = oxford_102(tmp_path)
    (tmp_path / "trainvalclasses.txt").write_text("class_00001\n")
    (tmp_path / "testclasses.txt").write_text("class_00002\n")
    sizes = [len(load_editing_images(name, split, task="mimnet")) for split in ("train", "val", "test")]
    assert sizes == [11, 1, 12] and load_editing_images(name, "test", task="mimnet")[0].image.size == (220, 200)
