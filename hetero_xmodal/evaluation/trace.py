"""``trace``: the weight of every edge in a forward pass of a trained model on one image and one sentence, as a table and as a figure."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..checks import check_sentence, check_unused
from ..counts import counted
from ..csv_text import csv_of
from ..errors import InputError, nearest
from ..files import FolderKind, Saved, write_text
from ..images import read_image
from ..parsers.detectors.registry import check_detector
from ..parsers.sentence import check_language
from ..pretrained import SHIPPED, find_model

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure
    from PIL import Image

    from ..data.dataset import Item
    from ..message_passing import Recipe, Trace
    from ..retrieval.typed_attention import TypedMatch

RECIPES = ("algr", "trail", "cam", "mimnet")
_FILES = ("weights.csv", "weights.png")
_DEFAULT = {"algr": "world", "trail": "world", "cam": "birds", "mimnet": "birds"}


@dataclass(frozen=True, eq=False)
class EdgeWeights(Saved):
    """Result of :func:`hetero_xmodal.trace`; ``print(...)`` shows the largest weights of every destination node.

    image, sentence : the model's inputs
    recipe : of the model
    traces : part of the model (such as ``"recipe"``) -> :class:`~hetero_xmodal.message_passing.Trace` of its steps
    boxes : of the regions in their order, x1, y1, x2, y2 in pixels of *image*; empty where the model has no regions
    match : of a TRAIL: what each word found, what adds up to the score, and what each typed edge changes
    """

    image: Image.Image
    sentence: str
    recipe: str
    traces: Mapping[str, Trace]
    boxes: tuple[tuple[float, float, float, float], ...] = ()
    match: TypedMatch | None = None

    files, kind = _FILES, FolderKind("trace", _FILES)

    @cached_property
    def frame(self) -> pd.DataFrame:
        """One row per edge and step.

        Columns: ``part`` of the model, ``number`` and name of the ``step``, ``weighing`` (how the step weighs its messages, such as
        ``softmax q . k``), ``source`` and ``destination`` by name, the relation ``along`` which the message goes, ``weight``, and to
        compute with ``source_type``, ``source_node``, ``destination_type``, ``destination_node``. The weights of a softmax that reach one
        node in one step sum to 1.
        """
        import pandas as pd

        frames = []
        for part, trace in self.traces.items():
            weighing = {taken.number: str(taken.step.describe()["weigh"]) for taken in trace.steps}
            table = trace.table()
            table.insert(0, "part", part)
            table.insert(3, "weighing", table["number"].map(weighing))
            frames.append(table)
        return pd.concat(frames, ignore_index=True)

    def figure(self) -> Figure:
        """One panel for every step that weighs its messages: a matrix of destinations and sources, or the places of the image as a map.

        Of a TRAIL, which word found which region, what adds up to the score, and the score with each edge minus that without it.
        """
        if self.match is not None:
            from ..viz.typed_match import draw_typed_match

            found = self.match
            return draw_typed_match(
                self.image, found.words, found.regions, share=found.share, boxes=self.boxes or None, score=found.score, parts=found.parts,
                edges=[(effect.text, effect.change) for effect in found.edges], title=self.sentence,
            )  # fmt: skip
        from .trace_figure import draw_edge_weights

        return draw_edge_weights(self)

    def summary(self, top: int = 3, *, destinations: int = 12) -> str:
        """For every step, the *top* largest weights of each of the first *destinations* nodes that receive messages.

        Raises
        ------
        InputError : *top* below 1.
        """
        if isinstance(top, bool) or not isinstance(top, int) or top < 1:
            raise InputError(f"top is {top!r}; give a whole number of at least 1")
        lines = []
        for (part, number, step, weighing), rows in self.frame.groupby(["part", "number", "step", "weighing"], sort=False):
            if weighing == "1":
                lines.append(f"{part} {number}: {step}; {counted(len(rows), 'edge')}, all of weight 1")
                continue
            lines.append(f"{part} {number}: {step}; weight {weighing}; {counted(len(rows), 'edge')}")
            if rows["destination_type"].iloc[0].endswith("patch"):  # places of the image: too many to list, the figure shows them as maps
                parts = rows.groupby("source", sort=False)["weight"].agg(["mean", "max"]).sort_values("mean", ascending=False)
                lines += [f"    {name}: mean over places {mean:.3f}, largest {most:.3f}" for name, mean, most in parts.itertuples()][
                    :destinations
                ]
                continue
            nodes = list(rows.groupby(["destination_type", "destination_node"], sort=False))
            for _, edges in nodes[:destinations]:
                largest = edges.nlargest(top, "weight", keep="first")
                told = ", ".join(f"{name} {weight:.3f}" for name, weight in zip(largest["source"], largest["weight"], strict=True))
                lines.append(f"    {edges['destination'].iloc[0]}: {told}")
            if len(nodes) > destinations:
                lines.append(f"    and {len(nodes) - destinations} more destinations")
        return "\n".join(lines)

    def __str__(self) -> str:
        return self.summary()

    def write(self, folder: Path, *, dpi: int = 150) -> None:
        """Write ``weights.csv`` and ``weights.png`` into an existing folder."""
        write_text(folder / "weights.csv", csv_of(self.frame, index=False, float_format="%.6g"))
        self.figure().savefig(folder / "weights.png", dpi=dpi)


def trace(
    image: Any,
    sentence: str,
    *,
    recipe: str | Recipe | None = None,
    model: Any = None,
    states: Mapping | Callable[[Any], Mapping] | None = None,
    detector: Any = None,
    image_scene: Any = None,
    language: str | None = None,
) -> EdgeWeights:
    """The weight of every edge in a forward pass of a model on an image and a sentence.

    Parameters
    ----------
    image : path, PIL image or uint8 array.
    sentence : English sentence; for CAM and MIM-Net an instruction.
    recipe : ``"algr"``, ``"trail"``, ``"cam"`` or ``"mimnet"``, or a :class:`~hetero_xmodal.message_passing.Recipe` of your own, which
        runs on the pair graph of image and sentence. May be left out where *model* says it.
    model : model folder, run folder, name of a shipped model, or the model itself; the shipped one of *recipe* if left out.
    states : for a Recipe of your own, the states it reads: ``{node type: {name: tensor (nodes, width)}}``, or a function of the graph that
        gives them.
    detector, image_scene : what finds the objects of the image, or its scene graph, for CAM and for a Recipe of your own. ALGR and
        TRAIL read images as they were trained to, and MIM-Net needs no objects: both refuse them.
    language : spaCy model that parses the sentence.

    Raises
    ------
    InputError : an image, sentence, recipe or model that cannot be used, or a Recipe without states.

    Examples
    --------
    >>> import hetero_xmodal as hx
    >>> bird = hx.load_dataset("world/birds", "test", size=1)[0]
    >>> weights = trace(bird.image, "This bird has red wings.", recipe="cam", image_scene=bird.scene)
    >>> told = weights.frame[weights.frame["weighing"].str.startswith("softmax")]
    >>> sums = told.groupby(["part", "number", "destination"])["weight"].sum()
    >>> bool(((sums - 1).abs() < 1e-4).all())
    True
    """
    given, image = image, read_image(image)  # a file of detections knows an image by its name
    check_sentence(sentence)
    check_language(language)
    if image_scene is None:
        check_detector("world" if detector is None else detector)
    else:
        check_unused("is not used where the image's scene graph is given", detector=detector)
    if recipe is not None and not isinstance(recipe, str):
        return _own(given, sentence, recipe, states, detector, image_scene, language)
    if states is not None:
        raise InputError("states are for a Recipe of your own; a trained model makes its own")
    name, trained = _model(recipe, model, {"detector": detector, "image_scene": image_scene}, language)
    if name == "trail":
        return _trail(trained, image, _item(given, image, sentence))
    if name == "algr":
        traces, boxes = _algr(trained, image, _item(given, image, sentence))
    elif name == "cam":
        traces, boxes = _cam(trained, given, sentence, detector, image_scene, language)
    else:
        traces, boxes = _mimnet(trained, image, sentence, language), ()
    return EdgeWeights(image, sentence, name, traces, boxes)


def load_traced(recipe: str | None, model: Any) -> tuple[str, Any]:
    """Name of the recipe and the model, loaded once to trace many pairs; both as in :func:`trace`.

    Raises
    ------
    InputError : an unknown recipe, a model that cannot be loaded, or one whose edges cannot be traced.
    """
    return _model(recipe, model, {}, None)


def _check_used(name: str, objects: Mapping[str, Any], language: str | None) -> None:
    """Refuse options that a model of the recipe *name* would not read."""
    if name in ("algr", "trail"):
        check_unused(f"is not used by the recipe {name}, which reads images as it was trained to", **objects)
        why = "parses no sentence" if name == "algr" else "parses sentences as it was trained to"
        check_unused(f"is not used by the recipe {name}, which {why}", language=language)
    elif name == "mimnet":
        check_unused("is not used by the recipe mimnet, which looks for no objects", **objects)


def _model(recipe: str | None, model: Any, objects: Mapping[str, Any], language: str | None) -> tuple[str, Any]:
    """Name of the recipe and the loaded model, for which the options *objects* and *language* are checked before it is loaded."""
    if recipe is not None and recipe not in RECIPES:
        why = " (its only edges join labels, so an image and a sentence have none)" if recipe == "dagnn" else ""
        raise InputError(f"recipe is {recipe!r}{nearest(recipe, RECIPES)}{why}; edges of {', '.join(RECIPES)} can be traced")
    if model is not None and not isinstance(model, str | Path):
        name = model.recipe_name
        if name not in RECIPES or recipe not in (None, name):
            raise InputError(f"the model is of the recipe {name}; expected {recipe or ' or '.join(RECIPES)}")
        _check_used(name, objects, language)
        return name, model
    if model is None and recipe is None:
        raise InputError("give a recipe (algr, trail, cam or mimnet) or a model")
    place = SHIPPED[recipe][_DEFAULT[recipe]] if model is None else model
    folder, name = find_model(place, recipe=recipe)
    if name not in RECIPES:
        raise InputError(f"model '{folder}' is of the recipe {name}; edges of {', '.join(RECIPES)} can be traced")
    _check_used(name, objects, language)
    from .. import recipes

    return name, {"algr": recipes.ALGR, "trail": recipes.TRAIL, "cam": recipes.CAM, "mimnet": recipes.MIMNet}[name].from_pretrained(folder)


# ---------------------------------------------------------------------------------------------- recipe by recipe


Boxes = tuple[tuple[float, float, float, float], ...]


def _item(given: Any, image: Any, sentence: str) -> Item:
    """The pair as an item; a file keeps its name, by which a file of detections beside it knows it."""
    from ..data.dataset import Item

    return Item(image, [sentence], id="image", path=Path(given) if isinstance(given, str | Path) else None)


def _algr(model: Any, image: Any, item: Item) -> tuple[dict[str, Trace], Boxes]:
    import torch

    from .. import schema
    from ..retrieval.index import items_split

    split = items_split(model.vocab, [item], progress=False)
    batch = split.batch([0])
    boxes = _boxes_in(image, split)
    with torch.no_grad():
        graph, x = model.eval().nodes(batch)
        traces = {"recipe": model.recipe.trace(graph, x)}
        if model.exchange is not None:
            found = traces["recipe"].states
            latent = {side: {"latent": found[side]["z"], "z": found[side]["z"]} for side in (schema.VISUAL, schema.WORD)}
            traces["exchange"] = model.exchange.trace(graph, latent)
    words = list(split.words.tokens) if len(split.words.tokens) else []
    names = {schema.VISUAL: ["region"] * int(batch.region_counts[0]), schema.WORD: words}
    return {part: _renamed(trace, names) for part, trace in traces.items()}, boxes


def _boxes_in(image: Any, split: Any) -> Boxes:
    """The boxes of the regions of a split's only image, in pixels of *image*."""
    if split.regions.boxes is None:
        return ()
    wide = image.size if split.regions.sizes is None else split.regions.sizes[0]
    scale = [image.size[0] / float(wide[0]), image.size[1] / float(wide[1])] * 2
    rows = split.regions.boxes[0][: int(split.regions.counts[0])]
    return tuple(tuple(float(v) * s for v, s in zip(row, scale, strict=True)) for row in rows)


