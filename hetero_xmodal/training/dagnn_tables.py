"""The tables of the DAGNN paper, measured on any data set: comparison of methods, ablations, numbers of layers.

>>> from hetero_xmodal.data.tasks.retrieval import load_retrieval_data
>>> data = load_retrieval_data("wikipedia:FOLDER")  # doctest: +SKIP
>>> for name, frame in dagnn_tables(data, seeds=3):  # doctest: +SKIP
...     print(name, frame, sep="\\n")

``hetero-xmodal table dagnn --data wikipedia:FOLDER`` prints the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..baselines.retrieval.comparison import table, usual_config
from ..data.tasks.retrieval import RetrievalData
from ..errors import InputError
from ..recipes.configs.dagnn import DAGNNConfig
from .dagnn import DAGNNMethod, default_settings, tag_features
from .loop import FitConfig
from .table_rows import check_dagnn_rows, check_seeds

if TYPE_CHECKING:
    import pandas as pd


def dagnn_tables(
    data: RetrievalData,
    *,
    only: str | None = None,
    rows: Sequence[str] | None = None,
    on_validation: bool = False,
    seeds: int = 3,
    config: DAGNNConfig | None = None,
    epochs: int | None = None,
    label_vectors: Any = None,
    progress: Callable[[str], None] | None = None,
) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield name and content of each table once it is measured: mean average precision over all ranks of the test pairs.

    Parameters
    ----------
    data : from :func:`hetero_xmodal.data.tasks.retrieval.load_retrieval_data`.
    only : ``"methods"`` (Table 1), ``"raw tags"``, ``"ablations"``, ``"layers"`` (1 to 6) or ``"dagnn"`` (its row alone); all but the last
        if left out. Where texts are tags, every method of ``"methods"`` reads what DAGNN reads: h^v, and h^t of a tag network trained on
        the training pairs; in ``"raw tags"`` the baselines read the tags themselves.
    rows : only these rows of the tables, such as ``["DAGNN", "CCA", "5 layers"]``; a table without any of them is omitted.
    on_validation : score the validation pairs instead of the test pairs, which are then not used; for choosing settings.
    seeds : number of seeds; every stochastic method is trained with seeds 0, 1, ... and reported as mean and standard deviation.
    config, epochs : of DAGNN; by default those of :func:`default_settings`.
    label_vectors : word vectors of the labels (c, d), for DAGNN.
    progress : called with a line of text after each fit, such as ``print``.

    Returns
    -------
    iterator of (name, pandas.DataFrame) : see :func:`~hetero_xmodal.baselines.table`. Epochs are chosen on the validation pairs.

    Raises
    ------
    InputError : an unknown table, a row that none of the tables has, or raw tags of data whose texts are no tags.
    """
    asked = check_dagnn_rows(only, rows)
    if not data.vocab.get("tags"):
        if only == "raw tags":
            raise InputError(f"the texts of {data.features.name} are no tags; leave out the table raw tags")
        asked.pop("raw tags", None)
    check_seeds(seeds)
    usual, usual_epochs = default_settings(data)
    config, epochs = config or usual, usual_epochs if epochs is None else epochs
    FitConfig(epochs=epochs)  # refuses what cannot be before the first fit
    raw = replace(data.features, test=data.features.val) if on_validation else data.features

    def maker(changes: dict[str, Any]) -> Callable[[int], DAGNNMethod]:
        changed = replace(config, **changes)
        return lambda seed: DAGNNMethod(data.vocab, changed, FitConfig(epochs=epochs, seed=seed), label_vectors=label_vectors)

    def tables() -> Iterator[tuple[str, pd.DataFrame]]:
        full = None  # the row of the full model stands in every table and is made once
        for name, (methods, ours) in asked.items():
            same = name == "methods" and methods and data.vocab.get("tags")
            features = tag_features(data, config, raw) if same else raw
            new = {row: maker(changes) for row, changes in ours.items() if full is None or not _is_full(config, changes)}
            configs = {name: usual_config(name, data) for name in methods}
            frame = table(features, methods=methods, seeds=seeds, configs=configs, others={} if same else new, progress=progress)
            if same and new:  # DAGNN has a tag network of its own
                own = table(raw, methods=[], seeds=seeds, others=new, progress=progress)
                frame = pd.concat([frame, own.drop("chance")]).rename_axis("method")
            if full is not None:
                own = [row for row, changes in ours.items() if _is_full(config, changes)]
                frame = pd.concat([frame, *(full.set_axis([row]) for row in own)]).loc[["chance", *methods, *ours]].rename_axis("method")
            elif "DAGNN" in frame.index:
                full = frame.loc[["DAGNN"]]
            yield name, frame

    import pandas as pd

    return tables()


def _is_full(config: DAGNNConfig, changes: dict[str, Any]) -> bool:
    """Whether a row is the full model under another name, such as that with as many layers as it has anyway."""
    return replace(config, **changes) == config
