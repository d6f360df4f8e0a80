"""Checkpoints: whole or not at all, with the one before kept; what damage and kills leave, and that a resumed run is the same run."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import warnings
import zipfile

import pytest
import torch
from line_model import Line, run

import hetero_xmodal as hx
from hetero_xmodal.errors import InputError
from hetero_xmodal.training import checkpoints

SCORES = [1, 5, 3, 2]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run of four epochs that nothing interrupted."""
    out = tmp_path_factory.mktemp("runs") / "whole"
    module, result = run(out, epochs=4)
    return out, module.state_dict(), result


def same(one: dict, other: dict) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one.values(), other.values(), strict=True))


def cut(path, where: str) -> None:
    """Damage a file: a bit of it, its end, or all of it."""
    data = bytearray(path.read_bytes())
    if where == "bit":
        with zipfile.ZipFile(path) as file:
            largest = max(file.infolist(), key=lambda entry: entry.file_size)
            data[data.index(file.read(largest)) + 3] ^= 1
    path.write_bytes({"bit": data, "end": data[: len(data) // 2], "all": b""}[where])


@pytest.mark.parametrize("where", ["bit", "end", "all"])
def test_a_damaged_checkpoint_gives_way_to_the_one_before(where, whole, tmp_path):
    _, weights, _ = whole
    run(tmp_path / "run", epochs=3)
    cut(tmp_path / "run/checkpoints/last.ckpt", where)
    with pytest.warns(UserWarning, match="last.ckpt' is damaged; the run is resumed from the one before it, after epoch 2"):
        module, result = run(tmp_path / "run", epochs=4, resume=True)
    assert same(module.state_dict(), weights) and result.epochs == 4
    assert (tmp_path / "run/metrics.csv").read_bytes() == (whole[0] / "metrics.csv").read_bytes()
    assert sorted(path.name for path in (tmp_path / "run/checkpoints").iterdir()) == ["best.ckpt", "last.ckpt", "previous.ckpt"]


def test_without_a_whole_checkpoint_the_run_is_refused(tmp_path):
    run(tmp_path / "run", epochs=2)
    saved = shutil.copytree(tmp_path / "run", tmp_path / "saved")
    cut(tmp_path / "run/checkpoints/last.ckpt", "end")
    cut(tmp_path / "run/checkpoints/previous.ckpt", "bit")
    with pytest.raises(InputError, match="last.ckpt' is damaged and there is none before it that is whole; start a new run"):
        run(tmp_path / "run", epochs=3, resume=True)
    cut(saved / "checkpoints/best.ckpt", "bit")
    with pytest.raises(InputError, match="best.ckpt', which holds the best epoch, is damaged"):
        run(saved, epochs=3, resume=True)


def test_nothing_passes_through_the_folder_for_temporary_files(tmp_path, monkeypatch):
    """It may be on another file system, from which a file is copied instead of renamed."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "not there"))
    run(tmp_path / "run", epochs=1)
    assert (tmp_path / "run/checkpoints/last.ckpt").exists()


def killed(out, kill) -> int:
    """The signal that ended a run of four epochs in a process of its own, which *kill* has prepared to be killed."""
    child = os.fork()
    if child == 0:
        try:
            kill()
            run(out, epochs=4)
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def die(*_, **__) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def half_written(checkpoint, file) -> None:
    file.write(b"half a checkpoint")
    file.flush()
    die()


def when(name: str, count: int, instead):
    """Let the *count*-th call of ``checkpoints.NAME`` (such as ``os.replace``) do something else."""
    module, attribute = (getattr(checkpoints, part) if k == 0 else part for k, part in enumerate(name.split(".")))
    usual, calls = getattr(module, attribute), []

    def patched(*args, **kwargs):
        calls.append(args)
        return (instead if len(calls) == count else usual)(*args, **kwargs)

    return lambda: setattr(module, attribute, patched)


# the first checkpoint of an epoch is the best one (here of epochs 1 and 2), then comes the last one
KILLS = {
    "while the best is written": when("torch.save", 3, half_written),
    "while the last is written": when("torch.save", 4, half_written),
    "while the first is written": when("torch.save", 1, half_written),
    "before it is on the disk": when("os.fsync", 6, die),
} | {f"before renaming {k}": when("os.replace", k, die) for k in (1, 3, 5, 8, 9, 10, 11, 12, 13)}


@pytest.mark.parametrize("name", KILLS)
def test_a_run_killed_while_it_writes_is_resumed_to_the_same_weights(name, whole, tmp_path):
    assert killed(tmp_path / "run", KILLS[name]) == -signal.SIGKILL
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        module, _ = run(tmp_path / "run", epochs=4, resume=True)
    assert same(module.state_dict(), whole[1])
    for name in ("metrics.csv", "config.json"):
        assert (tmp_path / "run" / name).read_bytes() == (whole[0] / name).read_bytes()
    assert not [path for path in (tmp_path / "run").rglob(".*")]


def test_leftovers_of_a_kill_are_no_reason_to_refuse_a_run(whole, tmp_path):
    for out in (tmp_path / "new", tmp_path / "old"):
        out.mkdir()
        for name in (".config.json.hx.tmp", ".config.json.a1b2.tmp.json"):
            (out / name).write_text('{"fit":')
    first, _ = run(tmp_path / "new", epochs=4, resume=True)
    second, _ = run(tmp_path / "old", epochs=4)
    assert same(first.state_dict(), whole[1]) and same(second.state_dict(), whole[1])
    assert not list(tmp_path.rglob(".*"))
    (tmp_path / "old/checkpoints/.last.ckpt.hx.tmp").write_bytes(b"half")
    run(tmp_path / "old", epochs=4, resume=True)
    assert not list(tmp_path.rglob(".*"))


def test_one_process_at_a_time_trains_in_a_folder(tmp_path):
    class Second(Line):
        def on_train_epoch_end(self):
            with pytest.raises(InputError, match="is being written by another run"):
                run(tmp_path / "run", epochs=2, resume=True)

    run(tmp_path / "run", epochs=1, module=Second())


def test_a_run_is_not_resumed_to_fewer_epochs_than_it_has_had(tmp_path):
    run(tmp_path / "run", epochs=3)
    with pytest.raises(InputError, match="has had 3 epochs already, and epochs is 2; give more"):
        run(tmp_path / "run", epochs=2, resume=True)


def test_a_run_that_has_moved_remembers_its_best_epoch(tmp_path):
    run(tmp_path / "here", epochs=3, module=Line(scores=SCORES))
    (tmp_path / "here").rename(tmp_path / "there")
    _, result = run(tmp_path / "there", epochs=4, resume=True, module=Line(scores=SCORES))
    assert (result.best_score, result.best_epoch) == (5, 1)
    assert not (tmp_path / "here").exists()


def test_checkpoints_of_another_run_are_refused(tmp_path):
    """Of another seed, whose weights have the same shapes, and of other data; by a resumed run and by ``verify``."""
    for name, options in {"first": {}, "other seed": {"seed": 7}, "other data": {"data": {"train": {"ids": ["b"]}}}}.items():
        run(tmp_path / name, epochs=1, **({"data": {"train": {"ids": ["a"]}}} | options))
    for name, what in {"other seed": "other settings than config.json", "other data": "other data than data.json"}.items():
        mixed = shutil.copytree(tmp_path / "first", tmp_path / f"mixed {name}")
        for file in ("last.ckpt", "best.ckpt"):
            whole = (mixed / "checkpoints" / file).read_bytes()
            shutil.copy(tmp_path / name / "checkpoints" / file, mixed / "checkpoints")
            with pytest.raises(InputError, match=f"{file}' is of another run, with {what}"):
                run(mixed, epochs=2, resume=True, data={"train": {"ids": ["a"]}})
            with pytest.raises(InputError, match=f"{file}' is of another run, with {what}"):
                hx.verify(mixed)
            (mixed / "checkpoints" / file).write_bytes(whole)
        assert run(mixed, epochs=2, resume=True, data={"train": {"ids": ["a"]}})[1].epochs == 2


def test_a_checkpoint_of_a_former_version_that_does_not_fit_is_refused(tmp_path):
    run(tmp_path / "run", epochs=1)
    path = tmp_path / "run/checkpoints/last.ckpt"
    old = torch.load(path, weights_only=True)
    old.pop("hetero_xmodal.run", None)
    torch.save(old, path)
    assert run(tmp_path / "run", epochs=2, resume=True)[1].epochs == 2
    old["state_dict"]["net.0.weight"] = torch.zeros(5, 3)
    torch.save(old, path)
    with pytest.raises(InputError, match="last.ckpt' does not fit the model of this run"):
        run(tmp_path / "run", epochs=3, resume=True)


@pytest.mark.parametrize("name", ["last", "best", "previous"])
def test_one_flipped_bit_of_any_checkpoint_is_found_by_verify(name, tmp_path):
    run(tmp_path / "run", epochs=2)
    cut(tmp_path / f"run/checkpoints/{name}.ckpt", "bit")
    with pytest.raises(InputError, match=f"{name}.ckpt' is damaged"):
        hx.verify(tmp_path / "run")


@pytest.mark.parametrize("name", ["last", "best", "previous"])
def test_a_folder_in_the_place_of_a_checkpoint_is_refused_before_the_work(name, tmp_path):
    run(tmp_path / "run", epochs=1)
    path = tmp_path / f"run/checkpoints/{name}.ckpt"
    path.unlink(missing_ok=True)
    path.mkdir()
    with pytest.raises(InputError, match=f"{name}.ckpt' is a folder"):
        run(tmp_path / "run", epochs=2, resume=True)
