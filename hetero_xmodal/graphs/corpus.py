"""GraphCorpus: any number of graphs, in which every image and every sentence is stored once, in memory or in mapped files.

>>> import hetero_xmodal as hx
>>> bird, tree = (hx.SceneGraph(objects=[hx.SceneObject(name, box=(0, 0, 9, 9))], size=(10, 10)) for name in ("bird", "tree"))
>>> graphs = [hx.build_graph(bird, bird), hx.build_graph(bird, tree), hx.build_graph(tree, tree)]
>>> corpus = GraphCorpus.from_graphs(graphs, ids=["a", "b", "c"], images=["bird.png", "bird.png", "tree.png"])
>>> corpus
<GraphCorpus of 3 pair graphs (2 images, 3 sentences): 2 visual, 3 word, 4 bridge, 0 label nodes>
>>> corpus.batch([1, 0]).batch_num_nodes("bridge").tolist()
[0, 2]
>>> corpus.frame("visual", unit="image")[["image", "id", "name"]].values.tolist()
[[0, 'bird.png', 'bird'], [1, 'tree.png', 'tree']]
>>> corpus["b"].num_nodes("visual"), len(corpus[[True, False, True]])
(1, 2)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InputError, nearest
from ..files import atomic_folder, read_folder
from ..validation import validate
from .corpus_data import CorpusData, check_ids
from .corpus_files import ShardCheck, read_corpus
from .corpus_tables import UNITS, CorpusTables, View, distinct
from .corpus_writer import ColumnWriter
from .flat import FlatGraphs
from .folder_kind import CORPUS_FOLDER
from .numbers import Numbers, checked_numbers

if TYPE_CHECKING:
    import dgl

_CHUNK = 1024  # graphs validated, and rows written, at a time
_View = View  # the name under which subsets were pickled before


class GraphCorpus(CorpusTables, Sequence):
    """Many graphs of one schema in three tables: images, sentences, and pairs of an image with a sentence.

    The regions, relations and labels of an image are stored once, however many sentences it has; an image without a sentence and a
    sentence without an image are rows of their tables too. ``len(corpus)`` is the number of pairs.

    ``corpus[i]`` and ``corpus["id"]`` are one DGL graph, ``corpus.batch(indices)`` a batched one; ``corpus[2:5]``, ``corpus[mask]``,
    ``corpus.subset(indices)`` and ``corpus.split("val")`` are corpora that share the arrays; ``corpus.frame(...)`` is a pandas table. A
    corpus that was loaded is memory-mapped: opening a million pairs takes a moment, and only the rows that are used are read.

    It can be pickled and given to a torch ``DataLoader`` or DGL's ``GraphDataLoader``. These ask for a whole batch at once and get a list
    with one batched graph, from which ``dgl.batch``, their usual ``collate_fn``, makes the same graph.

    Parameters
    ----------
    flat : the graphs, each with its image and its sentence.
    ids, sentences, images : one text per graph; ids differ, ``images`` are paths. Equal images with the same path are stored once.
    splits : one name of a split per graph, ``"train"``; empty by default.
    info : JSON values that describe how the corpus was made.

    Raises
    ------
    InputError
        If there is not one id, sentence, image and split per graph, or an id repeats.

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
        splits: Sequence[str] | None = None,
        info: dict[str, Any] | None = None,
    ):
        texts = {
            "ids": [str(i) for i in range(flat.count)] if ids is None else [str(i) for i in ids],
            "sentences": [""] * flat.count if sentences is None else [str(t) for t in sentences],
            "images": [""] * flat.count if images is None else [str(p) for p in images],
            "splits": [""] * flat.count if splits is None else [str(s) for s in splits],
        }
        for what, values in texts.items():
            if len(values) != flat.count:
                raise InputError(f"there are {flat.count} graphs but {len(values)} {what}; give one per graph")
        check_ids(texts["ids"])
        data = CorpusData.of_graphs(
            flat, ids=texts["ids"], sentences=texts["sentences"], paths=texts["images"], splits=texts["splits"]
        )  # fmt: skip
        self._begin(data, info)

    def _begin(self, data: CorpusData, info: dict[str, Any] | None) -> None:
        self._data = data
        self._view: View | None = None
        self._path: Path | None = None  # where the arrays are mapped from
        self._state: tuple[str, bool] = ("", True)  # what was there, and whether it is verified
        self._numbers: dict[str, int] | None = None  # id -> number, made when an id is asked for
        self.info = dict(info or {})

    # ------------------------------------------------------------------------------------------ building

    @classmethod
    def of_data(cls, data: CorpusData, *, info: dict[str, Any] | None = None) -> GraphCorpus:
        """A corpus of tables that were put together already."""
        corpus = object.__new__(cls)
        corpus._begin(data, info)
        return corpus

    @classmethod
    def from_graphs(
        cls,
        graphs: Sequence[dgl.DGLGraph],
        *,
        ids: Sequence[str] | None = None,
        sentences: Sequence[str] | None = None,
        images: Sequence[str] | None = None,
        splits: Sequence[str] | None = None,
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
        return cls(FlatGraphs.concat(parts), ids=ids, sentences=sentences, images=images, splits=splits, info=info)

    @classmethod
    def load(cls, path: str | Path, *, verify: bool = True) -> GraphCorpus:
        """Open the folder written by :meth:`save` or :func:`~hetero_xmodal.build_corpus`, memory-mapped.

        Names, types and lengths of all files are compared with the description. The contents of a shard are compared with its SHA-256 when
        one of its rows is first used; ``verify=False`` leaves that out. :meth:`check` compares and validates everything.

        Raises
        ------
        InputError
            If the folder is not a corpus, is damaged or has another version.
        """
        data, about = read_folder(path, CORPUS_FOLDER, partial(read_corpus, verify=verify), files=("corpus.json",), verify=verify)
        corpus = cls.of_data(data, info=about.get("info"))
        corpus._path, corpus._state = Path(path).absolute(), (str(about["sha256"]), verify)
        return corpus

    def save(self, path: str | Path) -> None:
        """Write the corpus into the folder *path*, atomically and a part at a time, with only the rows that it holds.

        Raises
        ------
        InputError
            If *path* holds anything but a corpus, or is the folder that this subset of a corpus is read from.
        """
        if self._view is not None and self._path is not None and Path(path).exists() and self._path.exists() and self._path.samefile(path):
            raise InputError(f"'{path}' is the corpus that this subset is read from; save the subset into another folder")
        with atomic_folder(path, CORPUS_FOLDER) as folder:
            self.write(folder)

    def write(self, folder: Path) -> None:
        """Write the files of :meth:`save` into an existing folder, for callers that add files of their own."""
        with ColumnWriter(folder) as writer:
            self.append_to(writer)
            writer.finish(self.info)

    def append_to(self, writer: ColumnWriter) -> None:
        """Append all rows to the columns of *writer*, some thousand at a time."""
        view, starts = self._whole_view(), {part: writer.count(part) for part in UNITS}
        if len(np.unique(view.pair)) != len(view.pair):
            check_ids(self.ids)
        image_of, sentence_of = self._image_of(view), self._sentence_of(view)
        for start in range(0, max(1, len(view.image), len(view.sentence), len(view.pair)), _CHUNK):
            here = slice(start, start + _CHUNK)
            chunk = self._data.take(
                view.image[here], view.sentence[here], view.pair[here],
                # numbers among all rows, as seen from the rows that have been written
                image_of=image_of[here] + starts["image"] - writer.count("image"),
                sentence_of=sentence_of[here] + starts["sentence"] - writer.count("sentence"),
            )  # fmt: skip
            writer.append(chunk)

    def to_parquet(self, folder: str | Path) -> list[Path]:
        """Write Parquet tables into *folder*: images, sentences, pairs, and one per node type and relation; return their paths.

        See :mod:`hetero_xmodal.graphs.parquet` for the columns.

        Raises
        ------
        InputError
            If *folder* holds other files or cannot be written.
        """
        from .parquet import write_parquet

        return write_parquet(self, folder)

    def check(self) -> GraphCorpus:
        """Compare all files with their hashes, validate every graph, many at a time, and return self.

        Raises
        ------
        InputError
            If a file is damaged, or a graph does not follow the schema; the message gives the range of graphs it is in.
        """
        if isinstance(self._data.touch, ShardCheck):
            self._data.touch.all()
        for start in range(0, len(self), _CHUNK):
            end = min(start + _CHUNK, len(self))
            try:
                validate(self.batch(range(start, end)), kind=self.kind, allow_extra=True)
            except InputError as error:
                raise InputError(f"corpus, graphs {start} to {end - 1} taken together: {error}") from None
        return self

    # ------------------------------------------------------------------------------------------ reading

    def __getitem__(self, index):
        """One validated DGL graph by number or id; for a slice or a bool mask (graphs,), a corpus that shares the arrays.

        Raises
        ------
        InputError
            If there is no such id, or *index* is none of these.
        IndexError
            If there is no graph of this number.
        """
        if isinstance(index, slice):
            return self.subset(range(*index.indices(len(self))))
        if isinstance(index, str):
            return self[self.number(index)]
        if _is_mask(index):
            return self.subset(index)
        if isinstance(index, bool) or not hasattr(index, "__index__") or np.ndim(index):
            raise InputError(
                f"the index of a graph is a whole number, an id, a slice or a mask, found {index!r}; for several graphs use batch or subset"
            )
        number = index.__index__()
        if not -len(self) <= number < len(self):
            raise IndexError(f"the corpus has {len(self)} graphs, but there is no graph {number}")
        flat = self._data.graphs(self._rows([number % len(self)]))
        return validate(flat.to_dgl(batched=False), kind=flat.kind, allow_extra=True)

    def __getitems__(self, indices: Sequence[int]) -> list[dgl.DGLGraph]:
        """A batch as torch's ``DataLoader`` asks for it: a list with one batched graph, which ``dgl.batch`` leaves as it is."""
        return [self.batch(indices)]

    def __iter__(self) -> Iterator[dgl.DGLGraph]:
        return (self[i] for i in range(len(self)))

    def __contains__(self, value: object) -> bool:
        return isinstance(value, str) and value in self._by_id()

    def number(self, id: str) -> int:
        """The number of the graph with this id.

        Raises
        ------
        InputError
            If there is none.
        """
        numbers = self._by_id()
        if id not in numbers:
            close = nearest(id, list(numbers)[:10_000])
            raise InputError(f"the corpus has no graph with the id {id!r}{close}; its {len(self)} ids are in corpus.ids")
        return numbers[id]

    def batch(self, indices: Numbers) -> dgl.DGLGraph:
        """The graphs at *indices* as one batched DGL graph: equal to ``dgl.batch([corpus[i] for i in indices])``, but much faster.

        *indices* (b,) may repeat and come in any order; a bool mask (graphs,) selects graphs. Features keep their width even if the
        batch has no node of a type.
        """
        return self._data.graphs(self._rows(indices)).to_dgl()

    def subset(self, indices: Numbers) -> GraphCorpus:
        """A corpus of the graphs at *indices* (b,), or of those selected by a bool mask (graphs,), with their images and sentences.

        It shares the arrays with this corpus; ``save`` writes the selected rows only.
        """
        pairs = self._rows(indices, empty_ok=True)
        return self._seen(View(distinct(self._data.image_of[pairs]), distinct(self._data.sentence_of[pairs]), pairs))

    def split(self, name: str) -> GraphCorpus:
        """The images of a split with their sentences and pairs, also those without a pair.

        Raises
        ------
        InputError
            If no image and no sentence is of that split; the message lists the splits.
        """
        view = self._whole_view()
        code = self._data.vocabulary.code(name)
        images = view.image[self._data.splits["image"][view.image] == code]
        sentences = view.sentence[self._data.splits["sentence"][view.sentence] == code]
        if not len(images) and not len(sentences):
            known = self.splits
            raise InputError(f"the corpus has no split {name!r}{nearest(name, known)}; its splits are {', '.join(known) or 'not known'}")
        pairs = view.pair[np.isin(self._data.image_of[view.pair], images)]
        return self._seen(View(images, np.union1d(sentences, self._data.sentence_of[pairs]), pairs))

    def without(self, *, images: Numbers = (), sentences: Numbers = (), pairs: Numbers = ()) -> GraphCorpus:
        """The corpus without some images, sentences and pairs, by number or bool mask; the pairs of an image or sentence go with it.

        Raises
        ------
        InputError
            If there is no such image, sentence or pair, or a mask is of another length.

        >>> import hetero_xmodal as hx
        >>> graph = hx.build_graph(hx.SceneGraph(), hx.SceneGraph(objects=[hx.SceneObject("bird")]))
        >>> GraphCorpus.from_graphs([graph, graph], ids=["a", "b"]).without(sentences=[0]).ids
        ['b']
        """
        view, left_out = self._whole_view(), {"image": images, "sentence": sentences, "pair": pairs}
        kept = {unit: np.ones(len(getattr(view, unit)), bool) for unit in UNITS}
        for unit, numbers in left_out.items():
            kept[unit][checked_numbers(numbers, len(kept[unit]), unit)] = False
        of_image, of_sentence = self.pair_ends()
        kept["pair"] &= kept["image"][of_image] & kept["sentence"][of_sentence]
        return self._seen(View(**{unit: getattr(view, unit)[mask] for unit, mask in kept.items()}))

    def only(self, unit: str, numbers: Numbers) -> GraphCorpus:
        """A corpus of some images, sentences or pairs by number (b,) or bool mask; of images or sentences without their pairs.

        For tables of a large corpus, a part at a time.

        Raises
        ------
        InputError
            If there is no such unit, or none of that number.
        """
        rows = self._unit_rows(unit)
        if unit == "pair":
            return self.subset(numbers)
        rows = rows[checked_numbers(numbers, len(rows), unit)]
        nothing = np.empty(0, np.int64)
        return self._seen(View(**({part: nothing for part in UNITS} | {unit: rows})))

    # ------------------------------------------------------------------------------------------ internals

    def _seen(self, view: View) -> GraphCorpus:
        part = object.__new__(GraphCorpus)
        part.__dict__ = self.__dict__ | {"_view": view, "_numbers": None, "info": dict(self.info)}
        return part

    def _by_id(self) -> dict[str, int]:
        if self._numbers is None:
            self._numbers = {id: number for number, id in enumerate(self.ids)}
        return self._numbers

    def _rows(self, indices: Numbers, *, empty_ok: bool = False) -> np.ndarray:
        """*indices* as rows (b,) of the pairs' table, checked."""
        rows = checked_numbers(indices, len(self), "graph")
        if not len(rows) and not empty_ok:
            raise InputError("indices is empty; give at least one")
        return rows if self._view is None else self._view.pair[rows]

    def __getstate__(self) -> dict:
        """A memory-mapped corpus is pickled as its path, without the arrays."""
        state = dict(self.__dict__) | {"_numbers": None}
        return state if self._path is None else state | {"_data": None}

    def __setstate__(self, state: dict) -> None:
        self.__dict__.update(state)
        if self._path is not None:
            opened = GraphCorpus.load(self._path, verify=self._state[1])
            if opened._state != self._state:
                raise InputError(f"corpus '{self._path}' was replaced since it was opened; open it again")
            self._data = opened._data


def _is_mask(index: Any) -> bool:
    return hasattr(index, "__len__") and np.ndim(index) == 1 and np.asarray(index).dtype == bool


def concat(corpora: Sequence[GraphCorpus], out: str | Path | None = None, *, info: dict[str, Any] | None = None) -> GraphCorpus:
    """The graphs of several corpora, one after another, as one corpus.

    Images of different corpora stay different images, even if they have one id.

    Parameters
    ----------
    corpora : of one kind and feature width.
    out : folder to write to, a part at a time, for what does not fit in memory; if left out, the result is held in memory.
    info : how the corpus was made; by default the ``info`` of each.

    Raises
    ------
    InputError
        If there is none, ids repeat, or they do not fit together.

    >>> import hetero_xmodal as hx
    >>> graph = hx.build_graph(hx.SceneGraph(), hx.SceneGraph(objects=[hx.SceneObject("bird")]))
    >>> one, two = (GraphCorpus.from_graphs([graph], ids=[name]) for name in "ab")
    >>> concat([one, two]).ids
    ['a', 'b']
    """
    corpora = list(corpora)
    if not corpora:
        raise InputError("there is no corpus to concatenate; give at least one")
    for k, corpus in enumerate(corpora):
        if not isinstance(corpus, GraphCorpus):
            raise InputError(f"corpus {k} is a {type(corpus).__name__}, expected a GraphCorpus; open one with GraphCorpus.load")
    check_ids([id for corpus in corpora for id in corpus.ids])
    info = {"parts": [corpus.info for corpus in corpora]} if info is None else info
    if out is None:
        return GraphCorpus.of_data(CorpusData.join([corpus.data for corpus in corpora]), info=info)
    with atomic_folder(out, CORPUS_FOLDER) as folder, ColumnWriter(folder) as writer:
        for corpus in corpora:
            corpus.append_to(writer)
        writer.finish(info)
    return GraphCorpus.load(out)
