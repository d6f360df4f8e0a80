"""The commands for image-text matching: ``train algr``, ``evaluate algr``, ``table algr`` and ``index``."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .train import Settings, app, evaluate_app, examples, table_app, train_app

if TYPE_CHECKING:
    from ..data.tasks.matching import MatchingData, Split

DATA = "world/scenes, coco:FOLDER, karpathy:FILE,FOLDER, scan:FOLDER, bottom-up:FOLDER or regions:FOLDER."
IMAGES = "Regions of an image: grid, grid:5, grid:7:resnet18, world, a detectron2 .yaml, or boxes.json+efficientnet-lite0."
TEXTS = "Words of a caption: minilm, trained, spacy or transformer:NAME."

Data = Annotated[str, typer.Option(help=DATA)]
Images = Annotated[str | None, typer.Option(help=f"{IMAGES} The world's detector for world/scenes and grid for photos if left out.")]
Texts = Annotated[str, typer.Option(help=TEXTS)]
Size = Annotated[str | None, typer.Option(help="Most images: of training, such as 500, or TRAIN,VALIDATION,TEST, such as 500,100,0.")]
Protocol = Annotated[str, typer.Option(help="any, flickr-1k, coco-1k-5fold or coco-5k.")]


@train_app.command(
    "algr",
    epilog=examples(
        "hetero-xmodal train algr --data world/scenes --out runs/world",
        "hetero-xmodal train algr --data coco:FOLDER --out runs/photos",
        "hetero-xmodal train algr --data coco:FOLDER --out runs/photos --resume",
        "hetero-xmodal train algr --data scan:FOLDER --texts trained --out runs/scan --set variant=no-lwd --set width=1024",
        "hetero-xmodal train algr --data coco:FOLDER --images grid:5 --out runs/two --set members=2",
    ),
)
def train_algr(
    data: Data,
    out: Annotated[Path, typer.Option(help="Run folder: config, metrics, log, checkpoints, and the model.")],
    set: Settings = [],  # noqa: B006
    images: Images = None,
    texts: Texts = "minilm",
    size: Size = None,
    epochs: Annotated[int | None, typer.Option(help="Epochs of both phases together; what suits the data if left out.")] = None,
    patience: Annotated[int | None, typer.Option(help="Stop after so many epochs without a better validation score.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of weights, order and held-out images.")] = 0,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in --out.")] = False,
    accelerator: Annotated[str, typer.Option(help="cpu, gpu or auto.")] = "cpu",
    devices: Annotated[int, typer.Option(help="Number of devices or processes.")] = 1,
    strategy: Annotated[str, typer.Option(help="Lightning's strategy, such as ddp or ddp_fork; 'auto' chooses.")] = "auto",
) -> None:
    """Image-text matching with latent graphs. The epoch best on the validation images is kept; test images are not looked at."""
    from dataclasses import replace

    from ..configs import config_with
    from ..errors import InputError
    from ..training import is_first_process
    from ..training.algr import default_settings, phase1_epochs
    from ..training.algr import train_algr as fit_algr

    _check_inputs(images, texts, size)  # everything that can be refused is refused before any work starts
    usual, fit_config = default_settings(data)
    config = config_with(usual, list(set))
    fit_config = replace(fit_config, seed=seed, patience=patience, accelerator=accelerator, devices=devices, strategy=strategy)
    fit_config = fit_config if epochs is None else replace(fit_config, epochs=epochs)
    if phase1_epochs(config) >= fit_config.epochs:
        raise InputError(
            f"--epochs is {fit_config.epochs}, but the first phase alone takes {config.phase1_epochs}; raise --epochs, or lower the first "
            "phase with --set phase1_epochs=..."
        )
    first = is_first_process()  # "ddp" runs this whole command once in every process
    if first and out.exists() and (not out.is_dir() or any(out.iterdir())) and not resume:
        raise InputError(f"run folder '{out}' is not empty; choose another one, or go on with the run in it with --resume")
    with plain_notes():
        pairs = _load(data, images=images, texts=texts, seed=seed, size=size)
        if first:
            for split in (pairs.train, pairs.val, pairs.test):
                typer.echo(f"{split.name + ':':<12}{_counts(split)}")
        _, result = fit_algr(pairs, out=out, config=config, fit_config=fit_config, resume=resume)
    if first:
        typer.echo(f"kept:       epoch {result.best_epoch + 1} of {result.epochs}, validation rsum {result.best_score:.2f}")
        typer.echo(f"wrote {out / 'model'}; test it with: hetero-xmodal evaluate algr --data {data} --model {out}")


@evaluate_app.command(
    "algr",
    epilog=examples(
        "hetero-xmodal evaluate algr --data coco:FOLDER --model runs/photos",
        "hetero-xmodal evaluate algr --data scan:FOLDER --model runs/scan --protocol coco-1k-5fold",
    ),
)
def evaluate_algr(
    data: Annotated[str, typer.Option(help=f"{DATA} Its test images; where it has no splits, all that the model has never seen.")],
    model: Annotated[Path | None, typer.Option(help="Model folder or run folder; the shipped world model if left out.")] = None,
    protocol: Protocol = "any",
    size: Annotated[int | None, typer.Option(help="The first so many test images.")] = None,
) -> None:
    """R@1, R@5, R@10 and median rank in both directions, and Rsum, of a trained model."""
    from ..data.tasks.matching import load_test_split
    from ..retrieval.search import load_retrieval_model
    from ..training.algr import evaluate_matching

    check_protocol(protocol)
    trained = load_retrieval_model(model, recipe="algr")
    with plain_notes():
        split = load_test_split(data, trained.vocab, sizes=None if size is None else {"test": size})
        result = evaluate_matching(trained, split, protocol=protocol)
    typer.echo(f"{data}: {_counts(split)}\n{result}")


@table_app.command(
    "algr",
    epilog=examples(
        "hetero-xmodal table algr --data coco:FOLDER --only methods --out photos.csv",
        "hetero-xmodal table algr --data world/scenes --texts trained --only ablations",
        'hetero-xmodal table algr --data coco:FOLDER --only methods --method VSE++ --method "SCAN t2i" --validation',
    ),
)
def table_algr(
    data: Data,
    only: Annotated[str | None, typer.Option(help="One table: methods or ablations.")] = None,
    method: Annotated[list[str] | None, typer.Option(help="A method beside ALGR; may be given several times; all if left out.")] = None,
    validation: Annotated[
        bool, typer.Option("--validation", help="Score the validation images, to choose settings; test images stay unseen.")
    ] = False,
    seeds: Annotated[int, typer.Option(help="Fit so many times, and show mean and spread.")] = 3,
    out: Annotated[Path | None, typer.Option(help="CSV file for the tables.")] = None,
    set: Settings = [],  # noqa: B006
    images: Images = None,
    texts: Texts = "minilm",
    size: Size = None,
    epochs: Annotated[int | None, typer.Option(help="Epochs of ALGR; what suits the data if left out.")] = None,
    protocol: Protocol = "any",
) -> None:
    """Measure the paper's tables on a data set: the methods it compares with, and its ablations, all on the same features."""
    from dataclasses import replace

    from ..baselines.matching.comparison import METHODS
    from ..configs import config_with
    from ..errors import InputError, nearest
    from ..files import write_text
    from ..training.algr import default_settings
    from ..training.algr_tables import TABLES, algr_tables

    check_protocol(protocol)
    _check_inputs(images, texts, size)
    usual, fit_config = default_settings(data)
    config = config_with(usual, list(set))
    fit_config = fit_config if epochs is None else replace(fit_config, epochs=epochs)
    for name, value, known in (("--only", only, TABLES), *(("--method", value, tuple(METHODS)) for value in method or ())):
        if value is not None and value not in known:
            raise InputError(f"{name} is {value!r}{nearest(value, known)}; known are {', '.join(known)}")
    if out is not None and (out.suffix.lower() != ".csv" or out.is_dir()):
        raise InputError(f"--out is '{out}'; give the name of a file that ends in .csv")
    with plain_notes():
        pairs = _load(data, images=images, texts=texts, seed=0, size=size)
        tables = algr_tables(
            pairs, only=only, seeds=seeds, config=config, fit_config=fit_config, methods=method or None, protocol=protocol,
            validation_only=validation, progress=_note,
        )  # fmt: skip
        done = []
        for name, frame in tables:
            typer.echo(f"\n{name}: {frame.attrs['protocol']}\n{frame.to_string(float_format='{:.1f}'.format, na_rep='')}")
            done.append(frame.reset_index().assign(table=name))
            if out is not None:  # after each table, since the next one may take hours
                import pandas as pd

                write_text(out, pd.concat(done).set_index(["table", "method"]).to_csv())
    if out is not None:
        typer.echo(f"wrote {out}")


