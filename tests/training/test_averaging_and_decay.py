"""What training keeps is the running mean of the weights, by hand; the learning rate falls when the settings say, counted from phase 2."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from recipes import test_algr, test_dagnn
from safetensors.torch import load_file

from hetero_xmodal.recipes import ALGR, DAGNN
from hetero_xmodal.training import FitConfig
from hetero_xmodal.training.algr import ALGRModule, evaluate_matching, train_algr
from hetero_xmodal.training.dagnn import DAGNNModule, evaluate_retrieval, train_dagnn
from hetero_xmodal.world_models import train_detector as train_world
from hetero_xmodal.world_models import train_judge as train_world_judge


def numbers(model) -> dict[str, torch.Tensor]:
    return {name: value.detach().clone() for name, value in model.state_dict().items()}


def weighed(*parts) -> dict[str, torch.Tensor]:
    """Sum of share times weights over (share, weights); what is no floating-point number is the last one's."""
    last = parts[-1][1]
    return {k: sum(share * w[k] for share, w in parts) if v.is_floating_point() else v for k, v in last.items()}


def distance(a, b) -> float:
    return max(float((a[k] - b[k]).abs().max()) for k in a)


def watched(monkeypatch, module_class) -> list[dict[str, torch.Tensor]]:
    """The weights of the network that learns: first as they begin, then after every step."""
    seen: list[dict[str, torch.Tensor]] = []
    begin, end_of_step = module_class.__init__, module_class.on_train_batch_end

    def __init__(self, model, *rest):
        begin(self, model, *rest)
        seen.append(numbers(model))

    def on_train_batch_end(self, *rest):
        seen.append(numbers(self.model))
        end_of_step(self, *rest)

    monkeypatch.setattr(module_class, "__init__", __init__)
    monkeypatch.setattr(module_class, "on_train_batch_end", on_train_batch_end)
    return seen


# Three steps with averaging=0.2. The share of the old mean is min(0.2, (1 + n) / (10 + n)) after step n: 2/11, 0.2, 0.2. So of the mean
# after three steps 0.8 is the third step's weights, 0.2 * 0.8 the second's, 0.2 * 0.2 * 9/11 the first's, and 0.2 * 0.2 * 2/11 the random
# start.
SHARES = (0.04 * 2 / 11, 0.04 * 9 / 11, 0.16, 0.8)


def test_dagnn_keeps_scores_and_saves_the_mean_of_its_weights(tmp_path, monkeypatch):
    seen, data = watched(monkeypatch, DAGNNModule), test_dagnn.tiny()
    config = replace(test_dagnn.SMALL, batch_size=40, learning_rate=0.05, averaging=0.2)  # 120 pairs: three steps
    trained, result = train_dagnn(data, out=tmp_path, config=config, fit_config=FitConfig(epochs=1), progress=False)
    assert len(seen) == 4
    wanted = weighed(*zip(SHARES, seen, strict=True))
    assert distance(wanted, seen[-1]) > 0.01  # the weights of the last step are something else
    for kept in (trained, DAGNN.from_pretrained(tmp_path / "model")):
        assert distance(numbers(kept), wanted) < 1e-5
    assert result.best_score == pytest.approx(evaluate_retrieval(trained, data.features.val)["mean"], abs=1e-6)


def test_algr_keeps_scores_and_saves_the_mean_of_its_weights(tmp_path, monkeypatch):
    seen, data = watched(monkeypatch, ALGRModule), test_algr.data_for_training(images=12)
    config = replace(test_algr.QUICK, variant="baseline", batch_size=4, learning_rate=0.05, averaging=0.2)  # 12 pairs: three steps
    trained, result = train_algr(data, out=tmp_path, config=config, fit_config=FitConfig(epochs=1), progress=False)
    assert len(seen) == 4
    wanted = weighed(*zip(SHARES, seen, strict=True))
    assert distance(wanted, seen[-1]) > 0.01
    for kept in (trained, ALGR.from_pretrained(tmp_path / "model")):
        assert distance(numbers(kept), wanted) < 1e-5
    assert result.best_score == pytest.approx(evaluate_matching(trained, data.val)["rsum"])


def spoilt(model):
    """The same network with weights that know nothing."""
    torch.manual_seed(5)
    with torch.no_grad():
        for p in model.parameters():
            p.normal_()
    return model


def test_the_epoch_is_chosen_by_the_score_of_the_mean(monkeypatch):
    """With a mean that is trained and a network that is not, the score logged is the mean's."""
    logged = {}
    for made in (DAGNNModule, ALGRModule):
        monkeypatch.setattr(made, "log", lambda self, name, value, **_: logged.update({name: value}))
        monkeypatch.setattr(made, "log_dict", lambda self, values, **_: logged.update(values))
        monkeypatch.setattr(made, "current_epoch", 9)

    validation = test_dagnn.tiny().features.val
    module = DAGNNModule(test_dagnn.model(replace(test_dagnn.SMALL, averaging=0.9)))
    spoilt(module.model)
    module.validation_step([torch.from_numpy(x).float() for x in (validation.images, validation.texts, validation.labels)], 0)
    module.on_validation_epoch_end()
    assert logged["validation/score"] == pytest.approx(evaluate_retrieval(module.average.eval(), validation)["mean"], abs=1e-6)
    assert logged["validation/score"] != pytest.approx(evaluate_retrieval(module.model.eval(), validation)["mean"], abs=1e-3)

    split = test_algr.split(30)
    module = ALGRModule(test_algr.model_of(averaging=0.9), split)
    spoilt(module.model)
    module.on_validation_epoch_end()
    ours, other = (evaluate_matching(m, split)["rsum"] for m in (module.average, module.model))
    assert logged["validation/rsum"] == ours != other


