"""GraphCorpus: thousands of graphs as flat tensors, in a memory-mapped file.

>>> import hetero_xmodal as hx
>>> bird, tree = (hx.SceneGraph(objects=[hx.SceneObject(name, box=(0, 0, 9, 9))], size=(10, 10)) for name in ("bird", "tree"))
>>> corpus = GraphCorpus.from_graphs([hx.build_graph(bird, bird), hx.build_graph(tree, bird)], ids=["a", "b"])
>>> corpus
<GraphCorpus of 2 pair graphs: 2 visual, 2 word, 2 bridge, 0 label nodes>
>>> corpus.batch([1, 0]).batch_num_nodes("bridge").tolist()
[0, 2]
>>> corpus.frame("visual")[["id", "name"]].values.tolist()
[['a', 'bird'], ['b', 'tree']]
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ..errors import InputError
from ..files import atomic_folder, file_state, read_folder, read_json, read_safetensors, write_json, write_safetensors
from ..schema import Relation
from ..validation import validate
from .flat import FlatGraphs
from .folder_kind import CORPUS_FILES as _FILES
from .folder_kind import CORPUS_FOLDER
from .folder_kind import CORPUS_FORMAT as _FORMAT
from .store import check_description, describe, restore
from .tables import count_frame, edge_frame, find_owner, node_frame

if TYPE_CHECKING:
    import dgl
    import pandas as pd

_CHUNK = 1024  # graphs validated at a time


class GraphCorpus(Sequence):
    """Many graphs of one schema, stored as one tensor per feature and per end of a relation, with offsets.

    ``corpus[i]`` is one DGL graph, ``corpus.batch(indices)`` a batched one, ``corpus.frame(...)`` a pandas table; ``corpus[2:5]`` and
    ``corpus.subset(indices)`` are corpora that share the tensors. A corpus loaded from a file is memory-mapped: opening 1 GB takes
    milliseconds, and only the rows that are used are read. It can be pickled, so the workers of a torch ``DataLoader`` may use it.

    Parameters
    ----------
    flat : the graphs.
    ids, sentences, images : one text per graph; ``images`` are paths.
    info : JSON values that describe how the corpus was made.

    Raises
    ------
    InputError
        If there is not one id, sentence and image per graph.

    >>> import hetero_xmodal as hx
    >>> ball = hx.SceneObject("ball", ["red"], box=(10, 5, 30, 25))
    >>> image = hx.SceneGraph([ball], size=(80, 60))
    >>> texts = ["a red ball", "the ball is round"]
    >>> corpus = hx.GraphCorpus.from_graphs([hx.build_graph(image, hx.parse_sentence(text)) for text in texts], sentences=texts)
    >>> len(corpus), corpus.sentences[1], corpus[1].num_nodes("word"), corpus.batch([0, 1]).batch_size
    (2, 'the ball is round', 4, 2)
    """

    def __init__(
        self,
        flat: FlatGraphs,
        *,
        ids: Sequence[str] | None = None,
        sentences: Sequence[str] | None = None,
        images: Sequence[str] | None = None,
        info: dict[str, Any] | None = None,
    ):
        self._flat = flat
        self._index: Tensor | None = None  # of a subset: its graphs' rows in the file
        self._path: Path | None = None  # where the tensors are mapped from
        self._state: tuple[int, ...] = ()  # of the file there, to notice another that took its place
        self._texts = {
            "ids": [str(i) for i in range(flat.count)] if ids is None else [str(i) for i in ids],
            "sentences": [""] * flat.count if sentences is None else [str(t) for t in sentences],
            "images": [""] * flat.count if images is None else [str(p) for p in images],
        }
        for what, texts in self._texts.items():
            if len(texts) != flat.count:
                raise InputError(f"there are {flat.count} graphs but {len(texts)} {what}; give one per graph")
        self.info = dict(info or {})

    # ------------------------------------------------------------------------------------------ building

    @classmethod
    def from_graphs(
        cls,
        graphs: Sequence[dgl.DGLGraph],
        *,
        ids: Sequence[str] | None = None,
        sentences: Sequence[str] | None = None,
        images: Sequence[str] | None = None,
        info: dict[str, Any] | None = None,
        allow_extra: bool = False,
    ) -> GraphCorpus:
        """A corpus of DGL graphs of one kind; graphs without a region take the feature width of the others.

        Raises
        ------
        InputError
            If a graph does not follow the schema (the message gives its number), or the graphs do not fit together.
        """
        parts = []
        for k, graph in enumerate(graphs):
            try:
                parts.append(FlatGraphs.from_dgl(validate(graph, allow_extra=allow_extra)))
            except InputError as error:
                raise InputError(f"graph {k}: {error}") from None
        return cls(FlatGraphs.concat(parts), ids=ids, sentences=sentences, images=images, info=info)

    @classmethod
    def load(cls, path: str | Path, *, verify: bool = True) -> GraphCorpus:
        """Open the folder written by :meth:`save`, memory-mapped.

        The files are compared with their SHA-256, which reads them once in a process (about a second for a gigabyte);
        ``verify=False`` leaves that out. Names, dtypes, shapes and offsets of all tensors are compared with the description. :meth:`check`
        validates every graph.

        Raises
        ------
        InputError
            If the folder is not a corpus, is damaged or has another version.
        """
        return read_folder(path, CORPUS_FOLDER, cls._read, files=_FILES, verify=verify)

    @classmethod
    def _read(cls, path: Path) -> GraphCorpus:
        description = check_description(read_json(path / "corpus.json", "corpus"), _FORMAT, path / "corpus.json")
        tensors, _ = read_safetensors(path / "corpus.safetensors", "tensors of the corpus")
        texts = {name: description.get(name) for name in ("ids", "sentences", "images")}
        for name, values in texts.items():
            if not isinstance(values, list):
                raise InputError(f"'{path / 'corpus.json'}' has no list of {name}; it is damaged, save the corpus again")
        corpus = cls(restore(tensors, description, path), **texts, info=description.get("info"))
        corpus._path, corpus._state = path.absolute(), file_state(path / "corpus.safetensors")
        return corpus

    def save(self, path: str | Path) -> None:
        """Write the corpus into the folder *path* (``corpus.safetensors``, ``corpus.json``, ``manifest.json``), atomically.

        Raises
        ------
        InputError
            If *path* holds anything but a corpus, or is the folder that this subset of a corpus is read from.
        """
        if self._index is not None and self._path is not None and Path(path).exists() and self._path.exists() and self._path.samefile(path):
            raise InputError(f"'{path}' is the corpus that this subset is read from; save the subset into another folder")
        with atomic_folder(path, CORPUS_FOLDER) as folder:
            self.write(folder)

    def write(self, folder: Path) -> None:
        """Write the two files of :meth:`save` into an existing folder, for callers that add files of their own."""
        flat = self._own()
        write_safetensors(folder / "corpus.safetensors", flat.tensors(), {"format": _FORMAT})
        texts = {"ids": self.ids, "sentences": self.sentences, "images": self.images}
        write_json(folder / "corpus.json", describe(flat, _FORMAT) | {"info": self.info} | texts)

    def check(self) -> GraphCorpus:
        """Validate every graph, many at a time, and return self.

        Raises
        ------
        InputError
            If a graph does not follow the schema; the message gives the range of graphs it is in.
        """
        for start in range(0, len(self), _CHUNK):
            end = min(start + _CHUNK, len(self))
            try:
                validate(self.batch(range(start, end)), kind=self._flat.kind, allow_extra=True)
            except InputError as error:
                raise InputError(f"corpus, graphs {start} to {end - 1} taken together: {error}") from None
        return self

    # ------------------------------------------------------------------------------------------ reading

    def __len__(self) -> int:
        return self._flat.count if self._index is None else len(self._index)

    def __getitem__(self, index):
        """One validated DGL graph; for a slice, a corpus that shares the tensors.

        Raises
        ------
        InputError
            If *index* is neither a whole number nor a slice.
        IndexError
            If there is no such graph.
        """
        if isinstance(index, slice):
            return self.subset(range(*index.indices(len(self))))
        if isinstance(index, bool) or not hasattr(index, "__index__"):
            raise InputError(f"the index of a graph is a whole number or a slice, found {index!r}; for several graphs use batch or subset")
        number = index.__index__()
        if not -len(self) <= number < len(self):
            raise IndexError(f"the corpus has {len(self)} graphs, but there is no graph {number}")
        flat = self._flat.take(self._rows([number % len(self)]))
        return validate(flat.to_dgl(batched=False), kind=flat.kind, allow_extra=True)

    def __iter__(self) -> Iterator[dgl.DGLGraph]:
        return (self[i] for i in range(len(self)))

    def batch(self, indices: Tensor | Sequence[int]) -> dgl.DGLGraph:
        """The graphs at *indices* as one batched DGL graph: equal to ``dgl.batch([corpus[i] for i in indices])``, but much faster.

        *indices* (b,) may repeat and come in any order; a bool mask (graphs,) selects graphs. Features keep their width even if the
        batch has no node of a type.
        """
        return self._flat.take(self._rows(indices)).to_dgl()

    def subset(self, indices: Tensor | Sequence[int]) -> GraphCorpus:
        """A corpus of the graphs at *indices* (b,), or of those selected by a bool mask (graphs,).

        It shares the tensors with this corpus; ``save`` writes the selected graphs only.
        """
        part = object.__new__(GraphCorpus)
        part.__dict__ = self.__dict__ | {"_index": self._rows(indices, empty_ok=True), "info": dict(self.info)}
        return part

    def frame(self, owner: str | Relation | None = None, *, features: bool = False) -> pd.DataFrame:
        """Table of one node type (``"visual"``) or relation (``"word-depends-word"`` or the triple), with decoded names.

        ``graph`` is the number of the graph in this corpus and ``id`` its id. Without *owner*: one row per graph with its id, sentence,
        image and counts. ``features=True`` adds one column per entry of the feature vectors.

        Raises
        ------
        InputError
            If there is no such node type or relation.
        """
        flat, ids = self._own(), self.ids
        if owner is None:
            table = count_frame(flat)
            for k, (name, texts) in enumerate((("id", ids), ("sentence", self.sentences), ("image", self.images)), start=1):
                table.insert(k, name, texts)
            return table
        owner = find_owner(flat, owner)
        table = node_frame(flat, owner, features=features) if isinstance(owner, str) else edge_frame(flat, owner)
        table.insert(1, "id", [ids[g] for g in table["graph"]])
        return table

    @property
    def kind(self) -> str:
        """``"pair"`` or ``"labels"``."""
        return self._flat.kind

    @property
    def ids(self) -> list[str]:
        """Id of every graph."""
        return self._of("ids")

    @property
    def sentences(self) -> list[str]:
        """Sentence of every graph; empty if it is not known."""
        return self._of("sentences")

    @property
    def images(self) -> list[str]:
        """Path of the image of every graph; empty if it is not known."""
        return self._of("images")

    def __repr__(self) -> str:
        counts = {t: int(o.diff()[self._rows(range(len(self)), empty_ok=True)].sum()) for t, o in self._flat.node_offsets.items()}
        nodes = ", ".join(f"{n} {t}" for t, n in counts.items())
        return f"<GraphCorpus of {len(self)} {self.kind} graphs: {nodes} nodes>"

    # ------------------------------------------------------------------------------------------ internals

    def _of(self, what: str) -> list[str]:
        texts = self._texts[what]
        return list(texts) if self._index is None else [texts[i] for i in self._index.tolist()]

    def _own(self) -> FlatGraphs:
        """The flat tensors of exactly the graphs of this corpus."""
        return self._flat if self._index is None else self._flat.take(self._index)

    def _rows(self, indices: Tensor | Sequence[int], *, empty_ok: bool = False) -> Tensor:
        """*indices* as rows (b,) of the tensors, checked."""
        try:
            rows = torch.as_tensor(list(indices) if isinstance(indices, range) else indices)
        except (TypeError, ValueError, RuntimeError):
            raise InputError(f"indices are {type(indices).__name__}, expected whole numbers 0..{len(self) - 1}") from None
        if rows.dtype == torch.bool and rows.shape == (len(self),):
            rows = rows.nonzero().flatten()
        if rows.numel() == 0:
            if not empty_ok:
                raise InputError("indices is empty; give at least one")
            rows = rows.long()
        if rows.ndim != 1 or rows.is_floating_point() or rows.dtype == torch.bool:
            raise InputError(f"indices have shape {tuple(rows.shape)} and dtype {rows.dtype}, expected a list of whole numbers")
        rows = rows.long()
        bad = (rows < -len(self)) | (rows >= len(self))
        if bad.any():
            raise InputError(f"index {int(rows[bad][0])} is outside the corpus of {len(self)} graphs")
        rows = torch.where(rows < 0, rows + len(self), rows)
        return rows if self._index is None else self._index[rows]

    def __getstate__(self) -> dict:
        """A memory-mapped corpus is pickled as its path, without the tensors."""
        state = dict(self.__dict__)
        if self._path is not None:
            state |= {"_flat": None, "_texts": None}
        return state

    def __setstate__(self, state: dict) -> None:
        self.__dict__.update(state)
        if self._path is not None:
            opened = GraphCorpus.load(self._path, verify=False)  # the process that opened it first has compared the files
            if opened._state != self._state:
                raise InputError(f"corpus '{self._path}' was replaced since it was opened; open it again")
            self._flat, self._texts = opened._flat, opened._texts
