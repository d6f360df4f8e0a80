"""DAGNN as a whole: its losses by hand, gradient reversal, ablations, training, saving, and bad input."""

from __future__ import annotations

import math
import os
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

import hetero_xmodal as hx
from hetero_xmodal.data.features import FeatureSet, FeatureSplit
from hetero_xmodal.data.featurise import text_rows, words_of
from hetero_xmodal.data.tasks.retrieval import RetrievalData, load_retrieval_data, load_test_pairs
from hetero_xmodal.graphs.labels import label_matrices
from hetero_xmodal.recipes import DAGNN, DAGNNConfig
from hetero_xmodal.recipes.dagnn import GradientReversal, classification_loss, cosine, discrimination_loss
from hetero_xmodal.training import FitConfig
from hetero_xmodal.training.dagnn import evaluate_retrieval, train_dagnn

V, T = torch.tensor([[1.0, 0], [1, 1]]), torch.tensor([[0.0, 1], [1, 1]])
Z, Y = torch.tensor([[1.0, 0], [0, 1], [-1, 1]]), torch.tensor([[1.0, 0, 0], [1, 1, 0]])
VARIANTS = ("full", *(f"DAGNN-{k}" for k in range(1, 6)))
SMALL = DAGNNConfig(image_width=6, text_width=4, width=16, hops=2, label_width=5)
LABELS = {"labels": ["sea", "boat", "sky"]}


def close(found, wanted, tolerance=1e-5):
    torch.testing.assert_close(torch.as_tensor(found), torch.as_tensor(wanted), rtol=tolerance, atol=tolerance, check_dtype=False)


def pairs(n: int, seed: int = 0, classes: int = 3) -> FeatureSplit:
    """Pairs whose features determine their labels, with noise; some have two labels."""
    rng = np.random.default_rng(seed)
    labels = np.eye(classes)[np.arange(n) % classes]
    labels[::4, 0] = 1
    mixing = np.random.default_rng(99).normal(size=(2, classes, 6))
    images = labels @ mixing[0] + 0.4 * rng.normal(size=(n, 6))
    texts = (labels @ mixing[1])[:, :4] + 0.4 * rng.normal(size=(n, 4))
    return FeatureSplit(images, texts, labels)


def tiny() -> RetrievalData:
    return RetrievalData(FeatureSet("tiny", pairs(120, 0), pairs(60, 2), pairs(60, 1)), {"data": "tiny", **LABELS})


def batch(n: int = 30):
    split = pairs(n)
    return torch.from_numpy(split.images), torch.from_numpy(split.texts), torch.from_numpy(split.labels).float()


def model(config: DAGNNConfig = SMALL, seed: int = 0) -> DAGNN:
    torch.manual_seed(seed)
    made = DAGNN(config, LABELS)
    return made.prepare(*batch())


# ---------------------------------------------------------------------------------------------- numbers by hand


def test_d4_scores_and_classification_loss():
    close(cosine(V, Z), [[1, 0, -0.707107], [0.707107, 0.707107, 0]])
    for kind, wanted in (("root", 1.558336), ("squared", 1.671573)):
        close(classification_loss(cosine(V, Z), cosine(T, Z), Y, kind=kind), wanted)


def test_d5_likelihood_of_shared_labels():
    terms = []
    for a, b in ((V, T), (V, V), (T, T)):
        x, shared = cosine(a, b) / 2, Y @ Y.T
        terms.append(float((torch.log(1 + x.exp()) - shared * x).mean()))  # the formula as printed
    close(terms, [0.432763, 0.377996, 0.377996])
    close(discrimination_loss(V, T, Y), 1.188755)


def test_d6_adversarial_loss_of_judges_that_know_nothing():
    dagnn = model()
    for judge in (dagnn.image_discriminator, dagnn.text_discriminator):
        nn.init.zeros_(judge[-2].weight)
        nn.init.zeros_(judge[-2].bias)
    h_v, h_t, labels = batch()
    close(dagnn.losses(h_v, h_t, labels)["L_adv"].detach(), 4 * math.log(2))


