"""Pixel and feature metrics: closed forms, identities, and agreement with plain second computations."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torch.nn import functional as F

from hetero_xmodal import metrics
from hetero_xmodal.errors import InputError
from hetero_xmodal.metrics.images import FeatureExtractor


@pytest.fixture(scope="module")
def images() -> torch.Tensor:
    noise = torch.rand(6, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    return F.interpolate(noise, (32, 32), mode="bilinear")


def test_closed_forms():
    black, grey = torch.zeros(2, 3, 16, 16), torch.full((2, 3, 16, 16), 0.5)
    grey[1] = 1
    assert float(metrics.l2(black, grey)) == pytest.approx((0.25 + 1) / 2)
    assert float(metrics.l2(black, grey, scale="signed")) == pytest.approx(4 * (0.25 + 1) / 2)
    assert float(metrics.l2(black, grey, root=True)) == pytest.approx((0.5 + 1) / 2)
    assert float(metrics.mae(black, grey)) == pytest.approx(255 * 0.75)
    assert metrics.mae(black, grey).per_image.tolist() == [127.5, 255.0]
    part = black.clone()
    part[:, :, 4:8, 4:12] = 1  # inside the region (4, 4, 12, 8), which is looked at with 2 pixels around
    inside = metrics.mae(black, part, regions=[(4, 4, 12, 8)] * 2)
    assert float(inside) == pytest.approx(255 * (4 * 8) / (8 * 12))
    assert float(metrics.mae(black, part, regions=[(4, 4, 12, 8)] * 2, margin=0)) == 255


def test_equal_images_are_at_distance_zero(images):
    assert float(metrics.l2(images, images)) == float(metrics.mae(images, images)) == float(metrics.lpips(images, images)) == 0
    for window in (3, 7, 11):
        assert float(metrics.ssim(images, images, window=window)) == pytest.approx(1, abs=1e-6)
    assert 0.3 < float(metrics.ssim(images, (images + 0.05 * torch.randn_like(images)).clamp(0, 1))) < 0.999
    assert float(metrics.lpips(images, images.flip(0))) > 0.05


def test_bytes_floats_and_pil_images_give_the_same(images):
    whole = (images * 255).round().to(torch.uint8)
    pil = [Image.fromarray(p.permute(1, 2, 0).numpy()) for p in whole]
    other = whole.flip(0)
    results = [float(metrics.mae(made, other)) for made in (whole, whole.float() / 255, pil)]
    assert results[0] == pytest.approx(results[1], rel=1e-5) == pytest.approx(results[2], rel=1e-5)


def slow_ssim(a: np.ndarray, b: np.ndarray, side: int) -> float:
    """Wang et al. 2004 with a uniform window and biased moments around every pixel; beyond the border the image is mirrored."""
    a, b = (np.pad(p, ((0, 0), *[(side // 2, side // 2)] * 2), mode="reflect") for p in (a, b))
    c1, c2 = 0.01**2, 0.03**2
    values = []
    for channel in range(a.shape[0]):
        for y in range(a.shape[1] - side + 1):
            for x in range(a.shape[2] - side + 1):
                p, q = a[channel, y : y + side, x : x + side], b[channel, y : y + side, x : x + side]
                covariance = ((p - p.mean()) * (q - q.mean())).mean()
                top = (2 * p.mean() * q.mean() + c1) * (2 * covariance + c2)
                values.append(top / ((p.mean() ** 2 + q.mean() ** 2 + c1) * (p.var() + q.var() + c2)))
    return float(np.mean(values))


def test_ssim_with_a_uniform_window_equals_a_slow_loop(images):
    a, b = images[:2, :, :12, :9], images[2:4, :, :12, :9]
    expected = [slow_ssim(x.numpy().astype(np.float64), y.numpy().astype(np.float64), 3) for x, y in zip(a, b, strict=True)]
    assert metrics.ssim(a, b, window=3).per_image.tolist() == pytest.approx(expected, abs=2e-4)


class Means(nn.Module):
    """Three features: the mean of every channel."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images.mean((2, 3))


def test_frechet_distance_equals_the_formula():
    generator = torch.Generator().manual_seed(1)
    made, real = (torch.rand(50, 3, 4, 4, generator=generator) * s for s in (1.0, 0.7))
    extractor = metrics.module_extractor("channel means", Means())
    with pytest.warns(UserWarning, match="50 images with 3 features"):
        score = metrics.frechet_distance(made, real, extractor=extractor)
    x, y = (p.double().mean((2, 3)).numpy() for p in (made, real))
    s1, s2 = np.cov(x.T), np.cov(y.T)
    import scipy.linalg

    expected = ((x.mean(0) - y.mean(0)) ** 2).sum() + np.trace(s1 + s2 - 2 * scipy.linalg.sqrtm(s1 @ s2).real)
    assert float(score) == pytest.approx(expected, rel=1e-4) and score.extractor == "channel means"


