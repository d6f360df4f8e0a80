"""ALGR as a whole: its losses by hand, what embeddings depend on, what every ablation removes, and training."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch

from hetero_xmodal.data.tasks.matching import Batch, MatchingData, Regions, Split, Words
from hetero_xmodal.errors import InputError
from hetero_xmodal.losses import ranking_loss
from hetero_xmodal.networks.camera import some_rows, without_columns
from hetero_xmodal.recipes import ALGR, ALGRConfig
from hetero_xmodal.recipes.algr import annealed, kl_between, kl_to_standard, softmax_loss, wasserstein
from hetero_xmodal.recipes.configs.algr import VARIANTS
from hetero_xmodal.training import FitConfig
from hetero_xmodal.training.algr import ALGRMethod, ALGRModule, evaluate_matching, standardise_inputs, start_from_correlation, train_algr

SMALL = ALGRConfig(region_width=6, word_width=4, in_width=8, width=8, heads=2, phase1_epochs=2)


def split(images: int = 8, *, vocabulary: int = 0, each: int = 1, seed: int = 0, name: str = "train") -> Split:
    """Images of one to five regions with boxes, and *each* captions of one to five words for every image."""
    rng = np.random.default_rng(seed)
    corner = rng.uniform(0, 50, (images, 5, 2))
    boxes = np.concatenate([corner, corner + rng.uniform(1, 50, (images, 5, 2))], 2).astype(np.float32)
    counts, lengths = rng.integers(1, 6, images), rng.integers(1, 6, images * each)
    regions = Regions(rng.normal(size=(images, 5, 6)).astype(np.float32), counts, boxes, np.full((images, 2), 100.0))
    total = int(lengths.sum())
    values = rng.integers(0, vocabulary, total) if vocabulary else rng.normal(size=(total, 4)).astype(np.float32)
    words = Words(values, np.concatenate([[0], np.cumsum(lengths)]))
    return Split(regions, words, np.repeat(np.arange(images), each), name=name)


def model_of(**changes) -> ALGR:
    torch.manual_seed(0)
    return ALGR(replace(SMALL, **changes), {})


KINDS = {
    "linear": {},
    "trained words, both directions": {"vocabulary": 9, "context": "gru"},
    "camera": {"embedding": "camera", "places": True},
}


def data_of(changes: dict, **more) -> Split:
    return split(vocabulary=changes.get("vocabulary", 0), **more)


# ---------------------------------------------------------------------------------------------- numbers that can be computed by hand


def test_a5_a6_a13_a15_divergences():
    entries = kl_to_standard(torch.tensor([0.0, 1.0]), torch.tensor([1.0, 2.0]))
    torch.testing.assert_close(entries, torch.tensor([0.0, 1.306853]), rtol=0, atol=1e-5)
    assert abs(float(entries.mean()) - 0.653426) < 1e-5
    assert (kl_to_standard(torch.randn(1000), torch.rand(1000) * 3 + 1e-3) >= 0).all()

    e_v, e_t, one = torch.tensor([[1.0, 0]]), torch.tensor([[0.0, 1]]), torch.ones(1, 2)
    assert abs(float(wasserstein(e_v, one, e_t, torch.tensor([[1.0, 3]]))) - 6**0.5) < 1e-5
    same = e_v.clone().requires_grad_()
    distance = wasserstein(same, one, e_v, one).sum()
    distance.backward()
    assert float(distance.detach()) < 1e-5 and torch.isfinite(same.grad).all()
    zero, unit = torch.zeros(1, 1), torch.ones(1, 1)
    assert abs(float(kl_between(zero, unit, unit, 2 * unit)) - 0.443147) < 1e-5
    assert [round(annealed(e, over=15), 6) for e in (0, 1, 7, 15, 20)] == [0.001, 0.034267, 0.233867, 0.5, 0.5]


def test_a9_ranking_and_captions_of_one_image():
    scores = torch.tensor([[0.9, 0.85, 0.8], [0.3, 0.5, 0.6], [0.2, 0.1, 0.7]])
    model, e_v = model_of(), torch.eye(3)
    e_t = torch.cat([scores.T, (1 - (scores**2).sum(0)).abs().sqrt()[:, None]], 1)  # unit rows where |column| < 1
    e_v = torch.cat([e_v, torch.zeros(3, 1)], 1)

    def rank(images, **more):
        return float(model.rank(e_v, e_t, torch.tensor(images), **more))

    lengths = e_t.norm(dim=1)
    cosines = scores / lengths
    torch.testing.assert_close(torch.nn.functional.normalize(e_v, dim=1) @ torch.nn.functional.normalize(e_t, dim=1).T, cosines)
    naive = {}
    for hardest in (True, False):
        total = 0.0
        for i in range(3):
            row = [max(0.0, 0.2 + float(cosines[i, j] - cosines[i, i])) for j in range(3) if j != i]
            column = [max(0.0, 0.2 + float(cosines[j, i] - cosines[i, i])) for j in range(3) if j != i]
            total += (max(row) + max(column)) if hardest else sum(row) + sum(column)
        naive[hardest] = total
    assert abs(rank([0, 1, 2]) - naive[True]) < 1e-5 and abs(rank([0, 1, 2], hardest=False) - naive[False]) < 1e-5
    assert abs(float(ranking_loss(scores, torch.arange(3))) - 1.30) < 1e-5
    assert abs(float(ranking_loss(scores, torch.arange(3), hardest=False)) - 1.50) < 1e-5
    # pairs 0 and 1 show one image: entries (0, 1) and (1, 0) are no negatives
    images = torch.tensor([5, 5, 7])
    assert abs(float(ranking_loss(scores, images)) - (0.1 + 0.3 + 0.3)) < 1e-5
    assert rank([5, 5, 5]) == 0 and rank([5, 5, 7]) < rank([0, 1, 2])
    # cross-entropy with the same pairs left out: only the diagonal and pair 2 remain in rows 0 and 1
    logits = scores / 0.1
    rows = -sum(torch.log_softmax(logits[i, keep], 0)[k] for i, keep, k in ((0, [0, 2], 0), (1, [1, 2], 0), (2, [0, 1, 2], 2)))
    columns = -sum(torch.log_softmax(logits[keep, j], 0)[k] for j, keep, k in ((0, [0, 2], 0), (1, [1, 2], 0), (2, [0, 1, 2], 2)))
    torch.testing.assert_close(softmax_loss(scores, images, temperature=0.1), (rows + columns) / 2)


def test_a7_decoders_are_compared_by_smooth_l1():
    model = model_of().eval()
    batch = split().batch([0, 1, 2])
    graph, x = model.nodes(batch)
    states = model.recipe(graph, x)
    joint = model.exchange(graph, {t: {"latent": states[t]["z"]} for t in ("visual", "word")})["visual"]["joint"]
    off = (torch.sigmoid(model.decoders["visual"](joint)) - x["visual"]["x"]).abs()
    wanted = torch.where(off < 1, off**2 / 2, off - 0.5).mean()
    torch.testing.assert_close(model.losses(batch)["L_r^v"], wanted)


# ---------------------------------------------------------------------------------------------- what retrieval may depend on


@pytest.mark.parametrize("kind", KINDS)
def test_retrieval_vectors_know_neither_partner_nor_batch_nor_noise(kind):
    model, data = model_of(**KINDS[kind], dropout=0.3, region_dropout=0.3, word_dropout=0.3), data_of(KINDS[kind])
    images, captions = model.embed_images(data.regions), model.embed_captions(data.words)
    torch.testing.assert_close(images.norm(dim=1), torch.ones(8))
    model.train()
    for block in (1, 3):  # one by one, in threes; the model stays in training mode
        torch.testing.assert_close(model.embed_images(data.regions, block=block), images)
        torch.testing.assert_close(model.embed_captions(data.words, block=block), captions)
    assert model.training
    model.eval()
    for order in ([0, 1, 2, 3], [3, 0]):  # in a batch of pairs, whatever the other side is
        batch = data.batch(order)
        mixed = Batch(batch.regions, batch.region_counts, *data.words.take(order[::-1]), batch.images, batch.captions, batch.places)
        for b in (batch, mixed):
            e = torch.nn.functional.normalize(model(b)["image"]["e"], dim=1)
            torch.testing.assert_close(e, images[order], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", ("linear", "camera"))
def test_the_order_of_regions_and_words_does_not_matter(kind):
    model, data = model_of(**KINDS[kind]).eval(), data_of(KINDS[kind])
    batch = data.batch(range(4))
    shuffle = {}
    for side, counts in (("visual", batch.region_counts), ("word", batch.word_counts)):
        starts = (counts.cumsum(0) - counts).tolist()
        shuffle[side] = torch.cat([start + torch.randperm(int(n)) for start, n in zip(starts, counts, strict=True)])
    moved = replace(
        batch, regions=batch.regions[shuffle["visual"]], places=batch.places[shuffle["visual"]], words=batch.words[shuffle["word"]]
    )
    first, second = model(batch), model(moved)
    for side in ("visual", "word"):
        torch.testing.assert_close(second[side]["z"], first[side]["z"][shuffle[side]], rtol=1e-4, atol=1e-5)
    a, b = model.losses(batch), model.losses(moved)  # in evaluation mode the samples are the means
    for name in a:
        torch.testing.assert_close(b[name], a[name], rtol=1e-4, atol=1e-5)


def test_ensembles_average_similarities(tmp_path):
    data = split()
    one, other = ALGR(SMALL, {}), ALGR(SMALL, {})
    both = ALGR.join([one, other])
    cosines = [m.embed_images(data.regions) @ m.embed_captions(data.words).T for m in (one, other)]
    both.save_pretrained(tmp_path / "both")
    for model in (both, ALGR.from_pretrained(tmp_path / "both")):
        torch.testing.assert_close(model.embed_images(data.regions) @ model.embed_captions(data.words).T, (cosines[0] + cosines[1]) / 2)
    with pytest.raises(InputError, match="one by one"):
        both.losses(data.batch([0, 1]))
    with pytest.raises(InputError, match="equal settings"):
        ALGR.join([one, model_of(width=4, variant="gnn")])


# ---------------------------------------------------------------------------------------------- learning


@pytest.mark.parametrize("kind", KINDS)
def test_every_parameter_gets_a_gradient(kind):
    model, data = model_of(**KINDS[kind]), data_of(KINDS[kind])
    model.losses(data.batch(range(8)))["loss"].backward()
    idle = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert idle == []


GENERATION = {"L_r^v", "L_r^t", "L_KL", "L_g"}
TERMS = {name: {"L_rank", "L_WD", "loss"} | GENERATION for name in VARIANTS} | {
    "baseline": {"L_rank", "loss"},
    "no-decoders": {"L_rank", "L_WD", "L_KL", "L_g", "loss"},
    "no-prior": {"L_rank", "L_WD", "L_r^v", "L_r^t", "L_g", "loss"},
    "no-lg": {"L_rank", "L_WD", "loss"},
    "no-lwd": {"L_rank", "loss"} | GENERATION,
    "lkd": {"L_rank", "L_KD", "loss"} | GENERATION,
}
STEPS = {
    "baseline": ["pool the means"],
    "gnn+ggnn": ["image graph", "sentence graph", *["gated update of the regions"] * 2, *["gated update of the words"] * 2],
} | {name: ["image graph", "sentence graph"] for name in ("no-graph", "gcn", "gnn")}


@pytest.mark.parametrize("variant", VARIANTS)
def test_each_ablation_removes_its_terms_and_steps(variant):
    model, batch = model_of(variant=variant), split().batch(range(6))
    losses = model.losses(batch, beta=0.25)
    assert set(losses) == TERMS[variant]
    parts = {name: value for name, value in losses.items() if name in ("L_rank", "L_WD", "L_KD", "L_g")}
    torch.testing.assert_close(losses["loss"], sum(parts.values()))
    if "L_g" in losses:
        generation = [value * (0.25 if name == "L_KL" else 1) for name, value in losses.items() if name in GENERATION - {"L_g"}]
        torch.testing.assert_close(losses["L_g"], sum(generation))
    steps = [step.name for step in model.recipe.steps if not step.name.startswith(("standard deviation", "pool the standard deviations"))]
    assert [name for name in steps if name != "pool the means" or variant == "baseline"] == STEPS.get(
        variant, ["image graph", "sentence graph", *["gated update of the words"] * 2]
    )
    weighs = {
        str(step.weigh) for step in model.recipe.steps if step.name in ("image graph", "sentence graph", "standard deviation of the words")
    }
    assert (weighs <= {"1"}) == (variant in ("baseline", "no-graph", "gcn"))
    assert (model.exchange is None) == (variant in ("baseline", "no-decoders", "no-exchange", "no-lg"))
    assert (model.decoders is None) == (variant in ("baseline", "no-decoders", "no-lg"))
    losses["loss"].backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())  # nothing idle is left behind
    first = set(model.losses(batch, phase=1))
    assert first == ({"L_WD", "loss"} | GENERATION if variant == "general-two-phase" else {"L_rank", "loss"})


def test_inputs_are_standardised_over_the_training_split():
    model, data = model_of(), split()
    standardise_inputs(model, data, block=3)
    for part, values, counts in ((model.regions, *data.regions.take(range(8))), (model.words, *data.words.take(range(8)))):
        inputs = (values - part.shift) * part.scale
        torch.testing.assert_close(inputs.mean(0), torch.zeros(inputs.shape[1]), atol=1e-5, rtol=0)
        torch.testing.assert_close(inputs.std(0, correction=0), torch.ones(inputs.shape[1]), atol=1e-5, rtol=0)
        assert len(values) == int(counts.sum())


def test_the_start_in_closed_form_is_a_correlation_analysis():
    """Mean X of phase 1 are the canonical variates: uncorrelated, and matched ones correlate as scikit-learn's do."""
    from sklearn.cross_decomposition import CCA

    rng = np.random.default_rng(0)
    hidden = rng.normal(size=(300, 2))
    sides = [hidden @ rng.normal(size=(2, d)) + 0.3 * rng.normal(size=(300, d)) + 5 for d in (6, 4)]
    regions = Regions(np.repeat(sides[0][:, None], 3, 1).astype(np.float32), np.full(300, 3))
    data = Split(regions, Words(np.repeat(sides[1], 2, 0).astype(np.float32), np.arange(0, 602, 2)), np.arange(300))
    model = model_of(in_width=2, width=2, start="cca", ridge=0.0)
    start_from_correlation(model, data)
    states = model.eval()(data.batch(range(300)), phase=1)
    ours = [states[side]["e"].detach().numpy() for side in ("image", "sentence")]
    theirs = CCA(2, scale=False, max_iter=5000).fit(*sides).transform(*sides)
    for k in range(2):
        wanted = np.corrcoef(theirs[0][:, k], theirs[1][:, k])[0, 1]
        assert abs(np.corrcoef(ours[0][:, k], ours[1][:, k])[0, 1] - wanted) < 1e-3
    for e in ours:
        assert abs(np.corrcoef(e.T)[0, 1]) < 1e-3 and np.abs(e.mean(0)).max() < 1e-4
        assert abs(np.linalg.norm(e, axis=1).mean() - 1) < 1e-4
    with pytest.raises(InputError, match="in_width is 5.*4 directions"):
        start_from_correlation(model_of(in_width=5, width=5), data)
    with pytest.raises(InputError, match="start=cca needs"):
        start_from_correlation(model_of(embedding="camera"), data)


