"""The command line in its surroundings: consoles that lack characters, closed pipes, full disks, Ctrl-C, folders that cannot be written."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

import hetero_xmodal as hx
from hetero_xmodal.cli.messages import explained, is_full

COMMAND = [sys.executable, "-m", "hetero_xmodal"]


def typed(*words: str, **options) -> subprocess.CompletedProcess:
    return subprocess.run([*COMMAND, *words], capture_output=True, text=True, timeout=240, **options)


@pytest.mark.parametrize("setting", [{"PYTHONIOENCODING": "ascii"}, {"PYTHONIOENCODING": "cp1252"}, {"LC_ALL": "C", "PYTHONUTF8": "0"}])
def test_a_console_that_lacks_a_character_shows_a_question_mark(setting, tmp_path):
    done = typed("graph", str(tmp_path / "наречье 犬.png"), "a dog", "--out", str(tmp_path / "out"), env=os.environ | setting)
    assert done.returncode == 2 and "does not exist" in done.stderr and "Traceback" not in done.stderr, done.stderr
    done = typed("data", "card", "world", env=os.environ | setting)
    assert (done.returncode, done.stderr) == (0, "") and "default world" in done.stdout
    done = typed("train", "dagnn", "--help", env=os.environ | setting)
    assert (done.returncode, done.stderr) == (0, "") and "--data" in done.stdout


def test_a_sentence_that_the_console_lacks_is_printed_nonetheless():
    probe = "import sys\nfrom hetero_xmodal.cli import main\nmain.run = lambda words: main.say('a café, 犬') or 0\nmain.main([])"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, env=os.environ | {"PYTHONIOENCODING": "cp1252"})
    assert (done.returncode, done.stdout) == (0, "a café, ?\n".encode("cp1252")), done.stderr


def test_a_reader_that_closes_the_pipe_is_no_error():
    line = " ".join(COMMAND)
    done = subprocess.run(["bash", "-c", f"{line} data card world | head -1; echo ${{PIPESTATUS[0]}}"], capture_output=True, text=True)
    assert done.stdout.splitlines() == ["# The default world", "0"] and done.stderr == ""
    # a pipe that was closed before anything was written is noticed only when the output is flushed
    done = subprocess.run(["bash", "-c", f"({line} --version; echo $? >&2) | true"], capture_output=True, text=True)
    assert done.stderr == "0\n"


def test_a_closed_or_full_stdout():
    line = " ".join(COMMAND)
    done = subprocess.run(["bash", "-c", f"{line} data list >&-"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    if Path("/dev/full").exists():
        done = subprocess.run(["bash", "-c", f"{line} data list > /dev/full"], capture_output=True, text=True)
        assert done.returncode == 2 and done.stderr.count("\n") == 1 and "disk full at 'the standard output'" in done.stderr, done.stderr


FULL = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, 30_000))
from hetero_xmodal.cli.main import main
main(sys.argv[1:])
"""


@pytest.mark.parametrize(
    "words",
    [
        ["data", "build", "world/scenes", "--size", "2", "--image-size", "512"],
        ["graph", "IMAGE", "a dog", "--detector", "grid:2"],
        ["corpus", "world/scenes", "--size", "100", "--scenes", "true"],
        ["index", "--data", "world/scenes", "--size", "100"],
    ],
    ids=lambda words: words[0],
)
def test_a_full_disk_is_called_so(words, tmp_path):
    image = tmp_path / "image.png"
    hx.load_dataset("world/scenes", "test", size=1)[0].image.save(image)
    out = tmp_path / "out"
    words = [str(image) if word == "IMAGE" else word for word in words]
    done = subprocess.run([sys.executable, "-c", FULL, *words, "--out", str(out)], capture_output=True, text=True, timeout=240)
    last = done.stderr.splitlines()[-1]
    assert done.returncode == 2 and last.startswith("hetero-xmodal: disk full at '") and str(tmp_path) in last, (
        done.returncode,
        done.stderr,
    )
    assert not out.exists() and not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_full_disks_in_the_words_of_libraries(tmp_path):
    errors = [
        OSError(errno.ENOSPC, "No space left on device"),
        OSError(errno.EFBIG, "File too large", "model.bin"),
        RuntimeError("[enforce fail at inline_container.cc:783] . PytorchStreamWriter failed writing file data/1: file write failed"),
        RuntimeError("basic_ios::clear: iostream error"),
        ValueError("Error while serializing: I/O error: No space left on device (os error 28)"),
    ]
    for error in errors:
        assert is_full(error)
        sentence, code = explained(error, {"out": tmp_path / "runs"})
        assert code == 2 and sentence.startswith("disk full at '") and "free some space" in sentence
    try:
        try:
            raise errors[0]
        except OSError as error:
            raise hx.InputError("the model could not be saved") from error
    except hx.InputError as error:
        assert is_full(error)
    assert not is_full(OSError(errno.ENOENT, "No such file", "x")) and not is_full(hx.InputError("size is 0"))


