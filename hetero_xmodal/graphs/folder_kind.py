"""What the folders of a graph and of a corpus hold, known without torch."""

from __future__ import annotations

from ..files import FolderKind

CORPUS_FORMAT, GRAPH_FORMAT = "hetero_xmodal.corpus", "hetero_xmodal.graph"
CORPUS_FILES = ("corpus.json", "corpus.safetensors")
GRAPH_FILES = ("graph.json", "graph.safetensors")
CORPUS_FOLDER = FolderKind("corpus", CORPUS_FILES, optional=("dropped.csv",), head=("corpus.json", CORPUS_FORMAT))
GRAPH_FOLDER = FolderKind("graph", GRAPH_FILES, head=("graph.json", GRAPH_FORMAT))
