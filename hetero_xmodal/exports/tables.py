"""Exports that are tables: Parquet, DuckDB, and Parquet with Croissant metadata."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..files import FolderKind, check_room, write_json

if TYPE_CHECKING:
    from ..graphs.corpus import GraphCorpus

#: as in graphs/parquet.py, which loads torch
PARQUET_KIND = FolderKind("set of Parquet tables")
_TYPES = {"bool": "sc:Boolean", "int32": "sc:Integer", "int64": "sc:Integer", "float": "sc:Float", "double": "sc:Float"}


def write_parquet_files(corpus: GraphCorpus, folder: Path) -> None:
    """One Parquet file a table."""
    from ..graphs.parquet import write_tables

    write_tables(corpus, folder)


def write_duckdb(corpus: GraphCorpus, path: Path) -> None:
    """One database with the same tables, which are written one at a time.

    It is made in the system's folder for temporary files, because DuckDB keeps files of its own beside it.
    """
    import shutil
    import tempfile

    import duckdb

    from ..graphs.parquet import table_names, write_table

    with tempfile.TemporaryDirectory(prefix="hx-duckdb-") as folder:
        file, database = Path(folder) / "table.parquet", Path(folder) / "corpus.duckdb"
        with duckdb.connect(str(database)) as made:
            for name in table_names(corpus):
                write_table(corpus, name, file)
                made.execute(f"CREATE TABLE {quoted(name)} AS SELECT * FROM read_parquet(?)", [str(file)])
            made.execute("CHECKPOINT")  # closing does it too, but says nothing where it fails
        check_room(database)  # DuckDB says nothing of a last block that was cut off
        shutil.copyfile(database, path)


def quoted(name: str) -> str:
    """A name of a table as SQL.

    >>> quoted("word-depends-word")
    '"word-depends-word"'
    """
    return '"' + name.replace('"', '""') + '"'


def write_croissant(corpus: GraphCorpus, folder: Path) -> None:
    """Parquet tables and ``croissant.json``, which describes every file, table and column."""
    from ..graphs.parquet import write_tables

    write_json(folder / "croissant.json", _croissant(corpus, write_tables(corpus, folder)))


def _croissant(corpus: GraphCorpus, paths: list[Path]) -> dict[str, Any]:
    from ..data.card import CONTEXT

    files = [
        {
            "@type": "cr:FileObject", "@id": path.name, "name": path.name, "contentUrl": path.name,
            "encodingFormat": "application/x-parquet", "sha256": _sha256(path),
        }
        for path in paths
    ]  # fmt: skip
    source = str(corpus.info.get("source", "corpus"))
    return {
        "@context": CONTEXT, "@type": "sc:Dataset", "conformsTo": "http://mlcommons.org/croissant/1.0", "name": "heterograph-corpus",
        "description": f"{len(corpus):,} graphs of images and sentences, made from {source}: one table each of images, sentences, pairs, "
        "and of every node type and relation.",
        "version": "1.0.0", "isLiveDataset": False, "distribution": files, "recordSet": [_record_set(path) for path in paths],
    }  # fmt: skip


def _record_set(path: Path) -> dict[str, Any]:
    from pyarrow import parquet, types

    fields = []
    for column in parquet.read_schema(path):
        several = types.is_list(column.type)
        kind = str(column.type.value_type if several else column.type)
        field: dict[str, Any] = {
            "@type": "cr:Field", "@id": f"{path.stem}/{column.name}", "name": column.name, "dataType": _TYPES.get(kind, "sc:Text"),
            "source": {"fileObject": {"@id": path.name}, "extract": {"column": column.name}},
        }  # fmt: skip
        fields.append(field | ({"repeated": True} if several else {}))
    return {"@type": "cr:RecordSet", "@id": path.stem, "name": path.stem, "field": fields}


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
