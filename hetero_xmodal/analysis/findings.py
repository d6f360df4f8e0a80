"""Single images, sentences and pairs that deserve a look, as a cleaned corpus leaves them out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .result import no_findings

if TYPE_CHECKING:
    import pandas as pd

    from ..graphs.corpus import GraphCorpus


def suspects(corpus: GraphCorpus) -> pd.DataFrame:
    """Pairs whose sentence probably belongs to another image, the most suspicious first.

    Returns
    -------
    One row per suspect: ``kind`` ``"suspect"``, ``unit`` ``"pair"``, ``id`` of the pair, ``other_id`` empty, ``score`` (probability that
    the sentence belongs to another image, 0..1) and ``reason``.
    """
    return no_findings()


def doubles(corpus: GraphCorpus) -> pd.DataFrame:
    """Images and sentences that the corpus has already, equal or nearly so, within one split.

    Returns
    -------
    One row per double: ``kind`` ``"double"``, ``unit`` ``"image"`` or ``"sentence"``, ``id`` of the later one, ``other_id`` of the one that
    stays, ``score`` (similarity, 0..1) and ``reason``.
    """
    return no_findings()


def leaks(corpus: GraphCorpus) -> pd.DataFrame:
    """Images of the training data that are in another split too, equal or nearly so.

    Returns
    -------
    One row per leak: ``kind`` ``"leak"``, ``unit`` ``"image"``, ``id`` of the training image, ``other_id`` of the one in the other split,
    ``score`` (similarity, 0..1) and ``reason``.
    """
    return no_findings()
