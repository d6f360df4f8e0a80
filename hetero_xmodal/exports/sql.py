"""SQL over the tables of a corpus with DuckDB: ``hx.query(corpus, "SELECT ...")``.

The tables are those of :mod:`hetero_xmodal.graphs.parquet`. Those that a query names are written once as Parquet files into the cache of
the user, where the next query finds them. A name with hyphens can be written with underscores: ``word_depends_word``.

A query reads these tables and nothing else: it is one SELECT, and DuckDB itself has no access to other files, to the network or to its own
settings, so that a query of somebody else can be tried.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InputError, nearest
from ..files import atomic_path, existing_file, user_cache
from .formats import require
from .tables import quoted

if TYPE_CHECKING:
    import pandas as pd

    from ..graphs.corpus import GraphCorpus

_WORD = re.compile(r"[a-z_][a-z0-9_-]*")
#: of the files in the cache; another layout of the tables needs another
_VERSION = 1


def query(corpus: GraphCorpus | str | Path, sql: str) -> pd.DataFrame:
    """The answer to a SELECT over the tables of a corpus, as a pandas table.

    Tables: ``images``, ``sentences``, ``pairs``, one per node type (``visual``, ``word``, ``bridge``, ``label``) and per relation
    (``word_relates_word``, or ``"word-relates-word"``). The first column of a node type or relation is the number of the image, sentence
    or pair that a row belongs to. ``feature``, the vector of a region, is there if the query names it.

    Parameters
    ----------
    corpus : a GraphCorpus, or the folder of one.
    sql : one SELECT (or WITH ... SELECT), in DuckDB's SQL.

    Raises
    ------
    InputError : not one SELECT, an unknown table or column, or access to anything but the tables.
    MissingPackageError : DuckDB is not installed.

    >>> import hetero_xmodal as hx
    >>> bird = hx.SceneGraph(objects=[hx.SceneObject("bird", box=(0, 0, 9, 9)), hx.SceneObject("tree", box=(0, 0, 5, 9))], size=(10, 10))
    >>> corpus = hx.GraphCorpus.from_graphs([hx.build_graph(bird, bird)], ids=["a"])
    >>> query(corpus, "SELECT name, count(*) AS n FROM visual GROUP BY name ORDER BY name").values.tolist()  # doctest: +SKIP
    [['bird', 1], ['tree', 1]]
    """
    check_sql(sql)
    if isinstance(corpus, str | Path):
        from ..graphs.corpus import GraphCorpus

        existing_file(Path(corpus) / "corpus.json", "corpus")
        corpus = GraphCorpus.load(corpus)
    import duckdb

    with _files(corpus, sql) as (folder, files), _connection(folder, files) as connection:
        try:
            answer = connection.execute(sql)
            return _whole_numbers(answer.df(), [str(column[1]) for column in answer.description])
        except duckdb.PermissionException:
            raise InputError("the query asks for a file or an address; it can read the tables of the corpus only") from None
        except duckdb.Error as error:
            raise InputError(_explained(error, corpus)) from None


def check_sql(sql: str) -> None:
    """Refuse what is not one SELECT; the check before a corpus is opened.

    Raises
    ------
    InputError : an empty text, SQL that cannot be read, several statements, or one that is no SELECT.
    MissingPackageError : DuckDB is not installed.

    >>> check_sql("SELECT 1")
    >>> check_sql("DROP TABLE images")
    Traceback (most recent call last):
    ...
    hetero_xmodal.errors.InputError: the query is no SELECT but DROP; give one SELECT, a corpus is only read
    """
    require("duckdb", "duckdb", "a query")
    import duckdb

    try:
        statements = duckdb.extract_statements(sql)
    except duckdb.Error as error:
        raise InputError(f"the query cannot be read as SQL: {_first_line(error)}") from None
    if len(statements) != 1:
        raise InputError(f"the query has {len(statements)} statements; give one SELECT")
    if statements[0].type != duckdb.StatementType.SELECT:
        raise InputError(f"the query is no SELECT but {str(statements[0].type).rpartition('.')[2]}; give one SELECT, a corpus is only read")


def wanted_tables(names: list[str], sql: str) -> list[str]:
    """The tables that a query may name: those whose name stands in its text, anywhere.

    >>> wanted_tables(["images", "word-depends-word", "word"], "SELECT * FROM word_depends_word")
    ['word-depends-word']
    """
    said = set(_WORD.findall(sql.lower()))
    return [name for name in names if name in said or name.replace("-", "_") in said]


@contextmanager
def _files(corpus: GraphCorpus, sql: str) -> Iterator[tuple[Path, dict[str, Path]]]:
    """The folder and the Parquet files of the tables that a query needs; of a corpus in memory or a part of one they are temporary."""
    import tempfile

    from ..graphs.parquet import table_names, write_table

    vectors = "feature" in _WORD.findall(sql.lower())
    wanted = wanted_tables(table_names(corpus), sql)
    fingerprint = corpus.fingerprint
    with tempfile.TemporaryDirectory(prefix="hx-query-") as temporary:
        folder = user_cache("tables") / f"{fingerprint[:32]}-{_VERSION}" if fingerprint else Path(temporary)
        files = {}
        for name in wanted:
            file = files[name] = folder / f"{name}{'+feature' if vectors else ''}.parquet"
            if not _is_parquet(file):
                with atomic_path(file) as path:
                    write_table(corpus, name, path, vectors=vectors)
        folder.mkdir(parents=True, exist_ok=True)
        yield folder, files


def _is_parquet(file: Path) -> bool:
    """Whether the file is there and its end can be read; what a cache holds can be written again."""
    from pyarrow import ArrowInvalid, parquet

    try:
        parquet.read_metadata(file)
    except (OSError, ArrowInvalid):
        return False
    return True


def _whole_numbers(frame: pd.DataFrame, kinds: list[str]) -> pd.DataFrame:
    """The table with sums of whole numbers as such: DuckDB gives them 128 bits, and pandas makes floats of these, exact below 2^53."""
    for k, kind in enumerate(kinds):
        if kind in ("HUGEINT", "UHUGEINT") and not (frame.iloc[:, k].abs() >= 2**53).any():
            whole = "Int64" if frame.iloc[:, k].isna().any() else "int64"
            frame.isetitem(k, frame.iloc[:, k].astype(whole))
    return frame


@contextmanager
def _connection(folder: Path, files: dict[str, Path]) -> Iterator[Any]:
    """A database with a view on each file, which can read nothing else."""
    import duckdb

    with duckdb.connect(config={"autoinstall_known_extensions": False, "autoload_known_extensions": False}) as connection:
        for name, file in files.items():
            place = str(file).replace("'", "''")
            for view in dict.fromkeys((name, name.replace("-", "_"))):
                connection.execute(f"CREATE VIEW {quoted(view)} AS SELECT * FROM read_parquet('{place}')")
        connection.execute("SET allowed_paths = $1", [[str(file) for file in files.values()]])
        connection.execute("SET temp_directory = ''")
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
        yield connection


def _explained(error: Exception, corpus: GraphCorpus) -> str:
    from ..graphs.parquet import table_names

    text, names = _first_line(error), table_names(corpus)
    missing = re.search(r"Table with name (\S+) does not exist", text)
    if missing:
        return f"the query names the table '{missing[1]}'{nearest(missing[1], names)}; the corpus has {', '.join(names)}"
    return f"the query cannot be answered: {text}"


def _first_line(error: Exception) -> str:
    """What DuckDB says, without the drawing of the place."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return " ".join(line for line in lines if not line.startswith(("LINE ", "^")))[:400]