def _trail(model: Any, image: Any, item: Item) -> EdgeWeights:
    import torch

    from ..retrieval.index import items_split
    from ..retrieval.typed_attention import typed_match, typed_pair
    from ..training.trail import model_split

    split = items_split(model.vocab, [item], progress=False)
    data = model_split(model.eval(), split, progress=False)
    graph, states, names = typed_pair(model, data, 0)
    with torch.no_grad():
        made = model.recipe.trace(graph, states)
    traces, boxes = {"recipe": _renamed(made, names)}, _boxes_in(image, split)
    return EdgeWeights(image, item.sentences[0], "trail", traces, boxes, typed_match(model, data, 0))


def _cam(model: Any, image: Any, sentence: str, detector: Any, image_scene: Any, language: str | None) -> tuple[dict[str, Trace], Boxes]:
    from ..editing.pipeline import manipulate

    with _recorded(model) as traces:
        made = manipulate(image, sentence, model=model, detector=detector, image_scene=image_scene, language=language, beam=1)
    return traces, tuple(thing.box for thing in made.image_scene.objects if thing.box is not None)


def _mimnet(model: Any, image: Any, sentence: str, language: str | None) -> dict[str, Trace]:
    from ..editing.mimnet import manipulate_by_memory

    with _recorded(model) as traces:
        manipulate_by_memory(image, sentence, model=model, language=language, swatches=0)
    return traces


