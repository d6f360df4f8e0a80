"""What CAM is compared with: the methods learn from the same data, and the simplest one does nothing."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

import hetero_xmodal as hx
from hetero_xmodal.baselines.editing import TAGAN, BudgetConfig, ManiGAN, Unchanged
from hetero_xmodal.baselines.editing.base import conditioning, split_words
from hetero_xmodal.baselines.editing.manigan import (
    AffineCombination,
    ChannelAttention,
    ManiGANConfig,
    WordAttention,
    word_correlation,
)
from hetero_xmodal.data.tasks.editing import ManipulationPair
from hetero_xmodal.networks.image_branch import make_encoder


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


def test_tagan_learns_to_show_its_input_and_answers_pairs():
    images = torch.randint(0, 256, (3, 3, 1, 1), dtype=torch.uint8).expand(-1, -1, 32, 32).contiguous()
    budget = BudgetConfig(steps=12, batch_size=4, reconstruction=20.0, words=0.1, learning_rate=3e-3)
    made = TAGAN(["red", "wings", "bird"], image_size=32, width=8, budget=budget)
    made.fit(images, ["red wings", "bird", "wings"], torch.tensor([0, 1, 2]))
    assert len(made.history) == 1 and np.isfinite(list(made.history[0].values())).all()
    edited, sentences = made.manipulate(pairs())
    assert [p.size for p in edited] == [(32, 32)] * 2 and sentences == ["Red wings.", "?"]
    assert made.numbers(["Red, zorgly"]).tolist() == [[4, 3]]


# ---------------------------------------------------------------------------------------------- ManiGAN


def manigan(steps: int = 1) -> ManiGAN:
    torch.manual_seed(0)
    config = ManiGANConfig(words=8, noise=2, channels=(6, 4, 4), critic=4, matching=0.3, main=0.4)
    budget = BudgetConfig(steps=steps, batch_size=3, learning_rate=1e-3)
    return ManiGAN(["red", "wings", "bird"], make_encoder("world"), image_size=32, config=config, budget=budget)


def test_one_word_is_what_every_place_and_every_channel_hears():
    torch.manual_seed(0)
    words, mask = torch.randn(2, 3, 5), torch.tensor([[True, False, False]] * 2)
    h = torch.randn(2, 4, 6, 6)
    places, across = WordAttention(4, 5), ChannelAttention(6, 5)
    torch.testing.assert_close(places(h, words, mask), places.key(words[:, 0])[:, :, None, None].expand_as(h))
    torch.testing.assert_close(across(h, words, mask), across.key(words[:, 0]).unflatten(1, (1, 6, 6)).expand_as(h))


def test_words_that_the_regions_show_correlate_and_padding_does_not_count():
    words = torch.eye(4)[None, :3]
    mask = torch.tensor([[True, True, False]])
    shown = word_correlation(torch.eye(4)[None, :2] * 9, words, mask, sharpness=50.0)
    absent = word_correlation(torch.eye(4)[None, 3:] * 9, words, mask)
    assert float(shown) == pytest.approx(1, abs=1e-4) and float(absent) == pytest.approx(0, abs=1e-6)
    other = torch.cat([words[:, :2], torch.full((1, 1, 4), 7.0)], 1)
    torch.testing.assert_close(word_correlation(torch.eye(4)[None, :2], other, mask), word_correlation(torch.eye(4)[None, :2], words, mask))


def test_each_stage_of_manigan_trains_its_own_part_and_the_details_come_last(monkeypatch):
    model, seen = manigan(steps=10), []
    first = {name: value.clone() for name, value in model.state_dict().items()}
    adversarial = model._adversarial

    def spy(batches, critics, learning, *, details):
        seen.append({name: value.clone() for name, value in model.state_dict().items()})
        last = adversarial(batches, critics, learning, details=details)
        seen.append({name: value.clone() for name, value in model.state_dict().items()})
        return last

    monkeypatch.setattr(model, "_adversarial", spy)
    images = torch.randint(0, 256, (3, 3, 32, 32), dtype=torch.uint8)
    model.fit(images, ["red wings", "bird", "wings"], torch.tensor([0, 1, 2]))
    matched, before, main, details = seen[0], seen[0], seen[1], seen[3]

    def changed(one, other, part: str) -> bool:
        return any(not torch.equal(one[name], other[name]) for name in one if name.startswith(part + ".") and one[name].is_floating_point())

    assert changed(first, matched, "matching") and not changed(first, matched, "main")
    assert changed(before, main, "main") and changed(before, main, "condition")
    assert not changed(before, main, "matching") and not changed(before, main, "details")
    assert changed(main, details, "details") and not any(changed(main, details, part) for part in ("matching", "main", "condition"))
    assert not changed(first, details, "encoder")
    assert np.isfinite([list(row.values()) for row in model.history[:1]]).all() and {"D_0", "G_2", "identity"} <= set(model.history[0])


def test_manigan_gives_an_image_from_each_stage_and_leaves_the_sentence():
    model = manigan().eval()
    made, _, _ = model.stages(torch.zeros(2, 3, 32, 32), model.numbers(["red wings", "bird"]), details=False)
    assert [tuple(image.shape) for image in made] == [(2, 3, 8, 8), (2, 3, 16, 16), (2, 3, 32, 32)]
    edited, sentences = model.manipulate(pairs())
    assert [p.size for p in edited] == [(32, 32)] * 2 and sentences == ["Red wings.", "?"]
    assert model.numbers(["Red, zorgly"]).tolist() == [[2, 1]]


def test_bad_settings():
    with pytest.raises(hx.InputError, match="image_size is 50"):
        TAGAN(["a"], image_size=50)
    with pytest.raises(hx.InputError, match="matching 0.6 and main 0.4"):
        ManiGANConfig(matching=0.6, main=0.4)
    with pytest.raises(hx.InputError, match="steps is 0"):
        BudgetConfig(steps=0)
    assert split_words("The bird's wings!") == ["the", "bird's", "wings"]
