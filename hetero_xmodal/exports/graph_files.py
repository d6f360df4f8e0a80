"""Exports that are one graph after another: DGL, PyTorch Geometric, GraphML, GEXF; and ``pairs.csv``, which says what each graph is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..csv_text import csv_of
from ..files import check_room, write_text

if TYPE_CHECKING:
    import pandas as pd

    from ..graphs.corpus import GraphCorpus

#: graphs in one file of PyTorch Geometric, and in one folder of GraphML or GEXF
_PER_FILE, _PER_FOLDER = 256, 1000


def write_pyg(corpus: GraphCorpus, folder: Path) -> None:
    """Files ``graphs-00000.pt`` with lists of plain dictionaries, which torch reads without executing anything."""
    import torch

    from ..graphs.pyg import to_pyg

    places = []
    for start in _shown(range(0, len(corpus), _PER_FILE), "files"):
        name = f"graphs-{start // _PER_FILE:05d}.pt"
        numbers = range(start, min(start + _PER_FILE, len(corpus)))
        torch.save([to_pyg(corpus[k]).to_dict() for k in numbers], folder / name)
        places += [(name, k - start) for k in numbers]
    _list(corpus, folder, {"file": [name for name, _ in places], "row": [row for _, row in places]})


def write_dgl(corpus: GraphCorpus, folder: Path) -> None:
    """Files ``graphs-00000.bin`` of DGL's own format."""
    from ..environment import require_dgl

    dgl, places = require_dgl(), []
    for start in _shown(range(0, len(corpus), _PER_FILE), "files"):
        name = f"graphs-{start // _PER_FILE:05d}.bin"
        numbers = range(start, min(start + _PER_FILE, len(corpus)))
        try:
            dgl.save_graphs(str(folder / name), [corpus[k] for k in numbers])
        except dgl.DGLError:  # on a full disk, among other things, with a message that does not say so
            check_room(folder / name)
            raise
        places += [(name, k - start) for k in numbers]
    _list(corpus, folder, {"file": [name for name, _ in places], "row": [row for _, row in places]})


def write_graphml(corpus: GraphCorpus, folder: Path) -> None:
    """One GraphML file a graph."""
    import networkx as nx

    _each(corpus, folder, "graphml", nx.write_graphml)


def write_gexf(corpus: GraphCorpus, folder: Path) -> None:
    """One GEXF file a graph."""
    import networkx as nx

    _each(corpus, folder, "gexf", nx.write_gexf)


def _each(corpus: GraphCorpus, folder: Path, ending: str, write: Any) -> None:
    from ..graphs.convert import to_networkx

    names = [f"{k // _PER_FOLDER:04d}/{k:07d}.{ending}" for k in range(len(corpus))]
    for k, name in enumerate(_shown(names, "graphs")):
        (folder / name).parent.mkdir(exist_ok=True)
        write(to_networkx(corpus[k]), folder / name)
    _list(corpus, folder, {"file": names})


def _list(corpus: GraphCorpus, folder: Path, columns: dict[str, list]) -> None:
    import pandas as pd

    table: pd.DataFrame = pd.DataFrame(columns | {"id": corpus.ids, "sentence": corpus.sentences, "image": corpus.images})
    write_text(folder / "pairs.csv", csv_of(table, index=False))


def _shown(things: Any, unit: str) -> Iterator[Any]:
    """*things* with a bar on a terminal, where there are many."""
    from tqdm import tqdm

    return iter(tqdm(things, unit=f" {unit}", disable=len(things) < 200 or None, leave=False))
