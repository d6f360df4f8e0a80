"""Comparison table of methods on one data set: mean and standard deviation over seeds, below a row of chance.

Fitting and evaluation are passed in; :func:`hetero_xmodal.baselines.retrieval.comparison.table` and
:func:`hetero_xmodal.baselines.matching.comparison.matching_table` are the two tables of this package.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..errors import InputError, nearest

if TYPE_CHECKING:
    import pandas as pd

#: column of the standard deviation over seeds
STD = "std"


def methods_table(
    makers: Mapping[str, Callable[[int], Any]],
    *,
    measure: Callable[[Any], tuple[Mapping[str, float], Any]],
    main: str,
    seeds: int | Sequence[int] = 3,
    once: Collection[str] = (),
    chance: Mapping[str, float] | None = None,
    ensembles: Mapping[str, str] | None = None,
    joined: Callable[[Any, Any], Mapping[str, float]] | None = None,
    protocol: str = "",
    progress: Callable[[str], None] | None = None,
    number: str = ".4f",
) -> pd.DataFrame:
    """Fit and evaluate every method once per seed.

    Parameters
    ----------
    makers : row -> function from a seed to an unfitted method.
    measure : fits a method and returns its scores (column -> number, always the same columns, including ``validation``) and what *joined*
        needs of the run (None if there is no ensemble).
    main : the column whose standard deviation over seeds is shown.
    seeds : number of seeds (0, 1, ...), or the seeds.
    once : deterministic rows, which are fitted with the first seed only.
    chance : scores of random predictions, shown as the first row.
    ensembles : further rows: name -> name of another row, whose runs with consecutive seeds are combined (the last with the first).
    joined : scores of two runs combined, from what *measure* returned.
    protocol : description of the evaluation in one line, ``frame.attrs["protocol"]``.
    progress : called with a line of text after each fit, such as ``print``.
    number : format of the scores in these lines.

    Returns
    -------
    pandas.DataFrame
        With the index ``method``, the columns of the scores, ``std`` after *main* (NaN for one run), and ``runs``.
        ``frame.attrs["scores"]`` has, for every row of *makers*, the scores of its single runs.

    Raises
    ------
    InputError
        If there is no seed, or an ensemble is of an unknown row or of a single run.

    >>> class Guess:
    ...     def __init__(self, seed):
    ...         self.seed = seed
    >>> def measure(guess):
    ...     return {"mAP": guess.seed, "validation": 0.5}, None
    >>> frame = methods_table({"guess": Guess}, measure=measure, main="mAP", seeds=(2, 4))
    >>> frame.loc["guess"].round(3).to_dict()
    {'mAP': 3.0, 'std': 1.414, 'validation': 0.5, 'runs': 2.0}
    >>> [run["mAP"] for run in frame.attrs["scores"]["guess"]]
    [2, 4]
    """
    import pandas as pd

    seeds, ensembles = seeds_of(seeds), dict(ensembles or {})
    for name, of in ensembles.items():
        if of not in makers:
            raise InputError(f"ensemble {name!r} is of {of!r}, which is no row of this table{nearest(of, makers)}")
        if len(seeds) < 2:
            raise InputError(f"ensemble {name!r} needs two runs, so at least two seeds")
    rows = {} if chance is None else {"chance": _row([chance], main)}
    single: dict[str, list[dict[str, float]]] = {}
    for name, make in makers.items():
        scores, kept = [], []
        for seed in seeds[:1] if name in once else seeds:
            score, rest = measure(make(seed))
            scores.append(score)
            kept.append(rest if name in ensembles.values() else None)
            if progress is not None:
                progress(f"{name}, seed {seed}: {main} {score[main]:{number}} (validation {score['validation']:{number}})")
        rows[name], single[name] = _row(scores, main), [dict(score) for score in scores]
        for ensemble in (e for e, of in ensembles.items() if of == name):
            pairs = [(run, kept[(k + 1) % len(kept)]) for k, run in enumerate(kept)]
            pairs = pairs[:1] if len(pairs) == 2 else pairs  # the second pair would be the first in reverse
            rows[ensemble] = _row([joined(*pair) for pair in pairs], main)
    frame = pd.DataFrame.from_dict(rows, orient="index").astype({"runs": int}).rename_axis("method")
    frame.attrs |= {"protocol": protocol, "scores": single}
    return frame


def seeds_of(seeds: int | Sequence[int]) -> list[int]:
    """The list of seeds: the first *seeds* integers from 0, or the given ones.

    Raises
    ------
    InputError
        If there is none.
    """
    found = list(range(seeds)) if isinstance(seeds, int) else list(seeds)
    if not found:
        raise InputError("seeds must be at least 1, or a sequence of seeds")
    return found


def check_methods(names: Collection[str], known: Collection[str]) -> None:
    """Check that all methods are among the *known* ones.

    Raises
    ------
    InputError
        If one is not.
    """
    for name in names:
        if name not in known:
            raise InputError(f"method {name!r} is unknown{nearest(name, known)}; use {', '.join(known)}")


def is_random(method: type) -> bool:
    """Whether a baseline's fit depends on a seed."""
    return "seed" in inspect.signature(method.Config).parameters


def maker(method: type, config: Any = None) -> Callable[[int], Any]:
    """Function from a seed to an unfitted baseline, whose config gets that seed if it has one."""
    config = method.Config() if config is None else config
    return lambda seed: method(dataclasses.replace(config, seed=seed) if is_random(method) else config)


def _row(scores: Sequence[Mapping[str, float]], main: str) -> dict[str, float]:
    import numpy as np

    row: dict[str, float] = {}
    for column in scores[0]:
        values = [score[column] for score in scores]
        row[column] = float(np.mean(values))
        if column == main:
            row[STD] = float(np.std(values, ddof=1)) if len(values) > 1 else float("nan")
    return row | {"runs": len(scores)}
