"""What the folder of an index consists of; known without importing torch, so that a wrong folder is refused at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..errors import InputError
from ..files import FolderKind, file_or_folder, read_json

FORMAT, VERSION = "hetero_xmodal.index", 1
INDEX_FILES = ("index.json", "embeddings.safetensors")
INDEX_FOLDER = FolderKind("index", INDEX_FILES, head=("index.json", FORMAT))


def index_head(path: Path) -> dict[str, Any]:
    """The contents of ``index.json`` in the index folder *path*.

    Raises
    ------
    InputError : no such folder, no index in it, an index of another version.
    """
    if file_or_folder(path) != "folder":
        raise InputError(f"index folder '{path}' does not exist; make one with: hetero-xmodal index")
    head = read_json(path / "index.json", "index")
    if not isinstance(head, dict) or head.get("format") != FORMAT or head.get("version") != VERSION:
        raise InputError(f"'{path / 'index.json'}' does not describe an index of this version of hetero_xmodal; make the index again")
    return head
