"""The commands that train, test and ask models: ``train``, ``evaluate`` and ``table`` for each recipe, and ``retrieve``.

Here stand those of DAGNN; every other recipe adds its own to the same groups, as ``cli_matching.py`` does. ``cli.py`` joins them all.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer()
train_app = typer.Typer(no_args_is_help=True, help="Train a recipe; the epoch that is best on validation data is kept.")
evaluate_app = typer.Typer(no_args_is_help=True, help="Score a trained model on data that it has never seen.")
table_app = typer.Typer(no_args_is_help=True, help="Measure a paper's tables on a data set.")
for _name, _group in (("train", train_app), ("evaluate", evaluate_app), ("table", table_app)):
    app.add_typer(_group, name=_name)

DATA = "world/scenes, coco-labels:FOLDER, photos:FOLDER, wikipedia:FOLDER, mat:FOLDER or features:FILE."
NETWORK = "efficientnet-lite0, a torchvision name such as vgg19_bn, or that with a file of weights: vgg19_bn:FILE."

Settings = Annotated[list[str], typer.Option("--set", help="A setting of the recipe as key=value; may be given several times.")]
LabelVectors = Annotated[Path | None, typer.Option(help=".mat file with word vectors of the labels under 'inp'.")]
WorldSize = Annotated[int | None, typer.Option(help="Training pairs of the world.")]
Network = Annotated[str, typer.Option(help=f"Frozen network for photos: {NETWORK}")]
Model = Annotated[Path | None, typer.Option(help="Model folder or run folder; the shipped world model if left out.")]
SameNetwork = Annotated[str | None, typer.Option(help="Where the model's network for photos is now, if its file of weights has moved.")]


def examples(*lines: str) -> str:
    """The examples under a command's --help."""
    return "[bold]Examples[/bold]\n\n" + "\n\n".join(f"[dim]$[/dim] {line}" for line in lines)


@train_app.command(
    "dagnn",
    epilog=examples(
        "hetero-xmodal train dagnn --data world/scenes --out runs/world",
        "hetero-xmodal train dagnn --data wikipedia:FOLDER --out runs/wiki --seed 1 --set hops=3 --set gnn=gcn",
        "hetero-xmodal train dagnn --data coco-labels:FOLDER --out runs/coco --set variant=DAGNN-3",
        "hetero-xmodal train dagnn --data world/scenes --out runs/world --resume",
    ),
)
def train_dagnn(
    data: Annotated[str, typer.Option(help=DATA)],
    out: Annotated[Path, typer.Option(help="Run folder: config, metrics, log, checkpoints, and the model.")],
    set: Settings = [],  # noqa: B006
    epochs: Annotated[int | None, typer.Option(help="Most epochs; the recipe's own number if left out.")] = None,
    patience: Annotated[int | None, typer.Option(help="Stop after so many epochs without a better validation score.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of weights, order and held-out pairs.")] = 0,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in --out.")] = False,
    label_vectors: LabelVectors = None,
    network: Network = "efficientnet-lite0",
    size: WorldSize = None,
    accelerator: Annotated[str, typer.Option(help="cpu, gpu or auto.")] = "cpu",
    devices: Annotated[int, typer.Option(help="Number of devices or processes.")] = 1,
    strategy: Annotated[str, typer.Option(help="Lightning's strategy, such as ddp or ddp_fork; 'auto' chooses.")] = "auto",
) -> None:
    """Train a recipe; the epoch that is best on the validation pairs is kept, and the test pairs are scored once at the end."""
    from ..configs import config_with
    from ..data.tasks.retrieval import data_kind
    from ..errors import InputError
    from ..training import FitConfig, is_first_process
    from ..training.dagnn import default_settings, evaluate_retrieval
    from ..training.dagnn import train_dagnn as fit_dagnn

    usual, usual_epochs = default_settings(data_kind(data)[0])  # everything that can be refused is refused before any work starts
    config = config_with(usual, list(set))
    fit_config = FitConfig(
        epochs=usual_epochs if epochs is None else epochs,
        patience=patience,
        seed=seed,
        accelerator=accelerator,
        devices=devices,
        strategy=strategy,
    )
    first = is_first_process()  # "ddp" runs this whole command once in every process
    if first and out.exists() and any(out.iterdir()) and not resume:
        raise InputError(f"run folder '{out}' is not empty; choose another one, or go on with the run in it with --resume")
    pairs, vectors = _load(data, seed=seed, size=size, network=network, label_vectors=label_vectors)
    if first:
        typer.echo(f"pairs:      {_counts(pairs)}")
    model, result = fit_dagnn(pairs, out=out, config=config, fit_config=fit_config, label_vectors=vectors, resume=resume)
    if first:
        typer.echo(f"validation: mAP {result.best_score:.4f} in epoch {result.best_epoch + 1} of {result.epochs}, which is kept")
        typer.echo(f"test:       {_scores(evaluate_retrieval(model, pairs.features.test))}")
        typer.echo(f"wrote {out / 'model'}")


