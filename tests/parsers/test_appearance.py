"""Colour, size and place measured in boxes."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

import hetero_xmodal as hx
from hetero_xmodal.parsers.appearance import COLOURS, appearance, colour_shares

PLAIN = {
    "black": (10, 10, 12), "blue": (30, 60, 200), "brown": (110, 60, 20), "gray": (120, 120, 120), "green": (20, 140, 40),
    "orange": (250, 130, 10), "pink": (255, 130, 190), "purple": (120, 30, 150), "red": (200, 20, 20), "white": (250, 250, 250),
    "yellow": (250, 230, 20),
}  # fmt: skip


@pytest.mark.parametrize("name", [name for name in COLOURS if name != "gray"])
def test_a_box_of_one_colour_has_its_name(name):
    image = Image.new("RGB", (120, 80), PLAIN["gray"])
    image.paste(PLAIN[name], (20, 10, 60, 60))
    assert appearance(image, [(20, 10, 60, 60)], size=(120, 80))[0][0] == name


def test_gray_counts_little_for_nobody_says_it():
    image = Image.new("RGB", (120, 80), (250, 250, 250))
    image.paste(PLAIN["gray"], (20, 10, 60, 60))
    assert appearance(image, [(20, 10, 60, 60)], size=(120, 80))[0][0] == "gray"
    image.paste(PLAIN["red"], (30, 24, 50, 46))
    assert appearance(image, [(20, 10, 60, 60)], size=(120, 80))[0][0] == "red"


def test_the_shares_are_counted_in_the_middle_and_around():
    pixels = np.full((100, 100, 3), PLAIN["white"], np.uint8)
    pixels[:, :50] = PLAIN["blue"]
    inside, around = colour_shares(Image.fromarray(pixels), [(25, 25, 75, 75)], size=(100, 100))
    assert inside[0, COLOURS.index("blue")] == inside[0, COLOURS.index("white")] == 0.5
    np.testing.assert_allclose(around[0, [COLOURS.index("blue"), COLOURS.index("white")]], 0.5)
    assert inside.sum() == 1 and around.sum() == pytest.approx(1)


def test_around_ends_at_the_image():
    image = Image.new("RGB", (50, 50), PLAIN["green"])
    inside, around = colour_shares(image, [(0, 0, 50, 50)], size=(50, 50))
    assert inside[0, COLOURS.index("green")] == 1 and around.sum() == 0  # the box is the whole image
    assert appearance(image, [(0, 0, 50, 50)], size=(50, 50)) == [["green", "large"]]


def test_boxes_are_those_of_the_original_however_small_the_image():
    image = Image.new("RGB", (400, 400), PLAIN["gray"])
    image.paste(PLAIN["red"], (0, 0, 100, 100))
    for small in (image, image.resize((100, 100), Image.Resampling.NEAREST)):
        assert appearance(small, [(0, 0, 100, 100)], size=(400, 400)) == [["red", "left", "top"]]


def test_two_colours():
    pixels = np.full((60, 60, 3), PLAIN["gray"], np.uint8)
    pixels[10:50:4, 10:50], pixels[12:50:4, 10:50] = PLAIN["black"], PLAIN["white"]
    pixels[11:50:4, 10:50], pixels[13:50:4, 10:50] = PLAIN["black"], PLAIN["white"]
    words = appearance(Image.fromarray(pixels), [(10, 10, 50, 50)], size=(60, 60))[0]
    assert set(words[:2]) == {"black", "white"}


@pytest.mark.parametrize(
    "box, words",
    [((0, 0, 5, 5), ["small", "left", "top"]), ((90, 90, 99, 99), ["small", "right", "bottom"]), ((40, 40, 60, 60), []),
     ((0, 0, 100, 100), ["large"]), ((70, 30, 95, 70), ["right"])],
)  # fmt: skip
def test_size_and_place_by_hand(box, words):
    image = Image.new("RGB", (100, 100), PLAIN["gray"])
    assert [w for w in appearance(image, [box], size=(100, 100))[0] if w not in COLOURS] == words


def test_no_boxes():
    assert appearance(Image.new("RGB", (8, 8)), [], size=(8, 8)) == []


def test_parse_image_measures_what_no_detector_named(tmp_path):
    item = hx.load_dataset("world/scenes", "test", size=1)[0]
    assert hx.parse_image(item.image, detector="world", measure=True) == hx.parse_image(item.image, detector="world")  # it names attributes
    assert not any(thing.attributes for thing in hx.parse_image(item.image, detector="grid:2", measure=True).objects)  # patches
