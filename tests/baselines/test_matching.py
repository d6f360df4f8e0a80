"""The baselines of image-text matching: losses and layers against plain loops, closed forms, and what they do with bad input."""

import dataclasses

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from hetero_xmodal.baselines.matching import (
    METHODS,
    SCAN,
    VSEPP,
    VSRN,
    CAMERAConfig,
    CCAMatching,
    CCAMatchingConfig,
    GSMNConfig,
    MeanPool,
    MeanPoolConfig,
    SCANConfig,
    SGRAFConfig,
    VectorBaseline,
    VSEPPConfig,
    VSRNConfig,
    matching_table,
)
from hetero_xmodal.baselines.matching.neural import GRUEncoder, InputScale
from hetero_xmodal.baselines.matching.scan import attended_cosine
from hetero_xmodal.baselines.matching.vsrn import ReasoningLayer
from hetero_xmodal.baselines.retrieval.neural import train_epochs
from hetero_xmodal.data.tasks.matching import MatchingData, Regions, Split, Words
from hetero_xmodal.data.tasks.matching.pairs import mean_regions, mean_words
from hetero_xmodal.errors import InputError
from hetero_xmodal.losses import ranking_loss
from hetero_xmodal.metrics import recall_at_k

THEMES = 12
#: settings with which each method needs about a second on the small set below
QUICK = {
    "mean-pool": MeanPoolConfig(width=32, epochs=15, batch_size=64, learning_rate=5e-3),
    "CCA": CCAMatchingConfig(image_ridge=0.1, text_ridge=0.1),
    "CCA, TF-IDF": CCAMatchingConfig(texts="tfidf", image_ridge=0.1, text_ridge=0.1),
    "VSE++": VSEPPConfig(width=32, epochs=12, batch_size=64, learning_rate=5e-3),
    "SCAN t2i": SCANConfig(width=32, epochs=8, batch_size=64, learning_rate=5e-3),
    "SCAN i2t": SCANConfig(direction="i2t", width=32, epochs=8, batch_size=64, learning_rate=5e-3),
    "SCAN t2i + i2t": SCANConfig(width=32, epochs=6, batch_size=64, learning_rate=5e-3),
    "VSRN": VSRNConfig(width=32, layers=2, epochs=10, batch_size=64, learning_rate=5e-3),
    "CAMERA": CAMERAConfig(width=32, heads=4, views=3, epochs=8, batch_size=64, learning_rate=5e-3),
    "GSMN": GSMNConfig(width=32, blocks=8, hidden=16, kernels=2, epochs=8, sum_epochs=8, batch_size=48, learning_rate=1e-2),
    "SAF": SGRAFConfig(module="saf", width=32, similarity_width=16, epochs=6, batch_size=48, learning_rate=1e-2),
    "SGR": SGRAFConfig(steps=1, width=32, similarity_width=32, epochs=8, sum_epochs=8, batch_size=48, learning_rate=1e-2),
    "SGRAF": SGRAFConfig(steps=1, width=32, similarity_width=16, epochs=5, sum_epochs=5, batch_size=48, learning_rate=1e-2),
}


def small_split(n=120, seed=0, *, vocabulary=False, captions=2, name="train"):
    """Images of two to four themes out of twelve, seen through noise; captions that name some of them in any order."""
    rng, maps = np.random.default_rng(seed), np.random.default_rng(99)
    looks, sounds = maps.normal(size=(THEMES, 10)), maps.normal(size=(THEMES, 8))
    counts = rng.integers(2, 5, n)
    shown = np.stack([rng.permutation(THEMES)[:4] for _ in range(n)])
    features = (looks[shown] + 0.2 * rng.normal(size=(n, 4, 10))).astype(np.float32)
    owner = np.repeat(np.arange(n), captions)
    mentioned = [rng.permutation(shown[i, : counts[i]])[: rng.integers(2, counts[i] + 1)] for i in owner]
    flat, offsets = np.concatenate(mentioned), np.cumsum([0, *map(len, mentioned)])
    values = flat if vocabulary else (sounds[flat] + 0.1 * rng.normal(size=(len(flat), 8))).astype(np.float32)
    known = {"words": [f"w{i}" for i in range(THEMES)]} if vocabulary else {}
    return Split(Regions(features, counts), Words(values, offsets, [f"w{i}" for i in flat], known), owner, name=name)


