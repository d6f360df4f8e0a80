"""The command ``manipulate``: a picture and a sentence edit each other. ``cli.py`` adds it to ``hetero-xmodal``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer()

_EXAMPLES = (
    'hetero-xmodal manipulate bird.png "This bird has red wings." --out edited',
    'hetero-xmodal manipulate bird.png "The belly is striped." --out edited --model runs/birds',
    'hetero-xmodal manipulate photo.jpg "a bird with a white head" --out edited --model runs/cub --detector boxes.json',
)


@app.command(epilog="[bold]Examples[/bold]\n\n" + "\n\n".join(f"[dim]$[/dim] {line}" for line in _EXAMPLES))
def manipulate(
    image: Annotated[Path, typer.Argument(help="A picture of any size.")],
    sentence: Annotated[str, typer.Argument(help="English sentence, in quotes, that says how the picture should look.")],
    out: Annotated[Path, typer.Option(help="Folder for the edited picture and sentence, the masks, the graph and two figures.")],
    model: Annotated[str, typer.Option(help="birds or scenes (shipped), or a model or run folder.")] = "birds",
    detector: Annotated[
        str, typer.Option(help="'world' (shipped), 'grid' or 'grid:N', a detections or COCO .json, or a detectron2 config or zoo name.")
    ] = "world",
    image_scene: Annotated[Path | None, typer.Option(help="JSON of a scene graph of the picture, in place of a detector.")] = None,
    language: Annotated[str | None, typer.Option(help="spaCy model that reads the sentence.")] = None,
    beam: Annotated[int, typer.Option(help="Sentences the writer keeps in mind.")] = 3,
) -> None:
    """Edit a picture by a sentence and the sentence by the picture, both at once."""
    from .files import result_folder
    from .images import read_picture
    from .manipulation import FILES
    from .manipulation import manipulate as edit
    from .scenes import SceneGraph

    read_picture(image)  # everything that can be refused is refused before any work starts
    with result_folder(out, holds=FILES) as folder:
        scene = None if image_scene is None else SceneGraph.load(image_scene)
        result = edit(image, sentence, model=model, detector=detector, image_scene=scene, language=language, beam=beam)
        result.write(folder)
    typer.echo(f"given:  {result.given}")
    typer.echo(f"edited: {result.sentence}")
    for note in result.notes:
        typer.echo(f"note:   {note}")
    typer.echo(f"wrote {out}: {', '.join(FILES)}")
