"""MIM-Net as a whole: properties of the model and of its losses for any weights."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

import hetero_xmodal as hx
from hetero_xmodal.networks.adversary import DiscriminatorFeatures, TextAdaptiveDiscriminator, word_attention
from hetero_xmodal.networks.boundary import boundary_images
from hetero_xmodal.networks.stage_decoder import StageDecoder
from hetero_xmodal.recipes import MIMNet, MIMNetConfig
from hetero_xmodal.recipes.grid import convolution_step, grid_graph
from hetero_xmodal.recipes.mimnet import (
    discriminator_loss,
    random_attention,
    realness_loss,
    reconstruction_loss,
    text_loss,
    texture_loss,
    word_graph,
)

SMALL = dict(embed=8, word_width=8, width=12, memories=5, coarse_size=32, fine_size=64, encoder_size=32, channels=8)
VOCAB = {"words": ["a", "bird", "with", "red", "blue", "wings", "crown"]}
COUNTS = torch.tensor([3, 1, 6])


def make(**changes) -> MIMNet:
    torch.manual_seed(0)
    return MIMNet(MIMNetConfig(**(SMALL | changes)), VOCAB).eval()


@pytest.fixture
def batch():
    torch.manual_seed(1)
    return word_graph(COUNTS), torch.rand(3, 3, 64, 64) * 2 - 1, torch.randint(4, 11, (int(COUNTS.sum()),))


def close(found, wanted, tolerance=1e-5):
    torch.testing.assert_close(found, torch.as_tensor(wanted, dtype=found.dtype), rtol=tolerance, atol=tolerance)


# ---------------------------------------------------------------------------------------------- the losses, by hand


def test_m4_the_texture_loss_and_where_its_gradient_goes():
    image = torch.tensor([[[2.0, 0, 1]], [[0.0, 2, 1]]]).permute(1, 0, 2).reshape(1, 2, 1, 3)
    alpha = torch.tensor([0.900471, 0.334442, 0.491377]).reshape(1, 1, 1, 3).requires_grad_()
    texture = torch.tensor([[0.688164, 0.757151]], requires_grad=True)
    loss = texture_loss(image, alpha, texture)
    close(loss, [0.724763])
    loss.sum().backward()
    assert alpha.grad is None and texture.grad.abs().tolist() == [[1.0, 1.0]]
    through = torch.autograd.grad(texture_loss(image, alpha, texture, detach=False).sum(), alpha)[0]
    assert through.abs().max() > 0.1
    assert torch.isfinite(texture_loss(image, torch.zeros_like(alpha), texture)).all()


def test_m6_the_weights_of_words_and_the_product_of_their_scores():
    words = torch.tensor([[[1.0, 0], [0, 1], [1, 1], [9, 9]]])
    mask = torch.tensor([[True, True, True, False]])
    close(word_attention(words, words[:, :3].mean(1), mask), [[0.253310, 0.253310, 0.493380, 0]])


class Undecided(nn.Module):
    """A discriminator whose probabilities are all 1/2."""

    def features(self, images):
        return DiscriminatorFeatures([], images.sum((1, 2, 3)) * 0)

    def match(self, features, words, mask, boxes):
        return torch.full((len(words),), 0.5)


def test_m14_the_adversarial_losses_of_an_undecided_discriminator():
    images, sentences = torch.zeros(4, 3, 32, 32), (torch.zeros(4, 2), torch.ones(4, 2, dtype=torch.bool), None)
    parts = discriminator_loss(Undecided(), images, images, sentences, sentences)
    close(sum(parts.values()), 4 * math.log(2))
    close(realness_loss(Undecided(), images), math.log(2))
    close(text_loss(Undecided(), images, sentences), math.log(2))


def test_the_reconstruction_loss_compares_at_the_stages_size():
    made, true = torch.zeros(1, 3, 2, 2), torch.zeros(1, 3, 4, 4)
    true[:, :, :2] = 1.0
    close(reconstruction_loss(made, true), [0.5])
    close(reconstruction_loss(made, true, kind="l1"), [0.5])
    close(reconstruction_loss(made, true, kind="norm"), [6**0.5])


# ---------------------------------------------------------------------------------------------- the model


def test_a_batch_is_its_pairs_one_by_one(batch):
    graph, images, words = batch
    model = make()
    together = model(graph, images, words=words)
    for k, some in enumerate(words.split(COUNTS.tolist())):
        alone = model(word_graph(COUNTS[k : k + 1]), images[k : k + 1], words=some)
        for name in ("coarse", "fine", "localisation", "texture", "matte"):
            close(getattr(alone, name)[0], getattr(together, name)[k].detach(), 1e-4)
    assert together.coarse.shape == (3, 3, 32, 32) and together.fine.shape == (3, 3, 64, 64)
    assert 0 < together.localisation.min() and together.localisation.max() < 1
    close(together.attention.sum(1), [1.0] * int(COUNTS.sum()))
    recalled = vars(model.recall(graph, images, words=words))  # all but the decoders
    assert len(recalled) == 9 and all(torch.equal(value, getattr(together, name)) for name, value in recalled.items())


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"memory": False},
        {"localise": "everywhere"},
        {"detail": False, "smooth": 2, "texture_pool": "sum"},
        {"encoder_size": 64},
        {"place_by": "word"},
    ],
)
def test_gradients_reach_every_parameter(batch, changes):
    graph, images, words = batch
    model = make(**changes).train()
    made = model(graph, images, words=words)
    # random weights, because batch normalisation makes plain sums constant
    (sum((x * torch.randn_like(x)).sum() for x in (made.coarse, made.fine))).backward()
    silent = {n for n, p in model.named_parameters() if p.requires_grad and (p.grad is None or not p.grad.abs().sum() > 0)}
    assert not silent
    assert not any(p.requires_grad for p in model.encoder.parameters())
    assert ("memory" in dict(model.named_parameters())) == (changes.get("memory", True))
    assert bool((made.localisation == 1).all()) == (changes.get("localise") == "everywhere")


def test_m7_random_memories_replace_those_of_the_words(batch):
    """With one-hot weights the words do not matter; sentences without a replacement keep their own attention."""
    graph, images, words = batch
    model = make()
    plain = model(graph, images, words=words)
    instead = torch.full((int(COUNTS.sum()), 5), torch.nan)
    instead[:3] = torch.eye(5)[2]
    mixed = model(graph, images, words=words, instead=instead)
    close(mixed.recalled[:3], model.memory[2].expand(3, -1).detach())
    close(mixed.fine[1:], plain.fine[1:].detach())
    other = model(graph, images, words=torch.cat([words[:3].flip(0), words[3:]]), instead=instead)
    close(other.fine[0], mixed.fine[0].detach())
    assert (mixed.texture[0] - plain.texture[0]).abs().max() > 1e-2 and (mixed.fine[0] - plain.fine[0]).abs().max() > 1e-4
    for kind in ("one_hot", "one_hot_per_word", "dirichlet"):
        drawn = random_attention(COUNTS, 5, kind=kind)
        close(drawn.sum(1), [1.0] * int(COUNTS.sum()))
        alike = all((rows == rows[0]).all() for rows in drawn.split(COUNTS.tolist()))
        assert alike == (kind == "one_hot")
    with pytest.raises(hx.InputError, match="has no memory"):
        make(memory=False)(graph, images, words=words, instead=instead)
    with pytest.raises(hx.InputError, match=r"instead is .* expected \(words, memories\)"):
        model(graph, images, words=words, instead=instead[:, :4])


def test_keys_of_words_separate_the_place_from_the_texture(batch):
    """(10) against a loop, and with place_by="word" another memory in place of the word's own changes the texture, but not its place."""
    graph, images, words = batch
    instead = torch.eye(5)[torch.randint(5, (int(COUNTS.sum()),))]
    for place_by in ("texture", "word"):
        model = make(place_by=place_by)
        own, other = (model.recall(graph, images, words=words, instead=x) for x in (None, instead))
        assert torch.equal(own.where, own.recalled) == (place_by == "texture") == (not torch.equal(own.where, other.where))
        for made in (own, other):
            for k, some in enumerate(torch.arange(len(made.where)).split(COUNTS.tolist())):
                messages = [(made.where[w] @ made.blended[k].flatten(1)).sigmoid() * made.recalled[w][:, None] for w in some]
                close(made.refined[k].flatten(1), (sum(messages) / len(some)).detach(), 1e-5)
        assert not torch.equal(own.refined, other.refined)
        for weight in [*model.localise.parameters(), *model.refine.parameters()]:
            weight.data *= 30  # so that the words differ clearly
        one, two = (model.render(images[0], words=some) for some in (["red"], ["wings", "a"]))
        assert torch.allclose(one, two, atol=1e-5) == (place_by == "texture")


