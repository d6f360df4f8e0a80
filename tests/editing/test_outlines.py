"""Outlines in boxes: what is seen clearly has one, and everything that cannot be told apart is refused with the reason."""

from __future__ import annotations

import numpy as np
import pytest

from hetero_xmodal.editing.carry import outline_in
from hetero_xmodal.editing.outlines import outline_of
from hetero_xmodal.scenes import SceneObject
from hetero_xmodal.training.editing.segmentation import outline

HORSE = (40, 30, 120, 110)


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    """A brown rectangle, the horse, with a red one on top of it, the rider, on grained ground."""
    rng = np.random.default_rng(0)
    pixels = np.full((160, 200, 3), (205, 200, 190), float)
    pixels[40:100, 50:110] = (110, 70, 30)
    pixels[40:70, 65:95] = (200, 30, 30)
    return (pixels + rng.normal(0, 5, (160, 200, 1))).clip(0, 255).astype(np.uint8)


def horse(**more) -> SceneObject:
    return SceneObject("horse", box=HORSE, **more)


def test_a_clear_outline(image):
    found = outline_of(image, horse())
    wanted = np.zeros(image.shape[:2], bool)
    wanted[40:100, 50:110] = True
    assert not found.reason and (found.mask & wanted).sum() > 0.97 * (found.mask | wanted).sum()


def test_what_stands_before_a_thing_is_left_out(image):
    rider = SceneObject("person", box=(60, 36, 100, 74))
    found = outline_of(image, horse(), [rider])
    assert not found.reason and not found.mask[42:68, 67:93].any() and found.mask[80:98, 52:108].all()
    # of one that is hardly seen by the detector nothing is known, and a second box of the same name in the other corner does not matter
    assert outline_of(image, horse(), [SceneObject("person", box=(60, 36, 100, 74), score=0.2)]).mask[55, 80]
    assert not outline_of(image, horse(), [SceneObject("horse", box=(115, 100, 180, 150)), SceneObject("tree")]).reason


@pytest.mark.parametrize(
    ("thing", "others", "reason"),
    [
        (horse(score=0.5), [SceneObject("dog", box=(41, 30, 121, 111), score=0.4)], "the same place for horse and for dog"),
        (horse(), [SceneObject("horse", box=(70, 30, 150, 110))], "several boxes called horse lie over each other"),
        (SceneObject("horse", box=(0, 0, 200, 160)), [], "too little is seen around the horse"),
        (SceneObject("horse", box=(10, 115, 60, 150)), [], "outline of the horse was not found"),
        (SceneObject("dining table", box=HORSE), [], "from what stands on it"),
    ],
)
def test_what_cannot_be_told_apart(image, thing, others, reason):
    found = outline_of(image, thing, others)
    assert reason in found.reason and not found.mask.any()


def test_a_thing_that_is_mostly_hidden_is_refused(image):
    pixels = image.copy()
    pixels[40:84, 53:107] = (200, 30, 30)
    found = outline_of(pixels, horse(), [SceneObject("person", box=(48, 36, 112, 88))])
    assert found.reason == "the horse cannot be told from the person in front of it"


def test_a_doubtful_second_name_does_not_count(image):
    assert not outline_of(image, horse(score=0.9), [SceneObject("dog", box=HORSE, score=0.3)]).reason


def test_an_outline_in_two_pieces_is_refused():
    pixels = np.full((100, 140, 3), 210, np.uint8)
    pixels[30:60, 20:50] = pixels[30:60, 80:110] = (30, 60, 190)
    assert "not found" in outline_of(pixels, SceneObject("kite", box=(15, 24, 115, 66))).reason


def test_what_shows_between_the_legs_is_no_part_of_the_thing():
    pixels = np.full((120, 120, 3), 210, np.uint8)
    pixels[30:90, 30:90] = (30, 60, 190)
    pixels[60:85, 45:75] = 210
    box = (24, 24, 96, 96)
    assert outline_in(pixels, box)[70, 60] and not outline_in(pixels, box, largest_hole=0.02)[70, 60]
    pixels[40:43, 40:43] = 210  # a window
    assert outline_in(pixels, box, largest_hole=0.02)[41, 41]


def test_a_box_that_is_the_whole_image_leaves_no_background_to_learn_from(image):
    assert outline(np.ascontiguousarray(image), np.array([0.0, 0.0, 1.0, 1.0])).all()