TRAIN, VALIDATION, TEST = small_split(), small_split(40, 1, name="validation"), small_split(40, 2, name="test")


def fitted(name, config=None, train=TRAIN, validation=VALIDATION):
    return METHODS[name][0](config or QUICK[name]).fit(train, validation)


def some(split, images):
    """The split with these images and their captions only."""
    captions = np.flatnonzero(np.isin(split.image_of_caption, images))
    flat, counts = split.words.take(captions)
    places = np.concatenate([np.arange(split.words.offsets[i], split.words.offsets[i + 1]) for i in captions])
    words = Words(flat.numpy(), np.cumsum([0, *counts]), [split.words.tokens[i] for i in places], split.words.provenance)
    regions = Regions(split.regions.features[images], split.regions.counts[images])
    return Split(regions, words, np.searchsorted(images, split.image_of_caption[captions]))


# ---- every method -----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name in METHODS if name != "SGM"])  # which parses captions: test_sgm.py
def test_every_method_finds_what_belongs_together(name):
    before = torch.get_rng_state()
    method = fitted(name)
    assert torch.equal(before, torch.get_rng_state()), "the caller's random numbers were used"
    similarity = method.similarity(TEST)
    assert similarity.shape == (40, 80) and similarity.dtype == np.float32
    result = method.evaluate(TEST)
    chance = recall_at_k(np.random.default_rng(0).random((40, 80)), TEST.image_of_caption)["rsum"]
    assert result["rsum"] > chance + 120, f"{result}\nchance {chance}"
    assert result["rsum"] == recall_at_k(similarity, TEST.image_of_caption)["rsum"]

    again = fitted(name)
    np.testing.assert_array_equal(again.similarity(TEST), similarity)
    if "seed" in {field.name for field in dataclasses.fields(method.config)}:
        other = fitted(name, dataclasses.replace(QUICK[name], seed=1, epochs=2))
        assert not np.allclose(other.similarity(TEST), similarity)

    # a score depends on its image and its caption alone, not on what else is there
    few = np.array([3, 17, 18])
    captions = np.flatnonzero(np.isin(TEST.image_of_caption, few))
    np.testing.assert_allclose(method.similarity(some(TEST, few)), similarity[np.ix_(few, captions)], atol=2e-5)

    if isinstance(method, VectorBaseline):
        images, sentences = method.embed_images(TEST.regions), method.embed_captions(TEST.words)
        np.testing.assert_allclose(np.linalg.norm(images, axis=1), 1, atol=1e-5)
        np.testing.assert_allclose(images @ sentences.T, similarity, atol=1e-5)
    with pytest.raises(InputError, match="regions of the images are 7 wide, but .* was fitted to 10"):
        method.similarity(dataclasses.replace(TEST, regions=Regions(np.ones((40, 2, 7)), np.full(40, 2))))


@pytest.mark.parametrize("name", ["mean-pool", "VSE++", "SCAN t2i", "CCA, TF-IDF"])
def test_words_of_a_vocabulary(name):
    splits = [small_split(120, 0, vocabulary=True), small_split(40, 1, vocabulary=True), small_split(40, 2, vocabulary=True)]
    method = fitted(name, train=splits[0], validation=splits[1])
    assert method.evaluate(splits[2])["rsum"] > 200
    with pytest.raises(InputError, match="words of the captions are vectors of width 8, but .* was fitted to rows of a vocabulary"):
        method.similarity(TEST)


def test_the_best_epoch_on_the_validation_split_is_kept():
    method = fitted("mean-pool", dataclasses.replace(QUICK["mean-pool"], epochs=200, patience=3, learning_rate=0.05))
    seen = [epoch["validation"] for epoch in method.history]
    assert method.best_epoch == int(np.argmax(seen)) + 1
    assert len(seen) == method.best_epoch + 3 < 200
    assert method.evaluate(VALIDATION)["rsum"] == max(seen)


