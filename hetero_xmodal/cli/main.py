"""The command line ``hetero-xmodal``. Every command is one call of the public API; what it does is documented there.

Exit codes: 0 done; 2 something given cannot be used (one sentence on stderr says what); 130 stopped with Ctrl-C; 1 a fault of this package.
``hetero-xmodal --debug COMMAND ...`` shows the Python traceback as well.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from .. import __version__
from . import manipulate as cli_manipulate
from . import matching as cli_matching
from . import mimnet as cli_mimnet  # noqa: F401  (adds its commands to ``train``)

app = typer.Typer(
    name="hetero-xmodal",
    help="An image and a sentence as one typed heterograph: parse, build, draw, save, analyse.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
data_app = typer.Typer(no_args_is_help=True, help="Data sets: list them, build a corpus on disk, verify its files, show its card.")
app.add_typer(data_app, name="data")
app.add_typer(cli_matching.app)  # train, evaluate, table, index, retrieve
app.add_typer(cli_manipulate.app)

Detector = Annotated[
    str,
    typer.Option(help="'world' (shipped), 'grid' or 'grid:N' (patches), a detections or COCO .json, or a detectron2 config or zoo name."),
]


def _examples(*lines: str) -> str:
    """The examples under a command's --help."""
    return "[bold]Examples[/bold]\n\n" + "\n\n".join(f"[dim]$[/dim] {line}" for line in lines)


def _say(*lines: object) -> None:
    for line in lines:
        typer.echo(str(line))


def _shortened(scene: object, longest: int = 400) -> str:
    text = str(scene)
    return text if len(text) <= longest else f"{text[:longest].rsplit(' , (', 1)[0]} , ... (all of it is in the JSON file)"


def _version(wanted: bool) -> None:
    if wanted:
        _say(f"hetero-xmodal {__version__}")
        raise typer.Exit()


@app.callback()
def _options(
    debug: Annotated[bool, typer.Option("--debug", help="Show the Python traceback where something goes wrong.")] = False,
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and leave.")] = False,
) -> None:
    pass  # main() reads --debug itself, because it must know before anything is parsed


@app.command(epilog=_examples("hetero-xmodal doctor"))
def doctor() -> None:
    """Show which packages are installed, what is missing, and the command that mends it."""
    from ..environment import doctor as look

    report = look()
    _say(report)
    if not report.ok:
        from ..errors import MissingPackageError

        raise MissingPackageError(report.summary())


@app.command(epilog=_examples("hetero-xmodal demo", "hetero-xmodal demo --out my_demo --pairs 60 --seed 1"))
def demo(
    out: Annotated[Path, typer.Option(help="Folder for the page and its images.")] = Path("demo"),
    pairs: Annotated[int, typer.Option(help="Number of image-sentence pairs in the small corpus.")] = 200,
    seed: Annotated[int, typer.Option(help="Seed of the generated world; another seed is another world.")] = 0,
) -> None:
    """Build a small world, parse it, turn it into heterographs, and write one page of images to look at."""
    from .demo import run_demo

    page = run_demo(out, pairs=pairs, seed=seed, tell=_say)
    _say(f"Look at the page: {page}")


@app.command(
    epilog=_examples(
        'hetero-xmodal graph scene.png "a red ball on a table" --out result',
        'hetero-xmodal graph photo.jpg "two dogs on a sofa" --detector grid:5 --out result',
        'hetero-xmodal graph photo.jpg "two dogs on a sofa" --detections boxes.json --out result',
    )
)
def graph(
    image: Annotated[Path, typer.Argument(help="Image file (PNG, JPEG, ...).")],
    sentence: Annotated[str, typer.Argument(help="English sentence, in quotes.")],
    out: Annotated[Path, typer.Option(help="Folder for the graph, both scene graphs and the drawing.")],
    detector: Detector = "world",
    weights: Annotated[Path | None, typer.Option(help="Weights of a local detectron2 config, or of a world detector of your own.")] = None,
    detections: Annotated[Path | None, typer.Option(help="JSON of detections made elsewhere (same as --detector FILE.json).")] = None,
    image_scene: Annotated[Path | None, typer.Option(help="Scene graph JSON of the image, in place of a detector.")] = None,
    model: Annotated[str | None, typer.Option(help="spaCy model for the sentence.")] = None,
    score_threshold: Annotated[float | None, typer.Option(help="Leave out objects the detector is less sure of (0 to 1).")] = None,
    wiring: Annotated[str, typer.Option(help="Whom a bridge stands beside: inherit, counterpart or full.")] = "inherit",
) -> None:
    """Turn one image and one sentence into a heterograph; write graph, scene graphs and drawing."""
    from ..errors import InputError
    from ..graphs.write import write_pair

    if detections is not None:
        if detector != "world" or image_scene is not None:
            raise InputError("give only one of --detections, --detector and --image-scene")
        from ..files import existing_file

        detector = str(existing_file(detections, "detections"))
    result = write_pair(
        image, sentence, out, detector=detector, weights=weights, image_scene=image_scene, model=model, score_threshold=score_threshold,
        wiring=wiring,
    )  # fmt: skip
    made = result["graph"]
    counts = ", ".join(f"{made.num_nodes(t)} {t}" for t in made.ntypes if made.num_nodes(t))
    _say(f"image:  {_shortened(result['image_scene'])}", f"sentence: {_shortened(result['sentence_scene'])}")
    _say(f"graph:    {counts} nodes, {made.num_edges()} edges")
    _say(*(f"wrote {path}" for path in result["files"]))


