"""What is said of whom, and of what: words in sentences about two groups of people, and attributes by the thing they are of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from .. import schema
from ..errors import InputError, nearest
from .counting import AttributeLists, Tally, empty_code, members, node_names, things
from .examples import Examples, with_ids
from .log_odds_ratio import FEW, chance, log_odds, threshold, wilson
from .result import ROWS_WITH_EXAMPLES, Result
from .units import IMAGE, SENTENCE, Side, unit_counts

if TYPE_CHECKING:
    from ..graphs.corpus import GraphCorpus

#: the groups of people that are compared unless others are given: nouns in the singular
PEOPLE: dict[str, tuple[str, ...]] = {
    "women": (
        "woman",
        "lady",
        "girl",
        "female",
        "mother",
        "mom",
        "mum",
        "wife",
        "daughter",
        "sister",
        "grandmother",
        "bride",
        "businesswoman",
    ),
    "men": ("man", "guy", "boy", "gentleman", "male", "father", "dad", "husband", "son", "brother", "grandfather", "groom", "businessman"),
}
#: pseudo-counts of all attributes of a thing together, and level at which the tests of all rows together are made
_PRIOR, _LEVEL = 10.0, 0.01
_CONTENT = ("NOUN", "VERB", "ADJ", "PROPN", "ADV")
_MEANINGS = {
    "groups": "Sentences that name a person of a group as an object: of one group only, or of several; with a 95 % interval of the "
    "share. A group that is "
    "rarely mentioned is described from few sentences.",
    "people": "Words in sentences that name people of the first group only, against those of the second group only, each once per "
    "sentence: log-odds ratio "
    "with an informative Dirichlet prior (Monroe et al., 2008) and its 95 % interval; positive: more of the first. Few: fewer than ten "
    "sentences, too few to conclude anything. Telling: z is above the threshold for all words together at 1 % (Bonferroni).",
    "things": "Attributes by the thing that they are of, against the same attribute of all other things. Telling: at most 1 % by chance "
    "for all rows together (Fisher's exact test, Bonferroni), of things with at least ten. Some are "
    "facts (grass, green), some "
    "are how a collection was made: a model can name these without a look at the image.",
}


def words(corpus: GraphCorpus, *, groups: Mapping[str, Sequence[str]] | None = None) -> Result:
    """Words about two groups of people, and attributes of things, with intervals; small counts are marked.

    Parameters
    ----------
    groups : two names, each with the nouns (singular, lower case) that make a sentence one about this group; by default women and men.

    Returns
    -------
    Result
        ``groups``: sentences of each group; ``people``: words by group; ``things``: attributes by thing, of images and of sentences (column
        ``side``).

    Raises
    ------
    InputError : not two groups, or one without a noun.
    """
    chosen = PEOPLE if groups is None else {name: [noun.lower() for noun in nouns] for name, nouns in groups.items()}
    if len(chosen) != 2 or not all(chosen.values()):
        raise InputError(f"groups are {', '.join(chosen) or 'none'}; give two, each with at least one noun")
    (one, nouns), (other, others) = chosen.items()
    both = sorted(set(nouns) & set(others))
    if both:
        raise InputError(f"groups {one!r} and {other!r} both have the noun {both[0]!r}; a noun belongs to one group")
    tables: dict[str, pd.DataFrame] = {}
    units = {"people": "sentence"}
    if corpus.num_sentences:
        tables |= _people(corpus, chosen)
    parts = [_things(corpus, side) for side in (IMAGE, SENTENCE) if unit_counts(corpus)[side.unit]]
    table = pd.concat([part for part in parts if len(part)] or [pd.DataFrame()], ignore_index=True)
    if len(table):
        tables["things"] = table
    return Result("words", "Words about people and things", tables, _MEANINGS, units, draw=_draw)


def _draw(tables: Mapping[str, pd.DataFrame]) -> Any:
    from .section_figures import plot_words

    return plot_words(tables)


# ---------------------------------------------------------------------------------------------- people


class _Groups:
    """Which sentences are about which group, and their words."""

    def __init__(self, corpus: GraphCorpus, groups: Mapping[str, Sequence[str]]):
        self.corpus, self.names = corpus, list(groups)
        strings = corpus.vocabulary.strings(np.arange(len(corpus.vocabulary)))
        heads = pd.Series(strings, dtype=object).str.lower().str.rsplit(" ", n=1).str[-1]
        self.codes = [np.flatnonzero(heads.isin(list(nouns))) for nouns in groups.values()]
        unknown = next((name for name, codes in zip(groups, self.codes, strict=True) if groups is not PEOPLE and not len(codes)), None)
        if unknown is not None:
            nouns = list(groups[unknown])
            raise InputError(
                f"no noun of the group {unknown!r} ({', '.join(nouns)}) occurs in the corpus{nearest(nouns[0], set(heads))}; "
                "give nouns in the singular"
            )
        self.content = [corpus.vocabulary.code(name) for name in _CONTENT]
        self.empty = empty_code(corpus)

    def parts(self) -> Iterator[tuple[np.ndarray, pd.DataFrame]]:
        """Some sentences at a time: group (n,) (2 both, -1 none); rows ``member``, ``lemma``, ``pos``, ``group`` of 0 and 1."""
        for start, flat in self.corpus.chunks([schema.WORD], unit="sentence"):
            data, member = flat.node_data[schema.WORD], members(flat.node_offsets[schema.WORD])
            name, is_object = node_names(flat, SENTENCE, self.empty), data["is_object"].numpy().astype(bool)
            named = [np.isin(name, codes) & is_object for codes in self.codes]
            has = [np.bincount(member[flags], minlength=flat.count) > 0 for flags in named]
            group = np.select([has[0] & has[1], has[0], has[1]], [2, 0, 1], -1)
            of, lemma, pos = group[member], data["lemma"].numpy(), data["pos"].numpy()
            kept = ((of == 0) | (of == 1)) & np.isin(pos, self.content) & ~(named[0] | named[1])
            rows = pd.DataFrame({"member": member + start, "lemma": lemma, "pos": pos, "group": of})[kept]
            yield group, rows.drop_duplicates()


def _people(corpus: GraphCorpus, groups: Mapping[str, Sequence[str]]) -> dict[str, pd.DataFrame]:
    found, tally, counts = _Groups(corpus, groups), Tally(["lemma", "pos", "group"]), np.zeros(4, np.int64)
    for group, rows in found.parts():
        counts += np.bincount(group + 1, minlength=4)
        tally.add(rows)
    none, first, second, both = counts.tolist()
    total = int(counts.sum())
    low, high = wilson([first, second, both, none], [total] * 4)
    names = [f"{name} only" for name in found.names] + ["both", "neither"]
    table = pd.DataFrame({"sentences that name": names, "sentences": [first, second, both, none]})
    table = table.assign(
        **{"share of sentences": table["sentences"] / max(total, 1), "low": low, "high": high, "unit": "sentence", "n": total}
    )
    made = {"groups": table}
    if first and second and tally.total:
        made["people"] = _by_group(corpus, found, tally.table(), (first, second))
    return made


def _by_group(corpus: GraphCorpus, found: _Groups, table: pd.DataFrame, n: tuple[int, int]) -> pd.DataFrame:
    counts = table.pivot_table(index=["lemma", "pos"], columns="group", values="count", aggfunc="sum", fill_value=0)
    counts = counts.reindex(columns=[0, 1], fill_value=0).reset_index()
    a, b = counts[0].to_numpy(), counts[1].to_numpy()
    odds = log_odds(a, b, total_a=n[0], total_b=n[1])
    rows = pd.DataFrame({"lemma": counts["lemma"], "pos": counts["pos"], found.names[0]: a, found.names[1]: b})
    rows = rows.assign(**{f"share {found.names[0]}": a / n[0], f"share {found.names[1]}": b / n[1]}, **odds)
    rows["telling"] = (rows["z"].abs() > threshold(len(rows))) & ~rows["few"]
    order = rows["z"].abs().sort_values(ascending=False, kind="stable").index
    rows = rows.loc[order].reset_index(drop=True)
    examples = Examples(rows[["lemma", "pos"]].head(ROWS_WITH_EXAMPLES))
    for _, part in found.parts():
        examples.add(part)
        if examples.complete:
            break
    rows = with_ids(corpus, "sentence", rows, examples.units())
    strings = corpus.vocabulary.strings
    rows.insert(0, "word", strings(rows.pop("lemma").to_numpy()))
    rows.insert(1, "word class", strings(rows.pop("pos").to_numpy()))
    return rows.assign(unit="sentence")


# ---------------------------------------------------------------------------------------------- things


def _looks(corpus: GraphCorpus, side: Side, attributes: AttributeLists) -> Iterator[pd.DataFrame]:
    """Every attribute of every object of a side, some units at a time: ``member``, ``name``, ``attribute``."""
    empty = empty_code(corpus)
    for start, flat in corpus.chunks([side.nodes], unit=side.unit):
        objects = things(flat, side, empty)
        rows, numbers = attributes.explode(objects["attributes"].to_numpy())
        yield pd.DataFrame(
            {"member": objects["member"].to_numpy()[rows] + start, "name": objects["name"].to_numpy()[rows], "attribute": numbers}
        )


def _things(corpus: GraphCorpus, side: Side) -> pd.DataFrame:
    attributes, tally = AttributeLists(corpus.vocabulary), Tally(["name", "attribute"])
    for rows in _looks(corpus, side, attributes):
        tally.add(rows)
    table = tally.table()
    if not len(table):
        return table
    total = table["count"].sum()
    of_name, of_attribute = (table.groupby(key)["count"].transform("sum") for key in ("name", "attribute"))
    elsewhere, rest = of_attribute - table["count"], total - of_name
    odds = log_odds(table["count"], elsewhere, total_a=of_name, total_b=rest, prior=of_attribute / total, prior_count=_PRIOR)
    low, high = wilson(table["count"], of_name)
    columns = {"attributes of the thing": of_name, "P(attribute | thing)": table["count"] / of_name, "P, low": low, "P, high": high}
    columns |= {"share elsewhere": elsewhere / rest.where(rest > 0)} | {name: odds[name].to_numpy() for name in odds}
    table = table[["name", "attribute", "count"]].assign(**columns)
    table["few"] = table["attributes of the thing"] < FEW
    table["chance"] = chance(table["count"], table["attributes of the thing"], of_attribute, total)
    table["telling"] = (table["chance"] < _LEVEL / len(table)) & ~table["few"]
    table = table.sort_values(["chance", "z", "name", "attribute"], ascending=[True, False, True, True], kind="stable").reset_index(
        drop=True
    )
    examples = Examples(table[["name", "attribute"]].head(ROWS_WITH_EXAMPLES))
    for rows in _looks(corpus, side, attributes):
        examples.add(rows)
        if examples.complete:
            break
    table = with_ids(corpus, side.unit, table, examples.units())
    table["name"] = corpus.vocabulary.strings(table["name"].to_numpy())
    table["attribute"] = np.array([*attributes.names, ""], dtype=object)[table["attribute"].to_numpy()]
    table.insert(0, "side", side.unit)
    return table.assign(unit=side.unit)
