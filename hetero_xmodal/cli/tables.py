"""``hetero-xmodal table``: each command is one call of :func:`hetero_xmodal.table`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from . import options as o
from .options import examples, note, say

app = typer.Typer(
    no_args_is_help=True,
    help="Measure a paper's tables on a data set.",
    epilog=examples(
        "hetero-xmodal table dagnn --data world/scenes --only ablations", "hetero-xmodal table cam --data world/birds --pairs 100"
    ),
)


def _table(recipe: str, data: str, *, out: Path | None, **options: Any) -> None:
    from ..evaluation.tables import table

    table(recipe, data, out=out, tell=say, note=note, **options)
    for file in (out, options.get("figure")):
        if file is not None:
            say(f"wrote {file}")


@app.command(
    "dagnn",
    epilog=examples(
        "hetero-xmodal table dagnn --data wikipedia:FOLDER --out wikipedia.csv",
        "hetero-xmodal table dagnn --data world/scenes --only ablations --seeds 5",
        "hetero-xmodal table dagnn --data photos:FOLDER --only dagnn --set beta=0.1 --validation",
        'hetero-xmodal table dagnn --data world/scenes --row CCA --row DAGNN --row "5 layers"',
    ),
)
def table_dagnn(
    data: Annotated[str, typer.Option(help=o.DATA)],
    only: Annotated[str | None, typer.Option(help="One table: methods, ablations, layers, or dagnn (its row alone).")] = None,
    row: o.Rows = None,
    validation: Annotated[bool, typer.Option("--validation", help="Score validation pairs, to choose settings.")] = False,
    seeds: o.Seeds = 3,
    out: o.TableFile = None,
    preset: o.Preset = None,
    set: o.Settings = [],  # noqa: B006
    epochs: o.Epochs = None,
    label_vectors: o.LabelVectors = None,
    network: o.Network = None,
    size: o.WorldPairs = None,
) -> None:
    """Mean average precision of DAGNN, the methods it compares with, its ablations and numbers of layers."""
    _table(
        "dagnn", data, out=out, only=only, rows=row, validation=validation, seeds=seeds, preset=preset, set=set, epochs=epochs,
        label_vectors=label_vectors, network=network, size=size,
    )  # fmt: skip


@app.command(
    "algr",
    epilog=examples(
        "hetero-xmodal table algr --data coco:FOLDER --only methods --out photos.csv",
        "hetero-xmodal table algr --data world/scenes --texts trained --only ablations",
        "hetero-xmodal table algr --data coco:FOLDER --only methods --detector detections_nanodet.json",
        'hetero-xmodal table algr --data coco:FOLDER --row VSE++ --row "SCAN t2i" --validation',
    ),
)
def table_algr(
    data: Annotated[str, typer.Option(help=o.DATA)],
    only: Annotated[str | None, typer.Option(help="One table: methods or ablations.")] = None,
    row: o.Rows = None,
    method: Annotated[list[str] | None, o.former("--row", "--method")] = None,
    validation: Annotated[bool, typer.Option("--validation", help="Score validation images, to choose settings.")] = False,
    seeds: o.Seeds = 3,
    out: o.TableFile = None,
    preset: o.Preset = None,
    set: o.Settings = [],  # noqa: B006
    images: o.Regions = None,
    detector: o.Objects = None,
    texts: o.Words = "minilm",
    size: o.Sizes = None,
    epochs: o.Epochs = None,
    protocol: o.Protocol = "any",
) -> None:
    """Recall of ALGR, the methods it compares with and its ablations, all on the same features."""
    row = o.renamed(row, method, "--row", "--method")
    _table(
        "algr", data, out=out, only=only, rows=row, validation=validation, seeds=seeds, preset=preset, set=set,
        images=images, detector=detector, texts=texts, size=size, epochs=epochs, protocol=protocol,
    )  # fmt: skip


@app.command(
    "compositional",
    epilog=examples(
        "hetero-xmodal table compositional --data world/scenes --out swaps.csv",
        'hetero-xmodal table compositional --data world/scenes --row TRAIL --row "SCAN i2t" --seeds 5',
        "hetero-xmodal table compositional --data world/scenes:counts=0.5 --row TRAIL --validation",
    ),
)
def table_compositional(
    data: Annotated[str, typer.Option(help="world/scenes, perhaps with dials: world/scenes:counts=0.5.")],
    row: o.Rows = None,
    validation: Annotated[bool, typer.Option("--validation", help="Score validation images, to choose settings.")] = False,
    seeds: o.Seeds = 3,
    out: o.TableFile = None,
    preset: o.Preset = None,
    set: o.Settings = [],  # noqa: B006
    images: o.Regions = None,
    texts: o.Words = "minilm",
    size: o.Sizes = None,
    epochs: o.Epochs = None,
) -> None:
    """Swap sets: how often an image scores higher with its caption than with the same caption after one exchange, for every method."""
    _table(
        "compositional", data, out=out, rows=row, validation=validation, seeds=seeds, preset=preset, set=set, images=images, texts=texts,
        size=size, epochs=epochs,
    )  # fmt: skip


Compared = Annotated[
    list[str] | None,
    typer.Option("--model", help="A model of the recipe: shipped name, folder, or NAME=FOLDER; may be given several times."),
]
EditPairs = Annotated[int, typer.Option(help="Number of pairs of image and instruction.")]
PixelSize = Annotated[int, typer.Option(help="Side of the images in pixels.")]
Baselines = Annotated[
    Path | None, typer.Option(help="Folder of trained baselines (TAGAN, ManiGAN, SIMSG), as benchmarks/edit_baselines.py writes it.")
]
Inception = Annotated[Path | None, typer.Option(help="Torchvision's weights of Inception-v3, for IS and FD of photographs.")]
AlexNet = Annotated[Path | None, typer.Option(help="Torchvision's weights of AlexNet, for LPIPS of photographs.")]
FigureFile = Annotated[Path | None, typer.Option(help="Also draw the first pairs, one column a method: a .png, .pdf or .svg file.")]
Split = Annotated[str, typer.Option(help="train, val or test.")]


@app.command(
    "cam",
    epilog=examples(
        "hetero-xmodal table cam --data world/birds --pairs 100",
        "hetero-xmodal table cam --data cub:FOLDER --model runs/cub --split test --pairs 100 --similarity runs/similarity",
        "hetero-xmodal table cam --data vg:FOLDER --model runs/vg --split test --pairs 100",
        "hetero-xmodal table cam --data world/scenes --model scenes --model mine=runs/scenes --scenes true --out cam.csv",
        "hetero-xmodal table cam --data world/scenes --pairs 100 --baselines FOLDER --figure cam.png",
    ),
)
def table_cam(
    data: Annotated[
        str, typer.Option(help="world/birds or world/scenes, where the true answer is known; cub:FOLDER, vg:FOLDER and others.")
    ],
    model: Compared = None,
    split: Split = "val",
    pairs: EditPairs = 500,
    image_size: PixelSize = 64,
    scenes: o.Scenes = None,
    similarity: o.Similarity = None,
    baselines: Baselines = None,
    inception: Inception = None,
    alexnet: AlexNet = None,
    figure: FigureFile = None,
    out: o.TableFile = None,
) -> None:
    """CAM's edits and sentences against the true answer, beside the unchanged input and the true answer itself."""
    _table(
        "cam", data, out=out, models=model, split=split, pairs=pairs, image_size=image_size, scenes=scenes,
        similarity=similarity, baselines=baselines, inception=inception, alexnet=alexnet, figure=figure,
    )  # fmt: skip


