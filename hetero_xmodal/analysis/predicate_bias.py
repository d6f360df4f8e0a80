"""How far two names give away the relation between them: conditional distributions of predicates, and what the frequency baseline reaches.

The frequency baseline (Zellers et al., 2018, *Neural Motifs*) answers with the predicates that are most frequent between the same two names
in the training data, without a look at the image.

A fact that is stored both ways (person left of car, car right of person) is two relations here, one for each order of the two names: which
way back is the flagged one follows from a rule (see :mod:`hetero_xmodal.parsers.geometry`), and counted once, the rule itself would look
like a bias. Every other table counts such a fact once.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..errors import InputError
from .counting import Tally, empty_code, facts
from .examples import Examples, add_examples, with_ids
from .log_odds_ratio import FEW, chance, log_odds, wilson
from .rank_frequency import TRIPLE
from .result import Result
from .units import IMAGE, SENTENCE, Side, unit_counts

if TYPE_CHECKING:
    from ..graphs.corpus import GraphCorpus

PAIR = ["subject", "object"]
#: pseudo-counts of all predicates of a pair of names together; pairs have few relations
_PRIOR = 10.0
#: level at which the tests of all triples together are made
_LEVEL = 0.01
#: one unit in so many is held out where the corpus has no test split
_HELD_OUT = 5
_MEANINGS = {
    "baseline": "What the names alone give away: of the relations of the test units, the share whose predicate is among the k most "
    "frequent ones "
    "between the same two names in the training units; a pair of names that these lack counts as wrong. Control: the k most frequent "
    "predicates of all, whatever the names. A model has to be better than both. Zero-shot: the whole triple is not in the training units.",
    "entropy": "Uncertainty about the predicate in bits, before and after the names are known; explained: the share that they take away. "
    "With few "
    "relations for each pair of names it is overestimated.",
    "skewed": "Predicates that are more frequent between two names than their frequency elsewhere lets expect: log-odds ratio with an "
    "informative Dirichlet prior of ten relations and its 95 % interval; chance: of so many by chance (Fisher's exact test). Skewed: at "
    "most 1 % for all rows together (Bonferroni). Some of these are facts of the world (person, wear, shirt), others of the collection. Of "
    "a fact that is stored both ways one way is listed.",
    "predicates_given_pair": "P(predicate | subject, object): of the relations between two names, the share of each predicate, with its "
    "95 % interval "
    "(Wilson). Few: fewer than ten relations between these names.",
    "pairs": "Pairs of names, those with most relations first: how many predicates, the entropy of these in bits, and the most frequent "
    "one.",
    "zero_shot": "Triples of the test units that the training units lack; pair seen: the two names are related there, in other ways.",
}
_NOTE = (
    "Relations of {0}s: {1:,}, of which {2:,} are the way back of a fact that is stored both ways (left of, right of; near). Both ways are "
    "counted here, because the order of the names is the question."
)


def bias(corpus: GraphCorpus, *, train: str = "train", test: str = "test", ks: Sequence[int] = (1, 3, 5)) -> Result:
    """How far subject and object give away the predicate, on both sides of the graphs.

    Parameters
    ----------
    train, test : names of the splits between which the frequency baseline is counted. If the corpus lacks one of them, every fifth image
    (or
        sentence) is held out, by a checksum of its id.
    ks : numbers of answers that the baseline may give.

    Returns
    -------
    Result
        ``baseline``, ``entropy``, ``skewed``, ``predicates_given_pair``, ``pairs`` and ``zero_shot``; the column ``side`` says whether
        relations are those of images or of sentences.

    Raises
    ------
    InputError : a k that is not a positive whole number.
    """
    _check_ks(ks)
    found: dict[str, list[pd.DataFrame]] = {name: [] for name in _MEANINGS}
    notes = []
    for side in (IMAGE, SENTENCE):
        if unit_counts(corpus)[side.unit]:
            made, back = _side(corpus, side, (train, test), ks)
            for name, table in made.items():
                table.insert(0, "side", side.unit)
                found[name].append(table)
            if back:
                notes.append(_NOTE.format(side.unit, int(made["entropy"]["relations"].iloc[0]), back))
    tables = {name: pd.concat(parts, ignore_index=True) for name, parts in found.items() if parts}
    return Result("bias", "Bias: what two names give away about their relation", tables, _MEANINGS, {}, tuple(notes), draw=_draw)


def _draw(tables: Mapping[str, pd.DataFrame]) -> Any:
    from .section_figures import plot_bias

    return plot_bias(tables)


def _check_ks(ks: Sequence[int]) -> None:
    for k in ks:
        if not isinstance(k, int) or isinstance(k, bool) or k < 1:
            raise InputError(f"k of the frequency baseline is {k!r}, expected a whole number of at least 1")


def frequency_baseline(train: pd.DataFrame, test: pd.DataFrame, *, ks: Sequence[int] = (1, 3, 5)) -> dict[str, float]:
    """What the frequency baseline reaches on test triples, with repetitions, and how many of these the training data have.

    Parameters
    ----------
    train, test : one row per relation, columns ``subject``, ``predicate``, ``object``. Of predicates that are equally frequent between two
        names the one comes first that the training data have first.

    Returns
    -------
    ``train``, ``test`` (numbers of relations), ``pairs seen`` and ``zero-shot`` (shares of the test relations), and for each k ``top-k``
    and
    ``top-k without names``. A pair that was not seen counts as wrong.

    Raises
    ------
    InputError : a k that is not a positive whole number.

    >>> columns = ["subject", "predicate", "object"]
    >>> train = pd.DataFrame([["man", "ride", "horse"], ["man", "ride", "horse"], ["man", "feed", "horse"]], columns=columns)
    >>> test = pd.DataFrame([["man", "ride", "horse"], ["man", "feed", "horse"], ["dog", "near", "cat"]], columns=columns)
    >>> found = frequency_baseline(train, test, ks=[1, 2])
    >>> [round(found[name], 3) for name in ("top-1", "top-2", "pairs seen", "zero-shot")]
    [0.333, 0.667, 0.667, 0.333]
    """
    _check_ks(ks)
    counts = train[list(TRIPLE)].assign(first=np.arange(len(train)), count=1)
    counts = counts.groupby(list(TRIPLE), sort=False).agg(count=("count", "sum"), first=("first", "min")).reset_index()
    asked = test[list(TRIPLE)].assign(count=1).groupby(list(TRIPLE), sort=False)["count"].sum().reset_index()
    return _baseline(counts, asked, ks)


def _baseline(train: pd.DataFrame, test: pd.DataFrame, ks: Sequence[int]) -> dict[str, float]:
    """:func:`frequency_baseline` from counted triples; *train* has the columns ``count`` and ``first``, *test* ``count``."""
    ranked = train.sort_values(["count", "first"], ascending=[False, True], kind="stable")
    ranked = ranked.assign(place=ranked.groupby(PAIR, sort=False).cumcount())
    overall = ranked.groupby("predicate", sort=False).agg(count=("count", "sum"), first=("first", "min"))
    overall = overall.sort_values(["count", "first"], ascending=[False, True])
    control = test["predicate"].map(pd.Series(np.arange(len(overall)), index=overall.index)).to_numpy()
    joined = test[[*TRIPLE, "count"]].merge(ranked[[*TRIPLE, "place"]], on=list(TRIPLE), how="left")
    seen = test.merge(ranked[PAIR].drop_duplicates().assign(seen=True), on=PAIR, how="left")["seen"].notna().to_numpy()
    weight, n = test["count"].to_numpy(), int(test["count"].sum())
    share = lambda flags: float((flags * weight).sum() / n) if n else float("nan")  # noqa: E731
    place = joined["place"].to_numpy(float)
    out: dict[str, float] = {"train": int(train["count"].sum()), "test": n, "pairs seen": share(seen), "zero-shot": share(np.isnan(place))}
    for k in ks:
        out |= {f"top-{k}": share(place < k), f"top-{k} without names": share(control < k)}
    return out


# ---------------------------------------------------------------------------------------------- one side of a corpus


def _side(corpus: GraphCorpus, side: Side, splits: tuple[str, str], ks: Sequence[int]) -> tuple[dict[str, pd.DataFrame], int]:
    """The tables of a side, and how many of its relations are ways back."""
    part, how = _parts(corpus, side, splits)
    triples = _counted(corpus, side, part)
    if not len(triples):
        return {}, 0
    counted = triples.drop(columns="count").rename(columns={"first train": "first"})
    known, asked = (counted[counted[name] > 0].rename(columns={name: "count"}) for name in ("train", "test"))
    found = _baseline(known, asked, ks)
    baseline = pd.DataFrame([{"train units": how[0], "test units": how[1]} | found])
    n = found["test"]
    for share in ("pairs seen", "zero-shot", *(f"top-{k}" for k in ks)):
        low, high = wilson([found[share] * n], [n])
        baseline[f"{share}, 95 %"] = f"{low[0]:.3f} to {high[0]:.3f}" if n else ""
    tables = _conditional(triples) | {"zero_shot": _zero_shot(triples)}
    keys = {"predicates_given_pair": TRIPLE, "pairs": PAIR, "skewed": TRIPLE}
    whole = add_examples(
        corpus,
        side.unit,
        {name: (tables[name], keys[name]) for name in keys},
        lambda: ({name: rows for name in keys} for rows in _rows(corpus, side)),
    )
    held_out = Examples(tables["zero_shot"][list(TRIPLE)].head(200))
    for rows in _rows(corpus, side):
        held_out.add(rows[part[rows["member"].to_numpy()] == _TEST])
    whole["zero_shot"] = with_ids(corpus, side.unit, tables["zero_shot"], held_out.units())
    for table in whole.values():
        for key in (key for key in (*TRIPLE, "most frequent") if key in table):
            table[key] = corpus.vocabulary.strings(table[key].to_numpy())
        table["unit"] = side.unit
    return {"baseline": baseline, "entropy": _entropies(triples)} | whole, int(triples["back"].sum())


_TRAIN, _TEST = 0, 1


def _parts(corpus: GraphCorpus, side: Side, splits: tuple[str, str]) -> tuple[np.ndarray, tuple[str, str]]:
    """Of every unit whether it is for training (0), test (1) or neither (2), and what the two parts are called."""
    units = corpus.frame(unit=side.unit)[["id", "split"]]
    if set(splits) <= set(units["split"].unique()) and splits[0] != splits[1]:
        return np.select([units["split"] == name for name in splits], [_TRAIN, _TEST], 2), splits
    held = np.array([zlib.crc32(id.encode("utf-8", "surrogatepass")) % _HELD_OUT == 0 for id in units["id"]], bool)
    return held.astype(np.int64), ("four in five, by id", "one in five, by id")


def _rows(corpus: GraphCorpus, side: Side) -> Iterator[pd.DataFrame]:
    """Relations of a side, both ways, some units at a time, ``member`` counted in the whole corpus."""
    empty = empty_code(corpus)
    for start, flat in corpus.chunks([side.nodes, side.relation], unit=side.unit):
        rows = facts(flat, side, empty, both_ways=True)
        yield rows.assign(member=rows["member"] + start)


def _counted(corpus: GraphCorpus, side: Side, part: np.ndarray) -> pd.DataFrame:
    """Every triple with ``count``, ``train``, ``test`` and ``back`` (relations, and how many are ways back), ``units``, and ``first
    train``: the place of the first one."""
    tallies = {name: Tally(list(TRIPLE)) for name in ("count", "train", "test", "back")}
    firsts: list[pd.DataFrame] = []
    place = 0
    for rows in _rows(corpus, side):
        of = part[rows["member"].to_numpy()]
        train = rows[of == _TRAIN]
        for tally, which in zip(tallies.values(), (rows, train, rows[of == _TEST], rows[rows["mirror"]]), strict=True):
            tally.add(which)
        first = train[list(TRIPLE)].assign(place=place + np.flatnonzero(of == _TRAIN)).drop_duplicates(list(TRIPLE))
        firsts = [pd.concat([*firsts, first]).drop_duplicates(list(TRIPLE))]
        place += len(rows)
    tables = {name: tally.table().set_index(list(TRIPLE)) for name, tally in tallies.items()}
    columns = {name: table["count"] for name, table in tables.items()} | {"units": tables["count"]["units"]}
    if firsts:
        columns["first train"] = firsts[0].set_index(list(TRIPLE))["place"]
    table = pd.DataFrame(columns).fillna(0).astype(np.int64).reset_index()
    return table.sort_values(["count", *TRIPLE], ascending=[False, True, True, True]).reset_index(drop=True)


def _conditional(triples: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """``predicates_given_pair``, ``pairs`` and ``skewed`` from counted triples."""
    of_pair = triples.groupby(PAIR, sort=False)["count"].transform("sum")
    low, high = wilson(triples["count"], of_pair)
    given = triples[[*TRIPLE, "count", "units"]].assign(
        **{
            "relations of the pair": of_pair,
            "P(predicate | pair)": triples["count"] / of_pair,
            "low": low,
            "high": high,
            "few": of_pair < 10,
        }
    )
    given = given.sort_values(["relations of the pair", *PAIR, "count"], ascending=[False, True, True, False], kind="stable").reset_index(
        drop=True
    )
    share = given["P(predicate | pair)"]
    parts = given.assign(bits=-share * np.log2(share)).groupby(PAIR, sort=False)
    pairs = parts.agg(
        relations=("count", "sum"), predicates=("predicate", "size"), **{"entropy (bits)": ("bits", "sum")},
        **{"most frequent": ("predicate", "first"), "its share": ("P(predicate | pair)", "first")},
    ).reset_index()  # fmt: skip
    return {"predicates_given_pair": given, "pairs": pairs, "skewed": _skewed(triples, of_pair)}


def _skewed(triples: pd.DataFrame, of_pair: pd.Series) -> pd.DataFrame:
    """Triples whose predicate is more frequent between these names than elsewhere; a fact stored both ways in one of its directions."""
    total = int(triples["count"].sum())
    overall = triples.groupby("predicate")["count"].transform("sum")
    # both ways of a fact between equal names are in one row of names; they are one piece of evidence
    back = triples.groupby(PAIR)["back"].transform("sum").where(triples["subject"] == triples["object"], 0)
    evidence = 1 - back / of_pair
    found = log_odds(
        triples["count"] * evidence, overall - triples["count"], total_a=of_pair * evidence, total_b=total - of_pair,
        prior=overall / total, prior_count=_PRIOR,
    )  # fmt: skip
    table = triples[[*TRIPLE, "count"]].assign(
        **{"relations of the pair": of_pair, "expected": of_pair * overall / total}, **{name: found[name].to_numpy() for name in found}
    )
    table["few"] = of_pair - back < FEW
    count, among = (np.floor(column * evidence).astype(np.int64) for column in (table["count"], of_pair))
    table["chance"] = chance(count, among, overall, total)
    table = table[(triples["back"] < triples["count"]).to_numpy()]
    table["skewed"] = table["chance"] < _LEVEL / max(len(table), 1)
    table = table[table["count"] > table["expected"]]
    return table.sort_values(["chance", "z"], ascending=[True, False], kind="stable").reset_index(drop=True)


def _entropies(triples: pd.DataFrame) -> pd.DataFrame:
    """Entropy of the predicate in bits, given nothing, the subject, the object, both."""
    total = triples["count"].sum()

    def conditional(given: list[str]) -> float:
        joint = triples.groupby([*given, "predicate"])["count"].sum()
        whole = joint.groupby(level=given).transform("sum") if given else total
        return float(-(joint / total * np.log2(joint / whole)).sum())

    rows = [
        (name, conditional(given)) for name, given in (("nothing", []), ("subject", ["subject"]), ("object", ["object"]), ("both", PAIR))
    ]
    first = rows[0][1]
    made = [{"given": name, "entropy (bits)": bits, "explained": 1 - bits / first if first else np.nan} for name, bits in rows]
    return pd.DataFrame(made).assign(relations=int(total))


def _zero_shot(triples: pd.DataFrame) -> pd.DataFrame:
    """Triples of the test units that the training units lack."""
    seen = triples[triples["train"] > 0][PAIR].drop_duplicates().assign(seen=True)
    missing = triples[(triples["test"] > 0) & (triples["train"] == 0)]
    known = missing.merge(seen, on=PAIR, how="left")["seen"].notna().to_numpy()
    table = missing[[*TRIPLE, "test"]].assign(**{"pair seen": known}).rename(columns={"test": "relations"})
    return table.sort_values("relations", ascending=False, kind="stable").reset_index(drop=True)
