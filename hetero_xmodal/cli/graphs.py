"""``hetero-xmodal graph``, ``corpus`` and ``analyze``: from images and sentences to heterographs and their statistics."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from . import options as o
from .options import examples, existing_image, say

app = typer.Typer()


@app.command(
    epilog=examples(
        'hetero-xmodal graph scene.png "a red ball on a table" --out result',
        'hetero-xmodal graph photo.jpg "two dogs on a sofa" --detector grid:5 --out result',
        'hetero-xmodal graph photo.jpg "two dogs on a sofa" --detections boxes.json --out result',
    )
)
def graph(
    image: Annotated[Path, typer.Argument(help="Image file (PNG, JPEG, ...).")],
    sentence: Annotated[str, typer.Argument(help="English sentence, in quotes.")],
    out: Annotated[Path, typer.Option(help="Folder for the graph, both scene graphs and the drawing.")],
    detector: o.Detector = None,
    weights: Annotated[Path | None, typer.Option(help="Weights of a local detectron2 config, or of a world detector of your own.")] = None,
    detections: Annotated[Path | None, typer.Option(help="JSON of detections made elsewhere (same as --detector FILE.json).")] = None,
    image_scene: Annotated[Path | None, typer.Option(help="Scene graph JSON of the image, in place of a detector.")] = None,
    language: o.Language = None,
    model: Annotated[str | None, o.former("--language", "--model")] = None,
    score_threshold: Annotated[float | None, typer.Option(help="Leave out objects with a lower detection score (0 to 1).")] = None,
    wiring: o.Wiring = "inherit",
) -> None:
    """Turn one image and one sentence into a heterograph; write graph, scene graphs and drawing.\f

    Raises
    ------
    InputError : more than one source of the image's objects, a missing file, or what :func:`~hetero_xmodal.graphs.write.write_pair`
        refuses.
    """
    from ..errors import InputError
    from ..files import existing_file
    from ..parsers.detectors.registry import beside_data

    language = o.renamed(language, model, "--language", "--model")
    existing_image(image)
    if detections is not None:
        if detector is not None or image_scene is not None:
            raise InputError("give only one of --detections, --detector and --image-scene")
        detector = str(existing_file(beside_data(detections, [image.parent]), "detections"))
    from ..graphs.write import write_pair

    result = write_pair(
        image, sentence, out, detector=detector, weights=weights, image_scene=image_scene, model=language, score_threshold=score_threshold,
        wiring=wiring,
    )  # fmt: skip
    made = result["graph"]
    counts = ", ".join(f"{made.num_nodes(t)} {t}" for t in made.ntypes if made.num_nodes(t))
    say(f"image:    {_shortened(result['image_scene'])}", f"sentence: {_shortened(result['sentence_scene'])}")
    say(f"graph:    {counts} nodes, {made.num_edges()} edges")
    say(*(f"wrote {path}" for path in result["files"]))


def _shortened(scene: object, longest: int = 400) -> str:
    text = str(scene)
    return text if len(text) <= longest else f"{text[:longest].rsplit(' , (', 1)[0]} , ... (all of it is in the JSON file)"


@app.command(
    epilog=examples(
        "hetero-xmodal corpus world/scenes --size 500 --out corpus",
        "hetero-xmodal corpus my_photos --detector grid:5 --out corpus",
        "hetero-xmodal corpus coco:photos --split val --scenes true --out corpus",
        "hetero-xmodal corpus coco:photos --workers 4 --out corpus",
    )
)
def corpus(
    source: Annotated[str, typer.Argument(help="Name of a data set (world/scenes, coco:FOLDER, folder:FOLDER) or a folder of images.")],
    out: Annotated[Path, typer.Option(help="Folder for the corpus; an interrupted call is continued by the same call.")],
    split: Annotated[str | None, typer.Option(help="train, val or test.")] = None,
    size: Annotated[int | None, typer.Option(help="The first so many images; all if left out.")] = None,
    limit: Annotated[int | None, o.former("--size", "--limit")] = None,
    sentences_per_image: Annotated[int | None, typer.Option(help="Take only the first so many sentences of an image.")] = None,
    seed: o.WorldSeed = None,
    detector: o.Detector = None,
    scenes: Annotated[str, typer.Option(help="detector: find the objects; true: take the data set's own scene graphs.")] = "detector",
    wiring: o.Wiring = "inherit",
    workers: Annotated[int, typer.Option(help="Processes that work at the same time.")] = 1,
    engine: Annotated[str, typer.Option(help="processes of this machine, or dask: a Dask cluster.")] = "processes",
    scheduler: Annotated[str | None, typer.Option(help="Address of a running Dask scheduler, tcp://HOST:8786.")] = None,
) -> None:
    """Turn a whole data set, or a folder of images and captions, into one corpus of heterographs on disk."""
    from ..data.tasks.corpus import build_corpus

    size = o.renamed(size, limit, "--size", "--limit")
    made = build_corpus(
        source, out, split=split, limit=size, sentences_per_image=sentences_per_image, detector=detector, scenes=scenes, wiring=wiring,
        seed=seed, workers=workers, engine=engine, scheduler=scheduler,
    )  # fmt: skip
    dropped = made.info.get("dropped", 0)
    say(made, f"wrote {out}" + (f"; left out {dropped}, with the reasons in {out / 'dropped.csv'}" if dropped else ""))


_UNIT = "image or sentence: only the tables of that unit; pair: everything once for every pair. If left out, each table has its own unit."


@app.command(epilog=examples("hetero-xmodal analyze corpus --out report", "hetero-xmodal analyze corpus --out report --unit sentence"))
def analyze(
    corpus: Annotated[Path, typer.Argument(help="Folder of a corpus, written by 'hetero-xmodal corpus'.")],
    out: Annotated[Path, typer.Option(help="Folder for tables (CSV), figures (PNG) and one page (index.html).")],
    unit: Annotated[str | None, typer.Option(help=_UNIT)] = None,
) -> None:
    """Count what a corpus of heterographs holds: tables, figures and one page that shows them; images once, however many sentences."""
    from ..analysis.report import ANALYSIS_FOLDER
    from ..analysis.report import analyze as analyse
    from ..files import atomic_folder

    with atomic_folder(out, ANALYSIS_FOLDER) as folder:  # a folder that cannot be used is refused before the work
        analyse(corpus, unit=unit).write(folder)
    say(f"Look at the page: {out / 'index.html'}")
