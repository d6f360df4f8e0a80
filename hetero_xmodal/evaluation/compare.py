"""``compare``: two models of one recipe on the same queries."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

from ..errors import InputError
from ..pretrained import find_model
from ..training.options import table_file
from .evaluate import evaluate, run_of

if TYPE_CHECKING:
    import pandas as pd

    from .results import Evaluation


@dataclass(frozen=True, eq=False)
class Comparison:
    """Result of :func:`hetero_xmodal.compare`; ``print(comparison)`` shows it.

    first, second : the evaluations that were compared
    table : one row per metric: ``first``, ``second``, ``difference`` (first minus second) with its 95 % interval ``low`` to ``high``,
        ``p`` (two-sided permutation test), and on how many ``queries`` the first one is better (``wins``), worse (``losses``) or equal
        (``ties``)
    names : names of the two models
    """

    first: Evaluation
    second: Evaluation
    table: pd.DataFrame
    names: tuple[str, str]

    def __str__(self) -> str:
        settings = ", ".join(f"{name} {value}" for name, value in self.first.settings.items() if value is not None)
        shown = self.table.to_string(float_format="{:.4f}".format)
        return f"first: {self.names[0]}, second: {self.names[1]}; {settings}\n{shown}"


def compare(first: str | Path, second: str | Path, *, data: str | None = None, out: str | Path | None = None) -> Comparison:
    """Compare two models query by query: the difference with its confidence interval, a permutation test, wins and losses.

    Evaluations that :func:`hetero_xmodal.evaluate` left in a run folder are used; a model without one of the same settings is evaluated.

    Parameters
    ----------
    first, second : run folders or model folders of one recipe.
    data : name of the data set; by default one that both models, or at least one, were evaluated on.
    out : CSV file for the table.

    Raises
    ------
    InputError : models of two recipes, no data to compare on, or models with different queries (each excludes the images that it was
        trained on).

    Examples
    --------
    >>> from hetero_xmodal.pretrained import SHIPPED
    >>> birds = SHIPPED["cam"]["birds"]
    >>> compare(birds, birds, data="world/birds")  # doctest: +SKIP
    """
    file = table_file(out)
    (one, recipe), (other, second_recipe) = find_model(first), find_model(second)
    if recipe != second_recipe:
        raise InputError(f"'{first}' is of the recipe {recipe} and '{second}' of {second_recipe}; give two models of one recipe")
    a, b = _both(one, other, recipe, data, (str(first), str(second)))
    table = _table(a, b)
    if file is not None:
        from ..csv_text import csv_of
        from ..files import write_text

        write_text(file, csv_of(table))
    return Comparison(a, b, table, (str(first), str(second)))


def _both(one: Path, other: Path, recipe: str, data: str | None, names: tuple[str, str]) -> tuple[Evaluation, Evaluation]:
    """Evaluations of both models under the same settings; stored ones are reused."""
    if data is not None:
        _check_single_scores(recipe, data)
    found = [{_key(done): done for done in _stored(folder) if data is None or done.settings.get("data") == data} for folder in (one, other)]
    keys = [key for key in found[0] if key in found[1]] or [*found[0], *found[1]]
    if not keys and data is None:
        raise InputError("neither model has been evaluated yet; say on which data to compare them with --data")
    if not keys:
        assert data is not None
        _check_queries(one, other, recipe, data, names)
        return evaluate(one, data, recipe=recipe), evaluate(other, data, recipe=recipe)
    keys.sort(key=lambda key: not (found[0].get(key) or found[1][key]).per_query)
    known = found[0].get(keys[0]) or found[1][keys[0]]
    _check_single_scores(recipe, known.settings["data"])
    if known.settings.get("similarity") is not None and not (keys[0] in found[0] and keys[0] in found[1]):
        raise InputError("only one of the models was evaluated with a similarity model; evaluate the other one with the same --similarity")
    if not (keys[0] in found[0] and keys[0] in found[1]):
        _check_queries(one, other, recipe, known.settings["data"], names)
    a, b = (some.get(keys[0]) or _again(folder, recipe, known) for some, folder in zip(found, (one, other), strict=True))
    return a, b


def _check_single_scores(recipe: str, data: str) -> None:
    """Refuse data on which a recipe has scores of all pairs together only."""
    from .photo_tables import kind_of_data

    if recipe in ("cam", "mimnet") and kind_of_data(data) != "world":
        raise InputError(
            f"edits of '{data}' are scored all together, so they cannot be compared query by query; put both models into one table: "
            f"hetero-xmodal table {recipe} --data {quote(data)} --model FIRST --model SECOND"
        )


def _check_queries(one: Path, other: Path, recipe: str, data: str, names: tuple[str, str]) -> None:
    """Refuse, before anything is evaluated, models that would be tested on different images of *data*.

    Data without a test split are tested on those images that a model was neither trained nor selected on.
    """
    from ..files import read_json

    first, second = (set(read_json(folder / "vocab.json", "vocabulary").get("used", ())) for folder in (one, other))
    if first == second:
        return
    from ..data.registry import open_for
    from ..data.source import SET_ASIDE

    source = open_for(data, recipe)
    if source.generate is not None:
        return
    records = [record for record in source.records if record.split not in SET_ASIDE]
    if not source.splits_by_hash and any(record.split == "test" for record in records):
        records = [record for record in records if record.split == "test"]
    left = [{record.id for record in records} - used for used in (first, second)]
    if left[0] != left[1]:
        raise InputError(
            f"'{names[0]}' and '{names[1]}' were trained on different images of '{data}', so they would be tested on different ones "
            f"({len(left[0] & left[1])} of {len(left[0] | left[1])} are left for both); train both again (which images are held out "
            "no longer depends on the seed), or compare them on other data"
        )


def _key(done: Evaluation) -> str:
    import json

    return json.dumps(done.settings, sort_keys=True)


def _stored(folder: Path) -> list[Evaluation]:
    from .results import stored, weights_digest

    run = run_of(folder)
    return [] if run is None else stored(run, weights_digest(folder))


def _again(folder: Path, recipe: str, known: Evaluation) -> Evaluation:
    """Evaluate a model under the settings of an existing evaluation."""
    options: dict[str, Any] = {name: value for name, value in known.settings.items() if value is not None}
    return evaluate(folder, options.pop("data"), recipe=recipe, **options)


def _table(a: Evaluation, b: Evaluation) -> pd.DataFrame:
    import numpy as np
    import pandas as pd

    from ..metrics.uncertainty import paired_comparison

    rows = {}
    for name, mine in a.per_query.items():
        theirs = b.per_query.get(name)
        if theirs is None:
            continue
        if mine.queries != theirs.queries or len(mine.values) != len(theirs.values):
            raise InputError(
                f"the two models were not asked the same queries on '{a.settings.get('data')}', because each leaves out what it was "
                "trained on or knows other labels; compare them on data that neither has seen"
            )
        known = ~(np.isnan(mine.values) | np.isnan(theirs.values))
        groups = None if mine.groups is None else mine.groups[known]
        if known.sum() < 2 or groups is not None and len(np.unique(groups)) < 2:
            continue
        found = paired_comparison(mine.values[known], theirs.values[known], groups=groups)
        wins, losses = (found.wins, found.losses) if mine.higher else (found.losses, found.wins)
        rows[name] = {
            "first": found.first, "second": found.second, "difference": found.difference.value, "low": found.difference.low,
            "high": found.difference.high, "p": found.p_value, "queries": found.n, "wins": wins, "losses": losses, "ties": found.ties,
        }  # fmt: skip
    if not rows:
        raise InputError("there are fewer than two queries that both models were asked; evaluate them on more data")
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("metric")