def test_the_learning_rate_falls():
    """Adam moves a weight of constant gradient by the learning rate at every step."""
    module = torch.nn.Linear(1, 1, bias=False)
    before = float(module.weight.detach())
    config = MeanPoolConfig(epochs=3, learning_rate=0.01, decay_after=2)
    history, best = train_epochs(
        module, config, name="x", batches=lambda: [0], loss=lambda batch, progress: module.weight.sum(), rate=MeanPool(config)._rate
    )
    assert before - float(module.weight.detach()) == pytest.approx(0.01 + 0.01 + 0.001, rel=1e-4)
    assert len(history) == best == 3


# ---- the loss ---------------------------------------------------------------------------------------------------------------------------


def naive_loss(scores, images, margin, hardest):
    total = 0.0
    for i in range(len(scores)):
        wrong = [j for j in range(len(scores)) if images[j] != images[i]]
        for violations in (
            [max(0.0, margin + float(scores[i, j] - scores[i, i])) for j in wrong],
            [max(0.0, margin + float(scores[j, i] - scores[i, i])) for j in wrong],
        ):
            total += max(violations, default=0.0) if hardest else sum(violations)
    return total


@pytest.mark.parametrize("hardest", [True, False])
def test_ranking_loss_equals_a_loop(hardest):
    generator = torch.Generator().manual_seed(3)
    for size in (2, 5, 9):
        scores = torch.randn(size, size, generator=generator, dtype=torch.float64)
        images = torch.randint(0, 4, (size,), generator=generator)  # some captions share an image
        ours = ranking_loss(scores, images, margin=0.3, hardest=hardest)
        assert float(ours) == pytest.approx(naive_loss(scores, images.tolist(), 0.3, hardest), abs=1e-12)


def test_ranking_loss_fixture_and_a_batch_of_one_image():
    scores = torch.tensor([[0.9, 0.85, 0.8], [0.3, 0.5, 0.6], [0.2, 0.1, 0.7]])
    assert float(ranking_loss(scores, torch.arange(3))) == pytest.approx(1.30)
    assert float(ranking_loss(scores, torch.arange(3), hardest=False)) == pytest.approx(1.50)
    # the hardest wrong answers of pairs 0 and 1 were each other; as one image they are none
    assert float(ranking_loss(scores, torch.tensor([0, 0, 1]))) == pytest.approx(0.1 + 0.3 + 0.0 + 0.0 + 0.0 + 0.3)
    assert float(ranking_loss(scores, torch.zeros(3))) == 0


def test_first_epochs_use_all_wrong_answers():
    method = VSEPP(dataclasses.replace(QUICK["VSE++"], sum_epochs=3, epochs=10))
    method.module = torch.nn.Module()
    scores = torch.tensor([[0.9, 0.85, 0.8], [0.3, 0.5, 0.6], [0.2, 0.1, 0.7]])
    method.module.similarity = lambda batch: scores
    batch = TRAIN.batch([0, 2, 4])
    losses = [float(method._loss(batch, (epoch - 1) / 10)) for epoch in (1, 3, 4, 10)]
    assert losses == pytest.approx([1.5, 1.5, 1.3, 1.3])


# ---- the parts --------------------------------------------------------------------------------------------------------------------------


def naive_scan(regions, words, *, direction, temperature, aggregate, sharpness):
    """The released code's way: one image and one caption, the attended vector written out; regions (k, d), words (n, d)."""
    queries, contexts = (words, regions) if direction == "t2i" else (regions, words)
    alike = F.leaky_relu(contexts @ queries.T, 0.1)  # (contexts, queries)
    alike = alike / (alike.norm(dim=1, keepdim=True) + 1e-8)
    weights = torch.softmax(temperature * alike.T, dim=1)
    agreement = F.cosine_similarity(queries, weights @ contexts, dim=1)
    if aggregate == "mean":
        return agreement.mean()
    return torch.log(torch.exp(sharpness * agreement).sum()) / sharpness


