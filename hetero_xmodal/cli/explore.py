"""``hetero-xmodal query``, ``export``, ``show``, ``clean`` and ``explore``: a corpus looked at, asked, corrected, handed on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..counts import agreeing, counted
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


_TO = "parquet, duckdb, dgl, pyg, graphml, gexf, neo4j-csv, croissant, coco or visual-genome."


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


@app.command(
    epilog=examples(
        'hetero-xmodal show corpus "person ride horse" --out page.html',
        'hetero-xmodal show corpus "red dog AND NOT label:cat" --out page.html',
        'hetero-xmodal show corpus "person * horse AND split:val" --out page.html --most 100 --graphs 0',
    )
)
def show(
    corpus: Corpus,
    query: Annotated[str, typer.Argument(help="Objects, attributes, triples, label:, id:, split:; AND, NOT; * for any.")],
    out: Annotated[Path, typer.Option(metavar="FILE.html", help="Page to write, with its images in it.")],
    most: Annotated[int, typer.Option(help="Number of examples.")] = 24,
    graphs: Annotated[int, typer.Option(help="Number of examples with a drawing of their graph.")] = 6,
) -> None:
    """Show what a query finds in a corpus: images with boxes, sentences with the words marked, graphs."""
    from ..explorer.show import show as write
    from ..files import existing_file

    existing_file(corpus / "corpus.json", "corpus")
    result_file(out, ".html", ".htm")
    found = write(corpus, query, out, most=most, graphs=graphs)
    alone, pairs = found.count - len(found.pairs), counted(len(found.pairs), "pair")
    ones = agreeing(alone, "image or sentence", "images and sentences")
    say(f"found {pairs}" + (f", and {alone:,} {ones} without a pair" if alone else ""))
    say(f"Look at the page: {out}")


@app.command(
    epilog=examples(
        "hetero-xmodal clean corpus --drop suspects,doubles,leaks --out cleaned",
    )
)
def clean(
    corpus: Corpus,
    out: Annotated[Path, typer.Option(help="Folder for the new corpus, with removed.csv: what was removed and why.")],
    drop: Annotated[str, typer.Option(metavar="WHAT[,WHAT]", help="suspects, doubles, leaks.")] = "suspects,doubles,leaks",
) -> None:
    """Write a corpus without suspicious pairs, doubles, and training images that are in another split too."""
    from ..analysis.clean import check_drop
    from ..analysis.clean import clean as write
    from ..files import existing_file, replaceable_folder
    from ..graphs.folder_kind import CORPUS_FOLDER

    names = [name.strip() for name in drop.split(",") if name.strip()]
    check_drop(names)
    replaceable_folder(out, CORPUS_FOLDER)
    existing_file(corpus / "corpus.json", "corpus")
    removed = write(corpus, out, drop=names)
    counts = (removed["kind"] + ", " + removed["unit"]).value_counts()
    say(*([f"{number:,} {kind}" for kind, number in counts.items()] or ["nothing was found that should go"]))
    say(f"wrote {out}; what was removed and why: {out / 'removed.csv'}")


@app.command(
    epilog=examples(
        "hetero-xmodal explore corpus",
        "hetero-xmodal explore corpus --out page",
        "hetero-xmodal explore corpus --recipe cam --model scenes",
    )
)
def explore(
    corpus: Corpus,
    out: Annotated[Path | None, typer.Option(help="Write a folder that opens without a server; without it, a local server starts.")] = None,
    recipe: Annotated[str | None, typer.Option(help="Show the edge weights of this recipe: algr, cam or mimnet.")] = None,
    model: Annotated[str | None, typer.Option(help="Model folder, run folder or shipped model; that of --recipe if left out.")] = None,
    weights: Annotated[int, typer.Option(metavar="N", help="With --out: number of pairs whose weights are written.")] = 24,
    port: Annotated[int, typer.Option(help="Port of the local server; a free one if left out.")] = 0,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the page in the browser.")] = True,
) -> None:
    """Walk through a corpus on one page: pairs, images with boxes, sentences with words, graphs, weights of a trained recipe.\f

    Raises
    ------
    InputError : options that do not go together, or what :func:`~hetero_xmodal.explore` refuses.
    """
    from ..errors import InputError
    from ..explorer.api import contents
    from ..explorer.api import explore as write
    from ..files import existing_file

    if weights < 0 or not 0 <= port <= 65535:
        raise InputError(f"--weights is {weights} and --port {port}; give at least 0 weights and a port of 0 to 65535")
    if out is not None and port:
        raise InputError("--port is for the local server, and --out writes a folder that needs none; give one of the two")
    if out is not None:
        from ..explorer.files import EXPLORER_FOLDER
        from ..files import replaceable_folder

        replaceable_folder(out, EXPLORER_FOLDER)
    existing_file(corpus / "corpus.json", "corpus")
    if out is not None:
        say(f"Look at the page: {write(corpus, out, recipe=recipe, model=model, weights=weights)}")
        return
    from ..explorer.server import ExplorerServer

    server = ExplorerServer(contents(corpus, recipe=recipe, model=model), port)
    say(f"The explorer is at {server.address} for this machine only; stop it with Ctrl-C")
    if browser:
        import webbrowser

        webbrowser.open(server.address)
    with server:
        server.serve_forever()
