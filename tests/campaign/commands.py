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
import time
from collections.abc import Callable
from dataclasses import dataclass
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
    varies : patterns of files in the result that may differ from run to run, because they hold times; ``""`` is the result itself
    often : how often it is killed, compared with others; less where it takes long
    replaces : whether it may be typed again for the same result, which is then replaced
    slow : takes so long that only --slow tries it
    part : whether work in progress may be left beside the result, which the same words continue
    """

    name: str
    words: str
    inputs: tuple[str, ...] = ()
    again: str = ""
    out: str = "result"
    varies: tuple[str, ...] = ()
    often: float = 1.0
    replaces: bool = True
    slow: bool = False
    part: bool = False

    @property
    def varying(self) -> tuple[str, ...]:
        """The patterns of ``varies`` as seen from the folder of the result."""
        return tuple(f"{self.out}/{name}" if name else self.out for name in self.varies)

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


def _runs(folder: Path) -> None:
    import hetero_xmodal as hx

    _features(folder)
    for seed, name in enumerate(("one", "two")):
        settings = {"width": 16, "hops": 1, "batch_size": 20, "averaging": 0}
        hx.train("dagnn", f"features:{folder / 'features.npz'}", out=folder / name, epochs=1, seed=seed, set=settings, progress=False)


def _birds(folder: Path) -> None:
    from tiny_data import cub

    cub(folder / "cub")
    for path in (folder / "cub" / "text").rglob("*.txt"):
        path.write_text("a bird with black wings and a red crown\n")
    from hetero_xmodal.training.parts import new_head

    new_head("cub:somewhere").save_pretrained(folder / "parts")


def _baselines(folder: Path) -> None:
    """A baseline of editing that has learnt nothing; ``table`` reads it as it reads a trained one."""
    from hetero_xmodal.baselines.editing import TAGAN, save_baseline

    save_baseline(TAGAN(["red"], image_size=32, width=8), folder / "baselines" / "tagan", trained={})


INPUTS: dict[str, Callable[[Path], None]] = {
    "baselines": _baselines,
    "birds": _birds,
    "features": _features,
    "pictures": _pictures,
    "corpus": _corpus,
    "runs": _runs,
}

_RUN = ("log.txt", "*/log.txt", "*.ckpt", "environment.json", "*/environment.json")
_SMALL = "--set width=16 --set hops=1 --set batch_size=20 --set averaging=0"
_SMALL_ALGR = "--set width=16 --set in_width=16 --set phase1_epochs=1 --set batch_size=5"
_SMALL_TRAIL = "--set width=16 --set hidden=8 --set batch_size=5"

COMMANDS: tuple[Command, ...] = (
    Command("data build", "data build world/scenes --split test --size 6 --image-size 64 --out OUT", replaces=False, part=True),
    Command("corpus", "corpus world/scenes --scenes true --limit 8 --sentences-per-image 2 --out OUT", part=True),
    Command("analyze", "analyze IN/corpus --out OUT", inputs=("corpus",), slow=True),
    Command("export", "export IN/corpus --to parquet --out OUT", inputs=("corpus",), slow=True),
    *(
        Command(f"export {name}", f"export IN/corpus --to {name} --out OUT", inputs=("corpus",), slow=True)
        for name in ("coco", "visual-genome", "pyg", "graphml", "gexf", "neo4j-csv", "croissant")
    ),
    # DGL's files have other bytes at every writing; tests of the export compare the graphs in them
    Command("export dgl", "export IN/corpus --to dgl --out OUT", inputs=("corpus",), varies=("*.bin", "manifest.json"), slow=True),
    Command("export duckdb", "export IN/corpus --to duckdb --out OUT", inputs=("corpus",), out="result.duckdb", varies=("",),
            slow=True),
    Command("query", "query IN/corpus SELECT+*+FROM+word --out OUT", inputs=("corpus",), out="result.csv", slow=True),
    Command("show", "show IN/corpus split:train --graphs 1 --out OUT", inputs=("corpus",), out="result.html", slow=True),
    Command("clean", "clean IN/corpus --drop doubles --out OUT", inputs=("corpus",), slow=True),
    Command("explore", "explore IN/corpus --out OUT", inputs=("corpus",), slow=True),
    Command("graph", "graph IN/scenes.png a+dog+on+a+table --image-scene IN/scenes.json --out OUT", inputs=("pictures",), slow=True),
    Command("index", "index --data world/scenes --split test --size 6 --out OUT"),
    Command("retrieve", "retrieve a+dog+near+a+tree --size 8 --out OUT", out="page.html", slow=True),
    Command("manipulate", "manipulate IN/birds.png This+bird+has+red+wings. --out OUT", inputs=("pictures",), slow=True),
    Command("manipulate recolour", "manipulate IN/scenes.png the+car+is+blue --recipe recolour --image-scene IN/scenes.json --out OUT",
            inputs=("pictures",), slow=True),
    Command("train parts", "train parts --data cub:IN/cub --size 4 --epochs 2 --out OUT", inputs=("birds",), slow=True),
    Command("data build parts", "data build cub:IN/cub --split all --parts IN/parts --out OUT", inputs=("birds",), replaces=False,
            part=True, slow=True),
    Command("table cam", "table cam --data world/birds --pairs 4 --scenes true --out OUT", out="table.csv", varies=("",), often=0.5,
            slow=True),
    *(
        Command(f"table {recipe} figure", f"table {recipe} --data world/birds --pairs 2 --baselines IN/baselines --figure OUT",
                inputs=("baselines",), out="figure.png", often=0.3, slow=True)
        for recipe in ("cam", "mimnet")
    ),
    Command("trace", "trace IN/scenes.png a+dog+on+a+table --recipe algr --out OUT", inputs=("pictures",), slow=True),
    Command("demo", "demo --pairs 8 --out OUT", often=0.5, slow=True),
    Command("compare", "compare IN/one IN/two --data features:IN/features.npz --out OUT", inputs=("runs",), out="compared.csv", slow=True),
    Command("table dagnn", f"table dagnn --data features:IN/features.npz --row CCA --row DAGNN --epochs 2 {_SMALL} --out OUT",
            inputs=("features",), out="table.csv", slow=True),
    Command("train dagnn", f"train dagnn --data features:IN/features.npz --epochs 3 {_SMALL} --out OUT", inputs=("features",),
            again="--resume", varies=_RUN, often=4, replaces=False),
    Command("train algr", f"train algr --data world/scenes --texts trained:1 --epochs 2 --size 10,5,5 {_SMALL_ALGR} --out OUT",
            again="--resume", varies=_RUN, often=0.7, replaces=False, slow=True),
    Command("train trail", f"train trail --data world/scenes --epochs 2 --size 10,5,5 {_SMALL_TRAIL} --out OUT",
            again="--resume", varies=_RUN, often=0.5, replaces=False, slow=True),
    Command("table compositional", "table compositional --data world/scenes --row TRAIL --seeds 1 --epochs 1 --size 8,4,4 --texts "
            f"trained:1 {_SMALL_TRAIL} --out OUT", out="table.csv", often=0.3, slow=True),
    Command("train similarity", "train similarity --data world/birds --size 6 --epochs 2 --out OUT", again="--resume", varies=_RUN,
            often=0.3, replaces=False, slow=True),
    Command("train cam", "train cam --data world/birds --size 3 --epochs 2 --start birds --set batch_size=2 --out OUT", again="--resume",
            varies=_RUN, often=0.3, replaces=False, slow=True),
    Command("train mimnet", "train mimnet --data world/birds --size 3 --epochs 2 --start birds --set batch_size=2 --out OUT",
            again="--resume", varies=_RUN, often=0.3, replaces=False, slow=True),
    Command("train relations", "train relations --data world/scenes --size 8 --out OUT", out="prior.json", often=0.5),
    Command("train detector", "train detector --steps 2 --size 4 --batch-size 2 --out OUT", again="--resume",
            varies=("log.jsonl", "*.pt", "*.json"), often=0.3, replaces=False, slow=True),
)  # fmt: skip


# ---------------------------------------------------------------------------------------------- running


@dataclass
class Running:
    """A command that runs, and the end of the pipe that it prints to."""

    process: Any
    printed: Any
    folder: Path
    began: float

    def ended(self, seconds: float = 240) -> Ended:
        """Wait for its end."""
        self.process.join(seconds)
        late = self.process.is_alive()
        if late:
            self.process.kill()
            self.process.join()
        took = time.monotonic() - self.began
        said = b""
        while self.printed.poll():
            part = os.read(self.printed.fileno(), 65536)
            if not part:
                break
            said += part
        self.printed.close()
        assert not late, f"a command still runs after {seconds} seconds: {said.decode(errors='replace')[-500:]}"
        steps = self.folder / "steps.txt"
        return Ended(self.process.exitcode, said.decode(errors="replace"), int(steps.read_text()) if steps.exists() else 0, took)


@dataclass
class Ended:
    """How a command ended: exit code (-9 if killed), what it printed, how many steps on the disk it took, and how long."""

    code: int
    said: str
    steps: int
    seconds: float

    def fault(self, *codes: int) -> str:
        """What is wrong with this end if it may have the exit codes *codes*, or an empty text."""
        complaints = [line for line in self.said.splitlines() if line.startswith("hetero-xmodal: ")]
        if "Traceback" in self.said or "a fault in this package" in self.said:
            return f"exit code {self.code}: {self.said[-400:]!r}"
        if self.code not in codes or (self.code == 2) != (len(complaints) == 1):
            return f"exit code {self.code}, expected {' or '.join(map(str, codes))}: {self.said[-400:]!r}"
        return ""


def start(folder: Path, words: list[str], *, kill_at: int | None = None, largest_file: int | None = None) -> Running:
    """Start a command below *folder*; it kills itself before the *kill_at*-th step on the disk, if that is given."""
    context = multiprocessing.get_context("forkserver")
    os.environ["PYTHONPATH"] = os.pathsep.join(dict.fromkeys([str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])]))
    context.set_forkserver_preload(["campaign.warm"])
    printed, printing = context.Pipe(duplex=False)
    process = context.Process(target=_child, args=(str(folder), words, kill_at, largest_file, printing))
    began = time.monotonic()
    process.start()
    printing.close()
    return Running(process, printed, folder, began)


def call(folder: Path, words: list[str], **options: Any) -> Ended:
    """Run a command to its end."""
    return start(folder, words, **options).ended()


_STEPS = {"os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.link", "os.symlink", "os.truncate", "os.chmod"}


def _child(folder: str, words: list[str], kill_at: int | None, largest_file: int | None, printing: Any) -> None:
    import resource

    os.chdir(folder)
    os.environ |= {"XDG_CACHE_HOME": f"{folder}/cache", "HOME": folder, "TMPDIR": f"{folder}/tmp", "COLUMNS": "200"}
    import tempfile

    tempfile.tempdir = None
    with contextlib.suppress(FileNotFoundError):
        os.remove("steps.txt")
    for stream in (1, 2):
        os.dup2(printing.fileno(), stream)
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
    sys.stdout.flush()
    sys.stderr.flush()
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
