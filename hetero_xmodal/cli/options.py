"""What the commands share: options, the examples under ``--help``, lines on the terminal."""

from __future__ import annotations

import contextlib
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

T = TypeVar("T")
PACKAGE = str(Path(__file__).parents[1])

IMAGES = (
    "Regions of an image: grid, grid:5, grid:7:resnet18, world, a detectron2 .yaml, boxes.json+efficientnet-lite0, grid+boxes.json, or "
    "given: those that the data hold."
)
TEXTS = "Words of a caption: minilm, trained, spacy or transformer:NAME."
DETECTOR = (
    "'auto' (world for images of the generated world, else a detector of photographs), 'world', 'nanodet', 'grid' or 'grid:N' (patches), "
    "boxes:FOLDER (YOLO, Pascal VOC, LabelMe), scenes:FILE.json (scene graphs in the format of Visual Genome or GQA), a detections or COCO "
    ".json, or a detectron2 config or zoo name; a file is looked for where you are, then beside the image or in the data folder."
)
NETWORK = "efficientnet-lite0, a torchvision name such as vgg19_bn, or that with a file of weights: vgg19_bn:FILE."
DATA = "Name of a data set, such as world/scenes or coco:FOLDER; 'hetero-xmodal data list' says which serve this task."

RunFolder = Annotated[Path, typer.Option(help="Run folder: config, metrics, log, checkpoints, and the model.")]
Preset = Annotated[
    str | None,
    typer.Option(
        help="paper (the paper's settings for the set that --data names), paper/NAME, or small, ...; if left out, what suits the data."
    ),
]
Settings = Annotated[list[str], typer.Option("--set", help="A setting of the recipe as key=value; may be given several times.")]
Epochs = Annotated[int | None, typer.Option(help="Number of epochs; what suits the data if left out.")]
Patience = Annotated[int | None, typer.Option(help="Stop after so many epochs without a better validation score.")]
Seed = Annotated[int, typer.Option(help="Seed of weights, order and exercises.")]
WorldSeed = Annotated[int | None, typer.Option(help="Seed of a generated world, 0 if left out; another seed is another world.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with the run in --out.")]
Accelerator = Annotated[str, typer.Option(help="cpu, gpu or auto.")]
Devices = Annotated[int, typer.Option(help="Number of devices or processes.")]
Strategy = Annotated[str, typer.Option(help="Lightning's strategy, such as ddp or ddp_fork; 'auto' chooses.")]
Model = Annotated[Path | None, typer.Option(help="Model folder or run folder; the shipped model if left out.")]
TrainImages = Annotated[int | None, typer.Option("--size", help="Largest number of training images.")]
Start = Annotated[str | None, typer.Option(help="Model folder, run folder or shipped model (birds, scenes) whose weights to begin with.")]
Regions = Annotated[str | None, typer.Option("--images", help=f"{IMAGES} If left out, world for the world and grid for photographs.")]
Objects = Annotated[
    str | None,
    typer.Option(
        "--detector",
        help="Beside the patches of a grid, the objects that a detector sees: nanodet, or a file of detections or scenes:FILE.json, "
        "looked for in the data folder too.",
    ),
]
Words = Annotated[str, typer.Option("--texts", help=TEXTS)]
Sizes = Annotated[
    str | None,
    typer.Option(
        "--size", metavar="N[,N,N]", help="Largest number of images: of training, such as 500, or TRAIN,VAL,TEST, such as 500,100,0."
    ),
]
Protocol = Annotated[str, typer.Option(help="any, flickr-1k, coco-1k-5fold or coco-5k.")]
LabelVectors = Annotated[
    Path | None, typer.Option(help="Word vectors of the labels: a .txt file such as GloVe's, or a .mat file with them under 'inp'.")
]
WordVectors = Annotated[
    Path | None, typer.Option(help="Word vectors as text, such as GloVe's, as wide as the settings make words; they stay as they are.")
]
Network = Annotated[str | None, typer.Option(help=f"Frozen network for photographs: {NETWORK} If left out, efficientnet-lite0.")]
SameNetwork = Annotated[
    str | None, typer.Option(help="Where the model's network for photographs is now, if its file of weights has moved.")
]
WorldPairs = Annotated[int | None, typer.Option("--size", help="Training pairs of the world.")]
Seeds = Annotated[int, typer.Option(help="Fit every row so many times; the table has mean and standard deviation.")]
TableFile = Annotated[Path | None, typer.Option(metavar="FILE.csv", help="CSV file for the tables.")]
Similarity = Annotated[
    Path | None,
    typer.Option(help="Model of 'train similarity'; adds Sim (fit of image and sentence), Diff and MP (manipulative precision)."),
]
Scenes = Annotated[
    str | None,
    typer.Option(
        help="Where CAM's regions come from: detector, or true for the data's own scene graphs. If left out, detector for the generated "
        "world and true for photographs."
    ),
]
Detector = Annotated[str | None, typer.Option(help=f"{DETECTOR} If left out, auto.")]
EditDetector = Annotated[str | None, typer.Option("--detector", help=f"{DETECTOR} If left out, world.")]
Relate = Annotated[
    str | None,
    typer.Option(
        "--relations",
        help="geometry (rules on the boxes), none, or prior:FILE, predicates guessed from classes and boxes with a file of "
        "'train relations'. If left out, geometry.",
    ),
]
Measure = Annotated[bool, typer.Option("--measure", help="Measure the colour, size and place of detected objects; for photographs.")]
Language = Annotated[str | None, typer.Option(help="spaCy model that parses the sentence; the installed English one if left out.")]
Rows = Annotated[list[str] | None, typer.Option("--row", help="Only this row; may be given several times; all if left out.")]
Workers = Annotated[int, typer.Option(help="Processes that make regions and words; the result is the same.")]
Engine = Annotated[str, typer.Option(help="processes of this machine, or dask: a Dask cluster.")]
Scheduler = Annotated[str | None, typer.Option(help="Address of a running Dask scheduler, tcp://HOST:8786.")]
Wiring = Annotated[str, typer.Option(help="Neighbours of a bridge: inherit, counterpart or full.")]