# ---------------------------------------------------------------------------------------------- data sets and corpora


@data_app.command("list", epilog=_examples("hetero-xmodal data list"))
def data_list() -> None:
    """List the data sets this package can load."""
    from ..data import list_datasets

    _say(list_datasets())


@data_app.command("card", epilog=_examples("hetero-xmodal data card world"))
def data_card(name: Annotated[str, typer.Argument(help="Name of a data set; see: hetero-xmodal data list.")]) -> None:
    """Show the card of a data set: licence, source, layout, statistics."""
    from ..data import dataset_card

    _say(dataset_card(name))


@data_app.command(
    "build",
    epilog=_examples(
        "hetero-xmodal data build world/scenes --split train --size 500 --out my_scenes",
        "hetero-xmodal data build world/birds --seed 7 --image-size 256 --out my_birds",
    ),
)
def data_build(
    name: Annotated[str, typer.Argument(help="Name of a data set; see: hetero-xmodal data list.")],
    out: Annotated[Path, typer.Option(help="New folder for the data set; an interrupted call is continued by the same call.")],
    split: Annotated[str, typer.Option(help="train, val or test.")] = "train",
    size: Annotated[int | None, typer.Option(help="Number of items; all if left out.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of a generated world.")] = 0,
    image_size: Annotated[int, typer.Option(help="Width and height of a generated world's images in pixels.")] = 128,
) -> None:
    """Write a data set's images, sentences and scene graphs into a folder."""
    from ..data import build_dataset

    _say(build_dataset(name, out, split=split, size=size, seed=seed, image_size=image_size))


@data_app.command("verify", epilog=_examples("hetero-xmodal data verify my_scenes", "hetero-xmodal data verify world/birds"))
def data_verify(
    name: Annotated[str, typer.Argument(help="Folder of a data set (every file is checked), or a generated world (its first items are).")],
) -> None:
    """Check a data set: checksums, images, captions."""
    from ..data import verify_dataset
    from ..errors import InputError

    report = verify_dataset(name)
    _say(report)
    if not report.ok:
        more = f" (and {len(report.problems) - 1} more)" if len(report.problems) > 1 else ""
        raise InputError(f"{name} is not as it should be: {report.problems[0]}{more}")


@app.command(
    epilog=_examples(
        "hetero-xmodal corpus world/scenes --limit 500 --out corpus",
        "hetero-xmodal corpus my_photos --detector grid:5 --out corpus",
        "hetero-xmodal corpus coco:photos --split val --scenes true --out corpus",
    )
)
def corpus(
    source: Annotated[str, typer.Argument(help="Name of a data set (world/scenes, coco:FOLDER, folder:FOLDER) or a folder of images.")],
    out: Annotated[Path, typer.Option(help="Folder for the corpus; an interrupted call is continued by the same call.")],
    split: Annotated[str | None, typer.Option(help="train, val or test.")] = None,
    limit: Annotated[int | None, typer.Option(help="Take only so many images.")] = None,
    sentences_per_image: Annotated[int | None, typer.Option(help="Take only the first so many sentences of an image.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of a generated world.")] = 0,
    detector: Detector = "world",
    scenes: Annotated[str, typer.Option(help="detector: find the objects; true: take the data set's own scene graphs.")] = "detector",
    wiring: Annotated[str, typer.Option(help="Whom a bridge stands beside: inherit, counterpart or full.")] = "inherit",
) -> None:
    """Turn a whole data set, or a folder of images and captions, into one corpus of heterographs on disk."""
    from .. import build_corpus, load_dataset

    made = build_corpus(
        source if seed == 0 else load_dataset(source, split or "train", seed=seed), out, split=split if seed == 0 else None, limit=limit,
        sentences_per_image=sentences_per_image, detector=detector, scenes=scenes, wiring=wiring,
    )  # fmt: skip
    dropped = made.info.get("dropped", 0)
    _say(made, f"wrote {out}" + (f"; left out {dropped}, with the reasons in {out / 'dropped.csv'}" if dropped else ""))


