"""``hx.clean``: a corpus without what deserves a second look, and a list of what was removed and why."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..counts import counted
from ..csv_text import csv_of
from ..errors import InputError, nearest
from ..files import atomic_folder, existing_file, replaceable_folder, write_text
from ..graphs.folder_kind import CORPUS_FOLDER
from .result import FINDING

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from ..graphs.corpus import GraphCorpus

#: what can be dropped, each found by the function of :mod:`hetero_xmodal.analysis` of that name
DROPS = ("suspects", "doubles", "leaks")
_UNITS = ("pair", "image", "sentence")


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
    that went with its image or sentence has the kind ``"pair of"`` and that as reason, a sentence that went with its image
    ``"sentence of"``.

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
        raise InputError(f"nothing would be left of the corpus's {counted(len(corpus), 'pair')}; drop less than {', '.join(drop)}")
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
    """The corpus without the units that *found* names, and *found* with a row for every pair and sentence that goes with them.

    Parameters
    ----------
    found : findings with the columns ``kind``, ``unit``, ``id``, ``other_id``, ``score`` and ``reason``; and ``number``, which counts
        instead of the id where it is there.

    Raises
    ------
    InputError : a finding without number names an id that the corpus does not have, or has several times.
    """
    import numpy as np
    import pandas as pd

    numbers = {unit: _numbers(corpus, unit, found[found["unit"] == unit]) for unit in _UNITS}
    of_image, of_sentence = corpus.pair_ends()
    by_image = np.isin(of_image, numbers["image"])
    gone = by_image | np.isin(of_sentence, numbers["sentence"])
    gone[numbers["pair"]] = False
    lonely = _left_alone(corpus.num_sentences, of_sentence, by_image, numbers["sentence"])
    ids = {"pair": np.array([*corpus.ids, ""], object)[:-1], "sentence": corpus.frame(unit="sentence")["id"].to_numpy(object)}
    why = np.where(by_image[gone], "its image was removed", "its sentence was removed")
    rows = [_with_it("pair", ids["pair"][gone], why), _with_it("sentence", ids["sentence"][lonely], "its image was removed")]
    some = [row for row in (found[list(FINDING)], *rows) if len(row)]
    removed = pd.concat(some, ignore_index=True) if some else found[list(FINDING)]
    sentences = np.union1d(numbers["sentence"], lonely)
    return corpus.without(images=numbers["image"], sentences=sentences, pairs=numbers["pair"]), removed


def _numbers(corpus: GraphCorpus, unit: str, found: pd.DataFrame) -> np.ndarray:
    """Numbers of the units that were found: the column ``number``, or by their id."""
    import numpy as np

    if "number" in found:
        return np.unique(found["number"].to_numpy(np.int64))
    numbers = []
    known = corpus.frame(unit=unit)["id"] if len(found) else None
    places = {} if known is None else known.groupby(known, sort=False).indices
    for id in dict.fromkeys(found["id"]):
        if id not in places:
            raise InputError(f"the {unit} {id!r} was found, but the corpus has none of that id")
        if len(places[id]) > 1:
            raise InputError(f"the {unit} {id!r} was found, but {len(places[id])} {unit}s of the corpus have that id; say its number")
        numbers.append(int(places[id][0]))
    return np.array(numbers, np.int64)


def _left_alone(count: int, of_sentence: np.ndarray, by_image: np.ndarray, sentences: np.ndarray) -> np.ndarray:
    """Numbers of the sentences that lose all their pairs because images are removed; what no image shows any more is no caption."""
    import numpy as np

    here, lost = (np.bincount(some, minlength=count) for some in (of_sentence, of_sentence[by_image]))
    alone = (here > 0) & (here == lost)
    alone[sentences] = False
    return np.flatnonzero(alone)


def _with_it(unit: str, ids: np.ndarray, why: Any) -> pd.DataFrame:
    """Rows for what goes with something that was found."""
    import pandas as pd

    return pd.DataFrame({"kind": f"{unit} of", "unit": unit, "id": ids, "other_id": "", "score": float("nan"), "reason": why})


def _findings(corpus: GraphCorpus, drop: Sequence[str]) -> pd.DataFrame:
    import pandas as pd

    from . import findings

    finders: dict[str, Callable[[GraphCorpus], pd.DataFrame]] = {
        "suspects": findings.suspects, "doubles": findings.doubles, "leaks": findings.leaks,
    }  # fmt: skip
    parts = [finders[name](corpus) for name in dict.fromkeys(drop)]
    some = [part for part in parts if len(part)]
    return pd.concat(some, ignore_index=True) if some else parts[0]
