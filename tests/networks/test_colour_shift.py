"""Colours moved in CIELAB: against scikit-image, gradients, and what black, white and an untrained layer do."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from hetero_xmodal.networks.colour_shift import REACH, PaintOrShift, lab_to_rgb, rgb_to_lab
from hetero_xmodal.networks.image_branch import ImageDecoder
from hetero_xmodal.networks.stage_decoder import StageDecoder


def test_cielab_is_that_of_another_library_and_back_is_the_same_image():
    color = pytest.importorskip("skimage.color")  # OpenCV's own is a table that is up to .3 off
    images = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1
    images[0, :, :2] = torch.tensor([-1.0, 1.0])[None, :, None]  # black and white
    found = rgb_to_lab(images)
    for image, values in zip(images, found, strict=True):
        wanted = color.rgb2lab(((image + 1) / 2).permute(1, 2, 0).numpy())
        np.testing.assert_allclose(values.permute(1, 2, 0).numpy(), wanted, atol=0.02)
    torch.testing.assert_close(lab_to_rgb(found), images, atol=2e-4, rtol=0)


def test_gradients():
    images = (torch.rand(1, 3, 2, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(1)) * 1.6 - 0.8).requires_grad_()
    assert torch.autograd.gradcheck(rgb_to_lab, images) and torch.autograd.gradcheck(lambda x: lab_to_rgb(rgb_to_lab(x) * 0.9), images)
    black = torch.full((1, 3, 2, 2), -1.0, requires_grad=True)
    lab_to_rgb(rgb_to_lab(black)).sum().backward()
    assert torch.isfinite(black.grad).all()


@torch.no_grad()
def shifted(images: torch.Tensor, shift: tuple[float, float, float]) -> torch.Tensor:
    """The images moved by a shift (tanh of the layer's output) everywhere, and nothing painted."""
    end = PaintOrShift(1)
    end.layer.bias.copy_(torch.tensor([*torch.atanh(torch.tensor(shift)), 40.0]))
    return end(torch.zeros(len(images), 1, *images.shape[2:]), torch.zeros_like(images), images)


def test_a_shift_moves_what_is_between_black_and_white_and_leaves_the_ends():
    grey = torch.tensor([-1.0, 0.0, 1.0]).view(1, 1, 1, 3).expand(1, 3, 1, 3)
    before, after = (rgb_to_lab(x)[0, :, 0] for x in (grey, shifted(grey, (0.0, 0.5, 0.0))))
    room = 4 * (before[0] / 100) * (1 - before[0] / 100)
    np.testing.assert_allclose(after[1], 0.5 * REACH[1] * room, atol=0.2)
    np.testing.assert_allclose(after[[0, 2]], before[[0, 2]], atol=0.2)
    darker = rgb_to_lab(shifted(grey, (-0.3, 0.0, 0.0)))[0, 0, 0]
    np.testing.assert_allclose(darker, before[0] - 0.3 * REACH[0] * room, atol=0.2)


def test_texture_stays_where_a_colour_is_moved():
    stripes = torch.where(torch.arange(16) % 4 < 2, 0.1, -0.2).expand(1, 3, 16, 16)
    red = shifted(stripes, (0.0, 0.6, 0.4))
    lightness, before = rgb_to_lab(red)[0, 0, 0], rgb_to_lab(stripes)[0, 0, 0]
    np.testing.assert_allclose(lightness, before, atol=0.5)
    assert (red[0, 0] - red[0, 2]).min() > 0.3


@pytest.mark.parametrize("make", [
    lambda shift: ImageDecoder(4, 4, 4, channels=8, blocks=1, shift=shift),
    lambda shift: StageDecoder(8, channels=16, doublings=1, shift=shift),
])  # fmt: skip
def test_a_decoder_with_it_learns_to_recolour_and_one_without_it_is_what_it_was(make):
    torch.manual_seed(0)
    plain = make(False)
    torch.manual_seed(0)
    both = make(True)
    assert set(both.state_dict()) - set(plain.state_dict()) == {"shift.layer.weight", "shift.layer.bias"}
    both.load_state_dict(plain.state_dict(), strict=False)
    image = torch.rand(2, 3, 8, 8) * 1.6 - 0.8
    if isinstance(both, ImageDecoder):
        inputs = ({"coarse": torch.randn(2, 4, 2, 2), "fine": torch.randn(2, 4, 4, 4)}, torch.randn(2, 4, 2, 2), image)
    else:
        inputs = (torch.randn(2, 8, 4, 4), image)
    made, matte, painted = both.eval()(*inputs)
    own, _, paint = plain.eval()(*inputs)
    torch.testing.assert_close(painted, 0.5 * paint + 0.5 * image, atol=1e-3, rtol=0)
    torch.testing.assert_close(made, matte * painted + (1 - matte) * image)
    assert not torch.equal(own, made)
    both.train()(*inputs)[2].sum().backward()
    assert both.shift.layer.weight.grad.abs().sum() > 0