def test_d7_reversed_gradient_through_the_whole_model(monkeypatch):
    x = torch.tensor(2.0, requires_grad=True)
    (GradientReversal.apply(x) ** 2).backward()
    assert float(x.grad) == -4

    def gradients():
        dagnn = model()
        h_v, h_t, _ = batch()
        v, t = dagnn.image_space(h_v), dagnn.text_space(h_t)
        dagnn.adversarial_loss(h_v, h_t, v, t).backward()
        return {name: p.grad for name, p in dagnn.named_parameters() if p.grad is not None}

    turned = gradients()
    monkeypatch.setattr(GradientReversal, "apply", staticmethod(lambda x: x))
    straight = gradients()
    deceivers = ("image_space", "text_space", "text_from_image", "image_from_text")
    assert {name.split(".")[0] for name in turned} == {*deceivers, "image_discriminator", "text_discriminator"}
    for name, gradient in turned.items():
        close(gradient, -straight[name] if name.startswith(deceivers) else straight[name])
        assert "1" in name or gradient.abs().sum() > 0


def test_d8_retrieval_of_three_pairs():
    score = hx.metrics.mean_average_precision_from_embeddings(
        [[1, 0], [0, 1], [1, 1]], [[1, 0.1], [0.2, 1], [1, -1]], *[[[1, 0], [0, 1], [1, 1]]] * 2
    )
    close(score.per_query, [1, 0.833333, 1])


def test_d11_renumbering_labels_leaves_embeddings_and_loss():
    dagnn, order = model(), torch.tensor([2, 0, 1])
    other = DAGNN(SMALL, {"labels": [LABELS["labels"][k] for k in order]})
    h_v, h_t, labels = batch()
    other.load_state_dict(dagnn.state_dict())
    other.prepare(h_v, h_t, labels[:, order], label_vectors=dagnn.label_vectors[order])
    close(other.classifiers().detach(), dagnn.classifiers()[order].detach())
    close(other.embed_images(h_v), dagnn.embed_images(h_v))
    close(other.losses(h_v, h_t, labels[:, order])["loss"].detach(), dagnn.losses(h_v, h_t, labels)["loss"].detach())


def test_d12_scores_are_cosines():
    v, z = torch.randn(20, 7), torch.randn(5, 7)
    assert cosine(v, z).abs().max() <= 1 + 1e-6
    close(cosine(3 * v, 0.1 * z), cosine(v, z))
    assert cosine(torch.zeros(1, 7), z).tolist() == [[0] * 5]


def test_losses_stay_finite_where_nothing_varies():
    dagnn = model()
    equal = torch.zeros(4, 6), torch.zeros(4, 4), torch.zeros(4, 3)
    losses = dagnn.losses(*equal)
    losses["loss"].backward()
    assert all(torch.isfinite(x).all() for x in losses.values())
    assert all(torch.isfinite(p.grad).all() for p in dagnn.parameters() if p.grad is not None)


# ---------------------------------------------------------------------------------------------- ablations and switches


def gradients_of(config: DAGNNConfig) -> dict[str, torch.Tensor]:
    dagnn = model(config)
    dagnn.losses(*batch())["loss"].backward()
    return {name: p.grad for name, p in dagnn.named_parameters() if p.grad is not None}


