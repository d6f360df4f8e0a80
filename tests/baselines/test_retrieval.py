"""The baselines of cross-modal retrieval and the feature files they read: fixtures, closed forms, real bad input."""

import dataclasses
import os
from pathlib import Path

import numpy as np
import pytest
import torch

from hetero_xmodal import baselines
from hetero_xmodal.baselines import METHODS, table
from hetero_xmodal.baselines.retrieval.acmr import ACMRConfig, reverse_gradient
from hetero_xmodal.baselines.retrieval.correlation import correlation_loss
from hetero_xmodal.baselines.retrieval.dscmr import dscmr_loss
from hetero_xmodal.baselines.retrieval.jrl import laplacian
from hetero_xmodal.data.datasets.features import load_features
from hetero_xmodal.data.datasets.mat import load_feature_folder
from hetero_xmodal.data.datasets.wikipedia import load_wikipedia
from hetero_xmodal.data.features import FeatureSet, FeatureSplit, load_label_vectors
from hetero_xmodal.errors import InputError

REAL = os.environ.get("HETERO_XMODAL_REAL_DATA")
#: settings with which each method needs about a second on the small set below
QUICK = {
    "Multimodal DBN": baselines.MultimodalDBNConfig(hidden=(32, 32), joint=64, epochs=60, batch_size=20),
    "Corr-AE": baselines.CorrAEConfig(dims=16, epochs=25, learning_rate=0.01),
    "DCCA": baselines.DCCAConfig(hidden=16, dims=3, epochs=8),
    "ACMR": baselines.ACMRConfig(hidden=32, dims=8, epochs=12, learning_rate=0.002),
    "DSCMR": baselines.DSCMRConfig(hidden=32, dims=16, epochs=12, learning_rate=0.002),
}