def _own(image: Any, sentence: str, recipe: Any, states: Any, detector: Any, image_scene: Any, language: str | None) -> EdgeWeights:
    from ..message_passing import Recipe

    if not isinstance(recipe, Recipe):
        raise InputError(f"recipe is a {type(recipe).__name__}; give a name ({', '.join(RECIPES)}) or a hetero_xmodal Recipe")
    if states is None:
        read = dict.fromkeys(f"{t} {step.reads!r}" for step in recipe.steps for t in step.sources)
        raise InputError(f"a Recipe of your own needs states, a mapping or a function of the graph; it reads {', '.join(read)}")
    import torch

    from ..graphs import build_graph
    from ..parsers.image import parse_image
    from ..parsers.sentence import parse_sentence

    seen = parse_image(image, detector=detector or "world") if image_scene is None else image_scene
    graph = build_graph(seen, parse_sentence(sentence, **({} if language is None else {"model": language})))
    with torch.no_grad():
        made = recipe.trace(graph, states(graph) if callable(states) else states)
    boxes = tuple(thing.box for thing in seen.objects if thing.box is not None)
    return EdgeWeights(image, sentence, recipe.name or "recipe", {"recipe": made}, boxes)


@contextlib.contextmanager
def _recorded(model: Any) -> Iterator[dict[str, Trace]]:
    """Within, the first run of every recipe in *model* is traced as well; gives the traces by the recipes' names in the model."""
    from ..message_passing import Recipe

    traces: dict[str, Trace] = {}
    parts = [(name, part) for name, part in model.named_modules() if isinstance(part, Recipe)]

    def record(name: str) -> Callable[..., None]:
        def hook(part: Recipe, arguments: tuple, options: dict) -> None:
            if name not in traces:
                traces[name] = part.trace(*arguments[:2], edge_weights=options.get("edge_weights"))

        return hook

    hooks = [part.register_forward_pre_hook(record(name), with_kwargs=True) for name, part in parts]
    try:
        yield traces
    finally:
        for hook in hooks:
            hook.remove()


def _renamed(trace: Trace, names: Mapping[str, list[str]]) -> Trace:
    return replace(trace, names={**trace.names, **names})
