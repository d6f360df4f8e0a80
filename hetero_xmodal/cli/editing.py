"""``hetero-xmodal manipulate``, in which an image and a sentence edit each other, and ``trace``, which shows attention weights."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from . import options as o
from .options import examples, existing_image, say

app = typer.Typer()

_MODEL = "birds or scenes (shipped), a model or run folder, or a folder of train parts."


@app.command(
    epilog=examples(
        'hetero-xmodal manipulate bird.png "This bird has red wings." --out edited',
        'hetero-xmodal manipulate bird.png "The belly is striped." --out edited --model runs/birds',
        'hetero-xmodal manipulate scene.png "a cat instead of the dog" --out edited --model scenes',
        'hetero-xmodal manipulate bird.png "This bird has red wings." --out edited --recipe mimnet',
        'hetero-xmodal manipulate scene.png "The box is green instead of purple." --out edited --recipe mimnet --model scenes',
        'hetero-xmodal manipulate photo.jpg "the car is red" --recipe recolour --detector nanodet --out edited',
        'hetero-xmodal manipulate photo.jpg "the bird has red wings" --model runs/parts --detector nanodet --out edited',
        'hetero-xmodal manipulate photo.jpg "a bird with a white head" --out edited --model runs/cub --detector boxes.json',
    )
)
def manipulate(
    image: Annotated[Path, typer.Argument(help="An image of any size.")],
    sentence: Annotated[str, typer.Argument(help="Instruction, in quotes: an English sentence that says how the image should look.")],
    out: Annotated[Path, typer.Option(help="Folder for the edited image and sentence, the masks, the graph and two figures.")],
    model: Annotated[str, typer.Option(help=_MODEL)] = "birds",
    recipe: Annotated[str | None, typer.Option(help="cam, mimnet or recolour; if left out, that of the model, else cam.")] = None,
    detector: Annotated[str | None, typer.Option(help=f"{o.DETECTOR} If left out, world, and auto for recolour.")] = None,
    image_scene: Annotated[Path | None, typer.Option(help="Scene graph JSON of the image, in place of a detector.")] = None,
    language: o.Language = None,
    beam: Annotated[int | None, typer.Option(help="Beam width of CAM's text decoder; 3 if left out.")] = None,
) -> None:
    """Edit an image by a sentence and, with CAM, the sentence by the image."""
    from ..parsers.detectors.registry import beside_data
    from ..scenes import SceneGraph

    existing_image(image)
    detector = beside_data(detector, [image.parent])
    scene = None if image_scene is None else SceneGraph.load(image_scene)
    from ..editing.pipeline import check_request, result_files, result_kind
    from ..editing.pipeline import manipulate as edit
    from ..files import atomic_folder

    check_request(sentence, model=model, recipe=recipe, detector=detector, image_scene=scene, language=language, beam=beam)
    files = result_files(model, recipe)
    with atomic_folder(out, result_kind(model, recipe)) as folder:  # a folder that cannot be written is refused before the work
        result = edit(image, sentence, model=model, recipe=recipe, detector=detector, image_scene=scene, language=language, beam=beam)
        result.write(folder)
    say(*result.report(), f"wrote {out}: {', '.join(files)}")


@app.command(
    epilog=examples(
        'hetero-xmodal trace scene.png "a red ball on a table" --recipe algr --out traced',
        'hetero-xmodal trace scene.png "a red ball on a table" --recipe trail --out traced',
        'hetero-xmodal trace bird.png "This bird has red wings." --recipe cam --out traced',
        'hetero-xmodal trace bird.png "This bird has red wings." --recipe mimnet --model runs/birds --out traced --top 5',
    )
)
def trace(
    image: Annotated[Path, typer.Argument(help="Image file.")],
    sentence: Annotated[str, typer.Argument(help="English sentence, in quotes.")],
    recipe: Annotated[str | None, typer.Option(help="algr, trail, cam or mimnet; if left out, that of the model.")] = None,
    model: Annotated[str | None, typer.Option(help="Model folder, run folder or shipped model; if left out, the shipped one.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for the weights of all edges (weights.csv) and a figure (weights.png).")] = None,
    top: Annotated[int, typer.Option(help="Print so many of the largest weights of every destination node.")] = 3,
    detector: o.EditDetector = None,
    image_scene: Annotated[Path | None, typer.Option(help="Scene graph JSON of the image, in place of a detector.")] = None,
    language: o.Language = None,
) -> None:
    """Show the attention weight of every edge while a trained model reads an image and a sentence."""
    from ..parsers.detectors.registry import beside_data
    from ..scenes import SceneGraph

    existing_image(image)
    detector = beside_data(detector, [image.parent])
    scene = None if image_scene is None else SceneGraph.load(image_scene)
    from ..checks import check_count
    from ..evaluation.trace import EdgeWeights
    from ..evaluation.trace import trace as trace_pair
    from ..files import atomic_folder

    check_count("top", top)
    options = {"recipe": recipe, "model": model, "detector": detector, "image_scene": scene, "language": language}
    if out is None:
        say(trace_pair(image, sentence, **options).summary(top))
        return
    with atomic_folder(out, EdgeWeights.kind) as folder:  # a folder that cannot be used is refused before the work
        result = trace_pair(image, sentence, **options)
        result.write(folder)
    say(result.summary(top), *(f"wrote {out / name}" for name in EdgeWeights.files))