def test_columns_and_rows_are_dropped_per_member():
    torch.manual_seed(0)
    counts = torch.tensor([40, 1, 60])
    thin = without_columns(torch.ones(101, 50), counts, 0.5)
    for part in thin.split(counts.tolist()):
        assert (part == part[0]).all()
    assert abs(float(thin.mean()) - 1) < 0.3 and set(thin.unique().tolist()) == {0.0, 2.0}
    keep, left = some_rows(counts, 0.75)
    assert left.tolist() == [int(part.sum()) for part in keep.split(counts.tolist())] and left[1] == 1 and 10 < int(left.sum()) < 45


def test_without_the_graph_nodes_are_independent_and_without_the_prior_there_is_no_noise():
    model, batch = model_of(variant="no-graph").eval(), split().batch([0, 1])
    graph, x = model.nodes(batch)
    alone = model.recipe(graph, x)["visual"]["z"]
    x["visual"]["x"] = torch.cat([x["visual"]["x"][:1], torch.randn_like(x["visual"]["x"][1:])])
    torch.testing.assert_close(model.recipe(graph, x)["visual"]["z"][0], alone[0])
    for variant, noisy in (("full", True), ("no-prior", False), ("no-lg", False)):
        model = model_of(variant=variant).train()
        a, b = (float(model.losses(batch)["loss"].detach()) for _ in range(2))
        assert (a != b) == noisy