#: parameter -> what its value is called in a command's help
_VALUES = {
    "data": "NAME", "preset": "NAME", "protocol": "NAME", "strategy": "NAME", "language": "NAME",
    "recipe": "NAME", "network": "NAME", "model": "MODEL", "start": "MODEL", "similarity": "MODEL", "cam": "MODEL", "set": "KEY=VALUE",
    "split": "SPLIT", "images": "REGIONS", "texts": "WORDS", "detector": "DETECTOR", "only": "TABLE", "row": "ROW", "method": "ROW",
    "accelerator": "DEVICE", "scenes": "SOURCE", "control": "CONTROL", "wiring": "WIRING", "out": "FOLDER", "index": "FOLDER",
    "image": "FILE", "weights": "FILE", "detections": "FILE.json",
    "relations": "HOW", "image_scene": "FILE.json", "label_vectors": "FILE", "baselines": "FOLDER", "figure": "FILE.png",
    "inception": "FILE", "alexnet": "FILE",
}  # fmt: skip


def value_name(parameter: Any) -> str:
    """What a value of a parameter of the command line is called in the help, such as ``FOLDER`` or ``N``; nothing for a switch."""
    if getattr(parameter, "is_flag", False) or parameter.name in ("help", "install_completion", "show_completion"):
        return ""
    if parameter.param_type_name == "argument":
        return parameter.name.upper()
    kind = str(parameter.type_descriptor.annotation)
    if "int" in kind:
        return "N"
    return _VALUES.get(parameter.name) or ("NUMBER" if "float" in kind else "VALUE")


def former(new: str, old: str) -> Any:
    """An option's former name, which is understood for one version and shown by no help; see :func:`renamed`."""
    return typer.Option(old, hidden=True, help=f"Former name of {new}.")


def renamed(value: T, before: T, new: str, old: str) -> T:
    """The value of an option that was given by its name *new* or by its former name *old*, which leaves a note.

    Raises
    ------
    InputError : both were given.
    """
    if not before and before != 0:
        return value
    if value:
        from ..errors import InputError

        raise InputError(f"{old} is the former name of {new}; give one of the two")
    note(f"note: {old} is now {new}; the old name will go with version 0.3")
    return before


def examples(*lines: str) -> str:
    """The examples under a command's ``--help``.

    >>> examples("hetero-xmodal doctor")
    '[bold]Examples[/bold]\\n\\n[dim]$[/dim] hetero-xmodal doctor'
    """
    return "[bold]Examples[/bold]\n\n" + "\n\n".join(f"[dim]$[/dim] {line}" for line in lines)


def plain_text(text: str) -> str:
    """Documentation as it reads on a terminal: without the roles and the double quotes of reStructuredText.

    >>> plain_text("see :func:`~hetero_xmodal.train` and ``val``::")
    "see train and 'val':"
    """
    text = re.sub(r":[a-z]+:`~(?:[\w.]*\.)?(\w+)`", r"\1", text)
    text = re.sub(r":[a-z]+:`\.*([^`]+)`", r"\1", text)
    return re.sub(r"::$", ":", re.sub(r"``([^`]+)``", r"'\1'", text), flags=re.MULTILINE)


def say(*lines: object) -> None:
    """Write lines to stdout."""
    for line in lines:
        try:
            typer.echo(str(line))
        except BrokenPipeError:
            raise
        except OSError as error:  # the disk that stdout was sent to is full
            raise OSError(error.errno, error.strerror, "the standard output") from None


def note(line: object) -> None:
    """Write a line to stderr: progress and notes, which are not part of the result."""
    typer.echo(str(line), err=True)


@contextlib.contextmanager
def warnings_as_notes() -> Iterator[None]:
    """Show this package's warnings as lines that begin with ``note:``, each once, without the source location."""
    shown = set()
    with warnings.catch_warnings():
        usual = warnings.showwarning

        def show(message, category, filename, lineno, file=None, line=None) -> None:
            if category is not UserWarning or not str(filename).startswith(PACKAGE):
                usual(message, category, filename, lineno, file, line)
            elif str(message) not in shown:
                shown.add(str(message))
                note(f"note: {message}")

        warnings.showwarning = show
        warnings.filterwarnings("always", category=UserWarning, module=r"hetero_xmodal(\.|$)")
        yield


def existing_image(path: Path) -> Path:
    """*path*, if it is a file that is not empty; whether it is an image is checked when it is decoded.

    Raises
    ------
    InputError : the file is missing or empty.
    """
    from ..files import existing_file

    return existing_file(path, "image")


def result_file(path: Path | None, *endings: str) -> Path | None:
    """*path*, if it names a file of one of the *endings*.

    Raises
    ------
    InputError : the file name has another suffix, or is that of a folder; the file cannot be written.
    """
    from ..errors import InputError
    from ..files import check_writable

    if path is not None and path.suffix.lower() not in endings:
        raise InputError(f"--out is '{path}'; give the name of a file that ends in {endings[0]}")
    if path is not None and path.is_dir():
        raise InputError(f"--out is '{path}', which is a folder; give the name of a file that ends in {endings[0]}")
    if path is not None:
        check_writable(path)
    return path
