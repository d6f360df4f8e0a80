"""fit: exact resume, selection on validation, early stopping, several processes; models as folders; configs."""

import json
import os
import signal
import stat
from dataclasses import dataclass

import pytest
import torch
from line_model import Line, loaders, run

from hetero_xmodal.configs import config_from_dict, config_with
from hetero_xmodal.errors import InputError
from hetero_xmodal.pretrained import Pretrained
from hetero_xmodal.training import EpochSampler, FitConfig, batches, fit, seed_everything


def test_an_interrupted_and_resumed_run_equals_an_uninterrupted_one_bit_for_bit(tmp_path):
    whole, result = run(tmp_path / "whole")
    with pytest.raises(RuntimeError, match="power cut"):
        run(tmp_path / "cut", crash_in_epoch=3)
    resumed, again = run(tmp_path / "cut", resume=True)
    for (name, a), (_, b) in zip(whole.state_dict().items(), resumed.state_dict().items(), strict=True):
        assert torch.equal(a, b), name
    assert (tmp_path / "whole/metrics.csv").read_text() == (tmp_path / "cut/metrics.csv").read_text()
    assert (result.best_score, result.best_epoch, result.epochs) == (again.best_score, again.best_epoch, again.epochs)
    last = [torch.load(tmp_path / k / "checkpoints/last.ckpt", weights_only=True) for k in ("whole", "cut")]
    moments = [[s["exp_avg"] for s in checkpoint["optimizer_states"][0]["state"].values()] for checkpoint in last]
    assert all(torch.equal(a, b) for a, b in zip(*moments, strict=True))


def test_ctrl_c_during_an_epoch_is_passed_on_and_the_run_can_be_resumed(tmp_path):
    """Lightning turns Ctrl-C into ``sys.exit(1)`` and ignores the next one; ``fit`` undoes both."""

    class Stopped(Line):
        def training_step(self, batch, index):
            if self.current_epoch == 3 and index == 2:
                signal.raise_signal(signal.SIGINT)
            return super().training_step(batch, index)

    whole, _ = run(tmp_path / "whole")
    seed_everything(1)  # the initial weights of the whole run
    inherited = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore Ctrl-C
    try:
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path / "cut", module=Stopped())
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, inherited)
    resumed, _ = run(tmp_path / "cut", resume=True)
    assert all(torch.equal(a, b) for a, b in zip(whole.state_dict().values(), resumed.state_dict().values(), strict=True))


def test_best_is_selected_on_validation_and_loaded_back(tmp_path):
    module, result = run(tmp_path, module=Line(scores=[1, 5, 3, 2, 2]))
    assert (result.best_score, result.best_epoch) == (5, 1)
    best = torch.load(tmp_path / "checkpoints/best.ckpt", weights_only=True)["state_dict"]
    last = torch.load(tmp_path / "checkpoints/last.ckpt", weights_only=True)["state_dict"]
    assert all(torch.equal(module.state_dict()[k], best[k]) for k in best)
    assert any(not torch.equal(best[k], last[k]) for k in best)


def test_early_stopping_waits_for_patience(tmp_path):
    _, result = run(tmp_path, epochs=9, patience=2, module=Line(scores=[1, 2, 1, 1, 9, 9, 9, 9, 9]))
    assert result.epochs == 4 and result.best_epoch == 1


def test_two_processes_over_gloo_see_every_example_once(tmp_path):
    _, result = run(tmp_path, epochs=2, devices=2, strategy="ddp_fork")
    assert result.epochs == 2
    rows = (tmp_path / "metrics.csv").read_text().splitlines()
    assert len(rows) == 3 and rows[-1].split(",")[1] == "4"  # 32 examples, 2 processes, batches of 8: 2 steps an epoch


def test_the_order_of_an_epoch_is_shared_out_over_processes(monkeypatch):
    from hetero_xmodal.training import sampling as seeds

    order = list(EpochSampler(7, seed=3))
    parts = []
    for rank in range(2):
        monkeypatch.setattr(seeds, "_process", lambda rank=rank: (rank, 2))
        parts.append(list(EpochSampler(7, seed=3)))
    assert parts[0] + parts[1] == [*order[0::2], *order[1::2], order[0]]
    monkeypatch.undo()
    sampler = EpochSampler(50, seed=3)
    first = list(sampler)
    sampler.set_epoch(1)
    assert first != list(sampler) and sorted(first) == sorted(sampler)


def test_bad_runs_are_refused_in_one_sentence(tmp_path):
    with pytest.raises(InputError, match="loss became nan in epoch 0, batch 0"):
        run(tmp_path / "nan", module=Line(poison=True))
    assert not (tmp_path / "nan/checkpoints/last.ckpt").exists()
    run(tmp_path / "a", epochs=1)
    with pytest.raises(InputError, match="is not empty"):
        run(tmp_path / "a", epochs=1)
    with pytest.raises(InputError, match="seed=0, now seed=7"):
        run(tmp_path / "a", epochs=2, seed=7, resume=True)
    with pytest.raises(InputError, match="epochs is 0"):
        FitConfig(epochs=0)
    with pytest.raises(InputError, match="never logged 'validation/recall'.*validation/score"):
        run(tmp_path / "c", epochs=1, monitor="validation/recall")
    with pytest.raises(InputError, match="training split has no batch"):
        fit(Line(), batches(torch.zeros(0, 3), 2), validation=loaders()["validation"], out=tmp_path / "b", config=FitConfig())