@app.command(epilog=_examples("hetero-xmodal analyze corpus --out report"))
def analyze(
    corpus: Annotated[Path, typer.Argument(help="Folder of a corpus, written by 'hetero-xmodal corpus'.")],
    out: Annotated[Path, typer.Option(help="Folder for tables (CSV), figures (PNG) and one page (index.html).")],
) -> None:
    """Count what a corpus of heterographs holds: tables, figures and one page that shows them."""
    from .. import analyze as analyse

    page = analyse(corpus).save(out)
    _say(f"Look at the page: {page}")


@app.command(
    "train-detector",
    epilog=_examples("hetero-xmodal train-detector --out detector", "hetero-xmodal train-detector --out detector --steps 300 --fresh"),
)
def train_detector(
    out: Annotated[Path, typer.Option(help="Folder for weights, checkpoint and log; a stopped training in it is continued.")],
    steps: Annotated[int, typer.Option(help="Training steps; 2000 take about 15 minutes on two cores.")] = 2000,
    batch_size: Annotated[int, typer.Option(help="Images per step.")] = 16,
    images: Annotated[int, typer.Option(help="Number of different images that are drawn.")] = 8_000,
    seed: Annotated[int, typer.Option(help="Seed of weights and order.")] = 0,
    threads: Annotated[int | None, typer.Option(help="CPU threads; torch's own choice if left out.")] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Start again even if a stopped training is there.")] = False,
) -> None:
    """Train the detector of the generated world with detectron2 on a CPU."""
    from ..world_models.train_detector import train_detector as train

    path = train(out, steps=steps, batch_size=batch_size, images=images, seed=seed, threads=threads, resume=not fresh)
    _say(f"wrote {path}")


# ---------------------------------------------------------------------------------------------- leaving


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; always ends with ``SystemExit`` and never shows a traceback unless ``--debug`` is given."""
    arguments = sys.argv[1:] if arguments is None else arguments
    sys.exit(run(arguments))


def run(arguments: list[str]) -> int:
    """Run one command and return its exit code; whatever goes wrong becomes one sentence on stderr."""
    from ..errors import InputError, MissingPackageError

    # --debug is understood anywhere on the line, because it is usually added to the end of a command that just failed
    debug = "--debug" in arguments
    try:
        result = app([a for a in arguments if a != "--debug"], prog_name="hetero-xmodal", standalone_mode=False)
        if result == 130:  # typer catches Ctrl-C itself and says nothing
            raise KeyboardInterrupt
        return result if isinstance(result, int) else 0
    except (KeyboardInterrupt, typer.Abort):
        return _fail("stopped with Ctrl-C", 130)
    except BrokenPipeError:  # the reader of a pipe, e.g. head, has gone: nothing to say and nobody to say it to
        sys.stderr.close()
        return 0
    except Exception as error:
        if debug:
            import traceback

            traceback.print_exc()
        if isinstance(error, InputError | MissingPackageError):
            return _fail(str(error), 2)
        if hasattr(error, "format_message"):  # what the parser of the command line raises
            context = getattr(error, "ctx", None)
            sentence = error.format_message().rstrip(".") or "give one of the commands above"
            return _fail(f"{sentence}; see: {context.command_path if context else 'hetero-xmodal'} --help", 2)
        if isinstance(error, OSError) and error.filename is not None:
            return _fail(f"'{error.filename}': {error.strerror or error}", 2)
        return _fail(f"a fault in this package ({type(error).__name__}: {error}); --debug shows where, please report it", 1)


def _fail(sentence: str, code: int) -> int:
    print(f"hetero-xmodal: {' '.join(sentence.split())}", file=sys.stderr)
    return code


if __name__ == "__main__":
    main()