def test_m10_the_order_of_memories_and_of_recalled_words_does_not_matter(batch):
    graph, images, words = batch
    model, turned = make(), make()
    with torch.no_grad():
        turned.memory.copy_(model.memory[torch.tensor([3, 0, 4, 1, 2])])
    close(turned(graph, images, words=words).fine, model(graph, images, words=words).fine.detach())


def test_m9_the_smoothing_convolution_is_message_passing_on_the_grid():
    model = make()
    conv = model.smooth[0][0][0]  # Conv2d of f_r's first layer
    maps = torch.randn(1, 12, 8, 8)
    recipe = hx.message_passing.Recipe([convolution_step(conv.weight)])
    found = recipe(grid_graph(8, 8), {"patch": {"v": maps[0].flatten(1).T.contiguous()}})["patch"]["v"]
    close(found, conv(maps)[0].flatten(1).T.detach())


def test_the_matte_shows_the_image_where_nothing_is_repainted(batch):
    graph, images, words = batch
    model = make()
    with torch.no_grad():
        for decoder in (model.coarse, model.fine):
            decoder.last.weight[3:] = 0
            decoder.last.bias[3:] = -100
    close(model(graph, images, words=words).fine, images)


def test_a_pattern_can_begin_where_all_is_alike():
    """With constant message and image, away from the border only the position of a pixel can distinguish a stripe from its gap."""
    torch.manual_seed(0)
    decoder = StageDecoder(8, channels=16, doublings=2).eval()
    features, image = torch.ones(1, 8, 8, 8), torch.zeros(1, 3, 32, 32)

    def varies() -> float:
        with torch.no_grad():
            return float(decoder(features, image)[2][0, :, 10:22, 10:22].std((1, 2)).max())

    assert varies() > 1e-2
    with torch.no_grad():
        decoder.where.weight.zero_()
    assert varies() < 1e-5