@app.command(
    epilog=examples(
        "hetero-xmodal index --model runs/photos --data coco:FOLDER --out photos_index",
        "hetero-xmodal index --model runs/photos --data folder:HOLIDAY --out holiday_index --half",
    )
)
def index(
    data: Annotated[str, typer.Option(help="What to embed: world/scenes, coco:FOLDER, folder:FOLDER, or data with given regions.")],
    out: Annotated[Path, typer.Option(help="Folder for the index.")],
    model: Annotated[Path | None, typer.Option(help="Model folder or run folder; the shipped DAGNN of the world if left out.")] = None,
    split: Annotated[str | None, typer.Option(help="Split to embed; test for the world, all for a folder.")] = None,
    size: Annotated[int | None, typer.Option(help="The first so many images.")] = None,
    half: Annotated[bool, typer.Option("--half", help="Half precision: half the room, and next to nothing lost.")] = False,
) -> None:
    """Embed images and sentences once and keep them, so that 'retrieve --index' answers at once."""
    from ..files import replaceable_folder
    from ..retrieval.index import build_index
    from ..retrieval.search import load_gallery, load_retrieval_model

    replaceable_folder(out, marker="index.json")
    trained = load_retrieval_model(model)
    with plain_notes():
        gallery, source = load_gallery(trained, data, split=split, size=size)
        made = build_index(trained, gallery, half=half, source=source)
        made.save(out)
    precision = "half" if half else "single"
    typer.echo(f"{len(made.images):,} images and {len(made.texts):,} sentences, width {made.width}, {precision} precision")
    typer.echo(f"wrote {out}")


