"""``hx.explore``: one page on a whole corpus, from a local server, as a folder of files, or in a notebook."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..counts import agreeing, counted
from ..errors import InputError
from ..files import atomic_folder, existing_file, replaceable_folder
from .files import EXPLORER_FOLDER, Contents

if TYPE_CHECKING:
    from ..graphs.corpus import GraphCorpus
    from ..message_passing import Recipe

#: pairs whose weights a folder holds, unless another number is asked for
WEIGHTS = 24


def explore(
    corpus: GraphCorpus | str | Path,
    out: str | Path | None = None,
    *,
    recipe: str | Recipe | None = None,
    model: Any = None,
    states: Mapping | Callable[[Any], Mapping] | None = None,
    weights: int = WEIGHTS,
) -> Any:
    """A page to walk through a corpus: the list of its pairs, each with image and boxes, sentence and words, and the graph between them.

    Parameters
    ----------
    corpus : a GraphCorpus of pairs, or the folder of one.
    out : folder to write; it opens without a server. If left out, the result is a widget for a notebook.
    recipe, model, states : as in :func:`hetero_xmodal.trace`: a trained recipe, whose edge weights the page shows step by step.
    weights : number of pairs whose weights a folder holds, the first ones; a notebook and a server make those of any pair on demand.

    Returns
    -------
    The path of the page, or the widget.

    Raises
    ------
    InputError : no corpus of pairs, a model that cannot be traced, or *out* holds other files.
    MissingPackageError : pyvis is not installed, or without *out* anywidget.

    >>> import tempfile, hetero_xmodal as hx
    >>> bird = hx.SceneGraph(objects=[hx.SceneObject("bird", box=(0, 0, 9, 9))], size=(10, 10))
    >>> corpus = hx.GraphCorpus.from_graphs([hx.build_graph(bird, hx.SceneGraph())], ids=["a"])
    >>> explore(corpus, Path(tempfile.mkdtemp()) / "page").name  # doctest: +SKIP
    'index.html'
    """
    if out is None:
        from .notebook import widget

        return widget(contents(corpus, recipe=recipe, model=model, states=states))
    replaceable_folder(out, EXPLORER_FOLDER)
    made = contents(corpus, recipe=recipe, model=model, states=states)
    with atomic_folder(out, EXPLORER_FOLDER) as folder:
        missing = made.write(folder, weights=weights)
    if missing:
        warnings.warn(
            f"{counted(missing, 'image')} cannot be read, and {agreeing(missing, 'its place', 'their places')} on the page stay empty",
            stacklevel=2,
        )
    return Path(out) / "index.html"


def contents(corpus: GraphCorpus | str | Path, *, recipe: Any = None, model: Any = None, states: Any = None) -> Contents:
    """What an explorer of *corpus* shows, with the weights of a recipe or model.

    Raises
    ------
    InputError, MissingPackageError : as :func:`explore`.
    """
    from .assemble import vis_network

    vis_network()  # refused before the work
    title = "corpus"
    if isinstance(corpus, str | Path):
        existing_file(Path(corpus) / "corpus.json", "corpus")
        title = Path(corpus).resolve().name
        from ..graphs.corpus import GraphCorpus

        corpus = GraphCorpus.load(corpus)
    if not len(corpus):
        raise InputError("the corpus has no pair of an image and a sentence; there is nothing to walk through")
    from .weights import weigher

    weigh = weigher(corpus, recipe, model, states)
    called = recipe if isinstance(recipe, str) else getattr(recipe, "name", "") or str(model)
    return Contents(corpus, title, weigh=weigh, recipe=called)
