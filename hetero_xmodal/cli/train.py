"""``hetero-xmodal train``: each command is one call of :func:`hetero_xmodal.train`."""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import Annotated, Any

import typer

from ..counts import counted
from . import options as o
from .options import examples, note, say

app = typer.Typer(
    no_args_is_help=True,
    help="Train a recipe; the epoch that is best on validation data is kept.",
    epilog=examples(
        "hetero-xmodal train dagnn --data world/scenes --out runs/world",
        "hetero-xmodal train algr --data coco:FOLDER --out runs/photos",
    ),
)
hidden = typer.Typer()  # former spellings


def _train(recipe: str, data: str | None, *, out: Path, then: str = "", **options: Any) -> None:
    from ..training.api import train

    train(recipe, data, out=out, tell=say, **options)
    say(f"wrote {out / 'model'}{then}")


def _tested_with(recipe: str, data: str, out: Path) -> str:
    return f"; test it with: hetero-xmodal evaluate {recipe} --data {quote(data)} --model {quote(str(out))}"


@app.command(
    "dagnn",
    epilog=examples(
        "hetero-xmodal train dagnn --data world/scenes --out runs/world",
        "hetero-xmodal train dagnn --data wikipedia:FOLDER --out runs/wiki --seed 1 --set hops=3 --set gnn=gcn",
        "hetero-xmodal train dagnn --data coco:FOLDER --out runs/coco --set variant=DAGNN-3",
        "hetero-xmodal train dagnn --data world/scenes --out runs/world --resume",
    ),
)
def train_dagnn(
    data: Annotated[str, typer.Option(help=o.DATA)],
    out: o.RunFolder,
    preset: o.Preset = None,
    set: o.Settings = [],  # noqa: B006
    epochs: o.Epochs = None,
    patience: o.Patience = None,
    seed: o.Seed = 0,
    resume: o.Resume = False,
    label_vectors: o.LabelVectors = None,
    network: o.Network = None,
    size: o.WorldPairs = None,
    accelerator: o.Accelerator = "cpu",
    devices: o.Devices = 1,
    strategy: o.Strategy = "auto",
) -> None:
    """Retrieval by labels (DAGNN). The epoch with the best validation score is kept, and the test pairs are scored once at the end."""
    _train(
        "dagnn", data, out=out, preset=preset, set=set, epochs=epochs, patience=patience, seed=seed, resume=resume,
        label_vectors=label_vectors, network=network, size=size, accelerator=accelerator, devices=devices, strategy=strategy,
    )  # fmt: skip


@app.command(
    "algr",
    epilog=examples(
        "hetero-xmodal train algr --data world/scenes --out runs/world",
        "hetero-xmodal train algr --data coco:FOLDER --out runs/photos",
        "hetero-xmodal train algr --data coco:FOLDER --out runs/photos --resume",
        "hetero-xmodal train algr --data coco:FOLDER --out runs/photos --workers 8",
        "hetero-xmodal train algr --data scan:FOLDER --texts trained --out runs/scan --set variant=no-lwd --set width=1024",
        "hetero-xmodal train algr --data coco:FOLDER --images grid:5 --out runs/two --set members=2",
        "hetero-xmodal train algr --data coco:FOLDER --detector detections_nanodet.json --out runs/objects",
    ),
)
def train_algr(
    data: Annotated[str, typer.Option(help=o.DATA)],
    out: o.RunFolder,
    preset: o.Preset = None,
    set: o.Settings = [],  # noqa: B006
    images: o.Regions = None,
    detector: o.Objects = None,
    texts: o.Words = "minilm",
    size: o.Sizes = None,
    epochs: o.Epochs = None,
    patience: o.Patience = None,
    seed: o.Seed = 0,
    resume: o.Resume = False,
    workers: o.Workers = 1,
    engine: o.Engine = "processes",
    scheduler: o.Scheduler = None,
    accelerator: o.Accelerator = "cpu",
    devices: o.Devices = 1,
    strategy: o.Strategy = "auto",
) -> None:
    """Image-text matching with latent graphs (ALGR). Test images are not looked at; --epochs counts both phases together."""
    _train(
        "algr", data, out=out, preset=preset, set=set, images=images, detector=detector, texts=texts, size=size, epochs=epochs,
        patience=patience, seed=seed, resume=resume, workers=workers, engine=engine, scheduler=scheduler, accelerator=accelerator,
        devices=devices, strategy=strategy, then=_tested_with("algr", data, out),
    )  # fmt: skip


