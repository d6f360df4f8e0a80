"""Why object words have no region, and which regions nobody names.

An object word of a pair is

* *matched*: it has a region of its own;
* *lost to one to one*: the image has a region of its class, which another word has ("a man ... another man", one box);
* *no such box*: regions of its class are in other images of the corpus, not in this one;
* *no such class*: no region in the whole corpus has its class; a detector with more classes could help;
* *image without regions*: the image has none, or only the patches of a grid.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..graphs.bridges import name_similarity
from ..graphs.synonyms import KINDS, SAME
from .counting import Tally, empty_code, things
from .examples import Examples, with_ids
from .log_odds_ratio import wilson
from .result import ROWS_WITH_EXAMPLES, Result
from .seen_and_said import CLASS, LOST, MATCHED, NO_BOX, NO_CLASS, NO_REGIONS, ONE, REASONS, ByName, Part, parts
from .units import IMAGE, unit_counts

if TYPE_CHECKING:
    from ..graphs.corpus import GraphCorpus

_MEANINGS = {
    "reasons": "Object words without a region by reason, counted once per pair; of each word class (part of speech) and split. Matched: "
    "the word has "
    "a region of its own. Lost to one to one: the image has a region of its class, but another word has it. No such box: other images "
    "have regions of its class. No such class: no image has. What is called a class is a name that matches, synonyms and kinds included.",
    "reasons_by_word": "The same word by word, those first that are most often without a region; examples are pairs in which they are.",
    "unnamed_regions": "Regions that no sentence of their image names, by name. By class: nor any other region of their class. Area: "
    "mean share of the "
    "image that is covered by the regions that are named by class, and by the others; people name what is large.",
}


def coverage(corpus: GraphCorpus) -> Result:
    """Why object words have no region, by word class and split, and which regions no sentence names.

    Returns
    -------
    Result
        ``reasons``: one row for each split and word class, and for all together; ``reasons_by_word``: one row a word;
        ``unnamed_regions``: one
        row for each name of regions.
    """
    if not len(corpus):
        return Result("coverage", "Coverage: what sentences name and images show, and why not", {}, _MEANINGS, draw=_draw)
    by_name, classes = ByName(corpus, None), _class_codes(corpus)
    splits = _pair_splits(corpus)
    tallies = {"reasons": Tally(["split", "pos", "reason"]), "words": Tally(["name", "reason"])}
    for part in parts(corpus):
        by_name.add(part)
        rows = _with_reason(part, classes).assign(split=lambda rows: splits[rows["member"]])
        for tally in tallies.values():
            tally.add(rows)
    words = _by_word(tallies["words"].table(), corpus)
    examples = Examples(words[["name"]].head(ROWS_WITH_EXAMPLES))
    for part in parts(corpus) if not examples.complete else ():
        rows = _with_reason(part, classes)
        examples.add(rows[rows["reason"] != REASONS.index(MATCHED)])
        if examples.complete:
            break
    words = with_ids(corpus, "pair", words, examples.units())
    words["name"] = corpus.vocabulary.strings(words["name"].to_numpy())
    tables = {
        "reasons": _by_class(tallies["reasons"].table(), corpus),
        "reasons_by_word": words,
        "unnamed_regions": _unnamed(corpus, by_name),
    }
    units = {"reasons_by_word": "pair", "unnamed_regions": "image"}
    return Result("coverage", "Coverage: what sentences name and images show, and why not", tables, _MEANINGS, units, draw=_draw)


def _draw(tables: Mapping[str, pd.DataFrame]) -> Any:
    from .section_figures import plot_reasons

    return plot_reasons(tables)


def _pair_splits(corpus: GraphCorpus) -> np.ndarray:
    """Split of the image of every pair, (pairs,) texts."""
    return corpus.frame(unit="image")["split"].to_numpy(object)[corpus.pair_ends()[0]]


def _with_reason(part: Part, classes: _Classes) -> pd.DataFrame:
    """The object words of some pairs: ``member`` in the whole corpus, ``name``, ``pos``, and ``reason`` as a place in :data:`REASONS`."""
    words = part.words
    member = words["member"].to_numpy()
    regions = np.bincount(part.regions["member"], minlength=part.count)
    conditions = [words[ONE].to_numpy(), (regions == 0)[member], words[CLASS].to_numpy(), classes.known(words["name"].to_numpy())]
    reason = np.select(conditions, [REASONS.index(name) for name in (MATCHED, NO_REGIONS, LOST, NO_BOX)], REASONS.index(NO_CLASS))
    return pd.DataFrame({"member": member + part.start, "name": words["name"], "pos": words["pos"], "reason": reason})


# ---------------------------------------------------------------------------------------------- which classes there are


class ClassNames:
    """Whether a name has the class of any of the *names*, as :func:`~hetero_xmodal.graphs.bridges.name_similarity` compares them.

    Only names with a word, a synonym or a kind in common are compared, so that a large vocabulary takes no longer than its length.

    >>> classes = ClassNames(["couch", "fire hydrant"])
    >>> "sofa" in classes, "hydrant" in classes, "cat" in classes
    (True, True, False)
    """

    def __init__(self, names: Iterable[str]):
        self._related: dict[str, set[str]] = {}
        for group in (*SAME, *((name, *kinds) for name, kinds in KINDS.items())):
            for word in group:
                self._related.setdefault(word, set()).update(group)
        self._by_key: dict[str, list[str]] = {}
        for name in dict.fromkeys(names):
            for key in _keys(name):
                self._by_key.setdefault(key, []).append(name)

    def __contains__(self, name: object) -> bool:
        return bool(self.matching(str(name)))

    def matching(self, name: str) -> list[str]:
        """The names among *names* that have the class of *name*, sorted."""
        near: set[str] = set()
        for key in _keys(name):
            for word in {key} | self._related.get(key, set()):  # a kind of a synonym is two steps away
                near |= {word} | self._related.get(word, set())
        others = {other for key in near for other in self._by_key.get(key, ())}
        return sorted(other for other in others if name_similarity(name, other) > 0)


def _keys(name: str) -> set[str]:
    """A name as it is compared, and its last word."""
    plain = " ".join(unicodedata.normalize("NFC", name).lower().split())
    return {plain, plain.rsplit(" ", 1)[-1]}


class _Classes:
    """:class:`ClassNames` for codes of a vocabulary."""

    def __init__(self, corpus: GraphCorpus, names: np.ndarray):
        self._strings = corpus.vocabulary.strings
        self._classes = ClassNames(self._strings(names))
        self._answers = np.full(len(corpus.vocabulary), -1, np.int8)

    def known(self, codes: np.ndarray) -> np.ndarray:
        """Whether the names behind codes (n,) are classes, (n,)."""
        for code in np.unique(codes[self._answers[codes] < 0]).tolist():
            self._answers[code] = self._strings(np.array([code]))[0] in self._classes
        return self._answers[codes] == 1


def _class_codes(corpus: GraphCorpus) -> _Classes:
    """The names of all regions, patches left out."""
    names = np.empty(0, np.int64)
    for _, rows in _regions(corpus):
        names = np.union1d(names, rows["name"])
    return _Classes(corpus, names)


def _regions(corpus: GraphCorpus) -> Iterator[tuple[int, pd.DataFrame]]:
    empty = empty_code(corpus)
    for start, flat in corpus.chunks([IMAGE.nodes], unit="image"):
        rows = things(flat, IMAGE, empty)
        data = flat.node_data[IMAGE.nodes]
        box, size = (data[name].numpy()[rows["row"]].astype(float) for name in ("box", "image_size"))
        yield start, rows.assign(area=(box[:, 2] - box[:, 0]) * (box[:, 3] - box[:, 1]) / np.maximum(size[:, 0] * size[:, 1], 1))


# ---------------------------------------------------------------------------------------------- the tables


def _by_class(table: pd.DataFrame, corpus: GraphCorpus) -> pd.DataFrame:
    """Counts and shares of the reasons, one row for each split and word class, and for all of them."""
    table["word class"] = corpus.vocabulary.strings(table["pos"].to_numpy())
    groups = [("all", "all", table)]
    groups += [("all", pos, rows) for pos, rows in table.groupby("word class")]
    names = [name for name in corpus.splits if name in set(table["split"])]
    groups += [(split, "all", table[table["split"] == split]) for split in names]
    groups += [(split, pos, rows) for split in names for pos, rows in table[table["split"] == split].groupby("word class")]
    made = []
    for split, pos, rows in groups:
        counts = np.bincount(rows["reason"].to_numpy(np.int64), weights=rows["count"], minlength=len(REASONS)).astype(int)
        total = int(counts.sum())
        shares = {f"share {name}": count / total if total else np.nan for name, count in zip(REASONS, counts, strict=True)}
        made.append({"split": split, "word class": pos, "object words": total} | dict(zip(REASONS, counts.tolist(), strict=True)) | shares)
    return pd.DataFrame(made).assign(unit="pair", n=unit_counts(corpus)["pair"])


def _by_word(table: pd.DataFrame, corpus: GraphCorpus) -> pd.DataFrame:
    """One row a word (as a code), those first that are most often without a region."""
    counts = table.pivot_table(index="name", columns="reason", values="count", aggfunc="sum", fill_value=0)
    counts = counts.reindex(columns=range(len(REASONS)), fill_value=0).astype(int).set_axis(list(REASONS), axis=1).reset_index()
    counts.insert(1, "object words", counts[list(REASONS)].sum(axis=1))
    counts.insert(2, "without a region", counts["object words"] - counts[MATCHED])
    counts = counts.assign(_text=corpus.vocabulary.strings(counts["name"].to_numpy()))
    order = counts.sort_values(["without a region", "_text"], ascending=[False, True])
    return order.drop(columns="_text").reset_index(drop=True).assign(unit="pair")


def _unnamed(corpus: GraphCorpus, by_name: ByName) -> pd.DataFrame:
    """Regions that no sentence of their image names, by name; only images with a sentence are looked at."""
    has_sentence = np.bincount(corpus.pair_ends()[0], minlength=corpus.num_images) > 0
    columns = ["regions", "named, one to one", "named, by class", "area of named", "area of unnamed"]
    sums: list[pd.DataFrame] = []
    for start, rows in _regions(corpus):
        rows = rows[has_sentence[rows["member"] + start]]
        flags = by_name.flags_of("image", start, rows)
        by_class = flags[CLASS]
        values = [np.ones(len(rows), int), flags[ONE].astype(int), by_class.astype(int), rows["area"] * by_class, rows["area"] * ~by_class]
        part = pd.DataFrame(dict(zip(columns, values, strict=True))).assign(name=rows["name"].to_numpy())
        sums = [pd.concat([*sums, part.groupby("name").sum()]).groupby(level=0).sum()]
    if not sums or not len(sums[0]):
        return pd.DataFrame()
    table = sums[0].reset_index()
    table["unnamed, by class"] = table["regions"] - table["named, by class"]
    table["share unnamed, by class"] = table["unnamed, by class"] / table["regions"]
    table["low"], table["high"] = wilson(table["unnamed, by class"], table["regions"])
    table["area of named"] /= table["named, by class"].where(table["named, by class"] > 0)
    table["area of unnamed"] /= table["unnamed, by class"].where(table["unnamed, by class"] > 0)
    table = table.assign(_text=corpus.vocabulary.strings(table["name"].to_numpy()))
    table = table.sort_values(["unnamed, by class", "regions", "_text"], ascending=[False, False, True]).reset_index(drop=True)
    examples = Examples(table[["name"]].head(ROWS_WITH_EXAMPLES))
    for start, rows in _regions(corpus):
        unseen = ~by_name.flags_of("image", start, rows)[CLASS] & has_sentence[rows["member"] + start]
        examples.add(rows[unseen].assign(member=rows["member"][unseen] + start))
    table = with_ids(corpus, "image", table, examples.units())
    return table.assign(name=table.pop("_text"), unit="image", n=int(has_sentence.sum()))