def test_d14_each_ablation_removes_its_part():
    parts = {variant: set(model(replace(SMALL, variant=variant)).losses(*batch())) - {"loss"} for variant in VARIANTS}
    everything = {"L_cla", "L_mdi", "L_adv"}
    assert parts["full"] == parts["DAGNN-4"] == parts["DAGNN-5"] == everything
    assert [everything - parts[f"DAGNN-{k}"] for k in (1, 2, 3)] == [{"L_cla"}, {"L_mdi"}, {"L_adv"}]
    without, zero = gradients_of(replace(SMALL, variant="DAGNN-2")), gradients_of(replace(SMALL, alpha=0.0))
    for name, gradient in zero.items():
        close(without[name], gradient)
    names = {variant: {n.split(".")[0] for n, _ in model(replace(SMALL, variant=variant)).named_parameters()} for variant in VARIANTS}
    assert {"recipe", "aggregate", "text_from_image", "image_from_text"} <= names["full"]
    assert not {"text_from_image", "image_from_text", "image_discriminator"} & names["DAGNN-4"]
    assert not {"recipe", "aggregate"} & names["DAGNN-5"] and "free_classifiers" in names["DAGNN-5"]
    for variant in VARIANTS:  # whatever is there learns
        config = replace(SMALL, variant=variant)
        assert set(gradients_of(config)) == {name for name, _ in model(config).named_parameters()}


def test_switches_of_the_label_graph():
    h_v, h_t, labels = batch()
    alone = model(replace(SMALL, adjacency="identity"))
    assert torch.equal(alone.weight, torch.eye(3)) and alone.label_graph().num_edges() == 3
    assert torch.equal(model(replace(SMALL, diagonal=1.5)).weight.diagonal(), torch.full((3,), 1.5))
    for hops in (1, 6):
        for gnn in ("gat", "gcn"):
            for aggregate in (True, False):
                dagnn = model(replace(SMALL, hops=hops, gnn=gnn, aggregate=aggregate))
                assert dagnn.classifiers().shape == (3, 16) and len(dagnn.recipe.steps) == hops
                last = dagnn.recipe(dagnn.label_graph(), {"label": {"hop 0": dagnn.label_vectors}})["label"][f"hop {hops}"]
                assert torch.equal(dagnn.classifiers(), last) != aggregate


def test_d1_d15_the_label_graph_counts_training_labels_only():
    labels = [[1, 1, 0], [1, 1, 1], [1, 0, 0], [0, 1, 1], [1, 0, 0]]
    dagnn = DAGNN(replace(SMALL, tau=0.5), LABELS).prepare(torch.rand(5, 6), torch.rand(5, 4), torch.tensor(labels))
    close(dagnn.weight, [[1, 0.5, 0.5], [0.5, 1, 0.5], [0, 0.5, 1]])
    graph = dagnn.label_graph()
    assert hx.validate(graph, kind="labels") is graph
    seen = model()
    embedded = seen.embed_images(pairs(9).images), seen.embed_texts(pairs(9).texts)
    seen.weight.zero_()
    seen.label_vectors.zero_()
    seen.recipe = seen.aggregate = None  # retrieval needs neither labels nor hops
    assert torch.equal(seen.embed_images(pairs(9).images), embedded[0]) and torch.equal(seen.embed_texts(pairs(9).texts), embedded[1])


def test_a_unit_of_input_is_the_same_to_a_standardised_model():
    h_v, h_t, labels = batch()
    config, scale = replace(SMALL, standardise=True), torch.tensor([1.0, 10, 100, 0.1, 1, 1])
    here, there = model(config), model(config)
    there.prepare(h_v * scale + 3, h_t, labels)
    close(there.embed_images(h_v * scale + 3), here.embed_images(h_v), 1e-4)
    together = model(replace(config, scale="common")).prepare(h_v * scale + 3, h_t, labels)
    seen = together.image_input(h_v * scale + 3)
    close(seen.mean(0), torch.zeros(6), 1e-5)
    close(seen.std(0, correction=0) / seen.std(0, correction=0)[0], scale * h_v.std(0) / h_v.std(0)[0], 1e-3)  # large ones stay large
    close(seen.square().mean(), torch.tensor(1.0))
    constant = torch.cat([h_v[:, :5], torch.full((30, 1), 7.0)], 1)
    assert torch.isfinite(here.prepare(constant, h_t, labels).embed_images(constant * 1.01)).all()


