"""The table of a paper on image-text matching: every method on one data set, mean and spread over seeds."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from ...data.tasks.matching import MatchingData, Split
from ...errors import InputError, nearest
from ...metrics import RecallResult, recall_at_k
from .base import MatchingBaseline
from .cca import CCAMatching, CCAMatchingConfig
from .mean_pool import MeanPool, MeanPoolConfig
from .scan import SCAN, SCANConfig
from .vsepp import VSEPP, VSEPPConfig
from .vsrn import VSRN, VSRNConfig

#: row of the table -> (class, its usual config)
METHODS: dict[str, tuple[type[MatchingBaseline], Any]] = {
    "mean-pool": (MeanPool, MeanPoolConfig()),
    "CCA": (CCAMatching, CCAMatchingConfig()),
    "CCA, TF-IDF": (CCAMatching, CCAMatchingConfig(texts="tfidf")),
    "VSE++": (VSEPP, VSEPPConfig()),
    "SCAN t2i": (SCAN, SCANConfig(direction="t2i")),
    "SCAN i2t": (SCAN, SCANConfig(direction="i2t")),
    "VSRN": (VSRN, VSRNConfig()),
}

#: settings chosen on validation splits, for data that is far smaller than the papers': kind of data -> row -> what differs from METHODS
SETTINGS: dict[str, dict[str, dict[str, Any]]] = {
    "world/scenes": {
        "mean-pool": dict(epochs=10, learning_rate=2e-3, decay_after=7),
        "VSE++": dict(width=128, epochs=8, learning_rate=2e-3, decay_after=6, dropout=0.1),
        "SCAN t2i": dict(width=128, epochs=6, learning_rate=2e-3, decay_after=4, batch_size=64),
        "SCAN i2t": dict(width=128, epochs=6, learning_rate=2e-3, decay_after=4, batch_size=64),
        "VSRN": dict(width=128, epochs=8, learning_rate=2e-3, decay_after=6, dropout=0.1, layers=2),
    },
    # a few thousand photographs overfit within epochs: much dropout, and patience is short; SCAN and VSRN were tried with one setting only
    "coco": {
        "mean-pool": dict(width=512, epochs=12, dropout=0.6, margin=0.1, patience=3),
        "VSE++": dict(epochs=8, dropout=0.4, patience=2),
        "SCAN t2i": dict(width=128, epochs=5, learning_rate=1e-3, dropout=0.4, batch_size=32, patience=1),
        "SCAN i2t": dict(width=128, epochs=5, learning_rate=1e-3, dropout=0.4, batch_size=32, patience=1),
        "VSRN": dict(width=128, epochs=6, learning_rate=1e-3, dropout=0.4, layers=2, patience=2),
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
    """Fit every method to the training split and measure it on the test split: R@1, R@5, R@10 in both directions, and Rsum.

    What is chosen (epochs, settings left open) is chosen by Rsum on the validation split. A method without randomness is fitted once and
    has no spread.

    Parameters
    ----------
    data : MatchingData
    methods : sequence of str, optional
        Names in ``METHODS``; default: all, without those that need word vectors where the words are rows of a vocabulary.
    seeds : int or sequence of int
        How many seeds (0, 1, ...), or which.
    configs : mapping, optional
        Name of a method -> config, where that of :func:`usual_config` is not wanted; its seed is replaced by each of *seeds*.
    others : mapping, optional
        More rows: name -> function from a seed to an unfitted method with ``fit(train, validation)`` and ``similarity(split)``.
    ensembles : mapping, optional
        More rows: name -> name of another row. The similarities of its runs with the seeds s and s + 1 are averaged (the last run is
        joined by the first).
    protocol : str
        How the test split is measured, a name in :data:`hetero_xmodal.metrics.PROTOCOLS`.
    validation_only : bool
        Do not look at the test split; all columns are about the validation split, under the protocol "any". For choosing settings.
    progress : callable, optional
        Called with a line of text after each fit, such as ``print``.

    Returns
    -------
    pandas.DataFrame
        One row for each method: ``i2t R@1`` to ``t2i R@10`` (percent), ``Rsum``, ``spread`` (standard deviation of Rsum over seeds, NaN for
        one run), ``i2t median``, ``t2i median`` (median ranks), ``validation`` (Rsum there), ``runs``. The first row is ``chance``: random
        similarities. ``frame.attrs["protocol"]`` says in a line what was measured; print it with the table.

    Raises
    ------
    InputError
        An unknown method or protocol, an ensemble of a row that is not in the table, or what the methods refuse.
    """
    import pandas as pd

    names = _usual_methods(data) if methods is None else list(methods)
    for name in [*names, *(configs or {})]:
        if name not in METHODS:
            raise InputError(f"method {name!r} is unknown{nearest(name, METHODS)}; use {', '.join(METHODS)}")
    seeds = list(range(seeds)) if isinstance(seeds, int) else list(seeds)
    if not seeds:
        raise InputError("seeds must be at least 1, or a sequence of seeds")
    wanted = {name: usual_config(name, data.vocab.get("data", "")) for name in names} | dict(configs or {})
    makers = {name: partial(_make, name, wanted[name]) for name in names} | dict(others or {})
    for name, of in (ensembles or {}).items():
        if of not in makers:
            raise InputError(f"ensemble {name!r} is of {of!r}, which is no row of this table{nearest(of, makers)}")
        if len(seeds) < 2:
            raise InputError(f"ensemble {name!r} needs two runs, so at least two seeds")
    test, protocol = (data.val, "any") if validation_only else (data.test, protocol)
    measure = partial(_measure, test, protocol)  # only the test matrices of rows in an ensemble are kept
    chance = _chance(test)
    first = measure(chance)
    rows = {"chance": _row([first], [_rsum(data.val, _chance(data.val))])}

    for name, make in makers.items():
        results, validations, kept = [], [], []
        for seed in seeds:
            method = make(seed).fit(data.train, data.val)
            on_validation = method.similarity(data.val)
            on_test = on_validation if test is data.val else method.similarity(test)
            validations.append(_rsum(data.val, on_validation))
            results.append(measure(on_test))
            if name in (ensembles or {}).values():
                kept.append((on_test, on_validation))
            if progress is not None:
                progress(f"{name}, seed {seed}: Rsum {results[-1]['rsum']:.1f} (validation {validations[-1]:.1f})")
            if name in METHODS and not _is_random(METHODS[name][0]):
                break
        rows[name] = _row(results, validations)
        for ensemble in (e for e, of in (ensembles or {}).items() if of == name):
            joined = [[(a + b) / 2 for a, b in zip(run, kept[(i + 1) % len(kept)], strict=True)] for i, run in enumerate(kept)]
            joined = joined[:1] if len(joined) == 2 else joined
            rows[ensemble] = _row([measure(on_test) for on_test, _ in joined], [_rsum(data.val, v) for _, v in joined])

    frame = pd.DataFrame.from_dict(rows, orient="index").astype({"runs": int})
    frame.index.name = "method"
    frame.attrs["protocol"] = (
        f"protocol {first['protocol']}: {first['images']} {test.name or 'test'} images, {first['captions']} captions, ties: {first['ties']}"
    )
    return frame


def usual_config(method: str, data: str = "") -> Any:
    """Config of a row of the table for a kind of data (``vocab["data"]``): the method's own, or what was found better there.

    >>> usual_config("VSE++", "world/scenes").width, usual_config("VSE++").width
    (128, 256)
    """
    return dataclasses.replace(METHODS[method][1], **SETTINGS.get(data, {}).get(method, {}))


def _usual_methods(data: MatchingData) -> list[str]:
    vectors = np.ndim(data.train.words.values) > 1
    texts = len(data.train.words.tokens) > 0
    return [name for name in METHODS if (vectors or name != "CCA") and (texts or name != "CCA, TF-IDF")]


def _is_random(method: type[MatchingBaseline]) -> bool:
    return "seed" in inspect.signature(method.Config).parameters


def _make(name: str, config: Any, seed: int) -> MatchingBaseline:
    method = METHODS[name][0]
    return method(dataclasses.replace(config, seed=seed) if _is_random(method) else config)


def _measure(split: Split, protocol: str, similarity: np.ndarray) -> RecallResult:
    return recall_at_k(similarity, split.image_of_caption, protocol=protocol)


def _rsum(split: Split, similarity: np.ndarray) -> float:
    return recall_at_k(similarity, split.image_of_caption)["rsum"]


def _chance(split: Split) -> np.ndarray:
    return np.random.default_rng(0).random((len(split.regions), len(split)), dtype=np.float32)


def _row(results: list[RecallResult], validations: list[float]) -> dict[str, float]:
    row = {
        f"{short} R@{k}": float(np.mean([result[direction][k] for result in results]))
        for short, direction in DIRECTIONS.items()
        for k in (1, 5, 10)
    }
    rsums = [result["rsum"] for result in results]
    row |= {"Rsum": float(np.mean(rsums)), "spread": float(np.std(rsums, ddof=1)) if len(rsums) > 1 else float("nan")}
    for short, direction in DIRECTIONS.items():
        row[f"{short} median"] = float(np.mean([result["median_rank"][direction] for result in results]))
    return row | {"validation": float(np.mean(validations)), "runs": len(results)}