@pytest.mark.parametrize("direction", ["t2i", "i2t"])
@pytest.mark.parametrize("aggregate", ["logsumexp", "mean"])
def test_scan_equals_a_double_loop_over_pairs(direction, aggregate):
    config = SCANConfig(direction=direction, aggregate=aggregate, width=16, epochs=1)
    method = SCAN(config).fit(TRAIN, VALIDATION)
    split = some(TEST, np.arange(7))
    ours, module = method.similarity(split), method.module
    settings = {"t2i": (9.0, 6.0), "i2t": (4.0, 5.0)}[direction]
    with torch.no_grad():
        for i in range(7):
            flat, counts = split.regions.take([i])
            regions = module.images(flat, counts)[0][0]
            for j in range(len(split)):
                words = module.captions(*split.words.take([j]))[0][0]
                expected = naive_scan(
                    regions, words, direction=direction, temperature=settings[0], aggregate=aggregate, sharpness=settings[1]
                )
                assert ours[i, j] == pytest.approx(float(expected), abs=1e-4)


def test_attended_cosine_learns_as_the_written_out_form():
    """The short cut through the Gram matrix has the same gradient; padding gets none."""
    generator = torch.Generator().manual_seed(0)
    raw = [torch.randn(2, 3, 6, generator=generator, dtype=torch.float64) for _ in range(2)]
    masks = torch.tensor([[True, True, True], [True, False, False]]), torch.tensor([[True, True, False], [True, True, True]])
    weights = torch.randn(2, 2, 3, generator=generator, dtype=torch.float64)
    gradients = []
    for way in ("short", "long"):
        leaves = [x.clone().requires_grad_() for x in raw]
        queries, contexts = (F.normalize(x, dim=2) * m[..., None] for x, m in zip(leaves, masks, strict=True))
        if way == "short":
            out = attended_cosine(queries, masks[0], contexts, masks[1], temperature=5.0)
            loss = (out * weights).sum()
        else:
            loss = 0.0
            for c in range(2):
                for q in range(2):
                    one, other = queries[q][masks[0][q]], contexts[c][masks[1][c]]
                    alike = F.leaky_relu(other @ one.T, 0.1)
                    alike = alike / (alike.norm(dim=1, keepdim=True) + 1e-12)
                    seen = torch.softmax(5.0 * alike.T, dim=1) @ other
                    loss = loss + (F.cosine_similarity(one, seen, dim=1) * weights[c, q][masks[0][q]]).sum()
        loss.backward()
        gradients.append((float(loss.detach()), *(x.grad for x in leaves)))
    assert gradients[0][0] == pytest.approx(gradients[1][0], abs=1e-9)
    for ours, expected in zip(gradients[0][1:], gradients[1][1:], strict=True):
        torch.testing.assert_close(ours, expected, atol=1e-8, rtol=1e-6)
    assert (gradients[0][1][1, 1:] == 0).all()


def test_scan_temperature_and_direction_matter():
    base = SCAN(SCANConfig(width=16, epochs=1)).fit(TRAIN, VALIDATION)
    colder = SCAN(SCANConfig(width=16, epochs=1, temperature=0.1)).fit(TRAIN, VALIDATION)
    assert base.module.temperature == 9.0 and colder.module.temperature == 0.1
    assert SCAN(SCANConfig(direction="i2t", width=16, epochs=1)).fit(TRAIN, VALIDATION).module.sharpness == 5.0
    assert not np.allclose(base.similarity(TEST), colder.similarity(TEST))


