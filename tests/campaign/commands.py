"""Every command that writes, as one table: ``COMMANDS``. A new command is one row: how it is typed, and what it writes.

``start(words, ...)`` runs one in a process of its own, forked from a server that has imported everything, so that it can be killed.
"""

from __future__ import annotations

import contextlib
import fnmatch
import hashlib
import json
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

TESTS = Path(__file__).parents[1]


@dataclass(frozen=True)
class Command:
    """One command.

    name : in reports
    words : what is typed; ``OUT`` stands for the result, ``IN`` for the folder of inputs
    inputs : names of :data:`INPUTS` that it reads
    again : added when the command is repeated after a kill
    out : name of the result
    varies : patterns of files in the result that may differ from run to run, because they hold times
    often : how often it is killed, compared with others; less where it takes long
    replaces : whether it may be typed again for the same result, which is then replaced
    """

    name: str
    words: str
    inputs: tuple[str, ...] = ()
    again: str = ""
    out: str = "result"
    varies: tuple[str, ...] = ()
    often: float = 1.0
    replaces: bool = True

    def typed(self, folder: Path, *, again: bool = False) -> list[str]:
        """The words, with the paths below *folder*."""
        words = [word.replace("+", " ") for word in f"{self.words} {self.again if again else ''}".split()]
        return [word.replace("OUT", str(folder / "work" / self.out)).replace("IN", str(folder / "inputs")) for word in words]


def _features(folder: Path) -> None:
    rng = np.random.default_rng(0)
    arrays = {}
    for split in ("train", "test"):
        labels = np.eye(3)[np.arange(40) % 3]
        arrays |= {f"{split}_images": np.concatenate([labels, rng.normal(size=(40, 3))], 1), f"{split}_labels": labels,
                   f"{split}_texts": labels[:, ::-1] + 0.1 * rng.normal(size=(40, 3))}  # fmt: skip
    np.savez(folder / "features.npz", **arrays)


def _pictures(folder: Path) -> None:
    import hetero_xmodal as hx

    for world in ("birds", "scenes"):
        item = hx.load_dataset(f"world/{world}", "test", size=1)[0]
        item.image.save(folder / f"{world}.png")
        item.scene.save(folder / f"{world}.json")


def _corpus(folder: Path) -> None:
    import hetero_xmodal as hx

    hx.build_corpus("world/scenes", folder / "corpus", scenes="true", limit=6, sentences_per_image=2, progress=False)


def _evaluations(folder: Path) -> None:
    from hetero_xmodal.evaluation.results import Evaluation, PerQuery

    for k, name in enumerate(("one", "two")):
        values = PerQuery(np.linspace(0.1 * k, 1, 12), "digest")
        Evaluation("dagnn", {"data": "world/scenes"}, {"mAP": 0.5}, {"mAP": values}, "0", "mAP 0.5").save(folder / name)


INPUTS: dict[str, Callable[[Path], None]] = {"features": _features, "pictures": _pictures, "corpus": _corpus, "evaluations": _evaluations}

_RUN = ("log.txt", "*/log.txt", "*.ckpt", "environment.json", "*/environment.json")
_SMALL = "--set+width=16 --set+hops=1 --set+batch_size=20 --set+averaging=0".replace("--set+", "--set ")
_SMALL_ALGR = "--set width=16 --set in_width=16 --set phase1_epochs=1 --set batch_size=5"
_TINY_CAM = "--set width=16 --set batch_size=2"

COMMANDS: tuple[Command, ...] = (
    Command("data build", "data build world/scenes --split test --size 6 --image-size 64 --out OUT", replaces=False),
    Command("corpus", "corpus world/scenes --scenes true --limit 8 --sentences-per-image 2 --out OUT"),
    Command("analyze", "analyze IN/corpus --out OUT", inputs=("corpus",)),
    Command("graph", "graph IN/scenes.png a+dog+on+a+table --image-scene IN/scenes.json --out OUT", inputs=("pictures",)),
    Command("index", "index --data world/scenes --split test --size 6 --out OUT"),
    Command("retrieve", "retrieve a+dog+near+a+tree --size 8 --out OUT", out="page.html"),
    Command("manipulate", "manipulate IN/birds.png This+bird+has+red+wings. --out OUT", inputs=("pictures",)),
    Command("trace", "trace IN/scenes.png a+dog+on+a+table --recipe algr --out OUT", inputs=("pictures",)),
    Command("demo", "demo --pairs 8 --out OUT", often=0.5),
    Command("compare", "compare IN/one IN/two --out OUT", inputs=("evaluations",), out="compared.csv"),
    Command("table dagnn", f"table dagnn --data features:IN/features.npz --row CCA --row DAGNN --epochs 2 {_SMALL} --out OUT",
            inputs=("features",), out="table.csv"),
    Command("train dagnn", f"train dagnn --data features:IN/features.npz --epochs 3 {_SMALL} --out OUT", inputs=("features",),
            again="--resume", varies=_RUN, often=4, replaces=False),
    Command("train algr", f"train algr --data world/scenes --texts trained:1 --epochs 2 --size 10,5,5 {_SMALL_ALGR} --out OUT",
            again="--resume", varies=_RUN, often=0.7, replaces=False),
    Command("train similarity", "train similarity --data world/birds --size 6 --epochs 2 --out OUT", again="--resume", varies=_RUN,
            often=0.3, replaces=False),
    Command("train cam", f"train cam --data world/birds --size 3 --epochs 2 --image-size 32 {_TINY_CAM} --out OUT", again="--resume",
            varies=_RUN, often=0.3, replaces=False),
    Command("train mimnet", f"train mimnet --data world/birds --size 3 --epochs 2 {_TINY_CAM} --out OUT", again="--resume",
            varies=_RUN, often=0.3, replaces=False),
    Command("train detector", "train detector --steps 2 --size 4 --batch-size 2 --out OUT", again="--resume",
            varies=("log.jsonl", "*.pt", "*.json"), often=0.3, replaces=False),
)  # fmt: skip


