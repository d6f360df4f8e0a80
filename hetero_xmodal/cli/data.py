"""``hetero-xmodal data``: list, build, verify and describe data sets."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from . import options as o
from .options import examples, note, plain_text, say

app = typer.Typer(
    no_args_is_help=True,
    help="Data sets: list them, show the card of one, build a folder of files from one, verify a folder.",
    epilog=examples("hetero-xmodal data list", "hetero-xmodal data build world/scenes --split train --size 500 --out my_scenes"),
)

Name = Annotated[str, typer.Argument(help="Name of a data set; see: hetero-xmodal data list.")]


@app.command("list", epilog=examples("hetero-xmodal data list"))
def data_list() -> None:
    """List the data sets that this package reads, and the tasks that each can be used for."""
    from ..data.registry import list_datasets

    say(list_datasets())


@app.command("card", epilog=examples("hetero-xmodal data card world", "hetero-xmodal data card mirflickr --croissant"))
def data_card(
    name: Name,
    croissant: Annotated[bool, typer.Option("--croissant", help="As Croissant JSON-LD; of published sets only.")] = False,
    out: Annotated[Path | None, typer.Option(help="Write README.md and, of a published set, croissant.json into this folder.")] = None,
) -> None:
    """Show the card of a data set: licence, source, layout, statistics.\f

    Raises
    ------
    InputError : an unknown name, or a Croissant card of a mere layout of files.
    """
    import json

    from ..data.registry import dataset_card, dataset_croissant
    from ..errors import InputError
    from ..files import check_writable, write_json, write_text

    made = dataset_croissant(name)
    if croissant and made is None:
        raise InputError(f"{name} is a layout of files, not a published set, and has no Croissant card; leave --croissant out")
    if out is not None and out.is_file():
        raise InputError(f"--out is '{out}', which is a file; give a folder")
    if out is None:
        say(json.dumps(made, ensure_ascii=False, indent=1) if croissant else plain_text(dataset_card(name)))
        return
    check_writable(out / "README.md" if out.is_dir() else out)
    out.mkdir(parents=True, exist_ok=True)
    write_text(out / "README.md", dataset_card(name))
    if made is not None:
        write_json(out / "croissant.json", made)
    say(f"wrote {out / 'README.md'}" + ("" if made is None else f" and {out / 'croissant.json'}"))


@app.command(
    "build",
    epilog=examples(
        "hetero-xmodal data build world/scenes --split train --size 500 --out my_scenes",
        "hetero-xmodal data build world/birds --seed 7 --image-size 256 --out my_birds",
        "hetero-xmodal data build cub:FOLDER --split all --parts runs/parts --image-size 256 --out birds_with_parts",
    ),
)
def data_build(
    name: Name,
    out: Annotated[Path, typer.Option(help="New folder for the data set; an interrupted call is continued by the same call.")],
    split: Annotated[str | None, typer.Option(help="train, val, test or all; left out: the only one of a folder, otherwise train.")] = None,
    size: Annotated[int | None, typer.Option(help="Number of items; all if left out.")] = None,
    seed: o.WorldSeed = None,
    parts: Annotated[
        Path | None, typer.Option(help="Model of 'train parts'; the bird parts that it finds are added to the scene graphs.")
    ] = None,
    image_size: Annotated[
        int | None,
        typer.Option(help="Side in pixels of a generated world's images, 128 if left out; of CUB, the square around each bird is cut out."),
    ] = None,
) -> None:
    """Write a data set's images, sentences and scene graphs into a folder."""
    from ..data import build_dataset

    if parts is not None:
        from ..files import existing_folder

        existing_folder(parts, "part head")  # before torch is imported
        from ..evaluation.results import weights_digest
        from ..pretrained import find_model
        from ..training.part_scenes import PartScenes

        model, finder = weights_digest(find_model(parts, recipe="parts")[0]), PartScenes(parts)
        say(build_dataset(name, out, split=split, size=size, seed=seed, image_size=image_size, scene_of=finder, scenes=model))
        if finder.birds:
            say(f"found {finder.parts:,} part{'s' * (finder.parts != 1)} of {finder.birds:,} bird{'s' * (finder.birds != 1)}")
        else:
            note("note: no object of these data is called 'bird', so no parts were added")
        return
    say(build_dataset(name, out, split=split, size=size, seed=seed, image_size=image_size))


@app.command(
    "verify",
    epilog=examples(
        "hetero-xmodal data verify my_scenes",
        "hetero-xmodal data verify world/birds",
        "hetero-xmodal data verify oxford-102:flowers --part",
    ),
)
def data_verify(
    name: Annotated[
        str,
        typer.Argument(help="Folder of a data set, or KIND:FOLDER (every file is checked), or a generated world (its first items are)."),
    ],
    part: Annotated[bool, typer.Option("--part", help="The folder holds a part of a published set; its numbers are not compared.")] = False,
) -> None:
    """Check a data set: checksums, images, captions, numbers against the card, missing files, strays. Exit code 2 if something is wrong.\f

    Raises
    ------
    InputError : the report lists a problem, or what :func:`~hetero_xmodal.data.verify_dataset` refuses.
    """
    from ..data import verify_dataset
    from ..errors import InputError

    report = verify_dataset(name, part=part)
    say(report)
    if not report.ok:
        more = f" (and {len(report.problems) - 1} more)" if len(report.problems) > 1 else ""
        raise InputError(f"{name} is not as it should be: {report.problems[0]}{more}")


@app.command("get", epilog=examples("hetero-xmodal data get oxford-102 --out flowers"))
def data_get(
    name: Name,
    out: Annotated[Path, typer.Option(help="Folder; an interrupted download is continued by the same call.")],
    unpack: Annotated[bool, typer.Option(help="Unpack archives.")] = True,
) -> None:
    """Fetch a published data set from its official address, where its terms allow that: with checksums, never outside the folder."""
    from ..data.get import get_dataset

    say(get_dataset(name, out, unpack=unpack))
