"""What a setting of a paper says is done: VGG-16 with real weights or not at all, word vectors of a file, short runs with every part."""

from __future__ import annotations

import pytest
import torch
from torchvision.models import vgg16
from torchvision.transforms.functional import normalize

from hetero_xmodal.errors import InputError
from hetero_xmodal.networks import frozen
from hetero_xmodal.networks.image_branch import make_encoder
from hetero_xmodal.recipes import CAM
from hetero_xmodal.recipes.cam import CAMConfig
from hetero_xmodal.training.api import train
from hetero_xmodal.training.editing.setup import take_word_vectors
from hetero_xmodal.training.settings import choose_settings

SMALL = dict(word_width=8, width=12, channels=8, embed=8, hidden=8, image_size=32)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A file in torchvision's layout, of its convolutions alone, with made-up numbers."""
    torch.manual_seed(0)
    network = vgg16(weights=None, init_weights=False).features
    file = tmp_path_factory.mktemp("vgg") / "vgg16.pth"
    torch.save({f"features.{key}": value for key, value in network.state_dict().items()}, file)
    return file, network


def test_vgg_has_the_weights_of_its_file(weights):
    file, network = weights
    images = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(1)) * 2 - 1
    wanted = network[:16](normalize(images / 2 + 0.5, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))
    encoder = make_encoder(f"vgg16:{file}")
    assert torch.allclose(encoder.maps(images)["coarse"], wanted, atol=1e-5)
    again = make_encoder("vgg16", pretrained=False)
    again.load_state_dict(encoder.state_dict())
    assert torch.equal(again.maps(images)["fine"], encoder.maps(images)["fine"])


def test_vgg_without_weights_is_refused_in_one_sentence(weights, tmp_path, monkeypatch):
    with pytest.raises(InputError, match="does not exist"):
        make_encoder(f"vgg16:{tmp_path / 'none.pth'}")
    torch.save({"features.0.weight": torch.zeros(3)}, tmp_path / "other.pth")
    with pytest.raises(InputError, match="holds no weights of torchvision's vgg16"):
        make_encoder(f"vgg16:{tmp_path / 'other.pth'}")

    def unreachable(*_):
        raise InputError("the weights of torchvision's 'vgg16' cannot be fetched")

    monkeypatch.setattr(frozen, "_fetched", unreachable)
    with pytest.raises(InputError, match="cannot be fetched"):
        train("cam", "world/birds", out=tmp_path / "run", size=8, preset="paper/cub")
    assert not (tmp_path / "run").exists()
    model = CAM(CAMConfig.literal(**SMALL), {"words": ["red"], "names": ["bird"]})
    for encoder in (model.encoder, make_encoder("efficientnet-lite0", pretrained=False)):
        with pytest.raises(InputError, match="random weights"):
            encoder.maps(torch.zeros(1, 3, 32, 32))


def test_a_file_of_vgg_weights_reaches_the_saved_model(weights, tmp_path):
    config = CAMConfig.literal(**SMALL, **{"encoder": f"vgg16:{weights[0]}"})
    model = CAM(config, {"words": ["red"], "names": ["bird"]}, pretrained=True)
    model.save_pretrained(tmp_path / "model")
    weights_now = CAM.from_pretrained(tmp_path / "model").encoder.stem[0].weight
    assert torch.equal(weights_now, weights[1][0].weight)


def test_word_vectors_of_a_file_are_taken_and_stay(tmp_path):
    model = CAM(CAMConfig(**SMALL), {"words": ["red", "wing"], "names": ["bird"]})
    file = tmp_path / "vectors.txt"
    file.write_text("red " + " ".join(["0.5"] * 8) + "\nblue " + " ".join(["1"] * 8) + "\n")
    assert take_word_vectors(model, file) == (1, 2)
    assert (model.words.weight[-2] == 0.5).all() and not (model.words.weight[-1] == 0.5).any()
    before = model.words.weight.detach().clone()
    optimiser = torch.optim.Adam([model.words.weight], lr=0.1)
    model.words.weight.square().sum().backward()
    optimiser.step()
    assert torch.equal(model.words.weight[-2], before[-2]) and not torch.equal(model.words.weight[-1], before[-1])
    file.write_text("red 1 2 3\n")
    with pytest.raises(InputError, match="have 3 numbers a word, but word_width is 8"):
        take_word_vectors(model, file)
    file.write_text("blue 1 2 3\n")
    with pytest.raises(InputError, match="none of the 2 words"):
        take_word_vectors(model, file)


@pytest.mark.parametrize("epochs", [1, 2, 10, 30, 40])
def test_short_runs_train_matte_and_discriminator_too(epochs):
    for data, usual in (("cub", 30), ("world/birds", 8)):
        painting = choose_settings("cam", data, epochs=epochs, preset="small" if data == "cub" else None).training.painting
        full = 10 if data == "cub" else 2
        assert painting < epochs and painting <= full and (epochs < usual or painting == full)
        assert painting >= min(epochs - 1, full, full * epochs // usual)
    assert choose_settings("cam", "world/birds", epochs=2, changes=["painting=2"]).training.painting == 2  # what is asked for counts
