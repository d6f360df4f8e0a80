"""The table of a paper: every method on one data set, mean and spread over seeds."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ...data.features import FeatureSet
from ...errors import InputError, nearest
from .acmr import ACMR
from .base import Baseline
from .correlation import DCCA, CorrAE
from .dbn import MultimodalDBN
from .dscmr import DSCMR
from .jrl import JRL
from .linear import CCA, CFA, MLCCA, PLSC2A

#: name as papers write it -> class, in the order of the paper's table
METHODS: dict[str, type[Baseline]] = {
    method.name: method for method in (CFA, CCA, PLSC2A, JRL, MLCCA, MultimodalDBN, CorrAE, DCCA, ACMR, DSCMR)
}


def table(
    data: FeatureSet,
    *,
    methods: Sequence[str] | None = None,
    seeds: int | Sequence[int] = 3,
    configs: Mapping[str, Any] | None = None,
    others: Mapping[str, Callable[[int], Any]] | None = None,
    progress: Callable[[str], None] | None = None,
):
    """Fit every method to the training pairs and measure it on the test pairs: mean average precision over all ranks.

    Settings and the epoch to stop at are chosen on the validation pairs. A method without randomness is fitted once and has no spread.

    Parameters
    ----------
    data : FeatureSet
        With a validation split (see :meth:`FeatureSet.hold_out`).
    methods : sequence of str, optional
        Names in ``METHODS``; default: all.
    seeds : int or sequence of int
        How many seeds (0, 1, ...), or which.
    configs : mapping, optional
        Method name -> config, where the default is not wanted; its seed is replaced by each of *seeds*.
    others : mapping, optional
        More rows: name -> function from a seed to an unfitted method with the same interface (``fit``, ``embed_images``, ``embed_texts``).
    progress : callable, optional
        Called with a line of text after each fit, such as ``print``.

    Returns
    -------
    pandas.DataFrame
        One row for each method: ``image_to_text``, ``text_to_image``, ``mean``, ``spread`` (standard deviation of ``mean`` over seeds,
        NaN for one run), ``validation`` (the same mean on the validation pairs), ``runs``. The first row is ``chance``: random rankings.

    Raises
    ------
    InputError
        An unknown method, or no validation split.

    Examples
    --------
    >>> import numpy as np
    >>> from hetero_xmodal.data.features import FeatureSet, FeatureSplit
    >>> rng = np.random.default_rng(0)
    >>> labels = np.eye(3)[np.arange(90) % 3]
    >>> pairs = FeatureSplit(labels + 0.1 * rng.normal(size=(90, 3)), 1 - labels, labels)
    >>> data = FeatureSet("easy", train=pairs.rows(slice(0, 60)), test=pairs.rows(slice(60, 90))).hold_out(12)
    >>> table(data, methods=["CCA", "PLS-C2A"], seeds=1)["mean"].round(2).to_dict()
    {'chance': 0.41, 'CCA': 1.0, 'PLS-C2A': 1.0}
    """
    import pandas as pd

    if data.val is None:
        raise InputError(f"{data.name} has no validation split to choose settings on; use data.hold_out(...) first")
    names = list(METHODS) if methods is None else list(methods)
    for name in [*names, *(configs or {})]:
        if name not in METHODS:
            raise InputError(f"method {name!r} is unknown{nearest(name, METHODS)}; use {', '.join(METHODS)}")
    seeds = range(seeds) if isinstance(seeds, int) else seeds
    if len(seeds) == 0:
        raise InputError("seeds must be at least 1, or a sequence of seeds")
    makers = {name: _maker(METHODS[name], (configs or {}).get(name)) for name in names} | dict(others or {})
    rows = {"chance": _chance(data)}
    for name, make in makers.items():
        runs = []
        for seed in seeds:
            method = make(seed)
            method.fit(data.train.images, data.train.texts, data.train.labels, validation=data.val)
            runs.append({**method.evaluate(data.test), "validation": method.evaluate(data.val)["mean"]})
            if progress is not None:
                progress(f"{name}, seed {seed}: {runs[-1]['mean']:.4f} (validation {runs[-1]['validation']:.4f})")
            if name in METHODS and not _is_random(METHODS[name]):
                break
        frame = pd.DataFrame(runs)
        rows[name] = {**frame.mean(), "spread": frame["mean"].std() if len(runs) > 1 else float("nan"), "runs": len(runs)}
    result = pd.DataFrame.from_dict(rows, orient="index")
    result.index.name = "method"
    return result[["image_to_text", "text_to_image", "mean", "spread", "validation", "runs"]].astype({"runs": int})


def _is_random(method: type[Baseline]) -> bool:
    return "seed" in inspect.signature(method.Config).parameters


def _maker(method: type[Baseline], config: Any) -> Callable[[int], Baseline]:
    config = method.Config() if config is None else config
    return lambda seed: method(dataclasses.replace(config, seed=seed) if _is_random(method) else config)


def _chance(data: FeatureSet) -> dict[str, float]:
    import numpy as np

    from .base import retrieval_scores

    rng = np.random.default_rng(0)
    scores = [
        retrieval_scores(*(rng.standard_normal((len(split), 8)).astype(np.float32) for _ in range(2)), split.labels)
        for split in (data.test, data.val)
    ]
    return {**scores[0], "spread": float("nan"), "validation": scores[1]["mean"], "runs": 1}
