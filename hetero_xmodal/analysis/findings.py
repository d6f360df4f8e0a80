"""Single images, sentences and pairs that deserve a look, as a cleaned corpus leaves them out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..counts import agreeing
from .result import findings, no_findings

if TYPE_CHECKING:
    import pandas as pd

    from ..graphs.corpus import GraphCorpus

#: probability from which a pair is a suspect
SUSPICIOUS = 0.5


def suspects(corpus: GraphCorpus) -> pd.DataFrame:
    """Pairs whose sentence probably belongs to another image, the most suspicious first.

    Returns
    -------
    One row per suspect: ``kind`` ``"suspect"``, ``unit`` ``"pair"``, ``id`` of the pair, ``other_id`` empty, ``score`` (probability that
    the sentence belongs to another image, 0..1), ``reason``, and ``number`` of the pair.
    """
    from .caption_agreement import reasons
    from .examples import unit_ids
    from .suspicion import suspicion

    found = suspicion(corpus) if len(corpus) else None
    if found is None:
        return no_findings()
    rows = found.pairs[found.pairs["score"] >= SUSPICIOUS].sort_values("logit", ascending=False, kind="stable")
    numbers = rows.index.to_numpy()
    return findings(
        "suspect", "pair", unit_ids(corpus, "pair", numbers).tolist(), numbers=numbers.tolist(), scores=rows["score"].tolist(),
        reasons=reasons(rows),
    )  # fmt: skip


def doubles(corpus: GraphCorpus) -> pd.DataFrame:
    """Images that their split has already, equal or nearly so, and sentences that their image has already.

    Equal sentences of different images are no doubles: two images of a surfer may well have one caption.
    :func:`~hetero_xmodal.analysis.leakage` counts them.

    Returns
    -------
    One row per double: ``kind`` ``"double"``, ``unit`` ``"image"`` or ``"sentence"``, ``id`` of the later one, ``other_id`` of the one that
    stays, ``score`` (similarity, 0..1), ``reason``, and ``number`` of the later one.
    """
    import pandas as pd

    from .doubles_and_leaks import caption_doubles, image_doubles

    images = image_doubles(corpus, across=False)
    _warn_of_unread(corpus, images)
    captions = caption_doubles(corpus, of_one_image=True)
    return pd.concat([_found("double", "image", images), _found("double", "sentence", captions)], ignore_index=True)


def leaks(corpus: GraphCorpus, *, train: str = "train") -> pd.DataFrame:
    """Images of the training data that are in another split too, equal or nearly so.

    Parameters
    ----------
    train : name of the split that leaks are taken out of; the others stay as they are, so that results on them can be compared.

    Returns
    -------
    One row per leak: ``kind`` ``"leak"``, ``unit`` ``"image"``, ``id`` of the training image, ``other_id`` of the one in the other split,
    ``score`` (similarity, 0..1), ``reason``, and ``number`` of the training image.
    """
    from .doubles_and_leaks import image_doubles

    found = image_doubles(corpus, both_ways=True)
    _warn_of_unread(corpus, found)
    return _found("leak", "image", found[found["between splits"] & (found["split"] == train)] if len(found) else found)


def _warn_of_unread(corpus: GraphCorpus, images: pd.DataFrame) -> None:
    """Say what was compared with nothing: it is not clean because it was not found."""
    import warnings

    if unread := int(images.attrs.get("unread", 0)):
        warnings.warn(
            f"{unread:,} of {corpus.num_images:,} images {agreeing(unread, 'has', 'have')} no file that can be read, and "
            f"{agreeing(unread, 'was', 'were')} not compared with others",
            stacklevel=3,
        )


def _found(kind: str, unit: str, table: pd.DataFrame) -> pd.DataFrame:
    """Rows of a table of doubles as findings."""
    if not len(table):
        return no_findings()
    what = "text" if unit == "sentence" else "image"
    where = table["other split"].map(lambda split: f" in {split}" if split else "")
    said = table["kind"] + f" {what}" + where + ", similarity " + table["similarity"].map("{:.3f}".format)
    return findings(
        kind, unit, table["id"].tolist(), numbers=table["number"].tolist(), scores=table["similarity"], reasons=said,
        others=table["other_id"].tolist(),
    )  # fmt: skip