def test_vsrn_layer_is_its_formula():
    """V* = BatchNorm((V T)(V P)' / n (V G) W) + V of each image alone; a new layer passes its input on."""
    torch.manual_seed(0)
    layer = ReasoningLayer(6).double()
    v = torch.randn(3, 4, 6, dtype=torch.float64)
    counts = torch.tensor([4, 2, 1])
    mask = torch.arange(4) < counts[:, None]
    v = v * mask[..., None]
    torch.testing.assert_close(layer(v, mask), v)
    torch.nn.init.normal_(layer.norm.weight)
    messages = []
    for i, n in enumerate(counts):
        own = v[i, :n]
        affinity = layer.query(own) @ layer.key(own).T / n
        messages.append(layer.out(affinity @ layer.value(own)))
    messages = torch.cat(messages)
    normed = (messages - messages.mean(0)) / torch.sqrt(
        messages.var(0, unbiased=False) + layer.norm.eps
    ) * layer.norm.weight + layer.norm.bias
    out = layer(v, mask)
    torch.testing.assert_close(out[mask], v[mask] + normed)
    assert (out[~mask] == 0).all()


def test_vsrn_uses_the_relations_between_regions():
    method = VSRN(dataclasses.replace(QUICK["VSRN"], epochs=3)).fit(TRAIN, VALIDATION)
    assert all(bool(layer.norm.weight.any()) for layer in method.module.image_encoder.layers)
    assert len(method.module.image_encoder.layers) == 2
    shallow = VSRN(dataclasses.replace(QUICK["VSRN"], epochs=1, layers=0)).fit(TRAIN, VALIDATION)
    assert not list(shallow.module.image_encoder.layers)


def test_gru_reads_each_caption_to_its_last_word():
    torch.manual_seed(0)
    inputs = InputScale(np.random.default_rng(0).normal(size=(50, 8)).astype(np.float32), "none", 0.0)
    for both_ways in (False, True):
        encoder = GRUEncoder(inputs, 5, both_ways=both_ways)
        flat, counts = TEST.words.take([4, 9, 2])
        last, states = encoder(flat, counts), encoder.states(flat, counts)
        for i, words in enumerate(flat.split(counts.tolist())):
            expected, final = encoder.gru(words[None])
            torch.testing.assert_close(last[i], final[:, 0].mean(0))
            torch.testing.assert_close(states[i, : len(words)], expected[0].unflatten(1, (-1, 5)).mean(1))
            assert (states[i, len(words) :] == 0).all()


def test_means_read_only_the_regions_and_words_that_are_there():
    regions = Regions(np.array([[[1.0, 2], [3, 4]], [[5, 6], [np.nan, np.nan]]], np.float32), np.array([2, 1]))
    assert mean_regions(regions).features.tolist() == [[[2, 3]], [[5, 6]]]
    assert mean_words(Words(np.array([[1.0], [2], [6]], np.float32), np.array([0, 1, 3]))).tolist() == [[1], [4]]


def test_input_scale():
    sample = np.array([[1.0, 10, 4], [3, 30, 4]], np.float32)
    rows = torch.tensor([[3.0, 30, 4]])
    assert InputScale(sample, "none", 0.0)(rows).tolist() == [[3, 30, 4]]
    assert InputScale(sample, "each", 0.0)(rows).tolist() == [[1, 1, 0]]
    each = np.sqrt((1 + 100 + 0) / 3)
    np.testing.assert_allclose(InputScale(sample, "all", 0.0)(rows).numpy(), [[1 / each, 10 / each, 0]], rtol=1e-6)


# ---- CCA --------------------------------------------------------------------------------------------------------------------------------


