"""What a corpus says of itself: tables of its nodes and edges, its texts, and the numbers of what it holds.

:class:`CorpusTables` is the part of :class:`~hetero_xmodal.graphs.corpus.GraphCorpus` that only looks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ..counts import counted
from ..errors import InputError, nearest
from ..schema import Relation
from .corpus_data import CorpusData, owner_name, owner_part, renumbered
from .flat import FlatGraphs
from .tables import edge_frame, find_owner, node_frame
from .texts import Vocabulary

if TYPE_CHECKING:
    import pandas as pd

UNITS = ("pair", "image", "sentence")


@dataclass(frozen=True)
class View:
    """Which rows of the three tables a corpus holds."""

    image: np.ndarray
    sentence: np.ndarray
    pair: np.ndarray


class CorpusTables:
    """Rows of the three tables of a corpus, and what can be read off them."""

    _data: CorpusData
    _view: View | None
    _state: tuple[str, bool]

    def __len__(self) -> int:
        return self._data.count("pair") if self._view is None else len(self._view.pair)

    def pair_ends(self) -> tuple[np.ndarray, np.ndarray]:
        """Number of the image and number of the sentence of every pair, (pairs,) each, as ``frame(unit="image")`` counts them."""
        view = self._whole_view()
        return self._image_of(view), self._sentence_of(view)

    def frame(self, owner: str | Relation | None = None, *, unit: str = "pair", features: bool | Literal["list"] = False) -> pd.DataFrame:
        """Table of one node type (``"visual"``) or relation (``"word-depends-word"`` or the triple), with decoded names.

        Parameters
        ----------
        owner : without one, the table has one row per pair, image or sentence, with its id, texts and counts.
        unit : ``"pair"`` counts everything once for each graph, and the column ``graph`` is the number of the graph. ``"image"`` counts
            what belongs to images once for each image, whose number is in the column ``image``; ``"sentence"`` what belongs to sentences.
            The column ``id`` is the id of the unit.
        features : one column per entry of the feature vectors; ``"list"``: one column per vector, of arrays.

        Raises
        ------
        InputError
            If there is no such node type, relation or unit, or the unit does not hold it.
        """
        rows, first = self._unit_rows(unit), "graph" if unit == "pair" else unit
        if owner is None:
            import pandas as pd

            return pd.DataFrame({first: np.arange(len(rows))} | self._texts_of(unit) | self._data.counts(unit, rows))
        owner = self._owner(owner, unit)
        flat, strings = self._data.of_owner(owner, unit, rows, vectors=bool(features)), self._data.vocabulary.strings
        if isinstance(owner, str):
            table = node_frame(flat, owner, features=features, strings=strings)
        else:
            table = edge_frame(flat, owner, strings)
        ids = np.array([*self._texts_of(unit, only_id=True)["id"], ""], dtype=object)
        table.insert(1, "id", ids[table["graph"]])
        return table.rename(columns={"graph": first})

    def chunks(self, owners: Sequence[str | Relation], *, unit: str = "pair", size: int = 32_768) -> Iterator[tuple[int, FlatGraphs]]:
        """The nodes of some types and the edges of some relations, *size* rows of a unit at a time, for counting in constant memory.

        Every part is the number of its first row, as ``frame(unit=unit)`` counts them, and the graphs without feature vectors; of the nodes
        at the ends of edges there are the names. Texts are codes (n,) into :attr:`vocabulary`.

        Raises
        ------
        InputError
            If there is no such node type, relation or unit, or the unit does not hold it.
        """
        rows = self._unit_rows(unit)
        found = [self._owner(owner, unit) for owner in owners]
        for start in range(0, len(rows), size):
            here = rows[start : start + size]
            flat = FlatGraphs(self.kind, len(here))
            for owner in found:
                part = self._data.of_owner(owner, unit, here, vectors=False)
                flat.node_offsets |= part.node_offsets
                flat.node_data |= {name: flat.node_data.get(name, {}) | data for name, data in part.node_data.items()}
                flat.edge_offsets |= part.edge_offsets
                flat.edge_ends |= part.edge_ends
                flat.edge_data |= part.edge_data
            yield start, flat

    # ------------------------------------------------------------------------------------------ what it holds

    @property
    def vocabulary(self) -> Vocabulary:
        """The texts of nodes and edges, behind the codes of :meth:`chunks`."""
        return self._data.vocabulary

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the contents of a whole corpus that was loaded from a folder; empty for a part of one and for one in memory."""
        return self._state[0] if self._view is None else ""

    @property
    def kind(self) -> str:
        """``"pair"`` or ``"labels"``."""
        return self._data.kind

    @property
    def node_types(self) -> list[str]:
        """Node types, in order."""
        return list(self._data.order[0])

    @property
    def relations(self) -> list[Relation]:
        """Relations as triples, in order."""
        return list(self._data.order[1])

    @property
    def num_pairs(self) -> int:
        """Number of pairs of an image with a sentence, ``len(corpus)``."""
        return len(self)

    @property
    def num_images(self) -> int:
        """Number of images, with or without a sentence."""
        return self._data.count("image") if self._view is None else len(self._view.image)

    @property
    def num_sentences(self) -> int:
        """Number of sentences, with or without an image."""
        return self._data.count("sentence") if self._view is None else len(self._view.sentence)

    @property
    def ids(self) -> list[str]:
        """Id of every pair."""
        return self._data.text(("pairs", "id")).strings(self._whole_view().pair)

    @property
    def sentences(self) -> list[str]:
        """Sentence of every pair; empty if it is not known."""
        return self._data.text(("sentences", "text")).strings(self._data.sentence_of[self._whole_view().pair])

    @property
    def images(self) -> list[str]:
        """Path of the image of every pair; empty if it is not known."""
        return self._data.text(("images", "path")).strings(self._data.image_of[self._whole_view().pair])

    @property
    def splits(self) -> list[str]:
        """The splits that occur, in the order of their first image or sentence."""
        view = self._whole_view()
        codes = [np.unique(self._data.splits[part][getattr(view, part)]) for part in ("image", "sentence")]
        names = self._data.vocabulary.strings(distinct(np.concatenate(codes)))
        return [name for name in names if name]

    @property
    def data(self) -> CorpusData:
        """The tables with exactly the rows of this corpus, texts as codes, for computations on a whole corpus."""
        return self._data if self._view is None else self._data.take(self._view.image, self._view.sentence, self._view.pair)

    def __repr__(self) -> str:
        view, counts = self._view, {}
        for name in self._data.order[0]:
            offsets = self._data.tables[owner_part(name)].node_offsets[name].numpy()
            rows = None if view is None else getattr(view, owner_part(name))
            counts[name] = int(offsets[-1] if rows is None else (offsets[rows + 1] - offsets[rows]).sum())
        nodes = ", ".join(f"{n} {t}" for t, n in counts.items())
        stored = f" ({counted(self.num_images, 'image')}, {counted(self.num_sentences, 'sentence')})" if self.kind == "pair" else ""
        return f"<GraphCorpus of {counted(len(self), f'{self.kind} graph')}{stored}: {nodes} nodes>"

    # ------------------------------------------------------------------------------------------ internals

    def _whole_view(self) -> View:
        if self._view is not None:
            return self._view
        return View(*(np.arange(self._data.count(part)) for part in ("image", "sentence", "pair")))

    def _image_of(self, view: View) -> np.ndarray:
        return renumbered(self._data.image_of[view.pair], view.image, self._data.count("image"))

    def _sentence_of(self, view: View) -> np.ndarray:
        return renumbered(self._data.sentence_of[view.pair], view.sentence, self._data.count("sentence"))

    def _unit_rows(self, unit: str) -> np.ndarray:
        """The rows that this corpus holds of the table of a unit, (n,)."""
        if unit not in UNITS:
            raise InputError(f"unit is {unit!r}{nearest(str(unit), UNITS)}, expected one of {', '.join(UNITS)}")
        return getattr(self._whole_view(), unit)

    def _owner(self, owner: str | Relation, unit: str) -> str | Relation:
        """A node type or relation by name, which the unit must hold."""
        owner = find_owner(self._owners(), owner)
        if unit not in ("pair", owner_part(owner)):
            raise InputError(f"{owner_name(owner)} belongs to the {owner_part(owner)}, not to the {unit}; give unit='{owner_part(owner)}'")
        return owner

    def _owners(self) -> FlatGraphs:
        """The node types and relations, in order; no row of them is read."""
        return self._data.merged(self._data.tables)

    def _texts_of(self, unit: str, *, only_id: bool = False) -> dict[str, Any]:
        """The texts of every row of a unit, by the name of their column."""
        view, data = self._whole_view(), self._data
        rows = getattr(view, unit)
        out: dict[str, Any] = {"id": data.text((f"{unit}s", "id")).strings(rows)}
        if only_id:
            return out
        if unit == "pair":
            return out | {"sentence": self.sentences, "image": self.images}
        name = "path" if unit == "image" else "text"
        pairs = self._image_of(view) if unit == "image" else self._sentence_of(view)
        out[name] = data.text((f"{unit}s", name)).strings(rows)
        out["split"] = data.vocabulary.strings(data.splits[unit][rows])
        return out | {"pairs": np.bincount(pairs, minlength=len(rows))}


def distinct(values: np.ndarray) -> np.ndarray:
    """The different values (m,) of (n,), in the order of their first appearance."""
    found, first = np.unique(values, return_index=True)
    return found[np.argsort(first)]