def test_inception_score_equals_the_formula_and_its_bounds():
    logits = torch.randn(40, 5, generator=torch.Generator().manual_seed(2)) * 2
    table = FeatureExtractor("a table", logits=lambda p: logits[(p[:, 0, 0, 0] * 255).round().long()])
    index = torch.arange(40).to(torch.uint8)[:, None, None, None].expand(40, 3, 2, 2)
    probabilities = logits.softmax(1)
    expected = (probabilities * (probabilities.log() - probabilities.mean(0).log())).sum(1).mean().exp().item()
    assert float(metrics.inception_score(index, extractor=table, splits=1)) == pytest.approx(expected, rel=1e-5)
    twice = [metrics.inception_score(index, extractor=table, splits=4) for _ in range(2)]
    assert float(twice[0]) == float(twice[1]) and twice[0].spread > 0
    sure = FeatureExtractor("sure", logits=lambda p: 100 * F.one_hot((p[:, 0, 0, 0] * 255).round().long() % 4, 4).float())
    assert float(metrics.inception_score(index, extractor=sure, splits=1)) == pytest.approx(4, rel=1e-5)
    same = FeatureExtractor("same", logits=lambda p: torch.zeros(len(p), 4))
    assert float(metrics.inception_score(index, extractor=same, splits=1)) == pytest.approx(1)


def test_random_numbers_of_the_caller_are_left_alone(images):
    torch.manual_seed(5)
    before = torch.rand(1)
    torch.manual_seed(5)
    metrics.inception_score(images, splits=2)
    assert torch.equal(torch.rand(1), before)


def test_lpips_from_local_alexnet_weights_equals_torchmetrics_on_the_same_network(tmp_path, images):
    from torchmetrics.functional.image.lpips import _LPIPS
    from torchvision.models import alexnet

    torch.manual_seed(0)
    backbone = alexnet(weights=None)
    torch.save(backbone.state_dict(), tmp_path / "alexnet.pth")
    larger = F.interpolate(images[:2], (64, 64))
    score = metrics.lpips(larger, larger.flip(0), weights=tmp_path / "alexnet.pth")
    net = _LPIPS(pretrained=True, net="alex", pnet_rand=True).eval()
    state = backbone.features.state_dict()
    renamed = {f"net.slice{k}.{key}": state[key] for k in range(1, 6) for key in state if f"net.slice{k}.{key}" in net.state_dict()}
    assert len(renamed) == len(state)
    net.load_state_dict(net.state_dict() | renamed)
    with torch.no_grad():
        expected = net(larger * 2 - 1, larger.flip(0) * 2 - 1).flatten()
    assert score.per_image.tolist() == pytest.approx(expected.tolist(), rel=1e-4) and "alexnet.pth" in score.extractor


def test_world_extractor_names_itself_and_tells_worlds_apart():
    from hetero_xmodal.data import load_dataset

    birds = [item.image for item in load_dataset("world/birds", "val", size=12)]
    others = [item.image for item in load_dataset("world/birds", "test", size=12)]
    scenes = [item.image for item in load_dataset("world/scenes", "val", size=12)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        near, far = metrics.frechet_distance(birds, others), metrics.frechet_distance(birds, scenes)
    assert 0 < near < far / 2 and near.extractor == "world judge, stride 16, 256 features"
    assert metrics.inception_score(birds, splits=1) > metrics.inception_score([birds[0]] * 12, splits=1) == pytest.approx(1, abs=1e-3)


def test_bad_input_is_named(tmp_path, images):
    with pytest.raises(InputError, match="one size and number"):
        metrics.l2(images, images[:2])
    with pytest.raises(InputError, match="0..1"):
        metrics.l2(images * 255, images)
    with pytest.raises(InputError, match="0..1"):
        metrics.l2(images * float("nan"), images)
    with pytest.raises(InputError, match="smaller than SSIM's window"):
        metrics.ssim(images[..., :8, :8], images[..., :8, :8])
    with pytest.raises(InputError, match="does not lie inside"):
        metrics.mae(images, images, regions=[(0, 0, 40, 8)] * 6)
    with pytest.raises(InputError, match="every split needs two images"):
        metrics.inception_score(images)
    with pytest.raises(InputError, match="at least two made"):
        metrics.frechet_distance(images[:1], images)
    with pytest.raises(InputError, match="does not exist.*world_extractor"):
        metrics.inception_extractor(tmp_path / "inception.pth")
    (tmp_path / "broken.pth").write_bytes(b"no weights")
    with pytest.raises(InputError, match="cannot be read as a file of tensors"):
        metrics.inception_extractor(tmp_path / "broken.pth")
    torch.save({"fc.weight": torch.zeros(1)}, tmp_path / "other.pth")
    with pytest.raises(InputError, match="belong to another network"):
        metrics.lpips(images, images, weights=tmp_path / "other.pth")
    with pytest.raises(InputError, match="gives no maps"):
        metrics.lpips(images, images, extractor=metrics.module_extractor("means", Means()))