def test_targets_get_a_gradient_only_if_not_detached():
    batch = split().batch(range(6))
    for detach in (True, False):
        model = model_of(variant="no-lwd", detach_target=detach)
        for parameter in model.recipe.parameters():
            parameter.data.zero_()  # the inputs of the decoders no longer depend on X, so its gradient is that of the target
        model.eval().generation_losses(*_encoded(model, batch), 0.0)["L_g"].backward()
        pulled = model.regions.linear.weight.grad
        assert (pulled is None or float(pulled.abs().sum()) == 0) == detach


def _encoded(model, batch):
    graph, x = model.nodes(batch)
    return graph, model.recipe(graph, x)


def test_identity_start_goes_on_where_the_means_of_x_ended():
    model, data = model_of(start="identity"), split()
    with torch.no_grad():
        model.regions.linear.weight.mul_(0.01), model.words.linear.weight.mul_(0.01)  # where ELU is nearly the identity
        model.regions.linear.bias.zero_(), model.words.linear.bias.zero_()
    for embed, inputs in ((model.embed_images, data.regions), (model.embed_captions, data.words)):
        assert (embed(inputs, phase=1) * embed(inputs)).sum(1).min() > 0.95


# ---------------------------------------------------------------------------------------------- training

QUICK = replace(SMALL, in_width=16, width=16, batch_size=8, learning_rate=1e-2, decay_epoch=0)