def test_boundaries_have_structure_without_colour():
    image = torch.zeros(2, 3, 32, 32)
    image[0, :, 8:24, 8:24] = torch.tensor([1.0, -1, -1]).reshape(3, 1, 1)
    image[1] = 0.3  # no edge at all
    edges = boundary_images(image)
    assert (edges[0] == 1).any() and (edges[1] == -1).all()
    other = image.clone()
    other[0, :, 8:24, 8:24] = torch.tensor([-1.0, 1, -1]).reshape(3, 1, 1)
    assert torch.equal(boundary_images(other), edges)
    model = make()
    made = model(word_graph(torch.tensor([2, 2])), torch.full((2, 3, 64, 64), 0.3), words=torch.tensor([4, 5, 6, 7]))
    assert torch.isfinite(made.fine).all()


def test_settling_brings_every_channel_to_mean_0_and_one_deviation():
    model = make(width=64)
    images = torch.rand(64, 3, 64, 64) * 2 - 1
    model.settle(images)
    image = model.features(images)["image"]
    variance = model.standard["image"].running_var  # small before the encoder has learned
    close(image.mean((0, 2, 3)), torch.zeros(64), 1e-2)
    close(image.std((0, 2, 3)), 64**-0.25 * (variance / (variance + 1e-5)).sqrt(), 1e-2)
    before = {name: value.clone() for name, value in model.state_dict().items() if name.startswith(("standard", "encoder"))}
    model.train()(word_graph(torch.tensor([1, 1])), images[:2], words=torch.tensor([4, 5]))
    assert all(torch.equal(model.state_dict()[name], value) for name, value in before.items())  # frozen in training too


def test_saved_and_loaded(batch, tmp_path):
    graph, images, words = batch
    model = make()
    model.save_pretrained(tmp_path / "model")
    again = MIMNet.from_pretrained(tmp_path / "model")
    assert again.config == model.config and torch.equal(again(graph, images, words=words).fine, model(graph, images, words=words).fine)


def test_a_graph_of_image_and_sentence_gives_its_words():
    model = make()
    graph = hx.build_graph(hx.SceneGraph(size=(64, 64)), hx.parse_sentence("A bird with red wings"))
    image = torch.zeros(1, 3, 64, 64)
    numbers = torch.tensor(model.word_numbers(["a", "bird", "with", "red", "wings"]))
    close(model(graph, image).fine, model(word_graph(torch.tensor([5])), image, words=numbers).fine.detach())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"memories": 0}, "memories is 0, expected at least 1; memory=False"),
        ({"fine_size": 32}, "fine_size is 32, expected more than coarse_size"),
        ({"coarse_size": 40}, "coarse_size is 40, expected a multiple of 32"),
        ({"fine_size": 96}, "fine_size is 96, expected half the encoder_size"),
        ({"localise": "nowhere"}, "expected one of unit"),
        ({"place_by": "size"}, "expected one of texture, word"),
        ({"word_width": 7}, "an even number"),
        ({"detail": False, "shift": True}, "shift is True, but without detail the decoders do not see"),
    ],
)
def test_bad_settings_are_refused(changes, message):
    with pytest.raises(hx.InputError, match=message):
        MIMNetConfig(**(SMALL | changes))


def test_bad_inputs_are_refused(batch):
    graph, images, words = batch
    with pytest.raises(hx.InputError, match=r"found images of shape \(3, 3, 32, 32\), expected \(3, 3, 64, 64\)"):
        make()(graph, images[:, :, :32, :32], words=words)
    with pytest.raises(hx.InputError, match="sentence 1 of the batch has no word"):
        make()(word_graph(torch.tensor([2, 0])), images[:2], words=words[:2])
    with pytest.raises(hx.InputError, match="list of words"):
        MIMNet(MIMNetConfig(**SMALL), {"words": []})


def test_the_papers_sizes():
    config = MIMNetConfig.literal()
    assert (config.coarse_size, config.fine_size, config.width, config.memories, config.detail) == (128, 256, 256, 128, False)
    judge = TextAdaptiveDiscriminator(9, image_size=32, widths=(4, 8, 8), word_width=4, cell=nn.LSTM)
    assert isinstance(judge.text.rnn, nn.LSTM)
