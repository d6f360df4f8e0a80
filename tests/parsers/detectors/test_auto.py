"""``detector="auto"``: the world's detector for the world, another for photographs, and a sentence where there is none."""

from __future__ import annotations

import os
import warnings

import numpy as np
import pytest
from PIL import Image

import hetero_xmodal as hx
from hetero_xmodal.errors import InputError
from hetero_xmodal.parsers.detectors import auto
from hetero_xmodal.parsers.detectors.base import Detections
from hetero_xmodal.parsers.detectors.world_look import look_statistics, looks_like_world


@pytest.fixture(scope="module")
def world():
    dataset = hx.load_dataset("world/scenes", split="val", size=6)
    return [dataset[k].image for k in range(6)]


@pytest.fixture
def noise():
    """Coloured noise over a gradient: sharper than anything that the world draws."""
    rng = np.random.default_rng(0)
    ramp = np.linspace(0, 255, 160)[None, :, None] + np.zeros((120, 1, 3))
    return Image.fromarray((ramp + rng.normal(0, 60, (120, 160, 3))).clip(0, 255).astype(np.uint8))


def test_images_of_the_world_are_recognised_at_every_size(world):
    for image in world:
        assert looks_like_world(image) and looks_like_world(image.resize((256, 256), 3))


def test_noise_and_flat_images_are_not_of_the_world(noise):
    assert not looks_like_world(noise) and not looks_like_world(Image.new("RGB", (100, 80), "white"))


def test_tiny_and_long_images_have_statistics_too():
    for size in ((1, 1), (1, 500), (500, 1), (3, 2)):
        assert np.isfinite(look_statistics(Image.new("RGB", size))).all()


@pytest.mark.skipif(not os.environ.get("HETERO_XMODAL_REAL_DATA"), reason="needs real photographs (HETERO_XMODAL_REAL_DATA)")
def test_photographs_are_not_of_the_world():
    from pathlib import Path

    files = sorted((Path(os.environ["HETERO_XMODAL_REAL_DATA"]) / "coco_photos" / "images").glob("*.jpg"))[::50]
    assert sum(map(looks_like_world, files)) <= len(files) // 50 + 1


def test_world_images_give_what_the_worlds_detector_gives(world):
    for chosen, direct in zip(hx.parse_images(world, detector="auto"), hx.parse_images(world, detector="world"), strict=True):
        assert chosen.objects == direct.objects and chosen.relations == direct.relations
        assert chosen.source == direct.source


class OneDog:
    """A detector of photographs that sees one dog everywhere."""

    longest_side = None
    score_threshold = 0.4
    source = {"detector": "one dog"}  # noqa: RUF012

    def detect(self, images, *, score_threshold, max_objects):
        assert score_threshold in (0.4, 0.1)
        return [Detections(["dog"], np.array([[1, 1, 9, 9]], np.float32), np.array([0.5], np.float32)) for _ in images]


def test_each_image_gets_its_own_detector_in_one_call(world, noise, monkeypatch):
    monkeypatch.setattr(auto, "photograph_detector", lambda image: OneDog())
    detector = auto.AutoDetector()
    scenes = hx.parse_images([noise, world[0], noise], detector=detector)
    assert [s.source["detector"] for s in scenes] == ["one dog", "world", "one dog"]
    assert [s.source["score_threshold"] for s in scenes] == [0.4, 0.45, 0.4]
    assert hx.parse_image(noise, detector=detector, score_threshold=0.1).source["score_threshold"] == 0.1


def test_a_photograph_without_a_detector_is_one_sentence_with_the_choices(noise, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(auto, "zoo_file", lambda name: None)
    noise.save(tmp_path / "holiday.png")
    with pytest.raises(InputError, match=r"holiday\.png.*detector get nanodet.*grid"):
        hx.parse_image(tmp_path / "holiday.png", detector=auto.AutoDetector())


def test_the_worlds_detector_warns_of_other_images(world, noise):
    with pytest.warns(UserWarning, match="1 of the first 2 images .* does not look like the generated world"):
        hx.parse_images([world[0], noise], detector="world")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        hx.parse_images(world, detector="world")


def test_images_of_the_world_at_other_sizes_raise_no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for side in (32, 64, 256):
            dataset = hx.load_dataset("world/birds", split="val", size=3, image_size=side)
            hx.parse_images([dataset[k].image for k in range(3)], detector="world")