@pytest.mark.parametrize("made", [test_dagnn.model, test_algr.model_of], ids=["DAGNN", "ALGR"])
def test_without_averaging_the_network_itself_is_kept(made):
    model = made()
    module = DAGNNModule(model) if isinstance(model, DAGNN) else ALGRModule(model, test_algr.split())
    assert module.average is None and module.kept is model


# ---------------------------------------------------------------------------------------------- the detector and the judge of the world


def test_the_detector_of_two_steps_is_the_mean_of_its_weights(tmp_path):
    pytest.importorskip("detectron2")
    run = train_world._Run(tmp_path, steps=2, batch_size=2, images=4, seed=0, image_size=64)
    seen = [numbers(run.network)]
    for _ in range(2):
        run.advance()
        seen.append(numbers(run.network))
    # of the old mean 1/11 stays after the first step and 2/12 after the second
    wanted = weighed((2 / 12 / 11, seen[0]), (2 / 12 * 10 / 11, seen[1]), (10 / 12, seen[2]))
    saved = load_file(run.export())
    for name, value in saved.items():
        torch.testing.assert_close(value.float(), wanted[name].float(), rtol=2e-3, atol=1e-5)  # half precision
    assert max(float((seen[2][k] - wanted[k]).abs().max()) for k in saved) > 1e-4


def test_the_judge_of_two_steps_is_the_mean_of_its_weights(tmp_path, monkeypatch):
    seen, losses = [], train_world_judge._losses

    def watch(network, *rest):
        seen.append((network, numbers(network)))
        return losses(network, *rest)

    class Watching(torch.optim.AdamW):
        def step(self, closure=None):
            super().step(closure)
            seen.append((seen[0][0], numbers(seen[0][0])))

    monkeypatch.setattr(train_world_judge, "_losses", watch)
    monkeypatch.setattr(torch.optim, "AdamW", Watching)
    saved = load_file(train_world_judge.train_judge(tmp_path, steps=2, batch_size=4, images=8, progress=False))
    _, first, _, second = (weights for _, weights in seen)
    # the mean begins with the first step's weights, of which 1/11 stays after the second
    wanted = weighed((1 / 11, first), (10 / 11, second))
    for name, value in saved.items():
        torch.testing.assert_close(value.float(), wanted[name].float(), rtol=2e-3, atol=1e-5)
    assert max(float((second[k] - wanted[k]).abs().max()) for k in saved if saved[k].is_floating_point()) > 1e-4


# ---------------------------------------------------------------------------------------------- decay_epoch


@pytest.mark.parametrize(
    ("changes", "full"),
    [
        ({"phase1_epochs": 2, "decay_epoch": 3}, 5),  # two epochs of phase 1, three of phase 2, then a tenth
        ({"phase1_epochs": 4, "decay_epoch": 1}, 5),
        ({"variant": "one-phase", "phase1_epochs": 2, "decay_epoch": 3}, 3),  # there is no phase 1 whose epochs could count
        ({"variant": "baseline", "phase1_epochs": 2, "decay_epoch": 1}, 1),
        ({"phase1_epochs": 2, "decay_epoch": 0}, 8),  # never
    ],
)
def test_the_learning_rate_falls_to_a_tenth_once_phase_2_has_had_its_epochs(changes, full):
    module = ALGRModule(test_algr.model_of(learning_rate=0.01, **changes), test_algr.split())
    (optimiser,), (schedule,) = module.configure_optimizers()
    rates = []
    for _ in range(8):
        rates.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        schedule.step()
    assert rates == pytest.approx([0.01] * full + [0.001] * (8 - full))


def test_training_learns_at_the_rates_of_the_schedule(tmp_path, monkeypatch):
    rates, step = [], ALGRModule.training_step

    def training_step(self, batch, index):
        rates.append((self.current_epoch, self.phase, self.optimizers().param_groups[0]["lr"]))
        return step(self, batch, index)

    monkeypatch.setattr(ALGRModule, "training_step", training_step)
    config = replace(test_algr.QUICK, phase1_epochs=1, decay_epoch=2, learning_rate=0.01)  # eight pairs: one step an epoch
    train_algr(test_algr.data_for_training(), out=tmp_path, config=config, fit_config=FitConfig(epochs=5), progress=False)
    assert [(epoch, phase) for epoch, phase, _ in rates] == [(0, 1), (1, 2), (2, 2), (3, 2), (4, 2)]
    assert [rate for *_, rate in rates] == pytest.approx([0.01, 0.01, 0.01, 0.001, 0.001])
