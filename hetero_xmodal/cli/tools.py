"""``hetero-xmodal doctor``, ``demo`` and ``verify``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .options import examples, say

app = typer.Typer()


@app.command(epilog=examples("hetero-xmodal doctor"))
def doctor() -> None:
    """Show which packages are installed, what is missing, and the command that installs it."""
    from ..environment import doctor as look
    from ..errors import MissingPackageError

    report = look()
    say(report)
    if not report.ok:
        raise MissingPackageError(report.summary())


@app.command(epilog=examples("hetero-xmodal demo", "hetero-xmodal demo --out my_demo --pairs 60 --seed 1"))
def demo(
    out: Annotated[Path, typer.Option(help="Folder for the page and its images.")] = Path("demo"),
    pairs: Annotated[int, typer.Option(help="Number of image-sentence pairs in the small corpus.")] = 200,
    seed: Annotated[int, typer.Option(help="Seed of the generated world; another seed is another world.")] = 0,
) -> None:
    """Build a small world, parse it, turn it into heterographs, and write one page of images to look at."""
    from .demo import run_demo

    say(f"Look at the page: {run_demo(out, pairs=pairs, seed=seed, tell=say)}")


@app.command(
    epilog=examples("hetero-xmodal verify runs/world", "hetero-xmodal verify corpus", "hetero-xmodal verify photos_index"),
)
def verify(
    path: Annotated[
        Path, typer.Argument(help="Folder of a model, a run, a corpus, an index, a graph, a data set or a result; or a file of features.")
    ],
) -> None:
    """Say what a folder is, whether it is whole and readable, and whether every file is the one that was written (SHA-256)."""
    from ..evaluation.verify import verify as check

    say(check(path))
