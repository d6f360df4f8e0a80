"""``hetero-xmodal index`` and ``retrieve``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..counts import counted
from . import options as o
from .options import examples, result_file, say

app = typer.Typer()


@app.command(
    epilog=examples(
        "hetero-xmodal index --model runs/photos --data coco:FOLDER --out photos_index",
        "hetero-xmodal index --model runs/photos --data folder:HOLIDAY --out holiday_index --half --workers 4",
    )
)
def index(
    data: Annotated[str, typer.Option(help="What to embed: world/scenes, coco:FOLDER, folder:FOLDER, or data with given regions.")],
    out: Annotated[Path, typer.Option(help="Folder for the index.")],
    model: Annotated[Path | None, typer.Option(help="Model folder or run folder; the shipped DAGNN of the world if left out.")] = None,
    split: Annotated[str | None, typer.Option(help="Split to embed; test for the world, all for a folder.")] = None,
    size: Annotated[int | None, typer.Option(help="The first so many images.")] = None,
    half: Annotated[bool, typer.Option("--half", help="Half precision: half the size, at hardly any loss.")] = False,
    workers: Annotated[int | None, typer.Option(help="ALGR, TRAIL: processes that make regions and words; the result is the same.")] = None,
    engine: Annotated[str | None, typer.Option(help="processes of this machine (if left out), or dask: a Dask cluster.")] = None,
    scheduler: o.Scheduler = None,
) -> None:
    """Embed images and sentences once and keep them, so that 'retrieve --index' answers at once."""
    from ..retrieval.api import build_index

    made = build_index(
        model, data, out=out, split=split, size=size, half=half, workers=workers, engine=engine, scheduler=scheduler
    )  # fmt: skip
    precision = "half" if half else "single"
    say(
        f"{counted(len(made.images), 'image')} and {counted(len(made.texts), 'sentence')}, width {made.width}, {precision} precision",
        f"wrote {out}",
    )


@app.command(
    epilog=examples(
        'hetero-xmodal retrieve "two birds near a tree" --top 10 --out page.html',
        "hetero-xmodal retrieve --image photo.jpg --model runs/coco/model --data coco:FOLDER",
        'hetero-xmodal retrieve "a dog on a sofa" --model runs/photos --index photos_index --out page.html',
    )
)
def retrieve(
    sentence: Annotated[str | None, typer.Argument(help="English sentence, in quotes, to find images for.")] = None,
    image: Annotated[Path | None, typer.Option(help="Image to find texts for, in place of a sentence.")] = None,
    top: Annotated[int, typer.Option(help="How many answers.")] = 10,
    out: Annotated[Path | None, typer.Option(metavar="FILE.html", help="HTML file that shows the answers with their images.")] = None,
    model: o.Model = None,
    data: Annotated[str | None, typer.Option(help="Where to search: world/scenes (the default), coco:, folder: or photos:FOLDER.")] = None,
    split: Annotated[str | None, typer.Option(help="Split to search in; test for the world, all for a folder.")] = None,
    size: Annotated[int | None, typer.Option(help="Search the first so many images; 500 if left out.")] = None,
    index: Annotated[Path | None, typer.Option(help="Folder made by 'hetero-xmodal index', in place of --data: answers at once.")] = None,
    network: o.SameNetwork = None,
) -> None:
    """Find images for a sentence, or texts for an image, with a DAGNN, an ALGR or a TRAIL.\f

    Raises
    ------
    InputError : neither or both of a sentence and ``--image``, or what :func:`~hetero_xmodal.retrieval.api.retrieve` refuses.
    """
    from ..errors import InputError
    from ..retrieval.api import retrieve as search

    if (sentence is None) == (image is None):
        raise InputError("give either a sentence in quotes or --image FILE")
    result_file(out, ".html", ".htm")
    query = image if sentence is None else sentence
    answers = search(query, model=model, data=data, split=split, size=size, index=index, top=top, network=network)
    say(answers)
    if out is not None:
        say(f"Look at the page: {answers.write_page(out)}")