def small_set(seed=0, n=150):
    """Three themes seen through two noisy linear maps; some pairs show two themes."""
    rng = np.random.default_rng(seed)
    labels = np.eye(3)[rng.integers(3, size=n)]
    labels[: n // 5] = np.maximum(labels[: n // 5], np.eye(3)[rng.integers(3, size=n // 5)])
    maps = np.random.default_rng(99)
    images = labels @ maps.normal(size=(3, 12)) + 0.4 * rng.normal(size=(n, 12)) + 3
    texts = labels @ maps.normal(size=(3, 7)) + 0.4 * rng.normal(size=(n, 7)) - 1
    return FeatureSplit(images, texts, labels)


def centred(x):
    return x - x.mean(axis=0)


def fitted(name, train=None, config=None, **options):
    train = train or small_set()
    return METHODS[name](config or QUICK.get(name)).fit(train.images, train.texts, train.labels, **options)


# ---- every method -----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", METHODS)
def test_every_method_finds_what_belongs_together(name):
    train, test = small_set(0), small_set(1)
    before = torch.get_rng_state()
    method = fitted(name, validation=small_set(2, 60))
    assert torch.equal(before, torch.get_rng_state()), "the caller's random numbers were used"
    scores = method.evaluate(test)
    chance = (test.labels @ test.labels.T > 0).mean()
    assert chance < 0.5 and min(scores["image_to_text"], scores["text_to_image"]) > 0.8, scores
    images, texts = method.embed_images(test.images), method.embed_texts(test.texts)
    assert images.dtype == texts.dtype == np.float32 and images.shape == texts.shape
    np.testing.assert_allclose(method.embed_images(test.images[3:4]), images[3:4], atol=1e-5)  # a row does not depend on the others
    again = fitted(name, validation=small_set(2, 60))
    np.testing.assert_array_equal(again.embed_texts(test.texts), texts)
    if "seed" in {field.name for field in dataclasses.fields(method.config)}:
        other = fitted(name, config=dataclasses.replace(QUICK[name], seed=1))
        assert not np.allclose(other.embed_texts(test.texts), texts)
    with pytest.raises(InputError, match="has 12 columns|have 5 columns but"):
        method.embed_images(np.ones((2, 5)))
    assert len(method.embed_images(train.images)) == len(train)


@pytest.mark.parametrize("name", ["Corr-AE", "DCCA", "ACMR", "DSCMR"])
def test_the_best_epoch_on_validation_pairs_is_kept(name):
    validation = small_set(2, 60)
    config = dataclasses.replace(QUICK[name], epochs=200, patience=3, learning_rate=0.05)
    method = fitted(name, config=config, validation=validation)
    seen = [epoch["validation"] for epoch in method.history]
    assert method.best_epoch == int(np.argmax(seen)) + 1
    assert len(seen) == method.best_epoch + 3 < 200
    assert method.evaluate(validation)["mean"] == pytest.approx(max(seen), abs=1e-6)


@pytest.mark.parametrize("change, message", [
    ({"texts": np.ones((149, 7))}, "150 image features, 149 text features"),
    ({"images": np.full((150, 12), np.nan)}, "image features hold NaN or infinity in row 0"),
    ({"labels": np.full((150, 3), 2)}, "label of row 0, class 0 is 2"),
    ({"labels": np.eye(4)[np.arange(150) % 3]}, "class 3 has no training pair"),
    ({"labels": np.arange(150) % 3}, "labels have shape \\(150,\\)"),
    ({"validation": (np.ones((5, 12)), np.ones((5, 8)), np.ones((5, 3)))}, "validation texts have 8 columns but training texts have 7"),
    ({"images": [["a"] * 12] * 150}, "must be numbers"),
])  # fmt: skip
def test_fit_refuses(change, message):
    train = small_set()
    arguments = {"images": train.images, "texts": train.texts, "labels": train.labels, **change}
    with pytest.raises(InputError, match=message):
        baselines.CCA().fit(**arguments)


def test_other_refusals():
    train = small_set()
    for config, message in (
        (baselines.CCAConfig(dims=8), "give 1 to 7 dimensions"),
        (baselines.CCAConfig(ridge=-1.0), "ridge is -1.0"),
        (baselines.MLCCAConfig(weight="euclid"), "unknown; use 'cosine' or 'exp'"),
        (baselines.PLSConfig(dims=9), "1 to 7 dimensions"),
        (baselines.DSCMRConfig(epochs=0), "must be at least 1"),
        (baselines.ACMRConfig(scale="half"), "use 'each', 'all' or 'none'"),
        (baselines.DCCAConfig(batch_size=10, dims=9), "batch_size=10 is too small"),
        (baselines.MultimodalDBNConfig(text_units="bernoulli"), "from 0 to 1"),
        (baselines.DSCMRConfig(hidden=8, dims=4, learning_rate=1e30, epochs=3), "the loss is not finite"),
    ):
        method = next(m for m in METHODS.values() if m.Config is type(config))
        with pytest.raises(InputError, match=message):
            method(config).fit(train.images, train.texts, train.labels)
    with pytest.raises(InputError, match="not fitted yet"):
        baselines.CFA().embed_images(train.images)
    with pytest.raises(InputError, match="CCA needs a CCAConfig, not a CFAConfig"):
        baselines.CCA(baselines.CFAConfig())


# ---- each method against its definition -------------------------------------------------------------------------------------------------


def test_cfa_fixture():
    x, y = np.array([[1, 0], [0, 2], [-1, -2.0]]), np.array([[0, 1], [2, 0], [-2, -1.0]])
    method = baselines.CFA().fit(x, y, np.eye(3))
    np.testing.assert_allclose(method.singular_values, [8.605551, 1.394449], atol=1e-6)
    np.testing.assert_allclose(method.embed_images(x), method.embed_texts(y), atol=1e-5)  # zero residual
    np.testing.assert_allclose(method.image_weights.T @ method.image_weights, np.eye(2), atol=1e-9)


def test_cca_of_a_linear_map_and_against_scikit_learn():
    from sklearn.cross_decomposition import CCA as TheirCCA

    rng = np.random.default_rng(3)
    x = rng.normal(size=(80, 4))
    labels = np.eye(2)[np.arange(80) % 2]
    plain = baselines.CCAConfig(ridge=0.0, power=0.0)
    np.testing.assert_allclose(baselines.CCA(plain).fit(x, x @ rng.normal(size=(4, 4)) + 3, labels).correlations, 1, atol=1e-6)
    y = x @ rng.normal(size=(4, 3)) + 2 * rng.normal(size=(80, 3))
    ours = baselines.CCA(plain).fit(x, y, labels)
    theirs = TheirCCA(3, max_iter=5000, tol=1e-12).fit(x, y)
    for mine, yours in zip((ours.embed_images(x), ours.embed_texts(y)), theirs.transform(x, y), strict=True):
        correlation = [abs(np.corrcoef(mine[:, i], yours[:, i])[0, 1]) for i in range(3)]
        np.testing.assert_allclose(correlation, 1, atol=1e-4)
    a, b = ours.embed_images(x), ours.embed_texts(y)
    np.testing.assert_allclose([np.corrcoef(a[:, i], b[:, i])[0, 1] for i in range(3)], ours.correlations, atol=1e-5)


def test_pls_first_direction_has_the_largest_covariance():
    train = small_set()
    method = baselines.PLSC2A().fit(train.images, train.texts, train.labels)
    u, s, v = np.linalg.svd(centred(train.images).T @ centred(train.texts))
    assert abs(method.first_image_direction @ u[:, 0]) == pytest.approx(1, abs=1e-4)
    assert abs(method.first_text_direction @ v[0]) == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("weight", ["cosine", "exp"])
def test_ml_cca_covariances_against_a_double_loop(weight):
    train = small_set(n=30)
    x, y, labels = (a.astype(float) for a in (centred(train.images), centred(train.texts), train.labels))
    method = baselines.MLCCA(baselines.MLCCAConfig(weight=weight, width=2.0))
    cxx, cyy, cxy, z = 0, 0, 0, 0
    for i in range(30):
        for j in range(30):
            cosine = labels[i] @ labels[j] / np.linalg.norm(labels[i]) / np.linalg.norm(labels[j])
            f = cosine if weight == "cosine" else np.exp(-((labels[i] - labels[j]) ** 2).sum() / 2)
            cxx, cyy, cxy, z = cxx + f * np.outer(x[i], x[i]), cyy + f * np.outer(y[j], y[j]), cxy + f * np.outer(x[i], y[j]), z + f
    for ours, naive in zip(method._covariances(x, y, labels), (cxx / z, cyy / z, cxy / z), strict=True):
        np.testing.assert_allclose(ours, naive, atol=1e-9)
    own_class_each = np.eye(30)  # no two items share a label, so ml-CCA is CCA
    plain = baselines.CCA(baselines.CCAConfig(ridge=0.1))._covariances(x, y, own_class_each)
    if weight == "cosine":
        np.testing.assert_allclose(method._covariances(x, y, own_class_each)[2], plain[2], atol=1e-9)


def test_jrl_reaches_the_minimum_of_its_objective():
    train = small_set(n=60)
    config = baselines.JRLConfig(smoothness=0.5, sparsity=2.0, pair_weight=0.7, label_weight=1.3, neighbours=5, rounds=300)
    method = baselines.JRL(config).fit(train.images, train.texts, train.labels)
    x, t, y = (torch.tensor(a, dtype=torch.float64) for a in (centred(train.images), centred(train.texts), train.labels))
    graphs = [torch.tensor(laplacian(a.numpy(), 5).toarray()) for a in (x, t)]
    p, q = (torch.tensor(w, requires_grad=True) for w in (method.image_weights, method.text_weights))
    objective = 1.3 * ((x @ p - y) ** 2).sum() + 1.3 * ((t @ q - y) ** 2).sum() + 0.7 * ((x @ p - t @ q) ** 2).sum()
    for values, w, graph in ((x, p, graphs[0]), (t, q, graphs[1])):
        objective = objective + 0.5 * torch.trace((values @ w).T @ graph @ (values @ w)) + 2.0 * w.norm(dim=1).sum()
    objective.backward()
    assert max(p.grad.abs().max(), q.grad.abs().max()) < 1e-3 * objective.item()


def test_correlation_loss():
    rng = np.random.default_rng(4)
    a, b = torch.tensor(rng.normal(size=(12, 3)), requires_grad=True), torch.tensor(rng.normal(size=(12, 2)), requires_grad=True)
    assert torch.autograd.gradcheck(lambda a, b: correlation_loss(a, b, 0.1), (a, b))
    method = baselines.CCA(baselines.CCAConfig(ridge=0.0)).fit(a.detach().numpy(), b.detach().numpy(), np.eye(2)[np.arange(12) % 2])
    assert -float(correlation_loss(a, b, 0.0).detach()) == pytest.approx(method.correlations.sum(), abs=1e-5)


def test_corr_ae_loss_by_hand():
    module = baselines.CorrAE(baselines.CorrAEConfig(dims=2))._build(3, 2, 4)
    x, y = torch.randn(5, 3), torch.randn(5, 2)
    total = 0
    for i in range(5):
        f, g = module.image_encoder(x[i]), module.text_encoder(y[i])
        total += 0.2 * ((module.image_decoder(f) - x[i]) ** 2).sum() + 0.2 * ((module.text_decoder(g) - y[i]) ** 2).sum()
        total += 0.8 * ((f - g) ** 2).sum()
    assert float(module.loss(x, y, None, 0.0).detach()) == pytest.approx(float(total.detach()) / 5, rel=1e-5)


def test_acmr_triplets_and_reversed_gradient():
    config = ACMRConfig(hidden=6, dims=3, label_weight=0.0, margin=0.3, positive_weight=2.0)
    module = baselines.ACMR(config)._build(4, 5, 3)
    x, y = torch.randn(8, 4), torch.randn(8, 5)
    labels = torch.eye(3)[torch.arange(8) % 3]
    v, t = module.encode_images(x).detach(), module.encode_texts(y).detach()
    total = 0
    for anchor, other, source in ((v, t, y), (t, v, x)):
        for i in range(8):
            wrong = [j for j in range(8) if not (labels[i] * labels[j]).any()]
            j = max(wrong, key=lambda j: float(torch.cosine_similarity(source[i], source[j], dim=0)))
            total += max(0.0, 0.3 + 2 * float((anchor[i] - other[i]).norm()) - float((anchor[i] - other[j]).norm())) / 8
    ours = module._triplets(v, t, y, labels) + module._triplets(t, v, x, labels)
    assert float(ours) == pytest.approx(total, rel=1e-4)

    def gradients(strength):
        z = module.modality_classifier(reverse_gradient(module.encode_images(x), strength))
        loss = torch.nn.functional.cross_entropy(z, torch.zeros(8, dtype=torch.long))
        return [*torch.autograd.grad(loss, [*module.image_network.parameters(), *module.modality_classifier.parameters()])]

    plain, reversed_, half = gradients(-1.0), gradients(1.0), gradients(0.5)
    networks = len([*module.image_network.parameters()])
    for i, (a, b, c) in enumerate(zip(plain, reversed_, half, strict=True)):
        torch.testing.assert_close(b, -a if i < networks else a)  # the networks climb, the classifier descends
        torch.testing.assert_close(c, -a / 2 if i < networks else a)


def test_dscmr_loss_fixture():
    """Without the third term it is the classification loss and alpha times the pairwise loss, whose values are known for these vectors."""
    v, t = torch.tensor([[1.0, 0], [1, 1]]), torch.tensor([[0.0, 1], [1, 1]])
    z, labels = torch.tensor([[1.0, 0], [0, 1], [-1, 1]]), torch.tensor([[1.0, 0, 0], [1, 1, 0]])
    scores = [torch.nn.functional.normalize(side) @ torch.nn.functional.normalize(z).T for side in (v, t)]
    assert float(dscmr_loss(v, t, *scores, labels, alpha=0.0, beta=0.0)) == pytest.approx(1.558336, abs=1e-5)
    assert float(dscmr_loss(v, t, *scores, labels, alpha=0.2, beta=0.0)) == pytest.approx(1.558336 + 0.2 * 1.188755, abs=1e-5)
    third = float(dscmr_loss(v, t, *scores, labels, alpha=0.0, beta=1.0)) - 1.558336
    assert third == pytest.approx(np.sqrt(2) / 2, abs=1e-5)  # the first pair lies sqrt(2) apart, the second together


def test_dbn_layers_learn_patterns():
    """Two opposite tag patterns: after training, each layer restores its input, and either modality alone determines the pattern."""
    rng = np.random.default_rng(5)
    labels = np.eye(2)[rng.integers(2, size=200)]
    tags = np.repeat(labels, 4, axis=1)
    images = labels @ np.array([[2.0, -1, 0.5], [-2, 1, -0.5]]) + 0.3 * rng.normal(size=(200, 3))
    method = baselines.MultimodalDBN(dataclasses.replace(QUICK["Multimodal DBN"], epochs=40)).fit(images, tags, labels)
    assert method._bernoulli
    for layer, errors in method.errors.items():
        assert errors[-1] < 0.6 * errors[0], (layer, errors)
    assert method.evaluate(FeatureSplit(images, tags, labels))["mean"] > 0.95


# ---- choosing, and the table ------------------------------------------------------------------------------------------------------------


def test_settings_are_chosen_on_validation_pairs():
    """Two shared directions among noise: the ridge and the number of dimensions follow the validation pairs, a fixed one is obeyed."""
    train = small_set()
    assert fitted("CCA", train).config == baselines.CCAConfig(ridge=0.001, dims=7)  # nothing to choose on
    chosen = fitted("CCA", train, config=baselines.CCAConfig(power=0.0), validation=small_set(2, 60)).config
    assert chosen.dims < 7
    assert fitted("CCA", train, config=baselines.CCAConfig(ridge=0.5, dims=3), validation=small_set(2, 60)).config.ridge == 0.5
    rng = np.random.default_rng(6)
    noise = FeatureSplit(train.images, train.texts, train.labels[rng.permutation(len(train))])
    assert fitted("JRL", train, validation=small_set(2, 60)).config != fitted("JRL", train, validation=noise).config


def test_table():
    data = FeatureSet("small", train=small_set(0), test=small_set(1, 60)).hold_out(30)
    lines = []
    frame = table(
        data, methods=["CFA", "DSCMR"], seeds=(4, 5), configs=QUICK, others={"again": lambda seed: baselines.CFA()}, progress=lines.append
    )
    assert list(frame.index) == ["chance", "CFA", "DSCMR", "again"] and list(frame["runs"]) == [1, 1, 2, 2]
    assert np.isnan(frame.loc["CFA", "std"]) and frame.loc["DSCMR", "std"] > 0 and frame.loc["again", "std"] == 0
    runs = [fitted("DSCMR", data.train, config=dataclasses.replace(QUICK["DSCMR"], seed=s), validation=data.val) for s in (4, 5)]
    means = [run.evaluate(data.test)["mean"] for run in runs]
    assert frame.loc["DSCMR", "mean"] == pytest.approx(np.mean(means))
    assert frame.loc["DSCMR", "std"] == pytest.approx(np.std(means, ddof=1))
    np.testing.assert_allclose(frame["mean"], (frame["image_to_text"] + frame["text_to_image"]) / 2)
    assert frame.loc["chance", "mean"] < 0.6 < frame.loc["CFA", "mean"] and len(lines) == 5
    with pytest.raises(InputError, match="did you mean 'DSCMR'"):
        table(data, methods=["DSCRM"])
    with pytest.raises(InputError, match="no validation split"):
        table(FeatureSet("small", train=small_set(0), test=small_set(1)))


@pytest.mark.skipif(not REAL, reason="HETERO_XMODAL_REAL_DATA is not set")
def test_wikipedia():
    data = load_wikipedia(Path(REAL) / "wikipedia")
    assert (len(data.train), len(data.val), len(data.test)) == (1956, 217, 693)
    frame = table(data, methods=["CFA", "CCA", "PLS-C2A", "JRL", "ml-CCA"])
    assert frame.loc["chance", "mean"] == pytest.approx(0.119, abs=0.002)
    assert frame.loc["PLS-C2A", "mean"] > 0.208 and frame.loc["CCA", "mean"] > 0.235 and frame.loc["JRL", "mean"] > 0.235


# ---- feature files ----------------------------------------------------------------------------------------------------------------------


def write_folder(folder, changes=None):
    from scipy.io import savemat

    arrays = {}
    for split, seed in (("train", 0), ("test", 1)):
        data = small_set(seed, 40)
        arrays |= {f"{split}_img": data.images, f"{split}_txt": data.texts, f"{split}_lab": data.labels.astype(float)}
    for stem, values in (arrays | (changes or {})).items():
        savemat(folder / f"{stem}.mat", values if isinstance(values, dict) else {stem: values})


def test_feature_folder_round_trip(tmp_path):
    write_folder(tmp_path)
    data = load_feature_folder(tmp_path, held_out=10, seed=3)
    assert (len(data.train), len(data.val), len(data.test)) == (30, 10, 40)
    whole = load_feature_folder(tmp_path)
    np.testing.assert_array_equal(whole.test.images, small_set(1, 40).images)
    rows = {tuple(row) for part in (data.train, data.val) for row in part.images}
    assert rows == {tuple(row) for row in whole.train.images}  # every pair once, in one of the two
    np.testing.assert_array_equal(load_feature_folder(tmp_path, held_out=10, seed=3).val.texts, data.val.texts)


bad = small_set(0, 40)


@pytest.mark.parametrize("changes, message", [
    ({"train_img": {"images": bad.images}}, "has no array 'train_img'; it holds images"),
    ({"train_img": np.where(np.arange(40)[:, None] == 7, np.inf, bad.images)}, "train split: image features hold NaN or infinity in row 7"),
    ({"test_txt": bad.texts[:39]}, "test split: rows do not match: 40 image features, 39 text"),
    ({"test_txt": bad.texts[:, :5]}, "test texts have 5 columns but train texts have 7"),
    ({"train_lab": bad.labels * 3}, "train split: label of row .* is 3"),
    ({"train_lab": np.zeros((40, 3))}, "class 0 has no training pair \\(3 such in all\\)"),
    ({f"{split}_lab": np.ones((40, 1)) for split in ("train", "test")}, "only one class"),
    ({"test_img": np.zeros((0, 12))}, "test split: image features have shape"),
])  # fmt: skip
def test_feature_folder_refuses(tmp_path, changes, message):
    write_folder(tmp_path, changes)
    with pytest.raises(InputError, match=message):
        load_feature_folder(tmp_path)


def test_damaged_feature_files(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        load_feature_folder(tmp_path / "nowhere")
    write_folder(tmp_path)
    whole = (tmp_path / "train_txt.mat").read_bytes()
    version_7_3 = b"MATLAB 7.3 MAT-file" + b" " * 105 + b"\0\2IM" + b"\0" * 400
    for content, message in ((whole[: len(whole) // 2], "cannot be read"), (b"", "is empty"), (version_7_3, "7.3")):
        (tmp_path / "train_txt.mat").write_bytes(content)
        with pytest.raises(InputError, match=message):
            load_feature_folder(tmp_path)
    (tmp_path / "train_txt.mat").unlink()
    with pytest.raises(InputError, match="train_txt.mat' does not exist"):
        load_feature_folder(tmp_path)
    np.savez(tmp_path / "pickled.npz", train_images=np.array([{"a": 1}], dtype=object))
    with pytest.raises(InputError, match="cannot be read"):
        load_features(tmp_path / "pickled.npz")  # loading would run code
    np.savez(tmp_path / "names.npz", train_image=bad.images)
    with pytest.raises(InputError, match="did you mean 'train_image'"):
        load_features(tmp_path / "names.npz")
    with pytest.raises(InputError, match="neither .mat nor .npz"):
        load_features(Path(__file__))


def test_hold_out_keeps_every_class_in_training():
    labels = np.zeros((20, 3))
    labels[:, 0] = 1
    labels[4, 1] = labels[11, 2] = 1
    data = FeatureSet("rare", train=FeatureSplit(np.eye(20), np.eye(20), labels), test=FeatureSplit(np.eye(20), np.eye(20), labels))
    for seed in range(20):
        held = data.hold_out(15, seed=seed)
        assert held.train.labels.sum(axis=0).min() >= 1 and len(held.val) == 15
    for size, message in ((19, "keep one of every class"), (20, "in between"), (0, "in between")):
        with pytest.raises(InputError, match=message):
            data.hold_out(size)
    with pytest.raises(InputError, match="split val of 15 pairs already"):
        held.hold_out(2)


@pytest.mark.skipif(not REAL, reason="HETERO_XMODAL_REAL_DATA is not set")
def test_label_vectors():
    path = Path(REAL) / "label_vectors" / "mirflickr-inp-glove6B.mat"
    assert load_label_vectors(path, classes=24).shape == (24, 300)
    with pytest.raises(InputError, match="for 24 classes but the data has 21"):
        load_label_vectors(path, classes=21)