@pytest.mark.parametrize(
    ("words", "seconds", "times"),
    [
        (["train", "similarity", "--data", "world/birds", "--out", "OUT"], 1.5, 3),
        (["corpus", "world/scenes", "--out", "OUT"], 3.0, 1),
        (["retrieve", "two birds near a tree"], 1.0, 2),
    ],
    ids=["three times", "corpus", "retrieve, twice"],
)
def test_ctrl_c_ends_a_command_with_a_sentence(words, seconds, times, tmp_path):
    words = [str(tmp_path / "out") if word == "OUT" else word for word in words]
    hear = lambda: signal.signal(signal.SIGINT, signal.default_int_handler)  # noqa: E731 - a shell without job control ignores it
    process = subprocess.Popen([*COMMAND, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=hear)
    time.sleep(seconds)
    for _ in range(times):
        process.send_signal(signal.SIGINT)
        time.sleep(0.03)
    _, said = process.communicate(timeout=120)
    # Python ends with the signal, which shells report as 130 too, if it came while a piece of text was being evaluated, as in named tuples
    assert process.returncode in (130, -signal.SIGINT), said
    assert said.splitlines()[-1] == "hetero-xmodal: stopped with Ctrl-C" and "Traceback" not in said, said
    assert said.count("stopped with Ctrl-C") == 1, said


LATE = {
    "while the command line is loaded": """
import sys
class Finder:
    def find_spec(self, name, *_):
        if name == "typer":
            press(), press()
sys.meta_path.insert(0, Finder())
from hetero_xmodal import __main__ as main
""",
    # another one while the first is told, and while libraries do what they do at the end, as torch does
    "at the end": "atexit.register(signal.raise_signal, signal.SIGINT)\nmain.command = press",
    "while it is told": "fail = main._fail\nmain._fail = lambda *some: press() or fail(*some)\nmain.command = press",
    # where Python can raise nothing: the exception was shown as a traceback and lost
    "in a destructor": "class Thing:\n    __del__ = press\nmain.run = lambda words: Thing() and None or time.sleep(60)",
    "in a destructor that comes last": "class Thing:\n    __del__ = press\nthing = Thing()\nmain.command = press",
}


@pytest.mark.parametrize("place", LATE)
def test_ctrl_c_where_it_cannot_be_raised_or_comes_late_is_one_sentence_too(place):
    probe = f"""
import atexit, signal, time
signal.signal(signal.SIGINT, signal.default_int_handler)
def press(*_):
    signal.raise_signal(signal.SIGINT)
{"" if "loaded" in place else "from hetero_xmodal.cli import main"}
{LATE[place]}
main.main()
"""
    done = subprocess.run([sys.executable, "-c", probe, "--version"], capture_output=True, text=True, timeout=50)
    assert done.returncode in (130, -signal.SIGINT) and done.stderr == "hetero-xmodal: stopped with Ctrl-C\n", done


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write everywhere")
def test_a_folder_that_cannot_be_written(tmp_path):
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    done = typed("data", "build", "world/scenes", "--size", "1", "--out", str(closed / "out"))
    assert done.returncode == 2 and done.stderr.count("\n") == 1 and "closed" in done.stderr


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a file system that refuses new folders even to the superuser")
@pytest.mark.parametrize(
    "words",
    [
        ["data", "build", "world/scenes", "--size", "1"], ["demo", "--pairs", "6"], ["corpus", "world/scenes", "--size", "1"],
        ["index", "--data", "world/scenes", "--size", "1"], ["train", "cam", "--data", "world/birds", "--size", "2"],
    ],
    ids=lambda words: " ".join(words[:2]),
)  # fmt: skip
def test_a_place_that_cannot_be_written_is_named(words):
    done = typed(*words, "--out", "/proc/nowhere/out")
    last = done.stderr.splitlines()[-1]
    assert done.returncode == 2 and "/proc/nowhere" in last and "fault" not in last and "Traceback" not in done.stderr, done.stderr


def test_ctrl_c_waits_while_torch_is_imported(monkeypatch):
    from hetero_xmodal.cli import main

    spec, again = SimpleNamespace(_initializing=True), threading.Event()
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(__spec__=spec))
    monkeypatch.setattr(main, "_press", again.set)
    main._interrupted(signal.SIGINT, None)
    assert again.wait(10)  # and comes again
    spec._initializing = False
    with pytest.raises(KeyboardInterrupt):
        main._interrupted(signal.SIGINT, None)


def test_a_command_that_is_proposed_can_be_copied_whatever_the_folder_is_called():
    from hetero_xmodal.cli.train import _tested_with

    told = _tested_with("algr", "coco:my photos", Path("ä $HOME"))
    assert told.endswith("evaluate algr --data 'coco:my photos' --model 'ä $HOME'")
    assert _tested_with("algr", "coco:photos", Path("runs/a")).endswith("--data coco:photos --model runs/a")