# ---------------------------------------------------------------------------------------------- parts


def _load(data: str, *, images: str | None, texts: str, seed: int, size: str | None) -> MatchingData:
    from ..data.tasks.matching import load_matching_data

    return load_matching_data(data, images=images, texts=texts, seed=seed, sizes=sizes_of(size))


def _check_inputs(images: str | None, texts: str, size: str | None) -> None:
    from ..data.tasks.matching import region_provenance, word_provenance

    sizes_of(size)
    word_provenance(texts)
    if images is not None:
        region_provenance(images)


def sizes_of(size: str | None) -> dict[str, int] | None:
    """``"200"`` or ``"200,50,50"`` as the most images of each split.

    >>> sizes_of("200,50,0")
    {'train': 200, 'val': 50, 'test': 0}
    """
    from ..errors import InputError

    if size is None:
        return None
    parts = [part.strip() for part in size.split(",")]
    if len(parts) not in (1, 3) or not all(part.isdigit() for part in parts):
        raise InputError(f"--size is '{size}'; give the most images for training, such as 200, or of all splits, such as 200,50,50")
    return dict(zip(("train", "val", "test"), map(int, parts), strict=False))


def _counts(split: Split) -> str:
    """``'200 images, 1,000 captions'``."""
    return f"{len(split.regions):,} images, {len(split):,} captions"


def check_protocol(protocol: str) -> None:
    from ..errors import InputError, nearest
    from ..metrics import PROTOCOLS

    if protocol not in PROTOCOLS:
        raise InputError(f"unknown protocol {protocol!r}{nearest(protocol, PROTOCOLS)}; known are {', '.join(PROTOCOLS)}")


def _note(line: str) -> None:
    typer.echo(line, err=True)


@contextlib.contextmanager
def plain_notes() -> Iterator[None]:
    """This package's warnings as lines that begin with ``note:``, each once, without the place in the code that warnings usually show."""

    def show(message: Warning | str, category: type[Warning], *_: object, **__: object) -> None:
        if category is UserWarning:  # those of other packages about their own future are not for the user
            _note(f"note: {message}")

    with warnings.catch_warnings():
        warnings.simplefilter("once", UserWarning)
        warnings.showwarning = show
        yield
