"""The commands for manipulation: ``manipulate``, in which an image and a sentence edit each other, and ``train cam``."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any

import typer

from ..configs import config_with
from ..errors import InputError, nearest
from .train import Settings, examples, train_app

app = typer.Typer()

DATA = "world/birds, world/scenes, cub:FOLDER or vg:FOLDER."
_EXAMPLES = (
    'hetero-xmodal manipulate bird.png "This bird has red wings." --out edited',
    'hetero-xmodal manipulate bird.png "The belly is striped." --out edited --model runs/birds',
    'hetero-xmodal manipulate scene.png "a cat instead of the dog" --out edited --model scenes',
    'hetero-xmodal manipulate bird.png "This bird has red wings." --out edited --recipe mimnet',
    'hetero-xmodal manipulate scene.png "The box is green instead of purple." --out edited --recipe mimnet --model scenes',
    'hetero-xmodal manipulate photo.jpg "a bird with a white head" --out edited --model runs/cub --detector boxes.json',
)


@app.command(epilog=examples(*_EXAMPLES))
def manipulate(
    image: Annotated[Path, typer.Argument(help="An image of any size.")],
    sentence: Annotated[str, typer.Argument(help="English sentence, in quotes, that says how the image should look.")],
    out: Annotated[Path, typer.Option(help="Folder for the edited image and sentence, the masks, the graph and two figures.")],
    model: Annotated[str, typer.Option(help="birds or scenes (shipped), or a model or run folder.")] = "birds",
    recipe: Annotated[str | None, typer.Option(help="cam or mimnet; left out: what the model is, cam for a shipped one.")] = None,
    detector: Annotated[
        str, typer.Option(help="'world' (shipped), 'grid' or 'grid:N', a detections or COCO .json, or a detectron2 config or zoo name.")
    ] = "world",
    image_scene: Annotated[Path | None, typer.Option(help="JSON of a scene graph of the image, in place of a detector.")] = None,
    language: Annotated[str | None, typer.Option(help="spaCy model that reads the sentence.")] = None,
    beam: Annotated[int, typer.Option(help="Sentences the text decoder keeps in mind.")] = 3,
) -> None:
    """Edit an image by a sentence and the sentence by the image, both at once."""
    from ..editing.pipeline import FILES, recipe_of
    from ..editing.pipeline import manipulate as edit
    from ..files import result_folder
    from ..images import read_image
    from ..scenes import SceneGraph

    read_image(image)  # everything that can be refused is refused before any work starts
    if recipe_of(model, recipe) == "mimnet":
        from .mimnet import manipulate_by_memory

        return manipulate_by_memory(image, sentence, out, model, language)
    with result_folder(out, holds=FILES) as folder:
        scene = None if image_scene is None else SceneGraph.load(image_scene)
        result = edit(image, sentence, model=model, recipe=recipe, detector=detector, image_scene=scene, language=language, beam=beam)
        result.write(folder)
    typer.echo(f"given:  {result.given}")
    typer.echo(f"edited: {result.sentence}")
    for note in result.notes:
        typer.echo(f"note:   {note}")
    typer.echo(f"wrote {out}: {', '.join(FILES)}")


@train_app.command(
    "cam",
    epilog=examples(
        "hetero-xmodal train cam --data world/birds --out runs/birds",
        "hetero-xmodal train cam --data world/birds --out runs/birds --resume",
        "hetero-xmodal train cam --data world/birds --out runs/more --start runs/birds --set painting=0 --epochs 2",
        "hetero-xmodal train cam --data world/scenes --out runs/scenes --start birds --set painting=0 --set hiding=1 --epochs 2",
        "hetero-xmodal train cam --data world/birds --out runs/no_hrl --set bridges=false --set batch_size=16",
        "hetero-xmodal train cam --data cub:FOLDER --out runs/cub --image-size 128 --epochs 20",
    ),
)
def train_cam(
    data: Annotated[str, typer.Option(help=DATA)],
    out: Annotated[Path, typer.Option(help="Run folder: config, metrics, log, checkpoints, images of every epoch, and the model.")],
    set: Settings = [],  # noqa: B006
    size: Annotated[int | None, typer.Option(help="Images to learn from.")] = None,
    image_size: Annotated[int | None, typer.Option(help="Side of the images in pixels, a multiple of 32.")] = None,
    epochs: Annotated[int | None, typer.Option(help="Epochs; what suits the data if left out.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of weights, order and exercises.")] = 0,
    start: Annotated[Path | None, typer.Option(help="Model or run folder, or 'birds', to begin with; see --set painting=0.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in --out.")] = False,
    devices: Annotated[int, typer.Option(help="Number of processes.")] = 1,
) -> None:
    """Learn to edit images and sentences by each other. No edited image is needed, nor looked at when the best epoch is chosen."""
    from ..editing.pipeline import SHIPPED
    from ..training.cam import train_cam as fit_cam
    from ..training.cam_settings import default_settings
    from ..training.loop import FitConfig

    model, training, usual_epochs = default_settings(data)
    assignments = list(set) + ([] if image_size is None else [f"image_size={image_size}"])
    model, training = both_settings(model, training, assignments)
    fit_config = FitConfig(epochs=usual_epochs if epochs is None else epochs, seed=seed, devices=devices)
    start = SHIPPED.get(str(start), start)
    _, result = fit_cam(data, out=out, config=model, training=training, fit_config=fit_config, size=size, start=start, resume=resume)
    typer.echo(f"kept:       epoch {result.best_epoch + 1} of {result.epochs}, validation score {result.best_score:.4f}")
    typer.echo(f'wrote {out / "model"}; try it with: hetero-xmodal manipulate IMAGE "a sentence" --model {out} --out DIR')


def both_settings(model: Any, training: Any, assignments: list[str]) -> tuple[Any, Any]:
    """Two configs with ``key=value`` texts applied, each to the config that has the key.

    >>> from hetero_xmodal.recipes.cam import CAMConfig
    >>> from hetero_xmodal.training.cam_settings import CAMTraining
    >>> model, training = both_settings(CAMConfig(), CAMTraining(), ["width=32", "batch_size=8"])
    >>> model.width, training.batch_size
    (32, 8)
    """
    names = {key.name for key in fields(training)}
    known = {key.name for key in fields(model)} | names
    mine: dict[bool, list[str]] = {True: [], False: []}
    for text in assignments:
        key = text.partition("=")[0].strip()
        if "=" in text and key not in known:
            raise InputError(f"there is no setting {key!r}{nearest(key, sorted(known))}; known are {', '.join(sorted(known))}")
        mine[key in names].append(text)
    return config_with(model, mine[False]), config_with(training, mine[True])
