"""Comparison table for image-text matching: all methods on one data set, mean and standard deviation over seeds."""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ...data.tasks.matching import MatchingData, Split
from ...metrics import RecallResult, recall_at_k
from ...recipes.presets import facts_of
from ..methods_table import check_methods, is_random, maker, methods_table
from .base import MatchingBaseline
from .rows import ROWS

_package = importlib.import_module(__package__)
#: row of the table -> (class, default config)
METHODS: dict[str, tuple[type[MatchingBaseline], Any]] = {
    row: (getattr(_package, name), getattr(_package, f"{name}Config")(**changes)) for row, (name, changes) in ROWS.items()
}

#: settings chosen on validation splits, for data that is far smaller than the papers': DataFacts.size -> row -> what differs from METHODS
SETTINGS: dict[str, dict[str, dict[str, Any]]] = {
    "world": {
        "mean-pool": dict(epochs=10, learning_rate=2e-3, decay_after=7),
        "VSE++": dict(width=128, epochs=8, learning_rate=2e-3, decay_after=6, dropout=0.1),
        "SCAN t2i": dict(width=128, epochs=6, learning_rate=2e-3, decay_after=4, batch_size=64),
        "SCAN i2t": dict(width=128, epochs=6, learning_rate=2e-3, decay_after=4, batch_size=64),
        "SCAN t2i + i2t": dict(width=128, epochs=6, learning_rate=2e-3, decay_after=4, batch_size=64),
        "VSRN": dict(width=128, epochs=8, learning_rate=2e-3, decay_after=6, dropout=0.1, layers=2),
        "CAMERA": dict(width=128, epochs=8, learning_rate=1e-3, decay_after=6, views=4),
        "GSMN": dict(width=128, epochs=6, learning_rate=2e-3, decay_after=4, batch_size=64),
        "SGM": dict(width=128, epochs=8, learning_rate=2e-3, decay_after=6),
        "SAF": dict(width=128, similarity_width=64, epochs=6, learning_rate=1e-3, decay_after=4, batch_size=64),
        "SGR": dict(width=128, similarity_width=64, epochs=6, learning_rate=1e-3, decay_after=4, batch_size=64),
        "SGRAF": dict(width=128, similarity_width=64, epochs=6, learning_rate=1e-3, decay_after=4, batch_size=64),
    },
    # a few thousand photographs overfit within epochs: high dropout and low patience; only one setting of SCAN and VSRN was tried
    "small": {
        "mean-pool": dict(width=512, epochs=12, dropout=0.6, margin=0.1, patience=3),
        "VSE++": dict(epochs=8, dropout=0.4, patience=2),
        "SCAN t2i": dict(width=128, epochs=5, learning_rate=1e-3, dropout=0.4, batch_size=32, patience=1),
        "SCAN i2t": dict(width=128, epochs=5, learning_rate=1e-3, dropout=0.4, batch_size=32, patience=1),
        "SCAN t2i + i2t": dict(width=128, epochs=5, learning_rate=1e-3, dropout=0.4, batch_size=32, patience=1),
        "VSRN": dict(width=128, epochs=6, learning_rate=1e-3, dropout=0.4, layers=2, patience=2),
        "CAMERA": dict(width=128, epochs=6, learning_rate=1e-3, dropout=0.4, patience=2),
        "GSMN": dict(width=128, epochs=5, learning_rate=1e-3, dropout=0.4, batch_size=32, patience=1),
        "SGM": dict(width=128, epochs=6, learning_rate=1e-3, dropout=0.4, patience=2),
        "SAF": dict(width=128, similarity_width=64, epochs=5, learning_rate=1e-3, dropout=0.4, batch_size=32, patience=1),
        "SGR": dict(width=128, similarity_width=64, epochs=5, learning_rate=1e-3, dropout=0.4, batch_size=32, patience=1),
        "SGRAF": dict(width=128, similarity_width=64, epochs=5, learning_rate=1e-3, dropout=0.4, batch_size=32, patience=1),
    },
}

DIRECTIONS = {"i2t": "image_to_text", "t2i": "text_to_image"}


