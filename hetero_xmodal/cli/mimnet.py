"""``train mimnet``, ``train similarity`` (the model behind the scores Sim and MP) and ``manipulate --recipe mimnet``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..configs import config_with
from .manipulate import both_settings
from .train import Settings, examples, train_app

Out = Annotated[Path, typer.Option(help="Run folder: config, metrics, log, checkpoints and the model.")]
Size = Annotated[int | None, typer.Option(help="Images to learn from.")]
Seed = Annotated[int, typer.Option(help="Seed of weights, order and exercises.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with the run in --out.")]


@train_app.command(
    "mimnet",
    epilog=examples(
        "hetero-xmodal train mimnet --data world/birds --out runs/birds",
        "hetero-xmodal train mimnet --data world/birds --out runs/birds --resume",
        "hetero-xmodal train mimnet --data world/birds --out runs/no_memory --set memory=false",
        "hetero-xmodal train mimnet --data world/birds --out runs/on --start birds --epochs 2",
        "hetero-xmodal train mimnet --data cub:FOLDER --out runs/cub --epochs 20 --set plain=1",
    ),
)
def train_mimnet(
    data: Annotated[str, typer.Option(help="world/birds, world/scenes, cub:FOLDER (also captioned flowers in that layout).")],
    out: Out,
    set: Settings = [],  # noqa: B006
    size: Size = None,
    epochs: Annotated[
        int | None,
        typer.Option(
            help="Epochs; what suits the data if left out. With fewer, painting and all that comes later begin earlier in proportion."
        ),
    ] = None,
    seed: Seed = 0,
    start: Annotated[
        Path | None, typer.Option(help="Model or run folder, 'birds' or 'scenes', whose weights it begins with; it paints at once.")
    ] = None,
    resume: Resume = False,
    devices: Annotated[int, typer.Option(help="Number of processes.")] = 1,
) -> None:
    """Learn a memory of textures, and to edit images with it by sentences."""
    from ..editing.mimnet import SHIPPED
    from ..recipes.mimnet import MIMNet
    from ..training.editing.setup import model_in
    from ..training.loop import FitConfig
    from ..training.mimnet import train_mimnet as fit_mimnet
    from ..training.mimnet_settings import default_settings

    start = SHIPPED.get(str(start), start)
    model, training, epochs = default_settings(data, epochs=epochs, begun=start is not None)
    model, training = both_settings(model if start is None else model_in(MIMNet, start).config, training, list(set))
    fit_config = FitConfig(epochs=epochs, seed=seed, devices=devices)
    _, result = fit_mimnet(data, out=out, config=model, training=training, fit_config=fit_config, size=size, start=start, resume=resume)
    typer.echo(f"kept:       epoch {result.best_epoch + 1} of {result.epochs}, validation score {result.best_score:.4f}")
    typer.echo(f'wrote {out / "model"}; try it with: hetero-xmodal manipulate IMAGE "a sentence" --recipe mimnet --model {out} --out DIR')


@train_app.command(
    "similarity",
    epilog=examples(
        "hetero-xmodal train similarity --data world/birds --out runs/similarity",
        "hetero-xmodal train similarity --data cub:FOLDER --out runs/similarity --epochs 60",
    ),
)
def train_similarity(
    data: Annotated[str, typer.Option(help="world/birds, world/scenes or cub:FOLDER; its training split is used.")],
    out: Out,
    set: Settings = [],  # noqa: B006
    size: Size = None,
    epochs: Annotated[int, typer.Option(help="Epochs.")] = 20,
    seed: Seed = 0,
    resume: Resume = False,
) -> None:
    """Learn how well an image and a sentence fit each other; the scores Sim and MP of edited images need it."""
    from ..networks.similarity import SimilarityConfig
    from ..training.editing.setup import check_run
    from ..training.loop import FitConfig
    from ..training.similarity import train_similarity as fit_similarity

    usual = SimilarityConfig(encoder="small" if data.startswith("world/") else "efficientnet-lite0")
    check_run(out, size=size, resume=resume)
    _, result = fit_similarity(
        data, out=out, config=config_with(usual, list(set)), fit_config=FitConfig(epochs=epochs, seed=seed), size=size, resume=resume
    )
    typer.echo(f"kept:       epoch {result.best_epoch + 1} of {result.epochs}; on validation the right sentence scores above")
    typer.echo(f"            a wrong one in {result.best_score:.1%} of cases (chance is 50%)")
    typer.echo(f"wrote {out / 'model'}")


def manipulate_by_memory(image: Path, sentence: str, out: Path, model: str, language: str | None) -> None:
    """The command ``manipulate --recipe mimnet``."""
    from ..editing.mimnet import FILES
    from ..editing.mimnet import manipulate_by_memory as edit
    from ..files import result_folder

    with result_folder(out, holds=FILES) as folder:
        result = edit(image, sentence, model=model, language=language)
        result.write(folder)
    for word, used in result.memories().items():
        typer.echo(f"{word:14} recalls " + ", ".join(f"memory {k} ({share:.2f})" for k, share in used))
    for note in result.notes:
        typer.echo(f"note: {note}")
    typer.echo(f"wrote {out}: {', '.join(FILES)}")
