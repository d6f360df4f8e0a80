"""The three tables of a corpus: images, sentences and pairs, each stored once, and how a pair's graph is put together from them.

A node type belongs to the image, to the sentence or to the pair (``NodeType.part``), and so does a relation (``schema.relation_part``).
Each table is a :class:`~hetero_xmodal.graphs.flat.FlatGraphs` of its node types and relations. The ends of an edge are numbered within
their own graph: an edge of the pairs' table may end at a region, whose number in its image is its number in the graph of every pair.

Texts of nodes and edges are held as codes into one vocabulary, and become zero-padded bytes when a graph is made.

>>> import hetero_xmodal as hx
>>> image = hx.SceneGraph(objects=[hx.SceneObject("bird", box=(0, 0, 9, 9))], size=(10, 10))
>>> flat = FlatGraphs.from_dgl(hx.build_graph(image, hx.SceneGraph(objects=[hx.SceneObject("bird")])))
>>> {part: table.node_types for part, table in split_parts(flat).items()}
{'image': ['visual', 'label'], 'sentence': ['word'], 'pair': ['bridge']}
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from torch import Tensor

from ..errors import InputError
from ..schema import EDGE_FEATURES, KINDS, NODE_FEATURES, Relation, node_type, relation_name, relation_part
from .flat import FlatGraphs, schema_order
from .texts import Texts, Vocabulary, VocabularyMaker

#: part -> name of its table
TABLES = {"image": "images", "sentence": "sentences", "pair": "pairs"}
#: (table, name) of the texts that are kept for every row
TEXTS = (("images", "id"), ("images", "path"), ("sentences", "id"), ("sentences", "text"), ("pairs", "id"))
#: part -> what each of its rows has a split for
SPLIT_PARTS = ("image", "sentence")

Owner = str | Relation
Rows = np.ndarray


def owner_part(owner: Owner) -> str:
    """The part that a node type or relation belongs to: image, sentence or pair."""
    return node_type(owner).part if isinstance(owner, str) else relation_part(owner)


def owner_name(owner: Owner) -> str:
    """The name of a node type or relation in files."""
    return owner if isinstance(owner, str) else relation_name(owner)


def split_parts(flat: FlatGraphs) -> dict[str, FlatGraphs]:
    """Whole graphs as three collections, one for each part, which share the tensors."""
    parts = {part: FlatGraphs(flat.kind, flat.count) for part in TABLES}
    for name in flat.node_types:
        table = parts[owner_part(name)]
        table.node_offsets[name], table.node_data[name] = flat.node_offsets[name], flat.node_data[name]
    for relation in flat.relations:
        table = parts[owner_part(relation)]
        table.edge_offsets[relation], table.edge_ends[relation] = flat.edge_offsets[relation], flat.edge_ends[relation]
        table.edge_data[relation] = flat.edge_data[relation]
    return parts


@dataclass
class CorpusData:
    """Everything that a corpus holds, as arrays that may be mapped from files.

    kind : ``"pair"`` or ``"labels"``
    tables : part (``"image"``, ``"sentence"``, ``"pair"``) -> its rows; text features are codes (n,) int32
    image_of, sentence_of : row of the image and of the sentence of every pair, (pairs,) int64
    splits : ``"image"`` and ``"sentence"`` -> code of each row's split, int32; the empty text where there is none
    texts : (table, name) of :data:`TEXTS` -> one text per row of the table
    vocabulary : the texts behind the codes
    widths : (node type or relation, text feature) -> width in bytes of that feature in a graph
    touch : called with a part, or a key of ``texts``, and rows (b,) before these are read; files are checked here
    """

    kind: str
    tables: dict[str, FlatGraphs]
    image_of: Rows
    sentence_of: Rows
    splits: dict[str, Rows]
    texts: dict[tuple[str, str], Texts]
    vocabulary: Vocabulary
    widths: dict[tuple[Owner, str], int]
    touch: Callable[[Any, Rows], None] | None = None
    order: tuple[list[str], list[Relation]] = field(init=False)

    def __post_init__(self) -> None:
        node_types, relations = KINDS[self.kind]
        tables = self.tables.values()
        self.order = (
            schema_order([name for table in tables for name in table.node_types], node_types),
            schema_order([relation for table in tables for relation in table.relations], relations),
        )

    # ------------------------------------------------------------------------------------------ building

    @classmethod
    def encode(
        cls,
        tables: dict[str, FlatGraphs],
        *,
        image_of: Rows,
        sentence_of: Rows,
        texts: dict[tuple[str, str], Sequence[str]],
        splits: dict[str, Sequence[str]],
    ) -> CorpusData:
        """A corpus from tables whose text features are zero-padded bytes, (n, width) uint8."""
        maker = VocabularyMaker()
        widths: dict[tuple[Owner, str], int] = {}
        coded = {part: _coded(table, maker, widths) for part, table in tables.items()}
        split_codes = {part: maker.codes(splits[part]).numpy() for part in SPLIT_PARTS}
        columns = {key: Texts.of(texts[key]) for key in TEXTS}
        vocabulary = Vocabulary(Texts.of(maker.known))
        return cls(tables["image"].kind, coded, image_of, sentence_of, split_codes, columns, vocabulary, widths)

    @classmethod
    def of_graphs(
        cls, flat: FlatGraphs, *, ids: Sequence[str], sentences: Sequence[str], paths: Sequence[str], splits: Sequence[str]
    ) -> CorpusData:
        """A corpus of whole graphs, with one text of each kind per graph; images with equal paths and equal graphs are stored once.

        An image is named by its path, or by the first of its graphs where the path is empty or stands for different graphs.
        """
        parts = split_parts(flat)
        first, image_of = _distinct_images(parts["image"], paths)
        parts["image"] = parts["image"].take(first)
        often = Counter(paths[row] for row in first)
        texts = {
            ("images", "id"): [paths[row] if paths[row] and often[paths[row]] == 1 else ids[row] for row in first],
            ("images", "path"): [paths[row] for row in first],
            ("sentences", "id"): ids,
            ("sentences", "text"): sentences,
            ("pairs", "id"): ids,
        }
        return cls.encode(
            parts, image_of=image_of, sentence_of=np.arange(flat.count), texts=texts,
            splits={"image": [splits[row] for row in first], "sentence": splits},
        )  # fmt: skip

    @classmethod
    def join(cls, several: Sequence[CorpusData]) -> CorpusData:
        """Several corpora, one after another, in memory.

        Raises
        ------
        InputError
            If they differ in kind, schema or feature width.
        """
        maker = VocabularyMaker()
        renamed = [data.recoded(maker) for data in several]
        tables = {part: FlatGraphs.concat([data.tables[part] for data in renamed]) for part in TABLES}
        firsts = {part: np.cumsum([0, *(data.count(part) for data in several)]) for part in TABLES}
        return cls(
            several[0].kind, tables,
            np.concatenate([data.image_of + first for data, first in zip(several, firsts["image"], strict=False)]),
            np.concatenate([data.sentence_of + first for data, first in zip(several, firsts["sentence"], strict=False)]),
            {part: np.concatenate([data.splits[part] for data in renamed]) for part in SPLIT_PARTS},
            {key: Texts.join([data.texts[key] for data in several]) for key in TEXTS},
            Vocabulary(Texts.of(maker.known)),
            {key: max(data.widths.get(key, 0) for data in several) for data in several for key in data.widths},
        )  # fmt: skip

    def recoded(self, maker: VocabularyMaker) -> CorpusData:
        """The same data with the codes of another vocabulary, to which missing texts are added."""
        codes = maker.codes(self.vocabulary.texts.bytes())

        def renamed(owner: Owner, data: dict[str, Tensor]) -> dict[str, Tensor]:
            return {name: codes[value.long()] if (owner, name) in self.widths else value for name, value in data.items()}

        def table(old: FlatGraphs) -> FlatGraphs:
            new = FlatGraphs(old.kind, old.count, old.node_offsets, {}, old.edge_offsets, old.edge_ends, {})
            for name, data in old.node_data.items():
                new.node_data[name] = renamed(name, data)
            for relation, data in old.edge_data.items():
                new.edge_data[relation] = renamed(relation, data)
            return new

        return CorpusData(
            self.kind, {part: table(old) for part, old in self.tables.items()}, self.image_of, self.sentence_of,
            {part: codes.numpy()[value] for part, value in self.splits.items()}, self.texts, self.vocabulary, self.widths,
        )  # fmt: skip

    # ------------------------------------------------------------------------------------------ selecting

    def count(self, part: str) -> int:
        """Number of images, sentences or pairs."""
        return self.tables[part].count

    def take(
        self, images: Rows, sentences: Rows, pairs: Rows, *, image_of: Rows | None = None, sentence_of: Rows | None = None
    ) -> CorpusData:
        """The corpus of some rows of each table.

        The pairs' images and sentences must be among them, unless *image_of* and *sentence_of* (pairs,) are given.
        """
        rows = {"image": images, "sentence": sentences, "pair": pairs}
        self._touched(rows)
        return CorpusData(
            self.kind, {part: table.take(rows[part]) for part, table in self.tables.items()},
            renumbered(self.image_of[pairs], images, self.count("image")) if image_of is None else image_of,
            renumbered(self.sentence_of[pairs], sentences, self.count("sentence")) if sentence_of is None else sentence_of,
            {part: self.splits[part][rows[part]] for part in SPLIT_PARTS},
            {(table, name): self.text((table, name)).take(rows[part]) for part, table in TABLES.items() for t, name in TEXTS if t == table},
            self.vocabulary, self.widths,
        )  # fmt: skip

    def with_width(self, name: str, feature: str, width: int) -> tuple[CorpusData, list[str]]:
        """Without the images whose nodes have a feature of another width, and the ids of those; their sentences stay without a pair."""
        table = self.tables[owner_part(name)]
        rows = table.node_data[name][feature]
        if not len(rows) or rows.shape[1] == width:
            return self, []
        offsets = table.node_offsets[name].numpy()
        kept = np.flatnonzero(np.diff(offsets) == 0)
        others = np.flatnonzero(np.diff(offsets))
        pairs = np.flatnonzero(np.isin(self.image_of, kept))
        return self.take(kept, np.arange(self.count("sentence")), pairs), self.texts["images", "id"].strings(others)

    def graphs(self, pairs: Rows) -> FlatGraphs:
        """The graphs of the pairs (b,), as plain tensors, without a loop over graphs, nodes or edges."""
        rows = {"image": self.image_of[pairs], "sentence": self.sentence_of[pairs], "pair": pairs}
        self._touched(rows)
        return self.decoded(self.merged({part: table.take(rows[part]) for part, table in self.tables.items()}))

    def merged(self, taken: dict[str, FlatGraphs]) -> FlatGraphs:
        """Parts with equally many members as whole graphs, in the order of the schema."""
        flat = FlatGraphs(self.kind, taken["pair"].count)
        for name in self.order[0]:
            table = taken[owner_part(name)]
            flat.node_offsets[name], flat.node_data[name] = table.node_offsets[name], table.node_data[name]
        for relation in self.order[1]:
            table = taken[owner_part(relation)]
            flat.edge_offsets[relation], flat.edge_ends[relation] = table.edge_offsets[relation], table.edge_ends[relation]
            flat.edge_data[relation] = table.edge_data[relation]
        return flat

    def decoded(self, flat: FlatGraphs) -> FlatGraphs:
        """*flat* with bytes in place of codes, changed in place."""
        for (owner, name), width in self.widths.items():
            data = flat.node_data.get(owner) if isinstance(owner, str) else flat.edge_data.get(owner)
            if data is not None and name in data:
                data[name] = self.vocabulary.padded(data[name], width)
        return flat

    def rows_of(self, unit: str, rows: Rows) -> dict[str, Rows]:
        """The rows of every table that the *rows* (n,) of a unit have: their own, and for pairs those of their image and sentence."""
        return {unit: rows} if unit != "pair" else {"image": self.image_of[rows], "sentence": self.sentence_of[rows], "pair": rows}

    def of_owner(self, owner: Owner, unit: str, rows: Rows, *, vectors: bool) -> FlatGraphs:
        """The nodes of a type, or the edges of a relation and the names at their ends, for the *rows* (n,) of a unit, texts as codes.

        Feature vectors are left out unless *vectors*; they are most of a corpus.
        """
        places, flat = self.rows_of(unit, rows), FlatGraphs(self.kind, len(rows))
        self._touched(places)
        for name in [owner] if isinstance(owner, str) else dict.fromkeys((owner[0], owner[2])):
            part, only = owner_part(name), {node_type(name).name_feature}
            wanted = {
                feature: value for feature, value in self.tables[part].node_data[name].items()
                if (feature in only or name == owner) and (vectors or feature != "feature")
            }  # fmt: skip
            table = FlatGraphs(self.kind, self.count(part), {name: self.tables[part].node_offsets[name]}, {name: wanted})
            taken = table.take(places[part])
            flat.node_offsets |= taken.node_offsets
            flat.node_data |= taken.node_data
        if not isinstance(owner, str):
            table = self.tables[owner_part(owner)]
            table = FlatGraphs(
                self.kind, table.count, edge_offsets={owner: table.edge_offsets[owner]}, edge_ends={owner: table.edge_ends[owner]},
                edge_data={owner: table.edge_data[owner]},
            )  # fmt: skip
            taken = table.take(places[owner_part(owner)])
            flat.edge_offsets, flat.edge_ends, flat.edge_data = taken.edge_offsets, taken.edge_ends, taken.edge_data
        return flat

    def counts(self, unit: str, rows: Rows) -> dict[str, Rows]:
        """Nodes of each type and edges of each relation, (n,) each, that belong to the *rows* (n,) of a unit."""
        places = self.rows_of(unit, rows)
        self._touched(places)
        found = {}
        owners: list[Owner] = [*self.order[0], *self.order[1]]
        for owner in owners:
            part = owner_part(owner)
            if part in places:
                table = self.tables[part]
                offsets = (table.node_offsets[owner] if isinstance(owner, str) else table.edge_offsets[owner]).numpy()
                found[owner_name(owner)] = offsets[places[part] + 1] - offsets[places[part]]
        return found

    def text(self, key: tuple[str, str]) -> Texts:
        """One of :data:`TEXTS`, checked if it comes from a file."""
        if self.touch is not None:
            self.touch(key, np.empty(0, np.int64))
        return self.texts[key]

    def _touched(self, rows: dict[str, Rows]) -> None:
        if self.touch is not None:
            for part, which in rows.items():
                self.touch(part, which)


def renumbered(numbers: Rows, rows: Rows, count: int) -> Rows:
    """Numbers (n,) among *count* things as their places in *rows* (m,), which hold them all."""
    place = np.full(count, -1, np.int64)
    place[rows] = np.arange(len(rows))
    return place[numbers]


def _coded(table: FlatGraphs, maker: VocabularyMaker, widths: dict[tuple[Owner, str], int]) -> FlatGraphs:
    """*table* with codes in place of bytes; adds the widths of its text features to *widths*."""
    coded = FlatGraphs(table.kind, table.count, table.node_offsets, {}, table.edge_offsets, table.edge_ends, {})
    every: Iterable[tuple[Any, dict, dict, dict]] = (
        (NODE_FEATURES, table.node_data, coded.node_data, widths), (EDGE_FEATURES, table.edge_data, coded.edge_data, widths)
    )  # fmt: skip
    for schema, frames, into, found in every:
        for owner, data in frames.items():
            into[owner] = dict(data)
            for feature in schema.get(owner, ()):
                if feature.text and feature.name in data:
                    rows = data[feature.name]
                    found[owner, feature.name] = max(feature.shape[0] or 0, rows.shape[1])
                    into[owner][feature.name] = maker.padded_codes(rows)
    return coded


def _distinct_images(table: FlatGraphs, paths: Sequence[str]) -> tuple[Rows, Rows]:
    """The first row of every different image, and the number among them of each row's image."""
    often = Counter(path for path in paths if path)
    seen: dict[tuple[str, bytes], int] = {}
    first: list[int] = []
    image_of = np.zeros(table.count, np.int64)
    for row, path in enumerate(paths):
        image = len(first)
        if often[path] > 1:
            image = seen.setdefault((path, _digest(table.take([row]))), image)
        if image == len(first):
            first.append(row)
        image_of[row] = image
    return np.array(first, np.int64), image_of


def _digest(table: FlatGraphs) -> bytes:
    digest = hashlib.sha256()
    for name, tensor in table.tensors().items():
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.contiguous().numpy().tobytes())
    return digest.digest()


def check_ids(ids: Sequence[str], what: str = "graph") -> None:
    """Refuse ids that repeat.

    Raises
    ------
    InputError
        With the first that does, and how often it occurs.
    """
    if len(set(ids)) != len(ids):
        name, times = Counter(ids).most_common(1)[0]
        raise InputError(f"the id {name!r} stands for {times} {what}s; give every {what} an id of its own")