# ---------------------------------------------------------------------------------------------- training


def test_training_finds_the_labels_and_the_saved_model_is_the_same(tmp_path):
    config = replace(SMALL, batch_size=40, learning_rate=3e-3, momentum=0.9)
    before = evaluate_retrieval(model(), tiny().features.test)["mean"]
    trained, result = train_dagnn(tiny(), out=tmp_path / "run", config=config, fit_config=FitConfig(epochs=15), progress=False)
    scores = evaluate_retrieval(trained, tiny().features.test)
    assert scores["mean"] > max(0.85, before + 0.1)
    assert {"config.json", "metrics.csv", "log.txt", "checkpoints", "model", "environment.json"} <= {
        p.name for p in (tmp_path / "run").iterdir()
    }
    assert "train/L_cla" in (tmp_path / "run" / "metrics.csv").read_text().splitlines()[0]
    again = DAGNN.from_pretrained(tmp_path / "run" / "model")
    assert evaluate_retrieval(again, tiny().features.test) == scores
    assert result.best_score == pytest.approx(evaluate_retrieval(again, tiny().features.val)["mean"])


@pytest.mark.parametrize("averaging", [0.0, 0.9])
def test_an_interrupted_run_resumes_exactly(tmp_path, averaging):
    config = replace(SMALL, batch_size=40, learning_rate=3e-3, dropout=0.3, averaging=averaging)

    def train(out, epochs, **more):
        return train_dagnn(tiny(), out=tmp_path / out, config=config, fit_config=FitConfig(epochs=epochs), progress=False, **more)[0]

    whole = train("whole", 4)
    train("cut", 2)
    resumed = train("cut", 4, resume=True)
    for (name, a), (_, b) in zip(whole.state_dict().items(), resumed.state_dict().items(), strict=True):
        assert torch.equal(a, b), name


def test_tags_go_through_the_tag_network(tmp_path):
    rng = np.random.default_rng(0)
    labels = np.eye(3)[np.arange(150) % 3]
    tags = np.repeat(labels, 3, 1) * (rng.random((150, 9)) < 0.7)
    images = labels @ rng.normal(size=(3, 6)) + 0.3 * rng.normal(size=(150, 6))
    splits = [FeatureSplit(images[rows], tags[rows], labels[rows]) for rows in (slice(0, 90), slice(90, 120), slice(120, 150))]
    data = RetrievalData(FeatureSet("tags", *splits), {"data": "tags", **LABELS, "tags": [f"tag {k}" for k in range(9)]})
    config = replace(SMALL, tag_hidden=16, text_width=8, batch_size=25, learning_rate=3e-3)
    trained, _ = train_dagnn(data, out=tmp_path / "run", config=config, fit_config=FitConfig(epochs=10), progress=False)
    assert trained.config.tags == 9 and evaluate_retrieval(trained, splits[1])["mean"] > 0.8
    with pytest.raises(hx.InputError, match="0 and 1"):
        trained.embed_texts(tags + 0.5)


def test_a_large_batch_of_the_papers_width_is_one_step():
    torch.manual_seed(0)
    config = DAGNNConfig(image_width=512, hops=2)
    dagnn = DAGNN(config, {"labels": [str(k) for k in range(24)]})
    labels = (torch.rand(1024, 24) < 0.1).float()
    labels[:24] = torch.eye(24)
    h_v, h_t = torch.rand(1024, 512), torch.rand(1024, 300)
    loss = dagnn.prepare(h_v, h_t, labels).losses(h_v, h_t, labels)["loss"]
    loss.backward()
    assert torch.isfinite(loss)


# ---------------------------------------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"variant": "DAGNN-6"}, "DAGNN-6"),
        ({"gnn": "gin"}, "gat, gcn"),
        ({"hops": 0}, "hops is 0"),
        ({"dropout": 1.0}, "dropout"),
        ({"learning_rate": 0.0}, "learning_rate"),
        ({"alpha": float("nan")}, "alpha"),
    ],
)
def test_bad_settings_are_refused(change, message):
    with pytest.raises(hx.InputError, match=message):
        DAGNNConfig(**change)


