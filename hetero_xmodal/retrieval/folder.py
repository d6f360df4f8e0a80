"""What the folder of an index consists of; known without importing torch, so that a wrong folder is refused at once."""

from __future__ import annotations

from ..files import FolderKind

FORMAT, VERSION = "hetero_xmodal.index", 1
INDEX_FILES = ("index.json", "embeddings.safetensors")
INDEX_FOLDER = FolderKind("index", INDEX_FILES, head=("index.json", FORMAT))
