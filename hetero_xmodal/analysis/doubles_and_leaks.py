"""What a corpus has twice: equal and near-equal captions and images, within and between splits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..counts import agreeing
from .near_equal import SmallCopies, near_texts, plain_words
from .result import ROWS_WITH_EXAMPLES, Result
from .units import unit_counts

if TYPE_CHECKING:
    from ..graphs.corpus import GraphCorpus

EQUAL, NEAR = "equal", "nearly equal"
_MEANINGS = {
    "summary": "How many captions (images) have an equal or nearly equal one before them, within their split or in another. Captions: "
    "equal "
    "words, whatever the punctuation; nearly equal: Jaccard similarity of at least .8 of their words and pairs of neighbouring words. "
    "Images: "
    "cosine of copies of 16 by 16 pixels of at least .95, confirmed by a structural similarity of at least .8 of copies of 32 by 32.",
    "captions": "Each caption that has a double, with the first one of its group. Short captions of different images are often equal by "
    "chance; a caption "
    "that the test images share with the training images can be answered by heart.",
    "images": "Each image that has a double, with the first one of its group. An image of the test split that the training split has too "
    "measures memory.",
}


def leakage(corpus: GraphCorpus) -> Result:
    """Equal and near-equal captions and images, within and between splits.

    Images are read from their files; those that have none are left out, and the notes say how many.

    Returns
    -------
    Result
        ``summary``, ``captions`` and ``images``, the last two with one row for each unit that has a double.
    """
    found = {"captions": caption_doubles(corpus), "images": image_doubles(corpus)}
    found = {name: table.drop(columns="number", errors="ignore") for name, table in found.items()}
    tables = {"summary": _summary(found, corpus)} | {name: table for name, table in found.items() if len(table)}
    unread = int(found["images"].attrs.get("unread", 0))
    notes = (
        (
            f"{unread:,} of {corpus.num_images:,} images {agreeing(unread, 'has', 'have')} no file that can be read, and "
            f"{agreeing(unread, 'is', 'are')} compared with nothing.",
        )
        if unread
        else ()
    )
    units = {"captions": "sentence", "images": "image"}
    return Result("leakage", "Leakage and doubles: what is there twice", tables, _MEANINGS, units, notes, draw=_Draw(corpus))


class _Draw:
    """The figure, which shows images from their files."""

    def __init__(self, corpus: GraphCorpus):
        self.corpus = corpus

    def __call__(self, tables: Mapping[str, pd.DataFrame]) -> Any:
        from .section_figures import plot_leakage

        frame = self.corpus.frame(unit="image")
        return plot_leakage(tables, dict(zip(frame["id"], frame["path"], strict=True)))


def caption_doubles(corpus: GraphCorpus, *, of_one_image: bool = False) -> pd.DataFrame:
    """One row for each sentence that has an equal or near-equal one before it: ``id``, ``other_id``, ``kind``, ``similarity``, splits,
    texts, and ``number`` of the sentence.

    ``same image``: whether both belong to one image. With *of_one_image* only equal sentences of one image are looked for.
    """
    if not corpus.num_sentences:
        return pd.DataFrame()
    frame = corpus.frame(unit="sentence")
    words = pd.Series([plain_words(text) for text in frame["text"]], dtype=object)
    spoken = np.flatnonzero(words != "")
    codes, distinct = pd.factorize(words.iloc[spoken])
    first = np.full(len(distinct), -1, np.int64)
    first[codes[::-1]] = spoken[::-1]
    owner = _owner(corpus)
    if of_one_image:
        codes, distinct = pd.factorize(pd.MultiIndex.from_arrays([owner[spoken], codes]))
        first = np.full(len(distinct), -1, np.int64)
        first[codes[::-1]] = spoken[::-1]
    rows = [(spoken, first[codes], np.ones(len(spoken)), EQUAL)]
    if not of_one_image:
        later, earlier, similarity = near_texts(list(distinct))
        rows.append((first[later], first[earlier], similarity, NEAR))
    parts = [pd.DataFrame({"row": a, "other": b, "similarity": s, "kind": kind}) for a, b, s, kind in rows]
    table = _one_each(pd.concat(parts), frame)
    table = _described(table, frame, {"text": frame["text"]}, owner)
    return table[table["same image"]].reset_index(drop=True) if of_one_image else table


def image_doubles(corpus: GraphCorpus, *, across: bool = True, both_ways: bool = False) -> pd.DataFrame:
    """One row for each image that has a near-equal one before it: ``id``, ``other_id``, ``kind``, ``cosine``, ``similarity``, splits, and
    ``number`` of the image.

    Without *across* only images of one split are compared, and only with those that have no row themselves: of a series in which each is
    like the one before, every other image may have nothing to do with the first. With *both_ways* the earlier images have rows too.
    """
    frame = corpus.frame(unit="image")
    copies = SmallCopies(frame["path"].tolist())
    later, earlier, cosine, similarity = copies.near()
    rows = pd.DataFrame({"row": later, "other": earlier, "similarity": similarity, "cosine": cosine})
    rows["kind"] = np.where(similarity >= 0.9999, EQUAL, NEAR)
    if both_ways:
        rows = pd.concat([rows, rows.rename(columns={"row": "other", "other": "row"})])
    if not across:
        split = frame["split"].to_numpy(object)
        rows = rows[split[rows["row"].to_numpy(np.int64)] == split[rows["other"].to_numpy(np.int64)]]
        rows = rows[_stays(rows["row"].to_numpy(np.int64), rows["other"].to_numpy(np.int64))]
    table = _described(_one_each(rows, frame), frame, {}, np.arange(len(frame)))
    table.attrs["unread"] = int((~copies.read).sum())
    return table


def _stays(later: np.ndarray, earlier: np.ndarray) -> np.ndarray:
    """Of pairs of like images, those whose earlier image stays, bool (n,): it is the later one of none of them.

    >>> _stays(np.array([1, 2, 3]), np.array([0, 1, 2])).tolist()
    [True, False, True]
    """
    kept = np.zeros(len(later), bool)
    gone: set[int] = set()
    for k in np.lexsort((earlier, later)).tolist():  # whether the earlier one stays is known when its later ones come
        kept[k] = int(earlier[k]) not in gone
        if kept[k]:
            gone.add(int(later[k]))
    return kept


def _owner(corpus: GraphCorpus) -> np.ndarray:
    """Number of the first image of every sentence; -1 if it has none."""
    image, sentence = corpus.pair_ends()
    owner = np.full(corpus.num_sentences, -1, np.int64)
    owner[sentence[::-1]] = image[::-1]
    return owner


def _one_each(rows: pd.DataFrame, frame: pd.DataFrame) -> pd.DataFrame:
    """For each unit one other: in another split if there is one, else before it in its own; the most similar and first of these."""
    rows = rows[rows["row"] != rows["other"]]
    split = frame["split"].to_numpy(object)
    across = (split[rows["row"]] != split[rows["other"]]) if len(rows) else np.zeros(0, bool)
    rows = rows.assign(across=across).sort_values(
        ["row", "across", "similarity", "other"], ascending=[True, False, False, True], kind="stable"
    )
    return rows.drop_duplicates("row").reset_index(drop=True)


def _described(table: pd.DataFrame, frame: pd.DataFrame, texts: Mapping[str, pd.Series], owner: np.ndarray) -> pd.DataFrame:
    """Rows with ids, splits and texts in place of numbers, those between splits first."""
    ids, split = frame["id"].to_numpy(object), frame["split"].to_numpy(object)
    row, other = table["row"].to_numpy(np.int64), table["other"].to_numpy(np.int64)
    columns: dict[str, Any] = {"id": ids[row], "other_id": ids[other], "kind": table["kind"].to_numpy(object), "number": row}
    columns |= {name: table[name].to_numpy(float) for name in ("cosine", "similarity") if name in table}
    columns |= {"split": split[row], "other split": split[other], "between splits": table["across"].to_numpy(bool)}
    if texts:
        columns |= {"same image": (owner[row] == owner[other]) & (owner[row] >= 0)}
        columns |= {name: values.to_numpy(object)[row] for name, values in texts.items()}
        columns |= {f"other {name}": values.to_numpy(object)[other] for name, values in texts.items()}
    out = (
        pd.DataFrame(columns).sort_values(["between splits", "similarity"], ascending=[False, False], kind="stable").reset_index(drop=True)
    )
    pairs = list(zip(out["id"].head(ROWS_WITH_EXAMPLES), out["other_id"].head(ROWS_WITH_EXAMPLES), strict=True))
    return out.assign(examples=pairs + [()] * (len(out) - len(pairs)))


def _summary(found: Mapping[str, pd.DataFrame], corpus: GraphCorpus) -> pd.DataFrame:
    """How many units have a double of each kind, within and between splits."""
    rows = []
    for name, unit in (("captions", "sentence"), ("images", "image")):
        table, n = found[name], unit_counts(corpus)[unit]
        n -= int(table.attrs.get("unread", 0))
        for kind in (EQUAL, NEAR):
            for between in (False, True):
                count = int(((table["kind"] == kind) & (table["between splits"] == between)).sum()) if len(table) else 0
                where = "between splits" if between else "within a split"
                rows.append({"of": name, "kind": kind, "where": where, "units": count, "share": count / n if n else np.nan})
                rows[-1] |= {"unit": unit, "n": n}
    return pd.DataFrame(rows)