# ---------------------------------------------------------------------------------------------- running


@dataclass
class Ended:
    """How a command ended: exit code (-9 if killed), what it printed, and how many steps on the disk it took."""

    code: int
    said: str
    steps: int
    seconds: float = 0.0
    extra: dict[str, Any] = field(default_factory=dict)


def start(folder: Path, words: list[str], *, kill_at: int | None = None, largest_file: int | None = None) -> Any:
    """Start a command below *folder*; it kills itself before the *kill_at*-th step on the disk, if that is given."""
    context = multiprocessing.get_context("forkserver")
    if "campaign.warm" not in _PRELOADED:
        _PRELOADED.append("campaign.warm")
        os.environ["PYTHONPATH"] = os.pathsep.join([str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])])
        context.set_forkserver_preload(_PRELOADED)
    process = context.Process(target=_child, args=(str(folder), words, kill_at, largest_file), daemon=False)
    process.start()
    return process


_PRELOADED: list[str] = []


def ended(process: Any, folder: Path, *, seconds: float = 120) -> Ended:
    """Wait for the end of a command."""
    process.join(seconds)
    if process.is_alive():
        process.kill()
        process.join()
        raise AssertionError(f"a command still runs after {seconds} seconds: {(folder / 'said.txt').read_text()[-500:]}")
    steps = folder / "steps.txt"
    return Ended(process.exitcode, (folder / "said.txt").read_text(errors="replace"), int(steps.read_text()) if steps.exists() else 0)


def call(folder: Path, words: list[str], **options: Any) -> Ended:
    """Run a command to its end."""
    return ended(start(folder, words, **options), folder)


_STEPS = {"os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.link", "os.symlink", "os.truncate", "os.chmod"}


def _child(folder: str, words: list[str], kill_at: int | None, largest_file: int | None) -> None:
    import resource

    os.chdir(folder)
    os.environ |= {"XDG_CACHE_HOME": f"{folder}/cache", "HOME": folder, "TMPDIR": f"{folder}/tmp", "COLUMNS": "200"}
    import tempfile

    tempfile.tempdir = None
    with contextlib.suppress(FileNotFoundError):
        os.remove("steps.txt")
    output = os.open("said.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for stream in (1, 2):
        os.dup2(output, stream)
    sys.stdout, sys.stderr = (os.fdopen(os.dup(k), "w") for k in (1, 2))
    if largest_file is not None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # as a full disk: the write fails, and the program goes on
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file))
    count, work = 0, (f"{folder}/work", f"{folder}/cache", f"{folder}/tmp")

    def step(event: str, args: tuple[Any, ...]) -> None:
        nonlocal count
        if event == "open":
            writes = isinstance(args[2], int) and args[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        else:
            writes = event in _STEPS
        if writes and str(args[0]).startswith(work):
            count += 1
            if count == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(step)
    from hetero_xmodal.cli.main import run

    code = run(words)
    steps = count
    sys.stdout.flush(), sys.stderr.flush()
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY if largest_file is None else largest_file,) * 2)
    Path("steps.txt").write_text(str(steps))
    os._exit(code)


# ---------------------------------------------------------------------------------------------- comparing


def tree(path: Path, varies: tuple[str, ...] = ()) -> dict[str, str]:
    """Name of every file below *path* -> SHA-256 of it, an empty text for a file that varies, "folder" for a folder."""
    if path.is_file():
        return {path.name: hashlib.sha256(path.read_bytes()).hexdigest()}
    found = {}
    for file in sorted(path.rglob("*")):
        name = str(file.relative_to(path))
        if file.is_dir():
            found[name] = "folder"
        else:
            found[name] = "" if any(fnmatch.fnmatch(name, p) for p in varies) else hashlib.sha256(file.read_bytes()).hexdigest()
    return found


def differences(found: dict[str, str], wanted: dict[str, str]) -> str:
    """What is missing from *found*, is too much in it, or differs."""
    parts = {
        "missing": sorted(wanted.keys() - found.keys()), "stray": sorted(found.keys() - wanted.keys()),
        "differs": sorted(name for name in wanted.keys() & found.keys() if wanted[name] != found[name]),
    }  # fmt: skip
    return json.dumps({what: names for what, names in parts.items() if names}) if any(parts.values()) else ""