def data_for_training(**more) -> MatchingData:
    train = split(**more)
    return MatchingData(train, train, train, {})


def test_eight_pairs_can_be_overfitted(tmp_path):
    data = data_for_training()
    model, result = train_algr(data, out=tmp_path / "run", config=replace(QUICK, averaging=0.5), fit_config=FitConfig(epochs=30, clip=2.0))
    assert result.best_score == evaluate_matching(model, data.val)["rsum"] == 600
    again = ALGR.from_pretrained(tmp_path / "run" / "model")
    assert torch.equal(again.embed_images(data.train.regions), model.embed_images(data.train.regions))
    logged = (tmp_path / "run" / "metrics.csv").read_text().splitlines()[0].split(",")
    assert {f"train/{name}" for name in TERMS["full"]} <= set(logged)


def test_a_resumed_run_equals_an_uninterrupted_one(tmp_path):
    data, config = data_for_training(images=6, each=2), replace(QUICK, dropout=0.2, region_dropout=0.2, averaging=0.5, batch_size=5)
    whole, _ = train_algr(data, out=tmp_path / "whole", config=config, fit_config=FitConfig(epochs=4))
    train_algr(data, out=tmp_path / "cut", config=config, fit_config=FitConfig(epochs=3))
    cut, _ = train_algr(data, out=tmp_path / "cut", config=config, fit_config=FitConfig(epochs=4), resume=True)
    assert (tmp_path / "whole" / "metrics.csv").read_text() == (tmp_path / "cut" / "metrics.csv").read_text()
    for name, value in whole.state_dict().items():
        assert torch.equal(value, cut.state_dict()[name]), name


