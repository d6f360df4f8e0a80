"""What one analysis gives: tables, a figure of them, and how they are read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..counts import counted
from ..errors import nearest

if TYPE_CHECKING:
    import pandas as pd

    from ..graphs.corpus import GraphCorpus

#: most ids in a cell of the column ``examples``, and the first so many rows of a table that have them
EXAMPLES, ROWS_WITH_EXAMPLES = 24, 200
#: columns of the frames of :func:`~hetero_xmodal.analysis.suspects`, ``doubles`` and ``leaks``
FINDING = ("kind", "unit", "id", "other_id", "score", "reason")


def examples_in(corpus: str) -> str:
    """The column of examples of one of two corpora, by what it is called.

    >>> examples_in("train")
    'examples in train'
    """
    return f"examples in {corpus}"


def example_columns(table: pd.DataFrame) -> list[str]:
    """The columns of a table that hold ids of examples."""
    return [name for name in table.columns if isinstance(name, str) and (name == "examples" or name.startswith(examples_in("")))]


@dataclass
class Result:
    """One analysis of a corpus, e.g. of :func:`hetero_xmodal.analysis.bias`.

    name, title : its name on the command line, and what it is called on a page.
    tables : name -> pandas table; every table is also an attribute. In its first 200 rows the column ``examples`` holds a tuple of up to 24
        ids of the units (images, sentences or pairs, see *units*) behind a row; in later rows it is empty.
    meanings : table -> how it is read.
    units : table -> ``"image"``, ``"sentence"`` or ``"pair"``: what the ids in ``examples`` name.
    notes : what holds for all tables, as sentences.
    elsewhere : column of examples -> the corpus that has its ids, where it is not the one that was analysed. A table of a comparison has
        two columns of examples, ``examples in a`` and ``examples in b``.

    ``figure()`` draws the result with matplotlib.

    >>> import pandas as pd
    >>> result = Result("words", "Words", {"counts": pd.DataFrame({"word": ["bird"], "count": [2]})})
    >>> result.counts["count"].tolist()
    [2]
    """

    name: str
    title: str
    tables: dict[str, pd.DataFrame]
    meanings: Mapping[str, str] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    draw: Callable[[Mapping[str, pd.DataFrame]], Any] | None = field(default=None, repr=False)
    elsewhere: Mapping[str, GraphCorpus] = field(default_factory=dict, repr=False)

    def __getattr__(self, name: str) -> pd.DataFrame:
        found = self.__dict__.get("tables", {})
        if name in found:
            return found[name]
        if name.startswith("__"):
            raise AttributeError(name)
        raise AttributeError(
            f"the analysis {self.__dict__.get('name')!r} has no table {name!r}{nearest(name, found)}; it has {', '.join(found)}"
        )

    def figure(self) -> Any:
        """The result as a matplotlib figure; none if the corpus has nothing to draw."""
        return self.draw(self.tables) if self.draw is not None else None

    def __repr__(self) -> str:
        return f"{self.title}\n" + "\n".join(f"{name}: {counted(len(table), 'row')}" for name, table in self.tables.items())

    def _repr_html_(self) -> str:
        parts = [f"<h3>{name}</h3>{table.head(12).to_html(index=False)}" for name, table in self.tables.items()]
        return "".join(parts)


def no_findings() -> pd.DataFrame:
    """A frame of findings without a row."""
    import pandas as pd

    kinds = {"score": float, "number": "int64"}
    return pd.DataFrame({name: pd.Series(dtype=kinds.get(name, object)) for name in (*FINDING, "number")})


def findings(
    kind: str,
    unit: str,
    ids: Sequence[str],
    *,
    numbers: Sequence[int],
    scores: Sequence[float],
    reasons: Sequence[str],
    others: Sequence[str] = (),
) -> pd.DataFrame:
    """A frame of findings of one kind, one row for each id; ``number`` is that of the unit, since images of two corpora may share an id."""
    import pandas as pd

    if not len(ids):
        return no_findings()
    other = list(others) or [""] * len(ids)
    return pd.DataFrame(
        {"kind": kind, "unit": unit, "id": list(ids), "other_id": other, "score": list(scores), "reason": list(reasons),
         "number": list(numbers)}
    )  # fmt: skip
