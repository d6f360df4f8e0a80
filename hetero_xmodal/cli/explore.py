"""``hetero-xmodal query``, ``export``, ``show``, ``clean`` and ``explore``: a corpus looked at, asked, corrected, handed on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .options import examples, note, result_file, say

app = typer.Typer()

Corpus = Annotated[Path, typer.Argument(help="Folder of a corpus, written by 'hetero-xmodal corpus'.")]


@app.command(
    epilog=examples(
        'hetero-xmodal query corpus "SELECT name, count(*) AS n FROM visual GROUP BY name ORDER BY n DESC"',
        'hetero-xmodal query corpus "SELECT predicate, source_name, destination_name FROM word_relates_word" --out relations.csv',
        'hetero-xmodal query corpus "SELECT s.text FROM sentences s WHERE s.pairs = 0"',
    )
)
def query(
    corpus: Corpus,
    sql: Annotated[str, typer.Argument(help="One SELECT, in quotes.")],
    out: Annotated[Path | None, typer.Option(metavar="FILE.csv", help="Table to write (.csv or .parquet); printed if left out.")] = None,
    rows: Annotated[int, typer.Option(help="Rows that are printed.")] = 40,
) -> None:
    """Ask a corpus in SQL: tables images, sentences, pairs, visual, word, bridge, label, and one a relation (word_relates_word).\f

    Raises
    ------
    InputError : rows below 1, an *out* that cannot be written, or what :func:`~hetero_xmodal.query` refuses.
    """
    from ..errors import InputError
    from ..exports.sql import check_sql
    from ..exports.sql import query as ask
    from ..files import existing_file

    existing_file(corpus / "corpus.json", "corpus")
    result_file(out, ".csv", ".parquet")
    if rows < 1:
        raise InputError(f"--rows is {rows}; give at least 1")
    check_sql(sql)
    found = ask(corpus, sql)
    if out is not None:
        _write_table(found, out)
        say(f"wrote {out}: {len(found):,} rows")
        return
    say(found.head(rows).to_string(index=False, max_colwidth=80) if len(found) else "no rows")
    if len(found) > rows:
        note(f"the first {rows} of {len(found):,} rows; --rows shows more, --out writes all of them")


def _write_table(table, out: Path) -> None:
    from ..csv_text import csv_of
    from ..files import atomic_path, write_text

    if out.suffix.lower() == ".csv":
        write_text(out, csv_of(table, index=False))
        return
    with atomic_path(out) as temporary:
        table.to_parquet(temporary)


_TO = "parquet, duckdb, pyg, graphml, gexf, neo4j-csv, croissant, coco or visual-genome."


@app.command(
    epilog=examples(
        "hetero-xmodal export corpus --to parquet --out tables",
        "hetero-xmodal export corpus --to duckdb --out corpus.duckdb",
        "hetero-xmodal export corpus --to coco --out as_coco",
    )
)
def export(
    corpus: Corpus,
    to: Annotated[str, typer.Option(metavar="FORMAT", help=_TO)],
    out: Annotated[Path, typer.Option(help="Folder to write; for duckdb a file.")],
) -> None:
    """Write a corpus in the format of another program, and say what that cannot hold."""
    from ..exports.formats import check_format
    from ..exports.formats import export as write
    from ..files import existing_file

    row = check_format(to, out)
    existing_file(corpus / "corpus.json", "corpus")
    write(corpus, out, to=to)
    say(f"wrote {out}: {row.what}", f"read it again with: {row.back}", *([f"not in it: {row.lost}"] if row.lost else []))