def test_method_for_tables_and_members(tmp_path):
    data = data_for_training(vocabulary=9, each=2)
    vocab = {"texts": {"words": [str(i) for i in range(9)]}}
    method = ALGRMethod(vocab, replace(QUICK, context="gru", members=2), FitConfig(epochs=3), seed=1).fit(data.train, data.val)
    assert method.embed_images(data.train.regions).shape == (8, 32) and method.embed_captions(data.train.words).shape == (16, 32)
    assert method.evaluate(data.val)["rsum"] == method.result.best_score
    seeds = [m.state_dict()["words.table.weight"] for m in (method.model, method.model.others[0])]
    assert not torch.equal(*seeds)


def test_collapse_is_reported(tmp_path):
    same = split()
    same = Split(Regions(np.ones_like(same.regions.features), same.regions.counts), same.words, same.image_of_caption)
    module = ALGRModule(model_of(), same)
    with torch.no_grad():
        for parameter in module.model.words.parameters():
            parameter.zero_()
    batch = same.batch(range(8))
    data = MatchingData(same, same, same, {})
    assert abs(float(module.model.losses(batch, phase=1)["L_rank"].detach()) - 2 * 8 * 0.2) < 1e-4
    constant = Split(same.regions, Words(np.ones_like(same.words.values), same.words.offsets), same.image_of_caption)
    with pytest.warns(UserWarning, match="ranking collapsed in epoch 1.*sum_epochs"):
        train_algr(replace(data, train=constant), out=tmp_path / "same", config=QUICK, fit_config=FitConfig(epochs=3))
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="ranking collapsed")
        train_algr(data_for_training(), out=tmp_path / "fine", config=QUICK, fit_config=FitConfig(epochs=4))


