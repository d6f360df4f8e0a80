"""Every command that writes: killed at any moment, typed twice at once, and with a full disk.

After a kill nothing is lost, repeating the command ends as if it had never been killed, and no stray file is left. In the normal run each
quick command is killed once or twice; with ``--slow`` there are 100 kills. A kill is either before one of the command's own steps on the
disk, or at a random moment.
"""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from random import Random

import pytest
from campaign.commands import COMMANDS, INPUTS, Command, Ended, call, differences, start, tree

pytestmark = pytest.mark.slow
KILLS = 100  # with --slow
_OFTEN = sum(command.often for command in COMMANDS)
THESIS = {"thesis.txt": "years of work", ".result.notes": "not ours", "other/config.json": "{}", "result.old": "an older result"}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Command -> (folder of an undisturbed run, how it ended), made when it is first asked for."""
    made: dict[str, tuple[Path, Ended]] = {}

    def get(command: Command) -> tuple[Path, Ended]:
        if command.name not in made:
            folder = prepared(tmp_path_factory.mktemp("whole"), command, None)
            made[command.name] = folder, call(folder, command.typed(folder))
            assert made[command.name][1].code == 0, made[command.name][1].said
        return made[command.name]

    return get


def prepared(folder: Path, command: Command, like: Path | None, *, result: bool = False) -> Path:
    """A folder with the command's inputs, those of *like* if given, with its *result* too if that is asked for."""
    for name in ("work", "tmp"):
        (folder / name).mkdir(parents=True)
    if like is None:
        (folder / "inputs").mkdir()
        for name in command.inputs:
            INPUTS[name](folder / "inputs")
    else:
        shutil.copytree(like / "inputs", folder / "inputs")
    for name, text in THESIS.items():
        (folder / "work" / name).parent.mkdir(exist_ok=True)
        (folder / "work" / name).write_text(text)
    if result and like is not None:
        done = like / "work" / command.out
        (shutil.copytree if done.is_dir() else shutil.copyfile)(done, folder / "work" / command.out)
    return folder


def selected(request, command: Command) -> bool:
    """Skip what takes too long for the normal run."""
    if command.slow and not request.config.getoption("--slow"):
        pytest.skip("takes long; tried with --slow")
    return bool(request.config.getoption("--slow"))


def ids(command: Command) -> str:
    return command.name.replace(" ", "-")


@pytest.mark.parametrize("command", COMMANDS, ids=ids)
def test_a_killed_command_loses_nothing_and_is_repeated_to_the_same_end(command, whole, tmp_path, request):
    slow = selected(request, command)
    number = max(1, round(KILLS * command.often / _OFTEN)) if slow else 1
    like, undisturbed = whole(command)
    wanted = tree(like / "work", command.varying)
    findings = []
    for k in range(number):
        rng = Random(f"{command.name} {k}")
        folder = prepared(tmp_path / str(k), command, like, result=command.replaces and k % 2 == 1)
        if k % 3 == 2:
            running = start(folder, command.typed(folder))
            time.sleep(rng.uniform(0, undisturbed.seconds))
            running.process.kill()
            when = "at a random moment"
        else:
            step = rng.randint(1, undisturbed.steps)
            running, when = start(folder, command.typed(folder), kill_at=step), f"before step {step} of {undisturbed.steps}"
        running.ended()
        fault = after_a_kill(command, folder, wanted)
        if fault:
            findings.append(f"{command.name}, kill {k}, {when}: {fault}")
        else:
            shutil.rmtree(folder)
    assert not findings, f"{len(findings)} of {number}:\n" + "\n".join(findings)


def after_a_kill(command: Command, folder: Path, wanted: dict[str, str]) -> str:
    """Repeat the command; what is wrong with what is there then, or an empty text."""
    for name, text in THESIS.items():
        if not (folder / "work" / name).exists() or (folder / "work" / name).read_text() != text:
            return f"LOST {name}"
    found = call(folder, command.typed(folder, again=True))
    if found.code == 2 and "resume" in found.said:  # nothing had begun
        found = call(folder, command.typed(folder))
    done = "exist" in found.said and not command.replaces and found.code == 2  # it had ended before the kill
    fault = found.fault(*((0, 2) if done else (0,)))
    if fault:
        return f"the repeated command: {fault}"
    return differences(tree(folder / "work", command.varying), wanted)


@pytest.mark.parametrize("command", COMMANDS, ids=ids)
def test_two_that_write_the_same_result_leave_a_whole_one(command, whole, tmp_path, request):
    selected(request, command)
    like, _ = whole(command)
    wanted = tree(like / "work", command.varying)
    folder = prepared(tmp_path, command, like)
    both = [start(folder, command.typed(folder)) for _ in range(2)]
    ends = [running.ended() for running in both]
    assert [end.fault(0, 2) for end in ends] == ["", ""]
    assert any(end.code == 0 for end in ends), [end.said for end in ends]
    assert differences(tree(folder / "work", command.varying), wanted) == ""


@pytest.mark.parametrize("command", COMMANDS, ids=ids)
def test_a_full_disk_is_one_sentence_and_keeps_what_was_there(command, whole, tmp_path, request):
    """No file may grow over a limit, which is how a full disk looks to a program."""
    slow = selected(request, command)
    like, undisturbed = whole(command)
    largest = max(path.stat().st_size for path in (like / "work").rglob("*") if path.is_file())
    rng = Random(command.name)
    least = min(300, largest // 2)
    limits = [largest - 1, least, *(rng.randrange(least, largest) for _ in range(3))] if slow else [rng.choice([largest - 1, least])]
    for k, limit in enumerate(limits):
        result = command.replaces and k % 2 == 0
        folder = prepared(tmp_path / str(k), command, like, result=result)
        before = tree(folder / "work")
        end = call(folder, command.typed(folder), largest_file=limit)
        assert end.fault(2) == "", f"limit {limit}"
        after = tree(folder / "work")
        left = {*([] if command.replaces else [command.out]), *([f"{command.out}.part"] if command.part else [])}
        unfinished = {name for name in after if name.split("/")[0] in left}
        assert differences({name: mark for name, mark in after.items() if name not in unfinished}, before) == "", f"limit {limit}"