@app.command(
    "trail",
    epilog=examples(
        "hetero-xmodal train trail --data world/scenes --out runs/world",
        "hetero-xmodal train trail --data world/scenes --out runs/no_edges --set edges=none",
        "hetero-xmodal train trail --data coco:FOLDER --detector detections_nanodet.json --out runs/photos",
        "hetero-xmodal train trail --data coco:FOLDER --detector nanodet --out runs/photos --resume",
        "hetero-xmodal train trail --data coco:FOLDER --detector nanodet --out runs/photos --workers 8",
    ),
)
def train_trail(
    data: Annotated[str, typer.Option(help=o.DATA)],
    out: o.RunFolder,
    preset: o.Preset = None,
    set: o.Settings = [],  # noqa: B006
    images: o.Regions = None,
    detector: o.Objects = None,
    texts: Annotated[
        str | None, typer.Option("--texts", help=f"{o.TEXTS} If left out, trained for the world and minilm for photographs.")
    ] = None,
    size: o.Sizes = None,
    epochs: o.Epochs = None,
    patience: o.Patience = None,
    seed: o.Seed = 0,
    resume: o.Resume = False,
    workers: o.Workers = 1,
    engine: o.Engine = "processes",
    scheduler: o.Scheduler = None,
    accelerator: o.Accelerator = "cpu",
    devices: o.Devices = 1,
    strategy: o.Strategy = "auto",
) -> None:
    """Image-text matching in which typed edges act on matches (TRAIL). Test images are not looked at."""
    _train(
        "trail", data, out=out, preset=preset, set=set, images=images, detector=detector, texts=texts, size=size, epochs=epochs,
        patience=patience, seed=seed, resume=resume, workers=workers, engine=engine, scheduler=scheduler, accelerator=accelerator,
        devices=devices, strategy=strategy, then=_tested_with("trail", data, out),
    )  # fmt: skip


@app.command(
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
    data: Annotated[str, typer.Option(help=o.DATA)],
    out: o.RunFolder,
    preset: o.Preset = None,
    set: o.Settings = [],  # noqa: B006
    size: o.TrainImages = None,
    image_size: Annotated[int | None, typer.Option(help="Side of the images in pixels, a multiple of 32.")] = None,
    epochs: o.Epochs = None,
    seed: o.Seed = 0,
    start: o.Start = None,
    word_vectors: o.WordVectors = None,
    resume: o.Resume = False,
    accelerator: o.Accelerator = "cpu",
    devices: o.Devices = 1,
) -> None:
    """Edit image and sentence by each other (CAM). No edited image is needed, and none is used to choose the best epoch."""
    _train(
        "cam", data, out=out, preset=preset, set=set, size=size, image_size=image_size, epochs=epochs, seed=seed, start=start,
        word_vectors=word_vectors,
        resume=resume, accelerator=accelerator, devices=devices,
        then=f'; try it with: hetero-xmodal manipulate IMAGE "a sentence" --model {quote(str(out))} --out DIR',
    )  # fmt: skip


@app.command(
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
    data: Annotated[str, typer.Option(help=o.DATA)],
    out: o.RunFolder,
    preset: o.Preset = None,
    set: o.Settings = [],  # noqa: B006
    size: o.TrainImages = None,
    epochs: Annotated[
        int | None,
        typer.Option(help="Epochs; what suits the data if left out. With fewer, all later stages begin earlier in proportion."),
    ] = None,
    seed: o.Seed = 0,
    start: o.Start = None,
    word_vectors: o.WordVectors = None,
    resume: o.Resume = False,
    accelerator: o.Accelerator = "cpu",
    devices: o.Devices = 1,
) -> None:
    """Edit images by sentences with a memory of textures (MIM-Net)."""
    _train(
        "mimnet", data, out=out, preset=preset, set=set, size=size, epochs=epochs, seed=seed, start=start,
        word_vectors=word_vectors, resume=resume,
        accelerator=accelerator, devices=devices,
        then=f'; try it with: hetero-xmodal manipulate IMAGE "a sentence" --recipe mimnet --model {quote(str(out))} --out DIR',
    )  # fmt: skip


@app.command(
    "similarity",
    epilog=examples(
        "hetero-xmodal train similarity --data world/birds --out runs/similarity",
        "hetero-xmodal train similarity --data cub:FOLDER --out runs/similarity --epochs 60",
    ),
)
def train_similarity(
    data: Annotated[str, typer.Option(help=f"{o.DATA} Its training split is used.")],
    out: o.RunFolder,
    set: o.Settings = [],  # noqa: B006
    size: o.TrainImages = None,
    epochs: Annotated[int, typer.Option(help="Number of epochs.")] = 20,
    seed: o.Seed = 0,
    resume: o.Resume = False,
    accelerator: o.Accelerator = "cpu",
) -> None:
    """Similarity of image and sentence, for the scores Sim and MP of edited images."""
    _train("similarity", data, out=out, set=set, size=size, epochs=epochs, seed=seed, resume=resume, accelerator=accelerator)