# ---------------------------------------------------------------------------------------------- bad input


def test_bad_input_is_refused(tmp_path):
    model, data = model_of(), split()
    for call, message in (
        (lambda: ALGRConfig(variant="fulll"), "variant is 'fulll'"),
        (lambda: ALGRConfig(margin=0.0), "margin"),
        (lambda: ALGRConfig(dropout=1.0), "dropout"),
        (lambda: ALGRConfig(width=0), "width"),
        (lambda: model_of(embedding="camera", heads=3), "heads"),
        (lambda: model.embed_images(torch.rand(2, 5, 7)), "7 columns, but this ALGR was trained on 6"),
        (lambda: model.embed_images(torch.rand(2, 6)), "expected \\(images, regions, 6\\)"),
        (lambda: model.embed_captions(Words(np.zeros((3, 5), np.float32), np.array([0, 3]))), "5 columns"),
        (lambda: model.embed_captions(Words(np.zeros(3, np.int64), np.array([0, 3]))), "rows of a vocabulary"),
        (lambda: model_of(vocabulary=4).embed_captions(Words(np.array([0, 7]), np.array([0, 2]))), "row 7.*4 words"),
        (lambda: model_of(vocabulary=4).embed_captions(data.words), "these are vectors"),
        (lambda: model_of(places=True).embed_images(torch.rand(2, 5, 6)), "regions with boxes"),
        (
            lambda: train_algr(data_for_training(), out=tmp_path / "a", config=QUICK, fit_config=FitConfig(epochs=2)),
            "first phase alone takes 2",
        ),
    ):
        with pytest.raises(InputError, match=message):
            call()
    assert not (tmp_path / "a").exists()
    known = ALGR(SMALL, {"images": {"extractor": "grid", "side": 224}, "texts": {"encoder": "minilm"}})
    with pytest.raises(InputError, match="side 224, but those of the data have side 320"):
        known.embed_images(replace(data.regions, provenance={"extractor": "grid", "side": 320}))
    with pytest.raises(InputError, match="encoder 'minilm'"):
        known.embed_captions(replace(data.words, provenance={"encoder": "spacy"}))