def test_bad_inputs_are_refused(tmp_path):
    dagnn = model()
    for values, message in (
        (np.full((2, 6), np.nan), "NaN"),
        (np.zeros((2, 5)), "5 columns"),
        (np.zeros((0, 6)), "shape"),
        (np.array([["a"] * 6]), "numbers"),
    ):
        with pytest.raises(hx.InputError, match=message):
            dagnn.embed_images(values)
    with pytest.raises(hx.InputError, match="two labels"):
        DAGNN(SMALL, {"labels": ["one"]})
    with pytest.raises(hx.InputError, match="no classifiers"):
        model(replace(SMALL, variant="DAGNN-1")).classifiers()
    with pytest.raises(hx.InputError, match="no validation pairs"):
        train_dagnn(RetrievalData(replace(tiny().features, val=None), LABELS), out=tmp_path / "a", config=SMALL)
    with pytest.raises(hx.InputError, match="label vectors"):
        train_dagnn(tiny(), out=tmp_path / "b", config=SMALL, label_vectors=np.zeros((5, 4)))
    with pytest.raises(hx.InputError, match="counted label sets have shape"):
        train_dagnn(tiny(), out=tmp_path / "c", config=SMALL, counted=np.zeros((5, 99)))
    assert not any(tmp_path.iterdir())
    with pytest.raises(hx.InputError, match="unknown data set 'wikipedai:x' .did you mean"):
        load_retrieval_data("wikipedai:x")


def test_the_label_graph_can_be_counted_from_other_label_sets():
    dagnn, generator = model(), torch.Generator().manual_seed(0)
    own = torch.rand(40, len(LABELS["labels"]), generator=generator) < 0.4
    other = torch.eye(len(LABELS["labels"])).repeat(10, 1) > 0  # no label ever occurs with another
    images, texts = torch.rand(40, 6), torch.rand(40, dagnn.config.text_width)
    weights = [dagnn.prepare(images, texts, own, counted=c).weight.clone() for c in (None, own, other)]
    assert torch.equal(weights[0], weights[1]) and not torch.equal(weights[0], weights[2])
    wanted = label_matrices(other, dagnn.config.tau, dagnn.config.p, diagonal=dagnn.config.diagonal).weight
    assert torch.allclose(weights[2], wanted.to(weights[2])) and int((weights[2] > 0).sum()) == len(weights[2])


def test_a_model_of_another_recipe_or_shape(tmp_path):
    dagnn = model()
    folder = dagnn.save_pretrained(tmp_path / "model")
    (folder / "manifest.json").unlink()  # for changes on purpose
    text = (folder / "config.json").read_text()
    (folder / "config.json").write_text(text.replace('"dagnn"', '"algr"'))
    with pytest.raises(hx.InputError, match="of the recipe algr, expected dagnn"):
        DAGNN.from_pretrained(folder)
    (folder / "config.json").write_text(text.replace('"width": 16', '"width": 17'))
    with pytest.raises(hx.InputError, match="found shape"):
        DAGNN.from_pretrained(folder)


# ---------------------------------------------------------------------------------------------- words and features


def test_words_and_their_weights():
    assert words_of("Two birds near the Smiths' boxes; glasses, ladies!") == ["two", "bird", "near", "the", "smith", "box", "glass", "lady"]
    vocab = {"texts": {"kind": "tf-idf", "words": ["bird", "box"], "idf": [1.0, 2.0]}}
    rows = text_rows(vocab, ["birds and birds in a box", "nothing known"])
    wanted = np.array([math.log(3), 2 * math.log(2)])
    np.testing.assert_allclose(rows, [wanted / np.linalg.norm(wanted), [0, 0]], rtol=1e-6)
    assert text_rows({"texts": {"kind": "tags"}, "tags": ["bird", "sea"]}, ["birds and more birds"]).tolist() == [[1, 0]]