@table_app.command(
    "dagnn",
    epilog=examples(
        "hetero-xmodal table dagnn --data wikipedia:FOLDER --out wikipedia.csv",
        "hetero-xmodal table dagnn --data world/scenes --only ablations --seeds 5",
        "hetero-xmodal table dagnn --data photos:FOLDER --only dagnn --set beta=0.1 --validation",
        'hetero-xmodal table dagnn --data world/scenes --row CCA --row DAGNN --row "5 layers"',
    ),
)
def table_dagnn(
    data: Annotated[str, typer.Option(help=DATA)],
    only: Annotated[str | None, typer.Option(help="One table: methods, ablations, layers, or dagnn (its row alone).")] = None,
    row: Annotated[list[str] | None, typer.Option(help="Only this row; may be given several times; all if left out.")] = None,
    validation: Annotated[
        bool, typer.Option("--validation", help="Score the validation pairs, to choose settings; test pairs stay unseen.")
    ] = False,
    seeds: Annotated[int, typer.Option(help="Fit so many times, and show mean and spread.")] = 3,
    out: Annotated[Path | None, typer.Option(help="CSV file for the tables.")] = None,
    set: Settings = [],  # noqa: B006
    epochs: Annotated[int | None, typer.Option(help="Most epochs of the recipe; its own number if left out.")] = None,
    label_vectors: LabelVectors = None,
    network: Network = "efficientnet-lite0",
    size: WorldSize = None,
) -> None:
    """Measure a paper's tables on a data set: the methods it compares with, its ablations, its number of layers."""
    from ..configs import config_with
    from ..data.tasks.retrieval import data_kind
    from ..errors import InputError
    from ..files import write_text
    from ..training.dagnn import default_settings
    from ..training.dagnn_tables import dagnn_tables

    config = config_with(default_settings(data_kind(data)[0])[0], list(set))
    if out is not None and (out.suffix.lower() != ".csv" or out.is_dir()):
        raise InputError(f"--out is '{out}'; give the name of a file that ends in .csv")
    pairs, vectors = _load(data, seed=0, size=size, network=network, label_vectors=label_vectors)
    tables = dagnn_tables(
        pairs,
        only=only,
        rows=row or None,
        on_validation=validation,
        seeds=seeds,
        config=config,
        epochs=epochs,
        label_vectors=vectors,
        progress=lambda line: typer.echo(line, err=True),
    )
    typer.echo(f"{data}: {_counts(pairs)}; mean average precision over all ranks of the {'validation' if validation else 'test'} pairs")
    done = []
    for name, frame in tables:
        typer.echo(f"\n{name}\n{frame.to_string(float_format='{:.4f}'.format, na_rep='')}")
        done.append(frame.reset_index().assign(table=name))
        if out is not None:  # after each table, since the next one may take hours
            import pandas as pd

            write_text(out, pd.concat(done).set_index(["table", "method"]).to_csv())
    if out is not None:
        typer.echo(f"wrote {out}")


