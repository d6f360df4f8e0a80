"""A corpus as CSV files for ``neo4j-admin database import full``: nodes, relationships, and ``import.txt`` with the arguments.

The ids of nodes are ``image-3``, ``visual-3-0`` (the first region of image 3), ``word-7-2``, ``bridge-9-0``. The texts stand as they are,
without the apostrophe that protects spreadsheets, because Neo4j would keep it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

    from ..graphs.corpus import GraphCorpus

_ROWS = 8192
_KINDS = {"b": "boolean", "i": "long", "u": "long", "f": "double"}
_RESERVED = ":;"


def write_neo4j(corpus: GraphCorpus, folder: Path) -> None:
    """``nodes/*.csv``, ``relationships/*.csv`` and ``import.txt``."""
    from ..graphs.corpus_data import owner_name, owner_part

    (folder / "nodes").mkdir()
    (folder / "relationships").mkdir()
    arguments = []
    for unit in ("image", "sentence"):
        _write(folder / "nodes" / f"{unit}.csv", _units(corpus, unit))
        arguments.append(f"--nodes={unit.capitalize()}=nodes/{unit}.csv")
    for name in corpus.node_types:
        unit = owner_part(name)
        _write(folder / "nodes" / f"{name}.csv", _nodes(corpus, name, unit))
        _write(folder / "relationships" / f"has-{name}.csv", _belongs(corpus, name, unit))
        arguments += [f"--nodes={name.capitalize()}=nodes/{name}.csv", f"--relationships=HAS=relationships/has-{name}.csv"]
    _write(folder / "relationships" / "described_by.csv", _pairs(corpus))
    arguments.append("--relationships=DESCRIBED_BY=relationships/described_by.csv")
    for relation in corpus.relations:
        name = owner_name(relation)
        _write(folder / "relationships" / f"{name}.csv", _edges(corpus, relation))
        arguments.append(f"--relationships={relation[1].upper()}=relationships/{name}.csv")
    (folder / "import.txt").write_text("\n".join(["--multiline-fields=true", *arguments]) + "\n", encoding="utf-8")


def _parts(corpus: GraphCorpus, unit: str) -> Iterator[tuple[int, GraphCorpus]]:
    total = getattr(corpus, f"num_{unit}s")
    for start in range(0, max(total, 1), _ROWS):
        yield start, corpus.only(unit, range(start, min(start + _ROWS, total)))


def _units(corpus: GraphCorpus, unit: str) -> Iterator[pd.DataFrame]:
    text = "path" if unit == "image" else "text"
    for start, part in _parts(corpus, unit):
        table = part.frame(unit=unit)[[unit, "id", text, "split"]]
        yield table.assign(**{unit: [f"{unit}-{start + k}" for k in range(len(table))]}).rename(columns={unit: ":ID", "id": "name"})


def _key(name: str, units: np.ndarray, rows: np.ndarray) -> list[str]:
    return [f"{name}-{unit}-{row}" for unit, row in zip(units.tolist(), rows.tolist(), strict=True)]


def _nodes(corpus: GraphCorpus, name: str, unit: str) -> Iterator[pd.DataFrame]:
    for start, part in _parts(corpus, unit):
        table = part.frame(name, unit=unit).rename(columns={"graph": unit})
        table.insert(0, ":ID", _key(name, table[unit].to_numpy() + start, table["node"].to_numpy()))
        yield table.drop(columns=[unit, "id", "node"])


def _belongs(corpus: GraphCorpus, name: str, unit: str) -> Iterator[pd.DataFrame]:
    """The image or sentence of every node; of a copy in a pair the image."""
    import pandas as pd

    owner = "image" if unit == "pair" else unit
    for start, part in _parts(corpus, unit):
        table = part.frame(name, unit=unit).rename(columns={"graph": unit})
        units = table[unit].to_numpy() + start
        places = corpus.pair_ends()[0][units] if unit == "pair" else units
        yield pd.DataFrame({":START_ID": [f"{owner}-{k}" for k in places.tolist()], ":END_ID": _key(name, units, table["node"].to_numpy())})


def _pairs(corpus: GraphCorpus) -> Iterator[pd.DataFrame]:
    import pandas as pd

    images, sentences = corpus.pair_ends()
    yield pd.DataFrame(
        {":START_ID": [f"image-{k}" for k in images.tolist()], ":END_ID": [f"sentence-{k}" for k in sentences.tolist()], "id": corpus.ids}
    )


def _edges(corpus: GraphCorpus, relation: tuple[str, str, str]) -> Iterator[pd.DataFrame]:
    from ..graphs.corpus_data import owner_part

    unit, ends = owner_part(relation), dict(zip(("image", "sentence"), corpus.pair_ends(), strict=True))
    for start, part in _parts(corpus, unit):
        table = part.frame(relation, unit=unit).rename(columns={"graph": unit})
        units = table[unit].to_numpy() + start
        for column, end, node_type in ((":START_ID", "source", relation[0]), (":END_ID", "destination", relation[2])):
            own = owner_part(node_type)
            table[column] = _key(node_type, units if own == unit else ends[own][units], table[end].to_numpy())
        dropped = [name for name in (unit, "id", "source", "destination", "source_name", "destination_name") if name in table]
        yield table.drop(columns=dropped)


def _write(path: Path, tables: Iterator[pd.DataFrame]) -> None:
    """Append the tables below one heading that names the types."""
    with path.open("w", encoding="utf-8", newline="", errors="backslashreplace") as file:
        for k, table in enumerate(tables):
            booleans = table.select_dtypes("bool").columns
            table = table.assign(**{name: table[name].map({True: "true", False: "false"}) for name in booleans})
            kinds = {name: "boolean" if name in booleans else _KINDS.get(table[name].dtype.kind, "") for name in table.columns}
            names = [name if name[0] in _RESERVED or not kinds[name] else f"{name}:{kinds[name]}" for name in table.columns]
            table.to_csv(file, index=False, header=names if not k else False, lineterminator="\n")
