"""``hx.clean``: a corpus without what deserves a second look, and a list of what was removed and why."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..csv_text import csv_of
from ..errors import InputError, nearest
from ..files import atomic_folder, existing_file, replaceable_folder, write_text
from ..graphs.folder_kind import CORPUS_FOLDER

if TYPE_CHECKING:
    import pandas as pd

    from ..graphs.corpus import GraphCorpus

#: what can be dropped, each found by the function of :mod:`hetero_xmodal.analysis` of that name
DROPS = ("suspects", "doubles", "leaks")
_PLURAL = {"pair": "pairs", "image": "images", "sentence": "sentences"}


def clean(corpus: GraphCorpus | str | Path, out: str | Path, *, drop: Sequence[str] = DROPS) -> pd.DataFrame:
    """Write a corpus without suspicious pairs, doubles and leaks, and ``removed.csv`` beside it.

    Parameters
    ----------
    corpus : a GraphCorpus of pairs, or the folder of one.
    out : folder of the new corpus; ``--data corpus:FOLDER`` trains on it.
    drop : of ``"suspects"`` (pairs whose sentence probably belongs to another image), ``"doubles"`` (images and sentences that are there
        already) and ``"leaks"`` (training images that are in another split too).

    Returns
    -------
    What was removed, as in ``removed.csv``: ``kind``, ``unit``, ``id``, ``other_id``, ``score`` and ``reason`` of every finding; a pair
    that went with its image or sentence has the kind ``"pair of"`` and that as reason.

    Raises
    ------
    InputError : an unknown *drop*, *out* is the corpus itself or holds other files, no corpus of pairs, or nothing would be left.

    >>> import tempfile, hetero_xmodal as hx
    >>> graph = hx.build_graph(hx.SceneGraph(), hx.SceneGraph(objects=[hx.SceneObject("bird")]))
    >>> corpus = hx.GraphCorpus.from_graphs([graph], ids=["a"])
    >>> len(clean(corpus, Path(tempfile.mkdtemp()) / "cleaned", drop=["suspects"]))
    0
    """
    check_drop(drop)
    replaceable_folder(out, CORPUS_FOLDER)
    if isinstance(corpus, str | Path):
        existing_file(Path(corpus) / "corpus.json", "corpus")
        if Path(out).exists() and Path(out).samefile(corpus):
            raise InputError(f"out is '{out}', the corpus itself; give another folder")
        from ..graphs.corpus import GraphCorpus

        corpus = GraphCorpus.load(corpus)
    if corpus.kind != "pair":
        raise InputError(f"the corpus holds {corpus.kind} graphs; clean needs images with sentences, give a corpus of pairs")
    found = _findings(corpus, drop)
    kept, removed = without_findings(corpus, found)
    if len(corpus) and not len(kept):
        raise InputError(f"nothing would be left of the corpus's {len(corpus)} pairs; drop less than {', '.join(drop)}")
    counts = {kind: int(number) for kind, number in found["kind"].value_counts().items()}
    kept.info["cleaned"] = {"dropped": list(drop), "pairs_before": len(corpus), "findings": counts}
    with atomic_folder(out, CORPUS_FOLDER) as folder:
        kept.write(folder)
        write_text(folder / "removed.csv", csv_of(removed, index=False))
    return removed


def check_drop(drop: Sequence[str]) -> None:
    """Refuse names that are not in :data:`DROPS`.

    Raises
    ------
    InputError : an unknown name, or none.
    """
    for name in drop:
        if name not in DROPS:
            raise InputError(f"drop is {name!r}{nearest(name, DROPS)}; give some of {', '.join(DROPS)}")
    if not drop:
        raise InputError(f"drop is empty; give some of {', '.join(DROPS)}")


def without_findings(corpus: GraphCorpus, found: pd.DataFrame) -> tuple[GraphCorpus, pd.DataFrame]:
    """The corpus without the units that *found* names, and *found* with a row for every pair that goes with its image or sentence.

    Parameters
    ----------
    found : findings with the columns ``kind``, ``unit``, ``id``, ``other_id``, ``score`` and ``reason``.

    Raises
    ------
    InputError : a finding names an id that the corpus does not have.
    """
    import numpy as np
    import pandas as pd

    numbers: dict[str, Any] = {}
    for unit, plural in _PLURAL.items():
        ids = found.loc[found["unit"] == unit, "id"].drop_duplicates()
        place = (
            pd.Series({id: k for k, id in enumerate(corpus.frame(unit=unit)["id"])}, dtype="int64")
            if len(ids)
            else pd.Series(dtype="int64")
        )
        unknown = ids[~ids.isin(place.index)]
        if len(unknown):
            raise InputError(f"the {unit} {unknown.iloc[0]!r} was found, but the corpus has none of that id")
        numbers[plural] = place.reindex(ids).to_numpy(np.int64)
    of_image, of_sentence = corpus.pair_ends()
    gone = np.isin(of_image, numbers["images"]) | np.isin(of_sentence, numbers["sentences"])
    gone[numbers["pairs"]] = False
    by_image = np.isin(of_image, numbers["images"])
    ids = np.array([*corpus.ids, ""], object)[:-1]
    with_it = pd.DataFrame(
        {"kind": "pair of", "unit": "pair", "id": ids[gone], "other_id": "", "score": np.nan,
         "reason": np.where(by_image[gone], "its image was removed", "its sentence was removed")}
    )  # fmt: skip
    return corpus.without(**numbers), pd.concat([found, with_it], ignore_index=True) if len(with_it) else found


def _findings(corpus: GraphCorpus, drop: Sequence[str]) -> pd.DataFrame:
    import pandas as pd

    from . import findings

    finders: dict[str, Callable[[GraphCorpus], pd.DataFrame]] = {
        "suspects": findings.suspects, "doubles": findings.doubles, "leaks": findings.leaks,
    }  # fmt: skip
    parts = [finders[name](corpus) for name in dict.fromkeys(drop)]
    some = [part for part in parts if len(part)]
    return pd.concat(some, ignore_index=True) if some else parts[0]
