"""The compositional table: accuracy on swap sets, by kind of exchange, of every method of image-text matching.

TRAIL and its controls stand beside the methods of :data:`~hetero_xmodal.baselines.matching.rows.ROWS` and ALGR, all fitted to the same
regions and captions of the generated world. Rsum beside the accuracies shows what they cost in retrieval.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..baselines.matching.comparison import METHODS, usual_config
from ..baselines.methods_table import is_random, maker, methods_table
from ..data.tasks.matching import MatchingData
from ..data.tasks.matching.swaps import SwapSplit
from ..metrics import recall_at_k, swap_accuracy
from .algr import ALGRMethod
from .table_rows import COMPOSITIONAL_ROWS, TRAIL_CONTROLS, check_seeds
from .trail import TrailMethod, default_settings

if TYPE_CHECKING:
    import pandas as pd

    from ..graphs.said import SaidGraph
    from .loop import FitConfig

MEAN = "mean"


def compositional_table(
    data: MatchingData,
    swaps: SwapSplit,
    *,
    seeds: int = 3,
    rows: Sequence[str] | None = None,
    config: Any = None,
    fit_config: FitConfig | None = None,
    validation_only: bool = False,
    progress: Callable[[str], None] | None = None,
) -> pd.DataFrame:
    """Fit every method on the training split and score it on swap sets, and by Rsum on the test split.

    Parameters
    ----------
    data : of ``world/scenes``.
    swaps : from :func:`~hetero_xmodal.data.tasks.matching.load_swaps` with the vocabulary of *data*.
    seeds : number of seeds of methods that have one.
    rows : names of :data:`~.table_rows.COMPOSITIONAL_ROWS`; all if left out.
    config, fit_config : of TRAIL; those of its preset if left out.
    validation_only : Rsum of the validation split; the swaps are whichever were given.
    progress : called with a line of text after each fit.

    Returns
    -------
    pandas.DataFrame
        One row for each method; columns: each kind of swap, their mean with its standard deviation over seeds, ``Rsum``, ``validation``.
        ``frame.attrs["scores"]`` has the same of every seed alone.
    """
    check_seeds(seeds)
    names = list(COMPOSITIONAL_ROWS if rows is None else rows)
    parsed: dict[tuple[str, ...], list[SaidGraph]] = {}
    usual, usual_fit = default_settings(data)
    config, fit_config = config or usual, fit_config or usual_fit
    test = data.val if validation_only else data.test

    def make(row: str) -> Callable[[int], Any]:
        if row in METHODS:
            return maker(METHODS[row][0], usual_config(row, data))
        if row == "ALGR":
            return lambda seed: ALGRMethod(data.vocab, seed=seed)
        changed = replace(config, **TRAIL_CONTROLS[row])
        return lambda seed: TrailMethod(data.vocab, changed, fit_config, seed=seed, parsed=parsed)

    def measure(method: Any) -> tuple[dict[str, float], None]:
        method = method.fit(data.train, data.val)
        found = swap_accuracy(method.similarity(swaps.split), swaps.split.image_of_caption, swaps.kinds)
        rsum = recall_at_k(method.similarity(test), test.image_of_caption)["rsum"]
        validation = rsum if validation_only else recall_at_k(method.similarity(data.val), data.val.image_of_caption)["rsum"]
        return {**found, MEAN: sum(found.values()) / len(found), "Rsum": float(rsum), "validation": float(validation)}, None

    frame = methods_table(
        {row: make(row) for row in names}, measure=measure, main=MEAN, seeds=seeds,
        once=[row for row in names if row in METHODS and not is_random(METHODS[row][0])], progress=progress, number=".3f",
    )  # fmt: skip
    kinds = ", ".join(f"{kind} {int((swaps.kinds == kind).sum())}" for kind in dict.fromkeys(swaps.kinds.tolist()))
    frame.attrs["protocol"] = (
        f"share of {len(swaps.kinds)} captions that score higher with their image than after one exchange ({kinds}); 0.5 is chance; "
        f"Rsum of {len(test.regions)} {test.name} images"
    )
    return frame