@dataclass(frozen=True)
class SmallConfig:
    width: int = 4
    rate: float = 0.5
    sizes: tuple[int, ...] = (1, 2)
    tail: int | None = None


class Small(Pretrained, torch.nn.Module):
    recipe_name, config_class = "small", SmallConfig

    def __init__(self, config, vocab):
        super().__init__()
        self.config, self.vocab = config, vocab
        self.layer = torch.nn.Linear(config.width, len(vocab["labels"]))


def test_a_model_is_plain_files_and_comes_back_equal(tmp_path):
    model = Small(SmallConfig(width=3, sizes=(4,)), {"labels": ["a", "b"]})
    model.save_pretrained(tmp_path / "m")
    model.layer.bias.data += 1
    model.save_pretrained(tmp_path / "m")  # replaces the old folder
    assert sorted(p.name for p in tmp_path.rglob("*") if p.is_file()) == ["config.json", "manifest.json", "model.safetensors", "vocab.json"]
    back = Small.from_pretrained(tmp_path / "m")
    assert back.config == model.config and back.vocab == model.vocab and not back.training
    assert torch.equal(back.layer.bias, model.layer.bias)


def test_foreign_and_broken_models_are_refused(tmp_path):
    path = Small(SmallConfig(), {"labels": ["a"]}).save_pretrained(tmp_path / "m")

    class Other(Small):
        recipe_name = "other"

    with pytest.raises(InputError, match="is of the recipe small, expected other"):
        Other.from_pretrained(path)
    with pytest.raises(InputError, match="does not exist"):
        Small.from_pretrained(tmp_path / "none")
    head = json.loads((path / "config.json").read_text())
    (path / "config.json").write_text(json.dumps(head | {"version": 99}))
    with pytest.raises(InputError, match="config.json' is not the file that was written"):
        Small.from_pretrained(path)
    (path / "manifest.json").unlink()  # as an earlier version wrote it
    with pytest.raises(InputError, match="version 99"):
        Small.from_pretrained(path)
    (path / "config.json").write_text(json.dumps(head | {"config": {"width": 5}}))
    with pytest.raises(InputError, match=r"weight 'layer.weight': found shape \(1, 4\), expected \(1, 5\)"):
        Small.from_pretrained(path)
    (path / "config.json").write_text(json.dumps(head))
    weights = (path / "model.safetensors").read_bytes()
    (path / "model.safetensors").write_bytes(weights[: len(weights) // 2])
    with pytest.raises(InputError, match="not a readable safetensors file"):
        Small.from_pretrained(path)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.tex").write_text("x")
    with pytest.raises(InputError, match="mine' holds 'thesis.tex', which is no file of a model"):
        Small(SmallConfig(), {"labels": ["a"]}).save_pretrained(tmp_path / "mine")


def test_a_full_disk_leaves_the_old_model_whole(tmp_path, monkeypatch):
    model = Small(SmallConfig(), {"labels": ["a"]})
    model.save_pretrained(tmp_path / "m")
    before = {p.name: p.read_bytes() for p in (tmp_path / "m").iterdir()}

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("hetero_xmodal.pretrained.write_safetensors", full)
    model.layer.bias.data += 1
    with pytest.raises(InputError, match="No space left on device"):
        model.save_pretrained(tmp_path / "m")
    assert {p.name: p.read_bytes() for p in (tmp_path / "m").iterdir()} == before
    assert [p.name for p in tmp_path.iterdir()] == ["m"]
    assert stat.S_IMODE(os.stat(tmp_path / "m").st_mode) & 0o500 == 0o500


@pytest.mark.parametrize(
    "setting, sentence",
    [
        ("width=x", "SmallConfig.width is 'x', expected a whole number"),
        ("width=true", "SmallConfig.width is True, expected a whole number"),
        ("sizes=[1,2.5]", "SmallConfig.sizes is 2.5, expected a whole number"),
        ("tail=a", "SmallConfig.tail is 'a', expected a whole number or None"),
        ("widht=3", "no key 'widht' \\(did you mean 'width'\\?\\)"),
        ("width", "a setting is written key=value, found 'width'"),
    ],
)
def test_wrong_settings_name_key_and_value(setting, sentence):
    with pytest.raises(InputError, match=sentence):
        config_with(SmallConfig(), [setting])


def test_settings_are_read_as_their_types():
    assert config_with(SmallConfig(), ["rate=1", "sizes=[3]", "tail=null"]) == SmallConfig(rate=1.0, sizes=(3,))
    assert config_from_dict(SmallConfig, {"tail": 3}).tail == 3