@app.command(
    "relations",
    epilog=examples(
        "hetero-xmodal train relations --data vrd:FOLDER --out prior.json",
        "hetero-xmodal train relations --data vg:FOLDER --size 20000 --out prior.json",
    ),
)
def train_relations(
    data: Annotated[str, typer.Option(help="A data set with annotated relations, such as vrd:FOLDER, vg:FOLDER or world/scenes.")],
    out: Annotated[Path, typer.Option(metavar="FILE.json", help="File for the counts.")],
    split: Annotated[str | None, typer.Option(help="train, or the only split, if left out.")] = None,
    size: Annotated[int | None, typer.Option(help="The first so many images; all if left out.")] = None,
) -> None:
    """Count annotated relations, for predicates guessed from classes and boxes (--relations prior:FILE of graph and corpus)."""
    from ..training.relations import train_relations as count

    prior = count(data, out=out, split=split, size=size)
    relations = int(prior.triples[:, 3].sum())
    say(f"counted:    {relations:,} relations of {len(prior.classes)} classes by {len(prior.predicates)} predicates", f"wrote {out}")


@app.command(
    "parts",
    epilog=examples(
        "hetero-xmodal train parts --data cub:FOLDER --out runs/parts",
        "hetero-xmodal train parts --data cub:FOLDER,boxes=original --out runs/parts --size 200",
    ),
)
def train_parts(
    data: Annotated[str, typer.Option(help="Photographs with boxes of birds and captions, such as cub:FOLDER.")],
    out: Annotated[Path, typer.Option(help="Folder for the model.")],
    size: o.TrainImages = None,
    epochs: Annotated[int, typer.Option(help="Passes over all photographs at once.")] = 80,
    seed: o.Seed = 0,
) -> None:
    """Parts of birds in photographs, learned from the colours that captions name (for manipulate --recipe recolour)."""
    from ..checks import check_count, check_seed
    from ..data.registry import check_data
    from ..files import replaceable_folder
    from ..pretrained import MODEL_FOLDER

    check_data(data, "cam")
    check_count("size", size)
    check_count("epochs", epochs)
    check_seed(seed)
    replaceable_folder(out, MODEL_FOLDER)
    from ..training.parts import train_parts as learn  # imports torch

    _, about = learn(data, out=out, size=size, epochs=epochs, seed=seed)
    images = about["photographs"]
    say(
        f"learned:    from {about['facts']:,} colours of parts in captions of {counted(images, 'photograph')}",
        f'wrote {out}; try it with: hetero-xmodal manipulate PHOTO "the bird has red wings" --model {quote(str(out))} '
        "--detector nanodet --out DIR",
    )


@app.command(
    "detector",
    epilog=examples(
        "hetero-xmodal train detector --out runs/detector",
        "hetero-xmodal train detector --out runs/detector --resume",
        "hetero-xmodal train detector --out runs/small --steps 300 --size 1000",
    ),
)
def train_detector(
    out: Annotated[Path, typer.Option(help="Run folder: weights, checkpoint and log.")],
    steps: Annotated[int, typer.Option(help="Training steps; 2000 take about 15 minutes on two cores.")] = 2000,
    batch_size: Annotated[int, typer.Option(help="Images per step.")] = 16,
    size: Annotated[int, typer.Option(help="Number of different images that are drawn.")] = 8_000,
    seed: o.Seed = 0,
    threads: Annotated[int | None, typer.Option(help="CPU threads; torch's own choice if left out.")] = None,
    resume: o.Resume = False,
) -> None:
    """The object detector of the default world, with detectron2 on a CPU."""
    from ..training.api import train

    run = train("detector", out=out, steps=steps, batch_size=batch_size, size=size, seed=seed, threads=threads, resume=resume)
    say(f"wrote {run.model}")


@hidden.command("train-detector", hidden=True, epilog=examples("hetero-xmodal train-detector --out detector"))
def former_train_detector(
    out: Annotated[Path, typer.Option(help="As for 'train detector'.")],
    steps: Annotated[int, typer.Option(help="As for 'train detector'.")] = 2000,
    batch_size: Annotated[int, typer.Option(help="As for 'train detector'.")] = 16,
    images: Annotated[int, typer.Option("--images", "--pictures", help="--size of 'train detector'.")] = 8_000,
    seed: o.Seed = 0,
    threads: Annotated[int | None, typer.Option(help="As for 'train detector'.")] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Leave out for --resume.")] = False,
) -> None:
    """Former spelling of 'train detector'."""
    note("note: 'train-detector' is now 'train detector'; the old spelling will go with version 0.3")
    train_detector(out, steps, batch_size, images, seed, threads, not fresh)
