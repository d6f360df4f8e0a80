"""What CAM is compared with: the methods learn from the same data, and the simplest one does nothing."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

import hetero_xmodal as hx
from hetero_xmodal.baselines.editing import TAGAN, BudgetConfig, ManiGAN, Unchanged
from hetero_xmodal.baselines.editing.base import conditioning, split_words
from hetero_xmodal.baselines.editing.manigan import AffineCombination
from hetero_xmodal.data.tasks.editing import ManipulationPair


def pairs():
    image = Image.fromarray(np.full((40, 40, 3), 90, np.uint8))
    return [
        ManipulationPair("a", "test", "mismatch", image, ("A bird.",), "Red wings."),
        ManipulationPair("b", "test", "mismatch", image, (), "?"),
    ]


def test_unchanged_is_unchanged():
    images, sentences = Unchanged().manipulate(pairs())
    assert images[0] is not None and sentences == ["Red wings.", "?"]
    assert np.array_equal(np.asarray(images[0]), np.asarray(pairs()[0].image))


def test_affine_combination_is_scale_and_shift():
    torch.manual_seed(0)
    module = AffineCombination(3, 2)
    v, h = torch.randn(1, 2, 4, 4), torch.randn(1, 3, 4, 4)
    zero = module(torch.zeros_like(h), v)
    one = module(torch.ones_like(h), v)
    torch.testing.assert_close(module(h, v), h * (one - zero) + zero)


def test_conditioning_of_a_standard_normal_costs_nothing():
    mean = torch.zeros(2, 5)
    sample, loss = conditioning(mean, mean, training=False)
    assert torch.equal(sample, mean) and float(loss) == 0
    assert float(conditioning(mean + 2, mean, training=False)[1]) == pytest.approx(0.5 * 0.5 * 4)


@pytest.mark.parametrize("method", [TAGAN, ManiGAN])
def test_a_method_learns_to_show_its_input_and_answers_pairs(method):
    images = torch.randint(0, 256, (3, 3, 1, 1), dtype=torch.uint8).expand(-1, -1, 32, 32).contiguous()
    budget = BudgetConfig(steps=12, batch_size=4, reconstruction=20.0, words=0.1, learning_rate=3e-3)
    made = method(["red", "wings", "bird"], image_size=32, width=8, budget=budget)
    made.fit(images, ["red wings", "bird", "wings"], torch.tensor([0, 1, 2]))
    assert len(made.history) == 1 and np.isfinite(list(made.history[0].values())).all()
    edited, sentences = made.manipulate(pairs())
    assert [p.size for p in edited] == [(32, 32)] * 2 and len(sentences) == 2
    if method is TAGAN:
        assert sentences == ["Red wings.", "?"]
    assert made.numbers(["Red, zorgly"]).tolist() == [[4, 3]]


def test_bad_settings():
    with pytest.raises(hx.InputError, match="image_size is 50"):
        TAGAN(["a"], image_size=50)
    with pytest.raises(hx.InputError, match="steps is 0"):
        BudgetConfig(steps=0)
    assert split_words("The bird's wings!") == ["the", "bird's", "wings"]
