"""The tables of the ALGR paper, measured on any data set: comparison of methods, and ablations.

>>> from hetero_xmodal.data.tasks.matching import load_matching_data
>>> data = load_matching_data("world/scenes")  # doctest: +SKIP
>>> for name, frame in algr_tables(data, seeds=3):  # doctest: +SKIP
...     print(name, frame.attrs["protocol"], frame, sep="\\n")
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ..baselines.matching.comparison import matching_table
from ..data.tasks.matching import MatchingData
from ..errors import InputError, nearest
from ..recipes.configs.algr import ALGRConfig
from .algr import ALGRMethod, default_settings
from .loop import FitConfig
from .table_rows import ALGR_ABLATIONS as ABLATIONS
from .table_rows import ALGR_CONTROLS as CONTROLS
from .table_rows import ALGR_TABLES as TABLES
from .table_rows import check_seeds

if TYPE_CHECKING:
    import pandas as pd

ENSEMBLE = "ALGR, two averaged"


def algr_tables(
    data: MatchingData,
    *,
    only: str | None = None,
    seeds: int = 3,
    config: ALGRConfig | None = None,
    fit_config: FitConfig | None = None,
    methods: Sequence[str] | None = None,
    rows: Sequence[str] | None = None,
    protocol: str = "any",
    validation_only: bool = False,
    progress: Callable[[str], None] | None = None,
) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield name and content of each table once it is measured: R@1, R@5, R@10 in both directions, Rsum and its standard deviation.

    Parameters
    ----------
    data : from :func:`hetero_xmodal.data.tasks.matching.load_matching_data`.
    only : ``"methods"`` (Tables I and II) or ``"ablations"`` (Tables III and IV); both if left out.
    seeds : number of seeds; every stochastic method is trained with seeds 0, 1, ... and reported as mean and standard deviation.
    config, fit_config : of ALGR; by default those of :func:`~hetero_xmodal.training.algr.default_settings`.
    methods : the methods beside ALGR; all if left out.
    rows : rows of the ablation table, names in :data:`ABLATIONS` and :data:`CONTROLS`; all if left out.
    protocol, validation_only, progress : as in :func:`~hetero_xmodal.baselines.matching.comparison.matching_table`.

    Yields
    ------
    (name, pandas.DataFrame) : as :func:`~hetero_xmodal.baselines.matching.comparison.matching_table` gives it.

    Raises
    ------
    InputError : an unknown table or row, or *seeds* below 1.
    """
    for name, value, known in (("table", only, TABLES), *(("row", row, {**ABLATIONS, **CONTROLS}) for row in rows or ())):
        if value is not None and value not in known:
            raise InputError(f"unknown {name} {value!r}{nearest(value, known)}; use {', '.join(known)}")
    check_seeds(seeds)
    usual, usual_fit = default_settings(data)
    config, fit_config = config or usual, fit_config or usual_fit
    shared = {"seeds": seeds, "protocol": protocol, "validation_only": validation_only, "progress": progress}
    return _tables(data, config, fit_config, [only] if only else TABLES, methods, rows or [*ABLATIONS, *CONTROLS], shared)


def _tables(data, config, fit_config, names, methods, rows, shared):
    def maker(**changes: str) -> Callable[[int], ALGRMethod]:
        return lambda seed: ALGRMethod(data.vocab, replace(config, **changes), fit_config, seed=seed)

    def of_row(row: str) -> Callable[[int], ALGRMethod]:
        return maker(control=CONTROLS[row]) if row in CONTROLS else maker(variant=ABLATIONS[row])

    if "methods" in names:
        ensembles = {ENSEMBLE: "ALGR"} if shared["seeds"] > 1 else {}
        others = {"ALGR": maker()}
        yield "methods", matching_table(data, methods=methods, others=others, ensembles=ensembles, **shared)
    if "ablations" in names:
        yield "ablations", matching_table(data, methods=[], others={row: of_row(row) for row in rows}, **shared)