def test_model_and_data_must_fit(tmp_path):
    np.savez(tmp_path / "a.npz", **{f"{s}_{k}": v for s in ("train", "test") for k, v in vars(pairs(40)).items()})
    data = load_retrieval_data(f"features:{tmp_path / 'a.npz'}", held_out=10)
    assert [len(x) for x in (data.features.train, data.features.val, data.features.test)] == [30, 10, 40]
    assert len(load_test_pairs(f"features:{tmp_path / 'a.npz'}", data.vocab)) == 40
    with pytest.raises(hx.InputError, match="3 labels, but the model was trained with 2"):
        load_test_pairs(f"features:{tmp_path / 'a.npz'}", data.vocab | {"labels": ["a", "b"]})
    with pytest.raises(hx.InputError, match="'given', which 'world/scenes' does not offer"):
        load_test_pairs("world/scenes", data.vocab)


def test_the_shipped_model_retrieves_in_the_world():
    from hetero_xmodal.retrieval.search import load_retrieval_model

    shipped = load_retrieval_model()
    found = evaluate_retrieval(shipped, load_test_pairs("world/scenes", shipped.vocab, sizes={"test": 64}))
    assert min(found.values()) > 0.92, found  # a random order gives about 0.5, CCA 0.9


@pytest.mark.skipif(not os.environ.get("HETERO_XMODAL_REAL_DATA"), reason="HETERO_XMODAL_REAL_DATA is not set: no Wikipedia set")
def test_a_few_epochs_on_wikipedia_are_far_above_chance(tmp_path):
    data = load_retrieval_data(f"wikipedia:{os.environ['HETERO_XMODAL_REAL_DATA']}/wikipedia")
    config = DAGNNConfig(standardise=True, width=128, hops=1, batch_size=200, learning_rate=2e-3, momentum=0.9)
    trained, _ = train_dagnn(data, out=tmp_path / "run", config=config, fit_config=FitConfig(epochs=8), progress=False)
    assert evaluate_retrieval(trained, data.features.test)["mean"] > 0.2  # chance: 0.119


def test_roots_of_histograms_and_noise_in_training_only():
    h_v, h_t, labels = batch()
    rooted = model(replace(SMALL, image_root=True, standardise=True))
    by_hand = model(replace(SMALL, standardise=True))
    roots = h_v.sign() * h_v.abs() ** 0.5
    close(rooted.embed_images(h_v), by_hand.prepare(roots, h_t, labels).embed_images(roots), 1e-4)
    noisy = model(replace(SMALL, image_noise=0.5, text_noise=0.5))
    first, second = (float(noisy.losses(h_v, h_t, labels)["loss"].detach()) for _ in range(2))
    assert first != second
    assert torch.equal(noisy.embed_texts(h_t), noisy.embed_texts(h_t))
    noisy.eval()
    assert torch.equal(noisy.losses(h_v, h_t, labels)["loss"], model().eval().losses(h_v, h_t, labels)["loss"])


def test_figures_of_a_model():
    from hetero_xmodal.viz import draw_classifiers, draw_label_graph

    rng = np.random.default_rng(0)
    rows = np.repeat(np.eye(6)[:3], 4, 0) + 0.05 * rng.normal(size=(12, 6))  # three groups of four labels
    places = draw_classifiers(rows, [f"label {k}" for k in range(12)]).axes[0].collections[0].get_offsets()
    distance = np.linalg.norm(places[:, None] - places[None], axis=2)
    nearest = np.argsort(distance, 1)[:, 1:4] // 4
    assert (nearest == np.arange(12)[:, None] // 4).mean() > 0.9
    with pytest.raises(hx.InputError, match="12 classifiers but 3 names"):
        draw_classifiers(rows, ["a", "b", "c"])
    assert draw_label_graph(model().label_graph()) is not None
