"""``hetero-xmodal evaluate`` and ``compare``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from . import options as o
from .options import examples, note, say

Control = Annotated[
    str | None,
    typer.Option(help="Score with the edges even, identity, shuffled, of merged relation types, or no-bridges: what the graph is worth."),
]
Graph = Annotated[bool, typer.Option("--graph-report", help="Add what the edges do: entropy, self weight, how far each relation moves.")]

app = typer.Typer(
    no_args_is_help=True,
    help="Score a trained model on data that it has never seen; scores come with 95 % intervals.",
    epilog=examples("hetero-xmodal evaluate dagnn --data world/scenes", "hetero-xmodal evaluate cam --data world/birds --pairs 100"),
)
more = typer.Typer()


def _evaluate(recipe: str, data: str, model: Path | str | None, **options: Any) -> None:
    from ..evaluation.evaluate import evaluate

    result = evaluate(model, data, recipe=recipe, **options)
    say(result)
    if result.path is not None:
        note(f"note: {'the scores of every query' if result.per_query else 'these scores'} are in {result.path}")


@app.command(
    "dagnn",
    epilog=examples(
        "hetero-xmodal evaluate dagnn --data world/scenes", "hetero-xmodal evaluate dagnn --data coco:FOLDER --model runs/coco/model"
    ),
)
def evaluate_dagnn(
    data: Annotated[str, typer.Option(help=f"{o.DATA} Its test pairs, or photographs that the model has never seen.")],
    model: o.Model = None,
    size: Annotated[int | None, typer.Option(help="Test pairs of the world.")] = None,
    network: o.SameNetwork = None,
    graph_report: Graph = False,
) -> None:
    """Mean average precision over all ranks, in both directions."""
    _evaluate("dagnn", data, model, size=size, network=network, graph_report=graph_report)


Swaps = Annotated[
    bool,
    typer.Option(
        "--swaps", help="Of world/scenes: how often an image scores higher with its caption than with the same caption after one exchange."
    ),
]


@app.command(
    "algr",
    epilog=examples(
        "hetero-xmodal evaluate algr --data coco:FOLDER --model runs/photos",
        "hetero-xmodal evaluate algr --data world/scenes --control shuffled --graph-report",
        "hetero-xmodal evaluate algr --data scan:FOLDER --model runs/scan --protocol coco-1k-5fold",
    ),
)
def evaluate_algr(
    data: Annotated[str, typer.Option(help=f"{o.DATA} Its test images; without splits, all that the model has never seen.")],
    model: o.Model = None,
    protocol: o.Protocol = "any",
    size: Annotated[int | None, typer.Option(help="The first so many test images.")] = None,
    swaps: Swaps = False,
    control: Control = None,
    graph_report: Graph = False,
    workers: o.Workers = 1,
    engine: o.Engine = "processes",
    scheduler: o.Scheduler = None,
) -> None:
    """R@1, R@5, R@10 and median rank in both directions, and Rsum."""
    where = {"workers": workers, "engine": engine, "scheduler": scheduler}
    _evaluate("algr", data, model, protocol=protocol, size=size, swaps=swaps, control=control, graph_report=graph_report, **where)


@app.command(
    "trail",
    epilog=examples(
        "hetero-xmodal evaluate trail --data world/scenes",
        "hetero-xmodal evaluate trail --data world/scenes --swaps",
        "hetero-xmodal evaluate trail --data coco:FOLDER --model runs/photos --workers 4",
    ),
)
def evaluate_trail(
    data: Annotated[str, typer.Option(help=f"{o.DATA} Its test images; without splits, all that the model has never seen.")],
    model: o.Model = None,
    protocol: o.Protocol = "any",
    size: Annotated[int | None, typer.Option(help="The first so many test images.")] = None,
    swaps: Swaps = False,
    control: Annotated[str | None, typer.Option(help="shuffled: score the model with its typed edges shuffled.")] = None,
    workers: o.Workers = 1,
    engine: o.Engine = "processes",
    scheduler: o.Scheduler = None,
) -> None:
    """R@1, R@5, R@10 and median rank in both directions, and Rsum, by the whole score of every image with every sentence."""
    where = {"workers": workers, "engine": engine, "scheduler": scheduler}
    _evaluate("trail", data, model, protocol=protocol, size=size, swaps=swaps, control=control, **where)


EditModel = Annotated[
    str | None, typer.Option("--model", help="birds or scenes (shipped), or a model or run folder; by the data if left out.")
]
Pairs = Annotated[int, typer.Option(help="Number of pairs of image and instruction.")]
Split = Annotated[str, typer.Option(help="train, val or test.")]
Pixels = Annotated[int | None, typer.Option(help="Side of the images in pixels; the model's own if left out.")]


@app.command(
    "cam",
    epilog=examples(
        "hetero-xmodal evaluate cam --data world/birds --pairs 100",
        "hetero-xmodal evaluate cam --data world/scenes --model runs/scenes --scenes true --similarity runs/similarity",
        "hetero-xmodal evaluate cam --data cub:FOLDER --model runs/cub --pairs 100",
    ),
)
def evaluate_cam(
    data: Annotated[
        str, typer.Option(help="world/birds or world/scenes, where the true answer is known; cub:FOLDER, vg:FOLDER and others.")
    ],
    model: EditModel = None,
    split: Split = "test",
    pairs: Pairs = 500,
    image_size: Pixels = None,
    scenes: o.Scenes = None,
    similarity: o.Similarity = None,
    control: Control = None,
    graph_report: Graph = False,
) -> None:
    """Edit accuracy, facts kept, pixel errors and sentence accuracy of CAM's edits; on photographs the columns of 'table cam'."""
    more = {"control": control, "graph_report": graph_report}
    _evaluate("cam", data, model, split=split, pairs=pairs, image_size=image_size, scenes=scenes, similarity=similarity, **more)


@app.command(
    "mimnet",
    epilog=examples(
        "hetero-xmodal evaluate mimnet --data world/birds --pairs 100",
        "hetero-xmodal evaluate mimnet --data world/birds --model runs/birds --similarity runs/similarity",
    ),
)
def evaluate_mimnet(
    data: Annotated[str, typer.Option(help="world/birds or world/scenes, where the true answer is known.")],
    model: EditModel = None,
    split: Split = "test",
    pairs: Pairs = 500,
    image_size: Pixels = None,
    similarity: o.Similarity = None,
    control: Control = None,
    graph_report: Graph = False,
) -> None:
    """Edit accuracy, facts kept and pixel errors of MIM-Net's edits."""
    more = {"control": control, "graph_report": graph_report}
    _evaluate("mimnet", data, model, split=split, pairs=pairs, image_size=image_size, similarity=similarity, **more)


@more.command(
    epilog=examples(
        "hetero-xmodal compare runs/full runs/no_adversary --data world/scenes",
        "hetero-xmodal compare runs/one runs/two --out compared.csv",
    )
)
def compare(
    first: Annotated[Path, typer.Argument(help="Run folder or model folder.")],
    second: Annotated[Path, typer.Argument(help="Another one of the same recipe.")],
    data: Annotated[
        str | None, typer.Option(help="Data to compare on; if left out, data that both, or one of them, were evaluated on.")
    ] = None,
    out: o.TableFile = None,
) -> None:
    """Compare two models query by query: difference with a 95 % interval, permutation test, wins and losses."""
    from ..evaluation.compare import compare as compare_runs

    say(compare_runs(first, second, data=data, out=out))
