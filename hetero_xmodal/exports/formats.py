"""The formats that a corpus can be exported to, as one table: :data:`FORMATS`. A new format is one row and one function that writes it.

>>> [name for name, row in FORMATS.items() if not row.lost]
['parquet', 'duckdb', 'croissant']
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import InputError, MissingPackageError, nearest
from ..files import FolderKind, atomic_folder, atomic_path, check_writable, existing_file, replaceable_folder

if TYPE_CHECKING:
    from ..graphs.corpus import GraphCorpus

#: of formats with one graph for each pair
_ALONE = "Images without a sentence and sentences without an image are no graph and are left out."


@dataclass(frozen=True)
class Format:
    """One format.

    name : as it is typed
    what : one line for ``--help`` and documentation
    writer : ``"module:function"`` of this room, called with the corpus and an existing folder, or the path of a file
    back : how the files are read again
    lost : one sentence that says what the files do not hold; empty if they hold everything
    ending : of a format that is one file, the ending of its name
    package : (module, what pip installs) that it needs beyond those of this package
    kinds : the kinds of corpora that it can hold
    """

    name: str
    what: str
    writer: str
    back: str
    lost: str = ""
    ending: str = ""
    package: tuple[str, str] = ("", "")
    kinds: tuple[str, ...] = ("pair",)

    def write(self, corpus: GraphCorpus, place: Path) -> None:
        """Write *corpus* to *place*, an existing empty folder or the path of a file."""
        module, _, function = self.writer.partition(":")
        getattr(importlib.import_module(f"{__package__}.{module}"), function)(corpus, place)


_BOTH = ("pair", "labels")
FORMATS: dict[str, Format] = {
    row.name: row
    for row in (
        Format("parquet", "Parquet tables for pandas, Spark, DuckDB", "tables:write_parquet_files", "hx.read_parquet(FOLDER)", kinds=_BOTH),
        Format("duckdb", "one DuckDB database with the same tables", "tables:write_duckdb", "duckdb.connect(FILE, read_only=True)",
               ending=".duckdb", package=("duckdb", "duckdb"), kinds=_BOTH),
        Format("pyg", "PyTorch Geometric's HeteroData, 256 graphs a file", "graph_files:write_pyg",
               "torch.load(FILE), HeteroData.from_dict, hx.from_pyg", _ALONE, package=("torch_geometric", "torch-geometric"),
               kinds=_BOTH),
        Format("dgl", "DGL's own files, 256 graphs a file", "graph_files:write_dgl",
               "dgl.load_graphs(FILE), GraphCorpus.from_graphs",
               "DGL's files hold no bool, which becomes 0 and 1 (uint8; validate and from_graphs take both); images without a sentence and "
               "sentences without an image are left out.", kinds=_BOTH),
        Format("graphml", "one GraphML file a graph, for networkx, Gephi, yEd", "graph_files:write_graphml",
               "networkx.read_graphml, hx.from_networkx", _ALONE, kinds=_BOTH),
        Format("gexf", "one GEXF file a graph, for Gephi", "graph_files:write_gexf", "networkx.read_gexf",
               "GEXF has no place for the description of types that hx.from_networkx needs: the graphs cannot be turned back; and images "
               "without a sentence and sentences without an image are no graph and are left out.", kinds=_BOTH),
        Format("neo4j-csv", "CSV files for neo4j-admin database import", "neo4j:write_neo4j",
               "neo4j-admin database import full @import.txt",
               "Feature vectors and the description of the corpus are left out."),
        Format("croissant", "Parquet tables with Croissant 1.0 metadata", "tables:write_croissant", "mlcroissant.Dataset, hx.read_parquet",
               kinds=_BOTH),
        Format("coco", "COCO's captions.json, instances.json and images/", "annotations:write_coco", "the data set coco:FOLDER",
               "COCO has no place for attributes, relations, words, bridges, features and labels beyond the classes of boxes, and "
               "sentences without an image are left out; where the name of an image has other characters than letters, digits, '.', '_' "
               "and '-', all images are numbered and encoded as PNG."),
        Format("visual-genome", "Visual Genome's scene graphs, phrases and images", "annotations:write_visual_genome",
               "the data set vg:FOLDER,captions=regions",
               "Visual Genome has no place for scores, provenance, words, bridges, features and labels, for the mirror of a relation, and "
               "for a sentence that an image has twice; images are numbered, those that are no JPEG files are encoded as such, and "
               "sentences without an image are left out."),
    )
}  # fmt: skip


def export(corpus: GraphCorpus | str | Path, out: str | Path, *, to: str) -> Path:
    """Write a corpus in the format of another program, all or nothing, and return the path.

    Parameters
    ----------
    corpus : a GraphCorpus or the folder of one.
    out : folder (``duckdb``: file) to write; an earlier export of the same format is replaced.
    to : a name in :data:`FORMATS`, whose row says how the files are read again and what they do not hold.

    Raises
    ------
    InputError : an unknown format, a corpus that the format cannot hold, an image that is missing, or *out* holds other files.
    MissingPackageError : the format needs a package that is not installed.

    >>> import tempfile, hetero_xmodal as hx
    >>> bird = hx.SceneGraph(objects=[hx.SceneObject("bird", box=(0, 0, 9, 9))], size=(10, 10))
    >>> corpus = hx.GraphCorpus.from_graphs([hx.build_graph(bird, bird)], ids=["a"])
    >>> folder = export(corpus, Path(tempfile.mkdtemp()) / "tables", to="parquet")
    >>> hx.read_parquet(folder)["a"].num_nodes("visual")
    1
    """
    row = check_format(to, out)
    from ..graphs.corpus import GraphCorpus

    if isinstance(corpus, str | Path):
        existing_file(Path(corpus) / "corpus.json", "corpus")
        corpus = GraphCorpus.load(corpus)
    if corpus.kind not in row.kinds:
        raise InputError(f"the corpus holds {corpus.kind} graphs, and {to} holds images with sentences; export it to parquet or graphml")
    if row.ending:
        with atomic_path(out) as temporary:
            row.write(corpus, temporary)
    else:
        with atomic_folder(out, folder_kind(row)) as folder:
            row.write(corpus, folder)
    return Path(out)


def check_format(to: str, out: str | Path) -> Format:
    """The row of a format, if its packages are there and *out* can be written; the check before the work.

    Raises
    ------
    InputError : an unknown format, or a place that cannot be written.
    MissingPackageError : a package that it needs is not installed.
    """
    if to not in FORMATS:
        raise InputError(f"to is {to!r}{nearest(to, FORMATS)}; give one of {', '.join(FORMATS)}")
    row = FORMATS[to]
    require(*row.package, f"exporting to {to}")
    if not row.ending:
        replaceable_folder(out, folder_kind(row))
        return row
    if not str(out).endswith(row.ending) or Path(out).is_dir():
        raise InputError(f"out is '{out}'; {to} is one file, give a name that ends in {row.ending}")
    if Path(out).exists() and not _is_duckdb(Path(out)):
        raise InputError(f"'{out}' exists and is no DuckDB database; move it away, or give another name")
    check_writable(out)
    return row


def folder_kind(row: Format) -> FolderKind:
    """The kind of the folder that a format writes."""
    if row.name in ("parquet", "croissant"):
        from .tables import PARQUET_KIND

        return PARQUET_KIND
    return FolderKind(f"{row.name} export")


def require(module: str, install: str, what: str) -> None:
    """Refuse work that needs a package which is not installed.

    Raises
    ------
    MissingPackageError : with the command that installs it.
    """
    import importlib.util

    if module and importlib.util.find_spec(module) is None:
        raise MissingPackageError(f"{what} needs {install}, which is not installed; install it with: pip install {install}")


def _is_duckdb(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(12)[8:12] == b"DUCK"
