"""Comparison table for cross-modal retrieval: all methods on one data set, mean and standard deviation over seeds."""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ...data.features import FeatureSet
from ...errors import InputError
from ...recipes.presets import facts_of
from ..methods_table import check_methods, is_random, maker, methods_table
from .base import Baseline
from .rows import ROWS

#: name as in papers -> class, in the order of the paper's table
METHODS: dict[str, type[Baseline]] = {row: getattr(importlib.import_module(__package__), name) for row, name in ROWS.items()}

#: settings that were found better than a method's own: size and text of the data (see ``DataFacts``) -> row -> what differs
SETTINGS: dict[str, dict[str, dict[str, Any]]] = {
    # by 5-fold cross-validation over the training and validation photographs of some 2,800 of COCO
    "small, tf-idf": {"DSCMR": dict(learning_rate=1e-3)},
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
    """Fit every method on the training pairs and evaluate it on the test pairs: mean average precision over all ranks.

    Settings and the epoch to keep are selected on the validation pairs. Deterministic methods are fitted once and have no standard
    deviation.

    Parameters
    ----------
    data : FeatureSet
        With a validation split (see :meth:`FeatureSet.hold_out`).
    methods : sequence of str, optional
        Names in ``METHODS``; default: all.
    seeds : int or sequence of int
        Number of seeds (0, 1, ...), or the seeds.
    configs : mapping, optional
        Method name -> config that replaces the default; its seed is replaced by each of *seeds*.
    others : mapping, optional
        Further rows: name -> function from a seed to an unfitted method with ``fit``, ``embed_images`` and ``embed_texts``.
    progress : callable, optional
        Called with a line of text after each fit, such as ``print``.

    Returns
    -------
    pandas.DataFrame
        One row for each method: ``image_to_text``, ``text_to_image``, ``mean``, ``std`` (standard deviation of ``mean`` over seeds, NaN
        for one run), ``validation`` (the same mean on the validation pairs), ``runs``. The first row is ``chance``: random rankings.
        ``frame.attrs["protocol"]`` describes the evaluation in one line.

    Raises
    ------
    InputError
        If a method is unknown, or there is no validation split.

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
    if data.val is None:
        raise InputError(f"{data.name} has no validation split to choose settings on; use data.hold_out(...) first")
    names = list(METHODS) if methods is None else list(methods)
    check_methods([*names, *(configs or {})], METHODS)

    def measure(method: Any) -> tuple[dict[str, float], None]:
        method.fit(data.train.images, data.train.texts, data.train.labels, validation=data.val)
        return method.evaluate(data.test) | {"validation": method.evaluate(data.val)["mean"]}, None

    return methods_table(
        {name: maker(METHODS[name], (configs or {}).get(name)) for name in names} | dict(others or {}),
        measure=measure,
        main="mean",
        seeds=seeds,
        once=[name for name in names if not is_random(METHODS[name])],
        chance=_chance(data),
        protocol=f"mean average precision over all ranks of {len(data.test)} test pairs",
        progress=progress,
    )


def usual_config(method: str, data: Any = None) -> Any:
    """Config of a row of the table, adapted to loaded data, their facts or a known name if given.

    >>> usual_config("DSCMR").learning_rate, usual_config("DSCMR", "coco-labels").learning_rate
    (0.0003, 0.001)
    """
    check_methods([method], METHODS)
    config = METHODS[method].Config()
    if data is None:
        return config
    facts = facts_of(data)
    return dataclasses.replace(config, **SETTINGS.get(f"{facts.size}, {facts.text}", {}).get(method, {}))


def _chance(data: FeatureSet) -> dict[str, float]:
    import numpy as np

    from .base import retrieval_scores

    rng = np.random.default_rng(0)
    scores = [
        retrieval_scores(*(rng.standard_normal((len(split), 8)).astype(np.float32) for _ in range(2)), split.labels)
        for split in (data.test, data.val)
    ]
    return scores[0] | {"validation": scores[1]["mean"]}
