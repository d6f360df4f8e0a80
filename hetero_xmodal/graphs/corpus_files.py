"""Reading the columns of a corpus (:mod:`hetero_xmodal.graphs.corpus_columns`): mapped, and each shard compared with its hash at first use.

Small corpora on the way from a worker process are one file: :func:`write_single`, :func:`read_single`.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..errors import InputError
from ..files import read_json, read_safetensors, write_safetensors
from ..schema import Relation
from .corpus_columns import (
    COUNTED,
    GROUPS,
    LAYOUT,
    VOCABULARY,
    Group,
    column_file,
    columns,
    group_of,
    is_offsets,
    mapped,
    owners_of,
    widths_of,
)
from .corpus_data import SPLIT_PARTS, TABLES, TEXTS, CorpusData, Owner, owner_name, owner_part
from .flat import FlatGraphs, Packed
from .folder_kind import CORPUS_FORMAT as FORMAT
from .store import check_description
from .texts import Texts, Vocabulary


def write_single(path: Path, data: CorpusData) -> None:
    """Write a small corpus as one safetensors file, atomically."""
    texts = data.vocabulary.texts
    arrays = columns(data) | dict(zip(VOCABULARY, (texts.offsets, texts.data), strict=True))
    about = {"kind": data.kind, "owners": owners_of(data), "widths": widths_of(data), **{t: data.count(part) for part, t in TABLES.items()}}
    tensors = {name: torch.from_numpy(np.array(array)) for name, array in arrays.items()}
    write_safetensors(path, tensors, {"format": FORMAT, "about": json.dumps(about)})


def read_single(path: Path) -> CorpusData:
    """Read what :func:`write_single` wrote.

    Raises
    ------
    InputError
        If the file is missing, cut or of another kind.
    """
    tensors, metadata = read_safetensors(path, "part of the corpus")
    try:
        return _restored({name: tensor.numpy() for name, tensor in tensors.items()}, json.loads(metadata["about"]))
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"'{path}' is no part of a corpus ({error}); delete the folder of the interrupted run and begin anew") from None


# ---------------------------------------------------------------------------------------------- reading


def read_corpus(folder: Path, *, verify: bool = True) -> tuple[CorpusData, dict[str, Any]]:
    """Map the columns of a folder; nothing of them is read before it is used. Returns the data and the description.

    With *verify*, each shard is compared with its hash when it is first used.

    Raises
    ------
    InputError
        If the folder is not a corpus, is damaged, or was written by another version.
    """
    path = folder / "corpus.json"
    about = check_description(read_json(path, "corpus"), FORMAT, path)
    if about.get("layout") != LAYOUT:
        newer = isinstance(about.get("layout"), int) and about["layout"] > LAYOUT
        advice = "update hetero_xmodal" if newer else "an earlier version wrote it; build it again from its images and sentences"
        raise InputError(f"corpus '{folder}' has layout {about.get('layout', 1)!r} of its files, this package reads {LAYOUT}: {advice}")
    try:
        arrays = {name: mapped(folder, name, dtype, tuple(shape)) for name, (dtype, shape) in about["columns"].items()}
        data = _restored(arrays, about)
        if verify:
            data.touch = check = ShardCheck(folder, about, arrays)
            check.begin()  # now, because another corpus may take the place of this one while it is open
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"the description in '{path}' is damaged ({error!r}); build or copy the corpus again") from None
    return data, about


def _restored(arrays: dict[str, np.ndarray], about: dict[str, Any]) -> CorpusData:
    counts = {part: int(about[table]) for part, table in TABLES.items()}
    tables = {part: FlatGraphs(about["kind"], count) for part, count in counts.items()}
    for part, table in tables.items():
        table.packed = Packed([], arrays[f"{TABLES[part]}/offsets"], {}, {})
    widths: dict[tuple[Owner, str], int] = {}
    for entry in about["owners"]:
        owner: Owner = entry["node type"] if "node type" in entry else _relation(entry["relation"])
        part = owner_part(owner)
        table, name = tables[part], f"{TABLES[part]}/{owner_name(owner)}"
        assert table.packed is not None, "set above"
        features = {feature: torch.from_numpy(arrays[f"{name}.{feature}"]) for feature in entry["features"]}
        beside = [*(f"{name}.{feature}" for feature in features), *([] if isinstance(owner, str) else [f"{name}.ends"])]
        column = table.packed.offsets[:, len(table.packed.owners)]
        offsets = _checked_offsets(column, name, table.count, [len(arrays[other]) for other in beside])
        table.packed.owners.append(owner)
        table.packed.features[owner] = {feature: arrays[f"{name}.{feature}"] for feature in features}
        if isinstance(owner, str):
            table.node_offsets[owner], table.node_data[owner] = offsets, features
        else:
            table.edge_offsets[owner], table.edge_data[owner] = offsets, features
            table.packed.ends[owner] = ends = arrays[f"{name}.ends"]
            table.edge_ends[owner] = (torch.from_numpy(ends[:, 0]), torch.from_numpy(ends[:, 1]))
        for feature in features:
            if f"{owner_name(owner)}.{feature}" in about["widths"]:
                widths[owner, feature] = int(about["widths"][f"{owner_name(owner)}.{feature}"])
    for part, name in COUNTED.items():
        if len(arrays[name]) != counts[part]:
            raise InputError(
                f"column '{name}' has {len(arrays[name])} rows for {counts[part]} {TABLES[part]}; the files do not belong together"
            )
    texts = {}
    for folder, name in TEXTS:
        key = f"{folder}/{name}"
        _checked_offsets(arrays[f"{key}.offsets"], key, int(about[folder]), [len(arrays[f"{key}.bytes"])])
        texts[folder, name] = Texts(arrays[f"{key}.offsets"], arrays[f"{key}.bytes"])
    _checked_offsets(arrays[VOCABULARY[0]], "vocabulary", len(arrays[VOCABULARY[0]]) - 1, [len(arrays[VOCABULARY[1]])])
    return CorpusData(
        about["kind"], tables, arrays["pairs/image"], arrays["pairs/sentence"],
        {part: arrays[f"{TABLES[part]}/split"] for part in SPLIT_PARTS}, texts, Vocabulary(Texts(*(arrays[name] for name in VOCABULARY))),
        widths,
    )  # fmt: skip


def _relation(values: list[str]) -> Relation:
    source, name, destination = map(str, values)
    return source, name, destination


def _checked_offsets(offsets: np.ndarray, name: str, count: int, rows: list[int]) -> torch.Tensor:
    """The offsets (count + 1,) of *name*, whose first and last entries are compared with the *rows* that they divide.

    Those between are compared with the shards' hashes.
    """
    ok = offsets.shape == (count + 1,) and offsets[0] == 0 and all(offsets[-1] == number for number in rows)
    if not ok:
        raise InputError(f"the offsets of '{name}' do not divide its rows among {count}; the files of the corpus do not belong together")
    return torch.from_numpy(offsets)


class ShardCheck:
    """Compares the rows of a shard with their hash when one of them is first used.

    Called with a part or a key of texts, and the rows (b,) that are about to be read; texts are compared as a whole. *arrays* are the
    mapped columns, (rows, ...) each.
    """

    def __init__(self, folder: Path, about: dict[str, Any], arrays: dict[str, np.ndarray]):
        self._folder, self._about, self._arrays = folder, about, arrays
        names = [name for name in about["columns"] if not name.startswith("shards.")]
        self._columns: dict[Group, list[tuple[int, str]]] = {group: [] for group in GROUPS}
        for k, name in enumerate(names):
            self._columns[group_of(name)].append((k, name))
        self._open: dict[Group, np.ndarray] = {}  # group -> whether each shard is still to be compared
        self._bounds: dict[str, np.ndarray] = {}
        self._ready = False

    def __call__(self, group: Group, rows: np.ndarray) -> None:
        """Compare the shards that hold the rows (b,) of a group, those that have not been compared before."""
        self.begin()
        waiting = self._open.get(group)
        if waiting is None:
            return
        if isinstance(group, str):
            shards = np.unique(np.searchsorted(self._bounds[group], rows, side="right"))
            shards = shards[waiting[shards]]
        else:
            shards = np.flatnonzero(waiting)
        for shard in shards.tolist():
            self._compare(group, shard)
            waiting[shard] = False
        if len(shards) and not waiting.any():
            del self._open[group]

    def all(self) -> None:
        """Compare everything."""
        self.begin()
        for group, waiting in list(self._open.items()):
            for shard in np.flatnonzero(waiting).tolist():
                self._compare(group, shard)
            del self._open[group]

    def begin(self) -> None:
        """Compare the list of shards and the vocabulary.

        Raises
        ------
        InputError
            If they are not those that ``corpus.json`` describes.
        """
        if self._ready:
            return
        digest = hashlib.sha256()
        for name in ("shards.rows", "shards.hashes"):
            digest.update(column_file(self._folder, name).read_bytes())
        if digest.hexdigest() != self._about["sha256"]:
            raise InputError(
                f"'{self._folder}': the list of shards is not the one that corpus.json describes; build or copy the corpus again"
            )
        rows = self._arrays["shards.rows"]
        place = {name: k for columns in self._columns.values() for k, name in columns}
        self._bounds = {part: np.ascontiguousarray(rows[:, place[name]]) for part, name in COUNTED.items()}
        self._ready = True
        for shard in range(len(rows)):
            self._compare("vocabulary", shard)
        self._open = {group: np.ones(len(rows), bool) for group in GROUPS if group != "vocabulary"}

    def _compare(self, group: Group, shard: int) -> None:
        rows, digest = self._arrays["shards.rows"], hashlib.sha256()
        for k, name in self._columns[group]:
            start = rows[shard - 1, k] if shard else int(is_offsets(name))
            digest.update(np.ascontiguousarray(self._arrays[name][start : rows[shard, k]]).data)
        if digest.digest() != self._arrays["shards.hashes"][shard, GROUPS.index(group)].tobytes():
            what = TABLES.get(group, "vocabulary") if isinstance(group, str) else "/".join(group)
            raise InputError(
                f"corpus '{self._folder}': shard {shard} of its {what} is not what was written: a file is damaged, was changed or is from "
                "another build; copy or build the corpus again"
            )
