"""Removing and moving at full size: the truth is known on backgrounds that repeat, and nothing else may change."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from hetero_xmodal.data.tasks.editing import load_pairs
from hetero_xmodal.editing.carry import carried, cut, fill, paste
from hetero_xmodal.editing.plans import plan_edit
from hetero_xmodal.scenes import SceneGraph, SceneObject


def sharpness(pixels: np.ndarray) -> float:
    """Variance of the Laplacian, which enlarging from 64 pixels takes away."""
    import cv2

    return float(cv2.Laplacian(pixels.astype(np.float32), cv2.CV_32F).var())


@pytest.fixture(scope="module")
def background() -> np.ndarray:
    tile = np.random.default_rng(0).integers(60, 120, (16, 16, 3), dtype=np.uint8)
    return np.tile(tile, (10, 14, 1))


@pytest.fixture(scope="module")
def image(background) -> Image.Image:
    pixels = background.copy()
    rng = np.random.default_rng(1)
    ys, xs = np.ogrid[:160, :224]
    disc = (ys - 60) ** 2 + (xs - 70) ** 2 < 20**2
    pixels[disc] = np.clip(rng.normal((220, 40, 40), 20, (int(disc.sum()), 3)), 0, 255)
    return Image.fromarray(pixels)


@pytest.fixture(scope="module")
def scene() -> SceneGraph:
    ball = SceneObject("ball", ["red"], box=(50, 40, 91, 81))
    return SceneGraph(objects=[ball, SceneObject("box", [], box=(150, 100, 190, 140))], size=(224, 160))


def test_what_is_removed_leaves_the_background_that_repeats(image, background, scene):
    pixels, hole = carried(image, plan_edit(scene, "get rid of the ball"))
    assert hole[60, 70] and np.array_equal(pixels[~hole], np.asarray(image)[~hole])
    assert np.abs(pixels.astype(int) - background).mean() < 0.5


def test_what_is_moved_keeps_its_pixels_and_its_sharpness(image, background, scene):
    plan = plan_edit(scene, "the ball is above the box")
    pixels, changed = carried(image, plan)
    dx, dy = (round(plan.hidden[1][k] - plan.old_box[k]) for k in (0, 1))
    inner = np.asarray(image)[50:71, 60:81]
    assert np.array_equal(pixels[50 + dy : 71 + dy, 60 + dx : 81 + dx], inner)
    assert np.abs(pixels[45:75, 55:85].astype(int) - background[45:75, 55:85]).mean() < 5  # gone from where it was
    assert np.array_equal(pixels[~changed], np.asarray(image)[~changed])
    assert sharpness(pixels[50 + dy : 71 + dy, 60 + dx : 81 + dx]) > 0.95 * sharpness(inner)


def test_an_object_is_cut_out_along_its_outline(image, background, scene):
    mask = cut(np.asarray(image), background, scene.objects[0].box)
    ys, xs = np.ogrid[:160, :224]
    disc = (ys - 60) ** 2 + (xs - 70) ** 2 < 20**2
    assert (mask & disc).sum() / (mask | disc).sum() > 0.93


def test_other_objects_are_neither_copied_nor_filled():
    """A second object beside the removed one stays whole, and no part of it appears in the hole."""
    rng = np.random.default_rng(2)
    pixels = np.clip(rng.normal(100, 4, (96, 96, 3)), 0, 255).astype(np.uint8)
    pixels[30:60, 20:50] = (250, 250, 0)
    pixels[30:60, 52:82] = (0, 0, 250)
    objects = [SceneObject("dog", box=(20, 30, 50, 60)), SceneObject("cat", box=(52, 30, 82, 60))]
    done, _ = carried(Image.fromarray(pixels), plan_edit(SceneGraph(objects=objects, size=(96, 96)), "no dog"))
    assert np.array_equal(done[31:59, 54:81], pixels[31:59, 54:81])
    assert done[30:60, 20:49, 2].max() < 150 and done[30:60, 20:49, 0].max() < 150


def test_an_image_that_is_all_hole_or_tiny_is_filled_somehow():
    for shape in ((5, 5), (8, 40), (40, 8)):
        pixels = np.full((*shape, 3), 90, np.uint8)
        for hole in (np.ones(shape, bool), np.eye(*shape, dtype=bool), np.zeros(shape, bool)):
            assert fill(pixels, hole).shape == pixels.shape
    moved, there = paste(pixels, pixels, np.ones((40, 8), bool), (0, 0, 8, 40), (100, 100, 108, 140))
    assert not there.any() and np.array_equal(moved, pixels)


def test_on_the_world_the_result_is_close_to_the_true_edit():
    """Mean difference to the true edited image, inside what changed: well below that of the unedited image."""
    ours, unedited = [], []
    for pair in load_pairs("world/scenes", "val", size=40):
        plan = plan_edit(pair.scene, pair.instruction) if pair.kind == "remove" else None
        if plan is not None:
            done, hole = carried(pair.image, plan)
            truth = np.asarray(pair.edited_image, float)
            ours.append(np.abs(done - truth)[hole].mean())
            unedited.append(np.abs(np.asarray(pair.image, float) - truth)[hole].mean())
    assert len(ours) >= 5 and np.mean(ours) < 0.4 * np.mean(unedited)
