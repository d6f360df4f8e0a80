"""``hx.graph_report``: how much the edges of a trained model, or of a Recipe of your own, do on data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..checks import check_count
from ..control_names import check_control
from ..data.registry import check_data
from ..errors import InputError, nearest
from ..pretrained import SHIPPED, find_model

if TYPE_CHECKING:
    from ..message_passing import GraphReport

RECIPES = ("dagnn", "algr", "trail", "cam", "mimnet")


def graph_report(
    recipe: Any,
    data: Any = None,
    *,
    states: Mapping | Callable[[Any], Mapping] | None = None,
    items: int = 32,
    control: str = "none",
    seed: int = 0,
    progress: bool | None = None,
) -> GraphReport:
    """Entropy and self weight of the edges, standard deviation of the nodes before and after each step, and how far each relation moves
    its receivers; with a warning where the edges are even, a node hears only itself, or all nodes have become alike.

    The measures are defined in :mod:`hetero_xmodal.message_passing.monitor`.

    Parameters
    ----------
    recipe : a :class:`~hetero_xmodal.message_passing.Recipe`; a trained model, its model folder or run folder; or the name of a recipe,
        whose shipped model is taken.
    data : for a Recipe, a ``dgl.DGLGraph``, single or batched, or a :class:`~hetero_xmodal.graphs.corpus.GraphCorpus`. For a model, the
        name of a data set, whose test split is read; DAGNN's graph joins labels and needs none.
    states : for a Recipe, the states it reads: ``{node type: {name: tensor (nodes, width)}}``, or a function of the graph that gives them.
    items : captions with their images, pairs of image and instruction, or graphs of a corpus; the first of the split.
    control, seed : measure under a control, see :mod:`hetero_xmodal.message_passing.controls`.
    progress : show progress bars; by default in a terminal.

    Raises
    ------
    InputError : a recipe, model, data or states that cannot be used.

    Examples
    --------
    >>> report = graph_report("dagnn")
    >>> bool(report.frame["entropy"].between(0, 1).all())
    True
    """
    check_control(control)
    check_count("items", items)
    from ..message_passing import GraphMonitor, Recipe

    if isinstance(recipe, Recipe):
        monitor = GraphMonitor()
        graph = _graph(data, items)
        if states is None:
            read = dict.fromkeys(f"{t} {step.reads!r}" for step in recipe.steps for t in step.sources)
            raise InputError(f"a Recipe of your own needs states, a mapping or a function of the graph; it reads {', '.join(read)}")
        given = recipe if control == "none" else recipe.controlled(control, seed=seed)
        monitor.see(given, graph, states(graph) if callable(states) else states)
        return monitor.report()
    if states is not None:
        raise InputError("states are for a Recipe of your own; a trained model makes its own")
    return _of_model(recipe, data, items, control, seed, progress)


def _graph(data: Any, items: int) -> Any:
    if hasattr(data, "canonical_etypes"):
        return data
    if hasattr(data, "batch") and hasattr(data, "__len__"):
        return data.batch(range(min(items, len(data))))
    raise InputError(f"data is a {type(data).__name__}; a Recipe of your own is measured on a dgl.DGLGraph or a GraphCorpus")


def _of_model(model: Any, data: Any, items: int, control: str, seed: int, progress: bool | None) -> GraphReport:
    trained = model
    if isinstance(model, str | Path):
        if str(model) in SHIPPED:
            shipped = SHIPPED[str(model)]
            name = next((name for name in shipped if str(data) == f"world/{name}"), next(iter(shipped)))
            folder, name = find_model(shipped[name])
        else:
            folder, name = find_model(model)
    else:
        name = getattr(model, "recipe_name", "")
    if name not in RECIPES:
        raise InputError(
            f"recipe is {name or type(model).__name__!r}{nearest(str(name), RECIPES)}; graphs of {', '.join(RECIPES)} are measured"
        )
    if data is None and name != "dagnn":
        raise InputError(f"a graph report of {name} needs data, such as world/scenes")
    if data is not None:
        check_data(data, name)
    from .. import recipes
    from ..message_passing import GraphMonitor, set_control

    if isinstance(model, str | Path):
        classes = {"dagnn": recipes.DAGNN, "algr": recipes.ALGR, "trail": recipes.TRAIL, "cam": recipes.CAM, "mimnet": recipes.MIMNet}
        trained = classes[name].from_pretrained(folder)
    before = getattr(trained.config, "control", "none")
    if control != "none":
        set_control(trained, control, seed=seed)
    monitor = GraphMonitor()
    try:
        {"dagnn": _dagnn, "algr": _algr, "trail": _trail, "cam": _cam, "mimnet": _mimnet}[name](
            trained.eval(), data, items, monitor, progress
        )
    finally:
        if control != "none":
            set_control(trained, before)
    return monitor.report()


def _dagnn(model: Any, data: Any, items: int, monitor: Any, progress: bool | None) -> None:
    from .. import schema

    if model.recipe is None:
        raise InputError(f"variant {model.config.variant} of DAGNN has no label graph to measure")
    monitor.see(model.recipe, model.label_graph(), {schema.LABEL: {"hop 0": model.label_vectors}}, part="recipe")


def _algr(model: Any, data: Any, items: int, monitor: Any, progress: bool | None) -> None:
    import torch

    from .. import schema
    from ..data.tasks.matching import load_test_split

    split = load_test_split(data, model.vocab, sizes={"test": items}, progress=progress)
    batch = split.batch(list(range(min(items, len(split)))))
    with torch.no_grad():
        graph, x = model.nodes(batch)
        monitor.see(model.recipe, graph, x, part="recipe")
        if model.exchange is not None:
            found = model.recipe(graph, x)
            monitor.see(
                model.exchange,
                graph,
                {t: {"latent": found[t]["z"], "z": found[t]["z"]} for t in (schema.VISUAL, schema.WORD)},
                part="exchange",
            )


def _trail(model: Any, data: Any, items: int, monitor: Any, progress: bool | None) -> None:
    from ..data.tasks.matching import load_test_split
    from ..retrieval.typed_attention import typed_pair
    from ..training.trail import model_split

    split = load_test_split(data, model.vocab, sizes={"test": items}, progress=progress)
    typed = model_split(model, split, progress=progress)
    for caption in range(min(items, len(split))):
        graph, states, _ = typed_pair(model, typed, caption)
        monitor.see(model.recipe, graph, states, part="recipe")


def _cam(model: Any, data: Any, items: int, monitor: Any, progress: bool | None) -> None:
    from ..data.tasks.editing import load_pairs
    from ..editing.pipeline import manipulate_pairs
    from ..message_passing import watching

    with watching(model, monitor):
        manipulate_pairs(model, list(load_pairs(data, "test", size=items, image_size=model.config.image_size)), beam=1)


def _mimnet(model: Any, data: Any, items: int, monitor: Any, progress: bool | None) -> None:
    from ..data.tasks.editing import load_pairs
    from ..editing.mimnet import edit_by_memory
    from ..message_passing import watching

    with watching(model, monitor):
        edit_by_memory(model, list(load_pairs(data, "test", size=items, image_size=model.config.fine_size)))
