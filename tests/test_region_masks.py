"""Masks as run lengths: counted by hand, equal to pycocotools, and refused in one sentence where they do not fit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hetero_xmodal.errors import InputError
from hetero_xmodal.region_masks import check_mask, decode_mask, encode_mask, mask_area
from hetero_xmodal.scenes import SceneGraph, SceneObject


def test_by_hand():
    mask = np.array([[1, 0, 0], [1, 0, 1]], bool)  # down the columns: 1 1 | 0 0 | 0 1
    assert encode_mask(mask) == {"size": [2, 3], "counts": [0, 2, 3, 1]} and mask_area(encode_mask(mask)) == 3
    assert encode_mask(np.zeros((2, 2))) == {"size": [2, 2], "counts": [4]}
    assert encode_mask(np.full((2, 2), 0.5)) == {"size": [2, 2], "counts": [0, 4]}


@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 2**32 - 1))
def test_there_and_back_as_pycocotools_does(height, width, seed):
    from pycocotools import mask as masks

    mask = np.random.default_rng(seed).random((height, width)) < 0.4
    runs = encode_mask(mask)
    check_mask("it", runs, (width, height))
    assert np.array_equal(decode_mask(runs), mask) and mask_area(runs) == mask.sum()
    assert np.array_equal(masks.decode(masks.frPyObjects(runs, height, width)).astype(bool), mask)


@pytest.mark.parametrize(
    ("mask", "said"),
    [
        ("110011", "its mask is '110011', expected COCO's run lengths"),
        ({"size": [2, 2]}, "expected COCO's run lengths"),
        ({"size": [2, 2], "counts": [4], "more": 1}, "expected COCO's run lengths"),
        ({"size": [2], "counts": [4]}, r"the size of its mask is \[2\]"),
        ({"size": [0, 2], "counts": []}, r"the size of its mask is \[0, 2\]"),
        ({"size": [2, True], "counts": [2]}, "the size of its mask"),
        ({"size": [2**20, 2**20], "counts": [2**40]}, "more than an image can have"),
        ({"size": [2, 2], "counts": [5, -1]}, r"run lengths of its mask are \[5, -1\]"),
        ({"size": [2, 2], "counts": [1.5, 2.5]}, "expected whole numbers of at least 0"),
        ({"size": [2, 2], "counts": "04"}, "run lengths of its mask are '04'"),
        ({"size": [2, 2], "counts": [1, 2]}, "sum to 3, but 2 x 2 pixels"),
        ({"size": [3, 2], "counts": [6]}, r"2 x 3 pixels \(width x height\), but the image has 3 x 2"),
    ],
)
def test_a_scene_graph_refuses_a_mask_that_does_not_fit(mask, said):
    scene = SceneGraph([SceneObject("bird", box=(0, 0, 2, 2), mask=mask)], size=(2, 2) if "3 x 2" not in said else (3, 2))
    with pytest.raises(InputError, match=said) as refused:
        scene.check()
    assert "object 0 ('bird')" in str(refused.value) and "\n" not in str(refused.value)


def test_scene_graphs_keep_masks_in_files(tmp_path):
    mask = np.zeros((20, 30), bool)
    mask[3:9, 4:20] = True
    scene = SceneGraph([SceneObject("bird", box=(4, 3, 20, 9), mask=encode_mask(mask)), SceneObject("tree")], size=(30, 20))
    scene.save(tmp_path / "scene.json")
    again = SceneGraph.load(tmp_path / "scene.json")
    assert again == scene and np.array_equal(decode_mask(again.objects[0].mask), mask)
    assert "mask" not in scene.to_dict()["objects"][1]  # files without masks are as they were
