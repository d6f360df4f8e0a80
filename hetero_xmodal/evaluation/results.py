"""Scores of a model with confidence intervals and per-query scores, stored in the run folder so that runs can be compared."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError
from ..files import read_json, write_json
from ..metrics.uncertainty import Interval, bootstrap_interval
from ..scenes import check_characters

FORMAT, VERSION = "hetero_xmodal.evaluation", 1
FOLDER = "evaluations"  # in the run folder
LEVEL = 0.95


@dataclass(frozen=True, eq=False)
class PerQuery:
    """One metric, query by query.

    values : (queries,) float64, NaN where the metric is undefined
    queries : digest of the queries in their order; values of two models are comparable if it is the same
    groups : (queries,) int64 or None; queries with the same number, such as the captions of one image, are resampled together
    higher : whether higher is better
    """

    values: np.ndarray
    queries: str
    groups: np.ndarray | None = None
    higher: bool = True

    def interval(self, *, level: float = LEVEL) -> Interval | None:
        """Bootstrap interval of the mean (:func:`~hetero_xmodal.metrics.uncertainty.bootstrap_interval`); None for fewer than two units."""
        known = ~np.isnan(self.values)
        groups = None if self.groups is None else self.groups[known]
        if known.sum() < 2 or groups is not None and len(np.unique(groups)) < 2:
            return None
        return bootstrap_interval(self.values[known], groups=groups, level=level)


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Result of :func:`hetero_xmodal.evaluate`; ``print(evaluation)`` shows it.

    recipe : of the model, such as ``"dagnn"``
    settings : what was measured: ``data`` and, as far as the recipe has them, ``split``, ``size``, ``protocol`` ...
    scores : name of the metric -> value
    per_query : name of the metric -> its value for every query, for those metrics that are means over queries
    weights : digest of the model's weights, by which a stored evaluation of other weights is recognised
    text : the scores as they are printed
    path : the file that it is stored in, if any
    """

    recipe: str
    settings: dict[str, Any]
    scores: dict[str, float]
    per_query: dict[str, PerQuery] = field(repr=False)
    weights: str = ""
    text: str = field(default="", repr=False)
    path: Path | None = None

    def intervals(self, *, level: float = LEVEL) -> dict[str, Interval]:
        """Bootstrap interval of every metric that has values per query."""
        found = {name: values.interval(level=level) for name, values in self.per_query.items()}
        return {name: interval for name, interval in found.items() if interval is not None}

    def __str__(self) -> str:
        found = self.intervals()
        wide = max((len(name) for name in found), default=0)
        digits = 4 if all(abs(i.high) < 2 for i in found.values()) else 2  # shares, or percentages and ranks: one precision for all
        lines = [f"  {name:<{wide}}  {i.low:.{digits}f} to {i.high:.{digits}f}" for name, i in found.items()]
        return "\n".join([self.text, *([f"{100 * LEVEL:g} % intervals over queries:"] if lines else []), *lines])

    # ------------------------------------------------------------------------------------------ files

    def save(self, run: str | Path) -> Evaluation:
        """Write it into ``evaluations/`` of the run folder *run*, replacing one of the same settings; returns it with its path."""
        path = stored_path(run, self.settings)
        per_query = {
            name: {
                "values": [None if math.isnan(value) else value for value in some.values.tolist()], "queries": some.queries,
                "groups": None if some.groups is None else some.groups.tolist(), "higher": some.higher,
            }
            for name, some in self.per_query.items()
        }  # fmt: skip
        scores = {name: None if math.isnan(value) else float(value) for name, value in self.scores.items()}
        intervals = {name: [found.low, found.high] for name, found in self.intervals().items()}
        head = {"format": FORMAT, "version": VERSION, "recipe": self.recipe, "weights": self.weights, "settings": self.settings}
        write_json(path, head | {"scores": scores, "intervals": intervals, "text": self.text, "per_query": per_query})
        return replace(self, path=path)

    @classmethod
    def load(cls, path: str | Path) -> Evaluation:
        """Read a file that :meth:`save` wrote.

        Raises
        ------
        InputError : no such file, or one of another format.
        """
        data = read_json(path, "evaluation")
        if not isinstance(data, dict) or data.get("format") != FORMAT or data.get("version") != VERSION:
            raise InputError(f"'{path}' is not an evaluation of this version of hetero_xmodal; evaluate the model again")
        try:
            per_query = {name: _read_per_query(some) for name, some in data["per_query"].items()}
            scores = {name: math.nan if value is None else _finite(value) for name, value in data["scores"].items()}
            for key, kind in (("recipe", str), ("settings", dict), ("weights", str), ("text", str)):
                if not isinstance(data[key], kind):
                    raise TypeError(f"its {key} is a {type(data[key]).__name__}")
                check_characters(f"its {key}", str(data[key]))
            return cls(data["recipe"], data["settings"], scores, per_query, data["weights"], data["text"], Path(path))
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            reason = f"{type(error).__name__}: {error}"[:200]
            raise InputError(f"evaluation '{path}' is incomplete ({reason}); evaluate the model again") from None


def _read_per_query(some: Mapping[str, Any]) -> PerQuery:
    values = np.array([math.nan if value is None else _finite(value) for value in some["values"]], np.float64)
    groups = None if some["groups"] is None else np.array(some["groups"], np.int64)
    if groups is not None and groups.shape != values.shape:
        raise ValueError(f"{groups.size} groups for {len(values)} values")
    if not isinstance(some["queries"], str) or not isinstance(some["higher"], bool):
        raise TypeError("queries and higher are a text and true or false")
    return PerQuery(values, some["queries"], groups, some["higher"])


def _finite(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{str(value)[:40]!r} is no number")
    return float(value)


def stored_path(run: str | Path, settings: Mapping[str, Any]) -> Path:
    """Where an evaluation with *settings* is kept in a run folder.

    >>> stored_path("runs/one", {"data": "coco:photos", "split": "test"}).name
    'coco-photos-c880298c.json'
    """
    digest = hashlib.sha256(json.dumps(dict(settings), sort_keys=True).encode()).hexdigest()[:8]
    name = re.sub(r"[^A-Za-z0-9]+", "-", str(settings.get("data", "data"))).strip("-")[-60:]
    return Path(run) / FOLDER / f"{name}-{digest}.json"


def stored(run: str | Path, weights: str) -> list[Evaluation]:
    """The evaluations in a run folder that are of the model with these *weights*; unreadable and outdated ones are left out."""
    found = []
    for path in sorted((Path(run) / FOLDER).glob("*.json")):
        try:
            one = Evaluation.load(path)
        except InputError:
            continue
        if one.weights == weights:
            found.append(one)
    return found


def weights_digest(folder: Path) -> str:
    """16 hexadecimal digits that change with config.json, vocab.json or model.safetensors of a model folder."""
    digest = hashlib.sha256()
    for name in ("config.json", "vocab.json", "model.safetensors"):
        with (folder / name).open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:16]


def queries_digest(*parts: Any) -> str:
    """16 hexadecimal digits of arrays or lists of texts, in their order: equal for equal queries over an equal gallery."""
    digest = hashlib.sha256()
    for part in parts:
        array = np.ascontiguousarray(part) if isinstance(part, np.ndarray) else None
        digest.update(json.dumps(list(part)).encode() if array is None else str(array.shape).encode() + array.tobytes())
    return digest.hexdigest()[:16]