@app.command(
    "mimnet",
    epilog=examples(
        "hetero-xmodal table mimnet --data world/birds --pairs 100",
        "hetero-xmodal table mimnet --data cub:FOLDER --model runs/cub --split test --pairs 100",
        "hetero-xmodal table mimnet --data world/birds --similarity runs/similarity --cam birds --out mimnet.csv",
    ),
)
def table_mimnet(
    data: Annotated[
        str, typer.Option(help="world/birds or world/scenes, where the true answer is known; cub:FOLDER, vg:FOLDER and others.")
    ],
    model: Compared = None,
    cam: Annotated[list[str] | None, typer.Option("--cam", help="A CAM to compare with; may be given several times.")] = None,
    split: Split = "val",
    pairs: EditPairs = 500,
    image_size: PixelSize = 128,
    similarity: o.Similarity = None,
    baselines: Baselines = None,
    inception: Inception = None,
    alexnet: AlexNet = None,
    figure: FigureFile = None,
    out: o.TableFile = None,
) -> None:
    """MIM-Net's edits against the true answer, beside the unchanged input, the true answer and CAM."""
    _table(
        "mimnet",
        data,
        out=out,
        models=model,
        cam=cam,
        split=split,
        pairs=pairs,
        image_size=image_size,
        similarity=similarity,
        baselines=baselines,
        inception=inception,
        alexnet=alexnet,
        figure=figure,
    )