def unit(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def cca_inputs(split):
    images = unit(mean_regions(split.regions).features[:, 0].astype(np.float64))[split.image_of_caption]
    texts = unit(mean_words(split.words).astype(np.float64))
    return images, texts


def test_cca_without_ridge_is_that_of_scikit_learn():
    from sklearn.cross_decomposition import CCA

    method = CCAMatching(CCAMatchingConfig(image_ridge=0, text_ridge=0, power=0, dims=3)).fit(TRAIN, VALIDATION)
    images, texts = cca_inputs(TRAIN)
    reference = CCA(n_components=3, scale=False, max_iter=5000, tol=1e-12).fit(images, texts)
    u, v = reference.transform(images, texts)
    expected = [np.corrcoef(u[:, i], v[:, i])[0, 1] for i in range(3)]
    np.testing.assert_allclose(method.correlations, expected, atol=1e-4)
    ours = (images - images.mean(0)) @ method._image_weights
    assert np.abs(np.diag(np.corrcoef(ours.T, u.T)[:3, 3:])).min() > 0.999


def test_cca_with_a_ridge_solves_its_equation():
    """Cxy Cyy^-1 Cyx a = rho^2 Cxx a, the ridge in both covariances; and the texts' directions follow from the images'."""
    method = CCAMatching(CCAMatchingConfig(image_ridge=0.5, text_ridge=0.2, power=1, dims=4)).fit(TRAIN, VALIDATION)
    x, y = (side - side.mean(0) for side in cca_inputs(TRAIN))
    n = len(x)
    cxx, cyy, cxy = x.T @ x / n, y.T @ y / n, x.T @ y / n
    cxx += 0.5 * np.trace(cxx) / len(cxx) * np.eye(len(cxx))
    cyy += 0.2 * np.trace(cyy) / len(cyy) * np.eye(len(cyy))
    rho = method.correlations
    a, b = method._image_weights / rho, method._caption_weights / rho  # power 1 scaled both
    np.testing.assert_allclose(cxy @ np.linalg.solve(cyy, cxy.T @ a), cxx @ a * rho**2, atol=1e-7)
    np.testing.assert_allclose(a.T @ cxx @ a, np.eye(4), atol=1e-6)
    np.testing.assert_allclose(np.linalg.solve(cyy, cxy.T @ a) / rho, b, atol=1e-6)


def test_cca_chooses_on_the_validation_split():
    method = CCAMatching().fit(TRAIN, VALIDATION)
    chosen = method.config
    assert None not in (chosen.image_ridge, chosen.text_ridge, chosen.power, chosen.dims)
    assert method.evaluate(VALIDATION)["rsum"] == pytest.approx(method.validation)
    for ridge in (0.01, 1.0, 10.0):
        for power in (0.0, 1.0):
            other = CCAMatching(CCAMatchingConfig(image_ridge=ridge, text_ridge=ridge, power=power)).fit(TRAIN, VALIDATION)
            assert other.validation <= method.validation + 1e-9


# ---- the table --------------------------------------------------------------------------------------------------------------------------


class Oracle:
    """Knows the answer but for noise; for rows that are not baselines."""

    def __init__(self, seed, seen):
        self.seed, self.seen = seed, seen

    def fit(self, train, validation):
        return self

    def similarity(self, split):
        self.seen.append(split.name)
        right = (np.arange(len(split.regions))[:, None] == split.image_of_caption).astype(np.float32)
        return right + np.random.default_rng(self.seed).normal(0, 0.5, right.shape).astype(np.float32)


def test_table_and_ensemble():
    data, seen, lines = MatchingData(TRAIN, VALIDATION, TEST), [], []
    frame = matching_table(
        data,
        methods=["mean-pool", "CCA"],
        configs={"mean-pool": QUICK["mean-pool"], "CCA": QUICK["CCA"]},
        others={"oracle": lambda seed: Oracle(seed, seen)},
        ensembles={"two oracles": "oracle"},
        seeds=3,
        progress=lines.append,
    )
    assert list(frame.index) == ["chance", "mean-pool", "CCA", "oracle", "two oracles"]
    assert frame["runs"].to_dict() == {"chance": 1, "mean-pool": 3, "CCA": 1, "oracle": 3, "two oracles": 3}
    assert frame.attrs["protocol"] == "protocol any: 40 test images, 80 captions, ties: realistic"
    assert len(lines) == 7 and lines[0].startswith("mean-pool, seed 0: Rsum ")
    recalls = [f"{direction} R@{k}" for direction in ("i2t", "t2i") for k in (1, 5, 10)]
    np.testing.assert_allclose(frame[recalls].sum(axis=1), frame["Rsum"])

    runs = [Oracle(seed, []).similarity(TEST) for seed in range(3)]
    rsums = [recall_at_k(run, TEST.image_of_caption)["rsum"] for run in runs]
    assert frame.loc["oracle", "Rsum"] == pytest.approx(np.mean(rsums))
    assert frame.loc["oracle", "std"] == pytest.approx(np.std(rsums, ddof=1))
    pairs = [(runs[a] + runs[b]) / 2 for a, b in ((0, 1), (1, 2), (2, 0))]
    joined = np.mean([recall_at_k(pair, TEST.image_of_caption)["rsum"] for pair in pairs])
    assert frame.loc["two oracles", "Rsum"] == pytest.approx(joined)
    assert joined > frame.loc["oracle", "Rsum"]
    assert frame.loc["mean-pool", "Rsum"] > frame.loc["chance", "Rsum"] + 100


def test_a_search_for_settings_never_sees_the_test_split():
    seen = []
    data = MatchingData(TRAIN, VALIDATION, TEST)
    frame = matching_table(data, methods=[], others={"oracle": lambda seed: Oracle(seed, seen)}, seeds=1, validation_only=True)
    assert set(seen) == {"validation"}
    assert frame.loc["oracle", "Rsum"] == frame.loc["oracle", "validation"]
    assert "40 validation images" in frame.attrs["protocol"]


def test_table_takes_the_methods_that_the_words_allow():
    split = small_split(10, vocabulary=True)
    quick = {name: dataclasses.replace(config, epochs=1) for name, config in QUICK.items() if not name.startswith("CCA")}
    frame = matching_table(MatchingData(split, split, split), seeds=1, configs=quick)
    assert list(frame.index) == ["chance", *(name for name in METHODS if name not in ("CCA", "SGM"))]


def test_tables_of_algr():
    from hetero_xmodal.recipes.configs.algr import VARIANTS, ALGRConfig
    from hetero_xmodal.training import FitConfig
    from hetero_xmodal.training.algr_tables import ABLATIONS, ENSEMBLE, algr_tables

    assert sorted(ABLATIONS.values()) == sorted(VARIANTS)  # every row of Tables III and IV, and each variant once
    data = MatchingData(some(TRAIN, np.arange(30)), VALIDATION, TEST, {"data": "synthetic"})
    config = ALGRConfig(in_width=16, width=16, phase1_epochs=1, batch_size=30, learning_rate=1e-3)
    settings = {"config": config, "fit_config": FitConfig(epochs=2), "seeds": 2}
    tables = dict(algr_tables(data, methods=["CCA"], rows=["baseline", "ALGR"], **settings))
    assert list(tables) == ["methods", "ablations"]
    assert list(tables["methods"].index) == ["chance", "CCA", "ALGR", ENSEMBLE]
    assert list(tables["ablations"].index) == ["chance", "baseline", "ALGR"]
    assert tables["ablations"].loc["ALGR"].equals(tables["methods"].loc["ALGR"])  # same seeds, same model
    assert tables["methods"].loc[ENSEMBLE, "runs"] == 1  # of seeds 0 and 1 together
    for wrong, message in (
        ({"only": "ablation"}, "did you mean 'ablations'"),
        ({"rows": ["w/o L_X"]}, "unknown row"),
        ({"seeds": 0}, "is 0"),
    ):
        with pytest.raises(InputError, match=message):
            algr_tables(data, **settings | wrong)


# ---- bad input --------------------------------------------------------------------------------------------------------------------------


def with_words(split, **changes):
    return dataclasses.replace(split, words=dataclasses.replace(split.words, **changes))


def test_bad_splits_are_refused():
    method = MeanPool(QUICK["mean-pool"])
    with pytest.raises(InputError, match="not fitted yet"):
        method.embed_images(TRAIN.regions)
    with pytest.raises(InputError, match="training data is a ndarray; give a Split"):
        method.fit(np.zeros((3, 4)), VALIDATION)
    with pytest.raises(InputError, match="fewer than two"):
        method.fit(some(TRAIN, np.array([5])), VALIDATION)
    counts = TRAIN.regions.counts.copy()
    counts[7] = 0
    with pytest.raises(InputError, match="image 7 of the training split has no region"):
        method.fit(dataclasses.replace(TRAIN, regions=dataclasses.replace(TRAIN.regions, counts=counts)), VALIDATION)
    offsets = VALIDATION.words.offsets.copy()
    offsets[4] = offsets[3]
    with pytest.raises(InputError, match="caption 3 of the validation split has no word"):
        method.fit(TRAIN, with_words(VALIDATION, offsets=offsets))
    with pytest.raises(InputError, match="words of the validation captions are vectors of width 5, but mean-pool was fitted to .* width 8"):
        method.fit(TRAIN, with_words(VALIDATION, values=VALIDATION.words.values[:, :5]))
    features = TRAIN.regions.features.copy()
    features[2, 0, 1] = np.nan
    broken = dataclasses.replace(TRAIN, regions=dataclasses.replace(TRAIN.regions, features=features))
    for other in ("mean-pool", "CCA", "SCAN t2i"):
        with pytest.raises(InputError, match="NaN"):
            fitted(other, train=broken)
    with pytest.raises(InputError, match="not fitted yet"):  # a fit that failed leaves nothing half done
        method.similarity(TEST)


def test_bad_settings_are_refused():
    with pytest.raises(InputError, match="VSE\\+\\+ needs a VSEPPConfig, not a SCANConfig"):
        VSEPP(SCANConfig())
    for make, message in (
        (lambda: MeanPoolConfig(width=0), "width is 0"),
        (lambda: MeanPoolConfig(batch_size=1), "batch_size is 1"),
        (lambda: MeanPoolConfig(dropout=1.0), "dropout is 1.0"),
        (lambda: SCANConfig(direction="both"), "direction is 'both', expected one of t2i, i2t"),
        (lambda: SCANConfig(temperature=0), "temperature is 0"),
        (lambda: VSRNConfig(layers=-1), "layers is -1"),
        (lambda: CCAMatchingConfig(texts="bert"), "texts is 'bert'"),
        (lambda: CCAMatchingConfig(image_ridge=-1), "image_ridge is -1"),
    ):
        with pytest.raises(InputError, match=message):
            make()
    with pytest.raises(InputError, match="the loss is not finite"):
        fitted("mean-pool", dataclasses.replace(QUICK["mean-pool"], learning_rate=3e38, epochs=4))
    with pytest.raises(InputError, match="dims is 99, but these features give at most 8"):
        CCAMatching(CCAMatchingConfig(dims=99)).fit(TRAIN, VALIDATION)
    with pytest.raises(InputError, match="rows of a vocabulary and have no vectors; use texts='tfidf'"):
        CCAMatching().fit(small_split(vocabulary=True), small_split(vocabulary=True))
    with pytest.raises(InputError, match="these have no tokens"):
        CCAMatching(CCAMatchingConfig(texts="tfidf")).fit(with_words(TRAIN, tokens=()), VALIDATION)


def test_bad_tables_are_refused():
    data = MatchingData(TRAIN, VALIDATION, TEST)
    with pytest.raises(InputError, match="method 'SCAN' is unknown"):
        matching_table(data, methods=["SCAN"])
    with pytest.raises(InputError, match="seeds must be at least 1"):
        matching_table(data, methods=["CCA"], seeds=0)
    with pytest.raises(InputError, match="ensemble 'two' is of 'VSE', which is no row"):
        matching_table(data, methods=["VSE++"], ensembles={"two": "VSE"})
    with pytest.raises(InputError, match="needs two runs"):
        matching_table(data, methods=["VSE++"], ensembles={"two": "VSE++"}, seeds=1)
    with pytest.raises(InputError, match="protocol 'coco-5k' needs 5000 images, similarity has 40"):
        matching_table(data, methods=["CCA"], protocol="coco-5k")
    with pytest.raises(InputError, match="protocol 'flickr' is unknown"):
        matching_table(data, methods=["CCA"], protocol="flickr")