@evaluate_app.command(
    "dagnn",
    epilog=examples(
        "hetero-xmodal evaluate dagnn --data world/scenes", "hetero-xmodal evaluate dagnn --data coco-labels:FOLDER --model runs/coco/model"
    ),
)
def evaluate_dagnn(
    data: Annotated[str, typer.Option(help="Data as for 'train'; its test pairs, or photos that the model has never seen.")],
    model: Model = None,
    network: SameNetwork = None,
) -> None:
    """Score a trained model on test pairs: mean average precision over all ranks."""
    from ..data.tasks.retrieval import data_kind, load_test_pairs
    from ..retrieval.search import load_retrieval_model
    from ..training.dagnn import evaluate_retrieval

    data_kind(data)
    trained = load_retrieval_model(model, network=network, recipe="dagnn")
    pairs = load_test_pairs(data, trained.vocab)
    typer.echo(f"pairs: {len(pairs)}; {pairs.labels.shape[1]} labels")
    typer.echo(f"mAP over all ranks: {_scores(evaluate_retrieval(trained, pairs))}")


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
    out: Annotated[Path | None, typer.Option(help="HTML file that shows the answers with their images.")] = None,
    model: Model = None,
    data: Annotated[str | None, typer.Option(help="Where to search: world/scenes (the default), coco:, folder: or photos:FOLDER.")] = None,
    split: Annotated[str | None, typer.Option(help="Split to search in; test for the world, all for a folder.")] = None,
    size: Annotated[int | None, typer.Option(help="Search the first so many images; 500 if left out.")] = None,
    index: Annotated[Path | None, typer.Option(help="Folder made by 'hetero-xmodal index', in place of --data: answers at once.")] = None,
    network: SameNetwork = None,
) -> None:
    """Find images for a sentence, or texts for an image; the model folder says which recipe it is of."""
    from ..errors import InputError
    from ..images import read_image
    from ..retrieval.index import EmbeddingIndex
    from ..retrieval.search import load_gallery, load_retrieval_model, unknown_words, write_retrieval_page
    from ..retrieval.search import retrieve as search

    if (sentence is None) == (image is None):
        raise InputError("give either a sentence in quotes or --image FILE")
    if sentence is not None and not sentence.strip():
        raise InputError("the sentence is empty; say what the image should show")
    if top < 1 or (size is not None and size < 1):
        raise InputError(f"--top is {top} and --size is {size or 500}; both must be at least 1")
    if index is not None and (data, split, size) != (None, None, None):
        raise InputError("--index takes the place of --data, --split and --size; give either the index or the data")
    if out is not None and out.suffix.lower() not in (".html", ".htm"):
        raise InputError(f"--out is '{out}'; give the name of a file that ends in .html")
    if image is not None:
        read_image(image)
    trained = load_retrieval_model(model, network=network)
    if index is not None:
        gallery = EmbeddingIndex.load(index, model=trained)
    else:
        gallery, source = load_gallery(trained, data or "world/scenes", split=split, size=size or 500)
        if not source:
            raise InputError(f"'{data}' has no images to show; make an index of it (hetero-xmodal index) and search that with --index")
    query = sentence if sentence is not None else image
    hits = search(trained, query, gallery, top=top)
    strange = unknown_words(trained, sentence) if sentence is not None else []
    note = f"The model does not know the words: {', '.join(strange)}. It searched for the others." if strange else ""
    if note:
        typer.echo(note)
    for number, hit in enumerate(hits, 1):
        typer.echo(f"{number:3}. {hit.score:6.3f}  {hit.item.id}  {hit.text}")
    if out is not None:
        typer.echo(f"Look at the page: {write_retrieval_page(out, query, hits, note=note)}")


def _load(data: str, *, seed: int, size: int | None, network: str, label_vectors: Path | None):
    """The pairs, and the word vectors of their labels if a file of them is given."""
    from ..data.features import load_label_vectors
    from ..data.tasks.retrieval import data_kind, load_retrieval_data
    from ..errors import InputError

    if size is not None and (data_kind(data)[0] != "world/scenes" or size < 1):
        raise InputError(f"--size is {size} for '{data}'; it is the number of training pairs of world/scenes, at least 1")
    vectors = None if label_vectors is None else load_label_vectors(label_vectors)
    pairs = load_retrieval_data(data, seed=seed, sizes=None if size is None else {"train": size}, network=network)
    if vectors is not None:
        vectors = load_label_vectors(label_vectors, classes=len(pairs.vocab["labels"]))
    return pairs, vectors


def _counts(pairs) -> str:
    counts = ", ".join(f"{len(getattr(pairs.features, split))} {split}" for split in ("train", "val", "test"))
    return f"{counts}; {len(pairs.vocab['labels'])} labels"


def _scores(scores: dict[str, float]) -> str:
    return f"image to text {scores['image_to_text']:.4f}, text to image {scores['text_to_image']:.4f}, mean {scores['mean']:.4f}"
