"""Cutting things out of their boxes, and exercises that exchange them, against the world's truth: the same image without the thing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from hetero_xmodal.data.tasks.editing import load_pairs
from hetero_xmodal.networks.masks import dilated
from hetero_xmodal.training.editing.dataset import KINDS
from hetero_xmodal.training.editing.exercises import Maker, Sentences
from hetero_xmodal.training.editing.make_dataset import load_manipulation_data
from hetero_xmodal.training.editing.segmentation import cut_out, outline
from hetero_xmodal.training.mimnet_losses import inside_boxes, places_of

SIZE = KINDS.index("size")


@pytest.fixture(scope="module")
def data():
    made = load_manipulation_data("world/scenes", size=16, captions=3, told=0, image_size=128)
    return replace(made, owner=cut_out(made.images, made.boxes, made.names))


def shares(a: np.ndarray, b: np.ndarray) -> float:
    """Intersection over union."""
    return float((a & b).sum() / (a | b).sum())


def test_outlines_are_those_of_the_true_thing():
    """What an image loses when a thing is taken out of it is the thing, and its shadow."""
    found = []
    for pair in load_pairs("world/scenes", "val", size=64, image_size=128):
        if pair.kind == "remove":
            before, after = (np.asarray(image.convert("RGB")).astype(int) for image in (pair.image, pair.edited_image))
            true = (before != after).any(2)
            box = np.array(pair.scene.objects[pair.subject].box) / np.array([*pair.scene.size] * 2)
            whole = inside_boxes(torch.tensor(box, dtype=torch.float32)[None], 128)[0].bool().numpy()
            thing = outline(before.astype(np.uint8), box)
            assert not (thing & ~whole).sum() > 0.1 * thing.sum()  # but for the rounding of its sides
            found.append((shares(thing, true), shares(whole, true)))
    things, boxes = np.mean(found, 0)
    assert len(found) > 8 and things > 0.75 and things > boxes + 0.1, (things, boxes)


def test_where_nothing_can_be_told_from_the_ground_the_box_is_the_thing():
    flat = np.full((40, 40, 3), 90, np.uint8)
    for image in (flat, flat + (np.arange(40) % 2).astype(np.uint8)[:, None, None]):
        found = outline(image, np.array([0.25, 0.25, 0.5, 0.75]))
        assert found[10:30, 10:20].all() and found.sum() == 200
    assert outline(flat, np.array([0.99, 0.99, 1.0, 1.0])).any()  # however small


def test_a_thing_in_its_own_place_changes_nothing(data):
    """A donor that is the thing itself: the same image again but for the seam."""
    image = torch.tensor([0, 1, 2])
    node = [int((data.owner[k] > 0).sum() and data.owner[k][data.owner[k] > 0].mode().values) - 1 for k in image]
    clean = data.pixels(image)
    covered, mask, boxes, counts = data.cover(clean, [(k, node[k], int(image[k]), node[k]) for k in range(3)], image)
    assert torch.equal(boxes, data.boxes[image])
    for k in range(3):
        own = data.owner[image[k]] == node[k] + 1
        seam = dilated(own[None, None].float())[0, 0].bool()
        assert not (mask[k, 0].bool() & ~seam).any() and mask[k, 0][own].float().mean() > 0.95
        assert torch.equal(covered[k][:, ~seam], clean[k][:, ~seam])
        assert float((covered[k] - clean[k])[:, own].abs().mean()) < 0.1 and counts[k].sum() == pytest.approx(1.0, abs=1e-4)


def test_exercises_leave_the_ground_alone(data):
    words = data.words()
    number = {word: k for k, word in enumerate(words, 4)}
    sentences = Sentences(data, lambda some: [number[word.lower()] for word in some])
    maker = Maker(data, sentences, words, 4, plain=0.0, repattern=0.5)
    exchanged = 0
    for seed in range(8):
        torch.manual_seed(seed)
        images = torch.arange(len(data.images))
        batch = maker.make(images)
        assert torch.equal(batch.given * (1 - batch.mask), batch.answer * (1 - batch.mask))
        boxes = inside_boxes(batch.boxes.flatten(0, 1), 128).unflatten(0, batch.asked.shape) * batch.asked[..., None, None]
        ground = (batch.owner == 0)[:, None] * (1 - dilated((batch.owner > 0)[:, None].float()))  # far from everything
        inside = (boxes.amax(1, keepdim=True) * ground).bool()
        assert inside.any() == batch.asked.any()
        if inside.any():  # little of the ground in the boxes is painted, only where a donor's outline is another; of whole boxes, all
            assert float(batch.mask[inside].mean()) < 0.35
        assert torch.equal(batch.values[..., SIZE], data.values[images][..., SIZE])
        exchanged += int(batch.asked.sum())
    assert exchanged > 30


def test_the_places_of_things_are_cells_they_have_a_share_of():
    owner = torch.zeros(1, 4, 4, dtype=torch.uint8)
    owner[0, :2, :2] = 1
    owner[0, 3, 3] = 2  # a quarter of its cell is not enough
    owner[0, 2:, :2] = torch.tensor([[2, 0], [2, 1]])
    boxes = torch.tensor([[[0.0, 0.0, 1.0, 1.0], [0.0, 0.5, 0.5, 1.0]]])
    assert places_of(boxes, owner, 2).tolist() == [[[[1, 0], [0, 0]], [[0, 0], [1, 0]]]]
    assert places_of(boxes, None, 2).tolist() == [[[[1, 1], [1, 1]], [[0, 0], [1, 0]]]]