def matching_table(
    data: MatchingData,
    *,
    methods: Sequence[str] | None = None,
    seeds: int | Sequence[int] = 3,
    configs: Mapping[str, Any] | None = None,
    others: Mapping[str, Callable[[int], Any]] | None = None,
    ensembles: Mapping[str, str] | None = None,
    protocol: str = "any",
    validation_only: bool = False,
    progress: Callable[[str], None] | None = None,
):
    """Fit every method on the training split and evaluate it on the test split: R@1, R@5, R@10 in both directions, and Rsum.

    Epochs and settings that are None are selected by Rsum on the validation split. Deterministic methods are fitted once and have no
    standard deviation.

    Parameters
    ----------
    data : MatchingData
    methods : sequence of str, optional
        Names in ``METHODS``; by default all whose inputs the data provide.
    seeds : int or sequence of int
        Number of seeds (0, 1, ...), or the seeds.
    configs : mapping, optional
        Method -> config that replaces that of :func:`usual_config`; its seed is replaced by each of *seeds*.
    others : mapping, optional
        Further rows: name -> function from a seed to an unfitted method with ``fit(train, validation)`` and ``similarity(split)``.
    ensembles : mapping, optional
        Further rows: name -> name of another row, whose similarities are averaged over runs with consecutive seeds (the last run and the
        first).
    protocol : str
        Evaluation protocol of the test split, a name in :data:`hetero_xmodal.metrics.PROTOCOLS`.
    validation_only : bool
        Evaluate on the validation split instead of the test split, with the protocol "any"; for selecting settings.
    progress : callable, optional
        Called with a line of text after each fit, such as ``print``.

    Returns
    -------
    pandas.DataFrame
        One row for each method: ``i2t R@1`` to ``t2i R@10`` (percent), ``Rsum``, ``std`` (standard deviation of Rsum over seeds, NaN for
        one run), ``i2t median``, ``t2i median`` (median ranks), ``validation`` (Rsum there), ``runs``. The first row is ``chance``:
        random similarities. ``frame.attrs["protocol"]`` describes the evaluation in one line; report it with the table.

    Raises
    ------
    InputError
        If a method, the protocol or the row of an ensemble is unknown, or as in ``fit``.
    """
    names = _usual_methods(data) if methods is None else list(methods)
    check_methods([*names, *(configs or {})], METHODS)
    wanted = {name: usual_config(name, data) for name in names} | dict(configs or {})
    test, protocol = (data.val, "any") if validation_only else (data.test, protocol)

    def scores(on_test: np.ndarray, on_validation: np.ndarray) -> dict[str, float]:
        return _scores(_measure(test, protocol, on_test), _rsum(data.val, on_validation))

    def measure(method: Any) -> tuple[dict[str, float], tuple[np.ndarray, np.ndarray]]:
        method = method.fit(data.train, data.val)
        on_validation = method.similarity(data.val)
        on_test = on_validation if test is data.val else method.similarity(test)
        return scores(on_test, on_validation), (on_test, on_validation)

    chance = _measure(test, protocol, _chance(test))
    return methods_table(
        {name: maker(METHODS[name][0], wanted[name]) for name in names} | dict(others or {}),
        measure=measure,
        main="Rsum",
        seeds=seeds,
        once=[name for name in names if not is_random(METHODS[name][0])],
        chance=_scores(chance, _rsum(data.val, _chance(data.val))),
        ensembles=ensembles,
        joined=lambda one, other: scores(*((a + b) / 2 for a, b in zip(one, other, strict=True))),
        protocol=(
            f"protocol {chance['protocol']}: {chance['images']} {test.name or 'test'} images, {chance['captions']} captions, "
            f"ties: {chance['ties']}"
        ),
        progress=progress,
        number=".1f",
    )


def usual_config(method: str, data: Any = None) -> Any:
    """Config of a row of the table, adapted to loaded data, their facts or a known name if given.

    >>> usual_config("VSE++", "world/scenes").width, usual_config("VSE++").width
    (128, 256)
    """
    check_methods([method], METHODS)
    changes = {} if data is None else SETTINGS.get(facts_of(data).size, {})
    return dataclasses.replace(METHODS[method][1], **changes.get(method, {}))


def _usual_methods(data: MatchingData) -> list[str]:
    vectors = np.ndim(data.train.words.values) > 1
    texts = len(data.train.words.tokens) > 0
    parsed = len(data.train.captions) == len(data.train)
    needs = {"CCA": vectors, "CCA, TF-IDF": texts, "SGM": parsed}
    return [name for name in METHODS if needs.get(name, True)]


def _measure(split: Split, protocol: str, similarity: np.ndarray) -> RecallResult:
    return recall_at_k(similarity, split.image_of_caption, protocol=protocol)


def _rsum(split: Split, similarity: np.ndarray) -> float:
    return recall_at_k(similarity, split.image_of_caption)["rsum"]


def _chance(split: Split) -> np.ndarray:
    return np.random.default_rng(0).random((len(split.regions), len(split)), dtype=np.float32)


def _scores(result: RecallResult, validation: float) -> dict[str, float]:
    row = {f"{short} R@{k}": result[direction][k] for short, direction in DIRECTIONS.items() for k in (1, 5, 10)}
    row |= {"Rsum": result["rsum"]} | {f"{short} median": result["median_rank"][direction] for short, direction in DIRECTIONS.items()}
    return row | {"validation": validation}
