"""``hetero-xmodal graph`` and ``corpus``: from images and sentences to heterographs."""

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
        'hetero-xmodal graph photo.jpg "a man in a red shirt" --detector nanodet --relations prior:prior.json --measure --out result',
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
    relations: o.Relate = None,
    measure: o.Measure = False,
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
        relations=relations, measure=measure, wiring=wiring,
    )  # fmt: skip
    made = result["graph"]
    counts = ", ".join(f"{made.num_nodes(t)} {t}" for t in made.ntypes if made.num_nodes(t))
    say(f"image:    {_shortened(result['image_scene'])}", f"sentence: {_shortened(result['sentence_scene'])}")
    say(f"graph:    {counts} nodes, {made.num_edges()} edges")
    say(*(f"wrote {path}" for path in result["files"]))


def _shortened(scene: object, longest: int = 400) -> str:
    text = str(scene)
    return text if len(text) <= longest else f"{text[:longest].rsplit(' , (', 1)[0]} , ... (all of it is in the JSON file)"


#: what --bridges says -> the argument of build_graph
_BRIDGES: dict[str, bool | str] = {"one": True, "all": "all", "none": False}


@app.command(
    epilog=examples(
        "hetero-xmodal corpus world/scenes --size 500 --out corpus",
        "hetero-xmodal corpus my_photos --detector grid:5 --out corpus",
        "hetero-xmodal corpus coco:photos --split val --scenes true --out corpus",
        "hetero-xmodal corpus coco:photos --split all --out corpus",
        "hetero-xmodal corpus coco:photos --workers 4 --out corpus",
        "hetero-xmodal corpus coco:photos --detector nanodet --relations prior:prior.json --measure --out corpus",
    )
)
def corpus(
    source: Annotated[str, typer.Argument(help="Name of a data set (world/scenes, coco:FOLDER, folder:FOLDER) or a folder of images.")],
    out: Annotated[Path, typer.Option(help="Folder for the corpus; an interrupted call is continued by the same call.")],
    split: Annotated[
        str | None,
        typer.Option(help="train, val, test or another split of the data, or all; train, or the only one, if left out; of a folder all."),
    ] = None,
    size: Annotated[int | None, typer.Option(help="The first so many images; all if left out.")] = None,
    limit: Annotated[int | None, o.former("--size", "--limit")] = None,
    sentences_per_image: Annotated[int | None, typer.Option(help="Take only the first so many sentences of an image.")] = None,
    seed: o.WorldSeed = None,
    detector: o.Detector = None,
    scenes: Annotated[str, typer.Option(help="detector: find the objects; true: take the data set's own scene graphs.")] = "detector",
    relations: o.Relate = None,
    measure: o.Measure = False,
    wiring: o.Wiring = "inherit",
    bridges: Annotated[str, typer.Option(help="one: each word to one region at most; all: a plural (two dogs) to several; none.")] = "one",
    workers: Annotated[int, typer.Option(help="Processes that work at the same time.")] = 1,
    engine: o.Engine = "processes",
    scheduler: o.Scheduler = None,
) -> None:
    """Turn a whole data set, or a folder of images and captions, into one corpus of heterographs on disk."""
    from ..checks import check_choice
    from ..data.tasks.corpus import build_corpus

    check_choice("--bridges", bridges, _BRIDGES)
    size = o.renamed(size, limit, "--size", "--limit")
    made = build_corpus(
        source, out, split=split, limit=size, sentences_per_image=sentences_per_image, detector=detector, scenes=scenes,
        relations=relations, measure=measure, wiring=wiring, bridges=_BRIDGES[bridges], seed=seed, workers=workers, engine=engine,
        scheduler=scheduler,
    )  # fmt: skip
    dropped = made.info.get("dropped", 0)
    say(made, f"wrote {out}" + (f"; left out {dropped}, with the reasons in {out / 'dropped.csv'}" if dropped else ""))
