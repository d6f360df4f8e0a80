"""Whole training steps on a device on which the exercises are not made: the same numbers as on the CPU, and nothing left behind."""

from __future__ import annotations

import copy
from contextlib import nullcontext
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from pretend_device import DEVICE, PretendDevice

from hetero_xmodal.networks.similarity import ImageTextSimilarity, SimilarityConfig
from hetero_xmodal.recipes import CAM, MIMNet
from hetero_xmodal.recipes.cam import CAMConfig
from hetero_xmodal.recipes.mimnet import MIMNetConfig
from hetero_xmodal.training import cam, mimnet
from hetero_xmodal.training.cam_module import CAMModule
from hetero_xmodal.training.cam_settings import CAMTraining
from hetero_xmodal.training.editing.dataset import ManipulationData
from hetero_xmodal.training.editing.encoder import AttributeReader, train_encoder
from hetero_xmodal.training.editing.make_dataset import load_manipulation_data
from hetero_xmodal.training.editing.segmentation import cut_out
from hetero_xmodal.training.mimnet_module import MIMNetModule
from hetero_xmodal.training.mimnet_settings import MIMNetTraining
from hetero_xmodal.training.similarity import CaptionedImages, SimilarityModule

CAM_SIZES = dict(word_width=8, width=12, channels=8, blocks=1, embed=8, hidden=16, inside=True, own=True, transport_scaling=0.5)
MIMNET_SIZES = dict(embed=8, word_width=8, width=12, memories=5, coarse_size=32, fine_size=64, encoder_size=32, channels=8)


@pytest.fixture(scope="module")
def data() -> ManipulationData:
    return load_manipulation_data("world/birds", size=12, captions=2, told=1)


@pytest.fixture(autouse=True)
def no_autocast(monkeypatch):
    monkeypatch.setattr(torch, "autocast", lambda *_, **__: nullcontext())  # which does not support the device and is not under test here


def cam_module(data, **change) -> CAMModule:
    model = CAM(CAMConfig(**CAM_SIZES), {"words": data.words(), "names": data.classes})
    return CAMModule(model, CAMTraining(**change), data, data, AttributeReader.of(data, model.encoder.feature_width).requires_grad_(False))


def mimnet_module(data, config=None, **change) -> MIMNetModule:
    model = MIMNet(MIMNetConfig(**MIMNET_SIZES, **(config or {})), {"words": data.words()})
    reader = AttributeReader.of(data, model.encoder.feature_width).requires_grad_(False)
    return MIMNetModule(model, MIMNetTraining(**change), data, data, reader)


def similarity_module(data) -> SimilarityModule:
    some = CaptionedImages(data.images, [[f"a {data.classes[k % 3]} bird"] for k in range(len(data.images))])
    return SimilarityModule(ImageTextSimilarity(SimilarityConfig(width=8, channels=4), {"words": some.words()}), some, some, rate=1e-3)


ADDED = dict(focus=1.0, strokes=1.0, look=1.0, tell=1.0, paint=1.0, p_words=1.0, ground=1.0, plain=0.2, repattern=0.5)
CASES = {
    "CAM, painting": (0, lambda data: cam_module(data, painting=1)),
    "CAM, all losses": (1, lambda data: cam_module(data, painting=1, hiding=0.5, recolour=0.5)),
    "CAM, words everywhere": (0, lambda data: cam_module(data, painting=0, grounded=False)),
    "CAM, no adversary": (0, lambda data: cam_module(data, painting=0, adversary=False)),
    "MIM-Net, recall": (0, lambda data: mimnet_module(data, paint_from=1, **ADDED)),
    "MIM-Net, all losses": (1, lambda data: mimnet_module(data, paint_from=1, **ADDED)),
    "MIM-Net, mixed memories": (0, lambda data: mimnet_module(data, random="dirichlet")),
    "MIM-Net, objects": (0, lambda data: mimnet_module(
        replace(data, owner=cut_out(data.images, data.boxes, data.names)), adversary=False, **ADDED)),
    "MIM-Net, no memory": (0, lambda data: mimnet_module(data, {"memory": False})),
    "similarity": (0, similarity_module),
}  # fmt: skip


def steps(module, epoch: int, device: str) -> tuple[dict[str, float], dict[str, torch.Tensor]]:
    """What a training step and a validation step log, and the weights after them."""
    logged: dict = {}
    module = module.to(device).train()
    assert module.device == torch.device(device)
    made = module.configure_optimizers()
    optimisers = made if isinstance(made, list) else [made]
    module.optimizers = lambda: optimisers if len(optimisers) > 1 else optimisers[0]  # as Lightning does
    module.manual_backward = lambda loss: loss.backward()
    module.log_dict = lambda values, **_: logged.update(values)
    module.__dict__["_trainer"] = SimpleNamespace(current_epoch=epoch)
    rows = module.transfer_batch_to_device(torch.arange(3), torch.device(device), 0)
    torch.manual_seed(1)
    out = module.training_step(rows, 0)
    logged["loss"] = out if isinstance(out, torch.Tensor) else out["loss"]
    if isinstance(out, torch.Tensor):
        out.backward()
        optimisers[0].step()
    module.eval()
    module.on_validation_epoch_start()
    with torch.no_grad():
        module.validation_step(rows, 0)
    module.on_validation_epoch_end()
    assert all(value.device.type == torch.device(device).type for value in logged.values())
    return {name: float(value.detach().cpu()) for name, value in logged.items()}, {
        name: value.detach().cpu() for name, value in module.state_dict().items()
    }


@pytest.mark.parametrize("name", CASES)
def test_a_training_step_on_another_device(name, data):
    epoch, make = CASES[name]
    torch.manual_seed(0)
    module = make(data)
    with PretendDevice():
        found, weights = steps(copy.deepcopy(module), epoch, DEVICE)
    wanted, expected = steps(module, epoch, "cpu")
    assert found == pytest.approx(wanted, rel=1e-3, abs=1e-4) and len(wanted) > 3
    for path, value in expected.items():
        torch.testing.assert_close(weights[path], value, rtol=1e-3, atol=1e-3, msg=lambda text, path=path: f"{path}: {text}")


@pytest.mark.parametrize("made", [(cam, cam_module), (mimnet, mimnet_module)], ids=["CAM", "MIM-Net"])
def test_the_samples_of_an_epoch_on_another_device(made, data):
    module, make = made
    with PretendDevice(), torch.no_grad():
        assert module.draw_samples(make(data).to(DEVICE).eval(), count=2).axes


def test_the_encoder_learns_on_another_device(data):
    torch.manual_seed(0)
    encoder = MIMNet(MIMNetConfig(**MIMNET_SIZES), {"words": ["a"]}).encoder
    torch.manual_seed(2)
    with PretendDevice():
        there = copy.deepcopy(encoder).to(DEVICE)
        _, report = train_encoder(there, data, steps=2, batch_size=4, places=1.0)
        weights = {name: value.cpu() for name, value in there.state_dict().items()}
    torch.manual_seed(2)
    _, expected = train_encoder(encoder, data, steps=2, batch_size=4, places=1.0)
    assert report == pytest.approx(expected, rel=1e-3)
    for name, value in encoder.state_dict().items():
        torch.testing.assert_close(weights[name], value, rtol=1e-3, atol=1e-3)
